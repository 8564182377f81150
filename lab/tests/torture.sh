#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# torture.sh CONFIG: a minute of `make torture`. Everything that has to happen in it, and
# every account that has to balance, is a line here.

. "$(dirname "$0")/harness.sh"
# shellcheck source=../common.sh
. "$TESTS_TOP/lab/common.sh"

export CONFIG=$1
log=$LOG/check-torture-$CONFIG.boot

test_bad_values_are_refused() {
	local value

	for value in 0 -1 1.5 x 1000000; do
		TORTURE_S=$value refuses "TORTURE_S=$value is no number of seconds" "$LAB/torture.sh"
	done
	for value in -1 0x1 01 x 2147483648 99999999999; do
		SEED=$value refuses "SEED=$value is no number below" "$LAB/torture.sh"
	done
	CONFIG=uml refuses 'CONFIG=uml: ' "$LAB/torture.sh"
}

torture() {
	local verdict="ok torture $CONFIG: guest"

	NAME=check-torture-$CONFIG TORTURE_S=60 "$LAB/torture.sh" >"$log" 2>&1 </dev/null ||
		verdict="not $verdict: $(tail -n1 "$log")"
	sed -nE "s/^((not )?ok) [0-9]+ - /\1 torture $CONFIG: /p" "$log"
	echo "$verdict"
	[[ $verdict = ok* ]]
}

failed=0
run_tests test_bad_values_are_refused || failed=1
torture || failed=1
[ $failed = 0 ]
