/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue per-CPU work (QPW): work on per-CPU caches, see linux/qpw.h
 */
#ifndef _LINUX_QPW_WORK_H
#define _LINUX_QPW_WORK_H

#include <linux/cpumask.h>
#include <linux/lockdep.h>
#include <linux/percpu-defs.h>
#include <linux/preempt.h>
#include <linux/qpw_lock.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

struct qpw_struct;

/**
 * typedef qpw_func_t - a work function
 * @qpw: The work, as given to queue_percpu_work_on().
 *
 * It is called on the CPU of the work or, if that CPU is in remote mode, on any
 * CPU.  In the latter case the CPU of the work does not return to local mode
 * before the function returns.  Migration is disabled, except in the thread
 * that drains a CPU on PREEMPT_RT.
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

#if defined(CONFIG_QPW) && defined(CONFIG_PREEMPT_RT)
bool __qpw_is_thread_of(int cpu);
#else
static inline bool __qpw_is_thread_of(int cpu)
{
	return false;
}
#endif

#ifdef CONFIG_QPW

#include <linux/qpw_mode.h>

void __qpw_work_fn(struct work_struct *work);
bool __queue_percpu_work_on(int cpu, struct workqueue_struct *wq,
			    struct qpw_struct *qpw);
bool __queue_percpu_work_on_nowait(int cpu, struct workqueue_struct *wq,
				   struct qpw_struct *qpw);
void __queue_percpu_work_on_cpus(const struct cpumask *cpus,
				 struct workqueue_struct *wq,
				 struct qpw_struct __percpu *qpws);

#else /* !CONFIG_QPW */

/*
 * The worker of a CPU that went offline may run on any CPU, and must not work
 * on the cache of the offline CPU.  CPU hotplug callbacks drain that cache.
 */
static inline void __qpw_work_fn(struct work_struct *work)
{
	struct qpw_struct *qpw = container_of(work, struct qpw_struct, work);
	bool dropped;

	migrate_disable();
	dropped = smp_processor_id() != qpw->cpu;
	WRITE_ONCE(qpw->dropped, dropped);
	if (!dropped)
		qpw->func(qpw);
	migrate_enable();
}

static inline bool __queue_percpu_work_on(int cpu, struct workqueue_struct *wq,
					  struct qpw_struct *qpw)
{
	return queue_work_on(cpu, wq, &qpw->work);
}

static inline bool
__queue_percpu_work_on_nowait(int cpu, struct workqueue_struct *wq,
			      struct qpw_struct *qpw)
{
	return queue_work_on(cpu, wq, &qpw->work);
}

static inline void __queue_percpu_work_on_cpus(const struct cpumask *cpus,
					       struct workqueue_struct *wq,
					       struct qpw_struct __percpu *qpws)
{
	int cpu;

	for_each_cpu(cpu, cpus)
		queue_work_on(cpu, wq, &per_cpu_ptr(qpws, cpu)->work);
}

#endif /* !CONFIG_QPW */

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
 * Return: true if the function may be on another CPU than that given to
 * INIT_QPW().
 */
static inline bool qpw_runs_remotely(const struct qpw_struct *qpw)
{
	int cpu = qpw_get_cpu(qpw);

	return IS_ENABLED(CONFIG_QPW) &&
	       (__qpw_is_thread_of(cpu) || cpu != smp_processor_id());
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

	/*
	 * Ordered by flush_work(), unless another caller queues it meanwhile.
	 */
	if (data_race(qpw->dropped))
		return QPW_FLUSH_DROPPED;
	return waited ? QPW_FLUSH_WAITED : QPW_FLUSH_IDLE;
}

#endif /* _LINUX_QPW_WORK_H */
