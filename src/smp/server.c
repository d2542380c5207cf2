/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* One packet in, one answer for each request in it. A refusal of the protocol itself ({"rc"})
 * ends the packet: what follows can't be trusted to start where it seems to. A group's own
 * refusal ({"err"}) does not. */
#include "dfu/smp.h"

#include <limits.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "smp/fixed.h"

#define GROUP_REFUSAL INT_MIN /* a handler's result when err_group and err_rc say why */
#define OP_RSP_BIT    1u

int dfu_smp_fail(struct dfu_smp_call *call, uint16_t rc)
{
    return dfu_smp_fail_in(call, call->header.group, rc);
}

int dfu_smp_fail_in(struct dfu_smp_call *call, uint16_t group, uint16_t rc)
{
    call->err_group = group;
    call->err_rc = rc;
    return GROUP_REFUSAL;
}

static bool listens(uint32_t wanted, uint32_t event)
{
    uint32_t group = wanted >> 16;

    return (group == 0 || group == event >> 16) && (wanted & event & 0xffffu) != 0;
}

int dfu_smp_notify(struct dfu_smp_call *call, uint32_t event, const void *data, size_t size)
{
    const struct dfu_smp_server *server = fixed_server(call->server);
    enum dfu_smp_hook_result refusal = DFU_SMP_HOOK_OK;
    uint16_t group = 0, rc = 0;

    for (size_t i = 0; i < server->hook_count; i++) {
        const struct dfu_smp_hook *hook = &server->hooks[i];
        struct dfu_smp_event ev = { .id = event,
                                    .previous = refusal,
                                    .group = group,
                                    .rc = rc,
                                    .call = call,
                                    .data = data,
                                    .size = size };
        enum dfu_smp_hook_result result;

        if (!listens(hook->events, event)) {
            continue;
        }
        result = hook->call(hook->ctx, &ev);
        if (refusal == DFU_SMP_HOOK_OK && result != DFU_SMP_HOOK_OK) {
            refusal = result;
            group = ev.group;
            rc = ev.rc;
        }
        if (ev.abort_more) {
            break;
        }
    }
    /* A refusal must not read as success, so it has a code. */
    if (refusal == DFU_SMP_HOOK_ERR) {
        return dfu_smp_fail_in(call, group, rc ? rc : 1);
    }
    if (refusal == DFU_SMP_HOOK_RC) {
        return rc ? rc : DFU_SMP_EUNKNOWN;
    }
    return 0;
}

void dfu_smp_tell(struct dfu_smp_call *call, uint32_t event, const void *data, size_t size)
{
    uint16_t group = call->err_group, rc = call->err_rc;

    (void)dfu_smp_notify(call, event, data, size);
    call->err_group = group;
    call->err_rc = rc;
}

static const struct dfu_smp_binding *find_binding(const struct dfu_smp_server *server,
                                                  uint16_t group)
{
    for (size_t i = 0; i < server->binding_count; i++) {
        if (server->bindings[i].group->id == group) {
            return &server->bindings[i];
        }
    }
    return NULL;
}

static dfu_smp_handler find_handler(const struct dfu_smp_binding *binding,
                                    const struct dfu_smp_header *header)
{
    const struct dfu_smp_command *command;

    if (!binding || header->id >= binding->group->command_count) {
        return NULL;
    }
    command = &binding->group->commands[header->id];
    return header->op == DFU_SMP_READ ? command->read : command->write;
}

static int to_v1(const struct dfu_smp_server *server, uint16_t group, uint16_t rc)
{
    const struct dfu_smp_binding *binding = find_binding(server, group);

    if (binding && rc < binding->group->to_v1_count) {
        return binding->group->to_v1[rc];
    }
    return DFU_SMP_EUNKNOWN;
}

static void begin_response(struct dfu_smp_call *call)
{
    struct dfu_smp_server *server = call->server;
    size_t cap = server->response_cap - DFU_SMP_HEADER_SIZE;

    if (call->link->max_frame >= DFU_SMP_RESPONSE_MIN) {
        cap = min_u32((uint32_t)cap, (uint32_t)(call->link->max_frame - DFU_SMP_HEADER_SIZE));
    }
    cap = cap < UINT16_MAX ? cap : UINT16_MAX; /* the header's length field */
    dfu_cbor_encoder_init(call->enc, server->response + DFU_SMP_HEADER_SIZE, cap,
                          fixed_server(server)->definite_lengths);
    dfu_cbor_begin_map(call->enc);
}

/* Start the answer over with a refusal in it. Fits DFU_SMP_RESPONSE_MIN but for a long reason,
 * which is then left out. */
static void encode_refusal(struct dfu_smp_call *call, int result)
{
    bool tells_reasons = fixed_server(call->server)->verbose_errors;

    begin_response(call);
    if (result == GROUP_REFUSAL && call->header.version == DFU_SMP_V1 &&
        !fixed_server(call->server)->refuse_v1) {
        result = to_v1(call->server, call->err_group, call->err_rc);
    }
    if (result == GROUP_REFUSAL) {
        dfu_cbor_put_text(call->enc, "err");
        dfu_cbor_begin_map(call->enc);
        dfu_cbor_pair_uint(call->enc, "group", call->err_group);
        dfu_cbor_pair_uint(call->enc, "rc", call->err_rc);
        dfu_cbor_end(call->enc);
        if (call->hint) {
            dfu_cbor_pair_uint(call->enc, call->hint, call->hint_value);
        }
    } else {
        dfu_cbor_pair_uint(call->enc, "rc", (uint32_t)result);
        if (tells_reasons && call->reason) {
            dfu_cbor_pair_text(call->enc, "rsn", call->reason);
        }
    }
    dfu_cbor_end(call->enc);
    if (tells_reasons && call->enc->err && call->reason) {
        call->reason = NULL;
        encode_refusal(call, result);
    }
}

