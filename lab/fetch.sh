#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Fetch the source package of BASE into build/dl and print its path and version.
#
# It uses the Debian mirror that the machine is configured for, and Debian's keys, but
# package lists and state of its own, so that the system's stay as they are.
# shellcheck disable=SC2153 # VERSION and the like come from lab/bases

. "$(dirname "$0")/common.sh"
. "$LAB/bases/$BASE"

DL=$BUILD/dl
APT=$BUILD/apt
apt_options=()

# The address that this machine fetches its own release from
mirror() {
	local codename

	codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	# shellcheck disable=SC2016 # apt's variables, not ours
	apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)' \
		'Identifier: Packages' 2>/dev/null |
		awk -v codename="$codename" '
			$3 != "main" { next }
			$2 == codename { print $1, $2; found = 1; exit }
			!any && $1 ~ /debian\/?$/ { any = $1 " " $2 }
			END { if (!found && any) print any }'
}

apt_private() { apt-get "${apt_options[@]}" "$@"; }

set_up_apt() {
	local uri release suite keyring=/usr/share/keyrings/debian-archive-keyring.gpg

	[ -f "$keyring" ] || keyring=
	read -r uri release < <(mirror) ||
		die "apt knows no Debian mirror (run apt-get update, or look at its sources); else use LINUX=path"
	mkdir -p "$APT"/{state/lists/partial,cache/archives/partial} "$DL"
	for suite in "$release" "$release-backports" $SUITES; do
		echo "deb ${keyring:+[signed-by=$keyring]} $uri $suite main"
	done | sort -u >"$APT/sources.list"
	apt_options=(-o "Dir::Etc::sourcelist=$APT/sources.list"
		-o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State=$APT/state" -o Dir::State::status=/dev/null
		-o "Dir::Cache=$APT/cache" -o APT::Sandbox::User= -q)
}

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
		die "no $PACKAGE available (apt says: $(grep -m1 '^[EW]:' "$APT/update.log" || echo nothing)); use LINUX=path"
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

	set_up_apt
	say "looking for $PACKAGE"
	# a suite that the mirror lacks is no error as long as another has it
	apt_private update >"$APT/update.log" 2>&1 || true
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
