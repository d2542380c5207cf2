/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What a no of the groups beside OS and image means, and what to do about it. */
#include "client/refusal.h"
#include "dfu/smp.h"
#include "dfu/smp_auth.h"
#include "dfu/smp_pages.h"

static const char unknown[] = "the device reports an unknown error";
static const char own_log[] = "look at the device's own log";
static const char device_flash[] = "try again; if it stays so, its file system or flash is broken";

static const char no_statistics[] = "the device keeps no statistics of that name";

static const struct refusal_words stat_group[] = {
    [DFU_SMP_STAT_UNKNOWN] = { unknown, own_log },
    [DFU_SMP_STAT_INVALID_GROUP] = { no_statistics, "see dfu stat list" },
    [DFU_SMP_STAT_INVALID_NAME] = { no_statistics, "see dfu stat list" }, /* what Zephyr sends */
    [DFU_SMP_STAT_INVALID_SIZE] = { "the device's counter has a size it cannot tell",
                                    "its firmware must be corrected" },
    [DFU_SMP_STAT_WALK_ABORTED] = { "the device stopped in the middle of its statistics",
                                    "try again" },
};

static const struct refusal_words settings_group[] = {
    [DFU_SMP_SETTINGS_UNKNOWN] = { unknown, own_log },
    [DFU_SMP_SETTINGS_KEY_TOO_LONG] = { "the setting's name is too long for the device",
                                        "most take 31 characters; check the name" },
    [DFU_SMP_SETTINGS_KEY_NOT_FOUND] = { "the device has no setting of that name",
                                         "check the name; dfu settings write makes one" },
    [DFU_SMP_SETTINGS_READ_NOT_SUPPORTED] = { "the device does not let this setting be read",
                                              "its application decides that" },
    [DFU_SMP_SETTINGS_ROOT_KEY_NOT_FOUND] = { "no part of the device's application owns settings "
                                              "that begin so",
                                              "check the name's first part, up to the slash" },
    [DFU_SMP_SETTINGS_WRITE_NOT_SUPPORTED] = { "the device does not let this setting be written",
                                               "its application decides that" },
    [DFU_SMP_SETTINGS_DELETE_NOT_SUPPORTED] = { "the device does not let this setting be deleted",
                                                "its application decides that" },
    [DFU_SMP_SETTINGS_SAVE_NOT_SUPPORTED] = { "the device does not save this on demand",
                                              "leave out the name, or let it save by itself" },
};

static const struct refusal_words fs_group[] = {
    [DFU_SMP_FS_UNKNOWN] = { unknown, own_log },
    [DFU_SMP_FS_FILE_INVALID_NAME] = { "the device cannot have a file of that name",
                                       "give a whole path with its mount point, such as /lfs/a" },
    [DFU_SMP_FS_FILE_NOT_FOUND] = { "the device has no such file", "check the path and its case" },
    [DFU_SMP_FS_FILE_IS_DIRECTORY] = { "that is a directory on the device", "name a file in it" },
    [DFU_SMP_FS_FILE_OPEN_FAILED] = { "the device cannot open the file",
                                      "check that its directory exists and has room" },
    [DFU_SMP_FS_FILE_SEEK_FAILED] = { "the device cannot reach that place in the file",
                                      device_flash },
    [DFU_SMP_FS_FILE_READ_FAILED] = { "the device cannot read the file", device_flash },
    [DFU_SMP_FS_FILE_TRUNCATE_FAILED] = { "the device cannot replace the file",
                                          "delete it on the device, then try again" },
    [DFU_SMP_FS_FILE_DELETE_FAILED] = { "the device cannot replace the file",
                                        "delete it on the device, then try again" },
    [DFU_SMP_FS_FILE_WRITE_FAILED] = { "the device cannot write the file",
                                       "its file system may be full; delete something there" },
    [DFU_SMP_FS_FILE_OFFSET_NOT_VALID] = { "the device expects another part of the file",
                                           "start the transfer again" },
    [DFU_SMP_FS_FILE_OFFSET_LARGER_THAN_FILE] = { "the file ends before that offset",
                                                  "see dfu fs stat for its size" },
    [DFU_SMP_FS_CHECKSUM_HASH_NOT_FOUND] = { "the device does not know that kind of hash",
                                             "see dfu fs hash-types" },
    [DFU_SMP_FS_MOUNT_POINT_NOT_FOUND] = { "the device has no file system at that path",
                                           "begin the path with its mount point, such as /lfs" },
    [DFU_SMP_FS_READ_ONLY_FILESYSTEM] = { "that file system of the device is read-only",
                                          "choose another mount point" },
    [DFU_SMP_FS_FILE_EMPTY] = { "the file is empty on the device", "there is nothing to hash" },
};

static const struct refusal_words shell_group[] = {
    [DFU_SMP_SHELL_UNKNOWN] = { unknown, own_log },
    [DFU_SMP_SHELL_COMMAND_TOO_LONG] = { "the command is too long for the device's shell",
                                         "shorten it" },
    [DFU_SMP_SHELL_EMPTY_COMMAND] = { "the device's shell was given no command",
                                      "give one; help lists them" },
};

