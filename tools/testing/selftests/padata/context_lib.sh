# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For tests of multithreaded padata jobs whose caller is in a cgroup, after padata_lib.sh

TOP=$CGROUPS/padata_test
A=$TOP/a
B=$TOP/b

in_a()
{
	echo 0 >"$A/cgroup.procs"
	"$@"
}

# The same for a job in the background: a signal to $task has to reach the caller.
become_in_a()
{
	echo 0 >"$A/cgroup.procs"
	exec "$@"
}

# value FILE KEY
value()
{
	sed -n "s/^$2 //p" "$1"
}

# The CPU time of all helpers, in microseconds.  For each it is known to 10 ms.
helpers_used()
{
	cat /proc/[0-9]*/stat 2>/dev/null |
		awk '$2 == "(padata_mt)" { ticks += $14 + $15 } END { print ticks * 10000 }'
}

set_file()
{
	echo "$2" >"$1" && ktap_print_msg "${1#"$TOP/"}: $2"
}

has_helpers()
{
	job in_a size=1000 min_chunk=1 eager=1 us=100 meet=2
	is_complete 1000
}

# start_job COMMAND [KEY=VALUE...]: a job whose helpers use the CPU all the time.  It may
# have none yet.  Of a key that is given twice the last value counts.
start_job()
{
	command=$1
	shift
	start "$command" size=1000000000 min_chunk=1 max_chunk=1 eager=1 killable=1 \
		us=1000 spin=1 "$@"
}

start_busy()
{
	start_job become_in_a
	await has_threads 3
}

restore_groups()
{
	for group in "$A" "$B" "$TOP"; do
		[ ! -d "$group" ] || await rmdir "$group"
	done 2>/dev/null
}

# The groups $A and $B below $TOP
setup_groups()
{
	[ -n "$CGROUPS" ] || skip "requires cgroup v2"
	echo "+cpu +memory" >"$CGROUPS/cgroup.subtree_control" ||
		skip "requires the cpu and memory controllers of cgroup v2"
	mkdir "$TOP" || skip "cannot create a cgroup"
	echo "+cpu +memory" >"$TOP/cgroup.subtree_control"
	mkdir "$A" "$B"
	[ -e "$A/cpu.max" ] || skip "requires CONFIG_CFS_BANDWIDTH"
}
