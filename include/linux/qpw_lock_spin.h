/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue per-CPU work (QPW): locks that are spinlocks in remote mode
 *
 * For CONFIG_QPW without PREEMPT_RT.  "How it works" in kernel/qpw/mode.c has
 * the invariant and the pairing of barriers.
 */
#ifndef _LINUX_QPW_LOCK_H
# error "Do not include directly, include linux/qpw_lock.h"
#endif

#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/qpw_lock_word.h>
#include <linux/qpw_mode.h>

void __qpw_lock_cpu(qpw_lock_t *lock, bool tried, int cpu);
bool __qpw_trylock_cpu(qpw_lock_t *lock, bool tried, int cpu);
void __qpw_unlock_cpu(qpw_lock_t *lock, int cpu);

/*
 * The following functions are inlined, including their cold parts: if these
 * were calls, the hot part would have to save registers.  For the same reason
 * each function computes the address of the lock when it needs it, with
 * preemption disabled.
 */

static __always_inline void qpw_note_busy(void)
{
	if (!qpw_in_local_mode())
		this_cpu_inc(qpw_owner_waits);
}

/* Remote mode, and leaving */
static __always_inline void qpw_spin(qpw_lock_t *lock)
{
	if (likely(qpw_try_spin(lock)))
		return;
	qpw_note_busy();
	do {
		while (qpw_is_locked(lock))
			cpu_relax();
	} while (!qpw_try_spin(lock));
}

/* Local mode.  An NMI in the critical section must find the lock word set. */
static __always_inline void qpw_mark(qpw_lock_t *lock)
{
	WRITE_ONCE(lock->locked, 1);
	barrier();
}

static __always_inline void
qpw_owner_lock(qpw_lock_t __percpu *lock, bool tried)
{
	bool local = qpw_in_local_mode();

	qpw_dep_acquire(this_cpu_ptr(lock));
	if (unlikely(!local)) {
		qpw_spin(this_cpu_ptr(lock));
	} else if (tried) {
		lockdep_assert(!qpw_is_locked(this_cpu_ptr(lock)));
		qpw_mark(this_cpu_ptr(lock));
	}
	qpw_debug_locked(this_cpu_ptr(lock), local);
}

static __always_inline bool qpw_owner_trylock(qpw_lock_t *lock)
{
	bool local;

	if (qpw_is_locked(lock))
		goto busy;
	local = qpw_in_local_mode();
	if (likely(local))
		qpw_mark(lock);
	else if (!qpw_try_spin(lock))
		goto busy;
	qpw_dep_acquire_try(lock);
	qpw_debug_locked(lock, local);
	return true;
busy:
	qpw_note_busy();
	return false;
}

/*
 * A lock that cannot be tried is not marked in local mode, so there is nothing
 * to clear if no CPU has ever left local mode.
 */
static __always_inline void
qpw_owner_unlock(qpw_lock_t __percpu *lock, bool tried)
{
	if (IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC))
		qpw_debug_unlock(this_cpu_ptr(lock), qpw_in_local_mode());
	qpw_dep_release(this_cpu_ptr(lock));
	if (tried || static_branch_unlikely(&qpw_possible))
		qpw_clear(this_cpu_ptr(lock));
}

/* Called with preemption disabled */
#define qpw_owner_enter(lock)						\
	do {								\
		auto __lock = (lock);					\
									\
		qpw_owner_lock((qpw_lock_t __percpu *)__lock,		\
			       qpw_is_tried(__lock));			\
		__acquire(__lock);					\
	} while (0)

#define qpw_owner_leave(lock)						\
	do {								\
		auto __lock = (lock);					\
									\
		__release(__lock);					\
		qpw_owner_unlock((qpw_lock_t __percpu *)__lock,		\
				 qpw_is_tried(__lock));			\
	} while (0)

#define __local_qpw_lock(lock)						\
	do {								\
		preempt_disable();					\
		qpw_owner_enter(lock);					\
	} while (0)

#define __local_qpw_unlock(lock)					\
	do {								\
		qpw_owner_leave(lock);					\
		preempt_enable();					\
	} while (0)

#define __local_qpw_lock_irq(lock)					\
	do {								\
		local_irq_disable();					\
		qpw_owner_enter(lock);					\
	} while (0)

#define __local_qpw_unlock_irq(lock)					\
	do {								\
		qpw_owner_leave(lock);					\
		local_irq_enable();					\
	} while (0)

#define __local_qpw_lock_irqsave(lock, flags)				\
	do {								\
		local_irq_save(flags);					\
		qpw_owner_enter(lock);					\
	} while (0)

#define __local_qpw_unlock_irqrestore(lock, flags)			\
	do {								\
		qpw_owner_leave(lock);					\
		local_irq_restore(flags);				\
	} while (0)

/* Disabling bottom halves disables preemption, too. */
#define __local_qpw_lock_nested_bh(lock)				\
	do {								\
		lockdep_assert_in_softirq();				\
		qpw_owner_enter(lock);					\
	} while (0)

#define __local_qpw_unlock_nested_bh(lock)				\
	qpw_owner_leave(lock)

static __always_inline bool __local_qpw_trylock(qpw_trylock_t __percpu *base)
	__cond_acquires(true, base) __no_context_analysis
{
	bool taken;

	preempt_disable();
	taken = qpw_owner_trylock((qpw_lock_t *)this_cpu_ptr(base));
	if (!taken)
		preempt_enable();
	return taken;
}

#define __qpw_lock(lock, cpu)						\
	do {								\
		auto __lock = (lock);					\
		int __cpu = (cpu);					\
									\
		__qpw_lock_cpu((qpw_lock_t *)per_cpu_ptr(__lock, __cpu), \
			       qpw_is_tried(__lock), __cpu);		\
		__acquire(__lock);					\
	} while (0)

/* Interrupts stay disabled. */
#define qpw_leave(lock, cpu)						\
	do {								\
		auto __lock = (lock);					\
		int __cpu = (cpu);					\
									\
		__release(__lock);					\
		__qpw_unlock_cpu((qpw_lock_t *)per_cpu_ptr(__lock, __cpu), \
				 __cpu);				\
	} while (0)

#define __qpw_unlock(lock, cpu)						\
	do {								\
		qpw_leave(lock, cpu);					\
		local_irq_enable();					\
	} while (0)

#define __qpw_lock_irq(lock, cpu)	__qpw_lock(lock, cpu)
#define __qpw_unlock_irq(lock, cpu)	__qpw_unlock(lock, cpu)

static inline bool __qpw_trylock(qpw_trylock_t __percpu *base, int cpu)
	__cond_acquires(true, base) __no_context_analysis
{
	return __qpw_trylock_cpu((qpw_lock_t *)per_cpu_ptr(base, cpu), true,
				 cpu);
}
