/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Roles. Peers ask for challenges, log in with good and bad signatures, send whatever bytes there
 * are, time passes, the device restarts. Whatever happens, a command runs only for a peer that gave
 * a good signature for its own challenge since the last start, not too long ago. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dfu/client_auth.h"
#include "dfu/err.h"
#include "dfu/smp_auth.h"
#include "input.h"

#define PEERS  5u
#define PLACES 3u
#define GROUP  100u /* of no rule: needs the highest role */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What the harness knows of each peer. */
struct peer {
    uint8_t role;
    uint64_t begun_ms, heard_ms;
};

struct world {
    struct dfu_smp_server server;
    struct dfu_smp_binding bindings[2];
    struct dfu_smp_hook hook;
    struct dfu_smp_auth auth;
    struct dfu_smp_auth_config config;
    struct dfu_smp_auth_key keys[2];
    struct dfu_smp_auth_place places[PLACES];
    struct dfu_smp_link link;
    struct peer peers[PEERS];
    uint8_t name; /* of the peer that speaks */
    uint8_t response[256], answer[256];
    size_t answer_len;
    uint64_t now_ms;
    unsigned runs;
};

/* A stand-in for Ed25519, so that the fuzzer spends its time on the group: the signature is the
 * message, folded. */
static void fold(const uint8_t *message, size_t len, uint8_t sig[DFU_SMP_AUTH_SIG_LEN])
{
    memset(sig, 0x5a, DFU_SMP_AUTH_SIG_LEN);
    for (size_t i = 0; i < len; i++) {
        sig[i % DFU_SMP_AUTH_SIG_LEN] = (uint8_t)(sig[i % DFU_SMP_AUTH_SIG_LEN] * 31 + message[i]);
    }
}

static int verify(const struct dfu_key *key, const uint8_t *message, size_t len, const uint8_t *sig,
                  size_t sig_len)
{
    uint8_t good[DFU_SMP_AUTH_SIG_LEN];

    (void)key;
    fold(message, len, good);
    return sig_len == sizeof good && memcmp(sig, good, sizeof good) == 0 ? 0 : DFU_ERR_VERIFY;
}

static int sign(void *ctx, const uint8_t *message, size_t len, uint8_t *sig, size_t cap)
{
    (void)ctx;
    require(cap >= DFU_SMP_AUTH_SIG_LEN);
    fold(message, len, sig);
    return (int)DFU_SMP_AUTH_SIG_LEN;
}

static const struct dfu_sig_alg alg = { .name = "stand-in", .verify = verify };
static const uint8_t key_bytes[2][DFU_SMP_AUTH_KEY_LEN] = { { 1 }, { 2 } };

static int no_random(void *ctx, uint8_t *buf, size_t len)
{
    (void)ctx;
    memset(buf, 0, len);
    return 0;
}

static uint64_t now_ms(void *ctx)
{
    return ((struct world *)ctx)->now_ms;
}

static uint8_t role_of(const struct world *w)
{
    const struct peer *peer = &w->peers[w->name];

    return w->now_ms - peer->begun_ms < DFU_SMP_AUTH_LIFE_MS &&
                   w->now_ms - peer->heard_ms < DFU_SMP_AUTH_IDLE_MS
               ? peer->role
               : DFU_ROLE_NONE;
}

static int run_command(struct dfu_smp_call *call)
{
    struct world *w = call->ctx;

    require(role_of(w) == DFU_ROLE_UPDATE);
    w->peers[w->name].heard_ms = w->now_ms;
    w->runs++;
    return 0;
}

static const struct dfu_smp_command commands[] = { { run_command, run_command } };
static const struct dfu_smp_group group = {
    .id = GROUP, .command_count = 1, .name = "all", .commands = commands
};

static int keep(void *ctx, const uint8_t *frame, size_t len)
{
    struct world *w = ctx;

    require(len <= sizeof w->answer);
    memcpy(w->answer, frame, len);
    w->answer_len = len;
    return 0;
}

static void start(struct world *w)
{
    uint32_t boots = w->auth.boot_count;

    memset(w->places, 0, sizeof w->places);
    memset(w->peers, 0, sizeof w->peers);
    w->auth = (struct dfu_smp_auth){
        .config = &w->config, .places = w->places, .place_count = PLACES, .boot_count = boots + 1
    };
}

