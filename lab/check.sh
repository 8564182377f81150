#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make check (check-fast, check-all): every test prints a line `ok ...` or `not ok ...`;
# the last line counts them. Status 0 only if none failed.

. "$(dirname "$0")/common.sh"

need git qemu-system-x86_64 sparse codespell shellcheck
mode=${1:-full}
results=$LOG/check.results
git -C "$TOP" rev-parse -q --verify HEAD >/dev/null || die "make check needs a git clone of the project"
mkdir -p "$LOG"
exec 8>"$LOG/.check.lock"
flock -n 8 || die "another make check is at work in $BUILD"
: >"$results"

# What is tested, but for what `make check-all` records
state=$(git -C "$TOP" rev-parse --short=12 HEAD)
[ -z "$(git -C "$TOP" status --porcelain -- ':!results/check-all.txt')" ] ||
	state="$state with uncommitted changes"

# `make check-all` takes hours. Where it was interrupted, it goes on with the parts that
# were not run to their end on this commit; whether passed or failed, AGAIN=1 repeats them.
parts=$LOG/check
if [ "$mode" = all ] && [[ $state != *' '* ]]; then
	parts=$LOG/check-all-$state
	[ -z "${AGAIN:-}" ] || rm -rf "$parts"
else
	rm -rf "$parts"
fi
mkdir -p "$parts"

# The unabridged say of a test is in its own output; here only what is wrong
run_part() { # LABEL COMMAND...
	local label=$1 part=$parts/$1 begin=$SECONDS status=0
	shift

	if [ -e "$part" ]; then
		say "check: $label was run before on this commit"
		cat "$part"
	else
		say "check: $label"
		"$@" 2>"$LOG/check-$label.log" 8>&- | tee "$part.new" || status=$?
		if [ $status != 0 ] && ! has '^not ok ' <"$part.new"; then
			tail -n 5 "$LOG/check-$label.log" >&2
			echo "not ok $label: status $status ($LOG/check-$label.log)" | tee -a "$part.new"
		elif [ ! -s "$part.new" ]; then
			echo "not ok $label: no test ran" | tee -a "$part.new"
		fi
		echo "# $label: $((SECONDS - begin)) s, $(date -u '+%F %R')" | tee -a "$part.new"
		mv "$part.new" "$part"
	fi
	cat "$part" >>"$results"
}

count() { grep -cE "$1" "$results" || true; }

part_kernel() { # CONFIG
	say "check: building $1"
	if CONFIG=$1 "$LAB/kernel.sh" 8>&-; then
		echo "ok build: $1"
	else
		echo "not ok build: $1"
	fi | tee -a "$results"
}

"$LAB/tree.sh"
start=$SECONDS
part_kernel uml
run_part static "$LAB/tests/static.sh"
run_part lab-model "$LAB/tests/lab-model.sh"
run_part spin "$LAB/tests/spin.sh"
run_part uml "$LAB/tests/guests.sh" uml
if [ "$mode" != fast ]; then
	run_part lab-series "$LAB/tests/lab-series.sh"
	run_part lab-kernel "$LAB/tests/lab-kernel.sh"
	part_kernel uml-up
	run_part uml-up "$LAB/tests/guests.sh" uml-up
	part_kernel uml-lockdep
	run_part uml-lockdep "$LAB/tests/guests.sh" uml-lockdep
	part_kernel qemu
	run_part lab-boot "$LAB/tests/lab-boot.sh"
	run_part qemu "$LAB/tests/guests.sh" qemu
	run_part qpw "$LAB/tests/guests.sh" qpw
	run_part reports "$LAB/tests/reports.sh" "$mode"
	run_part qpw-code "$LAB/tests/qpw-code.sh"
	run_part torture "$LAB/tests/torture.sh" qemu
	part_kernel qemu-debug
	run_part qemu-debug "$LAB/tests/guests.sh" qemu-debug
fi
if [ "$mode" = all ]; then
	run_part qemu-debug-long "$LAB/tests/guests.sh" qemu-debug-long
	part_kernel qemu-rt
	run_part qemu-rt "$LAB/tests/guests.sh" qemu-rt
	part_kernel qemu-bench
	run_part qemu-bench "$LAB/tests/guests.sh" qemu-bench
	part_kernel qemu-kcsan
	run_part qemu-kcsan "$LAB/tests/guests.sh" qemu-kcsan
	run_part outcome "$LAB/tests/outcome.sh"
	run_part suites "$LAB/tests/suites.sh"
	run_part matrix "$LAB/tests/matrix.sh"
	run_part torture-debug "$LAB/tests/torture.sh" qemu-debug
	run_part docs "$LAB/tests/docs.sh"
	run_part bisect "$LAB/bisect.sh"
fi

failed=$(count '^not ok ')
skipped=$(count '^ok .*# SKIP')
passed=$(($(count '^ok ') - skipped))
say "checked in $((SECONDS - start)) s"
[ "$failed" = 0 ] || { echo; echo 'failed:'; grep '^not ok ' "$results"; }
summary="$passed passed, $failed failed, $skipped skipped"
[ "$mode" != all ] || "$LAB/record.sh" "$results" "$summary" "$state" || failed=1
echo "$summary"
[ "$failed" = 0 ]
