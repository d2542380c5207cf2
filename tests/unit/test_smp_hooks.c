/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Every event of the server: when it comes, and what a hook's return does to the answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/trailer.h"
#include "hex.h"
#include "smp_world.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Section 5 of the protocol, and a request each that brings the event about. */
struct row {
    uint32_t event;
    uint16_t event_group;
    uint8_t bit;
    bool may_refuse;
    uint16_t group;
    uint8_t id, op;
    const char *request;
};

static const struct row rows[] = {
    { DFU_SMP_EV_CMD_RECV, 1, 0, true, DFU_SMP_GROUP_OS, DFU_SMP_OS_ECHO, DFU_SMP_WRITE,
      "a1 61 64 62 68 69" },
    { DFU_SMP_EV_CMD_STATUS, 1, 1, false, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE,
      "a6 63 6f 66 66 00 64 64 61 74 61 58 20 3d b8 f3 96 00 00 00 00 20 00 00 00 00 0c 00 00 00 00 00 00 01 02 03 00 00 00 00 00 00 00 00 00 65 69 6d 61 67 65 00 63 6c 65 6e 19 10 00 63 73 68 61 58 20 95 a8 2c f4 e6 4c 03 da 57 bb 60 2a b7 e9 da 4b 4c 68 c0 a0 84 e9 51 74 b0 a3 7e 82 88 1f e6 99 67 75 70 67 72 61 64 65 f4" },
    { DFU_SMP_EV_CMD_DONE, 1, 2, false, DFU_SMP_GROUP_OS, DFU_SMP_OS_ECHO, DFU_SMP_WRITE,
      "a1 61 64 62 68 69" },
    { DFU_SMP_EV_OS_RESET, 2, 0, true, DFU_SMP_GROUP_OS, DFU_SMP_OS_RESET, DFU_SMP_WRITE, "a0" },
    { DFU_SMP_EV_OS_INFO_CHECK, 2, 1, true, DFU_SMP_GROUP_OS, DFU_SMP_OS_INFO, DFU_SMP_READ,
      "a1 66 66 6f 72 6d 61 74 61 68" },
    { DFU_SMP_EV_OS_INFO_APPEND, 2, 2, true, DFU_SMP_GROUP_OS, DFU_SMP_OS_INFO, DFU_SMP_READ,
      "a1 66 66 6f 72 6d 61 74 61 73" },
    { DFU_SMP_EV_DATETIME_GET, 2, 3, true, DFU_SMP_GROUP_OS, DFU_SMP_OS_DATETIME, DFU_SMP_READ,
      "a0" },
    { DFU_SMP_EV_DATETIME_SET, 2, 4, true, DFU_SMP_GROUP_OS, DFU_SMP_OS_DATETIME, DFU_SMP_WRITE,
      "a1 68 64 61 74 65 74 69 6d 65 73 32 30 32 36 2d 31 31 2d 32 30 54 31 31 3a 35 36 3a 30 35" },
    { DFU_SMP_EV_OS_BOOTINFO, 2, 5, true, DFU_SMP_GROUP_OS, DFU_SMP_OS_BOOTINFO, DFU_SMP_READ,
      "a0" },
    { DFU_SMP_EV_DFU_CHUNK, 3, 0, true, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE,
      "a6 63 6f 66 66 00 64 64 61 74 61 58 20 3d b8 f3 96 00 00 00 00 20 00 00 00 00 0c 00 00 00 00 00 00 01 02 03 00 00 00 00 00 00 00 00 00 65 69 6d 61 67 65 00 63 6c 65 6e 19 10 00 63 73 68 61 58 20 95 a8 2c f4 e6 4c 03 da 57 bb 60 2a b7 e9 da 4b 4c 68 c0 a0 84 e9 51 74 b0 a3 7e 82 88 1f e6 99 67 75 70 67 72 61 64 65 f4" },
    { DFU_SMP_EV_DFU_STOPPED, 3, 1, false, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE,
      "a2 63 6f 66 66 00 64 64 61 74 61 41 78" },
    { DFU_SMP_EV_DFU_STARTED, 3, 2, false, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE,
      "a6 63 6f 66 66 00 64 64 61 74 61 58 20 3d b8 f3 96 00 00 00 00 20 00 00 00 00 0c 00 00 00 00 00 00 01 02 03 00 00 00 00 00 00 00 00 00 65 69 6d 61 67 65 00 63 6c 65 6e 19 10 00 63 73 68 61 58 20 95 a8 2c f4 e6 4c 03 da 57 bb 60 2a b7 e9 da 4b 4c 68 c0 a0 84 e9 51 74 b0 a3 7e 82 88 1f e6 99 67 75 70 67 72 61 64 65 f4" },
    { DFU_SMP_EV_DFU_PENDING, 3, 3, false, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE,
      "a3 63 6f 66 66 00 64 64 61 74 61 58 20 3d b8 f3 96 00 00 00 00 20 00 00 00 00 0c 00 00 00 00 00 00 01 02 03 00 00 00 00 00 00 00 00 00 63 6c 65 6e 18 20" },
    { DFU_SMP_EV_DFU_CONFIRMED, 3, 4, false, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_WRITE,
      "a1 67 63 6f 6e 66 69 72 6d f5" },
    { DFU_SMP_EV_DFU_CHUNK_WRITE_COMPLETE, 3, 5, false, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD,
      DFU_SMP_WRITE,
      "a6 63 6f 66 66 00 64 64 61 74 61 58 20 3d b8 f3 96 00 00 00 00 20 00 00 00 00 0c 00 00 00 00 00 00 01 02 03 00 00 00 00 00 00 00 00 00 65 69 6d 61 67 65 00 63 6c 65 6e 19 10 00 63 73 68 61 58 20 95 a8 2c f4 e6 4c 03 da 57 bb 60 2a b7 e9 da 4b 4c 68 c0 a0 84 e9 51 74 b0 a3 7e 82 88 1f e6 99 67 75 70 67 72 61 64 65 f4" },
    { DFU_SMP_EV_IMG_SLOT_STATE, 3, 6, false, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_READ,
      "a0" },
    { DFU_SMP_EV_SLOT_INFO_IMAGE, 3, 7, false, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_SLOT_INFO,
      DFU_SMP_READ, "a0" },
    { DFU_SMP_EV_SLOT_INFO_SLOT, 3, 8, false, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_SLOT_INFO,
      DFU_SMP_READ, "a0" },
    { DFU_SMP_EV_FS_ACCESS, 4, 0, true, DFU_SMP_GROUP_FS, DFU_SMP_FS_FILE, DFU_SMP_READ,
      "a2 64 6e 61 6d 65 66 2f 6c 66 73 2f 61 63 6f 66 66 00" },
    { DFU_SMP_EV_SETTINGS_ACCESS, 5, 0, true, DFU_SMP_GROUP_SETTINGS, DFU_SMP_SETTINGS_VALUE,
      DFU_SMP_WRITE, "a2 64 6e 61 6d 65 61 61 63 76 61 6c 41 62" },
    { DFU_SMP_EV_ENUM_DETAILS, 6, 0, false, DFU_SMP_GROUP_ENUM, DFU_SMP_ENUM_DETAILS, DFU_SMP_READ,
      "a0" },
};

