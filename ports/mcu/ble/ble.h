/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* ble.h - the application serves SMP over Bluetooth LE, all but the host stack. That is a source file
 * that the build is given (BLE_HOST): it defines the ble_host_ functions, and calls those of
 * dfu/smp_ble.h when docs/BLE.md says. Everything happens in the main loop. */
#ifndef DFU_MCU_BLE_H
#define DFU_MCU_BLE_H

#include "autoconf.h"
#include "dfu/smp_ble.h"

/* The largest packet: with reassembly the buffer, without it what one value holds. */
#ifdef CONFIG_MCUMGR_TRANSPORT_BT_REASSEMBLY
#define BLE_PACKET_MAX CONFIG_MCUMGR_TRANSPORT_NETBUF_SIZE
#else
#define BLE_VALUE_MAX (CONFIG_BT_L2CAP_TX_MTU - 3)
#define BLE_PACKET_MAX                                                   \
    (BLE_VALUE_MAX < CONFIG_MCUMGR_TRANSPORT_NETBUF_SIZE ? BLE_VALUE_MAX \
                                                         : CONFIG_MCUMGR_TRANSPORT_NETBUF_SIZE)
#endif

/* For the table of hooks. */
struct dfu_smp_hook ble_hook(void);

void ble_start(struct dfu_smp_server *server);
void ble_poll(void);

/* ---- The host stack's ---- */

/* Radio on, SMP's service registered, advertising as CONFIG_BT_DEVICE_NAME. ble stays where it is. */
void ble_host_start(struct dfu_smp_ble *ble);

/* Let the stack work; it arranges that the next thing to happen ends a sleep (port_wake_for()). */
void ble_host_poll(void);

/* One notification; as struct dfu_smp_ble's notify. */
int ble_host_notify(void *ctx, const uint8_t *value, size_t len);

/* Ask the central for a fast connection, or for the usual one. */
void ble_host_set_latency(void *ctx, bool is_low);

#endif
