/* One connection to one endpoint: a raw req0 socket, the requests that wait for it and those that
 * are on their way.
 *
 * What waits in one turn of the loop travels in one envelope: a message costs nng 5 to 12 us, a
 * request inside it a tenth of one. Nothing is handed to nng before somebody is connected: in its
 * buffer a request would outlive its deadline and be carried out long after its caller gave up. */
#include <assert.h>
#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/ask_core.h"
#include "common/run/fd.h"

/* ---- messages on their way --------------------------------------------------------------------- */

static struct ask_message **find_message(struct ask_link *link, uint32_t id)
{
    struct ask_message **at = &link->sent[id % ASK_BUCKETS];

    while (*at != NULL && (*at)->id != id) {
        at = &(*at)->next;
    }
    return at;
}

static void add_message(struct ask_link *link, struct ask_message *m)
{
    struct ask_message **bucket = &link->sent[m->id % ASK_BUCKETS];

    m->next = *bucket;
    *bucket = m;
    link->sent_count += m->left;
}

/* Take request `index` out of the message at `at`; NULL when it has ended already. The message goes
 * with its last request: true in *ret_is_gone, and *at is the next one then. */
static struct ask_request *take_request(struct ask_link *link, struct ask_message **at,
                                        uint32_t index, bool *ret_is_gone)
{
    struct ask_message *m = *at;
    struct ask_request *r = m->request[index];

    *ret_is_gone = false;
    if (r == NULL) {
        return NULL;
    }
    m->request[index] = NULL;
    assert(m->left > 0 && link->sent_count > 0);
    link->sent_count--;
    if (--m->left == 0) {
        *at = m->next;
        free(m);
        *ret_is_gone = true;
    }
    return r;
}

/* Move what is left of the message at `at` to `list`, in order; *at is the next one then. */
static void take_message(struct ask_link *link, struct ask_message **at, struct ask_list *list)
{
    uint32_t count = (*at)->count;
    bool is_gone = false;

    for (uint32_t i = 0; i < count && !is_gone; i++) {
        struct ask_request *r = take_request(link, at, i, &is_gone);
        if (r != NULL) {
            ask_list_add(list, r);
        }
    }
    assert(is_gone); /* a message without requests is not kept */
}

/* ---- sending ----------------------------------------------------------------------------------- */

static void on_sendable(void *context, unsigned bits)
{
    struct ask_link *link = context;

    (void)bits;
    loop_watch_free(link->send_watch); /* the next turn's flush goes on where the last one stopped */
    link->send_watch = NULL;
}

/* Take what fits into one message from the waiting ones. NULL without memory. */
static struct ask_message *gather(struct ask_link *link)
{
    size_t count = 0, bytes = 0;

    for (const struct ask_request *r = link->waiting.first; r != NULL && count < HOST_BATCH_MAX;
         r = r->next) {
        size_t size = r->body_size + ASK_REQUEST_OVERHEAD;
        if (count > 0 && bytes + size > link->batch_bytes) {
            break;
        }
        bytes += size;
        count++;
    }
    struct ask_message *m = calloc(1, sizeof *m + count * sizeof m->request[0]);
    if (m == NULL) {
        return NULL;
    }
    m->count = m->left = (uint32_t)count;
    m->bytes = bytes;
    for (size_t i = 0; i < count; i++) {
        m->request[i] = link->waiting.first;
        link->waiting.first = link->waiting.first->next;
    }
    if (link->waiting.first == NULL) {
        link->waiting.last = NULL;
    }
    return m;
}

/* Back to the head of the queue. */
static void put_back(struct ask_link *link, struct ask_list *list)
{
    if (list->first == NULL) {
        return;
    }
    list->last->next = link->waiting.first;
    if (link->waiting.first == NULL) {
        link->waiting.last = list->last;
    }
    link->waiting.first = list->first;
}

