/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Who signs: a key here (-k), or somebody elsewhere who got the bytes (--vector-to-sign) and whose
 * signature comes back (--fix-sig). */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "dfu/err.h"
#include "dfu/image.h"
#include "dfu/openssl.h"
#include "sign_job.h"

#define BASE64_MAX  4096u
#define PADDED_P256 72u
#define PADDED_P384 103u

/* Sign, and keep what was signed with for --sig-out; old loaders want ECDSA's padded. */
static int sign_and_keep(void *ctx, const uint8_t *data, size_t len, uint8_t *sig, size_t cap)
{
    struct sign_job *job = ctx;
    size_t padded = job->spec.hash->size == 48 ? PADDED_P384 : PADDED_P256;
    int got = job->inner.sign(job->inner.ctx, data, len, sig, cap);

    if (got <= 0 || (size_t)got > sizeof(job->signature)) {
        return got;
    }
    if (job->pads_signature && job->inner.tlv_type == DFU_TLV_ECDSA && (size_t)got < padded) {
        memset(sig + got, 0, padded - (size_t)got);
        got = (int)padded;
    }
    memcpy(job->signature, sig, (size_t)got);
    job->signature_len = (size_t)got;
    return got;
}

/* A signature from elsewhere goes in only if it is one of these very bytes. */
static int give_fixed(void *ctx, const uint8_t *data, size_t len, uint8_t *sig, size_t cap)
{
    struct sign_job *job = ctx;
    struct dfu_key key = { job->key.alg, job->key.der, job->key.der_len };
    struct dfu_memory_span span = { data, (uint32_t)len };
    struct dfu_reader reader = dfu_memory_reader(&span);
    int err;

    if (job->fixed_len < key.alg->min_len || job->fixed_len > key.alg->max_len ||
        job->fixed_len > cap) {
        return DFU_ERR_VERIFY;
    }
    err = job->spec.is_pure
              ? key.alg->verify_message(&key, &reader, span.len, job->fixed, job->fixed_len)
              : key.alg->verify(&key, data, len, job->fixed, job->fixed_len);
    if (err) {
        return DFU_ERR_VERIFY;
    }
    memcpy(sig, job->fixed, job->fixed_len);
    return (int)job->fixed_len;
}

static int fail_base64(struct cli *cli, const char *path)
{
    return cli_fail(cli, CLI_INPUT,
                    "%s holds no signature in base64; openssl base64 -A makes one of it", path);
}

static int read_fixed(struct sign_job *job)
{
    const char *path = cli_value(job->cli, O_FIX_SIG);
    EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
    uint8_t *text = NULL;
    size_t len = 0;
    int got = 0, rest = 0, exit_code = CLI_INTERNAL;

    if (ctx) {
        exit_code = cli_read_file(job->cli, path, BASE64_MAX, &text, &len);
    }
    if (!exit_code) {
        job->fixed = malloc(len + 4);
        EVP_DecodeInit(ctx);
        if (!job->fixed || EVP_DecodeUpdate(ctx, job->fixed, &got, text, (int)len) < 0 ||
            EVP_DecodeFinal(ctx, job->fixed + got, &rest) < 0 || got + rest <= 0) {
            exit_code = fail_base64(job->cli, path);
        }
        job->fixed_len = (size_t)got + (size_t)rest;
    }
    free(text);
    EVP_ENCODE_CTX_free(ctx);
    return exit_code;
}

/* The public key alone decides about hash and signer's name, as it does for --vector-to-sign. */
static int take_fixed(struct sign_job *job)
{
    struct cli *cli = job->cli;
    int exit_code;

    if (!cli_has(cli, O_FIX_SIG_PUBKEY)) {
        return cli_fail(cli, CLI_USAGE,
                        "--fix-sig needs the public key it was made for; name it with "
                        "--fix-sig-pubkey");
    }
    exit_code = keyfile_read(cli, cli_value(cli, O_FIX_SIG_PUBKEY), &job->key);
    if (exit_code) {
        return exit_code;
    }
    if (!job->key.alg) {
        return keyfile_fail_unsigning(cli, &job->key);
    }
    job->inner = (struct dfu_signer){
        .tlv_type = job->key.alg->tlv_type,
        .public_key = job->key.der,
        .public_key_len = job->key.der_len,
        .sign = give_fixed,
        .ctx = job,
    };
    if (!cli_has(cli, O_FIX_SIG)) {
        return job->vector == SIGN_WHOLE
                   ? cli_fail(cli, CLI_USAGE,
                              "--fix-sig-pubkey goes with --fix-sig or --vector-to-sign")
                   : CLI_DONE;
    }
    return read_fixed(job);
}

