/* Requests of local cells for cells of other nodes: of the one that is named, or of whichever has the cell. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/run/call.h"
#include "common/run/log.h"
#include "common/run/unpack.h"
#include "gateway/outbound.h"

struct gateway_out **gateway_outbound_next(struct gateway_out *out)
{
    return &out->next_waiting;
}

static void let_go(struct gateway_out *out)
{
    if (out->call != NULL || out->is_asked || out->is_waiting) {
        return;
    }
    *out->back = out->next;
    if (out->next != NULL) {
        out->next->back = out->back;
    }
    out->shell->out_count--;
    free(out);
}

static void fail(struct gateway_out *out, enum err e, const char *text)
{
    struct cell_call *call = take_ptr(&out->call);

    if (call != NULL) {
        cell_reply_error(call, e, text, NULL);
    }
}

/* Nobody has begun with it. */
static void refuse(struct gateway_out *out, enum err e, const char *text)
{
    if (out->call != NULL) {
        cell_call_unread(out->call);
    }
    fail(out, e, text);
}

/* ---- words about a request that was sent ------------------------------------------------------- */

/* credit 0: it is cancelled. */
static void tell(struct gateway_out *out, uint32_t credit)
{
    Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
    Cell__Envelope__Note note = CELL__ENVELOPE__NOTE__INIT, *slot = &note;
    uint8_t bytes[GATEWAY_NOTE_BYTES];

    note.message = out->number;
    note.id = OUTBOUND_ID;
    note.what_case = credit == 0 ? CELL__ENVELOPE__NOTE__WHAT_CANCEL : CELL__ENVELOPE__NOTE__WHAT_CREDIT;
    if (credit == 0) {
        note.cancel = true;
    } else {
        note.credit = credit;
    }
    requests.version = CALL_ENVELOPE_VERSION;
    requests.notes = &slot;
    requests.n_notes = 1;
    assert(cell__envelope__requests__get_packed_size(&requests) <= sizeof bytes);
    size_t size = cell__envelope__requests__pack(&requests, bytes);
    enum err e = nodelink_tell(out->shell->links, out->id, out->number, bytes, size);
    if (e != ERR_OK) {
        log_debug("GATEWAY-UNTOLD", "error=%s", err_name(e)); /* it has ended meanwhile, or its deadline ends it */
    }
}

/* Its caller gave up: so does the other side. What comes all the same goes nowhere. */
static void on_cancel(void *context, enum err e)
{
    struct gateway_out *out = context;

    if (out->is_asked && e == ERR_TIMEOUT) {
        gateway_names_saw(out->shell, &out->ref, out->node, false, 0);
    }
    if (out->is_asked) {
        nodelink_withdraw(out->shell->links, out->id, out->number);
        tell(out, 0);
    }
    fail(out, e, NULL);
    let_go(out);
}

/* Its caller takes more parts. */
static void on_credit(void *context)
{
    struct gateway_out *out = context;
    uint32_t credit = cell_call_credit(out->call);

    if (out->is_asked && credit > out->lent) {
        tell(out, credit - out->lent);
        out->lent = credit;
    }
}

/* ---- one try is over --------------------------------------------------------------------------- */

/* What came of it. */
struct outcome {
    enum err e;
    bool is_unread;
    const char *text, *hint;
    const uint8_t *body;
    size_t size;
    uint32_t retry_after_ms;
};

/* It says something about the node, not about the request. */
static bool is_the_nodes_fault(const struct outcome *o)
{
    static const enum err its[] = {ERR_UNAVAILABLE, ERR_PEER_DEAD, ERR_TIMEOUT, ERR_INTERNAL,
                                   ERR_FAULT,       ERR_NOMEM,     ERR_IO,      ERR_DATA_LOSS};

    for (size_t i = 0; i < ARRAY_LEN(its); i++) {
        if (o->e == its[i]) {
            return true;
        }
    }
    return o->is_unread && (o->e == ERR_DENIED || o->e == ERR_LIMIT);
}

/* Whether another node may be asked, and may have a better answer. */
static bool may_go_on(const struct gateway_out *out, const struct outcome *o)
{
    if (!out->is_any || out->has_parts || out->call == NULL || out->tries >= GATEWAY_TRIES_MAX ||
        cell_now_ms(out->shell->cell) >= out->until_ms) {
        return false;
    }
    if (o->is_unread) {
        return o->e == ERR_UNAVAILABLE || o->e == ERR_DENIED || o->e == ERR_LIMIT || o->e == ERR_NOMEM;
    }
    return out->request.is_repeatable && (o->e == ERR_UNAVAILABLE || o->e == ERR_PEER_DEAD);
}

