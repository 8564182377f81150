#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tasks on all CPUs map, mlock, munlock and unmap memory while the CPUs' caches
# are drained: no page is left behind, neither off the LRU lists nor locked.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/qpw/qpw_lib.sh
. "$(dirname "$0")"/qpw_lib.sh

ROUNDS=200
none="no CPU can go offline"

drain()
{
	for _ in 1 2 3 4 5; do
		echo 1 >/proc/sys/vm/drop_caches
	done
	echo 1 >/proc/sys/vm/compact_memory
}

local_cpus()
{
	online_cpus | grep -vxF "$(remote_cpus)"
}

# counter NAME...: the sum of these counters.  On an isolated CPU, only a task that
# runs there can fold them.
counter()
{
	for cpu in $(online_cpus); do
		taskset -c "$cpu" cat /proc/sys/vm/stat_refresh
	done
	for name; do
		sed -n "s/^$name //p" /proc/vmstat
	done | awk '{ sum += $1 } END { print sum }'
}

# left WHAT: the number of these in the last report
left()
{
	echo "$strays" | sed -nE "s/.*$1=([0-9]+).*/\1/p"
}

look()
{
	strays=$("$TASK" strays)
	locked=$(counter nr_mlock)
	unevictable=$(counter nr_unevictable)
}

# A page may be in transit for a moment.
is_as_before()
{
	look
	[ "$(left lost)" = 0 ] && [ "$(left mlocked)" = "$locked" ] &&
		[ "$locked" = "$locked_before" ] &&
		[ "$(left unevictable)" = "$unevictable" ] &&
		[ "$unevictable" = "$unevictable_before" ]
}

leaves_nothing()
{
	try 20 is_as_before
	status=$?
	ktap_print_msg "pages: $strays, nr_mlock: $locked_before before, $locked after," \
		"nr_unevictable: $unevictable_before before, $unevictable after"
	[ "$status" = 0 ] && [ "$(trouble)" = "$trouble_before" ]
}

storm_once()
{
	taskset -c "$(online_cpus | list)" "$TASK" storm "$ROUNDS" &
	task=$!
	while kill -0 "$task" 2>/dev/null; do
		drain
		drains=$((drains + 1))
	done
	wait "$task"
}

# grew FIELD BEFORE CPUS: whether the counter has grown, if there are such CPUs
grew()
{
	[ -z "$3" ] || [ "$(total "$1")" -gt "$2" ]
}

# Wait until CPUs have been drained remotely or by themselves, according to their modes
storm()
{
	remote=$(total remote_runs) queued=$(total queued) drains=0
	until storm_once || return 1
		grew remote_runs "$remote" "$(remote_cpus)" &&
		grew queued "$queued" "$(local_cpus)"; do
		[ "$drains" -lt 1000 ] || return 1
	done
	ktap_print_msg "$drains drains, $(($(total queued) - queued)) work items" \
		"queued, $(($(total remote_runs) - remote)) run by other CPUs"
}

weathers()
{
	storm && leaves_nothing
}

weathers_hotplug()
{
	while_toggling storm && leaves_nothing
}

# The caches of a CPU that goes offline must be drained before it comes online again.
leaves_nothing_off()
{
	"$TASK" storm 1 || return 1
	# shellcheck disable=SC2046 # words are wanted
	turn 0 $(pluggable_cpus)
	leaves_nothing
	status=$?
	# shellcheck disable=SC2046 # words are wanted
	turn 1 $(pluggable_cpus)
	return "$status"
}

setup
need_task
[ -e /proc/sys/vm/compact_memory ] || skip "requires CONFIG_COMPACTION"
[ -e /proc/kpageflags ] || skip "requires CONFIG_PROC_PAGE_MONITOR"
look
locked_before=$locked unevictable_before=$unevictable
trouble_before=$(trouble)

ktap_set_plan 3
ktap_test_result "drains leave no page lost or locked" weathers
if [ -n "$(pluggable_cpus)" ]; then
	ktap_test_result "drains leave no page lost or locked during CPU hotplug" weathers_hotplug
	ktap_test_result "CPUs that go offline leave no page lost or locked" leaves_nothing_off
else
	ktap_test_skip "drains leave no page lost or locked during CPU hotplug: $none"
	ktap_test_skip "CPUs that go offline leave no page lost or locked: $none"
fi
ktap_finished
