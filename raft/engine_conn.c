#include "raft/engine_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/run/fd.h"
#include "common/run/log.h"

/* ---- the end -------------------------------------------------------------------------------------- */

void raft_engine_conn_free(struct raft_engine_connection *c)
{
    struct raft_engine_links *l = c->links;

    *c->back = c->next;
    if (c->next != NULL) {
        c->next->back = c->back;
    }
    l->connection_count--;
    l->stream_count -= c->is_stream;
    loop_watch_free(c->watch);
    tls_free(c->tls);
    fd_close(&c->fd);
    free(c->out);
    free(c->in);
    free(c);
}

struct raft_engine_question *raft_engine_conn_detach(struct raft_engine_connection *c)
{
    struct raft_engine_question *q = take_ptr(&c->q);

    if (q != NULL) {
        q->connection = NULL;
    }
    return q;
}

void raft_engine_conn_drop(struct raft_engine_connection *c, enum err e, const char *why)
{
    struct raft_engine_links *l = c->links;
    struct raft_engine_endpoint *end = &l->config.endpoint[c->endpoint];
    struct raft_engine_question *q = raft_engine_conn_detach(c);

    if (e != ERR_LIMIT) {
        (void)snprintf(l->why, sizeof l->why, "%s: %s", end->url, why);
    }
    /* A connection that was kept may have been closed meanwhile: that says nothing of the endpoint. */
    bool is_stale = e == ERR_PEER_DEAD && c->is_used && !c->has_bytes;
    if (is_stale && q != NULL) {
        q->tried &= ~(UINT32_C(1) << c->endpoint);
    } else if (e == ERR_UNAVAILABLE || (e == ERR_PEER_DEAD && q != NULL)) {
        end->rest_until_ms = loop_now_ms() + RAFT_ENGINE_LINK_REST_MS;
        if (!end->is_lost) {
            log_warn("RAFT-ETCD-LOST", "endpoint=%s why=\"%.128s\" action=\"the others are asked, and it again later\"", end->url, why);
        }
        end->is_lost = true;
    }
    raft_engine_conn_free(c);
    if (q != NULL) {
        raft_engine_link_lost(l, q, e);
    }
}

static const char *host_of(const struct raft_engine_endpoint *e)
{
    return strstr(e->url, "//") + 2;
}

/* ---- bytes in and out --------------------------------------------------------------------------- */

/* > 0: so many; 0: not now, the watch says when; < 0: the end. */
static ssize_t carry(struct raft_engine_connection *c, bool is_out, uint8_t *bytes, size_t size)
{
    size_t done = 0;

    if (c->tls == NULL) {
        ssize_t n = is_out ? send(c->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) : recv(c->fd, bytes, size, MSG_DONTWAIT);
        return n > 0 ? n : n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    }
    enum tls_step step = is_out ? tls_write(c->tls, bytes, size, &done) : tls_read(c->tls, bytes, size, &done);
    return step == TLS_DONE ? (ssize_t)done : step == TLS_READS || step == TLS_WRITES ? 0 : -1;
}

static bool send_out(struct raft_engine_connection *c)
{
    while (c->out_sent < c->out_size) {
        ssize_t n = carry(c, true, (uint8_t *)c->out + c->out_sent, c->out_size - c->out_sent);
        if (n < 0) {
            return false;
        }
        if (n == 0) {
            break;
        }
        c->q->was_sent = true;
        c->out_sent += (size_t)n;
    }
    loop_watch_want(c->watch, c->out_sent < c->out_size ? LOOP_READ | LOOP_WRITE : LOOP_READ);
    return true;
}

/* The answer is whole: the connection is free for the next question, if it may be kept. */
static void complete(struct raft_engine_connection *c)
{
    struct raft_engine_links *l = c->links;
    struct raft_engine_question *q = raft_engine_conn_detach(c);
    char *text = take_ptr(&c->in);
    size_t size = c->in_size;
    int status = c->http.status;

    l->best = c->endpoint;
    c->in_size = c->in_room = 0;
    c->is_used = true;
    if (c->http.closes || c->is_stream) {
        raft_engine_conn_free(c);
    } else {
        c->place = RAFT_ENGINE_CONN_IDLE;
        c->since_ms = loop_now_ms();
    }
    q->done(q, ERR_OK, status, text != NULL ? text : "", size);
    free(text);
}

/* Keep bytes of the body; terminated. */
static enum err keep(struct raft_engine_connection *c, const uint8_t *bytes, size_t size)
{
    if (size > RAFT_ENGINE_LINK_BODY_MAX - c->in_size) {
        return ERR_LIMIT;
    }
    if (c->in_size + size + 1 > c->in_room) {
        size_t room = 2 * (c->in_size + size) + 1024;
        char *in = realloc(c->in, room);
        if (in == NULL) {
            return ERR_NOMEM;
        }
        c->in = in;
        c->in_room = room;
    }
    memcpy(c->in + c->in_size, bytes, size);
    c->in_size += size;
    c->in[c->in_size] = '\0';
    return ERR_OK;
}

