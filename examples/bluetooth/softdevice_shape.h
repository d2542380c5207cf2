/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What softdevice.c uses of a SoftDevice, in our words and flatter than there: enough to compile
 * it without one. There the fields of evt lie in gap_evt and gatts_evt, and their params. */
#ifndef EXAMPLE_SOFTDEVICE_SHAPE_H
#define EXAMPLE_SOFTDEVICE_SHAPE_H

#include <stdint.h>

enum { NRF_SUCCESS = 0, NRF_ERROR_RESOURCES = 19 };
enum { BLE_GATT_HVX_NOTIFICATION = 1, BLE_HCI_REMOTE_USER_TERMINATED_CONNECTION = 0x13 };
enum {
    BLE_GAP_EVT_CONNECTED = 0x10,
    BLE_GAP_EVT_DISCONNECTED = 0x11,
    BLE_GAP_EVT_CONN_SEC_UPDATE = 0x1a,
    BLE_GATTS_EVT_WRITE = 0x50,
    BLE_GATTS_EVT_EXCHANGE_MTU_REQUEST = 0x55,
    BLE_GATTS_EVT_HVN_TX_COMPLETE = 0x57,
};

typedef struct {
    uint16_t handle, len;
    uint8_t data[512];
} ble_gatts_evt_write_t;

typedef struct {
    struct {
        uint16_t evt_id, evt_len;
    } header;
    struct {
        uint16_t conn_handle, client_rx_mtu;
        uint8_t sec_level;
        ble_gatts_evt_write_t write;
    } evt;
} ble_evt_t;

typedef struct {
    uint16_t handle;
    uint8_t type;
    uint16_t offset, *p_len;
    const uint8_t *p_data;
} ble_gatts_hvx_params_t;

typedef struct {
    uint16_t min_conn_interval, max_conn_interval, slave_latency, conn_sup_timeout;
} ble_gap_conn_params_t;

uint32_t sd_ble_gatts_hvx(uint16_t conn_handle, const ble_gatts_hvx_params_t *params);
uint32_t sd_ble_gatts_exchange_mtu_reply(uint16_t conn_handle, uint16_t server_rx_mtu);
uint32_t sd_ble_gap_conn_param_update(uint16_t conn_handle, const ble_gap_conn_params_t *params);
uint32_t sd_ble_gap_disconnect(uint16_t conn_handle, uint8_t reason);

#endif
