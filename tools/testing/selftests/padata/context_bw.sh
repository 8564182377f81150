#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers of a caller whose CPU group has a bandwidth limit use only quota that its tasks
# have left unused, and the group stays within its quota.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh
# shellcheck source=tools/testing/selftests/padata/context_lib.sh
. "$(dirname "$0")"/context_lib.sh

HELPERS=$(cat "$MAX_HELPERS")
BURSTS=

# In microseconds, known to 10 ms
now()
{
	awk '{ printf "%d\n", $1 * 1000000 }' /proc/uptime
}

usage()
{
	value "$1/cpu.stat" usage_usec
}

# measure GROUP SECONDS: what the job that was started makes GROUP use, as $used, in
# $elapsed; and the number of chunks of helpers meanwhile, as $began
measure()
{
	look
	began=$(helpers_began "")
	elapsed=$(now)
	used=$(usage "$1")
	sleep "$2"
	used=$(($(usage "$1") - used))
	elapsed=$(($(now) - elapsed))
	look
	began=$(($(helpers_began "") - began))
	ktap_print_msg "$1 used $used us in $elapsed us; $began chunks of helpers"
}

# within PERCENT CHUNK: $used is that share of $elapsed, and what the period before it may
# add and the one in which it ends, and one chunk, in microseconds, for each thread
within()
{
	[ "$used" -le $((elapsed * $1 / 100 + $1 * 2000 + $2 * ($(online_cpus | wc -l) + 1))) ]
}

# set_quota GROUP PERCENT: of a CPU, in periods of 100 ms
set_quota()
{
	set_file "$1/cpu.max" "${2}000 100000"
}

lift_quota()
{
	set_file "$1/cpu.max" max
}

# The caller uses the CPU, and so do helpers.  A job of 4 seconds
run_job()
{
	job in_a size=4000 min_chunk=1 eager=1 us=1000 spin=2
	is_complete 4000 || return 1
	took=$(get job said_us)
}

# The quota is worth two CPUs, and the caller uses one.  How much faster the job is depends
# on the machine: the CPUs of an emulator may have to wait for each other.
faster()
{
	set_quota "$A" 200
	echo 0 >"$MAX_HELPERS"
	run_job || return 1
	alone=$took
	echo "$HELPERS" >"$MAX_HELPERS"
	sleep 0.3
	used=$(usage "$A")
	elapsed=$(now)
	run_job || return 1
	used=$(($(usage "$A") - used))
	elapsed=$(($(now) - elapsed))
	lift_quota "$A"
	ktap_print_msg "alone $alone us, with helpers $took us; used $used us in $elapsed us"
	within 200 10000 && [ "$used" -gt $((took * 110 / 100)) ]
}

# The caller alone uses more than the quota.  When it begins, 20 ms may be left of the last
# period, and then as much of the one in which it begins.
small()
{
	set_quota "$A" 20
	run_job
	lift_quota "$A"
	began=$(helpers_began "")
	ktap_print_msg "$took us, $began chunks of helpers"
	[ "$took" -gt 0 ] && [ "$began" -le 44 ]
}

# The caller's chunks sleep; those of helpers use the CPU for 1 ms.
lower()
{
	set_quota "$A" 300
	start_busy && sleep 1 || return 1
	measure "$A" 2
	within 300 1000 && [ "$used" -gt $((elapsed * 6 / 10)) ] || return 1
	set_quota "$A" 100
	sleep 0.3
	measure "$A" 2
	within 100 1000 && [ "$began" -gt 0 ] || return 1
	lift_quota "$A"
	sleep 0.3
	measure "$A" 1
	stop && [ "$used" -gt $((elapsed * 15 / 10)) ] && job_is err=-4 broken=0
}

nested()
{
	set_quota "$A" 300
	set_quota "$TOP" 50
	start_job become_in_a
	sleep 0.5
	measure "$TOP" 2
	lift_quota "$TOP"
	lift_quota "$A"
	stop && within 50 1000 && [ "$used" -gt $((elapsed / 10)) ]
}

