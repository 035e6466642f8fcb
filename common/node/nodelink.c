/* Links: from the socket over the handshake to whole messages, in and out. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/bytes.h"
#include "common/node/nodelink_room.h"
#include "common/run/fd.h"

enum {
    READ_SIZE = TLS_RECORD_MAX, /* a whole record: nothing stays where no watch sees it    */
    READS_MAX = 8,              /* records before others get their turn                    */
    ACCEPTS_MAX = 16,
    PAUSE_MS = 100,             /* without descriptors, until connections are taken again  */
    LENGTH_LEN = 8,
};

static const char *const refusal_names[] = {
#define X(name, text) #name,
    NODELINK_REFUSAL_MAP(X)
#undef X
};

const char *nodelink_refusal_name(enum nodelink_refusal refusal)
{
    assert((unsigned)refusal < NODELINK_REFUSALS);
    return refusal_names[refusal];
}

static const char revoked[] = "the peer's certificate: revoked";

static void on_ready(void *context, unsigned bits);

/* ---- ends --------------------------------------------------------------------------------------- */

void nodelink_soon(struct nodelinks *l, uint64_t due_ms)
{
    if (due_ms < l->due_ms) {
        uint64_t now_ms = loop_now_ms();
        l->due_ms = due_ms;
        loop_timer_again(l->timer, due_ms > now_ms ? due_ms - now_ms : 0, 0);
    }
}

static void free_out(struct nodelink *k)
{
    while (k->first != NULL) {
        struct nodelink_out *out = k->first;
        k->first = out->next;
        free(out);
    }
    k->last = NULL;
}

static void end_why(struct nodelink *k, const char *why)
{
    struct nodelinks *l = k->owner;
    bool was_up = k->stage == NODELINK_UP;

    k->is_over = true;
    if (k->is_busy) {
        return; /* whoever is busy with it comes back here */
    }
    struct nodelink **at = &l->links;
    while (*at != k) {
        at = &(*at)->next;
    }
    *at = k->next;
    if (k->peer == NULL) {
        l->numbers.links--;
        l->shaking -= !was_up;
    } else {
        k->peer->link = NULL;
        nodelink_ask_lost(l, k->peer, was_up, why);
    }
    l->numbers.lost += was_up;
    loop_watch_free(k->watch);
    tls_free(k->tls);
    fd_close(&k->fd);
    sp_frame_fini(&k->in);
    free_out(k);
    free(k);
}

void nodelink_end(struct nodelink *k)
{
    end_why(k, "");
}

static void refuse(struct nodelink *k, enum nodelink_refusal refusal, const char *why)
{
    k->owner->numbers.refused[refusal]++;
    end_why(k, why);
}

/* ---- out ---------------------------------------------------------------------------------------- */

struct nodelink_out *nodelink_frame(const uint8_t *trace, size_t trace_len, const uint8_t *body, size_t size)
{
    struct nodelink_out *out = malloc(sizeof *out + LENGTH_LEN + trace_len + size);

    if (out != NULL) {
        *out = (struct nodelink_out){.size = LENGTH_LEN + trace_len + size};
        bytes_put_be64(out->bytes, trace_len + size);
        memcpy(out->bytes + LENGTH_LEN, trace, trace_len);
        if (size > 0) {
            memcpy(out->bytes + LENGTH_LEN + trace_len, body, size);
        }
    }
    return out;
}

/* Write what waits. False: the link is of no more use. */
static bool push(struct nodelink *k)
{
    while (k->first != NULL) {
        struct nodelink_out *out = k->first;
        size_t sent = 0;
        enum tls_step step = tls_write(k->tls, out->bytes + out->at, out->size - out->at, &sent);
        if (step == TLS_READS || step == TLS_WRITES) {
            loop_watch_want(k->watch, step == TLS_WRITES ? LOOP_READ | LOOP_WRITE : LOOP_READ);
            return true;
        }
        if (step != TLS_DONE) {
            return false;
        }
        out->at += sent;
        if (out->at == out->size) {
            k->first = out->next;
            k->out_count -= !out->is_part;
            k->part_count -= out->is_part;
            k->part_bytes -= out->is_part ? out->size : 0;
            k->used_ms = loop_now_ms();
            free(out);
        }
    }
    k->last = NULL;
    loop_watch_want(k->watch, LOOP_READ);
    return true;
}

