/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The geometry of slots against what MCUboot computed for 912 layouts (tests/vectors/swap), and
 * the rules that those layouts do not reach. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "board.h"
#include "dfu/err.h"
#include "dfu/slots.h"
#include "dfu/trailer.h"
#include "jsonl.h"
#include "slot_layout.h"

static void read_area(const cJSON *areas, const char *name, struct dfu_sector_run *runs,
                      struct dfu_area *out)
{
    const cJSON *json = json_get(areas, name);
    const cJSON *run;

    *out = (struct dfu_area){
        .ops = &dfu_board_unattached, .label = name, .runs = runs, .erased = 0xff
    };
    out->base = (uint32_t)json_int(json, "offset");
    out->size = (uint32_t)json_int(json, "size");
    out->write_size = (uint8_t)json_int(json, "align");
    cJSON_ArrayForEach(run, json_get(json, "sectors"))
    {
        assert_in_range(out->run_count, 0, SLOT_LAYOUT_RUNS - 1);
        runs[out->run_count++] = (struct dfu_sector_run){
            (uint32_t)cJSON_GetArrayItem(run, 0)->valueint,
            (uint32_t)cJSON_GetArrayItem(run, 1)->valueint,
        };
    }
}

static enum dfu_boot_mode mode_named(const char *name)
{
    static const struct {
        const char *name;
        enum dfu_boot_mode mode;
    } modes[] = {
        { "move", DFU_MODE_SWAP_MOVE },        { "offset", DFU_MODE_SWAP_OFFSET },
        { "scratch", DFU_MODE_SWAP_SCRATCH },  { "overwrite", DFU_MODE_OVERWRITE },
        { "direct-xip", DFU_MODE_DIRECT_XIP },
    };

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(name, modes[i].name) == 0) {
            return modes[i].mode;
        }
    }
    fail_msg("unknown mode %s", name);
    return DFU_MODE_SINGLE_SLOT;
}

static void read_layout(const cJSON *row, struct slot_layout *out)
{
    const cJSON *areas = json_get(row, "areas");

    memset(out, 0, sizeof *out);
    read_area(areas, "pri", out->runs[0], &out->pri);
    read_area(areas, "sec", out->runs[1], &out->sec);
    out->map = (struct dfu_slot_map){
        .mode = mode_named(json_str(row, "mode")),
        .max_align = (uint8_t)json_int(row, "max_align"),
        .max_sectors = (uint16_t)json_int(row, "max_sectors"),
        .image_count = 1,
        .images = { { &out->pri, &out->sec } },
    };
    if (cJSON_HasObjectItem(areas, "scr")) {
        read_area(areas, "scr", out->runs[2], &out->scr);
        out->map.scratch = &out->scr;
    }
}

static void for_each_row(void (*check)(const cJSON *row, struct slot_layout *layout, unsigned line),
                         unsigned expected)
{
    struct jsonl *in = jsonl_open(DFU_SOURCE_DIR "/tests/vectors/swap/geometry.jsonl.gz");
    unsigned rows = 0;
    cJSON *row;

    assert_non_null(in);
    while ((row = jsonl_next(in)) != NULL) {
        struct slot_layout layout;

        read_layout(row, &layout);
        check(row, &layout, jsonl_line(in));
        cJSON_Delete(row);
        rows++;
    }
    jsonl_close(in);
    assert_int_equal(rows, expected);
}

/* ---- The recorded layouts ---- */

static void check_fields(const struct dfu_slot_map *map, const struct dfu_area *area,
                         const cJSON *fields, unsigned line)
{
    struct dfu_trailer t;
    const cJSON *field;

    assert_int_equal(dfu_slot_trailer(map, area, &t), DFU_OK);
    const struct {
        const char *name;
        uint32_t off;
    } ours[] = {
        { "magic", t.magic },         { "image_ok", t.image_ok },   { "copy_done", t.copy_done },
        { "swap_info", t.swap_info }, { "tlv_sizes", t.tlv_sizes }, { "swap_size", t.swap_size },
        { "status", t.status },
    };

    cJSON_ArrayForEach(field, fields)
    {
        size_t i = 0;

        while (strcmp(ours[i].name, field->string) != 0) {
            i++;
            assert_in_range(i, 0, sizeof ours / sizeof ours[0] - 1);
        }
        if (ours[i].off != (uint32_t)field->valueint) {
            fail_msg("row %u, %s.%s: %u, recorded %d", line, area->label, field->string,
                     ours[i].off, field->valueint);
        }
    }
    /* tlv_sizes and swap_size exist where they were recorded, and only there. */
    assert_int_equal(t.tlv_sizes != 0, cJSON_HasObjectItem(fields, "tlv_sizes"));
    assert_int_equal(t.swap_size != 0, cJSON_HasObjectItem(fields, "swap_size"));
}

