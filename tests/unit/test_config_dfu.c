/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Updates through the configuration channel, alone and beside SMP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "dfu/config_dfu.h"
#include "dfu/err.h"
#include "dfu/smp_lock.h"
#include "dfu/update.h"
#include "hex.h"
#include "img_world.h"

#define SECTORS 8u
#define BUF     256u
#define MODULE  0x00u /* the only one: its number in the event's high nibble */

struct world {
    struct img_world img;
    struct dfu_lock lock;
    struct dfu_smp_lock guard;
    struct dfu_smp_hook hooks[2];
    struct dfu_config_dfu dfu;
    struct dfu_config_binding binding;
    struct dfu_config_channel channel;
    uint8_t buf[BUF];
    unsigned reboots, events[16];
    uint64_t now_ms;
};

static struct world world;
static struct test_image image;

static void note_reboot(void *ctx)
{
    struct world *w = ctx;

    w->reboots++;
}

static void note_event(void *ctx, enum dfu_config_dfu_event event)
{
    struct world *w = ctx;

    w->events[event]++;
    assert_non_null(dfu_config_dfu_event_text(event));
}

static void attach(struct world *w)
{
    w->dfu = (struct dfu_config_dfu){ .map = &w->img.map,
                                      .lock = &w->lock,
                                      .buf = w->buf,
                                      .buf_size = BUF,
                                      .vendor = 0x1915,
                                      .product = 0x52de,
                                      .generation = "gen1",
                                      .reboot = note_reboot,
                                      .event = note_event,
                                      .ctx = w };
    assert_int_equal(dfu_config_dfu_init(&w->dfu), 0);
    w->binding = (struct dfu_config_binding){ &dfu_config_dfu_module, &w->dfu };
    w->channel =
        (struct dfu_config_channel){ .bindings = &w->binding, .binding_count = 1, .board = "sim" };
}

static void new_world(uint8_t write_size, uint32_t image_size)
{
    memset(&world, 0, sizeof world);
    world_init(&world.img, 1, SECTORS, write_size);
    dfu_smp_lock_init(&world.guard, &world.lock, &world.img.img);
    world.hooks[0] = dfu_smp_lock_hook(&world.guard);
    world.hooks[1] = world.img.hook;
    world.img.peer.server.hooks = world.hooks;
    world.img.peer.server.hook_count = 2;
    attach(&world);
    image = image_make((struct dfu_image_version){ .major = 1 }, 2000);
    world_program(&world.img, 0, 0, &image);
    image_free(&image);
    image = image_make((struct dfu_image_version){ .major = 2 }, image_size);
}

static int fresh_world(void **state)
{
    (void)state;
    new_world(4, 10001);
    return 0;
}

static int free_world(void **state)
{
    (void)state;
    world_free(&world.img);
    image_free(&image);
    return 0;
}

/* ---- The host ---- */

struct sync {
    uint8_t state;
    uint32_t length, checksum, offset;
    uint16_t buf_size;
};

static void pass_ms(struct world *w, uint64_t ms)
{
    uint64_t until = w->now_ms + ms;

    while (w->now_ms < until) {
        w->now_ms++;
        dfu_config_dfu_poll(&w->dfu, w->now_ms);
        dfu_smp_lock_poll(&w->guard, w->now_ms);
    }
}

static size_t transact(struct world *w, uint8_t op, uint8_t option, const void *data, size_t len,
                       uint8_t out[DFU_CONFIG_DATA_MAX])
{
    uint8_t report[DFU_CONFIG_REPORT_SIZE] = { 6, 0, (uint8_t)(MODULE | (option + 1)), op,
                                               (uint8_t)len };

    if (len > 0) {
        memcpy(report + 5, data, len);
    }
    dfu_config_dfu_poll(&w->dfu, w->now_ms);
    assert_int_equal(dfu_config_channel_set_report(&w->channel, report, sizeof report, w->now_ms),
                     0);
    dfu_config_channel_get_report(&w->channel, report);
    assert_int_equal(report[3], DFU_CONFIG_SUCCESS);
    memcpy(out, report + 5, report[4]);
    return report[4];
}

