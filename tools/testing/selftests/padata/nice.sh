#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers of a multithreaded job run at nice 19.  A helper that the caller waits for
# gets the caller's nice value, and loses it after the job.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

# role_has caller|helper NICE: at the beginning of all chunks
role_has()
{
	for value in $(get "$1" min_nice) $(get "$1" max_nice); do
		[ "$value" = "$2" ] || {
			ktap_print_msg "$1 has nice $value instead of $2"
			return 1
		}
	done
}

are_lowest()
{
	job "" size=1000 min_chunk=1 eager=1 us=100 meet=3
	is_complete 1000 && role_has helper 19
}

# reniced NICE COMMAND...: use renice, because busybox may lack nice
# shellcheck disable=SC2016 # later
reniced()
{
	sh -c 'renice -n "$0" -p $$ >/dev/null; exec "$@"' "$@"
}

keeps_its_own()
{
	job "reniced $1" size=1000 min_chunk=1 eager=1 us=100 meet=3
	is_complete 1000 && role_has caller "$1" && role_has helper 19 &&
		role_has after "$1"
}

# A chunk in a helper ends only when it is lifted.
are_lifted()
{
	job "reniced $1" size=1000 min_chunk=1 eager=1 us=100 meet=3 lift=1
	is_complete 1000
}

has_nice()
{
	[ ! -e "/proc/$1" ] || [ "$(cut -d ' ' -f 19 "/proc/$1/stat")" = "$2" ]
}

are_lowered()
{
	[ -n "$(get helper pid)" ] || return 1
	for pid in $(get helper pid); do
		await has_nice "$pid" 19 || return 1
	done
}

setup 3
ktap_set_plan 6
ktap_test_result "helpers run at nice 19" are_lowest
ktap_test_result "the caller stays at nice 5" keeps_its_own 5
ktap_test_result "the caller stays at nice -5" keeps_its_own -5
ktap_test_result "stragglers are lifted to the caller's nice value, one after another" are_lifted 5
ktap_test_result "lifted helpers return to nice 19 after the job" are_lowered
ktap_test_result "helpers of the next job run at nice 19" are_lowest
ktap_finished
