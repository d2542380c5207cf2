/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The DFU lock, row by row of its table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/lock.h"

struct told {
    struct dfu_lock *lock;
    const struct dfu_lock_owner *self, *by;
    unsigned count;
    int reentry;
};

static void note(void *ctx, const struct dfu_lock_owner *new_owner)
{
    struct told *told = ctx;

    told->by = new_owner;
    told->count++;
    assert_ptr_equal(dfu_lock_owner_get(told->lock), new_owner);
    told->reentry = dfu_lock_claim(told->lock, told->self);
}

static void one_owner_at_a_time(void **state)
{
    struct dfu_lock lock = { 0 };
    const struct dfu_lock_owner a = { .name = "a" };
    const struct dfu_lock_owner b = { .name = "a" }; /* the address counts, not the name */

    (void)state;
    assert_null(dfu_lock_owner_get(&lock));
    assert_int_equal(dfu_lock_release(&lock, &a), DFU_ERR_PERM);
    assert_int_equal(dfu_lock_claim(&lock, &a), 0);
    assert_int_equal(dfu_lock_claim(&lock, &a), 0);
    assert_int_equal(dfu_lock_claim(&lock, &b), DFU_ERR_PERM);
    assert_int_equal(dfu_lock_release(&lock, &b), DFU_ERR_PERM);
    assert_ptr_equal(dfu_lock_owner_get(&lock), &a);
    assert_int_equal(dfu_lock_release(&lock, &a), 0); /* one release, however many claims */
    assert_int_equal(dfu_lock_claim(&lock, &b), 0);
}

static void the_last_to_release_is_told_once_another_claims(void **state)
{
    struct dfu_lock lock = { 0 };
    struct told told[3] = { { 0 } };
    struct dfu_lock_owner owners[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        told[i].lock = &lock;
        told[i].self = &owners[i];
        owners[i] = (struct dfu_lock_owner){ "owner", note, &told[i] };
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(dfu_lock_claim(&lock, &owners[i]), 0);
        assert_int_equal(dfu_lock_release(&lock, &owners[i]), 0);
    }
    assert_int_equal(told[0].count, 1);
    assert_ptr_equal(told[0].by, &owners[1]);
    assert_int_equal(told[0].reentry, DFU_ERR_BUSY);
    assert_int_equal(told[1].count, 1);
    assert_ptr_equal(told[1].by, &owners[2]);
    assert_int_equal(told[2].count, 0);
    assert_int_equal(dfu_lock_claim(&lock, &owners[2]), 0); /* nobody else came between */
    assert_int_equal(told[2].count, 0);
}

static unsigned depth, entered;

static void enter(void *ctx)
{
    (void)ctx;
    assert_int_equal(depth++, 0);
    entered++;
}

static void leave(void *ctx)
{
    (void)ctx;
    assert_int_equal(--depth, 0);
}

static void every_change_happens_inside_the_mutex(void **state)
{
    struct dfu_lock lock = { .enter = enter, .leave = leave };
    const struct dfu_lock_owner a = { .name = "a" };
    const struct dfu_lock_owner b = { .name = "b" };

    (void)state;
    dfu_lock_claim(&lock, &a);
    dfu_lock_claim(&lock, &b);
    dfu_lock_release(&lock, &b);
    dfu_lock_release(&lock, &a);
    assert_int_equal(entered, 4);
    assert_int_equal(depth, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_owner_at_a_time),
        cmocka_unit_test(the_last_to_release_is_told_once_another_claims),
        cmocka_unit_test(every_change_happens_inside_the_mutex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
