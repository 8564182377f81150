/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue per-CPU work (QPW): locks of CPUs in remote mode on PREEMPT_RT
 *
 * "PREEMPT_RT" in kernel/qpw/lock_rt.c describes the drainer and the gate.
 */
#ifndef _LINUX_QPW_LOCK_H
# error "Do not include directly, include linux/qpw_lock.h"
#endif

#include <linux/preempt.h>
#include <linux/qpw_mode.h>

bool qpw_enter_gate(void);
void qpw_leave_gate(void);

/*
 * A preemptible caller may wake up a drainer.  A CPU in local mode has no
 * drainer.  Neither changes before the caller enables preemption.
 */
static __always_inline bool qpw_needs_gate(void)
{
	return static_branch_unlikely(&qpw_possible) && !preemptible() &&
	       !qpw_in_local_mode();
}

static __always_inline bool __qpw_nolock_begin(void)
{
	return !qpw_needs_gate() || qpw_enter_gate();
}

static __always_inline void __qpw_nolock_end(void)
{
	if (qpw_needs_gate())
		qpw_leave_gate();
}

/*
 * A lock that is free can have a waiter: a task of this CPU that has not run
 * since the lock was released.  The caller could take the lock before that task
 * does, and would have to wake it up.  The lock counts as locked then, too.  If
 * the caller is not preemptible, no task of this CPU can become a waiter after
 * this check, and no drainer inside the gate.  A preemptible caller may wake up
 * tasks, and may migrate before it tries the lock.
 */
static __always_inline bool __local_qpw_trylock(qpw_trylock_t __percpu *base)
	__cond_acquires(true, base) __no_context_analysis
{
	if (rt_mutex_base_is_locked(&raw_cpu_ptr(base)->lock))
		return false;
	return local_trylock(base);
}

void __qpw_lock_cpu(spinlock_t *lock, int cpu);
bool __qpw_trylock_cpu(spinlock_t *lock, int cpu);
void __qpw_unlock_cpu(spinlock_t *lock, int cpu);

#define __qpw_lock(lock, cpu)						\
	do {								\
		int __cpu = (cpu);					\
									\
		__qpw_lock_cpu(per_cpu_ptr(lock, __cpu), __cpu);	\
	} while (0)

#define __qpw_unlock(lock, cpu)						\
	do {								\
		int __cpu = (cpu);					\
									\
		__qpw_unlock_cpu(per_cpu_ptr(lock, __cpu), __cpu);	\
	} while (0)

#define __qpw_lock_irq(lock, cpu)	__qpw_lock(lock, cpu)
#define __qpw_unlock_irq(lock, cpu)	__qpw_unlock(lock, cpu)

static inline bool __qpw_trylock(qpw_trylock_t __percpu *base, int cpu)
	__cond_acquires(true, base) __no_context_analysis
{
	return __qpw_trylock_cpu(per_cpu_ptr(base, cpu), cpu);
}
