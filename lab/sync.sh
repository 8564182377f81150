#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make sync BASE=7.3: write the commits of build/BASE/linux back to patches/BASE and
# to our whole files. Uncommitted edits to whole files count; fixup! and squash!
# commits fold into their target; any other new commit becomes a patch, of the topic
# that its neighbours have. What would be written is first built in a stage folder and
# proved to give the same tree, so either everything is written or nothing.

. "$(dirname "$0")/common.sh"
. "$LAB/series.sh"

need git flock
know_base
[ -e "$TREE/.git" ] || die "no tree at $TREE: run 'make tree BASE=$BASE' first"
exec 9>"$ROOM/.lock"
wait_for_lock 9 "another command on $ROOM"

identity
base=$(in_tree rev-parse refs/lab/base)
stage=$(mktemp -d "$ROOM/sync.XXXXXX")
on_exit "rm -rf '$stage'"

# The tree must be the series, with work on top, and the series what it was made from
check_tree() {
	local stored

	[ "$(in_tree symbolic-ref -q HEAD)" = refs/heads/series ] ||
		die "$TREE is not on its branch 'series' (a rebase or bisect going on?): finish that first"
	in_tree merge-base --is-ancestor "$base" HEAD ||
		die "branch 'series' in $TREE does not stand on refs/lab/base"
	stored=$(build_series "$base")
	if [ "$(story "$stored")" != "$(story refs/lab/head)" ] &&
		! in_tree merge-base --is-ancestor "$stored" HEAD; then
		in_tree update-ref refs/lab/stored "$stored"
		die "patches/ or our files have changed since $TREE was made from them; commit there, then: git -C $TREE rebase --onto refs/lab/stored refs/lab/head series"
	fi
}

# Of the stored patches: SUBJECT -> TOPIC/ENTRY; and of our whole files: FILE -> TOPIC
declare -A entry_of=() topic_of=()

