#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Pools of hugetlb pages that are resized, and pages of 1 GiB that are cleared: how many
# instructions a few pages take (see icount.sh), and what helpers gain. hugetlb/guest.c runs
# in the guests. The samples go to build/log/bench-hugetlb.lines, one a line;
# hugetlb/summary.jq makes results/hugetlb.json of them, and hugetlb/table.jq a table of what
# was reached.
#
# Times are emulated. Those with helpers and without are neighbours in the same guest, and
# what counts is the median of their ratios; guests of both kernels are booted by turns. Two
# threads that clear memory gain what two plain bound threads gain with memset(), no more, and
# for pools hugetlb/plain has two kernel threads that only allocate and free pages. Other
# work on the host spoils what needs two CPUs at a time.
#
# With 4 and 8 CPUs, more than the host may have, hugetlb/split.sh only counts how the work
# is divided.
#
# RUNS= is how many samples are taken, a third of it of pages of 1 GiB.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../measure.sh
. "$LAB/measure.sh"
# shellcheck source=../icount.sh
. "$LAB/icount.sh"
# shellcheck source=../module.sh
. "$LAB/module.sh"

TURNS=3
SMP=2
RUNS=$(((${RUNS:-21} + TURNS - 1) / TURNS * TURNS))
PAGES=4000	# a job takes some time to gain helpers; no zone gets low on memory
SOURCE=$LAB/bench/hugetlb
OBJECTS=$ROOM/bench/hugetlb
lines=$LOG/bench-hugetlb.lines
results=$TOP/results/hugetlb.json

build() {
	say "bench hugetlb: building"
	CONFIG=qemu-bench "$LAB/kernel.sh"
	CONFIG=qemu-bench SERIES=none "$LAB/kernel.sh"
	CONFIG=qemu "$LAB/kernel.sh"
	CONFIG=qemu SERIES=none "$LAB/kernel.sh"
	gcc -O2 -Wall -Wextra -static -pthread -o "$OBJECTS/guest" "$SOURCE/guest.c"
	build_module "$SOURCE/plain" qemu "$OBJECTS/plain"
}

# A guest that runs this command
root() { # NAME COMMAND
	local root=$OBJECTS/root-$1

	rm -rf "$root"
	mkdir -p "$root"
	cp "$OBJECTS/guest" "$root/bench"
	cp "$SOURCE"/*.sh "$OBJECTS/plain/plain_pages.ko" "$root/"
	printf '#!/bin/sh\nexec %s\n' "$2" >"$root/run"
	chmod +x "$root/run"
	echo "$root"
}

keep() { # NAME KERNEL
	sed "s/^/$2 /" "$LOG/$1.output" >>"$lines"
}

count_instructions() { # KERNEL
	local name=bench-hugetlb-instructions-$1

	say "bench hugetlb: instructions, $1"
	icount_boot "$name" "$1" "$(root instructions "/bench instructions $RUNS")" 1
	keep "$name" "$1"
}

run_guest() { # KERNEL WHAT MEMORY COMMAND [boot parameters]
	local name=bench-hugetlb-$2-$1 series=

	[ "$1" = patched ] || series=none
	say "bench hugetlb: $2, $1"
	SERIES=$series OUT='' CONFIG=qemu NAME=$name GUEST=$(root "$2" "$4") SMP=$SMP MEM=$3 \
		CMDLINE="kunit.enable=0 ${5:-}" TIMEOUT=600 "$LAB/boot.sh" >"$LOG/$name.boot" 2>&1 ||
		die "the guest '$name' failed: $(tail -n1 "$LOG/$name.boot")"
	keep "$name" "$1"
}

run_all() {
	local kernel turn cpus

	for kernel in unpatched patched; do count_instructions $kernel; done
	for ((turn = 0; turn < TURNS; turn++)); do
		for kernel in unpatched patched; do
			NODES=2 run_guest $kernel pool 20G "/bench pool $PAGES $((RUNS / TURNS))"
		done
		NODES=2 run_guest patched plain 20G "/plain.sh $PAGES $((RUNS / TURNS))"
	done
	for kernel in unpatched patched; do
		run_guest $kernel clear 6G "/bench clear $((RUNS / TURNS))" 'hugepagesz=1G hugepages=1'
	done
	run_guest patched limit 6G '/bench limit 10'
	for cpus in 4 8; do
		NODES=2 SMP=$cpus run_guest patched split-$cpus 20G "/split.sh $PAGES"
	done
}

draw() {
	jq -r '.pools[], .clears[] | [.name, .ratio.median, .ratio.q1, .ratio.q3] | @tsv' "$results" \
		>"$LOG/bench-hugetlb.dat"
	gnuplot <<-END
		set terminal svg size 900,420 font "sans-serif,13" background "white" noenhanced
		set output "$TOP/results/hugetlb.svg"
		set title "Two threads against one, medians and quartiles (emulated)"
		set datafile separator "\t"
		set ylabel "times as fast as max_helpers=0"
		set yrange [0:2.25]
		set xrange [-0.6:*]
		set grid ytics
		set style fill solid 0.6
		set boxwidth 0.6
		set bmargin 3
		unset key
		plot "$LOG/bench-hugetlb.dat" using 0:2:3:4:xtic(1) with boxerrorbars \\
			lc rgb "#3465a4" title "gain"
	END
}

bench_part --arg pages "$PAGES"
