/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "auth_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"

const uint16_t auth_groups[AUTH_GROUPS] = { 0, 1, 2, 3, 4, 5, 8, 9, 10, 63, 64, 65, 67, 1000 };

struct auth_pair auth_pairs[KEYS];

static int run_command(struct dfu_smp_call *call)
{
    ((struct auth_device *)call->ctx)->runs++;
    return 0;
}

static int reset_to_boot_mode(struct dfu_smp_call *call)
{
    struct dfu_smp_reset_event event = { 0 };
    uint32_t mode = 0;
    struct dfu_cbor_key keys[] = { { "boot_mode", DFU_CBOR_UINT, &mode, false } };
    int err;

    assert_int_equal(dfu_cbor_decode_map(call->request, keys, 1), 0);
    event.boot_mode = (uint8_t)mode;
    err = dfu_smp_notify(call, DFU_SMP_EV_OS_RESET, &event, sizeof event);
    return err ? err : run_command(call);
}

static const struct dfu_smp_command all_commands[AUTH_IDS] = {
    { run_command, run_command }, { run_command, run_command }, { run_command, run_command },
    { run_command, run_command }, { run_command, run_command }, { run_command, reset_to_boot_mode },
    { run_command, run_command }, { run_command, run_command }, { run_command, run_command },
    { run_command, run_command }, { run_command, run_command }, { run_command, run_command },
    { run_command, run_command }, { run_command, run_command }, { run_command, run_command },
    { run_command, run_command },
};

static int random_bytes(void *ctx, uint8_t *buf, size_t len)
{
    const struct auth_device *dev = ctx;

    memset(buf, dev->random, len);
    return dev->has_random ? 0 : DFU_ERR_IO;
}

static uint64_t now_ms(void *ctx)
{
    return ((struct auth_device *)ctx)->now_ms;
}

static enum dfu_smp_hook_result count_hook(void *ctx, struct dfu_smp_event *event)
{
    (void)event;
    ((struct auth_device *)ctx)->later_hooks++;
    return DFU_SMP_HOOK_OK;
}

void auth_start(struct auth_device *dev, uint32_t boot_count)
{
    memset(dev->places, 0, sizeof dev->places);
    dev->auth = (struct dfu_smp_auth){ .config = &dev->config,
                                       .places = dev->places,
                                       .place_count = AUTH_PLACES,
                                       .boot_count = boot_count };
}

void auth_speak_as(struct auth_device *dev, const char *name)
{
    memset(dev->name, 0, sizeof dev->name);
    memcpy(dev->name, name, strlen(name));
    dev->peer.link.peer = dev->name;
    dev->peer.link.peer_len = strlen(name);
}

struct auth_device *auth_new_device(const char *id)
{
    static const uint8_t roles[] = { DFU_ROLE_OBSERVE, DFU_ROLE_OPERATE, DFU_ROLE_UPDATE };
    struct auth_device *dev = calloc(1, sizeof *dev);

    assert_non_null(dev);
    for (size_t i = 0; i < AUTH_GROUPS; i++) {
        dev->fakes[i] = (struct dfu_smp_group){ .id = auth_groups[i],
                                                .command_count = AUTH_IDS,
                                                .name = "fake",
                                                .commands = all_commands };
        dev->bindings[i] = (struct dfu_smp_binding){ &dev->fakes[i], dev };
    }
    for (size_t i = 0; i < 3; i++) {
        dev->keys[i] = (struct dfu_smp_auth_key){
            { &dfu_ed25519_openssl, auth_pairs[i].der, auth_pairs[i].der_len }, roles[i]
        };
    }
    dev->config = (struct dfu_smp_auth_config){ .keys = dev->keys,
                                                .key_count = 3,
                                                .device = (const uint8_t *)id,
                                                .device_len = strlen(id),
                                                .random = random_bytes,
                                                .now_ms = now_ms,
                                                .ctx = dev };
    dev->bindings[AUTH_GROUPS] = (struct dfu_smp_binding){ &dfu_smp_group_auth, &dev->auth };
    smp_peer_init(&dev->peer, dev->bindings, AUTH_GROUPS + 1);
    dev->hooks[0] = dfu_smp_auth_hook(&dev->auth);
    dev->hooks[1] = (struct dfu_smp_hook){ DFU_SMP_EV_CMD_RECV, count_hook, dev };
    dev->peer.server.hooks = dev->hooks;
    dev->peer.server.hook_count = 2;
    dev->has_random = true;
    dev->now_ms = 5;
    auth_start(dev, 1);
    auth_speak_as(dev, "alice");
    return dev;
}

/* ---- A client ---- */

static struct dfu_call auth_new_call(uint8_t version)
{
    return (struct dfu_call){ .version = version, .seq = 9 };
}

/* 0 or DFU_ERR_PERM, and the answer. */
static int auth_ask(struct auth_device *dev, const struct dfu_call *call, const uint8_t *frame,
                    int len, struct dfu_answer *answer)
{
    assert_true(len > 0);
    smp_peer_receive(&dev->peer, frame, (size_t)len);
    assert_int_equal(dev->peer.count, 1);
    return dfu_client_answer(call, dev->peer.answers[0].data, dev->peer.answers[0].len, answer);
}

