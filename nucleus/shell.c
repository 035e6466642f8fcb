#include "nucleus/shell.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/jail.h"
#include "nucleus/cgroup.h"
#include "nucleus/demand.h"
#include "nucleus/events.h"
#include "nucleus/exits.h"
#include "nucleus/guard.h"
#include "nucleus/journal.h"
#include "nucleus/junction.h"
#include "nucleus/keys.h"
#include "nucleus/logs.h"
#include "nucleus/look.h"
#include "nucleus/mounts.h"
#include "nucleus/publish.h"
#include "nucleus/recover.h"
#include "nucleus/rekey.h"
#include "nucleus/rest.h"
#include "nucleus/shields.h"
#include "nucleus/sockets.h"
#include "nucleus/spawn.h"
#include "nucleus/tuns.h"
#include "nucleus/version.h"
#include "nucleus/yaml.h"

/* ---- command line ------------------------------------------------------------------------------ */

/* Parsed before the runtime gives us our state. */
static struct {
    const char *run;
    const char *state;
    const char *manifest;
    const char *journal;
    const char *dirs[SHELL_DIRS_MAX];
    size_t dir_count;
    bool is_recovery;
    struct host_birth birth;
} args;

static enum err usage(const char *what)
{
    (void)fprintf(stderr, "cell-nucleus: %s\nusage: cell-nucleus --run DIR --state DIR --manifest "
                          "FILE [--cells DIR]… [--log-level LEVEL] [--journal SOCKET]\nIt is started by cell-guard, "
                          "see cell-up(1).\n", what);
    return ERR_INVALID;
}

static enum err take_arg(const char *option, const char *value)
{
    if (strcmp(option, "--run") == 0) {
        args.run = value;
    } else if (strcmp(option, "--state") == 0) {
        args.state = value;
    } else if (strcmp(option, "--manifest") == 0) {
        args.manifest = value;
    } else if (strcmp(option, "--journal") == 0) {
        args.journal = value;
    } else if (strcmp(option, "--recover") == 0) {
        args.is_recovery = strcmp(value, "yes") == 0;
    } else if (strcmp(option, "--cells") == 0 && args.dir_count < SHELL_DIRS_MAX) {
        args.dirs[args.dir_count++] = value;
    } else if (strcmp(option, "--log-level") == 0) {
        return log_level_parse(value, &args.birth.log_level);
    } else {
        return ERR_INVALID;
    }
    return ERR_OK;
}

enum err shell_args(int argc, char **argv)
{
    args.birth = (struct host_birth){
        .message_bytes = MANIFEST_BYTES_MAX * 2, /* Apply carries a whole manifest */
        .calls_waiting = 4096,                   /* every cell may beat at once    */
        .files = 65536,
        .log_level = LOG_INFO,
    };
    /* What a whole node's step reserves (hundreds of KiB, hardly touched) comes as pages of its own
     * and goes back as such; malloc's moving threshold would cut it out of the heap instead. */
    (void)mallopt(M_MMAP_THRESHOLD, 32 * 1024);
    (void)mallopt(M_TOP_PAD, 8 * 1024); /* room at the end of the heap would be used before that */
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) {
            return usage("an option lacks its value");
        }
        if (take_arg(argv[i], argv[i + 1]) != ERR_OK) {
            return usage("unknown option or bad value");
        }
    }
    if (args.run == NULL || args.state == NULL || args.manifest == NULL || args.run[0] != '/' ||
        args.state[0] != '/') {
        return usage("--run, --state (absolute) and --manifest are needed");
    }
    (void)snprintf(args.birth.name, NAME_SIZE, "nucleus");
    (void)snprintf(args.birth.space, NAME_SIZE, "cell");
    (void)snprintf(args.birth.run_dir, HOST_PATH_SIZE, "%s", args.run);
    return ERR_OK;
}

const struct host_birth *shell_birth(void)
{
    return &args.birth;
}

/* ---- the clock --------------------------------------------------------------------------------- */

