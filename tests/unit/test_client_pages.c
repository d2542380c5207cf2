/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The client's side of uploads that send only what differs: over bad links to the virtual device,
 * and against servers that do not mean well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "client_rig.h"
#include "dfu/cbor.h"
#include "dfu/err.h"
#include "dfu/openssl.h"

static const char app[] = "dfukit-app\nname=new\n";

#define PAYLOAD 120000u
#define PAGE    4096u

/* Slot 1 holds what the new image will be, but for some pages; slot 0 has two of those. */
static struct rig *rig_with_older(uint32_t buf_size)
{
    struct rig *rig = rig_new(app, PAYLOAD, buf_size, 4);
    struct dfu_sim_flash *flash = &rig->nor->flash;
    uint32_t size = (uint32_t)rig->new_image.span.len;
    uint8_t *older = malloc(size);
    static const uint32_t others[] = { 20, 5 * PAGE + 1, 6 * PAGE, 7 * PAGE + 9, 20 * PAGE + 3 };

    assert_non_null(older);
    memcpy(older, rig->new_image.bytes, size);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        older[others[i]] ^= 0x33;
    }
    older[size - 1] ^= 1;
    assert_int_equal(dfu_sim_flash_load(flash, RIG_SLOT, older, size), 0);
    /* Where the running image has ended: its slot is as good as any other place. */
    assert_int_equal(dfu_sim_flash_load(flash, 5 * PAGE, rig->new_image.bytes + 5 * PAGE, 2 * PAGE),
                     0);
    free(older);
    return rig;
}

static struct dfu_upload_config config_of(const struct rig *rig)
{
    struct dfu_upload_config config = rig_upload_config(rig, 3);

    config.sha256 = &dfu_sha256_openssl;
    return config;
}

static void start(const struct rig *rig, struct dfu_upload *u)
{
    struct dfu_upload_config config = config_of(rig);

    assert_int_equal(dfu_upload_start(u, &config), 0);
}

static void assert_arrived(struct rig *rig, const struct dfu_upload *u)
{
    assert_int_equal(u->result, 0);
    assert_true(u->has_match);
    assert_true(rig_holds(rig, 1, &rig->new_image));
    assert_int_equal(rig->nor->flash.double_programs, 0);
}

static void only_what_differs_goes_over_the_line(void **state)
{
    static const uint32_t sizes[] = { 128, 384, 1024, 4096 };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct rig *rig = rig_with_older(sizes[i]);
        uint32_t size = (uint32_t)rig->new_image.span.len;
        struct dfu_upload u;

        start(rig, &u);
        rig_run_upload(rig, &u);
        assert_arrived(rig, &u);
        assert_int_equal(u.repeated, 0);
        assert_int_equal(u.copied, 2 * PAGE);
        /* Sent: page 0, 7, 20 and the last. */
        assert_int_equal(u.data_bytes, 3 * PAGE + size % PAGE);
        assert_int_equal(u.kept, size - u.data_bytes - u.copied);
        rig_free(rig);
    }
}

static uint32_t questions_at(uint32_t bytes_per_s)
{
    struct rig *rig = rig_with_older(2048);
    struct dfu_upload_config config = config_of(rig);
    struct dfu_upload u;
    uint32_t questions;

    rig->link.bytes_per_s = bytes_per_s;
    config.bytes_per_s = bytes_per_s;
    assert_int_equal(dfu_upload_start(&u, &config), 0);
    rig_run_upload(rig, &u);
    assert_arrived(rig, &u);
    assert_int_equal(u.repeated, 0);
    questions = rig->to_device - u.sent;
    rig_free(rig);
    return questions;
}

/* It waits behind the chunks that were sent before it. */
static void a_question_is_not_repeated_because_it_waits_on_the_line(void **state)
{
    uint32_t questions = questions_at(0);

    (void)state;
    assert_in_range(questions, 2, 20);
    assert_int_equal(questions_at(11520), questions);
    assert_int_equal(questions_at(8411), questions);
    assert_int_equal(questions_at(700), questions);
}

static void trouble(struct rig *rig, uint32_t seed)
{
    rig->link.seed = seed;
    rig->link.delay_ms = seed * 7 % 60;
    rig->link.jitter_ms = seed * 13 % 50;
    rig->link.loss_permille = seed * 50 % 250;
    rig->link.repeat_permille = seed * 30 % 200;
}

