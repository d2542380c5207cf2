/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Every bit of a valid image counts: each is turned, bytes are changed, dropped, added and swapped,
 * TLVs removed, doubled, reordered and added, images spliced. All of it must be refused, but for
 * what the format leaves unsigned, and that is exactly what leaves_unsigned() and its kin say: an
 * accepted mutation that they do not name fails, and so does a named one that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include "archive.h"
#include "base/bytes.h"
#include "dfu/decompress.h"
#include "dfu/err.h"
#include "dfu/image.h"
#include "vector_keys.h"

#define VECTORS  DFU_SOURCE_DIR "/tests/vectors/images.tar.gz"
#define ROOM     8192u
#define BUF_SIZE 4096u
#define MANY     100000u

static const struct {
    const char *file, *key, *device;
} samples[] = {
    { "s002-unsigned-sha256-19.bin", "-", "-" },
    { "s011-ex-p256-19.bin", "test-only-ecdsa-p256.pem", "-" },
    { "s048-p384-siglen-102.bin", "test-only-ecdsa-p384.pem", "-" },
    { "s012-ex-rsa2048-19.bin", "test-only-rsa-2048.pem", "-" },
    { "s034-rsa3072-fullkey.bin", "test-only-rsa-3072.pem", "-" },
    { "s013-ex-ed25519-19.bin", "test-only-ed25519.pem", "-" },
    { "s015-ex-protected-19.bin", "test-only-ed25519.pem", "-" },
    { "s042-ed25519-pure.bin", "test-only-ed25519.pem", "-" },
    { "s095-lzma2-ed25519.bin", "test-only-ed25519.pem", "-" },
    { "s014-ex-enc-ec256-19.bin", "test-only-ecdsa-p256.pem", "test-only-enc-ecdsa-p256.pem" },
    { "s275-enc-x-ok.bin", "test-only-ed25519.pem", "test-only-enc-x25519.pem" },
    { "s281-enc-kw128-p256-ok.bin", "test-only-ecdsa-p256.pem", "test-only-kek-128.b64" },
};
#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

static struct archive vectors;
static uint64_t work[(DFU_LZMA2_WORK_SIZE(1u << 17, 1u << 17)) / 8 + 1];

/* One image with what it is verified by, and where its unprotected TLVs lie. */
struct subject {
    const char *file;
    const uint8_t *data;
    uint32_t len;
    struct dfu_key key;
    bool has_key;
    struct vector_device device;
    struct dfu_memory_span span;
    struct dfu_reader reader;
    struct dfu_image image;
    struct dfu_image_tlv tlvs[8];
    size_t tlv_count;
    bool is_pure;
};

static size_t mutations, unsigned_ones;
static int wrong;

static bool accepts(const struct subject *s, const uint8_t *data, size_t len)
{
    static const struct dfu_hash_alg *const hashes[] = { &dfu_sha512_openssl, &dfu_sha384_openssl,
                                                         &dfu_sha256_openssl, NULL };
    struct dfu_memory_span span = { data, (uint32_t)len };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_unpacker unpacker = { &dfu_unpack, &dfu_lzma2, work, sizeof(work), 0 };
    struct dfu_image_policy policy = {
        .hashes = hashes,
        .keys = &s->key,
        .key_count = s->has_key ? 1 : 0,
        .hash_only = !s->has_key,
        .decryption = &s->device.how,
        .body_is_clear = s->device.how.key_count == 0,
        .unpacker = &unpacker,
    };
    struct dfu_image_report report;
    uint8_t buf[BUF_SIZE];

    dfu_image_verify(&policy, &reader, 0, buf, sizeof(buf), NULL, NULL, &report);
    return dfu_verdict_is_trusted(&report.verdict);
}

static void judge(const struct subject *s, const uint8_t *data, size_t len, bool is_unsigned,
                  const char *what, size_t at, unsigned detail)
{
    mutations++;
    unsigned_ones += is_unsigned;
    if (accepts(s, data, len) != is_unsigned) {
        print_error("%s: %s at %zu (%u) was %s\n", s->file, what, at, detail,
                    is_unsigned ? "refused" : "accepted");
        wrong++;
    }
}

