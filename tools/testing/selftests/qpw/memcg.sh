#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A CPU caches charges of memory cgroups.  Other CPUs take them back when a group is removed,
# when its limit is lowered, and when a task needs them, even if the task on that CPU never
# enters the kernel.  For a CPU in remote mode they queue no work.
#
# From an isolated CPU in local mode nothing is taken back.  Boot with isolcpus=, nohz_full=,
# rcu_nocbs= and qpw= to test more.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/qpw/task_lib.sh
. "$(dirname "$0")"/task_lib.sh

CGROUPS=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
TOP=$CGROUPS/qpw_memcg
GROUP=$TOP/group
PARTITION=$CGROUPS/qpw_partition
PAGE=$(awk '$1 == "KernelPageSize:" { print $2 * 1024; exit }' /proc/self/smaps)
# A CPU caches up to 64 pages of a group, and less than one is left with other CPUs.
MANY=$((32 * PAGE))
FEW=$((8 * PAGE))
ROUNDS=${ROUNDS:-20}

# The task that occupies the CPU

# occupy [PRIORITY]
occupy()
{
	run_task "$TASK" charge "$scratch/requests" "$cpu" "$@"
}

# Charge the group.  Then the task is not in it any more, and has no reference to it.
charge()
{
	echo "$task" >"$GROUP/cgroup.procs" && fill &&
		echo "$task" >"$home/cgroup.procs" && fill
}

current()
{
	cat "$1/memory.current"
}

dying()
{
	sed -n 's/^nr_dying_descendants //p' "$CGROUPS/cgroup.stat"
}

none_dying()
{
	[ "$(dying)" = "$dying_before" ]
}

is_fine()
{
	[ "$(trouble)" = "$trouble_before" ]
}

# lower GROUP: have all charges taken back that CPUs cache
lower()
{
	echo 0 >"$1/memory.high" && echo max >"$1/memory.high"
}

# The group keeps less than a page for each node
holds_few()
{
	lower "$1" && [ "$(current "$1")" -lt $FEW ]
}

# prepare: a new group, whose charges the CPU caches
prepare()
{
	mkdir "$GROUP" && charge || return 1
	cached=$(current "$GROUP")
	queued=$(counted "$cpu" queued)
	remote=$(counted "$cpu" remote_runs)
	[ "$cached" -ge $MANY ]
}

report()
{
	queued=$(($(counted "$cpu" queued) - queued))
	remote=$(($(counted "$cpu" remote_runs) - remote))
	ktap_print_msg "$1: $cached bytes cached, $2 left; $queued work items queued for" \
		"CPU $cpu, $remote run by other CPUs"
}

# The operations.  Each leaves what the group still has in $left.

remove_group()
{
	rmdir "$GROUP" || return 1
	try "$patience" none_dying && try "$patience" holds_few "$TOP"
	left=$(current "$TOP")
}

lower_limit()
{
	try "$patience" holds_few "$GROUP"
	left=$(current "$GROUP")
}

# The task needs more than the group has left, and would be killed.
reach_limit()
{
	echo $((cached + FEW)) >"$GROUP/memory.max" || return 1
	left=$(current "$GROUP")
	"$TASK" use "$GROUP/cgroup.procs" $((48 - FEW / PAGE)) >"$scratch/use" 2>&1 &&
		left=0
}

clean_up()
{
	[ ! -d "$GROUP" ] || rmdir "$GROUP"
}

observe()
{
	prepare && "$1"
	status=$?
	report "$1" "$left"
	clean_up
	return $status
}

# The operations of the FIFO part must not depend on its task.
takes_back()
{
	patience=100
	observe "$1" && [ "$left" -lt $FEW ] && is_fine || return 1
	if [ "$mode" = remote ]; then
		[ "$queued" = 0 ] && [ "$remote" -gt 0 ]
	else
		[ "$queued" -gt 0 ]
	fi
}

leaves()
{
	patience=10
	observe "$1"
	[ "$left" -ge $MANY ] && [ "$queued" = 0 ] && is_fine || return 1
	# The group of the next test must not find the charges of this one.
	vacate
	[ -z "$fifo" ] || echo "$throttle" >$THROTTLE
	turn 0 "$cpu" && turn 1 "$cpu" || return 1
	[ -z "$fifo" ] || set_free
	occupy ${fifo:+"$fifo"} && await none_dying
}

# Many groups on all CPUs

# Tasks on all CPUs that are online at the moment charge a group, which then goes away.
charge_and_remove()
{
	round=0
	while [ $round -lt "$ROUNDS" ]; do
		mkdir "$TOP/g$round" || return 1
		for number in $(online_cpus); do
			taskset -c "$number" "$TASK" use "$TOP/g$round/cgroup.procs" 1 \
				2>/dev/null
		done
		rmdir "$TOP/g$round" || return 1
		round=$((round + 1))
	done
}

# The limit is little exceeded, so that the tasks are not throttled.
lower_top()
{
	limit=$(($(current "$TOP") - PAGE))
	[ $limit -lt 0 ] || echo $limit >"$TOP/memory.high"
	echo max >"$TOP/memory.high"
}

all_returned()
{
	try 100 none_dying
	try 100 holds_few "$TOP"
	ktap_print_msg "$ROUNDS groups: $(current "$TOP") bytes left, and" \
		"$(($(dying) - dying_before)) groups"
	none_dying && holds_few "$TOP" && is_fine
}

