#include "tests/sim/raft/tenant.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "raft/le.h"
#include "tests/sim/raft/check.h"

enum {
    INDEXES = 24000,       /* entries of a world at most */
    TERMS = 20000,
    ENTRY_MOST = 90,       /* bytes of a proposal */
    VALUE_MOST = 30,
    KEYS = 40,             /* of proposals */
    COMPACT_EVERY = 60,    /* proposals … */
    COMPACT_BEHIND = 100,  /* … up to a revision so far back */
    LINK_LEAST_US = 200,   /* a closed socket is seen after 0.2 to 1 ms */
    LINK_MOST_US = 2000,
    REDIRECT_US = 1000,
    HOPS = 3,              /* of an order from one node to the next */
    HOP_SHIFT = 60,
    ID_BASE = 1000,
    ID_STEP = 4096,        /* between a node's ids: of each disk that it had */
};

uint8_t quorum_place(const struct world *w)
{
    return world_place(w, tenant_raft.name);
}

struct quorum_truth *quorum_truth(const struct world *w)
{
    return w->aim[quorum_place(w)];
}

struct quorum_seat *quorum_seat(const struct world *w, uint32_t node)
{
    struct quorum_seat *s = node < w->set.nodes ? w->node[node].state[quorum_place(w)] : NULL;

    return s == NULL || s->core == NULL ? NULL : s;
}

uint64_t quorum_founder(uint32_t node)
{
    return (uint64_t)ID_BASE + node;
}

uint64_t quorum_id(const struct world *w, uint32_t node)
{
    return quorum_founder(node) + (uint64_t)ID_STEP * quorum_truth(w)->incarnation[node];
}

uint32_t quorum_of(const struct world *w, uint64_t id)
{
    uint64_t node = id < ID_BASE ? WORLD_NODES_MAX : (id - ID_BASE) % ID_STEP;

    return node < w->set.nodes && quorum_id(w, (uint32_t)node) == id ? (uint32_t)node : WORLD_NODES_MAX;
}

