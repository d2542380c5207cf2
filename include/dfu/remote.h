/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* remote.h - a device over a real link, in calls that wait until they are done.
 *
 * For POSIX hosts, in a library of its own (dfukit_posix): UDP, DTLS, serial ports and TCP. The
 * same machines as in client.h, upload.h, upgrade.h and client_file.h, driven by one loop; who has
 * an event loop drives them himself (client_job.h) and needs nothing of this.
 *
 * Calls return 0 or a negative enum dfu_err, and dfu_remote_why then holds a sentence for a user,
 * with what to do next. What you hand in stays yours and need not outlive the call, but for the
 * config's ctx. One remote belongs to one thread at a time; different ones are independent.
 *
 * Errors of all calls that ask the device:
 *   DFU_ERR_PERM     it refused: see dfu_remote_refusal
 *   DFU_ERR_TIMEOUT  no answer in time
 *   DFU_ERR_IO       the link was lost and did not come back in time
 *   DFU_ERR_FORMAT   an answer that is no SMP
 *   DFU_ERR_NOSPACE  the request does not fit its packet
 *   DFU_ERR_STOPPED  progress returned false */
#ifndef DFU_REMOTE_H
#define DFU_REMOTE_H

#include "dfu/client_job.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_REMOTE_WHY_LEN 512u

struct dfu_remote;

struct dfu_remote_config {
    /* "udp:HOST[:PORT]", "udp:[::1]:1337", "serial:PORT[,baud=N][,raw]", "tcp:HOST:PORT[,raw]",
     * "dtls:HOST[:PORT][,ca=FILE][,cert=FILE,key=FILE][,psk=FILE][,name=NAME]". PORT is
     * a path, VID:PID, VID:PID:SERIAL, SERIAL, or a /regex/ for what dfu devices shows of it */
    const char *target;
    uint32_t timeout_ms; /* of a request, repeats included; of a transfer: how long it may stand
                          * still. 0: 5 s, a minute for an erase, 20 s for a transfer */
    uint32_t latency_ms; /* how long a device that sleeps may take to hear a request */

    void *ctx; /* of both: */
    /* How far a transfer is, a few times a second; false ends it. size is 0 while it is unknown,
     * or there is nothing to count. NULL: nobody looks. */
    bool (*progress)(void *ctx, uint32_t done, uint32_t size);
    /* Every packet, '>' to the device or '<' from it. */
    void (*trace)(void *ctx, char direction, const uint8_t *frame, size_t len);
};

/* Open the link; the device is not asked anything yet. *out is closed by the caller, and NULL on
 * failure: DFU_ERR_INVAL (no such target can be), DFU_ERR_NOENT, DFU_ERR_PERM, DFU_ERR_BUSY,
 * DFU_ERR_IO, DFU_ERR_NOSPACE (no memory); why then holds the sentence. */
int dfu_remote_open(struct dfu_remote **out, const struct dfu_remote_config *config,
                    char why[DFU_REMOTE_WHY_LEN]);
void dfu_remote_close(struct dfu_remote *remote); /* NULL: nothing */

/* Of the last call that failed; "" if none has. Stays until the next call. */
const char *dfu_remote_why(const struct dfu_remote *remote);
const struct dfu_refusal *dfu_remote_refusal(const struct dfu_remote *remote);

/* ---- Images ---- */

/* What lies in the slots. */
int dfu_remote_images(struct dfu_remote *remote, struct dfu_client_images *out);

/* A firmware file in memory, which must stay as long as the struct is used. */
struct dfu_remote_image {
    struct dfu_memory_span bytes;
    struct dfu_firmware firmware; /* version, hash, size */
    uint32_t number;              /* the device's image number; 0 unless set afterwards */
    bool sends_all;               /* also pages that the device has */
    bool upgrade_only;            /* let the device refuse a version that is not newer */
};

/* Look into it; DFU_ERR_FORMAT if it is no whole image. */
int dfu_remote_inspect(struct dfu_remote *remote, const void *data, size_t len,
                       struct dfu_remote_image *out);

/* Into the slot that does not run; goes on where an earlier upload of it stopped. u is scratch,
 * and says afterwards what it took (upload.h). Further errors: DFU_ERR_VERIFY (what arrived differs), DFU_ERR_STATE
 * (the device comes no further). */
int dfu_remote_upload(struct dfu_remote *remote, const struct dfu_remote_image *image,
                      struct dfu_upload *u);

/* Start the image with this hash once, at the next reset. */
int dfu_remote_test(struct dfu_remote *remote, const uint8_t *hash, size_t hash_len);
/* Keep what runs (hash_len 0), or start the image with this hash for good. */
int dfu_remote_confirm(struct dfu_remote *remote, const uint8_t *hash, size_t hash_len);
/* slot < 0: the one that does not run. */
int dfu_remote_erase(struct dfu_remote *remote, int slot);

/* Sent once: an image on test would not survive a second one. No answer is no error, as devices
 * may reset before they answer. */
int dfu_remote_reset(struct dfu_remote *remote);
/* After a reset: until it answers again, at most limit_ms (0: five minutes). */
int dfu_remote_wait(struct dfu_remote *remote, uint32_t limit_ms);

/* All of it at once: upload, test, reset, wait, compare, confirm (upgrade.h); goes on where it
 * stopped. wishes: permanent, test_only, no_reset and boot_ms of it are looked at; NULL: none.
 * g is scratch, and says afterwards how it ended. 0 where g->outcome is CONFIRMED,
 * ALREADY_RUNNING, ON_TEST or STAGED; DFU_ERR_VERIFY where it REVERTED. */
int dfu_remote_upgrade(struct dfu_remote *remote, const struct dfu_remote_image *image,
                       const struct dfu_upgrade_config *wishes, struct dfu_upgrade *g);

/* ---- Files ---- */

/* name is the device's, with its mount point. */
int dfu_remote_file_send(struct dfu_remote *remote, const char *name, const void *data, size_t len);
/* sink as in client_file.h; what it returns other than 0 ends the transfer with that result. */
int dfu_remote_file_fetch(struct dfu_remote *remote, const char *name,
                          int (*sink)(void *ctx, uint32_t size, uint32_t off, const uint8_t *data,
                                      size_t len),
                          void *sink_ctx);

/* ---- Everything else ---- */

/* One request of client.h or client_groups.h:
 *   struct dfu_call call = dfu_remote_call(remote);
 *   int len = dfu_client_echo(&call, "hello", frame, sizeof frame);
 *   int err = dfu_remote_ask(remote, &call, frame, len, "echo", &answer);
 * what completes "the device refused to ..."; answer's body stays until the next call. It is
 * repeated until it is answered, so ask only what may be done twice. */
struct dfu_call dfu_remote_call(struct dfu_remote *remote);
int dfu_remote_ask(struct dfu_remote *remote, const struct dfu_call *call, uint8_t *frame, int len,
                   const char *what, struct dfu_answer *answer);

/* Any machine of yours until it is over: 0 (its own struct says how) or DFU_ERR_STOPPED. */
int dfu_remote_run(struct dfu_remote *remote, const struct dfu_job *job);

#ifdef __cplusplus
}
#endif
#endif
