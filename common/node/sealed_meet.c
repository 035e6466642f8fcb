/* Making acquaintance: sealed.h has the picture. Every check that costs little stands before every one that
 * costs more, and nothing is kept before the asker has proved that it receives where it says it is. */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/node/sealed_state.h"

enum {
    SECOND_US = 1000000,
    NOTICE_SLACK = 1024, /* datagrams that may be on their way while a NOTICE comes back */
};

static const struct sealed_epoch *epoch_of(const struct sealed *s, uint32_t epoch)
{
    for (uint32_t i = 0; i < s->keys.cluster_keys; i++) {
        if (s->epoch[i].epoch == epoch) {
            return &s->epoch[i];
        }
    }
    return NULL;
}

/* DATA and NOTICE have room for 8 bits of it. NULL: none of ours. */
static const struct sealed_epoch *epoch_of_low(const struct sealed *s, uint8_t low)
{
    for (uint32_t i = 0; i < s->keys.cluster_keys; i++) {
        if ((uint8_t)s->epoch[i].epoch == low) {
            return &s->epoch[i];
        }
    }
    return NULL;
}

static bool is_mac(const uint8_t key[NODE_KEY_LEN], const uint8_t *bytes, size_t size, const uint8_t *salt,
                   const uint8_t mac[SEALED_MAC_LEN])
{
    uint8_t own[SEALED_MAC_LEN];

    sealed_key_mac(key, bytes, size, salt, own);
    return sodium_memcmp(own, mac, sizeof own) == 0;
}

static bool passes(struct rate *rate, uint32_t most, uint64_t now_ms)
{
    uint64_t held;

    return rate_pass(rate, most, SECOND_US, now_ms * 1000, &held);
}

void sealed_meet_heard(struct sealed *s, struct sealed_peer *p, uint64_t now_ms)
{
    p->asked_ms = 0;
    p->numbers.heard_ms = now_ms;
    sealed_peer_touch(s, p, now_ms);
}

/* ---- asking ------------------------------------------------------------------------------------- */

void sealed_meet_begin(struct sealed *s, struct sealed_peer *p, uint64_t now_ms, const struct sealed_address *to)
{
    p->attempt = (struct sealed_attempt){.is_on = true, .to = *to, .due_ms = now_ms};
    sealed_peer_draw(s, p->attempt.salt, SEALED_SALT_LEN);
    (void)sealed_peer_renew(s, p, SEALED_ATTEMPT);
    sealed_wait_rouse(s, p);
}

/* Twice the last wait, a quarter more or less: nodes that lost each other together do not ask together. */
static uint64_t next_try(struct sealed *s, const struct sealed_attempt *a, uint64_t now_ms)
{
    uint64_t wait_ms = (uint64_t)SEALED_TRY_MS << (a->tries - 1);
    uint8_t random[2];

    sealed_peer_draw(s, random, sizeof random);
    uint64_t share = (uint64_t)random[0] << 8 | random[1];
    return now_ms + wait_ms * 3 / 4 + wait_ms / 2 * share / 65536;
}

void sealed_meet_ask(struct sealed *s, struct sealed_peer *p, uint64_t now_ms, struct sealed_packet *out)
{
    struct sealed_attempt *a = &p->attempt;
    struct sealed_hello h = {.from = sealed_peer_role(p, SEALED_ATTEMPT)->local, .keys = s->keys.cluster_keys};

    assert(a->is_on && a->tries < SEALED_TRIES_MAX);
    memcpy(h.salt, a->salt, sizeof h.salt);
    memcpy(h.id, s->keys.id, sizeof h.id);
    memcpy(h.target, p->id, sizeof h.target); /* zeros of a stranger */
    memcpy(h.cluster, s->keys.cluster_id, sizeof h.cluster);
    memcpy(h.token, a->token, sizeof h.token);
    for (uint32_t i = 0; i < h.keys; i++) {
        h.key[i].epoch = s->epoch[i].epoch;
    }
    (void)sealed_wire_put_hello(&h, out->bytes);
    for (uint32_t i = 0; i < h.keys; i++) {
        sealed_key_mac(s->epoch[i].hello_key, out->bytes, SEALED_HELLO_BODY, NULL, h.key[i].mac);
    }
    out->size = sealed_wire_put_hello(&h, out->bytes);
    out->to = a->to;
    a->tries++;
    a->due_ms = next_try(s, a, now_ms);
    s->numbers.hellos++;
}

/* ---- being asked -------------------------------------------------------------------------------- */

