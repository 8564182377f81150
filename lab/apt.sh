# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Packages from the Debian mirror that the machine is configured for, verified with Debian's
# keys. Package lists and state are the lab's own, so that the system's stay as they are.

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

# Sets uri and release
know_mirror() {
	read -r uri release < <(mirror) ||
		die "apt knows no Debian mirror (run apt-get update, or look at its sources)"
}

apt_private() { apt-get "${apt_options[@]}" "$@"; }

# A line for sources.list, with Debian's keys where they are installed
source_line() { # URI SUITE
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg

	[ -f "$keyring" ] || keyring=
	echo "deb ${keyring:+[signed-by=$keyring]} $1 $2 main"
}

# Packages of the machine's own release, its backports, and other suites
set_up_apt() { # [SUITE...]
	local uri release suite

	know_mirror
	mkdir -p "$APT"/{state/lists/partial,cache/archives/partial} "$DL"
	for suite in "$release" "$release-backports" "$@"; do
		source_line "$uri" "$suite"
	done | sort -u >"$APT/sources.list"
	apt_options=(-o "Dir::Etc::sourcelist=$APT/sources.list"
		-o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State=$APT/state" -o Dir::State::status=/dev/null
		-o "Dir::Cache=$APT/cache" -o APT::Sandbox::User= -q)
}

# A suite that the mirror lacks is no error as long as another has the package
update_apt() {
	apt_private update >"$APT/update.log" 2>&1 || true
}

apt_complaint() { grep -m1 '^[EW]:' "$APT/update.log" || echo nothing; }
