/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Encrypted images made and opened by the library: every way to wrap a key, and everything that
 * can be wrong with one. (That others read them alike is shown by the image vectors and by
 * tests/interop/test_encrypted.py.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/image_writer.h"
#include "dfu/openssl.h"

#define BODY     100u
#define ROOM     2048u
#define KINDS    5u
#define HEADER   32u
#define PADDED   112u /* header and body: a multiple of 16 */
#define INFO_OFF (HEADER + PADDED)
#define ENC_OFF  (INFO_OFF + 4u + 4u + 32u) /* of the key TLV: after the hash */

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, &dfu_sha512_openssl,
                                                     NULL };
static const uint8_t content_key[DFU_CONTENT_KEY_MAX] = "a content key of 32 bytes, all o";
static const char *const types[] = { "RSA", "EC", "X25519", "X25519" };

/* A device's key, and what wraps for it. */
struct device {
    EVP_PKEY *pkey;
    uint8_t private_key[DFU_PRIVATE_KEY_MAX];
    struct dfu_unwrap_key key;
    struct dfu_wrapper wrapper;
};

/* RSA, P-256, X25519, X25519 with SHA-512, AES-KW; then the same again: others' keys. */
static struct device devices[2 * KINDS];

struct image {
    uint8_t bytes[ROOM];
    uint32_t len;
};

static uint8_t body_byte(uint32_t i)
{
    return (uint8_t)(i * 7 + 3);
}

static struct image make(const struct device *device, uint8_t key_len, bool clear)
{
    struct dfu_image_encryption encryption = {
        .cipher = &dfu_aes_ctr_openssl,
        .content_key = content_key,
        .content_key_len = key_len,
        .wrapper = &device->wrapper,
        .leaves_body_clear = clear,
    };
    struct dfu_image_spec spec = {
        .header_size = HEADER,
        .hash = &dfu_sha256_openssl,
        .encryption = &encryption,
    };
    struct image image = { { 0 }, 0 };

    for (uint32_t i = 0; i < BODY; i++) {
        image.bytes[HEADER + i] = body_byte(i);
    }
    assert_int_equal(dfu_image_write(&spec, image.bytes, sizeof(image.bytes), BODY, &image.len), 0);
    return image;
}

static struct dfu_image_report verify(const struct image *image, const struct dfu_unwrap_key *keys,
                                      size_t count)
{
    struct dfu_image_decryption how = { &dfu_image_opener, &dfu_aes_ctr_openssl, keys, count };
    struct dfu_image_policy policy = { .hashes = hashes, .hash_only = true, .decryption = &how };
    struct dfu_memory_span span = { image->bytes, image->len };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_image_report report;
    uint8_t buf[64];

    dfu_image_verify(&policy, &reader, 0, buf, sizeof(buf), NULL, NULL, &report);
    assert_int_equal(dfu_verdict_is_trusted(&report.verdict), report.fault == DFU_IMAGE_FINE);
    return report;
}

static enum dfu_image_fault fault_of(const struct image *image, const struct device *device)
{
    return verify(image, &device->key, 1).fault;
}

static uint8_t key_len_of(size_t device, size_t round)
{
    if (device % KINDS == 4) {
        return (uint8_t)devices[device].key.len; /* a KEK wraps keys of its own length */
    }
    return round == 0 ? 16 : 32;
}

/* ---- Images ---- */

static void every_kind_of_key_opens_what_was_wrapped_for_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * KINDS; i++) {
        for (size_t round = 0; round < 2; round++) {
            uint8_t key_len = key_len_of(i, round);
            struct image image = make(&devices[i], key_len, false);

            assert_int_equal(get_le32(image.bytes + 16), key_len == 16 ? 4 : 8);
            assert_int_equal(get_le16(image.bytes + ENC_OFF), devices[i].key.alg->tlv_type);
            assert_int_equal(get_le16(image.bytes + ENC_OFF + 2),
                             devices[i].key.alg->wrapped_len[key_len == 32]);
            assert_int_equal(fault_of(&image, &devices[i]), DFU_IMAGE_FINE);
        }
    }
}