uint64_t quorum_value(const uint8_t *bytes, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* ---- orders ------------------------------------------------------------------------------------------------ */

/* One command whose bytes nobody else has: mostly a put. Returns its size. */
static uint32_t make_command(struct world *w, struct quorum_seat *s, uint64_t now_us, uint8_t *out)
{
    uint64_t number = ++quorum_truth(w)->proposals, revision = s->machine.kv.revision;
    uint8_t key[3] = {'p', (uint8_t)('a' + number % KEYS / 10), (uint8_t)('0' + number % 10)}, value[VALUE_MOST];
    bool compacts = number % COMPACT_EVERY == 0 && revision > COMPACT_BEHIND;
    struct raft_writer writer;
    size_t size = 0;

    raft_command_begin(&writer, out + RAFT_ENTRY_HEAD, ENTRY_MOST, compacts ? RAFT_COMMAND_COMPACT : RAFT_COMMAND_PUT,
                       machine_time_ms(s, now_us), NULL);
    if (compacts) {
        raft_command_numbers(&writer, revision - COMPACT_BEHIND, 0, 0);
    } else {
        memset(value, (int)(number & 0xff), sizeof value);
        raft_le_put64(value, number);
        raft_command_put(&writer, &(struct raft_put){.key = {key, sizeof key},
                                                     .value = {value, (uint32_t)dice_between(&w->dice, DICE_TENANT, 8, VALUE_MOST)}});
    }
    if (raft_command_end(&writer, &size) != ERR_OK) {
        abort();
    }
    raft_le_put32(out, (uint32_t)size);
    out[4] = RAFT_ENTRY_COMMAND;
    return RAFT_ENTRY_HEAD + (uint32_t)size;
}

static enum err propose(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t count, uint64_t now_us,
                        struct world_effects *fx, uint64_t *ret_leader)
{
    uint32_t size = 0;
    uint64_t first;

    free(s->proposal);
    s->proposal = malloc(count * (RAFT_ENTRY_HEAD + ENTRY_MOST));
    if (s->proposal == NULL) {
        abort();
    }
    for (uint64_t i = 0; i < count; i++) {
        size += make_command(w, s, now_us, s->proposal + size);
    }
    return quorum_propose(w, node, s, now_us, (uint32_t)count, size, fx, &first, ret_leader);
}

static struct raft_event make_read(struct world *w, struct quorum_seat *s)
{
    struct quorum_truth *t = quorum_truth(w);
    struct raft_event e = {.kind = RAFT_EV_READ, .context = ++t->contexts};

    s->read_context[s->reads] = e.context;
    s->read_least[s->reads++] = t->agreed_last;
    return e;
}

/* The nodes of the set vote, whoever voted before and does not goes, disks that are lost first; who has to come up first
 * is a learner. */
static struct raft_event make_change(const struct world *w, struct quorum_seat *s, uint64_t set, struct raft_config *c)
{
    const struct raft_config *now = raft_core_view(s->core).config;

    *c = (struct raft_config){0};
    for (uint32_t i = 0; i < now->count; i++) {
        uint32_t node = quorum_of(w, now->member[i].id);
        bool stays = node < 32 && (set >> node & 1) != 0;
        struct raft_member m = {.id = now->member[i].id, .flags = RAFT_VOTER};
        bool votes = (now->member[i].flags & RAFT_VOTER) != 0;
        m.flags = !votes ? RAFT_LEARNER | RAFT_PROMOTE : stays ? RAFT_VOTER : RAFT_VOTER | RAFT_RETIRE;
        if ((votes || stays) && raft_config_put(c, &m) != ERR_OK) {
            break;
        }
    }
    for (uint32_t i = 0; i < 32 && i < w->set.nodes; i++) {
        struct raft_member m = {.id = quorum_id(w, i), .flags = RAFT_LEARNER | RAFT_PROMOTE};
        if ((set >> i & 1) != 0 && raft_config_find(now, m.id) == RAFT_MEMBERS_MAX && raft_config_put(c, &m) != ERR_OK) {
            break;
        }
    }
    return (struct raft_event){.kind = RAFT_EV_CHANGE, .config = c};
}

/* The newest snapshot's file; DISK_FILES: there is none. */
static uint32_t snapshot_file(const struct store *t)
{
    uint32_t file = DISK_FILES;

    for (uint32_t i = 0; i < DISK_FILES; i++) {
        bool is_one = t->name[i] > store_name(STORE_SNAPSHOT, 0);
        file = is_one && (file == DISK_FILES || t->name[i] > t->name[file]) ? i : file;
    }
    return file;
}

/* One bit of the log, of a snapshot, or of a copy of the vote, while the other copies are good. */
static void rot(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t argument)
{
    struct disk *d = &w->node[node].disk;
    bool is_vote = argument % 8 == 0, is_snapshot = argument % 8 == 1 || argument % 8 == 2;
    uint64_t segment = s->store.oldest + argument / 8 % (s->store.wal.segment - s->store.oldest + 1);
    uint32_t file = is_snapshot ? snapshot_file(&s->store)
                                : store_file(&s->store, is_vote ? store_name(STORE_BALLOT, 0) : store_name(STORE_SEGMENT, segment));
    static struct raft_ballot b;
    bool heal = true;

    if (file == DISK_FILES || d->file[file].kept_size == 0 || d->file[file].seen_size != d->file[file].kept_size) {
        return;
    }
    if (is_vote && (raft_ballot_read(&s->store.owner, d->file[file].kept, d->file[file].kept_size, &b, &heal) != ERR_OK || heal)) {
        return;
    }
    /* Mostly where something was written. */
    bool is_log = !is_vote && !is_snapshot;
    uint64_t size = is_log && segment == s->store.wal.segment && argument % 4 != 0 ? s->store.wal.at : d->file[file].kept_size;
    uint64_t bit = argument / 64 % (8 * size);
    d->file[file].kept[bit / 8] ^= (uint8_t)(1u << bit % 8);
    d->file[file].seen[bit / 8] ^= (uint8_t)(1u << bit % 8);
    d->rotten++;
    world_say(w, "node %" PRIu32 ": a bit of %s flips", node, is_vote ? "the vote" : is_snapshot ? "a snapshot" : "the log");
}

/* The disk with all that was on it may go when the others can do without it: all members are there, and none is on its way
 * in or out. */
static bool may_wipe(const struct world *w, const struct quorum_seat *s)
{
    const struct raft_config *c = raft_core_view(s->core).config;

    for (uint32_t i = 0; i < w->set.nodes; i++) {
        const struct quorum_seat *o = quorum_seat(w, i);
        struct raft_view v = o == NULL ? (struct raft_view){0} : raft_core_view(o->core);
        if (o == NULL || v.config_index > v.commit || v.config_index != raft_core_view(s->core).config_index) {
            return false;
        }
    }
    bool is_whole = c->count >= 3 && raft_config_votes(c, s->id);
    for (uint32_t i = 0; i < c->count; i++) {
        is_whole = is_whole && c->member[i].flags == RAFT_VOTER && quorum_of(w, c->member[i].id) < WORLD_NODES_MAX;
    }
    return is_whole;
}

static uint64_t redirect(struct world *w, uint64_t order, uint64_t leader)
{
    uint32_t to = quorum_of(w, leader);
    uint64_t hops = order >> HOP_SHIFT;

    if (to < w->set.nodes && hops < HOPS) {
        world_order(w, quorum_place(w), to, REDIRECT_US, (order & ((UINT64_C(1) << HOP_SHIFT) - 1)) | (hops + 1) << HOP_SHIFT);
    }
    return hops;
}

/* What clients do has its own ways. true: it was that. */
static bool order_of_client(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t now_us, enum quorum_order what,
                            uint32_t argument, struct world_effects *fx)
{
    if (what == QUORUM_CLIENT) {
        client_goes_on(w, node, s, argument, now_us, fx);
    } else if (what == QUORUM_WATCH) {
        client_watches(w, node, s, argument);
    } else if (what == QUORUM_LEASE) {
        client_holds(w, node, s, argument, now_us, fx);
    } else if (what == QUORUM_ROT) {
        rot(w, node, s, argument * UINT64_C(0x9e3779b97f4a7c15) >> 20);
        if (argument % 4 == 0) {
            world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_DIE}, NULL, 0); /* a start looks at all of it */
        }
    } else if (what == QUORUM_WIPE && may_wipe(w, s)) {
        quorum_truth(w)->loses_disk[node] = true;
        world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_DIE}, NULL, 0);
    } else {
        return what == QUORUM_WIPE;
    }
    return true;
}

