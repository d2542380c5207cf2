/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/smp.h"
#include "hex.h"
#include "smp_peer.h"

/* A group of its own for each way a handler can end. */
enum { CMD_OK, CMD_RC, CMD_ERR, CMD_LONG, CMD_LONG_REASON, CMD_BROKEN, CMD_READ_ONLY, CMD_COUNT };

static unsigned calls;

static int answer_ok(struct dfu_smp_call *call)
{
    calls++;
    dfu_cbor_pair_uint(call->enc, "n", call->header.id);
    return 0;
}

static int answer_rc(struct dfu_smp_call *call)
{
    dfu_cbor_pair_uint(call->enc, "n", 1);
    call->reason = "no slot";
    return DFU_SMP_EBADSTATE;
}

static int answer_err(struct dfu_smp_call *call)
{
    dfu_cbor_put_text(call->enc, "images");
    dfu_cbor_begin_array(call->enc); /* left open */
    call->reason = "downgrade";
    return dfu_smp_fail(call, *(const uint16_t *)call->ctx);
}

static int answer_long(struct dfu_smp_call *call)
{
    for (int i = 0; i < 40000; i++) {
        dfu_cbor_pair_uint(call->enc, "n", 1);
    }
    return 0;
}

static int answer_long_reason(struct dfu_smp_call *call)
{
    call->reason = "longer than the smallest of all answers could ever hold";
    return DFU_SMP_EBADSTATE;
}

static int answer_broken(struct dfu_smp_call *call)
{
    (void)call;
    return DFU_ERR_IO; /* not a result a handler may give */
}

static const struct dfu_smp_command commands[CMD_COUNT] = {
    [CMD_OK] = { .read = answer_ok, .write = answer_ok },
    [CMD_RC] = { .read = answer_rc },
    [CMD_ERR] = { .write = answer_err },
    [CMD_LONG] = { .read = answer_long },
    [CMD_LONG_REASON] = { .read = answer_long_reason },
    [CMD_BROKEN] = { .read = answer_broken },
    [CMD_READ_ONLY] = { .read = answer_ok },
};
static const uint8_t to_v1[] = { [2] = DFU_SMP_ENOENT, [22] = DFU_SMP_EINVAL, [23] = 1 };
static const struct dfu_smp_group group = {
    .id = 1,
    .name = "test",
    .commands = commands,
    .command_count = CMD_COUNT,
    .to_v1 = to_v1,
    .to_v1_count = sizeof(to_v1),
};
static uint16_t group_code = 23;
static const struct dfu_smp_binding bindings[] = { { &group, &group_code } };

static struct smp_peer peer;

static int fresh_server(void **state)
{
    (void)state;
    smp_peer_init(&peer, bindings, 1);
    group_code = 23;
    calls = 0;
    return 0;
}

static void success_is_the_map_alone(void **state)
{
    (void)state;
    smp_peer_expect(&peer, "08 00 00 01 00 01 50 00 a0", "09 00 00 05 00 01 50 00 bf 61 6e 00 ff");
    smp_peer_expect(&peer, "00 00 00 01 00 01 50 00 a0", "01 00 00 05 00 01 50 00 bf 61 6e 00 ff");
    smp_peer_expect(&peer, "0a 00 00 00 00 01 51 00", "0b 00 00 05 00 01 51 00 bf 61 6e 00 ff");
    assert_int_equal(peer.result, 0);
}

static void unknown_things_are_not_supported(void **state)
{
    (void)state;
    /* group */
    smp_peer_expect(&peer, "00 00 00 01 00 42 09 00 a0",
                    "01 00 00 06 00 42 09 00 bf 62 72 63 08 ff");
    smp_peer_expect(&peer, "08 00 00 01 00 42 09 00 a0",
                    "09 00 00 06 00 42 09 00 bf 62 72 63 08 ff");
    /* command, and one beyond the table */
    smp_peer_expect(&peer, "08 00 00 01 00 01 09 07 a0",
                    "09 00 00 06 00 01 09 07 bf 62 72 63 08 ff");
    smp_peer_expect(&peer, "08 00 00 01 00 01 09 ff a0",
                    "09 00 00 06 00 01 09 ff bf 62 72 63 08 ff");
    /* direction */
    smp_peer_expect(&peer, "0a 00 00 01 00 01 09 06 a0",
                    "0b 00 00 06 00 01 09 06 bf 62 72 63 08 ff");
    /* operation */
    smp_peer_expect(&peer, "0c 00 00 01 00 01 09 00 a0",
                    "0b 00 00 06 00 01 09 00 bf 62 72 63 08 ff");
}

