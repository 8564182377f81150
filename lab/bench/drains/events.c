// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting what tracepoints tell
 */
#include "bench.h"

#include <linux/array_size.h>
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

static bool counting;
static atomic_t works, switches, ipis;

static void on_work(void *unused, void *work)
{
	if (counting)
		atomic_inc(&works);
}

static void on_switch(void *unused, bool preempt, void *prev, void *next,
		      unsigned int prev_state)
{
	if (counting)
		atomic_inc(&switches);
}

static void on_ipi(void *unused, unsigned int cpu, unsigned long callsite,
		   void *callback)
{
	if (counting)
		atomic_inc(&ipis);
}

static void on_ipis(void *unused, const struct cpumask *cpus,
		    unsigned long callsite, void *callback)
{
	if (counting)
		atomic_add(cpumask_weight(cpus), &ipis);
}

static struct probe {
	const char		*name;
	void			*call;
	struct tracepoint	*tracepoint;
} probes[] = {
	{ "workqueue_execute_start", on_work },
	{ "sched_switch", on_switch },
	{ "ipi_send_cpu", on_ipi },
	{ "ipi_send_cpumask", on_ipis },
};

static void find_tracepoint(struct tracepoint *tracepoint, void *unused)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		if (!strcmp(tracepoint->name, probes[i].name))
			probes[i].tracepoint = tracepoint;
}

int events_init(void)
{
	int i, err;

	for_each_kernel_tracepoint(find_tracepoint, NULL);
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		err = probes[i].tracepoint ?
		      tracepoint_probe_register(probes[i].tracepoint,
						probes[i].call, NULL) : -ENOENT;
		if (err) {
			pr_err("no tracepoint %s\n", probes[i].name);
			probes[i].tracepoint = NULL;
			events_exit();
			return err;
		}
	}
	return 0;
}

void events_exit(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		if (probes[i].tracepoint)
			tracepoint_probe_unregister(probes[i].tracepoint,
						    probes[i].call, NULL);
	tracepoint_synchronize_unregister();
}

void events_start(void)
{
	atomic_set(&works, 0);
	atomic_set(&switches, 0);
	atomic_set(&ipis, 0);
	WRITE_ONCE(counting, true);
}

struct events events_stop(void)
{
	WRITE_ONCE(counting, false);
	return (struct events){
		.works		= atomic_read(&works),
		.switches	= atomic_read(&switches),
		.ipis		= atomic_read(&ipis),
	};
}
