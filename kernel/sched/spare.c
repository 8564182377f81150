// SPDX-License-Identifier: GPL-2.0-only
/*
 * spare.c - the bandwidth of a group that its tasks leave unused
 */

/**
 * DOC: Spare runtime
 *
 * A kernel thread in the root group that works for a task is not limited by the
 * bandwidth of the task's groups.  Before each piece of work, such a thread takes
 * runtime from the task's group and from all groups above it, and it does not work
 * if one of them has none to spare.
 *
 * Spare is what the tasks of the group left unused in the last period and what
 * cpu.max.burst did not carry into this one.  It has expired for the tasks, so none
 * of them is throttled because a thread takes it.  At the end of this period it
 * expires for threads, too.  So in any number of periods, threads take no more than
 * what the tasks left unused in these periods and in the one before.  A group that gets
 * a limit has one quota to spare.
 *
 * The periods of a group and of the groups above it begin at different times.  That
 * is why what is spare in one of them must last until the others have something to
 * spare.
 *
 * *Debt.*  A thread that has used more runtime than it took owes the rest to the
 * groups.  Debt is repaid by runtime that expires, also in periods in which the group
 * is idle, and that is then not spare.  Debt does not reduce what the tasks of the
 * group may use.
 *
 * *Locks.*  cfs_bandwidth.lock protects all of this for one group.  No two of these
 * locks nest.  A task holds its group, and the group those above it.  A group that
 * the task leaves is destroyed, with its timers, after a grace period.  Therefore RCU
 * protects the walk, including the timers that it starts.
 */

#include <linux/cleanup.h>
#include <linux/hrtimer.h>
#include <linux/lockdep.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/sched/cputime.h>
#include <linux/spinlock.h>

#include "sched.h"

/* Runtime of one period or of several has expired. */
static void cfs_b_expire(struct cfs_bandwidth *cfs_b, u64 ns)
{
	u64 repaid = min(cfs_b->debt, ns);

	cfs_b->debt -= repaid;
	cfs_b->spare = min(ns - repaid, cfs_b->quota);
}

/* Called before the runtime is refilled. */
void cfs_b_end_period(struct cfs_bandwidth *cfs_b)
{
	lockdep_assert_held(&cfs_b->lock);

	/* What the burst does not carry over expires. */
	cfs_b_expire(cfs_b, cfs_b->runtime - min(cfs_b->runtime, cfs_b->burst));
}

/*
 * Called before the timer is started.  In the periods that ended while it was inactive,
 * no runtime was used.
 */
void cfs_b_end_idle(struct cfs_bandwidth *cfs_b)
{
	u64 periods;

	lockdep_assert_held(&cfs_b->lock);

	periods = hrtimer_forward_now(&cfs_b->period_timer, cfs_b->period);
	if (!periods)
		return;
	/* Those that repay the debt and one more.  Avoids an overflow. */
	periods = min(periods, div64_u64(cfs_b->debt, cfs_b->quota) + 2);
	cfs_b_expire(cfs_b, periods * cfs_b->quota);
}

/* Called when the quota has changed. */
void cfs_b_limit_spare(struct cfs_bandwidth *cfs_b)
{
	lockdep_assert_held(&cfs_b->lock);

	cfs_b->spare = min(cfs_b->spare, cfs_b->quota);
	if (cfs_b->quota == RUNTIME_INF)
		cfs_b->debt = 0;
}

static u64 cfs_b_spare(struct cfs_bandwidth *cfs_b)
{
	lockdep_assert_held(&cfs_b->lock);

	if (cfs_b->quota == RUNTIME_INF)
		return U64_MAX;
	/* The group may be idle, and only this timer ends its periods. */
	start_cfs_bandwidth(cfs_b);

	return cfs_b->spare;
}

/* Avoids the lock of the many groups without a quota. */
static bool tg_is_limited(struct task_group *tg)
{
	/* If the quota changes now, the next call sees that. */
	return data_race(tg->cfs_bandwidth.quota) != RUNTIME_INF;
}

