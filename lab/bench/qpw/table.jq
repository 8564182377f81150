# SPDX-License-Identifier: GPL-2.0-only
#
# What was reached, from results/qpw.json

def case: "\(.case) \(.instructions)=\(.ratio)x" +
	(if .locked_more then " +\(.locked_more) locked" else "" end) +
	(if .within then "" else " ABOVE \(.limit)" end);

"QPW, \(.date)", .machine, "load before, after: \(.load)", "",
"Instructions, times as many, locked ones more",
(.cases | to_entries[] | "  \(.key): \(.value)"),
(.paths | group_by([.path, .context, .size])[] |
	"\(.[0].path) \(.[0].size), \(.[0].context), unpatched \(.[0].unpatched): " + (map(case) | join("; "))),
"a locked compare and exchange: \(.locked_cycles.alone) cycles, among 60 cycles of work \(.locked_cycles.among)",
"drain of a list: \(.drains.work.remote) instructions, queued and flushed \(.drains.work.queued)",
"longest hold of a lock by a drain of another CPU: \(.longest_hold) instructions",
"drain in SLUB: \(.drains.shrink.remote) instructions, queued and flushed \(.drains.shrink.queued), unpatched \(.drains.shrink.unpatched)",
(.goals | to_entries[] | "\(.key): \(.value.value), goal \(.value.goal): \(if .value.reached then "reached" else "MISSED" end)")
