# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Building the lab's own kernel modules.

# Build the module in SOURCE for a kernel in build/BASE, which has its source beside it,
# into the folder OBJECTS
build_module() { # SOURCE KERNEL OBJECTS
	local kernel=$ROOM/$2 arch=x86_64 log

	[[ $(basename "$kernel") != uml* ]] || arch=um
	log=$(realpath -m --relative-to="$ROOM" "$3")
	log=$LOG/build-${log//\//-}.log
	mkdir -p "$3" "$LOG"
	CCACHE_BASEDIR=$BUILD make -s -C "$(dirname "$kernel")/linux" O="$kernel" ARCH=$arch \
		CC='ccache gcc' M="$1" MO="$3" >"$log" 2>&1 ||
		die "building the module failed; see $log"
}
