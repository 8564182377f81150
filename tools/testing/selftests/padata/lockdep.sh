#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# lockdep reports that a multithreaded job may wait for a lock that its caller holds,
# even if no job ever waited for it.
#
# lockdep disables itself after a report, so this test runs only on request.
# PROVOKE= selects which half of the deadlock comes first: "lock" (a helper
# takes the lock), "alone" (the main thread takes it, in a job without helpers)
# or "locked" (the caller of another job holds the lock).

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

lockdep_is()
{
	grep -qE "^ *debug_locks: +$1\$" /proc/lockdep_stats
}

# The caller takes the lock, too, so a helper must be the one that takes it here
lock()
{
	job "" size=1000 min_chunk=1 eager=1 us=100 meet=2 lock=1
	is_complete 1000
}

alone()
{
	job "" size=1000 max_threads=1 lock=1
	is_complete 1000
}

locked()
{
	job "" size=1000 max_threads=1 locked=1
	is_complete 1000
}

says_nothing()
{
	"$1" && lockdep_is 1
}

reports()
{
	"$1" && lockdep_is 0 &&
		dmesg | grep -q "possible circular locking dependency detected"
}

setup 2
[ -n "$PROVOKE" ] || skip "requires PROVOKE=lock, alone or locked"
lockdep_is 1 || skip "requires CONFIG_PROVE_LOCKING without an earlier report"

case $PROVOKE in
lock | alone) second=locked ;;
locked) second=lock ;;
*) ktap_exit_fail_msg "PROVOKE=$PROVOKE is not lock, alone or locked" ;;
esac

ktap_set_plan 2
ktap_test_result "the first half of the deadlock ($PROVOKE) is not reported" says_nothing "$PROVOKE"
ktap_test_result "the second half of the deadlock ($second) is reported" reports "$second"
ktap_finished
