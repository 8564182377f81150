#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers of a multithreaded job allocate memory on the nodes of the caller's cpuset.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

SET=$CGROUPS/padata_test

become_in_set()
{
	echo 0 >"$SET/cgroup.procs"
	exec "$@"
}

# charge COMMAND SIZE: start a job in which helpers allocate a page for each index
charge()
{
	start "$1" "size=$2" min_chunk=1 max_chunk=1 eager=1 us=1000 spin=1 \
		charge=1 meet=3
}

is_done()
{
	look
	[ "$(get job "done")" = "$1" ]
}

# finish SIZE: wait for the job that was started
finish()
{
	await is_done "$1" && wait "$task" && task= && exec 3>&-
}

# on NODE: pages allocated there
on()
{
	get "node$1" charged
}

stay()
{
	for node in 0 1; do
		echo $node >"$SET/cpuset.mems"
		charge become_in_set 600
		finish 600 || return 1
		ktap_print_msg "node 0: $(on 0) pages, node 1: $(on 1) pages"
		[ "$(on $node)" -gt 100 ] && [ "$(on $((1 - node)))" = 0 ] || return 1
	done
}

# A chunk that has begun may still allocate its page on the old node.
follow()
{
	echo 0 >"$SET/cpuset.mems"
	charge become_in_set 3000
	await has_chunks 300
	echo 1 >"$SET/cpuset.mems"
	look
	most=$(($(on 0) + $(get job threads)))
	finish 3000 || return 1
	ktap_print_msg "node 0: $(on 0) pages, at most $most allowed; node 1: $(on 1) pages"
	[ "$(on 0)" -le "$most" ] && [ "$(on 1)" -gt 100 ]
}

# The nodes of all helpers, one per line
nodes_of_helpers()
{
	awk '$1 == "Name:" { helper = $2 == "padata_mt" }
		helper && $1 == "Mems_allowed_list:" { print $2 }' /proc/[0-9]*/status 2>/dev/null
}

have_all_nodes()
{
	[ "$(nodes_of_helpers | sort -u)" = 0-1 ]
}

restore()
{
	[ ! -d "$SET" ] || await rmdir "$SET" 2>/dev/null
}

setup 3
[ "$(cat /sys/devices/system/node/has_memory)" = 0-1 ] || skip "requires 2 nodes with memory"
{ [ -n "$CGROUPS" ] && echo +cpuset >"$CGROUPS/cgroup.subtree_control"; } ||
	skip "requires the cpuset controller of cgroup v2"
mkdir "$SET" || skip "cannot create a cgroup"

ktap_set_plan 3
ktap_test_result "helpers allocate on the nodes of the caller's cpuset" stay
ktap_test_result "helpers follow when these nodes change" follow
ktap_test_result "after the job, helpers have all nodes" await have_all_nodes
ktap_finished
