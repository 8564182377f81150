# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Measuring deferred struct page init over many boots; `make run` and `make bench`
# share it. Emulated time is no evidence of a machine's speed: what counts is the
# ratio of cases that were booted in turn, on the same host, in the same run.

# MiB that a guest of GIB touches, and room to spare
memory_needed() { echo $(($1 * 1024 / 64 + 2048)); }

# The memory of all guests of GIB, where a file system in memory has room for
# what they touch of it; $kept says in words what became of that
# shellcheck disable=SC2034
share_memory() { # GIB
	local gib=$1 folder=/dev/shm

	if [ "$(stat -fc %T "$folder" 2>/dev/null)" != tmpfs ] ||
		[ $(($(df -Pk "$folder" | awk 'NR == 2 { print $4 }') / 1024)) -lt "$(memory_needed "$gib")" ]; then
		warn "no room in $folder: each guest finds new memory, which makes the times uneven"
		kept="new for each guest"
		return
	fi
	kept="kept from guest to guest"
	memory=$(mktemp "$folder/lab-memory.XXXXXX")
	on_exit "rm -f '$memory'"
	export QEMU_ARGS="-object memory-backend-file,id=kept,size=${gib}G,mem-path=$memory,share=on,reserve=off -machine memory-backend=kept"
}

# Boot a case once and print "<threads> <milliseconds> <milliseconds by the host>" of
# node 0. What an unpatched kernel says of the time is too short where the guest loses
# timer interrupts, and it does not say how many threads worked ("-"): to compare it
# with a patched one, use the host's clock, between the report and the line before.
measure_boot() { # NAME CPUS [boot parameters]
	local report host

	NAME=$1 SMP=$2 CMDLINE="kunit.autorun=0 ${3:-}" MEM=${MEM:-64G} CONFIG=${CONFIG:-qemu} \
		GUEST=$LAB/guest/deferred_init \
		"$LAB/boot.sh" >"$LOG/$1.boot" 2>&1 ||
		die "the guest '$1' failed: $(tail -n1 "$LOG/$1.boot")"
	report=$(sed -n 's/.*node 0 deferred pages initialised in \([0-9]*\)ms\( by \([0-9]*\) thread.*\)\{0,1\}$/\3 \1/p' \
		"$LOG/$1.console")
	[ -n "$report" ] || die "the guest '$1' reported no deferred init; see $LOG/$1.log"
	host=$(awk '/node 0 deferred pages initialised/ { printf "%.0f", ($1 - before) * 1000 }
		{ before = $1 }' "$LOG/$1.times")
	case $report in " "*) report="-$report" ;; esac
	echo "$report $host"
}

# median, smallest and largest of the numbers on standard input
spread() {
	sort -n | awk '{ v[NR] = $1 }
		END { m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
		      print m, v[1], v[NR] }'
}

machine() {
	printf '%s, %s cores, %s GiB, QEMU %s (TCG)\n' \
		"$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sort -u | paste -sd/ -)" "$(nproc)" \
		"$(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)" \
		"$(qemu-system-x86_64 --version | awk '{ print $4; exit }')"
}

# how many tasks wanted a CPU of the host lately: other work spoils measurements
load_now() { cut -d' ' -f1 /proc/loadavg; }

# Samples on standard input to one object, by a filter of jq that also knows where and
# of what they were taken; LOAD is what load_now said before
summarise() { # FILTER LOAD [arguments for jq]
	local filter=$1 load=$2

	shift 2
	jq -Rn --arg machine "$(machine)" --arg load "$load, $(load_now)" \
		--arg commit "$(git -C "$TOP" rev-parse --short=12 HEAD)" \
		--arg date "$(date -u +%Y-%m-%d)" \
		--arg base "$(git -C "$TREE" log -1 --format=%s refs/lab/base)" "$@" -f "$filter"
}

# Where the parts below have their programs, objects, samples and results
# shellcheck disable=SC2034
part_files() { # PART
	SOURCE=$LAB/bench/$1
	OBJECTS=$ROOM/bench/$1
	lines=$LOG/bench-$1.lines
	results=$TOP/results/$1.json
}

# A part of `make bench`. Its script has functions: build, run_all, which adds samples to the
# file $lines, one a line, and draw. $SOURCE, named like the part, has summary.jq and table.jq
# shellcheck disable=SC2154 # the script has these variables
bench_part() { # [arguments for jq]
	local part load

	part=$(basename "$SOURCE")
	mkdir -p "$LOG" "$OBJECTS" "$TOP/results"
	build
	load=$(load_now)
	: >"$lines"
	run_all
	summarise "$SOURCE/summary.jq" "$load" "$@" <"$lines" >"$results"
	draw
	jq -r -f "$SOURCE/table.jq" "$results"
	say "results/$part.json, results/$part.svg"
}
