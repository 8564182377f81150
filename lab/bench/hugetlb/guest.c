// SPDX-License-Identifier: GPL-2.0-only
/*
 * What resizing a pool of hugetlb pages takes, and clearing pages, with one thread and
 * with helpers.  Prints a line for each sample.
 *
 * guest instructions RUNS
 *	A few pages of 2 MiB, by the time stamp counter, which counts instructions
 *	(see lab/icount.sh).  The smallest of RUNS samples.
 * guest pool PAGES RUNS
 *	Grow an empty pool by PAGES, and shrink it.
 * guest limit SECONDS
 *	In a group that may use 20% of a CPU, a task resizes a pool without pause, and
 *	another one sleeps and wakes up: the CPU time of the group in microseconds,
 *	which includes that of helpers, and how late the other one wakes up.
 * guest clear RUNS
 *	Page faults and fallocate() that clear a page of 1 GiB; and memset() of such a
 *	page by one thread and by two that are bound to CPUs.
 *
 * Times are in nanoseconds.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define POOL		"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define HVO		"/proc/sys/vm/hugetlb_optimize_vmemmap"
#define MAX_HELPERS	"/sys/module/padata_mt/parameters/max_helpers"
#define MIB		(1UL << 20)
#define GIB		(1UL << 30)

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void put(int fd, const char *file, unsigned long value)
{
	char text[24];
	int n = sprintf(text, "%lu", value);

	if (pwrite(fd, text, n, 0) != n)
		err(1, "%s", file);
}

static void write_text(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(1, "%s", file);
	close(fd);
}

static void set(const char *file, unsigned long value)
{
	char text[24];

	sprintf(text, "%lu", value);
	write_text(file, text);
}

static unsigned long get(const char *file)
{
	unsigned long value;
	FILE *f = fopen(file, "r");

	if (!f || fscanf(f, "%lu", &value) != 1)
		err(1, "%s", file);
	fclose(f);
	return value;
}

static void resize(unsigned long pages)
{
	set(POOL, pages);
	if (get(POOL) != pages)
		errx(1, "the pool does not have %lu pages", pages);
}

static void grow_and_shrink(unsigned long pages)
{
	resize(pages);
	resize(0);
}

/* Without helpers, then with them; where there are none, only once. */
static void with_and_without(void (*fn)(const char *who, unsigned long n),
			     unsigned long n)
{
	unsigned long max;

	if (access(MAX_HELPERS, W_OK)) {
		fn("alone", n);
		return;
	}
	max = get(MAX_HELPERS);
	set(MAX_HELPERS, 0);
	fn("alone", n);
	set(MAX_HELPERS, max);
	fn("helpers", n);
}

static void *map(size_t size, int flags, int fd)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		err(1, "mmap of %zu bytes", size);
	return p;
}

static int memory_file(unsigned int flags)
{
	int fd = memfd_create("bench", flags);

	if (fd < 0)
		err(1, "memfd_create");
	return fd;
}

/* Instructions */

static int pool_fd;

static void write_pool(unsigned long pages)
{
	put(pool_fd, POOL, pages);
}

static void touch(unsigned long pages)
{
	size_t size = pages * 2 * MIB;
	char *p = map(size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);

	*p = 1;
	munmap(p, size);
}

static void allocate(unsigned long pages)
{
	int fd = memory_file(MFD_HUGETLB);

	if (fallocate(fd, 0, 0, pages * 2 * MIB))
		err(1, "fallocate");
	close(fd);
}

static void write_file(unsigned long unused)
{
	static char page[4096];
	int fd = memory_file(0);

	(void)unused;
	if (write(fd, page, sizeof(page)) != sizeof(page))
		err(1, "write");
	close(fd);
}