/* The newest key that both have; *ret_refusal: why there is none. */
static const struct sealed_epoch *common_epoch(const struct sealed *s, const struct sealed_hello *h,
                                               const uint8_t *bytes, unsigned *ret_refusal)
{
    for (uint32_t i = 0; i < s->keys.cluster_keys; i++) {
        for (uint32_t k = 0; k < h->keys; k++) {
            if (s->epoch[i].epoch == h->key[k].epoch) {
                *ret_refusal = SEALED_REFUSED_FORGED;
                return is_mac(s->epoch[i].hello_key, bytes, SEALED_HELLO_BODY, NULL, h->key[k].mac) ? &s->epoch[i]
                                                                                                    : NULL;
            }
        }
    }
    *ret_refusal = SEALED_REFUSED_EPOCH;
    return NULL;
}

/* Its token of this time, or of the last. */
static void token_of(const struct sealed *s, const struct sealed_hello *h, const struct sealed_address *from,
                     uint64_t bucket, uint8_t ret[SEALED_TOKEN_LEN])
{
    const struct sealed_claim claim = {from, h->id, h->salt, bucket};

    sealed_key_token(s->token_secret, &claim, ret);
}

static bool is_token_good(const struct sealed *s, const struct sealed_hello *h, const struct sealed_address *from,
                          uint64_t now_ms)
{
    uint64_t bucket = now_ms / SEALED_TOKEN_MS;
    uint8_t token[SEALED_TOKEN_LEN];

    token_of(s, h, from, bucket, token);
    if (sodium_memcmp(token, h->token, sizeof token) == 0) {
        return true;
    }
    token_of(s, h, from, bucket - 1, token); /* in the first time of all: of one that never was */
    return sodium_memcmp(token, h->token, sizeof token) == 0;
}

/* Whether this very question has been answered often enough in this second: a HELLO that somebody caught on its
 * way can be sent again by anybody. Two questions that share a place are not told apart: then the budget of all
 * holds alone. */
static bool is_tiresome(struct sealed *s, const struct sealed_hello *h, uint64_t now_ms)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint32_t second = (uint32_t)(now_ms / 1000);

    (void)crypto_shorthash(hash, h->salt, sizeof h->salt, s->hash_key);
    uint32_t print = bytes_get_be32(hash);
    struct sealed_asked *a = &s->asked[bytes_get_be32(hash + 4) % SEALED_ASKED_PLACES];
    if (a->count == 0 || a->second != second) {
        *a = (struct sealed_asked){print, second, 0};
    }
    return a->print == print && ++a->count > SEALED_COOKIES_EACH;
}

/* Ask it to prove its address. Nothing is kept. */
static unsigned answer_cookie(struct sealed *s, const struct sealed_epoch *epoch, const struct sealed_hello *h,
                              uint64_t now_ms, struct sealed_packet *out)
{
    struct sealed_cookie c = {.to = h->from, .epoch = epoch->epoch};

    if (is_tiresome(s, h, now_ms) || !passes(&s->cookies, SEALED_COOKIES_MAX, now_ms)) {
        return SEALED_REFUSED_BUSY;
    }
    token_of(s, h, &out->to, now_ms / SEALED_TOKEN_MS, c.token);
    sealed_wire_put_cookie(&c, out->bytes);
    sealed_key_mac(epoch->answer_key, out->bytes, SEALED_COOKIE_BODY, h->salt, c.mac);
    sealed_wire_put_cookie(&c, out->bytes);
    out->size = SEALED_COOKIE_LEN;
    s->numbers.cookies++;
    return SEALED_TAKEN;
}

/* The peer that asks, with its shared secret; NULL: *ret_refusal. */
static struct sealed_peer *asker(struct sealed *s, const struct sealed_hello *h, uint64_t now_ms,
                                 unsigned *ret_refusal)
{
    struct sealed_peer *p = sealed_peer_find(s, h->id);
    uint8_t shared[NODE_KEY_LEN];

    if (!passes(&s->meetings, SEALED_MEETINGS_MAX, now_ms)) {
        *ret_refusal = SEALED_REFUSED_BUSY;
        return NULL;
    }
    if (p != NULL && p->has_shared) {
        return p;
    }
    if (sealed_key_shared(s->keys.dh_secret, h->id, shared) != ERR_OK) {
        *ret_refusal = SEALED_REFUSED_IDENTITY;
        return NULL;
    }
    p = p == NULL ? sealed_peer_make(s, h->id, now_ms) : p;
    if (p != NULL) {
        memcpy(p->shared, shared, sizeof shared);
        p->has_shared = true;
    }
    *ret_refusal = SEALED_REFUSED_BUSY; /* no memory */
    sodium_memzero(shared, sizeof shared);
    return p;
}

