/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* dfu upgrade: the whole story with one command. The steps are the library's; here is what a
 * user reads of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "device.h"
#include "dfu/openssl.h"
#include "fleet_upgrade.h"
#include "package.h"
#include "progress.h"
#include "upgrade_text.h"

enum {
    OPT_IMAGE = 1,
    OPT_UPGRADE_ONLY,
    OPT_TEST_ONLY,
    OPT_PERMANENT,
    OPT_NO_RESET,
    OPT_BOOT,
    OPT_NO_DIFF
};

struct upgrade {
    struct dfu_upgrade engine;
    struct device *dev;
    struct progress progress;
    enum dfu_upgrade_step shown;
    bool is_sending_shown;
    uint64_t start_ms;
};

static void say(const struct upgrade *u, const char *text)
{
    if (!u->dev->cli->quiet) {
        fprintf(stderr, "%s\n", text);
    }
}

/* Also where the upload was over before anybody looked. */
static void show_upload(struct upgrade *u, uint64_t now_ms)
{
    const struct dfu_upgrade *g = &u->engine;
    char line[128];

    if (!u->is_sending_shown) {
        snprintf(line, sizeof(line), "running %s, sending %u bytes",
                 g->before.version[0] ? g->before.version : "unknown",
                 (unsigned)g->config.firmware.size);
        say(u, line);
        u->is_sending_shown = true;
    }
    progress_show(&u->progress, now_ms, g->upload.acked);
}

static void say_what_was_there(const struct upgrade *u)
{
    const struct dfu_upload *upload = &u->engine.upload;
    char line[128];

    if (upload->kept + upload->copied > 0) {
        snprintf(line, sizeof(line), "sent %u bytes; %u were in the slot, %u in the running one",
                 (unsigned)upload->data_bytes, (unsigned)upload->kept, (unsigned)upload->copied);
        say(u, line);
    }
}

/* One line for each step that takes time. */
static void upgrade_show(void *ctx, uint64_t now_ms)
{
    struct upgrade *u = ctx;
    enum dfu_upgrade_step step = u->engine.step;

    if (u->shown != step && u->shown <= DFU_UPGRADE_UPLOAD && step > DFU_UPGRADE_UPLOAD) {
        if (u->engine.upload.result == 0 && u->engine.upload.sent > 0) {
            show_upload(u, now_ms);
        }
        progress_end(&u->progress);
        say_what_was_there(u);
    }
    if (step == DFU_UPGRADE_UPLOAD) {
        show_upload(u, now_ms);
    }
    if (step == DFU_UPGRADE_WAIT && u->shown != step) {
        say(u, "reset; waiting for the device to come back");
    }
    u->shown = step;
}

static int show_done(struct upgrade *u, const char *sentence)
{
    struct cli *cli = u->dev->cli;
    const struct dfu_upgrade *g = &u->engine;
    double seconds = (double)(dfu_link_now_ms() - u->start_ms) / 1000.0;
    char hash[DEVICE_HASH_LEN], version[DFU_IMAGE_VERSION_STRLEN];

    dfu_image_version_text(&g->config.firmware.header.version, version);
    if (cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "outcome", upgrade_outcome_word(g->outcome));
        cJSON_AddStringToObject(json, "version", version);
        cJSON_AddStringToObject(
            json, "hash",
            device_hash_text(g->config.firmware.hash, g->config.firmware.hash_len, hash));
        cJSON_AddStringToObject(json, "version_before", g->before.version);
        cJSON_AddNumberToObject(json, "bytes", g->config.firmware.size);
        cJSON_AddNumberToObject(json, "resumed_at", g->upload.resumed_at);
        cJSON_AddNumberToObject(json, "kept", g->upload.kept);
        cJSON_AddNumberToObject(json, "copied", g->upload.copied);
        cJSON_AddNumberToObject(json, "sent", g->upload.data_bytes);
        cJSON_AddNumberToObject(json, "repeated", g->upload.repeated);
        cJSON_AddNumberToObject(json, "seconds", seconds);
        return cli_json_print(cli, json);
    }
    printf("%s %s (%.1f s)\n", version, sentence, seconds);
    return CLI_DONE;
}

