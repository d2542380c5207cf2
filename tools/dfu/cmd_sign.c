/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* sign, alias create: an image from a program, as imgtool makes it. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "commands.h"
#include "dfu/err.h"
#include "dfu/image_writer.h"
#include "dfu/openssl.h"
#include "imagefile.h"
#include "keyfile.h"
#include "sign_values.h"

#define TLV_MAX        65535u
#define SLOT_MAX       0xffffffffu
#define HEADER_MAX     65535u
#define MAX_SECTORS    65536u
#define CUSTOM_TLV_MAX 64u

enum {
    O_KEY = 'k',
    O_VERSION = 'v',
    O_HEADER_SIZE = 'H',
    O_SLOT_SIZE = 'S',
    O_MAX_SECTORS = 'M',
    O_ERASED = 'R',
    O_COUNTER = 's',
    O_DEPENDENCIES = 'd',
    O_LOAD_ADDR = 'L',
    O_ROM_FIXED = 'F',
    O_ENDIAN = 'e',
    O_ENCRYPT = 'E',
    O_CLEAR = 'c',
    O_HEX_ADDR = 'x',
    O_KEY_FORMAT = 256,
    O_PAD_HEADER,
    O_ALIGN,
    O_MAX_ALIGN,
    O_PAD,
    O_TEST,
    O_CONFIRM,
    O_OVERWRITE,
    O_BOOT_RECORD,
    O_CUSTOM,
    O_CUSTOM_FILE,
    O_VID,
    O_CID,
    O_NON_BOOTABLE,
    O_SHA,
    O_PURE,
    O_PAD_SIG,
    O_ENCRYPT_KEYLEN,
    O_HMAC_SHA,
    O_SAVE_ENCTLV,
    O_COMPRESSION,
    O_VECTOR,
    O_FIX_SIG,
    O_FIX_SIG_PUBKEY,
    O_SIG_OUT,
};

static const struct cli_option options[] = {
    { "key", 'k', "FILE", 1, "private key to sign with; without one the image has a hash only",
      NULL, O_KEY },
    { "public-key-format", 0, "FORM", 1, "hash or full: what of the key goes into the image",
      "hash", O_KEY_FORMAT },
    { "version", 'v', "VERSION", 1, "maj.min.rev+build (required)", NULL, O_VERSION },
    { "header-size", 'H', "N", 1, "where the program starts in the image (required)", NULL,
      O_HEADER_SIZE },
    { "pad-header", 0, NULL, 0, "put the header in front; else the input has room for it", NULL,
      O_PAD_HEADER },
    { "slot-size", 'S', "N", 1, "bytes of the slot; of the smaller one (required)", NULL,
      O_SLOT_SIZE },
    { "align", 0, "N", 1, "write alignment of the flash: 1, 2, 4, 8, 16 or 32", "1", O_ALIGN },
    { "max-align", 0, "N", 1, "the larger alignment of both slots: 8, 16 or 32", NULL,
      O_MAX_ALIGN },
    { "max-sectors", 'M', "N", 1, "sectors of a slot that the bootloader was built for", "128",
      O_MAX_SECTORS },
    { "pad", 0, NULL, 0, "fill the slot up, with the trailer that asks for the update", NULL,
      O_PAD },
    { "test", 0, NULL, 0, "the same, said for a test that is reverted unless confirmed", NULL,
      O_TEST },
    { "confirm", 0, NULL, 0, "the same, and confirmed: never reverted", NULL, O_CONFIRM },
    { "overwrite-only", 0, NULL, 0, "the bootloader overwrites: a small trailer", NULL,
      O_OVERWRITE },
    { "erased-val", 'R', "BYTE", 1, "0 or 0xff: how erased flash reads", "0xff", O_ERASED },
    { "security-counter", 's', "N", 1, "against roll-back; auto: from the version", NULL,
      O_COUNTER },
    { "dependencies", 'd', "LIST", 1, "'(image, version) ...' that must be there", NULL,
      O_DEPENDENCIES },
    { "boot-record", 0, "TYPE", 1, "record for measured boot, with this software type", NULL,
      O_BOOT_RECORD },
    { "custom-tlv", 0, "TYPE VALUE", 2, "protected TLV: 0x and digits, or text; repeatable", NULL,
      O_CUSTOM },
    { "custom-tlv-file", 0, "TYPE FILE", 2, "the same with a file's bytes; repeatable", NULL,
      O_CUSTOM_FILE },
    { "vid", 0, "ID", 1, "vendor: a UUID or a domain name", NULL, O_VID },
    { "cid", 0, "ID", 1, "class: a UUID or a name of the vendor's", NULL, O_CID },
    { "load-addr", 'L', "N", 1, "run from RAM at this address", NULL, O_LOAD_ADDR },
    { "rom-fixed", 'F', "N", 1, "built for this flash address", NULL, O_ROM_FIXED },
    { "non-bootable", 0, NULL, 0, "not to be started by itself", NULL, O_NON_BOOTABLE },
    { "sha", 0, "BITS", 1, "auto, 256, 384 or 512", "auto", O_SHA },
    { "pure", 0, NULL, 0, "sign the image itself, not its hash (Ed25519)", NULL, O_PURE },
    { "pad-sig", 0, NULL, 0, "pad ECDSA signatures, for MCUboot before 1.5", NULL, O_PAD_SIG },
    { "endian", 'e', "ORDER", 1, "little", "little", O_ENDIAN },
    { "encrypt", 'E', "FILE", 1, "not supported yet", NULL, O_ENCRYPT },
    { "encrypt-keylen", 0, "BITS", 1, "not supported yet", NULL, O_ENCRYPT_KEYLEN },
    { "hmac-sha", 0, "BITS", 1, "not supported yet", NULL, O_HMAC_SHA },
    { "clear", 'c', NULL, 0, "not supported yet", NULL, O_CLEAR },
    { "save-enctlv", 0, NULL, 0, "not supported yet", NULL, O_SAVE_ENCTLV },
    { "compression", 0, "FORM", 1, "disabled; others are not supported yet", "disabled",
      O_COMPRESSION },
    { "hex-addr", 'x', "N", 1, "not supported yet", NULL, O_HEX_ADDR },
    { "vector-to-sign", 0, "FORM", 1, "not supported yet", NULL, O_VECTOR },
    { "fix-sig", 0, "FILE", 1, "not supported yet", NULL, O_FIX_SIG },
    { "fix-sig-pubkey", 0, "FILE", 1, "not supported yet", NULL, O_FIX_SIG_PUBKEY },
    { "sig-out", 0, "FILE", 1, "not supported yet", NULL, O_SIG_OUT },
    { 0 },
};

