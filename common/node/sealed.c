#include "common/node/sealed.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/node/sealed_state.h"

static const char *const refusal_names[] = {
#define X(name, text) #name,
    SEALED_REFUSAL_MAP(X)
#undef X
};

const char *sealed_refusal_name(enum sealed_refusal refusal)
{
    assert((unsigned)refusal < SEALED_REFUSALS);
    return refusal_names[refusal];
}

/* ---- making and ending -------------------------------------------------------------------------- */

static void set_keys(struct sealed *s, const struct node_keys *keys)
{
    s->keys = *keys;
    sodium_memzero(s->epoch, sizeof s->epoch);
    for (uint32_t i = 0; i < keys->cluster_keys; i++) {
        sealed_key_epoch(keys->cluster_epoch[i], keys->cluster_key[i], keys->cluster_id, &s->epoch[i]);
    }
}

/* Itself and its tables for peers_max, in one piece: so large a one is the kernel's zeros, of which a page is taken when
 * something is written there, while small ones on the heap would be zeroed. NULL without memory. */
static struct sealed *make_room(uint32_t peers_max)
{
    uint32_t buckets = 16;

    while (buckets < peers_max) {
        buckets *= 2;
    }
    size_t size = sizeof(struct sealed) + (peers_max + buckets) * sizeof(struct sealed_peer *) +
                  SEALED_WAIT_MAX * sizeof(struct sealed_wait) + SEALED_ASKED_PLACES * sizeof(struct sealed_asked) +
                  peers_max * sizeof(uint32_t);
    struct sealed *s = calloc(1, size);
    if (s == NULL) {
        return NULL;
    }
    /* In the order of their alignment. */
    s->slot = (struct sealed_peer **)(s + 1);
    s->bucket = s->slot + peers_max;
    s->wait_pool = (struct sealed_wait *)(s->bucket + buckets);
    s->asked = (struct sealed_asked *)(s->wait_pool + SEALED_WAIT_MAX);
    s->free_slot = (uint32_t *)(s->asked + SEALED_ASKED_PLACES);
    s->peers_max = peers_max;
    s->bucket_mask = buckets - 1;
    return s;
}

enum err sealed_new(const struct node_keys *keys, const uint8_t seed[SEALED_SEED_LEN], uint32_t peers_max,
                    uint64_t now_ms, struct sealed **ret)
{
    if (peers_max < 1 || peers_max > SEALED_PEERS_MAX || keys_check(keys) != ERR_OK) {
        return ERR_INVALID;
    }
    struct sealed *s = make_room(peers_max);
    if (s == NULL) {
        return ERR_NOMEM;
    }
    sealed_link_init(&s->used);
    sealed_link_init(&s->busy);
    sealed_link_init(&s->ready);
    s->due_ms = s->idle_ms = UINT64_MAX;
    memcpy(s->seed, seed, sizeof s->seed);
    s->drawn = now_ms; /* where it begins plays no part */
    sealed_peer_draw(s, s->token_secret, sizeof s->token_secret);
    sealed_peer_draw(s, s->hash_key, sizeof s->hash_key);
    set_keys(s, keys);
    *ret = s;
    return ERR_OK;
}

void sealed_free(struct sealed *s)
{
    if (s == NULL) {
        return;
    }
    for (uint32_t i = 0; i < s->slots_touched; i++) {
        if (s->slot[i] != NULL) {
            sealed_peer_forget(s, s->slot[i]);
        }
    }
    sodium_memzero(s->wait_pool, s->wait_touched * sizeof *s->wait_pool);
    sodium_memzero(s, sizeof *s);
    free(s);
}

static bool has_epoch(const struct sealed *s, const struct sealed_session *session)
{
    for (uint32_t i = 0; i < s->keys.cluster_keys; i++) {
        if (s->epoch[i].epoch == session->epoch) {
            return true;
        }
    }
    return false;
}

enum err sealed_rekey(struct sealed *s, const struct node_keys *keys)
{
    if (keys_check(keys) != ERR_OK || memcmp(keys->id, s->keys.id, sizeof keys->id) != 0 ||
        memcmp(keys->cluster_id, s->keys.cluster_id, sizeof keys->cluster_id) != 0) {
        return ERR_INVALID;
    }
    set_keys(s, keys);
    for (uint32_t i = 0; i < s->slots_touched; i++) {
        if (s->slot[i] != NULL) {
            s->slot[i]->wants_newer = true;
        }
        for (unsigned k = 0; s->slot[i] != NULL && k < SEALED_ROLES; k++) {
            struct sealed_session *session = &s->slot[i]->session[k];
            if (session->is_live && !has_epoch(s, session)) {
                sodium_memzero(session, sizeof *session);
            }
        }
    }
    return ERR_OK;
}

/* ---- payloads out ------------------------------------------------------------------------------- */

