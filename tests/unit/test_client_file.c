/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Whole files against the real file group, over links that lose, repeat, delay and reorder, in
 * virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/client_file.h"
#include "dfu/err.h"
#include "dfu/image.h"
#include "dfu/smp.h"
#include "dfu/smp_fs.h"
#include "sim/link.h"

#define FILE_CAP 20000u
#define HOUR_MS  3600000u

/* A device with one file, and a client's file. */
struct world {
    uint8_t file[FILE_CAP];
    uint32_t file_size;
    bool exists;
    struct dfu_smp_fs fs;
    struct dfu_smp_binding binding;
    struct dfu_smp_server server;
    uint8_t response[600];
    struct sim_link link;
    struct dfu_smp_link to_client;
    uint64_t now_ms;
    uint32_t forget_every; /* the device restarts at every so many requests; 0: never */
    uint32_t requests, written;
    uint8_t content[FILE_CAP], got[FILE_CAP];
    uint32_t got_size;
    struct dfu_memory_span span;
    uint8_t frame[512];
};

static int open_read(void *ctx, const char *path, void **file)
{
    struct world *w = ctx;

    (void)path;
    *file = w;
    return w->exists ? 0 : DFU_ERR_NOENT;
}

static int open_write(void *ctx, const char *path, void **file)
{
    struct world *w = ctx;

    (void)path;
    w->exists = true;
    *file = w;
    return 0;
}

static int size_of(void *ctx, void *file, uint32_t *size)
{
    (void)file;
    *size = ((struct world *)ctx)->file_size;
    return 0;
}

static int read_at(void *ctx, void *file, uint32_t off, void *buf, size_t len)
{
    struct world *w = ctx;
    size_t left = off < w->file_size ? w->file_size - off : 0;

    (void)file;
    len = len < left ? len : left;
    memcpy(buf, w->file + off, len);
    return (int)len;
}

static int write_at(void *ctx, void *file, uint32_t off, const void *data, size_t len)
{
    struct world *w = ctx;

    (void)file;
    assert_true(off + len <= FILE_CAP);
    memcpy(w->file + off, data, len);
    w->file_size = off + (uint32_t)len;
    w->written += (uint32_t)len;
    return 0;
}

static int truncate_it(void *ctx, void *file)
{
    (void)file;
    ((struct world *)ctx)->file_size = 0;
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

static int send_to_client(void *ctx, const uint8_t *frame, size_t len)
{
    struct world *w = ctx;

    sim_link_send(&w->link, w->now_ms, SIM_LINK_CLIENT, frame, len);
    return 0;
}

static void world_init(struct world *w, uint32_t size)
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

static int keep(void *ctx, uint32_t size, uint32_t off, const uint8_t *data, size_t len)
{
    struct world *w = ctx;

    assert_int_equal(off, w->got_size);
    assert_true(off + len <= size);
    memcpy(w->got + off, data, len);
    w->got_size += (uint32_t)len;
    return 0;
}

static struct dfu_file_config config_of(struct world *w, bool is_upload)
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

static void serve(struct world *w)
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

static void run(struct world *w, struct dfu_file *f)
{
    uint8_t packet[SIM_LINK_PACKET_MAX];

    while (f->result == DFU_CLIENT_RUNNING) {
        uint64_t due_ms;
        size_t len;

        serve(w);
        while ((
            len = sim_link_receive(&w->link, w->now_ms, SIM_LINK_CLIENT, packet, sizeof(packet)))) {
            (void)dfu_file_answer(f, w->now_ms, packet, len);
        }
        len = dfu_file_next(f, w->now_ms);
        if (len > 0) {
            assert_true(len <= f->config.frame_cap);
            sim_link_send(&w->link, w->now_ms, SIM_LINK_DEVICE, w->frame, len);
        }
        if (len > 0 || f->result != DFU_CLIENT_RUNNING) {
            continue;
        }
        due_ms = sim_link_due_ms(&w->link);
        due_ms = due_ms < dfu_file_deadline(f) ? due_ms : dfu_file_deadline(f);
        w->now_ms = due_ms > w->now_ms && due_ms != UINT64_MAX ? due_ms : w->now_ms + 1;
        assert_true(w->now_ms < HOUR_MS);
    }
}

static void assert_there(const struct world *w)
{
    assert_true(w->exists);
    assert_int_equal(w->file_size, w->span.len);
    assert_memory_equal(w->file, w->content, w->span.len);
}

static const uint32_t sizes[] = { 0, 1, 180, 200, 220, 256, 257, 5000, FILE_CAP };

static void files_of_any_size_are_sent(void **state)
{
    static struct world w;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct dfu_file_config config;
        struct dfu_file f;

        world_init(&w, sizes[i]);
        config = config_of(&w, true);
        dfu_file_start(&f, &config);
        run(&w, &f);
        assert_int_equal(f.result, 0);
        assert_int_equal(f.rewinds, 0);
        assert_int_equal(w.written, sizes[i]);
        assert_there(&w);
    }
}

