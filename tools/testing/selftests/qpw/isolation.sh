#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Operations on other CPUs drain the caches of a CPU in remote mode, but do not disturb
# it: they queue no work for it and send it no function-call IPI.  If it is isolated and
# nohz_full, no work and no other task runs there.  If its task is SCHED_FIFO and never
# yields, the operations do not have to wait for it.
#
# In local mode the operations disturb the CPU and wait for its task.  Boot with
# isolcpus=, nohz_full=, rcu_nocbs= and qpw= to test more.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/qpw/task_lib.sh
. "$(dirname "$0")"/task_lib.sh

TRACING=$(awk '$3 == "tracefs" { print $2; exit }' /proc/mounts)
TRACE=$TRACING/instances/qpw_test
EVENTS="workqueue/workqueue_execute_start sched/sched_switch qpw
	csd/csd_function_entry"
UNEVICTABLE=/proc/sys/vm/compact_unevictable_allowed

# The operations

drop_caches()
{
	echo 1 >/proc/sys/vm/drop_caches
}

compact_memory()
{
	echo 1 >/proc/sys/vm/compact_memory
}

shrink_slab()
{
	for cache in /sys/kernel/slab/*; do
		[ -L "$cache" ] || echo 1 >"$cache/shrink"
	done
}

flush_buffers()
{
	blockdev --flushbufs "$device"
}

destroy_cache()
{
	echo 1 >"$TRIGGER/destroy"
}

# Two tasks wait at once for frees that the CPU has deferred.  On PREEMPT_RT, a thread
# of that CPU does these frees.
destroy_deferred()
{
	echo "$cpu" >"$TRIGGER/stuck" &
	other=$!
	echo "$cpu" >"$TRIGGER/stuck" && wait "$other"
}

# The task that occupies the CPU

# occupy [PRIORITY]
occupy()
{
	run_task "$TASK" stay "$scratch/requests" "$cpu" "$scratch/mnt" "$@"
}

# Count what happened on the CPU or for it

# events EVENT [REST]: events on the CPU
events()
{
	grep -cE " $1: ${2-}" "$TRACE/per_cpu/cpu$cpu/trace"
}

# events_for EVENT: events about the CPU, on any CPU
events_for()
{
	grep -cE " $1: target_cpu=$cpu " "$TRACE/trace"
}

# Print details that help to find the cause of a failure
tasks_switched_to()
{
	sed -n "s/.* sched_switch: .*next_comm=\\([^ ]*\\).*/\\1/p" \
		"$TRACE/per_cpu/cpu$cpu/trace" | sort -u | list
}

# Omit lines about other CPUs and about events.
report()
{
	queued=$(events_for qpw_queue)
	remote=$(events_for qpw_remote_run)
	called=$(events csd_function_entry func=invalidate_bh_lru)
	works=$(events workqueue_execute_start)
	switches=$(events sched_switch)
	ktap_print_msg "$1: $queued work items queued for CPU $cpu, $remote" \
		"run by other CPUs; on CPU $cpu: $called function calls," \
		"$works work items run, $switches context switches"
	[ "$switches" = 0 ] ||
		ktap_print_msg "CPU $cpu switched to: $(tasks_switched_to)"
}

is_quiet()
{
	[ "$queued" = 0 ] && [ "$called" = 0 ] || return 1
	[ -z "$isolated" ] || { [ "$works" = 0 ] && [ "$switches" = 0 ]; }
}

# No work function drains the buffer heads, so no event reports that.
is_drained()
{
	[ "$1" = flush_buffers ] || [ "$remote" -gt 0 ]
}

is_disturbed()
{
	if [ "$1" = flush_buffers ]; then
		[ "$called" -gt 0 ]
	else
		[ "$queued" -gt 0 ] && [ "$works" -gt 0 ] &&
			[ "$switches" -gt 0 ]
	fi
}

# Filling the caches may leave something to do on the CPU, for example for a new
# kworker, that is not due to the operation.
is_settled()
{
	echo >"$TRACE/trace"
	sleep 0.2
	[ "$(events sched_switch)" = 0 ]
}

# The other CPUs have filled caches to drain, too.
prepare()
{
	fill || return 1
	[ -z "$isolated" ] || try 50 is_settled || return 1
	echo >"$TRACE/trace"
}

observe()
{
	prepare && "$1" && report "$1"
}

does_not_disturb()
{
	observe "$1" && is_quiet && is_drained "$1"
}

