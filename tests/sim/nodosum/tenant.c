#include "tests/sim/nodosum/tenant.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "tests/sim/nodosum/check.h"
#include "tests/support/words.h"

enum {
    PORT = 7402,
    EVENTS = 64,      /* read at one time */
    META = 16,        /* bytes of metadata in these worlds */
    CELLS = 8,        /* different ones that are offered */
};

static uint8_t place(const struct world *w)
{
    return world_place(w, tenant_nodosum.name);
}

struct tenant_truth *tenant_truth(const struct world *w)
{
    return w->aim[place(w)];
}

struct nodosum *tenant_core(const struct world *w, uint32_t node)
{
    const struct tenant_seat *s = w->node[node].state[place(w)];

    return s == NULL || s->is_silent || s->has_left ? NULL : s->core;
}

/* Spread over the ring, and the number in the clear behind it. */
struct nodosum_id tenant_id(uint32_t node)
{
    struct nodosum_id id = {0};
    struct rng r;

    rng_init(&r, node);
    bytes_put_be64(id.byte, rng_next(&r));
    bytes_put_be32(id.byte + NODOSUM_ID_SIZE - 4, node);
    return id;
}

uint32_t tenant_of(const struct nodosum_id *id)
{
    uint32_t node = bytes_get_be32(id->byte + NODOSUM_ID_SIZE - 4);

    return node < WORLD_NODES_MAX ? node : WORLD_NODES_MAX;
}

static struct nodosum_address address_of(uint32_t node)
{
    struct nodosum_address a = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10}, .port = PORT};

    bytes_put_be32(a.ip + 12, UINT32_C(10) << 24 | node);
    return a;
}

static uint32_t node_at(const struct nodosum_address *a)
{
    return bytes_get_be32(a->ip + 12) & 0xffffff;
}

/* ---- lives ----------------------------------------------------------------------------------------- */

static void set_meta(struct tenant_truth *t, uint8_t meta[META])
{
    bytes_put_be64(meta, ++t->updates);
    bytes_put_be64(meta + 8, ~t->updates);
}

/* Another list than before: some cells of a few, of which some instances are ready. */
static void set_offers(struct world *w, struct tenant_node *t)
{
    struct nodosum_offers o = {0};
    uint64_t cells = dice_below(&w->dice, DICE_ORDER, CELLS + 1);

    for (uint64_t i = 0; i < cells; i++) {
        struct nodosum_offer item = {.ready = 1 + (uint32_t)dice_below(&w->dice, DICE_ORDER, 1000), .score = 50};
        (void)snprintf(item.name, sizeof item.name, "cell-%" PRIu64, dice_below(&w->dice, DICE_ORDER, CELLS));
        if (nodosum_offers_add(&o, &item) != ERR_OK) {
            continue; /* drawn before */
        }
    }
    t->offered_us = w->now_us;
    if (nodosum_offers_pack(&o, t->offers, &t->offers_size) != ERR_OK) {
        world_fail(w, "%" PRIu32 " offers do not fit", o.count);
    }
}

size_t tenant_own_place(struct world *w, uint32_t node, uint8_t out[NODOSUM_META_PLACE_MAX])
{
    (void)w;
    memset(out, 0x5a, NODOSUM_META_PLACE_MAX);
    bytes_put_be32(out, node);
    return NODOSUM_META_PLACE_MAX;
}

static void place_now(struct world *w, uint32_t node, struct tenant_seat *s, uint64_t now_us)
{
    struct tenant_truth *t = tenant_truth(w);
    uint8_t bytes[NODOSUM_META_PLACE_MAX];

    if (t->place != NULL && s->core != NULL &&
        nodosum_core_place(s->core, now_us, bytes, t->place(w, node, bytes)) != ERR_OK) {
        world_fail(w, "node %" PRIu32 " cannot say where it is", node);
    }
}

/* What was learned is of somebody else, and what it says of its place is what that one said. */
static void learn(struct world *w, uint32_t node, const struct nodosum_effects *n)
{
    struct tenant_truth *t = tenant_truth(w);

    for (uint32_t i = 0; i < n->rtts; i++) {
        const struct nodosum_rtt *rtt = &n->rtt[i];
        uint32_t of = tenant_of(&rtt->id);
        bool is_own = t->place == tenant_own_place;
        if (of >= w->set.nodes || of == node || (rtt->rtt_us == 0 && rtt->place.size == 0) ||
            (is_own && rtt->place.size > 0 &&
             (rtt->place.size != NODOSUM_META_PLACE_MAX || bytes_get_be32(rtt->place.bytes) != of))) {
            world_fail(w, "node %" PRIu32 " learns what is not so of %" PRIu32, node, of);
        }
        t->measured += rtt->rtt_us > 0;
        t->heard += rtt->place.size > 0;
        if (t->learned != NULL) {
            t->learned(w, node, rtt);
        }
    }
}