static void files_of_any_size_are_fetched(void **state)
{
    static struct world w;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct dfu_file_config config;
        struct dfu_file f;

        world_init(&w, sizes[i]);
        memcpy(w.file, w.content, sizes[i]);
        w.file_size = sizes[i];
        w.exists = true;
        config = config_of(&w, false);
        dfu_file_start(&f, &config);
        run(&w, &f);
        assert_int_equal(f.result, 0);
        assert_int_equal(w.got_size, sizes[i]);
        assert_memory_equal(w.got, w.content, sizes[i]);
    }
}

static void any_mix_of_trouble_ends_with_the_file_or_says_why(void **state)
{
    static struct world w;
    unsigned whole = 0, cut = 0, given_up = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        bool is_upload = seed % 2;
        struct dfu_file_config config;
        struct dfu_file f;

        world_init(&w, 5000);
        w.link = (struct sim_link){ .seed = seed,
                                    .delay_ms = (uint32_t)(seed % 7) * 50,
                                    .jitter_ms = (uint32_t)(seed % 5) * 400,
                                    .loss_permille = (uint32_t)(seed % 4) * 60,
                                    .repeat_permille = (uint32_t)(seed % 3) * 100 };
        w.exists = !is_upload;
        w.file_size = is_upload ? 0 : w.span.len;
        memcpy(w.file, w.content, w.file_size);
        config = config_of(&w, is_upload);
        dfu_file_start(&f, &config);
        run(&w, &f);
        if (f.result) {
            print_message("seed %u: result %d\n", (unsigned)seed, f.result);
            assert_true(f.result == DFU_ERR_STATE || f.result == DFU_ERR_TIMEOUT);
            given_up++;
            continue;
        }
        if (!is_upload) {
            assert_memory_equal(w.got, w.content, w.span.len);
            continue;
        }
        /* Only a first chunk that is repeated late may spoil it, and then by its length, or by a
         * start over: what is there is always the beginning of the file. */
        serve(&w);
        assert_memory_equal(w.file, w.content, w.file_size);
        whole += w.file_size == w.span.len;
        cut += w.file_size != w.span.len;
    }
    print_message("%u uploads whole, %u to be sent again, %u transfers given up\n", whole, cut,
                  given_up);
    assert_true(whole > 150 && given_up < 20);
}

static void a_device_that_restarts_in_the_middle_gets_the_rest(void **state)
{
    static struct world w;

    (void)state;
    for (uint32_t every = 2; every <= 12; every++) {
        struct dfu_file_config config;
        struct dfu_file f;

        world_init(&w, 5000);
        w.forget_every = every;
        config = config_of(&w, true);
        dfu_file_start(&f, &config);
        run(&w, &f);
        assert_int_equal(f.result, 0);
        assert_int_equal(w.written, 5000); /* nothing was sent to it twice */
        assert_there(&w);
    }
}

/* Version 1 has no way to say which offset is expected, nor that this is what is wrong. */
static void a_device_of_version_1_gets_the_file_again_from_its_start(void **state)
{
    static struct world w;
    struct dfu_file_config config;
    struct dfu_file f;

    (void)state;
    world_init(&w, 5000);
    w.link.cut_number = 20; /* an answer; its request was carried out */
    config = config_of(&w, true);
    config.version = DFU_SMP_V1;
    dfu_file_start(&f, &config);
    while (f.result == DFU_CLIENT_RUNNING && !w.link.is_down) {
        size_t len = dfu_file_next(&f, w.now_ms);
        uint8_t packet[SIM_LINK_PACKET_MAX];

        sim_link_send(&w.link, w.now_ms, SIM_LINK_DEVICE, w.frame, len);
        serve(&w);
        len = sim_link_receive(&w.link, w.now_ms, SIM_LINK_CLIENT, packet, sizeof(packet));
        (void)dfu_file_answer(&f, w.now_ms, packet, len);
    }
    w.link.is_down = false;
    run(&w, &f);
    assert_int_equal(f.result, 0);
    assert_int_equal(f.rewinds, 1);
    assert_there(&w);
}

