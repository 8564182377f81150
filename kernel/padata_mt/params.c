// SPDX-License-Identifier: GPL-2.0-only
/*
 * params.c - padata_mt.max_helpers
 */

#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/moduleparam.h>

#include "internal.h"

VISIBLE_IF_KUNIT int padata_mt_set_max_helpers(const char *val,
					       const struct kernel_param *kp)
{
	int n, err = kstrtoint(val, 0, &n);

	if (err || n < 0)
		return -EINVAL;
	WRITE_ONCE(padata_mt_max_helpers, n);
	/* The command line is parsed before workers exist. */
	if (padata_mt_pool.ready)
		padata_mt_seek_helpers(UINT_MAX);

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(padata_mt_set_max_helpers);

static const struct kernel_param_ops padata_mt_max_helpers_ops = {
	.set = padata_mt_set_max_helpers,
	.get = param_get_uint,
};
module_param_cb(max_helpers, &padata_mt_max_helpers_ops, &padata_mt_max_helpers,
		0644);
MODULE_PARM_DESC(max_helpers, "Most helpers of all jobs together, 0 for none");
