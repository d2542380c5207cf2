/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What zephyr.c uses of Zephyr, in our words: enough to compile it without Zephyr. */
#ifndef EXAMPLE_ZEPHYR_SHAPE_H
#define EXAMPLE_ZEPHYR_SHAPE_H

#include <errno.h>
#include <stdint.h>
#include <sys/types.h>

struct bt_conn;
struct bt_gatt_attr;

typedef enum { BT_SECURITY_L1 = 1, BT_SECURITY_L2, BT_SECURITY_L3, BT_SECURITY_L4 } bt_security_t;
enum bt_security_err { BT_SECURITY_ERR_SUCCESS };
enum { BT_GATT_CCC_NOTIFY = 1, BT_HCI_ERR_REMOTE_USER_TERM_CONN = 0x13 };

struct bt_le_conn_param {
    uint16_t interval_min, interval_max, latency, timeout;
};

struct bt_gatt_notify_params {
    const void *uuid;
    const struct bt_gatt_attr *attr;
    const void *data;
    uint16_t len;
    void (*func)(struct bt_conn *conn, void *user_data);
    void *user_data;
};

int bt_gatt_notify_cb(struct bt_conn *conn, struct bt_gatt_notify_params *params);
int bt_conn_le_param_update(struct bt_conn *conn, const struct bt_le_conn_param *param);
int bt_conn_disconnect(struct bt_conn *conn, uint8_t reason);

#endif
