/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "dfu/smp_fs.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "dfu/err.h"

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

/* What an answer to a download holds beside the data, as Zephyr's servers count it. */
#define DOWNLOAD_OVERHEAD 50u
#define HASH_CHUNK        128u
#define LEN_UNKNOWN       UINT32_MAX

struct path {
    char text[DFU_SMP_FS_PATH_MAX + 1];
};

static int take_path(struct dfu_cbor_span name, struct path *out)
{
    bool is_bad = name.len == 0 || memchr(name.data, 0, name.len) != NULL;

    return is_bad || dfu_cbor_text_copy(name, out->text, sizeof(out->text)) ? DFU_SMP_EINVAL : 0;
}

static int refuse(struct dfu_smp_call *call, int err, uint16_t otherwise)
{
    switch (err) {
    case DFU_ERR_NOENT: return dfu_smp_fail(call, DFU_SMP_FS_FILE_NOT_FOUND);
    case DFU_ERR_NOTSUP: return dfu_smp_fail(call, DFU_SMP_FS_FILE_IS_DIRECTORY);
    case DFU_ERR_INVAL: return dfu_smp_fail(call, DFU_SMP_FS_FILE_INVALID_NAME);
    case DFU_ERR_PERM: return dfu_smp_fail(call, DFU_SMP_FS_READ_ONLY_FILESYSTEM);
    case DFU_ERR_RANGE: return dfu_smp_fail(call, DFU_SMP_FS_MOUNT_POINT_NOT_FOUND);
    default: return dfu_smp_fail(call, otherwise);
    }
}

static int ask_hooks(struct dfu_smp_call *call, enum dfu_smp_fs_access access, struct path *path)
{
    struct dfu_smp_fs_event event = { access, path->text };
    int err = dfu_smp_notify(call, DFU_SMP_EV_FS_ACCESS, &event, sizeof(event));

    path->text[DFU_SMP_FS_PATH_MAX] = '\0';
    return err;
}

/* ---- The open file ---- */

static int close_file(struct dfu_smp_fs *fs)
{
    int err = DFU_OK;

    if (fs->state != DFU_SMP_FS_IDLE) {
        err = fs->ops->close(fs->ctx, fs->file);
    }
    fs->state = DFU_SMP_FS_IDLE;
    fs->file = NULL;
    return err;
}

void dfu_smp_fs_close(struct dfu_smp_fs *fs)
{
    (void)close_file(fs);
}

void dfu_smp_fs_poll(struct dfu_smp_fs *fs, uint64_t now_ms)
{
    if (fs->was_used) {
        fs->was_used = false;
        fs->used_ms = now_ms;
    }
    if (now_ms >= dfu_smp_fs_due_ms(fs)) {
        (void)close_file(fs);
    }
}

uint64_t dfu_smp_fs_due_ms(const struct dfu_smp_fs *fs)
{
    if (fs->state == DFU_SMP_FS_IDLE) {
        return UINT64_MAX;
    }
    if (fs->was_used) {
        return 0;
    }
    return fs->used_ms + (fs->idle_close_ms ? fs->idle_close_ms : DFU_SMP_FS_IDLE_CLOSE_MS);
}

/* The name is the one asked for, before a hook may have changed it. */
static bool is_open(const struct dfu_smp_call *call, enum dfu_smp_fs_state state,
                    const struct path *path)
{
    const struct dfu_smp_fs *fs = call->ctx;

    return fs->state == state && fs->link == call->link && strcmp(fs->path, path->text) == 0;
}

