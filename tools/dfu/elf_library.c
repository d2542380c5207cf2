/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "elf_library.h"

#include "library.h"

struct libelf_calls libelf;

int elf_library_load(void)
{
#define LIBELF_ENTRY(name) { #name, &libelf.name },
    static const struct dfu_library_call calls[] = { LIBELF_CALLS(LIBELF_ENTRY) };
#undef LIBELF_ENTRY

    return dfu_library_load("libelf.so.1", calls, sizeof(calls) / sizeof(calls[0]));
}
