/* SPDX-License-Identifier: GPL-2.0 */
/*
 * void store_nontemporal(unsigned long *to, unsigned long value)
 *
 * Writes around the caches, without reading the cache line first.  wmb() orders the
 * store; smp_wmb(), release operations and locks do not.  A context switch does, too,
 * so that a task may go to another CPU before its wmb().
 *
 * An architecture that has such an instruction defines this function, and a macro of
 * its name.
 */
#ifndef _ASM_GENERIC_NONTEMPORAL_H
#define _ASM_GENERIC_NONTEMPORAL_H

#endif /* _ASM_GENERIC_NONTEMPORAL_H */
