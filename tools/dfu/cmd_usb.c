/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* usb list, upload, download, detach: the host's side of USB DFU. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "dfu/err.h"
#include "dfu/usb_host.h"
#include "dfu/usb_suffix.h"
#include "usb_bus.h"

#define FILE_MAX      ((size_t)1 << 28)
#define PATIENCE_MS   8000 /* for a device to come back as another one */
#define LOOK_EVERY_MS 100

enum { OPT_ALT = 'a', OPT_SERIAL = 'S', OPT_RESET = 'R' };

#define OPTION_ALT                                                                                \
    {                                                                                             \
        "alt", 'a', "ALT", 1, "the memory: number or name of an alternate setting", NULL, OPT_ALT \
    }
#define OPTION_SERIAL                                                                    \
    {                                                                                    \
        "serial", 'S', "TEXT", 1, "the device with this serial number", NULL, OPT_SERIAL \
    }

static const struct cli_option upload_options[] = { OPTION_ALT, OPTION_SERIAL, { 0 } };
static const struct cli_option detach_options[] = { OPTION_SERIAL, { 0 } };
static const struct cli_option download_options[] = {
    OPTION_ALT,
    OPTION_SERIAL,
    { "reset", 'R', NULL, 0, "afterwards let the device restart, into the new image", NULL,
      OPT_RESET },
    { 0 },
};

struct session {
    struct cli *cli;
    struct dfu_usb_bus bus;
    const struct dfu_usb_found *found;
    struct dfu_usb_host host;
    uint8_t in[UINT16_MAX];
    FILE *file;
};

static void sleep_ms(uint32_t ms)
{
    const struct timespec pause = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000L };

    nanosleep(&pause, NULL);
}

static int bus_failed(struct session *s, int err)
{
    return cli_fail(s->cli, err == DFU_ERR_INVAL ? CLI_USAGE : CLI_NO_DEVICE, "%s",
                    s->bus.why[0] ? s->bus.why : "the USB device doesn't answer; check its cable");
}

/* ---- Finding the device ---- */

static bool is_wanted(const struct session *s, const struct dfu_usb_found *found)
{
    const char *serial = cli_value(s->cli, OPT_SERIAL);

    return !serial || strcmp(serial, found->serial) == 0;
}

/* The one device that is meant, or NULL; *count: how many are. */
static const struct dfu_usb_found *choose(const struct session *s, size_t *count)
{
    const struct dfu_usb_found *one = NULL;

    *count = 0;
    for (size_t i = 0; i < s->bus.count; i++) {
        if (is_wanted(s, &s->bus.found[i])) {
            one = &s->bus.found[i];
            ++*count;
        }
    }
    return one;
}

static int find(struct session *s)
{
    size_t count = 0;
    int err = dfu_usb_bus_scan(&s->bus);

    if (err) {
        return bus_failed(s, err);
    }
    s->found = choose(s, &count);
    if (count > 1) {
        return cli_fail(s->cli, CLI_USAGE,
                        "%zu devices can do DFU; choose one with --serial ('dfu usb list' shows "
                        "them)",
                        count);
    }
    if (!s->found) {
        const char *serial = cli_value(s->cli, OPT_SERIAL);

        return cli_fail(s->cli, CLI_NO_DEVICE,
                        "there is no USB DFU device%s%s; plug it in, see that its application "
                        "offers DFU, and look with 'dfu usb list'",
                        serial ? " with the serial number " : "", serial ? serial : "");
    }
    return 0;
}

/* ---- Running a job ---- */

static int run_host(struct session *s, void (*show)(struct session *s))
{
    for (;;) {
        int result;

        if (show) {
            show(s);
        }
        switch (dfu_usb_host_next(&s->host)) {
        case DFU_USB_HOST_DONE: return DFU_OK;
        case DFU_USB_HOST_FAILED: return s->host.err;
        case DFU_USB_HOST_WAIT:
            sleep_ms(s->host.wait_ms);
            dfu_usb_host_answer(&s->host, 0, NULL);
            break;
        case DFU_USB_HOST_TRANSFER:
            if (s->host.out) {
                memcpy(s->in, s->host.out, s->host.setup.length);
            }
            result = dfu_usb_bus_control(&s->bus, &s->host.setup, s->in);
            dfu_usb_host_answer(&s->host, result, s->in);
            break;
        }
    }
}

