# SPDX-License-Identifier: GPL-2.0-only
#
# Lines of samples, as drains.sh gathers them, to one object. A line is a case, what was
# counted, the number of CPUs, what was done, and its numbers; drains/main.c says which.

def median: sort | .[(length - 1) / 2 | floor];
def places($n): pow(10; $n) as $p | . * $p | round / $p;
def goal($value; $limit; $reached): { value: $value, goal: $limit, reached: $reached };

[inputs | split(" ") | select(.[1] == "instructions" or .[1] == "events")] as $all |
def of($what; $s): $all | map(select(.[1] == $what and .[0] == $s[0] and .[2] == $s[2] and
	.[3] == $s[3]) | .[4:] | map(tonumber));

($all | map(select(.[1] == "events")) | unique_by([.[0], .[2], .[3]]) | map(. as $s |
	of("instructions"; $s) as $i | of("events"; $s) as $e |
	{ case: .[0], cpus: (.[2] | tonumber), drain: .[3],
	  instructions: ($i | map(.[0]) | min), median: (if $i == [] then null else $i | map(.[0]) | median end),
	  most: ($i | map(.[0]) | max),
	  works: ($e | map(.[0]) | median), switches: ($e | map(.[1]) | median),
	  ipis: ($e | map(.[2]) | median) }) | sort_by(.drain, .cpus, .case)) as $drains |
def figure($case; $cpus; $drain): $drains[] |
	select(.case == $case and .cpus == $cpus and .drain == $drain);

($drains | map(.cpus) | unique) as $cpus |
{ benchmark: "QPW: draining the caches of all CPUs", machine: $machine, load: $load, base: $base,
  commit: $commit, date: $date, gcc: $gcc,
  unit: "instructions of all CPUs together; events on all CPUs",
  kind: "instructions: by -icount, smallest sample, memory controller off; none for destroying a cache, which waits for a grace period; events: from tracepoints, in samples of their own",
  cached: "8 folios in the LRU batch of each CPU; 8 objects in its sheaf",
  cpus: $cpus,
  drains: $drains,
  # what each CPU more takes
  per_cpu: [("lru", "shrink") as $drain | { drain: $drain } + ([("unpatched", "0", "1") as $case |
	{ key: $case, value: ((figure($case; $cpus[-1]; $drain).instructions -
		figure($case; $cpus[0]; $drain).instructions) / ($cpus[-1] - $cpus[0]) | places(1)) }] |
	from_entries)],
  goals: ([("lru", "shrink") as $drain | $cpus[] as $n |
	{ key: "\($drain), \($n) CPUs, against unpatched",
	  value: (figure("1"; $n; $drain).instructions / figure("unpatched"; $n; $drain).instructions |
		places(3) | goal(.; "< 1"; . < 1)) }] +
	[("lru", "shrink", "destroy") as $drain | $cpus[] as $n |
	{ key: "\($drain), \($n) CPUs, works queued",
	  value: (figure("1"; $n; $drain).works | goal(.; "none"; . == 0)) }] | from_entries) }
