/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Roles: who may do what, and how a key gives a role. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth_world.h"
#include "dfu/err.h"
#include "dfu/smp_history.h"
#include "dfu/smp_pages.h"

/* ---- Rules ---- */

/* docs/AUTH.md, written down once more. */
static uint8_t role_by_the_book(uint16_t group, unsigned id, uint8_t op)
{
    bool is_read = op == DFU_SMP_READ;

    switch (group) {
    case 0:
        if (id == 0) {
            return DFU_ROLE_OBSERVE;
        }
        if (is_read) {
            return id == 2 || id == 3 || id == 4 || (id >= 6 && id <= 8) ? DFU_ROLE_OBSERVE
                                                                         : DFU_ROLE_UPDATE;
        }
        return id == 1 || id == 4 || id == 5 ? DFU_ROLE_OPERATE : DFU_ROLE_UPDATE;
    case 1: return is_read && (id == 0 || id == 6) ? DFU_ROLE_OBSERVE : DFU_ROLE_UPDATE;
    case 2:
    case 10:
    case 64:
    case 65: return is_read ? DFU_ROLE_OBSERVE : DFU_ROLE_UPDATE;
    case 3:
    case 4:
    case 8: return DFU_ROLE_OPERATE;
    default: return DFU_ROLE_UPDATE;
    }
}

static void each_role_may_run_exactly_what_the_table_gives_it(void **state)
{
    (void)state;
    for (unsigned role = DFU_ROLE_NONE; role <= DFU_ROLE_UPDATE; role++) {
        struct auth_device *dev = auth_new_device("A");

        if (role != DFU_ROLE_NONE) {
            assert_int_equal(auth_log_in(dev, KEY_UPDATE, (uint8_t)role), 0);
        }
        assert_int_equal(auth_role_now(dev), role);
        for (unsigned n = 0; n < AUTH_GROUPS * AUTH_IDS * 4; n++) {
            uint16_t group = auth_groups[n / 4 / AUTH_IDS];
            uint8_t id = (uint8_t)(n / 4 % AUTH_IDS);
            uint8_t op = n & 1 ? DFU_SMP_WRITE : DFU_SMP_READ;

            if (auth_runs(dev, n & 2 ? 1 : 0, group, id, op) !=
                (role >= role_by_the_book(group, id, op))) {
                fail_msg("role %u, group %u, command %u, op %u", role, group, id, op);
            }
        }
        free(dev);
    }
}

static void what_is_open_to_everybody_needs_no_login(void **state)
{
    struct auth_device *dev = auth_new_device("A");

    (void)state;
    assert_false(auth_runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_READ));
    dev->config.open_role = DFU_ROLE_OBSERVE;
    assert_true(auth_runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_READ));
    assert_false(auth_runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_WRITE));
    assert_int_equal(auth_role_now(dev), DFU_ROLE_OBSERVE);
    free(dev);
}

static void rules_may_be_ones_own(void **state)
{
    static const struct dfu_smp_auth_rule own[] = {
        { 1000, 3, DFU_SMP_AUTH_WRITE, DFU_ROLE_NONE },
        { 1000, DFU_SMP_AUTH_ANY_ID, DFU_SMP_AUTH_WRITE, DFU_ROLE_OPERATE },
    };
    struct auth_device *dev = auth_new_device("A");

    (void)state;
    dev->config.rules = own;
    dev->config.rule_count = 2;
    assert_true(auth_runs(dev, 1, 1000, 3, DFU_SMP_WRITE));
    assert_false(auth_runs(dev, 1, 1000, 3, DFU_SMP_READ));
    assert_false(auth_runs(dev, 1, 1000, 4, DFU_SMP_WRITE));
    assert_int_equal(auth_log_in(dev, KEY_OPERATE, 0), 0);
    assert_true(auth_runs(dev, 1, 1000, 4, DFU_SMP_WRITE));
    assert_false(auth_runs(dev, 1, 0, 0, DFU_SMP_WRITE));
    free(dev);
}

