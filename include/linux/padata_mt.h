/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * padata_mt.h - multithreaded jobs
 *
 * A job calls a function on every part of a range: in the calling task and, if
 * the work is worth it and CPUs are available, in helper threads::
 *
 *	static int clear_some(unsigned long start, unsigned long end, void *arg)
 *	{
 *		struct thing *things = arg;
 *		int err = 0;
 *
 *		while (start < end && !err)
 *			err = clear_thing(&things[start++]);
 *		return err;
 *	}
 *
 *	struct padata_mt_job job = {
 *		.thread_fn = clear_some,
 *		.fn_arg	   = things,
 *		.size	   = nr_things,
 *		.min_chunk = 64,
 *	};
 *
 *	err = padata_do_multithreaded(&job);
 *
 * See Documentation/core-api/padata.rst for more information.
 */

#ifndef _LINUX_PADATA_MT_H
#define _LINUX_PADATA_MT_H

#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include <linux/types.h>

/**
 * struct padata_mt_stats - statistics of a multithreaded job
 *
 * @threads: The number of threads that ran at least one chunk, including the
 *           main thread.  A helper that leaves for another job and returns
 *           counts again.
 * @chunks: The number of calls of the thread function.
 * @ns: The duration of the job in nanoseconds, without undo_fn.
 */
struct padata_mt_stats {
	unsigned int	threads;
	unsigned long	chunks;
	u64		ns;
};

/**
 * struct padata_mt_job - represents one multithreaded job
 *
 * @thread_fn: Called for each chunk of work, on [start, end).  Returns 0, or an
 *             error, which ends the job.  padata does not call undo_fn for a
 *             chunk that failed.  If the job has an undo_fn, thread_fn itself
 *             undoes what it did of that chunk; otherwise it may keep what it
 *             did.  Chunks start in ascending order and run concurrently.  A
 *             thread_fn that may run for a long time should call
 *             padata_mt_should_stop().  If that returns -EAGAIN and thread_fn
 *             passes this on, the job continues, and the main thread runs this
 *             chunk again after later ones.
 * @undo_fn: Called after an error, by the main thread alone, for each maximal
 *           range that thread_fn has completed, in ascending order.  May be
 *           NULL.
 * @fn_arg: The argument of thread_fn and undo_fn.
 * @start: The first index.  The job defines what an index stands for.
 * @size: The number of indices.  A job of size 0 does nothing.
 * @align: Each boundary between two chunks is a multiple of this, in indices.
 *         0 means 1.
 * @min_chunk: The minimum number of indices in a chunk.  Only the first and the
 *             last chunk may be smaller.  0 means 1.
 * @max_chunk: The maximum number of indices in a chunk, rounded up to @align.
 *             @min_chunk takes precedence.  It bounds the time that a chunk
 *             takes if its indices are much more expensive than those before
 *             it.  0 means 4096, or 16 times the larger of @min_chunk and
 *             @align if that is more.  4096 indices of a millisecond each take
 *             four seconds.
 * @max_threads: The maximum number of concurrent calls of thread_fn.  0 means
 *               as many as the system allows.
 * @numa_aware: Spread helpers over the nodes with CPUs, and keep each helper on
 *              its node.
 * @eager: Each index is worth a helper, so ask for helpers without measuring.
 * @killable: A fatal signal to the calling task ends the job with -EINTR.
 * @boot_all_cpus: During boot, use isolated CPUs as well.
 * @stats: Where to store the statistics of the job.  May be NULL.
 */
struct padata_mt_job {
	int			(*thread_fn)(unsigned long start,
					     unsigned long end, void *arg);
	void			(*undo_fn)(unsigned long start,
					   unsigned long end, void *arg);
	void			*fn_arg;
	unsigned long		start;
	unsigned long		size;
	unsigned long		align;
	unsigned long		min_chunk;
	unsigned long		max_chunk;
	int			max_threads;
	bool			numa_aware;
	bool			eager;
	bool			killable;
	bool			boot_all_cpus;
	struct padata_mt_stats	*stats;
};