/* The keys of both directions go where they belong. */
static void take_keys(struct sealed_session *session, const struct sealed_session_keys *keys, bool is_initiator)
{
    memcpy(session->send_key, is_initiator ? keys->to_responder : keys->to_initiator, NODE_KEY_LEN);
    memcpy(session->receive_key, is_initiator ? keys->to_initiator : keys->to_responder, NODE_KEY_LEN);
    memcpy(session->tag, keys->tag, sizeof session->tag);
    session->is_live = true;
}

/* A HELLO proves no more than that some member sent it: all of this stays in the new session until a DATA
 * under it proves that it was this peer. */
static void prepare(struct sealed *s, struct sealed_peer *p, const struct sealed_epoch *epoch,
                    const struct sealed_hello *h, const struct sealed_address *from)
{
    struct sealed_session *next = sealed_peer_renew(s, p, SEALED_NEXT);
    struct sealed_session_keys keys;

    sealed_peer_draw(s, next->own_salt, SEALED_SALT_LEN);
    memcpy(next->asker_salt, h->salt, SEALED_SALT_LEN);
    next->remote = h->from;
    next->asker = *from;
    next->epoch = epoch->epoch;
    sealed_key_session(epoch, p->shared, &(struct sealed_side){h->id, h->salt, h->from},
                       &(struct sealed_side){s->keys.id, next->own_salt, next->local}, &keys);
    take_keys(next, &keys, false);
    sodium_memzero(&keys, sizeof keys);
}

static void put_welcome(struct sealed *s, const struct sealed_session *next, const struct sealed_epoch *epoch,
                        struct sealed_packet *out)
{
    struct sealed_welcome w = {.to = next->remote, .from = next->local, .epoch = next->epoch};

    memcpy(w.salt, next->own_salt, sizeof w.salt);
    memcpy(w.id, s->keys.id, sizeof w.id);
    memcpy(w.tag, next->tag, sizeof w.tag);
    sealed_wire_put_welcome(&w, out->bytes);
    sealed_key_mac(epoch->answer_key, out->bytes, SEALED_WELCOME_BODY, next->asker_salt, w.mac);
    sealed_wire_put_welcome(&w, out->bytes);
    out->size = SEALED_WELCOME_LEN;
    s->numbers.welcomes++;
}

/* Whether this very question has been answered with a session that is in use. */
static bool is_old_question(struct sealed_peer *p, const struct sealed_hello *h)
{
    const struct sealed_session *current = sealed_peer_role(p, SEALED_CURRENT);
    const struct sealed_session *previous = sealed_peer_role(p, SEALED_PREVIOUS);

    return (current->is_live && memcmp(current->asker_salt, h->salt, SEALED_SALT_LEN) == 0) ||
           (previous->is_live && memcmp(previous->asker_salt, h->salt, SEALED_SALT_LEN) == 0);
}

/* Whether it is a question of ours, which came back: by a mirror, or from where others see us. */
static bool is_own_question(const struct sealed *s, const struct sealed_hello *h)
{
    struct sealed_peer *p;
    const struct sealed_session *session = sealed_peer_session(s, h->from, &p);

    return memcmp(h->id, s->keys.id, sizeof h->id) == 0 && session != NULL &&
           session == sealed_peer_role(p, SEALED_ATTEMPT) && memcmp(p->attempt.salt, h->salt, sizeof h->salt) == 0;
}

