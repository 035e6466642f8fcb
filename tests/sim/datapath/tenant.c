#include "tests/sim/datapath/tenant.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "datapath/cookie.h"
#include "tests/sim/datapath/check.h"

enum {
    PORT = 51820,
    FOE = 200,         /* the last byte of somebody's address */
    FLOOD = 200,       /* initiations at once */
    US = 1000,
    FILE_STAMPS = 0,
    OFFER = DATAPATH_MESSAGE_HEAD + DATAPATH_OWN_SIZE + DATAPATH_MESSAGE_TAG,
};

/* What a shell keeps over a restart. */
struct kept {
    uint64_t stamp_ns;
    struct datapath_heard heard[TENANT_NODES];
};

struct tenant_truth *tenant_truth(const struct world *w)
{
    return w->aim[0];
}

struct tenant_seat *tenant_seat(const struct world *w, uint32_t node)
{
    struct tenant_seat *s = w->node[node].state[0];

    return s == NULL || s->core == NULL ? NULL : s;
}

static struct datapath_endpoint endpoint_of(uint32_t number, uint16_t port)
{
    return (struct datapath_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)number}, .port = port};
}

static struct datapath_time time_of(const struct world_event *ev)
{
    return (struct datapath_time){.ms = 1 + ev->now_us / US, .wall_ns = UINT64_C(1700000000000000000) + ev->wall_us * 1000};
}

static void secret_of(uint32_t node, uint8_t ret[32])
{
    memset(ret, 0x51 + (int)node * 3, 32);
}

/* ---- lives ------------------------------------------------------------------------------------------ */

static void add_peers(struct world *w, uint32_t node, struct tenant_seat *s, struct datapath_time now,
                      const struct kept *kept)
{
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        struct datapath_noise_self self;
        struct datapath_peer_config c = {.endpoint = endpoint_of(i, tenant_truth(w)->port[i]),
                                         .persist_ms = tenant_truth(w)->persist_ms};
        struct datapath_prefix p = {.ip = {10, 9, 0, (uint8_t)i}, .size = 4, .bits = 32};
        if (i == node) {
            continue;
        }
        secret_of(i, self.secret);
        c.heard = kept->heard[i];
        memset(c.psk, (int)(node * i), sizeof c.psk);
        if (datapath_noise_public(&self) != ERR_OK || (memcpy(c.public, self.public, 32),
            datapath_core_add(s->core, &c, now, &s->peer[i])) != ERR_OK ||
            datapath_core_allow(s->core, s->peer[i], &p) != ERR_OK) {
            world_fail(w, "node %" PRIu32 " cannot have %" PRIu32 " as a peer", node, i);
        }
    }
}

static void start(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev)
{
    struct tenant_truth *t = tenant_truth(w);
    struct datapath_config c = {.peers_max = TENANT_NODES, .prefixes_max = TENANT_NODES, .mtu = TENANT_MTU,
                                .pace = t->pace, .aead = &datapath_aead_sodium,
                                .own = t->has_own[node] ? &datapath_aead_aes : NULL};
    struct kept kept = {0};

    (void)disk_read(&w->node[node].disk, FILE_STAMPS, 0, &kept, sizeof kept);
    c.stamp_ns = kept.stamp_ns;
    secret_of(node, c.secret);
    bytes_put_be64(c.seed, dice_below(&w->dice, DICE_TENANT, UINT64_MAX));
    bytes_put_be32(c.seed + 8, node);
    s->memory = malloc(datapath_core_size(c.peers_max, c.prefixes_max, c.mtu));
    if (s->memory == NULL || datapath_core_init(s->memory, &c, time_of(ev), &s->core) != ERR_OK) {
        abort();
    }
    t->lives[node]++;
    add_peers(w, node, s, time_of(ev), &kept);
}

static void stop(void *state)
{
    struct tenant_seat *s = state;

    free(s->memory);
    *s = (struct tenant_seat){0};
}

