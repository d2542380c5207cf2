/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The store, and the SMP group over it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/smp_settings.h"
#include "hex.h"
#include "nor.h"
#include "smp_peer.h"

#define SECTOR   512u
#define SECTORS  4u
#define CAPACITY 6u

struct world {
    struct nor *nor;
    const struct dfu_area *area;
    struct dfu_setting table[CAPACITY];
    struct dfu_settings settings;
};

static void reopen(struct world *w)
{
    memset(w->table, 0, sizeof w->table);
    w->settings = (struct dfu_settings){ .table = w->table, .capacity = CAPACITY };
    assert_int_equal(dfu_settings_open(&w->settings, w->area), 0);
}

static void new_world(struct world *w, uint8_t write_size, uint8_t erased)
{
    w->nor = nor_new(SECTOR, SECTORS, write_size, erased);
    w->area = nor_area(w->nor, "storage_partition", SECTORS);
    reopen(w);
}

static void reset(struct world *w)
{
    dfu_sim_flash_power_on(&w->nor->flash);
    reopen(w);
}

static int set(struct world *w, const char *name, const char *value)
{
    return dfu_settings_set(&w->settings, name, strlen(name), value, strlen(value));
}

static int save(struct world *w)
{
    return dfu_settings_save(&w->settings, NULL, 0);
}

/* The value as a text; NULL if there is none. */
static const char *get(const struct world *w, const char *name)
{
    static char value[DFU_SETTING_VALUE_MAX + 1];
    int len = dfu_settings_get(&w->settings, name, strlen(name), value, DFU_SETTING_VALUE_MAX);

    if (len == DFU_ERR_NOENT) {
        return NULL;
    }
    assert_in_range(len, 0, DFU_SETTING_VALUE_MAX);
    value[len] = '\0';
    return value;
}

/* ---- The store ---- */

static void saved_values_survive_a_reset_and_others_do_not(void **state)
{
    static const uint8_t write_sizes[] = { 1, 2, 4, 8, 16, 32 };
    struct world w;

    (void)state;
    for (size_t i = 0; i < 2 * sizeof write_sizes; i++) {
        new_world(&w, write_sizes[i / 2], i % 2 ? 0x00 : 0xff);
        assert_null(get(&w, "app/id"));
        assert_int_equal(set(&w, "app/id", "one"), 0);
        assert_int_equal(set(&w, "empty", ""), 0);
        assert_string_equal(get(&w, "app/id"), "one");
        assert_int_equal(save(&w), 0);
        assert_int_equal(set(&w, "app/id", "two"), 0);
        assert_string_equal(get(&w, "app/id"), "two");
        reset(&w);
        assert_string_equal(get(&w, "app/id"), "one");
        assert_string_equal(get(&w, "empty"), "");
        nor_free(w.nor);
    }
}

static void only_what_changed_is_written(void **state)
{
    struct world w;

    (void)state;
    new_world(&w, 4, 0xff);
    assert_int_equal(set(&w, "a", "1"), 0);
    assert_int_equal(set(&w, "b", "1"), 0);
    assert_int_equal(save(&w), 0);
    dfu_sim_flash_power_on(&w.nor->flash);
    assert_int_equal(set(&w, "a", "1"), 0);
    assert_int_equal(save(&w), 0);
    assert_int_equal(w.nor->flash.ops, 0);
    assert_int_equal(set(&w, "a", "2"), 0);
    assert_int_equal(save(&w), 0);
    assert_int_equal(w.nor->flash.ops, 1);
    nor_free(w.nor);
}

static void a_save_by_prefix_leaves_other_names_as_flash_has_them(void **state)
{
    struct world w;

    (void)state;
    new_world(&w, 4, 0xff);
    assert_int_equal(set(&w, "app/a", "old"), 0);
    assert_int_equal(set(&w, "net/b", "old"), 0);
    assert_int_equal(save(&w), 0);
    for (int i = 0; i < 40; i++) { /* more than once through both banks */
        char value[12];

        snprintf(value, sizeof value, "%d", i);
        assert_int_equal(set(&w, "app/a", value), 0);
        assert_int_equal(set(&w, "net/b", value), 0);
        assert_int_equal(set(&w, "net/new", value), 0);
        assert_int_equal(dfu_settings_save(&w.settings, "app/", 4), 0);
        reset(&w);
        assert_string_equal(get(&w, "app/a"), value);
        assert_string_equal(get(&w, "net/b"), "old");
        assert_null(get(&w, "net/new"));
    }
    nor_free(w.nor);
}

