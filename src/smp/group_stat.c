/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/smp_stat.h"

#include "base/text.h"
#include "smp/rc.h"

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

/* Zephyr's servers name the basic group here and the code of a wrong counter for a wrong name; clients
 * have learnt both. */
#define ERR_GROUP DFU_SMP_GROUP_BASIC

static uint64_t value_of(const struct dfu_smp_stat_field *field)
{
    switch (field->size) {
    case 1: return *(const volatile uint8_t *)field->value;
    case 2: return *(const volatile uint16_t *)field->value;
    case 4: return *(const volatile uint32_t *)field->value;
    default: return *(const volatile uint64_t *)field->value;
    }
}

static void put_field(struct dfu_cbor_encoder *enc, const struct dfu_smp_stat_field *field,
                      size_t index)
{
    char buf[12];
    struct text name = text_in(buf, sizeof(buf));

    if (field->name) {
        dfu_cbor_pair_uint(enc, field->name, value_of(field));
        return;
    }
    text_add(&name, "s");
    text_add_dec(&name, (uint32_t)index);
    dfu_cbor_pair_uint(enc, buf, value_of(field));
}

static const struct dfu_smp_stat_set *find(const struct dfu_smp_stat *stat,
                                           struct dfu_cbor_span name)
{
    for (size_t i = 0; i < stat->set_count; i++) {
        if (dfu_cbor_text_is(name, stat->sets[i].name)) {
            return &stat->sets[i];
        }
    }
    return NULL;
}

static int show(struct dfu_smp_call *call)
{
    struct dfu_cbor_span name = { 0 };
    struct dfu_cbor_key keys[] = { { .name = "name", .type = DFU_CBOR_TEXT, .out = &name } };
    const struct dfu_smp_stat_set *set;

    if (dfu_cbor_decode_map(call->request, keys, COUNT_OF(keys)) || name.len == 0 ||
        name.len > DFU_SMP_STAT_NAME_MAX) {
        return DFU_SMP_EINVAL;
    }
    set = find(call->ctx, name);
    if (!set) {
        return call->header.version == DFU_SMP_V1
                   ? DFU_SMP_ENOENT
                   : dfu_smp_fail_in(call, ERR_GROUP, DFU_SMP_STAT_INVALID_NAME);
    }
    dfu_cbor_pair_text(call->enc, "name", set->name);
    dfu_cbor_put_text(call->enc, "fields");
    dfu_cbor_begin_map(call->enc);
    for (size_t i = 0; i < set->field_count; i++) {
        put_field(call->enc, &set->fields[i], i);
    }
    dfu_cbor_end(call->enc);
    return 0;
}

static int list(struct dfu_smp_call *call)
{
    const struct dfu_smp_stat *stat = call->ctx;

    put_rc_of_v1(call);
    dfu_cbor_put_text(call->enc, "stat_list");
    dfu_cbor_begin_array(call->enc);
    for (size_t i = 0; i < stat->set_count; i++) {
        dfu_cbor_put_text(call->enc, stat->sets[i].name);
    }
    dfu_cbor_end(call->enc);
    return 0;
}

static const struct dfu_smp_command stat_commands[] = {
    [DFU_SMP_STAT_SHOW] = { .read = show },
    [DFU_SMP_STAT_LIST] = { .read = list },
};

static const uint8_t stat_to_v1[] = {
    [DFU_SMP_STAT_UNKNOWN] = DFU_SMP_EUNKNOWN,      [DFU_SMP_STAT_INVALID_GROUP] = DFU_SMP_ENOENT,
    [DFU_SMP_STAT_INVALID_NAME] = DFU_SMP_ENOENT,   [DFU_SMP_STAT_INVALID_SIZE] = DFU_SMP_EINVAL,
    [DFU_SMP_STAT_WALK_ABORTED] = DFU_SMP_EUNKNOWN,
};

const struct dfu_smp_group dfu_smp_group_stat = {
    .id = DFU_SMP_GROUP_STAT,
    .name = "stat mgmt",
    .commands = stat_commands,
    .command_count = COUNT_OF(stat_commands),
    .to_v1 = stat_to_v1,
    .to_v1_count = COUNT_OF(stat_to_v1),
};