static struct smp_world world;

struct listener {
    enum dfu_smp_hook_result result;
    uint16_t group, rc;
    unsigned calls;
    uint32_t events[64];
    unsigned event_count;
};

static enum dfu_smp_hook_result listen(void *ctx, struct dfu_smp_event *event)
{
    struct listener *l = ctx;

    assert_non_null(event->call);
    assert_true((event->data != NULL) == (event->size > 0));
    l->calls++;
    l->events[l->event_count++ % COUNT(l->events)] = event->id;
    event->group = l->group;
    event->rc = l->rc;
    return l->result;
}

/* ---- Requests ---- */

struct answer {
    uint8_t data[1024];
    size_t len;
};

static void send(const struct row *row, unsigned version)
{
    uint8_t packet[512];
    size_t len = hex_bytes(row->request, packet + DFU_SMP_HEADER_SIZE, sizeof packet - 8);
    struct dfu_smp_header header = { .op = row->op,
                                     .version = (uint8_t)version,
                                     .length = (uint16_t)len,
                                     .group = row->group,
                                     .seq = 7,
                                     .id = row->id };

    dfu_smp_header_encode(&header, packet);
    smp_peer_receive(&world.peer, packet, DFU_SMP_HEADER_SIZE + len);
    assert_int_equal(world.peer.count, 1);
}

