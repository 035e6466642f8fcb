/* Requests in: one raw rep0 socket, any number of doors (listeners), one thread.
 *
 * Whose request it is follows from the door it came through: every caller has a socket file of its
 * own that only it can see (its mount namespace holds no other), so the kernel vouches for the
 * caller without a word from it. */
#include <assert.h>
#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/bytes.h"
#include "common/run/call.h"
#include "common/run/host.h"
#include "proto/envelope.pb-c.h"

enum {
    DOOR_MAX = 256,               /* callers of one cell, the operator included               */
    DOOR_CONNECTIONS_MAX = 1024,  /* at once; each costs nng about 10 KiB                     */
    DOOR_PEERS = 256,             /* remembered credentials, direct-mapped by pipe            */
    DOOR_PER_TURN = 64,           /* messages taken before timers and others get their turn   */
    DOOR_UNSENT_MAX = 4096,       /* answers waiting for a full socket                        */
    DOOR_SEND_BUFFER = 1024,      /* messages nng holds for us                                */
    DOOR_INSPECT_RESERVE = 16,    /* calls that only inspection may use when a cell is full   */
    DOOR_ARENA_FACTOR = 16,       /* memory of a parsed request over its size on the wire     */
    DOOR_ARENA_MIN = 1 << 20,
};

struct door_caller {
    int listener_id;
    char space[NAME_SIZE];
    char cell[NAME_SIZE];
    char path[HOST_PATH_SIZE];
    bool is_operator;
    struct name_op *granted;
    size_t granted_count;
    uint64_t requests;
};

struct door_peer {
    uint32_t pipe;
    uint32_t uid;
    int32_t pid;
    int door;
    bool is_allowed;
};

struct unsent {
    struct unsent *next;
    nng_msg *message;
};

struct door {
    nng_socket socket;
    struct loop_watch *watch;
    struct loop_watch *send_watch;
    struct loop_timer *deadline_timer;
    uint64_t deadline_armed_ms;
    struct door_caller callers[DOOR_MAX];
    size_t caller_count;
    struct door_peer peers[DOOR_PEERS];
    struct cell_call *live;      /* list of calls that wait for their answer */
    struct cell_call *spare;     /* freed ones, with their arena             */
    uint32_t live_count;
    struct unsent *unsent_first;
    struct unsent *unsent_last;
    size_t unsent_count;
    struct hist window;
    struct door_numbers numbers;
    atomic_uint connections;
    atomic_ullong refused;
};

/* ---- sending answers --------------------------------------------------------------------------- */

static void on_sendable(void *context, unsigned bits)
{
    struct cell *cell = context;
    struct door *door = cell->door;

    (void)bits;
    while (door->unsent_first != NULL) {
        struct unsent *u = door->unsent_first;
        if (nng_sendmsg(door->socket, u->message, NNG_FLAG_NONBLOCK) != 0) {
            return;
        }
        door->unsent_first = u->next;
        door->unsent_count--;
        free(u);
    }
    loop_watch_free(door->send_watch);
    door->send_watch = NULL;
}

static void keep_unsent(struct cell *cell, nng_msg *message)
{
    struct door *door = cell->door;
    struct unsent *u = door->unsent_count < DOOR_UNSENT_MAX ? calloc(1, sizeof *u) : NULL;

    if (u == NULL) {
        door->numbers.dropped++;
        log_warn("DOOR-DROPPED", "answers_waiting=%zu action=dropped", door->unsent_count);
        nng_msg_free(message);
        return;
    }
    u->message = message;
    if (door->unsent_first == NULL) {
        door->unsent_first = u;
    } else {
        door->unsent_last->next = u;
    }
    door->unsent_last = u;
    door->unsent_count++;
    int fd;
    if (door->send_watch == NULL && nng_socket_get_int(door->socket, NNG_OPT_SENDFD, &fd) == 0) {
        door->send_watch = loop_watch_new(cell->loop, fd, LOOP_READ, on_sendable, cell);
    }
}