static uint64_t count(void (*fn)(unsigned long), unsigned long arg)
{
	uint64_t begin = __rdtsc();

	fn(arg);
	return __rdtsc() - begin;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void count_pool(unsigned long hvo, unsigned long pages, int runs)
{
	uint64_t grown = UINT64_MAX, shrunk = UINT64_MAX;

	while (runs--) {
		grown = less(grown, count(write_pool, pages));
		if (get(POOL) != pages)
			errx(1, "the pool does not have %lu pages", pages);
		shrunk = less(shrunk, count(write_pool, 0));
	}
	printf("instructions grow %lu %lu %lu\n", hvo, pages, grown);
	printf("instructions shrink %lu %lu %lu\n", hvo, pages, shrunk);
}

static void count_small(const char *name, void (*fn)(unsigned long), int runs)
{
	uint64_t least = UINT64_MAX;

	while (runs--)
		least = less(least, count(fn, 1));
	printf("instructions %s 0 1 %lu\n", name, least);
}

static void instructions(int runs)
{
	static const unsigned long pages[] = { 1, 16, 256 };
	unsigned long hvo;
	unsigned int i;

	pool_fd = open(POOL, O_WRONLY);
	for (hvo = 0; hvo < 2; hvo++) {
		set(HVO, hvo);
		for (i = 0; i < sizeof(pages) / sizeof(*pages); i++)
			count_pool(hvo, pages[i], runs);
	}
	set(HVO, 0);
	resize(1);
	count_small("fault", touch, runs);
	count_small("fallocate", allocate, runs);
	count_small("file", write_file, runs);
}

/* Pools */

static unsigned long hvo_state;

/*
 * Threads leave the free lists in another order than one thread, and what comes next
 * pays for that.  So where the order is that of one thread, one thread has made it.
 */
static void time_pool(const char *who, unsigned long pages)
{
	uint64_t begin, middle;

	if (!strcmp(who, "alone"))
		grow_and_shrink(pages);
	begin = now();
	resize(pages);
	middle = now();
	resize(0);
	printf("pool %lu grow %s %lu\n", hvo_state, who, middle - begin);
	printf("pool %lu shrink %s %lu\n", hvo_state, who, now() - middle);
}

static void pool(unsigned long pages, int runs)
{
	int warm;

	/* The host provides the memory, and PMDs of the memory map are split. */
	for (warm = 0; warm < 2; warm++) {
		for (hvo_state = 0; hvo_state < 2; hvo_state++) {
			set(HVO, hvo_state);
			grow_and_shrink(pages);
		}
	}
	for (; runs--;) {
		for (hvo_state = 0; hvo_state < 2; hvo_state++) {
			set(HVO, hvo_state);
			with_and_without(time_pool, pages);
		}
	}
}

/* A group with little CPU time */

#define CGROUPS		"/sys/fs/cgroup"
#define GROUP		CGROUPS "/bench"
#define LIMITED_PAGES	500
#define SLEEP_US	10000

static uint64_t group_usage(void)
{
	FILE *f = fopen(GROUP "/cpu.stat", "r");
	uint64_t us;

	if (!f || fscanf(f, "usage_usec %lu", &us) != 1)
		err(1, "cpu.stat");
	fclose(f);
	return us;
}

static pid_t in_group(void (*fn)(int), int out)
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid)
		return pid;
	write_text(GROUP "/cgroup.procs", "0");
	fn(out);
	_exit(0);
}

static void resize_on(int unused)
{
	(void)unused;
	for (;;)
		grow_and_shrink(LIMITED_PAGES);
}

/* Writes how late it is, in nanoseconds. */
static void sleep_on(int out)
{
	uint64_t begin, late;

	for (;;) {
		begin = now();
		usleep(SLEEP_US);
		late = now() - begin - SLEEP_US * 1000UL;
		if (write(out, &late, sizeof(late)) != sizeof(late))
			err(1, "write");
	}
}