static nng_msg *pack(const struct ask_message *m, uint64_t now_ms)
{
    Cell__Envelope__Request item[HOST_BATCH_MAX];
    Cell__Envelope__Request *slot[HOST_BATCH_MAX];
    Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
    nng_msg *message = NULL;

    for (uint32_t i = 0; i < m->count; i++) {
        struct ask_request *r = m->request[i];
        item[i] = (Cell__Envelope__Request)CELL__ENVELOPE__REQUEST__INIT;
        item[i].id = i + 1;
        item[i].operation = r->operation;
        item[i].deadline_ms = r->deadline_ms > now_ms ? (uint32_t)(r->deadline_ms - now_ms) : 1;
        item[i].body.data = r->body;
        item[i].body.len = r->body_size;
        item[i].trace.data = r->trace;
        item[i].trace.len = r->has_trace ? CALL_TRACE_LEN : 0;
        slot[i] = &item[i];
    }
    requests.version = CALL_ENVELOPE_VERSION;
    requests.requests = slot;
    requests.n_requests = m->count;
    requests.apart = true; /* a slow answer must not hold up those that travelled with it */
    if (nng_msg_alloc(&message, cell__envelope__requests__get_packed_size(&requests)) != 0 ||
        nng_msg_header_append_u32(message, m->id | ASK_REQUEST_ID) != 0) {
        nng_msg_free(message);
        return NULL;
    }
    (void)cell__envelope__requests__pack(&requests, nng_msg_body(message));
    return message;
}

/* Send one message; false: not now. */
static bool send_one(struct ask_link *link, uint64_t now_ms)
{
    struct asks *asks = link->cell->asks;
    struct ask_message *m = gather(link);

    if (m == NULL) {
        log_error("ASK-NOMEM", "path=%s action=later", link->path);
        return false;
    }
    uint32_t count = m->count;
    asks->next_message_id = (asks->next_message_id + 1) & ~ASK_REQUEST_ID;
    m->id = asks->next_message_id;
    m->epoch = atomic_load(&link->opened);
    nng_msg *message = pack(m, now_ms);
    add_message(link, m);
    if (message != NULL && nng_sendmsg(link->socket, message, NNG_FLAG_NONBLOCK) == 0) {
        asks->numbers.sent += count;
        link->requests += count;
        return true;
    }
    nng_msg_free(message);
    struct ask_list list = {0};
    take_message(link, find_message(link, m->id), &list);
    put_back(link, &list);
    return false;
}

static bool is_connected(struct ask_link *link)
{
    /* `gone` first: a connection that comes in between makes this too careful, not too bold. */
    unsigned gone = atomic_load(&link->gone);

    return atomic_load(&link->opened) > gone;
}

void ask_link_flush(struct ask_link *link, uint64_t now_ms)
{
    int fd;

    while (link->waiting.first != NULL && link->send_watch == NULL && is_connected(link)) {
        link->used_ms = now_ms;
        if (!send_one(link, now_ms)) {
            if (nng_socket_get_int(link->socket, NNG_OPT_SENDFD, &fd) == 0) {
                link->send_watch = loop_watch_new(link->cell->loop, fd, LOOP_READ, on_sendable, link);
            }
            return; /* no watch without memory: the next turn tries again */
        }
    }
}

bool ask_link_is_lost(struct ask_link *link)
{
    return atomic_load(&link->opened) > 0 && !is_connected(link);
}

void ask_link_take_back(struct ask_link *link, uint32_t name_id, struct ask_list *list)
{
    struct ask_list kept = {0};
    struct ask_request *next;

    for (struct ask_request *r = link->waiting.first; r != NULL; r = next) {
        next = r->next;
        ask_list_add(r->name_id == name_id ? list : &kept, r);
    }
    link->waiting = kept;
}

void ask_link_enqueue(struct ask_link *link, struct ask_request *r)
{
    ask_list_add(&link->waiting, r);
    link->used_ms = loop_now_ms();
}

/* ---- answers ----------------------------------------------------------------------------------- */

static void answer_one(struct cell *cell, struct ask_request *r, const Cell__Envelope__Reply *reply)
{
    enum err e = err_from_wire(reply->status);
    ProtobufCMessage *body = NULL;

    if (e == ERR_OK) {
        body = protobuf_c_message_unpack(r->reply, NULL, reply->body.len, reply->body.data);
        e = body == NULL ? ERR_INCOMPATIBLE : ERR_OK;
    }
    ask_finish(cell, r, e, body, reply->message);
    if (body != NULL) {
        protobuf_c_message_free_unpacked(body, NULL);
    }
}

