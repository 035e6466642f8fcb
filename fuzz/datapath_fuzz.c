/* Any datagrams at any time, at a node that has one friend: nothing is taken that the friend did not say, no answer is
 * larger than its question, nobody else becomes the friend, and the friend is still heard afterwards. The same bytes
 * are packets that the node is to send, and prefixes.
 *
 * Input: datagrams one after another, each a byte of how it goes on (bit 7: it begins as the friend's last datagram
 * and the input's bytes are laid over it with XOR; bits 0 to 6: tens of ms that pass), a byte that says from where, and
 * two bytes of length. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/core.h"
#include "datapath/inner.h"

enum { KEPT = 0x80, TICK_MS = 10, HEAD = 4, MTU = 1420, ROOM = MTU + 64, FRIEND = 1, NODE = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct side {
    void *memory;
    struct datapath *core;
    uint32_t peer;
};

static struct datapath_effects fx;
static uint8_t last[ROOM];
static size_t last_size;

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct datapath_endpoint place_of(uint8_t number)
{
    return (struct datapath_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = number}, .port = 51820};
}

static struct datapath_time at(uint64_t ms)
{
    return (struct datapath_time){.ms = ms, .wall_ns = ms * 1000000};
}

static void make(struct side *s, uint8_t number, uint8_t other)
{
    struct datapath_config c = {.peers_max = 2, .prefixes_max = 8, .mtu = MTU, .pace = datapath_pace_usual(),
                                .aead = &datapath_aead_sodium,
                                .own = datapath_aead_has_aes() ? &datapath_aead_aes : NULL};
    struct datapath_peer_config p = {.endpoint = place_of(other)};
    struct datapath_prefix prefix = {.ip = {10, 0, 0, other}, .size = 4, .bits = 32};
    struct datapath_noise_self self;

    memset(c.secret, number, sizeof c.secret);
    memset(c.seed, number, sizeof c.seed);
    memset(self.secret, other, sizeof self.secret);
    s->memory = malloc(datapath_core_size(c.peers_max, c.prefixes_max, c.mtu));
    must(s->memory != NULL && datapath_core_init(s->memory, &c, at(1), &s->core) == ERR_OK);
    must(datapath_noise_public(&self) == ERR_OK);
    memcpy(p.public, self.public, sizeof p.public);
    must(datapath_core_add(s->core, &p, at(1), &s->peer) == ERR_OK);
    must(datapath_core_allow(s->core, s->peer, &prefix) == ERR_OK);
}

static size_t receive(struct side *s, uint64_t ms, const struct datapath_endpoint *from, const uint8_t *bytes,
                      size_t size, enum datapath_verdict *ret)
{
    uint8_t *copy = malloc(size > 0 ? size : 1); /* of exactly this size */
    const uint8_t *packet;
    size_t packet_size;
    uint32_t peer;

    must(copy != NULL);
    memcpy(copy, bytes, size);
    *ret = datapath_core_receive(s->core, at(ms), from, copy, size, &packet, &packet_size, &peer, &fx);
    free(copy);
    return packet_size;
}

/* The friend speaks until the node has heard it; its last datagram stays in `last`. */
static void friend_speaks(struct side *node, struct side *friend, uint64_t ms)
{
    const struct datapath_endpoint node_at = place_of(NODE), friend_at = place_of(FRIEND);
    uint8_t packet[60] = {0x45, 0, 0, 60, [12] = 10, 0, 0, FRIEND, 10, 0, 0, NODE}, out[DATAPATH_ROOM], answer[ROOM];
    size_t total, got = 0, answer_size;
    struct datapath_endpoint to;
    enum datapath_verdict v;

    for (int i = 0; i < 40 && got == 0; i++, ms += 1000) {
        (void)datapath_core_send(friend->core, at(ms), packet, sizeof packet, out, &total, &to, &fx);
        while (total > 0 || fx.sends > 0) {
            last_size = total > 0 ? total : fx.send[0].size;
            memcpy(last, total > 0 ? out : fx.bytes + fx.send[0].at, last_size);
            got += receive(node, ms, &friend_at, last, last_size, &v);
            answer_size = fx.sends > 0 ? fx.send[0].size : 0;
            memcpy(answer, fx.bytes, answer_size);
            total = fx.sends = 0;
            if (answer_size > 0) {
                (void)receive(friend, ms, &node_at, answer, answer_size, &v);
            }
        }
        datapath_core_clock(friend->core, at(ms), &fx);
    }
    must(got == sizeof packet);
}

/* The same bytes as a packet of ours and as a prefix. */
static void try_otherwise(struct side *node, uint64_t ms, const uint8_t *bytes, size_t size)
{
    uint8_t out[DATAPATH_ROOM], *copy = malloc(size > 0 ? size : 1);
    struct datapath_prefix prefix = {.size = 0};
    struct datapath_inner head;
    struct datapath_endpoint to;
    size_t total;

    must(copy != NULL);
    memcpy(copy, bytes, size);
    if (datapath_inner_read(copy, size, &head)) {
        must(head.size <= size && head.size > 0);
    }
    enum datapath_verdict v = datapath_core_send(node->core, at(ms), copy, size, out, &total, &to, &fx);
    must(v != DATAPATH_TAKEN || total <= DATAPATH_ROOM);
    memcpy(&prefix, copy, size < sizeof prefix ? size : sizeof prefix);
    if (datapath_core_allow(node->core, node->peer, &prefix) == ERR_OK) {
        must(datapath_core_disallow(node->core, node->peer, &prefix) == ERR_OK);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct side node, friend;
    uint8_t bytes[ROOM];
    uint64_t ms = 1000;
    size_t read = 0;

    make(&node, NODE, FRIEND);
    make(&friend, FRIEND, NODE);
    friend_speaks(&node, &friend, ms);
    while (read + HEAD <= size) {
        struct datapath_endpoint from = place_of((uint8_t)(data[read + 1] | 4)); /* never the friend's */
        size_t len = (size_t)data[read + 2] << 8 | data[read + 3];
        bool is_kept = (data[read] & KEPT) != 0;
        enum datapath_verdict v;
        ms += (uint64_t)(data[read] & ~KEPT) * TICK_MS;
        read += HEAD;
        len = len > sizeof bytes ? sizeof bytes : len;
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes, last, is_kept ? last_size : 0);
        for (size_t i = 0; i < len && read < size; i++) {
            bytes[i] ^= data[read++];
        }
        size_t total = is_kept && len < last_size ? last_size : len;
        must(receive(&node, ms, &from, bytes, total, &v) == 0 && v != DATAPATH_TAKEN);
        must(fx.sends == 0 || (fx.sends == 1 && fx.send[0].size < total && v == DATAPATH_BUSY));
        try_otherwise(&node, ms, bytes, total);
        datapath_core_clock(node.core, at(ms), &fx);
        must(fx.sends <= DATAPATH_SENDS_MAX);
    }
    /* A packet of the node's own may have begun a handshake: after its try the friend is heard again. */
    friend_speaks(&node, &friend, ms + 2000);
    free(node.memory);
    free(friend.memory);
    return 0;
}
