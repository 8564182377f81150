# SPDX-License-Identifier: GPL-2.0-only
#
# What was reached, from results/qpw.json

def shown: "  \(.path), \(.case): \(.instructions), unpatched \(.unpatched): \(.ratio)x; locked \(.locked), \(.locked_more) more";

"QPW, \(.date)", .machine, "load before, after: \(.load)", "",
"Instructions, of them locked; QPW=n; no CPU, another CPU, this CPU in remote mode",
(.paths[] | shown),
"a locked compare and exchange: \(.locked_cycles.alone) cycles, among 60 cycles of work \(.locked_cycles.among)",
"drain of a list: \(.drains.work.remote) instructions, queued and flushed \(.drains.work.queued)",
"longest hold of a lock by a drain of another CPU: \(.longest_hold) instructions",
"drain in SLUB: \(.drains.shrink.remote) instructions, queued and flushed \(.drains.shrink.queued), unpatched \(.drains.shrink.unpatched)",
(.goals | to_entries[] | "\(.key): \(.value.value), goal \(.value.goal): \(if .value.reached then "reached" else "MISSED" end)")
