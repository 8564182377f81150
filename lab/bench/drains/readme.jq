# SPDX-License-Identifier: GPL-2.0-only
#
# results/drains.json for the README

def figure($case; $cpus; $drain): .drains[] |
	select(.case == $case and .cpus == $cpus and .drain == $drain);
def events: "\(.works), \(.switches), \(.ipis)";

. as $all |
"Draining the caches of all CPUs: instructions of all of them together, unpatched → with `qpw=1`;",
"and the works, context switches and interrupts between CPUs (\(.date), commit \(.commit)):",
"",
"| CPUs | folio batches | its events | SLUB cache | its events | events of destroying the cache |",
"|---|---|---|---|---|---|",
(.cpus[] as $n | $all |
	[("lru", "shrink", "destroy") as $d | [figure("unpatched"; $n; $d), figure("1"; $n; $d)]] |
	"| \($n) | " + (map((if .[0].instructions then "\(.[0].instructions) → \(.[1].instructions) | " else "" end) +
		"\(.[0] | events) → \(.[1] | events)") | join(" | ")) + " |"),
"",
"Each CPU more takes " + (.per_cpu | map("\(.unpatched) → \(.["1"])") | join(" and ")) + " instructions."