static void a_version_from_the_future_is_refused_in_ours(void **state)
{
    (void)state;
    smp_peer_expect(&peer, "10 00 00 01 00 00 01 07 a0",
                    "09 00 00 06 00 00 01 07 bf 62 72 63 0d ff");
    smp_peer_expect(&peer, "18 00 00 01 00 00 01 07 a0",
                    "09 00 00 06 00 00 01 07 bf 62 72 63 0d ff");
}

static void version_1_can_be_switched_off(void **state)
{
    (void)state;
    peer.server.refuse_v1 = true;
    smp_peer_expect(&peer, "00 00 00 01 00 01 50 00 a0",
                    "01 00 00 06 00 01 50 00 bf 62 72 63 0c ff");
    smp_peer_expect(&peer, "08 00 00 01 00 01 50 00 a0", "09 00 00 05 00 01 50 00 bf 61 6e 00 ff");
}

static void a_length_beyond_the_packet_is_corrupt(void **state)
{
    (void)state;
    smp_peer_expect(&peer, "08 00 00 02 00 01 50 00 a0",
                    "09 00 00 06 00 01 50 00 bf 62 72 63 09 ff");
    assert_int_equal(calls, 0);
}

static void a_packet_shorter_than_a_header_gets_no_answer(void **state)
{
    (void)state;
    for (size_t len = 1; len < DFU_SMP_HEADER_SIZE; len++) {
        smp_peer_receive(&peer, (const uint8_t[8]){ 8 }, len);
        assert_int_equal(peer.count, 0);
        assert_int_equal(peer.result, DFU_ERR_FORMAT);
    }
    smp_peer_receive(&peer, (const uint8_t[8]){ 8 }, 0);
    assert_int_equal(peer.count, 0);
}

/* Two servers that answered each other's answers would never stop. */
static void an_answer_is_never_answered(void **state)
{
    static const char *const answers[] = {
        "01 00 00 01 00 01 50 00 a0",
        "03 00 00 01 00 01 50 00 a0",
        "09 00 00 01 00 01 50 00 a0",
        "0b 00 00 06 00 01 50 00 bf 62 72 63 08 ff",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        smp_peer_receive_hex(&peer, answers[i]);
        assert_int_equal(peer.count, 0);
    }
    /* Whatever we answer is itself of that kind. */
    smp_peer_receive_hex(&peer, "0f 00 00 01 00 01 09 00 a0");
    assert_int_equal(peer.count, 1);
    smp_peer_receive(&peer, peer.answers[0].data, peer.answers[0].len);
    assert_int_equal(peer.count, 0);
}

static void group_errors_are_translated_for_version_1(void **state)
{
    static const struct {
        uint16_t code;
        const char *v1;
    } rows[] = {
        { 2, "03 00 00 06 00 01 53 02 bf 62 72 63 05 ff" },
        { 22, "03 00 00 06 00 01 53 02 bf 62 72 63 03 ff" },
        { 23, "03 00 00 06 00 01 53 02 bf 62 72 63 01 ff" },
        { 24, "03 00 00 06 00 01 53 02 bf 62 72 63 01 ff" }, /* beyond the table */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        group_code = rows[i].code;
        smp_peer_expect(&peer, "02 00 00 01 00 01 53 02 a0", rows[i].v1);
    }
}

static void group_errors_are_named_in_version_2(void **state)
{
    (void)state;
    smp_peer_expect(&peer, "0a 00 00 01 00 01 53 02 a0",
                    "0b 00 00 13 00 01 53 02 bf 63 65 72 72 bf 65 67 72 6f 75 70 01 62 72 63 17 "
                    "ff ff");
}

static void a_refusal_leaves_nothing_of_the_answer(void **state)
{
    (void)state;
    smp_peer_read(&peer, 1, CMD_RC, "a0", "bf 62 72 63 06 ff");
}

static void an_answer_that_does_not_fit_is_said_to_be_too_long(void **state)
{
    (void)state;
    smp_peer_read(&peer, 1, CMD_LONG, "a0", "bf 62 72 63 07 ff");
}

