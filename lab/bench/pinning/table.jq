# SPDX-License-Identifier: GPL-2.0-only
#
# What was found, from results/pinning.json

def pair($what): "\($what) \(.unpatched[$what]) -> \(.patched[$what]) (\(.ratio[$what]))";

"Maps and unmaps of pinned memory, \(.date)", .machine, "load before, after: \(.load)", "",
"Instructions of a page of 4 KiB, unpatched and patched:",
(.instructions[] | "  \(.name): \(pair("map")), \(pair("unmap"))"),
(.last_references[] | "  \(.name), last references: \(pair("unmap"))"),
"Instructions of a call:",
(.small[] | "  \(.name): \(pair("map")), \(pair("unmap"))"),
"By the ioctls of type 1, behind an IOMMU:",
((.containers // [])[] | . as $c | ("type1", "compatible") as $w | $c[$w] |
	"  \($c.name), \($w): map \(.unpatched.map) -> \(.patched.map), unmap \(.unpatched.unmap) -> \(.patched.unmap)"),
"Two threads of user space against one, times:",
(.times[] | . as $t | ("unpatched", "patched") as $k | $t[$k] |
	"  \($t.name), \($k): map \(.map.one.median) ns, \(.map.gain.median)x; unmap \(.unmap.one.median) ns, \(.unmap.gain.median)x"),
"Memory that is not there yet, map:",
(.fresh[] | . as $t | ("unpatched", "patched") as $k | $t[$k] |
	"  \($t.name), \($k): \(.one.median) ns, two threads \(.gain.median)x"),
"Waits for the mmap lock, us:",
(.waits[] | . as $t | ("unpatched", "patched") as $k | $t[$k] |
	"  \($t.memory), \($k): mean \(.mean.median), longest \(.longest.median)"),
(.goals | to_entries[] | "\(.key): \(.value.value), goal \(.value.goal): \(if .value.reached then "reached" else "MISSED" end)")
