/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue per-CPU work (QPW): drain another CPU's cache without disturbing it
 *
 * The idea and the names come from Leonardo Bras and Marcelo Tosatti, see
 * https://lore.kernel.org/linux-mm/20260323175544.807534301@redhat.com/
 */

/**
 * DOC: Semantics
 *
 * Only the owner, the CPU that a per-CPU cache belongs to, takes the lock of
 * that cache.  To drain the cache, another CPU must queue work on the owner.
 * On an isolated CPU that work preempts the task that the CPU is isolated for.
 * If this task does not yield, the work runs only in the time that the deadline
 * server takes from the task, and without that server it never runs.  With QPW
 * a CPU can be put into *remote mode*: other CPUs then take the locks of its
 * caches as well.  queue_percpu_work_on() then runs the work function in its
 * caller, or on PREEMPT_RT in a thread that works for the caller.
 *
 * Each CPU has its own mode, which determines what the calls do:
 *
 * ===============  ================  ================  ====================
 * ..               local_qpw_lock    qpw_lock          queue_percpu_work_on
 * ===============  ================  ================  ====================
 * CONFIG_QPW=n     as local_lock     for its own CPU   queues the work
 * in local mode    as local_lock     for its own CPU   queues the work
 * in remote mode   takes a spinlock  takes the same    runs it immediately
 * PREEMPT_RT       as local_lock     takes the same    by mode, as above
 * ===============  ================  ================  ====================
 *
 * CPU hotplug callbacks may take the lock of an offline CPU in any mode.
 *
 * The argument @cpu of qpw_lock() and its variants selects the CPU whose lock to
 * take.  Work functions use these; they get @cpu from qpw_get_cpu().  Queued
 * work runs on its own CPU, and work for a CPU in remote mode runs inside
 * queue_percpu_work_on().  All other code works on the cache of the CPU that it
 * runs on.  It uses local_qpw_lock(), which first disables preemption
 * (PREEMPT_RT: migration) and then looks up the CPU.
 *
 * Which variant a work function needs depends on how the owner uses the lock:
 *
 * ==========================================  ==============================
 * the owner uses                              the work function uses
 * ==========================================  ==============================
 * local_qpw_lock(), local_qpw_trylock()       qpw_lock()
 * the ``_irq``, ``_irqsave`` or               qpw_lock_irq()
 * ``_nested_bh`` variant
 * any of these, and the caller cannot sleep   qpw_trylock()
 * ==========================================  ==============================
 *
 * The first two differ only without ``CONFIG_QPW``, where they are local_lock()
 * and local_lock_irq().  With it, another CPU may be waiting for the lock, so
 * both keep interrupts disabled until the unlock.  On PREEMPT_RT neither does.
 *
 * Do not hold the locks of two CPUs at once.  Hold another CPU's lock only to
 * move the cached objects aside, and process them after the unlock.  If other
 * code takes an empty cache to mean that all objects have been processed,
 * detach objects only under a mutex that this code takes as well.  Release the
 * mutex only after flush_percpu_work() has returned.
 *
 * **Setup.**  INIT_QPW() sets up the work once.  The work can then be queued any
 * number of times, even while it is pending, and by several callers at once.
 * Unlike the function of a work item, its function can run in several contexts at
 * the same time: for each caller that queues it for a CPU in remote mode, and, if
 * the mode has just changed, in a worker.  The lock of the cache serializes them.
 * As with flush_work(), a flush does not wait for work that another caller is
 * about to queue.  If several callers queue the same work and rely on it being
 * complete, they must therefore hold a mutex from queueing to flushing.
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
 *		guard(local_qpw_lock)(&widget_caches.lock);
 *		list_add(&widget->node, this_cpu_ptr(&widget_caches.widgets));
 *	}
 *
 *	static void widget_drain(struct qpw_struct *qpw)
 *	{
 *		int cpu = qpw_get_cpu(qpw);
 *		LIST_HEAD(widgets);
 *
 *		scoped_guard(qpw_lock, &widget_caches.lock, cpu)
 *			list_splice_init(per_cpu_ptr(&widget_caches.widgets,
 *						     cpu), &widgets);
 *		widgets_free(&widgets);
 *	}
 *
 *	void __init widget_init(void)
 *	{
 *		int cpu;
 *
 *		for_each_possible_cpu(cpu)
 *			INIT_QPW(per_cpu_ptr(&widget_drains, cpu), widget_drain,
 *				 cpu);
 *	}
 *
 *	void widget_drain_all(void)
 *	{
 *		int cpu;
 *
 *		guard(cpus_read_lock)();
 *		guard(mutex)(&widget_drain_lock);
 *		queue_percpu_work_on_cpus(cpu_online_mask, system_percpu_wq,
 *					  &widget_drains);
 *		for_each_online_cpu(cpu)
 *			flush_percpu_work(per_cpu_ptr(&widget_drains, cpu));
 *	}
 */
