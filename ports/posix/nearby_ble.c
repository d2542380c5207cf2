/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <string.h>

#include "bluez.h"
#include "nearby.h"

#define SCAN_STEP_MS 2000u /* after which the adapter is told again to scan */
#define DEVICES_MAX  64u

struct listing {
    const struct dfu_bluez *bluez;
    void (*visit)(void *ctx, const struct dfu_ble_device *device);
    void *ctx;
    char told[DEVICES_MAX][18]; /* addresses */
    size_t count;
};

static bool is_new(struct listing *list, const char *address)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->told[i], address) == 0) {
            return false;
        }
    }
    if (list->count == DEVICES_MAX) {
        return false;
    }
    memcpy(list->told[list->count++], address, sizeof(list->told[0]));
    return true;
}

/* What has no name is called by its address, with dashes. */
static bool has_name(const struct dfu_bluez_object *object)
{
    size_t i = 0;

    while (object->address[i] &&
           object->name[i] == (object->address[i] == ':' ? '-' : object->address[i])) {
        i++;
    }
    return object->name[0] && (object->address[i] || object->name[i]);
}

static bool look_at(void *ctx, const struct dfu_bluez_object *object)
{
    struct listing *list = ctx;
    size_t adapter = strlen(list->bluez->adapter);

    if (strcmp(object->interface, BLUEZ_DEVICE) == 0 && object->has_smp && object->is_heard &&
        strncmp(object->path, list->bluez->adapter, adapter) == 0 && object->path[adapter] == '/' &&
        is_new(list, object->address)) {
        const struct dfu_ble_device device = { object->address,
                                               has_name(object) ? object->name : NULL,
                                               object->rssi };

        list->visit(list->ctx, &device);
    }
    return true;
}

int dfu_nearby_ble(uint32_t wait_ms, void (*visit)(void *ctx, const struct dfu_ble_device *device),
                   void *ctx, char why[DFU_LINK_WHY_LEN])
{
    struct dfu_bluez bluez;
    struct listing list = { .bluez = &bluez, .visit = visit, .ctx = ctx };
    int err = dfu_bluez_open(&bluez, NULL, why);

    while (!err && wait_ms > 0) {
        uint32_t step_ms = wait_ms < SCAN_STEP_MS ? wait_ms : SCAN_STEP_MS;

        if (!dfu_bluez_start_scan(&bluez, true)) {
            err = dfu_bluez_why(&bluez, "look for Bluetooth devices", why);
            break;
        }
        dfu_bluez_idle(&bluez, step_ms);
        (void)dfu_bluez_walk(&bluez, look_at, &list);
        dfu_bluez_stop_scan(&bluez);
        wait_ms -= step_ms;
    }
    dfu_bluez_close(&bluez);
    return err;
}
