/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* One request until it is answered. Repeats keep their sequence number: any of their answers is
 * the answer. All requests sent this way may be executed twice without harm. */
#include "dfu/client.h"
#include "dfu/err.h"
#include "dfu/smp.h"

#define WAIT_DOUBLINGS 3u
#define VERSION_SHIFT  3u
#define VERSION_MASK   (3u << VERSION_SHIFT)
#define TRIES_AS_ASKED 2u /* then every other one in the other version */

static void speak(struct dfu_exchange *x, uint8_t version)
{
    x->call.version = version;
    x->frame[0] = (uint8_t)((x->frame[0] & ~VERSION_MASK) | (unsigned)(version << VERSION_SHIFT));
}

void dfu_exchange_start(struct dfu_exchange *x, const struct dfu_call *call, uint8_t *frame,
                        int len, uint32_t wait_ms, uint32_t limit_ms)
{
    *x = (struct dfu_exchange){ .call = *call,
                                .frame = frame,
                                .len = len > 0 ? (size_t)len : 0,
                                .wait_ms = wait_ms,
                                .limit_ms = limit_ms,
                                .result = len < 0 ? len : DFU_CLIENT_RUNNING };
}

bool dfu_exchange_next(struct dfu_exchange *x, uint64_t now_ms)
{
    unsigned doublings = x->tries < WAIT_DOUBLINGS ? x->tries : WAIT_DOUBLINGS;

    if (x->result != DFU_CLIENT_RUNNING) {
        return false;
    }
    if (x->tries == 0) {
        x->give_up_at = now_ms + x->limit_ms;
    } else if (now_ms < x->due) {
        return false;
    } else if (now_ms >= x->give_up_at) {
        x->result = DFU_ERR_TIMEOUT;
        return false;
    }
    if (x->tries >= TRIES_AS_ASKED && !x->keeps_version) {
        speak(x, x->call.version == DFU_SMP_V1 ? DFU_SMP_V2 : DFU_SMP_V1);
    }
    x->due = now_ms + ((uint64_t)x->wait_ms << doublings);
    x->due = x->due < x->give_up_at ? x->due : x->give_up_at;
    x->tries = x->tries < UINT8_MAX ? (uint8_t)(x->tries + 1) : x->tries;
    return true;
}

int dfu_exchange_answer(struct dfu_exchange *x, const uint8_t *frame, size_t len)
{
    int err;

    if (x->result != DFU_CLIENT_RUNNING || x->tries == 0) {
        return x->result;
    }
    err = dfu_client_answer(&x->call, frame, len, &x->answer);
    if (err == DFU_ERR_NOENT) {
        return x->result;
    }
    if (err == DFU_ERR_PERM && !x->answer.refusal.from_group &&
        x->answer.refusal.rc == DFU_SMP_TOO_NEW && x->call.version != DFU_SMP_V1) {
        speak(x, DFU_SMP_V1);
        x->due = 0;
        x->tries = 1;
        return x->result;
    }
    x->result = err;
    return err;
}

uint64_t dfu_exchange_deadline(const struct dfu_exchange *x)
{
    return x->due;
}
