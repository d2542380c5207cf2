/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Read, verify and write MCUboot images with the library alone. Files and keys are the program's
 * own business: the library takes bytes in memory and an EVP_PKEY. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <dfu/err.h>
#include <dfu/image.h>
#include <dfu/image_writer.h>
#include <dfu/openssl.h>

#define HEADER_SIZE 512u /* where the program starts; what its vector table's alignment asks for */

static const struct dfu_hash_alg *const hashes[] = { &dfu_sha256_openssl, &dfu_sha384_openssl,
                                                     &dfu_sha512_openssl, NULL };

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "images: %s: %s\n", what, why);
    return EXIT_FAILURE;
}

static uint8_t *read_file(const char *path, size_t lead, uint32_t *len)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long size;

    if (file && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 && size < 0x10000000) {
        data = calloc(1, lead + (size_t)size + 1);
        rewind(file);
        if (data && fread(data + lead, 1, (size_t)size, file) == (size_t)size) {
            *len = (uint32_t)size;
        } else {
            free(data);
            data = NULL;
        }
    }
    if (file) {
        fclose(file);
    }
    return data;
}

static EVP_PKEY *read_key(const char *path, int is_private)
{
    FILE *file = fopen(path, "r");
    EVP_PKEY *key = NULL;

    if (file) {
        key = is_private ? PEM_read_PrivateKey(file, NULL, NULL, NULL)
                         : PEM_read_PUBKEY(file, NULL, NULL, NULL);
        fclose(file);
    }
    return key;
}

/* ---- read ---- */

static int show(const char *path)
{
    uint32_t len, cursor = 0;
    uint8_t *data = read_file(path, 0, &len);
    struct dfu_memory_span span = { data, data ? len : 0 };
    struct dfu_reader reader = dfu_memory_reader(&span);
    struct dfu_image image;
    struct dfu_image_tlv tlv;
    char version[DFU_IMAGE_VERSION_STRLEN];
    enum dfu_image_fault fault;

    if (!data) {
        return fail(path, "cannot be read");
    }
    fault = dfu_image_open(&image, &reader, 0);
    if (fault) {
        free(data);
        return fail(path, dfu_image_fault_text(fault));
    }
    printf("version %s, program of %u bytes at %u\n",
           dfu_image_version_text(&image.header.version, version), (unsigned)image.header.img_size,
           (unsigned)image.header.hdr_size);
    while (dfu_image_tlv_next(&image, &cursor, &tlv) > 0) {
        printf("TLV 0x%02x, %u bytes at %u%s\n", tlv.type, tlv.len, (unsigned)tlv.off,
               tlv.is_protected ? ", protected" : "");
    }
    free(data);
    return EXIT_SUCCESS;
}

/* ---- verify ---- */

static int verify_with(const char *path, EVP_PKEY *pkey)
{
    uint8_t der[DFU_PUBLIC_KEY_MAX], scratch[4096], *data;
    struct dfu_image_report report;
    struct dfu_key key = { .alg = dfu_openssl_sig_alg(pkey), .der = der };
    int der_len = dfu_openssl_public_key(pkey, der, sizeof(der));
    struct dfu_image_policy policy = { .hashes = hashes, .keys = &key, .key_count = 1 };
    struct dfu_memory_span span;
    struct dfu_reader reader;
    uint32_t len;

    if (!key.alg || der_len < 0) {
        return fail("key", "of a kind that signs no images");
    }
    key.der_len = (size_t)der_len;
    data = read_file(path, 0, &len);
    if (!data) {
        return fail(path, "cannot be read");
    }
    span = (struct dfu_memory_span){ data, len };
    reader = dfu_memory_reader(&span);
    dfu_image_verify(&policy, &reader, 0, scratch, sizeof(scratch), NULL, NULL, &report);
    free(data);
    if (!dfu_verdict_is_trusted(&report.verdict)) { /* the verdict, and nothing else, is trust */
        return fail(path, dfu_image_fault_text(report.fault));
    }
    printf("trusted: %u bytes, %s, %s\n", (unsigned)report.size, report.hash->name, key.alg->name);
    return EXIT_SUCCESS;
}