static void a_body_is_filled_up_to_16_bytes_and_not_readable(void **state)
{
    struct image image = make(&devices[1], 16, false), clear = make(&devices[1], 16, true);
    struct dfu_memory_span span = { image.bytes, image.len };
    struct dfu_reader reader = dfu_memory_reader(&span), plain;
    struct dfu_image_decryption how = { &dfu_image_opener, &dfu_aes_ctr_openssl, &devices[1].key,
                                        1 };
    struct dfu_plain_span opened = { .reader = &reader };
    struct dfu_image parsed;

    (void)state;
    assert_int_equal(dfu_image_open(&parsed, &reader, 0), DFU_IMAGE_FINE);
    assert_int_equal(parsed.header.img_size, PADDED);
    assert_memory_not_equal(image.bytes + HEADER, clear.bytes + HEADER, BODY);
    assert_memory_equal(image.bytes, clear.bytes, HEADER);
    assert_int_equal(dfu_image_content_key(&how, &parsed, &opened.key), DFU_IMAGE_FINE);
    assert_memory_equal(opened.key.bytes, content_key, 16);
    plain = dfu_plain_reader(&opened);
    for (uint32_t off = 0; off < image.len; off++) { /* over both ends of the body, too */
        uint8_t got[40];
        uint32_t len = min_u32(sizeof(got), image.len - off);

        assert_int_equal(plain.read(plain.ctx, off, got, len), 0);
        for (uint32_t i = 0; i < len; i++) {
            uint32_t at = off + i;
            bool is_body = at >= HEADER && at < HEADER + BODY;
            uint8_t wanted = is_body                                       ? body_byte(at - HEADER)
                             : at >= HEADER + BODY && at < HEADER + PADDED ? 0
                                                                           : image.bytes[at];

            assert_int_equal(got[i], wanted);
        }
    }
}

/* As a primary slot holds it. Which form a slot has is known, never tried. */
static void a_clear_body_is_accepted_only_where_it_is_said_to_be_clear(void **state)
{
    struct image clear = make(&devices[1], 16, true), image = make(&devices[1], 16, false);
    struct dfu_image_decryption how = { &dfu_image_opener, &dfu_aes_ctr_openssl, NULL, 0 };
    struct dfu_image_policy policy = {
        .hashes = hashes, .hash_only = true, .decryption = &how, .body_is_clear = true
    };
    struct image *images[] = { &clear, &image };

    (void)state;
    assert_int_equal(fault_of(&clear, &devices[1]), DFU_IMAGE_HASH_MISMATCH);
    for (size_t i = 0; i < 2; i++) {
        struct dfu_memory_span span = { images[i]->bytes, images[i]->len };
        struct dfu_reader reader = dfu_memory_reader(&span);
        struct dfu_image_report report;
        uint8_t buf[64];

        dfu_image_verify(&policy, &reader, 0, buf, sizeof(buf), NULL, NULL, &report);
        assert_int_equal(report.fault, i == 0 ? DFU_IMAGE_FINE : DFU_IMAGE_HASH_MISMATCH);
    }
    policy.decryption = NULL;
    for (size_t i = 0; i < 2; i++) { /* a build without decryption takes neither */
        struct dfu_memory_span span = { images[i]->bytes, images[i]->len };
        struct dfu_reader reader = dfu_memory_reader(&span);
        struct dfu_image_report report;
        uint8_t buf[64];

        dfu_image_verify(&policy, &reader, 0, buf, sizeof(buf), NULL, NULL, &report);
        assert_int_equal(report.fault, DFU_IMAGE_NOT_SUPPORTED);
    }
}

static void a_key_of_another_device_or_kind_or_none_has_its_own_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct image image = make(&devices[i], 16, false);

        assert_int_equal(verify(&image, NULL, 0).fault, DFU_IMAGE_ENC_MISSING);
        for (size_t k = 0; k < 2 * KINDS; k++) {
            enum dfu_image_fault wanted = k == i           ? DFU_IMAGE_FINE
                                          : k == i + KINDS ? DFU_IMAGE_ENC_KEY
                                                           : DFU_IMAGE_ENC_MISSING;

            if (k % KINDS != i) {
                wanted = DFU_IMAGE_ENC_MISSING;
            }
            assert_int_equal(fault_of(&image, &devices[k]), wanted);
        }
    }
}

