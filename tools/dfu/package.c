/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* A package comes from elsewhere: names, sizes and numbers in it are claims. A part is found by
 * its name among the zip's entries, and no more is unpacked than its entry states. */
#include "package.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "zip_library.h"

#define MANIFEST     "manifest.json"
#define MANIFEST_MAX (64u << 10)
#define IMAGES_MAX   (64u << 20) /* bytes of all images together */
#define ZIP_MAX      ((size_t)2 * IMAGES_MAX)
#define ENTRIES_MAX  4096
#define NAME_LEN     200u

struct reading {
    struct cli *cli;
    const char *path;
    zip_t *zip;
    size_t room; /* left of IMAGES_MAX */
};

bool package_is(const char *path)
{
    size_t len = strlen(path);

    return len > 4 && strcasecmp(path + len - 4, ".zip") == 0;
}

static int fail_part(const struct reading *r, const char *name, const char *why)
{
    return cli_fail(r->cli, CLI_INPUT, "%s cannot be used: %s %s; build or fetch it again", r->path,
                    name, why);
}

/* Words of the manifest end up in messages. */
static bool is_plain(const char *name)
{
    for (const char *c = name; *c; c++) {
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~') {
            return false;
        }
    }
    return name[0] != 0 && name[0] != '/' && strlen(name) <= NAME_LEN && !strstr(name, "..");
}

/* The only entry of that name. */
static int find_entry(const struct reading *r, const char *name, zip_uint64_t *index)
{
    zip_int64_t count = libzip.zip_get_num_entries(r->zip, 0);
    bool is_found = false;

    for (zip_int64_t i = 0; i < count && i < ENTRIES_MAX; i++) {
        const char *entry = libzip.zip_get_name(r->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);

        if (entry && strcmp(entry, name) == 0) {
            if (is_found) {
                return fail_part(r, name, "is in it twice");
            }
            is_found = true;
            *index = (zip_uint64_t)i;
        }
    }
    return is_found ? CLI_DONE : fail_part(r, name, "is not in it");
}

/* Exactly len bytes, and their checksum, which libzip looks at where they end. */
static bool unpack(zip_file_t *part, uint8_t *data, size_t len)
{
    size_t got = 0;
    uint8_t beyond;

    while (got < len) {
        zip_int64_t more = libzip.zip_fread(part, data + got, len - got);

        if (more <= 0) {
            return false;
        }
        got += (size_t)more;
    }
    return libzip.zip_fread(part, &beyond, 1) == 0;
}

/* The caller frees *data, which ends with an extra NUL byte. */
static int read_part(const struct reading *r, const char *name, size_t limit, uint8_t **data,
                     size_t *len)
{
    zip_uint64_t index = 0;
    zip_stat_t stat;
    zip_file_t *part;
    bool is_sound;
    int code = find_entry(r, name, &index);

    if (code) {
        return code;
    }
    if (libzip.zip_stat_index(r->zip, index, 0, &stat) || !(stat.valid & ZIP_STAT_SIZE)) {
        return fail_part(r, name, "does not tell its size");
    }
    if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) && stat.encryption_method != ZIP_EM_NONE) {
        return fail_part(r, name, "is protected by a password");
    }
    if (stat.size > limit) {
        return fail_part(r, name, "is larger than any device takes");
    }
    *len = (size_t)stat.size;
    *data = malloc(*len + 1);
    if (!*data) {
        return cli_fail(r->cli, CLI_INTERNAL, "out of memory reading %s", r->path);
    }
    (*data)[*len] = 0;
    part = libzip.zip_fopen_index(r->zip, index, 0);
    is_sound = part && unpack(part, *data, *len);
    if (part) {
        libzip.zip_fclose(part);
    }
    if (!is_sound) {
        free(*data);
        *data = NULL;
        return fail_part(r, name, "is damaged");
    }
    return CLI_DONE;
}

/* Numbers are numbers or, as nRF Connect SDK writes them, text. false: it is neither. */
static bool number_of(const cJSON *entry, const char *key, uint64_t fallback, uint64_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, key);

    *out = fallback;
    if (!item) {
        return true;
    }
    if (cJSON_IsString(item)) {
        return cli_parse_number(item->valuestring, out);
    }
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble < 1e15)) {
        return false;
    }
    *out = (uint64_t)item->valuedouble;
    return (double)*out == item->valuedouble;
}

static bool has_number(const struct package *package, uint64_t number)
{
    for (size_t i = 0; i < package->count; i++) {
        if (package->images[i].number == number) {
            return true;
        }
    }
    return false;
}

