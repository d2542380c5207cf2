/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A compressed image is as good as the image that it decodes to, and as what it says about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "dfu/decompress.h"
#include "dfu/err.h"
#include "dfu/openssl.h"
#include "dfu/unpack.h"
#include "packed_image.h"

#define BODY 9000u

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, NULL };
static uint64_t work[DFU_LZMA2_WORK_SIZE(131072u, 65536u) / 8];
static struct dfu_unpacker unpacker = { &dfu_unpack, &dfu_lzma2, work, sizeof(work), 0 };

static EVP_PKEY *ours, *theirs;
static uint8_t der[DFU_PUBLIC_KEY_MAX];
static struct dfu_key key = { &dfu_ed25519_openssl, der, 0 };

static struct packed_image packed;
static uint8_t stored[PACKED_BODY_MAX];
static size_t stored_len;

/* ---- The world: one image, made by a recipe that a test may spoil ---- */

static struct test_recipe plain_recipe(void)
{
    static const uint8_t counter[4] = { 7 }, custom[] = "custom";

    return (struct test_recipe){
        .hdr_size = 64,
        .body = BODY,
        .pattern = 3,
        .version = { 1, 2, 3, 4 },
        .prot = { { DFU_TLV_SEC_CNT, counter, 4 }, { 0xa5, custom, 6 } },
        .prot_count = 2,
        .tlvs = { { DFU_TLV_SHA256, NULL, 0 } },
        .tlv_count = 1,
        .ed25519 = ours,
    };
}

static void build(void)
{
    stored_len = test_image_size(&packed.recipe);
    assert_true(stored_len <= sizeof(stored));
    test_image_build(&packed.recipe, stored);
}

static void fresh(void)
{
    struct test_recipe recipe = plain_recipe();

    packed_image_make(&packed, &recipe, true);
    build();
}

static struct dfu_image_report verify_within(uint32_t limit, bool with_key)
{
    struct dfu_memory_span span = { stored, (uint32_t)stored_len };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_image_policy policy = {
        .hashes = hashes,
        .keys = &key,
        .key_count = with_key ? 1 : 0,
        .hash_only = !with_key,
        .unpacker = &unpacker,
    };
    struct dfu_image_report report;
    uint8_t buf[256];

    dfu_image_verify(&policy, &reader, limit, buf, sizeof(buf), NULL, NULL, &report);
    assert_int_equal(dfu_verdict_is_trusted(&report.verdict), report.fault == DFU_IMAGE_FINE);
    return report;
}

static enum dfu_image_fault verify(void)
{
    return verify_within(0, true).fault;
}

static struct test_tlv *tlv_of(uint16_t type)
{
    for (size_t i = 0; i < packed.recipe.prot_count; i++) {
        if (packed.recipe.prot[i].type == type) {
            return &packed.recipe.prot[i];
        }
    }
    fail_msg("no such TLV");
    return NULL;
}

static void leave_out(uint16_t type)
{
    struct test_tlv *tlv = tlv_of(type);
    size_t after = (size_t)(packed.recipe.prot + packed.recipe.prot_count - (tlv + 1));

    memmove(tlv, tlv + 1, after * sizeof(*tlv));
    packed.recipe.prot_count--;
}

static void add(uint16_t type, const uint8_t *value, uint16_t len)
{
    packed.recipe.prot[packed.recipe.prot_count++] = (struct test_tlv){ type, value, len };
}

/* ---- What is right ---- */

static void read_all(uint32_t step)
{
    struct dfu_memory_span span = { stored, (uint32_t)stored_len };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_image image;
    struct dfu_unpacked u;
    static uint8_t got[PACKED_PLAIN_MAX];

    assert_int_equal(dfu_image_open(&image, &reader, 0), DFU_IMAGE_FINE);
    assert_int_equal(dfu_unpacked_open(&u, &image, &unpacker), DFU_IMAGE_FINE);
    assert_int_equal(u.reader.size, packed.plain_size);
    for (uint32_t off = 0; off < u.reader.size; off += step) {
        uint32_t len = min_u32(step, u.reader.size - off);

        assert_int_equal(u.reader.read(u.reader.ctx, off, got + off, len), DFU_OK);
    }
    assert_memory_equal(got, packed.plain, packed.plain_size);
    dfu_unpacked_close(&u);
}