/* ---- effects ---------------------------------------------------------------------------------------- */

static void keep_stamps(struct world *w, uint32_t node, const struct tenant_seat *s, struct world_effects *fx)
{
    struct kept kept = {.stamp_ns = datapath_core_stamp_ns(s->core)};

    for (uint32_t i = 0; i < w->set.nodes; i++) {
        struct datapath_view v;
        if (i != node && datapath_core_view(s->core, s->peer[i], &v)) {
            kept.heard[i] = v.config.heard;
        }
    }
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_WRITE, .file = FILE_STAMPS}, &kept, sizeof kept);
}

static void put(struct world *w, uint32_t node, const struct datapath_endpoint *to, const uint8_t *bytes, size_t size,
                struct world_effects *fx)
{
    struct tenant_truth *t = tenant_truth(w);
    uint8_t packet[TENANT_HEAD + sizeof t->tape[0].bytes];
    uint32_t whom = to->ip[15];

    if (whom >= w->set.nodes) {
        return; /* somebody's */
    }
    check_sent(w, node, whom, bytes, size);
    packet[0] = (uint8_t)(t->port[node] >> 8);
    packet[1] = (uint8_t)t->port[node];
    packet[2] = (uint8_t)(to->port >> 8);
    packet[3] = (uint8_t)to->port;
    memcpy(packet + TENANT_HEAD, bytes, size);
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_SEND, .to = whom}, packet, TENANT_HEAD + size);
    struct tenant_taped *taped = &t->tape[t->taped++ % TENANT_TAPE];
    *taped = (struct tenant_taped){.from = node, .to = whom, .from_port = t->port[node], .size = size};
    memcpy(taped->bytes, bytes, size);
}

static void perform(struct world *w, uint32_t node, struct tenant_seat *s, const struct datapath_effects *d,
                    struct world_effects *fx)
{
    if (d->has_heard) {
        keep_stamps(w, node, s, fx); /* before anybody hears of it */
    }
    for (uint32_t i = 0; i < d->sends; i++) {
        put(w, node, &d->send[i].to, d->bytes + d->send[i].at, d->send[i].size, fx);
    }
    for (uint32_t i = 0; i < d->notes; i++) {
        tenant_truth(w)->sessions += d->note[i].kind == DATAPATH_NOTE_SESSION;
        world_say(w, "node %" PRIu32 ": note %d of peer %" PRIu32, node, (int)d->note[i].kind, d->note[i].peer);
    }
}

/* ---- events ----------------------------------------------------------------------------------------- */

static struct datapath_effects dfx;

static void mark_taken(struct tenant_truth *t, uint32_t node, const uint8_t *bytes, size_t size)
{
    for (int i = 0; i < TENANT_TAPE; i++) {
        struct tenant_taped *taped = &t->tape[i];
        taped->was_taken |= taped->to == node && taped->size == size && memcmp(taped->bytes, bytes, size) == 0;
    }
}

static void receive(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev,
                    struct world_effects *fx)
{
    struct tenant_truth *t = tenant_truth(w);
    uint16_t from_port = (uint16_t)(ev->bytes[0] << 8 | ev->bytes[1]), port = (uint16_t)(ev->bytes[2] << 8 | ev->bytes[3]);
    struct datapath_endpoint from = endpoint_of(ev->from, from_port);
    uint8_t bytes[sizeof t->tape[0].bytes];
    size_t size = ev->size - TENANT_HEAD, packet_size;
    const uint8_t *packet = NULL;
    uint32_t peer;

