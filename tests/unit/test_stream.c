/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The stream writer: what Zephyr's own tests of stream_flash assert, progress, and properties over
 * random splits and power cuts. A test named after one of Zephyr's says so. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dfu/err.h"
#include "dfu/stream.h"
#include "nor.h"

#define BUF    512u
#define SECTOR 4096u
#define BASE   (4 * SECTOR)
#define SIZE   (8 * SECTOR)

/* ---- The world: a device, an area of it, a stream from BASE on ---- */

struct world {
    struct nor *nor;
    const struct dfu_area *area;
    struct dfu_stream stream;
    struct dfu_stream_config config;
    uint8_t buf[BUF];
    uint8_t data[SIZE];
};

static void start_world(struct world *w, uint8_t write_size, uint8_t erased, bool erase_ahead)
{
    w->nor = nor_new(SECTOR, 16, write_size, erased);
    w->area = nor_area(w->nor, "area", 16);
    w->config = (struct dfu_stream_config){
        .area = w->area,
        .buf = w->buf,
        .buf_len = sizeof w->buf,
        .off = BASE,
        .size = SIZE,
        .erase_ahead = erase_ahead,
    };
    for (size_t i = 0; i < sizeof w->data; i++) {
        w->data[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + 1);
    }
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    start_world(w, 4, 0xff, false);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    nor_free(w->nor);
    free(w);
    return 0;
}

static void assert_on_flash(const struct world *w, uint32_t from, uint32_t len)
{
    assert_memory_equal(w->nor->flash.mem + BASE + from, w->data + from, len);
}

static void assert_erased_from(const struct world *w, uint32_t from)
{
    assert_int_equal(dfu_area_is_erased(w->area, BASE + from, SIZE - from), 1);
}

static int put(struct world *w, uint32_t len, bool flush)
{
    uint32_t at = w->stream.written + w->stream.buffered;

    return dfu_stream_buffered_write(&w->stream, w->data + at, len, flush);
}

/* ---- Parity with Zephyr's tests/subsys/storage/stream/stream_flash ---- */

static void zephyr_init_refuses_what_does_not_fit(void **state)
{
    struct world *w = *state;
    static const struct {
        uint32_t off, size;
        size_t buf_len;
        int err;
    } cases[] = {
        { BASE, 13 * SECTOR, BUF, DFU_ERR_RANGE },
        { BASE, UINT32_MAX - 3, BUF, DFU_ERR_RANGE },
        { BASE, 0, BUF, DFU_ERR_INVAL },
        { 3, SECTOR, BUF, DFU_ERR_ALIGN },
        { BASE, SECTOR - 2, BUF, DFU_ERR_ALIGN },
        { BASE, SECTOR, 511, DFU_ERR_ALIGN },
        { BASE, SECTOR, 0, DFU_ERR_INVAL },
        { BASE, SECTOR, 65536, DFU_ERR_RANGE },
        { UINT32_MAX - 3, SECTOR, BUF, DFU_ERR_RANGE },
        { BASE, SECTOR, 4, DFU_OK },
        { BASE, SECTOR, SECTOR, DFU_OK },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dfu_stream_config config = w->config;

        config.off = cases[i].off;
        config.size = cases[i].size;
        config.buf_len = cases[i].buf_len;
        assert_int_equal(dfu_stream_init(&w->stream, &config), cases[i].err);
    }
}

static void zephyr_init_refuses_null(void **state)
{
    struct world *w = *state;
    struct dfu_stream_config config = w->config;

    assert_int_equal(dfu_stream_init(NULL, &config), DFU_ERR_INVAL);
    assert_int_equal(dfu_stream_init(&w->stream, NULL), DFU_ERR_INVAL);
    config.buf = NULL;
    assert_int_equal(dfu_stream_init(&w->stream, &config), DFU_ERR_INVAL);
    config = w->config;
    config.area = NULL;
    assert_int_equal(dfu_stream_init(&w->stream, &config), DFU_ERR_INVAL);
}

