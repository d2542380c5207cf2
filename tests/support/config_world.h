/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* config_world.h - the device of img_world.h with a configuration channel beside SMP, one lock for
 * both, and a host that sends it reports. Its clock goes on when told to. */
#ifndef TEST_CONFIG_WORLD_H
#define TEST_CONFIG_WORLD_H

#include "dfu/config_dfu.h"
#include "dfu/smp_lock.h"
#include "img_world.h"

#define CONFIG_SECTORS 8u
#define CONFIG_BUF     256u

struct config_world {
    struct img_world img;
    struct dfu_lock lock;
    struct dfu_smp_lock guard;
    struct dfu_smp_hook hooks[2];
    struct dfu_config_dfu dfu;
    struct dfu_config_binding binding;
    struct dfu_config_channel channel;
    uint8_t buf[CONFIG_BUF];
    unsigned reboots, events[16]; /* enum dfu_config_dfu_event */
    uint64_t now_ms;
};

extern struct config_world config_world;
extern struct test_image config_image; /* version 2, to be sent; version 1 runs */

void config_new(uint8_t write_size, uint32_t image_size);

/* Set-up and tear-down of a test: write size 4, an image of 10001 bytes. */
int config_fresh(void **state);
int config_free(void **state);

void config_pass(struct config_world *w, uint64_t ms);

struct config_sync {
    uint8_t state;
    uint32_t length, checksum, offset;
    uint16_t buf_size;
};

/* One request and its answer, which must be a success: its length. */
size_t config_transact(struct config_world *w, uint8_t op, uint8_t option, const void *data,
                       size_t len, uint8_t out[DFU_CONFIG_DATA_MAX]);
void config_start(struct config_world *w, uint32_t length, uint32_t checksum, uint32_t offset);
void config_data(struct config_world *w, const uint8_t *data, size_t len);
struct config_sync config_sync(struct config_world *w);
uint32_t config_checksum(const struct test_image *file);

/* As the field's host does: until the device has taken the start. False: it never does. */
bool config_begin(struct config_world *w, const struct test_image *file, uint32_t *offset);

/* Send up to end, in chunks that never cross a buffer's border. */
void config_send(struct config_world *w, const struct test_image *file, uint32_t offset,
                 uint32_t end);

/* The whole of it, but for the reboot. */
bool config_transfer(struct config_world *w, const struct test_image *file);

const struct dfu_area *config_slot(const struct config_world *w);

#endif
