/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* One answer holds as many entries as fit, oldest first; a client asks again from the last index
 * plus one until it gets none. */
#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/smp_log.h"
#include "smp/rc.h"

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

#define NEWEST_ONLY (-1) /* as "ts" */
#define TAIL        24u /* what closes an answer behind its last entry, counts that grow included */
#define TEXT_HEAD   3u  /* of a message that is cut, more than of an empty one */

/* ---- Show ---- */

struct wanted {
    struct dfu_cbor_span name; /* empty: all logs */
    int64_t timestamp;
    uint32_t index;
};

/* The time comes first, the index tells apart what happened at the same time. */
static bool is_wanted(const struct wanted *wanted, const struct dfu_log_entry *entry)
{
    if (wanted->timestamp == 0) {
        return entry->index >= wanted->index;
    }
    return entry->timestamp > wanted->timestamp ||
           (entry->timestamp == wanted->timestamp && entry->index >= wanted->index);
}

static const char *content_name(const struct dfu_log_entry *entry, size_t len)
{
    static const char *const names[] = {
        [DFU_LOG_TEXT] = "str",
        [DFU_LOG_CBOR] = "cbor",
        [DFU_LOG_BINARY] = "bin",
    };
    bool is_cut = len < entry->message_len;

    /* A part of a CBOR item is none. */
    return names[entry->content == DFU_LOG_CBOR && is_cut ? DFU_LOG_BINARY : entry->content];
}

/* With the first len bytes of its message. False, and nothing put, if it doesn't fit. */
static bool put_entry(struct dfu_cbor_encoder *enc, const struct dfu_log_entry *entry, size_t len)
{
    struct dfu_cbor_encoder before = *enc;

    dfu_cbor_begin_map(enc);
    dfu_cbor_pair_text(enc, "type", content_name(entry, len));
    dfu_cbor_pair_int(enc, "ts", entry->timestamp);
    dfu_cbor_pair_uint(enc, "level", entry->level);
    dfu_cbor_pair_uint(enc, "index", entry->index);
    dfu_cbor_pair_uint(enc, "module", entry->module);
    if (entry->image_hash) {
        dfu_cbor_pair_bytes(enc, "imghash", entry->image_hash, entry->image_hash_len);
    }
    dfu_cbor_pair_bytes(enc, "msg", entry->message, len);
    dfu_cbor_end(enc);
    if (enc->err || enc->cap - enc->len < TAIL) {
        *enc = before;
        return false;
    }
    return true;
}

/* An entry that no answer can hold is cut, or a client would ask for it for ever. */
static bool put_cut_entry(struct dfu_cbor_encoder *enc, const struct dfu_log_entry *entry)
{
    struct dfu_cbor_encoder before = *enc;
    size_t room;

    if (!put_entry(enc, entry, 0)) {
        return false;
    }
    room = enc->cap - enc->len - TAIL;
    *enc = before;
    return put_entry(
        enc, entry,
        min_u32((uint32_t)entry->message_len, room > TEXT_HEAD ? (uint32_t)(room - TEXT_HEAD) : 0));
}

static uint32_t count_entries(const struct dfu_log *log)
{
    struct dfu_log_entry entry;
    uint32_t count = 0;

    while (count < UINT32_MAX && log->entry(log->ctx, count, &entry) == 0) {
        count++;
    }
    return count;
}

/* False: an entry did not fit. *put counts those of the whole answer. */
static bool put_entries(struct dfu_cbor_encoder *enc, const struct dfu_log *log,
                        const struct wanted *wanted, uint32_t *put)
{
    struct dfu_log_entry entry;
    uint32_t place = 0;

    if (wanted->timestamp == NEWEST_ONLY) {
        place = count_entries(log);
        place -= place > 0 ? 1 : 0;
    }
    for (; log->entry(log->ctx, place, &entry) == 0; place++) {
        if (wanted->timestamp != NEWEST_ONLY && !is_wanted(wanted, &entry)) {
            continue;
        }
        if (!put_entry(enc, &entry, entry.message_len) &&
            (*put > 0 || !put_cut_entry(enc, &entry))) {
            return false;
        }
        ++*put;
    }
    return true;
}

static bool put_log(struct dfu_cbor_encoder *enc, const struct dfu_log *log,
                    const struct wanted *wanted, uint32_t *put)
{
    bool is_whole;

    dfu_cbor_begin_map(enc);
    dfu_cbor_pair_text(enc, "name", log->name);
    dfu_cbor_pair_uint(enc, "type", log->type);
    dfu_cbor_put_text(enc, "entries");
    dfu_cbor_begin_array(enc);
    is_whole = put_entries(enc, log, wanted, put);
    dfu_cbor_end(enc);
    dfu_cbor_end(enc);
    return is_whole;
}

