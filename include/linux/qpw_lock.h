/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue per-CPU work (QPW): the locks of per-CPU caches, see linux/qpw.h
 */
#ifndef _LINUX_QPW_LOCK_H
#define _LINUX_QPW_LOCK_H

#include <linux/local_lock.h>
#include <linux/lockdep.h>
#include <linux/percpu-defs.h>

#if defined(CONFIG_QPW) && !defined(CONFIG_PREEMPT_RT)
#include <linux/qpw_lock_spin.h>
#else
#include <linux/qpw_lock_local.h>
#endif

#if !defined(CONFIG_QPW) || !defined(CONFIG_PREEMPT_RT)
/* No release has to wake up a drainer. */
static __always_inline bool __qpw_nolock_begin(void)
{
	return true;
}

static __always_inline void __qpw_nolock_end(void) { }
#endif

/**
 * qpw_lock_init - Initialize a lock at run time
 * @lock: The lock of one CPU, of type qpw_lock_t.
 *
 * Call this for every possible CPU before the lock is first used, because any
 * of them may already be in remote mode by then.
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
 * interrupts.  If preemption is disabled on PREEMPT_RT, call it only between
 * qpw_nolock_begin() and qpw_nolock_end(): without them the release may have to
 * wake up a drainer.  That is not necessary if drainers on other CPUs only use
 * qpw_trylock(), because they never wait for the lock.
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

#endif /* _LINUX_QPW_LOCK_H */
