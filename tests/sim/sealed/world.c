#include "tests/sim/sealed/world.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    REST_MS = 60000,
    REST_STEP_MS = 50,
    YEAR_MS_BITS = 35, /* 2^35 ms: a year and a month */
    PAYLOAD_LEN = 24,
};

static bool one_in(struct world *w, uint32_t n)
{
    return !w->is_quiet && n > 0 && rng_below(&w->rng, n) == 0;
}

static uint64_t clock_of(const struct world *w, const struct node *n)
{
    return w->now_ms + n->offset_ms;
}

static struct node_keys keys_of(uint8_t number, uint32_t newest, uint32_t count)
{
    struct node_keys k = {.name = "n", .cluster_keys = count};
    uint8_t seed[NODE_SEED_LEN];

    memset(seed, number + 1, sizeof seed);
    keys_derive(seed, &k);
    memset(k.cluster_id, 0xc1, sizeof k.cluster_id);
    for (uint32_t i = 0; i < count; i++) {
        k.cluster_epoch[i] = newest - i;
        memset(k.cluster_key[i], (int)(1 + (newest - i) % 255), NODE_KEY_LEN);
    }
    return k;
}

/* A life: without memory of the one before, on a clock that says anything. */
static void start(struct world *w, struct node *n)
{
    uint8_t seed[SEALED_SEED_LEN] = {0};

    bytes_put_be64(seed, rng_next(&w->rng));
    bytes_put_be32(seed + 8, ++n->life);
    sealed_free(n->sealed);
    n->offset_ms = rng_below(&w->rng, UINT64_C(1) << rng_below(&w->rng, YEAR_MS_BITS));
    enum err e = sealed_new(&n->keys, seed, WORLD_NODES_MAX, clock_of(w, n), &n->sealed);
    assert(e == ERR_OK);
    (void)e;
}

static void move(struct world *w, struct node *n)
{
    n->address = (struct sealed_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10}, .port = (uint16_t)++w->next_port};
    assert(w->next_port < WORLD_PORTS_MAX);
    w->owner[w->next_port] = (uint8_t)(n - w->node);
}

static uint32_t draw_rate(struct world *w, uint32_t least)
{
    return rng_below(&w->rng, 3) == 0 ? 0 : least << rng_below(&w->rng, 6);
}

void world_init(struct world *w, uint64_t seed)
{
    uint64_t delivered = w->delivered, attacked = w->attacked, restarts = w->restarts, rotations = w->rotations,
             moves = w->moves, lost = w->lost;
    bool is_loud = w->is_loud;

    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->is_loud = is_loud;
    w->delivered = delivered;
    w->attacked = attacked;
    w->restarts = restarts;
    w->rotations = rotations;
    w->moves = moves;
    w->lost = lost;
    rng_init(&w->rng, seed);
    w->nodes = (uint8_t)(2 + rng_below(&w->rng, WORLD_NODES_MAX - 1));
    w->lose = draw_rate(w, 2);
    w->twice = draw_rate(w, 2);
    w->restart = draw_rate(w, 32);
    w->move = draw_rate(w, 64);
    w->rotate = draw_rate(w, 64);
    w->jump = draw_rate(w, 32);
    w->attack = draw_rate(w, 1);
    w->delay_ms = 1u << rng_below(&w->rng, 11);
    w->epoch = 1 + (uint32_t)rng_below(&w->rng, 1000);
    w->now_ms = 1;
    for (uint8_t i = 0; i < w->nodes; i++) {
        w->node[i].keys = keys_of(i, w->epoch, 1);
        move(w, &w->node[i]);
        start(w, &w->node[i]);
    }
}

void world_fini(struct world *w)
{
    for (uint8_t i = 0; i < w->nodes; i++) {
        sealed_free(w->node[i].sealed);
        w->node[i].sealed = NULL;
    }
}

/* ---- the wire ----------------------------------------------------------------------------------- */

static struct node *at_address(struct world *w, const struct sealed_address *a)
{
    for (uint8_t i = 0; i < w->nodes; i++) {
        if (sealed_wire_same(&w->node[i].address, a)) {
            return &w->node[i];
        }
    }
    return NULL;
}

