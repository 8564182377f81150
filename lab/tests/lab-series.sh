#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# tree, sync and mail on a kernel tree of five files.

. "$(dirname "$0")/harness.sh"
unset LINUX ONTO FORCE KEEP ASSISTED_BY SIGNOFF BASE CONFIG SERIES TOPIC
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
	add_topic engine "$1/patches/$2"
	add_topic pages "$1/patches/$2"
}

add_topic() { # LINE-OF-SERIES [PATCHES-OF-BASE]
	local topic=${1%%:*} patches=${2:-$T/p/patches/7.3}

	echo "$1" >>"$patches/series"
	mkdir -p "$patches/$topic"
	: >"$patches/$topic/series"
	printf 'Subject: About %s\n\nIts letter.\n' "$topic" >"$patches/$topic/cover-letter"
}

# A project in $T/p with two topics of a patch each: engine brings kernel/new.c and a hook
# for it, pages changes mm/page.c
make_project() {
	mkdir -p "$T/p"
	cp -r "$TESTS_TOP/lab" "$TESTS_TOP/Makefile" "$T/p/"
	rm -f "$T"/p/lab/bases/*
	make_base_file "$T/p" 7.3 yes
	git init -q "$T/p"
	make_kernel "$T/linux" 7.3
	export LINUX=$T/linux BUILD=$T/build
	tree=$BUILD/7.3/linux patches=$T/p/patches/7.3
	lab tree
	lines new 9 >"$tree/kernel/new.c"
	sed -i 's/k_20;/k_twenty;/' "$tree/kernel/old.c"
	commit 'kernel: bring new' 'Why it is wanted.' 'Link: https://example.org/1'
	lab sync TOPIC=engine
	sed -i 's/m_5;/m_five;/' "$tree/mm/page.c"
	commit 'mm: five'
	lab sync TOPIC=pages
}

# The patches of each topic, on one line
all_series() { (cd "$T/p/patches/${1:-7.3}" && grep -H . -- */series | sed 's,/series:,/,' | xargs); }

lab() { make -s -C "$T/p" "$@"; }
in_tree() { git -C "$tree" -c user.name=t -c user.email=t@t "$@"; }

# An edit and a commit of its own: change_page FROM TO SUBJECT
change_page() {
	sed -i "s/m_$1;/m_$2;/" "$tree/mm/page.c"
	commit "$3"
}

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
	same 'engine/kernel-bring-new.patch pages/mm-five.patch' "$(all_series)"
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
	diff "$T/expected" "$patches/engine/kernel-bring-new.patch"
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
	grep -q '^+int k_thirty;' "$patches/engine/kernel-bring-new.patch"
	grep -qx 'int more;' "$T/p/kernel/new.c"
	same 'engine/kernel-bring-new.patch pages/mm-five.patch' "$(all_series)"
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
	same 'engine/kernel-bring-new.patch pages/mm-five.patch pages/lib-test-it.patch' "$(all_series)"
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
	grep -qx 'New-file: kernel/newer.c' "$patches/engine/kernel-bring-new.patch"
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
	sed -i.ok 's/^-int m_5;/-int m_5_was;/' "$patches/pages/mm-five.patch"
	refuses 'mm-five.patch does not apply to 7.3: mm/page.c' lab tree
	same "$before" "$(in_tree rev-parse HEAD)"
	same '' "$(in_tree status --porcelain)"
	same '' "$(find "$BUILD/7.3" -maxdepth 1 -name 'index.*')"
	mv "$patches/pages/mm-five.patch.ok" "$patches/pages/mm-five.patch"
	lab tree
}

test_missing_pieces_are_named() {
	make_project
	echo 'none.patch' >>"$patches/pages/series"
	refuses 'a series names patches/7.3/pages/none.patch, which is not there' lab tree
	sed -i '$d' "$patches/pages/series"
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
	printf '%s' "$(cat "$patches/series")" >"$patches/series"
	printf '%s' "$(cat "$patches/pages/series")" >"$patches/pages/series"
	lab tree
	same 2 "$(in_tree rev-list --count refs/lab/base..HEAD)"
}

