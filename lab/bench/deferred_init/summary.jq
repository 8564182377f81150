# SPDX-License-Identifier: GPL-2.0-only
#
# Boots on standard input, "GiB round kernel CPUs threads ms reported-ms" a line, and in
# $chunks "CPUs thread pages ns" for each chunk of the traced boots, to one object; $cpus
# is how many CPUs the host has.

def median: sort | if length % 2 == 1 then .[length / 2 | floor]
	else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def choose($n; $k): reduce range($k) as $i (1; . * ($n - $i) / ($i + 1));

# how likely so many wins or more are if neither is faster
def sign_test: { wins: (map(select(.)) | length), pairs: length } |
	.p = (. as $t | [range(.wins; .pairs + 1) | choose($t.pairs; .)] | add / pow(2; $t.pairs));

def boot: split(" ") | { gib: (.[0] | tonumber), round: .[1], kernel: .[2], cpus: (.[3] | tonumber),
	threads: (if .[4] == "-" then null else .[4] | tonumber end),
	ms: (.[5] | tonumber), reported: (.[6] | tonumber) };

# Of one round, did the patched kernel win?
def won: (map(select(.kernel == "patched").ms) | first) <
	(map(select(.kernel == "none").ms) | first);

def chunk: split(" ") | { cpus: (.[0] | tonumber), thread: .[1], pages: (.[2] | tonumber),
	ns: (.[3] | tonumber) };
def by_thread: group_by(.thread) |
	map({ thread: .[0].thread, chunks: length, pages: (map(.pages) | add), busy_ns: (map(.ns) | add) });

[inputs | boot] as $boots |
($chunks | split("\n") | map(select(. != "") | chunk)) as $chunks |
{ benchmark: "deferred struct page init",
  unit: "ms by the clock of the host, from the console line before the report to the report",
  kind: "emulated: compare within this file only; more CPUs than the host has: no times, only how the work is split",
  machine: $machine, load: $load, base: $base, commit: $commit, date: $date, memory: $memory,
  cases: ($boots | group_by([.gib, .cpus, .kernel]) | map({
	gib: .[0].gib, kernel: (if .[0].kernel == "none" then "unpatched" else "patched" end),
	cpus: .[0].cpus, threads: (map(.threads | values) | if length > 0 then median else null end),
	ms: map(.ms), median: (map(.ms) | median), reported_ms: map(.reported) }) |
	sort_by(.gib, .cpus, .kernel == "patched")),
  patched_is_faster: ($boots | group_by([.gib, .cpus]) | map({ gib: .[0].gib, cpus: .[0].cpus } +
	(group_by(.round) | map(won) | sign_test))),
  threads: ($chunks | map(select(.cpus == ($cpus | tonumber))) | by_thread),
  split: ($chunks | group_by(.cpus) | map({ cpus: .[0].cpus, threads: (by_thread | length),
	chunks: length, least: (by_thread | map(.chunks) | min), most: (by_thread | map(.chunks) | max),
	pages: (map(.pages) | add) })) } |
.goals = {
	"64 GiB: patched is faster, all CPUs": (.patched_is_faster | map(select(.gib == 64 and .cpus > 1)) | first |
		if . then { value: .p, goal: "p <= 0.05", reached: (.p <= 0.05) } else null end),
	"as many pages with any number of CPUs": (.split | map(.pages) | unique |
		{ value: ., goal: "the same", reached: (length == 1) }) } |
.goals |= with_entries(select(.value))
