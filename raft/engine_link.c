#include "raft/engine_conn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *raft_engine_link_why(const struct raft_engine_links *l)
{
    return l->why;
}

enum err raft_engine_link_parse(const char *url, struct raft_engine_endpoint *ret)
{
    struct raft_engine_endpoint e = {0};
    const char *host;

    if (strlen(url) > RAFT_ENGINE_LINK_URL_MAX) {
        return ERR_INVALID;
    }
    if (strncmp(url, "http://", 7) == 0) {
        host = url + 7;
    } else if (strncmp(url, "https://", 8) == 0) {
        host = url + 8;
        e.is_tls = true;
    } else {
        return ERR_INVALID;
    }
    if (address_parse(host, &e.at) != ERR_OK) {
        return ERR_INVALID;
    }
    memcpy(e.url, url, strlen(url) + 1);
    *ret = e;
    return ERR_OK;
}

/* ---- those that wait ---------------------------------------------------------------------------- */

static void enqueue(struct raft_engine_links *l, struct raft_engine_question *q)
{
    q->connection = NULL;
    q->next = NULL;
    q->back = l->last;
    *l->last = q;
    l->last = &q->next;
    l->waiting_count++;
    l->waiting_streams += q->is_stream;
}

static void dequeue(struct raft_engine_links *l, struct raft_engine_question *q)
{
    *q->back = q->next;
    if (q->next != NULL) {
        q->next->back = q->back;
    } else {
        l->last = q->back;
    }
    q->back = NULL;
    l->waiting_count--;
    l->waiting_streams -= q->is_stream;
}

/* The timer looks after deadlines as long as there are some, else after idle connections. It is set when that changes and
 * not each time: traffic without a pause would put it off for ever. */
static void arm(struct raft_engine_links *l)
{
    bool is_busy = l->waiting != NULL;

    for (const struct raft_engine_connection *c = l->connections; c != NULL && !is_busy; c = c->next) {
        is_busy = c->place != RAFT_ENGINE_CONN_IDLE;
    }
    if (is_busy != l->is_busy) {
        uint64_t period_ms = is_busy ? RAFT_ENGINE_LINK_LOOK_MS : RAFT_ENGINE_LINK_IDLE_MS;
        loop_timer_again(l->timer, period_ms, period_ms);
    }
    l->is_busy = is_busy;
}

void raft_engine_link_lost(struct raft_engine_links *l, struct raft_engine_question *q, enum err e)
{
    bool is_seen = q->was_sent && !q->is_repeatable;
    uint32_t all = (UINT32_C(1) << l->config.count) - 1;

    if (l->is_closing || is_seen || e == ERR_LIMIT || e == ERR_MALFORMED || (q->tried & all) == all) {
        q->done(q, l->is_closing ? ERR_CANCELLED : e, 0, "", 0);
        return;
    }
    enqueue(l, q);
}

/* ---- who asks whom ------------------------------------------------------------------------------ */

/* An endpoint that the question has not tried: the best one, those that rest last. */
static uint32_t choose(const struct raft_engine_links *l, const struct raft_engine_question *q, uint64_t now_ms)
{
    uint32_t chosen = l->config.count;

    for (uint32_t i = 0; i < l->config.count; i++) {
        uint32_t at = (l->best + i) % l->config.count;
        bool rests = l->config.endpoint[at].rest_until_ms > now_ms;
        if ((q->tried & UINT32_C(1) << at) == 0) {
            if (!rests) {
                return at;
            }
            chosen = chosen == l->config.count ? at : chosen;
        }
    }
    return chosen;
}

static struct raft_engine_connection *find_idle(const struct raft_engine_links *l, uint32_t endpoint)
{
    for (struct raft_engine_connection *c = l->connections; c != NULL; c = c->next) {
        if (c->place == RAFT_ENGINE_CONN_IDLE && c->endpoint == endpoint) {
            return c;
        }
    }
    return NULL;
}

/* Give a question a connection. False: there is none for it now. */
static bool begin(struct raft_engine_links *l, struct raft_engine_question *q)
{
    uint32_t endpoint = choose(l, q, loop_now_ms());
    const char *why = "";

    if (endpoint == l->config.count) { /* tried everywhere */
        dequeue(l, q);
        q->done(q, ERR_UNAVAILABLE, 0, "", 0);
        return true;
    }
    struct raft_engine_connection *c = q->is_stream ? NULL : find_idle(l, endpoint);
    bool is_up = c != NULL;
    if (c == NULL && !q->is_stream && l->connection_count - l->stream_count >= RAFT_ENGINE_LINK_PLAIN_MAX) {
        return false;
    }
    if (c == NULL && (c = raft_engine_conn_open(l, endpoint, &why)) == NULL) {
        (void)snprintf(l->why, sizeof l->why, "%s: %s", l->config.endpoint[endpoint].url, why);
        l->config.endpoint[endpoint].rest_until_ms = loop_now_ms() + RAFT_ENGINE_LINK_REST_MS;
        q->tried |= UINT32_C(1) << endpoint;
        return true; /* another one, in the next round */
    }
    dequeue(l, q);
    if (raft_engine_conn_give(c, q) != ERR_OK) {
        raft_engine_conn_free(c);
        q->done(q, ERR_UNAVAILABLE, 0, "", 0);
        return true;
    }
    c->is_stream = q->is_stream;
    l->stream_count += c->is_stream;
    c->since_ms = loop_now_ms();
    if (is_up) {
        raft_engine_conn_go(c);
    }
    return true;
}

