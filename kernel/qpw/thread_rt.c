// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queue per-CPU work (QPW): the threads qpw/N, which drain on PREEMPT_RT
 */

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/percpu.h>
#include <linux/qpw_mode.h>
#include <linux/qpw_work.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>

#include "internal.h"

/* One for each CPU: a stalled owner delays only its own drainer. */
static DEFINE_PER_CPU(struct kthread_worker *, qpw_worker);

struct qpw_errand {
	struct kthread_work	work;
	struct qpw_struct	*qpw;
};

/*
 * Migration stays enabled.  When the CPU that this thread runs on is isolated,
 * kthreads_update_housekeeping() moves the thread, even while it waits for a
 * lock, and does not have to wait for a preempted owner.
 */
static void qpw_errand_fn(struct kthread_work *work)
{
	struct qpw_struct *qpw = container_of(work, struct qpw_errand,
					      work)->qpw;
	struct lockdep_map map;

	/*
	 * The caller holds this map as well: it waits for what the function
	 * locks.
	 */
	qpw_acquire_flush_map(&map, qpw);
	qpw_call(qpw);
	lock_map_release(&map);
}

/**
 * __qpw_is_thread_of - Is the current task qpw/N?
 * @cpu: The CPU N.
 *
 * Return: true if it is.
 */
bool __qpw_is_thread_of(int cpu)
{
	struct kthread_worker *worker = READ_ONCE(per_cpu(qpw_worker, cpu));

	return worker && worker->task == current;
}
EXPORT_SYMBOL_GPL(__qpw_is_thread_of);

/**
 * qpw_call_for_caller - Let qpw/N call a work function
 * @qpw: The work.
 *
 * A preempted owner inherits the priority of that thread.
 *
 * Context: Process context, may sleep.  The caller is a drainer of the CPU.
 */
void qpw_call_for_caller(struct qpw_struct *qpw)
{
	struct qpw_errand errand = { .qpw = qpw };
	struct kthread_worker *worker;

	worker = READ_ONCE(per_cpu(qpw_worker, qpw->cpu));
	if (!worker) {
		qpw_call_here(qpw);
	} else if (worker->task == current) {
		qpw_call(qpw);
	} else {
		kthread_init_work(&errand.work, qpw_errand_fn);
		kthread_queue_work(worker, &errand.work);
		kthread_flush_work(&errand.work);
	}
}

/*
 * The CPUs for qpw/@cpu: not that CPU, where the thread could not run while the
 * owner is not preemptible, and neither nohz_full CPUs nor CPUs in remote mode,
 * if there are other CPUs.  Of these, kthreads use housekeeping CPUs.
 */
static void qpw_choose_cpus(int cpu, struct cpumask *cpus)
{
	scoped_guard(rcu)
		cpumask_copy(cpus, housekeeping_cpumask(HK_TYPE_KERNEL_NOISE));
	cpumask_clear_cpu(cpu, cpus);
	if (!cpumask_subset(cpus, &qpw_wanted))
		cpumask_andnot(cpus, cpus, &qpw_wanted);
	if (cpumask_empty(cpus))
		cpumask_andnot(cpus, cpu_possible_mask, cpumask_of(cpu));
}

static int qpw_start_thread(int cpu)
{
	cpumask_var_t cpus __free(free_cpumask_var) = CPUMASK_VAR_NULL;
	struct kthread_worker *worker;

	if (per_cpu(qpw_worker, cpu))
		return 0;
	if (!zalloc_cpumask_var(&cpus, GFP_KERNEL))
		return -ENOMEM;
	qpw_choose_cpus(cpu, cpus);

	worker = kthread_create_worker(0, "qpw/%d", cpu);
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	kthread_affine_preferred(worker->task, cpus);
	sched_set_fifo(worker->task);
	wake_up_process(worker->task);
	/* Pairs with the address dependency in qpw_call_for_caller(). */
	smp_store_release(per_cpu_ptr(&qpw_worker, cpu), worker);
	return 0;
}

/**
 * qpw_start_threads - Start the threads that drain CPUs
 * @cpus: The CPUs that are to be in remote mode.
 *
 * A thread that exists stays as it is.
 *
 * Context: Process context, may sleep.  The caller serializes calls and does
 * not hold the CPU hotplug lock.
 *
 * Return: 0, or the error of the first thread that could not be started.
 */
int qpw_start_threads(const struct cpumask *cpus)
{
	int cpu, err;

	for_each_cpu(cpu, cpus) {
		err = qpw_start_thread(cpu);
		if (err)
			return err;
	}
	return 0;
}