read_stored() {
	local entry patch file

	while read -r entry; do
		patch=$(patch_path "$entry")
		entry_of[$(patch_subject "$patch")]=$entry
		while read -r file; do
			topic_of[$file]=${entry%%/*}
		done < <(patch_new_files "$patch")
	done < <(series_entries)
}

# Print the place of the topic of the stored patch SUBJECT in the order of topics, if any
rank_of() { # SUBJECT
	local entry=${entry_of[$1]:-} i

	for i in "${!TOPICS[@]}"; do
		[ "${TOPICS[i]}" != "${entry%%/*}" ] || echo "$i"
	done
}

# A commit that changes whole files of two topics belongs to neither
check_one_topic() { # TIP
	local commit subject file target touched

	while read -r commit subject; do
		touched=
		target=$(sed -nE 's/^((fixup|squash|amend)! )+//p' <<<"$subject")
		[ -z "$target" ] || target=${entry_of[$target]:-}
		[ -z "$target" ] || touched="${target%%/*} (its target)"$'\n'
		while read -r file; do
			[ -z "${topic_of[$file]:-}" ] || touched+="${topic_of[$file]} ($file)"$'\n'
		done < <(in_tree diff-tree -r --name-only --no-renames --diff-filter=a --no-commit-id "$commit^" "$commit")
		touched=$(sort -u -k1,1 <<<"$touched" | sed '/^$/d' | paste -sd+ -)
		[[ $touched != *+* ]] ||
			die "\"$subject\" would change whole files of two topics, ${touched//+/ and }: make a commit for each"
	done < <(in_tree log --format='%H %s' "$base..$1")
}

# Trees and messages: what two series have to have in common to be the same
story() { in_tree log --format='%T %B' "$base..$1"; }

# with_index COMMAND...: git on an index of our own
with_index() { GIT_INDEX_FILE=$stage/index in_tree "$@"; }

# The commit between base and $2 that brings FILE
owner_of() { # FILE HEAD
	in_tree log --format=%H --diff-filter=A --no-renames "$base..$2" -- "$1" | tail -n1
}

# Uncommitted edits are taken where there is no doubt which patch they belong to
dirty_files() {
	local file whole status

	whole=$(whole_files_of "$base" HEAD)
	while IFS= read -r -d '' status; do
		file=${status:3}
		grep -qxF -- "$file" <<<"$whole" ||
			die "uncommitted: $file is no whole file of ours; commit it (git commit --fixup=... or a commit of its own), or remove it"
		echo "$file"
	done < <(in_tree status --porcelain --no-renames -z)
}

# Turn uncommitted edits to whole files into fixup! commits; print the tip
commit_dirty() {
	local tip file subject

	tip=$(in_tree rev-parse HEAD)
	while read -r file; do
		[ -n "$file" ] || continue
		subject=$(in_tree log -1 --format=%s "$(owner_of "$file" HEAD)")
		with_index read-tree "$tip"
		with_index add -A -f -- "$file"
		tip=$(in_tree commit-tree -p "$tip" -m "fixup! $subject" \
			"$(with_index write-tree)")
	done <<<"$1"
	echo "$tip"
}

# Fold fixup! and squash! commits, in a work tree apart that holds only the files
# that the series touches
fold() { # TIP
	local apart=$stage/fold

	if ! in_tree log --format=%s "$base..$1" | has '^(fixup|squash|amend)! '; then
		echo "$1"
		return
	fi
	on_exit "in_tree worktree remove --force '$apart' 2>/dev/null"
	in_tree worktree add -q --no-checkout --detach "$apart" "$1"
	{
		plain_git -C "$apart" sparse-checkout set --no-cone --stdin
		plain_git -C "$apart" checkout -q "$1"
		# a message may have lines that begin with #
		GIT_SEQUENCE_EDITOR=: GIT_EDITOR="sed -i '/^\x01/d'" plain_git -C "$apart" \
			-c core.commentChar=$'\x01' -c commit.cleanup=whitespace \
			rebase -q -i --autosquash --keep-empty "$base"
	} < <(in_tree diff --name-only --no-renames "$base" "$1" | sed 's,^,/,') >&2 ||
		die "a fixup does not fold into its target: rebase by hand in $TREE, then sync again"
	plain_git -C "$apart" rev-parse HEAD
}

check_folded() { # TIP FOLDED
	local left

	left=$(in_tree log --format=%s "$base..$2" | grep -E '^(fixup|squash|amend)! ' | sed -n 1p) || true
	[ -z "$left" ] || die "\"$left\" has no target in the series"
	[ "$(in_tree rev-parse "$1^{tree}")" = "$(in_tree rev-parse "$2^{tree}")" ] ||
		die "folding changed the result: rebase by hand in $TREE, then sync again"
	[ -z "$(in_tree log --merges --format=%h "$base..$2")" ] ||
		die "the series holds a merge: rebase it away in $TREE"
}

# A whole file enters in one patch, in its final state
check_whole_files() { # HEAD
	local file commits

	while read -r file; do
		commits=$(in_tree log --format='  %s' "$base..$1" -- "$file")
		[ "$(wc -l <<<"$commits")" = 1 ] ||
			die "whole file $file would be spread over several patches; make one a fixup! of the other:
$commits"
	done < <(whole_files_of "$base" "$1")
}

# Two commits of one subject would be one patch file
check_messages() { # HEAD
	local twice commit

	twice=$(in_tree log --format=%s "$base..$1" | sort | uniq -d | sed -n 1p)
	[ -z "$twice" ] || die "two commits are called \"$twice\""
	while read -r commit; do
		! in_tree log -1 --format=%B "$commit" | has '^(---$|diff -|Index: |From:? )' ||
			die "the message of \"$(in_tree log -1 --format=%s "$commit")\" has a line that mail takes for its own (---, diff -, Index: or From)"
		! in_tree log -1 --format=%b "$commit" | has '^Signed-off-by:' ||
			die "\"$(in_tree log -1 --format=%s "$commit")\" is signed off: whoever mails the series adds that ('make mail SIGNOFF=1')"
	done < <(in_tree rev-list "$base..$1")
}

declare -A placed=()		# COMMIT -> the topic that it goes to

# A known patch stays in its topic. A new one goes to that of the commits before and
# after it; if these differ, or if an empty topic is between them, TOPIC= has to say.
place_commits() { # HEAD
	local commit subject rank from=0 highest=$((${#TOPICS[@]} - 1))
	local -A last=()

	while read -r commit subject; do
		rank=$(rank_of "$subject")
		highest=${rank:-$highest}
		last[$commit]=$highest
	done < <(in_tree log --format='%H %s' "$base..$1")
	while read -r commit subject; do
		rank=$(rank_of "$subject")
		rank=${rank:-$(place_new "$subject" "$from" "${last[$commit]}")}
		[ "$rank" -ge "$from" ] ||
			die "\"$subject\" is of topic ${TOPICS[rank]}, but stands after patches of ${TOPICS[from]}: rebase it into place in $TREE, or move its file in patches/$BASE"
		from=$rank
		placed[$commit]=${TOPICS[rank]}
	done < <(in_tree log --reverse --format='%H %s' "$base..$1")
}

place_new() { # SUBJECT FROM HIGHEST
	local i

	[ "$3" -gt "$2" ] || { echo "$2"; return; }
	for ((i = $2; i <= $3; i++)); do
		[ "${TOPICS[i]}" != "${TOPIC:-}" ] || { echo "$i"; return; }
	done
	die "\"$1\" may be of topic ${TOPICS[*]:$2:$3-$2+1}: say which with TOPIC=, or rebase it to where its neighbours agree"
}

# The commit's parent, but with our whole files as they are stored: what still
# differs from that is this patch's hunks
stored_parent() { # COMMIT
	local file blob mode

	with_index read-tree "$1^"
	while read -r file; do
		blob=$(in_tree rev-parse "$1:$file")
		mode=$(in_tree ls-tree "$1" -- "$file" | cut -d' ' -f1)
		if [ "$OWNS_WHOLE_FILES" != yes ] && [ -f "$TOP/$file" ]; then
			blob=$(in_tree hash-object --no-filters -w "$TOP/$file")
		fi
		with_index update-index --add --cacheinfo "$mode,$blob,$file"
	done < <(whole_files_of "$1^" "$1")
	with_index write-tree
}

hunks_of() { # COMMIT
	# fixed options, so that every version of git writes the same
	in_tree -c diff.cpp.xfuncname='!^[ 	]*[A-Za-z_][A-Za-z_0-9]*:[[:space:]]*($|/[/*])
^[A-Za-z_].*$' diff-tree -p -U3 --no-renames --no-color --no-ext-diff --no-textconv \
		--diff-algorithm=myers --indent-heuristic --inter-hunk-context=0 \
		--src-prefix=a/ --dst-prefix=b/ "$(stored_parent "$1")" "$1" |
		sed '/^index [0-9a-f]*\.\.[0-9a-f]*/d' | unname_sender
}

# The notes that the stored patch of this subject has
notes_of() { # COMMIT
	local entry=${entry_of[$(in_tree log -1 --format=%s "$1")]:-}

	[ -z "$entry" ] || patch_notes "$(patch_path "$entry")"
}

write_patch() { # COMMIT
	local hunks notes

	hunks=$(hunks_of "$1")
	notes=$(notes_of "$1")
	! grep -qE '^(Binary files|GIT binary patch)' <<<"$hunks" ||
		die "\"$(in_tree log -1 --format=%s "$1")\" changes a binary file"
	in_tree log -1 --format='Subject: %s%n%n%b' "$1" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
	echo ---
	[ -z "$notes" ] || printf '%s\n\n' "$notes"
	whole_files_of "$1^" "$1" | sed 's/^/New-file: /'
	[ -z "$hunks" ] || printf '\n%s\n' "$hunks"
}

# Patches of other bases that carry this subject
same_subject() { # SUBJECT
	local patch

	for patch in "$TOP"/patches/*/*/*.patch; do
		[[ -f $patch && $patch != "$TOP/patches/$BASE"/* ]] || continue
		[ "$(patch_subject "$patch")" != "$1" ] || echo "$patch"
	done
}

# Does another base's patch, as it is, make this very commit here?
gives_same() { # PATCH COMMIT
	local made

	made=$(
		set +e
		export GIT_INDEX_FILE=$stage/index SERIES_TOP=$TOP
		in_tree read-tree "$2^" && (set -e; commit_patch "$1" "$2^") 2>/dev/null
	) || return 1
	[ "$(in_tree rev-parse "$made^{tree}")" = "$(in_tree rev-parse "$2^{tree}")" ] &&
		[ "$(in_tree log -1 --format=%B "$made")" = "$(in_tree log -1 --format=%B "$2")" ]
}

# Write one commit to the stage and print its line in the topic's series
stage_commit() { # COMMIT
	local subject patch name folder=$stage/top/patches/$BASE/${placed[$1]}

	subject=$(in_tree log -1 --format=%s "$1")
	name=${entry_of[$subject]:-}
	name=${name#*/}
	if [ -z "$name" ] || [[ $name == ../* ]]; then
		while read -r patch; do
			if gives_same "$patch" "$1"; then
				echo "../../${patch#"$TOP/patches/"}"
				return
			fi
		done < <(same_subject "$subject")
		name=$(in_tree log -1 --format=%f "$1" | cut -c1-60).patch
	fi
	[ ! -e "$folder/$name" ] || die "two patches would be called $name: change a subject"
	write_patch "$1" >"$folder/$name"
	echo "$name"
}

stage_whole_file() { # HEAD FILE
	local to=$stage/top/$2

	mkdir -p "$(dirname "$to")"
	if [ "$OWNS_WHOLE_FILES" != yes ] && [ -f "$TOP/$2" ]; then
		cp -p "$TOP/$2" "$to"
		return
	fi
	in_tree cat-file blob "$1:$2" >"$to"
	[ "$(in_tree ls-tree "$1" -- "$2" | cut -c1-6)" != 100755 ] || chmod +x "$to"
}

stage_series() { # HEAD
	local commit file other topic

	mkdir -p "$stage/top/patches"
	for other in "$TOP"/patches/*; do
		[ "${other##*/}" = "$BASE" ] || cp -r "$other" "$stage/top/patches/"
	done
	for topic in "${TOPICS[@]}"; do
		mkdir -p "$stage/top/patches/$BASE/$topic"
		: >"$stage/top/patches/$BASE/$topic/series"
	done
	while read -r file; do
		stage_whole_file "$1" "$file"
	done < <(whole_files_of "$base" "$1")
	while read -r commit; do
		stage_commit "$commit" >>"$stage/top/patches/$BASE/${placed[$commit]}/series"
	done < <(in_tree rev-list --reverse "$base..$1")
}

# Copy only what differs, so that nothing else gets a new time stamp
install_file() { # FROM TO
	if cmp -s "$1" "$2" && [ "$(find "$1" "$2" -perm -100 | wc -l)" != 1 ]; then
		return
	fi
	mkdir -p "$(dirname "$2")"
	if ! cp -p "$1" "$2.lab-new" || ! mv "$2.lab-new" "$2"; then
		rm -f "$2.lab-new"
		die "cannot write $2 (disk full?)"
	fi
	say "wrote ${2#"$TOP/"}"
}

install_stage() {
	local file

	(cd "$stage/top" && find . -type f -printf '%P\n') | sort | while read -r file; do
		install_file "$stage/top/$file" "$TOP/$file"
	done
	for file in "${entry_of[@]}"; do
		case $file in */../*) continue ;; esac # another base's
		[ -e "$stage/top/patches/$BASE/$file" ] ||
			{ rm "$TOP/patches/$BASE/$file"; say "removed patches/$BASE/$file"; }
	done
	[ "$OWNS_WHOLE_FILES" = yes ] || return 0
	for file in "${!topic_of[@]}"; do
		[ -e "$stage/top/$file" ] || [ ! -e "$TOP/$file" ] ||
			{ rm "$TOP/$file"; say "removed $file"; }
	done
}

check_tree
read_stored
dirty=$(dirty_files)
tip=$(commit_dirty "$dirty")
check_one_topic "$tip"
head=$(fold "$tip")
check_folded "$tip" "$head"
check_messages "$head"
check_whole_files "$head"
place_commits "$head"
stage_series "$head"
built=$(SERIES_TOP=$stage/top build_series "$base")
[ "$(in_tree rev-parse "$built^{tree}")" = "$(in_tree rev-parse "$tip^{tree}")" ] ||
	die "what would be written does not give this tree back: nothing written (please report this)"
install_stage
# same files, new commits: no file of the work tree is touched
in_tree reset -q "$built"
in_tree update-ref refs/lab/head "$built"
