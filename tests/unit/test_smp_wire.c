/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Every command of every group, in both versions, as bytes. With --print the same packets come out
 * one to a line, for other decoders: group, command, version, request, answer. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hex.h"
#include "smp_world.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SEQUENCE     0x42u

/* Payloads behind the header; each row meets a device that has just started. */
struct row {
    uint16_t group;
    uint8_t id, op;
    const char *request;
    const char *v1;
    const char *v2; /* NULL: the same */
};

static const struct row
    rows
        [] = {
            { DFU_SMP_GROUP_OS, DFU_SMP_OS_ECHO, DFU_SMP_READ, "a1 61 64 62 68 69",
              "bf 61 72 62 68 69 ff", NULL },
            { DFU_SMP_GROUP_OS, DFU_SMP_OS_ECHO, DFU_SMP_WRITE, "a1 61 64 62 68 69",
              "bf 61 72 62 68 69 ff", NULL },
            { DFU_SMP_GROUP_OS, DFU_SMP_OS_ECHO_CONTROL, DFU_SMP_WRITE, "a1 64 65 63 68 6f 01",
              "bf ff", NULL },
            { DFU_SMP_GROUP_OS, DFU_SMP_OS_TASKSTAT, DFU_SMP_READ, "a0",
              "bf 65 74 61 73 6b 73 bf 64 69 64 6c 65 bf 64 70 72 69 6f 0f 63 74 69 64 00 65 73 74 61 74 65 00 66 73 74 6b 75 73 65 18 19 66 73 74 6b 73 69 7a 18 50 ff ff ff",
              NULL },
            { DFU_SMP_GROUP_OS, DFU_SMP_OS_MPSTAT, DFU_SMP_READ, "a0",
              "bf 61 30 bf 66 62 6c 6b 73 69 7a 01 65 6e 62 6c 6b 73 19 01 2c 65 6e 66 72 65 65 18 c8 63 6d 69 6e 18 64 ff ff",
              NULL },
            { DFU_SMP_GROUP_OS, DFU_SMP_OS_DATETIME, DFU_SMP_READ, "a0",
              "bf 68 64 61 74 65 74 69 6d 65 77 32 30 32 36 2d 31 31 2d 32 30 54 31 31 3a 35 36 3a 30 35 2e 33 36 36 ff",
              NULL },
            { DFU_SMP_GROUP_OS, DFU_SMP_OS_DATETIME, DFU_SMP_WRITE,
              "a1 68 64 61 74 65 74 69 6d 65 73 32 30 32 36 2d 31 31 2d 32 30 54 31 31 3a 35 36 3a 30 35",
              "bf ff", NULL },
            { DFU_SMP_GROUP_OS, DFU_SMP_OS_RESET, DFU_SMP_WRITE, "a0", "bf ff", NULL },
            { DFU_SMP_GROUP_OS, DFU_SMP_OS_RESET, DFU_SMP_WRITE,
              "a2 65 66 6f 72 63 65 f5 69 62 6f 6f 74 5f 6d 6f 64 65 01", "bf ff", NULL },
            { DFU_SMP_GROUP_OS, DFU_SMP_OS_PARAMS, DFU_SMP_READ, "a0",
              "bf 68 62 75 66 5f 73 69 7a 65 19 01 80 69 62 75 66 5f 63 6f 75 6e 74 04 ff", NULL },
            { DFU_SMP_GROUP_OS, DFU_SMP_OS_INFO, DFU_SMP_READ, "a0",
              "bf 66 6f 75 74 70 75 74 66 5a 65 70 68 79 72 ff", NULL },
            { DFU_SMP_GROUP_OS, DFU_SMP_OS_INFO, DFU_SMP_READ, "a1 66 66 6f 72 6d 61 74 61 61",
              "bf 66 6f 75 74 70 75 74 78 4c 5a 65 70 68 79 72 20 6e 6f 64 65 20 76 34 2e 33 2e 30 20 34 2e 33 2e 30 20 46 72 69 20 4e 6f 76 20 32 30 20 31 31 3a 35 36 3a 30 35 20 32 30 32 36 20 61 72 6d 20 63 6f 72 74 65 78 2d 6d 30 20 62 6f 61 72 64 20 5a 65 70 68 79 72 ff",
              NULL },
            { DFU_SMP_GROUP_OS, DFU_SMP_OS_BOOTINFO, DFU_SMP_READ, "a0",
              "bf 6a 62 6f 6f 74 6c 6f 61 64 65 72 67 4d 43 55 62 6f 6f 74 ff", NULL },
            { DFU_SMP_GROUP_OS, DFU_SMP_OS_BOOTINFO, DFU_SMP_READ,
              "a1 65 71 75 65 72 79 64 6d 6f 64 65", "bf 64 6d 6f 64 65 03 ff", NULL },
            { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_READ, "a0",
              "bf 66 69 6d 61 67 65 73 9f bf 64 73 6c 6f 74 00 67 76 65 72 73 69 6f 6e 65 31 2e 32 2e 33 64 68 61 73 68 58 20 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f 68 62 6f 6f 74 61 62 6c 65 f5 67 70 65 6e 64 69 6e 67 f4 69 63 6f 6e 66 69 72 6d 65 64 f5 66 61 63 74 69 76 65 f5 69 70 65 72 6d 61 6e 65 6e 74 f4 ff bf 64 73 6c 6f 74 01 67 76 65 72 73 69 6f 6e 67 31 2e 32 2e 34 2e 37 64 68 61 73 68 58 20 20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f 30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f 68 62 6f 6f 74 61 62 6c 65 f5 67 70 65 6e 64 69 6e 67 f4 69 63 6f 6e 66 69 72 6d 65 64 f4 66 61 63 74 69 76 65 f4 69 70 65 72 6d 61 6e 65 6e 74 f4 ff ff 6b 73 70 6c 69 74 53 74 61 74 75 73 00 ff",
              NULL },
            { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_WRITE,
              "a2 64 68 61 73 68 58 20 20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f 30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f 67 63 6f 6e 66 69 72 6d f4",
              "bf 66 69 6d 61 67 65 73 9f bf 64 73 6c 6f 74 00 67 76 65 72 73 69 6f 6e 65 31 2e 32 2e 33 64 68 61 73 68 58 20 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f 68 62 6f 6f 74 61 62 6c 65 f5 67 70 65 6e 64 69 6e 67 f4 69 63 6f 6e 66 69 72 6d 65 64 f5 66 61 63 74 69 76 65 f5 69 70 65 72 6d 61 6e 65 6e 74 f4 ff bf 64 73 6c 6f 74 01 67 76 65 72 73 69 6f 6e 67 31 2e 32 2e 34 2e 37 64 68 61 73 68 58 20 20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f 30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f 68 62 6f 6f 74 61 62 6c 65 f5 67 70 65 6e 64 69 6e 67 f5 69 63 6f 6e 66 69 72 6d 65 64 f4 66 61 63 74 69 76 65 f4 69 70 65 72 6d 61 6e 65 6e 74 f4 ff ff 6b 73 70 6c 69 74 53 74 61 74 75 73 00 ff",
              NULL },
            { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE,
              DFU_SMP_WRITE, "a2 64 68 61 73 68 58 20 20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f 30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f 67 63 6f 6e 66 69 72 6d f5", "bf 66 69 6d 61 67 65 73 9f bf 64 73 6c 6f 74 00 67 76 65 72 73 69 6f 6e 65 31 2e 32 2e 33 64 68 61 73 68 58 20 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f 68 62 6f 6f 74 61 62 6c 65 f5 67 70 65 6e 64 69 6e 67 f4 69 63 6f 6e 66 69 72 6d 65 64 f5 66 61 63 74 69 76 65 f5 69 70 65 72 6d 61 6e 65 6e 74 f4 ff bf 64 73 6c 6f 74 01 67 76 65 72 73 69 6f 6e 67 31 2e 32 2e 34 2e 37 64 68 61 73 68 58 20 20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f 30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f 68 62 6f 6f 74 61 62 6c 65 f5 67 70 65 6e 64 69 6e 67 f5 69 63 6f 6e 66 69 72 6d 65 64 f4 66 61 63 74 69 76 65 f4 69 70 65 72 6d 61 6e 65 6e 74 f5 ff ff 6b 73 70 6c 69 74 53 74 61 74 75 73 00 ff",
              NULL },
            { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_WRITE, "a1 67 63 6f 6e 66 69 72 6d f5",
              "bf 66 69 6d 61 67 65 73 9f bf 64 73 6c 6f 74 00 67 76 65 72 73 69 6f 6e 65 31 2e 32 2e 33 64 68 61 73 68 58 20 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f 68 62 6f 6f 74 61 62 6c 65 f5 67 70 65 6e 64 69 6e 67 f4 69 63 6f 6e 66 69 72 6d 65 64 f5 66 61 63 74 69 76 65 f5 69 70 65 72 6d 61 6e 65 6e 74 f4 ff bf 64 73 6c 6f 74 01 67 76 65 72 73 69 6f 6e 67 31 2e 32 2e 34 2e 37 64 68 61 73 68 58 20 20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f 30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f 68 62 6f 6f 74 61 62 6c 65 f5 67 70 65 6e 64 69 6e 67 f4 69 63 6f 6e 66 69 72 6d 65 64 f4 66 61 63 74 69 76 65 f4 69 70 65 72 6d 61 6e 65 6e 74 f4 ff ff 6b 73 70 6c 69 74 53 74 61 74 75 73 00 ff",
              NULL },
            { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE,
              "a6 63 6f 66 66 00 64 64 61 74 61 58 20 3d b8 f3 96 00 00 00 00 00 02 00 00 00 0c 00 00 00 00 00 00 01 02 03 00 00 00 00 00 00 00 00 00 65 69 6d 61 67 65 00 63 6c 65 6e 19 10 00 63 73 68 61 58 20 95 a8 2c f4 e6 4c 03 da 57 bb 60 2a b7 e9 da 4b 4c 68 c0 a0 84 e9 51 74 b0 a3 7e 82 88 1f e6 99 67 75 70 67 72 61 64 65 f4",
              "bf 63 6f 66 66 18 20 ff", NULL },
            { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_CORE_LIST, DFU_SMP_READ, "a0", "bf 62 72 63 00 ff",
              "bf ff" },
            { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_CORE_LOAD, DFU_SMP_READ, "a1 63 6f 66 66 00",
              "bf 62 72 63 00 63 6f 66 66 00 64 64 61 74 61 44 00 01 02 03 63 6c 65 6e 04 ff",
              "bf 63 6f 66 66 00 64 64 61 74 61 44 00 01 02 03 63 6c 65 6e 04 ff" },
            { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_CORE_LOAD, DFU_SMP_READ, "a1 63 6f 66 66 03",
              "bf 62 72 63 00 63 6f 66 66 03 64 64 61 74 61 41 03 ff",
              "bf 63 6f 66 66 03 64 64 61 74 61 41 03 ff" },
            { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_CORE_LOAD, DFU_SMP_WRITE, "a0", "bf 62 72 63 00 ff",
              "bf ff" },
            { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_ERASE, DFU_SMP_WRITE, "a1 64 73 6c 6f 74 01", "bf ff",
              NULL },
            { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_SLOT_INFO, DFU_SMP_READ, "a0",
              "bf 66 69 6d 61 67 65 73 9f bf 65 69 6d 61 67 65 00 65 73 6c 6f 74 73 9f bf 64 73 6c 6f 74 00 64 73 69 7a 65 19 20 00 ff bf 64 73 6c 6f 74 01 64 73 69 7a 65 19 20 00 6f 75 70 6c 6f 61 64 5f 69 6d 61 67 65 5f 69 64 00 ff ff 6e 6d 61 78 5f 69 6d 61 67 65 5f 73 69 7a 65 19 18 00 ff ff ff",
              NULL },
            { DFU_SMP_GROUP_STAT, DFU_SMP_STAT_SHOW, DFU_SMP_READ,
              "a1 64 6e 61 6d 65 6d 73 6d 70 5f 73 76 72 5f 73 74 61 74 73",
              "bf 64 6e 61 6d 65 6d 73 6d 70 5f 73 76 72 5f 73 74 61 74 73 66 66 69 65 6c 64 73 bf 65 74 69 63 6b 73 19 01 2c ff ff",
              NULL },
            { DFU_SMP_GROUP_STAT, DFU_SMP_STAT_LIST, DFU_SMP_READ, "a0",
              "bf 62 72 63 00 69 73 74 61 74 5f 6c 69 73 74 9f 6d 73 6d 70 5f 73 76 72 5f 73 74 61 74 73 ff ff",
              "bf 69 73 74 61 74 5f 6c 69 73 74 9f 6d 73 6d 70 5f 73 76 72 5f 73 74 61 74 73 ff ff" },
            { DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_VALUE, DFU_SMP_READ,
              "a1 64 6e 61 6d 65 66 61 70 70 2f 69 64", "bf 63 76 61 6c 44 01 02 03 04 ff", NULL },
            { DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_VALUE, DFU_SMP_READ,
              "a2 64 6e 61 6d 65 66 61 70 70 2f 69 64 68 6d 61 78 5f 73 69 7a 65 18 40",
              "bf 63 76 61 6c 44 01 02 03 04 68 6d 61 78 5f 73 69 7a 65 18 20 ff", NULL },
            { DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_VALUE, DFU_SMP_WRITE,
              "a2 64 6e 61 6d 65 66 61 70 70 2f 69 64 63 76 61 6c 44 01 02 03 04", "bf ff", NULL },
            { DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_DELETE, DFU_SMP_WRITE,
              "a1 64 6e 61 6d 65 66 61 70 70 2f 69 64", "bf ff", NULL },
            { DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_COMMIT, DFU_SMP_WRITE, "a0", "bf ff", NULL },
            { DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_STORE, DFU_SMP_READ, "a0", "bf ff", NULL },
            { DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_STORE, DFU_SMP_WRITE, "a0", "bf ff", NULL },
            { DFU_SMP_GROUP_LOG, DFU_SMP_LOG_SHOW, DFU_SMP_READ, "a0",
              "bf 6a 6e 65 78 74 5f 69 6e 64 65 78 09 64 6c 6f 67 73 9f bf 64 6e 61 6d 65 64 62 6f 6f 74 64 74 79 70 65 01 67 65 6e 74 72 69 65 73 9f bf 64 74 79 70 65 63 73 74 72 62 74 73 19 03 e8 65 6c 65 76 65 6c 01 65 69 6e 64 65 78 05 66 6d 6f 64 75 6c 65 02 67 69 6d 67 68 61 73 68 44 00 01 02 03 63 6d 73 67 42 75 70 ff bf 64 74 79 70 65 64 63 62 6f 72 62 74 73 19 07 d0 65 6c 65 76 65 6c 03 65 69 6e 64 65 78 06 66 6d 6f 64 75 6c 65 00 63 6d 73 67 44 a1 61 6e 01 ff bf 64 74 79 70 65 63 62 69 6e 62 74 73 19 07 d0 65 6c 65 76 65 6c 00 65 69 6e 64 65 78 08 66 6d 6f 64 75 6c 65 00 63 6d 73 67 40 ff ff ff bf 64 6e 61 6d 65 64 6e 6f 6e 65 64 74 79 70 65 02 67 65 6e 74 72 69 65 73 9f ff ff ff 62 72 63 00 ff",
              "bf 6a 6e 65 78 74 5f 69 6e 64 65 78 09 64 6c 6f 67 73 9f bf 64 6e 61 6d 65 64 62 6f 6f 74 64 74 79 70 65 01 67 65 6e 74 72 69 65 73 9f bf 64 74 79 70 65 63 73 74 72 62 74 73 19 03 e8 65 6c 65 76 65 6c 01 65 69 6e 64 65 78 05 66 6d 6f 64 75 6c 65 02 67 69 6d 67 68 61 73 68 44 00 01 02 03 63 6d 73 67 42 75 70 ff bf 64 74 79 70 65 64 63 62 6f 72 62 74 73 19 07 d0 65 6c 65 76 65 6c 03 65 69 6e 64 65 78 06 66 6d 6f 64 75 6c 65 00 63 6d 73 67 44 a1 61 6e 01 ff bf 64 74 79 70 65 63 62 69 6e 62 74 73 19 07 d0 65 6c 65 76 65 6c 00 65 69 6e 64 65 78 08 66 6d 6f 64 75 6c 65 00 63 6d 73 67 40 ff ff ff bf 64 6e 61 6d 65 64 6e 6f 6e 65 64 74 79 70 65 02 67 65 6e 74 72 69 65 73 9f ff ff ff ff" },
            { DFU_SMP_GROUP_LOG, DFU_SMP_LOG_SHOW, DFU_SMP_READ,
              "a3 68 6c 6f 67 5f 6e 61 6d 65 64 62 6f 6f 74 62 74 73 00 65 69 6e 64 65 78 06", "bf 6a 6e 65 78 74 5f 69 6e 64 65 78 09 64 6c 6f 67 73 9f bf 64 6e 61 6d 65 64 62 6f 6f 74 64 74 79 70 65 01 67 65 6e 74 72 69 65 73 9f bf 64 74 79 70 65 64 63 62 6f 72 62 74 73 19 07 d0 65 6c 65 76 65 6c 03 65 69 6e 64 65 78 06 66 6d 6f 64 75 6c 65 00 63 6d 73 67 44 a1 61 6e 01 ff bf 64 74 79 70 65 63 62 69 6e 62 74 73 19 07 d0 65 6c 65 76 65 6c 00 65 69 6e 64 65 78 08 66 6d 6f 64 75 6c 65 00 63 6d 73 67 40 ff ff ff ff 62 72 63 00 ff", "bf 6a 6e 65 78 74 5f 69 6e 64 65 78 09 64 6c 6f 67 73 9f bf 64 6e 61 6d 65 64 62 6f 6f 74 64 74 79 70 65 01 67 65 6e 74 72 69 65 73 9f bf 64 74 79 70 65 64 63 62 6f 72 62 74 73 19 07 d0 65 6c 65 76 65 6c 03 65 69 6e 64 65 78 06 66 6d 6f 64 75 6c 65 00 63 6d 73 67 44 a1 61 6e 01 ff bf 64 74 79 70 65 63 62 69 6e 62 74 73 19 07 d0 65 6c 65 76 65 6c 00 65 69 6e 64 65 78 08 66 6d 6f 64 75 6c 65 00 63 6d 73 67 40 ff ff ff ff ff" },
            { DFU_SMP_GROUP_LOG, DFU_SMP_LOG_SHOW, DFU_SMP_READ,
              "a2 68 6c 6f 67 5f 6e 61 6d 65 64 62 6f 6f 74 62 74 73 20",
              "bf 6a 6e 65 78 74 5f 69 6e 64 65 78 09 64 6c 6f 67 73 9f bf 64 6e 61 6d 65 64 62 6f 6f 74 64 74 79 70 65 01 67 65 6e 74 72 69 65 73 9f bf 64 74 79 70 65 63 62 69 6e 62 74 73 19 07 d0 65 6c 65 76 65 6c 00 65 69 6e 64 65 78 08 66 6d 6f 64 75 6c 65 00 63 6d 73 67 40 ff ff ff ff 62 72 63 00 ff",
              "bf 6a 6e 65 78 74 5f 69 6e 64 65 78 09 64 6c 6f 67 73 9f bf 64 6e 61 6d 65 64 62 6f 6f 74 64 74 79 70 65 01 67 65 6e 74 72 69 65 73 9f bf 64 74 79 70 65 63 62 69 6e 62 74 73 19 07 d0 65 6c 65 76 65 6c 00 65 69 6e 64 65 78 08 66 6d 6f 64 75 6c 65 00 63 6d 73 67 40 ff ff ff ff ff" },
            { DFU_SMP_GROUP_LOG, DFU_SMP_LOG_CLEAR, DFU_SMP_WRITE, "a0", "bf 62 72 63 00 ff",
              "bf ff" },
            { DFU_SMP_GROUP_LOG, DFU_SMP_LOG_MODULES, DFU_SMP_READ, "a0",
              "bf 62 72 63 00 6a 6d 6f 64 75 6c 65 5f 6d 61 70 bf 64 62 6f 6f 74 00 63 61 70 70 02 ff ff",
              "bf 6a 6d 6f 64 75 6c 65 5f 6d 61 70 bf 64 62 6f 6f 74 00 63 61 70 70 02 ff ff" },
            { DFU_SMP_GROUP_LOG, DFU_SMP_LOG_LEVELS, DFU_SMP_READ, "a0",
              "bf 62 72 63 00 69 6c 65 76 65 6c 5f 6d 61 70 bf 65 44 45 42 55 47 00 64 49 4e 46 4f 01 ff ff",
              "bf 69 6c 65 76 65 6c 5f 6d 61 70 bf 65 44 45 42 55 47 00 64 49 4e 46 4f 01 ff ff" },
            { DFU_SMP_GROUP_LOG, DFU_SMP_LOG_LOGS, DFU_SMP_READ, "a0",
              "bf 62 72 63 00 68 6c 6f 67 5f 6c 69 73 74 9f 64 62 6f 6f 74 64 6e 6f 6e 65 ff ff",
              "bf 68 6c 6f 67 5f 6c 69 73 74 9f 64 62 6f 6f 74 64 6e 6f 6e 65 ff ff" },
            { DFU_SMP_GROUP_CRASH, DFU_SMP_CRASH_NOW, DFU_SMP_WRITE, "a1 61 74 64 64 69 76 30",
              "bf 62 72 63 00 ff", "bf ff" },
            { DFU_SMP_GROUP_FS, DFU_SMP_FS_FILE, DFU_SMP_READ,
              "a2 64 6e 61 6d 65 66 2f 6c 66 73 2f 61 63 6f 66 66 00",
              "bf 63 6f 66 66 00 64 64 61 74 61 44 61 62 63 64 63 6c 65 6e 04 ff", NULL },
            { DFU_SMP_GROUP_FS, DFU_SMP_FS_FILE, DFU_SMP_WRITE,
              "a4 64 6e 61 6d 65 66 2f 6c 66 73 2f 61 63 6f 66 66 00 63 6c 65 6e 04 64 64 61 74 61 44 61 62 63 64",
              "bf 63 6f 66 66 04 ff", NULL },
            { DFU_SMP_GROUP_FS, DFU_SMP_FS_STATUS, DFU_SMP_READ,
              "a1 64 6e 61 6d 65 66 2f 6c 66 73 2f 61", "bf 63 6c 65 6e 04 ff", NULL },
            { DFU_SMP_GROUP_FS, DFU_SMP_FS_HASH, DFU_SMP_READ,
              "a2 64 6e 61 6d 65 66 2f 6c 66 73 2f 61 64 74 79 70 65 65 63 72 63 33 32",
              "bf 64 74 79 70 65 65 63 72 63 33 32 63 6c 65 6e 04 66 6f 75 74 70 75 74 1a ed 82 cd 11 ff",
              NULL },
            { DFU_SMP_GROUP_FS, DFU_SMP_FS_HASH_TYPES, DFU_SMP_READ, "a0",
              "bf 65 74 79 70 65 73 bf 65 63 72 63 33 32 bf 66 66 6f 72 6d 61 74 00 64 73 69 7a 65 04 ff 66 73 68 61 32 35 36 bf 66 66 6f 72 6d 61 74 01 64 73 69 7a 65 18 20 ff ff ff",
              NULL },
            { DFU_SMP_GROUP_FS, DFU_SMP_FS_CLOSE, DFU_SMP_WRITE, "a0", "bf ff", NULL },
            { DFU_SMP_GROUP_SHELL, DFU_SMP_SHELL_EXEC, DFU_SMP_WRITE,
              "a1 64 61 72 67 76 82 66 6b 65 72 6e 65 6c 67 76 65 72 73 69 6f 6e",
              "bf 61 6f 76 5a 65 70 68 79 72 20 76 65 72 73 69 6f 6e 20 34 2e 33 2e 30 0d 0a 63 72 65 74 00 ff",
              NULL },
            { DFU_SMP_GROUP_ENUM, DFU_SMP_ENUM_COUNT, DFU_SMP_READ, "a0",
              "bf 65 63 6f 75 6e 74 0d ff", NULL },
            { DFU_SMP_GROUP_ENUM, DFU_SMP_ENUM_LIST, DFU_SMP_READ, "a0",
              "bf 66 67 72 6f 75 70 73 9f 00 01 02 03 04 05 08 09 0a 18 3f 18 40 18 41 18 42 ff ff",
              NULL },
            { DFU_SMP_GROUP_ENUM, DFU_SMP_ENUM_SINGLE, DFU_SMP_READ, "a1 65 69 6e 64 65 78 08",
              "bf 65 67 72 6f 75 70 0a ff", NULL },
            { DFU_SMP_GROUP_ENUM, DFU_SMP_ENUM_SINGLE, DFU_SMP_READ, "a1 65 69 6e 64 65 78 0c",
              "bf 65 67 72 6f 75 70 18 42 63 65 6e 64 f5 ff", NULL },
            { DFU_SMP_GROUP_ENUM, DFU_SMP_ENUM_DETAILS, DFU_SMP_READ, "a0",
              "bf 66 67 72 6f 75 70 73 9f bf 65 67 72 6f 75 70 00 64 6e 61 6d 65 67 6f 73 20 6d 67 6d 74 68 68 61 6e 64 6c 65 72 73 09 ff bf 65 67 72 6f 75 70 01 64 6e 61 6d 65 68 69 6d 67 20 6d 67 6d 74 68 68 61 6e 64 6c 65 72 73 07 ff bf 65 67 72 6f 75 70 02 64 6e 61 6d 65 69 73 74 61 74 20 6d 67 6d 74 68 68 61 6e 64 6c 65 72 73 02 ff bf 65 67 72 6f 75 70 03 64 6e 61 6d 65 6d 73 65 74 74 69 6e 67 73 20 6d 67 6d 74 68 68 61 6e 64 6c 65 72 73 04 ff bf 65 67 72 6f 75 70 04 64 6e 61 6d 65 68 6c 6f 67 20 6d 67 6d 74 68 68 61 6e 64 6c 65 72 73 06 ff bf 65 67 72 6f 75 70 05 64 6e 61 6d 65 6a 63 72 61 73 68 20 6d 67 6d 74 68 68 61 6e 64 6c 65 72 73 01 ff bf 65 67 72 6f 75 70 08 64 6e 61 6d 65 67 66 73 20 6d 67 6d 74 68 68 61 6e 64 6c 65 72 73 05 ff bf 65 67 72 6f 75 70 09 64 6e 61 6d 65 6a 73 68 65 6c 6c 20 6d 67 6d 74 68 68 61 6e 64 6c 65 72 73 01 ff bf 65 67 72 6f 75 70 0a 64 6e 61 6d 65 69 65 6e 75 6d 20 6d 67 6d 74 68 68 61 6e 64 6c 65 72 73 04 ff bf 65 67 72 6f 75 70 18 3f 64 6e 61 6d 65 71 7a 65 70 68 79 72 20 62 61 73 69 63 20 6d 67 6d 74 68 68 61 6e 64 6c 65 72 73 01 ff bf 65 67 72 6f 75 70 18 40 64 6e 61 6d 65 67 68 69 73 74 6f 72 79 68 68 61 6e 64 6c 65 72 73 01 ff bf 65 67 72 6f 75 70 18 41 64 6e 61 6d 65 65 70 61 67 65 73 68 68 61 6e 64 6c 65 72 73 02 ff bf 65 67 72 6f 75 70 18 42 64 6e 61 6d 65 64 61 75 74 68 68 68 61 6e 64 6c 65 72 73 04 ff ff ff",
              NULL },
            { DFU_SMP_GROUP_BASIC, DFU_SMP_BASIC_ERASE_STORAGE, DFU_SMP_WRITE, "a0", "bf ff",
              NULL },
            { DFU_SMP_GROUP_HISTORY, DFU_SMP_HISTORY_READ, DFU_SMP_READ, "a0",
              "bf 67 68 69 73 74 6f 72 79 9f ff 64 6d 6f 72 65 f4 ff", NULL },
            { DFU_SMP_GROUP_PAGES, DFU_SMP_PAGES_HASHES, DFU_SMP_READ, "a1 63 6f 66 66 01",
              "bf 63 6f 66 66 19 04 00 63 6c 65 6e 19 0c 00 64 73 69 7a 65 19 04 00 64 63 6f 70 79 19 20 00 66 68 61 73 68 65 73 58 18 5f 4e cd b7 b7 1c 3e 40 5f 4e cd b7 b7 1c 3e 40 5f 4e cd b7 b7 1c 3e 40 ff",
              NULL },
            { DFU_SMP_GROUP_PAGES, DFU_SMP_PAGES_TAKE, DFU_SMP_WRITE,
              "a2 63 6f 66 66 19 04 00 63 6c 65 6e 19 0c 00",
              "bf 63 6f 66 66 19 10 00 65 6d 61 74 63 68 f5 ff", NULL },
            { DFU_SMP_GROUP_AUTH, DFU_SMP_AUTH_STATUS, DFU_SMP_READ, "a0",
              "bf 64 72 6f 6c 65 01 64 6f 70 65 6e 01 ff", NULL },
            { DFU_SMP_GROUP_AUTH, DFU_SMP_AUTH_CHALLENGE, DFU_SMP_READ, "a0",
              "bf 69 63 68 61 6c 6c 65 6e 67 65 58 20 01 00 00 00 01 00 00 00 55 55 55 55 55 55 55 55 55 55 55 55 55 55 55 55 55 55 55 55 55 55 55 55 66 64 65 76 69 63 65 45 77 6f 72 6c 64 ff",
              NULL },
            /* signed by Python's cryptography package */
            { DFU_SMP_GROUP_AUTH, DFU_SMP_AUTH_LOGIN, DFU_SMP_WRITE,
              "a3 63 6b 65 79 58 20 ed 49 28 c6 28 d1 c2 c6 ea e9 03 38 90 59 95 61 29 59 27 3a 5c 63 f9 36 36 c1 46 14 ac 87 37 d1 64 72 6f 6c 65 00 63 73 69 67 58 40 89 02 54 81 53 26 7d 91 4a dc c7 a1 29 e3 d4 29 97 86 86 59 d2 7e a2 ac d9 69 c0 bc bb e7 d0 8c 65 b9 f6 fd c2 24 ec 55 bb 56 40 a4 8b e0 27 6d 03 62 d4 b0 b4 ee 57 fa 34 51 b7 8a 1d e3 26 0f",
              "bf 64 72 6f 6c 65 03 ff", NULL },
            { DFU_SMP_GROUP_AUTH, DFU_SMP_AUTH_LOGOUT, DFU_SMP_WRITE, "a0", "bf ff", NULL },
        };