static void carry(struct world *w, const struct datagram *d)
{
    if (one_in(w, w->lose) || w->on_wire == WORLD_WIRE_MAX) {
        w->lost++;
        return;
    }
    struct datagram *on = &w->wire[w->on_wire++];
    *on = *d;
    on->due_ms = w->now_ms + (w->is_quiet ? 1 : rng_below(&w->rng, w->delay_ms + 1));
}

/* What node `sender` gives out. */
static void emit(struct world *w, uint8_t sender, const struct sealed_packet *out)
{
    struct datagram d = {.from = w->node[sender].address, .size = out->size};
    const struct node *to = at_address(w, &out->to);

    check_nonce(w, sender, out->bytes, out->size);
    if (w->is_loud) {
        fprintf(stderr, "%" PRIu64 " ms: node %u sends kind %02x, %zu bytes, to port %u\n", w->now_ms, sender,
                out->bytes[0], out->size, out->to.port);
    }
    if (to == NULL) {
        return; /* nobody lives there any more */
    }
    memcpy(d.bytes, out->bytes, out->size);
    d.to = (uint8_t)(to - w->node);
    w->record[w->recorded++ % WORLD_RECORD_MAX] = d;
    carry(w, &d);
    if (one_in(w, w->twice)) {
        carry(w, &d);
    }
}

/* Everything that `i` has to say now. */
static void drain(struct world *w, uint8_t i)
{
    uint8_t bytes[SEALED_PACKET_MAX];
    struct sealed_packet out = {.bytes = bytes};

    while (sealed_next(w->node[i].sealed, clock_of(w, &w->node[i]), &out)) {
        emit(w, i, &out);
    }
}

static void deliver(struct world *w, struct datagram *d)
{
    uint8_t bytes[SEALED_PACKET_MAX];
    struct sealed_packet out = {.bytes = bytes};
    struct sealed_payload payload;
    struct node *n = &w->node[d->to];

    unsigned verdict = sealed_receive(n->sealed, clock_of(w, n), &d->from, d->bytes, d->size, &payload, &out);
    if (w->is_loud) {
        fprintf(stderr, "%" PRIu64 " ms: node %u takes %02x from port %u: %s\n", w->now_ms, d->to, d->bytes[0],
                d->from.port, verdict == SEALED_TAKEN ? "taken" : sealed_refusal_name((enum sealed_refusal)verdict));
    }
    if (payload.size > 0) {
        check_once(w, d->to, &payload, &d->from);
    }
    if (out.size > 0) {
        emit(w, d->to, &out);
    }
    drain(w, d->to);
}

/* Time passes, and what is due then arrives, in drawn order. */
static void pass(struct world *w, uint64_t ms)
{
    w->now_ms += ms;
    for (uint32_t i = 0; i < w->on_wire;) {
        if (w->wire[i].due_ms <= w->now_ms) {
            struct datagram d = w->wire[i];
            w->wire[i] = w->wire[--w->on_wire];
            deliver(w, &d);
        } else {
            i++;
        }
    }
    for (uint8_t i = 0; i < w->nodes; i++) {
        drain(w, i);
    }
}

/* ---- what happens ------------------------------------------------------------------------------- */

static void speak(struct world *w, uint8_t sender, uint8_t receiver, bool by_address)
{
    uint8_t bytes[SEALED_PACKET_MAX], text[PAYLOAD_LEN] = {0};
    struct sealed_packet out = {.bytes = bytes};
    struct node *n = &w->node[sender];

    if (w->payloads == WORLD_PAYLOADS_MAX || sender == receiver) {
        return;
    }
    uint32_t number = w->payloads++;
    w->payload[number] = (struct payload){sender, by_address ? WORLD_ANYBODY : receiver, 0};
    bytes_put_be32(text, number);
    enum err e = sealed_send(n->sealed, clock_of(w, n), by_address ? NULL : w->node[receiver].keys.id,
                             &w->node[receiver].address, text, sizeof text, &out);
    assert(e == ERR_OK || e == ERR_LIMIT);
    if (e == ERR_OK && out.size > 0) {
        emit(w, sender, &out);
    }
    drain(w, sender);
}

