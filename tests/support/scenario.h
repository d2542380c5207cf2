/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* scenario.h - the same test in every mode that moves images, on several kinds of flash each. The
 * includer has included what cmocka.h needs. */
#ifndef TEST_SCENARIO_H
#define TEST_SCENARIO_H

#include <cmocka.h>

#include "each_mode.h"

/* *state is the const struct world_spec * of one mode on one kind of flash. */
struct scenario {
    const char *name;
    CMUnitTestFunction run;
    bool is_of_swaps; /* overwriting cannot fulfil it */
};

#define SCENARIO(run)    \
    {                    \
#run, run, false \
    }
#define SCENARIO_OF_SWAPS(run) \
    {                          \
#run, run, true        \
    }

/* Each is a test of its own, "name: move, sectors of 4 KiB, write unit 4, erased 0xff". How many
 * failed. */
int run_scenarios(const char *group, const struct scenario *scenarios, size_t count);

#endif