static void send_start(struct world *w, uint32_t length, uint32_t checksum, uint32_t offset)
{
    uint8_t data[12], out[DFU_CONFIG_DATA_MAX];

    put_le32(data, length);
    put_le32(data + 4, checksum);
    put_le32(data + 8, offset);
    transact(w, DFU_CONFIG_SET, DFU_CONFIG_DFU_START, data, sizeof data, out);
}

static void send_data(struct world *w, const uint8_t *data, size_t len)
{
    uint8_t out[DFU_CONFIG_DATA_MAX];

    transact(w, DFU_CONFIG_SET, DFU_CONFIG_DFU_DATA, data, len, out);
}

static struct sync get_sync(struct world *w)
{
    uint8_t out[DFU_CONFIG_DATA_MAX];

    assert_int_equal(transact(w, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_SYNC, NULL, 0, out), 15);
    return (struct sync){ out[0], get_le32(out + 1), get_le32(out + 5), get_le32(out + 9),
                          get_le16(out + 13) };
}

static uint32_t checksum_of(const struct test_image *file)
{
    return dfu_crc32(1, file->data, file->size);
}

/* As the field's host does: until the device has taken the start. False: it never does. */
static bool begin(struct world *w, const struct test_image *file, uint32_t *offset)
{
    for (int tries = 0; tries < 100; tries++) {
        struct sync sync = get_sync(w);

        if (sync.state != DFU_CONFIG_DFU_INACTIVE) {
            pass_ms(w, 1000);
            continue;
        }
        *offset = sync.length == file->size && sync.checksum == checksum_of(file) ? sync.offset : 0;
        send_start(w, file->size, checksum_of(file), *offset);
        sync = get_sync(w);
        if (sync.state == DFU_CONFIG_DFU_ACTIVE || sync.state == DFU_CONFIG_DFU_STORING) {
            return true;
        }
    }
    return false;
}

/* Send up to end, in chunks that never cross a buffer's border. */
static void send_up_to(struct world *w, const struct test_image *file, uint32_t offset,
                       uint32_t end)
{
    while (offset < end) {
        uint32_t border = min_u32(offset + BUF, end);

        for (uint32_t at = offset; at < border;) {
            uint32_t n = min_u32(DFU_CONFIG_DATA_MAX, border - at);

            send_data(w, file->data + at, n);
            at += n;
        }
        offset = border;
        while (get_sync(w).state == DFU_CONFIG_DFU_STORING) {
            pass_ms(w, 300);
        }
    }
}

/* The whole of it, but for the reboot. */
static bool transfer(struct world *w, const struct test_image *file)
{
    uint32_t offset;
    struct sync sync;

    if (!begin(w, file, &offset)) {
        return false;
    }
    send_up_to(w, file, offset, file->size);
    sync = get_sync(w);
    return sync.state == DFU_CONFIG_DFU_INACTIVE && sync.offset == file->size;
}

static const struct dfu_area *secondary(const struct world *w)
{
    return world_slot(&w->img, 0, 1);
}

/* ---- Alone ---- */

static void an_image_is_stored_and_asked_for(void **state)
{
    (void)state;
    assert_true(transfer(&world, &image));
    assert_slot_holds(&world.img, 0, 1, &image);
    assert_int_equal(dfu_mcuboot_swap_type(&world.img.map, 0), DFU_SWAP_TEST);
    assert_int_equal(world.events[DFU_CONFIG_DFU_EVENT_COMPLETE], 1);
    assert_null(dfu_lock_owner_get(&world.lock));
}

static void every_write_size_takes_images_of_any_length(void **state)
{
    static const uint8_t write_sizes[] = { 1, 2, 4, 8, 16, 32 };

    (void)state;
    for (size_t i = 0; i < sizeof write_sizes; i++) {
        for (uint32_t size = 3000; size < 3000 + 33; size += 4) {
            free_world(NULL);
            new_world(write_sizes[i], size);
            assert_true(transfer(&world, &image));
            assert_slot_holds(&world.img, 0, 1, &image);
            assert_int_equal(world.img.nor->flash.double_programs, 0);
        }
    }
}

