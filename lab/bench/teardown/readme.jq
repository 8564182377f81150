# SPDX-License-Identifier: GPL-2.0-only
#
# results/teardown.json for the README

"How the anonymous memory of a task goes away (\(.date), \(.machine), load before and after \(.load), commit \(.commit)).",
"Two threads zap a half each by MADV_DONTNEED:",
"",
"| \(.mib) MiB | pages | exit | zapped by one thread | by two | gain; quartiles |",
"|---|---|---|---|---|---|",
(.gains[] | "| \(.where) | \(.kind) | \(.exit_ms.median) ms | \(.one_ms.median) ms | \(.two_ms.median) ms | \(.gain.median)x; \(.gain.q1) to \(.gain.q3) |"),
"",
"Instructions of a page of 4 KiB, and how often the exit of a task with \(.counted) MiB calls what flushes a",
"batch of pages (page-table locks are dropped for that), what takes lru_lock, and what holds zone->lock:",
"",
"| pages | exit | MADV_DONTNEED | \([.traced[] | select(.kind == "pages") | "`\(.function)()`"] | join(" | ")) |",
"|---|---|---|\([.traced[] | select(.kind == "pages") | "---"] | join("|"))|",
(.instructions[] as $i | [.traced[] | select(.kind == $i.kind) | .calls] as $t |
	"| \($i.kind) | \($i.exit) | \($i.dontneed) | \($t | map(tostring) | join(" | ")) |")
