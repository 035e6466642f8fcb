/* Requests in: any number of doors (listeners), one thread; nng or our own loop carries the bytes.
 *
 * Whose request it is follows from the door it came through: every caller has a socket file of its
 * own that only it can see (its mount namespace holds no other), so the kernel vouches for the
 * caller without a word from it. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/run/cell_call.h"
#include "common/run/door_core.h"
#include "common/run/unpack.h"
#include "proto/envelope.pb-c.h"

/* ---- refusing a message ------------------------------------------------------------------------ */

/* Answer a message that cannot be taken apart: one reply with id 0. */
static void refuse_message(struct cell *cell, const struct door_message *message, enum err e,
                           const char *text)
{
    Cell__Envelope__Reply reply = CELL__ENVELOPE__REPLY__INIT;
    Cell__Envelope__Reply *slot = &reply;
    Cell__Envelope__Replies replies = CELL__ENVELOPE__REPLIES__INIT;

    cell->door->numbers.malformed++;
    log_warn("DOOR-REFUSED", "error=%s why=\"%s\" size=%zu", err_name(e), text, message->size);
    reply.status = err_to_wire(e);
    reply.message = (char *)text;
    reply.unread = true;
    replies.version = CALL_ENVELOPE_VERSION;
    replies.replies = &slot;
    replies.n_replies = 1;
    if (message->send != NULL) {
        message->send(cell, message->header, message->header_len, &replies);
    } else {
        cell->wire->send(cell, message->header, message->header_len, &replies);
    }
}

/* ---- calls and their batch --------------------------------------------------------------------- */

static size_t arena_room(const struct cell *cell)
{
    size_t room = (size_t)cell->birth.message_bytes * DOOR_ARENA_FACTOR;

    return room < DOOR_ARENA_MIN ? DOOR_ARENA_MIN : room;
}

static struct cell_call *call_new(struct cell *cell)
{
    struct door *door = cell->door;
    struct cell_call *call = door->spare;

    if (call != NULL) {
        door->spare = call->next;
    } else {
        call = calloc(1, sizeof *call);
        if (call == NULL) {
            return NULL;
        }
        arena_init(&call->arena, arena_room(cell));
    }
    call->next = door->live;
    call->back = &door->live;
    if (door->live != NULL) {
        door->live->back = &call->next;
    }
    door->live = call;
    door->live_count++;
    return call;
}

static void call_free(struct cell_call *call)
{
    struct door *door = call->cell->door;

    *call->back = call->next;
    if (call->next != NULL) {
        call->next->back = call->back;
    }
    door->live_count--;
    door->vital_count -= call->op->is_vital;
    door->expired_count -= call->is_expired;
    struct arena arena = call->arena;
    arena_reset(&arena);
    *call = (struct cell_call){.arena = arena, .next = door->spare};
    door->spare = call;
}

void door_batch_put(struct call_batch *batch)
{
    if (--batch->references > 0) {
        return;
    }
    struct door *door = batch->cell->door;
    arena_fini(&batch->envelope);
    if (door->spare_batches == DOOR_SPARES_MAX) {
        arena_fini(&batch->arena);
        free(batch);
        return;
    }
    arena_reset(&batch->arena);
    batch->next = door->spare_batch;
    door->spare_batch = batch;
    door->spare_batches++;
}

static void count_answer(struct cell *cell, struct host_op *op, enum err e, uint64_t arrived_us)
{
    struct door *door = cell->door;

    door->numbers.requests++;
    if (e != ERR_OK) {
        door->numbers.errors++;
    }
    if (op != NULL) {
        uint64_t took_us = loop_now_us() - arrived_us;
        op->count[e]++;
        if (op->duration_us == NULL && (op->duration_us = calloc(1, sizeof *op->duration_us)) != NULL) {
            hist_init(op->duration_us);
        }
        if (op->duration_us != NULL) { /* without memory it is counted without its time */
            hist_record(op->duration_us, took_us);
        }
        if (!op->is_inspect) {
            hist_record(&door->window, took_us);
        }
    }
}

