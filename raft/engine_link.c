#include "raft/engine_link.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/run/fd.h"
#include "common/run/log.h"

/* How far a connection is. */
enum place {
    CONNECTING,
    SHAKING, /* TLS */
    IDLE,
    ASKING,  /* the question goes out, the answer comes in */
};

struct raft_engine_connection {
    struct raft_engine_connection *next, **back; /* of all */
    struct raft_engine_links *links;
    uint32_t endpoint;
    enum place place;
    int fd;
    struct loop_watch *watch;
    struct tls *tls;             /* NULL: plain */
    uint64_t since_ms;           /* of this place */
    struct raft_engine_question *q; /* whose it is; NULL: nobody's */
    bool is_stream, is_used;     /* is_used: it has answered before */
    bool has_bytes;              /* of the answer, some came */
    char *out;                   /* head and body of the question; owned */
    size_t out_size, out_sent;
    struct raft_engine_http http;
    char *in;                    /* body of the answer, or the beginning of a line; owned */
    size_t in_size, in_room;
};

struct raft_engine_links {
    struct loop *loop;
    struct loop_timer *timer;
    struct raft_engine_link_config config;
    struct raft_engine_connection *connections;
    struct raft_engine_question *waiting, **last;
    uint32_t connection_count, stream_count, waiting_count;
    uint32_t best;               /* endpoint that answered last */
    bool is_closing, is_turning;
    char why[RAFT_ENGINE_LINK_WHY_SIZE];
};

static void turn(struct raft_engine_links *l);
static void go_on(struct raft_engine_connection *c);

const char *raft_engine_link_why(const struct raft_engine_links *l)
{
    return l->why;
}

enum err raft_engine_link_parse(const char *url, struct raft_engine_endpoint *ret)
{
    struct raft_engine_endpoint e = {0};
    const char *host;

    if (strlen(url) > RAFT_ENGINE_LINK_URL_MAX) {
        return ERR_INVALID;
    }
    if (strncmp(url, "http://", 7) == 0) {
        host = url + 7;
    } else if (strncmp(url, "https://", 8) == 0) {
        host = url + 8;
        e.is_tls = true;
    } else {
        return ERR_INVALID;
    }
    if (address_parse(host, &e.at) != ERR_OK) {
        return ERR_INVALID;
    }
    memcpy(e.url, url, strlen(url) + 1);
    *ret = e;
    return ERR_OK;
}

static const char *host_of(const struct raft_engine_endpoint *e)
{
    return strstr(e->url, "//") + 2;
}

/* ---- those that wait ---------------------------------------------------------------------------- */

static void enqueue(struct raft_engine_links *l, struct raft_engine_question *q)
{
    q->connection = NULL;
    q->next = NULL;
    q->back = l->last;
    *l->last = q;
    l->last = &q->next;
    l->waiting_count++;
}

static void dequeue(struct raft_engine_links *l, struct raft_engine_question *q)
{
    *q->back = q->next;
    if (q->next != NULL) {
        q->next->back = q->back;
    } else {
        l->last = q->back;
    }
    q->back = NULL;
    l->waiting_count--;
}

/* The timer looks after deadlines as long as there are some, and after idle connections. */
static void arm(struct raft_engine_links *l)
{
    bool is_busy = l->waiting != NULL;

    for (const struct raft_engine_connection *c = l->connections; c != NULL && !is_busy; c = c->next) {
        is_busy = c->place != IDLE;
    }
    if (is_busy) {
        loop_timer_again(l->timer, RAFT_ENGINE_LINK_LOOK_MS, RAFT_ENGINE_LINK_LOOK_MS);
    } else {
        loop_timer_again(l->timer, RAFT_ENGINE_LINK_IDLE_MS, RAFT_ENGINE_LINK_IDLE_MS);
    }
}

/* ---- the end of a connection -------------------------------------------------------------------- */

static void connection_free(struct raft_engine_connection *c)
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

