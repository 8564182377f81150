# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# What the lab's own tests share. A test is a function whose name begins with test_;
# it runs in a subshell with its own folder $T, and fails where a command in it fails.

set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C
# make's variables would reach the tests' own make, and win over what they export
unset CDPATH MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
# shellcheck disable=SC2046 # a list
unset $(git rev-parse --local-env-vars)

TESTS_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
TESTS_NAME=$(basename "$0" .sh)
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT

has() { grep -E "$@" >/dev/null; } # see lab/common.sh

# refuses REGEX COMMAND...: COMMAND must fail, and say REGEX in one `lab: error` line
refuses() {
	local expected=$1 said
	shift

	if said=$("$@" 2>&1 </dev/null); then
		echo "should have been refused: $*"
		return 1
	fi
	grep '^lab: error: ' <<<"$said" | has -- "$expected" ||
		{ echo "expected an error like '$expected', got: $said"; return 1; }
}

# same EXPECTED ACTUAL [WHAT]
same() {
	[ "$1" = "$2" ] || { echo "${3:-value}: expected '$1', got '$2'"; return 1; }
}

# Run every test_* function (or those named), print ok / not ok lines
run_tests() {
	local test failed=0 status tests=("$@")

	[ $# -gt 0 ] || mapfile -t tests < <(declare -F | awk '{ print $3 }' | grep '^test_')
	for test in "${tests[@]}"; do
		T=$(mktemp -d "$SCRATCH/XXXXXX")
		status=0
		# in the background: a subshell whose status is tested loses set -e
		("$test") >"$T.said" 2>&1 &
		wait $! || status=$?
		if [ $status = 0 ]; then
			echo "ok $TESTS_NAME: ${test#test_}"
		else
			failed=1
			echo "not ok $TESTS_NAME: ${test#test_}"
			sed 's/^/# /' "$T.said"
		fi
	done
	return $failed
}
