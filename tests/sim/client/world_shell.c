/* The client's hands: queues, connections, timers. What ask.c and ask_link.c are in a process. */
#include <inttypes.h>
#include <stdlib.h>

#include "tests/sim/client/check.h"

static int server_of(const struct world *w, const struct balance_endpoint *e)
{
    for (int s = 0; e != NULL && s < w->servers; s++) {
        if (&w->server[s].endpoint == e) {
            return s;
        }
    }
    return WORLD_NOBODY;
}

static int request_of(const struct world *w, const struct client_ask *ask)
{
    return ask == NULL ? 0 : (int)((const struct request *)ask - w->request);
}

static void line(struct world *w, int server, enum balance_line to)
{
    struct server *v = &w->server[server];

    v->line = to;
    v->is_late = false;
    client_line(&v->endpoint, to);
    if (to == BALANCE_LINE_UP) {
        check_breaker_connected(w, server);
    }
}

static void dial_later(struct world *w, int server)
{
    struct server *v = &w->server[server];

    world_later(w, world_draw(w, v->dial_ms + 1),
                (struct happening){.kind = HAPPEN_DIAL, .index = server, .serial = ++v->attempt});
}

/* ---- effects ----------------------------------------------------------------------------------- */

static void unqueue(struct world *w, int server, int request)
{
    struct server *v = &w->server[server];
    int kept = 0;

    for (int i = 0; i < v->queued; i++) {
        if (v->queue[i] != request) {
            v->queue[kept++] = v->queue[i];
        }
    }
    if (kept + 1 != v->queued) {
        world_fail(w, "request %d is taken back from server %d, which has it not", request, server);
    }
    v->queued = kept;
    w->request[request].is_queued = false;
}

static void give(struct world *w, int request, int server)
{
    struct request *r = &w->request[request];
    struct server *v = &w->server[server];

    if (r->server != WORLD_NOBODY || r->is_ended || server == WORLD_NOBODY) {
        world_fail(w, "request %d is given to %d while %d has it", request, server, r->server);
        return;
    }
    check_breaker_given(w, request, server);
    check_balance_given(w, request, server);
    world_tell_loud(w, "request %d -> server %d", request, server);
    r->server = server;
    r->is_parked = r->is_waiting = false;
    r->tries++;
    r->given_seq = w->seq++;
    r->is_queued = true;
    v->queue[v->queued++] = request;
    v->held++;
    v->given++;
    if (v->line == BALANCE_LINE_IDLE) {
        v->dial_ms = 2;
        line(w, server, BALANCE_LINE_CONNECTING);
        dial_later(w, server);
    }
}

/* Nobody has it any more. */
static void let_go(struct world *w, int request)
{
    struct request *r = &w->request[request];
    struct server *v = &w->server[r->server];

    check_breaker_left(w, request, r->server);
    v->held--;
    r->failed_by = r->server;
    r->server = WORLD_NOBODY;
}

static void recall(struct world *w, int request, const struct client_effect *fx)
{
    struct request *r = &w->request[request];
    int server = server_of(w, fx->endpoint);

    if (server == WORLD_NOBODY || r->server != server || fx->was_sent == r->is_queued) {
        world_fail(w, "request %d is taken back from server %d; it is at %d, %s", request, server,
                   r->server, r->is_queued ? "queued" : "sent");
        return;
    }
    if (r->is_queued) {
        unqueue(w, server, request);
    }
    let_go(w, request);
}

static void finish(struct world *w, int request, const struct client_effect *fx)
{
    struct request *r = &w->request[request];

    check_end_effect(w, request, fx);
    if (r->server != WORLD_NOBODY) {
        world_fail(w, "request %d ends while server %d has it", request, r->server);
    }
    r->is_ended = true;
    r->is_parked = r->is_waiting = false;
    w->ended[fx->e]++;
    world_tell_loud(w, "request %d ends: %s", request, err_name(fx->e));
}

