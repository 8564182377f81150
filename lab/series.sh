# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The patch series as files, and how it becomes commits. Sourced by tree, sync, mail.
#
# The series is divided into topics. patches/BASE/series names them in order, each with
# the topics that it needs (`mm-init: padata`); it applies to the base on top of these
# alone. The folder of a topic has its patches, `series` with their order, and its
# `cover-letter`.
#
# A patch is a mail: headers, a blank line, the message, a line `---`, notes for the
# readers of the mail that are not part of the commit, `New-file: path` lines naming
# whole files of ours, then hunks to other files.
# Commits are made in an index of their own, without a work tree: either the whole
# series applies or nothing has changed.

SERIES_TOP=${SERIES_TOP:-$TOP}	# where patches/ and our whole files are read from

# Identity: git's configuration, or a neutral one where it has none
identity() {
	local name email

	name=$(git -C "$TOP" config user.name || true)
	email=$(git -C "$TOP" config user.email || true)
	name=${name:-lab} email=${email:-lab@localhost}
	export GIT_AUTHOR_NAME=$name GIT_COMMITTER_NAME=$name
	export GIT_AUTHOR_EMAIL=$email GIT_COMMITTER_EMAIL=$email
}

# plain_git COMMAND...: git whatever the caller's settings
plain_git() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git -c core.quotePath=false \
		-c gc.auto=0 -c advice.detachedHead=false -c safe.directory='*' "$@"
}

# in_tree COMMAND...: git in the kernel tree
in_tree() { plain_git -C "$TREE" "$@"; }

know_base() {
	local known

	known=$(cd "$LAB/bases" && echo *)
	case $BASE in */* | .*) die "BASE=$BASE is no base; known: $known" ;; esac
	if [ ! -f "$LAB/bases/$BASE" ] || [ ! -f "$TOP/patches/$BASE/series" ]; then
		die "BASE=$BASE is no base; known: $known"
	fi
	. "$LAB/bases/$BASE"
	OWNS_WHOLE_FILES=${OWNS_WHOLE_FILES:-no}
	know_topics
}

TOPICS=()			# in order
declare -A STACK=()		# TOPIC -> the topics it needs, in order, and itself

know_topics() {
	local topic needs need found each file=patches/$BASE/series

	while read -r topic needs; do
		[[ $topic =~ ^[a-z0-9][a-z0-9-]*$ ]] || die "$file: '$topic' is not the name of a topic"
		[ -z "${STACK[$topic]:-}" ] || die "$file names topic $topic twice"
		[ -f "$TOP/patches/$BASE/$topic/series" ] ||
			die "$file names topic $topic, but there is no patches/$BASE/$topic/series"
		found=' '
		for need in $needs; do
			[ -n "${STACK[$need]:-}" ] ||
				die "topic $topic needs $need, which $file does not name before it"
			found+="${STACK[$need]} "
		done
		for each in "${TOPICS[@]}"; do
			[[ $found != *" $each "* ]] || STACK[$topic]+="$each "
		done
		STACK[$topic]+=$topic
		TOPICS+=("$topic")
	done < <(lines_of "$TOP/$file" | sed 's/:/ /')
	[ -n "${TOPICS[*]}" ] || die "$file names no topic"
	[ -z "${TOPIC:-}" ] || [ -n "${STACK[$TOPIC]:-}" ] ||
		die "TOPIC=$TOPIC is no topic of $BASE; known: ${TOPICS[*]}"
}

# The lines of a file without comments and blank lines
lines_of() { awk '{ sub(/#.*/, ""); sub(/[ \t\r]+$/, "") } NF' "$1"; }

# The topics that the caller asked for: TOPIC=, or all
topics_asked() { printf '%s\n' "${TOPIC:-${TOPICS[@]}}"; }

