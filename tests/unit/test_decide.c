/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The whole decision table: every state of both trailers, with and without records of a begun
 * swap, against the rules as rows, first match wins (bootloader spec 3.1, 3.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "boot/decide.h"

/* Patterns: of magics and flags, of recorded types, of facts. */
enum { ANY = 0, GOOD = 1, SET = 1, BAD = 2, UNSET = 3, NOT_GOOD = 8, NOT_SET = 8 };
enum { NO_TYPE = 1, A_TYPE = 20, PERM_OR_REVERT = 21, NOT_TEST = 22 };
enum { NO = 1, YES = 2, ALL = 3, SOME = 23 };
enum { NOT_BAD = 24, FROM_SCRATCH = 25 };
/* What a scratch area says: nothing that counts, or that a swap has begun. */
enum { SILENT = 1, BEGUN_THERE = 2 };

struct rule {
    int pri_magic, sec_magic, pri_ok, sec_ok, pri_done, sec_done, pri_type, sec_type;
    int records, same_size; /* NO, YES or ANY */
    enum boot_action action;
    int type; /* ANY: the one that the primary's trailer records */
    bool is_recorded;
};

/* The same of swap using scratch. */
struct scratch_rule {
    int scratch, scr_type;
    struct rule rule;
};

/* In the order of the specification; the two marked rows are where we are right and MCUboot is
 * not. */
static const struct rule move_rules[] = {
    /* 3.2: a swap has begun */
    { GOOD, NOT_GOOD, ANY, ANY, UNSET, ANY, ANY, ANY, YES, ANY, BOOT_RESUME, ANY, true },
    { GOOD, NOT_GOOD, ANY, ANY, UNSET, ANY, A_TYPE, ANY, NO, ANY, BOOT_UPGRADE, ANY, true },
    /* a torn erase left the magic of a permanent request, but not its image_ok */
    { GOOD, GOOD, ANY, NOT_SET, UNSET, ANY, PERM_OR_REVERT, NOT_TEST, ANY, YES, BOOT_UPGRADE, ANY,
      true },
    /* 3.1 */
    { ANY, GOOD, ANY, UNSET, ANY, ANY, ANY, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_TEST, false },
    { ANY, GOOD, ANY, SET, ANY, ANY, ANY, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_PERM, false },
    { GOOD, ANY, UNSET, ANY, SET, ANY, ANY, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_REVERT, false },
    /* B3: a torn copy_done of a recorded swap */
    { GOOD, ANY, UNSET, ANY, BAD, ANY, A_TYPE, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_REVERT,
      false },
    { ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, BOOT_KEEP, DFU_SWAP_NONE, false },
};

static const struct rule offset_rules[] = {
    { GOOD, NOT_GOOD, ANY, ANY, UNSET, ANY, ANY, ANY, YES, ANY, BOOT_RESUME, ANY, true },
    /* B13: MCUboot was cut while it prepared a revert that has records for the second time */
    { GOOD, GOOD, ANY, ANY, UNSET, SET, DFU_SWAP_REVERT, DFU_SWAP_REVERT, YES, ANY, BOOT_RESUME,
      ANY, true },
    { GOOD, NOT_GOOD, ANY, ANY, UNSET, ANY, A_TYPE, ANY, NO, ANY, BOOT_UPGRADE, ANY, true },
    { GOOD, GOOD, ANY, NOT_SET, UNSET, ANY, PERM_OR_REVERT, NOT_TEST, ANY, YES, BOOT_UPGRADE, ANY,
      true },
    { ANY, GOOD, ANY, UNSET, ANY, SET, ANY, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_REVERT, false },
    { ANY, GOOD, ANY, UNSET, ANY, ANY, ANY, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_TEST, false },
    { ANY, GOOD, ANY, SET, ANY, ANY, ANY, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_PERM, false },
    { GOOD, ANY, UNSET, ANY, SET, ANY, ANY, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_REVERT, false },
    { GOOD, ANY, UNSET, ANY, BAD, ANY, A_TYPE, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_REVERT,
      false },
    { ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, BOOT_KEEP, DFU_SWAP_NONE, false },
};

static const struct rule overwrite_rules[] = {
    { ANY, GOOD, ANY, UNSET, ANY, ANY, ANY, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_TEST, false },
    { ANY, GOOD, ANY, SET, ANY, ANY, ANY, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_PERM, false },
    { GOOD, ANY, UNSET, ANY, SET, ANY, ANY, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_REVERT, false },
    { GOOD, ANY, UNSET, ANY, BAD, ANY, A_TYPE, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_REVERT,
      false },
    { ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, BOOT_KEEP, DFU_SWAP_NONE, false },
};

/* 3.2, the rows of scratch mode; then 3.1. A torn permanent request cannot be: there the request
 * goes when the records of the swap stand. */
static const struct scratch_rule scratch_rules[] = {
    /* row 3: scratch tells of the swap; without a record the request still counts, if it stands */
    { BEGUN_THERE,
      ANY,
      { ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, SOME, ANY, BOOT_RESUME, FROM_SCRATCH, true } },
    { BEGUN_THERE,
      ANY,
      { GOOD, NOT_GOOD, ANY, ANY, ANY, ANY, DFU_SWAP_REVERT, ANY, NO, ANY, BOOT_UPGRADE,
        DFU_SWAP_REVERT, true } },
    { BEGUN_THERE,
      A_TYPE,
      { ANY, NOT_GOOD, ANY, ANY, ANY, ANY, ANY, ANY, NO, ANY, BOOT_UPGRADE, FROM_SCRATCH, true } },
    /* rows 2 and 4: the primary does; all its records and a new request: only a flag was missing */
    { SILENT,
      ANY,
      { NOT_BAD, NOT_GOOD, ANY, ANY, UNSET, ANY, ANY, ANY, ALL, ANY, BOOT_RESUME, ANY, true } },
    { SILENT,
      ANY,
      { NOT_BAD, ANY, ANY, ANY, UNSET, ANY, ANY, ANY, YES, ANY, BOOT_RESUME, ANY, true } },
    { SILENT,
      ANY,
      { NOT_BAD, NOT_GOOD, ANY, ANY, UNSET, ANY, A_TYPE, ANY, NO, ANY, BOOT_UPGRADE, ANY, true } },
    /* 3.1 */
    { ANY,
      ANY,
      { ANY, GOOD, ANY, UNSET, ANY, ANY, ANY, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_TEST, false } },
    { ANY,
      ANY,
      { ANY, GOOD, ANY, SET, ANY, ANY, ANY, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_PERM, false } },
    { ANY,
      ANY,
      { GOOD, ANY, UNSET, ANY, SET, ANY, ANY, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_REVERT,
        false } },
    { ANY,
      ANY,
      { GOOD, ANY, UNSET, ANY, BAD, ANY, A_TYPE, ANY, ANY, ANY, BOOT_UPGRADE, DFU_SWAP_REVERT,
        false } },
    { ANY,
      ANY,
      { ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, BOOT_KEEP, DFU_SWAP_NONE, false } },
};

static bool fits(int pattern, int value)
{
    switch (pattern) {
    case ANY: return true;
    case NOT_GOOD: return value != GOOD;
    case A_TYPE: return value != NO_TYPE;
    case PERM_OR_REVERT: return value == DFU_SWAP_PERM || value == DFU_SWAP_REVERT;
    case NOT_TEST: return value != DFU_SWAP_TEST;
    case NOT_BAD: return value != BAD;
    case SOME: return value != NO;
    default: return pattern == value;
    }
}

static int records_of(const struct boot_facts *facts)
{
    if (facts->done == 0) {
        return NO;
    }
    return facts->done == facts->steps ? ALL : YES;
}

static int scratch_of(const struct boot_facts *facts)
{
    const struct dfu_slot_state *pri = &facts->primary, *scr = &facts->scratch;
    /* B2: its first operation is recorded in the primary, what else scratch says is left over */
    bool is_over = pri->magic == DFU_MAGIC_GOOD && pri->copy_done == DFU_FLAG_UNSET &&
                   pri->swap_type != DFU_SWAP_NONE && facts->own_done == 3;

    return scr->magic == DFU_MAGIC_GOOD && !is_over ? BEGUN_THERE : SILENT;
}

static bool applies(const struct rule *rule, const struct boot_facts *facts)
{
    const struct dfu_slot_state *pri = &facts->primary, *sec = &facts->secondary;

    return fits(rule->pri_magic, (int)pri->magic) && fits(rule->sec_magic, (int)sec->magic) &&
           fits(rule->pri_ok, (int)pri->image_ok) && fits(rule->sec_ok, (int)sec->image_ok) &&
           fits(rule->pri_done, (int)pri->copy_done) && fits(rule->sec_done, (int)sec->copy_done) &&
           fits(rule->pri_type, (int)pri->swap_type) && fits(rule->sec_type, (int)sec->swap_type) &&
           fits(rule->records, records_of(facts)) &&
           fits(rule->same_size, facts->is_size_known ? YES : NO);
}

static void expect_rule(const struct rule *rule, const struct boot_facts *facts)
{
    struct boot_decision got = boot_decide(facts);

    assert_int_equal(got.action, rule->action);
    switch (rule->type) {
    case ANY: assert_int_equal(got.type, facts->primary.swap_type); break;
    case FROM_SCRATCH: assert_int_equal(got.type, facts->scratch.swap_type); break;
    default: assert_int_equal(got.type, rule->type); break;
    }
    assert_int_equal(got.is_recorded, rule->is_recorded);
}

static void expect(const struct rule *rules, const struct boot_facts *facts)
{
    while (!applies(rules, facts)) {
        rules++;
    }
    expect_rule(rules, facts);
}

static void expect_with_scratch(const struct scratch_rule *rules, const struct boot_facts *facts)
{
    while (!fits(rules->scratch, scratch_of(facts)) ||
           !fits(rules->scr_type, (int)facts->scratch.swap_type) || !applies(&rules->rule, facts)) {
        rules++;
    }
    expect_rule(&rules->rule, facts);
}

/* The n-th state of a trailer: 3 magics, 3 image_ok, 3 copy_done, 4 types. */
#define STATES (3u * 3u * 3u * 4u)

static struct dfu_slot_state nth_state(unsigned n)
{
    return (struct dfu_slot_state){
        .magic = (enum dfu_magic)(n % 3 + 1),
        .image_ok = (enum dfu_flag)(n / 3 % 3 + 1),
        .copy_done = (enum dfu_flag)(n / 9 % 3 + 1),
        .swap_type = (enum dfu_swap_type)(n / 27 % 4 + 1),
    };
}

static unsigned try_all(enum dfu_boot_mode mode, const struct rule *rules)
{
    unsigned tried = 0;

    for (unsigned pri = 0; pri < STATES; pri++) {
        for (unsigned sec = 0; sec < STATES; sec++) {
            for (unsigned rest = 0; rest < 4; rest++) {
                struct boot_facts facts = {
                    .mode = mode,
                    .can_upgrade = true,
                    .is_size_known = (rest & 1) != 0,
                    .done = (rest & 2) != 0 ? 5 : 0,
                    .primary = nth_state(pri),
                    .secondary = nth_state(sec),
                };

                expect(rules, &facts);
                tried++;
            }
        }
    }
    return tried;
}

static void move_decides_by_the_table_whatever_the_trailers_hold(void **state)
{
    (void)state;
    assert_int_equal(try_all(DFU_MODE_SWAP_MOVE, move_rules), STATES * STATES * 4);
}

static void offset_decides_by_the_table_whatever_the_trailers_hold(void **state)
{
    (void)state;
    assert_int_equal(try_all(DFU_MODE_SWAP_OFFSET, offset_rules), STATES * STATES * 4);
}

static void overwrite_decides_by_the_table_whatever_the_trailers_hold(void **state)
{
    (void)state;
    assert_int_equal(try_all(DFU_MODE_OVERWRITE, overwrite_rules), STATES * STATES * 4);
}

static void scratch_decides_by_the_table_whatever_three_trailers_hold(void **state)
{
    unsigned tried = 0;

    (void)state;
    for (unsigned n = 0; n < STATES * STATES * STATES; n++) {
        /* Two values of the fields that nobody reads will do. */
        struct boot_facts facts = {
            .mode = DFU_MODE_SWAP_SCRATCH,
            .can_upgrade = true,
            .steps = 9,
            .primary = nth_state(n % STATES),
            .secondary = nth_state(n / STATES % STATES),
            .scratch = nth_state(n / STATES / STATES),
        };

        if (facts.scratch.image_ok == DFU_FLAG_BAD || facts.secondary.swap_type > DFU_SWAP_TEST) {
            continue;
        }
        for (unsigned rest = 0; rest < 6; rest++) {
            facts.done = rest % 3 == 0 ? 0 : rest % 3 == 1 ? 4 : 9;
            facts.own_done = rest < 3 ? 0 : 3;
            expect_with_scratch(scratch_rules, &facts);
            tried++;
        }
    }
    assert_int_equal(tried, STATES * (STATES / 2) * (STATES / 3 * 2) * 6);
}

static void what_scratch_says_of_another_image_starts_nothing(void **state)
{
    struct boot_facts facts = {
        .mode = DFU_MODE_SWAP_SCRATCH,
        .can_upgrade = true,
        .image = 1,
        .done = 4,
        .steps = 9,
        .scratch = { DFU_MAGIC_GOOD, DFU_FLAG_UNSET, DFU_FLAG_UNSET, DFU_SWAP_TEST, 0 },
        .primary = { DFU_MAGIC_UNSET, DFU_FLAG_UNSET, DFU_FLAG_UNSET, DFU_SWAP_NONE, 0 },
        .secondary = { DFU_MAGIC_UNSET, DFU_FLAG_UNSET, DFU_FLAG_UNSET, DFU_SWAP_NONE, 0 },
    };

    (void)state;
    assert_int_equal(boot_decide(&facts).action, BOOT_KEEP);
    facts.image = 0;
    assert_int_equal(boot_decide(&facts).action, BOOT_RESUME);
}

static void nothing_is_decided_for_slots_that_can_not_be_upgraded(void **state)
{
    (void)state;
    for (unsigned n = 0; n < STATES * STATES; n++) {
        struct boot_facts facts = {
            .mode = DFU_MODE_SWAP_MOVE,
            .can_upgrade = false,
            .done = n % 2,
            .primary = nth_state(n / STATES),
            .secondary = nth_state(n % STATES),
        };
        struct boot_decision got = boot_decide(&facts);

        assert_int_equal(got.action, BOOT_KEEP);
        assert_int_equal(got.type, DFU_SWAP_NONE);
    }
}

/* 4.10: what is erased because something is wrong, and what becomes of the upgrade. */
enum primary { PLAIN, COPIED, TRIAL, PREPARED, TORN_TRIAL };

static const struct dfu_slot_state primaries[] = {
    [PLAIN] = { DFU_MAGIC_UNSET, DFU_FLAG_UNSET, DFU_FLAG_UNSET, DFU_SWAP_NONE, 0 },
    [COPIED] = { DFU_MAGIC_GOOD, DFU_FLAG_UNSET, DFU_FLAG_UNSET, DFU_SWAP_NONE, 0 },
    [TRIAL] = { DFU_MAGIC_GOOD, DFU_FLAG_UNSET, DFU_FLAG_SET, DFU_SWAP_TEST, 0 },
    [PREPARED] = { DFU_MAGIC_GOOD, DFU_FLAG_UNSET, DFU_FLAG_UNSET, DFU_SWAP_TEST, 0 },
    [TORN_TRIAL] = { DFU_MAGIC_GOOD, DFU_FLAG_UNSET, DFU_FLAG_BAD, DFU_SWAP_TEST, 0 },
};

enum asked { ASKED, BEGUN }; /* by the secondary, or by the primary's own trailer */

static const struct {
    enum dfu_boot_mode mode;
    enum primary primary;
    enum asked asked;
    enum dfu_swap_type wanted;
    enum boot_check check;
    enum dfu_swap_type type;
    enum boot_cleaning cleaning;
} outcomes[] = {
#define MOVE     DFU_MODE_SWAP_MOVE
#define OVER     DFU_MODE_OVERWRITE
#define SWAP(x)  DFU_SWAP_##x
#define CHECK(x) BOOT_CHECK_##x
#define CLEAN(x) BOOT_CLEAN_##x
    { MOVE, PLAIN, ASKED, SWAP(TEST), CHECK(GOOD), SWAP(TEST), CLEAN(NOTHING) },
    { MOVE, PREPARED, BEGUN, SWAP(TEST), CHECK(GOOD), SWAP(TEST), CLEAN(NOTHING) },
    { MOVE, PLAIN, ASKED, SWAP(PERM), CHECK(INVALID), SWAP(NONE), CLEAN(SECONDARY) },
    { MOVE, PREPARED, BEGUN, SWAP(TEST), CHECK(INVALID), SWAP(FAIL), CLEAN(SECONDARY) },
    { MOVE, PLAIN, ASKED, SWAP(TEST), CHECK(TOO_OLD), SWAP(NONE), CLEAN(SECONDARY) },
    { MOVE, PREPARED, BEGUN, SWAP(TEST), CHECK(TOO_OLD), SWAP(NONE), CLEAN(SECONDARY) },
    { MOVE, PLAIN, ASKED, SWAP(TEST), CHECK(EMPTY), SWAP(NONE), CLEAN(SECONDARY_TRAILER) },
    { MOVE, PLAIN, ASKED, SWAP(TEST), CHECK(NOT_BOOTABLE), SWAP(NONE), CLEAN(SECONDARY_TRAILER) },
    { MOVE, PREPARED, BEGUN, SWAP(TEST), CHECK(EMPTY), SWAP(FAIL), CLEAN(SECONDARY_TRAILER) },
    { MOVE, PLAIN, ASKED, SWAP(TEST), CHECK(UNREADABLE), SWAP(NONE), CLEAN(NOTHING) },
    { MOVE, PREPARED, BEGUN, SWAP(PERM), CHECK(UNREADABLE), SWAP(NONE), CLEAN(NOTHING) },
    /* stuck: a revert to an image that is gone, asked for or begun */
    { MOVE, TRIAL, ASKED, SWAP(REVERT), CHECK(EMPTY), SWAP(NONE), CLEAN(BOTH_TRAILERS) },
    { MOVE, TORN_TRIAL, ASKED, SWAP(REVERT), CHECK(EMPTY), SWAP(NONE), CLEAN(BOTH_TRAILERS) },
    { MOVE, TRIAL, ASKED, SWAP(TEST), CHECK(EMPTY), SWAP(NONE), CLEAN(BOTH_TRAILERS) },
    { MOVE, PREPARED, BEGUN, SWAP(REVERT), CHECK(EMPTY), SWAP(FAIL), CLEAN(BOTH_TRAILERS) },
    /* the first fill of an empty primary */
    { MOVE, PLAIN, ASKED, SWAP(REVERT), CHECK(EMPTY), SWAP(NONE), CLEAN(SECONDARY_TRAILER) },
    /* B6 is the second */
    { OVER, PLAIN, ASKED, SWAP(TEST), CHECK(EMPTY), SWAP(NONE), CLEAN(NOTHING) },
    { OVER, COPIED, ASKED, SWAP(TEST), CHECK(EMPTY), SWAP(NONE), CLEAN(SECONDARY_TRAILER) },
    { OVER, COPIED, ASKED, SWAP(TEST), CHECK(NOT_BOOTABLE), SWAP(NONE), CLEAN(NOTHING) },
    { OVER, PLAIN, ASKED, SWAP(TEST), CHECK(INVALID), SWAP(NONE), CLEAN(SECONDARY) },
    { OVER, PLAIN, ASKED, SWAP(TEST), CHECK(TOO_OLD), SWAP(NONE), CLEAN(SECONDARY) },
};

static void a_refused_image_costs_exactly_what_the_specification_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        struct boot_facts facts = {
            .mode = outcomes[i].mode,
            .can_upgrade = true,
            .primary = primaries[outcomes[i].primary],
            .secondary = { DFU_MAGIC_GOOD, DFU_FLAG_UNSET, DFU_FLAG_UNSET, DFU_SWAP_TEST, 0 },
        };
        struct boot_decision wanted = { BOOT_UPGRADE, outcomes[i].wanted,
                                        outcomes[i].asked == BEGUN, DFU_BOOT_WHY_TABLE };
        struct boot_settlement got = boot_settle(&facts, wanted, outcomes[i].check);

        assert_int_equal(got.type, outcomes[i].type);
        assert_int_equal(got.cleaning, outcomes[i].cleaning);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(move_decides_by_the_table_whatever_the_trailers_hold),
        cmocka_unit_test(offset_decides_by_the_table_whatever_the_trailers_hold),
        cmocka_unit_test(overwrite_decides_by_the_table_whatever_the_trailers_hold),
        cmocka_unit_test(scratch_decides_by_the_table_whatever_three_trailers_hold),
        cmocka_unit_test(what_scratch_says_of_another_image_starts_nothing),
        cmocka_unit_test(nothing_is_decided_for_slots_that_can_not_be_upgraded),
        cmocka_unit_test(a_refused_image_costs_exactly_what_the_specification_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