static void order(struct world *w, uint32_t node, struct quorum_seat *s, const struct world_event *ev,
                  struct world_effects *fx)
{
    struct quorum_truth *t = quorum_truth(w);
    enum quorum_order what = ev->value & 0xff;
    uint64_t argument = (ev->value & ((UINT64_C(1) << HOP_SHIFT) - 1)) >> QUORUM_SHIFT, leader = 0;
    struct raft_event e = {.kind = RAFT_EV_CLOCK};
    static struct raft_config c;
    enum err err = ERR_OK;

    if (order_of_client(w, node, s, ev->now_us, what, (uint32_t)argument, fx)) {
        return;
    }
    switch (what) {
    case QUORUM_PROPOSE:
        err = propose(w, node, s, argument, ev->now_us, fx, &leader);
        break;
    case QUORUM_READ:
        if (s->reads == QUORUM_READS) {
            return;
        }
        e = make_read(w, s);
        t->read_asked++;
        break;
    case QUORUM_TRANSFER:
        e = (struct raft_event){.kind = RAFT_EV_TRANSFER, .peer = argument < w->set.nodes ? quorum_id(w, (uint32_t)argument) : 0};
        break;
    case QUORUM_CHANGE:
        e = make_change(w, s, argument, &c);
        break;
    case QUORUM_SNAPSHOT:
        t->snapshots += quorum_snapshot(w, node, s);
        break;
    case QUORUM_EVENT:
        e = t->event;
        break;
    case QUORUM_LINK_DOWN:
    case QUORUM_LINK_UP:
        e = (struct raft_event){.kind = RAFT_EV_LINK, .peer = quorum_id(w, (uint32_t)argument), .is_up = what == QUORUM_LINK_UP};
        break;
    case QUORUM_CLIENT:
    case QUORUM_WATCH:
    case QUORUM_LEASE:
    case QUORUM_ROT:
    case QUORUM_WIPE:
        return;
    }
    err = what == QUORUM_PROPOSE ? err : quorum_feed(w, node, s, ev->now_us, &e, fx, &leader);
    t->accepted += what == QUORUM_PROPOSE && err == ERR_OK;
    if (what == QUORUM_READ && err != ERR_OK) {
        s->reads--;
    }
    if (err == ERR_NOT_LEADER) {
        redirect(w, ev->value, leader);
    }
    if (t->result != NULL) {
        t->result(w, node, what, err);
    }
}

