#include "tests/unit/datapath/core_kit.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "tests/support/check.h"

static void put_on_wire(struct kit *k, uint32_t from, const struct datapath_endpoint *to, const uint8_t *bytes, size_t size)
{
    uint32_t who = 0;

    while (who < KIT_NODES && !datapath_message_is_same(&k->node[who].at, to)) {
        who++;
    }
    if (who == KIT_NODES) {
        return; /* nobody is there */
    }
    REQUIRE(k->wire < KIT_WIRE && size <= KIT_ROOM, "the wire has room");
    struct kit_datagram *d = &k->datagram[k->wire++];
    *d = (struct kit_datagram){.from = from, .to = who, .at = k->node[from].at, .size = size};
    memcpy(d->bytes, bytes, size);
}

static void perform(struct kit *k, uint32_t node)
{
    for (uint32_t i = 0; i < k->fx.sends; i++) {
        put_on_wire(k, node, &k->fx.send[i].to, k->fx.bytes + k->fx.send[i].at, k->fx.send[i].size);
    }
    for (uint32_t i = 0; i < k->fx.notes; i++) {
        k->node[node].notes[k->fx.note[i].kind]++;
    }
    k->node[node].has_heard |= k->fx.has_heard;
}

static void make(struct kit *k, uint32_t node, const uint8_t psk[32], const struct datapath_heard heard[KIT_NODES])
{
    struct kit_node *n = &k->node[node];

    free(n->memory);
    n->memory = malloc(datapath_core_size(KIT_PEERS, 16, KIT_MTU));
    REQUIRE(datapath_live_sets(KIT_PEERS) == KIT_PEERS, "as many sets as peers");
    memset(n->set, 0, sizeof n->set);
    datapath_live_init(&n->live, n->set, KIT_PEERS);
    n->config.live = &n->live;
    memset(n->callers_set, 0, sizeof n->callers_set);
    datapath_live_init(&n->callers, n->callers_set, KIT_PEERS);
    n->config.callers = &n->callers;
    REQUIRE(n->memory != NULL && datapath_core_init(n->memory, &n->config, k->now, &n->core) == ERR_OK, "core");
    for (uint32_t i = 0; i < KIT_NODES; i++) {
        struct datapath_peer_config c = {.endpoint = k->node[i].at};
        struct datapath_prefix v4 = {.ip = {10, 0, 0, (uint8_t)(i + 1)}, .size = 4, .bits = 32};
        struct datapath_prefix v6 = {.ip = {0xfd, [15] = (uint8_t)(i + 1)}, .size = 16, .bits = 128};
        struct datapath_noise_self self;
        if (i == node) {
            continue;
        }
        memcpy(self.secret, k->node[i].config.secret, 32);
        REQUIRE(datapath_noise_public(&self) == ERR_OK, "key");
        memcpy(c.public, self.public, 32);
        memcpy(c.psk, psk, 32);
        c.heard = heard[i];
        REQUIRE(datapath_core_add(n->core, &c, k->now, &n->peer[i]) == ERR_OK, "peer");
        REQUIRE(datapath_core_allow(n->core, n->peer[i], &v4) == ERR_OK, "prefix");
        REQUIRE(datapath_core_allow(n->core, n->peer[i], &v6) == ERR_OK, "prefix");
    }
}

void kit_begin(struct kit *k, const uint8_t psk[32])
{
    static const struct datapath_heard heard[KIT_NODES];

    memset(k, 0, sizeof *k);
    k->now = (struct datapath_time){.ms = 1000000, .wall_ns = UINT64_C(1800000000000000000)};
    for (uint32_t i = 0; i < KIT_NODES; i++) {
        struct kit_node *n = &k->node[i];
        n->config = (struct datapath_config){.peers_max = KIT_PEERS, .prefixes_max = 16, .mtu = KIT_MTU,
                                             .pace = datapath_pace_usual(), .aead = &datapath_aead_sodium};
        memset(n->config.secret, 0x40 + (int)i, 32);
        memset(n->config.seed, 1 + (int)i, 32);
        n->at = (struct datapath_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 192, [15] = (uint8_t)(i + 1)},
                                           .port = 51820};
    }
    for (uint32_t i = 0; i < KIT_NODES; i++) {
        make(k, i, psk, heard);
    }
}

void kit_end(struct kit *k)
{
    static const struct datapath_shield_set nothing[KIT_PEERS];
    struct datapath_view v;

    for (uint32_t i = 0; i < KIT_NODES; i++) {
        for (uint32_t peer = 0; peer < KIT_PEERS; peer++) {
            if (datapath_core_view(k->node[i].core, peer, &v)) {
                datapath_core_remove(k->node[i].core, peer);
            }
        }
        REQUIRE(memcmp(k->node[i].set, nothing, sizeof nothing) == 0, "without peers a shield lets no id through");
        REQUIRE(memcmp(k->node[i].callers_set, nothing, sizeof nothing) == 0, "nor anybody's number");
        datapath_core_fini(k->node[i].core);
        free(k->node[i].memory);
    }
}

void kit_restart(struct kit *k, uint32_t node, bool has_kept)
{
    struct kit_node *n = &k->node[node];
    struct datapath_heard heard[KIT_NODES] = {{{0}, {0}}};
    uint8_t psk[32] = {0};

    for (uint32_t i = 0; i < KIT_NODES; i++) {
        if (i != node) {
            struct datapath_view v = kit_view(k, node, i);
            memcpy(psk, v.config.psk, 32);
            heard[i] = has_kept ? v.config.heard : heard[i];
        }
    }
    n->config.seed[31]++;
    n->config.stamp_ns = has_kept ? datapath_core_stamp_ns(n->core) : 0;
    make(k, node, psk, heard);
}

