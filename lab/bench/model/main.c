// SPDX-License-Identifier: GPL-2.0-only
/*
 * model [PARAMETER=VALUE...] [WHAT...]: deferred init, drains, pins and exits, on paper.
 * Prints lines of words with a tab between; model.sh makes results/model.json of them.
 *
 * WHAT is parameters, published, small, init, ifs, drains, pins or exits; or `one
 * KEY=VALUE...` for one simulation of deferred init, or `drain KEY=VALUE...` for one of a
 * drain, which the tests use. Those keys are in one.c.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "one.h"
#include "pin.h"
#include "util.h"

static int set(struct params *p, char *arg)
{
	char *value = strchr(arg, '=');

	if (!value)
		return 0;
	*value++ = 0;
	if (!params_set(p, arg, strtod(value, NULL)))
		fail("no such parameter");
	return 1;
}

static void say(const struct params *p, const char *what)
{
	if (!strcmp(what, "parameters"))
		params_print(p);
	else if (!strcmp(what, "published"))
		check_published(p);
	else if (!strcmp(what, "small"))
		check_small(p);
	else if (!strcmp(what, "init"))
		predict_init(p);
	else if (!strcmp(what, "ifs"))
		predict_ifs(p);
	else if (!strcmp(what, "drains"))
		predict_drains(p);
	else if (!strcmp(what, "pins"))
		predict_pins(p);
	else if (!strcmp(what, "exits"))
		predict_exits(p);
	else
		fail("neither a parameter nor something to say");
}

int main(int argc, char **argv)
{
	struct params p;

	params_default(&p);
	for (argv++, argc--; argc && set(&p, *argv); argv++, argc--)
		;
	if (argc && !strcmp(*argv, "one")) {
		one_init(&p, argv + 1);
		return 0;
	}
	if (argc && !strcmp(*argv, "drain")) {
		one_drain(&p, argv + 1);
		return 0;
	}
	check_fit(&p);
	for (; argc; argv++, argc--)
		say(&p, *argv);
	return 0;
}
