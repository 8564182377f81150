# SPDX-License-Identifier: GPL-2.0-only
#
# results/hugetlb.json for the README

def missed: if . then "" else ", **missed**" end;
def ms: . / 1e6 | round;
def hvo: if . == 1 then "on" else "off" end;
def percent: (. - 1) * 1000 | round / 10 + 0 | if . > 0 then "+\(.)%" else "\(.)%" end;
def of($what; $hvo; $pages): .instructions[] |
	select(.what == $what and .hvo == $hvo and .pages == $pages) |
	"\(.unpatched) → \(.patched) (\(.ratio | percent))";

# memset() does not depend on the kernel
def row($work): "| \($work) | \(if .what == "memset" or .unpatched_ns == null then "–" else "\(.unpatched_ns.median | ms) ms" end) | \(.alone_ns.median | ms) ms | \(.helpers_ns.median | ms) ms | \(.ratio.median)x; \(.ratio.q1) to \(.ratio.q3) | \(.fastest.helpers)x |";

. as $all |
"Pools of 2 MiB pages on two nodes, and pages of 1 GiB; 2 CPUs (\(.date), \(.machine), load before and after \(.load), commit \(.commit)):",
"",
"| work | unpatched | one thread | with a helper | gain; quartiles | gain of the fastest |",
"|---|---|---|---|---|---|",
(.pools[] | row("\(.what) by \($all.pages) pages, HVO \(.hvo | hvo)")),
(.plains[] | row("plain kernel threads, \({ alloc: "allocate", free: "free" }[.what]) \($all.pages) such pages")),
(.clears[] | row({ fault: "page fault, 1 GiB", fallocate: "fallocate(), 1 GiB", memset: "memset() of 1 GiB, plain threads" }[.what])),
"",
"The gain of the fastest is the fastest run of one thread against the fastest with a helper: what other work on the host disturbs least. The fastest run of one thread against that of the unpatched kernel: \(.pools | map("\(.name) \(.fastest.unpatched)") | join("; ")).",
"",
"Instructions, unpatched → patched (exact):",
"",
"| pages | grow, HVO off | grow, HVO on | shrink, HVO off | shrink, HVO on |",
"|---|---|---|---|---|",
((.instructions | map(select(.what == "grow").pages) | unique[]) as $n |
	"| \($n) | \($all | of("grow"; 0; $n)) | \($all | of("grow"; 1; $n)) | \($all | of("shrink"; 0; $n)) | \($all | of("shrink"; 1; $n)) |"),
"",
"A page fault of 2 MiB: \(of("fault"; 0; 1)); fallocate() of 2 MiB: \(of("fallocate"; 0; 1)); a file of 4 KiB: \(of("file"; 0; 1)).",
"",
"A group with 20% of a CPU whose task resizes a pool all the time:",
"",
"| | CPU time of the group and of helpers | of | another task of the group is late by |",
"|---|---|---|---|",
(.limits[] | "| \({ alone: "one thread", helpers: "with helpers" }[.who]) | \(.usage_us / 1000 | round) ms | \(.elapsed_us / 1000 | round) ms | \(.late_us) us, at most \(.latest_us) us |"),
"",
"How the longest job is divided, in guests with more CPUs than the host (one run each):",
"",
"| CPUs | work | threads | chunks | busiest thread |",
"|---|---|---|---|---|",
(.splits[] | "| \(.cpus) | \(.what), HVO \(.hvo | hvo) | \(.threads) | \(.chunks) | \(.busiest * 100 | round)% |"),
"",
"Goals reached: \([.goals[].reached | select(.)] | length) of \(.goals | length)\(.goals | to_entries | map(select(.value.reached | not) | "\(.key), \(.value.value) (\(.value.goal))") | if . == [] then "." else "; missed: \(join("; "))." end)"
