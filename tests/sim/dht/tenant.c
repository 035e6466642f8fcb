#include "tests/sim/dht/tenant.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "dht/limits.h"

enum { PORT = 7403, SECOND = 1000000, DOORS = 3, SHORT_MS = 20000, LONG_MS = 600000, SIZE = 64, BOOT_S = 5, BOOT_FEW_S = 15 };

uint8_t seeker_place(const struct world *w)
{
    return world_place(w, tenant_dht.name);
}

void seeker_begin_truth(struct world *w)
{
    w->aim[seeker_place(w)] = calloc(1, sizeof(struct seeker_truth));
    if (w->aim[seeker_place(w)] == NULL) {
        abort();
    }
}

struct seeker_truth *seeker_truth(const struct world *w)
{
    return w->aim[seeker_place(w)];
}

struct dht *seeker_core(const struct world *w, uint32_t node)
{
    const struct seeker_seat *s = w->node[node].state[seeker_place(w)];

    return s == NULL ? NULL : s->core;
}

uint64_t seeker_stepped_us(const struct world *w, uint32_t node)
{
    const struct seeker_seat *s = w->node[node].state[seeker_place(w)];

    return s == NULL ? 0 : s->stepped_us;
}

struct dht_contact seeker_contact(uint32_t node)
{
    struct dht_contact c = {.at = {.ip = {[10] = 0xff, [11] = 0xff}, .port = PORT}};

    bytes_put_be32(c.node.byte, node + 1);
    bytes_put_be32(c.at.ip + 12, UINT32_C(10) << 24 | node);
    return c;
}

void seeker_record(uint32_t value, uint8_t bytes[SIZE], uint32_t ttl_ms, struct dht_record *ret)
{
    memset(bytes, 0, SIZE);
    bytes_put_be32(bytes, value);
    bytes_put_be32(bytes + 4, ~value);
    *ret = (struct dht_record){.kind = DHT_IMMUTABLE, .left_ms = ttl_ms, .value = bytes, .value_size = SIZE};
    dht_record_place(ret);
}

uint32_t seeker_value_of(const struct dht_record *r)
{
    uint32_t value = r->value_size == SIZE ? bytes_get_be32(r->value) : SEEKER_VALUES;

    return value < SEEKER_VALUES && bytes_get_be32(r->value + 4) == ~value ? value : SEEKER_VALUES;
}

static bool verify(void *context, const uint8_t *owner, const uint8_t *message, size_t size, const uint8_t *signature)
{
    (void)context;
    return owner[0] == signature[0] && size > 0 && message[0] != 0;
}

/* ---- a life ---------------------------------------------------------------------------------------- */

/* As the shell does, again while nobody is known, and rarely while so few are that they may be an island. */
static uint64_t boot_due_us(const struct seeker_seat *s)
{
    uint32_t peers = dht_core_peers(s->core);

    return peers >= DHT_REPLICAS ? UINT64_MAX : s->booted_us + (peers == 0 ? BOOT_S : BOOT_FEW_S) * (uint64_t)SECOND;
}


static void enter(struct world *w, uint32_t node, struct seeker_seat *s, const struct world_event *ev, struct dht_effects *fx)
{
    struct dht_contact door[DOORS];
    bool has_node[DOORS] = {false};
    uint32_t doors = 0;

    for (uint32_t i = 0; i < DOORS && i < w->set.nodes; i++) {
        if (i != node) {
            door[doors++] = seeker_contact(i);
        }
    }
    s->booted_us = ev->now_us;
    if (dht_core_bootstrap(s->core, ev->now_us, door, has_node, doors, fx) != ERR_OK) {
        world_fail(w, "node %" PRIu32 " may not ask the way in", node);
    }
}

static void start(struct world *w, uint32_t node, struct seeker_seat *s, const struct world_event *ev,
                  struct dht_effects *fx)
{
    struct dht_config c = {.node = seeker_contact(node).node, .seed = dice_below(&w->dice, DICE_TENANT, UINT64_MAX),
                           .peers_max = 256, .spares_max = 16, .records_max = SEEKER_VALUES, .store_bytes = 1 << 16,
                           .owner_bytes = 1 << 16, .source_bytes = 1 << 16, .wishes_max = 16, .verify = verify,
                           .tuning = dht_core_usual()};

