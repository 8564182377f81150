#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# busybox.sh ARCHITECTURE: fetch Debian's static busybox for another architecture than the
# machine's, and print its path.

. "$(dirname "$0")/common.sh"
# shellcheck source=apt.sh
. "$LAB/apt.sh"

arch=$1
busybox=$BUILD/guest/busybox-$arch
APT=$APT/$arch

fetch() {
	# shellcheck disable=SC2119 # no other suites
	set_up_apt
	apt_options+=(-o "APT::Architecture=$arch" -o "APT::Architectures=$arch")
	say "fetching busybox-static for $arch"
	update_apt
	(cd "$tmp" && apt_private download busybox-static >&2) ||
		die "no busybox-static for $arch available (apt says: $(apt_complaint))"
}

# In /bin of older releases, in /usr/bin of newer ones
unpack() {
	dpkg-deb --fsys-tarfile "$tmp"/*.deb | tar -xf - -C "$tmp" --wildcards '*/bin/busybox' ||
		die "cannot unpack $(basename "$tmp"/*.deb)"
	find "$tmp" -name busybox -type f -exec mv {} "$busybox" \;
}

if [ ! -x "$busybox" ]; then
	need apt-get dpkg-deb tar
	mkdir -p "$(dirname "$busybox")"
	tmp=$(mktemp -d "$busybox.XXXXXX")
	on_exit "rm -rf '$tmp'"
	fetch
	unpack
fi
echo "$busybox"