unsigned sealed_meet_hello(struct sealed *s, uint64_t now_ms, const struct sealed_address *from,
                           const uint8_t *bytes, struct sealed_packet *out)
{
    struct sealed_hello h;
    unsigned refusal = SEALED_REFUSED_TYPE;

    if (!sealed_wire_get_hello(bytes, &h)) {
        return SEALED_REFUSED_TYPE;
    }
    if (memcmp(h.cluster, s->keys.cluster_id, sizeof h.cluster) != 0) {
        return SEALED_REFUSED_CLUSTER;
    }
    if (!sodium_is_zero(h.target, sizeof h.target) && memcmp(h.target, s->keys.id, sizeof h.target) != 0) {
        return SEALED_REFUSED_IDENTITY;
    }
    const struct sealed_epoch *epoch = common_epoch(s, &h, bytes, &refusal);
    if (epoch == NULL) {
        return refusal;
    }
    if (is_own_question(s, &h)) {
        return SEALED_REFUSED_IDENTITY;
    }
    out->to = *from;
    if (!is_token_good(s, &h, from, now_ms)) {
        return answer_cookie(s, epoch, &h, now_ms, out);
    }
    if (memcmp(h.id, s->keys.id, sizeof h.id) == 0) {
        s->numbers.twins++; /* it has the id, the cluster's key, and a token that was sent there: another node, no echo */
        return SEALED_REFUSED_IDENTITY;
    }
    struct sealed_peer *p = asker(s, &h, now_ms, &refusal);
    if (p == NULL) {
        return refusal;
    }
    if (is_old_question(p, &h)) {
        return SEALED_REFUSED_REPLAYED;
    }
    const struct sealed_session *next = sealed_peer_role(p, SEALED_NEXT);
    bool is_again = next->is_live && memcmp(next->asker_salt, h.salt, SEALED_SALT_LEN) == 0;
    if (!is_again) {
        prepare(s, p, epoch, &h, from);
    }
    epoch = epoch_of(s, next->epoch); /* a WELCOME that comes again is the same, also after a rotation */
    assert(epoch != NULL);            /* sealed_rekey ends sessions under other keys */
    put_welcome(s, next, epoch, out);
    return SEALED_TAKEN;
}

/* ---- answers ------------------------------------------------------------------------------------ */

/* The attempt that an answer is for. */
static struct sealed_peer *attempt_of(const struct sealed *s, uint32_t to)
{
    struct sealed_peer *p;
    const struct sealed_session *session = sealed_peer_session(s, to, &p);

    return session != NULL && p->attempt.is_on && session == sealed_peer_role(p, SEALED_ATTEMPT) ? p : NULL;
}

unsigned sealed_meet_cookie(struct sealed *s, uint64_t now_ms, const uint8_t *bytes)
{
    struct sealed_cookie c;

    if (!sealed_wire_get_cookie(bytes, &c)) {
        return SEALED_REFUSED_TYPE;
    }
    struct sealed_peer *p = attempt_of(s, c.to);
    if (p == NULL) {
        return SEALED_REFUSED_UNASKED;
    }
    const struct sealed_epoch *epoch = epoch_of(s, c.epoch);
    if (epoch == NULL) {
        return SEALED_REFUSED_EPOCH;
    }
    if (!is_mac(epoch->answer_key, bytes, SEALED_COOKIE_BODY, p->attempt.salt, c.mac)) {
        return SEALED_REFUSED_FORGED;
    }
    if (memcmp(p->attempt.token, c.token, sizeof c.token) == 0) {
        return SEALED_REFUSED_REPLAYED; /* or it is no longer good: the next HELLO brings another */
    }
    memcpy(p->attempt.token, c.token, sizeof c.token);
    /* A try of its own, so that COOKIEs alone cannot keep us asking for ever. */
    if (p->attempt.tries < SEALED_TRIES_MAX) {
        p->attempt.due_ms = now_ms;
        sealed_wait_rouse(s, p);
    }
    return SEALED_TAKEN;
}

/* Who answers may be the one we asked; then *ret has the secret we share. */
static unsigned judge_answerer(struct sealed *s, const struct sealed_peer *p, const struct sealed_welcome *w,
                               uint64_t now_ms, uint8_t ret[NODE_KEY_LEN])
{
    if (memcmp(w->id, s->keys.id, sizeof w->id) == 0 || (p->has_id && memcmp(w->id, p->id, sizeof w->id) != 0)) {
        return SEALED_REFUSED_IDENTITY;
    }
    if (p->has_shared) {
        memcpy(ret, p->shared, NODE_KEY_LEN);
        return SEALED_TAKEN;
    }
    if (!passes(&s->meetings, SEALED_MEETINGS_MAX, now_ms)) {
        return SEALED_REFUSED_BUSY;
    }
    return sealed_key_shared(s->keys.dh_secret, w->id, ret) == ERR_OK ? SEALED_TAKEN : SEALED_REFUSED_IDENTITY;
}

/* The attempt has succeeded: it is the session in use. */
static void establish(struct sealed *s, struct sealed_peer *p, uint64_t now_ms, const struct sealed_welcome *w)
{
    /* Where our question got to it; not where the answer came from, which anybody on the way can forge. A
     * peer with several addresses that answers from another one is told by NOTICE to prove that too. */
    sealed_peer_add_path(p, &p->attempt.to);
    sealed_peer_promote(s, p, SEALED_ATTEMPT);
    p->attempt.is_on = false;
    p->wants_confirm = true;
    p->met_ms = now_ms;
    if (!p->has_id) {
        sealed_peer_name(s, p, w->id);
    }
    sealed_meet_heard(s, p, now_ms);
    sealed_wait_rouse(s, p);
}