/* Those that cannot begin wait for others of their kind to end. */
void raft_engine_link_turn(struct raft_engine_links *l)
{
    if (l->is_turning || l->is_closing) {
        return;
    }
    l->is_turning = true;
    for (bool has_begun = true; has_begun;) {
        has_begun = false;
        for (struct raft_engine_question *q = l->waiting; q != NULL && !has_begun; q = q->next) {
            has_begun = begin(l, q); /* which may change the line in any way: from its front again */
        }
    }
    l->is_turning = false;
    arm(l);
}

static void on_timer(void *context)
{
    struct raft_engine_links *l = context;
    uint64_t now_ms = loop_now_ms();

    for (struct raft_engine_question *q = l->waiting, *next; q != NULL; q = next) {
        next = q->next;
        if (q->until_ms <= now_ms) {
            dequeue(l, q);
            q->done(q, ERR_TIMEOUT, 0, "", 0);
            next = l->waiting; /* anything may have happened to the line */
        }
    }
    for (struct raft_engine_connection *c = l->connections, *next; c != NULL; c = next) {
        next = c->next;
        if (c->place == RAFT_ENGINE_CONN_IDLE && c->since_ms + RAFT_ENGINE_LINK_IDLE_MS <= now_ms) {
            raft_engine_conn_free(c);
        } else if (c->q != NULL && c->q->until_ms <= now_ms) {
            struct raft_engine_question *q = raft_engine_conn_detach(c);
            raft_engine_conn_free(c); /* the answer may come, and would be taken for the next one's */
            q->done(q, ERR_TIMEOUT, 0, "", 0);
            next = l->connections;
        } else if ((c->place == RAFT_ENGINE_CONN_CONNECTING || c->place == RAFT_ENGINE_CONN_SHAKING) && c->since_ms + RAFT_ENGINE_LINK_CONNECT_MS <= now_ms) {
            raft_engine_conn_drop(c, ERR_UNAVAILABLE, "no connection in time");
            next = l->connections;
        }
    }
    raft_engine_link_turn(l);
}

/* ---- for those who ask -------------------------------------------------------------------------- */

enum err raft_engine_link_open(struct loop *loop, const struct raft_engine_link_config *config, struct raft_engine_links **ret)
{
    struct raft_engine_links *l = calloc(1, sizeof *l);

    assert(config->count > 0 && config->count <= RAFT_ENGINE_LINK_ENDPOINTS_MAX);
    if (l == NULL) {
        return ERR_NOMEM;
    }
    *l = (struct raft_engine_links){.loop = loop, .config = *config, .last = &l->waiting};
    l->timer = loop_timer_new(loop, RAFT_ENGINE_LINK_IDLE_MS, RAFT_ENGINE_LINK_IDLE_MS, on_timer, l);
    if (l->timer == NULL) {
        free(l);
        return ERR_NOMEM;
    }
    *ret = l;
    return ERR_OK;
}

enum err raft_engine_link_ask(struct raft_engine_links *l, struct raft_engine_question *q)
{
    if (l->waiting_count >= RAFT_ENGINE_LINK_WAITING_MAX ||
        (q->is_stream && l->stream_count + l->waiting_streams >= RAFT_ENGINE_LINK_CONNECTIONS_MAX - RAFT_ENGINE_LINK_PLAIN_MAX)) {
        return ERR_LIMIT;
    }
    q->tried = 0;
    q->was_sent = false;
    enqueue(l, q);
    l->is_busy = true;
    loop_timer_again(l->timer, 0, RAFT_ENGINE_LINK_LOOK_MS); /* not from here: `done` may be called */
    return ERR_OK;
}

void raft_engine_link_withdraw(struct raft_engine_links *l, struct raft_engine_question *q)
{
    struct raft_engine_connection *c = q->connection;

    if (c != NULL) {
        (void)raft_engine_conn_detach(c);
        raft_engine_conn_free(c);
    } else if (q->back != NULL) {
        dequeue(l, q);
    }
}

void raft_engine_link_close(struct raft_engine_links *l)
{
    if (l == NULL) {
        return;
    }
    l->is_closing = true;
    while (l->waiting != NULL) {
        struct raft_engine_question *q = l->waiting;
        dequeue(l, q);
        q->done(q, ERR_CANCELLED, 0, "", 0);
    }
    while (l->connections != NULL) {
        struct raft_engine_question *q = raft_engine_conn_detach(l->connections);
        raft_engine_conn_free(l->connections);
        if (q != NULL) {
            q->done(q, ERR_CANCELLED, 0, "", 0);
        }
    }
    loop_timer_free(l->timer);
    free(l);
}