/* ---- steps --------------------------------------------------------------------------------------------------- */

static void packet(struct world *w, uint32_t node, struct quorum_seat *s, const struct world_event *ev,
                   struct world_effects *fx)
{
    struct raft_message m;
    uint64_t leader;
    enum err e = raft_packet_read(ev->bytes, ev->size, QUORUM_CLUSTER, s->id, &m);

    if (e == ERR_NOT_FOUND && quorum_truth(w)->incarnation[node] > 0) {
        /* For the member that had this node's last disk. */
        (void)quorum_feed(w, node, s, ev->now_us, &(struct raft_event){.kind = RAFT_EV_STRANGER, .peer = quorum_id(w, ev->from)}, fx,
                          &leader);
        return;
    }
    /* What could not be kept is as good as lost on the way: it comes again (raft/peers.c). */
    if (e == ERR_OK && m.kind == RAFT_MESSAGE_APPEND && m.run.count > 0 && !store_has_room(&s->store, m.run.size)) {
        return;
    }
    if (e == ERR_OK) {
        e = quorum_feed(w, node, s, ev->now_us, &(struct raft_event){.kind = RAFT_EV_MESSAGE, .message = &m}, fx,
                        &leader);
    }
    if (e != ERR_OK) {
        world_fail(w, "node %" PRIu32 " refuses a packet of %" PRIu32 ": %s", node, ev->from, err_name(e));
    }
}

static void tell_links(struct world *w, uint32_t node, enum quorum_order what)
{
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        if (i != node && w->node[i].is_up && !quorum_truth(w)->has_no_hints) {
            world_order(w, quorum_place(w), i, dice_between(&w->dice, DICE_TENANT, LINK_LEAST_US, LINK_MOST_US),
                        what | (uint64_t)node << QUORUM_SHIFT);
        }
    }
}

static void start(struct world *w, uint32_t node, struct quorum_seat *s, const struct world_event *ev, struct world_effects *fx)
{
    struct quorum_truth *t = quorum_truth(w);

    if (t->loses_disk[node]) {
        world_say(w, "node %" PRIu32 " has lost its disk: it is another member now", node);
        disk_wipe(&w->node[node].disk);
        t->loses_disk[node] = false;
        t->incarnation[node]++;
        t->wiped++;
        t->term_most[node] = t->voted[node] = 0;
    }
    quorum_start(w, node, s, ev, fx);
    tell_links(w, node, QUORUM_LINK_UP);
}

