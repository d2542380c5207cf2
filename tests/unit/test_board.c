/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The shipped boards have the partitions their users have; a wrong board is refused in words that
 * name the culprit; a flash file is the flash. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "board.h"
#include "dfu/err.h"
#include "flash_file.h"

static char why[300];

static void load(struct dfu_board *board, const char *name)
{
    int err = dfu_board_load(board, name, why, sizeof why);

    if (err) {
        fail_msg("%s", why);
    }
}

static void assert_area(const struct dfu_board *board, const char *label, uint32_t base,
                        uint32_t size)
{
    const struct dfu_area *area = dfu_board_area(board, label);

    assert_non_null(area);
    assert_int_equal(area->base, base);
    assert_int_equal(area->size, size);
    assert_int_equal(dfu_area_check(area), DFU_OK);
}

/* ---- Shipped boards ---- */

static void nrf52840dk_has_zephyrs_partitions(void **state)
{
    struct dfu_board board;

    (void)state;
    load(&board, "nrf52840dk");
    assert_string_equal(board.name, "nrf52840dk");
    assert_int_equal(board.flash_count, 1);
    assert_int_equal(board.flashes[0].size, 0x100000);
    assert_ptr_equal(board.flashes[0].timing, &dfu_sim_nrf52840);
    assert_area(&board, "boot_partition", 0, 0xc000);
    assert_area(&board, "slot0_partition", 0xc000, 0x76000);
    assert_area(&board, "slot1_partition", 0x82000, 0x76000);
    assert_area(&board, "storage_partition", 0xf8000, 0x8000);
    assert_int_equal(board.map.mode, DFU_MODE_SWAP_MOVE);
    assert_int_equal(board.map.max_align, 8);
    assert_int_equal(board.map.max_sectors, 118);
    assert_ptr_equal(board.map.images[0].primary, dfu_board_area(&board, "image-0"));
    assert_ptr_equal(board.map.images[0].secondary, dfu_board_area(&board, "slot1_partition"));
    assert_ptr_equal(board.code, board.map.images[0].primary);
    assert_int_equal(dfu_slot_max_image(&board.map, 0), 116 * 4096);
    dfu_board_free(&board);
}

static void pinetime_has_scratch_and_both_kinds_of_labels(void **state)
{
    struct dfu_board board;

    (void)state;
    load(&board, "pinetime");
    assert_area(&board, "boot_partition", 0, 0xc000);
    assert_area(&board, "image_0_primary_partition", 0xc000, 0x32000);
    assert_area(&board, "image_0_secondary_partition", 0x3e000, 0x32000);
    assert_area(&board, "scratch_partition", 0x70000, 0xa000);
    assert_ptr_equal(dfu_board_area(&board, "slot0_partition"),
                     dfu_board_area(&board, "image_0_primary_partition"));
    assert_int_equal(board.map.mode, DFU_MODE_SWAP_SCRATCH);
    assert_ptr_equal(board.map.scratch, dfu_board_area(&board, "scratch_partition"));
    assert_int_equal(dfu_slot_compatible(&board.map, 0), DFU_SLOTS_FIT);
    dfu_board_free(&board);
}

static void the_default_board_wastes_nothing_in_swap_move(void **state)
{
    struct dfu_board board;
    struct dfu_trailer trailer;

    (void)state;
    load(&board, "sim");
    assert_int_equal(dfu_slot_trailer(&board.map, board.map.images[0].secondary, &trailer), DFU_OK);
    assert_int_equal(dfu_slot_max_image(&board.map, 0), board.map.images[0].secondary->size - 4096);
    assert_non_null(board.storage);
    assert_int_equal(dfu_board_area_id(&board, board.boot), 0);
    assert_int_equal(dfu_board_area_id(&board, board.storage), 3);
    assert_null(dfu_board_area(&board, "slot7_partition"));
    dfu_board_free(&board);
}

static void areas_without_a_driver_fail(void **state)
{
    struct dfu_board board;
    uint8_t byte;

    (void)state;
    load(&board, "sim");
    assert_int_equal(dfu_area_read(board.boot, 0, &byte, 1), DFU_ERR_IO);
    assert_int_equal(dfu_area_write(board.boot, 0, "1234", 4), DFU_ERR_IO);
    assert_int_equal(dfu_area_erase(board.boot, 0, 4096), DFU_ERR_IO);
    dfu_board_free(&board);
}

