/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <dlfcn.h>
#include <string.h>

#include "token_parts.h"

#define LIBRARY "libp11-kit.so.0"

struct p11 p11;

/* POSIX promises that a pointer to data can hold one to a function; C has no cast for it. */
static bool find(void *library, const char *name, void *out)
{
    void *symbol = dlsym(library, name);

    memcpy(out, &symbol, sizeof(symbol));
    return symbol != NULL;
}

int token_load_p11(struct cli *cli)
{
    void *library = dlopen(LIBRARY, RTLD_NOW); /* for as long as the program runs */
    bool ok = library != NULL;

#define P11_FIND(name) ok = ok && find(library, "p11_kit_" #name, &p11.name);
    P11_CALLS(P11_FIND)
#undef P11_FIND
    if (!ok) {
        return cli_fail(cli, CLI_USAGE,
                        "keys in tokens need p11-kit, and " LIBRARY
                        " cannot be loaded; install the package p11-kit or libp11-kit0");
    }
    return CLI_DONE;
}
