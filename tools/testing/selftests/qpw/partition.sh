#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A CPU is in remote mode while it is in an isolated partition, if the command line has
# no qpw= or qpw=auto.  Making and ending partitions waits for no task on these CPUs.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/qpw/task_lib.sh
. "$(dirname "$0")"/task_lib.sh

CGROUPS=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
TRACING=$(awk '$3 == "tracefs" { print $2; exit }' /proc/mounts)
TRACE=$TRACING/instances/qpw_partition
ROUNDS=${ROUNDS:-100}

# isolate NAME CPUS: an isolated partition of its own
isolate()
{
	mkdir -p "$CGROUPS/$1" && echo "$2" >"$CGROUPS/$1/cpuset.cpus" &&
		echo isolated >"$CGROUPS/$1/cpuset.cpus.partition" &&
		[ "$(cat "$CGROUPS/$1/cpuset.cpus.partition")" = isolated ]
}

# join NAME: end the partition
join()
{
	echo member >"$CGROUPS/$1/cpuset.cpus.partition"
}

isolated_cpus()
{
	cpus "$(cat "$CGROUPS/cpuset.cpus.isolated")"
}

# The lists of the two subsystems agree, beside what the command line says
lists_agree()
{
	[ "$(printf '%s\n' "$(isolated_cpus)" "$boot" | sed '/^$/d' | sort -nu)" = \
		"$(remote_cpus | sort -nu)" ]
}

is_local()
{
	! is_remote "$1"
}

becomes_remote()
{
	isolate qpw_a "$cpu" && is_remote "$cpu" && lists_agree
}

becomes_local()
{
	join qpw_a && await is_local "$cpu" && await lists_agree
}

takes_two()
{
	isolate qpw_a "$cpu,$cpu_b" && is_remote "$cpu" &&
		is_remote "$cpu_b" && lists_agree || return 1
	isolate qpw_a "$cpu_b" && is_remote "$cpu_b" &&
		await is_local "$cpu" && join qpw_a && await lists_agree
}

stays_when_offline()
{
	isolate qpw_a "$cpu,$cpu_b" || return 1
	echo 0 >"$CPUS/cpu$cpu/online" || return 1
	is_remote "$cpu"
	status=$?
	echo 1 >"$CPUS/cpu$cpu/online"
	join qpw_a && await lists_agree && [ "$status" = 0 ]
}

drain_some()
{
	echo 1 >/proc/sys/vm/drop_caches
	for cache in /sys/kernel/slab/kmalloc-*; do
		[ -L "$cache" ] || echo 1 >"$cache/shrink"
	done
}

goes_in_and_out()
{
	round=0
	while [ $round -lt "$ROUNDS" ]; do
		isolate qpw_a "$cpu" && is_remote "$cpu" || return 1
		join qpw_a || return 1
		round=$((round + 1))
	done
}

loses_nothing()
{
	while_doing drain_some goes_in_and_out && await lists_agree &&
		[ "$(trouble)" = "$before" ]
}

# Works queued on $cpu after the mark
queued_after()
{
	sed "1,/$1/d" "$TRACE/trace" | grep -c " qpw_queue: target_cpu=$cpu "
}

is_not_queued()
{
	round=0
	isolate qpw_a "$cpu" || return 1
	while [ $round -lt 20 ]; do
		join qpw_a && await is_local "$cpu" || return 1
		echo >"$TRACE/trace"
		sleep 0.1
		echo isolated >"$CGROUPS/qpw_a/cpuset.cpus.partition"
		echo isolated >"$TRACE/trace_marker"
		sleep 0.1
		grep -q isolated "$TRACE/trace" || return 1
		[ "$(queued_after isolated)" = 0 ] || return 1
		round=$((round + 1))
	done
	join qpw_a
}

# may_use PID CPU
may_use()
{
	cpus "$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "/proc/$1/status")" |
		grep -qxF "$2"
}

# thread_of CPU: the thread that drains it, if there is one
thread_of()
{
	grep -lsx "qpw/$1" /proc/[0-9]*/comm | sed 's,^/proc/,,; s,/comm$,,'
}

keeps_off()
{
	isolate qpw_a "$cpu"
	thread=$(thread_of "$cpu")
	may_use "$thread" "$cpu_b" || return 1
	isolate qpw_b "$cpu_b" || return 1
	! may_use "$thread" "$cpu" && ! may_use "$thread" "$cpu_b" || return 1
	join qpw_b && may_use "$thread" "$cpu_b" && join qpw_a && await lists_agree
}

# On PREEMPT_RT, RCU needs a thread on each CPU that nohz_full= does not list.  Behind the
# SCHED_FIFO task, no grace period would end.
rcu_needs_thread()
{
	uname -v | grep -q PREEMPT_RT
}