static int open_file(struct dfu_smp_call *call, enum dfu_smp_fs_state state,
                     const struct path *asked)
{
    struct dfu_smp_fs *fs = call->ctx;
    bool is_upload = state == DFU_SMP_FS_UPLOADS;
    struct path path = *asked;
    void *file;
    int err;

    (void)close_file(fs);
    err = ask_hooks(call, is_upload ? DFU_SMP_FS_ACCESS_WRITE : DFU_SMP_FS_ACCESS_READ, &path);
    if (err) {
        return err;
    }
    err = is_upload ? fs->ops->open_write(fs->ctx, path.text, &file)
                    : fs->ops->open_read(fs->ctx, path.text, &file);
    if (err) {
        return refuse(call, err, DFU_SMP_FS_FILE_OPEN_FAILED);
    }
    fs->state = state;
    fs->link = call->link;
    fs->file = file;
    fs->off = 0;
    fs->len = 0;
    memcpy(fs->path, asked->text, sizeof(fs->path));
    return 0;
}

/* A refusal that ends the transfer. */
static int give_up(struct dfu_smp_call *call, uint16_t rc)
{
    dfu_smp_fs_close(call->ctx);
    return dfu_smp_fail(call, rc);
}

/* ---- Download ---- */

static int start_download(struct dfu_smp_call *call, const struct path *path)
{
    struct dfu_smp_fs *fs = call->ctx;
    int err = open_file(call, DFU_SMP_FS_DOWNLOADS, path);

    if (!err && fs->ops->size(fs->ctx, fs->file, &fs->len)) {
        err = give_up(call, DFU_SMP_FS_FILE_READ_FAILED);
    }
    return err;
}

static int download(struct dfu_smp_call *call)
{
    struct dfu_smp_fs *fs = call->ctx;
    struct dfu_cbor_span name = { 0 };
    uint32_t off = 0, len;
    struct dfu_cbor_key keys[] = {
        { .name = "name", .type = DFU_CBOR_TEXT, .out = &name },
        { .name = "off", .type = DFU_CBOR_UINT, .out = &off },
    };
    struct path path;
    uint8_t *data;
    int err = 0;

    if (dfu_cbor_decode_map(call->request, keys, COUNT_OF(keys)) || !keys[1].found ||
        take_path(name, &path)) {
        return DFU_SMP_EINVAL;
    }
    fs->was_used = true;
    if (!is_open(call, DFU_SMP_FS_DOWNLOADS, &path)) {
        err = start_download(call, &path);
    }
    if (err) {
        return err;
    }
    if (off > fs->len) {
        return give_up(call, DFU_SMP_FS_FILE_OFFSET_LARGER_THAN_FILE);
    }
    dfu_cbor_pair_uint(call->enc, "off", off);
    if (call->enc->cap + DFU_SMP_HEADER_SIZE <= DOWNLOAD_OVERHEAD) {
        return DFU_SMP_EMSGSIZE;
    }
    len = (uint32_t)(call->enc->cap + DFU_SMP_HEADER_SIZE - DOWNLOAD_OVERHEAD);
    len = min_u32(len, fs->len - off);
    dfu_cbor_put_text(call->enc, "data");
    data = dfu_cbor_reserve_bytes(call->enc, len);
    if (!data) {
        return DFU_SMP_EMSGSIZE;
    }
    if (fs->ops->read(fs->ctx, fs->file, off, data, len) != (int)len) {
        return give_up(call, DFU_SMP_FS_FILE_READ_FAILED);
    }
    if (off == 0) {
        dfu_cbor_pair_uint(call->enc, "len", fs->len);
    }
    if (off + len == fs->len) {
        dfu_smp_fs_close(fs);
    }
    return 0;
}

/* ---- Upload ---- */

static int start_upload(struct dfu_smp_call *call, const struct path *path, uint32_t len)
{
    struct dfu_smp_fs *fs = call->ctx;
    uint32_t size = 0;
    int err = open_file(call, DFU_SMP_FS_UPLOADS, path);

    if (err) {
        return err;
    }
    if (fs->ops->size(fs->ctx, fs->file, &size) ||
        (size > 0 && fs->ops->truncate(fs->ctx, fs->file))) {
        return give_up(call, DFU_SMP_FS_FILE_TRUNCATE_FAILED);
    }
    fs->len = len;
    return 0;
}

