#include "tests/sim/dht/swarm.h"

#include <assert.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "dht/id.h"

enum {
    PORT = 7403,
    CONFIG_RECORDS = 512,
    CONFIG_STORE = 256 << 10,
    PAGES = 16384, /* bytes; what is larger has pages of its own, so what a core does not touch is not there */
};

static void *grown(void *at, size_t size)
{
    void *to = realloc(at, size);

    if (to == NULL) {
        abort();
    }
    return to;
}

/* ---- who is who ------------------------------------------------------------------------------------ */

/* Nodes that follow each other are of different /24. */
static void set_address(struct dht_address *at, uint32_t node)
{
    at->ip[12] = 10;
    at->ip[13] = (uint8_t)node;
    at->ip[14] = (uint8_t)(node >> 8);
    at->ip[15] = (uint8_t)(node >> 16);
}

uint32_t swarm_at(const struct dht_address *at)
{
    return (uint32_t)at->ip[13] | (uint32_t)at->ip[14] << 8 | (uint32_t)at->ip[15] << 16;
}

struct dht_contact swarm_contact(const struct swarm *s, uint32_t node)
{
    struct dht_contact c = {.at = {.ip = {[10] = 0xff, [11] = 0xff}, .port = PORT}};
    struct rng r;

    rng_init(&r, s->seed ^ ((uint64_t)node << 32 | s->node[node].life));
    for (uint32_t i = 0; i < DHT_NODE_SIZE - 8; i += 8) {
        bytes_put_be64(c.node.byte + i, rng_next(&r));
    }
    bytes_put_be32(c.node.byte + DHT_NODE_SIZE - 8, s->node[node].life);
    bytes_put_be32(c.node.byte + DHT_NODE_SIZE - 4, node);
    set_address(&c.at, node);
    if (s->is_link) {
        memset(c.at.ip, 0, 12);
        c.at.ip[0] = 0xfd;
    }
    return c;
}

struct dht_contact swarm_sybil(const struct swarm *s, uint32_t node, uint64_t key)
{
    struct dht_contact c = swarm_contact(s, node);

    if (key != 0) {
        bytes_put_be64(c.node.byte, key);
    }
    return c;
}

/* At an address whoever lives there now gets what is for its key; for another's key it is noise. */
uint32_t swarm_of(const struct swarm *s, const struct dht_contact *who)
{
    uint32_t node = swarm_at(&who->at);

    if (node >= s->nodes || bytes_get_be32(who->node.byte + DHT_NODE_SIZE - 4) != node ||
        bytes_get_be32(who->node.byte + DHT_NODE_SIZE - 8) != s->node[node].life) {
        return s->nodes;
    }
    return node;
}

/* ---- events: a heap -------------------------------------------------------------------------------- */

