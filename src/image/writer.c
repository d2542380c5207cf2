/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Images, first byte to last: header, payload (in place already), protected TLVs, then what they
 * are hashed and signed to; encrypted is last of all. The sink keeps the first error, so that only
 * the end asks for it. */
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "dfu/image_writer.h"
#include "image/version.h"

#define INFO_MAGIC         0x6907u
#define INFO_MAGIC_PROT    0x6908u
#define INFO_SIZE          4u
#define ENTRY_SIZE         4u
#define DEPENDENCY_SIZE    12u
#define UUID_SIZE          16u
#define AREA_MAX           65535u
#define BOOT_RECORD_BYTES  48u  /* 12 characters of UTF-8 */
#define BOOT_RECORD_ROOM   256u /* 48 bytes of type, two digests and the rest: below 220 */
#define VERSION_SHORT_SIZE 15u

#define CIPHER_BLOCK 16u

#define PADDED_P256 72u
#define PADDED_P384 103u

#define TRANSFORMED                                                                               \
    (DFU_IMAGE_F_ENCRYPTED_AES128 | DFU_IMAGE_F_ENCRYPTED_AES256 | DFU_IMAGE_F_COMPRESSED_LZMA1 | \
     DFU_IMAGE_F_COMPRESSED_LZMA2 | DFU_IMAGE_F_COMPRESSED_ARM_THUMB)

struct sink {
    uint8_t *buf;
    size_t cap, len;
    int err;
    bool is_big;                        /* endian */
    struct dfu_image_compression *seen; /* takes down hash and signature, where wanted */
};

static void put(struct sink *s, const void *data, size_t len)
{
    if (s->err || len == 0) {
        return;
    }
    if (len > s->cap - s->len) {
        s->err = DFU_ERR_NOSPACE;
        return;
    }
    memcpy(s->buf + s->len, data, len);
    s->len += len;
}

static void set16(bool is_big, uint8_t *raw, uint16_t value)
{
    if (is_big) {
        put_be16(raw, value);
    } else {
        put_le16(raw, value);
    }
}

static void set32(bool is_big, uint8_t *raw, uint32_t value)
{
    set16(is_big, raw + (is_big ? 2 : 0), (uint16_t)value);
    set16(is_big, raw + (is_big ? 0 : 2), (uint16_t)(value >> 16));
}

static void put_pair(struct sink *s, uint16_t first, uint16_t second)
{
    uint8_t raw[4];

    set16(s->is_big, raw, first);
    set16(s->is_big, raw + 2, second);
    put(s, raw, sizeof(raw));
}

/* A type of two bytes. */
static void put_wide_tlv(struct sink *s, uint16_t type, const void *value, size_t len)
{
    if (len > AREA_MAX) {
        s->err = s->err ? s->err : DFU_ERR_RANGE;
        return;
    }
    put_pair(s, type, (uint16_t)len);
    put(s, value, len);
}

/* The format's own types are one byte and a zero, in either byte order (image format, 7.8). */
static void put_tlv(struct sink *s, uint16_t type, const void *value, size_t len)
{
    uint16_t stored = (uint16_t)(s->is_big ? type << 8 : type);

    put_wide_tlv(s, stored, value, len);
}

/* An area's info header goes in front once its entries are known; returns where. */
static size_t begin_area(struct sink *s)
{
    size_t start = s->len;

    put_pair(s, 0, 0);
    return start;
}

static void end_area(struct sink *s, size_t start, uint16_t magic)
{
    size_t total = s->len - start;

    if (s->err) {
        return;
    }
    if (total > AREA_MAX) {
        s->err = DFU_ERR_RANGE;
        return;
    }
    set16(s->is_big, s->buf + start, magic);
    set16(s->is_big, s->buf + start + 2, (uint16_t)total);
}

static int hash_of(const struct dfu_hash_alg *alg, const void *data, size_t len, uint8_t *out)
{
    struct dfu_hash h;
    int err = alg->start(&h);

    if (err) {
        return err;
    }
    err = alg->update(&h, data, len);
    if (err) {
        (void)alg->finish(&h, NULL);
        return err;
    }
    return alg->finish(&h, out);
}