/* ---- Boards made for a test ---- */

static char folder[] = "/tmp/dfu-test-board-XXXXXX";

static const char *in_folder(const char *name)
{
    static char paths[4][128]; /* enough at a time */
    static size_t next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = { "t.dts", "t.dtb", "flash", "x.dtb" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)unlink(in_folder(names[i]));
    }
    return rmdir(folder);
}

/* Compile what stands between the braces of the root; returns dfu_board_load's answer. */
static int load_source(struct dfu_board *board, const char *inside)
{
    FILE *file = fopen(in_folder("t.dts"), "w");
    char command[400];

    assert_non_null(file);
    (void)fprintf(file, "/dts-v1/;\n/ { #address-cells = <1>; #size-cells = <1>;\n%s\n};\n",
                  inside);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(command, sizeof command, "dtc -@ -q -I dts -O dtb -o %s/t.dtb %s/t.dts", folder,
                   folder);
    assert_int_equal(system(command), 0);
    return dfu_board_load(board, in_folder("t.dtb"), why, sizeof why);
}

#define TABLE(body)                                                                                  \
    "partitions { compatible = \"fixed-partitions\"; #address-cells = <1>; #size-cells = <1>; " body \
    " };"
#define FLASH(name, props, body) name ": " name " { " props TABLE(body) " };"
#define USUAL                                                                       \
    "compatible = \"soc-nv-flash\"; reg = <0 0x20000>; erase-block-size = <4096>; " \
    "write-block-size = <4>; "
#define PART(label, at, size) label ": p" #at " { reg = <" #at " " #size ">; };"
#define TWO_SLOTS             PART("slot0_partition", 0x0, 0x8000) PART("slot1_partition", 0x8000, 0x8000)

static void two_devices_make_one_board(void **state)
{
    struct dfu_board board;

    (void)state;
    if (load_source(&board,
                    FLASH("inner", USUAL,
                          PART("slot0_partition", 0x0, 0x8000)
                              PART("storage_partition", 0x8000, 0x4000))
                        FLASH("outer",
                              "compatible = \"jedec,spi-nor\"; reg = <0>; size = <0x100000>; "
                              "erase-block-size = <4096>; dfukit,part = \"w25q\"; ",
                              PART("slot1_partition", 0x1000, 0x8000)))) {
        fail_msg("%s", why);
    }
    assert_int_equal(board.flash_count, 2);
    assert_string_equal(board.flashes[1].name, "outer");
    assert_int_equal(board.flashes[1].size, 0x20000);
    assert_int_equal(board.flashes[1].write_size, 1);
    assert_ptr_equal(board.flashes[1].timing, &dfu_sim_w25q);
    assert_int_equal(board.map.mode, DFU_MODE_SWAP_MOVE);
    assert_int_equal(board.map.max_sectors, 8);
    assert_int_equal(board.map.images[0].secondary->base, 0x1000);
    dfu_board_free(&board);
}

static void unequal_sectors_are_cut_to_each_partition(void **state)
{
    struct dfu_board board;
    struct dfu_sector sector;

    (void)state;
    if (load_source(
            &board,
            FLASH(
                "flash0",
                "reg = <0 0x40000>; write-block-size = <1>; erase-value = <0>; "
                "dfukit,sectors = <0x4000 4 0x10000 1 0x10000 2>; ",
                PART("slot0_partition", 0x8000, 0x18000) PART(
                    "slot1_partition", 0x20000,
                    0x20000)) "b { compatible = \"dfukit,boot\"; mode = \"overwrite\"; max-align = <16>; "
                              "max-sectors = <9>; };")) {
        fail_msg("%s", why);
    }
    assert_int_equal(dfu_area_sector_count(board.map.images[0].primary), 3);
    assert_int_equal(dfu_area_sector(board.map.images[0].primary, 2, &sector), DFU_OK);
    assert_int_equal(sector.off, 0x8000);
    assert_int_equal(sector.size, 0x10000);
    assert_int_equal(board.map.images[0].primary->erased, 0);
    assert_int_equal(board.map.max_align, 16);
    assert_int_equal(board.map.max_sectors, 9);
    dfu_board_free(&board);
}

