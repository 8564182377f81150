# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What became of a guest, from what it left in a folder: console, output, result (what
# init said: "started", "exit N") and errors (the emulator's own words, and timeout's).

# The console without what precedes each message: its time, its caller, and sometimes
# the beginning of a line that some program had not ended
messages() { # CONSOLE
	sed -E 's/\r$//; s/^.*\[ *[0-9]+\.[0-9]{6}\](\[ *[CT][0-9]+\])? //' "$1"
}

patterns() { sed -nE 's/^[^#].*/^(&)/p' "$LAB/guest/$1"; }

# The first line that no clean console has, but for those that are expected
splat() { # CONSOLE [EXPECTED]
	messages "$1" | grep -aE -f <(patterns splats) |
		grep -avE -f <(patterns splats-allowed; echo "${2:-^$}") | sed -n 1p || true
}

# What does not come though it is expected
silence() { # CONSOLE [EXPECTED]
	[ -z "${2:-}" ] || messages "$1" | has -a -- "$2" || echo "nothing says '$2'"
}

# The first thing wrong in the KTAP documents
ktap_problem() { # CONSOLE OUTPUT
	awk -f "$LAB/guest/ktap.awk" <(messages "$1") "$2"
}

# Every test in them, one a line: "ok suite.test" or "not ok suite.test"
ktap_leaves() { # CONSOLE OUTPUT
	awk -v leaves=1 -f "$LAB/guest/ktap.awk" <(messages "$1") "$2"
}

timed_out() { grep -q '^timeout: sending signal' "$1/errors"; }

# Those of the guest that NAME= named, each with a label before it
labelled_leaves() { # LABEL NAME
	[ ! -f "$LOG/$2.console" ] ||
		ktap_leaves "$LOG/$2.console" "$LOG/$2.output" | sed "s/ok /&$1: /"
}

# How the machine ended, unless by /run returning 0
ending() { # FOLDER STATUS SECONDS
	local result panic

	result=$(tail -n1 "$1/result")
	panic=$(grep -aom1 'Kernel panic - not syncing.*' "$1/console" | tr -d '\r') || true
	if [ -n "$panic" ]; then
		echo "panicked: $panic"
	elif timed_out "$1"; then
		case $result in
		exit*) echo "hung: /run ended, but the machine did not within $3 s" ;;
		started) echo "hung: /run did not end within $3 s" ;;
		*) echo "never came up within $3 s" ;;
		esac
	else
		case $result in
		'exit 0') [ "$2" = 0 ] || echo "broke after /run: status $2" ;;
		exit*) echo "$result" ;;
		started) echo "stopped before /run ended" ;;
		*) [ ! -s "$1/console" ] || echo "stopped before it came up"
			[ -s "$1/console" ] || echo "never started: $(tail -n1 "$1/errors")" ;;
		esac
	fi
}

# Boot with these variables, by boot.sh or what BOOT= names; the guest's verdict is a line of
# the tests, and the status
boot_judged() { # LABEL NAME VARIABLE=VALUE...
	local label=$1 name=$2 verdict

	rm -f "$LOG/$name".{verdict,console,output}
	env NAME="$name" "${@:3}" "${BOOT:-$LAB/boot.sh}" >"$LOG/$name.boot" 2>&1 </dev/null || true
	verdict=$(cat "$LOG/$name.verdict" 2>/dev/null || tail -n1 "$LOG/$name.boot")
	if [ "$verdict" = pass ]; then
		echo "ok $label: guest"
	else
		echo "not ok $label: $verdict ($LOG/$name.log)"
		return 1
	fi
}

# "pass", or "guest " and what is against it, the weightiest first
verdict() { # FOLDER STATUS SECONDS
	local reasons

	reasons=$(
		ending "$@"
		silence "$1/console" "${EXPECT:-}" | sed 's/^/console: /'
		splat "$1/console" "${EXPECT:-}" | sed 's/^/console: /'
		ktap_problem "$1/console" "$1/output" | sed 's/^/KTAP: /'
	)
	[ -n "$reasons" ] || { echo pass; return; }
	echo "guest ${reasons//$'\n'/; }"
}
