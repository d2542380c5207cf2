/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* The update module: what it needs, what it confirms, and what it tells of a transfer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dfu/err.h"
#include "dfu/smp_os.h"
#include "dfu/smp_pages.h"
#include "dfu/smp_update.h"
#include "dfu/trailer.h"
#include "dfu/update.h"
#include "img_world.h"

#define SECTORS 8u
#define STEP    100u

struct world {
    struct img_world img;
    struct dfu_smp_os os;
    struct dfu_smp_binding bindings[2];
    struct dfu_smp_hook hooks[2];
    struct dfu_lock lock, other_lock;
    struct dfu_smp_update update;
    struct dfu_smp_plain plain;
    const struct dfu_smp_link *link;
    struct dfu_update_path path;
    struct dfu_transfer_subscriber subscribers[2];
    struct dfu_latency latency;
    unsigned events[3], transfers, posts, latencies[2];
    bool was_refused_inside;
    uint64_t now_ms;
};

static struct world world;
static struct test_image image;

static void note_event(void *ctx, enum dfu_smp_update_event event)
{
    struct world *w = ctx;

    w->events[event]++;
    assert_non_null(dfu_smp_update_event_text(event));
}

static void note_transfer(void *ctx, uint64_t now_ms)
{
    struct world *w = ctx;

    assert_int_equal(now_ms, w->now_ms);
    w->transfers++;
    w->was_refused_inside = !dfu_transfer_submit(&w->update.transfer);
}

static void note_post(void *ctx)
{
    struct world *w = ctx;

    w->posts++;
}

static void note_latency(void *ctx, bool is_low)
{
    struct world *w = ctx;

    w->latencies[is_low]++;
}

/* The application sets its server up. */
static void attach(struct world *w)
{
    w->bindings[0] = (struct dfu_smp_binding){ &dfu_smp_group_os, &w->os };
    w->bindings[1] = w->img.bindings[0];
    w->hooks[0] = dfu_smp_update_hook(&w->update);
    w->hooks[1] = w->img.hook;
    w->img.peer.server.bindings = w->bindings;
    w->img.peer.server.binding_count = 2;
    w->img.peer.server.hooks = w->hooks;
    w->img.peer.server.hook_count = 2;
}

static int fresh_world(void **state)
{
    struct world *w = &world;

    (void)state;
    memset(w, 0, sizeof *w);
    world_init(&w->img, 1, SECTORS, 8);
    w->img.guards_active = false;
    attach(w);
    w->link = &w->img.peer.link;
    w->latency = (struct dfu_latency){ .set = note_latency, .ctx = w };
    w->subscribers[0] = (struct dfu_transfer_subscriber){ note_transfer, w };
    w->subscribers[1] = (struct dfu_transfer_subscriber){ dfu_latency_transfer, &w->latency };
    w->path = (struct dfu_update_path){ "USB DFU", &w->lock };
    w->update = (struct dfu_smp_update){
        .server = &w->img.peer.server,
        .img = &w->img.img,
        .links = &w->link,
        .link_count = 1,
        .lock = &w->lock,
        .others = &w->path,
        .other_count = 1,
        .transfer = { .subscribers = w->subscribers,
                      .subscriber_count = 2,
                      .post = note_post,
                      .ctx = w },
        .event = note_event,
        .ctx = w,
    };
    w->plain.server = &w->img.peer.server;
    image = image_make((struct dfu_image_version){ .major = 1 }, 2000);
    world_program(&w->img, 0, 0, &image);
    image_free(&image);
    image = image_make((struct dfu_image_version){ .major = 2 }, 20000);
    return 0;
}

static int free_world(void **state)
{
    (void)state;
    world_free(&world.img);
    image_free(&image);
    return 0;
}

static void start(struct world *w)
{
    const char *why = NULL;

    assert_int_equal(dfu_smp_update_start(&w->update, &why), 0);
    assert_null(why);
}

static struct reply chunk(struct world *w, uint32_t off)
{
    struct chunk chunk = CHUNK_NONE;

    chunk.off = off;
    chunk.len = off == 0 ? (int64_t)image.size : -1;
    chunk.data = image.data + off;
    chunk.data_len = STEP;
    return world_chunk(&w->img, &chunk);
}

/* ---- Configurations ---- */

static void no_os_group(struct world *w)
{
    w->bindings[0] = w->bindings[1];
}

