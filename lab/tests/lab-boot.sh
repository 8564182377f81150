#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# boot reports each kind of failure as itself, and passes nothing that failed. Most
# guests run on User Mode Linux, which boots in a fraction of a second.

. "$(dirname "$0")/harness.sh"
# shellcheck source=../common.sh
. "$TESTS_TOP/lab/common.sh"
# shellcheck source=../verdict.sh
. "$LAB/verdict.sh"
unset SMP MEM QEMU_ARGS OUT SERIES
export CONFIG=uml TIMEOUT=60
export CMDLINE=kunit.autorun=0	# the suites are not what is tested here

# Write a guest whose /run is the script on standard input
guest() {
	mkdir -p "$T/guest" "$T/tmp"
	{ echo '#!/bin/sh'; cat; } >"$T/guest/run"
	chmod +x "$T/guest/run"
}

exec_boot() { # [VARIABLE=value...]
	exec env GUEST="$T/guest" TMPDIR="$T/tmp" NAME=lab-test "$@" "$LAB/boot.sh" 2>&1
}

# boot [VARIABLE=value...]: boot the guest, which must leave nothing behind
boot() {
	local status=0

	(exec_boot "$@") || status=$?
	[ -z "$(ls "$T/tmp")" ] || { echo "left behind: $(ls "$T/tmp")"; return 1; }
	return $status
}