static void zephyr_buffered_write_keeps_511_bytes_and_programs_512(void **state)
{
    struct world *w = *state;

    assert_int_equal(put(w, 511, false), DFU_OK);
    assert_erased_from(w, 0);
    assert_int_equal(put(w, 1, false), DFU_OK);
    assert_on_flash(w, 0, 512);
    assert_erased_from(w, 512);
}

static void zephyr_cross_buf_border(void **state)
{
    struct world *w = *state;

    assert_int_equal(put(w, BUF + 128, false), DFU_OK);
    assert_on_flash(w, 0, BUF);
    assert_erased_from(w, BUF);
    assert_int_equal(put(w, BUF - 128, false), DFU_OK);
    assert_on_flash(w, BUF, BUF);
    assert_int_equal(put(w, 256, false), DFU_OK);
    assert_int_equal(dfu_stream_buffered_write(&w->stream, NULL, 0, true), DFU_OK);
    assert_on_flash(w, 0, 2 * BUF + 256);
    assert_erased_from(w, 2 * BUF + 256);
}

struct seen {
    uint32_t len, off;
    uint8_t data[BUF];
    int answer;
};

static int see(void *ctx, const uint8_t *data, size_t len, uint32_t off)
{
    struct seen *seen = ctx;

    seen->len = (uint32_t)len;
    seen->off = off;
    memcpy(seen->data, data, len);
    return seen->answer;
}

static void zephyr_unaligned_flush_is_padded_and_called_back(void **state)
{
    struct world *w = *state;
    struct seen seen = { 0 };

    assert_int_equal(put(w, 1, true), DFU_OK);
    assert_on_flash(w, 0, 1);
    assert_erased_from(w, 1);
    w->config.off = BASE + BUF;
    w->config.size = SIZE - BUF;
    w->config.after_write = see;
    w->config.ctx = &seen;
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    assert_int_equal(dfu_stream_buffered_write(&w->stream, w->data + BUF, BUF - 1, true), DFU_OK);
    assert_int_equal(seen.len, BUF - 1);
    assert_int_equal(seen.off, BASE + BUF);
    assert_memory_equal(seen.data, w->data + BUF, BUF - 1);
    assert_on_flash(w, BUF, BUF - 1);
}

static void nothing_follows_a_flush_that_was_padded(void **state)
{
    struct world *w = *state;

    assert_int_equal(put(w, 5, true), DFU_OK);
    assert_int_equal(put(w, 1, false), DFU_ERR_STATE);
    assert_int_equal(put(w, 0, true), DFU_OK);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 5);
}

static void zephyr_multi_page(void **state)
{
    struct world *w = *state;

    assert_int_equal(put(w, 3 * SECTOR + 128, false), DFU_OK);
    assert_on_flash(w, 0, 3 * SECTOR);
    assert_int_equal(put(w, SIZE - 3 * SECTOR - 128, false), DFU_OK);
    assert_on_flash(w, 0, SIZE);
    assert_int_equal(put(w, 1, false), DFU_ERR_NOSPACE);
}

static void zephyr_bytes_written_and_bytes_buffered(void **state)
{
    struct world *w = *state;

    assert_int_equal(dfu_stream_bytes_buffered(&w->stream), 0);
    assert_int_equal(put(w, 384, false), DFU_OK);
    assert_int_equal(dfu_stream_bytes_buffered(&w->stream), 384);
    assert_int_equal(put(w, 128, false), DFU_OK);
    assert_int_equal(dfu_stream_bytes_buffered(&w->stream), 0);
    assert_int_equal(put(w, BUF + 128, false), DFU_OK);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 2 * BUF);
    assert_int_equal(dfu_stream_bytes_buffered(&w->stream), 128);
    assert_int_equal(put(w, BUF - 128, false), DFU_OK);
    assert_on_flash(w, 0, 3 * BUF);
}

