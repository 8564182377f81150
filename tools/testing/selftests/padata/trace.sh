#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The tracepoints of multithreaded jobs report what happened.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

# traced KEY=VALUE...: run a job, with its events in $events
traced()
{
	echo >"$TRACE/trace"
	job "" "$@"
	events=$(grep 'padata_mt_.*trigger_thread_fn' "$TRACE/trace")
}

of()
{
	printf '%s\n' "$events" | grep "padata_mt_$1:"
}

# says EVENT FACT...
says()
{
	line=$(of "$1")
	shift
	for fact; do
		case "$line " in
		*" $fact "*) ;;
		*)	ktap_print_msg "expected $fact, got: $line"
			return 1 ;;
		esac
	done
}

# sizes: the sum over chunks
sizes()
{
	of chunk | sed "s/.* size=//" | awk "{ sum += \$1 } END { print sum }"
}

pids()
{
	of chunk | sed -E 's/^.*-([0-9]+) +\[.*/\1/' | sort -u
}

start_is_told()
{
	traced size=1000 align=2 min_chunk=3 max_threads=2 us=100
	says job_start start=0 size=1000 align=2 min_chunk=3 max_threads=2
}

# shellcheck disable=SC2046 # words are wanted
chunks_are_told()
{
	traced size=1000 min_chunk=1 eager=1 us=100 meet=3
	is_complete 1000 && [ "$(of chunk | wc -l)" = "$(get job chunks)" ] &&
		[ "$(sizes)" = 1000 ] &&
		[ "$(pids)" = "$(printf '%s\n' $(get '[a-z]*' pid) | sort)" ]
}

end_is_told()
{
	says job_end "threads=$(get job threads)" \
		"chunks=$(get job chunks)" err=0
}

errors_are_told()
{
	traced size=1000 min_chunk=1 eager=1 us=100 meet=2 fail=500
	job_is err=-5 && says job_end "threads=$(get job threads)" \
		"chunks=$(get job chunks)" err=-5 &&
		[ "$(of chunk | grep -c 'err=-5')" = 1 ]
}

statistics_agree()
{
	job_is "said_threads=$(get job threads)" \
		"said_chunks=$(get job chunks)"
}

restore()
{
	[ ! -d "$TRACE" ] || rmdir "$TRACE"
}

setup 3
trace_into padata_test padata_mt || skip "requires tracefs"

ktap_set_plan 5
ktap_test_result "the start of a job is traced" start_is_told
ktap_test_result "each chunk is traced in the thread that runs it" chunks_are_told
ktap_test_result "the end of a job is traced" end_is_told
ktap_test_result "the statistics of a job are correct" statistics_agree
ktap_test_result "errors are traced" errors_are_told
ktap_finished
