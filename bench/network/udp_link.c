/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A network between a client and a device: datagrams are passed on after a delay, in order, and a
 * share of them is lost, the same ones for the same seed. One client at a time: answers go to
 * whoever asked last.
 *
 * usage: udp_link ADDRESS PORT DEVICE_ADDRESS DEVICE_PORT DELAY_US LOSS_PER_MILLE SEED
 * DELAY_US is added each way. Prints "ready" once it listens. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define ON_THE_WAY_MAX 4096u
#define DATAGRAM_MAX   4096u

enum { TO_DEVICE, TO_CLIENT };

struct datagram {
    uint64_t due_us;
    int way;
    size_t len;
    uint8_t bytes[DATAGRAM_MAX];
};

struct network {
    struct pollfd fds[2]; /* where the way begins */
    struct sockaddr_in client;
    uint64_t delay_us, luck[2];
    unsigned loss_per_mille;
    size_t first, count;
    struct datagram on_the_way[ON_THE_WAY_MAX];
};

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* xorshift64*, a state of its own for each way. */
static bool is_lost(struct network *net, int way)
{
    uint64_t *x = &net->luck[way];

    *x ^= *x >> 12;
    *x ^= *x << 25;
    *x ^= *x >> 27;
    return (*x * 0x2545f4914f6cdd1du >> 33) % 1000u < net->loss_per_mille;
}

static struct sockaddr_in address_of(const char *host, const char *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

    if (inet_pton(AF_INET, host, &at.sin_addr) != 1) {
        fprintf(stderr, "udp_link: %s is no address\n", host);
        exit(2);
    }
    return at;
}

static void wait_for_something(struct network *net)
{
    struct timespec left = { 0 };
    uint64_t now = now_us(), due_us = net->count > 0 ? net->on_the_way[net->first].due_us : 0;

    if (due_us > now) {
        left.tv_sec = (time_t)((due_us - now) / 1000000u);
        left.tv_nsec = (long)((due_us - now) % 1000000u) * 1000;
    }
    (void)ppoll(net->fds, 2, net->count > 0 ? &left : NULL, NULL);
}

static void deliver(struct network *net)
{
    while (net->count > 0 && net->on_the_way[net->first].due_us <= now_us()) {
        struct datagram *d = &net->on_the_way[net->first];

        if (d->way == TO_DEVICE) {
            (void)send(net->fds[TO_CLIENT].fd, d->bytes, d->len, 0);
        } else {
            (void)sendto(net->fds[TO_DEVICE].fd, d->bytes, d->len, 0,
                         (struct sockaddr *)&net->client, sizeof(net->client));
        }
        net->first = (net->first + 1) % ON_THE_WAY_MAX;
        net->count--;
    }
}

static void take(struct network *net, int way)
{
    while (net->count < ON_THE_WAY_MAX) {
        struct datagram *d = &net->on_the_way[(net->first + net->count) % ON_THE_WAY_MAX];
        struct sockaddr_in from;
        socklen_t from_len = sizeof(from);
        ssize_t len = recvfrom(net->fds[way].fd, d->bytes, DATAGRAM_MAX, MSG_DONTWAIT,
                               (struct sockaddr *)&from, &from_len);

        if (len <= 0) {
            return;
        }
        if (way == TO_DEVICE) {
            net->client = from;
        }
        if (!is_lost(net, way)) {
            d->due_us = now_us() + net->delay_us;
            d->way = way;
            d->len = (size_t)len;
            net->count++;
        }
    }
}

int main(int argc, char **argv)
{
    static struct network net;
    struct sockaddr_in front, device;

    if (argc != 8) {
        fprintf(stderr, "usage: udp_link ADDRESS PORT DEVICE_ADDRESS DEVICE_PORT DELAY_US "
                        "LOSS_PER_MILLE SEED\n");
        return 2;
    }
    front = address_of(argv[1], argv[2]);
    device = address_of(argv[3], argv[4]);
    net.delay_us = strtoull(argv[5], NULL, 10);
    net.loss_per_mille = (unsigned)atoi(argv[6]);
    net.luck[TO_DEVICE] = (strtoull(argv[7], NULL, 10) + 1) * 0x9e3779b97f4a7c15u;
    net.luck[TO_CLIENT] = ~net.luck[TO_DEVICE];
    for (int way = 0; way < 2; way++) {
        net.fds[way] = (struct pollfd){ socket(AF_INET, SOCK_DGRAM, 0), POLLIN, 0 };
    }
    if (bind(net.fds[TO_DEVICE].fd, (struct sockaddr *)&front, sizeof(front)) ||
        connect(net.fds[TO_CLIENT].fd, (struct sockaddr *)&device, sizeof(device))) {
        perror("udp_link");
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        deliver(&net);
        wait_for_something(&net);
        take(&net, TO_DEVICE);
        take(&net, TO_CLIENT);
    }
}