static bool is_address(const struct sealed_address *a)
{
    return a->port != 0 && !sodium_is_zero(a->ip, sizeof a->ip);
}

/* The peer to send to, made if it is new; NULL: no room. */
static struct sealed_peer *addressee(struct sealed *s, uint64_t now_ms, const uint8_t *id,
                                     const struct sealed_address *to)
{
    struct sealed_peer *p = id == NULL ? sealed_peer_stranger(s, to) : sealed_peer_find(s, id);

    return p == NULL ? sealed_peer_make(s, id, now_ms) : p;
}

/* Whether the session in use should be followed by another; it serves until that is there. */
static bool is_due(const struct sealed *s, struct sealed_peer *p, uint64_t now_ms)
{
    const struct sealed_session *session = sealed_peer_role(p, SEALED_CURRENT);
    bool is_silent = p->asked_ms != 0 && now_ms - p->asked_ms > SEALED_SILENCE_MS;
    /* Once at once: whichever of the two gets the newer key last finds that the other has it. */
    bool is_old = session->epoch != s->epoch[0].epoch && (p->wants_newer || now_ms - p->met_ms > SEALED_RENEW_MS);

    return is_silent || is_old || session->counter >= SEALED_RENEW_AT;
}

/* It waits until `p` is known, or known to receive there. */
static enum err wait_for(struct sealed *s, struct sealed_peer *p, uint64_t now_ms, const struct sealed_address *to,
                         const uint8_t *bytes, size_t size)
{
    if (!p->has_id && !p->attempt.is_on) {
        p->attempt.to = *to; /* what a stranger is found by */
    }
    enum err e = sealed_wait_put(s, p, now_ms, to, bytes, size);
    if (e != ERR_OK && !p->has_id && sealed_link_is_alone(&p->busy)) {
        sealed_peer_forget(s, p); /* a new one, for which there was no room */
    }
    return e;
}

enum err sealed_send(struct sealed *s, uint64_t now_ms, const uint8_t *id, const struct sealed_address *to,
                     const uint8_t *bytes, size_t size, struct sealed_packet *out)
{
    out->size = 0;
    if (size < 1 || size > SEALED_PAYLOAD_MAX || !is_address(to) ||
        (id != NULL && memcmp(id, s->keys.id, NODE_ID_LEN) == 0)) {
        return ERR_INVALID;
    }
    struct sealed_peer *p = addressee(s, now_ms, id, to);
    if (p == NULL) {
        s->numbers.full++;
        return ERR_LIMIT;
    }
    sealed_peer_touch(s, p, now_ms);
    if (!sealed_wait_may_send(p, to)) {
        if (p->attempt.is_on && p->attempt.tries > 1 && !sealed_wire_same(&p->attempt.to, to)) {
            p->attempt.is_on = false; /* it did not answer there: perhaps here */
        }
        return wait_for(s, p, now_ms, to, bytes, size);
    }
    if (!p->wants_meeting && !p->attempt.is_on && is_due(s, p, now_ms)) {
        p->wants_meeting = true;
        p->wants_newer = false;
        sealed_wait_rouse(s, p);
    }
    out->to = *to;
    sealed_wait_seal(s, p, now_ms, bytes, size, out);
    return ERR_OK;
}

/* ---- datagrams in ------------------------------------------------------------------------------- */

/* A refusal that a peer can be named for. */
static unsigned blame(struct sealed_peer *p, unsigned refusal)
{
    p->numbers.refused[refusal]++;
    return refusal;
}

/* Whether a counter is new: before the tag is verified, because that costs more. */
static unsigned judge_counter(const struct sealed_session *session, uint64_t counter)
{
    switch (sealed_window_look(&session->window, counter)) {
    case SEALED_WINDOW_NEW:
        return SEALED_TAKEN;
    case SEALED_WINDOW_SEEN:
        return SEALED_REFUSED_REPLAYED;
    case SEALED_WINDOW_OLD:
        break;
    }
    return SEALED_REFUSED_STALE;
}

static unsigned forged(struct sealed_peer *p, struct sealed_session *session)
{
    if (++session->forgeries >= SEALED_FORGERIES_MAX) {
        sodium_memzero(session, sizeof *session);
    }
    return blame(p, SEALED_REFUSED_FORGED);
}

/* It is authentic and new. */
static void accept(struct sealed *s, struct sealed_peer *p, struct sealed_session *session, uint64_t now_ms)
{
    sealed_meet_heard(s, p, now_ms);
    if (session == sealed_peer_role(p, SEALED_NEXT)) {
        sealed_peer_add_path(p, &session->asker);
        sealed_peer_promote(s, p, SEALED_NEXT);
        p->met_ms = now_ms;
        if (p->first != NULL) {
            sealed_wait_rouse(s, p);
        }
    }
}