static void it_reads_as_the_image_that_it_was_made_from(void **state)
{
    static const uint32_t steps[] = { 1, 3, 4, 61, 4096, PACKED_PLAIN_MAX };

    (void)state;
    for (int thumb = 0; thumb < 2; thumb++) {
        for (int with_prot = 0; with_prot < 2; with_prot++) {
            for (int with_key = 0; with_key < 2; with_key++) {
                struct test_recipe recipe = plain_recipe();

                recipe.prot_count = with_prot ? 2 : 0;
                recipe.ed25519 = with_key ? ours : NULL;
                packed_image_make(&packed, &recipe, thumb);
                build();
                for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                    read_all(steps[i]);
                }
                assert_int_equal(verify_within(0, with_key).fault, DFU_IMAGE_FINE);
            }
        }
    }
}

static void any_part_can_be_read_at_any_time(void **state)
{
    struct dfu_memory_span span = { stored, 0 };
    struct dfu_reader reader;
    struct dfu_image image;
    struct dfu_unpacked u;
    uint8_t got[300];
    uint32_t seed = 1;

    (void)state;
    fresh();
    span.len = (uint32_t)stored_len;
    reader = dfu_memory_reader(&span);
    assert_int_equal(dfu_image_open(&image, &reader, 0), DFU_IMAGE_FINE);
    assert_int_equal(dfu_unpacked_open(&u, &image, &unpacker), DFU_IMAGE_FINE);
    for (int i = 0; i < 300; i++) {
        uint32_t off, len;

        seed = seed * 1664525u + 1013904223u;
        off = (i % 2 ? u.reader.size - 260 + (seed >> 8) % 260 : (seed >> 8) % u.reader.size);
        len = min_u32((seed >> 20) % sizeof(got), u.reader.size - off);
        assert_int_equal(u.reader.read(u.reader.ctx, off, got, len), DFU_OK);
        assert_memory_equal(got, packed.plain + off, len);
    }
    assert_int_equal(u.reader.read(u.reader.ctx, u.reader.size, got, 1), DFU_ERR_RANGE);
    assert_int_equal(u.reader.read(u.reader.ctx, u.reader.size - 1, got, 2), DFU_ERR_RANGE);
    dfu_unpacked_close(&u);
}

static void the_report_is_about_what_is_stored(void **state)
{
    struct dfu_image_report report;

    (void)state;
    fresh();
    report = verify_within(0, true);
    assert_int_equal(report.size, stored_len);
    assert_int_equal(report.key_index, 0);
    assert_memory_not_equal(report.digest, packed.sha, 32);
}

/* ---- What is not ---- */

static void each_promise_about_the_plain_image_must_be_kept(void **state)
{
    static uint8_t other[64];

    (void)state;
    fresh();
    packed.sha[5] ^= 1;
    build();
    assert_int_equal(verify(), DFU_IMAGE_HASH_MISMATCH);
    assert_int_equal(verify_within(0, false).fault, DFU_IMAGE_HASH_MISMATCH);

    fresh();
    packed.signature[5] ^= 1;
    build();
    assert_int_equal(verify(), DFU_IMAGE_SIG_INVALID);
    assert_int_equal(verify_within(0, false).fault, DFU_IMAGE_FINE); /* nobody asks */

    fresh();
    leave_out(DFU_TLV_DECOMP_SIGNATURE);
    build();
    assert_int_equal(verify(), DFU_IMAGE_SIG_MISSING);

    fresh(); /* as long as ours, by another key */
    memcpy(other, packed.signature, sizeof(other));
    {
        struct test_recipe recipe = plain_recipe();

        recipe.ed25519 = theirs;
        packed_image_make(&packed, &recipe, true);
        packed.recipe.ed25519 = ours;
        build();
        assert_memory_not_equal(packed.signature, other, sizeof(other));
    }
    assert_int_equal(verify(), DFU_IMAGE_SIG_INVALID);
}

static void the_size_is_exactly_what_comes_out(void **state)
{
    static const uint32_t sizes[] = { 0, 1, BODY - 1, BODY + 1, 2 * BODY };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fresh();
        put_le32(packed.size, sizes[i]);
        build();
        assert_int_equal(verify(), DFU_IMAGE_BAD_COMPRESSION);
    }
}

