# SPDX-License-Identifier: GPL-2.0-only
#
# What was found, from results/memmap.json

"Memory maps, \(.date)", .machine, "load before, after: \(.load)", "",
"A struct page natively, ns to write (against memset), and to read afterwards:",
(.native[] | "  \(.mib) MiB, \(.threads) thread(s), \(.way): \(.write.median) (\(.to_memset.median)), \(.read.median)"),
"Pageblocks looked at:",
(.scans[] | "  \(.name): \(.unpatched) -> \(.patched)"),
"Deferred init, calls per GiB:",
(.calls_per_gib[] | "  \(.function)(): \(.unpatched) -> \(.patched) (\(.ratio))"),
"Instructions:",
(.instructions[] | "  \(.name): \(.unpatched) -> \(.patched) (\(.ratio))"),
"ms, unpatched -> one thread, two threads:",
(.times[] | "  \(.name): \(.unpatched.ms.median) -> \(.one.ms.median) (\(.one.ratio)), \(.two.ms.median) (\(.two.ratio))"),
(.goals | to_entries[] | "\(.key): \(.value.value), goal \(.value.goal): \(if .value.reached then "reached" else "MISSED" end)")
