#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make tree BASE=7.3 [LINUX=path] [FORCE=1]: the kernel's source in build/BASE/linux,
# with one commit per entry of the series. The tree changes only once the whole
# series has applied, and only files whose content changed are touched.
#
# In the tree: branch `series`; refs/lab/base, the base of the series;
# refs/lab/head, the series as it was last written to or read from patches/.
# shellcheck disable=SC2153 # VERSION and the like come from lab/bases

. "$(dirname "$0")/common.sh"
. "$LAB/series.sh"

need git tar xz dpkg-deb flock
know_base
identity

is_kernel() { # DIR
	[ -f "$1/Makefile" ] && [ -f "$1/Kbuild" ] && [ -d "$1/kernel" ] && [ -d "$1/mm" ] &&
		grep -q '^PATCHLEVEL *=' "$1/Makefile"
}

kernel_release() { # DIR
	awk -F' *= *' '/^(VERSION|PATCHLEVEL|SUBLEVEL)/ { printf "%s%s", dot, $2; dot = "." }' \
		"$1/Makefile"
}

# Make a commit of DIR's files, which are only read, and name it REF
import() { # DIR REF MESSAGE [add options]
	local dir=$1 ref=$2 message=$3 tree commit index=$TREE_GIT/lab-import
	shift 3

	say "reading the source into git (a whole kernel: about a minute)"
	rm -f "$index.lock"
	GIT_DIR=$TREE_GIT GIT_WORK_TREE=$dir GIT_INDEX_FILE=$index \
		plain_git add -A "$@" -- :/ ||
		die "could not read $dir into git (disk full?)"
	# files that are kept though a rule ignores them
	if [ -e "$dir/.git" ]; then
		plain_git -C "$dir" ls-files -z -ci --exclude-standard |
			(cd "$dir" && GIT_DIR=$TREE_GIT GIT_WORK_TREE=$dir GIT_INDEX_FILE=$index \
				xargs -0 -r git add -f --)
	fi
	tree=$(GIT_DIR=$TREE_GIT GIT_INDEX_FILE=$index git write-tree)
	commit=$(GIT_DIR=$TREE_GIT \
		GIT_AUTHOR_NAME=lab GIT_AUTHOR_EMAIL=lab@localhost GIT_AUTHOR_DATE='1700000000 +0000' \
		GIT_COMMITTER_NAME=lab GIT_COMMITTER_EMAIL=lab@localhost \
		GIT_COMMITTER_DATE='1700000000 +0000' \
		git commit-tree -m "$message" "$tree")
	git --git-dir="$TREE_GIT" update-ref "$ref" "$commit"
}

# A new repository; nothing is seen under its final name until it holds the base
new_repository() { # DIR
	git init -q -b series "$1"
	TREE_GIT=$1/.git
	git --git-dir="$TREE_GIT" config core.looseCompression 0
	git --git-dir="$TREE_GIT" config gc.auto 0
}

unpack() { # DEB DIR
	say "unpacking $PACKAGE (about 15 s)"
	dpkg-deb --fsys-tarfile "$1" |
		tar -xOf - "./usr/src/$PACKAGE.tar.xz" |
		tar -xJf - -C "$2" --strip-components=1 ||
		die "could not unpack $(basename "$1") into $BUILD (disk full?)"
	# for its own repository Debian ignores every file of the kernel's
	sed -i -e '\,^/\*$,d' -e '\,^!/debian/$,d' "$2/.gitignore"
}

# The caller's own tree, as its files are now. What git ignores is left out, but where
# git is not used the rules may ignore everything, as they do in Debian's package.
import_linux() {
	local force=-f

	is_kernel "$LINUX" || die "LINUX=$LINUX is no kernel source tree"
	[ ! -e "$LINUX/.git" ] || force=
	LINUX=$(realpath "$LINUX")
	[ -z "$force" ] || [ ! -e "$LINUX/.config" ] ||
		die "LINUX=$LINUX has been built in place: make mrproper there, or give another"
	case $(kernel_release "$LINUX") in
	"$BASE".*) ;;
	*) warn "LINUX=$LINUX is Linux $(kernel_release "$LINUX"), the series is for $BASE" ;;
	esac
	import "$LINUX" refs/lab/bases/local "Linux $(kernel_release "$LINUX") (LINUX=)" $force
	echo refs/lab/bases/local
}

