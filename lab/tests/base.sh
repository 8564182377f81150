#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# BASE=6.12 base.sh: on a base that shares our whole files the series applies, and what it
# touches compiles without a warning.
#
# BASE=6.12 base.sh guests: `make sync` would change nothing there, the mails of each topic
# apply, and the KUnit suites and kselftests that the series has there pass in a guest.

. "$(dirname "$0")/harness.sh"
# shellcheck source=../common.sh
. "$TESTS_TOP/lab/common.sh"
# shellcheck source=../series.sh
. "$LAB/series.sh"

TESTS_NAME="base $BASE"
know_base
"$LAB/tree.sh"		# as make check does for the other base

# Whether they are enabled or not; *_rt.c is for PREEMPT_RT. A file that another one includes
# is compiled with that.
objects() {
	local file by

	in_tree diff --name-only --no-renames --diff-filter=d refs/lab/base series -- '*.c' |
		sed '\,^tools/\|_rt\.c$,d' | while read -r file; do
		by=$(cd "$TREE" && grep -l "^# *include \"${file##*/}\"" "${file%/*}"/*.c | sed -n 1p) || true
		by=${by:-$file}
		echo "${by%c}o"
	done | sort -u | paste -sd' ' -
}

stored() {
	(cd "$TOP" && find patches kernel include lib mm tools -type f | sort | xargs sha1sum)
}

test_compiles_without_a_warning() {
	local targets

	targets=$(objects)
	[ -n "$targets" ]
	# anew, or warnings of an earlier build would be missed
	[ ! -d "$ROOM/qemu" ] || (cd "$ROOM/qemu" && xargs rm -f <<<"$targets")
	CONFIG=qemu TARGETS=$targets "$LAB/kernel.sh"
	! grep 'warning:' "$LOG/build-qemu.log"
}

test_tree_then_sync_changes_nothing() {
	local before

	before=$(stored)
	"$LAB/sync.sh"
	diff <(echo "$before") <(stored)
}

test_mails_apply() {
	"$LAB/mail.sh"
}

if [ "${1:-}" = guests ]; then
	status=0
	run_tests test_tree_then_sync_changes_nothing test_mails_apply || status=1
	"$LAB/tests/guests.sh" base || status=1
	exit $status
else
	run_tests test_compiles_without_a_warning
fi
