/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The virtual device's USB port: which personality is on the bus, SMP through CDC-ACM, and the
 * slots behind DFU. */
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "dfu/err.h"
#include "dfu/sim_usb.h"

#define DETACH_MS       100u
#define REBOOT_DELAY_MS 500u
#define REST_MS         5000u
#define POLL_MS         1u
#define WAIT_LOOK_MS    50u
#define ALT_NAME_MAX    16u
#define SERIAL_LINE_MAX DFU_SMP_SERIAL_LINE_MAX

static uint32_t short_ms(uint64_t now_ms)
{
    return (uint32_t)now_ms;
}

/* ---- Personalities ---- */

/* The sample application's log line; the simulated start takes no time. */
static void say_support(const struct dfu_sim_usb *port)
{
    const struct dfu_sim_device *dev = port->cfg->device;

    if (dev->cfg->line) {
        dev->cfg->line(dev->cfg->ctx,
                       "[00:00:00.000,000] <inf> main: This device supports USB DFU class.");
    }
}

static void plug_in(struct dfu_sim_usb *port, enum dfu_usb_mode mode)
{
    dfu_usb_device_start(&port->usb, &port->usb_config, mode);
    dfu_smp_serial_decoder_init(&port->decoder, port->rx, sizeof port->rx);
    port->tx_len = 0;
    port->is_plugged = true;
}

static void drop_download(struct dfu_sim_usb *port)
{
    for (uint8_t i = 0; i < port->dfu_config.alt_count; i++) {
        port->alts[i].ops->drop(port->alts[i].ctx);
    }
}

/* Alternate i shows a slot, anew: "image_1", or for DfuSe "@image_1 /0x82000/118*4Kg". */
static void set_alt(struct dfu_sim_usb *port, uint8_t i, const struct dfu_usb_slot_config *cfg,
                    const struct dfu_area *area, bool is_writable)
{
    struct dfu_usb_dfuse_slot *slot = &port->slots[i];
    struct dfu_usb_alt *alt = &port->alts[i];
    char name[ALT_NAME_MAX];
    struct text text = text_in(name, sizeof name);

    text_add(&text, "image_");
    text_add_dec(&text, i);
    if (port->cfg->dfuse) {
        dfu_usb_dfuse_init(slot, cfg, area, is_writable, port->dfu_config.transfer_size);
        dfu_usb_dfuse_layout(slot, name, port->names[i], sizeof port->names[i]);
        /* its commands come as downloads */
        *alt = (struct dfu_usb_alt){ port->names[i], &dfu_usb_dfuse_ops, slot, true, true };
        return;
    }
    dfu_usb_slot_init(&slot->slot, cfg, area);
    memcpy(port->names[i], name, sizeof name);
    *alt =
        (struct dfu_usb_alt){ port->names[i], &dfu_usb_slot_ops, &slot->slot, is_writable, true };
}

/* Slot 0 is read only, unless there is no other or no application in it. */
static bool is_writable(const struct dfu_sim_usb *port, uint8_t image, const struct dfu_area *area)
{
    const struct dfu_sim_device *dev = port->cfg->device;
    const struct dfu_slot_pair *pair = &dev->cfg->map->images[image];

    return area == pair->secondary || !pair->secondary ||
           (image == 0 && dev->state == DFU_SIM_UNBOOTABLE);
}

static void set_alts(struct dfu_sim_usb *port)
{
    for (uint8_t i = 0; i < port->dfu_config.alt_count; i++) {
        const struct dfu_usb_slot *slot = &port->slots[i].slot;

        set_alt(port, i, slot->cfg, slot->area, is_writable(port, slot->cfg->image, slot->area));
    }
}

/* What the device shows right after a start. */
static void follow_start(struct dfu_sim_usb *port, uint64_t now_ms)
{
    const struct dfu_sim_device *dev = port->cfg->device;

    port->seen_starts = dev->starts;
    port->seen_state = dev->state;
    port->is_plugged = false;
    drop_download(port);
    set_alts(port);
    if (dev->state == DFU_SIM_RUNNING) {
        plug_in(port, DFU_USB_RUNTIME);
        say_support(port);
    } else if (dev->state == DFU_SIM_RECOVERING) {
        plug_in(port, DFU_USB_RUNTIME); /* for its serial port */
    } else if (dev->state == DFU_SIM_UNBOOTABLE) {
        plug_in(port, DFU_USB_DFU_MODE);
    } else if (dev->state == DFU_SIM_WAITING) {
        plug_in(port, DFU_USB_DFU_MODE);
        dfu_usb_wait_start(&port->wait, dev->cfg->usb_wait_ms, REST_MS, short_ms(now_ms));
    }
}

