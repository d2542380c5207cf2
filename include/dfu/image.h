/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* image.h - MCUboot images: read and verify. (image_writer.h makes them.)
 *
 * Layout, all little-endian and unaligned: header of hdr_size bytes (32 defined), payload of
 * img_size bytes, optional protected TLV area, unprotected TLV area. Every byte is treated as
 * hostile: no length is believed before it is checked against what surrounds it. Nothing is
 * allocated; reading goes through a struct dfu_reader. */
#ifndef DFU_IMAGE_H
#define DFU_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/crypto.h"
#include "dfu/flash.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_IMAGE_MAGIC       0x96f3b83du
#define DFU_IMAGE_HEADER_SIZE 32u

enum dfu_image_flag {
    DFU_IMAGE_F_PIC = 0x1,
    DFU_IMAGE_F_ENCRYPTED_AES128 = 0x4,
    DFU_IMAGE_F_ENCRYPTED_AES256 = 0x8,
    DFU_IMAGE_F_NON_BOOTABLE = 0x10,
    DFU_IMAGE_F_RAM_LOAD = 0x20,
    DFU_IMAGE_F_ROM_FIXED = 0x100,
    DFU_IMAGE_F_COMPRESSED_LZMA1 = 0x200,
    DFU_IMAGE_F_COMPRESSED_LZMA2 = 0x400,
    DFU_IMAGE_F_COMPRESSED_ARM_THUMB = 0x800,
};

enum dfu_tlv_type {
    DFU_TLV_KEYHASH = 0x01,
    DFU_TLV_PUBKEY = 0x02,
    DFU_TLV_SHA256 = 0x10,
    DFU_TLV_SHA384 = 0x11,
    DFU_TLV_SHA512 = 0x12,
    DFU_TLV_RSA2048 = 0x20,
    DFU_TLV_ECDSA224 = 0x21,
    DFU_TLV_ECDSA = 0x22,
    DFU_TLV_RSA3072 = 0x23,
    DFU_TLV_ED25519 = 0x24,
    DFU_TLV_SIG_PURE = 0x25,
    DFU_TLV_ENC_RSA2048 = 0x30,
    DFU_TLV_ENC_KW = 0x31,
    DFU_TLV_ENC_EC256 = 0x32,
    DFU_TLV_ENC_X25519 = 0x33,
    DFU_TLV_ENC_X25519_SHA512 = 0x34,
    DFU_TLV_DEPENDENCY = 0x40,
    DFU_TLV_SEC_CNT = 0x50,
    DFU_TLV_BOOT_RECORD = 0x60,
    DFU_TLV_DECOMP_SIZE = 0x70,
    DFU_TLV_DECOMP_SHA = 0x71,
    DFU_TLV_DECOMP_SIGNATURE = 0x72,
    DFU_TLV_COMP_DEC_SIZE = 0x73,
    DFU_TLV_UUID_VID = 0x74,
    DFU_TLV_UUID_CID = 0x75,
    DFU_TLV_SBOM = 0x5ba0, /* ours, in the vendors' range: SHA-256 of a bill of materials */
};

struct dfu_image_version {
    uint8_t major, minor;
    uint16_t revision;
    uint32_t build;
};

struct dfu_image_header {
    uint32_t load_addr;
    uint16_t hdr_size;
    uint16_t protect_tlv_size;
    uint32_t img_size;
    uint32_t flags;
    struct dfu_image_version version;
};

struct dfu_image_tlv {
    uint16_t type, len;
    uint32_t off; /* of the value, from the image start */
    bool is_protected;
};

struct dfu_image_dependency {
    uint8_t image;
    struct dfu_image_version min_version;
};