static void shut(struct world *w, int server)
{
    struct server *v = &w->server[server];

    w->shuts++;
    world_tell_loud(w, "server %d is shut", server);
    if (!world_is_calm(w) && !w->in_outage && world_chance(w, 3)) {
        /* The probe will hang, and answers that are under way overtake it. */
        world_server_trouble(w, server, TROUBLE_HANGS);
    }
    for (int left = v->queued; left > 0 && v->queued > 0 && !w->has_failed; left--) {
        world_shell_step(w, v->queue[0], CLIENT_EV_SHUT, ERR_OK, 0, WORLD_NOBODY);
    }
    if (v->queued > 0) {
        world_fail(w, "server %d is shut and has %d requests that wait for it", server, v->queued);
    }
}

static void perform(struct world *w, const struct client_effect *fx)
{
    int request = request_of(w, fx->ask);
    struct request *r = &w->request[request];

    switch (fx->kind) {
    case CLIENT_FX_PARK:
        w->parked++;
        r->is_parked = true;
        break;
    case CLIENT_FX_GIVE:
        give(w, request, server_of(w, fx->endpoint));
        break;
    case CLIENT_FX_WAIT:
        check_budget_retry(w, request);
        r->is_waiting = true;
        break;
    case CLIENT_FX_RECALL:
        recall(w, request, fx);
        break;
    case CLIENT_FX_END:
        finish(w, request, fx);
        break;
    case CLIENT_FX_SHUT:
        shut(w, server_of(w, fx->endpoint));
        break;
    }
}

static bool gives_again(const struct client_effects *fx)
{
    return fx->count > 0 && fx->item[0].kind == CLIENT_FX_GIVE;
}

/* What the world knows of an event before the core does. */
static void note(struct world *w, int request, enum client_event_kind kind)
{
    struct request *r = &w->request[request];
    struct server *v = r->server == WORLD_NOBODY ? NULL : &w->server[r->server];
    bool is_late = v != NULL && r->is_queued && v->line != BALANCE_LINE_UP;

    if (kind == CLIENT_EV_SENT) {
        unqueue(w, r->server, request);
        r->sends++;
        r->serial++;
        r->connection = v->connection;
        check_once_sent(w, request);
        check_budget_sent(w);
    } else if (kind == CLIENT_EV_UNSENT) {
        r->is_queued = true;
        v->queue[v->queued++] = request;
    } else if (kind == CLIENT_EV_LOST && !r->is_queued) {
        r->was_lost = true;
        check_breaker_failed(w, request, r->server);
        let_go(w, request);
    } else if (kind == CLIENT_EV_ANSWERED) {
        let_go(w, request);
    } else if (kind == CLIENT_EV_DUE && is_late) {
        if (w->now_ms < r->ask.deadline_ms) {
            v->is_late = true;
        }
        check_breaker_failed(w, request, r->server);
        r->given_seq = w->seq++; /* another wait, another failure */
    }
}

void world_shell_step(struct world *w, int request, enum client_event_kind kind, enum err e,
                      uint32_t retry_after_ms, int hint)
{
    struct request *r = &w->request[request];
    struct client_effects fx;
    struct client_event ev = {.kind = kind, .ask = &r->ask, .now_ms = w->now_ms, .e = e,
                              .retry_after_ms = retry_after_ms,
                              .hint = hint == WORLD_NOBODY ? NULL : &w->server[hint].endpoint};
    bool was_queued = r->is_queued;

    note(w, request, kind);
    client_step(&w->target, &ev, &fx);
    if (kind == CLIENT_EV_ANSWERED && e == ERR_NOT_LEADER && gives_again(&fx)) {
        w->follows++;
        r->follows++;
    }
    w->moves += was_queued && fx.count > 1 && fx.item[1].kind == CLIENT_FX_GIVE;
    for (uint32_t i = 0; i < fx.count && !w->has_failed; i++) {
        if (fx.item[i].kind == CLIENT_FX_END) {
            check_budget_end(w, request, &fx.item[i], retry_after_ms);
        }
        perform(w, &fx.item[i]);
    }
    if (!r->is_ended && !w->has_failed && r->ask.due_ms != r->armed_ms) {
        if (r->ask.due_ms < w->now_ms || r->ask.due_ms > r->ask.deadline_ms) {
            world_fail(w, "request %d is due at %" PRIu64 ", its deadline is %" PRIu64, request,
                       r->ask.due_ms, r->ask.deadline_ms);
            return;
        }
        r->armed_ms = r->ask.due_ms;
        world_later(w, r->ask.due_ms - w->now_ms,
                    (struct happening){.kind = HAPPEN_DUE, .index = request});
    }
}

