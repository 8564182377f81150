/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue per-CPU work (QPW): drain another CPU's cache without disturbing it
 *
 * The idea and the names are of Leonardo Bras and Marcelo Tosatti, see
 * https://lore.kernel.org/linux-mm/20260323175544.807534301@redhat.com/
 */

/**
 * DOC: Semantics
 *
 * A per-CPU cache is guarded by a lock that only its CPU takes, so whoever
 * wants to drain it has to queue work there.  An isolated CPU is thereby thrown
 * off its task; or, where that task does not yield, the work never runs.  With
 * QPW a CPU can be put into *remote mode*: then others take the lock of its
 * caches as well, and queue_percpu_work_on() does the work in its caller.
 *
 * Mode is a property of each CPU.  What the calls do:
 *
 * ===============  ================  ================  ====================
 * ..               local_qpw_lock    qpw_lock          queue_percpu_work_on
 * ===============  ================  ================  ====================
 * CONFIG_QPW=n     as local_lock     for its own CPU   queues the work
 * in local mode    as local_lock     for its own CPU   queues the work
 * in remote mode   takes a spinlock  takes the same    runs it at once, here
 * PREEMPT_RT       as local_lock     takes the same    by mode, as above
 * ===============  ================  ================  ====================
 *
 * A CPU that is offline may be locked in any mode from CPU hotplug callbacks.
 *
 * The argument @cpu of qpw_lock() and its like says whose lock to take.  It is
 * meant for work functions, which get it from qpw_get_cpu(): queued work runs
 * on its own CPU, and work done by another CPU runs inside
 * queue_percpu_work_on().  All other code works on its own CPU's cache and uses
 * local_qpw_lock(), which finds that CPU once it cannot leave it any more.
 *
 * Do not hold the locks of two CPUs at once.  Hold another CPU's lock for a
 * moment only: move what is cached aside, unlock, then work on it.  If others
 * rely on the cache being empty, detach from it only under a mutex that they
 * take too, and keep that until flush_percpu_work() has returned.
 *
 * **USAGE**::
 *
 *	struct widget_cache {
 *		qpw_lock_t		lock;
 *		struct list_head	widgets;
 *	};
 *
 *	static DEFINE_PER_CPU(struct widget_cache, widget_caches) = {
 *		.lock = INIT_QPW_LOCK(lock),
 *	};
 *	static DEFINE_PER_CPU(struct qpw_struct, widget_drains);
 *	static DEFINE_MUTEX(widget_drain_lock);
 *
 *	void widget_put(struct widget *widget)
 *	{
 *		local_qpw_lock(&widget_caches.lock);
 *		list_add(&widget->node, this_cpu_ptr(&widget_caches.widgets));
 *		local_qpw_unlock(&widget_caches.lock);
 *	}
 *
 *	static void widget_drain(struct qpw_struct *qpw)
 *	{
 *		int cpu = qpw_get_cpu(qpw);
 *		LIST_HEAD(widgets);
 *
 *		qpw_lock(&widget_caches.lock, cpu);
 *		list_splice_init(per_cpu_ptr(&widget_caches.widgets, cpu),
 *				 &widgets);
 *		qpw_unlock(&widget_caches.lock, cpu);
 *
 *		widgets_free(&widgets);
 *	}
 *
 *	void widget_drain_all(void)
 *	{
 *		int cpu;
 *
 *		guard(cpus_read_lock)();
 *		guard(mutex)(&widget_drain_lock);
 *		for_each_online_cpu(cpu)
 *			INIT_QPW(per_cpu_ptr(&widget_drains, cpu), widget_drain,
 *				 cpu);
 *		queue_percpu_work_on_cpus(cpu_online_mask, system_percpu_wq,
 *					  &widget_drains);
 *		for_each_online_cpu(cpu)
 *			flush_percpu_work(per_cpu_ptr(&widget_drains, cpu));
 *	}
 */
#ifndef _LINUX_QPW_H
#define _LINUX_QPW_H

#include <linux/cpumask.h>
#include <linux/local_lock.h>
#include <linux/lockdep.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

struct qpw_struct;

/**
 * typedef qpw_func_t - a work function
 * @qpw: The work, as given to queue_percpu_work_on().
 *
 * It is called with migration disabled: on the CPU of the work, or, if that is
 * in remote mode, on any.  Which one it is stays true until it returns.
 */
typedef void (*qpw_func_t)(struct qpw_struct *qpw);

/**
 * struct qpw_struct - work on the cache of one CPU
 * @work: What is queued where the CPU has to do the work itself.
 * @func: The work function.
 * @cpu: The CPU whose cache it works on.
 * @deferred: Private to queue_percpu_work_on_cpus().
 *
 * To be set up with INIT_QPW() before each use.
 */
struct qpw_struct {
	struct work_struct	work;
	qpw_func_t		func;
	int			cpu;
	bool			deferred;
};

#include <linux/qpw_internal.h>

