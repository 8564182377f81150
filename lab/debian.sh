#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make boot-debian [GUEST=dir]: boot Debian with the kernel of `make deb`, and execute the
# executable /run of `dir` when the system is up (default: the lab's own tests of the
# system, lab/guest/debian). SMP=, MEM=, CMDLINE=, TIMEOUT=, NAME= are as for `make boot`.
#
# mmdebstrap makes the system from the mirror that this machine uses, of the same release:
# systemd, and tools for real-time tasks, tracing and memory. It is kept in build/debian, for
# the next kernel. dpkg installs the kernel's package in it.

. "$(dirname "$0")/common.sh"
. "$LAB/apt.sh"
. "$LAB/module.sh"

GUEST=${GUEST:-}
ROOMS=$BUILD/debian
SYSTEM=$ROOMS/system		# what is booted: vmlinuz, initrd.img, disk.img
IMAGE_SIZE=3G			# of which only what is used takes room

# systemd; what the kernel's package runs when it is installed; what the tests use
PACKAGES=systemd-sysv,udev,dbus,kmod,procps,iproute2,util-linux,e2fsprogs,initramfs-tools
PACKAGES+=,zstd,rt-tests,rtla,trace-cmd,stress-ng,numactl,tuned

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

check_tools() {
	need mmdebstrap mke2fs dpkg-deb qemu-system-x86_64 unshare
	[ "$(id -u)" = 0 ] || need sudo
	[ -z "$GUEST" ] || [ -x "$GUEST/run" ] || die "GUEST=$GUEST has no executable file 'run'"
	[ -n "$GUEST" ] || [ "${SMP:-4}" = 4 ] || die "SMP=$SMP: the lab's own tests use 4 CPUs"
	found=("$BUILD"/deb/linux-image-*.deb)
	package=${found[0]}
	[ -f "$package" ] || die "there is no package of the kernel in $BUILD/deb: run make deb"
}

# Was FILE made from what HOW names?
made_from() { # FILE HOW
	[ -e "$1" ] && [ "$(cat "$1.how" 2>/dev/null)" = "$2" ]
}

make_base() {
	local uri release sources=$ROOMS/sources.list log=$LOG/debian-base.log

	know_mirror
	base=$ROOMS/$release.tar
	! made_from "$base" "$PACKAGES" || return 0
	need_room 4000 "$ROOMS" 'a Debian system'
	say "installing Debian $release: ${PACKAGES//,/ }"
	source_line "$uri" "$release" >"$sources"
	rm -f "$base" "$base.how"
	as_root env TMPDIR="$ROOMS" mmdebstrap --variant=minbase --mode=root --format=tar --include="$PACKAGES" \
		"$release" "$base.new" "$sources" >"$log" 2>&1 ||
		die "mmdebstrap failed: $(grep -m1 '^E:' "$log" || tail -n1 "$log")"
	mv "$base.new" "$base"
	echo "$PACKAGES" >"$base.how"
}

# The root file system with the kernel in it, and what boot.sh gives to QEMU
make_system() {
	local root=$ROOMS/root log=$LOG/debian-system.log how

	how="$(basename "$base") $PACKAGES $(cat "$package" "$0" "$LAB/guest/debian/system/"* | sha1sum)"
	! made_from "$SYSTEM/disk.img" "$how" || return 0
	say "installing $(basename "$package")"
	as_root rm -rf "$root"
	rm -rf "$SYSTEM"
	mkdir -p "$root" "$SYSTEM"
	as_root tar -xf "$base" -C "$root"
	as_root cp "$package" "$root/kernel.deb"
	as_root cp "$LAB"/guest/debian/system/lab.service "$root/etc/systemd/system/"
	as_root cp "$LAB"/guest/debian/system/lab-start "$root/usr/local/sbin/"
	# shellcheck disable=SC2016 # its own variables
	as_root unshare -m sh -ec '
		mount --bind /dev "$1/dev"
		mount -t proc proc "$1/proc"
		exec chroot "$1" sh -ec "$2"' sh "$root" '
		echo guest >/etc/hostname
		echo "/dev/vda / ext4 errors=remount-ro 0 1" >/etc/fstab
		passwd -d root
		systemctl enable lab.service
		systemctl disable tuned.service
		dpkg -i /kernel.deb
		rm /kernel.deb' >"$log" 2>&1 ||
		die "the kernel's package could not be installed: $(tail -n1 "$log")"
	cp "$root"/boot/vmlinuz-* "$SYSTEM/vmlinuz"
	cp "$root"/boot/initrd.img-* "$SYSTEM/initrd.img"
	cp "$root"/boot/config-* "$SYSTEM/config"
	as_root mke2fs -q -t ext4 -d "$root" "$SYSTEM/disk.img" "$IMAGE_SIZE" >>"$log" 2>&1 ||
		die "no file system could be made: $(tail -n1 "$log")"
	as_root chown "$(id -u)" "$SYSTEM/disk.img"
	echo "$how" >"$SYSTEM/disk.img.how"
	as_root rm -rf "$root"
}

# What the lab's own tests need beside the system
make_guest() { # FOLDER
	cp -r "$LAB/guest/debian/run" "$1/"
	build_module "$LAB/guest/qpw" "$(cat "$BUILD/deb/built-in")" "$ROOM/debian/module"
	cp "$ROOM/debian/module/qpw_cache.ko" "$1/"
}

mkdir -p "$ROOMS" "$LOG"
check_tools
exec 6>"$ROOMS/.lock"
wait_for_lock 6 "another make boot-debian"
make_base
make_system
if [ -z "$GUEST" ]; then
	GUEST=$(mktemp -d)
	on_exit "rm -rf '$GUEST'"
	make_guest "$GUEST"
fi
say "booting Debian with $(basename "$package")"
SYSTEM=$SYSTEM GUEST=$GUEST NAME=${NAME:-debian} TIMEOUT=${TIMEOUT:-1200} "$LAB/boot.sh"
