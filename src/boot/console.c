/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Events as MCUboot's console lines (bootloader spec 3.3). Apart, so that a loader that prints
 * nothing links no text. */
#include "base/text.h"
#include "dfu/boot.h"

/* $a to $d: a number; $A to $D: in hexadecimal; $t: the event's text; $m: a as a magic's state;
 * $s: b as a swap type. */
static const char *const lines[DFU_BOOT_EV_COUNT] = {
    [DFU_BOOT_EV_START] = "I: Starting $tbootloader",
    [DFU_BOOT_EV_TRAILER] = "I: $t: magic=$m, swap_type=0x$B, copy_done=0x$C, image_ok=0x$D",
    [DFU_BOOT_EV_SOURCE] = "I: Boot source: $t",
    [DFU_BOOT_EV_SWAP_TYPE] = "I: Image index: $a, Swap type: $s",
    [DFU_BOOT_EV_SWAP_STARTS] = "I: Starting swap using $t algorithm.",
    [DFU_BOOT_EV_OVERWRITE] = "I: Image $a upgrade secondary slot -> primary slot",
    [DFU_BOOT_EV_ERASING_PRIMARY] = "I: Erasing the primary slot",
    [DFU_BOOT_EV_COPYING] =
        "I: Image $a copying the secondary slot to the primary slot: 0x$B bytes",
    [DFU_BOOT_EV_INVALID_SLOT] = "E: Image in the $t slot is not valid!",
    [DFU_BOOT_EV_DOWNGRADE_ERASED] = "I: Image $a in slot 1 erased due to downgrade prevention",
    [DFU_BOOT_EV_VERSION_TOO_LOW] = "E: Insufficient version in secondary slot",
    [DFU_BOOT_EV_STORED_TOO_LOW] =
        "E: Secondary header magic detected in first sector, wrong upload address?",
    [DFU_BOOT_EV_STUCK_REVERT] = "I: Cleared image $a primary slot trailer due to stuck revert",
    [DFU_BOOT_EV_SECONDARY_UNREADABLE] =
        "I: Secondary image of image pair ($a) is unreachable. Treat it as empty",
    [DFU_BOOT_EV_SECTORS_FAILED] =
        "W: Failed reading sectors; BOOT_MAX_IMG_SECTORS=$a - too small?",
    [DFU_BOOT_EV_HEADERS_FAILED] = "W: Failed reading image headers; Image=$a",
    [DFU_BOOT_EV_STATUS_FAILED] = "W: Failed reading boot status; Image=$a",
    [DFU_BOOT_EV_INCOMPATIBLE] = "W: Cannot upgrade: $t",
    [DFU_BOOT_EV_NO_ROOM] = "W: Not enough free space to run swap upgrade",
    [DFU_BOOT_EV_NO_ROOM_BYTES] = "W: required $a bytes but only $b are available",
    [DFU_BOOT_EV_INCONSISTENT] = "E: Detected inconsistent status!",
    [DFU_BOOT_EV_STATUS_WRITE_FAILS] = "W: $a status write fails performing the swap",
    [DFU_BOOT_EV_NO_KEY] = "W: boot_read_enc_key: No key, read all 0xFF",
    [DFU_BOOT_EV_KEY_MISSING] =
        "E: The key of image $a in the primary slot is not ours; it cannot be swapped out",
    [DFU_BOOT_EV_BAD_MAGIC] = "E: Bad image magic 0x$A; Image=$b",
    [DFU_BOOT_EV_NO_IMAGE] = "E: Unable to find bootable image",
    [DFU_BOOT_EV_CHAINLOAD] = "I: Bootloader chainload address offset: 0x$A",
    [DFU_BOOT_EV_VERSION] = "I: Image version: v$a.$b.$c",
    [DFU_BOOT_EV_JUMP] = "I: Jumping to the $timage slot",
    [DFU_BOOT_EV_NOT_FOR_PRIMARY] =
        "E: Binary in secondary slot of image $a is not designated for the primary slot",
    [DFU_BOOT_EV_ERASING_SECONDARY] = "E: Erasing image from secondary slot",
    [DFU_BOOT_EV_SHARING_FAILED] = "E: Failed to add data to shared memory area.",
    [DFU_BOOT_EV_COUNTER_TOO_LOW] =
        "E: Image security counter value $a lower than monotonic value $b",
    [DFU_BOOT_EV_COUNTER_FAILED] =
        "E: Security counter update failed after image $a validation: $b",
    [DFU_BOOT_EV_SLOT_VERSION] = "I: $t slot: version=$a.$b.$c+$d",
    [DFU_BOOT_EV_SLOT_EMPTY] = "I: Image $a $t slot: image not found",
    [DFU_BOOT_EV_WRONG_ADDRESS] =
        "W: Image in $t slot at 0x$A has been built for offset 0x$B, skipping",
    [DFU_BOOT_EV_TRIAL_KEPT] =
        "W: Image $a in the $t slot was not confirmed, but there is no other to run",
    [DFU_BOOT_EV_NO_SLOT] = "I: No slot to load for image $a",
    [DFU_BOOT_EV_LOADED] = "I: Image $a loaded from the $t slot",
    [DFU_BOOT_EV_SIZE_TOO_LARGE] = "E: Image size bigger than designated area: $a > $b",
    [DFU_BOOT_EV_RAM_NOT_FLAGGED] = "E: Image $a in the $t slot is not made to run from RAM",
    [DFU_BOOT_EV_RAM_ADDRESS] = "I: Image $a RAM load address 0x$B is invalid.",
    [DFU_BOOT_EV_RAM_OVERLAP] =
        "I: Image $a RAM loading to address 0x$B would overlap with another image.",
    [DFU_BOOT_EV_RAM_LOADED] = "I: Image $a RAM loading to 0x$B is succeeded.",
    [DFU_BOOT_EV_RAM_FAILED] = "I: Image $a RAM loading to 0x$B is failed.",
    [DFU_BOOT_EV_RAM_REMOVED] = "I: Removing image $a from SRAM at address 0x$B",
    [DFU_BOOT_EV_SLOT_REMOVED] = "I: Removing image $a slot $b from flash",
    [DFU_BOOT_EV_REVOKED] = "I: Key whose hash begins 0x$A is revoked",
    [DFU_BOOT_EV_REVOKE_REFUSED] =
        "E: Key whose hash begins 0x$A cannot be revoked: what runs needs it",
    [DFU_BOOT_EV_ATTEMPT] = "I: Image on trial: start $a of $b before it is reverted",
};

