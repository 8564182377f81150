/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue per-CPU work (QPW): the lock word, and what lockdep knows about it
 *
 * For CONFIG_QPW without PREEMPT_RT.
 */
#ifndef _LINUX_QPW_LOCK_H
# error "Do not include directly, include linux/qpw_lock.h"
#endif

#include <linux/atomic.h>
#include <linux/debug_locks.h>
#include <linux/lockdep.h>
#include <linux/percpu-defs.h>
#include <linux/sched.h>

/*
 * The lock word is both what local_trylock_t calls "acquired" and a spinlock.
 * In local mode only its CPU writes it, with plain stores (a qpw_lock_t needs
 * none, because nothing tries it).  In remote mode cmpxchg acquires it.  An
 * interrupt that tries the lock finds the same word set in either mode, so
 * releasing it does not depend on the mode.
 *
 * Callers of the same work hold a mutex from queueing to flushing, so usually
 * at most two CPUs contend for it: the owner and a drainer.  It need not be
 * fair, so one byte is enough.  local_trylock_t has one byte as well, and some
 * users pack the data of their fast path into one cacheline.
 */
#ifdef CONFIG_DEBUG_LOCK_ALLOC
# define QPW_LOCK_MEMBERS			\
	struct lockdep_map	dep_map;	\
	struct task_struct	*owner;		\
	int			cpu;		\
	bool			local;		\
	u8			locked
# define QPW_LOCK_DEBUG_INIT(lockname)			\
	.dep_map = {					\
		.name = #lockname,			\
		.wait_type_inner = LD_WAIT_CONFIG,	\
		.lock_type = LD_LOCK_PERCPU,		\
	},
#else
# define QPW_LOCK_MEMBERS			\
	u8			locked
# define QPW_LOCK_DEBUG_INIT(lockname)
#endif

context_lock_struct(qpw_lock) { QPW_LOCK_MEMBERS; };
typedef struct qpw_lock qpw_lock_t;

context_lock_struct(qpw_trylock) { QPW_LOCK_MEMBERS; };
typedef struct qpw_trylock qpw_trylock_t;

#define INIT_QPW_LOCK(lockname)				\
	{ .locked = 0, QPW_LOCK_DEBUG_INIT(lockname) }
#define INIT_QPW_TRYLOCK(lockname)	INIT_QPW_LOCK(lockname)

#define __qpw_lock_init(lock)					\
do {								\
	static struct lock_class_key __key;			\
	auto __lock = (lock);					\
								\
	debug_check_no_locks_freed(__lock, sizeof(*__lock));	\
	lockdep_init_map_type(&__lock->dep_map, #lock, &__key,	\
			      0, LD_WAIT_CONFIG, LD_WAIT_INV,	\
			      LD_LOCK_PERCPU);			\
	qpw_debug_init((qpw_lock_t *)__lock);			\
	WRITE_ONCE(__lock->locked, 0);				\
} while (0)
#define __qpw_trylock_init(lock)	__qpw_lock_init(lock)

/*
 * In local mode the owner marks a lock as taken only if the lock can be tried.
 */
#define qpw_is_tried(lock)				\
	_Generic(raw_cpu_ptr(lock), qpw_trylock_t * : true,	\
		 qpw_lock_t * : false)

#ifdef CONFIG_DEBUG_LOCK_ALLOC
static inline void qpw_debug_init(qpw_lock_t *lock)
{
	lock->owner = NULL;
}

/* @local: the lock was taken in local mode */
static inline void qpw_debug_locked(qpw_lock_t *lock, bool local)
{
	DEBUG_LOCKS_WARN_ON(lock->owner);
	lock->owner = current;
	lock->cpu = raw_smp_processor_id();
	lock->local = local;
}

/* @local: the lock would be taken in local mode now */
static inline void qpw_debug_unlock(qpw_lock_t *lock, bool local)
{
	lockdep_assert(lock->owner == current);
	lockdep_assert(lock->cpu == raw_smp_processor_id());
	lockdep_assert(lock->local == local);
	lock->owner = NULL;
}

static inline void qpw_dep_acquire(qpw_lock_t *lock)
{
	lock_map_acquire(&lock->dep_map);
}

static inline void qpw_dep_acquire_try(qpw_lock_t *lock)
{
	lock_map_acquire_try(&lock->dep_map);
}

static inline void qpw_dep_release(qpw_lock_t *lock)
{
	lock_map_release(&lock->dep_map);
}
#else
static inline void qpw_debug_init(qpw_lock_t *lock) { }
static inline void qpw_debug_locked(qpw_lock_t *lock, bool local) { }
static inline void qpw_debug_unlock(qpw_lock_t *lock, bool local) { }
static inline void qpw_dep_acquire(qpw_lock_t *lock) { }
static inline void qpw_dep_acquire_try(qpw_lock_t *lock) { }
static inline void qpw_dep_release(qpw_lock_t *lock) { }
#endif

static __always_inline bool qpw_is_locked(const qpw_lock_t *lock)
{
	return READ_ONCE(lock->locked);
}

static __always_inline bool qpw_try_spin(qpw_lock_t *lock)
{
	u8 unlocked = 0;

	/* Pairs with the release in qpw_clear(). */
	return try_cmpxchg_acquire(&lock->locked, &unlocked, 1);
}

static __always_inline void qpw_clear(qpw_lock_t *lock)
{
	/* Pairs with the acquire in qpw_try_spin(). */
	smp_store_release(&lock->locked, 0);
}
