/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What a device's no means, and what to do about it: one row a code, in the order of the codes. */
#include "client/refusal.h"

#include "dfu/smp.h"

static const struct refusal_words common[] = {
    [DFU_SMP_EUNKNOWN] = { "the device reports an unknown error", "look at the device's own log" },
    [DFU_SMP_ENOMEM] = { "the device has no memory for the request",
                         "try again, with smaller frames if it stays so" },
    [DFU_SMP_EINVAL] = { "the device finds the request invalid",
                         "check the arguments, and what the device's firmware supports" },
    [DFU_SMP_ETIMEOUT] = { "the device ran into a time-out of its own", "try again" },
    [DFU_SMP_ENOENT] = { "the device has no such thing", "list what it has and check the name" },
    [DFU_SMP_EBADSTATE] = { "the device cannot do this in its present state",
                            "see dfu image list; a pending or unconfirmed update may be in the "
                            "way" },
    [DFU_SMP_EMSGSIZE] = { "the answer does not fit the device's buffer", "ask for less at once" },
    [DFU_SMP_ENOTSUP] = { "the device does not support this command",
                          "its firmware must be built with it" },
    [DFU_SMP_ECORRUPT] = { "the request arrived damaged", "check the link and try again" },
    [DFU_SMP_EBUSY] = { "the device is busy", "try again later, or with --force where there is "
                                              "one" },
    [DFU_SMP_EACCESSDENIED] = { "the device's application does not allow this",
                                "unlock it on the device first" },
    [DFU_SMP_TOO_OLD] = { "the device refuses SMP version 1", "use SMP version 2" },
    [DFU_SMP_TOO_NEW] = { "the device knows only older SMP versions", "use SMP version 1" },
};

#define ANY_COMMAND UINT16_MAX

/* What a common code means in one group, or of one command, only. */
static const struct {
    uint16_t group, command;
    uint32_t rc;
    struct refusal_words words;
} meant_there[] = {
    { DFU_SMP_GROUP_IMG,
      DFU_SMP_IMG_UPLOAD,
      DFU_SMP_ENOTSUP,
      { "the device does not support this command, or not with this image",
        "its firmware must be built with it; an encrypted or compressed image goes to the slot that "
        "an update is installed from" } },
    { DFU_SMP_GROUP_LOG,
      ANY_COMMAND,
      DFU_SMP_EINVAL,
      { "the device has no such log, or finds the request invalid", "see dfu log list" } },
};

static const struct refusal_words os_group[] = {
    [DFU_SMP_OS_UNKNOWN] = { "the device reports an unknown error",
                             "look at the device's own log" },
    [DFU_SMP_OS_INVALID_FORMAT] = { "the device does not know one of the format's letters",
                                    "use letters of snrvbmpio, or a for all" },
    [DFU_SMP_OS_NO_ANSWER] = { "the device's bootloader does not answer this query",
                               "ask without a query" },
    [DFU_SMP_OS_RTC_NOT_SET] = { "the device's clock was never set",
                                 "set it with dfu datetime now" },
    [DFU_SMP_OS_RTC_FAILED] = { "the device's clock failed", "check its hardware" },
    [DFU_SMP_OS_RESPONSE_INVALID] = { "the device has no valid answer to this query",
                                      "check how its firmware was built" },
    [DFU_SMP_OS_HEAP_STATS_FAILED] = { "the device could not read its heap statistics",
                                       "try again" },
};

static const char device_flash[] = "try again; if it stays so, the flash or its driver is broken";
static const char sign_again[] = "sign the image again and check it with dfu verify";
static const char see_list[] = "see dfu image list";

