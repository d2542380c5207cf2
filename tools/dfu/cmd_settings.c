/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The settings group: values of bytes under names of text. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "device.h"
#include "dfu/client_groups.h"

enum { OPT_HEX = 1, OPT_MAX };

static bool is_printable(const struct dfu_client_bytes *value)
{
    for (size_t i = 0; i < value->len; i++) {
        if (value->data[i] < ' ' || value->data[i] > '~') {
            return false;
        }
    }
    return value->len > 0;
}

static int show(struct device *dev, const struct dfu_client_setting *setting)
{
    const struct dfu_client_bytes *value = &setting->value;
    struct dfu_client_text text = { (const char *)value->data, value->len };
    char *hex = malloc(2 * value->len + 1);
    int code = CLI_DONE;

    if (!hex) {
        return cli_fail(dev->cli, CLI_INTERNAL, "out of memory");
    }
    cli_hex(value->data, value->len, hex);
    if (dev->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "name", cli_arg(dev->cli, 0));
        cJSON_AddStringToObject(json, "hex", hex);
        cJSON_AddItemToObject(json, "text",
                              is_printable(value) ? device_json_text(text) : cJSON_CreateNull());
        code = cli_json_print(dev->cli, json);
    } else if (is_printable(value) && !cli_has(dev->cli, OPT_HEX)) {
        printf("%.*s\n", (int)value->len, text.data);
    } else {
        printf("%s\n", hex);
    }
    if (setting->max_size > 0) {
        cli_note(dev->cli, "the device gives at most %u bytes of a value; this one may be longer",
                 (unsigned)setting->max_size);
    }
    free(hex);
    return code;
}

static int setting_read(struct device *dev)
{
    static const char what[] = "read the setting";
    struct dfu_client_setting setting;
    struct dfu_call call;
    uint64_t max = 0;
    int len, code = cli_number(dev->cli, OPT_MAX, 1, UINT16_MAX, &max);

    if (code) {
        return code;
    }
    call = device_call(dev);
    len = dfu_client_setting_read(&call, cli_arg(dev->cli, 0), (uint32_t)max, dev->out,
                                  sizeof(dev->out));
    code = device_ask(dev, &call, len, DEVICE_QUICK, what);
    if (code) {
        return code;
    }
    if (dfu_client_setting_read_read(&dev->answer, &setting)) {
        return device_fail_broken(dev, what);
    }
    return show(dev, &setting);
}

/* Pairs of digits in place; false if it is something else. */
static bool from_hex(char *text, size_t *len)
{
    size_t digits = strlen(text);

    for (size_t i = 0; i < digits; i++) {
        if (!isxdigit((unsigned char)text[i])) {
            return false;
        }
    }
    for (size_t i = 0; i + 1 < digits; i += 2) {
        const char pair[3] = { text[i], text[i + 1], 0 };

        text[i / 2] = (char)strtoul(pair, NULL, 16);
    }
    *len = digits / 2;
    return digits % 2 == 0;
}

static int setting_write(struct device *dev)
{
    char *value = strdup(cli_arg(dev->cli, 1));
    struct dfu_call call = device_call(dev);
    size_t value_len;
    int len, code;

    if (!value) {
        return cli_fail(dev->cli, CLI_INTERNAL, "out of memory");
    }
    value_len = strlen(value);
    if (cli_has(dev->cli, OPT_HEX) && !from_hex(value, &value_len)) {
        free(value);
        return cli_fail(dev->cli, CLI_USAGE,
                        "%s is not hexadecimal; give two digits for each byte, or leave out --hex",
                        cli_arg(dev->cli, 1));
    }
    len = dfu_client_setting_write(&call, cli_arg(dev->cli, 0), value, value_len, dev->out,
                                   sizeof(dev->out));
    code = device_ask(dev, &call, len, DEVICE_QUICK, "write the setting");
    free(value);
    return code ? code : device_say_done(dev, "written", "the setting is written");
}

static int setting_delete(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_setting_delete(&call, cli_arg(dev->cli, 0), dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, "delete the setting");

    return code ? code : device_say_done(dev, "deleted", "the setting is deleted");
}

