# SPDX-License-Identifier: GPL-2.0-only
#
# results/padata.json for the README

def missed: if . then "" else ": **missed**" end;
def gain($pattern): .speedup.cases[] |
	select(.where == "uml" and .how == "padata" and .pattern == $pattern).ratio.median;
def cost($how): .claim.cases[] | select(.how == $how and .meet == true).ns_per_chunk;
def us: . / 1000 | round;
def start($how): .latency[] | select(.mechanism == $how and .helpers == 3) |
	"\(.first.median | us) and \(.last.median | us)";
def helpers($case; $how): .helpers[] | select(.case == $case and .how == $how);
def percent: . * 1000 | round / 10;

"Multithreaded jobs beside OpenMP and plain threads (\(.date), \(.machine), load before and after \(.load), commit \(.commit)):",
"",
"| what | measured | goal |",
"|---|---|---|",
"| 2 threads against 1, even work; two bound threads | \(gain("even"))x; \(.speedup.plain_threads)x | 0.95 of these\(.speedup.goals.even.reached | missed) |",
([gain("uneven", "rising", "falling")] as $g |
	"| the same, uneven work | \($g | min)x to \($g | max)x | 0.95 of \(.speedup.plain_threads)x\([.speedup.goals[].reached] | all | missed) |"),
"| cost of taking a chunk; OpenMP guided | \(cost("padata")) ns; \(cost("guided")) ns | 1.5 of it\(.claim.goal.reached | missed) |",
(.small as $s | "| jobs of 1 to 10^6 indices, UML and QEMU, at most 1.05x of a loop or 1 µs more | \($s | map(select(.reached)) | length) of \($s | length) sizes | all\($s | map(.reached) | all | missed) |"),
"| µs until the first and the last of 3 helpers run; works on system_dfl_wq | \(start("padata")); \(start("system_dfl_wq")) | |",
"| a caller on 2 of 4 CPUs against 1 thread; helpers as work items instead | \(helpers("affinity"; "padata").ratio.median)x; \(helpers("affinity"; "workqueue").ratio.median)x | |",
"| µs that a caller waits for a helper beside a hog; helpers as work items instead | \(helpers("hog"; "padata").waited.median | us); \(helpers("hog"; "workqueue").waited.median | us) | |",
"| CPU time a hog loses beside a job, against one thread | \(.loaded.hog_loses.median | percent)% | 3%\(.loaded.goal.reached | missed) |",
"| memory map of pmem, rebound, 2 CPUs against 1; plain threads | \(.rebind.ratio.median)x; \(.rebind.plain_ratio.median)x | 0.9 of these\(.rebind.goal.reached | missed) |"
