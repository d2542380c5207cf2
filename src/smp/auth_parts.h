/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* auth_parts.h - what the authentication group asks of auth.c. */
#ifndef DFU_SMP_AUTH_PARTS_H
#define DFU_SMP_AUTH_PARTS_H

#include "dfu/smp_auth.h"

/* The peer's place, or NULL; a new one for it, or NULL if none can be had. */
struct dfu_smp_auth_place *auth_find(struct dfu_smp_auth *auth, const struct dfu_smp_link *link);
struct dfu_smp_auth_place *auth_take(struct dfu_smp_auth *auth, const struct dfu_smp_link *link);

#endif
