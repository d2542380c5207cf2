/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The OS group's tables: tasks and memory pools. */
#include "client/body.h"
#include "client/request.h"
#include "dfu/client_groups.h"
#include "dfu/err.h"
#include "dfu/smp.h"

int dfu_client_taskstat(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_OS, DFU_SMP_OS_TASKSTAT);
    return request_empty(call, frame, cap);
}

int dfu_client_mpstat(struct dfu_call *call, uint8_t *frame, size_t cap)
{
    request_name(call, DFU_SMP_READ, DFU_SMP_GROUP_OS, DFU_SMP_OS_MPSTAT);
    return request_empty(call, frame, cap);
}

int dfu_client_tasks_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk)
{
    return body_open_map(answer, "tasks", walk);
}

int dfu_client_tasks_next(struct dfu_cbor_walk *walk, struct dfu_client_task *out)
{
    struct dfu_cbor_span name, value;
    struct dfu_cbor_key keys[] = {
        { "prio", DFU_CBOR_INT, &out->prio, false },
        { "tid", DFU_CBOR_UINT, &out->tid, false },
        { "state", DFU_CBOR_UINT, &out->state, false },
        { "stkuse", DFU_CBOR_UINT, &out->stack_used, false },
        { "stksiz", DFU_CBOR_UINT, &out->stack_words, false },
        { "runtime", DFU_CBOR_UINT64, &out->runtime, false },
    };
    int more = dfu_cbor_next_pair(walk, &name, &value);

    if (more <= 0) {
        return more;
    }
    *out = (struct dfu_client_task){ .name = body_text(name) };
    if (dfu_cbor_decode_map(value, keys, sizeof(keys) / sizeof(keys[0]))) {
        return DFU_ERR_FORMAT;
    }
    out->has_stack = keys[3].found && keys[4].found;
    return 1;
}

int dfu_client_pools_open(const struct dfu_answer *answer, struct dfu_cbor_walk *walk)
{
    struct dfu_cbor_span tasks, mpools;
    struct dfu_cbor_key keys[] = {
        { "tasks", DFU_CBOR_MAP, &tasks, false },
        { "mpools", DFU_CBOR_MAP, &mpools, false },
    };

    if (dfu_cbor_decode_map(body_of(answer), keys, 2)) {
        return DFU_ERR_FORMAT;
    }
    if (keys[1].found) {
        return dfu_cbor_open_map(walk, mpools);
    }
    return dfu_cbor_open_map(walk, keys[0].found ? tasks : body_of(answer));
}

int dfu_client_pools_next(struct dfu_cbor_walk *walk, struct dfu_client_pool *out)
{
    struct dfu_cbor_span name, value;
    struct dfu_cbor_key keys[] = {
        { "blksiz", DFU_CBOR_UINT, &out->block_size, false },
        { "nblks", DFU_CBOR_UINT, &out->count, false },
        { "nfree", DFU_CBOR_UINT, &out->free, false },
        { "min", DFU_CBOR_UINT, &out->min_free, false },
    };
    int more;

    do {
        more = dfu_cbor_next_pair(walk, &name, &value);
    } while (more > 0 && dfu_cbor_text_is(name, "rc")); /* beside pools at the top */
    if (more <= 0) {
        return more;
    }
    *out = (struct dfu_client_pool){ .name = body_text(name), .block_size = 1 };
    return dfu_cbor_decode_map(value, keys, sizeof(keys) / sizeof(keys[0])) ? DFU_ERR_FORMAT : 1;
}
