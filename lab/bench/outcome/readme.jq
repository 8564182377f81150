# SPDX-License-Identifier: GPL-2.0-only
#
# results/outcome.json for the README

include "outcome";

def cell: if .result == "done" and .works == {} and .switches == {} and .ipis == {} then "-" else
	"\(.works | sum) \(.switches | sum) \(.ipis | sum)" + (if .result == "never" then " never"
	elif .result == "failed" then " failed" else "" end) end;
def seen($k; $o): . as $all | [$all.ways[] as $w | $all | outcome($k; $w; $o) |
	(.works | keys | map("`\(.)`")), (.ipis | keys | map("`\(.)`"))] | flatten | unique;

. as $all |
"Works, context switches and IPIs that reached an isolated CPU during each operation, unpatched →",
"patched (\(.date), commit \(.commit)). The SCHED_FIFO task on this CPU never yields, and ordinary tasks",
"have no share of the CPU. `-`: nothing, and the operation completed; never: it did not return",
"within \(.limit_ms / 1000) s. Ticks are not counted.",
"",
"| operation | \($all.ways | map("`\(.)`") | join(" | ")) | works and IPIs, patched |",
"|---|" + ($all.ways | map("---|") | add) + "---|",
(.operations[] as $o | $all |
	"| \($o.title | gsub("``"; "`")) | " + ([$all.ways[] as $w | "\($all | outcome("unpatched"; $w; $o.name) | cell) → \($all | outcome("patched"; $w; $o.name) | cell)"] |
	join(" | ")) + " | \(seen("patched"; $o.name) | join(", ")) |")
