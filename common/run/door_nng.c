/* nng under the doors: one raw rep0 socket with a pollable descriptor, and what is known of each
 * connection.
 *
 * nng keeps at most 64 answers per connection and throws the next away without a word. So no more
 * than that are handed to it before it has written them out (its statistics tell); the rest waits
 * here, bounded. A caller that does not read its answers loses its connection in the end, which it
 * notices, and costs nobody else anything. */
#include <assert.h>
#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/bytes.h"
#include "common/run/door_core.h"
#include "common/run/epipe.h"
#include "common/run/fd.h"

enum {
    NNG_BUCKETS = 256,      /* of connections by pipe                                             */
    NNG_PEERS_MAX = DOOR_CONNECTIONS_MAX + 64, /* remembered; those that are gone go when full    */
    NNG_PER_TURN = 64,      /* messages taken before timers and others get their turn             */
    NNG_SEND_BUFFER = 1024, /* messages nng holds for all connections                             */
    NNG_WINDOW = 64,        /* answers nng holds for one: it would drop the next                  */
    NNG_LOOK_US = 1000,     /* its statistics are not read more often than this                   */
    NNG_PACE_MIN_MS = 1,
    NNG_PACE_MAX_MS = 50,
};

/* An answer that waits until its caller has read others. */
struct held_answer {
    struct held_answer *next;
    nng_msg *message;
};

struct pipe_peer {
    struct door_peer base;  /* first: a peer is its pipe_peer; base.id is the pipe's  */
    struct pipe_peer *next; /* in its bucket                                          */
    bool is_cut;            /* disconnected by us                                     */
    uint64_t handed;        /* answers given to nng                                   */
    uint64_t written;       /* of these, to the socket, when last looked              */
    struct held_answer *first;
    struct held_answer *last;
    size_t held_count;
    size_t held_bytes;
};

struct carrier {
    struct door *door;
    nng_socket socket;
    bool is_open;
    nng_listener listeners[DOOR_MAX];
    size_t listener_count;
    struct loop_watch *watch;
    struct pipe_peer *peers[NNG_BUCKETS];
    size_t peer_count;
    size_t held_count;           /* answers that wait, of all connections */
    struct loop_timer *pace_timer;
    uint32_t pace_ms;            /* 0: not armed */
    uint64_t looked_us;
    atomic_uint connections;     /* counted on nng's threads, like the next */
    atomic_ullong refused;
};

/* ---- connections ------------------------------------------------------------------------------- */

static struct pipe_peer **find(struct carrier *c, uint32_t pipe)
{
    struct pipe_peer **at = &c->peers[pipe % NNG_BUCKETS];

    while (*at != NULL && (*at)->base.id != pipe) {
        at = &(*at)->next;
    }
    return at;
}

static bool is_gone(const struct pipe_peer *peer)
{
    nng_pipe pipe = {.id = peer->base.id};

    return nng_listener_id(nng_pipe_listener(pipe)) <= 0;
}

/* Drop the answers that wait for a connection. */
static void drop_held(struct carrier *c, struct pipe_peer *peer)
{
    while (peer->first != NULL) {
        struct held_answer *a = peer->first;
        peer->first = a->next;
        nng_msg_free(a->message);
        free(a);
        c->door->numbers.dropped++;
        c->held_count--;
    }
    peer->last = NULL;
    peer->held_count = 0;
    peer->held_bytes = 0;
}

/* Forget connections that are gone. Theirs is found out late on purpose: nothing waits for it. */
static void sweep(struct carrier *c)
{
    for (size_t i = 0; i < NNG_BUCKETS; i++) {
        struct pipe_peer **at = &c->peers[i];
        while (*at != NULL) {
            struct pipe_peer *peer = *at;
            if (is_gone(peer)) {
                drop_held(c, peer);
                *at = peer->next;
                free(peer);
                c->peer_count--;
            } else {
                at = &peer->next;
            }
        }
    }
}

