// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of the lab's guest: mount what programs expect, run /run as root, report
 * how it ended, stop the machine.
 *
 * The kernel's console stays the kernel's. Two further lines, named by LAB_OUTPUT
 * and LAB_RESULT on the kernel command line, carry what /run prints and what
 * became of it: "started", then "exit N". The host never trusts anything else.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *type;
	const char *dir;
	const char *data;
} mounts[] = {
	{ "devtmpfs",	"/dev",			NULL },
	{ "devpts",	"/dev/pts",		"gid=5,mode=620" },
	{ "tmpfs",	"/dev/shm",		"mode=1777" },
	{ "proc",	"/proc",		NULL },
	{ "sysfs",	"/sys",			NULL },
	{ "debugfs",	"/sys/kernel/debug",	NULL },
	{ "tracefs",	"/sys/kernel/tracing",	NULL },
	{ "cgroup2",	"/sys/fs/cgroup",	NULL },
};

static void complain(const char *what)
{
	fprintf(stderr, "init: %s: %s\n", what, strerror(errno));
}

/* A file system this kernel was built without is no error. */
static void mount_all(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].dir, 0755);
		if (mount(mounts[i].type, mounts[i].dir, mounts[i].type, 0,
			  mounts[i].data) &&
		    errno != ENODEV && errno != ENOENT)
			complain(mounts[i].dir);
	}
}

/* What udev would do; kselftest's runner writes to /dev/stdout. */
static void link_descriptors(void)
{
	symlink("/proc/self/fd", "/dev/fd");
	symlink("fd/0", "/dev/stdin");
	symlink("fd/1", "/dev/stdout");
	symlink("fd/2", "/dev/stderr");
}

/*
 * Open the line that the environment variable @var names, raw: what is written
 * to it reaches the host byte for byte. Falls back to the console, so that a
 * guest whose line is missing still says what is wrong.
 */
static int open_line(const char *var)
{
	const char *name = getenv(var);
	struct termios tio;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", name ? name : "console");
	unsetenv(var);
	fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || tcgetattr(fd, &tio)) {
		complain(path);
		return STDERR_FILENO;
	}
	cfmakeraw(&tio);
	cfsetspeed(&tio, B115200);
	tio.c_cflag |= CLOCAL;
	tcsetattr(fd, TCSANOW, &tio);
	return fd;
}

static void tell(int line, const char *what, int n)
{
	if (n < 0)
		dprintf(line, "%s\n", what);
	else
		dprintf(line, "%s %d\n", what, n);
	tcdrain(line);
}

/* execvp() also runs a script that lacks its #! line */
static void exec_run(int output)
{
	char *const argv[] = { "/run", NULL };

	setsid();
	dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	execvp(argv[0], argv);
	complain(argv[0]);
	_exit(errno == ENOENT ? 127 : 126);
}

/* Returns what a shell would call the status of /run; reaps orphans meanwhile. */
static int wait_for(pid_t child)
{
	int status;
	pid_t pid;

	do {
		pid = wait(&status);
	} while (pid != child && (pid > 0 || errno == EINTR));

	if (pid != child)
		return 126;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

int main(void)
{
	int output, result, status;
	pid_t child;

	mount_all();
	link_descriptors();
	output = open_line("LAB_OUTPUT");
	result = open_line("LAB_RESULT");
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "dumb", 1);

	tell(result, "started", -1);
	child = fork();
	if (!child)
		exec_run(output);
	status = wait_for(child);

	/* What /run left behind must not write after the result. */
	kill(-1, SIGKILL);
	tcdrain(output);
	tell(result, "exit", status);
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