static void send_replies(struct cell *cell, const uint8_t *header, size_t header_len,
                         const Cell__Envelope__Replies *replies)
{
    struct door *door = cell->door;
    size_t size = cell__envelope__replies__get_packed_size(replies);
    nng_msg *message = NULL;

    if (nng_msg_alloc(&message, size) != 0 ||
        nng_msg_header_append(message, header, header_len) != 0) {
        nng_msg_free(message);
        door->numbers.dropped++;
        log_error("DOOR-NOMEM", "size=%zu action=dropped", size);
        return;
    }
    (void)cell__envelope__replies__pack(replies, nng_msg_body(message));
    if (door->unsent_first != NULL ||
        nng_sendmsg(door->socket, message, NNG_FLAG_NONBLOCK) != 0) {
        keep_unsent(cell, message); /* after those that wait already */
    }
}

/* Answer a message that cannot be taken apart: one reply with id 0. */
static void refuse_message(struct cell *cell, nng_msg *message, enum err e, const char *text)
{
    Cell__Envelope__Reply reply = CELL__ENVELOPE__REPLY__INIT;
    Cell__Envelope__Reply *slot = &reply;
    Cell__Envelope__Replies replies = CELL__ENVELOPE__REPLIES__INIT;

    cell->door->numbers.malformed++;
    log_warn("DOOR-REFUSED", "error=%s why=\"%s\" size=%zu", err_name(e), text,
             nng_msg_len(message));
    reply.status = err_to_wire(e);
    reply.message = (char *)text;
    replies.version = CALL_ENVELOPE_VERSION;
    replies.replies = &slot;
    replies.n_replies = 1;
    send_replies(cell, nng_msg_header(message), nng_msg_header_len(message), &replies);
}

/* ---- calls and their batch --------------------------------------------------------------------- */

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
        size_t room = (size_t)cell->birth.message_bytes * DOOR_ARENA_FACTOR;
        arena_init(&call->arena, room < DOOR_ARENA_MIN ? DOOR_ARENA_MIN : room);
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
    struct arena arena = call->arena;
    arena_reset(&arena);
    *call = (struct cell_call){.arena = arena, .next = door->spare};
    door->spare = call;
}

static void batch_put(struct call_batch *batch)
{
    if (--batch->references == 0) {
        arena_fini(&batch->arena);
        free(batch);
    }
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
        hist_record(&op->duration_us, took_us);
        if (!op->is_inspect) {
            hist_record(&door->window, took_us);
        }
    }
}

/* Put one answer into its place and send all when it was the last. Strings and body are copied. */
static void batch_answer(struct call_batch *batch, uint32_t index, enum err e, const char *text,
                         const char *hint, const struct ProtobufCMessage *body)
{
    Cell__Envelope__Reply *reply = &batch->replies[index];
    size_t size = body == NULL ? 0 : protobuf_c_message_get_packed_size(body);

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
        } else {
            reply->body.len = protobuf_c_message_pack(body, reply->body.data);
            batch->room -= size;
        }
    }
    reply->status = err_to_wire(e);
    reply->message = (char *)call_text_dup(&batch->arena, text);
    reply->hint = (char *)call_text_dup(&batch->arena, hint);
    assert(batch->waiting > 0);
    if (--batch->waiting > 0) {
        return;
    }
    Cell__Envelope__Replies replies = CELL__ENVELOPE__REPLIES__INIT;
    replies.version = CALL_ENVELOPE_VERSION;
    replies.n_replies = batch->count;
    replies.replies = batch->slots;
    send_replies(batch->cell, batch->header, batch->header_len, &replies);
}

void call_finish(struct cell_call *call, enum err e, const char *text, const char *hint,
                 const struct ProtobufCMessage *body)
{
    if (!call->is_expired) {
        count_answer(call->cell, call->op, e, call->arrived_us);
        batch_answer(call->batch, call->index, e, text, hint, body);
    }
    if (call->in_handler) {
        call->is_answered = true; /* the dispatcher still looks at it */
        return;
    }
    batch_put(call->batch);
    call_free(call);
}

/* ---- deadlines of calls that are answered later ------------------------------------------------ */

