#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The hung task detector reports a caller that waits too long for a helper.
#
# The report looks like a fault on the console, so this test runs only with
# PROVOKE=hung_task.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

SYSCTL=/proc/sys/kernel/hung_task
LIMIT=2

# The log, from the report about this caller on
reported()
{
	dmesg | sed -n "/INFO: task .*:$(get caller pid) blocked for more than/,\$p"
}

# waits MS: the caller has finished its chunk, and its helper sleeps this long
waits()
{
	job "" size=2 min_chunk=1 max_chunk=1 eager=1 meet=2 helper_ms="$1"
	is_complete 2
}

is_not_reported()
{
	waits "$1" && [ -z "$(reported)" ]
}

# The report has the stack of the caller.
is_reported()
{
	waits "$1" && reported | grep -q padata_mt_do_job
}

setup 2
[ "$PROVOKE" = hung_task ] || skip "requires PROVOKE=hung_task"
[ -e ${SYSCTL}_timeout_secs ] || skip "requires CONFIG_DETECT_HUNG_TASK"
[ "$(cat ${SYSCTL}_panic)" = 0 ] || skip "requires hung_task_panic=0"

timeout=$(cat ${SYSCTL}_timeout_secs)
warnings=$(cat ${SYSCTL}_warnings)

restore()
{
	echo "$timeout" >${SYSCTL}_timeout_secs
	echo "$warnings" >${SYSCTL}_warnings
}

echo -1 >${SYSCTL}_warnings
echo $LIMIT >${SYSCTL}_timeout_secs
ktap_set_plan 2
ktap_test_result "a short wait is not reported" is_not_reported 100
ktap_test_result "a wait longer than the limit is reported" is_reported $((4000 * LIMIT))
ktap_finished
