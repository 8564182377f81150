/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue per-CPU work (QPW): what the files in this directory share
 */

#ifndef _KERNEL_QPW_INTERNAL_H
#define _KERNEL_QPW_INTERNAL_H

#include <linux/qpw_mode.h>
#include <linux/srcu.h>
#include <linux/types.h>

struct qpw_struct;

extern struct srcu_struct qpw_srcu;

void qpw_publish_mode(int cpu, enum qpw_mode mode);
bool qpw_is_housekeeper(int cpu);
bool qpw_run_remotely(struct qpw_struct *qpw);

#ifdef CONFIG_PREEMPT_RT
bool qpw_run_for_caller(struct qpw_struct *qpw);
int qpw_start_worker(int cpu);
#else
static inline bool qpw_run_for_caller(struct qpw_struct *qpw)
{
	return qpw_run_remotely(qpw);
}

static inline int qpw_start_worker(int cpu)
{
	return 0;
}
#endif

#endif /* _KERNEL_QPW_INTERNAL_H */
