#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make mail BASE=7.3 [ONTO=git tree] [SIGNOFF=1]: the series as mails that `git am`
# takes, in build/mail, proved by applying them to the base again. With ONTO= they are
# replayed on that tree's HEAD, in a clone of it, and written from there.

. "$(dirname "$0")/common.sh"
. "$LAB/series.sh"

need git
know_base
[ -z "${ONTO:-}" ] || git -C "$ONTO" rev-parse -q --verify 'HEAD^{commit}' >/dev/null 2>&1 ||
	die "ONTO=$ONTO is no git tree with a commit"
[ -n "$(patch_subject "$TOP/patches/$BASE/cover-letter" 2>/dev/null)" ] ||
	die "patches/$BASE/cover-letter is not there or has no Subject: line"
"$LAB/tree.sh"

mails=$BUILD/mail
work=$(mktemp -d "$ROOM/mail.XXXXXX")
on_exit "rm -rf '$work'"

# The cover letter's text goes where format-patch leaves room for it
fill_cover() { # MAIL
	local letter=$SERIES_TOP/patches/$BASE/cover-letter

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
		{ print }' "$1" >"$work/cover"
	mv "$work/cover" "$1"
}

write_mails() { # GIT-DIR BASE HEAD [option...]
	local git_dir=$1 range=$2..$3
	shift 3

	mkdir "$work/mail"
	plain_git --git-dir="$git_dir" -c format.signature='' \
		format-patch -q -o "$work/mail" --cover-letter --no-renames \
		${SIGNOFF:+--signoff} "$@" "$range"
	fill_cover "$work"/mail/0000-cover-letter.patch
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
	plain_git clone -q --shared --no-checkout "$1" "$work/clone"
	git -C "$work/clone" update-ref --no-deref HEAD "$2"
	git -C "$work/clone" config user.name "$GIT_AUTHOR_NAME"
	git -C "$work/clone" config user.email "$GIT_AUTHOR_EMAIL"
}

base=$(in_tree rev-parse refs/lab/base)
head=$(build_series "$base" "$(date +'%s %z')")
[ "$head" != "$base" ] || die "patches/$BASE/series is empty: nothing to mail"
identity
write_mails "$TREE/.git" "$base" "$head"
patches=("$work"/mail/*.patch)
patches=("${patches[@]:1}") # but for the cover letter
if [ -n "${ONTO:-}" ]; then
	onto=$(git -C "$ONTO" rev-parse HEAD)
	clone_of "$ONTO" "$onto"
	apply_mails "$work/clone" "${patches[@]}"
	rm -r "$work/mail"
	write_mails "$work/clone/.git" "$onto" HEAD --base="$onto"
else
	clone_of "$TREE" "$base"
	apply_mails "$work/clone" "${patches[@]}"
	[ "$(git -C "$work/clone" rev-parse 'HEAD^{tree}')" = "$(in_tree rev-parse "$head^{tree}")" ] ||
		die "the mails do not give the series' tree back"
	[ -n "${SIGNOFF:-}" ] || [ "$(messages "$work/clone" HEAD)" = "$(messages "$TREE" "$head")" ] ||
		die "git am would change a message of the series"
fi
rm -rf "$mails"
mv "$work/mail" "$mails"
say "${#patches[@]} mails and their cover letter are in $mails"
