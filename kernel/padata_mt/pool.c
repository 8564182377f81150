// SPDX-License-Identifier: GPL-2.0-only
/*
 * pool.c - workers, and the runs of multithreaded jobs that lack them
 */

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "chunk.h"
#include "internal.h"
#include "limits.h"

/**
 * DOC: Workers and pending runs
 *
 * *Workers* are kernel threads that become helpers of runs.  They are created
 * in the background when a run lacks helpers, and exit after they have been
 * idle for a long time.  A worker is in one of three states:
 *
 *  - idle: on padata_mt_pool.idle, asleep or about to sleep.
 *  - assigned: on run->sent and counted in padata_mt_pool.helping, and
 *    worker->run is set.  The thread that assigned it, which may be the worker
 *    itself, sets the CPU mask and the nice value of the worker while
 *    worker->placing is set.  Then it clears worker->placing and wakes the
 *    worker.
 *  - helping: on neither list.  It works on worker->run until that is closed or
 *    until the worker has to leave.  Then it assigns itself to a run on
 *    padata_mt_pool.pending, or becomes idle.
 *
 * The state changes under padata_mt_pool.lock.  If its CPUs are busy, an
 * assigned worker may not run for a long time, so the main thread recalls all
 * workers on run->sent once the run is closed.  A worker that is being placed
 * at that time becomes idle after the placement, and no other thread may place
 * it before that.  The placing thread holds its own reference to the run.
 *
 * *Pending runs.*  A run that lacks helpers is on padata_mt_pool.pending until
 * it has them, until a helper finds it closed, or until its main thread takes
 * it off.  The main thread does that before it drops its reference.  Each CPU
 * of a run has one helper at most, and run->threads never exceeds
 * run->max_threads.  A helper whose chunk failed or was given back remains
 * counted in run->threads, so padata_mt_run.failed has room for all these
 * chunks.
 *
 * *Fan-out.*  The main thread sends PADATA_MT_FANOUT helpers and then works.
 * Each helper sends the same number before its first chunk.  After each of its
 * chunks the main thread sends one more if some are missing, because a helper
 * that was sent may not have run yet.
 */

struct padata_mt_pool padata_mt_pool = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(padata_mt_pool.lock),
	.idle = LIST_HEAD_INIT(padata_mt_pool.idle),
	.pending = LIST_HEAD_INIT(padata_mt_pool.pending),
};

unsigned int padata_mt_max_helpers __read_mostly = INT_MAX;
EXPORT_SYMBOL_IF_KUNIT(padata_mt_max_helpers);

static void padata_mt_release(struct padata_mt_worker *worker)
{
	lockdep_assert_held(&padata_mt_pool.lock);

	WRITE_ONCE(padata_mt_pool.helping,
		   padata_mt_pool.helping - worker->helping);
	worker->helping = false;
}

/* Allows the run another helper in place of this one. */
void padata_mt_depart(struct padata_mt_worker *worker)
{
	struct padata_mt_run *run = worker->run;

	lockdep_assert_held(&padata_mt_pool.lock);

	padata_mt_release(worker);
	WRITE_ONCE(run->threads, run->threads - 1);
	__cpumask_set_cpu(worker->cpu, &run->free);
}

/* Pending runs get helpers round robin. */
static void padata_mt_assign(struct padata_mt_worker *worker,
			     struct padata_mt_run *run)
{
	lockdep_assert_held(&padata_mt_pool.lock);

	WRITE_ONCE(padata_mt_pool.helping, padata_mt_pool.helping + 1);
	worker->helping = true;
	worker->placing = true;
	WRITE_ONCE(worker->run, run);
	list_move(&worker->node, &run->sent);
	/* One reference for the helper, one until it is placed */
	refcount_add(2, &run->ref);
	padata_mt_choose_cpu(worker, run);
	WRITE_ONCE(padata_mt_pool.missing, padata_mt_pool.missing - 1);
	if (--run->missing)
		list_move_tail(&run->pending, &padata_mt_pool.pending);
	else
		list_del_init(&run->pending);
}

