// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long anonymous memory takes to go away: when its task exits, and by MADV_DONTNEED, which
 * several threads can do at a time under the mmap lock for reading.
 *
 *	teardown MIB ROUNDS	all of it
 *	teardown MIB 0 KIND	one exit with that kind of pages: pages or THP
 *
 * A line for each: what, the kind of pages, threads, KiB, nanoseconds.
 */
#define _GNU_SOURCE
#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS	2
#define HUGE		(2UL << 20)

static const struct kind {
	const char *name;
	int advice;
} kinds[] = {
	{ "pages", MADV_NOHUGEPAGE },
	{ "THP", MADV_HUGEPAGE },
};

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Aligned for large pages */
static char *map(size_t size, const struct kind *kind)
{
	char *at = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		err(1, "%zu bytes", size);
	at = (char *)(((unsigned long)at + HUGE - 1) & ~(HUGE - 1));
	madvise(at, size, kind->advice);
	return at;
}

struct piece {
	char *at;
	size_t size;
	int advice;
	pthread_barrier_t *barrier;
};

static void *advise(void *arg)
{
	struct piece *piece = arg;

	pthread_barrier_wait(piece->barrier);
	if (madvise(piece->at, piece->size, piece->advice))
		err(1, "madvise %d", piece->advice);
	pthread_barrier_wait(piece->barrier);
	return NULL;
}

/* Each thread a part; returns how long it took from the first to the last */
static long long advise_all(char *at, size_t size, int nr, int advice)
{
	pthread_barrier_t barrier;
	pthread_t threads[MAX_THREADS];
	struct piece pieces[MAX_THREADS];
	long long ns;

	pthread_barrier_init(&barrier, NULL, nr + 1);
	for (int i = 0; i < nr; i++) {
		pieces[i] = (struct piece){ at + size / nr * i, size / nr, advice, &barrier };
		if (pthread_create(&threads[i], NULL, advise, &pieces[i]))
			errx(1, "no thread");
	}
	pthread_barrier_wait(&barrier);
	ns = now();
	pthread_barrier_wait(&barrier);
	ns = now() - ns;
	for (int i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	return ns;
}

static void dontneed(const struct kind *kind, size_t size)
{
	char *at = map(size, kind);

	for (int nr = 1; nr <= MAX_THREADS; nr++) {
		advise_all(at, size, MAX_THREADS, MADV_POPULATE_WRITE);
		printf("dontneed %s %d %zu %lld\n", kind->name, nr, size >> 10,
		       advise_all(at, size, nr, MADV_DONTNEED));
	}
	munmap(at, size);
}

/* From the last that the child does until it is gone */
static void child_exits(const struct kind *kind, size_t size)
{
	int go[2], ready[2], status;
	char c = 0;
	long long ns;
	pid_t pid;

	if (pipe(go) || pipe(ready))
		err(1, "pipe");
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		char *at = map(size, kind);

		if (madvise(at, size, MADV_POPULATE_WRITE))
			err(1, "populate");
		if (write(ready[1], &c, 1) != 1 || read(go[0], &c, 1) != 1)
			err(1, "pipe");
		_exit(0);
	}
	if (read(ready[0], &c, 1) != 1)
		err(1, "pipe");
	usleep(1000);
	ns = now();
	if (write(go[1], &c, 1) != 1)
		err(1, "pipe");
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "the child failed");
	printf("exit %s 1 %zu %lld\n", kind->name, size >> 10, now() - ns);
	close(go[0]);
	close(go[1]);
	close(ready[0]);
	close(ready[1]);
}

static void all(size_t size)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		dontneed(&kinds[i], size);
		child_exits(&kinds[i], size);
	}
	child_exits(&kinds[0], HUGE);
}

int main(int argc, char **argv)
{
	size_t size = argc > 2 ? strtoul(argv[1], NULL, 0) << 20 : 0;
	int rounds = argc > 2 ? atoi(argv[2]) : 0;

	if (!size)
		errx(1, "usage: teardown MIB ROUNDS [KIND]");
	for (int round = 0; round < rounds; round++)
		all(size);
	for (size_t i = 0; argc == 4 && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(argv[3], kinds[i].name))
			child_exits(&kinds[i], size);
	return 0;
}
