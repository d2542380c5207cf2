/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Every image of tests/vectors/images.tar.gz gets the verdict its manifest says. The images were
 * made by imgtool, or made wrong on purpose, and judged by MCUboot's own sources. */
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
#include "dfu/decompress.h"
#include "dfu/err.h"
#include "dfu/image.h"
#include "dfu/openssl.h"
#include "image/verdict.h"
#include "vector_keys.h"

#define VECTORS   DFU_SOURCE_DIR "/tests/vectors/images.tar.gz"
#define COLUMNS   14
#define BUF_SIZE  4096
#define SLOT_SIZE 0x40000

enum column { C_FILE, C_SHA, C_ARGS, C_EXPECTED, C_KEY, C_KIND, C_ENC_KEY = 11 };

static const struct dfu_hash_alg *const hashes[] = {
    &dfu_sha256_openssl,
    &dfu_sha384_openssl,
    &dfu_sha512_openssl,
    NULL,
};

static struct archive vectors;
static const struct dfu_decoder *decoder = &dfu_lzma2;
static uint64_t work[DFU_LZMA2_WORK_SIZE(131072u, 65536u) / 8];
static int wrong; /* verdicts that differ from what is wanted */

/* Where implementations differ and both are tolerated, we choose, mostly the stricter way. */
static const struct {
    const char *number;
    enum dfu_image_fault fault;
} choices[] = {
    { "s076", DFU_IMAGE_TLV_NOT_ALLOWED }, /* empty last protected TLV: MCUboot refuses, too */
    { "s102", DFU_IMAGE_HASH_MISMATCH },   /* DECOMP_SHA is that of another header */
    { "s229", DFU_IMAGE_TLV_NOT_ALLOWED }, /* a second signature by one key, right or wrong */
    { "s230", DFU_IMAGE_SIG_INVALID },     /* a wrong one before it */
    { "s231", DFU_IMAGE_SIG_INVALID },     /* after the DER only zero bytes */
    { "s232", DFU_IMAGE_SIG_INVALID },     /* strict DER */
    { "s233", DFU_IMAGE_SIG_INVALID },     { "s234", DFU_IMAGE_SIG_INVALID },
    { "s237", DFU_IMAGE_BAD_TLV_VALUE }, /* two security counters */
    { "s238", DFU_IMAGE_KEY_UNKNOWN },   /* half a key hash names no key */
    { "s253", DFU_IMAGE_HASH_MISMATCH }, /* a wrong hash beside a right pure signature */
    { "s259", DFU_IMAGE_BAD_TLV_VALUE },   { "s260", DFU_IMAGE_BAD_TLV_VALUE },
};

static const struct {
    const char *name;
    enum dfu_image_fault fault;
} reasons[] = {
    { "TRUNCATED", DFU_IMAGE_TRUNCATED },
    { "BAD_MAGIC", DFU_IMAGE_BAD_MAGIC },
    { "BAD_TLV_MAGIC", DFU_IMAGE_BAD_TLV_MAGIC },
    { "SIZE_OVERFLOW", DFU_IMAGE_SIZE_OVERFLOW },
    { "FLAGS", DFU_IMAGE_BAD_FLAGS },
    { "PROT_SIZE", DFU_IMAGE_BAD_PROT_SIZE },
    { "TLV_BOUNDS", DFU_IMAGE_BAD_TLV_BOUNDS },
    { "TLV_NOT_ALLOWED", DFU_IMAGE_TLV_NOT_ALLOWED },
    { "HASH_MISSING", DFU_IMAGE_HASH_MISSING },
    { "HASH_LEN", DFU_IMAGE_HASH_LENGTH },
    { "HASH_MISMATCH", DFU_IMAGE_HASH_MISMATCH },
    { "KEY_UNKNOWN", DFU_IMAGE_KEY_UNKNOWN },
    { "SIG_MISSING", DFU_IMAGE_SIG_MISSING },
    { "SIG_LEN", DFU_IMAGE_SIG_LENGTH },
    { "SIG_INVALID", DFU_IMAGE_SIG_INVALID },
    { "PURE", DFU_IMAGE_BAD_PURE },
    { "ENC_KEY", DFU_IMAGE_ENC_KEY },
};

