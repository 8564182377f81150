# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # what is set here is used by its readers
#
# What every command of the lab shares: where things are, how it speaks, how it
# stops. Sourced first by each script; BASE, LINUX, CONFIG and the like come from
# the environment, where the Makefile put them.

set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin	# of users who are not root
# what the caller was doing (a make with variables, a git hook) is not our business
unset CDPATH MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
# shellcheck disable=SC2046 # a list
! command -v git >/dev/null || unset $(git rev-parse --local-env-vars)

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
LAB=$TOP/lab
BASE=${BASE:-7.3}
BUILD=$(realpath -m "${BUILD:-$TOP/build}")
ROOM=$BUILD/$BASE		# everything built from this base
TREE=$ROOM/linux		# its source, a git repository of its own
LOG=$BUILD/log
LAB_ROOM=${LAB_ROOM:-6000}	# MiB that a kernel tree and its objects take

say() { printf '%s\n' "lab: $*" >&2; }
warn() { printf '%s\n' "lab: warning: $*" >&2; }
die() { printf '%s\n' "lab: error: $*" >&2; exit 1; }

# need TOOL...: stop with one line that names every missing tool
need() {
	local tool missing=()

	for tool; do
		command -v "$tool" >/dev/null || missing+=("$tool")
	done
	[ ${#missing[@]} -eq 0 ] ||
		die "missing: ${missing[*]} (run 'make setup', which installs what the lab needs)"
}

# has PATTERN: grep -q that reads its input to the end. In a pipe grep -q itself would
# now and then kill the writer, and with pipefail turn a match into a failure.
has() { grep -E "$@" >/dev/null; }

# Sets arch and cross: what make knows the architecture of CONFIG as, and the prefix of the
# names of its compiler
know_arch() { # CONFIG
	cross=
	case $1 in
	uml*) arch=um ;;
	arm64*) arch=arm64 cross=aarch64-linux-gnu- ;;
	*) arch=x86_64 ;;
	esac
}

# Take the lock that is open as file descriptor FD
wait_for_lock() { # FD "another command on ..."
	flock -n "$1" || { say "waiting for $2"; flock "$1"; }
}

# on_exit COMMAND: run COMMAND when this (sub)shell ends, however it ends; later ones first
LAB_ON_EXIT=
LAB_ON_EXIT_OF=$BASHPID
on_exit() {
	[ "$LAB_ON_EXIT_OF" = "$BASHPID" ] || LAB_ON_EXIT=
	LAB_ON_EXIT_OF=$BASHPID
	LAB_ON_EXIT="$*${LAB_ON_EXIT:+; $LAB_ON_EXIT}"
	# shellcheck disable=SC2064 # expanded now, on purpose
	trap "$LAB_ON_EXIT" EXIT
}
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# need_room MIB PATH WHY: stop before a step that the disk cannot hold
need_room() {
	local free

	mkdir -p "$2" || die "cannot create $2"
	free=$(($(df -Pk "$2" | awk 'NR == 2 { print $4 }') / 1024))
	[ "$free" -ge "$1" ] ||
		die "$3 needs $1 MiB in $2, which has $free MiB: free some, or set BUILD= to another folder"
}

case $BUILD in
*[[:space:]:\'\"]*)
	die "a kernel cannot be built in '$BUILD', whose name has a blank, quote or colon: set BUILD=" ;;
esac
