// SPDX-License-Identifier: GPL-2.0-only
/*
 * debug.c - race windows of multithreaded jobs
 */

#include <linux/delay.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/random.h>

#include <kunit/static_stub.h>

#include "internal.h"

#if IS_ENABLED(CONFIG_KUNIT) || IS_ENABLED(CONFIG_PADATA_MT_DEBUG)

#ifdef CONFIG_PADATA_MT_DEBUG
static unsigned int padata_mt_delay_us;
module_param_named(delay_us, padata_mt_delay_us, uint, 0644);
MODULE_PARM_DESC(delay_us, "Longest random delay in race windows, 0 for none");

static void padata_mt_delay(void)
{
	unsigned int us = READ_ONCE(padata_mt_delay_us);

	if (us && get_random_u32_below(4) == 0)
		udelay(get_random_u32_inclusive(1, min(us, 1000)));
}
#else
static inline void padata_mt_delay(void)
{
}
#endif

/*
 * A race window, without locks held.  CONFIG_PADATA_MT_DEBUG makes it wider,
 * and a KUnit test can let another thread run in it.
 */
void padata_mt_window(void)
{
	KUNIT_STATIC_STUB_REDIRECT(padata_mt_window);
	padata_mt_delay();
}
EXPORT_SYMBOL_IF_KUNIT(padata_mt_window);

#endif
