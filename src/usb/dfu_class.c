/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The DFU class as one table in the order of the standard, DFU 1.1 appendix A. What it leaves open
 * is decided in docs/DESIGN.md, USB DFU.
 *
 * Always holds: a target works only in dfuDNBUSY and dfuMANIFEST, that is after a GETSTATUS has
 * said for how long; entering dfuERROR or dfuIDLE leaves no download open. */
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/usb_dfu.h"

#define TYPE_OUT         0x21u /* host to device, class, interface */
#define TYPE_IN          0xa1u
#define POLL_TIMEOUT_MAX 0xffffffu

/* A host that never asks again after the end of its download does not keep us from restarting.
 * dfu-util waits a second before it asks. */
#define RESTART_UNASKED_MS 3000u

/* The class requests by their numbers, then what has none. */
enum event { DETACH, DATA, UPLOAD, GETSTATUS, CLRSTATUS, GETSTATE, ABORT, END, OTHER };
#define IN_EVENTS (1u << UPLOAD | 1u << GETSTATUS | 1u << GETSTATE)

struct request {
    const struct dfu_usb_setup *setup;
    uint8_t *data;
    uint32_t now_ms;
    int reply; /* length of the IN data stage, or DFU_ERR_STATE */
};

static const struct dfu_usb_alt *target(const struct dfu_usb_dfu *dfu)
{
    return &dfu->cfg->alts[dfu->alt];
}

/* Also for a download that is finished: whatever the target still holds, it lets go. */
static void drop(struct dfu_usb_dfu *dfu)
{
    if (dfu->is_open) {
        target(dfu)->ops->drop(target(dfu)->ctx);
    }
    dfu->is_open = false;
    dfu->is_working = false;
    dfu->is_resting = false;
}

static void end_with(struct dfu_usb_dfu *dfu, enum dfu_usb_status status)
{
    drop(dfu);
    dfu->status = (uint8_t)status;
    dfu->why = NULL;
}

static void note_refusal(struct dfu_usb_dfu *dfu, enum dfu_usb_status status)
{
    const struct dfu_usb_alt *alt = target(dfu);

    dfu->status = (uint8_t)status;
    dfu->why = alt->ops->why ? alt->ops->why(alt->ctx) : NULL;
}

static void set_timer(struct dfu_usb_dfu *dfu, uint32_t now_ms, uint32_t after_ms)
{
    dfu->is_timer_on = true;
    dfu->timer_ms = now_ms + after_ms;
}

/* ---- Guards ---- */

static bool always(const struct dfu_usb_dfu *dfu)
{
    (void)dfu;
    return true;
}

static bool can_upload(const struct dfu_usb_dfu *dfu)
{
    return dfu->cfg->upload && target(dfu)->can_upload;
}

static bool has_failed(const struct dfu_usb_dfu *dfu)
{
    return dfu->status != DFU_USB_OK;
}

static bool has_work(const struct dfu_usb_dfu *dfu)
{
    return dfu->is_working;
}

static bool is_tolerant(const struct dfu_usb_dfu *dfu)
{
    return !dfu->cfg->reboot;
}

/* ---- Actions: each returns the next state ---- */

static uint8_t refuse(struct dfu_usb_dfu *dfu, struct request *r, enum dfu_usb_status status)
{
    end_with(dfu, status);
    r->reply = DFU_ERR_STATE;
    return DFU_USB_ERROR;
}

/* appIDLE to appDETACH */
static uint8_t begin_detach(struct dfu_usb_dfu *dfu, struct request *r, uint8_t next)
{
    uint32_t wait_ms = dfu->cfg->detach_timeout_ms;

    if (!dfu->cfg->will_detach) {
        wait_ms = min_u32(wait_ms, r->setup->value);
    }
    set_timer(dfu, r->now_ms, wait_ms);
    return next;
}

/* Outside the standard, but dfu-util says it before it resets the bus to end DFU mode. */
static uint8_t leave(struct dfu_usb_dfu *dfu, struct request *r, uint8_t next)
{
    if (dfu->cfg->will_detach) {
        set_timer(dfu, r->now_ms, dfu->cfg->detach_timeout_ms);
    }
    return next;
}

