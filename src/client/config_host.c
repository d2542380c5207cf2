/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The host's side of the configuration channel: one report a step. Always holds: `then` is what
 * goes on once an answer or the end of a wait is there; every wait is counted. */
#include "dfu/config_host.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "dfu/err.h"

#define AT_ID        0u
#define AT_RECIPIENT 1u
#define AT_EVENT     2u
#define AT_STATUS    3u
#define AT_LEN       4u
#define AT_DATA      5u

#define PENDING_MS    20u
#define PENDING_TRIES 200u
#define STRINGS_MAX   (2u * (DFU_CONFIG_OPTIONS_MAX + 2u)) /* until a module has told all */
#define CRC_INITIAL   1u
#define OTHER_MS      1000u
#define OTHER_WAITS   3600u
#define ACTIVE_WAITS  8u /* more than the device's own time-out of an update that broke off */
#define CLEAN_MS      250u
#define CLEAN_WAITS   1200u
#define STORE_MS      50u
#define STORE_WAITS   1200u /* without progress */
#define STARTS_MAX    4u

/* ---- Ends ---- */

static void fail(struct dfu_config_host *host, int err)
{
    host->order = DFU_CONFIG_HOST_FAILED;
    host->err = err;
}

static void refuse(struct dfu_config_host *host, enum dfu_config_host_refusal refusal)
{
    host->refusal = refusal;
    fail(host, DFU_ERR_STATE);
}

static void done(struct dfu_config_host *host)
{
    host->order = DFU_CONFIG_HOST_DONE;
}

/* ---- Requests ---- */

static void ask(struct dfu_config_host *host, enum dfu_config_status op, uint8_t event,
                const void *data, size_t len, void (*then)(struct dfu_config_host *host))
{
    memset(host->report, 0, sizeof host->report);
    host->report[AT_ID] = DFU_CONFIG_REPORT_ID;
    host->report[AT_EVENT] = event;
    host->report[AT_STATUS] = (uint8_t)op;
    host->report[AT_LEN] = (uint8_t)len;
    if (len > 0) {
        memcpy(host->report + AT_DATA, data, len);
    }
    host->order = DFU_CONFIG_HOST_SET;
    host->tries = 0;
    host->then = then;
}

static uint8_t event_of(const struct dfu_config_host *host, enum dfu_config_dfu_option option)
{
    return (uint8_t)(host->module << 4 | host->options[option]);
}

static void fetch(struct dfu_config_host *host, enum dfu_config_dfu_option option,
                  void (*then)(struct dfu_config_host *host))
{
    if (host->options[option] == 0) {
        refuse(host, DFU_CONFIG_HOST_REJECTED);
        return;
    }
    ask(host, DFU_CONFIG_FETCH, event_of(host, option), NULL, 0, then);
}

static void set(struct dfu_config_host *host, enum dfu_config_dfu_option option, const void *data,
                size_t len, void (*then)(struct dfu_config_host *host))
{
    if (host->options[option] == 0) {
        refuse(host, DFU_CONFIG_HOST_REJECTED);
        return;
    }
    ask(host, DFU_CONFIG_SET, event_of(host, option), data, len, then);
}

static void wait(struct dfu_config_host *host, uint32_t ms, enum dfu_config_host_order after)
{
    host->order = DFU_CONFIG_HOST_WAIT;
    host->wait_ms = ms;
    host->after_wait = after;
}

/* Wait and ask the same again, at most so many times in a row. */
static void again_later(struct dfu_config_host *host, uint32_t ms, unsigned waits,
                        enum dfu_config_host_refusal refusal)
{
    if (host->waits++ >= waits) {
        refuse(host, refusal);
        return;
    }
    host->tries = 0;
    wait(host, ms, DFU_CONFIG_HOST_SET);
}

/* ---- Information ---- */

static void describe(struct dfu_config_host *host);

static void told_text(struct dfu_config_host *host, char out[DFU_CONFIG_FETCH_MAX + 1], size_t skip)
{
    size_t len = host->data_len > skip ? host->data_len - skip : 0;

    len = len < DFU_CONFIG_FETCH_MAX ? len : DFU_CONFIG_FETCH_MAX;
    memset(out, 0, DFU_CONFIG_FETCH_MAX + 1);
    for (size_t i = 0; i < len; i++) {
        uint8_t c = host->data[skip + i];
        bool is_ascii = c >= ' ' && c <= '~';

        out[i] = (char)(is_ascii ? c : (uint8_t)'?');
    }
}

