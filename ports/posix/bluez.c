/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "bluez.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dfu/err.h"
#include "dfu/smp_ble.h"

#define SERVICE   "org.bluez"
#define BUS_ERROR "org.freedesktop.DBus.Error."
#define UNSENT    "dfukit.Unsent" /* our own: the bus is gone, or memory is short */

/* ---- Calls ---- */

struct waiting {
    struct dfu_bluez *bluez;
    sd_bus_message *reply;
    bool is_over;
};

static void note_error(struct dfu_bluez *bluez, const char *name, const char *text)
{
    snprintf(bluez->error, sizeof(bluez->error), "%s", name ? name : "");
    snprintf(bluez->text, sizeof(bluez->text), "%s", text ? text : "");
}

static int take_reply(sd_bus_message *m, void *ctx, sd_bus_error *unused)
{
    struct waiting *waiting = ctx;
    const sd_bus_error *error = sdbus.message_get_error(m);

    (void)unused;
    waiting->is_over = true;
    if (error) {
        note_error(waiting->bluez, error->name, error->message);
    } else {
        waiting->reply = sdbus.message_ref(m);
    }
    return 1;
}

static bool serve(struct dfu_bluez *bluez, uint64_t wait_us)
{
    int done = sdbus.process(bluez->bus, NULL);

    if (done == 0) {
        done = sdbus.wait(bluez->bus, wait_us);
    }
    return done >= 0 || done == -EINTR;
}

sd_bus_message *dfu_bluez_message(struct dfu_bluez *bluez, const char *path, const char *interface,
                                  const char *member)
{
    sd_bus_message *m = NULL;

    return sdbus.message_new_method_call(bluez->bus, &m, SERVICE, path, interface, member) < 0
               ? NULL
               : m;
}

bool dfu_bluez_send(struct dfu_bluez *bluez, sd_bus_message *call, uint32_t timeout_ms,
                    sd_bus_message **reply)
{
    struct waiting waiting = { .bluez = bluez };
    sd_bus_slot *slot = NULL;

    note_error(bluez, UNSENT, "the connection to the D-Bus is gone");
    if (!call || sdbus.call_async(bluez->bus, &slot, call, take_reply, &waiting,
                                  (uint64_t)timeout_ms * 1000u) < 0) {
        sdbus.message_unref(call);
        return false;
    }
    sdbus.message_unref(call);
    while (!waiting.is_over && serve(bluez, UINT64_MAX)) {
    }
    sdbus.slot_unref(slot);
    if (reply) {
        *reply = waiting.reply;
    } else {
        sdbus.message_unref(waiting.reply);
    }
    return waiting.reply != NULL;
}

bool dfu_bluez_call(struct dfu_bluez *bluez, const char *path, const char *interface,
                    const char *member, uint32_t timeout_ms)
{
    return dfu_bluez_send(bluez, dfu_bluez_message(bluez, path, interface, member), timeout_ms,
                          NULL);
}

void dfu_bluez_post(struct dfu_bluez *bluez, sd_bus_message *call)
{
    if (call) {
        (void)sdbus.call_async(bluez->bus, NULL, call, NULL, NULL, 0);
    }
    sdbus.message_unref(call);
}

void dfu_bluez_idle(struct dfu_bluez *bluez, uint32_t ms)
{
    uint64_t now_ms = dfu_link_now_ms(), end_ms = now_ms + ms;

    while (now_ms < end_ms && serve(bluez, (end_ms - now_ms) * 1000u)) {
        now_ms = dfu_link_now_ms();
    }
}

/* ---- Objects ---- */

static void read_text(sd_bus_message *m, char *out, size_t cap)
{
    const char *text = "";

    (void)sdbus.message_read(m, "v", "s", &text);
    snprintf(out, cap, "%s", text);
}

static bool read_bool(sd_bus_message *m)
{
    int is_on = 0;

    return sdbus.message_read(m, "v", "b", &is_on) >= 0 && is_on;
}

static bool reads_service(sd_bus_message *m)
{
    const char *uuid;
    bool has = false;

    if (sdbus.message_enter_container(m, 'v', "as") < 0 ||
        sdbus.message_enter_container(m, 'a', "s") < 0) {
        return false;
    }
    while (sdbus.message_read(m, "s", &uuid) > 0) {
        has = has || strcasecmp(uuid, DFU_SMP_BLE_SERVICE) == 0;
    }
    (void)sdbus.message_exit_container(m);
    (void)sdbus.message_exit_container(m);
    return has;
}

