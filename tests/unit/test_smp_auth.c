/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Roles: who may do what, how a peer gets a role, and everything that must not give it one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "dfu/client_auth.h"
#include "dfu/err.h"
#include "dfu/openssl.h"
#include "dfu/smp_history.h"
#include "dfu/smp_pages.h"
#include "nor.h"
#include "smp_peer.h"

#define PLACES 3u
#define IDS    16u

enum { KEY_OBSERVE, KEY_OPERATE, KEY_UPDATE, KEY_STRANGER, KEYS };

static const uint16_t groups[] = { 0, 1, 2, 3, 4, 5, 8, 9, 10, 63, 64, 65, 67, 1000 };
#define GROUPS (sizeof groups / sizeof groups[0])

/* A key pair from a fixed seed. */
struct pair {
    EVP_PKEY *pkey;
    uint8_t der[64];
    size_t der_len;
    struct dfu_signer signer;
};

static struct pair pairs[KEYS];

/* A device whose every command of every group says yes, and counts. */
struct device {
    struct smp_peer peer;
    struct dfu_smp_group fakes[GROUPS];
    struct dfu_smp_binding bindings[GROUPS + 1];
    struct dfu_smp_hook hooks[2];
    struct dfu_smp_auth auth;
    struct dfu_smp_auth_config config;
    struct dfu_smp_auth_key keys[3];
    struct dfu_smp_auth_place places[PLACES];
    struct dfu_smp_link other; /* another transport */
    char name[8];              /* of the peer that speaks */
    unsigned runs, later_hooks;
    uint64_t now_ms;
    bool has_random;
    uint8_t random;
};

static int run_command(struct dfu_smp_call *call)
{
    ((struct device *)call->ctx)->runs++;
    return 0;
}

static int reset_to_boot_mode(struct dfu_smp_call *call)
{
    struct dfu_smp_reset_event event = { 0 };
    uint32_t mode = 0;
    struct dfu_cbor_key keys[] = { { "boot_mode", DFU_CBOR_UINT, &mode, false } };
    int err;

    assert_int_equal(dfu_cbor_decode_map(call->request, keys, 1), 0);
    event.boot_mode = (uint8_t)mode;
    err = dfu_smp_notify(call, DFU_SMP_EV_OS_RESET, &event, sizeof event);
    return err ? err : run_command(call);
}

static const struct dfu_smp_command all_commands[IDS] = {
    { run_command, run_command }, { run_command, run_command }, { run_command, run_command },
    { run_command, run_command }, { run_command, run_command }, { run_command, reset_to_boot_mode },
    { run_command, run_command }, { run_command, run_command }, { run_command, run_command },
    { run_command, run_command }, { run_command, run_command }, { run_command, run_command },
    { run_command, run_command }, { run_command, run_command }, { run_command, run_command },
    { run_command, run_command },
};

static int random_bytes(void *ctx, uint8_t *buf, size_t len)
{
    const struct device *dev = ctx;

    memset(buf, dev->random, len);
    return dev->has_random ? 0 : DFU_ERR_IO;
}

static uint64_t now_ms(void *ctx)
{
    return ((struct device *)ctx)->now_ms;
}

static enum dfu_smp_hook_result count_hook(void *ctx, struct dfu_smp_event *event)
{
    (void)event;
    ((struct device *)ctx)->later_hooks++;
    return DFU_SMP_HOOK_OK;
}

/* Power on: RAM is new, keys and id are what they were. */
static void start(struct device *dev, uint32_t boot_count)
{
    memset(dev->places, 0, sizeof dev->places);
    dev->auth = (struct dfu_smp_auth){ .config = &dev->config,
                                       .places = dev->places,
                                       .place_count = PLACES,
                                       .boot_count = boot_count };
}

static void speak_as(struct device *dev, const char *name)
{
    memset(dev->name, 0, sizeof dev->name);
    memcpy(dev->name, name, strlen(name));
    dev->peer.link.peer = dev->name;
    dev->peer.link.peer_len = strlen(name);
}

static struct device *new_device(const char *id)
{
    static const uint8_t roles[] = { DFU_ROLE_OBSERVE, DFU_ROLE_OPERATE, DFU_ROLE_UPDATE };
    struct device *dev = calloc(1, sizeof *dev);

