/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/smp_settings.h"

#include "base/bytes.h"
#include "dfu/err.h"

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

static int ask_hooks(struct dfu_smp_call *call, enum dfu_smp_settings_access access,
                     struct dfu_cbor_span name, struct dfu_cbor_span value)
{
    struct dfu_smp_settings_event event = { access, name, value };

    return dfu_smp_notify(call, DFU_SMP_EV_SETTINGS_ACCESS, &event, sizeof(event));
}

static int refuse(struct dfu_smp_call *call, int err, uint16_t not_supported)
{
    switch (err) {
    case DFU_OK: return 0;
    case DFU_ERR_NOENT: return dfu_smp_fail(call, DFU_SMP_SETTINGS_KEY_NOT_FOUND);
    case DFU_ERR_NOTSUP: return dfu_smp_fail(call, not_supported);
    default: return dfu_smp_fail(call, DFU_SMP_SETTINGS_UNKNOWN);
    }
}

static int check_name(struct dfu_smp_call *call, struct dfu_cbor_span name)
{
    if (name.len == 0) {
        return DFU_SMP_EINVAL;
    }
    return name.len > DFU_SETTING_NAME_MAX ? dfu_smp_fail(call, DFU_SMP_SETTINGS_KEY_TOO_LONG) : 0;
}

static int read_value(struct dfu_smp_call *call)
{
    const struct dfu_smp_settings *settings = call->ctx;
    struct dfu_cbor_span name = { 0 }, none = { 0 };
    uint32_t max_size = DFU_SETTING_VALUE_MAX;
    struct dfu_cbor_key keys[] = {
        { .name = "name", .type = DFU_CBOR_TEXT, .out = &name },
        { .name = "max_size", .type = DFU_CBOR_UINT, .out = &max_size },
    };
    uint8_t value[DFU_SETTING_VALUE_MAX];
    int len, err;

    if (dfu_cbor_decode_map(call->request, keys, COUNT_OF(keys))) {
        return DFU_SMP_EINVAL;
    }
    err = check_name(call, name);
    if (!err) {
        err = ask_hooks(call, DFU_SMP_SETTINGS_READ, name, none);
    }
    if (err) {
        return err;
    }
    len = settings->ops->get ? settings->ops->get(settings->ctx, (const char *)name.data, name.len,
                                                  value, sizeof(value))
                             : DFU_ERR_NOTSUP;
    if (len < 0) {
        return refuse(call, len, DFU_SMP_SETTINGS_READ_NOT_SUPPORTED);
    }
    dfu_cbor_pair_bytes(call->enc, "val", value, min_u32((uint32_t)len, max_size));
    if (max_size > DFU_SETTING_VALUE_MAX) {
        dfu_cbor_pair_uint(call->enc, "max_size", DFU_SETTING_VALUE_MAX);
    }
    return 0;
}

static int write_value(struct dfu_smp_call *call)
{
    const struct dfu_smp_settings *settings = call->ctx;
    struct dfu_cbor_span name = { 0 }, value = { 0 };
    struct dfu_cbor_key keys[] = {
        { .name = "name", .type = DFU_CBOR_TEXT, .out = &name },
        { .name = "val", .type = DFU_CBOR_BYTES, .out = &value },
    };
    int err;

    if (dfu_cbor_decode_map(call->request, keys, COUNT_OF(keys)) || !keys[1].found ||
        value.len > DFU_SETTING_VALUE_MAX) {
        return DFU_SMP_EINVAL;
    }
    err = check_name(call, name);
    if (!err) {
        err = ask_hooks(call, DFU_SMP_SETTINGS_WRITE, name, value);
    }
    if (err) {
        return err;
    }
    err = settings->ops->set ? settings->ops->set(settings->ctx, (const char *)name.data, name.len,
                                                  value.data, value.len)
                             : DFU_ERR_NOTSUP;
    return refuse(call, err, DFU_SMP_SETTINGS_WRITE_NOT_SUPPORTED);
}

static int delete_value(struct dfu_smp_call *call)
{
    const struct dfu_smp_settings *settings = call->ctx;
    struct dfu_cbor_span name = { 0 }, none = { 0 };
    struct dfu_cbor_key keys[] = { { .name = "name", .type = DFU_CBOR_TEXT, .out = &name } };
    int err;

    if (dfu_cbor_decode_map(call->request, keys, COUNT_OF(keys))) {
        return DFU_SMP_EINVAL;
    }
    err = check_name(call, name);
    if (!err) {
        err = ask_hooks(call, DFU_SMP_SETTINGS_REMOVE, name, none);
    }
    if (err) {
        return err;
    }
    err = settings->ops->del ? settings->ops->del(settings->ctx, (const char *)name.data, name.len)
                             : DFU_ERR_NOTSUP;
    return refuse(call, err, DFU_SMP_SETTINGS_DELETE_NOT_SUPPORTED);
}