/* Ask the kernel, once a connection, who is there. False: it is gone already. */
static bool identify(const struct door *door, nng_pipe pipe, struct door_peer *ret)
{
    uint64_t uid = UINT64_MAX;
    uint64_t pid = 0;

    if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) != 0) {
        return false;
    }
    (void)nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid); /* 0 when not visible from here */
    if (!door_admit(door, nng_listener_id(nng_pipe_listener(pipe)), (uint32_t)uid, (int32_t)pid,
                    ret)) {
        return false;
    }
    ret->id = (uint32_t)nng_pipe_id(pipe);
    return true;
}

/* The connection a message came over; NULL when it is gone already, or without memory. */
static struct pipe_peer *peer_get(struct carrier *c, nng_pipe pipe)
{
    struct pipe_peer **at = find(c, (uint32_t)nng_pipe_id(pipe));

    if (*at != NULL) {
        return *at;
    }
    if (c->peer_count >= NNG_PEERS_MAX) {
        sweep(c);
    }
    struct pipe_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL || !identify(c->door, pipe, &peer->base)) {
        free(peer);
        return NULL;
    }
    at = find(c, peer->base.id);
    peer->next = *at;
    *at = peer;
    c->peer_count++;
    return peer;
}

/* ---- handing answers to nng -------------------------------------------------------------------- */

static void note_sent(struct carrier *c, nng_stat *pipe)
{
    struct pipe_peer *peer = *find(c, (uint32_t)nng_stat_value(pipe));

    for (nng_stat *s = nng_stat_child(pipe); peer != NULL && s != NULL; s = nng_stat_next(s)) {
        if (strcmp(nng_stat_name(s), "tx_msgs") == 0) {
            peer->written = nng_stat_value(s);
        }
    }
}

/* Ask nng how much of each connection's answers it has written. Costs 5 us, and some 3 us more a
 * connection: so once per NNG_WINDOW answers of the busiest one at most. */
static void look(struct carrier *c)
{
    nng_stat *all;

    if (nng_stats_get(&all) != 0) {
        return; /* without memory: as if nothing had been written */
    }
    for (nng_stat *s = nng_stat_child(all); s != NULL; s = nng_stat_next(s)) {
        if (strcmp(nng_stat_name(s), "pipe") == 0) {
            note_sent(c, s);
        }
    }
    nng_stats_free(all);
    c->looked_us = loop_now_us();
}

static bool has_room(const struct pipe_peer *peer)
{
    return peer->handed - peer->written < NNG_WINDOW;
}

/* Hand answers that wait to nng, oldest first, as far as it has room. */
static void push(struct carrier *c, struct pipe_peer *peer)
{
    while (peer->first != NULL && has_room(peer)) {
        struct held_answer *a = peer->first;
        peer->held_bytes -= nng_msg_len(a->message);
        if (nng_sendmsg(c->socket, a->message, NNG_FLAG_NONBLOCK) != 0) {
            peer->held_bytes += nng_msg_len(a->message);
            return; /* nng's own queue is full: the timer tries again */
        }
        peer->handed++;
        peer->held_count--;
        c->held_count--;
        peer->first = a->next;
        free(a);
    }
    if (peer->first == NULL) {
        peer->last = NULL;
    }
}

static void on_pace(void *context)
{
    struct carrier *c = context;
    size_t before = c->held_count;

    look(c);
    for (size_t i = 0; i < NNG_BUCKETS; i++) {
        for (struct pipe_peer *peer = c->peers[i]; peer != NULL; peer = peer->next) {
            if (peer->first != NULL && is_gone(peer)) {
                drop_held(c, peer);
            }
            push(c, peer);
        }
    }
    if (c->held_count == 0) {
        c->pace_ms = 0;
        return;
    }
    c->pace_ms = c->held_count < before ? NNG_PACE_MIN_MS : c->pace_ms * 2;
    if (c->pace_ms > NNG_PACE_MAX_MS) {
        c->pace_ms = NNG_PACE_MAX_MS;
    }
    loop_timer_again(c->pace_timer, c->pace_ms, 0);
}

/* This caller does not read: end its connection. What it had not read is counted. */
static void cut_off(struct carrier *c, struct pipe_peer *peer)
{
    nng_pipe pipe = {.id = peer->base.id};

    look(c);
    c->door->numbers.dropped += peer->handed - peer->written;
    door_tell_unread(c->door, &peer->base, peer->held_count, peer->held_bytes);
    drop_held(c, peer);
    peer->is_cut = true;
    (void)nng_pipe_close(pipe);
}

