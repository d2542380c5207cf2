/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* elf_library.h - libelf, loaded (library.h) with the first linked program. */
#ifndef DFU_ELF_LIBRARY_H
#define DFU_ELF_LIBRARY_H

#include <gelf.h>

/* libelf.elf_end is its elf_end, and so on. */
#define LIBELF_CALLS(X) \
    X(elf_end)          \
    X(elf_getphdrnum)   \
    X(elf_getshdrnum)   \
    X(elf_kind)         \
    X(elf_memory)       \
    X(elf_nextscn)      \
    X(elf_version)      \
    X(gelf_getehdr)     \
    X(gelf_getphdr)     \
    X(gelf_getshdr)

struct libelf_calls {
#define LIBELF_FIELD(name) __typeof__(name) *(name);
    LIBELF_CALLS(LIBELF_FIELD)
#undef LIBELF_FIELD
};
extern struct libelf_calls libelf;

/* 0, or DFU_ERR_NOTSUP where there is none; before any call. */
int elf_library_load(void);

#endif
