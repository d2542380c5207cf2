/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* libelf decodes the headers, for both sizes and byte orders; every range that they tell is
 * compared with the file here before a byte of it is used. */
#include "elffile.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "elf_library.h"

#define PIECES_MAX  4096u
#define ADDRESS_END 0x100000000u

struct piece {
    uint64_t addr, size;
    size_t off; /* in the file */
};

struct program {
    struct cli *cli;
    const char *path;
    const uint8_t *data;
    size_t len;
    Elf *elf;
    struct piece *pieces;
    size_t count;
};

bool elffile_is(const uint8_t *data, size_t len)
{
    return len >= SELFMAG && memcmp(data, ELFMAG, SELFMAG) == 0;
}

static int fail_damaged(const struct program *p, const char *what)
{
    return cli_fail(p->cli, CLI_INPUT, "%s is a damaged ELF file: %s; link it again", p->path,
                    what);
}

static int add(struct program *p, uint64_t addr, uint64_t off, uint64_t size)
{
    if (off > p->len || size > p->len - off) {
        return fail_damaged(p, "a part of it lies beyond its end");
    }
    if (addr > ADDRESS_END || size > ADDRESS_END - addr) {
        return cli_fail(p->cli, CLI_INPUT,
                        "%s has bytes to load at 0x%llx, and images end at 4 GiB; link it lower",
                        p->path, (unsigned long long)addr);
    }
    if (p->count == PIECES_MAX) {
        return fail_damaged(p, "it has more than 4096 parts");
    }
    p->pieces[p->count++] = (struct piece){ addr, size, (size_t)off };
    return CLI_DONE;
}

/* A section is loaded where the segment around it says; flash is seldom where code sees its data. */
static uint64_t load_address(const struct program *p, const GElf_Shdr *section)
{
    size_t count = 0;

    (void)libelf.elf_getphdrnum(p->elf, &count);
    for (size_t i = 0; i < count && i < PIECES_MAX; i++) {
        GElf_Phdr s;

        if (libelf.gelf_getphdr(p->elf, (int)i, &s) && s.p_type == PT_LOAD &&
            section->sh_offset >= s.p_offset && section->sh_offset - s.p_offset <= s.p_filesz &&
            section->sh_size <= s.p_filesz - (section->sh_offset - s.p_offset)) {
            return s.p_paddr + (section->sh_offset - s.p_offset);
        }
    }
    return section->sh_addr;
}

/* Sections, not segments: a segment may begin with the file's own headers, for its alignment. */
static int take_sections(struct program *p)
{
    Elf_Scn *scn = NULL;
    int exit_code = CLI_DONE;

    while (!exit_code && (scn = libelf.elf_nextscn(p->elf, scn)) != NULL) {
        GElf_Shdr s;

        if (!libelf.gelf_getshdr(scn, &s)) {
            return fail_damaged(p, "its sections cannot be read");
        }
        if ((s.sh_flags & SHF_ALLOC) != 0 && s.sh_type != SHT_NOBITS && s.sh_size > 0) {
            exit_code = add(p, load_address(p, &s), s.sh_offset, s.sh_size);
        }
    }
    return exit_code;
}

/* For files whose sections were stripped. */
static int take_segments(struct program *p)
{
    size_t count = 0;
    int exit_code = CLI_DONE;

    (void)libelf.elf_getphdrnum(p->elf, &count);
    for (size_t i = 0; i < count && !exit_code; i++) {
        GElf_Phdr s;

        if (!libelf.gelf_getphdr(p->elf, (int)i, &s)) {
            return fail_damaged(p, "its segments cannot be read");
        }
        if (s.p_type == PT_LOAD && s.p_filesz > 0) {
            exit_code = add(p, s.p_paddr, s.p_offset, s.p_filesz);
        }
    }
    return exit_code;
}

