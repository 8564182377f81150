# SPDX-License-Identifier: GPL-2.0-only
#
# Lines of samples, as padata.sh gathers them, to one object of figures and goals. A line
# is a place, a benchmark and its words and numbers; times are in nanoseconds.

def quantile($q): sort | .[((length - 1) * $q) | round];
def spread: { n: length, median: quantile(0.5), q1: quantile(0.25), q3: quantile(0.75) };
def places($n): pow(10; $n) as $p | . * $p | round / $p;
def goal($value; $limit; $reached): { value: $value, goal: $limit, reached: $reached };

# count, median, 10th, 90th and 99th percentile, as the module sums samples up
def summed: { n: .[0], median: .[1], p10: .[2], p90: .[3], p99: .[4] };

# slope of a line through points of least squares
def slope:
	(map(.[0]) | add / length) as $x | (map(.[1]) | add / length) as $y |
	(map((.[0] - $x) * (.[1] - $y)) | add) / (map((.[0] - $x) | . * .) | add);

def numbers: map(tonumber);
def of($what): map(select(.[1] == $what));

# where, pattern, how, ns, chunks, threads; the direct loop and the others of one round
# follow each other, so the n-th samples of two cases are neighbours
def speedup:
	map({ where: .[0], pattern: .[2], how: .[3], ns: (.[4] | tonumber),
	      chunks: (.[5] | tonumber) }) |
	group_by([.where, .pattern]) | map(
		(map(select(.how == "direct").ns)) as $direct |
		group_by(.how)[] | (map(.ns)) as $ns | {
			where: .[0].where, pattern: .[0].pattern, how: .[0].how,
			chunks: (map(.chunks) | quantile(0.5)), ns: ($ns | spread),
			ratio: ([range($ns | length) | $direct[.] / $ns[.]] | spread |
				map_values(places(3))) });

# where, how, ns of the chunk itself, bits, chunks, samples summed up. The tenth
# percentile, and of several turns the fastest: who loses its CPU with the lock in hand
# makes the other spin for a slice of the host, which says nothing of claims.
# Chunks that take their time run on both threads at a time, and so do claims.
def claim:
	map({ where: .[0], how: .[2], body: (.[3] | tonumber), bits: (.[4] | tonumber),
	      chunks: (.[5] | tonumber) } + (.[6:] | numbers | summed) | .meet = (.body < 50)) |
	group_by([.where, .meet]) | map({
		where: .[0].where, how: .[0].how, meet: .[0].meet,
		body: (map(.body) | min),
		points: (group_by(.bits) | map(min_by(.p10))) } |
		(.points | map([.chunks, .p10]) | slope) as $slope |
		.ns_per_chunk = (if .meet then $slope else 2 * $slope - .body end | places(1)));

def small:
	map({ where: .[0], size: (.[2] | tonumber), chunks: (.[3] | tonumber),
	      threads: (.[4] | tonumber), direct: (.[5:10] | numbers | summed),
	      padata: (.[10:15] | numbers | summed) } |
	    .over_ns = .padata.median - .direct.median |
	    .ratio = (.padata.median / ([.direct.median, 1] | max) | places(3)) |
	    .reached = (.ratio <= 1.05 or .over_ns <= 1000));

def latency:
	map({ mechanism: .[2], helpers: (.[3] | tonumber),
	      first: (.[4:9] | numbers | summed), last: (.[9:14] | numbers | summed) });

# case, how, ns, ns that the caller waited, helpers that took part, helpers that gave up;
# the three ways of one round follow each other
def helpers:
	group_by(.[2]) | map(
		(map(select(.[3] == "direct")[4] | tonumber)) as $direct |
		group_by(.[3])[] | select(.[0][3] != "direct") |
		(map(.[4:] | numbers)) as $n | {
			case: .[0][2], how: .[0][3], ns: ($n | map(.[0]) | spread),
			ratio: ([range($n | length) | $direct[.] / $n[.][0]] | spread | map_values(places(3))),
			waited: ($n | map(.[1]) | spread),
			helped: ($n | map(select(.[2] > 0)) | length),
			gave_up: ($n | map(.[3]) | spread) });

# the limit of threads, threads, chunks, ns of the job, wall ns, the hog's ns, waited
def loaded:
	map(.[2:] | numbers | { max_threads: .[0], threads: .[1], chunks: .[2], ns: .[3],
	    share: (.[5] / .[4]), waited: .[6] }) |
	(map(select(.max_threads == 1))) as $one | (map(select(.max_threads == 0))) as $all |
	{ pairs: ($one | length), shortest_job_ns: (map(.ns) | min),
	  job_ns: { one: ($one | map(.ns) | spread), all: ($all | map(.ns) | spread) },
	  threads: ($all | map(.threads) | spread), chunks: ($all | map(.chunks) | spread),
	  hog_share: { one: ($one | map(.share) | spread), all: ($all | map(.share) | spread) },
	  hog_loses: ([range($one | length) | 1 - $all[.].share / $one[.].share] | spread |
		map_values(places(4))),
	  waited_ns: ($all | map(.waited) | spread) };