static bool is_before(const struct swarm_event *a, const struct swarm_event *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

static void push(struct swarm *s, struct swarm_event e)
{
    if (s->events == s->room) {
        s->room = s->room == 0 ? 4096 : 2 * s->room;
        s->heap = grown(s->heap, s->room * sizeof *s->heap);
    }
    e.order = s->order++;
    uint32_t at = s->events++;
    while (at > 0 && is_before(&e, &s->heap[(at - 1) / 2])) {
        s->heap[at] = s->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    s->heap[at] = e;
}

static struct swarm_event pop(struct swarm *s)
{
    struct swarm_event first = s->heap[0], last = s->heap[--s->events];
    uint32_t at = 0;

    for (uint32_t child = 1; child < s->events; child = 2 * at + 1) {
        child += child + 1 < s->events && is_before(&s->heap[child + 1], &s->heap[child]);
        if (!is_before(&s->heap[child], &last)) {
            break;
        }
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = last;
    return first;
}

/* ---- the wire -------------------------------------------------------------------------------------- */

static void send_to(struct swarm *s, uint32_t from, uint32_t to, uint64_t to_key, const uint8_t *bytes, size_t size)
{
    s->packets++;
    s->bytes += size;
    if (to >= s->nodes || s->node[to].state != SWARM_UP ||
        (s->loss_ppm > 0 && rng_below(&s->rng, 1000000) < s->loss_ppm)) {
        s->lost++;
        return;
    }
    uint64_t way_us = distance_one_way_us(&s->distance, from, to);
    struct swarm_event e = {.at_us = s->now_us + way_us + rng_below(&s->rng, way_us / 50 + 2), .to = to, .from = from,
                            .from_life = s->node[from].life, .size = (uint16_t)size, .to_key = to_key,
                            .from_key = s->node[from].is_hostile ? s->key : 0};
    bool is_twice = s->twice_ppm > 0 && rng_below(&s->rng, 1000000) < s->twice_ppm;
    for (uint32_t i = 0; i <= is_twice; i++) {
        e.bytes = grown(NULL, size);
        memcpy(e.bytes, bytes, size);
        e.at_us += i * rng_below(&s->rng, 20 * way_us);
        push(s, e);
    }
}

void swarm_send(struct swarm *s, uint32_t from, uint32_t to, const uint8_t *bytes, size_t size)
{
    send_to(s, from, to, 0, bytes, size);
}

static struct swarm_end *end_of(struct swarm *s, uint64_t wish)
{
    assert(wish > 0 && wish <= s->wishes);
    return &s->end[wish - 1];
}

static void take_found(struct swarm *s, const struct dht_found *f)
{
    struct swarm_end *e = end_of(s, f->wish);

    e->first_us = e->found == 0 ? s->now_us : e->first_us;
    e->found++;
    if (f->record.seq >= e->seq) {
        e->seq = f->record.seq;
        e->size = (uint16_t)dht_record_write(&f->record, e->bytes);
        e->left_ms = f->record.left_ms;
    }
}

static void perform(struct swarm *s, uint32_t node)
{
    struct swarm_node *n = &s->node[node];

    for (uint32_t i = 0; i < s->fx.sends; i++) {
        const struct dht_send *out = &s->fx.send[i];
        struct dht_contact to = {.node = out->to, .at = out->at};
        uint32_t at = swarm_at(&out->at);
        send_to(s, node, out->has_node ? swarm_of(s, &to) : at, out->has_node ? bytes_get_be64(out->to.byte) : 0, out->packet.bytes,
                out->packet.size);
    }
    for (uint32_t i = 0; i < s->fx.found_count; i++) {
        take_found(s, &s->fx.found[i]);
    }
    for (uint32_t i = 0; i < s->fx.done_count; i++) {
        struct swarm_end *e = end_of(s, s->fx.done[i].wish);
        e->is_over = true;
        e->ended_us = s->now_us;
        e->done = s->fx.done[i];
    }
    if (s->fx.due_us != UINT64_MAX && (n->due_us == 0 || s->fx.due_us < n->due_us)) {
        n->due_us = s->fx.due_us > s->now_us ? s->fx.due_us : s->now_us;
        push(s, (struct swarm_event){.at_us = n->due_us, .to = node, .from_life = n->life});
    }
}

static uint64_t wall_s(const struct swarm *s)
{
    return SWARM_WALL_S + s->now_us / SWARM_S;
}

static void deliver(struct swarm *s, const struct swarm_event *e)
{
    struct swarm_node *n = &s->node[e->to];
    struct dht_contact from = swarm_sybil(s, e->from, e->from_key);

    if (n->state != SWARM_UP || s->node[e->from].life != e->from_life) {
        return;
    }
    if (n->is_hostile) {
        if (s->hostile != NULL) {
            s->key = e->to_key;
            s->hostile(s, e->to, e->from, e->bytes, e->size);
            s->key = 0;
        }
        return;
    }
    enum err err = dht_core_packet(n->core, s->now_us, wall_s(s), &from, true, e->bytes, e->size, &s->fx);
    if (err != ERR_OK && !s->node[e->from].is_hostile && err != ERR_UNAVAILABLE) {
        fprintf(stderr, "node %u refuses a packet of %u: %s\n", e->to, e->from, err_name(err));
        exit(1);
    }
    perform(s, e->to);
}

static void wake(struct swarm *s, const struct swarm_event *e)
{
    struct swarm_node *n = &s->node[e->to];

    if (n->state != SWARM_UP || n->life != e->from_life || n->due_us != e->at_us || n->core == NULL) {
        return; /* planned anew since, or another life's */
    }
    n->due_us = 0;
    dht_core_clock(n->core, s->now_us, wall_s(s), &s->fx);
    perform(s, e->to);
}

static void next(struct swarm *s)
{
    struct swarm_event e = pop(s);

    s->now_us = e.at_us;
    if (e.bytes == NULL) {
        wake(s, &e);
    } else {
        deliver(s, &e);
        free(e.bytes);
    }
}

void swarm_until(struct swarm *s, uint64_t at_us)
{
    while (s->events > 0 && s->heap[0].at_us <= at_us) {
        next(s);
    }
    s->now_us = at_us > s->now_us ? at_us : s->now_us;
}

/* ---- lives ----------------------------------------------------------------------------------------- */

static bool verify(void *context, const uint8_t *owner, const uint8_t *message, size_t size, const uint8_t *signature)
{
    uint8_t out[crypto_shorthash_BYTES];

    (void)context;
    (void)crypto_shorthash(out, message, size, owner);
    return memcmp(out, signature, sizeof out) == 0;
}

void swarm_init(struct swarm *s, uint64_t seed, uint32_t nodes, struct distance distance)
{
    memset(s, 0, sizeof *s);
    (void)mallopt(M_MMAP_THRESHOLD, PAGES);
    (void)mallopt(M_MMAP_MAX, INT32_MAX);
    s->seed = seed;
    rng_init(&s->rng, seed);
    s->distance = distance;
    s->now_us = SWARM_S;
    s->nodes = nodes;
    s->node = grown(NULL, nodes * sizeof *s->node);
    memset(s->node, 0, nodes * sizeof *s->node);
    s->config = (struct dht_config){.peers_max = nodes > 8192 ? 8192 : nodes, .records_max = CONFIG_RECORDS,
                                    .store_bytes = CONFIG_STORE, .owner_bytes = CONFIG_STORE,
                                    .source_bytes = CONFIG_STORE, .wishes_max = 4, .verify = verify,
                                    .tuning = dht_core_usual()};
}

void swarm_fini(struct swarm *s)
{
    for (uint32_t i = 0; i < s->nodes; i++) {
        free(s->node[i].memory);
    }
    while (s->events > 0) {
        free(s->heap[--s->events].bytes);
    }
    free(s->node);
    free(s->heap);
    free(s->end);
    distance_fini(&s->distance);
}

void swarm_start(struct swarm *s, uint32_t node)
{
    struct swarm_node *n = &s->node[node];
    struct dht_config c = s->config;

    n->life++;
    n->state = SWARM_UP;
    n->due_us = 0;
    c.node = swarm_contact(s, node).node;
    c.seed = rng_next(&s->rng);
    bytes_put_be64(c.secret, rng_next(&s->rng));
    if (n->is_hostile) {
        return;
    }
    free(n->memory);
    n->memory = calloc(1, dht_core_size(&c));
    if (n->memory == NULL || dht_core_init(n->memory, &c, s->now_us, &n->core) != ERR_OK) {
        abort();
    }
}

void swarm_stop(struct swarm *s, uint32_t node, enum swarm_state state)
{
    s->node[node].state = state;
}

void swarm_wake(struct swarm *s, uint32_t node)
{
    dht_core_clock(s->node[node].core, s->now_us, wall_s(s), &s->fx);
    perform(s, node);
}

void swarm_tell(struct swarm *s, uint32_t node, uint32_t about, enum dht_member_state state)
{
    struct dht_contact who = swarm_contact(s, about);

    if (s->node[node].state == SWARM_UP && !s->node[node].is_hostile) {
        dht_core_member(s->node[node].core, s->now_us, &who, state, &s->fx);
        perform(s, node);
    }
}

void swarm_join(struct swarm *s, uint32_t node, uint32_t via)
{
    struct dht_contact at = swarm_contact(s, via);
    bool has_node = false;

    if (dht_core_bootstrap(s->node[node].core, s->now_us, &at, &has_node, 1, &s->fx) != ERR_OK) {
        abort();
    }
    perform(s, node);
}

/* ---- wishes ---------------------------------------------------------------------------------------- */

static uint32_t begin(struct swarm *s)
{
    if (s->wishes == s->wishes_room) {
        s->wishes_room = s->wishes_room == 0 ? 64 : 2 * s->wishes_room;
        s->end = grown(s->end, s->wishes_room * sizeof *s->end);
    }
    s->end[s->wishes] = (struct swarm_end){.begun_us = s->now_us};
    return ++s->wishes;
}

static uint32_t begun(struct swarm *s, uint32_t node, uint32_t wish, enum err e)
{
    if (e != ERR_OK) {
        s->end[wish - 1].is_over = true;
        s->end[wish - 1].done.status = e;
    }
    perform(s, node);
    return wish;
}

uint32_t swarm_get(struct swarm *s, uint32_t node, const struct dht_id *key, uint32_t reads)
{
    uint32_t wish = begin(s);

    return begun(s, node, wish, dht_core_get(s->node[node].core, s->now_us, wish, key, reads, &s->fx));
}

uint32_t swarm_put(struct swarm *s, uint32_t node, const struct dht_record *r, const uint64_t *expected)
{
    uint32_t wish = begin(s);

    return begun(s, node, wish, dht_core_put(s->node[node].core, s->now_us, wish, r, expected, &s->fx));
}

uint32_t swarm_find(struct swarm *s, uint32_t node, const struct dht_id *target)
{
    uint32_t wish = begin(s);

    return begun(s, node, wish, dht_core_find(s->node[node].core, s->now_us, wish, target, &s->fx));
}

const struct swarm_end *swarm_wait(struct swarm *s, uint32_t wish)
{
    while (!s->end[wish - 1].is_over && s->events > 0) {
        next(s);
    }
    return &s->end[wish - 1];
}

uint32_t swarm_any(struct swarm *s)
{
    uint32_t node;

    do {
        node = (uint32_t)rng_below(&s->rng, s->nodes);
    } while (s->node[node].state != SWARM_UP || s->node[node].is_hostile);
    return node;
}

static bool holds(const struct dht *core, const struct dht_id *key)
{
    uint8_t bytes[DHT_RECORD_MAX];
    struct dht_record r;
    uint32_t first = 0, end = dht_core_records(core);

    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        dht_core_look(core, middle, bytes, &r);
        if (memcmp(r.key.byte, key->byte, DHT_ID_SIZE) < 0) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    if (first == dht_core_records(core)) {
        return false;
    }
    dht_core_look(core, first, bytes, &r);
    return dht_id_equal(&r.key, key);
}

bool swarm_holds(const struct swarm *s, uint32_t node, const struct dht_id *key)
{
    return holds(s->node[node].core, key);
}

uint32_t swarm_holders(const struct swarm *s, const struct dht_id *key)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->nodes; i++) {
        count += s->node[i].state == SWARM_UP && !s->node[i].is_hostile && holds(s->node[i].core, key);
    }
    return count;
}

/* ---- records --------------------------------------------------------------------------------------- */

void swarm_immutable(struct swarm *s, uint8_t *to, uint16_t size, uint32_t ttl_ms, struct dht_record *ret)
{
    for (uint16_t i = 0; i < size; i++) {
        to[i] = (uint8_t)rng_next(&s->rng);
    }
    *ret = (struct dht_record){.kind = DHT_IMMUTABLE, .left_ms = ttl_ms, .value = to, .value_size = size};
    dht_record_place(ret);
}

void swarm_signed(struct swarm *s, uint8_t to[DHT_OWNER_SIZE + DHT_SIGNATURE_SIZE], enum dht_record_kind kind,
                  uint32_t owner, const char *salt, const char *value, uint64_t seq, uint32_t ttl_ms,
                  struct dht_record *ret)
{
    uint8_t message[DHT_RECORD_MESSAGE_MAX];

    memset(to, 0, DHT_OWNER_SIZE + DHT_SIGNATURE_SIZE);
    bytes_put_be32(to, owner);
    *ret = (struct dht_record){.kind = kind, .left_ms = ttl_ms, .seq = seq, .until_s = wall_s(s) + ttl_ms / 1000 + 1,
                               .owner = to, .salt = (const uint8_t *)salt, .salt_size = (uint8_t)strlen(salt),
                               .value = (const uint8_t *)value, .value_size = (uint16_t)strlen(value),
                               .signature = to + DHT_OWNER_SIZE};
    (void)crypto_shorthash(to + DHT_OWNER_SIZE, message, dht_record_message(ret, message), to);
    dht_record_place(ret);
}