static void deleted_names_are_gone_after_the_next_save(void **state)
{
    struct world w;

    (void)state;
    new_world(&w, 4, 0xff);
    assert_int_equal(set(&w, "a", "1"), 0);
    assert_int_equal(save(&w), 0);
    assert_int_equal(dfu_settings_delete(&w.settings, "a", 1), 0);
    assert_null(get(&w, "a"));
    assert_int_equal(dfu_settings_delete(&w.settings, "a", 1), DFU_ERR_NOENT);
    reset(&w);
    assert_string_equal(get(&w, "a"), "1");
    assert_int_equal(dfu_settings_delete(&w.settings, "a", 1), 0);
    assert_int_equal(save(&w), 0);
    reset(&w);
    assert_null(get(&w, "a"));
    nor_free(w.nor);
}

static void a_deleted_names_place_is_free_for_another(void **state)
{
    struct world w;

    (void)state;
    new_world(&w, 4, 0xff);
    for (int i = 0; i < 30; i++) {
        char name[16];

        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(set(&w, name, "x"), 0);
        assert_int_equal(save(&w), 0);
        assert_int_equal(dfu_settings_delete(&w.settings, name, strlen(name)), 0);
        assert_int_equal(save(&w), 0);
        if (i % 3 == 0) {
            reset(&w);
        }
    }
    nor_free(w.nor);
}

static void names_and_values_have_limits(void **state)
{
    char name[DFU_SETTING_NAME_MAX + 2], value[DFU_SETTING_VALUE_MAX + 2];
    struct world w;

    (void)state;
    memset(name, 'n', sizeof name);
    memset(value, 'v', sizeof value);
    new_world(&w, 4, 0xff);
    assert_int_equal(dfu_settings_set(&w.settings, name, DFU_SETTING_NAME_MAX + 1, "", 0),
                     DFU_ERR_RANGE);
    assert_int_equal(dfu_settings_set(&w.settings, name, 0, "", 0), DFU_ERR_RANGE);
    assert_int_equal(dfu_settings_set(&w.settings, "a", 1, value, DFU_SETTING_VALUE_MAX + 1),
                     DFU_ERR_RANGE);
    assert_int_equal(
        dfu_settings_set(&w.settings, name, DFU_SETTING_NAME_MAX, value, DFU_SETTING_VALUE_MAX), 0);
    assert_int_equal(save(&w), 0);
    reset(&w);
    assert_int_equal(dfu_settings_get(&w.settings, name, DFU_SETTING_NAME_MAX, value, 31),
                     DFU_ERR_NOSPACE);
    assert_int_equal(dfu_settings_get(&w.settings, name, DFU_SETTING_NAME_MAX, value, 32), 32);
    for (unsigned i = 1; i < CAPACITY; i++) {
        name[0] = (char)('0' + i);
        assert_int_equal(dfu_settings_set(&w.settings, name, 1, "", 0), 0);
    }
    assert_int_equal(set(&w, "one more", ""), DFU_ERR_NOSPACE);
    nor_free(w.nor);
}

static void areas_that_cannot_be_cut_in_two_are_refused(void **state)
{
    struct dfu_setting table[CAPACITY] = { 0 };
    struct dfu_settings settings = { .table = table, .capacity = CAPACITY };
    struct nor *nor = nor_new(SECTOR, 8, 4, 0xff);
    const struct dfu_area *odd = nor_area(nor, "odd", 3), *one = nor_area(nor, "one", 1);

    (void)state;
    assert_int_equal(dfu_settings_open(&settings, one), DFU_ERR_INVAL);
    settings.capacity = 2 * SECTOR / 96 + 1;
    assert_int_equal(dfu_settings_open(&settings, nor_area(nor, "small", 4)), DFU_ERR_INVAL);
    settings.capacity = SECTOR / 96;
    assert_int_equal(dfu_settings_open(&settings, odd), 0); /* its last sector stays unused */
    assert_int_equal(settings.bank_size, SECTOR);
    nor_free(nor);
}

