// SPDX-License-Identifier: GPL-2.0-only
/*
 * padata_mt.c - multithreaded jobs
 *
 * See Documentation/core-api/padata.rst for more information.
 */

/**
 * DOC: How a multithreaded job runs
 *
 * The task that calls padata_do_multithreaded() is the job's main thread.  It
 * works on the job together with helpers, which are work items.  All of them
 * do the same: take the next chunk, call the thread function on it, and stop
 * when nothing is left to take.
 *
 * The state of a job is a struct padata_mt_run on the main thread's stack.
 * What is left of the job, and what was done, changes under its lock.  The rest
 * is set before the first helper is queued and constant from then on.
 *
 * Helpers are allocated for one job, so jobs cannot take them from each other,
 * and a helper that cannot be had costs nothing but its help.  The main thread
 * finds no more chunks before it looks after the helpers: those that never
 * began are cancelled, the others are waited for.  So neither the state nor
 * anything of the caller's is used once padata_do_multithreaded() has returned.
 */

#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/nodemask.h>
#include <linux/padata.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/topology.h>
#include <linux/workqueue.h>

/* So that threads end together though some start late or have harder chunks. */
#define PADATA_MT_CHUNKS_PER_THREAD	4

/* A helper is not worth the OOM killer: fail early, and work without it. */
#define PADATA_MT_GFP	(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)

struct padata_mt_run {
	const struct padata_mt_job	*job;
	struct list_head		helpers;
	unsigned long			chunk;	/* Chunks end on its multiples */

	spinlock_t			lock;	/* Protects what follows */
	unsigned long			next;	/* First index not handed out */
	unsigned long			left;	/* Indices not handed out */
	struct padata_mt_stats		stats;
};

struct padata_mt_helper {
	struct work_struct	work;
	struct list_head	list;	/* In padata_mt_run.helpers */
	struct padata_mt_run	*run;
};

/* A queued helper is sure to run only from padata_mt_init() on. */
static bool padata_mt_ready __initdata;

/* Returns the length of the chunk that begins at *@start, 0 if none is left. */
static unsigned long __init padata_mt_claim(struct padata_mt_run *run,
					    unsigned long *start)
{
	unsigned long len;

	guard(spinlock)(&run->lock);

	/* A distance, unlike the end it leads to, cannot overflow. */
	len = min(run->chunk - run->next % run->chunk, run->left);
	*start = run->next;
	run->next += len;
	run->left -= len;

	return len;
}

static void __init padata_mt_work(struct padata_mt_run *run)
{
	const struct padata_mt_job *job = run->job;
	unsigned long start, len, chunks = 0;

	while ((len = padata_mt_claim(run, &start))) {
		job->thread_fn(start, start + len, job->fn_arg);
		chunks++;
	}

	if (!chunks)
		return;

	guard(spinlock)(&run->lock);
	run->stats.threads++;
	run->stats.chunks += chunks;
}

static void __init padata_mt_help(struct work_struct *work)
{
	padata_mt_work(container_of(work, struct padata_mt_helper, work)->run);
}

static unsigned long __init padata_mt_add_helpers(struct padata_mt_run *run,
						  unsigned long wanted)
{
	struct padata_mt_helper *helper;
	unsigned long n;

	for (n = 0; n < wanted; n++) {
		helper = kmalloc_obj(*helper, PADATA_MT_GFP);
		if (!helper)
			break;
		INIT_WORK(&helper->work, padata_mt_help);
		helper->run = run;
		list_add_tail(&helper->list, &run->helpers);
	}

	return n;
}

static void __init padata_mt_queue_helpers(struct padata_mt_run *run)
{
	bool numa_aware = run->job->numa_aware;
	int nid = numa_aware ? numa_node_id() : NUMA_NO_NODE;
	struct padata_mt_helper *helper;

	list_for_each_entry(helper, &run->helpers, list) {
		/* The main thread works on its own node, so begin after it. */
		if (numa_aware)
			nid = next_node_in(nid, node_states[N_CPU]);
		queue_work_node(nid, system_dfl_wq, &helper->work);
	}
}

static void __init padata_mt_put_helpers(struct padata_mt_run *run)
{
	struct padata_mt_helper *helper, *next;

	list_for_each_entry_safe(helper, next, &run->helpers, list) {
		cancel_work_sync(&helper->work);
		kfree(helper);
	}
}

/*
 * As many threads as can have a chunk of the smallest size each, as long as a
 * CPU could be found for every helper.
 */
static unsigned long __init padata_mt_threads(const struct padata_mt_job *job)
{
	unsigned long unit = max3(job->min_chunk, job->align, 1UL);
	unsigned long limit = max(job->max_threads, 1);

	if (!padata_mt_ready)
		return 1;

	return min3(job->size / unit, limit, 1UL + num_possible_cpus());
}

/*
 * More than one thread means that the job is at least twice as large as both
 * min_chunk and align, so that rounding up cannot overflow.
 */
static unsigned long __init padata_mt_chunk(const struct padata_mt_job *job,
					    unsigned long threads)
{
	unsigned long even = job->size / threads / PADATA_MT_CHUNKS_PER_THREAD;

	return roundup(max3(even, job->min_chunk, 1UL), max(job->align, 1UL));
}

static struct padata_mt_stats __init
padata_mt_run_shared(const struct padata_mt_job *job, unsigned long threads)
{
	struct padata_mt_run run = {
		.job = job,
		.helpers = LIST_HEAD_INIT(run.helpers),
		.next = job->start,
		.left = job->size,
	};

	spin_lock_init(&run.lock);
	threads = 1 + padata_mt_add_helpers(&run, threads - 1);
	run.chunk = padata_mt_chunk(job, threads);

	padata_mt_queue_helpers(&run);
	padata_mt_work(&run);
	padata_mt_put_helpers(&run);

	return run.stats;
}

static struct padata_mt_stats __init
padata_mt_run_alone(const struct padata_mt_job *job)
{
	job->thread_fn(job->start, job->start + job->size, job->fn_arg);

	return (struct padata_mt_stats){ .threads = 1, .chunks = 1 };
}

/**
 * padata_do_multithreaded - run a multithreaded job
 * @job: Description of the job.  It is not changed and can be run again.
 *
 * Calls the job's thread function on chunks that together make up the job, each
 * index in exactly one of them, in the calling task and in helpers at the same
 * time.  If only one thread is allowed, or the work is enough for only one, the
 * thread function is called once, in the calling task.  When helpers cannot be
 * allocated the job runs in fewer threads, at worst in the calling task alone.
 *
 * See struct padata_mt_job for how the job is split.
 *
 * Context: Process context during boot, may sleep.  Locks that the thread
 *          function takes must not be held.
 */
void __init padata_do_multithreaded(const struct padata_mt_job *job)
{
	unsigned long threads = padata_mt_threads(job);
	struct padata_mt_stats stats = {};

	if (job->size && threads > 1)
		stats = padata_mt_run_shared(job, threads);
	else if (job->size)
		stats = padata_mt_run_alone(job);

	if (job->stats)
		*job->stats = stats;
}

/* Comes after workqueue_init() and before the first jobs. */
static int __init padata_mt_init(void)
{
	padata_mt_ready = true;
	return 0;
}
early_initcall(padata_mt_init);
