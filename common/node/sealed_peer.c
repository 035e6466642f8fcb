#include "common/node/sealed_state.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    PLACE_BITS = 2,
    SLOT_BITS = 14,
    DRAW_MAX = 64,
};
_Static_assert(SEALED_ROLES == 1 << PLACE_BITS && SEALED_PEERS_MAX == 1 << SLOT_BITS,
               "an index names any session of any peer");

static struct sealed_peer *of_used(struct sealed_link *l)
{
    return (struct sealed_peer *)((char *)l - offsetof(struct sealed_peer, used));
}

static struct sealed_peer *of_busy(struct sealed_link *l)
{
    return (struct sealed_peer *)((char *)l - offsetof(struct sealed_peer, busy));
}

/* Every value is a hash of seed and number: from 32 random bytes as many as are needed. */
void sealed_peer_draw(struct sealed *s, uint8_t *out, size_t size)
{
    uint8_t number[8], block[DRAW_MAX];

    assert(size <= sizeof block);
    bytes_put_be64(number, s->drawn++);
    (void)crypto_generichash(block, sizeof block, number, sizeof number, s->seed, sizeof s->seed);
    memcpy(out, block, size);
    sodium_memzero(block, sizeof block);
}

/* ---- finding ------------------------------------------------------------------------------------ */

/* Members choose their ids, so the buckets are under a key of ours: nobody can fill one. */
static struct sealed_peer **bucket_of(const struct sealed *s, const uint8_t id[NODE_ID_LEN])
{
    uint8_t hash[crypto_shorthash_BYTES];

    (void)crypto_shorthash(hash, id, NODE_ID_LEN, s->hash_key);
    return &s->bucket[bytes_get_be64(hash) & s->bucket_mask];
}

struct sealed_peer *sealed_peer_find(const struct sealed *s, const uint8_t id[NODE_ID_LEN])
{
    struct sealed_peer *p = *bucket_of(s, id);

    while (p != NULL && memcmp(p->id, id, NODE_ID_LEN) != 0) {
        p = p->chain;
    }
    return p;
}

struct sealed_peer *sealed_peer_stranger(const struct sealed *s, const struct sealed_address *at)
{
    if (s->strangers == 0) {
        return NULL;
    }
    for (struct sealed_link *l = s->busy.next; l != &s->busy; l = l->next) {
        struct sealed_peer *p = of_busy(l);
        if (!p->has_id && sealed_wire_same(&p->attempt.to, at)) {
            return p;
        }
    }
    return NULL;
}

struct sealed_session *sealed_peer_role(struct sealed_peer *p, enum sealed_role role)
{
    return &p->session[p->place[role]];
}

struct sealed_session *sealed_peer_session(const struct sealed *s, uint32_t local, struct sealed_peer **ret)
{
    uint32_t slot = local >> PLACE_BITS & (SEALED_PEERS_MAX - 1);
    struct sealed_peer *p = slot < s->peers_max ? s->slot[slot] : NULL;
    struct sealed_session *session = p == NULL ? NULL : &p->session[local & (SEALED_ROLES - 1)];

    if (session == NULL || session->local != local) {
        return NULL;
    }
    *ret = p;
    return session;
}

/* ---- coming and going --------------------------------------------------------------------------- */

static void enter(struct sealed *s, struct sealed_peer *p, const uint8_t id[NODE_ID_LEN])
{
    struct sealed_peer **bucket = bucket_of(s, id);

    memcpy(p->id, id, NODE_ID_LEN);
    p->has_id = true;
    p->chain = *bucket;
    *bucket = p;
}

static void leave(struct sealed *s, struct sealed_peer *p)
{
    struct sealed_peer **at = bucket_of(s, p->id);

    while (*at != p) {
        at = &(*at)->chain;
    }
    *at = p->chain;
}

void sealed_peer_forget(struct sealed *s, struct sealed_peer *p)
{
    assert(s->slot[p->slot] == p);
    sealed_wait_drop(s, p, NULL);
    if (p->has_id) {
        leave(s, p);
    } else {
        s->strangers--;
    }
    sealed_link_out(&p->used);
    sealed_link_out(&p->busy);
    sealed_link_out(&p->ready);
    s->slot[p->slot] = NULL;
    s->free_slot[s->free_count++] = p->slot;
    s->numbers.peers--;
    sodium_memzero(p, sizeof *p);
    free(p);
}

