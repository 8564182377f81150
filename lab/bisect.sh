#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make bisect [TOPIC=name] [AGAIN=1]: each patch builds and boots on User Mode Linux, where
# its KUnit suites pass, and compiles what it touches for x86-64. The patches of a topic
# stand on the topics that it needs, and on no other. It uses a checkout and object folders
# of its own. A tree that passed is not tried again until the way it is tried changes.

. "$(dirname "$0")/common.sh"
. "$LAB/series.sh"
. "$LAB/verdict.sh"

know_base
"$LAB/tree.sh"
base=$(in_tree rev-parse refs/lab/base)
source=$ROOM/bisect/linux
checkout_apart "$source" "$base"
guest=$(mktemp -d)
on_exit "rm -rf '$guest'"
printf '#!/bin/sh\n' >"$guest/run"
chmod +x "$guest/run"

# Suites of the whole files in lib/, which all kernels can run
suites_of() { # COMMIT
	local file

	whole_files_of "$base" "$1" | sed -n '\,^lib/test_,p' | while read -r file; do
		in_tree show "$1:$file" |
			sed -n '/^static struct kunit_suite /,/^}/s/.*\.name = "\(.*\)".*/\1/p'
	done
}

try() { # COMMIT
	local objects suite

	checkout_apart "$source" "$1"
	CONFIG=uml SRC=$source OUT=$ROOM/bisect/uml "$LAB/kernel.sh"
	NAME=bisect CONFIG=uml OUT=$ROOM/bisect/uml SMP=2 MEM=512M CMDLINE='' TIMEOUT=300 \
		GUEST=$guest "$LAB/boot.sh" >"$LOG/bisect.boot" 2>&1 ||
		die "$(tail -n1 "$LOG/bisect.boot")"
	for suite in $(suites_of "$1"); do # one that was not built would pass otherwise
		ktap_leaves "$LOG/bisect.console" "$LOG/bisect.output" | sed '/# SKIP/d' |
			has "^ok $suite\." || die "the KUnit suite $suite did not run"
	done
	objects=$(objects_of "$base" "$1")
	[ -z "$objects" ] ||
		CONFIG=qemu SRC=$source OUT=$ROOM/bisect/qemu TARGETS=$objects "$LAB/kernel.sh"
}

# What the result depends on beside the tree
method() {
	gcc --version | sed -n 1p
	cat "$LAB"/{bisect,kernel,boot,common,verdict}.sh "$LAB"/configs/{common,uml,qemu}.config \
		"$LAB/guest/init.c"
}

passed=$ROOM/bisect/passed-$(method | sha1sum | cut -c1-12)
[ -z "${AGAIN:-}" ] || rm -f "$passed"
touch "$passed"

bisect_topic() { # TOPIC
	local stack head commit tree subject status

	read -ra stack <<<"${STACK[$1]}"
	head=$(build_series "$base" "${stack[@]}")
	while read -r commit; do
		subject=$(in_tree log -1 --format=%s "$commit")
		tree=$(in_tree rev-parse "$commit^{tree}")
		if has "^$tree\$" <"$passed"; then
			echo "ok bisect: $1: $subject"
			continue
		fi
		say "bisect: $1: $subject"
		status=0
		# in the background: a subshell whose status is tested loses set -e
		(try "$commit") &
		wait $! || status=$?
		if [ $status = 0 ]; then
			echo "$tree" >>"$passed"
			echo "ok bisect: $1: $subject"
		else
			echo "not ok bisect: $1: $subject"
			failed=1
		fi
	done < <(in_tree rev-list --reverse -n "$(series_entries "$1" | wc -l)" "$head")
}

failed=0
for topic in $(topics_asked); do
	bisect_topic "$topic"
done
exit $failed
