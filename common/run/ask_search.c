#include "common/run/ask_search.h"

#include <assert.h>
#include <string.h>

#include "proto/nucleus.ops.h"
#include "proto/nucleus.pb-c.h"

/* ---- what a name stands for -------------------------------------------------------------------- */

void ask_search_unlist(struct ask_name *name)
{
    for (size_t i = 0; i < name->count; i++) {
        name->listed[i]->uses--;
    }
    name->count = 0;
    name->is_abroad = false;
}

bool ask_search_is_listed(const struct ask_name *name, const struct ask_endpoint *e)
{
    for (size_t i = 0; i < name->count; i++) {
        if (name->listed[i] == e) {
            return true;
        }
    }
    return false;
}

/* route: "": an instance of the cell itself; else a gateway. */
static void list_one(struct cell *cell, struct ask_name *name, const char *route, const Cell__Nucleus__Resolved *one)
{
    char path[HOST_PATH_SIZE];
    struct ask_endpoint *e;

    if (!one->healthy || name->count == BALANCE_ENDPOINTS_MAX ||
        ask_name_path(cell, one->endpoint, path) != ERR_OK ||
        ask_endpoint_get(cell, path, route, name->is_urgent, &e) != ERR_OK || ask_search_is_listed(name, e)) {
        return;
    }
    double weight = one->score > 0 && one->score <= 1 ? one->score * BALANCE_WEIGHT_ONE : 0;
    e->core.weight = (uint32_t)weight;
    e->core.latency_us = one->latency_us;
    e->uses++;
    name->listed[name->count++] = e;
}

static void publish(struct ask_name *name)
{
    struct balance_endpoint *list[BALANCE_ENDPOINTS_MAX];

    for (size_t i = 0; i < name->count; i++) {
        list[i] = &name->listed[i]->core;
    }
    balance_set(&name->target.list, list, name->count);
}

/* Take a reply's instances for the list: those of the cell, or of the gateway. */
static void learn(struct cell *cell, struct ask_name *name, bool is_gateway, const Cell__Nucleus__ResolveReply *reply)
{
    struct ask_endpoint *old[BALANCE_ENDPOINTS_MAX];
    size_t old_count = name->count;

    memcpy(old, name->listed, old_count * sizeof *old);
    name->count = 0; /* the old ones keep their count until the new ones have theirs */
    for (size_t i = 0; i < reply->n_instances; i++) {
        list_one(cell, name, is_gateway ? name->route : "", reply->instances[i]);
    }
    for (size_t i = 0; i < old_count; i++) {
        old[i]->uses--;
    }
    name->is_abroad = name->is_plain && is_gateway;
    publish(name);
    name->fresh_until_ms = loop_now_ms() + ASK_FRESH_MS;
}

/* What waits for an instance that the name no longer stands for goes to one of those it does. With
 * none at all it stays: an instance that is restarted comes back where it was. */
static void reroute(struct cell *cell, struct ask_name *name)
{
    struct ask_request *next;

    for (size_t i = 0; name->count > 0 && i < ASK_ENDPOINTS_MAX; i++) {
        struct ask_endpoint *e = cell->asks->endpoints[i];
        if (e == NULL || ask_search_is_listed(name, e)) {
            continue;
        }
        for (struct ask_request *r = e->waiting.first; r != NULL; r = next) {
            next = r->next;
            if (r->name == name) {
                ask_step_kind(cell, r, CLIENT_EV_UNLISTED);
            }
        }
    }
}

/* Those who wait: to whom there is, or the end. */
static void release(struct cell *cell, struct ask_name *name, enum err e, const char *text)
{
    struct ask_list waiting = name->waiting;

    name->waiting = (struct ask_list){0};
    name->was_started = false;
    while (waiting.first != NULL) {
        struct ask_request *r = waiting.first;
        r->list = &waiting;
        ask_list_remove(r);
        if (name->count > 0) {
            ask_step_kind(cell, r, CLIENT_EV_ASKED);
        } else {
            r->text = text;
            ask_step(cell, r, (struct client_event){.kind = CLIENT_EV_NOBODY, .e = e});
        }
    }
    ask_settle(cell); /* before `text` goes; one callback may make this name's place another's */
}

/* ---- asking the supervisor --------------------------------------------------------------------- */

struct searching {
    struct cell *cell;
    struct ask_name *name;
    cell_answer done;
};

static void on_answer(void *context, enum err e, const struct ProtobufCMessage *reply, const char *text)
{
    struct searching *searching = context;
    struct searching mine = *searching;

    free(searching);
    mine.name->is_resolving = false;
    mine.done(&mine, e, reply, text);
}

static enum err ask(struct cell *cell, struct ask_name *name, struct cell_ask *to, cell_answer done)
{
    struct searching *searching = malloc(sizeof *searching);

    if (searching == NULL) {
        return ERR_NOMEM;
    }
    *searching = (struct searching){.cell = cell, .name = name, .done = done};
    to->target = "nucleus";
    to->done = on_answer;
    to->context = searching;
    enum err e = cell_ask(cell, to);
    if (e != ERR_OK) {
        free(searching);
        return e;
    }
    name->is_resolving = true;
    return ERR_OK;
}

static enum err resolve(struct cell *cell, struct ask_name *name, const char *target, cell_answer done)
{
    Cell__Nucleus__ResolveRequest request = CELL__NUCLEUS__RESOLVE_REQUEST__INIT;

