/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* string.h - what src/ may expect of a machine without a C library. */
#ifndef DFU_MCU_STRING_H
#define DFU_MCU_STRING_H

#include <stddef.h>

void *memchr(const void *s, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *s, int c, size_t n);
char *strchr(const char *s, int c);
int strcmp(const char *a, const char *b);
size_t strlen(const char *s);
int strncmp(const char *a, const char *b, size_t n);
size_t strnlen(const char *s, size_t n);

#endif
