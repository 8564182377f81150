// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long a struct page takes when others of the node are initialised beside it.
 *
 * A thread works for a while and then wants the node's memory, which serves one after the
 * other: a closed network of one queue, whose mean waiting time is exact by mean value
 * analysis, if it is random who comes when. So threads get into each other's way long
 * before the memory's bandwidth is used up, as they do on the published machines, and
 * together they never get more than that.
 *
 * With more threads than cores some share one; that makes their own part longer.
 */

#include "init.h"
#include "util.h"

double memory_in_cores(const struct params *p, const struct shape *s, int threads)
{
	int sharing = threads - s->cores;

	if (sharing <= 0)
		return threads;
	return s->cores - sharing + sharing * p->smt_yield;
}

double memory_ns(double think, double serve, int threads)
{
	double queue = 0, ns = serve;
	int n;

	for (n = 1; n <= threads; n++) {
		ns = serve * (1 + queue);
		queue = n * ns / (think + ns);
	}
	return ns;
}

double memory_free_ns(const struct params *p, const struct design *d)
{
	double lines = (p->lock_lines + p->block_updates) * p->hit_ns;

	if (d->no_locks)
		return 0;
	return (p->hold_ns + lines) / p->block_pages;
}

double *memory_law(const struct params *p, const struct shape *s,
		   const struct design *d)
{
	double bytes = d->past_caches ? p->past_bytes : p->line_bytes;
	double serve = s->peak ? bytes / (s->peak * p->bandwidth_share) : 0;
	double think = s->page_ns - memory_free_ns(p, d);
	double usual = s->peak ? p->line_bytes / (s->peak * p->bandwidth_share) : 0;
	int n, cpus = s->cores * s->smt;
	double *law = zalloc(cpus + 1, sizeof(*law));

	/* What one thread takes has been measured with the usual traffic. */
	think = larger(think - usual, 0);
	for (n = 1; n <= cpus; n++) {
		double own = think * n / memory_in_cores(p, s, n);

		law[n] = own + memory_ns(own, serve, n);
	}
	return law;
}