/* In the bootloader: one that has been downloaded meanwhile. */
static bool has_application(void *ctx)
{
    struct dfu_sim_usb *port = ctx;
    const struct dfu_sim_device_config *dev = port->cfg->device->cfg;
    struct dfu_area_span span = { dev->map->images[0].primary, 0 };
    struct dfu_reader reader = dfu_area_reader(&span);
    struct dfu_image_policy policy = dev->policy;
    struct dfu_image_report report;

    policy.body_is_clear = true; /* it runs where it lies */
    policy.unpacker = NULL;
    if (port->cfg->device->state == DFU_SIM_RUNNING) {
        return true;
    }
    dfu_image_verify(&policy, &reader, dfu_slot_max_image(dev->map, 0), port->scratch,
                     sizeof port->scratch, NULL, NULL, &report);
    return dfu_verdict_is_trusted(&report.verdict);
}

/* ---- Set-up ---- */

/* What the simulated part takes, by its data sheet. Checking costs a simulated device nothing but
 * the reading. */
static struct dfu_usb_slot_timing timing_of(const struct dfu_sim_usb_config *cfg,
                                            const struct dfu_area *area)
{
    const struct dfu_sim_flash *flash = area->ctx;
    const struct dfu_sim_timing *part = flash->timing;

    if (cfg->timing) {
        return *cfg->timing;
    }
    if (!part || !cfg->announce_flash_time) {
        return (struct dfu_usb_slot_timing){ 0 };
    }
    return (struct dfu_usb_slot_timing){
        .erase_sector_us = part->erase_sector_us,
        .erase_unit = part->sector_size,
        .write_kib_us = part->program_us * 1024u / part->program_size,
        .verify_kib_us = part->read_byte_ns * 1024u / 1000u + 1u,
    };
}

static void add_alt(struct dfu_sim_usb *port, uint8_t image, const struct dfu_area *area)
{
    set_alt(port, port->dfu_config.alt_count++, &port->slot_configs[image], area,
            is_writable(port, image, area));
}

static int add_image(struct dfu_sim_usb *port, uint8_t image)
{
    const struct dfu_sim_device_config *dev = port->cfg->device->cfg;
    const struct dfu_slot_pair *pair = &dev->map->images[image];
    struct dfu_usb_slot_config *slot = &port->slot_configs[image];

    *slot = (struct dfu_usb_slot_config){
        .map = dev->map,
        .image = image,
        .policy = &dev->policy,
        .permanent = port->cfg->permanent,
        .timing = timing_of(port->cfg, pair->primary),
        .lock = &port->cfg->device->lock,
        .buf = port->scratch,
        .buf_len = sizeof port->scratch,
    };
    add_alt(port, image, pair->primary);
    if (pair->secondary) {
        add_alt(port, image, pair->secondary);
    }
    return dfu_usb_slot_check(slot);
}

int dfu_sim_usb_init(struct dfu_sim_usb *port, const struct dfu_sim_usb_config *cfg)
{
    const struct dfu_slot_map *map = cfg->device->cfg->map;
    int err = DFU_OK;

    memset(port, 0, sizeof *port);
    port->cfg = cfg;
    for (uint8_t i = 0; !err && i < map->image_count; i++) {
        err = add_image(port, i);
    }
    if (err) {
        return err;
    }
    port->dfu_config = (struct dfu_usb_dfu_config){
        .alts = port->alts,
        .alt_count = port->dfu_config.alt_count,
        .interface = 2,
        .text_string = (uint8_t)(DFU_USB_STR_FIRST + port->dfu_config.alt_count),
        .block = port->block,
        .transfer_size = cfg->transfer_size ? cfg->transfer_size : DFU_SIM_USB_TRANSFER_SIZE,
        .upload = cfg->upload,
        .reboot = cfg->reboot || cfg->dfuse,
        .reboot_delay_ms = REBOOT_DELAY_MS,
        .will_detach = !cfg->no_will_detach,
        .detach_timeout_ms = cfg->no_will_detach ? 10 * DETACH_MS : DETACH_MS,
        .poll_timeout_ms = POLL_MS,
        .rest_ms = REST_MS,
        .has_application = has_application,
        .ctx = port,
    };
    port->usb_config = (struct dfu_usb_device_config){
        .identity = &cfg->identity,
        .dfu = &port->dfu_config,
        .cdc = true,
        .dialect = cfg->dfuse ? &dfu_usb_dfuse : NULL,
    };
    if (port->dfu_config.transfer_size > sizeof port->block) {
        return DFU_ERR_RANGE;
    }
    return dfu_usb_device_check(&port->usb_config);
}

/* ---- Life ---- */

/* A bootloader that waits goes on; nothing resets in between. */
static void leave_dfu_mode(struct dfu_sim_usb *port, uint64_t now_ms)
{
    struct dfu_sim_device *dev = port->cfg->device;

    if (dev->state == DFU_SIM_WAITING) {
        drop_download(port);
        dfu_sim_device_go_on(dev, port->wait.was_effective, now_ms);
    } else {
        dfu_sim_device_reset(dev, now_ms);
    }
    follow_start(port, now_ms);
}

