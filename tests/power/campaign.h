/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* campaign.h - all stories of some strategies; options as in pool.h. */
#ifndef POWER_CAMPAIGN_H
#define POWER_CAMPAIGN_H

#include "story.h"

/* main() of a power test; returns the exit code. */
int campaign_main(int argc, char **argv, const enum story_strategy *strategies, size_t count);

#endif