static const char *next_step(unsigned status)
{
    switch (status) {
    case DFU_USB_ERR_TARGET:
    case DFU_USB_ERR_FILE:
    case DFU_USB_ERR_VERIFY: return "; check the file with dfu verify";
    case DFU_USB_ERR_WRITE:
    case DFU_USB_ERR_ADDRESS: return "; choose another memory with --alt";
    case DFU_USB_ERR_VENDOR: return "";
    default: return "; begin again, or restart the device first";
    }
}

static int job_failed(struct session *s, const char *what)
{
    const struct dfu_usb_host *host = &s->host;
    const char *why = host->why[0] ? host->why : dfu_usb_status_text(host->status);

    if (host->err != DFU_ERR_STATE) {
        return cli_fail(s->cli, CLI_NO_DEVICE,
                        "lost the USB device when it was to %s; check its cable, then begin again",
                        what);
    }
    return cli_fail(s->cli, CLI_REFUSED, "the device refused to %s: %s (%s)%s", what, why,
                    dfu_usb_status_name(host->status), next_step(host->status));
}

/* ---- Personalities ---- */

/* Detach and wait until the device is back in the mode that is wanted. */
static int change_mode(struct session *s, enum dfu_usb_mode mode)
{
    bool needs_reset = !(s->found->function.attributes & DFU_USB_WILL_DETACH);
    size_t count = 0;
    int err = dfu_usb_bus_claim(&s->bus, s->found);

    if (err) {
        return bus_failed(s, err);
    }
    dfu_usb_host_detach(&s->host, &s->found->function);
    if (run_host(s, NULL)) {
        return job_failed(s, "detach");
    }
    if (needs_reset) {
        dfu_usb_bus_reset(&s->bus);
    }
    for (int waited = 0; waited < PATIENCE_MS; waited += LOOK_EVERY_MS) {
        sleep_ms(LOOK_EVERY_MS);
        if (waited == 0) { /* on USB/IP the way stays open until the device has gone */
            sleep_ms(s->found->function.detach_timeout_ms);
        }
        dfu_usb_bus_release(&s->bus);
        err = dfu_usb_bus_scan(&s->bus);
        s->found = err ? NULL : choose(s, &count);
        if (s->found && count == 1 && s->found->function.mode == mode) {
            return 0;
        }
        s->found = s->found ? s->found : &s->bus.found[0];
    }
    return cli_fail(s->cli, CLI_NO_ANSWER,
                    "the device detached but did not come back within %d s; unplug it and plug it "
                    "in again",
                    PATIENCE_MS / 1000);
}

static int alternate(struct session *s, uint8_t *alt)
{
    const char *text = cli_value(s->cli, OPT_ALT);
    uint64_t number;

    if (!text && s->found->function.alt_count == 1) {
        *alt = 0;
        return 0;
    }
    if (!text) {
        return cli_fail(s->cli, CLI_USAGE,
                        "the device has %u memories; choose one with --alt ('dfu usb list' shows "
                        "them)",
                        s->found->function.alt_count);
    }
    for (uint8_t i = 0; i < s->found->function.alt_count; i++) {
        if (strcmp(text, s->found->names[i]) == 0 ||
            (cli_parse_number(text, &number) && number == i)) {
            *alt = i;
            return 0;
        }
    }
    return cli_fail(s->cli, CLI_USAGE,
                    "the device has no alternate setting '%s'; 'dfu usb list' shows those it has",
                    text);
}

/* In DFU mode, claimed, and the memory known. */
static int get_ready(struct session *s, uint8_t *alt)
{
    int err = find(s);

    if (!err && s->found->function.mode == DFU_USB_RUNTIME) {
        err = change_mode(s, DFU_USB_DFU_MODE);
    }
    err = err ? err : alternate(s, alt);
    if (!err && dfu_usb_bus_claim(&s->bus, s->found)) {
        err = bus_failed(s, DFU_ERR_IO);
    }
    return err;
}

static int with_session(struct cli *cli, int (*run)(struct session *s))
{
    struct session *s = calloc(1, sizeof *s);
    int err;

    if (!s) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    s->cli = cli;
    err = dfu_usb_bus_open(&s->bus, cli->target);
    err = err ? bus_failed(s, err) : run(s);
    dfu_usb_bus_close(&s->bus);
    free(s);
    return err;
}

/* ---- list ---- */

static void print_device(const struct dfu_usb_found *found)
{
    const struct dfu_usb_function *function = &found->function;

    printf("%04x:%04x  serial %s  %s, DFU %x.%x, blocks of %u bytes\n", found->vendor,
           found->product, found->serial[0] ? found->serial : "-",
           function->mode == DFU_USB_RUNTIME ? "application" : "DFU mode", function->version >> 8,
           (function->version >> 4) & 15, function->transfer_size);
    for (unsigned i = 0; function->mode == DFU_USB_DFU_MODE && i < function->alt_count; i++) {
        printf("  alt %u  %s\n", i, found->names[i]);
    }
}

