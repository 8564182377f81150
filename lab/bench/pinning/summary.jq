# SPDX-License-Identifier: GPL-2.0-only
#
# Lines of samples, as pinning.sh gathers them, to one object of figures and goals. A line
# has parts, separated by "; ": the kernel, what was counted, the kind of memory, and words
# with a number.

def quantile($q): sort | .[((length - 1) * $q) | round];
def median: quantile(0.5);
def places($n): pow(10; $n) as $p | . * $p | round / $p;
def spread: { n: length, median: median, q1: quantile(0.25), q3: quantile(0.75) } |
	map_values(places(2));
def goal($value; $limit; $reached): { value: $value, goal: $limit, reached: $reached };

def number($word): (map(select(startswith($word + " "))) | first // null) |
	if . then ltrimstr($word + " ") | tonumber else null end;

def sample: {
	kernel: .[0], what: .[1], name: .[2],
	runs: ((map(capture("pages in (?<runs>[0-9]+) runs").runs?) | first // null) |
		if . then tonumber else null end),
	round: number("round"), threads: number("threads"),
	last: any(.[]; . == "last references"), fresh: any(.[]; . == "fresh"),
	longest: number("longest"), mean: number("mean"),
	contended: (map(select(startswith("contended, ")) | ltrimstr("contended, ")) | first // null),
	map: number("map"), unmap: number("unmap") };

def pair($kernel): map(select(.kernel == $kernel)) | first | { map, unmap };
def ratio($what): if .unpatched[$what] then .patched[$what] / .unpatched[$what] | places(3) else null end;
def ratios: . + { ratio: { map: ratio("map"), unmap: ratio("unmap") } };
# In the order in which they were measured
def by(f): reduce .[] as $s ([]; if any(.[]; f == ($s | f)) then . else . + [$s] end);

# Both kernels, for each kind of memory
def compare: . as $samples | by(.name) | map(.name as $name | $samples | map(select(.name == $name)) |
	{ name: $name, runs: .[0].runs, unpatched: pair("unpatched"), patched: pair("patched") } | ratios);

[inputs | split("; ") | sample] as $all |
($all | map(select(.what == "instructions"))) as $instructions |

# The second round of one thread; the first one also marks pages dirty
($instructions | map(select(.round == 2 and .threads == 1)) | compare) as $pages |
($instructions | map(select(.last)) | compare) as $last |
($instructions | map(select(.name | startswith("small, ")) | .name |= ltrimstr("small, ")) | compare) as $small |

# The same ioctls, by type 1 and by iommufd
def container($what): $all | map(select(.what == $what and .round == 2 and .threads == 1)) | compare;
([container("type1"), container("compatible")] | transpose |
	map({ name: .[0].name, type1: .[0], compatible: .[1] })) as $containers |

# One thread and two are neighbours
def gain($samples; $what):
	($samples | map(select(.threads == 1)[$what])) as $one |
	($samples | map(select(.threads == 2)[$what])) as $two |
	{ one: ($one | spread), two: ($two | spread),
	  gain: ([range($one | length) | $one[.] / $two[.]] | spread) };

($all | map(select(.what == "times" and .round)) | . as $s | by(.name) |
	map(.name as $name | { name: $name } +
		(("unpatched", "patched") as $kernel |
		 ($s | map(select(.name == $name and .kernel == $kernel))) as $here |
		 { key: $kernel, value: { map: gain($here; "map"), unmap: gain($here; "unmap") } } |
		 [.] | from_entries)) |
	group_by(.name) | map(add)) as $times |

def kernels(f): [("unpatched", "patched") as $kernel | { key: $kernel, value: ($kernel | f) }] | from_entries;

($all | map(select(.what == "times" and .fresh)) | . as $s | by(.name) |
	map(.name as $name | { name: $name } + kernels(. as $kernel |
		gain($s | map(select(.name == $name and .kernel == $kernel)); "map")))) as $fresh |

# How long a thread waits that takes the mmap lock for writing meanwhile, us
($all | map(select(.what == "times" and .contended)) | . as $s | by(.contended) |
	map(.contended as $when | { memory: "\(.name), \($when)" } + kernels(. as $kernel |
		($s | map(select(.kernel == $kernel and .contended == $when))) as $here |
		{ longest: ($here | map(.longest / 1000) | spread), mean: ($here | map(.mean / 1000) | spread) }))) as $waits |

{ benchmark: "maps and unmaps of pinned memory by iommufd",
  unit: "instructions of a page of 4 KiB; ns of a page",
  kind: "instructions by -icount, one CPU, interrupts included; times are emulated, 2 CPUs: compare within this file only",
  machine: $machine, load: $load, base: $base, commit: $commit, date: $date, mib: ($mib | tonumber),
  instructions: $pages, containers: $containers, last_references: $last, small: $small, times: $times, fresh: $fresh, waits: $waits,
  goals: (
	($pages | map(select(.name | test("THP|hugetlb")) | {
		key: "\(.name): unmap, instructions against unpatched",
		value: goal(.ratio.unmap; "<= 0.5"; .ratio.unmap <= 0.5) })) +
	($pages | map(("map", "unmap") as $what | {
		key: "\(.name): \($what) by one thread, instructions against unpatched",
		value: goal(.ratio[$what]; "<= 1"; .ratio[$what] <= 1) })) +
	($waits | map({ key: "mean wait for the mmap lock, \(.memory), against unpatched",
		value: (.patched.mean.median / .unpatched.mean.median | places(3) | goal(.; "<= 1.1"; . <= 1.1)) })) +
	($small | map(("map", "unmap") as $what | {
		key: "\(.name): \($what), instructions against unpatched",
		value: goal(.ratio[$what]; "<= 1.01"; .ratio[$what] <= 1.01) })) | from_entries) }
