/* What goes through sessions: the way of every packet. */
#include <assert.h>
#include <string.h>

#include "datapath/inner.h"
#include "datapath/pieces.h"
#include "datapath/state.h"

/* ---- out -------------------------------------------------------------------------------------------- */

enum datapath_verdict datapath_core_route(struct datapath *d, const uint8_t *packet, size_t size, uint32_t *ret_peer)
{
    struct datapath_inner head;
    enum datapath_verdict v = DATAPATH_TAKEN;
    uint32_t peer = DATAPATH_ALLOWED_NOBODY;

    if (!datapath_inner_read(packet, size, &head)) {
        v = DATAPATH_INNER;
    } else {
        peer = datapath_allowed_find(&d->allowed, head.destination, head.address_size);
        v = peer == DATAPATH_ALLOWED_NOBODY ? DATAPATH_ROUTE : v;
    }
    if (v != DATAPATH_TAKEN) {
        d->numbers.verdict[v]++;
        return v;
    }
    d->routed = *ret_peer = peer;
    return v;
}

/* One packet of ours into the effects, as WireGuard has it; there is a session. is_data: an answer is expected. */
static void send_now(struct datapath *d, struct datapath_time now, uint32_t peer, const uint8_t *packet, size_t size, bool is_data,
                     struct datapath_effects *fx)
{
    struct datapath_peer *p = &d->peer[peer];
    struct datapath_pair *pair = &p->session.current;
    struct datapath_lease lease = {.peer = peer, .remote = pair->remote, .counter = pair->counter++,
                                   .to = p->config.endpoint, .aead = d->aead};

    memcpy(lease.key, pair->send, sizeof lease.key);
    size_t total = datapath_message_data_size(size, d->mtu);
    total = datapath_core_seal(d, &lease, 0, packet, size, datapath_effects_room(fx, total));
    datapath_effects_send(fx, &lease.to, peer, total);
    uint32_t jitter_ms = p->timers.silence_ms != 0 ? 0 : datapath_random_below(&d->random, d->pace.jitter_ms);
    datapath_timers_sent(&p->timers, &d->pace, is_data, jitter_ms, now.ms);
}

/* It is no data: there are WireGuards that drop it without a word, and they have not fallen silent by that. */
static void send_offer(struct datapath *d, struct datapath_time now, uint32_t peer, struct datapath_effects *fx)
{
    struct datapath_peer *p = &d->peer[peer];
    struct datapath_pair *pair = &p->session.current;
    uint8_t offer[DATAPATH_OWN_SIZE];

    datapath_own_write(d->kinds, pair->has_offer, offer);
    pair->offers += pair->offers < UINT8_MAX;
    p->unanswered += p->unanswered < UINT8_MAX;
    p->offered_ms = now.ms;
    send_now(d, now, peer, offer, sizeof offer, false, fx);
}

/* Who answered none for a while is any WireGuard, and is offered it less and less. */
static bool is_to_offer(const struct datapath *d, const struct datapath_peer *p, struct datapath_time now)
{
    const struct datapath_pair *pair = &p->session.current;

    return d->kinds != 0 && !pair->has_offer && pair->offers < DATAPATH_OWN_TRIES && pair->counter < DATAPATH_OWN_MARK &&
           ((pair->offers == 0 && p->unanswered < DATAPATH_OWN_TRIES) || now.ms - p->offered_ms >= datapath_own_wait_ms(p->unanswered));
}

bool datapath_core_lease(struct datapath *d, struct datapath_time now, uint32_t peer, uint32_t count,
                         struct datapath_lease *ret, struct datapath_effects *fx)
{
    struct datapath_peer *p = &d->peer[peer];
    struct datapath_pair *pair = &p->session.current;