    assert_non_null(dev);
    for (size_t i = 0; i < GROUPS; i++) {
        dev->fakes[i] = (struct dfu_smp_group){
            .id = groups[i], .command_count = IDS, .name = "fake", .commands = all_commands
        };
        dev->bindings[i] = (struct dfu_smp_binding){ &dev->fakes[i], dev };
    }
    for (size_t i = 0; i < 3; i++) {
        dev->keys[i] =
            (struct dfu_smp_auth_key){ { &dfu_ed25519_openssl, pairs[i].der, pairs[i].der_len },
                                       roles[i] };
    }
    dev->config = (struct dfu_smp_auth_config){ .keys = dev->keys,
                                                .key_count = 3,
                                                .device = (const uint8_t *)id,
                                                .device_len = strlen(id),
                                                .random = random_bytes,
                                                .now_ms = now_ms,
                                                .ctx = dev };
    dev->bindings[GROUPS] = (struct dfu_smp_binding){ &dfu_smp_group_auth, &dev->auth };
    smp_peer_init(&dev->peer, dev->bindings, GROUPS + 1);
    dev->hooks[0] = dfu_smp_auth_hook(&dev->auth);
    dev->hooks[1] = (struct dfu_smp_hook){ DFU_SMP_EV_CMD_RECV, count_hook, dev };
    dev->peer.server.hooks = dev->hooks;
    dev->peer.server.hook_count = 2;
    dev->has_random = true;
    dev->now_ms = 5;
    start(dev, 1);
    speak_as(dev, "alice");
    return dev;
}

/* ---- A client ---- */

static struct dfu_call new_call(uint8_t version)
{
    return (struct dfu_call){ .version = version, .seq = 9 };
}

/* 0 or DFU_ERR_PERM, and the answer. */
static int ask(struct device *dev, const struct dfu_call *call, const uint8_t *frame, int len,
               struct dfu_answer *answer)
{
    assert_true(len > 0);
    smp_peer_receive(&dev->peer, frame, (size_t)len);
    assert_int_equal(dev->peer.count, 1);
    return dfu_client_answer(call, dev->peer.answers[0].data, dev->peer.answers[0].len, answer);
}

/* The group code of a refusal, 0 for a yes. */
static uint32_t code_of(int err, const struct dfu_answer *answer)
{
    if (!err) {
        return 0;
    }
    assert_int_equal(err, DFU_ERR_PERM);
    assert_true(answer->refusal.from_group && answer->refusal.group == DFU_SMP_GROUP_AUTH);
    return answer->refusal.rc;
}

static uint32_t get_challenge(struct device *dev, struct dfu_client_challenge *out)
{
    struct dfu_call call = new_call(1);
    struct dfu_answer answer;
    uint8_t frame[64];
    int len = dfu_client_auth_challenge(&call, frame, sizeof frame);
    uint32_t code = code_of(ask(dev, &call, frame, len, &answer), &answer);

    if (!code) {
        assert_int_equal(dfu_client_auth_challenge_read(&answer, out), 0);
    }
    return code;
}

static int login_frame(const struct dfu_client_challenge *challenge, unsigned key, uint8_t role,
                       uint8_t *frame, size_t cap)
{
    struct dfu_call call = new_call(1);

    return dfu_client_auth_login(&call, challenge, &pairs[key].signer, role, frame, cap);
}

static uint32_t present(struct device *dev, const uint8_t *frame, int len)
{
    struct dfu_call call = { .version = 1,
                             .seq = 9,
                             .op = DFU_SMP_WRITE,
                             .group = DFU_SMP_GROUP_AUTH,
                             .id = DFU_SMP_AUTH_LOGIN };
    struct dfu_answer answer;

    return code_of(ask(dev, &call, frame, len, &answer), &answer);
}

static uint32_t log_in(struct device *dev, unsigned key, uint8_t role)
{
    struct dfu_client_challenge challenge;
    uint8_t frame[256];
    uint32_t code = get_challenge(dev, &challenge);

    return code ? code
                : present(dev, frame, login_frame(&challenge, key, role, frame, sizeof frame));
}

static uint32_t role_now(struct device *dev)
{
    struct dfu_call call = new_call(1);
    struct dfu_answer answer;
    uint8_t frame[64];
    uint32_t role = 99;
    int len = dfu_client_auth_status(&call, frame, sizeof frame);

    assert_int_equal(ask(dev, &call, frame, len, &answer), 0);
    assert_int_equal(dfu_client_auth_role_read(&answer, &role), 0);
    return role;
}

