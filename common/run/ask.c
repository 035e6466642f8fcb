/* Requests out: what common/client decides is done here. A request ends at its deadline at the
 * latest; names are in ask_name.c, envelopes in ask_link.c. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/run/ask_core.h"
#include "common/run/cell_ask.h"

_Static_assert((int)CELL_BALANCE_TURNS == (int)BALANCE_TURNS &&
               (int)CELL_BALANCE_WEIGHTED == (int)BALANCE_WEIGHTED &&
               (int)CELL_BALANCE_LEAST == (int)BALANCE_LEAST &&
               (int)CELL_BALANCE_NEAREST == (int)BALANCE_NEAREST, "the public names are the core's");

/* ---- lists ------------------------------------------------------------------------------------- */

void ask_list_add(struct ask_list *list, struct ask_request *r)
{
    assert(r->list == NULL && r->message == NULL);
    r->list = list;
    r->next = NULL;
    r->before = list->last;
    if (list->last == NULL) {
        list->first = r;
    } else {
        list->last->next = r;
    }
    list->last = r;
}

void ask_list_remove(struct ask_request *r)
{
    struct ask_list *list = r->list;

    if (r->before == NULL) {
        list->first = r->next;
    } else {
        r->before->next = r->next;
    }
    if (r->next == NULL) {
        list->last = r->before;
    } else {
        r->next->before = r->before;
    }
    r->list = NULL;
}

/* ---- requests by id ---------------------------------------------------------------------------- */

static struct ask_request **id_slot(struct asks *asks, uint64_t id)
{
    struct ask_request **at = &asks->by_id[id % ASK_ID_BUCKETS];

    while (*at != NULL && (*at)->id != id) {
        at = &(*at)->id_next;
    }
    return at;
}

struct ask_request *ask_find(struct cell *cell, uint64_t id)
{
    return *id_slot(cell->asks, id);
}

/* ---- the end of a request ---------------------------------------------------------------------- */

/* Everything but the bytes of a small body is zero. */
static struct ask_request *request_alloc(struct asks *asks)
{
    struct ask_request *r = asks->spare_request;

    if (r == NULL) {
        return calloc(1, sizeof *r);
    }
    asks->spare_request = r->due_next;
    asks->spare_requests--;
    memset(r, 0, offsetof(struct ask_request, small));
    return r;
}

static void request_free(struct asks *asks, struct ask_request *r)
{
    if (r->answer != NULL) {
        protobuf_c_message_free_unpacked(r->answer, NULL);
    }
    if (r->body != r->small) {
        free(r->body);
    }
    free(r->packed);
    if (asks->spare_requests == ASK_SPARES_MAX) {
        free(r);
        return;
    }
    r->due_next = asks->spare_request;
    asks->spare_request = r;
    asks->spare_requests++;
}

static void finish(struct cell *cell, struct ask_request *r)
{
    struct asks_numbers *numbers = &cell->asks->numbers;

    assert(numbers->outstanding > 0);
    numbers->outstanding--;
    if (r->e == ERR_OK) {
        numbers->answered++;
    } else {
        numbers->failed++;
    }
    if (r->packed != NULL) {
        const struct ask_packed *p = r->packed;
        const struct cell_packed_answer answer = {
            .e = r->e, .body = r->e == ERR_OK ? p->body : NULL, .size = r->e == ERR_OK ? p->size : 0,
            .text = r->text, .hint = p->hint == NULL ? "" : p->hint, .retry_after_ms = p->retry_after_ms,
            .is_unread = r->e != ERR_OK && (r->core.sends == 0 || p->is_unread)};
        p->done(r->context, &answer);
    } else {
        r->done(r->context, r->e, r->e == ERR_OK ? r->answer : NULL, r->text);
    }
    request_free(cell->asks, r);
}

void ask_settle(struct cell *cell)
{
    struct ask_list mine = cell->asks->ended; /* a callback may ask again, and fail at once */

    cell->asks->ended = (struct ask_list){0};
    while (mine.first != NULL) {
        struct ask_request *r = mine.first;
        r->list = &mine;
        ask_list_remove(r);
        finish(cell, r);
    }
}

/* ---- effects ----------------------------------------------------------------------------------- */

void ask_arm(struct asks *asks, uint64_t due_ms)
{
    if (due_ms < asks->armed_ms) {
        uint64_t now_ms = loop_now_ms();
        asks->armed_ms = due_ms;
        loop_timer_again(asks->timer, due_ms > now_ms ? due_ms - now_ms : 0, 0);
    }
}

