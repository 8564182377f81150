#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A study: how long the anonymous memory of a task takes to go away, which part of that is
# under which lock, and what two threads would gain. They zap a half each by MADV_DONTNEED,
# under the mmap lock for reading and with frees in bulk, as an exit in several threads would.
# teardown/teardown.c measures that, in a guest and natively under the host's own kernel. The
# samples go to build/log/bench-teardown.lines, one a line; teardown/summary.jq makes
# results/teardown.json of them, and teardown/table.jq a table.
#
# RUNS= is how many samples of times are taken, MIB= how much memory.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../measure.sh
. "$LAB/measure.sh"

RUNS=${RUNS:-11}
MIB=${MIB:-4096}
COUNTED=512	# MiB whose instructions are counted
part_files teardown
export CONFIG=qemu

build() {
	say "bench teardown: building"
	"$LAB/kernel.sh"
	mkdir -p "$OBJECTS/guest"
	gcc -O2 -Wall -Wextra -static -pthread -o "$OBJECTS/guest/teardown" "$SOURCE/teardown.c"
	cp "$SOURCE/run" "$OBJECTS/guest/"
}

guest() { # WHAT MIB ARGUMENTS
	local name=bench-teardown-$1

	say "bench teardown: $1"
	NAME=$name GUEST=$OBJECTS/guest MEM=$(($2 + 2048))M TIMEOUT=900 \
		CMDLINE="kunit.autorun=0 MIB=$2 $3" "$LAB/boot.sh" >"$LOG/$name.boot" 2>&1 ||
		die "the guest '$name' failed: $(tail -n1 "$LOG/$name.boot")"
	sed -nE "s/^(dontneed|exit|traced) /$1 &/p" "$LOG/$name.output" >>"$lines"
}

# Nanoseconds are instructions
counted() { # WHAT ARGUMENTS
	SMP=1 ACCEL=tcg,thread=single QEMU_ARGS='-icount shift=0,sleep=off' \
		guest "$1" $COUNTED "$2"
}

run_all() {
	counted instructions ROUNDS=2
	counted traced "TRACED=tlb_batch_pages_flush,folios_put_refs,free_pcppages_bulk"
	SMP=2 guest times "$MIB" "ROUNDS=$RUNS"
	say "bench teardown: native"
	"$OBJECTS/guest/teardown" "$MIB" "$RUNS" | sed 's/^/native /' >>"$lines"
}

draw() {
	jq -r '.gains[] | ["\(.where), \(.kind)", .gain.median, .gain.q1, .gain.q3] | @tsv' "$results" \
		>"$LOG/bench-teardown.dat"
	gnuplot <<-END
		set terminal svg size 640,380 font "sans-serif,13" background "white" noenhanced
		set output "$TOP/results/teardown.svg"
		set title "Zapping $MIB MiB: two threads against one"
		set datafile separator "\t"
		set style fill solid 0.6
		set boxwidth 0.5
		set yrange [0:2.2]
		set xrange [-0.6:3.6]
		set grid ytics
		unset key
		f = "$LOG/bench-teardown.dat"
		plot f using 0:2:xtic(1) with boxes lc rgb "#3465a4", f using 0:2:3:4 with yerrorbars lc rgb "black"
	END
}

bench_part --arg mib "$MIB" --arg counted $COUNTED --arg host "$(uname -r)"