static void check_row_fields(const cJSON *row, struct slot_layout *layout, unsigned line)
{
    const cJSON *fields = json_get(row, "fields");

    check_fields(&layout->map, &layout->pri, json_get(fields, "pri"), line);
    check_fields(&layout->map, &layout->sec, json_get(fields, "sec"), line);
    if (layout->map.scratch) {
        check_fields(&layout->map, &layout->scr, json_get(fields, "scr"), line);
    }
}

static void every_trailer_field_lies_where_mcuboot_has_it(void **state)
{
    (void)state;
    for_each_row(check_row_fields, 912);
}

static void check_row_fit(const cJSON *row, struct slot_layout *layout, unsigned line)
{
    const cJSON *compatible = json_get(row, "compatible");
    enum dfu_slot_fit fit = dfu_slot_compatible(&layout->map, 0);
    char warning[80];

    if (cJSON_IsNull(compatible) || cJSON_IsTrue(compatible)) {
        assert_int_equal(fit, DFU_SLOTS_FIT);
        return;
    }
    (void)snprintf(warning, sizeof warning, "Cannot upgrade: %s", dfu_slot_fit_text(fit));
    if (strcmp(warning, json_str(row, "warning")) != 0) {
        fail_msg("row %u: %s, recorded %s", line, warning, json_str(row, "warning"));
    }
    assert_int_equal(dfu_slot_max_image(&layout->map, 0), 0);
}

static void slots_are_compatible_or_refused_with_mcuboots_warning(void **state)
{
    (void)state;
    for_each_row(check_row_fit, 912);
}

static void check_row_max(const cJSON *row, struct slot_layout *layout, unsigned line)
{
    uint32_t ours = dfu_slot_max_image(&layout->map, 0);
    const cJSON *max = cJSON_GetObjectItem(row, "max_image");
    uint32_t theirs;

    if (!max) {
        return;
    }
    theirs = (uint32_t)json_int(max, "pri");
    if ((uint32_t)json_int(max, "sec") < theirs) {
        theirs = (uint32_t)json_int(max, "sec");
    }
    if (ours != theirs) {
        fail_msg("row %u: largest image %u, recorded %u", line, ours, theirs);
    }
}

static void the_largest_image_is_what_mcuboot_accepts(void **state)
{
    (void)state;
    for_each_row(check_row_max, 912);
}

/* ---- What the recorded layouts do not reach ---- */