/* One signing: what was asked for, and what has to be released at its end. */
struct job {
    struct cli *cli;
    struct dfu_image_spec spec;
    struct dfu_image_slot slot;
    bool pads, confirms;
    uint32_t counter;
    struct dfu_image_dependency *dependencies;
    uint8_t vendor_id[SIGN_UUID_SIZE], class_id[SIGN_UUID_SIZE];
    struct dfu_custom_tlv custom[CUSTOM_TLV_MAX];
    struct keyfile key;
    struct dfu_signer signer;
    uint8_t *input;
    size_t input_len;
    uint8_t *image;
};

/* What belongs to later work is refused: an option ignored is an image other than asked for. */
static int refuse_unsupported(struct cli *cli)
{
    static const int later[] = { O_ENCRYPT,  O_ENCRYPT_KEYLEN, O_HMAC_SHA, O_CLEAR,
                                 O_HEX_ADDR, O_SAVE_ENCTLV,    O_VECTOR,   O_FIX_SIG,
                                 O_SIG_OUT,  O_FIX_SIG_PUBKEY };

    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        if (cli_has(cli, later[i])) {
            return cli_fail(cli, CLI_USAGE, "%s is not supported yet; imgtool can do it",
                            cli_option_text(cli, later[i]));
        }
    }
    if (strcmp(cli_value(cli, O_COMPRESSION), "disabled") != 0 ||
        strcmp(cli_value(cli, O_ENDIAN), "little") != 0) {
        int id = strcmp(cli_value(cli, O_ENDIAN), "little") != 0 ? O_ENDIAN : O_COMPRESSION;

        return cli_fail(cli, CLI_USAGE, "%s %s is not supported yet; imgtool can do it",
                        cli_option_text(cli, id), cli_value(cli, id));
    }
    return imagefile_check_name(cli, cli_arg(cli, 1));
}

static int need_options(struct cli *cli)
{
    static const int required[] = { O_VERSION, O_HEADER_SIZE, O_SLOT_SIZE };

    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        if (!cli_has(cli, required[i])) {
            return cli_fail(cli, CLI_USAGE, "%s is missing; see dfu %s --help",
                            cli_option_text(cli, required[i]), cli->command->name);
        }
    }
    return CLI_DONE;
}

