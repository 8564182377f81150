#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# figures.sh [FILE]: write the figures in results/ into results/README.md (or FILE).
# lab/bench/PART/readme.jq formats each part of make bench. It goes between the lines
# `<!-- make bench writes: PART -->` and `<!-- end -->`.

. "$(dirname "$0")/common.sh"

need jq
readme=${1:-$TOP/results/README.md}
new=$(mktemp)
on_exit "rm -f '$new'"

figures() { # PART
	[ -f "$LAB/bench/$1/readme.jq" ] || die "$readme: make bench has no part '$1'"
	jq -r -L "$LAB/bench/$1" -f "$LAB/bench/$1/readme.jq" "$TOP/results/$1.json" || die "results/$1.json: see above"
}

inside=
while IFS= read -r line; do
	case $line in
	'<!-- make bench writes: '*' -->')
		inside=${line#'<!-- make bench writes: '}
		text=$(figures "${inside%' -->'}")
		printf '%s\n\n%s\n\n' "$line" "$text"
		;;
	'<!-- end -->')
		inside=
		echo "$line"
		;;
	*)
		[ -n "$inside" ] || printf '%s\n' "$line"
		;;
	esac
done <"$readme" >"$new"
[ -z "$inside" ] || die "$readme: no '<!-- end -->' after '$inside'"
cat "$new" >"$readme"
