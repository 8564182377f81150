# SPDX-License-Identifier: GPL-2.0-only
#
# Lines of samples, as memmap.sh gathers them, to one object of figures and goals:
#
#	native MIB THREADS WAY NS NS-TO-READ
#	KERNEL HOW CASE online|rebind THREADS UNITS NS CPU-NS
#	KERNEL scans CASE scans 1 BLOCKS CALLS
#	KERNEL HOW CASE block MIB
#	KERNEL GIB FUNCTION calls CALLS

def quantile($q): sort | .[((length - 1) * $q) | round];
def median: quantile(0.5);
def places($n): pow(10; $n) as $p | . * $p | round / $p;
def spread: { n: length, median: median, q1: quantile(0.25), q3: quantile(0.75) } |
	map_values(places(2));
def goal($value; $limit; $reached): { value: $value, goal: $limit, reached: $reached };
# In the order in which they were measured
def by(f): reduce .[] as $s ([]; if any(.[]; f == ($s | f)) then . else . + [$s] end);

def titles: { "pfn-ram": "device, order 0", "pfn-pmem": "device, order 0, altmap",
	"dax-ram": "device, 2 MiB", "dax-pmem": "device, 2 MiB, altmap" };

[inputs | split(" ")] as $all |
($all | map(select(.[0] == "native"))) as $native |
($all | map(select(.[0] != "native"))) as $guests |
($guests | map(select(.[3] == "block") | { key: .[2], value: (.[4] | tonumber) }) | from_entries) as $mib |
($guests | map(select(.[3] == "online" or .[3] == "rebind") |
	{ kernel: .[0], how: .[1], case: .[2], threads: (.[4] | tonumber), units: (.[5] | tonumber),
	  ns: (.[6] | tonumber), cpu: (.[7] | tonumber) })) as $samples |

def name: titles[.case] // "\(.units) blocks of \($mib[.case]) MiB go online";

($samples | map(select(.how == "times")) | . as $s | by(.case) | map(
	.case as $case |
	def ms($kernel; $threads):
		{ ms: ($s | map(select(.case == $case and .kernel == $kernel and .threads == $threads).ns / 1000000) | spread) };
	{ name: name, case: $case, unpatched: ms("unpatched"; 1), one: ms("patched"; 1), two: ms("patched"; 2) } |
	.one.ratio = (.one.ms.median / .unpatched.ms.median | places(3)) |
	.two.ratio = (.two.ms.median / .unpatched.ms.median | places(3)))) as $times |

($samples | map(select(.how == "instructions")) | . as $s | by(.case) | map(
	.case as $case |
	def count($kernel): $s | map(select(.case == $case and .kernel == $kernel).cpu) | median;
	{ name: name, case: $case, unpatched: count("unpatched"), patched: count("patched") } |
	.ratio = (.patched / .unpatched | places(3)))) as $instructions |

($guests | map(select(.[3] == "scans")) | . as $s | by(.[2]) | map(
	.[2] as $case | (.[5] | tonumber) as $blocks |
	def calls($kernel): $s | map(select(.[2] == $case and .[0] == $kernel)[6] | tonumber) | first;
	{ name: "\($blocks) blocks of \($mib[$case]) MiB go online", blocks: $blocks,
	  pageblocks: ($blocks * $mib[$case] / 2),
	  unpatched: calls("unpatched"), patched: calls("patched") })) as $scans |

($guests | map(select(.[3] == "calls") |
	{ kernel: .[0], gib: (.[1] | tonumber), function: .[2], calls: (.[4] | tonumber) }) | . as $s |
	by(.function) | map(.function as $function |
	def per_gib($kernel): $s | map(select(.kernel == $kernel and .function == $function)) | sort_by(.gib) |
		(last.calls - first.calls) / (last.gib - first.gib) | places(1);
	{ function: $function, unpatched: per_gib("unpatched"), patched: per_gib("patched") } |
	.ratio = (.patched / .unpatched | places(3)))) as $calls |

($native | map({ mib: (.[1] | tonumber), threads: (.[2] | tonumber), way: .[3],
		 write: (.[4] | tonumber), read: (.[5] | tonumber) }) | . as $s |
	by([.mib, .threads, .way]) | map(
	. as $this |
	def of($way): $s | map(select(.mib == $this.mib and .threads == $this.threads and .way == $way).write);
	($s | map(select(.mib == $this.mib and .threads == $this.threads and .way == $this.way))) as $here |
	of("memset") as $memset |
	{ mib, threads, way, write: ($here | map(.write) | spread), read: ($here | map(.read) | spread),
	  to_memset: ([range($memset | length) | of($this.way)[.] / $memset[.]] | spread) })) as $ways |

{ benchmark: "memory maps of memory that goes online and of devices",
  unit: "native: ns of a struct page; times: ms; instructions: of the task; scans: pageblocks",
  kind: "native: user space; times: emulated, 2 CPUs, compare within this file only; instructions by -icount, 1 CPU; scans: exact",
  machine: $machine, load: $load, base: $base, commit: $commit, date: $date,
  native: $ways, times: $times, instructions: $instructions, scans: $scans, calls_per_gib: $calls,
  goals: (
	($ways | map(select(.way == "non-temporal" and .mib == 1024) | {
		key: "non-temporal stores against memset(), \(.threads) thread\(if .threads > 1 then "s" else "" end)",
		value: goal(.to_memset.median; "<= 1.15"; .to_memset.median <= 1.15) })) +
	($calls | map({ key: "deferred init, calls of \(.function)() per GiB, against unpatched",
		value: goal(.ratio; "<= 0.125"; .ratio <= 0.125) })) +
	($scans | map({ key: "\(.name): pageblocks looked at",
		value: goal(.patched; "<= \(.pageblocks)"; .patched <= .pageblocks) })) +
	($times | map(select(.case | startswith("online")) | {
		key: "\(.name): time against unpatched",
		value: goal(.one.ratio; "<= 0.3"; .one.ratio <= 0.3) })) +
	($times | map(select(.case | startswith("online") | not) |
		{ key: "\(.name): one thread, time against unpatched",
		  value: goal(.one.ratio; "<= 0.5"; .one.ratio <= 0.5) },
		{ key: "\(.name): two threads, time against unpatched",
		  value: goal(.two.ratio; "<= 0.294"; .two.ratio <= 0.294) }))
	| from_entries) }