/* Hand on the lines of a stream that are whole. False: the question was withdrawn, and its connection with it. */
static bool hand_lines(struct raft_engine_connection *c)
{
    struct raft_engine_question *q = c->q;
    char *from = c->in, *end;

    /* `from` moves over the lines that were told, so none is looked at twice; the rest moves to the front once. */
    while (c->in_size > 0 && (end = memchr(from, '\n', c->in_size - (size_t)(from - c->in))) != NULL) {
        struct raft_engine_links *l = c->links;
        char *kept = c->in;
        size_t size = c->in_size, room = c->in_room;

        *end = '\0';
        c->in = NULL; /* withdrawing frees the connection: the line lives on for the asker */
        c->in_size = c->in_room = 0;
        q->line(q, from, (size_t)(end - from));
        bool is_there = false;
        for (const struct raft_engine_connection *k = l->connections; k != NULL && !is_there; k = k->next) {
            is_there = k == c;
        }
        if (!is_there) {
            free(kept);
            return false;
        }
        c->in = kept;
        c->in_size = size;
        c->in_room = room;
        from = end + 1;
    }
    if (from != NULL && from != c->in) {
        c->in_size -= (size_t)(from - c->in);
        memmove(c->in, from, c->in_size + 1);
    }
    return true;
}

/* Take what was read apart. False: the connection is gone or idle. */
static bool take(struct raft_engine_connection *c, const uint8_t *bytes, size_t size)
{
    while (size > 0 && c->http.place != RAFT_ENGINE_HTTP_DONE) {
        const uint8_t *body;
        size_t taken, body_size;
        enum err e = raft_engine_http_take(&c->http, bytes, size, &taken, &body, &body_size);

        e = e == ERR_OK ? keep(c, body, body_size) : e;
        if (e != ERR_OK) {
            raft_engine_conn_drop(c, e == ERR_MALFORMED ? ERR_MALFORMED : ERR_LIMIT, "it answers with what is no HTTP");
            return false;
        }
        bytes += taken;
        size -= taken;
        if (c->is_stream && c->http.status == 200 && body_size > 0 && !hand_lines(c)) {
            return false;
        }
    }
    if (c->http.place != RAFT_ENGINE_HTTP_DONE) {
        return true;
    }
    c->http.closes |= size > 0 || c->out_sent < c->out_size; /* more than was asked for, or before it was asked */
    complete(c);
    return false;
}

/* The other side has ended the connection. */
static void ended(struct raft_engine_connection *c)
{
    if (c->place == RAFT_ENGINE_CONN_ASKING && c->has_bytes && raft_engine_http_end(&c->http)) {
        complete(c);
        return;
    }
    raft_engine_conn_drop(c, c->place == RAFT_ENGINE_CONN_CONNECTING || c->place == RAFT_ENGINE_CONN_SHAKING ? ERR_UNAVAILABLE : ERR_PEER_DEAD,
         c->tls != NULL && tls_why(c->tls)[0] != '\0' ? tls_why(c->tls) : "the connection ended");
}

static void read_in(struct raft_engine_connection *c)
{
    static uint8_t bytes[RAFT_ENGINE_LINK_READ]; /* one thread, and nothing is kept in it */
    ssize_t n;

    do {
        n = carry(c, false, bytes, sizeof bytes);
        if (n < 0 || (n > 0 && c->place == RAFT_ENGINE_CONN_IDLE)) { /* a word that nobody asked for */
            ended(c);
            return;
        }
        c->has_bytes |= n > 0;
        if (n > 0 && !take(c, bytes, (size_t)n)) {
            return;
        }
    } while (n > 0 && c->tls != NULL && tls_has_more(c->tls)); /* no watch tells of what TLS has read ahead */
}

/* ---- a connection ------------------------------------------------------------------------------- */

/* Whether the certificate is that of who was asked for: by the address, when no name was agreed. */
static bool is_right(const struct raft_engine_connection *c)
{
    const struct raft_engine_links *l = c->links;

    return l->config.name[0] != '\0' || tls_has_address(c->tls, l->config.endpoint[c->endpoint].at.ip);
}

static void shake(struct raft_engine_connection *c)
{
    switch (tls_handshake(c->tls)) {
    case TLS_DONE:
        if (!is_right(c)) {
            raft_engine_conn_drop(c, ERR_UNAVAILABLE, "its certificate is not for this address");
            return;
        }
        c->place = RAFT_ENGINE_CONN_IDLE;
        raft_engine_conn_go(c);
        return;
    case TLS_READS:
        loop_watch_want(c->watch, LOOP_READ);
        return;
    case TLS_WRITES:
        loop_watch_want(c->watch, LOOP_WRITE);
        return;
    case TLS_ENDED:
    case TLS_FAILED:
        ended(c);
        return;
    }
}

