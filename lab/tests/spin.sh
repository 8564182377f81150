#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The model of QPW's mode protocol holds, and without any one of its rules it does not.

. "$(dirname "$0")/harness.sh"

MODEL=$TESTS_TOP/lab/tests/qpw-modes.pml

# What the model checker finds in every interleaving, with one rule broken (0: none)
explore() { # NUMBER
	(cd "$T" && spin -a -DBREAK="$1" "$MODEL" && gcc -O2 -DSAFETY -o pan pan.c && ./pan -m1000000)
}

# Those before the modes
rules() { sed -nE '/^#define LOCAL/q; s/^#define ([A-Z_]+)\s+([1-9][0-9]*).*/\1 \2/p' "$MODEL"; }

test_protocol_holds() {
	local found

	found=$(explore 0)
	has 'errors: 0( |$)' <<<"$found" || { echo "$found"; return 1; }
	# not cut short, and not a model in which nothing happens
	if has 'max search depth too small|Search not completed' <<<"$found"; then
		echo "$found"
		return 1
	fi
	has '[0-9]{5,} states, stored' <<<"$found"
}

test_each_rule_is_needed() {
	local rule number found refuted=0

	while read -r rule number; do
		found=$(explore "$number" || true)
		has 'assertion violated|invalid end state \(at' <<<"$found" ||
			{ echo "without $rule the protocol holds: $found"; return 1; }
		refuted=$((refuted + 1))
	done < <(rules)
	[ "$refuted" -ge 13 ] || { echo "only $refuted rules found in $MODEL"; return 1; }
}

run_tests "$@"
