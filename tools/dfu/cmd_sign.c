/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* sign, alias create: an image from a program, as imgtool makes it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/crypto.h>

#include "base/bytes.h"
#include "commands.h"
#include "dfu/decompress.h"
#include "dfu/err.h"
#include "sign_job.h"

static const struct cli_option options[] = {
    { "key", 'k', "KEY", 1, "private key to sign with; without one the image has a hash only", NULL,
      O_KEY },
    { "public-key-format", 0, "hash|full", 1, "what of the key goes into the image", "hash",
      O_KEY_FORMAT },
    { "version", 'v', "VERSION", 1, "maj.min.rev+build (required)", NULL, O_VERSION },
    { "header-size", 'H', "N", 1, "where the program starts in the image (required)", NULL,
      O_HEADER_SIZE },
    { "pad-header", 0, NULL, 0, "put the header in front; else the input has room for it", NULL,
      O_PAD_HEADER },
    { "slot-size", 'S', "N", 1, "bytes of the slot that is uploaded to (required)", NULL,
      O_SLOT_SIZE },
    { "board", 0, "BOARD", 1, "slots and limits of this board, instead of -S, --align and so on",
      NULL, O_BOARD },
    { "sectors", 0, "LIST", 1, "sectors of the slots instead: 118x4K, or SLOT0/SLOT1[/SCRATCH]",
      NULL, O_SECTORS },
    { "mode", 0, "MODE", 1, "how the bootloader upgrades; with --board or --sectors", NULL,
      O_MODE },
    { "align", 0, "1|2|4|8|16|32", 1, "write alignment of the flash", "1", O_ALIGN },
    { "max-align", 0, "8|16|32", 1, "the larger alignment of both slots", NULL, O_MAX_ALIGN },
    { "max-sectors", 'M', "N", 1, "sectors of a slot that the bootloader was built for", "128",
      O_MAX_SECTORS },
    { "pad", 0, NULL, 0, "fill the slot up, with the trailer that asks for the update", NULL,
      O_PAD },
    { "test", 0, NULL, 0, "the same, said for a test that is reverted unless confirmed", NULL,
      O_TEST },
    { "confirm", 0, NULL, 0, "the same, and confirmed: never reverted", NULL, O_CONFIRM },
    { "overwrite-only", 0, NULL, 0, "the bootloader overwrites: a small trailer", NULL,
      O_OVERWRITE },
    { "erased-val", 'R', "0|0xff", 1, "how erased flash reads", "0xff", O_ERASED },
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
    { "sha", 0, "auto|256|384|512", 1, "which hash", "auto", O_SHA },
    { "pure", 0, NULL, 0, "sign the image itself, not its hash (Ed25519)", NULL, O_PURE },
    { "pad-sig", 0, NULL, 0, "pad ECDSA signatures, for MCUboot before 1.5", NULL, O_PAD_SIG },
    { "endian", 'e', "little|big", 1, "byte order; MCUboot reads little only", "little", O_ENDIAN },
    { "encrypt", 'E', "FILE", 1,
      "encrypt for this key of the device: its public half, or an AES key in base64", NULL,
      O_ENCRYPT },
    { "encrypt-keylen", 0, "128|256", 1, "bits of the AES key that encrypts", "128",
      O_ENCRYPT_KEYLEN },
    { "hmac-sha", 0, "auto|256|512", 1, "hash that protects that key; 512 for X25519 only", "auto",
      O_HMAC_SHA },
    { "clear", 'c', NULL, 0, "leave the program plain, for a primary slot: it is encrypted later",
      NULL, O_CLEAR },
    { "save-enctlv", 0, NULL, 0, "the bootloader keeps keys as they came: a larger trailer", NULL,
      O_SAVE_ENCTLV },
    { "compression", 0, "FORM", 1, "disabled, lzma2 or lzma2armthumb; only where it saves space",
      "disabled", O_COMPRESSION },
    { "hex-addr", 'x', "N", 1, "address of the image in an Intel HEX output", NULL, O_HEX_ADDR },
    { "vector-to-sign", 0, "payload|digest", 1,
      "write what is to be signed elsewhere: the bytes, or their hash", NULL, O_VECTOR },
    { "fix-sig", 0, "FILE", 1, "a signature made elsewhere, in base64", NULL, O_FIX_SIG },
    { "fix-sig-pubkey", 0, "FILE", 1, "the public key of that signature", NULL, O_FIX_SIG_PUBKEY },
    { "signer", 0, "COMMAND", 1, "a command that signs; -k then names the public key", NULL,
      O_SIGNER },
    { "signer-timeout", 0, "SECONDS", 1, "how long it may take", "60", O_SIGNER_TIMEOUT },
    { "sbom", 0, "FILE", 1, "write a bill of materials (CycloneDX), bound to the image", NULL,
      O_SBOM },
    { "sbom-from", 0, "FILE", 1, "take its components from this one (CycloneDX)", NULL,
      O_SBOM_FROM },
    { "sig-out", 0, "FILE", 1, "write the signature here, too, in base64", NULL, O_SIG_OUT },
    { 0 },
};