import_package() {
	local ref deb version dir got

	ref=refs/lab/bases/${VERSION//'~'/_}
	if git --git-dir="$TREE_GIT" rev-parse -q --verify "$ref" >/dev/null; then
		echo "$ref"
		return
	fi
	if ! got=$("$LAB/fetch.sh"); then
		# an earlier one that stood in for the recorded version will do again
		ref=$(git --git-dir="$TREE_GIT" for-each-ref --sort=-version:refname --count=1 \
			--format='%(refname)' "refs/lab/bases/$BASE.*")
		[ -n "$ref" ] || exit 1
		warn "going on with ${ref##*/}"
		echo "$ref"
		return
	fi
	deb=${got% *} version=${got##* }
	ref=refs/lab/bases/${version//'~'/_}
	if ! git --git-dir="$TREE_GIT" rev-parse -q --verify "$ref" >/dev/null; then
		# unpacked where it stays, if this is the repository's first base
		dir=${TREE_GIT%/.git}
		[ "$dir" != "$TREE" ] || dir=$(mktemp -d "$ROOM/unpack.XXXXXX")
		[ "$dir" = "${TREE_GIT%/.git}" ] || on_exit "rm -rf '$dir'"
		unpack "$deb" "$dir"
		import "$dir" "$ref" "Linux $version ($PACKAGE)" -f
	fi
	echo "$ref"
}

# Sets base, the commit that the series is to stand on
find_base() {
	local fresh=

	if [ -e "$TREE/.git" ]; then
		TREE_GIT=$TREE/.git
	else
		need_room "$LAB_ROOM" "$ROOM" "a kernel tree with its objects"
		fresh=$(mktemp -d "$ROOM/linux.XXXXXX")
		on_exit "rm -rf '$fresh'"
		new_repository "$fresh"
	fi
	if [ -n "${LINUX:-}" ]; then
		base=$(import_linux)
	else
		base=$(import_package)
	fi
	base=$(git --git-dir="$TREE_GIT" rev-parse "$base")
	if [ -n "$fresh" ]; then
		chmod 755 "$fresh"
		mv "$fresh/.git/lab-import" "$fresh/.git/index"
		git --git-dir="$TREE_GIT" update-ref refs/heads/series "$base"
		git --git-dir="$TREE_GIT" update-ref refs/lab/head "$base"
		mv -T "$fresh" "$TREE"
		TREE_GIT=$TREE/.git
	fi
}

# Work in the tree that patches/ does not have: commits, edits, new files
unsynced() {
	[ -e "$TREE/.git" ] || return 1
	[ "$(in_tree rev-parse HEAD)" != "$(in_tree rev-parse -q --verify refs/lab/head)" ] ||
		[ -n "$(in_tree status --porcelain | sed -n 1p)" ]
}

keep_unsynced() {
	local state ref

	ref=refs/lab/dropped/$(date +%Y%m%d-%H%M%S)
	in_tree add -A
	state=$(in_tree stash create)
	in_tree update-ref "$ref" "${state:-$(in_tree rev-parse HEAD)}"
	say "the work dropped is kept: git -C $TREE log $ref"
}

# What the commits of the series depend on, as a checksum.  If a file is missing, making
# them says so.
ingredients() {
	local entry files

	cd "$TOP"
	mapfile -t files < <(
		series_entries | while read -r entry; do
			echo "patches/$BASE/$entry"
			patch_new_files "patches/$BASE/$entry"
		done)
	{
		echo "$base $(sender) ${SERIES_DATE:-}"
		sha1sum "${files[@]}"
		stat -c %A "${files[@]}"
	} 2>&1 | sha1sum | cut -d' ' -f1 || true
}

# The commit that was made of the same before; making it takes half a second for each patch
made_of() { # CHECKSUM
	local sum commit

	[ -e "$ROOM/.made-of" ] || return
	read -r sum commit <"$ROOM/.made-of"
	[ "$sum" = "$1" ] && in_tree rev-parse -q --verify "$commit^{commit}"
}

mkdir -p "$ROOM" || die "cannot create $ROOM"
[ -e "$TREE/.git" ] || [ ! -e "$TREE" ] || die "$TREE is there, but no tree of the lab's: move it away"
exec 9>"$ROOM/.lock"
wait_for_lock 9 "another command on $ROOM"

# Was a command stopped before it could note what it had done?
if unsynced && [ -z "$(in_tree status --porcelain)" ] &&
	[ "$(in_tree rev-parse HEAD)" = "$(build_series "$(in_tree rev-parse refs/lab/base)")" ]; then
	in_tree update-ref refs/lab/head HEAD
fi
if unsynced; then
	if [ "${KEEP:-}" = 1 ]; then
		say "building $TREE as it is, with work that patches/ does not have"
		exit 0
	fi
	[ "${FORCE:-}" = 1 ] ||
		die "$TREE has work that patches/ does not: 'make sync' keeps it, 'make tree FORCE=1' drops it"
	keep_unsynced
fi
find_base
made_now=$(ingredients)
head=$(made_of "$made_now") || head=$(build_series "$base")
if [ "$(in_tree rev-parse HEAD)" != "$head" ] || unsynced; then
	in_tree checkout -q -f -B series "$head"
	say "$TREE: $(in_tree log -1 --format=%s "$base") with $(series_entries | wc -l) patches of ${#TOPICS[@]} topics"
fi
in_tree update-ref refs/lab/base "$base"
in_tree update-ref refs/lab/head "$head"
echo "$made_now $head" >"$ROOM/.made-of"
