#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What it takes to drain the caches of all CPUs, of 2 to 64: unpatched, each CPU does so
# itself; with qpw=1, the one that asks does it for all. The module in drains/ counts
# instructions of all CPUs together (see icount.sh), works, context switches and
# interrupts between CPUs. The samples go to build/log/bench-drains.lines, one a line;
# drains/summary.jq makes results/drains.json of them, and drains/table.jq a table.
#
# Of instructions the smallest sample is kept, for a tick that comes in between is counted
# too; of events the median.
#
# RUNS= is how many samples are taken, CPUS= of how many CPUs.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../measure.sh
. "$LAB/measure.sh"
# shellcheck source=../module.sh
. "$LAB/module.sh"
# shellcheck source=../icount.sh
. "$LAB/icount.sh"

RUNS=${RUNS:-11}
CPUS=${CPUS:-2 4 8 16 32 64}
SOURCE=$LAB/bench/drains
OBJECTS=$ROOM/bench/drains
# While it waits for a clock to measure another by it, one CPU spins, and QEMU asks all the
# others in turn whether they have anything to do: with 64, that takes longer than all else.
QUICK='nolapic_timer pmtmr=0'
lines=$LOG/bench-drains.lines
results=$TOP/results/drains.json

# name, kernel, boot parameter
cases() {
	cat <<-END
		unpatched unpatched
		0 patched qpw=0
		1 patched qpw=1
	END
}

build_guest() { # KERNEL
	local guest=$OBJECTS/$1/guest

	build_module "$SOURCE" "$(icount_folder "$1")" "$OBJECTS/$1/module"
	mkdir -p "$guest"
	cp "$OBJECTS/$1/module/qpw_drains.ko" "$guest/"
	cat >"$guest/run" <<-END
		#!/bin/sh -e
		at=\$(awk '\$3 == "lru_add_drain_all" { print "0x" \$1 }' /proc/kallsyms)
		insmod /qpw_drains.ko runs=$RUNS lru_add_drain_all_at=\$at
		dmesg | sed -n 's/.*qpw_drains: //p'
	END
	chmod +x "$guest/run"
}

build() {
	say "bench drains: building"
	icount_build
	build_guest unpatched
	build_guest patched
}

run_all() {
	local cpus name kernel parameter

	for cpus in $CPUS; do
		while read -r name kernel parameter <&3; do
			say "bench drains: $cpus CPUs, $name"
			icount_boot "bench-drains-$cpus-$name" "$kernel" "$OBJECTS/$kernel/guest" \
				"$cpus" "$QUICK $parameter"
			sed "s/^/$name /" "$LOG/bench-drains-$cpus-$name.output" >>"$lines"
		done 3< <(cases)
	done
}

draw() {
	jq -r '.drains | sort_by(.case, .drain, .cpus)[] | select(.drain == "lru" or .drain == "shrink") |
		[.case + "-" + .drain, .cpus, .instructions, .works, .switches, .ipis] | @tsv' "$results" \
		>"$LOG/bench-drains.dat"
	gnuplot <<-END
		set terminal svg size 900,420 font "sans-serif,13" background "white" noenhanced
		set output "$TOP/results/drains.svg"
		set multiplot layout 1,2 title "Draining the caches of all CPUs"
		set xlabel "CPUs"
		set logscale x 2
		set xrange [1.8:72]
		set grid
		set key top left samplen 2
		f = "$LOG/bench-drains.dat"
		is(s) = strcol(1) eq s
		set title "instructions of all CPUs"
		set logscale y
		set format y "%.0s%c"
		set yrange [1000:3e6]
		plot f using (is("unpatched-shrink") ? \$2 : 1/0):3 with linespoints lc rgb "#c17d11" pt 6 title "SLUB cache, unpatched", \\
			f using (is("1-shrink") ? \$2 : 1/0):3 with linespoints lc rgb "#c17d11" pt 7 title "SLUB cache, qpw=1", \\
			f using (is("unpatched-lru") ? \$2 : 1/0):3 with linespoints lc rgb "#3465a4" pt 4 title "folio batches, unpatched", \\
			f using (is("1-lru") ? \$2 : 1/0):3 with linespoints lc rgb "#3465a4" pt 5 title "folio batches, qpw=1"
		set title "events on all CPUs, folio batches"
		unset logscale y
		set format y "%g"
		set yrange [-5:160]
		plot f using (is("unpatched-lru") ? \$2 : 1/0):5 with linespoints lc rgb "#3465a4" pt 4 title "context switches, unpatched", \\
			f using (is("unpatched-lru") ? \$2 : 1/0):4 with linespoints lc rgb "#888a85" pt 6 title "works, unpatched", \\
			f using (is("unpatched-lru") ? \$2 : 1/0):6 with linespoints lc rgb "#edd400" pt 8 title "interrupts, unpatched", \\
			f using (is("1-lru") ? \$2 : 1/0):(\$4 + \$5 + \$6) with linespoints lc rgb "#c17d11" pt 7 title "all three, qpw=1"
	END
}

bench_part --arg gcc "$(gcc -dumpfullversion)"