static void start(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev)
{
    struct tenant_truth *t = tenant_truth(w);
    struct nodosum_config c = {.id = tenant_id(node), .seed = dice_below(&w->dice, DICE_TENANT, UINT64_MAX),
                               .incarnation = t->forgets ? 1 : ev->wall_us / 1000000,
                               .members_max = t->tables != 0 ? t->tables : w->set.nodes + 1,
                               .tuning = t->tuning};

    s->id = c.id;
    c.words = words_for(&s->id);
    c.about.address = address_of(node);
    c.about.name_len = (uint8_t)snprintf(c.about.name, sizeof c.about.name, "node-%" PRIu32, node);
    c.about.meta_size = META;
    set_meta(t, c.about.meta);
    for (uint32_t i = 0; i < t->seeds && i < w->set.nodes; i++) {
        c.seed_at[c.seeds++] = address_of(i);
    }
    s->memory = malloc(nodosum_core_size(c.members_max));
    if (s->memory == NULL) {
        abort();
    }
    enum err e = nodosum_core_init(s->memory, &c, ev->now_us, &s->core);
    if (e != ERR_OK) {
        world_fail(w, "node %" PRIu32 " cannot start: %s", node, err_name(e));
        s->is_silent = true;
    }
    place_now(w, node, s, ev->now_us);
    t->node[node].lives++;
    t->node[node].has_gone = false;
    t->node[node].offers_size = 0;
    t->node[node].offered_us = w->now_us;
    memset(t->node[node].believed, 0, w->set.nodes * sizeof *t->node[node].believed);
    memset(t->node[node].suspect_us, 0, w->set.nodes * sizeof *t->node[node].suspect_us);
    t->node[node].believed_count = 0;
}

static void add_counters(struct nodosum_counters *to, const struct nodosum_counters *from)
{
    uint64_t *a = (uint64_t *)to;
    const uint64_t *b = (const uint64_t *)from;

    for (size_t i = 0; i < sizeof *to / sizeof *a; i++) {
        a[i] += b[i];
    }
}

uint32_t tenant_sessions(const struct world *w, uint32_t node, uint64_t within_us)
{
    const uint64_t *spoke_us = tenant_truth(w)->node[node].spoke_us;
    uint32_t count = 0;

    for (uint32_t i = 0; i < w->set.nodes; i++) {
        count += spoke_us[i] != 0 && w->now_us - spoke_us[i] <= within_us;
    }
    return count;
}

struct nodosum_counters tenant_sum(const struct world *w)
{
    struct nodosum_counters sum = tenant_truth(w)->sum;

    for (uint32_t i = 0; i < w->set.nodes; i++) {
        const struct tenant_seat *s = w->node[i].state[place(w)];
        if (s != NULL && s->core != NULL) {
            add_counters(&sum, nodosum_core_counters(s->core));
        }
    }
    return sum;
}

static void stop(void *state)
{
    struct tenant_seat *s = state;

    free(s->memory);
    *s = (struct tenant_seat){.is_silent = true};
}

static void crashed(struct world *w, uint32_t node)
{
    const struct tenant_seat *s = w->node[node].state[place(w)];

    if (s->core != NULL) {
        add_counters(&tenant_truth(w)->sum, nodosum_core_counters(s->core));
    }
}

/* ---- a step ------------------------------------------------------------------------------------------ */

static void send_all(struct world *w, uint32_t node, struct world_effects *fx, const struct nodosum_effects *n)
{
    for (uint32_t i = 0; i < n->sends; i++) {
        const struct nodosum_send *s = &n->send[i];
        uint32_t to = node_at(&s->at);
        tenant_truth(w)->node[node].spoke_us[to] = w->now_us;
        /* A seal is for one key: at another's door it is noise. */
        if (!s->has_id || tenant_of(&s->to) == to) {
            world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_SEND, .to = to}, s->packet.bytes,
                         s->packet.size);
        }
    }
}