# Only helpers use runtime, while the caller sleeps for longer than a period.  It looks for
# runtime in between, at any time of the period.
asleep()
{
	set_quota "$A" 200
	start_job become_in_a caller_ms=130
	sleep 1
	measure "$A" 4
	stop
	lift_quota "$A"
	within 200 1000 && [ "$used" -gt $((elapsed / 20)) ]
}

# Nothing but helpers uses runtime for many periods, and they can never use all of it.
idle()
{
	set_quota "$A" 400
	start_job become_in_a caller_ms=1500
	sleep 1
	measure "$A" 3
	stop
	lift_quota "$A"
	within 400 1000 && [ "$used" -gt $((elapsed * 18 / 10)) ]
}

# The caller is throttled when its quota is raised, and uses the CPU all the time.
raise()
{
	set_quota "$A" 20
	start_job become_in_a max_chunk=10 spin=2
	sleep 1
	set_quota "$A" 300
	sleep 0.3
	measure "$A" 2
	stop
	lift_quota "$A"
	within 300 10000 && [ "$used" -gt $((elapsed * 13 / 10)) ]
}

# The period shrinks by a factor of 1000, and the quota is as large as possible.
extreme()
{
	set_file "$A/cpu.max" "17592186044415 1000000" || return 1
	start_job become_in_a
	for _ in 1 2 3; do
		sleep 0.3
		set_file "$A/cpu.max" "17592186044415 1000"
		sleep 0.3
		set_file "$A/cpu.max" "17592186044415 1000000"
	done
	await has_threads 2
	stop
	lift_quota "$A"
	job_is err=-4 broken=0
}

# Chunks take much longer than helpers pay for in advance.
overdraw()
{
	set_quota "$A" 50
	start_job become_in_a us=100000 caller_ms=10
	sleep 1
	measure "$A" 6
	stop
	lift_quota "$A"
	within 50 100000 && [ "$used" -gt $((elapsed * 15 / 100)) ]
}

# While a group is idle, its quota pays for what helpers used, four seconds for each chunk.
repay()
{
	set_quota "$A" 100
	job in_a size=20 min_chunk=1 max_chunk=1 eager=1 us=4000000 spin=1 caller_ms=70 ||
		return 1
	ktap_print_msg "$(helpers_began "") chunks of helpers"
	[ "$(helpers_began "")" -gt 0 ] || return 1
	job in_a size=300 min_chunk=1 max_chunk=1 eager=1 us=1000 spin=1
	early=$(helpers_began "")
	sleep 14
	job in_a size=300 min_chunk=1 max_chunk=1 eager=1 us=1000 spin=1
	late=$(helpers_began "")
	lift_quota "$A"
	ktap_print_msg "chunks of helpers: $early, after 14 seconds $late"
	[ "$early" = 0 ] && [ "$late" -gt 0 ]
}

