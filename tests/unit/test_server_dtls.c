/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The device's side of DTLS over real sockets: cookies byte by byte, handshakes that stop, and what
 * a packet may do to its own session. Time stands still but where a test lets it pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "link.h"
#include "server_dtls.h"

#define COOKIE_LEN           32u
#define LONGEST_COOKIE       40u
#define TYPE_AT              13 /* of the message in a record (RFC 6347, 4.1) */
#define SERVER_HELLO         2
#define HELLO_VERIFY_REQUEST 3

static struct dfu_server_dtls server;
static struct dfu_loop loop;
static struct dfu_link wire; /* too large for a stack that sanitizers widen */
static struct sockaddr_in address;
static char psk_path[64], target[160];

static uint8_t heard[64]; /* the last packet */
static size_t heard_len;
static bool is_forgetting;

static void take_packet(void *ctx, const uint8_t *packet, size_t len)
{
    (void)ctx;
    heard_len = len < sizeof heard ? len : sizeof heard;
    memcpy(heard, packet, heard_len);
    if (is_forgetting) {
        dfu_server_dtls_forget(&server);
        return;
    }
    dfu_server_dtls_send(&server, packet, len);
}

static int start(void **state)
{
    struct dfu_dtls_files files = { .psk = psk_path };
    char why[DFU_LINK_WHY_LEN];
    int port;

    (void)state;
    memset(&server, 0, sizeof server);
    memset(&loop, 0, sizeof loop);
    dfu_loop_init(&loop);
    server.packet = take_packet;
    is_forgetting = false;
    heard_len = 0;
    port = dfu_server_dtls_open(&server, &loop, &files, "127.0.0.1", 0, why, sizeof why);
    assert_true(port > 0);
    address = (struct sockaddr_in){ .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    snprintf(target, sizeof target, "dtls:127.0.0.1:%d,psk=%s", port, psk_path);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    dfu_link_close(&wire);
    dfu_server_dtls_close(&server);
    return 0;
}

static void serve(void)
{
    (void)dfu_loop_wait(&loop, dfu_loop_now_ms());
}

static unsigned sessions(void)
{
    unsigned count = 0;

    for (size_t i = 0; i < DFU_SERVER_DTLS_SESSIONS; i++) {
        count += server.sessions[i].ssl != NULL;
    }
    return count;
}

/* ---- A client of bytes ---- */

static int stranger(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* A ClientHello in one record that offers PSK-AES128-GCM-SHA256. */
static size_t hello(uint8_t *out, const uint8_t *cookie, size_t cookie_len)
{
    static const uint8_t suites[] = { 0, 2, 0x00, 0xa8, 1, 0 };
    size_t body = 2 + 32 + 1 + 1 + cookie_len + sizeof suites;
    uint8_t *at = out;

    memset(out, 0, 13 + 12 + body);
    memcpy(at, (uint8_t[]){ 0x16, 0xfe, 0xff }, 3);
    at[10] = cookie_len > 0; /* the second of its kind */
    at[12] = (uint8_t)(12 + body);
    at += 13;
    at[0] = 1;
    at[3] = at[11] = (uint8_t)body;
    at[5] = cookie_len > 0;
    at += 12;
    memcpy(at, (uint8_t[]){ 0xfe, 0xfd }, 2);
    at += 2 + 32 + 1;
    *at++ = (uint8_t)cookie_len;
    if (cookie_len > 0) {
        memcpy(at, cookie, cookie_len);
    }
    memcpy(at + cookie_len, suites, sizeof suites);
    return 13 + 12 + body;
}

/* The type of the answer to a hello; its cookie, where it asks for one. */
static int answer_to(int fd, const uint8_t *cookie, size_t len, uint8_t given[COOKIE_LEN])
{
    uint8_t data[2048];
    size_t sent = hello(data, cookie, len);
    struct pollfd ready = { .fd = fd, .events = POLLIN };

    assert_int_equal(send(fd, data, sent, 0), sent);
    for (int tries = 0; tries < 2000 && poll(&ready, 1, 0) == 0; tries++) {
        (void)dfu_loop_wait(&loop, dfu_loop_now_ms());
        (void)poll(&ready, 1, 10);
    }
    assert_true(recv(fd, data, sizeof data, MSG_DONTWAIT) > TYPE_AT);
    if (data[TYPE_AT] == HELLO_VERIFY_REQUEST) {
        assert_int_equal(data[27], COOKIE_LEN);
        memcpy(given, data + 28, COOKIE_LEN);
    }
    return data[TYPE_AT];
}

static int begin_handshake(void)
{
    uint8_t cookie[COOKIE_LEN], unused[COOKIE_LEN];
    uint32_t begun = server.begun;
    int fd = stranger();

    assert_int_equal(answer_to(fd, NULL, 0, cookie), HELLO_VERIFY_REQUEST);
    assert_int_equal(server.begun, begun);
    assert_int_equal(answer_to(fd, cookie, COOKIE_LEN, unused), SERVER_HELLO);
    assert_int_equal(server.begun, begun + 1);
    return fd;
}

/* ---- A client of ours ---- */

static void connect_wire(void)
{
    char why[DFU_LINK_WHY_LEN];

    assert_int_equal(dfu_link_begin(&wire, target, why), 0);
    while (wire.is_opening) {
        serve();
        if (dfu_link_go_on(&wire, why)) {
            fail_msg("%s", why);
        }
    }
    serve();
}

static void send_wire(const char *text)
{
    heard_len = 0;
    assert_int_equal(dfu_link_send(&wire, (const uint8_t *)text, strlen(text)), 0);
    for (int tries = 0; tries < 2000 && heard_len == 0; tries++) {
        (void)poll(NULL, 0, tries ? 5 : 0);
        serve();
    }
    assert_int_equal(heard_len, strlen(text));
    assert_memory_equal(heard, text, heard_len);
}

static void expect_on_wire(const char *text)
{
    uint8_t packet[64];

    assert_int_equal(dfu_link_receive(&wire, packet, sizeof packet, 10000), strlen(text));
    assert_memory_equal(packet, text, strlen(text));
}

/* ---- Tests ---- */

static void every_byte_of_a_cookie_counts(void **state)
{
    uint8_t cookie[LONGEST_COOKIE] = { 0 }, given[COOKIE_LEN];
    int fd = stranger();

    (void)state;
    assert_int_equal(answer_to(fd, NULL, 0, cookie), HELLO_VERIFY_REQUEST);
    for (size_t i = 0; i < COOKIE_LEN; i++) {
        cookie[i] ^= 0x01;
        assert_int_equal(answer_to(fd, cookie, COOKIE_LEN, given), HELLO_VERIFY_REQUEST);
        cookie[i] ^= 0x01;
    }
    for (size_t len = 0; len <= LONGEST_COOKIE; len++) {
        if (len != COOKIE_LEN) {
            assert_int_equal(answer_to(fd, cookie, len, given), HELLO_VERIFY_REQUEST);
        }
    }
    assert_int_equal(sessions(), 0);
    assert_int_equal(answer_to(fd, cookie, COOKIE_LEN, given), SERVER_HELLO);
    assert_int_equal(sessions(), 1);
    close(fd);
}

static void a_handshake_that_stops_is_repeated_and_given_up_after_ten_seconds(void **state)
{
    uint64_t begun_ms = dfu_loop_now_ms();
    int fd = begin_handshake();
    struct pollfd ready = { .fd = fd, .events = POLLIN };
    uint8_t data[2048];

    (void)state;
    while (recv(fd, data, sizeof data, MSG_DONTWAIT) > 0) {
    }
    assert_in_range(dfu_server_dtls_due_ms(&server), begun_ms, begun_ms + 1001);
    for (int tries = 0; tries < 2000 && poll(&ready, 1, 10) == 0; tries++) {
        dfu_server_dtls_poll(&server); /* OpenSSL's clock is its own: a second */
    }
    assert_true(recv(fd, data, sizeof data, MSG_DONTWAIT) > TYPE_AT);
    assert_int_equal(data[TYPE_AT], SERVER_HELLO);

    dfu_loop_set_clock(begun_ms + DFU_SERVER_DTLS_HANDSHAKE_MS - 1);
    assert_int_equal(dfu_server_dtls_due_ms(&server), begun_ms + DFU_SERVER_DTLS_HANDSHAKE_MS);
    dfu_server_dtls_poll(&server);
    assert_int_equal(sessions(), 1);
    dfu_loop_set_clock(begun_ms + DFU_SERVER_DTLS_HANDSHAKE_MS);
    dfu_server_dtls_poll(&server);
    assert_int_equal(sessions(), 0);
    assert_true(dfu_server_dtls_due_ms(&server) == UINT64_MAX);
    close(fd);
}

static void a_session_that_stands_is_never_due(void **state)
{
    (void)state;
    connect_wire();
    assert_true(dfu_server_dtls_due_ms(&server) == UINT64_MAX);
    dfu_loop_set_clock(dfu_loop_now_ms() + 10u * DFU_SERVER_DTLS_HANDSHAKE_MS);
    dfu_server_dtls_poll(&server);
    send_wire("still here");
    expect_on_wire("still here");
}

static void an_answer_goes_out_only_while_its_packet_is_in_hand(void **state)
{
    (void)state;
    dfu_server_dtls_send(&server, (const uint8_t *)"to nobody", 9);
    connect_wire();
    send_wire("one");
    expect_on_wire("one");
    dfu_server_dtls_send(&server, (const uint8_t *)"too late", 8);
    send_wire("two");
    expect_on_wire("two");
}

static void a_packet_that_ends_all_sessions_is_the_last_of_its_own(void **state)
{
    (void)state;
    connect_wire();
    send_wire("one");
    expect_on_wire("one");
    is_forgetting = true;
    send_wire("restart");
    assert_int_equal(sessions(), 0);
}

static void who_comes_back_from_the_same_port_needs_a_cookie_before_its_old_session_ends(
    void **state)
{
    uint8_t cookie[COOKIE_LEN], given[COOKIE_LEN];

    (void)state;
    connect_wire();
    assert_int_equal(answer_to(wire.fd, NULL, 0, cookie), HELLO_VERIFY_REQUEST);
    cookie[7] ^= 0x80;
    assert_int_equal(answer_to(wire.fd, cookie, COOKIE_LEN, given), HELLO_VERIFY_REQUEST);
    assert_int_equal(server.begun, 1);
    send_wire("not yet");
    expect_on_wire("not yet");
    assert_int_equal(answer_to(wire.fd, given, COOKIE_LEN, cookie), SERVER_HELLO);
    assert_int_equal(server.begun, 2);
    assert_int_equal(sessions(), 1);
}

static void who_was_silent_longest_makes_room_though_all_were_heard_at_the_same_time(void **state)
{
    int strangers[3 * DFU_SERVER_DTLS_SESSIONS];

    (void)state;
    connect_wire();
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        strangers[i] = begin_handshake();
        if (i % 4 == 0) {
            send_wire("still here");
            expect_on_wire("still here");
        }
    }
    assert_int_equal(sessions(), DFU_SERVER_DTLS_SESSIONS);
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        close(strangers[i]);
    }
}

static int write_key(void **state)
{
    int fd;

    (void)state;
    dfu_loop_hold_clock();
    snprintf(psk_path, sizeof psk_path, "/tmp/dfukit-psk-XXXXXX");
    fd = mkstemp(psk_path);
    return dprintf(fd, "one:000102030405060708090a0b0c0d0e0f\n") > 0 && close(fd) == 0 ? 0 : -1;
}

static int remove_key(void **state)
{
    (void)state;
    return unlink(psk_path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_byte_of_a_cookie_counts),
        TEST(a_handshake_that_stops_is_repeated_and_given_up_after_ten_seconds),
        TEST(a_session_that_stands_is_never_due),
        TEST(an_answer_goes_out_only_while_its_packet_is_in_hand),
        TEST(a_packet_that_ends_all_sessions_is_the_last_of_its_own),
        TEST(who_was_silent_longest_makes_room_though_all_were_heard_at_the_same_time),
        TEST(who_comes_back_from_the_same_port_needs_a_cookie_before_its_old_session_ends),
    };

    return cmocka_run_group_tests(tests, write_key, remove_key);
}
