#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What reaches an isolated CPU, whose SCHED_FIFO task never yields, while other CPUs do one
# operation after another: on the unpatched and on the patched kernel, isolated in four
# ways. The guests (see lab/guest/outcome/run) boot two at a time. The events that they
# count go to build/log/bench-outcome.lines, one a line; outcome/summary.jq makes
# results/outcome.json of them, and outcome/table.jq a table.
#
# outcome.sh table [FILE]: the table as the documentation has it, from results/outcome.json,
# or in the place of that table in FILE.
#
# RESULTS= names another file, OPS="a b" some operations, LIMIT= (ms) how long an operation
# may take before it counts as never done.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../measure.sh
. "$LAB/measure.sh"
# shellcheck source=../module.sh
. "$LAB/module.sh"

SOURCE=$LAB/guest/outcome
ROWS=$LAB/bench/outcome
OBJECTS=$ROOM/bench/outcome
RESULTS=${RESULTS:-$TOP/results/outcome.json}
LIMIT=${LIMIT:-2500}
AT_ONCE=2
lines=$LOG/bench-outcome.lines

# name, boot parameters
ways() {
	cat <<-END
		partition PARTITION=1
		isolcpus isolcpus=domain,managed_irq,3
		nohz_full nohz_full=3 rcu_nocbs=3
		all isolcpus=domain,managed_irq,3 nohz_full=3 rcu_nocbs=3 PARTITION=1
	END
}

cases() {
	local kernel

	for kernel in unpatched patched; do
		ways | sed "s/^/$kernel /"
	done
}

folder() { # KERNEL
	case $1 in
	unpatched) echo base/qemu ;;
	patched) echo qemu ;;
	esac
}

build_guest() { # KERNEL
	local guest=$OBJECTS/$1/guest

	build_module "$SOURCE" "$(folder "$1")" "$OBJECTS/$1/module"
	build_module "$LAB/guest/qpw" "$(folder "$1")" "$OBJECTS/$1/cache"
	rm -rf "$guest"
	mkdir -p "$guest"
	gcc -O2 -Wall -Wextra -static -o "$guest/guest" "$SOURCE/guest.c"
	cp "$SOURCE/run" "$SOURCE/causes.awk" "$LAB/guest/ipi.awk" \
		"$OBJECTS/$1"/{module,cache}/*.ko "$guest/"
}

build() {
	CONFIG=qemu SERIES=none "$LAB/kernel.sh"
	CONFIG=qemu SERIES='' "$LAB/kernel.sh"
	build_guest unpatched
	build_guest patched
}

boot() { # KERNEL WAY PARAMETERS
	local name=bench-outcome-$1-$2

	say "bench outcome: $1, $2"
	NAME=$name CONFIG=qemu OUT=$ROOM/$(folder "$1") GUEST=$OBJECTS/$1/guest SMP=4 MEM=1G \
		TIMEOUT=${TIMEOUT:-400} \
		CMDLINE="kunit.enable=0 movablecore=384M $3 LIMIT=$LIMIT${OPS:+ OPS=${OPS// /,}}" \
		"$LAB/boot.sh" >"$LOG/$name.boot" 2>&1 ||
		{ warn "the guest '$name' failed: $(tail -n1 "$LOG/$name.boot")"; return 1; }
}

boot_all() {
	local kernel way parameters failed=0

	while read -r kernel way parameters; do
		while [ "$(jobs -rp | wc -l)" -ge $AT_ONCE ]; do
			wait -n || failed=1
		done
		boot "$kernel" "$way" "$parameters" &
	done < <(cases)
	while [ -n "$(jobs -p)" ]; do
		wait -n || failed=1
		jobs >/dev/null
	done
	[ $failed = 0 ] || die "not all guests passed; see above"
}

collect() {
	local kernel way

	while read -r kernel way _; do
		grep -E '^(op|work|switch|ipi) ' "$LOG/bench-outcome-$kernel-$way.output" |
			sed "s/^/$kernel $way /"
	done < <(cases) >"$lines"
}

measure() {
	mkdir -p "$LOG" "$OBJECTS" "$(dirname "$RESULTS")"
	build
	load=$(load_now)
	boot_all
	collect
	summarise "$ROWS/summary.jq" "$load" --argjson limit "$LIMIT" \
		--rawfile operations "$ROWS/operations" <"$lines" >"$RESULTS.new"
	mv "$RESULTS.new" "$RESULTS"
	jq -r -L "$ROWS" -f "$ROWS/table.jq" "$RESULTS"
}

print_table() {
	jq -r -L "$ROWS" -f "$ROWS/doc.jq" "$RESULTS"
}

# From the line above its heads to the next blank line
replace_table() { # FILE
	local table

	table=$(print_table)
	grep -q '^Operation on another CPU  *without QPW' "$1" || die "$1 has no outcome table"
	TABLE=$table awk '
		/^Operation on another CPU  *without QPW/ { print ENVIRON["TABLE"]; skip = 1; held = 0 }
		/^$/ { skip = 0 }
		skip { next }
		held { print line; held = 0 }
		/^=+ [ =]*=$/ { line = $0; held = 1; next }
		{ print }
		END { if (held) print line }' "$1" >"$1.new"
	cat "$1.new" >"$1"
	rm "$1.new"
}

need jq
case ${1:-} in
'') measure ;;
table) if [ $# = 1 ]; then print_table; else replace_table "$2"; fi ;;
*) die "outcome.sh [table [FILE]]" ;;
esac
