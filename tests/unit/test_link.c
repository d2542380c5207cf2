/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The client's links against real sockets and real terminals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "link.h"

static struct dfu_link wire; /* too large for a stack that sanitizers widen */
static char why[DFU_LINK_WHY_LEN];

static void targets_that_cannot_be_are_refused_in_words(void **state)
{
    static const struct {
        const char *target;
        int err;
        const char *word;
    } cases[] = {
        { "", DFU_ERR_INVAL, "none of" },
        { "http:host", DFU_ERR_INVAL, "none of" },
        { "/dev/ttyACM0", DFU_ERR_INVAL, "serial:/dev/ttyACM0" },
        { "ble:", DFU_ERR_INVAL, "NAME or ADDRESS" },
        { "ble:,adapter=hci0", DFU_ERR_INVAL, "NAME or ADDRESS" },
        { "ble:thing,passkey=12345x", DFU_ERR_INVAL, "NAME or ADDRESS" },
        { "ble:thing,passkey=1000000", DFU_ERR_INVAL, "NAME or ADDRESS" },
        { "ble:thing,passkey=", DFU_ERR_INVAL, "NAME or ADDRESS" },
        { "ble:thing,speed=1", DFU_ERR_INVAL, "NAME or ADDRESS" },
        { "ble:thing,adapter=", DFU_ERR_INVAL, "NAME or ADDRESS" },
        { "udp:", DFU_ERR_INVAL, "HOST" },
        { "udp:host:", DFU_ERR_INVAL, "HOST" },
        { "udp:host:0", DFU_ERR_INVAL, "HOST" },
        { "udp:host:65536", DFU_ERR_INVAL, "HOST" },
        { "udp:host:12x", DFU_ERR_INVAL, "HOST" },
        { "udp:[::1", DFU_ERR_INVAL, "HOST" },
        { "udp:[::1]1337", DFU_ERR_INVAL, "HOST" },
        { "udp:no-such-host.invalid", DFU_ERR_NOENT, "cannot find the host" },
        { "serial:", DFU_ERR_INVAL, "names no port" },
        { "serial:,baud=9600", DFU_ERR_INVAL, "names no port" },
        { "serial:/dev/ttyX,speed=1", DFU_ERR_INVAL, "speed=1" },
        { "serial:/dev/ttyX,baud=", DFU_ERR_INVAL, "baud=" },
        { "serial:/dev/ttyX,baud=-1", DFU_ERR_INVAL, "baud=-1" },
        { "serial:/dev/there-is-no-such-port", DFU_ERR_NOENT, "no serial port" },
        { "serial:/dev/null", DFU_ERR_NOENT, "/dev/null is not a serial port" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(dfu_link_open(&wire, cases[i].target, why), cases[i].err);
        if (!strstr(why, cases[i].word)) {
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].target, why, cases[i].word);
        }
        dfu_link_close(&wire);
        assert_int_equal(dfu_link_send(&wire, (const uint8_t *)"x", 1), DFU_ERR_IO);
    }
}

/* ---- UDP ---- */

static int bound_socket(int family, char target[64])
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    bool is_v6 = family == AF_INET6;
    struct sockaddr *address = is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    socklen_t len = is_v6 ? sizeof(v6) : sizeof(v4);
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, address, len) != 0) {
        return -1;
    }
    assert_int_equal(getsockname(fd, address, &len), 0);
    snprintf(target, 64, is_v6 ? "udp:[::1]:%u" : "udp:127.0.0.1:%u",
             (unsigned)ntohs(is_v6 ? v6.sin6_port : v4.sin_port));
    return fd;
}

