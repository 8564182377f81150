#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Deferred struct page init reports, for each memory node, how long it took and
# how many threads did it.  deferred_init_threads= on the kernel command line
# caps that number.  Both happen during boot.  This test checks what the running
# kernel logged about its own boot, so boot with different values to test more.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result

DIR=$(dirname "$0")
# shellcheck source=/dev/null
. "$DIR"/../kselftest/ktap_helpers.sh

MAX=2147483647
FORM="node [0-9]+ deferred pages initialised in [0-9]+ms by"
FORM="$FORM (1 thread|([2-9]|[1-9][0-9]+) threads)"

# The values of the parameter, one per line.  What follows -- is for init.
values()
(
	set -f
	# shellcheck disable=SC2013 # words are wanted
	for word in $(cat /proc/cmdline); do
		case $word in
		--) break ;;
		deferred[-_]init[-_]threads) echo ;;
		deferred[-_]init[-_]threads=*) echo "${word#*=}" ;;
		esac
	done
)

is_valid()
{
	number=$(echo "$1" | sed -nE 's/^\+?0*([1-9][0-9]{0,9})$/\1/p')
	[ -n "$number" ] && [ "$number" -le "$MAX" ]
}

# The cap in force: the last valid value, or $MAX if there is none.
cap()
{
	values | (
		last=$MAX
		while read -r value; do
			is_valid "$value" && last=$number
		done
		echo "$last"
	)
}

count_bad_values()
{
	values | (
		bad=0
		while read -r value; do
			is_valid "$value" || bad=$((bad + 1))
		done
		echo "$bad"
	)
}

# Count the CPUs of a list like 0-3,8
count_cpus()
{
	echo "$1" | tr , '\n' | (
		cpus=0
		while IFS=- read -r first last; do
			[ -n "$first" ] || continue
			cpus=$((cpus + ${last:-$first} - first + 1))
		done
		echo "$cpus"
	)
}

node_cpus()
{
	list=/sys/devices/system/node/node$1/cpulist
	[ -e "$list" ] || list=/sys/devices/system/cpu/online
	cpus=$(count_cpus "$(cat "$list")")

	# A node without CPUs is initialised by those of other nodes.
	[ "$cpus" -gt 0 ] || cpus=1
	echo "$cpus"
}

reports()
{
	printf '%s\n' "$log" | grep -oE 'node [0-9]+ deferred pages initialised.*'
}

# Warnings about the parameter, including "Malformed early option '...'"
warnings()
{
	printf '%s\n' "$log" | grep "deferred_init_threads[:']"
}

have_form()
{
	other=$(reports | grep -vxE "$FORM")
	[ -z "$other" ] || ktap_print_msg "unexpected report: $other"
	[ -z "$other" ]
}

are_one_per_node()
{
	[ -z "$(reports | cut -d ' ' -f 2 | sort | uniq -d)" ]
}

are_within_limits()
{
	reports | sed -E 's/^node ([0-9]+) .* ([0-9]+) threads?$/\1 \2/' | (
		status=0
		while read -r node threads; do
			limit=$(node_cpus "$node")
			[ "$limit" -le "$cap" ] || limit=$cap
			ktap_print_msg "node $node: $threads threads, at most $limit allowed"
			[ "$threads" -ge 1 ] && [ "$threads" -le "$limit" ] ||
				status=1
		done
		exit "$status"
	)
}

# Nodes with several CPUs that took 100 ms or more, which is worth helpers
long_reports()
{
	reports | sed -nE \
		's/^node ([0-9]+) .* in ([0-9]{3,})ms by ([0-9]+) threads?$/\1 \3/p' |
		while read -r node threads; do
			[ "$(node_cpus "$node")" -lt 2 ] || [ "$cap" -lt 2 ] ||
				echo "node $node: $threads"
		done
}

are_several()
{
	! long_reports | grep -q ': 1$'
}

are_warned_about()
{
	[ "$(warnings | grep -c '')" -eq "$bad_values" ] &&
		[ "$(warnings | grep -c "from 1 to $MAX")" -eq "$bad_values" ]
}

skip()
{
	ktap_skip_all "$@"
	exit "$KSFT_SKIP"
}

ktap_print_header

log=$(dmesg) || skip "cannot read the kernel log"
printf '%s\n' "$log" | grep -q 'Linux version' || skip "the boot log is lost"
[ -n "$(reports)" ] || skip "this boot deferred no pages"

cap=$(cap)
bad_values=$(count_bad_values)

ktap_set_plan 5
ktap_test_result "reports have the documented form" have_form
ktap_test_result "no node is reported twice" are_one_per_node
ktap_test_result "no node used more threads than allowed" are_within_limits
if [ -n "$(long_reports)" ]; then
	ktap_test_result "nodes that took 100 ms used several threads" are_several
else
	ktap_test_skip "nodes that took 100 ms used several threads: no node to check"
fi
ktap_test_result "one warning per bad value of deferred_init_threads=: $bad_values" are_warned_about
ktap_finished