static const struct row refusals[] = {
    { DFU_SMP_GROUP_OS, DFU_SMP_OS_ECHO, DFU_SMP_WRITE, "a0", "bf 62 72 63 03 ff", NULL },
    { DFU_SMP_GROUP_OS, DFU_SMP_OS_INFO, DFU_SMP_READ, "a1 66 66 6f 72 6d 61 74 61 78",
      "bf 62 72 63 03 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 00 62 72 63 02 ff ff" },
    { DFU_SMP_GROUP_OS, DFU_SMP_OS_BOOTINFO, DFU_SMP_READ, "a1 65 71 75 65 72 79 65 63 6f 6c 6f 72",
      "bf 62 72 63 05 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 00 62 72 63 03 ff ff" },
    { DFU_SMP_GROUP_OS, DFU_SMP_OS_DATETIME, DFU_SMP_WRITE,
      "a1 68 64 61 74 65 74 69 6d 65 73 32 30 32 36 2d 31 33 2d 32 30 54 31 31 3a 35 36 3a 30 35",
      "bf 62 72 63 03 ff", NULL },
    { DFU_SMP_GROUP_OS, DFU_SMP_OS_RESET, DFU_SMP_WRITE,
      "a1 69 62 6f 6f 74 5f 6d 6f 64 65 19 01 00", "bf 62 72 63 03 ff", NULL },
    { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_WRITE,
      "a1 64 68 61 73 68 58 20 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f",
      "bf 62 72 63 01 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 01 62 72 63 18 21 ff ff" },
    { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_WRITE, "a1 64 68 61 73 68 41 00",
      "bf 62 72 63 03 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 01 62 72 63 18 18 ff ff" },
    { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_WRITE,
      "a1 64 68 61 73 68 58 20 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
      "bf 62 72 63 01 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 01 62 72 63 08 ff ff" },
    { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE,
      "a3 63 6f 66 66 00 64 64 61 74 61 41 78 63 6c 65 6e 19 10 00", "bf 62 72 63 03 ff",
      "bf 63 65 72 72 bf 65 67 72 6f 75 70 01 62 72 63 16 ff ff" },
    { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE,
      "a3 63 6f 66 66 00 64 64 61 74 61 58 20 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 63 6c 65 6e 19 10 00",
      "bf 62 72 63 01 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 01 62 72 63 17 ff ff" },
    { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE,
      "a1 64 64 61 74 61 58 20 3d b8 f3 96 00 00 00 00 00 02 00 00 00 0c 00 00 00 00 00 00 01 02 03 00 00 00 00 00 00 00 00 00",
      "bf 62 72 63 03 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 01 62 72 63 14 ff ff" },
    { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE,
      "a3 63 6f 66 66 00 64 64 61 74 61 58 20 3d b8 f3 96 00 00 00 00 00 02 00 00 00 0c 00 00 00 00 00 00 01 02 03 00 00 00 00 00 00 00 00 00 63 6c 65 6e 1a 00 01 86 a0",
      "bf 62 72 63 01 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 01 62 72 63 18 1e ff ff" },
    { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_CORE_LOAD, DFU_SMP_READ, "a0", "bf 62 72 63 03 ff", NULL },
    { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_CORE_LOAD, DFU_SMP_READ, "a1 63 6f 66 66 05",
      "bf 62 72 63 03 ff", NULL },
    { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_ERASE, DFU_SMP_WRITE, "a1 64 73 6c 6f 74 00",
      "bf 62 72 63 06 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 01 62 72 63 09 ff ff" },
    { DFU_SMP_GROUP_IMG, DFU_SMP_IMG_ERASE, DFU_SMP_WRITE, "a1 64 73 6c 6f 74 02",
      "bf 62 72 63 03 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 01 62 72 63 0e ff ff" },
    { DFU_SMP_GROUP_STAT, DFU_SMP_STAT_SHOW, DFU_SMP_READ, "a1 64 6e 61 6d 65 61 78",
      "bf 62 72 63 05 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 18 3f 62 72 63 03 ff ff" },
    { DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_VALUE, DFU_SMP_READ, "a1 64 6e 61 6d 65 61 78",
      "bf 62 72 63 05 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 03 62 72 63 03 ff ff" },
    { DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_VALUE, DFU_SMP_READ,
      "a1 64 6e 61 6d 65 78 20 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e 6e",
      "bf 62 72 63 03 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 03 62 72 63 02 ff ff" },
    { DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_VALUE, DFU_SMP_WRITE,
      "a1 64 6e 61 6d 65 66 61 70 70 2f 69 64", "bf 62 72 63 03 ff", NULL },
    { DFU_SMP_GROUP_LOG, DFU_SMP_LOG_SHOW, DFU_SMP_READ, "a1 68 6c 6f 67 5f 6e 61 6d 65 61 78",
      "bf 62 72 63 03 ff", NULL },
    { DFU_SMP_GROUP_LOG, DFU_SMP_LOG_CLEAR, DFU_SMP_WRITE, "a1 68 6c 6f 67 5f 6e 61 6d 65 61 78",
      "bf 62 72 63 03 ff", NULL },
    { DFU_SMP_GROUP_CRASH, DFU_SMP_CRASH_NOW, DFU_SMP_WRITE, "a1 61 74 61 78", "bf 62 72 63 03 ff",
      NULL },
    { DFU_SMP_GROUP_FS, DFU_SMP_FS_FILE, DFU_SMP_READ,
      "a2 64 6e 61 6d 65 66 2f 6c 66 73 2f 62 63 6f 66 66 00", "bf 62 72 63 05 ff",
      "bf 63 65 72 72 bf 65 67 72 6f 75 70 08 62 72 63 03 ff ff" },
    { DFU_SMP_GROUP_FS, DFU_SMP_FS_HASH, DFU_SMP_READ,
      "a2 64 6e 61 6d 65 66 2f 6c 66 73 2f 61 64 74 79 70 65 63 6d 64 35", "bf 62 72 63 03 ff",
      "bf 63 65 72 72 bf 65 67 72 6f 75 70 08 62 72 63 0d ff ff" },
    { DFU_SMP_GROUP_FS, DFU_SMP_FS_HASH, DFU_SMP_READ,
      "a2 64 6e 61 6d 65 66 2f 6c 66 73 2f 61 63 6f 66 66 04", "bf 62 72 63 01 ff",
      "bf 63 65 72 72 bf 65 67 72 6f 75 70 08 62 72 63 0c ff ff" },
    { DFU_SMP_GROUP_FS, DFU_SMP_FS_FILE, DFU_SMP_WRITE,
      "a3 64 6e 61 6d 65 66 2f 6c 66 73 2f 61 63 6f 66 66 03 64 64 61 74 61 41 78",
      "bf 62 72 63 01 ff",
      "bf 63 65 72 72 bf 65 67 72 6f 75 70 08 62 72 63 0b ff 63 6c 65 6e 04 ff" },
    { DFU_SMP_GROUP_SHELL, DFU_SMP_SHELL_EXEC, DFU_SMP_WRITE, "a1 64 61 72 67 76 80",
      "bf 62 72 63 03 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 09 62 72 63 03 ff ff" },
    { DFU_SMP_GROUP_SHELL, DFU_SMP_SHELL_EXEC, DFU_SMP_WRITE,
      "a1 64 61 72 67 76 81 78 40 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78",
      "bf 62 72 63 03 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 09 62 72 63 02 ff ff" },
    { DFU_SMP_GROUP_ENUM, DFU_SMP_ENUM_SINGLE, DFU_SMP_READ, "a1 65 69 6e 64 65 78 0d",
      "bf 62 72 63 01 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 0a 62 72 63 04 ff ff" },
    { DFU_SMP_GROUP_ENUM, DFU_SMP_ENUM_DETAILS, DFU_SMP_READ,
      "a1 66 67 72 6f 75 70 73 91 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10",
      "bf 62 72 63 03 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 0a 62 72 63 02 ff ff" },
    { DFU_SMP_GROUP_HISTORY, DFU_SMP_HISTORY_READ, DFU_SMP_READ, "a1 64 73 6b 69 70 61 78",
      "bf 62 72 63 03 ff", NULL },
    { DFU_SMP_GROUP_PAGES, DFU_SMP_PAGES_HASHES, DFU_SMP_READ, "a1 63 6f 66 66 00",
      "bf 62 72 63 06 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 18 41 62 72 63 02 ff ff" },
    { DFU_SMP_GROUP_AUTH, DFU_SMP_AUTH_LOGIN, DFU_SMP_WRITE,
      "a3 63 6b 65 79 58 20 ed 49 28 c6 28 d1 c2 c6 ea e9 03 38 90 59 95 61 29 59 27 3a 5c 63 f9 36 36 c1 46 14 ac 87 37 d1 64 72 6f 6c 65 00 63 73 69 67 58 40 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
      "bf 62 72 63 06 ff", "bf 63 65 72 72 bf 65 67 72 6f 75 70 18 42 62 72 63 03 ff ff" },
};

