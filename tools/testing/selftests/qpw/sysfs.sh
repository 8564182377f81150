#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The file that lists the CPUs in remote mode

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/qpw/qpw_lib.sh
. "$(dirname "$0")"/qpw_lib.sh

RANGE="[0-9]+(-[0-9]+)?"

has_form()
{
	[ "$(grep -c '' $CPUS/qpw)" = 1 ] &&
		grep -qxE "($RANGE(,$RANGE)*)?" $CPUS/qpw
}

# The file mode forbids writes, and the kernel rejects them.
is_read_only()
{
	before=$(cat $CPUS/qpw)
	[ "$(stat -c %a $CPUS/qpw)" = 444 ] || return 1
	! sh -c "echo 0 >$CPUS/qpw" 2>/dev/null || return 1
	chmod 644 $CPUS/qpw
	! sh -c "echo 0 >$CPUS/qpw" 2>/dev/null
	denied=$?
	chmod 444 $CPUS/qpw
	[ "$denied" = 0 ] && [ "$(cat $CPUS/qpw)" = "$before" ]
}

agrees_with_debugfs()
{
	[ "$(remote_cpus)" = "$(awk '$2 == "remote" { print $1 }' "$STATS")" ]
}

# A CPU keeps its mode while it is offline.
keeps_offline_cpus()
{
	before=$(cat $CPUS/qpw)
	cpu=$(pluggable_cpus | tail -n 1)
	turn 0 "$cpu" || return 1
	[ "$(cat $CPUS/qpw)" = "$before" ] && agrees_with_debugfs
	status=$?
	turn 1 "$cpu"
	[ "$status" = 0 ] && [ "$(cat $CPUS/qpw)" = "$before" ]
}

setup
ktap_set_plan 4
ktap_test_result "the file has one line, with a CPU list" has_form
ktap_test_result "the file is read-only" is_read_only
ktap_test_result "sysfs and debugfs list the same CPUs in remote mode" agrees_with_debugfs
if [ -n "$(pluggable_cpus)" ]; then
	ktap_test_result "CPUs keep their mode while offline" keeps_offline_cpus
else
	ktap_test_skip "CPUs keep their mode while offline: no CPU can go offline"
fi
ktap_finished
