#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# suites.sh [RESULTS]: the kernel's own tests of what the series touches give the same results
# as on the unpatched kernel: SLUB's KUnit suite, kselftests, and padata's other half by the
# self-tests of pcrypt. Both kernels are booted in turn, BOOTS times each (2), and as often
# with two nodes, and with 8 CPUs, for the tests that need them. Of the mm kselftests, only
# those run for which a small guest has enough time and memory. With RESULTS, which such a run
# has left in build/log/suites.results, nothing is booted: they are only compared.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../module.sh
. "$LAB/module.sh"
# shellcheck source=../verdict.sh
. "$LAB/verdict.sh"

BOOTS=${BOOTS:-2}
MACHINES=(plain nodes cpus)
objects=$ROOM/qemu-suites
guest=$(mktemp -d)
on_exit "rm -rf '$guest'"

build_guest() {
	mkdir "$guest/bin"
	make -s -C "$TREE" O="$objects" ARCH=x86_64 headers
	install_kselftests 'cpu-hotplug memory-hotplug cgroup mm' qemu-suites \
		"$guest/kselftest" TEST_GEN_MODS_DIR=	# a module would be built in the tree itself
	cp "$(command -v bash-static)" "$guest/bin/bash"
	cp "$LAB"/guest/suites/* "$guest"
}

# "CASE TEST STATUS" for each program, and each test in it: PROGRAM/TEST. Where a program gave
# up that is a failing test, too. But of test_stress.sh, which repeats another for as long as
# it takes, only how it ended
results() { # CASE NAME
	sed -n "s/^result /$1 /p" "$LOG/$2.output"
	sed -nE "s/^([^ ]+): (not ok|ok) [0-9]+ -? ?/\1 \2 /p
		s/^([^ ]+): Bail out!.*/\1 not Bail out/p" "$LOG/$2.output" |
		awk -v kernel="$1" '
			$1 == "cgroup:test_stress.sh" { next }
			{ status = $2 == "not" }
			/# SKIP/ { status = 4; sub(/ *# SKIP/, "") }
			$3 == "ok" { $3 = "" }
			{ name = $1; $1 = $2 = ""; gsub(/^ +/, ""); gsub(/ /, "_")
			  print kernel, name "/" $0, status }'
	ktap_leaves "$LOG/$2.console" /dev/null |
		sed -nE "s/^ok (slub_test[^ ]*).*/$1 \1 0/p; s/^not ok (slub_test[^ ]*).*/$1 \1 1/p"
}

boot() { # CASE SERIES MACHINE
	local name=suites-$1-$3 smp=4 nodes=1 only=

	case $3 in
	nodes) nodes=2 ;;
	cpus) smp=8 only=ONLY=cpusets ;;
	esac
	SERIES=$2 OUT='' CONFIG=qemu-suites NAME=$name GUEST=$guest SMP=$smp MEM=3G TIMEOUT=1800 \
		CMDLINE="kunit.filter_glob=slub_test numa=fake=$nodes brd.rd_size=262144 $only" \
		"$LAB/boot.sh" >"$LOG/$name.boot" 2>&1 </dev/null ||
		warn "$(tail -n1 "$LOG/$name.boot")"
	results "$1" "$name"
}

# Each test runs as often on both, but where its program gave up. What fails patched has a
# reason that is known, its own or its program's, and fails unpatched too or passes at times;
# each guest comes to its end. Programs fail with the tests in them. process_mrelease names
# its test by the size at which it found its child alive.
compare() {
	awk -v boots="$BOOTS" -v machines=${#MACHINES[@]} '
		FNR == NR { reason[$1] = $0; sub(/^[^ ]* +/, "", reason[$1]); next }
		{ sub(/_with_[0-9]+MB_of_memory_/, "_with_any_memory_") }
		{
			seen[$2]; count[$1, $2]++; ran[$2] += $3 != 4
			program[$2] = $2; sub(/\/.*/, "", program[$2])
			if ($2 ~ /\/Bail_out$/) gave_up[program[$2]]
		}
		$3 != 0 && $3 != 4 {
			bad[$1, $2]++
			if (program[$2] != $2) within[program[$2]]
		}
		function judge(test, u, p,   fails, why) {
			if (!(test != program[test] && program[test] in gave_up) &&
			    (count["patched", test] != count["unpatched", test] ||
			     (test == "end" && count["patched", test] != machines * boots)))
				return "not ok suites: " test ": ran " count["patched", test] + 0 \
					" times patched, " count["unpatched", test] + 0 " unpatched"
			if (!ran[test])
				return "ok suites: " test " # SKIP on both"
			if (!u && !p || test in within)
				return "ok suites: " test
			fails = "fails " p + 0 " times patched, " u + 0 " unpatched"
			why = test in reason ? test : program[test]
			if (p && !(why in reason))
				return "not ok suites: " test ": " fails ", without a reason in " known
			if (p && p >= count["patched", program[test]] && !u)
				return "not ok suites: " test ": " fails
			return "ok suites: " test " # " fails (why in reason ? ": " reason[why] : "")
		}
		BEGIN { seen["end"]; program["end"] = "end"; known = ARGV[1]; sub(/.*\//, "", known) }
		END { for (test in seen) print judge(test, bad["unpatched", test], bad["patched", test]) }
	' "$LAB/tests/suites.failing" - | sort
}

run() {
	local series machine

	need bash-static
	for series in '' none; do
		SERIES=$series OUT='' CONFIG=qemu-suites "$LAB/kernel.sh" >&2
	done
	build_guest >&2
	for _ in $(seq "$BOOTS"); do
		for machine in "${MACHINES[@]}"; do
			boot unpatched none "$machine"
			boot patched '' "$machine"
		done
	done | tee "$LOG/suites.results"
}

mkdir -p "$LOG"
if [ $# = 1 ]; then cat "$1"; else run; fi | compare | tee "$LOG/suites.compared"
! has '^not ok ' <"$LOG/suites.compared"