static void what_lay_in_the_slot_is_erased_first_and_only_then(void **state)
{
    struct test_image old = image_make((struct dfu_image_version){ .major = 1 }, 9000);

    (void)state;
    world_program(&world.img, 0, 1, &old);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_INACTIVE);
    pass_ms(&world, 100);
    assert_slot_holds(&world.img, 0, 1, &old); /* starting the device erases nothing */
    send_start(&world, image.size, checksum_of(&image), 0);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_CLEANING);
    assert_non_null(dfu_lock_owner_get(&world.lock));
    pass_ms(&world, SECTORS + 1);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_INACTIVE);
    assert_int_equal(dfu_area_is_erased(secondary(&world), 0, secondary(&world)->size), 1);
    assert_int_equal(world.events[DFU_CONFIG_DFU_EVENT_CLEAN], 1);
    assert_null(dfu_lock_owner_get(&world.lock));
    assert_int_equal(world.img.nor->flash.erases, 3); /* of the sectors that held something */
    assert_true(transfer(&world, &image));
    image_free(&old);
}

static void a_start_during_the_erase_does_not_delay_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= SECTORS + 1; i++) {
        send_start(&world, image.size, checksum_of(&image), 0);
        pass_ms(&world, 1);
    }
    assert_int_equal(world.events[DFU_CONFIG_DFU_EVENT_CLEAN], 1);
}

static void only_the_same_image_is_gone_on_with(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(begin(&world, &image, &offset));
    send_up_to(&world, &image, 0, 4096);
    pass_ms(&world, DFU_CONFIG_DFU_TIMEOUT_MS);
    send_start(&world, image.size, checksum_of(&image) + 1, 4096);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_INACTIVE);
    send_start(&world, image.size + 1, checksum_of(&image), 4096);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_INACTIVE);
    send_start(&world, image.size, checksum_of(&image), 4092);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_INACTIVE);
    send_start(&world, image.size, checksum_of(&image), 4096);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_ACTIVE);
}

static void data_and_storing_keep_the_update_alive(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(begin(&world, &image, &offset));
    send_data(&world, image.data, 1);
    pass_ms(&world, DFU_CONFIG_DFU_TIMEOUT_MS - 1);
    send_data(&world, image.data + 1, 1);
    pass_ms(&world, DFU_CONFIG_DFU_TIMEOUT_MS - 1);
    send_data(&world, image.data + 2, 6);
    get_sync(&world);
    for (unsigned i = 0; i < 2 * DFU_CONFIG_DFU_TIMEOUT_MS / DFU_CONFIG_DFU_STORE_MS; i++) {
        dfu_config_dfu_note_use(&world.dfu);
        pass_ms(&world, DFU_CONFIG_DFU_STORE_MS);
    }
    assert_int_equal(world.events[DFU_CONFIG_DFU_EVENT_TIMED_OUT], 0);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_STORING);
}

static void a_broken_off_update_goes_on_where_it_was(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(begin(&world, &image, &offset));
    send_up_to(&world, &image, 0, 4096);
    pass_ms(&world, DFU_CONFIG_DFU_TIMEOUT_MS);
    assert_int_equal(world.events[DFU_CONFIG_DFU_EVENT_TIMED_OUT], 1);
    assert_null(dfu_lock_owner_get(&world.lock));
    assert_true(begin(&world, &image, &offset));
    assert_int_equal(offset, 4096);
    send_up_to(&world, &image, offset, image.size);
    assert_int_equal(get_sync(&world).offset, image.size);
    assert_slot_holds(&world.img, 0, 1, &image);
    assert_int_equal(dfu_mcuboot_swap_type(&world.img.map, 0), DFU_SWAP_TEST);
}

static void another_image_starts_over_in_a_clean_slot(void **state)
{
    struct test_image other = image_make((struct dfu_image_version){ .major = 3 }, 7000);
    uint32_t offset;

    (void)state;
    assert_true(begin(&world, &image, &offset));
    send_up_to(&world, &image, 0, 4096);
    pass_ms(&world, DFU_CONFIG_DFU_TIMEOUT_MS);
    assert_true(transfer(&world, &other));
    assert_slot_holds(&world.img, 0, 1, &other);
    assert_true(transfer(&world, &image)); /* and the same once one was complete */
    assert_slot_holds(&world.img, 0, 1, &image);
    image_free(&other);
}