static void a_single_partition_chosen_for_code_is_the_slot(void **state)
{
    struct dfu_board board;

    (void)state;
    if (load_source(
            &board,
            FLASH("flash0", USUAL,
                  PART("app_partition", 0x0,
                       0x8000)) "chosen { zephyr,code-partition = &app_partition; };"
                                "b { compatible = \"dfukit,boot\"; mode = \"single-slot\"; };")) {
        fail_msg("%s", why);
    }
    assert_ptr_equal(board.map.images[0].primary, dfu_board_area(&board, "app_partition"));
    dfu_board_free(&board);
}

static const struct {
    const char *inside, *word1, *word2;
} wrong_boards[] = {
    { "", "no fixed-partitions", "" },
    { FLASH("flash0", USUAL, ""), "no fixed-partitions", "" },
    { FLASH("flash0", USUAL, PART("a_partition", 0x0, 0x8000)), "slot0_partition", "" },
    { FLASH("flash0", USUAL,
            PART("slot0_partition", 0x0, 0x8000) PART("slot1_partition", 0x7000, 0x8000)),
      "slot0_partition and slot1_partition", "overlap" },
    { FLASH("flash0", USUAL, PART("slot0_partition", 0x800, 0x8000)), "slot0_partition",
      "sector borders" },
    { FLASH("flash0", USUAL, PART("slot0_partition", 0x0, 0x8800)), "slot0_partition",
      "sector borders" },
    { FLASH("flash0", USUAL, PART("slot0_partition", 0x18000, 0x9000)), "slot0_partition",
      "not inside flash0" },
    { FLASH("flash0", USUAL, PART("slot0_partition", 0xfffff000, 0x2000)), "slot0_partition",
      "not inside flash0" },
    { FLASH("flash0", USUAL, PART("slot0_partition", 0x0, 0x0)), "slot0_partition", "not inside" },
    { FLASH("flash0", USUAL, "slot0_partition: p { reg = <0>; };"), "slot0_partition", "reg" },
    { FLASH("flash0", "reg = <0 0x20000>; ", TWO_SLOTS), "flash0", "erase-block-size" },
    { FLASH("flash0", "reg = <0 0x20000>; erase-block-size = <4095>; ", TWO_SLOTS), "flash0",
      "add up" },
    { FLASH("flash0", USUAL "erase-value = <7>; ", TWO_SLOTS), "flash0", "erase-value" },
    { FLASH("flash0", "reg = <0 0x20000>; erase-block-size = <4096>; write-block-size = <3>; ",
            TWO_SLOTS),
      "flash0", "write-block-size" },
    { FLASH("flash0", "reg = <0 0x20000>; erase-block-size = <4096>; write-block-size = <64>; ",
            TWO_SLOTS),
      "flash0", "write-block-size" },
    { FLASH("flash0", "reg = <0 0x20000>; erase-block-size = \"big\", \"b\"; ", TWO_SLOTS),
      "erase-block-size", "flash0" },
    { FLASH("flash0", USUAL "dfukit,part = \"x\"; ", TWO_SLOTS), "flash0", "dfukit,part" },
    { FLASH("flash0", USUAL, TWO_SLOTS) "b { compatible = \"dfukit,boot\"; mode = \"swop\"; };",
      "swop", "mode" },
    { FLASH("flash0", USUAL,
            TWO_SLOTS) "b { compatible = \"dfukit,boot\"; mode = \"swap-scratch\"; };",
      "no scratch area", "" },
    { FLASH("flash0", USUAL, TWO_SLOTS) "b { compatible = \"dfukit,boot\"; max-align = <64>; };",
      "max-align", "" },
    { FLASH("flash0", USUAL,
            TWO_SLOTS) "b { compatible = \"dfukit,boot\"; max-sectors = <0x10000>; };",
      "max-sectors", "" },
    { FLASH("flash0", USUAL, TWO_SLOTS) "chosen { zephyr,code-partition = &slot1_partition; };",
      "slot1_partition", "run from slot0_partition" },
    { FLASH("flash0", USUAL, TWO_SLOTS) "chosen { zephyr,code-partition = &flash0; };",
      "not one of the partitions", "" },
};