#ifndef _LINUX_QPW_H
#define _LINUX_QPW_H

#include <linux/cleanup.h>
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
 * It is called with migration disabled, on the CPU of the work or, if that CPU
 * is in remote mode, on any CPU.  That CPU does not return to local mode before
 * the function returns.
 */
typedef void (*qpw_func_t)(struct qpw_struct *qpw);

/**
 * struct qpw_struct - work on the cache of one CPU
 * @work: The work item, queued unless the CPU is in remote mode.
 * @func: The work function.
 * @cpu: The CPU whose cache it works on.
 * @dropped: The last worker dropped the work; flush_percpu_work() reports that.
 *
 * Set it up with INIT_QPW().
 */
struct qpw_struct {
	struct work_struct	work;
	qpw_func_t		func;
	int			cpu;
	bool			dropped;
};

/**
 * enum qpw_flush - what flush_percpu_work() found
 * @QPW_FLUSH_IDLE: The work was neither pending nor running.
 * @QPW_FLUSH_WAITED: The work was pending or running, and its function has
 *	since returned.
 * @QPW_FLUSH_DROPPED: When a worker last took the work, its CPU was going
 *	offline, so the worker did not call the function.
 */
enum qpw_flush {
	QPW_FLUSH_IDLE,
	QPW_FLUSH_WAITED,
	QPW_FLUSH_DROPPED,
};

#include <linux/qpw_internal.h>

/**
 * qpw_lock_init - Initialize a lock at run time
 * @lock: The lock of one CPU, of type qpw_lock_t.
 *
 * Call this for every possible CPU before the lock is first used, because that
 * CPU may already be in remote mode by then.
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
 * migration).  In remote mode it spins while another CPU holds the lock, which
 * is for a few hundred instructions.  If a hypervisor deschedules that CPU, the
 * wait lasts up to a time slice of the host, or longer if the host is
 * overcommitted.
 */
#define local_qpw_lock(lock)		__local_qpw_lock(lock)

/**
 * local_qpw_unlock - Release the lock of this CPU
 * @lock: The lock.
 */
#define local_qpw_unlock(lock)		__local_qpw_unlock(lock)

/**
 * local_qpw_lock_irq - Take the lock of this CPU and disable interrupts
 * @lock: The lock, a per-CPU qpw_lock_t or qpw_trylock_t.
 *
 * Context: As local_lock_irq(); interrupts stay enabled on PREEMPT_RT.
 */
#define local_qpw_lock_irq(lock)	__local_qpw_lock_irq(lock)

/**
 * local_qpw_unlock_irq - Release the lock of this CPU and enable interrupts
 * @lock: The lock.
 */
#define local_qpw_unlock_irq(lock)	__local_qpw_unlock_irq(lock)

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
 * local_qpw_lock_nested_bh - Take the lock of this CPU in a softirq
 * @lock: The lock, a per-CPU qpw_lock_t.
 *
 * Without CONFIG_QPW and PREEMPT_RT this is only a lockdep annotation, like
 * local_lock_nested_bh(), because softirqs on one CPU exclude each other.
 *
 * Context: Bottom halves disabled.
 */
#define local_qpw_lock_nested_bh(lock)	__local_qpw_lock_nested_bh(lock)