/* A device on trial, so that there is something to confirm. */
static void start(const struct row *row)
{
    smp_world_init(&world);
    if (row->event == DFU_SMP_EV_DFU_CONFIRMED) {
        assert_int_equal(dfu_trailer_write_magic(&world.map, world.map.images[0].primary), 0);
        assert_int_equal(dfu_trailer_write_copy_done(&world.map, world.map.images[0].primary), 0);
    }
}

static struct answer answer_with(const struct row *row, unsigned version, struct listener *l)
{
    struct dfu_smp_hook hook = { row->event, listen, l };
    struct answer answer = { .len = 0 };

    start(row);
    world.peer.server.hooks = &hook;
    world.peer.server.hook_count = l ? 1 : 0;
    send(row, version);
    answer.len = world.peer.answers[0].len;
    memcpy(answer.data, world.peer.answers[0].data, answer.len);
    smp_world_free(&world);
    return answer;
}

static void expect_same(const struct answer *one, const struct answer *other)
{
    assert_int_equal(one->len, other->len);
    assert_memory_equal(one->data, other->data, one->len);
}

static void expect_body(const struct row *row, const struct answer *answer, const char *body)
{
    uint8_t expected[64];
    size_t len = hex_bytes(body, expected, sizeof expected);

    if (answer->len != DFU_SMP_HEADER_SIZE + len ||
        memcmp(answer->data + DFU_SMP_HEADER_SIZE, expected, len) != 0) {
        fail_msg("event %#x: not answered with %s", (unsigned)row->event, body);
    }
}

/* ---- Tests ---- */

static void events_have_the_numbers_of_the_protocol(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(rows[i].event, DFU_SMP_EVENT(rows[i].event_group, rows[i].bit));
    }
}

static void every_event_has_a_row(void **state)
{
    FILE *file = fopen(DFU_SOURCE_DIR "/include/dfu/smp.h", "r");
    char line[256];
    size_t events = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        events += strncmp(line, "    DFU_SMP_EV_", 15) == 0;
    }
    fclose(file);
    assert_int_equal(events, COUNT(rows));
}

static void a_hook_that_goes_on_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (unsigned version = DFU_SMP_V1; version <= DFU_SMP_V2; version++) {
            struct listener l = { .result = DFU_SMP_HOOK_OK, .group = 8, .rc = 3 };
            struct answer plain = answer_with(&rows[i], version, NULL);
            struct answer heard = answer_with(&rows[i], version, &l);

            if (l.calls == 0) {
                fail_msg("event %#x never came", (unsigned)rows[i].event);
            }
            expect_same(&plain, &heard);
        }
    }
}

static void a_code_of_the_protocol_is_answered_as_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (unsigned version = DFU_SMP_V1; rows[i].may_refuse && version <= DFU_SMP_V2;
             version++) {
            struct listener l = { .result = DFU_SMP_HOOK_RC, .group = 8, .rc = DFU_SMP_EBUSY };
            struct answer answer = answer_with(&rows[i], version, &l);

            expect_body(&rows[i], &answer, "bf 62 72 63 0a ff");
            l.rc = 0; /* a refusal must not read as success */
            answer = answer_with(&rows[i], version, &l);
            expect_body(&rows[i], &answer, "bf 62 72 63 01 ff");
        }
    }
}

static void a_code_of_a_group_is_answered_as_one_and_translated_by_that_group(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct listener files = { .result = DFU_SMP_HOOK_ERR, .group = 8, .rc = 3 };
        struct listener unknown = { .result = DFU_SMP_HOOK_ERR, .group = 70, .rc = 3 };
        struct answer answer;

        if (!rows[i].may_refuse) {
            continue;
        }
        answer = answer_with(&rows[i], DFU_SMP_V2, &files);
        expect_body(&rows[i], &answer, "bf 63 65 72 72 bf 65 67 72 6f 75 70 08 62 72 63 03 ff ff");
        answer = answer_with(&rows[i], DFU_SMP_V1, &files);
        expect_body(&rows[i], &answer, "bf 62 72 63 05 ff");
        answer = answer_with(&rows[i], DFU_SMP_V2, &unknown);
        expect_body(&rows[i], &answer,
                    "bf 63 65 72 72 bf 65 67 72 6f 75 70 18 46 62 72 63 03 ff ff");
        answer = answer_with(&rows[i], DFU_SMP_V1, &unknown);
        expect_body(&rows[i], &answer, "bf 62 72 63 01 ff");
    }
}