/* The hash of the signing key, as KEYHASH and the boot record carry it. */
static size_t signer_id(const struct dfu_image_spec *spec, uint8_t id[DFU_HASH_MAX], int *err)
{
    if (!spec->signer) {
        memset(id, 0, DFU_HASH_MAX);
        return 32; /* whatever the hash */
    }
    *err = hash_of(spec->hash, spec->signer->public_key, spec->signer->public_key_len, id);
    return spec->hash->size;
}

/* A CBOR head for lengths up to 255. */
static void put_cbor_head(struct sink *s, uint8_t major, size_t len)
{
    uint8_t raw[2] = { (uint8_t)(major | len), (uint8_t)len };

    if (len < 24) {
        put(s, raw, 1);
        return;
    }
    raw[0] = major | 24;
    put(s, raw, 2);
}

static void put_cbor_text(struct sink *s, uint8_t key, const char *text)
{
    put(s, &key, 1);
    put_cbor_head(s, 0x60, strlen(text));
    put(s, text, strlen(text));
}

static void put_cbor_bytes(struct sink *s, uint8_t key, const uint8_t *data, size_t len)
{
    put(s, &key, 1);
    put_cbor_head(s, 0x40, len);
    put(s, data, len);
}

static const char *version_without_build(const struct dfu_image_version *version, char *buf)
{
    struct text t = text_in(buf, VERSION_SHORT_SIZE);

    text_add_version(&t, version);
    return buf;
}

/* The measurement comes last and is zero: a measuring loader fills it in. */
static void put_boot_record(struct sink *s, const struct dfu_image_spec *spec)
{
    static const uint8_t zeros[DFU_HASH_MAX] = { 0 };
    uint8_t raw[BOOT_RECORD_ROOM], id[DFU_HASH_MAX];
    char version[VERSION_SHORT_SIZE];
    struct sink record = { .buf = raw, .cap = sizeof(raw) };
    size_t id_len = signer_id(spec, id, &record.err);

    put(&record, "\xa5", 1); /* a map of five */
    put_cbor_text(&record, 1, spec->boot_record);
    put_cbor_text(&record, 4, version_without_build(&spec->version, version));
    put_cbor_bytes(&record, 5, id, id_len);
    put_cbor_text(&record, 6, spec->hash->name);
    put_cbor_bytes(&record, 2, zeros, spec->hash->size);
    s->err = s->err ? s->err : record.err;
    put_tlv(s, DFU_TLV_BOOT_RECORD, raw, record.len);
}

static void put_dependency(struct sink *s, const struct dfu_image_dependency *dependency)
{
    uint8_t raw[DEPENDENCY_SIZE] = { dependency->image };

    raw[4] = dependency->min_version.major;
    raw[5] = dependency->min_version.minor;
    set16(s->is_big, raw + 6, dependency->min_version.revision);
    set32(s->is_big, raw + 8, dependency->min_version.build);
    put_tlv(s, DFU_TLV_DEPENDENCY, raw, sizeof(raw));
}

/* What the image is after it was decompressed. */
static void put_compression(struct sink *s, const struct dfu_image_spec *spec)
{
    const struct dfu_image_compression *c = spec->compression;
    uint8_t raw[4];

    set32(s->is_big, raw, c->plain_size);
    put_tlv(s, DFU_TLV_DECOMP_SIZE, raw, sizeof(raw));
    put_tlv(s, DFU_TLV_DECOMP_SHA, c->plain_hash, spec->hash->size);
    if (c->plain_signature_len > 0) {
        put_tlv(s, DFU_TLV_DECOMP_SIGNATURE, c->plain_signature, c->plain_signature_len);
    }
    if (spec->encryption) { /* then the body is longer than what was compressed */
        set32(s->is_big, raw, c->body_len);
        put_tlv(s, DFU_TLV_COMP_DEC_SIZE, raw, sizeof(raw));
    }
}

