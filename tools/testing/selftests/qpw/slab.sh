#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Objects freed by kfree_rcu() on all CPUs are gone after kvfree_rcu_barrier(), and
# a cache may be destroyed right after.  Boot with init_on_free=1, which tells
# whether an object has been freed.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/qpw/qpw_lib.sh
. "$(dirname "$0")"/qpw_lib.sh

# ask FILE NUMBER: of the module, on all CPUs
ask()
{
	taskset -c "${on:-$(online_cpus | list)}" \
		sh -c "echo $2 >$TRIGGER/$1" 2>/dev/null
}

is_fine()
{
	[ "$(trouble)" = "$trouble_before" ]
}

destroys()
{
	ask destroy 20 && is_fine
}

shrink()
{
	for cache in /sys/kernel/slab/*qpw_trigger*; do
		echo 1 >"$cache/shrink"
	done 2>/dev/null
}

destroys_while_shrunk()
{
	during shrink
	destroys
	status=$?
	enough
	return "$status"
}

destroys_hotplug()
{
	during toggle_cpus
	destroys
	status=$?
	enough
	return "$status"
}

barrier_waits()
{
	ask barrier 20 && is_fine
}

barrier_waits_hotplug()
{
	during toggle_cpus
	barrier_waits
	status=$?
	enough
	return "$status"
}

# A CPU in any mode has freed old objects, and interrupts are off.
# shellcheck disable=SC2030,SC2031 # meant to be local
barrier_waits_for_deferred()
{
	for cpu in $(online_cpus); do
		on=$(online_cpus | grep -vxF "$cpu" | list)
		(ask deferred "$cpu") || return 1
	done
	on=
	is_fine
}

restore()
{
	unload
}

setup
load
grep -qw init_on_free=1 /proc/cmdline || wiped="boot with init_on_free=1"
trouble_before=$(trouble)
on=

ktap_set_plan 6
ktap_test_result "caches are destroyed with nothing left" destroys
ktap_test_result "so are caches that others shrink" destroys_while_shrunk
if [ -n "$(pluggable_cpus)" ]; then
	ktap_test_result "so are caches while CPUs go off and on" destroys_hotplug
else
	ktap_test_skip "so are caches while CPUs go off and on: none does"
fi
if [ -n "${wiped-}" ]; then
	ktap_test_skip "objects are gone after the barrier: $wiped"
	ktap_test_skip "also while CPUs go off and on: $wiped"
	ktap_test_skip "also if call_rcu() had to be deferred: $wiped"
else
	ktap_test_result "objects are gone after the barrier" barrier_waits
	if [ -n "$(pluggable_cpus)" ]; then
		ktap_test_result "also while CPUs go off and on" \
			barrier_waits_hotplug
	else
		ktap_test_skip "also while CPUs go off and on: none does"
	fi
	ktap_test_result "also if call_rcu() had to be deferred" \
		barrier_waits_for_deferred
fi
ktap_finished
