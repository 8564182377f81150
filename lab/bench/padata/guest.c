// SPDX-License-Identifier: GPL-2.0-only
/*
 * The benchmarks that need a task beside the job or before it, in the guest:
 *
 *	guest loaded PAIRS		a hog on CPU 1 beside a long job
 *	guest rebind ROUNDS		pmem0 unbound and bound again
 *
 * One line for each sample, times in nanoseconds.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define BENCH	"/sys/kernel/debug/padata_bench/"
#define PARAMS	"/sys/module/padata_bench/parameters/"
#define TRACE	"/sys/kernel/tracing/"
#define PMEM	"/sys/block/pmem0/device"

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* The CPUs are those of @mask's bits. */
static void run_on(unsigned long mask)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int cpu = 0; mask >> cpu; cpu++)
		if (mask >> cpu & 1)
			CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "sched_setaffinity %#lx", mask);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);
	ssize_t len = strlen(text);

	if (fd < 0 || write(fd, text, len) != len)
		err(1, "%s", path);
	close(fd);
}

/* Reads the file as text, without a newline at its end. */
static void read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		err(1, "%s", path);
	while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += n;
	if (n < 0)
		err(1, "%s", path);
	close(fd);
	if (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
}

/*
 * The sum of what the ends of jobs since the last clear_trace() said of @what,
 * such as " ns=".
 */
static long long traced(const char *what)
{
	static char text[65536];
	long long sum = 0;
	char *at = text;

	read_file(TRACE "trace", text, sizeof(text));
	while ((at = strstr(at, what))) {
		at += strlen(what);
		sum += atoll(at);
	}
	return sum;
}

static void clear_trace(void)
{
	write_file(TRACE "events/padata_mt/padata_mt_job_end/enable", "1");
	write_file(TRACE "trace", "\n");
}

/* loaded */

static pid_t start_hog(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	run_on(1UL << 1);
	for (;;)
		;
}

static long long cpu_time(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts))
		errx(1, "no CPU time of %d", pid);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* threads, chunks and ns of the job, then ns and the hog's share of them, and the wait */
static void run_beside(pid_t hog, const char *max_threads)
{
	long long began, hogged;
	char job[128];

	write_file(PARAMS "max_threads", max_threads);
	clear_trace();
	began = now();
	hogged = cpu_time(hog);
	read_file(BENCH "job", job, sizeof(job));
	hogged = cpu_time(hog) - hogged;
	printf("loaded %s %s %lld %lld %lld\n", max_threads, job,
	       now() - began, hogged, traced(" waited="));
}

static void loaded(int pairs)
{
	pid_t hog;
	char text[128];

	/* The module finds out how long the job must be, while all is quiet. */
	run_on(1UL << 0);
	write_file(PARAMS "max_threads", "1");
	read_file(BENCH "job", text, sizeof(text));

	hog = start_hog();
	sleep(1);
	run_on(1UL << 0 | 1UL << 1);
	for (int pair = 0; pair < pairs; pair++) {
		run_beside(hog, pair % 2 ? "0" : "1");
		run_beside(hog, pair % 2 ? "1" : "0");
	}
	kill(hog, SIGKILL);
}

/* rebind */

/* How long the binding took, and of that, jobs of padata */
static void rebind_once(const char *device, int cpus)
{
	long long began, ns;

	write_file("unbind", device);
	run_on((1UL << cpus) - 1);
	clear_trace();
	began = now();
	write_file("bind", device);
	ns = now() - began;
	printf("rebind %d %lld %lld\n", cpus, ns, traced(" ns="));
}

/* Memory that others have just used is slow or fast: first one round for nothing. */
static void rebind(int rounds)
{
	char device[256] = "", text[256];

	/* It may still be on its way. */
	for (int tries = 100; access(PMEM "/driver", F_OK) && tries; tries--)
		usleep(100000);

	/* Both ways to it are gone as soon as it is unbound. */
	if (readlink(PMEM, device, sizeof(device) - 1) < 0 ||
	    chdir(PMEM "/driver"))
		err(1, PMEM);

	for (int round = -1; round < rounds; round++) {
		if (!round)
			printf("warm\n");
		rebind_once(basename(device), round % 2 ? 1 : 2);
		rebind_once(basename(device), round % 2 ? 2 : 1);
		read_file(BENCH "memory", text, sizeof(text));
		printf("%s\n", text);
	}
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && !strcmp(argv[1], "loaded"))
		loaded(atoi(argv[2]));
	else if (argc == 3 && !strcmp(argv[1], "rebind"))
		rebind(atoi(argv[2]));
	else
		return 2;

	return 0;
}
