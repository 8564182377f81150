#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The second table of make run: a real-time task on an isolated CPU, which never enters the
# kernel again, and what happens to it when other CPUs drain caches, without QPW and with it.
# Everything is counted from tracepoints (see lab/guest/qpw/run), the same ones in all rows.
# LIMIT= (ms) is how long an operation may take before it counts as never done.

. "$(dirname "$0")/common.sh"
. "$LAB/measure.sh"
. "$LAB/module.sh"
. "$LAB/bases/$BASE"

export CONFIG=qemu
ROUNDS=2
LIMIT=${LIMIT:-4000}
GUEST=$ROOM/demo/qpw
ISOLATED='isolcpus=domain,managed_irq,3 nohz_full=3 rcu_nocbs=3'
read -ra operations <<<"${QPW_DRAINS:-flushbufs drop_caches shrink destroy mlock compact}"
rows=(on-0 on-auto off-0 off-auto)

build_guest() {
	local source=$LAB/guest/qpw

	rm -rf "$GUEST"
	mkdir -p "$GUEST"
	build_module "$source" qemu "$ROOM/demo/module"
	gcc -O2 -Wall -Wextra -static -o "$GUEST/guest" "$source/guest.c"
	cp "$source/run" "$ROOM/demo/module/qpw_cache.ko" "$GUEST/"
	printf '%s\n' "${operations[@]}" >"$GUEST/operations"
}

boot() { # SERVER-QPW
	NAME=run-qpw-$1 SMP=4 MEM=1G GUEST=$GUEST TIMEOUT=${TIMEOUT:-300} \
		CMDLINE="kunit.enable=0 $ISOLATED qpw=${1#*-} SERVER=${1%-*} ROUNDS=$ROUNDS LIMIT=$LIMIT" \
		"$LAB/boot.sh" >"$LOG/run-qpw-$1.boot" 2>&1 ||
		die "the guest 'run-qpw-$1' failed: $(tail -n1 "$LOG/run-qpw-$1.boot")"
}

count() { # ROW
	awk -f "$LAB/guest/ipi.awk" -f "$LAB/guest/qpw/count.awk" "$LOG/run-qpw-$1.output" >"$LOG/run-qpw-$1.counts"
	[ "$(value "$1" operations)" -gt 0 ] ||
		die "the guest 'run-qpw-$1' did nothing; see $LOG/run-qpw-$1.log"
}

value() { # ROW KEY
	awk -v key="$2 " 'index($0, key) == 1 { print $NF }' "$LOG/run-qpw-$1.counts"
}

ipis() { # ROW
	awk '$1 == "ipi" { printf "%s%d %s", comma, $3, $2; comma = ", " }
		END { if (!comma) printf "none" }' "$LOG/run-qpw-$1.counts"
}

row() { # ROW
	printf '| %-6s | %-4s | %5d | %8d | %4d | %5s of %-2s | %7.0f ms | %11d | %7s |\n' \
		"${1%-*}" "${1#*-}" "$(value "$1" works)" "$(value "$1" switches)" \
		"$(value "$1" ipis)" "$(value "$1" "done")" "$(value "$1" operations)" \
		"$(value "$1" slowest)" "$(value "$1" remote)" \
		"$(awk -v ns="$(value "$1" hold)" 'BEGIN { if (ns) printf "%.0f us", ns / 1000; else print "-" }')"
}

times() { # OPERATION
	local row

	printf '| %-11s' "$1"
	for row in "${rows[@]}"; do
		value "$row" "ms $1" | awk '{ printf " | %8s", $1 == "never" ? $1 : sprintf("%.0f ms", $1) }'
	done
	echo ' |'
}

# Work queued on the isolated CPU wakes its worker there by sched_ttwu_pending
verdict() {
	local row

	for row in on-auto off-auto; do
		if [ "$(value "$row" works)/$(value "$row" switches)" != 0/0 ] ||
			[ "$(value "$row" "done")" != "$(value "$row" operations)" ] ||
			has "^ipi (sched_ttwu_pending|invalidate_bh_lru) " <"$LOG/run-qpw-$row.counts"; then
			echo MISSED
			return
		fi
	done
	echo reached
}

say_table() {
	local row operation

	cat <<-END

	A real-time task on an isolated CPU, never in the kernel, while the other 3 CPUs do
	$ROUNDS rounds of ${#operations[@]} operations that drain the caches of all; counted from tracepoints
	$(machine)

	| server | qpw= | works | switches | IPIs | completed   |    slowest | by others   | hold    |
	|--------|------|-------|----------|------|-------------|------------|-------------|---------|
	END
	for row in "${rows[@]}"; do row "$row"; done
	cat <<-END

	server: the deadline server, which gives ordinary tasks 5% of a CPU, throwing real-time
	ones off it; works, switches, IPIs: work items run on the isolated CPU, its context
	switches, interrupts sent to it; by others: works done for it by other CPUs; hold: the
	longest time that one of these held a lock of it. Slower than $((LIMIT / 1000)) s is never:

	| longest of  |   on, 0  | on, auto |  off, 0  | off, auto |
	|-------------|----------|----------|----------|-----------|
	END
	for operation in "${operations[@]}"; do
		times "$operation"
	done
	echo
	echo "IPIs by cause:"
	for row in "${rows[@]}"; do
		echo "server ${row%-*}, qpw=${row#*-}: $(ipis "$row")"
	done
	echo
	echo "Goal for qpw=auto: no work, no switch, no interrupt for a drain, all completed: $(verdict)."
	echo "Times are emulated; the counts are the result."
}

"$LAB/kernel.sh"
mkdir -p "$LOG"
build_guest
for row in "${rows[@]}"; do
	say "real-time task, deadline server ${row%-*}, qpw=${row#*-}"
	boot "$row"
	count "$row"
done
say_table
