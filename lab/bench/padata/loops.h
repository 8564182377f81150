/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loops of the benchmark, compiled into the kernel module and into the
 * OpenMP program: same source, same indices, same smallest chunk.
 */

#ifndef LAB_BENCH_LOOPS_H
#define LAB_BENCH_LOOPS_H

#define LOOP_SIZE		(1UL << 20)
#define LOOP_MIN_CHUNK		(1UL << 10)

/* Rounds in half a unit of cost.  An index costs 1 to 10 units, 5.5 if even. */
#define LOOP_ROUNDS		4

/*
 * LOOP_UNEVEN: one smallest chunk costs 1 to 10 times what another does, for
 * were it one index, chunks of many indices would all cost the same.
 * LOOP_RISING and LOOP_FALLING: the same costs, sorted.
 */
enum loop_pattern {
	LOOP_EVEN,
	LOOP_UNEVEN,
	LOOP_RISING,
	LOOP_FALLING,
	LOOP_PATTERNS,
};

static const char * const loop_names[] = {
	[LOOP_EVEN]	= "even",
	[LOOP_UNEVEN]	= "uneven",
	[LOOP_RISING]	= "rising",
	[LOOP_FALLING]	= "falling",
};

/* Each round needs the one before, so neither compiler nor CPU cuts it short. */
static inline unsigned long loop_rounds(unsigned long x, unsigned long n)
{
	while (n--)
		x = x * 0x9e3779b97f4a7c15UL + 1;
	return x;
}

/* In half units: 2 to 20, 11 on average */
static inline unsigned long loop_cost(enum loop_pattern pattern,
				      unsigned long i)
{
	switch (pattern) {
	case LOOP_UNEVEN:
		return 2 + 2 * ((loop_rounds(i / LOOP_MIN_CHUNK, 3) >> 32) % 10);
	case LOOP_RISING:
		return 2 + i * 19 / LOOP_SIZE;
	case LOOP_FALLING:
		return 20 - i * 19 / LOOP_SIZE;
	default:
		return 11;
	}
}

/*
 * @x is what the index before returned: what a loop costs must not depend on how
 * well the CPU guesses where the next index begins.
 */
static inline unsigned long loop_index(enum loop_pattern pattern,
				       unsigned long i, unsigned long x)
{
	return loop_rounds(x ^ i, LOOP_ROUNDS * loop_cost(pattern, i));
}

/* Keeps the compiler from leaving a loop out. */
static inline void loop_keep(unsigned long x)
{
	__asm__ volatile("" : : "r"(x));
}

/*
 * What a claim costs is seen with chunks that cost the same however long they
 * are: then sizes up to 2^60 make some tens of guided chunks.  With chunks that
 * cost nothing, claims meet; with those of some 0.4 us, they seldom do.  These
 * wait for the time to pass: what work costs depends on who else uses the core.
 */
#define CLAIM_MIN_BITS		10
#define CLAIM_MAX_BITS		60
#define CLAIM_STEP_BITS		10

static const unsigned int claim_cycles[] = { 0, 1000 };

static inline void claim_chunk(unsigned int cycles)
{
	unsigned long long began;

	if (!cycles)
		return;
	began = __builtin_ia32_rdtsc();
	while (__builtin_ia32_rdtsc() - began < cycles)
		;
}

#endif /* LAB_BENCH_LOOPS_H */
