# SPDX-License-Identifier: GPL-2.0-only
#
# What a guest said of its isolated CPU (see run) to lines "KEY VALUE": works, switches,
# ipis, done, operations, slowest, remote, hold, "ms NAME" (the longer of all rounds, or
# never) and "ipi CAUSE". After ipi.awk

function name_of(callback) {
	sub(/\+.*/, "", callback)
	return callback
}

$1 == "op" {
	operations++
	if ($4 == "never")
		ms[$3] = $4
	else
		done++
	if (ms[$3] != "never" && $4 > ms[$3] + 0)
		ms[$3] = $4
	if ($4 != "never" && $4 > slowest + 0)
		slowest = $4
	next
}
$1 == "qpw" { if ($2 == 3) { remote = $5; hold = $8 }; next }
/ workqueue_execute_start: / { works++ }
/ sched_switch: / { switches++ }
/ ipi_send_cpu(mask)?: / { ipis++; ipi[name_of(cause())]++ }

END {
	print "works", works + 0
	print "switches", switches + 0
	print "ipis", ipis + 0
	print "done", done + 0
	print "operations", operations + 0
	print "slowest", slowest + 0
	print "remote", remote + 0
	print "hold", hold + 0
	for (name in ms)
		print "ms " name, ms[name]
	for (name in ipi)
		print "ipi " name, ipi[name]
}
