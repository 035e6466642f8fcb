/* Requests out: names become sockets, every request ends at its deadline at the latest. The
 * connections themselves are in ask_link.c. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/run/ask_core.h"
#include "proto/nucleus.pb-c.h"

/* ---- lists ------------------------------------------------------------------------------------- */

void ask_list_add(struct ask_list *list, struct ask_request *r)
{
    r->next = NULL;
    if (list->first == NULL) {
        list->first = r;
    } else {
        list->last->next = r;
    }
    list->last = r;
}

static struct ask_request *list_take(struct ask_list *list)
{
    struct ask_request *r = list->first;

    list->first = r->next;
    return r;
}

void ask_list_due(struct ask_list *list, uint64_t now_ms, struct ask_list *due, uint64_t *next_ms)
{
    struct ask_list kept = {0};

    while (list->first != NULL) {
        struct ask_request *r = list_take(list);
        if (r->deadline_ms <= now_ms) {
            ask_list_add(due, r);
        } else {
            *next_ms = r->deadline_ms < *next_ms ? r->deadline_ms : *next_ms;
            ask_list_add(&kept, r);
        }
    }
    *list = kept;
}

/* ---- ending a request -------------------------------------------------------------------------- */

static void request_free(struct ask_request *r)
{
    free(r->body);
    free(r);
}

void ask_finish(struct cell *cell, struct ask_request *r, enum err e, const ProtobufCMessage *reply,
                const char *text)
{
    struct asks_numbers *numbers = &cell->asks->numbers;

    assert(numbers->outstanding > 0);
    numbers->outstanding--;
    if (e == ERR_OK) {
        numbers->answered++;
    } else {
        numbers->failed++;
    }
    r->done(r->context, e, reply, text);
    request_free(r);
}

void ask_finish_list(struct cell *cell, struct ask_list *list, enum err e, const char *text)
{
    struct ask_list mine = *list; /* a callback may ask again, and so add to *list */

    *list = (struct ask_list){0};
    while (mine.first != NULL) {
        ask_finish(cell, list_take(&mine), e, NULL, text);
    }
}

/* ---- deadlines --------------------------------------------------------------------------------- */

/* Close links that nobody has used for long; *next_ms shrinks to when the next one is due. */
static void close_idle(struct asks *asks, uint64_t now_ms, uint64_t *next_ms)
{
    for (size_t i = 0; i < ASK_LINKS_MAX; i++) {
        struct ask_link *link = asks->links[i];
        if (link == NULL || link->waiting.first != NULL || link->sent_count > 0) {
            continue;
        }
        if (now_ms >= link->used_ms + ASK_IDLE_MS) {
            asks->links[i] = NULL;
            ask_link_close(link);
        } else if (link->used_ms + ASK_IDLE_MS < *next_ms) {
            *next_ms = link->used_ms + ASK_IDLE_MS;
        }
    }
}

static void on_deadline(void *context)
{
    struct cell *cell = context;
    struct asks *asks = cell->asks;
    uint64_t now_ms = loop_now_ms();
    uint64_t next_ms = UINT64_MAX;
    struct ask_list sent = {0}, unsent = {0}, unnamed = {0};

    for (size_t i = 0; i < ASK_LINKS_MAX; i++) {
        if (asks->links[i] != NULL) {
            ask_link_due(asks->links[i], now_ms, &sent, &unsent, &next_ms);
        }
    }
    for (size_t i = 0; i < ASK_NAMES_MAX; i++) {
        if (asks->names[i] != NULL) {
            ask_list_due(&asks->names[i]->waiting, now_ms, &unnamed, &next_ms);
        }
    }
    close_idle(asks, now_ms, &next_ms);
    asks->deadline_armed_ms = next_ms;
    if (next_ms != UINT64_MAX) {
        loop_timer_again(asks->deadline_timer, next_ms - now_ms, 0);
    }
    /* Only now: a callback that asks again arms the timer for its new request. */
    ask_finish_list(cell, &sent, ERR_TIMEOUT, "no answer before the deadline");
    ask_finish_list(cell, &unsent, ERR_TIMEOUT, "not connected before the deadline");
    ask_finish_list(cell, &unnamed, ERR_TIMEOUT, "the name was not resolved before the deadline");
}

static void arm(struct asks *asks, uint64_t deadline_ms, uint64_t now_ms)
{
    if (deadline_ms < asks->deadline_armed_ms) {
        asks->deadline_armed_ms = deadline_ms;
        loop_timer_again(asks->deadline_timer, deadline_ms - now_ms, 0);
    }
}