static const struct refusal_words img_group[] = {
    [DFU_SMP_IMG_UNKNOWN] = { "the device reports an unknown error",
                              "look at the device's own log" },
    [DFU_SMP_IMG_FLASH_CONFIG_QUERY_FAIL] = { "the device cannot read its flash layout",
                                              device_flash },
    [DFU_SMP_IMG_NO_IMAGE] = { "there is no image in that slot", see_list },
    [DFU_SMP_IMG_NO_TLVS] = { "the image in that slot has no trailer of its own", sign_again },
    [DFU_SMP_IMG_INVALID_TLV] = { "the image in that slot is damaged", sign_again },
    [DFU_SMP_IMG_TLV_MULTIPLE_HASHES] = { "the image in that slot has two hashes", sign_again },
    [DFU_SMP_IMG_TLV_INVALID_SIZE] = { "the image's hash has another length than the device uses",
                                       "sign it with the hash the bootloader is built for" },
    [DFU_SMP_IMG_HASH_NOT_FOUND] = { "no slot of the device holds an image with this hash",
                                     "upload it first, then see dfu image list" },
    [DFU_SMP_IMG_NO_FREE_SLOT] = { "no slot is free: each runs, waits for a reset or is still needed",
                                   "reset the device, or confirm what runs, then try again; with one "
                                   "slot, upload in the bootloader's recovery" },
    [DFU_SMP_IMG_FLASH_OPEN_FAILED] = { "the device cannot open the slot", device_flash },
    [DFU_SMP_IMG_FLASH_READ_FAILED] = { "the device cannot read the slot", device_flash },
    [DFU_SMP_IMG_FLASH_WRITE_FAILED] = { "the device cannot write the slot", device_flash },
    [DFU_SMP_IMG_FLASH_ERASE_FAILED] = { "the device cannot erase the slot", device_flash },
    [DFU_SMP_IMG_INVALID_SLOT] = { "the device has no such slot", "see dfu image slots" },
    [DFU_SMP_IMG_NO_FREE_MEMORY] = { "the device has no memory left", "reset it and try again" },
    [DFU_SMP_IMG_FLASH_CONTEXT_ALREADY_SET] = { "another update is being written",
                                                "wait for it, or reset the device" },
    [DFU_SMP_IMG_FLASH_CONTEXT_NOT_SET] = { "the device lost its place in the update",
                                            "start the upload again" },
    [DFU_SMP_IMG_FLASH_AREA_DEVICE_NULL] = { "the flash of that slot is missing", device_flash },
    [DFU_SMP_IMG_INVALID_PAGE_OFFSET] = { "the device computed an invalid flash page",
                                          device_flash },
    [DFU_SMP_IMG_INVALID_OFFSET] = { "the device misses the offset of a chunk",
                                     "start the upload again" },
    [DFU_SMP_IMG_INVALID_LENGTH] = { "the device misses the length of the image",
                                     "start the upload again" },
    [DFU_SMP_IMG_INVALID_HEADER] = { "the image's header did not arrive whole",
                                     "the link's frames are too small for this device" },
    [DFU_SMP_IMG_INVALID_HEADER_MAGIC] = { "the device sees no image header, or a damaged trailer",
                                           "sign the firmware (dfu sign) and upload it again" },
    [DFU_SMP_IMG_INVALID_HASH] = { "the device does not accept this hash",
                                   "give the whole hash of an image it holds (dfu image list); "
                                   "it takes images with its own kind of hash (dfu sign --sha)" },
    [DFU_SMP_IMG_INVALID_FLASH_ADDRESS] = { "the image is linked for another slot",
                                            "build it for the slot it goes to" },
    [DFU_SMP_IMG_VERSION_GET_FAILED] = { "the device cannot read its own version",
                                         "try without --upgrade-only" },
    [DFU_SMP_IMG_CURRENT_IS_NEWER] = { "the device runs this version or a newer one",
                                       "leave out --upgrade-only to go back" },
    [DFU_SMP_IMG_ALREADY_PENDING] = { "another update is already pending or on test",
                                      "reset the device to carry it out, or confirm what runs" },
    [DFU_SMP_IMG_INVALID_VECTOR_TABLE] = { "the image's vector table makes no sense",
                                           "build it for this device" },
    [DFU_SMP_IMG_TOO_LARGE] = { "the image is too large for the slot",
                                "see dfu image slots, and make it smaller" },
    [DFU_SMP_IMG_DATA_OVERRUN] = { "more data arrived than was announced",
                                   "start the upload again" },
    [DFU_SMP_IMG_CONFIRMATION_DENIED] = { "the device does not let this image be confirmed",
                                          "test it first, and confirm it while it runs" },
    [DFU_SMP_IMG_TEST_TO_ACTIVE_DENIED] = { "this image is running already",
                                            "there is nothing to test; confirm it instead" },
    [DFU_SMP_IMG_ACTIVE_SLOT_NOT_KNOWN] = { "the device does not know which slot it runs from",
                                            device_flash },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct refusal_table table_of(const struct dfu_refusal *refusal)
{
    if (!refusal->from_group) {
        return (struct refusal_table){ common, COUNT(common) };
    }
    switch (refusal->group) {
    case DFU_SMP_GROUP_OS: return (struct refusal_table){ os_group, COUNT(os_group) };
    case DFU_SMP_GROUP_IMG: return (struct refusal_table){ img_group, COUNT(img_group) };
    default: return refusal_table_of_group(refusal->group);
    }
}

static const struct refusal_words *words_of(const struct dfu_refusal *refusal)
{
    static const struct refusal_words by_user = { "the device's application refuses this",
                                                  "its documentation knows the code" };
    struct refusal_table table = table_of(refusal);

    for (size_t i = 0; !refusal->from_group && i < COUNT(meant_there); i++) {
        if (meant_there[i].group == refusal->group && meant_there[i].rc == refusal->rc &&
            (meant_there[i].command == ANY_COMMAND || meant_there[i].command == refusal->command)) {
            return &meant_there[i].words;
        }
    }
    return refusal->rc < table.count && table.words[refusal->rc].what ? &table.words[refusal->rc]
                                                                      : &by_user;
}

const char *dfu_refusal_what(const struct dfu_refusal *refusal)
{
    return words_of(refusal)->what;
}

const char *dfu_refusal_hint(const struct dfu_refusal *refusal)
{
    return words_of(refusal)->hint;
}
