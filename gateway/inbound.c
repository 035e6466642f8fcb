/* Requests of other nodes for cells of this one. Whose they are, the certificate says. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/bytes.h"
#include "common/run/call.h"
#include "common/run/cell_ask.h"
#include "common/run/log.h"
#include "gateway/shell.h"

enum {
    IN_ARENA_FACTOR = 4, /* memory of a parsed envelope and its answers over its size */
};

/* One request of a message. */
struct one {
    struct gateway_in *in;
    uint32_t index;
    uint64_t asked;   /* names it to the runtime */
    bool is_open;     /* it has not ended        */
};

/* One message of requests. */
struct gateway_in {
    struct gateway_in *next, **back; /* of all */
    struct gateway_shell *shell;
    struct nodelink_ticket ticket;
    char node[NODE_NAME_MAX + 1];
    struct arena arena; /* the requests, and the answers until they go */
    bool is_apart;      /* each answer goes as soon as it is there */
    bool is_dispatching; /* … but what is answered at once goes together */
    uint32_t count, left;
    struct one *one;
    Cell__Envelope__Reply *reply;
    Cell__Envelope__Reply **slot;
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

/* is_last: the message is answered with it. */
static enum err send_replies(struct gateway_shell *s, const struct nodelink_ticket *ticket, Cell__Envelope__Reply **slot,
                             size_t count, bool is_last)
{
    Cell__Envelope__Replies replies = CELL__ENVELOPE__REPLIES__INIT;

    replies.version = CALL_ENVELOPE_VERSION;
    replies.replies = slot;
    replies.n_replies = count;
    size_t size = cell__envelope__replies__get_packed_size(&replies);
    AUTO_FREE uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        log_error("GATEWAY-NOMEM", "size=%zu action=unanswered", size);
        return ERR_NOMEM; /* the other side's deadline ends it */
    }
    (void)cell__envelope__replies__pack(&replies, bytes);
    enum err e = (is_last ? nodelink_answer : nodelink_answer_part)(s->links, ticket, bytes, size);
    if (e != ERR_OK) {
        log_debug("GATEWAY-UNANSWERED", "error=%s", err_name(e)); /* the link ended: its node knows; or it is slow */
    }
    return e;
}

/* A message that cannot be taken apart, or is one too many. */
static void refuse(struct gateway_shell *s, const struct nodelink_ticket *ticket, enum err e, const char *text)
{
    Cell__Envelope__Reply reply = CELL__ENVELOPE__REPLY__INIT, *slot = &reply;

    cell_metric_add(s->metric_refused, 1);
    reply.status = err_to_wire(e);
    reply.message = (char *)text;
    reply.retry_after_ms = e == ERR_LIMIT ? GATEWAY_BUSY_MS : 0;
    reply.unread = true;
    (void)send_replies(s, ticket, &slot, 1, true);
}

/* Put one answer into its place. The last one of a message, or each if it may, goes; `in` is gone after the last. */
static void answer(struct gateway_in *in, uint32_t index, const struct cell_packed_answer *a)
{
    Cell__Envelope__Reply *reply = &in->reply[index];

    in->one[index].is_open = false;
    reply->status = err_to_wire(a->e);
    reply->message = (char *)call_text_dup(&in->arena, a->text);
    reply->hint = (char *)call_text_dup(&in->arena, a->hint);
    reply->retry_after_ms = a->retry_after_ms;
    reply->unread = a->is_unread;
    if (a->e == ERR_OK && a->size > 0) {
        reply->body.data = arena_alloc(&in->arena, a->size);
        if (reply->body.data == NULL) {
            reply->status = err_to_wire(ERR_LIMIT);
        } else {
            memcpy(reply->body.data, a->body, a->size);
            reply->body.len = a->size;
        }
    }
    bool is_last = --in->left == 0;
    if (in->is_dispatching) {
        return;
    }
    if (in->is_apart) {
        (void)send_replies(in->shell, &in->ticket, &in->slot[index], 1, is_last);
    } else if (is_last) {
        (void)send_replies(in->shell, &in->ticket, in->slot, in->count, true);
    }
    if (is_last) {
        in_free(in);
    }
}

static void on_answer(void *context, const struct cell_packed_answer *a)
{
    const struct one *one = context;

    answer(one->in, one->index, a);
}

/* A part goes over the link as it came; one that the link has no room for ends its request: nobody else's answers wait
 * behind it. */