# From now on, no timer makes vmstat_shepherd() queue work.
stop_shepherd()
{
	interval=$(cat /proc/sys/vm/stat_interval)
	echo 3600 >/proc/sys/vm/stat_interval
	sleep "$interval"
	sleep 1
}

in_group()
{
	echo 0 >"$CGROUPS/qpw_a/cgroup.procs"
	exec "$@"
}

# The SCHED_FIFO task in the cgroup qpw_a, which never yields
occupy()
{
	run_task in_group "$TASK" stay "$scratch/requests" "$cpu" "$scratch" 1
}

is_over()
{
	[ -e "$scratch/over" ]
}

# in_time COMMAND...: without waiting for the SCHED_FIFO task
in_time()
{
	rm -f "$scratch/over"
	{ "$@" && touch "$scratch/over"; } &
	other=$!
	await is_over && return 0
	vacate
	wait "$other"
	return 1
}

drain_all()
{
	echo 1 >/proc/sys/vm/drop_caches
	echo 1 >/proc/sys/vm/compact_memory
	for cache in /sys/kernel/slab/*; do
		[ -L "$cache" ] || echo 1 >"$cache/shrink"
	done
}

drains_do_not_wait()
{
	isolate qpw_a "$cpu" && occupy && in_time drain_all
}

other_partitions_do_not_wait()
{
	sleep 3
	in_time isolate qpw_b "$cpu_b" && in_time join qpw_b
}

end_does_not_wait()
{
	in_time join qpw_a
}

# Nothing is queued on the CPU that the task occupies, because the write would wait for
# that.
start_does_not_wait()
{
	vacate
	join qpw_a
	stop_shepherd
	occupy && in_time isolate qpw_a "$cpu" && is_remote "$cpu" &&
		in_time drain_all
}

restore()
{
	end_task
	[ -z "$interval" ] || echo "$interval" >/proc/sys/vm/stat_interval
	for name in qpw_a qpw_b; do
		[ ! -d "$CGROUPS/$name" ] || { join $name; rmdir "$CGROUPS/$name"; }
	done
	[ ! -d "$TRACE" ] || rmdir "$TRACE"
}

interval=''
setup
need_task
[ -e "${CGROUPS:-/none}/cpuset.cpus.isolated" ] ||
	skip "requires cgroup2 with the cpuset controller"
! grep -qE '(^| )qpw=' /proc/cmdline || skip "requires a boot without qpw="
boot=$(remote_cpus)
cpu=$(online_cpus | grep -vxF "${boot:-none}" | tail -n 1)
cpu_b=$(online_cpus | grep -vxF "${boot:-none}" | tail -n 2 | sed -n 1p)
[ "$(online_cpus | grep -cvxF "${boot:-none}")" -gt 2 ] ||
	skip "requires 3 CPUs that are not isolated"
echo +cpuset >"$CGROUPS/cgroup.subtree_control"
taskset -p -c "$(online_cpus | grep -vxF "$cpu" | grep -vxF "$cpu_b" | list)" $$ >/dev/null ||
	skip "requires taskset"
mkdir "$TRACE" || skip "requires tracefs"
echo 1 >"$TRACE/events/qpw/enable"
before=$(trouble)

ktap_set_plan 11
ktap_test_result "a CPU enters remote mode when its partition is isolated" becomes_remote
ktap_test_result "it returns to local mode when the partition ends" becomes_local
ktap_test_result "two CPUs come and go" takes_two
ktap_test_result "a CPU that goes offline keeps its mode" stays_when_offline
ktap_test_result "$ROUNDS partitions during drains lose nothing" loses_nothing
ktap_test_result "no work is queued after the partition was made" \
	while_doing drain_some is_not_queued
if isolate qpw_a "$cpu" && [ -n "$(thread_of "$cpu")" ]; then
	ktap_test_result "the thread that drains keeps off isolated CPUs" \
		keeps_off
else
	ktap_test_skip "the thread that drains: requires PREEMPT_RT"
fi
if ! rcu_needs_thread && set_free; then
	ktap_test_result "drains do not wait for a SCHED_FIFO task" drains_do_not_wait
	ktap_test_result "other partitions do not wait for it" other_partitions_do_not_wait
	ktap_test_result "the end of its partition does not wait for it" end_does_not_wait
	ktap_test_result "a partition with that task does not wait for it" start_does_not_wait
else
	for i in 8 9 10 11; do
		ktap_test_skip "test $i: requires CONFIG_SCHED_DEBUG and !PREEMPT_RT"
	done
fi
ktap_finished
