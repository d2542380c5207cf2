/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* client.h - SMP requests and their answers, and one exchange that repeats itself.
 *
 * No I/O, no heap, no clock: an encoder fills the caller's frame, a decoder reads the bytes that
 * came back, time is the caller's milliseconds. Every answer is treated as hostile. Both answer
 * styles (SMP version 1 and 2), both map styles, omitted flags and hashes are understood, because
 * real servers differ in all of these. Uploads: upload.h; a whole upgrade: upgrade.h. */
#ifndef DFU_CLIENT_H
#define DFU_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/crypto.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_CLIENT_SLOTS_MAX   16u /* two for each of eight images */
#define DFU_CLIENT_VERSION_LEN 26u /* "255.255.65535.4294967295" and its NUL fit */
#define DFU_CLIENT_REASON_LEN  32u

/* One request on its way: what its answer must carry. The caller chooses version and seq before
 * it encodes; the encoder sets the rest. */
struct dfu_call {
    uint8_t version; /* header bits: 1 speaks SMP version 2, 0 version 1 */
    uint8_t seq;
    uint8_t op, id;
    uint16_t group;
};

/* A device's no. from_group: rc is a code of group; otherwise an SMP code common to all, from a
 * command of group. */
struct dfu_refusal {
    bool from_group;
    uint16_t group;
    uint8_t command; /* that was asked, of the group that was asked */
    uint32_t rc;
    char reason[DFU_CLIENT_REASON_LEN]; /* the server's own word ("rsn"), or "" */
};

/* What the code means, and what to do about it; never NULL. */
const char *dfu_refusal_what(const struct dfu_refusal *refusal);
const char *dfu_refusal_hint(const struct dfu_refusal *refusal);

struct dfu_answer {
    const uint8_t *body; /* the CBOR map, inside the frame */
    size_t len;
    struct dfu_refusal refusal;
};

/* Match frame against call and look for a refusal. 0: success, read it with a decoder below;
 * DFU_ERR_NOENT: not the answer to this call (late, repeated, somebody else's); DFU_ERR_FORMAT:
 * its answer, but broken; DFU_ERR_PERM: refused, see out->refusal. */
int dfu_client_answer(const struct dfu_call *call, const uint8_t *frame, size_t len,
                      struct dfu_answer *out);

/* Text inside an answer; not terminated. */
struct dfu_client_text {
    const char *data;
    size_t len;
};

/* Encoders return the frame's length or DFU_ERR_NOSPACE. */
int dfu_client_echo(struct dfu_call *call, const char *text, uint8_t *frame, size_t cap);
/* boot_mode: 0, or what the bootloader shall do instead of a usual start (1: recovery). */
int dfu_client_reset(struct dfu_call *call, bool force, uint8_t boot_mode, uint8_t *frame,
                     size_t cap);
int dfu_client_params(struct dfu_call *call, uint8_t *frame, size_t cap);
int dfu_client_info(struct dfu_call *call, const char *format, uint8_t *frame, size_t cap);
int dfu_client_bootinfo(struct dfu_call *call, const char *query, uint8_t *frame, size_t cap);
int dfu_client_datetime_get(struct dfu_call *call, uint8_t *frame, size_t cap);
int dfu_client_datetime_set(struct dfu_call *call, const char *text, uint8_t *frame, size_t cap);
int dfu_client_image_list(struct dfu_call *call, uint8_t *frame, size_t cap);
/* hash_len 0: the running image. confirm false: test once. */
int dfu_client_image_set(struct dfu_call *call, const uint8_t *hash, size_t hash_len, bool confirm,
                         uint8_t *frame, size_t cap);
/* slot < 0: the device's default, the slot it does not run from. */
int dfu_client_image_erase(struct dfu_call *call, int slot, uint8_t *frame, size_t cap);
int dfu_client_slot_info(struct dfu_call *call, uint8_t *frame, size_t cap);

/* Decoders return 0 or DFU_ERR_FORMAT. */
int dfu_client_echo_read(const struct dfu_answer *answer, struct dfu_client_text *out);
int dfu_client_info_read(const struct dfu_answer *answer, struct dfu_client_text *out);
int dfu_client_datetime_read(const struct dfu_answer *answer, struct dfu_client_text *out);

struct dfu_client_params {
    uint32_t buf_size;  /* largest packet, header included */
    uint32_t buf_count; /* shared by requests and answers */
};
int dfu_client_params_read(const struct dfu_answer *answer, struct dfu_client_params *out);

struct dfu_client_bootinfo {
    struct dfu_client_text bootloader; /* empty in an answer to a query */
    bool has_mode;
    int32_t mode; /* enum dfu_boot_mode, or -1 */
    bool no_downgrade;
};
int dfu_client_bootinfo_read(const struct dfu_answer *answer, struct dfu_client_bootinfo *out);