static const char *mode_name(enum dfu_usb_mode mode)
{
    return mode == DFU_USB_RUNTIME ? "run-time" : "dfu";
}

static cJSON *device_json(const struct dfu_usb_found *found)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *alts = cJSON_AddArrayToObject(json, "alts");

    cJSON_AddNumberToObject(json, "vendor", found->vendor);
    cJSON_AddNumberToObject(json, "product", found->product);
    cJSON_AddStringToObject(json, "serial", found->serial);
    cJSON_AddStringToObject(json, "mode", mode_name(found->function.mode));
    cJSON_AddNumberToObject(json, "transfer_size", found->function.transfer_size);
    cJSON_AddNumberToObject(json, "attributes", found->function.attributes);
    for (unsigned i = 0; i < found->function.alt_count; i++) {
        cJSON_AddItemToArray(alts, cJSON_CreateString(found->names[i]));
    }
    return json;
}

static int list(struct session *s)
{
    int err = dfu_usb_bus_scan(&s->bus);
    cJSON *json;

    if (err) {
        return bus_failed(s, err);
    }
    if (s->cli->json) {
        json = cJSON_CreateArray();
        for (size_t i = 0; i < s->bus.count; i++) {
            cJSON_AddItemToArray(json, device_json(&s->bus.found[i]));
        }
        return cli_json_print(s->cli, json);
    }
    for (size_t i = 0; i < s->bus.count; i++) {
        print_device(&s->bus.found[i]);
    }
    if (s->bus.count == 0) {
        cli_note(s->cli, "no device that can do USB DFU");
    }
    return CLI_DONE;
}

/* ---- download ---- */

static int wrong_device(const struct session *s, const char *what, uint16_t id)
{
    return cli_fail(s->cli, CLI_REFUSED,
                    "%s is for a device of %s %04x, this one is %04x:%04x; take the right file, or "
                    "'dfu suffix delete' to insist",
                    cli_arg(s->cli, 0), what, id, s->found->vendor, s->found->product);
}

/* Whom the file's suffix names. The product counts in DFU mode only: an application may have
 * another one. */
static int check_device(const struct session *s, const struct dfu_usb_suffix *suffix)
{
    bool is_final = s->found->function.mode == DFU_USB_DFU_MODE;

    if (suffix->vendor != DFU_USB_SUFFIX_ANY && suffix->vendor != s->found->vendor) {
        return wrong_device(s, "vendor", suffix->vendor);
    }
    if (is_final && suffix->product != DFU_USB_SUFFIX_ANY && suffix->product != s->found->product) {
        return wrong_device(s, "product", suffix->product);
    }
    return 0;
}

static int show_moved(const struct session *s, const char *deed, uint8_t alt)
{
    if (s->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddNumberToObject(json, "bytes", s->host.moved);
        cJSON_AddStringToObject(json, "memory", s->found->names[alt]);
        return cli_json_print(s->cli, json);
    }
    if (!s->cli->quiet) {
        printf("%u bytes %s %s\n", s->host.moved, deed, s->found->names[alt]);
    }
    return CLI_DONE;
}

static int download_file(struct session *s, const uint8_t *data, size_t len)
{
    struct dfu_usb_suffix suffix;
    uint8_t alt = 0;
    int err = find(s);

    if (dfu_usb_suffix_read(data, len, &suffix) == 0) {
        len -= suffix.length;
    } else {
        suffix.vendor = suffix.product = DFU_USB_SUFFIX_ANY;
    }
    err = err ? err : check_device(s, &suffix);
    err = err ? err : get_ready(s, &alt);
    err = err ? err : check_device(s, &suffix);
    if (err) {
        return err;
    }
    dfu_usb_host_download(&s->host, &s->found->function, alt, dfu_usb_bus_transfer_max(&s->bus),
                          data, (uint32_t)len);
    if (run_host(s, NULL)) {
        return job_failed(s, "take the file");
    }
    err = show_moved(s, "written to", alt);
    if (s->host.wants_reset) {
        dfu_usb_bus_reset(&s->bus);
    } else if (cli_has(s->cli, OPT_RESET)) {
        dfu_usb_host_detach(&s->host, &s->found->function);
        run_host(s, NULL); /* one that won't be told is reset */
        if (!(s->found->function.attributes & DFU_USB_WILL_DETACH)) {
            dfu_usb_bus_reset(&s->bus);
        }
    }
    return err;
}