/* Go on where the open file, or after a pause the file itself, ends. */
static int resume_upload(struct dfu_smp_call *call, const struct path *path, uint32_t off)
{
    struct dfu_smp_fs *fs = call->ctx;
    bool was_open = is_open(call, DFU_SMP_FS_UPLOADS, path);
    int err;

    if (!was_open) {
        err = open_file(call, DFU_SMP_FS_UPLOADS, path);
        if (err) {
            return err;
        }
        if (fs->ops->size(fs->ctx, fs->file, &fs->off)) {
            return give_up(call, DFU_SMP_FS_FILE_READ_FAILED);
        }
        fs->len = LEN_UNKNOWN;
    }
    if (off != fs->off) {
        call->hint = "len";
        call->hint_value = fs->off;
        /* Of several chunks on their way one was lost: those behind it do not end the upload. */
        return was_open ? dfu_smp_fail(call, DFU_SMP_FS_FILE_OFFSET_NOT_VALID)
                        : give_up(call, DFU_SMP_FS_FILE_OFFSET_NOT_VALID);
    }
    return 0;
}

static int write_chunk(struct dfu_smp_call *call, struct dfu_cbor_span data)
{
    struct dfu_smp_fs *fs = call->ctx;

    if (data.len > fs->len - fs->off) {
        dfu_smp_fs_close(fs);
        return DFU_SMP_EINVAL;
    }
    if (data.len > 0 && fs->ops->write(fs->ctx, fs->file, fs->off, data.data, data.len)) {
        return give_up(call, DFU_SMP_FS_FILE_WRITE_FAILED);
    }
    fs->off += (uint32_t)data.len;
    dfu_cbor_pair_uint(call->enc, "off", fs->off);
    if (fs->off == fs->len && close_file(fs)) {
        return dfu_smp_fail(call, DFU_SMP_FS_FILE_WRITE_FAILED);
    }
    return 0;
}

static int upload(struct dfu_smp_call *call)
{
    struct dfu_smp_fs *fs = call->ctx;
    struct dfu_cbor_span name = { 0 }, data = { 0 };
    uint32_t off = 0, len = 0;
    struct dfu_cbor_key keys[] = {
        { .name = "name", .type = DFU_CBOR_TEXT, .out = &name },
        { .name = "off", .type = DFU_CBOR_UINT, .out = &off },
        { .name = "data", .type = DFU_CBOR_BYTES, .out = &data },
        { .name = "len", .type = DFU_CBOR_UINT, .out = &len },
    };
    struct path path;
    int err;

    if (dfu_cbor_decode_map(call->request, keys, COUNT_OF(keys)) || !keys[1].found ||
        !keys[2].found || (off == 0 && !keys[3].found) || take_path(name, &path)) {
        return DFU_SMP_EINVAL;
    }
    fs->was_used = true;
    err = off == 0 ? start_upload(call, &path, len) : resume_upload(call, &path, off);
    return err ? err : write_chunk(call, data);
}

/* ---- Status, hash, close ---- */

/* Open a file beside the transfer that may be going on. */
static int open_beside(struct dfu_smp_call *call, enum dfu_smp_fs_access access,
                       struct dfu_cbor_span name, void **file, uint32_t *size)
{
    struct dfu_smp_fs *fs = call->ctx;
    struct path path;
    int err = take_path(name, &path);

    if (!err) {
        err = ask_hooks(call, access, &path);
    }
    if (err) {
        return err;
    }
    err = fs->ops->open_read(fs->ctx, path.text, file);
    if (err) {
        return refuse(call, err, DFU_SMP_FS_FILE_OPEN_FAILED);
    }
    if (fs->ops->size(fs->ctx, *file, size)) {
        (void)fs->ops->close(fs->ctx, *file);
        return dfu_smp_fail(call, DFU_SMP_FS_FILE_READ_FAILED);
    }
    return 0;
}

