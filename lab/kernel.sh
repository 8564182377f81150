#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make kernel CONFIG=qemu [SERIES=none]: configure and build into build/BASE/CONFIG
# (unpatched: CONFIG-base), ready for modules to be built against it. CONFIG=a-b merges
# the fragments common, a and a-b, arm64 also qemu, each followed by the one of that name in
# configs/BASE, if there is one; an option that does not stick is an error. tiny has no more
# than its own fragment; deb adds its fragment to the kernel's defaults, and own to the file
# KCONFIG.
#
# Every source folder is called linux and stands beside its object folders: so ccache
# sees the same names, and a second source costs only what differs.
#
# For other commands of the lab: SRC= and OUT= name another source and object folder
# than the base's own, TARGETS= what to build, FLAGS= more arguments for make.

. "$(dirname "$0")/common.sh"
. "$LAB/series.sh"
. "$LAB/kconfig.sh"

need bc bison ccache flex gcc git make openssl perl python3
know_base

SRC=${SRC:-}
OUT=${OUT:-$ROOM/$CONFIG${SERIES:+-base}}
know_arch "$CONFIG"
need "${cross}gcc"
case $CONFIG in
uml*) all='linux modules' ;;
arm64*) all='Image modules' ;;
tiny*) all=bzImage ;;
*) all='bzImage modules' ;;
esac
# Packages are rarely built twice, and a quarter of the time would be ccache's
case $CONFIG in
deb | own) ccache='' ;;
*) ccache='ccache ' ;;
esac
# shellcheck disable=SC2162 # a backslash keeps a blank
read -a targets <<<"${FLAGS:-} ${TARGETS:-$all}"

fragments() { # CONFIG
	case $1 in
	*-*) fragments "${1%-*}" ;;
	tiny | deb | own) ;;
	arm64) fragments qemu ;;
	*) fragment common ;;
	esac
	fragment "$1"
}

# A fragment, and what differs on this base
fragment() { # NAME
	echo "$LAB/configs/$1.config"
	[ ! -f "$LAB/configs/$BASE/$1.config" ] || echo "$LAB/configs/$BASE/$1.config"
}

check_arguments() {
	local file

	for file in $(fragments "$CONFIG"); do
		[ -f "$file" ] ||
			die "CONFIG=$CONFIG is no configuration; known: $(cd "$LAB/configs" && echo *.config | sed 's/common.config *//; s/\.config//g')"
	done
	case ${SERIES:-none} in none) ;; *) die "SERIES=$SERIES: only 'none', the unpatched base, is known" ;; esac
}

# The source to build: the series' tree, or the base checked out beside it
find_source() {
	local base

	[ -z "$SRC" ] || return 0
	KEEP=1 "$LAB/tree.sh"
	SRC=$TREE
	[ -n "${SERIES:-}" ] || return 0
	base=$(in_tree rev-parse refs/lab/base)
	SRC=$ROOM/base/linux
	checkout_apart "$SRC" "$base"
	mkdir -p "$ROOM/base/$CONFIG"
	ln -sfn "base/$CONFIG" "$OUT"
	OUT=$ROOM/base/$CONFIG
}

kmake() {
	CCACHE_BASEDIR=$BUILD \
		KBUILD_BUILD_USER=lab KBUILD_BUILD_HOST=lab \
		make -C "$SRC" O="$OUT" ARCH=$arch CROSS_COMPILE="$cross" \
		CC="${ccache}${cross}gcc" HOSTCC="${ccache}gcc" -j"$(($(nproc) + 1))" "$@"
}

# All fragments as one; the last word on an option counts
write_fragment() {
	# shellcheck disable=SC2046 # a list
	awk -F= '/^CONFIG_/ { if (!($1 in at)) order[++n] = $1; at[$1] = $0 }
		END { for (i = 1; i <= n; i++) print at[order[i]] }' \
		$(fragments "$CONFIG") >"$fragment"
}

# An option of the series is no error where the series, or that part of it, is not
known_here() { # OPTION
	[ "$SRC" = "$TREE" ] ||
		git -C "$SRC" grep -qE "^[[:space:]]*(menu)?config ${1#CONFIG_}\$" -- '*Kconfig*'
}

verify_config() {
	local line option stuck=yes

	while read -r line; do
		option=${line%%=*}
		case $line in
		*=n) ! grep -q "^$option=" "$OUT/.config" ;;
		*) grep -qxF -- "$line" "$OUT/.config" || ! known_here "$option" ;;
		esac || { warn "$line did not stick (what does it depend on?)"; stuck=no; }
	done <"$fragment"
	[ $stuck = yes ] || die "lab/configs: options of CONFIG=$CONFIG did not stick; see above"
}

configure() {
	write_fragment
	: >"$log"
	case $CONFIG in
	deb) add_to_defaults "$fragment" ;;
	own) add_to_own "$fragment" ;;
	*) logged kmake -s KCONFIG_ALLCONFIG="$fragment" allnoconfig ;;
	esac
	verify_config
}

logged() { "$@" >>"$log" 2>&1 || build_failed; }

build_failed() {
	grep -E -m8 '(error:|\*\*\*|undefined reference|No space left|No rule)' "$log" >&2 ||
		tail -n 8 "$log" >&2
	die "building $name failed; the whole log is $log"
}

# Count the objects as they are built, of as many as make would build now; not in awk,
# some of which see a pipe's lines only when there are many
show_progress() { # TOTAL
	local line built=0 next=1

	[ "$1" != 0 ] || { cat >/dev/null; return; }
	while IFS= read -r line; do
		[[ $line =~ ^\ \ (CC|AS|HOSTCC)\  ]] || continue
		built=$((built + 1))
		[ "$built" -ge "$next" ] || continue
		say "$name: $built of $1 objects"
		next=$((built + ($1 + 9) / 10))
	done
}

# Packages: make -n would pack them, and what they need is built by then
objects_to_build() {
	[[ ${targets[*]} != *-pkg ]] || { echo 0; return; }
	kmake -n "${targets[@]}" 2>/dev/null | grep -cE "echo '  (CC|AS|HOSTCC) " || true
}

build() {
	local total

	# what make would build can only be counted once headers are there
	[ -e "$OUT/vmlinux" ] || logged kmake -s prepare
	total=$(objects_to_build)
	[ "$total" = 0 ] || say "building $name: $total objects"
	kmake "${targets[@]}" 2>&1 | tee -a "$log" | show_progress "$total" || build_failed
	! grep -E 'warning:' "$log" >&2 || warn "the compiler warned; see above and $log"
}

check_arguments
find_source
name=$(realpath -m --relative-to="$ROOM" "$OUT")
log=$LOG/build-${name//\//-}.log
[[ ${targets[*]} != *-pkg ]] || log=${log%.log}-packages.log
fragment=$OUT/lab.config
need_room 2500 "$ROOM" "building $name"
mkdir -p "$OUT" "$LOG"
exec 7>"$OUT/.lab.lock"
wait_for_lock 7 "another build of $name"
configure
build
say "$name is built"