/* True: it left the bus. */
static bool fulfil(struct dfu_sim_usb *port, enum dfu_usb_wish wish, uint64_t now_ms)
{
    switch (wish) {
    case DFU_USB_STAY: return false;
    case DFU_USB_ENTER_DFU:
        /* Serial recovery writes slots itself, and keeps no lock. */
        plug_in(port, port->cfg->device->state == DFU_SIM_RECOVERING ? DFU_USB_RUNTIME
                                                                     : DFU_USB_DFU_MODE);
        return true;
    case DFU_USB_RESTART: leave_dfu_mode(port, now_ms); return true;
    }
    return false;
}

static bool is_done_waiting(struct dfu_sim_usb *port, uint64_t now_ms)
{
    return port->cfg->device->state == DFU_SIM_WAITING &&
           dfu_usb_wait_look(&port->wait, &port->usb.dfu, short_ms(now_ms)) != DFU_USB_WAIT_ON;
}

bool dfu_sim_usb_poll(struct dfu_sim_usb *port, uint64_t now_ms)
{
    const struct dfu_sim_device *dev = port->cfg->device;

    if (dev->starts != port->seen_starts || dev->state != port->seen_state) {
        bool was_plugged = port->is_plugged;

        follow_start(port, now_ms);
        return was_plugged;
    }
    if (!port->is_plugged) {
        return false;
    }
    if (fulfil(port, dfu_usb_dfu_step(&port->usb.dfu, short_ms(now_ms)), now_ms)) {
        return true;
    }
    return is_done_waiting(port, now_ms) && fulfil(port, DFU_USB_RESTART, now_ms);
}

uint64_t dfu_sim_usb_due_ms(const struct dfu_sim_usb *port, uint64_t now_ms)
{
    const struct dfu_sim_device *dev = port->cfg->device;
    uint32_t due_ms;

    if (dev->starts != port->seen_starts || dev->state != port->seen_state) {
        return 0;
    }
    if (port->is_plugged && dfu_usb_dfu_has_work(&port->usb.dfu)) {
        return 0;
    }
    if (port->is_plugged && dev->state == DFU_SIM_WAITING) {
        return now_ms + WAIT_LOOK_MS;
    }
    if (!port->is_plugged || !dfu_usb_dfu_due(&port->usb.dfu, &due_ms)) {
        return UINT64_MAX;
    }
    due_ms -= short_ms(now_ms);
    return due_ms < UINT32_MAX / 2 ? now_ms + due_ms : now_ms; /* else it has passed */
}

/* ---- The cable ---- */

int dfu_sim_usb_control(struct dfu_sim_usb *port, const struct dfu_usb_setup *setup, uint8_t *data,
                        uint64_t now_ms)
{
    if (!port->is_plugged) {
        return DFU_ERR_STATE;
    }
    return dfu_usb_device_control(&port->usb, setup, data, short_ms(now_ms));
}

void dfu_sim_usb_out(struct dfu_sim_usb *port, uint8_t endpoint, const uint8_t *data, size_t len,
                     uint64_t now_ms)
{
    if (!port->is_plugged || port->usb.mode != DFU_USB_RUNTIME || endpoint != DFU_USB_EP_DATA) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (dfu_smp_serial_feed(&port->decoder, data[i]) == DFU_SMP_SERIAL_PACKET) {
            dfu_sim_device_receive(port->cfg->device, port->cfg->link, port->rx, port->decoder.len,
                                   now_ms);
        }
    }
}

size_t dfu_sim_usb_in(struct dfu_sim_usb *port, uint8_t endpoint, uint8_t *buf, size_t cap)
{
    size_t len = port->tx_len < cap ? port->tx_len : cap;

    if (!port->is_plugged || endpoint != DFU_USB_EP_DATA || len == 0) {
        return 0;
    }
    memcpy(buf, port->tx, len);
    port->tx_len -= len;
    memmove(port->tx, port->tx + len, port->tx_len);
    return len;
}

void dfu_sim_usb_bus_reset(struct dfu_sim_usb *port, uint64_t now_ms)
{
    if (port->is_plugged) {
        fulfil(port, dfu_usb_device_bus_reset(&port->usb, short_ms(now_ms)), now_ms);
    }
}

void dfu_sim_usb_send(struct dfu_sim_usb *port, const uint8_t *packet, size_t len)
{
    struct dfu_smp_serial_encoder enc;
    size_t start = port->tx_len;
    uint8_t line[SERIAL_LINE_MAX];
    size_t n;

    if (!port->is_plugged || dfu_smp_serial_encode(&enc, packet, len)) {
        return;
    }
    while ((n = dfu_smp_serial_next_line(&enc, line, sizeof line)) > 0) {
        if (n > sizeof port->tx - port->tx_len) {
            port->tx_len = start; /* better no packet than half of one */
            return;
        }
        memcpy(port->tx + port->tx_len, line, n);
        port->tx_len += n;
    }
}
