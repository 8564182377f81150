#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Deferred struct page init of guests of several sizes, unpatched and patched, with 1 CPU
# and with as many as the host has; RUNS boots of each, in turn, by the host's clock. Of
# two boots of one round the faster wins: who wins how often is the result (sign test).
#
# Then the patched kernel once more with that many CPUs and with more, traced, to show what
# each thread did. CPUs that the host does not have say nothing of time, only how the work
# is split, and that none of it is lost.
#
# A guest that first touches its memory makes the host find that memory, which takes
# longer than what is measured and depends on what ran before. So all guests of a size have
# the same memory, a sparse file that the host keeps from one to the next. They touch 1/64
# of it, which the host must have.
#
# RUNS= is how many boots of each case count, SIZES= the GiB of the guests.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../measure.sh
. "$LAB/measure.sh"

RUNS=${RUNS:-11}
SIZES=${SIZES:-16 64 256}
MANY=$(nproc)
[ "$MANY" -gt 1 ] || MANY=2
[ "$MANY" -le 64 ] || MANY=64 # as the configuration has it
export CONFIG=qemu
results=$TOP/results/deferred_init.json
lines=$LOG/bench-deferred_init.results
chunks=$LOG/bench-deferred_init.chunks

# kernel and CPUs, one case a line; every other round backwards
cases() { # ROUND
	printf '%s\n' "none 1" "none $MANY" "patched 1" "patched $MANY" |
		if [ $(($1 % 2)) = 0 ]; then cat; else tac; fi
}

boot_round() { # GIB ROUND
	local kernel cpus series threads reported ms

	while read -r kernel cpus <&3; do
		series=
		[ "$kernel" = patched ] || series=none
		read -r threads reported ms < <(
			SERIES=$series MEM=${1}G measure_boot "bench-$kernel" "$cpus")
		# the first round finds memory for the guests on the host
		[ "$2" = 0 ] || echo "$1 $2 $kernel $cpus $threads $ms $reported" >>"$lines"
	done 3< <(cases "$2")
}

# Has the host what guests touch?
fits() { # GIB
	[ "$(awk '/^MemAvailable/ { printf "%d", $2 / 1024 }' /proc/meminfo)" -ge "$(memory_needed "$1")" ] ||
		{ warn "$1 GiB: left out, the host has not the $(memory_needed "$1") MiB that it takes"; return 1; }
}

# In a process of its own, at whose end the memory goes back to the host
boot_size() ( # GIB
	share_memory "$1"
	echo "$kept" >"$LOG/bench-deferred_init.kept"
	for round in $(seq 0 "$RUNS"); do
		boot_round "$1" "$round"
		say "$1 GiB: round $round of $RUNS"
	done
)

# The chunks of the patched kernel, "CPUs thread pages ns" a line
trace_chunks() { # CPUS
	local guest=$BUILD/guest/trace-deferred_init

	mkdir -p "$guest"
	printf '#!/bin/sh\ncat /sys/kernel/tracing/trace\n' >"$guest/run"
	chmod +x "$guest/run"
	NAME=bench-traced SMP=$1 MEM=64G GUEST=$guest \
		CMDLINE='kunit.autorun=0 trace_event=padata_mt:padata_mt_chunk trace_buf_size=4M' \
		"$LAB/boot.sh" >"$LOG/bench-traced.boot" 2>&1 ||
		die "the guest 'bench-traced' failed: $(tail -n1 "$LOG/bench-traced.boot")"
	sed -n "s/^ *\([^ ]*\) .*padata_mt_chunk: fn=[^ ]*deferred.* size=\([0-9]*\) ns=\([0-9]*\) .*/$1 \1 \2 \3/p" \
		"$LOG/bench-traced.output" >"$LOG/bench-traced.chunks"
	[ -s "$LOG/bench-traced.chunks" ] ||
		die "the guest 'bench-traced' traced no chunk; see $LOG/bench-traced.output"
	cat "$LOG/bench-traced.chunks" >>"$chunks"
}

draw() {
	jq -r '.cases[] | select(.gib == 64) | .kernel as $k | .cpus as $c |
		.ms[] | "\($k),\\n\($c) CPU\(if $c > 1 then "s" else "" end)\t\(.)"' \
		"$results" >"$LOG/bench-deferred_init.dat"
	jq -r '.cases | sort_by(.kernel, .cpus, .gib)[] | "\(.kernel)-\(if .cpus == 1 then 1 else "many" end)\t\(.gib)\t\(.median)\t\(.ms | min)\t\(.ms | max)"' \
		"$results" >"$LOG/bench-deferred_init-sizes.dat"
	gnuplot <<-END
		set terminal svg size 860,420 font "sans-serif,13" background "white"
		set output "$TOP/results/deferred_init.svg"
		set multiplot layout 1,2 title "Deferred struct page init, $RUNS boots each, by the host's clock (emulated)"
		set datafile separator "\t"
		set grid ytics
		set bmargin 3.5
		set title "64 GiB guest"
		set ylabel "ms"
		set yrange [0:*]
		set xrange [0.5:4.5]
		set style data boxplot
		set style boxplot outliers pointtype 7
		set style fill solid 0.3
		set boxwidth 0.5
		unset key
		cd "$LOG"
		plot "bench-deferred_init.dat" using (1):2:(0.5):1 lc rgb "#3465a4"
		set title "guests of several sizes: median, least and most"
		set xlabel "GiB"
		set logscale xy 2
		set xrange [10:400]
		set yrange [*:*]
		set xtics (${SIZES// /,})
		set key top left samplen 2
		f = "bench-deferred_init-sizes.dat"
		plot f using (strcol(1) eq "unpatched-1" ? \$2 : 1/0):3:4:5 with yerrorlines lc rgb "#888a85" pt 6 title "unpatched, 1 CPU", \\
			f using (strcol(1) eq "patched-1" ? \$2 : 1/0):3:4:5 with yerrorlines lc rgb "#3465a4" pt 6 title "patched, 1 CPU", \\
			f using (strcol(1) eq "unpatched-many" ? \$2 : 1/0):3:4:5 with yerrorlines lc rgb "#888a85" pt 7 title "unpatched, $MANY CPUs", \\
			f using (strcol(1) eq "patched-many" ? \$2 : 1/0):3:4:5 with yerrorlines lc rgb "#3465a4" pt 7 title "patched, $MANY CPUs"
	END
}

mkdir -p "$LOG" "$TOP/results"
"$LAB/kernel.sh"
SERIES=none "$LAB/kernel.sh"
: >"$lines"
: >"$chunks"
load=$(load_now)
for gib in $SIZES; do
	if fits "$gib"; then boot_size "$gib"; fi
done
for cpus in $(printf '%s\n' "$MANY" 4 8 16 | sort -nu); do
	say "traced, $cpus CPUs"
	trace_chunks "$cpus"
done
summarise "$LAB/bench/deferred_init/summary.jq" "$load" --arg cpus "$MANY" \
	--arg memory "$(<"$LOG/bench-deferred_init.kept")" --rawfile chunks "$chunks" \
	<"$lines" >"$results"
draw
jq -r -f "$LAB/bench/deferred_init/table.jq" "$results"
say "results/deferred_init.json, results/deferred_init.svg"