static void a_file_somebody_cut_is_continued_from_its_end(void **state)
{
    static struct world w;
    struct dfu_file_config config;
    struct dfu_file f;

    (void)state;
    world_init(&w, 5000);
    config = config_of(&w, true);
    dfu_file_start(&f, &config);
    while (f.done < 2000) {
        size_t len = dfu_file_next(&f, w.now_ms);
        uint8_t packet[SIM_LINK_PACKET_MAX];

        sim_link_send(&w.link, w.now_ms, SIM_LINK_DEVICE, w.frame, len);
        serve(&w);
        len = sim_link_receive(&w.link, w.now_ms, SIM_LINK_CLIENT, packet, sizeof(packet));
        (void)dfu_file_answer(&f, w.now_ms, packet, len);
    }
    dfu_smp_fs_close(&w.fs);
    w.file_size = 1000;
    run(&w, &f);
    assert_int_equal(f.result, 0);
    assert_int_equal(f.rewinds, 1);
    assert_there(&w);
}

static void a_refusal_is_kept(void **state)
{
    static struct world w;
    struct dfu_file_config config;
    struct dfu_file f;

    (void)state;
    world_init(&w, 100);
    config = config_of(&w, false);
    dfu_file_start(&f, &config);
    run(&w, &f);
    assert_int_equal(f.result, DFU_ERR_PERM);
    assert_true(f.refusal.from_group);
    assert_int_equal(f.refusal.group, DFU_SMP_GROUP_FS);
    assert_int_equal(f.refusal.rc, DFU_SMP_FS_FILE_NOT_FOUND);
}

static void a_silent_device_ends_it_in_time(void **state)
{
    static struct world w;
    struct dfu_file_config config;
    struct dfu_file f;

    (void)state;
    world_init(&w, 100);
    w.link.loss_permille = 1000;
    config = config_of(&w, true);
    config.silence_ms = 3000;
    dfu_file_start(&f, &config);
    run(&w, &f);
    assert_int_equal(f.result, DFU_ERR_TIMEOUT);
    assert_int_equal(w.now_ms, 3001);
}

static void a_link_that_only_comes_and_goes_ends_it(void **state)
{
    static struct world w;
    struct dfu_file_config config;
    struct dfu_file f;
    unsigned backs = 0;

    (void)state;
    world_init(&w, 100);
    config = config_of(&w, true);
    dfu_file_start(&f, &config);
    while (f.result == DFU_CLIENT_RUNNING) {
        (void)dfu_file_next(&f, w.now_ms);
        w.now_ms += 500;
        dfu_file_link_back(&f, w.now_ms);
        assert_true(++backs < 200);
    }
    assert_int_equal(f.result, DFU_ERR_TIMEOUT);
}

static void a_slow_link_is_measured_not_flooded(void **state)
{
    static struct world w;
    struct dfu_file_config config;
    struct dfu_file f;

    (void)state;
    world_init(&w, 5000);
    w.link.delay_ms = 1000;
    config = config_of(&w, true);
    dfu_file_start(&f, &config);
    run(&w, &f);
    assert_int_equal(f.result, 0);
    assert_true(w.requests <= 5000 / 200 + 3); /* only the first chunk was repeated */
}

static void a_known_version_is_kept_however_often_it_is_repeated(void **state)
{
    static struct world w;
    struct dfu_file_config config;
    struct dfu_file f;
    uint8_t packet[SIM_LINK_PACKET_MAX];
    size_t len;

    (void)state;
    world_init(&w, 5000);
    config = config_of(&w, true);
    dfu_file_start(&f, &config);
    len = dfu_file_next(&f, w.now_ms);
    sim_link_send(&w.link, w.now_ms, SIM_LINK_DEVICE, w.frame, len);
    serve(&w);
    len = sim_link_receive(&w.link, w.now_ms, SIM_LINK_CLIENT, packet, sizeof(packet));
    (void)dfu_file_answer(&f, w.now_ms, packet, len);
    while (f.result == DFU_CLIENT_RUNNING) {
        (void)dfu_file_next(&f, w.now_ms);
        assert_int_equal(w.frame[0], 0x0a);
        w.now_ms += 500;
    }
    assert_int_equal(f.result, DFU_ERR_TIMEOUT);
}

