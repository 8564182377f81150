// SPDX-License-Identifier: GPL-2.0-only
/*
 * params.c - the limit on helpers, and a count of jobs without memory for them
 */

#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/moduleparam.h>
#include <linux/sysfs.h>

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

static int padata_mt_get_no_memory(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%ld\n", atomic_long_read(&padata_mt_no_memory));
}

/* Only for the command line: the file is not writable. */
static int padata_mt_set_no_memory(const char *val, const struct kernel_param *kp)
{
	return -EPERM;
}

static const struct kernel_param_ops padata_mt_no_memory_ops = {
	.set = padata_mt_set_no_memory,
	.get = padata_mt_get_no_memory,
};
module_param_cb(jobs_without_memory, &padata_mt_no_memory_ops, NULL, 0444);
MODULE_PARM_DESC(jobs_without_memory, "Jobs that had one thread because memory for more was missing");