    datapath_effects_clear(fx);
    if (!datapath_session_may_send(pair, &d->pace, now.ms) || p->config.endpoint.port == 0 ||
        pair->counter + count > datapath_session_end(pair)) {
        return false;
    }
    bool is_own = pair->opens_aes && pair->counter + count <= d->pace.own_messages;
    *ret = (struct datapath_lease){.peer = peer, .remote = pair->remote, .to = p->config.endpoint,
                                   .counter = pair->counter | (is_own ? DATAPATH_OWN_MARK : 0),
                                   .aead = is_own ? d->own : d->aead, .takes_sums = is_own && pair->takes_sums};
    memcpy(ret->key, is_own ? pair->own_send : pair->send, sizeof ret->key);
    d->numbers.verdict[DATAPATH_TAKEN] += count;
    pair->counter += count; /* before anything is sealed: no nonce twice, whatever becomes of the packets */
    p->numbers.sent += count;
    uint32_t jitter_ms = p->timers.silence_ms != 0 ? 0 : datapath_random_below(&d->random, d->pace.jitter_ms);
    datapath_timers_sent(&p->timers, &d->pace, true, jitter_ms, now.ms);
    if (is_to_offer(d, p, now)) {
        send_offer(d, now, peer, fx);
    }
    if (datapath_session_is_old_to_send(pair, &d->pace, now.ms)) {
        (void)datapath_shake_begin(d, now, peer, false, fx);
    }
    datapath_core_schedule(d, peer);
    return true;
}

bool datapath_core_unfinished(struct datapath_lease *lease)
{
    lease->counter |= lease->takes_sums ? DATAPATH_OWN_UNFINISHED : 0;
    return lease->takes_sums;
}

size_t datapath_core_seal(struct datapath *d, const struct datapath_lease *lease, uint32_t index,
                          const uint8_t *packet, size_t size, uint8_t *out)
{
    uint8_t *text = out + DATAPATH_MESSAGE_HEAD;
    size_t total = datapath_message_data_size(size, d->mtu);
    size_t padded = total - DATAPATH_MESSAGE_HEAD - DATAPATH_MESSAGE_TAG;

    datapath_message_begin(out, DATAPATH_KIND_DATA);
    datapath_message_put32(out + DATAPATH_MESSAGE_RECEIVER, lease->remote);
    datapath_message_put64(out + DATAPATH_MESSAGE_COUNTER, lease->counter + index);
    if (packet != text && size > 0) {
        memcpy(text, packet, size);
    }
    memset(text + size, 0, padded - size);
    lease->aead->seal(lease->aead->context, lease->key, lease->counter + index, text, padded, text);
    d->peer[lease->peer].numbers.sent_bytes += total; /* as it leaves, with what it was padded with: the other counts that, too */
    return total;
}

void datapath_transfer_keepalive(struct datapath *d, struct datapath_time now, uint32_t peer,
                                 struct datapath_effects *fx)
{
    struct datapath_peer *p = &d->peer[peer];

    if (datapath_session_may_send(&p->session.current, &d->pace, now.ms) && p->config.endpoint.port != 0) {
        send_now(d, now, peer, NULL, 0, false, fx);
        d->numbers.keepalives++;
        if (datapath_session_is_old_to_send(&p->session.current, &d->pace, now.ms)) {
            (void)datapath_shake_begin(d, now, peer, false, fx);
        }
    } else {
        (void)datapath_shake_begin(d, now, peer, false, fx);
    }
}

void datapath_transfer_begin(struct datapath *d, struct datapath_time now, uint32_t peer, bool is_ours,
                             struct datapath_effects *fx)
{
    struct datapath_peer *p = &d->peer[peer];
    const uint8_t *packet;
    size_t size;
    bool has_sent = false;

    assert(p->session.current.local != DATAPATH_INDEX_NONE);
    d->numbers.sessions++;
    datapath_effects_note(fx, DATAPATH_NOTE_SESSION, peer);
    while (datapath_wait_take(&d->wait, &p->waiting, &packet, &size)) {
        send_now(d, now, peer, packet, size, true, fx);
        p->numbers.sent++;
        has_sent = true;
    }
    if (is_to_offer(d, p, now)) {
        send_offer(d, now, peer, fx);
        has_sent = true;
    }
    if (is_ours && !has_sent) {
        datapath_transfer_keepalive(d, now, peer, fx); /* who answered may not send before he has this: section 5.4.6 */
    }
    datapath_core_schedule(d, peer);
}