static int show_outcome(struct upgrade *u)
{
    const char *sentence = upgrade_done_sentence(u->engine.outcome);

    return sentence ? show_done(u, sentence) : upgrade_fail(u->dev, &u->engine);
}

/* What the file and the options say, whatever the device. */
static void fill_in(const struct cli *cli, const struct device_file *file,
                    struct dfu_upgrade_config *config)
{
    config->file = file->reader;
    config->firmware = file->firmware;
    config->silence_ms = cli->timeout_ms;
    config->latency_ms = cli->latency_ms;
    config->erase_ms = cli->timeout_ms;
    config->sha256 = cli_has(cli, OPT_NO_DIFF) ? NULL : &dfu_sha256_openssl;
    config->permanent = cli_has(cli, OPT_PERMANENT);
    config->upgrade_only = cli_has(cli, OPT_UPGRADE_ONLY);
}

/* One image, until the engine has said how it ended. */
static void drive(struct upgrade *u, struct device *dev, const struct device_file *file,
                  struct dfu_upgrade_config config)
{
    const struct dfu_job job = dfu_job_of_upgrade(&u->engine);

    *u = (struct upgrade){ .dev = dev, .start_ms = dfu_link_now_ms() };
    fill_in(dev->cli, file, &config);
    config.link_max = dev->session.link.mtu;
    config.answer_ms = dev->session.link.answer_ms;
    config.sends_meanwhile = !dev->session.link.is_line;
    progress_start(&u->progress, dev->cli, "upload", file->firmware.size);
    dfu_upgrade_start(&u->engine, &config);
    device_run(dev, &job, upgrade_show, u);
    progress_end(&u->progress);
}

static int carry_out(struct device *dev, const struct device_file *file,
                     struct dfu_upgrade_config *config)
{
    struct upgrade u;

    config->test_only = cli_has(dev->cli, OPT_TEST_ONLY);
    config->no_reset = cli_has(dev->cli, OPT_NO_RESET);
    drive(&u, dev, file, *config);
    return show_outcome(&u);
}

/* ---- Several images, one reset ---- */

/* What a package's images are told about in the end. */
struct package_job {
    struct device *dev;
    const struct package *package;
    struct dfu_upgrade_config config; /* image_number and boot_ms */
    struct dfu_upgrade done[PACKAGE_IMAGES_MAX];
};

static int stage_all(struct package_job *job)
{
    const struct package *package = job->package;
    struct dfu_client_slot_sizes sizes;
    struct upgrade u;
    int code = device_slot_sizes(job->dev, &sizes);

    code = code == CLI_REFUSED ? CLI_DONE : code;
    for (size_t i = 0; !code && i < package->count; i++) {
        const struct package_image *image = &package->images[i];

        code = device_check_fit(job->dev, &sizes, image->number, image->file.firmware.size);
    }
    if (code) {
        return code;
    }
    job->config.no_reset = true;
    for (size_t i = 0; i < package->count; i++) {
        job->config.image_number = package->images[i].number;
        cli_note(job->dev->cli, "image %u:", (unsigned)package->images[i].number);
        drive(&u, job->dev, &package->images[i].file, job->config);
        if (u.engine.outcome != DFU_UPGRADE_STAGED && u.engine.outcome != DFU_UPGRADE_ON_TEST &&
            u.engine.outcome != DFU_UPGRADE_ALREADY_RUNNING) {
            return show_outcome(&u);
        }
        job->done[i] = u.engine;
    }
    return CLI_DONE;
}

/* The engine finds the first one in place and restarts the device; the others are marked, too. It
 * confirms nothing yet. */
static int restart_once(struct package_job *job)
{
    struct upgrade u;
    size_t first = 0;

    while (first < job->package->count && job->done[first].outcome != DFU_UPGRADE_STAGED) {
        first++;
    }
    if (first == job->package->count) {
        return CLI_DONE;
    }
    job->config.no_reset = false;
    job->config.test_only = !cli_has(job->dev->cli, OPT_PERMANENT);
    job->config.image_number = job->package->images[first].number;
    drive(&u, job->dev, &job->package->images[first].file, job->config);
    if (u.engine.outcome == DFU_UPGRADE_REVERTED || u.engine.outcome == DFU_UPGRADE_ON_TEST ||
        u.engine.outcome == DFU_UPGRADE_CONFIRMED) {
        return CLI_DONE; /* the comparison tells more */
    }
    return show_outcome(&u);
}

