/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* What an image shall say, from options. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dfu/openssl.h"
#include "elffile.h"
#include "imagefile.h"
#include "sign_job.h"

#define TLV_MAX     65535u
#define PROGRAM_MAX (64u << 20) /* of an ELF file: gaps between far parts would fill memory */
#define HEADER_MAX  65535u

int sign_take_number(struct sign_job *job, int id, uint64_t min, uint64_t max, uint32_t *out)
{
    uint64_t value = *out;
    int exit_code = cli_number(job->cli, id, min, max, &value);

    *out = (uint32_t)value;
    return exit_code;
}

static int take_header(struct sign_job *job)
{
    struct cli *cli = job->cli;
    uint32_t header_size = 0, load_addr = 0, rom_fixed = 0;
    static const char *const orders[] = { "little", "big", NULL };
    size_t order = 0;
    int exit_code = sign_parse_version(cli, cli_value(cli, O_VERSION), &job->spec.version);

    if (!exit_code) {
        exit_code = cli_choice(cli, O_ENDIAN, orders, &order);
    }
    job->spec.is_big_endian = order == 1;
    if (!exit_code) {
        exit_code = sign_take_number(job, O_HEADER_SIZE, 0, HEADER_MAX, &header_size);
    }
    if (!exit_code && header_size < DFU_IMAGE_HEADER_SIZE) {
        exit_code = cli_fail(cli, CLI_USAGE, "-H/--header-size %u is outside %u to %u", header_size,
                             DFU_IMAGE_HEADER_SIZE, HEADER_MAX);
    }
    if (!exit_code) {
        exit_code = sign_take_number(job, O_LOAD_ADDR, 0, UINT32_MAX, &load_addr);
    }
    if (!exit_code) {
        exit_code = sign_take_number(job, O_ROM_FIXED, 0, UINT32_MAX, &rom_fixed);
    }
    if (!exit_code && load_addr != 0 && rom_fixed != 0) {
        exit_code = cli_fail(cli, CLI_USAGE,
                             "-L/--load-addr and -F/--rom-fixed exclude each other: an image runs "
                             "from RAM or from flash");
    }
    job->spec.header_size = (uint16_t)header_size;
    job->spec.load_addr = load_addr | rom_fixed;
    job->spec.flags = (load_addr ? DFU_IMAGE_F_RAM_LOAD : 0u) |
                      (rom_fixed ? DFU_IMAGE_F_ROM_FIXED : 0u) |
                      (cli_has(cli, O_NON_BOOTABLE) ? DFU_IMAGE_F_NON_BOOTABLE : 0u);
    return exit_code;
}

static int take_counter(struct sign_job *job)
{
    const struct dfu_image_version *v = &job->spec.version;
    const char *text = cli_value(job->cli, O_COUNTER);

    if (!text) {
        return CLI_DONE;
    }
    job->spec.security_counter = &job->counter;
    if (strcasecmp(text, "auto") == 0) {
        job->counter = (uint32_t)v->major << 24 | (uint32_t)v->minor << 16 | v->revision;
        return CLI_DONE;
    }
    return sign_take_number(job, O_COUNTER, 0, UINT32_MAX, &job->counter);
}

static int take_ids(struct sign_job *job)
{
    struct cli *cli = job->cli;
    const char *vendor = cli_value(cli, O_VID), *class = cli_value(cli, O_CID);
    int exit_code = CLI_DONE;

    if (vendor) {
        exit_code = sign_parse_uuid(cli, vendor, sign_vendor_space, job->vendor_id);
        job->spec.vendor_id = job->vendor_id;
    }
    if (class && !exit_code) {
        exit_code = sign_parse_uuid(cli, class, vendor ? job->vendor_id : NULL, job->class_id);
        job->spec.class_id = job->class_id;
    }
    return exit_code;
}

static int take_boot_record(struct sign_job *job)
{
    const char *type = cli_value(job->cli, O_BOOT_RECORD);
    size_t characters = 0;

    for (const char *p = type; p && *p; p++) {
        characters += ((unsigned char)*p & 0xc0) != 0x80; /* UTF-8 */
    }
    if (characters > DFU_BOOT_RECORD_MAX) {
        return cli_fail(job->cli, CLI_USAGE,
                        "--boot-record '%s' has %zu characters; at most %u are allowed", type,
                        characters, DFU_BOOT_RECORD_MAX);
    }
    job->spec.boot_record = type;
    return CLI_DONE;
}

