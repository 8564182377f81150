// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queue per-CPU work (QPW): the threads qpw/N, which drain on PREEMPT_RT
 */

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/percpu.h>
#include <linux/qpw_mode.h>
#include <linux/qpw_work.h>
#include <linux/sched.h>

#include "internal.h"

/* One for each CPU: a stalled owner delays only its own drainer. */
static DEFINE_PER_CPU(struct kthread_worker *, qpw_worker);

struct qpw_errand {
	struct kthread_work	work;
	struct qpw_struct	*qpw;
	bool			done;
};

static void qpw_errand_fn(struct kthread_work *work)
{
	struct qpw_errand *errand;

	errand = container_of(work, struct qpw_errand, work);
	/*
	 * The caller holds this map as well: it waits for what the function
	 * locks.
	 */
	lock_map_acquire(&errand->qpw->work.lockdep_map);
	errand->done = qpw_run_remotely(errand->qpw);
	lock_map_release(&errand->qpw->work.lockdep_map);
}

/*
 * Lets qpw/N call the work function, so that a preempted owner inherits its
 * priority.
 */
bool qpw_run_for_caller(struct qpw_struct *qpw)
{
	struct qpw_errand errand = { .qpw = qpw };
	struct kthread_worker *worker;

	worker = READ_ONCE(per_cpu(qpw_worker, qpw->cpu));
	if (!worker || worker->task == current)
		return qpw_run_remotely(qpw);
	kthread_init_work(&errand.work, qpw_errand_fn);
	kthread_queue_work(worker, &errand.work);
	kthread_flush_work(&errand.work);
	return errand.done;
}

int qpw_start_worker(int cpu)
{
	cpumask_var_t housekeepers __free(free_cpumask_var) = CPUMASK_VAR_NULL;
	struct kthread_worker *worker;
	int other;

	if (per_cpu(qpw_worker, cpu))
		return 0;
	if (!zalloc_cpumask_var(&housekeepers, GFP_KERNEL))
		return -ENOMEM;
	for_each_possible_cpu(other)
		if (other != cpu && qpw_is_housekeeper(other))
			cpumask_set_cpu(other, housekeepers);
	/*
	 * Not on @cpu, where it could not run while the owner is not
	 * preemptible.
	 */
	if (cpumask_empty(housekeepers))
		cpumask_andnot(housekeepers, cpu_possible_mask,
			       cpumask_of(cpu));

	worker = kthread_create_worker(0, "qpw/%d", cpu);
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	kthread_affine_preferred(worker->task, housekeepers);
	sched_set_fifo(worker->task);
	wake_up_process(worker->task);
	/* Pairs with the address dependency in qpw_run_for_caller(). */
	smp_store_release(per_cpu_ptr(&qpw_worker, cpu), worker);
	return 0;
}

static int __init qpw_start_workers(void)
{
	int cpu, err = 0;

	for_each_possible_cpu(cpu)
		if (!err && __qpw_is_cpu_remote(cpu))
			err = qpw_start_worker(cpu);
	return err;
}
core_initcall(qpw_start_workers);
