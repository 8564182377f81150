#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# An error ends a multithreaded job, and what was completed is undone.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

undoes()
{
	job "" size=1000 min_chunk=1 eager=1 us=100 meet=2 fail="$1"
	job_is err=-5 broken=0 vain=0 "undone=$(get job 'done')"
}

# Errors of the trigger itself, for a request that is invalid
refuses()
{
	for bad; do
		job "" "$bad" size=1
		job_is err=-22 chunks=0 || return 1
	done
	job "" lock=1 locked=1 size=1
	job_is err=-22 chunks=0
}

setup 2
ktap_set_plan 4
ktap_test_result "an error in the first chunk undoes the job" undoes 1
ktap_test_result "an error in the middle undoes the job" undoes 500
ktap_test_result "an error in the last chunk undoes the job" undoes 1000
ktap_test_result "invalid job descriptions are rejected" \
	refuses size size= size=x size=-1 bogus=1 =1 max_threads=4294967295
ktap_finished
