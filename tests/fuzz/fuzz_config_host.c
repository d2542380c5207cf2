/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A device that answers the configuration channel's host as it likes: most answers are those of a
 * device, with a byte or two of the fuzzer's. Whatever comes: each report is a whole request, data
 * comes in order and no more than there is, and every job ends. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "dfu/config_host.h"
#include "dfu/err.h"
#include "input.h"

#define IMAGE_SIZE 700u
#define ORDERS_MAX 2000000u
#define MODULE     2u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct device {
    uint8_t image[IMAGE_SIZE];
    struct dfu_config_sync sync;
    uint8_t strings; /* described so far */
    bool is_known;   /* the host has been told what there is */
    bool has_lied;   /* before that: its options may be any */
    uint8_t answer[DFU_CONFIG_REPORT_SIZE];
    struct input in;
};

static void reply(struct device *d, const void *data, size_t len)
{
    d->answer[3] = DFU_CONFIG_SUCCESS;
    d->answer[4] = (uint8_t)len;
    memcpy(d->answer + 5, data, len);
}

static void describe(struct device *d, uint8_t module)
{
    const struct dfu_config_module *dfu = &dfu_config_dfu_module;
    uint8_t at = d->strings++ % (uint8_t)(dfu->option_count + 2);
    const char *text = module == MODULE ? dfu->name : "info";

    if (at > 0) {
        text = at <= dfu->option_count ? dfu->options[at - 1] : "\n";
    }
    reply(d, text, strlen(text));
}

static void tell_sync(struct device *d)
{
    uint8_t data[15];

    data[0] = (uint8_t)d->sync.state;
    put_le32(data + 1, d->sync.length);
    put_le32(data + 5, d->sync.checksum);
    put_le32(data + 9, d->sync.offset);
    put_le16(data + 13, d->sync.buf_size);
    reply(d, data, sizeof data);
    if (d->sync.state == DFU_CONFIG_DFU_ACTIVE && d->sync.offset == d->sync.length) {
        d->sync.state = DFU_CONFIG_DFU_INACTIVE;
    }
}

static void take_start(struct device *d, const uint8_t *report)
{
    if (d->has_lied) {
        return;
    }
    require(report[4] == 12 && get_le32(report + 5) == IMAGE_SIZE);
    require(get_le32(report + 9) == dfu_crc32(1, d->image, IMAGE_SIZE));
    require(get_le32(report + 13) < IMAGE_SIZE);
    d->sync = (struct dfu_config_sync){ DFU_CONFIG_DFU_ACTIVE, IMAGE_SIZE, get_le32(report + 9),
                                        get_le32(report + 13), d->sync.buf_size };
}

static void take_data(struct device *d, const uint8_t *report)
{
    require(report[4] > 0 || d->has_lied);
    if (d->sync.length == IMAGE_SIZE && report[4] <= IMAGE_SIZE - d->sync.offset &&
        memcmp(report + 5, d->image + d->sync.offset, report[4]) == 0) {
        d->sync.offset += report[4];
    }
    if (d->sync.offset == IMAGE_SIZE) {
        d->sync.state = DFU_CONFIG_DFU_INACTIVE;
    }
}

static void fetch(struct device *d, uint8_t event)
{
    const uint8_t zeros[DFU_CONFIG_FETCH_MAX] = { 1 };

    if ((event & 15) == 0) {
        describe(d, event >> 4);
    } else if ((event & 15) == DFU_CONFIG_DFU_SYNC + 1) {
        tell_sync(d);
    } else {
        reply(d, zeros, (event & 15) == DFU_CONFIG_DFU_REBOOT + 1 ? 1 : 13);
    }
}

