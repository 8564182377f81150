// SPDX-License-Identifier: GPL-2.0-only
/*
 * start.c - the main thread of a multithreaded job, until the job has a run
 */

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/memcontrol.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/topology.h>

#include <kunit/static_stub.h>

#include <trace/events/padata_mt.h>

#include "chunk.h"
#include "estimate.h"
#include "internal.h"
#include "limits.h"
#include "lockdep.h"

/* The cost of an index is unknown at first, and the first calls are slow. */
#define PADATA_MT_PROBE_NS	(20 * NSEC_PER_USEC)

/* Do not reclaim or use reserves: the job also runs without helpers. */
#define PADATA_MT_GFP		(GFP_NOWAIT | __GFP_NOMEMALLOC)

/* For padata_mt_run.id */
static atomic64_t padata_mt_runs;

/* Jobs that had one thread for lack of memory */
atomic_long_t padata_mt_no_memory;
EXPORT_SYMBOL_IF_KUNIT(padata_mt_no_memory);

/*
 * The decision on helpers needs a clock of high resolution.  Before
 * clocksources are available, ktime_get() has the resolution of jiffies.
 * Later, sched_clock() has the resolution of jiffies on some architectures.
 */
u64 padata_mt_clock(bool late)
{
	KUNIT_STATIC_STUB_REDIRECT(padata_mt_clock, late);

	return late ? ktime_get_ns() : sched_clock();
}
EXPORT_SYMBOL_IF_KUNIT(padata_mt_clock);

static unsigned long padata_mt_left(const struct padata_mt_ctx *ctx)
{
	return ctx->job->size - (ctx->progress.next - ctx->job->start);
}

/*
 * An upper bound on the number of helpers.  The caller also considers the cost
 * of the work and which CPUs are allowed.
 */
static unsigned int padata_mt_possible(const struct padata_mt_job *job,
				       unsigned long left)
{
	unsigned int limit = padata_mt_limit(1);

	/* An upper bound; padata_mt_find_cpus() finds the CPUs. */
	limit = min(limit, data_race(cpumask_weight(padata_mt_own_cpus())));
	if (job->max_threads)
		limit = min(limit, job->max_threads - 1U);

	return min(limit, padata_mt_shares(job, left - 1));
}

VISIBLE_IF_KUNIT struct padata_mt_run *
padata_mt_alloc_run(unsigned int max_threads)
{
	struct padata_mt_run *run;

	KUNIT_STATIC_STUB_REDIRECT(padata_mt_alloc_run, max_threads);

	run = kzalloc_flex(*run, failed, max_threads, PADATA_MT_GFP);
	if (!run)
		return NULL;

	run->max_threads = max_threads;
	refcount_set(&run->ref, 1);
	run->main = get_task_struct(current);
	raw_spin_lock_init(&run->lock);
	INIT_LIST_HEAD(&run->pending);
	INIT_LIST_HEAD(&run->sent);
	INIT_LIST_HEAD(&run->holders);

	return run;
}
EXPORT_SYMBOL_IF_KUNIT(padata_mt_alloc_run);

static void padata_mt_describe(struct padata_mt_run *run,
			       const struct padata_mt_ctx *ctx,
			       unsigned long slice)
{
	run->job = *ctx->job;
	run->map = ctx->map;
	run->id = atomic64_inc_return(&padata_mt_runs);
	run->depth = ctx->depth;
	run->bound = !(current->flags & PF_WQ_WORKER);
	run->outer = padata_mt_present_run();
	if (run->outer)
		refcount_inc(&run->outer->ref);
	run->pflags = current->flags & PADATA_MT_MEMALLOC;
	run->memcg = get_mem_cgroup_from_mm(NULL);
	run->nice = system_state < SYSTEM_RUNNING ? 0 : MAX_NICE;
	run->end = run->job.start + run->job.size;
	run->progress.next = run->end;
	atomic_long_set(&run->next, ctx->progress.next);
	run->slice = slice;
	run->cpu = raw_smp_processor_id();
	run->nid = cpu_to_node(run->cpu);

	padata_mt_find_cpus(run);
	cpumask_copy(&run->free, &run->cpus);
	__cpumask_clear_cpu(run->cpu, &run->free);
}

/*
 * Creates a run if helpers are worth it, given that @len indices took @ns, and
 * if there are CPUs for them.
 */
