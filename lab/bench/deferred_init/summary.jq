# SPDX-License-Identifier: GPL-2.0-only
#
# Boots on standard input, "round kernel CPUs threads ms reported-ms" a line, and in
# $chunks "thread ns" for each chunk of a traced boot, to one object.

def median: sort | if length % 2 == 1 then .[length / 2 | floor]
	else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def choose($n; $k): reduce range($k) as $i (1; . * ($n - $i) / ($i + 1));

# how likely so many wins or more are if neither is faster
def sign_test: { wins: (map(select(.)) | length), pairs: length } |
	.p = (. as $t | [range(.wins; .pairs + 1) | choose($t.pairs; .)] | add / pow(2; $t.pairs));

def boot: split(" ") | { round: .[0], kernel: .[1], cpus: (.[2] | tonumber),
	threads: (if .[3] == "-" then null else .[3] | tonumber end),
	ms: (.[4] | tonumber), reported: (.[5] | tonumber) };

# Of one round, did the patched kernel win?
def won: (map(select(.kernel == "patched").ms) | first) <
	(map(select(.kernel == "none").ms) | first);

[inputs | boot] as $boots |
{ benchmark: "deferred struct page init, 64 GiB guest",
  unit: "ms by the clock of the host, from the console line before the report to the report",
  kind: "emulated: compare within this file only",
  machine: $machine, load: $load, base: $base, commit: $commit, date: $date, memory: $memory,
  cases: ($boots | group_by([.cpus, .kernel]) | map({
	kernel: (if .[0].kernel == "none" then "unpatched" else "patched" end),
	cpus: .[0].cpus, threads: (map(.threads | values) | if length > 0 then median else null end),
	ms: map(.ms), median: (map(.ms) | median), reported_ms: map(.reported) }) |
	sort_by(.cpus, .kernel) | reverse),
  patched_is_faster: ($boots | group_by(.cpus) | map({ cpus: .[0].cpus } +
	(group_by(.round) | map(won) | sign_test))),
  threads: ($chunks | split("\n") | map(select(. != "") | split(" ")) | group_by(.[0]) |
	map({ thread: .[0][0], chunks: length, busy_ns: (map(.[1] | tonumber) | add) })) }