static struct smp_world world;

struct packet {
    uint8_t data[1024];
    size_t len;
};

/* The header byte by byte, as section 1.1 of the protocol has it. */
static struct packet packet_of(const struct row *row, uint8_t op, unsigned version,
                               const char *payload)
{
    struct packet p;
    size_t len = hex_bytes(payload, p.data + DFU_SMP_HEADER_SIZE, sizeof p.data - 8);

    p.data[0] = (uint8_t)(version << 3 | op);
    p.data[1] = 0;
    p.data[2] = (uint8_t)(len >> 8);
    p.data[3] = (uint8_t)len;
    p.data[4] = (uint8_t)(row->group >> 8);
    p.data[5] = (uint8_t)row->group;
    p.data[6] = SEQUENCE;
    p.data[7] = row->id;
    p.len = DFU_SMP_HEADER_SIZE + len;
    return p;
}

static struct packet request_of(const struct row *row, unsigned version)
{
    return packet_of(row, row->op, version, row->request);
}

static struct packet answer_of(const struct row *row, unsigned version)
{
    bool differs = version == DFU_SMP_V2 && row->v2;

    return packet_of(row, row->op + 1, version, differs ? row->v2 : row->v1);
}

static void expect_answer(unsigned index, const struct row *row, unsigned version)
{
    struct packet answer = answer_of(row, version);

    assert_true(index < world.peer.count);
    if (world.peer.answers[index].len != answer.len ||
        memcmp(world.peer.answers[index].data, answer.data, answer.len) != 0) {
        print_message("group %u, command %u, op %u, version %u\n", row->group, row->id, row->op,
                      version + 1u);
        assert_memory_equal(world.peer.answers[index].data, answer.data, answer.len);
        fail_msg("%u bytes too many", (unsigned)(world.peer.answers[index].len - answer.len));
    }
}