static void zephyr_callback_error_comes_back_and_keeps_the_block(void **state)
{
    struct world *w = *state;
    struct seen seen = { .answer = DFU_ERR_VERIFY };

    w->config.after_write = see;
    w->config.ctx = &seen;
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    assert_int_equal(put(w, BUF + 128, false), DFU_ERR_VERIFY);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 0);
    assert_int_equal(dfu_stream_bytes_buffered(&w->stream), BUF);
}

static void zephyr_write_failure_keeps_the_bytes(void **state)
{
    struct world *w = *state;

    assert_int_equal(put(w, 100, false), DFU_OK);
    dfu_sim_flash_cut(&w->nor->flash, DFU_SIM_CUT_BEFORE, 1, 0);
    assert_int_equal(put(w, 0, true), DFU_ERR_POWER);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 0);
    assert_int_equal(dfu_stream_bytes_buffered(&w->stream), 100);
    dfu_sim_flash_power_on(&w->nor->flash);
    assert_int_equal(put(w, 0, true), DFU_OK);
    assert_on_flash(w, 0, 100);
}

static void zephyr_flush_of_nothing_is_fine(void **state)
{
    struct world *w = *state;

    assert_int_equal(dfu_stream_buffered_write(&w->stream, NULL, 0, true), DFU_OK);
    assert_int_equal(w->nor->flash.writes, 0);
    assert_int_equal(dfu_stream_buffered_write(NULL, NULL, 0, true), DFU_ERR_INVAL);
    assert_int_equal(dfu_stream_buffered_write(&w->stream, NULL, 1, true), DFU_ERR_INVAL);
}

static void zephyr_whole_page_does_not_erase_the_next(void **state)
{
    struct world *w = *state;

    assert_int_equal(put(w, 2 * SECTOR, true), DFU_OK);
    w->config.erase_ahead = true;
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    assert_int_equal(put(w, SECTOR, true), DFU_OK);
    assert_int_equal(w->nor->flash.erases, 1);
    assert_on_flash(w, 0, 2 * SECTOR);
}

static void erase_ahead_starts_on_a_sector_border(void **state)
{
    struct world *w = *state;

    w->config.erase_ahead = true;
    w->config.off = BASE + BUF;
    w->config.size = SECTOR;
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_ERR_ALIGN);
}

static void erase_page_erases_a_page_once_and_only_in_the_stream(void **state)
{
    struct world *w = *state;

    assert_int_equal(dfu_sim_flash_load(&w->nor->flash, BASE, w->data, SIZE), DFU_OK);
    assert_int_equal(dfu_stream_erase_page(&w->stream, BASE - 1), DFU_ERR_RANGE);
    assert_int_equal(dfu_stream_erase_page(&w->stream, BASE + SIZE), DFU_ERR_RANGE);
    assert_int_equal(dfu_stream_erase_page(&w->stream, BASE + 5), DFU_OK);
    assert_int_equal(dfu_stream_erase_page(&w->stream, BASE + 6), DFU_OK);
    assert_int_equal(w->nor->flash.erases, 1);
    assert_int_equal(dfu_area_is_erased(w->area, BASE, SECTOR), 1);
    assert_on_flash(w, SECTOR, SIZE - SECTOR);
}

/* ---- Progress ---- */

struct store {
    uint8_t record[64];
    int len; /* 0: none */
};

static int store_save(void *ctx, const void *record, size_t len)
{
    struct store *store = ctx;

    memcpy(store->record, record, len);
    store->len = (int)len;
    return DFU_OK;
}

static int store_load(void *ctx, void *record, size_t cap)
{
    struct store *store = ctx;

    if (store->len == 0) {
        return DFU_ERR_NOENT;
    }
    memcpy(record, store->record, (size_t)store->len < cap ? (size_t)store->len : cap);
    return store->len;
}

static int store_clear(void *ctx)
{
    ((struct store *)ctx)->len = 0;
    return DFU_OK;
}