static void told_firmware(struct dfu_config_host *host)
{
    const uint8_t *data = host->data;

    host->has_firmware = host->data_len == 13;
    if (host->has_firmware) {
        host->slot = data[0];
        host->image_size = get_le32(data + 1);
        host->version =
            (struct dfu_image_version){ data[5], data[6], get_le16(data + 7), get_le32(data + 9) };
    }
}

static bool told_sync(struct dfu_config_host *host)
{
    const uint8_t *data = host->data;

    if (host->is_rejected || host->data_len != 15 || data[0] > DFU_CONFIG_DFU_ACTIVE_OTHER) {
        fail(host, DFU_ERR_FORMAT);
        return false;
    }
    host->sync =
        (struct dfu_config_sync){ (enum dfu_config_dfu_state)data[0], get_le32(data + 1),
                                  get_le32(data + 5), get_le32(data + 9), get_le16(data + 13) };
    return true;
}

enum info_step {
    ASK_BOARD,
    ASK_HWID,
    ASK_VARIANT,
    ASK_FIRMWARE,
    ASK_DEVICE,
    ASK_SYNC,
    ASK_NOTHING
};

static void next_info(struct dfu_config_host *host);

static void take_info(struct dfu_config_host *host)
{
    switch ((enum info_step)host->step) {
    case ASK_BOARD: told_text(host, host->board, 0); break;
    case ASK_HWID:
        if (host->data_len == sizeof host->hwid) {
            memcpy(host->hwid, host->data, sizeof host->hwid);
        }
        break;
    case ASK_VARIANT: told_text(host, host->variant, 0); break;
    case ASK_FIRMWARE: told_firmware(host); break;
    case ASK_DEVICE:
        if (host->data_len >= 4) {
            host->vendor = get_le16(host->data);
            host->product = get_le16(host->data + 2);
            told_text(host, host->generation, 4);
        }
        break;
    case ASK_SYNC:
        if (!told_sync(host)) {
            return;
        }
        break;
    case ASK_NOTHING: break;
    }
    host->step++;
    next_info(host);
}

/* What an older device lacks is passed over. */
static void fetch_if_there(struct dfu_config_host *host, enum dfu_config_dfu_option option)
{
    if (host->options[option] != 0) {
        fetch(host, option, take_info);
    } else {
        host->step++;
        next_info(host);
    }
}

static void next_info(struct dfu_config_host *host)
{
    switch ((enum info_step)host->step) {
    case ASK_BOARD: ask(host, DFU_CONFIG_GET_BOARD_NAME, 0, NULL, 0, take_info); break;
    case ASK_HWID: ask(host, DFU_CONFIG_GET_HWID, 0, NULL, 0, take_info); break;
    case ASK_VARIANT: fetch_if_there(host, DFU_CONFIG_DFU_VARIANT); break;
    case ASK_FIRMWARE: fetch_if_there(host, DFU_CONFIG_DFU_FWINFO); break;
    case ASK_DEVICE: fetch_if_there(host, DFU_CONFIG_DFU_DEVINFO); break;
    case ASK_SYNC: fetch(host, DFU_CONFIG_DFU_SYNC, take_info); break;
    case ASK_NOTHING: done(host); break;
    }
}

static bool is_told(const struct dfu_config_host *host, const char *word)
{
    return host->data_len == strlen(word) && memcmp(host->data, word, host->data_len) == 0;
}

static void next_module(struct dfu_config_host *host)
{
    if (++host->module >= host->module_count) {
        refuse(host, DFU_CONFIG_HOST_NO_MODULE);
        return;
    }
    host->has_newline = false;
    host->strings = 0;
    describe(host);
}

static void take_option(struct dfu_config_host *host, uint8_t nibble)
{
    for (uint8_t i = 0; i < dfu_config_dfu_module.option_count; i++) {
        if (is_told(host, dfu_config_dfu_module.options[i])) {
            host->options[i] = nibble;
        }
    }
}

/* Strings come round and round: a line's end, the name, the options in order. */
static void take_string(struct dfu_config_host *host)
{
    bool is_newline = is_told(host, "\n");

    if (host->is_rejected || ++host->strings > STRINGS_MAX) {
        next_module(host);
        return;
    }
    if (!host->has_newline) {
        host->has_newline = is_newline;
        host->step = 0;
        describe(host);
        return;
    }
    if (is_newline) {
        host->step = ASK_BOARD;
        next_info(host);
        return;
    }
    if (host->step == 0 && !is_told(host, dfu_config_dfu_module.name)) {
        next_module(host);
        return;
    }
    if (host->step > 0 && host->step <= DFU_CONFIG_OPTIONS_MAX) {
        take_option(host, host->step);
    }
    host->step++;
    describe(host);
}

