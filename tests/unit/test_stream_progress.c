/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The stream writer's progress, and properties over random splits and power cuts (TEST_SEED=N draws
 * others). A test named after one of Zephyr's says so. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/err.h"
#include "progress_store.h"
#include "stream_world.h"

/* ---- Progress ---- */

static const struct dfu_stream_identity image_a = { STREAM_SIZE, { 1, 2, 3, 4, 5, 6, 7, 8 } };
static const struct dfu_stream_identity image_b = { STREAM_SIZE, { 1, 2, 3, 4, 5, 6, 7, 9 } };

static void put_and_save(struct stream_world *w, const struct dfu_stream_store *store, uint32_t len)
{
    assert_int_equal(stream_put(w, len, false), DFU_OK);
    assert_int_equal(dfu_stream_progress_save(&w->stream, store, &image_a), DFU_OK);
}

/* As a device that has started anew; what loading said. */
static int start_anew(struct stream_world *w, const struct dfu_stream_store *store,
                      const struct dfu_stream_identity *image)
{
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    return dfu_stream_progress_load(&w->stream, store, image);
}

static void zephyr_progress_api_refuses_null(void **state)
{
    struct stream_world *w = *state;
    struct progress_store memory = { 0 };
    struct dfu_stream_store store = progress_store_of(&memory);

    assert_int_equal(dfu_stream_progress_save(NULL, &store, &image_a), DFU_ERR_INVAL);
    assert_int_equal(dfu_stream_progress_save(&w->stream, NULL, &image_a), DFU_ERR_INVAL);
    assert_int_equal(dfu_stream_progress_save(&w->stream, &store, NULL), DFU_ERR_INVAL);
    assert_int_equal(dfu_stream_progress_load(NULL, &store, &image_a), DFU_ERR_INVAL);
    assert_int_equal(dfu_stream_progress_load(&w->stream, NULL, &image_a), DFU_ERR_INVAL);
    assert_int_equal(dfu_stream_progress_load(&w->stream, &store, NULL), DFU_ERR_INVAL);
    assert_int_equal(dfu_stream_progress_clear(NULL), DFU_ERR_INVAL);
    assert_int_equal(dfu_stream_progress_save(&w->stream, &store, &image_a), DFU_OK);
    assert_int_equal(dfu_stream_progress_load(&w->stream, &store, &image_a), DFU_OK);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 0);
}

static void zephyr_progress_resume_goes_on_after_two_pages(void **state)
{
    struct stream_world *w = *state;
    struct progress_store memory = { 0 };
    struct dfu_stream_store store = progress_store_of(&memory);

    w->config.erase_ahead = true;
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    put_and_save(w, &store, 2 * STREAM_SECTOR);
    assert_int_equal(start_anew(w, &store, &image_a), DFU_OK);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 2 * STREAM_SECTOR);
    assert_int_equal(stream_put(w, STREAM_SIZE - 2 * STREAM_SECTOR, true), DFU_OK);
    stream_assert_on_flash(w, 0, STREAM_SIZE);
    assert_int_equal(w->nor->flash.erases, STREAM_SIZE / STREAM_SECTOR);
}

static void zephyr_progress_that_is_outdated_changes_nothing(void **state)
{
    struct stream_world *w = *state;
    struct progress_store memory = { 0 };
    struct dfu_stream_store store = progress_store_of(&memory);

    put_and_save(w, &store, STREAM_BUF);
    assert_int_equal(stream_put(w, STREAM_BUF, false), DFU_OK);
    assert_int_equal(dfu_stream_progress_load(&w->stream, &store, &image_a), DFU_OK);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 2 * STREAM_BUF);
}

static void zephyr_progress_clear_forgets(void **state)
{
    struct stream_world *w = *state;
    struct progress_store memory = { 0 };
    struct dfu_stream_store store = progress_store_of(&memory);

    put_and_save(w, &store, STREAM_BUF);
    assert_int_equal(dfu_stream_progress_clear(&store), DFU_OK);
    assert_int_equal(start_anew(w, &store, &image_a), DFU_OK);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 0);
}

static void another_image_or_a_damaged_record_is_never_resumed(void **state)
{
    struct stream_world *w = *state;
    struct progress_store memory = { 0 };
    struct dfu_stream_store store = progress_store_of(&memory);

    put_and_save(w, &store, STREAM_BUF);
    assert_int_equal(start_anew(w, &store, &image_b), DFU_ERR_NOENT);
    for (int i = 0; i < memory.len; i++) {
        memory.record[i] ^= 0x10;
        assert_int_equal(dfu_stream_progress_load(&w->stream, &store, &image_a), DFU_ERR_FORMAT);
        memory.record[i] ^= 0x10;
    }
    memory.len--;
    assert_int_equal(dfu_stream_progress_load(&w->stream, &store, &image_a), DFU_ERR_FORMAT);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 0);
}

static void a_record_beyond_the_stream_is_damaged(void **state)
{
    struct stream_world *w = *state;
    struct progress_store memory = { 0 };
    struct dfu_stream_store store = progress_store_of(&memory);

    put_and_save(w, &store, 2 * STREAM_SECTOR);
    w->config.size = STREAM_SECTOR;
    assert_int_equal(start_anew(w, &store, &image_a), DFU_ERR_FORMAT);
}