static void hold(struct cell *cell, struct pipe_peer *peer, nng_msg *message)
{
    struct carrier *c = cell->door->carrier;
    struct held_answer *a = NULL;

    if (peer->held_count < DOOR_HELD_MAX &&
        peer->held_bytes + nng_msg_len(message) <= door_held_bytes(cell)) {
        a = calloc(1, sizeof *a);
    }
    if (a == NULL) {
        nng_msg_free(message);
        c->door->numbers.dropped++;
        cut_off(c, peer);
        return;
    }
    a->message = message;
    if (peer->first == NULL) {
        peer->first = a;
    } else {
        peer->last->next = a;
    }
    peer->last = a;
    peer->held_count++;
    peer->held_bytes += nng_msg_len(message);
    c->held_count++;
    if (c->pace_ms == 0) {
        c->pace_ms = NNG_PACE_MIN_MS;
        loop_timer_again(c->pace_timer, c->pace_ms, 0);
    }
}

static void deliver(struct cell *cell, uint32_t pipe, nng_msg *message)
{
    struct carrier *c = cell->door->carrier;
    struct pipe_peer *peer = *find(c, pipe);

    if (peer == NULL || peer->is_cut) {
        nng_msg_free(message);
        c->door->numbers.dropped++;
        return;
    }
    if (peer->first == NULL && !has_room(peer) &&
        loop_now_us() - c->looked_us >= NNG_LOOK_US) {
        look(c);
    }
    if (peer->first == NULL && has_room(peer) &&
        nng_sendmsg(c->socket, message, NNG_FLAG_NONBLOCK) == 0) {
        peer->handed++;
        return;
    }
    hold(cell, peer, message);
}

static void nng_wire_send(struct cell *cell, const uint8_t *header, size_t header_len,
                          const Cell__Envelope__Replies *replies)
{
    size_t size = cell__envelope__replies__get_packed_size(replies);
    nng_msg *message = NULL;

    assert(header_len >= sizeof(uint32_t)); /* nng's: the connection's number comes first */
    if (nng_msg_alloc(&message, size) != 0 ||
        nng_msg_header_append(message, header, header_len) != 0) {
        nng_msg_free(message);
        cell->door->numbers.dropped++;
        log_error("DOOR-NOMEM", "size=%zu action=dropped", size);
        return;
    }
    (void)cell__envelope__replies__pack(replies, nng_msg_body(message));
    deliver(cell, bytes_get_be32(header), message);
}

/* ---- requests in ------------------------------------------------------------------------------- */

static void on_readable(void *context, unsigned bits)
{
    struct cell *cell = context;
    struct carrier *c = cell->door->carrier;

    (void)bits;
    for (int turn = 0; turn < NNG_PER_TURN; turn++) {
        nng_msg *message;
        if (nng_recvmsg(c->socket, &message, NNG_FLAG_NONBLOCK) != 0) {
            return;
        }
        const struct pipe_peer *peer = peer_get(c, nng_msg_get_pipe(message));
        size_t header_len = nng_msg_header_len(message);
        if (peer == NULL || header_len > CALL_HEADER_MAX) { /* nng drops more than 8 hops itself */
            c->door->numbers.dropped++; /* nobody is left to answer */
        } else {
            const struct door_message m = {.header = nng_msg_header(message),
                                           .header_len = header_len,
                                           .body = nng_msg_body(message),
                                           .size = nng_msg_len(message)};
            door_take(cell, &peer->base, &m);
        }
        nng_msg_free(message);
    }
}

/* ---- opening and closing ----------------------------------------------------------------------- */