disturbs()
{
	observe "$1" && is_disturbed "$1"
}

is_queued()
{
	[ "$(events_for qpw_queue)" -gt 0 ]
}

is_over()
{
	[ -e "$scratch/over" ]
}

begin()
{
	rm -f "$scratch/over"
	prepare || return 1
	{ "$1" && touch "$scratch/over"; } &
}

# An operation that hangs ends when the task does.
restart()
{
	vacate
	await is_over && occupy 1
}

# The operation does not wait forever, and does not disturb the CPU.
does_not_wait()
{
	begin "$1" && await is_over
	over=$?
	report "$1"
	[ "$over" = 0 ] || restart
	[ "$over" = 0 ] && is_quiet && is_drained "$1"
}

# The work of the operation has been queued, so only the CPU can complete it.  Before
# that, the operation may wait for deferred frees.
waits()
{
	begin "$1" || return 1
	[ "$1" = destroy_deferred ] || await is_queued || return 1
	sleep 1
	! is_over
	waited=$?
	restart && [ "$waited" = 0 ]
}

# What restore() must undo

make_mount()
{
	dd if=/dev/zero of="$scratch/image" bs=1M count=4 2>/dev/null
	mke2fs -F "$scratch/image" >/dev/null 2>&1 || return 1
	mkdir "$scratch/mnt"
	device=$(losetup -f) && losetup "$device" "$scratch/image" || return 1
	mount -t ext4 "$device" "$scratch/mnt"
}

make_trace()
{
	mkdir "$TRACE" || return 1
	for event in $EVENTS; do
		echo 1 >"$TRACE/events/$event/enable" || return 1
	done
}

# Interrupts of devices, such as the line that prints the results, are not due to the
# operations.
divert_interrupts()
{
	for file in /proc/irq/*/smp_affinity_list; do
		before=$(cat "$file")
		echo "$others" >"$file" && diverted="$diverted $file=$before"
	done 2>/dev/null
}

return_interrupts()
{
	for entry in $diverted; do
		echo "${entry#*=}" >"${entry%%=*}"
	done
}

restore()
{
	end_task
	return_interrupts
	[ -z "$unevictable" ] || echo "$unevictable" >$UNEVICTABLE
	[ ! -d "$TRACE" ] || rmdir "$TRACE"
	umount "$scratch/mnt" 2>/dev/null
	[ -z "$device" ] || losetup -d "$device"
	unload
}

device='' unevictable='' isolated='' diverted=''
setup
need_task
choose_cpu
others=$(online_cpus | grep -vxF "$cpu" | list)
[ -n "$others" ] || skip "requires 2 online CPUs"
! is_in isolated || ! is_in nohz_full || isolated=1
taskset -p -c "$others" $$ >/dev/null || skip "requires taskset"
load
make_mount || skip "requires mke2fs, a loop device and ext4"
make_trace || skip "requires tracefs and workqueue, sched, qpw and csd events"
unevictable=$(cat $UNEVICTABLE) && echo 0 >$UNEVICTABLE
divert_interrupts

operations="drop_caches compact_memory shrink_slab destroy_cache"
if is_remote "$cpu"; then
	mode=remote effect=does_not_disturb wait=does_not_wait
else
	mode=local effect=disturbs wait=waits
fi

occupy || skip "cannot run a task on CPU $cpu"
ktap_print_msg "CPU $cpu is in $mode mode${isolated:+, isolated and nohz_full}"
ktap_set_plan 10
for operation in $operations; do
	ktap_test_result "$operation $(words "$effect") CPU $cpu" \
		"$effect" "$operation"
done
# Isolated CPUs in local mode cache no buffer heads.
if [ $mode = local ] && is_in isolated; then
	ktap_test_skip "flush_buffers $(words "$effect") CPU $cpu: it caches no buffer heads"
else
	ktap_test_result "flush_buffers $(words "$effect") CPU $cpu" \
		"$effect" flush_buffers
fi
vacate

if [ -n "$isolated" ] && set_free && occupy 1; then
	for operation in $operations destroy_deferred; do
		ktap_test_result "$operation $(words "$wait") for a SCHED_FIFO task" \
			"$wait" "$operation"
	done
else
	reason="requires an isolated nohz_full CPU without real-time throttling"
	for operation in $operations destroy_deferred; do
		ktap_test_skip "$operation $(words "$wait") for a SCHED_FIFO task: $reason"
	done
fi
ktap_finished
