/* The SP wire under the doors without nng: our own sockets on our own loop.
 *
 * For the supervisor, and for cells that ask for it (cell_main_own_wire). An nng socket starts 13
 * threads and takes 10 KiB a connection: a third of the supervisor's memory with a hundred cells, and
 * two thread switches a message. Any nng client connects as before: the bytes are the same
 * (docs/PROTOCOL.md, section 2). */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/door_core.h"
#include "common/run/fd.h"
#include "common/run/sp_frame.h"

enum {
    SP_BUCKETS = 256,             /* of connections by id                                           */
    SP_OPERATOR_RESERVE = 16,     /* of all: however many cells there are, a person gets in         */
    SP_READ_SIZE = 64 * 1024,     /* bytes taken from one connection before others get their turn   */
    SP_ACCEPTS = 64,              /* connections taken in one turn                                  */
    SP_PAUSE_MS = 100,            /* without descriptors: until the next attempt to accept          */
};

/* Bytes that the socket has not taken yet. */
struct sp_out {
    struct sp_out *next;
    size_t at;
    size_t size;
    uint8_t data[];
};

struct sp_peer {
    struct door_peer base; /* first: a peer is its sp_peer */
    struct sp_peer *next;  /* in its bucket                */
    struct cell *cell;
    int fd;
    struct loop_watch *watch;
    struct sp_frame in;
    struct sp_out *first;
    struct sp_out *last;
    size_t held_count;
    size_t held_bytes;
    bool is_feeding; /* its bytes are being taken apart: not to be freed now */
    bool is_over;    /* to be freed                                          */
};

struct sp_listener {
    struct carrier *carrier;
    int fd;
    size_t most;
    bool is_operators;
    bool is_made; /* by us, so its name goes when it is closed; others outlive us */
    struct loop_watch *watch;
};

struct carrier {
    struct door *door;
    struct cell *cell;
    struct sp_listener *listeners[DOOR_MAX];
    size_t listener_count;
    struct sp_peer *peers[SP_BUCKETS];
    uint32_t peer_count;
    uint64_t refused;
    uint32_t last_id;
    struct loop_timer *pause_timer;
};

/* ---- connections ------------------------------------------------------------------------------- */

static struct sp_peer **find(struct carrier *c, uint32_t id)
{
    struct sp_peer **at = &c->peers[id % SP_BUCKETS];

    while (*at != NULL && (*at)->base.id != id) {
        at = &(*at)->next;
    }
    return at;
}

/* A connection ends: what it had not read is counted. */
static void end(struct carrier *c, struct sp_peer *peer)
{
    peer->is_over = true;
    if (peer->is_feeding) {
        return; /* whoever feeds it comes back here */
    }
    struct sp_peer **at = find(c, peer->base.id);
    assert(*at == peer);
    *at = peer->next;
    c->peer_count--;
    while (peer->first != NULL) {
        struct sp_out *out = peer->first;
        peer->first = out->next;
        free(out);
        c->door->numbers.dropped++;
    }
    loop_watch_free(peer->watch);
    fd_close(&peer->fd);
    sp_frame_fini(&peer->in);
    free(peer);
}

static uint32_t count_of_pid(const struct carrier *c, int32_t pid)
{
    uint32_t count = 0;

    for (size_t i = 0; i < SP_BUCKETS; i++) {
        for (const struct sp_peer *p = c->peers[i]; p != NULL; p = p->next) {
            count += p->base.pid == pid;
        }
    }
    return count;
}

/* Whether one more connection of this process is taken. Cells share one door to the supervisor, so
 * there each has its share; counting walks all connections, a microsecond a hundred, once each. */
static bool has_place(const struct carrier *c, const struct sp_listener *l, int32_t pid)
{
    bool is_supervisor = c->cell->is_supervisor;
    uint32_t most = is_supervisor ? DOOR_SUPERVISED_MAX : DOOR_CONNECTIONS_MAX;

    if (c->peer_count >= most - (l->is_operators ? 0 : SP_OPERATOR_RESERVE)) {
        return false;
    }
    return !is_supervisor || l->is_operators || count_of_pid(c, pid) < DOOR_PER_PID_MAX;
}

/* ---- answers out ------------------------------------------------------------------------------- */

