// SPDX-License-Identifier: GPL-2.0-only
/*
 * timed FILE TEXT: write TEXT to FILE, in one call, and print how many nanoseconds that
 * took, and how many of CPU time.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

int main(int argc, char **argv)
{
	long long wall, cpu;
	ssize_t len;
	int fd;

	if (argc != 3)
		errx(1, "usage: timed FILE TEXT");
	fd = open(argv[1], O_WRONLY);
	if (fd < 0)
		err(1, "%s", argv[1]);

	len = strlen(argv[2]);
	wall = now(CLOCK_MONOTONIC);
	cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	if (write(fd, argv[2], len) != len)
		err(1, "%s: %s", argv[1], argv[2]);
	cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = now(CLOCK_MONOTONIC) - wall;
	printf("%lld %lld\n", wall, cpu);
	return 0;
}
