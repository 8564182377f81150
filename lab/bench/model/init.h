/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deferred struct page init of a machine, simulated: one job for each node, its threads,
 * the chunks they take, the blocks of a chunk, and for each block zone->lock and the
 * counters under it.
 */

#ifndef LAB_MODEL_INIT_H
#define LAB_MODEL_INIT_H

#include <stdbool.h>

#include "params.h"
#include "sim.h"

/* A machine */
struct shape {
	int		nodes;
	int		cores;		/* of a node */
	int		smt;		/* threads of a core */
	int		cpus_per_socket;
	unsigned long	pages;		/* of a node */
	double		page_ns;	/* serial, all included */
	double		peak;		/* GB/s of a node's memory, 0: no limit */
};

/* What the kernel does */
struct design {
	bool		old;		/* padata before the series */
	int		threads;	/* of a node at most, 0: its CPUs */
	bool		idle;		/* workers are there before the job */
	bool		tree;		/* workers create workers */
	bool		sections;	/* freed at a time, else blocks */
	bool		batch_updates;	/* of counters: once for each chunk */
	bool		past_caches;	/* struct pages are written there */
	bool		no_pass;	/* over struct pages that are freed */
	unsigned long	min_chunk;	/* 0: a section */
	unsigned long	portion;	/* pages simulated at a time, 0: chosen */
	bool		no_locks;	/* a job of another kind: nothing is freed */
};

struct result {
	double		ns;		/* until the last node is ready */
	double		node_ns;	/* the slowest node, from its own beginning */
	double		last_start_ns;	/* when the last helper took a chunk */
	double		lock_waited;	/* for zone->lock, part of all threads' time */
	double		counters_busy;	/* vm_zone_stat's line, part of the time */
	double		claims_busy;	/* the busiest job's line, part of the time */
	unsigned long	pages, missed, twice;
	unsigned long	chunks;
	unsigned int	threads;	/* of the first node, that had a chunk */
};

void init_simulate(const struct params *p, const struct shape *s,
		   const struct design *d, struct result *r);

/* engine.c: lengths of chunks, as kernel/padata_mt/ has them */
struct rules {
	const struct params	*p;
	unsigned long		min_chunk;
	unsigned long		align;	/* 0: none */
};

unsigned long engine_chunk_len(const struct rules *r, unsigned long start,
			       unsigned long left, double want);
double engine_want(const struct rules *r, unsigned long left,
		   unsigned int threads, double slice);
double engine_want_alone(const struct rules *r, unsigned long len, double ns,
			 double elapsed);
double engine_slice(const struct rules *r, unsigned long len, double ns);
double engine_adapt(const struct rules *r, double slice, unsigned long len,
		    double ns);
unsigned int engine_worthwhile(const struct rules *r, double ns,
			       unsigned int limit);
unsigned long engine_old_chunk(const struct rules *r, unsigned long size,
			       unsigned int threads);

/* memory.c: ns for a page by how many threads of the node are at it, from 1 on */
double *memory_law(const struct params *p, const struct shape *s,
		   const struct design *d);
/* How many cores' worth of work @threads get */
double memory_in_cores(const struct params *p, const struct shape *s, int threads);
/* From wanting memory to having it, of one of @threads that think in between */
double memory_ns(double think, double serve, int threads);
/* What a free costs one thread that is alone, for a page */
double memory_free_ns(const struct params *p, const struct design *d);

#endif
