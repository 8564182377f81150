/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue per-CPU work (QPW): locks that the owner takes with local_lock()
 *
 * For kernels without CONFIG_QPW, and for PREEMPT_RT.
 */
#ifndef _LINUX_QPW_LOCK_H
# error "Do not include directly, include linux/qpw_lock.h"
#endif

typedef local_lock_t qpw_lock_t;
typedef local_trylock_t qpw_trylock_t;

#define INIT_QPW_LOCK(lockname)		INIT_LOCAL_LOCK(lockname)
#define INIT_QPW_TRYLOCK(lockname)	INIT_LOCAL_TRYLOCK(lockname)

#define __qpw_lock_init(lock)		local_lock_init(lock)
#define __qpw_trylock_init(lock)	local_trylock_init(lock)

#define __local_qpw_lock(lock)		local_lock(lock)
#define __local_qpw_unlock(lock)	local_unlock(lock)
#define __local_qpw_lock_irq(lock)	local_lock_irq(lock)
#define __local_qpw_unlock_irq(lock)	local_unlock_irq(lock)
#define __local_qpw_lock_irqsave(lock, flags)	\
	local_lock_irqsave(lock, flags)
#define __local_qpw_unlock_irqrestore(lock, flags)	\
	local_unlock_irqrestore(lock, flags)
#define __local_qpw_lock_nested_bh(lock)	local_lock_nested_bh(lock)
#define __local_qpw_unlock_nested_bh(lock)	local_unlock_nested_bh(lock)

#ifdef CONFIG_QPW
#include <linux/qpw_lock_rt.h>
#else

#include <linux/cpumask.h>
#include <linux/smp.h>

static inline void __qpw_check_cpu(int cpu)
{
	lockdep_assert(cpu == raw_smp_processor_id() || !cpu_online(cpu));
}

#define __local_qpw_trylock(lock)	local_trylock(lock)

/*
 * An offline CPU takes no lock, and only the hotplug callback accesses its
 * cache, so the callback takes the lock of the CPU that it runs on.
 */
#define __qpw_lock(lock, cpu)			\
	do {					\
		might_sleep();			\
		local_lock(lock);		\
		__qpw_check_cpu(cpu);		\
	} while (0)

#define __qpw_unlock(lock, cpu)			\
	do {					\
		__qpw_check_cpu(cpu);		\
		local_unlock(lock);		\
	} while (0)

#define __qpw_lock_irq(lock, cpu)		\
	do {					\
		might_sleep();			\
		local_lock_irq(lock);		\
		__qpw_check_cpu(cpu);		\
	} while (0)

#define __qpw_unlock_irq(lock, cpu)		\
	do {					\
		__qpw_check_cpu(cpu);		\
		local_unlock_irq(lock);		\
	} while (0)

static inline bool __qpw_trylock(qpw_trylock_t __percpu *base, int cpu)
	__cond_acquires(true, base) __no_context_analysis
{
	__qpw_check_cpu(cpu);
	return local_trylock(base);
}

#endif /* !CONFIG_QPW */
