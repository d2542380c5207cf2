/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp.h - the Simple Management Protocol: numbers, frame header, and a server.
 *
 * The server does no I/O: a transport hands it whole packets, it answers through the link that
 * came with the packet. All state and all buffers are the caller's, any number of servers may
 * live in one process, and a packet costs at most one answer for each 8 bytes of it. Groups are
 * const tables; one that no binding names is not linked. */
#ifndef DFU_SMP_H
#define DFU_SMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dfu/cbor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Numbers ---- */

#define DFU_SMP_HEADER_SIZE 8u
#define DFU_SMP_UDP_PORT    1337u

enum dfu_smp_op {
    DFU_SMP_READ = 0,
    DFU_SMP_READ_RSP = 1,
    DFU_SMP_WRITE = 2,
    DFU_SMP_WRITE_RSP = 3,
};

enum dfu_smp_version { DFU_SMP_V1 = 0, DFU_SMP_V2 = 1 }; /* as the header's bits have them */

enum dfu_smp_rc {
    DFU_SMP_EOK = 0,
    DFU_SMP_EUNKNOWN = 1,
    DFU_SMP_ENOMEM = 2,
    DFU_SMP_EINVAL = 3,
    DFU_SMP_ETIMEOUT = 4,
    DFU_SMP_ENOENT = 5,
    DFU_SMP_EBADSTATE = 6,
    DFU_SMP_EMSGSIZE = 7,
    DFU_SMP_ENOTSUP = 8,
    DFU_SMP_ECORRUPT = 9,
    DFU_SMP_EBUSY = 10,
    DFU_SMP_EACCESSDENIED = 11,
    DFU_SMP_TOO_OLD = 12,
    DFU_SMP_TOO_NEW = 13,
    DFU_SMP_EPERUSER = 256,
};

enum dfu_smp_group_id {
    DFU_SMP_GROUP_OS = 0,
    DFU_SMP_GROUP_IMG = 1,
    DFU_SMP_GROUP_STAT = 2,
    DFU_SMP_GROUP_SETTINGS = 3,
    DFU_SMP_GROUP_LOG = 4,   /* mynewt's */
    DFU_SMP_GROUP_CRASH = 5, /* mynewt's */
    DFU_SMP_GROUP_FS = 8,
    DFU_SMP_GROUP_SHELL = 9,
    DFU_SMP_GROUP_ENUM = 10,
    DFU_SMP_GROUP_BASIC = 63,
    DFU_SMP_GROUP_USER = 64,
};

enum dfu_smp_os_id {
    DFU_SMP_OS_ECHO = 0,
    DFU_SMP_OS_ECHO_CONTROL = 1,
    DFU_SMP_OS_TASKSTAT = 2,
    DFU_SMP_OS_MPSTAT = 3,
    DFU_SMP_OS_DATETIME = 4,
    DFU_SMP_OS_RESET = 5,
    DFU_SMP_OS_PARAMS = 6,
    DFU_SMP_OS_INFO = 7,
    DFU_SMP_OS_BOOTINFO = 8,
};

enum dfu_smp_img_id {
    DFU_SMP_IMG_STATE = 0,
    DFU_SMP_IMG_UPLOAD = 1,
    DFU_SMP_IMG_FILE = 2,
    DFU_SMP_IMG_CORE_LIST = 3,
    DFU_SMP_IMG_CORE_LOAD = 4,
    DFU_SMP_IMG_ERASE = 5,
    DFU_SMP_IMG_SLOT_INFO = 6,
};

/* Group codes, the "rc" inside "err". 0 and 1 mean OK and unknown in every group. */
enum dfu_smp_os_err {
    DFU_SMP_OS_UNKNOWN = 1,
    DFU_SMP_OS_INVALID_FORMAT = 2,
    DFU_SMP_OS_NO_ANSWER = 3,
    DFU_SMP_OS_RTC_NOT_SET = 4,
    DFU_SMP_OS_RTC_FAILED = 5,
    DFU_SMP_OS_RESPONSE_INVALID = 6,
    DFU_SMP_OS_HEAP_STATS_FAILED = 7,
};