static int add_custom(struct sign_job *job, const char *type_text, const char *value_text,
                      bool is_file)
{
    struct cli *cli = job->cli;
    struct dfu_custom_tlv *tlv = &job->custom[job->spec.custom_count];
    uint8_t *value = NULL;
    size_t len = 0;
    int exit_code;

    if (job->spec.custom_count == SIGN_CUSTOM_MAX) {
        return cli_fail(cli, CLI_USAGE, "more than %u custom TLVs", SIGN_CUSTOM_MAX);
    }
    exit_code = sign_parse_tlv_type(cli, type_text, &tlv->type);
    for (size_t i = 0; i < job->spec.custom_count && !exit_code; i++) {
        if (job->custom[i].type == tlv->type) {
            exit_code = cli_fail(cli, CLI_USAGE, "the custom TLV %s is there twice", type_text);
        }
    }
    if (!exit_code) {
        exit_code = is_file ? cli_read_file(cli, value_text, TLV_MAX, &value, &len)
                            : sign_parse_tlv_value(cli, value_text, &value, &len);
    }
    if (!exit_code && len > TLV_MAX) {
        free(value);
        exit_code = cli_fail(cli, CLI_INPUT, "the custom TLV %s is longer than %u bytes", type_text,
                             TLV_MAX);
    }
    if (!exit_code) {
        tlv->value = value;
        tlv->len = (uint16_t)len;
        job->spec.custom_count++;
    }
    return exit_code;
}

static int take_custom(struct sign_job *job)
{
    struct cli *cli = job->cli;
    int exit_code = CLI_DONE;

    job->spec.custom = job->custom;
    for (size_t i = 0; i < cli_count(cli, O_CUSTOM) && !exit_code; i += 2) {
        exit_code = add_custom(job, cli_value_n(cli, O_CUSTOM, i),
                               cli_value_n(cli, O_CUSTOM, i + 1), false);
    }
    for (size_t i = 0; i < cli_count(cli, O_CUSTOM_FILE) && !exit_code; i += 2) {
        exit_code = add_custom(job, cli_value_n(cli, O_CUSTOM_FILE, i),
                               cli_value_n(cli, O_CUSTOM_FILE, i + 1), true);
    }
    if (!exit_code && job->spec.custom_count > 0 &&
        job->custom[job->spec.custom_count - 1].len == 0) {
        exit_code = cli_fail(cli, CLI_USAGE,
                             "the last custom TLV is empty, and bootloaders refuse such an image; "
                             "name another one after it");
    }
    return exit_code;
}

static bool key_allows(const struct dfu_sig_alg *alg, const struct dfu_hash_alg *hash)
{
    for (size_t i = 0; i < sizeof(alg->hash_types) / sizeof(alg->hash_types[0]); i++) {
        if (alg->hash_types[i] == hash->tlv_type) {
            return true;
        }
    }
    return false;
}

static int take_hash(struct sign_job *job)
{
    static const char *const names[] = { "auto", "256", "384", "512", NULL };
    static const struct dfu_hash_alg *const algs[] = { &dfu_sha256_openssl, &dfu_sha256_openssl,
                                                       &dfu_sha384_openssl, &dfu_sha512_openssl };
    const struct dfu_sig_alg *key = job->key.alg;
    struct cli *cli = job->cli;
    bool is_pure = cli_has(cli, O_PURE);
    size_t choice = 0;
    int exit_code = cli_choice(cli, O_SHA, names, &choice);

    if (exit_code) {
        return exit_code;
    }
    if (is_pure && choice != 0) {
        return cli_fail(cli, CLI_USAGE, "--pure comes with its own hash; leave out --sha");
    }
    if (is_pure && key && !key->verify_message) {
        return cli_fail(cli, CLI_USAGE, "--pure needs an Ed25519 key, and %s is %s", job->key.path,
                        key->name);
    }
    job->spec.hash = algs[choice];
    if (choice == 0 && key && !key_allows(key, job->spec.hash)) {
        job->spec.hash = &dfu_sha384_openssl;
    }
    if (is_pure && key) {
        job->spec.hash = &dfu_sha512_openssl;
    }
    if (key && !key_allows(key, job->spec.hash)) {
        return cli_fail(cli, CLI_USAGE, "--sha %s does not go with the %s key %s; leave out --sha",
                        cli_value(cli, O_SHA), key->name, job->key.path);
    }
    job->spec.is_pure = is_pure;
    if (is_pure && !key) {
        cli_note(cli, "--pure without a key: the image is marked, but not signed");
    }
    return CLI_DONE;
}