static void on_clock(void *context)
{
    struct shell *s = context;
    struct node_event ev = {.kind = NODE_EV_CLOCK};

    s->clock_ms = UINT64_MAX;
    (void)shell_feed(s, &ev);
}

static void arm_clock(struct shell *s)
{
    uint64_t next_ms = node_next_ms(s->node);

    if (next_ms != s->clock_ms && next_ms != UINT64_MAX) {
        uint64_t now_ms = loop_now_ms();
        s->clock_ms = next_ms;
        loop_timer_again(s->clock, next_ms > now_ms ? next_ms - now_ms : 0, 0);
    }
}

/* ---- effects ----------------------------------------------------------------------------------- */

static void slot_free(struct shell *s, uint32_t index)
{
    struct shell_slot *slot = s->slots[index];

    if (slot == NULL) {
        return;
    }
    journal_forget(index);
    publish_undo(slot);
    junction_end(slot);
    loop_watch_free(slot->pid_watch);
    loop_timer_free(slot->exit_timer);
    fd_close(&slot->pidfd);
    fd_close(&slot->log_fd);
    mounts_leave(s, fd_take(&slot->mounts_fd));
    free(slot->endpoints);
    explicit_bzero(&slot->process, sizeof slot->process);
    free(slot);
    s->slots[index] = NULL;
}

static struct shell_slot *slot_get(struct shell *s, uint32_t index)
{
    if (s->slots[index] == NULL) {
        struct shell_slot *slot = calloc(1, sizeof *slot);
        if (slot != NULL) {
            slot->shell = s;
            slot->slot = index;
            slot->pidfd = slot->gap_fd = slot->log_fd = slot->mounts_fd = -1;
            s->slots[index] = slot;
        }
    }
    return s->slots[index];
}

static void store(struct shell *s, const struct node_effect *fx)
{
    struct shell_slot *slot = slot_get(s, fx->slot);
    struct ledger_record record = {.instance = *fx->record};

    if (slot != NULL) {
        record.process = slot->process;
    }
    enum err e = ledger_put(&s->ledger, fx->slot, &record);
    explicit_bzero(&record.process, sizeof record.process);
    if (e != ERR_OK) {
        log_error("NUCLEUS-LEDGER", "slot=%" PRIu32 " error=%s action=a-crash-now-would-forget-it",
                  fx->slot, err_name(e));
    }
}

static void store_scale(struct shell *s, const struct node_effect *fx)
{
    struct node_scale scale = {.count = fx->count, .of = fx->of};

    (void)snprintf(scale.space, sizeof scale.space, "%s", fx->space);
    (void)snprintf(scale.name, sizeof scale.name, "%s", fx->name);
    enum err e = ledger_put_scale(&s->ledger, &scale);
    if (e != ERR_OK) {
        log_error("NUCLEUS-SCALE-STORE", "cell=%s/%s error=%s", fx->space, fx->name, err_name(e));
    }
}

static void tell_change(struct shell *s, const struct node_effect *fx)
{
    struct shell_slot *slot = s->slots[fx->slot];

    if (slot != NULL && fx->state == NODE_READY && slot->process.ready_us == 0) {
        slot->process.ready_us = loop_now_us() - slot->process.spawned_us;
    }
    log_info("NUCLEUS-STATE", "cell=%s/%s.%" PRIu32 " state=%s healthy=%d reason=\"%s\"", fx->space,
             fx->name, fx->instance, node_state_name(fx->state), fx->is_healthy, fx->reason);
    events_add(s, fx->space, fx->name, fx->instance, "state", "%s%s%s", node_state_name(fx->state),
               fx->reason[0] != '\0' ? ": " : "", fx->reason);
}

/* On a busy host many cells are looked at in one step, and nothing is learned by asking about ourselves for
 * each: three files, which would be a third of the work. */
static uint64_t own_delay_us(struct shell *s)
{
    uint64_t now_ms = loop_now_ms();

    if (s->own_delay_ms != now_ms) {
        s->own_delay_ms = now_ms;
        s->own_delay_us = look_delay_us(getpid());
    }
    return s->own_delay_us;
}

