// SPDX-License-Identifier: GPL-2.0-only
/*
 * straggler.c - the main thread waits for the helpers of a multithreaded job
 */

#include <linux/cleanup.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/cputime.h>
#include <linux/sched/deadline.h>
#include <linux/sched/rt.h>

#include "internal.h"

/**
 * DOC: Stragglers
 *
 * After boot, helpers run at nice 19, so other tasks may keep a helper from
 * completing the last chunk.  A main thread that waits lifts one helper to its
 * own priority, and lifts the next one when the first is done.  A caller that
 * has become a SCHED_FIFO or SCHED_RR task lends SCHED_FIFO at its priority.  A
 * deadline cannot be lent, so a deadline caller lends nice 0.  A caller in a CPU
 * group lends no more than the weight of the group.  The main thread
 * reads its priority when the wait begins, and again when a lift wakes it.  If
 * its priority rises in another way during the wait (sched_setscheduler(),
 * renice, priority inheritance), it does not pass the increase on.  The holders
 * then complete their chunks at the priority that they have.
 *
 * A helper is lifted under run->lock while it holds a chunk.  It restores its
 * priority after it has given up that chunk, and therefore after the lift.  A
 * lifted helper may itself be waiting for a nested job.  In that case it has
 * set padata_mt_thread.waits under the lock of the run that it helps.  The
 * thread that lifts it then also wakes it up, so that it passes the lift on.
 * Nothing else wakes a waiting main thread before the last helper is done, so
 * the hung task detector sees the wait.
 */

/*
 * The straggler may itself wait for a helper of a nested job.  Only then must
 * it be woken up.  It sets and clears t->waits under this lock.
 */
void padata_mt_lift_one(struct padata_mt_run *run)
{
	struct sched_param param = {
		.sched_priority = MAX_RT_PRIO - 1 - run->lift_prio,
	};
	struct padata_mt_thread *t;

	lockdep_assert_held(&run->lock);

	t = list_first_entry_or_null(&run->holders, typeof(*t), node);
	if (!t || run->lift_prio >= NICE_TO_PRIO(run->nice))
		return;
	/* From this policy a task cannot be taken under a raw spinlock. */
	if (data_race(t->task->policy) == SCHED_DEADLINE)
		return;

	t->lifted = true;
	if (rt_prio(run->lift_prio))
		sched_setscheduler_nocheck(t->task, SCHED_FIFO, &param);
	else
		set_user_nice(t->task, PRIO_TO_NICE(run->lift_prio));
	if (t->waits)
		wake_up_process(t->task);
}

/*
 * The priority to lend to a straggler.  A deadline cannot be lent.  Stragglers are in
 * the root group, where a nice value must not be worth more than the weight of the
 * group that this task shares.
 */
static int padata_mt_lift_prio(void)
{
	int prio = READ_ONCE(current->prio), group;

	if (dl_prio(prio))
		return DEFAULT_PRIO;
	if (rt_prio(prio))
		return prio;

	group = NICE_TO_PRIO(min(task_group_nice(current), MAX_NICE));

	/* A snapshot, like the priority above */
	return data_race(current->policy) == SCHED_IDLE ? MAX_PRIO - 1 :
							  max(prio, group);
}

/*
 * Sets thread.waits under the lock of the run in which this helper can be
 * lifted.
 */
static void padata_mt_set_waits(struct padata_mt_worker *self, bool waits)
{
	if (!self)
		return;

	guard(raw_spinlock)(&self->run->lock);
	self->thread.waits = waits;
}

/* Returns whether there are holders.  Passes a lift of this task on to one. */
static bool padata_mt_is_held(struct padata_mt_run *run)
{
	int prio = padata_mt_lift_prio();

	guard(raw_spinlock)(&run->lock);

	if (list_empty(&run->holders))
		return false;
	if (!run->waiting || prio < run->lift_prio) {
		run->waiting = true;
		run->lift_prio = prio;
		padata_mt_lift_one(run);
	}

	return true;
}

/*
 * Waits for the holders.  The run is closed, so no helper becomes a holder.
 * The last holder wakes this task in the critical section in which it leaves
 * the list, so no wake-up is pending after the list was seen empty.  @self is
 * this task if it is a helper, else NULL.
 */
void padata_mt_wait(struct padata_mt_run *run, struct padata_mt_worker *self)
{
	padata_mt_window();
	if (!padata_mt_is_held(run))
		return;
	padata_mt_set_waits(self, true);
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (!padata_mt_is_held(run))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	padata_mt_set_waits(self, false);
}
