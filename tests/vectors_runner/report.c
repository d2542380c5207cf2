/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "report.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#define SHOWN_MAX 4u

static void print_spot(FILE *out, const struct spot *spot)
{
    (void)fprintf(out, "  %s", spot->id);
    if (spot->step >= 0) {
        (void)fprintf(out, " step %d", spot->step);
    }
    if (spot->cut >= 0) {
        (void)fprintf(out, " cut %d", spot->cut);
    }
    if (spot->second_cut >= 0) {
        (void)fprintf(out, " then cut %d", spot->second_cut);
    }
    if (spot->boot) {
        (void)fprintf(out, " (%s)", spot->boot);
    }
    (void)fprintf(out, ": ");
}

void report_differ(struct report *report, const struct spot *spot, const char *format, ...)
{
    va_list args;

    report->tally->differences++;
    report->shown++;
    if (report->shown > SHOWN_MAX && !report->is_verbose) {
        return;
    }
    print_spot(report->out, spot);
    va_start(args, format);
    (void)vfprintf(report->out, format, args);
    va_end(args);
    (void)fprintf(report->out, "\n");
    if (!report->is_verbose && report->shown == 1) {
        (void)fprintf(report->out, "    again: %s --case %s", report->rerun, spot->id);
        if (spot->step >= 0) {
            (void)fprintf(report->out, " --step %d", spot->step);
        }
        if (spot->cut >= 0) {
            (void)fprintf(report->out, " --cut %d", spot->cut);
        }
        (void)fprintf(report->out, "\n");
    }
}

void report_fatal(const char *format, ...)
{
    va_list args;

    (void)fprintf(stderr, "swap-vectors: ");
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "\n");
    _exit(2);
}

void report_sha256(const void *data, size_t len, char out[65])
{
    uint8_t digest[32];

    if (!EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL)) {
        report_fatal("hashing failed");
    }
    for (size_t i = 0; i < sizeof digest; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
}