static void batch_send(struct call_batch *batch, Cell__Envelope__Reply **slots, size_t count)
{
    Cell__Envelope__Replies replies = CELL__ENVELOPE__REPLIES__INIT;

    replies.version = CALL_ENVELOPE_VERSION;
    replies.replies = slots;
    replies.n_replies = count;
    batch->send(batch->cell, batch->header, batch->header_len, &replies);
}

/* A copy of an explanation; none when the answers are at their limit already. */
static const char *batch_text(struct call_batch *batch, const char *text)
{
    const char *copy = call_text_dup(&batch->arena, text);
    size_t size = strlen(copy);

    if (size > batch->room) {
        return "";
    }
    batch->room -= size;
    return copy;
}

/* Put one answer into its place and send all when it was the last. Strings and body are copied.
 * Returns what the caller is told: LIMIT or NOMEM when the answer does not fit. */
static enum err batch_answer(struct call_batch *batch, uint32_t index, enum err e, const char *text,
                             const char *hint, const struct call_body *body)
{
    Cell__Envelope__Reply *reply = &batch->replies[index];
    size_t size = body == NULL ? 0 : body->size;

    assert(reply->status == 0);
    if (size > batch->room) {
        e = ERR_LIMIT;
        text = "the answer is larger than limits.message allows";
        size = 0;
    }
    if (size > 0) {
        reply->body.data = arena_alloc(&batch->arena, size);
        if (reply->body.data == NULL) {
            e = ERR_NOMEM;
        } else if (body->message != NULL) {
            reply->body.len = protobuf_c_message_pack(body->message, reply->body.data);
            batch->room -= size;
        } else {
            memcpy(reply->body.data, body->packed, size);
            reply->body.len = size;
            batch->room -= size;
        }
    }
    reply->status = err_to_wire(e);
    reply->message = (char *)batch_text(batch, text);
    reply->hint = (char *)batch_text(batch, hint);
    assert(batch->waiting > 0);
    batch->waiting--;
    if (batch->is_apart && !batch->is_dispatching) {
        batch_send(batch, &batch->slots[index], 1);
    } else if (!batch->is_apart && batch->waiting == 0) {
        batch_send(batch, batch->slots, batch->count);
    }
    return e;
}

/* All requests of a message are handed out: send the answers that are there already, if they may
 * travel without the others. */
static void batch_dispatched(struct call_batch *batch)
{
    size_t ready = 0;

    batch->is_dispatching = false;
    if (!batch->is_apart) {
        return;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->replies[i].status != 0) {
            batch->slots[ready++] = &batch->replies[i];
        }
    }
    if (ready > 0) {
        batch_send(batch, batch->slots, ready);
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        batch->slots[i] = &batch->replies[i];
    }
}

/* Answer and count what the caller was told. */
static void conclude(struct cell_call *call, enum err e, const char *text, const char *hint,
                     const struct call_body *body)
{
    e = batch_answer(call->batch, call->index, e, text, hint, body);
    count_answer(call->cell, call->op, e, call->arrived_us);
}

void call_finish(struct cell_call *call, enum err e, const char *text, const char *hint,
                 const struct call_body *body)
{
    if (!call->is_expired) {
        conclude(call, e, text, hint, body);
    }
    if (call->in_handler) {
        call->is_answered = true; /* the dispatcher still looks at it */
        return;
    }
    door_batch_put(call->batch);
    call_free(call);
}

/* ---- deadlines of calls that are answered later ------------------------------------------------ */

void door_void(struct cell_call *call, enum err e, const char *text)
{
    assert(!call->is_expired && !call->in_handler);
    conclude(call, e, text, NULL, NULL);
    call->is_expired = true; /* freed when its handler answers after all */
    call->cell->door->expired_count++;
}

void door_on_deadline(void *context)
{
    struct cell *cell = context;
    struct door *door = cell->door;
    uint64_t now_ms = loop_now_ms();
    uint64_t next_ms = UINT64_MAX;

    for (struct cell_call *call = door->live; call != NULL; call = call->next) {
        if (call->is_expired) {
            continue;
        }
        if (call->deadline_ms <= now_ms) {
            door_void(call, ERR_TIMEOUT, "the handler did not answer before the deadline");
        } else if (call->deadline_ms < next_ms) {
            next_ms = call->deadline_ms;
        }
    }
    door->deadline_armed_ms = next_ms;
    if (next_ms != UINT64_MAX) {
        loop_timer_again(door->deadline_timer, next_ms - now_ms, 0);
    }
    call_tell_void(door);
}

