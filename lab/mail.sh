#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make mail BASE=7.3 [TOPIC=name] [ONTO=git tree] [ASSISTED_BY=text] [SIGNOFF=1]: each
# topic as mails that `git am` takes, in build/mail/TOPIC, proved by applying them to the
# base again, on top of the topics that it needs and of no other. With ONTO= they are
# replayed on that tree's HEAD, in a clone of it, and written from there. The sender is
# git's user.name and user.email, also in new entries of MAINTAINERS. ASSISTED_BY= adds
# a tag to each patch, see Documentation/process/coding-assistants.rst of the kernel.

. "$(dirname "$0")/common.sh"
. "$LAB/series.sh"

need git
know_base
[ -z "${ONTO:-}" ] || git -C "$ONTO" rev-parse -q --verify 'HEAD^{commit}' >/dev/null 2>&1 ||
	die "ONTO=$ONTO is no git tree with a commit"
for topic in $(topics_asked); do
	letter=patches/$BASE/$topic/cover-letter
	[ -n "$(patch_subject "$TOP/$letter" 2>/dev/null)" ] ||
		die "$letter is not there or has no Subject: line"
	[ -n "$(series_entries "$topic")" ] || die "patches/$BASE/$topic/series is empty: nothing to mail"
done
"$LAB/tree.sh"

mails=$BUILD/mail
work=$(mktemp -d "$ROOM/mail.XXXXXX")
on_exit "rm -rf '$work'"

# The cover letter's text goes where format-patch leaves room for it
fill_cover() { # TOPIC MAIL
	local letter=$SERIES_TOP/patches/$BASE/$1/cover-letter

	SUBJECT=$(patch_subject "$letter") awk -v letter="$letter" '
		at = index($0, "*** SUBJECT HERE ***") {
			$0 = substr($0, 1, at - 1) ENVIRON["SUBJECT"]
		}
		/^\*\*\* BLURB HERE \*\*\*$/ {
			while ((getline line < letter) > 0) {
				if (body) print line
				if (line == "") body = 1
			}
			next
		}
		{ print }' "$2" >"$work/cover"
	mv "$work/cover" "$2"
}

# Notes follow the message of a mail, below its `---`
add_notes() { # GIT-DIR TOPIC RANGE
	local commit entry notes

	while read -r commit <&3 && read -r entry; do
		notes=$(patch_notes "$(patch_path "$entry")")
		[ -z "$notes" ] ||
			plain_git --git-dir="$1" notes add -f -m "$notes" "$commit"
	done 3< <(plain_git --git-dir="$1" rev-list --reverse "$3") < <(series_entries "$2")
}

write_mails() { # FOLDER GIT-DIR RANGE [option...]
	local folder=$1 git_dir=$2 range=$3
	shift 3

	plain_git --git-dir="$git_dir" -c format.signature='' \
		format-patch -q -o "$folder" --no-renames "$@" "$range"
}

# The sender's tags, after those of the patch
add_tags() { # MAIL...
	[ -z "${ASSISTED_BY:-}" ] || plain_git interpret-trailers --in-place \
		--if-exists addIfDifferent --trailer "Assisted-by: $ASSISTED_BY" "$@"
	[ -z "${SIGNOFF:-}" ] || plain_git interpret-trailers --in-place \
		--if-exists addIfDifferent --trailer "Signed-off-by: $(sender)" "$@"
}

# git am, in a work tree that holds only the files that the mails touch
apply_mails() { # CLONE MAIL...
	local clone=$1 at
	shift

	plain_git -C "$clone" sparse-checkout set --no-cone --stdin < <(
		sed -n 's,^diff --git a/\(.*\) b/.*,/\1,p' "$@" | sort -u)
	plain_git -C "$clone" checkout -q --detach
	plain_git -C "$clone" am -q "$@" \
		>"$work/am.log" 2>&1 && return
	at=$(plain_git -C "$clone" am --show-current-patch=raw 2>/dev/null |
		sed -n '/^Subject: /{s///p;q}') || true
	die "\"$at\" does not apply: $(grep -m1 '^error: ' "$work/am.log" || tail -n1 "$work/am.log")"
}

messages() { plain_git -C "$1" log --format=%B "$base..$2"; } # GIT-TREE HEAD

clone_of() { # GIT-TREE COMMIT
	rm -rf "$work/clone"
	plain_git clone -q --shared --no-checkout "$1" "$work/clone"
	git -C "$work/clone" update-ref --no-deref HEAD "$2"
	git -C "$work/clone" config user.name "$GIT_AUTHOR_NAME"
	git -C "$work/clone" config user.email "$GIT_AUTHOR_EMAIL"
}

# The mails of all patches that the topic stands on are applied, its own are written
mail_topic() { # TOPIC
	local head own stack mail onto=

	read -ra stack <<<"${STACK[$1]}"
	head=$(SERIES_DATE=$(date +'%s %z') build_series "$base" "${stack[@]}")
	own=$(series_entries "$1" | wc -l)
	rm -rf "$work/all"
	write_mails "$work/all" "$TREE/.git" "$base..$head"
	if [ -n "${ONTO:-}" ]; then
		onto=$(git -C "$ONTO" rev-parse HEAD)
		clone_of "$ONTO" "$onto"
	else
		clone_of "$TREE" "$base"
	fi
	apply_mails "$work/clone" "$work"/all/*.patch
	[ -n "$onto" ] || check_result "$head"
	add_notes "$work/clone/.git" "$1" "HEAD~$own..HEAD"
	write_mails "$work/mail/$1" "$work/clone/.git" "HEAD~$own..HEAD" --cover-letter --notes \
		${onto:+--base="$onto"}
	for mail in "$work/mail/$1"/*; do
		[[ $mail == */0000-cover-letter.patch ]] || add_tags "$mail"
	done
	fill_cover "$1" "$work/mail/$1/0000-cover-letter.patch"
	count="${count:+$count, }$own of $1"
}

check_result() { # HEAD
	[ "$(git -C "$work/clone" rev-parse 'HEAD^{tree}')" = "$(in_tree rev-parse "$1^{tree}")" ] ||
		die "the mails do not give the series' tree back"
	[ "$(messages "$work/clone" HEAD)" = "$(messages "$TREE" "$1")" ] ||
		die "git am would change a message of the series"
}

base=$(in_tree rev-parse refs/lab/base)
identity
count=
for topic in $(topics_asked); do
	mail_topic "$topic"
done
rm -rf "$mails${TOPIC:+/$TOPIC}"
mkdir -p "$mails"
mv "$work"/mail/* "$mails"
[[ $(sender) != 'lab <lab@localhost>' ]] ||
	warn "the mails have no sender, nor has the new entry of MAINTAINERS: set git config user.name and user.email, and run 'make tree mail'"
say "mails with a cover letter for each topic are in $mails: $count"
