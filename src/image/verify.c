/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Open, decrypt, hash, signature. Names like T8 and S4 are the rules of the image format's
 * verification section. Each step returns a fault or adds to what is proved; verdict.c decides. */
#include <string.h>

#include "base/bytes.h"
#include "dfu/err.h"
#include "image/decrypt.h"
#include "image/fixed.h"
#include "image/unpack.h"
#include "image/verdict.h"

#define BUF_MIN 64u

#define ENCRYPTED (DFU_IMAGE_F_ENCRYPTED_AES128 | DFU_IMAGE_F_ENCRYPTED_AES256)

/* One verification under way. */
struct check {
    const struct dfu_image_policy *policy;
    struct dfu_image_report *report;
    uint8_t *buf;
    size_t buf_len;
    void (*progress)(void *ctx);
    void *ctx;
    /* What they are, not what they must be after a comparison. */
    volatile uint32_t hash_proof, signature_proof, unpacked_proof;

    size_t signatures;    /* that were checked */
    int key_index;        /* the key that the next signature is by, or -1 */
    bool has_foreign_sig; /* a signature of a known scheme, but by no known key */
    struct dfu_image image;
    struct dfu_plain_span plain; /* where the body is encrypted: the image as it was hashed */
    struct dfu_reader plain_reader;
};

static void feed(const struct check *c)
{
    if (c->progress) {
        c->progress(c->ctx);
    }
}

static enum dfu_image_fault fault_of(int err)
{
    return err == DFU_ERR_FORMAT ? DFU_IMAGE_BAD_TLV_BOUNDS : DFU_IMAGE_UNREADABLE;
}

static bool key_signs_hash(const struct dfu_key *key, uint16_t hash_type)
{
    for (size_t i = 0; i < sizeof(key->alg->hash_types) / sizeof(key->alg->hash_types[0]); i++) {
        if (key->alg->hash_types[i] != 0 && key->alg->hash_types[i] == hash_type) {
            return true;
        }
    }
    return false;
}

static bool any_key_signs_hash(const struct dfu_image_policy *policy, uint16_t hash_type)
{
    for (size_t i = 0; i < policy->key_count; i++) {
        if (key_signs_hash(&policy->keys[i], hash_type)) {
            return true;
        }
    }
    return policy->key_count == 0;
}

static bool any_key_signs_pure(const struct dfu_image_policy *policy)
{
    for (size_t i = 0; i < policy->key_count; i++) {
        if (policy->keys[i].alg->verify_message) {
            return true;
        }
    }
    return policy->key_count == 0;
}

static const struct dfu_hash_alg *hash_of(const struct check *c)
{
    return fixed_found(c->report->hash);
}

/* Each TLV of the image, until one is at fault. */
static enum dfu_image_fault visit_tlvs(
    struct check *c,
    enum dfu_image_fault (*visit)(struct check *c, const struct dfu_image_tlv *tlv))
{
    enum dfu_image_fault fault = DFU_IMAGE_FINE;
    struct dfu_image_tlv tlv;
    uint32_t cursor = 0;

    while (!fault) {
        int more = dfu_image_tlv_next(&c->image, &cursor, &tlv);

        if (more <= 0) {
            return more < 0 ? fault_of(more) : DFU_IMAGE_FINE;
        }
        fault = visit(c, &tlv);
    }
    return fault;
}

/* T10: one byte of value 1, and of use to one of our keys. */
static enum dfu_image_fault check_pure_marker(struct check *c, const struct dfu_image_tlv *tlv)
{
    uint8_t value = 0;

    if (tlv->type != DFU_TLV_SIG_PURE || tlv->is_protected) {
        return DFU_IMAGE_FINE;
    }
    if (!any_key_signs_pure(fixed_policy(c->policy))) {
        return DFU_IMAGE_TLV_NOT_ALLOWED;
    }
    if (tlv->len != 1) {
        return DFU_IMAGE_BAD_PURE;
    }
    if (dfu_image_tlv_read(&c->image, tlv, &value, 1) < 0) {
        return DFU_IMAGE_UNREADABLE;
    }
    if (value != 1) {
        return DFU_IMAGE_BAD_PURE;
    }
    c->report->is_pure = true;
    return DFU_IMAGE_FINE;
}

