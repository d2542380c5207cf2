/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What nimble.c uses of NimBLE, in our words: enough to compile it without NimBLE. */
#ifndef EXAMPLE_NIMBLE_SHAPE_H
#define EXAMPLE_NIMBLE_SHAPE_H

#include <stdint.h>

struct os_mbuf;

enum { BLE_HS_ENOMEM = 6, BLE_ERR_REM_USER_CONN_TERM = 0x13 };
enum { BLE_GATT_ACCESS_OP_WRITE_CHR = 1 };
enum {
    BLE_GAP_EVENT_CONNECT = 0,
    BLE_GAP_EVENT_DISCONNECT = 1,
    BLE_GAP_EVENT_ENC_CHANGE = 10,
    BLE_GAP_EVENT_NOTIFY_TX = 13,
    BLE_GAP_EVENT_SUBSCRIBE = 14,
    BLE_GAP_EVENT_MTU = 15,
};

struct ble_gatt_access_ctxt {
    uint8_t op;
    struct os_mbuf *om;
};

struct ble_gap_conn_desc {
    struct {
        unsigned encrypted : 1, authenticated : 1;
    } sec_state;
    uint16_t conn_handle;
};

struct ble_gap_upd_params {
    uint16_t itvl_min, itvl_max, latency, supervision_timeout, min_ce_len, max_ce_len;
};

struct ble_gap_event {
    uint8_t type;
    union {
        struct {
            int status;
            uint16_t conn_handle;
        } connect;
        struct {
            int reason;
            struct ble_gap_conn_desc conn;
        } disconnect;
        struct {
            uint16_t conn_handle, attr_handle;
            uint8_t cur_notify;
        } subscribe;
        struct {
            uint16_t conn_handle, value;
        } mtu;
    };
};

struct os_mbuf *ble_hs_mbuf_from_flat(const void *buf, uint16_t len);
int ble_hs_mbuf_to_flat(const struct os_mbuf *om, void *flat, uint16_t max_len, uint16_t *out_len);
int ble_gatts_notify_custom(uint16_t conn_handle, uint16_t att_handle, struct os_mbuf *om);
int ble_gap_update_params(uint16_t conn_handle, const struct ble_gap_upd_params *params);
int ble_gap_conn_find(uint16_t handle, struct ble_gap_conn_desc *out_desc);
int ble_gap_terminate(uint16_t conn_handle, uint8_t hci_reason);

#endif