static int need_options(struct cli *cli)
{
    static const int required[] = { O_VERSION, O_HEADER_SIZE, O_SLOT_SIZE };

    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        if (!cli_has(cli, required[i]) &&
            !(required[i] == O_SLOT_SIZE && (cli_has(cli, O_BOARD) || cli_has(cli, O_SECTORS)))) {
            return cli_fail(cli, CLI_USAGE, "%s is missing; see dfu %s --help",
                            cli_option_text(cli, required[i]), cli->command->name);
        }
    }
    return CLI_DONE;
}

static int fail_write(struct sign_job *job, int err)
{
    if (job->signer_exit) {
        return job->signer_exit; /* it has spoken */
    }
    if (err == DFU_ERR_RANGE) {
        return cli_fail(job->cli, CLI_INPUT,
                        "the TLVs together are longer than 65535 bytes; leave some out");
    }
    if (err == DFU_ERR_VERIFY && job->fixed) {
        return cli_fail(job->cli, CLI_REFUSED,
                        "%s is no signature by %s of this image; sign what --vector-to-sign writes "
                        "with the same options",
                        cli_value(job->cli, O_FIX_SIG), job->key.path);
    }
    return cli_fail(job->cli, CLI_INTERNAL, "cannot make the image: %s", dfu_err_name(err));
}

/* Room for the image and all that follows it, header space and program in place. */
static int lay_out(struct sign_job *job, uint32_t payload_len, uint32_t *room)
{
    size_t lead = cli_has(job->cli, O_PAD_HEADER) ? job->spec.header_size : 0;
    size_t cap;

    *room = dfu_image_write_room(&job->spec, payload_len);
    cap = (size_t)*room + (job->pads ? dfu_image_trailer_size(&job->slot) : 0u);
    if (job->pads && cap < job->slot.size) {
        cap = job->slot.size;
    }
    job->image = *room ? realloc(job->input, cap) : NULL; /* one buffer: programs can be large */
    if (!job->image) {
        return cli_fail(job->cli, CLI_INTERNAL, "out of memory");
    }
    job->input = NULL;
    memmove(job->image + lead, job->image, job->input_len);
    memset(job->image, job->slot.erased, lead);
    return CLI_DONE;
}

/* What somebody elsewhere signs, instead of an image; never padded, or it would be other bytes. */
static int build_vector(struct sign_job *job, uint32_t payload_len, uint32_t room, uint32_t *len)
{
    const struct dfu_hash_alg *alg = job->spec.hash;
    struct dfu_hash h;
    int err = dfu_image_write_region(&job->spec, job->image, room, payload_len, len);

    job->pads = false;
    if (!err && job->vector == SIGN_DIGEST) {
        err = alg->start(&h);
        if (!err) {
            err = alg->update(&h, job->image, *len);
            err = alg->finish(&h, job->image) ? DFU_ERR_IO : err;
        }
        *len = alg->size;
    }
    return err ? fail_write(job, err) : CLI_DONE;
}

static int build(struct sign_job *job, uint32_t *len)
{
    size_t lead = cli_has(job->cli, O_PAD_HEADER) ? job->spec.header_size : 0;
    uint32_t payload_len = (uint32_t)(job->input_len + lead - job->spec.header_size);
    uint32_t room;
    int err = lay_out(job, payload_len, &room);

    if (err) {
        return err;
    }
    if (job->vector != SIGN_WHOLE) {
        return build_vector(job, payload_len, room, len);
    }
    if (job->compresses) {
        int exit_code = sign_compress(job, room, &payload_len, &err);

        if (exit_code || err) {
            return exit_code ? exit_code : fail_write(job, err);
        }
    }
    err = dfu_image_write(&job->spec, job->image, room, payload_len, len);
    return err ? fail_write(job, err)
               : sign_check_size(job, *len, dfu_image_trailer_size(&job->slot));
}

