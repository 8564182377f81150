#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What can be said of the series without running it.

. "$(dirname "$0")/harness.sh"
# shellcheck source=../common.sh
. "$TESTS_TOP/lab/common.sh"
# shellcheck source=../series.sh
. "$LAB/series.sh"

know_base
base=$(in_tree rev-parse refs/lab/base)

whole_files() { whole_files_of "$base" series; }
touched() { in_tree diff --name-only --no-renames "$base" series -- "$@"; }

# These topics in this order on the base, without a commit for each patch: prints the tree
tree_of() { # TOPIC...
	local patches files entry
	local -x GIT_INDEX_FILE=$T/index

	identity
	mapfile -t patches < <(series_entries "$@" | while read -r entry; do patch_path "$entry"; done)
	in_tree read-tree "$base"
	for entry in "${patches[@]}"; do patch_diff "$entry"; done | name_sender |
		in_tree apply --cached --whitespace=nowarn -
	mapfile -t files < <(for entry in "${patches[@]}"; do patch_new_files "$entry"; done)
	add_whole_files 'the series' "${files[@]}"
	in_tree write-tree
}

# Everything the series is stored in, as checksums
stored() {
	(cd "$TOP" && { whole_files && find patches -type f; } | sort | xargs -r sha1sum)
}

test_tree_then_sync_changes_nothing() {
	local before

	before=$(stored)
	"$LAB/tree.sh"
	"$LAB/sync.sh"
	diff <(echo "$before") <(stored)
}

# Each on the topics that it needs and on no other, and the rest after that: contexts of
# independent topics do not overlap, and no hunk gets to another place
test_topics_apply_in_any_order() {
	local topic stack rest

	for topic in "${TOPICS[@]}"; do
		read -ra stack <<<"${STACK[$topic]}"
		mapfile -t rest < <(printf '%s\n' "${TOPICS[@]}" | grep -vxF "$(printf '%s\n' "${stack[@]}")")
		same "$(in_tree rev-parse 'series^{tree}')" "$(tree_of "${stack[@]}" "${rest[@]}")" "$topic first"
	done
}

test_every_patch_is_in_a_series() {
	diff <(cd "$TOP/patches/$BASE" && find . -name '*.patch' -printf '%P\n' | sort) \
		<(series_entries | sed '\,/\.\./,d' | sort)
}

# A file of ours that no patch names would never be mailed
test_every_whole_file_is_in_a_patch() {
	diff <(whole_files | sort) <(
		cd "$TOP" &&
			git ls-files --cached --others --exclude-standard -- arch kernel include lib mm fs \
				tools Documentation | sort)
}

