#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make bench: every part in lab/bench, unpatched and patched in one go; each leaves
# results/PART.json and results/PART.svg.

. "$(dirname "$0")/common.sh"

need jq gnuplot
mkdir -p "$LOG" "$TOP/results"
for part in "$LAB"/bench/*.sh; do
	say "bench: $(basename "$part" .sh)"
	"$part"
done
