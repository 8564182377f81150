#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make bench: every part in lab/bench, unpatched and patched in one go; each leaves
# results/PART.json and results/PART.svg. results/README.md gets the figures from there.
# PART= names some parts, RUNS= sizes the samples of all.

. "$(dirname "$0")/common.sh"

# The model reads what the others measured
parts() {
	(cd "$LAB/bench" && printf '%s\n' *.sh | sed 's/\.sh$//' | grep -vx model)
	echo model
}

need jq gnuplot
mkdir -p "$LOG" "$TOP/results"
for part in ${PART:-$(parts)}; do
	[ -x "$LAB/bench/$part.sh" ] || die "PART=$part: no such part in lab/bench"
	say "bench: $part"
	"$LAB/bench/$part.sh"
done
"$LAB/figures.sh"
say "bench: done in $((SECONDS / 60)) minutes"