static void arm_deadline(struct cell *cell, const struct cell_call *call)
{
    struct door *door = cell->door;

    if (call->deadline_ms < door->deadline_armed_ms) {
        uint64_t now_ms = loop_now_ms();
        door->deadline_armed_ms = call->deadline_ms;
        loop_timer_again(door->deadline_timer,
                         call->deadline_ms > now_ms ? call->deadline_ms - now_ms : 0, 0);
    }
}

/* ---- taking a message apart -------------------------------------------------------------------- */

static bool is_granted(const struct cell *cell, const struct door_caller *caller,
                       const struct host_op *op)
{
    if (caller->is_operator) {
        return true;
    }
    for (size_t i = 0; i < caller->granted_count; i++) {
        /* "greeter.*" is what greeter serves, not the right to shut it down. */
        if (op->is_inspect && caller->granted[i].operation[0] == '*') {
            continue;
        }
        if (name_op_covers(&caller->granted[i], cell->birth.name, op->name)) {
            return true;
        }
    }
    return false;
}

/* May this caller ask cells of other nodes? The route is a stranger's text: ERR_INVALID. */
static enum err judge_route(const struct door_caller *caller, const char *route, bool *ret_is_granted)
{
    struct name_ref ref;

    if (name_ref_parse(route, &ref) != ERR_OK || ref.node[0] == '\0') {
        return ERR_INVALID;
    }
    *ret_is_granted = caller->is_operator;
    for (size_t i = 0; i < caller->granted_count; i++) {
        *ret_is_granted |= name_op_reaches(&caller->granted[i], ref.cell, ref.node);
    }
    return ERR_OK;
}

/* Whether there is a place for one more. */
static bool has_place(const struct cell *cell, const struct host_op *op)
{
    const struct door *door = cell->door;

    if (op->is_vital) {
        return door->vital_count < DOOR_VITAL_MAX;
    }
    return door->live_count - door->vital_count < cell->birth.calls_waiting + (op->is_inspect ? DOOR_INSPECT_RESERVE : 0);
}

/* Why this request is not dispatched, or ERR_OK. */
static enum err judge(struct cell *cell, const struct door_peer *peer, const struct host_op *op,
                      const Cell__Envelope__Request *request, const char **ret_text)
{
    struct door *door = cell->door;
    struct door_caller *caller = &door->callers[peer->door];
    bool is_routed = request->route[0] != '\0', reaches = false;

    if (op == NULL) {
        *ret_text = is_routed ? "this cell passes nothing on to other nodes" : "this cell has no such operation";
        return ERR_UNIMPLEMENTED;
    }
    if (is_routed && judge_route(caller, request->route, &reaches) != ERR_OK) {
        *ret_text = "the route is no cell of another node";
        return ERR_INVALID;
    }
    if (!peer->is_allowed || !(is_routed ? reaches : is_granted(cell, caller, op))) {
        door->numbers.denied++;
        log_warn("DOOR-DENIED", "caller=%s/%s uid=%" PRIu32 " pid=%" PRId32 " operation=%s",
                 caller->space, caller->cell, peer->uid, peer->pid, op->name);
        *ret_text = "the caller's may_call does not list this operation";
        return ERR_DENIED;
    }
    if (!is_routed && request->schema != 0 && request->schema != op->fingerprint) {
        *ret_text = "the operation has other types here; generate the client again";
        return ERR_INCOMPATIBLE;
    }
    if (request->idempotency_key.len > CALL_KEY_MAX) {
        *ret_text = "an idempotency key has at most 32 bytes";
        return ERR_INVALID; /* without it a retry could run twice: not cut, not dropped */
    }
    if (cell->is_draining && !op->is_inspect && !op->is_vital) { /* those in flight may wait for a vital one */
        *ret_text = "draining";
        return ERR_UNAVAILABLE;
    }
    if (!has_place(cell, op)) {
        door->numbers.shed++;
        log_warn("DOOR-SHED", "calls_waiting=%" PRIu32 " operation=%s", door->live_count, op->name);
        *ret_text = "too many calls are waiting here (limits.calls_waiting)";
        return ERR_LIMIT;
    }
    return ERR_OK;
}

