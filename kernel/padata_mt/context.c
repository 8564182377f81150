// SPDX-License-Identifier: GPL-2.0-only
/*
 * context.c - what helpers charge to the task that they work for
 */

#include <linux/cgroup.h>
#include <linux/cpuset.h>
#include <linux/memcontrol.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/sched/cputime.h>
#include <linux/sched/mm.h>
#include <linux/seqlock.h>

#include "internal.h"

/**
 * DOC: In whose name helpers work
 *
 * Helpers stay in the root cgroup.  If they joined the caller's CPU group, each
 * would count as one of its tasks: a helper would get a share by the weight of the
 * group and not by that of nice 19, and what helpers used beyond the group's
 * bandwidth could become a debt of minutes.  Instead, helpers borrow from the
 * outermost main thread.  The run that a helper works for holds references to all
 * main threads, and they are inside their jobs while the helper is a holder.
 *
 * *CPU limits.*  The limits of the caller's CPU group do not apply in the root
 * group.  So a caller with a bandwidth limit, or with less weight than nice 19,
 * gets no helpers, and a straggler is not lifted above the weight of the group.
 *
 * *CPU time.*  After each chunk a helper adds the time that it has used to cpu.stat
 * of the present cgroup of the outermost main thread.
 *
 * *Memory.*  The run holds a reference to the memory cgroup that its main thread
 * charged when the run was created, and helpers charge it.  If the OOM killer
 * chooses the outermost main thread, helpers give up as that thread would.  What
 * helpers owe for exceeding memory.high, they hand to the main thread, which pays
 * when it returns to user mode or charges more memory.  A helper never returns
 * there, and would owe it to its next run.
 *
 * *Nodes.*  Helpers prefer the nodes of the cpuset of the outermost main thread,
 * and are limited to them in allocations with __GFP_HARDWALL, as that thread is.
 * They look before each chunk whether the nodes have changed.
 */

static struct task_struct *padata_mt_outermost(const struct padata_mt_run *run)
{
	while (run->outer)
		run = run->outer;

	return run->main;
}

#ifdef CONFIG_CPUSETS
/* Called before each chunk of a helper. */
void padata_mt_borrow_mems(const struct padata_mt_run *run)
{
	struct task_struct *main = padata_mt_outermost(run);
	unsigned int seq;
	nodemask_t mems;

	if (!cpusets_enabled())
		return;
	do {
		seq = read_seqcount_begin(&main->mems_allowed_seq);
		mems = main->mems_allowed;
	} while (read_seqcount_retry(&main->mems_allowed_seq, seq));

	if (!nodes_equal(mems, current->mems_allowed))
		set_mems_allowed(mems);
}

/*
 * Memory hotplug changes node_states[N_MEMORY] and then the nodes of all tasks in the
 * root cpuset, such as this one.
 */
static void padata_mt_return_mems(void)
{
	nodemask_t mems;

	do {
		mems = node_states[N_MEMORY];
		if (!nodes_equal(mems, current->mems_allowed))
			set_mems_allowed(mems);
	} while (!nodes_equal(mems, node_states[N_MEMORY]));
}
#else
void padata_mt_borrow_mems(const struct padata_mt_run *run)
{
}

static void padata_mt_return_mems(void)
{
}
#endif

/* A helper begins to work for a run. */
void padata_mt_borrow(struct padata_mt_worker *self)
{
	struct padata_mt_run *run = self->run;

	self->pflags = memalloc_flags_save(run->pflags);
	set_active_memcg(run->memcg);
	set_active_memcg_task(padata_mt_outermost(run));
	self->runtime = task_sched_runtime(current);
}

/* The helper is done with the run. */
void padata_mt_return(struct padata_mt_worker *self)
{
	padata_mt_return_mems();
	set_active_memcg_task(NULL);
	set_active_memcg(NULL);
	memalloc_flags_restore(self->pflags);
}

/* Called after each chunk, while the helper is a holder. */
void padata_mt_charge_time(struct padata_mt_worker *self)
{
	u64 runtime = task_sched_runtime(current);

	cgroup_account_remote_cputime(padata_mt_outermost(self->run),
				      runtime - self->runtime);
	self->runtime = runtime;
}

/*
 * The main thread takes over what helpers owe.  A kernel thread pays for nobody, but a
 * helper, @self, hands it on.
 */
void padata_mt_take_over_high(struct padata_mt_run *run,
			      const struct padata_mt_worker *self)
{
	if (self || !(current->flags & PF_KTHREAD))
		mem_cgroup_add_over_high(run->over_high);
}