/* Runs on a thread of nng: touches nothing but the two counters. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct carrier *c = context;

    if (event == NNG_PIPE_EV_REM_POST) {
        atomic_fetch_sub(&c->connections, 1);
    } else if (atomic_fetch_add(&c->connections, 1) >= DOOR_CONNECTIONS_MAX) {
        atomic_fetch_add(&c->refused, 1);
        (void)nng_pipe_close(pipe);
    }
}

static enum err nng_wire_open(struct door *door)
{
    struct carrier *c = calloc(1, sizeof *c);

    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->door = door;
    door->carrier = c;
    if (!epipe_is_in_force()) { /* this program has been linked in an unusual way */
        log_warn("DOOR-EPIPE", "why=\"nng was found before our sendmsg\" action=serving-on");
    }
    if (nng_rep0_open_raw(&c->socket) != 0) {
        return ERR_IO;
    }
    c->is_open = true;
    (void)nng_pipe_notify(c->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, c);
    (void)nng_pipe_notify(c->socket, NNG_PIPE_EV_REM_POST, on_pipe, c);
    return nng_socket_set_int(c->socket, NNG_OPT_SENDBUF, NNG_SEND_BUFFER) != 0 ? ERR_IO : ERR_OK;
}

static enum err nng_wire_listen(struct door *door, const char *path, int fd, size_t most,
                                int *ret_listener)
{
    struct carrier *c = door->carrier;
    char url[HOST_PATH_SIZE + 8];
    nng_listener listener;

    if (fd >= 0) { /* nng 1.5 makes its sockets itself */
        fd_close(&fd);
        return ERR_UNIMPLEMENTED;
    }
    (void)snprintf(url, sizeof url, "ipc://%s", path);
    if (nng_listener_create(&listener, c->socket, url) != 0) {
        return ERR_NOMEM;
    }
    /* nng's own default is unlimited: an announced GiB would be reserved at once. */
    (void)nng_listener_set_size(listener, NNG_OPT_RECVMAXSZ, most);
    (void)nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, S_IRUSR | S_IWUSR);
    mode_t before = umask(S_IRWXG | S_IRWXO | S_IXUSR);
    int failed = nng_listener_start(listener, 0);
    (void)umask(before);
    if (failed != 0) {
        log_error("DOOR-LISTEN", "path=%s why=\"%s\"", path, nng_strerror(failed));
        (void)nng_listener_close(listener);
        return failed == NNG_EADDRINUSE ? ERR_EXISTS : ERR_IO;
    }
    assert(c->listener_count < DOOR_MAX); /* as many as callers */
    c->listeners[c->listener_count++] = listener;
    *ret_listener = nng_listener_id(listener);
    return ERR_OK;
}

static enum err nng_wire_start(struct cell *cell)
{
    struct carrier *c = cell->door->carrier;
    int fd;

    if (nng_socket_get_int(c->socket, NNG_OPT_RECVFD, &fd) != 0) {
        return ERR_IO;
    }
    c->watch = loop_watch_new(cell->loop, fd, LOOP_READ, on_readable, cell);
    c->pace_timer = loop_timer_new(cell->loop, UINT32_MAX, 0, on_pace, c);
    return c->watch == NULL || c->pace_timer == NULL ? ERR_NOMEM : ERR_OK;
}

static void nng_wire_count(const struct door *door, struct door_numbers *ret)
{
    const struct carrier *c = door->carrier;

    ret->connections = atomic_load(&c->connections);
    ret->refused_connections = atomic_load(&c->refused);
}

/* The process is about to end. Closing the listeners ends their connections as well; the socket itself
 * is left to the kernel, and the carrier, whose counters nng's threads touch, with it: nng 1.5.2's
 * nng_close can wait for ever. */
static void nng_wire_close(struct door *door)
{
    struct carrier *c = door->carrier;

    if (c == NULL) {
        return;
    }
    loop_watch_free(c->watch);
    loop_timer_free(c->pace_timer);
    for (size_t i = 0; i < c->listener_count; i++) {
        (void)nng_listener_close(c->listeners[i]);
    }
    for (size_t i = 0; i < NNG_BUCKETS; i++) {
        while (c->peers[i] != NULL) {
            struct pipe_peer *peer = c->peers[i];
            c->peers[i] = peer->next;
            drop_held(c, peer);
            free(peer);
        }
    }
    if (!c->is_open) {
        free(c);
    }
    door->carrier = NULL;
}

const struct door_wire door_nng_wire = {
    .open = nng_wire_open,
    .listen = nng_wire_listen,
    .start = nng_wire_start,
    .send = nng_wire_send,
    .count = nng_wire_count,
    .close = nng_wire_close,
};