static void on_deadline(void *context)
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
            count_answer(cell, call->op, ERR_TIMEOUT, call->arrived_us);
            batch_answer(call->batch, call->index, ERR_TIMEOUT,
                         "the handler did not answer before the deadline", NULL, NULL);
            call->is_expired = true; /* freed when its handler answers after all */
        } else if (call->deadline_ms < next_ms) {
            next_ms = call->deadline_ms;
        }
    }
    door->deadline_armed_ms = next_ms;
    if (next_ms != UINT64_MAX) {
        loop_timer_again(door->deadline_timer, next_ms - now_ms, 0);
    }
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
        if (name_op_covers(&caller->granted[i], cell->birth.name, op->name)) {
            return true;
        }
    }
    return false;
}

/* Why this request is not dispatched, or ERR_OK. */
static enum err judge(struct cell *cell, const struct door_peer *peer, const struct host_op *op,
                      const Cell__Envelope__Request *request, const char **ret_text)
{
    struct door *door = cell->door;
    struct door_caller *caller = &door->callers[peer->door];

    if (op == NULL) {
        *ret_text = "this cell has no such operation";
        return ERR_UNIMPLEMENTED;
    }
    if (!peer->is_allowed || !is_granted(cell, caller, op)) {
        door->numbers.denied++;
        log_warn("DOOR-DENIED", "caller=%s/%s uid=%" PRIu32 " pid=%" PRId32 " operation=%s",
                 caller->space, caller->cell, peer->uid, peer->pid, op->name);
        *ret_text = "the caller's may_call does not list this operation";
        return ERR_DENIED;
    }
    if (request->schema != 0 && request->schema != op->fingerprint) {
        *ret_text = "the operation has other types here; generate the client again";
        return ERR_INCOMPATIBLE;
    }
    if (cell->is_draining && !op->is_inspect) {
        *ret_text = "draining";
        return ERR_UNAVAILABLE;
    }
    uint32_t most = cell->birth.calls_waiting + (op->is_inspect ? DOOR_INSPECT_RESERVE : 0);
    if (door->live_count >= most) {
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
        batch_put(call->batch);
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

static void dispatch(struct call_batch *batch, uint32_t index, const struct door_peer *peer,
                     const Cell__Envelope__Request *request)
{
    struct cell *cell = batch->cell;
    struct host_op *op = host_ops_find(cell, request->operation);
    const char *text = NULL;
    uint64_t now_us = loop_now_us();

    batch->replies[index].id = request->id;
    enum err e = judge(cell, peer, op, request, &text);
    struct cell_call *call = e == ERR_OK ? call_new(cell) : NULL;
    if (e == ERR_OK && call == NULL) {
        e = ERR_NOMEM;
    }
    if (e != ERR_OK) {
        count_answer(cell, op, e, now_us);
        batch_answer(batch, index, e, text, NULL, NULL);
        return;
    }
    struct door_caller *caller = &cell->door->callers[peer->door];
    caller->requests++;
    call->cell = cell;
    call->op = op;
    call->batch = batch;
    call->index = index;
    call->arrived_us = now_us;
    call->deadline_ms = now_us / 1000u + (request->deadline_ms == 0 ? HOST_DEADLINE_DEFAULT_MS
                                                                    : request->deadline_ms);
    call->caller = (struct cell_caller){.space = caller->space, .cell = caller->cell,
                                        .pid = peer->pid, .uid = peer->uid,
                                        .is_operator = caller->is_operator};
    call_take_context(call, request);
    batch->references++;

    ProtobufCAllocator allocator = call_allocator(&call->arena);
    ProtobufCMessage *message = protobuf_c_message_unpack(op->op->request, &allocator,
                                                          request->body.len, request->body.data);
    if (message == NULL) {
        cell->door->numbers.malformed++;
        call_finish(call, ERR_MALFORMED, "the body does not parse as the operation's request", NULL,
                    NULL);
        return;
    }
    run_handler(call, message);
}

static struct call_batch *batch_new(struct cell *cell, nng_msg *message)
{
    struct call_batch *batch = calloc(1, sizeof *batch);
    size_t header_len = nng_msg_header_len(message);

    if (batch == NULL) {
        return NULL;
    }
    if (header_len > sizeof batch->header) { /* nng drops more than 8 hops itself */
        free(batch);
        return NULL;
    }
    size_t room = (size_t)cell->birth.message_bytes * DOOR_ARENA_FACTOR;
    arena_init(&batch->arena, room < DOOR_ARENA_MIN ? DOOR_ARENA_MIN : room);
    batch->cell = cell;
    batch->references = 1;
    batch->room = cell->birth.message_bytes;
    batch->header_len = header_len;
    memcpy(batch->header, nng_msg_header(message), header_len);
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
    return true;
}

static void take_message(struct cell *cell, const struct door_peer *peer, nng_msg *message)
{
    if (nng_msg_len(message) > cell->birth.message_bytes) {
        refuse_message(cell, message, ERR_LIMIT, "the message is larger than limits.message");
        return;
    }
    struct call_batch *batch = batch_new(cell, message);
    if (batch == NULL) {
        refuse_message(cell, message, ERR_NOMEM, "out of memory");
        return;
    }
    ProtobufCAllocator allocator = call_allocator(&batch->arena);
    Cell__Envelope__Requests *requests = cell__envelope__requests__unpack(
        &allocator, nng_msg_len(message), nng_msg_body(message));
    if (requests == NULL) {
        refuse_message(cell, message, ERR_MALFORMED, "not an envelope");
    } else if (requests->version != CALL_ENVELOPE_VERSION) {
        refuse_message(cell, message, ERR_INCOMPATIBLE, "envelope version 1 is spoken here");
    } else if (requests->n_requests == 0 || requests->n_requests > HOST_BATCH_MAX) {
        refuse_message(cell, message, ERR_MALFORMED, "an envelope holds 1 to 1024 requests");
    } else if (!batch_alloc_replies(batch, requests->n_requests)) {
        refuse_message(cell, message, ERR_NOMEM, "out of memory");
    } else {
        for (size_t i = 0; i < requests->n_requests; i++) {
            dispatch(batch, (uint32_t)i, peer, requests->requests[i]);
        }
    }
    batch_put(batch);
}

/* Credentials of a connection, asked from the kernel once and remembered by pipe. */
static const struct door_peer *look_up_peer(struct door *door, nng_pipe pipe)
{
    uint32_t id = (uint32_t)nng_pipe_id(pipe);
    struct door_peer *peer = &door->peers[id % DOOR_PEERS];

    if (peer->pipe == id) {
        return peer;
    }
    uint64_t uid = UINT64_MAX;
    uint64_t pid = 0;
    int listener = nng_listener_id(nng_pipe_listener(pipe));
    *peer = (struct door_peer){.door = -1};
    for (size_t i = 0; i < door->caller_count; i++) {
        if (door->callers[i].listener_id == listener) {
            peer->door = (int)i;
        }
    }
    if (peer->door < 0 || nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) != 0) {
        return NULL; /* the connection is gone already */
    }
    (void)nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid); /* 0 when not visible from here */
    peer->pipe = id;
    peer->uid = (uint32_t)uid;
    peer->pid = (int32_t)pid;
    /* The socket's mode 0600 already keeps others out; root appears under its own number outside
     * and as the overflow id inside a user namespace that does not map it. */
    peer->is_allowed = peer->uid == geteuid() || peer->uid == 0 || peer->uid == CALL_OVERFLOW_UID;
    return peer;
}

