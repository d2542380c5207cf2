/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "usb_memory.h"

#include <assert.h>
#include <string.h>

#include "dfu/err.h"

static enum dfu_usb_status memory_write(void *ctx, uint32_t off, const uint8_t *data, size_t len)
{
    struct usb_memory *memory = ctx;

    if (memory->refuse_write != DFU_USB_OK) {
        return memory->refuse_write;
    }
    if (off > USB_MEMORY_SIZE || len > USB_MEMORY_SIZE - off) {
        return DFU_USB_ERR_ADDRESS;
    }
    memory->off = off;
    memory->data = data;
    memory->len = len;
    memory->steps_left = memory->steps_a_block;
    return DFU_USB_OK;
}

static enum dfu_usb_status memory_finish(void *ctx, uint32_t size)
{
    struct usb_memory *memory = ctx;

    if (memory->refuse_finish != DFU_USB_OK) {
        return memory->refuse_finish;
    }
    memory->finished = size;
    memory->len = 0;
    memory->steps_left = memory->steps_a_block;
    return DFU_USB_OK;
}

static enum dfu_usb_status memory_step(void *ctx)
{
    struct usb_memory *memory = ctx;

    memory->steps_done++;
    if (memory->fail_step != DFU_USB_OK) {
        return memory->fail_step;
    }
    assert(memory->steps_left > 0);
    memory->steps_left--;
    if (memory->steps_left > 0) {
        return DFU_USB_MORE;
    }
    if (memory->len > 0) {
        memcpy(memory->bytes + memory->off, memory->data, memory->len);
    }
    return DFU_USB_OK;
}

static uint32_t memory_left_ms(void *ctx)
{
    const struct usb_memory *memory = ctx;

    return memory->steps_left * 100;
}

static void memory_drop(void *ctx)
{
    struct usb_memory *memory = ctx;

    memory->dropped++;
    memory->data = NULL;
    memory->steps_left = 0;
}

static void memory_rest(void *ctx)
{
    struct usb_memory *memory = ctx;

    memory->rested++;
}

static int memory_read(void *ctx, uint32_t off, uint8_t *buf, size_t len)
{
    const struct usb_memory *memory = ctx;
    size_t left = off < USB_MEMORY_SIZE ? USB_MEMORY_SIZE - off : 0;

    if (memory->fail_read) {
        return DFU_ERR_IO;
    }
    if (len > left) {
        len = left;
    }
    memcpy(buf, memory->bytes + (left > 0 ? off : 0), len);
    return (int)len;
}

static const char *memory_why(void *ctx)
{
    (void)ctx;
    return "because the test says so";
}

const struct dfu_usb_target_ops usb_memory_ops = {
    .write = memory_write,
    .finish = memory_finish,
    .step = memory_step,
    .left_ms = memory_left_ms,
    .drop = memory_drop,
    .rest = memory_rest,
    .read = memory_read,
    .why = memory_why,
};

void usb_world_start(struct usb_world *w)
{
    memset(w, 0, sizeof *w);
    w->memory.steps_a_block = 2;
    w->memory.finished = UINT32_MAX;
    for (size_t i = 0; i < USB_MEMORY_SIZE; i++) {
        w->memory.bytes[i] = (uint8_t)(i * 7);
    }
    w->alts[0] = (struct dfu_usb_alt){ "image_0", &usb_memory_ops, &w->memory, false, true };
    w->alts[1] = (struct dfu_usb_alt){ "image_1", &usb_memory_ops, &w->memory, true, true };
    w->cfg = (struct dfu_usb_dfu_config){
        .alts = w->alts,
        .alt_count = 2,
        .text_string = 9,
        .block = w->block,
        .transfer_size = USB_MEMORY_BLOCK,
        .upload = true,
        .reboot_delay_ms = 500,
        .will_detach = true,
        .detach_timeout_ms = 100,
        .poll_timeout_ms = 8,
    };
    assert(dfu_usb_dfu_check(&w->cfg) == DFU_OK);
    dfu_usb_dfu_start(&w->dfu, &w->cfg, DFU_USB_DFU_MODE);
    dfu_usb_dfu_configured(&w->dfu);
    dfu_usb_dfu_select(&w->dfu, 1);
}

int usb_ask(struct usb_world *w, uint8_t request, uint16_t value, uint16_t length)
{
    bool is_in =
        request == DFU_USB_UPLOAD || request == DFU_USB_GETSTATUS || request == DFU_USB_GETSTATE;
    struct dfu_usb_setup setup = { is_in ? 0xa1 : 0x21, request, value, 0, length };

    return dfu_usb_dfu_control(&w->dfu, &setup, w->data, w->now_ms);
}

unsigned usb_status(struct usb_world *w, unsigned *status, uint32_t *poll_ms)
{
    int len = usb_ask(w, DFU_USB_GETSTATUS, 0, DFU_USB_STATUS_SIZE);

    assert(len == (int)DFU_USB_STATUS_SIZE);
    (void)len;
    if (status) {
        *status = w->data[0];
    }
    if (poll_ms) {
        *poll_ms = w->data[1] | (uint32_t)w->data[2] << 8 | (uint32_t)w->data[3] << 16;
    }
    return w->data[4];
}

void usb_work(struct usb_world *w)
{
    while (dfu_usb_dfu_has_work(&w->dfu)) {
        dfu_usb_dfu_step(&w->dfu, w->now_ms);
    }
}

unsigned usb_download_block(struct usb_world *w, uint16_t number, uint16_t len)
{
    int err = usb_ask(w, DFU_USB_DNLOAD, number, len);

    assert(err == 0);
    (void)err;
    usb_status(w, NULL, NULL);
    usb_work(w);
    return usb_status(w, NULL, NULL);
}

/* What leads from the state before to this one, in the order of a download. */
void usb_world_reach(struct usb_world *w, enum dfu_usb_state state)
{
    usb_world_start(w);
    switch (state) {
    case DFU_USB_APP_IDLE: dfu_usb_dfu_start(&w->dfu, &w->cfg, DFU_USB_RUNTIME); break;
    case DFU_USB_APP_DETACH:
        dfu_usb_dfu_start(&w->dfu, &w->cfg, DFU_USB_RUNTIME);
        usb_ask(w, DFU_USB_DETACH, 1000, 0);
        break;
    case DFU_USB_IDLE: break;
    case DFU_USB_DNLOAD_SYNC: usb_ask(w, DFU_USB_DNLOAD, 0, 8); break;
    case DFU_USB_DNBUSY:
        usb_ask(w, DFU_USB_DNLOAD, 0, 8);
        usb_status(w, NULL, NULL);
        break;
    case DFU_USB_DNLOAD_IDLE: usb_download_block(w, 0, 8); break;
    case DFU_USB_MANIFEST_SYNC:
    case DFU_USB_MANIFEST:
    case DFU_USB_MANIFEST_WAIT_RESET:
        w->cfg.reboot = state == DFU_USB_MANIFEST_WAIT_RESET;
        usb_download_block(w, 0, 8);
        usb_ask(w, DFU_USB_DNLOAD, 1, 0);
        if (state != DFU_USB_MANIFEST_SYNC) {
            usb_status(w, NULL, NULL);
        }
        if (state == DFU_USB_MANIFEST_WAIT_RESET) {
            usb_work(w);
        }
        break;
    case DFU_USB_UPLOAD_IDLE: usb_ask(w, DFU_USB_UPLOAD, 0, 8); break;
    case DFU_USB_ERROR: usb_ask(w, DFU_USB_CLRSTATUS, 0, 0); break;
    }
    assert(w->dfu.state == state);
}