/* A header and ff, as in the worked example of the protocol. */
static void send_first_page(void)
{
    static const uint8_t header[32] = {
        0x3d, 0xb8, 0xf3, 0x96, [9] = 0x02, [13] = 0x0c, [20] = 1, 2, 3
    };
    static const char sha[] =
        "95 a8 2c f4 e6 4c 03 da 57 bb 60 2a b7 e9 da 4b 4c 68 c0 a0 84 e9 51 "
        "74 b0 a3 7e 82 88 1f e6 99";
    uint8_t packet[1200] = { 0x0a, [5] = DFU_SMP_GROUP_IMG, [7] = DFU_SMP_IMG_UPLOAD };
    uint8_t page[1024], digest[32];
    struct dfu_cbor_encoder enc;

    memset(page, 0xff, sizeof page);
    memcpy(page, header, sizeof header);
    assert_int_equal(hex_bytes(sha, digest, sizeof digest), sizeof digest);
    dfu_cbor_encoder_init(&enc, packet + 8, sizeof packet - 8, true);
    dfu_cbor_begin_map(&enc);
    dfu_cbor_pair_uint(&enc, "off", 0);
    dfu_cbor_pair_uint(&enc, "len", 4096);
    dfu_cbor_pair_bytes(&enc, "sha", digest, sizeof digest);
    dfu_cbor_pair_bytes(&enc, "data", page, sizeof page);
    dfu_cbor_end(&enc);
    packet[2] = (uint8_t)(enc.len >> 8);
    packet[3] = (uint8_t)enc.len;
    smp_peer_receive(&world.peer, packet, 8 + enc.len);
}