static void without_an_area_values_live_in_ram(void **state)
{
    struct dfu_setting table[CAPACITY] = { 0 };
    struct dfu_settings settings = { .table = table, .capacity = CAPACITY };
    char value[2];

    (void)state;
    assert_int_equal(dfu_settings_set(&settings, "a", 1, "v", 1), 0);
    assert_int_equal(dfu_settings_load(&settings), 0);
    assert_int_equal(dfu_settings_get(&settings, "a", 1, value, 2), 1);
    assert_int_equal(dfu_settings_save(&settings, NULL, 0), DFU_ERR_NOTSUP);
}

/* ---- Power ---- */

static const char *const names[] = { "a", "b", "c/long-name-up-to-31-bytes-1234" };

/* Round n: three values change, and every fourth time one of the names is deleted instead. */
static int change(struct world *w, unsigned n)
{
    int err = 0;

    for (unsigned i = 0; !err && i < 3; i++) {
        char value[DFU_SETTING_VALUE_MAX];

        memset(value, (int)('A' + (n + i) % 26), sizeof value);
        if ((n + i) % 4 == 3) {
            err = dfu_settings_delete(&w->settings, names[i], strlen(names[i]));
            err = err == DFU_ERR_NOENT ? 0 : err;
        } else {
            err = dfu_settings_set(&w->settings, names[i], strlen(names[i]), value,
                                   1 + (n + i) % sizeof value);
        }
    }
    return err ? err : save(w);
}

/* What a name holds after round n; the length, or -1. */
static int expected(unsigned n, unsigned i, char *letter)
{
    *letter = (char)('A' + (n + i) % 26);
    return (n + i) % 4 == 3 ? -1 : (int)(1 + (n + i) % DFU_SETTING_VALUE_MAX);
}

static bool is_of_round(const struct world *w, unsigned n, unsigned i)
{
    const char *value = get(w, names[i]);
    char letter;
    int len = n ? expected(n, i, &letter) : -1;

    if (len < 0 || !value) {
        return len < 0 && !value;
    }
    if (strlen(value) != (size_t)len) {
        return false;
    }
    for (int k = 0; k < len; k++) {
        if (value[k] != letter) {
            return false;
        }
    }
    return true;
}

/* Rounds 1 to n without a cut, then round n + 1 with one. False: it needed fewer operations. */
static bool cut_in_round(struct world *w, unsigned n, enum dfu_sim_cut_when when, unsigned op,
                         uint64_t seed)
{
    int err;

    for (unsigned k = 1; k <= n; k++) {
        assert_int_equal(change(w, k), 0);
    }
    reset(w);
    dfu_sim_flash_cut(&w->nor->flash, when, op, seed);
    err = change(w, n + 1);
    reset(w);
    return err == DFU_ERR_POWER;
}

static void each_value_is_the_old_or_the_new_one_after_a_cut_anywhere(void **state)
{
    static const enum dfu_sim_cut_when whens[] = { DFU_SIM_CUT_BEFORE, DFU_SIM_CUT_INSIDE,
                                                   DFU_SIM_CUT_AFTER };
    static const uint8_t write_sizes[] = { 1, 4, 32 };
    unsigned cuts = 0;
    struct world w;

    (void)state;
    for (unsigned n = 0; n < 14; n++) { /* round 4, 8 and 12 fill a bank */
        for (unsigned variant = 0; variant < 3 * 3 * 8; variant++) {
            for (unsigned op = 1;; op++) {
                bool was_cut;

                new_world(&w, write_sizes[variant % 3], variant % 2 ? 0x00 : 0xff);
                was_cut = cut_in_round(&w, n, whens[variant / 3 % 3], op, variant * 977 + op);
                for (unsigned i = 0; i < 3; i++) {
                    assert_true(is_of_round(&w, n, i) || is_of_round(&w, n + 1, i));
                }
                /* And life goes on. */
                assert_int_equal(change(&w, n + 2), 0);
                reset(&w);
                for (unsigned i = 0; i < 3; i++) {
                    assert_true(is_of_round(&w, n + 2, i));
                }
                nor_free(w.nor);
                if (!was_cut) {
                    break;
                }
                cuts++;
            }
        }
    }
    print_message("%u cuts\n", cuts);
    assert_true(cuts > 4000);
}

