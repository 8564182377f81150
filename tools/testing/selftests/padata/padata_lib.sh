# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For tests of multithreaded padata jobs: run jobs through the module
# padata_mt_trigger, and read what it reports about them.

DIR=$(dirname "$0")
# shellcheck source=/dev/null
. "$DIR"/../kselftest/ktap_helpers.sh

MODULE=$DIR/test_modules/padata_mt_trigger.ko
TRIGGER=/dev/padata_mt_trigger
MAX_HELPERS=/sys/module/padata_mt/parameters/max_helpers
# shellcheck disable=SC2034 # for tests
CGROUPS=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
TRACEFS=/sys/kernel/tracing

skip()
{
	ktap_skip_all "$@"
	exit "$KSFT_SKIP"
}

# trace_into NAME EVENT...: trace these events in an instance of that name, $TRACE
trace_into()
{
	TRACE=$TRACEFS/instances/$1
	shift
	[ -d "$TRACEFS/events" ] || mount -t tracefs nodev "$TRACEFS"
	mkdir "$TRACE" || return
	for event; do
		echo 1 >"$TRACE/events/$event/enable" || return
	done
} 2>/dev/null

page_size()
{
	awk '$1 == "KernelPageSize:" { print $2 * 1024; exit }' /proc/self/smaps
}

# One per line
online_cpus()
{
	cpus "$(cat /sys/devices/system/cpu/online)"
}

# nth_cpu NUMBER: the online CPU with that position; $ selects the last one
nth_cpu()
{
	online_cpus | sed -n "$1p"
}

# A job that was started and may still run
task=

load()
{
	insmod "$MODULE" && [ -c "$TRIGGER" ]
}

# setup CPUS: load the module; skip if it, or this number of CPUs, is not available
setup()
{
	ktap_print_header
	[ "$(id -u)" = 0 ] || skip "requires root"
	[ -e "$MODULE" ] || skip "the test module was not built"
	[ -e "$MAX_HELPERS" ] || skip "requires CONFIG_PADATA"
	[ "$(online_cpus | wc -l)" -ge "$1" ] || skip "requires $1 online CPUs"
	load || skip "the test module cannot be loaded"
	trap cleanup EXIT
}

# Tests override this function to restore what they have changed.
restore()
{
	:
}

cleanup()
{
	[ -z "$task" ] || kill -9 "$task" 2>/dev/null
	exec 3>&-
	restore
	rmmod padata_mt_trigger
}

# job COMMAND KEY=VALUE...: run a job in a task that COMMAND starts, if any
# shellcheck disable=SC2086,SC2016 # words are wanted; later
job()
{
	command=$1
	shift
	report=$($command sh -c '
		echo "$1" >&3
		cat <&3
		echo "after min_nice=$(cut -d " " -f 19 "/proc/$$/stat")"
		' job "$*" 3<>"$TRIGGER" 2>/dev/null)
}

# start COMMAND KEY=VALUE...: the same in the background, as $task
# shellcheck disable=SC2086,SC2016 # words are wanted; later
start()
{
	command=$1
	shift
	exec 3<>"$TRIGGER"
	$command sh -c 'echo "$1" >&3' job "$*" >/dev/null 2>&1 &
	task=$!
}

# The current report of the job that was started
look()
{
	report=$(cat <&3)
}

go()
{
	echo go >&3
}

# await COMMAND...: until COMMAND succeeds
await()
{
	tries=600
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

# get LINE KEY: the values of KEY in those lines of the report
get()
{
	printf '%s\n' "$report" | sed -nE "s/^$1 (.* )?$2=([^ ]*).*/\2/p"
}

job_is()
{
	for fact; do
		[ "$(get job "${fact%%=*}")" = "${fact#*=}" ] || {
			ktap_print_msg "expected $fact, got: $(echo "$report" | head -n 1)"
			return 1
		}
	done
}

# has_threads NUMBER: at least this many threads had a chunk
has_threads()
{
	look
	[ "$(get job threads)" -ge "$1" ]
}

has_error()
{
	look
	[ "$(get job err)" -lt 0 ]
}

has_chunks()
{
	look
	[ "$(get job chunks)" -ge "$1" ]
}

# goes_on: the job runs 50 more chunks, which get longer with time
goes_on()
{
	look
	await has_chunks "$(($(get job chunks) + 50))"
}

# Fails if the job does not end, but does not wait for it forever.
stop()
{
	kill -9 "$task"
	await has_error || return 1
	wait "$task" 2>/dev/null
	task=
	look
}

# start_long COMMAND: start a job with helpers that runs until it is killed
start_long()
{
	start "$1" size=1000000000 min_chunk=1 max_chunk=1 eager=1 killable=1 us=1000
	await has_threads 3
}

# helpers_leave LIST: in the long job that was started, helpers begin chunks only on
# these CPUs, except for the one that each had already taken.  Then end the job.
helpers_leave()
{
	look
	most=$(($(helpers_began "$1") + $(get job threads) - 1))
	goes_on || return 1
	stop || return 1
	ktap_print_msg "CPUs other than $1: $(helpers_began "$1") chunks begun," \
		"at most $most allowed"
	[ "$(helpers_began "$1")" -le "$most" ] && job_is err=-4 broken=0
}

# The job succeeded and processed each of SIZE indices once.
is_complete()
{
	job_is err=0 broken=0 vain=0 "done=$1" undone=0
}

# cpus LIST...: the CPUs of lists like 0-3,8, one per line
cpus()
{
	printf "%s\n" "$@" | tr , "\n" | while IFS=- read -r first last; do
		[ -z "$first" ] || seq "$first" "${last:-$first}"
	done
}

# helper_cpus: the CPUs on which helpers began chunks
helper_cpus()
{
	printf '%s\n' "$report" | sed -nE 's/^cpu([0-9]+) .*/\1/p'
}

# begun CPU: the number of chunks that helpers began on it
begun()
{
	number=$(get "cpu$1" begun)
	echo "${number:-0}"
}

# helpers_began LIST: the number of chunks that they began, except on these CPUs
helpers_began()
{
	total=0
	for cpu in $(helper_cpus | grep -vxF "$(cpus "$1")"); do
		total=$((total + $(begun "$cpu")))
	done
	echo "$total"
}

# helpers_within LIST: the CPU masks of helpers contained only these CPUs, and
# helpers ran only there
helpers_within()
{
	# shellcheck disable=SC2046 # a list
	other=$(cpus $(helper_cpus) $(get helper allowed) |
		grep -vxF "$(cpus "$1")")
	[ -z "$other" ] || ktap_print_msg "unexpected CPUs of helpers: $other"
	[ -z "$other" ]
}
