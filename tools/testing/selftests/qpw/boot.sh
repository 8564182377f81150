#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# qpw= on the kernel command line selects the CPUs in remote mode during boot.  This
# test checks the result for the command line of the running kernel: boot with other
# values to test more.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/qpw/qpw_lib.sh
. "$(dirname "$0")"/qpw_lib.sh

RANGE="[0-9]+(-[0-9]+)?"

# The last value; what follows -- is for init.
value()
(
	set -f
	last=auto
	# shellcheck disable=SC2013 # words are wanted
	for word in $(cat /proc/cmdline); do
		case $word in
		--) break ;;
		qpw=*) last=${word#qpw=} ;;
		esac
	done
	echo "$last"
)

possible()
{
	cpus "$(cat $CPUS/possible)"
}

# Ranges must ascend, and each CPU must exist.
is_list()
{
	echo "$1" | grep -qxE "$RANGE(,$RANGE)*" && ! echo "$1" | tr , "\n" |
		awk -F - 'NF == 2 && $1 > $2 { bad = 1 } END { exit !bad }' &&
		! cpus "$1" | grep -qvxF "$(possible)"
}

is_good()
{
	case $1 in
	auto | 1 | on | y | 0 | off | n) ;;
	cpus:*) is_list "${1#cpus:}" ;;
	*) false ;;
	esac
}

# What isolcpus= and nohz_full= isolate, as the kernel itself says
isolated()
{
	{
		cpus "$(cat $CPUS/isolated)"
		cpus "$(sed 's/(null)//' $CPUS/nohz_full 2>/dev/null)"
	} | sort -nu
}

# The CPUs that the value selects, one per line; a bad value stands for auto
expected()
{
	is_good "$value" || { isolated; return; }
	case $value in
	auto) isolated ;;
	1 | on | y) possible ;;
	cpus:*) cpus "${value#cpus:}" | sort -nu ;;
	esac
}

said()
{
	printf '%s\n' "$log" | sed -nE 's/^(<[0-9]+>)?\[[^]]*\] qpw: //p'
}

summaries()
{
	said | grep '^CPUs in remote mode: '
}

warnings()
{
	said | grep -v '^CPUs in remote mode: '
}

is_in_sysfs()
{
	[ "$(remote_cpus)" = "$(expected)" ]
}

is_in_log()
{
	shown=$(cat $CPUS/qpw)
	[ "$(summaries)" = "${shown:+CPUs in remote mode: $shown}" ]
}

is_in_debugfs()
{
	for cpu in $(possible); do
		if is_remote "$cpu"; then
			[ "$(counted "$cpu" mode)" = remote ] || return 1
		else
			[ "$(counted "$cpu" mode)" = local ] || return 1
		fi
	done
}

names_forms()
{
	case $(warnings) in
	"qpw=$value is not "*auto,*1,*on,*y,*0,*off,*n*cpus:*"$(cat $CPUS/possible)"*) ;;
	*) return 1 ;;
	esac
}

is_warned_about()
{
	[ "$(warnings | grep -c '')" = "$1" ] || return 1
	is_good "$value" || names_forms
}

setup
log=$(dmesg) || skip "cannot read the kernel log"
printf '%s\n' "$log" | grep -q 'Linux version' || skip "the boot log is lost"
value=$(value)
warned=0
is_good "$value" || warned=1
remote=$(cat $CPUS/qpw)

ktap_set_plan 4
ktap_test_result "sysfs lists the CPUs that qpw= selects: ${remote:-none}" is_in_sysfs
ktap_test_result "the kernel log lists the CPUs in remote mode, if any" is_in_log
ktap_test_result "debugfs and sysfs show the same modes" is_in_debugfs
ktap_test_result "warnings about the value of qpw=: $warned" is_warned_about "$warned"
ktap_finished
