#include "vivaldi/peers.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
    LINK_MASK = VIVALDI_PEERS_MAX, /* 13 ones */
    COUNT_SHIFT = 13,
    PER_HEAD = 4,        /* peers a chain has on average when the table is full */
    CHOSEN = 8,          /* looked at for eviction: the oldest of eight is old enough */
    ROOTS = 254,         /* steps of the root of an error: 4 % of one of 0.05 */
    NOT_PLACED = UINT8_MAX,
    CODE_SHIFT = 12,     /* of a float's bits: eleven of its mantissa stay */
    CODE_BASE = 0x3d000000 >> CODE_SHIFT, /* 1/32: codes begin there, and 65,535 of them reach 2^16 */
};

#define FORGIVEN 0.25f /* of a doubt, what is left at the next look: who contradicts itself now and then is doubted in between */

_Static_assert(sizeof(struct vivaldi_peer) == 60, "60 and at most 4 of the index are 64");

/* ---- round trips in 16 bits ------------------------------------------------------------------------ */

static uint16_t code_of(float ms)
{
    uint32_t bits;

    assert(ms >= VIVALDI_RTT_MIN_MS && ms <= VIVALDI_RTT_MAX_MS);
    memcpy(&bits, &ms, sizeof bits);
    return (uint16_t)(((bits + (1u << (CODE_SHIFT - 1))) >> CODE_SHIFT) - CODE_BASE);
}

static float ms_of(uint16_t code)
{
    uint32_t bits = ((uint32_t)code + CODE_BASE) << CODE_SHIFT;
    float ms;

    memcpy(&ms, &bits, sizeof ms);
    return ms;
}

/* Codes are in the order of what they stand for. */
static uint16_t filter(const uint16_t *rtt, uint32_t count)
{
    uint16_t sorted[VIVALDI_PEERS_SAMPLES];

    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i;
        for (; at > 0 && sorted[at - 1] > rtt[i]; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = rtt[i];
    }
    if (count == 2) {
        float low = ms_of(sorted[0]), high = ms_of(sorted[1]);
        return high > 1.5f * low ? sorted[0] : code_of((low + high) / 2);
    }
    return sorted[count > 2];
}

uint32_t vivaldi_peers_samples(const struct vivaldi_peer *peer)
{
    return peer->link >> COUNT_SHIFT;
}

void vivaldi_peers_sample(struct vivaldi_peer *peer, float rtt_ms, uint32_t now_s)
{
    uint32_t count = vivaldi_peers_samples(peer);

    memmove(&peer->rtt[1], &peer->rtt[0], sizeof peer->rtt - sizeof peer->rtt[0]);
    peer->rtt[0] = code_of(rtt_ms);
    count += count < VIVALDI_PEERS_SAMPLES;
    peer->link = (uint16_t)((peer->link & LINK_MASK) | count << COUNT_SHIFT);
    peer->usual = filter(peer->rtt, count);
    peer->measured_s = now_s;
}

void vivaldi_peers_again(struct vivaldi_peer *peer)
{
    peer->link &= LINK_MASK;
}

float vivaldi_peers_other(const struct vivaldi_peer *peer, float rtt_ms)
{
    float least = rtt_ms, most = rtt_ms;

    for (uint32_t i = 0; i < vivaldi_peers_samples(peer); i++) {
        float ms = ms_of(peer->rtt[i]);
        least = i == 0 || ms < least ? ms : least;
        most = i == 0 || ms > most ? ms : most;
    }
    return rtt_ms > most ? rtt_ms / most : rtt_ms < least ? least / rtt_ms : 1;
}

float vivaldi_peers_usual(const struct vivaldi_peer *peer)
{
    return ms_of(peer->usual);
}

uint64_t vivaldi_peers_id(const struct vivaldi_peer *peer)
{
    return (uint64_t)peer->id[1] << 32 | peer->id[0];
}

static uint8_t root_of(float error)
{
    return (uint8_t)lrintf(sqrtf(error / VIVALDI_COORD_ERROR_MAX) * ROOTS);
}

static float error_of(uint8_t root)
{
    return (float)(root * root) * (VIVALDI_COORD_ERROR_MAX / ((float)ROOTS * ROOTS));
}

void vivaldi_peers_place(struct vivaldi_peer *peer, const struct vivaldi_coord *c, uint32_t now_s)
{
    memcpy(peer->at, c->at, sizeof peer->at);
    peer->height = c->height;
    peer->error = root_of(c->error);
    peer->heard_s = (uint16_t)now_s;
}

void vivaldi_peers_displace(struct vivaldi_peer *peer)
{
    peer->error = NOT_PLACED;
}

bool vivaldi_peers_is_placed(const struct vivaldi_peer *peer)
{
    return peer->error != NOT_PLACED;
}

float vivaldi_peers_error(const struct vivaldi_peer *peer)
{
    return error_of(peer->error);
}

