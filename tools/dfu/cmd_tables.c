/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The OS group's tables: what runs on the device, and what memory is left. */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "device.h"
#include "dfu/client_groups.h"

#define NAME_MAX_LEN 64

static void print_task(const struct dfu_client_task *task)
{
    char name[NAME_MAX_LEN], stack[32] = "not told";

    if (task->has_stack) {
        snprintf(stack, sizeof(stack), "%" PRIu64 " of %" PRIu64, (uint64_t)task->stack_used * 4,
                 (uint64_t)task->stack_words * 4);
    }
    printf("%-20s  %5d  %4u  %5u  %-16s  %" PRIu64 "\n",
           device_text(task->name, name, sizeof(name)), (int)task->prio, (unsigned)task->tid,
           (unsigned)task->state, stack, task->runtime);
}

static void add_task(cJSON *list, const struct dfu_client_task *task)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddItemToObject(json, "name", device_json_text(task->name));
    cJSON_AddNumberToObject(json, "prio", task->prio);
    cJSON_AddNumberToObject(json, "tid", task->tid);
    cJSON_AddNumberToObject(json, "state", task->state);
    if (task->has_stack) {
        cJSON_AddNumberToObject(json, "stack_used", (double)task->stack_used * 4);
        cJSON_AddNumberToObject(json, "stack_size", (double)task->stack_words * 4);
    }
    cJSON_AddNumberToObject(json, "runtime", (double)task->runtime);
    cJSON_AddItemToArray(list, json);
}

static int taskstat(struct device *dev)
{
    static const char what[] = "list its tasks";
    struct dfu_call call = device_call(dev);
    int len = dfu_client_taskstat(&call, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, what);
    struct device_list list;
    struct dfu_client_task task;
    struct dfu_cbor_walk walk;
    int more;

    if (code) {
        return code;
    }
    if (dfu_client_tasks_open(&dev->answer, &walk)) {
        return device_fail_broken(dev, what);
    }
    device_list_begin(&list, dev, "tasks");
    while ((more = dfu_client_tasks_next(&walk, &task)) > 0) {
        if (list.array) {
            add_task(list.array, &task);
            continue;
        }
        if (list.count++ == 0) {
            printf("%-20s  %5s  %4s  %5s  %-16s  %s\n", "task", "prio", "tid", "state",
                   "stack bytes", "cycles");
        }
        print_task(&task);
    }
    return device_list_end(&list, more, what, "the device lists no task");
}

static void print_pool(const struct dfu_client_pool *pool)
{
    char name[NAME_MAX_LEN];

    printf("%-20s  %10u  %10u  %10u  %10u\n", device_text(pool->name, name, sizeof(name)),
           (unsigned)pool->block_size, (unsigned)pool->count, (unsigned)pool->free,
           (unsigned)pool->min_free);
}

static void add_pool(cJSON *list, const struct dfu_client_pool *pool)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddItemToObject(json, "name", device_json_text(pool->name));
    cJSON_AddNumberToObject(json, "block_size", pool->block_size);
    cJSON_AddNumberToObject(json, "blocks", pool->count);
    cJSON_AddNumberToObject(json, "free", pool->free);
    cJSON_AddNumberToObject(json, "least_free", pool->min_free);
    cJSON_AddItemToArray(list, json);
}

static int mpstat(struct device *dev)
{
    static const char what[] = "tell its memory pools";
    struct dfu_call call = device_call(dev);
    int len = dfu_client_mpstat(&call, dev->out, sizeof(dev->out));
    int code = device_ask(dev, &call, len, DEVICE_QUICK, what);
    struct device_list list;
    struct dfu_client_pool pool;
    struct dfu_cbor_walk walk;
    int more;

    if (code) {
        return code;
    }
    if (dfu_client_pools_open(&dev->answer, &walk)) {
        return device_fail_broken(dev, what);
    }
    device_list_begin(&list, dev, "pools");
    while ((more = dfu_client_pools_next(&walk, &pool)) > 0) {
        if (list.array) {
            add_pool(list.array, &pool);
            continue;
        }
        if (list.count++ == 0) {
            printf("%-20s  %10s  %10s  %10s  %10s\n", "pool", "block size", "blocks", "free",
                   "least free");
        }
        print_pool(&pool);
    }
    return device_list_end(&list, more, what, "the device lists no memory pool");
}

static int run_taskstat(struct cli *cli)
{
    return device_with(cli, taskstat);
}

static int run_mpstat(struct cli *cli)
{
    return device_with(cli, mpstat);
}

static const char *const taskstat_examples[] = {
    "# Which task is short of stack",
    "dfu -d udp:192.0.2.1 taskstat",
    NULL,
};

const struct cli_command cmd_taskstat = {
    .name = "taskstat",
    .summary = "List the device's tasks, their stacks and time",
    .examples = taskstat_examples,
    .needs_target = true,
    .run = run_taskstat,
};

static const char *const mpstat_examples[] = {
    "# How much memory the device has left",
    "dfu -d udp:192.0.2.1 mpstat",
    NULL,
};

const struct cli_command cmd_mpstat = {
    .name = "mpstat",
    .summary = "List the device's memory pools",
    .details = "Many devices do not have this command.",
    .examples = mpstat_examples,
    .needs_target = true,
    .run = run_mpstat,
};