/**
 * local_qpw_unlock_nested_bh - Release the lock of this CPU in a softirq
 * @lock: The lock.
 */
#define local_qpw_unlock_nested_bh(lock)	\
	__local_qpw_unlock_nested_bh(lock)

/**
 * local_qpw_trylock - Take the lock of this CPU if it is free
 * @lock: The lock, a per-CPU qpw_trylock_t.
 *
 * It fails if the caller interrupted a critical section of this lock, or if
 * another CPU is draining this one.  On PREEMPT_RT it also fails if a task on
 * this CPU waits for the lock and has not run since the lock was released.
 *
 * Context: Any, including NMI.  On PREEMPT_RT it always fails in NMI and hard
 * interrupts.  With preemption disabled there, call it only between
 * qpw_nolock_begin() and qpw_nolock_end(): without them the release may have to
 * wake up a drainer.
 *
 * Return: true if the lock was taken.
 */
#define local_qpw_trylock(lock)		__local_qpw_trylock(lock)

/**
 * qpw_nolock_begin - Allow trylocks where a wake-up is not allowed
 *
 * On PREEMPT_RT a drainer of this CPU sleeps while it waits for a lock, and the
 * release of the lock wakes it up.  A caller that holds a raw spinlock, for
 * example a runqueue lock, must not wake up tasks.  Until qpw_nolock_end(), no
 * drainer sleeps on a lock of this CPU: it spins until the caller is done.
 *
 * A preemptible caller may wake up tasks, so this function always returns true
 * for it.  Without PREEMPT_RT it always returns true, and both functions do
 * nothing.
 *
 * Context: Any, including NMI.  Calls may be nested.  Between the two calls the
 * caller must not sleep, and may disable and enable preemption only in pairs.
 *
 * Return: false if a drainer of this CPU is active.  The caller must not try a
 * lock then, and does not call qpw_nolock_end().
 */
static __always_inline bool qpw_nolock_begin(void)
{
	return __qpw_nolock_begin();
}

/**
 * qpw_nolock_end - End the region that qpw_nolock_begin() began
 *
 * Context: As for qpw_nolock_begin().  The caller has released all locks that
 * it took in between.
 */
static __always_inline void qpw_nolock_end(void)
{
	__qpw_nolock_end();
}

/**
 * qpw_lock - Take the lock of a given CPU
 * @lock: The lock, a per-CPU qpw_lock_t or qpw_trylock_t.
 * @cpu: The CPU whose lock it is: the CPU of the work that is running, or one
 *	that is offline.
 *
 * For a lock that interrupts and softirqs only try, or do not use at all.  For
 * other locks use qpw_lock_irq().
 *
 * Disables interrupts until qpw_unlock(), because the owner may be waiting.  On
 * PREEMPT_RT it does not, and without CONFIG_QPW it is local_lock().
 * Interrupts stay enabled while the caller waits for the lock, because the
 * owner may hold the lock and wait for an interrupt handler of this CPU.
 *
 * Context: Process context, interrupts enabled, may sleep; work functions and
 * CPU hotplug callbacks.  The caller holds no other lock of this type.
 */
#define qpw_lock(lock, cpu)		__qpw_lock(lock, cpu)

/**
 * qpw_unlock - Release the lock of a given CPU
 * @lock: The lock.
 * @cpu: The CPU whose lock it is, as given to qpw_lock().
 */
#define qpw_unlock(lock, cpu)		__qpw_unlock(lock, cpu)

/**
 * qpw_lock_irq - Take the lock of a given CPU, if interrupts take it as well
 * @lock: The lock, a per-CPU qpw_lock_t or qpw_trylock_t.
 * @cpu: The CPU whose lock it is, as for qpw_lock().
 *
 * Disables interrupts until qpw_unlock_irq(), except on PREEMPT_RT.
 *
 * Context: As qpw_lock().
 */
#define qpw_lock_irq(lock, cpu)		__qpw_lock_irq(lock, cpu)

