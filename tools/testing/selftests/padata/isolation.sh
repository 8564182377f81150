#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# No helper of a multithreaded job runs on an isolated or nohz_full CPU, even if the
# calling task may.  Boot with isolcpus= or nohz_full= to test that.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

# An empty list of nohz_full CPUs reads "(null)".
ISOLATED=$(cat /sys/devices/system/cpu/isolated /sys/devices/system/cpu/nohz_full 2>/dev/null |
	grep '[0-9]' | paste -s -d , -)

others()
{
	online_cpus | grep -vxF "$(cpus "$ISOLATED")"
}

spare()
{
	job "taskset -c $(online_cpus | paste -s -d , -)" size=1000 \
		min_chunk=1 eager=1 us=100 meet=3
	is_complete 1000 && helpers_within "$(others | paste -s -d , -)"
}

do_not_come()
{
	job "taskset -c $(cpus "$ISOLATED" | head -n 1)" size=1000 \
		min_chunk=1 eager=1 us=100
	is_complete 1000 && job_is threads=1
}

setup 1
[ -n "$ISOLATED" ] || skip "requires an isolated CPU"
[ "$(others | wc -l)" -ge 3 ] || skip "requires 3 CPUs that are not isolated"

ktap_set_plan 2
ktap_test_result "caller allowed on all CPUs: helpers avoid isolated CPUs" spare
ktap_test_result "caller bound to an isolated CPU: no helper runs" do_not_come
ktap_finished