static void leave_list(struct ask_request *r)
{
    if (r->list != NULL) {
        ask_list_remove(r);
    }
}

static void give(struct ask_request *r, struct ask_endpoint *e)
{
    leave_list(r);
    ask_list_add(&e->waiting, r);
    ask_endpoint_open(e);
}

static void recall(struct ask_request *r, struct ask_endpoint *e, bool was_sent, uint64_t now_ms)
{
    if (!was_sent) {
        ask_list_remove(r);
        return;
    }
    if (r->core.deadline_ms > now_ms) { /* past it the callee stops by itself */
        ask_link_note(e, r, 0);
    }
    ask_link_detach(r);
}

static void end(struct cell *cell, struct ask_request *r, const struct client_effect *fx)
{
    struct ask_request **at = id_slot(cell->asks, r->id);

    r->e = fx->e;
    if (fx->why != NULL || r->text == NULL) {
        r->text = fx->why != NULL ? fx->why : "";
    }
    *at = r->id_next;
    leave_list(r);
    ask_name_left(r);
    ask_list_add(&cell->asks->ended, r);
}

/* Everybody who waits for it goes elsewhere or ends. */
static void shut(struct cell *cell, struct ask_endpoint *e)
{
    log_warn("ASK-BREAKER", "path=%s state=%s action=left-alone", e->path,
             breaker_name(&e->core.breaker));
    while (e->waiting.first != NULL) {
        ask_step_kind(cell, e->waiting.first, CLIENT_EV_SHUT);
    }
}

static void perform(struct cell *cell, const struct client_effect *fx, uint64_t now_ms)
{
    struct ask_request *r = (struct ask_request *)fx->ask;
    struct ask_endpoint *e = (struct ask_endpoint *)fx->endpoint;

    switch (fx->kind) {
    case CLIENT_FX_PARK:
        ask_name_park(cell, r);
        break;
    case CLIENT_FX_GIVE:
        give(r, e);
        break;
    case CLIENT_FX_WAIT:
        ask_list_add(&cell->asks->resting, r);
        cell->asks->numbers.retried++;
        break;
    case CLIENT_FX_RECALL:
        recall(r, e, fx->was_sent, now_ms);
        break;
    case CLIENT_FX_END:
        end(cell, r, fx);
        break;
    case CLIENT_FX_SHUT:
        shut(cell, e);
        break;
    }
}

void ask_enter(struct asks *asks)
{
    asks->now_ms = loop_now_ms();
}

void ask_step(struct cell *cell, struct ask_request *r, struct client_event ev)
{
    struct client_effects fx;

    ev.ask = &r->core;
    ev.now_ms = cell->asks->now_ms;
    client_step(r->target, &ev, &fx);
    for (uint32_t i = 0; i < fx.count; i++) {
        perform(cell, &fx.item[i], ev.now_ms);
    }
    ask_arm(cell->asks, r->core.due_ms); /* an ended one is never due */
}

void ask_step_kind(struct cell *cell, struct ask_request *r, enum client_event_kind kind)
{
    ask_step(cell, r, (struct client_event){.kind = kind});
}

/* ---- time -------------------------------------------------------------------------------------- */

/* What is due, chained; *next_ms: when something else is. */
static struct ask_request *collect_due(struct asks *asks, uint64_t now_ms, uint64_t *next_ms)
{
    struct ask_request *due = NULL;

    for (size_t i = 0; i < ASK_ID_BUCKETS; i++) {
        for (struct ask_request *r = asks->by_id[i]; r != NULL; r = r->id_next) {
            if (r->core.due_ms <= now_ms) {
                r->due_next = due;
                due = r;
            } else if (r->core.due_ms < *next_ms) {
                *next_ms = r->core.due_ms;
            }
        }
    }
    return due;
}

static void on_time(void *context)
{
    struct cell *cell = context;
    struct asks *asks = cell->asks;
    ask_enter(asks);
    uint64_t now_ms = asks->now_ms;
    uint64_t next_ms = UINT64_MAX;
    struct ask_request *due = collect_due(asks, now_ms, &next_ms);

    asks->armed_ms = UINT64_MAX;
    for (struct ask_request *r = due; r != NULL; r = r->due_next) {
        if (r->core.due_ms <= now_ms) { /* another one's end may have been its end as well */
            ask_step_kind(cell, r, CLIENT_EV_DUE);
        }
    }
    ask_endpoint_idle(asks, now_ms, &next_ms);
    if (next_ms != UINT64_MAX) {
        ask_arm(asks, next_ms);
    }
    ask_settle(cell);
}

/* ---- the public calls -------------------------------------------------------------------------- */

