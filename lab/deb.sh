#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make deb [KCONFIG=file]: build/deb has packages of the patched kernel and of its headers
# then, made by the kernel's own bindeb-pkg. The kernel's name ends with -padata-qpw, so
# that the packages install beside those of the distribution; linux-libc-dev would replace
# the distribution's, and is thrown away.

. "$(dirname "$0")/common.sh"
. "$LAB/series.sh"

need dpkg-buildpackage dh_builddeb git
know_base
PACKAGES=$BUILD/deb
export CONFIG=deb OUT=$ROOM/deb
if [ -n "${KCONFIG:-}" ]; then
	! grep -qs '^CONFIG_DEBUG_INFO=y' "$KCONFIG" || LAB_ROOM=30000
	KCONFIG=$(realpath -m "$KCONFIG")
	export KCONFIG CONFIG=own OUT=$ROOM/deb-own
fi
export LOCALVERSION=	# set but empty: no plus sign behind the version
export DEB_BUILD_PROFILES=pkg.linux-upstream.nokerneldbg

# Newer packages of the lab upgrade older ones
revision=$(git -C "$TOP" rev-list --count HEAD 2>/dev/null) ||
	die "make deb needs a git clone of the project: the number of its commits is the packages' version"
[ "$(git -C "$TOP" rev-parse --is-shallow-repository)" = false ] ||
	die "this clone is shallow, which makes the packages look old: git fetch --unshallow"

pack() {
	local version

	version=$(make -s -C "$TREE" kernelversion)-$revision
	rm -f "$ROOM"/linux-*.deb
	FLAGS="KBUILD_BUILD_VERSION=$revision KDEB_PKGVERSION=$version KDEB_CHANGELOG_DIST=unstable" \
		TARGETS=bindeb-pkg "$LAB/kernel.sh"
	rm -f "$ROOM"/linux-libc-dev_*.deb "$ROOM"/linux-upstream_*.{buildinfo,changes}
	rm -f "$PACKAGES"/linux-*.deb
	mv "$ROOM"/linux-{image,headers}-*.deb "$PACKAGES/"
	realpath --relative-to="$ROOM" "$OUT" >"$PACKAGES/built-in"
}

show_packages() {
	local file

	for file in "$PACKAGES"/linux-*.deb; do
		say "$(du -m "$file" | cut -f1) MiB  ${file#"$TOP/"}, $(dpkg-deb -f "$file" Installed-Size | awk '{ printf "%d MiB", $1 / 1024 }') installed"
	done
	say "to install them: sudo dpkg -i ${PACKAGES#"$TOP/"}/linux-image-*.deb (see INSTALL.md)"
}

mkdir -p "$PACKAGES"
exec 6>"$PACKAGES/.lock"
wait_for_lock 6 "another make deb"
need_room "$LAB_ROOM" "$ROOM" 'building the packages'
FLAGS="KBUILD_BUILD_VERSION=$revision" "$LAB/kernel.sh"
say 'packing'
pack
show_packages
