/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "file_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/smp.h"

static int open_read(void *ctx, const char *path, void **file)
{
    struct file_world *w = ctx;

    (void)path;
    *file = w;
    return w->exists ? 0 : DFU_ERR_NOENT;
}

static int open_write(void *ctx, const char *path, void **file)
{
    struct file_world *w = ctx;

    (void)path;
    w->exists = true;
    *file = w;
    return 0;
}

static int size_of(void *ctx, void *file, uint32_t *size)
{
    (void)file;
    *size = ((struct file_world *)ctx)->file_size;
    return 0;
}

static int read_at(void *ctx, void *file, uint32_t off, void *buf, size_t len)
{
    struct file_world *w = ctx;
    size_t left = off < w->file_size ? w->file_size - off : 0;

    (void)file;
    len = len < left ? len : left;
    memcpy(buf, w->file + off, len);
    return (int)len;
}

static int write_at(void *ctx, void *file, uint32_t off, const void *data, size_t len)
{
    struct file_world *w = ctx;

    (void)file;
    assert_true(off + len <= FILE_WORLD_CAP);
    memcpy(w->file + off, data, len);
    w->file_size = off + (uint32_t)len;
    w->written += (uint32_t)len;
    return 0;
}

static int truncate_it(void *ctx, void *file)
{
    (void)file;
    ((struct file_world *)ctx)->file_size = 0;
    return 0;
}

static int close_it(void *ctx, void *file)
{
    (void)ctx;
    (void)file;
    return 0;
}

static const struct dfu_fs_ops ops = { open_read, open_write,  size_of, read_at,
                                       write_at,  truncate_it, close_it };

static void pass_on(struct file_world *w, enum sim_link_end to, const uint8_t *frame, size_t len)
{
    sim_link_send(&w->link, w->now_ms, to, frame, len);
    if (w->comes_back) {
        w->link.is_down = false;
    }
}

static int send_to_client(void *ctx, const uint8_t *frame, size_t len)
{
    pass_on(ctx, SIM_LINK_CLIENT, frame, len);
    return 0;
}

void file_world_init(struct file_world *w, uint32_t size)
{
    memset(w, 0, sizeof(*w));
    w->fs = (struct dfu_smp_fs){ .ops = &ops, .ctx = w };
    w->binding = (struct dfu_smp_binding){ &dfu_smp_group_fs, &w->fs };
    w->server = (struct dfu_smp_server){ .bindings = &w->binding,
                                         .binding_count = 1,
                                         .response = w->response,
                                         .response_cap = sizeof(w->response) };
    w->to_client = (struct dfu_smp_link){ .send = send_to_client, .ctx = w };
    w->now_ms = 1;
    for (uint32_t i = 0; i < size; i++) {
        w->content[i] = (uint8_t)(i * 7 + i / 251);
    }
    w->span = (struct dfu_memory_span){ w->content, size };
}

void file_world_put(struct file_world *w)
{
    memcpy(w->file, w->content, w->span.len);
    w->file_size = w->span.len;
    w->exists = true;
}

static int keep(void *ctx, uint32_t size, uint32_t off, const uint8_t *data, size_t len)
{
    struct file_world *w = ctx;

    assert_int_equal(off, w->got_size);
    assert_true(off + len <= size);
    memcpy(w->got + off, data, len);
    w->got_size += (uint32_t)len;
    return 0;
}

struct dfu_file_config file_world_config(struct file_world *w, bool is_upload)
{
    struct dfu_file_config config = { .name = "/lfs/a",
                                      .sink = keep,
                                      .sink_ctx = w,
                                      .frame = w->frame,
                                      .frame_cap = 256,
                                      .version = DFU_SMP_V2,
                                      .seq = 250 };

    if (is_upload) {
        config.source = dfu_memory_reader(&w->span);
    }
    return config;
}

void file_world_serve(struct file_world *w)
{
    uint8_t packet[SIM_LINK_PACKET_MAX];
    size_t len;

    while ((len = sim_link_receive(&w->link, w->now_ms, SIM_LINK_DEVICE, packet, sizeof(packet)))) {
        w->requests++;
        if (w->forget_every > 0 && w->requests % w->forget_every == 0) {
            dfu_smp_fs_close(&w->fs); /* the request is lost with all that RAM knew */
            continue;
        }
        (void)dfu_smp_receive(&w->server, packet, len, &w->to_client);
    }
}

void file_world_run(struct file_world *w, struct dfu_file *f)
{
    uint8_t packet[SIM_LINK_PACKET_MAX];

    while (f->result == DFU_CLIENT_RUNNING) {
        uint64_t due_ms;
        size_t len;

        file_world_serve(w);
        while ((
            len = sim_link_receive(&w->link, w->now_ms, SIM_LINK_CLIENT, packet, sizeof(packet)))) {
            (void)dfu_file_answer(f, w->now_ms, packet, len);
        }
        len = dfu_file_next(f, w->now_ms);
        if (len > 0) {
            assert_true(len <= f->config.frame_cap);
            pass_on(w, SIM_LINK_DEVICE, w->frame, len);
        }
        if (len > 0 || f->result != DFU_CLIENT_RUNNING) {
            continue;
        }
        due_ms = sim_link_due_ms(&w->link);
        due_ms = due_ms < dfu_file_deadline(f) ? due_ms : dfu_file_deadline(f);
        w->now_ms = due_ms > w->now_ms && due_ms != UINT64_MAX ? due_ms : w->now_ms + 1;
        assert_true(w->now_ms < FILE_WORLD_LATE);
    }
}

void file_world_assert_there(const struct file_world *w)
{
    assert_true(w->exists);
    assert_int_equal(w->file_size, w->span.len);
    assert_memory_equal(w->file, w->content, w->span.len);
}

void file_world_step(struct file_world *w, struct dfu_file *f)
{
    uint8_t packet[SIM_LINK_PACKET_MAX];
    size_t len = dfu_file_next(f, w->now_ms);

    pass_on(w, SIM_LINK_DEVICE, w->frame, len);
    file_world_serve(w);
    len = sim_link_receive(&w->link, w->now_ms, SIM_LINK_CLIENT, packet, sizeof(packet));
    (void)dfu_file_answer(f, w->now_ms, packet, len);
}