static void bytes_that_fill_no_unit_wait_for_the_next(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(begin(&world, &image, &offset));
    send_data(&world, image.data, 3);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_ACTIVE);
    assert_int_equal(get_sync(&world).offset, 3);
    send_data(&world, image.data + 3, 6);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_STORING);
    pass_ms(&world, 10);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_ACTIVE);
    assert_int_equal(get_sync(&world).offset, 9);
    pass_ms(&world, DFU_CONFIG_DFU_TIMEOUT_MS);
    assert_int_equal(get_sync(&world).offset, 8); /* the ninth is gone with the buffer */
    assert_true(transfer(&world, &image));
    assert_slot_holds(&world.img, 0, 1, &image);
}

static void a_wrong_checksum_is_not_asked_for_unless_it_does_not_matter(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(begin(&world, &image, &offset));
    image.data[500] ^= 1;
    send_up_to(&world, &image, 0, image.size);
    assert_int_equal(world.events[DFU_CONFIG_DFU_EVENT_BAD_CHECKSUM], 1);
    assert_int_equal(dfu_mcuboot_swap_type(&world.img.map, 0), DFU_SWAP_NONE);
    assert_int_equal(get_sync(&world).offset, 0);

    image.data[500] ^= 1;
    assert_true(begin(&world, &image, &offset));
    world.dfu.keep_any = true;
    image.data[500] ^= 1;
    send_up_to(&world, &image, 0, image.size);
    assert_int_equal(dfu_mcuboot_swap_type(&world.img.map, 0), DFU_SWAP_TEST);
}

static void starts_that_make_no_sense_are_ignored(void **state)
{
    uint8_t data[12] = { 0xe8, 0x03 }, out[DFU_CONFIG_DATA_MAX];
    uint32_t offset;

    (void)state;
    transact(&world, DFU_CONFIG_SET, DFU_CONFIG_DFU_START, data, sizeof data - 1, out);
    send_start(&world, 0, 1, 0);
    send_start(&world, secondary(&world)->size, 1, 0); /* no room for a trailer */
    send_start(&world, UINT32_MAX, 1, 0);
    send_start(&world, 1000, 1, 4);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_INACTIVE);
    assert_null(dfu_lock_owner_get(&world.lock));

    assert_true(begin(&world, &image, &offset));
    send_up_to(&world, &image, 0, 512);
    send_data(&world, image.data + 512, 5);
    send_start(&world, 999, 9, 0); /* one runs: nothing of it may change */
    assert_int_equal(get_sync(&world).length, image.size);
    send_data(&world, image.data + 517, 20);
    pass_ms(&world, 20);
    send_up_to(&world, &image, 537, 768);
    send_up_to(&world, &image, 768, image.size);
    assert_slot_holds(&world.img, 0, 1, &image);
}

static void data_beyond_buffer_or_image_is_cut(void **state)
{
    uint32_t offset;

    (void)state;
    send_data(&world, image.data, 5); /* nothing runs */
    assert_int_equal(world.img.nor->flash.ops, 0);
    assert_true(begin(&world, &image, &offset));
    for (uint32_t at = 0; at <= BUF; at += 25) {
        send_data(&world, image.data + at, 25);
    }
    assert_int_equal(world.events[DFU_CONFIG_DFU_EVENT_TRUNCATED], 1);
    while (get_sync(&world).state == DFU_CONFIG_DFU_STORING) {
        pass_ms(&world, 50);
    }
    assert_int_equal(get_sync(&world).offset, BUF);
    send_up_to(&world, &image, BUF, image.size - 1);
    send_data(&world, image.data + image.size - 1, 1);
    send_data(&world, image.data, 25);
    assert_int_equal(world.events[DFU_CONFIG_DFU_EVENT_TRUNCATED], 2);
    while (get_sync(&world).state == DFU_CONFIG_DFU_STORING) {
        pass_ms(&world, 50);
    }
    assert_slot_holds(&world.img, 0, 1, &image);
}