/* T9: the first algorithm of the policy that the image has a hash of and one of the keys signs. */
static enum dfu_image_fault choose_hash(struct check *c)
{
    const struct dfu_hash_alg *alg;

    for (size_t i = 0; (alg = fixed_hash(c->policy, i)) != NULL; i++) {
        struct dfu_image_tlv tlv;
        int err;

        if (!any_key_signs_hash(fixed_policy(c->policy), alg->tlv_type)) {
            continue;
        }
        err = dfu_image_tlv_find(&c->image, alg->tlv_type, false, &tlv);
        if (!err) {
            c->report->hash = alg;
            return DFU_IMAGE_FINE;
        }
        if (err != DFU_ERR_NOENT) {
            return fault_of(err);
        }
    }
    /* A pure signature by a key proves the bytes themselves. */
    return c->report->is_pure && fixed_policy(c->policy)->key_count > 0 ? DFU_IMAGE_FINE
                                                                        : DFU_IMAGE_HASH_MISSING;
}

static int update_with_region(struct check *c, struct dfu_hash *h)
{
    const struct dfu_reader *reader = c->image.reader;

    for (uint32_t off = 0; off < c->image.prot_end;) {
        size_t len = c->image.prot_end - off;
        int err;

        len = len < c->buf_len ? len : c->buf_len;
        err = fixed_read(reader, off, c->buf, len);
        if (!err) {
            err = hash_of(c)->update(h, c->buf, len);
        }
        if (err) {
            return err;
        }
        off += (uint32_t)len;
        feed(c);
    }
    return 0;
}

static enum dfu_image_fault compute_hash(struct check *c)
{
    struct dfu_hash h;
    int err = hash_of(c)->start(&h);

    if (err) {
        return DFU_IMAGE_UNREADABLE;
    }
    err = update_with_region(c, &h);
    if (err) {
        (void)hash_of(c)->finish(&h, NULL);
        return DFU_IMAGE_UNREADABLE;
    }
    return hash_of(c)->finish(&h, c->report->digest) ? DFU_IMAGE_UNREADABLE : DFU_IMAGE_FINE;
}

/* T8: every stored hash of the chosen kind. */
static enum dfu_image_fault check_hash(struct check *c, const struct dfu_image_tlv *tlv)
{
    const struct dfu_hash_alg *alg = hash_of(c);
    uint8_t stored[DFU_HASH_MAX];

    if (tlv->type != alg->tlv_type) {
        return DFU_IMAGE_FINE;
    }
    if (tlv->len != alg->size) {
        return DFU_IMAGE_HASH_LENGTH;
    }
    if (dfu_image_tlv_read(&c->image, tlv, stored, sizeof(stored)) < 0) {
        return DFU_IMAGE_UNREADABLE;
    }
    c->hash_proof = verdict_same_bytes(stored, c->report->digest, alg->size);
    return c->hash_proof == PROOF_HASH ? DFU_IMAGE_FINE : DFU_IMAGE_HASH_MISMATCH;
}

/* The hash that KEYHASH is made with: the image's, or where a pure image has none the one that
 * fits its length. */
static const struct dfu_hash_alg *keyhash_alg(const struct check *c, uint16_t len)
{
    const struct dfu_hash_alg *alg = hash_of(c);

    if (alg) {
        return alg->size == len ? alg : NULL;
    }
    for (size_t i = 0; (alg = fixed_hash(c->policy, i)) != NULL; i++) {
        if (alg->size == len) {
            return alg;
        }
    }
    return NULL;
}