/* Refused for another of the reasons that apply: the manifest's reason is advice. */
static const struct {
    const char *number;
    enum dfu_image_fault fault;
} other_reasons[] = {
    { "s174", DFU_IMAGE_TRUNCATED }, /* the file ends before the area does */
    { "s175", DFU_IMAGE_TRUNCATED },
    { "s178", DFU_IMAGE_BAD_TLV_BOUNDS }, /* an area smaller than its own header */
    { "s202", DFU_IMAGE_SIG_LENGTH },     /* an empty signature */
    { "s221", DFU_IMAGE_BAD_HEADER },     /* a header of no bytes */
    { "s093", DFU_IMAGE_ENC_MISSING },    /* of the kinds of ENC_KEY */
    { "s266", DFU_IMAGE_ENC_LENGTH },
    { "s267", DFU_IMAGE_ENC_LENGTH },
    { "s269", DFU_IMAGE_ENC_LENGTH },
    { "s270", DFU_IMAGE_ENC_MISSING },
};

static bool is_image(const char *file)
{
    size_t len = strlen(file);

    return len > 4 && strcmp(file + len - 4, ".bin") == 0;
}

/* Made with --clear: marked as encrypted, with a wrapped key, but for a primary slot. */
static bool is_clear(char **row)
{
    return strstr(row[C_ARGS], "--clear") != NULL;
}

/* What the library has to say about an image of the manifest. */
static enum dfu_image_fault wanted_fault(char **row)
{
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        if (strncmp(row[C_FILE], choices[i].number, 4) == 0) {
            assert_string_equal(row[C_EXPECTED], "EITHER");
            return choices[i].fault;
        }
    }
    for (size_t i = 0; i < sizeof(other_reasons) / sizeof(other_reasons[0]); i++) {
        if (strncmp(row[C_FILE], other_reasons[i].number, 4) == 0) {
            return other_reasons[i].fault;
        }
    }
    if (strcmp(row[C_EXPECTED], "BE") == 0) {
        return DFU_IMAGE_BAD_MAGIC;
    }
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (strncmp(row[C_EXPECTED], "FAIL:", 5) == 0 &&
            strcmp(row[C_EXPECTED] + 5, reasons[i].name) == 0) {
            return reasons[i].fault;
        }
    }
    if (strcmp(row[C_EXPECTED], "OK") != 0) {
        fail_msg("%s: no verdict chosen for %s", row[C_FILE], row[C_EXPECTED]);
    }
    return DFU_IMAGE_FINE;
}

/* As by a bootloader: the manifest's key is the only one trusted; without one the hash counts. */
static struct dfu_image_report verify_with(const uint8_t *data, size_t len, const char *key_name,
                                           const struct dfu_image_decryption *how, bool is_clear)
{
    struct dfu_memory_span span = { data, (uint32_t)len };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_unpacker unpacker = { &dfu_unpack, decoder, work, sizeof(work), 0 };
    struct dfu_image_policy policy = { .hashes = hashes,
                                       .hash_only = true,
                                       .decryption = how,
                                       .body_is_clear = is_clear,
                                       .unpacker = &unpacker };
    struct dfu_image_report report;
    uint8_t buf[BUF_SIZE];
    struct dfu_key key;

    if (strcmp(key_name, "-") != 0) {
        key = vector_key(&vectors, key_name);
        policy.keys = &key;
        policy.key_count = 1;
        policy.hash_only = false;
    }
    dfu_image_verify(&policy, &reader, 0, buf, sizeof(buf), NULL, NULL, &report);
    assert_int_equal(dfu_verdict_is_trusted(&report.verdict), report.fault == DFU_IMAGE_FINE);
    return report;
}

static struct dfu_image_report verify(const uint8_t *data, size_t len, const char *key_name)
{
    return verify_with(data, len, key_name, NULL, false);
}

static struct dfu_image_report verify_row(char **row, const uint8_t *data, size_t len)
{
    struct vector_device device;

    vector_device_keys(&vectors, row[C_ENC_KEY], &device);
    return verify_with(data, len, row[C_KEY], &device.how, is_clear(row));
}

static void split(char *line, char **row)
{
    for (int i = 0; i < COLUMNS; i++) {
        row[i] = line ? line : "";
        line = line ? strchr(line, '\t') : NULL;
        if (line) {
            *line++ = 0;
        }
    }
}

