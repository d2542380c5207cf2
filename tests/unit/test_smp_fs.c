/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/crypto.h"
#include "dfu/err.h"
#include "dfu/smp_fs.h"
#include "hex.h"
#include "smp_peer.h"

/* One file of up to 1000 bytes, in memory, that counts how often it is open. */
struct disk {
    uint8_t data[1000];
    uint32_t size;
    bool exists;
    int open, opens;
    int open_err, io_err, close_err;
    char path[DFU_SMP_FS_PATH_MAX + 1];
};

static struct disk disk;
static struct dfu_smp_fs fs;
static const struct dfu_smp_binding bindings[] = { { &dfu_smp_group_fs, &fs } };
static struct smp_peer peer;

static int open_any(struct disk *d, const char *path, void **file)
{
    if (d->open_err) {
        return d->open_err;
    }
    snprintf(d->path, sizeof d->path, "%s", path);
    d->open++;
    d->opens++;
    *file = d;
    return 0;
}

static int open_read(void *ctx, const char *path, void **file)
{
    struct disk *d = ctx;

    return d->exists || d->open_err ? open_any(d, path, file) : DFU_ERR_NOENT;
}

static int open_write(void *ctx, const char *path, void **file)
{
    struct disk *d = ctx;

    d->exists = d->open_err == 0;
    return open_any(d, path, file);
}

static int size_of(void *ctx, void *file, uint32_t *size)
{
    const struct disk *d = file;

    (void)ctx;
    *size = d->size;
    return 0;
}

static int read_at(void *ctx, void *file, uint32_t off, void *buf, size_t len)
{
    const struct disk *d = file;

    (void)ctx;
    assert_true(off + len <= d->size || d->io_err);
    if (d->io_err) {
        return d->io_err;
    }
    memcpy(buf, d->data + off, len);
    return (int)len;
}

static int write_at(void *ctx, void *file, uint32_t off, const void *data, size_t len)
{
    struct disk *d = file;

    (void)ctx;
    if (d->io_err || off + len > sizeof d->data) {
        return DFU_ERR_NOSPACE;
    }
    memcpy(d->data + off, data, len);
    d->size = off + (uint32_t)len;
    return 0;
}

static int truncate_it(void *ctx, void *file)
{
    struct disk *d = file;

    (void)ctx;
    d->size = 0;
    return d->io_err;
}

static int close_it(void *ctx, void *file)
{
    struct disk *d = file;

    (void)ctx;
    d->open--;
    return d->close_err;
}

static const struct dfu_fs_ops ops = { open_read, open_write,  size_of, read_at,
                                       write_at,  truncate_it, close_it };

static int fresh_peer(void **state)
{
    (void)state;
    memset(&disk, 0, sizeof disk);
    fs = (struct dfu_smp_fs){ .ops = &ops, .ctx = &disk, .sha256 = &dfu_sha256_openssl };
    smp_peer_init(&peer, bindings, 1);
    return 0;
}

static void put_file(const char *content)
{
    disk.exists = true;
    disk.size = (uint32_t)strlen(content);
    memcpy(disk.data, content, disk.size);
}

/* Every request below names this file: {"name": "/lfs/a", ...}. */
#define NAME    "64 6e 61 6d 65 66 2f 6c 66 73 2f 61 "
#define OTHER   "64 6e 61 6d 65 66 2f 6c 66 73 2f 62 "
#define OFF     "63 6f 66 66 "
#define LEN     "63 6c 65 6e "
#define DATA    "64 64 61 74 61 "
#define TYPE    "64 74 79 70 65 "
#define OUTPUT  "66 6f 75 74 70 75 74 "
#define ERR(rc) "bf 63 65 72 72 bf 65 67 72 6f 75 70 08 62 72 63 " rc " ff ff"

/* ---- Upload ---- */

static void a_file_is_sent_as_in_the_worked_example(void **state)
{
    (void)state;
    smp_peer_expect(&peer,
                    "0a 00 00 21 00 08 70 00 a4 " NAME OFF "00 " LEN "04 " DATA "44 61 62 63 64",
                    "0b 00 00 07 00 08 70 00 bf 63 6f 66 66 04 ff");
    assert_int_equal(disk.size, 4);
    assert_memory_equal(disk.data, "abcd", 4);
    assert_string_equal(disk.path, "/lfs/a");
    assert_int_equal(disk.open, 0);
}