static uint64_t deadline_of(const struct cell_ask *ask, uint64_t now_ms)
{
    uint64_t given_ms = ask->deadline_ms != 0 ? ask->deadline_ms : HOST_DEADLINE_DEFAULT_MS;

    if (ask->on_behalf_of == NULL) {
        return now_ms + given_ms;
    }
    uint64_t left_ms = ask->on_behalf_of->deadline_ms;
    /* Never longer than our own caller waits. */
    return ask->deadline_ms == 0 || left_ms < now_ms + given_ms ? left_ms : now_ms + given_ms;
}

static bool take_body(struct ask_request *r, const struct cell_ask *ask, const struct cell_ask_packed *packed,
                      size_t size)
{
    r->body = size <= sizeof r->small ? r->small : malloc(size);
    if (r->body == NULL) {
        return false;
    }
    r->body_size = size;
    if (packed == NULL) {
        (void)protobuf_c_message_pack(ask->request, r->body);
        return true;
    }
    r->packed = calloc(1, sizeof *r->packed);
    if (r->packed == NULL) {
        return false;
    }
    if (size > 0) {
        memcpy(r->body, packed->body, size);
    }
    r->packed->schema = packed->schema;
    r->packed->done = packed->done;
    r->packed->part = packed->part;
    r->packed->key_size = packed->key_size;
    if (packed->key_size > 0) {
        memcpy(r->packed->key, packed->key, packed->key_size);
    }
    if (packed->from_node != NULL) {
        (void)snprintf(r->packed->from_node, sizeof r->packed->from_node, "%s", packed->from_node);
        (void)snprintf(r->packed->from_cell, sizeof r->packed->from_cell, "%s", packed->from_cell);
    }
    return true;
}

static struct ask_request *request_new(struct asks *asks, const struct cell_ask *ask,
                                       const struct cell_ask_packed *packed, size_t size, uint64_t now_ms)
{
    struct ask_request *r = request_alloc(asks);

    if (r == NULL || !take_body(r, ask, packed, size)) {
        if (r != NULL) {
            request_free(asks, r);
        }
        return NULL;
    }
    r->core.deadline_ms = deadline_of(ask, now_ms);
    r->core.is_idempotent = ask->is_idempotent;
    r->core.is_hasty = ask->is_hasty;
    r->core.is_steady = ask->is_steady;
    r->is_urgent = ask->is_urgent;
    r->core.way = (enum balance)ask->balance;
    r->operation = ask->operation;
    r->reply = ask->reply;
    r->done = ask->done;
    r->part = ask->part;
    r->holds_credit = ask->holds_credit;
    if (packed != NULL) {
        r->credit = packed->part == NULL ? 0 : ask->credit;
    } else {
        r->credit = ask->part == NULL ? 0 : ask->credit != 0 ? ask->credit : ASK_CREDIT_DEFAULT;
    }
    r->context = ask->context;
    if (packed != NULL && packed->trace != NULL) {
        memcpy(r->trace, packed->trace, CALL_TRACE_LEN);
        r->has_trace = true;
    } else if (ask->on_behalf_of != NULL && ask->on_behalf_of->has_trace) {
        memcpy(r->trace, ask->on_behalf_of->trace, CALL_TRACE_LEN);
        r->has_trace = true;
    }
    return r;
}

static enum err begin(struct cell *cell, const struct cell_ask *ask, const struct cell_ask_packed *packed,
                      size_t size)
{
    struct asks *asks = cell->asks;

    assert(asks != NULL); /* not before `start` */
    if (asks->is_closing) {
        return ERR_CANCELLED;
    }
    if (asks->numbers.outstanding >= ASK_OUTSTANDING_MAX || size > cell->birth.message_bytes) {
        return ERR_LIMIT;
    }
    ask_enter(asks);
    struct ask_request *r = request_new(asks, ask, packed, size, asks->now_ms);
    if (r == NULL) {
        return ERR_NOMEM;
    }
    r->id = ++asks->next_id;
    struct ask_request **bucket = &asks->by_id[r->id % ASK_ID_BUCKETS];
    r->id_next = *bucket;
    *bucket = r;
    asks->numbers.outstanding++; /* before the route: it may ask the supervisor for itself */
    if (ask->ret_id != NULL) {
        *ask->ret_id = r->id;
    }
    enum err e = ask_name_route(cell, ask->target, r);
    if (e != ERR_OK) {
        asks->numbers.outstanding--;
        *id_slot(asks, r->id) = r->id_next;
        request_free(asks, r);
    }
    return e;
}