static void release(struct sign_job *job)
{
    for (size_t i = 0; i < job->spec.custom_count; i++) {
        free((void *)job->custom[i].value);
    }
    cli_unstage_file(&job->staged_signature);
    cli_unstage_file(&job->staged_sbom);
    cJSON_free(job->sbom);
    free(job->dependencies);
    free(job->fixed);
    free(job->input);
    free(job->image);
    keyfile_free(&job->key);
    sign_free_geometry(job);
    cryptkey_free(&job->device);
    OPENSSL_cleanse(job->content_key, sizeof(job->content_key));
}

/* Those that scripts look for which call imgtool, and what compression has brought. */
static void print_lines(const struct sign_job *job)
{
    const char *line = job->cli->is_imgtool ? sign_line(job) : NULL;

    if (line) {
        printf("%s\n", line);
    }
    if (job->compresses) {
        printf("compressed image size: %u bytes\noriginal image size: %u bytes\n",
               job->compression.body_len - DFU_CODING_SIZE, job->compression.plain_size);
    }
    if (line && job->spec.compression) {
        printf("%s\n", line);
    }
}

static int print_json(const struct sign_job *job, uint32_t len)
{
    cJSON *json = cJSON_CreateObject();
    char version[DFU_IMAGE_VERSION_STRLEN];

    cJSON_AddStringToObject(json, "file", cli_arg(job->cli, 1));
    cJSON_AddStringToObject(json, "version", dfu_image_version_text(&job->spec.version, version));
    cJSON_AddNumberToObject(json, "bytes", len);
    return cli_json_print(job->cli, json);
}

/* Of a regular file only: elsewhere, as in a pipe, standard output may be the image's own. */
static int tell(const struct sign_job *job, uint32_t len)
{
    struct stat out;

    if (stat(cli_arg(job->cli, 1), &out) || !S_ISREG(out.st_mode)) {
        return CLI_DONE;
    }
    if (job->cli->json) {
        return print_json(job, len);
    }
    if (!job->cli->quiet) {
        print_lines(job);
    }
    return CLI_DONE;
}

/* What stands beside the image appears only if the image does. */
static int write_all(struct sign_job *job, uint32_t len)
{
    int exit_code = sign_stage_signature(job);

    if (!exit_code) {
        exit_code = sign_stage_sbom(job);
    }
    if (!exit_code) {
        exit_code = sign_write_out(job, len);
    }
    if (!exit_code) {
        exit_code = cli_show_file(job->cli, &job->staged_signature);
    }
    return exit_code ? exit_code : cli_show_file(job->cli, &job->staged_sbom);
}

/* Signed twice: a bootloader takes it, and the processor starts in the inner header. */
static bool is_image(const uint8_t *data, size_t len)
{
    return data && len >= 4 && get_le32(data) == DFU_IMAGE_MAGIC;
}

static int sign_run(struct cli *cli)
{
    struct sign_job job = { .cli = cli, .base = -1 };
    bool is_signed = false, is_empty = false;
    uint32_t len = 0;
    int exit_code = need_options(cli);

    if (!exit_code) {
        exit_code = sign_check_out(&job);
    }
    if (!exit_code) {
        exit_code = sign_take_options(&job);
    }
    if (!exit_code) {
        is_signed = is_image(job.input, job.input_len);
        is_empty = job.input_len == 0;
        exit_code = build(&job, &len);
    }
    if (!exit_code) {
        exit_code = write_all(&job, len);
    }
    if (!exit_code) {
        exit_code = tell(&job, len);
    }
    if (!exit_code && is_signed && !cli->is_imgtool && !cli->json) {
        cli_note(cli, "%s is an image already, and will not run inside another; sign the program",
                 cli_arg(cli, 0));
    }
    if (!exit_code && is_empty && !cli->is_imgtool && !cli->json) {
        cli_note(cli, "%s is empty, and the image holds no program; name the one that was built",
                 cli_arg(cli, 0));
    }
    release(&job);
    return exit_code;
}