static void no_hook(struct world *w)
{
    w->hooks[0] = w->hooks[1];
}

static void no_transport(struct world *w)
{
    w->update.link_count = 0;
}

static void no_slots(struct world *w)
{
    w->img.img.map = NULL;
}

static void no_second_slot(struct world *w)
{
    w->img.map.images[0].secondary = NULL;
}

static void no_trailer(struct world *w)
{
    w->img.map.max_sectors = 4096; /* its records alone would be larger than the slots */
}

/* Too short for the primary's. */
static void no_room(struct world *w)
{
    w->img.nor->areas[1].size = 4096;
    w->img.nor->runs[1].count = 1;
}

static void no_lock(struct world *w)
{
    w->update.lock = NULL;
}

static void two_locks(struct world *w)
{
    w->path.lock = &w->other_lock;
}

static void two_modules(struct world *w)
{
    w->hooks[1] = dfu_smp_plain_hook(&w->plain);
}

static void a_configuration_that_cannot_work_is_refused_in_words(void **state)
{
    static const struct {
        void (*spoil)(struct world *w);
        const char *word;
    } rows[] = {
        { no_os_group, "OS group" },
        { no_hook, "hook" },
        { no_transport, "no transport" },
        { no_slots, "no slots of a bootloader" },
        { no_second_slot, "secondary" },
        { no_trailer, "trailer" },
        { no_room, "cannot work together" },
        { no_lock, "no lock between them" },
        { two_locks, "does not claim the lock" },
        { two_modules, "plain SMP module" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *why = NULL;

        free_world(state);
        fresh_world(state);
        rows[i].spoil(&world);
        assert_int_equal(dfu_smp_update_start(&world.update, &why), DFU_ERR_INVAL);
        assert_non_null(why);
        if (!strstr(why, rows[i].word)) {
            fail_msg("row %zu: %s", i, why);
        }
    }
}

static void a_module_that_was_refused_lets_nothing_through(void **state)
{
    (void)state;
    no_lock(&world);
    assert_int_equal(dfu_smp_update_start(&world.update, NULL), DFU_ERR_INVAL);
    assert_int_equal(chunk(&world, 0).rc, DFU_SMP_EBADSTATE);
    assert_int_equal(world.img.nor->flash.ops, 0);
}

static void smp_alone_needs_no_lock_of_the_application(void **state)
{
    (void)state;
    world.update.lock = NULL;
    world.update.other_count = 0;
    start(&world);
    assert_int_equal(chunk(&world, 0).off, STEP);
    assert_ptr_equal(dfu_lock_owner_get(&world.update.own_lock), &world.update.guard.owner);
}

static void the_plain_module_has_events_and_no_lock(void **state)
{
    const char *why = NULL;

    (void)state;
    world.hooks[0] = dfu_smp_plain_hook(&world.plain);
    world.img.peer.link.is_bluetooth = true;
    assert_int_equal(dfu_smp_plain_start(&world.plain, &why), 0);
    assert_int_equal(chunk(&world, 0).off, STEP);
    assert_int_equal(world.plain.transfer.submitted, 1);
    assert_null(dfu_lock_owner_get(&world.lock));
    world.hooks[1] = dfu_smp_update_hook(&world.update);
    assert_int_equal(dfu_smp_plain_start(&world.plain, &why), DFU_ERR_INVAL);
    assert_non_null(strstr(why, "update module"));
    world.plain.server = NULL;
    assert_int_equal(dfu_smp_plain_start(&world.plain, NULL), DFU_ERR_INVAL);
}

/* ---- Confirmation ---- */

static void put_on_trial(struct world *w)
{
    const struct dfu_area *primary = world_slot(&w->img, 0, 0);

    assert_int_equal(dfu_trailer_write_magic(&w->img.map, primary), 0);
    assert_int_equal(dfu_trailer_write_copy_done(&w->img.map, primary), 0);
    assert_false(dfu_boot_is_img_confirmed(&w->img.map, 0));
}

static void the_running_image_is_confirmed_once_the_application_is_ready(void **state)
{
    (void)state;
    put_on_trial(&world);
    start(&world);
    assert_false(dfu_boot_is_img_confirmed(&world.img.map, 0));
    dfu_smp_update_ready(&world.update);
    assert_true(dfu_boot_is_img_confirmed(&world.img.map, 0));
    assert_int_equal(world.events[DFU_SMP_UPDATE_CONFIRMED], 1);
    dfu_smp_update_ready(&world.update); /* at every start; there is nothing left to do */
    assert_int_equal(world.events[DFU_SMP_UPDATE_CONFIRMED], 1);
}

static void whether_it_is_confirmed_follows_from_the_mode_unless_it_is_set(void **state)
{
    static const struct {
        enum dfu_boot_mode mode;
        enum dfu_smp_update_confirm confirm;
        bool is_confirmed;
    } rows[] = {
        { DFU_MODE_SWAP_MOVE, DFU_SMP_UPDATE_CONFIRM_BY_MODE, true },
        { DFU_MODE_SWAP_OFFSET, DFU_SMP_UPDATE_CONFIRM_BY_MODE, true },
        { DFU_MODE_DIRECT_XIP_REVERT, DFU_SMP_UPDATE_CONFIRM_BY_MODE, false },
        { DFU_MODE_RAM_LOAD_REVERT, DFU_SMP_UPDATE_CONFIRM_BY_MODE, true },
        { DFU_MODE_SWAP_MOVE, DFU_SMP_UPDATE_CONFIRM_NEVER, false },
        { DFU_MODE_DIRECT_XIP_REVERT, DFU_SMP_UPDATE_CONFIRM_ALWAYS, true },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        free_world(state);
        fresh_world(state);
        put_on_trial(&world);
        world.img.map.mode = rows[i].mode;
        world.update.confirm = rows[i].confirm;
        start(&world);
        dfu_smp_update_ready(&world.update);
        assert_int_equal(dfu_boot_is_img_confirmed(&world.img.map, 0), rows[i].is_confirmed);
        assert_int_equal(world.events[DFU_SMP_UPDATE_CONFIRMED], rows[i].is_confirmed);
    }
}

static void an_image_in_the_second_slot_is_confirmed_where_it_runs(void **state)
{
    const struct dfu_area *secondary = world_slot(&world.img, 0, 1);

    (void)state;
    world_program(&world.img, 0, 1, &image);
    world.img.map.mode = DFU_MODE_RAM_LOAD_REVERT;
    assert_int_equal(dfu_trailer_write_magic(&world.img.map, secondary), 0);
    world.img.img.active_slot = 1;
    start(&world);
    dfu_smp_update_ready(&world.update);
    assert_true(dfu_boot_is_slot_confirmed(&world.img.map, secondary));
    assert_int_equal(world.events[DFU_SMP_UPDATE_CONFIRMED], 1);
}

static void a_confirmation_that_fails_is_told_and_the_module_works_on(void **state)
{
    (void)state;
    put_on_trial(&world);
    start(&world);
    dfu_sim_flash_cut(&world.img.nor->flash, DFU_SIM_CUT_BEFORE, world.img.nor->flash.ops + 1, 0);
    dfu_smp_update_ready(&world.update);
    assert_int_equal(world.events[DFU_SMP_UPDATE_NOT_CONFIRMED], 1);
    dfu_sim_flash_power_on(&world.img.nor->flash);
    dfu_smp_update_ready(&world.update);
    assert_int_equal(world.events[DFU_SMP_UPDATE_CONFIRMED], 1);
}

/* ---- The lock ---- */

/* Writes of the image and page groups, and resets; asking never does. */
static void only_what_changes_slots_or_resets_claims_the_lock(void **state)
{
    static const uint16_t groups[] = { 0, 1, 2, 3, 4, 5, 8, 9, 10, 63, 64, 65, 66, 1000 };

    (void)state;
    for (size_t i = 0; i < 2 * 16 * sizeof groups / sizeof groups[0]; i++) {
        const struct dfu_smp_command_event command = { .group = groups[i / 32],
                                                       .id = i / 2 % 16,
                                                       .op = i % 2 ? DFU_SMP_WRITE : DFU_SMP_READ };
        struct dfu_smp_event event = { .id = DFU_SMP_EV_CMD_RECV, .data = &command };
        bool is_reset = command.group == DFU_SMP_GROUP_OS && command.id == DFU_SMP_OS_RESET;
        bool is_slots = command.group == DFU_SMP_GROUP_IMG || command.group == DFU_SMP_GROUP_PAGES;
        struct dfu_lock lock = { 0 };
        struct dfu_smp_lock guard;
        struct dfu_smp_hook hook;

        dfu_smp_lock_init(&guard, &lock, NULL);
        hook = dfu_smp_lock_hook(&guard);
        assert_int_equal(hook.call(hook.ctx, &event), DFU_SMP_HOOK_OK);
        assert_ptr_equal(dfu_lock_owner_get(&lock),
                         i % 2 && (is_slots || is_reset) ? &guard.owner : NULL);
    }
}

/* ---- The lock's time ---- */

static void silence_is_told_and_frees_the_lock(void **state)
{
    (void)state;
    start(&world);
    assert_int_equal(chunk(&world, 0).off, STEP);
    dfu_smp_update_poll(&world.update, 10);
    assert_int_equal(dfu_smp_update_due_ms(&world.update), 10 + DFU_SMP_LOCK_TIMEOUT_MS);
    dfu_smp_update_poll(&world.update, 9 + DFU_SMP_LOCK_TIMEOUT_MS);
    assert_non_null(dfu_lock_owner_get(&world.lock));
    dfu_smp_update_poll(&world.update, 10 + DFU_SMP_LOCK_TIMEOUT_MS);
    assert_null(dfu_lock_owner_get(&world.lock));
    assert_int_equal(world.events[DFU_SMP_UPDATE_TIMED_OUT], 1);
    assert_int_equal(dfu_smp_update_due_ms(&world.update), UINT64_MAX);
}

static void an_upload_kept_over_a_reset_is_void_once_another_claims_the_slot(void **state)
{
    const struct dfu_lock_owner other = { .name = "other" };

    (void)state;
    start(&world);
    world.img.img.store = &world.img.store;
    world.img.img.store_interval = 1;
    for (uint32_t off = 0; off < 5000; off += STEP) {
        struct chunk c = CHUNK_NONE;

        c.off = off;
        c.len = off == 0 ? (int64_t)image.size : -1;
        c.data = image.data + off;
        c.data_len = STEP;
        c.sha_len = off == 0 ? sizeof image.sha : 0;
        c.sha = off == 0 ? image.sha : NULL;
        assert_int_equal(world_chunk(&world.img, &c).off, off + STEP);
    }
    assert_true(world.img.stored_len > 0);
    world_reset(&world.img);
    world.img.img.store = &world.img.store;
    attach(&world);
    memset(&world.lock, 0, sizeof world.lock); /* it lies in RAM */
    start(&world);
    assert_true(world.img.stored_len > 0);
    assert_int_equal(dfu_lock_claim(&world.lock, &other), 0);
    assert_int_equal(world.img.stored_len, 0);
}

/* ---- Transfer events ---- */

static void transfer_events_come_with_bluetooth_alone(void **state)
{
    (void)state;
    start(&world);
    assert_int_equal(chunk(&world, 0).off, STEP);
    assert_int_equal(world.update.transfer.submitted, 0);
    world.img.peer.link.is_bluetooth = true;
    assert_int_equal(chunk(&world, STEP).off, 2 * STEP);
    assert_int_equal(world.update.transfer.submitted, 1);
    assert_int_equal(world.posts, 1);
    assert_int_equal(dfu_smp_update_due_ms(&world.update), 0);
    dfu_smp_update_poll(&world.update, 0);
    assert_int_equal(world.transfers, 1);
}

static void while_one_event_waits_no_second_is_submitted(void **state)
{
    (void)state;
    world.img.peer.link.is_bluetooth = true;
    start(&world);
    for (uint32_t i = 0; i < 100; i++) { /* whoever handles it is slow */
        assert_int_equal(chunk(&world, i * STEP).off, (i + 1) * STEP);
        assert_int_equal(world.update.transfer.submitted, 1 + i / 10);
        if (i % 10 == 9) {
            dfu_smp_update_poll(&world.update, 0);
        }
    }
    assert_int_equal(world.transfers, 10); /* again and again, as long as it lasts */
    assert_int_equal(world.update.transfer.handled, 10);
}

static void the_module_is_the_last_to_see_its_event(void **state)
{
    (void)state;
    world.img.peer.link.is_bluetooth = true;
    start(&world);
    assert_int_equal(chunk(&world, 0).off, STEP);
    dfu_smp_update_poll(&world.update, 0);
    assert_true(world.was_refused_inside); /* to the other subscribers it was still under way */
    assert_int_equal(world.update.transfer.submitted, 1);
    assert_int_equal(chunk(&world, STEP).off, 2 * STEP);
    assert_int_equal(world.update.transfer.submitted, 2);
}

static void a_refused_chunk_submits_nothing(void **state)
{
    const struct dfu_lock_owner other = { .name = "other" };

    (void)state;
    world.img.peer.link.is_bluetooth = true;
    start(&world);
    assert_int_equal(dfu_lock_claim(&world.lock, &other), 0);
    assert_int_equal(chunk(&world, 0).rc, DFU_SMP_EACCESSDENIED);
    assert_int_equal(world.update.transfer.submitted, 0);
}

static void nor_one_that_a_hook_before_the_module_refused(void **state)
{
    (void)state;
    world.img.peer.link.is_bluetooth = true;
    world.hooks[0] = world.img.hook;
    world.hooks[1] = dfu_smp_update_hook(&world.update);
    world.img.refused_event = DFU_SMP_EV_DFU_CHUNK;
    start(&world);
    assert_int_equal(chunk(&world, 0).rc, DFU_SMP_EACCESSDENIED);
    assert_int_equal(world.update.transfer.submitted, 0);
    world.img.refused_event = 0;
    assert_int_equal(chunk(&world, 0).off, STEP);
    assert_int_equal(world.update.transfer.submitted, 1);
}

static void pass_to(struct world *w, uint64_t now_ms)
{
    w->now_ms = now_ms;
    dfu_smp_update_poll(&w->update, now_ms);
    dfu_latency_poll(&w->latency, now_ms);
}

static void the_connection_is_fast_while_a_transfer_lasts(void **state)
{
    (void)state;
    world.img.peer.link.is_bluetooth = true;
    start(&world);
    assert_int_equal(chunk(&world, 0).off, STEP);
    pass_to(&world, 0);
    assert_int_equal(world.latencies[true], 0); /* not before the link is secured */
    dfu_latency_secured(&world.latency);
    for (uint32_t i = 1; i <= 12; i++) { /* a chunk a second */
        assert_int_equal(chunk(&world, i * STEP).off, (i + 1) * STEP);
        pass_to(&world, (uint64_t)i * 1000);
    }
    assert_int_equal(world.latencies[true], 1);
    assert_int_equal(world.latencies[false], 0);
    pass_to(&world, 16000); /* the check: there was one since the last */
    assert_int_equal(world.latencies[false], 0);
    assert_int_equal(dfu_latency_due_ms(&world.latency), 21000);
    pass_to(&world, 20999);
    assert_int_equal(world.latencies[false], 0);
    pass_to(&world, 21000);
    assert_int_equal(world.latencies[false], 1);
    assert_int_equal(chunk(&world, 13 * STEP).off, 14 * STEP);
    pass_to(&world, 30000);
    assert_int_equal(world.latencies[true], 2);
    dfu_latency_disconnected(&world.latency);
    pass_to(&world, 90000);
    assert_int_equal(world.latencies[false], 1); /* there is nobody to ask */
}

#define test(name) cmocka_unit_test_setup_teardown(name, fresh_world, free_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_configuration_that_cannot_work_is_refused_in_words),
        test(a_module_that_was_refused_lets_nothing_through),
        test(smp_alone_needs_no_lock_of_the_application),
        test(the_plain_module_has_events_and_no_lock),
        test(the_running_image_is_confirmed_once_the_application_is_ready),
        test(whether_it_is_confirmed_follows_from_the_mode_unless_it_is_set),
        test(an_image_in_the_second_slot_is_confirmed_where_it_runs),
        test(a_confirmation_that_fails_is_told_and_the_module_works_on),
        test(only_what_changes_slots_or_resets_claims_the_lock),
        test(silence_is_told_and_frees_the_lock),
        test(an_upload_kept_over_a_reset_is_void_once_another_claims_the_slot),
        test(transfer_events_come_with_bluetooth_alone),
        test(while_one_event_waits_no_second_is_submitted),
        test(the_module_is_the_last_to_see_its_event),
        test(a_refused_chunk_submits_nothing),
        test(nor_one_that_a_hook_before_the_module_refused),
        test(the_connection_is_fast_while_a_transfer_lasts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