/* ---- names ------------------------------------------------------------------------------------- */

static enum err enqueue(struct cell *cell, const char *path, struct ask_request *r)
{
    struct ask_link *link;
    enum err e = ask_link_get(cell, path, &link);

    if (e == ERR_OK) {
        ask_link_enqueue(link, r);
    }
    return e;
}

/* To the next instance of a name that has some; one that was lost makes the list old. */
static enum err enqueue_in_turn(struct cell *cell, struct ask_name *name, struct ask_request *r)
{
    struct ask_link *link;

    assert(name->count > 0);
    enum err e = ask_link_get(cell, name->path[name->turn++ % name->count], &link);
    if (e != ERR_OK) {
        return e;
    }
    r->name_id = name->id;
    ask_link_enqueue(link, r);
    if (ask_link_is_lost(link)) {
        name->fresh_until_ms = 0;
    }
    return ERR_OK;
}

static void learn(struct cell *cell, struct ask_name *name,
                  const Cell__Nucleus__ResolveReply *reply)
{
    name->count = 0;
    for (size_t i = 0; i < reply->n_instances && name->count < ASK_RESOLVED_MAX; i++) {
        const Cell__Nucleus__Resolved *one = reply->instances[i];
        if (one->healthy && strstr(one->endpoint, "..") == NULL) {
            int len = snprintf(name->path[name->count], HOST_PATH_SIZE, "%s/%s",
                               cell->birth.run_dir, one->endpoint);
            name->count += len > 0 && len <= SP_PATH_MAX; /* a longer one cannot be dialled */
        }
    }
    name->fresh_until_ms = loop_now_ms() + ASK_FRESH_MS;
}

static bool has_path(const struct ask_name *name, const char *path)
{
    for (size_t i = 0; i < name->count; i++) {
        if (strcmp(name->path[i], path) == 0) {
            return true;
        }
    }
    return false;
}

/* What waits for an instance that the name no longer stands for goes to one of those it does. With
 * none at all it stays: an instance that is restarted comes back where it was. */
static void reroute(struct cell *cell, struct ask_name *name)
{
    for (size_t i = 0; name->count > 0 && i < ASK_LINKS_MAX; i++) {
        struct ask_link *link = cell->asks->links[i];
        if (link != NULL && !has_path(name, link->path)) {
            ask_link_take_back(link, name->id, &name->waiting);
        }
    }
}

struct resolving {
    struct cell *cell;
    struct ask_name *name;
};

static enum err resolve(struct cell *cell, struct ask_name *name);

/* The supervisor did not answer at all. */
static bool is_silent(enum err e)
{
    return e == ERR_TIMEOUT || e == ERR_PEER_DEAD;
}

static void on_resolved(void *context, enum err e, const struct ProtobufCMessage *reply,
                        const char *text)
{
    struct resolving *resolving = context;
    struct cell *cell = resolving->cell;
    struct ask_name *name = resolving->name;

    free(resolving);
    name->is_resolving = false;
    if (e == ERR_OK) {
        learn(cell, name, (const Cell__Nucleus__ResolveReply *)reply);
        reroute(cell, name);
        text = "no healthy instance";
        e = ERR_UNAVAILABLE; /* of those who wait, should there be none */
    } else if (!is_silent(e) && !err_is_transient(e)) {
        name->count = 0; /* it knows better than we remember */
    }
    if (name->count == 0 && is_silent(e) && name->waiting.first != NULL &&
        resolve(cell, name) == ERR_OK) {
        return; /* those who wait have time left; a supervisor that restarts takes a moment */
    }
    struct ask_list waiting = name->waiting, failed = {0};
    enum err why = ERR_OK;
    name->waiting = (struct ask_list){0};
    while (name->count > 0 && waiting.first != NULL) {
        struct ask_request *r = list_take(&waiting);
        enum err one = enqueue_in_turn(cell, name, r);
        if (one != ERR_OK) {
            why = one;
            ask_list_add(&failed, r);
        }
    }
    /* From here on callbacks run: one may ask for so many names that this one makes room. */
    ask_finish_list(cell, &failed, why, "no connection can be opened");
    ask_finish_list(cell, &waiting, e, text);
}

static enum err resolve(struct cell *cell, struct ask_name *name)
{
    Cell__Nucleus__ResolveRequest request = CELL__NUCLEUS__RESOLVE_REQUEST__INIT;
    struct resolving *resolving = malloc(sizeof *resolving);

