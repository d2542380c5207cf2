/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Who is started when, and when no more are. What always holds: before a device gets its first
 * packet, the log says so; before the next is started, it says how those ended that are over. */
#include "fleet.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define TICK_MS       100
#define OPENING_MS    10u
#define EVENTS_MAX    128
#define START_AT_ONCE 32u /* names are looked up, ports opened: others wait meanwhile */
#define FILES_BESIDE  32u
#define JOBS_MAX      100000u

struct fleet_live {
    struct cli cli; /* of this device: its target, and where its sentence goes */
    char told[1024];
    struct device *dev; /* NULL: it could not be opened */
    struct login_around around;
    struct dfu_job job;
    void *state;
    bool is_begun;  /* the job; before that the link is opened */
    uint32_t opens; /* of its link, when epoll was told of it */
};

enum stop { STOP_NOT, STOP_BUDGET, STOP_CANARY, STOP_SIGNAL, STOP_MEMORY, STOP_LOG, STOP_ABORT };

struct fleet {
    struct cli *cli;
    const struct fleet_order *order;
    struct fleet_targets targets;
    struct fleet_audit audit;
    struct fleet_show show;
    size_t counts[FLEET_STATES];
    size_t next, gate; /* who is started next; up to whom it may go on */
    size_t jobs, failures_max;
    bool is_paused;
    enum stop stop;
    int epoll;
};

/* ---- Signals ---- */

static volatile sig_atomic_t stops_asked, pause_asked, go_on_asked;

static void take_signal(int number)
{
    switch (number) {
    case SIGUSR1: pause_asked = 1; break;
    case SIGUSR2: go_on_asked = 1; break;
    default: stops_asked++; break;
    }
}

static void catch_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };
    struct sigaction action = { .sa_handler = take_signal, .sa_flags = SA_RESTART };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        sigaction(numbers[i], &action, NULL);
    }
    action.sa_handler = SIG_IGN; /* whoever read our output may go; the devices stay */
    sigaction(SIGPIPE, &action, NULL);
}

/* ---- Events ---- */

static cJSON *event_of(const struct fleet *fleet, const char *kind,
                       const struct fleet_member *member)
{
    cJSON *event = fleet_audit_event(&fleet->audit, kind);
    const cJSON *fact;

    cJSON_AddStringToObject(event, "job", fleet->order->work->name);
    if (member) {
        cJSON_AddStringToObject(event, "name", member->name);
        cJSON_AddStringToObject(event, "target", member->target);
    }
    cJSON_ArrayForEach(fact, fleet->order->subject)
    {
        cJSON_AddItemToObject(event, fact->string, cJSON_Duplicate(fact, true));
    }
    return event;
}

static void tell(struct fleet *fleet, const char *kind, const char *reason, const char *sentence)
{
    cJSON *event = event_of(fleet, kind, NULL);

    if (reason) {
        cJSON_AddStringToObject(event, "reason", reason);
    }
    fleet_audit_add(&fleet->audit, event);
    fleet_show_note(&fleet->show, sentence);
}

static void stop(struct fleet *fleet, enum stop why)
{
    static const char *const reasons[] = { [STOP_BUDGET] = "too many failures",
                                           [STOP_CANARY] = "a canary failed",
                                           [STOP_SIGNAL] = "signal",
                                           [STOP_MEMORY] = "out of memory",
                                           [STOP_ABORT] = "aborted by a second signal",
                                           [STOP_LOG] = "the log cannot be written" };
    char sentence[256];

    if (why <= fleet->stop) {
        return;
    }
    fleet->stop = why;
    if (why == STOP_ABORT) {
        snprintf(sentence, sizeof(sentence),
                 "aborted; the same command goes on where the devices are");
    } else if (fleet->counts[FLEET_RUNNING] == 0) {
        snprintf(sentence, sizeof(sentence), "%s: no more devices are started", reasons[why]);
    } else {
        snprintf(sentence, sizeof(sentence),
                 "%s: no more devices are started, the %zu that run are finished; a signal "
                 "(Ctrl-C) now aborts them",
                 reasons[why], fleet->counts[FLEET_RUNNING]);
    }
    tell(fleet, "stop", reasons[why], sentence);
    if (why != STOP_SIGNAL && stops_asked == 0) {
        stops_asked = 1; /* the next one aborts, as it says */
    }
}