test_sync_leaves_patches_alone_that_are_not_listed() {
	make_project
	cp "$patches/pages/mm-five.patch" "$patches/pages/later.patch"
	lab sync
	[ -f "$patches/pages/later.patch" ]
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
	grep -qx 'ok bisect: engine: kernel: bring new' "$T/said"
	grep -qx 'not ok bisect: pages: mm: five' "$T/said"
	same 'ok bisect: engine: kernel: bring new' "$(lab bisect TOPIC=engine)"
}

# Without that, a topic could lean on one that it does not name
test_bisect_builds_a_topic_on_what_it_needs() {
	make_project
	add_topic 'more: engine'
	change_page 20 twenty 'mm: more'
	lab sync TOPIC=more
	cat >"$T/p/lab/kernel.sh" <<-'END'
		#!/bin/sh
		[ "$CONFIG" = qemu ] || echo "on: $(git -C "$SRC" log --format=%s | xargs)"
	END
	printf '#!/bin/sh\n' >"$T/p/lab/boot.sh"
	mkdir -p "$BUILD/log"
	lab bisect | grep '^on:' >"$T/said"
	sed 's/ Linux 7.3.*//' "$T/said" | diff - <(
		echo 'on: kernel: bring new'
		echo 'on: mm: five'
		echo 'on: mm: more kernel: bring new')
}

test_bisect_misses_a_suite_that_did_not_run() {
	make_project
	mkdir -p "$tree/lib"
	printf 'static struct kunit_suite s = {\n\t.name = "tests_of_new",\n};\n' >"$tree/lib/test_new.c"
	commit 'lib: test new'
	lab sync
	printf '#!/bin/sh\n' >"$T/p/lab/kernel.sh"
	cat >"$T/p/lab/boot.sh" <<-'END'
		#!/bin/sh
		touch "$BUILD/log/bisect.console"
		cp "$BUILD/ran" "$BUILD/log/bisect.output"
	END
	mkdir -p "$BUILD/log"
	cat >"$BUILD/ran" <<-'END'
		TAP version 14
		1..1
		    # Subtest: tests_of_new
		    1..1
		    ok 1 a_test
		ok 1 tests_of_new
	END
	lab bisect
	sed -i 's/tests_of_new/tests_of_old/' "$BUILD/ran"
	lab bisect		# what passed is not tried again
	refuses 'the KUnit suite tests_of_new did not run' lab bisect AGAIN=1
}

test_topics_that_do_not_add_up_are_refused() {
	make_project
	cp "$patches/series" "$T/series"
	refuses_series() { # REGEX LINE...
		local expected=$1
		shift
		printf '%s\n' "$@" >"$patches/series"
		refuses "$expected" lab tree
		refuses "$expected" lab sync
		refuses "$expected" lab mail
	}
	refuses_series 'topic later, but there is no patches/7.3/later/series' engine pages later
	refuses_series 'topic engine needs pages, which .* does not name before it' 'engine: pages' pages
	refuses_series 'topic pages needs nothing, which .* does not name' engine 'pages: engine nothing'
	refuses_series 'names topic engine twice' engine pages engine
	refuses_series "'mm-five.patch' is not the name of a topic" engine pages mm-five.patch
	refuses_series "'../7.3' is not the name of a topic" ../7.3
	refuses_series 'names no topic' '# none'
	cp "$T/series" "$patches/series"
	refuses 'TOPIC=none is no topic of 7.3; known: engine pages$' lab mail TOPIC=none
	refuses 'TOPIC=none is no topic' lab bisect TOPIC=none
	refuses 'TOPIC=none is no topic' lab sync TOPIC=none
	refuses "TOPIC=engine pages is no topic" lab mail TOPIC='engine pages'
	lab tree
}

test_order_of_topics() {
	make_project
	printf '# the other way around\npages\n\nengine: pages\n' >"$patches/series"
	lab tree
	same 'kernel: bring new, mm: five' "$(in_tree log -2 --format=%s | paste -sd, - | sed 's/,/, /')"
	local before
	before=$(stored)
	lab sync
	same "$before" "$(stored)"
}

