/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "pcapng.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dfu/smp.h"

#define SECTION      0x0a0d0d0au
#define ORDER_MAGIC  0x1a2b3c4du
#define INTERFACE    1u
#define PACKET       6u
#define LINK_IPV4    228u
#define FIXED        (28u + 20u) /* of the two blocks in front */
#define BLOCK        32u         /* around each packet */
#define IP_HEAD      20u
#define UDP_HEAD     8u
#define DATAGRAM_MAX 65535u
#define CLIENT       0xc0000201u /* 192.0.2.1 */
#define DEVICE       0xc0000202u
#define CLIENT_PORT  49152u

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    put_le32(at, value);
    return at + 4;
}

static uint8_t *put_start(uint8_t *at)
{
    at = put32(at, SECTION);
    at = put32(at, 28);
    at = put32(at, ORDER_MAGIC);
    at = put32(at, 1); /* version 1.0 */
    at = put32(at, UINT32_MAX);
    at = put32(at, UINT32_MAX); /* its length is not told */
    at = put32(at, 28);
    at = put32(at, INTERFACE);
    at = put32(at, 20);
    at = put32(at, LINK_IPV4);
    at = put32(at, 0); /* no limit */
    return put32(at, 20);
}

static void put_address(uint8_t *at, uint32_t address)
{
    put_be16(at, (uint16_t)(address >> 16));
    put_be16(at + 2, (uint16_t)address);
}

static uint16_t ip_checksum(const uint8_t *head)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < IP_HEAD; i += 2) {
        sum += get_be16(head + i);
    }
    sum = (sum & 0xffffu) + (sum >> 16);
    sum = (sum & 0xffffu) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put_heads(uint8_t *at, const struct record_entry *entry, size_t len)
{
    bool is_request = entry->direction == '>';

    memset(at, 0, IP_HEAD + UDP_HEAD);
    at[0] = 0x45;
    put_be16(at + 2, (uint16_t)(IP_HEAD + UDP_HEAD + len));
    at[8] = 64; /* hops */
    at[9] = 17; /* UDP */
    put_address(at + 12, is_request ? CLIENT : DEVICE);
    put_address(at + 16, is_request ? DEVICE : CLIENT);
    put_be16(at + 10, ip_checksum(at));
    at += IP_HEAD;
    put_be16(at, (uint16_t)(is_request ? CLIENT_PORT : DFU_SMP_UDP_PORT));
    put_be16(at + 2, (uint16_t)(is_request ? DFU_SMP_UDP_PORT : CLIENT_PORT));
    put_be16(at + 4, (uint16_t)(UDP_HEAD + len)); /* no checksum: 0 */
}

static size_t carried(const struct record_entry *entry)
{
    size_t most = DATAGRAM_MAX - IP_HEAD - UDP_HEAD;

    return entry->len < most ? entry->len : most;
}

static size_t padded(size_t len)
{
    return (len + 3) / 4 * 4;
}

static uint8_t *put_packet(uint8_t *at, const struct record_entry *entry)
{
    size_t len = carried(entry), all = IP_HEAD + UDP_HEAD + len;
    uint32_t block = (uint32_t)(BLOCK + padded(all));
    uint64_t time_us = entry->time_ms * 1000u;

    at = put32(at, PACKET);
    at = put32(at, block);
    at = put32(at, 0); /* interface */
    at = put32(at, (uint32_t)(time_us >> 32));
    at = put32(at, (uint32_t)time_us);
    at = put32(at, (uint32_t)all);
    at = put32(at, (uint32_t)(IP_HEAD + UDP_HEAD + entry->len));
    memset(at, 0, padded(all));
    put_heads(at, entry, len);
    memcpy(at + IP_HEAD + UDP_HEAD, entry->frame, len);
    return put32(at + padded(all), block);
}

int pcapng_write(struct cli *cli, const char *path, const struct record *record)
{
    size_t size = FIXED;
    uint8_t *data, *at;
    int code;

    for (size_t i = 0; i < record->count; i++) {
        size += BLOCK + padded(IP_HEAD + UDP_HEAD + carried(&record->entries[i]));
    }
    data = malloc(size);
    if (!data) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    at = put_start(data);
    for (size_t i = 0; i < record->count; i++) {
        at = put_packet(at, &record->entries[i]);
    }
    code = cli_write_file(cli, path, CLI_FILE_SECRET, data, (size_t)(at - data));
    free(data);
    return code;
}