static void datagrams_go_both_ways(void **state)
{
    static const int families[] = { AF_INET, AF_INET6 };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sockaddr_storage from;
        socklen_t from_len = sizeof(from);
        uint8_t buf[64];
        char target[64];
        int peer = bound_socket(families[i], target);

        if (peer < 0) {
            print_message("no IPv6 here\n");
            continue;
        }
        assert_int_equal(dfu_link_open(&wire, target, why), 0);
        assert_true(wire.mtu > 1400);
        assert_int_equal(dfu_link_send(&wire, (const uint8_t *)"ping", 4), 0);
        assert_int_equal(recvfrom(peer, buf, sizeof(buf), 0, (struct sockaddr *)&from, &from_len),
                         4);
        assert_int_equal(sendto(peer, "answer", 6, 0, (struct sockaddr *)&from, from_len), 6);
        assert_int_equal(dfu_link_receive(&wire, buf, sizeof(buf), 1000), 6);
        assert_memory_equal(buf, "answer", 6);
        assert_int_equal(dfu_link_receive(&wire, buf, sizeof(buf), 1), 0);
        dfu_link_close(&wire);
        close(peer);
    }
}

static void a_port_that_nobody_listens_on_is_noticed_but_no_error(void **state)
{
    uint8_t buf[64];
    char target[64];
    int peer = bound_socket(AF_INET, target);

    (void)state;
    close(peer);
    assert_int_equal(dfu_link_open(&wire, target, why), 0);
    assert_int_equal(dfu_link_send(&wire, (const uint8_t *)"ping", 4), 0);
    assert_int_equal(dfu_link_receive(&wire, buf, sizeof(buf), 50), 0);
    assert_true(wire.is_refused);
    assert_int_equal(dfu_link_send(&wire, (const uint8_t *)"ping", 4), 0);
    dfu_link_close(&wire);
}

/* ---- Terminals ---- */

static int new_terminal(const char *options, char target[128])
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    snprintf(target, 128, "serial:%s%s", ptsname(master), options);
    return master;
}

static size_t framed(const uint8_t *packet, size_t len, uint8_t *out)
{
    struct dfu_smp_serial_encoder encoder;
    size_t total = 0, line;

    assert_int_equal(dfu_smp_serial_encode(&encoder, packet, len), 0);
    while ((line = dfu_smp_serial_next_line(&encoder, out + total, DFU_SMP_SERIAL_LINE_MAX)) > 0) {
        total += line;
    }
    return total;
}

/* A terminal hands over lines as they come. */
static void read_all(int fd, uint8_t *buf, size_t len)
{
    while (len > 0) {
        ssize_t n = read(fd, buf, len);

        assert_true(n > 0);
        buf += n;
        len -= (size_t)n;
    }
}

static void console_frames_go_both_ways_between_other_text(void **state)
{
    static const char noise[] = "I: Booting\r\nuart:~$ ";
    uint8_t packet[300], lines[1024], buf[1024];
    char target[128];
    int master = new_terminal(",baud=115200", target);
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof(packet); i++) {
        packet[i] = (uint8_t)i; /* all bytes: nothing may be translated on the way */
    }
    assert_int_equal(dfu_link_open(&wire, target, why), 0);
    assert_int_equal(dfu_link_send(&wire, packet, sizeof(packet)), 0);
    len = framed(packet, sizeof(packet), lines);
    read_all(master, buf, len);
    assert_memory_equal(buf, lines, len);

    assert_int_equal(write(master, noise, strlen(noise)), strlen(noise));
    assert_int_equal(write(master, lines, len), len);
    assert_int_equal(write(master, lines, len), len);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dfu_link_receive(&wire, buf, sizeof(buf), 1000), sizeof(packet));
        assert_memory_equal(buf, packet, sizeof(packet));
    }
    dfu_link_close(&wire);
    close(master);
}