static void describe(struct dfu_config_host *host)
{
    ask(host, DFU_CONFIG_FETCH, (uint8_t)(host->module << 4), NULL, 0, take_string);
}

static void take_module_count(struct dfu_config_host *host)
{
    if (host->is_rejected || host->data_len != 1 || host->data[0] >= DFU_CONFIG_MODULES_MAX) {
        fail(host, DFU_ERR_FORMAT);
        return;
    }
    host->module_count = (uint8_t)(host->data[0] + 1);
    describe(host);
}

void dfu_config_host_info(struct dfu_config_host *host)
{
    memset(host, 0, sizeof *host);
    ask(host, DFU_CONFIG_GET_MAX_MOD_ID, 0, NULL, 0, take_module_count);
}

/* ---- Upload ---- */

static void ask_ready(struct dfu_config_host *host);
static void send_next(struct dfu_config_host *host);

static bool is_ours(const struct dfu_config_host *host)
{
    return host->sync.length == host->len && host->sync.checksum == host->checksum;
}

static void take_stored(struct dfu_config_host *host)
{
    const struct dfu_config_sync *sync = &host->sync;

    if (!told_sync(host)) {
        return;
    }
    if (sync->state == DFU_CONFIG_DFU_ACTIVE_OTHER) {
        refuse(host, DFU_CONFIG_HOST_LOST);
    } else if (!is_ours(host)) {
        refuse(host, host->at == host->len && sync->length == 0 ? DFU_CONFIG_HOST_DISCARDED
                                                                : DFU_CONFIG_HOST_MISMATCH);
    } else if (sync->state == DFU_CONFIG_DFU_STORING) {
        host->waits = sync->offset != host->seen ? 0 : host->waits;
        host->seen = sync->offset;
        host->stored = min_u32(sync->offset, host->len);
        again_later(host, STORE_MS, STORE_WAITS, DFU_CONFIG_HOST_INTERRUPTED);
    } else if (sync->state == DFU_CONFIG_DFU_INACTIVE && sync->offset == host->len) {
        host->stored = host->len;
        done(host);
    } else if (sync->state != DFU_CONFIG_DFU_ACTIVE) {
        refuse(host, DFU_CONFIG_HOST_INTERRUPTED);
    } else if (sync->offset != host->at || host->at == host->len) {
        refuse(host, DFU_CONFIG_HOST_MISMATCH);
    } else {
        host->stored = sync->offset;
        host->waits = 0;
        send_next(host);
    }
}

/* A whole buffer, counted from where it began, then sync. */
static void send_next(struct dfu_config_host *host)
{
    uint32_t at = host->at;
    uint32_t in_buffer = (at - host->resumed_at) % host->buf_size;
    uint32_t n = min_u32(DFU_CONFIG_DATA_MAX, host->buf_size - in_buffer);
    bool is_full;

    n = min_u32(n, host->len - at);
    is_full = in_buffer + n == host->buf_size || at + n == host->len;
    host->at += n;
    host->seen = 0;
    set(host, DFU_CONFIG_DFU_DATA, host->image + at, n, is_full ? ask_ready : send_next);
}

static void take_start(struct dfu_config_host *host)
{
    if (!told_sync(host)) {
        return;
    }
    switch (host->sync.state) {
    case DFU_CONFIG_DFU_ACTIVE:
    case DFU_CONFIG_DFU_STORING:
        if (!is_ours(host) || host->sync.offset != host->resumed_at || host->sync.buf_size == 0) {
            refuse(host, DFU_CONFIG_HOST_MISMATCH);
            return;
        }
        host->buf_size = host->sync.buf_size;
        host->at = host->stored = host->resumed_at;
        host->waits = 0;
        host->is_sending = true;
        send_next(host);
        return;
    default: ask_ready(host); return;
    }
}

static void ask_started(struct dfu_config_host *host)
{
    fetch(host, DFU_CONFIG_DFU_SYNC, take_start);
}

static void start(struct dfu_config_host *host)
{
    uint8_t data[12];

    host->resumed_at = is_ours(host) && host->sync.offset <= host->len ? host->sync.offset : 0;
    if (is_ours(host) && host->sync.offset == host->len) {
        host->was_there = true;
        host->stored = host->len;
        done(host);
        return;
    }
    if (host->starts++ >= STARTS_MAX) {
        refuse(host, DFU_CONFIG_HOST_IGNORED);
        return;
    }
    put_le32(data, host->len);
    put_le32(data + 4, host->checksum);
    put_le32(data + 8, host->resumed_at);
    set(host, DFU_CONFIG_DFU_START, data, sizeof data, ask_started);
}

