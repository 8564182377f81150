// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gets 1 GiB pages, which the kernel must clear.
 *
 * clear_task dirty PAGES
 *	Fill this number of pages and free them.
 * clear_task check HOW WHERE
 *	Get a page, look for bytes that are not zero, then fill it.
 * clear_task share
 *	The same, in two tasks, each for half of one page.
 * clear_task kill HOW WHERE
 *	The same, in a task that is killed while the kernel clears the page.
 * clear_task stop HOW WHERE
 *	The same, but the task is stopped, and continues later.
 * clear_task small
 *	Get a page of the default size of huge pages, which should be smaller.
 *
 * HOW is private, shared, populate or fallocate.  WHERE is the part of the page
 * that is accessed first: first, middle or last.  The exit status is 3 if the
 * signal came too late.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE		(1024UL * 1024 * 1024)
#define WORDS		(SIZE / sizeof(unsigned long))
#define FREE_PAGES	\
	"/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages"

#define TOO_LATE	3

static void *map(size_t size, int flags, int fd)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static void *map_file(void)
{
	int fd = memfd_create("clear_task", MFD_HUGETLB | MFD_HUGE_1GB);

	if (fd < 0)
		err(1, "memfd_create");
	if (fallocate(fd, 0, 0, SIZE))
		err(1, "fallocate");
	return map(SIZE, MAP_SHARED, fd);
}

static size_t offset_of(const char *where)
{
	if (!strcmp(where, "middle"))
		return SIZE / 2 + 12345;
	if (!strcmp(where, "last"))
		return SIZE - 1;
	return 0;
}

static unsigned long *get_page(const char *how, const char *where)
{
	int flags = MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB;
	char *p;

	if (!strcmp(how, "fallocate"))
		p = map_file();
	else if (!strcmp(how, "shared"))
		p = map(SIZE, MAP_SHARED | flags, -1);
	else if (!strcmp(how, "populate"))
		p = map(SIZE, MAP_PRIVATE | MAP_POPULATE | flags, -1);
	else
		p = map(SIZE, MAP_PRIVATE | flags, -1);
	__atomic_load_n(p + offset_of(where), __ATOMIC_RELAXED);
	return (unsigned long *)p;
}

static int check(unsigned long *words, size_t nr)
{
	size_t i, bad = 0, first = 0;

	for (i = nr; i--;) {
		if (words[i]) {
			bad++;
			first = i;
		}
	}
	if (bad)
		printf("# %zu words are not zero, the first one at %#zx\n", bad,
		       first * sizeof(*words));
	memset(words, 0xa5, nr * sizeof(*words));
	return bad ? 1 : 0;
}

static int check_page(const char *how, const char *where)
{
	return check(get_page(how, where), WORDS);
}

static int share(void)
{
	int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB;
	unsigned long *page = map(SIZE, flags, -1);
	int result, status;
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	result = check(page + (pid ? 0 : WORDS / 2), WORDS / 2);
	if (!pid)
		exit(result);
	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	return result || status ? 1 : 0;
}

static int dirty(size_t pages)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB;

	memset(map(pages * SIZE, flags, -1), 0xa5, pages * SIZE);
	return 0;
}

static int get(int *flag)
{
	return __atomic_load_n(flag, __ATOMIC_RELAXED);
}

static long free_pages(int fd)
{
	char text[32] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		err(1, "%s", FREE_PAGES);
	return atol(text);
}

/*
 * Sends a signal after the page has been taken from the pool.  *@has_page is
 * set when the task is back in user mode, so the signal reaches it in between.
 */
static int wait_to_signal(pid_t pid, int sig, int fd, long before,
			  int *has_page)
{
	int late;

	while (free_pages(fd) >= before && !get(has_page))
		;
	kill(pid, sig);
	late = get(has_page);
	return late ? TOO_LATE : 0;
}

static int has_ended_as_expected(pid_t pid, int sig, int *has_page)
{
	int status;

	if (waitpid(pid, &status, WUNTRACED) != pid)
		err(1, "waitpid");
	if (sig == SIGKILL)
		return WIFSIGNALED(status) && WTERMSIG(status) == sig &&
		       !get(has_page);
	if (!WIFSTOPPED(status) || get(has_page))
		return 0;
	kill(pid, SIGCONT);
	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static int interrupt(int sig, const char *how, const char *where)
{
	int *has_page = map(getpagesize(), MAP_SHARED | MAP_ANONYMOUS, -1);
	int fd = open(FREE_PAGES, O_RDONLY), late;
	long before = free_pages(fd);
	unsigned long *page;
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		page = get_page(how, where);
		__atomic_store_n(has_page, 1, __ATOMIC_RELAXED);
		exit(check(page, WORDS));
	}
	late = wait_to_signal(pid, sig, fd, before, has_page);
	if (late) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return late;
	}
	if (!has_ended_as_expected(pid, sig, has_page))
		return 1;
	return free_pages(fd) == before ? 0 : 1;
}

static int small(void)
{
	char *p = map(getpagesize(), MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		      -1);

	__atomic_store_n(p, 1, __ATOMIC_RELAXED);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "dirty") && argc == 3)
		return dirty(atol(argv[2]));
	if (!strcmp(what, "check") && argc == 4)
		return check_page(argv[2], argv[3]);
	if (!strcmp(what, "share"))
		return share();
	if (!strcmp(what, "kill") && argc == 4)
		return interrupt(SIGKILL, argv[2], argv[3]);
	if (!strcmp(what, "stop") && argc == 4)
		return interrupt(SIGSTOP, argv[2], argv[3]);
	if (!strcmp(what, "small"))
		return small();
	return 2;
}
