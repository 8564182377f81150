// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queue per-CPU work (QPW): work runs in its caller or in a worker
 */

/**
 * DOC: Work
 *
 * **Work** records its CPU, but workqueues do not guarantee that it runs there:
 * when a CPU goes offline, its workers continue on other CPUs.  The worker
 * therefore first disables migration.  If it is on the CPU of the work, it
 * calls the work function.  If that CPU is in remote mode, it becomes a drainer
 * of that CPU and calls the function.  In all other cases it drops the work:
 * the CPU is going offline, and callbacks for the dead CPU will drain it.  The
 * worker records in the work that it was dropped or, before it calls the
 * function, that it was not.  A flush reads that record after the work has
 * ended.
 *
 * Work is initialized as a work item and flushed as one in every mode.  If the
 * caller has run it, there is nothing to flush, whatever the CPU's mode is by
 * then.
 */

#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/qpw_mode.h>
#include <linux/qpw_work.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

#include "internal.h"
#include "stats.h"

/*
 * Acquires what a flush of the work acquires.  As in a workqueue, the function
 * may free its work.
 */
void qpw_acquire_flush_map(struct lockdep_map *map, struct qpw_struct *qpw)
{
#ifdef CONFIG_LOCKDEP
	lockdep_copy_map(map, &qpw->work.lockdep_map);
#endif
	lock_map_acquire(map);
}

/*
 * Calls the work function for a CPU in remote mode.  The caller is counted as a
 * drainer and cannot migrate.  If it is qpw/N it can, and the task that waits
 * for it is counted.
 */
void qpw_call(struct qpw_struct *qpw)
{
	trace_qpw_remote_run(qpw->cpu, qpw->func);
	atomic_long_inc(&qpw_counters_of(qpw->cpu)->remote_runs);
	WRITE_ONCE(qpw->dropped, false);
	qpw_drain_acquire();
	qpw->func(qpw);
	qpw_drain_release();
}

/* Calls the work function in the current task. */
void qpw_call_here(struct qpw_struct *qpw)
{
	migrate_disable();
	qpw_call(qpw);
	migrate_enable();
}

/**
 * __qpw_work_fn - Run queued work
 * @work: The work item in a struct qpw_struct.
 *
 * If this is not the CPU of the work, that CPU is going offline or is already
 * offline.
 */
void __qpw_work_fn(struct work_struct *work)
{
	struct qpw_struct *qpw = container_of(work, struct qpw_struct, work);
	int cpu = qpw->cpu;

	migrate_disable();
	if (likely(smp_processor_id() == cpu)) {
		/*
		 * Not later: the work may have been freed by the time its
		 * function returns.
		 */
		WRITE_ONCE(qpw->dropped, false);
		qpw->func(qpw);
	} else if (qpw_begin_drain(cpu)) {
		qpw_call(qpw);
		qpw_end_drain(cpu);
	} else {
		WRITE_ONCE(qpw->dropped, true);
	}
	migrate_enable();
}
EXPORT_SYMBOL_GPL(__qpw_work_fn);

static bool qpw_queue(int cpu, struct workqueue_struct *wq,
		      struct qpw_struct *qpw)
{
	/* Once queued, the work may end and its memory may be freed. */
	qpw_func_t func = qpw->func;

	lockdep_assert(qpw->cpu == cpu);
	if (!queue_work_on(cpu, wq, &qpw->work))
		return false;
	trace_qpw_queue(cpu, func);
	atomic_long_inc(&qpw_counters_of(cpu)->queued);
	return true;
}

/*
 * Becomes a drainer of a CPU in remote mode, otherwise queues the work.  A task
 * that puts the CPU into remote mode waits for a grace period, and flushes the
 * workqueue.  In one critical section, so that this flush finds the work.
 */
static bool qpw_begin_or_queue(int cpu, struct workqueue_struct *wq,
			       struct qpw_struct *qpw, bool *queued)
{
	guard(rcu)();
	if (qpw_begin_drain(cpu))
		return true;
	*queued = qpw_queue(cpu, wq, qpw);
	return false;
}

/* Calls @call for a CPU in remote mode, otherwise queues the work. */
static bool qpw_call_or_queue(int cpu, struct workqueue_struct *wq,
			      struct qpw_struct *qpw,
			      void (*call)(struct qpw_struct *qpw))
{
	struct lockdep_map map;
	bool queued;

	if (!qpw_begin_or_queue(cpu, wq, qpw, &queued))
		return queued;

	lockdep_assert(qpw->cpu == cpu);
	/*
	 * A flush depends on the locks of the function, even if the function
	 * runs here.
	 */
	qpw_acquire_flush_map(&map, qpw);
	call(qpw);
	lock_map_release(&map);
	qpw_end_drain(cpu);
	return true;
}

bool __queue_percpu_work_on(int cpu, struct workqueue_struct *wq,
			    struct qpw_struct *qpw)
{
	return qpw_call_or_queue(cpu, wq, qpw, qpw_call_for_caller);
}
EXPORT_SYMBOL_GPL(__queue_percpu_work_on);

/*
 * The function only tries the lock and never waits for an owner, so PREEMPT_RT
 * does not need qpw/N and its priority here.
 */
bool __queue_percpu_work_on_nowait(int cpu, struct workqueue_struct *wq,
				   struct qpw_struct *qpw)
{
	return qpw_call_or_queue(cpu, wq, qpw, qpw_call_here);
}
EXPORT_SYMBOL_GPL(__queue_percpu_work_on_nowait);

/*
 * Among BITS_PER_LONG of @cpus, queues work for the CPUs not in remote mode,
 * and returns the others.  The caller keeps this result, because modes can
 * change in between.  The works cannot keep it, because other callers may queue
 * the same works.
 */
static unsigned long qpw_queue_local(const struct cpumask *cpus, int first,
				     struct workqueue_struct *wq,
				     struct qpw_struct __percpu *qpws)
{
	unsigned long mask = cpumask_bits(cpus)[BIT_WORD(first)];
	unsigned long remote = 0;
	unsigned int bit;

	for_each_set_bit(bit, &mask, min(BITS_PER_LONG, nr_cpu_ids - first)) {
		int cpu = first + bit;

		guard(rcu)();
		if (__qpw_is_cpu_remote(cpu))
			remote |= BIT(bit);
		else
			qpw_queue(cpu, wq, per_cpu_ptr(qpws, cpu));
	}
	return remote;
}

void __queue_percpu_work_on_cpus(const struct cpumask *cpus,
				 struct workqueue_struct *wq,
				 struct qpw_struct __percpu *qpws)
{
	unsigned long remote;
	unsigned int bit;
	int first, cpu;

	for (first = 0; first < nr_cpu_ids; first += BITS_PER_LONG) {
		remote = qpw_queue_local(cpus, first, wq, qpws);
		for_each_set_bit(bit, &remote, BITS_PER_LONG) {
			cpu = first + bit;
			__queue_percpu_work_on(cpu, wq, per_cpu_ptr(qpws, cpu));
		}
	}
}
EXPORT_SYMBOL_GPL(__queue_percpu_work_on_cpus);