static void a_key_that_is_no_key_opens_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct image image = make(&devices[i], 16, false);
        struct dfu_unwrap_key key = devices[i].key;

        key.len--; /* one byte short */
        assert_int_equal(verify(&image, &key, 1).fault, DFU_IMAGE_ENC_KEY);
        key.len += 2; /* and one left over */
        assert_int_equal(verify(&image, &key, 1).fault, DFU_IMAGE_ENC_KEY);
        key.len = 0;
        assert_int_equal(verify(&image, &key, 1).fault, DFU_IMAGE_ENC_KEY);
        key.bytes = devices[(i + 1) % KINDS].key.bytes; /* of another kind */
        key.len = devices[(i + 1) % KINDS].key.len;
        if (i % KINDS != 2) { /* X25519 serves with both hashes */
            assert_int_equal(verify(&image, &key, 1).fault, DFU_IMAGE_ENC_KEY);
        }
    }
}

/* The last TLV, its value cut or lengthened to len, in an area that is as long as it says. */
static struct image with_wrapped_len(const struct image *image, uint16_t len)
{
    uint32_t old = get_le16(image->bytes + ENC_OFF + 2);
    struct image out = *image;

    assert_true(out.len + len - old <= sizeof(out.bytes));
    put_le16(out.bytes + ENC_OFF + 2, len);
    put_le16(out.bytes + INFO_OFF + 2,
             (uint16_t)(get_le16(image->bytes + INFO_OFF + 2) + len - old));
    out.len = image->len + len - old;
    return out;
}

static void a_wrapped_key_of_any_other_length_is_refused_as_such(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct image image = make(&devices[i], 16, false);
        uint16_t right = get_le16(image.bytes + ENC_OFF + 2);

        for (uint16_t len = 0; len <= right + 40; len++) {
            struct image changed = with_wrapped_len(&image, len);

            assert_int_equal(fault_of(&changed, &devices[i]),
                             len == right ? DFU_IMAGE_FINE : DFU_IMAGE_ENC_LENGTH);
        }
    }
}

static void a_wrapped_key_with_any_bit_flipped_is_refused(void **state)
{
    (void)state;
    for (size_t i = 1; i < KINDS; i++) { /* RSA: below, because it takes its time */
        struct image image = make(&devices[i], 16, false);
        uint32_t len = get_le16(image.bytes + ENC_OFF + 2);

        for (uint32_t bit = 0; bit < len * 8; bit += 3) {
            struct image changed = image;
            /* X25519 ignores the top bit of a coordinate (RFC 7748, 5). */
            bool is_ignored =
                devices[i].pkey && EVP_PKEY_is_a(devices[i].pkey, "X25519") && bit == 255;

            changed.bytes[ENC_OFF + 4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(fault_of(&changed, &devices[i]),
                             is_ignored ? DFU_IMAGE_FINE : DFU_IMAGE_ENC_KEY);
        }
    }
    for (uint32_t at = 0; at < 256; at += 37) {
        struct image image = make(&devices[0], 16, false);

        image.bytes[ENC_OFF + 4 + at] ^= 1;
        assert_int_equal(fault_of(&image, &devices[0]), DFU_IMAGE_ENC_KEY);
    }
}

/* SEC 1 has a third form, which gives the coordinates and the sign of y besides. */
static void a_point_in_another_form_than_uncompressed_is_refused(void **state)
{
    struct image image = make(&devices[1], 16, false);
    uint8_t *point = image.bytes + ENC_OFF + 4;
    bool is_odd = (point[64] & 1) != 0;

    (void)state;
    for (unsigned form = 0; form < 256; form++) {
        point[0] = (uint8_t)form;
        assert_int_equal(fault_of(&image, &devices[1]),
                         form == 4 ? DFU_IMAGE_FINE : DFU_IMAGE_ENC_KEY);
    }
    point[0] = is_odd ? 7 : 6; /* the one that OpenSSL would take */
    assert_int_equal(fault_of(&image, &devices[1]), DFU_IMAGE_ENC_KEY);
}

static void a_key_of_another_kind_is_told_from_wrong_bytes(void **state)
{
    static const uint8_t wrapped[DFU_WRAPPED_KEY_MAX] = { 4 };
    uint8_t out[32];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 4; k++) {
            const struct dfu_unwrap_alg *alg = devices[i].key.alg;
            bool fits = k == i || (k >= 2 && i >= 2);
            struct dfu_unwrap_key key = devices[k].key;

            assert_int_equal(alg->unwrap(&key, wrapped, alg->wrapped_len[0], out, 16),
                             fits ? DFU_ERR_VERIFY : DFU_ERR_INVAL);
        }
    }
}