static void on_readable(void *context, unsigned bits)
{
    struct cell *cell = context;
    struct door *door = cell->door;

    (void)bits;
    for (int turn = 0; turn < DOOR_PER_TURN; turn++) {
        nng_msg *message;
        if (nng_recvmsg(door->socket, &message, NNG_FLAG_NONBLOCK) != 0) {
            return;
        }
        const struct door_peer *peer = look_up_peer(door, nng_msg_get_pipe(message));
        if (peer != NULL) {
            take_message(cell, peer, message);
        }
        nng_msg_free(message);
    }
}

/* ---- opening and closing ----------------------------------------------------------------------- */

/* Runs on a thread of nng: touches nothing but the two counters. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct door *door = context;

    if (event == NNG_PIPE_EV_REM_POST) {
        atomic_fetch_sub(&door->connections, 1);
    } else if (atomic_fetch_add(&door->connections, 1) >= DOOR_CONNECTIONS_MAX) {
        atomic_fetch_add(&door->refused, 1);
        (void)nng_pipe_close(pipe);
    }
}

enum err door_open(struct cell *cell)
{
    struct door *door = calloc(1, sizeof *door);

    if (door == NULL) {
        return ERR_NOMEM;
    }
    hist_init(&door->window);
    door->deadline_armed_ms = UINT64_MAX;
    cell->door = door;
    if (nng_rep0_open_raw(&door->socket) != 0) {
        return ERR_IO;
    }
    (void)nng_pipe_notify(door->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, door);
    (void)nng_pipe_notify(door->socket, NNG_PIPE_EV_REM_POST, on_pipe, door);
    if (nng_socket_set_int(door->socket, NNG_OPT_SENDBUF, DOOR_SEND_BUFFER) != 0) {
        return ERR_IO;
    }
    return ERR_OK;
}

static enum err grant(struct door_caller *caller, char *const *operations, size_t count)
{
    AUTO_FREE struct name_op *granted = calloc(count + 1, sizeof *granted);

    if (granted == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        enum err e = name_op_parse(operations[i], &granted[i]);
        if (e != ERR_OK) {
            return e;
        }
    }
    free(caller->granted);
    caller->granted = take_ptr(&granted);
    caller->granted_count = count;
    return ERR_OK;
}

/* Listen at `path` with mode 0600 from the first instant on. */
static enum err listen_at(struct cell *cell, const char *path, int *ret_id)
{
    char url[HOST_PATH_SIZE + 8];
    nng_listener listener;

