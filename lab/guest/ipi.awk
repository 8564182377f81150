# SPDX-License-Identifier: GPL-2.0-only
#
# What an interrupt in a trace is for, for awk: with csd events before it, the function that it
# calls, otherwise its sender.

function field(name,   i) {
	for (i = 1; i <= NF; i++)
		if (index($i, name "=") == 1)
			return substr($i, length(name) + 2)
}

function cause(   callback) {
	callback = field("callback")
	if (callback ~ /^generic_smp_call_function_single_interrupt/)
		callback = called[field("callsite")]
	else if (callback == "0x0")
		callback = field("callsite")
	return callback
}

/ csd_queue_cpu: / { called[field("callsite")] = field("func") }
