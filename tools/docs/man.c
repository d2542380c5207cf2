/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Man pages in the man(7) language: dfu.1, and one a command. */
#include <ctype.h>
#include <string.h>

#include "docs.h"

/* Text as roff reads it: no line may start with its control characters, and a hyphen that is
 * to be typed must not become a typographic one. */
static void text(FILE *out, const char *s, size_t len)
{
    if (len > 0 && (s[0] == '.' || s[0] == '\'')) {
        fputs("\\&", out);
    }
    for (size_t i = 0; i < len; i++) {
        switch (s[i]) {
        case '\\': fputs("\\e", out); break;
        case '-': fputs("\\-", out); break;
        case '\'': fputs("\\(aq", out); break;
        case '`': fputs("\\(ga", out); break;
        case '^': fputs("\\(ha", out); break;
        case '~': fputs("\\(ti", out); break;
        default: fputc(s[i], out); break;
        }
    }
}

static void line(FILE *out, const char *s)
{
    text(out, s, strlen(s));
    fputc('\n', out);
}

/* Paragraphs parted by empty lines; one that starts with a blank is shown as it stands. */
static void paragraphs(FILE *out, const char *s)
{
    bool is_new = true, is_literal = false;

    while (s && *s) {
        size_t len = strcspn(s, "\n");

        if (len == 0) {
            fputs(is_literal ? ".EE\n" : "", out);
            is_literal = false;
            is_new = true;
        } else {
            if (is_new) {
                is_literal = s[0] == ' ';
                fputs(is_literal ? ".PP\n.EX\n" : ".PP\n", out);
                is_new = false;
            }
            text(out, s, len);
            fputc('\n', out);
        }
        s += len;
        s += *s == '\n';
    }
    fputs(is_literal ? ".EE\n" : "", out);
}

static void options(FILE *out, const struct cli_command *command)
{
    struct cli_spelling words[CLI_SPELLINGS_MAX];
    size_t count = cli_spellings(command, words);

    for (size_t i = 0; i < count; i++) {
        const struct cli_option *o = words[i].option;

        fputs(".TP\n", out);
        if (words[i].letter) {
            fprintf(out, "\\fB\\-%c\\fR", words[i].letter);
        }
        if (words[i].name) {
            fprintf(out, "%s\\fB\\-\\-", words[i].letter ? ", " : "");
            text(out, words[i].name, strlen(words[i].name));
            fputs("\\fR", out);
        }
        if (o->arg) {
            fputs(" \\fI", out);
            text(out, o->arg, strlen(o->arg));
            fputs("\\fR", out);
        }
        fputc('\n', out);
        line(out, o->help ? o->help : "");
        if (o->fallback) {
            fputs("(default: ", out);
            text(out, o->fallback, strlen(o->fallback));
            fputs(")\n", out);
        }
    }
}

static void examples(FILE *out, const char *const *list)
{
    bool is_open = false;

    fputs(list && *list ? ".SH EXAMPLES\n" : "", out);
    for (const char *const *e = list; e && *e; e++) {
        if (e[0][0] == '#') {
            fputs(is_open ? ".EE\n.RE\n.PP\n" : "", out);
            line(out, *e + 1 + strspn(*e + 1, " "));
            is_open = false;
        } else {
            fputs(is_open ? "" : ".RS\n.EX\n", out);
            line(out, *e);
            is_open = true;
        }
    }
    fputs(is_open ? ".EE\n.RE\n" : "", out);
}

static void exit_status(FILE *out)
{
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < CLI_EXITS; i++) {
        fprintf(out, ".TP\n.B %d\n", cli_exits[i].code);
        line(out, cli_exits[i].meaning);
    }
}

/* "image list" as the name of its page: "image-list"; with a first letter in the case asked. */
static void page_name(FILE *out, const char *name, bool is_upper)
{
    for (; *name; name++) {
        char upper = (char)toupper((unsigned char)*name);

        text(out, *name == ' ' ? "-" : is_upper ? &upper : name, 1);
    }
}

