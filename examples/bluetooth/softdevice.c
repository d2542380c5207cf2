/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Nordic's SoftDevice. softdevice_event is an observer of NRF_SDH_BLE_OBSERVER; the handles come
 * from sd_ble_gatts_characteristic_add() with write_wo_resp, notify, and an attribute of up to 512
 * bytes that lies in the user's memory or the stack's (vlen), security mode 1 level 3. */
#include "softdevice_shape.h" /* in your project: ble.h */

#include "smp_service.h"

#define SOFTDEVICE_MTU 247u /* as in the configuration of its memory */

static struct example_service softdevice_service;
static struct {
    uint16_t value, cccd;
} softdevice_handles;

static int softdevice_notify(void *ctx, const uint8_t *value, size_t len)
{
    const struct example_service *service = ctx;
    uint16_t sent = (uint16_t)len;
    const ble_gatts_hvx_params_t params = { .handle = softdevice_handles.value,
                                            .type = BLE_GATT_HVX_NOTIFICATION,
                                            .p_len = &sent,
                                            .p_data = value };
    uint32_t err = sd_ble_gatts_hvx(service->connection, &params);

    return err == NRF_SUCCESS ? 0 : err == NRF_ERROR_RESOURCES ? DFU_ERR_BUSY : DFU_ERR_IO;
}

static void softdevice_set_latency(void *ctx, bool is_low)
{
    static const ble_gap_conn_params_t low = { 6, 9, 0, 42 }, usual = { 24, 40, 4, 400 };
    const struct example_service *service = ctx;

    (void)sd_ble_gap_conn_param_update(service->connection, is_low ? &low : &usual);
}

static void softdevice_written(struct example_service *service, const ble_gatts_evt_write_t *write)
{
    if (write->handle == softdevice_handles.value) {
        (void)dfu_smp_ble_on_write(&service->ble, write->data, write->len);
    } else if (write->handle == softdevice_handles.cccd && write->len == 2) {
        dfu_smp_ble_subscribed(&service->ble, (write->data[0] & 1) != 0);
    }
}

static void softdevice_event(const ble_evt_t *event, void *ctx)
{
    struct example_service *service = &softdevice_service;
    uint16_t connection = event->evt.conn_handle, mtu;

    (void)ctx;
    if (event->header.evt_id == BLE_GAP_EVT_CONNECTED) {
        if (dfu_smp_ble_connected(&service->ble)) { /* a second central */
            (void)sd_ble_gap_disconnect(connection, BLE_HCI_REMOTE_USER_TERMINATED_CONNECTION);
            return;
        }
        service->connection = connection;
    }
    if (connection != service->connection) {
        return;
    }
    switch (event->header.evt_id) {
    case BLE_GAP_EVT_DISCONNECTED: dfu_smp_ble_disconnected(&service->ble); break;
    case BLE_GAP_EVT_CONN_SEC_UPDATE:
        if (event->evt.sec_level >= 3) {
            dfu_smp_ble_secured(&service->ble);
        }
        break;
    case BLE_GATTS_EVT_EXCHANGE_MTU_REQUEST:
        mtu = event->evt.client_rx_mtu < SOFTDEVICE_MTU ? event->evt.client_rx_mtu : SOFTDEVICE_MTU;
        (void)sd_ble_gatts_exchange_mtu_reply(connection, SOFTDEVICE_MTU);
        dfu_smp_ble_mtu_changed(&service->ble, mtu);
        break;
    case BLE_GATTS_EVT_WRITE: softdevice_written(service, &event->evt.write); break;
    case BLE_GATTS_EVT_HVN_TX_COMPLETE: dfu_smp_ble_sent(&service->ble); break;
    default: break;
    }
}