static int download(struct session *s)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int err = cli_read_file(s->cli, cli_arg(s->cli, 0), FILE_MAX, &data, &len);

    if (err) {
        return err;
    }
    err = len == 0 ? cli_fail(s->cli, CLI_USAGE, "%s is empty; name the file to write",
                              cli_arg(s->cli, 0))
                   : download_file(s, data, len);
    free(data);
    return err;
}

/* ---- upload ---- */

static int keep_bytes(void *ctx, const uint8_t *data, size_t len)
{
    struct session *s = ctx;

    return fwrite(data, 1, len, s->file) == len ? DFU_OK : DFU_ERR_NOSPACE;
}

static int upload(struct session *s)
{
    uint8_t alt = 0;
    char *data = NULL;
    size_t len = 0;
    int err = cli_check_place(s->cli, cli_arg(s->cli, 0));

    err = err ? err : get_ready(s, &alt);

    if (err) {
        return err;
    }
    s->file = open_memstream(&data, &len);
    if (!s->file) {
        return cli_fail(s->cli, CLI_INTERNAL, "out of memory");
    }
    dfu_usb_host_upload(&s->host, &s->found->function, alt, dfu_usb_bus_transfer_max(&s->bus),
                        keep_bytes, s);
    err = run_host(s, NULL);
    fclose(s->file);
    if (err) {
        err = job_failed(s, "read its memory");
    } else {
        err = cli_write_file(s->cli, cli_arg(s->cli, 0), CLI_FILE_PLAIN, data, len);
    }
    free(data);
    return err ? err : show_moved(s, "read from", alt);
}

/* ---- detach ---- */

static int detach(struct session *s)
{
    enum dfu_usb_mode mode;
    int err = find(s);

    if (err) {
        return err;
    }
    mode = s->found->function.mode == DFU_USB_RUNTIME ? DFU_USB_DFU_MODE : DFU_USB_RUNTIME;
    err = change_mode(s, mode);
    if (err) {
        return err;
    }
    if (s->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "mode", mode_name(mode));
        return cli_json_print(s->cli, json);
    }
    if (!s->cli->quiet) {
        printf(mode == DFU_USB_RUNTIME ? "the application runs\n" : "the device is in DFU mode\n");
    }
    return CLI_DONE;
}

static int list_run(struct cli *cli)
{
    return with_session(cli, list);
}

static int upload_run(struct cli *cli)
{
    return with_session(cli, upload);
}

static int download_run(struct cli *cli)
{
    return with_session(cli, download);
}

static int detach_run(struct cli *cli)
{
    return with_session(cli, detach);
}

static const char where[] =
    "Without -d this looks at the USB of this machine. -d usbip:HOST[:PORT] takes the device that\n"
    "a USB/IP server shows, for example 'dfu sim --usbip', and needs no kernel module.";

static const char *const usb_list_examples[] = {
    "# Devices on this computer",
    "dfu usb list",
    "# The virtual device that dfu sim --usbip 3240 shows",
    "dfu -d usbip:localhost:3240 usb list",
    NULL,
};

const struct cli_command cmd_usb_list = {
    .name = "usb list",
    .summary = "List USB devices that can do DFU, and their memories",
    .details = where,
    .examples = usb_list_examples,
    .run = list_run,
};

static const char *const usb_upload_examples[] = {
    "# Save what slot 0 holds",
    "dfu usb upload -a 0 slot0.bin",
    NULL,
};

const struct cli_command cmd_usb_upload = {
    .name = "usb upload",
    .args = "FILE",
    .summary = "Read a memory of a USB DFU device into a file",
    .details = where,
    .options = upload_options,
    .examples = usb_upload_examples,
    .run = upload_run,
};

static const char *const usb_download_examples[] = {
    "# Write a signed image to slot 1 and let the device restart into it",
    "dfu usb download -a 1 -R app.signed.bin",
    NULL,
};

const struct cli_command cmd_usb_download = {
    .name = "usb download",
    .args = "FILE",
    .summary = "Write a file to a memory of a USB DFU device",
    .details = where,
    .options = download_options,
    .examples = usb_download_examples,
    .run = download_run,
};

static const char *const usb_detach_examples[] = {
    "# From the application into DFU mode",
    "dfu usb detach",
    NULL,
};

const struct cli_command cmd_usb_detach = {
    .name = "usb detach",
    .summary = "Send a USB device from its application into DFU mode, or back",
    .details = where,
    .options = detach_options,
    .examples = usb_detach_examples,
    .run = detach_run,
};