static struct dfu_stream_store store_of(struct store *store)
{
    return (struct dfu_stream_store){ store_save, store_load, store_clear, store };
}

static const struct dfu_stream_identity image_a = { SIZE, { 1, 2, 3, 4, 5, 6, 7, 8 } };
static const struct dfu_stream_identity image_b = { SIZE, { 1, 2, 3, 4, 5, 6, 7, 9 } };

static void zephyr_progress_api_refuses_null(void **state)
{
    struct world *w = *state;
    struct store memory = { 0 };
    struct dfu_stream_store store = store_of(&memory);

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
    struct world *w = *state;
    struct store memory = { 0 };
    struct dfu_stream_store store = store_of(&memory);

    w->config.erase_ahead = true;
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    assert_int_equal(put(w, 2 * SECTOR, false), DFU_OK);
    assert_int_equal(dfu_stream_progress_save(&w->stream, &store, &image_a), DFU_OK);
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    assert_int_equal(dfu_stream_progress_load(&w->stream, &store, &image_a), DFU_OK);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 2 * SECTOR);
    assert_int_equal(put(w, SIZE - 2 * SECTOR, true), DFU_OK);
    assert_on_flash(w, 0, SIZE);
    assert_int_equal(w->nor->flash.erases, SIZE / SECTOR);
}

static void zephyr_progress_that_is_outdated_changes_nothing(void **state)
{
    struct world *w = *state;
    struct store memory = { 0 };
    struct dfu_stream_store store = store_of(&memory);

    assert_int_equal(put(w, BUF, false), DFU_OK);
    assert_int_equal(dfu_stream_progress_save(&w->stream, &store, &image_a), DFU_OK);
    assert_int_equal(put(w, BUF, false), DFU_OK);
    assert_int_equal(dfu_stream_progress_load(&w->stream, &store, &image_a), DFU_OK);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 2 * BUF);
}

static void zephyr_progress_clear_forgets(void **state)
{
    struct world *w = *state;
    struct store memory = { 0 };
    struct dfu_stream_store store = store_of(&memory);

    assert_int_equal(put(w, BUF, false), DFU_OK);
    assert_int_equal(dfu_stream_progress_save(&w->stream, &store, &image_a), DFU_OK);
    assert_int_equal(dfu_stream_progress_clear(&store), DFU_OK);
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    assert_int_equal(dfu_stream_progress_load(&w->stream, &store, &image_a), DFU_OK);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 0);
}

static void another_image_or_a_damaged_record_is_never_resumed(void **state)
{
    struct world *w = *state;
    struct store memory = { 0 };
    struct dfu_stream_store store = store_of(&memory);

    assert_int_equal(put(w, BUF, false), DFU_OK);
    assert_int_equal(dfu_stream_progress_save(&w->stream, &store, &image_a), DFU_OK);
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    assert_int_equal(dfu_stream_progress_load(&w->stream, &store, &image_b), DFU_ERR_NOENT);
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
    struct world *w = *state;
    struct store memory = { 0 };
    struct dfu_stream_store store = store_of(&memory);

    assert_int_equal(put(w, 2 * SECTOR, false), DFU_OK);
    assert_int_equal(dfu_stream_progress_save(&w->stream, &store, &image_a), DFU_OK);
    w->config.size = SECTOR;
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    assert_int_equal(dfu_stream_progress_load(&w->stream, &store, &image_a), DFU_ERR_FORMAT);
}

static void without_erase_ahead_only_erased_flash_is_resumed_onto(void **state)
{
    struct world *w = *state;
    struct store memory = { 0 };
    struct dfu_stream_store store = store_of(&memory);

    assert_int_equal(put(w, BUF, false), DFU_OK);
    assert_int_equal(dfu_stream_progress_save(&w->stream, &store, &image_a), DFU_OK);
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    assert_int_equal(dfu_stream_progress_load(&w->stream, &store, &image_a), DFU_OK);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), BUF);
    assert_int_equal(put(w, BUF, false), DFU_OK); /* after the saving, then a reset */
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    assert_int_equal(dfu_stream_progress_load(&w->stream, &store, &image_a), DFU_ERR_STATE);
    assert_int_equal(dfu_stream_bytes_written(&w->stream), 0);
}