/* Send a command with an empty map; whether it ran. */
static bool runs(struct device *dev, uint8_t version, uint16_t group, uint8_t id, uint8_t op)
{
    const struct dfu_smp_header header = {
        .op = op, .version = version, .length = 1, .group = group, .seq = 3, .id = id
    };
    static const uint8_t refused_v1[] = { 0xbf, 0x62, 'r', 'c', 11, 0xff };
    static const uint8_t refused_v2[] = {
        0xbf, 0x63, 'e',  'r', 'r',  0xbf, 0x65, 'g', 'r',  'o',
        'u',  'p',  0x18, 66,  0x62, 'r',  'c',  2,   0xff, 0xff
    };
    uint8_t frame[9];
    unsigned before = dev->runs, hooks = dev->later_hooks;

    dfu_smp_header_encode(&header, frame);
    frame[8] = 0xa0;
    smp_peer_receive(&dev->peer, frame, sizeof frame);
    assert_int_equal(dev->peer.count, 1);
    if (dev->runs > before) {
        return true;
    }
    assert_int_equal(dev->later_hooks, hooks); /* a refused command claims no lock */
    if (version == 0) {
        assert_int_equal(dev->peer.answers[0].len, 8 + sizeof refused_v1);
        assert_memory_equal(dev->peer.answers[0].data + 8, refused_v1, sizeof refused_v1);
    } else {
        assert_int_equal(dev->peer.answers[0].len, 8 + sizeof refused_v2);
        assert_memory_equal(dev->peer.answers[0].data + 8, refused_v2, sizeof refused_v2);
    }
    return false;
}

/* ---- Rules ---- */

/* docs/AUTH.md, written down once more. */
static uint8_t role_by_the_book(uint16_t group, unsigned id, uint8_t op)
{
    bool is_read = op == DFU_SMP_READ;

    switch (group) {
    case 0:
        if (id == 0) {
            return DFU_ROLE_OBSERVE;
        }
        if (is_read) {
            return id == 2 || id == 3 || id == 4 || (id >= 6 && id <= 8) ? DFU_ROLE_OBSERVE
                                                                         : DFU_ROLE_UPDATE;
        }
        return id == 1 || id == 4 || id == 5 ? DFU_ROLE_OPERATE : DFU_ROLE_UPDATE;
    case 1: return is_read && (id == 0 || id == 6) ? DFU_ROLE_OBSERVE : DFU_ROLE_UPDATE;
    case 2:
    case 10:
    case 64:
    case 65: return is_read ? DFU_ROLE_OBSERVE : DFU_ROLE_UPDATE;
    case 3:
    case 4:
    case 8: return DFU_ROLE_OPERATE;
    default: return DFU_ROLE_UPDATE;
    }
}

static void each_role_may_run_exactly_what_the_table_gives_it(void **state)
{
    (void)state;
    for (unsigned role = DFU_ROLE_NONE; role <= DFU_ROLE_UPDATE; role++) {
        struct device *dev = new_device("A");

        if (role != DFU_ROLE_NONE) {
            assert_int_equal(log_in(dev, KEY_UPDATE, (uint8_t)role), 0);
        }
        assert_int_equal(role_now(dev), role);
        for (unsigned n = 0; n < GROUPS * IDS * 4; n++) {
            uint16_t group = groups[n / 4 / IDS];
            uint8_t id = (uint8_t)(n / 4 % IDS);
            uint8_t op = n & 1 ? DFU_SMP_WRITE : DFU_SMP_READ;

            if (runs(dev, n & 2 ? 1 : 0, group, id, op) !=
                (role >= role_by_the_book(group, id, op))) {
                fail_msg("role %u, group %u, command %u, op %u", role, group, id, op);
            }
        }
        free(dev);
    }
}

static void what_is_open_to_everybody_needs_no_login(void **state)
{
    struct device *dev = new_device("A");

    (void)state;
    assert_false(runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_READ));
    dev->config.open_role = DFU_ROLE_OBSERVE;
    assert_true(runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_READ));
    assert_false(runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_WRITE));
    assert_int_equal(role_now(dev), DFU_ROLE_OBSERVE);
    free(dev);
}

static void rules_may_be_ones_own(void **state)
{
    static const struct dfu_smp_auth_rule own[] = {
        { 1000, 3, DFU_SMP_AUTH_WRITE, DFU_ROLE_NONE },
        { 1000, DFU_SMP_AUTH_ANY_ID, DFU_SMP_AUTH_WRITE, DFU_ROLE_OPERATE },
    };
    struct device *dev = new_device("A");

    (void)state;
    dev->config.rules = own;
    dev->config.rule_count = 2;
    assert_true(runs(dev, 1, 1000, 3, DFU_SMP_WRITE));
    assert_false(runs(dev, 1, 1000, 3, DFU_SMP_READ));
    assert_false(runs(dev, 1, 1000, 4, DFU_SMP_WRITE));
    assert_int_equal(log_in(dev, KEY_OPERATE, 0), 0);
    assert_true(runs(dev, 1, 1000, 4, DFU_SMP_WRITE));
    assert_false(runs(dev, 1, 0, 0, DFU_SMP_WRITE));
    free(dev);
}

