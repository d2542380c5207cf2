/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Console lines are MCUboot's, letter by letter: other people's tools read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/boot.h"

static const struct {
    struct dfu_boot_event event;
    const char *line;
} lines[] = {
    { { .id = DFU_BOOT_EV_START }, "I: Starting bootloader" },
    { { .id = DFU_BOOT_EV_START, .text = "Direct-XIP " }, "I: Starting Direct-XIP bootloader" },
    { { .id = DFU_BOOT_EV_TRAILER,
        .a = DFU_MAGIC_UNSET,
        .b = 1,
        .c = 3,
        .d = 3,
        .text = "Primary image" },
      "I: Primary image: magic=unset, swap_type=0x1, copy_done=0x3, image_ok=0x3" },
    { { .id = DFU_BOOT_EV_TRAILER, .a = DFU_MAGIC_BAD, .b = 4, .c = 2, .d = 1, .text = "Scratch" },
      "I: Scratch: magic=bad, swap_type=0x4, copy_done=0x2, image_ok=0x1" },
    { { .id = DFU_BOOT_EV_TRAILER,
        .a = DFU_MAGIC_GOOD,
        .b = 2,
        .c = 1,
        .d = 3,
        .text = "Secondary image" },
      "I: Secondary image: magic=good, swap_type=0x2, copy_done=0x1, image_ok=0x3" },
    { { .id = DFU_BOOT_EV_SOURCE, .text = "primary slot" }, "I: Boot source: primary slot" },
    { { .id = DFU_BOOT_EV_SWAP_TYPE, .a = 0, .b = DFU_SWAP_REVERT },
      "I: Image index: 0, Swap type: revert" },
    { { .id = DFU_BOOT_EV_SWAP_STARTS, .text = "move" }, "I: Starting swap using move algorithm." },
    { { .id = DFU_BOOT_EV_OVERWRITE }, "I: Image 0 upgrade secondary slot -> primary slot" },
    { { .id = DFU_BOOT_EV_ERASING_PRIMARY }, "I: Erasing the primary slot" },
    { { .id = DFU_BOOT_EV_COPYING, .b = 0x21f8 },
      "I: Image 0 copying the secondary slot to the primary slot: 0x21f8 bytes" },
    { { .id = DFU_BOOT_EV_INVALID_SLOT, .text = "secondary" },
      "E: Image in the secondary slot is not valid!" },
    { { .id = DFU_BOOT_EV_DOWNGRADE_ERASED },
      "I: Image 0 in slot 1 erased due to downgrade prevention" },
    { { .id = DFU_BOOT_EV_VERSION_TOO_LOW }, "E: Insufficient version in secondary slot" },
    { { .id = DFU_BOOT_EV_STORED_TOO_LOW },
      "E: Secondary header magic detected in first sector, wrong upload address?" },
    { { .id = DFU_BOOT_EV_STUCK_REVERT },
      "I: Cleared image 0 primary slot trailer due to stuck revert" },
    { { .id = DFU_BOOT_EV_SECONDARY_UNREADABLE },
      "I: Secondary image of image pair (0) is unreachable. Treat it as empty" },
    { { .id = DFU_BOOT_EV_SECTORS_FAILED, .a = 128 },
      "W: Failed reading sectors; BOOT_MAX_IMG_SECTORS=128 - too small?" },
    { { .id = DFU_BOOT_EV_HEADERS_FAILED }, "W: Failed reading image headers; Image=0" },
    { { .id = DFU_BOOT_EV_STATUS_FAILED }, "W: Failed reading boot status; Image=0" },
    { { .id = DFU_BOOT_EV_INCOMPATIBLE, .text = "slots are not compatible" },
      "W: Cannot upgrade: slots are not compatible" },
    { { .id = DFU_BOOT_EV_NO_ROOM }, "W: Not enough free space to run swap upgrade" },
    { { .id = DFU_BOOT_EV_NO_ROOM_BYTES, .a = 24576, .b = 20480 },
      "W: required 24576 bytes but only 20480 are available" },
    { { .id = DFU_BOOT_EV_INCONSISTENT }, "E: Detected inconsistent status!" },
    { { .id = DFU_BOOT_EV_STATUS_WRITE_FAILS, .a = 7 },
      "W: 7 status write fails performing the swap" },
    { { .id = DFU_BOOT_EV_BAD_MAGIC, .a = 0xffffffffu, .b = 0 },
      "E: Bad image magic 0xffffffff; Image=0" },
    { { .id = DFU_BOOT_EV_NO_IMAGE }, "E: Unable to find bootable image" },
    { { .id = DFU_BOOT_EV_CHAINLOAD, .a = 0xc000 },
      "I: Bootloader chainload address offset: 0xc000" },
    { { .id = DFU_BOOT_EV_VERSION, .a = 1, .b = 22, .c = 65535 }, "I: Image version: v1.22.65535" },
    { { .id = DFU_BOOT_EV_JUMP, .text = "first " }, "I: Jumping to the first image slot" },
    { { .id = DFU_BOOT_EV_JUMP }, "I: Jumping to the image slot" },
    { { .id = DFU_BOOT_EV_NO_KEY }, "W: boot_read_enc_key: No key, read all 0xFF" },
    { { .id = DFU_BOOT_EV_KEY_MISSING },
      "E: The key of image 0 in the primary slot is not ours; it cannot be swapped out" },
    { { .id = DFU_BOOT_EV_NOT_FOR_PRIMARY },
      "E: Binary in secondary slot of image 0 is not designated for the primary slot" },
    { { .id = DFU_BOOT_EV_ERASING_SECONDARY }, "E: Erasing image from secondary slot" },
    { { .id = DFU_BOOT_EV_SHARING_FAILED }, "E: Failed to add data to shared memory area." },
    { { .id = DFU_BOOT_EV_COUNTER_TOO_LOW, .a = 3, .b = 4 },
      "E: Image security counter value 3 lower than monotonic value 4" },
    { { .id = DFU_BOOT_EV_COUNTER_FAILED, .a = 1, .b = 4 },
      "E: Security counter update failed after image 1 validation: 4" },
    { { .id = DFU_BOOT_EV_SLOT_VERSION, .text = "Primary  ", .a = 1, .b = 2, .c = 3, .d = 4 },
      "I: Primary   slot: version=1.2.3+4" },
    { { .id = DFU_BOOT_EV_SLOT_EMPTY, .a = 0, .text = "secondary" },
      "I: Image 0 secondary slot: image not found" },
    { { .id = DFU_BOOT_EV_WRONG_ADDRESS, .text = "secondary", .a = 0x14000, .b = 0x10000 },
      "W: Image in secondary slot at 0x14000 has been built for offset 0x10000, skipping" },
    { { .id = DFU_BOOT_EV_TRIAL_KEPT, .text = "primary" },
      "W: Image 0 in the primary slot was not confirmed, but there is no other to run" },
    { { .id = DFU_BOOT_EV_NO_SLOT, .a = 1 }, "I: No slot to load for image 1" },
    { { .id = DFU_BOOT_EV_LOADED, .text = "primary" }, "I: Image 0 loaded from the primary slot" },
    { { .id = DFU_BOOT_EV_SIZE_TOO_LARGE, .a = 9, .b = 8 },
      "E: Image size bigger than designated area: 9 > 8" },
    { { .id = DFU_BOOT_EV_RAM_NOT_FLAGGED, .text = "primary" },
      "E: Image 0 in the primary slot is not made to run from RAM" },
    { { .id = DFU_BOOT_EV_RAM_ADDRESS, .b = 0x20 },
      "I: Image 0 RAM load address 0x20 is invalid." },
    { { .id = DFU_BOOT_EV_RAM_OVERLAP, .a = 1, .b = 0x20 },
      "I: Image 1 RAM loading to address 0x20 would overlap with another image." },
    { { .id = DFU_BOOT_EV_RAM_LOADED, .b = 0x20 }, "I: Image 0 RAM loading to 0x20 is succeeded." },
    { { .id = DFU_BOOT_EV_RAM_FAILED, .b = 0x20 }, "I: Image 0 RAM loading to 0x20 is failed." },
    { { .id = DFU_BOOT_EV_RAM_REMOVED, .b = 0x20 },
      "I: Removing image 0 from SRAM at address 0x20" },
    { { .id = DFU_BOOT_EV_SLOT_REMOVED, .b = 1 }, "I: Removing image 0 slot 1 from flash" },
    { { .id = DFU_BOOT_EV_ATTEMPT, .a = 2, .b = 3 },
      "I: Image on trial: start 2 of 3 before it is reverted" },
    { { .id = DFU_BOOT_EV_REVOKED, .a = 0x12ab }, "I: Key whose hash begins 0x12ab is revoked" },
    { { .id = DFU_BOOT_EV_REVOKE_REFUSED, .a = 0x12ab },
      "E: Key whose hash begins 0x12ab cannot be revoked: what runs needs it" },
};

