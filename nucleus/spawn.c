/* Starting processes: the jail around them, the junction to them, the Genesis they wait for. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/run/counters.h"
#include "common/run/fd.h"
#include "common/run/jail.h"
#include "nucleus/cgroup.h"
#include "nucleus/exits.h"
#include "nucleus/junction.h"
#include "nucleus/logs.h"
#include "nucleus/look.h"
#include "nucleus/pages.h"
#include "nucleus/publish.h"
#include "nucleus/version.h"
#include "nucleus/spawn.h"
#include "nucleus/spawn_room.h"

enum err spawn_open(struct shell *s, char why[MANIFEST_WHY_SIZE])
{
    char missing[JAIL_WHY_SIZE] = "";
    char dir[SHELL_PATH_SIZE + 16];
    /* Not by a successor: the host had everything when this node began, a program is jailed whole or
     * not started at all, and the probe would be a fifth of the time until the cells are owned. */
    enum err e = s->is_recovery ? ERR_OK : jail_probe(missing);

    (void)snprintf(why, MANIFEST_WHY_SIZE, "%s", missing);
    if (e != ERR_OK) {
        return e;
    }
    (void)snprintf(dir, sizeof dir, "%s/root", s->run_dir);
    cgroup_open(s->run_dir);
    return fd_make_dirs(dir, 0711);
}

/* ---- directories as the host and as the cell sees them ------------------------------------------ */

enum {
    PLACE_SIZE = SHELL_PATH_SIZE + 2 * NAME_SIZE + 32
};

struct places {
    char doors[PLACE_SIZE];
    char bind[PLACE_SIZE];
    char state[PLACE_SIZE];
};

static void find_places(const struct shell *s, const struct spawn_birth *b, struct places *ret)
{
    const struct manifest_cell *c = b->cell;

    (void)snprintf(ret->doors, sizeof ret->doors, "%s/doors/%s.%s", s->run_dir, c->space, c->name);
    (void)snprintf(ret->bind, sizeof ret->bind, "%s/bind/%s.%s", s->run_dir, c->space, c->name);
    if (c->spare) {
        /* Any instance may become this process: it sees its cell's states, its seal narrows it. */
        (void)snprintf(ret->state, sizeof ret->state, "%s/cells/%s.%s", s->state_dir, c->space,
                       c->name);
    } else {
        (void)snprintf(ret->state, sizeof ret->state, "%s/cells/%s.%s/%" PRIu32, s->state_dir,
                       c->space, c->name, b->instance);
    }
}

static bool writes_state(const struct manifest_cell *c)
{
    for (size_t i = 0; i < c->sandbox.write_count; i++) {
        if (c->sandbox.write[i].is_state) {
            return true;
        }
    }
    return false;
}

_Static_assert(2 * MANIFEST_PATHS_MAX + 3 <= JAIL_PATHS_MAX, "a manifest may grant more paths than fit");

static size_t list_paths(const struct manifest_cell *c, const struct places *at,
                         struct jail_path *path)
{
    size_t count = 0;

    path[count++] = (struct jail_path){.outside = at->doors, .inside = SHELL_JAIL_RUN};
    path[count++] = (struct jail_path){.outside = at->bind, .inside = SHELL_JAIL_BIND,
                                       .writable = true};
    if (writes_state(c)) {
        path[count++] = (struct jail_path){.outside = at->state, .inside = SHELL_JAIL_STATE,
                                           .writable = true};
    }
    for (size_t i = 0; i < c->sandbox.read_count && count < JAIL_PATHS_MAX; i++) {
        const char *p = c->sandbox.read[i].path;
        path[count++] = (struct jail_path){.outside = p, .inside = p};
    }
    for (size_t i = 0; i < c->sandbox.write_count && count < JAIL_PATHS_MAX; i++) {
        const char *p = c->sandbox.write[i].path;
        if (!c->sandbox.write[i].is_state) {
            path[count++] = (struct jail_path){.outside = p, .inside = p, .writable = true};
        }
    }
    return count;
}

/* ---- the process ------------------------------------------------------------------------------- */

