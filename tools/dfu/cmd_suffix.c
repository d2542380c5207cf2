/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* suffix add, check, delete: the DFU file suffix, as dfu-suffix does it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "dfu/err.h"
#include "dfu/usb_suffix.h"

#define FILE_MAX ((size_t)1 << 30)

static const struct cli_option add_options[] = {
    { "vid", 'v', "ID", 1, "vendor id, hexadecimal; ffff: any", "ffff", 'v' },
    { "pid", 'p', "ID", 1, "product id, hexadecimal; ffff: any", "ffff", 'p' },
    { "did", 0, "ID", 1, "release of the device (bcdDevice), hexadecimal; ffff: any", "ffff", 'd' },
    { "spec", 'S', "BCD", 1, "0100, or 011a for DfuSe", "0100", 'S' },
    { 0 },
};

static int hex_option(struct cli *cli, int id, uint16_t *out)
{
    const char *text = cli_value(cli, id);
    char *end;
    unsigned long value = strtoul(text, &end, 16);

    if (*text == '\0' || *text == '-' || *end != '\0' || value > 0xffff) {
        return cli_fail(cli, CLI_USAGE,
                        "'%s' is no value for %s; give up to four hexadecimal digits", text,
                        cli_option_text(cli, id));
    }
    *out = (uint16_t)value;
    return 0;
}

/* The file, and whether it has a suffix; the caller frees *data. */
static int read_suffix(struct cli *cli, uint8_t **data, size_t *len, struct dfu_usb_suffix *suffix,
                       bool *has)
{
    const char *path = cli_arg(cli, 0);
    int err = cli_read_file(cli, path, FILE_MAX, data, len);

    if (err) {
        return err;
    }
    err = dfu_usb_suffix_read(*data, *len, suffix);
    *has = err == DFU_OK;
    if (err == DFU_ERR_FORMAT) {
        free(*data);
        *data = NULL;
        return cli_fail(cli, CLI_USAGE, "%s has a DFU suffix of an impossible length, %u bytes",
                        path, suffix->length);
    }
    return 0;
}

static int no_suffix(struct cli *cli)
{
    return cli_fail(cli, CLI_REFUSED, "%s has no valid DFU suffix; 'dfu suffix add' gives it one",
                    cli_arg(cli, 0));
}

static int print_json(struct cli *cli, const struct dfu_usb_suffix *suffix)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddNumberToObject(json, "device", suffix->device);
    cJSON_AddNumberToObject(json, "product", suffix->product);
    cJSON_AddNumberToObject(json, "vendor", suffix->vendor);
    cJSON_AddNumberToObject(json, "spec", suffix->spec);
    cJSON_AddNumberToObject(json, "length", suffix->length);
    cJSON_AddNumberToObject(json, "crc", suffix->crc);
    return cli_json_print(cli, json);
}

static int add_run(struct cli *cli)
{
    struct dfu_usb_suffix suffix = { 0 };
    struct dfu_usb_suffix old;
    uint8_t *data = NULL;
    uint8_t *grown;
    size_t len = 0;
    bool has = false;
    int err = hex_option(cli, 'v', &suffix.vendor);

    err = err ? err : hex_option(cli, 'p', &suffix.product);
    err = err ? err : hex_option(cli, 'd', &suffix.device);
    err = err ? err : hex_option(cli, 'S', &suffix.spec);
    if (!err && suffix.spec != DFU_USB_SPEC_DFU && suffix.spec != DFU_USB_SPEC_DFUSE) {
        err =
            cli_fail(cli, CLI_USAGE, "a DFU specification is 0100 or 011a, not %04x", suffix.spec);
    }
    err = err ? err : read_suffix(cli, &data, &len, &old, &has);
    if (err) {
        return err;
    }
    if (has) {
        free(data);
        return cli_fail(cli, CLI_REFUSED,
                        "%s has a DFU suffix already; remove it with 'dfu suffix delete' first",
                        cli_arg(cli, 0));
    }
    grown = realloc(data, len + DFU_USB_SUFFIX_SIZE);
    if (!grown) {
        free(data);
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    dfu_usb_suffix_make(grown, len, &suffix, grown + len);
    err = cli_write_file(cli, cli_arg(cli, 0), CLI_FILE_PLAIN, grown, len + DFU_USB_SUFFIX_SIZE);
    free(grown);
    return !err && cli->json ? print_json(cli, &suffix) : err;
}

static int check_run(struct cli *cli)
{
    struct dfu_usb_suffix suffix;
    uint8_t *data = NULL;
    size_t len = 0;
    bool has = false;
    int err = read_suffix(cli, &data, &len, &suffix, &has);

    if (err) {
        return err;
    }
    free(data);
    if (!has) {
        return no_suffix(cli);
    }
    if (cli->json) {
        return print_json(cli, &suffix);
    }
    printf("BCD device:\t0x%04X\nProduct ID:\t0x%04X\nVendor ID:\t0x%04X\nBCD DFU:\t0x%04X\n"
           "Length:\t\t%u\nCRC:\t\t0x%08X\n",
           suffix.device, suffix.product, suffix.vendor, suffix.spec, suffix.length, suffix.crc);
    return CLI_DONE;
}

static int delete_run(struct cli *cli)
{
    struct dfu_usb_suffix suffix;
    uint8_t *data = NULL;
    size_t len = 0;
    bool has = false;
    int err = read_suffix(cli, &data, &len, &suffix, &has);

    if (err) {
        return err;
    }
    err = has ? cli_write_file(cli, cli_arg(cli, 0), CLI_FILE_PLAIN, data, len - suffix.length)
              : no_suffix(cli);
    free(data);
    return !err && cli->json ? print_json(cli, &suffix) : err;
}

static const char *const suffix_add_examples[] = {
    "# Let only devices of this vendor and product take the file",
    "dfu suffix add -v 2fe3 -p 0005 app.signed.bin",
    NULL,
};

const struct cli_command cmd_suffix_add = {
    .name = "suffix add",
    .args = "FILE",
    .summary = "Append a DFU suffix, which says what device a file is for",
    .options = add_options,
    .examples = suffix_add_examples,
    .run = add_run,
};

static const char *const suffix_check_examples[] = {
    "# What device a file is for",
    "dfu suffix check app.signed.bin",
    NULL,
};

const struct cli_command cmd_suffix_check = {
    .name = "suffix check",
    .args = "FILE",
    .summary = "Show a file's DFU suffix",
    .examples = suffix_check_examples,
    .run = check_run,
};

static const char *const suffix_delete_examples[] = {
    "# The image alone again",
    "dfu suffix delete app.signed.bin",
    NULL,
};

const struct cli_command cmd_suffix_delete = {
    .name = "suffix delete",
    .args = "FILE",
    .summary = "Remove a file's DFU suffix",
    .examples = suffix_delete_examples,
    .run = delete_run,
};
