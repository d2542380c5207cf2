/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* scenario.h - the same test in several modes, on several kinds of flash each. The includer has
 * included what cmocka.h needs. */
#ifndef TEST_SCENARIO_H
#define TEST_SCENARIO_H

#include <cmocka.h>

#include "each_mode.h"

/* Modes by what they do. */
enum {
    IN_SWAPS = 1 << 0,
    IN_OVERWRITES = 1 << 1,
    IN_DIRECT_XIP = 1 << 2,
    IN_RAM_LOAD = 1 << 3,
    IN_SINGLE_RAM_LOAD = 1 << 4,
};

/* *state is the const struct world_spec * of one mode on one kind of flash. */
struct scenario {
    const char *name;
    CMUnitTestFunction run;
    unsigned modes;
};

#define SCENARIO_IN(modes, run) \
    {                           \
#run, run, modes        \
    }
#define SCENARIO(run)          SCENARIO_IN(IN_SWAPS | IN_OVERWRITES, run)
#define SCENARIO_OF_SWAPS(run) SCENARIO_IN(IN_SWAPS, run)

/* Each is a test of its own, "name: move, sectors of 4 KiB, write unit 4, erased 0xff". How many
 * failed. */
int run_scenarios(const char *group, const struct scenario *scenarios, size_t count);

#endif
