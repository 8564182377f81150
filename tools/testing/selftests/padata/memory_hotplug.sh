#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# While the kernel considers a zone contiguous, compaction does not look for holes in
# it.  This test takes memory blocks offline and online again, the first one of a zone,
# one in its middle and the last one.  A KUnit suite compares each time what the kernel
# assumes with a scan of the zones.  The kernel itself must not scan the zone, which a
# trace shows, and the zone must have as many pages as before.
#
# Memory that goes online gets new struct pages.  Each page of the block must then be free,
# except for the few that somebody has allocated since.  The struct pages of a block are
# initialised by one job, that of a large block by several threads.
#
# Boot with kernelcore=1G, so that memory can go offline.  The last block usually cannot,
# because boot allocates from there.  arm64 keeps all memory of boot online.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck disable=SC2030,SC2031 # $block of a subshell is another

# shellcheck source=memory_lib.sh
. "$(dirname "$0")"/memory_lib.sh

SCANS=$TRACEFS/instances/memory_scans
SCAN=__pageblock_pfn_to_page	# called for each pageblock

trace_scans()
{
	mkdir "$SCANS" && echo "$SCAN" >"$SCANS/set_ftrace_filter" &&
		echo function >"$SCANS/current_tracer"
} 2>/dev/null

# The number of calls, including those that the buffer had no room for
count_scans()
{
	cat "$SCANS"/per_cpu/cpu*/stats |
		awk '/^(entries|overrun):/ { calls += $2 } END { print calls + 0 }'
}

# "zone number" of each block that is online and belongs to one zone, in order
blocks()
{
	for block in "$MEMORY"/memory[0-9]*; do
		[ "$(cat "$block/state")" = online ] || continue
		zone=$(cut -d ' ' -f 1 "$block/valid_zones")
		node=$(cd "$block" && echo node*)
		[ "$zone" = none ] || echo "$node/$zone ${block##*/memory}"
	done | sort -k 1,1 -k 2n
}

# The numbers of the blocks of one zone: of a zone Movable, if there is one
choose_zone()
{
	blocks | awk '
		{ numbers[$1] = numbers[$1] " " $2; count[$1]++ }
		END {
			for (zone in count) {
				movable = zone ~ /Movable/
				if (best == "" || movable > best_movable ||
				    movable == best_movable && count[zone] > count[best]) {
					best = zone
					best_movable = movable
				}
			}
			print numbers[best]
		}'
}

# Holes within memory blocks: zones with such may have to be scanned.
has_small_holes()
{
	awk -v zone="zone *$type_of_zone\$" '
		/^Node/ { here = $0 ~ zone }
		here && $1 == "spanned" { spanned = $2 }
		here && $1 == "present" { if ($2 != spanned) holes++ }
		END { exit !holes }' /proc/zoneinfo
}

has_fewer_pages()
{
	gone=$(($(total "$before") - $(total "$(sizes)")))
	ktap_print_msg "$gone of $((block_size / 1024)) kB went offline"
	[ "$gone" -gt 0 ] && [ "$gone" -le $((block_size / 1024)) ]
}

is_several_threads()
{
	has_jobs 1 && [ "$threads" -gt 1 ]
}

few_scans()
{
	ktap_print_msg "$scans pageblocks scanned, at most $max_scans allowed"
	[ "$scans" -le "$max_scans" ]
}

# change NAME STATE SIZES CHECK: change the state of the block, and test what follows
change()
{
	scans=$(count_scans)
	if ! set_state "$2"; then
		report=ktap_test_fail
		[ "$2" != offline ] || in_use=yes
		[ -z "$in_use" ] || report=ktap_test_skip
		$report "$1: the zone is what the kernel assumes"
		$report "$1: $3"
		$report "$1: the zone is not scanned"
		return 1
	fi
	scans=$(($(count_scans) - scans))

	changes=$((changes + 1))
	ktap_test_result "$1: $3" "$4"
	$test_scans "$1: the zone is not scanned" few_scans
	ktap_test_result "$1: the zone is what the kernel assumes" is_scan_right
}

# test_new_pages NAME: of the block, which has gone online
test_new_pages()
{
	threads=$(threads_of_jobs)
	ktap_test_result "$1: its pages are free" has_free_pages
	ktap_test_result "$1: one job initialises them" has_jobs 1
	$test_threads "$1: several threads" is_several_threads
}

# test_block NAME NUMBER
test_block()
{
	block=$2
	in_use=
	before=$(sizes)
	ktap_print_msg "the $1 block of the zone is memory$block"
	change "$1 block offline" offline "fewer pages" has_fewer_pages
	threads_of_jobs >/dev/null
	if change "$1 block online" "$type" "as many pages as before" has_same_sizes; then
		test_new_pages "$1 block online"
	else
		$report "$1 block online: its pages are free"
		$report "$1 block online: one job initialises them"
		$report "$1 block online: several threads"
	fi
}

clean_up()
{
	echo "$type" >"$MEMORY/memory$block/state"
	echo nop >"$SCANS/current_tracer"
	rmdir "$SCANS" "$TRACE"
} 2>/dev/null

ktap_print_header

need_memory_blocks
trap clean_up EXIT
trace_jobs || skip "requires CONFIG_PADATA"
trace_scans || skip "requires CONFIG_FUNCTION_TRACER"

pageblock=$(sed -n '/^Pages per block/{s/.*: *//p;q}' /proc/pagetypeinfo)
max_scans=$((pages / pageblock))

# shellcheck disable=SC2046 # words are wanted
set -- $(choose_zone)
[ $# -ge 4 ] || skip "requires a zone of 4 memory blocks"
first=$1
candidates="$(echo "$@" | cut -d ' ' -f $(($# / 2 + 1))-$(($# - 1)))
	$(echo "$@" | cut -d ' ' -f 2-$(($# / 2)))"
last=$(echo "$@" | cut -d ' ' -f $#)

type_of_zone=$(cut -d ' ' -f 1 "$MEMORY/memory$last/valid_zones")
type=online_kernel
[ "$type_of_zone" != Movable ] || type=online_movable

# The middle one that can go offline, for the kernel may use some for good
for middle in $candidates; do
	block=$middle
	set_state offline && set_state "$type" && break
	block=
done
[ -n "$block" ] || [ "$(uname -m)" != aarch64 ] ||
	skip "arm64 keeps the memory of boot online"

# With CONFIG_DEBUG_VM the kernel always scans, to check what it assumes.
test_scans=ktap_test_result
if grep -q ' page_init_poison$' /proc/kallsyms || has_small_holes; then
	test_scans=ktap_test_skip
fi

# Smaller blocks take no longer than a helper needs to start.
test_threads=ktap_test_skip
if [ "$pages" -ge 262144 ] && [ "$(getconf _NPROCESSORS_ONLN 2>/dev/null || nproc)" -gt 1 ]; then
	test_threads=ktap_test_result
fi

changes=0
ktap_set_plan 28
test_block first "$first"
test_block middle "$middle"
test_block last "$last"
ktap_test_result "memory blocks go offline and online" [ "$changes" -ge 2 ]
ktap_finished