static void sample(struct shell *s, uint32_t index)
{
    struct shell_slot *slot = s->slots[index];
    struct node_event ev = {.kind = NODE_EV_SAMPLE, .slot = index};
    uint64_t ticks;
    char state = '?';

    if (slot == NULL || slot->process.pid == 0 ||
        look_start_ticks(slot->process.pid, &ticks, &state) != ERR_OK) {
        return; /* it ended: the pidfd says so in a moment */
    }
    ev.generation = slot->generation;
    ev.cpu_us = look_cpu_us(slot->process.pid);
    ev.delay_us = look_delay_us(slot->process.pid);
    ev.own_delay_us = own_delay_us(s);
    ev.is_stopped = state == 'T' || state == 't';
    ev.is_blocked = state == 'D';
    ev.is_runnable = state == 'R' || look_is_runnable(slot->process.pid);
    (void)shell_feed(s, &ev);
}

static void all_done(struct shell *s)
{
    log_info("NUCLEUS-DOWN", "all cells are gone");
    events_add(s, "", "", 0, "down", "all cells are gone");
    s->is_down = true;
    if (s->down_call != NULL) {
        Cell__Nucleus__DownReply reply = CELL__NUCLEUS__DOWN_REPLY__INIT;
        reply.instances = s->down_count;
        enum err e = cell_reply(s->down_call, &reply);
        s->down_call = NULL;
        if (e != ERR_OK) {
            log_debug("NUCLEUS-DOWN-UNSAID", "error=%s", err_name(e));
        }
    }
    cell_stop(s->cell, "down");
}

static void perform(struct shell *s, const struct node_effect *fx)
{
    struct shell_slot *slot = fx->slot == UINT32_MAX ? NULL : s->slots[fx->slot];

    switch (fx->kind) {
    case NODE_FX_STORE:
        store(s, fx);
        break;
    case NODE_FX_STORE_SCALE:
        store_scale(s, fx);
        break;
    case NODE_FX_SPAWN:
        if (slot_get(s, fx->slot) != NULL) {
            spawn_instance(s, fx->slot, fx->generation);
        }
        break;
    case NODE_FX_DRAIN:
        junction_drain(slot, fx->deadline_ms);
        break;
    case NODE_FX_TERM:
        exits_signal(slot, SIGTERM);
        break;
    case NODE_FX_KILL:
        exits_signal(slot, SIGKILL);
        break;
    case NODE_FX_PUBLISH:
        publish_slot(slot);
        break;
    case NODE_FX_UNPUBLISH:
        publish_undo(slot);
        break;
    case NODE_FX_SAMPLE:
        sample(s, fx->slot);
        break;
    case NODE_FX_CHANGED:
        tell_change(s, fx);
        tuns_sweep(s);
        sockets_sweep(s);
        break;
    case NODE_FX_FORGET: {
        enum err e = ledger_forget(&s->ledger, fx->slot);
        if (e != ERR_OK) {
            log_error("NUCLEUS-LEDGER-FORGET", "slot=%" PRIu32 " error=%s", fx->slot, err_name(e));
        }
        slot_free(s, fx->slot);
        s->has_stale_pages = true;
        rest_soon(s);
        break;
    }
    case NODE_FX_SPARE:
        spawn_spare_keep(s, fx->cell, fx->count > 0);
        break;
    case NODE_FX_DONE:
        all_done(s);
        break;
    }
}

/* ---- feeding ----------------------------------------------------------------------------------- */

static enum err step(struct shell *s, const struct node_event *ev)
{
    enum err e = node_step(s->node, ev, &s->fx);

