/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "library.h"
#include "token_parts.h"

#define LIBRARY "libp11-kit.so.0"

struct p11 p11;

int token_load_p11(struct cli *cli)
{
#define P11_ENTRY(name) { "p11_kit_" #name, &p11.name },
    static const struct dfu_library_call calls[] = { P11_CALLS(P11_ENTRY) };
#undef P11_ENTRY

    if (dfu_library_load(LIBRARY, calls, sizeof(calls) / sizeof(calls[0]))) {
        return cli_fail(cli, CLI_USAGE,
                        "keys in tokens need p11-kit, and " LIBRARY
                        " cannot be loaded; install the package p11-kit or libp11-kit0");
    }
    return CLI_DONE;
}