static void tell_events(struct world *w, uint32_t node, struct tenant_seat *s, struct world_effects *fx)
{
    struct nodosum_event e[EVENTS];
    uint32_t count;

    do {
        if (nodosum_core_events(s->core, s->revision, e, EVENTS, &count) != ERR_OK) {
            world_fail(w, "node %" PRIu32 " forgot events of this very step", node);
            return;
        }
        for (uint32_t i = 0; i < count; i++) {
            if (e[i].revision != ++s->revision) {
                world_fail(w, "node %" PRIu32 ": revision %" PRIu64 " follows %" PRIu64, node, e[i].revision,
                           s->revision - 1);
            }
            world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_TELL, .value = e[i].change,
                                                      .more = {tenant_of(&e[i].id), e[i].incarnation}},
                         NULL, 0);
        }
    } while (count > 0);
}

static enum err update(struct tenant_truth *t, struct tenant_seat *s, const struct world_event *ev,
                       struct nodosum_effects *n)
{
    uint8_t meta[META];

    set_meta(t, meta);
    return nodosum_core_update(s->core, ev->now_us, meta, META, n);
}

static enum err offer(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev,
                      struct nodosum_effects *n)
{
    struct tenant_node *t = &tenant_truth(w)->node[node];

    set_offers(w, t);
    tenant_truth(w)->offerings++;
    return nodosum_core_offer(s->core, ev->now_us, t->offers, t->offers_size, n);
}

bool tenant_has_left(const struct world *w, uint32_t node, uint64_t incarnation)
{
    const struct tenant_node *t = &tenant_truth(w)->node[node];

    for (uint32_t i = 0; i < t->leaves; i++) {
        if (t->left_of[i] == incarnation) {
            return true;
        }
    }
    return false;
}

/* A leave that its subject never said: with the word of somebody else, of another incarnation, or with any bytes. */
static void forge(struct world *w, uint32_t node, struct world_effects *fx)
{
    struct tenant_truth *t = tenant_truth(w);
    uint32_t about = (uint32_t)dice_below(&w->dice, DICE_TENANT, w->set.nodes);
    uint64_t kind = dice_below(&w->dice, DICE_TENANT, 3), later = dice_below(&w->dice, DICE_TENANT, 3);
    struct nodosum_message m = {.kind = NODOSUM_PACKET_LEFT, .id = tenant_id(about),
                                .incarnation = t->node[about].incarnation + later};
    struct nodosum_id whose = tenant_id(kind == 0 ? node : about);
    struct nodosum_packet p = {0};

    if (about == node || t->node[about].lives == 0 || t->forgets) {
        return; /* who forgets which incarnations were his may yet say any */
    }
    words_of(&whose, kind == 1 ? m.incarnation + 1 : m.incarnation, m.word);
    m.word[0] ^= kind == 2;
    if (!nodosum_packet_add(&p, &m)) {
        world_fail(w, "a leave does not fit");
    }
    world_say(w, "node %" PRIu32 " says that %" PRIu32 " left", node, about);
    t->forgeries++;
    for (uint32_t to = 0; to < w->set.nodes; to++) {
        if (to != node) {
            world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_SEND, .to = to}, p.bytes, p.size);
        }
    }
}

/* Its last word, in the incarnation that it has now. */
static void leave(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev, struct nodosum_effects *n)
{
    struct tenant_node *t = &tenant_truth(w)->node[node];
    struct nodosum_view self;

    nodosum_core_leave(s->core, ev->now_us, n);
    if (!nodosum_core_find(s->core, &s->id, &self) || t->leaves == TENANT_LEAVES) {
        world_fail(w, "node %" PRIu32 " leaves for the %" PRIu32 "th time", node, t->leaves + 1);
        return;
    }
    t->left_of[t->leaves++] = self.incarnation;
    s->is_leaving = true;
    t->has_gone = true;
    t->gone_us = w->now_us;
}

static void order(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev,
                  struct nodosum_effects *n)
{
    struct tenant_truth *t = tenant_truth(w);
    /* One seed must stay, or nobody can find anybody: the first. */
    bool goes = ev->value == TENANT_VANISH || ev->value == TENANT_LEAVE;
    uint64_t what = node == 0 && goes ? TENANT_UPDATE : ev->value;