static const struct dfu_client_slot *running_slot(const struct dfu_client_images *images,
                                                  uint32_t number)
{
    const struct dfu_client_slot *slot = dfu_client_active(images, number);

    for (size_t i = 0; !slot && i < images->count; i++) {
        if (images->slots[i].image == number && images->slots[i].slot == 0) {
            slot = &images->slots[i];
        }
    }
    return slot;
}

static bool runs(const struct dfu_client_slot *slot, const struct dfu_firmware *firmware)
{
    return slot && slot->hash_len == firmware->hash_len &&
           memcmp(slot->hash, firmware->run_hash, firmware->hash_len) == 0;
}

static int compare_all(const struct package_job *job, const struct dfu_client_images *images)
{
    const struct package *package = job->package;
    const struct dfu_client_slot *old = NULL;
    size_t new_count = 0;

    for (size_t i = 0; i < package->count; i++) {
        const struct dfu_client_slot *slot = running_slot(images, package->images[i].number);
        bool is_new = runs(slot, &package->images[i].file.firmware);

        new_count += is_new;
        old = is_new || old ? old : slot;
    }
    if (new_count == package->count) {
        return CLI_DONE;
    }
    return cli_fail(job->dev->cli, CLI_REVERTED,
                    "the device came back with %s: image %u is still %s; nothing was confirmed%s, "
                    "see the device's console, correct the firmware and try again",
                    new_count ? "only a part of the package" : "its old images",
                    old ? (unsigned)old->image : 0, old && old->version[0] ? old->version : "old",
                    new_count ? " and the next reset goes back to the old images" : "");
}

static int confirm_all(struct package_job *job, struct dfu_client_images *images)
{
    struct device *dev = job->dev;
    int code = CLI_DONE;

    for (size_t i = 0; !code && i < job->package->count; i++) {
        const struct package_image *image = &job->package->images[i];
        const struct dfu_client_slot *slot = running_slot(images, image->number);
        struct dfu_call call = device_call(dev);
        int len;

        if (!slot || !slot->active || slot->confirmed) {
            continue;
        }
        /* As for one image: the running image 0 has no need of a name. */
        len = dfu_client_image_set(&call, image->file.firmware.run_hash,
                                   image->number ? image->file.firmware.hash_len : 0, true,
                                   dev->out, sizeof(dev->out));
        code = device_ask(dev, &call, len, DEVICE_QUICK, "confirm the image");
    }
    code = code ? code : device_images(dev, images);
    code = code ? code : compare_all(job, images);
    for (size_t i = 0; !code && i < job->package->count; i++) {
        const struct dfu_client_slot *slot = running_slot(images, job->package->images[i].number);

        if (slot->active && !slot->confirmed) {
            code = cli_fail(dev->cli, CLI_REFUSED,
                            "the device took the confirmation, yet lists image %u as unconfirmed "
                            "and will go back to the old one; look at its own log",
                            (unsigned)slot->image);
        }
    }
    return code;
}

static int show_package(const struct package_job *job, enum dfu_upgrade_outcome outcome,
                        const char *sentence)
{
    struct cli *cli = job->dev->cli;
    cJSON *json = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(json, "images");

    cJSON_AddStringToObject(json, "outcome", upgrade_outcome_word(outcome));
    for (size_t i = 0; i < job->package->count; i++) {
        const struct package_image *image = &job->package->images[i];
        const struct dfu_firmware *firmware = &image->file.firmware;
        char hash[DEVICE_HASH_LEN], version[DFU_IMAGE_VERSION_STRLEN];
        cJSON *item = cJSON_CreateObject();

        dfu_image_version_text(&firmware->header.version, version);
        cJSON_AddNumberToObject(item, "image", image->number);
        cJSON_AddStringToObject(item, "version", version);
        cJSON_AddStringToObject(item, "hash",
                                device_hash_text(firmware->hash, firmware->hash_len, hash));
        cJSON_AddStringToObject(item, "version_before", job->done[i].before.version);
        cJSON_AddNumberToObject(item, "bytes", firmware->size);
        cJSON_AddNumberToObject(item, "sent", job->done[i].upload.data_bytes);
        cJSON_AddItemToArray(list, item);
        if (!cli->json) {
            printf("image %u: %s %s\n", (unsigned)image->number, version, sentence);
        }
    }
    if (cli->json) {
        return cli_json_print(cli, json);
    }
    cJSON_Delete(json);
    return CLI_DONE;
}

