/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Status, challenge, login, logout. A challenge is boot count | number since the start | 24 random
 * bytes: the first two alone never come again, so that a bad random source repeats none. */
#include <string.h>

#include "base/bytes.h"
#include "smp/auth_parts.h"

#define RANDOM_OFF 8u

/* ---- Status ---- */

static int status(struct dfu_smp_call *call)
{
    struct dfu_smp_auth *auth = call->ctx;

    dfu_cbor_pair_uint(call->enc, "role", dfu_smp_auth_role(auth, call->link));
    dfu_cbor_pair_uint(call->enc, "open", auth->config->open_role);
    return 0;
}

/* ---- Challenge ---- */

static int make_challenge(struct dfu_smp_auth *auth, struct dfu_smp_auth_place *place)
{
    const struct dfu_smp_auth_config *config = auth->config;
    uint8_t *challenge = place->challenge;

    put_le32(challenge, auth->boot_count);
    put_le32(challenge + 4, ++auth->serial);
    if (config->random(config->ctx, challenge + RANDOM_OFF,
                       DFU_SMP_AUTH_CHALLENGE_LEN - RANDOM_OFF)) {
        return DFU_SMP_AUTH_UNAVAILABLE;
    }
    place->asked_ms = config->now_ms(config->ctx);
    place->has_challenge = true;
    return 0;
}

/* Asked again before it was used, it is the same one: the first answer may have been lost. */
static int challenge(struct dfu_smp_call *call)
{
    struct dfu_smp_auth *auth = call->ctx;
    struct dfu_smp_auth_place *place;

    if (auth->boot_count == 0 || auth->serial == UINT32_MAX) {
        return dfu_smp_fail(call, DFU_SMP_AUTH_UNAVAILABLE);
    }
    place = auth_take(auth, call->link);
    if (!place) {
        return dfu_smp_fail(call, DFU_SMP_AUTH_BUSY);
    }
    if (!place->has_challenge) {
        int err = make_challenge(auth, place);

        if (err) {
            return dfu_smp_fail(call, (uint16_t)err);
        }
    }
    dfu_cbor_pair_bytes(call->enc, "challenge", place->challenge, sizeof place->challenge);
    dfu_cbor_pair_bytes(call->enc, "device", auth->config->device, auth->config->device_len);
    return 0;
}

/* ---- Login ---- */

static const uint8_t *public_bytes(const struct dfu_key *key)
{
    return key->der_len < DFU_SMP_AUTH_KEY_LEN ? NULL
                                               : key->der + key->der_len - DFU_SMP_AUTH_KEY_LEN;
}

static const struct dfu_smp_auth_key *find_key(const struct dfu_smp_auth_config *config,
                                               const uint8_t *wanted)
{
    for (size_t i = 0; i < config->key_count; i++) {
        const uint8_t *bytes = public_bytes(&config->keys[i].key);

        if (bytes && memcmp(bytes, wanted, DFU_SMP_AUTH_KEY_LEN) == 0) {
            return &config->keys[i];
        }
    }
    return NULL;
}

/* The role that a signature is good for, or DFU_ROLE_NONE. */
static uint8_t proven_role(const struct dfu_smp_auth *auth, const struct dfu_smp_auth_place *place,
                           const uint8_t *wanted_key, uint32_t role, struct dfu_cbor_span sig)
{
    const struct dfu_smp_auth_config *config = auth->config;
    const struct dfu_smp_auth_key *key = find_key(config, wanted_key);
    const struct dfu_smp_auth_statement statement = { .challenge = place->challenge,
                                                      .device = config->device,
                                                      .device_len = config->device_len,
                                                      .key = wanted_key,
                                                      .role = (uint8_t)role };
    uint8_t message[DFU_SMP_AUTH_MESSAGE_MAX];
    size_t len = dfu_smp_auth_message(&statement, message);

    if (!key || role > key->role ||
        key->key.alg->verify(&key->key, message, len, sig.data, sig.len) != 0) {
        return DFU_ROLE_NONE;
    }
    return role == DFU_ROLE_NONE ? key->role : (uint8_t)role;
}

static int login(struct dfu_smp_call *call)
{
    struct dfu_smp_auth *auth = call->ctx;
    struct dfu_smp_auth_place *place = auth_find(auth, call->link);
    struct dfu_cbor_span key = { 0 }, sig = { 0 };
    uint32_t role = DFU_ROLE_NONE;
    struct dfu_cbor_key keys[] = { { "key", DFU_CBOR_BYTES, &key, false },
                                   { "role", DFU_CBOR_UINT, &role, false },
                                   { "sig", DFU_CBOR_BYTES, &sig, false } };
    uint8_t proven;

    if (dfu_cbor_decode_map(call->request, keys, 3) || key.len != DFU_SMP_AUTH_KEY_LEN ||
        sig.len != DFU_SMP_AUTH_SIG_LEN || role > DFU_ROLE_UPDATE) {
        return DFU_SMP_EINVAL;
    }
    if (!place || !place->has_challenge) {
        return dfu_smp_fail(call, DFU_SMP_AUTH_NO_CHALLENGE);
    }
    place->has_challenge = false; /* whatever comes of it: one challenge, one try */
    proven = proven_role(auth, place, key.data, role, sig);
    if (proven == DFU_ROLE_NONE) {
        return dfu_smp_fail(call, DFU_SMP_AUTH_REFUSED);
    }
    place->role = proven;
    place->begun_ms = auth->config->now_ms(auth->config->ctx);
    place->heard_ms = place->begun_ms;
    dfu_cbor_pair_uint(call->enc, "role", proven);
    return 0;
}

static int logout(struct dfu_smp_call *call)
{
    dfu_smp_auth_end(call->ctx, call->link);
    return 0;
}

/* ---- The group ---- */

static const struct dfu_smp_command commands[] = {
    [DFU_SMP_AUTH_STATUS] = { .read = status },
    [DFU_SMP_AUTH_CHALLENGE] = { .read = challenge },
    [DFU_SMP_AUTH_LOGIN] = { .write = login },
    [DFU_SMP_AUTH_LOGOUT] = { .write = logout },
};

static const uint8_t to_v1[] = {
    [0] = DFU_SMP_EOK,
    [DFU_SMP_AUTH_UNKNOWN] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_AUTH_NEEDS_ROLE] = DFU_SMP_EACCESSDENIED,
    [DFU_SMP_AUTH_NO_CHALLENGE] = DFU_SMP_EBADSTATE,
    [DFU_SMP_AUTH_REFUSED] = DFU_SMP_EACCESSDENIED,
    [DFU_SMP_AUTH_UNAVAILABLE] = DFU_SMP_EBADSTATE,
    [DFU_SMP_AUTH_BUSY] = DFU_SMP_EBUSY,
};

const struct dfu_smp_group dfu_smp_group_auth = {
    .id = DFU_SMP_GROUP_AUTH,
    .command_count = sizeof commands / sizeof commands[0],
    .name = "auth",
    .commands = commands,
    .to_v1 = to_v1,
    .to_v1_count = sizeof to_v1,
};
