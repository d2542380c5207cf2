/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/smp_enum.h"

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

/* This group's answer to a full buffer is "corrupt", not "too large". */
static int sized(const struct dfu_smp_call *call)
{
    return call->enc->err ? DFU_SMP_ECORRUPT : 0;
}

static int count(struct dfu_smp_call *call)
{
    dfu_cbor_pair_uint(call->enc, "count", call->server->binding_count);
    return sized(call);
}

static int list(struct dfu_smp_call *call)
{
    dfu_cbor_put_text(call->enc, "groups");
    dfu_cbor_begin_array(call->enc);
    for (size_t i = 0; i < call->server->binding_count; i++) {
        dfu_cbor_put_uint(call->enc, call->server->bindings[i].group->id);
    }
    dfu_cbor_end(call->enc);
    return sized(call);
}

static int single(struct dfu_smp_call *call)
{
    const struct dfu_smp_server *server = call->server;
    uint32_t index = 0;
    struct dfu_cbor_key keys[] = { { .name = "index", .type = DFU_CBOR_UINT, .out = &index } };

    if (dfu_cbor_decode_map(call->request, keys, COUNT_OF(keys))) {
        return DFU_SMP_EINVAL;
    }
    if (index >= server->binding_count) {
        return dfu_smp_fail(call, DFU_SMP_ENUM_INDEX_TOO_LARGE);
    }
    dfu_cbor_pair_uint(call->enc, "group", server->bindings[index].group->id);
    if (index + 1 == server->binding_count) {
        dfu_cbor_pair_bool(call->enc, "end", true);
    }
    return sized(call);
}

/* ---- Details ---- */

struct asked {
    uint32_t ids[DFU_SMP_ENUM_ASKED_MAX];
    size_t count;
    bool is_all;
};

static bool is_asked(const struct asked *asked, uint16_t id)
{
    for (size_t i = 0; i < asked->count; i++) {
        if (asked->ids[i] == id) {
            return true;
        }
    }
    return asked->is_all;
}

/* 0, an SMP code, or a refusal of the group's. */
static int decode_asked(struct dfu_smp_call *call, struct asked *asked)
{
    struct dfu_cbor_span groups, item;
    struct dfu_cbor_key keys[] = { { .name = "groups", .type = DFU_CBOR_ARRAY, .out = &groups } };
    struct dfu_cbor_walk walk;
    int more;

    asked->count = 0;
    if (dfu_cbor_decode_map(call->request, keys, COUNT_OF(keys))) {
        return DFU_SMP_EINVAL;
    }
    asked->is_all = !keys[0].found;
    if (asked->is_all) {
        return 0;
    }
    more = dfu_cbor_open_array(&walk, groups);
    while (!more && (more = dfu_cbor_next_item(&walk, &item)) == 1) {
        if (asked->count == DFU_SMP_ENUM_ASKED_MAX) {
            return dfu_smp_fail(call, DFU_SMP_ENUM_TOO_MANY_GROUPS);
        }
        more = dfu_cbor_decode(item, DFU_CBOR_UINT, &asked->ids[asked->count++]);
    }
    asked->is_all = asked->count == 0; /* as Zephyr has it: nobody asks for nothing */
    return more ? DFU_SMP_EINVAL : 0;
}

static void put_details(struct dfu_smp_call *call, const struct dfu_smp_group *group)
{
    struct dfu_smp_details_event event = { group, call->enc };

    dfu_cbor_begin_map(call->enc);
    dfu_cbor_pair_uint(call->enc, "group", group->id);
    if (group->name) {
        dfu_cbor_pair_text(call->enc, "name", group->name);
    }
    dfu_cbor_pair_uint(call->enc, "handlers", group->command_count);
    dfu_smp_tell(call, DFU_SMP_EV_ENUM_DETAILS, &event, sizeof(event));
    dfu_cbor_end(call->enc);
}

static int details(struct dfu_smp_call *call)
{
    struct asked asked;
    int err = decode_asked(call, &asked);

    dfu_cbor_put_text(call->enc, "groups");
    dfu_cbor_begin_array(call->enc);
    for (size_t i = 0; !err && i < call->server->binding_count; i++) {
        const struct dfu_smp_group *group = call->server->bindings[i].group;

        if (is_asked(&asked, group->id)) {
            put_details(call, group);
        }
    }
    dfu_cbor_end(call->enc);
    return err ? err : sized(call);
}

static const struct dfu_smp_command enum_commands[] = {
    [DFU_SMP_ENUM_COUNT] = { .read = count },
    [DFU_SMP_ENUM_LIST] = { .read = list },
    [DFU_SMP_ENUM_SINGLE] = { .read = single },
    [DFU_SMP_ENUM_DETAILS] = { .read = details },
};

static const uint8_t enum_to_v1[] = {
    [DFU_SMP_ENUM_UNKNOWN] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_ENUM_TOO_MANY_GROUPS] = DFU_SMP_EINVAL,
    [DFU_SMP_ENUM_INSUFFICIENT_HEAP] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_ENUM_INDEX_TOO_LARGE] = DFU_SMP_EUNKNOWN,
};

const struct dfu_smp_group dfu_smp_group_enum = {
    .id = DFU_SMP_GROUP_ENUM,
    .name = "enum mgmt",
    .commands = enum_commands,
    .command_count = COUNT_OF(enum_commands),
    .to_v1 = enum_to_v1,
    .to_v1_count = COUNT_OF(enum_to_v1),
};
