/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_auth.h - who may do what over SMP: a role for each command, roles for keys, and a signed
 * challenge that gives a peer the role of its key. docs/AUTH.md is the whole story.
 *
 * Optional: a server whose tables name neither dfu_smp_group_auth nor the hook has nothing of it.
 * With it, a command whose role the asking peer does not have is refused before its handler runs.
 * All state is the caller's; a session lives in RAM, belongs to one peer of one link and ends by
 * silence, by age and with every reset. */
#ifndef DFU_SMP_AUTH_H
#define DFU_SMP_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/crypto.h"
#include "dfu/record.h"
#include "dfu/smp.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_SMP_GROUP_AUTH 66u

enum dfu_smp_auth_id {
    DFU_SMP_AUTH_STATUS = 0,    /* read: the asker's role */
    DFU_SMP_AUTH_CHALLENGE = 1, /* read: what to sign */
    DFU_SMP_AUTH_LOGIN = 2,     /* write: the signature */
    DFU_SMP_AUTH_LOGOUT = 3,    /* write */
};

enum dfu_smp_auth_err {
    DFU_SMP_AUTH_UNKNOWN = 1,
    DFU_SMP_AUTH_NEEDS_ROLE = 2,   /* log in first, or with a key of a higher role */
    DFU_SMP_AUTH_NO_CHALLENGE = 3, /* none was asked for, it is too old, or it was used */
    DFU_SMP_AUTH_REFUSED = 4,      /* unknown key, wrong signature, or a role above the key's */
    DFU_SMP_AUTH_UNAVAILABLE = 5,  /* no boot count or no randomness: nobody can log in */
    DFU_SMP_AUTH_BUSY = 6,         /* every place is taken by somebody who is logged in */
};

/* Each includes those before it. */
enum dfu_role {
    DFU_ROLE_NONE = 0,
    DFU_ROLE_OBSERVE = 1, /* ask */
    DFU_ROLE_OPERATE = 2, /* change what the running application does */
    DFU_ROLE_UPDATE = 3,  /* change what runs, and all that no rule speaks of */
};

/* "update", or NULL for a number that is none. */
const char *dfu_role_name(uint32_t role);

/* ---- What is signed ---- */

#define DFU_SMP_AUTH_CHALLENGE_LEN 32u
#define DFU_SMP_AUTH_DEVICE_MAX    32u
#define DFU_SMP_AUTH_KEY_LEN       32u /* an Ed25519 public key */
#define DFU_SMP_AUTH_SIG_LEN       64u
#define DFU_SMP_AUTH_MESSAGE_MAX   117u

struct dfu_smp_auth_statement {
    const uint8_t *challenge; /* DFU_SMP_AUTH_CHALLENGE_LEN bytes */
    const uint8_t *device;
    size_t device_len;  /* up to DFU_SMP_AUTH_DEVICE_MAX */
    const uint8_t *key; /* DFU_SMP_AUTH_KEY_LEN bytes */
    uint8_t role;       /* DFU_ROLE_NONE: all that the key has */
};

/* "dfukit SMP login 1" and a zero byte | length of the device id | device id, up with zeros to 32
 * | challenge | role | key. Returns its length. */
size_t dfu_smp_auth_message(const struct dfu_smp_auth_statement *statement,
                            uint8_t out[DFU_SMP_AUTH_MESSAGE_MAX]);

/* ---- Rules ---- */

#define DFU_SMP_AUTH_ANY_ID 0xffu
#define DFU_SMP_AUTH_READ   1u
#define DFU_SMP_AUTH_WRITE  2u

struct dfu_smp_auth_rule {
    uint16_t group;
    uint8_t id;   /* or DFU_SMP_AUTH_ANY_ID */
    uint8_t ops;  /* DFU_SMP_AUTH_READ | DFU_SMP_AUTH_WRITE */
    uint8_t role; /* enum dfu_role */
};

/* Rules for every group of this library; docs/AUTH.md shows them. The first that fits counts, and a
 * command without one needs DFU_ROLE_UPDATE. The authentication group needs no role. */
extern const struct dfu_smp_auth_rule dfu_smp_auth_rules[];
extern const size_t dfu_smp_auth_rule_count;

/* ---- The server's side ---- */

#define DFU_SMP_AUTH_CHALLENGE_MS 30000u
#define DFU_SMP_AUTH_IDLE_MS      60000u
#define DFU_SMP_AUTH_LIFE_MS      3600000u

/* key.alg is an Ed25519 scheme: its verify gets the whole message for a digest. key.der ends with
 * the public key's 32 bytes, as SubjectPublicKeyInfo does, or is just these. */
struct dfu_smp_auth_key {
    struct dfu_key key;
    uint8_t role;
};

struct dfu_smp_auth_config {
    const struct dfu_smp_auth_key *keys;
    size_t key_count;
    const struct dfu_smp_auth_rule *rules; /* NULL: dfu_smp_auth_rules */
    size_t rule_count;
    uint8_t open_role;     /* what everybody has; DFU_ROLE_OBSERVE lets standard clients list */
    const uint8_t *device; /* an id that no other device has */
    size_t device_len;
    uint32_t idle_ms, life_ms; /* 0: DFU_SMP_AUTH_IDLE_MS, DFU_SMP_AUTH_LIFE_MS */
    /* Fill buf from hardware; other than 0: not now, and nobody can log in. */
    int (*random)(void *ctx, uint8_t *buf, size_t len);
    uint64_t (*now_ms)(void *ctx); /* any clock that doesn't go back */
    void *ctx;
};

#define DFU_SMP_AUTH_PEER_MAX 32u

/* One peer: a challenge it has to answer, or its session. */
struct dfu_smp_auth_place {
    const struct dfu_smp_link *link; /* NULL: free */
    uint8_t peer[DFU_SMP_AUTH_PEER_MAX];
    uint8_t peer_len;
    uint8_t role; /* DFU_ROLE_NONE: not logged in */
    bool has_challenge;
    uint8_t challenge[DFU_SMP_AUTH_CHALLENGE_LEN];
    uint64_t asked_ms, begun_ms, heard_ms;
};

struct dfu_smp_auth {
    const struct dfu_smp_auth_config *config;
    struct dfu_smp_auth_place *places; /* zeroed at every start; how many peers at once */
    size_t place_count;
    uint32_t boot_count; /* another one after every reset; 0: there is none, nobody can log in */
    uint32_t serial;     /* of the last challenge since the start */
};

/* A boot count from flash that is of nobody else: the next one, stored before it is returned, so
 * that no cut lets one be used twice. On failure *out is 0. */
int dfu_smp_auth_count_boot(struct dfu_record *record, const struct dfu_area *area, uint32_t *out);

/* Its binding's ctx is a struct dfu_smp_auth. */
extern const struct dfu_smp_group dfu_smp_group_auth;

/* For the server's table of hooks, before every other: what it refuses must not claim a lock. */
struct dfu_smp_hook dfu_smp_auth_hook(struct dfu_smp_auth *auth);

/* The role a peer has now; the transport's peers are compared byte by byte. */
uint8_t dfu_smp_auth_role(struct dfu_smp_auth *auth, const struct dfu_smp_link *link);

/* The peer that link now stands for has gone. */
void dfu_smp_auth_end(struct dfu_smp_auth *auth, const struct dfu_smp_link *link);

#ifdef __cplusplus
}
#endif
#endif
