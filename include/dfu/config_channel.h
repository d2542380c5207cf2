/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* config_channel.h - the nRF Desktop configuration channel: requests to named modules of a device
 * in HID feature reports, one at a time.
 *
 * The host sets a report, then gets reports until one is not pending. Nothing here does I/O: a USB
 * or Bluetooth HID stack, or a socket, hands over the 30 bytes (report id 6, recipient, event,
 * status, length, 25 of data). A module's event is its number and its option's, a nibble each;
 * option 0 of every module describes it. */
#ifndef DFU_CONFIG_CHANNEL_H
#define DFU_CONFIG_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_CONFIG_REPORT_ID   6u
#define DFU_CONFIG_REPORT_SIZE 30u
#define DFU_CONFIG_DATA_MAX    25u
#define DFU_CONFIG_FETCH_MAX   16u /* of an answer */
#define DFU_CONFIG_MODULES_MAX 16u
#define DFU_CONFIG_OPTIONS_MAX 15u
#define DFU_CONFIG_TIMEOUT_MS  10000u /* after it a pending request is answered TIMEOUT */
#define DFU_CONFIG_HWID_SIZE   8u

enum dfu_config_status {
    DFU_CONFIG_PENDING = 0,
    DFU_CONFIG_GET_MAX_MOD_ID = 1,
    DFU_CONFIG_GET_HWID = 2,
    DFU_CONFIG_GET_BOARD_NAME = 3,
    DFU_CONFIG_INDEX_PEERS = 4,
    DFU_CONFIG_GET_PEER = 5,
    DFU_CONFIG_SET = 6,
    DFU_CONFIG_FETCH = 7,
    DFU_CONFIG_SUCCESS = 8,
    DFU_CONFIG_TIMEOUT = 9,
    DFU_CONFIG_REJECT = 10,
    DFU_CONFIG_WRITE_FAIL = 11,
    DFU_CONFIG_DISCONNECTED = 12,
    DFU_CONFIG_GET_PEERS_CACHE = 13,
};

/* Constant. option counts from 0. The host learns nothing of a set that was refused: the protocol
 * answers SUCCESS to all of them. */
struct dfu_config_module {
    const char *name;
    const char *const *options; /* their names, at most DFU_CONFIG_OPTIONS_MAX */
    uint8_t option_count;
    void (*set)(void *ctx, uint8_t option, const uint8_t *data, size_t len);
    /* Fill in at most DFU_CONFIG_FETCH_MAX bytes; how many. DFU_ERR_BUSY: the answer comes later,
     * through dfu_config_channel_answer(). Any other error: there is no such option. */
    int (*fetch)(void *ctx, uint8_t option, uint8_t *out);
};

struct dfu_config_binding {
    const struct dfu_config_module *module;
    void *ctx;
};

enum dfu_config_channel_state {
    DFU_CONFIG_IDLE,
    DFU_CONFIG_WAITS, /* for a module's answer */
    DFU_CONFIG_READY, /* the answer waits for the host */
};

/* One transport's channel: fill in the first part, zero the rest. */
struct dfu_config_channel {
    const struct dfu_config_binding *bindings; /* at most DFU_CONFIG_MODULES_MAX */
    size_t binding_count;
    const char *board; /* told up to its first underscore */
    uint8_t hwid[DFU_CONFIG_HWID_SIZE];

    enum dfu_config_channel_state state;
    uint8_t reply[DFU_CONFIG_REPORT_SIZE];
    uint8_t described[DFU_CONFIG_MODULES_MAX]; /* which string each module's option 0 tells next */
    uint64_t due_ms;
};

/* A report from the host; shorter ones than 30 bytes may come. DFU_ERR_BUSY while an answer is
 * awaited, DFU_ERR_FORMAT for what is no request. */
int dfu_config_channel_set_report(struct dfu_config_channel *channel, const uint8_t *report,
                                  size_t len, uint64_t now_ms);

/* The report that the host gets now. */
void dfu_config_channel_get_report(struct dfu_config_channel *channel,
                                   uint8_t out[DFU_CONFIG_REPORT_SIZE]);

/* The answer that a module promised; dropped if nobody waits for it any more. len at most
 * DFU_CONFIG_FETCH_MAX. */
void dfu_config_channel_answer(struct dfu_config_channel *channel, const uint8_t *data, size_t len);

/* The transport lost its host: whatever is going on is forgotten. */
void dfu_config_channel_disconnect(struct dfu_config_channel *channel);

/* Answer in the place of a module that has not answered in time, which is at due_ms (UINT64_MAX:
 * none is waited for); on the clock that reports are handed over with. */
void dfu_config_channel_poll(struct dfu_config_channel *channel, uint64_t now_ms);
uint64_t dfu_config_channel_due_ms(const struct dfu_config_channel *channel);

#ifdef __cplusplus
}
#endif
#endif
