/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