/* What is wrong with an image, by the rule that refused it (image format, verification rules). */
enum dfu_image_fault {
    DFU_IMAGE_FINE = 0,
    DFU_IMAGE_TRUNCATED,  /* ends before its own lengths do */
    DFU_IMAGE_BAD_MAGIC,  /* not an image (or an erased slot) */
    DFU_IMAGE_BAD_HEADER, /* header size below 32 */
    DFU_IMAGE_BAD_TLV_MAGIC,
    DFU_IMAGE_SIZE_OVERFLOW,   /* sizes that do not fit 32 bits */
    DFU_IMAGE_TOO_LARGE,       /* fits the file but not the slot's usable size */
    DFU_IMAGE_BAD_FLAGS,       /* contradictory encryption or compression flags */
    DFU_IMAGE_BAD_PROT_SIZE,   /* header and protected area disagree */
    DFU_IMAGE_BAD_TLV_BOUNDS,  /* a TLV crosses the end of its area */
    DFU_IMAGE_TLV_NOT_ALLOWED, /* a type that must not stand in the unprotected area */
    DFU_IMAGE_BAD_TLV_VALUE,   /* a protected TLV of the wrong length, or a second counter */
    DFU_IMAGE_HASH_MISSING,
    DFU_IMAGE_HASH_LENGTH,
    DFU_IMAGE_HASH_MISMATCH,
    DFU_IMAGE_KEY_UNKNOWN, /* signed, but by none of the keys */
    DFU_IMAGE_SIG_MISSING,
    DFU_IMAGE_SIG_LENGTH,
    DFU_IMAGE_SIG_INVALID,
    DFU_IMAGE_BAD_PURE,        /* malformed pure-signature marker */
    DFU_IMAGE_ENC_MISSING,     /* encrypted, but its key is wrapped for no key of our kinds */
    DFU_IMAGE_ENC_LENGTH,      /* a wrapped key of the wrong length */
    DFU_IMAGE_ENC_KEY,         /* a wrapped key that ours do not open */
    DFU_IMAGE_NOT_SUPPORTED,   /* encrypted or compressed, and this build cannot check that */
    DFU_IMAGE_BAD_COMPRESSION, /* damaged body, or sizes and TLVs that contradict each other */
    DFU_IMAGE_NO_MEMORY,       /* to be decoded it needs more memory than there is */
    DFU_IMAGE_UNREADABLE,      /* the reader failed */
    DFU_IMAGE_COUNTER_MISSING, /* no security counter, and the loader asks for one */
    DFU_IMAGE_COUNTER_TOO_LOW, /* an image with a higher one was confirmed before */
    DFU_IMAGE_WRONG_ADDRESS,   /* linked to run from another place than the primary slot */
};

/* A short phrase for a fault, for messages: "hash does not match". Never NULL. */
const char *dfu_image_fault_text(enum dfu_image_fault fault);

/* Where everything lies, checked; filled by dfu_image_open. */
struct dfu_image {
    const struct dfu_reader *reader;
    struct dfu_image_header header;
    uint32_t tlv_off;  /* start of the first TLV area */
    uint32_t prot_end; /* end of the protected area; equals tlv_off where there is none */
    uint32_t end;      /* end of the unprotected area: the image's size, all TLVs included */
};

/* The verdict on an image. Two words that must agree, so that neither a flipped bit nor a
 * skipped assignment reads as trust; only dfu_verdict_is_trusted may look inside. */
struct dfu_verdict {
    uint32_t word, check;
};

/* The only way to ask. A verdict of zeros is not trusted. */
bool dfu_verdict_is_trusted(const struct dfu_verdict *verdict);

/* ---- Encrypted images ----
 *
 * Header and TLVs are plain, the body is AES-CTR under a key of its own, which a TLV holds wrapped
 * for the device; hash and signature are over the plain body. */

/* The key of one image's body, and where that lies: a secret, to be wiped after use. */
struct dfu_content_key {
    const struct dfu_cipher *cipher; /* NULL: the body is not encrypted */
    uint32_t body_off, body_len;     /* from the image's start */
    uint8_t len;                     /* 16 or 32 */
    uint8_t bytes[DFU_CONTENT_KEY_MAX];
};

/* What decrypts; a configuration that does not point at it links none of it. */
struct dfu_image_opener;
extern const struct dfu_image_opener dfu_image_opener;

/* Our own keys. Several may stand for one: an X25519 key for both of its hashes, an old key and
 * a new one; they are tried in order, each with the first TLV of its kind. */
struct dfu_image_decryption {
    const struct dfu_image_opener *opener; /* &dfu_image_opener */
    const struct dfu_cipher *cipher;
    const struct dfu_unwrap_key *keys;
    size_t key_count;
};

/* Unwrap the key of an opened image. out->cipher is NULL where the image is not encrypted. */
enum dfu_image_fault dfu_image_content_key(const struct dfu_image_decryption *how,
                                           const struct dfu_image *image,
                                           struct dfu_content_key *out);

/* Encrypt or decrypt what of the body lies in len bytes from off of the image. 0 or an error. */
int dfu_content_key_apply(const struct dfu_content_key *key, uint32_t off, uint8_t *data,
                          size_t len);

/* A reader of an image with its body decrypted. span must outlive it. */
struct dfu_plain_span {
    const struct dfu_reader *reader;
    struct dfu_content_key key;
};
struct dfu_reader dfu_plain_reader(struct dfu_plain_span *span);

/* Whether compressed images can be checked, and with what: one decoding at a time runs in work.
 * way is &dfu_unpack; a configuration that does not name it does not link it. */
struct dfu_unpacked;
struct dfu_unpack_way;
struct dfu_decoder;
extern const struct dfu_unpack_way dfu_unpack;
struct dfu_unpacker {
    const struct dfu_unpack_way *way;
    const struct dfu_decoder *decoder; /* decompress.h */
    void *work;                        /* aligned as for a pointer */
    size_t work_len;
    uint32_t limit; /* the largest image to decode to; 0: as of those that are stored */
};