enum err cell_ask(struct cell *cell, const struct cell_ask *ask)
{
    return begin(cell, ask, NULL, protobuf_c_message_get_packed_size(ask->request));
}

enum err cell_ask_packed(struct cell *cell, const struct cell_ask_packed *packed)
{
    if (packed->key_size > CALL_KEY_MAX ||
        (packed->from_node != NULL && (strlen(packed->from_node) >= NAME_SIZE || strlen(packed->from_cell) >= CALL_FROM_SIZE))) {
        return ERR_INVALID;
    }
    return begin(cell, &packed->ask, packed, packed->size);
}

enum err cell_ask_cancel(struct cell *cell, uint64_t id)
{
    struct ask_request *r = ask_find(cell, id);

    if (r == NULL) {
        return ERR_NOT_FOUND;
    }
    ask_enter(cell->asks);
    ask_step_kind(cell, r, CLIENT_EV_CANCELLED);
    return ERR_OK;
}

enum err cell_ask_credit(struct cell *cell, uint64_t id, uint32_t parts)
{
    struct ask_request *r = ask_find(cell, id);

    assert(parts > 0 && parts <= INT32_MAX);
    if (r == NULL) {
        return ERR_NOT_FOUND;
    }
    if (r->message == NULL || r->credit == 0 || !r->holds_credit) {
        return ERR_PRECONDITION;
    }
    ask_link_note(r->message->endpoint, r, parts);
    return ERR_OK;
}

/* ---- the runtime's side ------------------------------------------------------------------------ */

void asks_flush(struct cell *cell, uint64_t now_ms)
{
    struct asks *asks = cell->asks;

    asks->now_ms = now_ms;
    ask_settle(cell);
    for (size_t i = 0; i < ASK_ENDPOINTS_MAX && asks->endpoints[i] != NULL; i++) {
        struct ask_endpoint *e = asks->endpoints[i]; /* they fill from the left */
        if (e->line[ASK_IPC].wire != NULL) {
            ask_link_flush(e, now_ms);
        }
    }
    if (asks->ended.first != NULL) {
        ask_arm(asks, 0); /* asked by a callback and over at once: the next turn tells it */
    }
}

enum err asks_open(struct cell *cell)
{
    struct asks *asks = calloc(1, sizeof *asks);
    uint64_t seed = loop_now_us() ^ cell->birth.generation << 32;

    if (asks == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < HOST_TOKEN_LEN; i++) {
        seed = seed * 31 + cell->birth.token[i]; /* one of a kind: callers must not move in step */
    }
    arena_init(&asks->arena, (size_t)SP_MESSAGE_MAX * ASK_ARENA_FACTOR);
    rng_init(&asks->rng, seed);
    cell->asks = asks;
    asks->armed_ms = UINT64_MAX;
    asks->timer = loop_timer_new(cell->loop, UINT32_MAX, 0, on_time, cell);
    return asks->timer == NULL ? ERR_NOMEM : ERR_OK;
}

void asks_cancel(struct cell *cell)
{
    struct asks *asks = cell->asks;

    if (asks == NULL) {
        return;
    }
    asks->is_closing = true;
    ask_enter(asks);
    for (size_t i = 0; i < ASK_ID_BUCKETS; i++) {
        while (asks->by_id[i] != NULL) {
            ask_step_kind(cell, asks->by_id[i], CLIENT_EV_CANCELLED);
        }
    }
    asks_flush(cell, loop_now_ms()); /* the callees are told, too */
    assert(asks->numbers.outstanding == 0);
}

static void free_spares(struct asks *asks)
{
    while (asks->spare_request != NULL) {
        struct ask_request *r = asks->spare_request;
        asks->spare_request = r->due_next;
        free(r);
    }
    while (asks->spare_message != NULL) {
        struct ask_message *m = asks->spare_message;
        asks->spare_message = m->next;
        free(m);
    }
}

void asks_close(struct cell *cell)
{
    struct asks *asks = cell->asks;

    if (asks == NULL) {
        return;
    }
    assert(asks->is_closing);
    for (size_t i = 0; i < ASK_NAMES_MAX; i++) {
        ask_name_free(asks->names[i]);
    }
    for (size_t i = 0; i < ASK_ENDPOINTS_MAX; i++) {
        ask_endpoint_free(asks->endpoints[i]);
    }
    loop_timer_free(asks->timer);
    arena_fini(&asks->arena);
    free_spares(asks);
    free(asks);
    cell->asks = NULL;
}

void asks_read(const struct cell *cell, struct asks_numbers *ret)
{
    *ret = cell->asks->numbers;
}