static void on_part(void *context, const uint8_t *body, size_t size)
{
    const struct one *one = context;
    struct gateway_in *in = one->in;
    Cell__Envelope__Reply reply = CELL__ENVELOPE__REPLY__INIT, *slot = &reply;

    reply.id = in->reply[one->index].id;
    reply.status = err_to_wire(ERR_OK);
    reply.more = true;
    reply.body.data = (uint8_t *)body;
    reply.body.len = size;
    enum err e = send_replies(in->shell, &in->ticket, &slot, 1, false);
    if (e != ERR_OK && cell_ask_cancel(in->shell->cell, one->asked) == ERR_OK) {
        log_warn("GATEWAY-PARTS", "node=%s error=%s action=cancelled", in->node, err_name(e));
    }
}

/* ---- who may what ------------------------------------------------------------------------------ */

/* "namespace/cell", and nothing shorter or longer. */
static bool is_cell(const char *text)
{
    struct name_ref ref;

    return name_ref_parse(text, &ref) == ERR_OK && ref.space[0] != '\0' && ref.instance < 0 && ref.node[0] == '\0';
}

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
    if (r->from_cell[0] != '\0' && !is_cell(r->from_cell)) {
        *ret_text = "whose request it is says no cell";
        return ERR_INVALID;
    }
    if (!gateway_exports_allow(&s->config->exports, &ref, cell_space(s->cell), in->node, r->from_cell)) {
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

static enum err ask(struct one *one, const char *target, const Cell__Envelope__Request *r)
{
    bool takes_parts = one->in->is_apart && r->credit > 0 && r->credit <= INT32_MAX;
    const struct cell_ask_packed packed = {
        .ask = {.target = target, .operation = r->operation, .deadline_ms = r->deadline_ms, .context = one,
                .is_idempotent = r->repeatable, .is_urgent = r->urgent, .credit = takes_parts ? r->credit : 0, .holds_credit = true,
                .ret_id = &one->asked},
        .body = r->body.data, .size = r->body.len, .schema = r->schema, .key = r->idempotency_key.data,
        .key_size = r->idempotency_key.len, .from_cell = r->from_cell, .from_node = one->in->node, .trace = r->trace.len == CALL_TRACE_LEN ? r->trace.data : NULL,
        .done = on_answer, .part = takes_parts ? on_part : NULL};

    return cell_ask_packed(one->in->shell->cell, &packed);
}

static void dispatch(struct gateway_in *in, uint32_t index, const Cell__Envelope__Request *r)
{
    struct gateway_shell *s = in->shell;
    char target[NAME_REF_SIZE];
    const char *text = "";
    enum err e = judge(in, r, target, &text);

    if (e == ERR_DENIED) {
        cell_metric_add(s->metric_denied, 1);
        log_warn("GATEWAY-DENIED", "node=%s route=%s operation=%" PRIu32, in->node, r->route, r->operation);
    }
    in->one[index] = (struct one){.in = in, .index = index, .is_open = true};
    if (e == ERR_OK) {
        e = ask(&in->one[index], target, r);
        text = "this node's gateway cannot ask just now";
    }
    if (e != ERR_OK) {
        answer(in, index, &(struct cell_packed_answer){.e = e, .text = text, .hint = "", .is_unread = true});
    } else {
        cell_metric_add(s->metric_in, 1);
    }
}

/* ---- words about earlier requests -------------------------------------------------------------- */

/* The request of the same link that a note means; NULL: it has ended. */
static struct one *find(const struct gateway_shell *s, const struct nodelink_ticket *from, const Cell__Envelope__Note *note)
{
    size_t route = from->trace_len - SP_WIRE_ID_LEN; /* all but the message's own number */

    for (struct gateway_in *in = s->ins; in != NULL; in = in->next) {
        const struct nodelink_ticket *t = &in->ticket;
        if (t->link != from->link || t->trace_len != from->trace_len || memcmp(t->trace, from->trace, route) != 0 ||
            (bytes_get_be32(t->trace + route) & INT32_MAX) != note->message) {
            continue;
        }
        for (uint32_t i = 0; i < in->count; i++) {
            if (in->one[i].is_open && in->reply[i].id == note->id) {
                return &in->one[i];
            }
        }
    }
    return NULL;
}

static void take_note(struct gateway_shell *s, const struct nodelink_ticket *from, const Cell__Envelope__Note *note)
{
    const struct one *one = find(s, from, note);
    enum err e = ERR_OK;

    if (one == NULL) {
        return; /* answered in the meantime */
    }
    if (note->what_case == CELL__ENVELOPE__NOTE__WHAT_CANCEL) {
        e = cell_ask_cancel(s->cell, one->asked);
    } else if (note->what_case == CELL__ENVELOPE__NOTE__WHAT_CREDIT && note->credit > 0 && note->credit <= INT32_MAX) {
        e = cell_ask_credit(s->cell, one->asked, note->credit);
    }
    if (e != ERR_OK) {
        log_debug("GATEWAY-NOTE", "error=%s action=dropped", err_name(e)); /* it is over, or takes no parts */
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
    in->one = arena_alloc(&in->arena, requests->n_requests * sizeof *in->one);
    in->reply = arena_alloc(&in->arena, requests->n_requests * sizeof *in->reply);
    in->slot = arena_alloc(&in->arena, requests->n_requests * sizeof *in->slot);
    if (in->one == NULL || in->reply == NULL || in->slot == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < requests->n_requests; i++) {
        in->one[i] = (struct one){.in = in, .index = i};
        in->reply[i] = (Cell__Envelope__Reply)CELL__ENVELOPE__REPLY__INIT;
        in->reply[i].id = requests->requests[i]->id;
        in->slot[i] = &in->reply[i];
    }
    in->is_apart = requests->apart;
    in->count = in->left = (uint32_t)requests->n_requests;
    return true;
}

/* Take a message apart; ERR_OK: its requests are to be carried out, or it holds notes alone. */
static enum err open_message(struct gateway_in *in, const uint8_t *body, size_t size,
                             Cell__Envelope__Requests **ret, const char **ret_text)
{
    struct gateway_shell *s = in->shell;
    enum err e = call_open_envelope(&in->arena, body, size, s->message_bytes, ret, ret_text);

    if (e != ERR_OK) {
        return e;
    }
    for (size_t i = 0; i < (*ret)->n_notes; i++) {
        take_note(s, &in->ticket, (*ret)->notes[i]);
    }
    if (s->in_count + (*ret)->n_requests > GATEWAY_IN_MAX ||
        count_of(s, in->node) + (*ret)->n_requests > GATEWAY_IN_NODE_MAX) {
        *ret_text = "too many requests of other nodes wait here";
        return ERR_LIMIT;
    }
    *ret_text = "out of memory";
    return (*ret)->n_requests == 0 || make_replies(in, *ret) ? ERR_OK : ERR_NOMEM;
}

/* Those that were refused at once need not wait for the others. */
static void send_ready(struct gateway_in *in)
{
    Cell__Envelope__Reply **ready = arena_alloc(&in->arena, in->count * sizeof *ready);
    size_t count = 0;

    for (uint32_t i = 0; ready != NULL && i < in->count; i++) {
        if (!in->one[i].is_open) {
            ready[count++] = &in->reply[i];
        }
    }
    if (count > 0) {
        (void)send_replies(in->shell, &in->ticket, ready, count, false);
    }
}

static void carry_out(struct gateway_in *in, const Cell__Envelope__Requests *requests)
{
    struct gateway_shell *s = in->shell;

    in->next = s->ins;
    in->back = &s->ins;
    if (s->ins != NULL) {
        s->ins->back = &in->next;
    }
    s->ins = in;
    s->in_count += in->count;
    in->is_dispatching = true;
    for (uint32_t i = 0; i < in->count; i++) {
        dispatch(in, i, requests->requests[i]);
    }
    in->is_dispatching = false;
    if (in->left == 0) {
        (void)send_replies(s, &in->ticket, in->slot, in->count, true);
        in_free(in);
    } else if (in->is_apart && in->left < in->count) {
        send_ready(in);
    }
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
    *in = (struct gateway_in){.shell = s, .ticket = *ticket};
    (void)snprintf(in->node, sizeof in->node, "%s", from->name);
    arena_init(&in->arena, IN_ARENA_FACTOR * (size + s->message_bytes));
    enum err e = open_message(in, body, size, &requests, &text);
    if (e == ERR_OK && requests->n_requests > 0) {
        carry_out(in, requests);
        return;
    }
    if (e == ERR_OK) {
        nodelink_unasked(s->links, ticket); /* notes alone are not answered */
    } else {
        refuse(s, ticket, e, text);
    }
    arena_fini(&in->arena); /* the text was in it */
    free(in);
}

void gateway_inbound_free(struct gateway_shell *s)
{
    while (s->ins != NULL) {
        in_free(s->ins); /* what was asked has ended before: nobody points here */
    }
}