static void a_frame_too_small_for_the_name_is_said(void **state)
{
    static struct world w;

    (void)state;
    for (size_t cap = 0; cap < 60; cap++) {
        struct dfu_file_config config;
        struct dfu_file f;

        world_init(&w, 100);
        config = config_of(&w, cap % 2);
        config.frame_cap = cap;
        dfu_file_start(&f, &config);
        if (f.result == DFU_CLIENT_RUNNING) {
            w.exists = true;
            run(&w, &f);
            assert_int_equal(f.result, 0);
            assert_true(cap > 24);
        } else {
            assert_int_equal(f.result, DFU_ERR_NOSPACE);
            assert_true(cap < 50);
        }
    }
}

/* A device that says what makes no sense. */
static int answer_by_hand(struct dfu_file *f, const char *body, size_t len)
{
    uint8_t frame[128];

    memcpy(frame, f->config.frame, DFU_SMP_HEADER_SIZE);
    frame[0]++;
    frame[2] = 0;
    frame[3] = (uint8_t)len;
    memcpy(frame + DFU_SMP_HEADER_SIZE, body, len);
    (void)dfu_file_next(f, 1);
    return dfu_file_answer(f, 1, frame, DFU_SMP_HEADER_SIZE + len);
}

#define SAY(f, body) answer_by_hand(f, body, sizeof(body) - 1)

static void answers_that_make_no_sense_end_it(void **state)
{
    static struct world w;
    struct dfu_file_config config;
    struct dfu_file f;

    (void)state;
    world_init(&w, 100);
    config = config_of(&w, true);
    dfu_file_start(&f, &config);
    assert_int_equal(SAY(&f, "\xa1\x63off\x18\x65"), DFU_ERR_FORMAT); /* beyond the end */
    dfu_file_start(&f, &config);
    assert_int_equal(SAY(&f, "\xa0"), DFU_ERR_FORMAT);
    dfu_file_start(&f, &config);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(SAY(&f, "\xa1\x63off\x00"), DFU_CLIENT_RUNNING);
    }
    assert_int_equal(SAY(&f, "\xa1\x63off\x00"), DFU_ERR_STATE);

    config = config_of(&w, false);
    dfu_file_start(&f, &config);
    assert_int_equal(SAY(&f, "\xa2\x63off\x00\x64\x64\x61ta\x41x"), DFU_ERR_FORMAT); /* no len */
    dfu_file_start(&f, &config);
    assert_int_equal(SAY(&f, "\xa3\x63off\x00\x63len\x01\x64\x64\x61ta\x42xy"), DFU_ERR_FORMAT);
    dfu_file_start(&f, &config);
    assert_int_equal(SAY(&f, "\xa3\x63off\x01\x63len\x05\x64\x64\x61ta\x41x"), DFU_ERR_FORMAT);
    dfu_file_start(&f, &config);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(SAY(&f, "\xa3\x63off\x00\x63len\x05\x64\x64\x61ta\x40"),
                         DFU_CLIENT_RUNNING);
    }
    assert_int_equal(SAY(&f, "\xa3\x63off\x00\x63len\x05\x64\x64\x61ta\x40"), DFU_ERR_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_any_size_are_sent),
        cmocka_unit_test(files_of_any_size_are_fetched),
        cmocka_unit_test(any_mix_of_trouble_ends_with_the_file_or_says_why),
        cmocka_unit_test(a_device_that_restarts_in_the_middle_gets_the_rest),
        cmocka_unit_test(a_device_of_version_1_gets_the_file_again_from_its_start),
        cmocka_unit_test(a_file_somebody_cut_is_continued_from_its_end),
        cmocka_unit_test(a_refusal_is_kept),
        cmocka_unit_test(a_silent_device_ends_it_in_time),
        cmocka_unit_test(a_link_that_only_comes_and_goes_ends_it),
        cmocka_unit_test(a_slow_link_is_measured_not_flooded),
        cmocka_unit_test(a_known_version_is_kept_however_often_it_is_repeated),
        cmocka_unit_test(a_frame_too_small_for_the_name_is_said),
        cmocka_unit_test(answers_that_make_no_sense_end_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
