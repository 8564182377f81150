/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * __lru_add_drain_all(), simulated: work queued to CPUs in local mode, the caches of CPUs
 * in remote mode drained by the caller, then all works flushed.
 */

#ifndef LAB_MODEL_DRAIN_H
#define LAB_MODEL_DRAIN_H

#include "params.h"

struct drain {
	int	cpus;
	int	cpus_per_node;		/* and per socket */
	int	remote;			/* CPUs in remote mode, the last ones */
	int	folios;			/* in the batches of each CPU */
	int	drainers;		/* that share the CPUs in remote mode */
	int	fetch;			/* folios are fetched before the lock is taken */
};

struct drain_result {
	double	ns;			/* until the caller has flushed all */
	double	caller_ns;		/* that it was busy */
	int	interrupted;		/* CPUs thrown off what they did */
	double	stolen_ns;		/* from them, together */
	double	longest_ns;		/* from one */
	int	missed, twice;		/* CPUs not drained, or more than once */
};

void drain_simulate(const struct params *p, const struct drain *d,
		    struct drain_result *r);

#endif