/* A bomb is refused by its size before a byte of it is decoded. */
static void what_would_not_fit_is_not_decoded(void **state)
{
    struct test_recipe recipe = plain_recipe();
    static const uint8_t zeros[60000];

    (void)state;
    recipe.body = sizeof(zeros);
    recipe.payload = zeros;
    packed_image_make(&packed, &recipe, false);
    build();
    assert_true(stored_len < 1000);
    assert_int_equal(verify_within(20000, true).fault, DFU_IMAGE_TOO_LARGE);
    assert_int_equal(verify_within((uint32_t)packed.plain_size - 1, true).fault,
                     DFU_IMAGE_TOO_LARGE);
    assert_int_equal(verify_within((uint32_t)packed.plain_size, true).fault, DFU_IMAGE_FINE);
    put_le32(packed.size, 0xffffffff);
    build();
    assert_int_equal(verify(), DFU_IMAGE_SIZE_OVERFLOW);
    put_le32(packed.size, 0xff000000);
    build();
    assert_int_equal(verify(), DFU_IMAGE_NO_MEMORY); /* its dictionary is 128 KiB */
    assert_int_equal(verify_within(20000, true).fault, DFU_IMAGE_NO_MEMORY);
}

static void a_body_that_is_no_stream_is_refused(void **state)
{
    static const struct {
        uint32_t at;
        uint8_t value;
    } changes[] = { { 0, 40 },   { 0, 255 },  { 1, 225 },  { 1, 44 },    { 2, 0 },
                    { 2, 0x80 }, { 3, 0xff }, { 7, 0xff }, { 40, 0xa5 }, { 200, 0x5a } };

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        fresh();
        assert_int_not_equal(packed.body[changes[i].at], changes[i].value);
        packed.body[changes[i].at] = changes[i].value;
        build();
        assert_int_equal(verify(), DFU_IMAGE_BAD_COMPRESSION);
    }
}

static void a_body_cut_or_lengthened_is_refused(void **state)
{
    (void)state;
    fresh();
    for (int by = -3; by <= 3; by++) {
        uint32_t body = packed.recipe.body;

        packed.recipe.body = body + (uint32_t)by;
        build();
        assert_int_equal(verify(), by == 0 ? DFU_IMAGE_FINE : DFU_IMAGE_BAD_COMPRESSION);
        packed.recipe.body = body;
    }
    for (uint32_t body = 0; body < 8; body++) {
        packed.recipe.body = body;
        build();
        assert_int_equal(verify(), DFU_IMAGE_BAD_COMPRESSION);
    }
}

static void what_says_how_long_the_stream_is_must_be_near_the_end(void **state)
{
    static const int offs[] = { -17, -16, -15, -1, 0, 1 };
    uint8_t value[4];

    (void)state;
    for (size_t i = 0; i < sizeof(offs) / sizeof(offs[0]); i++) {
        uint32_t body;

        fresh();
        body = packed.recipe.body;
        put_le32(value, body);
        packed.recipe.body = body - (uint32_t)offs[i]; /* what follows counts as padding */
        add(DFU_TLV_COMP_DEC_SIZE, value, 4);
        build();
        assert_int_equal(verify(), offs[i] <= 0 && offs[i] >= -15 ? DFU_IMAGE_FINE
                                                                  : DFU_IMAGE_BAD_COMPRESSION);
    }
}

static void each_thing_about_compression_is_there_once_and_whole(void **state)
{
    static const uint16_t types[] = { DFU_TLV_DECOMP_SIZE, DFU_TLV_DECOMP_SHA,
                                      DFU_TLV_DECOMP_SIGNATURE };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct test_tlv *tlv;

        fresh();
        tlv = tlv_of(types[i]);
        add(tlv->type, tlv->value, tlv->len);
        build();
        assert_int_equal(verify(), DFU_IMAGE_BAD_COMPRESSION);
        fresh();
        if (types[i] != DFU_TLV_DECOMP_SIGNATURE) {
            leave_out(types[i]);
            build();
            assert_int_equal(verify(), DFU_IMAGE_BAD_COMPRESSION);
            fresh();
            tlv_of(types[i])->len--;
            build();
            assert_int_equal(verify(), DFU_IMAGE_BAD_COMPRESSION);
        }
    }
    fresh();
    tlv_of(DFU_TLV_DECOMP_SIGNATURE)->len = 63;
    build();
    assert_int_equal(verify(), DFU_IMAGE_SIG_LENGTH);
}

/* It would be unclear which of two hashes DECOMP_SHA stands for. */
static void more_than_one_hash_is_refused(void **state)
{
    static const uint8_t sha512[64];

    (void)state;
    fresh();
    packed.recipe.tlvs[packed.recipe.tlv_count++] = (struct test_tlv){ DFU_TLV_SHA512, sha512, 64 };
    build();
    assert_int_equal(verify(), DFU_IMAGE_BAD_COMPRESSION);
}