/* Keep what is to be said if nobody else has a better answer. */
static void remember(struct gateway_out *out, const struct outcome *o)
{
    out->e = o->e;
    out->all_unread = out->all_unread && o->is_unread;
    (void)snprintf(out->text, sizeof out->text, "%s: %s", out->node, o->text);
}

static void answer(struct gateway_out *out, const struct outcome *o)
{
    struct cell_call *call = take_ptr(&out->call);

    if (o->e == ERR_OK) {
        if (cell_reply_packed(call, o->body, o->size) != ERR_OK) {
            log_debug("GATEWAY-LATE", "action=dropped"); /* its caller knows why already */
        }
        return;
    }
    cell_call_retry_after(call, o->retry_after_ms);
    if (o->is_unread) {
        cell_call_unread(call);
    }
    /* A hint names instances of the node that was asked: who asked for any node does not know which that was. */
    cell_reply_error(call, o->e == ERR_LATER ? ERR_FAULT : o->e, o->text, out->is_any ? NULL : o->hint);
}

static void conclude(struct gateway_out *out, const struct outcome *o)
{
    if (out->call != NULL && !out->has_parts) { /* the time of a stream is its reader's, and that of who gave up nobody's */
        gateway_names_saw(out->shell, &out->ref, out->node, !is_the_nodes_fault(o), loop_now_us() - out->asked_us);
    }
    if (may_go_on(out, o)) {
        remember(out, o);
        gateway_outbound_find(out);
        return;
    }
    if (out->call != NULL) {
        answer(out, o);
    }
    let_go(out);
}

/* NULL: it is no answer, and `why` says what is wrong with it. */
static Cell__Envelope__Replies *unpack(struct arena *arena, const uint8_t *body, size_t size, char why[UNPACK_WHY_SIZE])
{
    arena_init(arena, (size + GATEWAY_REPLY_OVERHEAD) * 4);
    ProtobufCAllocator allocator = call_allocator(arena);
    ProtobufCMessage *message;

    if (unpack_message(&cell__envelope__replies__descriptor, &allocator, body, size, &message, why) != ERR_OK) {
        return NULL;
    }
    Cell__Envelope__Replies *replies = (Cell__Envelope__Replies *)message;
    if (replies->version != CALL_ENVELOPE_VERSION || replies->n_replies != 1) {
        (void)snprintf(why, UNPACK_WHY_SIZE, "another version, or not one reply");
        return NULL;
    }
    return replies;
}

static void take_answer(struct gateway_out *out, const uint8_t *body, size_t size)
{
    struct arena arena;
    char why[UNPACK_WHY_SIZE];
    const Cell__Envelope__Replies *replies = unpack(&arena, body, size, why);
    struct outcome o = {.e = ERR_MALFORMED, .text = "the other node's gateway answers with what is no answer", .hint = ""};

    if (replies != NULL) {
        const Cell__Envelope__Reply *r = replies->replies[0];
        o = (struct outcome){.e = err_from_wire(r->status), .text = r->message, .hint = r->hint, .body = r->body.data,
                             .size = r->body.len, .retry_after_ms = r->retry_after_ms, .is_unread = r->unread};
    } else {
        cell_metric_add(out->shell->metric_refused, 1);
        log_warn("GATEWAY-ANSWER", "node=%s why=\"%s\" action=refused", out->node, why);
    }
    conclude(out, &o);
    arena_fini(&arena);
}

static void on_done(void *context, enum err e, const uint8_t *body, size_t size)
{
    struct gateway_out *out = context;
    const struct outcome o = {.e = e, .is_unread = e == ERR_UNAVAILABLE, .hint = "",
                              .text = e == ERR_PEER_DEAD     ? "the link to the other node ended"
                                      : e == ERR_UNAVAILABLE ? "no link to the other node"
                                                             : "the other node did not answer in time"};

    out->is_asked = false;
    if (e == ERR_OK) {
        take_answer(out, body, size);
    } else {
        conclude(out, &o);
    }
}

/* ---- parts of an answer ------------------------------------------------------------------------ */