static bool is_hash_of_key(const struct dfu_hash_alg *alg, const struct dfu_key *key,
                           const uint8_t *keyhash)
{
    uint8_t digest[DFU_HASH_MAX];
    struct dfu_hash h;

    if (alg->start(&h)) {
        return false;
    }
    if (alg->update(&h, key->der, key->der_len)) {
        (void)alg->finish(&h, NULL);
        return false;
    }
    return alg->finish(&h, digest) == 0 && memcmp(digest, keyhash, alg->size) == 0;
}

/* S1, S2: all bytes of the hash, not as many as are there. */
static enum dfu_image_fault select_by_hash(struct check *c, const struct dfu_image_tlv *tlv)
{
    const struct dfu_hash_alg *alg = keyhash_alg(c, tlv->len);
    uint8_t keyhash[DFU_HASH_MAX];

    c->key_index = -1;
    if (tlv->len > (hash_of(c) ? hash_of(c)->size : DFU_HASH_MAX)) {
        return DFU_IMAGE_KEY_UNKNOWN;
    }
    if (!alg) {
        return DFU_IMAGE_FINE;
    }
    if (dfu_image_tlv_read(&c->image, tlv, keyhash, sizeof(keyhash)) < 0) {
        return DFU_IMAGE_UNREADABLE;
    }
    for (size_t i = 0; i < fixed_policy(c->policy)->key_count && c->key_index < 0; i++) {
        if (is_hash_of_key(alg, fixed_key(c->policy, i), keyhash)) {
            c->key_index = (int)i;
        }
    }
    return DFU_IMAGE_FINE;
}

static enum dfu_image_fault has_value(const struct check *c, const struct dfu_image_tlv *tlv,
                                      const uint8_t *value, bool *out)
{
    const struct dfu_reader *reader = c->image.reader;
    uint32_t off = 0;

    *out = false;
    while (off < tlv->len) {
        size_t len = tlv->len - off < c->buf_len ? tlv->len - off : c->buf_len;

        if (fixed_read(reader, tlv->off + off, c->buf, len)) {
            return DFU_IMAGE_UNREADABLE;
        }
        if (memcmp(c->buf, value + off, len) != 0) {
            return DFU_IMAGE_FINE;
        }
        off += (uint32_t)len;
    }
    *out = true;
    return DFU_IMAGE_FINE;
}

/* S3: a key in the image is worth something only if it is one of ours. */
static enum dfu_image_fault select_by_key(struct check *c, const struct dfu_image_tlv *tlv)
{
    c->key_index = -1;
    for (size_t i = 0; i < fixed_policy(c->policy)->key_count; i++) {
        bool same = false;
        enum dfu_image_fault fault = DFU_IMAGE_FINE;

        if (fixed_key(c->policy, i)->der_len == tlv->len) {
            fault = has_value(c, tlv, fixed_key(c->policy, i)->der, &same);
        }
        if (fault) {
            return fault;
        }
        if (same) {
            c->key_index = (int)i;
            break;
        }
    }
    return DFU_IMAGE_FINE;
}

static bool is_known_scheme(const struct dfu_image_policy *policy, uint16_t tlv_type)
{
    for (size_t i = 0; i < policy->key_count; i++) {
        if (policy->keys[i].alg->tlv_type == tlv_type) {
            return true;
        }
    }
    return false;
}

/* As a signature of all bytes reads the image: that takes as long as a hash. */
static int read_fed(void *ctx, uint32_t off, void *buf, size_t len)
{
    const struct check *c = ctx;
    int err = fixed_read(c->image.reader, off, buf, len);

    feed(c);
    return err;
}

static int verify_signature(struct check *c, const struct dfu_key *key, const uint8_t *sig,
                            size_t sig_len)
{
    const struct dfu_reader fed = { read_fed, c, c->image.reader->size };
    const struct dfu_hash_alg *hash = hash_of(c);

    if (c->report->is_pure) {
        return key->alg->verify_message
                   ? key->alg->verify_message(key, &fed, c->image.prot_end, sig, sig_len)
                   : DFU_ERR_VERIFY;
    }
    if (!hash || !key_signs_hash(key, hash->tlv_type)) {
        return DFU_ERR_VERIFY;
    }
    return key->alg->verify(key, c->report->digest, hash->size, sig, sig_len);
}