static bool has_protected(const struct dfu_image_spec *spec)
{
    return spec->compression || spec->security_counter || spec->boot_record ||
           spec->dependency_count > 0 || spec->vendor_id || spec->class_id ||
           spec->custom_count > 0;
}

static void put_protected(struct sink *s, const struct dfu_image_spec *spec)
{
    size_t start;

    if (!has_protected(spec)) {
        return;
    }
    start = begin_area(s);
    if (spec->security_counter) {
        uint8_t raw[4];

        set32(s->is_big, raw, *spec->security_counter);
        put_tlv(s, DFU_TLV_SEC_CNT, raw, sizeof(raw));
    }
    if (spec->boot_record) {
        put_boot_record(s, spec);
    }
    for (size_t i = 0; i < spec->dependency_count; i++) {
        put_dependency(s, &spec->dependencies[i]);
    }
    if (spec->compression) {
        put_compression(s, spec);
    }
    if (spec->vendor_id) {
        put_tlv(s, DFU_TLV_UUID_VID, spec->vendor_id, UUID_SIZE);
    }
    if (spec->class_id) {
        put_tlv(s, DFU_TLV_UUID_CID, spec->class_id, UUID_SIZE);
    }
    for (size_t i = 0; i < spec->custom_count; i++) {
        put_wide_tlv(s, spec->custom[i].type, spec->custom[i].value, spec->custom[i].len);
    }
    end_area(s, start, INFO_MAGIC_PROT);
}

static void put_signature(struct sink *s, const struct dfu_image_spec *spec, const uint8_t *digest,
                          size_t region_len)
{
    const struct dfu_signer *signer = spec->signer;
    uint8_t id[DFU_HASH_MAX], sig[DFU_SIGNATURE_MAX] = { 0 };
    size_t padded = spec->hash->size == 48 ? PADDED_P384 : PADDED_P256;
    int len;

    if (spec->with_whole_key) {
        put_tlv(s, DFU_TLV_PUBKEY, signer->public_key, signer->public_key_len);
    } else {
        size_t id_len = signer_id(spec, id, &s->err);

        put_tlv(s, DFU_TLV_KEYHASH, id, id_len);
    }
    if (s->err) {
        return;
    }
    len = spec->is_pure ? signer->sign(signer->ctx, s->buf, region_len, sig, sizeof(sig))
                        : signer->sign(signer->ctx, digest, spec->hash->size, sig, sizeof(sig));
    if (len <= 0 || (size_t)len > sizeof(sig)) {
        s->err = len < 0 ? len : DFU_ERR_INVAL;
        return;
    }
    if (spec->with_padded_signature && signer->tlv_type == DFU_TLV_ECDSA && (size_t)len < padded) {
        memset(sig + len, 0, padded - (size_t)len);
        len = (int)padded;
    }
    put_tlv(s, signer->tlv_type, sig, (size_t)len);
    if (s->seen) {
        memcpy(s->seen->plain_signature, sig, (size_t)len);
        s->seen->plain_signature_len = (size_t)len;
    }
}

static void put_wrapped_key(struct sink *s, const struct dfu_image_encryption *encryption)
{
    const struct dfu_wrapper *wrapper = encryption->wrapper;
    uint8_t wrapped[DFU_WRAPPED_KEY_MAX];
    int len;

    if (s->err) {
        return;
    }
    len = wrapper->wrap(wrapper->ctx, encryption->content_key, encryption->content_key_len, wrapped,
                        sizeof(wrapped));
    if (len <= 0 || (size_t)len > sizeof(wrapped)) {
        s->err = len < 0 ? len : DFU_ERR_INVAL;
        return;
    }
    put_tlv(s, wrapper->tlv_type, wrapped, (size_t)len);
}