    if (e != ERR_OK) {
        log_warn("NUCLEUS-REFUSED", "event=%s slot=%" PRIu32 " error=%s", node_event_name(ev->kind),
                 ev->slot, err_name(e));
        return e;
    }
    s->fx_used = s->fx.count > s->fx_used ? s->fx.count : s->fx_used;
    /* Performing may queue events, never step: the list stays as it is. */
    for (size_t i = 0; i < s->fx.count; i++) {
        perform(s, &s->fx.item[i]);
    }
    return ERR_OK;
}

static enum err enqueue(struct shell *s, const struct node_event *ev)
{
    if (s->queue_count == s->queue_room) {
        size_t room = s->queue_room == 0 ? 64 : s->queue_room * 2;
        struct shell_queue *grown = calloc(room, sizeof *grown);
        if (grown == NULL) {
            log_error("NUCLEUS-NOMEM", "event=%s action=lost", node_event_name(ev->kind));
            return ERR_NOMEM;
        }
        for (size_t i = 0; i < s->queue_count; i++) {
            grown[i] = s->queue[(s->queue_first + i) % s->queue_room];
        }
        free(s->queue);
        s->queue = grown;
        s->queue_first = 0;
        s->queue_room = room;
    }
    struct shell_queue *q = &s->queue[(s->queue_first + s->queue_count++) % s->queue_room];
    q->event = *ev;
    (void)snprintf(q->text, sizeof q->text, "%s", ev->text != NULL ? ev->text : "");
    return ERR_OK;
}

/* A step that concerned the whole node used room for all of it; the next ones concern one. What is
 * only reserved for the worst case was never touched and costs nothing. */
static void give_back(struct shell *s)
{
    enum {
        USED_KEPT = 64
    };
    if (s->fx_used <= USED_KEPT && s->queue_room <= USED_KEPT) {
        return;
    }
    s->fx_used = 0;
    node_effects_fini(&s->fx);
    s->fx = (struct node_effects){0};
    free(s->queue);
    s->queue = NULL;
    s->queue_room = s->queue_first = 0;
    rest_after_change(s);
}

enum err shell_feed(struct shell *s, const struct node_event *ev)
{
    struct node_event now = *ev;

    now.now_ms = loop_now_ms();
    if (s->is_feeding) {
        return enqueue(s, &now);
    }
    s->is_feeding = true;
    enum err e = step(s, &now);
    while (s->queue_count > 0) {
        struct shell_queue q = s->queue[s->queue_first];
        s->queue_first = (s->queue_first + 1) % s->queue_room;
        s->queue_count--;
        q.event.text = q.text;
        (void)step(s, &q.event); /* logged there */
    }
    s->is_feeding = false;
    demand_look(s);
    give_back(s);
    arm_clock(s);
    return e;
}

/* ---- the manifest ------------------------------------------------------------------------------ */

