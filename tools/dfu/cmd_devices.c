/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* dfu devices: what -d could name. Serial ports are listed, networks are asked, Bluetooth is
 * listened to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "device.h"
#include "dfu/err.h"
#include "dfu/smp.h"
#include "nearby.h"

#define ANSWERS_MAX 256u
#define TRIES       2u /* datagrams get lost */

enum { OPT_WAIT = 1, OPT_NO_NETWORK, OPT_NO_BLUETOOTH };

struct listing {
    struct cli *cli;
    cJSON *json, *array;
    size_t count;
    struct {
        char from[DFU_NEARBY_FROM_LEN];
    } answers[ANSWERS_MAX];
    size_t answer_count;
};

/* A column of a terminal; what a device calls itself may hold anything. */
static const char *column(const char *text, char *buf, size_t cap)
{
    struct dfu_client_text all = { text ? text : "-", text ? strlen(text) : 1 };

    return device_text(all, buf, cap);
}

static void add_text(cJSON *item, const char *key, const char *text)
{
    if (text) {
        cJSON_AddItemToObject(item, key,
                              device_json_text((struct dfu_client_text){ text, strlen(text) }));
    } else {
        cJSON_AddNullToObject(item, key);
    }
}

static void show_port(void *ctx, const struct dfu_serial_port *port)
{
    struct listing *list = ctx;
    char target[280], usb[16] = "", number[40], description[80];

    snprintf(target, sizeof(target), "serial:%s", port->path);
    if (port->vid >= 0) {
        snprintf(usb, sizeof(usb), "%04x:%04x", (unsigned)port->vid & 0xffffu,
                 (unsigned)port->pid & 0xffffu);
    }
    list->count++;
    if (list->array) {
        cJSON *item = cJSON_CreateObject();

        add_text(item, "target", target);
        add_text(item, "usb_id", usb[0] ? usb : NULL);
        add_text(item, "serial_number", port->serial_number);
        add_text(item, "description", port->description);
        cJSON_AddItemToArray(list->array, item);
        return;
    }
    printf("%-28s  %-9s  %-16s  %s\n", target, usb[0] ? usb : "-",
           column(port->serial_number, number, sizeof(number)),
           column(port->description, description, sizeof(description)));
}

static void show_ble(void *ctx, const struct dfu_ble_device *device)
{
    struct listing *list = ctx;
    char target[300], name[80];

    snprintf(target, sizeof(target), "ble:%s", device->address);
    list->count++;
    if (list->array) {
        cJSON *item = cJSON_CreateObject();

        add_text(item, "target", target);
        add_text(item, "name", device->name);
        cJSON_AddNumberToObject(item, "rssi", device->rssi);
        cJSON_AddItemToArray(list->array, item);
        return;
    }
    printf("%-28s  offers SMP  %-16s  %d dBm\n", target, column(device->name, name, sizeof(name)),
           device->rssi);
}

static bool is_new(struct listing *list, const char *from)
{
    for (size_t i = 0; i < list->answer_count; i++) {
        if (strcmp(list->answers[i].from, from) == 0) {
            return false;
        }
    }
    if (list->answer_count == ANSWERS_MAX) {
        return false;
    }
    snprintf(list->answers[list->answer_count++].from, DFU_NEARBY_FROM_LEN, "%s", from);
    return true;
}

static void show_answer(struct listing *list, const char *from, const struct dfu_answer *answer)
{
    struct dfu_client_params params = { 0 };
    char target[DFU_NEARBY_FROM_LEN + 8];

    snprintf(target, sizeof(target), "udp:%s", from);
    list->count++;
    if (!answer || dfu_client_params_read(answer, &params)) {
        params = (struct dfu_client_params){ 0 };
    }
    if (list->array) {
        cJSON *item = cJSON_CreateObject();

        add_text(item, "target", target);
        cJSON_AddNumberToObject(item, "buf_size", params.buf_size);
        cJSON_AddNumberToObject(item, "buf_count", params.buf_count);
        cJSON_AddItemToArray(list->array, item);
        return;
    }
    printf("%-28s  answers SMP\n", target);
}

static void listen_for(struct listing *list, const struct dfu_nearby *nearby,
                       const struct dfu_call *call, uint64_t wait_ms)
{
    uint64_t end_ms = dfu_link_now_ms() + wait_ms, now_ms;

    while ((now_ms = dfu_link_now_ms()) < end_ms) {
        uint8_t packet[2048];
        char from[DFU_NEARBY_FROM_LEN];
        struct dfu_answer answer;
        size_t len =
            dfu_nearby_receive(nearby, packet, sizeof(packet), (uint32_t)(end_ms - now_ms), from);
        int result = len > 0 ? dfu_client_answer(call, packet, len, &answer) : DFU_ERR_NOENT;

        /* A device without parameters says no, and so is there. */
        if ((result == 0 || result == DFU_ERR_PERM) && is_new(list, from)) {
            show_answer(list, from, result ? NULL : &answer);
        }
    }
}