/* Commit and load: nothing but the hooks and one call. */
static int simple(struct dfu_smp_call *call, enum dfu_smp_settings_access access,
                  int (*operation)(void *ctx))
{
    const struct dfu_smp_settings *settings = call->ctx;
    struct dfu_cbor_span none = { 0 };
    int err;

    if (!operation) {
        return DFU_SMP_ENOTSUP;
    }
    err = ask_hooks(call, access, none, none);
    return err ? err : refuse(call, operation(settings->ctx), DFU_SMP_SETTINGS_UNKNOWN);
}

static int commit(struct dfu_smp_call *call)
{
    const struct dfu_smp_settings *settings = call->ctx;

    return simple(call, DFU_SMP_SETTINGS_APPLY, settings->ops->commit);
}

static int load(struct dfu_smp_call *call)
{
    const struct dfu_smp_settings *settings = call->ctx;

    return simple(call, DFU_SMP_SETTINGS_LOAD, settings->ops->load);
}

static int save(struct dfu_smp_call *call)
{
    const struct dfu_smp_settings *settings = call->ctx;
    struct dfu_cbor_span name = { 0 }, none = { 0 };
    struct dfu_cbor_key keys[] = { { .name = "name", .type = DFU_CBOR_TEXT, .out = &name } };
    int err;

    /* Old clients send no map at all. */
    if (call->request.len > 0 && dfu_cbor_decode_map(call->request, keys, COUNT_OF(keys))) {
        return DFU_SMP_EINVAL;
    }
    if (name.len > DFU_SETTING_NAME_MAX) {
        return dfu_smp_fail(call, DFU_SMP_SETTINGS_KEY_TOO_LONG);
    }
    err = ask_hooks(call, DFU_SMP_SETTINGS_SAVE, name, none);
    if (err) {
        return err;
    }
    err = settings->ops->save
              ? settings->ops->save(settings->ctx, (const char *)name.data, name.len)
              : DFU_ERR_NOTSUP;
    return refuse(call, err, DFU_SMP_SETTINGS_SAVE_NOT_SUPPORTED);
}

/* ---- Over the table ---- */

static int table_get(void *ctx, const char *name, size_t name_len, void *value, size_t cap)
{
    return dfu_settings_get(ctx, name, name_len, value, cap);
}

static int table_set(void *ctx, const char *name, size_t name_len, const void *value, size_t len)
{
    return dfu_settings_set(ctx, name, name_len, value, len);
}

static int table_del(void *ctx, const char *name, size_t name_len)
{
    return dfu_settings_delete(ctx, name, name_len);
}

static int table_commit(void *ctx)
{
    (void)ctx;
    return DFU_OK;
}

static int table_load(void *ctx)
{
    return dfu_settings_load(ctx);
}

static int table_save(void *ctx, const char *prefix, size_t prefix_len)
{
    return dfu_settings_save(ctx, prefix, prefix_len);
}

const struct dfu_settings_ops dfu_settings_table_ops = {
    table_get, table_set, table_del, table_commit, table_load, table_save,
};

static const struct dfu_smp_command settings_commands[] = {
    [DFU_SMP_SETTINGS_VALUE] = { .read = read_value, .write = write_value },
    [DFU_SMP_SETTINGS_DELETE] = { .write = delete_value },
    [DFU_SMP_SETTINGS_COMMIT] = { .write = commit },
    [DFU_SMP_SETTINGS_STORE] = { .read = load, .write = save },
};

static const uint8_t settings_to_v1[] = {
    [DFU_SMP_SETTINGS_UNKNOWN] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_SETTINGS_KEY_TOO_LONG] = DFU_SMP_EINVAL,
    [DFU_SMP_SETTINGS_KEY_NOT_FOUND] = DFU_SMP_ENOENT,
    [DFU_SMP_SETTINGS_READ_NOT_SUPPORTED] = DFU_SMP_ENOENT,
};

const struct dfu_smp_group dfu_smp_group_settings = {
    .id = DFU_SMP_GROUP_SETTINGS,
    .name = "settings mgmt",
    .commands = settings_commands,
    .command_count = COUNT_OF(settings_commands),
    .to_v1 = settings_to_v1,
    .to_v1_count = COUNT_OF(settings_to_v1),
};
