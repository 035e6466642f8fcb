/* Requests out: one raw req0 socket per endpoint, opened when first needed, closed when idle.
 *
 * What waits for the same endpoint in one turn of the loop travels in one envelope: a message
 * costs nng 5 to 12 us, a request inside it a tenth of one. */
#include <assert.h>
#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/call.h"
#include "common/run/fd.h"
#include "proto/nucleus.pb-c.h"

enum {
    ASK_OUTSTANDING_MAX = 8192, /* requests of one cell without answer                          */
    ASK_LINKS_MAX = 256,        /* endpoints at once                                            */
    ASK_WINDOW = 32,            /* messages in flight on one link: nng's rep side holds 64
                                 * answers per connection and drops the next                    */
    ASK_IDLE_MS = 60000,        /* an unused link is closed                                     */
    ASK_RECONNECT_MIN_MS = 2,
    ASK_RECONNECT_MAX_MS = 100,
    ASK_RESOLVED_MAX = 64,      /* instances of one name that are balanced over                 */
    ASK_NAMES_MAX = 64,
    ASK_FRESH_MS = 1000,        /* how long a resolved list is believed without asking again    */
    ASK_REQUEST_ID = 1u << 31,  /* SP: the last word of the backtrace has the top bit           */
};

struct ask_link;

struct ask_request {
    struct ask_request *next;
    struct ask_link *link;
    uint32_t message_id; /* 0: not sent yet */
    uint32_t index;      /* id within the envelope */
    uint32_t operation;
    uint64_t deadline_ms;
    const ProtobufCMessageDescriptor *reply;
    cell_answer done;
    void *context;
    uint8_t *body;
    size_t body_size;
    uint8_t trace[CALL_TRACE_LEN];
    bool has_trace;
};

struct ask_link {
    struct cell *cell;
    char path[HOST_PATH_SIZE];
    nng_socket socket;
    struct loop_watch *watch;
    struct loop_watch *gone_watch;
    int gone_fd;                  /* eventfd: nng's thread says that a connection ended */
    struct ask_request *waiting;  /* not sent yet, oldest first */
    struct ask_request **waiting_tail;
    struct ask_request *sent;
    uint32_t sent_messages;
    uint64_t used_ms;
    uint64_t requests;
    bool is_used;
};

/* A name without instance number, and what the supervisor said it stands for. */
struct ask_name {
    char target[NAME_REF_SIZE];
    char path[ASK_RESOLVED_MAX][HOST_PATH_SIZE];
    size_t count;
    size_t turn;           /* round robin */
    uint64_t fresh_until_ms;
    bool is_resolving;
    struct ask_request *waiting; /* until the first answer of the supervisor */
};

struct asks {
    struct ask_link *links[ASK_LINKS_MAX];
    struct ask_name *names[ASK_NAMES_MAX];
    struct loop_timer *deadline_timer;
    uint64_t deadline_armed_ms;
    uint32_t next_message_id;
    struct asks_numbers numbers;
};

/* ---- ending a request -------------------------------------------------------------------------- */

static void finish(struct cell *cell, struct ask_request *r, enum err e,
                   const ProtobufCMessage *reply, const char *text)
{
    cell->asks->numbers.outstanding--;
    if (e == ERR_OK) {
        cell->asks->numbers.answered++;
    } else {
        cell->asks->numbers.failed++;
    }
    r->done(r->context, e, reply, text);
    free(r->body);
    free(r);
}

static void finish_list(struct cell *cell, struct ask_request *list, enum err e, const char *text)
{
    while (list != NULL) {
        struct ask_request *next = list->next;
        finish(cell, list, e, NULL, text);
        list = next;
    }
}

/* ---- links ------------------------------------------------------------------------------------- */

/* On a thread of nng: only the eventfd. */
static void on_pipe_gone(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    uint64_t one = 1;
    struct ask_link *link = context;

    (void)pipe;
    (void)event;
    ssize_t put = write(link->gone_fd, &one, sizeof one);
    (void)put; /* a full counter is a set counter */
}