static int take_image(struct reading *r, const cJSON *entry, struct package *out)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(entry, "file");
    struct package_image *image = &out->images[out->count];
    uint64_t number, size;
    uint8_t *data = NULL;
    size_t len = 0;
    char label[2 * NAME_LEN];
    int code;

    if (!cJSON_IsString(name) || !is_plain(name->valuestring)) {
        return fail_part(r, "its " MANIFEST, "names a file that cannot be in it");
    }
    if (!number_of(entry, "image_index", 0, &number) || number > UINT8_MAX ||
        !number_of(entry, "size", UINT64_MAX, &size)) {
        return fail_part(r, "its " MANIFEST, "has an image_index or size that is no number");
    }
    if (has_number(out, number)) {
        return cli_fail(r->cli, CLI_INPUT,
                        "%s has two files for image %u, and dfu upgrade sends one for each; unpack "
                        "it and give the file that fits",
                        r->path, (unsigned)number);
    }
    code = read_part(r, name->valuestring, r->room, &data, &len);
    if (code) {
        return code;
    }
    r->room -= len;
    if (size != UINT64_MAX && size != len) {
        free(data);
        return fail_part(r, name->valuestring, "has another size than its " MANIFEST " tells");
    }
    snprintf(label, sizeof label, "%s in %.150s", name->valuestring, r->path);
    out->count++;
    image->number = (uint32_t)number;
    return device_file_take(r->cli, label, data, len, &image->file);
}

static int take_manifest(struct reading *r, struct package *out)
{
    uint8_t *text = NULL;
    size_t len = 0;
    cJSON *manifest;
    const cJSON *files, *entry;
    int code = read_part(r, MANIFEST, MANIFEST_MAX, &text, &len);

    if (code) {
        return code;
    }
    manifest = cJSON_ParseWithLength((const char *)text, len);
    free(text);
    files = cJSON_GetObjectItemCaseSensitive(manifest, "files");
    if (!cJSON_IsArray(files) || cJSON_GetArraySize(files) == 0) {
        code = fail_part(r, "its " MANIFEST, "lists no files");
    } else if (cJSON_GetArraySize(files) > (int)PACKAGE_IMAGES_MAX) {
        code = fail_part(r, "its " MANIFEST, "lists more files than a device has images");
    }
    cJSON_ArrayForEach(entry, files)
    {
        code = code ? code : take_image(r, entry, out);
    }
    cJSON_Delete(manifest);
    return code;
}

/* data is the zip and outlives it. */
static int open_zip(struct reading *r, const uint8_t *data, size_t len)
{
    zip_error_t error;
    zip_source_t *source;
    int code = CLI_DONE;

    libzip.zip_error_init(&error);
    source = libzip.zip_source_buffer_create(data, len, 0, &error);
    r->zip = source ? libzip.zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
    if (!r->zip) {
        code = cli_fail(r->cli, CLI_INPUT, "%s is no zip that can be read: %s; fetch it again",
                        r->path, libzip.zip_error_strerror(&error));
        libzip.zip_source_free(source);
    }
    libzip.zip_error_fini(&error);
    return code;
}

int package_read(struct cli *cli, const char *path, struct package *out)
{
    struct reading r = { .cli = cli, .path = path, .room = IMAGES_MAX };
    uint8_t *data = NULL;
    size_t len;
    int code;

    *out = (struct package){ 0 };
    code = cli_read_file(cli, path, ZIP_MAX, &data, &len);
    if (code) {
        return code;
    }
    if (zip_library_load()) {
        code = cli_fail(cli, CLI_USAGE,
                        "%s is a package, and libzip.so.4, which reads those, cannot be loaded; "
                        "install the package libzip4, or unpack it and give the images",
                        path);
    }
    code = code ? code : open_zip(&r, data, len);
    if (!code) {
        code = take_manifest(&r, out);
        libzip.zip_discard(r.zip);
    }
    free(data);
    return code;
}

void package_release(struct package *package)
{
    for (size_t i = 0; i < package->count; i++) {
        device_file_release(&package->images[i].file);
    }
    package->count = 0;
}

void package_parts(const struct package *package, struct dfu_upgrade_part parts[PACKAGE_IMAGES_MAX])
{
    for (size_t i = 0; i < package->count; i++) {
        const struct package_image *image = &package->images[i];

        parts[i] =
            (struct dfu_upgrade_part){ image->file.reader, image->file.firmware, image->number };
    }
}