static enum err start_process(struct shell *s, struct spawn_birth *b, int log_fd, int cell_fd,
                              char why[JAIL_WHY_SIZE])
{
    const struct manifest_cell *c = b->cell;
    struct jail_path path[JAIL_PATHS_MAX];
    struct places at;
    char title[4 * NAME_SIZE];
    char root[SHELL_PATH_SIZE + 16];
    const char *slash = strrchr(c->exec, '/');
    const char *argv[] = {title, NULL};

    find_places(s, b, &at);
    (void)snprintf(root, sizeof root, "%s/root", s->run_dir);
    if (b->is_spare) {
        (void)snprintf(title, sizeof title, "%.64s: %s/%s spare", slash != NULL ? slash + 1 : c->exec,
                       c->space, c->name);
    } else {
        (void)snprintf(title, sizeof title, "%.64s: %s/%s.%" PRIu32,
                       slash != NULL ? slash + 1 : c->exec, c->space, c->name, b->instance);
    }
    struct jail_spec spec = {
        .exec = c->exec,
        .argv = argv,
        .uid = s->uid,
        .gid = s->gid,
        .paths = path,
        .path_count = list_paths(c, &at, path),
        .network = c->sandbox.network,
        .confined = !c->sandbox.none,
        /* A control group counts what is used; without one the address space is bounded. */
        .memory_bytes = cgroup_has_memory() ? 0 : c->limits.memory_bytes,
        .files = c->limits.files,
        /* Bounds what a process that takes no new log file can write; one with state of its own
         * cannot have the limit, it would bound its data too. */
        .log_bytes = c->sandbox.write_count == 0 ? c->limits.log_bytes * c->limits.log_files : 0,
        .gap_fd = cell_fd,
        .log_fd = log_fd,
        .groups = b->seat.group,
        .group_count = b->seat.group_count,
        .root_dir = root,
    };
    return jail_start(&spec, &b->started, why);
}

static enum err open_pair(int *ret_ours, int *ret_theirs)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return err_from_errno(errno);
    }
    *ret_ours = pair[0];
    *ret_theirs = pair[1];
    return ERR_OK;
}

/* Limits that a control group keeps: a group for it to be born in. */
static enum err take_seat(struct spawn_birth *b, char why[JAIL_WHY_SIZE])
{
    const struct manifest_cell *c = b->cell;
    char label[CGROUP_NAME_SIZE];
    uint64_t memory_bytes = cgroup_has_memory() ? c->limits.memory_bytes : 0;
    double cpu = cgroup_has_cpu() ? c->limits.cpu : 0;

    if (c->limits.cpu > 0 && !cgroup_has_cpu()) {
        log_warn("NUCLEUS-CPU-LIMIT", "cell=%s/%s why=\"no writable cpu control group on this host\" "
                 "action=runs-without-it", c->space, c->name);
    }
    if (b->is_spare) {
        (void)snprintf(label, sizeof label, "%s.%s.spare", c->space, c->name);
    } else {
        (void)snprintf(label, sizeof label, "%s.%s.%" PRIu32, c->space, c->name, b->instance);
    }
    enum err e = cgroup_make(label, memory_bytes, cpu, &b->seat);
    if (e != ERR_OK) {
        (void)snprintf(why, JAIL_WHY_SIZE, "its control group: %s", err_text(e));
    }
    return e;
}

/* Start the process in a group of its own. */
static enum err start_limited(struct shell *s, struct spawn_birth *b, int log_fd, int cell_fd,
                              char why[JAIL_WHY_SIZE])
{
    enum err e = take_seat(b, why);

    if (e != ERR_OK) {
        return e;
    }
    if (version_look(b->cell, &b->program) != ERR_OK) {
        b->program = (struct version_file){0}; /* no file: the start will say why */
    }
    e = start_process(s, b, log_fd, cell_fd, why);
    cgroup_seat_close(&b->seat);
    if (e != ERR_OK) {
        cgroup_remove(b->seat.name);
    }
    return e;
}

enum err spawn_bear(struct shell *s, struct spawn_birth *b, char why[JAIL_WHY_SIZE])
{
    AUTO_FD int log_fd = -1;
    AUTO_FD int ours = -1;
    AUTO_FD int theirs = -1;

    enum err e = writes_state(b->cell) ? publish_prepare_state(s, b->cell, b->instance) : ERR_OK;
    if (e != ERR_OK) {
        (void)snprintf(why, JAIL_WHY_SIZE, "its state directory: %s", e == ERR_DENIED ? "read-only, or another user's" : err_text(e));
    } else {
        (void)snprintf(why, JAIL_WHY_SIZE, "its log file or junction cannot be opened");
        e = logs_open_file(s, b->cell->space, b->cell->name, b->instance, &log_fd);
    }
    if (e == ERR_OK) {
        off_t end = lseek(log_fd, 0, SEEK_END);
        b->log_from = end > 0 ? (uint64_t)end : 0;
        e = open_pair(&ours, &theirs);
    }
    if (e == ERR_OK) {
        e = start_limited(s, b, log_fd, theirs, why);
    }
    if (e == ERR_OK) {
        b->gap_fd = fd_take(&ours);
    }
    return e;
}