static void a_reset_into_another_boot_mode_is_an_update(void **state)
{
    static const char frame[] = "0a 00 00 0c 00 00 07 05 a1 69 62 6f 6f 74 5f 6d 6f 64 65 01";
    struct device *dev = new_device("A");

    (void)state;
    assert_int_equal(log_in(dev, KEY_OPERATE, 0), 0);
    assert_true(runs(dev, 1, DFU_SMP_GROUP_OS, DFU_SMP_OS_RESET, DFU_SMP_WRITE));
    dev->runs = 0;
    smp_peer_receive_hex(&dev->peer, frame);
    assert_int_equal(dev->runs, 0);
    assert_int_equal(log_in(dev, KEY_UPDATE, 0), 0);
    smp_peer_receive_hex(&dev->peer, frame);
    assert_int_equal(dev->runs, 1);
    free(dev);
}

/* ---- Keys ---- */

static void a_key_gives_its_role_or_a_lower_one_that_is_asked_for(void **state)
{
    (void)state;
    for (unsigned key = 0; key < KEYS; key++) {
        for (unsigned role = 0; role <= DFU_ROLE_UPDATE; role++) {
            struct device *dev = new_device("A");
            uint8_t has = key == KEY_STRANGER ? 0 : (uint8_t)(key + 1);
            bool is_good = has > 0 && role <= has;

            assert_int_equal(log_in(dev, key, (uint8_t)role), is_good ? 0 : DFU_SMP_AUTH_REFUSED);
            assert_int_equal(role_now(dev), !is_good ? 0 : role ? role : has);
            free(dev);
        }
    }
}

static void every_byte_of_a_login_counts(void **state)
{
    struct device *dev = new_device("A");
    uint8_t frame[256];
    struct dfu_client_challenge challenge;
    int len;

    (void)state;
    assert_int_equal(get_challenge(dev, &challenge), 0);
    len = login_frame(&challenge, KEY_UPDATE, DFU_ROLE_UPDATE, frame, sizeof frame);
    for (int i = 8; i < len; i++) {
        uint8_t bad[256];

        start(dev, 1);
        assert_int_equal(get_challenge(dev, &challenge), 0); /* the same bytes again */
        memcpy(bad, frame, (size_t)len);
        bad[i] ^= 1;
        smp_peer_receive(&dev->peer, bad, (size_t)len);
        if (role_now(dev) != DFU_ROLE_NONE) {
            fail_msg("byte %d may be anything", i);
        }
    }
    start(dev, 1);
    assert_int_equal(get_challenge(dev, &challenge), 0);
    assert_int_equal(present(dev, frame, len), 0);
    assert_int_equal(role_now(dev), DFU_ROLE_UPDATE);
    free(dev);
}

static void one_challenge_is_one_try(void **state)
{
    struct device *dev = new_device("A");
    struct dfu_client_challenge challenge;
    uint8_t wrong[256], right[256];
    int wrong_len, right_len;

    (void)state;
    assert_int_equal(get_challenge(dev, &challenge), 0);
    wrong_len = login_frame(&challenge, KEY_STRANGER, 0, wrong, sizeof wrong);
    right_len = login_frame(&challenge, KEY_UPDATE, 0, right, sizeof right);
    assert_int_equal(present(dev, wrong, wrong_len), DFU_SMP_AUTH_REFUSED);
    assert_int_equal(present(dev, right, right_len), DFU_SMP_AUTH_NO_CHALLENGE);
    assert_int_equal(role_now(dev), DFU_ROLE_NONE);
    free(dev);
}

static void a_challenge_asked_for_twice_is_the_same_until_it_is_used(void **state)
{
    struct device *dev = new_device("A");
    struct dfu_client_challenge one, two;

    (void)state;
    assert_int_equal(get_challenge(dev, &one), 0);
    assert_int_equal(get_challenge(dev, &two), 0);
    assert_memory_equal(one.challenge, two.challenge, sizeof one.challenge);
    assert_int_equal(log_in(dev, KEY_UPDATE, 0), 0);
    assert_int_equal(get_challenge(dev, &two), 0);
    assert_memory_not_equal(one.challenge, two.challenge, sizeof one.challenge);
    free(dev);
}

/* ---- Replay ---- */

