/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* dfu sim: the virtual device's command line. What it does with it is in sim_host.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "extras.h"
#include "server_ble.h"
#include "sim_fleet.h"

enum {
    OPT_BOARD = 1,
    OPT_COUNT,
    OPT_FLASH,
    OPT_UDP,
    OPT_ADDRESS,
    OPT_SERIAL,
    OPT_BAUD,
    OPT_CONSOLE_ON_SERIAL,
    OPT_SERIAL_RAW,
    OPT_TCP,
    OPT_DTLS,
    OPT_DTLS_CERT,
    OPT_DTLS_KEY,
    OPT_DTLS_CA,
    OPT_DTLS_PSK,
    OPT_BLE,
    OPT_BLE_ADAPTER,
    OPT_BLE_AUTHENTICATED,
    OPT_KEY,
    OPT_HASH_ONLY,
    OPT_DECRYPT_KEY,
    OPT_AUTH,
    OPT_AUTH_OPEN,
    OPT_MODE,
    OPT_NO_DOWNGRADE,
    OPT_CONFIRM_AT_START,
    OPT_INIT,
    OPT_POWER_CUT,
    OPT_STAY_OFF,
    OPT_SEED,
    OPT_BUF_SIZE,
    OPT_BUF_COUNT,
    OPT_REAL_TIME,
    OPT_READY_FILE,
    OPT_FILES,
    OPT_USBIP,
    OPT_CONFIG_CHANNEL,
    OPT_CLOCK,
    OPT_USB_SERIAL,
    OPT_USB_TRANSFER_SIZE,
    OPT_USB_NO_UPLOAD,
    OPT_USB_PERMANENT,
    OPT_USB_REBOOT,
    OPT_USB_NO_WILL_DETACH,
    OPT_USB_DFUSE,
    OPT_USB_WAIT,
    OPT_RECOVERY,
    OPT_RECOVERY_PIN,
    OPT_RECOVERY_WAIT,
    OPT_RECOVERY_IDLE,
    OPT_RECOVERY_DIRECT,
    OPT_RECOVERY_ERASE_AT_ONCE,
};