    if (strlen(path) > SP_PATH_MAX) {
        log_error("DOOR-PATH", "path=%s limit=%d", path, SP_PATH_MAX);
        return ERR_LIMIT;
    }
    (void)snprintf(url, sizeof url, "ipc://%s", path);
    if (nng_listener_create(&listener, cell->door->socket, url) != 0) {
        return ERR_NOMEM;
    }
    /* Twice the limit: what is a little too large gets an answer that says so, what is far too
     * large costs no memory. nng's own default is unlimited. */
    (void)nng_listener_set_size(listener, NNG_OPT_RECVMAXSZ,
                                (size_t)cell->birth.message_bytes * 2 + 4096);
    (void)nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, S_IRUSR | S_IWUSR);
    mode_t before = umask(S_IRWXG | S_IRWXO | S_IXUSR);
    int failed = nng_listener_start(listener, 0);
    (void)umask(before);
    if (failed != 0) {
        log_error("DOOR-LISTEN", "path=%s why=\"%s\"", path, nng_strerror(failed));
        (void)nng_listener_close(listener);
        return failed == NNG_EADDRINUSE ? ERR_EXISTS : ERR_IO;
    }
    *ret_id = nng_listener_id(listener);
    return ERR_OK;
}

enum err door_listen(struct cell *cell, const char *path, const char *space, const char *name,
                     char *const *operations, size_t operation_count)
{
    struct door *door = cell->door;

    if (door->caller_count == DOOR_MAX) {
        return ERR_LIMIT;
    }
    struct door_caller *caller = &door->callers[door->caller_count];
    *caller = (struct door_caller){.is_operator = name[0] == '\0'};
    (void)snprintf(caller->space, sizeof caller->space, "%s", space);
    (void)snprintf(caller->cell, sizeof caller->cell, "%s", name);
    (void)snprintf(caller->path, sizeof caller->path, "%s", path);
    enum err e = grant(caller, operations, operation_count);
    if (e == ERR_OK) {
        e = listen_at(cell, path, &caller->listener_id);
    }
    if (e != ERR_OK) {
        free(caller->granted);
        return e;
    }
    door->caller_count++;
    return ERR_OK;
}

bool door_regrant(struct cell *cell, const char *space, const char *name, char *const *operations,
                  size_t operation_count)
{
    struct door *door = cell->door;

    for (size_t i = 0; i < door->caller_count; i++) {
        struct door_caller *caller = &door->callers[i];
        if (strcmp(caller->space, space) == 0 && strcmp(caller->cell, name) == 0) {
            enum err e = grant(caller, operations, operation_count);
            if (e != ERR_OK) { /* keep less rather than more */
                caller->granted_count = 0;
                log_error("DOOR-GRANT", "caller=%s/%s error=%s action=revoked", space, name,
                          err_name(e));
            }
            return true;
        }
    }
    return false;
}

