#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# QPW: what the fast paths that take its locks cost, and what a drain of another CPU's cache
# saves. qpw/qpw_bench.c counts instructions, in kernels that are emulated such that the
# time stamp counter is the number of instructions executed by all CPUs (-icount): these
# figures are exact and repeat. The same module executes the paths step by step and counts
# locked instructions. What such an instruction costs is measured on the host itself, by
# qpw/native.c, in the same run. The samples go to build/log/bench-qpw.lines, one a line;
# qpw/summary.jq makes results/qpw.json of them, and qpw/table.jq a table of what was reached.
#
# The memory controller is off in the guests, for the module adds folios to the LRU that
# belong to no group. RUNS= is how many samples are taken.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../measure.sh
. "$LAB/measure.sh"

RUNS=${RUNS:-11}
SOURCE=$LAB/bench/qpw
OBJECTS=$ROOM/bench/qpw
lines=$LOG/bench-qpw.lines
results=$TOP/results/qpw.json

# name, objects, source, boot parameters
cases() {
	cat <<-END
		unpatched base/qemu-bench base/linux
		n qemu-bench-noqpw linux
		0 qemu-bench linux qpw=0
		remote qemu-bench linux qpw=cpus:1
	END
}

build_module() { # CASE OBJECTS SOURCE
	mkdir -p "$OBJECTS/$1/module" "$OBJECTS/$1/guest"
	CCACHE_BASEDIR=$BUILD make -s -C "$ROOM/$3" O="$ROOM/$2" ARCH=x86_64 CC='ccache gcc' \
		M="$SOURCE" MO="$OBJECTS/$1/module" >"$LOG/build-bench-qpw-$1.log" 2>&1 ||
		die "building the module failed; see $LOG/build-bench-qpw-$1.log"
	cp "$OBJECTS/$1/module/qpw_bench.ko" "$OBJECTS/$1/guest/"
	cat >"$OBJECTS/$1/guest/run" <<-END
		#!/bin/sh -e
		insmod /qpw_bench.ko runs=$RUNS
		dmesg | sed -n 's/.*qpw_bench: //p'
		[ ! -e /sys/kernel/debug/qpw ] || sed -n 's/^1 /hold 1 /p' /sys/kernel/debug/qpw
	END
	chmod +x "$OBJECTS/$1/guest/run"
}

build() {
	local name objects source parameters

	say "bench qpw: building"
	CONFIG=qemu-bench "$LAB/kernel.sh"
	CONFIG=qemu-bench SERIES=none "$LAB/kernel.sh"
	CONFIG=qemu-bench-noqpw "$LAB/kernel.sh"
	while read -r name objects source parameters; do
		build_module "$name" "$objects" "$source"
	done < <(cases)
	gcc -O2 -Wall -Wextra -o "$OBJECTS/native" "$SOURCE/native.c"
}

# One thread for all CPUs, and a nanosecond for each instruction
guest() { # CASE OBJECTS [boot parameters]
	say "bench qpw: $1"
	CONFIG=qemu-bench OUT=$ROOM/$2 GUEST=$OBJECTS/$1/guest NAME=bench-qpw-$1 SMP=2 MEM=1G \
		ACCEL=tcg,thread=single QEMU_ARGS='-icount shift=0,sleep=off' \
		CMDLINE="kunit.enable=0 cgroup_disable=memory ${3:-}" \
		"$LAB/boot.sh" >"$LOG/bench-qpw-$1.boot" 2>&1 ||
		die "the guest '$1' failed: $(tail -n1 "$LOG/bench-qpw-$1.boot")"
	sed "s/^/$1 /" "$LOG/bench-qpw-$1.output" >>"$lines"
}

run_all() {
	local name objects source parameters

	while read -r name objects source parameters <&3; do
		guest "$name" "$objects" "$parameters"
		"$OBJECTS/native" "$RUNS" | sed 's/^/host /' >>"$lines"
	done 3< <(cases)
}

draw() {
	jq -r '.paths[] | [.case, .path, .ratio] | @tsv' "$results" | awk -F'\t' -v OFS='\t' '
		BEGIN { n = split("n,0,housekeeping,remote", c, ","); for (i = 1; i <= n; i++) slot[c[i]] = i
			split("pair kmalloc folio", p, " "); for (i in p) at[p[i]] = i }
		{ s = slot[$1]; print s, at[$2] + (s - (n + 1) / 2) * 0.18, $3 }' >"$LOG/bench-qpw.dat"
	gnuplot <<-END
		set terminal svg size 760,420 font "sans-serif,13" background "white" noenhanced
		set output "$TOP/results/qpw.svg"
		set title "Instructions of the fast paths, against the unpatched kernel"
		set ylabel "times as many"
		set yrange [0.95:1.15]
		set grid ytics
		set style fill solid 0.6
		set boxwidth 0.16
		set key top left
		set xrange [0.4:3.6]
		set xtics ("kmalloc and kfree" 1, "kmalloc" 2, "folio_add_lru" 3)
		array title[4] = ["CONFIG_QPW=n", "no CPU in remote mode", "another CPU in remote mode", "this CPU in remote mode"]
		array color[4] = [0xd3d7cf, 0x888a85, 0x3465a4, 0xc17d11]
		plot for [s = 1:4] "$LOG/bench-qpw.dat" using (\$1 == s ? \$2 : 1/0):3 \
			with boxes lc rgb color[s] title title[s]
	END
}

mkdir -p "$LOG" "$OBJECTS" "$TOP/results"
build
load=$(load_now)
: >"$lines"
run_all
summarise "$SOURCE/summary.jq" "$load" --arg gcc "$(gcc -dumpfullversion)" <"$lines" >"$results"
draw
jq -r -f "$SOURCE/table.jq" "$results"
say "results/qpw.json, results/qpw.svg"