/* Write what waits. False: the connection is of no more use. */
static bool push(struct sp_peer *peer)
{
    while (peer->first != NULL) {
        struct sp_out *out = peer->first;
        ssize_t sent = send(peer->fd, out->data + out->at, out->size - out->at,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        out->at += (size_t)sent;
        peer->held_bytes -= (size_t)sent;
        if (out->at == out->size) {
            peer->first = out->next;
            peer->held_count--;
            free(out);
        }
    }
    peer->last = NULL;
    loop_watch_want(peer->watch, LOOP_READ);
    return true;
}

/* Keep what the socket did not take: `skip` bytes of the two parts are out. False: it keeps too much
 * already, or there is no memory. */
static bool hold(struct sp_peer *peer, const struct iovec part[2], size_t skip)
{
    size_t size = part[0].iov_len + part[1].iov_len - skip;

    if (peer->held_count >= DOOR_HELD_MAX || peer->held_bytes + size > door_held_bytes(peer->cell)) {
        return false;
    }
    struct sp_out *out = malloc(sizeof *out + size);
    if (out == NULL) {
        return false;
    }
    *out = (struct sp_out){.size = size};
    size_t first = skip < part[0].iov_len ? part[0].iov_len - skip : 0;
    memcpy(out->data, (const uint8_t *)part[0].iov_base + part[0].iov_len - first, first);
    memcpy(out->data + first, (const uint8_t *)part[1].iov_base + part[1].iov_len - (size - first),
           size - first);
    if (peer->first == NULL) {
        peer->first = out;
        loop_watch_want(peer->watch, LOOP_READ | LOOP_WRITE);
    } else {
        peer->last->next = out;
    }
    peer->last = out;
    peer->held_count++;
    peer->held_bytes += size;
    return true;
}

/* This caller does not read: end its connection. */
static void cut_off(struct carrier *c, struct sp_peer *peer)
{
    door_tell_unread(c->door, &peer->base, peer->held_count, peer->held_bytes);
    c->door->numbers.dropped++;
    end(c, peer);
}

static void transmit(struct carrier *c, struct sp_peer *peer, const struct iovec part[2])
{
    struct msghdr message = {.msg_iov = (struct iovec *)part, .msg_iovlen = 2};
    ssize_t sent = 0;

    if (peer->first == NULL) {
        sent = sendmsg(peer->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            c->door->numbers.dropped++;
            end(c, peer);
            return;
        }
        sent = sent < 0 ? 0 : sent;
    }
    if ((size_t)sent < part[0].iov_len + part[1].iov_len && !hold(peer, part, (size_t)sent)) {
        cut_off(c, peer);
    }
}

static void sp_send(struct cell *cell, const uint8_t *header, size_t header_len,
                    const Cell__Envelope__Replies *replies)
{
    uint8_t head[SP_FRAME_HEAD_MAX];
    uint8_t small[4096]; /* most answers */
    AUTO_FREE uint8_t *large = NULL;
    struct carrier *c = cell->door->carrier;
    struct sp_peer *peer = *find(c, bytes_get_be32(header));
    size_t size = cell__envelope__replies__get_packed_size(replies);

    if (size > sizeof small) {
        large = malloc(size);
    }
    uint8_t *body = size > sizeof small ? large : small;
    if (peer == NULL || peer->is_over || body == NULL) {
        c->door->numbers.dropped++;
        return;
    }
    (void)cell__envelope__replies__pack(replies, body);
    size_t head_len = sp_frame_head_put(header + SP_WIRE_ID_LEN, header_len - SP_WIRE_ID_LEN, size,
                                        head);
    const struct iovec part[2] = {{head, head_len}, {body, size}};
    transmit(c, peer, part);
}

/* ---- requests in ------------------------------------------------------------------------------- */

static void on_message(void *context, const uint8_t *trace, size_t trace_len, const uint8_t *body,
                       size_t size)
{
    struct sp_peer *peer = context;
    uint8_t header[SP_WIRE_ID_LEN + SP_FRAME_TRACE_MAX];

    if (peer->is_over) {
        return; /* it was cut off by an answer to an earlier message of the same bytes */
    }
    bytes_put_be32(header, peer->base.id);
    memcpy(header + SP_WIRE_ID_LEN, trace, trace_len);
    const struct door_message m = {.header = header, .header_len = SP_WIRE_ID_LEN + trace_len,
                                   .body = body, .size = size};
    door_take(peer->cell, &peer->base, &m);
}

static void take_bytes(struct carrier *c, struct sp_peer *peer)
{
    static uint8_t data[SP_READ_SIZE]; /* one thread reads one connection at a time */
    ssize_t got = recv(peer->fd, data, sizeof data, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    enum err e = got <= 0 ? ERR_PEER_DEAD : ERR_OK;
    if (e == ERR_OK) {
        peer->is_feeding = true;
        e = sp_frame_feed(&peer->in, data, (size_t)got, on_message, peer, &c->door->numbers.dropped);
        peer->is_feeding = false;
    }
    if (e != ERR_OK && e != ERR_PEER_DEAD) {
        c->door->numbers.malformed++;
        log_warn("DOOR-SP", "error=%s pid=%" PRId32 " action=disconnected", err_name(e),
                 peer->base.pid);
    }
    if (e != ERR_OK || peer->is_over) {
        end(c, peer);
    }
}

static void on_ready(void *context, unsigned bits)
{
    struct sp_peer *peer = context;
    struct carrier *c = peer->cell->door->carrier;

    if ((bits & LOOP_WRITE) != 0 && !push(peer)) {
        end(c, peer);
        return;
    }
    if ((bits & LOOP_READ) != 0) {
        take_bytes(c, peer);
    }
}

/* ---- accepting --------------------------------------------------------------------------------- */

/* Both sides greet at once; the socket of a new connection has room for eight bytes. */
static bool greet(int fd)
{
    uint8_t hello[SP_WIRE_HELLO_LEN];

    sp_frame_hello_put(hello);
    return send(fd, hello, sizeof hello, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof hello;
}

static void admit(struct sp_listener *l, int fd)
{
    struct carrier *c = l->carrier;
    struct ucred who;
    socklen_t size = sizeof who;
    int own = fd;
    struct sp_peer *peer = NULL;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && has_place(c, l, who.pid)) {
        peer = calloc(1, sizeof *peer);
    }
    if (peer == NULL || !door_admit(c->door, l->fd, who.uid, who.pid, &peer->base) || !greet(fd)) {
        c->refused++;
        free(peer);
        fd_close(&own);
        return;
    }
    do {
        peer->base.id = ++c->last_id;
    } while (*find(c, peer->base.id) != NULL); /* after 2^32 connections numbers come again */
    peer->cell = c->cell;
    peer->fd = fd;
    peer->in.most = l->most;
    peer->watch = loop_watch_new(c->cell->loop, fd, LOOP_READ, on_ready, peer);
    struct sp_peer **at = find(c, peer->base.id);
    *at = peer;
    c->peer_count++;
    if (peer->watch == NULL) {
        c->refused++;
        end(c, peer);
    }
}

static void on_connect(void *context, unsigned bits)
{
    struct sp_listener *l = context;

    (void)bits;
    for (int i = 0; i < SP_ACCEPTS; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            admit(l, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            log_error("DOOR-ACCEPT", "errno=%d action=again-in-%d-ms", errno, SP_PAUSE_MS);
            loop_watch_want(l->watch, 0); /* it would be readable at once, again and again */
            loop_timer_again(l->carrier->pause_timer, SP_PAUSE_MS, 0);
            return;
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

static void on_pause_over(void *context)
{
    struct carrier *c = context;

    for (size_t i = 0; i < c->listener_count; i++) {
        loop_watch_want(c->listeners[i]->watch, LOOP_READ);
    }
}

/* ---- opening and closing ----------------------------------------------------------------------- */

static enum err sp_wire_open(struct door *door)
{
    struct carrier *c = calloc(1, sizeof *c);

    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->door = door;
    door->carrier = c;
    return ERR_OK;
}

/* Take connections of a listener. */
static enum err begin(struct carrier *c, struct sp_listener *l)
{
    l->watch = loop_watch_new(c->cell->loop, l->fd, LOOP_READ, on_connect, l);
    return l->watch == NULL ? ERR_NOMEM : ERR_OK;
}

static enum err sp_wire_listen(struct door *door, const char *path, int fd, size_t most,
                               int *ret_listener)
{
    struct carrier *c = door->carrier;
    AUTO_FD int own = fd;

    assert(c->listener_count < DOOR_MAX); /* as many as callers */
    if (own < 0) {
        enum err e = fd_relisten_unix(path, SOMAXCONN, &own);
        if (e != ERR_OK) {
            log_error("DOOR-BIND", "path=%s error=%s", path, err_name(e));
            return e;
        }
    }
    struct sp_listener *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return ERR_NOMEM;
    }
    *ret_listener = own;
    *l = (struct sp_listener){.carrier = c, .fd = fd_take(&own), .most = most, .is_made = fd < 0};
    c->listeners[c->listener_count++] = l;
    return c->cell == NULL ? ERR_OK : begin(c, l); /* a door that came after the start */
}

static enum err sp_wire_start(struct cell *cell)
{
    struct carrier *c = cell->door->carrier;

    c->cell = cell;
    c->pause_timer = loop_timer_new(cell->loop, UINT32_MAX, 0, on_pause_over, c);
    if (c->pause_timer == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < c->listener_count; i++) {
        struct sp_listener *l = c->listeners[i];
        for (size_t k = 0; k < cell->door->caller_count; k++) {
            l->is_operators |= cell->door->callers[k].listener_id == l->fd &&
                               cell->door->callers[k].is_operator;
        }
        enum err e = begin(c, l);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static void sp_wire_count(const struct door *door, struct door_numbers *ret)
{
    const struct carrier *c = door->carrier;

    ret->connections = c->peer_count;
    ret->refused_connections = c->refused;
}

static void sp_wire_close(struct door *door)
{
    struct carrier *c = door->carrier;

    if (c == NULL) {
        return;
    }
    for (size_t i = 0; i < SP_BUCKETS; i++) {
        while (c->peers[i] != NULL) {
            end(c, c->peers[i]);
        }
    }
    for (size_t i = 0; i < c->listener_count; i++) {
        struct sp_listener *l = c->listeners[i];
        for (size_t k = 0; l->is_made && k < door->caller_count; k++) {
            if (door->callers[k].listener_id == l->fd) {
                (void)unlink(door->callers[k].path); /* gone already: somebody tidied up */
            }
        }
        loop_watch_free(l->watch);
        fd_close(&l->fd);
        free(l);
    }
    loop_timer_free(c->pause_timer);
    free(c);
    door->carrier = NULL;
}

const struct door_wire door_sp_wire = {
    .open = sp_wire_open,
    .listen = sp_wire_listen,
    .start = sp_wire_start,
    .send = sp_send,
    .count = sp_wire_count,
    .close = sp_wire_close,
};