static void a_file_in_parts_is_opened_once_and_closed_at_its_end(void **state)
{
    (void)state;
    smp_peer_write(&peer, 8, 0, "a4 " NAME OFF "00 " LEN "06 " DATA "42 61 62", "bf " OFF "02 ff");
    smp_peer_write(&peer, 8, 0, "a3 " NAME OFF "02 " DATA "42 63 64", "bf " OFF "04 ff");
    assert_int_equal(disk.open, 1);
    smp_peer_write(&peer, 8, 0, "a3 " NAME OFF "04 " DATA "42 65 66", "bf " OFF "06 ff");
    assert_int_equal(disk.open, 0);
    assert_int_equal(disk.opens, 1);
    assert_memory_equal(disk.data, "abcdef", 6);
}

static void an_upload_replaces_what_was_there(void **state)
{
    (void)state;
    put_file("a longer file");
    smp_peer_write(&peer, 8, 0, "a4 " NAME OFF "00 " LEN "02 " DATA "42 61 62", "bf " OFF "02 ff");
    assert_int_equal(disk.size, 2);
    smp_peer_write(&peer, 8, 0, "a4 " NAME OFF "00 " LEN "00 " DATA "40", "bf " OFF "00 ff");
    assert_int_equal(disk.size, 0);
    assert_int_equal(disk.open, 0);
}

static void a_wrong_offset_is_answered_with_where_the_file_ends(void **state)
{
    (void)state;
    put_file("abcd");
    smp_peer_expect(&peer, "0a 00 00 19 00 08 71 00 a3 " NAME OFF "06 " DATA "41 61",
                    "0b 00 00 18 00 08 71 00 bf 63 65 72 72 bf 65 67 72 6f 75 70 08 62 72 63 0b ff "
                    "63 6c 65 6e 04 ff");
    assert_int_equal(disk.open, 0);
    smp_peer_expect(&peer, "02 00 00 19 00 08 71 00 a3 " NAME OFF "06 " DATA "41 61",
                    "03 00 00 06 00 08 71 00 bf 62 72 63 01 ff");
}

/* One chunk was lost, and those behind it come too early: the file stays open for it. */
static void a_chunk_too_early_does_not_end_an_upload(void **state)
{
    (void)state;
    smp_peer_write(&peer, 8, 0, "a4 " NAME OFF "00 " LEN "06 " DATA "42 61 62", "bf " OFF "02 ff");
    smp_peer_expect(&peer, "0a 00 00 1a 00 08 71 00 a3 " NAME OFF "04 " DATA "42 65 66",
                    "0b 00 00 18 00 08 71 00 bf 63 65 72 72 bf 65 67 72 6f 75 70 08 62 72 63 0b ff "
                    "63 6c 65 6e 02 ff");
    assert_int_equal(disk.open, 1);
    smp_peer_write(&peer, 8, 0, "a3 " NAME OFF "02 " DATA "42 63 64", "bf " OFF "04 ff");
    smp_peer_write(&peer, 8, 0, "a3 " NAME OFF "04 " DATA "42 65 66", "bf " OFF "06 ff");
    assert_int_equal(disk.open, 0);
    assert_int_equal(disk.opens, 1);
    assert_memory_equal(disk.data, "abcdef", 6);
}

static void an_upload_goes_on_after_a_pause_where_the_file_ends(void **state)
{
    (void)state;
    smp_peer_write(&peer, 8, 0, "a4 " NAME OFF "00 " LEN "06 " DATA "42 61 62", "bf " OFF "02 ff");
    dfu_smp_fs_close(&fs);
    smp_peer_write(&peer, 8, 0, "a3 " NAME OFF "02 " DATA "42 63 64", "bf " OFF "04 ff");
    assert_memory_equal(disk.data, "abcd", 4);
}

static void more_data_than_was_announced_is_refused(void **state)
{
    (void)state;
    smp_peer_write(&peer, 8, 0, "a4 " NAME OFF "00 " LEN "02 " DATA "43 61 62 63",
                   "bf 62 72 63 03 ff");
    assert_int_equal(disk.size, 0);
    assert_int_equal(disk.open, 0);
}

