# SPDX-License-Identifier: GPL-2.0-only
#
# What was reached, from results/padata.json.

def mark: if . then "reached" else "MISSED" end;
def us: . / 1000 * 100 | round / 100 | "\(.) us";
def case($where; $pattern; $how): .speedup.cases[] |
	select(.where == $where and .pattern == $pattern and .how == $how);
def shown: "\(.ratio.median) (\(.ratio.q1) to \(.ratio.q3)), \(.chunks) chunks";

"Multithreaded padata jobs, \(.date)", .machine, "load before, after: \(.load)", "",
"Two threads, times as fast as the direct loop: median (quartiles)",
(. as $all | "even", "uneven", "rising", "falling" | . as $p | $all |
	"  \($p): \(case("uml"; $p; "padata") | shown): \(.speedup.goals[$p].value) of plain threads, goal 0.95: \(.speedup.goals[$p].reached | mark)",
	"    two bound threads: UML \(case("uml"; $p; "static").ratio.median), host \(case("host"; $p; "static").ratio.median)",
	"    OpenMP guided \(case("host"; $p; "guided") | shown); dynamic \(case("host"; $p; "dynamic") | shown)"),
(. as $all | true, false | . as $meet | $all.claim |
	"Cost of a claim" + (if $meet then " that meets others: " else " that meets none: " end) +
	(.cases | map(select(.meet == $meet) | "\(.how) \(.ns_per_chunk) ns (\(.points[0].chunks) to \(.points[-1].chunks) chunks)") | join(", ")) +
	(if $meet then .goal | ": \(.value) of OpenMP, goal 1.5: \(.reached | mark)" else "" end)),
"Small jobs, goal 1.05 of the direct loop or 1 us more:",
(.small | group_by(.where)[] | "  \(.[0].where), 1 to \(.[-1].size) indices, \(map(.direct.n) | min) or more runs each: " +
	(map(select(.reached | not)) | if length == 0 then "reached" else
	"MISSED at " + (map("\(.size) (\(.direct.median | us) -> \(.padata.median | us))") | join(", ")) end)),
"Start of helpers in QEMU, first and last: median, p99",
(.latency[] | "  \(.helpers) by \(.mechanism): \(.first.median | us), \(.first.p99 | us); \(.last.median | us), \(.last.p99 | us)"),
"Helpers as work items instead, a caller on two CPUs: times as fast as one thread, wait for stragglers",
(.helpers[] | "  \(.case), \(.how): \(.ratio.median) (\(.ratio.q1) to \(.ratio.q3)), \(.waited.median | us); \(.helped) of \(.ns.n) jobs helped, gave up \(.gave_up.median) times"),
"Hog beside a job of \(.loaded.job_ns.one.median / 1e8 | round / 10) s: \(.loaded.hog_loses.median * 1e4 | round / 100)% less CPU time (quartiles \(.loaded.hog_loses.q1 * 1e4 | round / 100) to \(.loaded.hog_loses.q3 * 1e4 | round / 100)) of \(.loaded.pairs) pairs, goal 3: \(.loaded.goal.reached | mark)",
"  waiting for stragglers: \(.loaded.waited_ns.median / 1e6 | round) ms",
"ZONE_DEVICE, warm, 2 CPUs against 1: \(.rebind.ratio.median), plain threads \(.rebind.plain_ratio.median): \(.rebind.goal.value), goal 0.9: \(.rebind.goal.reached | mark) (\(.rebind.times))"
