# SPDX-License-Identifier: GPL-2.0-only
#
# What was traced of CPU 3 up to the mark "outcome_end", to lines "KIND WHAT COUNT". Kinds are
# work (queued there or executed there, by function), switch (by the task switched to) and
# ipi (by the function that it calls, otherwise by its vector or sender). After ipi.awk

# A kernel that is built in the same way has the same names, but for clones.
function plain(name) {
	sub(/\+.*/, "", name)
	sub(/ *\[.*/, "", name)
	sub(/\.(isra|constprop|part|cold).*/, "", name)
	return name == "" ? "unknown" : name
}

/ tracing_mark_write: outcome_end/ { exit }
/ workqueue_queue_work: / { queued[plain(field("function"))]++ }
/ workqueue_execute_start: / { executed[plain($NF)]++ }
/ sched_switch: / { switches[plain(field("next_comm"))]++ }
/ ipi_send_cpu(mask)?: / { ipis[plain(cause())]++ }
/ irq_handler_entry: / { ipis["irq_" plain(field("name"))]++ }
/ [a-z_]+_entry: vector=/ {
	for (i = 1; i <= NF; i++)
		if ($i ~ /_entry:$/)
			ipis[substr($i, 1, length($i) - 7)]++
}

END {
	for (name in queued)
		if (executed[name] + 0 < queued[name])
			executed[name] = queued[name]
	for (name in executed)
		print "work", name, executed[name]
	for (name in switches)
		print "switch", name, switches[name]
	for (name in ipis)
		print "ipi", name, ipis[name]
}
