/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* bluez.h - this machine's Bluetooth, through BlueZ's bluetoothd and D-Bus: what the client's link,
 * the scan and the virtual device share.
 *
 * Calls wait for their answer and serve the bus meanwhile, for BlueZ asks back (an agent's
 * passkey, the objects of a GATT application) before it answers. */
#ifndef DFU_POSIX_BLUEZ_H
#define DFU_POSIX_BLUEZ_H

#include <stdbool.h>
#include <stdint.h>

#include "bus_library.h"
#include "link.h"

#define DFU_BLUEZ_PATH_LEN 96u
#define DFU_BLUEZ_NAME_LEN 256u /* 248 bytes by Core, Vol 2, Part E, 7.3.11 */
#define DFU_BLUEZ_CALL_MS  10000u

#define BLUEZ_ADAPTER        "org.bluez.Adapter1"
#define BLUEZ_DEVICE         "org.bluez.Device1"
#define BLUEZ_CHARACTERISTIC "org.bluez.GattCharacteristic1"

struct dfu_bluez {
    sd_bus *bus;                      /* NULL: closed */
    char error[96];                   /* of the last call that failed: "org.bluez.Error.NotReady" */
    char text[160];                   /* and what was said with it */
    char adapter[DFU_BLUEZ_PATH_LEN]; /* "/org/bluez/hci0" */
};

/* One adapter, device or characteristic; what it has not is 0 or "". */
struct dfu_bluez_object {
    const char *path, *interface;
    char address[18], name[DFU_BLUEZ_NAME_LEN], uuid[40];
    bool is_powered, is_connected, is_resolved, is_paired;
    bool is_heard; /* a device: in this scan, or a little before */
    int16_t rssi;
    bool has_smp; /* a device: says that it has the service */
};

/* Connect and choose an adapter: the named one ("hci1"), or the first that is on. On failure why
 * holds a sentence; as dfu_link_open(). */
int dfu_bluez_open(struct dfu_bluez *bluez, const char *adapter, char why[DFU_LINK_WHY_LEN]);
void dfu_bluez_close(struct dfu_bluez *bluez);

/* A call to an object of BlueZ's, to append its arguments to; NULL: out of memory. */
sd_bus_message *dfu_bluez_message(struct dfu_bluez *bluez, const char *path, const char *interface,
                                  const char *member);

/* Send it (and release it, whatever comes of it; NULL fails), wait for its answer. False: see
 * error and text. The reply is the caller's; reply may be NULL. */
bool dfu_bluez_send(struct dfu_bluez *bluez, sd_bus_message *call, uint32_t timeout_ms,
                    sd_bus_message **reply);

/* The same for one without arguments. */
bool dfu_bluez_call(struct dfu_bluez *bluez, const char *path, const char *interface,
                    const char *member, uint32_t timeout_ms);

/* Send it, whatever the answer will be; from inside a method or signal, too. */
void dfu_bluez_post(struct dfu_bluez *bluez, sd_bus_message *call);

/* Every adapter, device and characteristic, until visit returns false. False: see error. */
bool dfu_bluez_walk(struct dfu_bluez *bluez,
                    bool (*visit)(void *ctx, const struct dfu_bluez_object *object), void *ctx);

/* The next of a dictionary's entries (a{sv}) that m stands in: its key, m before the variant's
 * content of this type; entries of other types and keys are skipped. False: there is none. */
bool dfu_bluez_find_entry(sd_bus_message *m, const char *key, const char *type);

/* Serve the bus for so long. */
void dfu_bluez_idle(struct dfu_bluez *bluez, uint32_t ms);

/* Look for devices from now on, all or those that say they have the service; and no more. */
bool dfu_bluez_start_scan(struct dfu_bluez *bluez, bool only_smp);
void dfu_bluez_stop_scan(struct dfu_bluez *bluez);

/* What the last failed call means, for a user who wanted to do this ("look for devices"). */
int dfu_bluez_why(const struct dfu_bluez *bluez, const char *what, char why[DFU_LINK_WHY_LEN]);

#endif
