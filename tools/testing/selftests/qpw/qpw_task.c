// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks that the tests of QPW need and that a shell cannot provide:
 *
 * qpw_task stay FILE CPU DIR [PRIORITY]
 *	Stay on CPU and out of the kernel, but fill the CPU's caches whenever
 *	FILE asks for it, partly by creating files in DIR.  With a priority, do
 *	this as a SCHED_FIFO task.
 * qpw_task charge FILE CPU [PRIORITY]
 *	The same, but fill only the charge caches of its memory cgroup.  Nothing
 *	stays charged but what the CPU caches.
 * qpw_task fill FILE
 *	Ask for the caches to be filled, and wait until that is done.
 * qpw_task use PROCS PAGES
 *	Join the cgroup with that cgroup.procs and use memory of the kernel.
 * qpw_task storm ROUNDS
 *	On each CPU allowed, map, mlock, munlock and unmap memory.
 * qpw_task strays
 *	Have the caches of all CPUs drained, and look for pages left behind.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Visible in /proc/kpageflags, but in no header for user space */
#define KPF_MLOCKED	33

#define FILL_PAGES	4
#define STORM_PAGES	16
/* What a pipe holds by default */
#define PIPE_PAGES	16

/* In FILE */
struct requests {
	unsigned int asked;
	unsigned int done;
};

static struct requests *map_requests(const char *path, int flags)
{
	int fd = open(path, O_RDWR | flags, 0600);
	struct requests *req;

	if (fd < 0 || (flags && ftruncate(fd, sizeof(*req))))
		err(1, "%s", path);
	req = mmap(NULL, sizeof(*req), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   0);
	if (req == MAP_FAILED)
		err(1, "mmap");
	close(fd);
	return req;
}

static int go_to(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus);
}

static char *map(size_t pages, int flags)
{
	size_t size = pages * getpagesize();
	char *p;

	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1,
		 0);
	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static void touch(char *p, size_t pages)
{
	size_t i;

	for (i = 0; i < pages; i++)
		__atomic_store_n(p + i * getpagesize(), 1, __ATOMIC_RELAXED);
}

/*
 * Fills each kind of cache: buffer heads, slab objects, the mlock batch, and
 * the batch of folios to be added to an LRU list.
 */
static void fill(const char *dir, unsigned int round)
{
	char path[256], page[4096] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/%u", dir, round);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || write(fd, page, sizeof(page)) != sizeof(page))
		err(1, "%s", path);
	close(fd);
	touch(map(FILL_PAGES, MAP_PRIVATE | MAP_LOCKED), FILL_PAGES);
	touch(map(FILL_PAGES, MAP_PRIVATE), FILL_PAGES);
}

/*
 * The pages of a pipe are charged to the group, and so are its objects.  None
 * of them is on an LRU list, so none stays in another cache of the CPU.
 */
static void use_pipe(size_t pages, int fds[2])
{
	static char page[65536];
	const size_t size = getpagesize();

	if (size > sizeof(page))
		errx(1, "the buffer is smaller than a page");
	if (pipe(fds))
		err(1, "pipe");
	while (pages--)
		if (write(fds[1], page, size) != (ssize_t)size)
			err(1, "pipe");
}

static void charge(const char *dir, unsigned int round)
{
	int fds[2];

	use_pipe(1, fds);
	close(fds[0]);
	close(fds[1]);
}

static int stay_on(const char *path, int cpu, const char *priority,
		   void (*fill_caches)(const char *dir, unsigned int round),
		   const char *dir)
{
	struct sched_param param = {
		.sched_priority = priority ? atoi(priority) : 0,
	};
	struct requests *req;
	unsigned int asked;

	if (go_to(cpu))
		err(1, "CPU %d", cpu);
	req = map_requests(path, O_CREAT);
	if (mlockall(MCL_CURRENT))
		err(1, "mlockall");
	if (param.sched_priority && sched_setscheduler(0, SCHED_FIFO, &param))
		err(1, "SCHED_FIFO");

	for (;;) {
		asked = __atomic_load_n(&req->asked, __ATOMIC_ACQUIRE);
		if (asked == req->done)
			continue;
		fill_caches(dir, asked);
		__atomic_store_n(&req->done, asked, __ATOMIC_RELEASE);
	}
}

static int stay(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	return stay_on(argv[0], atoi(argv[1]), argc > 3 ? argv[3] : NULL, fill,
		       argv[2]);
}

static int stay_and_charge(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	return stay_on(argv[0], atoi(argv[1]), argc > 2 ? argv[2] : NULL,
		       charge, NULL);
}