static void read_property(sd_bus_message *m, const char *key, struct dfu_bluez_object *object)
{
    if (strcmp(key, "Address") == 0) {
        read_text(m, object->address, sizeof(object->address));
    } else if (strcmp(key, "Alias") == 0) { /* the name, or what the user calls it */
        read_text(m, object->name, sizeof(object->name));
    } else if (strcmp(key, "UUID") == 0) {
        read_text(m, object->uuid, sizeof(object->uuid));
    } else if (strcmp(key, "Powered") == 0) {
        object->is_powered = read_bool(m);
    } else if (strcmp(key, "Connected") == 0) {
        object->is_connected = read_bool(m);
    } else if (strcmp(key, "ServicesResolved") == 0) {
        object->is_resolved = read_bool(m);
    } else if (strcmp(key, "Paired") == 0) {
        object->is_paired = read_bool(m);
    } else if (strcmp(key, "UUIDs") == 0) {
        object->has_smp = reads_service(m);
    } else if (strcmp(key, "RSSI") == 0) {
        object->is_heard = sdbus.message_read(m, "v", "n", &object->rssi) >= 0;
    } else {
        (void)sdbus.message_skip(m, "v");
    }
}

static bool is_ours(const char *interface)
{
    return strcmp(interface, BLUEZ_ADAPTER) == 0 || strcmp(interface, BLUEZ_DEVICE) == 0 ||
           strcmp(interface, BLUEZ_CHARACTERISTIC) == 0;
}

/* m stands before one interface's name and properties. */
static bool visit_interface(sd_bus_message *m, const char *path,
                            bool (*visit)(void *ctx, const struct dfu_bluez_object *object),
                            void *ctx)
{
    struct dfu_bluez_object object = { .path = path };
    const char *key;

    if (sdbus.message_read(m, "s", &object.interface) < 0) {
        return false;
    }
    if (!is_ours(object.interface)) {
        return sdbus.message_skip(m, "a{sv}") >= 0;
    }
    if (sdbus.message_enter_container(m, 'a', "{sv}") < 0) {
        return false;
    }
    while (sdbus.message_enter_container(m, 'e', "sv") > 0) {
        if (sdbus.message_read(m, "s", &key) < 0) {
            return false;
        }
        read_property(m, key, &object);
        (void)sdbus.message_exit_container(m);
    }
    (void)sdbus.message_exit_container(m);
    return visit(ctx, &object);
}

static bool visit_object(sd_bus_message *m,
                         bool (*visit)(void *ctx, const struct dfu_bluez_object *object), void *ctx)
{
    const char *path;
    bool goes_on = true;

    if (sdbus.message_read(m, "o", &path) < 0 ||
        sdbus.message_enter_container(m, 'a', "{sa{sv}}") < 0) {
        return false;
    }
    while (goes_on && sdbus.message_enter_container(m, 'e', "sa{sv}") > 0) {
        goes_on = visit_interface(m, path, visit, ctx);
        goes_on = goes_on && sdbus.message_exit_container(m) >= 0;
    }
    return goes_on && sdbus.message_exit_container(m) >= 0;
}

bool dfu_bluez_walk(struct dfu_bluez *bluez,
                    bool (*visit)(void *ctx, const struct dfu_bluez_object *object), void *ctx)
{
    sd_bus_message *m = NULL;
    bool goes_on = true;

    if (!dfu_bluez_send(bluez,
                        dfu_bluez_message(bluez, "/", "org.freedesktop.DBus.ObjectManager",
                                          "GetManagedObjects"),
                        DFU_BLUEZ_CALL_MS, &m)) {
        return false;
    }
    (void)sdbus.message_enter_container(m, 'a', "{oa{sa{sv}}}");
    while (goes_on && sdbus.message_enter_container(m, 'e', "oa{sa{sv}}") > 0) {
        goes_on = visit_object(m, visit, ctx);
        goes_on = goes_on && sdbus.message_exit_container(m) >= 0;
    }
    sdbus.message_unref(m);
    return true;
}

bool dfu_bluez_find_entry(sd_bus_message *m, const char *key, const char *type)
{
    const char *found;

    while (sdbus.message_enter_container(m, 'e', "sv") > 0) {
        if (sdbus.message_read(m, "s", &found) < 0) {
            return false;
        }
        if (strcmp(found, key) == 0 && sdbus.message_enter_container(m, 'v', type) > 0) {
            return true;
        }
        if (sdbus.message_skip(m, "v") < 0 || sdbus.message_exit_container(m) < 0) {
            return false;
        }
    }
    return false;
}

/* ---- Adapters ---- */

struct choice {
    struct dfu_bluez *bluez;
    const char *wanted; /* "hci1", or NULL */
    bool is_on;
};

/* They come in no order: of several that are on, hci0 before hci1. */
static bool choose_adapter(void *ctx, const struct dfu_bluez_object *object)
{
    struct choice *choice = ctx;
    const char *name = strrchr(object->path, '/') + 1;

    if (strcmp(object->interface, BLUEZ_ADAPTER) != 0 ||
        (choice->wanted && strcmp(choice->wanted, name) != 0)) {
        return true;
    }
    if (!choice->bluez->adapter[0] || (object->is_powered && !choice->is_on) ||
        (object->is_powered && strcmp(object->path, choice->bluez->adapter) < 0)) {
        snprintf(choice->bluez->adapter, sizeof(choice->bluez->adapter), "%s", object->path);
        choice->is_on = object->is_powered;
    }
    return true;
}