/* S4 to S7, stricter than S7: one wrong signature by a key of ours refuses the image, and so do more
 * than there are keys. Anybody can repeat one, and each takes as long as the first. */
static enum dfu_image_fault check_signature(struct check *c, const struct dfu_image_tlv *tlv)
{
    const struct dfu_key *key;
    uint8_t sig[DFU_SIGNATURE_MAX];

    if (c->key_index < 0) {
        c->has_foreign_sig = c->has_foreign_sig || !tlv->is_protected;
        return DFU_IMAGE_FINE;
    }
    key = fixed_key(c->policy, (size_t)c->key_index);
    if (key->alg->tlv_type != tlv->type) {
        return DFU_IMAGE_FINE;
    }
    if (tlv->len < key->alg->min_len || tlv->len > key->alg->max_len || tlv->len > sizeof(sig)) {
        return DFU_IMAGE_SIG_LENGTH;
    }
    if (c->signatures++ == fixed_policy(c->policy)->key_count) {
        return DFU_IMAGE_TLV_NOT_ALLOWED;
    }
    if (dfu_image_tlv_read(&c->image, tlv, sig, sizeof(sig)) < 0) {
        return DFU_IMAGE_UNREADABLE;
    }
    c->signature_proof = verdict_signature(verify_signature(c, key, sig, tlv->len));
    if (c->signature_proof != PROOF_SIGNATURE) {
        return DFU_IMAGE_SIG_INVALID;
    }
    c->report->key_index = c->key_index;
    c->key_index = -1;
    return DFU_IMAGE_FINE;
}

static enum dfu_image_fault check_key_or_signature(struct check *c, const struct dfu_image_tlv *tlv)
{
    enum dfu_image_fault fault = DFU_IMAGE_FINE;

    if (tlv->type == DFU_TLV_KEYHASH) {
        fault = select_by_hash(c, tlv);
    } else if (tlv->type == DFU_TLV_PUBKEY) {
        fault = select_by_key(c, tlv);
    } else if (is_known_scheme(fixed_policy(c->policy), tlv->type)) {
        fault = check_signature(c, tlv);
    }
    feed(c);
    return fault;
}

static enum dfu_image_fault check_signatures(struct check *c)
{
    enum dfu_image_fault fault = visit_tlvs(c, check_key_or_signature);

    if (!fault && c->signature_proof != PROOF_SIGNATURE) {
        fault = c->has_foreign_sig ? DFU_IMAGE_KEY_UNKNOWN : DFU_IMAGE_SIG_MISSING;
    }
    return fault;
}

/* From here on the image is read as it was hashed and signed: decrypted. */
static enum dfu_image_fault open_body(struct check *c)
{
    const struct dfu_image_decryption *how = fixed_policy(c->policy)->decryption;
    enum dfu_image_fault fault;

    if ((c->image.header.flags & ENCRYPTED) == 0) {
        return DFU_IMAGE_FINE;
    }
    if (!how) {
        return DFU_IMAGE_NOT_SUPPORTED;
    }
    if (c->policy->body_is_clear) {
        return DFU_IMAGE_FINE;
    }
    fault = how->opener->find_key(how, &c->image, &c->plain.key);
    if (!fault) {
        c->plain.reader = c->image.reader;
        c->plain_reader =
            (struct dfu_reader){ how->opener->read, &c->plain, c->image.reader->size };
        c->image.reader = &c->plain_reader;
    }
    return fault;
}

/* What is opened: its own hash and signature. */
static enum dfu_image_fault check_opened(struct check *c)
{
    enum dfu_image_fault fault = visit_tlvs(c, check_pure_marker);

    if (!fault) {
        fault = choose_hash(c);
    }
    if (!fault && hash_of(c)) {
        fault = compute_hash(c);
        if (!fault) {
            fault = visit_tlvs(c, check_hash);
        }
    }
    if (!fault && fixed_policy(c->policy)->key_count > 0) {
        fault = check_signatures(c);
    }
    return fault;
}

