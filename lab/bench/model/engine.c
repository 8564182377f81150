// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of kernel/padata_mt/, function by function, so that they can be compared; in
 * floating point where overflow is of no interest here.
 */

#include <math.h>

#include "init.h"
#include "util.h"

/* padata_mt_chunk_len() */
unsigned long engine_chunk_len(const struct rules *r, unsigned long start,
			       unsigned long left, double want)
{
	double len = larger(larger(floor(want), r->min_chunk), 1);
	unsigned long n, over;

	if (len >= left)
		return left;
	n = len;
	over = r->align ? (start + n) % r->align : 0;
	if (over)
		n += smaller(r->align - over, left - n);
	return n;
}

/* padata_mt_max_chunk(), of a job without max_chunk */
static double max_chunk(const struct rules *r)
{
	return larger(r->p->max_chunk,
		      r->p->max_least * larger(r->min_chunk, r->align));
}

/* padata_mt_want() */
double engine_want(const struct rules *r, unsigned long left,
		   unsigned int threads, double slice)
{
	return smaller(smaller(left / r->p->share / threads, slice),
		       max_chunk(r));
}

/* padata_mt_in() */
static double in(double target, unsigned long len, double ns)
{
	return larger(len * target / larger(ns, 1), 1);
}

/* padata_mt_want_alone() */
double engine_want_alone(const struct rules *r, unsigned long len, double ns,
			 double elapsed)
{
	double target = elapsed < r->p->probe_ns ? r->p->probe_ns :
						   r->p->slice_ns;

	return smaller(smaller(len * r->p->growth, in(target, len, ns)),
		       max_chunk(r));
}

/* padata_mt_slice() */
double engine_slice(const struct rules *r, unsigned long len, double ns)
{
	return in(r->p->slice_ns, len, ns);
}

/* padata_mt_adapt() */
double engine_adapt(const struct rules *r, double slice, unsigned long len,
		    double ns)
{
	if (ns > r->p->slice_ns)
		return larger(engine_slice(r, len, ns), len / r->p->growth);
	if (len >= slice)
		return smaller(engine_slice(r, len, ns), len * r->p->growth);
	return slice;
}

/* padata_mt_worthwhile() */
unsigned int engine_worthwhile(const struct rules *r, double ns,
			       unsigned int limit)
{
	return smaller(floor(ns / r->p->worth_ns), limit);
}

/* padata_do_multithreaded() before: four chunks for each thread */
unsigned long engine_old_chunk(const struct rules *r, unsigned long size,
			       unsigned int threads)
{
	unsigned long len = larger(size / (threads * 4ul), r->min_chunk);

	if (!len)
		len = 1;
	if (r->align)
		len = (len + r->align - 1) / r->align * r->align;
	return len;
}
