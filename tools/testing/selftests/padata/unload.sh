#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A module may be unloaded as soon as its multithreaded job has ended: helpers that
# start late, or have not left yet, do not access it.

# shellcheck disable=SC2317 # the checks are called by ktap_test_result
# shellcheck source=tools/testing/selftests/padata/padata_lib.sh
. "$(dirname "$0")"/padata_lib.sh

ROUNDS=50

# How often the kernel has warned or oopsed: taint flags are set only once, but
# the counters increase each time.  x86-64 fills freed module text with trap
# instructions: a helper that still runs there oopses.  If the module has been
# loaded again by then, its thread function warns.
trouble()
{
	cat /sys/kernel/warn_count /sys/kernel/oops_count
	echo $(($(cat /proc/sys/kernel/tainted) & (1 << 9 | 1 << 7 | 1 << 5)))
}

# The PID of each helper thread and how often it went to sleep, one thread per
# line.  This uses few processes, because it runs 200 times, and an emulated
# PREEMPT_RT kernel forks slowly.
sleeps()
{
	cat /proc/[0-9]*/status 2>/dev/null | awk '
		/^Name:/ { is_helper = $2 == "padata_mt" }
		/^Pid:/ { pid = $2 }
		is_helper && /^voluntary_ctxt_switches:/ { print pid, $2 }'
}

# The helper threads that slept at $1 and had been woken by $2.  New threads do not
# count.
woken()
{
	printf '%s\n' "$1" "$2" | awk 'NF == 2 {
		woken += $1 in slept && $2 > slept[$1]
		slept[$1] = $2
	} END { print woken + 0 }'
}

# The job woke more helpers than had a chunk, so some of them started too late.
came_late()
{
	[ "$(woken "$slept" "$(sleeps)")" -ge "$1" ]
}

# A helper that had a chunk is still leaving when the main thread continues.
have_to_leave()
{
	[ "$1" -ge 2 ]
}

# unload CONDITION KEY=VALUE...: run a job and unload the module, again and again
# shellcheck disable=SC2086 # words are wanted
unload()
{
	condition=$1
	shift
	before=$(trouble)
	round=0 such=0
	while [ "$round" -lt "$ROUNDS" ]; do
		round=$((round + 1))
		slept=$(sleeps)
		job "" "$@"
		rmmod padata_mt_trigger && load || return 1
		job_is err=0 broken=0 || return 1
		"$condition" "$(get job threads)" && such=$((such + 1))
	done
	ktap_print_msg "$such of $ROUNDS jobs: $condition"
	[ "$(trouble)" = "$before" ] && [ "$such" -ge "$wanted" ]
}

setup 2
ktap_set_plan 2
cpus=$(online_cpus | wc -l)

# Most jobs end before the first helper starts.
wanted=$((ROUNDS / 5))
ktap_test_result "unloading is safe while helpers start, $ROUNDS times" \
	unload came_late size="$((4 * cpus))" min_chunk=1 eager=1

wanted=$ROUNDS
ktap_test_result "unloading is safe while helpers leave, $ROUNDS times" \
	unload have_to_leave size=100 min_chunk=1 eager=1 us=10 meet=2
ktap_finished
