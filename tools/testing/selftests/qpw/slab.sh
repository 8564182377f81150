#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Objects freed by kfree_rcu() on all CPUs are gone after kvfree_rcu_barrier(), and a
# cache may be destroyed right after.  Boot with init_on_free=1, which shows whether an
# object has been freed.  kfree_nolock() frees to the sheaves.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/qpw/qpw_lib.sh
. "$(dirname "$0")"/qpw_lib.sh

# ask FILE NUMBER [CPUS]: write to a file of the module, on all CPUs or on CPUS
ask()
{
	taskset -c "${3-$(online_cpus | list)}" \
		sh -c "echo $2 >$TRIGGER/$1" 2>/dev/null
}

is_fine()
{
	[ "$(trouble)" = "$trouble_before" ]
}

destroys()
{
	ask destroy 5 && is_fine
}

barrier_waits()
{
	ask barrier 5 && is_fine
}

# The CPU that frees has interrupts disabled at that time.
barrier_waits_for_deferred()
{
	for cpu in $(online_cpus); do
		ask deferred "$cpu" \
			"$(online_cpus | grep -vxF "$cpu" | list)" || return 1
	done
	is_fine
}

freed_to_sheaves()
{
	awk '{ print $1 }' "$CACHE/free_fastpath"
}

# Nothing else uses the cache, so a CPU that has allocated as many objects as a sheaf
# holds has room for them, and kfree_nolock() needs no lock but that of the sheaves.
frees_to_sheaves()
{
	objects=$(cat "$CACHE/sheaf_capacity")
	before=$(freed_to_sheaves)
	ask nolock "$objects" "$1" || return 1
	freed=$(($(freed_to_sheaves) - before))
	ktap_print_msg "CPU $1: $freed of $objects objects were freed to sheaves"
	[ "$freed" -eq "$objects" ]
}

frees_without_lock()
{
	for cpu in $(online_cpus); do
		# Only a concurrent drain of that CPU keeps objects out of the sheaf.
		try 3 frees_to_sheaves "$cpu" || return 1
	done
}

# A task that waits for the lock of a sheaf on PREEMPT_RT takes the runqueue lock of
# the owner.  An owner that already holds it, and has to wake up that task, deadlocks:
# the guest hangs.
frees_at_switches()
{
	for cpu in $(online_cpus | sed 1d); do
		# Two tasks that wait for each other
		taskset -c "$cpu" yes | taskset -c "$cpu" cat >/dev/null &
		ask switch "$cpu" "$(online_cpus | grep -vxF "$cpu" | list)"
		status=$?
		kill $!
		[ "$status" = 0 ] || return 1
		ktap_print_msg "CPU $cpu: $(cat $TRIGGER/switch) objects freed at context switches"
		[ "$(cat $TRIGGER/switch)" -gt 0 ] || return 1
	done
	is_fine
}

# without_lockdep COMMAND...: with PROVE_LOCKING each release of a lock on PREEMPT_RT
# takes the lock's wait_lock, even if no task waits.  lockdep would report that.
without_lockdep()
{
	[ -e "$PROVE" ] || { "$@"; return; }
	echo 0 >$PROVE
	"$@"
	status=$?
	echo 1 >$PROVE
	return "$status"
}

restore()
{
	unload
}

CACHE=/sys/kernel/slab/qpw_trigger_nolock
PROVE=/proc/sys/kernel/prove_locking
none="no CPU can go offline"

setup
load
grep -qw init_on_free=1 /proc/cmdline || wiped="requires init_on_free=1"
trouble_before=$(trouble)

ktap_set_plan 7
ktap_test_result "caches are empty when they are destroyed" destroys
if [ -n "$(pluggable_cpus)" ]; then
	ktap_test_result "caches are empty when they are destroyed during CPU hotplug" \
		while_toggling destroys
else
	ktap_test_skip "caches are empty when they are destroyed during CPU hotplug: $none"
fi
if [ ! -e "$CACHE/free_fastpath" ]; then
	ktap_test_skip "kfree_nolock() frees to the sheaves: requires CONFIG_SLUB_STATS"
elif [ "$(cat "$CACHE/sheaf_capacity")" = 0 ]; then
	ktap_test_skip "kfree_nolock() frees to the sheaves: the cache has no sheaves"
else
	ktap_test_result "kfree_nolock() frees to the sheaves" frees_without_lock
fi
ktap_test_result "kfree_nolock() makes progress at context switches during drains" \
	without_lockdep frees_at_switches
if [ -n "${wiped-}" ]; then
	ktap_test_skip "kvfree_rcu_barrier() waits for all frees: $wiped"
	ktap_test_skip "kvfree_rcu_barrier() waits for all frees during CPU hotplug: $wiped"
	ktap_test_skip "kvfree_rcu_barrier() waits for frees with a deferred call_rcu(): $wiped"
else
	ktap_test_result "kvfree_rcu_barrier() waits for all frees" barrier_waits
	if [ -n "$(pluggable_cpus)" ]; then
		ktap_test_result "kvfree_rcu_barrier() waits for all frees during CPU hotplug" \
			while_toggling barrier_waits
	else
		ktap_test_skip "kvfree_rcu_barrier() waits for all frees during CPU hotplug: $none"
	fi
	ktap_test_result "kvfree_rcu_barrier() waits for frees with a deferred call_rcu()" \
		barrier_waits_for_deferred
fi
ktap_finished