/* RFC 7748, 6.1: a point of small order makes the secret all zeros, known to anybody. */
static void an_x25519_point_of_small_order_is_refused(void **state)
{
    static const uint8_t ones[] = { 0, 1 };

    (void)state;
    for (size_t i = 0; i < sizeof(ones); i++) {
        struct image image = make(&devices[2], 16, false);

        memset(image.bytes + ENC_OFF + 4, 0, 32);
        image.bytes[ENC_OFF + 4] = ones[i];
        assert_int_equal(fault_of(&image, &devices[2]), DFU_IMAGE_ENC_KEY);
    }
}

static struct image with_tlv_in_front(const struct image *image, const uint8_t *tlv, uint16_t len)
{
    struct image out = *image;

    memcpy(out.bytes + ENC_OFF + len, image->bytes + ENC_OFF, image->len - ENC_OFF);
    memcpy(out.bytes + ENC_OFF, tlv, len);
    put_le16(out.bytes + INFO_OFF + 2, (uint16_t)(get_le16(image->bytes + INFO_OFF + 2) + len));
    out.len = image->len + len;
    return out;
}

/* Of one kind the first counts, as in MCUboot; kinds that we have no key of do not disturb. */
static void of_several_wrapped_keys_the_first_of_our_kind_counts(void **state)
{
    struct image ours = make(&devices[1], 16, false), others = make(&devices[1 + KINDS], 16, false);
    struct image foreign = make(&devices[4], 16, false);
    uint16_t len = (uint16_t)(ours.len - ENC_OFF), kw_len = (uint16_t)(foreign.len - ENC_OFF);
    struct dfu_unwrap_key both[] = { devices[4].key, devices[1].key };
    struct image two;

    (void)state;
    two = with_tlv_in_front(&ours, others.bytes + ENC_OFF, len);
    assert_int_equal(fault_of(&two, &devices[1]), DFU_IMAGE_ENC_KEY);
    two = with_tlv_in_front(&ours, ours.bytes + ENC_OFF, len);
    assert_int_equal(fault_of(&two, &devices[1]), DFU_IMAGE_FINE);
    two = with_tlv_in_front(&ours, foreign.bytes + ENC_OFF, kw_len);
    assert_int_equal(fault_of(&two, &devices[1]), DFU_IMAGE_FINE);
    assert_int_equal(fault_of(&two, &devices[4]), DFU_IMAGE_FINE);
    two.bytes[ENC_OFF + 5] ^= 1; /* of two kinds that we have, one that opens is enough */
    assert_int_equal(verify(&two, both, 2).fault, DFU_IMAGE_FINE);
    assert_int_equal(fault_of(&two, &devices[4]), DFU_IMAGE_ENC_KEY);
}

static void a_device_may_hold_an_old_key_and_a_new_one(void **state)
{
    struct dfu_unwrap_key keys[] = { devices[1].key, devices[1 + KINDS].key };
    struct image old = make(&devices[1], 32, false), new = make(&devices[1 + KINDS], 32, false);

    (void)state;
    assert_int_equal(verify(&old, keys, 2).fault, DFU_IMAGE_FINE);
    assert_int_equal(verify(&new, keys, 2).fault, DFU_IMAGE_FINE);
    assert_int_equal(verify(&new, keys, 1).fault, DFU_IMAGE_ENC_KEY);
}