bool nodelink_put(struct nodelink *k, struct nodelink_out *out)
{
    bool was_empty = k->first == NULL;

    if (was_empty) {
        k->first = out;
    } else {
        k->last->next = out;
    }
    k->last = out;
    k->out_count += !out->is_part;
    k->part_count += out->is_part;
    k->part_bytes += out->is_part ? out->size : 0;
    if (was_empty && !push(k)) {
        nodelink_end(k);
        return false;
    }
    return true;
}

/* ---- in ----------------------------------------------------------------------------------------- */

static void on_message(void *context, const uint8_t *trace, size_t trace_len, const uint8_t *body, size_t size)
{
    struct nodelink *k = context;
    struct nodelinks *l = k->owner;
    struct nodelink_ticket ticket = {.link = k->number, .trace_len = (uint32_t)trace_len};

    if (k->is_over) {
        return; /* cut off by an answer to an earlier message of the same bytes */
    }
    k->used_ms = loop_now_ms();
    if (k->peer != NULL) {
        nodelink_ask_take(k->peer, bytes_get_be32(trace + trace_len - SP_WIRE_ID_LEN), body, size);
        return;
    }
    memcpy(ticket.trace, trace, trace_len);
    l->numbers.questions++;
    k->open++;
    l->config.question(l->config.context, &k->who, &ticket, body, size);
}

static void pull(struct nodelink *k)
{
    static uint8_t bytes[READ_SIZE]; /* one thread reads one link at a time */
    enum err e = ERR_OK;
    enum tls_step step = TLS_DONE;

    k->is_busy = true;
    for (unsigned i = 0; i < READS_MAX && e == ERR_OK && step == TLS_DONE && !k->is_over; i++) {
        size_t size = 0;
        uint64_t dropped = 0;
        step = tls_read(k->tls, bytes, sizeof bytes, &size);
        if (step == TLS_DONE) {
            e = sp_frame_feed(&k->in, bytes, size, on_message, k, &dropped);
            k->owner->numbers.answers_dropped += dropped;
        }
    }
    k->is_busy = false;
    if (e == ERR_MALFORMED || e == ERR_LIMIT) {
        refuse(k, e == ERR_LIMIT ? NODELINK_REFUSED_LARGE : NODELINK_REFUSED_MALFORMED, err_text(e));
    } else if (k->is_over || e != ERR_OK || step == TLS_ENDED || step == TLS_FAILED) {
        nodelink_end(k);
    }
}

/* ---- the handshake ------------------------------------------------------------------------------ */

/* Whether the certificate is of whom this link is for. */
static bool is_right_node(struct nodelink *k)
{
    return tls_peer(k->tls, &k->who) == ERR_OK &&
           memcmp(k->who.cluster_id, k->owner->config.cluster_id, NODE_CLUSTER_ID_LEN) == 0 &&
           (k->peer == NULL || memcmp(k->who.id, k->peer->id, NODE_ID_LEN) == 0);
}

static void greet(struct nodelink *k)
{
    struct nodelink_out *out = malloc(sizeof *out + SP_WIRE_HELLO_LEN);

    if (out == NULL) {
        nodelink_end(k);
        return;
    }
    *out = (struct nodelink_out){.size = SP_WIRE_HELLO_LEN};
    (k->peer == NULL ? sp_frame_hello_put : sp_wire_hello_put)(out->bytes);
    if (nodelink_put(k, out) && k->peer != NULL) {
        nodelink_ask_flush(k->peer);
    }
}

static void come_up(struct nodelink *k)
{
    struct nodelinks *l = k->owner;
    uint64_t now_us = loop_now_us();

    if (!is_right_node(k)) {
        refuse(k, NODELINK_REFUSED_NODE, "the certificate is another node's");
        return;
    }
    if (tls_is_revoked(k->tls, l->config.identity)) { /* since the handshake began */
        refuse(k, NODELINK_REFUSED_CERTIFICATE, revoked);
        return;
    }
    if (k->peer == NULL) {
        l->shaking--;
        l->numbers.accepted++;
    } else {
        l->numbers.connected++;
        k->peer->numbers.connects++;
        k->peer->numbers.handshake_us = (uint32_t)(now_us - k->since_us);
        k->peer->numbers.why[0] = '\0';
        k->peer->retry_ms = NODELINK_RETRY_MS;
    }
    k->stage = NODELINK_UP;
    k->used_ms = now_us / 1000;
    nodelink_soon(l, k->used_ms + NODELINK_IDLE_MS);
    greet(k);
}

