// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queue per-CPU work (QPW): the boot parameter qpw= selects the CPUs in remote
 * mode, and sysfs lists them
 */

#define pr_fmt(fmt) "qpw: " fmt

#include <linux/bitmap.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/init.h>
#include <linux/qpw_mode.h>
#include <linux/sched/isolation.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "internal.h"

/* The value on the command line; NULL stands for auto */
static char *qpw_param __initdata;

/* The CPUs in remote mode since boot */
struct cpumask qpw_boot_cpus __ro_after_init;

/* Does qpw= leave it to isolation which CPUs are in remote mode? */
bool qpw_is_auto __ro_after_init = true;

static int __init qpw_setup(char *str)
{
	qpw_param = str;
	return 1;
}
__setup("qpw=", qpw_setup);

/* The CPUs that isolcpus= or nohz_full= isolate */
static void __init qpw_choose_isolated(struct cpumask *cpus)
{
	static const enum hk_type types[] __initconst = {
		HK_TYPE_DOMAIN_BOOT, HK_TYPE_KERNEL_NOISE,
	};
	const struct cpumask *housekeeping;
	int cpu, i;

	cpumask_clear(cpus);
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		housekeeping = housekeeping_boot_cpumask(types[i]);
		if (!housekeeping)
			continue;
		for_each_possible_cpu(cpu)
			if (!cpumask_test_cpu(cpu, housekeeping))
				cpumask_set_cpu(cpu, cpus);
	}
}

/*
 * Rejects empty lists, and CPUs that are not possible.  Accepts "N" and "all".
 */
static bool __init qpw_parse_list(const char *list, struct cpumask *cpus)
{
	cpumask_clear(cpus);
	return !bitmap_parselist(list, cpumask_bits(cpus), nr_cpu_ids) &&
	       !cpumask_empty(cpus) && cpumask_subset(cpus, cpu_possible_mask);
}

static bool __init qpw_parse(const char *str, struct cpumask *cpus)
{
	static const char *const all[] __initconst = { "1", "on", "y" };
	static const char *const none[] __initconst = { "0", "off", "n" };

	if (!strcmp(str, "auto")) {
		qpw_choose_isolated(cpus);
		return true;
	}
	qpw_is_auto = false;
	if (strstarts(str, "cpus:"))
		return qpw_parse_list(str + strlen("cpus:"), cpus);
	if (match_string(all, ARRAY_SIZE(all), str) >= 0)
		cpumask_copy(cpus, cpu_possible_mask);
	else if (match_string(none, ARRAY_SIZE(none), str) >= 0)
		cpumask_clear(cpus);
	else
		return false;
	return true;
}

/**
 * qpw_init - Put the CPUs that the command line selects into remote mode
 *
 * Context: Boot, on the only CPU that runs, before the first use of a QPW lock.
 */
void __init qpw_init(void)
{
	const char *str = qpw_param ?: "auto";

	if (!qpw_parse(str, &qpw_boot_cpus)) {
		pr_warn("qpw=%s is not auto, 1, on, y, 0, off, n or cpus:<list of CPUs in %*pbl>; using auto\n",
			str, cpumask_pr_args(cpu_possible_mask));
		qpw_is_auto = true;
		qpw_choose_isolated(&qpw_boot_cpus);
	}
	if (cpumask_empty(&qpw_boot_cpus))
		return;

	qpw_start_remote(&qpw_boot_cpus);
	pr_info("CPUs in remote mode: %*pbl\n",
		cpumask_pr_args(&qpw_boot_cpus));
}

#ifdef CONFIG_SYSFS
static ssize_t qpw_show(struct device *dev, struct device_attribute *attr,
			char *buf)
{
	cpumask_var_t cpus;
	ssize_t len;
	int cpu;

	if (!zalloc_cpumask_var(&cpus, GFP_KERNEL))
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		if (__qpw_is_cpu_remote(cpu))
			cpumask_set_cpu(cpu, cpus);
	len = sysfs_emit(buf, "%*pbl\n", cpumask_pr_args(cpus));
	free_cpumask_var(cpus);
	return len;
}
static DEVICE_ATTR_RO(qpw);

static int __init qpw_init_sysfs(void)
{
	struct device *root = bus_get_dev_root(&cpu_subsys);
	int err;

	if (!root)
		return -ENODEV;
	err = device_create_file(root, &dev_attr_qpw);
	put_device(root);
	return err;
}
device_initcall(qpw_init_sysfs);
#endif
