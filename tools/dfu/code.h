/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* code.h - bytes as source code to build in, laid out as imgtool does. */
#ifndef DFU_CODE_H
#define DFU_CODE_H

#include <stdint.h>
#include <stdio.h>

/* "const unsigned char NAMESUFFIX[] = {...};" and its length. */
void code_c(FILE *out, const char *name, const char *suffix, const uint8_t *data, size_t len);

/* "static NAMESUFFIX: &[u8] = &[...];", the name in capitals. */
void code_rust(FILE *out, const char *name, const char *suffix, const uint8_t *data, size_t len);

#endif
