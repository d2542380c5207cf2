/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* imgtool's layout for readers: bars of 60 columns, bytes eight a line. */
#include <string.h>

#include "dump.h"

#define WIDTH      60
#define NAME_WIDTH 20
#define TLV_INDENT 8
#define PER_LINE   8

static void print_fill(FILE *out, char c, int count)
{
    for (int i = 0; i < count; i++) {
        fputc(c, out);
    }
}

static void print_bar(FILE *out, const char *text)
{
    if (*text) {
        fprintf(out, "#### %s ", text);
    }
    print_fill(out, '#', WIDTH - (*text ? (int)strlen(text) + 6 : 0));
    fputc('\n', out);
}

static void print_section(FILE *out, const char *name, uint32_t off)
{
    char text[WIDTH];

    snprintf(text, sizeof(text), "%s (offset: 0x%x)", name, off);
    print_bar(out, text);
}

static void print_number(FILE *out, const char *name, uint32_t value)
{
    int used = fprintf(out, "%s:", name);

    print_fill(out, ' ', NAME_WIDTH - used);
    fprintf(out, "0x%x\n", value);
}

static void print_flags(FILE *out, uint32_t flags)
{
    bool is_first = true;

    print_fill(out, ' ', NAME_WIDTH - fprintf(out, "flags:"));
    if (flags == 0) {
        fprintf(out, "0x0");
    }
    for (const struct dump_flag *f = dump_flags; f->bit; f++) {
        if (flags & f->bit) {
            if (!is_first) {
                fputc('\n', out);
                print_fill(out, ' ', NAME_WIDTH);
            }
            fprintf(out, "%s (0x%x)", f->name, f->bit);
            is_first = false;
        }
    }
    fputc('\n', out);
}

static void print_header(const struct dump *dump, FILE *out)
{
    const struct dfu_image_header *h = &dump->image.header;
    char version[DFU_IMAGE_VERSION_STRLEN];

    print_section(out, "Image header", 0);
    print_number(out, "magic", DFU_IMAGE_MAGIC);
    print_number(out, "load_addr", h->load_addr);
    print_number(out, "hdr_size", h->hdr_size);
    print_number(out, "protected_tlv_size", h->protect_tlv_size);
    print_number(out, "img_size", h->img_size);
    print_flags(out, h->flags);
    print_fill(out, ' ', NAME_WIDTH - fprintf(out, "version:"));
    fprintf(out, "%s\n", dfu_image_version_text(&h->version, version));
    print_bar(out, "");
}

static void print_empty_frame_line(FILE *out)
{
    fputc('|', out);
    print_fill(out, ' ', WIDTH - 2);
    fprintf(out, "|\n");
}

static void print_payload(const struct dump *dump, FILE *out)
{
    char text[WIDTH];
    int len =
        snprintf(text, sizeof(text), "FW image (size: 0x%x Bytes)", dump->image.header.img_size);
    int lead = (WIDTH - len) / 2 - 1;

    print_section(out, "Payload", dump->image.header.hdr_size);
    print_empty_frame_line(out);
    fputc('|', out);
    print_fill(out, ' ', lead);
    fprintf(out, "%s", text);
    print_fill(out, ' ', WIDTH - 2 - lead - len);
    fprintf(out, "|\n");
    print_empty_frame_line(out);
    print_bar(out, "");
}

static void print_bytes(FILE *out, const uint8_t *data, size_t len, int indent)
{
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && i % PER_LINE == 0) {
            fputc('\n', out);
            print_fill(out, ' ', indent);
        }
        fprintf(out, "0x%02x ", data[i]);
    }
    fputc('\n', out);
}

static void print_tlv(void *ctx, const struct dump *dump, const struct dfu_image_tlv *tlv)
{
    FILE *out = ctx;

    fprintf(out, "%*s%.45s\n", TLV_INDENT, "", "---------------------------------------------");
    fprintf(out, "%*stype: %s (0x%x)\n", TLV_INDENT, "", dump_tlv_name(tlv->type), tlv->type);
    fprintf(out, "%*slen:  0x%x\n", TLV_INDENT, "", tlv->len);
    fprintf(out, "%*sdata: ", TLV_INDENT, "");
    print_bytes(out, dump->data + tlv->off, tlv->len, TLV_INDENT + 6);
}

static void print_area(const struct dump *dump, bool is_protected, FILE *out)
{
    if (is_protected) {
        print_section(out, "Protected TLV area", dump->image.tlv_off);
    } else {
        print_section(out, "TLV area", dump->image.prot_end);
    }
    fprintf(out, "magic:     0x%x\n", is_protected ? DUMP_MAGIC_PROTECTED : DUMP_MAGIC_UNPROTECTED);
    fprintf(out, "area size: 0x%x\n", dump_area_total(dump, is_protected));
    if (dump_each_tlv(dump, is_protected, print_tlv, out) == 0) {
        fputc('\n', out);
    }
    print_bar(out, "");
}

static void print_status(FILE *out, const char *name, uint8_t value)
{
    static const char *const names[] = { "INVALID", "SET", "BAD", "UNSET", "ANY" };

    fprintf(out, "%-13s%s (0x%x)\n", name, names[value <= 4 ? value : 0], value);
}

static void print_trailer(const struct dump_trailer *t, FILE *out)
{
    print_bar(out, "Image trailer (offset: unknown)");
    fprintf(out, "(Note: some fields may not be used, depending on the update \nstrategy)\n\n");
    fprintf(out, "swap status: (len: unknown)\n");
    if (t->key_field_len) {
        fprintf(out, "enc. keys:   (len: 0x%x, if BOOT_SWAP_SAVE_ENCTLV is unset)\n",
                t->key_field_len);
    } else {
        fprintf(out, "enc. keys:   Image not encrypted\n");
    }
    if (t->is_known) {
        if (t->swap_size == UINT32_MAX) {
            fprintf(out, "swap size:   unknown\n");
        } else {
            fprintf(out, "swap size:   0x%x octal: %u\n", t->swap_size, t->swap_size);
        }
        print_status(out, "swap_info:", t->swap_info);
        print_status(out, "copy_done:", t->copy_done);
        print_status(out, "image_ok:", t->image_ok);
    }
    fprintf(out, "boot magic:  ");
    print_bytes(out, t->magic, sizeof(t->magic), 13);
    fputc('\n', out);
}

void dump_human(const struct dump *dump, FILE *out)
{
    fprintf(out, "Printing content of signed image: %s \n\n", dump->filename);
    print_header(dump, out);
    print_payload(dump, out);
    if (dump->image.header.protect_tlv_size != 0) {
        print_area(dump, true, out);
    }
    print_area(dump, false, out);
    if (dump->trailer.is_there) {
        print_trailer(&dump->trailer, out);
    }
    print_bar(out, "End of Image ");
}