static void a_reset_into_another_boot_mode_is_an_update(void **state)
{
    static const char frame[] = "0a 00 00 0c 00 00 07 05 a1 69 62 6f 6f 74 5f 6d 6f 64 65 01";
    struct auth_device *dev = auth_new_device("A");

    (void)state;
    assert_int_equal(auth_log_in(dev, KEY_OPERATE, 0), 0);
    assert_true(auth_runs(dev, 1, DFU_SMP_GROUP_OS, DFU_SMP_OS_RESET, DFU_SMP_WRITE));
    dev->runs = 0;
    smp_peer_receive_hex(&dev->peer, frame);
    assert_int_equal(dev->runs, 0);
    assert_int_equal(auth_log_in(dev, KEY_UPDATE, 0), 0);
    smp_peer_receive_hex(&dev->peer, frame);
    assert_int_equal(dev->runs, 1);
    free(dev);
}

/* ---- Keys ---- */

static void a_key_gives_its_role_or_a_lower_one_that_is_asked_for(void **state)
{
    (void)state;
    for (unsigned key = 0; key < KEYS; key++) {
        for (unsigned role = 0; role <= DFU_ROLE_UPDATE; role++) {
            struct auth_device *dev = auth_new_device("A");
            uint8_t has = key == KEY_STRANGER ? 0 : (uint8_t)(key + 1);
            bool is_good = has > 0 && role <= has;

            assert_int_equal(auth_log_in(dev, key, (uint8_t)role),
                             is_good ? 0 : DFU_SMP_AUTH_REFUSED);
            assert_int_equal(auth_role_now(dev), !is_good ? 0 : role ? role : has);
            free(dev);
        }
    }
}

static void every_byte_of_a_login_counts(void **state)
{
    struct auth_device *dev = auth_new_device("A");
    uint8_t frame[256];
    struct dfu_client_challenge challenge;
    int len;

    (void)state;
    assert_int_equal(auth_get_challenge(dev, &challenge), 0);
    len = auth_login_frame(&challenge, KEY_UPDATE, DFU_ROLE_UPDATE, frame, sizeof frame);
    for (int i = 8; i < len; i++) {
        uint8_t bad[256];

        auth_start(dev, 1);
        assert_int_equal(auth_get_challenge(dev, &challenge), 0); /* the same bytes again */
        memcpy(bad, frame, (size_t)len);
        bad[i] ^= 1;
        smp_peer_receive(&dev->peer, bad, (size_t)len);
        if (auth_role_now(dev) != DFU_ROLE_NONE) {
            fail_msg("byte %d may be anything", i);
        }
    }
    auth_start(dev, 1);
    assert_int_equal(auth_get_challenge(dev, &challenge), 0);
    assert_int_equal(auth_present(dev, frame, len), 0);
    assert_int_equal(auth_role_now(dev), DFU_ROLE_UPDATE);
    free(dev);
}

static void one_challenge_is_one_try(void **state)
{
    struct auth_device *dev = auth_new_device("A");
    struct dfu_client_challenge challenge;
    uint8_t wrong[256], right[256];
    int wrong_len, right_len;

    (void)state;
    assert_int_equal(auth_get_challenge(dev, &challenge), 0);
    wrong_len = auth_login_frame(&challenge, KEY_STRANGER, 0, wrong, sizeof wrong);
    right_len = auth_login_frame(&challenge, KEY_UPDATE, 0, right, sizeof right);
    assert_int_equal(auth_present(dev, wrong, wrong_len), DFU_SMP_AUTH_REFUSED);
    assert_int_equal(auth_present(dev, right, right_len), DFU_SMP_AUTH_NO_CHALLENGE);
    assert_int_equal(auth_role_now(dev), DFU_ROLE_NONE);
    free(dev);
}

static void a_challenge_asked_for_twice_is_the_same_until_it_is_used(void **state)
{
    struct auth_device *dev = auth_new_device("A");
    struct dfu_client_challenge one, two;

    (void)state;
    assert_int_equal(auth_get_challenge(dev, &one), 0);
    assert_int_equal(auth_get_challenge(dev, &two), 0);
    assert_memory_equal(one.challenge, two.challenge, sizeof one.challenge);
    assert_int_equal(auth_log_in(dev, KEY_UPDATE, 0), 0);
    assert_int_equal(auth_get_challenge(dev, &two), 0);
    assert_memory_not_equal(one.challenge, two.challenge, sizeof one.challenge);
    free(dev);
}

