#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Memory maps of memory that goes online and of devices, unpatched and patched: how long the
# kernel takes, how many instructions, and how many pageblocks it looks at. For deferred init,
# how often it updates counters, and how often it calls what takes zone->lock to free pages:
# what more a guest with more memory counts until it has booted. And what the stores alone cost
# this processor beside memset(), in user space: memmap/native.c. The work in the guests is
# memmap/run. The samples go to build/log/bench-memmap.lines, one a line; memmap/summary.jq makes
# results/memmap.json of them, and memmap/table.jq a table of what was reached.
#
# Times in guests are emulated, and QEMU has no caches: what stores that go past them gain
# shows only natively. Guests of 63 and 64 GiB differ in the size of their memory blocks.
#
# RUNS= is how many samples of times are taken.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../measure.sh
. "$LAB/measure.sh"

TURNS=3
RUNS=$(((${RUNS:-12} + TURNS - 1) / TURNS))
SIZES='63 64'
KINDS='pfn-ram pfn-pmem dax-ram dax-pmem'
COUNTED='__mod_zone_page_state __free_pages_core,__free_pages_core_deferred'
part_files memmap
export CONFIG=qemu

build() {
	say "bench memmap: building"
	"$LAB/kernel.sh"
	SERIES=none "$LAB/kernel.sh"
	mkdir -p "$OBJECTS/guest"
	gcc -O2 -Wall -Wextra -pthread -o "$OBJECTS/native" "$SOURCE/native.c"
	gcc -O2 -Wall -Wextra -static -o "$OBJECTS/guest/timed" "$SOURCE/timed.c"
	cp "$SOURCE/run" "$OBJECTS/guest/"
}

# Keep each line, with the kernel and what was counted before it
guest() { # KERNEL HOW CASE GIB ARGUMENTS
	local name=bench-memmap-${3//,/-}-$2-$1 series=

	[ "$1" = patched ] || series=none
	say "bench memmap: $3, $2, $1"
	SERIES=$series NAME=$name GUEST=$OBJECTS/guest MEM=${4}G TIMEOUT=900 \
		CMDLINE="kunit.autorun=0 $5" "$LAB/boot.sh" >"$LOG/$name.boot" 2>&1 ||
		die "the guest '$name' failed: $(tail -n1 "$LOG/$name.boot")"
	sed -nE "s/^(online|scans|rebind|block|calls) /$1 $2 $3 &/p" "$LOG/$name.output" >>"$lines"
}

# One thread, and of that only the CPU time of the task, which -icount makes instructions
instructions() { # KERNEL CASE GIB ARGUMENTS
	SMP=1 ACCEL=tcg,thread=single QEMU_ARGS='-icount shift=0,sleep=off' \
		guest "$1" instructions "$2" "$3" "$4 ROUNDS=1"
}

# The last block of the zone is in use for good, which the kernel reports
online() { # KERNEL HOW [WORK]
	local gib
	local -x EXPECT='page dumped because: unmovable page'

	for gib in $SIZES; do
		"$2" "$1" "online-$gib" "$gib" "kernelcore=24G BLOCKS=16 WORK=${3:-online}"
	done
}

rebind() { # KERNEL HOW
	local kind

	for kind in $KINDS; do
		"$2" "$1" "$kind" 22 "memmap=16G!4G KIND=$kind WORK=rebind"
	done
}

# The tracer counts what its buffer has no room for, too
calls() { # KERNEL
	local gib function

	for function in $COUNTED; do
		for gib in 16 48; do
			SMP=2 guest "$1" $gib "$function" $gib \
				"ftrace=function ftrace_filter=$function trace_buf_size=64K WORK=calls"
		done
	done
}

scans() { # KERNEL CASE GIB ARGUMENTS
	SMP=2 guest "$1" scans "$2" "$3" "$4"
}

times() { # KERNEL CASE GIB ARGUMENTS
	SMP=2 guest "$1" times "$2" "$3" "$4 ROUNDS=$RUNS"
}

run_all() {
	local kernel turn mib

	for mib in 256 1024; do "$OBJECTS/native" $mib $((RUNS * TURNS)) >>"$lines"; done
	for kernel in unpatched patched; do
		online $kernel scans scans
		calls $kernel
		online $kernel instructions
		rebind $kernel instructions
	done
	for ((turn = 0; turn < TURNS; turn++)); do
		for kernel in unpatched patched; do
			online $kernel times
			rebind $kernel times
		done
	done
}

draw() {
	jq -r '.native[] | select(.mib == 1024) | [.way, .threads, .write.median, .write.q1, .write.q3] | @tsv' \
		"$results" >"$LOG/bench-memmap-native.dat"
	jq -r '.times[] | [.name, .unpatched.ms.median, .one.ms.median, .two.ms.median] | @tsv' \
		"$results" >"$LOG/bench-memmap.dat"
	gnuplot <<-END
		set terminal svg size 900,420 font "sans-serif,13" background "white" noenhanced
		set output "$TOP/results/memmap.svg"
		set multiplot layout 1,2
		set datafile separator "\t"
		set style data histograms
		set style fill solid 0.6
		set grid ytics
		set yrange [0:*]
		set key top right
		f = "$LOG/bench-memmap-native.dat"
		set title "A struct page, natively, 1 GiB of them"
		set ylabel "ns"
		plot f using (\$2 == 1 ? \$3 : NaN):xtic(1) every 1::0::3 lc rgb "#888a85" title "one thread", \\
			f using (\$2 == 2 ? \$3 : NaN) every 1::4::7 lc rgb "#3465a4" title "two"
		set title "Memory and devices, emulated"
		set ylabel "ms"
		set logscale y
		set yrange [1:*]
		set xtics rotate by -35
		f = "$LOG/bench-memmap.dat"
		plot f using 2:xtic(1) lc rgb "#888a85" title "unpatched", \\
			f using 3 lc rgb "#729fcf" title "patched, one thread", \\
			f using 4 lc rgb "#3465a4" title "patched, two"
	END
}

# shellcheck disable=SC2119 # no arguments for jq
bench_part
