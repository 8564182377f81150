// SPDX-License-Identifier: GPL-2.0-only
/* What the model says of machines whose times are known */

#include <math.h>
#include <stdio.h>

#include "check.h"
#include "init.h"
#include "published.h"
#include "util.h"

/* The kernel that was measured; @which: 0 for v2, 1 for v3, and their serial time */
static double published_ms(const struct params *now, const struct published *m,
			   int threads, int which)
{
	struct params p = *now;
	struct design d = { .old = true, .threads = threads };
	struct shape s = {
		.nodes = m->nodes, .cores = m->cores, .smt = m->smt,
		.cpus_per_socket = m->cores * m->smt, .pages = m->pages,
		.page_ns = m->serial[which] * 1e6 / m->pages, .peak = m->peak,
	};
	struct result r;

	p.block_pages = p.old_block_pages;
	p.block_updates = p.old_block_updates;
	init_simulate(&p, &s, &d, &r);
	return r.node_ns / 1e6;
}

/* Mean square of the logarithm, of the times from @first on */
static double misfit(const struct params *p, const struct published *m, int first)
{
	double e, sum = 0;
	int i, n = 0;

	for (i = first; i < PUBLISHED_TIMES && m->times[i].threads; i++, n++) {
		e = log(published_ms(p, m, m->times[i].threads, 0) /
			m->times[i].ms[0]);
		sum += e * e;
	}
	return sum / n;
}

struct fit {
	struct params		*p;
	double			*what;
	const struct published	*m;
	int			first;
};

static double misfit_with(double value, void *arg)
{
	struct fit *fit = arg;

	*fit->what = value;
	return misfit(fit->p, fit->m, fit->first);
}

/* The best of a parameter */
static double fit(struct params *p, double *what, double low, double high,
		  const struct published *m, int first)
{
	struct fit fit = { p, what, m, first };

	return minimum(low, high, misfit_with, &fit);
}

/* Twice, for each knows a little of the other */
void check_fit(struct params *p)
{
	int i;

	for (i = 0; i < 2; i++) {
		p->bandwidth_share = fit(p, &p->bandwidth_share, 0.3, 1,
					 &published[FITTED_BANDWIDTH], 1);
		p->smt_yield = fit(p, &p->smt_yield, 1, 2,
				   &published[FITTED_SMT], 3);
	}
}

/* What was fitted, all of it or one time, is no prediction. */
static const char *how(unsigned int machine, int time)
{
	if (machine == FITTED_BANDWIDTH)
		return "fitted";
	return machine == FITTED_SMT && time == 3 ? "fitted" : "predicted";
}

void check_published(const struct params *p)
{
	const struct published *m;
	unsigned int i;
	int k, which;

	for (i = 0; i < NR_PUBLISHED; i++) {
		m = &published[i];
		for (k = 0; k < PUBLISHED_TIMES && m->times[k].threads; k++)
			for (which = 0; which < 2; which++)
				printf("check\t%s\t%s\t%d\tv%d\t%s\t%.1f\t%.1f\t%.1f\n",
				       m->name, m->memory, m->times[k].threads,
				       2 + which, how(i, k),
				       m->serial[which],
				       m->times[k].ms[which],
				       published_ms(p, m, m->times[k].threads,
						    which));
	}
}

/* Small jobs on User Mode Linux: how many chunks, threads, and the time */
void check_small(const struct params *p)
{
	struct params q = *p;
	struct design d = { .min_chunk = 1, .idle = true, .no_locks = true,
			    .portion = 1ul << 40 };
	struct shape s = { 1, 2, 1, 2, 0, p->index_ns, 0 };
	struct result r;

	q.jitter = 0;
	for (s.pages = 1000; s.pages <= 1000000; s.pages *= 10) {
		init_simulate(&q, &s, &d, &r);
		printf("small\t%lu\t%lu\t%u\t%.0f\n", s.pages, r.chunks,
		       r.threads, r.ns);
		if (s.pages == 1000000)
			break;
		s.pages *= 3;
		init_simulate(&q, &s, &d, &r);
		printf("small\t%lu\t%lu\t%u\t%.0f\n", s.pages, r.chunks,
		       r.threads, r.ns);
		s.pages /= 3;
	}
}
