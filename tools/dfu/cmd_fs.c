/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Files of the device: questions about them. fs_transfer.c moves them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "device.h"
#include "dfu/client_groups.h"
#include "fs_transfer.h"

enum { OPT_TYPE = 1, OPT_OFF, OPT_LEN, OPT_NO_CHECK };

static int stat_file(struct device *dev)
{
    static const char what[] = "tell the file's size";
    struct dfu_call call = device_call(dev);
    int len = dfu_client_file_status(&call, cli_arg(dev->cli, 0), dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, what);
    uint32_t size;

    if (code) {
        return code;
    }
    if (dfu_client_file_size_read(&dev->answer, &size)) {
        return device_fail_broken(dev, what);
    }
    if (dev->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "name", cli_arg(dev->cli, 0));
        cJSON_AddNumberToObject(json, "size", size);
        return cli_json_print(dev->cli, json);
    }
    printf("%u bytes\n", (unsigned)size);
    return CLI_DONE;
}

static int show_hash(struct device *dev, const struct dfu_client_file_hash *found)
{
    char type[32], number[16];
    char *hex = malloc(2 * found->hash.len + 1);
    const char *text = number;

    if (!hex) {
        return cli_fail(dev->cli, CLI_INTERNAL, "out of memory");
    }
    snprintf(number, sizeof(number), "%08x", (unsigned)found->number);
    if (!found->is_number) {
        text = cli_hex(found->hash.data, found->hash.len, hex);
    }
    device_text(found->type, type, sizeof(type));
    if (dev->cli->json) {
        cJSON *json = cJSON_CreateObject();
        int code;

        cJSON_AddStringToObject(json, "name", cli_arg(dev->cli, 0));
        cJSON_AddStringToObject(json, "type", type);
        cJSON_AddStringToObject(json, "hash", text);
        cJSON_AddNumberToObject(json, "offset", found->off);
        cJSON_AddNumberToObject(json, "bytes", found->len);
        code = cli_json_print(dev->cli, json);
        free(hex);
        return code;
    }
    printf("%s  %s  (%u bytes)\n", type, text, (unsigned)found->len);
    free(hex);
    return CLI_DONE;
}

static int hash_file(struct device *dev)
{
    static const char what[] = "hash the file";
    struct dfu_client_file_hash found;
    struct dfu_call call;
    uint64_t off = 0, part = 0;
    int len, code = cli_number(dev->cli, OPT_OFF, 0, UINT32_MAX, &off);

    code = code ? code : cli_number(dev->cli, OPT_LEN, 1, UINT32_MAX, &part);
    if (code) {
        return code;
    }
    call = device_call(dev);
    len = dfu_client_file_hash(&call, cli_arg(dev->cli, 0), cli_value(dev->cli, OPT_TYPE),
                               (uint32_t)off, (uint32_t)part, dev->out, sizeof(dev->out));
    code = device_ask(dev, &call, len, DEVICE_SLOW, what); /* a large file takes its time */
    if (code) {
        return code;
    }
    if (dfu_client_file_hash_read(&dev->answer, &found)) {
        return device_fail_broken(dev, what);
    }
    return show_hash(dev, &found);
}

static int hash_types(struct device *dev)
{
    static const char what[] = "list its kinds of hashes";
    struct dfu_call call = device_call(dev);
    int len = dfu_client_hash_types(&call, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, what);
    struct dfu_client_hash_type type;
    struct dfu_cbor_walk walk;
    struct device_list list;
    char name[32];
    int more;

    if (code) {
        return code;
    }
    if (dfu_client_hash_types_open(&dev->answer, &walk)) {
        return device_fail_broken(dev, what);
    }
    device_list_begin(&list, dev, "types");
    while ((more = dfu_client_hash_types_next(&walk, &type)) > 0) {
        list.count++;
        if (list.array) {
            cJSON *json = cJSON_CreateObject();

            cJSON_AddItemToObject(json, "name", device_json_text(type.name));
            cJSON_AddNumberToObject(json, "bytes", type.size);
            cJSON_AddItemToArray(list.array, json);
        } else {
            printf("%-8s  %u bytes\n", device_text(type.name, name, sizeof(name)),
                   (unsigned)type.size);
        }
    }
    return device_list_end(&list, more, what, "the device knows no kind of hash");
}

static int close_file(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_file_close(&call, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, "close its file");

    return code ? code : device_say_done(dev, "closed", "the device has closed its file");
}

static int upload(struct device *dev)
{
    return fs_upload(dev, cli_arg(dev->cli, 0), cli_arg(dev->cli, 1),
                     !cli_has(dev->cli, OPT_NO_CHECK));
}

