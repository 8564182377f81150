#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# qpw= on the kernel command line selects the CPUs in remote mode.  That happens
# during boot: this test looks at what became of the running kernel's own command
# line, so boot it with different values to test more.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/qpw/qpw_lib.sh
. "$(dirname "$0")"/qpw_lib.sh

RANGE="[0-9]+(-[0-9]+)?"

# The value given last; what follows -- is for init.
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

# Ranges must not go backwards, either.
is_list()
{
	echo "$1" | grep -qxE "$RANGE(,$RANGE)*" && ! echo "$1" | tr , "\n" |
		awk -F - 'NF == 2 && $1 > $2 { bad = 1 } END { exit !bad }'
}

is_good()
{
	case $1 in
	auto | 1 | on | y | 0 | off | n) ;;
	cpus:*) is_list "${1#cpus:}" ;;
	*) false ;;
	esac
}

possible()
{
	cpus "$(cat $CPUS/possible)"
}

# What isolcpus= and nohz_full= isolate, as the kernel itself says
isolated()
{
	{
		cpus "$(cat $CPUS/isolated)"
		cpus "$(sed 's/(null)//' $CPUS/nohz_full 2>/dev/null)"
	} | sort -nu
}

# The CPUs that the value asks for, one a line, also if they do not exist
asked()
{
	is_good "$value" || { isolated; return; }
	case $value in
	auto) isolated ;;
	1 | on | y) possible ;;
	cpus:*) cpus "${value#cpus:}" | sort -nu ;;
	esac
}

expected()
{
	asked | grep -xF "$(possible)"
}

missing()
{
	asked | grep -vxF "$(possible)"
}

said()
{
	printf '%s\n' "$log" | sed -nE 's/^(<[0-9]+>)?\[[^]]*\] qpw: //p'
}

summaries()
{
	said | grep -E '^(CPUs in remote mode: |no CPU in remote mode)'
}

warnings()
{
	said | grep -vE '^(CPUs in remote mode: |no CPU in remote mode)'
}

is_in_sysfs()
{
	[ "$(remote_cpus)" = "$(expected)" ]
}

is_in_log()
{
	shown=$(cat $CPUS/qpw)
	if [ -n "$shown" ]; then
		[ "$(summaries)" = "CPUs in remote mode: $shown" ]
	else
		[ "$(summaries)" = "no CPU in remote mode" ]
	fi
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
	"qpw=$value is not "*auto,*1,*on,*y,*0,*off,*n*cpus:*) ;;
	*) return 1 ;;
	esac
}

names_missing()
{
	named=$(warnings | sed -nE 's/.* CPUs ([0-9,-]+) do not exist.*/\1/p')
	[ "$(cpus "$named")" = "$(missing)" ]
}

is_warned_about()
{
	[ "$(warnings | grep -c '')" = "$1" ] || return 1
	if ! is_good "$value"; then
		names_forms
	elif [ -n "$(missing)" ]; then
		names_missing
	fi
}

setup
log=$(dmesg) || skip "cannot read the kernel log"
printf '%s\n' "$log" | grep -q 'Linux version' || skip "the log of the boot is lost"
value=$(value)
warned=0
{ is_good "$value" && [ -z "$(missing)" ]; } || warned=1
remote=$(cat $CPUS/qpw)

ktap_set_plan 4
ktap_test_result "CPUs in remote mode: ${remote:-none}" is_in_sysfs
ktap_test_result "a line in the log says so" is_in_log
ktap_test_result "so does debugfs" is_in_debugfs
ktap_test_result "warnings: $warned" is_warned_about "$warned"
ktap_finished