static void take_signals(struct fleet *fleet)
{
    if (stops_asked > 1) {
        stop(fleet, STOP_ABORT);
    } else if (stops_asked == 1 && fleet->stop == STOP_NOT) {
        stop(fleet, STOP_SIGNAL);
    }
    if (pause_asked && !fleet->is_paused) {
        tell(fleet, "pause", NULL, "paused: no more devices are started until SIGUSR2");
        fleet->is_paused = true;
    }
    pause_asked = 0;
    if (go_on_asked && fleet->is_paused) {
        tell(fleet, "go on", NULL, "going on");
        fleet->is_paused = false;
    }
    go_on_asked = 0;
}

/* ---- One device ---- */

void fleet_member_progress(const struct fleet_order *order, const struct fleet_member *member,
                           struct fleet_progress *out)
{
    *out = (struct fleet_progress){ .step = "connect" };
    if (member->live && member->live->is_begun) {
        order->work->progress(member->live->state, out);
    }
}

static void set_state(struct fleet *fleet, struct fleet_member *m, enum fleet_state state)
{
    fleet->counts[m->state]--;
    fleet->counts[state]++;
    m->state = state;
}

static void release(struct fleet_member *m)
{
    if (m->live) {
        if (m->live->dev) {
            device_close(m->live->dev); /* a closed file leaves the epoll set */
        }
        free(m->live->state);
        free(m->live);
    }
    m->live = NULL;
    m->due_ms = UINT64_MAX;
}

static void check_budget(struct fleet *fleet)
{
    if (fleet->counts[FLEET_FAILED] > fleet->failures_max) {
        stop(fleet, STOP_BUDGET);
    } else if (fleet->counts[FLEET_FAILED] > 0 && fleet->gate < fleet->targets.count) {
        stop(fleet, STOP_CANARY);
    }
}

/* It is over: say how, keep it, let go. */
static void finish(struct fleet *fleet, struct fleet_member *m, int code,
                   struct fleet_result *result)
{
    double seconds = (double)(dfu_link_now_ms() - m->start_ms) / 1000.0;
    const char *sentence = code ? m->live->told : result->sentence;

    if (m->state == FLEET_RUNNING) {
        set_state(fleet, m, code ? FLEET_FAILED : FLEET_DONE);
    }
    cJSON_AddStringToObject(result->facts, "outcome", result->outcome);
    cJSON_AddNumberToObject(result->facts, "code", code);
    if (code) {
        cJSON_AddStringToObject(result->facts, "reason", sentence);
    }
    cJSON_AddNumberToObject(result->facts, "seconds", seconds);
    fleet_audit_add(&fleet->audit, result->facts);
    fleet_show_result(&fleet->show, m, sentence, seconds);
    release(m);
}

static void conclude(struct fleet *fleet, struct fleet_member *m)
{
    struct fleet_result result = { .outcome = "failed", .facts = event_of(fleet, "result", m) };
    int code = fleet->order->work->result(m->live->state, m->live->dev, &result);

    finish(fleet, m, code, &result);
    check_budget(fleet);
}

static void abort_one(struct fleet *fleet, struct fleet_member *m)
{
    struct fleet_result result = { .outcome = "aborted", .facts = event_of(fleet, "result", m) };
    struct fleet_progress p;

    fleet_member_progress(fleet->order, m, &p);
    set_state(fleet, m, FLEET_ABORTED);
    (void)cli_fail(&m->live->cli, CLI_STOPPED,
                   "aborted in step '%s'; the same command goes on there", p.step);
    finish(fleet, m, CLI_STOPPED, &result);
}

