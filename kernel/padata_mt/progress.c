// SPDX-License-Identifier: GPL-2.0-only
/*
 * progress.c - the chunks of a multithreaded job, from the first call to the
 * undo
 */

#include <linux/cleanup.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/memcontrol.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "chunk.h"
#include "estimate.h"
#include "internal.h"
#include "lockdep.h"

#define CREATE_TRACE_POINTS
#include <trace/events/padata_mt.h>

/**
 * DOC: Chunks, holders and errors
 *
 * *Chunks.*  A thread takes a chunk by advancing run->next, so all indices that
 * were taken form one contiguous range.  A thread holds one chunk at a time and
 * does not take another one after an error.  The only state needed to undo a
 * job is therefore one failed chunk for each thread.  A run has room for that
 * from the start.
 *
 * *Closing.*  A run is closed when run->next has reached the end: because no
 * work is left, or because an error or a signal has moved it there.  A closed
 * run is never reopened.  A helper takes its first chunk and joins run->holders
 * in the same critical section of run->lock.  It leaves the list after its last
 * chunk.  The main thread looks for holders under the same lock, after it has
 * seen the run closed.  By then a helper is either a holder, and the main
 * thread waits for it, or it gets no further chunk, and no thread waits for it.
 *
 * *Lifetime.*  The main thread and each helper hold a reference to the run.  A
 * helper accesses data of the caller (thread_fn, fn_arg, the lockdep map of the
 * call site) only while it is a holder.  Everything that it accesses later, the
 * run and its worker, belongs to padata.
 */

void padata_mt_put_run(struct padata_mt_run *run)
{
	struct padata_mt_run *outer;

	for (; run && refcount_dec_and_test(&run->ref); run = outer) {
		outer = run->outer;
		put_task_struct(run->main);
		mem_cgroup_put(run->memcg);
		kfree(run);
	}
}

/* After a signal there is no failed chunk to record. */
void padata_mt_note_error(struct padata_mt_progress *p, int err,
			  struct padata_mt_range *failed,
			  const struct padata_mt_range *chunk)
{
	if (chunk->len)
		failed[p->nr_failed++] = *chunk;
	/* Pairs with the read in padata_mt_is_ending(), calls.c. */
	if (!p->err)
		WRITE_ONCE(p->err, err);
}

/* A cheap clock is precise enough to determine the length of chunks. */
int padata_mt_call_timed(const struct padata_mt_job *job,
			 const struct padata_mt_range *chunk, u64 *ns)
{
	u64 began = local_clock();
	int err = padata_mt_call(job, chunk);

	*ns = padata_mt_since(began, local_clock());
	trace_padata_mt_chunk(job, chunk->start, chunk->len, *ns, err);

	return err;
}

/* Closes the run.  If no work is left, a signal has no effect. */
static void padata_mt_fail(struct padata_mt_run *run,
			   struct padata_mt_thread *t, int err)
{
	unsigned long next = atomic_long_xchg(&run->next, run->end);

	lockdep_assert_held(&run->lock);

	if (next != run->end)
		run->progress.next = next;
	else if (!t->chunk.len)
		return;
	padata_mt_note_error(&run->progress, err, run->failed, &t->chunk);
}

/*
 * A helper takes its first chunk and becomes a holder in one critical section.
 */
bool padata_mt_join(struct padata_mt_run *run, struct padata_mt_thread *t)
{
	padata_mt_window();
	guard(raw_spinlock)(&run->lock);

	if (!padata_mt_take(run, t))
		return false;
	list_add_tail(&t->node, &run->holders);

	return true;
}

/* Called when the thread holds no chunk and will take none. */
void padata_mt_finish(struct padata_mt_run *run,
		      struct padata_mt_thread *t, int err)
{
	lockdep_assert_held(&run->lock);

	/*
	 * The main thread runs this chunk after all others, unless the job
	 * fails.
	 */
	if (t->gives_back)
		run->failed[run->progress.nr_failed++] = t->chunk;
	else if (err)
		padata_mt_fail(run, t, err);
	run->progress.chunks += t->chunks;
	if (t->chunks && t->counted != run->id)
		run->progress.threads++;
	t->counted = run->id;
}

void padata_mt_quit(struct padata_mt_run *run,
		    struct padata_mt_thread *t, int err)
{
	padata_mt_window();
	guard(raw_spinlock)(&run->lock);

	run->over_high += mem_cgroup_take_over_high();
	padata_mt_finish(run, t, err);
	list_del_init(&t->node);
	if (!run->waiting)
		return;
	if (list_empty(&run->holders))
		wake_up_process(run->main);
	else if (t->lifted)
		padata_mt_lift_one(run);
}

/*
 * The cost of an index varies, and so does the CPU time that a thread gets.  A
 * chunk that another bound kept short does not show that the slice is too
 * small.  It may still show that the slice is too large.
 */
static void padata_mt_adapt(struct padata_mt_thread *t)
{
	unsigned long len = t->chunk.len;

	if (t->ns > PADATA_MT_SLICE_NS)
		t->slice = max(padata_mt_slice(len, t->ns),
			       len / PADATA_MT_GROWTH);
	else if (len >= t->slice)
		t->slice = min(padata_mt_slice(len, t->ns),
			       padata_mt_grow(len));
}

static int padata_mt_call_shared(struct padata_mt_run *run,
				 struct padata_mt_thread *t)
{
	int err;

	cond_resched_tasks_rcu_qs();
	err = padata_mt_call_timed(&run->job, &t->chunk, &t->ns);
	padata_mt_adapt(t);

	return err;
}

int padata_mt_call_tracked(struct padata_mt_run *run,
			   struct padata_mt_thread *t)
{
	int err;

	padata_mt_map_acquire(run->map, run->depth, run->pflags);
	err = padata_mt_call_shared(run, t);
	padata_mt_map_release(run->map, run->depth);

	return err;
}

static int padata_mt_cmp_ranges(const void *a, const void *b)
{
	const struct padata_mt_range *x = a, *y = b;

	return cmp_int(x->start, y->start);
}

/* Undoes all chunks that were taken and did not fail. */
void padata_mt_undo(const struct padata_mt_job *job,
		    const struct padata_mt_progress *p,
		    struct padata_mt_range *failed)
{
	unsigned long next = job->start;
	unsigned int i;

	sort(failed, p->nr_failed, sizeof(*failed), padata_mt_cmp_ranges, NULL);
	for (i = 0; i < p->nr_failed; i++) {
		if (next < failed[i].start)
			job->undo_fn(next, failed[i].start, job->fn_arg);
		next = failed[i].start + failed[i].len;
	}
	if (next < p->next)
		job->undo_fn(next, p->next, job->fn_arg);
}