enum dfu_smp_img_err {
    DFU_SMP_IMG_UNKNOWN = 1,
    DFU_SMP_IMG_FLASH_CONFIG_QUERY_FAIL = 2,
    DFU_SMP_IMG_NO_IMAGE = 3,
    DFU_SMP_IMG_NO_TLVS = 4,
    DFU_SMP_IMG_INVALID_TLV = 5,
    DFU_SMP_IMG_TLV_MULTIPLE_HASHES = 6,
    DFU_SMP_IMG_TLV_INVALID_SIZE = 7,
    DFU_SMP_IMG_HASH_NOT_FOUND = 8,
    DFU_SMP_IMG_NO_FREE_SLOT = 9,
    DFU_SMP_IMG_FLASH_OPEN_FAILED = 10,
    DFU_SMP_IMG_FLASH_READ_FAILED = 11,
    DFU_SMP_IMG_FLASH_WRITE_FAILED = 12,
    DFU_SMP_IMG_FLASH_ERASE_FAILED = 13,
    DFU_SMP_IMG_INVALID_SLOT = 14,
    DFU_SMP_IMG_NO_FREE_MEMORY = 15,
    DFU_SMP_IMG_FLASH_CONTEXT_ALREADY_SET = 16,
    DFU_SMP_IMG_FLASH_CONTEXT_NOT_SET = 17,
    DFU_SMP_IMG_FLASH_AREA_DEVICE_NULL = 18,
    DFU_SMP_IMG_INVALID_PAGE_OFFSET = 19,
    DFU_SMP_IMG_INVALID_OFFSET = 20,
    DFU_SMP_IMG_INVALID_LENGTH = 21,
    DFU_SMP_IMG_INVALID_HEADER = 22,
    DFU_SMP_IMG_INVALID_HEADER_MAGIC = 23,
    DFU_SMP_IMG_INVALID_HASH = 24,
    DFU_SMP_IMG_INVALID_FLASH_ADDRESS = 25,
    DFU_SMP_IMG_VERSION_GET_FAILED = 26,
    DFU_SMP_IMG_CURRENT_IS_NEWER = 27,
    DFU_SMP_IMG_ALREADY_PENDING = 28,
    DFU_SMP_IMG_INVALID_VECTOR_TABLE = 29,
    DFU_SMP_IMG_TOO_LARGE = 30,
    DFU_SMP_IMG_DATA_OVERRUN = 31,
    DFU_SMP_IMG_CONFIRMATION_DENIED = 32,
    DFU_SMP_IMG_TEST_TO_ACTIVE_DENIED = 33,
    DFU_SMP_IMG_ACTIVE_SLOT_NOT_KNOWN = 34,
};

enum dfu_smp_stat_err {
    DFU_SMP_STAT_UNKNOWN = 1,
    DFU_SMP_STAT_INVALID_GROUP = 2,
    DFU_SMP_STAT_INVALID_NAME = 3, /* what servers say to the name of no set, too */
    DFU_SMP_STAT_INVALID_SIZE = 4,
    DFU_SMP_STAT_WALK_ABORTED = 5,
};

enum dfu_smp_settings_err {
    DFU_SMP_SETTINGS_UNKNOWN = 1,
    DFU_SMP_SETTINGS_KEY_TOO_LONG = 2,
    DFU_SMP_SETTINGS_KEY_NOT_FOUND = 3,
    DFU_SMP_SETTINGS_READ_NOT_SUPPORTED = 4,
    DFU_SMP_SETTINGS_ROOT_KEY_NOT_FOUND = 5,
    DFU_SMP_SETTINGS_WRITE_NOT_SUPPORTED = 6,
    DFU_SMP_SETTINGS_DELETE_NOT_SUPPORTED = 7,
    DFU_SMP_SETTINGS_SAVE_NOT_SUPPORTED = 8,
};

