/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Start the bootloader on a device that must not run what it holds, with one instruction going
 * wrong: a call that is skipped, or a conditional jump that goes the other way.
 *
 *     fault-probe reached SCENARIO < SITES     which of them are executed, a line each
 *     fault-probe fault SCENARIO < FAULTS      what comes of each, a line each
 *
 * A site is an address as objdump prints it. A fault is "ADDRESS LENGTH TARGET NTH RESULT": at its
 * NTH execution the instruction of LENGTH bytes is replaced; a call (TARGET 0) is left out, with
 * its first argument (RESULT arg: so it is on Arm) or 0 (RESULT 0) as its result; a jump goes where
 * it would not.
 * The answer is "refused", "ran", "crashed", or "not reached". x86-64 Linux. */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "boot_config.h"
#include "boot_world.h"
#include "dfu/err.h"
#include "dfu/openssl.h"
#include "dfu/record.h"
#include "dfu/revoke.h"
#include "packed_image.h"
#include "port.h"
#include "test_image.h"

#define SITES_MAX 20000
#define SECTOR    1024u
#define SECTORS   6u
#define GOOD_SIZE 1500u
#define BAD_SIZE  1700u
#define TRAP      0xccu
#define STEP_FLAG 0x100 /* TF */
#define PAGE      4096u
#define SECONDS   5

enum { REFUSED = 0, RAN = 1, NOT_REACHED = 2 };

extern const char __executable_start;

/* ---- The device ---- */

enum held { NOTHING, GOOD, WRONG_SIGNATURE, CHANGED, TOO_OLD, BY_REVOKED_KEY };

enum {
    ASKED = 1 << 0, /* a request for what the secondary holds */
    BOOTSTRAP = 1 << 1,
    LOADER_ASKED = 1 << 2,
    LOADER_IF_INVALID = 1 << 3,
    ENCRYPTED = 1 << 4,  /* what is not good */
    COMPRESSED = 1 << 5, /* the same; its own signature is right, not that of what it decodes to */
    COUNTED = 1 << 6,
    REVOKES = 1 << 7,
    ONCE = 1 << 8,
};

struct scenario {
    const char *name;
    enum dfu_boot_mode mode;
    enum held primary, secondary;
    unsigned with;
};

static const struct scenario scenarios[] = {
    { "move-signature", DFU_MODE_SWAP_MOVE, WRONG_SIGNATURE, WRONG_SIGNATURE, 0 },
    { "move-payload", DFU_MODE_SWAP_MOVE, CHANGED, CHANGED, 0 },
    { "move-update", DFU_MODE_SWAP_MOVE, GOOD, WRONG_SIGNATURE, ASKED },
    { "offset-update", DFU_MODE_SWAP_OFFSET, GOOD, WRONG_SIGNATURE, ASKED },
    { "scratch-update", DFU_MODE_SWAP_SCRATCH, GOOD, WRONG_SIGNATURE, ASKED },
    { "overwrite-update", DFU_MODE_OVERWRITE, GOOD, CHANGED, ASKED },
    { "bootstrap-move", DFU_MODE_SWAP_MOVE, NOTHING, WRONG_SIGNATURE, BOOTSTRAP },
    { "bootstrap-overwrite", DFU_MODE_OVERWRITE, NOTHING, CHANGED, BOOTSTRAP },
    { "xip", DFU_MODE_DIRECT_XIP, WRONG_SIGNATURE, WRONG_SIGNATURE, 0 },
    { "ram", DFU_MODE_RAM_LOAD, CHANGED, CHANGED, 0 },
    { "single", DFU_MODE_SINGLE_SLOT, WRONG_SIGNATURE, NOTHING, 0 },
    { "single-once", DFU_MODE_SINGLE_SLOT, CHANGED, NOTHING, ONCE },
    { "loader-asked", DFU_MODE_FIRMWARE_LOADER, GOOD, WRONG_SIGNATURE, LOADER_ASKED },
    { "loader-instead", DFU_MODE_FIRMWARE_LOADER, WRONG_SIGNATURE, CHANGED, LOADER_IF_INVALID },
    { "encrypted-move", DFU_MODE_SWAP_MOVE, GOOD, WRONG_SIGNATURE, ASKED | ENCRYPTED },
    { "encrypted-overwrite", DFU_MODE_OVERWRITE, GOOD, CHANGED, ASKED | ENCRYPTED },
    { "encrypted-ram", DFU_MODE_RAM_LOAD, WRONG_SIGNATURE, CHANGED, ENCRYPTED },
    { "compressed", DFU_MODE_OVERWRITE, GOOD, WRONG_SIGNATURE, ASKED | COMPRESSED },
    { "counter-move", DFU_MODE_SWAP_MOVE, TOO_OLD, TOO_OLD, COUNTED },
    { "counter-update", DFU_MODE_SWAP_MOVE, GOOD, TOO_OLD, ASKED | COUNTED },
    { "counter-xip", DFU_MODE_DIRECT_XIP, TOO_OLD, TOO_OLD, COUNTED },
    { "counter-single", DFU_MODE_SINGLE_SLOT, TOO_OLD, NOTHING, COUNTED },
    { "revoked-move", DFU_MODE_SWAP_MOVE, BY_REVOKED_KEY, BY_REVOKED_KEY, REVOKES },
    { "revoked-update", DFU_MODE_OVERWRITE, GOOD, BY_REVOKED_KEY, ASKED | REVOKES },
    { "revoked-ram", DFU_MODE_RAM_LOAD, BY_REVOKED_KEY, BY_REVOKED_KEY, REVOKES },
};

