/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Every field has its place, whatever the others hold: no two statements give the same bytes. */
#include <string.h>

#include "dfu/smp_auth.h"

static const char domain[] = "dfukit SMP login 1"; /* its NUL is signed, too */

size_t dfu_smp_auth_message(const struct dfu_smp_auth_statement *statement,
                            uint8_t out[DFU_SMP_AUTH_MESSAGE_MAX])
{
    size_t device_len = statement->device_len < DFU_SMP_AUTH_DEVICE_MAX ? statement->device_len
                                                                        : DFU_SMP_AUTH_DEVICE_MAX;
    uint8_t *at = out;

    memset(out, 0, DFU_SMP_AUTH_MESSAGE_MAX);
    memcpy(at, domain, sizeof domain);
    at += sizeof domain;
    *at++ = (uint8_t)device_len;
    if (device_len > 0) {
        memcpy(at, statement->device, device_len);
    }
    at += DFU_SMP_AUTH_DEVICE_MAX;
    memcpy(at, statement->challenge, DFU_SMP_AUTH_CHALLENGE_LEN);
    at += DFU_SMP_AUTH_CHALLENGE_LEN;
    *at++ = statement->role;
    memcpy(at, statement->key, DFU_SMP_AUTH_KEY_LEN);
    at += DFU_SMP_AUTH_KEY_LEN;
    return (size_t)(at - out);
}

const char *dfu_role_name(uint32_t role)
{
    static const char *const names[] = {
        [DFU_ROLE_NONE] = "none",
        [DFU_ROLE_OBSERVE] = "observe",
        [DFU_ROLE_OPERATE] = "operate",
        [DFU_ROLE_UPDATE] = "update",
    };

    return role < sizeof names / sizeof names[0] ? names[role] : NULL;
}
