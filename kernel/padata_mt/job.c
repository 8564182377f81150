// SPDX-License-Identifier: GPL-2.0-only
/*
 * job.c - the main thread of a multithreaded job
 */

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include <trace/events/padata_mt.h>

#include "chunk.h"
#include "estimate.h"
#include "internal.h"
#include "limits.h"
#include "lockdep.h"

/**
 * DOC: How a multithreaded job runs
 *
 * The task that calls padata_do_multithreaded() is the main thread of the job.
 * Unless the job is eager, the main thread starts alone: it runs a small chunk,
 * then larger ones, and measures their time.  When the rest of the job would
 * take long enough, the main thread allocates a struct padata_mt_run, copies
 * the job and its progress there, and sends helpers to it.  From then on the
 * main thread and the helpers do the same: take a chunk, run it, take the next
 * one, until no chunk is left.
 */

/* Asks for more helpers if the rest of the work is worth them. */
static void padata_mt_want_more(struct padata_mt_run *run,
				const struct padata_mt_thread *t)
{
	unsigned long left = run->end - atomic_long_read(&run->next);
	unsigned int threads = READ_ONCE(run->threads), worth;
	unsigned int limit = READ_ONCE(run->limit);

	/*
	 * Only this thread adds helpers, so other threads can only have lowered
	 * both values.
	 */
	if (threads > limit)
		return;

	limit = min(limit, padata_mt_shares(&run->job, left));
	worth = padata_mt_worthwhile(padata_mt_scale(t->ns, left, t->chunk.len),
				     limit);
	if (worth < threads)
		return;
	worth = min(worth + 1 - threads, padata_mt_affordable(run, t->ns));
	if (worth)
		padata_mt_add_missing(run, worth);
}

/*
 * The scheduling policy of the caller, and the limits of its CPU group, may change
 * during the job.
 */
static void padata_mt_review(struct padata_mt_run *run,
			     const struct padata_mt_thread *t)
{
	bool unhelped = !padata_mt_may_have_helpers(run->outer);

	/* For helpers that join later */
	WRITE_ONCE(run->slice, t->slice);
	if (unhelped && !run->unhelped)
		padata_mt_dismiss(run);
	WRITE_ONCE(run->unhelped, unhelped);
	if (unhelped)
		return;
	padata_mt_want_more(run, t);
	/*
	 * A helper that was sent may not have run yet to send the next ones.
	 * Without the lock, because each main thread checks this after each
	 * chunk.
	 */
	if (data_race(run->missing) && data_race(padata_mt_has_room()))
		padata_mt_seek_helpers(1);
}

/*
 * @chunks: The number of chunks that the main thread took while it was alone.
 */
static void padata_mt_lead(struct padata_mt_run *run, unsigned long chunks)
{
	struct padata_mt_thread t = { .chunks = chunks, .slice = run->slice };
	bool killed;
	int err = 0;

	do {
		killed = padata_mt_is_killed(&run->job);
		if (killed || !padata_mt_take(run, &t))
			break;
		err = padata_mt_call_tracked(run, &t);
		if (!err)
			padata_mt_review(run, &t);
	} while (!err);

	/* A signal does not make the last chunk fail. */
	if (killed) {
		t.chunk.len = 0;
		err = -EINTR;
	}
	scoped_guard(raw_spinlock, &run->lock)
		padata_mt_finish(run, &t, err);
}

/* Runs the chunks that helpers gave back, after all helpers are done. */
static void padata_mt_redo(struct padata_mt_run *run)
{
	struct padata_mt_progress *p = &run->progress;
	struct padata_mt_thread t = { .slice = run->slice };
	int err = 0;

	while (p->nr_failed && !p->err) {
		if (padata_mt_is_killed(&run->job)) {
			err = -EINTR;
		} else {
			t.chunk = run->failed[p->nr_failed - 1];
			p->chunks++;
			err = padata_mt_call_tracked(run, &t);
		}
		if (err)
			WRITE_ONCE(p->err, err);
		else
			p->nr_failed--;
	}
}

