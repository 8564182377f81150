# SPDX-License-Identifier: GPL-2.0-only
#
# What a guest said of its isolated CPU (see run) to lines "KEY VALUE": works, switches,
# ipis, done, operations, slowest, remote, hold, "ms NAME" (the longer of all rounds, or
# never) and "ipi CAUSE".

function field(name,   i) {
	for (i = 1; i <= NF; i++)
		if (index($i, name "=") == 1)
			return substr($i, length(name) + 2)
}

# What an interrupt is for: the function it calls, else who sent it
function cause(   callback) {
	callback = field("callback")
	if (callback ~ /^generic_smp_call_function_single_interrupt/)
		callback = called[field("callsite")]
	else if (callback == "0x0")
		callback = field("callsite")
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
/ csd_queue_cpu: / { called[field("callsite")] = field("func") }
/ ipi_send_cpu(mask)?: / { ipis++; ipi[cause()]++ }

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
