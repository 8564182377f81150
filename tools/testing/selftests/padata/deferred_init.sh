#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Deferred struct page init reports, for each memory node, how long it took and
# how many threads did it.  deferred_init_threads= on the kernel command line
# caps that number.  Both happen during boot.  This test checks what the running
# kernel logged about its own boot, and whether the free pages of each zone are
# counted right, so boot with different values and memory maps to test more.

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

# "node zone free blocks" for each zone: the pages of the free lists, and those of
# them in blocks of at least a pageblock.  buddyinfo has the length that a list is
# said to have, pagetypeinfo that which it has.
lists()
{
	order=$(sed -n '/^Page block order/{s/.*: *//p;q}' /proc/pagetypeinfo)
	for file in buddyinfo pagetypeinfo; do
		tr -d ',>' <"/proc/$file" | awk -v file="$file" -v pageblock_order="$order" '
			/^Node/ && (file == "buddyinfo" || $5 == "type") {
				first = file == "buddyinfo" ? 5 : 7
				zone = $2 " " $4
				zones[zone]
				size = 1
				for (i = first; i <= NF; i++) {
					free[zone] += $i * size
					if (i - first >= pageblock_order)
						blocks[zone] += $i * size
					size *= 2
				}
			}
			END {
				for (zone in zones)
					print zone, free[zone], blocks[zone] + 0
			}'
	done
}

# The same as the kernel counts them, and "spanned present managed" of each zone.  Older
# kernels do not count blocks.
counted()
{
	awk '
		function show() {
			if (managed)
				print zone, free, blocks, spanned, present, managed
			managed = 0
			blocks = "-"
		}
		/^Node/ { show(); sub(",", "", $2); zone = $2 " " $4 }
		$1 == "pages" && $2 == "free" { free = $3 }
		/^ *spanned/ { spanned = $2 }
		/^ *present/ { present = $2 }
		/^ *managed/ { managed = $2 }
		$1 == "nr_free_pages_blocks" { blocks = $2 }
		END { show() }' /proc/zoneinfo
}

# The zones that have more or less on their lists than the kernel counts.  Other
# tasks allocate meanwhile, but not as much as half a block of free memory.
wrong_zones()
{
	echo 1 2>/dev/null >/proc/sys/vm/stat_refresh
	{ counted; echo; lists; } | awk '
		NF == 0 { second = 1; next }
		!second { free[$1, $2] = $3; blocks[$1, $2] = $4; next }
		{
			off = free[$1, $2] - $3
			if (!(($1, $2) in free) || off > 512 || off < -512 ||
			    blocks[$1, $2] != "-" && blocks[$1, $2] != $4)
				print "node " $1 " " $2 ": counted " free[$1, $2] \
				      " " blocks[$1, $2] ", listed " $3 " " $4
		}'
}

are_counts_right()
{
	for _ in 1 2 3 4 5; do
		wrong=$(wrong_zones)
		[ -n "$wrong" ] || return 0
		sleep 0.2
	done
	ktap_print_msg "$wrong"
	return 1
}

print_zones()
{
	counted | while read -r node zone _ _ spanned present managed; do
		ktap_print_msg "node $node, zone $zone: $spanned spanned," \
			"$present present, $managed managed"
	done
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

print_zones
ktap_set_plan 6
ktap_test_result "reports have the documented form" have_form
ktap_test_result "no node is reported twice" are_one_per_node
ktap_test_result "no node used more threads than allowed" are_within_limits
if [ -n "$(long_reports)" ]; then
	ktap_test_result "nodes that took 100 ms used several threads" are_several
else
	ktap_test_skip "nodes that took 100 ms used several threads: no node to check"
fi
ktap_test_result "free pages are counted as they are listed" are_counts_right
ktap_test_result "one warning per bad value of deferred_init_threads=: $bad_values" are_warned_about
ktap_finished