/* The connection ended: what had been sent over it will not be answered. */
static void on_gone(void *context, unsigned bits)
{
    struct ask_link *link = context;
    uint64_t count;

    (void)bits;
    if (read(link->gone_fd, &count, sizeof count) != sizeof count) {
        return;
    }
    struct ask_request *lost = link->sent;
    link->sent = NULL;
    link->sent_messages = 0;
    finish_list(link->cell, lost, ERR_PEER_DEAD, "the connection ended before the answer");
}

static void on_answers(void *context, unsigned bits);

static void link_close(struct ask_link *link)
{
    loop_watch_free(link->watch);
    loop_watch_free(link->gone_watch);
    if (link->is_used) {
        (void)nng_close(link->socket); /* waits for nng's callbacks: the eventfd is ours again */
    }
    fd_close(&link->gone_fd);
    free(link);
}

static enum err link_dial(struct ask_link *link)
{
    char url[HOST_PATH_SIZE + 8];
    nng_dialer dialer;
    int fd;

    if (nng_req0_open_raw(&link->socket) != 0) {
        return ERR_NOMEM;
    }
    link->is_used = true;
    (void)snprintf(url, sizeof url, "ipc://%s", link->path);
    if (nng_socket_set_size(link->socket, NNG_OPT_RECVMAXSZ, SP_MESSAGE_MAX) != 0 ||
        nng_socket_set_int(link->socket, NNG_OPT_SENDBUF, ASK_WINDOW) != 0 ||
        nng_socket_set_ms(link->socket, NNG_OPT_RECONNMINT, ASK_RECONNECT_MIN_MS) != 0 ||
        nng_socket_set_ms(link->socket, NNG_OPT_RECONNMAXT, ASK_RECONNECT_MAX_MS) != 0 ||
        nng_pipe_notify(link->socket, NNG_PIPE_EV_REM_POST, on_pipe_gone, link) != 0 ||
        nng_dialer_create(&dialer, link->socket, url) != 0 ||
        nng_dialer_start(dialer, NNG_FLAG_NONBLOCK) != 0 ||
        nng_socket_get_int(link->socket, NNG_OPT_RECVFD, &fd) != 0) {
        return ERR_IO;
    }
    link->watch = loop_watch_new(link->cell->loop, fd, LOOP_READ, on_answers, link);
    link->gone_watch = loop_watch_new(link->cell->loop, link->gone_fd, LOOP_READ, on_gone, link);
    return link->watch == NULL || link->gone_watch == NULL ? ERR_NOMEM : ERR_OK;
}

static enum err link_get(struct cell *cell, const char *path, struct ask_link **ret)
{
    struct asks *asks = cell->asks;
    size_t free_slot = ASK_LINKS_MAX;

    for (size_t i = 0; i < ASK_LINKS_MAX; i++) {
        if (asks->links[i] == NULL) {
            free_slot = i;
        } else if (strcmp(asks->links[i]->path, path) == 0) {
            *ret = asks->links[i];
            return ERR_OK;
        }
    }
    if (free_slot == ASK_LINKS_MAX) {
        return ERR_LIMIT;
    }
    if (strlen(path) > SP_PATH_MAX) {
        return ERR_INVALID;
    }
    struct ask_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return ERR_NOMEM;
    }
    link->cell = cell;
    link->waiting_tail = &link->waiting;
    (void)snprintf(link->path, sizeof link->path, "%s", path);
    link->gone_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum err e = link->gone_fd < 0 ? ERR_LIMIT : link_dial(link);
    if (e != ERR_OK) {
        link_close(link);
        return e;
    }
    asks->links[free_slot] = link;
    *ret = link;
    return ERR_OK;
}