static int send_response(struct dfu_smp_call *call)
{
    struct dfu_smp_header header = call->header;

    header.op = call->header.op == DFU_SMP_READ ? DFU_SMP_READ_RSP : DFU_SMP_WRITE_RSP;
    header.version = call->header.version == DFU_SMP_V1 ? DFU_SMP_V1 : DFU_SMP_V2;
    header.flags = 0;
    header.length = (uint16_t)call->enc->len;
    dfu_smp_header_encode(&header, call->server->response);
    return call->link->send(call->link->ctx, call->server->response,
                            DFU_SMP_HEADER_SIZE + call->enc->len);
}

/* Run hooks and handler; leaves a success in the encoder, or says how to refuse. */
static int run_handler(struct dfu_smp_call *call, dfu_smp_handler handler)
{
    struct dfu_smp_command_event event = { .group = call->header.group,
                                           .id = call->header.id,
                                           .op = call->header.op };
    int result;

    begin_response(call);
    if (fixed_server(call->server)->legacy_rc) {
        dfu_cbor_pair_uint(call->enc, "rc", DFU_SMP_EOK);
    }
    result = dfu_smp_notify(call, DFU_SMP_EV_CMD_RECV, &event, sizeof(event));
    if (!result) {
        result = handler(call);
    }
    if (result < 0 && result != GROUP_REFUSAL) {
        result = DFU_SMP_EUNKNOWN;
    }
    if (!result) {
        dfu_cbor_end(call->enc);
        result = dfu_cbor_finish(call->enc) ? DFU_SMP_EMSGSIZE : 0;
    }
    return result;
}

static void notify_done(struct dfu_smp_call *call, int result)
{
    struct dfu_smp_command_event event = {
        .group = call->header.group, .id = call->header.id, .op = call->header.op, .result = result
    };

    dfu_smp_tell(call, DFU_SMP_EV_CMD_DONE, &event, sizeof(event));
}

/* 0, or the SMP code that ends the packet. */
static int check_header(const struct dfu_smp_server *server, const struct dfu_smp_header *header,
                        size_t payload_room)
{
    if (header->version == DFU_SMP_V1 && fixed_server(server)->refuse_v1) {
        return DFU_SMP_TOO_OLD;
    }
    if (header->version > DFU_SMP_V2) {
        return DFU_SMP_TOO_NEW;
    }
    if (header->length > payload_room) {
        return DFU_SMP_ECORRUPT;
    }
    if (header->op != DFU_SMP_READ && header->op != DFU_SMP_WRITE) {
        return DFU_SMP_ENOTSUP;
    }
    return 0;
}

/* Answer one request. *result: 0 or GROUP_REFUSAL if the packet goes on. */
static int answer(struct dfu_smp_call *call, size_t payload_room, int *result)
{
    *result = check_header(call->server, &call->header, payload_room);
    if (*result) {
        encode_refusal(call, *result);
    } else {
        const struct dfu_smp_binding *binding = find_binding(call->server, call->header.group);
        dfu_smp_handler handler = find_handler(binding, &call->header);

        call->ctx = binding ? binding->ctx : NULL;
        *result = handler ? run_handler(call, handler) : DFU_SMP_ENOTSUP;
        if (*result) {
            encode_refusal(call, *result);
        }
        if (handler) {
            notify_done(call, *result);
        }
    }
    return send_response(call);
}

int dfu_smp_receive(struct dfu_smp_server *server, const uint8_t *packet, size_t len,
                    const struct dfu_smp_link *link)
{
    struct dfu_cbor_encoder enc;
    size_t pos = 0;

    if (!server->response || server->response_cap < DFU_SMP_RESPONSE_MIN) {
        return DFU_ERR_INVAL;
    }
    while (pos < len) {
        struct dfu_smp_call call = { .server = server, .link = link, .enc = &enc };
        size_t room;
        int err, result;

        if (len - pos < DFU_SMP_HEADER_SIZE) {
            return DFU_ERR_FORMAT;
        }
        dfu_smp_header_decode(packet + pos, &call.header);
        if (call.header.op <= DFU_SMP_WRITE_RSP && (call.header.op & OP_RSP_BIT)) {
            return DFU_ERR_FORMAT; /* never answer an answer: two servers would go on for ever */
        }
        pos += DFU_SMP_HEADER_SIZE;
        room = len - pos;
        call.request =
            (struct dfu_cbor_span){ packet + pos, min_u32(call.header.length, (uint32_t)room) };
        err = answer(&call, room, &result);
        if (err) {
            return err;
        }
        if (result > 0) {
            return pos + call.header.length < len ? DFU_ERR_FORMAT : 0;
        }
        pos += call.header.length;
    }
    return 0;
}