static struct world world;
static uint8_t good[GOOD_SIZE];
static struct dfu_key keys[2]; /* the second one is revoked where any is */

struct dfu_boot_config boot_config;

static EVP_PKEY *secret_key(const char *secret)
{
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, (const uint8_t *)secret, 32);
}

static struct dfu_key public_key(EVP_PKEY *pkey)
{
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);

    return (struct dfu_key){ &dfu_ed25519_openssl, der, (size_t)len };
}

/* ---- Images ---- */

static const uint8_t kek[16] = "unwraps the keys";

static struct test_recipe recipe_of(enum held held, unsigned with, EVP_PKEY *pkey)
{
    static const uint8_t content_key[16] = "encrypts bodies", high[4] = { 5 }, low[4] = { 3 };
    struct test_recipe recipe = { .hdr_size = 32,
                                  .version = { .major = held == GOOD ? 1 : 2 },
                                  .flags = DFU_IMAGE_F_RAM_LOAD,
                                  .load_addr = WORLD_RAM_ADDR,
                                  .tlvs = { { .type = DFU_TLV_SHA256 } },
                                  .tlv_count = 1,
                                  .ed25519 = pkey };

    if (with & COUNTED) {
        recipe.prot[recipe.prot_count++] =
            (struct test_tlv){ DFU_TLV_SEC_CNT, held == TOO_OLD ? low : high, 4 };
    }
    if (held != GOOD && with & ENCRYPTED) {
        recipe.content_key = content_key;
        recipe.kek = kek;
        recipe.crypt_len = sizeof content_key;
    }
    recipe.body = (held == GOOD ? GOOD_SIZE : BAD_SIZE) - (uint32_t)test_image_size(&recipe);
    return recipe;
}

static size_t build_packed(const struct test_recipe *plain, uint8_t *out)
{
    static struct packed_image packed;

    packed_image_make(&packed, plain, false);
    packed.signature[0] ^= 1;
    test_image_build(&packed.recipe, out);
    return test_image_size(&packed.recipe);
}

static size_t build(const struct scenario *s, enum held held, EVP_PKEY *const pkeys[2],
                    uint8_t *out)
{
    struct test_recipe recipe = recipe_of(held, s->with, pkeys[held == BY_REVOKED_KEY]);
    size_t size = test_image_size(&recipe);

    if (held != GOOD && s->with & COMPRESSED) {
        return build_packed(&recipe, out);
    }
    test_image_build(&recipe, out);
    if (held == WRONG_SIGNATURE) {
        uint32_t from_end = s->with & ENCRYPTED ? 5 + 4 + 24 : 5; /* the wrapped key is last */

        out[size - from_end] ^= 1;
    } else if (held == CHANGED) {
        out[600] ^= 1;
    }
    test_image_crypt(&recipe, out);
    return size;
}

static void put(const struct scenario *s, enum world_place place, enum held held,
                EVP_PKEY *const pkeys[2])
{
    uint8_t image[2 * BAD_SIZE];
    uint32_t off = place == WORLD_SEC ? dfu_slot_upload_offset(&world.map, 0) : 0;

    if (held != NOTHING) {
        boot_world_load(&world, place, off, image, build(s, held, pkeys, image));
    }
}

/* ---- What the bootloader asks for ---- */

static int get_counter(void *ctx, uint8_t image, uint32_t *value)
{
    (void)ctx;
    (void)image;
    *value = 4;
    return 0;
}

static int raise_counter(void *ctx, uint8_t image, uint32_t value)
{
    (void)ctx;
    (void)image;
    (void)value;
    return 0;
}