static const struct dfu_log *find(const struct dfu_smp_log *group, struct dfu_cbor_span name)
{
    for (size_t i = 0; i < group->log_count; i++) {
        if (dfu_cbor_text_is(name, group->logs[i].name)) {
            return &group->logs[i];
        }
    }
    return NULL;
}

static int show(struct dfu_smp_call *call)
{
    const struct dfu_smp_log *group = call->ctx;
    struct wanted wanted = { 0 };
    struct dfu_cbor_key keys[] = {
        { .name = "log_name", .type = DFU_CBOR_TEXT, .out = &wanted.name },
        { .name = "ts", .type = DFU_CBOR_INT64, .out = &wanted.timestamp },
        { .name = "index", .type = DFU_CBOR_UINT, .out = &wanted.index },
    };
    uint32_t put = 0;
    bool is_whole = true;

    if (dfu_cbor_decode_map(call->request, keys, COUNT_OF(keys)) ||
        (wanted.name.len > 0 && !find(group, wanted.name))) {
        return DFU_SMP_EINVAL;
    }
    dfu_cbor_pair_uint(call->enc, "next_index", *group->next_index);
    dfu_cbor_put_text(call->enc, "logs");
    dfu_cbor_begin_array(call->enc);
    for (size_t i = 0; is_whole && i < group->log_count; i++) {
        if (wanted.name.len == 0 || &group->logs[i] == find(group, wanted.name)) {
            is_whole = put_log(call->enc, &group->logs[i], &wanted, &put);
        }
    }
    dfu_cbor_end(call->enc);
    put_rc_of_v1(call);
    return is_whole || put > 0 ? 0 : DFU_SMP_EMSGSIZE;
}

/* ---- Clear ---- */

static int clear_one(const struct dfu_log *log)
{
    switch (log->clear ? log->clear(log->ctx) : DFU_ERR_NOTSUP) {
    case DFU_OK: return 0;
    case DFU_ERR_NOTSUP: return DFU_SMP_ENOTSUP;
    case DFU_ERR_PERM: return DFU_SMP_EACCESSDENIED;
    default: return DFU_SMP_EUNKNOWN;
    }
}

static int clear(struct dfu_smp_call *call)
{
    const struct dfu_smp_log *group = call->ctx;
    struct dfu_cbor_span name = { 0 };
    struct dfu_cbor_key keys[] = { { .name = "log_name", .type = DFU_CBOR_TEXT, .out = &name } };
    int rc = 0;

    /* Old clients send no map at all. */
    if ((call->request.len > 0 && dfu_cbor_decode_map(call->request, keys, COUNT_OF(keys))) ||
        (name.len > 0 && !find(group, name))) {
        return DFU_SMP_EINVAL;
    }
    for (size_t i = 0; !rc && i < group->log_count; i++) {
        if (name.len == 0 || &group->logs[i] == find(group, name)) {
            rc = clear_one(&group->logs[i]);
        }
    }
    put_rc_of_v1(call);
    return rc;
}

/* ---- Lists ---- */

static int put_words(struct dfu_smp_call *call, const char *key, const struct dfu_log_word *words,
                     size_t count)
{
    put_rc_of_v1(call);
    dfu_cbor_put_text(call->enc, key);
    dfu_cbor_begin_map(call->enc);
    for (size_t i = 0; i < count; i++) {
        dfu_cbor_pair_uint(call->enc, words[i].name, words[i].number);
    }
    dfu_cbor_end(call->enc);
    return 0;
}

static int modules(struct dfu_smp_call *call)
{
    const struct dfu_smp_log *group = call->ctx;

    return put_words(call, "module_map", group->modules, group->module_count);
}

static int levels(struct dfu_smp_call *call)
{
    const struct dfu_smp_log *group = call->ctx;

    return put_words(call, "level_map", group->levels, group->level_count);
}

static int logs(struct dfu_smp_call *call)
{
    const struct dfu_smp_log *group = call->ctx;

    put_rc_of_v1(call);
    dfu_cbor_put_text(call->enc, "log_list");
    dfu_cbor_begin_array(call->enc);
    for (size_t i = 0; i < group->log_count; i++) {
        dfu_cbor_put_text(call->enc, group->logs[i].name);
    }
    dfu_cbor_end(call->enc);
    return 0;
}

static const struct dfu_smp_command log_commands[] = {
    [DFU_SMP_LOG_SHOW] = { .read = show },       [DFU_SMP_LOG_CLEAR] = { .write = clear },
    [DFU_SMP_LOG_MODULES] = { .read = modules }, [DFU_SMP_LOG_LEVELS] = { .read = levels },
    [DFU_SMP_LOG_LOGS] = { .read = logs },
};

/* It has no codes of its own. */
const struct dfu_smp_group dfu_smp_group_log = {
    .id = DFU_SMP_GROUP_LOG,
    .name = "log mgmt",
    .commands = log_commands,
    .command_count = COUNT_OF(log_commands),
};