/* Take the question away from its connection. */
static struct raft_engine_question *detach(struct raft_engine_connection *c)
{
    struct raft_engine_question *q = take_ptr(&c->q);

    if (q != NULL) {
        q->connection = NULL;
    }
    return q;
}

/* What becomes of a question whose connection ended before its answer did. */
static void lost(struct raft_engine_links *l, struct raft_engine_question *q, enum err e)
{
    bool is_seen = q->was_sent && !q->is_repeatable;
    uint32_t all = (UINT32_C(1) << l->config.count) - 1;

    if (l->is_closing || is_seen || e == ERR_LIMIT || e == ERR_MALFORMED || (q->tried & all) == all) {
        q->done(q, l->is_closing ? ERR_CANCELLED : e, 0, "", 0);
        return;
    }
    enqueue(l, q);
}

/* It is of no more use. e: ERR_UNAVAILABLE before it was up, else ERR_PEER_DEAD, ERR_LIMIT or ERR_MALFORMED. */
static void drop(struct raft_engine_connection *c, enum err e, const char *why)
{
    struct raft_engine_links *l = c->links;
    struct raft_engine_endpoint *end = &l->config.endpoint[c->endpoint];
    struct raft_engine_question *q = detach(c);

    if (e != ERR_LIMIT) {
        (void)snprintf(l->why, sizeof l->why, "%s: %s", end->url, why);
    }
    if (e == ERR_UNAVAILABLE || (e == ERR_PEER_DEAD && q != NULL)) {
        end->rest_until_ms = loop_now_ms() + RAFT_ENGINE_LINK_REST_MS;
        if (!end->is_lost) {
            log_warn("RAFT-ETCD-LOST", "endpoint=%s why=\"%.128s\" action=\"the others are asked, and it again later\"", end->url, why);
        }
        end->is_lost = true;
    }
    connection_free(c);
    if (q != NULL) {
        lost(l, q, e);
    }
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
    struct raft_engine_question *q = detach(c);
    char *text = take_ptr(&c->in);
    size_t size = c->in_size;
    int status = c->http.status;

    l->best = c->endpoint;
    c->in_size = c->in_room = 0;
    c->is_used = true;
    if (c->http.closes || c->is_stream) {
        connection_free(c);
    } else {
        c->place = IDLE;
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
            drop(c, e == ERR_MALFORMED ? ERR_MALFORMED : ERR_LIMIT, "it answers with what is no HTTP");
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
    if (c->place == ASKING && c->has_bytes && raft_engine_http_end(&c->http)) {
        complete(c);
        return;
    }
    drop(c, c->place == CONNECTING || c->place == SHAKING ? ERR_UNAVAILABLE : ERR_PEER_DEAD,
         c->tls != NULL && tls_why(c->tls)[0] != '\0' ? tls_why(c->tls) : "the connection ended");
}

static void read_in(struct raft_engine_connection *c)
{
    static uint8_t bytes[RAFT_ENGINE_LINK_READ]; /* one thread, and nothing is kept in it */
    ssize_t n;

    do {
        n = carry(c, false, bytes, sizeof bytes);
        if (n < 0 || (n > 0 && c->place == IDLE)) { /* a word that nobody asked for */
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
            drop(c, ERR_UNAVAILABLE, "its certificate is not for this address");
            return;
        }
        c->place = IDLE;
        go_on(c);
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
        drop(c, ERR_UNAVAILABLE, strerror(fault != 0 ? fault : errno));
        return;
    }
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* slower without, not wrong */
    if (!l->config.endpoint[c->endpoint].is_tls) {
        c->place = IDLE;
        go_on(c);
        return;
    }
    if (tls_new_named(l->config.identity, c->fd, l->config.name, &c->tls) != ERR_OK) {
        drop(c, ERR_UNAVAILABLE, "out of memory");
        return;
    }
    c->place = SHAKING;
    shake(c);
}

static void on_ready(void *context, unsigned bits)
{
    struct raft_engine_connection *c = context;
    struct raft_engine_links *l = c->links;

    (void)bits;
    switch (c->place) {
    case CONNECTING:
        connected(c);
        break;
    case SHAKING:
        shake(c);
        break;
    case IDLE:
    case ASKING:
        if (c->place == ASKING && c->out_sent < c->out_size && !send_out(c)) {
            ended(c);
        } else {
            read_in(c);
        }
        break;
    }
    turn(l);
}

/* A connection that is up sends its question. */
static void go_on(struct raft_engine_connection *c)
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
    c->place = ASKING;
    c->has_bytes = false;
    raft_engine_http_init(&c->http);
    if (!send_out(c)) {
        ended(c);
    }
}