static void empty_data_ends_the_update(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(begin(&world, &image, &offset));
    send_data(&world, image.data, 0);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_INACTIVE);
    assert_null(dfu_lock_owner_get(&world.lock));
}

static void work_waits_while_the_device_is_in_use(void **state)
{
    uint32_t offset, ops;

    (void)state;
    assert_true(begin(&world, &image, &offset));
    send_data(&world, image.data, 25);
    get_sync(&world);
    ops = world.img.nor->flash.ops;
    for (int i = 0; i < 200; i++) {
        dfu_config_dfu_note_use(&world.dfu);
        pass_ms(&world, DFU_CONFIG_DFU_STORE_MS);
    }
    assert_int_equal(world.img.nor->flash.ops, ops);
    pass_ms(&world, 4 * DFU_CONFIG_DFU_STORE_MS);
    assert_true(world.img.nor->flash.ops > ops);

    send_data(&world, NULL, 0);
    send_start(&world, image.size, checksum_of(&image), 0);
    ops = world.img.nor->flash.ops;
    dfu_config_dfu_note_use(&world.dfu);
    pass_ms(&world, DFU_CONFIG_DFU_ERASE_RETRY_MS - 1);
    assert_int_equal(world.img.nor->flash.ops, ops);
    pass_ms(&world, SECTORS + 2);
    assert_int_equal(world.events[DFU_CONFIG_DFU_EVENT_CLEAN], 2);
}

static void flash_that_fails_ends_the_update_and_the_next_start_tries_again(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(begin(&world, &image, &offset));
    dfu_sim_flash_cut(&world.img.nor->flash, DFU_SIM_CUT_BEFORE, world.img.nor->flash.ops + 1, 0);
    send_data(&world, image.data, 25);
    get_sync(&world);
    pass_ms(&world, 10);
    assert_int_equal(world.events[DFU_CONFIG_DFU_EVENT_FLASH_FAILED], 1);
    assert_int_equal(get_sync(&world).length, 0); /* what lies in the slot is not known */
    send_start(&world, image.size, checksum_of(&image), 0);
    pass_ms(&world, 10);
    assert_int_equal(world.events[DFU_CONFIG_DFU_EVENT_FLASH_FAILED], 2);
    assert_null(dfu_lock_owner_get(&world.lock));
    dfu_sim_flash_power_on(&world.img.nor->flash);
    assert_true(transfer(&world, &image));
    assert_slot_holds(&world.img, 0, 1, &image);
}

static void the_device_restarts_a_quarter_second_after_it_said_so(void **state)
{
    uint8_t out[DFU_CONFIG_DATA_MAX];
    uint32_t offset;

    (void)state;
    assert_true(begin(&world, &image, &offset));
    assert_int_equal(transact(&world, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_REBOOT, NULL, 0, out), 1);
    assert_int_equal(out[0], 1);
    assert_false(world.dfu.is_running);
    assert_non_null(dfu_lock_owner_get(&world.lock)); /* nobody starts anything now */
    assert_int_equal(dfu_config_dfu_due_ms(&world.dfu), world.now_ms + DFU_CONFIG_DFU_REBOOT_MS);
    pass_ms(&world, DFU_CONFIG_DFU_REBOOT_MS - 1);
    assert_int_equal(world.reboots, 0);
    pass_ms(&world, 1);
    assert_int_equal(world.reboots, 1);
}

static void firmware_and_device_are_told(void **state)
{
    uint8_t out[DFU_CONFIG_DATA_MAX];
    size_t len;

    (void)state;
    assert_int_equal(transact(&world, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_FWINFO, NULL, 0, out), 13);
    assert_int_equal(out[0], 0);
    assert_int_equal(out[5], 1); /* the version that runs: 1.0.0 */
    len = transact(&world, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_VARIANT, NULL, 0, out);
    assert_hex(out, len, "4d 43 55 42 4f 4f 54");
    world.img.map.mode = DFU_MODE_DIRECT_XIP;
    len = transact(&world, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_VARIANT, NULL, 0, out);
    assert_hex(out, len, "4d 43 55 42 4f 4f 54 2b 58 49 50");
    len = transact(&world, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_DEVINFO, NULL, 0, out);
    assert_hex(out, len, "15 19 de 52 67 65 6e 31");
    world.dfu.active = 1;
    assert_int_equal(transact(&world, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_FWINFO, NULL, 0, out), 0);
}