    request.target = (char *)target;
    struct cell_ask to = {.operation = CELL__NUCLEUS__OP__OP_RESOLVE,
                          .request = &request.base,
                          .reply = &cell__nucleus__resolve_reply__descriptor,
                          .deadline_ms = ASK_FRESH_MS,
                          .is_idempotent = CELL__NUCLEUS__RESOLVE__IS_IDEMPOTENT};
    return ask(cell, name, &to, done);
}

/* The supervisor did not answer at all. */
static bool is_silent(enum err e)
{
    return e == ERR_TIMEOUT || e == ERR_PEER_DEAD;
}

/* Whether those who wait are worth another try: they have time left, and a supervisor that restarts takes a moment. */
static bool tries_again(struct cell *cell, struct ask_name *name, enum err e, const char *target, cell_answer done)
{
    return name->count == 0 && is_silent(e) && name->waiting.first != NULL &&
           resolve(cell, name, target, done) == ERR_OK;
}

/* ---- step 4: this node starts it --------------------------------------------------------------- */

static void on_started(void *context, enum err e, const struct ProtobufCMessage *reply, const char *text)
{
    const struct searching *s = context;

    (void)reply; /* how many there are is asked for next */
    if (e == ERR_OK || (is_silent(e) && s->name->waiting.first != NULL)) {
        s->name->was_started = e == ERR_OK;
        e = ask_search_begin(s->cell, s->name);
        text = "the supervisor cannot be asked";
    }
    if (e != ERR_OK) {
        release(s->cell, s->name, e, text);
    }
}

static bool starts(struct cell *cell, struct ask_name *name)
{
    Cell__Nucleus__StartRequest request = CELL__NUCLEUS__START_REQUEST__INIT;

    if (!name->may_start || name->was_started || name->waiting.first == NULL) {
        return false;
    }
    request.target = name->ref;
    request.wait = true;
    struct cell_ask to = {.operation = CELL__NUCLEUS__OP__OP_START,
                          .request = &request.base,
                          .reply = &cell__nucleus__start_reply__descriptor,
                          .deadline_ms = ASK_START_MS,
                          .is_idempotent = CELL__NUCLEUS__START__IS_IDEMPOTENT};
    return ask(cell, name, &to, on_started) == ERR_OK;
}

static void start_or_end(struct cell *cell, struct ask_name *name)
{
    if (!starts(cell, name)) {
        release(cell, name, ERR_UNAVAILABLE,
                loop_now_ms() < name->nobody_until_ms ? "no healthy instance here, and no other node has it" : "no healthy instance");
    }
}

/* ---- step 3: other nodes ----------------------------------------------------------------------- */

static void on_gateways(void *context, enum err e, const struct ProtobufCMessage *reply, const char *text)
{
    const struct searching *s = context;
    struct cell *cell = s->cell;
    struct ask_name *name = s->name;

    if (e == ERR_OK) {
        learn(cell, name, true, (const Cell__Nucleus__ResolveReply *)reply);
        reroute(cell, name);
        text = "no gateway of this node is healthy";
        e = ERR_UNAVAILABLE; /* of those who wait, should there be none */
    } else if (!is_silent(e) && !err_is_transient(e)) {
        ask_search_unlist(name); /* it knows better than we remember */
        publish(name);
    }
    if (tries_again(cell, name, e, NAME_GATEWAY, on_gateways)) {
        return;
    }
    if (name->is_plain && name->count == 0) {
        start_or_end(cell, name);
    } else {
        release(cell, name, e, text);
    }
}

bool ask_search_is_over(struct ask_request *r, const struct ask_endpoint *from, const Cell__Envelope__Reply *reply)
{
    struct ask_name *name = r->name;

    if (name == NULL || !name->is_plain || from->route[0] == '\0' || r->core.has_parts || !reply->unread ||
        err_from_wire(reply->status) != ERR_UNAVAILABLE) {
        return false;
    }
    name->nobody_until_ms = loop_now_ms() + ASK_FRESH_MS;
    if (name->is_abroad) {
        ask_search_unlist(name);
        publish(name);
    }
    return true;
}

/* ---- steps 1 and 2: this node ------------------------------------------------------------------ */

static bool has_healthy(const Cell__Nucleus__ResolveReply *reply)
{
    for (size_t i = 0; i < reply->n_instances; i++) {
        if (reply->instances[i]->healthy) {
            return true;
        }
    }
    return false;
}

static void on_here(void *context, enum err e, const struct ProtobufCMessage *message, const char *text)
{
    const struct searching *s = context;
    struct cell *cell = s->cell;
    struct ask_name *name = s->name;
    const Cell__Nucleus__ResolveReply *reply = (const Cell__Nucleus__ResolveReply *)message;

    if (e == ERR_OK) {
        bool leaves = reply->elsewhere && !has_healthy(reply) && loop_now_ms() >= name->nobody_until_ms;
        name->may_start = reply->on_demand;
        if (leaves && resolve(cell, name, NAME_GATEWAY, on_gateways) == ERR_OK) {
            return; /* whom it stands for stays until they are known */
        }
        learn(cell, name, false, reply);
        reroute(cell, name);
    } else if (!is_silent(e) && !err_is_transient(e)) {
        ask_search_unlist(name); /* it knows better than we remember */
        publish(name);
    }
    if (tries_again(cell, name, e, name->ref, on_here)) {
        return;
    }
    if (e == ERR_OK && name->count == 0) {
        start_or_end(cell, name);
    } else {
        release(cell, name, e, text);
    }
}

enum err ask_search_begin(struct cell *cell, struct ask_name *name)
{
    assert(!name->is_resolving);
    return name->is_plain ? resolve(cell, name, name->ref, on_here) : resolve(cell, name, NAME_GATEWAY, on_gateways);
}