static void where_nothing_can_be_refused_a_refusal_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct listener rc = { .result = DFU_SMP_HOOK_RC, .rc = DFU_SMP_EBUSY };
        struct listener err = { .result = DFU_SMP_HOOK_ERR, .group = 8, .rc = 3 };
        struct answer plain, refused;

        if (rows[i].may_refuse) {
            continue;
        }
        plain = answer_with(&rows[i], DFU_SMP_V2, NULL);
        refused = answer_with(&rows[i], DFU_SMP_V2, &rc);
        expect_same(&plain, &refused);
        refused = answer_with(&rows[i], DFU_SMP_V2, &err);
        expect_same(&plain, &refused);
    }
}

static const struct row *row_of(uint32_t event)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].event == event) {
            return &rows[i];
        }
    }
    fail();
    return NULL;
}

/* What was refused was not done either. */
static void a_refused_command_leaves_the_device_as_it_was(void **state)
{
    static const uint32_t events[] = { DFU_SMP_EV_CMD_RECV, DFU_SMP_EV_OS_RESET };
    uint8_t value[DFU_SETTING_VALUE_MAX];
    struct listener l = { .result = DFU_SMP_HOOK_RC, .rc = DFU_SMP_EBUSY };
    struct dfu_smp_hook hook = { .call = listen, .ctx = &l };

    (void)state;
    smp_world_init(&world);
    world.peer.server.hooks = &hook;
    world.peer.server.hook_count = 1;
    for (size_t i = 0; i < COUNT(events); i++) {
        hook.events = events[i];
        send(row_of(DFU_SMP_EV_OS_RESET), DFU_SMP_V2);
        assert_int_equal(world.resets, 0);
    }
    hook.events = DFU_SMP_EV_DATETIME_SET;
    send(row_of(DFU_SMP_EV_DATETIME_SET), DFU_SMP_V2);
    assert_int_equal(world.time.millisecond, 366);
    hook.events = DFU_SMP_EV_SETTINGS_ACCESS;
    send(row_of(DFU_SMP_EV_SETTINGS_ACCESS), DFU_SMP_V2);
    assert_true(dfu_settings_get(&world.store, "a", 1, value, sizeof value) < 0);
    hook.events = DFU_SMP_EV_FS_ACCESS;
    send(row_of(DFU_SMP_EV_FS_ACCESS), DFU_SMP_V2);
    assert_int_equal(world.open_files, 0);
    hook.events = DFU_SMP_EV_DFU_CHUNK;
    send(row_of(DFU_SMP_EV_DFU_CHUNK), DFU_SMP_V2);
    assert_false(world.img.upload.is_active);
    assert_int_equal(world.nor->flash.ops, 0);
    smp_world_free(&world);
}

/* ---- Order ---- */

static void expect_order(const struct row *row, const uint32_t *events, size_t count)
{
    struct listener l = { .result = DFU_SMP_HOOK_OK };
    struct dfu_smp_hook hook = { DFU_SMP_EVENT_ALL, listen, &l };

    smp_world_init(&world);
    world.peer.server.hooks = &hook;
    world.peer.server.hook_count = 1;
    send(row, DFU_SMP_V2);
    smp_world_free(&world);
    assert_int_equal(l.event_count, count);
    assert_memory_equal(l.events, events, count * sizeof events[0]);
}

static void an_upload_tells_its_events_in_this_order(void **state)
{
    static const uint32_t first[] = { DFU_SMP_EV_CMD_RECV,    DFU_SMP_EV_DFU_CHUNK,
                                      DFU_SMP_EV_DFU_STARTED, DFU_SMP_EV_DFU_CHUNK_WRITE_COMPLETE,
                                      DFU_SMP_EV_CMD_STATUS,  DFU_SMP_EV_CMD_DONE };
    static const uint32_t whole[] = { DFU_SMP_EV_CMD_RECV,    DFU_SMP_EV_DFU_CHUNK,
                                      DFU_SMP_EV_DFU_STARTED, DFU_SMP_EV_DFU_PENDING,
                                      DFU_SMP_EV_CMD_STATUS,  DFU_SMP_EV_CMD_DONE };
    static const uint32_t refused[] = { DFU_SMP_EV_CMD_RECV, DFU_SMP_EV_DFU_STOPPED,
                                        DFU_SMP_EV_CMD_DONE };

    (void)state;
    expect_order(row_of(DFU_SMP_EV_DFU_CHUNK), first, COUNT(first));
    expect_order(row_of(DFU_SMP_EV_DFU_PENDING), whole, COUNT(whole));
    expect_order(row_of(DFU_SMP_EV_DFU_STOPPED), refused, COUNT(refused));
}

