/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "commands.h"
#include "dump.h"
#include "image/magic.h"
#include "imagefile.h"

static const struct cli_option options[] = {
    { "outfile", 'o', "FILE", 1, "where it goes; standard output if not said", NULL, 'o' },
    { "format", 'f', "human|yaml|json", 1, "human on standard output, yaml in a file", NULL, 'f' },
    { "silent", 's', NULL, 0, "accepted, without effect", NULL, 's' },
    { 0 },
};

const struct dump_flag dump_flags[] = {
    { DFU_IMAGE_F_PIC, "PIC" },
    { DFU_IMAGE_F_ENCRYPTED_AES128, "ENCRYPTED_AES128" },
    { DFU_IMAGE_F_ENCRYPTED_AES256, "ENCRYPTED_AES256" },
    { DFU_IMAGE_F_NON_BOOTABLE, "NON_BOOTABLE" },
    { DFU_IMAGE_F_RAM_LOAD, "RAM_LOAD" },
    { DFU_IMAGE_F_ROM_FIXED, "ROM_FIXED" },
    { DFU_IMAGE_F_COMPRESSED_LZMA1, "COMPRESSED_LZMA1" },
    { DFU_IMAGE_F_COMPRESSED_LZMA2, "COMPRESSED_LZMA2" },
    { DFU_IMAGE_F_COMPRESSED_ARM_THUMB, "COMPRESSED_ARM_THUMB" },
    { 0, NULL },
};

const char *dump_tlv_name(uint16_t type)
{
    static const struct {
        uint16_t type;
        const char *name;
    } names[] = {
        { DFU_TLV_KEYHASH, "KEYHASH" },
        { DFU_TLV_PUBKEY, "PUBKEY" },
        { DFU_TLV_SHA256, "SHA256" },
        { DFU_TLV_SHA384, "SHA384" },
        { DFU_TLV_SHA512, "SHA512" },
        { DFU_TLV_RSA2048, "RSA2048" },
        { DFU_TLV_ECDSA, "ECDSASIG" },
        { DFU_TLV_RSA3072, "RSA3072" },
        { DFU_TLV_ED25519, "ED25519" },
        { DFU_TLV_SIG_PURE, "SIG_PURE" },
        { DFU_TLV_ENC_RSA2048, "ENCRSA2048" },
        { DFU_TLV_ENC_KW, "ENCKW" },
        { DFU_TLV_ENC_EC256, "ENCEC256" },
        { DFU_TLV_ENC_X25519, "ENCX25519" },
        { DFU_TLV_ENC_X25519_SHA512, "ENCX25519_SHA512" },
        { DFU_TLV_DEPENDENCY, "DEPENDENCY" },
        { DFU_TLV_SEC_CNT, "SEC_CNT" },
        { DFU_TLV_BOOT_RECORD, "BOOT_RECORD" },
        { DFU_TLV_DECOMP_SIZE, "DECOMP_SIZE" },
        { DFU_TLV_DECOMP_SHA, "DECOMP_SHA" },
        { DFU_TLV_DECOMP_SIGNATURE, "DECOMP_SIGNATURE" },
        { DFU_TLV_COMP_DEC_SIZE, "COMP_DEC_SIZE" },
        { DFU_TLV_UUID_VID, "UUID_VID" },
        { DFU_TLV_UUID_CID, "UUID_CID" },
        { DFU_TLV_SBOM, "SBOM" },
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].type == type) {
            return names[i].name;
        }
    }
    return "UNKNOWN";
}

size_t dump_each_tlv(const struct dump *dump, bool protected_area,
                     void (*visit)(void *ctx, const struct dump *dump,
                                   const struct dfu_image_tlv *tlv),
                     void *ctx)
{
    struct dfu_image_tlv tlv;
    uint32_t cursor = 0;
    size_t count = 0;

    while (dfu_image_tlv_next(&dump->image, &cursor, &tlv) > 0) {
        if (tlv.is_protected == protected_area) {
            visit(ctx, dump, &tlv);
            count++;
        }
    }
    return count;
}

/* The alignment that a trailer's magic tells, or 0. */
static uint32_t alignment_of(const uint8_t magic[TRAILER_MAGIC_SIZE])
{
    uint8_t wanted[TRAILER_MAGIC_SIZE];

    trailer_magic(8, wanted);
    if (memcmp(magic, wanted, sizeof(wanted)) == 0) {
        return 8;
    }
    trailer_magic(16, wanted); /* from its third byte on that of every other alignment */
    return memcmp(magic + 2, wanted + 2, sizeof(wanted) - 2) == 0 ? get_le16(magic) : 0;
}