struct sealed_peer *sealed_peer_make(struct sealed *s, const uint8_t *id, uint64_t now_ms)
{
    if (id == NULL && s->strangers == SEALED_STRANGERS_MAX) {
        return NULL;
    }
    struct sealed_peer *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    if (s->free_count == 0 && s->slots_touched == s->peers_max) {
        sealed_peer_forget(s, of_used(s->used.next));
        s->numbers.evicted++;
    }
    p->slot = s->free_count > 0 ? s->free_slot[--s->free_count] : s->slots_touched++;
    s->slot[p->slot] = p;
    for (unsigned i = 0; i < SEALED_ROLES; i++) {
        p->place[i] = (uint8_t)i;
    }
    sealed_link_init(&p->busy);
    sealed_link_init(&p->ready);
    sealed_link_in(&s->used, &p->used);
    p->used_ms = now_ms;
    if (s->idle_ms == UINT64_MAX) {
        s->idle_ms = now_ms + SEALED_IDLE_MS; /* the first: others are looked at when its time comes */
    }
    if (id != NULL) {
        enter(s, p, id);
    } else {
        s->strangers++;
    }
    s->numbers.peers++;
    assert(s->numbers.peers + s->free_count == s->slots_touched && s->slots_touched <= s->peers_max);
    return p;
}

void sealed_peer_touch(struct sealed *s, struct sealed_peer *p, uint64_t now_ms)
{
    p->used_ms = now_ms;
    if (s->used.prev != &p->used) { /* not the newest already, as in a stream from one */
        sealed_link_out(&p->used);
        sealed_link_in(&s->used, &p->used);
    }
}

void sealed_peer_forget_idle(struct sealed *s, uint64_t now_ms)
{
    while (!sealed_link_is_alone(&s->used)) {
        struct sealed_peer *p = of_used(s->used.next);
        if (now_ms < p->used_ms + SEALED_IDLE_MS) {
            s->idle_ms = p->used_ms + SEALED_IDLE_MS;
            return;
        }
        /* Whoever is being asked or has something waiting was used a few seconds ago: SEALED_TRIES_MAX. */
        sealed_peer_forget(s, p);
        s->numbers.idle++;
    }
    s->idle_ms = UINT64_MAX;
}

void sealed_peer_name(struct sealed *s, struct sealed_peer *p, const uint8_t id[NODE_ID_LEN])
{
    struct sealed_peer *old = sealed_peer_find(s, id);

    assert(!p->has_id);
    if (old != NULL) {
        /* This session is the newest truth: the old one may be of the peer's last life. What waited under
         * its name goes this way, and what was counted stays counted. */
        struct sealed_wait **end = &p->first;
        while (*end != NULL) {
            end = &(*end)->next;
        }
        *end = old->first;
        p->waiting += old->waiting;
        old->first = NULL;
        old->waiting = 0;
        p->numbers = old->numbers;
        for (uint32_t i = old->paths; i > 0; i--) {
            sealed_peer_add_path(p, &old->path[i - 1]);
        }
        sealed_peer_forget(s, old);
    }
    s->strangers--;
    enter(s, p, id);
}

/* ---- sessions and paths ------------------------------------------------------------------------- */

struct sealed_session *sealed_peer_renew(struct sealed *s, struct sealed_peer *p, enum sealed_role role)
{
    struct sealed_session *session = sealed_peer_role(p, role);
    uint8_t random[2];

    sodium_memzero(session, sizeof *session);
    sealed_peer_draw(s, random, sizeof random);
    session->local = (uint32_t)random[0] << 24 | (uint32_t)random[1] << 16 | p->slot << PLACE_BITS | p->place[role];
    return session;
}

void sealed_peer_promote(struct sealed *s, struct sealed_peer *p, enum sealed_role role)
{
    uint8_t freed = p->place[SEALED_PREVIOUS];

    assert(role == SEALED_NEXT || role == SEALED_ATTEMPT);
    assert(sealed_peer_role(p, role)->is_live);
    p->place[SEALED_PREVIOUS] = p->place[SEALED_CURRENT];
    p->place[SEALED_CURRENT] = p->place[role];
    p->place[role] = freed;
    sodium_memzero(&p->session[freed], sizeof p->session[freed]);
    s->numbers.meetings++;
    p->is_doubted = p->wants_meeting = false;
}

bool sealed_peer_has_path(const struct sealed_peer *p, const struct sealed_address *at)
{
    for (uint32_t i = 0; i < p->paths; i++) {
        if (sealed_wire_same(&p->path[i], at)) {
            return true;
        }
    }
    return false;
}

void sealed_peer_add_path(struct sealed_peer *p, const struct sealed_address *at)
{
    struct sealed_address added = *at; /* it may be one of these */
    uint32_t i = 0;

    while (i < p->paths && !sealed_wire_same(&p->path[i], at)) {
        i++;
    }
    if (i == p->paths && p->paths < SEALED_PATHS_MAX) {
        p->paths++;
    }
    i = i < SEALED_PATHS_MAX ? i : SEALED_PATHS_MAX - 1;
    memmove(&p->path[1], &p->path[0], i * sizeof p->path[0]);
    p->path[0] = added;
    assert(p->paths >= 1 && p->paths <= SEALED_PATHS_MAX);
}