enum dfu_smp_fs_err {
    DFU_SMP_FS_UNKNOWN = 1,
    DFU_SMP_FS_FILE_INVALID_NAME = 2,
    DFU_SMP_FS_FILE_NOT_FOUND = 3,
    DFU_SMP_FS_FILE_IS_DIRECTORY = 4,
    DFU_SMP_FS_FILE_OPEN_FAILED = 5,
    DFU_SMP_FS_FILE_SEEK_FAILED = 6,
    DFU_SMP_FS_FILE_READ_FAILED = 7,
    DFU_SMP_FS_FILE_TRUNCATE_FAILED = 8,
    DFU_SMP_FS_FILE_DELETE_FAILED = 9,
    DFU_SMP_FS_FILE_WRITE_FAILED = 10,
    DFU_SMP_FS_FILE_OFFSET_NOT_VALID = 11,
    DFU_SMP_FS_FILE_OFFSET_LARGER_THAN_FILE = 12,
    DFU_SMP_FS_CHECKSUM_HASH_NOT_FOUND = 13,
    DFU_SMP_FS_MOUNT_POINT_NOT_FOUND = 14,
    DFU_SMP_FS_READ_ONLY_FILESYSTEM = 15,
    DFU_SMP_FS_FILE_EMPTY = 16,
};

enum dfu_smp_shell_err {
    DFU_SMP_SHELL_UNKNOWN = 1,
    DFU_SMP_SHELL_COMMAND_TOO_LONG = 2,
    DFU_SMP_SHELL_EMPTY_COMMAND = 3,
};

enum dfu_smp_enum_err {
    DFU_SMP_ENUM_UNKNOWN = 1,
    DFU_SMP_ENUM_TOO_MANY_GROUPS = 2,
    DFU_SMP_ENUM_INSUFFICIENT_HEAP = 3,
    DFU_SMP_ENUM_INDEX_TOO_LARGE = 4,
};

enum dfu_smp_basic_err {
    DFU_SMP_BASIC_UNKNOWN = 1,
    DFU_SMP_BASIC_FLASH_OPEN_FAILED = 2,
    DFU_SMP_BASIC_FLASH_CONFIG_QUERY_FAIL = 3,
    DFU_SMP_BASIC_FLASH_ERASE_FAILED = 4,
};

/* "EINVAL", or NULL for a number without a name; the same for a code of a standard group. */
const char *dfu_smp_rc_name(uint32_t rc);
const char *dfu_smp_err_name(uint32_t group, uint32_t rc);

/* ---- Header ---- */

struct dfu_smp_header {
    uint8_t op;      /* 3 bits */
    uint8_t version; /* 2 bits: 0 is "version 1" */
    uint8_t flags;
    uint16_t length; /* of the payload after the header */
    uint16_t group;
    uint8_t seq, id;
};

/* Bits beyond a field's width are cut. */
void dfu_smp_header_encode(const struct dfu_smp_header *header, uint8_t out[DFU_SMP_HEADER_SIZE]);

/* Every 8 bytes are a header; the reserved bits are ignored. */
void dfu_smp_header_decode(const uint8_t in[DFU_SMP_HEADER_SIZE], struct dfu_smp_header *out);

/* ---- Server: groups ---- */

/* Where answers go. send gets one whole packet at a time. */
struct dfu_smp_link {
    int (*send)(void *ctx, const uint8_t *frame, size_t len); /* 0 or a negative enum dfu_err */
    void *ctx;
    size_t max_frame;  /* the largest packet it carries; 0: whatever the server's buffer holds */
    bool is_bluetooth; /* chunks of an image over it submit transfer events (smp_update.h) */
    /* Who is at the other end now, where there may be several: bytes that the transport tells them
     * apart by, such as address and port. NULL and 0: always the same one. */
    const void *peer;
    size_t peer_len;
};

struct dfu_smp_server;