/* The session that this WELCOME makes, if its tag is right. */
static unsigned conclude(struct sealed *s, struct sealed_peer *p, const struct sealed_epoch *epoch,
                         const struct sealed_welcome *w, const uint8_t shared[NODE_KEY_LEN])
{
    struct sealed_session *session = sealed_peer_role(p, SEALED_ATTEMPT);
    struct sealed_session_keys keys;
    unsigned verdict = SEALED_REFUSED_FORGED;

    sealed_key_session(epoch, shared, &(struct sealed_side){s->keys.id, p->attempt.salt, session->local},
                       &(struct sealed_side){w->id, w->salt, w->from}, &keys);
    if (sodium_memcmp(keys.tag, w->tag, sizeof w->tag) == 0) {
        memcpy(p->shared, shared, NODE_KEY_LEN);
        p->has_shared = true;
        session->remote = w->from;
        session->epoch = w->epoch;
        take_keys(session, &keys, true);
        verdict = SEALED_TAKEN;
    }
    sodium_memzero(&keys, sizeof keys);
    return verdict;
}

unsigned sealed_meet_welcome(struct sealed *s, uint64_t now_ms, const uint8_t *bytes)
{
    struct sealed_welcome w;
    uint8_t shared[NODE_KEY_LEN];

    if (!sealed_wire_get_welcome(bytes, &w)) {
        return SEALED_REFUSED_TYPE;
    }
    struct sealed_peer *p = attempt_of(s, w.to);
    if (p == NULL) {
        return SEALED_REFUSED_UNASKED;
    }
    const struct sealed_epoch *epoch = epoch_of(s, w.epoch);
    if (epoch == NULL) {
        return SEALED_REFUSED_EPOCH;
    }
    if (!is_mac(epoch->answer_key, bytes, SEALED_WELCOME_BODY, p->attempt.salt, w.mac)) {
        return SEALED_REFUSED_FORGED; /* before any curve operation */
    }
    unsigned verdict = judge_answerer(s, p, &w, now_ms, shared);
    verdict = verdict == SEALED_TAKEN ? conclude(s, p, epoch, &w, shared) : verdict;
    if (verdict == SEALED_TAKEN) {
        establish(s, p, now_ms, &w);
    }
    sodium_memzero(shared, sizeof shared);
    return verdict;
}

/* ---- sessions that the other side does not know ------------------------------------------------- */

void sealed_meet_tell(struct sealed *s, uint64_t now_ms, const struct sealed_address *from, const uint8_t *bytes,
                      struct sealed_packet *out)
{
    struct sealed_header header;

    if (!passes(&s->notices, SEALED_NOTICES_MAX, now_ms)) {
        return; /* who sends finds out by silence */
    }
    sealed_wire_get_header(bytes, &header);
    const struct sealed_epoch *epoch = epoch_of_low(s, header.epoch);
    epoch = epoch == NULL ? &s->epoch[0] : epoch;
    struct sealed_header answer = {(uint8_t)epoch->epoch, header.counter, header.from, header.to};
    sealed_wire_put_header(SEALED_NOTICE, &answer, out->bytes);
    sealed_key_mac(epoch->notice_key, out->bytes, SEALED_HEADER_LEN, NULL, out->bytes + SEALED_HEADER_LEN);
    out->size = SEALED_NOTICE_LEN;
    out->to = *from;
    s->numbers.notices++;
}

unsigned sealed_meet_notice(struct sealed *s, const uint8_t *bytes)
{
    struct sealed_header header;
    struct sealed_peer *p;

    sealed_wire_get_header(bytes, &header);
    struct sealed_session *session = sealed_peer_session(s, header.to, &p);
    if (session == NULL || !session->is_live || session != sealed_peer_role(p, SEALED_CURRENT) ||
        session->remote != header.from || header.counter >= session->counter) {
        return SEALED_REFUSED_UNASKED;
    }
    if (session->counter - header.counter > NOTICE_SLACK) {
        return SEALED_REFUSED_STALE;
    }
    const struct sealed_epoch *epoch = epoch_of_low(s, header.epoch);
    if (epoch == NULL) {
        return SEALED_REFUSED_EPOCH;
    }
    if (!is_mac(epoch->notice_key, bytes, SEALED_HEADER_LEN, NULL, bytes + SEALED_HEADER_LEN)) {
        return SEALED_REFUSED_FORGED;
    }
    p->is_doubted = p->wants_meeting = true;
    sealed_wait_rouse(s, p);
    return SEALED_TAKEN;
}
