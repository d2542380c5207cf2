/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Images made by the library alone: the worked examples of the vectors byte for byte, and every
 * limit. (tests/interop/test_imgtool.py compares many more with imgtool through the tool.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "archive.h"
#include "dfu/err.h"
#include "dfu/image_writer.h"
#include "dfu/openssl.h"

#define VECTORS DFU_SOURCE_DIR "/tests/vectors/images.tar.gz"
#define PAYLOAD 19u

static struct archive vectors;
static EVP_PKEY *ed25519;
static uint8_t ed25519_der[DFU_PUBLIC_KEY_MAX];
static struct dfu_signer signer;

/* Header space of erased bytes and the payload of the worked examples: 00 01 ... 12. */
static void lay_out(uint8_t *buf, uint16_t header_size)
{
    memset(buf, 0xff, header_size);
    for (unsigned i = 0; i < PAYLOAD; i++) {
        buf[header_size + i] = (uint8_t)i;
    }
}

static struct dfu_image_spec plain_spec(void)
{
    return (struct dfu_image_spec){
        .version = { 1, 2, 3, 4 },
        .header_size = 32,
        .hash = &dfu_sha256_openssl,
    };
}

static void is_vector(const struct dfu_image_spec *spec, const char *name)
{
    struct archive_file file = archive_find(&vectors, name);
    uint8_t buf[1024];
    uint32_t len = 0;

    lay_out(buf, spec->header_size);
    assert_int_equal(dfu_image_write(spec, buf, sizeof(buf), PAYLOAD, &len), 0);
    assert_int_equal(len, file.len);
    assert_memory_equal(buf, file.data, file.len);
}

static void the_worked_examples_come_out_byte_for_byte(void **state)
{
    const uint32_t counter = 7;
    const struct dfu_image_dependency dependency = { 1, { 2, 3, 4, 5 } };
    struct dfu_image_spec spec = plain_spec();

    (void)state;
    is_vector(&spec, "images/s002-unsigned-sha256-19.bin");
    spec.signer = &signer;
    is_vector(&spec, "images/s013-ex-ed25519-19.bin");
    spec.security_counter = &counter;
    spec.boot_record = "SPE";
    spec.dependencies = &dependency;
    spec.dependency_count = 1;
    is_vector(&spec, "images/s015-ex-protected-19.bin");
}

static struct dfu_image_spec full_spec(void)
{
    static const uint32_t counter = 7;
    static const uint8_t id[16] = { 1 }, value[100] = { 2 };
    static const struct dfu_image_dependency dependencies[2] = { { 1, { 2, 3, 4, 5 } } };
    static const struct dfu_custom_tlv custom[2] = { { 0xa0, 0, value }, { 0xfffe, 100, value } };
    struct dfu_image_spec spec = plain_spec();

    spec.security_counter = &counter;
    spec.boot_record = "twelve chars";
    spec.dependencies = dependencies;
    spec.dependency_count = 2;
    spec.vendor_id = id;
    spec.class_id = id;
    spec.custom = custom;
    spec.custom_count = 2;
    spec.hash = &dfu_sha512_openssl;
    spec.signer = &signer;
    spec.with_whole_key = true;
    spec.is_pure = true;
    return spec;
}

static void a_buffer_too_small_by_any_number_of_bytes_is_told(void **state)
{
    static const struct dfu_image_compression compression = { .plain_signature_len = 384 };
    struct dfu_image_spec spec = full_spec();
    uint8_t whole[2560], *buf;
    uint32_t len = 0, room = dfu_image_write_room(&spec, PAYLOAD);

    (void)state;
    spec.compression = &compression;
    assert_true(room <= sizeof(whole));
    lay_out(whole, 32);
    assert_int_equal(dfu_image_write(&spec, whole, room, PAYLOAD, &len), 0);
    assert_true(len <= room);
    for (uint32_t cap = 32 + PAYLOAD; cap < len; cap++) {
        uint32_t written = 0;

        buf = malloc(cap); /* the sanitizer sees a byte too many */
        assert_non_null(buf);
        lay_out(buf, 32);
        assert_int_equal(dfu_image_write(&spec, buf, cap, PAYLOAD, &written), DFU_ERR_NOSPACE);
        free(buf);
    }
    assert_int_equal(dfu_image_write(&spec, whole, 32 + PAYLOAD - 1, PAYLOAD, &len),
                     DFU_ERR_NOSPACE);
}

static void what_is_written_is_read_back_and_verified(void **state)
{
    static const struct dfu_hash_alg *const hashes[] = { &dfu_sha512_openssl, NULL };
    struct dfu_image_spec spec = full_spec();
    struct dfu_key key = { &dfu_ed25519_openssl, signer.public_key, signer.public_key_len };
    struct dfu_image_policy policy = { .hashes = hashes, .keys = &key, .key_count = 1 };
    struct dfu_image_report report;
    uint8_t buf[2048], scratch[64];
    struct dfu_memory_span span = { .data = buf };
    struct dfu_reader reader;

    (void)state;
    lay_out(buf, 32);
    assert_int_equal(dfu_image_write(&spec, buf, sizeof(buf), PAYLOAD, &span.len), 0);
    reader = dfu_memory_reader(&span);
    dfu_image_verify(&policy, &reader, 0, scratch, sizeof(scratch), NULL, NULL, &report);
    assert_int_equal(report.fault, DFU_IMAGE_FINE);
    assert_true(dfu_verdict_is_trusted(&report.verdict));
    assert_true(report.is_pure);
}

/* The hash is one of the policy's, the key too, but they do not belong together. */
static void a_signature_over_a_hash_its_scheme_does_not_use_is_refused(void **state)
{
    static const struct dfu_hash_alg *const hashes[] = { &dfu_sha384_openssl, NULL };
    EVP_PKEY *p384 = EVP_EC_gen("P-384");
    uint8_t p384_der[DFU_PUBLIC_KEY_MAX], buf[1024], scratch[64];
    int p384_len = dfu_openssl_public_key(p384, p384_der, sizeof(p384_der));
    struct dfu_key keys[] = {
        { &dfu_ed25519_openssl, signer.public_key, signer.public_key_len },
        { &dfu_ecdsa_p384_openssl, p384_der, (size_t)p384_len },
    };
    struct dfu_image_policy policy = { .hashes = hashes, .keys = keys, .key_count = 2 };
    struct dfu_image_spec spec = plain_spec();
    struct dfu_memory_span span = { .data = buf };
    struct dfu_image_report report;
    struct dfu_reader reader;

    (void)state;
    spec.hash = &dfu_sha384_openssl;
    spec.signer = &signer;
    lay_out(buf, 32);
    assert_int_equal(dfu_image_write(&spec, buf, sizeof(buf), PAYLOAD, &span.len), 0);
    reader = dfu_memory_reader(&span);
    dfu_image_verify(&policy, &reader, 0, scratch, sizeof(scratch), NULL, NULL, &report);
    assert_int_equal(report.fault, DFU_IMAGE_SIG_INVALID);
    EVP_PKEY_free(p384);
}

static void an_empty_payload_is_an_image(void **state)
{
    struct dfu_image_spec spec = plain_spec();
    uint8_t buf[128] = { 0 };
    uint32_t len = 0;

    (void)state;
    assert_int_equal(dfu_image_write(&spec, buf, sizeof(buf), 0, &len), 0);
    assert_int_equal(len, 32 + 4 + 4 + 32);
}

static void a_specification_without_sense_is_refused(void **state)
{
    static const struct dfu_custom_tlv too_low = { 0x9f, 1, (const uint8_t *)"x" };
    static const struct dfu_custom_tlv too_high = { 0xffff, 1, (const uint8_t *)"x" };
    static const struct dfu_custom_tlv empty_last = { 0xa0, 0, NULL };
    struct dfu_image_spec specs[7];
    uint8_t buf[512] = { 0 };
    uint32_t len;

    (void)state;
    for (size_t i = 0; i < 7; i++) {
        specs[i] = plain_spec();
        specs[i].custom_count = i < 3 ? 1 : 0;
    }
    specs[0].custom = &too_low;
    specs[1].custom = &too_high;
    specs[2].custom = &empty_last;
    specs[3].header_size = 31;
    specs[4].flags = DFU_IMAGE_F_ENCRYPTED_AES128;
    specs[5].hash = NULL;
    specs[6].boot_record = "thirteen char";
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(dfu_image_write(&specs[i], buf, sizeof(buf), PAYLOAD, &len),
                         DFU_ERR_INVAL);
    }
}

