/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Times of deferred init that Daniel Jordan published in May 2020, of the slowest node, in
 * ms: in v2 and, measured anew, in v3 of "padata: parallelize deferred page init".
 * https://lore.kernel.org/linux-mm/20200520182645.1658949-6-daniel.m.jordan@oracle.com/
 * https://lore.kernel.org/linux-mm/20200527173608.2885243-7-daniel.m.jordan@oracle.com/
 *
 * Processors, cores and memory are as published; the peak bandwidth is what the makers say
 * of so many channels, and which channels a guest has is a guess.
 */

#ifndef LAB_MODEL_PUBLISHED_H
#define LAB_MODEL_PUBLISHED_H

#define PUBLISHED_TIMES	7

struct published {
	const char	*name;
	const char	*memory;	/* where the bandwidth comes from */
	int		nodes, cores, smt;
	double		pages;		/* of a node */
	double		peak;		/* GB/s of a node */
	double		serial[2];	/* before, v2 and v3 */
	struct {
		int	threads;	/* of a node */
		double	ms[2];
	} times[PUBLISHED_TIMES];
};

#define GIB_PAGES	262144.0

static const struct published published[] = {
	{ "Broadwell", "4 channels DDR4-2400", 1, 16, 2, 192 * GIB_PAGES, 76.8,
	  { 1104.3, 1096.0 },
	  { { 1, { 1074.7, 1092.7 } }, { 4, { 305.3, 287.0 } },
	    { 8, { 174.0, 177.0 } }, { 12, { 145.3, 144.7 } },
	    { 16, { 133.0, 134.0 } }, { 24, { 128.0, 130.3 } },
	    { 32, { 126.3, 125.7 } } } },
	{ "Skylake", "6 channels DDR4-2666", 2, 26, 2, 384 * GIB_PAGES, 128.0,
	  { 1779.0, 1785.7 },
	  { { 1, { 1717.7, 1717.7 } }, { 6, { 341.0, 359.3 } },
	    { 13, { 193.3, 157.0 } }, { 19, { 175.3, 172.0 } },
	    { 26, { 193.7, 173.7 } }, { 39, { 172.7, 190.0 } },
	    { 52, { 143.3, 138.0 } } } },
	{ "Haswell", "4 channels DDR4-2133", 2, 18, 2, 128 * GIB_PAGES, 68.3,
	  { 630.0, 627.0 },
	  { { 1, { 625.3, 628.0 } }, { 4, { 200.3, 201.0 } },
	    { 9, { 128.0, 114.3 } }, { 13, { 117.7, 100.3 } },
	    { 18, { 117.0, 101.0 } }, { 27, { 110.0, 97.3 } },
	    { 36, { 90.0, 90.0 } } } },
	{ "EPYC guest", "a die's 2 channels DDR4-2666", 1, 8, 2, 64 * GIB_PAGES,
	  42.7, { 243.3, 240.7 },
	  { { 1, { 240.3, 246.0 } }, { 2, { 135.0, 133.0 } },
	    { 4, { 83.3, 90.0 } }, { 6, { 72.0, 74.3 } },
	    { 8, { 71.3, 65.3 } }, { 12, { 68.7, 48.7 } },
	    { 16, { 57.3, 47.0 } } } },
	{ "small EPYC guest", "a die's 2 channels DDR4-2666", 1, 2, 2,
	  16 * GIB_PAGES, 42.7, { 50.7, 49.7 },
	  { { 1, { 51.7, 51.7 } }, { 2, { 35.7, 28.3 } },
	    { 3, { 26.0, 25.0 } }, { 4, { 22.3, 22.0 } } } },
	{ "small Haswell guest", "4 channels DDR4-2133", 1, 2, 2, 14 * GIB_PAGES,
	  68.3, { 57.0, 122.3 },
	  { { 1, { 56.0, 125.3 } }, { 2, { 36.0, 76.3 } },
	    { 3, { 25.0, 61.3 } }, { 4, { 21.0, 53.3 } } } },
	{ "96 CPUs, 192G", "6 channels DDR4-2933, a guess", 2, 24, 2, 24189223,
	  140.8, { 304.0, 304.0 },
	  { { 48, { 28.0, 36.0 } } } },
};

#define NR_PUBLISHED	(sizeof(published) / sizeof(published[0]))

/* What the parameters that are said to be fitted were fitted on */
#define FITTED_BANDWIDTH	0
#define FITTED_SMT		4

#endif