enum datapath_verdict datapath_core_send(struct datapath *d, struct datapath_time now, const uint8_t *packet,
                                         size_t size, uint8_t *out, size_t *ret_size, struct datapath_endpoint *ret_to,
                                         struct datapath_effects *fx)
{
    uint32_t peer;

    datapath_effects_clear(fx);
    *ret_size = 0;
    if (size > d->mtu) {
        d->numbers.verdict[DATAPATH_INNER]++;
        return DATAPATH_INNER;
    }
    enum datapath_verdict v = datapath_core_route(d, packet, size, &peer);
    return v == DATAPATH_TAKEN ? datapath_core_send_to(d, now, peer, packet, size, out, ret_size, ret_to, fx) : v;
}

enum datapath_verdict datapath_core_send_to(struct datapath *d, struct datapath_time now, uint32_t peer, const uint8_t *packet,
                                            size_t size, uint8_t *out, size_t *ret_size, struct datapath_endpoint *ret_to,
                                            struct datapath_effects *fx)
{
    enum datapath_verdict v = DATAPATH_TAKEN;
    struct datapath_lease lease;

    assert(size <= d->mtu && peer < d->peers_max && d->peer[peer].is_used);
    *ret_size = 0;
    if (datapath_core_lease(d, now, peer, 1, &lease, fx)) {
        *ret_size = datapath_core_seal(d, &lease, 0, packet, size, out);
        *ret_to = lease.to;
        return v; /* counted */
    }
    if (!datapath_shake_begin(d, now, peer, false, fx)) {
        v = DATAPATH_ENDPOINT;
    } else {
        v = DATAPATH_WAITING;
        d->peer[peer].numbers.lost += datapath_wait_put(&d->wait, &d->peer[peer].waiting, packet, size);
    }
    d->numbers.verdict[v]++;
    return v;
}

void datapath_core_call(struct datapath *d, struct datapath_time now, uint32_t peer, struct datapath_effects *fx)
{
    datapath_effects_clear(fx);
    (void)datapath_shake_begin(d, now, peer, false, fx);
}

/* ---- in --------------------------------------------------------------------------------------------- */

/* What was opened: whether it is a packet that its sender may send. */
static enum datapath_verdict look_inside(struct datapath *d, uint32_t peer, const uint8_t *text, size_t size,
                                         size_t *ret_size)
{
    struct datapath_inner head;

    if ((d->kinds & DATAPATH_OWN_FRAMES) != 0 && datapath_pieces_is(text, size)) {
        *ret_size = size;
        d->peer[peer].numbers.received++;
        return DATAPATH_TAKEN;
    }
    if (!datapath_inner_read(text, size, &head)) {
        return DATAPATH_INNER;
    }
    if (datapath_allowed_find(&d->allowed, head.source, head.address_size) != peer) {
        return DATAPATH_SOURCE;
    }
    *ret_size = head.size;
    d->peer[peer].numbers.received++;
    return DATAPATH_TAKEN;
}

/* A packet came under a pair that may have waited for it, or is about to end. */
static void confirm(struct datapath *d, struct datapath_time now, uint32_t peer, const struct datapath_pair *pair,
                    struct datapath_effects *fx)
{
    struct datapath_peer *p = &d->peer[peer];
    struct datapath_freed freed;

    if (datapath_session_confirm(&p->session, pair, &freed)) {
        datapath_core_free_ids(d, &freed);
        datapath_timers_completed(&p->timers);
        datapath_transfer_begin(d, now, peer, false, fx);
    } else if (pair == &p->session.current && !p->was_renewed &&
               datapath_session_is_old_to_receive(pair, &d->pace, now.ms)) {
        p->was_renewed = datapath_shake_begin(d, now, peer, false, fx);
    }
}

/* Which of the marks that a counter has are ones: of what we offered the peer under this pair. */
static uint64_t marks_of(const struct datapath *d, const struct datapath_pair *pair, uint64_t counter)
{
    if ((counter & DATAPATH_OWN_MARK) == 0 || d->own == NULL || pair->offers == 0) {
        return 0;
    }
    return counter & (DATAPATH_OWN_MARK | ((d->kinds & DATAPATH_OWN_SUMS) != 0 ? DATAPATH_OWN_UNFINISHED : 0));
}