/* ---- What events carry ---- */

static enum dfu_smp_hook_result note_status(void *ctx, struct dfu_smp_event *event)
{
    const struct dfu_smp_status_event *status = event->data;

    assert_int_equal(event->size, sizeof *status);
    assert_int_equal(status->group, DFU_SMP_GROUP_IMG);
    assert_int_equal(status->id, DFU_SMP_IMG_UPLOAD);
    *(enum dfu_smp_status *)ctx = status->status;
    return DFU_SMP_HOOK_OK;
}

static void an_upload_is_started_then_ongoing_then_complete(void **state)
{
    enum dfu_smp_status status = DFU_SMP_COMPLETE;
    struct dfu_smp_hook hook = { DFU_SMP_EV_CMD_STATUS, note_status, &status };

    (void)state;
    smp_world_init(&world);
    world.peer.server.hooks = &hook;
    world.peer.server.hook_count = 1;
    /* {"off": 0, "data": a header, "len": 48}, then 8 bytes twice */
    smp_peer_write(&world.peer, 1, 1,
                   "a3 63 6f 66 66 00 64 64 61 74 61 58 20 3d b8 f3 96 00 00 00 00 20 00 00 00 10 "
                   "00 00 00 00 00 00 00 01 02 03 00 00 00 00 00 00 00 00 00 63 6c 65 6e 18 30",
                   "bf 63 6f 66 66 18 20 ff");
    assert_int_equal(status, DFU_SMP_STARTED);
    smp_peer_write(&world.peer, 1, 1,
                   "a2 63 6f 66 66 18 20 64 64 61 74 61 48 00 00 00 00 00 00 00 00",
                   "bf 63 6f 66 66 18 28 ff");
    assert_int_equal(status, DFU_SMP_ONGOING);
    smp_peer_write(&world.peer, 1, 1,
                   "a2 63 6f 66 66 18 28 64 64 61 74 61 48 00 00 00 00 00 00 00 00",
                   "bf 63 6f 66 66 18 30 ff");
    assert_int_equal(status, DFU_SMP_COMPLETE);
    smp_world_free(&world);
}

/* The last event: its data, and how often flash had been touched when it came. */
struct note {
    union {
        struct dfu_smp_chunk_event chunk;
        struct dfu_smp_command_event command;
        struct dfu_smp_time time;
        uint32_t image;
    } data;
    size_t size;
    unsigned calls;
    uint32_t flash_ops;
    uint8_t first_byte; /* of a chunk, which lasts no longer than its event */
};

static enum dfu_smp_hook_result note_data(void *ctx, struct dfu_smp_event *event)
{
    struct note *note = ctx;

    assert_true(event->size <= sizeof note->data);
    if (event->data) {
        memcpy(&note->data, event->data, event->size);
    }
    note->size = event->size;
    if (event->id == DFU_SMP_EV_DFU_CHUNK || event->id == DFU_SMP_EV_DFU_PENDING) {
        note->first_byte = note->data.chunk.data[0];
    }
    note->calls++;
    note->flash_ops = world.nor->flash.ops;
    return DFU_SMP_HOOK_OK;
}

/* Tell note of this event alone; the hook lasts as long as the world. */
static void listen_to(uint32_t event, struct note *note)
{
    static struct dfu_smp_hook hook;

    hook = (struct dfu_smp_hook){ event, note_data, note };
    *note = (struct note){ 0 };
    world.peer.server.hooks = &hook;
    world.peer.server.hook_count = 1;
}

static void expect_chunk(const struct note *note, uint32_t off, uint32_t len, uint8_t first_byte)
{
    const struct dfu_smp_chunk_event *chunk = &note->data.chunk;

    assert_int_equal(note->calls, 1);
    assert_int_equal(note->size, sizeof *chunk);
    assert_int_equal(chunk->image, 0);
    assert_int_equal(chunk->slot, 1);
    assert_int_equal(chunk->off, off);
    assert_int_equal(chunk->size, 48);
    assert_int_equal(chunk->len, len);
    assert_int_equal(note->first_byte, first_byte);
    assert_true(chunk->is_first == (off == 0));
}

