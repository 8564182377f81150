#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The limits of the cpu controller of cgroup v1 apply to helpers of multithreaded jobs.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh
# shellcheck source=tools/testing/selftests/padata/context_lib.sh
. "$(dirname "$0")"/context_lib.sh

V1=/tmp/padata_v1
A=$V1/padata_test
TOP=$V1

# Each chunk of a helper takes 1 ms.
quota()
{
	set_file "$A/cpu.cfs_quota_us" 100000
	start_job become_in_a
	sleep 1
	look
	before=$(helpers_began "")
	sleep 2
	look
	before=$(($(helpers_began "") - before))
	stop
	set_file "$A/cpu.cfs_quota_us" -1
	ktap_print_msg "$before chunks of helpers in 2 seconds"
	[ "$before" -gt 0 ] && [ "$before" -le 2500 ]
}

# The lowest value that is possible is below the weight of nice 19.
shares()
{
	set_file "$A/cpu.shares" 2
	job in_a size=200 min_chunk=1 eager=1 us=1000
	is_complete 200 && job_is threads=1
	alone=$?
	set_file "$A/cpu.shares" 1024
	[ "$alone" = 0 ]
}

mount_v1()
{
	mount -t cgroup -o cpu none "$V1" 2>/dev/null
}

# The hierarchy ends with an unmount after its last cgroup is gone for good.
is_back()
{
	grep -qw cpu "$CGROUPS/cgroup.controllers" && return
	mount_v1 && umount "$V1"
	false
}

# Later tests may need the controller of cgroup v2.
restore()
{
	[ ! -d "$A" ] || await rmdir "$A"
	umount "$V1"
	[ -z "$CGROUPS" ] || await is_back
	rmdir "$V1"
} 2>/dev/null

setup 4
[ -z "$CGROUPS" ] || echo "-cpu" >"$CGROUPS/cgroup.subtree_control"
mkdir -p "$V1"
tries=50
until mount_v1; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || skip "requires the cpu controller of cgroup v1"
	sleep 0.1
done
mkdir "$A" || skip "cannot create a cgroup"
[ -e "$A/cpu.cfs_quota_us" ] || skip "requires CONFIG_CFS_BANDWIDTH"

ktap_set_plan 3
ktap_test_result "a caller in a group without limits has helpers" has_helpers
ktap_test_result "helpers keep to the quota of the group" quota
ktap_test_result "a caller in a group that is lighter than nice 19 has no helpers" shares
ktap_finished
