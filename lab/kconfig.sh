# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Configurations that begin with something, and not with nothing: the kernel's defaults, or
# a file of the user's own. For kernel.sh, which has kmake() and logged(), and where SRC
# and OUT are.

KCONFIG=${KCONFIG:-}

# What users of the series would miss; of these, each person decides
NEEDED=(SMP MODULES CPU_ISOLATION DEFERRED_STRUCT_PAGE_INIT)

add_fragment() { # FRAGMENT
	logged "$SRC/scripts/kconfig/merge_config.sh" -m -O "$OUT" "$OUT/.config" "$1"
	logged kmake -s olddefconfig
}

add_to_defaults() { # FRAGMENT
	logged kmake -s defconfig kvm_guest.config
	add_fragment "$1"
}

check_own() {
	[ -n "$KCONFIG" ] || die "CONFIG=own needs KCONFIG=, a file like /boot/config-$(uname -r)"
	[[ -f $KCONFIG && -r $KCONFIG ]] || die "KCONFIG=$KCONFIG is no file that can be read"
	has '^(CONFIG_[A-Za-z0-9_]+=|# CONFIG_[A-Za-z0-9_]+ is not set)' <"$KCONFIG" ||
		die "KCONFIG=$KCONFIG is no configuration of a kernel: it sets no option"
	! has '^CONFIG_(ARM|ARM64|RISCV|PPC|S390|LOONGARCH|X86_32)=y' <"$KCONFIG" ||
		die "KCONFIG=$KCONFIG is of another architecture than x86-64"
}

check_needed() {
	local option lacking=()

	for option in "${NEEDED[@]}"; do
		grep -q "^CONFIG_$option=y" "$OUT/.config" || lacking+=("CONFIG_$option=y")
	done
	[ ${#lacking[@]} = 0 ] ||
		die "KCONFIG=$KCONFIG lacks what the series needs: ${lacking[*]}"
}

# Distributions name files of their own here, without which nothing can be built
forget_keys() {
	local option file

	for option in SYSTEM_TRUSTED_KEYS SYSTEM_REVOCATION_KEYS; do
		file=$(sed -n "s/^CONFIG_$option=\"\(.*\)\"/\1/p" "$OUT/.config")
		if [ -z "$file" ] || (cd "$SRC" && [ -e "$file" ]); then continue; fi
		warn "CONFIG_$option is left empty: there is no $file"
		sed -i "s/^CONFIG_$option=.*/CONFIG_$option=\"\"/" "$OUT/.config"
	done
}

add_to_own() { # FRAGMENT
	check_own
	[ ! "$KCONFIG" -ef "$OUT/.config" ] || die "KCONFIG=$KCONFIG is what is made of it: name the original"
	cat "$KCONFIG" >"$OUT/.config"
	logged kmake -s olddefconfig
	check_needed
	forget_keys
	add_fragment "$1"
}