static void no_answer_is_longer_than_the_link_carries(void **state)
{
    (void)state;
    peer.link.max_frame = DFU_SMP_RESPONSE_MIN;
    smp_peer_read(&peer, 1, CMD_LONG, "a0", "bf 62 72 63 07 ff");
    smp_peer_read(&peer, 1, CMD_OK, "a0", "bf 61 6e 00 ff");
}

static void no_answer_is_longer_than_its_header_can_say(void **state)
{
    static uint8_t large[1u << 17];

    (void)state;
    peer.server.response = large;
    peer.server.response_cap = sizeof(large);
    smp_peer_read(&peer, 1, CMD_LONG, "a0", "bf 62 72 63 07 ff");
}

static void a_reason_that_does_not_fit_is_left_out(void **state)
{
    (void)state;
    peer.server.verbose_errors = true;
    peer.server.response_cap = DFU_SMP_RESPONSE_MIN;
    smp_peer_read(&peer, 1, CMD_LONG_REASON, "a0", "bf 62 72 63 06 ff");
}

static void a_handler_that_fails_oddly_is_an_unknown_error(void **state)
{
    (void)state;
    smp_peer_read(&peer, 1, CMD_BROKEN, "a0", "bf 62 72 63 01 ff");
}

static void reasons_are_given_where_that_is_wanted(void **state)
{
    (void)state;
    peer.server.verbose_errors = true;
    smp_peer_read(&peer, 1, CMD_RC, "a0", "bf 62 72 63 06 63 72 73 6e 67 6e 6f 20 73 6c 6f 74 ff");
    /* beside rc only: version 2 has no place for it in err, version 1 has */
    smp_peer_write(&peer, 1, CMD_ERR, "a0",
                   "bf 63 65 72 72 bf 65 67 72 6f 75 70 01 62 72 63 17 ff ff");
    smp_peer_expect(&peer, "02 00 00 01 00 01 53 02 a0",
                    "03 00 00 14 00 01 53 02 bf 62 72 63 01 63 72 73 6e 69 64 6f 77 6e 67 72 61 "
                    "64 65 ff");
}

static void lengths_can_be_definite(void **state)
{
    (void)state;
    peer.server.definite_lengths = true;
    smp_peer_read(&peer, 1, CMD_OK, "a0", "a1 61 6e 00");
    smp_peer_write(&peer, 1, CMD_ERR, "a0", "a1 63 65 72 72 a2 65 67 72 6f 75 70 01 62 72 63 17");
}

static void old_clients_can_be_told_rc_0(void **state)
{
    (void)state;
    peer.server.legacy_rc = true;
    smp_peer_read(&peer, 1, CMD_OK, "a0", "bf 62 72 63 00 61 6e 00 ff");
    smp_peer_read(&peer, 1, CMD_RC, "a0", "bf 62 72 63 06 ff");
}

/* ---- Several requests in one packet ---- */

static void requests_in_one_packet_are_answered_in_order(void **state)
{
    (void)state;
    smp_peer_receive_hex(&peer, "08 00 00 01 00 01 01 00 a0 0a 00 00 01 00 01 02 02 a0 "
                                "00 00 00 00 00 01 03 06");
    assert_int_equal(peer.count, 3);
    assert_hex(peer.answers[0].data, peer.answers[0].len, "09 00 00 05 00 01 01 00 bf 61 6e 00 ff");
    assert_int_equal(peer.answers[1].data[6], 2); /* a group's refusal does not end the packet */
    assert_hex(peer.answers[2].data, peer.answers[2].len, "01 00 00 05 00 01 03 06 bf 61 6e 06 ff");
    assert_int_equal(peer.result, 0);
}

static void a_protocol_error_ends_the_packet(void **state)
{
    static const char *const first[] = {
        "08 00 00 01 00 42 01 00 a0", /* unknown group */
        "08 00 00 01 00 01 01 01 a0", /* refused with rc */
        "10 00 00 01 00 01 01 00 a0", /* version */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        char packet[128];

        strcpy(packet, first[i]);
        strcat(packet, "08 00 00 01 00 01 02 00 a0");
        smp_peer_receive_hex(&peer, packet);
        assert_int_equal(peer.count, 1);
        assert_int_equal(peer.result, DFU_ERR_FORMAT);
        assert_int_equal(calls, 0);
    }
}

