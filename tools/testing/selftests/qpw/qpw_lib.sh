# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For tests of QPW: which CPUs are in remote mode, and what happened to them.

DIR=$(dirname "$0")
# shellcheck source=/dev/null
. "$DIR"/../kselftest/ktap_helpers.sh

CPUS=/sys/devices/system/cpu
STATS=/sys/kernel/debug/qpw
MODULE=$DIR/test_modules/qpw_trigger.ko
TRIGGER=/sys/kernel/debug/qpw_trigger
TASK=$DIR/qpw_task

MARK="kselftest: $0 begins as $$"
COMPLAINT="(WARNING|BUG|Oops|UBSAN|ODEBUG):|BUG [^ ]+ [(]|INFO: (task|rcu|trying)"

skip()
{
	ktap_skip_all "$@"
	exit "$KSFT_SKIP"
}

# cpus LIST...: the CPUs of lists like 0-3,8, one per line
cpus()
{
	printf "%s\n" "$@" | tr , "\n" | while IFS=- read -r first last; do
		[ -z "$first" ] || seq "$first" "${last:-$first}"
	done
}

# list: the inverse of cpus(), without ranges
list()
{
	paste -s -d , -
}

# words NAME: with spaces in place of underscores
words()
{
	echo "$1" | tr _ " "
}

online_cpus()
{
	cpus "$(cat $CPUS/online)"
}

remote_cpus()
{
	cpus "$(cat $CPUS/qpw)"
}

is_remote()
{
	remote_cpus | grep -qxF "$1"
}

# counted CPU FIELD: the value of a column in the CPU's line in debugfs
counted()
{
	awk -v cpu="$1" -v field="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
		NR > 1 && $1 == cpu { print $column[field] }' "$STATS"
}

# total FIELD: the sum over all CPUs
total()
{
	awk -v field="$1" '
		NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
		NR > 1 { sum += $column[field] }
		END { print sum + 0 }' "$STATS"
}

# trouble: the warnings of the kernel so far.  Any new warning changes the output, even if
# the kernel is already tainted: the counters and, for what they do not count, the lines
# of the log since setup.
trouble()
{
	cat /sys/kernel/warn_count /sys/kernel/oops_count 2>/dev/null
	echo $(($(cat /proc/sys/kernel/tainted) & (1 << 9 | 1 << 7 | 1 << 5)))
	dmesg | awk -v mark="$MARK" -v complaint="$COMPLAINT" '
		index($0, mark) { lines = 0 }
		$0 ~ complaint { lines++ }
		END { print lines + 0 }'
}

# try TIMES COMMAND...: repeat COMMAND until it succeeds
try()
{
	tries=$1
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

await()
{
	try 600 "$@"
}

# Tests override this function to restore what they have changed.
restore()
{
	:
}

setup()
{
	ktap_print_header
	[ "$(id -u)" = 0 ] || skip "requires root"
	[ -e "$CPUS/qpw" ] || skip "requires CONFIG_QPW"
	[ -e "$STATS" ] || skip "requires debugfs"
	echo "$MARK" >/dev/kmsg
	scratch=$(mktemp -d)
	trap 'restore; rm -r "$scratch"' EXIT
}

need_task()
{
	[ -x "$TASK" ] || skip "qpw_task was not built"
}

# Load the module.  The caller's restore() must unload it.
load()
{
	[ -e "$MODULE" ] || skip "the test module was not built"
	insmod "$MODULE" || skip "the test module cannot be loaded"
}

unload()
{
	[ ! -d "$TRIGGER" ] || rmmod qpw_trigger
}

# turn 0|1 CPU...: take CPUs offline or online
turn()
{
	value=$1
	shift
	for cpu; do
		echo "$value" >"$CPUS/cpu$cpu/online" || return 1
	done
}

pluggable_cpus()
{
	cpus "$(cat $CPUS/present)" | while read -r number; do
		[ ! -w "$CPUS/cpu$number/online" ] || echo "$number"
	done
}

# repeat FUNCTION: until while_doing() has had enough
repeat()
{
	until [ -e "$scratch/enough.$1" ]; do
		"$1"
		echo >>"$scratch/rounds.$1"
	done
}

but_first()
{
	shift
	"$@"
}

# while_doing FUNCTION COMMAND...: run COMMAND while FUNCTION is repeated in the
# background, at least once.  COMMAND may do the same with another function.
while_doing()
{
	rm -f "$scratch/enough.$1" "$scratch/rounds.$1"
	repeat "$1" &
	echo $! >"$scratch/pid.$1"
	but_first "$@"
	status=$?
	await [ -s "$scratch/rounds.$1" ]
	touch "$scratch/enough.$1"
	wait "$(cat "$scratch/pid.$1")"
	return "$status"
}

# Take all CPUs that allow it offline, and online again
# shellcheck disable=SC2046 # words are wanted
toggle_cpus()
{
	turn 0 $(pluggable_cpus)
	turn 1 $(pluggable_cpus)
}

# while_toggling COMMAND...: run COMMAND while CPUs go offline and online
while_toggling()
{
	while_doing toggle_cpus "$@"
}