static void connected(struct raft_engine_connection *c)
{
    struct raft_engine_links *l = c->links;
    int fault = 0;
    socklen_t size = sizeof fault;

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &fault, &size) != 0 || fault != 0) {
        raft_engine_conn_drop(c, ERR_UNAVAILABLE, strerror(fault != 0 ? fault : errno));
        return;
    }
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* slower without, not wrong */
    if (!l->config.endpoint[c->endpoint].is_tls) {
        c->place = RAFT_ENGINE_CONN_IDLE;
        raft_engine_conn_go(c);
        return;
    }
    if (tls_new_named(l->config.identity, c->fd, l->config.name, &c->tls) != ERR_OK) {
        raft_engine_conn_drop(c, ERR_UNAVAILABLE, "out of memory");
        return;
    }
    c->place = RAFT_ENGINE_CONN_SHAKING;
    shake(c);
}

static void on_ready(void *context, unsigned bits)
{
    struct raft_engine_connection *c = context;
    struct raft_engine_links *l = c->links;

    (void)bits;
    switch (c->place) {
    case RAFT_ENGINE_CONN_CONNECTING:
        connected(c);
        break;
    case RAFT_ENGINE_CONN_SHAKING:
        shake(c);
        break;
    case RAFT_ENGINE_CONN_IDLE:
    case RAFT_ENGINE_CONN_ASKING:
        if (c->place == RAFT_ENGINE_CONN_ASKING && c->out_sent < c->out_size && !send_out(c)) {
            ended(c);
        } else {
            read_in(c);
        }
        break;
    }
    raft_engine_link_turn(l);
}

void raft_engine_conn_go(struct raft_engine_connection *c)
{
    struct raft_engine_links *l = c->links;
    struct raft_engine_endpoint *end = &l->config.endpoint[c->endpoint];

    if (end->is_lost) {
        log_info("RAFT-ETCD-REACHED", "endpoint=%s", end->url);
        end->is_lost = false;
    }
    if (c->q == NULL) {
        c->since_ms = loop_now_ms();
        loop_watch_want(c->watch, LOOP_READ);
        return;
    }
    c->place = RAFT_ENGINE_CONN_ASKING;
    c->has_bytes = false;
    raft_engine_http_init(&c->http);
    if (!send_out(c)) {
        ended(c);
    }
}

enum err raft_engine_conn_give(struct raft_engine_connection *c, struct raft_engine_question *q)
{
    const struct raft_engine_links *l = c->links;
    uint64_t now_ms = loop_now_ms();
    uint64_t left_ms = q->until_ms > now_ms ? q->until_ms - now_ms : 1;
    char *out = malloc(RAFT_ENGINE_HTTP_REQUEST_ROOM + q->size);

    if (out == NULL) {
        return ERR_NOMEM;
    }
    /* A stream is ended by us; what is answered at once, etcd too gives up when nobody waits any more. */
    uint32_t timeout_ms = q->is_stream ? 0 : left_ms < UINT32_MAX ? (uint32_t)left_ms : UINT32_MAX;
    size_t head = raft_engine_http_request(out, host_of(&l->config.endpoint[c->endpoint]), q->path, q->size, timeout_ms);
    memcpy(out + head, q->body, q->size);
    free(c->out);
    c->out = out;
    c->out_size = head + q->size;
    c->out_sent = 0;
    c->q = q;
    q->connection = c;
    q->endpoint = c->endpoint;
    q->tried |= UINT32_C(1) << c->endpoint;
    q->was_sent = false;
    return ERR_OK;
}

struct raft_engine_connection *raft_engine_conn_open(struct raft_engine_links *l, uint32_t endpoint, const char **why)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const struct sealed_address *at = &l->config.endpoint[endpoint].at;
    bool is_v4 = memcmp(at->ip, mapped, sizeof mapped) == 0;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(at->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
    const struct sockaddr *to = is_v4 ? (const struct sockaddr *)&in : (const struct sockaddr *)&in6;
    struct raft_engine_connection *c = calloc(1, sizeof *c);

    memcpy(&in.sin_addr, at->ip + sizeof mapped, 4);
    memcpy(&in6.sin6_addr, at->ip, 16);
    AUTO_FD int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c == NULL || fd < 0 || (connect(fd, to, is_v4 ? sizeof in : sizeof in6) != 0 && errno != EINPROGRESS)) {
        *why = c == NULL ? "out of memory" : strerror(errno);
        free(c);
        return NULL;
    }
    *c = (struct raft_engine_connection){.links = l, .endpoint = endpoint, .place = RAFT_ENGINE_CONN_CONNECTING, .fd = fd, .since_ms = loop_now_ms()};
    c->watch = loop_watch_new(l->loop, fd, LOOP_WRITE, on_ready, c);
    if (c->watch == NULL) {
        *why = "out of memory";
        free(c);
        return NULL;
    }
    (void)fd_take(&fd);
    c->next = l->connections;
    c->back = &l->connections;
    if (c->next != NULL) {
        c->next->back = &c->next;
    }
    l->connections = c;
    l->connection_count++;
    return c;
}

