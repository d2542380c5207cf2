/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Updates through the configuration channel beside updates over SMP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config_world.h"
#include "dfu/update.h"

static struct reply smp_chunk(uint32_t off, uint32_t step)
{
    struct chunk chunk = CHUNK_NONE;

    chunk.off = off;
    chunk.len = off == 0 ? (int64_t)config_image.size : -1;
    chunk.data = config_image.data + off;
    chunk.data_len = step;
    dfu_smp_lock_poll(&config_world.guard, config_world.now_ms);
    return world_chunk(&config_world.img, &chunk);
}

static void while_the_channel_updates_smp_is_refused_and_writes_nothing(void **state)
{
    struct reply reply;
    uint32_t offset, ops;

    (void)state;
    assert_true(config_begin(&config_world, &config_image, &offset));
    config_send(&config_world, &config_image, 0, 1024);
    ops = config_world.img.nor->flash.ops;
    reply = smp_chunk(0, 200);
    assert_int_equal(reply.rc, DFU_SMP_EACCESSDENIED);
    assert_int_equal(world_erase(&config_world.img, -1).rc, DFU_SMP_EACCESSDENIED);
    assert_int_equal(world_set_state(&config_world.img, NULL, 0, true).rc, DFU_SMP_EACCESSDENIED);
    assert_int_equal(config_world.img.nor->flash.ops, ops);
    assert_string_not_equal(world_flags(&config_world.img, 0, 0), "absent"); /* lists pass */
    config_send(&config_world, &config_image, 1024, config_image.size);
    assert_slot_holds(&config_world.img, 0, 1, &config_image);
}

static void while_smp_uploads_the_channel_only_says_so(void **state)
{
    uint8_t out[DFU_CONFIG_DATA_MAX];
    uint32_t ops;

    (void)state;
    assert_int_equal(smp_chunk(0, 200).off, 200);
    ops = config_world.img.nor->flash.ops;
    config_start(&config_world, config_image.size, config_checksum(&config_image), 0);
    assert_int_equal(config_world.events[DFU_CONFIG_DFU_EVENT_OTHER], 1);
    config_data(&config_world, config_image.data, 25);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_ACTIVE_OTHER);
    assert_int_equal(
        config_transact(&config_world, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_REBOOT, NULL, 0, out), 1);
    assert_int_equal(out[0], 0);
    config_pass(&config_world, 300);
    assert_int_equal(config_world.reboots, 0);
    assert_int_equal(config_world.img.nor->flash.ops, ops);
    assert_int_equal(smp_chunk(200, 200).off, 400);
}

static void asking_the_channel_does_not_disturb_a_pausing_upload(void **state)
{
    (void)state;
    assert_int_equal(smp_chunk(0, 200).off, 200);
    config_pass(&config_world, DFU_SMP_LOCK_TIMEOUT_MS + 1);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_INACTIVE);
    assert_int_equal(smp_chunk(200, 200).off, 400); /* nobody else came: it goes on */
}

static void after_five_seconds_the_channel_takes_over_and_smp_starts_from_zero(void **state)
{
    (void)state;
    assert_int_equal(smp_chunk(0, 200).off, 200);
    config_pass(&config_world, DFU_SMP_LOCK_TIMEOUT_MS - 1);
    config_start(&config_world, config_image.size, config_checksum(&config_image), 0);
    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_ACTIVE_OTHER);
    config_pass(&config_world, 1);
    assert_true(config_transfer(&config_world, &config_image));
    assert_slot_holds(&config_world.img, 0, 1, &config_image);
    assert_int_equal(smp_chunk(200, 200).off, 0);
}

static void after_five_seconds_smp_takes_over_and_the_channel_starts_from_zero(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(config_begin(&config_world, &config_image, &offset));
    config_send(&config_world, &config_image, 0, 1024);
    config_pass(&config_world, DFU_CONFIG_DFU_TIMEOUT_MS);
    assert_int_equal(smp_chunk(0, 200).off, 200);
    config_pass(&config_world, DFU_SMP_LOCK_TIMEOUT_MS + 1);
    assert_true(config_begin(&config_world, &config_image, &offset));
    assert_int_equal(offset, 0); /* though its length and checksum were remembered */
    config_send(&config_world, &config_image, 0, config_image.size);
    assert_slot_holds(&config_world.img, 0, 1, &config_image);
}

/* Either side begins, gets to one of several points and stops or does not; the other tries, waits
 * and finishes. The slot must end with one whole image of whoever finished. */
static void every_interleaving_ends_with_one_whole_image(void **state)
{
    static const uint32_t points[] = { 0, 256, 512, 4096, 9984 };
    static const uint64_t pauses[] = { 0, 4000, 5000, 60000 };

    (void)state;
    for (size_t p = 0; p < sizeof points / sizeof points[0]; p++) {
        for (size_t q = 0; q < sizeof pauses / sizeof pauses[0]; q++) {
            for (int channel_first = 0; channel_first < 2; channel_first++) {
                bool is_free = pauses[q] >= 5000 || (points[p] == 0 && !channel_first);
                uint32_t offset;

                config_free(NULL);
                config_fresh(NULL);
                if (channel_first) {
                    assert_true(config_begin(&config_world, &config_image, &offset));
                    config_send(&config_world, &config_image, 0, points[p]);
                } else {
                    for (uint32_t at = 0; at < points[p]; at += 128) {
                        assert_int_equal(smp_chunk(at, 128).off, at + 128);
                    }
                }
                config_pass(&config_world, pauses[q]);
                if (channel_first) {
                    struct reply reply = smp_chunk(0, 128);

                    if (!is_free) {
                        assert_int_equal(reply.rc, DFU_SMP_EACCESSDENIED);
                        config_send(&config_world, &config_image, points[p], config_image.size);
                    } else {
                        assert_int_equal(reply.off, 128);
                        assert_int_equal(
                            world_upload(&config_world.img, &config_image, 128, 128, false).off,
                            config_image.size);
                    }
                } else if (is_free) {
                    assert_true(config_transfer(&config_world, &config_image));
                } else {
                    config_start(&config_world, config_image.size, config_checksum(&config_image),
                                 0);
                    assert_int_equal(config_sync(&config_world).state, DFU_CONFIG_DFU_ACTIVE_OTHER);
                    assert_int_equal(
                        world_upload(&config_world.img, &config_image, points[p], 128, false).off,
                        config_image.size);
                }
                assert_slot_holds(&config_world.img, 0, 1, &config_image);
            }
        }
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, config_fresh, config_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(while_the_channel_updates_smp_is_refused_and_writes_nothing),
        test(while_smp_uploads_the_channel_only_says_so),
        test(asking_the_channel_does_not_disturb_a_pausing_upload),
        test(after_five_seconds_the_channel_takes_over_and_smp_starts_from_zero),
        test(after_five_seconds_smp_takes_over_and_the_channel_starts_from_zero),
        test(every_interleaving_ends_with_one_whole_image),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