static void a_chunk_is_told_with_its_place_before_flash_is_touched(void **state)
{
    struct note note;

    (void)state;
    smp_world_init(&world);
    listen_to(DFU_SMP_EV_DFU_CHUNK, &note);
    /* {"off": 0, "data": a header, "len": 48}, then 16 bytes */
    smp_peer_write(&world.peer, 1, 1,
                   "a3 63 6f 66 66 00 64 64 61 74 61 58 20 3d b8 f3 96 00 00 00 00 20 00 00 00 "
                   "10 00 00 00 00 00 00 00 01 02 03 00 00 00 00 00 00 00 00 00 63 6c 65 6e 18 30",
                   "bf 63 6f 66 66 18 20 ff");
    expect_chunk(&note, 0, 32, 0x3d);
    assert_int_equal(note.flash_ops, 0);
    listen_to(DFU_SMP_EV_DFU_PENDING, &note);
    smp_peer_write(&world.peer, 1, 1,
                   "a2 63 6f 66 66 18 20 64 64 61 74 61 50 77 01 02 03 04 05 06 07 08 09 0a 0b "
                   "0c 0d 0e 0f",
                   "bf 63 6f 66 66 18 30 ff");
    expect_chunk(&note, 32, 16, 0x77);
    smp_world_free(&world);
}

static void a_new_time_is_told_before_it_counts(void **state)
{
    struct note note;
    const struct dfu_smp_time *time = &note.data.time;

    (void)state;
    smp_world_init(&world);
    listen_to(DFU_SMP_EV_DATETIME_SET, &note);
    /* "2031-02-03T04:05:06" */
    smp_peer_write(&world.peer, 0, 4,
                   "a1 68 64 61 74 65 74 69 6d 65 73 32 30 33 31 2d 30 32 2d 30 33 54 30 34 3a 30 "
                   "35 3a 30 36",
                   "bf ff");
    assert_int_equal(note.size, sizeof note.data.time);
    assert_true(time->year == 2031 && time->month == 2 && time->day == 3);
    assert_true(time->hour == 4 && time->minute == 5 && time->second == 6);
    smp_world_free(&world);
}

static void a_confirmation_tells_its_image(void **state)
{
    const struct row *row = row_of(DFU_SMP_EV_DFU_CONFIRMED);
    struct note note;

    (void)state;
    start(row);
    listen_to(DFU_SMP_EV_DFU_CONFIRMED, &note);
    note.data.image = 99;
    send(row, DFU_SMP_V2);
    assert_int_equal(note.calls, 1);
    assert_int_equal(note.size, sizeof note.data.image);
    assert_int_equal(note.data.image, 0);
    smp_world_free(&world);
}

/* CMD_DONE: 0, a code of the protocol, or a group's, negative. */
static void the_end_of_a_command_tells_what_came_of_it(void **state)
{
    struct note note;

    (void)state;
    smp_world_init(&world);
    listen_to(DFU_SMP_EV_CMD_DONE, &note);
    smp_peer_read(&world.peer, 10, 0, "a0", "bf 65 63 6f 75 6e 74 0d ff");
    assert_int_equal(note.data.command.group, 10);
    assert_int_equal(note.data.command.id, 0);
    assert_int_equal(note.data.command.result, 0);
    smp_peer_write(&world.peer, 0, 0, "a0", "bf 62 72 63 03 ff");
    assert_int_equal(note.data.command.op, DFU_SMP_WRITE);
    assert_int_equal(note.data.command.result, DFU_SMP_EINVAL);
    smp_peer_write(&world.peer, 1, 5, "a1 64 73 6c 6f 74 00",
                   "bf 63 65 72 72 bf 65 67 72 6f 75 70 01 62 72 63 09 ff ff");
    assert_int_equal(note.data.command.id, 5);
    assert_true(note.data.command.result < 0);
    smp_world_free(&world);
}

/* Adds "x" with what the event says. */
static enum dfu_smp_hook_result add_key(void *ctx, struct dfu_smp_event *event)
{
    const struct dfu_smp_slot_state_event *state = event->data;
    const struct dfu_smp_slot_info_event *info = event->data;

