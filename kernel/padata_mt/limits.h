/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * limits.h - how many helpers all jobs may have together, and which callers get
 * none
 */

#ifndef _KERNEL_PADATA_MT_LIMITS_H
#define _KERNEL_PADATA_MT_LIMITS_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/cputime.h>
#include <linux/sched/rt.h>

#include "estimate.h"
#include "internal.h"

/* The limit for the helpers of all jobs.  Each caller needs a CPU, too. */
static inline unsigned int padata_mt_limit(unsigned int callers)
{
	unsigned int cpus = num_online_cpus();

	return min(cpus - min(cpus, callers),
		   READ_ONCE(padata_mt_max_helpers));
}

/*
 * There are too many helpers, because CPUs went offline, more callers came, or
 * the administrator lowered max_helpers.
 */
static inline bool padata_mt_exceeds(unsigned int callers)
{
	return READ_ONCE(padata_mt_pool.helping) > padata_mt_limit(callers);
}

static inline bool padata_mt_has_room(void)
{
	return padata_mt_pool.helping <
	       padata_mt_limit(atomic_read(&padata_mt_pool.callers));
}

/*
 * Helpers run at nice 19 in the root group.  A real-time or deadline caller would
 * wait for them, and they would take CPU time from the peers of a SCHED_IDLE
 * caller.  With helpers, a caller could exceed the weight of its CPU group.
 *
 * Before a helper is a holder, @task may have exited.  A task_struct keeps its CPU
 * group.
 */
static inline bool padata_mt_is_served(struct task_struct *task)
{
	/* The policy may change at any time; the next check sees that. */
	int policy = data_race(task->policy);

	return (policy == SCHED_NORMAL || policy == SCHED_BATCH ||
		policy == SCHED_EXT) && task_group_nice(task) <= MAX_NICE;
}

/* Returns whether the helpers of @run, and of jobs in its chunks, must leave. */
static inline bool padata_mt_is_unhelped(const struct padata_mt_run *run)
{
	for (; run; run = run->outer)
		if (READ_ONCE(run->unhelped) || !padata_mt_is_served(run->main))
			return true;

	return false;
}

/*
 * A caller that has inherited a real-time priority works alone, too.  @outer is
 * the run whose chunk the caller holds, or NULL.
 */
static inline bool padata_mt_may_have_helpers(const struct padata_mt_run *outer)
{
	/*
	 * Priority inheritance can change this at any time; checked after each
	 * chunk.
	 */
	bool inherits = data_race(rt_or_dl_task(current));

	return !inherits && padata_mt_is_served(current) &&
	       !padata_mt_is_unhelped(outer);
}

/*
 * The number of helpers for which the caller's CPU groups have runtime.  A chunk of the
 * caller took @ns, but it may have slept.  @run is the run of the caller, or that whose
 * chunk the caller holds, or NULL.
 */
static inline unsigned int
padata_mt_affordable(const struct padata_mt_run *run, u64 ns)
{
	u64 spare = padata_mt_spare_runtime(run);

	if (spare < PADATA_MT_ADVANCE_NS)
		return 0;
	ns = clamp(ns, PADATA_MT_ADVANCE_NS, PADATA_MT_SLICE_NS);

	return min(1 + div64_u64(spare - 1, ns), INT_MAX);
}

#endif /* _KERNEL_PADATA_MT_LIMITS_H */
