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

test_compiles_without_a_warning() {
	local targets

	targets=$(objects_of refs/lab/base series)
	[ -n "$targets" ]
	# anew, or warnings of an earlier build would be missed
	[ ! -d "$ROOM/qemu" ] || (cd "$ROOM/qemu" && xargs rm -f <<<"$targets")
	CONFIG=qemu TARGETS=$targets "$LAB/kernel.sh"
	! grep 'warning:' "$LOG/build-qemu.log"
}

test_mails_apply() {
	"$LAB/mail.sh"
}

if [ "${1:-}" = guests ]; then
	status=0
	"$LAB/tests/static.sh" test_tree_then_sync_changes_nothing || status=1
	run_tests test_mails_apply || status=1
	"$LAB/tests/guests.sh" base || status=1
	exit $status
else
	run_tests test_compiles_without_a_warning
fi
