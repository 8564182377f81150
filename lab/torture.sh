#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make torture: run everything that exercises what the series changes at the same time, in
# one guest, for TORTURE_S=300 seconds; then check that nothing was lost. What is done is
# in guest/torture/activities.sh, what must balance in accounts.sh beside it. SEED= repeats
# a run's random numbers, but not how its tasks interleave. With CONFIG=qemu-debug
# allocations fail as well, with CONFIG=qemu-pin iommufd pins memory.

. "$(dirname "$0")/common.sh"
. "$LAB/module.sh"

export CONFIG=${CONFIG:-qemu}
SOURCE=$LAB/guest/torture
TORTURE_S=${TORTURE_S:-300}
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
OBJECTS=$ROOM/torture/$CONFIG
GUEST=$OBJECTS/guest
NAME=${NAME:-torture-$CONFIG}

check_arguments() {
	[[ $CONFIG = qemu || $CONFIG = qemu-* ]] || die "CONFIG=$CONFIG: torture needs one for QEMU"
	[[ $TORTURE_S =~ ^[1-9][0-9]{0,5}$ ]] || die "TORTURE_S=$TORTURE_S is no number of seconds"
	[[ $SEED =~ ^(0|[1-9][0-9]{0,9})$ && $SEED -lt 2147483648 ]] ||
		die "SEED=$SEED is no number below 2147483648"
}

# A program with the libraries that it needs, where it looks for them
copy_program() { # PROGRAM
	local path

	path=$(command -v "$1")
	{ echo "$path"; ldd "$path" | grep -o '/[^ ]*'; } | while read -r path; do
		install -D "$path" "$GUEST/$path"
	done
}

# What pins memory needs a device
has_pins() { [[ $CONFIG = qemu-pin* ]]; }

build_pins() {
	install_pin_kselftests iommu "$CONFIG" "$OBJECTS/kselftest"
	cp "$OBJECTS/kselftest/iommu/iommufd_pin" "$LAB/guest/pin/bind.sh" "$GUEST/torture/"
}

build_guest() {
	rm -rf "$GUEST"
	mkdir -p "$GUEST/torture"
	build_module "$SOURCE/module" "$CONFIG" "$OBJECTS/module"
	install_kselftests qpw "$CONFIG" "$OBJECTS/kselftest"
	cp "$OBJECTS"/module/*.ko "$OBJECTS"/kselftest/qpw/{qpw_task,test_modules/qpw_trigger.ko} \
		"$SOURCE"/*.sh "$GUEST/torture/"
	gcc -O2 -Wall -Wextra -static -o "$GUEST/torture/count_pages" "$SOURCE/count_pages.c"
	cp "$SOURCE/run" "$GUEST/"
	copy_program stress-ng
	! has_pins || build_pins
}

# Nothing on the console but what the guest says: KTAP, without its comment signs
boot() {
	local parameters="kunit.enable=0 init_on_free=1 brd.rd_size=32768"

	parameters+=" rcupdate.rcu_cpu_stall_timeout=60 TORTURE_S=$TORTURE_S SEED=$SEED"
	if has_pins; then
		parameters+=" vfio.enable_unsafe_noiommu_mode=1"
		local -x QEMU_ARGS="-device edu ${QEMU_ARGS:-}"
	fi
	NAME=$NAME GUEST=$GUEST SMP=4 MEM=${MEM:-2G} TIMEOUT=$((TORTURE_S + 1800)) \
		CMDLINE=$parameters "$LAB/boot.sh" 2>"$LOG/$NAME.boot" |
		sed -unE 's/^# //p; /^((not )?ok |Bail out!)/p'
}

need gcc ldd make stress-ng
check_arguments
build_guest
say "torture: $CONFIG, $TORTURE_S s, SEED=$SEED"
boot || die "SEED=$SEED: $(cat "$LOG/$NAME.verdict" 2>/dev/null || tail -n1 "$LOG/$NAME.boot") ($LOG/$NAME.log)"
say "torture: all is there"
