#include "datapath/bridge.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "datapath/message.h"

enum { /* places of a frame */
    SOURCE = 6,
    TYPE = 12,
    TAG = 14,
    ADDRESS = 6,
    TOKEN = 1000,
    TYPE_TAG = 0x8100,     /* 802.1Q */
    TYPE_SERVICE = 0x88a8, /* 802.1ad */
    TYPE_LINK = 0x8808,    /* 802.3x */
    TAG_NUMBER = 0x0fff,
    TAG_BITS = 12,
};

_Static_assert((int)DATAPATH_BRIDGE_KEY == (int)crypto_shorthash_KEYBYTES, "a key of SipHash");

/* ---- frames --------------------------------------------------------------------------------------------- */

/* What a frame says of itself. */
struct head {
    uint64_t to, from; /* keys */
    uint32_t type;
    bool is_group, is_source; /* for a group; from an address that can be somebody's */
};

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint64_t key_of(const uint8_t address[ADDRESS], uint32_t tag)
{
    uint64_t key = 0;

    for (int i = 0; i < ADDRESS; i++) {
        key = key << 8 | address[i];
    }
    return key << TAG_BITS | tag;
}

static bool read_head(const uint8_t *frame, size_t size, struct head *ret)
{
    uint32_t type, tag = 0;

    if (size < DATAPATH_BRIDGE_HEAD) {
        return false;
    }
    type = get16(frame + TYPE);
    if (type == TYPE_TAG || type == TYPE_SERVICE) {
        if (size < TAG + 4) {
            return false;
        }
        tag = get16(frame + TAG) & TAG_NUMBER;
    }
    *ret = (struct head){.to = key_of(frame, tag), .from = key_of(frame + SOURCE, tag), .type = type,
                         .is_group = (frame[0] & 1) != 0};
    ret->is_source = (frame[SOURCE] & 1) == 0 && ret->from >> TAG_BITS != 0;
    return true;
}

/* ---- tables --------------------------------------------------------------------------------------------- */

static uint32_t buckets_for(uint32_t macs)
{
    uint32_t buckets = 1;

    while (buckets < macs) {
        buckets *= 2;
    }
    return buckets;
}

size_t datapath_bridge_size(uint32_t macs, uint32_t peers)
{
    return macs * sizeof(struct datapath_bridge_mac) + ((size_t)peers + 1) * sizeof(struct datapath_bridge_place) +
           buckets_for(macs) * sizeof(uint32_t);
}

void datapath_bridge_init(struct datapath_bridge *b, void *memory, uint32_t macs, uint32_t each, uint32_t peers,
                          const uint8_t key[DATAPATH_BRIDGE_KEY], uint64_t now_ms)
{
    struct datapath_bridge_mac *mac = memory;
    struct datapath_bridge_place *place = (void *)(mac + macs);
    uint32_t *bucket = (void *)(place + peers + 1);

    assert(macs > 0 && each > 0 && each <= macs);
    memset(memory, 0, datapath_bridge_size(macs, peers));
    *b = (struct datapath_bridge){.macs = macs, .each = each, .peers = peers, .mac = mac, .place = place, .bucket = bucket,
                                  .bucket_mask = buckets_for(macs) - 1, .free = 1};
    memcpy(b->key, key, sizeof b->key);
    for (uint32_t i = 0; i < macs; i++) {
        mac[i].next = i + 1 < macs ? i + 2 : 0;
    }
    for (uint32_t i = 0; i <= peers; i++) {
        place[i].tokens = DATAPATH_BRIDGE_BURST * TOKEN;
        place[i].tokens_ms = now_ms;
    }
}

static uint32_t *bucket_of(const struct datapath_bridge *b, uint64_t key)
{
    uint8_t hash[crypto_shorthash_BYTES];

    (void)crypto_shorthash(hash, (const uint8_t *)&key, sizeof key, b->key);
    return &b->bucket[datapath_message_get32(hash) & b->bucket_mask];
}

/* Out of its place's list, which is in the order of their last frames. */
static void unlist(struct datapath_bridge *b, struct datapath_bridge_mac *m)
{
    struct datapath_bridge_place *p = &b->place[m->at];

    *(m->older != 0 ? &b->mac[m->older - 1].newer : &p->oldest) = m->newer;
    *(m->newer != 0 ? &b->mac[m->newer - 1].older : &p->newest) = m->older;
    p->count--;
}

