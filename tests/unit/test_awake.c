/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Waiting without sleep: for a peer that is near, and never for long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sched.h>

#include <cmocka.h>

#include "awake.h"

static cpu_set_t all;

static int note_processors(void **state)
{
    (void)state;
    return sched_getaffinity(0, sizeof(all), &all);
}

static int free_processors(void **state)
{
    (void)state;
    return sched_setaffinity(0, sizeof(all), &all);
}

/* A wait in which nothing comes while it is awake. */
static void wait_in_vain(struct dfu_awake *a)
{
    dfu_awake_begin(a);
    while (dfu_awake_lasts(a)) {
    }
}

static bool begins_awake(struct dfu_awake *a)
{
    dfu_awake_begin(a);
    return dfu_awake_lasts(a);
}

static void a_peer_that_does_not_answer_at_once_is_waited_for_asleep(void **state)
{
    struct dfu_awake a = { .has_room = true, .is_near = true };

    (void)state;
    wait_in_vain(&a); /* ends */
    dfu_awake_end(&a, false);
    assert_false(begins_awake(&a));
    dfu_awake_end(&a, false);
    assert_false(begins_awake(&a));
}

static void one_that_does_is_near_again(void **state)
{
    struct dfu_awake a = { .has_room = true };

    (void)state;
    do { /* what else runs here may take its time in between */
        dfu_awake_begin(&a);
        assert_false(dfu_awake_lasts(&a));
        dfu_awake_end(&a, true);
    } while (!a.is_near);
    while (!begins_awake(&a)) {
    }
}

/* How many waits for a peer that is near are slept through until one begins awake. */
static unsigned sleeps(struct dfu_awake *a)
{
    unsigned count = 0;

    for (;;) {
        dfu_awake_begin(a);
        if (a->was_awake) {
            return count;
        }
        dfu_awake_end(a, true);
        count += a->is_near;
    }
}

static void what_is_in_vain_is_tried_less_and_less_often(void **state)
{
    struct dfu_awake a = { .has_room = true, .is_near = true };
    unsigned before = 0;

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        unsigned count;

        wait_in_vain(&a);
        dfu_awake_end(&a, true);
        count = sleeps(&a);
        assert_true(i < 2 || count > before || a.vain == 63);
        before = count;
    }
    assert_true(before >= 31);
    while (a.vain > 0) { /* what succeeds is tried as often as at first, in time */
        (void)sleeps(&a);
        (void)dfu_awake_lasts(&a);
        dfu_awake_end(&a, true);
    }
    wait_in_vain(&a);
    dfu_awake_end(&a, true);
    assert_int_equal(sleeps(&a), 1);
}

static void the_only_processor_is_left_to_the_peer(void **state)
{
    struct dfu_awake a = { 0 };
    cpu_set_t one;

    (void)state;
    CPU_ZERO(&one);
    CPU_SET((unsigned)sched_getcpu(), &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    dfu_awake_init(&a);
    assert_true(a.is_near);
    assert_false(begins_awake(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_does_not_answer_at_once_is_waited_for_asleep),
        cmocka_unit_test(one_that_does_is_near_again),
        cmocka_unit_test(what_is_in_vain_is_tried_less_and_less_often),
        cmocka_unit_test_teardown(the_only_processor_is_left_to_the_peer, free_processors),
    };

    return cmocka_run_group_tests(tests, note_processors, NULL);
}