static void both_aes_flags_or_the_other_one_are_refused(void **state)
{
    struct image image = make(&devices[1], 16, false);

    (void)state;
    image.bytes[16] = 0x0c;
    assert_int_equal(fault_of(&image, &devices[1]), DFU_IMAGE_BAD_FLAGS);
    image.bytes[16] = 0x08;
    assert_int_equal(fault_of(&image, &devices[1]), DFU_IMAGE_ENC_LENGTH);
}

static int read_until(void *ctx, uint32_t off, void *buf, size_t len)
{
    unsigned *left = ctx;
    static struct image *image;

    if (!buf) {
        image = (struct image *)ctx;
        return 0;
    }
    if ((*left)-- == 0) {
        return DFU_ERR_IO;
    }
    memcpy(buf, image->bytes + off, len);
    return 0;
}

static void a_reader_that_fails_at_any_time_ends_in_refusal(void **state)
{
    struct image image = make(&devices[4], 16, false);
    struct dfu_image_decryption how = { &dfu_image_opener, &dfu_aes_ctr_openssl, &devices[4].key,
                                        1 };
    struct dfu_image_policy policy = { .hashes = hashes, .hash_only = true, .decryption = &how };
    struct dfu_image_report report = { .fault = DFU_IMAGE_UNREADABLE };
    unsigned reads = 0;

    (void)state;
    assert_int_equal(read_until(&image, 0, NULL, 0), 0);
    for (; report.fault != DFU_IMAGE_FINE; reads++) {
        unsigned left = reads;
        struct dfu_reader reader = { read_until, &left, image.len };
        uint8_t buf[64];

        dfu_image_verify(&policy, &reader, 0, buf, sizeof(buf), NULL, NULL, &report);
        assert_true(report.fault == DFU_IMAGE_FINE || report.fault == DFU_IMAGE_UNREADABLE);
        assert_true(reads < 100);
    }
    assert_true(reads > 10);
}

/* ---- Making ---- */

static int wrap_nothing(void *ctx, const uint8_t *key, size_t key_len, uint8_t *out, size_t cap)
{
    (void)key;
    (void)key_len;
    (void)out;
    (void)cap;
    return *(int *)ctx;
}

static void what_cannot_be_made_is_an_error_and_not_an_image(void **state)
{
    int result = 0;
    struct dfu_wrapper none = { .tlv_type = DFU_TLV_ENC_KW, .wrap = wrap_nothing, .ctx = &result };
    struct dfu_image_encryption encryption = { .cipher = &dfu_aes_ctr_openssl,
                                               .content_key = content_key,
                                               .wrapper = &none };
    struct dfu_image_spec spec = { .header_size = HEADER,
                                   .hash = &dfu_sha256_openssl,
                                   .encryption = &encryption };
    uint8_t buf[ROOM] = { 0 };
    uint32_t len;

    (void)state;
    for (unsigned key_len = 0; key_len < 64; key_len++) {
        encryption.content_key_len = (uint8_t)key_len;
        assert_int_equal(dfu_image_write(&spec, buf, sizeof(buf), BODY, &len), DFU_ERR_INVAL);
    }
    encryption.content_key_len = 16;
    result = DFU_ERR_IO;
    assert_int_equal(dfu_image_write(&spec, buf, sizeof(buf), BODY, &len), DFU_ERR_IO);
    result = 257; /* more than there is room for */
    assert_int_equal(dfu_image_write(&spec, buf, sizeof(buf), BODY, &len), DFU_ERR_INVAL);
    encryption.wrapper = &devices[1].wrapper;
    for (size_t cap = 0; cap < ENC_OFF + 4 + 113; cap++) {
        uint8_t *exact = malloc(cap ? cap : 1); /* one byte further is the sanitizer's */

        memset(exact, 0, cap);
        assert_int_equal(dfu_image_write(&spec, exact, cap, BODY, &len), DFU_ERR_NOSPACE);
        free(exact);
    }
    assert_int_equal(dfu_image_write(&spec, buf, ENC_OFF + 4 + 113, BODY, &len), 0);
    assert_true(len <= dfu_image_write_room(&spec, BODY));
}

