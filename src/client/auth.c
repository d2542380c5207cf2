/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Logging in to a server that asks for roles (smp_auth.h). */
#include "dfu/client_auth.h"

#include <string.h>

#include "client/request.h"
#include "dfu/cbor.h"
#include "dfu/err.h"

static void name_call(struct dfu_call *call, uint8_t op, uint8_t id)
{
    call->op = op;
    call->group = DFU_SMP_GROUP_AUTH;
    call->id = id;
}

bool dfu_client_auth_is_needed(const struct dfu_refusal *refusal)
{
    if (refusal->from_group) {
        return refusal->group == DFU_SMP_GROUP_AUTH && refusal->rc == DFU_SMP_AUTH_NEEDS_ROLE;
    }
    return refusal->rc == DFU_SMP_EACCESSDENIED; /* as version 1 has it; others mean it otherwise */
}

int dfu_client_auth_challenge(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    struct dfu_cbor_encoder enc;

    name_call(call, DFU_SMP_READ, DFU_SMP_AUTH_CHALLENGE);
    request_begin(&enc, frame, cap);
    return request_end(&enc, call, frame);
}

int dfu_client_auth_challenge_read(const struct dfu_answer *answer,
                                   struct dfu_client_challenge *out)
{
    struct dfu_cbor_span challenge = { 0 }, device = { 0 };
    struct dfu_cbor_key keys[] = { { "challenge", DFU_CBOR_BYTES, &challenge, false },
                                   { "device", DFU_CBOR_BYTES, &device, false } };

    if (dfu_cbor_decode_map((struct dfu_cbor_span){ answer->body, answer->len }, keys, 2) ||
        !keys[1].found || challenge.len != sizeof out->challenge ||
        device.len > sizeof out->device) {
        return DFU_ERR_FORMAT;
    }
    memcpy(out->challenge, challenge.data, sizeof out->challenge);
    if (device.len > 0) {
        memcpy(out->device, device.data, device.len);
    }
    out->device_len = device.len;
    return DFU_OK;
}

int dfu_client_auth_login(struct dfu_call *call, const struct dfu_client_challenge *challenge,
                          const struct dfu_signer *signer, uint8_t role, uint8_t *frame, size_t cap)
{
    const uint8_t *key = signer->public_key + signer->public_key_len - DFU_SMP_AUTH_KEY_LEN;
    const struct dfu_smp_auth_statement statement = { .challenge = challenge->challenge,
                                                      .device = challenge->device,
                                                      .device_len = challenge->device_len,
                                                      .key = key,
                                                      .role = role };
    uint8_t message[DFU_SMP_AUTH_MESSAGE_MAX], sig[DFU_SMP_AUTH_SIG_LEN];
    struct dfu_cbor_encoder enc;
    size_t len;

    if (signer->public_key_len < DFU_SMP_AUTH_KEY_LEN) {
        return DFU_ERR_INVAL;
    }
    len = dfu_smp_auth_message(&statement, message);
    if (signer->sign(signer->ctx, message, len, sig, sizeof sig) != (int)sizeof sig) {
        return DFU_ERR_INVAL;
    }
    name_call(call, DFU_SMP_WRITE, DFU_SMP_AUTH_LOGIN);
    request_begin(&enc, frame, cap);
    dfu_cbor_pair_bytes(&enc, "key", key, DFU_SMP_AUTH_KEY_LEN);
    dfu_cbor_pair_uint(&enc, "role", role);
    dfu_cbor_pair_bytes(&enc, "sig", sig, sizeof sig);
    return request_end(&enc, call, frame);
}

int dfu_client_auth_status(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    struct dfu_cbor_encoder enc;

    name_call(call, DFU_SMP_READ, DFU_SMP_AUTH_STATUS);
    request_begin(&enc, frame, cap);
    return request_end(&enc, call, frame);
}

int dfu_client_auth_logout(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    struct dfu_cbor_encoder enc;

    name_call(call, DFU_SMP_WRITE, DFU_SMP_AUTH_LOGOUT);
    request_begin(&enc, frame, cap);
    return request_end(&enc, call, frame);
}

int dfu_client_auth_role_read(const struct dfu_answer *answer, uint32_t *role)
{
    struct dfu_cbor_key keys[] = { { "role", DFU_CBOR_UINT, role, false } };

    if (dfu_cbor_decode_map((struct dfu_cbor_span){ answer->body, answer->len }, keys, 1) ||
        !keys[0].found || *role > DFU_ROLE_UPDATE) {
        return DFU_ERR_FORMAT;
    }
    return DFU_OK;
}