static void shake(struct nodelink *k)
{
    static const enum nodelink_refusal refusals[] = {
        [TLS_FAULT_OTHER] = NODELINK_REFUSED_PLAIN,
        [TLS_FAULT_CERTIFICATE] = NODELINK_REFUSED_CERTIFICATE,
        [TLS_FAULT_DECLINED] = NODELINK_REFUSED_DECLINED,
    };
    char why[TLS_WHY_SIZE];

    switch (tls_handshake(k->tls)) {
    case TLS_DONE:
        come_up(k);
        break;
    case TLS_READS:
        k->want = LOOP_READ;
        loop_watch_want(k->watch, k->want);
        break;
    case TLS_WRITES:
        k->want = LOOP_READ | LOOP_WRITE;
        loop_watch_want(k->watch, k->want);
        break;
    case TLS_ENDED:
        refuse(k, NODELINK_REFUSED_PLAIN, "ended in the handshake");
        break;
    case TLS_FAILED:
        (void)snprintf(why, sizeof why, "%s", tls_why(k->tls));
        refuse(k, refusals[tls_fault(k->tls)], why);
        break;
    }
}

/* None of these can fail on a TCP socket; without them a link is slower, or noticed dead later. */
static void tune(int fd)
{
    const int yes = 1, idle_s = NODELINK_ALIVE_S, every_s = NODELINK_ALIVE_EVERY_S, times = NODELINK_ALIVE_TIMES;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof every_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
}

/* The socket is connected. */
static void begin_tls(struct nodelink *k)
{
    tune(k->fd);
    k->stage = NODELINK_SHAKING;
    k->since_us = loop_now_us();
    nodelink_soon(k->owner, k->since_us / 1000 + NODELINK_SHAKE_MS);
    if (tls_new(k->owner->config.identity, k->peer == NULL, k->fd, &k->tls) != ERR_OK) {
        end_why(k, "out of memory");
    } else if (k->peer != NULL) {
        shake(k); /* who was asked waits to be greeted */
    } else {
        k->want = LOOP_READ;
        loop_watch_want(k->watch, k->want);
    }
}

static void on_connected(struct nodelink *k)
{
    int fault = 0;
    socklen_t len = sizeof fault;

    if (getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &fault, &len) != 0 || fault != 0) {
        end_why(k, strerror(fault != 0 ? fault : errno));
        return;
    }
    begin_tls(k);
}

/* Strangers get so much computing and no more; whom we asked ourselves is none. */
static bool may_step(struct nodelink *k)
{
    struct nodelinks *l = k->owner;
    uint64_t now_us = loop_now_us(), held;

    if (k->peer != NULL || rate_pass(&l->steps, NODELINK_STEPS_MAX, 1000000, now_us, &held)) {
        return true;
    }
    k->is_held = true;
    loop_watch_want(k->watch, 0);
    nodelink_soon(l, now_us / 1000 + PAUSE_MS);
    return false;
}

static void on_ready(void *context, unsigned bits)
{
    struct nodelink *k = context;

    switch (k->stage) {
    case NODELINK_CONNECTING:
        on_connected(k);
        break;
    case NODELINK_SHAKING:
        if (may_step(k)) {
            shake(k);
        }
        break;
    case NODELINK_UP:
        if ((bits & LOOP_WRITE) != 0 && !push(k)) {
            nodelink_end(k);
        } else if ((bits & LOOP_READ) != 0) {
            pull(k);
        }
        break;
    }
}

/* ---- beginnings --------------------------------------------------------------------------------- */

/* Takes fd. NULL without memory. */
static struct nodelink *begin(struct nodelinks *l, int fd, struct nodelink_peer *p, unsigned want)
{
    struct nodelink *k = calloc(1, sizeof *k);

    if (k != NULL) {
        *k = (struct nodelink){.owner = l, .peer = p, .number = ++l->last_number, .fd = fd, .since_us = loop_now_us(),
                               .in = {.most = l->config.message_max + SP_FRAME_TRACE_MAX, .is_requester = p != NULL,
                                      .is_tcp = true}};
        k->watch = loop_watch_new(l->loop, fd, want, on_ready, k);
    }
    if (k == NULL || k->watch == NULL) {
        free(k);
        fd_close(&fd);
        return NULL;
    }
    k->next = l->links;
    l->links = k;
    return k;
}