static void a_slot_that_is_not_valid_is_followed_by_what_is_wrong(void **state)
{
    struct dfu_boot_event event = { .id = DFU_BOOT_EV_INVALID_SLOT, .text = "secondary" };
    char buf[96], told[96];

    (void)state;
    assert_null(dfu_boot_event_reason(&event, buf, sizeof buf)); /* no fault of the image */
    for (int fault = DFU_IMAGE_FINE + 1; fault <= DFU_IMAGE_WRONG_ADDRESS; fault++) {
        event.b = (uint32_t)fault;
        snprintf(told, sizeof told, "E: The image: %s",
                 dfu_image_fault_text((enum dfu_image_fault)fault));
        assert_ptr_equal(dfu_boot_event_reason(&event, buf, sizeof buf), buf);
        assert_string_equal(buf, told);
    }
    event.id = DFU_BOOT_EV_NO_IMAGE;
    assert_null(dfu_boot_event_reason(&event, buf, sizeof buf));
}

static void every_event_has_its_line(void **state)
{
    bool seen[DFU_BOOT_EV_COUNT] = { false };
    char buf[128];

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_string_equal(dfu_boot_event_text(&lines[i].event, buf, sizeof buf), lines[i].line);
        seen[lines[i].event.id] = true;
    }
    for (size_t id = 0; id < DFU_BOOT_EV_COUNT; id++) {
        assert_true(seen[id]);
    }
}

static void a_line_is_cut_to_its_buffer(void **state)
{
    const struct dfu_boot_event event = { .id = DFU_BOOT_EV_START };
    char buf[9] = "xxxxxxxx";

    (void)state;
    assert_string_equal(dfu_boot_event_text(&event, buf, 8), "I: Star");
    assert_int_equal(buf[8], 0);
}

static void an_event_from_elsewhere_has_no_line(void **state)
{
    const struct dfu_boot_event unknown = { .id = DFU_BOOT_EV_COUNT };
    const struct dfu_boot_event wordless = { .id = DFU_BOOT_EV_SOURCE };
    char buf[64];

    (void)state;
    assert_string_equal(dfu_boot_event_text(&unknown, buf, sizeof buf), "");
    assert_string_equal(dfu_boot_event_text(&wordless, buf, sizeof buf), "I: Boot source: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_that_is_not_valid_is_followed_by_what_is_wrong),
        cmocka_unit_test(every_event_has_its_line),
        cmocka_unit_test(a_line_is_cut_to_its_buffer),
        cmocka_unit_test(an_event_from_elsewhere_has_no_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