static bool is_all(const struct package_job *job, enum dfu_upgrade_outcome outcome)
{
    for (size_t i = 0; i < job->package->count; i++) {
        if (job->done[i].outcome != outcome) {
            return false;
        }
    }
    return true;
}

static int carry_out_package(struct package_job *job)
{
    struct cli *cli = job->dev->cli;
    struct dfu_client_images images;
    int code = stage_all(job);

    if (!code && is_all(job, DFU_UPGRADE_ALREADY_RUNNING)) {
        return show_package(job, DFU_UPGRADE_ALREADY_RUNNING, "is running already");
    }
    if (!code && cli_has(cli, OPT_NO_RESET)) {
        return show_package(job, DFU_UPGRADE_STAGED, "is in place; the next reset starts it");
    }
    code = code ? code : restart_once(job);
    code = code ? code : device_images(job->dev, &images);
    code = code ? code : compare_all(job, &images);
    if (!code && cli_has(cli, OPT_TEST_ONLY)) {
        return show_package(job, DFU_UPGRADE_ON_TEST, "runs on test; the next reset goes back");
    }
    code = code ? code : confirm_all(job, &images);
    return code ? code : show_package(job, DFU_UPGRADE_CONFIRMED, "runs and is confirmed");
}

static int run_package(struct cli *cli, struct dfu_upgrade_config *config)
{
    struct package *package = malloc(sizeof(*package));
    struct package_job *job = calloc(1, sizeof(*job));
    int code;

    if (!package || !job) {
        code = cli_fail(cli, CLI_INTERNAL, "out of memory");
    } else {
        code = package_read(cli, cli_arg(cli, 0), package);
        *job = (struct package_job){ .package = package, .config = *config };
        job->dev = code ? NULL : device_open(cli, &code);
        if (job->dev) {
            code = carry_out_package(job);
            device_close(job->dev);
        }
        package_release(package);
    }
    free(job);
    free(package);
    return code;
}

/* ---- Many devices ---- */

static int run_many(struct cli *cli, struct dfu_upgrade_config *config,
                    const struct device_file *file)
{
    config->test_only = cli_has(cli, OPT_TEST_ONLY);
    config->no_reset = cli_has(cli, OPT_NO_RESET);
    fill_in(cli, file, config);
    return fleet_upgrade(cli, cli_arg(cli, 0), config);
}

static int run_many_package(struct cli *cli, struct dfu_upgrade_config *config)
{
    struct package *package = malloc(sizeof(*package));
    int code;

    if (!package) {
        return cli_fail(cli, CLI_INTERNAL, "out of memory");
    }
    code = package_read(cli, cli_arg(cli, 0), package);
    if (!code && package->count > 1) {
        code = cli_fail(cli, CLI_USAGE,
                        "%s holds %zu images, and many devices at once take one each; give it to "
                        "one device at a time, or one image after the other with --image",
                        cli_arg(cli, 0), package->count);
    }
    if (!code) {
        config->image_number = package->images[0].number;
        code = run_many(cli, config, &package->images[0].file);
    }
    package_release(package);
    free(package);
    return code;
}

/* ---- The command line ---- */

static int take_options(struct cli *cli, struct dfu_upgrade_config *config)
{
    uint64_t image = 0, boot_s = 0;
    int code = cli_number(cli, OPT_IMAGE, 0, UINT32_MAX, &image);

    code = code ? code : cli_number(cli, OPT_BOOT, 1, 86400, &boot_s);
    if (code) {
        return code;
    }
    if (cli_has(cli, OPT_TEST_ONLY) && cli_has(cli, OPT_PERMANENT)) {
        return cli_fail(cli, CLI_USAGE,
                        "--test-only and --permanent contradict each other; give one of them");
    }
    if (cli_has(cli, OPT_IMAGE) && package_is(cli_arg(cli, 0))) {
        return cli_fail(cli, CLI_USAGE,
                        "a package tells the number of each of its images; leave out --image");
    }
    config->image_number = (uint32_t)image;
    config->boot_ms = (uint32_t)boot_s * 1000u;
    return CLI_DONE;
}

