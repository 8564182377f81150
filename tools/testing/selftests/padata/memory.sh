#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# If there is no memory for helpers, a multithreaded job runs with one thread
# and without an error.  The kernel counts such jobs.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

FAILSLAB=/sys/kernel/debug/failslab
COUNT=/sys/module/padata_mt/parameters/jobs_without_memory

set_failslab()
{
	for setting; do
		echo "${setting#*=}" >$FAILSLAB/"${setting%%=*}"
	done
}

restore()
{
	set_failslab probability=0 times=1 space=0 task-filter=N ignore-gfp-wait=Y
}

# The module can allocate the description of the job, but every later allocation fails.
without()
{
	before=$(cat "$COUNT")
	set_failslab space=96
	report=$(sh -c '
		exec 4>/proc/self/make-it-fail
		echo 1 >&4
		echo "size=1000 min_chunk=1 eager=1 us=100" >&3
		echo 0 >&4
		cat <&3
		' 3<>"$TRIGGER" 2>/dev/null)
	is_complete 1000 && job_is threads=1 said_threads=1 &&
		[ "$(cat "$COUNT")" = $((before + 1)) ]
}

with()
{
	job "" size=1000 min_chunk=1 eager=1 us=100 meet=2
	is_complete 1000
}

setup 2
[ -w $FAILSLAB/probability ] ||
	skip "requires CONFIG_FAILSLAB and CONFIG_FAULT_INJECTION_DEBUG_FS"
set_failslab probability=100 times=-1 task-filter=Y ignore-gfp-wait=N

ktap_set_plan 3
ktap_test_result "with memory: a helper runs" with
ktap_test_result "without memory: the job succeeds without helpers" without
ktap_test_result "with memory again: a helper runs" with
ktap_finished
