# SPDX-License-Identifier: GPL-2.0-only
#
# What was found, from results/teardown.json

"How memory goes away, \(.date)", .machine, "host \(.host), load before, after: \(.load)", "",
"Instructions of a page of 4 KiB:",
(.instructions[] | "  \(.kind): exit \(.exit), MADV_DONTNEED \(.dontneed)"),
"  exit with 2 MiB: \(.small_exit) in all",
"Calls by the exit:",
(.traced[] | "  \(.kind), \(.function): \(.calls)"),
"\(.mib) MiB, ms:",
(.gains[] | "  \(.where), \(.kind): exit \(.exit_ms.median), zapped by one thread \(.one_ms.median), by two \(.two_ms.median): \(.gain.median)x (\(.gain.q1) to \(.gain.q3))")
