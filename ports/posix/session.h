/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* session.h - a link that is kept open, and the one loop that drives a client over it.
 *
 * The steps live in the library (dfu/client_job.h), the bytes in the link; here is only time. A
 * link that is lost is opened again, with growing pauses, for as long as the job has patience. The
 * struct is the caller's, and large: allocate it. */
#ifndef DFU_POSIX_SESSION_H
#define DFU_POSIX_SESSION_H

#include "dfu/client_job.h"
#include "link.h"

/* What a caller may want to see; each may be NULL. */
struct dfu_session_hooks {
    void *ctx;
    void (*sent)(void *ctx, const uint8_t *frame, size_t len);
    /* True: it was dealt with, and is not for the job. May run jobs of its own, which overwrite
     * the frame. */
    bool (*received)(void *ctx, uint8_t *frame, size_t len);
    void (*lost)(void *ctx); /* the link; it will be opened again */
};

struct dfu_session {
    const char *target; /* the caller's, as for dfu_link_open */
    struct dfu_session_hooks hooks;
    uint32_t timeout_ms; /* of one request, its repeats included; 0: as its patience says */
    uint32_t latency_ms; /* how long a device that sleeps may take to hear a request */
    bool waits_for_none; /* only turns are taken: a link may be is_opening after an open */

    struct dfu_link link; /* closed while it is lost */
    uint32_t opens;       /* how often it was opened: each time its fd is a new one */
    uint8_t version, seq; /* of the next call */
    uint64_t reopen_ms;   /* when a lost link is tried again */
    uint32_t reopen_wait_ms;
    uint8_t out[DFU_LINK_PACKET_MAX], in[DFU_LINK_PACKET_MAX];
};

/* Target, hooks and times are set before. As dfu_link_open; dfu_session_close is safe in any
 * case. */
int dfu_session_open(struct dfu_session *s, char why[DFU_LINK_WHY_LEN]);
void dfu_session_close(struct dfu_session *s);

/* Called a few times a second and after each packet; false ends the run. */
typedef bool dfu_session_watch(void *ctx, uint64_t now_ms);

/* Until the job is over: 0; or DFU_ERR_STOPPED. watch may be NULL. */
int dfu_session_run(struct dfu_session *s, const struct dfu_job *job, dfu_session_watch *watch,
                    void *watch_ctx);

/* One turn of a run that waits for nothing, for callers with many sessions: take what came in, send
 * what is due, open the link again. Call it when link.fd can be read (it changes when the link is
 * opened again), and at the latest at the time that it returns. */
uint64_t dfu_session_turn(struct dfu_session *s, const struct dfu_job *job);

/* With waits_for_none: while the link is_opening after dfu_session_open, instead of a turn. 0, or why
 * it cannot be opened. */
int dfu_session_go_on(struct dfu_session *s, char why[DFU_LINK_WHY_LEN]);

enum dfu_patience {
    DFU_PATIENCE_QUICK,  /* 5 s; repeated */
    DFU_PATIENCE_ERASES, /* a minute; repeated late */
    DFU_PATIENCE_SLOW,   /* a minute; repeated */
    DFU_PATIENCE_ONCE,   /* 5 s, never repeated: doing it twice would do harm */
};

struct dfu_call dfu_session_call(struct dfu_session *s);

/* Send what an encoder made in frame (len may be its error) and wait for the answer. 0, or PERM
 * (answer->refusal), TIMEOUT, FORMAT or the encoder's. The answer's body stays until the next
 * packet comes in. */
int dfu_session_ask(struct dfu_session *s, const struct dfu_call *call, uint8_t *frame, int len,
                    enum dfu_patience patience, struct dfu_answer *answer);

/* The same in steps, for dfu_job_of_exchanges. */
void dfu_session_exchange(const struct dfu_session *s, struct dfu_exchange *x,
                          const struct dfu_call *call, uint8_t *frame, int len,
                          enum dfu_patience patience);

#endif