static void without_erase_ahead_only_erased_flash_is_resumed_onto(void **state)
{
    struct stream_world *w = *state;
    struct progress_store memory = { 0 };
    struct dfu_stream_store store = progress_store_of(&memory);

    put_and_save(w, &store, STREAM_BUF);
    assert_int_equal(start_anew(w, &store, &image_a), DFU_OK);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), STREAM_BUF);
    assert_int_equal(stream_put(w, STREAM_BUF, false), DFU_OK); /* after the saving, then a reset */
    assert_int_equal(start_anew(w, &store, &image_a), DFU_ERR_STATE);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 0);
}

/* ---- Properties ---- */

static uint64_t seed = 20261120;

static uint32_t random_below(uint32_t bound)
{
    return test_random(&seed) % bound;
}

static void any_split_of_the_payload_gives_the_same_flash(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct stream_world *w = calloc(1, sizeof *w);
        uint32_t total = 1 + random_below(STREAM_SIZE);
        uint32_t sent = 0;

        assert_non_null(w);
        stream_world_start(w, (uint8_t)(1u << random_below(6)), random_below(2) ? 0xff : 0x00,
                           random_below(2));
        while (sent < total) {
            uint32_t n = 1 + random_below(random_below(8) ? 40 : 3 * STREAM_BUF);

            n = n < total - sent ? n : total - sent;
            assert_int_equal(stream_put(w, n, sent + n == total), DFU_OK);
            sent += n;
        }
        stream_assert_on_flash(w, 0, total);
        stream_assert_erased_from(w, total);
        assert_int_equal(w->nor->flash.double_programs, 0);
        nor_free(w->nor);
        free(w);
    }
}

/* One session: send from where the stream stands, saving now and then; false when power failed. */
static bool send_rest(struct stream_world *w, struct dfu_stream_store *store, uint32_t total)
{
    for (;;) {
        uint32_t at = w->stream.written + w->stream.buffered;
        uint32_t n = 1 + random_below(2 * STREAM_BUF);

        n = n < total - at ? n : total - at;
        if (stream_put(w, n, at + n == total) != DFU_OK) {
            return false;
        }
        if (at + n == total) {
            return true;
        }
        if (random_below(3) == 0) {
            assert_int_equal(dfu_stream_progress_save(&w->stream, store, &image_a), DFU_OK);
        }
    }
}

/* After a failure: resume by the stored progress or, where that is refused, from the start on a
 * freshly erased area. */
static void resume_or_restart(struct stream_world *w, struct dfu_stream_store *store,
                              bool may_resume)
{
    dfu_sim_flash_power_on(&w->nor->flash);
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    if (!may_resume || dfu_stream_progress_load(&w->stream, store, &image_a) != DFU_OK ||
        (!w->config.erase_ahead && w->stream.written == 0)) {
        assert_int_equal(dfu_stream_progress_clear(store), DFU_OK);
        assert_int_equal(dfu_area_erase(w->area, STREAM_BASE, STREAM_SIZE), DFU_OK);
        assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    }
}

/* A cut anywhere, several times: the image on flash is the whole image in the end, and with
 * erase_ahead no unit is ever programmed twice. Without, a unit that a cut touched may still read
 * erased; flash then refuses it, and the upload starts again. */
static void a_cut_upload_resumes_to_the_same_image(void **state)
{
    (void)state;
    for (int round = 0; round < 1000; round++) {
        struct stream_world *w = calloc(1, sizeof *w);
        struct progress_store memory = { 0 };
        struct dfu_stream_store store = progress_store_of(&memory);
        uint32_t total = 1 + random_below(STREAM_SIZE);
        int cuts = 0;
        bool done = false;

        assert_non_null(w);
        stream_world_start(w, (uint8_t)(1u << random_below(6)), random_below(2) ? 0xff : 0x00,
                           random_below(3) > 0);
        while (!done) {
            if (cuts < 4) {
                dfu_sim_flash_cut(&w->nor->flash, (enum dfu_sim_cut_when)(1 + random_below(3)),
                                  1 + random_below(80), test_random(&seed));
            }
            done = send_rest(w, &store, total);
            if (!done) {
                bool was_cut = w->nor->flash.is_off;

                assert_true(was_cut || !w->config.erase_ahead);
                cuts++;
                resume_or_restart(w, &store, was_cut);
            }
        }
        stream_assert_on_flash(w, 0, total);
        assert_true(w->nor->flash.double_programs == 0 || !w->config.erase_ahead);
        nor_free(w->nor);
        free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, stream_set_up, stream_tear_down)
        IN_WORLD(zephyr_progress_api_refuses_null),
        IN_WORLD(zephyr_progress_resume_goes_on_after_two_pages),
        IN_WORLD(zephyr_progress_that_is_outdated_changes_nothing),
        IN_WORLD(zephyr_progress_clear_forgets),
        IN_WORLD(another_image_or_a_damaged_record_is_never_resumed),
        IN_WORLD(a_record_beyond_the_stream_is_damaged),
        IN_WORLD(without_erase_ahead_only_erased_flash_is_resumed_onto),
        cmocka_unit_test(any_split_of_the_payload_gives_the_same_flash),
        cmocka_unit_test(a_cut_upload_resumes_to_the_same_image),
    };

    const char *given = getenv("TEST_SEED");

    seed = given ? strtoull(given, NULL, 10) : seed;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
