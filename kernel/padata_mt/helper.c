// SPDX-License-Identifier: GPL-2.0-only
/*
 * helper.c - a helper's part in the run of a multithreaded job
 */

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include "chunk.h"
#include "estimate.h"
#include "internal.h"
#include "limits.h"

/**
 * DOC: When a helper leaves
 *
 * Before each chunk, including its first, a helper checks whether it may stay.
 * It leaves if any of these is true:
 *
 *  - there are more helpers than max_helpers or the number of online CPUs
 *    allows;
 *  - it finds more callers and helpers than CPUs, twice in a row;
 *  - the main thread has a scheduling policy, or a CPU group, that gets no
 *    helpers; in a nested job, this applies to the outer main threads as well;
 *  - the main thread may use too few CPUs, not counting isolated and nohz_full
 *    CPUs;
 *  - the CPU groups of the outermost main thread have a bandwidth limit, and not
 *    enough runtime to spare for the chunk.
 *
 * If there are enough of these CPUs, but their set has changed, the helper
 * moves.  The run holds references to the main thread and to the outer run, so
 * both CPU masks can be read.  A helper that leaves makes room for another one:
 * after its own next chunk, the main thread asks for a new helper if the rest
 * of the work is worth it.
 *
 * *Giving back.*  padata_mt_should_stop() lets a helper leave in the middle of
 * a chunk.  The chunk then occupies the helper's entry of run->failed, which no
 * other helper gets, and the main thread runs the chunk when all helpers are
 * done.
 */

/* A helper leaves if it finds too many threads this many times in a row. */
#define PADATA_MT_CROWDED	2

/* Short jobs count as callers as well, so one sample is not enough. */
static bool padata_mt_is_crowded(struct padata_mt_worker *worker)
{
	if (padata_mt_exceeds(1))
		return true;
	if (padata_mt_exceeds(atomic_read(&padata_mt_pool.callers)))
		worker->crowded++;
	else
		worker->crowded = 0;

	return worker->crowded >= PADATA_MT_CROWDED;
}

static bool padata_mt_is_surplus(struct padata_mt_worker *worker)
{
	unsigned int callers;

	if (!padata_mt_is_crowded(worker))
		return false;

	guard(raw_spinlock)(&padata_mt_pool.lock);
	callers = max(atomic_read(&padata_mt_pool.callers), 1);
	if (!padata_mt_exceeds(worker->crowded ? callers : 1))
		return false;
	padata_mt_depart(worker);

	return true;
}

/*
 * Returns whether a job that has lost CPUs still has enough for this helper to
 * stay.
 */
static bool padata_mt_has_cpu(struct padata_mt_worker *worker)
{
	unsigned int cpus = cpumask_weight(&worker->cpus);
	struct padata_mt_run *run = worker->run;

	/*
	 * A sleeping main thread may still be on a CPU that it may no longer
	 * use.  If its mask changes again, the next check sees that.
	 */
	if (cpus && (cpumask_test_cpu(task_cpu(run->main), &worker->cpus) ||
		     /* Without a lock, see above. */
		     data_race(cpumask_subset(&run->main->cpus_mask,
					      &worker->cpus))))
		cpus--;

	guard(raw_spinlock)(&padata_mt_pool.lock);
	if (worker->nid == NUMA_NO_NODE)
		WRITE_ONCE(run->limit, min(run->limit, cpus));
	else if (!cpus && run->limit)
		WRITE_ONCE(run->limit, run->limit - 1);

	return cpus && run->threads - 1 - run->missing <= run->limit;
}

/*
 * If its CPUs were gone at placement or went offline later, a helper has the
 * CPU mask of its last run or one that the scheduler chose.  That mask may
 * contain CPUs that the job must not use, even if the present CPU is not one of
 * them.
 */
static bool padata_mt_heed_cpus(struct padata_mt_worker *worker)
{
	if (cpumask_empty(&worker->cpus) ||
	    !cpumask_subset(&worker->cpus, cpu_online_mask) ||
	    !padata_mt_is_allowed(worker->run, &worker->cpus)) {
		cpumask_and(&worker->cpus, &worker->cpus, cpu_online_mask);
		padata_mt_and_allowed(worker->run, &worker->cpus);
		if (!padata_mt_has_cpu(worker))
			return false;
		/* This fails if no CPU is left. */
		set_cpus_allowed_ptr(current, &worker->cpus);
	}

	/* If CPU hotplug changes the mask, the next check sees that. */
	return data_race(cpumask_subset(current->cpus_ptr, &worker->cpus));
}