static bool on_part(void *context, const uint8_t *body, size_t size)
{
    struct gateway_out *out = context;
    struct arena arena;
    char why[UNPACK_WHY_SIZE];
    const Cell__Envelope__Replies *replies = unpack(&arena, body, size, why);
    bool is_part = replies != NULL && replies->replies[0]->more && replies->replies[0]->status == err_to_wire(ERR_OK);

    if (is_part && out->call != NULL) {
        const Cell__Envelope__Reply *r = replies->replies[0];
        enum err e = cell_reply_part_packed(out->call, r->body.data, r->body.len);
        out->has_parts = true;
        out->lent -= out->lent > 0;
        if (e != ERR_OK) { /* larger than our own limit, or more of them than were asked for */
            tell(out, 0);
            fail(out, e, "the other node sends parts that cannot be handed on");
        }
    }
    arena_fini(&arena);
    return is_part;
}

/* ---- a try ------------------------------------------------------------------------------------- */

/* Whose request it is, as our door attests it: this node's word to the others. "": the operator's. */
static const char *whose(const struct cell_call *call, char out[CALL_FROM_SIZE])
{
    struct cell_caller caller;

    cell_call_caller(call, &caller);
    out[0] = '\0';
    if (!caller.is_operator) {
        (void)snprintf(out, CALL_FROM_SIZE, "%.*s/%.*s", NAME_MAX_LEN, caller.space, NAME_MAX_LEN, caller.cell);
    }
    return out;
}

static enum err pack(const struct gateway_out *out, uint8_t **ret, size_t *ret_size)
{
    Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
    Cell__Envelope__Request one = CELL__ENVELOPE__REQUEST__INIT, *slot = &one;
    struct name_ref ref = out->ref;
    char route[NAME_REF_SIZE], from[CALL_FROM_SIZE];

    (void)snprintf(ref.node, sizeof ref.node, "%s", out->node);
    name_ref_format(&ref, route);
    one.id = OUTBOUND_ID;
    one.operation = out->request.operation;
    one.schema = out->request.schema;
    one.deadline_ms = cell_call_remaining_ms(out->call);
    one.route = route;
    one.repeatable = out->request.is_repeatable;
    one.urgent = out->request.is_urgent;
    one.credit = out->lent;
    one.body.data = (uint8_t *)out->request.body;
    one.body.len = out->request.size;
    one.idempotency_key.data = (uint8_t *)cell_call_key(out->call, &one.idempotency_key.len);
    one.trace.data = (uint8_t *)cell_call_trace(out->call, &one.trace.len);
    one.from_cell = (char *)whose(out->call, from);
    requests.version = CALL_ENVELOPE_VERSION;
    requests.requests = &slot;
    requests.n_requests = 1;
    requests.apart = true;
    *ret_size = cell__envelope__requests__get_packed_size(&requests);
    *ret = malloc(*ret_size);
    if (*ret == NULL) {
        return ERR_NOMEM;
    }
    (void)cell__envelope__requests__pack(&requests, *ret);
    return ERR_OK;
}

static enum err send(struct gateway_out *out, const struct gateway_node *node)
{
    struct gateway_shell *s = out->shell;
    uint64_t now_ms = cell_now_ms(s->cell);
    uint64_t left_ms = out->until_ms > now_ms ? out->until_ms - now_ms : 1;
    AUTO_FREE uint8_t *bytes = NULL;
    size_t size;

    (void)snprintf(out->node, sizeof out->node, "%s", node->name);
    memcpy(out->id, node->id, sizeof out->id);
    if (out->is_any) {
        (void)snprintf(out->tried[out->tries++], NAME_SIZE, "%s", node->name);
    }
    out->lent = cell_call_credit(out->call);
    enum err e = pack(out, &bytes, &size);
    if (e != ERR_OK) {
        return e;
    }
    const struct nodelink_asking asking = {
        .id = node->id, .to = &node->at, .body = bytes, .size = size, .done = on_done, .context = out,
        .deadline_ms = left_ms < NODELINK_DEADLINE_MAX_MS ? (uint32_t)left_ms : NODELINK_DEADLINE_MAX_MS,
        .patience_ms = out->is_any ? GATEWAY_PATIENCE_MS : 0, .is_urgent = out->request.is_urgent,
        .part = out->lent > 0 ? on_part : NULL};
    out->asked_us = loop_now_us();
    return nodelink_ask_with(s->links, &asking, &out->number);
}