/* A link that was opened again has a new file; closing the old one told epoll. */
static void watch(struct fleet *fleet, struct fleet_member *m)
{
    struct fleet_live *live = m->live;
    struct epoll_event event = { .events = EPOLLIN,
                                 .data.u64 = (uint64_t)(m - fleet->targets.members) };

    if (live->dev->session.link.kind && !live->dev->session.link.is_opening &&
        live->opens != live->dev->session.opens) {
        live->opens = live->dev->session.opens;
        (void)epoll_ctl(fleet->epoll, EPOLL_CTL_ADD, live->dev->session.link.fd, &event);
    }
}

static void begin(struct fleet *fleet, struct fleet_member *m)
{
    struct fleet_live *live = m->live;

    live->is_begun = true;
    live->job = fleet->order->work->begin(live->state, fleet->order->what, live->dev);
    if (live->dev->login) {
        live->around = (struct login_around){ live->dev, live->job };
        live->job = login_around(&live->around);
    }
    watch(fleet, m);
}

/* It never came as far as a job. */
static void fail(struct fleet *fleet, struct fleet_member *m, int code)
{
    struct fleet_result result = { .outcome = "failed", .facts = event_of(fleet, "result", m) };

    finish(fleet, m, code, &result);
    check_budget(fleet);
}

static void take_turn(struct fleet *fleet, struct fleet_member *m)
{
    struct fleet_live *live = m->live;
    char why[DFU_LINK_WHY_LEN];

    if (!live->is_begun && live->dev->session.link.is_opening) {
        m->due_ms = dfu_link_now_ms() + OPENING_MS;
        if (dfu_session_go_on(&live->dev->session, why)) {
            fail(fleet, m, cli_fail(&live->cli, CLI_NO_DEVICE, "%s", why));
        }
        return;
    }
    if (!live->is_begun) {
        begin(fleet, m);
    }
    m->due_ms = dfu_session_turn(&live->dev->session, &live->job);
    if (live->job.is_over(live->job.ctx)) {
        conclude(fleet, m);
    } else {
        watch(fleet, m);
    }
}

static void start(struct fleet *fleet, struct fleet_member *m)
{
    struct fleet_live *live = calloc(1, sizeof(*live));
    int code = CLI_DONE;

    if (!live) {
        stop(fleet, STOP_MEMORY);
        return;
    }
    m->live = live;
    m->start_ms = dfu_link_now_ms();
    m->due_ms = m->start_ms;
    fleet_audit_add(&fleet->audit, event_of(fleet, "start", m));
    set_state(fleet, m, FLEET_RUNNING);
    live->cli = *fleet->cli;
    live->cli.target = m->target;
    live->cli.told = live->told;
    live->cli.told_cap = sizeof(live->told);
    live->dev = device_begin(&live->cli, &code);
    live->state = live->dev ? calloc(1, fleet->order->work->size) : NULL;
    if (!live->state) {
        fail(fleet, m, code ? code : cli_fail(&live->cli, CLI_INTERNAL, "out of memory"));
    }
}

/* ---- All ---- */

static bool may_start(const struct fleet *fleet)
{
    return fleet->stop == STOP_NOT && !fleet->audit.is_broken && !fleet->is_paused &&
           fleet->next < fleet->gate && fleet->counts[FLEET_RUNNING] < fleet->jobs;
}

/* The log lacks them, and they got no request yet. */
static void take_back(struct fleet *fleet, size_t from)
{
    for (size_t i = from; i < fleet->next; i++) {
        struct fleet_member *m = &fleet->targets.members[i];

        if (m->state == FLEET_RUNNING) {
            set_state(fleet, m, FLEET_WAITING);
            release(m);
        }
    }
}

static void start_some(struct fleet *fleet)
{
    size_t from = fleet->next;

    for (unsigned i = 0; i < START_AT_ONCE && may_start(fleet); fleet->next++) {
        if (fleet->targets.members[fleet->next].state == FLEET_WAITING) {
            start(fleet, &fleet->targets.members[fleet->next]);
            i++;
        }
    }
    fleet_audit_sync(&fleet->audit);
    if (fleet->audit.is_broken) {
        take_back(fleet, from);
        stop(fleet, STOP_LOG);
    }
    if (fleet->next >= fleet->gate && fleet->counts[FLEET_RUNNING] == 0 &&
        fleet->stop == STOP_NOT) { /* all canaries are well */
        fleet->gate = fleet->targets.count;
    }
}