static void failures_of_the_disk_have_their_codes_and_close_the_file(void **state)
{
    (void)state;
    disk.io_err = DFU_ERR_IO;
    smp_peer_write(&peer, 8, 0, "a4 " NAME OFF "00 " LEN "02 " DATA "42 61 62", ERR("0a"));
    put_file("x");
    smp_peer_write(&peer, 8, 0, "a4 " NAME OFF "00 " LEN "02 " DATA "42 61 62", ERR("08"));
    smp_peer_read(&peer, 8, 0, "a2 " NAME OFF "00", ERR("07"));
    disk.io_err = 0;
    disk.close_err = DFU_ERR_IO;
    smp_peer_write(&peer, 8, 0, "a4 " NAME OFF "00 " LEN "02 " DATA "42 61 62", ERR("0a"));
    assert_int_equal(disk.open, 0);
}

static void what_is_wrong_with_a_name_is_told(void **state)
{
    static const struct {
        int err;
        const char *answer;
    } rows[] = {
        { DFU_ERR_NOENT, ERR("03") }, { DFU_ERR_NOTSUP, ERR("04") }, { DFU_ERR_INVAL, ERR("02") },
        { DFU_ERR_PERM, ERR("0f") },  { DFU_ERR_RANGE, ERR("0e") },  { DFU_ERR_IO, ERR("05") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        disk.open_err = rows[i].err;
        smp_peer_read(&peer, 8, 0, "a2 " NAME OFF "00", rows[i].answer);
        smp_peer_write(&peer, 8, 0, "a4 " NAME OFF "00 " LEN "01 " DATA "41 61", rows[i].answer);
        smp_peer_read(&peer, 8, 1, "a1 " NAME, rows[i].answer);
        smp_peer_read(&peer, 8, 2, "a1 " NAME, rows[i].answer);
    }
    disk.open_err = DFU_ERR_NOENT;
    smp_peer_expect(&peer, "00 00 00 0d 00 08 73 01 a1 " NAME,
                    "01 00 00 06 00 08 73 01 bf 62 72 63 05 ff");
}

static void incomplete_requests_are_invalid(void **state)
{
    static const char *const long_name =
        "a2 64 6e 61 6d 65 78 41 "
        "6161616161616161616161616161616161616161616161616161616161616161"
        "616161616161616161616161616161616161616161616161616161616161616161 " OFF "00";

    (void)state;
    smp_peer_read(&peer, 8, 0, "a1 " NAME, "bf 62 72 63 03 ff");
    smp_peer_read(&peer, 8, 0, "a1 " OFF "00", "bf 62 72 63 03 ff");
    smp_peer_read(&peer, 8, 0, long_name, "bf 62 72 63 03 ff");
    smp_peer_read(&peer, 8, 0, "a2 64 6e 61 6d 65 63 61 00 62 " OFF "00", "bf 62 72 63 03 ff");
    smp_peer_write(&peer, 8, 0, "a3 " NAME OFF "00 " DATA "41 61", "bf 62 72 63 03 ff");
    smp_peer_write(&peer, 8, 0, "a3 " NAME OFF "00 " LEN "01", "bf 62 72 63 03 ff");
    smp_peer_write(&peer, 8, 0, "a3 " NAME LEN "01 " DATA "41 61", "bf 62 72 63 03 ff");
    smp_peer_read(&peer, 8, 1, "a0", "bf 62 72 63 03 ff");
    smp_peer_read(&peer, 8, 2, "a2 " NAME LEN "00", "bf 62 72 63 03 ff");
    assert_int_equal(disk.opens, 0);
}

static void a_name_may_have_64_bytes(void **state)
{
    static const char longest[] =
        "6161616161616161616161616161616161616161616161616161616161616161"
        "6161616161616161616161616161616161616161616161616161616161616161";
    char request[160];

    (void)state;
    put_file("abcd");
    snprintf(request, sizeof request, "a1 64 6e 61 6d 65 78 40 %s", longest);
    smp_peer_read(&peer, 8, 1, request, "bf " LEN "04 ff");
    assert_int_equal(strlen(disk.path), DFU_SMP_FS_PATH_MAX);
}

/* ---- Download ---- */

static void a_file_is_fetched_as_in_the_worked_example(void **state)
{
    (void)state;
    put_file("abcd");
    smp_peer_expect(&peer, "08 00 00 12 00 08 72 00 a2 " NAME OFF "00",
                    "09 00 00 16 00 08 72 00 bf 63 6f 66 66 00 64 64 61 74 61 44 61 62 63 64 63 6c "
                    "65 6e 04 ff");
    assert_int_equal(disk.open, 0);
}

static void a_large_file_comes_in_chunks_that_fill_the_buffer(void **state)
{
    struct dfu_cbor_span data = { 0 };
    struct dfu_cbor_key keys[] = { { "data", DFU_CBOR_BYTES, &data, false } };
    struct dfu_cbor_span map;

    (void)state;
    disk.exists = true;
    disk.size = 700;
    for (uint32_t i = 0; i < disk.size; i++) {
        disk.data[i] = (uint8_t)i;
    }
    peer.server.response_cap = 384;
    smp_peer_receive_hex(&peer, "08 00 00 12 00 08 72 00 a2 " NAME OFF "00");
    map = (struct dfu_cbor_span){ peer.answers[0].data + 8, peer.answers[0].len - 8 };
    assert_int_equal(dfu_cbor_decode_map(map, keys, 1), 0);
    assert_int_equal(data.len, 334);
    assert_memory_equal(data.data, disk.data, 334);
    assert_int_equal(disk.open, 1);
    smp_peer_receive_hex(&peer, "08 00 00 14 00 08 72 00 a2 " NAME OFF "19 02 9c"); /* 668 */
    assert_int_equal(dfu_cbor_decode_map((struct dfu_cbor_span){ peer.answers[0].data + 8,
                                                                 peer.answers[0].len - 8 },
                                         (keys[0].found = false, keys), 1),
                     0);
    assert_int_equal(data.len, 32);
    assert_memory_equal(data.data, disk.data + 668, 32);
    assert_int_equal(disk.open, 0);
    assert_int_equal(disk.opens, 1);
}

static void an_empty_file_and_an_offset_at_the_end_have_no_data(void **state)
{
    (void)state;
    put_file("");
    smp_peer_read(&peer, 8, 0, "a2 " NAME OFF "00", "bf " OFF "00 " DATA "40 " LEN "00 ff");
    put_file("ab");
    smp_peer_read(&peer, 8, 0, "a2 " NAME OFF "02", "bf " OFF "02 " DATA "40 ff");
    smp_peer_read(&peer, 8, 0, "a2 " NAME OFF "03", ERR("0c"));
    assert_int_equal(disk.open, 0);
}

static void the_smallest_buffer_still_carries_some_data(void **state)
{
    (void)state;
    put_file("ab");
    peer.server.response_cap = 64;
    peer.link.max_frame = 64;
    smp_peer_read(&peer, 8, 0, "a2 " NAME OFF "00", "bf " OFF "00 " DATA "42 61 62 " LEN "02 ff");
}

/* ---- One file at a time ---- */

static void another_file_direction_or_link_closes_the_open_one(void **state)
{
    struct dfu_smp_link second = peer.link;
    static const uint8_t request[] = { 8,    0,   0,   18,   0,   8,    1,   0,   0xa2,
                                       0x64, 'n', 'a', 'm',  'e', 0x66, '/', 'l', 'f',
                                       's',  '/', 'a', 0x63, 'o', 'f',  'f', 0 };

    (void)state;
    disk.exists = true;
    disk.size = 900;
    peer.server.response_cap = 384;
    smp_peer_receive_hex(&peer, "08 00 00 12 00 08 72 00 a2 " NAME OFF "00");
    smp_peer_receive_hex(&peer, "08 00 00 12 00 08 72 00 a2 " NAME OFF "00");
    assert_int_equal(disk.opens, 1);
    smp_peer_receive_hex(&peer, "08 00 00 12 00 08 72 00 a2 " OTHER OFF "00");
    assert_int_equal(disk.opens, 2);
    smp_peer_write(&peer, 8, 0, "a4 " OTHER OFF "00 " LEN "02 " DATA "41 61", "bf " OFF "01 ff");
    assert_int_equal(disk.opens, 3);
    disk.size = 900;
    smp_peer_receive_hex(&peer, "08 00 00 12 00 08 72 00 a2 " NAME OFF "00");
    assert_int_equal(disk.opens, 4);
    second.ctx = &peer;
    peer.count = 0;
    assert_int_equal(dfu_smp_receive(&peer.server, request, sizeof request, &second), 0);
    assert_int_equal(disk.opens, 5);
    assert_int_equal(disk.open, 1);
}

static void the_close_command_and_silence_close_the_file(void **state)
{
    (void)state;
    disk.exists = true;
    disk.size = 900;
    peer.server.response_cap = 384;
    assert_int_equal(dfu_smp_fs_due_ms(&fs), UINT64_MAX);
    smp_peer_receive_hex(&peer, "08 00 00 12 00 08 72 00 a2 " NAME OFF "00");
    smp_peer_write(&peer, 8, 4, "a0", "bf ff");
    assert_int_equal(disk.open, 0);

    smp_peer_receive_hex(&peer, "08 00 00 12 00 08 72 00 a2 " NAME OFF "00");
    assert_int_equal(dfu_smp_fs_due_ms(&fs), 0);
    dfu_smp_fs_poll(&fs, 1000);
    assert_int_equal(dfu_smp_fs_due_ms(&fs), 1000 + DFU_SMP_FS_IDLE_CLOSE_MS);
    dfu_smp_fs_poll(&fs, 2999);
    assert_int_equal(disk.open, 1);
    dfu_smp_fs_poll(&fs, 3000);
    assert_int_equal(disk.open, 0);
    assert_int_equal(dfu_smp_fs_due_ms(&fs), UINT64_MAX);
}

/* ---- Status and hashes ---- */

static void status_and_checksums_are_as_in_the_worked_examples(void **state)
{
    (void)state;
    put_file("abcd");
    smp_peer_expect(&peer, "08 00 00 0d 00 08 73 01 a1 " NAME,
                    "09 00 00 07 00 08 73 01 bf 63 6c 65 6e 04 ff");
    smp_peer_expect(&peer, "08 00 00 18 00 08 74 02 a2 " NAME TYPE "65 63 72 63 33 32",
                    "09 00 00 1e 00 08 74 02 bf 64 74 79 70 65 65 63 72 63 33 32 63 6c 65 6e 04 66 "
                    "6f 75 74 70 75 74 1a ed 82 cd 11 ff");
    smp_peer_read(&peer, 8, 2, "a2 " NAME TYPE "66 73 68 61 32 35 36",
                  "bf " TYPE "66 73 68 61 32 35 36 " LEN "04 " OUTPUT
                  "58 20 88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589 ff");
    assert_int_equal(disk.open, 0);
}

static void a_part_of_a_file_can_be_hashed(void **state)
{
    (void)state;
    put_file("xabcdx");
    smp_peer_read(&peer, 8, 2, "a3 " NAME OFF "01 " LEN "04",
                  "bf " TYPE "65 63 72 63 33 32 " OFF "01 " LEN "04 " OUTPUT "1a ed 82 cd 11 ff");
    put_file("xabcd");
    smp_peer_read(&peer, 8, 2, "a3 " NAME OFF "01 " LEN "18 64",
                  "bf " TYPE "65 63 72 63 33 32 " OFF "01 " LEN "04 " OUTPUT "1a ed 82 cd 11 ff");
    smp_peer_read(&peer, 8, 2, "a2 " NAME OFF "05", ERR("0c"));
    put_file("");
    smp_peer_read(&peer, 8, 2, "a1 " NAME, ERR("10"));
    disk.size = 1;
    disk.io_err = DFU_ERR_IO;
    smp_peer_read(&peer, 8, 2, "a1 " NAME, ERR("07"));
    smp_peer_read(&peer, 8, 2, "a2 " NAME TYPE "66 73 68 61 32 35 36", ERR("07"));
    assert_int_equal(disk.open, 0);
}

static void the_kinds_of_checksums_are_told(void **state)
{
    (void)state;
    smp_peer_read(
        &peer, 8, 3, "a0",
        "bf 65 74 79 70 65 73 bf 65 63 72 63 33 32 bf 66 66 6f 72 6d 61 74 00 64 73 69 7a "
        "65 04 ff 66 73 68 61 32 35 36 bf 66 66 6f 72 6d 61 74 01 64 73 69 7a 65 18 20 ff "
        "ff ff");
    fs.sha256 = NULL;
    smp_peer_read(
        &peer, 8, 3, "a0",
        "bf 65 74 79 70 65 73 bf 65 63 72 63 33 32 bf 66 66 6f 72 6d 61 74 00 64 73 69 7a "
        "65 04 ff ff ff");
    put_file("abcd");
    smp_peer_read(&peer, 8, 2, "a2 " NAME TYPE "66 73 68 61 32 35 36", ERR("0d"));
    smp_peer_expect(&peer, "00 00 00 16 00 08 74 02 a2 " NAME TYPE "63 6d 64 35",
                    "01 00 00 06 00 08 74 02 bf 62 72 63 03 ff");
}

/* ---- Hooks ---- */

struct guard {
    unsigned seen[4];
    uint8_t refused; /* access, plus 1 */
};

static enum dfu_smp_hook_result watch(void *ctx, struct dfu_smp_event *event)
{
    const struct dfu_smp_fs_event *access = event->data;
    struct guard *guard = ctx;

    guard->seen[access->access]++;
    if (guard->refused == access->access + 1) {
        event->rc = DFU_SMP_EACCESSDENIED;
        return DFU_SMP_HOOK_RC;
    }
    strcpy(access->path, "/other/place");
    return DFU_SMP_HOOK_OK;
}

static void a_hook_is_asked_when_a_file_is_opened_and_may_send_it_elsewhere(void **state)
{
    struct guard guard = { 0 };
    struct dfu_smp_hook hook = { DFU_SMP_EV_FS_ACCESS, watch, &guard };

    (void)state;
    peer.server.hooks = &hook;
    peer.server.hook_count = 1;
    smp_peer_write(&peer, 8, 0, "a4 " NAME OFF "00 " LEN "02 " DATA "41 61", "bf " OFF "01 ff");
    smp_peer_write(&peer, 8, 0, "a3 " NAME OFF "01 " DATA "41 62", "bf " OFF "02 ff");
    assert_string_equal(disk.path, "/other/place");
    smp_peer_read(&peer, 8, 0, "a2 " NAME OFF "01", "bf " OFF "01 " DATA "41 62 ff");
    smp_peer_read(&peer, 8, 1, "a1 " NAME, "bf " LEN "02 ff");
    smp_peer_receive_hex(&peer, "08 00 00 0d 00 08 74 02 a1 " NAME);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(guard.seen[i], 1);
    }
    for (guard.refused = 1; guard.refused <= 4; guard.refused++) {
        disk.opens = 0;
        switch (guard.refused - 1) {
        case DFU_SMP_FS_ACCESS_READ:
            smp_peer_read(&peer, 8, 0, "a2 " NAME OFF "00", "bf 62 72 63 0b ff");
            break;
        case DFU_SMP_FS_ACCESS_WRITE:
            smp_peer_write(&peer, 8, 0, "a4 " NAME OFF "00 " LEN "01 " DATA "41 61",
                           "bf 62 72 63 0b ff");
            break;
        case DFU_SMP_FS_ACCESS_STATUS:
            smp_peer_read(&peer, 8, 1, "a1 " NAME, "bf 62 72 63 0b ff");
            break;
        default: smp_peer_read(&peer, 8, 2, "a1 " NAME, "bf 62 72 63 0b ff"); break;
        }
        assert_int_equal(disk.opens, 0);
    }
}

