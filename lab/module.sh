# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Building kernel modules: the lab's own, and with the kselftests those that they use.

# Build the module in SOURCE for a kernel in build/BASE, which has its source beside it,
# into the folder OBJECTS
build_module() { # SOURCE KERNEL OBJECTS
	local kernel=$ROOM/$2 arch cross log

	know_arch "$(basename "$kernel")"
	log=$(realpath -m --relative-to="$ROOM" "$3")
	log=$LOG/build-${log//\//-}.log
	mkdir -p "$3" "$LOG"
	CCACHE_BASEDIR=$BUILD make -s -C "$(dirname "$kernel")/linux" O="$kernel" \
		ARCH="$arch" CROSS_COMPILE="$cross" CC="ccache ${cross}gcc" M="$1" MO="$3" \
		>"$log" 2>&1 ||
		die "building the module failed; see $log"
}

# Install kselftests of the series' tree, linked statically, as `make kselftest-install`
# would, for a kernel in build/BASE
install_kselftests() { # COLLECTIONS CONFIG FOLDER [VARIABLE=VALUE...]
	local arch cross log=$LOG/kselftest-install.log

	know_arch "$2"
	mkdir -p "$LOG"
	make -s -C "$TREE/tools/testing/selftests" O="$ROOM/$2" KDIR="$ROOM/$2" \
		${cross:+ARCH="$arch" CROSS_COMPILE="$cross"} CC="ccache ${cross}gcc" \
		TARGETS="$1" USERLDFLAGS=-static INSTALL_PATH="$3" "${@:4}" install \
		>"$log" 2>&1 ||
		die "cannot install the kselftests: $(tail -n1 "$log")"
}

# Those of iommufd and VFIO need the kernel's headers for user space
install_pin_kselftests() { # COLLECTIONS CONFIG FOLDER
	make -s -C "$TREE" O="$ROOM/$2" ARCH=x86_64 headers
	install_kselftests "$@"
}