/**
 * qpw_unlock_irq - Release the lock of a given CPU and enable interrupts
 * @lock: The lock.
 * @cpu: The CPU whose lock it is, as given to qpw_lock_irq().
 */
#define qpw_unlock_irq(lock, cpu)	__qpw_unlock_irq(lock, cpu)

/**
 * qpw_trylock - Take the lock of a given CPU if it is free
 * @lock: The lock, a per-CPU qpw_trylock_t.
 * @cpu: The CPU whose lock it is, as for qpw_lock().
 *
 * It never waits, so a work function for queue_percpu_work_on_nowait() uses it.
 * Release the lock with qpw_unlock().
 *
 * Context: Task context, interrupts enabled, may be atomic.  On PREEMPT_RT no
 * raw spinlock is held: qpw_unlock() may have to wake up the owner.
 *
 * Return: true if the lock was taken.
 */
#define qpw_trylock(lock, cpu)		__qpw_trylock(lock, cpu)

/**
 * qpw_lockdep_assert_held - Assert that this CPU's lock is held
 * @lock: The lock, a per-CPU qpw_lock_t or qpw_trylock_t.
 *
 * Context: Preemption or migration disabled, as in a critical section.
 */
#define qpw_lockdep_assert_held(lock)	\
	lockdep_assert_held(this_cpu_ptr(lock))

/**
 * INIT_QPW - Set up work on the cache of one CPU
 * @_qpw: The work, a struct qpw_struct.
 * @_func: The work function.
 * @_cpu: The CPU whose cache it works on.
 *
 * Call this once, before the work is queued for the first time.
 *
 * Context: Any, if the work is neither pending nor running.
 */
#define INIT_QPW(_qpw, _func, _cpu)				\
	do {							\
		struct qpw_struct *__qpw = (_qpw);		\
								\
		INIT_WORK(&__qpw->work, __qpw_work_fn);		\
		__qpw->func = (_func);				\
		__qpw->cpu = (_cpu);				\
		__qpw->dropped = false;				\
	} while (0)

/**
 * qpw_is_cpu_remote - Is a CPU in remote mode?
 * @cpu: Any possible CPU.
 *
 * Context: Any.  The result may be stale immediately.  On @cpu itself with
 * preemption disabled, however, @cpu does not enter remote mode.  If the result
 * is true in an RCU read-side critical section, @cpu does not return to local
 * mode before that critical section ends.
 *
 * Return: true if other CPUs drain @cpu's caches.
 */
static inline bool qpw_is_cpu_remote(int cpu)
{
	return __qpw_is_cpu_remote(cpu);
}

/**
 * qpw_owner_needs_lock - Can another CPU drain this CPU's caches?
 *
 * For caches that cannot use a qpw_lock_t, because their critical sections must
 * not sleep on PREEMPT_RT.  Such a cache has a raw spinlock for each CPU.  The
 * owner takes it only if this function returns true.  A drainer always takes it:
 * in a work function that runs remotely, in a CPU hotplug callback for a dead CPU,
 * or in an RCU read-side critical section in which qpw_is_cpu_remote() returned
 * true.  Both disable interrupts, and take no other lock while they hold the raw
 * spinlock.
 *
 * Context: On the cache's own CPU, with interrupts disabled until the end of
 * the critical section.  The result does not change before that.
 *
 * Return: true if this CPU is in remote mode, or is leaving it.
 */
static __always_inline bool qpw_owner_needs_lock(void)
{
	return !qpw_in_local_mode();
}

