#include "datapath/neighbour.h"

#include <sodium.h>
#include <string.h>

#include "datapath/checksum.h"
#include "datapath/heads.h"

enum { /* of a frame */
    MAC = 6,
    FROM = 6,
    TYPE = 12,
    TAG = 4,
    TAGS_MAX = 2,
    TYPE_TAG = 0x8100,     /* 802.1Q  */
    TYPE_SERVICE = 0x88a8, /* 802.1ad */
    TYPE_ARP = 0x0806,
    TYPE_V6 = 0x86dd,
    TAG_NUMBER = 0x0fff,

    ARP = 28,              /* bytes, of IPv4 over Ethernet */
    ARP_OP = 6,
    ARP_SENDER_MAC = 8,
    ARP_SENDER = 14,
    ARP_TARGET_MAC = 18,
    ARP_TARGET = 24,
    ARP_ASKS = 1,
    ARP_SAYS = 2,

    ND = 24,               /* bytes of a solicitation or an advertisement without options */
    ND_ASKS = 135,
    ND_SAYS = 136,
    ND_FLAGS = 4,
    ND_TARGET = 8,
    ND_ROUTER = 0x80,
    ND_SOLICITED = 0x40,
    ND_OPTION = 8,         /* bytes of an option with a hardware address */
    ND_OPTION_TARGET = 2,
    ND_HOPS = 255,         /* so that it comes from this link */
    V6_PLAIN = 0x60,
};

_Static_assert((int)DATAPATH_NEIGHBOUR_KEY == (int)crypto_shorthash_KEYBYTES, "a key of SipHash");

/* ---- frames ------------------------------------------------------------------------------------------ */

/* What a frame says and asks; ip of IPv4: the first four bytes. */
struct word {
    bool is_v6, is_router;
    bool says, asks;        /* who has `said`, and for `asked` */
    bool is_for_all;
    uint16_t tag;
    size_t head;            /* bytes of the frame's head, with tags */
    uint8_t said[16], asked[16];
};

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool read_arp(const uint8_t *frame, const uint8_t *arp, size_t size, struct word *w)
{
    static const uint8_t kind[] = {0, 1, 8, 0, MAC, 4};
    uint32_t op = size < ARP ? 0 : datapath_heads_get16(arp + ARP_OP);

    if (op == 0 || memcmp(arp, kind, sizeof kind) != 0 || op > ARP_SAYS) {
        return false;
    }
    bool is_probe = is_zero(arp + ARP_SENDER, 4);
    bool is_gratuitous = memcmp(arp + ARP_SENDER, arp + ARP_TARGET, 4) == 0;
    w->says = !is_probe && memcmp(arp + ARP_SENDER_MAC, frame + FROM, MAC) == 0;
    w->asks = op == ARP_ASKS && !is_probe && !is_gratuitous;
    memcpy(w->said, arp + ARP_SENDER, 4);
    memcpy(w->asked, arp + ARP_TARGET, 4);
    return true;
}

/* Whether an advertisement has this hardware address of its target; options that have no end are none. */
static bool has_target_mac(const uint8_t *option, size_t size, const uint8_t mac[MAC])
{
    while (size >= ND_OPTION) {
        size_t length = (size_t)option[1] * ND_OPTION;
        if (length == 0 || length > size) {
            return false;
        }
        if (option[0] == ND_OPTION_TARGET) {
            return memcmp(option + 2, mac, MAC) == 0;
        }
        option += length;
        size -= length;
    }
    return false;
}

static uint16_t sum_of(const uint8_t *v6, size_t length)
{
    uint64_t sum = datapath_checksum_pseudo(v6 + DATAPATH_HEADS_V6_ADDRESSES, 16, DATAPATH_HEADS_IS_ICMP6, (uint32_t)length);

    return datapath_checksum_end(datapath_checksum_add(sum, v6 + DATAPATH_HEADS_V6, length));
}

static bool read_nd(const uint8_t *frame, const uint8_t *v6, size_t size, struct word *w)
{
    if (size < DATAPATH_HEADS_V6 + ND || v6[DATAPATH_HEADS_V6_NEXT] != DATAPATH_HEADS_IS_ICMP6 ||
        v6[DATAPATH_HEADS_V6_NEXT + 1] != ND_HOPS) {
        return false;
    }
    size_t length = datapath_heads_get16(v6 + DATAPATH_HEADS_V6_LENGTH);
    const uint8_t *nd = v6 + DATAPATH_HEADS_V6, *source = v6 + DATAPATH_HEADS_V6_ADDRESSES;
    if (length < ND || length > size - DATAPATH_HEADS_V6 || (nd[0] != ND_ASKS && nd[0] != ND_SAYS) || nd[1] != 0 ||
        nd[ND_TARGET] == 0xff || sum_of(v6, length) != 0) {
        return false;
    }
    w->says = nd[0] == ND_SAYS && has_target_mac(nd + ND, length - ND, frame + FROM);
    w->is_router = (nd[ND_FLAGS] & ND_ROUTER) != 0;
    w->asks = nd[0] == ND_ASKS && !is_zero(source, 16);
    memcpy(w->said, nd + ND_TARGET, 16);
    memcpy(w->asked, nd + ND_TARGET, 16);
    return true;
}