static void any_mix_of_trouble_ends_with_the_image_in_the_slot(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 300; seed++) {
        struct rig *rig = rig_with_older(1024);
        struct dfu_upload u;

        trouble(rig, seed);
        start(rig, &u);
        rig_run_upload(rig, &u);
        assert_arrived(rig, &u);
        rig_free(rig);
    }
}

static void a_device_that_restarts_at_any_packet_gets_the_rest(void **state)
{
    (void)state;
    for (uint32_t at = 1;; at++) {
        struct rig *rig = rig_with_older(1024);
        struct dfu_upload u;

        rig->restart_at = at;
        start(rig, &u);
        rig_run_upload(rig, &u);
        assert_arrived(rig, &u);
        if (rig->to_device < at) {
            assert_true(at > 20);
            rig_free(rig);
            return;
        }
        /* A page at most is sent a second time, and what was in the air. */
        assert_in_range(u.data_bytes, 0, 3 * PAGE + PAGE + 2 * PAGE + 4 * 1024);
        rig_free(rig);
    }
}

static void a_client_killed_at_any_packet_is_taken_up_by_the_next(void **state)
{
    (void)state;
    for (uint32_t packets = 1;; packets++) {
        struct rig *rig = rig_with_older(1024);
        struct dfu_upload u;

        start(rig, &u);
        rig_run_upload_for(rig, &u, packets);
        if (u.result == 0) {
            rig_free(rig);
            return;
        }
        start(rig, &u);
        rig_run_upload(rig, &u);
        assert_arrived(rig, &u);
        rig_free(rig);
    }
}

static void a_link_that_breaks_is_survived(void **state)
{
    (void)state;
    for (uint32_t at = 1; at < 40; at++) {
        struct rig *rig = rig_with_older(1024);
        struct dfu_upload u;

        rig->link.cut_number = at;
        start(rig, &u);
        rig_run_upload(rig, &u);
        assert_arrived(rig, &u);
        rig_free(rig);
    }
}

static void a_whole_upgrade_uses_it(void **state)
{
    struct rig *rig = rig_with_older(1024);
    struct dfu_upgrade_config config = rig_upgrade_config(rig);
    struct dfu_upgrade g;

    (void)state;
    config.sha256 = &dfu_sha256_openssl;
    dfu_upgrade_start(&g, &config);
    rig_run_upgrade(rig, &g);
    assert_int_equal(g.outcome, DFU_UPGRADE_CONFIRMED);
    assert_true(g.upload.kept > 20 * PAGE);
    assert_true(rig_holds(rig, 0, &rig->new_image));
    rig_free(rig);
}

/* ---- Servers that do not mean well, or know nothing of pages ---- */

/* What the fake says to a question for hashes, and to a request to take. It takes data as it comes,
 * keeps no bytes and says "match" as told. */
struct fake {
    const char *hashes; /* a CBOR map in the making; NULL: silence */
    size_t hashes_len;
    int take;      /* 0: takes it; 1: rc 8; 2: says nothing new, again and again */
    bool is_right; /* what it says of the digest, if pages were taken */
    bool was_taken;
    uint32_t off, questions, takes;
    uint32_t only;    /* so many questions are answered, 0: all; */
    uint32_t late_ms; /* each so late */
};

static size_t respond(struct fake *fake, const uint8_t *frame, size_t len, uint32_t size,
                      uint8_t *out, size_t cap)
{
    struct dfu_smp_header header;
    struct dfu_cbor_encoder enc;
    uint32_t off = 0, n = 0;
    struct dfu_cbor_span data = { 0 };
    struct dfu_cbor_key keys[] = {
        { "off", DFU_CBOR_UINT, &off, false },
        { "data", DFU_CBOR_BYTES, &data, false },
        { "len", DFU_CBOR_UINT, &n, false },
    };

    dfu_smp_header_decode(frame, &header);
    assert_int_equal(dfu_cbor_decode_map((struct dfu_cbor_span){ frame + 8, len - 8 }, keys, 3), 0);
    header.op++;
    dfu_cbor_encoder_init(&enc, out + 8, cap - 8, true);
    if (header.group == 65 && header.id == 0) {
        fake->questions++;
        if (!fake->hashes || (fake->only > 0 && fake->questions > fake->only)) {
            return 0;
        }
        memcpy(out + 8, fake->hashes, fake->hashes_len);
        enc.len = fake->hashes_len;
    } else if (header.group == 65 && fake->take == 1) {
        fake->takes++;
        dfu_cbor_begin_map(&enc);
        dfu_cbor_pair_uint(&enc, "rc", 8);
        dfu_cbor_end(&enc);
    } else {
        bool is_take = header.group == 65;

        fake->takes += is_take;
        if (off == 0) {
            fake->off = 0;
            fake->was_taken = false;
        }
        if (off == fake->off && !(is_take && fake->take == 2)) {
            fake->off += is_take ? n : (uint32_t)data.len;
            fake->was_taken = fake->was_taken || is_take;
        }
        dfu_cbor_begin_map(&enc);
        dfu_cbor_pair_uint(&enc, "off", fake->off);
        if (fake->off == size) {
            dfu_cbor_pair_bool(&enc, "match", fake->is_right || !fake->was_taken);
        }
        dfu_cbor_end(&enc);
    }
    header.length = (uint16_t)enc.len;
    dfu_smp_header_encode(&header, out);
    return 8 + enc.len;
}