static int choose(struct dfu_bluez *bluez, const char *adapter, char why[DFU_LINK_WHY_LEN])
{
    struct choice choice = { bluez, adapter, false };

    if (!dfu_bluez_walk(bluez, choose_adapter, &choice)) {
        return dfu_bluez_why(bluez, "find a Bluetooth adapter", why);
    }
    if (!bluez->adapter[0] && adapter) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "there is no Bluetooth adapter %s; bluetoothctl list shows those there are",
                 adapter);
        return DFU_ERR_NOENT;
    }
    if (!bluez->adapter[0]) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "this computer has no Bluetooth adapter; plug one in, and check rfkill list");
        return DFU_ERR_NOENT;
    }
    if (!choice.is_on) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "the Bluetooth adapter %s is off; switch it on with bluetoothctl power on",
                 strrchr(bluez->adapter, '/') + 1);
        return DFU_ERR_NOENT;
    }
    return 0;
}

int dfu_bluez_open(struct dfu_bluez *bluez, const char *adapter, char why[DFU_LINK_WHY_LEN])
{
    int err;

    *bluez = (struct dfu_bluez){ 0 };
    if (bus_library_load()) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "Bluetooth needs the library libsystemd.so.0, which is not there; install "
                 "libsystemd0");
        return DFU_ERR_NOTSUP;
    }
    err = sdbus.open_system(&bluez->bus);
    if (err < 0) {
        bluez->bus = NULL;
        snprintf(why, DFU_LINK_WHY_LEN,
                 "Bluetooth is reached through the D-Bus, which does not answer: %s; start it "
                 "with systemctl start dbus",
                 strerror(-err));
        return DFU_ERR_NOENT;
    }
    err = choose(bluez, adapter, why);
    if (err) {
        dfu_bluez_close(bluez);
    }
    return err;
}

void dfu_bluez_close(struct dfu_bluez *bluez)
{
    if (bluez->bus) {
        sdbus.flush_close_unref(bluez->bus);
    }
    bluez->bus = NULL;
}

/* ---- Scanning ---- */

bool dfu_bluez_start_scan(struct dfu_bluez *bluez, bool only_smp)
{
    sd_bus_message *m =
        dfu_bluez_message(bluez, bluez->adapter, BLUEZ_ADAPTER, "SetDiscoveryFilter");
    int err = m ? 0 : -1;

    if (m && only_smp) {
        err = sdbus.message_append(m, "a{sv}", 2, "Transport", "s", "le", "UUIDs", "as", 1,
                                   DFU_SMP_BLE_SERVICE);
    } else if (m) {
        err = sdbus.message_append(m, "a{sv}", 1, "Transport", "s", "le");
    }
    if (err < 0) {
        sdbus.message_unref(m);
        m = NULL;
    }
    return dfu_bluez_send(bluez, m, DFU_BLUEZ_CALL_MS, NULL) &&
           dfu_bluez_call(bluez, bluez->adapter, BLUEZ_ADAPTER, "StartDiscovery",
                          DFU_BLUEZ_CALL_MS);
}

void dfu_bluez_stop_scan(struct dfu_bluez *bluez)
{
    (void)dfu_bluez_call(bluez, bluez->adapter, BLUEZ_ADAPTER, "StopDiscovery", DFU_BLUEZ_CALL_MS);
}

/* ---- Words ---- */

int dfu_bluez_why(const struct dfu_bluez *bluez, const char *what, char why[DFU_LINK_WHY_LEN])
{
    const char *error = bluez->error;

    if (strcmp(error, BUS_ERROR "ServiceUnknown") == 0 ||
        strcmp(error, BUS_ERROR "NameHasNoOwner") == 0 ||
        strncmp(error, BUS_ERROR "Spawn", strlen(BUS_ERROR "Spawn")) == 0 ||
        strstr(error, "NoSuchUnit")) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "cannot %s: bluetoothd does not run; install bluez, and start it with systemctl "
                 "start bluetooth",
                 what);
        return DFU_ERR_NOENT;
    }
    if (strcmp(error, BUS_ERROR "AccessDenied") == 0) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "cannot %s: this user may not use Bluetooth; add them to the group bluetooth, or "
                 "become root",
                 what);
        return DFU_ERR_PERM;
    }
    if (strcmp(error, "org.bluez.Error.NotReady") == 0) {
        snprintf(why, DFU_LINK_WHY_LEN,
                 "cannot %s: the Bluetooth adapter is off; switch it on with bluetoothctl power "
                 "on",
                 what);
        return DFU_ERR_NOENT;
    }
    snprintf(why, DFU_LINK_WHY_LEN,
             "cannot %s: %s (%s); try again, and see journalctl -u bluetooth", what,
             bluez->text[0] ? bluez->text : "no reason was given", error);
    return strcmp(error, UNSENT) == 0 ? DFU_ERR_IO : DFU_ERR_NOENT;
}