static void a_recorded_login_is_worth_nothing_again(void **state)
{
    struct device *dev = new_device("A");
    struct dfu_client_challenge challenge;
    uint8_t frame[256];
    int len;

    (void)state;
    assert_int_equal(get_challenge(dev, &challenge), 0);
    len = login_frame(&challenge, KEY_UPDATE, 0, frame, sizeof frame);
    assert_int_equal(present(dev, frame, len), 0);
    dfu_smp_auth_end(&dev->auth, &dev->peer.link);
    assert_int_equal(present(dev, frame, len), DFU_SMP_AUTH_NO_CHALLENGE);
    assert_int_equal(get_challenge(dev, &challenge), 0);
    assert_int_equal(present(dev, frame, len), DFU_SMP_AUTH_REFUSED);
    for (uint32_t boot = 2; boot < 10; boot++) { /* the random source says the same each time */
        start(dev, boot);
        assert_int_equal(present(dev, frame, len), DFU_SMP_AUTH_NO_CHALLENGE);
        assert_int_equal(get_challenge(dev, &challenge), 0);
        assert_int_equal(present(dev, frame, len), DFU_SMP_AUTH_REFUSED);
        assert_int_equal(role_now(dev), DFU_ROLE_NONE);
    }
    free(dev);
}

static void a_reset_ends_every_login(void **state)
{
    struct device *dev = new_device("A");

    (void)state;
    assert_int_equal(log_in(dev, KEY_UPDATE, 0), 0);
    start(dev, 2);
    assert_int_equal(role_now(dev), DFU_ROLE_NONE);
    free(dev);
}

static void a_login_for_one_device_is_none_for_another(void **state)
{
    static const char *const ids[] = { "B", "A\0", "", "AA" };
    struct device *a = new_device("A");
    struct dfu_client_challenge challenge, other;
    uint8_t frame[256];
    int len;

    (void)state;
    assert_int_equal(get_challenge(a, &challenge), 0);
    len = login_frame(&challenge, KEY_UPDATE, 0, frame, sizeof frame);
    for (size_t i = 0; i < 4; i++) {
        struct device *b = new_device(ids[i]);

        b->config.device_len = i == 1 ? 2 : b->config.device_len;
        assert_int_equal(get_challenge(b, &other), 0);
        assert_memory_equal(other.challenge, challenge.challenge, sizeof other.challenge);
        assert_int_equal(present(b, frame, len), DFU_SMP_AUTH_REFUSED);
        free(b);
    }
    assert_int_equal(present(a, frame, len), 0);
    free(a);
}

/* Of every start that could ask for a login; returns how many were seen. */
static unsigned note(struct device *dev, uint8_t (*seen)[DFU_SMP_AUTH_CHALLENGE_LEN],
                     unsigned count, uint32_t boots)
{
    start(dev, boots);
    for (unsigned n = 0; n < 2; n++) {
        struct dfu_client_challenge challenge;

        if (boots == 0) {
            assert_int_equal(get_challenge(dev, &challenge), DFU_SMP_AUTH_UNAVAILABLE);
            return count;
        }
        assert_int_equal(get_challenge(dev, &challenge), 0);
        for (unsigned i = 0; i < count; i++) {
            assert_memory_not_equal(seen[i], challenge.challenge, sizeof challenge.challenge);
        }
        memcpy(seen[count++], challenge.challenge, sizeof challenge.challenge);
        dfu_smp_auth_end(&dev->auth, &dev->peer.link);
    }
    return count;
}

static void no_challenge_comes_twice_wherever_power_is_cut_and_however_bad_chance_is(void **state)
{
    static uint8_t seen[2000][DFU_SMP_AUTH_CHALLENGE_LEN];
    static const enum dfu_sim_cut_when when[] = { DFU_SIM_CUT_BEFORE, DFU_SIM_CUT_INSIDE,
                                                  DFU_SIM_CUT_AFTER };
    struct device *dev = new_device("A");
    struct nor *nor = nor_new(256, 2, 4, 0xff);
    const struct dfu_area *area = nor_area(nor, "boots", 2);
    unsigned count = 0, failures = 0;

    (void)state;
    for (unsigned n = 0; n < 400; n++) { /* many times round the ring */
        struct dfu_record record;
        uint32_t boots = 99;

        dfu_sim_flash_power_on(&nor->flash);
        if (n % 4) {
            dfu_sim_flash_cut(&nor->flash, when[n % 3], 1 + n / 4 % 2, n);
        }
        failures += dfu_smp_auth_count_boot(&record, area, &boots) ? 1 : 0;
        count = note(dev, seen, count, boots);
    }
    assert_int_equal(failures, 176); /* of 300 cuts that were due */
    assert_int_equal(count, 2 * (400 - failures));
    nor_free(nor);
    free(dev);
}

