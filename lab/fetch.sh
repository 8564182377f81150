#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Fetch the source package of BASE into build/dl and print its path and version.
# shellcheck disable=SC2153 # VERSION and the like come from lab/bases

. "$(dirname "$0")/common.sh"
. "$LAB/bases/$BASE"
# shellcheck source=apt.sh
. "$LAB/apt.sh"

# Versions of the package that the mirror has, newest first
versions() {
	apt-cache "${apt_options[@]}" madison "$PACKAGE" |
		awk -F'|' '{ gsub(/ /, "", $2); print $2 }' | sort -urV
}

# The recorded version, or, said aloud, the newest of the same release
choose_version() {
	local have

	have=$(versions)
	[ -n "$have" ] ||
		die "no $PACKAGE available (apt says: $(apt_complaint)); use LINUX=path"
	if grep -qxF "$VERSION" <<<"$have"; then
		echo "$VERSION"
	else
		warn "$PACKAGE $VERSION is gone from the mirror; taking $(head -n1 <<<"$have")"
		head -n1 <<<"$have"
	fi
}

verify() { # DEB VERSION
	[ "$2" != "$VERSION" ] || echo "$SHA256  $1" | sha256sum --quiet -c - >/dev/null 2>&1
}

download() { # VERSION
	local tmp

	tmp=$(mktemp -d "$DL/fetch.XXXXXX")
	on_exit "rm -rf '$tmp'"
	(cd "$tmp" && apt_private download "$PACKAGE=$1" >&2) ||
		die "could not download $PACKAGE $1"
	verify "$tmp"/*.deb "$1" ||
		die "$PACKAGE $1 is not what lab/bases/$BASE recorded: its sha256 differs"
	mv "$tmp"/*.deb "$DL/$PACKAGE-$1.deb"
}

fetch() {
	local version

	# shellcheck disable=SC2086 # a list
	set_up_apt $SUITES
	say "looking for $PACKAGE"
	update_apt
	version=$(choose_version)
	if [ "$version" = "$VERSION" ] || [ ! -f "$DL/$PACKAGE-$version.deb" ]; then
		download "$version"
	fi
	echo "$DL/$PACKAGE-$version.deb $version"
}

recorded=$DL/$PACKAGE-$VERSION.deb
if [ -f "$recorded" ] && verify "$recorded" "$VERSION"; then
	echo "$recorded $VERSION"
	exit
fi
need apt-get apt-cache sha256sum
need_room 400 "$BUILD" "fetching $PACKAGE"
fetch
