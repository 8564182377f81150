# SPDX-License-Identifier: GPL-2.0-only
#
# What was found, from results/hugetlb.json

def ms: . / 1e6 | round;

"Pools of hugetlb pages, and pages of 1 GiB, \(.date)", .machine, "load before, after: \(.load)", "",
"Instructions, unpatched and patched:",
(.instructions[] | "  \(.what), HVO \(.hvo), \(.pages) pages: \(.unpatched), \(.patched) (\(.ratio))"),
"",
(.pools[] | "\(.what) \(.hvo): unpatched \(.unpatched_ns.median | ms) ms, alone \(.alone_ns.median | ms) ms, helpers \(.helpers_ns.median | ms) ms: \(.ratio.median)x (\(.ratio.q1) to \(.ratio.q3))"),
((.plains + .clears)[] | "\(.name): alone \(.alone_ns.median | ms) ms, helpers \(.helpers_ns.median | ms) ms: \(.ratio.median)x (\(.ratio.q1) to \(.ratio.q3))"),
(.limits[] | "20% of a CPU, \(.who): CPU time \(.usage_us) us in \(.elapsed_us) us; another task is late by \(.late_us) us, at most \(.latest_us) us"),
(.splits[] | "\(.cpus) CPUs, \(.what) \(.hvo): \(.threads) threads, \(.chunks) chunks, the busiest thread took \(.busiest)"),
(.goals | to_entries[] | "\(.key): \(.value.value), goal \(.value.goal): \(if .value.reached then "reached" else "MISSED" end)")