/* Calls visit for every image of the manifest with its columns; returns how many there were. */
static int each_image(void (*visit)(char **row, struct archive_file file))
{
    struct archive_file manifest = archive_find(&vectors, "images/manifest.tsv");
    char *text = strndup((const char *)manifest.data, manifest.len);
    char *rest = text, *line;
    int count = 0;

    while ((line = strsep(&rest, "\n")) != NULL) {
        char *row[COLUMNS], path[128];

        split(line, row);
        if (is_image(row[C_FILE]) && strcmp(row[C_EXPECTED], "-") != 0) {
            snprintf(path, sizeof(path), "images/%s", row[C_FILE]);
            visit(row, archive_find(&vectors, path));
            count++;
        }
    }
    free(text);
    return count;
}

static void judge_as_file(char **row, struct archive_file file)
{
    enum dfu_image_fault fault = verify_row(row, file.data, file.len).fault;
    enum dfu_image_fault wanted = wanted_fault(row);

    if (fault != wanted) {
        print_error("%s (%s): %s, wanted: %s\n", row[C_FILE], row[C_EXPECTED],
                    dfu_image_fault_text(fault), dfu_image_fault_text(wanted));
        wrong++;
    }
}

/* What lies behind a cut file is erased flash, so only accepted or refused is the same. */
static void judge_in_slot(char **row, struct archive_file file)
{
    static uint8_t slot[SLOT_SIZE];
    bool is_accepted;

    assert_true(file.len <= sizeof(slot));
    memset(slot, 0xff, sizeof(slot));
    memcpy(slot, file.data, file.len);
    is_accepted = verify_row(row, slot, sizeof(slot)).fault == DFU_IMAGE_FINE;
    if (is_accepted != (wanted_fault(row) == DFU_IMAGE_FINE)) {
        print_error("%s (%s) in a slot: %s\n", row[C_FILE], row[C_EXPECTED],
                    is_accepted ? "accepted" : "refused");
        wrong++;
    }
}

static void every_image_gets_the_verdict_of_the_manifest(void **state)
{
    (void)state;
    wrong = 0;
    assert_int_equal(each_image(judge_as_file), 278);
    decoder = &dfu_lzma2_liblzma;
    assert_int_equal(each_image(judge_as_file), 278);
    decoder = &dfu_lzma2;
    assert_int_equal(wrong, 0);
}

static void an_image_in_a_slot_of_erased_flash_gets_the_same_verdict(void **state)
{
    (void)state;
    wrong = 0;
    assert_int_equal(each_image(judge_in_slot), 278);
    assert_int_equal(wrong, 0);
}

static void without_keys_and_without_saying_hash_only_nothing_is_trusted(void **state)
{
    struct archive_file file = archive_find(&vectors, "images/s001-unsigned-sha256-1024.bin");
    struct dfu_memory_span span = { file.data, (uint32_t)file.len };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_image_policy policy = { .hashes = hashes };
    struct dfu_image_report report;
    uint8_t buf[BUF_SIZE];

    (void)state;
    dfu_image_verify(&policy, &reader, 0, buf, sizeof(buf), NULL, NULL, &report);
    assert_false(dfu_verdict_is_trusted(&report.verdict));
    policy.hash_only = true;
    dfu_image_verify(&policy, &reader, 0, buf, sizeof(buf), NULL, NULL, &report);
    assert_true(dfu_verdict_is_trusted(&report.verdict));
}

/* No length, offset or count may go unchecked: every cut of a signed image is refused. */
static void an_image_cut_at_any_byte_is_refused(void **state)
{
    static const char *const names[] = { "s126-base-p256.bin", "s127-base-ed.bin",
                                         "s042-ed25519-pure.bin" };
    static const char *const keys[] = { "test-only-ecdsa-p256.pem", "test-only-ed25519.pem",
                                        "test-only-ed25519.pem" };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];
        struct archive_file file;

        snprintf(path, sizeof(path), "images/%s", names[i]);
        file = archive_find(&vectors, path);
        for (size_t len = 0; len < file.len; len += len < 32 || len > 1040 ? 1 : 97) {
            assert_int_not_equal(verify(file.data, len, keys[i]).fault, DFU_IMAGE_FINE);
        }
        assert_int_equal(verify(file.data, file.len, keys[i]).fault, DFU_IMAGE_FINE);
    }
}

