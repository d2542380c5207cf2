/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A server with the group of lamp.c: each argument is a packet in hex, each answer a line. */
#include <stdio.h>
#include <string.h>

#include <dfu/smp.h>

extern const struct dfu_smp_group lamp_group;

static int print_answer(void *ctx, const uint8_t *frame, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        printf("%02x", frame[i]);
    }
    printf("\n");
    return 0;
}

static size_t read_hex(const char *text, uint8_t *out, size_t cap)
{
    unsigned byte;
    size_t len = 0;

    while (len < cap && sscanf(text + 2 * len, "%2x", &byte) == 1) {
        out[len++] = (uint8_t)byte;
    }
    return len;
}

int main(int argc, char **argv)
{
    uint32_t level = 30;
    uint8_t answer[256], packet[256];
    const struct dfu_smp_binding bindings[] = { { &lamp_group, &level } };
    struct dfu_smp_server server = {
        .bindings = bindings, .binding_count = 1, .response = answer, .response_cap = sizeof answer
    };
    const struct dfu_smp_link link = { .send = print_answer };

    for (int i = 1; i < argc; i++) {
        dfu_smp_receive(&server, packet, read_hex(argv[i], packet, sizeof packet), &link);
    }
    return 0;
}