static void tlvs_of_more_than_65535_bytes_are_refused(void **state)
{
    struct dfu_custom_tlv custom[2] = { { 0xa0, 40000, NULL }, { 0xa1, 0, NULL } };
    struct dfu_image_spec spec = plain_spec();
    uint8_t *value = calloc(1, 40000), *buf = calloc(1, 200000);
    uint32_t len;

    (void)state;
    assert_true(value && buf);
    custom[0].value = value;
    custom[1].value = value;
    spec.custom = custom;
    spec.custom_count = 2;
    custom[1].len = 65535 - 40000 - 4 - 4 - 4; /* the largest area there is */
    assert_int_equal(dfu_image_write(&spec, buf, 200000, PAYLOAD, &len), 0);
    custom[1].len++;
    assert_int_equal(dfu_image_write(&spec, buf, 200000, PAYLOAD, &len), DFU_ERR_RANGE);
    assert_int_equal(dfu_image_write_room(&spec, UINT32_MAX - 100), 0);
    free(value);
    free(buf);
}

static int broken_token(void *ctx, const uint8_t *data, size_t len, uint8_t *sig, size_t cap)
{
    (void)data;
    (void)len;
    (void)sig;
    (void)cap;
    return *(int *)ctx;
}

static void what_a_signer_cannot_do_reaches_the_caller(void **state)
{
    static const int answers[] = { DFU_ERR_TIMEOUT, 0, DFU_SIGNATURE_MAX + 1 };
    static const int wanted[] = { DFU_ERR_TIMEOUT, DFU_ERR_INVAL, DFU_ERR_INVAL };
    struct dfu_image_spec spec = plain_spec();
    struct dfu_signer broken = signer;
    uint8_t buf[512];
    uint32_t len;

    (void)state;
    spec.signer = &broken;
    broken.sign = broken_token;
    for (size_t i = 0; i < 3; i++) {
        int answer = answers[i];

        broken.ctx = &answer;
        lay_out(buf, 32);
        assert_int_equal(dfu_image_write(&spec, buf, sizeof(buf), PAYLOAD, &len), wanted[i]);
    }
}