    (void)ctx;
    if (event->id == DFU_SMP_EV_IMG_SLOT_STATE) {
        assert_int_equal(state->version->minor, 2);
        assert_int_equal(state->hash_len, 32);
        assert_int_equal(state->hash[0], state->slot * 0x20);
        assert_true(state->bootable && state->active == (state->slot == 0));
        dfu_cbor_pair_uint(state->enc, "x", state->slot);
    } else if (event->id == DFU_SMP_EV_SLOT_INFO_SLOT) {
        dfu_cbor_pair_uint(info->enc, "x", info->area->size + info->slot);
    } else {
        dfu_cbor_pair_uint(info->enc, "x", info->image);
    }
    return DFU_SMP_HOOK_OK;
}

static void hooks_add_keys_to_the_image_list(void **state)
{
    static const struct dfu_smp_hook hook = { DFU_SMP_EV_IMG_SLOT_STATE, add_key, NULL };

    (void)state;
    smp_world_init(&world);
    world.img.frugal_list = true;
    world.peer.server.hooks = &hook;
    world.peer.server.hook_count = 1;
    smp_peer_read(
        &world.peer, 1, 0, "a0",
        "bf 66 69 6d 61 67 65 73 9f bf 64 73 6c 6f 74 00 67 76 65 72 73 69 6f 6e 65 31 2e 32 2e 33 "
        "64 68 61 73 68 58 20 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 "
        "17 18 19 1a 1b 1c 1d 1e 1f 68 62 6f 6f 74 61 62 6c 65 f5 69 63 6f 6e 66 69 72 6d 65 64 f5 "
        "66 61 63 74 69 76 65 f5 61 78 00 ff bf 64 73 6c 6f 74 01 67 76 65 72 73 69 6f 6e 67 31 2e "
        "32 2e 34 2e 37 64 68 61 73 68 58 20 20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f 30 31 "
        "32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f 68 62 6f 6f 74 61 62 6c 65 f5 61 78 01 ff ff "
        "ff");
    smp_world_free(&world);
}

static void hooks_add_keys_to_slots_and_images_of_slot_info(void **state)
{
    static const struct dfu_smp_hook hook = {
        DFU_SMP_EV_SLOT_INFO_SLOT | DFU_SMP_EV_SLOT_INFO_IMAGE, add_key, NULL
    };

    (void)state;
    smp_world_init(&world);
    world.peer.server.hooks = &hook;
    world.peer.server.hook_count = 1;
    smp_peer_read(
        &world.peer, 1, 6, "a0",
        "bf 66 69 6d 61 67 65 73 9f bf 65 69 6d 61 67 65 00 65 73 6c 6f 74 73 9f bf 64 73 "
        "6c 6f 74 00 64 73 69 7a 65 19 20 00 61 78 19 20 00 ff bf 64 73 6c 6f 74 01 64 73 "
        "69 7a 65 19 20 00 6f 75 70 6c 6f 61 64 5f 69 6d 61 67 65 5f 69 64 00 61 78 19 20 "
        "01 ff ff 6e 6d 61 78 5f 69 6d 61 67 65 5f 73 69 7a 65 19 18 00 61 78 00 ff ff ff");
    smp_world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_have_the_numbers_of_the_protocol),
        cmocka_unit_test(every_event_has_a_row),
        cmocka_unit_test(a_hook_that_goes_on_changes_nothing),
        cmocka_unit_test(a_code_of_the_protocol_is_answered_as_it_is),
        cmocka_unit_test(a_code_of_a_group_is_answered_as_one_and_translated_by_that_group),
        cmocka_unit_test(where_nothing_can_be_refused_a_refusal_changes_nothing),
        cmocka_unit_test(a_refused_command_leaves_the_device_as_it_was),
        cmocka_unit_test(an_upload_tells_its_events_in_this_order),
        cmocka_unit_test(an_upload_is_started_then_ongoing_then_complete),
        cmocka_unit_test(a_chunk_is_told_with_its_place_before_flash_is_touched),
        cmocka_unit_test(a_new_time_is_told_before_it_counts),
        cmocka_unit_test(a_confirmation_tells_its_image),
        cmocka_unit_test(the_end_of_a_command_tells_what_came_of_it),
        cmocka_unit_test(hooks_add_keys_to_the_image_list),
        cmocka_unit_test(hooks_add_keys_to_slots_and_images_of_slot_info),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
