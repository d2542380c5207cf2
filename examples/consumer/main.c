/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include <stdio.h>

#include <dfu/err.h>

int main(void)
{
    printf("dfukit says: %s\n", dfu_err_name(DFU_ERR_VERIFY));
    return 0;
}