enum err door_start(struct cell *cell)
{
    struct door *door = cell->door;
    int fd;

    if (nng_socket_get_int(door->socket, NNG_OPT_RECVFD, &fd) != 0) {
        return ERR_IO;
    }
    door->watch = loop_watch_new(cell->loop, fd, LOOP_READ, on_readable, cell);
    door->deadline_timer = loop_timer_new(cell->loop, UINT32_MAX, 0, on_deadline, cell);
    return door->watch == NULL || door->deadline_timer == NULL ? ERR_NOMEM : ERR_OK;
}

static void free_calls(struct cell_call *list)
{
    while (list != NULL) {
        struct cell_call *next = list->next;
        arena_fini(&list->arena);
        free(list);
        list = next;
    }
}

void door_close(struct cell *cell)
{
    struct door *door = cell->door;

    if (door == NULL) {
        return;
    }
    loop_watch_free(door->watch);
    loop_watch_free(door->send_watch);
    loop_timer_free(door->deadline_timer);
    (void)nng_close(door->socket);
    for (struct cell_call *call = door->live; call != NULL; call = call->next) {
        batch_put(call->batch);
    }
    free_calls(door->live);
    free_calls(door->spare);
    while (door->unsent_first != NULL) {
        struct unsent *u = door->unsent_first;
        door->unsent_first = u->next;
        nng_msg_free(u->message);
        free(u);
    }
    for (size_t i = 0; i < door->caller_count; i++) {
        free(door->callers[i].granted);
    }
    free(door);
    cell->door = NULL;
}

/* ---- looking in -------------------------------------------------------------------------------- */

uint32_t door_calls_in_flight(const struct cell *cell)
{
    return cell->door == NULL ? 0 : cell->door->live_count;
}

void door_read(struct cell *cell, struct door_numbers *ret, bool reset_window)
{
    struct door *door = cell->door;

    *ret = door->numbers;
    ret->connections = atomic_load(&door->connections);
    ret->refused_connections = atomic_load(&door->refused);
    ret->window_p50_us = hist_permille(&door->window, 500);
    ret->window_p99_us = hist_permille(&door->window, 990);
    ret->window_count = door->window.count;
    if (reset_window) {
        hist_init(&door->window);
    }
}

static char **format_granted(const struct door_caller *caller, struct cell_call *call)
{
    char **list = cell_call_alloc(call, (caller->granted_count + 1) * sizeof *list);

    for (size_t i = 0; list != NULL && i < caller->granted_count; i++) {
        char text[2 * NAME_SIZE + 2];
        (void)snprintf(text, sizeof text, "%s.%s", caller->granted[i].cell,
                       caller->granted[i].operation);
        list[i] = (char *)call_text_dup(&call->arena, text);
    }
    return list;
}

void door_fill_describe(struct cell *cell, Cell__Inspect__DescribeReply *reply,
                        struct cell_call *call)
{
    struct door *door = cell->door;
    Cell__Inspect__Caller *item = cell_call_alloc(call, door->caller_count * sizeof *item);
    Cell__Inspect__Caller **slot = cell_call_alloc(call, door->caller_count * sizeof *slot);

    if (item == NULL || slot == NULL) {
        return; /* the reply is shorter, and honest about what it has */
    }
    for (size_t i = 0; i < door->caller_count; i++) {
        const struct door_caller *caller = &door->callers[i];
        item[i] = (Cell__Inspect__Caller)CELL__INSPECT__CALLER__INIT;
        item[i].namespace_ = (char *)caller->space;
        item[i].cell = (char *)(caller->is_operator ? "operator" : caller->cell);
        item[i].operations = format_granted(caller, call);
        item[i].n_operations = item[i].operations == NULL ? 0 : caller->granted_count;
        slot[i] = &item[i];
    }
    reply->callers = slot;
    reply->n_callers = door->caller_count;
}
