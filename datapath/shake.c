/* Handshakes. What is checked comes in the order of its price: a hash (mac1), a hash under load (mac2), then
 * multiplications; and nothing of a peer changes before a message of it has proved itself. */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "datapath/stamp.h"
#include "datapath/state.h"

/* Every handshake of the protocol begins with it: WireGuard, section 5.4. */
static const char prologue[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

enum {
    NS_BITS = 24,             /* a stamp tells no more than 17 ms: section 5.1 has a clock's noise hidden so */
};

_Static_assert(DATAPATH_MESSAGE_INITIATION ==
                   DATAPATH_MESSAGE_NOISE_FIRST + DATAPATH_NOISE_FIRST + DATAPATH_MESSAGE_TIME + DATAPATH_MESSAGE_MACS,
               "an initiation");
_Static_assert(DATAPATH_MESSAGE_RESPONSE ==
                   DATAPATH_MESSAGE_NOISE_SECOND + DATAPATH_NOISE_SECOND + DATAPATH_MESSAGE_MACS, "a response");

void datapath_shake_init(struct datapath *d)
{
    datapath_noise_begin(&d->begun, prologue, sizeof prologue - 1, d->self.public);
}

/* ---- our initiations -------------------------------------------------------------------------------- */

/* TAI64N of now, and above all that this peer had from us: a clock that was set back must not make us unheard. */
static void next_stamp(struct datapath *d, struct datapath_peer *p, uint64_t wall_ns, uint8_t ret[DATAPATH_MESSAGE_TIME])
{
    const uint64_t step = UINT64_C(1) << NS_BITS;
    uint64_t least = (p->stamp_ns + step) / step * step, stamp = wall_ns / step * step;

    p->stamp_ns = stamp < least ? least : stamp;
    d->stamp_ns = p->stamp_ns > d->stamp_ns ? p->stamp_ns : d->stamp_ns;
    datapath_stamp_write(p->stamp_ns, ret);
}

void datapath_shake_forget(struct datapath *d, struct datapath_peer *p)
{
    datapath_index_drop(&d->index, p->shake_id);
    p->shake_id = DATAPATH_INDEX_NONE;
    datapath_noise_fini(&p->shake);
}

static void send_initiation(struct datapath *d, struct datapath_time now, uint32_t peer, struct datapath_effects *fx)
{
    struct datapath_peer *p = &d->peer[peer];
    uint8_t *out = datapath_effects_room(fx, DATAPATH_MESSAGE_INITIATION);
    uint8_t ephemeral[DATAPATH_NOISE_KEY], stamp[DATAPATH_MESSAGE_TIME];

    datapath_shake_forget(d, p);
    next_stamp(d, p, now.wall_ns, stamp);
    datapath_random_draw(&d->random, ephemeral, sizeof ephemeral);
    datapath_noise_begin(&p->shake, prologue, sizeof prologue - 1, p->config.public);
    enum err e = datapath_noise_write_first(&p->shake, &d->self, p->config.public, p->shared, ephemeral, stamp,
                                            sizeof stamp, out + DATAPATH_MESSAGE_NOISE_FIRST);
    assert(e == ERR_OK); /* no peer with a key of small order was let in */
    sodium_memzero(ephemeral, sizeof ephemeral);
    p->shake_id = datapath_index_add(&d->index, &d->random, peer);
    datapath_message_begin(out, DATAPATH_KIND_INITIATION);
    datapath_message_put32(out + DATAPATH_MESSAGE_SENDER, p->shake_id);
    datapath_cookie_stamp(&p->cookie, out, DATAPATH_MESSAGE_INITIATION, now.ms);
    datapath_effects_send(fx, &p->config.endpoint, peer, DATAPATH_MESSAGE_INITIATION);
    p->shake_ms = p->initiated_ms = now.ms;
    p->numbers.sent_bytes += DATAPATH_MESSAGE_INITIATION;
    d->numbers.initiations++;
    fx->has_heard = true;
    fx->heard = peer;
    datapath_timers_sent(&p->timers, &d->pace, false, 0, now.ms);
    datapath_timers_initiated(&p->timers, &d->pace, datapath_random_below(&d->random, d->pace.jitter_ms), now.ms);
}

/* He began, we answered just now, and his first packet is on its way: a handshake of ours would be one too many. */
static bool is_about_to_come(const struct datapath *d, const struct datapath_peer *p, struct datapath_time now)
{
    return p->session.next.local != DATAPATH_INDEX_NONE && now.ms - p->session.next.born_ms < d->pace.retry_ms;
}

bool datapath_shake_begin(struct datapath *d, struct datapath_time now, uint32_t peer, bool is_retry,
                          struct datapath_effects *fx)
{
    struct datapath_peer *p = &d->peer[peer];

    if (p->config.endpoint.port == 0) {
        return false;
    }
    if (!is_retry) {
        datapath_timers_begun(&p->timers, &d->pace, now.ms);
    }
    if (!is_retry && is_about_to_come(d, p, now)) {
        if (p->timers.retry_ms == 0) {
            datapath_timers_initiated(&p->timers, &d->pace, 0, now.ms);
        }
    } else if (p->initiated_ms == 0 || now.ms - p->initiated_ms >= d->pace.retry_ms) {
        /* However many packets ask for it: section 6.4. The one that is under way is tried again by its timer. */
        send_initiation(d, now, peer, fx);
    }
    datapath_core_schedule(d, peer);
    return true;
}

/* ---- theirs --------------------------------------------------------------------------------------------- */

/* What both kinds have to pass before a multiplication is spent on them. */
static enum datapath_verdict at_the_gate(struct datapath *d, struct datapath_time now,
                                         const struct datapath_endpoint *from, const uint8_t *bytes, size_t size,
                                         struct datapath_effects *fx)
{
    uint8_t nonce[DATAPATH_MESSAGE_NONCE_SIZE];

    if (!datapath_cookie_knows(&d->gate, bytes, size)) {
        return DATAPATH_MAC1;
    }
    if (!datapath_limit_is_loaded(&d->limit, now.ms)) {
        return DATAPATH_TAKEN;
    }
    if (datapath_cookie_is_due(&d->gate, now.ms)) {
        uint8_t secret[DATAPATH_HASH_SIZE];
        datapath_random_draw(&d->random, secret, sizeof secret);
        datapath_cookie_renew(&d->gate, secret, now.ms);
        sodium_memzero(secret, sizeof secret);
    }
    if (datapath_cookie_receives(&d->gate, from, bytes, size)) {
        return datapath_limit_allows(&d->limit, from, now.ms) ? DATAPATH_TAKEN : DATAPATH_RATE;
    }
    datapath_random_draw(&d->random, nonce, sizeof nonce);
    datapath_cookie_reply(&d->gate, from, bytes, size, nonce, datapath_effects_room(fx, DATAPATH_MESSAGE_COOKIE));
    datapath_effects_send(fx, from, UINT32_MAX, DATAPATH_MESSAGE_COOKIE);
    d->numbers.cookies++;
    return DATAPATH_BUSY;
}

/* A pair of keys from a handshake that is complete. */
static void derive(struct datapath *d, struct datapath_time now, struct datapath_peer *p, struct datapath_noise *n,
                   bool is_initiator, uint32_t local, uint32_t remote)
{
    struct datapath_pair pair = {.local = local, .remote = remote, .is_initiator = is_initiator, .born_ms = now.ms};
    struct datapath_freed freed;

    datapath_noise_split(n, is_initiator, pair.send, pair.receive);
    if (d->own != NULL) {
        datapath_own_key(pair.send, pair.own_send);
        datapath_own_key(pair.receive, pair.own_receive);
    }
    datapath_session_add(&p->session, &pair, &freed);
    datapath_core_free_ids(d, &freed);
    datapath_timers_derived(&p->timers, &d->pace, now.ms);
    p->numbers.session_wall_ns = now.wall_ns;
    p->numbers.session_ms = now.ms;
    p->was_renewed = false;
}

static void respond(struct datapath *d, struct datapath_time now, uint32_t peer, struct datapath_noise *n,
                    uint32_t remote, struct datapath_effects *fx)
{
    struct datapath_peer *p = &d->peer[peer];
    uint8_t *out = datapath_effects_room(fx, DATAPATH_MESSAGE_RESPONSE), ephemeral[DATAPATH_NOISE_KEY];

    datapath_random_draw(&d->random, ephemeral, sizeof ephemeral);
    enum err e = datapath_noise_write_second(n, p->config.psk, ephemeral, NULL, 0, out + DATAPATH_MESSAGE_NOISE_SECOND);
    sodium_memzero(ephemeral, sizeof ephemeral);
    /* Both his keys have been multiplied with before: they are none of small order. */
    assert(e == ERR_OK);
    /* Ours that may be under way is over: he would have to answer it, and has begun himself. If this answer is lost,
     * its timer begins another. */
    datapath_shake_forget(d, p);
    uint32_t local = datapath_index_add(&d->index, &d->random, peer);
    datapath_message_begin(out, DATAPATH_KIND_RESPONSE);
    datapath_message_put32(out + DATAPATH_MESSAGE_SENDER, local);
    datapath_message_put32(out + DATAPATH_MESSAGE_ANSWERED, remote);
    datapath_cookie_stamp(&p->cookie, out, DATAPATH_MESSAGE_RESPONSE, now.ms);
    datapath_effects_send(fx, &p->config.endpoint, peer, DATAPATH_MESSAGE_RESPONSE);
    derive(d, now, p, n, false, local, remote);
    p->numbers.sent_bytes += DATAPATH_MESSAGE_RESPONSE;
    d->numbers.responses++;
    datapath_timers_sent(&p->timers, &d->pace, false, 0, now.ms);
    datapath_core_schedule(d, peer);
}

/* Both began at once: the one whose key is lower goes on and the other gives way, so that one session comes of it and
 * not two. Only for as long as an answer may be under way, and only if he would have it: an initiation that went to
 * another place than he is at counts for nothing. */
static bool is_a_tie(const struct datapath *d, const struct datapath_peer *p, struct datapath_time now,
                     const struct datapath_endpoint *from)
{
    return p->shake_id != DATAPATH_INDEX_NONE && now.ms - p->shake_ms < d->pace.tie_ms &&
           datapath_message_is_same(&p->config.endpoint, from) &&
           memcmp(d->self.public, p->config.public, sizeof d->self.public) < 0;
}

/* The part that costs: whose it is, and whether it is new. */
static enum datapath_verdict read_initiation(struct datapath *d, struct datapath_time now, const uint8_t *bytes,
                                             struct datapath_noise *n, uint32_t *ret_peer)
{
    const uint8_t *noise = bytes + DATAPATH_MESSAGE_NOISE_FIRST;
    const size_t size = DATAPATH_NOISE_FIRST + DATAPATH_MESSAGE_TIME;
    uint8_t stamp[DATAPATH_MESSAGE_TIME];
    uint32_t peer;

    *n = d->begun;
    if (datapath_noise_read_who(n, &d->self, noise, size) != ERR_OK) {
        return DATAPATH_FORGED;
    }
    if (!datapath_core_find(d, n->peer, &peer)) {
        return DATAPATH_STRANGER;
    }
    *ret_peer = peer;
    struct datapath_peer *p = &d->peer[peer];
    if (datapath_noise_read_first(n, p->shared, noise, size, stamp) != ERR_OK) {
        return DATAPATH_FORGED;
    }
    struct datapath_heard heard = p->config.heard;
    if (!datapath_stamp_take(&heard, stamp, now.wall_ns)) {
        return DATAPATH_STALE; /* recorded and sent again: section 5.1 */
    }
    if (p->asked_ms != 0 && now.ms - p->asked_ms < d->pace.initiations_ms) {
        return DATAPATH_RATE;
    }
    p->config.heard = heard;
    p->asked_ms = now.ms;
    return DATAPATH_TAKEN;
}

enum datapath_verdict datapath_shake_initiation(struct datapath *d, struct datapath_time now,
                                                const struct datapath_endpoint *from, const uint8_t *bytes,
                                                uint32_t *ret_peer, struct datapath_effects *fx)
{
    struct datapath_noise n;
    enum datapath_verdict v = at_the_gate(d, now, from, bytes, DATAPATH_MESSAGE_INITIATION, fx);

    if (v != DATAPATH_TAKEN) {
        return v;
    }
    v = read_initiation(d, now, bytes, &n, ret_peer);
    if (v == DATAPATH_TAKEN) {
        struct datapath_peer *p = &d->peer[*ret_peer];
        fx->has_heard = true;
        fx->heard = *ret_peer;
        p->numbers.received_bytes += DATAPATH_MESSAGE_INITIATION;
        bool is_tie = is_a_tie(d, p, now, from);
        datapath_core_moved(d, *ret_peer, from, fx);
        datapath_timers_received(&p->timers, &d->pace, false, now.ms);
        if (is_tie) {
            v = DATAPATH_TIE;
        } else {
            respond(d, now, *ret_peer, &n, datapath_message_get32(bytes + DATAPATH_MESSAGE_SENDER), fx);
        }
    }
    datapath_noise_fini(&n);
    return v;
}

enum datapath_verdict datapath_shake_response(struct datapath *d, struct datapath_time now,
                                              const struct datapath_endpoint *from, const uint8_t *bytes,
                                              uint32_t *ret_peer, struct datapath_effects *fx)
{
    uint32_t id = datapath_message_get32(bytes + DATAPATH_MESSAGE_ANSWERED), peer;
    uint8_t none[1];

    if (!datapath_index_find(&d->index, id, &peer) || d->peer[peer].shake_id != id) {
        /* Said before the first MAC is looked at: that would cost more, and tells the sender no less. */
        return DATAPATH_UNASKED;
    }
    enum datapath_verdict v = at_the_gate(d, now, from, bytes, DATAPATH_MESSAGE_RESPONSE, fx);
    if (v != DATAPATH_TAKEN) {
        return v;
    }
    struct datapath_peer *p = &d->peer[peer];
    *ret_peer = peer;
    if (datapath_noise_read_second(&p->shake, &d->self, p->config.psk, bytes + DATAPATH_MESSAGE_NOISE_SECOND,
                                   DATAPATH_NOISE_SECOND, none) != ERR_OK) {
        return DATAPATH_FORGED;
    }
    p->shake_id = DATAPATH_INDEX_NONE; /* the session has it now */
    p->numbers.received_bytes += DATAPATH_MESSAGE_RESPONSE;
    derive(d, now, p, &p->shake, true, id, datapath_message_get32(bytes + DATAPATH_MESSAGE_SENDER));
    datapath_timers_completed(&p->timers);
    datapath_core_moved(d, peer, from, fx);
    datapath_timers_received(&p->timers, &d->pace, false, now.ms);
    datapath_transfer_begin(d, now, peer, true, fx);
    return DATAPATH_TAKEN;
}

enum datapath_verdict datapath_shake_cookie(struct datapath *d, struct datapath_time now, const uint8_t *bytes,
                                            uint32_t *ret_peer)
{
    uint32_t peer;

    if (!datapath_index_find(&d->index, datapath_message_get32(bytes + DATAPATH_MESSAGE_RECEIVER), &peer)) {
        return DATAPATH_UNASKED;
    }
    *ret_peer = peer;
    enum err e = datapath_cookie_take(&d->peer[peer].cookie, bytes, now.ms);
    return e == ERR_OK ? DATAPATH_TAKEN : e == ERR_FORGED ? DATAPATH_FORGED : DATAPATH_UNASKED;
}