loses_nothing()
{
	while_doing lower_top charge_and_remove && all_returned
}

# A drain may be queued on a CPU that goes offline.  It is lost with that CPU, but later
# drains of the CPU are not.
survives_hotplug()
{
	while_toggling while_doing lower_top charge_and_remove &&
		charge_and_remove && all_returned
}

# Partitions

isolate()
{
	echo isolated >"$PARTITION/cpuset.cpus.partition" && is_remote "$cpu_b"
}

is_local()
{
	! is_remote "$cpu_b"
}

end_partition()
{
	echo member >"$PARTITION/cpuset.cpus.partition" && await is_local
}

# While a CPU is being isolated, drains may skip it.
one_partition()
{
	mkdir "$GROUP" &&
		taskset -c "$cpu_b" "$TASK" use "$GROUP/cgroup.procs" 1 || return 1
	isolate &
	other=$!
	rmdir "$GROUP" && wait "$other" && try 100 none_dying && end_partition
}

isolates()
{
	mkdir "$PARTITION" && echo "$cpu_b" >"$PARTITION/cpuset.cpus" || return 1
	round=0
	while [ $round -lt "$ROUNDS" ]; do
		one_partition || return 1
		round=$((round + 1))
	done
	is_fine
}

restore()
{
	end_task
	for group in "$TOP"/*/ "$TOP" "$PARTITION"; do
		[ ! -d "$group" ] || rmdir "$group"
	done
}

make_top()
{
	echo +memory >"$CGROUPS/cgroup.subtree_control" && mkdir "$TOP" &&
		echo +memory >"$TOP/cgroup.subtree_control"
}

choose_effect()
{
	isolated='' mode=local effect=takes_back
	! is_in isolated || isolated=1
	if is_remote "$cpu"; then
		mode=remote
	elif [ -n "$isolated" ]; then
		effect=leaves
	fi
}

# test_operations [CIRCUMSTANCE]
test_operations()
{
	for operation in remove_group lower_limit reach_limit; do
		name="$operation $(words $effect) what CPU $cpu caches$1"
		if [ $operation$mode$effect = reach_limitlocaltakes_back ]; then
			# Work that is queued may run too late.
			ktap_test_skip "$name: requires remote mode"
		else
			ktap_test_result "$name" $effect $operation
		fi
	done
}

# skip_operations CIRCUMSTANCE REASON
skip_operations()
{
	for operation in remove_group lower_limit reach_limit; do
		ktap_test_skip "$operation $(words $effect) what CPU $cpu caches$1: $2"
	done
}

fifo='' left=0 patience=10
setup
need_task
[ -n "$PAGE" ] || skip "requires CONFIG_PROC_PAGE_MONITOR"
grep -qsw memory "$CGROUPS/cgroup.controllers" ||
	skip "requires cgroup2 with the memory controller"
home=$CGROUPS$(sed -n 's/^0:://p' /proc/self/cgroup)
choose_cpu
others=$(online_cpus | grep -vxF "$cpu" | list)
[ -n "$others" ] || skip "requires 2 online CPUs"
taskset -p -c "$others" $$ >/dev/null || skip "requires taskset"
make_top || skip "cannot make a cgroup"
dying_before=$(dying)
trouble_before=$(trouble)
choose_effect

occupy || skip "cannot run a task on CPU $cpu"
ktap_print_msg "CPU $cpu is in $mode mode${isolated:+ and isolated}"
ktap_set_plan 9
test_operations
vacate

fifo=1
if [ -n "$isolated" ] && is_in nohz_full && set_free && occupy $fifo; then
	test_operations " below a SCHED_FIFO task"
	vacate
	echo "$throttle" >$THROTTLE
else
	skip_operations " below a SCHED_FIFO task" "requires an isolated nohz_full CPU"
fi
fifo=

storm="no charge is lost on all CPUs"
hotplug="no charge is lost when CPUs go offline and online"
if [ $effect = leaves ]; then
	ktap_test_skip "$storm: isolated CPUs are not drained"
	ktap_test_skip "$hotplug: isolated CPUs are not drained"
else
	taskset -p -c "$(online_cpus | list)" $$ >/dev/null
	ktap_test_result "$storm" loses_nothing
	if [ -n "$(pluggable_cpus)" ]; then
		ktap_test_result "$hotplug" survives_hotplug
	else
		ktap_test_skip "$hotplug: no CPU can go offline"
	fi
fi

name="groups that are removed while their CPU is isolated are freed"
boot=$(remote_cpus)
cpu_b=$(online_cpus | grep -vxF "${boot:-none}" | tail -n 1)
if grep -qE '(^| )qpw=' /proc/cmdline; then
	ktap_test_skip "$name: requires a boot without qpw="
elif [ "$(online_cpus | grep -cvxF "${boot:-none}")" -lt 2 ] ||
	! echo +cpuset >"$CGROUPS/cgroup.subtree_control"; then
	ktap_test_skip "$name: requires 2 CPUs that are not isolated, and cpuset"
else
	taskset -p -c "$(online_cpus | list)" $$ >/dev/null
	ktap_test_result "$name" isolates
fi
ktap_finished
