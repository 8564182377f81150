#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# tree, sync and mail on a kernel tree of five files.

. "$(dirname "$0")/harness.sh"
unset LINUX ONTO FORCE KEEP SIGNOFF BASE CONFIG SERIES
export GIT_CONFIG_GLOBAL=/dev/null LAB_ROOM=10

lines() { seq -f "int $1_%g;" 1 "$2"; }

# A source tree that passes for a kernel of release $2 in $1
make_kernel() {
	mkdir -p "$1/kernel" "$1/mm"
	printf 'VERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = 0\n' "${2%.*}" "${2#*.}" >"$1/Makefile"
	echo 'obj-y += kernel/ mm/' >"$1/Kbuild"
	lines k 40 >"$1/kernel/old.c"
	lines m 40 >"$1/mm/page.c"
	echo '*.o' >"$1/.gitignore"
}

make_base_file() { # DIR BASE OWNS
	printf 'PACKAGE=none\nSUITES=\nVERSION=1\nSHA256=\nOWNS_WHOLE_FILES=%s\n' "$3" >"$1/lab/bases/$2"
	mkdir -p "$1/patches/$2"
	: >"$1/patches/$2/series"
}

# A project in $T/p with two patches: one brings kernel/new.c and a hook for it, one
# changes mm/page.c
make_project() {
	mkdir -p "$T/p"
	cp -r "$TESTS_TOP/lab" "$TESTS_TOP/Makefile" "$T/p/"
	rm -f "$T"/p/lab/bases/*
	make_base_file "$T/p" 7.3 yes
	git init -q "$T/p"
	make_kernel "$T/linux" 7.3
	export LINUX=$T/linux BUILD=$T/build
	tree=$BUILD/7.3/linux
	lab tree
	lines new 9 >"$tree/kernel/new.c"
	sed -i 's/k_20;/k_twenty;/' "$tree/kernel/old.c"
	commit 'kernel: bring new' 'Why it is wanted.' 'Link: https://example.org/1'
	sed -i 's/m_5;/m_five;/' "$tree/mm/page.c"
	commit 'mm: five'
	printf 'Subject: A series\n\nIts letter.\n' >"$T/p/patches/7.3/cover-letter"
	lab sync
}

lab() { make -s -C "$T/p" "$@"; }
in_tree() { git -C "$tree" -c user.name=t -c user.email=t@t "$@"; }

commit() { # SUBJECT [PARAGRAPH...]
	local args=()
	while [ $# -gt 0 ]; do args+=(-m "$1"); shift; done
	in_tree add -A
	in_tree commit -q "${args[@]}"
}

# Everything the project stores, as one checksum
stored() { (cd "$T/p" && find patches kernel -type f -printf '%m %p ' -exec sha1sum {} \; 2>/dev/null | sort | sha1sum); }

all_of() { (cd "$1" && find . -type f -printf '%m %T@ %p ' -exec sha1sum {} \; | sort | sha1sum); }

test_stored_form() {
	make_project
	same 'kernel-bring-new.patch mm-five.patch' "$(xargs <"$T/p/patches/7.3/series")"
	cat >"$T/expected" <<-'END'
		Subject: kernel: bring new

		Why it is wanted.

		Link: https://example.org/1
		---
		New-file: kernel/new.c

		diff --git a/kernel/old.c b/kernel/old.c
		--- a/kernel/old.c
		+++ b/kernel/old.c
		@@ -17,7 +17,7 @@ int k_16;
		 int k_17;
		 int k_18;
		 int k_19;
		-int k_20;
		+int k_twenty;
		 int k_21;
		 int k_22;
		 int k_23;
	END
	diff "$T/expected" "$T/p/patches/7.3/kernel-bring-new.patch"
	cmp "$T/p/kernel/new.c" "$tree/kernel/new.c"
}

test_tree_then_sync_changes_nothing() {
	make_project
	local before
	before=$(stored)
	rm -rf "$BUILD"
	lab tree
	lab sync
	same "$before" "$(stored)"
	lab tree
	same '' "$(in_tree status --porcelain)"
}

test_uncommitted_edit_of_whole_file_comes_back() {
	make_project
	echo 'int more;' >>"$tree/kernel/new.c"
	lab sync
	tail -n1 "$T/p/kernel/new.c" | has -x 'int more;'
	same 2 "$(in_tree rev-list --count refs/lab/base..HEAD)"
	same '' "$(in_tree status --porcelain)"
}

test_fixup_folds_into_its_target() {
	make_project
	sed -i 's/k_20;/k_20;/; s/k_30;/k_thirty;/' "$tree/kernel/old.c"
	echo 'int more;' >>"$tree/kernel/new.c"
	commit 'fixup! kernel: bring new'
	lab sync
	grep -q '^+int k_thirty;' "$T/p/patches/7.3/kernel-bring-new.patch"
	grep -qx 'int more;' "$T/p/kernel/new.c"
	same 2 "$(wc -l <"$T/p/patches/7.3/series")"
}

test_fixup_without_target_is_refused() {
	make_project
	echo 'int more;' >>"$tree/kernel/new.c"
	commit 'fixup! no such patch'
	refuses 'has no target' lab sync
}

test_new_commit_becomes_a_patch() {
	make_project
	mkdir -p "$tree/lib"
	lines t 3 >"$tree/lib/test.c"
	chmod +x "$tree/lib/test.c"
	commit 'lib: test it'
	lab sync
	same 'kernel-bring-new.patch mm-five.patch lib-test-it.patch' "$(xargs <"$T/p/patches/7.3/series")"
	[ -x "$T/p/lib/test.c" ]
}

test_spreading_a_whole_file_is_refused() {
	make_project
	local before
	before=$(stored)
	echo 'int more;' >>"$tree/kernel/new.c"
	commit 'kernel: change new'
	refuses 'kernel/new.c would be spread over several patches' lab sync
	same "$before" "$(stored)"
}

test_uncommitted_edit_of_kernel_file_is_refused() {
	make_project
	echo 'int x;' >>"$tree/mm/page.c"
	refuses 'mm/page.c is no whole file of ours' lab sync
}

test_whole_file_removed_and_renamed() {
	make_project
	in_tree mv kernel/new.c kernel/newer.c
	commit 'fixup! kernel: bring new'
	lab sync
	[ ! -e "$T/p/kernel/new.c" ]
	[ -e "$T/p/kernel/newer.c" ]
	grep -qx 'New-file: kernel/newer.c' "$T/p/patches/7.3/kernel-bring-new.patch"
}

test_messages_that_mail_would_break_are_refused() {
	make_project
	sed -i 's/m_9;/m_nine;/' "$tree/mm/page.c"
	commit 'mm: nine' $'text\n---\nmore'
	refuses 'line that mail takes for its own' lab sync
	in_tree commit -q --amend -m 'mm: nine' -m 'Signed-off-by: A <a@b>'
	refuses 'is signed off' lab sync
	in_tree commit -q --amend -m 'mm: five'
	refuses 'two commits are called "mm: five"' lab sync
}

test_tree_keeps_unsynced_work() {
	make_project
	echo 'int x;' >>"$tree/mm/page.c"
	refuses "has work that patches/ does not" lab tree
	lab tree FORCE=1
	same '' "$(in_tree status --porcelain)"
	in_tree show "$(in_tree for-each-ref --format='%(refname)' refs/lab/dropped):mm/page.c" |
		has -x 'int x;'
}

test_patch_that_does_not_apply() {
	make_project
	local before
	before=$(in_tree rev-parse HEAD)
	sed -i.ok 's/^-int m_5;/-int m_5_was;/' "$T/p/patches/7.3/mm-five.patch"
	refuses 'mm-five.patch does not apply to 7.3: mm/page.c' lab tree
	same "$before" "$(in_tree rev-parse HEAD)"
	same '' "$(in_tree status --porcelain)"
	same '' "$(find "$BUILD/7.3" -maxdepth 1 -name 'index.*')"
	mv "$T/p/patches/7.3/mm-five.patch.ok" "$T/p/patches/7.3/mm-five.patch"
	lab tree
}

test_missing_pieces_are_named() {
	make_project
	echo 'none.patch' >>"$T/p/patches/7.3/series"
	refuses 'series names none.patch, which is not there' lab tree
	sed -i '$d' "$T/p/patches/7.3/series"
	mv "$T/p/kernel/new.c" "$T/p/kernel/away.c"
	refuses 'New-file: kernel/new.c, which is not there' lab tree
}

test_bad_base_and_linux() {
	make_project
	refuses 'BASE=9.9 is no base; known: 7.3' lab tree BASE=9.9
	refuses 'BASE=../7.3 is no base' lab tree BASE=../7.3
	refuses 'is no kernel source tree' lab tree LINUX="$T/p" BUILD="$T/b"
	refuses 'is no kernel source tree' lab tree LINUX="$T/nowhere" BUILD="$T/b"
	same '' "$(find "$T/b/7.3" -mindepth 1 ! -name .lock)"
	lab tree BUILD="$T/b"
}

test_missing_tool() {
	local dir tool

	make_project
	mkdir "$T/bin"
	for dir in /bin /usr/bin /usr/sbin; do
		ln -sf "$dir"/* "$T/bin/" 2>/dev/null || true
	done
	for tool in git xz; do rm "$T/bin/$tool"; done
	refuses "missing: git xz .*make setup" env PATH="$T/bin" make -s -C "$T/p" tree
}

# Too little room for the tree: said before anything is written
test_full_build_folder() {
	make_project
	refuses 'needs 999999999 MiB in .*small' lab tree BUILD="$T/small" LAB_ROOM=999999999
	same '' "$(find "$T/small/7.3" -mindepth 1 ! -name .lock)"
	lab tree BUILD="$T/small"
}

# What the project holds must not be lost to what the tree holds
test_sync_keeps_what_changed_in_the_project() {
	make_project
	echo 'int here;' >>"$T/p/kernel/new.c"
	echo 'int there;' >>"$tree/kernel/new.c"
	refuses 'have changed since .* was made from them; commit there, then: .*rebase --onto' lab sync
	grep -qx 'int here;' "$T/p/kernel/new.c"
	sed -i '/here/d' "$T/p/kernel/new.c"
	lab sync
	grep -qx 'int there;' "$T/p/kernel/new.c"
}

test_sync_away_from_the_series_is_refused() {
	make_project
	in_tree checkout -q --detach refs/lab/base
	refuses "is not on its branch 'series'" lab sync
	[ -f "$T/p/kernel/new.c" ]
}

test_series_without_a_last_newline() {
	make_project
	printf '%s' "$(cat "$T/p/patches/7.3/series")" >"$T/p/patches/7.3/series"
	lab tree
	same 2 "$(in_tree rev-list --count refs/lab/base..HEAD)"
}

test_sync_leaves_patches_alone_that_are_not_listed() {
	make_project
	cp "$T/p/patches/7.3/mm-five.patch" "$T/p/patches/7.3/later.patch"
	lab sync
	[ -f "$T/p/patches/7.3/later.patch" ]
}

# A build that fails must not be taken for the last one that did not
test_bisect_names_the_commit_that_fails() {
	make_project
	cat >"$T/p/lab/kernel.sh" <<-'END'
		#!/bin/sh
		[ "$CONFIG" = qemu ] || [ "$(git -C "$SRC" log -1 --format=%s)" != 'mm: five' ]
	END
	printf '#!/bin/sh\n' >"$T/p/lab/boot.sh"
	mkdir -p "$BUILD/log"
	! lab bisect >"$T/said" || return 1
	grep -qx 'ok bisect: kernel: bring new' "$T/said"
	grep -qx 'not ok bisect: mm: five' "$T/said"
}

# Lines of a message that git may take for a comment; odd settings of the caller's
test_message_and_settings() {
	make_project
	export GIT_CONFIG_GLOBAL=$T/gitconfig
	cat >"$GIT_CONFIG_GLOBAL" <<-'END'
		[user]
			name =
		[core]
			autocrlf = true
		[diff]
			noprefix = true
			mnemonicPrefix = true
		[color]
			ui = always
		[commit]
			gpgSign = true
		[format]
			signOff = true
			suffix = .txt
			useAutoBase = true
	END
	sed -i 's/k_30;/k_thirty;/' "$tree/kernel/old.c"
	in_tree -c commit.gpgSign=false -c core.autocrlf=false commit -q -a \
		-m 'squash! kernel: bring new' --cleanup=verbatim -m '#include <x.h> is needed'
	lab sync
	grep -qx '#include <x.h> is needed' "$T/p/patches/7.3/kernel-bring-new.patch"
	lab mail
	! grep -q '^Signed-off-by' "$BUILD"/mail/*
}

test_linux_and_onto_are_only_read() {
	make_project
	local linux onto

	git init -q "$T/onto"
	cp -r "$T/linux/." "$T/onto/"
	git -C "$T/onto" add -A
	git -C "$T/onto" -c user.name=o -c user.email=o@o commit -q -m 'their base'
	echo 'int theirs;' >>"$T/onto/mm/page.c"
	git -C "$T/onto" -c user.name=o -c user.email=o@o commit -q -a -m 'their work'
	linux=$(all_of "$T/linux") onto=$(all_of "$T/onto")
	lab tree
	lab mail ONTO="$T/onto"
	same "$linux" "$(all_of "$T/linux")" LINUX
	same "$onto" "$(all_of "$T/onto")" ONTO
	grep -q "^base-commit: $(git -C "$T/onto" rev-parse HEAD)" "$BUILD/mail/0000-cover-letter.patch"
}

test_onto_that_conflicts_is_named() {
	make_project
	git init -q "$T/onto"
	cp -r "$T/linux/." "$T/onto/"
	sed -i 's/m_5;/m_fuenf;/' "$T/onto/mm/page.c"
	git -C "$T/onto" add -A
	git -C "$T/onto" -c user.name=o -c user.email=o@o commit -q -m 'their base'
	refuses 'mm: five" does not apply: .*mm/page.c' lab mail ONTO="$T/onto"
	refuses 'is no git tree' lab mail ONTO="$T/linux"
}

test_mail_applies_and_gives_the_same_tree() {
	make_project
	lab mail SIGNOFF=1
	same '0000-cover-letter.patch 0001-kernel-bring-new.patch 0002-mm-five.patch' "$(cd "$BUILD/mail" && echo *)"
	grep -qx 'Subject: \[PATCH 0/2\] A series' "$BUILD/mail/0000-cover-letter.patch"
	grep -qx 'Its letter.' "$BUILD/mail/0000-cover-letter.patch"
	grep -q '^Signed-off-by: ' "$BUILD/mail/0002-mm-five.patch"
	cp -r "$T/linux" "$T/am"
	git init -q "$T/am"
	git -C "$T/am" add -A
	git -C "$T/am" -c user.name=o -c user.email=o@o commit -q -m base
	git -C "$T/am" -c user.name=o -c user.email=o@o am -q "$BUILD"/mail/000[12]*
	same "$(in_tree rev-parse 'HEAD^{tree}')" "$(git -C "$T/am" rev-parse 'HEAD^{tree}')"
}

# A long-term base shares the whole files and stores only what differs
test_second_base() {
	make_project
	make_base_file "$T/p" 6.12 no
	printf '../7.3/kernel-bring-new.patch\n../7.3/mm-five.patch\n' >"$T/p/patches/6.12/series"
	make_kernel "$T/linux612" 6.12
	sed -i '1i int first;' "$T/linux612/kernel/old.c"
	export LINUX=$T/linux612
	tree=$BUILD/6.12/linux
	lab tree BASE=6.12
	lab sync BASE=6.12
	same '../7.3/kernel-bring-new.patch ../7.3/mm-five.patch' "$(xargs <"$T/p/patches/6.12/series")"
	sed -i 's/new_5;/new_five;/' "$tree/kernel/new.c"
	lab sync BASE=6.12
	same 'kernel-bring-new.patch ../7.3/mm-five.patch' "$(xargs <"$T/p/patches/6.12/series")"
	grep -qx '+int new_five;' "$T/p/patches/6.12/kernel-bring-new.patch"
	grep -qx 'int new_5;' "$T/p/kernel/new.c"
	lab tree BASE=6.12
	lab sync BASE=6.12
	grep -qx 'int new_five;' "$tree/kernel/new.c"
}

run_tests "$@"
