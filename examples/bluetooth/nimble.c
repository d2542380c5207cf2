/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Apache NimBLE. In the table of services: the service and the characteristic with
 * BLE_GATT_CHR_F_WRITE_NO_RSP | BLE_GATT_CHR_F_WRITE_AUTHEN | BLE_GATT_CHR_F_NOTIFY, access_cb
 * nimble_access, val_handle &nimble_value_handle. nimble_event is the callback of
 * ble_gap_adv_start(). */
#include "nimble_shape.h" /* in your project: host/ble_hs.h */

#include "smp_service.h"

static struct example_service nimble_service;
static uint16_t nimble_value_handle;

static int nimble_notify(void *ctx, const uint8_t *value, size_t len)
{
    const struct example_service *service = ctx;
    struct os_mbuf *om = ble_hs_mbuf_from_flat(value, (uint16_t)len);
    int rc =
        om ? ble_gatts_notify_custom(service->connection, nimble_value_handle, om) : BLE_HS_ENOMEM;

    return rc == 0 ? 0 : rc == BLE_HS_ENOMEM ? DFU_ERR_BUSY : DFU_ERR_IO;
}

static void nimble_set_latency(void *ctx, bool is_low)
{
    static const struct ble_gap_upd_params low = { 6, 9, 0, 42, 0, 0 },
                                           usual = { 24, 40, 4, 400, 0, 0 };
    const struct example_service *service = ctx;

    (void)ble_gap_update_params(service->connection, is_low ? &low : &usual);
}

static int nimble_access(uint16_t connection, uint16_t handle, struct ble_gatt_access_ctxt *ctxt,
                         void *arg)
{
    static uint8_t value[DFU_BLE_VALUE_MAX];
    uint16_t len = 0;

    (void)connection, (void)handle, (void)arg;
    if (ctxt->op != BLE_GATT_ACCESS_OP_WRITE_CHR ||
        ble_hs_mbuf_to_flat(ctxt->om, value, sizeof value, &len)) {
        return dfu_smp_ble_att_error(DFU_ERR_RANGE);
    }
    return dfu_smp_ble_att_error(dfu_smp_ble_on_write(&nimble_service.ble, value, len));
}

static int nimble_event(struct ble_gap_event *event, void *arg)
{
    struct example_service *service = &nimble_service;
    struct ble_gap_conn_desc desc;

    (void)arg;
    switch (event->type) {
    case BLE_GAP_EVENT_CONNECT:
        if (event->connect.status == 0 && dfu_smp_ble_connected(&service->ble) == 0) {
            service->connection = event->connect.conn_handle;
        } else if (event->connect.status == 0) { /* a second central */
            (void)ble_gap_terminate(event->connect.conn_handle, BLE_ERR_REM_USER_CONN_TERM);
        }
        break;
    case BLE_GAP_EVENT_DISCONNECT:
        if (event->disconnect.conn.conn_handle == service->connection) {
            dfu_smp_ble_disconnected(&service->ble);
        }
        break;
    case BLE_GAP_EVENT_MTU: dfu_smp_ble_mtu_changed(&service->ble, event->mtu.value); break;
    case BLE_GAP_EVENT_SUBSCRIBE:
        if (event->subscribe.attr_handle == nimble_value_handle) {
            dfu_smp_ble_subscribed(&service->ble, event->subscribe.cur_notify);
        }
        break;
    case BLE_GAP_EVENT_ENC_CHANGE:
        if (ble_gap_conn_find(service->connection, &desc) == 0 && desc.sec_state.authenticated) {
            dfu_smp_ble_secured(&service->ble);
        }
        break;
    case BLE_GAP_EVENT_NOTIFY_TX: dfu_smp_ble_sent(&service->ble); break;
    default: break;
    }
    return 0;
}