static void padata_mt_consider_helpers(struct padata_mt_ctx *ctx,
				       unsigned long len, u64 ns)
{
	unsigned long left = padata_mt_left(ctx);
	unsigned int possible, helpers;
	struct padata_mt_run *run;
	u64 rest;

	if (ctx->alone || !padata_mt_pool.ready)
		return;

	possible = padata_mt_possible(ctx->job, left);
	rest = padata_mt_scale(ns, left, len);
	helpers = padata_mt_worthwhile(rest, possible);
	if (!helpers || !padata_mt_may_have_helpers(padata_mt_present_run()))
		return;
	helpers = min(helpers, padata_mt_affordable(padata_mt_present_run(),
						    rest));
	if (!helpers)
		return;

	run = padata_mt_alloc_run(1 + possible);
	ctx->no_memory = !run;
	if (!run)
		return;

	padata_mt_describe(run, ctx, padata_mt_slice(len, ns));
	possible = min(possible, cpumask_weight(&run->free));
	run->max_threads = 1 + possible;
	run->limit = possible;
	run->threads = 1;
	ctx->alone = !possible;
	ctx->helpers = min(helpers, possible);
	if (ctx->alone)
		padata_mt_put_run(run);
	else
		ctx->run = run;
}

/* The job has only one chunk, or may have only one thread. */
static bool padata_mt_is_single(const struct padata_mt_job *job)
{
	return job->max_threads == 1 ||
	       padata_mt_chunk_len(job, job->start, job->size, 0) == job->size;
}

static int padata_mt_call_alone(struct padata_mt_ctx *ctx,
				const struct padata_mt_range *chunk)
{
	u64 ns;
	int err;

	ctx->progress.threads = 1;
	padata_mt_map_acquire(ctx->map, ctx->depth, current->flags);
	if (trace_padata_mt_chunk_enabled())
		err = padata_mt_call_timed(ctx->job, chunk, &ns);
	else
		err = padata_mt_call(ctx->job, chunk);
	padata_mt_map_release(ctx->map, ctx->depth);

	return err;
}

static unsigned long padata_mt_step_alone(struct padata_mt_ctx *ctx,
					  unsigned long want)
{
	struct padata_mt_progress *p = &ctx->progress;
	struct padata_mt_range chunk = { .start = p->next };
	int err = -EINTR;

	if (!padata_mt_is_killed(ctx->job)) {
		chunk.len = padata_mt_chunk_len(ctx->job, p->next,
						padata_mt_left(ctx), want);
		p->next += chunk.len;
		p->chunks++;
		err = padata_mt_call_alone(ctx, &chunk);
	}
	if (err)
		padata_mt_note_error(p, err, &ctx->failed, &chunk);

	return chunk.len;
}

/* The next chunk while the cost of an index is still being measured */
static unsigned long padata_mt_want_alone(const struct padata_mt_job *job,
					  unsigned long len, u64 ns,
					  u64 elapsed)
{
	u64 target = elapsed < PADATA_MT_PROBE_NS ? PADATA_MT_PROBE_NS :
						    PADATA_MT_SLICE_NS;

	return min3(padata_mt_grow(len), padata_mt_in(target, len, ns),
		    padata_mt_max_chunk(job));
}

/* Works alone until the job has ended or has a run. */
void padata_mt_begin(struct padata_mt_ctx *ctx)
{
	const struct padata_mt_job *job = ctx->job;
	bool single = padata_mt_is_single(job);
	unsigned long len, want = 0;
	u64 ns, elapsed = 0;

	if (single && !job->killable)
		want = job->size;
	if (job->eager && !single && !padata_mt_is_killed(job))
		padata_mt_consider_helpers(ctx, 1, PADATA_MT_WORTH_NS);

	while (padata_mt_left(ctx) && !ctx->run) {
		len = padata_mt_step_alone(ctx, want);
		if (!padata_mt_left(ctx) || ctx->progress.err)
			break;
		cond_resched_tasks_rcu_qs();
		ns = elapsed;
		elapsed = padata_mt_elapsed(ctx);
		ns = padata_mt_since(ns, elapsed);
		want = padata_mt_want_alone(job, len, ns, elapsed);
		if (elapsed > PADATA_MT_PROBE_NS && !padata_mt_is_killed(job))
			padata_mt_consider_helpers(ctx, len, ns);
	}
	if (ctx->no_memory)
		atomic_long_inc(&padata_mt_no_memory);
}
