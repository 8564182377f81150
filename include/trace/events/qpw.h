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

/* Work was queued for its CPU to do. */
DEFINE_EVENT(qpw_work, qpw_queue,
	TP_PROTO(int cpu, void *func),
	TP_ARGS(cpu, func)
);

/* Work is done by its caller: the CPU it is for is in remote mode. */
DEFINE_EVENT(qpw_work, qpw_remote_run,
	TP_PROTO(int cpu, void *func),
	TP_ARGS(cpu, func)
);

#endif /* _TRACE_QPW_H */

#include <trace/define_trace.h>