static void the_worked_examples_are_followed_to_the_byte(void **state)
{
    uint8_t report[DFU_CONFIG_REPORT_SIZE];
    uint8_t content[512] = { 0 };
    struct test_image zeros = { .data = content, .size = 1024 };

    (void)state;
    for (int i = 0; i < 2; i++) { /* the first erases */
        hex_bytes("06 00 01 06 0c 00 04 00 00 65 2d 8f dc 00 00 00 00", report, sizeof report);
        assert_int_equal(dfu_config_channel_set_report(&world.channel, report, 17, world.now_ms),
                         0);
        pass_ms(&world, 20);
    }
    send_up_to(&world, &zeros, 0, 256);
    send_up_to(&world, &zeros, 256, 512);
    hex_bytes("06 00 03 07 00", report, sizeof report);
    assert_int_equal(dfu_config_channel_set_report(&world.channel, report, 5, world.now_ms), 0);
    dfu_config_channel_get_report(&world.channel, report);
    assert_hex(report, 20, "06 00 03 08 0f 01 00 04 00 00 65 2d 8f dc 00 02 00 00 00 01");
}

/* ---- Beside SMP ---- */

static struct reply smp_chunk(uint32_t off, uint32_t step)
{
    struct chunk chunk = CHUNK_NONE;

    chunk.off = off;
    chunk.len = off == 0 ? (int64_t)image.size : -1;
    chunk.data = image.data + off;
    chunk.data_len = step;
    dfu_smp_lock_poll(&world.guard, world.now_ms);
    return world_chunk(&world.img, &chunk);
}

static void while_the_channel_updates_smp_is_refused_and_writes_nothing(void **state)
{
    struct reply reply;
    uint32_t offset, ops;

    (void)state;
    assert_true(begin(&world, &image, &offset));
    send_up_to(&world, &image, 0, 1024);
    ops = world.img.nor->flash.ops;
    reply = smp_chunk(0, 200);
    assert_int_equal(reply.rc, DFU_SMP_EACCESSDENIED);
    assert_int_equal(world_erase(&world.img, -1).rc, DFU_SMP_EACCESSDENIED);
    assert_int_equal(world_set_state(&world.img, NULL, 0, true).rc, DFU_SMP_EACCESSDENIED);
    assert_int_equal(world.img.nor->flash.ops, ops);
    assert_string_not_equal(world_flags(&world.img, 0, 0), "absent"); /* lists pass */
    send_up_to(&world, &image, 1024, image.size);
    assert_slot_holds(&world.img, 0, 1, &image);
}

static void while_smp_uploads_the_channel_only_says_so(void **state)
{
    uint8_t out[DFU_CONFIG_DATA_MAX];
    uint32_t ops;

    (void)state;
    assert_int_equal(smp_chunk(0, 200).off, 200);
    ops = world.img.nor->flash.ops;
    send_start(&world, image.size, checksum_of(&image), 0);
    assert_int_equal(world.events[DFU_CONFIG_DFU_EVENT_OTHER], 1);
    send_data(&world, image.data, 25);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_ACTIVE_OTHER);
    assert_int_equal(transact(&world, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_REBOOT, NULL, 0, out), 1);
    assert_int_equal(out[0], 0);
    pass_ms(&world, 300);
    assert_int_equal(world.reboots, 0);
    assert_int_equal(world.img.nor->flash.ops, ops);
    assert_int_equal(smp_chunk(200, 200).off, 400);
}

static void asking_the_channel_does_not_disturb_a_pausing_upload(void **state)
{
    (void)state;
    assert_int_equal(smp_chunk(0, 200).off, 200);
    pass_ms(&world, DFU_SMP_LOCK_TIMEOUT_MS + 1);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_INACTIVE);
    assert_int_equal(smp_chunk(200, 200).off, 400); /* nobody else came: it goes on */
}