/* Whether this opens; `counter` is as it stands in the datagram. */
static bool opens(const struct datapath *d, const struct datapath_pair *pair, uint64_t counter, bool is_own, uint8_t *text, size_t size)
{
    const struct datapath_aead *a = is_own ? d->own : d->aead;

    return a->open(a->context, is_own ? pair->own_receive : pair->receive, counter, text, size, text);
}

/* The peer said what he opens, and that he has not heard the same of us. */
static void answer_offer(struct datapath *d, struct datapath_time now, uint32_t peer, uint32_t id,
                         struct datapath_effects *fx)
{
    struct datapath_pair *pair = &d->peer[peer].session.current;

    if (pair->local == id && datapath_session_may_send(pair, &d->pace, now.ms)) {
        send_offer(d, now, peer, fx);
    }
}

enum datapath_verdict datapath_transfer_open(struct datapath *d, struct datapath_time now,
                                             const struct datapath_endpoint *from, uint8_t *bytes, size_t size,
                                             const uint8_t **ret_packet, size_t *ret_size, uint32_t *ret_peer,
                                             struct datapath_effects *fx)
{
    uint32_t id = datapath_message_get32(bytes + DATAPATH_MESSAGE_RECEIVER), peer;
    uint32_t kinds = 0;
    uint64_t marked = datapath_message_get64(bytes + DATAPATH_MESSAGE_COUNTER), marks, counter;
    uint8_t *text = bytes + DATAPATH_MESSAGE_HEAD;
    size_t text_size = size - DATAPATH_MESSAGE_HEAD - DATAPATH_MESSAGE_TAG;
    bool has_heard;

    if (!datapath_index_find(&d->index, id, &peer)) {
        return DATAPATH_INDEX;
    }
    struct datapath_peer *p = &d->peer[peer];
    struct datapath_pair *pair = datapath_session_find(&p->session, id);
    if (pair == NULL) {
        return DATAPATH_INDEX; /* of a handshake, which carries no data */
    }
    *ret_peer = peer;
    if (!datapath_session_may_receive(pair, &d->pace, now.ms)) {
        return DATAPATH_EXPIRED;
    }
    marks = marks_of(d, pair, marked);
    counter = marked & ~marks;
    if (!datapath_replay_is_new(&pair->window, counter)) {
        return DATAPATH_REPLAYED;
    }
    if (!opens(d, pair, marked, marks != 0, text, text_size)) {
        return DATAPATH_FORGED;
    }
    /* Authentic and new: from here on it counts, whatever is in it. */
    datapath_replay_take(&pair->window, counter);
    p->numbers.received_bytes += size;
    datapath_core_moved(d, peer, from, fx);
    bool is_offer = d->kinds != 0 && datapath_own_read(text, text_size, &kinds, &has_heard);
    datapath_timers_received(&p->timers, &d->pace, text_size > 0 && !is_offer, now.ms);
    if (is_offer) {
        p->unanswered = 0;
        pair->has_offer = true;
        pair->opens_aes = d->own != NULL && (kinds & DATAPATH_OWN_AES) != 0;
        pair->takes_sums = (kinds & DATAPATH_OWN_SUMS) != 0;
        p->takes_frames = (kinds & d->kinds & DATAPATH_OWN_FRAMES) != 0;
    }
    confirm(d, now, peer, pair, fx);
    if (is_offer && !has_heard) {
        answer_offer(d, now, peer, id, fx);
    }
    datapath_core_schedule(d, peer);
    if (text_size == 0 || is_offer) {
        return DATAPATH_TAKEN;
    }
    enum datapath_verdict v = look_inside(d, peer, text, text_size, ret_size);
    fx->is_unfinished = (marks & DATAPATH_OWN_UNFINISHED) != 0;
    *ret_packet = v == DATAPATH_TAKEN ? text : NULL;
    return v;
}
