# SPDX-License-Identifier: GPL-2.0-only
#
# What was found, from results/outcome.json

include "outcome";

. as $all |
"What reaches an isolated CPU, \(.date)", .machine, "load before, after: \(.load)", "",
"works/switches/IPIs, ! never completes; unpatched: \($all.ways | join(", ")); patched: the same",
(.operations[] as $o | $all | "  \($o.name): " + ([$all.kernels[] as $k | [$all.ways[] as $w |
	outcome($k; $w; $o.name) | "\(.works | sum)/\(.switches | sum)/\(.ipis | sum)\(if .result == "done" then "" else "!" end)"] |
	join(" ")] | join("; ")))