static void two_cuts_in_a_row_do_no_more_harm(void **state)
{
    struct world w;

    (void)state;
    for (unsigned n = 0; n < 12; n++) {
        for (unsigned first = 1; first <= 6; first++) {
            for (unsigned second = 1; second <= 6; second++) {
                new_world(&w, 4, 0xff);
                cut_in_round(&w, n, DFU_SIM_CUT_INSIDE, first, first * 31 + second);
                dfu_sim_flash_cut(&w.nor->flash, DFU_SIM_CUT_INSIDE, second, second * 17 + first);
                change(&w, n + 1);
                reset(&w);
                for (unsigned i = 0; i < 3; i++) {
                    assert_true(is_of_round(&w, n, i) || is_of_round(&w, n + 1, i));
                }
                nor_free(w.nor);
            }
        }
    }
}

/* A value that looks like an entry must not become one when its own entry is torn. */
static void the_inside_of_a_torn_entry_is_never_read_as_an_entry(void **state)
{
    struct world w;
    uint8_t image[96];
    uint8_t torn[96];

    (void)state;
    new_world(&w, 1, 0xff);
    assert_int_equal(set(&w, "k", "v"), 0);
    assert_int_equal(save(&w), 0);
    assert_int_equal(dfu_area_read(w.area, 32, image, sizeof image), 0);
    memset(torn, 0xff, sizeof torn);
    memcpy(torn + 32, image, 64);
    assert_int_equal(dfu_area_write(w.area, 32 + 96, torn, sizeof torn), 0);
    assert_int_equal(dfu_area_write(w.area, 32 + 192, image, sizeof image), 0);
    reset(&w);
    assert_string_equal(get(&w, "k"), "v");
    assert_int_equal(w.settings.next, 32 + 3 * 96);
    nor_free(w.nor);
}

/* A program that was cut at once may leave no visible bit and yet refuse another one. */
static void a_place_that_refuses_sends_the_save_to_the_other_bank(void **state)
{
    struct world w;
    uint8_t erased[96];

    (void)state;
    memset(erased, 0xff, sizeof erased);
    new_world(&w, 4, 0xff);
    assert_int_equal(set(&w, "k", "old"), 0);
    assert_int_equal(set(&w, "other", "kept"), 0);
    assert_int_equal(save(&w), 0);
    assert_int_equal(
        dfu_sim_flash_load(&w.nor->flash, w.area->base + w.settings.next, erased, sizeof erased),
        0);
    assert_int_equal(set(&w, "k", "new"), 0);
    assert_int_equal(set(&w, "other", "new, too"), 0);
    assert_int_equal(save(&w), 0);
    assert_int_equal(w.settings.bank, 2 * SECTOR);
    assert_int_equal(w.settings.next, 2 * SECTOR + 32 + 2 * 96); /* each is written once */
    reset(&w);
    assert_string_equal(get(&w, "k"), "new");
    assert_string_equal(get(&w, "other"), "new, too");
    nor_free(w.nor);
}

/* ---- The group ---- */

static struct world world;
static struct dfu_smp_settings group;
static const struct dfu_smp_binding bindings[] = { { &dfu_smp_group_settings, &group } };
static struct smp_peer peer;

static int fresh_peer(void **state)
{
    (void)state;
    new_world(&world, 4, 0xff);
    group = (struct dfu_smp_settings){ &dfu_settings_table_ops, &world.settings };
    smp_peer_init(&peer, bindings, 1);
    return 0;
}

static int free_peer(void **state)
{
    (void)state;
    nor_free(world.nor);
    return 0;
}

static void values_are_written_and_read_as_in_the_worked_example(void **state)
{
    (void)state;
    smp_peer_expect(
        &peer,
        "0a 00 00 16 00 03 63 00 a2 64 6e 61 6d 65 66 61 70 70 2f 69 64 63 76 61 6c 44 01 02 03 "
        "04",
        "0b 00 00 02 00 03 63 00 bf ff");
    smp_peer_expect(&peer, "08 00 00 0d 00 03 62 00 a1 64 6e 61 6d 65 66 61 70 70 2f 69 64",
                    "09 00 00 0b 00 03 62 00 bf 63 76 61 6c 44 01 02 03 04 ff");
    smp_peer_expect(&peer, "00 00 00 0d 00 03 62 00 a1 64 6e 61 6d 65 66 61 70 70 2f 69 64",
                    "01 00 00 0b 00 03 62 00 bf 63 76 61 6c 44 01 02 03 04 ff");
}