/* The page group serves a running upload, a login answers a challenge; what they refuse here is
 * that there is none. */
static bool needs_upload(const struct row *row)
{
    return row->group == DFU_SMP_GROUP_PAGES && !row->v2;
}

static bool needs_challenge(const struct row *row)
{
    return row->group == DFU_SMP_GROUP_AUTH && row->id == DFU_SMP_AUTH_LOGIN && !row->v2;
}

static void start_for(const struct row *row)
{
    smp_world_init(&world);
    if (needs_upload(row)) {
        send_first_page();
    } else if (needs_challenge(row)) {
        smp_peer_receive_hex(&world.peer, "08 00 00 01 00 42 00 01 a0");
    }
}

static void expect_rows(const struct row *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (unsigned version = DFU_SMP_V1; version <= DFU_SMP_V2; version++) {
            struct packet request = request_of(&table[i], version);

            start_for(&table[i]);
            smp_peer_receive(&world.peer, request.data, request.len);
            assert_int_equal(world.peer.count, 1);
            expect_answer(0, &table[i], version);
            smp_world_free(&world);
        }
    }
}

static void every_command_answers_these_bytes_in_both_versions(void **state)
{
    (void)state;
    expect_rows(rows, COUNT(rows));
}

static void refusals_are_group_codes_in_version_2_and_translated_in_version_1(void **state)
{
    (void)state;
    expect_rows(refusals, COUNT(refusals));
}

