/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * estimate.h - how the time that chunks took determines the length of the next
 * chunks and the number of helpers
 */

#ifndef _KERNEL_PADATA_MT_ESTIMATE_H
#define _KERNEL_PADATA_MT_ESTIMATE_H

#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/time64.h>

#include "internal.h"

/**
 * DOC: How many helpers, and how long chunks are
 *
 * A job gets one helper for each PADATA_MT_WORTH_NS of the remaining work.  The
 * main thread computes this again after each of its chunks, because the first
 * indices of a job may be the cheap ones.  Each thread adapts the length of its
 * chunks to PADATA_MT_SLICE_NS in the same way.  The cost of the first indices
 * does not predict that of later ones, so padata_mt_max_chunk() bounds the
 * chunks as well.
 */

/* Starting a helper costs microseconds; its work should take much longer. */
#define PADATA_MT_WORTH_NS	(100 * NSEC_PER_USEC)

/* Chunks grow by this factor at most while the cost of an index is measured. */
#define PADATA_MT_GROWTH	16

/* The target time of a chunk, so that a thread heeds signals and isolation. */
#define PADATA_MT_SLICE_NS	(10 * NSEC_PER_MSEC)

/* What a helper pays in advance for a chunk, if a bandwidth limit applies */
#define PADATA_MT_ADVANCE_NS	NSEC_PER_MSEC

/* The clocks of two CPUs may differ. */
static inline u64 padata_mt_since(u64 began, u64 now)
{
	return now > began ? now - began : 0;
}

/* About x * num / den, without overflow */
static inline u64 padata_mt_scale(u64 x, u64 num, u64 den)
{
	num = max(num, 1ULL);
	den = max(den, 1ULL);

	if (num < den)
		return div64_u64(x, div64_u64(den, num));
	if (check_mul_overflow(x, div64_u64(num, den), &x))
		return U64_MAX;

	return x;
}

/* The number of indices that take @target ns if @len indices took @ns ns */
static inline unsigned long padata_mt_in(u64 target, unsigned long len, u64 ns)
{
	return clamp(padata_mt_scale(len, target, ns), 1, ULONG_MAX);
}

static inline unsigned long padata_mt_slice(unsigned long len, u64 ns)
{
	return padata_mt_in(PADATA_MT_SLICE_NS, len, ns);
}

static inline unsigned long padata_mt_grow(unsigned long len)
{
	return len < ULONG_MAX / PADATA_MT_GROWTH ? len * PADATA_MT_GROWTH :
						    ULONG_MAX;
}

static inline u64 padata_mt_elapsed(const struct padata_mt_ctx *ctx)
{
	return padata_mt_since(ctx->began, padata_mt_clock(ctx->late));
}

/* One helper for each PADATA_MT_WORTH_NS */
static inline unsigned int padata_mt_worthwhile(u64 ns, unsigned int limit)
{
	return min(div_u64(ns, PADATA_MT_WORTH_NS), limit);
}

/* The number of helpers that find a chunk in @left indices */
static inline unsigned long padata_mt_shares(const struct padata_mt_job *job,
					     unsigned long left)
{
	return left / max3(job->align, job->min_chunk, 1UL);
}

#endif /* _KERNEL_PADATA_MT_ESTIMATE_H */
