#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What helpers of a multithreaded job use is charged to the cgroup of the calling task,
# and helpers do not exceed the weight of its CPU group.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh
# shellcheck source=tools/testing/selftests/padata/context_lib.sh
. "$(dirname "$0")"/context_lib.sh

# covers GROUP HELPERS: the group's time is that of helpers, and less than a quarter more
# for what the caller does itself.  If helpers were charged twice, it would be twice as much.
covers()
{
	[ "$1" -ge $(($2 - $2 / 20 - 60000)) ] && [ "$1" -le $(($2 + $2 / 4 + 60000)) ]
}

# The caller's chunks sleep, and those of helpers use the CPU.
charge_time()
{
	used=$(helpers_used)
	total=$(value "$A/cpu.stat" usage_usec)
	system=$(value "$A/cpu.stat" system_usec)
	job in_a size=2000 min_chunk=1 max_chunk=1 eager=1 us=1000 spin=1 meet=3 "$@"
	used=$(($(helpers_used) - used))
	total=$(($(value "$A/cpu.stat" usage_usec) - total))
	system=$(($(value "$A/cpu.stat" system_usec) - system))
	ktap_print_msg "helpers used $used us; the group's cpu.stat grew by $total," \
		"of that $system in the kernel"
	is_complete 2000 && [ "$used" -gt 500000 ] && covers "$total" "$used" &&
		covers "$system" "$used"
}

# The group that the caller left can be removed during the job.
follow()
{
	start_busy || return 1
	echo "$task" >"$B/cgroup.procs"
	rmdir "$A" || return 1
	mkdir "$A"
	goes_on || return 1
	before=$(value "$B/cpu.stat" usage_usec)
	used=$(helpers_used)
	sleep 1
	used=$(($(helpers_used) - used))
	before=$(($(value "$B/cpu.stat" usage_usec) - before))
	stop || return 1
	ktap_print_msg "helpers used $used us, the new group's cpu.stat grew by $before"
	[ "$used" -gt 300000 ] && [ "$before" -gt $((used * 8 / 10)) ]
}

has_no_helpers()
{
	job in_a size=200 min_chunk=1 eager=1 us=1000
	is_complete 200 && job_is threads=1
}

# limited FILE LIMIT DEFAULT: callers have helpers, but not with LIMIT
limited()
{
	has_helpers && set_file "$1" "$2" && has_no_helpers &&
		set_file "$1" "$3" && has_helpers
}

weight()
{
	set_file "$A/cpu.weight" 2 && has_helpers && limited "$A/cpu.weight" 1 100
}

# In another group a task keeps each CPU busy.  At nice 19, a helper gets 15 / (1024 + 15)
# of a CPU, or 1.5%.
compete()
{
	start_busy || return 1
	online_cpus | while read -r cpu; do
		sh -c 'echo 0 >"$0/cgroup.procs"
			exec taskset -c "$1" sh -c "while :; do :; done"' "$B" "$cpu" &
	done
	sleep 1
	used=$(helpers_used)
	began=$(cut -d ' ' -f 1 /proc/uptime)
	sleep 4
	used=$(($(helpers_used) - used))
	elapsed=$(awk -v began="$began" '{ printf "%d\n", ($1 - began) * 1000000 }' /proc/uptime)
	echo 1 >"$B/cgroup.kill"
	stop || return 1
	ktap_print_msg "CPUs were busy for $elapsed us each; helpers used $used us"
	[ "$used" -gt 0 ] && [ $((used * 100)) -le $((elapsed * $(online_cpus | wc -l) * 3)) ]
}

# lifted_to NICE: the caller waits for a long chunk of a helper
lifted_to()
{
	job in_a size=2 min_chunk=1 max_chunk=1 eager=1 us=1 helper_ms=300 meet=2
	is_complete 2 && [ "$(get helper end_nice)" = "$1" ]
}

# A group with weight 20 of 1024, the weight of about nice 18
lift()
{
	lifted_to 0 && set_file "$A/cpu.weight" 2 && lifted_to 18 &&
		set_file "$A/cpu.weight" 100
}

# A session has an autogroup.  This one has the weight of nice 10.
in_session()
{
	setsid sh -c 'echo 10 >/proc/$$/autogroup && exec "$@"' sh "$@"
}

lift_in_session()
{
	job in_session size=2 min_chunk=1 max_chunk=1 eager=1 us=1 helper_ms=300 meet=2
	is_complete 2 && [ "$(get helper end_nice)" = 10 ]
}

test_autogroup()
{
	if [ "$(cat /proc/sys/kernel/sched_autogroup_enabled 2>/dev/null)" = 1 ]; then
		ktap_test_result "$1" lift_in_session
	else
		ktap_test_skip "$1"
	fi
}

# start_charging COMMAND: each helper charges 8 pages for each index
start_charging()
{
	start "$1" size=500 min_chunk=1 eager=1 us=1000 charge=8 meet=3
	await is_done && wait "$task" && task=
}

is_done()
{
	look
	[ "$(get job "done")" = 500 ]
}

# Pages that helpers charged in the job
charged()
{
	get 'node[0-9]*' charged | awk '{ n += $1 } END { print n + 0 }'
}