static void revoke_second_key(void)
{
    struct dfu_record record;
    uint8_t hash[32];

    if (!EVP_Digest(keys[1].der, keys[1].der_len, hash, NULL, EVP_sha256(), NULL) ||
        dfu_record_open(&record, &world.area[WORLD_REVOKED]) ||
        dfu_record_save(&record, hash, DFU_REVOKED_NAME_LEN)) {
        abort();
    }
}

static void configure(const struct scenario *s)
{
    static const struct dfu_boot_counter counter = { &dfu_boot_rollback, get_counter, raise_counter,
                                                     NULL };
    static struct dfu_boot_revocation revocation;

    world.cfg.policy.keys = keys;
    world.cfg.policy.key_count = s->with & REVOKES ? 2 : 1;
    world.cfg.event = NULL;
    world.cfg.enter_loader = (s->with & LOADER_ASKED) != 0;
    world.cfg.loader_if_invalid = (s->with & LOADER_IF_INVALID) != 0;
    world.cfg.validate_once = (s->with & ONCE) != 0;
    if (s->with & COUNTED) {
        world.cfg.counter = &counter;
    }
    if (s->with & REVOKES) {
        revocation =
            (struct dfu_boot_revocation){ &dfu_boot_revocation_rules, &world.area[WORLD_REVOKED] };
        world.cfg.revocation = &revocation;
        revoke_second_key();
    }
    boot_config = world.cfg;
}

static struct world_area_spec area_of(uint32_t sectors)
{
    return (struct world_area_spec){
        .size = SECTOR * sectors, .write_size = 4, .runs = { { SECTOR, sectors } }, .run_count = 1
    };
}

static void set_up(const struct scenario *s)
{
    static const struct dfu_unwrap_key unwrap = { &dfu_unwrap_kw_openssl, kek, sizeof kek };
    static const struct dfu_image_decryption decryption = { &dfu_image_opener, &dfu_aes_ctr_openssl,
                                                            &unwrap, 1 };
    EVP_PKEY *const pkeys[2] = { secret_key("a key for tests that is no secre"),
                                 secret_key("another key that is not trusted.") };
    struct world_spec spec = { .mode = s->mode,
                               .max_align = 8,
                               .max_sectors = 16,
                               .erased = 0xff,
                               .validate_primary = true,
                               .bootstrap = (s->with & BOOTSTRAP) != 0,
                               .unpacks = (s->with & COMPRESSED) != 0,
                               .decryption = s->with & ENCRYPTED ? &decryption : NULL,
                               .key_size = s->with & ENCRYPTED ? 16 : 0,
                               .key = &keys[0] };

    keys[0] = public_key(pkeys[0]);
    keys[1] = public_key(pkeys[1]);
    spec.areas[WORLD_PRI] = area_of(SECTORS);
    spec.areas[WORLD_SEC] =
        s->mode == DFU_MODE_SINGLE_SLOT ? (struct world_area_spec){ 0 } : area_of(SECTORS);
    if (s->mode == DFU_MODE_SWAP_SCRATCH) {
        spec.areas[WORLD_SCR] = area_of(2);
    }
    if (s->with & REVOKES) {
        spec.areas[WORLD_REVOKED] = area_of(2);
    }
    boot_world_init(&world, &spec);
    (void)build(s, GOOD, pkeys, good);
    put(s, WORLD_PRI, s->primary, pkeys);
    put(s, WORLD_SEC, s->secondary, pkeys);
    if (s->with & ASKED && dfu_trailer_write_magic(&world.map, &world.area[WORLD_SEC])) {
        abort();
    }
    dfu_sim_flash_power_on(&world.sim);
    configure(s);
    dfu_sim_flash_power_on(&world.sim);
}

/* ---- The program around dfu_boot(): ports/mcu/boot/main.c ---- */

static jmp_buf end;

void port_halt(void)
{
    longjmp(end, 1 + REFUSED);
}

/* Whether something runs that is not the good image, byte for byte, from its first instruction. */
noreturn void port_jump(uint32_t vectors)
{
    bool is_good = vectors == world.area[WORLD_PRI].base + 32 &&
                   memcmp(boot_world_bytes(&world, WORLD_PRI), good, sizeof good) == 0;

    longjmp(end, 1 + (is_good ? REFUSED : RAN));
}

static int start_device(void)
{
    int how = setjmp(end);

    if (how == 0) {
        boot_main();
    }
    return how - 1;
}

/* ---- Instructions ---- */

static struct {
    uint8_t *at;
    uint8_t byte;
    bool is_reached;
} sites[SITES_MAX];
static size_t site_count;

static uint8_t *address(uint64_t linked)
{
    return (uint8_t *)(uintptr_t)&__executable_start + linked;
}

