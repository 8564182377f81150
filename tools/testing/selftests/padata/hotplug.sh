#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# While CPUs go offline and online, multithreaded jobs process each index once, with no
# more threads than there are CPUs.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

CPUS=/sys/devices/system/cpu

# turn 0|1 CPU...: take CPUs offline or online
turn()
{
	value=$1
	shift
	for cpu; do
		echo "$value" >"$CPUS/cpu$cpu/online" || return 1
	done
}

# Repeat until $scratch/stop exists.  The size of a file counts the rounds.
turn_all()
{
	while [ ! -e "$scratch/stop" ]; do
		for cpu in $pluggable; do
			turn 0 "$cpu"
		done
		for cpu in $pluggable; do
			turn 1 "$cpu"
		done
		echo >>"$scratch/rounds"
	done
}

# shellcheck disable=SC2086 # words are wanted
jobs_are_complete()
{
	jobs=0
	until [ "$jobs" -ge 30 ] && [ "$(grep -c '' "$scratch/rounds")" -ge 5 ]
	do
		jobs=$((jobs + 1))
		job "" size=1000 min_chunk=1 eager=1 us=100
		is_complete 1000 || return 1
		[ "$(get job threads)" -le "$present" ] || return 1
	done
	ktap_print_msg "$jobs jobs completed"
}

survive()
{
	turn_all &
	jobs_are_complete
	status=$?
	touch "$scratch/stop"
	wait
	return "$status"
}

# If a helper has no CPU left, the scheduler moves it to another one, and the
# helper must leave.  It may still begin, on that CPU, the chunk that it had
# already taken.
lose_their_cpus() # CPU CPU
{
	start "taskset -c $1,$2" size=1000000000 min_chunk=1 eager=1 \
		killable=1 us=1000
	await has_threads 2 || return 1
	turn 0 "$1" "$2" || return 1
	goes_on || return 1
	turn 1 "$1" "$2"
	stop || return 1
	ktap_print_msg "$(helpers_began "$1,$2") chunks begun on other CPUs, at most 1 allowed"
	job_is err=-4 broken=0 && [ "$(helpers_began "$1,$2")" -le 1 ]
}

# shellcheck disable=SC2086 # words are wanted
are_as_many_as_cpus()
{
	kept=$(online_cpus | sed -n 1,2p | paste -s -d , -)
	off=$(online_cpus | sed 1,2d)

	turn 0 $off
	job "" size=1000 min_chunk=1 eager=1 us=100 meet=2
	turn 1 $off
	is_complete 1000 && job_is threads=2 && helpers_within "$kept" &&
		job "" size=1000 min_chunk=1 eager=1 us=100 meet=3 &&
		is_complete 1000
}

# shellcheck disable=SC2086 # words are wanted
restore()
{
	touch "$scratch/stop"
	wait
	turn 1 $pluggable 2>/dev/null
	rm -r "$scratch"
}

setup 4
scratch=$(mktemp -d)
touch "$scratch/rounds"
present=$(online_cpus | wc -l)
pluggable=$(online_cpus | while read -r cpu; do
	[ ! -w "$CPUS/cpu$cpu/online" ] || echo "$cpu"
done)
[ "$(echo "$pluggable" | wc -l)" -ge 3 ] || skip "requires 3 CPUs that can go offline"

ktap_set_plan 3
ktap_test_result "jobs complete while CPUs go offline and online" survive
# shellcheck disable=SC2046 # words are wanted
ktap_test_result "helpers stop when all of their CPUs go offline" \
	lose_their_cpus $(echo "$pluggable" | tail -n 2)
ktap_test_result "two CPUs online: one helper runs; all online: at least two run" \
	are_as_many_as_cpus
ktap_finished
