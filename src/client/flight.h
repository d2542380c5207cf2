/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* flight.h - the window and the clock of transfers (dfu/flight.h). What always holds: every
 * transmission has a sequence number of its own, so each answer says when and what it answers. */
#ifndef DFU_CLIENT_FLIGHT_H
#define DFU_CLIENT_FLIGHT_H

#include "dfu/client.h"
#include "dfu/flight.h"

enum flight_state { FLIGHT_FREE, FLIGHT_FLYING, FLIGHT_VOID, FLIGHT_LOST };

/* answer_ms: a first guess, a sleeping device's latency_ms included. bytes_per_s: 0 where what is
 * sent does not queue, or nobody knows how fast. */
void flight_start(struct dfu_flight *f, uint32_t window_max, uint32_t answer_ms,
                  uint32_t latency_ms, uint32_t bytes_per_s);

/* How many are on their way. */
uint32_t flight_count(const struct dfu_flight *f);
/* A new transmission of a frame that carries len bytes from off; it counts from now on. */
struct dfu_flight_part *flight_add(struct dfu_flight *f, uint64_t now_ms, size_t frame_len,
                                   uint32_t off, uint32_t len);

/* The transmission that a frame answers, NULL if it is none; calls: version and names of the
 * requests of each deed. err and answer as dfu_client_answer. */
struct dfu_flight_part *flight_find(struct dfu_flight *f, const struct dfu_call *calls,
                                    const uint8_t *frame, size_t len, struct dfu_answer *answer,
                                    int *err);

/* The answer to what was sent and had left then has come: how long it took (RFC 6298 in integers; no
 * sequence number is reused for a repeat, so every sample counts). Servers answer in order, so the
 * wait for those behind it begins now (5.3 there). */
void flight_measure(struct dfu_flight *f, uint64_t now_ms, uint64_t sent_ms, uint64_t left_ms);
/* It told something new. */
void flight_grow(struct dfu_flight *f);

/* How long to wait for an answer now; longer, the next time. */
uint64_t flight_patience(const struct dfu_flight *f);
void flight_back_off(struct dfu_flight *f);
/* Give up what has left, and had no answer before it, for wait_ms; true if that was in flight: all
 * is then lost, the window smaller and the next wait longer. */
bool flight_expire(struct dfu_flight *f, uint64_t now_ms, uint64_t wait_ms);
/* When that is to be asked again. */
uint64_t flight_due_ms(const struct dfu_flight *f, uint64_t wait_ms);

/* The owner starts over: no answer to anything sent before is known any more. */
void flight_forget(struct dfu_flight *f);
/* All that is on its way. */
void flight_set_all(struct dfu_flight *f, enum flight_state state);
/* The answer to this one shows that something before it is lost: what was sent after it will be
 * dropped, too. */
void flight_gap(struct dfu_flight *f, uint32_t order);
/* Servers answer in order: of what was sent before this one and has arrived up to done, no answer
 * is waited for. */
void flight_settle(struct dfu_flight *f, uint32_t order, uint32_t done);
/* A loss. One alone may be chance: the window halves where they follow each other, down to one; where
 * they all may be chance, to what it began with. */
void flight_slow_down(struct dfu_flight *f);

#endif