static const struct cli_option options[] = {
    { "board", 'b', "BOARD", 1, "a board of this build, or the path of a .dtb file", NULL,
      OPT_BOARD },
    { "flash", 'f', "FILE", 1, "the device's flash; created, erased, if it is not there", NULL,
      OPT_FLASH },
    { "count", 0, "N", 1,
      "N devices in one process: device I has FILE-I, UDP port PORT + I - 1, serial line LINK-I",
      NULL, OPT_COUNT },
    { "key", 'k', "PEM", 1, "trust images signed with this key; may be given more than once", NULL,
      OPT_KEY },
    { "hash-only", 0, NULL, 0, "trust every image whose hash is right", NULL, OPT_HASH_ONLY },
    { "decrypt-key", 0, "FILE", 1,
      "the device's own key, for encrypted images; may be given more than once", NULL,
      OPT_DECRYPT_KEY },
    { "init", 0, "IMAGE", 1,
      "program this image into slot 0 if that is empty; given again, into the first slot of the "
      "next image (the loader's, with -m firmware-loader)",
      NULL, OPT_INIT },
    { "udp", 'u', "PORT", 1, "serve SMP on this UDP port of this machine; 0 finds a free one", NULL,
      OPT_UDP },
    { "address", 'a', "ADDRESS", 1,
      "serve UDP and TCP on this address, or on any, so that other machines can reach it",
      "localhost", OPT_ADDRESS },
    { "serial", 's', "LINK", 1, "serve SMP on a pseudo terminal that this link will point to", NULL,
      OPT_SERIAL },
    { "baud", 0, "N", 1, "pace of the serial line; 0: as fast as it goes", "0", OPT_BAUD },
    { "console-on-serial", 0, NULL, 0,
      "print the console on the serial line, too, and echo what is typed there", NULL,
      OPT_CONSOLE_ON_SERIAL },
    { "tcp", 0, "PORT", 1,
      "serve SMP on a serial line that this TCP port carries, as ser2net does; 0 finds a free one",
      NULL, OPT_TCP },
    { "dtls", 0, "PORT", 1, "serve SMP over DTLS 1.2 on this UDP port; 0 finds a free one", NULL,
      OPT_DTLS },
    { "dtls-cert", 0, "FILE", 1, "the device's certificate, PEM", NULL, OPT_DTLS_CERT },
    { "dtls-key", 0, "FILE", 1, "its private key, PEM", NULL, OPT_DTLS_KEY },
    { "dtls-ca", 0, "FILE", 1, "admit only clients with a certificate that this CA signed", NULL,
      OPT_DTLS_CA },
    { "dtls-psk", 0, "FILE", 1,
      "pre-shared keys for DTLS, a line 'identity:key' each, the key in hexadecimal", NULL,
      OPT_DTLS_PSK },
    { "ble", 0, "NAME", 1, "serve SMP over Bluetooth LE, advertised under this name", NULL,
      OPT_BLE },
    { "ble-adapter", 0, "hciN", 1, "with this adapter, not the first one that is on", NULL,
      OPT_BLE_ADAPTER },
    { "ble-authenticated", 0, NULL, 0,
      "only for centrals that are paired by a passkey, which the device shows here", NULL,
      OPT_BLE_AUTHENTICATED },
    { "serial-raw", 0, NULL, 0,
      "packets on --serial and --tcp have no console framing: one behind the other, as they are",
      NULL, OPT_SERIAL_RAW },
    { "auth", 0, "ROLE:PEM", 1,
      "who logs in with this Ed25519 key may observe, operate or update; what is left open to the "
      "rest says --auth-open; may be given more than once",
      NULL, OPT_AUTH },
    { "auth-open", 0, "none|observe|operate|update", 1, "with --auth: what everybody may",
      "observe", OPT_AUTH_OPEN },
    { "mode", 'm', "MODE", 1, "how it upgrades, not what the board says", NULL, OPT_MODE },
    { "no-downgrade", 0, NULL, 0, "the bootloader refuses lower versions", NULL, OPT_NO_DOWNGRADE },
    { "confirm-at-start", 0, NULL, 0,
      "the application confirms its image as soon as it is up, unless images run in place", NULL,
      OPT_CONFIRM_AT_START },
    EXTRAS_OPTIONS,
    { "progress", 0, NULL, 0, "the bootloader tells how far an update is", NULL, EXTRAS_PROGRESS },
    { "power-cut", 0, "OP[:WHEN]", 1,
      "cut the power at a start's flash operation OP, once; WHEN: before, inside (default), after",
      NULL, OPT_POWER_CUT },
    { "stay-off", 0, NULL, 0, "exit at the power cut, power does not return", NULL, OPT_STAY_OFF },
    { "seed", 0, "N", 1, "decides what a torn operation leaves", "1", OPT_SEED },
    { "buf-size", 0, "BYTES", 1, "largest SMP packet", "2048", OPT_BUF_SIZE },
    { "buf-count", 0, "N", 1, "SMP buffers the device tells of", "4", OPT_BUF_COUNT },
    { "real-time", 0, NULL, 0, "flash operations take as long as on the board's part", NULL,
      OPT_REAL_TIME },
    { "files", 0, "DIR", 1, "serve the files of this folder over SMP", NULL, OPT_FILES },
    { "ready-file", 0, "FILE", 1, "write port, link and process id there once all is served", NULL,
      OPT_READY_FILE },
    { "usbip", 0, "PORT", 1,
      "show the device's USB port over USB/IP on this TCP port; 0 finds a free one", NULL,
      OPT_USBIP },
    { "config-channel", 0, "PORT", 1,
      "serve nRF Desktop's configuration channel on this TCP port; 0 finds a free one", NULL,
      OPT_CONFIG_CHANNEL },
    { "clock", 0, "PORT", 1,
      "the device's clock stands still; a datagram of MILLISECONDS to this UDP port lets so much "
      "time pass, and is answered once it has; 0 finds a free one",
      NULL, OPT_CLOCK },
    { "usb-serial", 0, "TEXT", 1, "its USB serial number", "DFUKIT0001", OPT_USB_SERIAL },
    { "usb-transfer-size", 0, "BYTES", 1, "largest block of a USB DFU transfer", "4096",
      OPT_USB_TRANSFER_SIZE },
    { "usb-no-upload", 0, NULL, 0, "slots can't be read over USB DFU", NULL, OPT_USB_NO_UPLOAD },
    { "usb-permanent", 0, NULL, 0,
      "an image downloaded over USB DFU stays without a test: one that doesn't work can't revert",
      NULL, OPT_USB_PERMANENT },
    { "usb-reboot", 0, NULL, 0, "restart by itself after a download over USB DFU", NULL,
      OPT_USB_REBOOT },
    { "usb-no-will-detach", 0, NULL, 0, "stay on the bus after DFU_DETACH until the host resets it",
      NULL, OPT_USB_NO_WILL_DETACH },
    { "usb-dfuse", 0, NULL, 0,
      "address slots as ST's DfuSe does (dfu-util -s ADDRESS:leave), and restart when told to leave",
      NULL, OPT_USB_DFUSE },
    { "usb-wait", 0, "MS", 1,
      "the bootloader waits so long for a download over USB DFU before it starts what is there; "
      "0: until somebody comes",
      NULL, OPT_USB_WAIT },
    { "recovery", 0, NULL, 0,
      "the bootloader has serial recovery: it answers SMP where no image may run, and after "
      "dfu reset --recovery",
      NULL, OPT_RECOVERY },
    { "recovery-pin", 0, NULL, 0, "the same, and its pin is pressed at the first start", NULL,
      OPT_RECOVERY_PIN },
    { "recovery-wait", 0, "MS", 1, "the same, and so long before each start of the application",
      NULL, OPT_RECOVERY_WAIT },
    { "recovery-idle", 0, "MS", 1, "silence after which recovery is left; 0: never", "30000",
      OPT_RECOVERY_IDLE },
    { "recovery-direct", 0, NULL, 0, "recovery takes uploads into any slot: --image 1 is slot 0",
      NULL, OPT_RECOVERY_DIRECT },
    { "recovery-erase-at-once", 0, NULL, 0,
      "recovery erases the slot at the first chunk, not sectors just ahead of the data", NULL,
      OPT_RECOVERY_ERASE_AT_ONCE },
    { 0 },
};

