# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# bind_edu: bind the edu device of QEMU (-device edu) to vfio-pci, and name it in
# $VFIO_SELFTESTS_BDF. Without an IOMMU vfio-pci needs vfio.enable_unsafe_noiommu_mode=1.

bind_edu() {
	for device in /sys/bus/pci/devices/*; do
		[ "$(cat "$device/vendor"):$(cat "$device/device")" = 0x1234:0x11e8 ] || continue
		echo vfio-pci >"$device/driver_override"
		VFIO_SELFTESTS_BDF=$(basename "$device")
		export VFIO_SELFTESTS_BDF
		echo "$VFIO_SELFTESTS_BDF" >/sys/bus/pci/drivers_probe
	done
}