static void run_handler(struct cell_call *call, const void *message)
{
    struct cell *cell = call->cell;

    call->in_handler = true;
    enum err e = call->op->op->handle(cell->state, call, message);
    call->in_handler = false;
    if (call->is_answered) {
        door_batch_put(call->batch);
        call_free(call);
        return;
    }
    if (e == ERR_LATER) {
        arm_deadline(cell, call);
        return;
    }
    if (e == ERR_OK) {
        log_error("DOOR-SILENT", "operation=%s action=answered-INTERNAL", call->op->name);
        e = ERR_INTERNAL; /* a handler that claims success without an answer is a fault */
    }
    call_finish(call, e, call->text, NULL, NULL);
}

/* Whether what this caller says of others is believed: a gateway of this namespace, or of those that serve all. */
static bool is_gateway(const struct cell *cell, const struct door_caller *caller)
{
    return !caller->is_operator && strcmp(caller->cell, NAME_GATEWAY) == 0 &&
           (strcmp(caller->space, cell->birth.space) == 0 || strcmp(caller->space, NAME_SPACE_DEFAULT) == 0 ||
            strcmp(caller->space, NAME_SPACE_GLOBAL) == 0);
}

static void dispatch(struct call_batch *batch, uint32_t index, const struct door_peer *peer,
                     const Cell__Envelope__Request *request)
{
    struct cell *cell = batch->cell;
    struct host_op *op = request->route[0] != '\0' ? host_ops_forward(cell)
                                                   : host_ops_find(cell, request->operation);
    const char *text = NULL;
    uint64_t now_us = loop_now_us();

    batch->replies[index].id = request->id;
    enum err e = judge(cell, peer, op, request, &text);
    struct cell_call *call = e == ERR_OK ? call_new(cell) : NULL;
    if (e == ERR_OK && call == NULL) {
        e = ERR_NOMEM;
    }
    if (e != ERR_OK) {
        batch->replies[index].retry_after_ms = e == ERR_LIMIT ? DOOR_SHED_MS : 0;
        batch->replies[index].unread = true;
        e = batch_answer(batch, index, e, text, NULL, NULL);
        count_answer(cell, op, e, now_us);
        return;
    }
    struct door *door = cell->door;
    struct door_caller *caller = &door->callers[peer->door];
    caller->requests++;
    call->cell = cell;
    call->op = op;
    door->vital_count += op->is_vital;
    call->batch = batch;
    call->index = index;
    call->arrived_us = now_us;
    call->deadline_ms = now_us / 1000u + (request->deadline_ms == 0 ? HOST_DEADLINE_DEFAULT_MS
                                                                    : request->deadline_ms);
    bool is_passed_on = is_gateway(cell, caller);
    call->caller = (struct cell_caller){.space = caller->space, .cell = caller->cell,
                                        .pid = peer->pid, .uid = peer->uid,
                                        .is_operator = caller->is_operator,
                                        .from_node = is_passed_on ? request->from_node : "",
                                        .from_cell = is_passed_on ? request->from_cell : ""};
    call_take_context(call, request);
    batch->references++;
    batch->keeps_envelope |= is_passed_on || request->route[0] != '\0';
    if (request->route[0] != '\0') {
        const struct cell_forward forward = {.route = request->route, .operation = request->operation,
                                             .is_repeatable = request->repeatable,
                                             .is_urgent = request->urgent,
                                             .schema = request->schema, .body = request->body.data,
                                             .size = request->body.len};
        run_handler(call, &forward); /* the envelope holds it as long as the call lives */
        return;
    }
    ProtobufCAllocator allocator = call_allocator(&call->arena);
    ProtobufCMessage *message;
    char why[UNPACK_WHY_SIZE];
    e = unpack_message(op->op->request, &allocator, request->body.data, request->body.len, &message, why);
    if (e != ERR_OK) {
        cell->door->numbers.malformed++;
        call_finish(call, e, why, NULL, NULL);
        return;
    }
    run_handler(call, message);
}