static void without_a_boot_count_or_randomness_nobody_logs_in(void **state)
{
    struct device *dev = new_device("A");
    struct dfu_client_challenge challenge;

    (void)state;
    start(dev, 0);
    assert_int_equal(get_challenge(dev, &challenge), DFU_SMP_AUTH_UNAVAILABLE);
    start(dev, 1);
    dev->has_random = false;
    assert_int_equal(get_challenge(dev, &challenge), DFU_SMP_AUTH_UNAVAILABLE);
    assert_int_equal(log_in(dev, KEY_UPDATE, 0), DFU_SMP_AUTH_UNAVAILABLE);
    dev->has_random = true;
    assert_int_equal(log_in(dev, KEY_UPDATE, 0), 0);
    free(dev);
}

static void a_boot_count_that_is_damaged_or_full_counts_nothing(void **state)
{
    static const uint8_t full[] = { 0xff, 0xff, 0xff, 0xff };
    struct nor *nor = nor_new(256, 4, 4, 0xff);
    const struct dfu_area *area = nor_area(nor, "boots", 2);
    struct dfu_record record;
    uint32_t boots = 7;

    (void)state;
    assert_int_equal(dfu_record_open(&record, area), 0);
    assert_int_equal(dfu_record_save(&record, full, 4), 0);
    assert_int_equal(dfu_smp_auth_count_boot(&record, area, &boots), DFU_ERR_RANGE);
    assert_int_equal(boots, 0);
    assert_int_equal(dfu_record_save(&record, full, 3), 0);
    assert_int_equal(dfu_smp_auth_count_boot(&record, area, &boots), DFU_ERR_FORMAT);
    assert_int_equal(boots, 0);
    nor_free(nor);
}

/* ---- Peers and time ---- */

static void a_role_belongs_to_one_peer_of_one_link(void **state)
{
    struct device *dev = new_device("A");

    (void)state;
    assert_int_equal(log_in(dev, KEY_UPDATE, 0), 0);
    speak_as(dev, "mallory");
    assert_int_equal(role_now(dev), DFU_ROLE_NONE);
    assert_false(runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE));
    speak_as(dev, "alic");
    assert_int_equal(role_now(dev), DFU_ROLE_NONE);
    speak_as(dev, "alice");
    dev->other = dev->peer.link;
    assert_int_equal(dfu_smp_auth_role(&dev->auth, &dev->other), DFU_ROLE_NONE);
    assert_int_equal(role_now(dev), DFU_ROLE_UPDATE);
    free(dev);
}

static void another_peer_can_not_answer_a_challenge(void **state)
{
    struct device *dev = new_device("A");
    struct dfu_client_challenge challenge, other;
    uint8_t frame[256];
    int len;

    (void)state;
    assert_int_equal(get_challenge(dev, &challenge), 0);
    len = login_frame(&challenge, KEY_UPDATE, 0, frame, sizeof frame);
    speak_as(dev, "mallory");
    assert_int_equal(present(dev, frame, len), DFU_SMP_AUTH_NO_CHALLENGE);
    assert_int_equal(get_challenge(dev, &other), 0);
    assert_int_equal(present(dev, frame, len), DFU_SMP_AUTH_REFUSED);
    speak_as(dev, "alice");
    assert_int_equal(present(dev, frame, len), 0);
    free(dev);
}

static void silence_age_and_logout_end_a_role(void **state)
{
    struct device *dev = new_device("A");

    (void)state;
    assert_int_equal(log_in(dev, KEY_UPDATE, 0), 0);
    dev->now_ms += DFU_SMP_AUTH_IDLE_MS - 1;
    assert_true(runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE));
    dev->now_ms += DFU_SMP_AUTH_IDLE_MS - 1;
    assert_int_equal(role_now(dev), DFU_ROLE_UPDATE);
    dev->now_ms += DFU_SMP_AUTH_IDLE_MS;
    assert_int_equal(role_now(dev), DFU_ROLE_NONE);

    dev->config.open_role = DFU_ROLE_OBSERVE;
    assert_int_equal(log_in(dev, KEY_UPDATE, 0), 0);
    dev->now_ms += DFU_SMP_AUTH_IDLE_MS - 1;
    assert_true(runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_STATE, DFU_SMP_READ));
    dev->now_ms += 1; /* what everybody may do prolongs nothing */
    assert_false(runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE));

    assert_int_equal(log_in(dev, KEY_UPDATE, 0), 0);
    for (uint64_t ms = 0; ms + 50000 < DFU_SMP_AUTH_LIFE_MS; ms += 50000) {
        dev->now_ms += 50000;
        assert_true(runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE));
    }
    dev->now_ms += 50000;
    assert_false(runs(dev, 1, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE));

    assert_int_equal(log_in(dev, KEY_UPDATE, 0), 0);
    smp_peer_write(&dev->peer, DFU_SMP_GROUP_AUTH, DFU_SMP_AUTH_LOGOUT, "a0", "bf ff");
    assert_int_equal(role_now(dev), DFU_ROLE_OBSERVE);
    free(dev);
}