static struct dfu_upload run_against(struct fake *fake, const struct rig *rig)
{
    struct dfu_upload u;
    uint8_t frame[1024], back[1024];
    uint64_t now_ms = 0;

    start(rig, &u);
    for (unsigned steps = 0; u.result == DFU_CLIENT_RUNNING; steps++) {
        size_t len = dfu_upload_next(&u, now_ms, frame, sizeof(frame));

        assert_true(steps < 100000); /* it ends */
        if (len == 0) {
            uint64_t due_ms = dfu_upload_deadline(&u);

            now_ms = due_ms > now_ms ? due_ms : now_ms + 1;
            continue;
        }
        now_ms += frame[5] == 65 && frame[7] == 0 ? fake->late_ms : 0;
        len = respond(fake, frame, len, (uint32_t)rig->new_image.span.len, back, sizeof(back));
        if (len > 0) {
            dfu_upload_answer(&u, now_ms, back, len);
        }
    }
    return u;
}

#define HASHES(text) text, sizeof(text) - 1

/* One page at 4096: off, len, size, copy and hashes are in place of the blanks. */
static void every_odd_answer_ends_in_a_plain_upload(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        { HASHES("\xa1\x62rc\x08") }, /* not supported */
        { HASHES("\xa1\x63"           /* err 65:4 */
                 "err\xa2\x65group\x18\x41\x62rc\x04") },
        { HASHES("\xa1\x63" /* err 65:2, for ever */
                 "err\xa2\x65group\x18\x41\x62rc\x02") },
        { HASHES("\xa0") },                                                         /* nothing */
        { HASHES("\xff") },                                                         /* no map */
        { HASHES("\xa4\x63off\x19\x10\x00\x63len\x00\x64size\x00\x66hashes\x40") }, /* no pages */
        { HASHES("\xa4\x63off\x00\x63len\x19\x10\x00\x64size\x19\x10\x00\x66hashes\x48"
                 "12345678") }, /* before what was asked */
        { HASHES("\xa4\x63off\x19\x10\x00\x63len\x19\x10\x00\x64size\x00\x66hashes\x48"
                 "12345678") }, /* pages of size 0 */
        { HASHES("\xa4\x63off\x19\x10\x00\x63len\x19\x10\x00\x64size\x19\x10\x00\x66hashes\x47"
                 "1234567") }, /* half a hash */
        { HASHES("\xa4\x63off\x19\x10\x00\x63len\x1a\xff\xff\xff\xff\x64size\x19\x10\x00\x66hashes"
                 "\x40") }, /* beyond the file */
        { HASHES("\xa4\x63off\x19\x10\x00\x63len\x19\x10\x00\x64size\x01\x66hashes\x48"
                 "12345678") }, /* 4096 pages, one hash */
        { HASHES("\xa4\x63off\x19\x10\x00\x63len\x19\x10\x00\x64size\x1a\xff\xff\xff\xff\x66hashes"
                 "\x48"
                 "12345678") }, /* a page without end */
        { NULL, 0 },            /* silence */
    };
    struct rig *rig = rig_new(app, 20000, 1024, 4);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fake fake = { .hashes = rows[i].bytes, .hashes_len = rows[i].len };
        struct dfu_upload u = run_against(&fake, rig);

        assert_int_equal(u.result, 0);
        assert_int_equal(u.kept + u.copied, 0);
        assert_int_equal(u.data_bytes, rig->new_image.span.len);
        assert_in_range(fake.questions, 1, 30);
    }
    rig_free(rig);
}