/* Assigns an idle worker to a pending run, if there are both. */
static struct padata_mt_worker *padata_mt_match(struct padata_mt_run **runp)
{
	struct padata_mt_worker *worker;
	struct padata_mt_run *run;

	guard(raw_spinlock)(&padata_mt_pool.lock);

	worker = list_first_entry_or_null(&padata_mt_pool.idle, typeof(*worker),
					  node);
	run = list_first_entry_or_null(&padata_mt_pool.pending, typeof(*run),
				       pending);
	if (!worker || !run || !padata_mt_has_room())
		return NULL;

	padata_mt_assign(worker, run);
	*runp = run;

	return worker;
}

/* The worker becomes idle. */
static void padata_mt_make_idle(struct padata_mt_worker *worker)
{
	lockdep_assert_held(&padata_mt_pool.lock);

	worker->idle_since = jiffies;
	/* At the tail, because the worker may not be asleep yet. */
	list_move_tail(&worker->node, &padata_mt_pool.idle);
}

/* Places an assigned worker.  Returns false if it was recalled meanwhile. */
static bool padata_mt_deliver(struct padata_mt_worker *worker,
			      struct padata_mt_run *run)
{
	bool sent;

	padata_mt_window();
	padata_mt_place(worker, run);
	padata_mt_window();
	scoped_guard(raw_spinlock, &padata_mt_pool.lock) {
		worker->placing = false;
		sent = worker->run;
		if (!sent)
			padata_mt_make_idle(worker);
	}
	padata_mt_put_run(run);

	return sent;
}

/* Sends at most @max helpers, because the caller has work to do. */
static void padata_mt_send_helpers(unsigned int max)
{
	struct padata_mt_worker *worker;
	struct padata_mt_run *run;
	struct task_struct *task;

	while (max-- && (worker = padata_mt_match(&run))) {
		/*
		 * After its placement the worker may help, become idle and end
		 * at any time.
		 */
		task = get_task_struct(worker->thread.task);
		if (padata_mt_deliver(worker, run))
			wake_up_process(task);
		put_task_struct(task);
	}
}

/*
 * Takes back the workers that have not started.  A worker that is being placed
 * becomes idle after the placement, and no other thread may place it before.
 * Returns the number of workers that it took back.
 */
static unsigned int padata_mt_recall(struct padata_mt_run *run)
{
	struct padata_mt_worker *worker, *next;
	unsigned int recalled = 0;

	lockdep_assert_held(&padata_mt_pool.lock);

	list_for_each_entry_safe(worker, next, &run->sent, node) {
		padata_mt_depart(worker);
		WRITE_ONCE(worker->run, NULL);
		list_del_init(&worker->node);
		if (!worker->placing)
			padata_mt_make_idle(worker);
		/* Not the last reference: the main thread has one. */
		refcount_dec(&run->ref);
		recalled++;
	}

	return recalled;
}

/* Takes @run off padata_mt_pool.pending, so it gets no more helpers. */
static void padata_mt_unlist(struct padata_mt_run *run)
{
	lockdep_assert_held(&padata_mt_pool.lock);

	if (list_empty(&run->pending))
		return;
	list_del_init(&run->pending);
	WRITE_ONCE(padata_mt_pool.missing,
		   padata_mt_pool.missing - run->missing);
	run->missing = 0;
}

/*
 * Takes a closed run off padata_mt_pool.pending, because its main thread may be
 * busy for a while.  If the check without the lock misses that it is pending,
 * the main thread takes it off.
 */
void padata_mt_leave(struct padata_mt_run *run)
{
	/* Without the lock, as a hint. */
	if (data_race(list_empty(&run->pending)) || !padata_mt_is_closed(run))
		return;

	guard(raw_spinlock)(&padata_mt_pool.lock);
	padata_mt_unlist(run);
}

