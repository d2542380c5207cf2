/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Reports into the configuration channel over simulated flash, with time, power, a trial and
 * another owner of the lock between them. Whatever comes: every report that is got is a whole one;
 * flash is touched only by the lock's owner, the running image never, no unit twice; what is
 * completed has the checksum that was announced; whoever has the lock also has an end in sight. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "dfu/config_dfu.h"
#include "dfu/trailer.h"
#include "dfu/update.h"
#include "input.h"
#include "nor.h"

#define SECTOR    1024u
#define SECTORS   8u
#define BUF       256u
#define STEPS_MAX 200u
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

enum {
    RAW,   /* a report of any bytes */
    START, /* one that may be right */
    DATA,  /* a piece of the image, or of the input */
    FILL,  /* a whole buffer of the image, sync, and the time to store it */
    FETCH, /* any option */
    QUERY, /* any status */
    GET,
    PASS,
    USE,
    OTHER, /* another owner comes or goes */
    POWER, /* goes at the next operation, or comes back */
    TRIAL, /* the running image is one, or is confirmed */
    LEAVE, /* the host does */
    KINDS
};

struct device {
    struct nor *nor;
    struct dfu_slot_map map;
    struct dfu_lock lock;
    struct dfu_lock_owner other;
    struct dfu_config_dfu dfu;
    struct dfu_config_binding binding;
    struct dfu_config_channel channel;
    uint8_t buf[BUF];
    uint32_t trailer; /* of the running slot: what lies before it may not change */
    bool is_ours;     /* flash is being written by the channel */
    uint32_t doubles; /* units that were programmed twice by then, not by the channel */
    uint64_t now_ms;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* ---- The image ---- */

static uint8_t image[SECTOR * SECTORS];
static uint32_t checksums[sizeof image + 1]; /* of so many of its bytes */

/* The same for every input, so it is made once. */
static void make_image(void)
{
    checksums[0] = 1; /* as zlib's crc32() takes it up */
    for (uint32_t i = 0; i < sizeof image; i++) {
        image[i] = (uint8_t)(i * 7u + i / 256u);
        checksums[i + 1] = dfu_crc32(checksums[i], &image[i], 1);
    }
}

/* ---- Device ---- */

static void watch_flash(void *ctx, const struct dfu_sim_op *op)
{
    const struct device *d = ctx;
    const struct dfu_area *running = d->map.images[0].primary;

    if (!d->is_ours) {
        return;
    }
    require(dfu_lock_owner_get(&d->lock) == &d->dfu.owner);
    require(op->off >= running->base + d->trailer || op->off + op->len <= running->base);
}

static void note_reboot(void *ctx)
{
    struct device *d = ctx;

    require(d->now_ms >= DFU_CONFIG_DFU_REBOOT_MS);
}

static void note_event(void *ctx, enum dfu_config_dfu_event event)
{
    const struct device *d = ctx;
    uint8_t stored[SECTOR * SECTORS];

    require(dfu_config_dfu_event_text(event) != NULL);
    if (event != DFU_CONFIG_DFU_EVENT_COMPLETE || d->nor->flash.is_off) {
        return;
    }
    require(d->dfu.length <= dfu_slot_max_image(&d->map, 0) && d->dfu.length > 0);
    require(dfu_area_read(d->map.images[0].secondary, 0, stored, d->dfu.length) == 0);
    require(d->dfu.checksum == 0 || dfu_crc32(1, stored, d->dfu.length) == d->dfu.checksum);
}

static void open_device(struct device *d, uint8_t bits)
{
    static const uint8_t write_sizes[] = { 1, 4, 8, 32 };
    uint8_t write_size = write_sizes[bits & 3];
    struct dfu_trailer trailer;

    memset(d, 0, sizeof *d);
    d->nor = nor_new(SECTOR, 2 * SECTORS, write_size, bits & 4 ? 0x00 : 0xff);
    d->map = (struct dfu_slot_map){ .mode = bits & 8 ? DFU_MODE_OVERWRITE : DFU_MODE_SWAP_MOVE,
                                    .max_align = write_size > 8 ? write_size : 8,
                                    .max_sectors = SECTORS,
                                    .image_count = 1 };
    d->map.images[0].primary = nor_area(d->nor, "primary", SECTORS);
    d->map.images[0].secondary = nor_area(d->nor, "secondary", SECTORS);
    require(dfu_slot_trailer(&d->map, d->map.images[0].primary, &trailer) == 0);
    d->trailer = trailer.status;
    d->nor->flash.on_op = watch_flash;
    d->nor->flash.on_op_ctx = d;
    d->other.name = "other";
    d->dfu = (struct dfu_config_dfu){ .map = &d->map,
                                      .lock = &d->lock,
                                      .buf = d->buf,
                                      .buf_size = BUF,
                                      .generation = "fuzz",
                                      .reboot = note_reboot,
                                      .event = note_event,
                                      .ctx = d };
    require(dfu_config_dfu_init(&d->dfu) == 0);
    d->binding = (struct dfu_config_binding){ &dfu_config_dfu_module, &d->dfu };
    d->channel = (struct dfu_config_channel){ .bindings = &d->binding,
                                              .binding_count = 1,
                                              .board = "fuzz_board" };
}

static void enter(struct device *d)
{
    d->is_ours = true;
    d->doubles = d->nor->flash.double_programs;
}

static void leave(struct device *d)
{
    d->is_ours = false;
    require(d->nor->flash.double_programs == d->doubles || d->nor->flash.is_off);
}

static void pass(struct device *d, uint64_t ms)
{
    uint64_t until = d->now_ms + ms;
    uint64_t due;

    while ((due = dfu_config_dfu_due_ms(&d->dfu)) <= until) {
        d->now_ms = due > d->now_ms ? due : d->now_ms;
        enter(d);
        dfu_config_dfu_poll(&d->dfu, d->now_ms);
        leave(d);
    }
    d->now_ms = until;
    dfu_config_dfu_poll(&d->dfu, d->now_ms);
}

/* ---- Reports ---- */

static void get(struct device *d)
{
    uint8_t report[DFU_CONFIG_REPORT_SIZE];

    dfu_config_channel_get_report(&d->channel, report);
    require(report[0] == DFU_CONFIG_REPORT_ID && report[3] <= DFU_CONFIG_GET_PEERS_CACHE);
    require(report[4] <= DFU_CONFIG_FETCH_MAX);
    for (size_t i = 5u + report[4]; i < sizeof report; i++) {
        require(report[i] == 0);
    }
}

static void set(struct device *d, const uint8_t *report, size_t len)
{
    uint8_t *exact = malloc(len > 0 ? len : 1); /* so that a read past the end is seen */

    require(exact != NULL);
    memcpy(exact, report, len);
    pass(d, 0);
    enter(d);
    (void)dfu_config_channel_set_report(&d->channel, exact, len, d->now_ms);
    leave(d);
    free(exact);
}

static void request(struct device *d, uint8_t status, uint8_t event, const void *data, size_t len)
{
    uint8_t report[DFU_CONFIG_REPORT_SIZE] = { DFU_CONFIG_REPORT_ID, 0, event, status,
                                               (uint8_t)len };

    if (len > 0) {
        memcpy(report + 5, data, len);
    }
    set(d, report, sizeof report);
    get(d);
}

static void send_raw(struct device *d, struct input *in)
{
    uint8_t report[40];

    set(d, report, take_into(in, report, take_byte(in) % sizeof report));
}

static void send_start(struct device *d, struct input *in)
{
    uint8_t bits = take_byte(in);
    uint8_t data[12];
    uint32_t length = take_byte(in) * 32u + (bits >> 4);
    uint32_t offset = bits & 1 ? d->dfu.offset : 0;
    uint32_t checksum = length <= sizeof image ? checksums[length] : 1;

    if (bits & 2) {
        checksum = bits & 4 ? 0 : checksum + 1;
    }
    if (bits & 8) {
        offset = take_byte(in) * 16u;
    }
    put_le32(data, length);
    put_le32(data + 4, checksum);
    put_le32(data + 8, offset);
    request(d, DFU_CONFIG_SET, DFU_CONFIG_DFU_START + 1, data, sizeof data);
}

/* What the device is to get next. */
static uint32_t position(const struct device *d)
{
    return d->dfu.offset + (uint32_t)(d->dfu.fill - d->dfu.stored);
}

static void send_piece(struct device *d, size_t len)
{
    uint32_t at = position(d);

    if (at + len <= sizeof image) {
        request(d, DFU_CONFIG_SET, DFU_CONFIG_DFU_DATA + 1, image + at, len);
    }
}

static void send_data(struct device *d, struct input *in)
{
    uint8_t bits = take_byte(in);
    uint8_t data[DFU_CONFIG_DATA_MAX];

    if (bits & 128) {
        request(d, DFU_CONFIG_SET, DFU_CONFIG_DFU_DATA + 1, data,
                take_into(in, data, bits % (DFU_CONFIG_DATA_MAX + 1)));
    } else {
        send_piece(d, bits % (DFU_CONFIG_DATA_MAX + 1));
    }
}

static void fill(struct device *d)
{
    for (uint32_t sent = 0; sent < BUF; sent += 16) {
        send_piece(d, 16);
    }
    request(d, DFU_CONFIG_FETCH, DFU_CONFIG_DFU_SYNC + 1, NULL, 0);
    pass(d, 250);
}

/* ---- The world around ---- */

static void pass_some(struct device *d, struct input *in)
{
    static const uint64_t spans[] = { 1, 5, 20, 250, 1000, 4999, 5000, 15000 };

    pass(d, spans[take_byte(in) % COUNT(spans)]);
}

static void come_or_go(struct device *d)
{
    if (dfu_lock_owner_get(&d->lock) == &d->other) {
        require(dfu_lock_release(&d->lock, &d->other) == 0);
    } else {
        (void)dfu_lock_claim(&d->lock, &d->other);
    }
}

static void change_power(struct device *d, struct input *in)
{
    if (d->nor->flash.is_off) {
        dfu_sim_flash_power_on(&d->nor->flash);
    } else {
        dfu_sim_flash_cut(&d->nor->flash, DFU_SIM_CUT_INSIDE, d->nor->flash.ops + 1, take_byte(in));
    }
}

static void try_image(struct device *d)
{
    const struct dfu_area *primary = d->map.images[0].primary;

    if (dfu_boot_is_img_confirmed(&d->map, 0)) {
        (void)dfu_trailer_write_magic(&d->map, primary);
        (void)dfu_trailer_write_copy_done(&d->map, primary);
    } else {
        (void)dfu_boot_write_img_confirmed(&d->map, 0);
    }
}

static void step(struct device *d, struct input *in)
{
    uint8_t byte;

    switch (take_byte(in) % KINDS) {
    case START: send_start(d, in); break;
    case DATA: send_data(d, in); break;
    case FILL: fill(d); break;
    case FETCH: request(d, DFU_CONFIG_FETCH, take_byte(in), NULL, 0); break;
    case QUERY:
        byte = take_byte(in);
        request(d, byte & 15, byte >> 4, NULL, 0);
        break;
    case GET: get(d); break;
    case PASS: pass_some(d, in); break;
    case USE: dfu_config_dfu_note_use(&d->dfu); break;
    case OTHER: come_or_go(d); break;
    case POWER: change_power(d, in); break;
    case TRIAL: try_image(d); break;
    case LEAVE: dfu_config_channel_disconnect(&d->channel); break;
    default: send_raw(d, in); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct device device;
    struct input in = { data, len };

    if (checksums[0] == 0) {
        make_image();
    }
    open_device(&device, take_byte(&in));
    for (unsigned i = 0; in.len > 0 && i < STEPS_MAX; i++) {
        step(&device, &in);
        require(device.dfu.offset <= device.dfu.length || device.dfu.length == 0);
        require(dfu_lock_owner_get(&device.lock) != &device.dfu.owner ||
                dfu_config_dfu_due_ms(&device.dfu) != UINT64_MAX);
    }
    dfu_sim_flash_power_on(&device.nor->flash);
    pass(&device, 10u * DFU_CONFIG_DFU_ERASE_RETRY_MS);
    require(dfu_lock_owner_get(&device.lock) != &device.dfu.owner);
    nor_free(device.nor);
    return 0;
}