static void a_challenge_grows_old(void **state)
{
    struct device *dev = new_device("A");
    struct dfu_client_challenge challenge;
    uint8_t frame[256];
    int len;

    (void)state;
    assert_int_equal(get_challenge(dev, &challenge), 0);
    len = login_frame(&challenge, KEY_UPDATE, 0, frame, sizeof frame);
    dev->now_ms += DFU_SMP_AUTH_CHALLENGE_MS;
    assert_int_equal(present(dev, frame, len), DFU_SMP_AUTH_NO_CHALLENGE);
    free(dev);
}

static void strangers_take_no_place_of_somebody_who_is_logged_in(void **state)
{
    struct device *dev = new_device("A");
    struct dfu_client_challenge challenge;

    (void)state;
    assert_int_equal(log_in(dev, KEY_UPDATE, 0), 0);
    for (int c = 'a'; c <= 'z'; c++) {
        const char name[] = { (char)c, 0 };

        speak_as(dev, name);
        dev->now_ms++;
        assert_int_equal(get_challenge(dev, &challenge), 0);
    }
    speak_as(dev, "bob");
    assert_int_equal(log_in(dev, KEY_OPERATE, 0), 0);
    speak_as(dev, "carol");
    assert_int_equal(log_in(dev, KEY_OBSERVE, 0), 0);
    speak_as(dev, "dave");
    assert_int_equal(get_challenge(dev, &challenge), DFU_SMP_AUTH_BUSY);
    speak_as(dev, "alice");
    assert_int_equal(role_now(dev), DFU_ROLE_UPDATE);
    free(dev);
}

static void a_peer_whose_name_is_too_long_to_keep_is_turned_away(void **state)
{
    static const uint8_t name[DFU_SMP_AUTH_PEER_MAX + 1];
    struct device *dev = new_device("A");
    struct dfu_client_challenge challenge;

    (void)state;
    dev->peer.link.peer = name;
    dev->peer.link.peer_len = sizeof name;
    assert_int_equal(get_challenge(dev, &challenge), DFU_SMP_AUTH_BUSY);
    dev->peer.link.peer_len--;
    assert_int_equal(log_in(dev, KEY_UPDATE, 0), 0);
    free(dev);
}

static void two_devices_share_nothing(void **state)
{
    struct device *a = new_device("A"), *b = new_device("B");

    (void)state;
    assert_int_equal(log_in(a, KEY_UPDATE, 0), 0);
    assert_int_equal(role_now(b), DFU_ROLE_NONE);
    assert_int_equal(log_in(b, KEY_OBSERVE, 0), 0);
    assert_int_equal(role_now(a), DFU_ROLE_UPDATE);
    assert_int_equal(role_now(b), DFU_ROLE_OBSERVE);
    free(a);
    free(b);
}

/* ---- Malformed ---- */

static void a_login_that_makes_no_sense_is_invalid(void **state)
{
    struct device *dev = new_device("A");
    struct dfu_client_challenge challenge;

    (void)state;
    assert_int_equal(get_challenge(dev, &challenge), 0);
    smp_peer_write(&dev->peer, 66, 2, "", "bf 62 72 63 03 ff");
    smp_peer_write(&dev->peer, 66, 2, "a0", "bf 62 72 63 03 ff");
    smp_peer_write(&dev->peer, 66, 2, "a1 63 6b 65 79 40", "bf 62 72 63 03 ff");
    for (size_t len = DFU_SMP_AUTH_SIG_LEN - 1; len <= DFU_SMP_AUTH_SIG_LEN + 1; len += 2) {
        uint8_t frame[256] = { 0x0a, 0, 0, 0, 0, 66, 7, 2 };
        struct dfu_cbor_encoder enc;

        dfu_cbor_encoder_init(&enc, frame + 8, sizeof frame - 8, true);
        dfu_cbor_begin_map(&enc);
        dfu_cbor_pair_bytes(&enc, "key", pairs[0].der + pairs[0].der_len - 32, 32);
        dfu_cbor_pair_bytes(&enc, "sig", frame, len);
        dfu_cbor_end(&enc);
        frame[3] = (uint8_t)enc.len;
        smp_peer_receive(&dev->peer, frame, 8 + enc.len);
        assert_int_equal(dev->peer.answers[0].len, 14);
        assert_int_equal(dev->peer.answers[0].data[12], DFU_SMP_EINVAL);
    }
    assert_int_equal(log_in(dev, KEY_UPDATE, 0), 0); /* the challenge was not used up */
    free(dev);
}