static const char *const examples[] = {
    "# A device with an image, reached over UDP",
    "dfu sim -b sim -f flash.bin --init app-1.0.0.bin --key root-pub.pem --udp 1337",
    "# One on a serial line that loses power in the middle of its first swap",
    "dfu sim -b nrf52840dk -f flash.bin --hash-only --serial /tmp/device --power-cut 31",
    "# One that decrypts what is encrypted for it",
    "dfu sim -b sim -f flash.bin --key root-pub.pem --decrypt-key device.pem --udp 1337",
    "# One behind a serial server, reached as tcp:localhost:4000",
    "dfu sim -b sim -f flash.bin --hash-only --tcp 4000",
    "# One that proves who it is, reached as dtls:localhost:1338,ca=ca.pem",
    "dfu sim -b sim -f flash.bin --hash-only --dtls 1338 --dtls-cert cert.pem --dtls-key key.pem",
    "# One on Bluetooth, reached as ble:blinky from another adapter or computer",
    "dfu sim -b sim -f flash.bin --hash-only --ble blinky",
    "# One that only who has a key may update; everybody may look",
    "dfu sim -b sim -f flash.bin --hash-only --udp 1337 --auth update:operator.pem",
    "# One on USB, for dfu usb and dfu-util",
    "dfu sim -b sim -f flash.bin --hash-only --usbip 3240",
    "# A hundred on UDP ports 20000 to 20099, their flash in flash-1.bin to flash-100.bin",
    "dfu sim -b sim -f flash.bin --init app-1.0.0.bin --hash-only --udp 20000 --count 100",
    "# One that two may want to update: over SMP and over the configuration channel",
    "dfu sim -b sim -f flash.bin --hash-only --udp 1337 --config-channel 1338",
    NULL,
};

