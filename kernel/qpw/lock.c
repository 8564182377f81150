// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queue per-CPU work (QPW): taking the lock of another CPU
 */

#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/qpw_lock.h>

#include "stats.h"

/*
 * The result is stable inside a critical section of @cpu's locks: see mode.c.
 */
static bool qpw_takes_spinlock(int cpu)
{
	return qpw_mode_of(cpu) != QPW_LOCAL || !cpu_online(cpu);
}

/* Takes a lock of this CPU, which is in local mode. */
static bool qpw_mark_local(qpw_lock_t *lock, bool tried)
{
	if (!tried)
		return true;
	if (qpw_is_locked(lock))
		return false;
	qpw_mark(lock);
	return true;
}

/* Called with interrupts disabled. */
static bool qpw_try_cpu(qpw_lock_t *lock, bool tried, int cpu)
{
	bool local = !qpw_takes_spinlock(cpu);

	__qpw_check_cpu(cpu);
	if (local ? !qpw_mark_local(lock, tried) : !qpw_try_spin(lock))
		return false;
	qpw_debug_locked(lock, local);
	return true;
}

/**
 * __qpw_lock_cpu - Take the lock of a given CPU
 * @lock: The lock.
 * @tried: @lock is a qpw_trylock_t.
 * @cpu: The CPU whose lock it is.
 *
 * The lockdep annotation precedes each attempt, so lockdep reports a deadlock
 * before the wait begins.  The attempt ends before interrupts are enabled:
 * while it waits the drainer holds nothing that an interrupt could want.
 *
 * Context: May sleep.  Returns with interrupts disabled.
 */
void __qpw_lock_cpu(qpw_lock_t *lock, bool tried, int cpu)
{
	bool waited = false;
	u64 asked;

	might_sleep();
	WARN_ON_ONCE(irqs_disabled());
	asked = qpw_clock_if_traced();
	for (;;) {
		local_irq_disable();
		qpw_dep_acquire(lock);
		if (qpw_try_cpu(lock, tried, cpu))
			break;
		qpw_dep_release(lock);
		local_irq_enable();
		waited = true;
		/* cmpxchg would take the cacheline away from the owner. */
		do {
			cpu_relax();
		} while (qpw_is_locked(lock));
	}
	qpw_note_locked(cpu, asked);
	if (waited)
		atomic_long_inc(&qpw_counters_of(cpu)->remote_waits);
}
EXPORT_SYMBOL_GPL(__qpw_lock_cpu);

/**
 * __qpw_trylock_cpu - Take the lock of a given CPU if it is free
 * @lock: The lock.
 * @tried: @lock is a qpw_trylock_t.
 * @cpu: The CPU whose lock it is.
 *
 * Context: Interrupts enabled, may be atomic.  Returns with interrupts disabled
 * if the lock was taken.
 *
 * Return: true if the lock was taken.
 */
bool __qpw_trylock_cpu(qpw_lock_t *lock, bool tried, int cpu)
{
	u64 asked = qpw_clock_if_traced();

	WARN_ON_ONCE(irqs_disabled());
	local_irq_disable();
	if (!qpw_try_cpu(lock, tried, cpu)) {
		local_irq_enable();
		return false;
	}
	qpw_dep_acquire_try(lock);
	qpw_note_locked(cpu, asked);
	return true;
}
EXPORT_SYMBOL_GPL(__qpw_trylock_cpu);

/**
 * __qpw_unlock_cpu - Release the lock of a given CPU
 * @lock: The lock.
 * @cpu: The CPU whose lock it is.
 *
 * Context: Interrupts disabled, and they stay disabled.
 */
void __qpw_unlock_cpu(qpw_lock_t *lock, int cpu)
{
	if (IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC))
		qpw_debug_unlock(lock, !qpw_takes_spinlock(cpu));
	qpw_dep_release(lock);
	qpw_clear(lock);
	qpw_note_unlocked(cpu, qpw_end_of_hold());
}
EXPORT_SYMBOL_GPL(__qpw_unlock_cpu);
