#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A multithreaded job for which there is no memory has fewer threads, and no error.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

FAILSLAB=/sys/kernel/debug/failslab

restore()
{
	echo Y >$FAILSLAB/ignore-gfp-wait
}

# failing N: run a job whose task does not get the Nth object that it asks for
failing()
{
	report=$(sh -c '
		exec 4>/proc/self/fail-nth
		echo "$1" >&4
		echo "size=1000 min_chunk=1 eager=1 us=100" >&3
		echo 0 >&4
		cat <&3
		' job "$1" 3<>"$TRIGGER" 2>/dev/null)
}

# The trigger asks for memory, too, and has no job then
without()
{
	single=0
	for nth in 1 2 3 4 5 6; do
		failing "$nth"
		[ "$(get job threads) $(get job err)" != "0 0" ] || continue
		is_complete 1000 || return 1
		[ "$(get job said_threads)" != 1 ] || single=$((single + 1))
	done
	ktap_print_msg "$single jobs had one thread"
	[ "$single" -gt 0 ]
}

with()
{
	job "" size=1000 min_chunk=1 eager=1 us=100 meet=2
	is_complete 1000
}

setup 2
[ -w $FAILSLAB/ignore-gfp-wait ] ||
	skip "needs CONFIG_FAILSLAB and CONFIG_FAULT_INJECTION_DEBUG_FS"
echo N >$FAILSLAB/ignore-gfp-wait

ktap_set_plan 3
ktap_test_result "with memory: a helper" with
ktap_test_result "without: no helper, no error" without
ktap_test_result "with memory again: a helper" with
ktap_finished
