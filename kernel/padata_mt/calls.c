// SPDX-License-Identifier: GPL-2.0-only
/*
 * calls.c - the calls of padata_do_multithreaded() that are in progress
 */

#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>

#include "chunk.h"
#include "internal.h"

/* Hash bits of padata_mt_calls */
#define PADATA_MT_CALL_BITS	6

/* Calls in progress, hashed by task, innermost call first */
static struct padata_mt_calls {
	raw_spinlock_t		lock;
	struct hlist_head	head;
} padata_mt_calls[1 << PADATA_MT_CALL_BITS] = {
	[0 ... (1 << PADATA_MT_CALL_BITS) - 1] = {
		.lock = __RAW_SPIN_LOCK_UNLOCKED(padata_mt_calls.lock),
	},
};

static struct padata_mt_calls *padata_mt_own_calls(void)
{
	return &padata_mt_calls[hash_ptr(current, PADATA_MT_CALL_BITS)];
}

/* The innermost call in progress of this task, or NULL */
static struct padata_mt_ctx *padata_mt_present_call(struct padata_mt_calls *calls)
{
	struct padata_mt_ctx *ctx;

	lockdep_assert_held(&calls->lock);

	hlist_for_each_entry(ctx, &calls->head, node)
		if (ctx->task == current)
			return ctx;

	return NULL;
}

void padata_mt_enter(struct padata_mt_ctx *ctx)
{
	struct padata_mt_calls *calls = padata_mt_own_calls();
	struct padata_mt_worker *self = padata_mt_self();
	struct padata_mt_ctx *outer;

	ctx->task = current;
	guard(raw_spinlock)(&calls->lock);
	outer = padata_mt_present_call(calls);
	if (outer)
		ctx->depth = outer->depth + 1;
	else if (self)
		ctx->depth = self->run->depth + 1;
	hlist_add_head(&ctx->node, &calls->head);
}

void padata_mt_exit(struct padata_mt_ctx *ctx)
{
	struct padata_mt_calls *calls = padata_mt_own_calls();

	guard(raw_spinlock)(&calls->lock);
	hlist_del(&ctx->node);
}

/* The innermost run whose chunk this task holds, or NULL */
struct padata_mt_run *padata_mt_present_run(void)
{
	struct padata_mt_calls *calls = padata_mt_own_calls();
	struct padata_mt_worker *self = padata_mt_self();
	struct padata_mt_ctx *ctx;

	guard(raw_spinlock)(&calls->lock);
	hlist_for_each_entry(ctx, &calls->head, node)
		if (ctx->task == current && ctx->run)
			return ctx->run;

	return self ? self->run : NULL;
}

/* Pairs with the write in padata_mt_note_error(), progress.c. */
static bool padata_mt_is_ending(const struct padata_mt_run *run)
{
	return READ_ONCE(run->progress.err) ||
	       (run->job.killable && fatal_signal_pending(run->main));
}

/*
 * Returns whether one of this task's calls, which nest in each other, is
 * ending.
 */
static bool padata_mt_is_call_ending(void)
{
	struct padata_mt_calls *calls = padata_mt_own_calls();
	struct padata_mt_ctx *ctx;

	guard(raw_spinlock)(&calls->lock);
	hlist_for_each_entry(ctx, &calls->head, node) {
		if (ctx->task != current)
			continue;
		if (padata_mt_is_killed(ctx->job) ||
		    (ctx->run && padata_mt_is_ending(ctx->run)))
			return true;
	}

	return false;
}

/**
 * padata_mt_should_stop - check in a thread function whether to stop
 *
 * For thread functions whose chunks may take long because the cost of an index
 * can rise sharply.  max_chunk bounds the number of indices in a chunk.  This
 * function bounds the time that a chunk takes after an error in another thread,
 * or after a fatal signal to the main thread of a killable job.  It also asks a
 * helper to give its chunk back if any of these is true:
 *
 *  - its CPU was isolated, or removed from the CPU mask of the main thread;
 *  - there are more helpers than max_helpers or the number of online CPUs
 *    allows;
 *  - the main thread now has a scheduling policy, or a CPU group, that gets no
 *    helpers (see padata_do_multithreaded()).
 *
 * A thread function that gets an error from this function undoes what it did of
 * its chunk, as after any error, and returns this error.  It may also complete
 * the chunk and return 0.  The main thread runs a chunk that was given back, so
 * its indices are passed to the thread function again, after higher ones.
 *
 * Context: A thread function, in the task that runs it, where a raw spinlock
 *          may be taken.  Does not sleep.  Costs tens of nanoseconds, so call
 *          it at most about once per microsecond.
 * Return: 0 to continue.
 *         -EINTR if the job is ending.
 *         -EAGAIN if a helper is to give back its chunk.
 */
int padata_mt_should_stop(void)
{
	struct padata_mt_worker *self = padata_mt_self();
	const struct padata_mt_run *run;

	if (padata_mt_is_call_ending())
		return -EINTR;
	if (!self)
		return 0;
	for (run = self->run; run; run = run->outer)
		if (padata_mt_is_ending(run))
			return -EINTR;
	if (!padata_mt_must_leave(self))
		return 0;
	self->thread.gives_back = true;

	return -EAGAIN;
}
EXPORT_SYMBOL_GPL(padata_mt_should_stop);
