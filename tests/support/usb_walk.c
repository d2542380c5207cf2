/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "usb_walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/image_writer.h"

#define CANARY 0xa5u

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, NULL };

static void rule(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "broken rule: %s\n", what);
        abort();
    }
}

/* Slot 0 runs: nothing may touch it. */
static void watch(void *ctx, const struct dfu_sim_op *op)
{
    struct usb_walk *walk = ctx;

    rule(op->off >= walk->map.images[0].secondary->base, "slot 0 stays as it is");
    rule(dfu_lock_owner_get(&walk->lock) == &walk->slots[1].owner, "flash needs the lock");
    rule(walk->usb.dfu.state == DFU_USB_DNBUSY || walk->usb.dfu.state == DFU_USB_MANIFEST,
         "flash work is announced work");
}

static void make_image(struct usb_walk *walk)
{
    struct dfu_image_spec spec = { .version = { .major = 2 },
                                   .header_size = 32,
                                   .hash = hashes[0] };

    memset(walk->image, 0x5a, sizeof walk->image);
    memset(walk->image, 0, 32);
    rule(dfu_image_write(&spec, walk->image, sizeof walk->image, WALK_IMAGE, &walk->image_len) == 0,
         "there is an image");
}

static void come_up(struct usb_walk *walk, enum dfu_usb_mode mode)
{
    dfu_usb_slot_ops.drop(&walk->slots[1]);
    dfu_usb_device_start(&walk->usb, &walk->cfg, mode);
}

void usb_walk_start(struct usb_walk *walk)
{
    memset(walk, 0, sizeof *walk);
    make_image(walk);
    walk->nor = nor_new(WALK_SECTOR, 2 * WALK_SECTORS, 4, 0xff);
    walk->map = nor_two_slots(walk->nor, WALK_SECTORS);
    walk->map.max_sectors = 16;
    walk->nor->flash.on_op = watch;
    walk->nor->flash.on_op_ctx = walk;
    walk->policy = (struct dfu_image_policy){ .hashes = hashes, .hash_only = true };
    walk->slot_cfg = (struct dfu_usb_slot_config){ .map = &walk->map,
                                                   .policy = &walk->policy,
                                                   .lock = &walk->lock,
                                                   .buf = walk->scratch,
                                                   .buf_len = sizeof walk->scratch };
    dfu_usb_slot_init(&walk->slots[0], &walk->slot_cfg, walk->map.images[0].primary);
    dfu_usb_slot_init(&walk->slots[1], &walk->slot_cfg, walk->map.images[0].secondary);
    walk->alts[0] =
        (struct dfu_usb_alt){ "image_0", &dfu_usb_slot_ops, &walk->slots[0], false, true };
    walk->alts[1] =
        (struct dfu_usb_alt){ "image_1", &dfu_usb_slot_ops, &walk->slots[1], true, true };
    walk->dfu_cfg = (struct dfu_usb_dfu_config){ .alts = walk->alts,
                                                 .alt_count = 2,
                                                 .interface = 2,
                                                 .text_string = 6,
                                                 .block = walk->block,
                                                 .transfer_size = WALK_TRANSFER,
                                                 .upload = true,
                                                 .will_detach = true,
                                                 .detach_timeout_ms = 100,
                                                 .rest_ms = 5000 };
    walk->identity = (struct dfu_usb_identity){ .vendor = 0x2fe3,
                                                .manufacturer = "dfukit",
                                                .name = "walker",
                                                .serial = "1",
                                                .guid = "{5d2c63c1-47d5-4f3f-a0a5-3f2c0d9e1b64}",
                                                .web_url = "https://example.org/" };
    walk->cfg = (struct dfu_usb_device_config){ &walk->identity, &walk->dfu_cfg, true, NULL };
    rule(dfu_usb_device_check(&walk->cfg) == 0, "the configuration is right");
    come_up(walk, DFU_USB_DFU_MODE);
}

