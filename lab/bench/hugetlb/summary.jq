# SPDX-License-Identifier: GPL-2.0-only
#
# Lines of samples, as hugetlb.sh gathers them, to one object of figures and goals. A line
# is a kernel, a benchmark and its words and numbers; times are in nanoseconds.

def quantile($q): sort | .[((length - 1) * $q) | round];
def median: quantile(0.5);
def places($n): pow(10; $n) as $p | . * $p | round / $p;
def spread: { n: length, median: median, q1: quantile(0.25), q3: quantile(0.75) } |
	map_values(places(3));
def goal($value; $limit; $reached): { value: $value, goal: $limit, reached: $reached };

def of($what): map(select(.[1] == $what));
def ns: map(.[-1] | tonumber);

# kernel, what, HVO, pages, count
def instructions:
	map({ kernel: .[0], what: .[2], hvo: (.[3] | tonumber), pages: (.[4] | tonumber),
	      count: (.[5] | tonumber) }) |
	group_by([.what, .hvo, .pages]) | map(
		(map(select(.kernel == "unpatched").count) | first) as $unpatched |
		(map(select(.kernel == "patched").count) | first) as $patched |
		(.[0] | del(.kernel, .count)) +
		{ unpatched: $unpatched, patched: $patched, ratio: ($patched / $unpatched | places(4)) });

# The n-th samples with helpers and without are neighbours
def gain:
	(map(select(.[0] == "patched" and .[-2] == "alone")) | ns) as $alone |
	(map(select(.[0] == "patched" and .[-2] == "helpers")) | ns) as $helpers |
	(map(select(.[0] == "unpatched" and .[-2] == "alone")) | ns) as $unpatched |
	{ alone_ns: ($alone | spread), helpers_ns: ($helpers | spread),
	  unpatched_ns: (if $unpatched == [] then null else $unpatched | spread end),
	  ratio: ([range($alone | length) | $alone[.] / $helpers[.]] | spread),
	  fastest: { helpers: (($alone | min) / ($helpers | min) | places(3)),
		     unpatched: (if $unpatched == [] then null
			else ($alone | min) / ($unpatched | min) | places(3) end) },
	  alone_to_unpatched: (if $unpatched == [] then null
		else ($alone | median) / ($unpatched | median) | places(3) end) };

# kernel, pool, HVO, what, who, ns
def pools:
	group_by([.[3], .[2]]) | map({ what: .[0][3], hvo: (.[0][2] | tonumber),
		name: "\(.[0][3]), HVO \(if .[0][2] == "1" then "on" else "off" end)" } + gain);

# kernel, plain, what, who, ns
def plains: group_by(.[2]) | map({ what: .[0][2], name: "plain threads, \(.[0][2])" } + gain);

# kernel, clear, what, who, ns
def clears: map(select(.[3] != "warm")) | group_by(.[2]) | map({ what: .[0][2], name: .[0][2] } + gain);

# kernel, limit, who, CPU time, time, mean and most that the other task was late, in us
def limits: map({ who: .[2], usage_us: (.[3] | tonumber), elapsed_us: (.[4] | tonumber),
	late_us: (.[5] | tonumber), latest_us: (.[6] | tonumber) });

# kernel, split, CPUs, what, HVO, threads, chunks, share of the busiest thread
def splits: map({ cpus: (.[2] | tonumber), what: .[3], hvo: (.[4] | tonumber),
	threads: (.[5] | tonumber), chunks: (.[6] | tonumber),
	busiest: (.[7] | tonumber | places(3)) });

[inputs | split(" ")] as $all |
($all | of("instructions") | instructions) as $instructions |
($all | of("pool") | pools) as $pools |
($all | of("plain") | plains) as $plains |
($plains | map({ key: { alloc: "grow", free: "shrink" }[.what], value: .ratio.median }) | from_entries) as $best |
($all | of("clear") | clears) as $clears |
($all | of("limit") | limits) as $limits |
($limits[] | select(.who == "helpers")) as $limited |
($clears[] | select(.what == "memset").ratio.median) as $plain |
{ benchmark: "pools of hugetlb pages, and pages of 1 GiB that are cleared",
  unit: "instructions; ns",
  kind: "instructions are exact; times are emulated: compare within this file only",
  machine: $machine, load: $load, base: $base, commit: $commit, date: $date,
  pages: ($pages | tonumber), instructions: $instructions, pools: $pools, plains: $plains,
  clears: $clears,
  limits: $limits, splits: ($all | of("split") | splits),
  goals: (
	($pools | map({ key: "\(.what), HVO \(.hvo): two threads against one",
		value: goal(.ratio.median; ">= 1.7"; .ratio.median >= 1.7) })) +
	# What the page allocator gives on this machine to threads that do nothing else
	($pools | map({ key: "\(.what), HVO \(.hvo): two threads against one, and plain threads",
		value: goal(.ratio.median; ">= 0.95 of \($best[.what])"; .ratio.median >= 0.95 * $best[.what]) })) +
	($pools | map({ key: "\(.what), HVO \(.hvo): one thread against unpatched, time",
		value: goal(.alone_to_unpatched; "<= 1.03"; .alone_to_unpatched <= 1.03) })) +
	($clears | map(select(.what != "memset") | { key: "\(.what) of 1 GiB: two threads against one",
		value: goal(.ratio.median; ">= 0.95 of \($plain)"; .ratio.median >= 0.95 * $plain) })) +
	# A period more, for it is not known where in a period the time began; and a chunk
	# for each of two threads
	[{ key: "20% of a CPU: CPU time of the group and of helpers, of the quota",
	   value: ($limited | (.usage_us / (.elapsed_us * 0.2) | places(3)) as $part |
		goal($part; "<= 1, a period of quota and two chunks more";
		     .usage_us <= .elapsed_us * 0.2 + 20000 + 2 * 10000)) }] +
	($instructions | map(select(.pages == 1) | {
		key: "\(.what)\(if .what | IN("grow", "shrink") then ", HVO \(.hvo)" else "" end): instructions of one page",
		value: goal(.ratio; "<= 1.01"; .ratio <= 1.01) })) | from_entries) }