static void enlist(struct datapath_bridge *b, struct datapath_bridge_mac *m, uint32_t at, uint64_t now_ms)
{
    struct datapath_bridge_place *p = &b->place[at];
    uint32_t number = (uint32_t)(m - b->mac) + 1;

    m->at = at;
    m->seen_ms = now_ms;
    m->older = p->newest;
    m->newer = 0;
    *(p->newest != 0 ? &b->mac[p->newest - 1].newer : &p->oldest) = number;
    p->newest = number;
    p->count++;
}

static void drop(struct datapath_bridge *b, uint32_t number)
{
    struct datapath_bridge_mac *m = &b->mac[number - 1];
    uint32_t *link = bucket_of(b, m->key);

    while (*link != number) {
        link = &b->mac[*link - 1].next;
    }
    *link = m->next;
    unlist(b, m);
    m->next = b->free;
    b->free = number;
    b->count--;
}

/* The address, NULL: it is not known, or was silent for too long. */
static struct datapath_bridge_mac *find(struct datapath_bridge *b, uint64_t now_ms, uint64_t key)
{
    for (uint32_t at = *bucket_of(b, key); at != 0; at = b->mac[at - 1].next) {
        struct datapath_bridge_mac *m = &b->mac[at - 1];
        if (m->key == key && now_ms - m->seen_ms >= DATAPATH_BRIDGE_AGE_MS) {
            drop(b, at);
            b->aged++;
            return NULL;
        }
        if (m->key == key) {
            return m;
        }
    }
    return NULL;
}

/* For one more at `at`: its own oldest when it has its share, else that of who has the most when all are taken. */
static void make_room(struct datapath_bridge *b, uint32_t at)
{
    uint32_t who = at;

    if (b->place[at].count < b->each) {
        if (b->free != 0) {
            return;
        }
        for (uint32_t i = 0; i <= b->peers; i++) {
            who = b->place[i].count > b->place[who].count ? i : who;
        }
    }
    drop(b, b->place[who].oldest);
    b->pushed++;
}

/* Whether a frame from this address may come from there. It is known to be there then. */
static bool learn(struct datapath_bridge *b, uint64_t now_ms, uint64_t key, uint32_t at)
{
    struct datapath_bridge_mac *m = find(b, now_ms, key);

    if (m == NULL) {
        make_room(b, at);
        m = &b->mac[b->free - 1];
        b->free = m->next;
        m->key = key;
        m->next = *bucket_of(b, key);
        *bucket_of(b, key) = (uint32_t)(m - b->mac) + 1;
        b->count++;
        b->learned++;
    } else {
        if (m->at != at) {
            /* What speaks here is here: two ends of the overlay on one LAN would carry frames round otherwise. */
            if (at != b->peers && now_ms - m->seen_ms < DATAPATH_BRIDGE_STILL_MS) {
                return false;
            }
            if (b->place[at].count >= b->each) {
                drop(b, b->place[at].oldest); /* never this one, which is elsewhere */
                b->pushed++;
            }
            b->moved++;
        }
        unlist(b, m);
    }
    enlist(b, m, at, now_ms);
    return true;
}

void datapath_bridge_forget(struct datapath_bridge *b, uint32_t peer)
{
    while (b->place[peer].oldest != 0) {
        drop(b, b->place[peer].oldest);
    }
}

void datapath_bridge_clock(struct datapath_bridge *b, uint64_t now_ms)
{
    for (uint32_t i = 0; i <= b->peers; i++) {
        uint32_t *oldest = &b->place[i].oldest;
        while (*oldest != 0 && now_ms - b->mac[*oldest - 1].seen_ms >= DATAPATH_BRIDGE_AGE_MS) {
            drop(b, *oldest);
            b->aged++;
        }
    }
}

/* ---- steps ---------------------------------------------------------------------------------------------- */

/* One frame for all, of this sender. */
static bool may_flood(struct datapath_bridge *b, uint64_t now_ms, uint32_t at)
{
    struct datapath_bridge_place *p = &b->place[at];
    uint64_t passed_ms = now_ms - p->tokens_ms, most = (uint64_t)DATAPATH_BRIDGE_BURST * TOKEN;
    /* A long silence fills it; the product cannot overflow then. */
    uint64_t tokens = passed_ms >= most ? most : p->tokens + passed_ms * DATAPATH_BRIDGE_RATE;

    p->tokens_ms = now_ms;
    p->tokens = (uint32_t)(tokens > most ? most : tokens);
    if (p->tokens < TOKEN) {
        return false;
    }
    p->tokens -= TOKEN;
    return true;
}

/* One frame for all came too often. Two ends of the overlay on one LAN pass each other what went round that LAN; as long
 * as the other end's copy is first, no address tells. */
