// SPDX-License-Identifier: GPL-2.0-only
/* Names and values */

#include <stdio.h>
#include <string.h>

#include "params.h"

void params_default(struct params *p)
{
#define X(name, value, unit, kind, source)	p->name = value;
	PARAMS(X)
#undef X
}

void params_print(const struct params *p)
{
#define X(name, value, unit, kind, source)					\
	printf("parameter\t%s\t%.6g\t%s\t%s\t%s\n", #name, p->name, unit, kind,	\
	       source);
	PARAMS(X)
#undef X
}

int params_set(struct params *p, const char *name, double value)
{
#define X(field, initial, unit, kind, source)					\
	if (!strcmp(name, #field)) {						\
		p->field = value;						\
		return 1;							\
	}
	PARAMS(X)
#undef X
	return 0;
}
