#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Deferred struct page init of a 64 GiB guest, unpatched and patched, with 1 CPU and
# with as many as the host has; ROUNDS boots of each, in turn, by the host's clock.

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
mkdir -p "$LOG" "$TOP/results"

# kernel and CPUs, one case a line; every other round backwards, for what ran before a
# guest shows in how fast the host finds memory for it
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
			[ "$round" = 0 ] || echo "$kernel $cpus $threads $ms $reported" >>"$lines"
		done 3< <(cases "$round")
		say "round $round of $ROUNDS"
	done
}

write_json() {
	jq -Rn --arg machine "$(machine)" --arg commit "$(git -C "$TOP" rev-parse --short=12 HEAD)" \
		--arg date "$(date -u +%Y-%m-%d)" \
		--arg base "$(git -C "$TREE" log -1 --format=%s refs/lab/base)" '
		def median: sort | if length % 2 == 1 then .[length / 2 | floor]
			else (.[length / 2 - 1] + .[length / 2]) / 2 end;
		{ benchmark: "deferred struct page init, 64 GiB guest",
		  unit: "ms by the clock of the host, from the console line before the report to the report",
		  kind: "emulated: compare within this file only",
		  machine: $machine, base: $base, commit: $commit, date: $date,
		  cases: [inputs | split(" ")] | group_by([.[0], .[1]]) | map({
			kernel: (if .[0][0] == "none" then "unpatched" else "patched" end),
			cpus: (.[0][1] | tonumber),
			threads: (if .[0][2] == "-" then null else (map(.[2] | tonumber) | median) end),
			ms: map(.[3] | tonumber), median: (map(.[3] | tonumber) | median),
			reported_ms: map(.[4] | tonumber) }) | sort_by(.cpus, .kernel) | reverse }' \
		<"$lines" >"$results"
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
		set datafile separator "\t"
		set style data boxplot
		set style boxplot outliers pointtype 7
		set style fill solid 0.3
		set boxwidth 0.5
		set grid ytics
		unset key
		plot "$LOG/bench-deferred_init.dat" using (1):2:(0.5):1 lc rgb "#3465a4"
	END
}

CONFIG=qemu "$LAB/kernel.sh"
CONFIG=qemu SERIES=none "$LAB/kernel.sh"
: >"$lines"
boot_all
write_json
draw
jq -r '.cases[] | "\(.kernel), \(.cpus) CPUs: \(.median) ms (\(.ms | min) to \(.ms | max))"' "$results"
say "results/deferred_init.json, results/deferred_init.svg"
