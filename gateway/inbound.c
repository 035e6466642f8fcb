/* Requests of other nodes for cells of this one. Whose they are, the certificate says. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/run/call.h"
#include "common/run/cell_ask.h"
#include "common/run/log.h"
#include "gateway/shell.h"

enum {
    IN_ARENA_FACTOR = 4, /* memory of a parsed envelope and its answers over its size */
};

/* One message of requests. */
struct gateway_in {
    struct gateway_in *next, **back; /* of all */
    struct gateway_shell *shell;
    struct nodelink_ticket ticket;
    char node[NODE_NAME_MAX + 1];
    struct arena arena; /* the requests, and the answers until they go */
    uint32_t count, left;
    Cell__Envelope__Reply *reply;
    Cell__Envelope__Reply **slot;
};

/* One request of it. */
struct one {
    struct gateway_in *in;
    uint32_t index;
};

static void in_free(struct gateway_in *in)
{
    *in->back = in->next;
    if (in->next != NULL) {
        in->next->back = in->back;
    }
    in->shell->in_count -= in->count;
    arena_fini(&in->arena);
    free(in);
}

static void send_replies(struct gateway_shell *s, const struct nodelink_ticket *ticket, Cell__Envelope__Reply **slot,
                         size_t count)
{
    Cell__Envelope__Replies replies = CELL__ENVELOPE__REPLIES__INIT;

    replies.version = CALL_ENVELOPE_VERSION;
    replies.replies = slot;
    replies.n_replies = count;
    size_t size = cell__envelope__replies__get_packed_size(&replies);
    AUTO_FREE uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        log_error("GATEWAY-NOMEM", "size=%zu action=unanswered", size);
        return; /* the other side's deadline ends it */
    }
    (void)cell__envelope__replies__pack(&replies, bytes);
    enum err e = nodelink_answer(s->links, ticket, bytes, size);
    if (e != ERR_OK) {
        log_debug("GATEWAY-UNANSWERED", "error=%s", err_name(e)); /* the link ended: its node knows */
    }
}

/* A message that cannot be taken apart. */
static void refuse(struct gateway_shell *s, const struct nodelink_ticket *ticket, enum err e, const char *text)
{
    Cell__Envelope__Reply reply = CELL__ENVELOPE__REPLY__INIT, *slot = &reply;

    cell_metric_add(s->metric_refused, 1);
    reply.status = err_to_wire(e);
    reply.message = (char *)text;
    reply.retry_after_ms = e == ERR_LIMIT ? GATEWAY_BUSY_MS : 0;
    send_replies(s, ticket, &slot, 1);
}

/* Put one answer into its place; the last one sends them all. `in` is gone then. */
static void answer(struct gateway_in *in, uint32_t index, const struct cell_packed_answer *a)
{
    Cell__Envelope__Reply *reply = &in->reply[index];

    reply->status = err_to_wire(a->e);
    reply->message = (char *)call_text_dup(&in->arena, a->text);
    reply->hint = (char *)call_text_dup(&in->arena, a->hint);
    reply->retry_after_ms = a->retry_after_ms;
    if (a->e == ERR_OK && a->size > 0) {
        reply->body.data = arena_alloc(&in->arena, a->size);
        if (reply->body.data == NULL) {
            reply->status = err_to_wire(ERR_LIMIT);
        } else {
            memcpy(reply->body.data, a->body, a->size);
            reply->body.len = a->size;
        }
    }
    if (--in->left == 0) {
        send_replies(in->shell, &in->ticket, in->slot, in->count);
        in_free(in);
    }
}

static void on_answer(void *context, const struct cell_packed_answer *a)
{
    const struct one *one = context;

    answer(one->in, one->index, a);
}

/* ---- who may what ------------------------------------------------------------------------------ */

/* Why this node does not get to its cell, or ERR_OK and its name here. One answer for what is not there and what
 * is not exported: names are not to be guessed. */
static enum err judge(const struct gateway_in *in, const Cell__Envelope__Request *r, char ret_target[NAME_REF_SIZE],
                      const char **ret_text)
{
    const struct gateway_shell *s = in->shell;
    struct name_ref ref;

    if (name_ref_parse(r->route, &ref) != ERR_OK || strcmp(ref.node, s->self.name) != 0) {
        *ret_text = "the route is no cell of this node"; /* nobody's requests are passed on to third nodes */
        return ERR_INVALID;
    }
    if (!gateway_exports_allow(&s->config->exports, &ref, cell_space(s->cell), in->node)) {
        *ret_text = "this node does not export such a cell to yours";
        return ERR_DENIED;
    }
    if (r->idempotency_key.len > CALL_KEY_MAX) {
        *ret_text = "an idempotency key has at most 32 bytes";
        return ERR_INVALID;
    }
    ref.node[0] = '\0';
    name_ref_format(&ref, ret_target);
    return ERR_OK;
}