/* A transfer begins with block 0; the numbers wrap. */
static bool is_in_order(struct dfu_usb_dfu *dfu, const struct request *r)
{
    if (dfu->state == DFU_USB_IDLE) {
        dfu->off = 0;
        dfu->block_number = 0;
    }
    return r->setup->value == dfu->block_number;
}

static void count_block(struct dfu_usb_dfu *dfu, uint32_t len)
{
    dfu->off += len;
    dfu->block_number++;
}

static uint8_t take_block(struct dfu_usb_dfu *dfu, struct request *r, uint8_t next)
{
    const struct dfu_usb_alt *alt = target(dfu);
    enum dfu_usb_status status;

    if (!is_in_order(dfu, r)) {
        return refuse(dfu, r, DFU_USB_ERR_UNKNOWN);
    }
    if (!alt->can_download) {
        dfu->status = DFU_USB_ERR_WRITE; /* told at the next GETSTATUS, as any failure to write */
        dfu->why = "read only";
        return next;
    }
    memcpy(dfu->cfg->block, r->data, r->setup->length);
    dfu->is_open = true;
    dfu->is_working = true;
    status = alt->ops->write(alt->ctx, dfu->off, dfu->cfg->block, r->setup->length);
    if (status != DFU_USB_OK) {
        note_refusal(dfu, status);
    }
    count_block(dfu, r->setup->length);
    return next;
}

/* Its block number is not looked at: nothing depends on it, and hosts differ. */
static uint8_t take_end(struct dfu_usb_dfu *dfu, struct request *r, uint8_t next)
{
    const struct dfu_usb_alt *alt = target(dfu);
    enum dfu_usb_status status = alt->ops->finish(alt->ctx, dfu->off);

    if (status != DFU_USB_OK) {
        uint8_t state = refuse(dfu, r, status);

        note_refusal(dfu, status);
        return state;
    }
    dfu->is_working = true;
    return next;
}

static uint8_t send_block(struct dfu_usb_dfu *dfu, struct request *r, uint8_t next)
{
    const struct dfu_usb_alt *alt = target(dfu);
    int len;

    if (!is_in_order(dfu, r)) {
        return refuse(dfu, r, DFU_USB_ERR_UNKNOWN);
    }
    len = alt->ops->read(alt->ctx, dfu->off, r->data, r->setup->length);
    if (len < 0) {
        return refuse(dfu, r, DFU_USB_ERR_UNKNOWN);
    }
    count_block(dfu, (uint32_t)len);
    r->reply = len;
    return len < r->setup->length ? DFU_USB_IDLE : next;
}

static uint8_t send_status(struct dfu_usb_dfu *dfu, struct request *r, uint8_t next)
{
    uint8_t answer[DFU_USB_STATUS_SIZE] = { dfu->status, 0, 0, 0, next, 0 };
    uint32_t poll_ms = 0;

    if (dfu->is_working && (next == DFU_USB_DNBUSY || next == DFU_USB_MANIFEST)) {
        poll_ms = target(dfu)->ops->left_ms(target(dfu)->ctx);
        poll_ms = min_u32(max_u32(poll_ms, dfu->cfg->poll_timeout_ms), POLL_TIMEOUT_MAX);
    }
    answer[1] = (uint8_t)poll_ms;
    answer[2] = (uint8_t)(poll_ms >> 8);
    answer[3] = (uint8_t)(poll_ms >> 16);
    if (dfu->why) {
        answer[5] = dfu->cfg->text_string;
    }
    r->reply = (int)min_u32(r->setup->length, sizeof answer);
    memcpy(r->data, answer, (size_t)r->reply);
    if (next == DFU_USB_ERROR || next == DFU_USB_IDLE) {
        drop(dfu);
    }
    return next;
}

/* dfuMANIFEST-WAIT-RESET, with the restart that is due. */
static uint8_t send_last_status(struct dfu_usb_dfu *dfu, struct request *r, uint8_t next)
{
    set_timer(dfu, r->now_ms, dfu->cfg->reboot_delay_ms);
    return send_status(dfu, r, next);
}

static uint8_t send_state(struct dfu_usb_dfu *dfu, struct request *r, uint8_t next)
{
    r->reply = r->setup->length > 0 ? 1 : 0;
    if (r->reply > 0) {
        r->data[0] = dfu->state;
    }
    return next;
}

