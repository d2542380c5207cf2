/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The recovery's life, and its OS group: echo, reset, parameters. */
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/smp_basic.h"
#include "recovery/parts.h"

#define BUF_MIN 64u

/* ---- OS group ---- */

static int echo(struct dfu_smp_call *call)
{
    const struct dfu_recovery *recovery = call->ctx;
    struct dfu_cbor_span text = { 0 };
    struct dfu_cbor_key keys[] = { { .name = "d", .type = DFU_CBOR_TEXT, .out = &text } };

    if (config_of(recovery)->no_echo) {
        return DFU_SMP_ENOTSUP;
    }
    if (dfu_cbor_decode_map(call->request, keys, 1) || !keys[0].found) {
        return DFU_SMP_EINVAL;
    }
    dfu_cbor_put_text(call->enc, "r");
    dfu_cbor_put_text_n(call->enc, (const char *)text.data, text.len);
    return 0;
}

/* Whether the console echoes: there is none, and clients ask. */
static int echo_control(struct dfu_smp_call *call)
{
    dfu_cbor_pair_uint(call->enc, "rc", DFU_SMP_EOK);
    return 0;
}

static int reset(struct dfu_smp_call *call)
{
    struct dfu_recovery *recovery = call->ctx;

    recovery->is_reset_wanted = true;
    recovery->reset_ms = recovery->heard_ms + DFU_RECOVERY_RESET_DELAY_MS;
    dfu_cbor_pair_uint(call->enc, "rc", DFU_SMP_EOK);
    return 0;
}

static int params(struct dfu_smp_call *call)
{
    const struct dfu_recovery *recovery = call->ctx;

    dfu_cbor_pair_uint(call->enc, "buf_size", config_of(recovery)->buf_size);
    dfu_cbor_pair_uint(call->enc, "buf_count", 1); /* one request at a time */
    return 0;
}

static const struct dfu_smp_command os_commands[] = {
    [DFU_SMP_OS_ECHO] = { .read = echo, .write = echo },
    [DFU_SMP_OS_ECHO_CONTROL] = { .read = echo_control, .write = echo_control },
    [DFU_SMP_OS_RESET] = { .read = reset, .write = reset },
    [DFU_SMP_OS_PARAMS] = { .read = params },
};

const struct dfu_smp_group dfu_recovery_group_os = {
    .id = DFU_SMP_GROUP_OS,
    .name = "os mgmt",
    .commands = os_commands,
    .command_count = sizeof(os_commands) / sizeof(os_commands[0]),
};

/* ---- Basic group ---- */

static int erase_storage(struct dfu_smp_call *call)
{
    struct dfu_recovery *recovery = call->ctx;
    const struct dfu_recovery_config *cfg = config_of(recovery);

    recovery->has_changed = true;
    for (size_t i = 0; i < cfg->storage_count; i++) {
        if (recovery_erase(recovery, cfg->storage[i])) {
            return DFU_SMP_EUNKNOWN;
        }
    }
    dfu_cbor_pair_uint(call->enc, "rc", DFU_SMP_EOK);
    return 0;
}

static const struct dfu_smp_command basic_commands[] = {
    [DFU_SMP_BASIC_ERASE_STORAGE] = { .write = erase_storage },
};

static const struct dfu_smp_group group_basic = {
    .id = DFU_SMP_GROUP_BASIC,
    .name = "zephyr basic mgmt",
    .commands = basic_commands,
    .command_count = sizeof(basic_commands) / sizeof(basic_commands[0]),
};

/* ---- Life ---- */

int dfu_recovery_check(const struct dfu_recovery_config *cfg)
{
    bool is_fine = cfg->map && cfg->buf && cfg->buf_len >= BUF_MIN && cfg->response &&
                   cfg->response_cap >= DFU_SMP_RESPONSE_MIN &&
                   (cfg->storage || cfg->storage_count == 0);

    return is_fine ? DFU_OK : DFU_ERR_INVAL;
}

void dfu_recovery_start(struct dfu_recovery *recovery, const struct dfu_recovery_config *cfg,
                        enum dfu_recovery_reason reason, uint32_t window_ms, uint64_t now_ms)
{
    memset(recovery, 0, sizeof *recovery);
    recovery->cfg = cfg;
    recovery->reason = reason;
    recovery->heard_ms = now_ms;
    recovery->window_end_ms = now_ms + window_ms;
    recovery->bindings[0] = (struct dfu_smp_binding){ &dfu_recovery_group_os, recovery };
    recovery->bindings[1] = (struct dfu_smp_binding){ &dfu_recovery_group_img, recovery };
    recovery->bindings[2] = (struct dfu_smp_binding){ &group_basic, recovery };
    recovery->smp = (struct dfu_smp_server){
        .bindings = recovery->bindings,
        .binding_count = cfg->storage_count > 0 ? 3 : 2,
        .response = cfg->response,
        .response_cap = cfg->response_cap,
        .buf_size = cfg->buf_size,
        .buf_count = 1,
    };
}

/* One request and nothing behind it. */
static bool is_request(const uint8_t *packet, size_t len)
{
    struct dfu_smp_header header;

    if (len < DFU_SMP_HEADER_SIZE) {
        return false;
    }
    dfu_smp_header_decode(packet, &header);
    return (header.op == DFU_SMP_READ || header.op == DFU_SMP_WRITE) &&
           header.length >= len - DFU_SMP_HEADER_SIZE;
}

void dfu_recovery_receive(struct dfu_recovery *recovery, const uint8_t *packet, size_t len,
                          const struct dfu_smp_link *link, uint64_t now_ms)
{
    if (!is_request(packet, len)) {
        return;
    }
    recovery->was_asked = true;
    recovery->heard_ms = now_ms;
    (void)dfu_smp_receive(&recovery->smp, packet, len, link); /* who asks again, is answered */
}

static bool is_window_open(const struct dfu_recovery *recovery)
{
    return recovery->reason == DFU_RECOVERY_IN_WINDOW && !recovery->was_asked;
}

/* Without an image there is nothing to go on to, until flash has changed. */
static bool may_leave(const struct dfu_recovery *recovery)
{
    return config_of(recovery)->idle_ms > 0 &&
           (recovery->reason != DFU_RECOVERY_WITHOUT_IMAGE || recovery->has_changed);
}

uint64_t dfu_recovery_due_ms(const struct dfu_recovery *recovery)
{
    if (recovery->is_reset_wanted) {
        return recovery->reset_ms;
    }
    if (is_window_open(recovery)) {
        return recovery->window_end_ms;
    }
    return may_leave(recovery) ? recovery->heard_ms + config_of(recovery)->idle_ms : UINT64_MAX;
}

enum dfu_recovery_verdict dfu_recovery_look(const struct dfu_recovery *recovery, uint64_t now_ms)
{
    if (now_ms < dfu_recovery_due_ms(recovery)) {
        return DFU_RECOVERY_STAY;
    }
    return recovery->is_reset_wanted || recovery->has_changed ? DFU_RECOVERY_RESET
                                                              : DFU_RECOVERY_LEAVE;
}

enum dfu_recovery_pin_verdict dfu_recovery_pin_look(struct dfu_recovery_pin *pin, bool is_active,
                                                    uint64_t now_ms)
{
    if (!is_active) {
        return DFU_RECOVERY_PIN_RELEASED;
    }
    if (!pin->was_active) {
        pin->was_active = true;
        pin->since_ms = now_ms;
    }
    return now_ms - pin->since_ms >= pin->hold_ms ? DFU_RECOVERY_PIN_HELD
                                                  : DFU_RECOVERY_PIN_LOOK_AGAIN;
}
