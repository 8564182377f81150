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
 * if one of them has none to spare.  Spare is what would otherwise expire at the end
 * of the period:
 *
 *  - The tasks of the group could not use it, even if they ran on all CPUs until
 *    then.
 *  - cpu.max.burst does not carry it into the next period.
 *
 * So runtime becomes spare towards the end of a period, and no task is throttled
 * because a thread has taken runtime.
 *
 * *Debt.*  A thread that has used more runtime than it took owes the rest to the
 * groups.  Debt reduces spare runtime, but not what the tasks of the group may use.
 * It is repaid by runtime that expires, also in periods in which the group is idle.
 *
 * *Locks.*  cfs_bandwidth.lock protects all of this for one group.  No two of these
 * locks nest.  A task holds its group, and the group those above it.  A group that
 * the task leaves is destroyed, with its timers, after a grace period.  Therefore RCU
 * protects the walk, including the timers that it starts.
 */

#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/hrtimer_bases.h>
#include <linux/lockdep.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/sched/cputime.h>
#include <linux/spinlock.h>

#include "sched.h"

/*
 * What the tasks of the group could use in @left nanoseconds, the rest of the period.  A
 * CPU may have used a tick that is not yet accounted, and it takes a slice of which it may
 * use nothing.
 */
static u64 cfs_b_keep(u64 left)
{
	return (left + TICK_NSEC + sched_cfs_bandwidth_slice()) * num_online_cpus();
}

static u64 cfs_b_spare(struct cfs_bandwidth *cfs_b)
{
	s64 left;
	u64 keep;

	lockdep_assert_held(&cfs_b->lock);

	if (cfs_b->quota == RUNTIME_INF)
		return U64_MAX;
	/* These are about to give runtime to tasks that are throttled. */
	if (hrtimer_callback_running(&cfs_b->period_timer) ||
	    cfs_b->slack_started ||
	    hrtimer_callback_running(&cfs_b->slack_timer))
		return 0;
	/* The group may be idle, and only this timer refills its runtime. */
	start_cfs_bandwidth(cfs_b);
	/* Until a timer that is late runs, tasks use the runtime that is left. */
	left = ktime_to_ns(hrtimer_expires_remaining(&cfs_b->period_timer));
	if (left <= 0)
		return 0;
	keep = cfs_b->burst + cfs_b->debt + cfs_b_keep(left);

	return cfs_b->runtime - min(cfs_b->runtime, keep);
}

static void cfs_b_repay(struct cfs_bandwidth *cfs_b, u64 ns)
{
	cfs_b->debt -= min(cfs_b->debt, ns);
}

/* Called before the runtime is refilled. */
void cfs_b_end_period(struct cfs_bandwidth *cfs_b)
{
	lockdep_assert_held(&cfs_b->lock);

	/* What the burst does not carry over expires. */
	cfs_b_repay(cfs_b, cfs_b->runtime - min(cfs_b->runtime, cfs_b->burst));
}

/*
 * Called while the timer is inactive: no runtime was used in the periods that have ended.
 * The timer expires at the end of this period.
 */
void cfs_b_end_idle(struct cfs_bandwidth *cfs_b)
{
	u64 periods;

	lockdep_assert_held(&cfs_b->lock);

	periods = hrtimer_forward_now(&cfs_b->period_timer, cfs_b->period);
	if (!cfs_b->debt)
		return;
	/* Avoids an overflow. */
	periods = min(periods, div64_u64(cfs_b->debt, cfs_b->quota) + 1);
	cfs_b_repay(cfs_b, periods * cfs_b->quota);
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
	if (spare == U64_MAX)
		return true;
	cfs_b->runtime -= ns;

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
	 * the groups below it is lost to such threads until the next refill.
	 */
	for (tg = READ_ONCE(p->sched_task_group); tg->parent; tg = tg->parent)
		if (!tg_take_runtime(tg, ns))
			return false;

	return true;
}

static void tg_owe_runtime(struct task_group *tg, u64 ns)
{
	struct cfs_bandwidth *cfs_b = &tg->cfs_bandwidth;

	guard(raw_spinlock_irqsave)(&cfs_b->lock);

	/* The limit may just have been removed. */
	if (cfs_b->quota == RUNTIME_INF)
		return;
	/* Periods that ended before now do not repay this. */
	start_cfs_bandwidth(cfs_b);
	cfs_b->debt += ns;
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