/* One request on its way through a handler. */
struct dfu_smp_call {
    struct dfu_smp_server *server;
    const struct dfu_smp_link *link;
    struct dfu_smp_header header; /* of the request */
    struct dfu_cbor_span request; /* its payload; may be empty */
    struct dfu_cbor_encoder *enc; /* inside the open response map */
    void *ctx;                    /* of the group's binding */
    const char *reason;           /* "rsn" for servers with verbose errors; a literal or NULL */
    uint16_t err_group, err_rc;   /* set by dfu_smp_fail */
    const char *hint;             /* key of one number that goes beside "err"; NULL: none */
    uint32_t hint_value;
};

/* 0: the map as it stands is the answer. Positive: an SMP code, answered as {"rc"}. Or the result
 * of dfu_smp_fail(). Whatever was encoded before a refusal is dropped. */
typedef int (*dfu_smp_handler)(struct dfu_smp_call *call);

/* Refuse with a code of this call's group, {"err"}, or of another one. */
int dfu_smp_fail(struct dfu_smp_call *call, uint16_t rc);
int dfu_smp_fail_in(struct dfu_smp_call *call, uint16_t group, uint16_t rc);

struct dfu_smp_command {
    dfu_smp_handler read, write; /* NULL: not supported, rc 8 */
};

struct dfu_smp_group {
    uint16_t id;
    uint8_t command_count;
    const char *name;
    const struct dfu_smp_command *commands; /* by id */
    const uint8_t *to_v1; /* group code to SMP code for version 1; beyond the table: 1 */
    uint8_t to_v1_count;
};

struct dfu_smp_binding {
    const struct dfu_smp_group *group;
    void *ctx;
};

/* ---- Server: hooks ---- */

/* An event is its group << 16 | one bit; a hook listens to any bits of one event group. */
#define DFU_SMP_EVENT(group, bit) (((uint32_t)(group) << 16) | (1u << (bit)))
#define DFU_SMP_EVENT_ALL         0xffffu /* event group 0: everything */

enum dfu_smp_event_id {
    DFU_SMP_EV_CMD_RECV = (1 << 16) | 1,       /* struct dfu_smp_command_event; may refuse */
    DFU_SMP_EV_CMD_STATUS = (1 << 16) | 2,     /* struct dfu_smp_status_event */
    DFU_SMP_EV_CMD_DONE = (1 << 16) | 4,       /* struct dfu_smp_command_event */
    DFU_SMP_EV_OS_RESET = (2 << 16) | 1,       /* struct dfu_smp_reset_event; may refuse */
    DFU_SMP_EV_OS_INFO_CHECK = (2 << 16) | 2,  /* struct dfu_smp_info_check_event; may refuse */
    DFU_SMP_EV_OS_INFO_APPEND = (2 << 16) | 4, /* struct dfu_smp_info_append_event; may refuse */
    DFU_SMP_EV_DATETIME_GET = (2 << 16) | 8,   /* no data; may refuse */
    DFU_SMP_EV_DATETIME_SET = (2 << 16) | 16,  /* struct dfu_smp_time; may refuse */
    DFU_SMP_EV_OS_BOOTINFO = (2 << 16) | 32,   /* struct dfu_smp_bootinfo_event; may refuse */
    DFU_SMP_EV_DFU_CHUNK = (3 << 16) | 1,      /* struct dfu_smp_chunk_event; may refuse */
    DFU_SMP_EV_DFU_STOPPED = (3 << 16) | 2,    /* the rest: struct dfu_smp_chunk_event or no data */
    DFU_SMP_EV_DFU_STARTED = (3 << 16) | 4,
    DFU_SMP_EV_DFU_PENDING = (3 << 16) | 8,
    DFU_SMP_EV_DFU_CONFIRMED = (3 << 16) | 16, /* uint32_t: the image number */
    DFU_SMP_EV_DFU_CHUNK_WRITE_COMPLETE = (3 << 16) | 32,
    DFU_SMP_EV_IMG_SLOT_STATE = (3 << 16) | 64,   /* struct dfu_smp_slot_state_event; adds keys */
    DFU_SMP_EV_SLOT_INFO_IMAGE = (3 << 16) | 128, /* struct dfu_smp_slot_info_event; adds keys */
    DFU_SMP_EV_SLOT_INFO_SLOT = (3 << 16) | 256,  /* the same */
    DFU_SMP_EV_FS_ACCESS = (4 << 16) | 1,         /* struct dfu_smp_fs_event; may refuse */
    DFU_SMP_EV_SETTINGS_ACCESS = (5 << 16) | 1,   /* struct dfu_smp_settings_event; may refuse */
    DFU_SMP_EV_ENUM_DETAILS = (6 << 16) | 1,      /* struct dfu_smp_details_event; may add keys */
};