    if (what == TENANT_VANISH) {
        world_say(w, "node %" PRIu32 " vanishes", node);
        s->is_silent = true;
        t->node[node].has_gone = true;
        t->node[node].gone_us = w->now_us;
    } else if (what == TENANT_LEAVE) {
        world_say(w, "node %" PRIu32 " leaves", node);
        leave(w, node, s, ev, n);
    } else {
        enum err e = what == TENANT_OFFER ? offer(w, node, s, ev, n) : update(t, s, ev, n);
        if (e != (s->is_leaving ? ERR_PRECONDITION : ERR_OK)) {
            world_fail(w, "node %" PRIu32 ": %s: %s", node, what == TENANT_OFFER ? "offer" : "update", err_name(e));
        }
    }
}

static void step(struct world *w, uint32_t node, void *state, const struct world_event *ev,
                 struct world_effects *fx)
{
    static struct nodosum_effects n;
    struct tenant_seat *s = state;
    struct nodosum_id from;
    struct nodosum_address at;

    if (s->is_silent || s->has_left) {
        return;
    }
    n.sends = n.rtts = 0;
    switch (ev->kind) {
    case WORLD_EV_START:
        start(w, node, s, ev);
        nodosum_core_clock(s->core, ev->now_us, &n);
        break;
    case WORLD_EV_TIMER:
        nodosum_core_clock(s->core, ev->now_us, &n);
        break;
    case WORLD_EV_PACKET:
        from = tenant_id(ev->from);
        tenant_truth(w)->node[node].spoke_us[ev->from] = w->now_us;
        at = address_of(ev->from);
        if (nodosum_core_packet(s->core, ev->now_us, &from, &at, ev->bytes, ev->size, &n) != ERR_OK) {
            world_fail(w, "node %" PRIu32 " refuses a packet of %" PRIu32, node, ev->from);
        }
        break;
    case WORLD_EV_ORDER:
        if (ev->value == TENANT_PLACE) {
            place_now(w, node, s, ev->now_us);
            return; /* nothing follows from it */
        }
        if (ev->value == TENANT_FORGE) {
            forge(w, node, fx);
            return; /* its own core says what it did before */
        }
        order(w, node, s, ev, &n);
        break;
    case WORLD_EV_SYNCED:
    case WORLD_EV_FAILED:
        world_fail(w, "nobody asked for a disk");
        break;
    }
    if (s->is_silent) {
        return;
    }
    s->has_left = n.has_left;
    send_all(w, node, fx, &n);
    tell_events(w, node, s, fx);
    learn(w, node, &n);
    if (n.due_us != UINT64_MAX) {
        world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_TIMER, .value = n.due_us}, NULL, 0);
    }
    check_step(w, node, s->core);
}

/* ---- the truth ---------------------------------------------------------------------------------------- */

void tenant_begin_truth(struct world *w, uint32_t nodes)
{
    struct tenant_truth *t = calloc(1, sizeof *t);

    if (t == NULL) {
        abort();
    }
    t->nodes = nodes;
    t->seeds = 3;
    t->tuning = nodosum_core_usual();
    w->aim[place(w)] = t;
    w->set.net.size_max = NODOSUM_PACKET_MAX;
    for (uint32_t i = 0; i < nodes; i++) {
        t->node[i].believed = calloc(nodes, sizeof *t->node[i].believed);
        t->node[i].suspect_us = calloc(nodes, sizeof *t->node[i].suspect_us);
        t->node[i].suspect_of = calloc(nodes, sizeof *t->node[i].suspect_of);
        t->node[i].spoke_us = calloc(nodes, sizeof *t->node[i].spoke_us);
        if (t->node[i].believed == NULL || t->node[i].suspect_us == NULL || t->node[i].suspect_of == NULL ||
            t->node[i].spoke_us == NULL) {
            abort();
        }
    }
}

static void fini(struct world *w)
{
    struct tenant_truth *t = tenant_truth(w);

    for (uint32_t i = 0; i < t->nodes; i++) {
        free(t->node[i].believed);
        free(t->node[i].suspect_us);
        free(t->node[i].suspect_of);
        free(t->node[i].spoke_us);
    }
    free(t);
}

static void told(struct world *w, uint32_t node, const struct world_effect *fx)
{
    check_event(w, node, (uint32_t)fx->more[0], (enum nodosum_change)fx->value, fx->more[1]);
}

const struct world_tenant tenant_nodosum = {
    .name = "nodosum", .state_size = sizeof(struct tenant_seat), .step = step, .stop = stop, .told = told,
    .crashed = crashed, .check = check_views, .end = check_end, .fini = fini,
};
