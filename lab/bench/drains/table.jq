# SPDX-License-Identifier: GPL-2.0-only
#
# What was found, from results/drains.json

def shown: "\(.instructions // "-") (works \(.works), switches \(.switches), IPIs \(.ipis))";
def figures($drain; $cpus): . as $all | [("unpatched", "0", "1") as $case | $all.drains[] |
	select(.case == $case and .drain == $drain and .cpus == $cpus) | shown] | join("; ");

"Draining the caches of all CPUs, \(.date)", .machine, "load before, after: \(.load)", "",
"Instructions of all CPUs, and events: unpatched; qpw=0; qpw=1",
(. as $all | ("lru", "shrink", "destroy", "lru-empty", "shrink-empty") as $drain |
	.cpus[] as $n | "  \($drain), \($n) CPUs: \($all | figures($drain; $n))"),
(.per_cpu[] | "each CPU more, \(.drain): \(.unpatched), \(.["0"]), \(.["1"])"),
(.goals | to_entries[] | "\(.key): \(.value.value), goal \(.value.goal): \(if .value.reached then "reached" else "MISSED" end)")