static const char details[] =
    "The device boots through the same code as a real one, prints its console here, and then\n"
    "answers as the image that runs. The flash file is the truth: the device may be killed at\n"
    "any moment and goes on from the file.\n"
    "\n"
    "All ways of updating share one lock: SMP over any link, USB DFU, the configuration channel.\n"
    "That is served over TCP as the requests of a HID feature report: a host sends 09 and the 30\n"
    "bytes of a report (06 first), and is answered 00, or 01 for a stall; it sends 01 and is\n"
    "answered 00 and the 30 bytes of the report, or 01. Each connection is a transport of its own\n"
    "(three at most); a restart of the device ends them all.\n"
    "\n"
    "An image's payload may start with lines of text that tell the simulated application how to\n"
    "behave, ended by an empty line: 'dfukit-app', 'name=NAME', 'confirm=client|self|never',\n"
    "'start=run|crash|hang', 'greet=TEXT'. Without them it runs and waits to be confirmed.";

static int take_power_cut(struct cli *cli, struct sim_host_config *config)
{
    static const struct {
        const char *word;
        enum dfu_sim_cut_when when;
    } words[] = {
        { "before", DFU_SIM_CUT_BEFORE },
        { "inside", DFU_SIM_CUT_INSIDE },
        { "after", DFU_SIM_CUT_AFTER },
    };
    const char *text = cli_value(cli, OPT_POWER_CUT);
    const char *colon = text ? strchr(text, ':') : NULL;
    char number[24] = "";
    uint64_t op = 0;

    if (!text) {
        return 0;
    }
    config->cut_when = colon ? DFU_SIM_NO_CUT : DFU_SIM_CUT_INSIDE;
    for (size_t i = 0; colon && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(colon + 1, words[i].word) == 0) {
            config->cut_when = words[i].when;
        }
    }
    snprintf(number, sizeof number, "%.*s", colon ? (int)(colon - text) : (int)strlen(text), text);
    if (!cli_parse_number(number, &op) || op == 0 || op > UINT32_MAX ||
        config->cut_when == DFU_SIM_NO_CUT) {
        return cli_fail(cli, CLI_USAGE,
                        "'%s' is no power cut; give an operation from 1 on, and if you like "
                        "':before', ':inside' or ':after'",
                        text);
    }
    config->cut_op = (uint32_t)op;
    return 0;
}

