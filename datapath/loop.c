#include "datapath/loop.h"

#include <string.h>

#include "common/run/log.h"
#include "datapath/guide.h"
#include "datapath/heads.h"
#include "datapath/shell.h"

enum {
    V6_FRAGMENT = 44,        /* RFC 8200, 4.5 */
    V6_FRAGMENT_SIZE = 8,
    V4_OFFSET = 0x1fff,
    KIND_SIZE = 4,
};

/* A datagram inside of a packet. */
struct found {
    struct datapath_endpoint from, to;
    const uint8_t *text;
    size_t size;
};

static void put_addresses(struct found *f, const uint8_t *packet, bool is_v4)
{
    if (is_v4) {
        datapath_message_put_v4(f->from.ip, packet + DATAPATH_HEADS_V4_ADDRESSES);
        datapath_message_put_v4(f->to.ip, packet + DATAPATH_HEADS_V4_ADDRESSES + 4);
    } else {
        memcpy(f->from.ip, packet + DATAPATH_HEADS_V6_ADDRESSES, sizeof f->from.ip);
        memcpy(f->to.ip, packet + DATAPATH_HEADS_V6_ADDRESSES + sizeof f->from.ip, sizeof f->to.ip);
    }
}

/* Where UDP begins; 0: it is none, or not the first part of one. */
static size_t find_udp(const uint8_t *packet, size_t size)
{
    if (size >= DATAPATH_HEADS_V4 && packet[0] >> 4 == 4) {
        bool is_first = (datapath_heads_get16(packet + DATAPATH_HEADS_V4_FRAGMENT) & V4_OFFSET) == 0;
        return is_first && packet[DATAPATH_HEADS_V4_PROTOCOL] == DATAPATH_HEADS_IS_UDP ? (size_t)(packet[0] & 15) * 4 : 0;
    }
    if (size < DATAPATH_HEADS_V6 + V6_FRAGMENT_SIZE || packet[0] >> 4 != 6) {
        return 0;
    }
    const uint8_t *more = packet + DATAPATH_HEADS_V6;
    if (packet[DATAPATH_HEADS_V6_NEXT] == V6_FRAGMENT) {
        return more[0] == DATAPATH_HEADS_IS_UDP && datapath_heads_get16(more + 2) >> 3 == 0 ? DATAPATH_HEADS_V6 + V6_FRAGMENT_SIZE : 0;
    }
    return packet[DATAPATH_HEADS_V6_NEXT] == DATAPATH_HEADS_IS_UDP ? DATAPATH_HEADS_V6 : 0;
}

static bool find(const uint8_t *packet, size_t size, uint16_t port, struct found *ret)
{
    size_t at = find_udp(packet, size);

    if (at < DATAPATH_HEADS_V4 || size < at + DATAPATH_HEADS_UDP + KIND_SIZE || datapath_heads_get16(packet + at) != port) {
        return false;
    }
    *ret = (struct found){.text = packet + at + DATAPATH_HEADS_UDP, .size = size - at - DATAPATH_HEADS_UDP};
    ret->from.port = port;
    ret->to.port = datapath_heads_get16(packet + at + 2);
    put_addresses(ret, packet, packet[0] >> 4 == 4);
    return true;
}

static bool is_at(const struct datapath *d, uint32_t peer, const struct datapath_endpoint *to)
{
    const struct datapath_endpoint *at = datapath_guide_endpoint(d, peer);

    return at != NULL && at->port == to->port && memcmp(at->ip, to->ip, sizeof to->ip) == 0;
}

static bool is_to_peer(const struct datapath_shell *s, const struct datapath_endpoint *to)
{
    bool is_to = false;

    for (uint32_t i = 0; !is_to && i < s->settings.peers_max; i++) {
        is_to = is_at(s->core, i, to);
    }
    return is_to;
}

static bool is_ours(const struct datapath_shell *s, const uint8_t ip[16])
{
    const struct datapath_places *p = &s->signals.places;
    bool is_ours = memcmp(s->udp.at.ip, ip, 16) == 0;
    uint8_t own[16];

    for (size_t i = 0; !is_ours && i < s->device.address_count; i++) {
        const struct tun_address *a = &s->device.address[i];
        if (a->is_v6) {
            memcpy(own, a->ip, sizeof own);
        } else {
            datapath_message_put_v4(own, a->ip);
        }
        is_ours = memcmp(own, ip, sizeof own) == 0;
    }
    for (uint32_t i = 0; !is_ours && i < p->count; i++) {
        is_ours = memcmp(p->place[i].ip, ip, 16) == 0;
    }
    return is_ours;
}

bool datapath_loop_take(struct datapath_shell *s, const uint8_t *packet, size_t size)
{
    char place[DATAPATH_TEXT_PLACE_SIZE];
    struct found f;

    /* Our port is WireGuard's usual one: who is behind us and has it, too, may say what he likes to whomever he likes. */
    if (!find(packet, size, s->udp.at.port, &f) || !is_ours(s, f.from.ip)) {
        return false;
    }
    if (datapath_message_own(f.text, f.size) == DATAPATH_KIND_NONE && !is_to_peer(s, &f.to)) {
        return false;
    }
    s->flow.numbers.looped++;
    datapath_text_write_place(&f.to, place);
    log_warn("DATAPATH-LOOP", "to=%s effect=\"a datagram of ours was led into the overlay, and is dropped\" advice=\"a route to there by another interface\"", place);
    return true;
}
