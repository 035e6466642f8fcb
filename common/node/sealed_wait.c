/* What waits for an acquaintance, and what is due when. */
#include <assert.h>
#include <string.h>

#include "common/node/sealed_state.h"

static struct sealed_peer *of_busy(struct sealed_link *l)
{
    return (struct sealed_peer *)((char *)l - offsetof(struct sealed_peer, busy));
}

static struct sealed_peer *of_ready(struct sealed_link *l)
{
    return (struct sealed_peer *)((char *)l - offsetof(struct sealed_peer, ready));
}

void sealed_wait_rouse(struct sealed *s, struct sealed_peer *p)
{
    if (sealed_link_is_alone(&p->busy)) {
        sealed_link_in(&s->busy, &p->busy);
    }
    if (sealed_link_is_alone(&p->ready)) {
        sealed_link_in(&s->ready, &p->ready);
    }
}

/* ---- payloads ----------------------------------------------------------------------------------- */

/* One that was used before, or the first that was not. */
static struct sealed_wait *take_place(struct sealed *s)
{
    struct sealed_wait *w = s->free_wait;

    if (w == NULL) {
        assert(s->wait_touched < SEALED_WAIT_MAX);
        return &s->wait_pool[s->wait_touched++];
    }
    s->free_wait = w->next;
    return w;
}

enum err sealed_wait_put(struct sealed *s, struct sealed_peer *p, uint64_t now_ms, const struct sealed_address *to,
                         const uint8_t *bytes, size_t size)
{
    struct sealed_wait **end = &p->first;

    if (s->numbers.waiting == SEALED_WAIT_MAX || p->waiting >= SEALED_WAIT_PEER_MAX) {
        s->numbers.full++;
        return ERR_LIMIT;
    }
    struct sealed_wait *w = take_place(s);
    w->next = NULL;
    w->to = *to;
    w->until_ms = now_ms + SEALED_WAIT_MS;
    w->size = size;
    memcpy(w->bytes, bytes, size);
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = w;
    p->waiting++;
    s->numbers.waiting++;
    sealed_wait_rouse(s, p);
    return ERR_OK;
}

/* Take *at out of the list of `p`. */
static void remove_at(struct sealed *s, struct sealed_peer *p, struct sealed_wait **at)
{
    struct sealed_wait *w = *at;

    *at = w->next;
    w->next = s->free_wait;
    s->free_wait = w;
    assert(p->waiting > 0 && s->numbers.waiting > 0);
    p->waiting--;
    s->numbers.waiting--;
}

void sealed_wait_drop(struct sealed *s, struct sealed_peer *p, const struct sealed_address *to)
{
    struct sealed_wait **at = &p->first;

    while (*at != NULL) {
        if (to == NULL || sealed_wire_same(&(*at)->to, to)) {
            remove_at(s, p, at);
            s->numbers.expired++;
        } else {
            at = &(*at)->next;
        }
    }
}

bool sealed_wait_may_send(struct sealed_peer *p, const struct sealed_address *to)
{
    const struct sealed_session *session = sealed_peer_role(p, SEALED_CURRENT);

    return session->is_live && !p->is_doubted && session->counter <= SEALED_COUNTER_MAX && sealed_peer_has_path(p, to);
}

void sealed_wait_seal(struct sealed *s, struct sealed_peer *p, uint64_t now_ms, const uint8_t *bytes, size_t size,
                      struct sealed_packet *out)
{
    struct sealed_session *session = sealed_peer_role(p, SEALED_CURRENT);
    struct sealed_header header = {(uint8_t)session->epoch, session->counter++, session->remote, session->local};

    assert(session->is_live && header.counter <= SEALED_COUNTER_MAX);
    sealed_wire_put_header(SEALED_DATA, &header, out->bytes);
    out->size = sealed_key_seal(session->send_key, header.counter, bytes, size, out->bytes);
    p->wants_confirm = false; /* whatever it is, it tells the peer */
    p->asked_ms = p->asked_ms == 0 ? now_ms : p->asked_ms;
    if (size > 0) {
        s->numbers.sent++;
        s->numbers.sent_bytes += size;
        p->numbers.sent++;
        p->numbers.sent_bytes += size;
    }
}

/* ---- what is due -------------------------------------------------------------------------------- */

