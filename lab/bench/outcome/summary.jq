# SPDX-License-Identifier: GPL-2.0-only
#
# Lines of events, as outcome.sh gathers them, to one object. lab/guest/outcome/run says
# what a line is; the kernel and the way of isolation come before it. Of two tries the one
# with fewer events counts, because the guest has other things to do as well. The letters of
# an outcome: work, switch, IPI; ! it never completes, ? it failed.

# The rows of the table, as lab/bench/outcome/operations has them
def rows: split("\n") | map(select(test("^[a-z]")) | split("|") | map(gsub("^ +| +$"; "")) |
	{ name: .[0], title: .[1], reason: .[3], chance: (.[2] == "chance"), quiet: (.[2] |
		if . == "converted" then ["partition", "isolcpus", "all"]
		elif . == "-" or . == "chance" then [] else split(" ") end) });

def letters: [if .works != {} then "w" else empty end, if .switches != {} then "s" else empty end,
	if .ipis != {} then "i" else empty end,
	if .result == "never" then "!" elif .result == "failed" then "?" else empty end] |
	if . == [] then "-" else join("") end;

def counts($events; $kind): $events | map(select(.[2] == $kind) | { key: .[5], value: (.[6] | tonumber) }) |
	from_entries;
def total: [.works, .switches, .ipis | add // 0] | add;

[inputs | split(" ")] as $all |
($all | map(select(.[2] == "op"))) as $ops |
if $ops == [] then error("no operation was observed") else . end |
{ benchmark: "What reaches an isolated CPU", machine: $machine, load: $load, base: $base,
  commit: $commit, date: $date, limit_ms: $limit,
  unit: "work items queued or executed on the CPU, context switches there, interrupts sent to it, ticks there",
  kind: "tracepoints, the better of two tries; a SCHED_FIFO task never yields the CPU, and ordinary tasks have no share of it",
  kernels: ["unpatched", "patched"],
  ways: ["partition", "isolcpus", "nohz_full", "all"],
  operations: ($operations | rows),
  outcomes: ($ops | map([.[0], .[1], .[3]]) | unique | map(. as $key |
	($ops | map(select([.[0], .[1], .[3]] == $key) | . as $op |
		($all | map(select(.[:2] == $op[:2] and .[2] != "op" and .[3:5] == $op[3:5]))) as $events |
		{ kernel: .[0], isolated: .[1], operation: .[3], result: .[5],
		  works: counts($events; "work"), switches: counts($events; "switch"),
		  ipis: counts($events; "ipi"), ticks: (.[6] | tonumber) }) |
	min_by(total) | .letters = letters))) }
