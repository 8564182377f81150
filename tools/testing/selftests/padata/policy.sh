#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A caller of a real-time policy has no helpers: it would wait for threads that any
# real-time task delays.  If it takes that policy during a job, the helpers leave.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

is_alone()
{
	job "chrt $1 $2" size=1000 min_chunk=1 eager=1 us=100
	is_complete 1000 && job_is threads=1
}

# shellcheck disable=SC2086 # words are wanted
leave()
{
	start_long "" && chrt -f -p 50 "$task" >/dev/null && helpers_leave ""
}

has_helpers()
{
	job "" size=1000 min_chunk=1 eager=1 us=100 meet=3
	is_complete 1000
}

setup 3
command -v chrt >/dev/null || skip "needs chrt"

ktap_set_plan 4
ktap_test_result "a SCHED_FIFO caller has no helper" is_alone -f 50
ktap_test_result "a SCHED_RR caller has no helper" is_alone -r 1
ktap_test_result "helpers leave a caller that becomes SCHED_FIFO" leave
ktap_test_result "a SCHED_NORMAL caller has helpers" has_helpers
ktap_finished