enum dfu_smp_hook_result { DFU_SMP_HOOK_OK = 0, DFU_SMP_HOOK_RC = 1, DFU_SMP_HOOK_ERR = 2 };

struct dfu_smp_event {
    uint32_t id;
    enum dfu_smp_hook_result previous; /* of the hooks before this one; the first refusal wins */
    uint16_t group, rc;                /* a refusing hook sets rc, and group with HOOK_ERR */
    bool abort_more;                   /* set to keep later hooks from being called */
    const struct dfu_smp_call *call;
    const void *data;
    size_t size;
};

/* Called in table order on the path of the request: do not block. */
struct dfu_smp_hook {
    uint32_t events; /* event group << 16 | bits, or DFU_SMP_EVENT_ALL */
    enum dfu_smp_hook_result (*call)(void *ctx, struct dfu_smp_event *event);
    void *ctx;
};

struct dfu_smp_command_event {
    uint16_t group;
    uint8_t id, op;
    int result; /* CMD_DONE: 0, SMP code, or negative for a group code */
};

/* An upload of an image, once for each chunk that was taken, before CMD_DONE. */
enum dfu_smp_status { DFU_SMP_STARTED, DFU_SMP_ONGOING, DFU_SMP_COMPLETE };

struct dfu_smp_status_event {
    uint16_t group;
    uint8_t id;
    enum dfu_smp_status status;
};

struct dfu_smp_reset_event {
    bool force;
    uint8_t boot_mode;
};

/* For handlers: run the hooks of an event. 0, or what the handler must return. */
int dfu_smp_notify(struct dfu_smp_call *call, uint32_t event, const void *data, size_t size);

/* The same for an event where there is nothing to refuse: whatever hooks return is lost. */
void dfu_smp_tell(struct dfu_smp_call *call, uint32_t event, const void *data, size_t size);

/* ---- Server ---- */

#define DFU_SMP_RESPONSE_MIN 64u

struct dfu_smp_server {
    const struct dfu_smp_binding *bindings;
    size_t binding_count;
    const struct dfu_smp_hook *hooks; /* may be NULL if hook_count is 0 */
    size_t hook_count;
    uint8_t *response;            /* one answer is built here at a time */
    size_t response_cap;          /* at least DFU_SMP_RESPONSE_MIN; no answer is larger */
    uint32_t buf_size, buf_count; /* what the params command tells: the largest request the
                                   * transports take, and how many buffers there are */
    bool refuse_v1;               /* rc 12 to version 1 */
    bool definite_lengths;        /* counted maps and arrays */
    bool verbose_errors;          /* "rsn" beside "rc" */
    bool legacy_rc;               /* "rc": 0 in successes */
};

/* Answer every request of one packet, in order. 0; DFU_ERR_FORMAT if the rest of the packet had
 * to be dropped; DFU_ERR_INVAL for a server that is not set up; or the first error of send. */
int dfu_smp_receive(struct dfu_smp_server *server, const uint8_t *packet, size_t len,
                    const struct dfu_smp_link *link);

#ifdef __cplusplus
}
#endif
#endif
