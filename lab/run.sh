#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make run: build the patched kernel and show what it does. A 64 GiB guest (whose
# memory the host need not have) is booted with one thread for deferred struct page
# init and with all, in turn, ROUNDS times each.

. "$(dirname "$0")/common.sh"
. "$LAB/measure.sh"

ROUNDS=${ROUNDS:-5}
CPUS=${SMP:-$(nproc)}
[ "$CPUS" -gt 1 ] || CPUS=2
export CONFIG=qemu

"$LAB/kernel.sh"
mkdir -p "$LOG"
results=$LOG/run.results
: >"$results"
for round in $(seq "$ROUNDS"); do
	for case in one all; do
		limit=
		[ "$case" = all ] || limit=deferred_init_threads=1
		got=$(measure_boot "run-$case" "$CPUS" "$limit")
		say "boot $round of $ROUNDS, $case: ${got#* } ms by ${got% *} thread(s)"
		echo "$case $got" >>"$results"
	done
done

row() { # CASE SETTING
	local threads median low high

	threads=$(awk -v c="$1" '$1 == c { print $2 }' "$results" | sort -un | paste -sd/ -)
	read -r median low high < <(awk -v c="$1" '$1 == c { print $3 }' "$results" | spread)
	printf '| %-24s | %7s | %6s ms | %4s to %4s ms |' "$2" "$threads" "$median" "$low" "$high"
	[ -n "${first:-}" ] || first=$median
	awk -v a="$first" -v b="$median" 'BEGIN { printf " %4.2fx |\n", a / b }'
}

cat <<END

Deferred struct page init, 64 GiB guest with $CPUS CPUs, $ROUNDS boots per row in turn
$(machine)

| boot parameter           | threads | median    | from to          | ratio |
|--------------------------|---------|-----------|------------------|-------|
$(row one deferred_init_threads=1
	first=$(awk '$1 == "one" { print $3 }' "$results" | spread | cut -d' ' -f1) row all '(none)')

Times are emulated and the host's own first touch of the guest's memory is in them:
the ratio, not the milliseconds, is the result.
END