static int wait_ms(const struct fleet *fleet)
{
    uint64_t now_ms = dfu_link_now_ms(), due_ms = now_ms + TICK_MS;

    for (size_t i = 0; i < fleet->next; i++) {
        uint64_t of_it = fleet->targets.members[i].due_ms;

        due_ms = of_it < due_ms ? of_it : due_ms;
    }
    if (may_start(fleet)) {
        return 0;
    }
    return due_ms > now_ms ? (int)(due_ms - now_ms) : 0;
}

static void take_turns(struct fleet *fleet)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(fleet->epoll, events, EVENTS_MAX, wait_ms(fleet));
    uint64_t now_ms;

    for (int i = 0; i < count; i++) {
        struct fleet_member *m = &fleet->targets.members[events[i].data.u64];

        if (m->live) {
            take_turn(fleet, m);
        }
    }
    now_ms = dfu_link_now_ms();
    for (size_t i = 0; i < fleet->next; i++) {
        if (fleet->targets.members[i].due_ms <= now_ms) {
            take_turn(fleet, &fleet->targets.members[i]);
        }
    }
}

static bool is_over(const struct fleet *fleet)
{
    return fleet->counts[FLEET_RUNNING] == 0 &&
           (fleet->counts[FLEET_WAITING] == 0 || fleet->stop != STOP_NOT);
}

static void run(struct fleet *fleet)
{
    while (!is_over(fleet) && fleet->stop != STOP_ABORT) {
        start_some(fleet);
        fleet_show_progress(&fleet->show, fleet->counts, fleet->is_paused, dfu_link_now_ms());
        take_turns(fleet);
        take_signals(fleet);
    }
    for (size_t i = 0; i < fleet->next; i++) {
        if (fleet->targets.members[i].state == FLEET_RUNNING) {
            abort_one(fleet, &fleet->targets.members[i]);
        }
    }
    fleet_show_progress(&fleet->show, fleet->counts, fleet->is_paused, dfu_link_now_ms());
}

static int exit_code_of(const struct fleet *fleet)
{
    bool is_all = fleet->counts[FLEET_WAITING] + fleet->counts[FLEET_ABORTED] == 0;

    if (fleet->audit.is_broken) {
        return CLI_USAGE;
    }
    if (!is_all && fleet->stop >= STOP_SIGNAL) {
        return CLI_STOPPED;
    }
    if (fleet->stop == STOP_BUDGET || fleet->stop == STOP_CANARY) {
        return CLI_BUDGET;
    }
    return fleet->counts[FLEET_FAILED] > 0 ? CLI_SOME_FAILED : CLI_DONE;
}

static int end(struct fleet *fleet)
{
    static const char *const keys[FLEET_STATES] = { "not_started", "running", "done",
                                                    "failed",      "aborted", "done_before" };
    cJSON *event = event_of(fleet, "end", NULL);
    int code;

    fleet_show_end(&fleet->show, fleet->counts);
    for (int i = 0; i < FLEET_STATES; i++) {
        if (i != FLEET_RUNNING) {
            cJSON_AddNumberToObject(event, keys[i], (double)fleet->counts[i]);
        }
    }
    cJSON_AddNumberToObject(event, "seconds",
                            (double)(dfu_link_now_ms() - fleet->show.start_ms) / 1000.0);
    code = exit_code_of(fleet);
    cJSON_AddNumberToObject(event, "code", code);
    fleet_audit_add(&fleet->audit, event);
    fleet_audit_close(&fleet->audit);
    return fleet->audit.is_broken ? CLI_USAGE : code;
}

/* ---- The command line ---- */