bool nodelink_connect(struct nodelinks *l, struct nodelink_peer *p)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool is_v4 = memcmp(p->at.ip, mapped, sizeof mapped) == 0;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(p->at.port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(p->at.port)};
    const struct sockaddr *to = is_v4 ? (const struct sockaddr *)&in : (const struct sockaddr *)&in6;

    memcpy(&in.sin_addr, p->at.ip + sizeof mapped, 4);
    memcpy(&in6.sin6_addr, p->at.ip, 16);
    p->numbers.attempts++;
    AUTO_FD int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (connect(fd, to, is_v4 ? sizeof in : sizeof in6) != 0 && errno != EINPROGRESS)) {
        (void)snprintf(p->numbers.why, sizeof p->numbers.why, "%s", strerror(errno));
        return false;
    }
    p->link = begin(l, fd_take(&fd), p, LOOP_WRITE);
    if (p->link == NULL) {
        (void)snprintf(p->numbers.why, sizeof p->numbers.why, "out of memory");
        return false;
    }
    nodelink_soon(l, loop_now_ms() + NODELINK_SHAKE_MS);
    return true;
}

static void on_connect(void *context, unsigned bits)
{
    struct nodelinks *l = context;

    (void)bits;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        int fd = accept4(l->config.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
            loop_watch_want(l->listen_watch, 0); /* it would be readable at once, again and again */
            nodelink_soon(l, loop_now_ms() + PAUSE_MS);
            return;
        }
        if (fd < 0) {
            return;
        }
        if (l->numbers.links >= NODELINK_ACCEPTED_MAX || l->shaking >= NODELINK_SHAKING_MAX) {
            l->numbers.refused[NODELINK_REFUSED_FULL]++;
            fd_close(&fd);
            continue;
        }
        struct nodelink *k = begin(l, fd, NULL, LOOP_READ);
        if (k == NULL) {
            l->numbers.refused[NODELINK_REFUSED_FULL]++;
            continue;
        }
        l->numbers.links++;
        l->shaking++;
        begin_tls(k);
    }
}

/* ---- time --------------------------------------------------------------------------------------- */

/* Somebody waits for an answer: not idle, however long that takes. */
static bool is_awaited(const struct nodelink *k)
{
    return k->stage == NODELINK_UP && (k->peer != NULL ? k->peer->in_flight + k->peer->streams > 0 : k->open > 0);
}

/* Whether it ended: then others may have, too, in callbacks. */
static bool look_at(struct nodelink *k, uint64_t now_ms)
{
    if (k->is_held) {
        k->is_held = false;
        loop_watch_want(k->watch, k->want);
    }
    if (is_awaited(k)) {
        k->used_ms = now_ms;
    }
    uint64_t due_ms = k->stage == NODELINK_UP ? k->used_ms + NODELINK_IDLE_MS : k->since_us / 1000 + NODELINK_SHAKE_MS;

    if (now_ms < due_ms) {
        nodelink_soon(k->owner, due_ms);
        return false;
    }
    if (k->stage == NODELINK_UP) {
        k->owner->numbers.idle_closed++;
        nodelink_end(k);
    } else {
        refuse(k, NODELINK_REFUSED_SLOW, k->stage == NODELINK_CONNECTING ? "no connection in time" : "no handshake in time");
    }
    return true;
}

static void on_due(void *context)
{
    struct nodelinks *l = context;
    uint64_t now_ms = loop_now_ms();

    l->due_ms = UINT64_MAX;
    if (l->listen_watch != NULL) {
        loop_watch_want(l->listen_watch, LOOP_READ);
    }
    for (struct nodelink *k = l->links; k != NULL;) {
        struct nodelink *next = k->next;
        k = look_at(k, now_ms) ? l->links : next;
    }
    nodelink_ask_look(l, now_ms);
}

/* ---- answering, opening, closing ---------------------------------------------------------------- */

/* The link that a question came over; NULL: it has ended. */
static struct nodelink *link_of(const struct nodelinks *l, const struct nodelink_ticket *ticket)
{
    struct nodelink *k = l->links;

    while (k != NULL && (k->number != ticket->link || k->peer != NULL)) {
        k = k->next;
    }
    return k == NULL || k->is_over ? NULL : k;
}