# Put a commit below the last ones
commit_below() { # COMMITS COMMAND...
	local commits=$1
	shift

	in_tree branch -q -f top
	in_tree reset -q --hard "HEAD~$commits"
	"$@"
	in_tree cherry-pick "top~$commits..top" >/dev/null
}

test_new_commit_goes_to_the_topic_of_its_neighbours() {
	make_project
	change_page 20 twenty 'mm: twenty'
	lab sync
	commit_below 1 change_page 30 thirty 'mm: thirty'
	lab sync
	same 'engine/kernel-bring-new.patch pages/mm-five.patch pages/mm-thirty.patch pages/mm-twenty.patch' "$(all_series)"
}

test_new_commit_between_topics_needs_a_word() {
	make_project
	local before
	before=$(stored)
	commit_below 1 change_page 30 thirty 'mm: thirty'
	refuses '"mm: thirty" may be of topic engine pages: say which with TOPIC=' lab sync
	same "$before" "$(stored)"
	lab sync TOPIC=engine
	same 'engine/kernel-bring-new.patch engine/mm-thirty.patch pages/mm-five.patch' "$(all_series)"
	commit_below 2 change_page 15 fifteen 'mm: fifteen' # within engine
	lab sync
	same 'mm-fifteen.patch' "$(sed -n 2p "$patches/engine/series")"
	in_tree reset -q --hard HEAD~3
	in_tree cherry-pick top~1 top >/dev/null # and away again
	lab sync
	[ ! -e "$patches/engine/mm-fifteen.patch" ]
	add_topic last
	change_page 35 thirty_five 'mm: thirty-five'
	refuses 'may be of topic pages last: ' lab sync
	refuses 'may be of topic pages last: ' lab sync TOPIC=engine
	lab sync TOPIC=last
	same 'engine/kernel-bring-new.patch engine/mm-thirty.patch last/mm-thirty-five.patch pages/mm-five.patch' "$(all_series)"
}

test_commit_for_two_topics_is_refused() {
	make_project
	local before head
	lines more 3 >"$tree/mm/more.c"
	commit 'mm: bring more'
	lab sync
	before=$(stored)
	echo 'int a;' | tee -a "$tree/kernel/new.c" >>"$tree/mm/more.c"
	commit 'all: change both'
	head=$(in_tree rev-parse HEAD)
	refuses '"all: change both" would change whole files of two topics, engine \(kernel/new.c\) and pages \(mm/more.c\)' lab sync
	in_tree commit -q --amend -m 'fixup! mm: bring more'
	refuses 'whole files of two topics, engine \(kernel/new.c\) and pages' lab sync
	in_tree reset -q --hard HEAD^
	echo 'int a;' >>"$tree/kernel/new.c"
	commit 'fixup! fixup! mm: bring more'
	refuses 'two topics, engine \(kernel/new.c\) and pages \(its target\)' lab sync
	same "$before" "$(stored)"
	in_tree cat-file -e "$head"
	# as edits that are not committed, each goes where it belongs
	in_tree reset -q --soft HEAD^
	echo 'int a;' >>"$tree/mm/more.c"
	lab sync
	same 2 "$(cat "$T/p/kernel/new.c" "$T/p/mm/more.c" | grep -cx 'int a;')"
}