static const char *const examples[] = {
    "# For a slot of 448 KiB, the header in front of the program",
    "dfu sign -k signing.pem -v 1.2.3 -H 0x200 --pad-header -S 0x70000 app.bin app.signed.bin",
    "# For the slots of a board, as its bootloader knows them",
    "dfu sign -k signing.pem -v 1.2.3 -H 0x200 --pad-header --board nrf52840dk app.bin out.bin",
    "# For slots of other sectors, and what still fits them",
    "dfu sign -k signing.pem -v 1.2.3 -H 0x200 --pad-header --sectors 4x16K,1x64K,7x128K "
    "--mode overwrite app.bin out.bin",
    "# Straight from the linker",
    "dfu sign -k signing.pem -v 1.2.3 -H 0x200 --pad-header --board nrf52840dk app.elf out.bin",
    "# A whole slot that is programmed into a new device",
    "dfu sign -k signing.pem -v 1.2.3+7 -H 32 --pad-header -S 0x8000 --confirm app.bin slot.bin",
    "# Encrypted for the device, which has the private half",
    "dfu sign -k signing.pem -E device-pub.pem -v 1.2.3 -H 0x200 --pad-header -S 0x70000 app.bin "
    "app.enc.bin",
    "# The key stays in a PKCS#11 token (smart card, HSM); its PIN is in a file",
    "dfu sign -k 'pkcs11:token=release;object=app?pin-source=pin.txt' -v 1.2.3 -H 0x200 "
    "--pad-header -S 0x70000 app.bin app.signed.bin",
    "# The key is behind a command, which gets the digest and prints the signature",
    "dfu sign -k pub.pem --signer 'ssh vault sign-firmware' -v 1.2.3 -H 0x200 --pad-header "
    "-S 0x70000 app.bin app.signed.bin",
    "# With a bill of materials that the signature covers, too",
    "dfu sign -k signing.pem -v 1.2.3 -H 0x200 --pad-header -S 0x70000 --sbom app.cdx.json "
    "--sbom-from build.cdx.json app.bin app.signed.bin",
    "# The key is elsewhere: what it signs goes out, its signature comes back",
    "dfu sign --vector-to-sign digest --fix-sig-pubkey pub.pem -v 1.2.3 -H 0x200 --pad-header "
    "-S 0x70000 app.bin app.digest",
    "dfu sign --fix-sig app.sig.b64 --fix-sig-pubkey pub.pem -v 1.2.3 -H 0x200 --pad-header "
    "-S 0x70000 app.bin app.signed.bin",
    NULL,
};

static const char details[] =
    "INFILE is a binary, Intel HEX (.hex), or a linked program (ELF). Of that the loadable sections\n"
    "are taken at their load addresses, gaps filled with the erased value.\n"
    "\n"
    "OUTFILE is written whole or not at all. Options and bytes are imgtool's, but that\n"
    "ECDSA signatures are the same each time (RFC 6979); RSA signatures are random, and so is\n"
    "the key that encrypts.\n"
    "\n"
    "-k takes a PEM file or a PKCS#11 URI (RFC 7512). The PIN of a token comes from pin-value or\n"
    "pin-source in the URI, from DFU_KEY_PASSPHRASE, or from the terminal.\n"
    "\n"
    "--signer runs COMMAND through the shell. It reads what is to be signed on standard input and\n"
    "prints the signature, raw or in base64. DFU_SIGN_KEY_TYPE (rsa-2048, rsa-3072, ecdsa-p256,\n"
    "ecdsa-p384, ed25519), DFU_SIGN_HASH (sha256, sha384, sha512) and DFU_SIGN_INPUT (digest, or\n"
    "payload for --pure) in its environment say how. RSA signs the digest as PSS with SHA-256 and a\n"
    "salt of 32 bytes, ECDSA signs the digest and gives DER, Ed25519 signs its input as message.\n"
    "Nothing is written unless the signature is right for the public key that -k names.";

const struct cli_command cmd_sign = {
    .name = "sign",
    .args = "INFILE OUTFILE",
    .summary = "Make a signed image of a program",
    .details = details,
    .options = options,
    .examples = examples,
    .is_imgtools = true,
    .run = sign_run,
};

const struct cli_command cmd_create = {
    .name = "create",
    .args = "INFILE OUTFILE",
    .summary = "The same as sign",
    .details = details,
    .options = options,
    .examples = examples,
    .is_imgtools = true,
    .run = sign_run,
};