/**
 * task_group_spare_runtime - how much runtime a task's groups have to spare
 * @p: The task whose group is examined, with all groups above it.
 *
 * Context: Any but NMI, without a lock of the scheduler.  The result may be out of
 *          date when it is used.
 * Return: The runtime in nanoseconds that task_group_take_runtime() could take now,
 *         U64_MAX if none of the groups has a bandwidth limit.
 */
u64 task_group_spare_runtime(struct task_struct *p)
{
	struct task_group *tg;
	u64 spare = U64_MAX;

	guard(rcu)();
	for (tg = READ_ONCE(p->sched_task_group); tg->parent; tg = tg->parent) {
		if (!tg_is_limited(tg))
			continue;
		scoped_guard(raw_spinlock_irqsave, &tg->cfs_bandwidth.lock)
			spare = min(spare, cfs_b_spare(&tg->cfs_bandwidth));
	}

	return spare;
}

static bool tg_take_runtime(struct task_group *tg, u64 ns)
{
	struct cfs_bandwidth *cfs_b = &tg->cfs_bandwidth;
	u64 spare;

	if (!tg_is_limited(tg))
		return true;

	guard(raw_spinlock_irqsave)(&cfs_b->lock);

	spare = cfs_b_spare(cfs_b);
	if (spare < ns)
		return false;
	if (spare != U64_MAX)
		cfs_b->spare -= ns;

	return true;
}

/**
 * task_group_take_runtime - take runtime that a task's groups have to spare
 * @p: The task that the calling kernel thread is about to work for.
 * @ns: The runtime to take, in nanoseconds.
 *
 * Takes the runtime from the group of @p and from all groups above it.  It cannot be
 * returned, because @p may have moved meanwhile.
 *
 * Charging a task's group for a kernel thread that stays in the root group is an
 * idea of Daniel Jordan, https://lpc.events/event/11/contributions/1041/.
 *
 * Context: Any but NMI, without a lock of the scheduler.
 * Return: true if the runtime was taken, or if none of the groups has a bandwidth
 *         limit; false if one of them cannot spare it now.
 */
bool task_group_take_runtime(struct task_struct *p, u64 ns)
{
	struct task_group *tg;

	if (task_group_spare_runtime(p) < ns)
		return false;

	guard(rcu)();
	/*
	 * If another thread takes the runtime of a group first, what was taken from
	 * the groups below it is lost.
	 */
	for (tg = READ_ONCE(p->sched_task_group); tg->parent; tg = tg->parent)
		if (!tg_take_runtime(tg, ns))
			return false;

	return true;
}

static void tg_owe_runtime(struct task_group *tg, u64 ns)
{
	struct cfs_bandwidth *cfs_b = &tg->cfs_bandwidth;
	u64 repaid;

	guard(raw_spinlock_irqsave)(&cfs_b->lock);

	/* The limit may just have been removed. */
	if (cfs_b->quota == RUNTIME_INF)
		return;
	/* What expired before now repays this only as far as it is spare. */
	start_cfs_bandwidth(cfs_b);
	repaid = min(cfs_b->spare, ns);
	cfs_b->spare -= repaid;
	cfs_b->debt += ns - repaid;
}

/**
 * task_group_owe_runtime - note that a kernel thread used too much runtime
 * @p: The task that the calling kernel thread has worked for.
 * @ns: The runtime that the thread has used and not taken, in nanoseconds.
 *
 * The group of @p, and all groups above it, have less runtime to spare until runtime
 * of this amount has expired.
 *
 * Context: Any but NMI, without a lock of the scheduler.
 */
void task_group_owe_runtime(struct task_struct *p, u64 ns)
{
	struct task_group *tg;

	guard(rcu)();
	for (tg = READ_ONCE(p->sched_task_group); tg->parent; tg = tg->parent)
		if (tg_is_limited(tg))
			tg_owe_runtime(tg, ns);
}
