/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Division on a core that has none (Arm's run-time ABI, 4.3.1), a bit at a time: rarely asked for,
 * and a sixth of libgcc's, which is unrolled. */
#include <stdint.h>

uint64_t __aeabi_uidivmod(uint32_t n, uint32_t d);
uint32_t __aeabi_uidiv(uint32_t n, uint32_t d);

/* The remainder in the upper half. */
uint64_t __aeabi_uidivmod(uint32_t n, uint32_t d)
{
    uint32_t quotient = 0, rest = 0;

    for (int bit = 31; bit >= 0; bit--) {
        rest = rest << 1 | (n >> bit & 1);
        quotient <<= 1;
        if (rest >= d) {
            rest -= d;
            quotient++;
        }
    }
    return (uint64_t)rest << 32 | quotient;
}

uint32_t __aeabi_uidiv(uint32_t n, uint32_t d)
{
    return (uint32_t)__aeabi_uidivmod(n, d);
}