/* The last 16 bytes of whatever follows the image; the fields lie in front of them. */
static void read_trailer(struct dump *dump)
{
    const uint32_t encrypted = DFU_IMAGE_F_ENCRYPTED_AES128 | DFU_IMAGE_F_ENCRYPTED_AES256;
    struct dump_trailer *t = &dump->trailer;
    const uint8_t *end = dump->data + dump->len;
    size_t align, magic_field;

    if (dump->len <= dump->image.end) {
        return;
    }
    t->is_there = true;
    memcpy(t->magic, end - TRAILER_MAGIC_SIZE, TRAILER_MAGIC_SIZE);
    align = alignment_of(t->magic);
    magic_field = align > TRAILER_MAGIC_SIZE ? align : TRAILER_MAGIC_SIZE;
    if (align < 4 || magic_field + 4 * align > dump->len) {
        return;
    }
    t->is_known = true;
    t->image_ok = *(end - magic_field - align);
    t->copy_done = *(end - magic_field - 2 * align);
    t->swap_info = *(end - magic_field - 3 * align);
    end -= magic_field + 4 * align;
    t->swap_size = get_le32(end);
    if (dump->image.header.flags & encrypted) {
        t->key_field_len = 2 * (uint32_t)((TRAILER_MAGIC_SIZE + align - 1) / align * align);
    }
}

static int choose_format(struct cli *cli, size_t *format)
{
    static const char *const names[] = { "human", "yaml", "json", NULL };

    *format = cli->json ? 2 : cli_has(cli, 'o') ? 1 : 0;
    return cli_choice(cli, 'f', names, format);
}

static int print_dump(struct cli *cli, const struct dump *dump, size_t format)
{
    static void (*const forms[])(const struct dump *, FILE *) = { dump_human, dump_yaml,
                                                                  dump_json };
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    int exit_code = CLI_DONE;

    if (out) {
        forms[format](dump, out);
    }
    if (!out || fclose(out) != 0) {
        exit_code = cli_fail(cli, CLI_INTERNAL, "out of memory");
    } else if (cli_has(cli, 'o')) {
        exit_code = cli_write_file(cli, cli_value(cli, 'o'), CLI_FILE_PLAIN, text, len);
    } else {
        fwrite(text, 1, len, stdout);
        printf("%s", format == 2 ? "\n" : "");
    }
    free(text);
    return exit_code;
}

static int print_facts(struct cli *cli, const struct dump *dump, enum dfu_image_fault fault)
{
    cJSON *json = dump_facts(dump, fault);
    char *text;
    int exit_code;

    if (!json) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    if (!cli_has(cli, 'o')) {
        return cli_json_print(cli, json);
    }
    text = cJSON_Print(json);
    cJSON_Delete(json);
    if (!text) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    cli_make_utf8(text);
    exit_code = cli_write_file(cli, cli_value(cli, 'o'), CLI_FILE_PLAIN, text, strlen(text));
    cJSON_free(text);
    return exit_code;
}

bool dump_is_hopeless(enum dfu_image_fault fault)
{
    return fault && fault != DFU_IMAGE_BAD_FLAGS && fault != DFU_IMAGE_TLV_NOT_ALLOWED &&
           fault != DFU_IMAGE_BAD_TLV_VALUE && fault != DFU_IMAGE_BAD_TLV_BOUNDS;
}

static int dump_file(struct cli *cli, const uint8_t *data, size_t len)
{
    struct dfu_memory_span span = { data, (uint32_t)len };
    struct dfu_reader reader = dfu_memory_reader(&span);
    const char *path = cli_arg(cli, 0), *slash = strrchr(path, '/');
    struct dump dump = { .filename = slash ? slash + 1 : path, .data = data, .len = len };
    enum dfu_image_fault fault = dfu_image_open(&dump.image, &reader, 0);
    size_t format = 0;
    int exit_code = choose_format(cli, &format);

    if (exit_code) {
        return exit_code;
    }
    if (dump_is_hopeless(fault) || dump.image.end == 0) {
        return cli_fail(cli, CLI_INPUT, "cannot show %s: %s; name an image that dfu sign made",
                        path, dfu_image_fault_text(fault));
    }
    if (fault) {
        cli_note(cli, "%s is not valid: %s", path, dfu_image_fault_text(fault));
    }
    read_trailer(&dump);
    if (dump.trailer.is_there && !dump.trailer.is_known) {
        if (format == 0 && !cli_has(cli, 'o')) {
            printf("Warning: the trailer magic value is invalid!\n");
        } else {
            cli_note(cli, "%s has no trailer at its end, though more than an image", path);
        }
    }
    return cli->json && !cli_has(cli, 'f') ? print_facts(cli, &dump, fault)
                                           : print_dump(cli, &dump, format);
}

static int dumpinfo_run(struct cli *cli)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int exit_code = imagefile_read(cli, cli_arg(cli, 0), &data, &len, NULL);

    if (!exit_code) {
        exit_code = dump_file(cli, data, len);
    }
    free(data);
    return exit_code;
}

static const char *const examples[] = {
    "# What the image says of itself",
    "dfu dumpinfo app.signed.bin",
    "# The same for a program to read",
    "dfu dumpinfo -f json app.signed.bin",
    NULL,
};

const struct cli_command cmd_dumpinfo = {
    .name = "dumpinfo",
    .args = "IMGFILE",
    .summary = "Print header, TLVs and trailer of an image",
    .details =
        "Nothing is checked but the structure; dfu verify judges. -f json is imgtool's; --json\n"
        "adds offsets, names of flags, and the values of counters, dependencies and UUIDs.",
    .options = options,
    .examples = examples,
    .is_imgtools = true,
    .run = dumpinfo_run,
};