# fails REASON [VARIABLE=value...]: boot must fail with exactly this reason, an
# extended regular expression
fails() {
	local expected=$1 said

	shift
	if said=$(boot "$@"); then
		echo "passed, where '$expected' was expected"
		return 1
	fi
	said=${said##*$'\n'}
	has -x -- "guest $expected" <<<"$said" ||
		{ echo "expected 'guest $expected', got: $said"; return 1; }
	same "$said" "$(cat "$LOG/lab-test.verdict")" "lab-test.verdict"
}

# Every byte arrives, in order, while the kernel talks too: lines beyond any buffer, and
# a last one without its newline
test_pass_with_complete_output() {
	guest <<-'END'
		(while :; do echo "the kernel talks" >/dev/kmsg; done) &
		cat /text
	END
	{
		seq 5000
		printf '%20000s\n' long
		seq 5000
		printf 'no newline'
	} >"$T/guest/text"
	boot >"$T/said"
	cmp "$T/guest/text" "$LOG/lab-test.output"
	same pass "$(cat "$LOG/lab-test.verdict")"
	same 10000 "$(grep -cxE '[0-9]+' "$T/said")" 'whole lines on the terminal'
	grep -q 'the kernel talks' "$LOG/lab-test.console"
}

test_lines_do_not_mix() {
	guest <<-'END'
		printf 'first half, '
		sleep 0.3
		echo "the kernel talks" >/dev/kmsg
		sleep 0.3
		echo 'second half'
	END
	boot >"$T/said"
	grep -qx 'first half, second half' "$T/said"
	grep -qx 'first half, second half' "$LOG/lab-test.log"
	grep -q '] the kernel talks$' "$LOG/lab-test.log"
}

# A splat that is dropped would be a pass
test_complete_console() {
	guest <<-'END'
		i=0
		while [ $((i += 1)) -le 5000 ]; do
			echo "line $i, which is as long as console lines tend to be, or longer"
		done >/dev/kmsg
	END
	boot CMDLINE="$CMDLINE printk.devkmsg=on" >"$T/said"
	same 5000 "$(grep -c '] line [0-9]*, ' "$LOG/lab-test.console")" 'lines on the console'
}

test_run_sees_its_system() {
	guest <<-'END'
		set -e
		[ "$(id -u)" = 0 ] && [ "$GREETING" = hello ] && [ "$(nproc)" = 2 ]
		[ -z "$LAB_RESULT" ] && [ -z "$(cat)" ]
		for fs in devtmpfs devpts proc sysfs debugfs cgroup2 tmpfs; do
			grep -q " $fs " /proc/mounts
		done
		(sleep 0.1 &)
		sleep 0.3
		! ps -o stat | grep Z
	END
	boot CMDLINE="$CMDLINE GREETING=hello" SMP=2
}

test_script_without_interpreter_line() {
	guest </dev/null
	echo 'exit 5' >"$T/guest/run"
	fails 'exit 5'
}

test_exit_1() {
	guest <<<'exit 1'
	fails 'exit 1'
}

test_killed_by_signal() {
	guest <<<'kill -9 $$'
	fails 'exit 137'
}

test_not_executable_by_this_kernel() {
	guest <<<''
	printf '\177ELF nonsense' >"$T/guest/run"
	fails 'exit (126|127|2)'
}

test_hang() {
	guest <<<'sleep 1000'
	fails 'hung: /run did not end within 2 s' TIMEOUT=2
}

test_machine_stops_under_run() {
	guest <<<'poweroff -f; sleep 1000'
	fails 'stopped before /run ended'
}

# The guest's own /init takes the place of ours and never says that it started
test_never_comes_up() {
	guest <<<''
	printf '#!/bin/sh\nsleep 1000\n' >"$T/guest/init"
	chmod +x "$T/guest/init"
	fails 'never came up within 2 s' TIMEOUT=2
}

test_panic() {
	guest <<<''
	printf '#!/bin/sh\n' >"$T/guest/init"
	chmod +x "$T/guest/init"
	fails 'panicked: Kernel panic - not syncing: Attempted to kill init!.*'
}

test_qemu_panic() {
	guest <<<'echo PANIC >/sys/kernel/debug/provoke-crash/DIRECT'
	fails 'panicked: Kernel panic - not syncing: dumptest' CONFIG=qemu
}

test_qemu_warning() {
	guest <<<'echo WARNING >/sys/kernel/debug/provoke-crash/DIRECT'
	fails 'console: WARNING: .*lkdtm.*' CONFIG=qemu
}

test_qemu_never_starts() {
	guest <<<''
	fails 'never started: qemu-system-x86_64: .*no-such-device.*' \
		CONFIG=qemu QEMU_ARGS='-device no-such-device'
}

test_qemu_never_comes_up() {
	guest <<<''
	fails 'never came up within 2 s' CONFIG=qemu QEMU_ARGS=-S TIMEOUT=2
}

test_qemu_pass() {
	guest <<-'END'
		set -e
		cat /text
		[ "$(nproc)" = 2 ]
		grep -q lab-test=here /proc/cmdline
	END
	{ seq 2000; printf '%5000s\n' long; printf 'no newline'; } >"$T/guest/text"
	boot CONFIG=qemu SMP=2 CMDLINE="$CMDLINE lab-test=here"
	cmp "$T/guest/text" "$LOG/lab-test.output"
}

# A module built against the kernel the way anybody would
test_qemu_module_of_an_outsider() {
	mkdir "$T/module"
	echo 'obj-m := hello.o' >"$T/module/Makefile"
	cat >"$T/module/hello.c" <<-'END'
		#include <linux/module.h>

		static int __init hello_init(void)
		{
			pr_info("hello from a module\n");
			return 0;
		}
		module_init(hello_init);
		MODULE_DESCRIPTION("hello");
		MODULE_LICENSE("GPL");
	END
	make -s -C "$TREE" O="$ROOM/qemu" CC='ccache gcc' M="$T/module"
	guest <<<'insmod /hello.ko && dmesg | grep "hello from a module"'
	cp "$T/module/hello.ko" "$T/guest/"
	boot CONFIG=qemu
}

# guest_says DOCUMENT...: a guest that prints these lines and returns 0
guest_says() {
	guest <<<'cat /said'
	printf '%s\n' "$@" >"$T/guest/said"
}

test_ktap_plan_cut_short() {
	guest_says 'KTAP version 1' 1..5 'ok 1 a' 'ok 2 b' 'ok 3 c'
	fails 'KTAP: plan of 5 but 3 results'
}

test_ktap_nested_plan_cut_short() {
	guest_says 'KTAP version 1' 1..1 '    KTAP version 1' '    # Subtest: inner' \
		'    1..3' '    ok 1 a' '    ok 2 b' 'ok 1 inner'
	fails 'KTAP: plan of 3 but 2 results in inner'
}

test_ktap_not_ok() {
	guest_says 'TAP version 13' 1..3 'ok 1 a' 'ok 2 b' 'not ok 3 foo'
	fails 'KTAP: not ok 3 foo'
}

test_ktap_on_the_console() {
	guest <<-'END'
		for line in "KTAP version 1" 1..2 "ok 1 a"; do echo "$line" >/dev/kmsg; done
	END
	fails 'KTAP: plan of 2 but 1 results'
}

test_reasons_add_up() {
	guest <<<'echo "WARNING: made up" >/dev/kmsg; echo "not ok 1 a"; exit 3'
	fails 'exit 3; console: WARNING: made up; KTAP: not ok 1 a'
}

test_expected_splat() {
	guest <<<'echo "WARNING: made up" >/dev/kmsg'
	boot EXPECT='^WARNING: made'
	fails "console: nothing says 'not made'; console: WARNING: made up" EXPECT='not made'
	guest <<<'echo "WARNING: made up" >/dev/kmsg; echo "WARNING: found" >/dev/kmsg'
	fails 'console: WARNING: found' EXPECT='WARNING: made'
}

# ktap PROBLEM LEAVES: what is said of the documents on standard input
ktap() {
	cat >"$T/said"
	: >"$T/console"
	same "$1" "$(ktap_problem "$T/console" "$T/said")" problem
	same "$2" "$(ktap_leaves "$T/console" "$T/said" | paste -sd, -)" leaves
}

test_ktap_documents() {
	ktap '' '' <<<'no KTAP at all: ok 1'
	ktap '' 'ok suite.two.one,ok suite.two.two # SKIP,ok suite.b # SKIP no b,ok suite.c # TODO' <<-'END'
		KTAP version 1
		1..1
		    KTAP version 1
		    # Subtest: suite
		    1..3
		        KTAP version 1
		        # Subtest: two
		        # the parameters of a test may lack a plan
		        ok 1 one
		        ok 2 two # SKIP
		    ok 1 two
		    not ok 2 b # SKIP no b
		    # b: some words
		    not ok 3 c # TODO
		ok 1 suite
	END
}

test_ktap_is_judged_to_the_end() {
	ktap 'not ok 1 b' 'ok a,not ok b' <<<$'TAP version 13\n1..1\nok 1 a\nTAP version 13\n1..1\nnot ok 1 b'
	ktap 'plan of 2 but 1 results' 'ok a,ok b' <<<$'TAP version 13\n1..2\nok 1 a\nTAP version 13\n1..1\nok 1 b'
	ktap 'no plan' 'ok a' <<<$'KTAP version 1\nok 1 a'
	ktap 'result 3 where 2 was due' 'ok a,ok c' <<<$'KTAP version 1\n1..2\nok 1 a\nok 3 c'
	ktap 'Bail out! no memory' '' <<<$'TAP version 13\n1..0\nBail out! no memory'
	ktap '' 'ok all # SKIP no device' <<<$'TAP version 13\n1..0 # SKIP no device'
	ktap 'not ok 1 a' 'not ok a' <<<'not ok 1 a'
}

# kselftest's runner nests what a test prints behind hashes
test_ktap_of_kselftest() {
	ktap 'not ok 2 b' 'ok a,not ok b,ok selftests: mm: two # SKIP' <<-'END'
		TAP version 13
		1..2
		# selftests: mm: one
		# TAP version 13
		# 1..2
		# ok 1 a
		# not ok 2 b
		not ok 1 selftests: mm: one # exit=1
		ok 2 selftests: mm: two # SKIP
	END
}

# splat_is EXPECTED LINE: what is found on a console with LINE
splat_is() {
	printf '[    0.100000] first\r\n%s\r\n[    0.300000] last\r\n' "$2" >"$T/console"
	same "$1" "$(splat "$T/console")" splat
}

test_splats() {
	local line

	while read -r line; do
		splat_is "$line" "[    0.200000] $line"
	done <<-'END'
		WARNING: lib/foo.c:12 at bar+0x1/0x2, CPU#0: sh/1
		WARNING: possible circular locking dependency detected
		WARNING: suspicious RCU usage
		BUG: KASAN: slab-out-of-bounds in foo+0x1/0x2
		BUG: KCSAN: data-race in foo / bar
		BUG: sleeping function called from invalid context at mm/slab.h:1
		BUG: scheduling while atomic: sh/1/0x00000002
		BUG: Bad page state in process sh  pfn:00001
		BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 32s!
		BUG kmalloc-64 (Not tainted): Poison overwritten
		kernel BUG at mm/slub.c:1!
		Oops: general protection fault, probably for non-canonical address: 0000 [#1]
		watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [sh:1]
		watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 0
		INFO: task sh:1 blocked for more than 120 seconds.
		INFO: trying to register non-static key.
		rcu: INFO: rcu_preempt self-detected stall on CPU
		rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
		rcu: rcu_preempt kthread starved for 2000 jiffies! g1 f0x0
		UBSAN: array-index-out-of-bounds in lib/foo.c:1:2
		refcount_t: underflow; use-after-free.
		list_del corruption. prev->next should be 1, but was 2
		ODEBUG: free active (active state 0) object: 1 object type: timer_list
		unchecked MSR access error: WRMSR to 0x1 (tried to write 0x2)
		kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
	END
	splat_is 'BUG: one' '[    0.200000][   T12] BUG: one'
	splat_is 'BUG: two' 'a line that a program had begun[    0.200000] BUG: two'
	splat_is '' '[    0.200000]     ok 1 WARNING: the name of a test'
	splat_is '' '[    0.200000] Debug: BUG: within a message'
}

# The same name, even
test_two_at_once() {
	guest <<-'END'
		for i in 1 2 3 4 5; do echo $ME; sleep 0.1; done
		[ $ME = one ]
	END
	mkdir "$T/other"
	exec_boot CMDLINE="$CMDLINE ME=two" TMPDIR="$T/other" >"$T/two" &
	boot CMDLINE="$CMDLINE ME=one" >"$T/one"
	! wait $! || return 1
	same 5 "$(grep -cx one "$T/one")"
	same 5 "$(grep -cx two "$T/two")"
	same 'guest exit 1' "$(tail -n1 "$T/two")"
}

# stop_is_clean CONFIG: boot that is told to stop ends its guest and leaves nothing
stop_is_clean() {
	local status=0 start=$SECONDS _

	guest <<<'echo here; sleep 1000'
	exec_boot CONFIG="$1" >"$T/said" &
	for _ in {1..200}; do
		sleep 0.1
		! grep -qx here "$T/said" || break
	done
	kill $!
	wait $! || status=$?
	same 143 $status
	[ $((SECONDS - start)) -lt 30 ] || { echo 'was waited for to its end'; return 1; }
	same '' "$(ls "$T/tmp")"
	# by a file, or the search would find itself
	echo "$T/tmp/" >"$T/pattern"
	same '' "$(grep -alF -f "$T/pattern" /proc/[0-9]*/cmdline 2>/dev/null)"
	grep -qx here "$LOG/lab-test.output"
}

test_stopped_from_outside() { stop_is_clean uml; }
test_qemu_stopped_from_outside() { stop_is_clean qemu; }

not_built() { GUEST=$T/guest BUILD=$T/nowhere "$LAB/boot.sh"; }

# without TOOL: boot where it is not installed
without() {
	local dir

	mkdir -p "$T/bin"
	for dir in /bin /usr/bin /sbin /usr/sbin; do
		ln -sf "$dir"/* "$T/bin/" 2>/dev/null || true
	done
	rm "$T/bin/$1"
	boot PATH="$T/bin"
}

test_bad_input() {
	guest <<<''
	mkdir "$T/empty"
	refuses 'CONFIG=other is no configuration' boot CONFIG=other
	refuses 'CONFIG=common is no configuration' boot CONFIG=common
	refuses 'SMP=0 is no number' boot SMP=0
	refuses 'SMP=abc is no number' boot SMP=abc
	refuses 'SMP=999: this kernel is built for [0-9]+ CPUs' boot SMP=999
	refuses 'MEM=lots is no size' boot MEM=lots
	refuses 'MEM=0G is no size' boot MEM=0G
	refuses 'MEM=900000G: no room' boot MEM=900000G
	refuses 'TIMEOUT=-1 is no number' boot TIMEOUT=-1
	refuses 'NAME=../x is no name' boot NAME=../x
	refuses 'GUEST= must name a folder' boot GUEST=
	refuses 'GUEST=/no/where is no folder' boot GUEST=/no/where
	refuses 'has no executable' boot GUEST="$T/empty"
	refuses 'not built: make kernel CONFIG=uml' not_built
	refuses 'missing: cpio .*make setup' without cpio
}

run_tests "$@"