static int verify(const char *path, const char *key_path)
{
    EVP_PKEY *pkey = read_key(key_path, 0);
    int code = pkey ? verify_with(path, pkey) : fail(key_path, "no public key in PEM form");

    EVP_PKEY_free(pkey);
    return code;
}

/* ---- write ---- */

/* Both are allowed for some schemes; the first the key's scheme names is its default. */
static const struct dfu_hash_alg *hash_for(const struct dfu_sig_alg *alg)
{
    for (size_t i = 0; hashes[i]; i++) {
        if (hashes[i]->tlv_type == alg->hash_types[0]) {
            return hashes[i];
        }
    }
    return hashes[0];
}

static int write_file(const char *path, const uint8_t *data, size_t len)
{
    FILE *file = fopen(path, "wb");
    int ok = file && fwrite(data, 1, len, file) == len;

    if (file && fclose(file) != 0) {
        ok = 0;
    }
    return ok ? EXIT_SUCCESS : fail(path, "cannot be written");
}

static int make_with(const char *program, EVP_PKEY *pkey, const char *out,
                     struct dfu_image_version version)
{
    uint8_t der[DFU_PUBLIC_KEY_MAX], *payload, *image;
    int der_len = dfu_openssl_public_key(pkey, der, sizeof(der));
    struct dfu_image_spec spec = { .version = version, .header_size = HEADER_SIZE };
    struct dfu_signer signer;
    uint32_t payload_len, room, len = 0;
    int err, code;

    if (der_len < 0 || dfu_openssl_signer(pkey, der, (size_t)der_len, &signer)) {
        return fail("key", "of a kind that signs no images");
    }
    spec.signer = &signer;
    spec.hash = hash_for(dfu_openssl_sig_alg(pkey));
    payload = read_file(program, HEADER_SIZE, &payload_len);
    room = payload ? dfu_image_write_room(&spec, payload_len) : 0;
    image = room ? realloc(payload, room) : NULL; /* the TLVs go behind the program */
    if (!image) {
        free(payload);
        return fail(program, "cannot be read");
    }
    memset(image, 0xff, HEADER_SIZE); /* as erased flash */
    err = dfu_image_write(&spec, image, room, payload_len, &len);
    code = err ? fail("cannot make the image", dfu_err_name(err)) : write_file(out, image, len);
    free(image);
    return code;
}

static int make(const char *program, const char *key_path, const char *out, const char *text)
{
    unsigned major = 0, minor = 0, revision = 0;
    struct dfu_image_version version;
    EVP_PKEY *pkey;
    int code;

    if (sscanf(text, "%3u.%3u.%5u", &major, &minor, &revision) != 3 || major > 255 || minor > 255 ||
        revision > 65535) {
        return fail(text, "no version; write 1.2.3");
    }
    version = (struct dfu_image_version){ (uint8_t)major, (uint8_t)minor, (uint16_t)revision, 0 };
    pkey = read_key(key_path, 1);
    code = pkey ? make_with(program, pkey, out, version)
                : fail(key_path, "no private key in PEM form");
    EVP_PKEY_free(pkey);
    return code;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "show") == 0) {
        return show(argv[2]);
    }
    if (argc == 4 && strcmp(argv[1], "verify") == 0) {
        return verify(argv[2], argv[3]);
    }
    if (argc == 6 && strcmp(argv[1], "make") == 0) {
        return make(argv[2], argv[3], argv[4], argv[5]);
    }
    fprintf(stderr, "usage: images show IMAGE\n"
                    "       images verify IMAGE PUBLIC.pem\n"
                    "       images make PROGRAM PRIVATE.pem IMAGE VERSION\n");
    return 2;
}