static int take_number(struct job *job, int id, uint64_t min, uint64_t max, uint32_t *out)
{
    uint64_t value = *out;
    int exit_code = cli_number(job->cli, id, min, max, &value);

    *out = (uint32_t)value;
    return exit_code;
}

static int take_slot(struct job *job)
{
    static const char *const aligns[] = { "1", "2", "4", "8", "16", "32", NULL };
    static const char *const max_aligns[] = { "8", "16", "32", NULL };
    static const char *const erased[] = { "0xff", "0", NULL };
    struct cli *cli = job->cli;
    size_t align = 0, max_align = 0, value = 0;
    int exit_code = take_number(job, O_SLOT_SIZE, 0, SLOT_MAX, &job->slot.size);

    if (!exit_code) {
        exit_code = take_number(job, O_MAX_SECTORS, 0, MAX_SECTORS, &job->slot.max_sectors);
    }
    if (!exit_code) {
        exit_code = cli_choice(cli, O_ALIGN, aligns, &align);
    }
    if (!exit_code) {
        exit_code = cli_choice(cli, O_MAX_ALIGN, max_aligns, &max_align);
    }
    if (!exit_code) {
        exit_code = cli_choice(cli, O_ERASED, erased, &value);
    }
    job->slot.align = (uint8_t)(1u << align);
    job->slot.max_align = job->slot.align > 8 ? job->slot.align : 8;
    if (cli_has(cli, O_MAX_ALIGN)) {
        job->slot.max_align = (uint8_t)(8u << max_align);
    }
    job->slot.erased = value == 0 ? 0xff : 0;
    job->slot.is_overwrite_only = cli_has(cli, O_OVERWRITE);
    job->confirms = cli_has(cli, O_CONFIRM);
    job->pads = job->confirms || cli_has(cli, O_PAD) || cli_has(cli, O_TEST);
    return exit_code;
}