static int take_numbers(struct cli *cli, struct sim_host_config *config)
{
    uint64_t udp = 0;
    uint64_t tcp = 0;
    uint64_t dtls = 0;
    uint64_t baud = 0;
    uint64_t buf_size = 0;
    uint64_t buf_count = 0;
    uint64_t channel = 0;
    uint64_t clock = 0;
    int err = cli_number(cli, OPT_SEED, 0, UINT64_MAX, &config->seed);

    if (!err) {
        err = cli_number(cli, OPT_UDP, 0, UINT16_MAX, &udp);
    }
    if (!err) {
        err = cli_number(cli, OPT_TCP, 0, UINT16_MAX, &tcp);
    }
    if (!err) {
        err = cli_number(cli, OPT_DTLS, 0, UINT16_MAX, &dtls);
    }
    if (!err) {
        err = cli_number(cli, OPT_BAUD, 0, 100000000, &baud);
    }
    if (!err) {
        err = cli_number(cli, OPT_BUF_SIZE, 128, DFU_SIM_SMP_BUF_MAX, &buf_size);
    }
    if (!err) {
        err = cli_number(cli, OPT_BUF_COUNT, 1, 64, &buf_count);
    }
    if (!err) {
        err = cli_number(cli, OPT_CONFIG_CHANNEL, 0, UINT16_MAX, &channel);
    }
    if (!err) {
        err = cli_number(cli, OPT_CLOCK, 0, UINT16_MAX, &clock);
    }
    config->has_channel = cli_has(cli, OPT_CONFIG_CHANNEL);
    config->channel_port = (uint16_t)channel;
    config->has_clock = cli_has(cli, OPT_CLOCK);
    config->clock_port = (uint16_t)clock;
    config->has_udp = cli_has(cli, OPT_UDP);
    config->udp_port = (uint16_t)udp;
    config->has_tcp = cli_has(cli, OPT_TCP);
    config->tcp_port = (uint16_t)tcp;
    config->has_dtls = cli_has(cli, OPT_DTLS);
    config->dtls_port = (uint16_t)dtls;
    config->is_serial_raw = cli_has(cli, OPT_SERIAL_RAW);
    config->baud = (uint32_t)baud;
    config->smp_buf_size = (uint32_t)buf_size;
    config->smp_buf_count = (uint32_t)buf_count;
    return err;
}

static int take_usb(struct cli *cli, struct sim_usb_options *usb)
{
    uint64_t port = 0;
    uint64_t transfer_size = 0;
    uint64_t wait_ms = 0;
    int err = cli_number(cli, OPT_USBIP, 0, UINT16_MAX, &port);

    if (!err) {
        err = cli_number(cli, OPT_USB_TRANSFER_SIZE, 64, DFU_SIM_USB_TRANSFER_SIZE, &transfer_size);
    }
    if (!err) {
        err = cli_number(cli, OPT_USB_WAIT, 0, UINT32_MAX / 2, &wait_ms);
    }
    usb->wait_ms = (uint32_t)wait_ms;
    if (cli_has(cli, OPT_USB_WAIT) && wait_ms == 0) {
        usb->wait_ms = DFU_USB_WAIT_FOR_EVER;
    }
    usb->is_wanted = cli_has(cli, OPT_USBIP);
    usb->port = (uint16_t)port;
    usb->serial = cli_value(cli, OPT_USB_SERIAL);
    usb->transfer_size = (uint32_t)transfer_size;
    usb->no_upload = cli_has(cli, OPT_USB_NO_UPLOAD);
    usb->permanent = cli_has(cli, OPT_USB_PERMANENT);
    usb->reboot = cli_has(cli, OPT_USB_REBOOT);
    usb->no_will_detach = cli_has(cli, OPT_USB_NO_WILL_DETACH);
    usb->dfuse = cli_has(cli, OPT_USB_DFUSE);
    return err;
}

static int take_recovery(struct cli *cli, struct sim_host_config *config)
{
    uint64_t wait_ms = 0;
    uint64_t idle_ms = 0;
    int err = cli_number(cli, OPT_RECOVERY_WAIT, 1, UINT32_MAX, &wait_ms);

    if (!err) {
        err = cli_number(cli, OPT_RECOVERY_IDLE, 0, UINT32_MAX, &idle_ms);
    }
    config->is_pin_pressed = cli_has(cli, OPT_RECOVERY_PIN);
    config->has_recovery =
        cli_has(cli, OPT_RECOVERY) || config->is_pin_pressed || cli_has(cli, OPT_RECOVERY_WAIT);
    config->recovery = (struct dfu_sim_recovery_config){
        .wait_ms = (uint32_t)wait_ms,
        .idle_ms = (uint32_t)idle_ms,
        .direct_upload = cli_has(cli, OPT_RECOVERY_DIRECT),
        .erase_progressively = !cli_has(cli, OPT_RECOVERY_ERASE_AT_ONCE),
    };
    return err;
}

