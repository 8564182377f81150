#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A fatal signal to the calling task ends a multithreaded job, if it is killable.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

is_killed()
{
	start "" size=1000000000 min_chunk=1 eager=1 killable=1 us=1000
	await has_threads 2 && await has_chunks 10 || return 1
	stop || return 1
	job_is err=-4 broken=0 vain=0 active=0 "undone=$(get job 'done')"
}

# signal NAME: send it to a job that cannot end before "go" is written
signal()
{
	await has_threads 2 || return 1
	kill -s "$1" "$task"
	go
}

is_not_killed()
{
	start "" size=1000 min_chunk=1 eager=1 us=100 meet=2 hold=1
	signal KILL
	wait "$task" 2>/dev/null
	look
	is_complete 1000
}

is_not_impressed()
{
	start "" size=1000 min_chunk=1 eager=1 us=100 meet=2 hold=1 killable=1
	signal STOP
	kill -s CONT "$task"
	wait "$task" 2>/dev/null
	look
	is_complete 1000
}

# jump SECONDS KEY=VALUE...: many cheap indices, then expensive ones.  Unless
# the thread function calls padata_mt_should_stop(), a signal takes effect only
# after the chunk in progress.
jump()
{
	seconds=$1
	shift
	start "" size=4000000 killable=1 us=1000 jump=3000000 "$@"
	sleep 2
	began=$(date +%s)
	stop || return 1
	took=$(($(date +%s) - began))
	ktap_print_msg "ended $took s after SIGKILL, at most $seconds s allowed"
	job_is err=-4 broken=0 active=0 && [ "$took" -le "$seconds" ]
}

setup 2
ktap_set_plan 6
ktap_test_result "killable job: a fatal signal ends and undoes it" is_killed
ktap_test_result "job that is not killable: a fatal signal does not end it" is_not_killed
ktap_test_result "killable job: a signal that is not fatal does not end it" is_not_impressed
ktap_test_result "a chunk of expensive indices is bounded by default" jump 10
ktap_test_result "a chunk of expensive indices is bounded by max_chunk" \
	jump 3 max_chunk=100
# The rest of the chunk takes more than a minute.
ktap_test_result "a thread function that checks for a stop ends within a chunk" \
	jump 10 max_chunk=100000 ask=1
ktap_finished
