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
 * group.  So a caller with less weight than nice 19 gets no helpers, and a straggler
 * is not lifted above the weight of the group.
 *
 * *Bandwidth.*  Before each chunk a helper takes some runtime from the groups of the
 * outermost main thread.  It gets only runtime that their tasks left unused, see
 * kernel/sched/spare.c, and it leaves if there is not enough.  What the chunk has used
 * in addition, the helper takes before its next chunk, or owes to the groups when it
 * leaves.  After each of its own chunks the main thread sends as many helpers as there
 * is runtime for.
 *
 * *CPU time.*  After each chunk a helper adds the time that it has used to cpu.stat
 * of the present cgroup of the outermost main thread.
 *
 * *Memory.*  The run holds a reference to the memory cgroup that its main thread
 * charged when the run was created, and helpers charge it.  If the OOM killer
 * chooses the outermost main thread, charges of helpers fail as those of that
 * thread do.  What helpers owe for exceeding memory.high, they hand to the main
 * thread, which pays when it returns to user mode or charges more memory.  A helper
 * never returns there, and would owe it to its next run.
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

/*
 * Returns how much runtime helpers could take.  @run is the run of the caller, or that
 * whose chunk the caller holds, or NULL.
 */
u64 padata_mt_spare_runtime(const struct padata_mt_run *run)
{
	return task_group_spare_runtime(run ? padata_mt_outermost(run) :
					      current);
}

/*
 * Called before a chunk of a helper that has less than @ns, which it has to pay in
 * advance.  Returns false if there is no runtime for it.
 */
bool padata_mt_fund(struct padata_mt_worker *self, u64 ns)
{
	if (!task_group_take_runtime(padata_mt_outermost(self->run),
				     ns - self->funds))
		return false;
	self->funds = ns;

	return true;
}

/* A helper begins to work for a run. */
void padata_mt_borrow(struct padata_mt_worker *self)
{
	struct padata_mt_run *run = self->run;

	self->pflags = memalloc_flags_save(run->pflags);
	set_active_memcg(run->memcg);
	set_active_memcg_task(padata_mt_outermost(run));
	self->runtime = task_sched_runtime(current);
	self->funds = 0;
}

/* Called after the last chunk of a helper, while it is a holder. */
void padata_mt_settle(struct padata_mt_worker *self)
{
	if (self->funds < 0)
		task_group_owe_runtime(padata_mt_outermost(self->run),
				       -self->funds);
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
	u64 used = runtime - self->runtime;

	cgroup_account_remote_cputime(padata_mt_outermost(self->run), used);
	self->runtime = runtime;
	self->funds -= used;
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