static void without_it_there_is_no_such_group(void **state)
{
    struct device *dev = new_device("A");

    (void)state;
    dev->peer.server.hooks = NULL;
    dev->peer.server.hook_count = 0;
    dev->peer.server.binding_count = GROUPS;
    smp_peer_read(&dev->peer, 66, 1, "a0", "bf 62 72 63 08 ff");
    assert_true(runs(dev, 0, DFU_SMP_GROUP_IMG, DFU_SMP_IMG_UPLOAD, DFU_SMP_WRITE));
    free(dev);
}

static void the_message_is_as_documented(void **state)
{
    uint8_t challenge[32], key[32], out[DFU_SMP_AUTH_MESSAGE_MAX];
    const struct dfu_smp_auth_statement statement = { .challenge = challenge,
                                                      .device = (const uint8_t *)"id",
                                                      .device_len = 2,
                                                      .key = key,
                                                      .role = DFU_ROLE_OPERATE };

    (void)state;
    memset(challenge, 0xcc, sizeof challenge);
    memset(key, 0xdd, sizeof key);
    assert_int_equal(dfu_smp_auth_message(&statement, out), DFU_SMP_AUTH_MESSAGE_MAX);
    assert_memory_equal(out, "dfukit SMP login 1\0\2id\0\0", 24);
    assert_int_equal(out[51], 0);
    assert_memory_equal(out + 52, challenge, 32);
    assert_int_equal(out[84], DFU_ROLE_OPERATE);
    assert_memory_equal(out + 85, key, 32);
}

/* ---- Set-up ---- */

static int make_keys(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        uint8_t seed[32];
        int len;

        memset(seed, (int)i + 1, sizeof seed);
        pairs[i].pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
        len = dfu_openssl_public_key(pairs[i].pkey, pairs[i].der, sizeof pairs[i].der);
        if (len < 0) {
            return -1;
        }
        pairs[i].der_len = (size_t)len;
        if (dfu_openssl_signer(pairs[i].pkey, pairs[i].der, (size_t)len, &pairs[i].signer)) {
            return -1;
        }
    }
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        EVP_PKEY_free(pairs[i].pkey);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_may_run_exactly_what_the_table_gives_it),
        cmocka_unit_test(what_is_open_to_everybody_needs_no_login),
        cmocka_unit_test(rules_may_be_ones_own),
        cmocka_unit_test(a_reset_into_another_boot_mode_is_an_update),
        cmocka_unit_test(a_key_gives_its_role_or_a_lower_one_that_is_asked_for),
        cmocka_unit_test(every_byte_of_a_login_counts),
        cmocka_unit_test(one_challenge_is_one_try),
        cmocka_unit_test(a_challenge_asked_for_twice_is_the_same_until_it_is_used),
        cmocka_unit_test(a_recorded_login_is_worth_nothing_again),
        cmocka_unit_test(a_reset_ends_every_login),
        cmocka_unit_test(a_login_for_one_device_is_none_for_another),
        cmocka_unit_test(no_challenge_comes_twice_wherever_power_is_cut_and_however_bad_chance_is),
        cmocka_unit_test(without_a_boot_count_or_randomness_nobody_logs_in),
        cmocka_unit_test(a_boot_count_that_is_damaged_or_full_counts_nothing),
        cmocka_unit_test(a_role_belongs_to_one_peer_of_one_link),
        cmocka_unit_test(another_peer_can_not_answer_a_challenge),
        cmocka_unit_test(silence_age_and_logout_end_a_role),
        cmocka_unit_test(a_challenge_grows_old),
        cmocka_unit_test(strangers_take_no_place_of_somebody_who_is_logged_in),
        cmocka_unit_test(a_peer_whose_name_is_too_long_to_keep_is_turned_away),
        cmocka_unit_test(two_devices_share_nothing),
        cmocka_unit_test(a_login_that_makes_no_sense_is_invalid),
        cmocka_unit_test(without_it_there_is_no_such_group),
        cmocka_unit_test(the_message_is_as_documented),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