static uint8_t forget(struct dfu_usb_dfu *dfu, struct request *r, uint8_t next)
{
    (void)r;
    end_with(dfu, DFU_USB_OK);
    return next;
}

/* ---- The table ---- */

/* Numbers instead of pointers make a row five bytes. */
enum guard { ALWAYS, CAN_UPLOAD, HAS_FAILED, HAS_WORK, IS_TOLERANT };
enum action {
    BEGIN_DETACH,
    LEAVE,
    TAKE_BLOCK,
    TAKE_END,
    SEND_BLOCK,
    SEND_STATUS,
    SEND_LAST_STATUS,
    SEND_STATE,
    FORGET,
};

static bool (*const guards[])(const struct dfu_usb_dfu *dfu) = {
    [ALWAYS] = always,     [CAN_UPLOAD] = can_upload,   [HAS_FAILED] = has_failed,
    [HAS_WORK] = has_work, [IS_TOLERANT] = is_tolerant,
};

static uint8_t (*const actions[])(struct dfu_usb_dfu *dfu, struct request *r, uint8_t next) = {
    [BEGIN_DETACH] = begin_detach,
    [LEAVE] = leave,
    [TAKE_BLOCK] = take_block,
    [TAKE_END] = take_end,
    [SEND_BLOCK] = send_block,
    [SEND_STATUS] = send_status,
    [SEND_LAST_STATUS] = send_last_status,
    [SEND_STATE] = send_state,
    [FORGET] = forget,
};

/* The first row that fits wins. No row: stall; in DFU mode that is also dfuERROR with
 * errSTALLEDPKT. Times and bus resets are below. */
