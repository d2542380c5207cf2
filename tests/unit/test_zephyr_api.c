/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Application code as written for Zephyr, and the assertions of Zephyr's own tests of it; each test
 * is named after the one it follows: img_util, mcuboot, mcuboot_multi (tests/subsys/dfu) and
 * flash_map (tests/subsys/storage). stream_flash is in test_stream.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "dfu/zephyr.h"
#include "nor.h"

#define SECTOR 4096u
#define SLOT   (16 * SECTOR)

/* A generated header would hold these. */
#define DFU_PART_ID_slot0_partition 1
#define DFU_PART_ID_slot1_partition 2
#define DFU_PART_ID_slot2_partition 3
#define DFU_PART_ID_slot3_partition 4

static struct nor *nor;
static struct flash_area map_areas[4];
static struct dfu_slot_map slots;
static struct dfu_zephyr_env env;

const struct dfu_zephyr_env *dfu_zephyr_env(void)
{
    return &env;
}

static int set_up(void **state)
{
    static const char *const labels[] = { "slot0_partition", "slot1_partition", "slot2_partition",
                                          "slot3_partition" };

    (void)state;
    nor = nor_new(SECTOR, 64, 4, 0xff);
    for (uint8_t i = 0; i < 4; i++) {
        const struct dfu_area *area = nor_area(nor, labels[i], 16);

        map_areas[i] = (struct flash_area){ (uint8_t)(i + 1), (off_t)area->base, SLOT, area };
    }
    slots = (struct dfu_slot_map){
        .mode = DFU_MODE_SWAP_MOVE,
        .max_align = 8,
        .max_sectors = 16,
        .image_count = 2,
        .images = { { map_areas[0].fa_dev, map_areas[1].fa_dev },
                    { map_areas[2].fa_dev, map_areas[3].fa_dev } },
    };
    env = (struct dfu_zephyr_env){
        .map = &slots,
        .areas = map_areas,
        .area_count = 4,
        .active_id = PARTITION_ID(slot0_partition),
        .sha256 = &dfu_sha256_openssl,
    };
    return dfu_slot_map_check(&slots, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    nor_free(nor);
    return 0;
}

static const struct flash_area *open_area(uint8_t id)
{
    const struct flash_area *fa;

    assert_int_equal(flash_area_open(id, &fa), 0);
    return fa;
}

/* What was on flash before: not a pattern that an erase leaves. */
static void dirty(uint8_t id, off_t off, size_t len)
{
    const struct flash_area *fa = open_area(id);

    memset(nor->flash.mem + fa->fa_off + off, 0xa5, len);
    dfu_sim_flash_adopt(&nor->flash);
}

static void assert_erased(uint8_t id, off_t off, size_t len)
{
    const struct flash_area *fa = open_area(id);
    uint8_t byte;

    for (size_t i = 0; i < len; i++) {
        assert_int_equal(flash_area_read(fa, off + (off_t)i, &byte, 1), 0);
        assert_int_equal(byte, 0xff);
    }
}

/* ---- tests/subsys/dfu/img_util ---- */

static void img_util_init_id(void **state)
{
    struct flash_img_context ctx_no_id, ctx_id;

    (void)state;
    assert_int_equal(flash_img_init(&ctx_no_id), 0);
    assert_int_equal(flash_img_init_id(&ctx_id, FIXED_PARTITION_ID(slot1_partition)), 0);
    assert_ptr_equal(ctx_id.flash_area, ctx_no_id.flash_area);
    assert_int_equal(flash_img_init_id(&ctx_id, FIXED_PARTITION_ID(slot0_partition)), 0);
    assert_int_equal(ctx_id.flash_area->fa_id, FIXED_PARTITION_ID(slot0_partition));
    assert_int_equal(flash_img_init_id(&ctx_id, 99), -ENOENT);
}

static void collect(void)
{
    struct flash_img_context ctx;
    const struct flash_area *fa = open_area(FIXED_PARTITION_ID(slot1_partition));
    uint8_t data[5], temp, k = 0;

    assert_int_equal(flash_img_init(&ctx), 0);
    assert_int_equal(flash_img_bytes_written(&ctx), 0);
    for (uint32_t i = 0; i < 300; i++) {
        for (size_t j = 0; j < sizeof data; j++) {
            data[j] = k++;
        }
        assert_int_equal(flash_img_buffered_write(&ctx, data, sizeof data, false), 0);
    }
    assert_int_equal(flash_img_buffered_write(&ctx, data, 0, true), 0);
    assert_null(ctx.flash_area);
    flash_area_close(ctx.flash_area);
    assert_int_equal(flash_img_bytes_written(&ctx), 300 * sizeof data);
    k = 0;
    for (uint32_t i = 0; i < 300 * sizeof data; i++) {
        assert_int_equal(flash_area_read(fa, (off_t)i, &temp, 1), 0);
        assert_int_equal(temp, k++);
    }
}

static void img_util_collecting(void **state)
{
    (void)state;
    dirty(FIXED_PARTITION_ID(slot1_partition), 0, SLOT);
    assert_int_equal(boot_erase_img_bank(FIXED_PARTITION_ID(slot1_partition)), 0);
    collect();
}

static void img_util_collecting_with_progressive_erase(void **state)
{
    (void)state;
    env.erase_progressively = true;
    dirty(FIXED_PARTITION_ID(slot1_partition), 0, 300 * 5);
    dirty(FIXED_PARTITION_ID(slot1_partition), SLOT - 8, 8);
    collect();
    assert_erased(FIXED_PARTITION_ID(slot1_partition), SLOT - 8, 8);
}

static void img_util_check_flash(void **state)
{
    static const char text[] = "0123456789abcdef\nfedcba9876543210\n";
    uint8_t hash[32] = { 0xc6, 0xb6, 0x7c, 0x46, 0xe7, 0x2e, 0x14, 0x17, 0x49, 0xa4, 0xd2,
                         0xf1, 0x38, 0x58, 0xb2, 0xa7, 0x54, 0xaf, 0x6d, 0x39, 0x50, 0x6b,
                         0xd5, 0x41, 0x90, 0xf6, 0x18, 0x1a, 0xe0, 0xc2, 0x7f, 0x98 };
    struct flash_img_check fic = { NULL, 0 };
    struct flash_img_context ctx;
    const uint8_t id = FIXED_PARTITION_ID(slot1_partition);

    (void)state;
    assert_int_equal(sizeof text - 1, 34);
    assert_int_equal(flash_img_init_id(&ctx, id), 0);
    assert_int_equal(flash_img_buffered_write(&ctx, (const uint8_t *)text, 34, true), 0);
    flash_area_close(ctx.flash_area);
    assert_int_equal(flash_img_check(NULL, NULL, 0), -EINVAL);
    assert_int_equal(flash_img_check(NULL, &fic, 0), -EINVAL);
    assert_int_equal(flash_img_check(&ctx, NULL, 0), -EINVAL);
    fic.clen = 34;
    assert_int_equal(flash_img_check(&ctx, &fic, id), -EINVAL); /* no match */
    fic.match = hash;
    fic.clen = 0;
    assert_int_equal(flash_img_check(&ctx, &fic, id), -EINVAL);
    fic.clen = 34;
    assert_int_equal(flash_img_check(&ctx, &fic, id), 0);
    hash[1] ^= 1;
    assert_int_equal(flash_img_check(&ctx, &fic, id), -EILSEQ);
    env.sha256 = NULL;
    assert_int_equal(flash_img_check(&ctx, &fic, id), -ESRCH);
}

/* ---- tests/subsys/dfu/mcuboot ---- */

static const uint8_t boot_magic[16] = {
    0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f, 0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80,
};

static void mcuboot_bank_erase(void **state)
{
    (void)state;
    dirty(FIXED_PARTITION_ID(slot1_partition), 0, SLOT);
    assert_int_equal(boot_erase_img_bank(FIXED_PARTITION_ID(slot1_partition)), 0);
    assert_erased(FIXED_PARTITION_ID(slot1_partition), 0, SLOT);
    assert_int_equal(boot_erase_img_bank(99), -ENOENT);
}

static void assert_trailer(uint8_t id, bool image_ok)
{
    const struct flash_area *fa = open_area(id);
    uint8_t expected[24];
    uint8_t found[24];

    memset(expected, 0xff, 8);
    expected[0] = image_ok ? 0x01 : 0xff;
    memcpy(expected + 8, boot_magic, sizeof boot_magic);
    assert_int_equal(flash_area_read(fa, SLOT - 24, found, sizeof found), 0);
    assert_memory_equal(found, expected, sizeof found);
}

static void mcuboot_request_upgrade(void **state)
{
    const uint8_t id = FIXED_PARTITION_ID(slot1_partition);

    (void)state;
    assert_int_equal(mcuboot_swap_type(), BOOT_SWAP_TYPE_NONE);
    assert_int_equal(boot_request_upgrade(BOOT_UPGRADE_TEST), 0);
    assert_trailer(id, false);
    assert_int_equal(mcuboot_swap_type(), BOOT_SWAP_TYPE_TEST);
    assert_int_equal(boot_erase_img_bank(id), 0);
    assert_int_equal(boot_request_upgrade(BOOT_UPGRADE_PERMANENT), 0);
    assert_trailer(id, true);
    assert_int_equal(mcuboot_swap_type(), BOOT_SWAP_TYPE_PERM);
}

static void put_magic(uint8_t id, bool with_copy_done)
{
    static const uint8_t set[4] = { 0x01, 0xff, 0xff, 0xff };
    const struct flash_area *fa = open_area(id);

    assert_int_equal(flash_area_write(fa, SLOT - 16, boot_magic, sizeof boot_magic), 0);
    if (with_copy_done) {
        assert_int_equal(boot_get_area_trailer_status_offset(id), SLOT - 32);
        assert_int_equal(flash_area_write(fa, SLOT - 32, set, sizeof set), 0);
    }
}

static void mcuboot_write_confirm(void **state)
{
    const uint8_t id = FIXED_PARTITION_ID(slot0_partition);

    (void)state;
    assert_int_equal(boot_erase_img_bank(id), 0);
    assert_true(boot_is_img_confirmed()); /* no trailer: a factory image */
    put_magic(id, false);
    assert_false(boot_is_img_confirmed());
    assert_int_equal(boot_write_img_confirmed(), 0);
    assert_trailer(id, true);
    assert_true(boot_is_img_confirmed());
    assert_int_equal(boot_write_img_confirmed(), 0); /* twice is fine */
}

static void mcuboot_read_bank_header(void **state)
{
    static const uint8_t raw[32] = { 0x3d, 0xb8, 0xf3, 0x96, 0, 0, 0, 0, 0x20, 0, 0, 0, 0x78, 0x56,
                                     0x34, 0x12, 0,    0,    0, 0, 1, 2, 3,    0, 4, 0, 0,    0 };
    const struct flash_area *fa = open_area(FIXED_PARTITION_ID(slot1_partition));
    struct mcuboot_img_header header;

    (void)state;
    assert_int_equal(boot_read_bank_header(fa->fa_id, &header, sizeof header), -EIO);
    assert_int_equal(flash_area_write(fa, 0, raw, sizeof raw), 0);
    assert_int_equal(boot_read_bank_header(fa->fa_id, &header, 15), -ENOMEM);
    assert_int_equal(boot_read_bank_header(fa->fa_id, &header, sizeof header), 0);
    assert_int_equal(header.mcuboot_version, 1);
    assert_int_equal(header.h.v1.image_size, 0x12345678);
    assert_int_equal(header.h.v1.sem_ver.major, 1);
    assert_int_equal(header.h.v1.sem_ver.minor, 2);
    assert_int_equal(header.h.v1.sem_ver.revision, 3);
    assert_int_equal(header.h.v1.sem_ver.build_num, 4);
    assert_int_equal(boot_read_bank_header(99, &header, sizeof header), -ENOENT);
}

static void mcuboot_failed_requests_are_negative(void **state)
{
    const struct flash_area *fa = open_area(FIXED_PARTITION_ID(slot1_partition));

    (void)state;
    assert_int_equal(flash_area_write(fa, SLOT - 16, "bad magic, again", 16), 0);
    assert_int_equal(boot_request_upgrade(BOOT_UPGRADE_TEST), -EFAULT);
    fa = open_area(FIXED_PARTITION_ID(slot0_partition));
    assert_int_equal(flash_area_write(fa, SLOT - 16, "bad magic, again", 16), 0);
    assert_int_equal(boot_write_img_confirmed(), -EIO);
    assert_false(boot_is_img_confirmed());
}

/* ---- tests/subsys/dfu/mcuboot_multi ---- */

static void mcuboot_multi_request_upgrade(void **state)
{
    const struct flash_area *fa = open_area(FIXED_PARTITION_ID(slot3_partition));
    uint8_t swap_info;

    (void)state;
    assert_int_equal(boot_request_upgrade_multi(0, BOOT_UPGRADE_TEST), 0);
    assert_trailer(FIXED_PARTITION_ID(slot1_partition), false);
    assert_int_equal(boot_request_upgrade_multi(1, BOOT_UPGRADE_PERMANENT), 0);
    assert_trailer(FIXED_PARTITION_ID(slot3_partition), true);
    assert_int_equal(flash_area_read(fa, SLOT - 40, &swap_info, 1), 0);
    assert_int_equal(swap_info, 0x13);
    assert_int_equal(mcuboot_swap_type_multi(0), BOOT_SWAP_TYPE_TEST);
    assert_int_equal(mcuboot_swap_type_multi(1), BOOT_SWAP_TYPE_PERM);
    assert_int_equal(boot_request_upgrade_multi(2, BOOT_UPGRADE_TEST), -EFAULT);
}

static void mcuboot_multi_write_confirm(void **state)
{
    (void)state;
    put_magic(FIXED_PARTITION_ID(slot0_partition), true);
    put_magic(FIXED_PARTITION_ID(slot2_partition), true);
    assert_int_equal(mcuboot_swap_type_multi(0), BOOT_SWAP_TYPE_REVERT);
    assert_int_equal(mcuboot_swap_type_multi(1), BOOT_SWAP_TYPE_REVERT);
    assert_int_equal(boot_write_img_confirmed_multi(0), 0);
    assert_int_equal(boot_write_img_confirmed_multi(1), 0);
    assert_trailer(FIXED_PARTITION_ID(slot0_partition), true);
    assert_trailer(FIXED_PARTITION_ID(slot2_partition), true);
    assert_int_equal(mcuboot_swap_type_multi(0), BOOT_SWAP_TYPE_NONE);
}

/* ---- tests/subsys/storage/flash_map ---- */

static void flash_map_get_sectors(void **state)
{
    const struct flash_area *fa = open_area(FIXED_PARTITION_ID(slot1_partition));
    struct flash_sector sectors[20];
    uint32_t count = 1;
    uint8_t pattern[256], back[256];

    (void)state;
    assert_int_equal(flash_area_get_sectors(fa->fa_id, &count, sectors), -ENOMEM);
    assert_int_equal(count, 1);
    assert_int_equal(sectors[0].fs_size, SECTOR);
    count = 20;
    assert_int_equal(flash_area_get_sectors(fa->fa_id, &count, sectors), 0);
    assert_int_equal(count, 16);
    memset(pattern, 0xa5, sizeof pattern);
    for (uint32_t i = 0; i < count; i++) {
        off_t end = sectors[i].fs_off + (off_t)sectors[i].fs_size - (off_t)sizeof pattern;

        assert_int_equal(sectors[i].fs_off, (off_t)(i * SECTOR));
        assert_int_equal(flash_area_write(fa, sectors[i].fs_off, pattern, sizeof pattern), 0);
        assert_memory_equal(nor->flash.mem + fa->fa_off + sectors[i].fs_off, pattern, 256);
        assert_int_equal(fa->fa_dev->ops->write(fa->fa_dev->ctx, (uint32_t)(fa->fa_off + end),
                                                pattern, sizeof pattern),
                         0);
        assert_int_equal(flash_area_read(fa, end, back, sizeof back), 0);
        assert_memory_equal(back, pattern, sizeof back);
    }
    assert_int_equal(flash_area_flatten(fa, 0, fa->fa_size), 0);
    assert_erased(fa->fa_id, 0, SLOT);
    assert_int_equal(flash_area_sectors(NULL, &count, sectors), -EINVAL);
    assert_int_equal(flash_area_get_sectors(99, &count, sectors), -ENOENT);
}

static void flash_map_bounds_and_parameters(void **state)
{
    const struct flash_area *fa = open_area(FIXED_PARTITION_ID(slot1_partition));
    uint8_t byte;

    (void)state;
    assert_int_equal(flash_area_align(fa), 4);
    assert_int_equal(flash_area_erased_val(fa), 0xff);
    assert_string_equal(flash_area_label(fa), "slot1_partition");
    assert_true(flash_area_device_is_ready(fa));
    assert_false(flash_area_device_is_ready(NULL));
    assert_int_equal(flash_area_read(fa, -1, &byte, 1), -EINVAL);
    assert_int_equal(flash_area_read(fa, SLOT, &byte, 1), -EINVAL);
    assert_int_equal(flash_area_read(fa, SLOT, &byte, 0), 0);
    assert_int_equal(flash_area_write(fa, -4, "1234", 4), -EINVAL);
    assert_int_equal(flash_area_write(fa, 2, "1234", 4), -EINVAL);
    assert_int_equal(flash_area_erase(fa, -1, SECTOR), -EINVAL);
    assert_int_equal(flash_area_erase(fa, 0, SECTOR - 1), -EINVAL);
    assert_int_equal(flash_area_erase(fa, 0, SIZE_MAX), -EINVAL);
    env.areas = NULL;
    assert_int_equal(flash_area_open(2, &fa), -EACCES);
}

static void flash_map_check_int_sha256(void **state)
{
    static const char text[] = "0123456789abcdef\nfedcba98765432\n";
    static uint8_t hash[32] = { 0xae, 0xed, 0x7d, 0x59, 0x53, 0xbd, 0xb7, 0x28, 0x3e, 0x59, 0xc2,
                                0x65, 0x59, 0x62, 0xe3, 0x7e, 0xfa, 0x97, 0xbd, 0x76, 0xf6, 0xac,
                                0xc3, 0x92, 0x59, 0x48, 0x4e, 0xc0, 0xaf, 0xa8, 0x49, 0x65 };
    const struct flash_area *fa = open_area(FIXED_PARTITION_ID(slot1_partition));
    uint8_t buf[16];
    const struct flash_area_check good = { hash, 512, 0, buf, sizeof buf };
    struct flash_area_check fac = { NULL, 0, -1, NULL, 0 };

    (void)state;
    for (off_t i = 0; i < 16; i++) {
        assert_int_equal(flash_area_write(fa, 32 * i, text, 32), 0);
    }
    assert_int_equal(flash_area_check_int_sha256(NULL, NULL), -EINVAL);
    assert_int_equal(flash_area_check_int_sha256(NULL, &fac), -EINVAL);
    assert_int_equal(flash_area_check_int_sha256(fa, NULL), -EINVAL);
    assert_int_equal(flash_area_check_int_sha256(fa, &fac), -EINVAL);
    fac = good, fac.match = NULL;
    assert_int_equal(flash_area_check_int_sha256(fa, &fac), -EINVAL);
    fac = good, fac.clen = 0;
    assert_int_equal(flash_area_check_int_sha256(fa, &fac), -EINVAL);
    fac = good, fac.off = -1;
    assert_int_equal(flash_area_check_int_sha256(fa, &fac), -EINVAL);
    fac = good, fac.rbuf = NULL;
    assert_int_equal(flash_area_check_int_sha256(fa, &fac), -EINVAL);
    fac = good, fac.rblen = 0;
    assert_int_equal(flash_area_check_int_sha256(fa, &fac), -EINVAL);
    fac = good, fac.off = SLOT - 4;
    assert_int_equal(flash_area_check_int_sha256(fa, &fac), -EINVAL);
    assert_int_equal(flash_area_check_int_sha256(fa, &good), 0);
    hash[0] ^= 1;
    assert_int_equal(flash_area_check_int_sha256(fa, &good), -EILSEQ);
}

/* ---- The update story as an application tells it ---- */

static void an_application_written_for_zephyr_updates_itself(void **state)
{
    struct flash_img_context ctx;
    uint8_t image[3000] = { 0x3d, 0xb8, 0xf3, 0x96, 0, 0, 0, 0, 0x20 };
    struct mcuboot_img_header header;
    const uint8_t target = flash_img_get_upload_slot();

    (void)state;
    env.erase_progressively = true;
    dirty(target, 0, SLOT); /* an update of long ago, with a trailer that makes no sense */
    assert_int_equal(flash_img_init(&ctx), 0);
    for (size_t sent = 0; sent < sizeof image; sent += 100) {
        assert_int_equal(
            flash_img_buffered_write(&ctx, image + sent, 100, sent + 100 == sizeof image), 0);
    }
    assert_int_equal(boot_read_bank_header(target, &header, sizeof header), 0);
    assert_int_equal(boot_request_upgrade(BOOT_UPGRADE_TEST), 0);
    assert_int_equal(mcuboot_swap_type(), BOOT_SWAP_TYPE_TEST);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_WORLD(img_util_init_id),
        IN_WORLD(img_util_collecting),
        IN_WORLD(img_util_collecting_with_progressive_erase),
        IN_WORLD(img_util_check_flash),
        IN_WORLD(mcuboot_bank_erase),
        IN_WORLD(mcuboot_request_upgrade),
        IN_WORLD(mcuboot_write_confirm),
        IN_WORLD(mcuboot_read_bank_header),
        IN_WORLD(mcuboot_failed_requests_are_negative),
        IN_WORLD(mcuboot_multi_request_upgrade),
        IN_WORLD(mcuboot_multi_write_confirm),
        IN_WORLD(flash_map_get_sectors),
        IN_WORLD(flash_map_bounds_and_parameters),
        IN_WORLD(flash_map_check_int_sha256),
        IN_WORLD(an_application_written_for_zephyr_updates_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
