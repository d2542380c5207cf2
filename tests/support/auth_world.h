/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* auth_world.h - a server with roles whose every other command says yes, keys of each role, and a
 * client that logs in. */
#ifndef TEST_AUTH_WORLD_H
#define TEST_AUTH_WORLD_H

#include <openssl/evp.h>

#include "dfu/client_auth.h"
#include "dfu/openssl.h"
#include "smp_peer.h"

#define AUTH_PLACES 3u
#define AUTH_IDS    16u
#define AUTH_GROUPS 14u

extern const uint16_t auth_groups[AUTH_GROUPS];

enum { KEY_OBSERVE, KEY_OPERATE, KEY_UPDATE, KEY_STRANGER, KEYS };

/* A key pair from a fixed seed. */
struct auth_pair {
    EVP_PKEY *pkey;
    uint8_t der[64];
    size_t der_len;
    struct dfu_signer signer;
};

extern struct auth_pair auth_pairs[KEYS];

/* Set-up and tear-down of a program's tests. */
int auth_make_keys(void **state);
int auth_free_keys(void **state);

/* A device whose every command of every group says yes, and counts. */
struct auth_device {
    struct smp_peer peer;
    struct dfu_smp_group fakes[AUTH_GROUPS];
    struct dfu_smp_binding bindings[AUTH_GROUPS + 1];
    struct dfu_smp_hook hooks[2];
    struct dfu_smp_auth auth;
    struct dfu_smp_auth_config config;
    struct dfu_smp_auth_key keys[3];
    struct dfu_smp_auth_place places[AUTH_PLACES];
    struct dfu_smp_link other; /* another transport */
    char name[8];              /* of the peer that speaks */
    unsigned runs, later_hooks;
    uint64_t now_ms;
    bool has_random;
    uint8_t random;
};

/* Alice speaks to it; free() it. */
struct auth_device *auth_new_device(const char *id);

/* Power on: RAM is new, keys and id are what they were. */
void auth_start(struct auth_device *dev, uint32_t boot_count);
void auth_speak_as(struct auth_device *dev, const char *name);

/* The group's code of a refusal, or 0. */
uint32_t auth_get_challenge(struct auth_device *dev, struct dfu_client_challenge *out);
uint32_t auth_present(struct auth_device *dev, const uint8_t *frame, int len);
uint32_t auth_log_in(struct auth_device *dev, unsigned key, uint8_t role);

/* Ask for a challenge and answer it with the update key: the login's length. */
int auth_answered_challenge(struct auth_device *dev, uint8_t *frame, size_t cap);

int auth_login_frame(const struct dfu_client_challenge *challenge, unsigned key, uint8_t role,
                     uint8_t *frame, size_t cap);
uint32_t auth_role_now(struct auth_device *dev);

/* Send a command with an empty map; whether it ran. */
bool auth_runs(struct auth_device *dev, uint8_t version, uint16_t group, uint8_t id, uint8_t op);

#endif