    if (port != t->port[node]) {
        world_say(w, "node %" PRIu32 " is no more at port %u", node, port);
        return;
    }
    memcpy(bytes, ev->bytes + TENANT_HEAD, size);
    enum datapath_verdict v = datapath_core_receive(s->core, time_of(ev), &from, bytes, size, &packet, &packet_size,
                                                    &peer, &dfx);
    t->verdict[v]++;
    if (v != DATAPATH_TAKEN) {
        world_say(w, "node %" PRIu32 " refuses kind %d of %" PRIu32 ": %s", node, (int)bytes[0], ev->from,
                  datapath_core_verdict_name(v));
    }
    perform(w, node, s, &dfx, fx);
    if (v == DATAPATH_TAKEN || v == DATAPATH_TIE) {
        mark_taken(t, node, ev->bytes + TENANT_HEAD, size);
        if (packet_size > 0) {
            check_delivered(w, node, ev->from, packet, packet_size);
        }
    } else if (v == DATAPATH_FORGED || v == DATAPATH_KIND || v == DATAPATH_MAC1 || v == DATAPATH_INNER ||
               v == DATAPATH_SOURCE || v == DATAPATH_STRANGER) {
        /* A second answer to one cookie's question opens no more, and an offer of AES is no packet: neither is a fault. */
        bool is_offer = v == DATAPATH_INNER && t->has_own[ev->from] && !t->has_own[node] && size == OFFER;
        if (!is_offer && (v != DATAPATH_FORGED || datapath_message_kind(ev->bytes + TENANT_HEAD, size) != DATAPATH_KIND_COOKIE)) {
            world_fail(w, "node %" PRIu32 " refuses what %" PRIu32 " said: %s", node, ev->from,
                       datapath_core_verdict_name(v));
        }
    }
}

static void send(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev,
                 struct world_effects *fx)
{
    struct tenant_truth *t = tenant_truth(w);
    uint32_t to = (uint32_t)(ev->value >> 8) % w->set.nodes;
    uint8_t bytes[TENANT_MTU], out[DATAPATH_ROOM];
    uint32_t size = 28 + (uint32_t)dice_below(&w->dice, DICE_TENANT, TENANT_MTU - 28);
    struct datapath_endpoint at;
    size_t total;

    if (to == node || t->packets == TENANT_PACKETS) {
        return;
    }
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, (const uint8_t[]){0x45, 0, (uint8_t)(size >> 8), (uint8_t)size}, 4);
    memcpy(bytes + 12, (const uint8_t[]){10, 9, 0, (uint8_t)node, 10, 9, 0, (uint8_t)to}, 8);
    bytes_put_be64(bytes + 20, t->packets);
    for (size_t i = 28; i < size; i++) {
        bytes[i] = (uint8_t)(t->packets + i);
    }
    t->packet[t->packets++] = (struct tenant_packet){.from = node, .to = to, .size = size, .sent_us = w->now_us};
    enum datapath_verdict v = datapath_core_send(s->core, time_of(ev), bytes, size, out, &total, &at, &dfx);
    t->verdict[v]++;
    if (v != DATAPATH_TAKEN && v != DATAPATH_WAITING) {
        world_fail(w, "node %" PRIu32 " cannot send: %s", node, datapath_core_verdict_name(v));
    }
    if (total > 0) {
        put(w, node, &at, out, total, fx);
    }
    perform(w, node, s, &dfx, fx);
}

/* Somebody sends what passed before, changed or (if it came then) once more, from where he is. */
static void forge(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev)
{
    struct tenant_truth *t = tenant_truth(w);
    struct tenant_taped taped = t->tape[dice_below(&w->dice, DICE_TENANT, TENANT_TAPE)];
    struct datapath_endpoint foe = endpoint_of(FOE, 666);
    const uint8_t *packet;
    size_t packet_size;
    uint32_t peer;

    if (taped.size == 0 || taped.to != node) {
        return;
    }
    if (taped.was_taken && dice_below(&w->dice, DICE_TENANT, 2) == 0) {
        t->replayed++;
    } else {
        /* Not the second MAC, which nobody looks at as long as there is no load. */
        size_t bits = 8 * (taped.bytes[0] <= 2 ? taped.size - DATAPATH_HASH_MAC : taped.size);
        uint64_t bit = dice_below(&w->dice, DICE_TENANT, bits);
        taped.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        t->forged++;
    }
    enum datapath_verdict v = datapath_core_receive(s->core, time_of(ev), &foe, taped.bytes, taped.size, &packet,
                                                    &packet_size, &peer, &dfx);
    check_foe(w, node, &foe, v, taped.size, &dfx);
}