static int status(struct dfu_smp_call *call)
{
    struct dfu_smp_fs *fs = call->ctx;
    struct dfu_cbor_span name = { 0 };
    struct dfu_cbor_key keys[] = { { .name = "name", .type = DFU_CBOR_TEXT, .out = &name } };
    uint32_t size = 0;
    void *file = NULL;
    int err;

    if (dfu_cbor_decode_map(call->request, keys, COUNT_OF(keys))) {
        return DFU_SMP_EINVAL;
    }
    err = open_beside(call, DFU_SMP_FS_ACCESS_STATUS, name, &file, &size);
    if (err) {
        return err;
    }
    (void)fs->ops->close(fs->ctx, file);
    dfu_cbor_pair_uint(call->enc, "len", size);
    return 0;
}

struct span {
    uint32_t off, len;
};

/* Feed a span of a file to one of the two; the other is NULL. */
static int digest_file(struct dfu_smp_fs *fs, void *file, struct span span, uint32_t *crc,
                       struct dfu_hash *hash)
{
    uint8_t chunk[HASH_CHUNK];

    while (span.len > 0) {
        uint32_t n = min_u32(span.len, sizeof(chunk));

        if (fs->ops->read(fs->ctx, file, span.off, chunk, n) != (int)n) {
            return DFU_ERR_IO;
        }
        if (hash && hash->alg->update(hash, chunk, n)) {
            return DFU_ERR_IO;
        }
        if (crc) {
            *crc = dfu_crc32(*crc, chunk, n);
        }
        span.off += n;
        span.len -= n;
    }
    return DFU_OK;
}

static int put_crc32(struct dfu_smp_call *call, void *file, struct span span)
{
    uint32_t crc = 0;

    if (digest_file(call->ctx, file, span, &crc, NULL)) {
        return dfu_smp_fail(call, DFU_SMP_FS_FILE_READ_FAILED);
    }
    dfu_cbor_pair_uint(call->enc, "output", crc);
    return 0;
}

static int put_sha256(struct dfu_smp_call *call, void *file, struct span span)
{
    struct dfu_smp_fs *fs = call->ctx;
    struct dfu_hash hash = { .alg = fs->sha256 };
    uint8_t digest[DFU_HASH_MAX];
    int err = hash.alg->start(&hash);

    if (!err) {
        int finish_err;

        err = digest_file(fs, file, span, NULL, &hash);
        finish_err = hash.alg->finish(&hash, digest);
        err = err ? err : finish_err;
    }
    if (err) {
        return dfu_smp_fail(call, DFU_SMP_FS_FILE_READ_FAILED);
    }
    dfu_cbor_pair_bytes(call->enc, "output", digest, fs->sha256->size);
    return 0;
}

static int hash_file(struct dfu_smp_call *call, void *file, uint32_t size, bool is_sha256,
                     struct span span)
{
    if (span.off >= size) {
        return dfu_smp_fail(call, size == 0 ? DFU_SMP_FS_FILE_EMPTY
                                            : DFU_SMP_FS_FILE_OFFSET_LARGER_THAN_FILE);
    }
    span.len = min_u32(span.len, size - span.off);
    dfu_cbor_pair_text(call->enc, "type", is_sha256 ? "sha256" : "crc32");
    if (span.off > 0) {
        dfu_cbor_pair_uint(call->enc, "off", span.off);
    }
    dfu_cbor_pair_uint(call->enc, "len", span.len);
    return is_sha256 ? put_sha256(call, file, span) : put_crc32(call, file, span);
}