static void head(FILE *out, const struct cli_command *command, const char *date)
{
    fputs(".\\\" Made from the tables of the program; to change it, change those.\n.TH DFU", out);
    if (command) {
        fputs("\\-", out);
        page_name(out, command->name, true);
    }
    fprintf(out, " 1 \"%s\" \"dfukit %s\" \"dfukit\"\n.SH NAME\ndfu", date, DFUKIT_VERSION);
    if (command) {
        fputs("\\-", out);
        page_name(out, command->name, false);
    }
    fputs(" \\- ", out);
}

/* A summary after a dash starts small, unless its first word is an abbreviation. */
static void summary(FILE *out, const char *s)
{
    if (isupper((unsigned char)s[0]) && !isupper((unsigned char)s[1])) {
        fputc(tolower((unsigned char)s[0]), out);
        s++;
    }
    line(out, s);
}

void docs_man_command(FILE *out, const struct cli_command *command, const char *date)
{
    head(out, command, date);
    summary(out, command->summary);
    fputs(".SH SYNOPSIS\n\\fBdfu\\fR ", out);
    fputs(command->needs_target ? "\\fB\\-d\\fR \\fITARGET\\fR \\fB" : "\\fB", out);
    text(out, command->name, strlen(command->name));
    fputs("\\fR [\\fIOPTIONS\\fR]", out);
    if (command->args && command->args[0]) {
        fputs(" \\fI", out);
        text(out, command->args, strlen(command->args));
        fputs("\\fR", out);
    }
    fputs("\n.SH DESCRIPTION\n", out);
    text(out, command->summary, strlen(command->summary));
    fputs(".\n", out);
    paragraphs(out, command->details);
    examples(out, command->examples);
    fputs(".SH OPTIONS\n", out);
    options(out, command);
    exit_status(out);
    fputs(".SH SEE ALSO\n.BR dfu (1)\n", out);
}

static void environment(FILE *out)
{
    fputs(".SH ENVIRONMENT\n"
          ".TP\n.B DFU_TARGET\nThe device, where \\fB\\-d\\fR does not name one.\n"
          ".TP\n.B XDG_CONFIG_HOME\nWhere the folder of the profiles is, instead of "
          "~/.config.\n"
          ".TP\n.B DFU_AUTH_KEY\nThe key to log in with, where \\fB\\-\\-auth\\-key\\fR does not "
          "name one.\n"
          ".TP\n.B DFU_KEY_PASSPHRASE\nThe passphrase of a protected key, or the PIN of a token; "
          "else it is asked for on the terminal.\n"
          ".TP\n.B SOURCE_DATE_EPOCH\nThe time that a bill of materials tells, in seconds since "
          "1970; without it, none.\n"
          ".TP\n.B DFU_BOARDS_DIR\nWhere board files lie, instead of where they were installed.\n",
          out);
}

static void files(FILE *out)
{
    fputs(".SH FILES\n"
          ".TP\n.I ~/.config/dfu/profiles\nDevices by names of your own, for \\fB\\-d\\fR and "
          "DFU_TARGET: lines such as\n"
          ".IP\n.nf\n# the board on the desk\ndesk = serial:/dev/ttyACM0,baud=1000000\n"
          "hall = udp:192.0.2.7\n.fi\n",
          out);
}

void docs_man(FILE *out, const char *date)
{
    head(out, NULL, date);
    summary(out, "Sign firmware, update devices, explain what they boot");
    fputs(".SH SYNOPSIS\n\\fBdfu\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n"
          ".SH DESCRIPTION\n",
          out);
    line(out, cli_about);
    fputs(".PP\n\\fBdfu\\fR \\fICOMMAND\\fR \\fB\\-\\-help\\fR explains a command, and so does "
          "its page.\n",
          out);
    examples(out, cli_first_steps);
    fputs(".SH COMMANDS\n", out);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        fputs(".TP\n\\fB", out);
        text(out, (*c)->name, strlen((*c)->name));
        fputs("\\fR\n", out);
        text(out, (*c)->summary, strlen((*c)->summary));
        fputs(": \\fBdfu\\-", out);
        page_name(out, (*c)->name, false);
        fputs("\\fR(1)\n", out);
    }
    fputs(".SH OPTIONS\n", out);
    options(out, NULL);
    exit_status(out);
    environment(out);
    files(out);
}
