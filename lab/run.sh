#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make run: build the patched kernel and show what it does. First a 64 GiB guest (whose
# memory the host need not have) is booted with one thread for deferred struct page
# init and with all, in turn, ROUNDS times each. Then a real-time task, see run-qpw.sh.

. "$(dirname "$0")/common.sh"
. "$LAB/measure.sh"

ROUNDS=${ROUNDS:-5}
CPUS=${SMP:-$(nproc)}
[ "$CPUS" -gt 1 ] || CPUS=2
[ "$CPUS" -le 64 ] || CPUS=64 # as the configuration has it
export CONFIG=qemu

"$LAB/kernel.sh"
mkdir -p "$LOG"
results=$LOG/run.results
: >"$results"
share_memory 64
say "one boot that does not count: the host finds memory for the guest"
measure_boot run-first "$CPUS" >/dev/null
for round in $(seq "$ROUNDS"); do
	for case in one all; do
		limit=
		[ "$case" = all ] || limit=deferred_init_threads=1
		read -r threads ms _ < <(measure_boot "run-$case" "$CPUS" "$limit")
		say "boot $round of $ROUNDS, $case: $ms ms by $threads thread(s)"
		echo "$case $threads $ms" >>"$results"
	done
done

times() { awk -v c="$1" '$1 == c { print $3 }' "$results"; }
threads() { awk -v c="$1" '$1 == c { print $2 }' "$results" | sort -un | paste -sd/ -; }

row() { # CASE SETTING
	local median low high

	read -r median low high < <(times "$1" | spread)
	printf '| %-23s | %7s | %9s | %-15s | %4.2fx |\n' "$2" "$(threads "$1")" \
		"$median ms" "$low to $high ms" "$(bc -l <<<"$first / $median")"
}

first=$(times one | spread | cut -d' ' -f1)
cat <<END

Deferred struct page init, 64 GiB guest with $CPUS CPUs, $ROUNDS boots per row in turn
$(machine)

| boot parameter          | threads |    median | spread          | ratio |
|-------------------------|---------|-----------|-----------------|-------|
$(row one deferred_init_threads=1)
$(row all '(none)')

Times are emulated: the ratio, not the milliseconds, is the result. The memory of
the guests is $kept.
END

unset QEMU_ARGS # the memory of the guests so far
"$LAB/run-qpw.sh"
