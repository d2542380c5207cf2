/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A hostile device: its bytes go through every decoder, then answer an upload and an upgrade step
 * by step. Whatever it says, both engines stay within their bounds and come to an end. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/client_file.h"
#include "dfu/openssl.h"
#include "dfu/smp.h"
#include "dfu/upgrade.h"

#define IMAGE_SIZE 5000u
#define FRAME_MAX  512u
#define HOUR_MS    3600000u
#define STEPS_MAX  200000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t image[IMAGE_SIZE];

struct script {
    const uint8_t *data;
    size_t size;
};

static void check(int claim)
{
    if (!claim) {
        abort();
    }
}

/* The next answer of the script under the header that the request wants. Its first byte says how
 * long it is and whether header and time are spoilt, too. */
static size_t next_answer(struct script *s, const uint8_t *request, uint8_t *out, uint64_t *now_ms)
{
    size_t len;
    uint8_t how;

    if (s->size < 2) {
        return 0;
    }
    how = s->data[0];
    len = s->data[1];
    s->data += 2;
    s->size -= 2;
    len = len < s->size ? len : s->size;
    memcpy(out, request, DFU_SMP_HEADER_SIZE);
    out[0] = (uint8_t)(request[0] + 1);
    out[2] = 0;
    out[3] = (uint8_t)(len + (how & 1u));
    out[6] = (uint8_t)(out[6] - ((how >> 1) & 3u)); /* an earlier request's */
    out[7] = (uint8_t)(out[7] ^ ((how >> 3) & 1u));
    *now_ms += how >> 4;
    memcpy(out + DFU_SMP_HEADER_SIZE, s->data, len);
    s->data += len;
    s->size -= len;
    return DFU_SMP_HEADER_SIZE + len;
}

static void try_decoders(const uint8_t *data, size_t size)
{
    struct dfu_call call = { .version = 1, .seq = 1, .op = DFU_SMP_READ };
    struct dfu_answer answer = { .body = data, .len = size };
    struct dfu_client_text text;
    struct dfu_client_params params;
    struct dfu_client_bootinfo info;
    struct dfu_client_images images;
    struct dfu_client_slot_sizes sizes;

    (void)dfu_client_echo_read(&answer, &text);
    (void)dfu_client_info_read(&answer, &text);
    (void)dfu_client_datetime_read(&answer, &text);
    (void)dfu_client_params_read(&answer, &params);
    (void)dfu_client_bootinfo_read(&answer, &info);
    if (dfu_client_images_read(&answer, &images) == 0) {
        check(images.count <= DFU_CLIENT_SLOTS_MAX);
        (void)dfu_client_active(&images, 0);
    }
    if (dfu_client_slot_info_read(&answer, &sizes) == 0) {
        check(sizes.count <= DFU_CLIENT_SLOTS_MAX);
    }
    if (dfu_client_answer(&call, data, size, &answer) != 0 && size >= DFU_SMP_HEADER_SIZE) {
        call = (struct dfu_call){ .op = (uint8_t)((data[0] & 7u) - 1u),
                                  .group = (uint16_t)((data[4] << 8) | data[5]),
                                  .seq = data[6],
                                  .id = data[7] };
        if (dfu_client_answer(&call, data, size, &answer) == 0) {
            check(answer.len <= size - DFU_SMP_HEADER_SIZE);
        }
        check(dfu_refusal_what(&answer.refusal) && dfu_refusal_hint(&answer.refusal));
    }
}

static void try_lists(const struct dfu_answer *answer)
{
    struct dfu_client_task task;
    struct dfu_client_pool pool;
    struct dfu_client_group group;
    struct dfu_client_hash_type type;
    struct dfu_client_text name;
    struct dfu_client_log_walk logs;
    struct dfu_client_log_entry entry;
    struct dfu_cbor_walk walk;
    uint64_t value;

    if (dfu_client_tasks_open(answer, &walk) == 0) {
        while (dfu_client_tasks_next(&walk, &task) > 0) {
        }
    }
    if (dfu_client_pools_open(answer, &walk) == 0) {
        while (dfu_client_pools_next(&walk, &pool) > 0) {
        }
    }
    if (dfu_client_stats_open(answer, &walk) == 0) {
        while (dfu_client_stats_next(&walk, &name) > 0) {
        }
    }
    if (dfu_client_fields_open(answer, &walk) == 0) {
        while (dfu_client_fields_next(&walk, &name, &value) > 0) {
        }
    }
    if (dfu_client_groups_open(answer, &walk) == 0) {
        while (dfu_client_groups_next(&walk, &group) > 0) {
            check(group.name.len <= answer->len);
        }
    }
    if (dfu_client_logs_open(answer, &walk) == 0) {
        while (dfu_client_stats_next(&walk, &name) > 0) {
        }
    }
    if (dfu_client_log_numbers_open(answer, &walk) == 0) {
        while (dfu_client_fields_next(&walk, &name, &value) > 0) {
        }
    }
    if (dfu_client_log_entries_open(answer, &logs) == 0) {
        while (dfu_client_log_entries_next(&logs, &entry) > 0) {
            check(entry.message.len <= answer->len);
        }
    }
    if (dfu_client_hash_types_open(answer, &walk) == 0) {
        while (dfu_client_hash_types_next(&walk, &type) > 0) {
        }
    }
}

