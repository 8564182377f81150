#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers of a multithreaded job run only where the calling task may run.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

JOB="size=1000 min_chunk=1 eager=1 us=100"

# shellcheck disable=SC2086 # words are wanted
stay_on()
{
	job "taskset -c $1,$2" $JOB meet=2
	is_complete 1000 && job_is threads=2 && helpers_within "$1,$2"
}

# shellcheck disable=SC2086 # words are wanted
stay_away()
{
	job "taskset -c $1" $JOB
	is_complete 1000 && job_is threads=1
}

# shellcheck disable=SC2086 # words are wanted
are_free_again()
{
	job "" $JOB meet=3
	is_complete 1000
}

# narrow CPUS: the caller gets these during the job
narrow()
{
	start_long "" && taskset -p -c "$1" "$task" >/dev/null && helpers_leave "$1"
}

setup 3
ktap_set_plan 6
ktap_test_result "caller bound to two CPUs: a helper runs only there" \
	stay_on "$(nth_cpu 1)" "$(nth_cpu 2)"
ktap_test_result "caller bound to two other CPUs: a helper runs only there" \
	stay_on "$(nth_cpu 1)" "$(nth_cpu '$')"
ktap_test_result "caller bound to one CPU: no helper runs" \
	stay_away "$(nth_cpu 2)"
ktap_test_result "caller not bound: at least two helpers run" are_free_again
ktap_test_result "caller bound to one CPU during a job: helpers leave the other CPUs" \
	narrow "$(nth_cpu 1)"
ktap_test_result "caller bound to two CPUs during a job: helpers leave the other CPUs" \
	narrow "$(nth_cpu 2),$(nth_cpu 3)"
ktap_finished
