// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a shell cannot do in the guest that makes the outcome table:
 *
 *	guest task CPU FILE DIR		be a SCHED_FIFO task that never yields CPU, but fills
 *					the CPU's caches when FILE asks for it, partly by
 *					creating files in DIR
 *	guest fill FILE			ask for that, and wait until it is done
 *	guest unmap FILE		ask a process that shares the memory to unmap some
 *	guest fill-and FILE TEXT TO	fill, and write TEXT to the file TO at once
 *	guest within MS COMMAND...	"done", "failed", or "never" and the process left behind
 *	guest mlock|unmap-own|migrate|collapse|fadvise|membarrier|settime|forks
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define FILL_PAGES	4
#define PAGES		32
#define FORKS		96
#define FORKS_AT_ONCE	12

/* Newer than the C library of Debian 12 */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

enum { FILL, UNMAP, REQUESTS };

/* In FILE */
struct requests {
	unsigned int asked[REQUESTS];
	unsigned int done[REQUESTS];
};

static struct requests *map_requests(const char *path, int flags)
{
	int fd = open(path, O_RDWR | flags, 0600);
	struct requests *req;

	if (fd < 0 || (flags && ftruncate(fd, sizeof(*req))))
		err(1, "%s", path);
	req = mmap(NULL, sizeof(*req), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (req == MAP_FAILED)
		err(1, "mmap");
	close(fd);
	return req;
}

static char *map(size_t pages, int flags)
{
	char *p = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static char *touched(size_t pages)
{
	char *p = map(pages, 0);
	size_t i;

	for (i = 0; i < pages; i++)
		p[i * 4096] = 1;
	return p;
}

static void unmap(char *p, size_t pages)
{
	if (mprotect(p, pages * 4096, PROT_READ) || munmap(p, pages * 4096))
		err(1, "munmap");
}

static bool is_asked(struct requests *req, int what, unsigned int *asked)
{
	*asked = __atomic_load_n(&req->asked[what], __ATOMIC_ACQUIRE);
	return *asked != req->done[what];
}

static void answer(struct requests *req, int what, unsigned int asked)
{
	__atomic_store_n(&req->done[what], asked, __ATOMIC_RELEASE);
}

/* Buffer heads, slab objects, charges, RCU callbacks, folios to lock and to add */
static void fill(const char *dir, unsigned int round)
{
	char path[256], page[4096] = "";
	char *locked;
	int fd, i;

	snprintf(path, sizeof(path), "%s/%u", dir, round);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || write(fd, page, sizeof(page)) != sizeof(page))
		err(1, "%s", path);
	close(fd);
	snprintf(path, sizeof(path), "%s/%u", dir, round - 1);
	unlink(path);
	locked = map(FILL_PAGES, MAP_LOCKED);
	for (i = 0; i < FILL_PAGES; i++)
		locked[i * 4096] = 1;
	touched(FILL_PAGES);
}

/* On the other CPUs */
static int unmapper(void *arg)
{
	struct requests *req = arg;
	unsigned int asked;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		err(1, "prctl");
	for (;;) {
		if (is_asked(req, UNMAP, &asked)) {
			unmap(touched(PAGES), PAGES);
			answer(req, UNMAP, asked);
		}
		usleep(20000);
	}
	return 0;
}

static void go_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "CPU %d", cpu);
}

/* A thread would have to be in the partition, too. */
static void start_unmapper(struct requests *req)
{
	static char stack[65536] __attribute__((__aligned__(16)));

	if (clone(unmapper, stack + sizeof(stack),
		  CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD, req) < 0)
		err(1, "clone");
}

static void join_cgroup(const char *path)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, "0", 1) != 1)
		err(1, "%s", path);
	close(fd);
}

static void task(int cpu, const char *path, const char *dir, const char *cgroup)
{
	struct sched_param param = { .sched_priority = 1 };
	struct requests *req = map_requests(path, O_CREAT | O_TRUNC);
	unsigned int asked;

	start_unmapper(req);
	join_cgroup(cgroup);
	go_to(cpu);
	if (mlockall(MCL_CURRENT) || sched_setscheduler(0, SCHED_FIFO, &param))
		err(1, "SCHED_FIFO");
	for (;;) {
		if (!is_asked(req, FILL, &asked))
			continue;
		fill(dir, asked);
		answer(req, FILL, asked);
	}
}

static void ask(const char *path, int what, unsigned int usecs)
{
	struct requests *req = map_requests(path, 0);
	unsigned int asked;

	asked = __atomic_add_fetch(&req->asked[what], 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&req->done[what], __ATOMIC_ACQUIRE) != asked)
		if (usecs)
			usleep(usecs);
}