static void put_unprotected(struct sink *s, const struct dfu_image_spec *spec)
{
    size_t region_len = s->len;
    size_t start = begin_area(s);
    uint8_t digest[DFU_HASH_MAX];

    if (!s->err) {
        s->err = hash_of(spec->hash, s->buf, region_len, digest);
    }
    put_tlv(s, spec->hash->tlv_type, digest, spec->hash->size);
    if (s->seen) {
        memcpy(s->seen->plain_hash, digest, spec->hash->size);
    }
    if (spec->is_pure) {
        put_tlv(s, DFU_TLV_SIG_PURE, "\x01", 1);
    }
    if (spec->signer) {
        put_signature(s, spec, digest, region_len);
    }
    if (spec->encryption) {
        put_wrapped_key(s, spec->encryption);
    }
    end_area(s, start, INFO_MAGIC);
}

static uint32_t flags_of(const struct dfu_image_spec *spec)
{
    uint32_t flags = spec->flags;

    if (spec->encryption) {
        flags |= spec->encryption->content_key_len == 16 ? DFU_IMAGE_F_ENCRYPTED_AES128
                                                         : DFU_IMAGE_F_ENCRYPTED_AES256;
    }
    if (spec->compression) {
        flags |= DFU_IMAGE_F_COMPRESSED_LZMA2;
        flags |= spec->compression->is_thumb ? DFU_IMAGE_F_COMPRESSED_ARM_THUMB : 0u;
    }
    return flags;
}

static void write_header(const struct dfu_image_spec *spec, uint32_t payload_len,
                         uint16_t protected_size, uint8_t *raw)
{
    bool is_big = spec->is_big_endian;

    set32(is_big, raw, DFU_IMAGE_MAGIC);
    set32(is_big, raw + 4, spec->load_addr);
    set16(is_big, raw + 8, spec->header_size);
    set16(is_big, raw + 10, protected_size);
    set32(is_big, raw + 12, payload_len);
    set32(is_big, raw + 16, flags_of(spec));
    raw[20] = spec->version.major;
    raw[21] = spec->version.minor;
    set16(is_big, raw + 22, spec->version.revision);
    set32(is_big, raw + 24, spec->version.build);
    set32(is_big, raw + 28, 0);
}

static size_t characters(const char *utf8)
{
    size_t count = 0;

    for (; *utf8; utf8++) {
        count += ((uint8_t)*utf8 & 0xc0) != 0x80;
    }
    return count;
}

static bool has_sense(const struct dfu_image_spec *spec)
{
    if (spec->header_size < DFU_IMAGE_HEADER_SIZE || !spec->hash || (spec->flags & TRANSFORMED)) {
        return false;
    }
    if (spec->encryption && spec->encryption->content_key_len != 16 &&
        spec->encryption->content_key_len != 32) {
        return false;
    }
    if (spec->boot_record && (characters(spec->boot_record) > DFU_BOOT_RECORD_MAX ||
                              strlen(spec->boot_record) > BOOT_RECORD_BYTES)) {
        return false;
    }
    for (size_t i = 0; i < spec->custom_count; i++) {
        if (spec->custom[i].type < DFU_TLV_CUSTOM_MIN ||
            spec->custom[i].type > DFU_TLV_CUSTOM_MAX) {
            return false;
        }
    }
    /* MCUboot takes an empty last protected TLV for an unprotected one and refuses the image. */
    return spec->custom_count == 0 || spec->custom[spec->custom_count - 1].len > 0;
}

uint32_t dfu_image_write_room(const struct dfu_image_spec *spec, uint32_t payload_len)
{
    uint64_t room = (uint64_t)spec->header_size + payload_len + INFO_SIZE + INFO_SIZE;

    room += ENTRY_SIZE + 4u + ENTRY_SIZE + BOOT_RECORD_ROOM;
    room += ENTRY_SIZE + UUID_SIZE + ENTRY_SIZE + UUID_SIZE;
    room += (uint64_t)spec->dependency_count * (ENTRY_SIZE + DEPENDENCY_SIZE);
    for (size_t i = 0; i < spec->custom_count; i++) {
        room += ENTRY_SIZE + (uint64_t)spec->custom[i].len;
    }
    room += ENTRY_SIZE + DFU_HASH_MAX + ENTRY_SIZE + 1u;
    room += ENTRY_SIZE + DFU_PUBLIC_KEY_MAX + ENTRY_SIZE + DFU_SIGNATURE_MAX;
    room += CIPHER_BLOCK - 1 + ENTRY_SIZE + DFU_WRAPPED_KEY_MAX;
    room += 4u * ENTRY_SIZE + 4u + DFU_HASH_MAX + DFU_SIGNATURE_MAX + 4u; /* compression */
    return room <= UINT32_MAX ? (uint32_t)room : 0;
}