void vivaldi_peers_doubt(struct vivaldi_peer *peer, float apart)
{
    float left = error_of(peer->doubt) * FORGIVEN;

    apart = apart > left ? apart : left;
    peer->doubt = root_of(apart < VIVALDI_COORD_ERROR_MAX ? apart : VIVALDI_COORD_ERROR_MAX);
}

float vivaldi_peers_doubted(const struct vivaldi_peer *peer)
{
    return error_of(peer->doubt);
}

uint32_t vivaldi_peers_age_s(const struct vivaldi_peer *peer, uint32_t now_s)
{
    return (uint16_t)((uint16_t)now_s - peer->heard_s);
}

struct vivaldi_coord vivaldi_peers_coord(const struct vivaldi_peer *peer)
{
    struct vivaldi_coord c = {.height = peer->height, .error = vivaldi_peers_error(peer)};

    memcpy(c.at, peer->at, sizeof c.at);
    return c;
}

/* ---- the table ------------------------------------------------------------------------------------- */

static uint32_t heads_of(uint32_t max)
{
    uint32_t heads = 1;

    while (heads * PER_HEAD < max) {
        heads *= 2;
    }
    return heads;
}

size_t vivaldi_peers_size(uint32_t max)
{
    return max * sizeof(struct vivaldi_peer) + heads_of(max) * sizeof(uint16_t);
}

void vivaldi_peers_init(struct vivaldi_peers *p, void *memory, uint32_t max)
{
    assert(max >= 1 && max <= VIVALDI_PEERS_MAX);
    *p = (struct vivaldi_peers){.peer = memory, .max = max, .heads = heads_of(max)};
    p->head = (uint16_t *)(void *)(p->peer + max);
    memset(p->head, 0, p->heads * sizeof *p->head);
}

static uint16_t *head_of(const struct vivaldi_peers *p, uint64_t id)
{
    /* Ids are the first bytes of public keys, which others choose: a long chain of them costs time, not safety. */
    return &p->head[id * UINT64_C(0x9e3779b97f4a7c15) >> 40 & (p->heads - 1)];
}

static uint32_t next_of(const struct vivaldi_peer *peer)
{
    return peer->link & LINK_MASK;
}

static void set_next(struct vivaldi_peer *peer, uint32_t next)
{
    peer->link = (uint16_t)((peer->link & ~LINK_MASK) | next);
}

struct vivaldi_peer *vivaldi_peers_find(const struct vivaldi_peers *p, uint64_t id)
{
    for (uint32_t at = *head_of(p, id); at != 0; at = next_of(&p->peer[at - 1])) {
        if (vivaldi_peers_id(&p->peer[at - 1]) == id) {
            return &p->peer[at - 1];
        }
    }
    return NULL;
}

/* Let whoever points to place `from` (index + 1) in the chain of `id` point to `to` instead. */
static void repoint(struct vivaldi_peers *p, uint64_t id, uint32_t from, uint32_t to)
{
    uint16_t *head = head_of(p, id);

    if (*head == from) {
        *head = (uint16_t)to;
        return;
    }
    struct vivaldi_peer *before = &p->peer[*head - 1];
    while (next_of(before) != from) {
        before = &p->peer[next_of(before) - 1];
    }
    set_next(before, to);
}

static void drop_at(struct vivaldi_peers *p, uint32_t index)
{
    uint32_t last = p->count - 1;

    repoint(p, vivaldi_peers_id(&p->peer[index]), index + 1, next_of(&p->peer[index]));
    if (index != last) { /* the last one moves into the gap */
        repoint(p, vivaldi_peers_id(&p->peer[last]), last + 1, index + 1);
        p->peer[index] = p->peer[last];
    }
    p->count = last;
}

bool vivaldi_peers_drop(struct vivaldi_peers *p, uint64_t id)
{
    struct vivaldi_peer *peer = vivaldi_peers_find(p, id);

    if (peer != NULL) {
        drop_at(p, (uint32_t)(peer - p->peer));
    }
    return peer != NULL;
}

static void make_room(struct vivaldi_peers *p, uint32_t now_s, uint64_t spin)
{
    uint32_t oldest = (uint32_t)(spin % p->count);

    for (uint32_t i = 1; i < CHOSEN; i++) {
        uint32_t at = (uint32_t)((spin >> 4 * i) % p->count);
        oldest = now_s - p->peer[at].measured_s > now_s - p->peer[oldest].measured_s ? at : oldest;
    }
    drop_at(p, oldest);
    p->evicted++;
}

struct vivaldi_peer *vivaldi_peers_make(struct vivaldi_peers *p, uint64_t id, uint32_t now_s, uint64_t spin)
{
    struct vivaldi_peer *peer = vivaldi_peers_find(p, id);

    if (peer != NULL) {
        return peer;
    }
    if (p->count == p->max) {
        make_room(p, now_s, spin);
    }
    uint16_t *head = head_of(p, id);
    peer = &p->peer[p->count++];
    *peer = (struct vivaldi_peer){.id = {(uint32_t)id, (uint32_t)(id >> 32)}, .link = *head, .error = NOT_PLACED,
                                  .measured_s = now_s};
    *head = (uint16_t)p->count;
    return peer;
}