void usb_walk_free(struct usb_walk *walk)
{
    nor_free(walk->nor);
}

static void check(struct usb_walk *walk)
{
    const struct dfu_usb_dfu *dfu = &walk->usb.dfu;
    bool is_pending = dfu->state == DFU_USB_DNLOAD_SYNC || dfu->state == DFU_USB_MANIFEST_SYNC;
    bool is_marked;

    rule(dfu->state < DFU_USB_STATES, "a state is one of eleven");
    rule((walk->usb.mode == DFU_USB_RUNTIME) == (dfu->state < DFU_USB_IDLE),
         "each personality has its states");
    rule(dfu->status == DFU_USB_OK || dfu->state == DFU_USB_ERROR || is_pending,
         "a failure is shown as one");
    rule(dfu->state != DFU_USB_ERROR || dfu->status != DFU_USB_OK, "dfuERROR has a reason");
    rule(dfu->is_open || !dfu_lock_owner_get(&walk->lock), "only a download holds the lock");
    rule(!dfu->is_open || (dfu->state != DFU_USB_IDLE && dfu->state != DFU_USB_ERROR),
         "dfuIDLE and dfuERROR have no download open");
    walk->seen[dfu->state]++;
    if (dfu->state == DFU_USB_MANIFEST || dfu->state == DFU_USB_MANIFEST_SYNC) {
        is_marked = dfu_mcuboot_swap_type(&walk->map, 0) == DFU_SWAP_TEST;
        walk->marked += is_marked && !walk->is_marked;
        walk->is_marked = is_marked;
    }
}

static void fulfil(struct usb_walk *walk, enum dfu_usb_wish wish)
{
    if (wish == DFU_USB_ENTER_DFU) {
        rule(walk->usb.mode == DFU_USB_RUNTIME, "DFU mode is entered from run-time");
        come_up(walk, DFU_USB_DFU_MODE);
    } else if (wish == DFU_USB_RESTART) {
        rule(walk->usb.mode == DFU_USB_DFU_MODE, "DFU mode is what a restart leaves");
        walk->restarts++;
        come_up(walk, DFU_USB_RUNTIME);
    }
    check(walk);
}

void usb_walk_control(struct usb_walk *walk, const struct dfu_usb_setup *setup)
{
    bool is_in = (setup->type & 0x80) != 0;
    int result;

    if (is_in) {
        memset(walk->data + setup->length, (int)CANARY, 16);
    }
    result = dfu_usb_device_control(&walk->usb, setup, walk->data, walk->now_ms);
    rule(result <= (int)setup->length, "no more is answered than was asked for");
    rule(is_in || result <= 0, "an OUT request has no data to answer");
    for (unsigned i = 0; is_in && i < 16; i++) {
        rule(walk->data[setup->length + i] == CANARY, "the data stage ends where it must");
    }
    check(walk);
}

void usb_walk_right_block(struct usb_walk *walk)
{
    const struct dfu_usb_dfu *dfu = &walk->usb.dfu;
    bool is_first = dfu->state == DFU_USB_IDLE;
    uint32_t off = is_first ? 0 : dfu->off;
    uint32_t left = off < walk->image_len ? walk->image_len - off : 0;
    struct dfu_usb_setup setup = { .type = 0x21, .request = DFU_USB_DNLOAD };

    setup.value = is_first ? 0 : dfu->block_number;
    setup.length = (uint16_t)(left < WALK_TRANSFER ? left : WALK_TRANSFER);
    memcpy(walk->data, walk->image + (left ? off : 0), setup.length);
    usb_walk_control(walk, &setup);
}

void usb_walk_step(struct usb_walk *walk, uint32_t after_ms)
{
    walk->now_ms += after_ms;
    fulfil(walk, dfu_usb_dfu_step(&walk->usb.dfu, walk->now_ms));
}

void usb_walk_bus_reset(struct usb_walk *walk)
{
    fulfil(walk, dfu_usb_device_bus_reset(&walk->usb, walk->now_ms));
}
