/* Questions out: who is asked, what waits, when it is tried again. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/node/nodelink_room.h"

#define ID_LAST 0x80000000u /* sp-request-reply-01: the last word of a backtrace */

static struct nodelink_peer *find(const struct nodelinks *l, const uint8_t id[NODE_ID_LEN], bool is_urgent)
{
    struct nodelink_peer *p = l->peers;

    while (p != NULL && (p->is_urgent != is_urgent || memcmp(p->id, id, NODE_ID_LEN) != 0)) {
        p = p->next;
    }
    return p;
}

/* Forget the longest unused peer that nobody waits for. False: there is none. */
static bool make_room(struct nodelinks *l)
{
    struct nodelink_peer **oldest = NULL;

    for (struct nodelink_peer **at = &l->peers; *at != NULL; at = &(*at)->next) {
        if ((*at)->first == NULL && (*at)->link == NULL && (*at)->busy == 0 && (oldest == NULL || (*at)->used_ms < (*oldest)->used_ms)) {
            oldest = at;
        }
    }
    if (oldest == NULL) {
        return false;
    }
    struct nodelink_peer *gone = *oldest;
    *oldest = gone->next;
    free(gone);
    l->peer_count--;
    return true;
}

static struct nodelink_peer *peer_for(struct nodelinks *l, const uint8_t id[NODE_ID_LEN], bool is_urgent)
{
    struct nodelink_peer *p = find(l, id, is_urgent);

    if (p != NULL || (l->peer_count >= NODELINK_PEERS_MAX && !make_room(l))) {
        return p;
    }
    p = calloc(1, sizeof *p);
    if (p != NULL) {
        memcpy(p->id, id, NODE_ID_LEN);
        p->is_urgent = is_urgent;
        p->retry_ms = NODELINK_RETRY_MS;
        p->next = l->peers;
        l->peers = p;
        l->peer_count++;
    }
    return p;
}

/* When something must have happened to it. */
static uint64_t due_of(const struct nodelink_question *q)
{
    return q->is_sent || q->until_ms < q->patient_until_ms ? q->until_ms : q->patient_until_ms;
}

/* ---- ends of a question ------------------------------------------------------------------------- */

/* Take *at out and tell whoever asked. It may ask again: nothing of the list is held meanwhile. */
static void finish(struct nodelink_peer *p, struct nodelink_question **at, enum err e, const uint8_t *body, size_t size)
{
    struct nodelink_question *q = *at;

    *at = q->next;
    p->numbers.waiting--;
    p->in_flight -= q->is_sent && q->part == NULL;
    p->streams -= q->is_sent && q->part != NULL;
    if (e == ERR_OK) {
        p->numbers.answered++;
    } else {
        p->numbers.failed++;
    }
    nodelink_done done = q->done;
    void *context = q->context;
    free(q->out);
    free(q);
    p->busy++;
    done(context, e, body, size);
    p->busy--;
}

/* The place of a question that was sent; NULL: there is none. */
static struct nodelink_question **find_sent(struct nodelink_peer *p, uint32_t id)
{
    struct nodelink_question **at = &p->first;

    while (*at != NULL && !((*at)->is_sent && (*at)->id == id)) {
        at = &(*at)->next;
    }
    return *at == NULL ? NULL : at;
}

void nodelink_ask_take(struct nodelink_peer *p, uint32_t id, const uint8_t *body, size_t size)
{
    struct nodelink_question *q = p->first;

    while (q != NULL && !(q->is_sent && q->id == id)) {
        q = q->next;
    }
    if (q == NULL) {
        return; /* nobody waits any more: its deadline was here first */
    }
    bool (*part)(void *context, const uint8_t *body, size_t size) = q->part;
    if (part != NULL) {
        p->busy++;
        bool more = part(q->context, body, size);
        p->busy--;
        if (more) {
            return;
        }
    }
    struct nodelink_question **at = find_sent(p, id); /* the callback may have ended it with its link */
    if (at != NULL) {
        finish(p, at, ERR_OK, body, size);
    }
    if (p->link != NULL && p->link->stage == NODELINK_UP) {
        nodelink_ask_flush(p); /* there is room for another */
    }
}

/* ---- sending ------------------------------------------------------------------------------------ */