static const struct row {
    uint8_t in, on, when, act, next;
} rows[] = {
    /* A.2.1 appIDLE */
    { DFU_USB_APP_IDLE, DETACH, ALWAYS, BEGIN_DETACH, DFU_USB_APP_DETACH },
    { DFU_USB_APP_IDLE, GETSTATUS, ALWAYS, SEND_STATUS, DFU_USB_APP_IDLE },
    { DFU_USB_APP_IDLE, GETSTATE, ALWAYS, SEND_STATE, DFU_USB_APP_IDLE },
    /* A.2.2 appDETACH */
    { DFU_USB_APP_DETACH, GETSTATUS, ALWAYS, SEND_STATUS, DFU_USB_APP_DETACH },
    { DFU_USB_APP_DETACH, GETSTATE, ALWAYS, SEND_STATE, DFU_USB_APP_DETACH },
    /* A.2.3 dfuIDLE */
    { DFU_USB_IDLE, DETACH, ALWAYS, LEAVE, DFU_USB_IDLE },
    { DFU_USB_IDLE, DATA, ALWAYS, TAKE_BLOCK, DFU_USB_DNLOAD_SYNC },
    { DFU_USB_IDLE, UPLOAD, CAN_UPLOAD, SEND_BLOCK, DFU_USB_UPLOAD_IDLE },
    { DFU_USB_IDLE, GETSTATUS, ALWAYS, SEND_STATUS, DFU_USB_IDLE },
    { DFU_USB_IDLE, GETSTATE, ALWAYS, SEND_STATE, DFU_USB_IDLE },
    { DFU_USB_IDLE, ABORT, ALWAYS, FORGET, DFU_USB_IDLE },
    /* A.2.4 dfuDNLOAD-SYNC */
    { DFU_USB_DNLOAD_SYNC, GETSTATUS, HAS_FAILED, SEND_STATUS, DFU_USB_ERROR },
    { DFU_USB_DNLOAD_SYNC, GETSTATUS, HAS_WORK, SEND_STATUS, DFU_USB_DNBUSY },
    { DFU_USB_DNLOAD_SYNC, GETSTATUS, ALWAYS, SEND_STATUS, DFU_USB_DNLOAD_IDLE },
    { DFU_USB_DNLOAD_SYNC, GETSTATE, ALWAYS, SEND_STATE, DFU_USB_DNLOAD_SYNC },
    { DFU_USB_DNLOAD_SYNC, ABORT, ALWAYS, FORGET, DFU_USB_IDLE },
    /* A.2.5 dfuDNBUSY: a host that asks too early is told again, not punished */
    { DFU_USB_DNBUSY, GETSTATUS, ALWAYS, SEND_STATUS, DFU_USB_DNBUSY },
    { DFU_USB_DNBUSY, GETSTATE, ALWAYS, SEND_STATE, DFU_USB_DNBUSY },
    /* A.2.6 dfuDNLOAD-IDLE */
    { DFU_USB_DNLOAD_IDLE, DATA, ALWAYS, TAKE_BLOCK, DFU_USB_DNLOAD_SYNC },
    { DFU_USB_DNLOAD_IDLE, END, ALWAYS, TAKE_END, DFU_USB_MANIFEST_SYNC },
    { DFU_USB_DNLOAD_IDLE, GETSTATUS, ALWAYS, SEND_STATUS, DFU_USB_DNLOAD_IDLE },
    { DFU_USB_DNLOAD_IDLE, GETSTATE, ALWAYS, SEND_STATE, DFU_USB_DNLOAD_IDLE },
    { DFU_USB_DNLOAD_IDLE, ABORT, ALWAYS, FORGET, DFU_USB_IDLE },
    /* A.2.7 dfuMANIFEST-SYNC */
    { DFU_USB_MANIFEST_SYNC, GETSTATUS, HAS_FAILED, SEND_STATUS, DFU_USB_ERROR },
    { DFU_USB_MANIFEST_SYNC, GETSTATUS, HAS_WORK, SEND_STATUS, DFU_USB_MANIFEST },
    { DFU_USB_MANIFEST_SYNC, GETSTATUS, IS_TOLERANT, SEND_STATUS, DFU_USB_IDLE },
    { DFU_USB_MANIFEST_SYNC, GETSTATE, ALWAYS, SEND_STATE, DFU_USB_MANIFEST_SYNC },
    { DFU_USB_MANIFEST_SYNC, ABORT, ALWAYS, FORGET, DFU_USB_IDLE },
    /* A.2.8 dfuMANIFEST */
    { DFU_USB_MANIFEST, GETSTATUS, ALWAYS, SEND_STATUS, DFU_USB_MANIFEST },
    { DFU_USB_MANIFEST, GETSTATE, ALWAYS, SEND_STATE, DFU_USB_MANIFEST },
    /* A.2.9 dfuMANIFEST-WAIT-RESET */
    { DFU_USB_MANIFEST_WAIT_RESET, GETSTATUS, ALWAYS, SEND_LAST_STATUS,
      DFU_USB_MANIFEST_WAIT_RESET },
    { DFU_USB_MANIFEST_WAIT_RESET, GETSTATE, ALWAYS, SEND_STATE, DFU_USB_MANIFEST_WAIT_RESET },
    /* A.2.10 dfuUPLOAD-IDLE */
    { DFU_USB_UPLOAD_IDLE, DETACH, ALWAYS, LEAVE, DFU_USB_UPLOAD_IDLE },
    { DFU_USB_UPLOAD_IDLE, UPLOAD, ALWAYS, SEND_BLOCK, DFU_USB_UPLOAD_IDLE },
    { DFU_USB_UPLOAD_IDLE, GETSTATUS, ALWAYS, SEND_STATUS, DFU_USB_UPLOAD_IDLE },
    { DFU_USB_UPLOAD_IDLE, GETSTATE, ALWAYS, SEND_STATE, DFU_USB_UPLOAD_IDLE },
    { DFU_USB_UPLOAD_IDLE, ABORT, ALWAYS, FORGET, DFU_USB_IDLE },
    /* A.2.11 dfuERROR */
    { DFU_USB_ERROR, DETACH, ALWAYS, LEAVE, DFU_USB_ERROR },
    { DFU_USB_ERROR, GETSTATUS, ALWAYS, SEND_STATUS, DFU_USB_ERROR },
    { DFU_USB_ERROR, CLRSTATUS, ALWAYS, FORGET, DFU_USB_IDLE },
    { DFU_USB_ERROR, GETSTATE, ALWAYS, SEND_STATE, DFU_USB_ERROR },
};

static enum event event_of(const struct dfu_usb_dfu *dfu, const struct dfu_usb_setup *setup,
                           const uint8_t *data)
{
    enum event event = (enum event)setup->request;

    if (event > ABORT || setup->type != ((IN_EVENTS >> event) & 1 ? TYPE_IN : TYPE_OUT)) {
        return OTHER;
    }
    if (setup->length == 0) {
        return event == DATA ? END : event;
    }
    if (!data || ((event == DATA || event == UPLOAD) && setup->length > dfu->cfg->transfer_size)) {
        return OTHER;
    }
    return event;
}