static int take_budget(struct cli *cli, size_t count, size_t *out)
{
    const char *text = cli_value(cli, FLEET_MAX_FAILURES);
    size_t len = text ? strlen(text) : 0;
    bool is_share = len > 0 && text[len - 1] == '%';
    char number[24];
    uint64_t n = 0;

    *out = SIZE_MAX;
    if (!text) {
        return CLI_DONE;
    }
    snprintf(number, sizeof(number), "%.*s", (int)(is_share ? len - 1 : len), text);
    if (len >= sizeof(number) || !cli_parse_number(number, &n) || (is_share && n > 100)) {
        return cli_fail(cli, CLI_USAGE,
                        "--max-failures %s is neither a number of devices nor a share of them; "
                        "give 5 or 2%%",
                        text);
    }
    *out = is_share ? (size_t)(n * count / 100) : (size_t)n;
    return CLI_DONE;
}

/* As many open files as it takes, or as few devices at a time as it allows. */
static void make_room(struct fleet *fleet)
{
    struct rlimit limit;
    rlim_t want = (rlim_t)fleet->jobs + FILES_BESIDE;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= want) {
        return;
    }
    limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < want && limit.rlim_cur > FILES_BESIDE) {
        fleet->jobs = (size_t)(limit.rlim_cur - FILES_BESIDE);
        cli_note(fleet->cli,
                 "the system lets this process open %zu files: %zu devices at a time; raise "
                 "ulimit -n for more",
                 (size_t)limit.rlim_cur, fleet->jobs);
    }
}

static int take_options(struct fleet *fleet)
{
    struct cli *cli = fleet->cli;
    uint64_t jobs = 0, canary = 0;
    int code = cli_number(cli, FLEET_JOBS, 1, JOBS_MAX, &jobs);

    code = code ? code : cli_number(cli, FLEET_CANARY, 1, UINT32_MAX, &canary);
    code = code ? code : fleet_targets_read(cli, &fleet->targets);
    code = code ? code : take_budget(cli, fleet->targets.count, &fleet->failures_max);
    if (!code && cli->record) {
        code = cli_fail(cli, CLI_USAGE,
                        "--record keeps the frames of one device; give one -d, or --audit for "
                        "what becomes of many");
    }
    fleet->jobs = jobs < fleet->targets.count ? (size_t)jobs : fleet->targets.count;
    fleet->gate =
        canary > 0 && canary < fleet->targets.count ? (size_t)canary : fleet->targets.count;
    if (!code && cli_has(cli, FLEET_RESUME)) {
        code = fleet_audit_resume(cli, fleet->order, &fleet->targets);
    }
    return code ? code : fleet_audit_open(cli, &fleet->audit);
}

static int run_all(struct fleet *fleet)
{
    cJSON *event = event_of(fleet, "begin", NULL);

    cJSON_AddNumberToObject(event, "devices", (double)fleet->targets.count);
    fleet_audit_add(&fleet->audit, event);
    for (size_t i = 0; i < fleet->targets.count; i++) {
        fleet->counts[fleet->targets.members[i].state]++;
    }
    make_room(fleet);
    /* What a finished device held goes back to the system, whole, and the next one's starts zero
     * without being written. */
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
    catch_signals();
    fleet_show_start(&fleet->show, fleet->cli, fleet->order, &fleet->targets);
    run(fleet);
    return end(fleet);
}

bool fleet_is_asked(const struct cli *cli)
{
    return cli->target_count > 1 || cli_has(cli, FLEET_TARGETS);
}

int fleet_run(struct cli *cli, const struct fleet_order *order)
{
    struct fleet fleet = { .cli = cli, .order = order, .epoll = epoll_create1(EPOLL_CLOEXEC) };
    int code;

    fleet.audit.fd = -1;
    if (fleet.epoll < 0) {
        code = cli_fail(cli, CLI_INTERNAL, "cannot wait for devices: %s", strerror(errno));
    } else {
        code = take_options(&fleet);
        code = code ? code : run_all(&fleet);
        close(fleet.epoll);
    }
    fleet_targets_release(&fleet.targets);
    cJSON_Delete(order->subject);
    return code;
}
