/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "serial_match.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "dfu/err.h"

#define PORTS_MAX 64u
#define ID_LEN    9u /* "2fe3:0100" */
#define LINE_LEN  512u

size_t dfu_serial_name_len(const char *address)
{
    /* Commas may stand in a regular expression: it ends with the first slash before an option. */
    if (address[0] == '/') {
        for (const char *at = address + 1; *at; at++) {
            if (*at == '/' && (at[1] == 0 || at[1] == ',')) {
                return (size_t)(at + 1 - address);
            }
        }
    }
    return strcspn(address, ",");
}

static bool is_regex(const char *name)
{
    size_t len = strlen(name);

    return len > 2 && name[0] == '/' && name[len - 1] == '/';
}

static bool is_usb_id(const char *name)
{
    for (size_t i = 0; i < ID_LEN; i++) {
        if (i == 4 ? name[i] != ':' : !isxdigit((unsigned char)name[i])) {
            return false;
        }
    }
    return name[ID_LEN] == 0 || (name[ID_LEN] == ':' && name[ID_LEN + 1] != 0);
}

bool dfu_serial_is_path(const char *name)
{
    if (is_regex(name)) {
        return false;
    }
    return strchr(name, '/') != NULL || access(name, F_OK) == 0;
}

/* ---- One port ---- */

static void id_text(const struct dfu_serial_port *port, char id[16])
{
    id[0] = 0;
    if (port->vid >= 0) {
        snprintf(id, 16, "%04x:%04x", (unsigned)port->vid & 0xffffu, (unsigned)port->pid & 0xffffu);
    }
}

static void line_of(const struct dfu_serial_port *port, char line[LINE_LEN])
{
    char id[16];

    id_text(port, id);
    snprintf(line, LINE_LEN, "%s%s%s%s%s%s%s", port->path, id[0] ? " " : "", id,
             port->serial_number ? " " : "", port->serial_number ? port->serial_number : "",
             port->description ? " " : "", port->description ? port->description : "");
}

static bool matches(const char *name, const regex_t *regex, const struct dfu_serial_port *port)
{
    char line[LINE_LEN], id[16];

    if (regex) {
        line_of(port, line);
        return regexec(regex, line, 0, NULL, 0) == 0;
    }
    if (!is_usb_id(name)) {
        return port->serial_number && strcasecmp(port->serial_number, name) == 0;
    }
    id_text(port, id);
    return strncasecmp(id, name, ID_LEN) == 0 &&
           (name[ID_LEN] == 0 ||
            (port->serial_number && strcasecmp(port->serial_number, name + ID_LEN + 1) == 0));
}

/* ---- Lists in sentences ---- */

static void add_port(char *text, size_t cap, const char *before, const struct dfu_serial_port *port)
{
    size_t len = strlen(text);
    char id[16];
    const char *number = port->serial_number;

    id_text(port, id);
    snprintf(text + len, cap - len, "%s%s%s%s%s%s%s", before, port->path,
             id[0] || number ? " (" : "", id, id[0] && number ? " " : "", number ? number : "",
             id[0] || number ? ")" : "");
}

static void list_ports(char *text, size_t cap, const struct dfu_serial_port *ports, size_t count)
{
    text[0] = 0;
    for (size_t i = 0; i < count; i++) {
        add_port(text, cap, i == 0 ? "; there are " : ", ", &ports[i]);
    }
    if (count == 0) {
        snprintf(text, cap, "; this computer has no serial port");
    }
}

/* ---- All ports ---- */

/* What a visit tells is gone after it. */
struct found {
    struct dfu_serial_port ports[PORTS_MAX];
    size_t count;
};

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

static void keep_port(void *ctx, const struct dfu_serial_port *port)
{
    struct found *found = ctx;
    char *path = copy(port->path);

    if (path && found->count < PORTS_MAX) {
        found->ports[found->count++] = (struct dfu_serial_port){
            .path = path,
            .description = copy(port->description),
            .serial_number = copy(port->serial_number),
            .vid = port->vid,
            .pid = port->pid,
        };
    } else {
        free(path);
    }
}

static void release(struct found *found)
{
    for (size_t i = 0; i < found->count; i++) {
        free((char *)found->ports[i].path);
        free((char *)found->ports[i].description);
        free((char *)found->ports[i].serial_number);
    }
}

void dfu_serial_candidates(char *text, size_t cap)
{
    struct found found = { .count = 0 };

    (void)dfu_nearby_serial(keep_port, &found);
    list_ports(text, cap, found.ports, found.count);
    release(&found);
}

/* ---- The choice ---- */

static int explain_choice(const char *name, const struct dfu_serial_port *ports, size_t count,
                          const struct dfu_serial_port *hits, size_t hit_count,
                          char why[DFU_LINK_WHY_LEN])
{
    char list[DFU_LINK_WHY_LEN];

    if (hit_count == 0) {
        list_ports(list, sizeof(list), ports, count);
        snprintf(why, DFU_LINK_WHY_LEN,
                 "no serial port matches %.80s: plug the device in or correct it%.300s", name,
                 list);
        return DFU_ERR_NOENT;
    }
    list[0] = 0;
    for (size_t i = 0; i < hit_count; i++) {
        add_port(list, sizeof(list), i == 0 ? "" : ", ", &hits[i]);
    }
    snprintf(why, DFU_LINK_WHY_LEN,
             "%zu serial ports match %.80s: %.300s; add the serial number, or name one by its path",
             hit_count, name, list);
    return DFU_ERR_INVAL;
}

int dfu_serial_choose(const char *name, const struct dfu_serial_port *ports, size_t count,
                      char path[PATH_MAX], char why[DFU_LINK_WHY_LEN])
{
    struct dfu_serial_port hits[PORTS_MAX];
    size_t hit_count = 0;
    char pattern[256], reason[128];
    regex_t regex;
    int code = 0;
    bool has_regex = is_regex(name);

    if (has_regex) {
        snprintf(pattern, sizeof(pattern), "%.*s", (int)strlen(name) - 2, name + 1);
        code = strlen(name) - 2 < sizeof(pattern)
                   ? regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB)
                   : REG_ESPACE;
        if (code) {
            regerror(code, &regex, reason, sizeof(reason));
            snprintf(why, DFU_LINK_WHY_LEN, "%.200s is no regular expression: %s; correct it", name,
                     reason);
            return DFU_ERR_INVAL;
        }
    }
    for (size_t i = 0; i < count && hit_count < PORTS_MAX; i++) {
        if (matches(name, has_regex ? &regex : NULL, &ports[i])) {
            hits[hit_count++] = ports[i];
        }
    }
    if (has_regex) {
        regfree(&regex);
    }
    if (hit_count == 1 && strlen(hits[0].path) < PATH_MAX) {
        memcpy(path, hits[0].path, strlen(hits[0].path) + 1);
        return 0;
    }
    return explain_choice(name, ports, count, hits, hit_count, why);
}

int dfu_serial_find(const char *name, char path[PATH_MAX], char why[DFU_LINK_WHY_LEN])
{
    struct found found = { .count = 0 };
    int err;

    if (dfu_serial_is_path(name)) {
        snprintf(path, PATH_MAX, "%s", name);
        return 0;
    }
    (void)dfu_nearby_serial(keep_port, &found);
    err = dfu_serial_choose(name, found.ports, found.count, path, why);
    release(&found);
    return err;
}