static void a_client_may_ask_for_fewer_bytes_and_learns_the_limit_when_it_asks_for_more(
    void **state)
{
    (void)state;
    assert_int_equal(set(&world, "k", "abcd"), 0);
    smp_peer_read(&peer, 3, 0, "a2 64 6e 61 6d 65 61 6b 68 6d 61 78 5f 73 69 7a 65 02",
                  "bf 63 76 61 6c 42 61 62 ff");
    smp_peer_read(&peer, 3, 0, "a2 64 6e 61 6d 65 61 6b 68 6d 61 78 5f 73 69 7a 65 18 40",
                  "bf 63 76 61 6c 44 61 62 63 64 68 6d 61 78 5f 73 69 7a 65 18 20 ff");
}

static void save_load_delete_and_commit_do_what_they_say(void **state)
{
    (void)state;
    smp_peer_write(&peer, 3, 0, "a2 64 6e 61 6d 65 61 6b 63 76 61 6c 41 31", "bf ff");
    smp_peer_write(&peer, 3, 3, "a0", "bf ff");
    smp_peer_write(&peer, 3, 0, "a2 64 6e 61 6d 65 61 6b 63 76 61 6c 41 32", "bf ff");
    smp_peer_write(&peer, 3, 2, "a0", "bf ff");
    assert_string_equal(get(&world, "k"), "2");
    smp_peer_read(&peer, 3, 3, "a0", "bf ff");
    assert_string_equal(get(&world, "k"), "1");
    smp_peer_write(&peer, 3, 1, "a1 64 6e 61 6d 65 61 6b", "bf ff");
    smp_peer_read(&peer, 3, 0, "a1 64 6e 61 6d 65 61 6b",
                  "bf 63 65 72 72 bf 65 67 72 6f 75 70 03 62 72 63 03 ff ff");
    smp_peer_write(&peer, 3, 3, "", "bf ff");
    reset(&world);
    assert_null(get(&world, "k"));
}

static void a_save_may_name_a_part(void **state)
{
    (void)state;
    assert_int_equal(set(&world, "a/x", "1"), 0);
    assert_int_equal(set(&world, "b/x", "1"), 0);
    smp_peer_write(&peer, 3, 3, "a1 64 6e 61 6d 65 61 61", "bf ff");
    reset(&world);
    assert_string_equal(get(&world, "a/x"), "1");
    assert_null(get(&world, "b/x"));
}

static void bad_requests_are_refused(void **state)
{
    static const char *const long_name =
        "a2 64 6e 61 6d 65 78 20 "
        "6161616161616161616161616161616161616161616161616161616161616161 63 76 61 6c 40";

    (void)state;
    smp_peer_write(&peer, 3, 0, /* the longest that is taken */
                   "a2 64 6e 61 6d 65 78 1f "
                   "61616161616161616161616161616161616161616161616161616161616161 63 76 61 6c 40",
                   "bf ff");
    smp_peer_write(&peer, 3, 0, long_name,
                   "bf 63 65 72 72 bf 65 67 72 6f 75 70 03 62 72 63 02 ff ff");
    smp_peer_write(&peer, 3, 0, "a1 64 6e 61 6d 65 61 6b", "bf 62 72 63 03 ff");
    smp_peer_write(&peer, 3, 0, "a1 63 76 61 6c 40", "bf 62 72 63 03 ff");
    smp_peer_write(&peer, 3, 0, "a2 64 6e 61 6d 65 60 63 76 61 6c 40", "bf 62 72 63 03 ff");
    smp_peer_write(&peer, 3, 0, "a2 64 6e 61 6d 65 61 6b 63 76 61 6c 61 61", "bf 62 72 63 03 ff");
    smp_peer_write(&peer, 3, 0,
                   "a2 64 6e 61 6d 65 61 6b 63 76 61 6c 58 21 "
                   "000000000000000000000000000000000000000000000000000000000000000000",
                   "bf 62 72 63 03 ff");
    smp_peer_read(&peer, 3, 0, "", "bf 62 72 63 03 ff");
    smp_peer_write(&peer, 3, 1, "a1 64 6e 61 6d 65 61 7a",
                   "bf 63 65 72 72 bf 65 67 72 6f 75 70 03 62 72 63 03 ff ff");
    smp_peer_expect(&peer, "02 00 00 08 00 03 63 01 a1 64 6e 61 6d 65 61 7a",
                    "03 00 00 06 00 03 63 01 bf 62 72 63 05 ff");
}