int dfu_usb_dfu_control(struct dfu_usb_dfu *dfu, const struct dfu_usb_setup *setup, uint8_t *data,
                        uint32_t now_ms)
{
    struct request r = { .setup = setup, .data = data, .now_ms = now_ms };
    enum event event = event_of(dfu, setup, data);

    dfu->was_asked = true;
    dfu->is_resting = false;
    dfu->asked_ms = now_ms;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];

        if (row->in == dfu->state && row->on == event && guards[row->when](dfu)) {
            dfu->state = actions[row->act](dfu, &r, row->next);
            return r.reply;
        }
    }
    if (dfu->state == DFU_USB_APP_DETACH) {
        dfu->state = DFU_USB_APP_IDLE;
        dfu->is_timer_on = false;
    } else if (dfu->state >= DFU_USB_IDLE && dfu->state != DFU_USB_MANIFEST_WAIT_RESET &&
               dfu->state != DFU_USB_ERROR) {
        dfu->state = refuse(dfu, &r, DFU_USB_ERR_STALLEDPKT);
    }
    return DFU_ERR_STATE;
}

/* ---- Times, bus events, alternates ---- */

static bool has_application(const struct dfu_usb_dfu *dfu)
{
    return !dfu->cfg->has_application || dfu->cfg->has_application(dfu->cfg->ctx);
}

/* Restart, unless there is nothing to start: then DFU mode says so and stays. */
static enum dfu_usb_wish leave_dfu(struct dfu_usb_dfu *dfu)
{
    bool was_open = dfu->is_open;

    if (dfu->state == DFU_USB_MANIFEST_WAIT_RESET || has_application(dfu)) {
        return DFU_USB_RESTART;
    }
    end_with(dfu, was_open ? DFU_USB_ERR_USBR : DFU_USB_ERR_FIRMWARE);
    dfu->state = DFU_USB_ERROR;
    return DFU_USB_STAY;
}

enum dfu_usb_wish dfu_usb_dfu_bus_reset(struct dfu_usb_dfu *dfu, uint32_t now_ms)
{
    bool is_meant = dfu->was_configured && dfu->was_asked;

    dfu->asked_ms = now_ms;
    dfu->was_configured = false;
    if (dfu->state == DFU_USB_APP_DETACH) {
        return DFU_USB_ENTER_DFU;
    }
    /* Hosts also reset a port while they enumerate it. */
    if (dfu->state == DFU_USB_APP_IDLE || !is_meant) {
        return DFU_USB_STAY;
    }
    dfu->is_timer_on = false;
    return leave_dfu(dfu);
}

static enum dfu_usb_wish timer_ended(struct dfu_usb_dfu *dfu)
{
    dfu->is_timer_on = false;
    if (dfu->state != DFU_USB_APP_DETACH) {
        return leave_dfu(dfu);
    }
    if (dfu->cfg->will_detach) {
        return DFU_USB_ENTER_DFU;
    }
    dfu->state = DFU_USB_APP_IDLE;
    return DFU_USB_STAY;
}

/* The standard's "poll time elapsed": the work is done before the host asks again. */
static void work_ended(struct dfu_usb_dfu *dfu, uint32_t now_ms)
{
    dfu->is_working = false;
    if (dfu->state == DFU_USB_DNBUSY) {
        dfu->state = DFU_USB_DNLOAD_SYNC;
    } else if (is_tolerant(dfu) || has_failed(dfu)) {
        dfu->state = DFU_USB_MANIFEST_SYNC;
    } else {
        dfu->state = DFU_USB_MANIFEST_WAIT_RESET;
        set_timer(dfu, now_ms, RESTART_UNASKED_MS);
    }
}

static bool is_time(uint32_t now_ms, uint32_t due_ms)
{
    return now_ms - due_ms < UINT32_MAX / 2;
}

static bool may_rest(const struct dfu_usb_dfu *dfu)
{
    return dfu->is_open && !dfu_usb_dfu_has_work(dfu) && !dfu->is_resting && dfu->cfg->rest_ms > 0;
}

