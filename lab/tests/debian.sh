#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Debian with the kernel of `make deb`, as its users have it: an isolated CPU by a partition
# and by the command line, and as a control without QPW; started by UEFI. Each test that a
# guest runs is a line here, and so is the verdict on each guest.

. "$(dirname "$0")/../common.sh"
# shellcheck source=../verdict.sh
. "$LAB/verdict.sh"

ISOLATED='isolcpus=domain,managed_irq,3 nohz_full=3 rcu_nocbs=3'
BOOT=$LAB/debian.sh	# for boot_judged
failed=0
unset KCONFIG

boot() { # LABEL NAME CMDLINE [QEMU_ARGS]
	boot_judged "$1" "$2" GUEST= CMDLINE="$3" QEMU_ARGS="${4:-}" || failed=1
	labelled_leaves "$1" "$2" | grep . || { echo "not ok $1: no test ran"; failed=1; }
}

if ! "$LAB/deb.sh"; then
	echo 'not ok debian: packages'
	exit 1
fi
echo 'ok debian: packages'
boot 'debian with a partition' debian-partition ''
boot 'debian with isolcpus=' debian-isolcpus "$ISOLATED ISOLATED=boot"
boot 'debian with qpw=0' debian-qpw0 "$ISOLATED ISOLATED=boot qpw=0 QPW=off"
boot 'debian by UEFI' debian-uefi 'FIRMWARE=UEFI' '-bios /usr/share/ovmf/OVMF.fd'
exit $failed
