#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# record.sh RESULTS SUMMARY COMMIT MISSING: keep the outcome of `make check-all` in results/,
# with the commit it was run on, and the parts that it lacks.

. "$(dirname "$0")/common.sh"
. "$LAB/measure.sh"

mkdir -p "$TOP/results"
{
	echo "make check-all: $2"
	echo "commit: $3"
	echo "date: $(date -u +%Y-%m-%d)"
	echo "machine: $(machine)"
	echo "parts not run: ${4:-none}"
	echo "compiler: $(gcc --version | sed -n 1p)"
	echo
	cat "$1"
} >"$TOP/results/check-all.txt"
say "recorded in results/check-all.txt"
