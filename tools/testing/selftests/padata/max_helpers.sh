#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# padata_mt.max_helpers caps the helpers of all multithreaded jobs together.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

set_max()
{
	echo "$1" >"$MAX_HELPERS" 2>/dev/null
}

allow_none()
{
	set_max 0 && job "" size=1000 min_chunk=1 eager=1 us=100 &&
		is_complete 1000 && job_is threads=1
}

allow_one()
{
	set_max 1 && job "" size=1000 min_chunk=1 eager=1 us=100 meet=2 &&
		is_complete 1000 && job_is threads=2
}

refuse_bad_values()
{
	set_max 3
	for bad in -1 abc 1x "1 2" 4294967296 ""; do
		! set_max "$bad" || return 1
		[ "$(cat "$MAX_HELPERS")" = 3 ] || return 1
	done
}

# Helpers may still begin the chunks that they had already taken.
send_helpers_away()
{
	set_max 3
	start "" size=1000000000 min_chunk=1 eager=1 killable=1 us=1000
	await has_threads 3 && set_max 0 && look || return 1
	most=$(($(helpers_began "") + $(get job threads) - 1))
	goes_on || return 1
	stop || return 1
	ktap_print_msg "$(helpers_began "") chunks begun by helpers, at most $most allowed"
	job_is err=-4 broken=0 && [ "$(helpers_began "")" -le "$most" ]
}

allow_more_again()
{
	set_max "$before" && job "" size=1000 min_chunk=1 eager=1 us=100 meet=3 &&
		is_complete 1000
}

restore()
{
	set_max "$before"
}

before=$(cat "$MAX_HELPERS")
setup 3
[ "$before" -ge 2 ] || skip "requires max_helpers of at least 2"

ktap_set_plan 5
ktap_test_result "max_helpers=0: no helper runs" allow_none
ktap_test_result "max_helpers=1: one helper runs" allow_one
ktap_test_result "invalid values of max_helpers are rejected" refuse_bad_values
ktap_test_result "max_helpers=0 during a job: helpers stop" send_helpers_away
ktap_test_result "max_helpers restored: at least two helpers run" allow_more_again
ktap_finished