    c.tuning.ping_ms = 1000; /* a death is to be seen within a world */
    c.tuning.sync_ms = 5000;
    c.tuning.refresh_ms = 10000;
    c.tuning.quiet_ms = 40000;
    c.tuning.paths = dice_below(&w->dice, DICE_TENANT, 2) == 0 ? 1 : DHT_PATHS_MAX;
    s->memory = calloc(1, dht_core_size(&c));
    if (s->memory == NULL || dht_core_init(s->memory, &c, ev->now_us, &s->core) != ERR_OK) {
        abort();
    }
    enter(w, node, s, ev, fx);
}

static void stop(void *state)
{
    struct seeker_seat *s = state;

    free(s->memory);
    *s = (struct seeker_seat){0};
}

static void crashed(struct world *w, uint32_t node)
{
    struct seeker_truth *t = seeker_truth(w);

    for (uint32_t i = 0; i < t->wishes; i++) { /* whoever wished is no more */
        t->wish[i].is_open = t->wish[i].is_open && t->wish[i].node != node;
    }
}

/* ---- wishes ---------------------------------------------------------------------------------------- */

static void begin_put(struct world *w, uint32_t node, struct seeker_seat *s, const struct world_event *ev, bool is_last,
                      struct dht_effects *fx)
{
    struct seeker_truth *t = seeker_truth(w);
    uint8_t bytes[SIZE];
    struct dht_record r;
    uint32_t ttl_ms = is_last || dice_below(&w->dice, DICE_TENANT, 2) == 0 ? LONG_MS : SHORT_MS;

    if (t->values == SEEKER_VALUES || t->wishes == ARRAY_LEN(t->wish)) {
        return;
    }
    seeker_record(t->values, bytes, ttl_ms, &r);
    if (dht_core_put(s->core, ev->now_us, t->wishes + 1, &r, NULL, fx) != ERR_OK) {
        return; /* as many as may be are under way */
    }
    t->wish[t->wishes++] = (struct seeker_wish){.is_open = true, .is_put = true, .must_succeed = is_last, .node = node,
                                                .value = t->values, .begun_us = w->now_us};
    t->value[t->values++] = (struct seeker_value){.end_us = w->now_us + (uint64_t)ttl_ms * 1000};
    t->puts++;
}

static void begin_get(struct world *w, uint32_t node, struct seeker_seat *s, const struct world_event *ev, bool is_last,
                      struct dht_effects *fx)
{
    struct seeker_truth *t = seeker_truth(w);
    uint8_t bytes[SIZE];
    struct dht_record r;

    if (t->values == 0 || t->wishes == ARRAY_LEN(t->wish)) {
        return;
    }
    uint32_t value = is_last ? t->values - 1 : (uint32_t)dice_below(&w->dice, DICE_TENANT, t->values);
    seeker_record(value, bytes, LONG_MS, &r);
    if (dht_core_get(s->core, ev->now_us, t->wishes + 1, &r.key, 1, fx) != ERR_OK) {
        return;
    }
    t->wish[t->wishes++] = (struct seeker_wish){.is_open = true, .must_succeed = is_last && t->value[value].is_acked,
                                                .node = node, .value = value, .begun_us = w->now_us};
    t->gets++;
}

/* ---- a step ---------------------------------------------------------------------------------------- */

