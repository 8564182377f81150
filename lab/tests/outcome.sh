#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# outcome.sh [RESULTS]: what reaches an isolated CPU, measured anew (see
# lab/bench/outcome.sh), or as RESULTS has it. One line for each operation: where
# lab/bench/outcome/operations says that the patched kernel is quiet, it must be, and the
# operation must complete. Then the table in the documentation: it must be the one
# that outcome.sh writes from results/outcome.json, and no other operation may queue work
# or hang on the patched kernel.

. "$(dirname "$0")/../common.sh"

DOC=$TOP/Documentation/core-api/qpw.rst
results=${1:-$LOG/check-outcome.json}
failed=0

need jq
if [ $# = 0 ]; then
	mkdir -p "$LOG"
	RESULTS=$results "$LAB/bench/outcome.sh" >"$LOG/check-outcome.table"
fi

# What the filters share
# shellcheck disable=SC2016 # $ is jq's
shared='include "outcome";
def causes: to_entries | map("\(.value) \(.key)") | join(", ");'

lines() { # FILTER: print lines of verdicts, and see whether one is bad
	local text

	text=$(jq -r -L "$LAB/bench/outcome" "$shared $1" "$results") || { echo "not ok outcome: cannot read $results"; failed=1; return; }
	[ -n "$text" ] || { echo "not ok outcome: no operation"; failed=1; return; }
	printf '%s\n' "$text"
	! has '^not ok ' <<<"$text" || failed=1
}

# shellcheck disable=SC2016 # $ is jq's
converted='. as $all | .operations[] as $o |
	[$o.quiet[] as $w | $all | outcome("patched"; $w; $o.name) | select(.letters != "-") |
	"\($w): \(.letters) \([.works, .switches, .ipis | select(. != {}) | causes] | join("; "))"] |
	(if . == [] then "ok" else "not ok" end) + " outcome: \($o.name), " +
	(if $o.quiet == [] then "observed" else "quiet if \($o.quiet | join(", "))" end) +
	(if . == [] then "" else " (\(join(", ")))" end)'

# An operation that fails, or a CPU that nothing reaches on the unpatched kernel either,
# shows nothing.
# shellcheck disable=SC2016
valid='. as $all | [.outcomes[] | select(.result == "failed") | "\(.operation) on \(.kernel), \(.isolated)"] |
	(if . == [] then "ok" else "not ok" end) + " outcome: no operation failed" +
	(if . == [] then "" else ": \(join(", "))" end),
	($all | [.outcomes[] | select(.kernel == "unpatched" and .result == "never") | .operation] | unique |
	(if length > 3 then "ok" else "not ok" end) + " outcome: \(length) operations never complete unpatched")'

matches_results() {
	local table

	table=$("$LAB/bench/outcome.sh" table) || return 1
	diff <(printf '%s\n' "$table" | sed -n '/^Operation/,$p') \
		<(sed -n '/^Operation on another CPU  *without QPW/,/^$/p' "$DOC" | sed '/^$/d') >&2
}

# Letters of the patched kernel that are new since results/outcome.json; for operations
# that interrupt the CPU in any case, switches and IPIs differ from run to run, and for those
# that complete by chance also whether they do.
# shellcheck disable=SC2016
news='. as $now | $before[0] as $old | .operations[] as $o | $now.ways[] as $w |
	(($now | outcome("patched"; $w; $o.name).letters | explode) -
		($old | outcome("patched"; $w; $o.name).letters | explode) -
		("-si" + (if $o.chance then "!" else "" end) | explode)) |
	select(. != []) | "\($o.name) (\($w)): \(implode)"'

is_stable() {
	local new

	new=$(jq -r -L "$LAB/bench/outcome" --slurpfile before "$TOP/results/outcome.json" "$shared $news" "$results") || return 1
	[ -z "$new" ] || printf '%s\n' "$new" >&2
	[ -z "$new" ]
}

verdict() { # STATUS WHAT
	if [ "$1" = 0 ]; then
		echo "ok outcome: $2"
	else
		echo "not ok outcome: $2"
		failed=1
	fi
}

lines "$converted"
lines "$valid"
status=0
matches_results || status=1
verdict $status 'the documentation has the table of results/outcome.json'
status=0
is_stable || status=1
verdict $status 'no work is queued, and nothing hangs, that the documentation does not list'
exit $failed