    if (resolving == NULL) {
        return ERR_NOMEM;
    }
    *resolving = (struct resolving){.cell = cell, .name = name};
    request.target = name->target;
    struct cell_ask ask = {
        .target = "nucleus",
        .operation = CELL__NUCLEUS__OP__OP_RESOLVE,
        .request = &request.base,
        .reply = &cell__nucleus__resolve_reply__descriptor,
        .deadline_ms = ASK_FRESH_MS,
        .done = on_resolved,
        .context = resolving,
    };
    enum err e = cell_ask(cell, &ask);
    if (e != ERR_OK) {
        free(resolving);
        return e;
    }
    name->is_resolving = true;
    return ERR_OK;
}

/* The name's slot; a new name takes a free one or that of the name used longest ago for which
 * nobody waits. ERR_LIMIT: there is none. */
static enum err name_get(struct asks *asks, const char *target, struct ask_name **ret)
{
    size_t place = ASK_NAMES_MAX;

    for (size_t i = 0; i < ASK_NAMES_MAX; i++) {
        struct ask_name *name = asks->names[i];
        if (name == NULL) {
            place = i;
            break; /* slots fill from the left and are only reused */
        }
        if (strcmp(name->target, target) == 0) {
            *ret = name;
            return ERR_OK;
        }
        if (!name->is_resolving && name->waiting.first == NULL &&
            (place == ASK_NAMES_MAX || name->used_ms < asks->names[place]->used_ms)) {
            place = i;
        }
    }
    if (place == ASK_NAMES_MAX) {
        return ERR_LIMIT;
    }
    struct ask_name *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return ERR_NOMEM;
    }
    (void)snprintf(fresh->target, sizeof fresh->target, "%s", target);
    fresh->id = ++asks->next_name_id;
    free(asks->names[place]);
    asks->names[place] = *ret = fresh;
    return ERR_OK;
}

/* Send to any instance of a name: the known ones in turn, the supervisor asked when the list is
 * old or empty. */
static enum err route_by_name(struct cell *cell, const char *target, struct ask_request *r,
                              uint64_t now_ms)
{
    struct ask_name *name;
    enum err e = name_get(cell->asks, target, &name);

    if (e != ERR_OK) {
        return e;
    }
    name->used_ms = now_ms;
    if (name->count > 0) {
        e = enqueue_in_turn(cell, name, r); /* old knowledge is better than none */
        if (e == ERR_OK && !name->is_resolving && now_ms >= name->fresh_until_ms) {
            (void)resolve(cell, name); /* too many requests just now: the next one tries again */
        }
        return e;
    }
    e = name->is_resolving ? ERR_OK : resolve(cell, name);
    if (e == ERR_OK) {
        ask_list_add(&name->waiting, r);
    }
    return e;
}

static enum err route(struct cell *cell, const char *target, struct ask_request *r, uint64_t now_ms)
{
    char path[HOST_PATH_SIZE + 3 * NAME_SIZE];
    struct name_ref ref;

    if (strcmp(target, "nucleus") == 0) {
        (void)snprintf(path, sizeof path, "%s/nucleus.sock", cell->birth.run_dir);
        return enqueue(cell, path, r);
    }
    enum err e = name_ref_parse(target, &ref);
    if (e != ERR_OK || ref.node[0] != '\0') {
        return ERR_INVALID;
    }
    if (ref.instance < 0) {
        return route_by_name(cell, target, r, now_ms);
    }
    const char *space = ref.space[0] != '\0' ? ref.space : cell->birth.space;
    int len = snprintf(path, sizeof path, "%s/%s/%s.%" PRId32 ".sock", cell->birth.run_dir, space,
                       ref.cell, ref.instance);
    return len < 0 || len > SP_PATH_MAX ? ERR_INVALID : enqueue(cell, path, r);
}

/* ---- the public call --------------------------------------------------------------------------- */

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

static struct ask_request *request_new(const struct cell_ask *ask, size_t size, uint64_t now_ms)
{
    struct ask_request *r = calloc(1, sizeof *r);