/* ---- Properties ---- */

static uint64_t seed;

static uint32_t random_below(uint32_t bound)
{
    return test_random(&seed) % bound;
}

static void any_split_of_the_payload_gives_the_same_flash(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct world *w = calloc(1, sizeof *w);
        uint32_t total = 1 + random_below(SIZE);
        uint32_t sent = 0;

        assert_non_null(w);
        start_world(w, (uint8_t)(1u << random_below(6)), random_below(2) ? 0xff : 0x00,
                    random_below(2));
        while (sent < total) {
            uint32_t n = 1 + random_below(random_below(8) ? 40 : 3 * BUF);

            n = n < total - sent ? n : total - sent;
            assert_int_equal(put(w, n, sent + n == total), DFU_OK);
            sent += n;
        }
        assert_on_flash(w, 0, total);
        assert_erased_from(w, total);
        assert_int_equal(w->nor->flash.double_programs, 0);
        nor_free(w->nor);
        free(w);
    }
}

/* One session: send from where the stream stands, saving now and then; false when power failed. */
static bool send_rest(struct world *w, struct dfu_stream_store *store, uint32_t total)
{
    for (;;) {
        uint32_t at = w->stream.written + w->stream.buffered;
        uint32_t n = 1 + random_below(2 * BUF);

        n = n < total - at ? n : total - at;
        if (put(w, n, at + n == total) != DFU_OK) {
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
static void resume_or_restart(struct world *w, struct dfu_stream_store *store, bool may_resume)
{
    dfu_sim_flash_power_on(&w->nor->flash);
    assert_int_equal(dfu_stream_init(&w->stream, &w->config), DFU_OK);
    if (!may_resume || dfu_stream_progress_load(&w->stream, store, &image_a) != DFU_OK ||
        (!w->config.erase_ahead && w->stream.written == 0)) {
        assert_int_equal(dfu_stream_progress_clear(store), DFU_OK);
        assert_int_equal(dfu_area_erase(w->area, BASE, SIZE), DFU_OK);
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
        struct world *w = calloc(1, sizeof *w);
        struct store memory = { 0 };
        struct dfu_stream_store store = store_of(&memory);
        uint32_t total = 1 + random_below(SIZE);
        int cuts = 0;
        bool done = false;

        assert_non_null(w);
        start_world(w, (uint8_t)(1u << random_below(6)), random_below(2) ? 0xff : 0x00,
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
        assert_on_flash(w, 0, total);
        assert_true(w->nor->flash.double_programs == 0 || !w->config.erase_ahead);
        nor_free(w->nor);
        free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        IN_WORLD(zephyr_init_refuses_what_does_not_fit),
        IN_WORLD(zephyr_init_refuses_null),
        IN_WORLD(zephyr_buffered_write_keeps_511_bytes_and_programs_512),
        IN_WORLD(zephyr_cross_buf_border),
        IN_WORLD(zephyr_unaligned_flush_is_padded_and_called_back),
        IN_WORLD(nothing_follows_a_flush_that_was_padded),
        IN_WORLD(zephyr_multi_page),
        IN_WORLD(zephyr_bytes_written_and_bytes_buffered),
        IN_WORLD(zephyr_callback_error_comes_back_and_keeps_the_block),
        IN_WORLD(zephyr_write_failure_keeps_the_bytes),
        IN_WORLD(zephyr_flush_of_nothing_is_fine),
        IN_WORLD(zephyr_whole_page_does_not_erase_the_next),
        IN_WORLD(erase_ahead_starts_on_a_sector_border),
        IN_WORLD(erase_page_erases_a_page_once_and_only_in_the_stream),
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

    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("TEST_SEED=%llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