static void what_no_decoder_knows_is_refused(void **state)
{
    (void)state;
    fresh();
    packed.recipe.flags = DFU_IMAGE_F_COMPRESSED_LZMA1;
    build();
    assert_int_equal(verify(), DFU_IMAGE_NOT_SUPPORTED);
    packed.recipe.flags = DFU_IMAGE_F_COMPRESSED_ARM_THUMB;
    build();
    assert_int_equal(verify(), DFU_IMAGE_NOT_SUPPORTED);
    packed.recipe.flags = DFU_IMAGE_F_COMPRESSED_LZMA2; /* without its filter */
    build();
    assert_int_equal(verify(), DFU_IMAGE_HASH_MISMATCH);
}

static void without_memory_for_the_dictionary_it_is_refused(void **state)
{
    struct dfu_coding coding = { 131072, BODY, true };

    (void)state;
    fresh();
    unpacker.work_len = dfu_lzma2.work_size(&coding);
    assert_int_equal(verify(), DFU_IMAGE_FINE);
    unpacker.work_len--;
    assert_int_equal(verify(), DFU_IMAGE_NO_MEMORY);
    unpacker.work_len = sizeof(work);
}

/* What is stored is proved before it is decoded: a decoder sees nothing that nobody signed. */
static void unsigned_bytes_are_not_decoded(void **state)
{
    (void)state;
    fresh();
    unpacker.work = NULL; /* a decoder would notice */
    stored[64 + 30] ^= 1;
    assert_int_equal(verify(), DFU_IMAGE_HASH_MISMATCH);
    fresh();
    stored[stored_len - 1] ^= 1;
    assert_int_equal(verify(), DFU_IMAGE_SIG_INVALID);
    unpacker.work = work;
}

struct failing {
    struct dfu_memory_span span;
    int left;
};

static int read_or_fail(void *ctx, uint32_t off, void *buf, size_t len)
{
    struct failing *f = ctx;
    struct dfu_reader inner = dfu_memory_reader(&f->span);

    return f->left-- > 0 ? inner.read(inner.ctx, off, buf, len) : DFU_ERR_IO;
}

static void a_reader_that_fails_at_any_time_ends_in_refusal(void **state)
{
    struct dfu_image_policy policy = {
        .hashes = hashes, .keys = &key, .key_count = 1, .unpacker = &unpacker
    };
    struct dfu_image_report report;
    int reads = 0;

    (void)state;
    fresh();
    do {
        struct failing f = { { stored, (uint32_t)stored_len }, reads };
        struct dfu_reader reader = { read_or_fail, &f, (uint32_t)stored_len };
        uint8_t buf[1024];

        dfu_image_verify(&policy, &reader, 0, buf, sizeof(buf), NULL, NULL, &report);
        if (f.left < 0) {
            assert_int_equal(report.fault, DFU_IMAGE_UNREADABLE);
            assert_false(dfu_verdict_is_trusted(&report.verdict));
        }
        reads++;
    } while (report.fault != DFU_IMAGE_FINE && reads < 2000);
    assert_in_range(reads, 50, 1999);
}

static int make_keys(void **state)
{
    int len;

    (void)state;
    ours = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    theirs = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    len = dfu_openssl_public_key(ours, der, sizeof(der));
    key.der_len = (size_t)len;
    return len > 0 ? 0 : -1;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_reads_as_the_image_that_it_was_made_from),
        cmocka_unit_test(any_part_can_be_read_at_any_time),
        cmocka_unit_test(the_report_is_about_what_is_stored),
        cmocka_unit_test(each_promise_about_the_plain_image_must_be_kept),
        cmocka_unit_test(the_size_is_exactly_what_comes_out),
        cmocka_unit_test(what_would_not_fit_is_not_decoded),
        cmocka_unit_test(a_body_that_is_no_stream_is_refused),
        cmocka_unit_test(a_body_cut_or_lengthened_is_refused),
        cmocka_unit_test(what_says_how_long_the_stream_is_must_be_near_the_end),
        cmocka_unit_test(each_thing_about_compression_is_there_once_and_whole),
        cmocka_unit_test(more_than_one_hash_is_refused),
        cmocka_unit_test(what_no_decoder_knows_is_refused),
        cmocka_unit_test(without_memory_for_the_dictionary_it_is_refused),
        cmocka_unit_test(unsigned_bytes_are_not_decoded),
        cmocka_unit_test(a_reader_that_fails_at_any_time_ends_in_refusal),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
