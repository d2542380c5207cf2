/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "login.h"

#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "dfu/client_auth.h"
#include "dfu/err.h"
#include "dfu/openssl.h"
#include "dfu/smp.h"

#define TRIES       3 /* a challenge may be used up by an answer that was lost */
#define WAIT_MS     5000u
#define REFUSAL_MAX 512u

int login_open(struct cli *cli, struct login **out)
{
    struct login *login;
    int code;

    *out = NULL;
    if (!cli->auth_key) {
        return CLI_DONE;
    }
    login = calloc(1, sizeof *login);
    if (!login) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    code = keyfile_read(cli, cli->auth_key, &login->key);
    if (code) {
        free(login);
        return code;
    }
    if (!login->key.is_private || login->key.token || login->key.alg != &dfu_ed25519_openssl ||
        dfu_openssl_signer(login->key.pkey, login->key.der, login->key.der_len, &login->signer)) {
        code = cli_fail(cli, CLI_USAGE,
                        "%s can't be logged in with: that takes a private Ed25519 key in a file, "
                        "as dfu keygen -t ed25519 makes one",
                        login->key.path);
        login_close(login);
        return code;
    }
    *out = login;
    return CLI_DONE;
}

void login_close(struct login *login)
{
    if (!login) {
        return;
    }
    for (size_t i = 0; i < LOGIN_SENT_MAX; i++) {
        free(login->sent[i].data);
    }
    keyfile_free(&login->key);
    free(login);
}

void login_note(struct login *login, const uint8_t *frame, size_t len)
{
    struct login_frame *sent;

    if (!login || login->is_going_on || len < DFU_SMP_HEADER_SIZE) {
        return;
    }
    sent = &login->sent[login->next++ % LOGIN_SENT_MAX];
    free(sent->data);
    *sent = (struct login_frame){ .data = malloc(len), .len = len };
    if (sent->data) {
        memcpy(sent->data, frame, len);
    }
}

/* The request that an answer belongs to, the newest first. */
static struct login_frame *find(struct login *login, const struct dfu_smp_header *answer)
{
    for (size_t i = 1; i <= LOGIN_SENT_MAX && i <= login->next; i++) {
        struct login_frame *sent = &login->sent[(login->next - i) % LOGIN_SENT_MAX];
        struct dfu_smp_header header;

        if (!sent->data) {
            continue;
        }
        dfu_smp_header_decode(sent->data, &header);
        if (header.seq == answer->seq && header.group == answer->group && header.id == answer->id &&
            header.op + 1 == answer->op) {
            return sent;
        }
    }
    return NULL;
}

/* ---- The login itself ---- */

/* One request of its own, with buffers of its own: 0, or an error of the exchange. */
static int exchange(struct device *dev, const struct dfu_call *call, uint8_t *frame, int len,
                    struct dfu_exchange *x)
{
    if (len < 0) {
        return len;
    }
    dfu_exchange_start(x, call, frame, len,
                       (dev->session.link.answer_ms ? dev->session.link.answer_ms : WAIT_MS / 5) +
                           dev->cli->latency_ms,
                       WAIT_MS + TRIES * dev->cli->latency_ms);
    device_exchange(dev, x);
    return x->result;
}

static int try_once(struct login *login, struct device *dev)
{
    struct dfu_client_challenge challenge;
    struct dfu_exchange x;
    struct dfu_call call = device_call(dev);
    uint8_t frame[512];
    uint32_t role;
    int err =
        exchange(dev, &call, frame, dfu_client_auth_challenge(&call, frame, sizeof frame), &x);

    if (!err) {
        err = dfu_client_auth_challenge_read(&x.answer, &challenge);
    }
    if (err) {
        return err;
    }
    call = device_call(dev);
    err = exchange(dev, &call, frame,
                   dfu_client_auth_login(&call, &challenge, &login->signer, 0, frame, sizeof frame),
                   &x);
    return err ? err : dfu_client_auth_role_read(&x.answer, &role);
}

static bool log_in(struct login *login, struct device *dev)
{
    int err = DFU_ERR_PERM;

    login->is_going_on = true;
    for (int i = 0; err && err != DFU_ERR_TIMEOUT && i < TRIES; i++) {
        err = try_once(login, dev);
    }
    login->is_going_on = false;
    if (dev->cli->verbose > 0) {
        cli_note(dev->cli, err ? "the login with %s was refused" : "logged in with %s",
                 login->key.path);
    }
    return !err;
}

bool login_take(struct login *login, struct device *dev, uint8_t *frame, size_t len)
{
    struct dfu_smp_header header;
    struct dfu_answer answer;
    struct login_frame *sent;
    struct dfu_call call;
    uint8_t kept[REFUSAL_MAX];

    if (!login || login->is_going_on || len < DFU_SMP_HEADER_SIZE || len > sizeof kept) {
        return false;
    }
    memcpy(kept, frame, len);
    dfu_smp_header_decode(frame, &header);
    call = (struct dfu_call){
        .seq = header.seq, .op = (uint8_t)(header.op - 1), .id = header.id, .group = header.group
    };
    if (dfu_client_answer(&call, frame, len, &answer) != DFU_ERR_PERM ||
        !dfu_client_auth_is_needed(&answer.refusal)) {
        return false;
    }
    sent = find(login, &header);
    if (!sent || sent->is_repeated) {
        return false;
    }
    if (!log_in(login, dev)) {
        memcpy(frame, kept, len); /* the refusal is the answer after all */
        return false;
    }
    sent->is_repeated = true;
    return device_send_again(dev, sent->data, sent->len);
}
