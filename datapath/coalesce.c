#include "datapath/coalesce.h"

#include <assert.h>
#include <string.h>

#include "datapath/checksum.h"
#include "datapath/heads.h"

enum {
    V4_PLAIN = 0x45,          /* version 4, no options: with options nothing is joined */
    V6_SAME = 4,              /* bytes of IPv6's head that a flow has in common …      */
    V6_HOPS = 7,
    TCP_MAY = DATAPATH_HEADS_TCP_IS_ACK | DATAPATH_HEADS_TCP_PSH, /* flags of what is joined */
};

/* What a packet is to this file. */
struct seen {
    bool is_v6, is_udp, can_join;
    uint16_t head_size, transport;
    size_t payload_size;
    uint16_t id;
    uint32_t sequence;
    uint8_t flags;
};

/* ---- looking -------------------------------------------------------------------------------------------- */

static bool sum_holds(const struct seen *n, const uint8_t *packet, size_t size, bool is_unfinished)
{
    if (!n->is_v6 && datapath_checksum_end(datapath_checksum_add(0, packet, DATAPATH_HEADS_V4)) != 0) {
        return false;
    }
    if (is_unfinished) {
        return true;
    }
    const uint8_t *addresses = packet + (n->is_v6 ? DATAPATH_HEADS_V6_ADDRESSES : DATAPATH_HEADS_V4_ADDRESSES);
    uint64_t sum = datapath_checksum_pseudo(addresses, n->is_v6 ? 16 : 4,
                                            n->is_udp ? DATAPATH_HEADS_IS_UDP : DATAPATH_HEADS_IS_TCP,
                                            (uint32_t)(size - n->transport));

    return datapath_checksum_end(datapath_checksum_add(sum, packet + n->transport, size - n->transport)) == 0;
}

static bool look_at_network(const uint8_t *packet, size_t size, struct seen *n)
{
    uint8_t protocol;

    *n = (struct seen){.is_v6 = packet[0] >> 4 == 6};
    if (n->is_v6) {
        n->transport = DATAPATH_HEADS_V6;
        protocol = size < DATAPATH_HEADS_V6 ? 0 : packet[DATAPATH_HEADS_V6_NEXT];
    } else {
        n->transport = DATAPATH_HEADS_V4;
        if (size < DATAPATH_HEADS_V4 || packet[0] != V4_PLAIN ||
            (datapath_heads_get16(packet + DATAPATH_HEADS_V4_FRAGMENT) & ~DATAPATH_HEADS_V4_DONT) != 0) {
            return false;
        }
        n->id = datapath_heads_get16(packet + DATAPATH_HEADS_V4_ID);
        protocol = packet[DATAPATH_HEADS_V4_PROTOCOL];
    }
    n->is_udp = protocol == DATAPATH_HEADS_IS_UDP;
    return (n->is_udp || protocol == DATAPATH_HEADS_IS_TCP) &&
           size >= n->transport + (size_t)(n->is_udp ? DATAPATH_HEADS_UDP : DATAPATH_HEADS_TCP);
}

/* False: nothing is known of it that would put it in a flow. */
static bool look(const uint8_t *packet, size_t size, struct seen *n)
{
    if (!look_at_network(packet, size, n)) {
        return false;
    }
    const uint8_t *t = packet + n->transport;
    if (n->is_udp) {
        n->head_size = n->transport + DATAPATH_HEADS_UDP;
        n->payload_size = size - n->head_size;
        n->can_join = datapath_heads_get16(t + DATAPATH_HEADS_UDP_LENGTH) == size - n->transport &&
                      datapath_heads_get16(t + DATAPATH_HEADS_UDP_SUM) != 0; /* zero: it has none, and must not get one */
    } else {
        size_t own = (size_t)(t[DATAPATH_HEADS_TCP_LENGTH] >> 4) * 4;
        n->sequence = datapath_heads_get32(t + DATAPATH_HEADS_TCP_SEQUENCE);
        n->flags = t[DATAPATH_HEADS_TCP_FLAGS];
        n->can_join = own >= DATAPATH_HEADS_TCP && n->transport + own <= size &&
                      (n->flags & DATAPATH_HEADS_TCP_IS_ACK) != 0 && (n->flags & ~TCP_MAY) == 0;
        n->head_size = (uint16_t)(n->transport + (n->can_join ? own : DATAPATH_HEADS_TCP));
        n->payload_size = size - n->head_size;
    }
    n->can_join = n->can_join && n->payload_size > 0;
    return true;
}

/* ---- belonging ------------------------------------------------------------------------------------------ */