static void open_subject(struct subject *s, size_t i)
{
    char path[128];
    struct archive_file file;
    struct dfu_image_tlv tlv;
    uint32_t cursor = 0;

    snprintf(path, sizeof(path), "images/%s", samples[i].file);
    file = archive_find(&vectors, path);
    *s = (struct subject){ .file = samples[i].file, .data = file.data, .len = (uint32_t)file.len };
    s->has_key = strcmp(samples[i].key, "-") != 0;
    if (s->has_key) {
        s->key = vector_key(&vectors, samples[i].key);
    }
    vector_device_keys(&vectors, samples[i].device, &s->device);
    s->span = (struct dfu_memory_span){ s->data, s->len };
    s->reader = dfu_memory_reader(&s->span);
    assert_int_equal(dfu_image_open(&s->image, &s->reader, 0), DFU_IMAGE_FINE);
    assert_int_equal(s->image.end, s->len);
    while (dfu_image_tlv_next(&s->image, &cursor, &tlv) > 0) {
        if (!tlv.is_protected) {
            assert_true(s->tlv_count < sizeof(s->tlvs) / sizeof(s->tlvs[0]));
            s->is_pure = s->is_pure || tlv.type == DFU_TLV_SIG_PURE;
            s->tlvs[s->tlv_count++] = tlv;
        }
    }
    assert_true(accepts(s, s->data, s->len));
}

static const struct dfu_image_tlv *tlv_of(const struct subject *s, uint16_t type)
{
    for (size_t i = 0; i < s->tlv_count; i++) {
        if (s->tlvs[i].type == type) {
            return &s->tlvs[i];
        }
    }
    return NULL;
}

static bool is_hash(uint16_t type)
{
    return type == DFU_TLV_SHA256 || type == DFU_TLV_SHA384 || type == DFU_TLV_SHA512;
}

static bool key_signs(const struct subject *s, uint16_t hash_type)
{
    for (size_t i = 0; s->has_key && i < 3; i++) {
        if (s->key.alg->hash_types[i] == hash_type) {
            return true;
        }
    }
    return !s->has_key;
}

/* The hash that the image is judged by: the longest that its key signs. */
static uint16_t chosen_hash(const struct subject *s)
{
    for (uint16_t type = DFU_TLV_SHA512; type >= DFU_TLV_SHA256; type--) {
        if (key_signs(s, type) && tlv_of(s, type)) {
            return type;
        }
    }
    return 0;
}

/* Types of the allow list that say nothing to who verifies this image where they do not stand
 * between a key's hash and its signature: keys and signatures of others, hashes that the key does
 * not sign or that are weaker than the one that counts, keys wrapped for other devices. A
 * compressed image has one hash and one signature, or nothing could be told of what it decodes to. */
static bool is_idle(const struct subject *s, unsigned type)
{
    bool is_compressed = s->image.header.flags & DFU_IMAGE_F_COMPRESSED_LZMA2;

    switch (type) {
    case DFU_TLV_KEYHASH:
    case DFU_TLV_PUBKEY:
    case DFU_TLV_ENC_RSA2048:
    case DFU_TLV_ENC_KW:
    case DFU_TLV_ENC_EC256:
    case DFU_TLV_ENC_X25519:
    case DFU_TLV_ENC_X25519_SHA512: return true;
    case DFU_TLV_RSA2048:
    case DFU_TLV_ECDSA224:
    case DFU_TLV_ECDSA:
    case DFU_TLV_RSA3072:
    case DFU_TLV_ED25519: return !is_compressed;
    case DFU_TLV_SHA256:
    case DFU_TLV_SHA384:
    case DFU_TLV_SHA512:
        return !is_compressed && (!key_signs(s, (uint16_t)type) || type < chosen_hash(s));
    default: return false;
    }
}

/* The bytes of a valid image that may have another value:
 * - the type of a pure image's hash TLV, if the new one is idle: its signature is of the bytes, so
 *   it needs no hash (a hash that is there must be right);
 * - the highest bit of an X25519 key that an image key is wrapped with (RFC 7748, 5: masked). */
static bool leaves_unsigned(const struct subject *s, size_t at, uint8_t value)
{
    const struct dfu_image_tlv *hash = tlv_of(s, DFU_TLV_SHA512);
    const struct dfu_image_tlv *wrapped = tlv_of(s, DFU_TLV_ENC_X25519);

    if (s->is_pure && hash && at == hash->off - 4u) {
        return is_idle(s, value) && !(is_hash(value) && key_signs(s, value));
    }
    return wrapped && at == wrapped->off + 31u && (value ^ s->data[at]) == 0x80;
}

