#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The documentation of the series, built by the kernel's own rules.

. "$(dirname "$0")/harness.sh"
# shellcheck source=../common.sh
. "$TESTS_TOP/lab/common.sh"
# shellcheck source=../series.sh
. "$LAB/series.sh"

know_base
base=$(in_tree rev-parse refs/lab/base)

# Sphinx reads the pages anew only if they changed, and warns only then. The index points
# to folders that are not built here.
test_pages_build_without_a_warning() {
	local pages page

	mapfile -t pages < <(in_tree diff --name-only --no-renames "$base" series -- \
		'Documentation/core-api/*.rst' | sed 's/.*\///; s/\.rst$//')
	rm -rf "$ROOM/docs"
	mkdir -p "$ROOM/docs"
	make -C "$TREE" O="$ROOM/docs" SPHINXDIRS=core-api htmldocs >"$LOG/docs.log" 2>&1 ||
		{ tail -n5 "$LOG/docs.log"; return 1; }
	for page in "${pages[@]}"; do
		[ "$page" = index ] || find "$ROOM/docs" -name "$page.html" | has . ||
			{ echo "no page $page"; return 1; }
	done
	if grep -E 'WARNING|ERROR' "$LOG/docs.log" |
		grep -F "$(in_tree diff --name-only --no-renames "$base" series -- ':!*/index.rst' |
			sed 's/^/\//; s/$/:/')"; then return 1; fi
}

run_tests "$@"