void nodelink_ask_flush(struct nodelink_peer *p)
{
    struct nodelink_question *q = p->first;

    for (; q != NULL; q = q->next) {
        if (!q->is_sent && (q->part != NULL || p->in_flight < NODELINK_FLIGHT_MAX)) {
            struct nodelink_out *out = take_ptr(&q->out);
            q->is_sent = true;
            p->in_flight += q->part == NULL;
            p->streams += q->part != NULL;
            if (!nodelink_put(p->link, out)) {
                return; /* ended: nodelink_ask_lost has seen to all of them */
            }
        }
    }
}

/* Connect if somebody waits and it is time. */
static void try(struct nodelinks *l, struct nodelink_peer *p, uint64_t now_ms)
{
    if (p->link != NULL || p->first == NULL) {
        return;
    }
    if (now_ms < p->next_try_ms) {
        nodelink_soon(l, p->next_try_ms);
    } else if (!nodelink_connect(l, p)) {
        nodelink_ask_lost(l, p, false, p->numbers.why);
    }
}

void nodelink_ask_lost(struct nodelinks *l, struct nodelink_peer *p, bool was_up, const char *why)
{
    uint64_t now_ms = loop_now_ms();
    struct nodelink_question **at = &p->first;

    if (why != p->numbers.why && why[0] != '\0') {
        (void)snprintf(p->numbers.why, sizeof p->numbers.why, "%s", why);
    }
    if (!was_up) {
        /* A quarter more or less: those who lost a node together do not come back together. */
        p->next_try_ms = now_ms + p->retry_ms * 3 / 4 + rng_below(&l->rng, p->retry_ms / 2 + 1);
        p->retry_ms = 2 * p->retry_ms < NODELINK_RETRY_MAX_MS ? 2 * p->retry_ms : NODELINK_RETRY_MAX_MS;
    }
    while (*at != NULL) {
        if ((*at)->is_sent) {
            finish(p, at, ERR_PEER_DEAD, NULL, 0);
            at = &p->first; /* whoever was told may have asked */
        } else {
            at = &(*at)->next;
        }
    }
    if (p->first != NULL) {
        nodelink_soon(l, p->next_try_ms > now_ms ? p->next_try_ms : now_ms);
    }
}

enum err nodelink_ask(struct nodelinks *l, const uint8_t id[NODE_ID_LEN], const struct sealed_address *to,
                      const uint8_t *body, size_t size, uint32_t deadline_ms, nodelink_done done, void *context)
{
    const struct nodelink_asking asking = {.id = id, .to = to, .body = body, .size = size, .deadline_ms = deadline_ms,
                                           .done = done, .context = context};
    uint32_t number;

    return nodelink_ask_with(l, &asking, &number);
}

enum err nodelink_ask_with(struct nodelinks *l, const struct nodelink_asking *a, uint32_t *ret_number)
{
    uint8_t trace[SP_WIRE_ID_LEN];
    uint64_t now_ms = loop_now_ms();

    if (a->size > l->config.message_max || a->deadline_ms < 1 || a->deadline_ms > NODELINK_DEADLINE_MAX_MS ||
        a->to->port == 0) {
        return ERR_INVALID;
    }
    if (l->is_closing) {
        return ERR_CANCELLED;
    }
    struct nodelink_peer *p = peer_for(l, a->id, a->is_urgent);
    if (p == NULL || p->numbers.waiting >= NODELINK_ASKS_MAX) {
        if (p != NULL) {
            p->numbers.full++;
        }
        return ERR_LIMIT;
    }
    struct nodelink_question *q = calloc(1, sizeof *q), **end = &p->first;
    uint32_t number = ++l->last_id | ID_LAST;
    bytes_put_be32(trace, number);
    struct nodelink_out *out = q == NULL ? NULL : nodelink_frame(trace, sizeof trace, a->body, a->size);
    if (out == NULL) {
        free(q);
        return ERR_NOMEM;
    }
    bool is_patient = a->patience_ms == 0 || a->patience_ms >= a->deadline_ms;
    *q = (struct nodelink_question){.id = number, .until_ms = now_ms + a->deadline_ms, .part = a->part, .done = a->done,
                                    .patient_until_ms = is_patient ? UINT64_MAX : now_ms + a->patience_ms,
                                    .context = a->context, .out = out};
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = q;
    p->at = *a->to; /* where it is tried next, if there is no link yet */
    p->used_ms = now_ms;
    p->numbers.asked++;
    p->numbers.waiting++;
    /* At the end of this turn and not now: `done` is never called from here, whatever happens to the link. */
    nodelink_soon(l, now_ms);
    nodelink_soon(l, due_of(q));
    *ret_number = number & ~ID_LAST;
    return ERR_OK;
}