static bool is_same_flow(const struct datapath_coalesce_group *g, const struct seen *n, const uint8_t *packet, size_t link)
{
    size_t at = n->is_v6 ? DATAPATH_HEADS_V6_ADDRESSES : DATAPATH_HEADS_V4_ADDRESSES;

    return g->is_v6 == n->is_v6 && g->is_udp == n->is_udp && g->link == link &&
           memcmp(g->first - link, packet - link, link) == 0 &&
           memcmp(g->first + at, packet + at, n->transport - at + 4) == 0; /* addresses, and ports behind them */
}

static bool may_be_cut(const uint8_t *v4)
{
    return (datapath_heads_get16(v4 + DATAPATH_HEADS_V4_FRAGMENT) & DATAPATH_HEADS_V4_DONT) == 0;
}

/* Whether all that the joined packet says once is the same: what is left out is counted on, or made anew. */
static bool has_same_heads(const struct datapath_coalesce_group *g, const struct seen *n, const uint8_t *packet)
{
    const uint8_t *a = g->first, *b = packet, *s = a + g->transport, *t = b + n->transport;

    if (g->head_size != n->head_size) {
        return false;
    }
    if (n->is_v6 ? memcmp(a, b, V6_SAME) != 0 || a[V6_HOPS] != b[V6_HOPS]
                 : a[DATAPATH_HEADS_V4_TOS] != b[DATAPATH_HEADS_V4_TOS] ||
                       memcmp(a + DATAPATH_HEADS_V4_FRAGMENT, b + DATAPATH_HEADS_V4_FRAGMENT, 4) != 0) {
        return false; /* of IPv4: fragment bits, time to live, protocol */
    }
    if (!n->is_v6 && may_be_cut(a) && n->id != g->next_id) {
        return false; /* what may not be fragmented needs no identification: RFC 6864, section 4.1 */
    }
    return n->is_udp || (memcmp(s + DATAPATH_HEADS_TCP_ACK, t + DATAPATH_HEADS_TCP_ACK, 5) == 0 && /* and its length */
                         memcmp(s + DATAPATH_HEADS_TCP_WINDOW, t + DATAPATH_HEADS_TCP_WINDOW, 2) == 0 &&
                         memcmp(s + DATAPATH_HEADS_TCP_WINDOW + 4, t + DATAPATH_HEADS_TCP_WINDOW + 4,
                                n->head_size - n->transport - (DATAPATH_HEADS_TCP_WINDOW + 4)) == 0); /* urgent, options */
}

static bool can_follow(const struct datapath_coalesce_group *g, const struct seen *n, const uint8_t *packet)
{
    return !g->is_closed && n->can_join && g->pieces < DATAPATH_COALESCE_PIECES && n->payload_size <= g->each &&
           g->head_size + g->payload_size + n->payload_size <= DATAPATH_OFFLOAD_PACKET_MAX &&
           (n->is_udp || n->sequence == g->next_sequence) && has_same_heads(g, n, packet);
}

static void append(struct datapath_coalesce_group *g, const struct seen *n, const uint8_t *packet)
{
    g->piece[g->pieces++] = (struct datapath_coalesce_piece){.bytes = packet + n->head_size, .size = n->payload_size};
    g->payload_size += n->payload_size;
    g->next_sequence = n->sequence + (uint32_t)n->payload_size;
    g->next_id = (uint16_t)(n->id + 1);
    g->last_flags = n->flags;
    /* A shorter one is the last, and so is one that pushes: that flag is the last segment's alone. */
    g->is_closed = n->payload_size < g->each || (n->flags & DATAPATH_HEADS_TCP_PSH) != 0;
}

static void begin(struct datapath_coalesce_group *g, const struct seen *n, const uint8_t *packet, size_t size)
{
    g->first = packet;
    g->first_size = size;
    g->head_size = n->head_size;
    g->transport = n->transport;
    g->is_v6 = n->is_v6;
    g->is_udp = n->is_udp;
    g->each = (uint16_t)n->payload_size;
    g->payload_size = 0;
    g->pieces = 0;
    append(g, n, packet);
}