# bind ns and ns of padata jobs in it; memory: the same for plain threads. Without a job
# in it (the kernel does not use padata there) the whole bind counts.
def rebind:
	(to_entries | map(select(.value[1] == "warm").key) | first) as $warm | .[$warm:] |
	(of("rebind") | map(.[2:] | numbers)) as $binds |
	($binds | all(.[2] > 0)) as $padata |
	def times($cpus): map(select(.[0] == $cpus) | if $padata then .[2] else .[1] end);
	($binds | times(1)) as $one | ($binds | times(2)) as $two |
	(of("memory") | map(.[2:] | numbers)) as $memory |
	($memory | map(select(.[0] == 1)[1])) as $m1 | ($memory | map(select(.[0] == 2)[1])) as $m2 |
	{ times: (if $padata then "padata jobs in the bind" else "the whole bind: no padata job in it" end),
	  bind_ns: { one: ($binds | map(select(.[0] == 1)[1]) | spread),
		     two: ($binds | map(select(.[0] == 2)[1]) | spread) },
	  ns: { one: ($one | spread), two: ($two | spread) },
	  ratio: ([range($one | length) | $one[.] / $two[.]] | spread | map_values(places(3))),
	  plain_ratio: ([range($m1 | length) | $m1[.] / $m2[.]] | spread | map_values(places(3))) };

[inputs | split(" ")] as $all |
($all | of("speedup") | speedup) as $speedup |
($all | of("claim") | claim) as $claim |
($all | of("small") | small) as $small |
($all | of("latency") | latency) as $latency |
($all | of("helpers") | helpers) as $helpers |
($all | of("loaded") | loaded) as $loaded |
($all | map(select(.[1] | IN("rebind", "memory", "warm"))) | rebind) as $rebind |
def gain($where; $pattern; $how): $speedup[] |
	select(.where == $where and .pattern == $pattern and .how == $how).ratio.median;
gain("uml"; "even"; "static") as $plain |
def cost($how; $meet): $claim[] | select(.how == $how and .meet == $meet).ns_per_chunk;
{ benchmark: "multithreaded padata jobs",
  machine: $machine, load: $load, base: $base, commit: $commit, date: $date, gcc: $gcc,
  unit: "ns; a ratio is the direct loop's or one thread's time through the other's, run after run",
  speedup: {
	kind: "uml: native speed, the host's clock; host: native",
	plain_threads: $plain,
	goals: ([$speedup[] | select(.how == "padata") | { key: .pattern, value:
		(.ratio.median / $plain | places(3) | goal(.; ">= 0.95 of two plain bound threads on the even loop"; . >= 0.95)) }] |
		from_entries),
	cases: $speedup },
  claim: {
	kind: "two threads from when both are there; slope of the tenth percentiles over the chunk counts. meet: chunks that cost nothing, so that claims meet; not meet: chunks of 0.4 us, the time of both threads without the chunk itself, good to some 20 ns. uml: native speed; host: native",
	goal: (cost("padata"; true) / cost("guided"; true) | places(2) | goal(.; "<= 1.5 of OpenMP guided where claims meet"; . <= 1.5)),
	cases: $claim },
  small_kind: "uml: native speed, its clock has steps of 256 ns; qemu: emulated, compare within",
  small_goal: "<= 1.05 of the direct loop or 1000 ns more",
  small: $small,
  latency_kind: "emulated: compare within this file only; 4 CPUs are more than the host may have",
  latency: $latency,
  helpers_kind: "emulated: jobs of 0.1 s of a caller that may use CPUs 0 and 1; affinity: two more CPUs are idle; hog: a busy task on CPU 1; the workqueue is unbound, at nice 19",
  helpers: $helpers,
  loaded: ($loaded + { kind: "emulated: shares of the CPU's time",
	goal: ($loaded.hog_loses.median | goal(.; "<= 0.03 less, jobs of 3 s"; . <= 0.03 and $loaded.shortest_job_ns >= 3e9)) }),
  rebind: ($rebind + { kind: "emulated: compare within this file only",
	goal: ($rebind.ratio.median / $rebind.plain_ratio.median | places(3) | goal(.; ">= 0.9 of plain threads"; . >= 0.9)) }) }
