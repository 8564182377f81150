# SPDX-License-Identifier: GPL-2.0-only
#
# Judge the KTAP and TAP documents in logs (Documentation/dev-tools/ktap.rst): each
# must have a plan, as many results as planned, numbered in order, and no `not ok`.
#
#	awk -f ktap.awk FILE...			the first problem, if there is one
#	awk -v leaves=1 -f ktap.awk FILE...	all leaves: "ok suite.test", "not ok ..."
#
# The kernel's own parser (kunit.py parse) stops after the first document of a log
# and does not see what kselftest's runner nests behind "# ". A document is known by
# its version line; its depth is the width of the blanks and hashes before that.

function problem(text) {
	failed++
	if (first == "")
		first = text
}

function open_document(depth) {
	close_deeper(depth - 1)
	at[++top] = depth
	plan[top] = name[top] = ""
	seen[top] = 0
	failed_before[top] = failed
}

function close_document(  where) {
	where = name[top] == "" ? "" : " in " name[top]
	if (plan[top] == "") {
		# a nested one may lack a plan: its parent's result ends it
		if (top == 1)
			problem("no plan")
	} else if (plan[top] + 0 != seen[top]) {
		problem("plan of " plan[top] " but " seen[top] " results" where)
	}
	parent_repeats = failed > failed_before[top]
	top--
}

# Returns how many there were
function close_deeper(depth,  n) {
	while (top && at[top] > depth) {
		close_document()
		n++
	}
	return n
}

function planned(text) {
	if (!top || at[top] != depth)
		return
	plan[top] = substr(text, 4) + 0
	if (toupper(text) ~ /# *SKIP/)
		leaf(0, "all " substr(text, index(text, "#")))
}

function result(text,  number, bad, skip, parent) {
	bad = text ~ /^not /
	skip = toupper(text) ~ /# *SKIP/
	if (skip || toupper(text) ~ /# *(TODO|XFAIL)/)
		bad = 0
	parent = close_deeper(depth)
	if (top && at[top] == depth) {
		number = text
		sub(/^(not )?ok /, "", number)
		if (number + 0 != ++seen[top])
			problem("result " number + 0 " where " seen[top] " was due")
	} else if (!bad) {
		return		# outside any document: not KTAP
	}
	if (!parent)
		leaf(bad, text)
	if (bad && !(parent && parent_repeats))
		problem(text)
}

function leaf(bad, text,  i, path) {
	for (i = 1; i <= top; i++)
		if (name[i] != "")
			path = path name[i] "."
	sub(/^(not )?ok [0-9]+ (- )?/, "", text)
	if (leaves)
		print (bad ? "not ok " : "ok ") path text
}

FNR == 1 { close_deeper(-1) }

{
	sub(/\r$/, "")
	match($0, /^[ #]*/)
	depth = RLENGTH
	text = substr($0, depth + 1)
}

text ~ /^K?TAP version [0-9]+$/		{ open_document(depth) }
text ~ /^1\.\.[0-9]+( |$)/		{ close_deeper(depth); planned(text) }
text ~ /^(not )?ok [0-9]+( |$)/		{ result(text) }
text ~ /^Bail out!/			{ problem(text) }
text ~ /^Subtest: / && top		{ name[top] = substr(text, 10) }

END {
	close_deeper(-1)
	if (!leaves && first != "")
		print first
}
