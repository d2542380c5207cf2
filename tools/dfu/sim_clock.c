/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "sim_clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PASS_MAX_MS 86400000u

static void let_pass(const struct sim_clock *clock, uint64_t ms)
{
    uint64_t until = dfu_loop_now_ms() + ms;
    uint64_t due;

    while ((due = clock->due_ms(clock->ctx)) <= until) {
        dfu_loop_set_clock(due);
        clock->poll(clock->ctx);
    }
    dfu_loop_set_clock(until);
    clock->poll(clock->ctx);
}

/* "5000", decimal; anything else is dropped. The answer is the clock. */
static void receive(void *ctx, const uint8_t *packet, size_t len)
{
    struct sim_clock *clock = ctx;
    char text[24];
    uint64_t ms;
    int n;

    if (len >= sizeof text) {
        return;
    }
    memcpy(text, packet, len);
    text[len] = '\0';
    if (!cli_parse_number(text, &ms) || ms > PASS_MAX_MS) {
        return;
    }
    let_pass(clock, ms);
    n = snprintf(text, sizeof text, "%" PRIu64, dfu_loop_now_ms());
    dfu_server_udp_send(&clock->server, (const uint8_t *)text, (size_t)n);
}

int sim_clock_open(struct cli *cli, struct sim_clock *clock, struct dfu_loop *loop, uint16_t port)
{
    clock->server.packet = receive;
    clock->server.ctx = clock;
    clock->port = dfu_server_udp_open(&clock->server, loop, "127.0.0.1", port);
    if (clock->port < 0) {
        return cli_fail(cli, CLI_NO_DEVICE,
                        "cannot take the clock from UDP port %u: %s; choose another port", port,
                        strerror(-clock->port));
    }
    dfu_loop_hold_clock();
    printf("sim: the clock stands still; UDP port %d lets it go on\n", clock->port);
    return 0;
}

void sim_clock_close(struct sim_clock *clock)
{
    dfu_server_udp_close(&clock->server);
}
