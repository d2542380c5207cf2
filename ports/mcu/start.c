/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Reset: memory as C wants it, then main(). */
#include <stdint.h>

#include "port.h"
#include "start.h"

extern uint32_t link_data_load[], link_data[], link_data_end[], link_bss[], link_bss_end[];
extern uint32_t link_stack_top[];

int main(void);

noreturn void start_reset(void)
{
    const uint32_t *from = link_data_load;

    for (uint32_t *to = link_data; to < link_data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = link_bss; to < link_bss_end; to++) {
        *to = 0;
    }
    (void)main();
    port_reset();
}

/* Where there is nothing to go on with: a restart verifies what runs. */
noreturn void start_fault(void)
{
    port_reset();
}