/* ---- Genesis ----------------------------------------------------------------------------------- */

_Static_assert((int)MANIFEST_PATHS_MAX <= (int)GAP_PATHS_MAX &&
                   (int)MANIFEST_PATH_MAX <= (int)GAP_PATH_SIZE,
               "Genesis carries every path a manifest may grant");

/* What the manifest grants, as the cell sees it: every path is in the jail where it is outside. All
 * of them together fit, with the longest config, into one message: the jail has refused more than
 * JAIL_TEXT_MAX bytes of them. */
static void fill_paths(const struct manifest_cell *c, char *path[2 * MANIFEST_PATHS_MAX],
                       Cell__Gap__Genesis *g)
{
    g->read = path;
    for (size_t i = 0; i < c->sandbox.read_count; i++) {
        g->read[g->n_read++] = c->sandbox.read[i].path;
    }
    g->write = path + g->n_read;
    for (size_t i = 0; i < c->sandbox.write_count; i++) {
        if (!c->sandbox.write[i].is_state) {
            g->write[g->n_write++] = c->sandbox.write[i].path;
        }
    }
}

enum {
    GENESIS_DESCRIPTORS = 1 + KEYS_GRANT_MAX + MANIFEST_LISTEN_MAX + MANIFEST_TUN_MAX + 1, /* and the page of counters */
};
_Static_assert((int)GENESIS_DESCRIPTORS <= (int)GAP_DESCRIPTORS_MAX && (int)MANIFEST_TUN_MAX <= (int)GAP_INTERFACES_MAX,
               "one message carries all of them");

/* What rides along, borrowed. */
struct descriptors {
    char *name[GENESIS_DESCRIPTORS];
    int fd[GENESIS_DESCRIPTORS];
    size_t count;
};

static void add_descriptor(struct descriptors *d, const char *name, int fd)
{
    d->name[d->count] = (char *)name;
    d->fd[d->count++] = fd;
}

/* page: of counters; -1: it counts nowhere. */
static void fill_descriptors(const struct spawn_birth *b, int page, struct descriptors *d)
{
    d->count = 0;
    if (page >= 0) {
        add_descriptor(d, COUNTERS_DESCRIPTOR, page);
    }
    for (size_t i = 0; i < b->keys.count; i++) {
        add_descriptor(d, b->keys.name[i], b->keys.fd[i]);
    }
    for (size_t i = 0; i < b->sockets.count; i++) {
        add_descriptor(d, b->sockets.name[i], b->sockets.fd[i]);
    }
    for (size_t i = 0; i < b->tuns.count; i++) {
        add_descriptor(d, b->tuns.name[i], b->tuns.fd[i]);
    }
    if (b->shield.fd >= 0) {
        add_descriptor(d, b->shield.name, b->shield.fd);
    }
    if (b->addresses >= 0 && d->count < GENESIS_DESCRIPTORS) { /* else it tells others less of where it is */
        add_descriptor(d, "addresses", b->addresses);
    }
}

/* Which addresses the interfaces have that are handed over. */
struct interfaces {
    Cell__Gap__Interface one[MANIFEST_TUN_MAX], *all[MANIFEST_TUN_MAX];
    ProtobufCBinaryData address[MANIFEST_TUN_MAX][MANIFEST_TUN_ADDRESSES_MAX];
};

static void fill_interfaces(const struct tuns_grant *t, struct interfaces *f, Cell__Gap__Genesis *g)
{
    for (size_t i = 0; i < t->count; i++) {
        cell__gap__interface__init(&f->one[i]);
        f->one[i].descriptor = (char *)t->name[i];
        f->one[i].addresses = f->address[i];
        f->one[i].n_addresses = t->at[i].count;
        for (size_t n = 0; n < t->at[i].count; n++) {
            f->address[i][n] = (ProtobufCBinaryData){.len = t->at[i].size[n], .data = (uint8_t *)t->at[i].bytes[n]};
        }
        f->all[i] = &f->one[i];
    }
    g->interfaces = f->all;
    g->n_interfaces = t->count;
}