/**
 * qpw_is_possible - Has any CPU been in remote mode?
 *
 * For code that is needed only if a CPU's caches may have been drained
 * remotely.
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
 * qpw_get_cpu - Get the CPU whose cache a work function works on
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
 * If it returns false, the work function runs on the CPU whose cache it works
 * on, and may use the local_qpw_lock() functions.
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
 * queue_percpu_work_on - Run or queue work on a CPU's cache
 * @cpu: The CPU, as given to INIT_QPW().
 * @wq: The workqueue, with WQ_PERCPU, for a CPU that is not in remote mode.
 * @qpw: The work, set up with INIT_QPW().
 *
 * If @cpu is in remote mode, the work function runs in the caller (on
 * PREEMPT_RT, in the thread qpw/N of @cpu) before this function returns.
 * Otherwise it runs on @cpu before flush_percpu_work() returns.  If @cpu goes
 * offline first, the work is dropped: the CPU hotplug callbacks of the
 * subsystem drain what @cpu has cached, and flush_percpu_work() reports the
 * drop.
 *
 * If the caller relies on the function having run, it must call
 * flush_percpu_work() in every mode.
 *
 * Context: Process context, may sleep.
 *
 * Return: false if the work was already pending, true otherwise.
 */
static inline bool queue_percpu_work_on(int cpu, struct workqueue_struct *wq,
					struct qpw_struct *qpw)
{
	might_sleep();
	return __queue_percpu_work_on(cpu, wq, qpw);
}

/**
 * queue_percpu_work_on_nowait - Run or queue a CPU's work without waiting
 * @cpu: The CPU, as given to INIT_QPW().
 * @wq: The workqueue, with WQ_PERCPU, for a CPU that is not in remote mode.
 * @qpw: The work, set up with INIT_QPW().
 *
 * Like queue_percpu_work_on(), but for callers that must not sleep or wait for
 * a lock, such as a drain in reclaim.  The caller runs the work function
 * itself, on PREEMPT_RT too.  That function must not sleep, and takes the lock
 * with qpw_trylock(); if this fails, it leaves the cache as it is.
 *
 * Context: Task context, interrupts enabled.  May be atomic, and inside an RCU
 * read-side critical section.  On PREEMPT_RT no raw spinlock is held.
 *
 * Return: false if the work was already pending, true if it is now, or if its
 * function has run.
 */
static inline bool
queue_percpu_work_on_nowait(int cpu, struct workqueue_struct *wq,
			    struct qpw_struct *qpw)
{
	return __queue_percpu_work_on_nowait(cpu, wq, qpw);
}

/**
 * queue_percpu_work_on_cpus - Run or queue work on the caches of several CPUs
 * @cpus: The CPUs.
 * @wq: The workqueue, with WQ_PERCPU, for CPUs that are not in remote mode.
 * @qpws: The works, set up with INIT_QPW() for each of @cpus.
 *
 * Calls queue_percpu_work_on() for each CPU, in groups of BITS_PER_LONG CPUs.
 * In each group it first queues the works of the CPUs that are not in remote
 * mode.  These run while the caller runs the works of the other CPUs.
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
 * flush_percpu_work - Wait for queued work
 * @qpw: The work.
 *
 * Whether this waits depends on what queue_percpu_work_on() did, not on the
 * present mode of @qpw's CPU: if the work was not queued, there is nothing to
 * wait for.
 *
 * Context: Process context, may sleep.
 *
 * Return: The state of the work, see &enum qpw_flush.  If several callers queue
 * @qpw, QPW_FLUSH_DROPPED refers to the last time that a worker took it.
 */
static inline enum qpw_flush flush_percpu_work(struct qpw_struct *qpw)
{
	bool waited = flush_work(&qpw->work);

	/* Ordered by flush_work(), unless another caller queues it meanwhile. */
	if (data_race(qpw->dropped))
		return QPW_FLUSH_DROPPED;
	return waited ? QPW_FLUSH_WAITED : QPW_FLUSH_IDLE;
}

DEFINE_LOCK_GUARD_1(local_qpw_lock, qpw_lock_t __percpu,
		    local_qpw_lock(_T->lock),
		    local_qpw_unlock(_T->lock))
DEFINE_LOCK_GUARD_1(local_qpw_lock_irq, qpw_lock_t __percpu,
		    local_qpw_lock_irq(_T->lock),
		    local_qpw_unlock_irq(_T->lock))
DEFINE_LOCK_GUARD_1(local_qpw_lock_irqsave, qpw_lock_t __percpu,
		    local_qpw_lock_irqsave(_T->lock, _T->flags),
		    local_qpw_unlock_irqrestore(_T->lock, _T->flags),
		    unsigned long flags)
