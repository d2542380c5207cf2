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

#define TRIES   3 /* a challenge may be used up by an answer that was lost */
#define WAIT_MS 5000u

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

    if (!login || login->step != LOGIN_NOT || len < DFU_SMP_HEADER_SIZE) {
        return;
    }
    sent = &login->sent[login->next++ % LOGIN_SENT_MAX];
    free(sent->data);
    *sent =
        (struct login_frame){ .data = malloc(len), .len = len, .is_repeated = login->is_repeating };
    login->is_repeating = false;
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

static bool is_going_on(const struct login *login)
{
    return login->step == LOGIN_ASKS || login->step == LOGIN_PROVES;
}

static void start_exchange(struct login *login, const struct device *dev,
                           const struct dfu_call *call, int len)
{
    uint32_t answer_ms = dev->session.link.answer_ms ? dev->session.link.answer_ms : WAIT_MS / 5;

    dfu_exchange_start(&login->exchange, call, login->frame, len, answer_ms + dev->cli->latency_ms,
                       WAIT_MS + TRIES * dev->cli->latency_ms);
}

static void ask(struct login *login, struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_auth_challenge(&call, login->frame, sizeof login->frame);

    login->step = LOGIN_ASKS;
    login->tries++;
    start_exchange(login, dev, &call, len);
}

static int prove(struct login *login, struct device *dev)
{
    struct dfu_client_challenge challenge;
    struct dfu_call call = device_call(dev);
    int err = dfu_client_auth_challenge_read(&login->exchange.answer, &challenge);
    int len = err ? err
                  : dfu_client_auth_login(&call, &challenge, &login->signer, 0, login->frame,
                                          sizeof login->frame);

    if (len < 0) {
        return len;
    }
    login->step = LOGIN_PROVES;
    start_exchange(login, dev, &call, len);
    return 0;
}

static void end(struct login *login, const struct device *dev, bool is_in)
{
    login->step = is_in ? LOGIN_REPEATS : LOGIN_REFUSED;
    login->is_in = is_in;
    if (dev->cli->verbose > 0) {
        cli_note(dev->cli, is_in ? "logged in with %s" : "the login with %s was refused",
                 login->key.path);
    }
}

/* What a device without room or means says of any key; what else it says is about this one. */
static void note_refusal(struct login *login)
{
    const struct dfu_refusal *refusal = &login->exchange.answer.refusal;

    if (login->exchange.result == DFU_ERR_PERM && refusal->from_group &&
        refusal->group == DFU_SMP_GROUP_AUTH &&
        (refusal->rc == DFU_SMP_AUTH_UNAVAILABLE || refusal->rc == DFU_SMP_AUTH_BUSY)) {
        login->why = *refusal;
    }
}

/* One of the two exchanges is over. */
static void settle(struct login *login, struct device *dev)
{
    int err = login->exchange.result;
    uint32_t role;

    note_refusal(login);
    if (!err && login->step == LOGIN_ASKS) {
        err = prove(login, dev);
    } else if (!err) {
        err = dfu_client_auth_role_read(&login->exchange.answer, &role);
        if (!err) {
            end(login, dev, true);
        }
    }
    if (err && err != DFU_ERR_TIMEOUT && login->tries < TRIES) {
        ask(login, dev);
    } else if (err) {
        end(login, dev, false);
    }
}

/* The request that was refused for want of a role; NULL if that is not what the answer says. */
static struct login_frame *refused_request(struct login *login, const uint8_t *frame, size_t len)
{
    struct dfu_smp_header header;
    struct dfu_answer answer;
    struct login_frame *sent;
    struct dfu_call call;

    if (len < DFU_SMP_HEADER_SIZE || len > sizeof login->refusal) {
        return NULL;
    }
    dfu_smp_header_decode(frame, &header);
    call = (struct dfu_call){
        .seq = header.seq, .op = (uint8_t)(header.op - 1), .id = header.id, .group = header.group
    };
    if (dfu_client_answer(&call, frame, len, &answer) != DFU_ERR_PERM ||
        !dfu_client_auth_is_needed(&answer.refusal)) {
        return NULL;
    }
    sent = find(login, &header);
    return sent && !sent->is_repeated ? sent : NULL;
}

enum login_interest login_take(struct login *login, struct device *dev, const uint8_t *frame,
                               size_t len)
{
    if (!login) {
        return LOGIN_NO_INTEREST;
    }
    if (login->step != LOGIN_NOT) { /* others ask again, by their own clocks */
        if (is_going_on(login) &&
            dfu_exchange_answer(&login->exchange, frame, len) != DFU_CLIENT_RUNNING) {
            settle(login, dev);
        }
        return LOGIN_TAKES;
    }
    login->refused = refused_request(login, frame, len);
    if (!login->refused) {
        return LOGIN_NO_INTEREST;
    }
    memcpy(login->refusal, frame, len);
    login->refusal_len = len;
    login->tries = 0;
    login->why = (struct dfu_refusal){ 0 };
    ask(login, dev);
    return LOGIN_BEGINS;
}

