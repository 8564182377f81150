/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * chunk.h - inline functions that run once for each chunk: take it, and
 * call the thread function
 */

#ifndef _KERNEL_PADATA_MT_CHUNK_H
#define _KERNEL_PADATA_MT_CHUNK_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/padata_mt.h>
#include <linux/sched/signal.h>

#include "internal.h"

/* A chunk is a thread's equal share of the remaining work, divided by this. */
#define PADATA_MT_SHARE		2

static inline int padata_mt_call(const struct padata_mt_job *job,
				 const struct padata_mt_range *chunk)
{
	return job->thread_fn(chunk->start, chunk->start + chunk->len,
			      job->fn_arg);
}

static inline bool padata_mt_is_killed(const struct padata_mt_job *job)
{
	return job->killable && fatal_signal_pending(current);
}

static inline bool padata_mt_is_closed(struct padata_mt_run *run)
{
	return (unsigned long)atomic_long_read(&run->next) == run->end;
}

/*
 * Guided self-scheduling: chunks shrink with the remaining work, so threads end
 * together.
 */
static inline unsigned long padata_mt_want(const struct padata_mt_run *run,
					   const struct padata_mt_thread *t,
					   unsigned long left)
{
	/*
	 * Without padata_mt_pool.lock, because an approximate number is enough.
	 */
	return min3(left / PADATA_MT_SHARE / READ_ONCE(run->threads), t->slice,
		    padata_mt_max_chunk(&run->job));
}

/* Takes the next chunk, if one is left. */
static inline bool padata_mt_take(struct padata_mt_run *run,
				  struct padata_mt_thread *t)
{
	long next = atomic_long_read(&run->next);
	unsigned long left, len;

	do {
		left = run->end - next;
		if (!left)
			return false;
		len = padata_mt_chunk_len(&run->job, next, left,
					  padata_mt_want(run, t, left));
	} while (!atomic_long_try_cmpxchg(&run->next, &next, next + len));

	t->chunk.start = next;
	t->chunk.len = len;
	t->chunks++;

	return true;
}

#endif /* _KERNEL_PADATA_MT_CHUNK_H */