static void keys_that_nothing_is_wrapped_for_are_told_apart(void **state)
{
    EVP_PKEY *keys[] = { EVP_EC_gen("P-384"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
                         EVP_RSA_gen(3072) };
    uint8_t der[DFU_PRIVATE_KEY_MAX];
    struct dfu_wrapper wrapper;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_null(dfu_openssl_unwrap_alg(keys[i], false));
        assert_int_equal(dfu_openssl_wrapper(keys[i], false, &wrapper), DFU_ERR_NOTSUP);
        assert_int_equal(dfu_openssl_private_key(keys[i], der, sizeof(der)), DFU_ERR_NOTSUP);
        EVP_PKEY_free(keys[i]);
    }
    assert_int_equal(dfu_openssl_wrapper(devices[1].pkey, true, &wrapper), DFU_ERR_NOTSUP);
    assert_int_equal(dfu_openssl_private_key(devices[1].pkey, der, 137), DFU_ERR_NOSPACE);
    assert_int_equal(dfu_openssl_private_key(devices[1].pkey, der, 138), 138);
}

static int make_devices(void **state)
{
    static uint8_t keks[2][32] = { "a key that encrypts keys", "another that does the same" };

    (void)state;
    for (size_t i = 0; i < 2 * KINDS; i++) {
        struct device *device = &devices[i];
        size_t kind = i % KINDS;
        int len;

        if (kind == 4) {
            device->key = (struct dfu_unwrap_key){ &dfu_unwrap_kw_openssl, keks[i / KINDS], 16 };
            assert_int_equal(dfu_openssl_kw_wrapper(&device->key, &device->wrapper), 0);
            continue;
        }
        if (kind == 3) {
            device->pkey = devices[i - 1].pkey;
            EVP_PKEY_up_ref(device->pkey);
        } else {
            device->pkey = kind == 0   ? EVP_RSA_gen(2048)
                           : kind == 1 ? EVP_EC_gen("P-256")
                                       : EVP_PKEY_Q_keygen(NULL, NULL, types[kind]);
        }
        assert_non_null(device->pkey);
        len =
            dfu_openssl_private_key(device->pkey, device->private_key, sizeof(device->private_key));
        assert_true(len > 0);
        device->key = (struct dfu_unwrap_key){ dfu_openssl_unwrap_alg(device->pkey, kind == 3),
                                               device->private_key, (size_t)len };
        assert_int_equal(dfu_openssl_wrapper(device->pkey, kind == 3, &device->wrapper), 0);
    }
    return 0;
}

static int drop_devices(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * KINDS; i++) {
        EVP_PKEY_free(devices[i].pkey);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_key_opens_what_was_wrapped_for_it),
        cmocka_unit_test(a_body_is_filled_up_to_16_bytes_and_not_readable),
        cmocka_unit_test(a_clear_body_is_accepted_only_where_it_is_said_to_be_clear),
        cmocka_unit_test(a_key_of_another_device_or_kind_or_none_has_its_own_verdict),
        cmocka_unit_test(a_key_that_is_no_key_opens_nothing),
        cmocka_unit_test(a_wrapped_key_of_any_other_length_is_refused_as_such),
        cmocka_unit_test(a_wrapped_key_with_any_bit_flipped_is_refused),
        cmocka_unit_test(a_point_in_another_form_than_uncompressed_is_refused),
        cmocka_unit_test(a_key_of_another_kind_is_told_from_wrong_bytes),
        cmocka_unit_test(an_x25519_point_of_small_order_is_refused),
        cmocka_unit_test(of_several_wrapped_keys_the_first_of_our_kind_counts),
        cmocka_unit_test(a_device_may_hold_an_old_key_and_a_new_one),
        cmocka_unit_test(both_aes_flags_or_the_other_one_are_refused),
        cmocka_unit_test(a_reader_that_fails_at_any_time_ends_in_refusal),
        cmocka_unit_test(what_cannot_be_made_is_an_error_and_not_an_image),
        cmocka_unit_test(keys_that_nothing_is_wrapped_for_are_told_apart),
    };
    return cmocka_run_group_tests_name("encrypted images", tests, make_devices, drop_devices);
}
