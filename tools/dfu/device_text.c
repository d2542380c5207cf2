/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What devices say and what files hold, for people and for scripts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "dfu/err.h"
#include "imagefile.h"
#include "package.h"

#define NAME_MAX_LEN 64

char *device_text(struct dfu_client_text text, char *buf, size_t cap)
{
    size_t len = text.len < cap - 1 ? text.len : cap - 1;

    for (size_t i = 0; i < len; i++) {
        bool is_control = (text.data[i] >= 0 && text.data[i] < ' ') || text.data[i] == 0x7f;

        buf[i] = (char)(is_control ? '?' : text.data[i]);
    }
    buf[len] = 0;
    return buf;
}

cJSON *device_json_text(struct dfu_client_text text)
{
    char *copy = malloc(text.len + 1);
    cJSON *json;

    if (!copy) {
        return cJSON_CreateNull();
    }
    json = cJSON_CreateString(device_text(text, copy, text.len + 1));
    free(copy);
    return json;
}

void device_list_begin(struct device_list *list, struct device *dev, const char *key)
{
    *list = (struct device_list){ .dev = dev };
    if (dev->cli->json) {
        list->json = cJSON_CreateObject();
        list->array = cJSON_AddArrayToObject(list->json, key);
    }
}

int device_list_end(struct device_list *list, int result, const char *what, const char *if_empty)
{
    if (result < 0) {
        cJSON_Delete(list->json);
        return device_fail_broken(list->dev, what);
    }
    if (list->json) {
        return cli_json_print(list->dev->cli, list->json);
    }
    if (list->count == 0) {
        printf("%s\n", if_empty);
    }
    return CLI_DONE;
}

int device_list_names(struct device *dev, const struct dfu_call *call, int len,
                      int (*open)(const struct dfu_answer *answer, struct dfu_cbor_walk *walk),
                      const char *key, const char *what, const char *if_empty)
{
    int code = device_ask(dev, call, len, DEVICE_QUICK, what);
    struct device_list list;
    struct dfu_client_text name;
    struct dfu_cbor_walk walk;
    char text[NAME_MAX_LEN];
    int more;

    if (code) {
        return code;
    }
    if (open(&dev->answer, &walk)) {
        return device_fail_broken(dev, what);
    }
    device_list_begin(&list, dev, key);
    while ((more = dfu_client_stats_next(&walk, &name)) > 0) {
        list.count++;
        if (list.array) {
            cJSON_AddItemToArray(list.array, device_json_text(name));
        } else {
            printf("%s\n", device_text(name, text, sizeof(text)));
        }
    }
    return device_list_end(&list, more, what, if_empty);
}

int device_say_done(struct device *dev, const char *key, const char *sentence)
{
    if (dev->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddBoolToObject(json, key, true);
        return cli_json_print(dev->cli, json);
    }
    printf("%s\n", sentence);
    return CLI_DONE;
}

char *device_hash_text(const uint8_t *hash, size_t len, char buf[DEVICE_HASH_LEN])
{
    return cli_hex(hash, len, buf);
}

cJSON *device_slot_json(const struct dfu_client_slot *slot)
{
    cJSON *json = cJSON_CreateObject();
    char hash[DEVICE_HASH_LEN];

    cJSON_AddNumberToObject(json, "image", slot->image);
    cJSON_AddNumberToObject(json, "slot", slot->slot);
    cJSON_AddStringToObject(json, "version", slot->version);
    if (slot->hash_len > 0) {
        cJSON_AddStringToObject(json, "hash", device_hash_text(slot->hash, slot->hash_len, hash));
    } else {
        cJSON_AddNullToObject(json, "hash");
    }
    cJSON_AddBoolToObject(json, "bootable", slot->bootable);
    cJSON_AddBoolToObject(json, "pending", slot->pending);
    cJSON_AddBoolToObject(json, "confirmed", slot->confirmed);
    cJSON_AddBoolToObject(json, "active", slot->active);
    cJSON_AddBoolToObject(json, "permanent", slot->permanent);
    return json;
}

void device_print_images(const struct dfu_client_images *images)
{
    printf("%-5s  %-4s  %-14s  %-24s  %s\n", "image", "slot", "version", "flags", "hash");
    for (size_t i = 0; i < images->count; i++) {
        const struct dfu_client_slot *s = &images->slots[i];
        char flags[64], hash[DEVICE_HASH_LEN] = "not told";

        snprintf(flags, sizeof(flags), "%s%s%s%s%s", s->active ? " active" : "",
                 s->confirmed ? " confirmed" : "", s->pending ? " pending" : "",
                 s->permanent ? " permanent" : "", s->bootable ? "" : " not bootable");
        if (s->hash_len > 0) {
            device_hash_text(s->hash, s->hash_len, hash);
        }
        printf("%-5u  %-4u  %-14s  %-24s  %s\n", (unsigned)s->image, (unsigned)s->slot, s->version,
               flags[0] ? flags + 1 : "-", hash);
    }
    if (images->count == 0) {
        printf("no slot holds an image\n");
    }
}

int device_show_images(struct device *dev, const struct dfu_client_images *images)
{
    if (dev->cli->json) {
        cJSON *json = cJSON_CreateObject();
        cJSON *list = cJSON_AddArrayToObject(json, "images");

        for (size_t i = 0; i < images->count; i++) {
            cJSON_AddItemToArray(list, device_slot_json(&images->slots[i]));
        }
        return cli_json_print(dev->cli, json);
    }
    device_print_images(images);
    return CLI_DONE;
}

static int fail_image(struct cli *cli, const char *path, enum dfu_image_fault fault)
{
    return cli_fail(cli, CLI_REFUSED,
                    "%s is not a firmware image that can be sent: %s; sign it with dfu sign, or "
                    "fetch it again",
                    path, dfu_image_fault_text(fault));
}

int device_file_take(struct cli *cli, const char *name, uint8_t *data, size_t len,
                     struct device_file *file)
{
    static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, &dfu_sha384_openssl,
                                                         &dfu_sha512_openssl, NULL };
    uint8_t buf[4096];
    int err;

    *file = (struct device_file){ .data = data, .span = { data, (uint32_t)len } };
    file->reader = dfu_memory_reader(&file->span);
    if (len == 0) {
        return cli_fail(cli, CLI_USAGE, "%s is empty; name a signed firmware image", name);
    }
    err = dfu_firmware_inspect(&file->reader, hashes, buf, sizeof(buf), &file->firmware);
    if (err) {
        return cli_fail(cli, CLI_INTERNAL, "cannot hash %s: %s", name, dfu_err_name(err));
    }
    if (file->firmware.fault != DFU_IMAGE_FINE) {
        return fail_image(cli, name, file->firmware.fault);
    }
    return CLI_DONE;
}

int device_file_read(struct cli *cli, const char *path, struct device_file *file)
{
    uint8_t *data;
    size_t len;
    int code;

    *file = (struct device_file){ 0 };
    if (package_is(path)) {
        return cli_fail(cli, CLI_USAGE,
                        "%s is a package, which this command does not take; install it with dfu "
                        "upgrade, or unpack it and name one of its images",
                        path);
    }
    code = imagefile_read(cli, path, &data, &len, NULL);
    return code ? code : device_file_take(cli, path, data, len, file);
}

void device_file_release(struct device_file *file)
{
    free(file->data);
    file->data = NULL;
}