static void what_follows_the_last_request_is_dropped(void **state)
{
    (void)state;
    smp_peer_receive_hex(&peer, "08 00 00 01 00 01 01 00 a0 08 00 00");
    assert_int_equal(peer.count, 1);
    assert_int_equal(peer.result, DFU_ERR_FORMAT);
}

static void a_packet_costs_at_most_one_answer_for_eight_bytes(void **state)
{
    uint8_t packet[PEER_ANSWERS_MAX * 8];

    (void)state;
    for (size_t i = 0; i < sizeof(packet); i += 8) {
        memcpy(packet + i, (const uint8_t[8]){ 8, 0, 0, 0, 0, 1 }, 8);
    }
    smp_peer_receive(&peer, packet, sizeof(packet));
    assert_int_equal(peer.count, PEER_ANSWERS_MAX);
}

static void a_dead_link_ends_the_packet(void **state)
{
    (void)state;
    peer.send_err = DFU_ERR_IO;
    smp_peer_receive_hex(&peer, "08 00 00 01 00 01 01 00 a0 08 00 00 01 00 01 02 00 a0");
    assert_int_equal(peer.count, 1);
    assert_int_equal(peer.result, DFU_ERR_IO);
}

static void a_server_without_room_for_an_error_is_refused(void **state)
{
    (void)state;
    peer.server.response_cap = DFU_SMP_RESPONSE_MIN - 1;
    smp_peer_receive_hex(&peer, "08 00 00 01 00 01 01 00 a0");
    assert_int_equal(peer.count, 0);
    assert_int_equal(peer.result, DFU_ERR_INVAL);
}

/* ---- Hooks ---- */

struct listener {
    enum dfu_smp_hook_result answer;
    uint16_t group, rc;
    bool abort_more;
    unsigned count;
    uint32_t last_id;
    enum dfu_smp_hook_result previous;
    struct dfu_smp_command_event last;
};

static enum dfu_smp_hook_result listen(void *ctx, struct dfu_smp_event *event)
{
    struct listener *l = ctx;

    l->count++;
    l->last_id = event->id;
    l->previous = event->previous;
    if (event->size == sizeof(l->last)) {
        memcpy(&l->last, event->data, sizeof(l->last));
    }
    event->group = l->group;
    event->rc = l->rc;
    event->abort_more = l->abort_more;
    return l->answer;
}

static void a_hook_sees_the_command_before_and_after(void **state)
{
    struct listener before = { 0 }, after = { 0 }, all = { 0 }, other = { 0 };
    const struct dfu_smp_hook hooks[] = {
        { DFU_SMP_EV_CMD_RECV, listen, &before },
        { DFU_SMP_EV_CMD_DONE, listen, &after },
        { DFU_SMP_EVENT_ALL, listen, &all },
        { DFU_SMP_EV_OS_RESET, listen, &other },
    };

    (void)state;
    peer.server.hooks = hooks;
    peer.server.hook_count = 4;
    smp_peer_write(&peer, 1, CMD_OK, "a0", "bf 61 6e 00 ff");
    assert_int_equal(before.count, 1);
    assert_int_equal(before.last.group, 1);
    assert_int_equal(before.last.id, CMD_OK);
    assert_int_equal(before.last.op, DFU_SMP_WRITE);
    assert_int_equal(after.count, 1);
    assert_int_equal(after.last.result, 0);
    assert_int_equal(all.count, 2);
    assert_int_equal(other.count, 0);

    smp_peer_read(&peer, 1, CMD_RC, "a0", "bf 62 72 63 06 ff");
    assert_int_equal(after.last.result, DFU_SMP_EBADSTATE);
    smp_peer_read(&peer, 66, CMD_RC, "a0", "bf 62 72 63 08 ff"); /* nobody's command */
    assert_int_equal(before.count, 2);
}

