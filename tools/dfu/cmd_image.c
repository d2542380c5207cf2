/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The image group: what is in the slots, and what is to happen with it. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "device.h"
#include "fleet_images.h"
#include "package.h"

enum { OPT_SLOT = 1 };

#define PREFIX_MIN 4

/* ---- Which image is meant ---- */

static bool is_hex(const char *text)
{
    return text[0] && text[strspn(text, "0123456789abcdefABCDEF")] == 0;
}

static bool starts_with(const struct dfu_client_slot *slot, const char *prefix)
{
    char hash[DEVICE_HASH_LEN];

    device_hash_text(slot->hash, slot->hash_len, hash);
    return strncasecmp(hash, prefix, strlen(prefix)) == 0;
}

/* The one image of the device whose hash begins so. Two slots with the same image are one. */
static int find_prefix(struct device *dev, const char *prefix, struct dfu_client_slot *out)
{
    struct dfu_client_images images;
    const struct dfu_client_slot *found = NULL;
    int code = device_images(dev, &images);

    if (code) {
        return code;
    }
    for (size_t i = 0; i < images.count; i++) {
        const struct dfu_client_slot *slot = &images.slots[i];

        if (slot->hash_len == 0 || !starts_with(slot, prefix)) {
            continue;
        }
        if (found && memcmp(found->hash, slot->hash, DFU_HASH_MAX) != 0) {
            return cli_fail(dev->cli, CLI_USAGE,
                            "more than one image has a hash that begins with %s; give more of it",
                            prefix);
        }
        found = slot;
    }
    if (!found) {
        return cli_fail(dev->cli, CLI_REFUSED,
                        "the device holds no image whose hash begins with %s; see dfu image list, "
                        "or upload it first",
                        prefix);
    }
    *out = *found;
    return CLI_DONE;
}

/* A file's own hash, or one of the device's by its beginning. */
static int find_image(struct device *dev, const char *word, struct dfu_client_slot *out)
{
    struct device_file file;
    int code;

    if (is_hex(word) && access(word, F_OK) != 0) {
        if (strlen(word) < PREFIX_MIN || strlen(word) >= DEVICE_HASH_LEN) {
            return cli_fail(dev->cli, CLI_USAGE,
                            "%s is no hash; give at least %d of its digits (dfu image list)", word,
                            PREFIX_MIN);
        }
        return find_prefix(dev, word, out);
    }
    if (package_is(word)) {
        return cli_fail(
            dev->cli, CLI_USAGE,
            "%s is a package; dfu upgrade takes it, and confirms what runs of it without "
            "sending it again",
            word);
    }
    code = device_file_read(dev->cli, word, &file);
    if (!code) {
        *out = (struct dfu_client_slot){ .hash_len = (uint8_t)file.firmware.hash_len };
        memcpy(out->hash, file.firmware.hash, file.firmware.hash_len);
    }
    device_file_release(&file);
    return code;
}

/* ---- Commands ---- */

static int list(struct device *dev)
{
    struct dfu_client_images images;
    int code = device_images(dev, &images);

    return code ? code : device_show_images(dev, &images);
}

static int set_state(struct device *dev, const struct dfu_client_slot *image, bool confirm,
                     const char *what)
{
    struct dfu_call call = device_call(dev);
    struct dfu_client_images images;
    int len = dfu_client_image_set(&call, image->hash, image->hash_len, confirm, dev->out,
                                   sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, what);

    if (code) {
        return code;
    }
    if (dfu_client_images_read(&dev->answer, &images)) { /* recovery answers without a list */
        return list(dev);
    }
    return device_show_images(dev, &images);
}

static int test(struct device *dev)
{
    struct dfu_client_slot image = { 0 };
    int code = find_image(dev, cli_arg(dev->cli, 0), &image);

    return code ? code : set_state(dev, &image, false, "test the image");
}

static int confirm(struct device *dev)
{
    struct dfu_client_slot image = { 0 };
    int code = cli_arg(dev->cli, 0) ? find_image(dev, cli_arg(dev->cli, 0), &image) : CLI_DONE;

    return code ? code : set_state(dev, &image, true, "confirm the image");
}

static int erase(struct device *dev)
{
    uint64_t slot = UINT64_MAX;
    int code = cli_number(dev->cli, OPT_SLOT, 0, 15, &slot);
    struct dfu_call call = device_call(dev);
    int len =
        dfu_client_image_erase(&call, slot <= 15 ? (int)slot : -1, dev->out, sizeof(dev->out));

    if (code) {
        return code;
    }
    code = device_ask(dev, &call, len, DEVICE_ERASES, "erase the slot");
    if (code) {
        return code;
    }
    if (dev->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddBoolToObject(json, "erased", true);
        return cli_json_print(dev->cli, json);
    }
    printf("the slot is erased\n");
    return CLI_DONE;
}

static void add_slot_json(cJSON *json, const struct dfu_client_slot_size *s)
{
    cJSON *slot = cJSON_CreateObject();

    cJSON_AddNumberToObject(slot, "image", s->image);
    cJSON_AddNumberToObject(slot, "slot", s->slot);
    cJSON_AddNumberToObject(slot, "size", s->size);
    if (s->max_image_size > 0) {
        cJSON_AddNumberToObject(slot, "max_image_size", s->max_image_size);
    }
    if (s->upload_image_id >= 0) {
        cJSON_AddNumberToObject(slot, "upload_image_id", s->upload_image_id);
    }
    cJSON_AddItemToArray(json, slot);
}