enum dfu_usb_wish dfu_usb_dfu_step(struct dfu_usb_dfu *dfu, uint32_t now_ms)
{
    const struct dfu_usb_alt *alt = target(dfu);

    if (dfu_usb_dfu_has_work(dfu)) {
        enum dfu_usb_status status = alt->ops->step(alt->ctx);

        if (status == DFU_USB_MORE) {
            return DFU_USB_STAY;
        }
        if (status != DFU_USB_OK) {
            note_refusal(dfu, status);
        }
        dfu->asked_ms = now_ms; /* silence counts from here, not from before a long erase */
        work_ended(dfu, now_ms);
    }
    if (dfu->is_timer_on && is_time(now_ms, dfu->timer_ms)) {
        return timer_ended(dfu);
    }
    if (may_rest(dfu) && is_time(now_ms, dfu->asked_ms + dfu->cfg->rest_ms)) {
        dfu->is_resting = true;
        if (alt->ops->rest) {
            alt->ops->rest(alt->ctx);
        }
    }
    return DFU_USB_STAY;
}

bool dfu_usb_dfu_has_work(const struct dfu_usb_dfu *dfu)
{
    return dfu->is_working && (dfu->state == DFU_USB_DNBUSY || dfu->state == DFU_USB_MANIFEST);
}

bool dfu_usb_dfu_due(const struct dfu_usb_dfu *dfu, uint32_t *due_ms)
{
    uint32_t rest_ms = dfu->asked_ms + dfu->cfg->rest_ms;

    if (dfu->is_timer_on) {
        *due_ms = dfu->timer_ms;
        return true;
    }
    *due_ms = rest_ms;
    return may_rest(dfu);
}

int dfu_usb_dfu_select(struct dfu_usb_dfu *dfu, uint16_t alt)
{
    bool is_busy = dfu->state == DFU_USB_DNBUSY || dfu->state == DFU_USB_MANIFEST ||
                   dfu->state == DFU_USB_MANIFEST_WAIT_RESET;

    if (dfu->state < DFU_USB_IDLE) {
        return alt == 0 ? DFU_OK : DFU_ERR_STATE;
    }
    if (is_busy || alt >= dfu->cfg->alt_count) {
        return DFU_ERR_STATE;
    }
    end_with(dfu, DFU_USB_OK);
    dfu->alt = (uint8_t)alt;
    dfu->state = DFU_USB_IDLE;
    return DFU_OK;
}

void dfu_usb_dfu_configured(struct dfu_usb_dfu *dfu)
{
    dfu->was_configured = true;
}

const char *dfu_usb_dfu_why(const struct dfu_usb_dfu *dfu)
{
    return dfu->why ? dfu->why : "";
}

/* ---- Set-up ---- */

int dfu_usb_dfu_check(const struct dfu_usb_dfu_config *cfg)
{
    if (!cfg->alts || cfg->alt_count == 0 || !cfg->block || cfg->transfer_size == 0) {
        return DFU_ERR_INVAL;
    }
    for (uint8_t i = 0; i < cfg->alt_count; i++) {
        const struct dfu_usb_alt *alt = &cfg->alts[i];

        if (!alt->name || !alt->ops) {
            return DFU_ERR_INVAL;
        }
    }
    return DFU_OK;
}

uint8_t dfu_usb_dfu_attributes(const struct dfu_usb_dfu_config *cfg)
{
    uint8_t attributes = cfg->reboot ? 0 : DFU_USB_MANIFESTATION_TOLERANT;

    if (cfg->upload) {
        attributes |= DFU_USB_CAN_UPLOAD;
    }
    if (cfg->will_detach) {
        attributes |= DFU_USB_WILL_DETACH;
    }
    for (uint8_t i = 0; i < cfg->alt_count; i++) {
        if (cfg->alts[i].can_download) {
            attributes |= DFU_USB_CAN_DNLOAD;
        }
    }
    return attributes;
}

void dfu_usb_dfu_start(struct dfu_usb_dfu *dfu, const struct dfu_usb_dfu_config *cfg,
                       enum dfu_usb_mode mode)
{
    memset(dfu, 0, sizeof *dfu);
    dfu->cfg = cfg;
    dfu->state = mode == DFU_USB_DFU_MODE ? DFU_USB_IDLE : DFU_USB_APP_IDLE;
}
