# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Where this machine gets its Debian packages from.

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

# A line for sources.list, with Debian's keys where they are installed
source_line() { # URI SUITE
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg

	[ -f "$keyring" ] || keyring=
	echo "deb ${keyring:+[signed-by=$keyring]} $1 $2 main"
}