static void set_up(struct world *w)
{
    *w = (struct world){ .now_ms = 1 };
    w->keys[0] = (struct dfu_smp_auth_key){ { &alg, key_bytes[0], 32 }, DFU_ROLE_UPDATE };
    w->keys[1] = (struct dfu_smp_auth_key){ { &alg, key_bytes[1], 32 }, DFU_ROLE_OPERATE };
    w->config = (struct dfu_smp_auth_config){ .keys = w->keys,
                                              .key_count = 2,
                                              .device = (const uint8_t *)"id",
                                              .device_len = 2,
                                              .random = no_random,
                                              .now_ms = now_ms,
                                              .ctx = w };
    w->bindings[0] = (struct dfu_smp_binding){ &group, w };
    w->bindings[1] = (struct dfu_smp_binding){ &dfu_smp_group_auth, &w->auth };
    w->hook = dfu_smp_auth_hook(&w->auth);
    w->server = (struct dfu_smp_server){ .bindings = w->bindings,
                                         .binding_count = 2,
                                         .hooks = &w->hook,
                                         .hook_count = 1,
                                         .response = w->response,
                                         .response_cap = sizeof w->response };
    w->link = (struct dfu_smp_link){ .send = keep, .ctx = w, .peer = &w->name, .peer_len = 1 };
    start(w);
}

/* Of the last answer. */
static int read_answer(const struct world *w, const struct dfu_call *call, struct dfu_answer *out)
{
    return dfu_client_answer(call, w->answer, w->answer_len, out);
}

/* By the book, or with one bit of the signed bytes wrong. */
static void log_in(struct world *w, unsigned key, uint8_t role, unsigned wrong_bit)
{
    const struct dfu_signer signer = { .public_key = key_bytes[key],
                                       .public_key_len = DFU_SMP_AUTH_KEY_LEN,
                                       .sign = sign };
    struct dfu_call call = { .version = 1, .seq = 1 };
    struct dfu_client_challenge challenge;
    struct dfu_answer answer;
    uint8_t frame[256];
    uint32_t given = 0;
    int len = dfu_client_auth_challenge(&call, frame, sizeof frame);

    (void)dfu_smp_receive(&w->server, frame, (size_t)len, &w->link);
    if (read_answer(w, &call, &answer)) {
        return;
    }
    require(dfu_client_auth_challenge_read(&answer, &challenge) == 0);
    if (wrong_bit < DFU_SMP_AUTH_CHALLENGE_LEN * 8) {
        challenge.challenge[wrong_bit / 8] ^= (uint8_t)(1u << wrong_bit % 8);
    }
    len = dfu_client_auth_login(&call, &challenge, &signer, role, frame, sizeof frame);
    (void)dfu_smp_receive(&w->server, frame, (size_t)len, &w->link);
    if (read_answer(w, &call, &answer)) {
        return;
    }
    require(wrong_bit >= DFU_SMP_AUTH_CHALLENGE_LEN * 8);
    require(dfu_client_auth_role_read(&answer, &given) == 0);
    require(given <= w->keys[key].role && (role == 0 || given == role));
    w->peers[w->name] = (struct peer){ (uint8_t)given, w->now_ms, w->now_ms };
}

static void try_command(struct world *w, uint8_t version)
{
    const struct dfu_smp_header header = {
        .op = DFU_SMP_WRITE, .version = version & 1, .group = GROUP, .seq = 1
    };
    uint8_t frame[DFU_SMP_HEADER_SIZE];
    unsigned before = w->runs;
    uint8_t role = role_of(w);

    dfu_smp_header_encode(&header, frame);
    (void)dfu_smp_receive(&w->server, frame, sizeof frame, &w->link);
    require(w->runs == before || role == DFU_ROLE_UPDATE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct world w;
    size_t i = 0;

    set_up(&w);
    while (i + 2 < len) {
        uint8_t what = data[i], arg = data[i + 1], more = data[i + 2];

        i += 3;
        switch (what % 8) {
        case 0: w.name = arg % PEERS; break;
        case 1: w.now_ms += (uint64_t)arg * more; break;
        case 2: log_in(&w, arg & 1, more % 5, UINT32_MAX); break;
        case 3: log_in(&w, arg & 1, 0, more); break;
        case 4: try_command(&w, arg); break;
        case 5: start(&w); break;
        case 6:
            dfu_smp_auth_end(&w.auth, &w.link);
            w.peers[w.name].role = 0;
            break;
        default: {
            size_t n = arg < len - i ? arg : len - i;

            (void)dfu_smp_receive(&w.server, data + i, n, &w.link);
            i += n;
        }
        }
    }
    return 0;
}