static bool goes_round(struct datapath_bridge *b, uint64_t now_ms, const uint8_t *frame, size_t size)
{
    uint8_t bytes[crypto_shorthash_BYTES];

    (void)crypto_shorthash(bytes, frame, size, b->key);
    uint64_t hash = datapath_message_get64(bytes);
    struct datapath_bridge_round *r = &b->round[hash % DATAPATH_BRIDGE_ROUNDS];
    if (r->hash != hash || now_ms - r->since_ms >= DATAPATH_BRIDGE_AGAIN_MS) {
        *r = (struct datapath_bridge_round){.hash = hash, .since_ms = now_ms};
    }
    return ++r->times > DATAPATH_BRIDGE_AGAIN;
}

static enum datapath_bridge_verdict judge_out(struct datapath_bridge *b, uint64_t now_ms, const struct head *h, const uint8_t *frame,
                                              size_t size, uint32_t *ret_peer)
{
    const struct datapath_bridge_mac *m = h->is_group ? NULL : find(b, now_ms, h->to);

    if (m == NULL) {
        if (goes_round(b, now_ms, frame, size)) {
            return DATAPATH_BRIDGE_ROUND;
        }
        return may_flood(b, now_ms, b->peers) ? DATAPATH_BRIDGE_ALL : DATAPATH_BRIDGE_STORM;
    }
    if (m->at == b->peers) {
        return DATAPATH_BRIDGE_HERE;
    }
    *ret_peer = m->at;
    return DATAPATH_BRIDGE_ONE;
}

/* What holds for frames of either side: OURS, or why it goes nowhere. Its source is learned. */
static enum datapath_bridge_verdict admit(struct datapath_bridge *b, uint64_t now_ms, uint32_t at, const uint8_t *frame,
                                          size_t size, struct head *ret)
{
    if (!read_head(frame, size, ret)) {
        return DATAPATH_BRIDGE_SHORT;
    }
    if (!ret->is_source) {
        return DATAPATH_BRIDGE_SOURCE;
    }
    if (ret->type == TYPE_LINK) {
        return DATAPATH_BRIDGE_LINK;
    }
    return learn(b, now_ms, ret->from, at) ? DATAPATH_BRIDGE_OURS : DATAPATH_BRIDGE_ELSEWHERE;
}

enum datapath_bridge_verdict datapath_bridge_out(struct datapath_bridge *b, uint64_t now_ms, const uint8_t *frame, size_t size,
                                                 uint32_t *ret_peer)
{
    struct head h;
    enum datapath_bridge_verdict v = admit(b, now_ms, b->peers, frame, size, &h);

    v = v == DATAPATH_BRIDGE_OURS ? judge_out(b, now_ms, &h, frame, size, ret_peer) : v;
    b->verdict[v]++;
    return v;
}

enum datapath_bridge_verdict datapath_bridge_in(struct datapath_bridge *b, uint64_t now_ms, uint32_t peer, const uint8_t *frame,
                                                size_t size)
{
    struct head h;

    assert(peer < b->peers);
    enum datapath_bridge_verdict v = admit(b, now_ms, peer, frame, size, &h);
    if (v == DATAPATH_BRIDGE_OURS && h.is_group && !may_flood(b, now_ms, peer)) {
        v = DATAPATH_BRIDGE_STORM;
    }
    b->verdict[v]++;
    return v;
}

/* ---- words ---------------------------------------------------------------------------------------------- */

uint32_t datapath_bridge_list(const struct datapath_bridge *b, uint32_t place, uint64_t *ret, uint32_t most)
{
    const struct datapath_bridge_place *p = &b->place[place];

    for (uint32_t at = p->newest, i = 0; at != 0 && i < most; at = b->mac[at - 1].older, i++) {
        uint64_t key = b->mac[at - 1].key;
        ret[i] = (key >> TAG_BITS) << 16 | (key & ((UINT64_C(1) << TAG_BITS) - 1));
    }
    return p->count;
}

const char *datapath_bridge_verdict_name(enum datapath_bridge_verdict v)
{
    static const char *const names[] = {
#define X(name, text) "FRAMES_" #name,
        DATAPATH_BRIDGE_MAP(X)
#undef X
    };

    return names[v];
}

const char *datapath_bridge_verdict_text(enum datapath_bridge_verdict v)
{
    static const char *const texts[] = {
#define X(name, text) text,
        DATAPATH_BRIDGE_MAP(X)
#undef X
    };

    return texts[v];
}