static struct call_batch *batch_new(struct cell *cell, const struct door_message *message)
{
    struct door *door = cell->door;
    struct call_batch *batch = door->spare_batch;

    assert(message->header_len <= sizeof batch->header); /* a wire drops more than 8 hops */
    if (batch != NULL) {
        struct arena arena = batch->arena;
        door->spare_batch = batch->next;
        door->spare_batches--;
        *batch = (struct call_batch){.arena = arena};
    } else {
        batch = calloc(1, sizeof *batch);
        if (batch == NULL) {
            return NULL;
        }
        arena_init(&batch->arena, arena_room(cell));
    }
    batch->cell = cell;
    batch->references = 1;
    batch->room = cell->birth.message_bytes;
    batch->send = message->send != NULL ? message->send : cell->wire->send;
    batch->header_len = message->header_len;
    memcpy(batch->header, message->header, message->header_len);
    return batch;
}

static bool batch_alloc_replies(struct call_batch *batch, size_t count)
{
    batch->replies = arena_alloc(&batch->arena, count * sizeof *batch->replies);
    batch->slots = arena_alloc(&batch->arena, count * sizeof(Cell__Envelope__Reply *));
    if (batch->replies == NULL || batch->slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        batch->replies[i] = (Cell__Envelope__Reply)CELL__ENVELOPE__REPLY__INIT;
        batch->slots[i] = &batch->replies[i];
    }
    batch->count = batch->waiting = (uint32_t)count;
    /* A client reads SP_MESSAGE_MAX bytes and not one more. */
    size_t most = SP_MESSAGE_MAX - count * CALL_REPLY_OVERHEAD - CALL_REPLY_OVERHEAD;
    batch->room = batch->room > most ? most : batch->room;
    return true;
}

/* Parse and hand out, with the envelope in memory of `envelope`. */
static void take_with(struct cell *cell, const struct door_peer *peer, const struct door_message *message,
                      struct call_batch *batch, struct arena *envelope)
{
    Cell__Envelope__Requests *requests = NULL;
    const char *text = "out of memory";
    enum err e = call_open_envelope(envelope, message->body, message->size, cell->birth.message_bytes, &requests, &text);

    for (size_t i = 0; e == ERR_OK && i < requests->n_notes; i++) {
        call_take_note(batch, requests->notes[i]);
    }
    if (e == ERR_OK && requests->n_requests == 0) {
        return; /* notes alone are not answered */
    }
    if (e == ERR_OK && !batch_alloc_replies(batch, requests->n_requests)) {
        e = ERR_NOMEM;
        text = "out of memory";
    }
    if (e != ERR_OK) {
        refuse_message(cell, message, e, text);
        return;
    }
    batch->is_apart = requests->apart;
    batch->is_dispatching = true;
    for (size_t i = 0; i < requests->n_requests; i++) {
        dispatch(batch, (uint32_t)i, peer, requests->requests[i]);
    }
    batch_dispatched(batch);
}

/* Each call has its request in memory of its own: the envelope, with all of them once more, does not wait for the
 * slowest answer. */
void door_take(struct cell *cell, const struct door_peer *peer, const struct door_message *message)
{
    struct call_batch *batch = batch_new(cell, message);
    struct door *door = cell->door;
    struct arena envelope = door->envelope;

    if (batch == NULL) {
        refuse_message(cell, message, ERR_NOMEM, "out of memory");
        return;
    }
    door->envelope = (struct arena){0}; /* whoever comes back here meanwhile has another one */
    envelope.limit_bytes = arena_room(cell);
    take_with(cell, peer, message, batch, &envelope);
    if (batch->keeps_envelope) {
        batch->envelope = envelope;
    } else {
        arena_fini(&door->envelope);
        arena_reset(&envelope);
        door->envelope = envelope;
    }
    door_batch_put(batch);
}