/* Image format, 6.1 and 6.2: sizes and places of what imgtool puts at the end of a slot. */
static void a_slot_is_padded_as_imgtool_pads_it(void **state)
{
    static const struct {
        uint8_t align, max_align;
        bool overwrite;
        uint32_t trailer, image_ok;
    } cases[] = {
        { 1, 8, false, 432, 24 },  { 2, 8, false, 816, 24 },    { 4, 8, false, 1584, 24 },
        { 8, 8, false, 3120, 24 }, { 16, 16, false, 6224, 32 }, { 32, 32, false, 12448, 64 },
        { 8, 8, true, 32, 0 },     { 16, 16, true, 48, 0 },     { 32, 32, true, 96, 0 },
    };
    enum { SLOT = 16384, IMAGE = 100 };
    uint8_t *buf = malloc(SLOT);

    (void)state;
    assert_non_null(buf);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dfu_image_slot slot = { .size = SLOT,
                                       .max_sectors = 128,
                                       .align = cases[i].align,
                                       .max_align = cases[i].max_align,
                                       .erased = 0xff,
                                       .is_overwrite_only = cases[i].overwrite };
        uint32_t set = 0, where = 0;

        memset(buf, 0, SLOT);
        assert_int_equal(dfu_image_trailer_size(&slot), cases[i].trailer);
        assert_int_equal(dfu_image_pad(&slot, buf, IMAGE, true), 0);
        for (uint32_t at = IMAGE; at < SLOT - 16; at++) {
            if (buf[at] != 0xff) {
                set++;
                where = SLOT - at;
                assert_int_equal(buf[at], 1);
            }
        }
        assert_int_equal(set, cases[i].overwrite ? 0 : 1);
        assert_int_equal(where, cases[i].image_ok);
        assert_int_equal(dfu_image_pad(&slot, buf, SLOT - cases[i].trailer, false), 0);
        assert_int_equal(dfu_image_pad(&slot, buf, SLOT - cases[i].trailer + 1, false),
                         DFU_ERR_NOSPACE);
    }
    free(buf);
}

static int set_up(void **state)
{
    struct archive_file file;
    BIO *bio;
    int len;

    (void)state;
    vectors = archive_open(VECTORS);
    file = archive_find(&vectors, "images/test-only-ed25519.pem");
    bio = BIO_new_mem_buf(file.data, (int)file.len);
    ed25519 = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    len = dfu_openssl_public_key(ed25519, ed25519_der, sizeof(ed25519_der));
    return len > 0 ? dfu_openssl_signer(ed25519, ed25519_der, (size_t)len, &signer) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    EVP_PKEY_free(ed25519);
    archive_close(&vectors);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worked_examples_come_out_byte_for_byte),
        cmocka_unit_test(a_buffer_too_small_by_any_number_of_bytes_is_told),
        cmocka_unit_test(what_is_written_is_read_back_and_verified),
        cmocka_unit_test(a_signature_over_a_hash_its_scheme_does_not_use_is_refused),
        cmocka_unit_test(an_empty_payload_is_an_image),
        cmocka_unit_test(a_specification_without_sense_is_refused),
        cmocka_unit_test(tlvs_of_more_than_65535_bytes_are_refused),
        cmocka_unit_test(what_a_signer_cannot_do_reaches_the_caller),
        cmocka_unit_test(a_slot_is_padded_as_imgtool_pads_it),
    };
    return cmocka_run_group_tests_name("image writer", tests, set_up, tear_down);
}