struct dfu_client_slot {
    uint32_t image, slot;
    char version[DFU_CLIENT_VERSION_LEN];
    uint8_t hash[DFU_HASH_MAX];
    uint8_t hash_len; /* 0: the device did not say */
    bool bootable, pending, confirmed, active, permanent;
};

struct dfu_client_images {
    size_t count;
    struct dfu_client_slot slots[DFU_CLIENT_SLOTS_MAX];
};
int dfu_client_images_read(const struct dfu_answer *answer, struct dfu_client_images *out);

/* The active slot of an image, or the slot that holds a hash (any image); NULL if there is none.
 * Servers that report no flags (MCUboot's recovery) have no active slot. */
const struct dfu_client_slot *dfu_client_active(const struct dfu_client_images *images,
                                                uint32_t image);
/* The slot an image runs from: the active one; slot 0 where the server reports none. Or NULL. */
const struct dfu_client_slot *dfu_client_running(const struct dfu_client_images *images,
                                                 uint32_t image);
const struct dfu_client_slot *dfu_client_holding(const struct dfu_client_images *images,
                                                 const uint8_t *hash, size_t hash_len);

struct dfu_client_slot_size {
    uint32_t image, slot;
    uint32_t size;           /* 0: could not be opened */
    uint32_t max_image_size; /* of the image, by the bootloader's geometry; 0: not offered */
    int32_t upload_image_id; /* -1: cannot be uploaded to */
};

struct dfu_client_slot_sizes {
    size_t count;
    struct dfu_client_slot_size slots[DFU_CLIENT_SLOTS_MAX];
};
int dfu_client_slot_info_read(const struct dfu_answer *answer, struct dfu_client_slot_sizes *out);

/* The bootloader's history of updates, the newest first; only our own servers have it
 * (smp_history.h). Ask on with skip while there is more. */
#define DFU_CLIENT_UPDATES_MAX 8u

struct dfu_client_update {
    uint32_t number, image;
    char result[12];                                               /* "trial", "reverted", ... */
    char from[DFU_CLIENT_VERSION_LEN], to[DFU_CLIENT_VERSION_LEN]; /* or empty */
    char reason[48], fault[48];                                    /* or empty */
    uint8_t hash[4];
};

struct dfu_client_history {
    size_t count;
    bool has_more;
    struct dfu_client_update updates[DFU_CLIENT_UPDATES_MAX];
};

/* The newest updates first, past so many of them (docs/HISTORY.md); as the two kinds above. */
int dfu_client_history(struct dfu_call *call, uint32_t skip, uint8_t *frame, size_t cap);
int dfu_client_history_read(const struct dfu_answer *answer, struct dfu_client_history *out);

/* What a client step reports while it is not over. */
#define DFU_CLIENT_RUNNING 1

/* One request, repeated until it is answered or time is up. Repeats alternate between version 2
 * and version 1 from the third try on, for servers that drop what they do not know; a server
 * that says "too new" gets version 1 at once. The frame stays the caller's until the end. */
struct dfu_exchange {
    struct dfu_call call; /* its version is the one that was answered */
    uint8_t *frame;
    size_t len;
    uint32_t wait_ms;   /* of the first try; doubles up to 8 times */
    uint32_t limit_ms;  /* of all tries together */
    bool keeps_version; /* set it after the start for a server whose version is known */
    uint64_t give_up_at, due;
    uint8_t tries;
    int result; /* DFU_CLIENT_RUNNING, 0, DFU_ERR_PERM, DFU_ERR_FORMAT, DFU_ERR_TIMEOUT */
    struct dfu_answer answer; /* of results 0 and PERM; body only until the frame is reused */
};

/* frame holds an encoded request of len bytes and must outlive the exchange; a negative len, as
 * encoders return it, becomes its result. wait_ms: for an answer to the first try. */
void dfu_exchange_start(struct dfu_exchange *x, const struct dfu_call *call, uint8_t *frame,
                        int len, uint32_t wait_ms, uint32_t limit_ms);
/* Whether x->frame is to be sent now. */
bool dfu_exchange_next(struct dfu_exchange *x, uint64_t now_ms);
/* Takes a frame that came in; others' are ignored. Returns x->result. */
int dfu_exchange_answer(struct dfu_exchange *x, const uint8_t *frame, size_t len);
/* When to call dfu_exchange_next again if nothing comes in. */
uint64_t dfu_exchange_deadline(const struct dfu_exchange *x);

#ifdef __cplusplus
}
#endif
#endif
