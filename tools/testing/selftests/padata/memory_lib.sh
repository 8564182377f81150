# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Memory blocks that go offline and online.  A test sets $block, the number of a block,
# $before, the sizes of zones, and $threads, those of jobs.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck disable=SC2154 # the test sets them

# shellcheck source=padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

MEMORY=/sys/devices/system/memory
SUITE=/sys/kernel/debug/kunit/mm_init
INIT=memmap_init_hotplug_chunk	# the thread function

need_memory_blocks()
{
	[ "$(id -u)" = 0 ] || skip "requires root"
	[ -e "$MEMORY/block_size_bytes" ] || skip "requires CONFIG_MEMORY_HOTREMOVE"
	[ -e /proc/kpageflags ] || skip "requires CONFIG_PROC_PAGE_MONITOR"
	[ -d /sys/kernel/debug/kunit ] || mount -t debugfs nodev /sys/kernel/debug 2>/dev/null
	[ -e "$SUITE/run" ] || skip "requires CONFIG_MM_INIT_KUNIT_TEST"
	block_size=$((0x$(cat "$MEMORY/block_size_bytes")))
	pages=$((block_size / $(page_size)))
}

trace_jobs()
{
	trace_into memory_jobs padata_mt/padata_mt_job_end
}

# The numbers of threads of the jobs since the last call
threads_of_jobs()
{
	sed -n "s/.* fn=$INIT threads=\([0-9]*\) .*/\1/p" "$TRACE/trace"
	echo >"$TRACE/trace"
}

# set_state STATE: of the block, for which the kernel may need some attempts
set_state()
{
	for _ in 1 2 3 4 5; do
		echo "$1" >"$MEMORY/memory$block/state" && return
		sleep 0.2
	done 2>/dev/null
	return 1
}

# What the kernel knows about the sizes of zones and how it protects them
sizes()
{
	awk '/^Node|^ *(spanned|present|managed|protection:)/' /proc/zoneinfo
	grep MemTotal /proc/meminfo
}

# In kB, of what sizes() printed
total()
{
	echo "$1" | awk '/MemTotal/ { print $2 }'
}

has_same_sizes()
{
	[ "$(sizes)" = "$before" ]
}

# KUnit begins no KTAP document for a suite that is run by this file.
is_scan_right()
{
	printf 'KTAP version 1\n1..1\n' >/dev/kmsg
	echo 1 >"$SUITE/run" && ! grep -q 'not ok' "$SUITE/results" &&
		grep -q '^ *ok .* mmi_test_contiguous$' "$SUITE/results"
}

# /proc/kpageflags has 64 bits for each page.
has_free_pages()
{
	dd if=/proc/kpageflags bs=$((8 * pages)) skip="$block" count=1 2>/dev/null |
		od -A n -v -t x8 | awk -v pages="$pages" '
		function bit(flags, n,   digit) {
			digit = substr(flags, length(flags) - int(n / 4), 1)
			digit = index("0123456789abcdef", digit) - 1
			return int(digit / substr("1248", n % 4 + 1, 1)) % 2
		}
		{
			for (i = 1; i <= NF; i++) {
				if (!($i in kind))
					kind[$i] = bit($i, 10) ? "free" :
						   bit($i, 20) || bit($i, 23) || bit($i, 32) ?
						   "bad" : "used"
				count[kind[$i]]++
			}
		}
		END {
			print "# " count["free"] + 0 " pages are free, " count["used"] + 0 \
				" used, " count["bad"] + 0 " absent, offline or reserved"
			exit count["free"] + count["used"] != pages || count["free"] < pages / 2
		}'
}

# has_jobs NUMBER
has_jobs()
{
	ktap_print_msg "threads of jobs: $(echo "$threads" | tr '\n' ' ')"
	[ "$(echo "$threads" | grep -c .)" = "$1" ]
}
