/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The examples for three host stacks (examples/bluetooth), on stand-ins of their functions: each
 * answers a request, in pieces, waits for room, and serves one central that has authenticated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../examples/bluetooth/nimble.c"
#include "../../examples/bluetooth/softdevice.c"
#include "../../examples/bluetooth/zephyr.c"
#include "smp_world.h"

/* What a stack sees of it: values that left, and how many more it has room for. */
static struct {
    unsigned room, values, low_latency, terminated;
    struct dfu_ble_joiner client;
    uint8_t answer[EXAMPLE_BUF_SIZE];
    unsigned answers;
    bool is_authenticated;
} radio;

static struct smp_world world;

static bool take_value(const void *value, size_t len)
{
    if (radio.room == 0) {
        return false;
    }
    radio.room--;
    radio.values++;
    radio.answers += dfu_ble_join(&radio.client, value, len) == 1 ? 1u : 0u;
    return true;
}

/* ---- NimBLE ---- */

struct os_mbuf {
    uint8_t data[DFU_BLE_VALUE_MAX];
    uint16_t len;
};
static struct os_mbuf out, in;

struct os_mbuf *ble_hs_mbuf_from_flat(const void *buf, uint16_t len)
{
    memcpy(out.data, buf, len);
    out.len = len;
    return radio.room > 0 ? &out : NULL;
}

int ble_hs_mbuf_to_flat(const struct os_mbuf *om, void *flat, uint16_t max_len, uint16_t *out_len)
{
    assert_true(om->len <= max_len);
    memcpy(flat, om->data, om->len);
    *out_len = om->len;
    return 0;
}

int ble_gatts_notify_custom(uint16_t conn_handle, uint16_t att_handle, struct os_mbuf *om)
{
    assert_int_equal(conn_handle, 1);
    assert_int_equal(att_handle, nimble_value_handle);
    return take_value(om->data, om->len) ? 0 : BLE_HS_ENOMEM;
}

int ble_gap_update_params(uint16_t conn_handle, const struct ble_gap_upd_params *params)
{
    (void)conn_handle;
    radio.low_latency += params->latency == 0 ? 1u : 0u;
    return 0;
}

int ble_gap_conn_find(uint16_t handle, struct ble_gap_conn_desc *out_desc)
{
    *out_desc = (struct ble_gap_conn_desc){ .conn_handle = handle };
    out_desc->sec_state.authenticated = radio.is_authenticated;
    return 0;
}

int ble_gap_terminate(uint16_t conn_handle, uint8_t hci_reason)
{
    (void)hci_reason;
    radio.terminated = conn_handle;
    return 0;
}

static void nimble_happens(struct ble_gap_event event)
{
    assert_int_equal(nimble_event(&event, NULL), 0);
}

static void nimble_connect(unsigned n)
{
    nimble_happens(
        (struct ble_gap_event){ .type = BLE_GAP_EVENT_CONNECT, .connect = { 0, (uint16_t)n } });
}

static void nimble_prepare(uint16_t mtu)
{
    nimble_happens((struct ble_gap_event){ .type = BLE_GAP_EVENT_MTU, .mtu = { 1, mtu } });
    nimble_happens((struct ble_gap_event){ .type = BLE_GAP_EVENT_SUBSCRIBE,
                                           .subscribe = { 1, nimble_value_handle, 1 } });
}

static void nimble_secure(void)
{
    nimble_happens((struct ble_gap_event){ .type = BLE_GAP_EVENT_ENC_CHANGE });
}

static bool nimble_writes(const uint8_t *value, size_t len)
{
    struct ble_gatt_access_ctxt ctxt = { BLE_GATT_ACCESS_OP_WRITE_CHR, &in };

    memcpy(in.data, value, len);
    in.len = (uint16_t)len;
    return nimble_access(1, nimble_value_handle, &ctxt, NULL) == 0;
}

static void nimble_has_sent(void)
{
    nimble_happens((struct ble_gap_event){ .type = BLE_GAP_EVENT_NOTIFY_TX });
}

static void nimble_disconnect(void)
{
    nimble_happens((struct ble_gap_event){ .type = BLE_GAP_EVENT_DISCONNECT,
                                           .disconnect = { 0, { .conn_handle = 1 } } });
}

