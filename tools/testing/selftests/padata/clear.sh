#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Several threads clear a 1 GiB page.  This test fills the pages of the pool, gets them
# again in each way that user space has, looks at every byte, and reads from the trace how
# many threads took part.
#
# It needs free 1 GiB pages (hugepagesz=1G hugepages=2 on the kernel command line), of
# which it uses one at a time.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

TASK=$DIR/clear_task
POOLS=/sys/kernel/mm/hugepages
POOL=$POOLS/hugepages-1048576kB
SMALL=$POOLS/hugepages-2048kB

# Helpers, and signals, may come too late on a busy machine, but not every time.
TRIES=20

# traced EVENT: the events of jobs that clear a page
traced()
{
	grep "$1: fn=folio_zero_chunk " "$TRACE/trace"
}

# threads_of_last_job: the number, 0 if there was no job
threads_of_last_job()
{
	threads=$(traced padata_mt_job_end | tail -n 1 |
		sed -n 's/.* threads=\([0-9]*\) .*/\1/p')
	echo "${threads:-0}"
}

# all_jobs_completed: each job that began has ended, without an error
all_jobs_completed()
{
	[ "$(traced padata_mt_job_start | wc -l)" -eq \
		"$(traced padata_mt_job_end | grep -c ' err=0$')" ]
}

# clear COMMAND...: run clear_task
clear()
{
	echo >"$TRACE/trace"
	"$TASK" "$@"
}

cleared_alone()
{
	echo 0 >"$MAX_HELPERS"
	clear "$@" || return
	echo "$helpers" >"$MAX_HELPERS"
	ktap_print_msg "threads: $(threads_of_last_job)"
	[ "$(threads_of_last_job)" -eq 1 ] && all_jobs_completed
}

# Every try must give a page that is clear.
cleared_together()
{
	tries=0
	while [ "$tries" -lt "$TRIES" ]; do
		tries=$((tries + 1))
		clear "$@" && all_jobs_completed || return
		[ "$(threads_of_last_job)" -le 1 ] || break
	done
	ktap_print_msg "threads: $(threads_of_last_job), in try $tries"
	[ "$(threads_of_last_job)" -gt 1 ]
}

# The signal must come in time, and several threads must be at work then, in one try.
interrupted()
{
	tries=0
	while [ "$tries" -lt "$TRIES" ]; do
		tries=$((tries + 1))
		clear "$@"
		status=$?
		[ "$status" -eq 0 ] || [ "$status" -eq 3 ] || return
		all_jobs_completed || return
		[ "$status" -ne 0 ] || [ "$(threads_of_last_job)" -le 1 ] || break
	done
	ktap_print_msg "status $status, threads: $(threads_of_last_job), in try $tries"
	[ "$status" -eq 0 ] && [ "$(threads_of_last_job)" -gt 1 ]
}

cleared_without_job()
{
	clear small && [ "$(traced padata_mt_job_start | wc -l)" -eq 0 ]
}

has_all_pages()
{
	[ "$(cat "$POOL/free_hugepages")" -eq "$pages" ]
}

clean_up()
{
	echo "$helpers" >"$MAX_HELPERS"
	[ -z "$small" ] || echo "$small" >"$SMALL/nr_hugepages"
	[ ! -d "$TRACE" ] || rmdir "$TRACE"
}

ktap_print_header

[ "$(id -u)" -eq 0 ] || skip "requires root"
[ -e "$TASK" ] || skip "clear_task was not built"
[ -w "$MAX_HELPERS" ] || skip "requires CONFIG_PADATA"
[ "$(online_cpus | wc -l)" -ge 2 ] || skip "requires 2 online CPUs"
pages=$(cat "$POOL/free_hugepages" 2>/dev/null)
[ "${pages:-0}" -gt 0 ] || skip "requires a free 1 GiB page (hugepagesz=1G hugepages=2)"

helpers=$(cat "$MAX_HELPERS")
small=
trap clean_up EXIT
trace_into padata_clear padata_mt/padata_mt_job_start padata_mt/padata_mt_job_end ||
	skip "requires tracefs"

ktap_set_plan 13
ktap_test_result "the pages of the pool are filled" "$TASK" dirty "$pages"
ktap_test_result "private page: one thread clears it" cleared_alone check private first
ktap_test_result "private page: several threads clear it" \
	cleared_together check private first
ktap_test_result "private page, end first: several threads clear it" \
	cleared_together check private last
ktap_test_result "shared page, middle first: several threads clear it" \
	cleared_together check shared middle
ktap_test_result "shared page, two tasks: several threads clear it" cleared_together share
ktap_test_result "MAP_POPULATE: several threads clear the page" \
	cleared_together check populate first
ktap_test_result "fallocate: several threads clear the page" \
	cleared_together check fallocate first
ktap_test_result "SIGKILL during a page fault ends the task and frees the page" \
	interrupted kill private middle
ktap_test_result "SIGKILL during fallocate ends the task and frees the page" \
	interrupted kill fallocate first
ktap_test_result "SIGSTOP during a page fault stops the task; the page is clear" \
	interrupted stop private middle

small=$(cat "$SMALL/nr_hugepages" 2>/dev/null)
[ -z "$small" ] || echo $((small + 1)) >"$SMALL/nr_hugepages"
if [ "$(cat "$SMALL/free_hugepages" 2>/dev/null || echo 0)" -gt 0 ]; then
	ktap_test_result "a page of 2 MiB is cleared without a job" cleared_without_job
else
	ktap_test_skip "a page of 2 MiB is cleared without a job: requires a free one"
fi
ktap_test_result "all pages are in the pool again" has_all_pages
ktap_finished
