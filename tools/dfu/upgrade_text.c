/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "upgrade_text.h"

#include "dfu/err.h"
#include "interrupt.h"
#include "reason.h"

const char *upgrade_outcome_word(enum dfu_upgrade_outcome outcome)
{
    static const char *const words[] = {
        [DFU_UPGRADE_UNFINISHED] = "unfinished",
        [DFU_UPGRADE_CONFIRMED] = "confirmed",
        [DFU_UPGRADE_ALREADY_RUNNING] = "already running",
        [DFU_UPGRADE_ON_TEST] = "on test",
        [DFU_UPGRADE_STAGED] = "staged",
        [DFU_UPGRADE_REVERTED] = "reverted",
        [DFU_UPGRADE_NOT_RESTARTED] = "not restarted",
        [DFU_UPGRADE_GONE] = "gone",
        [DFU_UPGRADE_TOO_LARGE] = "too large",
        [DFU_UPGRADE_NO_SUCH_IMAGE] = "no such image",
        [DFU_UPGRADE_FAILED] = "failed",
    };

    return words[outcome];
}

const char *upgrade_done_sentence(enum dfu_upgrade_outcome outcome)
{
    switch (outcome) {
    case DFU_UPGRADE_CONFIRMED: return "runs and is confirmed";
    case DFU_UPGRADE_ALREADY_RUNNING: return "is running already; nothing was sent";
    case DFU_UPGRADE_ON_TEST:
        return "runs on test; confirm it with dfu image confirm, or the next reset goes back";
    case DFU_UPGRADE_STAGED: return "is in place; the next reset starts it";
    default: return NULL;
    }
}

/* In the library's words. */
static int fail_why(struct device *dev, const struct dfu_upgrade *g, int code)
{
    char why[DFU_REASON_LEN];

    dfu_reason_upgrade(why, &dev->session, g);
    return cli_fail(dev->cli, code, "%s", why);
}

static int fail_step(struct device *dev, const struct dfu_upgrade *g)
{
    if (g->failed_in == DFU_UPGRADE_UPLOAD) {
        return device_fail_upload(dev, &g->upload);
    }
    if (g->err == DFU_ERR_TIMEOUT) {
        return device_fail_silent(dev, dfu_reason_deed(g->failed_in));
    }
    return fail_why(dev, g, CLI_REFUSED);
}

static int fail_interrupted(struct device *dev, const struct dfu_upgrade *g)
{
    const char *where =
        "while the device restarts with the new image, which goes back at a further "
        "reset unless it is confirmed; the same command sees to that";

    if (g->step == DFU_UPGRADE_UPLOAD) {
        return device_fail_interrupted(dev, &g->upload);
    }
    if (g->step < DFU_UPGRADE_UPLOAD) {
        where = "before anything was sent; give the same command again";
    } else if (g->step <= DFU_UPGRADE_RESET) {
        where = "with the image on the device, before its restart; the same command goes on from "
                "there";
    }
    return cli_fail(dev->cli, 128 + interrupt_came(), "interrupted %s", where);
}

int upgrade_fail(struct device *dev, const struct dfu_upgrade *g)
{
    switch (g->outcome) {
    case DFU_UPGRADE_REVERTED: return fail_why(dev, g, CLI_REVERTED);
    case DFU_UPGRADE_TOO_LARGE: return fail_why(dev, g, CLI_REFUSED);
    case DFU_UPGRADE_NO_SUCH_IMAGE: return device_fail_no_image(dev, g->config.image_number);
    case DFU_UPGRADE_NOT_RESTARTED: return fail_why(dev, g, CLI_NO_ANSWER);
    case DFU_UPGRADE_UNFINISHED: return fail_interrupted(dev, g);
    case DFU_UPGRADE_GONE:
        return cli_fail(dev->cli, CLI_NO_ANSWER,
                        "the device did not come back in time after the reset; look at its "
                        "console, or wait longer with --boot-time");
    default: return fail_step(dev, g);
    }
}

const char *upgrade_set_done_sentence(enum dfu_upgrade_outcome outcome)
{
    switch (outcome) {
    case DFU_UPGRADE_CONFIRMED: return "run and are confirmed";
    case DFU_UPGRADE_ALREADY_RUNNING: return "are running already; nothing was sent";
    case DFU_UPGRADE_ON_TEST: return "run on test; the next reset goes back";
    case DFU_UPGRADE_STAGED: return "are in place; the next reset starts them";
    default: return NULL;
    }
}

static int fail_set_interrupted(struct device *dev, const struct dfu_upgrade_set *set)
{
    bool is_first =
        set->step == DFU_UPGRADE_SET_SLOTS || (set->step == DFU_UPGRADE_SET_STAGE && set->at == 0);

    if (set->is_engine_on && (is_first || set->engine.step >= DFU_UPGRADE_UPLOAD)) {
        return fail_interrupted(dev, &set->engine);
    }
    return cli_fail(dev->cli, 128 + interrupt_came(), "interrupted %s",
                    is_first ? "before anything was sent; give the same command again"
                             : "between two steps of the package; the same command goes on from "
                               "there");
}

int upgrade_set_fail(struct device *dev, const struct dfu_upgrade_set *set)
{
    char why[DFU_REASON_LEN];

    if (set->outcome == DFU_UPGRADE_UNFINISHED) {
        return fail_set_interrupted(dev, set);
    }
    if (set->failed_in == DFU_UPGRADE_SET_STAGE || set->failed_in == DFU_UPGRADE_SET_RESTART) {
        return upgrade_fail(dev, &set->engine);
    }
    if (set->outcome == DFU_UPGRADE_NO_SUCH_IMAGE) {
        return device_fail_no_image(dev, set->config.parts[set->at].image_number);
    }
    if (set->outcome == DFU_UPGRADE_FAILED && set->err == DFU_ERR_TIMEOUT) {
        return device_fail_silent(dev, dfu_reason_set_deed(set->failed_in));
    }
    dfu_reason_upgrade_set(why, &dev->session, set);
    return cli_fail(dev->cli, set->outcome == DFU_UPGRADE_REVERTED ? CLI_REVERTED : CLI_REFUSED,
                    "%s", why);
}

void upgrade_add_part(cJSON *json, const struct dfu_upgrade_part *part)
{
    const struct dfu_firmware *firmware = &part->firmware;
    char hash[DEVICE_HASH_LEN], version[DFU_IMAGE_VERSION_STRLEN];

    dfu_image_version_text(&firmware->header.version, version);
    cJSON_AddNumberToObject(json, "image", part->image_number);
    cJSON_AddStringToObject(json, "version", version);
    cJSON_AddStringToObject(json, "hash",
                            device_hash_text(firmware->hash, firmware->hash_len, hash));
}

cJSON *upgrade_part_json(const struct dfu_upgrade_part *part)
{
    cJSON *json = cJSON_CreateObject();

    upgrade_add_part(json, part);
    return json;
}