/* ---- Zephyr ---- */

static void (*zephyr_func)(struct bt_conn *conn, void *user_data);

static struct bt_conn *zephyr_connection(unsigned n)
{
    static char connections[3];

    return (struct bt_conn *)(void *)&connections[n];
}

int bt_gatt_notify_cb(struct bt_conn *conn, struct bt_gatt_notify_params *params)
{
    assert_ptr_equal(conn, zephyr_connection(1));
    zephyr_func = params->func;
    return take_value(params->data, params->len) ? 0 : -ENOMEM;
}

int bt_conn_le_param_update(struct bt_conn *conn, const struct bt_le_conn_param *param)
{
    (void)conn;
    radio.low_latency += param->latency == 0 ? 1u : 0u;
    return 0;
}

int bt_conn_disconnect(struct bt_conn *conn, uint8_t reason)
{
    (void)reason;
    radio.terminated = conn == zephyr_connection(2) ? 2 : 0;
    return 0;
}

static void zephyr_connect(unsigned n)
{
    zephyr_connected(zephyr_connection(n), 0);
}

static void zephyr_prepare(uint16_t mtu)
{
    zephyr_mtu_updated(zephyr_connection(1), mtu, 517);
    zephyr_ccc_changed(NULL, BT_GATT_CCC_NOTIFY);
}

static void zephyr_secure(void)
{
    zephyr_security_changed(zephyr_connection(1),
                            radio.is_authenticated ? BT_SECURITY_L3 : BT_SECURITY_L2,
                            BT_SECURITY_ERR_SUCCESS);
}

static bool zephyr_writes(const uint8_t *value, size_t len)
{
    return zephyr_write(zephyr_connection(1), NULL, value, (uint16_t)len, 0, 0) == (ssize_t)len;
}

static void zephyr_has_sent(void)
{
    zephyr_func(zephyr_connection(1), NULL);
}

static void zephyr_disconnect(void)
{
    zephyr_disconnected(zephyr_connection(1), 0);
}

/* ---- SoftDevice ---- */

uint32_t sd_ble_gatts_hvx(uint16_t conn_handle, const ble_gatts_hvx_params_t *params)
{
    assert_int_equal(conn_handle, 1);
    return take_value(params->p_data, *params->p_len) ? NRF_SUCCESS : NRF_ERROR_RESOURCES;
}

uint32_t sd_ble_gatts_exchange_mtu_reply(uint16_t conn_handle, uint16_t server_rx_mtu)
{
    assert_int_equal(conn_handle, 1);
    assert_int_equal(server_rx_mtu, SOFTDEVICE_MTU);
    return NRF_SUCCESS;
}

uint32_t sd_ble_gap_conn_param_update(uint16_t conn_handle, const ble_gap_conn_params_t *params)
{
    (void)conn_handle;
    radio.low_latency += params->slave_latency == 0 ? 1u : 0u;
    return NRF_SUCCESS;
}

uint32_t sd_ble_gap_disconnect(uint16_t conn_handle, uint8_t reason)
{
    (void)reason;
    radio.terminated = conn_handle;
    return NRF_SUCCESS;
}

static ble_evt_t softdevice_now; /* large */

static void softdevice_happens(uint16_t id, uint16_t connection)
{
    softdevice_now.header.evt_id = id;
    softdevice_now.evt.conn_handle = connection;
    softdevice_event(&softdevice_now, NULL);
}

static void softdevice_connect(unsigned n)
{
    softdevice_happens(BLE_GAP_EVT_CONNECTED, (uint16_t)n);
}

static void softdevice_prepare(uint16_t mtu)
{
    softdevice_now.evt.client_rx_mtu = mtu;
    softdevice_happens(BLE_GATTS_EVT_EXCHANGE_MTU_REQUEST, 1);
    softdevice_now.evt.write = (ble_gatts_evt_write_t){ softdevice_handles.cccd, 2, { 1, 0 } };
    softdevice_happens(BLE_GATTS_EVT_WRITE, 1);
}

static void softdevice_secure(void)
{
    softdevice_now.evt.sec_level = radio.is_authenticated ? 3 : 2;
    softdevice_happens(BLE_GAP_EVT_CONN_SEC_UPDATE, 1);
}

