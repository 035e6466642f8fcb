/* Answers out, and what is known of each connection.
 *
 * nng keeps at most 64 answers per connection and throws the next away without a word. So no more
 * than that are handed to it before it has written them out (its statistics tell); the rest waits
 * here, bounded. A caller that does not read its answers loses its connection in the end, which it
 * notices, and costs nobody else anything. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/door_core.h"

/* ---- connections ------------------------------------------------------------------------------- */

static struct door_peer **find(struct door *door, uint32_t pipe)
{
    struct door_peer **at = &door->peers[pipe % DOOR_BUCKETS];

    while (*at != NULL && (*at)->pipe != pipe) {
        at = &(*at)->next;
    }
    return at;
}

static bool is_gone(const struct door_peer *peer)
{
    nng_pipe pipe = {.id = peer->pipe};

    return nng_listener_id(nng_pipe_listener(pipe)) <= 0;
}

/* Drop the answers that wait for a connection. */
static void drop_held(struct door *door, struct door_peer *peer)
{
    while (peer->first != NULL) {
        struct door_answer *a = peer->first;
        peer->first = a->next;
        nng_msg_free(a->message);
        free(a);
        door->numbers.dropped++;
        door->held_count--;
    }
    peer->last = NULL;
    peer->held_count = 0;
    peer->held_bytes = 0;
}

/* Forget connections that are gone. Theirs is found out late on purpose: nothing waits for it. */
static void sweep(struct door *door)
{
    for (size_t i = 0; i < DOOR_BUCKETS; i++) {
        struct door_peer **at = &door->peers[i];
        while (*at != NULL) {
            struct door_peer *peer = *at;
            if (is_gone(peer)) {
                drop_held(door, peer);
                *at = peer->next;
                free(peer);
                door->peer_count--;
            } else {
                at = &peer->next;
            }
        }
    }
}

/* Ask the kernel, once a connection, who is there. False: it is gone already. */
static bool identify(struct door *door, nng_pipe pipe, struct door_peer *peer)
{
    uint64_t uid = UINT64_MAX;
    uint64_t pid = 0;
    int listener = nng_listener_id(nng_pipe_listener(pipe));

    peer->door = -1;
    for (size_t i = 0; i < door->caller_count; i++) {
        if (door->callers[i].listener_id == listener) {
            peer->door = (int)i;
        }
    }
    if (peer->door < 0 || nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) != 0) {
        return false;
    }
    (void)nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid); /* 0 when not visible from here */
    peer->pipe = (uint32_t)nng_pipe_id(pipe);
    peer->uid = (uint32_t)uid;
    peer->pid = (int32_t)pid;
    /* The operator's socket: its mode 0600 already keeps others out; root appears under its own
     * number outside and as the overflow id inside a user namespace that does not map it. A
     * caller's own socket is visible to that caller alone. */
    peer->is_allowed = !door->callers[peer->door].is_operator || peer->uid == geteuid() ||
                       peer->uid == 0 || peer->uid == CALL_OVERFLOW_UID;
    return true;
}

struct door_peer *door_peer_get(struct door *door, nng_pipe pipe)
{
    struct door_peer **at = find(door, (uint32_t)nng_pipe_id(pipe));

    if (*at != NULL) {
        return *at;
    }
    if (door->peer_count >= DOOR_PEERS_MAX) {
        sweep(door);
    }
    struct door_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL || !identify(door, pipe, peer)) {
        free(peer);
        return NULL;
    }
    at = find(door, peer->pipe);
    peer->next = *at;
    *at = peer;
    door->peer_count++;
    return peer;
}

/* ---- handing answers to nng -------------------------------------------------------------------- */

static void note_sent(struct door *door, nng_stat *pipe)
{
    struct door_peer *peer = *find(door, (uint32_t)nng_stat_value(pipe));

    for (nng_stat *s = nng_stat_child(pipe); peer != NULL && s != NULL; s = nng_stat_next(s)) {
        if (strcmp(nng_stat_name(s), "tx_msgs") == 0) {
            peer->written = nng_stat_value(s);
        }
    }
}

/* Ask nng how much of each connection's answers it has written. Costs 5 us, and some 3 us more a
 * connection: so once per DOOR_WINDOW answers of the busiest one at most. */
static void look(struct door *door)
{
    nng_stat *all;

    if (nng_stats_get(&all) != 0) {
        return; /* without memory: as if nothing had been written */
    }
    for (nng_stat *s = nng_stat_child(all); s != NULL; s = nng_stat_next(s)) {
        if (strcmp(nng_stat_name(s), "pipe") == 0) {
            note_sent(door, s);
        }
    }
    nng_stats_free(all);
    door->looked_us = loop_now_us();
}

