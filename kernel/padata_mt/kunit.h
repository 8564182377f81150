/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kunit.h - what the tests of multithreaded jobs need to see
 */

#ifndef _KERNEL_PADATA_MT_KUNIT_H
#define _KERNEL_PADATA_MT_KUNIT_H

#include <kunit/visibility.h>
#include <linux/types.h>

#if IS_ENABLED(CONFIG_KUNIT)
struct kernel_param;
struct padata_mt_run;

void padata_mt_window(void);
u64 padata_mt_clock(bool late);
struct padata_mt_run *padata_mt_alloc_run(unsigned int max_threads);
extern unsigned int padata_mt_max_helpers;
extern atomic_long_t padata_mt_no_memory;
int padata_mt_set_max_helpers(const char *val, const struct kernel_param *kp);
int padata_mt_set_idle_ms(const char *val, const struct kernel_param *kp);
unsigned int padata_mt_nr_helping(void);
unsigned int padata_mt_nr_workers(void);
#endif

#endif /* _KERNEL_PADATA_MT_KUNIT_H */
