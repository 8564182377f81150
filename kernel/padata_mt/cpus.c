// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpus.c - the CPUs that the helpers of a multithreaded job use
 */

#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/nodemask.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>
#include <linux/spinlock.h>
#include <linux/topology.h>

#include "internal.h"

/* Helpers stay off isolated CPUs and nohz_full CPUs. */
static void padata_mt_and_housekeeping(struct cpumask *cpus)
{
	guard(rcu)();
	cpumask_and(cpus, cpus, housekeeping_cpumask(HK_TYPE_DOMAIN));
	cpumask_and(cpus, cpus, housekeeping_cpumask(HK_TYPE_KERNEL_NOISE));
}

static bool padata_mt_is_housekeeping(const struct cpumask *cpus)
{
	guard(rcu)();

	return cpumask_subset(cpus, housekeeping_cpumask(HK_TYPE_DOMAIN)) &&
	       cpumask_subset(cpus, housekeeping_cpumask(HK_TYPE_KERNEL_NOISE));
}

/* The CPUs of an idle worker.  Isolation at run time can leave none. */
void padata_mt_copy_housekeeping(struct cpumask *cpus)
{
	cpumask_copy(cpus, cpu_possible_mask);
	padata_mt_and_housekeeping(cpus);
	if (!cpumask_empty(cpus))
		return;

	guard(rcu)();
	cpumask_copy(cpus, housekeeping_cpumask(HK_TYPE_DOMAIN));
}

static bool padata_mt_uses_all_cpus(const struct padata_mt_job *job)
{
	return job->boot_all_cpus && system_state < SYSTEM_RUNNING;
}

/*
 * Returns whether a helper may use all of @cpus now.  Isolation, the CPU mask
 * of the main thread and those of outer main threads may have changed.  No lock
 * is needed: the helper sees a concurrent change before its next chunk.
 */
bool padata_mt_is_allowed(const struct padata_mt_run *run,
			  const struct cpumask *cpus)
{
	const struct padata_mt_run *r;

	for (r = run; r; r = r->outer)
		if (r->bound &&
		    /*
		     * If the mask is being updated, it is read again before the
		     * next chunk.
		     */
		    !data_race(cpumask_subset(cpus, &r->main->cpus_mask)))
			return false;

	return padata_mt_uses_all_cpus(&run->job) ||
	       padata_mt_is_housekeeping(cpus);
}

/*
 * Removes the CPUs that a helper may not use now.  Reads cpus_mask, because
 * cpus_ptr is one CPU while the main thread has migration disabled.
 */
void padata_mt_and_allowed(const struct padata_mt_run *run,
			   struct cpumask *cpus)
{
	const struct padata_mt_run *r;

	for (r = run; r; r = r->outer) {
		if (!r->bound)
			continue;
		guard(raw_spinlock_irqsave)(&r->main->pi_lock);
		cpumask_and(cpus, cpus, &r->main->cpus_mask);
	}
	if (!padata_mt_uses_all_cpus(&run->job))
		padata_mt_and_housekeeping(cpus);
}

/* The CPU mask of a workqueue worker says nothing about the caller's CPUs. */
const struct cpumask *padata_mt_own_cpus(void)
{
	return current->flags & PF_WQ_WORKER ? cpu_possible_mask :
					       &current->cpus_mask;
}

/* Finds the CPUs for helpers. */
void padata_mt_find_cpus(struct padata_mt_run *run)
{
	/*
	 * If the mask changes now, padata_mt_and_allowed() and each helper read
	 * it again.
	 */
	data_race(cpumask_and(&run->cpus, padata_mt_own_cpus(), cpu_online_mask));
	padata_mt_and_allowed(run, &run->cpus);
}

/* The next node with a CPU that may still get a helper */
static int padata_mt_next_node(struct padata_mt_run *run)
{
	unsigned int tries;

	for (tries = nr_node_ids; tries; tries--) {
		run->nid = next_node_in(run->nid, node_states[N_CPU]);
		if (cpumask_intersects(cpumask_of_node(run->nid), &run->free))
			return run->nid;
	}

	return NUMA_NO_NODE;
}

void padata_mt_choose_cpu(struct padata_mt_worker *worker,
			  struct padata_mt_run *run)
{
	worker->nid = NUMA_NO_NODE;
	if (run->job.numa_aware)
		worker->nid = padata_mt_next_node(run);
	if (worker->nid == NUMA_NO_NODE)
		run->cpu = cpumask_next_wrap(run->cpu, &run->free);
	else
		run->cpu = cpumask_first_and(cpumask_of_node(worker->nid),
					     &run->free);
	__cpumask_clear_cpu(run->cpu, &run->free);
	worker->cpu = run->cpu;
}

/*
 * Called before the worker can run, so it never runs on a CPU that it may not
 * use.
 */
void padata_mt_place(struct padata_mt_worker *worker,
		     struct padata_mt_run *run)
{
	struct task_struct *task = worker->thread.task;

	cpumask_copy(&worker->cpus, &run->cpus);
	padata_mt_and_allowed(run, &worker->cpus);
	if (worker->nid != NUMA_NO_NODE)
		cpumask_and(&worker->cpus, &worker->cpus,
			    cpumask_of_node(worker->nid));

	/* Fails if these CPUs are gone; the helper checks that. */
	set_cpus_allowed_ptr(task, &worker->cpus);
	set_user_nice(task, run->nice);
	if (task != current && cpumask_test_cpu(worker->cpu, &worker->cpus))
		WRITE_ONCE(task->wake_cpu, worker->cpu);
}