static void step(struct world *w, uint32_t node, void *state, const struct world_event *ev, struct world_effects *fx)
{
    struct quorum_seat *s = state;
    uint64_t leader;

    if (ev->kind != WORLD_EV_START && s->core == NULL) {
        return;
    }
    switch (ev->kind) {
    case WORLD_EV_START:
        start(w, node, s, ev, fx);
        break;
    case WORLD_EV_PACKET:
        packet(w, node, s, ev, fx);
        break;
    case WORLD_EV_TIMER:
        quorum_send_chunks(w, node, s, fx);
        if (s->machine.lead_index != 0 && ev->now_us >= s->machine.tick_us) {
            machine_tick(w, node, s, ev->now_us, fx);
        }
        (void)quorum_feed(w, node, s, ev->now_us, &(struct raft_event){.kind = RAFT_EV_CLOCK}, fx, &leader);
        break;
    case WORLD_EV_SYNCED:
        quorum_synced(w, node, s, ev, fx);
        break;
    case WORLD_EV_ORDER:
        order(w, node, s, ev, fx);
        break;
    case WORLD_EV_FAILED:
        /* A full disk where room is made is an answer. Anything else, also a sync that is waited for at the start, says
         * that nothing is known about the disk. */
        if (!store_failed(&s->store, ev->now_us)) {
            world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_DIE}, NULL, 0);
        } else if (s->made.bytes != NULL && s->store.image[0].bytes == NULL) {
            free(s->made.bytes);
            s->made.bytes = NULL;
        }
        return;
    }
    if (!w->has_failed && s->core != NULL) {
        store_grow(w, &s->store, fx);
    }
}

static void stop(void *state)
{
    struct quorum_seat *s = state;

    if (s->core != NULL) {
        raft_core_fini(s->core);
    }
    for (uint32_t i = 0; i < s->items; i++) {
        free(s->item[i].bytes);
    }
    store_fini(&s->store);
    machine_fini(&s->machine);
    free(s->item);
    free(s->blob);
    free(s->made.bytes);
    free(s->taken);
    free(s->proposal);
    free(s->memory);
    memset(s, 0, sizeof *s);
}

static void add_counters(struct raft_counters *to, const struct raft_counters *from)
{
    uint64_t *a = (uint64_t *)to;
    const uint64_t *b = (const uint64_t *)from;

    for (size_t i = 0; i < sizeof *to / sizeof *a; i++) {
        a[i] += b[i];
    }
}

static void crashed(struct world *w, uint32_t node)
{
    struct quorum_seat *s = quorum_seat(w, node);

    if (s != NULL) {
        struct raft_view v = raft_core_view(s->core);
        add_counters(&quorum_truth(w)->sum, &v.counters);
        clients_lost(w, node, true);
    }
    tell_links(w, node, QUORUM_LINK_DOWN);
}

/* ---- the truth ------------------------------------------------------------------------------------------------ */

void quorum_begin_truth(struct world *w)
{
    struct quorum_truth *t = calloc(1, sizeof *t);

    if (t == NULL) {
        abort();
    }
    t->indexes = INDEXES;
    t->terms = TERMS;
    t->born = calloc(INDEXES, sizeof *t->born);
    t->agreed = calloc(INDEXES, sizeof *t->agreed);
    t->leader_of = calloc(TERMS, sizeof *t->leader_of);
    t->clients.event = calloc(CLIENT_EVENTS, sizeof *t->clients.event);
    if (t->born == NULL || t->agreed == NULL || t->leader_of == NULL || t->clients.event == NULL) {
        abort();
    }
    history_init(&t->clients.history);
    t->clients.values = 1;
    t->tuning = raft_core_usual();
    t->founders = w->set.nodes;
    t->segment_size = STORE_SEGMENT_USUAL;
    w->aim[quorum_place(w)] = t;
    w->set.net.size_max = RAFT_PACKET_MAX;
}

static void fini(struct world *w)
{
    struct quorum_truth *t = quorum_truth(w);

    clients_fini(&t->clients);
    free(t->born);
    free(t->agreed);
    free(t->leader_of);
    free(t);
}

static void end(struct world *w)
{
    check_quorum(w);
    if (!w->has_failed) {
        check_leases(w);
    }
    if (!w->has_failed) {
        check_history(w);
    }
}

const struct world_tenant tenant_raft = {
    .name = "raft", .state_size = sizeof(struct quorum_seat), .step = step, .stop = stop, .crashed = crashed,
    .end = end, .fini = fini,
};