/* Every byte; but of a body that takes an unwrapped key to check only some, or it takes long. */
static size_t next_byte(const struct subject *s, size_t at)
{
    bool is_slow =
        s->device.how.key_count > 0 && at >= s->image.header.hdr_size && at + 8 < s->image.tlv_off;

    return at + (is_slow ? 8 : 1);
}

static void each_bit_and_some_values(const struct subject *s, uint8_t *buf)
{
    memcpy(buf, s->data, s->len);
    for (size_t at = 0; at < s->len; at = next_byte(s, at)) {
        const uint8_t old = s->data[at];
        const uint8_t values[] = { (uint8_t)~old, (uint8_t)(old + 1), (uint8_t)(old - 1) };

        for (unsigned bit = 0; bit < 8; bit++) {
            buf[at] = (uint8_t)(old ^ 1u << bit);
            judge(s, buf, s->len, leaves_unsigned(s, at, buf[at]), "bit", at, bit);
        }
        for (unsigned i = 0; i < sizeof(values); i++) {
            buf[at] = values[i];
            if (values[i] != old) {
                judge(s, buf, s->len, leaves_unsigned(s, at, values[i]), "value", at, values[i]);
            }
        }
        buf[at] = old;
    }
}

/* Bytes behind the image are not part of it. */
static void each_length(const struct subject *s, uint8_t *buf)
{
    static const uint8_t added[] = { 0x00, 0xff };

    for (size_t at = 0; at < s->len; at = next_byte(s, at)) {
        judge(s, s->data, at, false, "cut", at, 0);
        memcpy(buf, s->data, at);
        memcpy(buf + at, s->data + at + 1, s->len - at - 1);
        judge(s, buf, s->len - 1, false, "byte dropped", at, 0);
        if (at + 1 < s->len && s->data[at] != s->data[at + 1]) {
            memcpy(buf, s->data, s->len);
            buf[at] = s->data[at + 1];
            buf[at + 1] = s->data[at];
            judge(s, buf, s->len, false, "bytes swapped", at, 0);
        }
    }
    for (size_t at = 0; at <= s->len; at = next_byte(s, at)) {
        for (unsigned i = 0; i < sizeof(added); i++) {
            memcpy(buf, s->data, at);
            buf[at] = added[i];
            memcpy(buf + at + 1, s->data + at, s->len - at);
            judge(s, buf, s->len + 1, memcmp(buf, s->data, s->len) == 0, "byte added", at,
                  added[i]);
        }
    }
}

static void judge_field(const struct subject *s, uint8_t *buf, size_t at, size_t size)
{
    const uint32_t old = size == 2 ? get_le16(s->data + at) : get_le32(s->data + at);
    const uint32_t values[] = { 0,          1,          4,          old - 1,   old + 1, old - 4,
                                old + 4,    old * 2,    old / 2,    0x7fff,    0x8000,  0xffff,
                                0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff };

    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        uint32_t value = size == 2 ? (uint16_t)values[i] : values[i];

        memcpy(buf, s->data, s->len);
        if (size == 2) {
            put_le16(buf + at, (uint16_t)value);
        } else {
            put_le32(buf + at, value);
        }
        if (value != old) {
            judge(s, buf, s->len, false, "field", at, value);
        }
    }
}

static void each_size_field(const struct subject *s, uint8_t *buf)
{
    judge_field(s, buf, 8, 2);
    judge_field(s, buf, 10, 2);
    judge_field(s, buf, 12, 4);
    judge_field(s, buf, s->image.prot_end + 2, 2);
    for (size_t i = 0; i < s->tlv_count; i++) {
        judge_field(s, buf, s->tlvs[i].off - 2u, 2);
    }
    if (s->image.prot_end > s->image.tlv_off) {
        judge_field(s, buf, s->image.tlv_off + 2, 2);
        for (uint32_t at = s->image.tlv_off + 4; at < s->image.prot_end;
             at += 4u + get_le16(s->data + at + 2)) {
            judge_field(s, buf, at + 2, 2);
        }
    }
}

/* An unprotected area built anew from TLVs, its total right. */
struct area {
    uint8_t *buf;
    size_t len;
    const struct subject *s;
};

static void begin(struct area *a, const struct subject *s, uint8_t *buf)
{
    *a = (struct area){ buf, s->image.prot_end + 4u, s };
    memcpy(buf, s->data, a->len);
}

