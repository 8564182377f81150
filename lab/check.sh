#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make check (check-fast, check-all): every test prints a line `ok ...` or `not ok ...`;
# the last line counts them. Status 0 only if none failed. BASE=6.12: what there is for that base.

. "$(dirname "$0")/common.sh"

need git qemu-system-x86_64 sparse codespell shellcheck
mode=${1:-full}
only=${PART:-}
unset PART	# which is also a word of make bench
results=$LOG/check.results
for label in $only; do
	has "^\s*run_part $label " <"$0" || die "PART=$label is no part of make check"
done
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
# SINCE=commit: what passed on that commit or a later one counts, too, for somebody who
# knows that the changes since then do not concern it, even on another machine, if
# results/check-all.txt has it. Each part names its commit.
parts=$LOG/check
record=$LOG/check.record
missing=()
if [ "$mode" = all ] && [[ $state != *' '* ]]; then
	parts=$LOG/check-all-$state
	[ -z "${AGAIN:-}" ] || rm -rf "$parts"
else
	rm -rf "$parts"
fi
mkdir -p "$parts"
: >"$record"

# Each part of results/check-all.txt as a file, in a folder of its commit
unpack_record() { # FOLDER
	rm -rf "$1"
	mkdir -p "$1"
	[ -f "$TOP/results/check-all.txt" ] || return 0
	awk -v top="$1" '
		!body { body = !NF; next }
		{ part = part $0 "\n" }
		!/^# [a-z0-9.-]+: [0-9]+ s, / { next }
		/ [0-9a-f]+$/ {
			folder = top "/check-all-" $NF
			system("mkdir -p \"" folder "\"")
			file = folder "/" substr($2, 1, length($2) - 1)
			printf "%s", part >file
			close(file)
		}
		{ part = "" }' "$TOP/results/check-all.txt"
}

# The folders of the commits whose results count, the newest first
rooms=("$parts")
if [ -n "${SINCE:-}" ]; then
	[ "$mode" = all ] || die "SINCE= is for make check-all, the others run each part"
	git -C "$TOP" merge-base --is-ancestor "$SINCE" HEAD 2>/dev/null ||
		die "SINCE=$SINCE is no commit that HEAD is based on"
	unpack_record "$LOG/check-recorded"
	while read -r commit; do
		rooms+=("$LOG"{,/check-recorded}"/check-all-${commit:0:12}")
	done < <(git -C "$TOP" rev-list HEAD "^$SINCE"; git -C "$TOP" rev-parse "$SINCE^{commit}")
fi

# Where LABEL was run before, so that it counts
run_before() { # LABEL
	local room

	for room in "${rooms[@]}"; do
		[ -e "$room/$1" ] || continue
		[ "$room" = "$parts" ] || ! has '^not ok ' <"$room/$1" || continue
		echo "$room/$1"
		return
	done
}

# The kernel of a part; further parts find it built
build_kernel() { # CONFIG
	if CONFIG=$1 "$LAB/kernel.sh" 8>&-; then
		echo "ok build: $1"
	else
		echo "not ok build: $1"
	fi
}

# The unabridged say of a test is in its own output; here only what is wrong
run_part() { # LABEL CONFIG|- COMMAND...
	local label=$1 config=$2 part=$parts/$1 before begin=$SECONDS status=0
	shift 2

	before=$(run_before "$label")
	if [ -n "$only" ] && [[ " $only " != *" $label "* ]]; then
		if [ -n "$before" ]; then cat "$before" >>"$record"; else missing+=("$label"); fi
		return
	fi
	if [ -n "$before" ]; then
		say "check: $label was run before"
		tee -a "$results" "$record" <"$before"
		return
	fi
	rm -f "$part.new"
	if [ "$config" != - ] && [[ " $built " != *" $config "* ]]; then
		say "check: building $config"
		build_kernel "$config" | tee "$part.new"
		built="$built $config"
	fi
	say "check: $label"
	"$@" 2>"$LOG/check-$label.log" 8>&- | tee -a "$part.new" || status=$?
	if [ $status != 0 ] && ! has '^not ok ' <"$part.new"; then
		tail -n 5 "$LOG/check-$label.log" >&2
		echo "not ok $label: status $status ($LOG/check-$label.log)" | tee -a "$part.new"
	elif ! has -v ' build: ' <"$part.new"; then
		echo "not ok $label: no test ran" | tee -a "$part.new"
	fi
	echo "# $label: $((SECONDS - begin)) s, $(date -u '+%F %R'), $state" | tee -a "$part.new"
	mv "$part.new" "$part"
	tee -a "$results" "$record" <"$part" >/dev/null
}

