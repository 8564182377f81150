// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a shell cannot do in the guest that shows QPW:
 *
 *	guest isolated CPU FILE READY	be a real-time task that has work behind it
 *	guest within MS COMMAND...	"MS COMMAND took" or "never"
 *	guest mlock			lock some memory
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MLOCK_PAGES	20
#define FILE_PAGES	20

static long long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

/* Locked page by page as they come to be, and so by the CPU that touches them */
static char *locked_memory(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mlock2(p, size, MLOCK_ONFAULT))
		err(1, "mlock2");
	return p;
}

static void touch(char *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += 4096)
		p[i] = 1;
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

/* In steps of a page, so that each becomes a folio */
static void write_file(const char *path, size_t size)
{
	int fd = open_file(path);
	char page[4096];
	size_t done;

	memset(page, 1, sizeof(page));
	for (done = 0; done < size; done += sizeof(page))
		if (write(fd, page, sizeof(page)) != sizeof(page))
			err(1, "%s", path);
	close(fd);
}

/* Where a byte can be changed that others see, without entering the kernel */
static char *shared_byte(const char *path)
{
	int fd = open_file(path);
	char *p;

	if (ftruncate(fd, 4096))
		err(1, "%s", path);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	*p = '-';
	return p;
}

static void become_realtime(int cpu)
{
	struct sched_param param = { .sched_priority = 50 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) ||
	    sched_setscheduler(0, SCHED_FIFO, &param) ||
	    mlockall(MCL_CURRENT))
		err(1, "CPU %d", cpu);
}

/* When it is ready, this CPU has something in the caches that others drain. */
static void isolated(int cpu, const char *path, const char *ready)
{
	char *state = shared_byte(ready);
	char *locked;

	become_realtime(cpu);
	locked = locked_memory(MLOCK_PAGES * 4096);
	write_file(path, FILE_PAGES * 4096);
	touch(locked, MLOCK_PAGES * 4096);
	__atomic_store_n(state, '+', __ATOMIC_RELEASE);
	for (;;)
		__asm__ volatile("" ::: "memory");
}

/* A command that waits in the kernel cannot be killed, so it is left behind. */
static void within(int limit_ms, char **command)
{
	long long begin = now_us(), us = 0;
	pid_t pid = fork();
	int status;

	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		execvp(*command, command);
		err(127, "%s", *command);
	}
	while (!waitpid(pid, &status, WNOHANG)) {
		us = now_us() - begin;
		if (us > limit_ms * 1000LL) {
			printf("never\n");
			exit(0);
		}
		usleep(500);
	}
	us = now_us() - begin;
	if (status)
		errx(1, "%s: status %#x", *command, status);
	printf("%lld.%03lld\n", us / 1000, us % 1000);
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "isolated"))
		isolated(atoi(argv[2]), argv[3], argv[4]);
	else if (argc > 3 && !strcmp(argv[1], "within"))
		within(atoi(argv[2]), argv + 3);
	else if (argc == 2 && !strcmp(argv[1], "mlock"))
		touch(locked_memory(MLOCK_PAGES * 4096), MLOCK_PAGES * 4096);
	else
		return 2;
	return 0;
}
