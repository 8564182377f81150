#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# How `make kernel`, `make setup` and fetching handle bad input, on a copy of the project that
# uses the real kernel tree.

. "$(dirname "$0")/harness.sh"
# shellcheck source=../common.sh
. "$TESTS_TOP/lab/common.sh"

make_copy() {
	mkdir "$T/p"
	cp -r "$TESTS_TOP"/{lab,patches,Makefile} "$T/p/"
}

# The real tree, and an object folder of this test's own
kernel() {
	env BUILD="$BUILD" SRC="$TREE" OUT="$T/out" "$@" "$T/p/lab/kernel.sh"
}

test_unknown_configuration() {
	make_copy
	refuses 'CONFIG=vax is no configuration; known: .*qemu.*uml' kernel CONFIG=vax
	refuses 'CONFIG=uml-vax is no configuration' kernel CONFIG=uml-vax
	refuses "SERIES=some: only 'none'" kernel CONFIG=uml SERIES=some
}

# An option that depends on what is off, and one that there is not; then it works
test_option_that_does_not_stick_is_named() {
	local option

	make_copy
	for option in CONFIG_NUMA CONFIG_PADTA; do
		echo "$option=y" >"$T/p/lab/configs/uml-odd.config"
		kernel CONFIG=uml-odd >"$T/said" 2>&1 && return 1
		grep -q "warning: $option=y did not stick" "$T/said"
		grep -q '^lab: error: .* did not stick' "$T/said"
	done
	echo '# nothing odd' >"$T/p/lab/configs/uml-odd.config"
	kernel CONFIG=uml-odd TARGETS=prepare
}

# The fragment of the base has the last word
test_fragment_of_the_base() {
	make_copy
	mkdir -p "$T/p/lab/configs/$BASE"
	echo 'CONFIG_NUMA=y' >"$T/p/lab/configs/uml-odd.config"
	echo 'CONFIG_NUMA=n' >"$T/p/lab/configs/$BASE/uml-odd.config"
	kernel CONFIG=uml-odd TARGETS=prepare
}

# A configuration of the user's own, which must be one and have what the series needs
test_bad_own_configuration() {
	make_copy
	refuses 'CONFIG=own needs KCONFIG=' kernel CONFIG=own KCONFIG=
	refuses 'KCONFIG=/nowhere is no file' kernel CONFIG=own KCONFIG=/nowhere
	refuses 'KCONFIG=/etc/passwd is no configuration of a kernel' \
		kernel CONFIG=own KCONFIG=/etc/passwd
	echo CONFIG_ARM64=y >"$T/arm64"
	refuses 'KCONFIG=.*/arm64 is of another architecture' kernel CONFIG=own KCONFIG="$T/arm64"
	printf '# CONFIG_%s is not set\n' SMP MODULES >"$T/up"
	refuses 'lacks what the series needs: CONFIG_SMP=y CONFIG_MODULES=y CONFIG_CPU_ISOLATION=y CONFIG_DEFERRED_STRUCT_PAGE_INIT=y$' \
		kernel CONFIG=own KCONFIG="$T/up"
}

# A distribution's keys are not here; everything else is taken as it is, but for QPW
test_own_configuration() {
	make_copy
	cat >"$T/own" <<-'END'
		CONFIG_SMP=y
		CONFIG_MODULES=y
		CONFIG_NUMA=y
		CONFIG_DEFERRED_STRUCT_PAGE_INIT=y
		CONFIG_CRYPTO=y
		CONFIG_KEYS=y
		CONFIG_ASYMMETRIC_KEY_TYPE=y
		CONFIG_ASYMMETRIC_PUBLIC_KEY_SUBTYPE=y
		CONFIG_X509_CERTIFICATE_PARSER=y
		CONFIG_SYSTEM_TRUSTED_KEYRING=y
		CONFIG_SYSTEM_TRUSTED_KEYS="debian/certs/none.pem"
		CONFIG_HZ_100=y
		# CONFIG_QPW is not set
	END
	kernel CONFIG=own LOCALVERSION= KCONFIG="$T/own" TARGETS=prepare >"$T/said" 2>&1 || { cat "$T/said"; return 1; }
	grep -q 'CONFIG_SYSTEM_TRUSTED_KEYS is left empty: there is no debian/certs/none.pem' "$T/said"
	grep -qx 'CONFIG_SYSTEM_TRUSTED_KEYS=""' "$T/out/.config"
	grep -qx 'CONFIG_HZ_100=y' "$T/out/.config"
	grep -qx 'CONFIG_QPW=y' "$T/out/.config"
	same -padata-qpw "$(sed 's/^[0-9.]*//' "$T/out/include/config/kernel.release")"
}

# Without root and sudo it says what to do
test_setup_without_root_says_what_to_run() {
	make_copy
	echo 'no-such-package-of-the-lab' >"$T/p/lab/packages"
	mkdir "$T/bin"
	printf '#!/bin/sh\necho 1000\n' >"$T/bin/id"
	chmod +x "$T/bin/id"
	ln -s /usr/bin/* "$T/bin/" 2>/dev/null || true
	rm -f "$T/bin/sudo"
	refuses 'not root, and no sudo: as root, run: apt-get install no-such-package-of-the-lab' env PATH="$T/bin" "$T/p/lab/setup.sh"
}

# An apt-get that reaches nobody
test_no_network() {
	make_copy
	mkdir "$T/bin"
	cat >"$T/bin/apt-get" <<-'END'
		#!/bin/sh
		case " $* " in
		*' update '* | *' download '*) echo 'E: no answer'; exit 100 ;;
		esac
		exec /usr/bin/apt-get "$@"
	END
	chmod +x "$T/bin/apt-get"
	refuses 'no linux-source-.* available \(apt says: E: no answer\); use LINUX=path' \
		env BUILD="$T/build" PATH="$T/bin:$PATH" "$T/p/lab/tree.sh"
	same '' "$(find "$T/build" -name '*.deb' -o -path '*/linux/*')"
}

run_tests "$@"
