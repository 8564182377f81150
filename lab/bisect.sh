#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make bisect: each commit of the series builds and boots on User Mode Linux, where its
# KUnit suites pass, and compiles what it touches for x86-64. In a checkout and object
# folders of its own.

. "$(dirname "$0")/common.sh"
. "$LAB/series.sh"

know_base
KEEP=1 "$LAB/tree.sh"
base=$(in_tree rev-parse refs/lab/base)
source=$ROOM/bisect/linux
checkout_apart "$source" "$base"
guest=$(mktemp -d)
on_exit "rm -rf '$guest'"
printf '#!/bin/sh\n' >"$guest/run"
chmod +x "$guest/run"

# Objects that the series has touched so far
objects_of() { # COMMIT
	in_tree diff --name-only --no-renames --diff-filter=d "$base" "$1" -- '*.c' |
		sed -n '\,^tools/,!s/c$/o/p' | paste -sd' ' -
}

try() { # COMMIT
	local objects

	checkout_apart "$source" "$1"
	CONFIG=uml SRC=$source OUT=$ROOM/bisect/uml "$LAB/kernel.sh"
	NAME=bisect CONFIG=uml OUT=$ROOM/bisect/uml SMP=2 MEM=512M CMDLINE='' TIMEOUT=300 \
		GUEST=$guest "$LAB/boot.sh" >"$LOG/bisect.boot" 2>&1 ||
		die "$(tail -n1 "$LOG/bisect.boot")"
	objects=$(objects_of "$1")
	[ -z "$objects" ] ||
		CONFIG=qemu SRC=$source OUT=$ROOM/bisect/qemu TARGETS=$objects "$LAB/kernel.sh"
}

failed=0
while read -r commit; do
	subject=$(in_tree log -1 --format=%s "$commit")
	say "bisect: $subject"
	status=0
	# in the background: a subshell whose status is tested loses set -e
	(try "$commit") &
	wait $! || status=$?
	if [ $status = 0 ]; then
		echo "ok bisect: $subject"
	else
		echo "not ok bisect: $subject"
		failed=1
	fi
done < <(in_tree rev-list --reverse "$base..HEAD")
exit $failed
