// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that only is loaded and unloaded.
 */
#include <linux/module.h>

static int __init outcome_empty_init(void)
{
	return 0;
}
module_init(outcome_empty_init);

static void __exit outcome_empty_exit(void)
{
}
module_exit(outcome_empty_exit);

MODULE_DESCRIPTION("A module that comes and goes");
MODULE_LICENSE("GPL");