static bool softdevice_writes(const uint8_t *value, size_t len)
{
    uint32_t dropped = softdevice_service.ble.dropped;
    bool was_secured = softdevice_service.ble.is_secured;

    softdevice_now.evt.write.handle = softdevice_handles.value;
    softdevice_now.evt.write.len = (uint16_t)len;
    memcpy(softdevice_now.evt.write.data, value, len);
    softdevice_happens(BLE_GATTS_EVT_WRITE, 1);
    return was_secured && softdevice_service.ble.dropped == dropped;
}

static void softdevice_has_sent(void)
{
    softdevice_happens(BLE_GATTS_EVT_HVN_TX_COMPLETE, 1);
}

static void softdevice_disconnect(void)
{
    softdevice_happens(BLE_GAP_EVT_DISCONNECTED, 1);
}

/* ---- All three ---- */

static const struct stack {
    struct example_service *service;
    int (*notify)(void *ctx, const uint8_t *value, size_t len);
    void (*set_latency)(void *ctx, bool is_low);
    void (*connect)(unsigned n);
    void (*prepare)(uint16_t mtu);
    void (*secure)(void);
    bool (*writes)(const uint8_t *value, size_t len);
    void (*has_sent)(void);
    void (*disconnect)(void);
} stacks[] = {
    { &nimble_service, nimble_notify, nimble_set_latency, nimble_connect, nimble_prepare,
      nimble_secure, nimble_writes, nimble_has_sent, nimble_disconnect },
    { &zephyr_service, zephyr_notify, zephyr_set_latency, zephyr_connect, zephyr_prepare,
      zephyr_secure, zephyr_writes, zephyr_has_sent, zephyr_disconnect },
    { &softdevice_service, softdevice_notify, softdevice_set_latency, softdevice_connect,
      softdevice_prepare, softdevice_secure, softdevice_writes, softdevice_has_sent,
      softdevice_disconnect },
};

/* Echo of 30 letters: more than one value of an MTU of 23, either way. */
static const uint8_t echo[] = { 10,   0,   0,   35,  0,   0,   7,   0,   0xa1, 0x61, 'd',
                                0x78, 30,  'a', 'b', 'c', 'd', 'e', 'f', 'g',  'h',  'i',
                                'j',  'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r',  's',  't',
                                'u',  'v', 'w', 'x', 'y', 'z', '1', '2', '3',  '4' };

static void an_authenticated_central_is_answered_in_pieces_as_there_is_room(void **state)
{
    (void)state;
    nimble_value_handle = 12;
    softdevice_handles.value = 14;
    softdevice_handles.cccd = 15;
    for (size_t i = 0; i < sizeof stacks / sizeof stacks[0]; i++) {
        const struct stack *s = &stacks[i];

        memset(&radio, 0, sizeof radio);
        radio.client = (struct dfu_ble_joiner){ .buf = radio.answer, .cap = sizeof radio.answer };
        example_service_init(s->service, &world.peer.server, s->notify, s->set_latency);
        s->connect(1);
        s->prepare(23);
        s->secure(); /* encrypted, but by nobody known */
        assert_false(s->writes(echo, 20));
        radio.is_authenticated = true;
        s->secure();
        s->connect(2);
        assert_int_equal(radio.terminated, 2);

        radio.room = 1;
        assert_true(s->writes(echo, 20));
        assert_true(s->writes(echo + 20, 20));
        assert_true(s->writes(echo + 40, sizeof echo - 40));
        assert_int_equal(radio.values, 1);
        radio.room = 10;
        s->has_sent();
        assert_int_equal(radio.answers, 1);
        assert_int_equal(radio.values, 3);
        assert_int_equal(radio.answer[0], 11);

        dfu_latency_transfer(&s->service->latency, 1000);
        assert_int_equal(radio.low_latency, 1);
        s->disconnect();
        assert_false(s->service->ble.is_connected);
    }
}

static int begin(void **state)
{
    (void)state;
    smp_world_init(&world);
    return 0;
}

static int end(void **state)
{
    (void)state;
    smp_world_free(&world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_authenticated_central_is_answered_in_pieces_as_there_is_room),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
