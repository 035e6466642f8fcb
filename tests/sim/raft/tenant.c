#include "tests/sim/raft/tenant.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "raft/little.h"
#include "tests/sim/raft/check.h"

enum {
    INDEXES = 24000,       /* entries of a world at most */
    TERMS = 20000,
    ENTRY_MOST = 60,       /* bytes of a proposal */
    LINK_LEAST_US = 200,   /* a closed socket is seen after 0.2 to 1 ms */
    LINK_MOST_US = 2000,
    REDIRECT_US = 1000,
    HOPS = 3,              /* of a client from one node to the next */
    HOP_SHIFT = 60,
};

struct tenant_truth *tenant_truth(const struct world *w)
{
    return w->aim[0];
}

struct tenant_seat *tenant_seat(const struct world *w, uint32_t node)
{
    struct tenant_seat *s = node < w->set.nodes ? w->node[node].state[0] : NULL;

    return s == NULL || s->core == NULL ? NULL : s;
}

uint64_t tenant_id(uint32_t node)
{
    return UINT64_C(1000) + node;
}

uint32_t tenant_of(uint64_t id)
{
    return id >= 1000 && id < 1000 + WORLD_NODES_MAX ? (uint32_t)(id - 1000) : WORLD_NODES_MAX;
}

uint64_t tenant_value(const uint8_t *bytes, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

uint64_t tenant_fold(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

const struct tenant_item *tenant_item(const struct tenant_seat *s, uint64_t index)
{
    return index > s->base && index <= s->base + s->items ? &s->item[index - s->base - 1] : NULL;
}

/* ---- orders ------------------------------------------------------------------------------------------------ */

/* Entries whose bytes nobody else has. */
static struct raft_event make_proposal(struct world *w, struct tenant_seat *s, uint64_t count)
{
    struct tenant_truth *t = tenant_truth(w);
    uint32_t size = 0;

    free(s->proposal);
    s->proposal = calloc(count, RAFT_ENTRY_HEAD + ENTRY_MOST);
    if (s->proposal == NULL) {
        abort();
    }
    for (uint64_t i = 0; i < count; i++) {
        uint32_t length = (uint32_t)dice_between(&w->dice, DICE_TENANT, 8, ENTRY_MOST);
        little_put_32(s->proposal + size, length);
        s->proposal[size + 4] = RAFT_ENTRY_COMMAND;
        little_put_64(s->proposal + size + RAFT_ENTRY_HEAD, ++t->proposals);
        size += RAFT_ENTRY_HEAD + length;
    }
    return (struct raft_event){.kind = RAFT_EV_PROPOSE, .count = (uint32_t)count, .size = size};
}

static struct raft_event make_read(struct world *w, struct tenant_seat *s)
{
    struct tenant_truth *t = tenant_truth(w);
    struct raft_event e = {.kind = RAFT_EV_READ, .context = ++t->contexts};

    s->read_context[s->reads] = e.context;
    s->read_least[s->reads++] = t->agreed_last;
    return e;
}

/* The nodes of the set vote, whoever voted before and does not goes; who has to come up first is a learner. */
static struct raft_event make_change(struct tenant_seat *s, uint64_t set, struct raft_config *c)
{
    const struct raft_config *now = raft_core_view(s->core).config;

    *c = (struct raft_config){0};
    for (uint32_t i = 0; i < 32; i++) {
        struct raft_member m = {.id = tenant_id(i)};
        uint32_t place = raft_config_find(now, m.id);
        bool votes = place < now->count && (now->member[place].flags & RAFT_VOTER) != 0;
        if ((set >> i & 1) != 0) {
            m.flags = votes ? RAFT_VOTER : RAFT_LEARNER | RAFT_PROMOTE;
        } else if (votes) {
            m.flags = RAFT_VOTER | RAFT_RETIRE;
        } else {
            continue;
        }
        if (raft_config_put(c, &m) != ERR_OK) {
            break;
        }
    }
    return (struct raft_event){.kind = RAFT_EV_CHANGE, .config = c};
}

static void make_snapshot(struct world *w, uint32_t node, struct tenant_seat *s, struct raft_event *e)
{
    struct raft_view v = raft_core_view(s->core);
    uint64_t term;

    (void)w;
    (void)node;
    /* Of a configuration that is not committed yet it cannot speak: the shell waits. */
    if (s->applied > s->snapshot.index && v.config_index <= s->applied && v.stored >= s->applied &&
        raft_core_term_of(s->core, s->applied, &term)) {
        s->snapshot = (struct tenant_snapshot){.index = s->applied, .term = term, .hash = s->hash, .config = *v.config};
        *e = (struct raft_event){.kind = RAFT_EV_SNAPSHOT_MADE, .index = s->applied};
    }
}

static uint64_t redirect(struct world *w, uint64_t order, uint64_t leader)
{
    uint32_t to = tenant_of(leader);
    uint64_t hops = order >> HOP_SHIFT;

    if (to < w->set.nodes && hops < HOPS) {
        world_order(w, 0, to, REDIRECT_US, (order & ((UINT64_C(1) << HOP_SHIFT) - 1)) | (hops + 1) << HOP_SHIFT);
    }
    return hops;
}

static void order(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev,
                  struct world_effects *fx)
{
    struct tenant_truth *t = tenant_truth(w);
    enum tenant_order what = ev->value & 0xff;
    uint64_t argument = (ev->value & ((UINT64_C(1) << HOP_SHIFT) - 1)) >> TENANT_SHIFT, leader;
    struct raft_event e = {.kind = RAFT_EV_CLOCK};
    struct raft_config c;

    switch (what) {
    case TENANT_PROPOSE:
        e = make_proposal(w, s, argument);
        break;
    case TENANT_READ:
        if (s->reads == TENANT_READS) {
            return;
        }
        e = make_read(w, s);
        t->read_asked++;
        break;
    case TENANT_TRANSFER:
        e = (struct raft_event){.kind = RAFT_EV_TRANSFER, .peer = argument < w->set.nodes ? tenant_id((uint32_t)argument) : 0};
        break;
    case TENANT_CHANGE:
        e = make_change(s, argument, &c);
        break;
    case TENANT_SNAPSHOT:
        make_snapshot(w, node, s, &e);
        if (e.kind == RAFT_EV_SNAPSHOT_MADE) {
            t->snapshots++;
            tenant_save_snapshot(w, s, fx);
        }
        break;
    case TENANT_EVENT:
        e = t->event;
        break;
    case TENANT_LINK_DOWN:
    case TENANT_LINK_UP:
        e = (struct raft_event){.kind = RAFT_EV_LINK, .peer = tenant_id((uint32_t)argument), .is_up = what == TENANT_LINK_UP};
        break;
    }
    enum err err = tenant_feed(w, node, s, ev->now_us, &e, fx, &leader);
    t->accepted += what == TENANT_PROPOSE && err == ERR_OK;
    if (what == TENANT_READ && err != ERR_OK) {
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

static void packet(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev,
                   struct world_effects *fx)
{
    struct raft_message m;
    uint64_t leader;
    enum err e = raft_packet_read(ev->bytes, ev->size, TENANT_CLUSTER, s->id, &m);

    if (e == ERR_OK) {
        e = tenant_feed(w, node, s, ev->now_us, &(struct raft_event){.kind = RAFT_EV_MESSAGE, .message = &m}, fx,
                        &leader);
    }
    if (e != ERR_OK) {
        world_fail(w, "node %" PRIu32 " refuses a packet of %" PRIu32 ": %s", node, ev->from, err_name(e));
    }
}

static void tell_links(struct world *w, uint32_t node, enum tenant_order what)
{
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        if (i != node && w->node[i].is_up && !tenant_truth(w)->has_no_hints) {
            world_order(w, 0, i, dice_between(&w->dice, DICE_TENANT, LINK_LEAST_US, LINK_MOST_US),
                        what | (uint64_t)node << TENANT_SHIFT);
        }
    }
}

static void step(struct world *w, uint32_t node, void *state, const struct world_event *ev, struct world_effects *fx)
{
    struct tenant_seat *s = state;
    uint64_t leader;

    switch (ev->kind) {
    case WORLD_EV_START:
        tenant_start(w, node, s, ev, fx);
        tell_links(w, node, TENANT_LINK_UP);
        break;
    case WORLD_EV_PACKET:
        packet(w, node, s, ev, fx);
        break;
    case WORLD_EV_TIMER:
        tenant_send_chunks(w, node, s, fx);
        (void)tenant_feed(w, node, s, ev->now_us, &(struct raft_event){.kind = RAFT_EV_CLOCK}, fx, &leader);
        break;
    case WORLD_EV_SYNCED:
        tenant_synced(w, node, s, ev, fx);
        break;
    case WORLD_EV_ORDER:
        order(w, node, s, ev, fx);
        break;
    case WORLD_EV_FAILED: /* a sync that is waited for, at the start: nothing is known about the disk */
        world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_DIE}, NULL, 0);
        break;
    }
}

static void stop(void *state)
{
    struct tenant_seat *s = state;

    if (s->core != NULL) {
        raft_core_fini(s->core);
    }
    for (uint32_t i = 0; i < s->items; i++) {
        free(s->item[i].bytes);
    }
    free(s->item);
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
    struct tenant_seat *s = tenant_seat(w, node);

    if (s != NULL) {
        struct raft_view v = raft_core_view(s->core);
        add_counters(&tenant_truth(w)->sum, &v.counters);
    }
    tell_links(w, node, TENANT_LINK_DOWN);
}

/* ---- the truth ------------------------------------------------------------------------------------------------ */

void tenant_begin_truth(struct world *w)
{
    struct tenant_truth *t = calloc(1, sizeof *t);

    if (t == NULL) {
        abort();
    }
    t->indexes = INDEXES;
    t->terms = TERMS;
    t->born = calloc(INDEXES, sizeof *t->born);
    t->agreed = calloc(INDEXES, sizeof *t->agreed);
    t->leader_of = calloc(TERMS, sizeof *t->leader_of);
    if (t->born == NULL || t->agreed == NULL || t->leader_of == NULL) {
        abort();
    }
    t->tuning = raft_core_usual();
    t->founders = w->set.nodes;
    w->aim[0] = t;
    w->set.net.size_max = RAFT_PACKET_MAX;
    w->set.disk_bytes = 0; /* a full disk is met when room is prepared, not here */
}

static void fini(struct world *w)
{
    struct tenant_truth *t = w->aim[0];

    free(t->born);
    free(t->agreed);
    free(t->leader_of);
    free(t);
}

const struct world_tenant tenant_raft = {
    .name = "raft", .state_size = sizeof(struct tenant_seat), .step = step, .stop = stop, .crashed = crashed,
    .end = check_end, .fini = fini,
};