# The time in units of 10 ms, as $cs, without another process
read_cs()
{
	read -r cs _ </proc/uptime
	cs=${cs%.*}${cs#*.}
}

# spin CS: use the CPU for this long.  If a CPU of an emulator waits for the host, that counts.
spin()
{
	read_cs
	end=$((cs + $1))
	while [ "$cs" -lt "$end" ]; do
		read_cs
	done
}

# burst CS: in the group, three tasks use a CPU each at the same time.
burst()
{
	echo 0 >"$A/cgroup.procs"
	while :; do
		spin "$1" &
		spin "$1" &
		spin "$1"
		wait
		sleep 0.2
	done
}

# For how long the tasks of the group are throttled in 6 seconds of a job.  Chunks of the
# caller sleep: if a CPU is throttled while its task runs in the kernel, that lasts until
# the task sleeps, and the other tasks of that CPU wait.
throttled()
{
	before=$(value "$A/cpu.stat.local" throttled_usec)
	start_job become_in_a max_chunk=10
	measure "$A" 6
	throttled=$(($(value "$A/cpu.stat.local" throttled_usec) - before))
	stop
}

# compare QUOTA CS: tasks run for this long.  First without helpers, as $alone, then
# with them
compare()
{
	set_quota "$A" "$1"
	burst "$2" &
	BURSTS=$!
	echo 0 >"$MAX_HELPERS"
	throttled
	alone=$throttled
	echo "$HELPERS" >"$MAX_HELPERS"
	throttled
	echo 1 >"$A/cgroup.kill"
	wait "$BURSTS"
	BURSTS=
	lift_quota "$A"
	ktap_print_msg "throttled for $alone us without helpers, for $throttled us with them"
}

# The quota pays for more than half of the CPUs.
siblings()
{
	compare 250 3 && [ "$began" -gt 10 ] && [ "$throttled" -le $((alone * 2 + 90000)) ]
}

# Three tasks use more than the quota, in one period or in two.
burst_once()
{
	echo 0 >"$A/cgroup.procs"
	spin 9 &
	spin 9 &
	spin 9
	wait
}

# Helpers do not use what cpu.max.burst carries over for the tasks.
saved()
{
	set_quota "$A" 100
	set_file "$A/cpu.max.burst" 100000
	start_job become_in_a
	sleep 1
	look
	before=$(value "$A/cpu.stat" burst_usec)
	used=$(usage "$A")
	elapsed=$(now)
	for _ in 1 2 3 4 5 6 7 8; do
		sleep 0.3
		burst_once &
		wait $!
	done
	before=$(($(value "$A/cpu.stat" burst_usec) - before))
	used=$(($(usage "$A") - used))
	elapsed=$(($(now) - elapsed))
	look
	stop
	set_file "$A/cpu.max.burst" 0
	lift_quota "$A"
	ktap_print_msg "used $used us in $elapsed us, $before us more than the quota;" \
		"$(helpers_began "") chunks of helpers"
	used=$((used - 100000))
	within 100 1000 && [ "$(helpers_began "")" -gt 0 ] && [ "$before" -gt 250000 ]
}

# The caller moves to a group with a limit, and its former group is removed.
move()
{
	set_quota "$A" 300
	set_quota "$B" 100
	start_busy || return 1
	echo "$task" >"$B/cgroup.procs"
	rmdir "$A" || return 1
	sleep 0.3
	measure "$B" 2
	stop
	lift_quota "$B"
	mkdir "$A"
	within 100 1000 && [ "$began" -gt 0 ]
}

in_thread()
{
	echo 0 >"$CGROUPS/padata_threads/cgroup.procs"
	echo 0 >"$CGROUPS/padata_threads/t/cgroup.threads"
	exec "$@"
}

# In a threaded group there is no memory controller.
threads()
{
	group=$CGROUPS/padata_threads
	mkdir "$group" && echo "+cpu" >"$group/cgroup.subtree_control" || return 1
	mkdir "$group/t" && echo threaded >"$group/t/cgroup.type" || return 1
	set_quota "$group/t" 100
	start_job in_thread
	sleep 0.5
	measure "$group/t" 2
	stop
	await rmdir "$group/t" && await rmdir "$group"
	within 100 1000 && [ "$began" -gt 0 ]
}

restore()
{
	echo "$HELPERS" >"$MAX_HELPERS"
	[ -z "$BURSTS" ] || echo 1 >"$A/cgroup.kill"
	rmdir "$CGROUPS/padata_threads/t" "$CGROUPS/padata_threads" 2>/dev/null
	restore_groups
}

setup 4
setup_groups

ktap_set_plan 14
ktap_test_result "helpers use the rest of a quota of two CPUs, and no more" faster
ktap_test_result "the quota of a caller that uses all of it is not exceeded" small
ktap_test_result "helpers keep to the quota when it changes during a job" lower
ktap_test_result "helpers come when the quota of a throttled caller is raised" raise
ktap_test_result "any quota and period can be set during a job" extreme
ktap_test_result "a quota above the caller's group is not exceeded" nested
ktap_test_result "helpers use the quota while the caller sleeps" asleep
ktap_test_result "helpers continue while the group is idle" idle
ktap_test_result "chunks of unexpected length do not exceed the quota" overdraw
ktap_test_result "the quota of an idle group pays for such chunks" repay
ktap_test_result "helpers do not cause other tasks to be throttled" siblings
ktap_test_result "helpers leave what cpu.max.burst carries over" saved
ktap_test_result "a caller that moves is subject to the quota of its new group" move
ktap_test_result "the quota of a threaded group is not exceeded" threads
ktap_finished
