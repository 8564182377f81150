#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# lockdep reports it when a multithreaded job may wait for a lock that its caller holds,
# though no job ever did.
#
# lockdep reports once and is off then, so this runs only if asked to: PROVOKE= says
# which of the two halves of the deadlock comes first, "lock" (a helper takes the lock),
# "alone" (the main thread takes it, in a job without helpers) or "locked" (the caller
# of another job holds the lock).

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

lockdep_is()
{
	grep -qE "^ *debug_locks: +$1\$" /proc/lockdep_stats
}

# The lock is taken by the caller, too, so it is a helper that has to take it
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
[ -n "$PROVOKE" ] || skip "a report is provoked only with PROVOKE=lock, alone or locked"
lockdep_is 1 || skip "needs CONFIG_PROVE_LOCKING, and no report yet"

case $PROVOKE in
lock | alone) second=locked ;;
locked) second=lock ;;
*) ktap_exit_fail_msg "PROVOKE=$PROVOKE is not lock, alone or locked" ;;
esac

ktap_set_plan 2
ktap_test_result "$PROVOKE: no report" says_nothing "$PROVOKE"
ktap_test_result "then $second: a report" reports "$second"
ktap_finished
