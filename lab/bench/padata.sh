#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Multithreaded padata jobs: what two threads gain, what a chunk, a start and a small job
# cost, and what the neighbours notice. padata/padata_bench.c is the kernel's side of it,
# built for User Mode Linux and for QEMU; padata/openmp.c runs the same loops on the host;
# padata/guest.c is for what needs a task beside a job. The samples go to
# build/log/bench-padata.lines, one a line; padata/summary.jq makes results/padata.json of
# them, and padata/table.jq a table of what was reached.
#
# How to read it. What is compared was run in turn, and the median and the quartiles of
# the ratios of neighbours is what counts. User Mode Linux runs at the processor's own
# speed; under QEMU (TCG) all is emulated, 5 to 10 times slower, the same for all that is
# compared. Two threads never gain 2: the goal is what two plain bound threads gain. Other
# work on the host spoils everything that needs two CPUs at a time, so its load before and
# after is noted.
#
# RUNS=, and if wanted ROUNDS= and PAIRS=, are how many samples of loops, jobs and long jobs
# are taken.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../measure.sh
. "$LAB/measure.sh"
# shellcheck source=../module.sh
. "$LAB/module.sh"

RUNS=${RUNS:-21}	# of loops and rebinds
ROUNDS=${ROUNDS:-$((RUNS * 50))} # of claims, small jobs and starts
PAIRS=${PAIRS:-$(((RUNS + 2) / 3))} # of long jobs beside a hog
SOURCE=$LAB/bench/padata
OBJECTS=$ROOM/bench
lines=$LOG/bench-padata.lines
results=$TOP/results/padata.json
RUNS=$(((RUNS + 2) / 3 * 3))

build() {
	say "bench padata: building"
	CONFIG=uml "$LAB/kernel.sh"
	CONFIG=qemu "$LAB/kernel.sh"
	build_module "$SOURCE" uml "$OBJECTS/uml"
	build_module "$SOURCE" qemu "$OBJECTS/qemu"
	gcc -O2 -Wall -Wextra -fopenmp -o "$OBJECTS/openmp" "$SOURCE/openmp.c"
	gcc -O2 -Wall -Wextra -static -o "$OBJECTS/guest" "$SOURCE/guest.c"
}

# Boot CONFIG with the module and run the shell commands on standard input in it; each
# line they print is kept, with CONFIG before it.
guest() { # CONFIG NAME
	local root=$OBJECTS/root-$2

	say "bench padata: $2 on $1"
	rm -rf "$root"
	mkdir -p "$root"
	cp "$OBJECTS/$1/padata_bench.ko" "$OBJECTS/guest" "$root/"
	{
		echo '#!/bin/sh -e'
		echo 'insmod /padata_bench.ko'
		cat <<-'END'
			param() { echo "$2" >/sys/module/padata_bench/parameters/$1; }
			bench() { cat /sys/kernel/debug/padata_bench/$1; }
		END
		cat
	} >"$root/run"
	chmod +x "$root/run"
	CMDLINE="kunit.autorun=0 ${CMDLINE:-}" CONFIG=$1 GUEST=$root NAME=bench-padata-$2 TIMEOUT=600 "$LAB/boot.sh" \
		>"$LOG/bench-padata-$2.boot" 2>&1 ||
		die "the guest '$2' failed: $(tail -n1 "$LOG/bench-padata-$2.boot")"
	sed "s/^/$1 /" "$LOG/bench-padata-$2.output" >>"$lines"
}

openmp() { # WHAT RUNS
	say "bench padata: $1 by OpenMP"
	"$OBJECTS/openmp" "$1" "$2" | sed 's/^/host /' >>"$lines"
}

# Guest and host by turns
speedup_and_claim() {
	local turn

	for turn in 1 2 3; do
		SMP=2 guest uml speedup <<-END
			param runs $((RUNS / 3))
			bench speedup
			param runs $ROUNDS
			bench claim
		END
		openmp speedup $((RUNS / 3))
		openmp claim "$ROUNDS"
		say "turn $turn of 3"
	done
}

small_jobs() {
	local config

	for config in uml qemu; do
		SMP=2 MEM=1G guest $config "small-$config" <<-END
			param runs $ROUNDS
			bench small
		END
	done
}

latency() {
	local cpus

	for cpus in 2 4; do
		SMP=$cpus MEM=1G guest qemu "latency-$cpus" <<-END
			param runs $ROUNDS
			echo cpu >/sys/devices/virtual/workqueue/padata_bench/affinity_scope
			bench latency
		END
	done
}