/* The group code of a refusal, 0 for a yes. */
static uint32_t auth_code_of(int err, const struct dfu_answer *answer)
{
    if (!err) {
        return 0;
    }
    assert_int_equal(err, DFU_ERR_PERM);
    assert_true(answer->refusal.from_group && answer->refusal.group == DFU_SMP_GROUP_AUTH);
    return answer->refusal.rc;
}

uint32_t auth_get_challenge(struct auth_device *dev, struct dfu_client_challenge *out)
{
    struct dfu_call call = auth_new_call(1);
    struct dfu_answer answer;
    uint8_t frame[64];
    int len = dfu_client_auth_challenge(&call, frame, sizeof frame);
    uint32_t code = auth_code_of(auth_ask(dev, &call, frame, len, &answer), &answer);

    if (!code) {
        assert_int_equal(dfu_client_auth_challenge_read(&answer, out), 0);
    }
    return code;
}

int auth_login_frame(const struct dfu_client_challenge *challenge, unsigned key, uint8_t role,
                     uint8_t *frame, size_t cap)
{
    struct dfu_call call = auth_new_call(1);

    return dfu_client_auth_login(&call, challenge, &auth_pairs[key].signer, role, frame, cap);
}

int auth_answered_challenge(struct auth_device *dev, uint8_t *frame, size_t cap)
{
    struct dfu_client_challenge challenge;

    assert_int_equal(auth_get_challenge(dev, &challenge), 0);
    return auth_login_frame(&challenge, KEY_UPDATE, 0, frame, cap);
}

uint32_t auth_present(struct auth_device *dev, const uint8_t *frame, int len)
{
    struct dfu_call call = { .version = 1,
                             .seq = 9,
                             .op = DFU_SMP_WRITE,
                             .group = DFU_SMP_GROUP_AUTH,
                             .id = DFU_SMP_AUTH_LOGIN };
    struct dfu_answer answer;

    return auth_code_of(auth_ask(dev, &call, frame, len, &answer), &answer);
}

uint32_t auth_log_in(struct auth_device *dev, unsigned key, uint8_t role)
{
    struct dfu_client_challenge challenge;
    uint8_t frame[256];
    uint32_t code = auth_get_challenge(dev, &challenge);

    return code ? code
                : auth_present(dev, frame,
                               auth_login_frame(&challenge, key, role, frame, sizeof frame));
}

uint32_t auth_role_now(struct auth_device *dev)
{
    struct dfu_call call = auth_new_call(1);
    struct dfu_answer answer;
    uint8_t frame[64];
    uint32_t role = 99;
    int len = dfu_client_auth_status(&call, frame, sizeof frame);

    assert_int_equal(auth_ask(dev, &call, frame, len, &answer), 0);
    assert_int_equal(dfu_client_auth_role_read(&answer, &role), 0);
    return role;
}

bool auth_runs(struct auth_device *dev, uint8_t version, uint16_t group, uint8_t id, uint8_t op)
{
    const struct dfu_smp_header header = {
        .op = op, .version = version, .length = 1, .group = group, .seq = 3, .id = id
    };
    static const uint8_t refused_v1[] = { 0xbf, 0x62, 'r', 'c', 11, 0xff };
    static const uint8_t refused_v2[] = {
        0xbf, 0x63, 'e',  'r', 'r',  0xbf, 0x65, 'g', 'r',  'o',
        'u',  'p',  0x18, 66,  0x62, 'r',  'c',  2,   0xff, 0xff
    };
    uint8_t frame[9];
    unsigned before = dev->runs, hooks = dev->later_hooks;

    dfu_smp_header_encode(&header, frame);
    frame[8] = 0xa0;
    smp_peer_receive(&dev->peer, frame, sizeof frame);
    assert_int_equal(dev->peer.count, 1);
    if (dev->runs > before) {
        return true;
    }
    assert_int_equal(dev->later_hooks, hooks); /* a refused command claims no lock */
    if (version == 0) {
        assert_int_equal(dev->peer.answers[0].len, 8 + sizeof refused_v1);
        assert_memory_equal(dev->peer.answers[0].data + 8, refused_v1, sizeof refused_v1);
    } else {
        assert_int_equal(dev->peer.answers[0].len, 8 + sizeof refused_v2);
        assert_memory_equal(dev->peer.answers[0].data + 8, refused_v2, sizeof refused_v2);
    }
    return false;
}

/* ---- Keys ---- */

int auth_make_keys(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        uint8_t seed[32];
        int len;

        memset(seed, (int)i + 1, sizeof seed);
        auth_pairs[i].pkey =
            EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
        len =
            dfu_openssl_public_key(auth_pairs[i].pkey, auth_pairs[i].der, sizeof auth_pairs[i].der);
        if (len < 0) {
            return -1;
        }
        auth_pairs[i].der_len = (size_t)len;
        if (dfu_openssl_signer(auth_pairs[i].pkey, auth_pairs[i].der, (size_t)len,
                               &auth_pairs[i].signer)) {
            return -1;
        }
    }
    return 0;
}

int auth_free_keys(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        EVP_PKEY_free(auth_pairs[i].pkey);
    }
    return 0;
}