static int slots(struct device *dev)
{
    struct dfu_client_slot_sizes sizes;
    int code = device_slot_sizes(dev, &sizes);

    if (code == CLI_REFUSED) {
        return device_fail_refused(dev, &dev->answer.refusal, "tell its slots");
    }
    if (code) {
        return code;
    }
    if (dev->cli->json) {
        cJSON *json = cJSON_CreateObject();
        cJSON *array = cJSON_AddArrayToObject(json, "slots");

        for (size_t i = 0; i < sizes.count; i++) {
            add_slot_json(array, &sizes.slots[i]);
        }
        return cli_json_print(dev->cli, json);
    }
    printf("%-5s  %-4s  %-9s  %s\n", "image", "slot", "size", "largest image");
    for (size_t i = 0; i < sizes.count; i++) {
        const struct dfu_client_slot_size *s = &sizes.slots[i];

        char limit[16] = "not told";

        if (s->max_image_size > 0) {
            snprintf(limit, sizeof(limit), "%u", (unsigned)s->max_image_size);
        }
        printf("%-5u  %-4u  %-9u  %s\n", (unsigned)s->image, (unsigned)s->slot, (unsigned)s->size,
               limit);
    }
    return CLI_DONE;
}

static int run_list(struct cli *cli)
{
    return fleet_is_asked(cli) ? fleet_image_list(cli) : device_with(cli, list);
}

static int run_test(struct cli *cli)
{
    return device_with(cli, test);
}

static int run_confirm(struct cli *cli)
{
    return fleet_is_asked(cli) ? fleet_image_confirm(cli, cli_arg(cli, 0))
                               : device_with(cli, confirm);
}

static int run_erase(struct cli *cli)
{
    return device_with(cli, erase);
}

static int run_slots(struct cli *cli)
{
    return device_with(cli, slots);
}

static const struct cli_option many_options[] = {
    FLEET_OPTIONS,
    { 0 },
};

static const char *const image_list_examples[] = {
    "# What lies in the slots, what runs and what is confirmed",
    "dfu -d udp:192.0.2.1 image list",
    "# A line for each device of a file",
    "dfu image list --targets hall.txt",
    NULL,
};

const struct cli_command cmd_image_list = {
    .name = "image list",
    .summary = "List the device's images and their state",
    .options = many_options,
    .examples = image_list_examples,
    .needs_target = true,
    .targets_option = FLEET_TARGETS,
    .run = run_list,
};

static const char *const image_test_examples[] = {
    "# Try the uploaded image once, named by its file",
    "dfu -d udp:192.0.2.1 image test app.signed.bin",
    "# or by the beginning of its hash",
    "dfu -d udp:192.0.2.1 image test 6894e3a5",
    NULL,
};

const struct cli_command cmd_image_test = {
    .name = "image test",
    .args = "FILE-OR-HASH",
    .summary = "Start an uploaded image once, at the next reset",
    .details = "The image is named by its file or by the beginning of its hash. Unless it is\n"
               "confirmed while it runs, the reset after that goes back to the old one.",
    .examples = image_test_examples,
    .needs_target = true,
    .run = run_test,
};

static const char *const image_confirm_examples[] = {
    "# Keep the image that runs",
    "dfu -d udp:192.0.2.1 image confirm",
    "# The same for each device of a file, after dfu upgrade --test-only",
    "dfu image confirm --targets hall.txt --audit hall.log",
    NULL,
};

const struct cli_command cmd_image_confirm = {
    .name = "image confirm",
    .args = "[FILE-OR-HASH]",
    .summary = "Keep the running image, or make another permanent",
    .details = "Of many devices, those that run the image of FILE-OR-HASH, a file or a package\n"
               "(.zip) then, are confirmed, and the others fail unchanged. Of several images in\n"
               "a device only number 0 is confirmed where no file is named.",
    .options = many_options,
    .examples = image_confirm_examples,
    .needs_target = true,
    .targets_option = FLEET_TARGETS,
    .run = run_confirm,
};

static const struct cli_option erase_options[] = {
    { "slot", 0, "N", 1, "which one; else the slot that is not running", NULL, OPT_SLOT },
    { 0 },
};

static const char *const image_erase_examples[] = {
    "# Empty the slot that does not run",
    "dfu -d udp:192.0.2.1 image erase",
    NULL,
};

const struct cli_command cmd_image_erase = {
    .name = "image erase",
    .summary = "Erase a slot",
    .options = erase_options,
    .examples = image_erase_examples,
    .needs_target = true,
    .run = run_erase,
};

static const char *const image_slots_examples[] = {
    "# How large an image may be",
    "dfu -d udp:192.0.2.1 image slots",
    NULL,
};

const struct cli_command cmd_image_slots = {
    .name = "image slots",
    .summary = "Show the slots and the largest image they take",
    .examples = image_slots_examples,
    .needs_target = true,
    .run = run_slots,
};