void nodelink_unasked(struct nodelinks *l, const struct nodelink_ticket *ticket)
{
    struct nodelink *k = link_of(l, ticket);

    if (k != NULL) {
        k->open -= k->open > 0;
    }
}

enum err nodelink_answer_part(struct nodelinks *l, const struct nodelink_ticket *ticket, const uint8_t *body, size_t size)
{
    struct nodelink *k = link_of(l, ticket);

    if (k == NULL) {
        l->numbers.answers_dropped++;
        return ERR_PEER_DEAD;
    }
    if (size > l->config.message_max || k->part_count >= NODELINK_PARTS_MAX ||
        k->part_bytes + size > NODELINK_PARTS_MESSAGES * l->config.message_max) {
        return ERR_LIMIT;
    }
    struct nodelink_out *out = nodelink_frame(ticket->trace, ticket->trace_len, body, size);
    if (out == NULL) {
        return ERR_NOMEM;
    }
    out->is_part = true;
    return nodelink_put(k, out) ? ERR_OK : ERR_PEER_DEAD;
}

enum err nodelink_answer(struct nodelinks *l, const struct nodelink_ticket *ticket, const uint8_t *body, size_t size)
{
    struct nodelink *k = link_of(l, ticket);

    if (k == NULL) {
        l->numbers.answers_dropped++;
        return ERR_PEER_DEAD;
    }
    if (size > l->config.message_max) {
        return ERR_LIMIT;
    }
    if (k->out_count >= NODELINK_ANSWERS_MAX) {
        refuse(k, NODELINK_REFUSED_UNREAD, "");
        return ERR_LIMIT;
    }
    struct nodelink_out *out = nodelink_frame(ticket->trace, ticket->trace_len, body, size);
    if (out == NULL) {
        return ERR_NOMEM;
    }
    k->open -= k->open > 0;
    return nodelink_put(k, out) ? ERR_OK : ERR_PEER_DEAD;
}

enum err nodelink_open(struct loop *loop, const struct nodelink_config *config, struct nodelinks **ret)
{
    struct nodelinks *l = calloc(1, sizeof *l);
    int listening = 0, own = config->listen_fd;
    socklen_t len = sizeof listening;
    uint64_t seed;

    bool is_sound = config->message_max >= 1 && config->message_max <= SP_MESSAGE_MAX &&
                    (own < 0 || (config->question != NULL &&
                                 getsockopt(own, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening));
    if (l == NULL || !is_sound) {
        fd_close(&own);
        free(l);
        return is_sound ? ERR_NOMEM : ERR_INVALID;
    }
    l->loop = loop;
    l->config = *config;
    l->due_ms = UINT64_MAX;
    randombytes_buf(&seed, sizeof seed);
    rng_init(&l->rng, seed);
    l->last_id = (uint32_t)rng_next(&l->rng);
    l->timer = loop_timer_new(loop, UINT32_MAX, 0, on_due, l);
    l->listen_watch = own < 0 ? NULL : loop_watch_new(loop, own, LOOP_READ, on_connect, l);
    if (l->timer == NULL || (own >= 0 && l->listen_watch == NULL)) {
        nodelink_close(l);
        return ERR_NOMEM;
    }
    *ret = l;
    return ERR_OK;
}

void nodelink_recredential(struct nodelinks *l, struct tls_identity *identity)
{
    l->config.identity = identity;
    for (struct nodelink *k = l->links; k != NULL;) {
        struct nodelink *next = k->next;
        if (k->stage == NODELINK_UP && !k->is_over && tls_is_revoked(k->tls, identity)) {
            refuse(k, NODELINK_REFUSED_CERTIFICATE, revoked);
            next = l->links; /* whoever was told of lost questions may have ended others */
        }
        k = next;
    }
}

void nodelink_count(const struct nodelinks *l, struct nodelink_numbers *ret)
{
    *ret = l->numbers;
}

void nodelink_close(struct nodelinks *l)
{
    if (l == NULL) {
        return;
    }
    nodelink_ask_close(l); /* first: so that the end of a link finds no question to try again */
    while (l->links != NULL) {
        nodelink_end(l->links);
    }
    while (l->peers != NULL) {
        struct nodelink_peer *p = l->peers;
        l->peers = p->next;
        free(p);
    }
    loop_watch_free(l->listen_watch);
    loop_timer_free(l->timer);
    fd_close(&l->config.listen_fd);
    free(l);
}
