/* Requests in through shared memory. The supervisor says whose channel it is, as it says whose door is
 * whose; from there on its messages are judged like those that come through that door. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/door_core.h"
#include "common/run/fd.h"

enum {
    HEADER_LEN = 12, /* which channel, its number, the message's */
};

/* No connection of nng has this bit in its number: the headers of the two can never be taken for one
 * another. */
#define CHANNEL_BIT 0x80000000u

struct door_channel {
    struct cell *cell;
    struct channel *channel;
    struct door_peer peer; /* id: its place in door->channels */
    uint32_t number;       /* one of a kind: a late answer finds the next one's place taken */
};

static struct door_caller *caller_of(const struct door_channel *d)
{
    return &d->cell->door->callers[d->peer.door];
}

/* ---- messages ----------------------------------------------------------------------------------- */

static struct door_channel *find(const struct door *door, const uint8_t *header)
{
    uint32_t place = bytes_get_be32(header) & ~CHANNEL_BIT;
    struct door_channel *d = place < CHANNEL_MAX ? door->channels[place] : NULL;

    return d != NULL && d->number == bytes_get_be32(header + 4) ? d : NULL;
}

static void send_answers(struct cell *cell, const uint8_t *header, size_t header_len,
                         const Cell__Envelope__Replies *replies)
{
    struct door *door = cell->door;
    struct door_channel *d = find(door, header);
    size_t size = cell__envelope__replies__get_packed_size(replies);

    assert(header_len == HEADER_LEN);
    if (d == NULL || !channel_is_up(d->channel)) {
        door->numbers.dropped++; /* its caller is gone, or asks over its socket again */
        return;
    }
    uint8_t *room = channel_room(d->channel, bytes_get_be32(header + 8), size);
    if (room == NULL) {
        struct channel_numbers n;
        channel_read(d->channel, &n);
        door->numbers.dropped++;
        door_tell_unread(door, &d->peer, n.held, size);
        channel_break(d->channel, ERR_LIMIT); /* who does not read is told by the end of it */
        return;
    }
    (void)cell__envelope__replies__pack(replies, room);
    channel_send(d->channel);
}

static void on_message(void *context, uint32_t number, const uint8_t *data, size_t size)
{
    struct door_channel *d = context;
    uint8_t header[HEADER_LEN];
    const struct door_message message = {.send = send_answers, .header = header,
                                         .header_len = sizeof header, .body = data, .size = size};

    bytes_put_be32(header, d->peer.id | CHANNEL_BIT);
    bytes_put_be32(header + 4, d->number);
    bytes_put_be32(header + 8, number);
    caller_of(d)->channel_messages++;
    door_take(d->cell, &d->peer, &message);
}

/* ---- coming and going --------------------------------------------------------------------------- */

static void on_up(void *context)
{
    struct door_channel *d = context;
    const struct door_caller *caller = caller_of(d);

    d->peer.pid = channel_peer_pid(d->channel);
    log_debug("DOOR-CHANNEL", "caller=%s/%s number=%" PRIu32, caller->space, caller->cell, d->number);
}

static void leave(struct door_channel *d)
{
    d->cell->door->channels[d->peer.id] = NULL;
    caller_of(d)->channel_count--;
    channel_free(d->channel);
    free(d);
}

static void on_end(void *context, enum err why, bool is_dead)
{
    struct door_channel *d = context;
    const struct door_caller *caller = caller_of(d);

    log_debug("DOOR-CHANNEL-END", "caller=%s/%s number=%" PRIu32 " why=%s dead=%d", caller->space,
              caller->cell, d->number, err_name(why), is_dead);
    leave(d);
}

static const struct channel_hooks hooks = {.up = on_up, .take = on_message, .end = on_end};

static int free_place(const struct door *door)
{
    for (int i = 0; i < CHANNEL_MAX; i++) {
        if (door->channels[i] == NULL) {
            return i;
        }
    }
    return -1;
}

static int door_index(const struct door *door, const char *space, const char *name)
{
    for (size_t i = 0; i < door->caller_count; i++) {
        const struct door_caller *caller = &door->callers[i];
        if (!caller->is_operator && strcmp(caller->space, space) == 0 &&
            strcmp(caller->cell, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static enum err open_channel(struct cell *cell, int of, int *socket, const uint8_t *key)
{
    struct door *door = cell->door;
    int place = free_place(door);
    struct door_channel *d = place < 0 ? NULL : calloc(1, sizeof *d);

    if (d == NULL) {
        return place < 0 ? ERR_LIMIT : ERR_NOMEM;
    }
    *d = (struct door_channel){
        .cell = cell,
        .number = ++door->channel_last,
        .peer = {.id = (uint32_t)place, .uid = geteuid(), .door = of, .is_allowed = true},
    };
    char peer[2 * NAME_SIZE + 2];
    (void)snprintf(peer, sizeof peer, "%s/%s", door->callers[of].space, door->callers[of].cell);
    enum err e = channel_new(cell, SHM_ACCEPTOR, socket, key, peer, &hooks, d, &d->channel);
    if (e != ERR_OK) {
        free(d);
        return e;
    }
    door->channels[place] = d;
    door->callers[of].channel_count++;
    return ERR_OK;
}

void door_channel_offer(struct cell *cell, const char *space, const char *name, int *socket,
                        const uint8_t *key, size_t key_size)
{
    int of = door_index(cell->door, space, name);
    enum err e = of < 0 || key_size != SHM_KEY_LEN || *socket < 0 ? ERR_INVALID
                                                                  : open_channel(cell, of, socket, key);

    if (e != ERR_OK) { /* the caller sees its end close, and goes on over its socket */
        log_warn("DOOR-CHANNEL-REFUSED", "caller=%s/%s error=%s", space, name, err_name(e));
    }
    fd_close(socket);
}

void door_channels_close(struct cell *cell)
{
    for (size_t i = 0; cell->door != NULL && i < CHANNEL_MAX; i++) {
        if (cell->door->channels[i] != NULL) {
            leave(cell->door->channels[i]);
        }
    }
}