static void take_ready(struct dfu_config_host *host)
{
    if (!told_sync(host)) {
        return;
    }
    switch (host->sync.state) {
    case DFU_CONFIG_DFU_INACTIVE:
        host->waits = 0;
        start(host);
        break;
    case DFU_CONFIG_DFU_CLEANING:
        again_later(host, CLEAN_MS, CLEAN_WAITS, DFU_CONFIG_HOST_INTERRUPTED);
        break;
    case DFU_CONFIG_DFU_ACTIVE_OTHER:
        again_later(host, OTHER_MS, host->is_patient ? OTHER_WAITS : 0, DFU_CONFIG_HOST_OTHER);
        break;
    default: again_later(host, OTHER_MS, ACTIVE_WAITS, DFU_CONFIG_HOST_ACTIVE); break;
    }
}

static void ask_ready(struct dfu_config_host *host)
{
    fetch(host, DFU_CONFIG_DFU_SYNC, host->is_sending ? take_stored : take_ready);
}

static void begin(struct dfu_config_host *host)
{
    host->err = DFU_OK;
    host->refusal = DFU_CONFIG_HOST_NOT_REFUSED;
    host->waits = host->starts = 0;
    host->is_sending = host->was_there = false;
}

void dfu_config_host_upload(struct dfu_config_host *host, const uint8_t *image, uint32_t len,
                            bool is_patient)
{
    begin(host);
    host->image = image;
    host->len = len;
    host->checksum = dfu_crc32(CRC_INITIAL, image, len);
    host->is_patient = is_patient;
    ask_ready(host);
}

/* ---- Restart ---- */

static void take_reboot(struct dfu_config_host *host)
{
    if (host->is_rejected || host->data_len != 1) {
        fail(host, DFU_ERR_FORMAT);
    } else if (host->data[0] == 1) {
        done(host);
    } else {
        refuse(host, DFU_CONFIG_HOST_OTHER);
    }
}

void dfu_config_host_reboot(struct dfu_config_host *host)
{
    begin(host);
    fetch(host, DFU_CONFIG_DFU_REBOOT, take_reboot);
}

/* ---- Answers ---- */

/* A stall or a pending answer is asked for again for a while. */
static void try_again(struct dfu_config_host *host, enum dfu_config_host_order after, int err)
{
    if (++host->tries > PENDING_TRIES) {
        if (err == DFU_ERR_STATE) {
            refuse(host, DFU_CONFIG_HOST_STALLED);
        } else {
            fail(host, err);
        }
        return;
    }
    wait(host, PENDING_MS, after);
}

static void take_report(struct dfu_config_host *host, const uint8_t *report)
{
    uint8_t status = report[AT_STATUS];

    bool is_to_us = report[AT_RECIPIENT] == host->report[AT_RECIPIENT] &&
                    report[AT_EVENT] == host->report[AT_EVENT];
    bool is_unaddressed = status == DFU_CONFIG_PENDING || status == DFU_CONFIG_TIMEOUT;

    if (report[AT_ID] != DFU_CONFIG_REPORT_ID || report[AT_LEN] > DFU_CONFIG_DATA_MAX ||
        (!is_to_us && !is_unaddressed)) {
        fail(host, DFU_ERR_FORMAT);
    } else if (status == DFU_CONFIG_PENDING) {
        try_again(host, DFU_CONFIG_HOST_GET, DFU_ERR_TIMEOUT);
    } else if (status == DFU_CONFIG_TIMEOUT) {
        fail(host, DFU_ERR_TIMEOUT);
    } else {
        host->is_rejected = status != DFU_CONFIG_SUCCESS;
        host->data_len = host->is_rejected ? 0 : report[AT_LEN];
        memcpy(host->data, report + AT_DATA, sizeof host->data);
        host->then(host);
    }
}

void dfu_config_host_answer(struct dfu_config_host *host, int result, const uint8_t *report)
{
    if (host->order == DFU_CONFIG_HOST_WAIT) {
        host->order = host->after_wait;
    } else if (result == DFU_ERR_STATE || result == DFU_ERR_BUSY) {
        try_again(host, host->order, DFU_ERR_STATE); /* what was set was taken: not that again */
    } else if (result < 0) {
        fail(host, result);
    } else if (host->order == DFU_CONFIG_HOST_SET) {
        host->order = DFU_CONFIG_HOST_GET;
    } else if (host->order == DFU_CONFIG_HOST_GET) {
        take_report(host, report);
    }
}