static const char *magic_word(uint32_t magic)
{
    switch (magic) {
    case DFU_MAGIC_GOOD: return "good";
    case DFU_MAGIC_UNSET: return "unset";
    default: return "bad";
    }
}

static void add_field(struct text *line, char field, const struct dfu_boot_event *event)
{
    const uint32_t numbers[] = { event->a, event->b, event->c, event->d };

    switch (field) {
    case 'a':
    case 'b':
    case 'c':
    case 'd': text_add_dec(line, numbers[field - 'a']); break;
    case 'A':
    case 'B':
    case 'C':
    case 'D': text_add_hex(line, numbers[field - 'A']); break;
    case 't': text_add(line, event->text ? event->text : ""); break;
    case 'm': text_add(line, magic_word(event->a)); break;
    case 's': text_add(line, dfu_swap_type_text((enum dfu_swap_type)event->b)); break;
    }
}

char *dfu_boot_event_text(const struct dfu_boot_event *event, char *buf, size_t cap)
{
    struct text line = text_in(buf, cap);
    const char *pattern = (size_t)event->id < DFU_BOOT_EV_COUNT ? lines[event->id] : "";

    for (const char *p = pattern; *p != '\0'; p++) {
        if (*p == '$' && p[1] != '\0') {
            add_field(&line, *++p, event);
        } else {
            text_add(&line, (char[]){ *p, '\0' });
        }
    }
    return buf;
}

char *dfu_boot_event_reason(const struct dfu_boot_event *event, char *buf, size_t cap)
{
    struct text line = text_in(buf, cap);

    if (event->id != DFU_BOOT_EV_INVALID_SLOT || event->b == DFU_IMAGE_FINE) {
        return NULL;
    }
    text_add(&line, "E: The image: ");
    text_add(&line, dfu_image_fault_text((enum dfu_image_fault)event->b));
    return buf;
}
