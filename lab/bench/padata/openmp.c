// SPDX-License-Identifier: GPL-2.0-only
/*
 * The benchmark's loops by OpenMP, on the host: what padata is compared with.
 * Prints lines as padata_bench.c does.
 *
 *	openmp speedup RUNS
 *	openmp claim RUNS
 */
#include <omp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loops.h"

/* How many threads, as in the guest */
#define THREADS	2

/*
 * What the compiler makes of schedule(guided), for where one must know the
 * chunks: libgomp's ABI.
 */
bool GOMP_loop_nonmonotonic_guided_start(long start, long end, long incr,
					 long chunk, long *from, long *to);
bool GOMP_loop_nonmonotonic_guided_next(long *from, long *to);
void GOMP_loop_end(void);

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

#define PRAGMA(...)	_Pragma(#__VA_ARGS__)
#define LOOP_OF(pattern, ...)	\
		PRAGMA(omp parallel for num_threads(THREADS)	\
		       reduction(^:x) __VA_ARGS__)	\
		for (long i = 0; i < (long)LOOP_SIZE; i++)	\
			x = loop_index(pattern, i, x);

#define LOOPS(name, ...)	\
static void name(enum loop_pattern pattern)	\
{	\
	unsigned long x = 0;	\
	\
	switch (pattern) {	\
	case LOOP_EVEN:	\
		LOOP_OF(LOOP_EVEN, __VA_ARGS__)	\
		break;	\
	case LOOP_UNEVEN:	\
		LOOP_OF(LOOP_UNEVEN, __VA_ARGS__)	\
		break;	\
	case LOOP_RISING:	\
		LOOP_OF(LOOP_RISING, __VA_ARGS__)	\
		break;	\
	default:	\
		LOOP_OF(LOOP_FALLING, __VA_ARGS__)	\
	}	\
	loop_keep(x);	\
}
LOOPS(loop_direct, if (0))
LOOPS(loop_static, schedule(static))
LOOPS(loop_guided, schedule(guided, LOOP_MIN_CHUNK))
LOOPS(loop_dynamic, schedule(dynamic, LOOP_MIN_CHUNK))

/* One thread may claim two chunks that touch, so one cannot tell by the indices. */
static long guided_chunks(long size, long min_chunk)
{
	long chunks = 0;

#pragma omp parallel num_threads(THREADS) reduction(+:chunks)
	{
		long from, to;

		if (GOMP_loop_nonmonotonic_guided_start(0, size, 1, min_chunk,
							&from, &to))
			do {
				chunks++;
			} while (GOMP_loop_nonmonotonic_guided_next(&from, &to));
		GOMP_loop_end();
	}

	return chunks;
}

static void speedup(int runs)
{
	const struct {
		const char *name;
		void (*loop)(enum loop_pattern pattern);
		long chunks;
	} hows[] = {
		{ "direct", loop_direct, 1 },
		{ "static", loop_static, THREADS },
		{ "guided", loop_guided,
		  guided_chunks(LOOP_SIZE, LOOP_MIN_CHUNK) },
		{ "dynamic", loop_dynamic, LOOP_SIZE / LOOP_MIN_CHUNK },
	};
	int n = sizeof(hows) / sizeof(hows[0]);

	for (int run = 0; run < runs * LOOP_PATTERNS; run++) {
		for (int i = 0; i < n; i++) {
			int how = (run / LOOP_PATTERNS + i) % n;
			long long began = now();

			hows[how].loop(run % LOOP_PATTERNS);
			printf("speedup %s %s %lld %ld\n",
			       loop_names[run % LOOP_PATTERNS], hows[how].name,
			       now() - began, hows[how].chunks);
		}
	}
}

/* Returns the time when all threads are there, in the last of them. */
static long long meet(atomic_int *arrived)
{
	long long at = now();

	if (atomic_fetch_add(arrived, 1) + 1 == THREADS)
		return at;
	while (atomic_load(arrived) < THREADS)
		__builtin_ia32_pause();
	return 0;
}

/* From when the second thread is there */
static long long claim_once(unsigned int cycles, int bits, long *nr_chunks)
{
	long long began = 0;
	atomic_int arrived = 0;
	long chunks = 0;

#pragma omp parallel num_threads(THREADS) reduction(+:chunks) reduction(max:began)
	{
		long from, to;

		if (GOMP_loop_nonmonotonic_guided_start(0, 1L << bits, 1, 1,
							&from, &to))
			do {
				if (!chunks++)
					began = meet(&arrived);
				claim_chunk(cycles);
			} while (GOMP_loop_nonmonotonic_guided_next(&from, &to));
		GOMP_loop_end();
	}
	*nr_chunks = chunks;

	return now() - began;
}

static int cmp(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

/* What the chunks themselves cost */
static long long claim_body(unsigned int cycles)
{
	long long began = now();

	for (int i = 0; i < 10000; i++)
		claim_chunk(cycles);

	return (now() - began) / 10000;
}

static void claim(unsigned int cycles, int runs)
{
	long long *samples = calloc(runs, sizeof(*samples));
	long chunks;

	for (int bits = CLAIM_MIN_BITS; bits <= CLAIM_MAX_BITS;
	     bits += CLAIM_STEP_BITS) {
		for (int run = 0; run < runs; run++)
			samples[run] = claim_once(cycles, bits, &chunks);
		qsort(samples, runs, sizeof(*samples), cmp);
		printf("claim guided %lld %d %ld %d %lld %lld %lld %lld\n",
		       claim_body(cycles), bits, chunks, runs,
		       samples[runs / 2], samples[runs / 10],
		       samples[runs * 9 / 10], samples[runs * 99 / 100]);
	}
	free(samples);
}

int main(int argc, char **argv)
{
	int runs = argc == 3 ? atoi(argv[2]) : 0;

	omp_set_dynamic(0);
	if (runs > 0 && !strcmp(argv[1], "speedup"))
		speedup(runs);
	else if (runs > 0 && !strcmp(argv[1], "claim"))
		for (size_t i = 0; i < sizeof(claim_cycles) / sizeof(claim_cycles[0]); i++)
			claim(claim_cycles[i], runs);
	else
		return 2;

	return 0;
}