static int ask_all(struct listing *list, const struct dfu_nearby *nearby, uint64_t wait_ms)
{
    struct cli *cli = list->cli;
    struct dfu_call call = { .version = DFU_SMP_V2, .seq = (uint8_t)getpid() };
    uint8_t packet[64];
    int len = dfu_client_params(&call, packet, sizeof(packet));

    for (unsigned i = 0; i < TRIES; i++) {
        char why[DFU_LINK_WHY_LEN] = "";
        int asked = cli_argc(cli) > 0 ? 0 : dfu_nearby_ask(nearby, NULL, packet, (size_t)len, why);

        for (int n = 0; asked >= 0 && n < cli_argc(cli); n++) {
            asked = dfu_nearby_ask(nearby, cli_arg(cli, n), packet, (size_t)len, why);
        }
        if (asked < 0) {
            return cli_fail(cli, asked == DFU_ERR_INVAL ? CLI_USAGE : CLI_NO_DEVICE, "%s", why);
        }
        listen_for(list, nearby, &call, wait_ms / TRIES);
    }
    return CLI_DONE;
}

/* A computer without Bluetooth has no devices there, and that is no failure. */
static void listen_to_bluetooth(struct listing *list, uint64_t wait_ms)
{
    char why[DFU_LINK_WHY_LEN];

    if (cli_argc(list->cli) == 0 && !cli_has(list->cli, OPT_NO_BLUETOOTH) &&
        dfu_nearby_ble((uint32_t)wait_ms, show_ble, list, why) && list->cli->verbose > 0) {
        cli_note(list->cli, "no Bluetooth: %s", why);
    }
}

static int list_all(struct listing *list, uint64_t wait_ms)
{
    struct dfu_nearby nearby;
    int code;

    if (cli_argc(list->cli) == 0 && dfu_nearby_serial(show_port, list)) {
        return cli_fail(list->cli, CLI_INTERNAL, "the system does not list its serial ports");
    }
    listen_to_bluetooth(list, wait_ms);
    if (cli_has(list->cli, OPT_NO_NETWORK)) {
        return CLI_DONE;
    }
    code = dfu_nearby_open(&nearby) ? ask_all(list, &nearby, wait_ms)
                                    : cli_fail(list->cli, CLI_INTERNAL,
                                               "the system gives no UDP socket; use --no-network");
    dfu_nearby_close(&nearby);
    return code;
}

static int run(struct cli *cli)
{
    struct listing *list = calloc(1, sizeof(*list));
    uint64_t wait_ms = 0;
    int code = cli_number(cli, OPT_WAIT, 1, 600000, &wait_ms);

    if (!list) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    list->cli = cli;
    if (cli->json) {
        list->json = cJSON_CreateObject();
        list->array = cJSON_AddArrayToObject(list->json, "devices");
    }
    code = code ? code : list_all(list, wait_ms);
    if (!code && list->json) {
        code = cli_json_print(cli, list->json);
        list->json = NULL;
    } else if (!code && list->count == 0) {
        printf("no device was found\n");
    }
    cJSON_Delete(list->json);
    free(list);
    return code;
}

static const struct cli_option options[] = {
    { "wait", 0, "MS", 1, "how long to wait for answers, in milliseconds", "1000", OPT_WAIT },
    { "no-network", 0, NULL, 0, "ask nobody over UDP", NULL, OPT_NO_NETWORK },
    { "no-bluetooth", 0, NULL, 0, "don't listen to Bluetooth", NULL, OPT_NO_BLUETOOTH },
    { 0 },
};

static const char *const examples[] = {
    "# Serial ports, Bluetooth devices, and who answers on the networks",
    "dfu devices",
    "# Ask two addresses, the second of them a whole network",
    "dfu devices 192.0.2.1 198.51.100.255:1337",
    "# Everybody on the link of one interface, by IPv6",
    "dfu devices [ff02::1%eth0]",
    NULL,
};

const struct cli_command cmd_devices = {
    .name = "devices",
    .args = "[ADDRESS...]",
    .summary = "List what -d could name: serial ports, Bluetooth devices, who answers over UDP",
    .details =
        "Serial ports come with VID:PID and serial number of USB, and -d takes those instead of\n"
        "a path, which changes: serial:VID:PID, serial:VID:PID:SERIAL, serial:SERIAL, or\n"
        "serial:/REGEX/ for a POSIX extended regular expression that is looked for in \"PATH\n"
        "VID:PID SERIAL DESCRIPTION\". Exactly one port must match; after a reset the device is\n"
        "looked for again.\n\n"
        "UDP port 1337 of every network is asked, by IPv4 broadcast and IPv6 multicast (ff02::1 on\n"
        "each interface). Bluetooth devices are shown that advertise SMP's service; where there is\n"
        "no Bluetooth, -v says why. With ADDRESS (HOST[:PORT], [V6]:PORT, [fe80::1%eth0]) only\n"
        "those are asked, and nothing else is listed. An address of a link names its interface\n"
        "behind a %.",
    .options = options,
    .examples = examples,
    .run = run,
};