static enum err say_genesis(struct shell_slot *slot, const struct spawn_birth *b)
{
    struct shell *s = slot->shell;
    const struct manifest_cell *c = b->cell;
    Cell__Gap__Genesis g = CELL__GAP__GENESIS__INIT;
    Cell__Gap__Limits limits = CELL__GAP__LIMITS__INIT;
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
    struct places at;
    char state[PLACE_SIZE + 16] = "";
    char *paths[2 * MANIFEST_PATHS_MAX];
    struct descriptors d;
    struct interfaces interfaces;
    Cell__Gap__CallerGrant **grants = NULL;
    size_t grant_count = 0;

    find_places(s, b, &at);
    enum err e = junction_grants(s, (uint32_t)(c - s->manifest.cells), &grants, &grant_count);
    if (e != ERR_OK) {
        return e;
    }
    if (writes_state(c)) {
        const char *base = c->sandbox.none ? at.state : SHELL_JAIL_STATE;
        if (c->spare) {
            (void)snprintf(state, sizeof state, "%s/%" PRIu32, base, b->instance);
        } else {
            (void)snprintf(state, sizeof state, "%s", base);
        }
    }
    limits.memory_bytes = c->limits.memory_bytes;
    limits.files = c->limits.files;
    limits.message_bytes = c->limits.message_bytes;
    limits.calls_waiting = c->limits.calls_waiting;
    g.cell = (char *)c->name;
    g.namespace_ = (char *)c->space;
    g.instance = b->instance;
    g.generation = slot->generation;
    g.node = s->manifest.node;
    g.run_dir = c->sandbox.none ? at.doors : (char *)SHELL_JAIL_RUN;
    g.bind_dir = c->sandbox.none ? at.bind : (char *)SHELL_JAIL_BIND;
    g.state_dir = state;
    g.log_level = (char *)log_level_name(log_get_level());
    g.config = c->config != NULL ? c->config : (char *)"";
    g.labels = c->labels != NULL ? c->labels : (char *)"";
    g.token.data = slot->process.token;
    g.token.len = LEDGER_TOKEN_LEN;
    g.limits = &limits;
    g.callers = grants;
    g.n_callers = grant_count;
    g.heartbeat_ms = c->heartbeat.every_ms;
    g.heartbeat_misses = c->heartbeat.dead_after;
    g.rejoin_grace_ms = SHELL_REJOIN_GRACE_MS;
    g.network = c->sandbox.network;
    fill_paths(c, paths, &g);
    AUTO_FD int page = pages_make(s, c, b->instance, slot->generation);
    fill_descriptors(b, page, &d);
    g.descriptors = d.name;
    g.n_descriptors = d.count;
    fill_interfaces(&b->tuns, &interfaces, &g);
    message.what_case = CELL__GAP__TO_CELL__WHAT_GENESIS;
    message.genesis = &g;
    e = junction_say(slot, &message, d.fd, d.count);
    junction_free_grants(grants, grant_count);
    return e;
}

/* ---- one instance ------------------------------------------------------------------------------ */

static void refuse(struct shell *s, uint32_t slot, uint64_t generation, const char *why)
{
    struct node_event ev = {.kind = NODE_EV_SPAWN_FAILED, .slot = slot, .generation = generation,
                            .text = why};

    log_error("NUCLEUS-SPAWN", "slot=%" PRIu32 " why=\"%s\"", slot, why);
    (void)shell_feed(s, &ev);
}

/* The record with the pid is written before the process learns who it is: a nucleus that dies in
 * between leaves a process that nobody knows and that knows nothing, which ends by itself. */
static enum err record_process(struct shell *s, struct shell_slot *slot, uint64_t start_ticks)
{
    struct ledger_record record = {.instance = *node_at(s->node, slot->slot)};
    uint64_t ticks = start_ticks;
    char state;

    enum err e = ticks != 0 ? ERR_OK : look_start_ticks(slot->process.pid, &ticks, &state);
    slot->process.start_ticks = ticks;
    if (e == ERR_OK) {
        record.process = slot->process;
        record.instance.is_alive = true;
        e = ledger_put(&s->ledger, slot->slot, &record);
        explicit_bzero(&record.process, sizeof record.process);
    }
    return e;
}

static void feed_kind(struct shell *s, const struct shell_slot *slot, enum node_event_kind kind)
{
    struct node_event ev = {.kind = kind, .slot = slot->slot, .generation = slot->generation,
                            .text = ""};

    (void)shell_feed(s, &ev);
}

/* Asked while the process starts: hashing a program that is new takes some milliseconds. 0, and so
 * outdated, when the program was replaced or removed meanwhile. */
uint64_t spawn_version(const struct spawn_birth *b)
{
    uint64_t version;

    return version_now(b->cell, &b->program, &version) == ERR_OK ? version : 0;
}