static bool has_row(uint16_t group, unsigned id, uint8_t op)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].group == group && rows[i].id == id && rows[i].op == op) {
            return true;
        }
    }
    return false;
}

static void expect_row(const struct dfu_smp_group *group, unsigned id, uint8_t op, bool is_served)
{
    if (has_row(group->id, id, op) != is_served) {
        fail_msg("group %u, command %u, op %u: %s", group->id, id, op,
                 is_served ? "served, but has no row above" : "has a row, but is not served");
    }
}

static void every_command_that_is_served_has_a_row(void **state)
{
    (void)state;
    smp_world_init(&world);
    for (size_t i = 0; i < SMP_WORLD_GROUPS; i++) {
        const struct dfu_smp_group *group = world.bindings[i].group;

        for (unsigned id = 0; id < group->command_count; id++) {
            expect_row(group, id, DFU_SMP_READ, group->commands[id].read != NULL);
            expect_row(group, id, DFU_SMP_WRITE, group->commands[id].write != NULL);
        }
    }
    smp_world_free(&world);
}

/* A group of the library that this device lacked would lack its rows, too. */
static void every_group_of_the_library_is_served_here(void **state)
{
    glob_t sources;

    (void)state;
    smp_world_init(&world);
    assert_int_equal(glob(DFU_SOURCE_DIR "/src/smp/group_*.c", 0, NULL, &sources), 0);
    assert_int_equal(sources.gl_pathc, SMP_WORLD_GROUPS);
    globfree(&sources);
    for (size_t i = 0; i < SMP_WORLD_GROUPS; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(world.bindings[i].group->id, world.bindings[j].group->id);
        }
    }
    smp_world_free(&world);
}

