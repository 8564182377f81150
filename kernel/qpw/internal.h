/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of kernel/qpw/ share.  The first file that is linked, mode.c,
 * explains the whole.
 */
#ifndef _KERNEL_QPW_INTERNAL_H
#define _KERNEL_QPW_INTERNAL_H

#include <linux/cpumask.h>
#include <linux/lockdep.h>
#include <linux/qpw_mode.h>
#include <linux/types.h>

struct qpw_struct;

#ifdef CONFIG_LOCKDEP
/* Held by a task while it calls a work function for a CPU in remote mode */
extern struct lockdep_map qpw_drain_map;

static inline void qpw_drain_acquire(void)
{
	lock_map_acquire_read(&qpw_drain_map);
}

static inline void qpw_drain_release(void)
{
	lock_map_release(&qpw_drain_map);
}

static inline void qpw_may_wait_for_drainers(void)
{
	lock_map_sync(&qpw_drain_map);
}
#else
static inline void qpw_drain_acquire(void) { }
static inline void qpw_drain_release(void) { }
static inline void qpw_may_wait_for_drainers(void) { }
#endif

/* What qpw= selects, see boot.c */
extern struct cpumask qpw_boot_cpus;
extern bool qpw_is_auto;

/* The CPUs that are, or are about to be, in remote mode */
extern struct cpumask qpw_wanted;

void qpw_publish_mode(int cpu, enum qpw_mode mode);
bool qpw_begin_drain(int cpu);
void qpw_end_drain(int cpu);
bool qpw_has_drainers(int cpu);

void qpw_begin_update(const struct cpumask *cpus);
void qpw_end_update(void);

void qpw_acquire_flush_map(struct lockdep_map *map, struct qpw_struct *qpw);
void qpw_call(struct qpw_struct *qpw);
void qpw_call_here(struct qpw_struct *qpw);

#ifdef CONFIG_PREEMPT_RT
void qpw_call_for_caller(struct qpw_struct *qpw);
int qpw_start_threads(const struct cpumask *cpus);
#else
static inline void qpw_call_for_caller(struct qpw_struct *qpw)
{
	qpw_call_here(qpw);
}

static inline int qpw_start_threads(const struct cpumask *cpus)
{
	return 0;
}
#endif

#endif