# The patches of these topics (default: all), in order, as paths below patches/BASE
series_entries() { # [TOPIC...]
	local topic

	[ $# -gt 0 ] || set -- "${TOPICS[@]}"
	for topic; do
		lines_of "$SERIES_TOP/patches/$BASE/$topic/series" | sed "s,^,$topic/,"
	done
}

patch_path() { echo "$SERIES_TOP/patches/$BASE/$1"; }

patch_subject() { sed -n '/^Subject: /{s///p;q}; /^$/q' "$1"; }

# Subject, blank line, body
patch_message() {
	patch_subject "$1"
	echo
	awk '/^---$/ { exit } body { print } /^$/ { body = 1 }' "$1"
}

# Without blank lines before them
patch_notes() {
	awk '/^New-file: / || /^diff --git / { exit }
	     after && (NF || seen) { print; seen = 1 }
	     /^---$/ { after = 1 }' "$1"
}

patch_new_files() {
	awk '/^diff --git / { exit } after && sub(/^New-file: /, "") { print }
	     /^---$/ { after = 1 }' "$1"
}

patch_diff() { awk '/^diff --git / { on = 1 } on { print }' "$1"; }

# A new entry in MAINTAINERS names the sender. Stored patches have a word for that.
SENDER='@SENDER@'
sender() { echo "$GIT_AUTHOR_NAME <$GIT_AUTHOR_EMAIL>"; }
name_sender() { replace_line "+M:	$SENDER" "+M:	$(sender)"; }
unname_sender() { replace_line "+M:	$(sender)" "+M:	$SENDER"; }

replace_line() { # LINE BY
	LINE=$1 BY=$2 awk '$0 == ENVIRON["LINE"] { $0 = ENVIRON["BY"] } { print }'
}

# The lines that put these files of ours into the index
index_lines() { # FILE...
	local file mode=()

	cd "$SERIES_TOP" || return
	for file; do
		if [ -x "$file" ]; then mode+=(100755); else mode+=(100644); fi
	done
	paste -d ' \t' <(printf '%s\n' "${mode[@]}") \
		<(realpath -s -- "$@" | in_tree hash-object --no-filters -w --stdin-paths) \
		<(printf '%s\n' "$@")
}

# Put the whole files of ours that a patch names into the index
add_whole_files() { # PATCH FILE...
	local patch=$1 file present

	shift
	[ $# -gt 0 ] || return 0
	for file; do
		[ -f "$SERIES_TOP/$file" ] || die "$patch names New-file: $file, which is not there"
	done
	present=$(in_tree ls-files --cached -- "$@" | paste -sd, -)
	[ -z "$present" ] ||
		die "$patch brings $present as a new file, but the base or an earlier patch has it"
	(index_lines "$@") | in_tree update-index --add --index-info
}

apply_hunks() { # PATCH-PATH
	local errors where

	[ -n "$(patch_diff "$1")" ] || return 0
	errors=$(patch_diff "$1" | name_sender | in_tree apply --cached --whitespace=nowarn - 2>&1) ||
		{
			where=$(sed -n 's/^error: \(.*\): \(patch does not apply\|does not exist.*\|already exists.*\)$/\1 (\2)/p' \
				<<<"$errors" | paste -sd, -)
			die "$(basename "$1") does not apply to $BASE${among:-}: ${where:-$errors}"
		}
}

# Commit one patch on top of PARENT, in the index GIT_INDEX_FILE; print the commit
commit_patch() { # PATCH-PATH PARENT
	local files

	[ -f "$1" ] || die "a series names ${1#"$SERIES_TOP/"}, which is not there"
	[ -n "$(patch_subject "$1")" ] || die "$(basename "$1") has no Subject: line"
	mapfile -t files < <(patch_new_files "$1")
	add_whole_files "$(basename "$1")" "${files[@]}"
	apply_hunks "$1"
	patch_message "$1" | git stripspace |
		in_tree commit-tree "$(in_tree write-tree)" -p "$2" -F -
}

# Commit the patches of these topics (default: all) on top of COMMIT and print the last
# commit. The commits depend on nothing but the patches, the base and the identity.
build_series() { # COMMIT [TOPIC...]
	local head=$1 entry index date among

	identity
	date=${SERIES_DATE:-$(in_tree log -1 --format=%cd --date=raw "$1")}
	export GIT_AUTHOR_DATE=$date GIT_COMMITTER_DATE=$date
	index=$(mktemp "$ROOM/index.XXXXXX")
	export GIT_INDEX_FILE=$index
	on_exit "rm -f '$index' '$index.lock'"
	in_tree read-tree "$1"
	shift
	among=${*:+ with no topic but $*} # for errors
	while read -r entry; do
		head=$(commit_patch "$(patch_path "$entry")" "$head")
	done < <(series_entries "$@")
	echo "$head"
}

# A second checkout of the tree's repository, which may be left of another time
checkout_apart() { # FOLDER COMMIT
	in_tree worktree prune
	plain_git -C "$1" rev-parse -q --verify HEAD >/dev/null 2>&1 ||
		{ rm -rf "$1"; in_tree worktree add -q --force --detach "$1" "$2"; }
	plain_git -C "$1" checkout -q -f --detach "$2"
}

# Files that are new between two commits
whole_files_of() { in_tree diff --name-only --no-renames --diff-filter=A "$1" "$2"; }

# What the commits between touch, as objects, whether they are enabled or not; *_rt.c is for
# PREEMPT_RT. A file that another one includes is compiled with that.
objects_of() { # BASE COMMIT
	local file by

	in_tree diff --name-only --no-renames --diff-filter=d "$1" "$2" -- '*.c' |
		sed '\,^tools/\|_rt\.c$,d' | while read -r file; do
		by=$(in_tree grep -l "^# *include \"${file##*/}\"" "$2" -- ":(glob)${file%/*}/*.c" |
			sed -n '1s/^[^:]*://p') || true
		by=${by:-$file}
		echo "${by%c}o"
	done | sort -u | paste -sd' ' -
}