/* False: it is nothing of ours. */
static bool read_word(const uint8_t *frame, size_t size, struct word *w)
{
    size_t at = TYPE;

    *w = (struct word){.head = 0};
    for (uint32_t tags = 0; size >= at + 2; tags++, at += TAG) {
        uint32_t type = datapath_heads_get16(frame + at);
        w->is_for_all = (frame[0] & 1) != 0;
        w->head = at + 2;
        if (type == TYPE_ARP) {
            return read_arp(frame, frame + w->head, size - w->head, w);
        }
        if (type == TYPE_V6) {
            w->is_v6 = true;
            return read_nd(frame, frame + w->head, size - w->head, w);
        }
        if ((type != TYPE_TAG && type != TYPE_SERVICE) || tags == TAGS_MAX || size < at + TAG) {
            return false;
        }
        w->tag = tags == 0 ? (uint16_t)(datapath_heads_get16(frame + at + 2) & TAG_NUMBER) : w->tag;
    }
    return false;
}

/* ---- answers ------------------------------------------------------------------------------------------- */

static size_t write_arp(const uint8_t *question, const uint8_t mac[MAC], uint8_t *out)
{
    memcpy(out, question, ARP_OP);
    datapath_heads_put16(out + ARP_OP, ARP_SAYS);
    memcpy(out + ARP_SENDER_MAC, mac, MAC);
    memcpy(out + ARP_SENDER, question + ARP_TARGET, 4);
    memcpy(out + ARP_TARGET_MAC, question + ARP_SENDER_MAC, MAC + 4);
    return ARP;
}

/* RFC 4861, section 4.4; without `override`: who knows better is not contradicted. */
static size_t write_nd(const uint8_t *question, const struct datapath_neighbour_entry *e, uint8_t *out)
{
    uint8_t *nd = out + DATAPATH_HEADS_V6, *addresses = out + DATAPATH_HEADS_V6_ADDRESSES;

    memset(out, 0, DATAPATH_HEADS_V6 + ND + ND_OPTION);
    out[0] = V6_PLAIN;
    datapath_heads_put16(out + DATAPATH_HEADS_V6_LENGTH, ND + ND_OPTION);
    out[DATAPATH_HEADS_V6_NEXT] = DATAPATH_HEADS_IS_ICMP6;
    out[DATAPATH_HEADS_V6_NEXT + 1] = ND_HOPS;
    memcpy(addresses, e->ip, 16);
    memcpy(addresses + 16, question + DATAPATH_HEADS_V6_ADDRESSES, 16);
    nd[0] = ND_SAYS;
    nd[ND_FLAGS] = (uint8_t)(ND_SOLICITED | (e->is_router ? ND_ROUTER : 0));
    memcpy(nd + ND_TARGET, e->ip, 16);
    nd[ND] = ND_OPTION_TARGET;
    nd[ND + 1] = 1;
    memcpy(nd + ND + 2, e->mac, MAC);
    uint16_t sum = sum_of(out, ND + ND_OPTION);
    memcpy(nd + 2, &sum, sizeof sum);
    return DATAPATH_HEADS_V6 + ND + ND_OPTION;
}

static size_t write_answer(const uint8_t *frame, const struct word *w, const struct datapath_neighbour_entry *e, uint8_t *out)
{
    memcpy(out, frame + FROM, MAC);
    memcpy(out + FROM, e->mac, MAC);
    memcpy(out + TYPE, frame + TYPE, w->head - TYPE);
    return w->head + (w->is_v6 ? write_nd(frame + w->head, e, out + w->head) : write_arp(frame + w->head, e->mac, out + w->head));
}

/* ---- who has what -------------------------------------------------------------------------------------- */

void datapath_neighbour_init(struct datapath_neighbours *n, const uint8_t key[DATAPATH_NEIGHBOUR_KEY])
{
    memset(n, 0, sizeof *n);
    memcpy(n->key, key, sizeof n->key);
}

static struct datapath_neighbour_entry *set_of(struct datapath_neighbours *n, const uint8_t ip[16], bool is_v6, uint16_t tag)
{
    uint8_t text[19], hash[crypto_shorthash_BYTES];