static void raw_packets_are_told_apart_by_their_headers(void **state)
{
    static const uint8_t two[] = {
        9, 0, 0, 2, 0, 0, 1, 6, 0xbf, 0xff, 9, 0, 0, 1, 0, 0, 2, 6, 0xa0
    };
    uint8_t buf[64];
    char target[128];
    int master = new_terminal(",raw", target);

    (void)state;
    assert_int_equal(dfu_link_open(&wire, target, why), 0);
    assert_int_equal(write(master, two, 3), 3);
    assert_int_equal(dfu_link_receive(&wire, buf, sizeof(buf), 5), 0);
    assert_int_equal(write(master, two + 3, sizeof(two) - 3), sizeof(two) - 3);
    assert_int_equal(dfu_link_receive(&wire, buf, sizeof(buf), 1000), 10);
    assert_memory_equal(buf, two, 10);
    assert_int_equal(dfu_link_receive(&wire, buf, sizeof(buf), 1000), 9);
    assert_memory_equal(buf, two + 10, 9);
    assert_int_equal(dfu_link_send(&wire, two, 10), 0);
    assert_int_equal(read(master, buf, sizeof(buf)), 10);
    dfu_link_close(&wire);
    close(master);
}

static void a_port_in_use_is_busy(void **state)
{
    static struct dfu_link second;
    char target[128];
    int master = new_terminal("", target);

    (void)state;
    assert_int_equal(dfu_link_open(&wire, target, why), 0);
    assert_int_equal(dfu_link_open(&second, target, why), DFU_ERR_BUSY);
    assert_non_null(strstr(why, "in use"));
    dfu_link_close(&wire);
    assert_int_equal(dfu_link_open(&second, target, why), 0);
    dfu_link_close(&second);
    close(master);
}

/* libserialport sets terminals to VMIN 0: reads of nothing then return 0, which is no end. */
static void a_silent_terminal_whose_reads_do_not_block_is_no_pulled_plug(void **state)
{
    char target[128];
    uint8_t buf[64];
    int master = new_terminal("", target);
    struct termios mode;

    (void)state;
    assert_int_equal(dfu_link_open(&wire, target, why), 0);
    assert_int_equal(tcgetattr(wire.fd, &mode), 0);
    mode.c_cc[VMIN] = 0;
    mode.c_cc[VTIME] = 0;
    assert_int_equal(tcsetattr(wire.fd, TCSANOW, &mode), 0);
    assert_int_equal(dfu_link_receive(&wire, buf, sizeof(buf), 20), 0);
    close(master);
    assert_int_equal(dfu_link_receive(&wire, buf, sizeof(buf), 1000), DFU_ERR_IO);
    dfu_link_close(&wire);
}

static void a_pulled_plug_is_a_lost_link(void **state)
{
    uint8_t buf[64];
    char target[128];
    int master = new_terminal("", target);

    (void)state;
    assert_int_equal(dfu_link_open(&wire, target, why), 0);
    close(master);
    assert_int_equal(dfu_link_receive(&wire, buf, sizeof(buf), 1000), DFU_ERR_IO);
    assert_int_equal(dfu_link_send(&wire, buf, 10), DFU_ERR_IO);
    dfu_link_close(&wire);
}

static void a_port_without_permission_says_so(void **state)
{
    char path[] = "/tmp/dfu-link-XXXXXX", target[64];
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(chmod(path, 0), 0);
    snprintf(target, sizeof(target), "serial:%s", path);
    if (geteuid() != 0) {
        assert_int_equal(dfu_link_open(&wire, target, why), DFU_ERR_PERM);
        assert_non_null(strstr(why, "permission"));
    } else { /* root may open it, and finds that it is no port */
        assert_int_equal(dfu_link_open(&wire, target, why), DFU_ERR_NOENT);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_that_cannot_be_are_refused_in_words),
        cmocka_unit_test(datagrams_go_both_ways),
        cmocka_unit_test(a_port_that_nobody_listens_on_is_noticed_but_no_error),
        cmocka_unit_test(console_frames_go_both_ways_between_other_text),
        cmocka_unit_test(raw_packets_are_told_apart_by_their_headers),
        cmocka_unit_test(a_port_in_use_is_busy),
        cmocka_unit_test(a_silent_terminal_whose_reads_do_not_block_is_no_pulled_plug),
        cmocka_unit_test(a_pulled_plug_is_a_lost_link),
        cmocka_unit_test(a_port_without_permission_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
