/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ASM_X86_NONTEMPORAL_H
#define _ASM_X86_NONTEMPORAL_H

#ifdef CONFIG_X86_64
static __always_inline void store_nontemporal(unsigned long *to, unsigned long value)
{
	asm volatile("movnti %1, %0" : "=m" (*to) : "r" (value));
}

#define store_nontemporal store_nontemporal
#endif

#endif /* _ASM_X86_NONTEMPORAL_H */
