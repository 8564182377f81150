/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LAB_MODEL_ONE_H
#define LAB_MODEL_ONE_H

#include "params.h"

void one_init(const struct params *p, char **keys);
void one_drain(const struct params *p, char **keys);

#endif
