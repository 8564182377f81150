// SPDX-License-Identifier: GPL-2.0-only
/*
 * with_policy bind|interleave|local NODES COMMAND...
 *	Run a command with this memory policy.  NODES is a list like 0,1; it is
 *	empty for local.
 */
#include <err.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MASK_BITS	(8 * sizeof(unsigned long))

static int mode_of(const char *name)
{
	if (!strcmp(name, "bind"))
		return MPOL_BIND;
	if (!strcmp(name, "interleave"))
		return MPOL_INTERLEAVE;
	if (!strcmp(name, "local"))
		return MPOL_LOCAL;
	errx(2, "unknown policy: %s", name);
}

static unsigned long mask_of(char *nodes)
{
	unsigned long node, mask = 0;
	char *name, *end;

	for (name = strtok(nodes, ","); name; name = strtok(NULL, ",")) {
		node = strtoul(name, &end, 10);
		if (end == name || *end || node >= MASK_BITS)
			errx(2, "bad node: %s", name);
		mask |= 1UL << node;
	}

	return mask;
}

int main(int argc, char **argv)
{
	unsigned long mask;

	if (argc < 4)
		errx(2, "usage: %s POLICY NODES COMMAND...", argv[0]);
	mask = mask_of(argv[2]);
	if (syscall(SYS_set_mempolicy, mode_of(argv[1]), mask ? &mask : NULL,
		    mask ? MASK_BITS + 1 : 0))
		err(1, "set_mempolicy");
	execvp(argv[3], argv + 3);
	err(1, "%s", argv[3]);
}
