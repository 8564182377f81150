#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Deferred struct page init of a 64 GiB guest, unpatched and patched, with 1 CPU and
# with as many as the host has; ROUNDS boots of each, in turn, by the host's clock. Of
# two boots of one round the faster wins: who wins how often is the result (sign test).
# One more boot of the patched kernel, traced, shows what each thread did.
#
# A guest that first touches its memory makes the host find that memory, which takes
# longer than what is measured and depends on what ran before. So all guests have the
# same memory, a sparse file that the host keeps from one to the next.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../measure.sh
. "$LAB/measure.sh"

ROUNDS=${ROUNDS:-11}
MANY=$(nproc)
[ "$MANY" -gt 1 ] || MANY=2
[ "$MANY" -le 64 ] || MANY=64 # as the configuration has it
export CONFIG=qemu
results=$TOP/results/deferred_init.json
lines=$LOG/bench-deferred_init.results
chunks=$LOG/bench-deferred_init.chunks
mkdir -p "$LOG" "$TOP/results"

# kernel and CPUs, one case a line; every other round backwards
cases() { # ROUND
	printf '%s\n' "none 1" "none $MANY" "patched 1" "patched $MANY" |
		if [ $(($1 % 2)) = 0 ]; then cat; else tac; fi
}

boot_all() {
	local round kernel cpus series threads reported ms

	for round in $(seq 0 "$ROUNDS"); do
		while read -r kernel cpus <&3; do
			series=
			[ "$kernel" = patched ] || series=none
			read -r threads reported ms < <(
				SERIES=$series measure_boot "bench-$kernel" "$cpus")
			# the first round finds memory for the guests on the host
			[ "$round" = 0 ] || echo "$round $kernel $cpus $threads $ms $reported" >>"$lines"
		done 3< <(cases "$round")
		say "round $round of $ROUNDS"
	done
}

# The chunks of the patched kernel, "thread ns" a line
trace_chunks() {
	local guest=$BUILD/guest/trace-deferred_init

	mkdir -p "$guest"
	printf '#!/bin/sh\ncat /sys/kernel/tracing/trace\n' >"$guest/run"
	chmod +x "$guest/run"
	NAME=bench-traced SMP=$MANY MEM=64G GUEST=$guest \
		CMDLINE='kunit.autorun=0 trace_event=padata_mt:padata_mt_chunk trace_buf_size=4M' \
		"$LAB/boot.sh" >"$LOG/bench-traced.boot" 2>&1 ||
		die "the guest 'bench-traced' failed: $(tail -n1 "$LOG/bench-traced.boot")"
	sed -n 's/^ *\([^ ]*\) .*padata_mt_chunk: fn=[^ ]*deferred.* ns=\([0-9]*\) .*/\1 \2/p' \
		"$LOG/bench-traced.output" >"$chunks"
	[ -s "$chunks" ] || die "the guest 'bench-traced' traced no chunk; see $LOG/bench-traced.output"
}

write_json() {
	summarise "$LAB/bench/deferred_init/summary.jq" "$load" --arg memory "$kept" \
		--rawfile chunks "$chunks" <"$lines" >"$results"
}

draw() {
	jq -r '.cases[] | .kernel as $k | .cpus as $c | .ms[] | "\($k), \($c) CPU\(if $c > 1 then "s" else "" end)\t\(.)"' \
		"$results" >"$LOG/bench-deferred_init.dat"
	gnuplot <<-END
		set terminal svg size 720,420 font "sans-serif,13" background "white"
		set output "$TOP/results/deferred_init.svg"
		set title "Deferred struct page init, 64 GiB guest, $ROUNDS boots each\n$(machine)" noenhanced
		set ylabel "ms by the host's clock (emulated)"
		set yrange [0:*]
		set xrange [0.5:4.5]
		set datafile separator "\t"
		set style data boxplot
		set style boxplot outliers pointtype 7
		set style fill solid 0.3
		set boxwidth 0.5
		set grid ytics
		unset key
		plot "$LOG/bench-deferred_init.dat" using (1):2:(0.5):1 title "deferred init" lc rgb "#3465a4"
	END
}

CONFIG=qemu "$LAB/kernel.sh"
CONFIG=qemu SERIES=none "$LAB/kernel.sh"
: >"$lines"
load=$(load_now)
share_memory
boot_all
trace_chunks
write_json
draw
jq -r '(.cases[] | "\(.kernel), \(.cpus) CPUs: \(.median) ms (\(.ms | min) to \(.ms | max))"),
	(.patched_is_faster[] | "\(.cpus) CPUs: patched is faster in \(.wins) of \(.pairs) pairs, p = \(.p * 1e4 | round / 1e4)" +
		(if .cpus == 1 then "" elif .p <= 0.05 then ": reached" else ": MISSED" end)),
	(.threads[] | "\(.thread): \(.chunks) chunks, busy for \(.busy_ns / 1e6 | round) ms")' "$results"
say "results/deferred_init.json, results/deferred_init.svg"