# The caller may use CPUs 0 and 1: of four, or of two with a busy task on the second
helpers() {
	local case cpus hog

	while read -r case cpus hog <&3; do
		SMP=$cpus MEM=1G guest qemu "helpers-$case" <<-END
			param runs $RUNS
			param hog $hog
			echo 19 >/sys/devices/virtual/workqueue/padata_bench/nice
			bench helpers | sed 's/^helpers/& $case/'
		END
	done 3<<-END
		affinity 4 0
		hog 2 1
	END
}

loaded() {
	SMP=2 MEM=1G guest qemu loaded <<-END
		/guest loaded $PAIRS
	END
}

rebind() {
	SMP=2 MEM=21G CMDLINE='memmap=16G!4G' guest qemu rebind <<-END
		/guest rebind $RUNS
	END
}

write_json() {
	summarise "$SOURCE/summary.jq" "$load" --arg gcc "$(gcc -dumpfullversion)" \
		<"$lines" >"$results"
}

draw_speedup() {
	jq -r '.speedup.cases[] | [.pattern, .where, .how, .ratio.median, .ratio.q1, .ratio.q3] | @tsv' \
		"$results" | awk -F'\t' -v OFS='\t' '
		BEGIN { n = split("uml static,host static,uml padata,host guided,host dynamic", how, ",")
			for (i = 1; i <= n; i++) slot[how[i]] = i
			split("even uneven rising falling", p, " "); for (i in p) at[p[i]] = i }
		($2 " " $3) in slot { s = slot[$2 " " $3]
			print s, at[$1] + (s - (n + 1) / 2) * 0.16, $4, $5, $6 }' >"$LOG/bench-padata.dat"
	gnuplot <<-END
		set terminal svg size 760,440 font "sans-serif,13" background "white"
		set output "$TOP/results/padata.svg"
		set title "Two threads against one, medians and quartiles of $RUNS runs\n$(machine)" noenhanced
		set ylabel "times as fast as the direct loop"
		set yrange [0:2.75]
		set ytics 0.25
		set grid ytics
		set style fill solid 0.6
		set boxwidth 0.14
		set key top left horizontal samplen 2
		set xrange [0.4:4.6]
		set xtics ("even" 1, "uneven 1:10" 2, "rising 1 to 10" 3, "falling 10 to 1" 4)
		array title[5] = ["two bound threads, UML", "static, host", "padata, UML", "OpenMP guided, host", "OpenMP dynamic, host"]
		array color[5] = [0x888a85, 0xd3d7cf, 0x3465a4, 0xc17d11, 0xedd400]
		plot for [s = 1:5] "$LOG/bench-padata.dat" using (\$1 == s ? \$2 : 1/0):3:4:5:(0.14) \
			with boxerrorbars lc rgb color[s] title title[s]
	END
}

draw_small() {
	jq -r '.small[] | [.where, .size, .direct.median, .padata.median] | @tsv' "$results" |
		awk '{ print $1, $2, $3 / 1000, $4 / 1000 }' >"$LOG/bench-padata-small.dat"
	gnuplot <<-END
		set terminal svg size 720,420 font "sans-serif,13" background "white"
		set output "$TOP/results/padata-small.svg"
		set title "Small jobs, medians of up to $ROUNDS runs\n$(machine)" noenhanced
		set xlabel "indices"
		set ylabel "microseconds"
		set logscale xy
		set format x "10^{%L}"
		set grid
		set key top left
		f = "$LOG/bench-padata-small.dat"
		plot f using (strcol(1) eq "uml" ? \$2 : 1/0):3 with linespoints lc rgb "#888a85" pt 6 title "direct loop, UML", \
			f using (strcol(1) eq "uml" ? \$2 : 1/0):4 with linespoints lc rgb "#3465a4" pt 7 title "padata, UML", \
			f using (strcol(1) eq "qemu" ? \$2 : 1/0):3 with linespoints lc rgb "#d3d7cf" pt 4 title "direct loop, QEMU", \
			f using (strcol(1) eq "qemu" ? \$2 : 1/0):4 with linespoints lc rgb "#c17d11" pt 5 title "padata, QEMU"
	END
}

mkdir -p "$LOG" "$OBJECTS" "$TOP/results"
build
load=$(load_now)
: >"$lines"
speedup_and_claim
small_jobs
latency
helpers
loaded
rebind
write_json
draw_speedup
draw_small
jq -r -f "$SOURCE/table.jq" "$results"
say "results/padata.json, results/padata.svg, results/padata-small.svg"