/* The callee refused the message before it looked at the requests. */
static void refused_whole(struct ask_link *link, struct ask_message **at,
                          const Cell__Envelope__Reply *reply)
{
    enum err e = err_from_wire(reply->status);
    struct ask_list list = {0};
    bool was_batch = (*at)->count > 1;
    size_t bytes = (*at)->bytes;

    take_message(link, at, &list);
    if (e == ERR_LIMIT && was_batch) {
        /* It takes less than we put together: none of them was carried out, send smaller ones. */
        link->batch_bytes = bytes / 2;
        log_info("ASK-BATCH", "path=%s bytes=%zu action=smaller", link->path, bytes);
        put_back(link, &list);
        return;
    }
    ask_finish_list(link->cell, &list, e, reply->message);
}

static void take_reply(struct ask_link *link, uint32_t id, const Cell__Envelope__Reply *reply)
{
    struct ask_message **at = find_message(link, id);
    bool is_gone;

    if (*at == NULL || reply->id > (*at)->count) {
        log_debug("ASK-LATE", "path=%s action=dropped", link->path);
        return; /* its deadline has passed, or nobody ever asked */
    }
    if (reply->id == 0) {
        refused_whole(link, at, reply);
        return;
    }
    struct ask_request *r = take_request(link, at, (uint32_t)reply->id - 1, &is_gone);
    if (r != NULL) {
        answer_one(link->cell, r, reply);
    }
}

static void take_answer(struct ask_link *link, nng_msg *message)
{
    size_t header_len = nng_msg_header_len(message);
    uint8_t *header = nng_msg_header(message);

    if (header_len < sizeof(uint32_t)) {
        return; /* nng does not let these through */
    }
    uint32_t id = bytes_get_be32(header + header_len - sizeof id) & ~ASK_REQUEST_ID;
    Cell__Envelope__Replies *replies =
        cell__envelope__replies__unpack(NULL, nng_msg_len(message), nng_msg_body(message));
    if (replies == NULL || replies->version != CALL_ENVELOPE_VERSION) {
        log_warn("ASK-MALFORMED", "path=%s size=%zu", link->path, nng_msg_len(message));
    } else {
        for (size_t i = 0; i < replies->n_replies; i++) {
            take_reply(link, id, replies->replies[i]);
        }
    }
    cell__envelope__replies__free_unpacked(replies, NULL);
}

static void on_answers(void *context, unsigned bits)
{
    struct ask_link *link = context;
    nng_msg *message;

    (void)bits;
    link->used_ms = loop_now_ms();
    while (nng_recvmsg(link->socket, &message, NNG_FLAG_NONBLOCK) == 0) {
        take_answer(link, message);
        nng_msg_free(message);
    }
}

/* ---- connections ------------------------------------------------------------------------------- */

/* On a thread of nng: only the counters and the eventfd. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    uint64_t one = 1;
    struct ask_link *link = context;

    (void)pipe;
    atomic_fetch_add(event == NNG_PIPE_EV_REM_POST ? &link->gone : &link->opened, 1);
    ssize_t put = write(link->event_fd, &one, sizeof one);
    (void)put; /* a full counter is a set counter */
}

/* A connection came: the turn's flush uses it. One went: what it had taken will not be answered. */
static void on_event(void *context, unsigned bits)
{
    struct ask_link *link = context;
    struct ask_list lost = {0};
    uint64_t count;

    (void)bits;
    if (read(link->event_fd, &count, sizeof count) != sizeof count) {
        return;
    }
    uint32_t gone = atomic_load(&link->gone);
    for (size_t i = 0; i < ASK_BUCKETS; i++) {
        struct ask_message **at = &link->sent[i];
        while (*at != NULL) {
            if ((*at)->epoch <= gone) { /* connections of one dialer follow one another */
                take_message(link, at, &lost);
            } else {
                at = &(*at)->next;
            }
        }
    }
    ask_finish_list(link->cell, &lost, ERR_PEER_DEAD, "the connection ended before the answer");
}

static enum err dial(struct ask_link *link)
{
    char url[HOST_PATH_SIZE + 8];
    nng_dialer dialer;
    int fd;