static void try_groups(const uint8_t *data, size_t size)
{
    struct dfu_answer answer = { .body = data, .len = size };
    struct dfu_client_setting setting;
    struct dfu_client_file_hash hash;
    struct dfu_client_text text;
    uint32_t number;
    int32_t returned;
    bool is_last;

    try_lists(&answer);
    if (dfu_client_setting_read_read(&answer, &setting) == 0) {
        check(setting.value.len <= size);
    }
    if (dfu_client_file_hash_read(&answer, &hash) == 0) {
        check(hash.hash.len <= size);
    }
    (void)dfu_client_file_size_read(&answer, &number);
    (void)dfu_client_shell_read(&answer, &text, &returned);
    (void)dfu_client_group_count_read(&answer, &number);
    (void)dfu_client_group_single_read(&answer, &number, &is_last);
}

struct fetched {
    uint32_t done;
};

static int take(void *ctx, uint32_t size, uint32_t off, const uint8_t *data, size_t len)
{
    struct fetched *f = ctx;

    (void)data;
    check(off == f->done && len <= size - off);
    f->done += (uint32_t)len;
    return 0;
}

static void try_file(struct script script, const struct dfu_reader *reader, bool is_upload)
{
    uint8_t frame[FRAME_MAX], answer[DFU_SMP_HEADER_SIZE + 256];
    struct fetched fetched = { 0 };
    struct dfu_file_config config = { .name = "/lfs/a",
                                      .sink = take,
                                      .sink_ctx = &fetched,
                                      .frame = frame,
                                      .frame_cap = 100,
                                      .version = 1 };
    uint64_t now_ms = 1;
    struct dfu_file f;

    if (is_upload) {
        config.source = *reader;
    }
    dfu_file_start(&f, &config);
    for (unsigned steps = 0; f.result == DFU_CLIENT_RUNNING; steps++) {
        size_t len = dfu_file_next(&f, now_ms);

        check(steps < STEPS_MAX && now_ms < HOUR_MS && len <= config.frame_cap);
        check(!f.has_size || f.done <= f.size);
        len = len > 0 ? next_answer(&script, frame, answer, &now_ms) : 0;
        if (len > 0) {
            (void)dfu_file_answer(&f, now_ms, answer, len);
        } else if (f.result == DFU_CLIENT_RUNNING) {
            uint64_t due_ms = dfu_file_deadline(&f);

            now_ms = due_ms > now_ms ? due_ms : now_ms + 1;
        }
    }
    check(f.result != 0 || f.done == f.size);
}

static void try_upload(struct script script, const struct dfu_reader *reader, bool has_pages)
{
    struct dfu_upload_config config = {
        .image = *reader, .version = 1, .frame_max = FRAME_MAX, .window_max = 5
    };
    uint8_t frame[FRAME_MAX], answer[DFU_SMP_HEADER_SIZE + 256];
    uint64_t now_ms = 1;
    struct dfu_upload u;

    config.sha256 = has_pages ? &dfu_sha256_openssl : NULL;
    (void)dfu_upload_start(&u, &config);
    for (unsigned steps = 0; u.result == DFU_CLIENT_RUNNING; steps++) {
        size_t len = dfu_upload_next(&u, now_ms, frame, sizeof(frame));

        check(steps < STEPS_MAX && now_ms < HOUR_MS);
        check(u.acked <= IMAGE_SIZE && u.next <= IMAGE_SIZE && len <= FRAME_MAX);
        if (len == 0 && u.result == DFU_CLIENT_RUNNING) {
            uint64_t due_ms = dfu_upload_deadline(&u);

            check(due_ms != UINT64_MAX);
            now_ms = due_ms > now_ms ? due_ms : now_ms + 1;
            continue;
        }
        len = next_answer(&script, frame, answer, &now_ms);
        if (len > 0) {
            (void)dfu_upload_answer(&u, now_ms, answer, len);
        }
    }
}

static void try_upgrade(struct script script, const struct dfu_reader *reader, bool asks_at_once)
{
    struct dfu_upgrade_config config = {
        .file = *reader,
        .firmware = { .size = IMAGE_SIZE, .hash_len = 32 },
        .link_max = FRAME_MAX,
        .asks_at_once = asks_at_once,
    };
    uint8_t frame[FRAME_MAX], answer[DFU_SMP_HEADER_SIZE + 256];
    uint64_t now_ms = 1;
    struct dfu_upgrade g;

    dfu_upgrade_start(&g, &config);
    for (unsigned steps = 0; g.step != DFU_UPGRADE_OVER; steps++) {
        size_t len = dfu_upgrade_next(&g, now_ms, frame, sizeof(frame));

        check(steps < STEPS_MAX && now_ms < HOUR_MS);
        if (len == 0 && g.step != DFU_UPGRADE_OVER) {
            uint64_t due_ms = dfu_upgrade_deadline(&g);

            check(due_ms != UINT64_MAX);
            now_ms = due_ms > now_ms ? due_ms : now_ms + 1;
            continue;
        }
        len = next_answer(&script, frame, answer, &now_ms);
        if (len > 0) {
            dfu_upgrade_answer(&g, now_ms, answer, len);
        }
    }
    check(g.outcome != DFU_UPGRADE_UNFINISHED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dfu_memory_span span = { image, IMAGE_SIZE };
    struct dfu_reader reader = dfu_memory_reader(&span);

    try_decoders(data, size);
    try_groups(data, size);
    if (size > 0) {
        struct script script = { data + 1, size - 1 };

        if (data[0] & 2u) {
            try_file(script, &reader, data[0] & 1u);
        } else if (data[0] & 1u) {
            try_upload(script, &reader, false);
            try_upload(script, &reader, true);
        } else {
            try_upgrade(script, &reader, data[0] & 4u);
        }
    }
    return 0;
}
