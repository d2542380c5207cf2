/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* client_auth.h - logging in to a server that asks for roles (smp_auth.h): ask for a challenge,
 * sign it, present the signature. After that the same peer's requests have the key's role. */
#ifndef DFU_CLIENT_AUTH_H
#define DFU_CLIENT_AUTH_H

#include "dfu/client.h"
#include "dfu/smp_auth.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a refusal may be one for want of a role. */
bool dfu_client_auth_is_needed(const struct dfu_refusal *refusal);

struct dfu_client_challenge {
    uint8_t challenge[DFU_SMP_AUTH_CHALLENGE_LEN];
    uint8_t device[DFU_SMP_AUTH_DEVICE_MAX];
    size_t device_len;
};

/* Encoders return the frame's length or DFU_ERR_NOSPACE; login also DFU_ERR_INVAL for a signer that
 * is no Ed25519 key or cannot sign. role: DFU_ROLE_NONE for all that the key has. */
int dfu_client_auth_challenge(struct dfu_call *call, uint8_t *frame, size_t cap);
int dfu_client_auth_login(struct dfu_call *call, const struct dfu_client_challenge *challenge,
                          const struct dfu_signer *signer, uint8_t role, uint8_t *frame,
                          size_t cap);
int dfu_client_auth_status(struct dfu_call *call, uint8_t *frame, size_t cap);
int dfu_client_auth_logout(struct dfu_call *call, uint8_t *frame, size_t cap);

/* Decoders return 0 or DFU_ERR_FORMAT. The role is in the answers of status and login. */
int dfu_client_auth_challenge_read(const struct dfu_answer *answer,
                                   struct dfu_client_challenge *out);
int dfu_client_auth_role_read(const struct dfu_answer *answer, uint32_t *role);

#ifdef __cplusplus
}
#endif
#endif
