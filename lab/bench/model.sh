#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Scale on paper: deferred struct page init, drains of all CPUs, pins of a guest's memory and
# exits, simulated for machines that are not here. model/*.c plays the rules of the code,
# event by event, with the costs that the other parts of `make bench` measured, so it runs
# after them; model/params.h says of each cost where it comes from, and which are assumed. It
# is checked against published times (model/published*.h), jobs on User Mode Linux and a
# guest. Pins and exits are a law of few numbers (model/pin.c).
#
# model/summary.jq makes results/model.json of what it prints; results/model-init.svg has
# the checks and predictions of deferred init, results/model-drain.svg those of drains.
#
# shellcheck disable=SC2016 # filters of jq have variables of their own

. "$(dirname "$0")/../common.sh"
# shellcheck source=../measure.sh
. "$LAB/measure.sh"

SOURCE=$LAB/bench/model
OBJECTS=$ROOM/bench/model
lines=$LOG/bench-model.lines
results=$TOP/results/model.json
GUEST_PAGES=15958016	# deferred in a guest of 64 GiB: all above 4 GiB and a little

# NAME=VALUE for each cost that was measured elsewhere
measured() {
	jq -r '"claim_ns=\(.claim.cases[] | select(.where == "uml" and .meet).ns_per_chunk)",
		"index_ns=\(.small[] | select(.where == "uml" and .size == 1000000).direct.median / 1e6)"' \
		"$TOP/results/padata.json"
	jq -r '"hit_ns=\(.locked_cycles.alone / 2.6)",
		"queued_instructions=\(.drains.work.queued)",
		"remote_instructions=\(.drains.work.remote)"' "$TOP/results/qpw.json"
	jq -r '.gains[] | select(.where == "native" and .kind == "pages") | "exit_gain=\(.gain.median)"' \
		"$TOP/results/teardown.json"
}

# The guest of deferred_init.sh, as fast as it was with one CPU
guest() {
	local ms

	ms=$(jq '.cases[] | select(.gib == 64 and .kernel == "patched" and .cpus == 1).median' \
		"$TOP/results/deferred_init.json")
	"$OBJECTS/model" "$@" one sections=1 past_caches=1 cores=2 socket=2 peak=0 pages="$GUEST_PAGES" \
		page_ns="$(awk "BEGIN { print $ms * 1e6 / $GUEST_PAGES }")" |
		awk -v OFS='\t' '{ $1 = $1; print "guest", $0 }'
}

simulate() {
	local costs

	mapfile -t costs < <(measured)
	"$OBJECTS/model" "${costs[@]}" parameters published small init ifs drains pins exits >"$lines"
	guest "${costs[@]}" >>"$lines"
}

# Compact, but a line for each row
write_json() {
	summarise "$SOURCE/summary.jq" "$load" -c \
		--slurpfile padata "$TOP/results/padata.json" \
		--slurpfile init "$TOP/results/deferred_init.json" <"$lines" |
		sed 's/},{/},\n{/g; s/\],"/],\n"/g; s/,"\(init\|ifs\|drains\|parameters\|checks\|pin_laws\|pins\|exits\)":/,\n"\1":/g' >"$results"
}

# Blocks of lines with two blank lines between: gnuplot's indices, in the order of the words
blocks() { # FILTER WORD...
	local filter=$1 word
	shift

	for word; do
		jq -r --arg word "$word" "$filter" "$results"
		printf '\n\n'
	done
}

# In the order of published.h
machines() {
	jq -r '(reduce .checks.published[].machine as $m ([]; if index($m) then . else . + [$m] end))[]' \
		"$results"
}