static const struct refusal_words enum_group[] = {
    [DFU_SMP_ENUM_UNKNOWN] = { unknown, own_log },
    [DFU_SMP_ENUM_TOO_MANY_GROUPS] = { "the device is asked about too many groups at once",
                                       "ask about fewer, or about all" },
    [DFU_SMP_ENUM_INSUFFICIENT_HEAP] = { "the device has no memory for the list of its groups",
                                         "ask about fewer" },
    [DFU_SMP_ENUM_INDEX_TOO_LARGE] = { "the device has fewer groups than that",
                                       "see dfu enum for how many" },
};

static const struct refusal_words transport_group[] = {
    [1] = { unknown, own_log },
    [2] = { "the device's transport cannot be bridged", "its firmware must support it" },
    [3] = { "the device's transport tells nothing of itself", "its firmware must support it" },
    [4] = { "the device has no such transport", "list those it has" },
    [5] = { "the device's transport has no such mode", "list those it has" },
    [6] = { "the device has no room for another bridge", "take one down first" },
    [7] = { "one transport and all of them were named at once", "name one, or all" },
    [8] = { "there is no bridge to take down", "nothing is left to do" },
    [9] = { "a transport cannot be bridged to itself", "name another" },
    [10] = { "the transport takes no bridge towards the device", "use it the other way round" },
    [11] = { "the transport makes no bridge away from the device", "use it the other way round" },
    [12] = { "the transport the request came by is bridged already", "take that bridge down" },
    [13] = { "the transport that was named is bridged already", "take that bridge down" },
    [14] = { "the transport needs more to be told", "list what its mode wants" },
    [15] = { "the transport does not understand one of the values", "list what its mode wants" },
    [16] = { "the transport does not know one of the values", "list what its mode wants" },
    [17] = { "the device could not connect", "check that the other side is there" },
};

static const struct refusal_words basic_group[] = {
    [DFU_SMP_BASIC_UNKNOWN] = { unknown, own_log },
    [DFU_SMP_BASIC_FLASH_OPEN_FAILED] = { "the device has no storage partition",
                                          "its firmware must be built with one" },
    [DFU_SMP_BASIC_FLASH_CONFIG_QUERY_FAIL] = { "the device cannot read its flash layout",
                                                "try again; if it stays so, its flash is broken" },
    [DFU_SMP_BASIC_FLASH_ERASE_FAILED] = { "the device cannot erase its storage",
                                           "try again; if it stays so, its flash is broken" },
};

/* dfu leaves pages and sends every byte where one of these comes. */
static const char no_difference[] = "upload all of it with --no-diff";

static const struct refusal_words pages_group[] = {
    [DFU_SMP_PAGES_UNKNOWN] = { unknown, own_log },
    [DFU_SMP_PAGES_NO_UPLOAD] = { "no upload is running whose pages could be kept",
                                  "start the upload again" },
    [DFU_SMP_PAGES_NO_DIGEST] = { "the upload told no whole SHA-256, so nothing would check what is "
                                  "put together",
                                  no_difference },
    [DFU_SMP_PAGES_NOT_OFFERED] = { "the device gives no pages of an image that came encrypted",
                                    no_difference },
    [DFU_SMP_PAGES_NO_PAGE] = { "the request does not name whole pages that can be taken",
                                no_difference },
    [DFU_SMP_PAGES_READ_FAILED] = { "the device cannot read its slot", no_difference },
};

static const struct refusal_words auth_group[] = {
    [DFU_SMP_AUTH_UNKNOWN] = { unknown, own_log },
    [DFU_SMP_AUTH_NEEDS_ROLE] = { "the device does this only for a key with a higher role",
                                  "log in with --auth-key PEM" },
    [DFU_SMP_AUTH_NO_CHALLENGE] = { "the challenge is too old or was used", "try again" },
    [DFU_SMP_AUTH_REFUSED] = { "the device does not know this key",
                               "log in with a key that it was built with" },
    [DFU_SMP_AUTH_UNAVAILABLE] = { "nobody can log in: the device has no randomness, or cannot "
                                   "count its starts",
                                   "look at the device's own log" },
    [DFU_SMP_AUTH_BUSY] = { "too many are logged in already", "try again in a minute" },
};

#define TRANSPORT_GROUP 11u

#define TABLE(id, table)                              \
    {                                                 \
        id,                                           \
        {                                             \
            table, sizeof(table) / sizeof((table)[0]) \
        }                                             \
    }

struct refusal_table refusal_table_of_group(uint16_t group)
{
    static const struct {
        uint16_t group;
        struct refusal_table table;
    } groups[] = {
        TABLE(DFU_SMP_GROUP_STAT, stat_group),   TABLE(DFU_SMP_GROUP_SETTINGS, settings_group),
        TABLE(DFU_SMP_GROUP_FS, fs_group),       TABLE(DFU_SMP_GROUP_SHELL, shell_group),
        TABLE(DFU_SMP_GROUP_ENUM, enum_group),   TABLE(TRANSPORT_GROUP, transport_group),
        TABLE(DFU_SMP_GROUP_BASIC, basic_group), TABLE(DFU_SMP_GROUP_AUTH, auth_group),
        TABLE(DFU_SMP_GROUP_PAGES, pages_group),
    };

    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (groups[i].group == group) {
            return groups[i].table;
        }
    }
    return (struct refusal_table){ NULL, 0 };
}