static void limited(const char *who, unsigned long seconds)
{
	uint64_t begin, usage, late, sum = 0, most = 0, n = 0;
	pid_t resizer, sleeper;
	int out[2];

	if (pipe(out))
		err(1, "pipe");
	usage = group_usage();
	begin = now();
	resizer = in_group(resize_on, 0);
	sleeper = in_group(sleep_on, out[1]);
	close(out[1]);
	while (now() - begin < seconds * 1000000000UL &&
	       read(out[0], &late, sizeof(late)) == sizeof(late)) {
		sum += late;
		most = late > most ? late : most;
		n++;
	}
	usage = group_usage() - usage;
	printf("limit %s %lu %lu %lu %lu\n", who, usage, (now() - begin) / 1000,
	       sum / n / 1000, most / 1000);
	kill(resizer, SIGKILL);
	kill(sleeper, SIGKILL);
	waitpid(resizer, NULL, 0);
	waitpid(sleeper, NULL, 0);
	close(out[0]);
	resize(0);
}

static void limit(unsigned long seconds)
{
	if (mount("none", CGROUPS, "cgroup2", 0, NULL) && errno != EBUSY)
		err(1, "cgroup2");
	write_text(CGROUPS "/cgroup.subtree_control", "+cpu");
	if (mkdir(GROUP, 0755))
		err(1, "%s", GROUP);
	write_text(GROUP "/cpu.max", "20000 100000");
	grow_and_shrink(LIMITED_PAGES);	/* the host provides the memory */
	with_and_without(limited, seconds);
}

/* Pages of 1 GiB */

struct part {
	pthread_t	thread;
	char		*start;
	size_t		size;
	int		cpu;
};

static void *fill(void *arg)
{
	struct part *part = arg;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(part->cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		err(1, "CPU %d", part->cpu);
	memset(part->start, 0, part->size);
	return NULL;
}

static void fill_by(char *page, int threads)
{
	struct part part[2];
	uint64_t begin = now();
	int i;

	for (i = 0; i < threads; i++) {
		part[i] = (struct part) {
			.start = page + i * GIB / threads,
			.size = GIB / threads, .cpu = i,
		};
		if (pthread_create(&part[i].thread, NULL, fill, &part[i]))
			errx(1, "no thread");
	}
	for (i = 0; i < threads; i++)
		pthread_join(part[i].thread, NULL);
	printf("clear memset %s %lu\n", threads == 1 ? "alone" : "helpers",
	       now() - begin);
}

static void time_fault(const char *who, unsigned long plain)
{
	char *page = map(GIB, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
			 MAP_HUGE_1GB, -1);
	uint64_t begin = now();

	*page = 1;
	printf("clear fault %s %lu\n", who, now() - begin);
	if (plain) {
		fill_by(page, 1);
		fill_by(page, 2);
	}
	munmap(page, GIB);
}

static void time_fallocate(const char *who, unsigned long unused)
{
	int fd = memory_file(MFD_HUGETLB | MFD_HUGE_1GB);
	uint64_t begin = now();

	(void)unused;
	if (fallocate(fd, 0, 0, GIB))
		err(1, "fallocate");
	printf("clear fallocate %s %lu\n", who, now() - begin);
	close(fd);
}

static void clear(int runs)
{
	time_fault("warm", 0);	/* the host provides the memory */
	while (runs--) {
		with_and_without(time_fault, 0);
		with_and_without(time_fallocate, 0);
		time_fault("warm", 1);
	}
}

int main(int argc, char **argv)
{
	setlinebuf(stdout);
	if (argc == 3 && !strcmp(argv[1], "instructions"))
		instructions(atoi(argv[2]));
	else if (argc == 4 && !strcmp(argv[1], "pool"))
		pool(atol(argv[2]), atoi(argv[3]));
	else if (argc == 3 && !strcmp(argv[1], "clear"))
		clear(atoi(argv[2]));
	else if (argc == 3 && !strcmp(argv[1], "limit"))
		limit(atol(argv[2]));
	else
		errx(2, "usage: guest instructions RUNS | pool PAGES RUNS | limit SECONDS | clear RUNS");
	return 0;
}
