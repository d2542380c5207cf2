/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* config_host.h - the other end of the configuration channel (config_channel.h): find the module
 * "dfu" of a device, then ask, update or restart it, in steps that do no I/O.
 *
 * The caller carries out what `order` says and reports it with dfu_config_host_answer(). Every
 * byte of a device is treated as hostile; a device that never gets on is given up. */
#ifndef DFU_CONFIG_HOST_H
#define DFU_CONFIG_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/config_channel.h"
#include "dfu/config_dfu.h"
#include "dfu/image.h"

#ifdef __cplusplus
extern "C" {
#endif

enum dfu_config_host_order {
    DFU_CONFIG_HOST_SET,  /* set the feature report in `report` */
    DFU_CONFIG_HOST_GET,  /* get one */
    DFU_CONFIG_HOST_WAIT, /* for wait_ms */
    DFU_CONFIG_HOST_DONE,
    DFU_CONFIG_HOST_FAILED, /* see err and refusal */
};

/* What a DFU_ERR_STATE is about. */
enum dfu_config_host_refusal {
    DFU_CONFIG_HOST_NOT_REFUSED,
    DFU_CONFIG_HOST_STALLED,     /* the device takes no reports: no application answers */
    DFU_CONFIG_HOST_REJECTED,    /* a request that it should know */
    DFU_CONFIG_HOST_NO_MODULE,   /* it has no module "dfu" */
    DFU_CONFIG_HOST_OTHER,       /* another transport has the lock */
    DFU_CONFIG_HOST_ACTIVE,      /* another host updates over this channel */
    DFU_CONFIG_HOST_IGNORED,     /* the start, again and again */
    DFU_CONFIG_HOST_LOST,        /* another transport took the update over */
    DFU_CONFIG_HOST_INTERRUPTED, /* the device ended it before its end */
    DFU_CONFIG_HOST_DISCARDED,   /* all was sent; it was not what was announced, or not stored */
    DFU_CONFIG_HOST_MISMATCH,    /* it tells of another length, checksum or offset */
};

struct dfu_config_sync {
    enum dfu_config_dfu_state state;
    uint32_t length, checksum, offset;
    uint16_t buf_size;
};

struct dfu_config_host {
    /* what to do next */
    enum dfu_config_host_order order;
    uint8_t report[DFU_CONFIG_REPORT_SIZE];
    uint32_t wait_ms;

    /* how it stands */
    int err; /* DFU_ERR_STATE: see refusal; DFU_ERR_IO, _TIMEOUT, _FORMAT: the link, the device */
    enum dfu_config_host_refusal refusal;
    struct dfu_config_sync sync; /* the last one */
    uint32_t resumed_at, stored; /* of an upload: where it began, how far it is */
    bool was_there;              /* the device had all of it already */

    /* what dfu_config_host_info() found out */
    char board[DFU_CONFIG_FETCH_MAX + 1], variant[DFU_CONFIG_FETCH_MAX + 1];
    char generation[DFU_CONFIG_FETCH_MAX + 1];
    uint8_t hwid[DFU_CONFIG_HWID_SIZE];
    uint16_t vendor, product;
    bool has_firmware; /* the device could tell */
    uint8_t slot;
    uint32_t image_size;
    struct dfu_image_version version;

    /* its own */
    void (*then)(struct dfu_config_host *host);
    enum dfu_config_host_order after_wait;
    uint8_t data[DFU_CONFIG_DATA_MAX], data_len; /* of the last answer */
    bool is_rejected, has_newline, is_patient, is_sending;
    uint8_t module, module_count, strings, step;
    uint8_t options[DFU_CONFIG_DFU_DEVINFO + 1]; /* their nibbles; 0: not there */
    uint16_t tries, starts, waits, buf_size;
    const uint8_t *image;
    uint32_t len, checksum, at, seen;
};

/* Find the module, ask for all that is told. Comes first. */
void dfu_config_host_info(struct dfu_config_host *host);

/* Store an image and have it tried at the next start. The device keeps what it has of the same
 * image until it restarts, and goes on there. is_patient: wait for another transport to let go. */
void dfu_config_host_upload(struct dfu_config_host *host, const uint8_t *image, uint32_t len,
                            bool is_patient);

/* Restart the device. */
void dfu_config_host_reboot(struct dfu_config_host *host);

/* result: 0; DFU_ERR_STATE if the device stalled the request; another error of the link. report:
 * what was got, 30 bytes. */
void dfu_config_host_answer(struct dfu_config_host *host, int result, const uint8_t *report);

#ifdef __cplusplus
}
#endif
#endif