static void dispatch(struct gateway_in *in, uint32_t index, const Cell__Envelope__Request *r)
{
    struct gateway_shell *s = in->shell;
    char target[NAME_REF_SIZE];
    const char *text = "";
    struct one *one = arena_alloc(&in->arena, sizeof *one);
    enum err e = one == NULL ? ERR_NOMEM : judge(in, r, target, &text);

    if (e == ERR_DENIED) {
        cell_metric_add(s->metric_denied, 1);
        log_warn("GATEWAY-DENIED", "node=%s route=%s operation=%" PRIu32, in->node, r->route, r->operation);
    }
    if (e == ERR_OK) {
        *one = (struct one){.in = in, .index = index};
        const struct cell_ask_packed packed = {
            .ask = {.target = target, .operation = r->operation, .deadline_ms = r->deadline_ms, .context = one},
            .body = r->body.data, .size = r->body.len, .schema = r->schema, .key = r->idempotency_key.data,
            .key_size = r->idempotency_key.len, .trace = r->trace.len == CALL_TRACE_LEN ? r->trace.data : NULL,
            .done = on_answer};
        e = cell_ask_packed(s->cell, &packed);
        text = "this node's gateway cannot ask just now";
    }
    if (e != ERR_OK) {
        answer(in, index, &(struct cell_packed_answer){.e = e, .text = text, .hint = ""});
    } else {
        cell_metric_add(s->metric_in, 1);
    }
}

/* ---- a message --------------------------------------------------------------------------------- */

static uint32_t count_of(const struct gateway_shell *s, const char *node)
{
    uint32_t count = 0;

    for (const struct gateway_in *in = s->ins; in != NULL; in = in->next) {
        count += strcmp(in->node, node) == 0 ? in->count : 0;
    }
    return count;
}

static bool make_replies(struct gateway_in *in, const Cell__Envelope__Requests *requests)
{
    in->reply = arena_alloc(&in->arena, requests->n_requests * sizeof *in->reply);
    in->slot = arena_alloc(&in->arena, requests->n_requests * sizeof *in->slot);
    if (in->reply == NULL || in->slot == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < requests->n_requests; i++) {
        in->reply[i] = (Cell__Envelope__Reply)CELL__ENVELOPE__REPLY__INIT;
        in->reply[i].id = requests->requests[i]->id;
        in->slot[i] = &in->reply[i];
    }
    in->count = in->left = (uint32_t)requests->n_requests;
    return true;
}

void gateway_inbound_question(void *context, const struct pki_who *from, const struct nodelink_ticket *ticket,
                              const uint8_t *body, size_t size)
{
    struct gateway_shell *s = context;
    Cell__Envelope__Requests *requests = NULL;
    const char *text = "out of memory";
    struct gateway_in *in = calloc(1, sizeof *in);

    if (in == NULL) {
        refuse(s, ticket, ERR_NOMEM, text);
        return;
    }
    *in = (struct gateway_in){.shell = s, .ticket = *ticket, .next = s->ins, .back = &s->ins};
    (void)snprintf(in->node, sizeof in->node, "%s", from->name);
    arena_init(&in->arena, IN_ARENA_FACTOR * (size + s->message_bytes));
    enum err e = call_open_envelope(&in->arena, body, size, s->message_bytes, &requests, &text);
    if (e == ERR_OK && requests->n_requests == 0) {
        e = ERR_MALFORMED;
        text = "an envelope holds 1 to 1024 requests";
    }
    if (e == ERR_OK && (s->in_count + requests->n_requests > GATEWAY_IN_MAX ||
                        count_of(s, in->node) + requests->n_requests > GATEWAY_IN_NODE_MAX)) {
        e = ERR_LIMIT;
        text = "too many requests of other nodes wait here";
    }
    if (e == ERR_OK && !make_replies(in, requests)) {
        e = ERR_NOMEM;
        text = "out of memory";
    }
    if (e != ERR_OK) {
        arena_fini(&in->arena);
        free(in);
        refuse(s, ticket, e, text);
        return;
    }
    if (s->ins != NULL) {
        s->ins->back = &in->next;
    }
    s->ins = in;
    s->in_count += in->count;
    in->left++; /* so that it outlives its dispatching */
    for (uint32_t i = 0, count = in->count; i < count; i++) {
        dispatch(in, i, requests->requests[i]);
    }
    if (--in->left == 0) {
        send_replies(s, &in->ticket, in->slot, in->count);
        in_free(in);
    }
}

void gateway_inbound_free(struct gateway_shell *s)
{
    while (s->ins != NULL) {
        in_free(s->ins); /* what was asked has ended before: nobody points here */
    }
}
