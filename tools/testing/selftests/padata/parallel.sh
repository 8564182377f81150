#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Multithreaded jobs that run in parallel share the CPUs.  All of them together
# have fewer helpers than there are CPUs, and callers count as well.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

JOBS=4

run_together()
{
	for i in $(seq "$JOBS"); do
		{
			job "" size=5000 min_chunk=1 eager=1 us=100
			printf '%s\n' "$report" >"$scratch/$i"
		} &
	done
	wait
	for i in $(seq "$JOBS"); do
		report=$(cat "$scratch/$i")
		is_complete 5000 || return 1
	done
}

are_fewer_than_cpus()
{
	job "" size=1
	ktap_print_msg "at most $(get job peak) helpers ran at the same time"
	[ "$(get job peak)" -ge 1 ] && [ "$(get job peak)" -lt "$cpus" ]
}

# held FD: the job of this open file has begun
held()
{
	report=$(eval "cat <&$1")
	job_is active=1 >/dev/null
}

# One caller for each CPU, which waits in its thread function
occupy()
{
	for fd in $callers; do
		eval "exec $fd<>'$TRIGGER'"
		eval "echo size=1 hold=1 >&$fd &" 2>/dev/null
	done
	for fd in $callers; do
		await held "$fd" || return 1
	done
}

vacate()
{
	for fd in $callers; do
		eval "echo go >&$fd"
	done
	wait
	for fd in $callers; do
		eval "exec $fd>&-"
	done
}

take_no_cpu_of_callers()
{
	occupy && job "" size=1000 min_chunk=1 eager=1 us=100
	status=$?
	vacate
	[ "$status" = 0 ] && is_complete 1000 && job_is threads=1
}

come_again()
{
	job "" size=1000 min_chunk=1 eager=1 us=100 meet=3
	is_complete 1000
}

restore()
{
	rm -r "$scratch"
}

setup 3
scratch=$(mktemp -d)
cpus=$(online_cpus | wc -l)
callers=$(seq 4 $((3 + cpus)))	# their file descriptors

ktap_set_plan 4
ktap_test_result "$JOBS concurrent jobs complete" run_together
ktap_test_result "all jobs together have fewer helpers than CPUs" are_fewer_than_cpus
if [ "$cpus" -le 6 ]; then
	ktap_test_result "as many callers as CPUs: no helper runs" \
		take_no_cpu_of_callers
else
	ktap_test_skip "as many callers as CPUs: requires at most 6 CPUs"
fi
ktap_test_result "no other callers: at least two helpers run" come_again
ktap_finished