    memcpy(text, ip, 16);
    text[16] = is_v6;
    text[17] = (uint8_t)(tag >> 8);
    text[18] = (uint8_t)tag;
    (void)crypto_shorthash(hash, text, sizeof text, n->key); /* cannot fail */
    return n->entry[((uint32_t)hash[0] << 8 | hash[1]) % DATAPATH_NEIGHBOUR_SETS];
}

static bool is_it(const struct datapath_neighbour_entry *e, const uint8_t ip[16], bool is_v6, uint16_t tag)
{
    return e->is_there && e->is_v6 == is_v6 && e->tag == tag && memcmp(e->ip, ip, 16) == 0;
}

static struct datapath_neighbour_entry *find(struct datapath_neighbours *n, uint64_t now_ms, const uint8_t ip[16], bool is_v6,
                                             uint16_t tag)
{
    struct datapath_neighbour_entry *set = set_of(n, ip, is_v6, tag);

    for (uint32_t i = 0; i < DATAPATH_NEIGHBOUR_WAYS; i++) {
        if (is_it(&set[i], ip, is_v6, tag)) {
            set[i].is_there = now_ms - set[i].said_ms < DATAPATH_NEIGHBOUR_AGE_MS;
            return set[i].is_there ? &set[i] : NULL;
        }
    }
    return NULL;
}

/* A free place, or the oldest of the peer where he has his share, or the oldest. */
static struct datapath_neighbour_entry *make_room(struct datapath_neighbour_entry *set, uint32_t peer)
{
    struct datapath_neighbour_entry *oldest = NULL, *his = NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < DATAPATH_NEIGHBOUR_WAYS; i++) {
        struct datapath_neighbour_entry *e = &set[i];
        bool is_his = e->is_there && e->peer == peer;
        count += is_his;
        his = is_his && (his == NULL || e->said_ms < his->said_ms) ? e : his;
        oldest = oldest == NULL || (oldest->is_there && (!e->is_there || e->said_ms < oldest->said_ms)) ? e : oldest;
    }
    return count >= DATAPATH_NEIGHBOUR_EACH ? his : oldest;
}

static void learn(struct datapath_neighbours *n, uint64_t now_ms, uint32_t peer, const uint8_t mac[MAC], const struct word *w)
{
    struct datapath_neighbour_entry *e = find(n, now_ms, w->said, w->is_v6, w->tag);
    bool is_same = e != NULL && e->peer == peer && memcmp(e->mac, mac, MAC) == 0;

    if (e != NULL && !is_same && now_ms - e->said_ms < DATAPATH_NEIGHBOUR_STILL_MS) {
        n->kept++;
        return;
    }
    e = e != NULL ? e : make_room(set_of(n, w->said, w->is_v6, w->tag), peer);
    n->learned += !is_same;
    *e = (struct datapath_neighbour_entry){.tag = w->tag, .is_there = true, .is_v6 = w->is_v6, .is_router = w->is_router,
                                           .peer = peer, .said_ms = now_ms};
    memcpy(e->ip, w->said, sizeof e->ip);
    memcpy(e->mac, mac, MAC);
}

size_t datapath_neighbour_out(struct datapath_neighbours *n, uint64_t now_ms, const uint8_t *frame, size_t size,
                              uint8_t answer[DATAPATH_NEIGHBOUR_ANSWER_MAX])
{
    struct datapath_neighbour_entry *e;
    struct word w;

    if (!read_word(frame, size, &w)) {
        return 0;
    }
    if (w.says) { /* it is on this side */
        e = find(n, now_ms, w.said, w.is_v6, w.tag);
        if (e != NULL) {
            e->is_there = false;
        }
    }
    e = w.asks && w.is_for_all ? find(n, now_ms, w.asked, w.is_v6, w.tag) : NULL;
    if (e == NULL || e->is_used) {
        return 0;
    }
    e->is_used = true;
    n->answered++;
    return write_answer(frame, &w, e, answer);
}

void datapath_neighbour_in(struct datapath_neighbours *n, uint64_t now_ms, uint32_t peer, const uint8_t *frame, size_t size)
{
    struct word w;

    if (read_word(frame, size, &w) && w.says && !is_zero(w.said, sizeof w.said) && (frame[FROM] & 1) == 0) {
        learn(n, now_ms, peer, frame + FROM, &w);
    }
}

void datapath_neighbour_forget(struct datapath_neighbours *n, uint32_t peer)
{
    for (uint32_t i = 0; i < DATAPATH_NEIGHBOUR_SETS; i++) {
        for (uint32_t k = 0; k < DATAPATH_NEIGHBOUR_WAYS; k++) {
            struct datapath_neighbour_entry *e = &n->entry[i][k];
            e->is_there = e->is_there && e->peer != peer;
        }
    }
}