size_t kit_packet(uint8_t *out, uint32_t a, uint32_t b, size_t size)
{
    memset(out, 0xc3, size);
    memcpy(out, (const uint8_t[]){0x45, 0, (uint8_t)(size >> 8), (uint8_t)size}, 4);
    memcpy(out + 12, (const uint8_t[]){10, 0, 0, (uint8_t)(a + 1), 10, 0, 0, (uint8_t)(b + 1)}, 8);
    return size;
}

enum datapath_verdict kit_send(struct kit *k, uint32_t a, uint32_t b, size_t size)
{
    uint8_t packet[KIT_ROOM], out[DATAPATH_ROOM];
    struct datapath_endpoint to;
    size_t total;

    kit_packet(packet, a, b, size);
    k->node[a].verdict = datapath_core_send(k->node[a].core, k->now, packet, size, out, &total, &to, &k->fx);
    if (total > 0) {
        put_on_wire(k, a, &to, out, total);
    }
    perform(k, a);
    return k->node[a].verdict;
}

enum datapath_verdict kit_send_frame(struct kit *k, uint32_t a, uint32_t b, const uint8_t *text, size_t size)
{
    struct kit_node *n = &k->node[a];
    uint8_t out[DATAPATH_ROOM];
    struct datapath_endpoint to;
    size_t total;

    n->verdict = datapath_core_send_to(n->core, k->now, n->peer[b], text, size, out, &total, &to, &k->fx);
    if (total > 0) {
        put_on_wire(k, a, &to, out, total);
    }
    perform(k, a);
    return n->verdict;
}

/* Whether a shield lets it through, as far as ids go. */
static bool passes(const struct kit_node *n, const uint8_t *bytes, size_t size)
{
    enum datapath_kind kind = datapath_message_kind(bytes, size);

    if (kind == DATAPATH_KIND_NONE || kind == DATAPATH_KIND_INITIATION) {
        return true;
    }
    return datapath_live_has(&n->live, datapath_message_get32(bytes + (kind == DATAPATH_KIND_RESPONSE ? 8 : 4)));
}

enum datapath_verdict kit_inject(struct kit *k, uint32_t to, const struct datapath_endpoint *at, const uint8_t *bytes,
                                 size_t size)
{
    struct kit_node *n = &k->node[to];
    /* Of exactly this size: a byte read beyond it is seen. */
    uint8_t *copy = malloc(size > 0 ? size : 1);
    const uint8_t *packet = NULL;
    size_t packet_size;
    uint32_t peer;

    REQUIRE(copy != NULL, "memory");
    memcpy(copy, bytes, size);
    bool is_let_through = passes(n, bytes, size);
    n->verdict = datapath_core_receive(n->core, k->now, at, copy, size, &packet, &packet_size, &peer, &k->fx);
    if (n->verdict == DATAPATH_TAKEN && packet_size > 0) {
        n->got++;
        memcpy(n->last, packet, packet_size);
        n->last_size = packet_size;
    }
    REQUIRE(is_let_through || n->verdict != DATAPATH_TAKEN, "a shield lets through what is good");
    free(copy);
    perform(k, to);
    return n->verdict;
}

enum datapath_verdict kit_deliver(struct kit *k)
{
    struct kit_datagram d;

    REQUIRE(k->wire > 0, "something is on the wire");
    d = k->datagram[0];
    memmove(k->datagram, k->datagram + 1, --k->wire * sizeof d);
    return kit_inject(k, d.to, &d.at, d.bytes, d.size);
}

void kit_settle(struct kit *k)
{
    for (int i = 0; k->wire > 0; i++) {
        REQUIRE(i < 1000, "they come to rest");
        (void)kit_deliver(k);
    }
}

void kit_lose(struct kit *k)
{
    k->wire = 0;
}

void kit_drop(struct kit *k)
{
    memmove(k->datagram, k->datagram + 1, --k->wire * sizeof k->datagram[0]);
}

uint64_t kit_tick(struct kit *k, uint64_t ms)
{
    uint64_t next_ms = UINT64_MAX;

    k->now.ms += ms;
    k->now.wall_ns += ms * 1000000;
    for (uint32_t i = 0; i < KIT_NODES; i++) {
        datapath_core_clock(k->node[i].core, k->now, &k->fx);
        perform(k, i);
        next_ms = k->fx.due_ms < next_ms ? k->fx.due_ms : next_ms;
    }
    return next_ms > k->now.ms ? next_ms - k->now.ms : 0;
}

void kit_pass(struct kit *k, uint64_t ms, bool is_lossy)
{
    uint64_t end = k->now.ms + ms;

    while (k->now.ms < end) {
        uint64_t next = end;
        for (uint32_t i = 0; i < KIT_NODES; i++) {
            datapath_core_clock(k->node[i].core, k->now, &k->fx);
            perform(k, i);
            next = k->fx.due_ms < next ? k->fx.due_ms : next;
        }
        if (is_lossy) {
            kit_lose(k);
        } else if (k->wire > 0) {
            kit_settle(k);
            continue; /* what came may have set an earlier time */
        }
        next = next > k->now.ms ? next : k->now.ms + 1;
        k->now.wall_ns += (next - k->now.ms) * 1000000;
        k->now.ms = next;
    }
}

struct datapath_view kit_view(const struct kit *k, uint32_t node, uint32_t of)
{
    struct datapath_view v;

    REQUIRE(datapath_core_view(k->node[node].core, k->node[node].peer[of], &v), "peer %u of %u", of, node);
    return v;
}
