/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Another application, to be the update of the first: it greets and does nothing else. */
#include "autoconf.h"
#include "console.h"
#include "port.h"

int main(void)
{
    port_start();
    port_enable_interrupts();
    console_print_line("*** dfukit hello " CONFIG_MCUBOOT_IMGTOOL_SIGN_VERSION " on " BOARD " ***");
    console_print_line("Hello World! " BOARD);
    for (;;) {
        port_idle();
    }
}