static uint32_t needed_proof(const struct check *c)
{
    uint32_t unpacked = c->image.header.flags & COMPRESSED ? PROOF_UNPACKED : PROOF_NONE;

    if (fixed_policy(c->policy)->key_count == 0) {
        return PROOF_HASH ^ unpacked;
    }
    return (hash_of(c) ? PROOF_HASH ^ PROOF_SIGNATURE : PROOF_SIGNATURE) ^ unpacked;
}

/* The image that a compressed one decodes to, by the same rules; into a report of its own. */
static enum dfu_image_fault check_unpacked(struct check *c, struct dfu_unpacked *u, uint32_t limit)
{
    const struct dfu_unpacker *how = fixed_unpacker(c->policy);
    struct dfu_image_report report = { .key_index = -1 };
    struct check inner = {
        .policy = c->policy,
        .report = &report,
        .buf = c->buf,
        .buf_len = c->buf_len,
        .progress = c->progress,
        .ctx = c->ctx,
        .key_index = -1,
    };
    enum dfu_image_fault fault;

    verdict_refuse(&report.verdict);
    fault = dfu_image_open(&inner.image, &u->reader, how->limit > 0 ? how->limit : limit);
    if (!fault) {
        fault = check_opened(&inner);
    }
    if (u->stream_err) {
        fault = DFU_IMAGE_BAD_COMPRESSION; /* whatever that led to */
    }
    verdict_decide(&report.verdict, fault, inner.hash_proof ^ inner.signature_proof,
                   needed_proof(&inner));
    c->unpacked_proof = verdict_unpacked(&report.verdict);
    return fault;
}

static enum dfu_image_fault check_image(struct check *c, const struct dfu_reader *reader,
                                        uint32_t limit)
{
    const struct dfu_unpacker *unpacker = fixed_unpacker(c->policy);
    enum dfu_image_fault fault = dfu_image_open(&c->image, reader, limit);
    bool is_compressed = (c->image.header.flags & COMPRESSED) != 0;
    struct dfu_unpacked unpacked;

    if (fault) {
        return fault;
    }
    c->report->size = c->image.end;
    if (is_compressed && !unpacker) {
        return DFU_IMAGE_NOT_SUPPORTED;
    }
    if (fixed_policy(c->policy)->key_count == 0 && !fixed_policy(c->policy)->hash_only) {
        return DFU_IMAGE_KEY_UNKNOWN;
    }
    fault = open_body(c);
    if (!fault) {
        fault = check_opened(c);
    }
    if (fault || !is_compressed) {
        return fault;
    }
    fault = unpacker->way->open(&unpacked, &c->image, unpacker);
    if (!fault) {
        fault = check_unpacked(c, &unpacked, limit);
        unpacker->way->close(&unpacked);
    }
    return fault;
}

void dfu_image_verify(const struct dfu_image_policy *policy, const struct dfu_reader *reader,
                      uint32_t limit, uint8_t *buf, size_t buf_len, void (*progress)(void *ctx),
                      void *ctx, struct dfu_image_report *report)
{
    struct check c = {
        .policy = policy,
        .report = report,
        .buf = buf,
        .buf_len = buf_len,
        .progress = progress,
        .ctx = ctx,
        .key_index = -1,
    };

    *report = (struct dfu_image_report){ .fault = DFU_IMAGE_UNREADABLE, .key_index = -1 };
    verdict_refuse(&report->verdict);
    if (buf_len < BUF_MIN) {
        return;
    }
    report->fault = check_image(&c, reader, limit);
    if (fixed_policy(policy)->decryption) {
        wipe_secret(&c.plain.key, sizeof(c.plain.key));
    }
    verdict_decide(&report->verdict, report->fault,
                   c.hash_proof ^ c.signature_proof ^ c.unpacked_proof, needed_proof(&c));
}