/* Returns whether more workers would help the pending runs. */
bool padata_mt_lacks_workers(void)
{
	unsigned int limit = padata_mt_limit(atomic_read(&padata_mt_pool.callers));

	guard(raw_spinlock)(&padata_mt_pool.lock);

	return padata_mt_pool.workers <
	       min(padata_mt_pool.helping + padata_mt_pool.missing, limit);
}

/*
 * Sends at most @max helpers to pending runs, after a run was added or the
 * limit was raised.
 */
void padata_mt_seek_helpers(unsigned int max)
{
	/*
	 * Orders adding a run before this; pairs with padata_mt_leave_cpu(),
	 * job.c.
	 */
	smp_mb();
	padata_mt_send_helpers(max);
	if (padata_mt_lacks_workers())
		mod_delayed_work(system_dfl_wq, &padata_mt_pool.manager, 0);
}

/* Asks for @more helpers in addition to those that were sent or are missing. */
void padata_mt_add_missing(struct padata_mt_run *run, unsigned int more)
{
	scoped_guard(raw_spinlock, &padata_mt_pool.lock) {
		run->missing += more;
		WRITE_ONCE(padata_mt_pool.missing, padata_mt_pool.missing + more);
		WRITE_ONCE(run->threads, run->threads + more);
		if (list_empty(&run->pending))
			list_add_tail(&run->pending, &padata_mt_pool.pending);
	}
	padata_mt_seek_helpers(min(more, PADATA_MT_FANOUT));
}

/* No helper joins this run after this, unless the main thread asks for more. */
void padata_mt_dismiss(struct padata_mt_run *run)
{
	unsigned int recalled;

	padata_mt_window();
	scoped_guard(raw_spinlock, &padata_mt_pool.lock) {
		WRITE_ONCE(run->threads, run->threads - run->missing);
		padata_mt_unlist(run);
		recalled = padata_mt_recall(run);
	}
	if (recalled && READ_ONCE(padata_mt_pool.missing))
		padata_mt_seek_helpers(recalled);
}

/*
 * Leaves the last run, which may have been freed, and finds another one or
 * becomes idle.
 */
static struct padata_mt_run *padata_mt_next_run(struct padata_mt_worker *worker)
{
	struct padata_mt_run *run;

	padata_mt_window();
	guard(raw_spinlock)(&padata_mt_pool.lock);

	padata_mt_release(worker);
	WRITE_ONCE(worker->run, NULL);

	run = list_first_entry_or_null(&padata_mt_pool.pending, typeof(*run),
				       pending);
	if (run && padata_mt_has_room()) {
		padata_mt_assign(worker, run);
		return run;
	}

	worker->idle_since = jiffies;
	list_add(&worker->node, &padata_mt_pool.idle);

	return NULL;
}

/* Starts to help, unless the worker is not yet placed or was recalled. */
static bool padata_mt_come(struct padata_mt_worker *worker)
{
	guard(raw_spinlock)(&padata_mt_pool.lock);

	if (!worker->run || worker->placing)
		return false;
	list_del_init(&worker->node);

	return true;
}

/* Returns false if the worker must exit. */
static bool padata_mt_wait_for_run(struct padata_mt_worker *worker)
{
	bool stop = false;

	for (;;) {
		set_current_state(TASK_IDLE);
		if (READ_ONCE(worker->run) && padata_mt_come(worker))
			break;
		stop = kthread_should_stop();
		if (stop)
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);

	return !stop;
}

bool padata_mt_find_run(struct padata_mt_worker *worker)
{
	struct padata_mt_run *run = padata_mt_next_run(worker);

	if (run)
		padata_mt_deliver(worker, run);

	return padata_mt_wait_for_run(worker);
}

#if IS_ENABLED(CONFIG_KUNIT)
unsigned int padata_mt_nr_helping(void)
{
	return READ_ONCE(padata_mt_pool.helping);
}
EXPORT_SYMBOL_IF_KUNIT(padata_mt_nr_helping);

unsigned int padata_mt_nr_workers(void)
{
	return READ_ONCE(padata_mt_pool.workers);
}
EXPORT_SYMBOL_IF_KUNIT(padata_mt_nr_workers);
#endif
