/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM qpw

#if !defined(_TRACE_QPW_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_QPW_H

#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(qpw_work,

	TP_PROTO(int cpu, void *func),

	TP_ARGS(cpu, func),

	TP_STRUCT__entry(
		__field(int, cpu)
		__field(void *, func)
	),

	TP_fast_assign(
		__entry->cpu = cpu;
		__entry->func = func;
	),

	TP_printk("target_cpu=%d func=%ps", __entry->cpu, __entry->func)
);

/* Work was queued on its CPU. */
DEFINE_EVENT(qpw_work, qpw_queue,
	TP_PROTO(int cpu, void *func),
	TP_ARGS(cpu, func)
);

/* The caller, or qpw/N on its behalf, runs the work of a CPU in remote mode. */
DEFINE_EVENT(qpw_work, qpw_remote_run,
	TP_PROTO(int cpu, void *func),
	TP_ARGS(cpu, func)
);

/*
 * A drainer has released a lock of another CPU.  This fires after the release.
 * @wait: ns from the first attempt to the acquisition.  @hold: ns that it was
 * held.
 */
TRACE_EVENT(qpw_remote_hold,

	TP_PROTO(int cpu, u64 wait, u64 hold),

	TP_ARGS(cpu, wait, hold),

	TP_STRUCT__entry(
		__field(int, cpu)
		__field(u64, wait)
		__field(u64, hold)
	),

	TP_fast_assign(
		__entry->cpu = cpu;
		__entry->wait = wait;
		__entry->hold = hold;
	),

	TP_printk("target_cpu=%d wait_ns=%llu hold_ns=%llu",
		  __entry->cpu, __entry->wait, __entry->hold)
);

#endif /* _TRACE_QPW_H */

#include <trace/define_trace.h>