static bool has_room(const struct door_peer *peer)
{
    return peer->handed - peer->written < DOOR_WINDOW;
}

/* Hand answers that wait to nng, oldest first, as far as it has room. */
static void push(struct door *door, struct door_peer *peer)
{
    while (peer->first != NULL && has_room(peer)) {
        struct door_answer *a = peer->first;
        peer->held_bytes -= nng_msg_len(a->message);
        if (nng_sendmsg(door->socket, a->message, NNG_FLAG_NONBLOCK) != 0) {
            peer->held_bytes += nng_msg_len(a->message);
            return; /* nng's own queue is full: the timer tries again */
        }
        peer->handed++;
        peer->held_count--;
        door->held_count--;
        peer->first = a->next;
        free(a);
    }
    if (peer->first == NULL) {
        peer->last = NULL;
    }
}

static void on_pace(void *context)
{
    struct door *door = context;
    size_t before = door->held_count;

    look(door);
    for (size_t i = 0; i < DOOR_BUCKETS; i++) {
        for (struct door_peer *peer = door->peers[i]; peer != NULL; peer = peer->next) {
            if (peer->first != NULL && is_gone(peer)) {
                drop_held(door, peer);
            }
            push(door, peer);
        }
    }
    if (door->held_count == 0) {
        door->pace_ms = 0;
        return;
    }
    door->pace_ms = door->held_count < before ? DOOR_PACE_MIN_MS : door->pace_ms * 2;
    if (door->pace_ms > DOOR_PACE_MAX_MS) {
        door->pace_ms = DOOR_PACE_MAX_MS;
    }
    loop_timer_again(door->pace_timer, door->pace_ms, 0);
}

/* This caller does not read: end its connection. What it had not read is counted. */
static void cut_off(struct door *door, struct door_peer *peer)
{
    const struct door_caller *caller = &door->callers[peer->door];
    nng_pipe pipe = {.id = peer->pipe};

    look(door);
    door->numbers.dropped += peer->handed - peer->written;
    log_warn("DOOR-UNREAD", "caller=%s/%s pid=%" PRId32 " answers=%zu bytes=%zu "
             "action=disconnected", caller->space, caller->cell, peer->pid, peer->held_count,
             peer->held_bytes);
    drop_held(door, peer);
    peer->is_cut = true;
    (void)nng_pipe_close(pipe);
}

static void hold(struct cell *cell, struct door_peer *peer, nng_msg *message)
{
    struct door *door = cell->door;
    size_t most = (size_t)cell->birth.message_bytes * DOOR_HELD_MESSAGES;
    struct door_answer *a = NULL;

    if (peer->held_count < DOOR_HELD_MAX &&
        peer->held_bytes + nng_msg_len(message) <= (most < DOOR_HELD_BYTES ? DOOR_HELD_BYTES : most)) {
        a = calloc(1, sizeof *a);
    }
    if (a == NULL) {
        nng_msg_free(message);
        door->numbers.dropped++;
        cut_off(door, peer);
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
    door->held_count++;
    if (door->pace_ms == 0) {
        door->pace_ms = DOOR_PACE_MIN_MS;
        loop_timer_again(door->pace_timer, door->pace_ms, 0);
    }
}

static void deliver(struct cell *cell, uint32_t pipe, nng_msg *message)
{
    struct door *door = cell->door;
    struct door_peer *peer = *find(door, pipe);

    if (peer == NULL || peer->is_cut) {
        nng_msg_free(message);
        door->numbers.dropped++;
        return;
    }
    if (peer->first == NULL && !has_room(peer) &&
        loop_now_us() - door->looked_us >= DOOR_LOOK_US) {
        look(door);
    }
    if (peer->first == NULL && has_room(peer) &&
        nng_sendmsg(door->socket, message, NNG_FLAG_NONBLOCK) == 0) {
        peer->handed++;
        return;
    }
    hold(cell, peer, message);
}

void door_send(struct cell *cell, const uint8_t *header, size_t header_len,
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

enum err door_send_open(struct cell *cell)
{
    cell->door->pace_timer = loop_timer_new(cell->loop, UINT32_MAX, 0, on_pace, cell->door);
    return cell->door->pace_timer == NULL ? ERR_NOMEM : ERR_OK;
}

void door_send_close(struct door *door)
{
    loop_timer_free(door->pace_timer);
    for (size_t i = 0; i < DOOR_BUCKETS; i++) {
        while (door->peers[i] != NULL) {
            struct door_peer *peer = door->peers[i];
            door->peers[i] = peer->next;
            drop_held(door, peer);
            free(peer);
        }
    }
}
