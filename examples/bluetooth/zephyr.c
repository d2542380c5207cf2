/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Zephyr. In BT_GATT_SERVICE_DEFINE(smp_service, ...): BT_GATT_PRIMARY_SERVICE of the service,
 * BT_GATT_CHARACTERISTIC with BT_GATT_CHRC_WRITE_WITHOUT_RESP | BT_GATT_CHRC_NOTIFY,
 * BT_GATT_PERM_WRITE_AUTHEN and zephyr_write, then BT_GATT_CCC(zephyr_ccc_changed,
 * BT_GATT_PERM_READ | BT_GATT_PERM_WRITE_AUTHEN); zephyr_value is its attrs[2]. The other functions
 * go into a struct bt_conn_cb and a struct bt_gatt_cb. */
#include "zephyr_shape.h" /* in your project: zephyr/bluetooth/{conn,gatt}.h */

#include "smp_service.h"

static struct example_service zephyr_service;
static const struct bt_gatt_attr *zephyr_value;

static void zephyr_sent(struct bt_conn *connection, void *user_data)
{
    (void)connection, (void)user_data;
    dfu_smp_ble_sent(&zephyr_service.ble);
}

static int zephyr_notify(void *ctx, const uint8_t *value, size_t len)
{
    struct example_service *service = ctx;
    struct bt_gatt_notify_params params = {
        .attr = zephyr_value, .data = value, .len = (uint16_t)len, .func = zephyr_sent
    };
    int err = bt_gatt_notify_cb(service->connection_ref, &params);

    return err == 0 ? 0 : err == -ENOMEM || err == -EAGAIN ? DFU_ERR_BUSY : DFU_ERR_IO;
}

static void zephyr_set_latency(void *ctx, bool is_low)
{
    static const struct bt_le_conn_param low = { 6, 9, 0, 42 }, usual = { 24, 40, 4, 400 };
    struct example_service *service = ctx;

    (void)bt_conn_le_param_update(service->connection_ref, is_low ? &low : &usual);
}

static ssize_t zephyr_write(struct bt_conn *connection, const struct bt_gatt_attr *attr,
                            const void *buf, uint16_t len, uint16_t offset, uint8_t flags)
{
    int err = connection == zephyr_service.connection_ref && offset == 0
                  ? dfu_smp_ble_on_write(&zephyr_service.ble, buf, len)
                  : DFU_ERR_STATE;

    (void)attr, (void)flags;
    return err ? -(ssize_t)dfu_smp_ble_att_error(err) : (ssize_t)len;
}

static void zephyr_ccc_changed(const struct bt_gatt_attr *attr, uint16_t value)
{
    (void)attr;
    dfu_smp_ble_subscribed(&zephyr_service.ble, (value & BT_GATT_CCC_NOTIFY) != 0);
}

static void zephyr_connected(struct bt_conn *connection, uint8_t err)
{
    if (err) {
        return;
    }
    if (dfu_smp_ble_connected(&zephyr_service.ble)) { /* a second central */
        (void)bt_conn_disconnect(connection, BT_HCI_ERR_REMOTE_USER_TERM_CONN);
        return;
    }
    zephyr_service.connection_ref = connection;
}

static void zephyr_disconnected(struct bt_conn *connection, uint8_t reason)
{
    (void)reason;
    if (connection == zephyr_service.connection_ref) {
        zephyr_service.connection_ref = NULL;
        dfu_smp_ble_disconnected(&zephyr_service.ble);
    }
}

static void zephyr_security_changed(struct bt_conn *connection, bt_security_t level,
                                    enum bt_security_err err)
{
    if (connection == zephyr_service.connection_ref && !err && level >= BT_SECURITY_L3) {
        dfu_smp_ble_secured(&zephyr_service.ble);
    }
}

static void zephyr_mtu_updated(struct bt_conn *connection, uint16_t tx, uint16_t rx)
{
    if (connection == zephyr_service.connection_ref) {
        dfu_smp_ble_mtu_changed(&zephyr_service.ble, tx < rx ? tx : rx);
    }
}
