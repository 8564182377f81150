#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# reports.sh [full|all]: the cases of reports.md, which public bug reports describe. A line for
# each thing that has to be right on the patched kernel. With "all", the unpatched kernel is
# booted as well, and what reports.md calls wrong there has to be wrong, or the case tests
# nothing.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../module.sh
. "$LAB/module.sh"
# shellcheck source=../verdict.sh
. "$LAB/verdict.sh"

mode=${1:-}
HOG='numa=fake=2 isolcpus=domain,managed_irq,3 nohz_full=3 rcu_nocbs=3'
MANY='isolcpus=domain,managed_irq,2-7 nohz_full=2-7 rcu_nocbs=2-7'
NVME="-device nvme-subsys,id=s -device nvme,id=c,serial=lab,subsys=s
	-blockdev null-co,node-name=d1,size=16777216,read-zeroes=on
	-device nvme-ns,drive=d1,nsid=1,bus=c
	-blockdev null-co,node-name=d2,size=16777216,read-zeroes=on
	-device nvme-ns,drive=d2,nsid=2,bus=c"
failed=0
scratch=$(mktemp -d)
on_exit "rm -rf '$scratch'"

# Right unpatched, too, or not there: "CASE WHAT" of what the unpatched kernel shows no fault in
right_unpatched() {
	cat <<-END
		4 bio caches are destroyed with the namespaces
	END
}

build_guest() { # KERNEL
	local guest=$scratch/guest-${1//\//-}

	if [ ! -d "$guest" ]; then
		mkdir -p "$guest"
		build_module "$LAB/guest/reports" "$1" "$scratch/module-${1//\//-}"
		cp "$scratch/module-${1//\//-}/reports_caches.ko" "$guest"
		gcc -O2 -Wall -Wextra -static -o "$guest/reports" "$LAB/guest/reports/reports.c"
		gcc -O2 -Wall -Wextra -static -o "$guest/guest" "$LAB/guest/qpw/guest.c"
		[ "$1" != qemu ] || install_kselftests padata qemu "$guest/kselftest" >&2
		cp "$LAB/guest/reports/run" "$guest"
	fi
	echo "$guest"
}

log_of() { # LABEL
	echo "check-reports-${1//[ =,]/-}"
}

# unpatched kernels are in a folder of their own
boot() { # LABEL KERNEL SMP CMDLINE
	local kernel=$2 guest series=

	[[ $kernel != base/* ]] || series=none
	guest=$(build_guest "$kernel")
	boot_judged "reports $1" "$(log_of "$1")" GUEST="$guest" SERIES=$series \
		CONFIG="${kernel#base/}" SMP="$3" MEM=1G OUT='' CMDLINE="kunit.enable=0 $4" || failed=1
}

# found LABEL: "right|wrong CASE WHAT: FIGURES" of that guest
found() {
	grep -aE '^(right|wrong) ' "$LOG/$(log_of "$1").output" 2>/dev/null || true
}

wanted() { # NUMBER LABEL: so many things have to have been judged
	[ "$(found "$2" | wc -l)" = "$1" ] || {
		echo "not ok reports $2: $(found "$2" | wc -l) results, expected $1"
		failed=1
	}
}

judge_patched() { # LABEL
	found "$1" | sed "s/^right /ok reports $1: /; s/^wrong /not ok reports $1: /" |
		tee "$scratch/judged"
	! has '^not ok' <"$scratch/judged" || failed=1
}

judge_unpatched() { # LABEL
	local how what

	while read -r how what; do
		if right_unpatched | has -x "${what%%:*}"; then
			echo "$how" | sed "s/right/ok/; s/wrong/not ok/; s/\$/ reports $1: $what/"
		elif [ "$how" = wrong ]; then
			echo "ok reports $1, is wrong: $what"
		else
			echo "not ok reports $1: $what: the unpatched kernel passes, so the case shows nothing"
		fi
	done < <(found "$1") | tee "$scratch/judged"
	! has '^not ok' <"$scratch/judged" || failed=1
}

patched() { # THINGS LABEL KERNEL SMP CMDLINE
	boot "${@:2}"
	wanted "$1" "$2"
	judge_patched "$2"
}

unpatched() { # THINGS LABEL KERNEL SMP CMDLINE
	boot "${@:2}"
	wanted "$1" "$2"
	judge_unpatched "$2"
}

counted() { # LABEL KEY
	sed -nE "s/^count 5 (.* )?$2=([0-9]+).*/\2/p" "$LOG/$(log_of "$1").output"
}

# One CPU flushes for all: none of them has a work to do for that
compare_caches() {
	local works none=caches,\ qpw=0 all=caches,\ qpw=1

	works=$(counted "$all" works)
	if [ "$works" -eq 0 ] && [ "$(counted "$none" works)" -ge $((50 * 4 * 8)) ]; then
		echo "ok reports caches: $(counted "$none" works) work items with qpw=0, $works with qpw=1"
	else
		echo "not ok reports caches: '$(counted "$none" works)' work items with qpw=0, '$works' with qpw=1"
		failed=1
	fi
}

# nvme KIND LABEL KERNEL [PARAMETER]: no disk but the two namespaces
nvme() {
	QEMU_ARGS=${NVME//[$'\n\t']/ } "$1" 1 "nvme, $2" "$3" 4 \
		"CASES=4 brd.rd_nr=0 loop.max_loop=0 slab_nomerge ${4:-}"
}

mkdir -p "$LOG"
patched 8 hog qemu 4 "CASES=1,2,11 $HOG"
patched 3 memcg qemu 8 "CASES=3 $MANY"
for setting in 0 1; do
	nvme patched "qpw=$setting" qemu "qpw=$setting"
	patched 0 "caches, qpw=$setting" qemu 8 "CASES=5 qpw=$setting"
done
compare_caches
if [ "$mode" = all ]; then
	CONFIG=qemu SERIES=none "$LAB/kernel.sh"
	unpatched 5 'hog, unpatched' base/qemu 4 "CASES=1,2 $HOG"
	unpatched 3 'memcg, unpatched' base/qemu 8 "CASES=3 $MANY"
	nvme unpatched unpatched base/qemu
	unpatched 0 'caches, unpatched' base/qemu 8 CASES=5
fi
exit $failed