static int hash(struct dfu_smp_call *call)
{
    struct dfu_smp_fs *fs = call->ctx;
    struct dfu_cbor_span name = { 0 }, type = { 0 };
    struct span span = { 0, UINT32_MAX };
    struct dfu_cbor_key keys[] = {
        { .name = "name", .type = DFU_CBOR_TEXT, .out = &name },
        { .name = "type", .type = DFU_CBOR_TEXT, .out = &type },
        { .name = "off", .type = DFU_CBOR_UINT, .out = &span.off },
        { .name = "len", .type = DFU_CBOR_UINT, .out = &span.len },
    };
    bool is_sha256;
    uint32_t size = 0;
    void *file = NULL;
    int err;

    if (dfu_cbor_decode_map(call->request, keys, COUNT_OF(keys)) || span.len == 0) {
        return DFU_SMP_EINVAL;
    }
    is_sha256 = fs->sha256 && dfu_cbor_text_is(type, "sha256");
    if (type.len > 0 && !is_sha256 && !dfu_cbor_text_is(type, "crc32")) {
        return dfu_smp_fail(call, DFU_SMP_FS_CHECKSUM_HASH_NOT_FOUND);
    }
    err = open_beside(call, DFU_SMP_FS_ACCESS_HASH, name, &file, &size);
    if (err) {
        return err;
    }
    err = hash_file(call, file, size, is_sha256, span);
    (void)fs->ops->close(fs->ctx, file);
    return err;
}

static void put_hash_type(struct dfu_cbor_encoder *enc, const char *name, uint32_t format,
                          uint32_t size)
{
    dfu_cbor_put_text(enc, name);
    dfu_cbor_begin_map(enc);
    dfu_cbor_pair_uint(enc, "format", format); /* 0: a number, 1: bytes */
    dfu_cbor_pair_uint(enc, "size", size);
    dfu_cbor_end(enc);
}

static int hash_types(struct dfu_smp_call *call)
{
    const struct dfu_smp_fs *fs = call->ctx;

    dfu_cbor_put_text(call->enc, "types");
    dfu_cbor_begin_map(call->enc);
    put_hash_type(call->enc, "crc32", 0, 4);
    if (fs->sha256) {
        put_hash_type(call->enc, "sha256", 1, fs->sha256->size);
    }
    dfu_cbor_end(call->enc);
    return 0;
}

static int close_command(struct dfu_smp_call *call)
{
    dfu_smp_fs_close(call->ctx);
    return 0;
}

static const struct dfu_smp_command fs_commands[] = {
    [DFU_SMP_FS_FILE] = { .read = download, .write = upload },
    [DFU_SMP_FS_STATUS] = { .read = status },
    [DFU_SMP_FS_HASH] = { .read = hash },
    [DFU_SMP_FS_HASH_TYPES] = { .read = hash_types },
    [DFU_SMP_FS_CLOSE] = { .write = close_command },
};

/* Codes that are not named here read as unknown. */
static const uint8_t fs_to_v1[] = {
    [DFU_SMP_FS_UNKNOWN] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_FS_FILE_INVALID_NAME] = DFU_SMP_EINVAL,
    [DFU_SMP_FS_FILE_NOT_FOUND] = DFU_SMP_ENOENT,
    [DFU_SMP_FS_FILE_IS_DIRECTORY] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_FS_FILE_OPEN_FAILED] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_FS_FILE_SEEK_FAILED] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_FS_FILE_READ_FAILED] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_FS_FILE_TRUNCATE_FAILED] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_FS_FILE_DELETE_FAILED] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_FS_FILE_WRITE_FAILED] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_FS_FILE_OFFSET_NOT_VALID] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_FS_FILE_OFFSET_LARGER_THAN_FILE] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_FS_CHECKSUM_HASH_NOT_FOUND] = DFU_SMP_EINVAL,
    [DFU_SMP_FS_MOUNT_POINT_NOT_FOUND] = DFU_SMP_ENOENT,
    [DFU_SMP_FS_READ_ONLY_FILESYSTEM] = DFU_SMP_EUNKNOWN,
    [DFU_SMP_FS_FILE_EMPTY] = DFU_SMP_EUNKNOWN,
};

const struct dfu_smp_group dfu_smp_group_fs = {
    .id = DFU_SMP_GROUP_FS,
    .name = "fs mgmt",
    .commands = fs_commands,
    .command_count = COUNT_OF(fs_commands),
    .to_v1 = fs_to_v1,
    .to_v1_count = COUNT_OF(fs_to_v1),
};