/* Bootloader spec 1.4, the example. */
static void the_largest_image_of_64_sectors_of_4096_depends_on_the_mode(void **state)
{
    static const struct {
        enum dfu_boot_mode mode;
        uint32_t secondary_count, max_image;
    } cases[] = {
        { DFU_MODE_SWAP_SCRATCH, 64, 259024 }, { DFU_MODE_SWAP_MOVE, 64, 253952 },
        { DFU_MODE_SWAP_OFFSET, 65, 258048 },  { DFU_MODE_OVERWRITE, 64, 262104 },
        { DFU_MODE_RAM_LOAD, 64, 262104 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slot_layout l;

        slot_layout_uniform(&l, cases[i].mode, 4096, 64, cases[i].secondary_count);
        assert_int_equal(dfu_slot_map_check(&l.map, NULL), DFU_OK);
        assert_int_equal(dfu_slot_max_image(&l.map, 0), cases[i].max_image);
    }
}

/* MCUboot rounds the trailer up to sectors with a bit mask, which is wrong where a sector is not a
 * power of two (bootloader spec, section 11, correction to 1.4). Ours counts whole sectors: the
 * trailer of 3120 bytes takes 3 of 1536, move takes one more from the primary. */
static void sectors_that_are_no_power_of_two_count_whole(void **state)
{
    struct slot_layout l;

    (void)state;
    slot_layout_uniform(&l, DFU_MODE_SWAP_MOVE, 1536, 41, 40);
    assert_int_equal(dfu_slot_max_image(&l.map, 0), 37 * 1536);
    slot_layout_uniform(&l, DFU_MODE_SWAP_MOVE, 1536, 40, 40);
    assert_int_equal(dfu_slot_max_image(&l.map, 0), 36 * 1536);
    slot_layout_uniform(&l, DFU_MODE_SWAP_OFFSET, 1536, 40, 40); /* 2104 bytes, 2 sectors */
    assert_int_equal(dfu_slot_max_image(&l.map, 0), 37 * 1536);
}

static void a_single_slot_keeps_only_flags_and_swap_size(void **state)
{
    struct dfu_trailer t;
    struct slot_layout l;

    (void)state;
    slot_layout_uniform(&l, DFU_MODE_SINGLE_SLOT, 4096, 16, 16);
    l.map.images[0].secondary = NULL;
    assert_int_equal(dfu_slot_map_check(&l.map, NULL), DFU_OK);
    assert_int_equal(dfu_slot_trailer(&l.map, &l.pri, &t), DFU_OK);
    assert_int_equal(t.image_ok, 65536 - 24);
    assert_int_equal(t.swap_size, 65536 - 48);
    assert_int_equal(t.status, 65536 - 48);
    assert_int_equal(t.status_count, 0);
    assert_int_equal(dfu_slot_max_image(&l.map, 0), 65536 - 48);
}

/* Bootloader spec 2.2, the table with encryption: K, T, distance of both keys. */
static void encryption_keys_lie_between_swap_size_and_the_records(void **state)
{
    static const struct {
        uint8_t align;
        uint16_t key_size;
        uint32_t trailer, key[2];
    } cases[] = {
        { 8, 16, 3152, { 64, 80 } },     { 8, 120, 3360, { 168, 288 } },
        { 16, 32, 6288, { 112, 144 } },  { 16, 256, 6736, { 336, 592 } },
        { 32, 96, 12640, { 256, 352 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dfu_trailer t;
        struct slot_layout l;

        slot_layout_uniform(&l, DFU_MODE_SWAP_MOVE, 16384, 8, 8);
        l.map.max_align = l.pri.write_size = l.sec.write_size = cases[i].align;
        l.map.key_size = cases[i].key_size;
        assert_int_equal(dfu_slot_trailer(&l.map, &l.pri, &t), DFU_OK);
        assert_int_equal(t.status, 131072 - cases[i].trailer);
        assert_int_equal(t.key[0], 131072 - cases[i].key[0]);
        assert_int_equal(t.key[1], 131072 - cases[i].key[1]);
    }
}

static void records_are_as_far_apart_as_the_larger_write_size_with_scratch(void **state)
{
    struct dfu_trailer t;
    struct slot_layout l;

    (void)state;
    slot_layout_uniform(&l, DFU_MODE_SWAP_SCRATCH, 4096, 16, 16);
    l.pri.write_size = l.sec.write_size = 4;
    assert_int_equal(dfu_slot_trailer(&l.map, &l.pri, &t), DFU_OK);
    assert_int_equal(t.status_stride, 8);
    assert_int_equal(t.status_count, 3 * 128);
    assert_int_equal(dfu_slot_trailer(&l.map, &l.scr, &t), DFU_OK);
    assert_int_equal(t.status_count, 3);
}

/* The trailer of 84 sectors, 2064 bytes, has 16 in its first sector of 2048: a whole scratch
 * trailer of 72 must fit there. Where a slot's first trailer sector reaches further, it does. */
static void the_largest_image_leaves_room_for_a_scratch_trailer(void **state)
{
    struct slot_layout l;

    (void)state;
    slot_layout_uniform(&l, DFU_MODE_SWAP_SCRATCH, 2048, 32, 32);
    l.map.max_sectors = 84;
    l.scr.size = l.runs[2][0].size = 4096;
    assert_int_equal(dfu_slot_max_image(&l.map, 0), 65536 - 2064 - (72 - 16));
    l.runs[1][0] = (struct dfu_sector_run){ 4096, 16 };
    assert_int_equal(dfu_slot_max_image(&l.map, 0), 65536 - 2064);
}

static void with_scratch_the_larger_write_size_counts(void **state)
{
    struct slot_layout l;

    (void)state;
    slot_layout_uniform(&l, DFU_MODE_SWAP_SCRATCH, 4096, 16, 16);
    l.pri.write_size = l.sec.write_size = 4;
    assert_int_equal(dfu_slot_max_image(&l.map, 0), 65536 - 3120);
}

static void with_scratch_neither_slot_may_have_too_many_sectors(void **state)
{
    struct slot_layout l;

    (void)state;
    slot_layout_uniform(&l, DFU_MODE_SWAP_SCRATCH, 4096, 16, 16);
    l.map.max_sectors = 16;
    assert_int_equal(dfu_slot_compatible(&l.map, 0), DFU_SLOTS_FIT);
    l.map.max_sectors = 15;
    assert_int_equal(dfu_slot_compatible(&l.map, 0), DFU_SLOTS_TOO_MANY_SECTORS);
    l.runs[0][0] = (struct dfu_sector_run){ 8192, 8 };
    assert_int_equal(dfu_slot_compatible(&l.map, 0), DFU_SLOTS_TOO_MANY_SECTORS);
    l.runs[0][0] = (struct dfu_sector_run){ 4096, 16 };
    l.runs[1][0] = (struct dfu_sector_run){ 8192, 8 };
    assert_int_equal(dfu_slot_compatible(&l.map, 0), DFU_SLOTS_TOO_MANY_SECTORS);
}

static void where_slots_may_differ_the_smaller_one_limits_the_image(void **state)
{
    struct slot_layout l;

    (void)state;
    slot_layout_uniform(&l, DFU_MODE_DIRECT_XIP, 4096, 4, 3);
    assert_int_equal(dfu_slot_max_image(&l.map, 0), 3 * 4096 - 40);
    slot_layout_uniform(&l, DFU_MODE_DIRECT_XIP, 4096, 3, 4);
    assert_int_equal(dfu_slot_max_image(&l.map, 0), 3 * 4096 - 40);
}

/* Bootloader spec 1.3: with decompression the slots need not end together. */
static void a_secondary_may_be_smaller_where_updates_are_decompressed(void **state)
{
    const char *what = "";
    struct slot_layout l;

    (void)state;
    slot_layout_uniform(&l, DFU_MODE_OVERWRITE, 4096, 16, 11);
    assert_int_equal(dfu_slot_compatible(&l.map, 0), DFU_SLOTS_SIZES_DIFFER);
    l.map.decompresses = true;
    assert_int_equal(dfu_slot_map_check(&l.map, NULL), DFU_OK);
    assert_int_equal(dfu_slot_compatible(&l.map, 0), DFU_SLOTS_FIT);
    assert_int_equal(dfu_slot_max_image(&l.map, 0), 11 * 4096 - 40);
    assert_int_equal(dfu_slot_limit(&l.map, 0, &l.sec), 11 * 4096 - 40);
    assert_int_equal(dfu_slot_limit(&l.map, 0, &l.pri), 16 * 4096 - 40);

    l.runs[1][0] = (struct dfu_sector_run){ 8192, 5 }; /* ends at a border of both */
    l.sec.size = 5 * 8192;
    assert_int_equal(dfu_slot_compatible(&l.map, 0), DFU_SLOTS_FIT);
    slot_layout_uniform(&l, DFU_MODE_OVERWRITE, 8192, 8, 8);
    l.map.decompresses = true;
    l.runs[1][0] = (struct dfu_sector_run){ 4096, 5 }; /* ends inside a sector of the primary */
    l.sec.size = 5 * 4096;
    assert_int_equal(dfu_slot_compatible(&l.map, 0), DFU_SLOTS_FIT);

    slot_layout_uniform(&l, DFU_MODE_OVERWRITE, 4096, 11, 16);
    l.map.decompresses = true;
    assert_int_equal(dfu_slot_compatible(&l.map, 0), DFU_SLOTS_SIZES_DIFFER);
    assert_int_equal(dfu_slot_limit(&l.map, 0, &l.pri), 0);

    slot_layout_uniform(&l, DFU_MODE_SWAP_MOVE, 4096, 16, 16);
    l.map.decompresses = true;
    assert_int_equal(dfu_slot_map_check(&l.map, &what), DFU_ERR_INVAL);
    assert_non_null(strstr(what, "does not overwrite"));
}

static void a_trailer_larger_than_its_slot_is_refused(void **state)
{
    struct dfu_trailer t;
    struct slot_layout l;
    const char *what = NULL;

    (void)state;
    slot_layout_uniform(&l, DFU_MODE_SWAP_MOVE, 1024, 3, 3); /* 3120 bytes do not go into 3072 */
    assert_int_equal(dfu_slot_trailer(&l.map, &l.pri, &t), DFU_ERR_NOSPACE);
    assert_int_equal(dfu_slot_map_check(&l.map, &what), DFU_ERR_NOSPACE);
    assert_non_null(strstr(what, "too small"));
    assert_int_equal(dfu_slot_max_image(&l.map, 0), 0);
    slot_layout_uniform(&l, DFU_MODE_SWAP_MOVE, 3120, 1,
                        1); /* nothing would be left for an image */
    assert_int_equal(dfu_slot_trailer(&l.map, &l.pri, &t), DFU_ERR_NOSPACE);
    slot_layout_uniform(&l, DFU_MODE_SWAP_MOVE, 3128, 1, 1);
    assert_int_equal(dfu_slot_trailer(&l.map, &l.pri, &t), DFU_OK);
    slot_layout_uniform(&l, DFU_MODE_OVERWRITE, 1024, 3, 3); /* keeps no records */
    assert_int_equal(dfu_slot_trailer(&l.map, &l.pri, &t), DFU_OK);
    assert_int_equal(t.status, 0);
}

static void an_area_of_another_map_has_no_trailer_here(void **state)
{
    struct dfu_trailer t;
    struct slot_layout l;

    (void)state;
    slot_layout_uniform(&l, DFU_MODE_SWAP_MOVE, 4096, 16, 16);
    assert_int_equal(dfu_slot_trailer(&l.map, &l.scr, &t), DFU_ERR_INVAL);
}

static void the_update_lies_one_sector_up_in_swap_using_offset_only(void **state)
{
    struct slot_layout l;

    (void)state;
    slot_layout_uniform(&l, DFU_MODE_SWAP_OFFSET, 4096, 16, 17);
    assert_int_equal(dfu_slot_upload_offset(&l.map, 0), 4096);
    slot_layout_uniform(&l, DFU_MODE_SWAP_MOVE, 4096, 17, 16);
    assert_int_equal(dfu_slot_upload_offset(&l.map, 0), 0);
}

static void move_refuses_sectors_that_differ_or_are_too_many(void **state)
{
    struct slot_layout l;

    (void)state;
    slot_layout_uniform(&l, DFU_MODE_SWAP_MOVE, 4096, 16, 16);
    l.map.max_sectors = 15;
    assert_int_equal(dfu_slot_compatible(&l.map, 0), DFU_SLOTS_TOO_MANY_SECTORS);
    slot_layout_uniform(&l, DFU_MODE_SWAP_MOVE, 4096, 16, 16);
    l.runs[1][0] = (struct dfu_sector_run){ 2048, 16 };
    assert_int_equal(dfu_slot_compatible(&l.map, 0), DFU_SLOTS_LAYOUT_DIFFERS);
    /* Equal pair by pair, but not uniform: no sector could be found by multiplying. */
    slot_layout_uniform(&l, DFU_MODE_SWAP_MOVE, 4096, 16, 16);
    for (int i = 0; i < 2; i++) {
        l.runs[i][0] = (struct dfu_sector_run){ 4096, 14 };
        l.runs[i][1] = (struct dfu_sector_run){ 8192, 1 };
    }
    l.pri.run_count = l.sec.run_count = 2;
    assert_int_equal(dfu_slot_compatible(&l.map, 0), DFU_SLOTS_LAYOUT_DIFFERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_trailer_field_lies_where_mcuboot_has_it),
        cmocka_unit_test(slots_are_compatible_or_refused_with_mcuboots_warning),
        cmocka_unit_test(the_largest_image_is_what_mcuboot_accepts),
        cmocka_unit_test(the_largest_image_of_64_sectors_of_4096_depends_on_the_mode),
        cmocka_unit_test(sectors_that_are_no_power_of_two_count_whole),
        cmocka_unit_test(a_single_slot_keeps_only_flags_and_swap_size),
        cmocka_unit_test(encryption_keys_lie_between_swap_size_and_the_records),
        cmocka_unit_test(records_are_as_far_apart_as_the_larger_write_size_with_scratch),
        cmocka_unit_test(the_largest_image_leaves_room_for_a_scratch_trailer),
        cmocka_unit_test(with_scratch_the_larger_write_size_counts),
        cmocka_unit_test(with_scratch_neither_slot_may_have_too_many_sectors),
        cmocka_unit_test(where_slots_may_differ_the_smaller_one_limits_the_image),
        cmocka_unit_test(a_secondary_may_be_smaller_where_updates_are_decompressed),
        cmocka_unit_test(a_trailer_larger_than_its_slot_is_refused),
        cmocka_unit_test(an_area_of_another_map_has_no_trailer_here),
        cmocka_unit_test(the_update_lies_one_sector_up_in_swap_using_offset_only),
        cmocka_unit_test(move_refuses_sectors_that_differ_or_are_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