static int take_pieces(struct program *p)
{
    GElf_Ehdr head;
    size_t sections = 0;
    int exit_code;

    if (!p->elf || libelf.elf_kind(p->elf) != ELF_K_ELF || !libelf.gelf_getehdr(p->elf, &head)) {
        return fail_damaged(p, "its header cannot be read");
    }
    if (head.e_type != ET_EXEC && head.e_type != ET_DYN) {
        return cli_fail(p->cli, CLI_INPUT,
                        "%s is an ELF file, but no linked program; link it first", p->path);
    }
    (void)libelf.elf_getshdrnum(p->elf, &sections);
    exit_code = sections > 0 ? take_sections(p) : take_segments(p);
    if (!exit_code && p->count == 0) {
        exit_code =
            cli_fail(p->cli, CLI_INPUT, "%s has nothing to load; check its linker script", p->path);
    }
    return exit_code;
}

static int by_address(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;

    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int check_layout(const struct program *p, size_t limit)
{
    const struct piece *first = &p->pieces[0], *last = &p->pieces[p->count - 1];

    for (size_t i = 1; i < p->count; i++) {
        const struct piece *before = &p->pieces[i - 1], *piece = &p->pieces[i];

        if (piece->addr < before->addr + before->size) {
            return cli_fail(p->cli, CLI_INPUT,
                            "%s would load two parts to 0x%llx; check the load addresses (LMA) in "
                            "its linker script",
                            p->path, (unsigned long long)piece->addr);
        }
    }
    if (last->addr + last->size - first->addr > limit) {
        return cli_fail(
            p->cli, CLI_INPUT,
            "%s has bytes to load at 0x%llx and at 0x%llx, too far apart for one image; "
            "give what lies in RAM a load address in flash (AT> in the linker script), "
            "or remove other sections with objcopy -R",
            p->path, (unsigned long long)first->addr, (unsigned long long)last->addr);
    }
    return CLI_DONE;
}

static int flatten(struct program *p, uint8_t fill, size_t limit, uint8_t **out, size_t *out_len,
                   int64_t *base)
{
    const struct piece *last;
    int exit_code = take_pieces(p);

    if (exit_code) {
        return exit_code;
    }
    qsort(p->pieces, p->count, sizeof(p->pieces[0]), by_address);
    exit_code = check_layout(p, limit);
    if (exit_code) {
        return exit_code;
    }
    last = &p->pieces[p->count - 1];
    *base = (int64_t)p->pieces[0].addr;
    *out_len = (size_t)(last->addr + last->size - p->pieces[0].addr);
    *out = malloc(*out_len + 1);
    if (!*out) {
        return cli_fail(p->cli, CLI_INTERNAL, "out of memory");
    }
    memset(*out, fill, *out_len);
    for (size_t i = 0; i < p->count; i++) {
        memcpy(*out + (p->pieces[i].addr - p->pieces[0].addr), p->data + p->pieces[i].off,
               (size_t)p->pieces[i].size);
    }
    return CLI_DONE;
}

int elffile_flatten(struct cli *cli, const char *path, uint8_t fill, size_t limit, uint8_t **data,
                    size_t *len, int64_t *base)
{
    struct program p = { .cli = cli, .path = path, .data = *data, .len = *len };
    uint8_t *out = NULL;
    size_t out_len = 0;
    int exit_code;

    if (elf_library_load()) {
        return cli_fail(cli, CLI_USAGE,
                        "%s is a linked program, and libelf.so.1, which reads those, cannot be "
                        "loaded; install the package libelf1, or give the binary",
                        path);
    }
    if (libelf.elf_version(EV_CURRENT) == EV_NONE) {
        return cli_fail(cli, CLI_INTERNAL, "libelf does not know this version of ELF");
    }
    p.pieces = calloc(PIECES_MAX, sizeof(p.pieces[0]));
    if (!p.pieces) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    p.elf = libelf.elf_memory((char *)*data, *len);
    exit_code = flatten(&p, fill, limit, &out, &out_len, base);
    libelf.elf_end(p.elf);
    free(p.pieces);
    if (!exit_code) {
        free(*data);
        *data = out;
        *len = out_len;
    }
    return exit_code;
}