static void write_byte(uint8_t *at, uint8_t byte)
{
    uint8_t *page = at - (uintptr_t)at % PAGE;

    if (mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC)) {
        _exit(100);
    }
    *at = byte;
}

static void note_reached(int number, siginfo_t *info, void *context)
{
    ucontext_t *cpu = context;
    uint8_t *at = (uint8_t *)(uintptr_t)(cpu->uc_mcontext.gregs[REG_RIP] - 1);

    (void)number;
    (void)info;
    for (size_t i = 0; i < site_count; i++) {
        if (sites[i].at == at) {
            sites[i].is_reached = true;
            write_byte(at, sites[i].byte);
            cpu->uc_mcontext.gregs[REG_RIP]--;
            return;
        }
    }
    _exit(101);
}

static struct {
    uint8_t *at, byte, *target;
    unsigned len, left; /* executions until it goes wrong */
    bool is_zero, is_stepping, is_done;
} fault;

/* At the trap: do it right and step over it, or for the last time wrong. */
static void at_fault(greg_t *regs)
{
    regs[REG_RIP]--;
    if (--fault.left == 0 && !fault.target) {
        regs[REG_RAX] = fault.is_zero ? 0 : regs[REG_RDI];
        regs[REG_RIP] += fault.len;
        fault.is_done = true;
        write_byte(fault.at, fault.byte);
        return;
    }
    write_byte(fault.at, fault.byte);
    fault.is_stepping = true;
    regs[REG_EFL] |= STEP_FLAG;
}

static void go_wrong(int number, siginfo_t *info, void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint8_t *next = fault.at + fault.len;

    (void)number;
    (void)info;
    if (!fault.is_stepping) {
        at_fault(regs);
        return;
    }
    fault.is_stepping = false;
    regs[REG_EFL] &= ~(greg_t)STEP_FLAG;
    if (fault.left > 0) {
        write_byte(fault.at, TRAP);
        return;
    }
    fault.is_done = true;
    regs[REG_RIP] =
        (greg_t)(uintptr_t)((uint8_t *)(uintptr_t)regs[REG_RIP] == next ? fault.target : next);
}

static void catch_traps(void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

    if (sigaction(SIGTRAP, &action, NULL)) {
        _exit(102);
    }
}

static int print_reached(void)
{
    uint64_t linked;

    while (site_count < SITES_MAX && scanf("%" SCNx64, &linked) == 1) {
        sites[site_count].at = address(linked);
        sites[site_count].byte = *sites[site_count].at;
        site_count++;
    }
    catch_traps(note_reached);
    for (size_t i = 0; i < site_count; i++) {
        write_byte(sites[i].at, TRAP);
    }
    if (start_device() != REFUSED) {
        return 1;
    }
    for (size_t i = 0; i < site_count; i++) {
        if (sites[i].is_reached) {
            printf("%" PRIx64 "\n", (uint64_t)(sites[i].at - address(0)));
        }
    }
    return 0;
}

static int child(void)
{
    int outcome;

    (void)alarm(SECONDS);
    catch_traps(go_wrong);
    write_byte(fault.at, TRAP);
    outcome = start_device();
    return fault.is_done || outcome == RAN ? outcome : NOT_REACHED;
}

static const char *outcome_of(int status)
{
    static const char *const names[] = { "refused", "ran", "not reached" };

    return WIFEXITED(status) && WEXITSTATUS(status) < 3 ? names[WEXITSTATUS(status)] : "crashed";
}

static int try_faults(void)
{
    uint64_t linked, target;
    unsigned len, nth;
    char result[8];

    while (scanf("%" SCNx64 " %u %" SCNx64 " %u %7s", &linked, &len, &target, &nth, result) == 5) {
        int status = 0;
        pid_t pid;

        fault.at = address(linked);
        fault.byte = *fault.at;
        fault.target = target ? address(target) : NULL;
        fault.len = len;
        fault.left = nth;
        fault.is_zero = strcmp(result, "0") == 0;
        pid = fork();
        if (pid == 0) {
            _exit(child());
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid) {
            return 1;
        }
        printf("%s\n", outcome_of(status));
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "scenarios") == 0) {
        for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
            printf("%s\n", scenarios[i].name);
        }
        return 0;
    }
    for (size_t i = 0; argc == 3 && i < sizeof scenarios / sizeof scenarios[0]; i++) {
        if (strcmp(argv[2], scenarios[i].name) == 0) {
            set_up(&scenarios[i]);
            return strcmp(argv[1], "reached") == 0 ? print_reached() : try_faults();
        }
    }
    return 2;
}