static void perform(struct world *w, uint32_t node, struct seeker_seat *s, struct world_effects *fx,
                    const struct dht_effects *n)
{
    for (uint32_t i = 0; i < n->sends; i++) {
        const struct dht_send *out = &n->send[i];
        uint32_t to = bytes_get_be32(out->at.ip + 12) & 0xffffff;
        if (to < w->set.nodes) {
            world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_SEND, .to = to}, out->packet.bytes, out->packet.size);
        }
    }
    for (uint32_t i = 0; i < n->found_count; i++) {
        world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_TELL, .value = SEEKER_FOUND,
                                                  .more = {n->found[i].wish, seeker_value_of(&n->found[i].record)}}, NULL, 0);
    }
    for (uint32_t i = 0; i < n->done_count; i++) {
        world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_TELL, .value = SEEKER_ENDED,
                                                  .more = {n->done[i].wish, n->done[i].status}}, NULL, 0);
    }
    uint64_t due_us = boot_due_us(s) < n->due_us ? boot_due_us(s) : n->due_us;
    if (due_us != UINT64_MAX) {
        world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_TIMER, .value = due_us}, NULL, 0);
    }
    (void)node;
}

static void obey(struct world *w, uint32_t node, struct seeker_seat *s, const struct world_event *ev, struct dht_effects *fx)
{
    enum seeker_order order = (enum seeker_order)(ev->value & ((1u << SEEKER_SHIFT) - 1));
    struct dht_contact about = seeker_contact((uint32_t)(ev->value >> SEEKER_SHIFT));

    switch (order) {
    case SEEKER_PUT:
    case SEEKER_LAST_PUT:
        begin_put(w, node, s, ev, order == SEEKER_LAST_PUT, fx);
        break;
    case SEEKER_GET:
    case SEEKER_LAST_GET:
        begin_get(w, node, s, ev, order == SEEKER_LAST_GET, fx);
        break;
    case SEEKER_HERE:
        dht_core_member(s->core, ev->now_us, &about, DHT_MEMBER_HERE, fx);
        break;
    case SEEKER_SUSPECT:
        dht_core_member(s->core, ev->now_us, &about, DHT_MEMBER_SUSPECT, fx);
        break;
    case SEEKER_GONE:
        dht_core_member(s->core, ev->now_us, &about, DHT_MEMBER_GONE, fx);
        break;
    }
}

static void step(struct world *w, uint32_t node, void *state, const struct world_event *ev, struct world_effects *fx)
{
    static struct dht_effects n;
    struct seeker_seat *s = state;
    struct dht_contact from;

    n.sends = n.found_count = n.done_count = 0;
    s->stepped_us = w->now_us;
    switch (ev->kind) {
    case WORLD_EV_START:
        start(w, node, s, ev, &n);
        break;
    case WORLD_EV_TIMER:
        dht_core_clock(s->core, ev->now_us, ev->wall_us / SECOND, &n);
        if (ev->now_us >= boot_due_us(s)) {
            perform(w, node, s, fx, &n);
            n.sends = n.found_count = n.done_count = 0;
            enter(w, node, s, ev, &n);
        }
        break;
    case WORLD_EV_PACKET:
        from = seeker_contact(ev->from);
        if (dht_core_packet(s->core, ev->now_us, ev->wall_us / SECOND, &from, true, ev->bytes, ev->size, &n) != ERR_OK) {
            world_fail(w, "node %" PRIu32 " refuses a packet of %" PRIu32, node, ev->from);
        }
        break;
    case WORLD_EV_ORDER:
        dht_core_clock(s->core, ev->now_us, ev->wall_us / SECOND, &n);
        perform(w, node, s, fx, &n);
        n.sends = n.found_count = n.done_count = 0;
        obey(w, node, s, ev, &n);
        break;
    case WORLD_EV_SYNCED:
    case WORLD_EV_FAILED:
        world_fail(w, "nobody asked for a disk");
        break;
    }
    perform(w, node, s, fx, &n);
}

static void told(struct world *w, uint32_t node, const struct world_effect *fx)
{
    if (fx->value == SEEKER_FOUND) {
        seeker_check_found(w, node, fx->more[0], (uint32_t)fx->more[1]);
    } else {
        seeker_check_ended(w, node, fx->more[0], (enum err)fx->more[1]);
    }
}

static void fini(struct world *w)
{
    free(w->aim[seeker_place(w)]);
}

const struct world_tenant tenant_dht = {
    .name = "dht", .state_size = sizeof(struct seeker_seat), .step = step, .stop = stop, .told = told, .crashed = crashed,
    .check = seeker_check_all, .end = seeker_check_end, .fini = fini,
};