static void add(struct area *a, unsigned type, const uint8_t *value, size_t len)
{
    put_le16(a->buf + a->len, (uint16_t)type);
    put_le16(a->buf + a->len + 2, (uint16_t)len);
    memcpy(a->buf + a->len + 4, value, len);
    a->len += 4 + len;
    put_le16(a->buf + a->s->image.prot_end + 2, (uint16_t)(a->len - a->s->image.prot_end));
}

static void add_own(struct area *a, size_t i)
{
    add(a, a->s->tlvs[i].type, a->s->data + a->s->tlvs[i].off, a->s->tlvs[i].len);
}

/* A signature needs its key named before it, by nobody else in between; order and repetition say
 * nothing else. A pure image needs no hash. */
static void each_tlv_removed_doubled_or_moved(const struct subject *s, uint8_t *buf)
{
    struct area a;

    for (size_t i = 0; i < s->tlv_count; i++) {
        bool doubles = !(s->image.header.flags & DFU_IMAGE_F_COMPRESSED_LZMA2);

        begin(&a, s, buf);
        for (size_t j = 0; j < s->tlv_count; j++) {
            if (j != i) {
                add_own(&a, j);
            }
        }
        judge(s, buf, a.len, s->is_pure && is_hash(s->tlvs[i].type), "TLV removed", i, 0);
        begin(&a, s, buf);
        for (size_t j = 0; j < s->tlv_count; j++) {
            add_own(&a, j);
            if (j == i) {
                add_own(&a, j);
            }
        }
        judge(s, buf, a.len, doubles || is_idle(s, s->tlvs[i].type), "TLV doubled", i, 0);
        if (i + 1 < s->tlv_count) {
            bool is_key = s->tlvs[i].type == DFU_TLV_KEYHASH || s->tlvs[i].type == DFU_TLV_PUBKEY;

            begin(&a, s, buf);
            for (size_t j = 0; j < s->tlv_count; j++) {
                add_own(&a, j == i ? i + 1 : j == i + 1 ? i : j);
            }
            judge(s, buf, a.len, !is_key, "TLVs swapped", i, 0);
        }
    }
}

/* With right totals: each value a byte longer and shorter, and bytes that are no TLV at the end. A
 * zero byte may follow an ECDSA signature. */
static void each_value_stretched(const struct subject *s, uint8_t *buf)
{
    static const uint8_t zeros[4] = { 0 };
    struct area a;

    for (size_t i = 0; i < 2 * s->tlv_count; i++) {
        bool is_longer = i % 2 != 0;

        begin(&a, s, buf);
        for (size_t j = 0; j < s->tlv_count; j++) {
            uint8_t value[512] = { 0 };
            size_t len = s->tlvs[j].len;

            assert_true(len < sizeof(value));
            memcpy(value, s->data + s->tlvs[j].off, len);
            add(&a, s->tlvs[j].type, value, j != i / 2 ? len : is_longer ? len + 1 : len - 1);
        }
        judge(s, buf, a.len, is_longer && s->tlvs[i / 2].type == DFU_TLV_ECDSA, "TLV stretched",
              i / 2, is_longer);
    }
    for (uint16_t more = 1; more < 4; more++) {
        memcpy(buf, s->data, s->len);
        memcpy(buf + s->len, zeros, more);
        put_le16(buf + s->image.prot_end + 2, (uint16_t)(s->len - s->image.prot_end + more));
        judge(s, buf, s->len + more, false, "bytes behind the TLVs", more, 0);
    }
}

/* At the end, where it names no key any more. */
static void each_type_added(const struct subject *s, uint8_t *buf)
{
    static const uint8_t zeros[64] = { 0 };
    static const size_t lengths[4] = { 4, 0, 32, 64 };
    struct area a;

    for (unsigned type = 0; type < (s->device.how.key_count > 0 ? 0x100u : 0x200u); type++) {
        for (size_t i = 0; i < (s->device.how.key_count > 0 ? 1 : 4); i++) {
            bool is_long_hash =
                type == DFU_TLV_KEYHASH && s->has_key && lengths[i] > 16u * (chosen_hash(s) - 14u);

            begin(&a, s, buf);
            for (size_t j = 0; j < s->tlv_count; j++) {
                add_own(&a, j);
            }
            add(&a, type, zeros, lengths[i]);
            judge(s, buf, a.len, is_idle(s, type) && !is_long_hash, "TLV added", type,
                  (unsigned)lengths[i]);
        }
    }
}