static int take_options(struct cli *cli, struct sim_host_config *config)
{
    int err = take_numbers(cli, config);

    config->board = cli_value(cli, OPT_BOARD);
    config->flash = cli_value(cli, OPT_FLASH);
    config->serial = cli_value(cli, OPT_SERIAL);
    for (size_t i = 0; i < DFU_IMAGES_MAX; i++) {
        config->init[i] = i < cli_count(cli, OPT_INIT) ? cli_value_n(cli, OPT_INIT, i) : NULL;
    }
    config->auth = (struct sim_auth_options){ OPT_AUTH, OPT_AUTH_OPEN };
    config->mode_option = OPT_MODE;
    config->decrypt_key_option = OPT_DECRYPT_KEY;
    config->dtls = (struct dfu_dtls_files){ .ca = cli_value(cli, OPT_DTLS_CA),
                                            .cert = cli_value(cli, OPT_DTLS_CERT),
                                            .key = cli_value(cli, OPT_DTLS_KEY),
                                            .psk = cli_value(cli, OPT_DTLS_PSK) };
    config->ready_file = cli_value(cli, OPT_READY_FILE);
    config->address = cli_has(cli, OPT_ADDRESS) ? cli_value(cli, OPT_ADDRESS) : NULL;
    config->ble = cli_value(cli, OPT_BLE);
    config->ble_adapter = cli_value(cli, OPT_BLE_ADAPTER);
    config->is_ble_authenticated = cli_has(cli, OPT_BLE_AUTHENTICATED);
    config->console_on_serial = cli_has(cli, OPT_CONSOLE_ON_SERIAL);
    config->hash_only = cli_has(cli, OPT_HASH_ONLY);
    config->confirms_at_start = cli_has(cli, OPT_CONFIRM_AT_START);
    config->prevent_downgrade = cli_has(cli, OPT_NO_DOWNGRADE);
    config->files = cli_value(cli, OPT_FILES);
    config->real_time = cli_has(cli, OPT_REAL_TIME);
    config->stay_off = cli_has(cli, OPT_STAY_OFF);
    if (!err) {
        err = take_usb(cli, &config->usb);
    }
    if (!err) {
        err = take_recovery(cli, config);
    }
    return err ? err : take_power_cut(cli, config);
}

static int check_dtls(struct cli *cli, const struct sim_host_config *config)
{
    const struct dfu_dtls_files *files = &config->dtls;

    if (config->has_dtls && !files->cert && !files->key && !files->psk) {
        return cli_fail(cli, CLI_USAGE,
                        "DTLS needs something that the device can show; give --dtls-cert and "
                        "--dtls-key, or --dtls-psk");
    }
    if (!config->has_dtls && (files->cert || files->key || files->ca || files->psk)) {
        return cli_fail(cli, CLI_USAGE,
                        "this says how DTLS is served, but it is not; give --dtls PORT");
    }
    return 0;
}

static int check_ble(struct cli *cli, const struct sim_host_config *config)
{
    if (!config->ble && (config->ble_adapter || config->is_ble_authenticated)) {
        return cli_fail(cli, CLI_USAGE,
                        "this says how Bluetooth is served, but it is not; give --ble NAME");
    }
    if (config->ble && (!config->ble[0] || strlen(config->ble) > DFU_SERVER_BLE_NAME_MAX)) {
        return cli_fail(cli, CLI_USAGE,
                        "--ble takes a name of 1 to %u bytes, for it must fit an advertisement",
                        DFU_SERVER_BLE_NAME_MAX);
    }
    return 0;
}