enum datapath_coalesce_result datapath_coalesce_add(struct datapath_coalesce *c, const uint8_t *packet, size_t size,
                                                    bool is_unfinished, int *ret_group)
{
    struct seen n;

    *ret_group = DATAPATH_COALESCE_NONE;
    if (!look(packet, size, &n)) {
        return DATAPATH_COALESCE_ALONE;
    }
    n.can_join = n.can_join && sum_holds(&n, packet, size, is_unfinished);
    for (uint32_t i = 0; i < c->groups; i++) {
        if (!is_same_flow(&c->group[i], &n, packet, c->link)) {
            continue;
        }
        if (can_follow(&c->group[i], &n, packet)) {
            append(&c->group[i], &n, packet);
            return DATAPATH_COALESCE_HELD;
        }
        *ret_group = (int)i; /* whatever it is, it comes after these */
        return DATAPATH_COALESCE_BLOCKED;
    }
    if (!n.can_join) {
        return DATAPATH_COALESCE_ALONE;
    }
    if (c->groups == DATAPATH_COALESCE_GROUPS) {
        *ret_group = (int)(c->oldest++ % DATAPATH_COALESCE_GROUPS);
        return DATAPATH_COALESCE_BLOCKED;
    }
    begin(&c->group[c->groups], &n, packet, size);
    c->group[c->groups].link = c->link;
    c->group[c->groups++].is_unfinished = is_unfinished;
    return DATAPATH_COALESCE_HELD;
}

void datapath_coalesce_alone(const uint8_t *packet, size_t size, struct datapath_offload *ret)
{
    struct seen n;

    *ret = (struct datapath_offload){.kind = DATAPATH_OFFLOAD_NONE};
    if (look_at_network(packet, size, &n)) {
        ret->flags = DATAPATH_OFFLOAD_PARTIAL;
        ret->sum_start = n.transport;
        ret->sum_offset = n.is_udp ? DATAPATH_HEADS_UDP_SUM : DATAPATH_HEADS_TCP_SUM;
    }
}

/* ---- taking --------------------------------------------------------------------------------------------- */

static void write_heads(const struct datapath_coalesce_group *g, uint8_t *head)
{
    size_t size = g->head_size + g->payload_size, length = size - g->transport;
    uint8_t *t = head + g->transport;
    uint16_t sum;

    memcpy(head, g->first, g->head_size);
    if (g->is_v6) {
        datapath_heads_put16(head + DATAPATH_HEADS_V6_LENGTH, (uint16_t)(size - DATAPATH_HEADS_V6));
    } else {
        datapath_heads_put16(head + DATAPATH_HEADS_V4_LENGTH, (uint16_t)size);
        memset(head + DATAPATH_HEADS_V4_SUM, 0, sizeof sum);
        sum = datapath_checksum_end(datapath_checksum_add(0, head, DATAPATH_HEADS_V4));
        memcpy(head + DATAPATH_HEADS_V4_SUM, &sum, sizeof sum);
    }
    if (g->is_udp) {
        datapath_heads_put16(t + DATAPATH_HEADS_UDP_LENGTH, (uint16_t)length);
    } else {
        t[DATAPATH_HEADS_TCP_FLAGS] = g->last_flags;
    }
    /* The kernel finishes it from here. */
    const uint8_t *addresses = head + (g->is_v6 ? DATAPATH_HEADS_V6_ADDRESSES : DATAPATH_HEADS_V4_ADDRESSES);
    sum = datapath_checksum_fold(datapath_checksum_pseudo(addresses, g->is_v6 ? 16 : 4,
                                                          g->is_udp ? DATAPATH_HEADS_IS_UDP : DATAPATH_HEADS_IS_TCP,
                                                          (uint32_t)length));
    memcpy(t + (g->is_udp ? DATAPATH_HEADS_UDP_SUM : DATAPATH_HEADS_TCP_SUM), &sum, sizeof sum);
}

void datapath_coalesce_take(struct datapath_coalesce *c, int group, struct datapath_coalesce_group *ret_group,
                            struct datapath_offload *ret_offload, uint8_t ret_head[DATAPATH_OFFLOAD_HEAD_MAX],
                            size_t *ret_head_size)
{
    struct datapath_coalesce_group *g = &c->group[group];

    assert(group >= 0 && (uint32_t)group < c->groups && g->pieces > 0);
    *ret_offload = (struct datapath_offload){.kind = DATAPATH_OFFLOAD_NONE};
    *ret_head_size = 0;
    if (g->pieces > 1) {
        write_heads(g, ret_head);
        *ret_head_size = g->head_size;
        *ret_offload = (struct datapath_offload){
            .flags = DATAPATH_OFFLOAD_PARTIAL,
            .kind = g->is_udp ? DATAPATH_OFFLOAD_UDP : g->is_v6 ? DATAPATH_OFFLOAD_TCP6 : DATAPATH_OFFLOAD_TCP4,
            .head_size = g->head_size,
            .segment_size = g->each,
            .sum_start = g->transport,
            .sum_offset = g->is_udp ? DATAPATH_HEADS_UDP_SUM : DATAPATH_HEADS_TCP_SUM,
        };
    } else if (g->is_unfinished) {
        datapath_coalesce_alone(g->first, g->first_size, ret_offload);
    }
    *ret_group = *g;
    *g = c->group[--c->groups];
}
