# SPDX-License-Identifier: GPL-2.0-only
#
# Lines of samples, as teardown.sh gathers them, to one object:
#
#	WHERE dontneed|exit KIND THREADS KIB NS
#	traced traced KIND FUNCTION CALLS

def quantile($q): sort | .[((length - 1) * $q) | round];
def median: quantile(0.5);
def places($n): pow(10; $n) as $p | . * $p | round / $p;
def spread: { n: length, median: median, q1: quantile(0.25), q3: quantile(0.75) } |
	map_values(places(2));

[inputs | split(" ")] as $all |
($all | map(select(.[1] != "traced") |
	{ where: .[0], what: .[1], kind: .[2], threads: (.[3] | tonumber), kib: (.[4] | tonumber), ns: (.[5] | tonumber) })) as $samples |
($counted | tonumber * 256) as $pages |

def of($where; $what; $kind; $threads): $samples |
	map(select(.where == $where and .what == $what and .kind == $kind and .threads == $threads and .kib > 2048).ns);

{ benchmark: "how long the memory of a task takes to go away",
  unit: "instructions of a page of 4 KiB; ms of all memory",
  kind: "instructions by -icount, 1 CPU; calls: exact; times: emulated, or native under the host's kernel",
  machine: $machine, host: $host, load: $load, base: $base, commit: $commit, date: $date,
  mib: ($mib | tonumber), counted: ($counted | tonumber),
  instructions: [("pages", "THP") as $kind | { kind: $kind,
	exit: (of("instructions"; "exit"; $kind; 1) | last / $pages | places(1)),
	dontneed: (of("instructions"; "dontneed"; $kind; 1) | last / $pages | places(1)) }],
  small_exit: ($samples | map(select(.where == "instructions" and .kib == 2048).ns) | last),
  traced: ($all | map(select(.[1] == "traced") | { kind: .[2], function: .[3],
	calls: (.[4] | tonumber) })),
  gains: [("times", "native") as $where | ("pages", "THP") as $kind |
	of($where; "dontneed"; $kind; 1) as $one | of($where; "dontneed"; $kind; 2) as $two |
	{ where: (if $where == "times" then "guest" else $where end), kind: $kind,
	  exit_ms: (of($where; "exit"; $kind; 1) | map(. / 1e6) | spread),
	  one_ms: ($one | map(. / 1e6) | spread), two_ms: ($two | map(. / 1e6) | spread),
	  gain: ([range($one | length) | $one[.] / $two[.]] | spread) }] }