static unsigned take_data(struct sealed *s, uint64_t now_ms, const struct sealed_address *from, uint8_t *bytes,
                          size_t size, struct sealed_payload *ret, struct sealed_packet *out)
{
    struct sealed_header header;
    struct sealed_peer *p;

    sealed_wire_get_header(bytes, &header);
    struct sealed_session *session = sealed_peer_session(s, header.to, &p);
    if (session == NULL || !session->is_live) {
        sealed_meet_tell(s, now_ms, from, bytes, out);
        return SEALED_REFUSED_INDEX;
    }
    bool is_asker = session == sealed_peer_role(p, SEALED_NEXT) && sealed_wire_same(&session->asker, from);
    if (!is_asker && !sealed_peer_has_path(p, from)) {
        sealed_meet_tell(s, now_ms, from, bytes, out); /* it has moved, or somebody plays */
        return blame(p, SEALED_REFUSED_ADDRESS);
    }
    unsigned verdict = judge_counter(session, header.counter);
    if (verdict != SEALED_TAKEN) {
        return blame(p, verdict);
    }
    if (sealed_key_open(session->receive_key, header.counter, bytes, size) != ERR_OK) {
        return forged(p, session);
    }
    sealed_window_take(&session->window, header.counter);
    accept(s, p, session, now_ms);
    *ret = (struct sealed_payload){p->id, bytes + SEALED_HEADER_LEN, size - SEALED_DATA_MIN, UINT64_C(1) << 32 | session->local};
    if (ret->size > 0) {
        s->numbers.received++;
        s->numbers.received_bytes += ret->size;
        p->numbers.received++;
        p->numbers.received_bytes += ret->size;
    }
    return SEALED_TAKEN;
}

static unsigned take(struct sealed *s, uint64_t now_ms, const struct sealed_address *from, uint8_t *bytes,
                     size_t size, struct sealed_payload *ret, struct sealed_packet *out)
{
    bool is_type;

    if (!sealed_wire_fits(bytes, size, &is_type)) {
        return is_type ? SEALED_REFUSED_LENGTH : SEALED_REFUSED_TYPE;
    }
    if (!is_address(from)) {
        return SEALED_REFUSED_ADDRESS; /* port 0: nobody can be answered there */
    }
    switch ((enum sealed_type)bytes[0]) {
    case SEALED_DATA:
        return take_data(s, now_ms, from, bytes, size, ret, out);
    case SEALED_HELLO:
        return sealed_meet_hello(s, now_ms, from, bytes, out);
    case SEALED_COOKIE:
        return sealed_meet_cookie(s, now_ms, bytes);
    case SEALED_WELCOME:
        return sealed_meet_welcome(s, now_ms, bytes);
    case SEALED_NOTICE:
        break;
    }
    return sealed_meet_notice(s, bytes);
}

unsigned sealed_receive(struct sealed *s, uint64_t now_ms, const struct sealed_address *from, uint8_t *bytes,
                        size_t size, struct sealed_payload *ret, struct sealed_packet *out)
{
    *ret = (struct sealed_payload){0};
    out->size = 0;
    unsigned verdict = take(s, now_ms, from, bytes, size, ret, out);
    if (verdict != SEALED_TAKEN) {
        s->numbers.refused[verdict]++;
    }
    assert(out->size <= size); /* whoever asked from a false address hits nobody harder than himself */
    assert(verdict == SEALED_TAKEN || ret->size == 0);
    return verdict;
}

/* ---- numbers ------------------------------------------------------------------------------------ */

const struct sealed_numbers *sealed_count(const struct sealed *s)
{
    return &s->numbers;
}

static void describe(const struct sealed_peer *p, struct sealed_peer_numbers *ret)
{
    const struct sealed_session *current = &p->session[p->place[SEALED_CURRENT]];

    *ret = p->numbers;
    memcpy(ret->id, p->id, sizeof ret->id);
    ret->address = p->paths > 0 ? p->path[0] : (struct sealed_address){0};
    ret->epoch = current->is_live ? current->epoch : 0;
    ret->waiting = p->waiting;
}

bool sealed_count_peer(const struct sealed *s, const uint8_t id[NODE_ID_LEN], struct sealed_peer_numbers *ret)
{
    const struct sealed_peer *p = sealed_peer_find(s, id);

    if (p != NULL) {
        describe(p, ret);
    }
    return p != NULL;
}

void sealed_each_peer(const struct sealed *s,
                      void (*each)(void *context, const struct sealed_peer_numbers *peer), void *context)
{
    for (uint32_t i = 0; i < s->peers_max; i++) {
        if (s->slot[i] != NULL && s->slot[i]->has_id) {
            struct sealed_peer_numbers numbers;
            describe(s->slot[i], &numbers);
            each(context, &numbers);
        }
    }
}