/* The hash covers all but the unprotected TLVs, and there every byte matters, too. */
static void an_image_with_any_bit_flipped_is_refused(void **state)
{
    struct archive_file file = archive_find(&vectors, "images/s015-ex-protected-19.bin");
    uint8_t copy[512];

    (void)state;
    assert_true(file.len <= sizeof(copy));
    memcpy(copy, file.data, file.len);
    for (size_t bit = 0; bit < file.len * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_not_equal(verify(copy, file.len, "test-only-ed25519.pem").fault, DFU_IMAGE_FINE);
        copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

/* imgtool never puts two keys on one image; MCUboot accepts that, and so do we. */
static void the_key_that_signed_is_found_among_many(void **state)
{
    static const char *const names[] = { "test-only-rsa-2048.pem", "test-only-other-ed25519.pem",
                                         "test-only-ecdsa-p384.pem", "test-only-ed25519.pem",
                                         "test-only-ecdsa-p256.pem" };
    static const struct {
        const char *image;
        int key_index;
    } cases[] = {
        { "images/s012-ex-rsa2048-19.bin", 0 }, { "images/s021-p384-1024.bin", 2 },
        { "images/s042-ed25519-pure.bin", 3 },  { "images/s041-ed25519-sha512.bin", 3 },
        { "images/s019-p256-fullkey.bin", 4 },  { "images/s011-ex-p256-19.bin", 4 },
        { "images/s031-rsa3072-1024.bin", -1 },
    };
    uint8_t buf[BUF_SIZE];
    struct dfu_key keys[5];

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        keys[i] = vector_key(&vectors, names[i]);
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct archive_file file = archive_find(&vectors, cases[i].image);
        struct dfu_memory_span span = { file.data, (uint32_t)file.len };
        struct dfu_reader reader = dfu_memory_reader(&span);
        struct dfu_image_policy policy = { .hashes = hashes, .keys = keys, .key_count = 5 };
        struct dfu_image_report report;

        dfu_image_verify(&policy, &reader, 0, buf, sizeof(buf), NULL, NULL, &report);
        assert_int_equal(report.key_index, cases[i].key_index);
        assert_int_equal(dfu_verdict_is_trusted(&report.verdict), cases[i].key_index >= 0);
    }
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
    struct archive_file file = archive_find(&vectors, "images/s015-ex-protected-19.bin");
    struct dfu_image_report report;
    int reads = 0;

    (void)state;
    do {
        struct failing f = { { file.data, (uint32_t)file.len }, reads };
        struct dfu_reader reader = { read_or_fail, &f, (uint32_t)file.len };
        uint8_t buf[64];
        struct dfu_key key = vector_key(&vectors, "test-only-ed25519.pem");
        struct dfu_image_policy policy = { .hashes = hashes, .keys = &key, .key_count = 1 };

        dfu_image_verify(&policy, &reader, 0, buf, sizeof(buf), NULL, NULL, &report);
        if (f.left < 0) {
            assert_false(dfu_verdict_is_trusted(&report.verdict));
            assert_int_equal(report.fault, DFU_IMAGE_UNREADABLE);
        }
    } while (!dfu_verdict_is_trusted(&report.verdict) && ++reads < 200);
    assert_true(reads > 20 && reads < 200);
}

/* A verdict in memory that somebody flips a bit of is no verdict any more. */
static void a_verdict_with_any_bit_flipped_is_not_trust(void **state)
{
    struct archive_file file = archive_find(&vectors, "images/s001-unsigned-sha256-1024.bin");
    struct dfu_verdict good = verify(file.data, file.len, "-").verdict;
    struct dfu_verdict zero = { 0, 0 }, ones = { UINT32_MAX, UINT32_MAX };

    (void)state;
    assert_true(dfu_verdict_is_trusted(&good));
    assert_false(dfu_verdict_is_trusted(&zero));
    assert_false(dfu_verdict_is_trusted(&ones));
    for (int bit = 0; bit < 32; bit++) {
        struct dfu_verdict word = { good.word ^ (1u << bit), good.check };
        struct dfu_verdict check = { good.word, good.check ^ (1u << bit) };
        struct dfu_verdict both = { good.word ^ (1u << bit), good.check ^ (1u << bit) };

        assert_false(dfu_verdict_is_trusted(&word));
        assert_false(dfu_verdict_is_trusted(&check));
        assert_false(dfu_verdict_is_trusted(&both));
    }
}

static void an_image_larger_than_the_limit_is_refused_before_it_is_hashed(void **state)
{
    struct archive_file file = archive_find(&vectors, "images/s001-unsigned-sha256-1024.bin");
    struct dfu_memory_span span = { file.data, (uint32_t)file.len };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_image image;

    (void)state;
    assert_int_equal(dfu_image_open(&image, &reader, (uint32_t)file.len), DFU_IMAGE_FINE);
    assert_int_equal(dfu_image_open(&image, &reader, (uint32_t)file.len - 1), DFU_IMAGE_TOO_LARGE);
}

static void what_an_image_says_about_itself_is_read(void **state)
{
    struct archive_file file = archive_find(&vectors, "images/s015-ex-protected-19.bin");
    struct dfu_memory_span span = { file.data, (uint32_t)file.len };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_image image;
    struct dfu_image_tlv tlv;
    struct dfu_image_dependency dependency;
    char text[DFU_IMAGE_VERSION_STRLEN];
    uint8_t hash[DFU_HASH_MAX], counter[4];
    uint32_t at = 0;

    (void)state;
    assert_int_equal(dfu_image_open(&image, &reader, 0), DFU_IMAGE_FINE);
    assert_string_equal(dfu_image_version_text(&image.header.version, text), "1.2.3+4");
    assert_int_equal(dfu_image_next_dependency(&image, &at, &dependency), 1);
    assert_int_equal(dependency.image, 1);
    assert_string_equal(dfu_image_version_text(&dependency.min_version, text), "2.3.4+5");
    assert_int_equal(dfu_image_next_dependency(&image, &at, &dependency), 0);
    assert_int_equal(dfu_image_tlv_find(&image, DFU_TLV_SEC_CNT, true, &tlv), 0);
    assert_int_equal(dfu_image_tlv_read(&image, &tlv, counter, sizeof(counter)), 4);
    assert_memory_equal(counter, "\x07\0\0\0", 4);
    assert_int_equal(dfu_image_tlv_read(&image, &tlv, counter, 3), DFU_ERR_NOSPACE);
    assert_int_equal(dfu_image_tlv_find(&image, DFU_TLV_SHA256, true, &tlv), DFU_ERR_NOENT);
    assert_int_equal(dfu_image_stored_hash(&image, hash), 32);
    assert_memory_equal(hash, "\xe4\x15\xc1\x48", 4);
    assert_int_equal(image.end, file.len);
}

/* An Ed25519 image taken apart and put together anew: its hashed part and hash, then any TLVs. */
struct assembly {
    uint8_t buf[1024];
    size_t len, info; /* info: where the unprotected area starts */
    const uint8_t *keyhash, *signature;
};

enum { HASH_ENTRY = 4 + 32, KEYHASH_SIZE = 32, ED25519_SIZE = 64 };

static struct assembly assemble(void)
{
    struct archive_file file = archive_find(&vectors, "images/s013-ex-ed25519-19.bin");
    struct assembly a = { .info = 32 + 19 };

    a.len = a.info + 4 + HASH_ENTRY;
    a.keyhash = file.data + a.len + 4;
    a.signature = a.keyhash + KEYHASH_SIZE + 4;
    memcpy(a.buf, file.data, a.len);
    return a;
}

static void add_tlv(struct assembly *a, uint16_t type, const void *value, size_t len)
{
    size_t total;

    assert_true(a->len + 4 + len <= sizeof(a->buf));
    a->buf[a->len] = (uint8_t)type;
    a->buf[a->len + 1] = (uint8_t)(type >> 8);
    a->buf[a->len + 2] = (uint8_t)len;
    a->buf[a->len + 3] = (uint8_t)(len >> 8);
    memcpy(a->buf + a->len + 4, value, len);
    a->len += 4 + len;
    total = a->len - a->info;
    a->buf[a->info + 2] = (uint8_t)total;
    a->buf[a->info + 3] = (uint8_t)(total >> 8);
}

static enum dfu_image_fault fault_of(const struct assembly *a)
{
    return verify(a->buf, a->len, "test-only-ed25519.pem").fault;
}

/* S6: every signature needs a key named before it; one without belongs to somebody else. */
static void a_signature_uses_up_the_key_named_before_it(void **state)
{
    static const uint8_t foreign[ED25519_SIZE] = { 1 };
    struct assembly a = assemble();

    (void)state;
    add_tlv(&a, DFU_TLV_KEYHASH, a.keyhash, KEYHASH_SIZE);
    add_tlv(&a, DFU_TLV_ED25519, a.signature, ED25519_SIZE);
    assert_int_equal(fault_of(&a), DFU_IMAGE_FINE);
    add_tlv(&a, DFU_TLV_ED25519, foreign, sizeof(foreign));
    assert_int_equal(fault_of(&a), DFU_IMAGE_FINE);
    add_tlv(&a, DFU_TLV_KEYHASH, a.keyhash, KEYHASH_SIZE);
    add_tlv(&a, DFU_TLV_ED25519, foreign, sizeof(foreign));
    assert_int_equal(fault_of(&a), DFU_IMAGE_TLV_NOT_ALLOWED);
}

/* S1: even where a right pair follows. */
static void a_key_hash_longer_than_the_hash_refuses_the_image(void **state)
{
    uint8_t longer[KEYHASH_SIZE + 1] = { 0 };
    struct assembly a = assemble();

    (void)state;
    memcpy(longer, a.keyhash, KEYHASH_SIZE);
    add_tlv(&a, DFU_TLV_KEYHASH, longer, sizeof(longer));
    add_tlv(&a, DFU_TLV_KEYHASH, a.keyhash, KEYHASH_SIZE);
    add_tlv(&a, DFU_TLV_ED25519, a.signature, ED25519_SIZE);
    assert_int_equal(fault_of(&a), DFU_IMAGE_KEY_UNKNOWN);
}

static void a_key_in_the_image_must_be_the_whole_of_a_trusted_one(void **state)
{
    struct dfu_key key = vector_key(&vectors, "test-only-ed25519.pem");
    uint8_t longer[64] = { 0 };

    (void)state;
    memcpy(longer, key.der, key.der_len);
    for (size_t len = 0; len <= key.der_len + 1; len++) {
        struct assembly a = assemble();

        add_tlv(&a, DFU_TLV_PUBKEY, longer, len);
        add_tlv(&a, DFU_TLV_ED25519, a.signature, ED25519_SIZE);
        assert_int_equal(fault_of(&a), len == key.der_len ? DFU_IMAGE_FINE : DFU_IMAGE_KEY_UNKNOWN);
    }
}

static void a_scratch_buffer_below_64_bytes_proves_nothing(void **state)
{
    struct archive_file file = archive_find(&vectors, "images/s001-unsigned-sha256-1024.bin");
    struct dfu_memory_span span = { file.data, (uint32_t)file.len };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_image_policy policy = { .hashes = hashes, .hash_only = true };
    struct dfu_image_report report;
    uint8_t buf[64];

    (void)state;
    for (size_t len = 0; len <= sizeof(buf); len++) {
        dfu_image_verify(&policy, &reader, 0, buf, len, NULL, NULL, &report);
        assert_int_equal(dfu_verdict_is_trusted(&report.verdict), len == sizeof(buf));
    }
}

static int unpack(void **state)
{
    (void)state;
    vectors = archive_open(VECTORS);
    return 0;
}

static int pack_up(void **state)
{
    (void)state;
    archive_close(&vectors);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_image_gets_the_verdict_of_the_manifest),
        cmocka_unit_test(an_image_in_a_slot_of_erased_flash_gets_the_same_verdict),
        cmocka_unit_test(without_keys_and_without_saying_hash_only_nothing_is_trusted),
        cmocka_unit_test(an_image_cut_at_any_byte_is_refused),
        cmocka_unit_test(an_image_with_any_bit_flipped_is_refused),
        cmocka_unit_test(the_key_that_signed_is_found_among_many),
        cmocka_unit_test(a_reader_that_fails_at_any_time_ends_in_refusal),
        cmocka_unit_test(a_verdict_with_any_bit_flipped_is_not_trust),
        cmocka_unit_test(an_image_larger_than_the_limit_is_refused_before_it_is_hashed),
        cmocka_unit_test(what_an_image_says_about_itself_is_read),
        cmocka_unit_test(a_signature_uses_up_the_key_named_before_it),
        cmocka_unit_test(a_key_hash_longer_than_the_hash_refuses_the_image),
        cmocka_unit_test(a_key_in_the_image_must_be_the_whole_of_a_trusted_one),
        cmocka_unit_test(a_scratch_buffer_below_64_bytes_proves_nothing),
    };
    return cmocka_run_group_tests_name("image vectors", tests, unpack, pack_up);
}