static void a_hook_may_refuse_before_the_handler_runs(void **state)
{
    struct listener l = { .answer = DFU_SMP_HOOK_RC, .rc = DFU_SMP_EACCESSDENIED };
    const struct dfu_smp_hook hook = { DFU_SMP_EV_CMD_RECV, listen, &l };

    (void)state;
    peer.server.hooks = &hook;
    peer.server.hook_count = 1;
    smp_peer_read(&peer, 1, CMD_OK, "a0", "bf 62 72 63 0b ff");
    l.rc = 0; /* a refusal without a code is still one */
    smp_peer_read(&peer, 1, CMD_OK, "a0", "bf 62 72 63 01 ff");
    l = (struct listener){ .answer = DFU_SMP_HOOK_ERR, .group = 1, .rc = 2 };
    smp_peer_read(&peer, 1, CMD_OK, "a0",
                  "bf 63 65 72 72 bf 65 67 72 6f 75 70 01 62 72 63 02 ff ff");
    smp_peer_expect(&peer, "00 00 00 01 00 01 50 00 a0",
                    "01 00 00 06 00 01 50 00 bf 62 72 63 05 ff");
    assert_int_equal(calls, 0);
}

static void the_first_refusal_wins_and_later_hooks_see_it(void **state)
{
    struct listener first = { .answer = DFU_SMP_HOOK_RC, .rc = DFU_SMP_EBUSY };
    struct listener second = { .answer = DFU_SMP_HOOK_RC, .rc = DFU_SMP_ENOMEM };
    const struct dfu_smp_hook hooks[] = { { DFU_SMP_EV_CMD_RECV, listen, &first },
                                          { DFU_SMP_EV_CMD_RECV, listen, &second } };

    (void)state;
    peer.server.hooks = hooks;
    peer.server.hook_count = 2;
    smp_peer_read(&peer, 1, CMD_OK, "a0", "bf 62 72 63 0a ff");
    assert_int_equal(first.previous, DFU_SMP_HOOK_OK);
    assert_int_equal(second.previous, DFU_SMP_HOOK_RC);
    first.abort_more = true;
    smp_peer_read(&peer, 1, CMD_OK, "a0", "bf 62 72 63 0a ff");
    assert_int_equal(first.count, 2);
    assert_int_equal(second.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(success_is_the_map_alone, fresh_server),
        cmocka_unit_test_setup(unknown_things_are_not_supported, fresh_server),
        cmocka_unit_test_setup(a_version_from_the_future_is_refused_in_ours, fresh_server),
        cmocka_unit_test_setup(version_1_can_be_switched_off, fresh_server),
        cmocka_unit_test_setup(a_length_beyond_the_packet_is_corrupt, fresh_server),
        cmocka_unit_test_setup(a_packet_shorter_than_a_header_gets_no_answer, fresh_server),
        cmocka_unit_test_setup(an_answer_is_never_answered, fresh_server),
        cmocka_unit_test_setup(group_errors_are_translated_for_version_1, fresh_server),
        cmocka_unit_test_setup(group_errors_are_named_in_version_2, fresh_server),
        cmocka_unit_test_setup(a_refusal_leaves_nothing_of_the_answer, fresh_server),
        cmocka_unit_test_setup(an_answer_that_does_not_fit_is_said_to_be_too_long, fresh_server),
        cmocka_unit_test_setup(no_answer_is_longer_than_the_link_carries, fresh_server),
        cmocka_unit_test_setup(no_answer_is_longer_than_its_header_can_say, fresh_server),
        cmocka_unit_test_setup(a_reason_that_does_not_fit_is_left_out, fresh_server),
        cmocka_unit_test_setup(a_handler_that_fails_oddly_is_an_unknown_error, fresh_server),
        cmocka_unit_test_setup(reasons_are_given_where_that_is_wanted, fresh_server),
        cmocka_unit_test_setup(lengths_can_be_definite, fresh_server),
        cmocka_unit_test_setup(old_clients_can_be_told_rc_0, fresh_server),
        cmocka_unit_test_setup(requests_in_one_packet_are_answered_in_order, fresh_server),
        cmocka_unit_test_setup(a_protocol_error_ends_the_packet, fresh_server),
        cmocka_unit_test_setup(what_follows_the_last_request_is_dropped, fresh_server),
        cmocka_unit_test_setup(a_packet_costs_at_most_one_answer_for_eight_bytes, fresh_server),
        cmocka_unit_test_setup(a_dead_link_ends_the_packet, fresh_server),
        cmocka_unit_test_setup(a_server_without_room_for_an_error_is_refused, fresh_server),
        cmocka_unit_test_setup(a_hook_sees_the_command_before_and_after, fresh_server),
        cmocka_unit_test_setup(a_hook_may_refuse_before_the_handler_runs, fresh_server),
        cmocka_unit_test_setup(the_first_refusal_wins_and_later_hooks_see_it, fresh_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
