/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/smp_shell.h"

#include <string.h>

#include "base/text.h"
#include "dfu/err.h"

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

void dfu_shell_print(struct dfu_shell_output *out, const char *text)
{
    for (; *text && out->len < out->cap; text++) {
        out->buf[out->len++] = *text;
    }
}

void dfu_shell_print_number(struct dfu_shell_output *out, int64_t value)
{
    char buf[24];
    struct text text = text_in(buf, sizeof(buf));
    uint64_t amount = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    text_add(&text, value < 0 ? "-" : "");
    text_add_dec64(&text, amount);
    dfu_shell_print(out, buf);
}

/* ---- The line ---- */

/* Join the words of argv. 0, DFU_ERR_FORMAT, DFU_ERR_NOSPACE. */
static int join(const struct dfu_smp_shell *shell, struct dfu_cbor_span argv)
{
    struct dfu_cbor_walk walk;
    struct dfu_cbor_span item, word;
    size_t len = 0;
    int more = dfu_cbor_open_array(&walk, argv);

    while (!more && (more = dfu_cbor_next_item(&walk, &item)) == 1) {
        size_t blank = len > 0 ? 1 : 0;

        if (dfu_cbor_decode(item, DFU_CBOR_TEXT, &word) || memchr(word.data, 0, word.len)) {
            return DFU_ERR_FORMAT;
        }
        if (word.len + blank >= shell->line_cap - len) {
            return DFU_ERR_NOSPACE;
        }
        if (blank) {
            shell->line[len++] = ' ';
        }
        memcpy(shell->line + len, word.data, word.len);
        len += word.len;
        more = 0;
    }
    shell->line[len] = '\0';
    return more;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Take one word out of the line: quotes go, *at moves behind it. */
static char *cut_word(char **at)
{
    char *word, *to, quote = 0;

    while (is_blank(**at)) {
        (*at)++;
    }
    if (!**at) {
        return NULL;
    }
    word = to = *at;
    for (; **at && (quote || !is_blank(**at)); (*at)++) {
        if (**at == quote) {
            quote = 0;
        } else if (!quote && (**at == '"' || **at == '\'')) {
            quote = **at;
        } else {
            *to++ = **at;
        }
    }
    *at += **at ? 1 : 0;
    *to = '\0';
    return word;
}

/* A NULL follows the last word. DFU_ERR_NOSPACE: there are more than there is room for. */
static int split(char *line, const char *words[DFU_SHELL_WORDS_MAX + 1])
{
    for (int i = 0; i <= DFU_SHELL_WORDS_MAX; i++) {
        words[i] = cut_word(&line);
        if (!words[i]) {
            return DFU_OK;
        }
    }
    return DFU_ERR_NOSPACE;
}

/* ---- Commands ---- */

/* How many of the words a command's name takes; 0 if it is not named by them. */
static int match(const char *name, const char *const *words)
{
    for (int n = 0; words[n]; n++) {
        size_t len = strlen(words[n]);

        if (strncmp(name, words[n], len) != 0) {
            return 0;
        }
        if (name[len] == '\0') {
            return n + 1;
        }
        if (name[len] != ' ') {
            return 0;
        }
        name += len + 1;
    }
    return 0;
}

static int help(const struct dfu_smp_shell *shell, struct dfu_shell_output *out)
{
    for (size_t i = 0; i < shell->command_count; i++) {
        dfu_shell_print(out, shell->commands[i].name);
        dfu_shell_print(out, ": ");
        dfu_shell_print(out, shell->commands[i].help);
        dfu_shell_print(out, "\n");
    }
    return 0;
}

static int run(const struct dfu_smp_shell *shell, struct dfu_shell_output *out,
               const char *const *words)
{
    const struct dfu_shell_command *found = NULL;
    int taken = 0, count = 0;

    for (size_t i = 0; i < shell->command_count; i++) {
        int n = match(shell->commands[i].name, words);

        if (n > taken) {
            found = &shell->commands[i];
            taken = n;
        }
    }
    if (found) {
        while (words[taken + count]) {
            count++;
        }
        return found->run(shell->ctx, out, count, words + taken);
    }
    if (strcmp(words[0], "help") == 0) {
        return help(shell, out);
    }
    dfu_shell_print(out, words[0]);
    dfu_shell_print(out, ": no such command; help lists them\n");
    return DFU_SHELL_NO_SUCH_COMMAND;
}

static int exec(struct dfu_smp_call *call)
{
    const struct dfu_smp_shell *shell = call->ctx;
    struct dfu_shell_output out = { shell->output, shell->output_cap, 0 };
    const char *words[DFU_SHELL_WORDS_MAX + 1] = { NULL };
    struct dfu_cbor_span argv;
    struct dfu_cbor_key keys[] = { { .name = "argv", .type = DFU_CBOR_ARRAY, .out = &argv } };
    int err, ret;

    if (dfu_cbor_decode_map(call->request, keys, COUNT_OF(keys)) || !keys[0].found) {
        return DFU_SMP_EINVAL;
    }
    err = join(shell, argv);
    if (err == DFU_ERR_FORMAT) {
        return DFU_SMP_EINVAL;
    }
    if (!err) {
        err = split(shell->line, words);
    }
    if (err) {
        return dfu_smp_fail(call, DFU_SMP_SHELL_COMMAND_TOO_LONG);
    }
    if (!words[0]) {
        return dfu_smp_fail(call, DFU_SMP_SHELL_EMPTY_COMMAND);
    }
    ret = run(shell, &out, words);
    dfu_cbor_put_text(call->enc, "o");
    dfu_cbor_put_text_n(call->enc, out.buf, out.len);
    dfu_cbor_pair_int(call->enc, shell->legacy_rc ? "rc" : "ret", ret);
    return 0;
}

static const struct dfu_smp_command shell_commands[] = {
    [DFU_SMP_SHELL_EXEC] = { .write = exec },
};

static const uint8_t shell_to_v1[] = {
    [DFU_SMP_SHELL_UNKNOWN] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_SHELL_COMMAND_TOO_LONG] = DFU_SMP_EINVAL,
    [DFU_SMP_SHELL_EMPTY_COMMAND] = DFU_SMP_EINVAL,
};

const struct dfu_smp_group dfu_smp_group_shell = {
    .id = DFU_SMP_GROUP_SHELL,
    .name = "shell mgmt",
    .commands = shell_commands,
    .command_count = COUNT_OF(shell_commands),
    .to_v1 = shell_to_v1,
    .to_v1_count = COUNT_OF(shell_to_v1),
};