/* ---- Several requests in one packet ---- */

static void append(struct packet *to, const struct packet *more)
{
    assert_true(to->len + more->len <= sizeof to->data);
    memcpy(to->data + to->len, more->data, more->len);
    to->len += more->len;
}

/* Only rows that leave the next one a device as it was at its start. */
static bool changes_nothing(const struct row *row)
{
    return row->op == DFU_SMP_READ && row->group != DFU_SMP_GROUP_SETTINGS && !needs_upload(row);
}

static void every_two_requests_of_a_packet_are_answered_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t j = 0; changes_nothing(&rows[i]) && j < COUNT(rows); j++) {
            unsigned second = (i + j) % 2 ? DFU_SMP_V1 : DFU_SMP_V2;
            struct packet both = request_of(&rows[i], DFU_SMP_V2);
            struct packet more = request_of(&rows[j], second);

            if (needs_upload(&rows[j]) || needs_challenge(&rows[j])) {
                continue; /* the first answer would tell of it */
            }
            append(&both, &more);
            smp_world_init(&world);
            smp_peer_receive(&world.peer, both.data, both.len);
            assert_int_equal(world.peer.count, 2);
            expect_answer(0, &rows[i], DFU_SMP_V2);
            expect_answer(1, &rows[j], second);
            smp_world_free(&world);
        }
    }
}