static void take_report(struct device *d, const uint8_t *report)
{
    const uint8_t last = MODULE;

    require(report[0] == DFU_CONFIG_REPORT_ID && report[1] == 0 &&
            report[4] <= DFU_CONFIG_DATA_MAX);
    for (size_t i = 5u + report[4]; i < DFU_CONFIG_REPORT_SIZE; i++) {
        require(report[i] == 0);
    }
    memset(d->answer, 0, sizeof d->answer);
    memcpy(d->answer, report, 3);
    switch (report[3]) {
    case DFU_CONFIG_GET_MAX_MOD_ID: reply(d, &last, 1); break;
    case DFU_CONFIG_GET_BOARD_NAME:
    case DFU_CONFIG_GET_HWID: reply(d, "12345678", 8); break;
    case DFU_CONFIG_FETCH: fetch(d, report[2]); break;
    case DFU_CONFIG_SET:
        reply(d, "", 0);
        if ((report[2] & 15) == DFU_CONFIG_DFU_START + 1) {
            take_start(d, report);
        } else if ((report[2] & 15) == DFU_CONFIG_DFU_DATA + 1) {
            take_data(d, report);
        } else {
            require(d->has_lied);
        }
        break;
    default: require(false);
    }
}

/* 0 or an error of the link; now and then the device changes its mind, or a byte. */
static int trouble(struct device *d)
{
    static const int errors[] = { DFU_ERR_STATE, DFU_ERR_BUSY, DFU_ERR_TIMEOUT, DFU_ERR_IO };
    uint8_t what = take_byte(&d->in);

    if (what < 160) {
        return 0;
    }
    if (what < 224) {
        d->answer[what % DFU_CONFIG_REPORT_SIZE] = take_byte(&d->in);
        d->has_lied = d->has_lied || !d->is_known;
        return 0;
    }
    if (what < 240) {
        d->sync.state = (enum dfu_config_dfu_state)(what % 5);
        return 0;
    }
    if (what < 248) {
        d->sync.offset = take_byte(&d->in);
        return 0;
    }
    return errors[what % 4];
}

static void run(struct device *d, struct dfu_config_host *host)
{
    for (unsigned i = 0; host->order != DFU_CONFIG_HOST_DONE; i++) {
        uint8_t report[DFU_CONFIG_REPORT_SIZE];
        int err;

        require(i < ORDERS_MAX && host->stored <= IMAGE_SIZE);
        switch (host->order) {
        case DFU_CONFIG_HOST_SET:
            err = trouble(d);
            if (!err) {
                take_report(d, host->report);
            }
            dfu_config_host_answer(host, err ? DFU_ERR_BUSY : 0, NULL);
            break;
        case DFU_CONFIG_HOST_GET:
            err = trouble(d);
            memcpy(report, d->answer, sizeof report);
            dfu_config_host_answer(host, err, report);
            break;
        case DFU_CONFIG_HOST_WAIT:
            require(host->wait_ms > 0 && host->wait_ms <= 1000);
            dfu_config_host_answer(host, 0, NULL);
            break;
        case DFU_CONFIG_HOST_FAILED:
            require(host->err < 0);
            require((host->err == DFU_ERR_STATE) == (host->refusal != DFU_CONFIG_HOST_NOT_REFUSED));
            return;
        case DFU_CONFIG_HOST_DONE: return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct device d;
    static struct dfu_config_host host;
    uint8_t bits;

    memset(&d, 0, sizeof d);
    d.in = (struct input){ data, len };
    for (uint32_t i = 0; i < IMAGE_SIZE; i++) {
        d.image[i] = (uint8_t)(i * 5u + i / 256u);
    }
    bits = take_byte(&d.in);
    d.sync.buf_size = bits & 1 ? 512 : (uint16_t)(take_byte(&d.in) * 8u);
    dfu_config_host_info(&host);
    run(&d, &host);
    d.is_known = true;
    if (host.order == DFU_CONFIG_HOST_DONE) {
        dfu_config_host_upload(&host, d.image, IMAGE_SIZE, bits & 2);
        run(&d, &host);
    }
    if (host.order == DFU_CONFIG_HOST_DONE) {
        require(host.stored == IMAGE_SIZE);
        dfu_config_host_reboot(&host);
        run(&d, &host);
    }
    return 0;
}