# Definitions of tracepoints have a form of their own, which --strict does not know; types of
# locks are typedefs, as that of local_lock() whose place they take; attributes of a guard
# repeat its lock, as those in linux/cleanup.h do; and a parameter's documentation is looked
# for in the same patch only, which a file of ours is not. It does not find functions that
# macros define, as those that set the type of a page. VFIO's tests declare their drivers where
# they list them. The tree has no history in which the commits of Fixes: could be found.
checkpatch() { # [-f] FILE...
	local option=--patch

	[ "$1" != -f ] || { option=$1; shift; }
	# shellcheck disable=SC2016 # expanded by sh; it prints the complaints of 8 files at once
	(cd "$TREE"; printf '%s\0' "$@" | xargs -0 -n 8 -P "$(nproc)" sh -c '
		option=$0
		said=$(scripts/checkpatch.pl --strict --no-signoff --quiet --no-summary \
			--ignore FILE_PATH_CHANGES,UNKNOWN_COMMIT_ID "$option" "$@" 2>/dev/null)
		[ -z "$said" ] || printf "%s\n\n" "$said"' "$option" || true) |
		awk -v RS= -v ORS='\n\n' '
			/^CHECK: (Alignment|Lines should not end)/ && /FILE: include\/trace\/events\// { next }
			/^WARNING: do not add new typedefs/ && /typedef .* qpw_(try)?lock_t;/ { next }
			/^CHECK: Macro argument reuse ._T/ && /define WITH_QPW_GUARD_ATTRS/ { next }
			/^CHECK: Avoid CamelCase: <__SetPage/ { next }
			/^WARNING: externs should be/ && /FILE: .*\/vfio_pci_driver\.c/ { next }
			/^CHECK: __setup appears un-documented/ && /FILE: kernel\/qpw\/boot\.c/ { next }
			{ print }' | tee "$T/checkpatch"
	[ ! -s "$T/checkpatch" ]
}

# `make mail` itself proves that they apply
test_mails_apply_and_please_checkpatch() {
	local mails

	"$LAB/mail.sh"
	mapfile -t mails < <(find "$BUILD/mail" -name '*.patch' ! -name '0000-*' | sort)
	checkpatch "${mails[@]}"
}

test_checkpatch_files() {
	local files

	mapfile -t files < <(whole_files)
	checkpatch -f "${files[@]}"
}

# Of the messages on standard input, those about lines that the series brings
about_our_lines() {
	awk -v tree="$TREE" '
		FNR == NR && /^\+\+\+ b\// { file = substr($2, 3); next }
		FNR == NR && /^@@ / {
			split(substr($3, 2), at, ",")
			for (i = 0; i < (at[2] == "" ? 1 : at[2]); i++) ours[file, at[1] + i]
			next
		}
		FNR == NR { next }
		match($0, /[^ :]+\.[chS]:[0-9]+/) {
			split(substr($0, RSTART, RLENGTH), where, ":")
			sub("^(" tree "|\\.\\./linux)/", "", where[1])
			if ((where[1], where[2]) in ours) print
		}' <(in_tree diff-tree -p -U0 --no-renames "$base" series) -
}

# Compile what the series touches with W=1 and sparse, in object folders apart: *_rt.c is
# for PREEMPT_RT. The kernel passes by a sparse that does not know __typeof_unqual__, as
# 0.6.4 does not.
lint_objects() {
	lint lint qemu < <(objects_touched | grep -v '_rt\.o$\|^drivers/iommu/')
	lint lint-pin qemu-pin < <(objects_touched | grep '^drivers/iommu/')
	lint lint-rt qemu-rt < <(objects_touched | grep '_rt\.o$')
}

objects_touched() { touched '*.c' | grep -v '^tools/' | sed 's/c$/o/'; }

lint() { # FOLDER CONFIG < OBJECTS
	local objects sparse='sparse\ -D__typeof_unqual__=__typeof__'

	mapfile -t objects
	(cd "$ROOM/$1" && rm -f "${objects[@]}") 2>/dev/null || true
	CONFIG=$2 OUT=$ROOM/$1 SRC=$TREE FLAGS="W=1 C=1 CHECK=$sparse" TARGETS="${objects[*]}" \
		"$LAB/kernel.sh"
	grep -q '^  CHECK ' "$LOG/build-$1.log"	# or sparse never ran
}

test_sparse_and_W1() {
	lint_objects >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
	# sparse 0.6.4 says that of every MODULE_LICENSE() in 7.3
	cat "$LOG"/build-lint{,-pin,-rt}.log | about_our_lines |
		sed '/error: bad constant expression/d' | tee "$T/ours"
	[ ! -s "$T/ours" ]
}

test_kernel_doc() {
	local files

	mapfile -t files < <(touched '*.[ch]' | grep -v '^tools/')
	(cd "$TREE" && scripts/kernel-doc -none -Wall "${files[@]}") 2>&1 | tee "$T/doc" || true
	if grep -E '^(Error|Traceback)' "$T/doc"; then return 1; fi
	about_our_lines <"$T/doc" | tee "$T/ours"
	[ ! -s "$T/ours" ]
}

# Words of ours: whole files, messages, added lines, and the project's own text
test_codespell() {
	local patch

	series_entries | while read -r patch; do
		patch=$(patch_path "$patch")
		patch_message "$patch"
		patch_notes "$patch"
		patch_diff "$patch" | sed -n 's/^+//p'
	done >"$T/patches.txt"
	cd "$TOP"
	{ whole_files; git ls-files README.md results/README.md notes lab .ci Makefile 'patches/*/*/cover-letter'; } |
		xargs codespell -L nd "$T/patches.txt" # /sys/bus/nd
}

test_shellcheck() {
	cd "$TOP"
	{
		git ls-files --cached --others --exclude-standard '*.sh'
		git grep --untracked -lE '^#!/bin/(ba)?sh'
	} | sort -u | xargs shellcheck -x
}

# results/README.md has the figures that make bench found last
test_figures_of_the_readme() {
	cp "$TOP/results/README.md" "$T/README.md"
	"$LAB/figures.sh" "$T/README.md"
	diff "$TOP/results/README.md" "$T/README.md"
}

run_tests "$@"
