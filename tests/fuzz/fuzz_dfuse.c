/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Setup packets and data stages into DfuSe over two image slots of a simulated flash. Whatever a
 * host says: slot 0 stays, and what boots has verified. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dfu/boot.h"
#include "dfu/usb_dfuse.h"
#include "input.h"
#include "nor.h"

#define SECTOR    1024u
#define SECTORS   8u
#define TRANSFER  256u
#define STEPS_MAX 128u

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, NULL };

struct device {
    struct nor *nor;
    struct dfu_slot_map map;
    struct dfu_image_policy policy;
    struct dfu_lock lock;
    struct dfu_usb_slot_config slot_cfg;
    struct dfu_usb_dfuse_slot slots[2];
    struct dfu_usb_alt alts[2];
    struct dfu_usb_dfu_config cfg;
    struct dfu_usb_dfu dfu;
    uint8_t block[TRANSFER], scratch[256];
    uint32_t now_ms;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void keep_slot_0(void *ctx, const struct dfu_sim_op *op)
{
    const struct device *d = ctx;

    require(op->off >= d->map.images[0].secondary->base);
}

static void open_device(struct device *d)
{
    memset(d, 0, sizeof *d);
    d->nor = nor_new(SECTOR, 2 * SECTORS, 4, 0xff);
    d->map = nor_two_slots(d->nor, SECTORS);
    d->map.max_sectors = SECTORS;
    d->nor->flash.on_op = keep_slot_0;
    d->nor->flash.on_op_ctx = d;
    d->policy = (struct dfu_image_policy){ .hashes = hashes, .hash_only = true };
    d->slot_cfg = (struct dfu_usb_slot_config){
        .map = &d->map,
        .policy = &d->policy,
        .timing = { .erase_sector_us = 85000, .erase_unit = 1024, .write_kib_us = 10000 },
        .lock = &d->lock,
        .buf = d->scratch,
        .buf_len = sizeof d->scratch
    };
    for (int i = 0; i < 2; i++) {
        const struct dfu_area *area = i ? d->map.images[0].secondary : d->map.images[0].primary;

        dfu_usb_dfuse_init(&d->slots[i], &d->slot_cfg, area, i == 1, TRANSFER);
        d->alts[i] = (struct dfu_usb_alt){ "slot", &dfu_usb_dfuse_ops, &d->slots[i], true, true };
    }
    d->cfg = (struct dfu_usb_dfu_config){ .alts = d->alts,
                                          .alt_count = 2,
                                          .block = d->block,
                                          .transfer_size = TRANSFER,
                                          .upload = true,
                                          .reboot = true,
                                          .rest_ms = 5000 };
    dfu_usb_dfu_start(&d->dfu, &d->cfg, DFU_USB_DFU_MODE);
    dfu_usb_dfu_select(&d->dfu, 1);
}

/* A request with as much of the input as its data stage; returns how much that was. */
static size_t ask(struct device *d, const uint8_t *in, size_t len)
{
    uint8_t raw[DFU_USB_SETUP_SIZE] = { 0x21, 0, 0, 0, 0, 0, 0, 0 };
    struct dfu_usb_setup setup;
    uint8_t *stage;
    size_t n;
    int reply;

    raw[1] = in[0] & 7;
    raw[0] = raw[1] == DFU_USB_UPLOAD || raw[1] == DFU_USB_GETSTATUS ? 0xa1 : 0x21;
    raw[2] = in[1] & 15;
    raw[3] = in[1] & 0x40 ? in[1] : 0;
    raw[6] = in[2];
    raw[7] = in[0] & 0x80 ? 1 : 0;
    dfu_usb_setup_decode(raw, &setup);
    stage = calloc(1, setup.length + 1u);
    require(stage != NULL);
    n = len - 3 < setup.length ? len - 3 : setup.length;
    memcpy(stage, in + 3, n);
    reply = dfu_usb_dfuse.control(&d->dfu, &setup, stage, d->now_ms);
    require(reply <= (int)setup.length);
    free(stage);
    return 3 + (raw[0] == 0x21 ? n : 0);
}

static void boot(struct device *d)
{
    static uint8_t buf[1024];
    struct dfu_boot_config cfg = { .map = &d->map,
                                   .strategy = &dfu_boot_swap_move,
                                   .policy = d->policy,
                                   .validate_primary = true,
                                   .buf = buf,
                                   .buf_len = sizeof buf };
    struct dfu_boot_result result;
    struct dfu_image_report report;
    struct dfu_area_span span = { d->map.images[0].primary, 0 };
    struct dfu_reader reader = dfu_area_reader(&span);

    d->nor->flash.on_op = NULL;
    if (dfu_boot(&cfg, &result) == 0) {
        dfu_image_verify(&d->policy, &reader, 0, buf, sizeof buf, NULL, NULL, &report);
        require(dfu_verdict_is_trusted(&report.verdict));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct device device;

    open_device(&device);
    for (unsigned i = 0; len >= 3 && i < STEPS_MAX; i++) {
        size_t n = ask(&device, data, len);

        if (data[0] & 0x40) {
            dfu_usb_dfu_select(&device.dfu, data[1] & 1);
        }
        device.now_ms += data[0] & 0x20 ? 6000 : 1;
        while (dfu_usb_dfu_has_work(&device.dfu)) {
            (void)dfu_usb_dfu_step(&device.dfu, device.now_ms);
        }
        (void)dfu_usb_dfu_step(&device.dfu, device.now_ms);
        data += n;
        len -= n;
    }
    boot(&device);
    nor_free(device.nor);
    return 0;
}