/* ---- Malformed ---- */

static void a_login_that_makes_no_sense_is_invalid(void **state)
{
    struct auth_device *dev = auth_new_device("A");
    struct dfu_client_challenge challenge;

    (void)state;
    assert_int_equal(auth_get_challenge(dev, &challenge), 0);
    smp_peer_write(&dev->peer, 66, 2, "", "bf 62 72 63 03 ff");
    smp_peer_write(&dev->peer, 66, 2, "a0", "bf 62 72 63 03 ff");
    smp_peer_write(&dev->peer, 66, 2, "a1 63 6b 65 79 40", "bf 62 72 63 03 ff");
    for (size_t len = DFU_SMP_AUTH_SIG_LEN - 1; len <= DFU_SMP_AUTH_SIG_LEN + 1; len += 2) {
        uint8_t frame[256] = { 0x0a, 0, 0, 0, 0, 66, 7, 2 };
        struct dfu_cbor_encoder enc;

        dfu_cbor_encoder_init(&enc, frame + 8, sizeof frame - 8, true);
        dfu_cbor_begin_map(&enc);
        dfu_cbor_pair_bytes(&enc, "key", auth_pairs[0].der + auth_pairs[0].der_len - 32, 32);
        dfu_cbor_pair_bytes(&enc, "sig", frame, len);
        dfu_cbor_end(&enc);
        frame[3] = (uint8_t)enc.len;
        smp_peer_receive(&dev->peer, frame, 8 + enc.len);
        assert_int_equal(dev->peer.answers[0].len, 14);
        assert_int_equal(dev->peer.answers[0].data[12], DFU_SMP_EINVAL);
    }
    assert_int_equal(auth_log_in(dev, KEY_UPDATE, 0), 0); /* the challenge was not used up */
    free(dev);
}

static void without_it_there_is_no_such_group(void **state)
{
    struct auth_device *dev = auth_new_device("A");

    (void)state;
    dev->peer.server.hooks = NULL;
    dev->peer.server.hook_count = 0;
    dev->peer.server.binding_count = AUTH_GROUPS;
    smp_peer_read(&dev->peer, 66, 1, "a0", "bf 62 72 63 08 ff");
    assert_true(auth_runs(dev, 0, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE));
    free(dev);
}

static void the_message_is_as_documented(void **state)
{
    uint8_t challenge[32], key[32], out[DFU_SMP_AUTH_MESSAGE_MAX];
    const struct dfu_smp_auth_statement statement = { .challenge = challenge,
                                                      .device = (const uint8_t *)"id",
                                                      .device_len = 2,
                                                      .key = key,
                                                      .role = DFU_ROLE_OPERATE };

    (void)state;
    memset(challenge, 0xcc, sizeof challenge);
    memset(key, 0xdd, sizeof key);
    assert_int_equal(dfu_smp_auth_message(&statement, out), DFU_SMP_AUTH_MESSAGE_MAX);
    assert_memory_equal(out, "dfukit SMP login 1\0\2id\0\0", 24);
    assert_int_equal(out[51], 0);
    assert_memory_equal(out + 52, challenge, 32);
    assert_int_equal(out[84], DFU_ROLE_OPERATE);
    assert_memory_equal(out + 85, key, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_may_run_exactly_what_the_table_gives_it),
        cmocka_unit_test(what_is_open_to_everybody_needs_no_login),
        cmocka_unit_test(rules_may_be_ones_own),
        cmocka_unit_test(a_reset_into_another_boot_mode_is_an_update),
        cmocka_unit_test(a_key_gives_its_role_or_a_lower_one_that_is_asked_for),
        cmocka_unit_test(every_byte_of_a_login_counts),
        cmocka_unit_test(one_challenge_is_one_try),
        cmocka_unit_test(a_challenge_asked_for_twice_is_the_same_until_it_is_used),
        cmocka_unit_test(a_login_that_makes_no_sense_is_invalid),
        cmocka_unit_test(without_it_there_is_no_such_group),
        cmocka_unit_test(the_message_is_as_documented),
    };

    return cmocka_run_group_tests(tests, auth_make_keys, auth_free_keys);
}