static int use(int argc, char **argv)
{
	size_t pages;
	int fd, fds[2];

	if (argc != 2)
		return 2;
	fd = open(argv[0], O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1)
		err(1, "%s", argv[0]);
	for (pages = atoi(argv[1]); pages > PIPE_PAGES; pages -= PIPE_PAGES)
		use_pipe(PIPE_PAGES, fds);
	use_pipe(pages, fds);
	return 0;
}

static int ask_to_fill(int argc, char **argv)
{
	struct requests *req;
	unsigned int asked;

	if (argc != 1)
		return 2;
	req = map_requests(argv[0], 0);
	asked = __atomic_add_fetch(&req->asked, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&req->done, __ATOMIC_ACQUIRE) != asked)
		usleep(1000);
	return 0;
}

/* Private or shared; locked when mapped, later, or when touched */
static void storm_once(unsigned int round)
{
	int flags = round & 1 ? MAP_PRIVATE : MAP_SHARED;
	size_t half = STORM_PAGES / 2 * getpagesize();
	char *p;

	p = map(STORM_PAGES, flags | (round & 2 ? MAP_LOCKED : 0));
	if (round & 4 && mlock2(p, 2 * half, MLOCK_ONFAULT))
		err(1, "mlock2");
	touch(p, STORM_PAGES);
	if (mlock(p, half))
		err(1, "mlock");
	if (round & 8 && munlock(p, 2 * half))
		err(1, "munlock");
	/* Exit unmaps the rest. */
	if (munmap(p + (round & 16 ? half : 0), half))
		err(1, "munmap");
	if (!(round & 32) && munmap(p, 2 * half))
		err(1, "munmap");
}

static void storm_on(int cpu, unsigned int rounds)
{
	unsigned int round;

	/* If that CPU is offline at the moment, run on another one. */
	go_to(cpu);
	for (round = 0; round < rounds; round++)
		storm_once(round);
	exit(0);
}

static int storm(int argc, char **argv)
{
	int cpu, status, result = 0;
	cpu_set_t cpus;
	pid_t pid;

	if (argc != 1 || sched_getaffinity(0, sizeof(cpus), &cpus))
		return 2;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &cpus))
			continue;
		pid = fork();
		if (!pid)
			storm_on(cpu, atoi(argv[0]));
		if (pid < 0)
			err(1, "fork");
	}
	while (wait(&status) > 0 || errno == EINTR)
		if (status)
			result = 1;
	return result;
}

static void write_one(const char *path)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, "1\n", 2) != 2)
		err(1, "%s", path);
	close(fd);
}

static bool has(uint64_t flags, int bit)
{
	return flags & 1ULL << bit;
}

/*
 * Once all caches are drained, every page of a process is on an LRU list.  A
 * page of a process that is not on a list has been lost, and so has a page on a
 * list that nothing uses.
 */
static int strays(void)
{
	static uint64_t flags[8192];
	unsigned long lost = 0, mlocked = 0, unevictable = 0, lru = 0;
	int fd = open("/proc/kpageflags", O_RDONLY);
	ssize_t len;
	size_t i;

	if (fd < 0)
		err(1, "/proc/kpageflags");
	/* Fault everything in now. */
	memset(flags, 1, sizeof(flags));
	write_one("/proc/sys/vm/drop_caches");

	while ((len = read(fd, flags, sizeof(flags))) > 0) {
		for (i = 0; i < len / sizeof(flags[0]); i++) {
			if (has(flags[i], KPF_NOPAGE))
				continue;
			lru += has(flags[i], KPF_LRU);
			mlocked += has(flags[i], KPF_MLOCKED);
			unevictable += has(flags[i], KPF_UNEVICTABLE);
			lost += has(flags[i], KPF_SWAPBACKED) &&
				!has(flags[i], KPF_LRU);
		}
	}
	if (len)
		err(1, "/proc/kpageflags");
	printf("lost=%lu mlocked=%lu unevictable=%lu lru=%lu\n", lost, mlocked,
	       unevictable, lru);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "stay"))
		return stay(argc - 2, argv + 2);
	if (!strcmp(what, "charge"))
		return stay_and_charge(argc - 2, argv + 2);
	if (!strcmp(what, "use"))
		return use(argc - 2, argv + 2);
	if (!strcmp(what, "fill"))
		return ask_to_fill(argc - 2, argv + 2);
	if (!strcmp(what, "storm"))
		return storm(argc - 2, argv + 2);
	if (!strcmp(what, "strays"))
		return strays();
	return 2;
}