static enum err check_paths(const struct shell *s, const struct manifest *m, const char *file,
                            char why[MANIFEST_WHY_SIZE])
{
    for (size_t i = 0; i < m->cell_count; i++) {
        const struct manifest_cell *c = &m->cells[i];
        size_t len = strlen(s->run_dir) + strlen(c->space) + strlen(c->name) +
                     sizeof "//.9999.sock";
        if (len > SP_PATH_MAX) {
            (void)snprintf(why, MANIFEST_WHY_SIZE,
                           "%.64s:%" PRIu32 ": cells[%zu].name: its socket's path would have %zu "
                           "characters, at most %d are possible; use a shorter name or --run "
                           "directory", file, c->line, i, len, SP_PATH_MAX);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

/* A node has one name: in a cluster, that of its identity. */
static enum err settle_name(const struct shell *s, struct manifest *m, const char *file, char why[MANIFEST_WHY_SIZE])
{
    char own[NAME_SIZE];

    if (keys_node_name(s->state_dir, own) != ERR_OK) {
        return ERR_OK; /* in no cluster; or damaged, which the cells that need it are told */
    }
    if (m->has_node && strcmp(m->node, own) != 0) {
        (void)snprintf(why, MANIFEST_WHY_SIZE, "%.64s: node: \"%s\" is not who this node is in its cluster, \"%s\"; "
                       "leave the field out", file, m->node, own);
        return ERR_INVALID;
    }
    memcpy(m->node, own, sizeof own);
    return ERR_OK;
}

enum err shell_parse(struct shell *s, const char *text, size_t size, const char *path,
                     struct manifest *ret, char why[MANIFEST_WHY_SIZE])
{
    struct manifest m;
    enum err e = yaml_manifest_parse(text, size, path, &m, why);

    if (e != ERR_OK) {
        return e;
    }
    bool is_successor = s->is_recovery && !s->has_started; /* its node runs already: what is wrong is said */
    e = yaml_manifest_find_binaries(&m, s->dirs, s->dir_count, path, why);
    if (e == ERR_NOT_FOUND && is_successor) {
        log_error("NUCLEUS-BINARY-GONE", "why=\"%s\" action=going-on", why);
        yaml_manifest_find_some(&m, s->dirs, s->dir_count);
        e = ERR_OK;
    }
    if (e == ERR_OK) {
        e = settle_name(s, &m, path, why);
        if (e != ERR_OK && is_successor) {
            log_error("NUCLEUS-NAME", "why=\"%s\" action=going-on", why);
            e = ERR_OK;
        }
    }
    if (e == ERR_OK) {
        const char *const roots[] = {s->run_dir, s->state_dir};
        e = yaml_manifest_check_roots(&m, roots, ARRAY_LEN(roots), path, why);
    }
    if (e == ERR_OK) {
        e = check_paths(s, &m, path, why);
    }
    if (e != ERR_OK) {
        manifest_fini(&m);
        return e;
    }
    *ret = m;
    return ERR_OK;
}

static enum err prepare_dirs(struct shell *s, const struct manifest *m, char *why)
{
    memset(s->prepared, 0, sizeof s->prepared);
    if (s->has_doors && !s->has_started) {
        return ERR_OK; /* our predecessor's work stands; spawn_instance looks again at what it needs */
    }
    for (size_t i = 0; i < m->cell_count; i++) {
        enum err e = publish_prepare(s, &m->cells[i]);
        s->prepared[i] = e == ERR_OK;
        if (e != ERR_OK) {
            (void)snprintf(why, MANIFEST_WHY_SIZE, "directories of cell %s: %s", m->cells[i].name,
                           err_text(e));
            return e;
        }
    }
    return ERR_OK;
}

/* Make `next` the manifest in force; takes it over whatever happens. */
static enum err enforce(struct shell *s, struct manifest *next, char why[MANIFEST_WHY_SIZE])
{
    struct manifest before = s->manifest;
    struct node_event ev = {.kind = NODE_EV_MANIFEST, .manifest = next};

    s->manifest = *next;
    ev.manifest = &s->manifest;
    enum err e = shell_feed(s, &ev);
    if (e != ERR_OK) {
        s->manifest = before;
        manifest_fini(next);
        (void)snprintf(why, MANIFEST_WHY_SIZE, "refused: %s", err_text(e));
        return e;
    }
    for (uint32_t i = 0; i < before.cell_count; i++) {
        /* Twins of the earlier entries: the core asks anew for those it wants. */
        if (s->spares[i] != NULL && (i >= s->manifest.cell_count ||
                                     s->spares[i]->hash != s->manifest.cells[i].hash)) {
            spawn_spare_end(s, i);
        }
    }
    manifest_fini(&before);
    junction_regrant(s);
    return ERR_OK;
}

/* Put `text` in force. is_stored: it comes from the ledger. */
static enum err put_in_force(struct shell *s, const char *text, size_t size, const char *path,
                             bool is_stored, char why[MANIFEST_WHY_SIZE])
{
    struct manifest next;
    enum err e = shell_parse(s, text, size, path, &next, why);

    if (e != ERR_OK) {
        return e;
    }
    e = prepare_dirs(s, &next, why);
    if (e == ERR_OK && !is_stored) {
        /* Stored first: a nucleus that dies now is followed by one that wants the new state. */
        e = ledger_put_manifest(&s->ledger, path, text, size);
        if (e != ERR_OK) {
            (void)snprintf(why, MANIFEST_WHY_SIZE, "the manifest cannot be stored: %s",
                           err_text(e));
        }
    }
    if (e != ERR_OK) {
        manifest_fini(&next);
        return e;
    }
    return enforce(s, &next, why);
}

enum err shell_apply(struct shell *s, const char *text, size_t size, const char *path,
                     char why[MANIFEST_WHY_SIZE])
{
    return put_in_force(s, text, size, path, false, why);
}

static enum err load_manifest(struct shell *s)
{
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *path = NULL;
    char why[MANIFEST_WHY_SIZE] = "";
    size_t size;
    enum err e = ERR_NOT_FOUND;

    if (s->is_recovery) {
        e = ledger_get_manifest(&s->ledger, &path, &text, &size);
    }
    if (e != ERR_OK) {
        e = fd_read_file(AT_FDCWD, s->manifest_path, MANIFEST_BYTES_MAX, &text, &size);
        if (e != ERR_OK) {
            (void)fprintf(stderr, "cell-nucleus: %s: %s\n", s->manifest_path, err_text(e));
            return e;
        }
    }
    if (path != NULL) {
        (void)snprintf(s->manifest_path, sizeof s->manifest_path, "%s", path);
    }
    e = put_in_force(s, text, size, s->manifest_path, path != NULL, why);
    if (e != ERR_OK) {
        (void)fprintf(stderr, "cell-nucleus: %s\n", why);
        return e;
    }
    if (s->is_recovery) {
        sockets_adopt(s);
        tuns_adopt(s);
    }
    return ERR_OK;
}

/* ---- phases ------------------------------------------------------------------------------------ */

/* The user `cell`, which the package makes. Read from the file, not through the name service: its
 * libraries would stay in memory for this one question (300 kB and 2 ms of each start). */
static void choose_user(struct shell *s)
{
    FILE *users;
    const struct passwd *user = NULL;

    s->uid = getuid();
    s->gid = getgid();
    if (s->uid != 0) {
        return;
    }
    s->uid = s->gid = SHELL_UID;
    users = fopen("/etc/passwd", "re");
    while (users != NULL && (user = fgetpwent(users)) != NULL) {
        if (strcmp(user->pw_name, "cell") == 0) {
            s->uid = user->pw_uid;
            s->gid = user->pw_gid;
            break;
        }
    }
    if (users != NULL) {
        (void)fclose(users);
    }
}

/* Every cell needs about six descriptors here; the default soft limit of 1024 is for select(2). */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            log_warn("NUCLEUS-FILES", "soft=%" PRIu64 " action=fewer-cells-fit",
                     (uint64_t)limit.rlim_cur);
        }
    }
}