/* Initiations of nobody, with a right first MAC: whoever knows the node's public key can make them. */
static void flood(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev)
{
    struct datapath_cookie_peer made = {.has_mac1 = false};
    uint8_t bytes[DATAPATH_MESSAGE_INITIATION];

    datapath_cookie_keys(datapath_core_public(s->core), &made.keys);
    for (uint32_t i = 0; i < FLOOD; i++) {
        struct datapath_endpoint foe = endpoint_of(FOE, (uint16_t)(1 + i));
        const uint8_t *packet;
        size_t packet_size;
        uint32_t peer;
        memset(bytes, (int)i | 1, sizeof bytes);
        foe.ip[13] = (uint8_t)i;
        datapath_message_begin(bytes, DATAPATH_KIND_INITIATION);
        datapath_cookie_stamp(&made, bytes, sizeof bytes, 0);
        enum datapath_verdict v = datapath_core_receive(s->core, time_of(ev), &foe, bytes, sizeof bytes, &packet,
                                                        &packet_size, &peer, &dfx);
        tenant_truth(w)->verdict[v]++;
        check_foe(w, node, &foe, v, sizeof bytes, &dfx);
    }
    tenant_truth(w)->flooded += FLOOD;
}

static void order(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev,
                  struct world_effects *fx)
{
    struct tenant_truth *t = tenant_truth(w);

    switch ((enum tenant_order)(ev->value & 0xff)) {
    case TENANT_SEND:
        send(w, node, s, ev, fx);
        break;
    case TENANT_MOVE:
        t->port[node]++;
        t->moves++;
        world_say(w, "node %" PRIu32 " is at port %u now", node, t->port[node]);
        break;
    case TENANT_FORGE:
        forge(w, node, s, ev);
        break;
    case TENANT_FLOOD:
        flood(w, node, s, ev);
        break;
    case TENANT_ORDERS:
        break;
    }
}

static void step(struct world *w, uint32_t node, void *state, const struct world_event *ev, struct world_effects *fx)
{
    struct tenant_seat *s = state;

    switch (ev->kind) {
    case WORLD_EV_START:
        start(w, node, s, ev);
        break;
    case WORLD_EV_TIMER:
        break;
    case WORLD_EV_PACKET:
        receive(w, node, s, ev, fx);
        break;
    case WORLD_EV_ORDER:
        order(w, node, s, ev, fx);
        break;
    case WORLD_EV_SYNCED:
    case WORLD_EV_FAILED:
        world_fail(w, "the disk refuses");
        break;
    }
    do {
        datapath_core_clock(s->core, time_of(ev), &dfx);
        perform(w, node, s, &dfx, fx);
    } while (dfx.due_ms <= time_of(ev).ms);
    if (dfx.due_ms != UINT64_MAX) {
        world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_TIMER, .value = (dfx.due_ms - 1) * US}, NULL, 0);
    }
}

/* ---- the truth -------------------------------------------------------------------------------------- */

void tenant_begin_truth(struct world *w)
{
    struct tenant_truth *t = calloc(1, sizeof *t);

    if (t == NULL) {
        abort();
    }
    for (int i = 0; i < TENANT_NODES; i++) {
        t->port[i] = PORT;
    }
    w->aim[0] = t;
}

static void fini(struct world *w)
{
    free(w->aim[0]);
}

const struct world_tenant tenant_datapath = {
    .name = "datapath", .state_size = sizeof(struct tenant_seat), .step = step, .stop = stop, .end = check_end, .fini = fini,
};
