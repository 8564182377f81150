/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue per-CPU work (QPW): guards for the locks of per-CPU caches
 */
#ifndef _LINUX_QPW_GUARD_H
#define _LINUX_QPW_GUARD_H

#include <linux/cleanup.h>
#include <linux/qpw_lock.h>

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

#endif /* _LINUX_QPW_GUARD_H */
