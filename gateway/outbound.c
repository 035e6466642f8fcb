/* Requests of local cells for cells of other nodes. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/run/call.h"
#include "common/run/cell_call.h"
#include "common/run/log.h"
#include "gateway/shell.h"

/* One request. It is freed when both its caller and the link have done with it. */
struct gateway_out {
    struct gateway_out *next, **back; /* of all */
    struct gateway_out *next_waiting; /* for membership */
    struct gateway_shell *shell;
    struct cell_call *call; /* NULL: its caller has gone */
    bool is_asked;          /* the link will say what became of it */
    uint64_t until_ms;
    uint8_t *bytes;         /* the envelope, until it is sent */
    size_t size;
};

struct gateway_out **gateway_outbound_next(struct gateway_out *out)
{
    return &out->next_waiting;
}

static void let_go(struct gateway_out *out)
{
    if (out->call != NULL || out->is_asked) {
        return;
    }
    *out->back = out->next;
    if (out->next != NULL) {
        out->next->back = out->back;
    }
    out->shell->out_count--;
    free(out->bytes);
    free(out);
}

static void fail(struct gateway_out *out, enum err e, const char *text)
{
    struct cell_call *call = out->call;

    if (call != NULL) {
        out->call = NULL;
        cell_reply_error(call, e, text, NULL);
    }
}

/* Its caller gave up. What has been sent is carried out over there: the answer goes nowhere. */
static void on_cancel(void *context, enum err e)
{
    struct gateway_out *out = context;

    fail(out, e, NULL);
    if (out->bytes == NULL) { /* membership does not have it */
        let_go(out);
    }
}

/* ---- the answer -------------------------------------------------------------------------------- */

static void pass_back(struct gateway_out *out, const Cell__Envelope__Reply *reply)
{
    struct cell_call *call = out->call;
    enum err e = err_from_wire(reply->status);

    out->call = NULL;
    if (e == ERR_OK) {
        if (cell_reply_packed(call, reply->body.data, reply->body.len) != ERR_OK) {
            log_debug("GATEWAY-LATE", "action=dropped"); /* its caller knows why already */
        }
        return;
    }
    cell_call_retry_after(call, reply->retry_after_ms);
    cell_reply_error(call, e == ERR_LATER ? ERR_FAULT : e, reply->message, reply->hint);
}

static void take_answer(struct gateway_out *out, const uint8_t *body, size_t size)
{
    struct arena arena;

    arena_init(&arena, (size + GATEWAY_REPLY_OVERHEAD) * 4);
    ProtobufCAllocator allocator = call_allocator(&arena);
    Cell__Envelope__Replies *replies = cell__envelope__replies__unpack(&allocator, size, body);
    if (replies == NULL || replies->version != CALL_ENVELOPE_VERSION || replies->n_replies != 1) {
        cell_metric_add(out->shell->metric_refused, 1);
        fail(out, ERR_MALFORMED, "the other node's gateway answers with what is no answer");
    } else {
        pass_back(out, replies->replies[0]);
    }
    arena_fini(&arena);
}

static void on_done(void *context, enum err e, const uint8_t *body, size_t size)
{
    struct gateway_out *out = context;

    out->is_asked = false;
    if (out->call != NULL && e == ERR_OK) {
        take_answer(out, body, size);
    } else {
        fail(out, e, e == ERR_PEER_DEAD ? "the link to the other node ended" : "the other node did not answer in time");
    }
    let_go(out);
}

/* ---- the request ------------------------------------------------------------------------------- */

void gateway_outbound_go(struct gateway_out *out, const struct gateway_node *node, enum err e, const char *text)
{
    struct gateway_shell *s = out->shell;
    uint64_t now_ms = cell_now_ms(s->cell);
    AUTO_FREE uint8_t *bytes = take_ptr(&out->bytes);

    if (node == NULL || out->call == NULL) {
        fail(out, e, text);
        let_go(out);
        return;
    }
    uint64_t left_ms = out->until_ms > now_ms ? out->until_ms - now_ms : 1;
    left_ms = left_ms < NODELINK_DEADLINE_MAX_MS ? left_ms : NODELINK_DEADLINE_MAX_MS;
    e = nodelink_ask(s->links, node->id, &node->at, bytes, out->size, (uint32_t)left_ms, on_done, out);
    if (e == ERR_OK) {
        out->is_asked = true;
        cell_metric_add(s->metric_out, 1);
        return;
    }
    fail(out, e, e == ERR_LIMIT ? "too many requests wait for that node" : "the other node cannot be asked");
    let_go(out);
}

static enum err pack(struct gateway_out *out, const struct cell_forward *request)
{
    Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
    Cell__Envelope__Request one = CELL__ENVELOPE__REQUEST__INIT, *slot = &one;

    one.id = 1;
    one.operation = request->operation;
    one.schema = request->schema;
    one.deadline_ms = cell_call_remaining_ms(out->call);
    one.route = (char *)request->route;
    one.body.data = (uint8_t *)request->body;
    one.body.len = request->size;
    one.idempotency_key.data = (uint8_t *)cell_call_key(out->call, &one.idempotency_key.len);
    one.trace.data = (uint8_t *)cell_call_trace(out->call, &one.trace.len);
    requests.version = CALL_ENVELOPE_VERSION;
    requests.requests = &slot;
    requests.n_requests = 1;
    out->size = cell__envelope__requests__get_packed_size(&requests);
    out->bytes = malloc(out->size);
    if (out->bytes == NULL) {
        return ERR_NOMEM;
    }
    (void)cell__envelope__requests__pack(&requests, out->bytes);
    return ERR_OK;
}

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
        cell_call_explain(call, "too many requests are on their way to other nodes");
        return ERR_LIMIT;
    }
    struct gateway_out *out = calloc(1, sizeof *out);
    if (out == NULL) {
        return ERR_NOMEM;
    }
    *out = (struct gateway_out){.shell = s, .call = call, .next = s->outs, .back = &s->outs,
                                .until_ms = cell_call_deadline_ms(call)};
    enum err e = pack(out, request);
    if (e != ERR_OK) {
        free(out);
        return e;
    }
    if (s->outs != NULL) {
        s->outs->back = &out->next;
    }
    s->outs = out;
    s->out_count++;
    cell_call_on_cancel(call, on_cancel, out);
    gateway_nodes_route(s, ref.node, out);
    return ERR_LATER;
}

void gateway_outbound_free(struct gateway_shell *s)
{
    while (s->outs != NULL) {
        struct gateway_out *out = s->outs;
        fail(out, ERR_CANCELLED, "the gateway stops");
        out->is_asked = false;
        let_go(out);
    }
}
