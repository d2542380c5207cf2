/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What link and device can carry: sends requests that are ready made, WINDOW of them unanswered at
 * a time, and only counts the answers. No client can be faster.
 *
 * usage: pump ADDRESS PORT WINDOW <REQUESTS, each a 16-bit length (little endian) and its bytes
 * The first request travels alone, as in every upload. Prints the seconds it took. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define REQUESTS_MAX 4096u
#define REQUEST_MAX  4096u
#define ANSWER_MS    5000
#define AWAKE_S      50e-6

static uint8_t requests[REQUESTS_MAX][REQUEST_MAX];
static size_t lens[REQUESTS_MAX];

static size_t read_requests(void)
{
    size_t n = 0;
    uint8_t head[2];

    while (n < REQUESTS_MAX && fread(head, 1, 2, stdin) == 2) {
        lens[n] = head[0] | (size_t)head[1] << 8;
        if (lens[n] > REQUEST_MAX || fread(requests[n], 1, lens[n], stdin) != lens[n]) {
            return 0;
        }
        n++;
    }
    return n;
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* True once an answer is there. One that comes at once finds nobody asleep: to wake up takes longer. */
static int answer_comes(int fd)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    uint8_t answer[REQUEST_MAX];
    double end_s = now_s() + AWAKE_S;

    do {
        if (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0) {
            return 1;
        }
    } while (now_s() < end_s);
    return poll(&wait, 1, ANSWER_MS) > 0 && recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0;
}

static int pump(int fd, size_t n, size_t window)
{
    size_t sent = 0, answered = 0;

    while (answered < n) {
        while (sent < n && sent - answered < (answered == 0 ? 1 : window)) {
            if (send(fd, requests[sent], lens[sent], 0) != (ssize_t)lens[sent]) {
                perror("pump");
                return 1;
            }
            sent++;
        }
        if (!answer_comes(fd)) {
            fprintf(stderr, "pump: no answer to request %zu\n", answered);
            return 1;
        }
        answered++;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    double start_s;
    size_t n;
    int fd;

    if (argc != 4 || inet_pton(AF_INET, argv[1], &at.sin_addr) != 1) {
        fprintf(stderr, "usage: pump ADDRESS PORT WINDOW <REQUESTS\n");
        return 2;
    }
    at.sin_port = htons((uint16_t)atoi(argv[2]));
    n = read_requests();
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (n == 0 || connect(fd, (struct sockaddr *)&at, sizeof(at))) {
        fprintf(stderr, "pump: no requests, or no way to %s\n", argv[1]);
        return 1;
    }
    start_s = now_s();
    if (pump(fd, n, (size_t)atoi(argv[3]))) {
        return 1;
    }
    printf("%.6f\n", now_s() - start_s);
    return 0;
}