/* Somebody on the wire has what was sent: again, changed, from elsewhere, to another. */
static void attack(struct world *w)
{
    if (w->recorded == 0) {
        return;
    }
    uint64_t kept = w->recorded < WORLD_RECORD_MAX ? w->recorded : WORLD_RECORD_MAX;
    struct datagram d = w->record[rng_below(&w->rng, kept)];
    uint64_t how = rng_below(&w->rng, 8);

    if (how == 0) {
        d.bytes[rng_below(&w->rng, d.size)] ^= (uint8_t)(1u << rng_below(&w->rng, 8));
    } else if (how == 1 && d.bytes[0] != SEALED_HELLO) {
        /* Who sees both ways and passes on everything, questions too, is an address translator: then the
         * peer does receive at its address. */
        d.from.port = (uint16_t)(1 + rng_below(&w->rng, w->next_port));
    } else if (how == 2) {
        d.to = (uint8_t)rng_below(&w->rng, w->nodes);
    } else if (how == 3) {
        d.size = 1 + rng_below(&w->rng, d.size);
    } else if (how == 4) { /* back to its sender */
        const struct node *n = at_address(w, &d.from);
        d.from = w->node[d.to].address;
        d.to = n == NULL ? d.to : (uint8_t)(n - w->node);
    }
    w->attacked++;
    deliver(w, &d);
}

/* A node learns of the newest key, or forgets the one before. */
static void rekey(struct world *w, uint8_t i, bool is_last)
{
    struct node *n = &w->node[i];

    n->keys = keys_of(i, w->epoch, is_last || w->epoch == 1 ? 1 : 2);
    enum err e = sealed_rekey(n->sealed, &n->keys);
    assert(e == ERR_OK);
    (void)e;
}

/* One step of a rotation. The next begins when everybody has the newest key. */
static void rotate(struct world *w)
{
    uint8_t i = (uint8_t)rng_below(&w->rng, w->nodes);
    bool has_all = true;

    for (uint8_t k = 0; k < w->nodes; k++) {
        has_all &= w->node[k].keys.cluster_epoch[0] == w->epoch;
    }
    if (w->node[i].keys.cluster_epoch[0] != w->epoch) {
        rekey(w, i, false);
    } else if (has_all && w->node[i].keys.cluster_keys == 2) {
        rekey(w, i, true);
    } else if (has_all) {
        w->epoch++;
        w->rotations++;
        rekey(w, i, false);
    }
}

void world_step(struct world *w)
{
    uint8_t i = (uint8_t)rng_below(&w->rng, w->nodes), k = (uint8_t)rng_below(&w->rng, w->nodes);

    if (one_in(w, w->restart)) {
        start(w, &w->node[i]);
        w->restarts++;
    }
    if (one_in(w, w->move)) {
        move(w, &w->node[i]);
        w->moves++;
    }
    if (one_in(w, w->jump)) {
        w->node[i].offset_ms += rng_below(&w->rng, UINT64_C(1) << rng_below(&w->rng, YEAR_MS_BITS));
    }
    if (one_in(w, w->rotate)) {
        rotate(w);
    }
    if (one_in(w, w->attack)) {
        attack(w);
    }
    speak(w, i, k, rng_below(&w->rng, 16) == 0);
    pass(w, rng_below(&w->rng, 1 + w->delay_ms));
}

void world_rest(struct world *w)
{
    for (uint8_t i = 0; i < w->nodes; i++) {
        rekey(w, i, false);
    }
    w->is_quiet = true;
    for (uint64_t end_ms = w->now_ms + REST_MS; w->now_ms < end_ms; pass(w, REST_STEP_MS)) {
        uint8_t i = (uint8_t)rng_below(&w->rng, w->nodes);
        speak(w, i, (uint8_t)rng_below(&w->rng, w->nodes), false);
    }
}