static int take_key(struct sign_job *job)
{
    struct cli *cli = job->cli;
    int exit_code = keyfile_read(cli, cli_value(cli, O_KEY), &job->key);

    if (exit_code) {
        return exit_code;
    }
    job->pads_signature = cli_has(cli, O_PAD_SIG);
    if (job->key.alg && (job->key.token || cli_has(cli, O_SIGNER))) {
        return sign_take_elsewhere(job);
    }
    if (!job->key.is_private && job->key.alg) {
        return cli_fail(cli, CLI_USAGE,
                        "%s is a public key; signing needs the private one, or a command that "
                        "has it (--signer)",
                        job->key.path);
    }
    if (dfu_openssl_signer(job->key.pkey, job->key.der, job->key.der_len, &job->inner)) {
        return keyfile_fail_unsigning(cli, &job->key);
    }
    return CLI_DONE;
}

int sign_take_signer(struct sign_job *job)
{
    static const char *const formats[] = { "hash", "full", NULL };
    static const char *const vectors[] = { "payload", "digest", NULL };
    struct cli *cli = job->cli;
    bool is_elsewhere = cli_has(cli, O_FIX_SIG) || cli_has(cli, O_FIX_SIG_PUBKEY);
    size_t format = 0, vector = 0;
    int exit_code = cli_choice(cli, O_KEY_FORMAT, formats, &format);

    if (!exit_code) {
        exit_code = cli_choice(cli, O_VECTOR, vectors, &vector);
    }
    job->spec.with_whole_key = format == 1;
    job->vector = !cli_has(cli, O_VECTOR) ? SIGN_WHOLE : vector == 0 ? SIGN_PAYLOAD : SIGN_DIGEST;
    if (!exit_code && cli_has(cli, O_KEY) && is_elsewhere) {
        exit_code = cli_fail(cli, CLI_USAGE,
                             "-k/--key and --fix-sig exclude each other: a signature is made here "
                             "or brought along");
    }
    if (!exit_code && cli_has(cli, O_SIG_OUT) &&
        (job->vector != SIGN_WHOLE || !(cli_has(cli, O_KEY) || is_elsewhere))) {
        exit_code =
            cli_fail(cli, CLI_INPUT, "--sig-out has no signature to write; name a key with -k");
    }
    if (!exit_code && cli_has(cli, O_SIGNER) && !cli_has(cli, O_KEY)) {
        exit_code = cli_fail(cli, CLI_USAGE,
                             "--signer needs the public key that its signatures are checked with; "
                             "name it with -k/--key");
    }
    if (exit_code || (!cli_has(cli, O_KEY) && !is_elsewhere)) {
        return exit_code;
    }
    exit_code = is_elsewhere ? take_fixed(job) : take_key(job);
    if (!exit_code) {
        job->signer = job->inner;
        job->signer.sign = sign_and_keep;
        job->signer.ctx = job;
        job->spec.signer = &job->signer;
    }
    return exit_code;
}

const char *sign_line(const struct sign_job *job)
{
    if (job->vector != SIGN_WHOLE) {
        return job->vector == SIGN_PAYLOAD ? "image.py: export payload" : "image.py: export digest";
    }
    if (!job->spec.signer || job->fixed) {
        return NULL;
    }
    return job->inner.tlv_type == DFU_TLV_ED25519 ? "image.py: sign the digest"
                                                  : "image.py: sign the payload";
}

int sign_stage_signature(struct sign_job *job)
{
    uint8_t text[(DFU_SIGNATURE_MAX + 2) / 3 * 4 + 1];
    int len;

    if (!cli_has(job->cli, O_SIG_OUT)) {
        return CLI_DONE;
    }
    len = EVP_EncodeBlock(text, job->signature, (int)job->signature_len);
    return cli_stage_file(job->cli, cli_value(job->cli, O_SIG_OUT), CLI_FILE_PLAIN, text,
                          (size_t)len, &job->staged_signature);
}