/* Works on the run until it is closed, then waits until no helper is left. */
static void padata_mt_share(struct padata_mt_ctx *ctx)
{
	struct padata_mt_run *run = ctx->run;

	padata_mt_add_missing(run, ctx->helpers);
	padata_mt_lead(run, ctx->progress.chunks);

	padata_mt_dismiss(run);
	if (trace_padata_mt_job_end_enabled())
		ctx->waited = padata_mt_elapsed(ctx);
	padata_mt_wait(run, padata_mt_self());
	if (ctx->waited)
		ctx->waited = padata_mt_since(ctx->waited,
					      padata_mt_elapsed(ctx));

	padata_mt_redo(run);
	padata_mt_take_over_high(run, padata_mt_self());

	scoped_guard(raw_spinlock, &run->lock)
		ctx->progress = run->progress;
}

static void padata_mt_end(struct padata_mt_ctx *ctx)
{
	const struct padata_mt_progress *p = &ctx->progress;
	const struct padata_mt_job *job = ctx->job;
	u64 ns = padata_mt_elapsed(ctx);

	padata_mt_report(job, p->threads, p->chunks, ns);
	trace_padata_mt_job_end(job, p->threads, p->chunks, ns, ctx->waited,
				p->err);
	if (p->err && job->undo_fn)
		padata_mt_undo(job, p, ctx->run ? ctx->run->failed : &ctx->failed);
	if (ctx->run)
		padata_mt_put_run(ctx->run);
}

/*
 * There may be a CPU for a helper of another job now.  If this does not see a
 * pending run, the main thread of that run sees the lower number of callers.
 */
static void padata_mt_leave_cpu(void)
{
	atomic_dec(&padata_mt_pool.callers);
	/* Pairs with the barrier in padata_mt_seek_helpers(), pool.c. */
	smp_mb__after_atomic();
	if (READ_ONCE(padata_mt_pool.missing))
		padata_mt_seek_helpers(1);
}

static void padata_mt_run_job(struct padata_mt_ctx *ctx)
{
	padata_mt_begin(ctx);
	if (ctx->run)
		padata_mt_share(ctx);
	padata_mt_end(ctx);
}

/**
 * padata_mt_do_job - padata_do_multithreaded() for one call site
 * @job: The job.
 * @map: The lockdep map of the call site.
 *
 * Context: See padata_do_multithreaded().
 * Return: See padata_do_multithreaded().
 */
int padata_mt_do_job(const struct padata_mt_job *job, struct lockdep_map *map)
{
	struct padata_mt_ctx ctx = {
		.job = job,
		.map = map,
		.late = READ_ONCE(padata_mt_pool.late),
	};

	if (!padata_mt_is_valid(job))
		return -EINVAL;

	might_sleep();
	padata_mt_enter(&ctx);
	/* The helpers that this call waits for hold the map. */
	padata_mt_map_acquire(map, ctx.depth, current->flags);
	padata_mt_map_release(map, ctx.depth);
	trace_padata_mt_job_start(job);

	ctx.progress.next = job->start;
	ctx.began = padata_mt_clock(ctx.late);

	/*
	 * The task that runs a nested job is already counted, as a caller or as
	 * a helper.
	 */
	if (!ctx.depth)
		atomic_inc(&padata_mt_pool.callers);
	padata_mt_run_job(&ctx);
	if (!ctx.depth)
		padata_mt_leave_cpu();
	padata_mt_exit(&ctx);

	return ctx.progress.err;
}
EXPORT_SYMBOL_GPL(padata_mt_do_job);

/* Runs after clocksource_done_booting(). */
static int __init padata_mt_init_late(void)
{
	WRITE_ONCE(padata_mt_pool.late, true);
	return 0;
}
fs_initcall_sync(padata_mt_init_late);