/**
 * qpw_lock_init - Initialize a lock at run time
 * @lock: The lock of one CPU, of type qpw_lock_t.
 *
 * To be done before the lock's CPU can be in remote mode for the lock's users,
 * that is, before the lock is first used, for every possible CPU.
 */
#define qpw_lock_init(lock)		__qpw_lock_init(lock)

/**
 * qpw_trylock_init - Initialize a lock that can be tried, at run time
 * @lock: The lock of one CPU, of type qpw_trylock_t.
 */
#define qpw_trylock_init(lock)		__qpw_trylock_init(lock)

/**
 * local_qpw_lock - Take the lock of this CPU
 * @lock: The lock, a per-CPU qpw_lock_t or qpw_trylock_t.
 *
 * Context: Where local_lock() may be used.  Disables preemption (PREEMPT_RT:
 * migration).  May spin while another CPU holds the lock, which is for a few
 * hundred instructions at most.
 */
#define local_qpw_lock(lock)		__local_qpw_lock(lock)

/**
 * local_qpw_unlock - Release the lock of this CPU
 * @lock: The lock.
 */
#define local_qpw_unlock(lock)		__local_qpw_unlock(lock)

/**
 * local_qpw_lock_irqsave - Take the lock of this CPU and disable interrupts
 * @lock: The lock, a per-CPU qpw_lock_t or qpw_trylock_t.
 * @flags: Storage for the interrupt flags.
 *
 * Context: As local_lock_irqsave(); interrupts stay enabled on PREEMPT_RT.
 */
#define local_qpw_lock_irqsave(lock, flags)	\
	__local_qpw_lock_irqsave(lock, flags)

/**
 * local_qpw_unlock_irqrestore - Release the lock of this CPU and restore
 *				 interrupts
 * @lock: The lock.
 * @flags: The interrupt flags to restore.
 */
#define local_qpw_unlock_irqrestore(lock, flags)	\
	__local_qpw_unlock_irqrestore(lock, flags)

/**
 * local_qpw_trylock - Take the lock of this CPU if it is free
 * @lock: The lock, a per-CPU qpw_trylock_t.
 *
 * It is not free if this CPU was interrupted inside a section of it, or if
 * another CPU is draining this one.
 *
 * Context: Any, NMI included.  On PREEMPT_RT it always fails in NMI and hard
 * interrupts, and must not be used with a raw spinlock held that a wake-up
 * could take: there may be a drainer to wake up on release.
 *
 * Return: true if the lock was taken.
 */
#define local_qpw_trylock(lock)		__local_qpw_trylock(lock)

/**
 * qpw_lock - Take the lock of a given CPU
 * @lock: The lock, a per-CPU qpw_lock_t or qpw_trylock_t.
 * @cpu: The CPU whose lock it is: the CPU of the work that is being done, or
 *	one that is offline.
 *
 * Interrupts are off until qpw_unlock(), unless on PREEMPT_RT or without
 * CONFIG_QPW: nobody may be kept waiting by an interrupt.  They are on while
 * this waits for the lock, for its owner may hold it across something that
 * waits for an interrupt of this CPU.
 *
 * Context: Process context that may sleep; work functions and CPU hotplug
 * callbacks.  No other lock of this kind is held.
 */
#define qpw_lock(lock, cpu)		__qpw_lock(lock, cpu)

/**
 * qpw_trylock - Take the lock of a given CPU if it is free
 * @lock: The lock, a per-CPU qpw_trylock_t.
 * @cpu: The CPU whose lock it is, as for qpw_lock().
 *
 * Context: As qpw_lock().
 *
 * Return: true if the lock was taken.
 */
#define qpw_trylock(lock, cpu)		__qpw_trylock(lock, cpu)

/**
 * qpw_unlock - Release the lock of a given CPU
 * @lock: The lock.
 * @cpu: The CPU whose lock it is, as given to qpw_lock().
 */
#define qpw_unlock(lock, cpu)		__qpw_unlock(lock, cpu)

/**
 * qpw_lock_irqsave - Take the lock of a given CPU that is used in interrupts
 * @lock: The lock, a per-CPU qpw_lock_t or qpw_trylock_t.
 * @flags: Storage for the interrupt flags.
 * @cpu: The CPU whose lock it is, as for qpw_lock().
 *
 * Interrupts are off until qpw_unlock_irqrestore(), unless on PREEMPT_RT.
 *
 * Context: As qpw_lock().
 */
#define qpw_lock_irqsave(lock, flags, cpu)	\
	__qpw_lock_irqsave(lock, flags, cpu)

/**
 * qpw_unlock_irqrestore - Release the lock of a given CPU and restore
 *			   interrupts
 * @lock: The lock.
 * @flags: The interrupt flags to restore.
 * @cpu: The CPU whose lock it is, as given to qpw_lock_irqsave().
 */
#define qpw_unlock_irqrestore(lock, flags, cpu)	\
	__qpw_unlock_irqrestore(lock, flags, cpu)

