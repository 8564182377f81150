#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers of a multithreaded job stay within the cpuset of the calling task, and
# leave a CPU that is isolated while they run there.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

SET=$CGROUPS/padata_test

in_set()
{
	echo 0 >"$SET/cgroup.procs"
	"$@"
}

# The same for a job in the background: a signal to $task has to reach the caller.
become_in_set()
{
	echo 0 >"$SET/cgroup.procs"
	exec "$@"
}

stay_within()
{
	echo "$1,$2" >"$SET/cpuset.cpus"
	job in_set size=1000 min_chunk=1 eager=1 us=100 meet=2
	is_complete 1000 && job_is threads=2 && helpers_within "$1,$2"
}

isolate()
{
	echo "$1" >"$SET/cpuset.cpus" &&
		echo isolated >"$SET/cpuset.cpus.partition" &&
		[ "$(cat "$SET/cpuset.cpus.partition")" = isolated ]
}

# A helper may still begin the chunk that it had already taken.
leave()
{
	start "" size=1000000000 min_chunk=1 eager=1 killable=1 us=1000
	await has_threads 3 || return 1
	cpu=$(helper_cpus | tail -n 1)
	isolate "$cpu" || return 1

	look
	most=$(($(begun "$cpu") + $(get job threads) - 1))
	goes_on || return 1
	stop || return 1
	ktap_print_msg "CPU $cpu: $(begun "$cpu") chunks begun, at most $most allowed"
	[ "$(begun "$cpu")" -le "$most" ] && job_is err=-4 broken=0
}

narrow()
{
	echo "$1-$2" >"$SET/cpuset.cpus"
	start_long become_in_set && echo "$1" >"$SET/cpuset.cpus" && helpers_leave "$1"
}

# The partition of another group takes a CPU from the caller.
lose()
{
	start_long "" && echo "$1" >"$SET/cpuset.cpus" || return 1
	echo root >"$SET/cpuset.cpus.partition"
	[ "$(cat "$SET/cpuset.cpus.partition")" = root ] || return 1
	helpers_leave "$(online_cpus | grep -vxF "$1" | paste -s -d , -)"
}

restore()
{
	[ ! -d "$SET" ] || echo member >"$SET/cpuset.cpus.partition"
	[ ! -d "$SET" ] || rmdir "$SET"
}

setup 3
{ [ -n "$CGROUPS" ] && echo +cpuset >"$CGROUPS/cgroup.subtree_control"; } ||
	skip "requires the cpuset controller of cgroup v2"
mkdir "$SET" || skip "cannot create a cgroup"

ktap_set_plan 4
ktap_test_result "helpers stay within the caller's cpuset" \
	stay_within "$(nth_cpu 2)" "$(nth_cpu 3)"
ktap_test_result "helpers leave the CPUs that the caller's cpuset loses" \
	narrow "$(nth_cpu 1)" "$(nth_cpu '$')"
ktap_test_result "helpers leave a CPU that another cpuset partition takes" \
	lose "$(nth_cpu 2)"
echo member >"$SET/cpuset.cpus.partition"
ktap_test_result "helpers leave a CPU that becomes isolated" leave
ktap_finished