static void behind_a_groups_refusal_the_packet_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct packet both = request_of(&refusals[i], DFU_SMP_V2);
        struct packet more = request_of(&rows[0], DFU_SMP_V2);
        bool is_groups = refusals[i].v2 != NULL;

        append(&both, &more);
        smp_world_init(&world);
        smp_peer_receive(&world.peer, both.data, both.len);
        assert_int_equal(world.peer.count, is_groups ? 2 : 1);
        expect_answer(0, &refusals[i], DFU_SMP_V2);
        if (is_groups) {
            expect_answer(1, &rows[0], DFU_SMP_V2);
        }
        smp_world_free(&world);
    }
}

/* ---- Codes ---- */

/* Section 1.7: what version 1 gets for the codes from 2 on; 1 is 1 everywhere. */
static const struct {
    const struct dfu_smp_group *group;
    uint8_t count;
    uint8_t v1[33];
} translations[] = {
    { &dfu_smp_group_os, 6, { 3, 5, 5, 1, 5, 1 } },
    { &dfu_smp_group_img, 33, { 1, 5, 5, 1, 1, 1, 1, 6, 1, 1, 1, 1, 3, 2, 1, 1, 1,
                                3, 3, 3, 3, 1, 3, 3, 1, 6, 6, 1, 1, 1, 1, 1, 1 } },
    { &dfu_smp_group_stat, 4, { 5, 5, 3, 1 } },
    { &dfu_smp_group_settings, 7, { 3, 5, 5, 1, 1, 1, 1 } },
    { &dfu_smp_group_fs, 15, { 3, 5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 5, 1, 1 } },
    { &dfu_smp_group_shell, 2, { 3, 3 } },
    { &dfu_smp_group_enum, 3, { 3, 1, 1 } },
    { &dfu_smp_group_basic, 3, { 5, 1, 1 } },         /* Zephyr: 5, 0, 0, and 0 reads as success */
    { &dfu_smp_group_pages, 5, { 6, 6, 11, 3, 1 } },  /* docs/DIFFERENCE.md */
    { &dfu_smp_group_auth, 5, { 11, 6, 11, 6, 10 } }, /* docs/AUTH.md */
};

static uint8_t translated(const struct dfu_smp_group *group, uint8_t code)
{
    return code < group->to_v1_count ? group->to_v1[code] : DFU_SMP_EUNKNOWN;
}

static void codes_are_translated_as_the_protocol_has_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(translations); i++) {
        const struct dfu_smp_group *group = translations[i].group;

        assert_int_equal(translated(group, 1), DFU_SMP_EUNKNOWN);
        assert_true(group->to_v1_count <= translations[i].count + 2);
        for (uint8_t code = 0; code < translations[i].count; code++) {
            assert_int_equal(translated(group, code + 2), translations[i].v1[code]);
            assert_non_null(dfu_smp_err_name(group->id, code + 2u));
        }
        assert_null(dfu_smp_err_name(group->id, translations[i].count + 2u));
    }
}

/* ---- Main ---- */

static void print_packet(const struct packet *p, char end)
{
    for (size_t i = 0; i < p->len; i++) {
        printf("%02x", p->data[i]);
    }
    putchar(end);
}

static void print_rows(const struct row *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (unsigned version = DFU_SMP_V1; version <= DFU_SMP_V2; version++) {
            struct packet request = request_of(&table[i], version);
            struct packet answer = answer_of(&table[i], version);

            printf("%u %u %u ", table[i].group, table[i].id, version);
            print_packet(&request, ' ');
            print_packet(&answer, '\n');
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_answers_these_bytes_in_both_versions),
        cmocka_unit_test(refusals_are_group_codes_in_version_2_and_translated_in_version_1),
        cmocka_unit_test(every_command_that_is_served_has_a_row),
        cmocka_unit_test(every_group_of_the_library_is_served_here),
        cmocka_unit_test(every_two_requests_of_a_packet_are_answered_in_order),
        cmocka_unit_test(behind_a_groups_refusal_the_packet_goes_on),
        cmocka_unit_test(codes_are_translated_as_the_protocol_has_them),
    };

    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        print_rows(rows, COUNT(rows));
        print_rows(refusals, COUNT(refusals));
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