/* The right hash of page 1, so that the client wants it kept. */
static void right_answer(const struct rig *rig, char out[64], size_t *len)
{
    static const char head[] = "\xa4\x63off\x19\x10\x00\x63len\x19\x10\x00\x64size\x19\x10\x00"
                               "\x66hashes\x48";
    struct dfu_hash hash = { .alg = &dfu_sha256_openssl };
    uint8_t digest[32];

    assert_int_equal(hash.alg->start(&hash), 0);
    assert_int_equal(hash.alg->update(&hash, rig->new_image.bytes + PAGE, PAGE), 0);
    assert_int_equal(hash.alg->finish(&hash, digest), 0);
    memcpy(out, head, sizeof(head) - 1);
    memcpy(out + sizeof(head) - 1, digest, 8);
    *len = sizeof(head) - 1 + 8;
}

static void what_does_not_match_in_the_end_is_sent_whole(void **state)
{
    struct rig *rig = rig_new(app, 20000, 1024, 4);
    struct fake fake = { .is_right = false };
    char bytes[64];
    struct dfu_upload u;

    (void)state;
    right_answer(rig, bytes, &fake.hashes_len);
    fake.hashes = bytes;
    u = run_against(&fake, rig);
    assert_int_equal(u.result, 0);
    assert_true(u.has_match);
    assert_int_equal(fake.takes, 1);
    assert_int_equal(u.kept, 0);
    assert_int_equal(u.data_bytes, 2 * rig->new_image.span.len - PAGE);
    rig_free(rig);
}

static void a_server_that_refuses_to_keep_gets_the_page(void **state)
{
    struct rig *rig = rig_new(app, 20000, 1024, 4);
    struct fake fake = { .take = 1 };
    char bytes[64];
    struct dfu_upload u;

    (void)state;
    right_answer(rig, bytes, &fake.hashes_len);
    fake.hashes = bytes;
    u = run_against(&fake, rig);
    assert_int_equal(u.result, 0);
    assert_int_equal(fake.takes, 1);
    assert_int_equal(u.data_bytes, rig->new_image.span.len);
    rig_free(rig);
}

static void a_server_that_never_keeps_what_it_should_gets_the_page(void **state)
{
    struct rig *rig = rig_new(app, 20000, 1024, 4);
    struct fake fake = { .take = 2 };
    char bytes[64];

    (void)state;
    right_answer(rig, bytes, &fake.hashes_len);
    fake.hashes = bytes;
    assert_int_equal(run_against(&fake, rig).result, 0);
    rig_free(rig);
}

static void a_server_that_stops_telling_gets_the_rest(void **state)
{
    struct rig *rig = rig_new(app, 20000, 1024, 4);
    struct fake fake = { .only = 1, .late_ms = 1900, .is_right = true };
    struct dfu_upload u;
    char bytes[64];

    (void)state;
    right_answer(rig, bytes, &fake.hashes_len);
    fake.hashes = bytes;
    u = run_against(&fake, rig);
    assert_int_equal(u.result, 0);
    assert_int_equal(u.kept, PAGE);
    assert_int_equal(u.data_bytes, rig->new_image.span.len - PAGE);
    rig_free(rig);
}

/* When a client asks for hashes: never, when it has nothing else to do, while it sends, behind the
 * first chunk. */
enum asking { NEVER, WAITING, MEANWHILE, AT_ONCE };

static uint64_t time_of_upload(enum asking asking, uint32_t trip_ms)
{
    struct rig *rig = rig_new(app, 152000, 1024, 4);
    struct dfu_upload_config config = rig_upload_config(rig, 3);
    struct dfu_upload u;
    uint64_t start_ms = rig->now_ms, took_ms;

    config.sha256 = asking == NEVER ? NULL : &dfu_sha256_openssl;
    config.sends_meanwhile = asking >= MEANWHILE;
    config.asks_at_once = asking == AT_ONCE;
    rig->link.delay_ms = trip_ms / 2;
    assert_int_equal(dfu_upload_start(&u, &config), 0);
    rig_run_upload(rig, &u);
    assert_arrived(rig, &u);
    took_ms = rig->now_ms - start_ms;
    rig_free(rig);
    return took_ms;
}