/* Write the question down for this connection. */
static enum err take_question(struct raft_engine_connection *c, struct raft_engine_question *q)
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

/* Begin a connection. NULL: *why. */
static struct raft_engine_connection *connect_to(struct raft_engine_links *l, uint32_t endpoint, const char **why)
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
    *c = (struct raft_engine_connection){.links = l, .endpoint = endpoint, .place = CONNECTING, .fd = fd, .since_ms = loop_now_ms()};
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

/* ---- who asks whom ------------------------------------------------------------------------------ */

/* An endpoint that the question has not tried: the best one, those that rest last. */
static uint32_t choose(const struct raft_engine_links *l, const struct raft_engine_question *q, uint64_t now_ms)
{
    uint32_t chosen = l->config.count;

    for (uint32_t i = 0; i < l->config.count; i++) {
        uint32_t at = (l->best + i) % l->config.count;
        bool rests = l->config.endpoint[at].rest_until_ms > now_ms;
        if ((q->tried & UINT32_C(1) << at) == 0) {
            if (!rests) {
                return at;
            }
            chosen = chosen == l->config.count ? at : chosen;
        }
    }
    return chosen;
}

static struct raft_engine_connection *find_idle(const struct raft_engine_links *l, uint32_t endpoint)
{
    for (struct raft_engine_connection *c = l->connections; c != NULL; c = c->next) {
        if (c->place == IDLE && c->endpoint == endpoint) {
            return c;
        }
    }
    return NULL;
}

/* Give a question a connection. False: there is none for it now. */
static bool begin(struct raft_engine_links *l, struct raft_engine_question *q)
{
    uint32_t endpoint = choose(l, q, loop_now_ms());
    const char *why = "";

    if (endpoint == l->config.count) { /* tried everywhere */
        dequeue(l, q);
        q->done(q, ERR_UNAVAILABLE, 0, "", 0);
        return true;
    }
    struct raft_engine_connection *c = q->is_stream ? NULL : find_idle(l, endpoint);
    bool is_up = c != NULL;
    if (c == NULL && !q->is_stream && l->connection_count - l->stream_count >= RAFT_ENGINE_LINK_PLAIN_MAX) {
        return false;
    }
    if (c == NULL && (c = connect_to(l, endpoint, &why)) == NULL) {
        (void)snprintf(l->why, sizeof l->why, "%s: %s", l->config.endpoint[endpoint].url, why);
        l->config.endpoint[endpoint].rest_until_ms = loop_now_ms() + RAFT_ENGINE_LINK_REST_MS;
        q->tried |= UINT32_C(1) << endpoint;
        return true; /* another one, in the next round */
    }
    dequeue(l, q);
    if (take_question(c, q) != ERR_OK) {
        connection_free(c);
        q->done(q, ERR_UNAVAILABLE, 0, "", 0);
        return true;
    }
    c->is_stream = q->is_stream;
    l->stream_count += c->is_stream;
    c->since_ms = loop_now_ms();
    if (is_up) {
        go_on(c);
    }
    return true;
}

/* All that can begin does. Those that cannot wait for others of their kind to end. */
static void turn(struct raft_engine_links *l)
{
    if (l->is_turning || l->is_closing) {
        return;
    }
    l->is_turning = true;
    for (bool has_begun = true; has_begun;) {
        has_begun = false;
        for (struct raft_engine_question *q = l->waiting; q != NULL && !has_begun; q = q->next) {
            has_begun = begin(l, q); /* which may change the line in any way: from its front again */
        }
    }
    l->is_turning = false;
    arm(l);
}

