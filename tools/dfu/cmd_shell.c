/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The device's shell: one command, or one after the other until the end of input. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "device.h"
#include "dfu/client_groups.h"

#define BLANKS " \t\r\n"

/* Output of a command as the terminal may have it: lines, but nothing that controls it. */
static char *lines_of(struct dfu_client_text text)
{
    char *out = malloc(text.len + 1);
    size_t len = 0;

    for (size_t i = 0; out && i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c == '\r') {
            continue;
        }
        out[len++] = (char)((c < ' ' && c != '\n' && c != '\t') || c == 0x7f ? '?' : c);
    }
    if (out) {
        out[len] = 0;
    }
    return out;
}

static int print_output(struct device *dev, struct dfu_client_text output, int32_t returned)
{
    char *text = lines_of(output);
    size_t len = text ? strlen(text) : 0;

    if (!text) {
        return cli_fail(dev->cli, CLI_INTERNAL, "out of memory");
    }
    if (dev->cli->json) {
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "output", text);
        cJSON_AddNumberToObject(json, "returned", returned);
        (void)cli_json_print(dev->cli, json);
    } else {
        printf("%s%s", text, len > 0 && text[len - 1] != '\n' ? "\n" : "");
        fflush(stdout);
    }
    free(text);
    return CLI_DONE;
}

/* Commands may do anything: they are sent once. *returned is what the command did. */
static int execute(struct device *dev, const char *const *words, size_t count, int32_t *returned)
{
    static const char what[] = "run the command";
    struct dfu_call call = device_call(dev);
    int len = dfu_client_shell(&call, words, count, dev->out, sizeof(dev->out));
    int code = device_try(dev, &call, len, DEVICE_ONCE, what);
    struct dfu_client_text output;

    if (code != CLI_DONE && code != CLI_REFUSED) {
        return code;
    }
    if (dfu_client_shell_read(&dev->answer, &output, returned)) {
        return code ? device_fail_refused(dev, &dev->answer.refusal, what)
                    : device_fail_broken(dev, what);
    }
    return print_output(dev, output, *returned);
}

static int run_one(struct device *dev)
{
    const char *words[64];
    size_t count = (size_t)cli_argc(dev->cli);
    int32_t returned = 0;
    int code;

    if (count > sizeof(words) / sizeof(words[0])) {
        return cli_fail(dev->cli, CLI_USAGE,
                        "that is more than 64 words; put some of them into "
                        "one by quotes");
    }
    for (size_t i = 0; i < count; i++) {
        words[i] = cli_arg(dev->cli, (int)i);
    }
    code = execute(dev, words, count, &returned);
    if (!code && returned != 0 && !dev->cli->json) {
        return cli_fail(dev->cli, CLI_REFUSED,
                        "the device's command ended with %d; its output says why", (int)returned);
    }
    return code ? code : (returned ? CLI_REFUSED : CLI_DONE);
}

/* Without the blanks around it. */
static const char *command_in(char *line)
{
    size_t len;

    line += strspn(line, BLANKS);
    len = strlen(line);
    while (len > 0 && strchr(BLANKS, line[len - 1])) {
        len--;
    }
    line[len] = 0;
    return line;
}

/* A line that is refused or too long is told, and the next one read. So is one without an answer,
 * where somebody sits there: it may have been the one that restarts the device. */
static bool goes_on(int code, bool is_terminal)
{
    return code == CLI_DONE || code == CLI_REFUSED || code == CLI_USAGE ||
           (is_terminal && code == CLI_NO_ANSWER);
}

static int run_lines(struct device *dev)
{
    bool is_terminal = isatty(STDIN_FILENO) && !dev->cli->json;
    char *line = NULL;
    size_t cap = 0;
    int code = CLI_DONE;

    while (goes_on(code, is_terminal)) {
        const char *words[1];
        int32_t returned = 0;
        ssize_t len;

        if (is_terminal) {
            printf("%s> ", dev->cli->target);
            fflush(stdout);
        }
        len = getline(&line, &cap, stdin);
        if (len < 0) {
            break;
        }
        words[0] = command_in(line);
        if (words[0][0] == 0) {
            continue;
        }
        if (strcmp(words[0], "exit") == 0) {
            break;
        }
        dev->cli->failed = false;
        code = execute(dev, words, 1, &returned);
        if (code == CLI_DONE && returned != 0) {
            cli_note(dev->cli, "ended with %d", (int)returned);
            code = CLI_REFUSED;
        }
    }
    if (is_terminal && feof(stdin)) {
        printf("\n");
    }
    free(line);
    return is_terminal && goes_on(code, true) ? CLI_DONE : code;
}

static int shell(struct device *dev)
{
    return cli_argc(dev->cli) > 0 ? run_one(dev) : run_lines(dev);
}

static int run_shell(struct cli *cli)
{
    return device_with(cli, shell);
}

static const char *const shell_examples[] = {
    "# One command; -- keeps its options from being dfu's",
    "dfu -d udp:192.0.2.1 shell -- kernel uptime -p",
    "# One after the other, until exit or the end of input",
    "dfu -d udp:192.0.2.1 shell",
    NULL,
};

const struct cli_command cmd_shell = {
    .name = "shell",
    .args = "[WORD...]",
    .summary = "Run commands in the device's shell",
    .details = "The device joins the words with single spaces; quotes for its shell go inside a\n"
               "word. A command is sent once: if its answer is lost it may have run. What a\n"
               "command returns other than 0 is exit code 1; read from a file or pipe, the last\n"
               "line's counts.",
    .examples = shell_examples,
    .needs_target = true,
    .run = run_shell,
};
