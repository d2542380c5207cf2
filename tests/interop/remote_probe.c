/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* remote_probe TARGET VERB [ARG...]: one call of dfu/remote.h, for test_remote.py. Prints what came
 * of it, or the error's name and its sentence. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/client_groups.h"
#include "dfu/err.h"
#include "dfu/remote.h"

#define FILE_MAX (1u << 20)

struct probe {
    struct dfu_remote *remote;
    bool stops_in_the_middle;
    unsigned looks, packets_out, packets_in;
    uint8_t data[FILE_MAX];
    size_t len;
    struct dfu_upload upload;
    struct dfu_upgrade upgrade;
};

static bool progress(void *ctx, uint32_t done, uint32_t size)
{
    struct probe *p = ctx;

    p->looks++;
    return !p->stops_in_the_middle || size == 0 || done < size / 2;
}

static void trace(void *ctx, char direction, const uint8_t *frame, size_t len)
{
    struct probe *p = ctx;

    (void)frame;
    (void)len;
    p->packets_out += direction == '>';
    p->packets_in += direction == '<';
}

static void read_file(struct probe *p, const char *path)
{
    FILE *file = fopen(path, "rb");

    p->len = file ? fread(p->data, 1, sizeof(p->data), file) : 0;
    if (file) {
        fclose(file);
    }
}

static int upload(struct probe *p, const char *path)
{
    struct dfu_remote_image image;
    int err;

    read_file(p, path);
    err = dfu_remote_inspect(p->remote, p->data, p->len, &image);
    err = err ? err : dfu_remote_upload(p->remote, &image, &p->upload);
    printf("resumed at %u, sent %u\n", (unsigned)p->upload.resumed_at,
           (unsigned)p->upload.data_bytes);
    return err;
}

static int upgrade(struct probe *p, const char *path, bool test_only)
{
    struct dfu_upgrade_config wishes = { .test_only = test_only };
    struct dfu_remote_image image;
    int err;

    read_file(p, path);
    err = dfu_remote_inspect(p->remote, p->data, p->len, &image);
    err = err ? err : dfu_remote_upgrade(p->remote, &image, &wishes, &p->upgrade);
    printf("outcome %d, from %s\n", (int)p->upgrade.outcome, p->upgrade.before.version);
    return err;
}

static int echo(struct probe *p, const char *text)
{
    uint8_t frame[256];
    struct dfu_call call = dfu_remote_call(p->remote);
    int len = dfu_client_echo(&call, text, frame, sizeof(frame));
    struct dfu_client_text said;
    struct dfu_answer answer;
    int err = dfu_remote_ask(p->remote, &call, frame, len, "echo", &answer);

    if (!err && !dfu_client_echo_read(&answer, &said)) {
        printf("%.*s\n", (int)said.len, said.data);
    }
    return err;
}

static int keep(void *ctx, uint32_t size, uint32_t off, const uint8_t *data, size_t len)
{
    struct probe *p = ctx;

    if (size > FILE_MAX) {
        return DFU_ERR_RANGE;
    }
    memcpy(p->data + off, data, len);
    p->len = off + len;
    return 0;
}

static int fetch(struct probe *p, const char *name, const char *path)
{
    int err = dfu_remote_file_fetch(p->remote, name, keep, p);
    FILE *file = err ? NULL : fopen(path, "wb");

    if (file) {
        fwrite(p->data, 1, p->len, file);
        fclose(file);
    }
    return err;
}

static int run(struct probe *p, const char *verb, const char *arg, const char *more)
{
    static const uint8_t no_such_hash[32];
    struct dfu_client_images images;

    if (strcmp(verb, "upload") == 0 || strcmp(verb, "stop") == 0) {
        return upload(p, arg);
    }
    if (strcmp(verb, "upgrade") == 0 || strcmp(verb, "try") == 0) {
        return upgrade(p, arg, verb[0] == 't');
    }
    if (strcmp(verb, "echo") == 0) {
        return echo(p, arg);
    }
    if (strcmp(verb, "send") == 0) {
        read_file(p, arg);
        return dfu_remote_file_send(p->remote, more, p->data, p->len);
    }
    if (strcmp(verb, "fetch") == 0) {
        return fetch(p, arg, more);
    }
    if (strcmp(verb, "erase") == 0) {
        return dfu_remote_erase(p->remote, -1);
    }
    if (strcmp(verb, "test-nothing") == 0) {
        return dfu_remote_test(p->remote, no_such_hash, sizeof(no_such_hash));
    }
    return dfu_remote_images(p->remote, &images);
}

int main(int argc, char **argv)
{
    struct probe *p = calloc(1, sizeof(*p));
    struct dfu_remote_config config = {
        .target = argc > 1 ? argv[1] : "", .timeout_ms = 3000, .ctx = p, progress, trace
    };
    char why[DFU_REMOTE_WHY_LEN];
    int err;

    if (!p || argc < 3) {
        return 2;
    }
    p->stops_in_the_middle = strcmp(argv[2], "stop") == 0;
    err = dfu_remote_open(&p->remote, &config, why);
    if (!err) {
        err = run(p, argv[2], argc > 3 ? argv[3] : "", argc > 4 ? argv[4] : "");
        printf("looks %u, out %u, in %u\n", p->looks, p->packets_out, p->packets_in);
        snprintf(why, sizeof(why), "%s", dfu_remote_why(p->remote));
        if (err == DFU_ERR_PERM) {
            printf("refusal %u of group %u\n", (unsigned)dfu_remote_refusal(p->remote)->rc,
                   (unsigned)dfu_remote_refusal(p->remote)->group);
        }
    }
    dfu_remote_close(p->remote);
    printf("%s: %s\n", dfu_err_name(err), why);
    free(p);
    return err ? 1 : 0;
}
