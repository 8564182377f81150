// SPDX-License-Identifier: GPL-2.0-only
/*
 * mlock CPU RUNS: what mlock() and munlock() of some pages take on CPU, by the
 * time stamp counter, which counts instructions (see main.c).  The smallest of
 * RUNS samples is printed, in the form of main.c's "path".
 */
#define _GNU_SOURCE
#include <err.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <x86intrin.h>

#define PAGE	4096
#define MOST	(4 * 62)	/* multiples of what a folio batch holds */

struct sample {
	uint64_t lock, unlock;
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "sched_setaffinity %d", cpu);
}

/* Pages that are there, on the LRU, and none of them part of a larger folio */
static struct sample sample(int n)
{
	size_t size = n * PAGE;
	struct sample s;
	uint64_t begin;
	char *pages;

	pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		err(1, "mmap");
	madvise(pages, size, MADV_NOHUGEPAGE);
	memset(pages, 1, size);
	begin = __rdtsc();
	if (mlock(pages, size))
		err(1, "mlock");
	s.lock = __rdtsc() - begin;
	begin = __rdtsc();
	if (munlock(pages, size))
		err(1, "munlock");
	s.unlock = __rdtsc() - begin;
	munmap(pages, size);
	return s;
}

static void measure(int cpu, int runs, int n)
{
	struct sample least = { UINT64_MAX, UINT64_MAX }, s;

	while (runs--) {
		s = sample(n);
		least.lock = smaller(least.lock, s.lock);
		least.unlock = smaller(least.unlock, s.unlock);
	}
	printf("path %d mlock %d syscall %d %lu\n", cpu, PAGE, n, least.lock);
	printf("path %d munlock %d syscall %d %lu\n", cpu, PAGE, n, least.unlock);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(1, "usage: mlock CPU RUNS");
	run_on(atoi(argv[1]));
	for (int n = MOST / 4; n <= MOST; n *= 2)
		measure(atoi(argv[1]), atoi(argv[2]), n);
	return 0;
}