/* ---- connections ------------------------------------------------------------------------------- */

void world_shell_flush(struct world *w)
{
    for (int s = 0; s < w->servers; s++) {
        struct server *v = &w->server[s];
        while (v->line == BALANCE_LINE_UP && !v->is_clogged && v->queued > 0 && !w->has_failed) {
            int request = v->queue[0];
            world_shell_step(w, request, CLIENT_EV_SENT, ERR_OK, 0, WORLD_NOBODY);
            world_later(w, world_draw(w, 3),
                        (struct happening){.kind = HAPPEN_REACH, .index = request,
                                           .serial = w->request[request].serial,
                                           .value = (uint32_t)s});
        }
    }
}

void world_shell_dial(struct world *w, const struct happening *h)
{
    struct server *v = &w->server[h->index];

    if (h->serial != v->attempt || v->line == BALANCE_LINE_UP || v->line == BALANCE_LINE_IDLE) {
        return;
    }
    if (v->trouble == TROUBLE_AWAY) {
        v->dial_ms = v->dial_ms < 50 ? 2 * v->dial_ms : 100;
        dial_later(w, h->index);
        return;
    }
    v->connection++;
    v->dial_ms = 2;
    line(w, h->index, BALANCE_LINE_UP);
}

void world_shell_break(struct world *w, int server)
{
    struct server *v = &w->server[server];

    if (v->line != BALANCE_LINE_UP) {
        return;
    }
    world_tell_loud(w, "server %d: the connection ends", server);
    line(w, server, BALANCE_LINE_DOWN);
    dial_later(w, server);
    for (int i = 0; i < w->asked && !w->has_failed; i++) {
        struct request *r = &w->request[i];
        bool was_sent = r->server == server && !r->is_queued && r->connection == v->connection;
        if (!r->is_ended && (was_sent || (r->server == server && r->is_queued))) {
            world_shell_step(w, i, CLIENT_EV_LOST, ERR_OK, 0, WORLD_NOBODY);
        }
    }
}

void world_shell_idle(struct world *w)
{
    for (int s = 0; s < w->servers; s++) {
        struct server *v = &w->server[s];
        if (v->held == 0 && v->line != BALANCE_LINE_IDLE && world_chance(w, 4)) {
            v->attempt++;
            line(w, s, BALANCE_LINE_IDLE);
        }
    }
}

void world_shell_list(struct world *w)
{
    struct balance_endpoint *list[WORLD_SERVERS];
    size_t count = 0;

    for (int s = 0; s < w->servers; s++) {
        w->server[s].is_told = w->server[s].is_listed;
        if (w->server[s].is_told) {
            list[count++] = &w->server[s].endpoint;
        }
    }
    balance_set(&w->target.list, list, count);
    for (int i = 0; i < w->asked && !w->has_failed; i++) {
        struct request *r = &w->request[i];
        if (r->is_parked) {
            world_shell_step(w, i, count > 0 ? CLIENT_EV_ASKED : CLIENT_EV_NOBODY, ERR_UNAVAILABLE,
                             0, WORLD_NOBODY);
        } else if (!r->is_ended && r->is_queued && !w->server[r->server].is_told) {
            world_shell_step(w, i, CLIENT_EV_UNLISTED, ERR_OK, 0, WORLD_NOBODY);
        }
    }
    check_balance_listed(w);
}
