/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Whether an image fits its slot by the bootloader's own rules; where it does not, by how many bytes
 * and what would help, each tried before it is said. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "boot_modes.h"
#include "dfu/image.h"
#include "fit.h"
#include "sign_job.h"

#define TLV_HEADER 4u

/* With keys in the trailer, where the board does not say them already. */
static struct dfu_slot_map map_with_keys(const struct sign_job *job, uint32_t key_size)
{
    struct dfu_slot_map map = job->geometry.map;

    map.key_size = (uint16_t)max_u32(map.key_size, round_up(key_size, map.max_align));
    return map;
}

struct advice {
    char text[512];
};

static void advise(struct advice *advice, const char *what, const char *value)
{
    size_t used = strlen(advice->text);

    snprintf(advice->text + used, sizeof(advice->text) - used, "%s%s%s", used ? ", " : "", what,
             value);
}

/* The size of the same image compressed, or 0. Signatures are counted, not made. */
static uint32_t compressed_len(const struct sign_job *job, uint32_t len, bool is_thumb)
{
    uint32_t lead = cli_has(job->cli, O_PAD_HEADER) ? job->spec.header_size : 0;
    uint32_t payload = (uint32_t)(job->input_len + lead - job->spec.header_size);
    uint32_t sig = job->spec.signer ? DFU_SIGNATURE_MAX + TLV_HEADER : 0;
    struct dfu_image_compression c = { .is_thumb = is_thumb };
    struct dfu_image_spec spec = job->spec;
    size_t room, cap = dfu_image_compress_room(payload);
    uint8_t *image, *body;
    int err;

    spec.signer = NULL;
    spec.is_pure = false;
    room = dfu_image_write_room(&spec, payload);
    image = malloc(room);
    body = malloc(cap);
    err = !image || !body;
    if (!err) {
        memset(image, 0, lead);
        memcpy(image + lead, job->input, job->input_len);
        err = dfu_image_compress(&spec, is_thumb, image, room, payload, body, cap, &c);
    }
    free(image);
    free(body);
    if (err || !c.pays || c.body_len >= payload) {
        return 0;
    }
    return len - (payload - c.body_len) + 2 * TLV_HEADER + 4 + TLV_HEADER + job->spec.hash->size +
           sig;
}

static void advise_compression(struct sign_job *job, struct advice *advice, uint32_t len,
                               uint32_t limit)
{
    static const char *const names[] = { "--compression lzma2", "--compression lzma2armthumb" };

    if (!job->input && sign_load_input(job)) {
        return; /* the image has taken its place, and now it is gone */
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        uint32_t smaller = compressed_len(job, len, i == 1);

        if (smaller > 0 && smaller <= limit) {
            advise(advice, names[i], " (if the bootloader unpacks it)");
            return;
        }
    }
}

/* What the image itself could leave out. */
static void advise_options(const struct sign_job *job, struct advice *advice, uint32_t len,
                           uint32_t over)
{
    if (job->spec.with_whole_key && job->key.der_len - job->spec.hash->size >= over) {
        advise(advice, "--public-key-format hash", "");
    }
    if (cli_has(job->cli, O_SAVE_ENCTLV)) {
        struct dfu_slot_map map = map_with_keys(job, job->encryption.content_key_len);

        if (len <= dfu_slot_max_image(&map, 0)) {
            advise(advice, "a bootloader that keeps no key TLVs (no --save-enctlv)", "");
        }
    }
}

static void collect(struct sign_job *job, struct advice *advice, const struct fit *fit)
{
    for (unsigned i = 0; i < fit->help_count; i++) {
        advise(advice, fit->helps[i].what, "");
    }
    advise_options(job, advice, fit->size, fit->size - fit->limit);
    if (!job->compresses && job->vector == SIGN_WHOLE) {
        advise_compression(job, advice, fit->size, fit->limit);
    }
}

int sign_check_fit(struct sign_job *job, uint32_t len, const char *what)
{
    const struct sign_geometry *g = &job->geometry;
    struct dfu_slot_map map;
    struct advice advice = { "" };
    struct fit fit;

    if (!g->is_known) {
        return CLI_DONE;
    }
    map = map_with_keys(job, job->slot.key_size);
    fit_measure(&fit, &map, g->scratch, NULL, len);
    if (!job->spec.compression) { /* as it runs */
        fit.limit = dfu_slot_limit(&map, 0, map.images[0].primary);
    }
    if (len <= fit.limit) {
        return CLI_DONE;
    }
    collect(job, &advice, &fit);
    return cli_fail(job->cli, CLI_USAGE,
                    "%s has %u bytes, and %s takes %u; make the program smaller by %u bytes%s%s",
                    what, len, g->name, fit.limit, len - fit.limit,
                    advice.text[0] ? ", or choose what would fit it: " : "", advice.text);
}

int sign_check_size(struct sign_job *job, uint32_t len, uint32_t trailer)
{
    bool is_known = job->geometry.is_known;
    int exit_code = sign_check_fit(job, len, "the image");

    if (exit_code) {
        return exit_code;
    }
    if (job->slot.size == 0) {
        job->slot.size = len + trailer; /* no size to check against */
    }
    if ((uint64_t)len + trailer > job->slot.size &&
        (!is_known || job->pads || cli_has(job->cli, O_SLOT_SIZE))) {
        return cli_fail(job->cli, CLI_USAGE,
                        "Image size (0x%x) + trailer (0x%x) exceeds requested size 0x%x; make the "
                        "program smaller by %llu bytes or the slot larger",
                        len, trailer, job->slot.size,
                        (unsigned long long)len + trailer - job->slot.size);
    }
    return CLI_DONE;
}