static int download(struct device *dev)
{
    const char *name = cli_arg(dev->cli, 0), *path = cli_arg(dev->cli, 1);
    const char *slash = strrchr(name, '/');

    path = path ? path : (slash ? slash + 1 : name);
    if (path[0] == 0) {
        return cli_fail(dev->cli, CLI_USAGE, "%s names a directory; name a file in it", name);
    }
    return fs_download(dev, name, path, !cli_has(dev->cli, OPT_NO_CHECK));
}

static int run_stat(struct cli *cli)
{
    return device_with_long(cli, stat_file);
}

static int run_hash(struct cli *cli)
{
    return device_with_long(cli, hash_file);
}

static int run_hash_types(struct cli *cli)
{
    return device_with_long(cli, hash_types);
}

static int run_close(struct cli *cli)
{
    return device_with_long(cli, close_file);
}

static int run_upload(struct cli *cli)
{
    return device_with_long(cli, upload);
}

static int run_download(struct cli *cli)
{
    return device_with_long(cli, download);
}

static const struct cli_option transfer_options[] = {
    { "no-check", 0, NULL, 0, "do not compare the device's hash of the file afterwards", NULL,
      OPT_NO_CHECK },
    { 0 },
};

static const char *const upload_examples[] = {
    "# Send a file; the name is the device's, with its mount point",
    "dfu -d udp:192.0.2.1 fs upload calibration.bin /lfs/calibration.bin",
    NULL,
};

const struct cli_command cmd_fs_upload = {
    .name = "fs upload",
    .args = "FILE NAME",
    .summary = "Send a file to the device",
    .details =
        "A file of that name on the device is replaced. If it is the beginning of FILE, as\n"
        "a transfer that broke off leaves it, the rest is sent. Afterwards the device's own\n"
        "hash of it is compared, where it has one.",
    .options = transfer_options,
    .examples = upload_examples,
    .needs_target = true,
    .run = run_upload,
};

static const char *const download_examples[] = {
    "# Fetch a file into the current folder, under its own name",
    "dfu -d udp:192.0.2.1 fs download /lfs/events.log",
    "# or under another",
    "dfu -d udp:192.0.2.1 fs download /lfs/events.log pump-7.log",
    NULL,
};

const struct cli_command cmd_fs_download = {
    .name = "fs download",
    .args = "NAME [FILE]",
    .summary = "Fetch a file from the device",
    .details = "FILE appears when it is whole; until then what has come is in FILE.part, and the\n"
               "same command goes on from there if the device's file still begins with it.\n"
               "Afterwards the device's own hash is compared, where it has one.",
    .options = transfer_options,
    .examples = download_examples,
    .needs_target = true,
    .run = run_download,
};

static const char *const stat_examples[] = {
    "# How large a file on the device is",
    "dfu -d udp:192.0.2.1 fs stat /lfs/events.log",
    NULL,
};

const struct cli_command cmd_fs_stat = {
    .name = "fs stat",
    .args = "NAME",
    .summary = "Show the size of a file on the device",
    .examples = stat_examples,
    .needs_target = true,
    .run = run_stat,
};

static const struct cli_option hash_options[] = {
    { "type", 0, "TYPE", 1, "crc32, sha256 or another of fs hash-types; else the device's choice",
      NULL, OPT_TYPE },
    { "offset", 0, "BYTES", 1, "from there on", NULL, OPT_OFF },
    { "length", 0, "BYTES", 1, "so many bytes; else to the end", NULL, OPT_LEN },
    { 0 },
};

static const char *const hash_examples[] = {
    "# Is the device's copy the same? Compare with sha256sum",
    "dfu -d udp:192.0.2.1 fs hash --type sha256 /lfs/calibration.bin",
    NULL,
};

const struct cli_command cmd_fs_hash = {
    .name = "fs hash",
    .args = "NAME",
    .summary = "Let the device hash one of its files",
    .options = hash_options,
    .examples = hash_examples,
    .needs_target = true,
    .run = run_hash,
};

static const char *const hash_types_examples[] = {
    "# Which kinds of hashes the device knows",
    "dfu -d udp:192.0.2.1 fs hash-types",
    NULL,
};

const struct cli_command cmd_fs_hash_types = {
    .name = "fs hash-types",
    .summary = "List the kinds of hashes the device knows",
    .examples = hash_types_examples,
    .needs_target = true,
    .run = run_hash_types,
};

static const char *const close_examples[] = {
    "# Let go of a file that a broken transfer left open",
    "dfu -d udp:192.0.2.1 fs close",
    NULL,
};

const struct cli_command cmd_fs_close = {
    .name = "fs close",
    .summary = "Close the file that the device has open",
    .examples = close_examples,
    .needs_target = true,
    .run = run_close,
};