/* Send what waits, as few messages as possible. */
static void link_flush(struct ask_link *link, uint64_t now_ms)
{
    while (link->waiting != NULL && link->sent_messages < ASK_WINDOW) {
        Cell__Envelope__Request item[HOST_BATCH_MAX];
        Cell__Envelope__Request *slot[HOST_BATCH_MAX];
        Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
        struct asks *asks = link->cell->asks;
        uint32_t id = ++asks->next_message_id & ~ASK_REQUEST_ID;
        size_t count = 0;
        size_t bytes = 0;

        id = id == 0 ? ++asks->next_message_id : id;
        while (link->waiting != NULL && count < HOST_BATCH_MAX &&
               (count == 0 || bytes + link->waiting->body_size < link->cell->birth.message_bytes / 2)) {
            struct ask_request *r = link->waiting;
            link->waiting = r->next;
            item[count] = (Cell__Envelope__Request)CELL__ENVELOPE__REQUEST__INIT;
            item[count].id = r->index = (uint32_t)count;
            item[count].operation = r->operation;
            item[count].deadline_ms = r->deadline_ms > now_ms ? (uint32_t)(r->deadline_ms - now_ms)
                                                              : 1;
            item[count].body.data = r->body;
            item[count].body.len = r->body_size;
            item[count].trace.data = r->trace;
            item[count].trace.len = r->has_trace ? CALL_TRACE_LEN : 0;
            slot[count] = &item[count];
            bytes += r->body_size;
            count++;
            r->message_id = id;
            r->next = link->sent;
            link->sent = r;
        }
        if (link->waiting == NULL) {
            link->waiting_tail = &link->waiting;
        }
        requests.version = CALL_ENVELOPE_VERSION;
        requests.requests = slot;
        requests.n_requests = count;

        nng_msg *message = NULL;
        if (nng_msg_alloc(&message, cell__envelope__requests__get_packed_size(&requests)) != 0 ||
            nng_msg_header_append_u32(message, id | ASK_REQUEST_ID) != 0) {
            nng_msg_free(message);
            log_error("ASK-NOMEM", "path=%s requests=%zu action=time-out", link->path, count);
            return; /* their deadline ends them */
        }
        (void)cell__envelope__requests__pack(&requests, nng_msg_body(message));
        link->sent_messages++;
        link->used_ms = now_ms;
        link->requests += count;
        asks->numbers.sent += count;
        if (nng_sendmsg(link->socket, message, NNG_FLAG_NONBLOCK) != 0) {
            nng_msg_free(message);
            log_debug("ASK-FULL", "path=%s requests=%zu action=time-out", link->path, count);
        }
    }
}

/* Remove the request that `message_id` and `index` name from the sent ones; NULL: not there (its
 * deadline passed). */
static struct ask_request *take_sent(struct ask_link *link, uint32_t message_id, uint64_t index)
{
    for (struct ask_request **at = &link->sent; *at != NULL; at = &(*at)->next) {
        struct ask_request *r = *at;
        if (r->message_id == message_id && (r->index == index || index == UINT64_MAX)) {
            *at = r->next;
            return r;
        }
    }
    return NULL;
}

static void answer_one(struct ask_link *link, struct ask_request *r,
                       const Cell__Envelope__Reply *reply)
{
    enum err e = err_from_wire(reply->status);
    ProtobufCMessage *body = NULL;

    if (e == ERR_OK) {
        body = protobuf_c_message_unpack(r->reply, NULL, reply->body.len, reply->body.data);
        e = body == NULL ? ERR_INCOMPATIBLE : ERR_OK;
    }
    finish(link->cell, r, e, body, reply->message);
    if (body != NULL) {
        protobuf_c_message_free_unpacked(body, NULL);
    }
}

static void take_answer(struct ask_link *link, nng_msg *message)
{
    uint32_t id;

    if (nng_msg_header_len(message) < sizeof id) {
        return;
    }
    id = bytes_get_be32((uint8_t *)nng_msg_header(message) + nng_msg_header_len(message) -
                        sizeof id) & ~ASK_REQUEST_ID;
    if (link->sent_messages > 0) {
        link->sent_messages--;
    }
    Cell__Envelope__Replies *replies =
        cell__envelope__replies__unpack(NULL, nng_msg_len(message), nng_msg_body(message));
    if (replies == NULL || replies->version != CALL_ENVELOPE_VERSION) {
        log_warn("ASK-MALFORMED", "path=%s size=%zu", link->path, nng_msg_len(message));
    }
    for (size_t i = 0; replies != NULL && i < replies->n_replies; i++) {
        const Cell__Envelope__Reply *reply = replies->replies[i];
        /* One reply to several requests: the whole message was refused, they all share it. */
        struct ask_request *r;
        bool is_whole = replies->n_replies == 1 && err_from_wire(reply->status) != ERR_OK;
        while ((r = take_sent(link, id, is_whole ? UINT64_MAX : reply->id)) != NULL) {
            answer_one(link, r, reply);
            if (!is_whole) {
                break;
            }
        }
    }
    cell__envelope__replies__free_unpacked(replies, NULL);
}