static void a_store_without_an_operation_says_which(void **state)
{
    static const struct dfu_settings_ops none = { 0 };

    (void)state;
    group.ops = &none;
    smp_peer_read(&peer, 3, 0, "a1 64 6e 61 6d 65 61 6b",
                  "bf 63 65 72 72 bf 65 67 72 6f 75 70 03 62 72 63 04 ff ff");
    smp_peer_write(&peer, 3, 0, "a2 64 6e 61 6d 65 61 6b 63 76 61 6c 40",
                   "bf 63 65 72 72 bf 65 67 72 6f 75 70 03 62 72 63 06 ff ff");
    smp_peer_write(&peer, 3, 1, "a1 64 6e 61 6d 65 61 6b",
                   "bf 63 65 72 72 bf 65 67 72 6f 75 70 03 62 72 63 07 ff ff");
    smp_peer_write(&peer, 3, 3, "a0", "bf 63 65 72 72 bf 65 67 72 6f 75 70 03 62 72 63 08 ff ff");
    smp_peer_write(&peer, 3, 2, "a0", "bf 62 72 63 08 ff");
    smp_peer_read(&peer, 3, 3, "a0", "bf 62 72 63 08 ff");
}

static enum dfu_smp_hook_result refuse_secrets(void *ctx, struct dfu_smp_event *event)
{
    const struct dfu_smp_settings_event *access = event->data;
    unsigned *seen = ctx;

    *seen |= 1u << access->access;
    if (access->name.len > 0 && access->name.data[0] == 's') {
        event->rc = DFU_SMP_EACCESSDENIED;
        return DFU_SMP_HOOK_RC;
    }
    return DFU_SMP_HOOK_OK;
}

static void a_hook_sees_every_access_and_may_refuse_it(void **state)
{
    unsigned seen = 0;
    struct dfu_smp_hook hook = { DFU_SMP_EV_SETTINGS_ACCESS, refuse_secrets, &seen };

    (void)state;
    assert_int_equal(set(&world, "s", "1"), 0);
    peer.server.hooks = &hook;
    peer.server.hook_count = 1;
    smp_peer_read(&peer, 3, 0, "a1 64 6e 61 6d 65 61 73", "bf 62 72 63 0b ff");
    smp_peer_write(&peer, 3, 0, "a2 64 6e 61 6d 65 61 73 63 76 61 6c 40", "bf 62 72 63 0b ff");
    smp_peer_write(&peer, 3, 1, "a1 64 6e 61 6d 65 61 73", "bf 62 72 63 0b ff");
    assert_string_equal(get(&world, "s"), "1");
    smp_peer_write(&peer, 3, 2, "a0", "bf ff");
    smp_peer_read(&peer, 3, 3, "a0", "bf ff");
    smp_peer_write(&peer, 3, 3, "a0", "bf ff");
    assert_int_equal(seen, 0x3f);
}

#define over_smp(name) cmocka_unit_test_setup_teardown(name, fresh_peer, free_peer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_values_survive_a_reset_and_others_do_not),
        cmocka_unit_test(only_what_changed_is_written),
        cmocka_unit_test(a_save_by_prefix_leaves_other_names_as_flash_has_them),
        cmocka_unit_test(deleted_names_are_gone_after_the_next_save),
        cmocka_unit_test(a_deleted_names_place_is_free_for_another),
        cmocka_unit_test(names_and_values_have_limits),
        cmocka_unit_test(areas_that_cannot_be_cut_in_two_are_refused),
        cmocka_unit_test(without_an_area_values_live_in_ram),
        cmocka_unit_test(each_value_is_the_old_or_the_new_one_after_a_cut_anywhere),
        cmocka_unit_test(two_cuts_in_a_row_do_no_more_harm),
        cmocka_unit_test(the_inside_of_a_torn_entry_is_never_read_as_an_entry),
        cmocka_unit_test(a_place_that_refuses_sends_the_save_to_the_other_bank),
        over_smp(values_are_written_and_read_as_in_the_worked_example),
        over_smp(a_client_may_ask_for_fewer_bytes_and_learns_the_limit_when_it_asks_for_more),
        over_smp(save_load_delete_and_commit_do_what_they_say),
        over_smp(a_save_may_name_a_part),
        over_smp(bad_requests_are_refused),
        over_smp(a_store_without_an_operation_says_which),
        over_smp(a_hook_sees_every_access_and_may_refuse_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