void gateway_outbound_go(struct gateway_out *out, const struct gateway_node *node, enum err e, const char *text)
{
    out->is_waiting = false;
    if (node == NULL || out->call == NULL) {
        refuse(out, e, text);
        let_go(out);
        return;
    }
    e = send(out, node);
    if (e == ERR_OK) {
        out->is_asked = true;
        cell_metric_add(out->shell->metric_out, 1);
        return;
    }
    const struct outcome o = {.e = e == ERR_LIMIT ? ERR_LIMIT : ERR_UNAVAILABLE, .is_unread = true, .hint = "",
                              .retry_after_ms = e == ERR_LIMIT ? GATEWAY_BUSY_MS : 0,
                              .text = e == ERR_LIMIT ? "too many requests wait for that node" : "the other node cannot be asked"};
    conclude(out, &o);
}

/* ---- any node that has it ---------------------------------------------------------------------- */

/* The best of those that were not tried, and where it is. */
static const struct gateway_node *choose(struct gateway_out *out, struct gateway_choice *c)
{
    struct gateway_shell *s = out->shell;
    bool is_tried[GATEWAY_CHOICE_MAX] = {false};

    for (uint32_t i = 0; i < out->tries; i++) {
        uint32_t at = gateway_choice_find(c, out->tried[i]);
        if (at != GATEWAY_CHOICE_NONE) {
            is_tried[at] = true;
        }
    }
    for (;;) {
        uint32_t at = gateway_choice_pick(c, is_tried, cell_now_ms(s->cell));
        if (at == GATEWAY_CHOICE_NONE) {
            return NULL;
        }
        const struct gateway_node *node = gateway_nodes_known(s, c->item[at].said.node);
        if (node != NULL) {
            return node;
        }
        is_tried[at] = true; /* forgotten: there are too many nodes */
    }
}

static void on_found(void *context, struct gateway_name *name)
{
    struct gateway_out *out = context;
    const struct gateway_node *node = name == NULL || out->call == NULL ? NULL : choose(out, gateway_names_choice(name));

    out->is_waiting = false;
    if (node != NULL) {
        gateway_outbound_go(out, node, ERR_OK, NULL);
        return;
    }
    if (name == NULL) {
        refuse(out, ERR_LIMIT, "too many cells are being looked for");
    } else if (out->tries == 0) {
        refuse(out, ERR_UNAVAILABLE, "no other node has this cell");
    } else if (out->all_unread) {
        refuse(out, ERR_UNAVAILABLE, out->text);
    } else {
        fail(out, out->e, out->text);
    }
    let_go(out);
}

void gateway_outbound_find(struct gateway_out *out)
{
    out->is_waiting = true;
    out->waiter = (struct gateway_waiter){.found = on_found, .context = out};
    gateway_names_find(out->shell, &out->ref, &out->waiter);
}

/* ---- a request --------------------------------------------------------------------------------- */

enum err gateway_outbound_forward(void *state, struct cell_call *call, const struct cell_forward *request)
{
    struct gateway_shell *s = state;
    struct name_ref ref;

    if (name_ref_parse(request->route, &ref) != ERR_OK) {
        return ERR_INVALID; /* the runtime has judged it: cannot happen */
    }
    if (strcmp(ref.node, s->self.name) == 0) {
        cell_call_explain(call, "%s is this node: leave out \"@%s\"", ref.node, ref.node);
        return ERR_INVALID;
    }
    if (s->out_count >= GATEWAY_OUT_MAX) {
        cell_call_retry_after(call, GATEWAY_BUSY_MS);
        cell_call_unread(call);
        cell_call_explain(call, "too many requests are on their way to other nodes");
        return ERR_LIMIT;
    }
    struct gateway_out *out = calloc(1, sizeof *out);
    if (out == NULL) {
        return ERR_NOMEM;
    }
    *out = (struct gateway_out){.shell = s, .call = call, .next = s->outs, .back = &s->outs, .request = *request,
                                .ref = ref, .is_any = strcmp(ref.node, NAME_ANY) == 0, .all_unread = true,
                                .until_ms = cell_call_deadline_ms(call)};
    if (s->outs != NULL) {
        s->outs->back = &out->next;
    }
    s->outs = out;
    s->out_count++;
    cell_call_on_cancel(call, on_cancel, out);
    cell_call_on_credit(call, on_credit, out);
    if (out->is_any) {
        gateway_outbound_find(out);
    } else {
        out->is_waiting = true;
        gateway_nodes_route(s, ref.node, out);
    }
    return ERR_LATER;
}

void gateway_outbound_free(struct gateway_shell *s)
{
    while (s->outs != NULL) {
        struct gateway_out *out = s->outs;
        fail(out, ERR_CANCELLED, "the gateway stops");
        out->is_asked = out->is_waiting = false;
        let_go(out);
    }
}