/* ---- more about a question ---------------------------------------------------------------------- */

/* The peer whose question has this number, which no other one of any peer has; NULL: it has ended. */
static struct nodelink_peer *asked(const struct nodelinks *l, const uint8_t id[NODE_ID_LEN], uint32_t number)
{
    for (int is_urgent = 0; is_urgent < 2; is_urgent++) {
        struct nodelink_peer *p = find(l, id, is_urgent);
        for (const struct nodelink_question *q = p == NULL ? NULL : p->first; q != NULL; q = q->next) {
            if (q->id == (number | ID_LAST)) {
                return p;
            }
        }
    }
    return NULL;
}

enum err nodelink_tell(struct nodelinks *l, const uint8_t id[NODE_ID_LEN], uint32_t number, const uint8_t *body, size_t size)
{
    struct nodelink_peer *p = asked(l, id, number);
    uint8_t trace[SP_WIRE_ID_LEN];

    if (p == NULL || p->link == NULL || p->link->stage != NODELINK_UP || find_sent(p, number | ID_LAST) == NULL) {
        return ERR_NOT_FOUND;
    }
    bytes_put_be32(trace, ++l->last_id | ID_LAST); /* a number of its own, for which nobody waits */
    struct nodelink_out *out = nodelink_frame(trace, sizeof trace, body, size);
    if (out == NULL) {
        return ERR_NOMEM;
    }
    (void)nodelink_put(p->link, out); /* should the link end with it, the question has been told */
    return ERR_OK;
}

void nodelink_withdraw(struct nodelinks *l, const uint8_t id[NODE_ID_LEN], uint32_t number)
{
    const struct nodelink_peer *p = asked(l, id, number);

    for (struct nodelink_question *q = p == NULL ? NULL : p->first; q != NULL; q = q->next) {
        if (q->id == (number | ID_LAST) && !q->is_sent) {
            q->until_ms = loop_now_ms();
            nodelink_soon(l, q->until_ms);
        }
    }
}

void nodelink_gone(struct nodelinks *l, const uint8_t id[NODE_ID_LEN])
{
    for (int is_urgent = 0; is_urgent < 2; is_urgent++) {
        const struct nodelink_peer *p = find(l, id, is_urgent);
        if (p != NULL && p->link != NULL) {
            nodelink_end(p->link);
        }
    }
}

/* ---- time --------------------------------------------------------------------------------------- */

static void look_at(struct nodelinks *l, struct nodelink_peer *p, uint64_t now_ms)
{
    for (struct nodelink_question **at = &p->first; *at != NULL;) {
        if (now_ms >= due_of(*at)) {
            finish(p, at, now_ms >= (*at)->until_ms ? ERR_TIMEOUT : ERR_UNAVAILABLE, NULL, 0);
            at = &p->first;
        } else {
            nodelink_soon(l, due_of(*at));
            at = &(*at)->next;
        }
    }
    if (p->link != NULL && p->link->stage == NODELINK_UP) {
        nodelink_ask_flush(p);
    } else {
        try(l, p, now_ms);
    }
}

/* Nobody forgets a peer meanwhile that has a question or a link; one without either has nothing due. */
void nodelink_ask_look(struct nodelinks *l, uint64_t now_ms)
{
    for (struct nodelink_peer *p = l->peers; p != NULL; p = p->next) {
        if (p->first != NULL) {
            look_at(l, p, now_ms);
        }
    }
}

void nodelink_ask_close(struct nodelinks *l)
{
    l->is_closing = true;
    for (struct nodelink_peer *p = l->peers; p != NULL; p = p->next) {
        while (p->first != NULL) {
            finish(p, &p->first, ERR_CANCELLED, NULL, 0);
        }
    }
}

bool nodelink_count_peer(const struct nodelinks *l, const uint8_t id[NODE_ID_LEN], struct nodelink_peer_numbers *ret)
{
    const struct nodelink_peer *p = find(l, id, false);

    if (p == NULL) {
        return false;
    }
    *ret = p->numbers;
    ret->is_up = p->link != NULL && p->link->stage == NODELINK_UP;
    return true;
}