static void on_timer(void *context)
{
    struct raft_engine_links *l = context;
    uint64_t now_ms = loop_now_ms();

    for (struct raft_engine_question *q = l->waiting, *next; q != NULL; q = next) {
        next = q->next;
        if (q->until_ms <= now_ms) {
            dequeue(l, q);
            q->done(q, ERR_TIMEOUT, 0, "", 0);
            next = l->waiting; /* anything may have happened to the line */
        }
    }
    for (struct raft_engine_connection *c = l->connections, *next; c != NULL; c = next) {
        next = c->next;
        if (c->place == IDLE && c->since_ms + RAFT_ENGINE_LINK_IDLE_MS <= now_ms) {
            connection_free(c);
        } else if (c->q != NULL && c->q->until_ms <= now_ms) {
            struct raft_engine_question *q = detach(c);
            connection_free(c); /* the answer may come, and would be taken for the next one's */
            q->done(q, ERR_TIMEOUT, 0, "", 0);
            next = l->connections;
        } else if ((c->place == CONNECTING || c->place == SHAKING) && c->since_ms + RAFT_ENGINE_LINK_CONNECT_MS <= now_ms) {
            drop(c, ERR_UNAVAILABLE, "no connection in time");
            next = l->connections;
        }
    }
    turn(l);
}

/* ---- for those who ask -------------------------------------------------------------------------- */

enum err raft_engine_link_open(struct loop *loop, const struct raft_engine_link_config *config, struct raft_engine_links **ret)
{
    struct raft_engine_links *l = calloc(1, sizeof *l);

    assert(config->count > 0 && config->count <= RAFT_ENGINE_LINK_ENDPOINTS_MAX);
    if (l == NULL) {
        return ERR_NOMEM;
    }
    *l = (struct raft_engine_links){.loop = loop, .config = *config, .last = &l->waiting};
    l->timer = loop_timer_new(loop, RAFT_ENGINE_LINK_IDLE_MS, RAFT_ENGINE_LINK_IDLE_MS, on_timer, l);
    if (l->timer == NULL) {
        free(l);
        return ERR_NOMEM;
    }
    *ret = l;
    return ERR_OK;
}

enum err raft_engine_link_ask(struct raft_engine_links *l, struct raft_engine_question *q)
{
    if (l->waiting_count >= RAFT_ENGINE_LINK_WAITING_MAX ||
        (q->is_stream && l->stream_count >= RAFT_ENGINE_LINK_CONNECTIONS_MAX - RAFT_ENGINE_LINK_PLAIN_MAX)) {
        return ERR_LIMIT;
    }
    q->tried = 0;
    q->was_sent = false;
    enqueue(l, q);
    loop_timer_again(l->timer, 0, RAFT_ENGINE_LINK_LOOK_MS); /* not from here: `done` may be called */
    return ERR_OK;
}

void raft_engine_link_withdraw(struct raft_engine_links *l, struct raft_engine_question *q)
{
    struct raft_engine_connection *c = q->connection;

    if (c != NULL) {
        (void)detach(c);
        connection_free(c);
    } else if (q->back != NULL) {
        dequeue(l, q);
    }
}

void raft_engine_link_close(struct raft_engine_links *l)
{
    if (l == NULL) {
        return;
    }
    l->is_closing = true;
    while (l->waiting != NULL) {
        struct raft_engine_question *q = l->waiting;
        dequeue(l, q);
        q->done(q, ERR_CANCELLED, 0, "", 0);
    }
    while (l->connections != NULL) {
        struct raft_engine_question *q = detach(l->connections);
        connection_free(l->connections);
        if (q != NULL) {
            q->done(q, ERR_CANCELLED, 0, "", 0);
        }
    }
    loop_timer_free(l->timer);
    free(l);
}