/* Whom to trust. hashes is NULL-terminated: the hash algorithms this build has, in order of
 * preference. With keys, a signature by one of them is required (chosen by the KEYHASH or PUBKEY
 * TLV before it), and every signature that names one of them must be right. hash_only accepts an
 * image by its hash alone and must be said explicitly: no keys and no hash_only refuses
 * everything; with keys it changes nothing. A compressed image is trusted if both are right by
 * this policy: what is stored, and the image that it decodes to. */
struct dfu_image_policy {
    const struct dfu_hash_alg *const *hashes;
    const struct dfu_key *keys;
    size_t key_count;
    bool hash_only;
    const struct dfu_image_decryption *decryption; /* NULL: encrypted images are refused */
    bool body_is_clear; /* those that say they are encrypted are not: so in a primary slot */
    const struct dfu_unpacker *unpacker; /* NULL: compressed images are refused */
};

struct dfu_image_report {
    struct dfu_verdict verdict;
    enum dfu_image_fault fault;
    bool is_pure;
    int key_index;                   /* into policy->keys, or -1 */
    uint32_t size;                   /* the image's size, all TLVs included; 0 if not known */
    const struct dfu_hash_alg *hash; /* of digest; NULL before one was computed */
    uint8_t digest[DFU_HASH_MAX];    /* computed over header, payload and protected TLVs */
};

/* Parse 32 raw bytes. DFU_IMAGE_BAD_MAGIC or DFU_IMAGE_BAD_HEADER leave *out unspecified. */
enum dfu_image_fault dfu_image_header_parse(const uint8_t raw[DFU_IMAGE_HEADER_SIZE],
                                            struct dfu_image_header *out);

/* Parse and check header and TLV areas, all but the crypto. limit is the largest end allowed
 * (a slot's usable size), or 0 for the reader's size. Encrypted and compressed images open. */
enum dfu_image_fault dfu_image_open(struct dfu_image *image, const struct dfu_reader *reader,
                                    uint32_t limit);

/* Walk all TLVs, protected area first: set *cursor to 0 before the first call. 1 and *out, 0 at
 * the end, or a negative error: the reader's, or DFU_ERR_FORMAT for bytes that have changed
 * since dfu_image_open found them in order. */
int dfu_image_tlv_next(const struct dfu_image *image, uint32_t *cursor, struct dfu_image_tlv *out);

/* The first TLV of a type (protected_only: in the protected area). DFU_ERR_NOENT if absent. */
int dfu_image_tlv_find(const struct dfu_image *image, uint16_t type, bool protected_only,
                       struct dfu_image_tlv *out);

/* Read a TLV's value; DFU_ERR_NOSPACE if it is longer than cap. Returns the length. */
int dfu_image_tlv_read(const struct dfu_image *image, const struct dfu_image_tlv *tlv, void *buf,
                       size_t cap);

/* The stored hash TLV, unverified: an image's identity in device management. Returns its length
 * or a negative error; buf holds DFU_HASH_MAX bytes. */
int dfu_image_stored_hash(const struct dfu_image *image, uint8_t *buf);

/* The next dependency of the protected area, from *cursor on, which starts at 0; 1, 0 when there are
 * no more, or an error (DFU_ERR_FORMAT: not 12 bytes). */
int dfu_image_next_dependency(const struct dfu_image *image, uint32_t *cursor,
                              struct dfu_image_dependency *out);

/* Everything: open, hash, signature. buf is scratch for reading (at least 64 bytes; more is
 * faster). The report is always filled; its verdict is the only thing to act on. progress may be
 * NULL; it is called between chunks (feed a watchdog here). */
void dfu_image_verify(const struct dfu_image_policy *policy, const struct dfu_reader *reader,
                      uint32_t limit, uint8_t *buf, size_t buf_len, void (*progress)(void *ctx),
                      void *ctx, struct dfu_image_report *report);

/* -1, 0 or 1. Build numbers count only with with_build. */
int dfu_image_version_compare(const struct dfu_image_version *a, const struct dfu_image_version *b,
                              bool with_build);

/* "maj.min.rev+build" in at most 25 bytes with its NUL; returns buf. */
#define DFU_IMAGE_VERSION_STRLEN 25u
char *dfu_image_version_text(const struct dfu_image_version *version,
                             char buf[DFU_IMAGE_VERSION_STRLEN]);

/* A reader over an area from off to its end. slot must outlive the reader. */
struct dfu_area_span {
    const struct dfu_area *area;
    uint32_t off;
};
struct dfu_reader dfu_area_reader(struct dfu_area_span *span);

/* A reader over len bytes in memory. */
struct dfu_memory_span {
    const uint8_t *data;
    uint32_t len;
};
struct dfu_reader dfu_memory_reader(struct dfu_memory_span *span);

#ifdef __cplusplus
}
#endif
#endif
