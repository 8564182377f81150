/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM padata_mt

#if !defined(_TRACE_PADATA_MT_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_PADATA_MT_H

#include <linux/padata_mt.h>
#include <linux/tracepoint.h>

/* The thread function and the task that runs the job identify it. */
TRACE_EVENT(padata_mt_job_start,

	TP_PROTO(const struct padata_mt_job *job),

	TP_ARGS(job),

	TP_STRUCT__entry(
		__field(void *, fn)
		__field(unsigned long, start)
		__field(unsigned long, size)
		__field(unsigned long, align)
		__field(unsigned long, min_chunk)
		__field(int, max_threads)
	),

	TP_fast_assign(
		__entry->fn = job->thread_fn;
		__entry->start = job->start;
		__entry->size = job->size;
		__entry->align = job->align;
		__entry->min_chunk = job->min_chunk;
		__entry->max_threads = job->max_threads;
	),

	TP_printk("fn=%ps start=%lu size=%lu align=%lu min_chunk=%lu max_threads=%d",
		  __entry->fn, __entry->start, __entry->size, __entry->align,
		  __entry->min_chunk, __entry->max_threads)
);

/* Emitted at the end of a chunk, in the thread that ran it. */
TRACE_EVENT(padata_mt_chunk,

	TP_PROTO(const struct padata_mt_job *job, unsigned long start,
		 unsigned long len, u64 ns, int err),

	TP_ARGS(job, start, len, ns, err),

	TP_STRUCT__entry(
		__field(void *, fn)
		__field(unsigned long, start)
		__field(unsigned long, len)
		__field(u64, ns)
		__field(int, err)
	),

	TP_fast_assign(
		__entry->fn = job->thread_fn;
		__entry->start = start;
		__entry->len = len;
		__entry->ns = ns;
		__entry->err = err;
	),

	TP_printk("fn=%ps start=%lu size=%lu ns=%llu err=%d", __entry->fn,
		  __entry->start, __entry->len, __entry->ns, __entry->err)
);

/* @waited: how much of @ns the main thread spent waiting for helpers. */
TRACE_EVENT(padata_mt_job_end,

	TP_PROTO(const struct padata_mt_job *job, unsigned int threads,
		 unsigned long chunks, u64 ns, u64 waited, int err),

	TP_ARGS(job, threads, chunks, ns, waited, err),

	TP_STRUCT__entry(
		__field(void *, fn)
		__field(unsigned int, threads)
		__field(unsigned long, chunks)
		__field(u64, ns)
		__field(u64, waited)
		__field(int, err)
	),

	TP_fast_assign(
		__entry->fn = job->thread_fn;
		__entry->threads = threads;
		__entry->chunks = chunks;
		__entry->ns = ns;
		__entry->waited = waited;
		__entry->err = err;
	),

	TP_printk("fn=%ps threads=%u chunks=%lu ns=%llu waited=%llu err=%d",
		  __entry->fn, __entry->threads, __entry->chunks, __entry->ns,
		  __entry->waited, __entry->err)
);

#endif /* _TRACE_PADATA_MT_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
