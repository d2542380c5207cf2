/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* sim_clock.h - a virtual device's clock in somebody's hand: it stands still, a datagram lets time
 * pass and is answered once all that was due has been done. */
#ifndef DFU_DFU_SIM_CLOCK_H
#define DFU_DFU_SIM_CLOCK_H

#include "cli.h"
#include "server_udp.h"

struct sim_clock {
    uint64_t (*due_ms)(void *ctx); /* when something is to be done */
    void (*poll)(void *ctx);       /* do it */
    void *ctx;

    struct dfu_server_udp server;
    int port;
};

/* Hold the clock and listen, on this machine only. 0 or an exit code. */
int sim_clock_open(struct cli *cli, struct sim_clock *clock, struct dfu_loop *loop, uint16_t port);
void sim_clock_close(struct sim_clock *clock);

#endif
