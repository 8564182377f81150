#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Objects freed by kfree_rcu() on all CPUs are gone after kvfree_rcu_barrier(), and
# a cache may be destroyed right after.  Boot with init_on_free=1, which tells
# whether an object has been freed.  kfree_nolock() frees to the sheaves.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/qpw/qpw_lib.sh
. "$(dirname "$0")"/qpw_lib.sh

# ask FILE NUMBER [CPUS]: of the module, on all CPUs or these
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

# The CPU that frees has its interrupts off then.
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
	awk '{ print $1 }' "$STAT"
}

# Where unlocking may have to wake up a drainer, only a drain that is going on keeps
# objects from the sheaves, whatever the mode of the CPU.
frees_to_sheaves()
{
	before=$(freed_to_sheaves)
	ask nolock 64 "$1" || return 1
	freed=$(($(freed_to_sheaves) - before))
	ktap_print_msg "CPU $1: $freed of 64 went to sheaves"
	# a drain meanwhile costs some: 28 seen on a loaded debug kernel, 2 without sheaves
	[ "$freed" -ge 16 ]
}

frees_without_lock()
{
	for cpu in $(online_cpus); do
		frees_to_sheaves "$cpu" || return 1
	done
}

restore()
{
	unload
}

STAT=/sys/kernel/slab/kmalloc-192/free_fastpath

setup
load
grep -qw init_on_free=1 /proc/cmdline || wiped="boot with init_on_free=1"
trouble_before=$(trouble)

ktap_set_plan 6
ktap_test_result "caches are destroyed with nothing left" destroys
if [ -n "$(pluggable_cpus)" ]; then
	ktap_test_result "so are caches while CPUs go off and on" \
		while_toggling destroys
else
	ktap_test_skip "so are caches while CPUs go off and on: none does"
fi
if [ -e "$STAT" ]; then
	ktap_test_result "kfree_nolock() frees to the sheaves" frees_without_lock
else
	ktap_test_skip "kfree_nolock() frees to the sheaves: needs CONFIG_SLUB_STATS"
fi
if [ -n "${wiped-}" ]; then
	ktap_test_skip "objects are gone after the barrier: $wiped"
	ktap_test_skip "also while CPUs go off and on: $wiped"
	ktap_test_skip "also if call_rcu() had to be deferred: $wiped"
else
	ktap_test_result "objects are gone after the barrier" barrier_waits
	if [ -n "$(pluggable_cpus)" ]; then
		ktap_test_result "also while CPUs go off and on" \
			while_toggling barrier_waits
	else
		ktap_test_skip "also while CPUs go off and on: none does"
	fi
	ktap_test_result "also if call_rcu() had to be deferred" \
		barrier_waits_for_deferred
fi
ktap_finished
