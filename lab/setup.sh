#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# setup.sh [FOR...]: install the Debian packages in lab/packages that are missing, and those in
# each lab/packages-FOR: what `make deb` needs, say, or `make check-all`, which needs all.

. "$(dirname "$0")/common.sh"

lists=("$LAB/packages" "${@/#/$LAB/packages-}")
[ "${1:-}" != all ] || lists=("$LAB"/packages*)

listed() { sed 's/#.*//' "${lists[@]}" | awk 'NF { print $1 }'; }

missing() {
	local package

	while read -r package; do
		dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null |
			has 'ok installed' || echo "$package"
	done < <(listed)
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "not root, and no sudo: as root, run: apt-get install ${packages[*]}"
	fi
}

install_packages() {
	as_root apt-get -q update ||
		warn "apt-get update failed; going on with the lists there are"
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -qy install --no-install-recommends "$@" ||
		die "could not install: $*"
}

if ! command -v apt-get >/dev/null; then
	warn "no apt-get here: install what stands for these yourself: $(listed | xargs)"
	exit 0
fi
mapfile -t packages < <(missing)
[ ${#packages[@]} -gt 0 ] || exit 0
say "installing ${#packages[@]} packages: ${packages[*]}"
install_packages "${packages[@]}"
