/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lockdep.h - lockdep annotations of multithreaded jobs
 */

#ifndef _KERNEL_PADATA_MT_LOCKDEP_H
#define _KERNEL_PADATA_MT_LOCKDEP_H

#include <linux/lockdep.h>

#include "internal.h"

/**
 * DOC: Lockdep
 *
 * Each thread of a job, including the main thread, holds the lockdep map of the
 * call site while it runs the thread function: a helper may take the locks that
 * the main thread takes there.  The main thread also acquires and releases the
 * map before it starts, as flush_work() does.  Nested calls use the subclasses
 * of the map, by the number of chunks that they are nested in.  A thread that
 * holds a map at some depth takes only maps at greater depths, so call sites
 * may nest in each other in any order.  Calls in a memory allocation scope use
 * other subclasses.  The reason is that a job may allocate memory and so enter
 * reclaim, and reclaim may run a job from the same call site.
 */

/* Nesting depths that lockdep can distinguish, in and outside of scopes */
#define PADATA_MT_LOCKDEP_DEPTH	(MAX_LOCKDEP_SUBCLASSES / 2)

static inline bool padata_mt_is_tracked(unsigned int depth)
{
	return IS_ENABLED(CONFIG_LOCKDEP) && depth < PADATA_MT_LOCKDEP_DEPTH;
}

static inline void padata_mt_map_acquire(struct lockdep_map *map, unsigned int depth,
					 unsigned int pflags)
{
	unsigned int __maybe_unused subclass = depth;

	if (pflags & PADATA_MT_MEMALLOC)
		subclass += PADATA_MT_LOCKDEP_DEPTH;
	if (padata_mt_is_tracked(depth))
		lock_acquire_exclusive(map, subclass, 0, NULL, _THIS_IP_);
}

static inline void padata_mt_map_release(struct lockdep_map *map, unsigned int depth)
{
	if (padata_mt_is_tracked(depth))
		lock_map_release(map);
}

#endif /* _KERNEL_PADATA_MT_LOCKDEP_H */