DEFINE_LOCK_GUARD_1(local_qpw_lock_nested_bh, qpw_lock_t __percpu,
		    local_qpw_lock_nested_bh(_T->lock),
		    local_qpw_unlock_nested_bh(_T->lock))

DECLARE_LOCK_GUARD_1_ATTRS(local_qpw_lock, __acquires(_T),
			   __releases(*(qpw_lock_t __percpu **)_T))
#define class_local_qpw_lock_constructor(_T)	\
	WITH_LOCK_GUARD_1_ATTRS(local_qpw_lock, _T)
DECLARE_LOCK_GUARD_1_ATTRS(local_qpw_lock_irq, __acquires(_T),
			   __releases(*(qpw_lock_t __percpu **)_T))
#define class_local_qpw_lock_irq_constructor(_T)	\
	WITH_LOCK_GUARD_1_ATTRS(local_qpw_lock_irq, _T)
DECLARE_LOCK_GUARD_1_ATTRS(local_qpw_lock_irqsave, __acquires(_T),
			   __releases(*(qpw_lock_t __percpu **)_T))
#define class_local_qpw_lock_irqsave_constructor(_T)	\
	WITH_LOCK_GUARD_1_ATTRS(local_qpw_lock_irqsave, _T)
DECLARE_LOCK_GUARD_1_ATTRS(local_qpw_lock_nested_bh, __acquires(_T),
			   __releases(*(qpw_lock_t __percpu **)_T))
#define class_local_qpw_lock_nested_bh_constructor(_T)	\
	WITH_LOCK_GUARD_1_ATTRS(local_qpw_lock_nested_bh, _T)

/* guard(qpw_lock)(lock, cpu) has two arguments, so no DEFINE_LOCK_GUARD_*(). */
__DEFINE_CLASS_IS_CONDITIONAL(qpw_lock, false);
__DEFINE_UNLOCK_GUARD(qpw_lock, qpw_lock_t __percpu,
		      qpw_unlock(_T->lock, _T->cpu), int cpu)
static __always_inline class_qpw_lock_t
class_qpw_lock_constructor(qpw_lock_t __percpu *lock, int cpu)
	__acquires(lock) __no_context_analysis
{
	qpw_lock(lock, cpu);
	return (class_qpw_lock_t){ .lock = lock, .cpu = cpu };
}

static __always_inline void
__class_qpw_lock_cleanup_ctx(class_qpw_lock_t **_T)
	__releases(*(qpw_lock_t __percpu **)_T) __no_context_analysis
{
}

__DEFINE_CLASS_IS_CONDITIONAL(qpw_lock_irq, false);
__DEFINE_UNLOCK_GUARD(qpw_lock_irq, qpw_lock_t __percpu,
		      qpw_unlock_irq(_T->lock, _T->cpu), int cpu)
static __always_inline class_qpw_lock_irq_t
class_qpw_lock_irq_constructor(qpw_lock_t __percpu *lock, int cpu)
	__acquires(lock) __no_context_analysis
{
	qpw_lock_irq(lock, cpu);
	return (class_qpw_lock_irq_t){ .lock = lock, .cpu = cpu };
}

static __always_inline void
__class_qpw_lock_irq_cleanup_ctx(class_qpw_lock_irq_t **_T)
	__releases(*(qpw_lock_t __percpu **)_T) __no_context_analysis
{
}

#define WITH_QPW_GUARD_ATTRS(_name, _T, _cpu)				\
	class_##_name##_constructor(_T, _cpu),				\
	*__UNIQUE_ID(unlock) __cleanup(__class_##_name##_cleanup_ctx) =	\
		(void *)(unsigned long)(_T)
#define class_qpw_lock_constructor(_T, _cpu)	\
	WITH_QPW_GUARD_ATTRS(qpw_lock, _T, _cpu)
#define class_qpw_lock_irq_constructor(_T, _cpu)	\
	WITH_QPW_GUARD_ATTRS(qpw_lock_irq, _T, _cpu)

#endif /* _LINUX_QPW_H */
