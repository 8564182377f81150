#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's own tests of what the series touches give the same results as on the
# unpatched kernel: SLUB's KUnit suite, kselftests, and padata's other half by the
# self-tests of pcrypt. Both kernels are booted in turn, BOOTS times each (2); what fails on
# both is said to. Those of mm are some that need no library and little memory.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../module.sh
. "$LAB/module.sh"
# shellcheck source=../verdict.sh
. "$LAB/verdict.sh"

need bash-static

BOOTS=${BOOTS:-2}
collections=(cpu-hotplug memory-hotplug cgroup)
mm=(compaction_test folio_split_race_test guard-regions ksm_functional_tests madv_populate
	map_populate merge mlock2-tests mremap_test mrelease_test process_madv)
objects=$ROOM/qemu-suites
guest=$(mktemp -d)
on_exit "rm -rf '$guest'"

build_guest() {
	local tests=$TREE/tools/testing/selftests

	mkdir -p "$guest/mm" "$guest/bin" "$objects/mm"
	make -s -C "$TREE" O="$objects" ARCH=x86_64 headers
	install_kselftests "${collections[*]}" qemu-suites "$guest/kselftest"
	make -s -C "$tests/mm" OUTPUT="$objects/mm" CC='ccache gcc' USERLDFLAGS=-static \
		KHDR_INCLUDES="-isystem $objects/usr/include" "${mm[@]/#/$objects/mm/}"
	cp "${mm[@]/#/$objects/mm/}" "$guest/mm"
	cp "$(command -v bash-static)" "$guest/bin/bash"
	cp "$LAB"/guest/suites/* "$guest"
}

# "CASE TEST STATUS" for each test, and each test in it
results() { # CASE NAME
	sed -n "s/^result /$1 /p" "$LOG/$2.output"
	sed -nE "s/^([^ ]+): (not ok|ok) [0-9]+ -? ?/\1 \2 /p" "$LOG/$2.output" |
		awk -v kernel="$1" '
			{ status = $2 == "not" }
			/# SKIP/ { status = 4; sub(/ *# SKIP.*/, "") }
			{ name = $1; $1 = $2 = ""; if (status == 1) $3 = ""; gsub(/^ +/, ""); gsub(/ /, "_")
			  print kernel, name "/" $0, status }'
	ktap_leaves "$LOG/$2.console" /dev/null |
		sed -nE "s/^ok (slub_test[^ ]*).*/$1 \1 0/p; s/^not ok (slub_test[^ ]*).*/$1 \1 1/p"
}

boot() { # CASE SERIES
	local name=suites-$1

	SERIES=$2 OUT='' CONFIG=qemu-suites NAME=$name GUEST=$guest SMP=4 MEM=3G TIMEOUT=1500 \
		CMDLINE='kunit.filter_glob=slub_test movable_node brd.rd_size=262144' \
		"$LAB/boot.sh" >"$LOG/$name.boot" 2>&1 </dev/null ||
		warn "$(tail -n1 "$LOG/$name.boot")"
	results "$1" "$name"
}

# What passes unpatched must pass patched, and each guest come to its end
compare() {
	awk -v boots="$BOOTS" '
		{ seen[$2]; count[$1, $2]++; bad[$1, $2] += $3 != 0 && $3 != 4; ran[$2] += $3 != 4 }
		BEGIN { seen["end"] }
		END { for (test in seen) {
			u = bad["unpatched", test]; p = bad["patched", test]
			if (count["patched", test] != count["unpatched", test] ||
			    (test == "end" && count["patched", test] != boots))
				line = "not ok suites: " test ": ran " count["patched", test] + 0 \
					" times, unpatched " count["unpatched", test] + 0 ", of " boots
			else if (p && !u)
				line = "not ok suites: " test ": fails patched only"
			else
				line = "ok suites: " test (!ran[test] ? " # SKIP on both" : \
					p ? " # fails on both" : "")
			print line } }' | sort
}

for series in '' none; do
	SERIES=$series OUT='' CONFIG=qemu-suites "$LAB/kernel.sh" >&2
done
build_guest >&2
for _ in $(seq "$BOOTS"); do
	boot unpatched none
	boot patched ''
done | tee "$LOG/suites.results" | compare | tee "$LOG/suites.compared"
! has '^not ok ' <"$LOG/suites.compared"