test_patch_among_those_of_another_topic_is_refused() {
	make_project
	in_tree reset -q --hard HEAD^^
	in_tree cherry-pick refs/lab/head >/dev/null
	change_page 30 thirty 'mm: thirty'
	in_tree cherry-pick refs/lab/head^ >/dev/null
	refuses '"kernel: bring new" is of topic engine, but stands after patches of pages' lab sync
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
	grep -qx '#include <x.h> is needed' "$patches/engine/kernel-bring-new.patch"
	lab mail
	! grep -q '^Signed-off-by' "$BUILD"/mail/*/*
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
	grep -q "^base-commit: $(git -C "$T/onto" rev-parse HEAD)" "$BUILD/mail/pages/0000-cover-letter.patch"
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

# A git tree in $T/am, as the base is
make_am() {
	rm -rf "$T/am"
	cp -r "$T/linux" "$T/am"
	git init -q "$T/am"
	git -C "$T/am" add -A
	git -C "$T/am" -c user.name=o -c user.email=o@o commit -q -m base
}

am() { git -C "$T/am" -c user.name=o -c user.email=o@o am -q "$@"; }

test_mail_applies_and_gives_the_same_tree() {
	make_project
	lab mail SIGNOFF=1
	same '0000-cover-letter.patch 0001-kernel-bring-new.patch' "$(cd "$BUILD/mail/engine" && echo *)"
	same '0000-cover-letter.patch 0001-mm-five.patch' "$(cd "$BUILD/mail/pages" && echo *)"
	grep -qx 'Subject: \[PATCH 0/1\] About pages' "$BUILD/mail/pages/0000-cover-letter.patch"
	grep -qx 'Its letter.' "$BUILD/mail/pages/0000-cover-letter.patch"
	same 1 "$(grep -c '^Signed-off-by: ' "$BUILD/mail/pages/0001-mm-five.patch")"
	make_am
	am "$BUILD"/mail/pages/0001* "$BUILD"/mail/engine/0001* # in any order
	same "$(in_tree rev-parse 'HEAD^{tree}')" "$(git -C "$T/am" rev-parse 'HEAD^{tree}')"
}

# What a patch says between its `---` and its files is in the mail, but in no commit
test_notes_stay_with_their_patch() {
	make_project
	local before mails=$BUILD/mail
	sed -i 's/^---$/---\nSeen to fail:\n\n - once\n/' "$patches/engine/kernel-bring-new.patch"
	before=$(stored)
	lab tree
	same '' "$(in_tree log --grep='Seen to fail')"
	echo 'int new_10;' >>"$tree/kernel/new.c"
	lab sync
	[ "$before" != "$(stored)" ]
	sed -n '/^---$/,/^New-file/p' "$patches/engine/kernel-bring-new.patch" >"$T/got"
	printf -- '---\nSeen to fail:\n\n - once\n\nNew-file: kernel/new.c\n' | diff - "$T/got"
	lab mail
	sed -n '/^---$/,/^ [a-z].* | /p' "$mails/engine/0001-kernel-bring-new.patch" >"$T/got"
	grep -q '^    Seen to fail:$' "$T/got"
	grep -q '^     - once$' "$T/got"
	same '' "$(grep -rl Notes "$mails/pages")"
}

test_mail_has_the_tags_that_the_sender_asks_for() {
	make_project
	lab mail ASSISTED_BY='LLM sparse' SIGNOFF=1
	same 'Link: https://example.org/1 Assisted-by: LLM sparse Signed-off-by: lab <lab@localhost>' \
		"$(sed -n '/^Link/,/^---$/p' "$BUILD/mail/engine/0001-kernel-bring-new.patch" | sed '$d' | xargs)"
	same 0 "$(cat "$BUILD"/mail/*/0000* | grep -c '^Assisted-by' || true)"
	lab mail 2>"$T/out"
	grep -q 'the mails have no sender' "$T/out"
	! grep -q '^Assisted-by\|^Signed-off-by' "$BUILD"/mail/*/*
}

test_new_entry_of_maintainers_names_the_sender() {
	make_project
	local patch=$patches/engine/kernel-bring-new.patch

	printf 'OTHERS\nM:\tX <x@x>\n' >"$T/linux/MAINTAINERS"
	lab tree
	printf 'NEW\nM:\tlab <lab@localhost>\nF:\tkernel/new.c\n' >>"$tree/MAINTAINERS"
	in_tree commit -q -a -m 'fixup! kernel: bring new'
	lab sync
	grep -qx '+M:	@SENDER@' "$patch"
	git -C "$T/p" config user.name 'A \& B'
	git -C "$T/p" config user.email b@b
	lab tree
	grep -qxF 'M:	A \& B <b@b>' "$tree/MAINTAINERS"
	lab sync
	grep -qx '+M:	@SENDER@' "$patch"
	lab mail >"$T/out" 2>&1
	grep -qxF '+M:	A \& B <b@b>' "$BUILD/mail/engine/0001-kernel-bring-new.patch"
	! grep -q 'no sender' "$T/out"
}

test_mail_of_one_topic() {
	make_project
	add_topic 'more: engine'
	sed -i 's/k_21;/k_more;/' "$tree/kernel/old.c"
	commit 'kernel: more'
	lab sync TOPIC=more
	mkdir -p "$BUILD/mail/gone"
	touch "$BUILD/mail/0001-left.patch"
	lab mail
	same 'engine more pages' "$(cd "$BUILD/mail" && echo *)"
	sed -i 's/m_5;/m_5;/; s/m_five;/m_cinq;/' "$tree/mm/page.c"
	commit 'fixup! mm: five'
	sed -i 's/k_more;/k_plus;/' "$tree/kernel/old.c"
	commit 'fixup! kernel: more'
	lab sync
	lab mail TOPIC=more
	grep -qx '+int k_plus;' "$BUILD/mail/more/0001-kernel-more.patch"
	grep -qx '+int m_five;' "$BUILD/mail/pages/0001-mm-five.patch" # as it was
	make_am
	am "$BUILD"/mail/engine/0001* "$BUILD"/mail/more/0001*
	# on the caller's tree: what it needs is applied, but not mailed
	make_am
	lab mail TOPIC=more ONTO="$T/am"
	same '0000-cover-letter.patch 0001-kernel-more.patch' "$(cd "$BUILD/mail/more" && echo *)"
	grep -q "^base-commit: $(git -C "$T/am" rev-parse HEAD)" "$BUILD/mail/more/0000-cover-letter.patch"
	same 1 "$(grep -c '^prerequisite-patch-id: ' "$BUILD/mail/more/0000-cover-letter.patch")"
	rm "$patches/pages/cover-letter"
	refuses 'patches/7.3/pages/cover-letter is not there' lab mail
	lab mail TOPIC=more
}

# The context of its hunk has a line of a topic that it does not need
test_mail_of_a_topic_that_leans_on_another_is_refused() {
	make_project
	sed -i 's/k_21;/k_21_pages;/' "$tree/kernel/old.c"
	commit 'kernel: lean'
	lab sync
	refuses 'kernel-lean.patch does not apply to 7.3 with no topic but pages: kernel/old.c' lab mail
	printf 'engine\npages: engine\n' >"$patches/series"
	lab mail
}

# A long-term base shares the whole files and stores only what differs
test_second_base() {
	make_project
	make_base_file "$T/p" 6.12 no
	echo '../../7.3/engine/kernel-bring-new.patch' >"$T/p/patches/6.12/engine/series"
	echo '../../7.3/pages/mm-five.patch' >"$T/p/patches/6.12/pages/series"
	make_kernel "$T/linux612" 6.12
	sed -i '1i int first;' "$T/linux612/kernel/old.c"
	export LINUX=$T/linux612
	tree=$BUILD/6.12/linux
	lab tree BASE=6.12
	lab sync BASE=6.12
	same 'engine/../../7.3/engine/kernel-bring-new.patch pages/../../7.3/pages/mm-five.patch' "$(all_series 6.12)"
	sed -i 's/new_5;/new_five;/' "$tree/kernel/new.c"
	lab sync BASE=6.12
	same 'engine/kernel-bring-new.patch pages/../../7.3/pages/mm-five.patch' "$(all_series 6.12)"
	grep -qx '+int new_five;' "$T/p/patches/6.12/engine/kernel-bring-new.patch"
	grep -qx 'int new_5;' "$T/p/kernel/new.c"
	lab tree BASE=6.12
	lab sync BASE=6.12
	grep -qx 'int new_five;' "$tree/kernel/new.c"
}

run_tests "$@"