/* ---- As a job ---- */

/* Its two requests, then the one that was refused. */
static size_t own_next(struct login *login, struct device *dev, uint64_t now_ms, uint8_t *frame,
                       size_t cap)
{
    while (is_going_on(login)) {
        if (dfu_exchange_next(&login->exchange, now_ms) && login->exchange.len <= cap) {
            memcpy(frame, login->exchange.frame, login->exchange.len);
            return login->exchange.len;
        }
        if (login->exchange.result == DFU_CLIENT_RUNNING) {
            return 0;
        }
        settle(login, dev);
    }
    if (login->step != LOGIN_REPEATS || login->refused->len > cap) {
        return 0;
    }
    login->step = LOGIN_NOT;
    login->is_repeating = true;
    memcpy(frame, login->refused->data, login->refused->len);
    return login->refused->len;
}

static size_t next(void *ctx, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    const struct login_around *a = ctx;
    struct login *login = a->dev->login;
    size_t len = own_next(login, a->dev, now_ms, frame, cap);

    if (len > 0 || is_going_on(login)) {
        return len;
    }
    if (login->step == LOGIN_REFUSED) {
        login->step = LOGIN_NOT;
        a->job.answer(a->job.ctx, now_ms, login->refusal, login->refusal_len);
    }
    return a->job.next(a->job.ctx, now_ms, frame, cap);
}

static void answer(void *ctx, uint64_t now_ms, const uint8_t *frame, size_t len)
{
    const struct login_around *a = ctx;

    a->job.answer(a->job.ctx, now_ms, frame, len);
}

static uint64_t deadline(void *ctx)
{
    const struct login_around *a = ctx;

    return is_going_on(a->dev->login) ? dfu_exchange_deadline(&a->dev->login->exchange)
                                      : a->job.deadline(a->job.ctx);
}

static bool is_over(void *ctx)
{
    const struct login_around *a = ctx;

    return a->job.is_over(a->job.ctx);
}

static void link_back(void *ctx, uint64_t now_ms)
{
    const struct login_around *a = ctx;

    if (is_going_on(a->dev->login)) {
        a->dev->login->exchange.due = now_ms; /* what was on its way is lost */
    }
    if (a->job.link_back) {
        a->job.link_back(a->job.ctx, now_ms);
    }
}

static bool wants_reconnect(void *ctx)
{
    const struct login_around *a = ctx;

    return a->job.wants_reconnect && a->job.wants_reconnect(a->job.ctx);
}

struct dfu_job login_around(struct login_around *around)
{
    return (struct dfu_job){ around, next, answer, deadline, is_over, link_back, wants_reconnect };
}

/* ---- At one go ---- */

/* Nothing but the login. */
static size_t no_next(void *ctx, uint64_t now_ms, uint8_t *frame, size_t cap)
{
    const struct login_around *a = ctx;

    return is_going_on(a->dev->login) ? own_next(a->dev->login, a->dev, now_ms, frame, cap) : 0;
}

static bool is_settled(void *ctx)
{
    const struct login_around *a = ctx;

    return !is_going_on(a->dev->login);
}

bool login_run(struct login *login, struct device *dev, uint8_t *frame)
{
    struct login_around alone = { .dev = dev };
    const struct dfu_job job = { &alone, no_next, answer, deadline, is_settled, link_back, NULL };

    (void)dfu_session_run(&dev->session, &job, NULL, NULL);
    if (login->step == LOGIN_REPEATS) {
        login->step = LOGIN_NOT;
        login->refused->is_repeated = true;
        return device_send_again(dev, login->refused->data, login->refused->len);
    }
    login->step = LOGIN_NOT;
    memcpy(frame, login->refusal, login->refusal_len); /* the refusal is the answer after all */
    return false;
}

/* ---- The end ---- */

void login_leave(const struct login *login, struct device *dev)
{
    struct dfu_exchange x;
    struct dfu_call call;
    struct dfu_job job;
    uint8_t frame[64];
    uint32_t wait_ms;
    int len;

    if (!login || !login->is_in || !dev->session.link.kind) {
        return;
    }
    call = device_call(dev);
    len = dfu_client_auth_logout(&call, frame, sizeof frame);
    if (len < 0) {
        return;
    }
    if (dev->session.waits_for_none) {
        (void)device_send_again(dev, frame, (size_t)len);
        return;
    }
    wait_ms = (dev->session.link.answer_ms ? dev->session.link.answer_ms : WAIT_MS / 5) +
              dev->cli->latency_ms;
    dfu_exchange_start(&x, &call, frame, len, wait_ms, wait_ms);
    job = dfu_job_of_exchange(&x);
    (void)dfu_session_run(&dev->session, &job, NULL, NULL);
}