static enum err open_ledger(struct shell *s)
{
    char dir[SHELL_PATH_SIZE + 16];
    const char *why;

    (void)snprintf(dir, sizeof dir, "%s/nucleus", s->run_dir);
    if (!s->is_recovery) {
        recover_end_left(dir);
    }
    enum err e = ledger_open(&s->ledger, dir, !s->is_recovery, &why);
    if (e != ERR_OK) {
        (void)fprintf(stderr, "cell-nucleus: %s: %s\n", dir, err_text(e));
    } else if (why[0] != '\0' && s->is_recovery) {
        log_error("NUCLEUS-LEDGER-NEW", "why=\"%s\" action=running-cells-are-ended-and-restarted",
                  why);
    }
    if (e == ERR_OK) {
        version_open(s->ledger.dir_fd);
    }
    return e;
}

enum err shell_open(struct cell *cell, void *state)
{
    struct shell *s = state;
    char why[MANIFEST_WHY_SIZE] = "";

    s->cell = cell;
    s->guard_fd = GUARD_REPORT_FD;
    s->lock_fd = GUARD_LOCK_FD;
    s->guard_pid = getppid();
    s->gap_listen_fd = s->logs_fd = s->pages_fd = -1;
    for (int i = 0; i < GUARD_DOORS; i++) {
        s->door_fd[i] = -1;
    }
    s->ledger = (struct ledger){.fd = -1, .dir_fd = -1};
    s->clock_ms = UINT64_MAX;
    s->is_recovery = args.is_recovery;
    s->dir_count = args.dir_count;
    memcpy(s->dirs, args.dirs, sizeof s->dirs);
    (void)snprintf(s->run_dir, sizeof s->run_dir, "%s", args.run);
    (void)snprintf(s->state_dir, sizeof s->state_dir, "%s", args.state);
    (void)snprintf(s->manifest_path, sizeof s->manifest_path, "%s", args.manifest);
    if (sodium_init() < 0) {
        return ERR_IO;
    }
    raise_file_limit();
    choose_user(s);
    enum err e = spawn_open(s, why);
    if (e != ERR_OK) {
        (void)fprintf(stderr, "cell-nucleus: cells cannot be sandboxed here: %s\n", why);
        return e;
    }
    e = open_ledger(s);
    if (e != ERR_OK) {
        return e;
    }
    e = events_open(s);
    return e == ERR_OK ? publish_open(s) : e;
}