# The file holds the pages until it is closed.
charge_memory()
{
	start_charging become_in_a || return 1
	charged=$(charged)
	current=$(($(cat "$A/memory.current") / PAGE))
	exec 3>&-
	ktap_print_msg "$charged pages charged by helpers; memory.current: $current pages"
	is_complete 500 && [ "$charged" -gt 1000 ] && [ "$current" -ge "$charged" ] &&
		[ "$current" -lt $((charged + 1000)) ]
}

# A page that a helper cannot charge is an error of its chunk.  The OOM killer may choose
# the caller when that needs memory itself.
limit_memory()
{
	set_file "$A/memory.max" $((1024 * PAGE))
	start become_in_a size=5000 min_chunk=1 eager=1 us=1000 charge=8 meet=2
	await has_error
	error=$?
	exec 3>&-
	wait "$task" 2>/dev/null
	task=
	set_file "$A/memory.max" max
	[ "$error" = 0 ] && job_is err=-12 broken=0 && [ "$(charged)" -lt 1100 ]
}

# Does not allocate memory any more
sleeps()
{
	[ "$(cat "/proc/$1/comm")" = sleep ] && [ "$(cut -d ' ' -f 3 "/proc/$1/stat")" = S ]
}

# The OOM killer chooses the caller.  Its helpers give up, instead of calling for
# the next victim, because the pages are freed only when the job has ended.
give_up()
{
	sh -c 'echo 0 >"$0/cgroup.procs"; exec sleep 60' "$A" &
	sibling=$!
	await sleeps $sibling || return 1
	set_file "$A/memory.max" $((1024 * PAGE))
	killed=$(value "$A/memory.events" oom_kill)
	start preferred size=5000 min_chunk=1 eager=1 us=1000 charge=8 wait=1 meet=2
	await has_error
	error=$?
	wait "$task"
	task=
	exec 3>&-
	set_file "$A/memory.max" max
	killed=$(($(value "$A/memory.events" oom_kill) - killed))
	kill "$sibling" 2>/dev/null
	sibling=$?
	ktap_print_msg "$killed tasks killed"
	[ "$error" = 0 ] && job_is err=-12 broken=0 && [ "$killed" = 1 ] &&
		[ "$sibling" = 0 ]
}

# The first choice of the OOM killer
preferred()
{
	echo 1000 >/proc/self/oom_score_adj
	become_in_a "$@"
}

# charge_quickly: charge several times as much as memory.high allows in a later test.
# How long that took is in $took, in milliseconds.
charge_quickly()
{
	took=$(cut -d ' ' -f 1 /proc/uptime)
	job in_a size=400 min_chunk=1 eager=1 us=1000 charge=8 meet=2
	took=$(awk -v began="$took" '{ printf "%d\n", ($1 - began) * 1000 }' /proc/uptime)
	is_complete 400 && [ "$(charged)" -gt 1600 ]
}

# The allocations of helpers do not wait.  So the caller is throttled, for up to 2 seconds,
# when it returns to user space.
pay()
{
	charge_quickly || return 1
	free=$took
	set_file "$A/memory.high" $((512 * PAGE))
	charge_quickly
	error=$?
	set_file "$A/memory.high" max
	ktap_print_msg "without memory.high: $free ms, with it: $took ms"
	[ "$error" = 0 ] && [ "$took" -gt $((free + 1000)) ]
}

# The helpers that charged the group work for another caller now.
forget()
{
	used=$(value "$A/cpu.stat" usage_usec)
	peak=$(cat "$A/memory.current")
	start_charging "" || return 1
	peak=$(($(cat "$A/memory.current") - peak))
	exec 3>&-
	used=$(($(value "$A/cpu.stat" usage_usec) - used))
	ktap_print_msg "the group: $used us, $peak bytes"
	is_complete 500 && [ "$used" -lt 1000 ] && [ "$peak" -le 0 ]
}

restore()
{
	restore_groups
}

setup 3
setup_groups
PAGE=$(page_size)

ktap_set_plan 14
ktap_test_result "the CPU time of helpers is in cpu.stat of the caller's group" charge_time
ktap_test_result "that of nested jobs, too" charge_time nest=10
ktap_test_result "the CPU time of helpers follows a caller that moves" follow
ktap_test_result "a caller in a group that is lighter than nice 19 has no helpers" weight
ktap_test_result "a caller in an idle group has no helpers" limited "$A/cpu.idle" 1 0
ktap_test_result "tasks of another group lose no more than the weight of nice 19" compete
ktap_test_result "a straggler gets no more than the weight of the caller's group" lift
test_autogroup "a straggler gets no more than the weight of the caller's autogroup"
ktap_test_result "helpers charge memory to the caller's group" charge_memory
ktap_test_result "memory.max applies to what helpers charge" limit_memory
ktap_test_result "helpers give up when the OOM killer chooses the caller" give_up
ktap_test_result "the caller pays for what helpers charge above memory.high" pay
ktap_test_result "nothing is charged to the group of an earlier caller" forget
ktap_test_result "at the end, callers in the group have helpers" has_helpers
ktap_finished
