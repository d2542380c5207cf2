/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* pages.h - which pages of an upload need not be sent: the client's side of smp_pages.h. */
#ifndef DFU_CLIENT_PAGES_H
#define DFU_CLIENT_PAGES_H

#include "dfu/smp.h"
#include "dfu/upload.h"

#define PAGES_GROUP  (DFU_SMP_GROUP_USER + 1)
#define PAGES_HASHES 0u
#define PAGES_TAKE   1u

/* Whatever was planned says nothing any more; what the server offers, does. */
void plan_forget(struct dfu_upload_plan *plan);

/* Nothing is asked any more, and all is sent. */
void plan_stop(struct dfu_upload_plan *plan);

/* Whether what is to become of the bytes at u->next is not known yet. */
bool plan_is_due(const struct dfu_upload *u);

/* How long the answer to a question may take. */
uint32_t plan_patience(const struct dfu_upload *u);

/* A question, or 0: none is open, or there is time until one is repeated, or it is given up. */
size_t plan_ask(struct dfu_upload *u, uint64_t now_ms, uint8_t *frame, size_t cap);

/* A chunk was answered, by its order: if it was sent before the question, that is not due yet. */
void plan_heard(struct dfu_upload *u, uint64_t now_ms, uint32_t order);

/* The first chunk was answered: a question sent behind it is waited for from now on. */
void plan_first_heard(struct dfu_upload_plan *plan, uint64_t now_ms);

/* True if the frame answers it, for better or worse. */
bool plan_answer(struct dfu_upload *u, uint64_t now_ms, const uint8_t *frame, size_t len);

/* An enum dfu_upload_deed for the bytes at off; *len, how many there are left, shrinks to those
 * that it is good for. */
uint8_t plan_deed(const struct dfu_upload *u, uint32_t off, uint32_t *len);

/* The request to keep or copy. */
int plan_take(struct dfu_call *call, uint8_t deed, uint32_t off, uint32_t len, uint8_t *frame,
              size_t cap);

#endif
