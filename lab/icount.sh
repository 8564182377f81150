# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Counting instructions: kernels with QPW and without, emulated so that the time stamp
# counter is the number of instructions executed by all CPUs. The counts are exact, repeat,
# and do not depend on what else the host does. Memory controllers are off in the guests,
# because the modules add folios to the LRU that belong to no group; MEMCG=on
# leaves them on.

# The object folder of each, in build/BASE
icount_folder() { # KERNEL
	case $1 in
	unpatched) echo base/qemu-bench ;;
	n) echo qemu-bench-noqpw ;;
	patched) echo qemu-bench ;;
	esac
}

icount_build() {
	CONFIG=qemu-bench "$LAB/kernel.sh"
	CONFIG=qemu-bench SERIES=none "$LAB/kernel.sh"
	CONFIG=qemu-bench-noqpw "$LAB/kernel.sh"
}

# One thread for all CPUs, and a nanosecond for each instruction. CPUs that wait for
# something wait for no real time to pass (sleep=off).
icount_boot() { # NAME KERNEL GUEST CPUS [boot parameters]
	local off=cgroup_disable=memory

	[ "${MEMCG:-}" != on ] || off=
	CONFIG=qemu-bench OUT=$ROOM/$(icount_folder "$2") GUEST=$3 NAME=$1 SMP=$4 MEM=1G \
		ACCEL=tcg,thread=single QEMU_ARGS='-icount shift=0,sleep=off' \
		CMDLINE="kunit.enable=0 $off ${5:-}" TIMEOUT=600 \
		"$LAB/boot.sh" >"$LOG/$1.boot" 2>&1 ||
		die "the guest '$1' failed: $(tail -n1 "$LOG/$1.boot")"
}
