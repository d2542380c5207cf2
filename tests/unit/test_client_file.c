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

#include "dfu/err.h"
#include "dfu/smp.h"
#include "file_world.h"

static void start(struct dfu_file *f, struct file_world *w, bool is_upload)
{
    struct dfu_file_config config = file_world_config(w, is_upload);

    dfu_file_start(f, &config);
}

static void transfer(struct dfu_file *f, struct file_world *w, bool is_upload)
{
    start(f, w, is_upload);
    file_world_run(w, f);
}

static const uint32_t sizes[] = { 0, 1, 180, 200, 220, 256, 257, 5000, FILE_WORLD_CAP };

static void files_of_any_size_are_sent(void **state)
{
    static struct file_world w;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct dfu_file f;

        file_world_init(&w, sizes[i]);
        transfer(&f, &w, true);
        assert_int_equal(f.result, 0);
        assert_int_equal(f.rewinds, 0);
        assert_int_equal(w.written, sizes[i]);
        file_world_assert_there(&w);
    }
}

static void files_of_any_size_are_fetched(void **state)
{
    static struct file_world w;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct dfu_file f;

        file_world_init(&w, sizes[i]);
        file_world_put(&w);
        transfer(&f, &w, false);
        assert_int_equal(f.result, 0);
        assert_int_equal(w.got_size, sizes[i]);
        assert_memory_equal(w.got, w.content, sizes[i]);
    }
}

static void any_mix_of_trouble_ends_with_the_file_or_says_why(void **state)
{
    static struct file_world w;
    unsigned whole = 0, cut = 0, given_up = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        bool is_upload = seed % 2;
        struct dfu_file f;

        file_world_init(&w, 5000);
        w.link = (struct sim_link){ .seed = seed,
                                    .delay_ms = (uint32_t)(seed % 7) * 50,
                                    .jitter_ms = (uint32_t)(seed % 5) * 400,
                                    .loss_permille = (uint32_t)(seed % 4) * 60,
                                    .repeat_permille = (uint32_t)(seed % 3) * 100 };
        w.exists = !is_upload;
        w.file_size = is_upload ? 0 : w.span.len;
        memcpy(w.file, w.content, w.file_size);
        transfer(&f, &w, is_upload);
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
        file_world_serve(&w);
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
    static struct file_world w;

    (void)state;
    for (uint32_t every = 2; every <= 12; every++) {
        struct dfu_file f;

        file_world_init(&w, 5000);
        w.forget_every = every;
        transfer(&f, &w, true);
        assert_int_equal(f.result, 0);
        assert_int_equal(w.written, 5000); /* nothing was sent to it twice */
        file_world_assert_there(&w);
    }
}

/* Version 1 has no way to say which offset is expected, nor that this is what is wrong. */
static void a_device_of_version_1_gets_the_file_again_from_its_start(void **state)
{
    static struct file_world w;
    struct dfu_file_config config;
    struct dfu_file f;

    (void)state;
    file_world_init(&w, 5000);
    w.link.cut_number = 20; /* an answer; its request was carried out */
    config = file_world_config(&w, true);
    config.version = DFU_SMP_V1;
    dfu_file_start(&f, &config);
    while (f.result == DFU_CLIENT_RUNNING && !w.link.is_down) {
        file_world_step(&w, &f);
    }
    w.link.is_down = false;
    file_world_run(&w, &f);
    assert_int_equal(f.result, 0);
    assert_int_equal(f.rewinds, 1);
    file_world_assert_there(&w);
}

static void a_file_somebody_cut_is_continued_from_its_end(void **state)
{
    static struct file_world w;
    struct dfu_file f;

    (void)state;
    file_world_init(&w, 5000);
    start(&f, &w, true);
    while (f.done < 2000) {
        file_world_step(&w, &f);
    }
    dfu_smp_fs_close(&w.fs);
    w.file_size = 1000;
    file_world_run(&w, &f);
    assert_int_equal(f.result, 0);
    assert_int_equal(f.rewinds, 1);
    file_world_assert_there(&w);
}

static void a_refusal_is_kept(void **state)
{
    static struct file_world w;
    struct dfu_file f;

    (void)state;
    file_world_init(&w, 100);
    transfer(&f, &w, false);
    assert_int_equal(f.result, DFU_ERR_PERM);
    assert_true(f.refusal.from_group);
    assert_int_equal(f.refusal.group, DFU_SMP_GROUP_FS);
    assert_int_equal(f.refusal.rc, DFU_SMP_FS_FILE_NOT_FOUND);
}

static void a_silent_device_ends_it_in_time(void **state)
{
    static struct file_world w;
    struct dfu_file_config config;
    struct dfu_file f;

    (void)state;
    file_world_init(&w, 100);
    w.link.loss_permille = 1000;
    config = file_world_config(&w, true);
    config.silence_ms = 3000;
    dfu_file_start(&f, &config);
    file_world_run(&w, &f);
    assert_int_equal(f.result, DFU_ERR_TIMEOUT);
    assert_int_equal(w.now_ms, 3001);
}

static void a_link_that_only_comes_and_goes_ends_it(void **state)
{
    static struct file_world w;
    struct dfu_file f;
    unsigned backs = 0;

    (void)state;
    file_world_init(&w, 100);
    start(&f, &w, true);
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
    static struct file_world w;
    struct dfu_file f;

    (void)state;
    file_world_init(&w, 5000);
    w.link.delay_ms = 1000;
    transfer(&f, &w, true);
    assert_int_equal(f.result, 0);
    assert_true(w.requests <= 5000 / 200 + 3); /* only the first chunk was repeated */
}

static void a_known_version_is_kept_however_often_it_is_repeated(void **state)
{
    static struct file_world w;
    struct dfu_file f;

    (void)state;
    file_world_init(&w, 5000);
    start(&f, &w, true);
    file_world_step(&w, &f);
    while (f.result == DFU_CLIENT_RUNNING) {
        (void)dfu_file_next(&f, w.now_ms);
        assert_int_equal(w.frame[0], 0x0a);
        w.now_ms += 500;
    }
    assert_int_equal(f.result, DFU_ERR_TIMEOUT);
}

static void a_frame_too_small_for_the_name_is_said(void **state)
{
    static struct file_world w;

    (void)state;
    for (size_t cap = 0; cap < 60; cap++) {
        struct dfu_file_config config;
        struct dfu_file f;

        file_world_init(&w, 100);
        config = file_world_config(&w, cap % 2);
        config.frame_cap = cap;
        dfu_file_start(&f, &config);
        if (f.result == DFU_CLIENT_RUNNING) {
            w.exists = true;
            file_world_run(&w, &f);
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
    static struct file_world w;
    struct dfu_file_config config;
    struct dfu_file f;

    (void)state;
    file_world_init(&w, 100);
    config = file_world_config(&w, true);
    dfu_file_start(&f, &config);
    assert_int_equal(SAY(&f, "\xa1\x63off\x18\x65"), DFU_ERR_FORMAT); /* beyond the end */
    dfu_file_start(&f, &config);
    assert_int_equal(SAY(&f, "\xa0"), DFU_ERR_FORMAT);
    dfu_file_start(&f, &config);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(SAY(&f, "\xa1\x63off\x00"), DFU_CLIENT_RUNNING);
    }
    assert_int_equal(SAY(&f, "\xa1\x63off\x00"), DFU_ERR_STATE);

    config = file_world_config(&w, false);
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
