/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* interrupt.h - Ctrl-C and SIGTERM while something long runs: it ends between two packets, so that
 * there is time for words. */
#ifndef DFU_TOOL_INTERRUPT_H
#define DFU_TOOL_INTERRUPT_H

/* From now on the first of these signals is only noted; one more ends the program at once. */
void interrupt_catch(void);

/* They end the program again, as before. What came is still told. */
void interrupt_release(void);

/* The signal's number, 0 if none came since interrupt_catch. Its exit code is 128 more. */
int interrupt_came(void);

#endif
