#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Maps and unmaps of pinned memory through iommufd, unpatched and patched: instructions of a
# page by one thread (see icount.sh), and what two threads of user space gain that map a half
# each with ioctls of their own. The program is the one of the kselftests, iommufd_pin -b; it
# uses a device without an IOMMU, whose page table is software. The samples go to
# build/log/bench-pinning.lines, one a line; pinning/summary.jq makes results/pinning.json of
# them, and pinning/table.jq a table of what was reached.
#
# Behind an emulated IOMMU of Intel the same with the ioctls of VFIO's type 1, by its own driver
# and by iommufd, which is compatible.
#
# Instructions of the first round are kept apart: the first unpin of a page also marks it
# dirty. Times are emulated; what counts is the ratio of neighbours in the same guest.
#
# RUNS= is how many samples of times are taken, MIB= how much memory of each kind they are for.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../measure.sh
. "$LAB/measure.sh"

TURNS=3
RUNS=$(((${RUNS:-6} + TURNS - 1) / TURNS))
MIB=${MIB:-512}
COUNTED=512	# MiB whose instructions are counted
CONTAINED=128	# of them behind an IOMMU
part_files pinning
export CONFIG=qemu-pin

build() {
	local source=$TREE/tools/testing/selftests

	say "bench pinning: building"
	"$LAB/kernel.sh"
	SERIES=none "$LAB/kernel.sh"
	make -s -C "$TREE" O="$ROOM/qemu-pin" ARCH=x86_64 headers
	mkdir -p "$OBJECTS/guest/kselftest/iommu"
	gcc -O2 -Wall -static -pthread -I "$source" -I "$ROOM/qemu-pin/usr/include" \
		-o "$OBJECTS/guest/kselftest/iommu/iommufd_pin" "$source/iommu/iommufd_pin.c"
	cp "$LAB"/guest/pin/{run,bind.sh} "$OBJECTS/guest/"
}

# Lines of the program: "bench KIND; PAGES pages in N runs; round R; threads T; map X; unmap Y"
boot_bench() { # KERNEL WHAT CPUS MIB ROUNDS [arguments of QEMU] [of the program] [of the kernel]
	local name=bench-pinning-$2-$1 series=

	[ "$1" = patched ] || series=none
	say "bench pinning: $2, $1"
	SERIES=$series NAME=$name GUEST=$OBJECTS/guest SMP=$3 MEM=$(($4 * 3 + 1024))M \
		QEMU_ARGS="-device edu ${6:-}" TIMEOUT=1800 \
		CMDLINE="kunit.autorun=0 vfio.enable_unsafe_noiommu_mode=1 hugepages=$(($4 / 2)) ARGS=-b,-m,$4,-r,$5${7:-} ${8:-}" \
		"$LAB/boot.sh" >"$LOG/$name.boot" 2>&1 ||
		die "the guest '$name' failed: $(tail -n1 "$LOG/$name.boot")"
	sed -n "s/^bench /$1; $2; /p" "$LOG/$name.output" >>"$lines"
}

# Behind an emulated IOMMU: what users of VFIO's type 1 gain if they open /dev/iommu instead
count_containers() { # KERNEL
	local kernel=$1 options='-machine q35 -device intel-iommu -icount shift=0,sleep=off'
	local parameters='intel_iommu=on vfio_iommu_type1.allow_unsafe_interrupts=1 iommufd.allow_unsafe_interrupts=1'
	local -x ACCEL=tcg,thread=single

	boot_bench "$kernel" type1 1 $CONTAINED 2 "$options" ,-c,/dev/vfio/vfio "$parameters"
	boot_bench "$kernel" compatible 1 $CONTAINED 2 "$options" ,-c,/dev/iommu "$parameters"
}

run_all() {
	local kernel turn

	for kernel in unpatched patched; do
		ACCEL=tcg,thread=single boot_bench $kernel instructions 1 $COUNTED 2 '-icount shift=0,sleep=off'
		count_containers $kernel
	done
	for ((turn = 0; turn < TURNS; turn++)); do
		for kernel in unpatched patched; do boot_bench $kernel times 2 "$MIB" "$RUNS"; done
	done
}

draw() {
	jq -r '.instructions[] | [.name, .unpatched.map, .patched.map, .unpatched.unmap, .patched.unmap] | @tsv' \
		"$results" >"$LOG/bench-pinning.dat"
	gnuplot <<-END
		set terminal svg size 900,420 font "sans-serif,13" background "white" noenhanced
		set output "$TOP/results/pinning.svg"
		set multiplot layout 1,2 title "Instructions of a page of 4 KiB, one thread"
		set datafile separator "\t"
		set style data histograms
		set style fill solid 0.6
		set grid ytics
		set yrange [0:*]
		set xtics rotate by -35
		set key top right
		f = "$LOG/bench-pinning.dat"
		set title "map"
		plot f using 2:xtic(1) lc rgb "#888a85" title "unpatched", f using 3 lc rgb "#3465a4" title "patched"
		set title "unmap"
		plot f using 4:xtic(1) lc rgb "#888a85" title "unpatched", f using 5 lc rgb "#3465a4" title "patched"
	END
}

bench_part --arg mib "$MIB"