/* The payload's length, with the zeros after it where it will be encrypted. */
static uint32_t body_len(const struct dfu_image_spec *spec, uint32_t payload_len)
{
    uint32_t end = spec->header_size + payload_len;

    return payload_len + (spec->encryption ? round_up(end, CIPHER_BLOCK) - end : 0);
}

static int encrypt(const struct dfu_image_spec *spec, uint8_t *body, uint32_t len)
{
    const struct dfu_image_encryption *how = spec->encryption;

    if (!how || how->leaves_body_clear) {
        return 0;
    }
    return how->cipher->apply(how->content_key, how->content_key_len, 0, body, len);
}

/* Header and protected TLVs around a payload that is in place: all that is hashed. */
static int write_region(struct sink *s, const struct dfu_image_spec *spec, uint32_t payload_len)
{
    size_t payload_end, body_end;

    if (payload_len > UINT32_MAX - spec->header_size - CIPHER_BLOCK) {
        return DFU_ERR_RANGE;
    }
    payload_end = (size_t)spec->header_size + payload_len;
    body_end = (size_t)spec->header_size + body_len(spec, payload_len);
    if (body_end > s->cap) {
        return DFU_ERR_NOSPACE;
    }
    memset(s->buf + payload_end, 0, body_end - payload_end);
    s->len = body_end;
    put_protected(s, spec);
    if (!s->err) {
        write_header(spec, body_len(spec, payload_len), (uint16_t)(s->len - body_end), s->buf);
    }
    return s->err;
}

static int finish(const struct sink *s, uint32_t *len)
{
    if (s->err) {
        return s->err;
    }
    if (s->len > UINT32_MAX) {
        return DFU_ERR_RANGE;
    }
    *len = (uint32_t)s->len;
    return 0;
}

int dfu_image_write_region(const struct dfu_image_spec *spec, uint8_t *buf, size_t cap,
                           uint32_t payload_len, uint32_t *len)
{
    struct sink s = { .buf = buf, .cap = cap, .is_big = spec->is_big_endian };
    int err = has_sense(spec) ? write_region(&s, spec, payload_len) : DFU_ERR_INVAL;

    return err ? err : finish(&s, len);
}

int dfu_image_write(const struct dfu_image_spec *spec, uint8_t *buf, size_t cap,
                    uint32_t payload_len, uint32_t *len)
{
    struct sink s = { .buf = buf, .cap = cap, .is_big = spec->is_big_endian };
    int err = has_sense(spec) ? write_region(&s, spec, payload_len) : DFU_ERR_INVAL;

    if (err) {
        return err;
    }
    put_unprotected(&s, spec);
    s.err = s.err ? s.err : encrypt(spec, buf + spec->header_size, body_len(spec, payload_len));
    return finish(&s, len);
}

/* Marked as encrypted, because it will be what lies in a primary slot, but not filled up. */
int dfu_image_write_decompressed(const struct dfu_image_spec *spec, uint8_t *buf, size_t cap,
                                 uint32_t payload_len, struct dfu_image_compression *out)
{
    struct sink s = { .buf = buf, .cap = cap, .is_big = spec->is_big_endian, .seen = out };
    struct dfu_image_spec plain = *spec;
    int err;

    plain.compression = NULL;
    if (!has_sense(&plain)) {
        return DFU_ERR_INVAL;
    }
    plain.flags = flags_of(&plain);
    plain.encryption = NULL;
    err = write_region(&s, &plain, payload_len);
    if (err) {
        return err;
    }
    put_unprotected(&s, &plain);
    out->plain_size = payload_len;
    return finish(&s, &out->plain_len);
}