/* A program that is linked for another place than the one it will run at is not started: where that
 * place is said (RAM, or a slot's address), they must agree. */
static int check_place(struct sign_job *job)
{
    struct cli *cli = job->cli;
    uint64_t lead = cli_has(cli, O_PAD_HEADER) ? job->spec.header_size : 0;
    uint64_t runs_at = (uint64_t)job->spec.load_addr + lead;

    if ((job->spec.flags & (DFU_IMAGE_F_RAM_LOAD | DFU_IMAGE_F_ROM_FIXED)) == 0 ||
        (uint64_t)job->base == runs_at) {
        return CLI_DONE;
    }
    return cli_fail(
        cli, CLI_INPUT,
        "%s is linked for 0x%llx, and an image for 0x%x has its program at 0x%llx; link "
        "it for that address, or give another one with %s",
        cli_arg(cli, 0), (unsigned long long)job->base, job->spec.load_addr,
        (unsigned long long)runs_at, job->spec.flags & DFU_IMAGE_F_RAM_LOAD ? "-L" : "-F");
}

/* A binary, Intel HEX, or what the linker made; imgtool takes the latter for a binary. */
static int read_program(struct sign_job *job)
{
    struct cli *cli = job->cli;
    int exit_code = imagefile_read(cli, cli_arg(cli, 0), &job->input, &job->input_len, &job->base);

    if (exit_code || cli->is_imgtool || !elffile_is(job->input, job->input_len)) {
        return exit_code;
    }
    exit_code = elffile_flatten(cli, cli_arg(cli, 0), job->slot.erased, PROGRAM_MAX, &job->input,
                                &job->input_len, &job->base);
    return exit_code ? exit_code : check_place(job);
}

/* The input, then room for what follows it, and the whole slot if it is to be filled. */
int sign_load_input(struct sign_job *job)
{
    struct cli *cli = job->cli;
    uint16_t header_size = job->spec.header_size;
    int exit_code = read_program(job);

    if (exit_code || cli_has(cli, O_PAD_HEADER)) {
        return exit_code;
    }
    if (job->input_len < header_size) {
        return cli_fail(cli, CLI_USAGE,
                        "%s is shorter than the header of %u bytes that should be in it; say "
                        "--pad-header to put the header in front",
                        cli_arg(cli, 0), header_size);
    }
    for (size_t i = 0; i < header_size; i++) {
        if (job->input[i] != 0) {
            return cli_fail(cli, CLI_USAGE,
                            "%s does not start with %u zero bytes for the header; say --pad-header "
                            "to put the header in front",
                            cli_arg(cli, 0), header_size);
        }
    }
    return CLI_DONE;
}

int sign_take_options(struct sign_job *job)
{
    static int (*const steps[])(struct sign_job *) = {
        take_header,     sign_take_slot,        take_counter,     take_boot_record,     take_ids,
        sign_load_input, sign_take_compression, sign_take_signer, sign_take_encryption, take_custom,
        take_hash,       sign_take_sbom,
    };
    const char *dependencies = cli_value(job->cli, O_DEPENDENCIES);
    int exit_code = CLI_DONE;

    if (dependencies) {
        exit_code = sign_parse_dependencies(job->cli, dependencies, &job->dependencies,
                                            &job->spec.dependency_count);
        job->spec.dependencies = job->dependencies;
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !exit_code; i++) {
        exit_code = steps[i](job);
    }
    return exit_code;
}
