# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For tests in which qpw_task occupies a CPU, $cpu.  restore() must call end_task().

# shellcheck source=tools/testing/selftests/qpw/qpw_lib.sh
. "$(dirname "$0")"/qpw_lib.sh

SERVER=/sys/kernel/debug/sched/fair_server
THROTTLE=/proc/sys/kernel/sched_rt_runtime_us

task='' runtime='' throttle=''

# in_file FILE: the CPUs in that list
in_file()
{
	cpus "$(sed 's/(null)//' "$CPUS/$1" 2>/dev/null)"
}

# is_in FILE: is the CPU in that list?
is_in()
{
	in_file "$1" | grep -qxF "$cpu"
}

# A CPU in remote mode, otherwise an isolated CPU, otherwise any CPU
choose_cpu()
{
	for file in qpw isolated online; do
		cpu=$(in_file "$file" | grep -xF "$(online_cpus)" | tail -n 1)
		[ -z "$cpu" ] || return
	done
}

# run_task COMMAND...: the task, which takes requests from $scratch/requests
run_task()
{
	rm -f "$scratch/requests"
	"$@" &
	task=$!
	await [ -s "$scratch/requests" ] && fill
}

fill()
{
	timeout 60 "$TASK" fill "$scratch/requests"
}

vacate()
{
	[ -z "$task" ] || kill -9 "$task"
	wait "$task" 2>/dev/null
	task=
}

# Let real-time tasks use all of the CPU time.
set_free()
{
	[ -n "$throttle" ] || throttle=$(cat $THROTTLE)
	[ -n "$runtime" ] || runtime=$(cat "$SERVER/cpu$cpu/runtime") || return 1
	echo -1 >$THROTTLE && echo 0 >"$SERVER/cpu$cpu/runtime"
}

end_task()
{
	vacate
	[ -z "$runtime" ] || echo "$runtime" >"$SERVER/cpu$cpu/runtime"
	[ -z "$throttle" ] || echo "$throttle" >$THROTTLE
}