static int run_one(struct cli *cli, struct dfu_upgrade_config *config,
                   const struct device_file *file)
{
    int code;
    struct device *dev = device_open(cli, &code);

    if (dev) {
        code = carry_out(dev, file, config);
        device_close(dev);
    }
    return code;
}

static int upgrade_run(struct cli *cli)
{
    struct dfu_upgrade_config config = { 0 };
    struct device_file file;
    bool is_many = fleet_is_asked(cli);
    int code = take_options(cli, &config);

    if (!code && package_is(cli_arg(cli, 0))) {
        return is_many ? run_many_package(cli, &config) : run_package(cli, &config);
    }
    if (code) {
        return code;
    }
    code = device_file_read(cli, cli_arg(cli, 0), &file);
    if (!code) {
        code = is_many ? run_many(cli, &config, &file) : run_one(cli, &config, &file);
    }
    device_file_release(&file);
    return code;
}

static const struct cli_option upgrade_options[] = {
    { "image", 'n', "N", 1, "the device's image number, where it has several", "0", OPT_IMAGE },
    { "test-only", 0, NULL, 0, "do not confirm: the reset after the next goes back", NULL,
      OPT_TEST_ONLY },
    { "permanent", 0, NULL, 0, "no test: keep the new image even if it is bad", NULL,
      OPT_PERMANENT },
    { "no-reset", 0, NULL, 0, "stop before the reset", NULL, OPT_NO_RESET },
    { "upgrade-only", 'u', NULL, 0, "let the device refuse a version that is not newer", NULL,
      OPT_UPGRADE_ONLY },
    { "no-diff", 0, NULL, 0, "send every byte, also those that the device has", NULL, OPT_NO_DIFF },
    { "boot-time", 0, "SECONDS", 1, "how long restart and swap may take", "300", OPT_BOOT },
    FLEET_OPTIONS,
    FLEET_RESUME_OPTION,
    { 0 },
};

static const char *const upgrade_examples[] = {
    "# Upload, try, and keep it if it comes up",
    "dfu -d udp:192.0.2.1 upgrade app.signed.bin",
    "# Let the application confirm itself",
    "dfu -d serial:/dev/ttyACM0 upgrade --test-only app.signed.bin",
    "# Both images of a device with two processors",
    "dfu -d udp:192.0.2.1 upgrade dfu_application.zip",
    "# Two devices at once",
    "dfu -d udp:192.0.2.1 -d udp:192.0.2.2 upgrade app.signed.bin",
    "# All of a file; one first, no more if 2 % fail, with a log to go on from",
    "dfu upgrade --targets hall.txt --canary 1 --max-failures 2% --audit hall.log app.signed.bin",
    "# Those that were not done then",
    "dfu upgrade --targets hall.txt --audit hall.log --resume app.signed.bin",
    NULL,
};

const struct cli_command cmd_upgrade = {
    .name = "upgrade",
    .args = "FILE",
    .summary = "Update a device: upload, test, reset, wait, compare, confirm",
    .details =
        "FILE is a binary, Intel HEX (.hex), or a package (.zip) of several images with a\n"
        "manifest.json as nRF Connect SDK builds it: they are all uploaded, started by one\n"
        "reset, compared, and confirmed if all of them run. Checks first that FILE is whole,\n"
        "fits and is not running already. May be run again at any time: it goes on where it\n"
        "stopped. Exit code 5: the device came back with its old image.\n"
        "\n"
        "With --targets, or several -d before the command, many devices at once. Ctrl-C lets\n"
        "those that run finish and starts no more; once more aborts. SIGUSR1 pauses, SIGUSR2 goes\n"
        "on. Exit codes then: 0 all are done, 7 some failed, 8 more than --max-failures or a\n"
        "canary, 9 stopped before all were done.",
    .options = upgrade_options,
    .examples = upgrade_examples,
    .needs_target = true,
    .targets_option = FLEET_TARGETS,
    .run = upgrade_run,
};