enum err shell_start(struct cell *cell, void *state)
{
    struct shell *s = state;

    s->clock = loop_timer_new(host_loop(cell), UINT32_MAX, 0, on_clock, s);
    if (s->clock == NULL || rest_open(s) != ERR_OK) {
        return ERR_NOMEM;
    }
    logs_open(s);
    journal_open(s, args.journal != NULL ? args.journal : JOURNAL_SOCKET);
    enum err e = exits_open(s);
    if (e == ERR_OK) {
        e = mounts_open(s);
    }
    if (e == ERR_OK) {
        e = junction_open(s);
    }
    if (e == ERR_OK) {
        e = recover_adopt(s); /* makes s->node */
    }
    if (e == ERR_OK) {
        e = load_manifest(s);
    }
    if (e == ERR_OK) {
        rekey_begin(s);
        events_add(s, "", "", 0, s->is_recovery ? "recover" : "up", "nucleus %" PRIu64 " pid %d",
                   s->ledger.starts, (int)getpid());
        exits_tell_guard(s, GUARD_SERVING);
        if (!s->has_doors && exits_keep_doors(s, s->door_fd) != ERR_OK) {
            log_warn("NUCLEUS-DOORS-UNKEPT", "action=a-successor-makes-its-own");
        }
        s->has_started = true;
    }
    return e;
}

void shell_drain(void *state)
{
    struct shell *s = state;
    struct node_event ev = {.kind = NODE_EV_DOWN};

    if (s->node == NULL || s->is_down) {
        return; /* nothing runs, or all has ended: the loop is about to */
    }
    exits_tell_guard(s, GUARD_ENDING);
    enum err e = ledger_put_down(&s->ledger);
    if (e == ERR_OK) {
        e = shell_feed(s, &ev);
    }
    if (e != ERR_OK) {
        log_error("NUCLEUS-DOWN-FAILED", "error=%s", err_name(e));
    }
}

void shell_stop(void *state)
{
    struct shell *s = state;

    spawn_spare_close(s);
    for (uint32_t i = 0; i < NODE_INSTANCES_MAX; i++) {
        slot_free(s, i);
    }
    loop_timer_free(s->clock);
    rest_close(s);
    junction_close(s);
    logs_close(s);
    journal_close();
    exits_close(s);
    mounts_close(s);
    demand_close(s);
    rekey_end(s);
    events_close(s);
    sockets_close(s);
    tuns_close(s);
    shields_leave(s);
    if (s->is_down || (!s->has_started && !s->is_recovery)) { /* refused: nothing of ours runs */
        publish_sweep(s);
        cgroup_close();
    }
    node_free(s->node);
    node_effects_fini(&s->fx);
    manifest_fini(&s->manifest);
    ledger_close(&s->ledger);
    free(s->queue);
}
