/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* campaign.h - all stories of some strategies, on two processes, with a table at the end.
 *
 *   power-NAME                    everything
 *   power-NAME --replay 'SPEC'    one path, told step by step
 *   power-NAME --only 'every pair'     the rows of the table whose name has this in it
 *   power-NAME --chains N [--seed S]   that many random chains only
 *   power-NAME --full             the larger product, for an hour of two cores
 *   power-NAME --table            the table as Markdown, as docs/TESTING.md has it */
#ifndef POWER_CAMPAIGN_H
#define POWER_CAMPAIGN_H

#include "story.h"

/* main() of a power test; returns the exit code. */
int campaign_main(int argc, char **argv, const enum story_strategy *strategies, size_t count);

#endif