static void on_answers(void *context, unsigned bits)
{
    struct ask_link *link = context;
    nng_msg *message;

    (void)bits;
    while (nng_recvmsg(link->socket, &message, NNG_FLAG_NONBLOCK) == 0) {
        take_answer(link, message);
        nng_msg_free(message);
    }
}

/* ---- deadlines --------------------------------------------------------------------------------- */

/* Take what is due out of a list; *next_ms shrinks to the earliest deadline that is left. */
static struct ask_request *take_due(struct ask_request **list, uint64_t now_ms, uint64_t *next_ms)
{
    struct ask_request *due = NULL;

    while (*list != NULL) {
        struct ask_request *r = *list;
        if (r->deadline_ms <= now_ms) {
            *list = r->next;
            r->next = due;
            due = r;
        } else {
            *next_ms = r->deadline_ms < *next_ms ? r->deadline_ms : *next_ms;
            list = &r->next;
        }
    }
    return due;
}

static void close_idle(struct asks *asks, uint64_t now_ms)
{
    for (size_t i = 0; i < ASK_LINKS_MAX; i++) {
        struct ask_link *link = asks->links[i];
        if (link != NULL && link->waiting == NULL && link->sent == NULL &&
            now_ms > link->used_ms + ASK_IDLE_MS) {
            asks->links[i] = NULL;
            link_close(link);
        }
    }
}

static void on_deadline(void *context)
{
    struct cell *cell = context;
    struct asks *asks = cell->asks;
    uint64_t now_ms = loop_now_ms();
    uint64_t next_ms = UINT64_MAX;

    for (size_t i = 0; i < ASK_LINKS_MAX; i++) {
        struct ask_link *link = asks->links[i];
        if (link == NULL) {
            continue;
        }
        struct ask_request *due = take_due(&link->sent, now_ms, &next_ms);
        struct ask_request *unsent = take_due(&link->waiting, now_ms, &next_ms);
        link->waiting_tail = &link->waiting;
        while (*link->waiting_tail != NULL) {
            link->waiting_tail = &(*link->waiting_tail)->next;
        }
        if (link->sent == NULL) {
            link->sent_messages = 0; /* what was lost no longer fills the window */
        }
        finish_list(cell, due, ERR_TIMEOUT, "no answer before the deadline");
        finish_list(cell, unsent, ERR_TIMEOUT, "not connected before the deadline");
    }
    for (size_t i = 0; i < ASK_NAMES_MAX; i++) {
        if (asks->names[i] != NULL) {
            finish_list(cell, take_due(&asks->names[i]->waiting, now_ms, &next_ms), ERR_TIMEOUT,
                        "the name was not resolved before the deadline");
        }
    }
    close_idle(asks, now_ms);
    asks->deadline_armed_ms = next_ms;
    if (next_ms != UINT64_MAX) {
        loop_timer_again(asks->deadline_timer, next_ms - now_ms, 0);
    }
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
    enum err e = link_get(cell, path, &link);

    if (e != ERR_OK) {
        return e;
    }
    r->link = link;
    r->next = NULL;
    *link->waiting_tail = r;
    link->waiting_tail = &r->next;
    return ERR_OK;
}