draw_init() {
	local machines

	mapfile -t machines < <(machines)
	blocks '.init | map(select(.tib == 64 and "\(.nodes) \(.design)" == $word)) |
		sort_by(.cpus)[] | "\(.cpus)\t\(.ms / 1000)"' \
		{1,8,32}" "{"threads only","series","all"} >"$LOG/bench-model-init.dat"
	blocks '.checks.published[] | select(.threads > 1 and .version == "v2" and .machine == $word) |
		"\(.ms)\t\(.model_ms)"' "${machines[@]}" >"$LOG/bench-model-check.dat"
	gnuplot <<-END
		set terminal svg size 1080,560 font "sans-serif,13" background "white" noenhanced
		set output "$TOP/results/model-init.svg"
		set multiplot layout 1,2
		set logscale xy
		set grid
		set key below samplen 3 height 1
		array nodes[3] = ["1 node", "8 nodes", "32 nodes"]
		array color[3] = [0xc17d11, 0x3465a4, 0x4e9a06]
		array design[3] = ["threads only", "as it is", "all changes"]
		array dash[3] = [1, 2, 3]
		set title "Simulated: 64 TiB, a machine of 1024 CPUs in 8 sockets"
		set xlabel "CPUs that take part"
		set ylabel "seconds until all struct pages are initialised"
		set xrange [1:1024]
		set yrange [0.3:60]
		set xtics (1, 4, 16, 64, 256, 1024)
		set ytics (0.5, 1, 2, 5, 10, 20, 50)
		plot for [n = 1:3] for [d = 1:3] "$LOG/bench-model-init.dat" index 3 * (n - 1) + d - 1 \
			with linespoints lc rgb color[n] dt dash[d] lw 1.8 pt 5 + d ps 0.5 \
			title nodes[n] . ", " . design[d]
		set title "The same model, and what was published in 2020"
		set xlabel "published, ms"
		set ylabel "simulated, ms"
		set xrange [15:600]
		set yrange [15:600]
		set xtics (20, 50, 100, 200, 500)
		set ytics (20, 50, 100, 200, 500)
		array machine[${#machines[@]}] = ["$(printf '%s' "${machines[0]}")$(printf '", "%s' "${machines[@]:1}")"]
		plot x with lines lc rgb "#888a85" title "equal", \
			1.25 * x with lines lc rgb "#d3d7cf" title "a quarter off", \
			x / 1.25 with lines lc rgb "#d3d7cf" notitle, \
			for [i = 1:${#machines[@]}] "$LOG/bench-model-check.dat" index i - 1 \
			with points pt 3 + i ps 0.9 lw 1.5 title machine[i] . (i == 1 ? " (fitted)" : "")
	END
}

draw_drain() {
	blocks '.drains[] | select("\(.how)\(.folios)" == $word) | "\(.cpus)\t\(.us)"' \
		{"queued","half remote","all remote","all remote, 8 drainers","all remote, a drainer for 16 CPUs, folios fetched before"}{15,217} \
		>"$LOG/bench-model-drain.dat"
	gnuplot <<-END
		set terminal svg size 1080,520 font "sans-serif,13" background "white" noenhanced
		set output "$TOP/results/model-drain.svg"
		set multiplot layout 1,2
		set logscale xy
		set grid
		set key below samplen 3 height 1
		array label[5] = ["queued to each CPU", "half of them in remote mode", "all in remote mode", "the same, 8 drainers", "a drainer for 16 CPUs, fetching before locking"]
		array color[5] = [0x888a85, 0xc17d11, 0x3465a4, 0x4e9a06, 0x75507b]
		set xlabel "CPUs drained"
		set ylabel "microseconds for the caller"
		set xrange [2:1024]
		set yrange [2:100000]
		set xtics (2, 8, 32, 128, 512)
		set ytics ("10" 10, "100" 100, "1000" 1000, "10 000" 10000, "100 000" 100000)
		do for [k = 0:1] {
			set title k ? "All batches full, 217 folios on each CPU" : "Simulated: lru_add_drain_all(), 15 folios on each CPU"
			plot for [i = 1:5] "$LOG/bench-model-drain.dat" index 2 * (i - 1) + k \
				with linespoints lc rgb color[i] lw 1.8 pt 5 + i ps 0.6 title label[i]
		}
	END
}

mkdir -p "$LOG" "$OBJECTS" "$TOP/results"
for part in padata qpw deferred_init teardown; do
	[ -s "$TOP/results/$part.json" ] || die "results/$part.json is missing: run 'make bench'"
done
gcc -O2 -Wall -Wextra -o "$OBJECTS/model" "$SOURCE"/*.c -lm
load=$(load_now)
simulate
write_json
draw_init
draw_drain
jq -r -f "$SOURCE/table.jq" "$results"
say "results/model.json, results/model-init.svg, results/model-drain.svg"