count() { grep -cE "$1" "$2" || true; }

# N passed, N failed, N skipped
summary() { # RESULTS
	local skipped

	skipped=$(count '^ok .*# SKIP' "$1")
	echo "$(($(count '^ok ' "$1") - skipped)) passed, $(count '^not ok ' "$1") failed, $skipped skipped"
}

"$LAB/tree.sh"
start=$SECONDS
built=
if [ "$BASE" = 7.3 ]; then
	run_part static - "$LAB/tests/static.sh"
	run_part lab-check - "$LAB/tests/lab-check.sh"
	run_part lab-model - "$LAB/tests/lab-model.sh"
	run_part spin - "$LAB/tests/spin.sh"
	run_part uml uml "$LAB/tests/guests.sh" uml
	run_part base-6.12 - env BASE=6.12 "$LAB/tests/base.sh"
	if [ "$mode" != fast ]; then
		run_part lab-series uml "$LAB/tests/lab-series.sh"
		run_part lab-kernel uml "$LAB/tests/lab-kernel.sh"
		run_part lab-boot qemu "$LAB/tests/lab-boot.sh"
		run_part qemu qemu "$LAB/tests/guests.sh" qemu
		run_part qpw qemu "$LAB/tests/guests.sh" qpw
		run_part reports qemu "$LAB/tests/reports.sh" "$mode"
		run_part qpw-code qemu "$LAB/tests/qpw-code.sh"
		run_part torture qemu "$LAB/tests/torture.sh" qemu
		run_part qemu-debug qemu-debug "$LAB/tests/guests.sh" qemu-debug
	fi
	if [ "$mode" = all ]; then
		run_part uml-up uml-up "$LAB/tests/guests.sh" uml-up
		run_part uml-lockdep uml-lockdep "$LAB/tests/guests.sh" uml-lockdep
		run_part qemu-debug-long qemu-debug "$LAB/tests/guests.sh" qemu-debug-long
		run_part qemu-rt qemu-rt "$LAB/tests/guests.sh" qemu-rt
		run_part qemu-bench qemu-bench "$LAB/tests/guests.sh" qemu-bench
		run_part qemu-kcsan qemu-kcsan "$LAB/tests/guests.sh" qemu-kcsan
		run_part qemu-pin qemu-pin "$LAB/tests/guests.sh" qemu-pin
		run_part qemu-pin-test qemu-pin-test "$LAB/tests/guests.sh" qemu-pin-test
		run_part arm64 - "$LAB/tests/guests.sh" arm64
		run_part arm64-64k - "$LAB/tests/guests.sh" arm64-64k
		run_part base-6.12-guests - env BASE=6.12 "$LAB/tests/base.sh" guests
		run_part debian - "$LAB/tests/debian.sh"
		run_part outcome - "$LAB/tests/outcome.sh"
		run_part suites - "$LAB/tests/suites.sh"
		run_part matrix - "$LAB/tests/matrix.sh"
		run_part torture-debug qemu-debug "$LAB/tests/torture.sh" qemu-debug
		run_part torture-pin qemu-pin "$LAB/tests/torture.sh" qemu-pin
		run_part docs - "$LAB/tests/docs.sh"
		run_part bisect - "$LAB/bisect.sh"
	fi
else
	run_part "base-$BASE" - "$LAB/tests/base.sh"
	[ "$mode" = fast ] || run_part "base-$BASE-guests" - "$LAB/tests/base.sh" guests
fi
# A part that is only in make check-all
[ -s "$results" ] || die "PART=$only is no part of this check: use make check-all"
failed=$(count '^not ok ' "$results")
say "checked in $((SECONDS - start)) s"
[ "$failed" = 0 ] || { echo; echo 'failed:'; grep '^not ok ' "$results"; }
# Some parts alone would replace what is recorded of others
if [ "$mode" = all ] && [[ -z $only || -n ${SINCE:-} ]]; then
	"$LAB/record.sh" "$record" "$(summary "$record")" "$state" "${missing[*]}" || failed=1
fi
summary "$results"
[ "$failed" = 0 ]