static void a_wrong_board_is_refused_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong_boards / sizeof wrong_boards[0]; i++) {
        struct dfu_board board;

        assert_int_equal(load_source(&board, wrong_boards[i].inside), DFU_ERR_FORMAT);
        assert_null(board.fdt);
        if (!strstr(why, wrong_boards[i].word1) || !strstr(why, wrong_boards[i].word2)) {
            fail_msg("case %zu: \"%s\" does not say \"%s\" and \"%s\"", i, why,
                     wrong_boards[i].word1, wrong_boards[i].word2);
        }
    }
}

static void a_file_that_is_no_board_is_refused(void **state)
{
    struct dfu_board board;
    FILE *file = fopen(in_folder("x.dtb"), "w");

    (void)state;
    assert_non_null(file);
    (void)fputs("not a blob", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(dfu_board_load(&board, in_folder("x.dtb"), why, sizeof why), DFU_ERR_FORMAT);
    assert_non_null(strstr(why, "dtc"));
    assert_int_equal(dfu_board_load(&board, "no-such-board", why, sizeof why), DFU_ERR_NOENT);
    assert_non_null(strstr(why, "no-such-board"));
    assert_int_equal(dfu_board_load(&board, "/", why, sizeof why), DFU_ERR_IO);
}

static void every_damaged_byte_of_a_board_is_survived(void **state)
{
    struct dfu_board board;
    uint8_t blob[4096];
    FILE *file;
    size_t len;

    (void)state;
    assert_int_equal(load_source(&board, FLASH("flash0", USUAL, TWO_SLOTS)), DFU_OK);
    dfu_board_free(&board);
    file = fopen(in_folder("t.dtb"), "rb");
    assert_non_null(file);
    len = fread(blob, 1, sizeof blob, file);
    (void)fclose(file);
    for (size_t i = 0; i < len * 8; i++) {
        blob[i / 8] ^= (uint8_t)(1u << i % 8);
        if (dfu_board_parse(&board, blob, len, "damaged", why, sizeof why) == DFU_OK) {
            dfu_board_free(&board);
        }
        blob[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(dfu_board_parse(&board, blob, cut, "short", why, sizeof why),
                         DFU_ERR_FORMAT);
    }
    blob[23] = 6; /* version of the format, and the oldest that reads it */
    blob[27] = 0;
    assert_int_equal(dfu_board_parse(&board, blob, len, "old", why, sizeof why), DFU_ERR_FORMAT);
}

/* ---- Flash files ---- */

static void a_flash_file_is_created_erased_and_keeps_what_was_written(void **state)
{
    struct dfu_board board;
    struct dfu_flash_file file;
    const char *path = in_folder("flash");
    uint8_t back[4];
    struct stat st;

    (void)state;
    load(&board, "sim");
    assert_int_equal(dfu_flash_file_open(&file, path, &board, why, sizeof why), DFU_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 0x100000);
    assert_int_equal(dfu_area_is_erased(board.code, 0, board.code->size), 1);
    assert_int_equal(dfu_area_write(board.code, 8, "abcd", 4), DFU_OK);
    dfu_flash_file_close(&file);
    assert_int_equal(dfu_flash_file_open(&file, path, &board, why, sizeof why), DFU_OK);
    assert_int_equal(dfu_area_read(board.code, 8, back, 4), DFU_OK);
    assert_memory_equal(back, "abcd", 4);
    assert_int_equal(dfu_area_write(board.code, 8, "abcd", 4), DFU_ERR_IO); /* a second program */
    dfu_flash_file_close(&file);
    dfu_board_free(&board);
    assert_int_equal(unlink(path), 0);
}

static void what_was_written_survives_sigkill(void **state)
{
    struct dfu_board board;
    struct dfu_flash_file file;
    const char *path = in_folder("flash");
    uint8_t back[4];
    pid_t child;

    (void)state;
    load(&board, "sim");
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (dfu_flash_file_open(&file, path, &board, why, sizeof why) == DFU_OK &&
            dfu_area_write(board.code, 0, "1234", 4) == DFU_OK) {
            (void)raise(SIGKILL);
        }
        _exit(1);
    }
    assert_int_equal(waitpid(child, &(int){ 0 }, 0), child);
    assert_int_equal(dfu_flash_file_open(&file, path, &board, why, sizeof why), DFU_OK);
    assert_int_equal(dfu_area_read(board.code, 0, back, 4), DFU_OK);
    assert_memory_equal(back, "1234", 4);
    dfu_flash_file_close(&file);
    dfu_board_free(&board);
    assert_int_equal(unlink(path), 0);
}

static void a_flash_file_serves_one_process_and_one_board(void **state)
{
    struct dfu_board board;
    struct dfu_flash_file file, second;
    const char *path = in_folder("flash");

    (void)state;
    load(&board, "sim");
    assert_int_equal(dfu_flash_file_open(&file, path, &board, why, sizeof why), DFU_OK);
    assert_int_equal(dfu_flash_file_open(&second, path, &board, why, sizeof why), DFU_ERR_BUSY);
    assert_non_null(strstr(why, "in use by another process"));
    dfu_flash_file_close(&file);
    dfu_board_free(&board);
    load(&board, "pinetime");
    assert_int_equal(dfu_flash_file_open(&file, path, &board, why, sizeof why), DFU_ERR_FORMAT);
    assert_non_null(strstr(why, "pinetime"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(dfu_flash_file_open(&file, folder, &board, why, sizeof why), DFU_ERR_IO);
    assert_int_equal(dfu_flash_file_open(&file, "/nowhere/x", &board, why, sizeof why), DFU_ERR_IO);
    dfu_board_free(&board);
}

static void a_full_disk_is_told_at_once(void **state)
{
    struct dfu_board board;
    struct dfu_flash_file file;
    struct rlimit old, small;
    const char *path = in_folder("flash");
    struct stat st;
    int err;

    (void)state;
    load(&board, "sim");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 65536; /* stands for a disk that fills up in the middle */
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    err = dfu_flash_file_open(&file, path, &board, why, sizeof why);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(err, DFU_ERR_IO);
    assert_int_equal(stat(path, &st), -1); /* nothing is left behind */
    dfu_board_free(&board);
}

static void two_devices_share_one_file(void **state)
{
    struct dfu_board board;
    struct dfu_flash_file file;
    const char *path = in_folder("flash");

    (void)state;
    assert_int_equal(load_source(&board,
                                 FLASH("f0", USUAL, PART("slot0_partition", 0x0, 0x8000))
                                     FLASH("f1", USUAL, PART("slot1_partition", 0x0, 0x8000))),
                     DFU_OK);
    assert_int_equal(dfu_flash_file_open(&file, path, &board, why, sizeof why), DFU_OK);
    assert_int_equal(file.size, 0x40000);
    assert_int_equal(dfu_area_write(board.map.images[0].secondary, 4, "abcd", 4), DFU_OK);
    assert_memory_equal(file.mem + 0x20004, "abcd", 4);
    assert_int_equal(dfu_area_is_erased(board.map.images[0].primary, 0, 0x8000), 1);
    assert_int_equal(file.flash[1].writes, 1);
    dfu_flash_file_close(&file);
    dfu_board_free(&board);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nrf52840dk_has_zephyrs_partitions),
        cmocka_unit_test(pinetime_has_scratch_and_both_kinds_of_labels),
        cmocka_unit_test(the_default_board_wastes_nothing_in_swap_move),
        cmocka_unit_test(areas_without_a_driver_fail),
        cmocka_unit_test(two_devices_make_one_board),
        cmocka_unit_test(unequal_sectors_are_cut_to_each_partition),
        cmocka_unit_test(a_single_partition_chosen_for_code_is_the_slot),
        cmocka_unit_test(a_wrong_board_is_refused_in_words),
        cmocka_unit_test(a_file_that_is_no_board_is_refused),
        cmocka_unit_test(every_damaged_byte_of_a_board_is_survived),
        cmocka_unit_test(a_flash_file_is_created_erased_and_keeps_what_was_written),
        cmocka_unit_test(what_was_written_survives_sigkill),
        cmocka_unit_test(a_flash_file_serves_one_process_and_one_board),
        cmocka_unit_test(a_full_disk_is_told_at_once),
        cmocka_unit_test(two_devices_share_one_file),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
