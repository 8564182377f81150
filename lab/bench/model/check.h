/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LAB_MODEL_CHECK_H
#define LAB_MODEL_CHECK_H

#include "params.h"

void check_fit(struct params *p);		/* sets what is fitted */
void check_published(const struct params *p);
void check_small(const struct params *p);
void predict_init(const struct params *p);
void predict_ifs(const struct params *p);
void predict_drains(const struct params *p);

#endif