static int settings_commit(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_settings_commit(&call, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, "commit its settings");

    return code ? code : device_say_done(dev, "committed", "the device has applied its settings");
}

static int settings_load(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_settings_load(&call, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, "load its settings");

    return code ? code : device_say_done(dev, "loaded", "the device has loaded its settings");
}

static int settings_save(struct device *dev)
{
    struct dfu_call call = device_call(dev);
    int len = dfu_client_settings_save(&call, cli_arg(dev->cli, 0), dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, "save its settings");

    return code ? code : device_say_done(dev, "saved", "the device has saved its settings");
}

static int run_read(struct cli *cli)
{
    return device_with(cli, setting_read);
}

static int run_write(struct cli *cli)
{
    return device_with(cli, setting_write);
}

static int run_delete(struct cli *cli)
{
    return device_with(cli, setting_delete);
}

static int run_commit(struct cli *cli)
{
    return device_with(cli, settings_commit);
}

static int run_load(struct cli *cli)
{
    return device_with(cli, settings_load);
}

static int run_save(struct cli *cli)
{
    return device_with(cli, settings_save);
}

static const struct cli_option read_options[] = {
    { "hex", 0, NULL, 0, "print the value in hexadecimal even where it is text", NULL, OPT_HEX },
    { "max-size", 0, "BYTES", 1, "no more of the value than this", NULL, OPT_MAX },
    { 0 },
};

static const char *const read_examples[] = {
    "# A value, as text where it is that, else in hexadecimal",
    "dfu -d udp:192.0.2.1 settings read app/name",
    NULL,
};

const struct cli_command cmd_settings_read = {
    .name = "settings read",
    .args = "NAME",
    .summary = "Read a setting of the device",
    .options = read_options,
    .examples = read_examples,
    .needs_target = true,
    .run = run_read,
};

static const struct cli_option write_options[] = {
    { "hex", 0, NULL, 0, "VALUE is in hexadecimal, two digits a byte", NULL, OPT_HEX },
    { 0 },
};

static const char *const write_examples[] = {
    "# A text, without a NUL at its end",
    "dfu -d udp:192.0.2.1 settings write app/name pump-7",
    "# Four bytes: a number of the device's, lowest byte first",
    "dfu -d udp:192.0.2.1 settings write --hex app/interval 3c000000",
    NULL,
};

const struct cli_command cmd_settings_write = {
    .name = "settings write",
    .args = "NAME VALUE",
    .summary = "Write a setting of the device",
    .details = "Whether it is stored at once or by settings save is the device's choice.",
    .options = write_options,
    .examples = write_examples,
    .needs_target = true,
    .run = run_write,
};

static const char *const delete_examples[] = {
    "# Forget a setting",
    "dfu -d udp:192.0.2.1 settings delete app/name",
    NULL,
};

const struct cli_command cmd_settings_delete = {
    .name = "settings delete",
    .args = "NAME",
    .summary = "Delete a setting of the device",
    .examples = delete_examples,
    .needs_target = true,
    .run = run_delete,
};

static const char *const commit_examples[] = {
    "# Let the application use what was written",
    "dfu -d udp:192.0.2.1 settings commit",
    NULL,
};

const struct cli_command cmd_settings_commit = {
    .name = "settings commit",
    .summary = "Let the device apply its settings",
    .examples = commit_examples,
    .needs_target = true,
    .run = run_commit,
};

static const char *const load_examples[] = {
    "# Go back to what is stored",
    "dfu -d udp:192.0.2.1 settings load",
    NULL,
};

const struct cli_command cmd_settings_load = {
    .name = "settings load",
    .summary = "Let the device load its settings from storage",
    .examples = load_examples,
    .needs_target = true,
    .run = run_load,
};

static const char *const save_examples[] = {
    "# Store all that was written",
    "dfu -d udp:192.0.2.1 settings save",
    NULL,
};

const struct cli_command cmd_settings_save = {
    .name = "settings save",
    .args = "[NAME]",
    .summary = "Let the device save its settings, or one part of them",
    .examples = save_examples,
    .needs_target = true,
    .run = run_save,
};
