#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The tests of QPW notice a kernel warning, even if an earlier warning has already
# tainted the kernel.
#
# This test provokes two warnings, so it runs only with PROVOKE=warning.  It
# needs CONFIG_LKDTM.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/qpw/qpw_lib.sh
. "$(dirname "$0")"/qpw_lib.sh

LKDTM=/sys/kernel/debug/provoke-crash/DIRECT

is_silent()
{
	before=$(trouble)
	ls /sys/kernel >/dev/null
	[ "$(trouble)" = "$before" ]
}

# notices COMMAND ARGUMENT: whether the effect of COMMAND changes trouble()
notices()
{
	before=$(trouble)
	"$@" || return 1
	after=$(trouble)
	ktap_print_msg "before $(echo "$before" | list), after $(echo "$after" | list)"
	[ "$after" != "$before" ]
}

warn()
{
	echo WARNING >"$LKDTM"
}

# A report that neither taints the kernel nor is counted leaves only a line in the log.
report()
{
	echo "WARNING: test message of $0" >/dev/kmsg
}

is_tainted()
{
	[ $(($(cat /proc/sys/kernel/tainted) & 1 << 9)) != 0 ]
}

notices_when_tainted()
{
	is_tainted && notices "$1"
}

setup
[ "$PROVOKE" = warning ] || skip "requires PROVOKE=warning"
[ -w "$LKDTM" ] || skip "requires CONFIG_LKDTM"

ktap_set_plan 4
ktap_test_result "no warning is detected if there is none" is_silent
ktap_test_result "a warning is detected" notices warn
ktap_test_result "a warning is detected on a tainted kernel" notices_when_tainted warn
ktap_test_result "a warning is detected that only the log shows" notices_when_tainted report
ktap_finished