static int take_header(struct job *job)
{
    struct cli *cli = job->cli;
    uint32_t header_size = 0, load_addr = 0, rom_fixed = 0;
    int exit_code = sign_parse_version(cli, cli_value(cli, O_VERSION), &job->spec.version);

    if (!exit_code) {
        exit_code =
            take_number(job, O_HEADER_SIZE, DFU_IMAGE_HEADER_SIZE, HEADER_MAX, &header_size);
    }
    if (!exit_code) {
        exit_code = take_number(job, O_LOAD_ADDR, 0, UINT32_MAX, &load_addr);
    }
    if (!exit_code) {
        exit_code = take_number(job, O_ROM_FIXED, 0, UINT32_MAX, &rom_fixed);
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

static int take_counter(struct job *job)
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
    return take_number(job, O_COUNTER, 0, UINT32_MAX, &job->counter);
}

static int take_ids(struct job *job)
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

static int take_boot_record(struct job *job)
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

static int add_custom(struct job *job, const char *type_text, const char *value_text, bool is_file)
{
    struct cli *cli = job->cli;
    struct dfu_custom_tlv *tlv = &job->custom[job->spec.custom_count];
    uint8_t *value = NULL;
    size_t len = 0;
    int exit_code;

    if (job->spec.custom_count == CUSTOM_TLV_MAX) {
        return cli_fail(cli, CLI_USAGE, "more than %u custom TLVs", CUSTOM_TLV_MAX);
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
        exit_code = cli_fail(cli, CLI_USAGE, "the custom TLV %s is longer than %u bytes", type_text,
                             TLV_MAX);
    }
    if (!exit_code) {
        tlv->value = value;
        tlv->len = (uint16_t)len;
        job->spec.custom_count++;
    }
    return exit_code;
}

static int take_custom(struct job *job)
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

static int take_key(struct job *job)
{
    static const char *const formats[] = { "hash", "full", NULL };
    struct cli *cli = job->cli;
    size_t format = 0;
    int exit_code = cli_choice(cli, O_KEY_FORMAT, formats, &format);

    job->spec.with_whole_key = format == 1;
    if (exit_code || !cli_has(cli, O_KEY)) {
        return exit_code;
    }
    exit_code = keyfile_read(cli, cli_value(cli, O_KEY), &job->key);
    if (exit_code) {
        return exit_code;
    }
    if (!job->key.is_private) {
        return cli_fail(cli, CLI_USAGE, "%s is a public key; signing needs the private one",
                        job->key.path);
    }
    if (dfu_openssl_signer(job->key.pkey, job->key.der, job->key.der_len, &job->signer)) {
        return cli_fail(cli, CLI_USAGE, "%s is an X25519 key, which encrypts but does not sign",
                        job->key.path);
    }
    job->spec.signer = &job->signer;
    return CLI_DONE;
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

static int take_hash(struct job *job)
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
    job->spec.with_padded_signature = cli_has(cli, O_PAD_SIG);
    if (is_pure && !key) {
        cli_note(cli, "--pure without a key: the image is marked, but not signed");
    }
    return CLI_DONE;
}

/* The input, then room for what follows it, and the whole slot if it is to be filled. */
static int load_input(struct job *job)
{
    struct cli *cli = job->cli;
    uint16_t header_size = job->spec.header_size;
    int exit_code = imagefile_read(cli, cli_arg(cli, 0), &job->input, &job->input_len);

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

static int fail_write(struct job *job, int err)
{
    if (err == DFU_ERR_RANGE) {
        return cli_fail(job->cli, CLI_USAGE,
                        "the TLVs together are longer than 65535 bytes; leave some out");
    }
    return cli_fail(job->cli, CLI_INTERNAL, "cannot make the image: %s", dfu_err_name(err));
}

static int build(struct job *job, uint32_t *len)
{
    struct cli *cli = job->cli;
    size_t lead = cli_has(cli, O_PAD_HEADER) ? job->spec.header_size : 0;
    uint32_t payload_len = (uint32_t)(job->input_len + lead - job->spec.header_size);
    uint32_t trailer = dfu_image_trailer_size(&job->slot);
    uint32_t room = dfu_image_write_room(&job->spec, payload_len);
    size_t cap = (size_t)room + (job->pads ? trailer : 0u);
    int err;

    if (job->pads && cap < job->slot.size) {
        cap = job->slot.size;
    }
    job->image = room ? malloc(cap) : NULL;
    if (!job->image) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    memset(job->image, job->slot.erased, lead);
    memcpy(job->image + lead, job->input, job->input_len);
    err = dfu_image_write(&job->spec, job->image, room, payload_len, len);
    if (err) {
        return fail_write(job, err);
    }
    if (job->slot.size == 0) {
        job->slot.size = *len + trailer; /* no size to check against */
    }
    if ((uint64_t)*len + trailer > job->slot.size) {
        return cli_fail(cli, CLI_USAGE,
                        "Image size (0x%x) + trailer (0x%x) exceeds requested size 0x%x; make the "
                        "program smaller or the slot larger",
                        *len, trailer, job->slot.size);
    }
    if (job->pads) {
        (void)dfu_image_pad(&job->slot, job->image, *len, job->confirms);
        *len = job->slot.size;
    }
    return CLI_DONE;
}

static int prepare(struct job *job)
{
    static int (*const steps[])(struct job *) = {
        take_header, take_slot, take_counter, take_boot_record, take_ids,
        load_input,  take_key,  take_custom,  take_hash,
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

static void release(struct job *job)
{
    for (size_t i = 0; i < job->spec.custom_count; i++) {
        free((void *)job->custom[i].value);
    }
    free(job->dependencies);
    free(job->input);
    free(job->image);
    keyfile_free(&job->key);
}

static int sign_run(struct cli *cli)
{
    struct job job = { .cli = cli };
    uint32_t len = 0;
    int exit_code = need_options(cli);

    if (!exit_code) {
        exit_code = refuse_unsupported(cli);
    }
    if (!exit_code) {
        exit_code = prepare(&job);
    }
    if (!exit_code) {
        exit_code = build(&job, &len);
    }
    if (!exit_code) {
        exit_code = cli_write_file(cli, cli_arg(cli, 1), CLI_FILE_PLAIN, job.image, len);
    }
    release(&job);
    return exit_code;
}

static const char *const examples[] = {
    "dfu sign -k signing.pem -v 1.2.3 -H 0x200 --pad-header -S 0x70000 app.bin app.signed.bin",
    "dfu sign -k signing.pem -v 1.2.3+7 -H 32 --pad-header -S 0x8000 --confirm app.bin slot.bin",
    NULL,
};

static const char details[] =
    "OUTFILE is written whole or not at all. Options and bytes are imgtool's; ECDSA and RSA\n"
    "signatures are random, everything else is reproducible.";

const struct cli_command cmd_sign = {
    .name = "sign",
    .args = "INFILE OUTFILE",
    .summary = "Make a signed image of a program",
    .details = details,
    .options = options,
    .examples = examples,
    .run = sign_run,
};

const struct cli_command cmd_create = {
    .name = "create",
    .args = "INFILE OUTFILE",
    .summary = "The same as sign",
    .details = details,
    .options = options,
    .examples = examples,
    .run = sign_run,
};
