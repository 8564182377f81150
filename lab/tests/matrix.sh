#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The patched kernel compiles without a warning in configurations that are not booted.
# Each is built anew, or warnings of an earlier build would be missed.
#
# matrix.sh CONFIG...: in these instead, which are left where `make boot` looks for them.

. "$(dirname "$0")/../common.sh"

need ccache gcc

configs=(tiny qemu-up qemu-lazy qemu-noqpw qemu-nopadata qemu-nopadata-noqpw qemu-modular
	qemu-rt)
prefix=matrix-
[ $# = 0 ] || { configs=("$@"); prefix=; }
failed=0

compiles() { # CONFIG
	local log=$LOG/build-$prefix$1.log

	rm -rf "${ROOM:?}/$prefix$1"
	SRC=$TREE OUT=$ROOM/$prefix$1 CONFIG=$1 "$LAB/kernel.sh" >&2 || return 1
	! grep -E 'warning:' "$log" >&2
}

KEEP=1 "$LAB/tree.sh"
for config in "${configs[@]}"; do
	if compiles "$config"; then
		echo "ok matrix: $config"
	else
		echo "not ok matrix: $config ($LOG/build-$prefix$config.log)"
		failed=1
	fi
done
exit $failed
