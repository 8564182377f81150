// SPDX-License-Identifier: GPL-2.0-only
/*
 * What taking and releasing a free lock costs this processor: by a compare and
 * exchange and a store, as a CPU in remote mode does, and by two stores, as it
 * is done else.  Both follow upon each other, or stand among additions that
 * depend on each other and take 60 cycles, as a kmalloc() does.  An addition is
 * a cycle, so the clock's rate does not matter.
 *
 * native ROUNDS: a line for each round, "native" and what an iteration takes in
 * ticks of the time stamp counter: 60 additions; then two stores, compare and
 * exchange; then the same among 60 additions.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

#define ITERATIONS	20000

static uint32_t word __attribute__((aligned(64)));

#define ADD_1	"add $1, %%rax\n\t"
#define ADD_10	ADD_1 ADD_1 ADD_1 ADD_1 ADD_1 ADD_1 ADD_1 ADD_1 ADD_1 ADD_1
#define ADD_60	ADD_10 ADD_10 ADD_10 ADD_10 ADD_10 ADD_10

static inline void add_60(void)
{
	static uint64_t chain;

	asm volatile(ADD_60 : "+a" (chain) : : "cc");
}

static inline void take_plain(void)
{
	asm volatile("cmpl $0, %0\n\t"
		     "jne 1f\n\t"
		     "movl $1, %0\n"
		     "1:"
		     : "+m" (word) : : "memory", "cc");
}

static inline void take_locked(void)
{
	uint32_t unlocked = 0;

	asm volatile("lock cmpxchgl %2, %0"
		     : "+m" (word), "+a" (unlocked)
		     : "r" (1) : "memory", "cc");
}

static inline void release(void)
{
	asm volatile("movl $0, %0" : "+m" (word) : : "memory");
}

#define TICKS(statements)				\
	({						\
		uint64_t begin = __rdtsc();		\
		int i;					\
							\
		for (i = 0; i < ITERATIONS; i++) {	\
			statements			\
		}					\
		(double)(__rdtsc() - begin) / ITERATIONS; \
	})

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 21;

	while (rounds--)
		printf("native %.3f %.3f %.3f %.3f %.3f\n",
		       TICKS(add_60();),
		       TICKS(take_plain(); release();),
		       TICKS(take_locked(); release();),
		       TICKS(take_plain(); add_60(); release();),
		       TICKS(take_locked(); add_60(); release();));
	return 0;
}