static void begin_life(struct shell *s, struct shell_slot *slot, struct spawn_birth *b)
{
    const struct manifest_cell *c = b->cell;

    slot->process.pid = b->started.pid;
    slot->process.jail_us = b->started.jail_us;
    slot->process.spawned_us = loop_now_us() - b->started.jail_us;
    slot->process.ready_us = 0;
    slot->process.version = b->version != 0 ? b->version : spawn_version(b);
    slot->pidfd = b->started.pidfd;
    slot->is_child = true;
    slot->has_report = false;
    slot->log_from = b->log_from;
    slot->exit_tries = 0;
    slot->cpu_us = slot->cpu_at_us = 0;
    memcpy(slot->group, b->seat.name, sizeof slot->group);
    randombytes_buf(slot->process.token, LEDGER_TOKEN_LEN);
    enum err e = exits_watch(slot); /* first: whatever else fails, its end will be noticed */
    if (e == ERR_OK) {
        e = record_process(s, slot, b->start_ticks);
    }
    feed_kind(s, slot, NODE_EV_SPAWNED);
    if (e == ERR_OK) {
        e = junction_begin(slot, b->gap_fd, GAP_NEW);
    } else {
        fd_close(&b->gap_fd);
    }
    if (e == ERR_OK && !c->trivial) {
        e = say_genesis(slot, b);
    }
    if (e != ERR_OK) {
        /* It ended already (the pidfd tells), or we lack memory: then it must not linger. */
        log_error("NUCLEUS-GENESIS", "cell=%s/%s.%" PRIu32 " error=%s action=killed", c->space,
                  c->name, b->instance, err_name(e));
        exits_signal(slot, SIGKILL);
        return;
    }
}

/* A twin logs to its cell's instance 0 until it is somebody: give it the file of who it became. */
static void hand_log(struct shell *s, struct shell_slot *slot, const struct spawn_birth *b)
{
    Cell__Gap__LogFile file = CELL__GAP__LOG_FILE__INIT;
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
    AUTO_FD int fd = -1;

    message.what_case = CELL__GAP__TO_CELL__WHAT_LOG_FILE;
    message.log_file = &file;
    if (logs_open_file(s, b->cell->space, b->cell->name, b->instance, &fd) != ERR_OK ||
        junction_say(slot, &message, &fd, 1) != ERR_OK) {
        log_warn("NUCLEUS-SPARE-LOG", "cell=%s/%s.%" PRIu32 " action=logs-to-instance-0",
                 b->cell->space, b->cell->name, b->instance);
    }
}

void spawn_instance(struct shell *s, uint32_t index, uint64_t generation)
{
    struct shell_slot *slot = s->slots[index];
    const struct node_instance *i = node_at(s->node, index);
    char why[JAIL_WHY_SIZE] = "";

    if (i == NULL || i->cell >= s->manifest.cell_count) {
        refuse(s, index, generation, "the cell is no longer in the manifest");
        return;
    }
    struct spawn_birth b = {.cell = &s->manifest.cells[i->cell], .instance = i->instance, .gap_fd = -1, .shield = {.fd = -1}, .addresses = -1};
    slot->generation = generation;
    if (!s->prepared[i->cell] && publish_prepare(s, b.cell) != ERR_OK) {
        refuse(s, index, generation, "its directories cannot be made");
        return;
    }
    s->prepared[i->cell] = true;
    /* First: without them it would start for nothing, and a twin is worth keeping for later. */
    if (keys_open(s->state_dir, b.cell->sandbox.keys, &b.keys, why) != ERR_OK ||
        sockets_open(s, b.cell, b.instance, &b.sockets, why) != ERR_OK ||
        tuns_open(s, b.cell, b.instance, &b.tuns, why) != ERR_OK) {
        keys_close(&b.keys);
        refuse(s, index, generation, why);
        return;
    }
    bool is_twin = spawn_spare_take(s, &b, i->cell);
    if (!is_twin && spawn_bear(s, &b, why) != ERR_OK) {
        keys_close(&b.keys);
        refuse(s, index, generation, why);
        return;
    }
    b.addresses = sockets_addresses(b.cell);
    shields_open(slot, b.cell, &b.sockets, &b.shield); /* last: it never fails, and is for a cell that is there */
    begin_life(s, slot, &b);
    keys_close(&b.keys);
    shields_close(&b.shield);
    fd_close(&b.addresses);
    if (is_twin && slot->gap_fd >= 0) {
        hand_log(s, slot, &b);
    }
}