/*
 * What a helper pays before its next chunk.  It pays the rest with the chunk after that,
 * because runtime is spare for a short time only.
 */
static u64 padata_mt_advance(const struct padata_mt_worker *worker)
{
	const struct padata_mt_thread *t = &worker->thread;
	const struct padata_mt_run *run = worker->run;
	unsigned long left = run->end - atomic_long_read(&run->next);
	u64 ns = padata_mt_scale(PADATA_MT_SLICE_NS,
				 padata_mt_want(run, t, left), t->slice);

	return min(ns, PADATA_MT_ADVANCE_NS);
}

/* Takes runtime for many short chunks at once, as they contend for the groups' locks. */
static bool padata_mt_has_funds(struct padata_mt_worker *worker)
{
	u64 ns = padata_mt_advance(worker);

	return worker->funds >= (s64)ns ||
	       padata_mt_fund(worker, PADATA_MT_ADVANCE_NS) ||
	       padata_mt_fund(worker, ns);
}

/* Called before each chunk of a helper. */
static bool padata_mt_may_stay(struct padata_mt_worker *worker)
{
	if (padata_mt_is_surplus(worker))
		return false;
	if (!padata_mt_is_unhelped(worker->run) && padata_mt_heed_cpus(worker) &&
	    padata_mt_has_funds(worker))
		return true;

	guard(raw_spinlock)(&padata_mt_pool.lock);
	padata_mt_depart(worker);

	return false;
}

/* The reasons to leave that cannot wait until the end of a chunk */
bool padata_mt_must_leave(const struct padata_mt_worker *self)
{
	return padata_mt_is_unhelped(self->run) || padata_mt_exceeds(1) ||
	       !padata_mt_is_allowed(self->run,
				     cpumask_of(raw_smp_processor_id()));
}

/* A leaked context would affect the next job of this thread. */
static void padata_mt_check_leak(const struct padata_mt_job *job)
{
	WARN_ONCE(in_atomic() || rcu_preempt_depth() || lockdep_depth(current),
		  "%ps returned with a lock held or preemption off\n",
		  job->thread_fn);
}

static int padata_mt_call_in_helper(struct padata_mt_worker *worker)
{
	struct padata_mt_thread *t = &worker->thread;
	struct padata_mt_run *run = worker->run;
	int err;

	t->gives_back = false;
	padata_mt_borrow_mems(run);
	err = padata_mt_call_tracked(run, t);
	padata_mt_charge_time(worker);
	padata_mt_check_leak(&run->job);
	if (err != -EAGAIN)
		t->gives_back = false;

	return err;
}

static void padata_mt_take_part(struct padata_mt_worker *worker)
{
	struct padata_mt_thread *t = &worker->thread;
	struct padata_mt_run *run = worker->run;
	int err;

	if (!padata_mt_may_stay(worker) || !padata_mt_join(run, t))
		return;
	/*
	 * The main thread waits for holders, so leave a closed run immediately.
	 */
	do {
		err = padata_mt_call_in_helper(worker);
	} while (!err && !padata_mt_is_closed(run) &&
		 padata_mt_may_stay(worker) && padata_mt_take(run, t));
	padata_mt_settle(worker);
	padata_mt_quit(run, t, err);
}

static void padata_mt_help(struct padata_mt_worker *worker)
{
	struct padata_mt_thread *t = &worker->thread;
	struct padata_mt_run *run = worker->run;

	/*
	 * Fan-out: the last of many helpers starts earlier than if one thread
	 * sent them all.
	 */
	if (READ_ONCE(padata_mt_pool.missing))
		padata_mt_seek_helpers(PADATA_MT_FANOUT);

	t->slice = READ_ONCE(run->slice);
	t->chunks = 0;
	t->gives_back = false;
	worker->crowded = 0;

	padata_mt_borrow(worker);
	padata_mt_take_part(worker);
	padata_mt_return(worker);

	if (t->lifted)
		sched_set_normal(current, run->nice);
	t->lifted = false;
	padata_mt_leave(run);
	padata_mt_put_run(run);
}

/* The worker that runs this code, or NULL */
struct padata_mt_worker *padata_mt_self(void)
{
	if (!(current->flags & PF_KTHREAD) ||
	    kthread_func(current) != padata_mt_work)
		return NULL;

	return kthread_data(current);
}

int padata_mt_work(void *worker)
{
	while (padata_mt_find_run(worker))
		padata_mt_help(worker);

	return 0;
}
