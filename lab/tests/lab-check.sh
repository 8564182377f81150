#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What `make check-all` runs, and what it records: on a copy of the project in which each test
# only notes that it ran, and fails if its label is in the file `failing`.

. "$(dirname "$0")/harness.sh"
unset SINCE PART AGAIN	# of the make check that runs this

make_copy() {
	local script

	mkdir "$T/p"
	cp -r "$TESTS_TOP/lab" "$T/p/"
	for script in "$T/p/lab/tests"/*.sh "$T/p/lab/"{tree,kernel,bisect,torture}.sh; do
		cat >"$script" <<-END
			#!/bin/sh
			label="\$(basename "\$0" .sh) \$*"
			echo "\$label" >>"$T/ran"
			! grep -qxF "\$label" "$T/failing" || exec echo "not ok \$label: on purpose"
			echo "ok \$label: ran"
		END
	done
	touch "$T/failing" "$T/ran"
	commit
}

commit() {
	cd "$T/p"
	[ -d .git ] || git init -q
	git add -A
	git -c user.name=lab -c user.email=lab@localhost commit -q --allow-empty -m 'a change'
	cd "$OLDPWD"
}

# A machine is a BUILD= of its own
check_all() { # MACHINE [VARIABLE=VALUE...]
	: >"$T/ran"
	env BUILD="$T/$1" "${@:2}" "$T/p/lab/check.sh" all >"$T/said" 2>&1
}

ran() { sort -u "$T/ran" | grep -vx 'tree ' | xargs; }

recorded() { sed -n "s/^$1: //p" "$T/p/results/check-all.txt"; }

test_same_commit_goes_on() {
	make_copy
	check_all a PART='docs suites' SINCE=HEAD
	same 'docs suites' "$(ran)"
	same '2 passed, 0 failed, 0 skipped' "$(recorded 'make check-all')"
	has ' static .* matrix .* bisect' <<<" $(recorded 'parts not run')"
	check_all a
	has static <"$T/ran"
	same '' "$(grep -E 'docs|suites' "$T/ran" || true)"
	same none "$(recorded 'parts not run')"
}

# What another machine recorded counts from its commit on, if it passed
test_goes_on_on_another_machine() {
	local first

	make_copy
	echo 'docs ' >"$T/failing"
	if check_all a PART='docs suites matrix' SINCE=HEAD; then return 1; fi
	first=$(git -C "$T/p" rev-parse HEAD)
	: >"$T/failing"
	commit
	check_all b PART='docs suites' SINCE="$first"
	same 'docs' "$(ran)"
	same '3 passed, 0 failed, 0 skipped' "$(recorded 'make check-all')"
	commit
	check_all c PART='docs suites' SINCE=HEAD~1
	same 'suites' "$(ran)"
}

# Some parts alone do not replace what is recorded
test_parts_alone_are_not_recorded() {
	make_copy
	check_all a PART=docs SINCE=HEAD
	commit
	cp "$T/p/results/check-all.txt" "$T/before"
	check_all b PART=suites
	same 'suites' "$(ran)"
	cmp "$T/before" "$T/p/results/check-all.txt"
}

test_bad_words() {
	make_copy
	refuses 'PART=dox is no part of make check' env BUILD="$T/a" PART=dox "$T/p/lab/check.sh" all
	refuses 'SINCE=nothing is no commit' env BUILD="$T/a" SINCE=nothing "$T/p/lab/check.sh" all
	refuses 'SINCE= is for make check-all' env BUILD="$T/a" SINCE=HEAD "$T/p/lab/check.sh"
	refuses 'only in|use make check-all' env BUILD="$T/a" PART=docs "$T/p/lab/check.sh"
}

run_tests "$@"