/* Of an image that shares nothing with the device: 64 KiB a question, two questions each. */
static void asking_in_vain_costs_hardly_any_time(void **state)
{
    const uint32_t trip_ms = 200;
    uint64_t plain_ms, waiting_ms, sending_ms, at_once_ms;

    (void)state;
    plain_ms = time_of_upload(NEVER, trip_ms);
    waiting_ms = time_of_upload(WAITING, trip_ms);
    sending_ms = time_of_upload(MEANWHILE, trip_ms);
    at_once_ms = time_of_upload(AT_ONCE, trip_ms);
    print_message("152 kB, 200 ms round trip: %u ms, asking for pages %u ms, sending meanwhile %u, "
                  "asking behind the first chunk %u\n",
                  (unsigned)plain_ms, (unsigned)waiting_ms, (unsigned)sending_ms,
                  (unsigned)at_once_ms);
    /* Two round trips for the first part. Other questions travel among the chunks, in the place of
     * one: three are a round trip, and of the three parts one is not asked for. Behind the first
     * chunk there is room for one. */
    assert_in_range(waiting_ms - plain_ms, 0, 3 * trip_ms);
    assert_in_range(sending_ms - plain_ms, 0, 2 * trip_ms);
    assert_in_range(at_once_ms - plain_ms, 0, trip_ms);
}

/* What is sent meanwhile is lost time only. */
static void what_is_sent_while_asking_is_little(void **state)
{
    struct rig *rig = rig_with_older(1024);
    struct dfu_upload_config config = config_of(rig);
    struct dfu_upload u;

    (void)state;
    rig->link.delay_ms = 30;
    config.sends_meanwhile = true;
    assert_int_equal(dfu_upload_start(&u, &config), 0);
    rig_run_upload(rig, &u);
    assert_arrived(rig, &u);
    assert_true(u.kept > 20 * PAGE);
    assert_in_range(u.data_bytes, 3 * PAGE, 5 * PAGE);
    rig_free(rig);
}

static struct dfu_upload_config config_at_once(const struct rig *rig)
{
    struct dfu_upload_config config = config_of(rig);

    config.sends_meanwhile = true;
    config.asks_at_once = true;
    return config;
}

/* The question behind it is answered, and it is not: nobody waits as long as an erase may take. */
static void a_lost_first_chunk_is_sent_again_when_the_question_behind_it_is_answered(void **state)
{
    (void)state;
    for (uint32_t lost = 0; lost <= 2; lost++) {
        struct rig *rig = rig_with_older(1024);
        struct dfu_upload_config config = config_at_once(rig);
        uint64_t start_ms = rig->now_ms;
        struct dfu_upload u;

        rig->link.delay_ms = 100;
        rig->lose_at = lost;
        assert_int_equal(dfu_upload_start(&u, &config), 0);
        while (u.is_first) {
            rig_run_upload_for(rig, &u, 1);
        }
        assert_in_range(rig->now_ms - start_ms, 200, lost == 1 ? 600 : 400);
        rig_run_upload(rig, &u);
        assert_arrived(rig, &u);
        assert_int_equal(u.overtaken, lost == 1);
        /* A lost question is repeated after two seconds, in which chunks are sent. */
        assert_true(u.kept > (lost == 2 ? 10 : 20) * PAGE);
        rig_free(rig);
    }
}

static void any_mix_of_trouble_is_survived_while_asking(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 400; seed++) {
        struct rig *rig = rig_with_older(1024);
        struct dfu_upload_config config = config_at_once(rig);
        struct dfu_upload u;

        trouble(rig, seed);
        config.asks_at_once = seed > 200;
        assert_int_equal(dfu_upload_start(&u, &config), 0);
        rig_run_upload(rig, &u);
        assert_arrived(rig, &u);
        rig_free(rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_differs_goes_over_the_line),
        cmocka_unit_test(a_question_is_not_repeated_because_it_waits_on_the_line),
        cmocka_unit_test(any_mix_of_trouble_ends_with_the_image_in_the_slot),
        cmocka_unit_test(a_device_that_restarts_at_any_packet_gets_the_rest),
        cmocka_unit_test(a_client_killed_at_any_packet_is_taken_up_by_the_next),
        cmocka_unit_test(a_link_that_breaks_is_survived),
        cmocka_unit_test(a_whole_upgrade_uses_it),
        cmocka_unit_test(every_odd_answer_ends_in_a_plain_upload),
        cmocka_unit_test(what_does_not_match_in_the_end_is_sent_whole),
        cmocka_unit_test(a_server_that_refuses_to_keep_gets_the_page),
        cmocka_unit_test(a_server_that_never_keeps_what_it_should_gets_the_page),
        cmocka_unit_test(a_server_that_stops_telling_gets_the_rest),
        cmocka_unit_test(asking_in_vain_costs_hardly_any_time),
        cmocka_unit_test(what_is_sent_while_asking_is_little),
        cmocka_unit_test(a_lost_first_chunk_is_sent_again_when_the_question_behind_it_is_answered),
        cmocka_unit_test(any_mix_of_trouble_is_survived_while_asking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