/**
 * padata_do_multithreaded - run a multithreaded job
 * @job: The description of the job.  It is not changed and can be used again.
 *
 * Calls the thread function of the job on chunks that together make up the job.
 * Each index is in exactly one chunk, except that a chunk that a helper gives
 * back runs again (see padata_mt_should_stop()).  If only one thread is
 * allowed, or the work fits in one chunk, the calling task makes one call for
 * the whole range, or several if the job is killable or has a max_chunk.
 * Otherwise the calling task starts alone.  Helpers join it when its progress
 * shows that they would save time, or immediately if the job is eager.  If
 * memory, CPUs or helpers are not available, the job runs with fewer threads.
 *
 * Helpers run on the CPUs that the calling task may use at that time, except
 * isolated and nohz_full ones.  If the caller is a work item, the CPU mask of
 * its worker is ignored.  After boot, helpers run at nice 19.  A caller with a
 * real-time or deadline policy, or with SCHED_IDLE, gets none.  A caller that
 * inherits a real-time priority gets none while that lasts.  A caller whose CPU
 * group, or a group above it, has a lower weight than nice 19, gets none.  If
 * one of these groups has a bandwidth limit (cpu.max), helpers work only when it
 * has runtime to spare, or not at all if a BPF scheduler enforces the limit.
 *
 * The CPU time of helpers is added to cpu.stat of the caller's cgroup, and the
 * memory that they allocate with __GFP_ACCOUNT, or otherwise charge without
 * naming an mm, is charged to its memory cgroup.
 *
 * This follows ktask and padata's multithreaded jobs by Daniel Jordan; see
 * https://lore.kernel.org/linux-mm/20181105165558.11698-1-daniel.m.jordan@oracle.com/
 *
 * Context: Process context, may sleep.  The caller must not hold locks that the
 *          thread function takes.  The thread function may itself call this.
 * Return: 0 if every chunk was completed.
 *         -EINVAL, with a warning, if thread_fn is NULL, max_threads is
 *         negative, or start + size exceeds ULONG_MAX; nothing was run.
 *         -EINTR if a fatal signal ended a killable job.
 *         Otherwise one of the errors that thread_fn returned.
 */
#ifdef CONFIG_LOCKDEP
#define padata_do_multithreaded(job)					\
({									\
	static struct lock_class_key __padata_mt_key;			\
	static struct lockdep_map __padata_mt_map =			\
		STATIC_LOCKDEP_MAP_INIT("padata_mt:" KBUILD_BASENAME,	\
					&__padata_mt_key);		\
									\
	padata_mt_do_job(job, &__padata_mt_map);			\
})
#else
#define padata_do_multithreaded(job)	padata_mt_do_job(job, NULL)
#endif

/* private: */

/* The default max_chunk, in indices and in multiples of the smallest chunk */
#define PADATA_MT_MAX_CHUNK	4096UL
#define PADATA_MT_MAX_LEAST	16UL

static inline unsigned long padata_mt_max_chunk(const struct padata_mt_job *job)
{
	unsigned long least = max(job->min_chunk, job->align);

	if (job->max_chunk)
		return job->max_chunk;
	if (least > ULONG_MAX / PADATA_MT_MAX_LEAST)
		return ULONG_MAX;

	return max(PADATA_MT_MAX_CHUNK, PADATA_MT_MAX_LEAST * least);
}

static inline bool padata_mt_is_valid(const struct padata_mt_job *job)
{
	return !WARN_ON_ONCE(!job->thread_fn || job->max_threads < 0 ||
			     job->size > ULONG_MAX - job->start);
}

/*
 * The length of a chunk at @start, of about @want indices, with @left to go.
 * Nothing overflows because the end of the job does not.
 */
static inline unsigned long
padata_mt_chunk_len(const struct padata_mt_job *job, unsigned long start,
		    unsigned long left, unsigned long want)
{
	unsigned long len, over;

	if (job->max_chunk)
		want = min(want, job->max_chunk);
	len = max3(want, job->min_chunk, 1UL);
	if (len >= left)
		return left;

	over = job->align ? (start + len) % job->align : 0;
	if (over)
		len += min(job->align - over, left - len);

	return len;
}

static inline void padata_mt_report(const struct padata_mt_job *job,
				    unsigned int threads, unsigned long chunks,
				    u64 ns)
{
	if (job->stats)
		*job->stats = (struct padata_mt_stats){
			.threads = threads, .chunks = chunks, .ns = ns,
		};
}

#ifdef CONFIG_PADATA

int padata_mt_do_job(const struct padata_mt_job *job, struct lockdep_map *map);
int padata_mt_should_stop(void);

#else

/* Without helpers a job can end early only between two calls. */
static inline int padata_mt_should_stop(void)
{
	return 0;
}

/* A killable job makes this many calls; a signal can end it between two. */
#define PADATA_MT_SERIAL_CHUNKS	64

static inline int padata_mt_do_job(const struct padata_mt_job *job,
				   struct lockdep_map *map)
{
	unsigned long next = job->start, left = job->size, chunks = 0, len;
	u64 began = ktime_get_ns();
	int err = 0;

	if (!padata_mt_is_valid(job))
		return -EINVAL;

	might_sleep();
	for (; left && !err; next += len, left -= len, chunks++) {
		len = left;
		cond_resched();
		if (job->killable && fatal_signal_pending(current)) {
			err = -EINTR;
			break;
		}
		if (job->killable)
			len = min(job->size / PADATA_MT_SERIAL_CHUNKS,
				  padata_mt_max_chunk(job));
		len = padata_mt_chunk_len(job, next, left, len);
		err = job->thread_fn(next, next + len, job->fn_arg);
		if (err)
			len = 0;
	}

	padata_mt_report(job, !!chunks, chunks, ktime_get_ns() - began);
	if (err && job->undo_fn && next > job->start)
		job->undo_fn(job->start, next, job->fn_arg);

	return err;
}

#endif /* CONFIG_PADATA */

#endif /* _LINUX_PADATA_MT_H */