/* Nobody answers. */
static void give_up(struct sealed *s, struct sealed_peer *p)
{
    s->numbers.failures++;
    p->attempt.is_on = false;
    p->wants_meeting = false;
    sealed_wait_drop(s, p, &p->attempt.to);
}

/* The first payload that may go. */
static bool release(struct sealed *s, struct sealed_peer *p, uint64_t now_ms, struct sealed_packet *out)
{
    for (struct sealed_wait **at = &p->first; *at != NULL; at = &(*at)->next) {
        if (sealed_wait_may_send(p, &(*at)->to)) {
            out->to = (*at)->to;
            sealed_wait_seal(s, p, now_ms, (*at)->bytes, (*at)->size, out);
            remove_at(s, p, at);
            return true;
        }
    }
    return false;
}

/* Whom to ask, if anybody. */
static const struct sealed_address *wish_of(const struct sealed_peer *p)
{
    if (p->first != NULL) {
        return &p->first->to;
    }
    return p->wants_meeting && p->paths > 0 ? &p->path[0] : NULL;
}

/* One datagram of `p`, if there is one now. */
static bool step(struct sealed *s, struct sealed_peer *p, uint64_t now_ms, struct sealed_packet *out)
{
    while (p->first != NULL && now_ms >= p->first->until_ms) {
        remove_at(s, p, &p->first);
        s->numbers.expired++;
    }
    if (release(s, p, now_ms, out)) {
        return true;
    }
    if (p->wants_confirm && p->paths > 0 && sealed_wait_may_send(p, &p->path[0])) {
        out->to = p->path[0];
        sealed_wait_seal(s, p, now_ms, NULL, 0, out);
        return true;
    }
    if (p->attempt.is_on && now_ms >= p->attempt.due_ms && p->attempt.tries == SEALED_TRIES_MAX) {
        give_up(s, p);
    }
    const struct sealed_address *wish = wish_of(p);
    if (!p->attempt.is_on && wish != NULL) {
        sealed_meet_begin(s, p, now_ms, wish);
    }
    if (p->attempt.is_on && now_ms >= p->attempt.due_ms) {
        sealed_meet_ask(s, p, now_ms, out);
        return true;
    }
    return false;
}

static uint64_t due_of(const struct sealed_peer *p)
{
    uint64_t due = p->attempt.is_on ? p->attempt.due_ms : UINT64_MAX;

    return p->first != NULL && p->first->until_ms < due ? p->first->until_ms : due;
}

/* `p` has nothing to send now: let it sleep, or go. */
static void settle(struct sealed *s, struct sealed_peer *p)
{
    uint64_t due = due_of(p);

    sealed_link_out(&p->ready);
    if (due != UINT64_MAX) {
        s->due_ms = due < s->due_ms ? due : s->due_ms;
        return;
    }
    sealed_link_out(&p->busy);
    if (!p->has_id) {
        sealed_peer_forget(s, p); /* nobody was there */
    }
}

/* Rouse all that are due. Linear in those that have an attempt on or something waiting, once for each time. */
static void look(struct sealed *s, uint64_t now_ms)
{
    s->due_ms = UINT64_MAX;
    for (struct sealed_link *l = s->busy.next; l != &s->busy; l = l->next) {
        struct sealed_peer *p = of_busy(l);
        uint64_t due = due_of(p);
        if (due <= now_ms) {
            sealed_wait_rouse(s, p);
        } else if (due < s->due_ms) {
            s->due_ms = due;
        }
    }
}

bool sealed_next(struct sealed *s, uint64_t now_ms, struct sealed_packet *out)
{
    out->size = 0;
    if (now_ms >= s->idle_ms) {
        sealed_peer_forget_idle(s, now_ms);
    }
    if (now_ms >= s->due_ms) {
        look(s, now_ms);
    }
    while (!sealed_link_is_alone(&s->ready)) {
        struct sealed_peer *p = of_ready(s->ready.next);
        if (step(s, p, now_ms, out)) {
            assert(out->size > 0);
            return true;
        }
        settle(s, p);
    }
    return false;
}

uint64_t sealed_due_ms(const struct sealed *s)
{
    uint64_t due_ms = s->due_ms < s->idle_ms ? s->due_ms : s->idle_ms;

    return sealed_link_is_alone(&s->ready) ? due_ms : 0;
}
