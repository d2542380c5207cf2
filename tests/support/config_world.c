/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "config_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/crc.h"

#define MODULE 0x00u /* the only one: its number in the event's high nibble */

struct config_world config_world;
struct test_image config_image;

static void note_reboot(void *ctx)
{
    struct config_world *w = ctx;

    w->reboots++;
}

static void note_event(void *ctx, enum dfu_config_dfu_event event)
{
    struct config_world *w = ctx;

    w->events[event]++;
    assert_non_null(dfu_config_dfu_event_text(event));
}

static void attach(struct config_world *w)
{
    w->dfu = (struct dfu_config_dfu){ .map = &w->img.map,
                                      .lock = &w->lock,
                                      .buf = w->buf,
                                      .buf_size = CONFIG_BUF,
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

void config_new(uint8_t write_size, uint32_t image_size)
{
    memset(&config_world, 0, sizeof config_world);
    world_init(&config_world.img, 1, CONFIG_SECTORS, write_size);
    dfu_smp_lock_init(&config_world.guard, &config_world.lock, &config_world.img.img);
    config_world.hooks[0] = dfu_smp_lock_hook(&config_world.guard);
    config_world.hooks[1] = config_world.img.hook;
    config_world.img.peer.server.hooks = config_world.hooks;
    config_world.img.peer.server.hook_count = 2;
    attach(&config_world);
    config_image = image_make((struct dfu_image_version){ .major = 1 }, 2000);
    world_program(&config_world.img, 0, 0, &config_image);
    image_free(&config_image);
    config_image = image_make((struct dfu_image_version){ .major = 2 }, image_size);
}

int config_fresh(void **state)
{
    (void)state;
    config_new(4, 10001);
    return 0;
}

int config_free(void **state)
{
    (void)state;
    world_free(&config_world.img);
    image_free(&config_image);
    return 0;
}

void config_pass(struct config_world *w, uint64_t ms)
{
    uint64_t until = w->now_ms + ms;

    while (w->now_ms < until) {
        w->now_ms++;
        dfu_config_dfu_poll(&w->dfu, w->now_ms);
        dfu_smp_lock_poll(&w->guard, w->now_ms);
    }
}

size_t config_transact(struct config_world *w, uint8_t op, uint8_t option, const void *data,
                       size_t len, uint8_t out[DFU_CONFIG_DATA_MAX])
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

void config_start(struct config_world *w, uint32_t length, uint32_t checksum, uint32_t offset)
{
    uint8_t data[12], out[DFU_CONFIG_DATA_MAX];

    put_le32(data, length);
    put_le32(data + 4, checksum);
    put_le32(data + 8, offset);
    config_transact(w, DFU_CONFIG_SET, DFU_CONFIG_DFU_START, data, sizeof data, out);
}

void config_data(struct config_world *w, const uint8_t *data, size_t len)
{
    uint8_t out[DFU_CONFIG_DATA_MAX];

    config_transact(w, DFU_CONFIG_SET, DFU_CONFIG_DFU_DATA, data, len, out);
}

struct config_sync config_sync(struct config_world *w)
{
    uint8_t out[DFU_CONFIG_DATA_MAX];

    assert_int_equal(config_transact(w, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_SYNC, NULL, 0, out), 15);
    return (struct config_sync){ out[0], get_le32(out + 1), get_le32(out + 5), get_le32(out + 9),
                                 get_le16(out + 13) };
}

uint32_t config_checksum(const struct test_image *file)
{
    return dfu_crc32(1, file->data, file->size);
}

bool config_begin(struct config_world *w, const struct test_image *file, uint32_t *offset)
{
    for (int tries = 0; tries < 100; tries++) {
        struct config_sync sync = config_sync(w);

        if (sync.state != DFU_CONFIG_DFU_INACTIVE) {
            config_pass(w, 1000);
            continue;
        }
        *offset =
            sync.length == file->size && sync.checksum == config_checksum(file) ? sync.offset : 0;
        config_start(w, file->size, config_checksum(file), *offset);
        sync = config_sync(w);
        if (sync.state == DFU_CONFIG_DFU_ACTIVE || sync.state == DFU_CONFIG_DFU_STORING) {
            return true;
        }
    }
    return false;
}

void config_send(struct config_world *w, const struct test_image *file, uint32_t offset,
                 uint32_t end)
{
    while (offset < end) {
        uint32_t border = min_u32(offset + CONFIG_BUF, end);

        for (uint32_t at = offset; at < border;) {
            uint32_t n = min_u32(DFU_CONFIG_DATA_MAX, border - at);

            config_data(w, file->data + at, n);
            at += n;
        }
        offset = border;
        while (config_sync(w).state == DFU_CONFIG_DFU_STORING) {
            config_pass(w, 300);
        }
    }
}

bool config_transfer(struct config_world *w, const struct test_image *file)
{
    uint32_t offset;
    struct config_sync sync;

    if (!config_begin(w, file, &offset)) {
        return false;
    }
    config_send(w, file, offset, file->size);
    sync = config_sync(w);
    return sync.state == DFU_CONFIG_DFU_INACTIVE && sync.offset == file->size;
}

const struct dfu_area *config_slot(const struct config_world *w)
{
    return world_slot(&w->img, 0, 1);
}
