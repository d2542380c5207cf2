/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* flight.h - requests on their way to a server that answers in order: how many there may be
 * at once, and when one is lost. A part of the structs of transfers, for them alone to use. */
#ifndef DFU_FLIGHT_H
#define DFU_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_FLIGHT_MAX 16u

struct dfu_flight_part {
    uint8_t state;  /* free, in flight, void (its answer can say nothing new), lost */
    uint8_t seq;    /* each transmission has its own, repeats too */
    uint8_t deed;   /* the owner's */
    uint32_t order; /* of sending */
    uint32_t off, len;
    uint64_t sent_ms;
    uint64_t left_ms; /* its last byte is on the line, as far as that can be told */
};

struct dfu_flight {
    uint32_t window_max, answer_ms, least_ms;
    uint32_t bytes_per_s; /* of the line; 0: not known, or no matter */
    uint32_t window, window_peak, credit, since_loss;
    uint32_t sent, heard_order;
    bool is_by_chance; /* losses are: the way's, not the device's that can't keep up */
    bool is_cautious, has_rtt;
    uint8_t backoff;
    uint32_t srtt_8, rttvar_4, rto_ms; /* in eighths, in quarters of a millisecond */
    uint64_t heard_ms;                 /* the last answer: waiting begins anew */
    uint64_t line_free_ms;             /* all that was sent has left */
    struct dfu_flight_part parts[DFU_FLIGHT_MAX * 2];
};

#ifdef __cplusplus
}
#endif
#endif