/* While the CPU still has RCU callbacks */
static void fill_and(const char *path, const char *text, const char *to)
{
	int fd = open(to, O_WRONLY);

	if (fd < 0)
		err(1, "%s", to);
	ask(path, FILL, 0);
	if (write(fd, text, strlen(text)) < 0)
		err(1, "%s", text);
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* A command that waits in the kernel cannot be killed, so it is left behind. */
static void within(int limit_ms, char **command)
{
	long long end = now_ms() + limit_ms;
	pid_t pid = fork();
	int status;

	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		/* The reader of the result must not wait for the command. */
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		execvp(*command, command);
		err(127, "%s", *command);
	}
	while (!waitpid(pid, &status, WNOHANG)) {
		if (now_ms() > end) {
			printf("never %d\n", pid);
			exit(0);
		}
		usleep(2000);
	}
	puts(status ? "failed" : "done");
}

static void lock(void)
{
	char *p = touched(PAGES);

	if (mlock(p, PAGES * 4096) || munlock(p, PAGES * 4096))
		err(1, "mlock");
}

static void unmap_own(void)
{
	unmap(touched(PAGES), PAGES);
}

/* To the node where they are; but lru_cache_disable() comes first */
static void migrate(void)
{
	unsigned long nodes = 1;
	char *p = touched(PAGES);

	if (syscall(SYS_mbind, p, PAGES * 4096, MPOL_BIND, &nodes, 8 * sizeof(nodes),
		    MPOL_MF_MOVE))
		err(1, "mbind");
}

/* It fails where no huge page is free, but drains first. */
static void collapse(void)
{
	size_t huge = 2 << 20;
	char *p = map(2 * huge / 4096, 0);

	p = (char *)(((unsigned long)p + huge - 1) & ~(huge - 1));
	memset(p, 1, 16 * 4096);
	if (madvise(p, huge, MADV_COLLAPSE) && errno == EINVAL)
		err(1, "MADV_COLLAPSE");
}

static void forget(void)
{
	char page[4096] = "";
	int fd = open("/disk/dontneed", O_RDWR | O_CREAT | O_TRUNC, 0600);
	int i;

	if (fd < 0)
		err(1, "open");
	for (i = 0; i < PAGES; i++)
		if (write(fd, page, sizeof(page)) != sizeof(page))
			err(1, "write");
	if (fsync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		err(1, "fadvise");
}

static void barriers(void)
{
	static const int commands[] = {
		MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
		MEMBARRIER_CMD_PRIVATE_EXPEDITED,
		MEMBARRIER_CMD_GLOBAL_EXPEDITED,
		MEMBARRIER_CMD_GLOBAL,
	};
	size_t i;

	/* nohz_full= excludes the last one. */
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (syscall(SYS_membarrier, commands[i], 0, 0) &&
		    commands[i] != MEMBARRIER_CMD_GLOBAL)
			err(1, "membarrier");
}

static void set_time(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_REALTIME, &ts) || clock_settime(CLOCK_REALTIME, &ts))
		err(1, "clock_settime");
}

static void forks(void)
{
	long long end;
	int i;

	for (i = 0; i < FORKS; i++) {
		if (i >= FORKS_AT_ONCE)
			wait(NULL);
		if (!fork()) {
			for (end = now_ms() + 5; now_ms() < end;)
				;
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
}

static const struct {
	const char *name;
	void (*func)(void);
} operations[] = {
	{ "mlock", lock },
	{ "unmap-own", unmap_own },
	{ "migrate", migrate },
	{ "collapse", collapse },
	{ "fadvise", forget },
	{ "membarrier", barriers },
	{ "settime", set_time },
	{ "forks", forks },
};

int main(int argc, char **argv)
{
	size_t i;

	if (argc == 6 && !strcmp(argv[1], "task"))
		task(atoi(argv[2]), argv[3], argv[4], argv[5]);
	else if (argc == 3 && !strcmp(argv[1], "fill"))
		ask(argv[2], FILL, 1000);
	else if (argc == 3 && !strcmp(argv[1], "unmap"))
		ask(argv[2], UNMAP, 1000);
	else if (argc == 5 && !strcmp(argv[1], "fill-and"))
		fill_and(argv[2], argv[3], argv[4]);
	else if (argc > 3 && !strcmp(argv[1], "within"))
		within(atoi(argv[2]), argv + 3);
	else if (argc == 2)
		for (i = 0; i < ARRAY_SIZE(operations); i++)
			if (!strcmp(argv[1], operations[i].name)) {
				operations[i].func();
				return 0;
			}
	return argc < 3 ? 2 : 0;
}
