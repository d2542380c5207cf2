/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Roles: whose they are, how long, and how many have room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth_world.h"
#include "dfu/err.h"

/* ---- Peers and time ---- */

static void a_role_belongs_to_one_peer_of_one_link(void **state)
{
    struct auth_device *dev = auth_new_device("A");

    (void)state;
    assert_int_equal(auth_log_in(dev, KEY_UPDATE, 0), 0);
    auth_speak_as(dev, "mallory");
    assert_int_equal(auth_role_now(dev), DFU_ROLE_NONE);
    assert_false(auth_runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE));
    auth_speak_as(dev, "alic");
    assert_int_equal(auth_role_now(dev), DFU_ROLE_NONE);
    auth_speak_as(dev, "alice");
    dev->other = dev->peer.link;
    assert_int_equal(dfu_smp_auth_role(&dev->auth, &dev->other), DFU_ROLE_NONE);
    assert_int_equal(auth_role_now(dev), DFU_ROLE_UPDATE);
    free(dev);
}

static void another_peer_can_not_answer_a_challenge(void **state)
{
    struct auth_device *dev = auth_new_device("A");
    struct dfu_client_challenge other;
    uint8_t frame[256];
    int len;

    (void)state;
    len = auth_answered_challenge(dev, frame, sizeof frame);
    auth_speak_as(dev, "mallory");
    assert_int_equal(auth_present(dev, frame, len), DFU_SMP_AUTH_NO_CHALLENGE);
    assert_int_equal(auth_get_challenge(dev, &other), 0);
    assert_int_equal(auth_present(dev, frame, len), DFU_SMP_AUTH_REFUSED);
    auth_speak_as(dev, "alice");
    assert_int_equal(auth_present(dev, frame, len), 0);
    free(dev);
}

static void silence_age_and_logout_end_a_role(void **state)
{
    struct auth_device *dev = auth_new_device("A");

    (void)state;
    assert_int_equal(auth_log_in(dev, KEY_UPDATE, 0), 0);
    dev->now_ms += DFU_SMP_AUTH_IDLE_MS - 1;
    assert_true(auth_runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE));
    dev->now_ms += DFU_SMP_AUTH_IDLE_MS - 1;
    assert_int_equal(auth_role_now(dev), DFU_ROLE_UPDATE);
    dev->now_ms += DFU_SMP_AUTH_IDLE_MS;
    assert_int_equal(auth_role_now(dev), DFU_ROLE_NONE);

    dev->config.open_role = DFU_ROLE_OBSERVE;
    assert_int_equal(auth_log_in(dev, KEY_UPDATE, 0), 0);
    dev->now_ms += DFU_SMP_AUTH_IDLE_MS - 1;
    assert_true(auth_runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_READ));
    dev->now_ms += 1; /* what everybody may do prolongs nothing */
    assert_false(auth_runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE));

    assert_int_equal(auth_log_in(dev, KEY_UPDATE, 0), 0);
    for (uint64_t ms = 0; ms + 50000 < DFU_SMP_AUTH_LIFE_MS; ms += 50000) {
        dev->now_ms += 50000;
        assert_true(auth_runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE));
    }
    dev->now_ms += 50000;
    assert_false(auth_runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE));

    assert_int_equal(auth_log_in(dev, KEY_UPDATE, 0), 0);
    smp_peer_write(&dev->peer, DFU_SMP_GROUP_AUTH, DFU_SMP_AUTH_LOGOUT, "a0", "bf ff");
    assert_int_equal(auth_role_now(dev), DFU_ROLE_OBSERVE);
    free(dev);
}

static void a_challenge_grows_old(void **state)
{
    struct auth_device *dev = auth_new_device("A");
    uint8_t frame[256];
    int len;

    (void)state;
    len = auth_answered_challenge(dev, frame, sizeof frame);
    dev->now_ms += DFU_SMP_AUTH_CHALLENGE_MS;
    assert_int_equal(auth_present(dev, frame, len), DFU_SMP_AUTH_NO_CHALLENGE);
    free(dev);
}

static void strangers_take_no_place_of_somebody_who_is_logged_in(void **state)
{
    struct auth_device *dev = auth_new_device("A");
    struct dfu_client_challenge challenge;

    (void)state;
    assert_int_equal(auth_log_in(dev, KEY_UPDATE, 0), 0);
    for (int c = 'a'; c <= 'z'; c++) {
        const char name[] = { (char)c, 0 };

        auth_speak_as(dev, name);
        dev->now_ms++;
        assert_int_equal(auth_get_challenge(dev, &challenge), 0);
    }
    auth_speak_as(dev, "bob");
    assert_int_equal(auth_log_in(dev, KEY_OPERATE, 0), 0);
    auth_speak_as(dev, "carol");
    assert_int_equal(auth_log_in(dev, KEY_OBSERVE, 0), 0);
    auth_speak_as(dev, "dave");
    assert_int_equal(auth_get_challenge(dev, &challenge), DFU_SMP_AUTH_BUSY);
    auth_speak_as(dev, "alice");
    assert_int_equal(auth_role_now(dev), DFU_ROLE_UPDATE);
    free(dev);
}

static void a_peer_whose_name_is_too_long_to_keep_is_turned_away(void **state)
{
    static const uint8_t name[DFU_SMP_AUTH_PEER_MAX + 1];
    struct auth_device *dev = auth_new_device("A");
    struct dfu_client_challenge challenge;

    (void)state;
    dev->peer.link.peer = name;
    dev->peer.link.peer_len = sizeof name;
    assert_int_equal(auth_get_challenge(dev, &challenge), DFU_SMP_AUTH_BUSY);
    dev->peer.link.peer_len--;
    assert_int_equal(auth_log_in(dev, KEY_UPDATE, 0), 0);
    free(dev);
}

static void two_devices_share_nothing(void **state)
{
    struct auth_device *a = auth_new_device("A"), *b = auth_new_device("B");

    (void)state;
    assert_int_equal(auth_log_in(a, KEY_UPDATE, 0), 0);
    assert_int_equal(auth_role_now(b), DFU_ROLE_NONE);
    assert_int_equal(auth_log_in(b, KEY_OBSERVE, 0), 0);
    assert_int_equal(auth_role_now(a), DFU_ROLE_UPDATE);
    assert_int_equal(auth_role_now(b), DFU_ROLE_OBSERVE);
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_role_belongs_to_one_peer_of_one_link),
        cmocka_unit_test(another_peer_can_not_answer_a_challenge),
        cmocka_unit_test(silence_age_and_logout_end_a_role),
        cmocka_unit_test(a_challenge_grows_old),
        cmocka_unit_test(strangers_take_no_place_of_somebody_who_is_logged_in),
        cmocka_unit_test(a_peer_whose_name_is_too_long_to_keep_is_turned_away),
        cmocka_unit_test(two_devices_share_nothing),
    };

    return cmocka_run_group_tests(tests, auth_make_keys, auth_free_keys);
}