static void after_five_seconds_the_channel_takes_over_and_smp_starts_from_zero(void **state)
{
    (void)state;
    assert_int_equal(smp_chunk(0, 200).off, 200);
    pass_ms(&world, DFU_SMP_LOCK_TIMEOUT_MS - 1);
    send_start(&world, image.size, checksum_of(&image), 0);
    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_ACTIVE_OTHER);
    pass_ms(&world, 1);
    assert_true(transfer(&world, &image));
    assert_slot_holds(&world.img, 0, 1, &image);
    assert_int_equal(smp_chunk(200, 200).off, 0);
}

static void after_five_seconds_smp_takes_over_and_the_channel_starts_from_zero(void **state)
{
    uint32_t offset;

    (void)state;
    assert_true(begin(&world, &image, &offset));
    send_up_to(&world, &image, 0, 1024);
    pass_ms(&world, DFU_CONFIG_DFU_TIMEOUT_MS);
    assert_int_equal(smp_chunk(0, 200).off, 200);
    pass_ms(&world, DFU_SMP_LOCK_TIMEOUT_MS + 1);
    assert_true(begin(&world, &image, &offset));
    assert_int_equal(offset, 0); /* though its length and checksum were remembered */
    send_up_to(&world, &image, 0, image.size);
    assert_slot_holds(&world.img, 0, 1, &image);
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

                free_world(NULL);
                fresh_world(NULL);
                if (channel_first) {
                    assert_true(begin(&world, &image, &offset));
                    send_up_to(&world, &image, 0, points[p]);
                } else {
                    for (uint32_t at = 0; at < points[p]; at += 128) {
                        assert_int_equal(smp_chunk(at, 128).off, at + 128);
                    }
                }
                pass_ms(&world, pauses[q]);
                if (channel_first) {
                    struct reply reply = smp_chunk(0, 128);

                    if (!is_free) {
                        assert_int_equal(reply.rc, DFU_SMP_EACCESSDENIED);
                        send_up_to(&world, &image, points[p], image.size);
                    } else {
                        assert_int_equal(reply.off, 128);
                        assert_int_equal(world_upload(&world.img, &image, 128, 128, false).off,
                                         image.size);
                    }
                } else if (is_free) {
                    assert_true(transfer(&world, &image));
                } else {
                    send_start(&world, image.size, checksum_of(&image), 0);
                    assert_int_equal(get_sync(&world).state, DFU_CONFIG_DFU_ACTIVE_OTHER);
                    assert_int_equal(world_upload(&world.img, &image, points[p], 128, false).off,
                                     image.size);
                }
                assert_slot_holds(&world.img, 0, 1, &image);
            }
        }
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, fresh_world, free_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(an_image_is_stored_and_asked_for),
        test(every_write_size_takes_images_of_any_length),
        test(what_lay_in_the_slot_is_erased_first_and_only_then),
        test(a_start_during_the_erase_does_not_delay_it),
        test(only_the_same_image_is_gone_on_with),
        test(data_and_storing_keep_the_update_alive),
        test(a_broken_off_update_goes_on_where_it_was),
        test(another_image_starts_over_in_a_clean_slot),
        test(bytes_that_fill_no_unit_wait_for_the_next),
        test(a_wrong_checksum_is_not_asked_for_unless_it_does_not_matter),
        test(starts_that_make_no_sense_are_ignored),
        test(data_beyond_buffer_or_image_is_cut),
        test(empty_data_ends_the_update),
        test(work_waits_while_the_device_is_in_use),
        test(flash_that_fails_ends_the_update_and_the_next_start_tries_again),
        test(the_device_restarts_a_quarter_second_after_it_said_so),
        test(firmware_and_device_are_told),
        test(the_worked_examples_are_followed_to_the_byte),
        test(while_the_channel_updates_smp_is_refused_and_writes_nothing),
        test(while_smp_uploads_the_channel_only_says_so),
        test(asking_the_channel_does_not_disturb_a_pausing_upload),
        test(after_five_seconds_the_channel_takes_over_and_smp_starts_from_zero),
        test(after_five_seconds_smp_takes_over_and_the_channel_starts_from_zero),
        test(every_interleaving_ends_with_one_whole_image),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