    if (nng_req0_open_raw(&link->socket) != 0) {
        return ERR_NOMEM;
    }
    link->is_open = true;
    (void)snprintf(url, sizeof url, "ipc://%s", link->path);
    if (nng_socket_set_size(link->socket, NNG_OPT_RECVMAXSZ, SP_MESSAGE_MAX) != 0 ||
        nng_socket_set_int(link->socket, NNG_OPT_SENDBUF, ASK_SEND_BUFFER) != 0 ||
        nng_socket_set_ms(link->socket, NNG_OPT_RECONNMINT, ASK_RECONNECT_MIN_MS) != 0 ||
        nng_socket_set_ms(link->socket, NNG_OPT_RECONNMAXT, ASK_RECONNECT_MAX_MS) != 0 ||
        nng_pipe_notify(link->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, link) != 0 ||
        nng_pipe_notify(link->socket, NNG_PIPE_EV_REM_POST, on_pipe, link) != 0 ||
        nng_dialer_create(&dialer, link->socket, url) != 0 ||
        nng_dialer_start(dialer, NNG_FLAG_NONBLOCK) != 0 ||
        nng_socket_get_int(link->socket, NNG_OPT_RECVFD, &fd) != 0) {
        return ERR_IO;
    }
    link->watch = loop_watch_new(link->cell->loop, fd, LOOP_READ, on_answers, link);
    link->event_watch = loop_watch_new(link->cell->loop, link->event_fd, LOOP_READ, on_event, link);
    return link->watch == NULL || link->event_watch == NULL ? ERR_NOMEM : ERR_OK;
}

static enum err link_new(struct cell *cell, const char *path, struct ask_link **ret)
{
    struct ask_link *link = calloc(1, sizeof *link);

    if (link == NULL) {
        return ERR_NOMEM;
    }
    link->cell = cell;
    link->batch_bytes = ASK_BATCH_BYTES;
    (void)snprintf(link->path, sizeof link->path, "%s", path);
    link->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum err e = link->event_fd < 0 ? ERR_LIMIT : dial(link);
    if (e != ERR_OK) {
        ask_link_close(link);
        return e;
    }
    *ret = link;
    return ERR_OK;
}

enum err ask_link_get(struct cell *cell, const char *path, struct ask_link **ret)
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
    enum err e = link_new(cell, path, &asks->links[free_slot]);
    if (e == ERR_OK) {
        *ret = asks->links[free_slot];
    }
    return e;
}

void ask_link_due(struct ask_link *link, uint64_t now_ms, struct ask_list *sent,
                  struct ask_list *unsent, uint64_t *next_ms)
{
    ask_list_due(&link->waiting, now_ms, unsent, next_ms);
    for (size_t b = 0; link->sent_count > 0 && b < ASK_BUCKETS; b++) {
        struct ask_message **at = &link->sent[b];
        while (*at != NULL) {
            bool is_gone = false;
            uint32_t count = (*at)->count;
            for (uint32_t i = 0; i < count && !is_gone; i++) {
                const struct ask_request *r = (*at)->request[i];
                if (r != NULL && r->deadline_ms <= now_ms) {
                    ask_list_add(sent, take_request(link, at, i, &is_gone));
                } else if (r != NULL && r->deadline_ms < *next_ms) {
                    *next_ms = r->deadline_ms;
                }
            }
            at = is_gone ? at : &(*at)->next;
        }
    }
}

void ask_link_cancel(struct ask_link *link)
{
    struct ask_list list = {0};

    for (size_t i = 0; i < ASK_BUCKETS; i++) {
        while (link->sent[i] != NULL) {
            take_message(link, &link->sent[i], &list);
        }
    }
    ask_finish_list(link->cell, &list, ERR_CANCELLED, "the cell is stopping");
    ask_finish_list(link->cell, &link->waiting, ERR_CANCELLED, "the cell is stopping");
}

/* Accepts a half-open link; nothing may wait on it. */
void ask_link_close(struct ask_link *link)
{
    assert(link->waiting.first == NULL && link->sent_count == 0);
    loop_watch_free(link->watch);
    loop_watch_free(link->event_watch);
    loop_watch_free(link->send_watch);
    if (link->is_open) {
        (void)nng_close(link->socket); /* waits for nng's callbacks: the eventfd is ours again */
    }
    fd_close(&link->event_fd);
    free(link);
}
