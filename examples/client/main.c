/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* client TARGET           list a device's images
 * client TARGET IMAGE     upgrade it, step by step
 *
 * TARGET is udp:192.0.2.1, serial:/dev/ttyACM0 or another of dfu/remote.h. dfu_remote_upgrade does
 * all of upgrade() below in one call; here each step stands for itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dfu/remote.h>

/* Called a few times a second while a call waits; size is 0 where there is nothing to count. A
 * program with a "cancel" button would return false. */
static bool show_progress(void *ctx, uint32_t done, uint32_t size)
{
    (void)ctx;
    if (size > 0) {
        fprintf(stderr, "\r%u of %u bytes", (unsigned)done, (unsigned)size);
    }
    return true;
}

static void print_images(const struct dfu_client_images *images)
{
    for (size_t i = 0; i < images->count; i++) {
        const struct dfu_client_slot *slot = &images->slots[i];

        printf("slot %u: version %s%s%s%s\n", (unsigned)slot->slot, slot->version,
               slot->active ? ", runs" : "", slot->confirmed ? ", confirmed" : "",
               slot->pending ? ", starts at the next reset" : "");
    }
}

/* Does the running image have this hash? */
static bool runs(const struct dfu_client_images *images, const struct dfu_firmware *firmware)
{
    const struct dfu_client_slot *active = dfu_client_active(images, 0);

    return active && active->hash_len == firmware->hash_len &&
           memcmp(active->hash, firmware->hash, active->hash_len) == 0;
}

/* Upload, start it once, look whether it came up, keep it. Each call that fails leaves its
 * sentence in dfu_remote_why. *kept is false where the device went back to its old image. */
static int upgrade(struct dfu_remote *device, const void *data, size_t len, bool *kept)
{
    struct dfu_client_images images;
    struct dfu_remote_image image;
    struct dfu_upload upload;
    int err = dfu_remote_inspect(device, data, len, &image);

    if (err) {
        return err;
    }
    err = dfu_remote_upload(device, &image, &upload);
    fprintf(stderr, "\n");
    if (err) {
        return err;
    }
    err = dfu_remote_test(device, image.firmware.hash, image.firmware.hash_len);
    if (err) {
        return err;
    }
    err = dfu_remote_reset(device);
    if (err) {
        return err;
    }
    printf("waiting for the device to swap the images and start\n");
    err = dfu_remote_wait(device, 0);
    if (err) {
        return err;
    }
    err = dfu_remote_images(device, &images);
    if (err) {
        return err;
    }
    print_images(&images);
    *kept = runs(&images, &image.firmware);
    if (!*kept) {
        printf("the device went back to its old image\n");
        return 0;
    }
    return dfu_remote_confirm(device, NULL, 0); /* what runs */
}

static void *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    long size = -1;

    if (file && fseek(file, 0, SEEK_END) == 0) {
        size = ftell(file);
        rewind(file);
        data = size > 0 ? malloc((size_t)size) : NULL;
    }
    if (data && fread(data, 1, (size_t)size, file) != (size_t)size) {
        free(data);
        data = NULL;
    }
    if (file) {
        fclose(file);
    }
    *len = data ? (size_t)size : 0;
    return data;
}

int main(int argc, char **argv)
{
    const struct dfu_remote_config config = { .target = argc > 1 ? argv[1] : "",
                                              .progress = show_progress };
    char why[DFU_REMOTE_WHY_LEN];
    struct dfu_client_images images;
    struct dfu_remote *device;
    size_t len = 0;
    bool kept = true;
    void *data = argc > 2 ? read_file(argv[2], &len) : NULL;
    int err;

    if (argc < 2 || (argc > 2 && !data)) {
        fprintf(stderr, argc < 2 ? "usage: client TARGET [IMAGE]\n" : "cannot read the image\n");
        return 2;
    }
    if (dfu_remote_open(&device, &config, why)) {
        fprintf(stderr, "client: %s\n", why);
        free(data);
        return 1;
    }
    err = dfu_remote_images(device, &images);
    if (!err) {
        print_images(&images);
    }
    if (!err && data) {
        err = upgrade(device, data, len, &kept);
    }
    if (err) {
        fprintf(stderr, "client: %s\n", dfu_remote_why(device));
    }
    dfu_remote_close(device);
    free(data);
    return err || !kept ? 1 : 0;
}