#define test(name) cmocka_unit_test_setup(name, fresh_peer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_file_is_sent_as_in_the_worked_example),
        test(a_file_in_parts_is_opened_once_and_closed_at_its_end),
        test(an_upload_replaces_what_was_there),
        test(a_wrong_offset_is_answered_with_where_the_file_ends),
        test(a_chunk_too_early_does_not_end_an_upload),
        test(an_upload_goes_on_after_a_pause_where_the_file_ends),
        test(more_data_than_was_announced_is_refused),
        test(failures_of_the_disk_have_their_codes_and_close_the_file),
        test(what_is_wrong_with_a_name_is_told),
        test(incomplete_requests_are_invalid),
        test(a_name_may_have_64_bytes),
        test(a_file_is_fetched_as_in_the_worked_example),
        test(a_large_file_comes_in_chunks_that_fill_the_buffer),
        test(an_empty_file_and_an_offset_at_the_end_have_no_data),
        test(the_smallest_buffer_still_carries_some_data),
        test(another_file_direction_or_link_closes_the_open_one),
        test(the_close_command_and_silence_close_the_file),
        test(status_and_checksums_are_as_in_the_worked_examples),
        test(a_part_of_a_file_can_be_hashed),
        test(the_kinds_of_checksums_are_told),
        test(a_hook_is_asked_when_a_file_is_opened_and_may_send_it_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