/* What of one image, and the TLVs of another, under either key. */
static void each_splice(const struct subject *s, uint8_t *buf)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        struct subject other;

        open_subject(&other, i);
        if (other.image.prot_end == s->image.prot_end &&
            memcmp(other.data, s->data, s->image.prot_end) == 0) {
            continue; /* the very same bytes, signed by somebody else */
        }
        memcpy(buf, s->data, s->image.prot_end);
        memcpy(buf + s->image.prot_end, other.data + other.image.prot_end,
               other.len - other.image.prot_end);
        judge(s, buf, s->image.prot_end + other.len - other.image.prot_end, false, "splice", i, 0);
        judge(&other, buf, s->image.prot_end + other.len - other.image.prot_end, false, "splice", i,
              1);
    }
}

static void no_change_to_a_valid_image_goes_unseen(void **state)
{
    uint8_t *buf = malloc(ROOM);

    (void)state;
    assert_non_null(buf);
    for (size_t i = 0; i < SAMPLES; i++) {
        struct subject s;

        open_subject(&s, i);
        each_bit_and_some_values(&s, buf);
        each_length(&s, buf);
        each_size_field(&s, buf);
        each_tlv_removed_doubled_or_moved(&s, buf);
        each_value_stretched(&s, buf);
        each_type_added(&s, buf);
        each_splice(&s, buf);
    }
    print_message("%zu mutations, %zu of them of what the format leaves unsigned\n", mutations,
                  unsigned_ones);
    free(buf);
    assert_int_equal(wrong, 0);
    assert_true(mutations - unsigned_ones >= MANY);
}

/* The two ways in which an ECDSA signature has more than one encoding: s and n - s sign the same
 * (SEC 1, 4.1.4), and zero bytes may follow for loaders before MCUboot 1.5. */
static void an_ecdsa_signature_may_be_mirrored_or_padded_and_nothing_else(void **state)
{
    static const int curves[] = { NID_X9_62_prime256v1, NID_secp384r1 };
    static const size_t of[] = { 1, 2 };
    uint8_t *buf = malloc(ROOM);

    (void)state;
    assert_non_null(buf);
    for (size_t i = 0; i < 2; i++) {
        EC_GROUP *group = EC_GROUP_new_by_curve_name(curves[i]);
        const struct dfu_image_tlv *tlv;
        struct subject s;
        struct area a;
        const uint8_t *p;
        ECDSA_SIG *sig;
        uint8_t der[160] = { 0 }, *out = der;
        int len;

        open_subject(&s, of[i]);
        tlv = &s.tlvs[2];
        assert_int_equal(tlv->type, DFU_TLV_ECDSA);
        p = s.data + tlv->off;
        sig = d2i_ECDSA_SIG(NULL, &p, tlv->len);
        assert_non_null(sig);
        BIGNUM *mirrored = BN_new();
        assert_true(BN_sub(mirrored, EC_GROUP_get0_order(group), ECDSA_SIG_get0_s(sig)));
        assert_true(ECDSA_SIG_set0(sig, BN_dup(ECDSA_SIG_get0_r(sig)), mirrored));
        len = i2d_ECDSA_SIG(sig, &out);
        for (size_t size = (size_t)len; size <= sizeof(der); size++) {
            begin(&a, &s, buf);
            add_own(&a, 0);
            add_own(&a, 1);
            add(&a, DFU_TLV_ECDSA, der, size);
            judge(&s, buf, a.len, size <= 128, "mirrored", size, 0);
            if (size > (size_t)len) {
                buf[a.len - 1] = 0x80;
                judge(&s, buf, a.len, false, "padded otherwise", size, 0);
            }
        }
        ECDSA_SIG_free(sig);
        EC_GROUP_free(group);
    }
    free(buf);
    assert_int_equal(wrong, 0);
}

static int set_up(void **state)
{
    (void)state;
    vectors = archive_open(VECTORS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    archive_close(&vectors);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_change_to_a_valid_image_goes_unseen),
        cmocka_unit_test(an_ecdsa_signature_may_be_mirrored_or_padded_and_nothing_else),
    };

    return cmocka_run_group_tests_name("image mutations", tests, set_up, tear_down);
}
