# SPDX-License-Identifier: GPL-2.0-only
#
# results/outcome.json for Documentation/core-api/qpw.rst: a simple table. Letters and not
# counts, which differ from run to run.

include "outcome";

def pad($n): . + ([range($n - length) | " "] | join(""));
def line($c; $widths): $widths | map(. as $n | [range($n) | $c] | join("")) | join("  ");
def row($cells; $widths): [range($cells | length) as $i | $cells[$i] | pad($widths[$i])] | join("  ") |
	sub(" +$"; "");

. as $all |
["", "p", "i", "n", "a", "p", "i", "n", "a", ""] as $heads |
(.operations | map(. as $o | [.title] + [$all.kernels[] as $k | $all.ways[] as $w | $all |
	outcome($k; $w; $o.name).letters] + [.reason])) as $rows |
([range($heads | length) as $i | [$heads[$i], $rows[][$i] | length] + [4] | max]) as $widths |
($widths[:1] + [$widths[1:5] | add + 6] + [$widths[5:9] | add + 6] + $widths[9:]) as $spans |
line("="; $widths),
row(["Operation on another CPU", "without QPW", "with QPW", "What remains, and why"]; $spans),
line("-"; $spans),
row($heads | map(if . == "" then ".." else . end); $widths),
line("="; $widths),
($rows[] | row(.; $widths)),
line("="; $widths)
