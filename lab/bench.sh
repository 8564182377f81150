#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make bench: every part in lab/bench, unpatched and patched in one go; each leaves
# results/PART.json and results/PART.svg.

. "$(dirname "$0")/common.sh"

part() {
	say "bench: $(basename "$1" .sh)"
	"$1"
}

need jq gnuplot
mkdir -p "$LOG" "$TOP/results"
for script in "$LAB"/bench/*.sh; do
	[ "$script" = "$LAB/bench/model.sh" ] || part "$script"
done
part "$LAB/bench/model.sh" # reads what the others measured