    if (r == NULL) {
        return NULL;
    }
    r->body = malloc(size + 1); /* + 1: an empty request is a request */
    if (r->body == NULL) {
        free(r);
        return NULL;
    }
    r->body_size = protobuf_c_message_pack(ask->request, r->body);
    r->operation = ask->operation;
    r->reply = ask->reply;
    r->done = ask->done;
    r->context = ask->context;
    r->deadline_ms = deadline_of(ask, now_ms);
    if (ask->on_behalf_of != NULL && ask->on_behalf_of->has_trace) {
        memcpy(r->trace, ask->on_behalf_of->trace, CALL_TRACE_LEN);
        r->has_trace = true;
    }
    return r;
}

enum err cell_ask(struct cell *cell, const struct cell_ask *ask)
{
    struct asks *asks = cell->asks;
    uint64_t now_ms = loop_now_ms();
    size_t size = protobuf_c_message_get_packed_size(ask->request);

    assert(asks != NULL); /* not before `start` */
    if (asks->is_closing) {
        return ERR_CANCELLED;
    }
    if (asks->numbers.outstanding >= ASK_OUTSTANDING_MAX || size > cell->birth.message_bytes) {
        return ERR_LIMIT;
    }
    struct ask_request *r = request_new(ask, size, now_ms);
    if (r == NULL) {
        return ERR_NOMEM;
    }
    asks->numbers.outstanding++; /* before route: it may ask the supervisor for itself */
    enum err e = route(cell, ask->target, r, now_ms);
    if (e != ERR_OK) {
        asks->numbers.outstanding--;
        request_free(r);
        return e;
    }
    arm(asks, r->deadline_ms > now_ms ? r->deadline_ms : now_ms, now_ms);
    return ERR_OK;
}

void asks_flush(struct cell *cell, uint64_t now_ms)
{
    for (size_t i = 0; i < ASK_LINKS_MAX; i++) {
        if (cell->asks->links[i] != NULL) {
            ask_link_flush(cell->asks->links[i], now_ms);
        }
    }
}

enum err asks_open(struct cell *cell)
{
    struct asks *asks = calloc(1, sizeof *asks);

    if (asks == NULL) {
        return ERR_NOMEM;
    }
    cell->asks = asks;
    asks->deadline_armed_ms = UINT64_MAX;
    asks->deadline_timer = loop_timer_new(cell->loop, UINT32_MAX, 0, on_deadline, cell);
    return asks->deadline_timer == NULL ? ERR_NOMEM : ERR_OK;
}

void asks_cancel(struct cell *cell)
{
    struct asks *asks = cell->asks;

    if (asks == NULL) {
        return;
    }
    asks->is_closing = true;
    for (size_t i = 0; i < ASK_LINKS_MAX; i++) {
        if (asks->links[i] != NULL) {
            ask_link_cancel(asks->links[i]);
        }
    }
    for (size_t i = 0; i < ASK_NAMES_MAX; i++) {
        if (asks->names[i] != NULL) {
            ask_finish_list(cell, &asks->names[i]->waiting, ERR_CANCELLED, "the cell is stopping");
        }
    }
    assert(asks->numbers.outstanding == 0);
}

void asks_close(struct cell *cell)
{
    struct asks *asks = cell->asks;

    if (asks == NULL) {
        return;
    }
    assert(asks->is_closing);
    for (size_t i = 0; i < ASK_LINKS_MAX; i++) {
        if (asks->links[i] != NULL) {
            ask_link_close(asks->links[i]);
        }
    }
    for (size_t i = 0; i < ASK_NAMES_MAX; i++) {
        free(asks->names[i]);
    }
    loop_timer_free(asks->deadline_timer);
    free(asks);
    cell->asks = NULL;
}

void asks_read(const struct cell *cell, struct asks_numbers *ret)
{
    *ret = cell->asks->numbers;
}

void asks_fill_describe(struct cell *cell, Cell__Inspect__DescribeReply *reply,
                        struct cell_call *call)
{
    Cell__Inspect__Connection **slot = cell_call_alloc(call, ASK_LINKS_MAX * sizeof *slot);

    for (size_t i = 0; slot != NULL && i < ASK_LINKS_MAX; i++) {
        const struct ask_link *link = cell->asks->links[i];
        Cell__Inspect__Connection *one = link == NULL ? NULL : cell_call_alloc(call, sizeof *one);
        if (one != NULL) {
            *one = (Cell__Inspect__Connection)CELL__INSPECT__CONNECTION__INIT;
            one->peer = (char *)link->path;
            one->kind = (char *)"ipc";
            one->reason = (char *)"nng over a Unix socket";
            one->requests = link->requests;
            slot[reply->n_connections++] = one;
        }
    }
    reply->connections = slot;
}