/**
 * qpw_lockdep_assert_held - Report it if this CPU's lock is not held
 * @lock: The lock, a per-CPU qpw_lock_t or qpw_trylock_t.
 *
 * Context: Preemption or migration disabled, as it is inside a section.
 */
#define qpw_lockdep_assert_held(lock)	\
	lockdep_assert_held(this_cpu_ptr(lock))

/**
 * INIT_QPW - Set up work on the cache of one CPU
 * @_qpw: The work, a struct qpw_struct.
 * @_func: The work function.
 * @_cpu: The CPU whose cache it is to work on.
 *
 * Context: Any, if the work is not queued and does not run.
 */
#define INIT_QPW(_qpw, _func, _cpu)				\
	do {							\
		struct qpw_struct *__qpw = (_qpw);		\
								\
		INIT_WORK(&__qpw->work, __qpw_work_fn);		\
		__qpw->func = (_func);				\
		__qpw->cpu = (_cpu);				\
		__qpw->deferred = false;			\
	} while (0)

/**
 * qpw_is_cpu_remote - Is a CPU in remote mode?
 * @cpu: Any possible CPU.
 *
 * Context: Any.  The answer may be outdated at once, except on @cpu itself with
 * preemption disabled: there a CPU does not enter remote mode.
 *
 * Return: true if others do @cpu's per-CPU work.
 */
static inline bool qpw_is_cpu_remote(int cpu)
{
	return __qpw_is_cpu_remote(cpu);
}

/**
 * qpw_is_possible - Has any CPU been in remote mode?
 *
 * For what is needed only if somebody else may have done a CPU's work.
 *
 * Context: Any.  Once it is true it remains so.
 *
 * Return: true if a CPU is or was in remote mode, or is about to be.
 */
static inline bool qpw_is_possible(void)
{
	return __qpw_is_possible();
}

/**
 * qpw_get_cpu - The CPU whose cache a work function is to work on
 * @qpw: The work.
 *
 * Context: Work functions.
 *
 * Return: The CPU given to INIT_QPW().
 */
static inline int qpw_get_cpu(const struct qpw_struct *qpw)
{
	__qpw_check_cpu(qpw->cpu);
	return qpw->cpu;
}

/**
 * qpw_runs_remotely - Is a work function working on another CPU's cache?
 * @qpw: The work.
 *
 * Where the answer is false, the work function runs on the CPU whose cache it
 * works on, and may use the local functions.
 *
 * Context: Work functions.
 *
 * Return: true if it is not on the CPU given to INIT_QPW().
 */
static inline bool qpw_runs_remotely(const struct qpw_struct *qpw)
{
	return IS_ENABLED(CONFIG_QPW) &&
	       qpw_get_cpu(qpw) != smp_processor_id();
}

/**
 * queue_percpu_work_on - Have work done on a CPU's cache
 * @cpu: The CPU, as given to INIT_QPW().
 * @wq: The workqueue, with WQ_PERCPU, for a CPU that is not in remote mode.
 * @qpw: The work, set up with INIT_QPW().
 *
 * If @cpu is in remote mode, the work function runs here and now.  Else it runs
 * on @cpu some time before flush_percpu_work() returns; or, if @cpu goes
 * offline meanwhile, not at all: what it has cached is for the CPU hotplug
 * callbacks of the subsystem.
 *
 * Do not rely on the work having been done before flush_percpu_work() has
 * returned, whatever the mode.
 *
 * Context: Process context, may sleep.
 *
 * Return: false if the work was queued already, true otherwise.
 */
static inline bool queue_percpu_work_on(int cpu, struct workqueue_struct *wq,
					struct qpw_struct *qpw)
{
	might_sleep();
	return __queue_percpu_work_on(cpu, wq, qpw);
}

/**
 * queue_percpu_work_on_cpus - Have work done on the caches of several CPUs
 * @cpus: The CPUs.
 * @wq: The workqueue, with WQ_PERCPU, for CPUs that are not in remote mode.
 * @qpws: The works, set up with INIT_QPW() for each of @cpus.
 *
 * queue_percpu_work_on() for each CPU, but those that do their work themselves
 * come first: they are at it while the others' work is done here.
 *
 * Context: Process context, may sleep.
 */
static inline void queue_percpu_work_on_cpus(const struct cpumask *cpus,
					     struct workqueue_struct *wq,
					     struct qpw_struct __percpu *qpws)
{
	might_sleep();
	__queue_percpu_work_on_cpus(cpus, wq, qpws);
}

/**
 * flush_percpu_work - Wait until work has been done
 * @qpw: The work.
 *
 * It goes by what queue_percpu_work_on() did, not by the mode that @qpw's CPU
 * has meanwhile.
 *
 * Context: Process context, may sleep.
 *
 * Return: true if it waited, false if there was nothing to wait for.
 */
static inline bool flush_percpu_work(struct qpw_struct *qpw)
{
	return flush_work(&qpw->work);
}

#endif /* _LINUX_QPW_H */