static int check_options(struct cli *cli, const struct sim_host_config *config)
{
    if (!config->board || !config->flash) {
        return cli_fail(cli, CLI_USAGE,
                        "a virtual device needs a board and a file for its flash; give --board "
                        "and --flash, for example --board sim --flash flash.bin");
    }
    if (cli_count(cli, OPT_KEY) == 0 && !config->hash_only) {
        return cli_fail(cli, CLI_USAGE,
                        "the device would trust no image; give the key that images are signed "
                        "with as --key FILE.pem, or --hash-only to trust every image");
    }
    if (cli_count(cli, OPT_KEY) > 0 && config->hash_only) {
        return cli_fail(cli, CLI_USAGE,
                        "--hash-only trusts every image, which makes --key pointless; give one "
                        "of the two");
    }
    if (config->console_on_serial && !config->serial) {
        return cli_fail(cli, CLI_USAGE,
                        "--console-on-serial needs a serial line; give --serial LINK");
    }
    if (config->is_serial_raw && !config->serial && !config->has_tcp) {
        return cli_fail(cli, CLI_USAGE,
                        "--serial-raw needs a serial line; give --serial LINK or --tcp PORT");
    }
    if (config->is_serial_raw && config->console_on_serial) {
        return cli_fail(cli, CLI_USAGE,
                        "a line of raw packets has no room for console text; leave out "
                        "--serial-raw or --console-on-serial");
    }
    if (config->usb.wait_ms > 0 && !config->usb.is_wanted) {
        return cli_fail(cli, CLI_USAGE,
                        "--usb-wait needs a USB port to wait at; give --usbip PORT");
    }
    if (check_dtls(cli, config) || check_ble(cli, config)) {
        return CLI_USAGE;
    }
    if (!config->has_recovery &&
        (cli_has(cli, OPT_RECOVERY_IDLE) || config->recovery.direct_upload ||
         !config->recovery.erase_progressively)) {
        return cli_fail(cli, CLI_USAGE,
                        "this says how serial recovery works, but the device has none; add "
                        "--recovery");
    }
    return 0;
}

/* What many devices share is one process; what they cannot share is a port. */
static int check_count(struct cli *cli, const struct sim_host_config *config, uint64_t *count)
{
    int err = cli_number(cli, OPT_COUNT, 1, SIM_FLEET_MAX, count);

    if (err || !cli_has(cli, OPT_COUNT)) {
        return err;
    }
    if (config->has_tcp || config->has_dtls || config->ble || config->usb.is_wanted ||
        config->has_channel || config->has_clock) {
        return cli_fail(cli, CLI_USAGE,
                        "many devices are served over UDP and serial lines only; leave out --count "
                        "and start the others one by one");
    }
    if (config->udp_port > 0 && *count > UINT16_MAX + 1u - config->udp_port) {
        return cli_fail(cli, CLI_USAGE,
                        "there are no %u UDP ports from %u on; give a lower --udp, or 0 to find "
                        "free ones",
                        (unsigned)*count, config->udp_port);
    }
    return 0;
}

static int sim_run(struct cli *cli)
{
    uint64_t device_count = 0;
    struct sim_host_config config = { 0 };
    size_t count = cli_count(cli, OPT_KEY);
    int exit_code = take_options(cli, &config);

    if (!exit_code) {
        exit_code = check_options(cli, &config);
    }
    if (!exit_code) {
        exit_code = check_count(cli, &config, &device_count);
    }
    if (exit_code) {
        return exit_code;
    }
    config.key_files = calloc(count + 1, sizeof *config.key_files);
    if (!config.key_files) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        config.key_files[i] = cli_value_n(cli, OPT_KEY, i);
    }
    config.key_count = count;
    exit_code = cli_has(cli, OPT_COUNT) ? sim_fleet_run(cli, &config, (uint32_t)device_count)
                                        : sim_host_run(cli, &config);
    free(config.key_files);
    return exit_code;
}

const struct cli_command cmd_sim = {
    .name = "sim",
    .summary = "Run a virtual device",
    .details = details,
    .options = options,
    .examples = examples,
    .run = sim_run,
};
