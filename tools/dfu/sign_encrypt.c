/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* -E and what goes with it: whom the image is encrypted for. */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "dfu/openssl.h"
#include "sign_job.h"

/* MCUboot is built for one pair of signature and encryption; imgtool refuses the others, too.
 * Ed25519, no signature at all, and AES go with everything. */
static int check_pair(const struct sign_job *job)
{
    const char *kind = cryptkey_kind(&job->device);
    const struct dfu_sig_alg *alg = job->key.alg;
    bool is_rsa = alg == &dfu_rsa2048_openssl || alg == &dfu_rsa3072_openssl;
    bool is_ecdsa = alg == &dfu_ecdsa_p256_openssl || alg == &dfu_ecdsa_p384_openssl;

    if (!job->device.pem.pkey || (!is_rsa && !is_ecdsa) ||
        strcmp(kind, is_rsa ? "RSA-2048" : "P-256") == 0) {
        return CLI_DONE;
    }
    return cli_fail(job->cli, CLI_USAGE,
                    "%s signs with %s and %s encrypts with %s, which no bootloader is built for; "
                    "encrypt with %s, or sign with Ed25519",
                    job->key.path, alg->name, job->device.path, kind,
                    is_rsa ? "an rsa-2048 key" : "an ecdsa-p256 key");
}

static int take_hmac(struct sign_job *job, bool *with_sha512)
{
    static const char *const names[] = { "auto", "256", "512", NULL };
    size_t choice = 0;
    int exit_code = cli_choice(job->cli, O_HMAC_SHA, names, &choice);
    const char *kind = cryptkey_kind(&job->device);
    bool has_hmac = strcmp(kind, "P-256") == 0 || strcmp(kind, "X25519") == 0;

    *with_sha512 = choice == 2 && has_hmac;
    if (!exit_code && choice == 2 && strcmp(kind, "P-256") == 0) {
        exit_code = cli_fail(job->cli, CLI_USAGE,
                             "--hmac-sha 512 needs an X25519 key, and %s is P-256; leave it out",
                             job->device.path);
    }
    if (!exit_code && cli_has(job->cli, O_HMAC_SHA) && choice != 0 && !has_hmac) {
        cli_note(job->cli, "--hmac-sha changes nothing: there is no HMAC for the %s key %s", kind,
                 job->device.path);
    }
    return exit_code;
}

/* An AES key wraps keys of its own length. */
static int take_keylen(struct sign_job *job, uint8_t *len)
{
    static const char *const names[] = { "128", "256", NULL };
    size_t choice = 0;
    int exit_code = cli_choice(job->cli, O_ENCRYPT_KEYLEN, names, &choice);
    size_t own = job->device.pem.pkey ? 0 : job->device.keys[0].len;

    *len = choice == 1 ? 32 : 16;
    if (!exit_code && own != 0 && !cli_has(job->cli, O_ENCRYPT_KEYLEN)) {
        *len = (uint8_t)own;
    }
    if (!exit_code && own != 0 && own != *len) {
        exit_code = cli_fail(job->cli, CLI_USAGE,
                             "the AES key %s has %zu bits and wraps keys of the same length; leave "
                             "out --encrypt-keylen",
                             job->device.path, own * 8);
    }
    return exit_code;
}

static int take_wrapper(struct sign_job *job, bool with_sha512)
{
    int err = job->device.pem.pkey
                  ? dfu_openssl_wrapper(job->device.pem.pkey, with_sha512, &job->wrapper)
                  : dfu_openssl_kw_wrapper(&job->device.keys[0], &job->wrapper);

    if (err || RAND_bytes(job->content_key, sizeof(job->content_key)) != 1) {
        return cli_fail(job->cli, CLI_INTERNAL, "cannot make a key to encrypt with");
    }
    return CLI_DONE;
}

/* What a bootloader keeps of a key in its trailer: the key itself, or as it came. */
static uint16_t kept_key_size(const struct sign_job *job)
{
    const struct dfu_unwrap_alg *alg;
    bool with_sha512 = job->wrapper.tlv_type == DFU_TLV_ENC_X25519_SHA512;

    if (!cli_has(job->cli, O_SAVE_ENCTLV)) {
        return job->encryption.content_key_len;
    }
    alg = job->device.pem.pkey ? dfu_openssl_unwrap_alg(job->device.pem.pkey, with_sha512)
                               : &dfu_unwrap_kw_openssl;
    return alg->wrapped_len[job->encryption.content_key_len == 32];
}

int sign_take_encryption(struct sign_job *job)
{
    struct cli *cli = job->cli;
    bool with_sha512 = false;
    uint8_t len = 0;
    int exit_code;

    if (!cli_has(cli, O_ENCRYPT)) {
        return CLI_DONE;
    }
    exit_code = cryptkey_read(cli, cli_value(cli, O_ENCRYPT), &job->device);
    if (!exit_code) {
        exit_code = check_pair(job);
    }
    if (!exit_code) {
        exit_code = take_hmac(job, &with_sha512);
    }
    if (!exit_code) {
        exit_code = take_keylen(job, &len);
    }
    if (!exit_code) {
        exit_code = take_wrapper(job, with_sha512);
    }
    if (exit_code) {
        return exit_code;
    }
    job->encryption = (struct dfu_image_encryption){
        .cipher = &dfu_aes_ctr_openssl,
        .content_key = job->content_key,
        .content_key_len = len,
        .wrapper = &job->wrapper,
        .leaves_body_clear = cli_has(cli, O_CLEAR),
    };
    job->spec.encryption = &job->encryption;
    job->slot.key_size = kept_key_size(job);
    return CLI_DONE;
}