static void enqueue_or_fail(struct cell *cell, const char *path, struct ask_request *r)
{
    enum err e = enqueue(cell, path, r);

    if (e != ERR_OK) {
        finish(cell, r, e, NULL, "no connection can be opened");
    }
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

struct resolving {
    struct cell *cell;
    struct ask_name *name;
};

static void on_resolved(void *context, enum err e, const struct ProtobufCMessage *reply,
                        const char *text)
{
    struct resolving *resolving = context;
    struct cell *cell = resolving->cell;
    struct ask_name *name = resolving->name;
    struct ask_request *waiting = name->waiting;

    free(resolving);
    name->is_resolving = false;
    name->waiting = NULL;
    if (e == ERR_OK) {
        learn(cell, name, (const Cell__Nucleus__ResolveReply *)reply);
        text = "no healthy instance";
        e = ERR_UNAVAILABLE;
    }
    /* With the supervisor away the last known instances are as good as ever. */
    while (waiting != NULL) {
        struct ask_request *next = waiting->next;
        if (name->count > 0) {
            enqueue_or_fail(cell, name->path[name->turn++ % name->count], waiting);
        } else {
            finish(cell, waiting, e, NULL, text);
        }
        waiting = next;
    }
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

static enum err name_get(struct asks *asks, const char *target, struct ask_name **ret)
{
    for (size_t i = 0; i < ASK_NAMES_MAX; i++) {
        if (asks->names[i] == NULL) {
            asks->names[i] = calloc(1, sizeof **ret);
            if (asks->names[i] == NULL) {
                return ERR_NOMEM;
            }
            (void)snprintf(asks->names[i]->target, NAME_REF_SIZE, "%s", target);
        }
        if (strcmp(asks->names[i]->target, target) == 0) {
            *ret = asks->names[i];
            return ERR_OK;
        }
    }
    return ERR_LIMIT;
}

/* Send to any instance of a name: the known ones in turn, the supervisor asked when the list is
 * old or empty. */
static enum err route_by_name(struct cell *cell, const char *target, struct ask_request *r,
                              uint64_t now_ms)
{
    struct ask_name *name;
    enum err e = name_get(cell->asks, target, &name);

    if (e == ERR_OK && now_ms >= name->fresh_until_ms && !name->is_resolving) {
        e = resolve(cell, name);
    }
    if (e != ERR_OK) {
        return e;
    }
    if (name->count > 0) {
        return enqueue(cell, name->path[name->turn++ % name->count], r);
    }
    r->next = name->waiting;
    name->waiting = r;
    return ERR_OK;
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
    uint64_t deadline_ms = now_ms + (ask->deadline_ms != 0 ? ask->deadline_ms
                                                           : HOST_DEADLINE_DEFAULT_MS);

    if (ask->on_behalf_of != NULL && ask->on_behalf_of->deadline_ms < deadline_ms) {
        deadline_ms = ask->on_behalf_of->deadline_ms; /* never longer than our own caller waits */
    }
    return deadline_ms;
}

enum err cell_ask(struct cell *cell, const struct cell_ask *ask)
{
    struct asks *asks = cell->asks;
    uint64_t now_ms = loop_now_ms();
    size_t size = protobuf_c_message_get_packed_size(ask->request);

    if (asks->numbers.outstanding >= ASK_OUTSTANDING_MAX || size > cell->birth.message_bytes) {
        return ERR_LIMIT;
    }
    struct ask_request *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return ERR_NOMEM;
    }
    r->body = malloc(size + 1);
    if (r->body == NULL) {
        free(r);
        return ERR_NOMEM;
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
    enum err e = route(cell, ask->target, r, now_ms);
    if (e != ERR_OK) {
        free(r->body);
        free(r);
        return e;
    }
    asks->numbers.outstanding++;
    arm(asks, r->deadline_ms > now_ms ? r->deadline_ms : now_ms, now_ms);
    return ERR_OK;
}

void asks_flush(struct cell *cell, uint64_t now_ms)
{
    for (size_t i = 0; i < ASK_LINKS_MAX; i++) {
        if (cell->asks->links[i] != NULL && cell->asks->links[i]->waiting != NULL) {
            link_flush(cell->asks->links[i], now_ms);
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

void asks_close(struct cell *cell)
{
    struct asks *asks = cell->asks;

    if (asks == NULL) {
        return;
    }
    for (size_t i = 0; i < ASK_LINKS_MAX; i++) {
        struct ask_link *link = asks->links[i];
        if (link != NULL) {
            asks->links[i] = NULL;
            finish_list(cell, link->sent, ERR_CANCELLED, "the cell is stopping");
            finish_list(cell, link->waiting, ERR_CANCELLED, "the cell is stopping");
            link_close(link);
        }
    }
    for (size_t i = 0; i < ASK_NAMES_MAX; i++) {
        if (asks->names[i] != NULL) {
            finish_list(cell, asks->names[i]->waiting, ERR_CANCELLED, "the cell is stopping");
            free(asks->names[i]);
        }
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
