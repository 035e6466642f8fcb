/* Shared-memory channels of a cell on its loop: the handshake, messages in and out, the end; and the wait
 * of all of them together, which spins a little before the loop sleeps when messages are going.
 *
 * The supervisor brings two cells together: it makes the socket pair and the key and names each to the
 * other (gap.proto, Channel). Either side of a channel sends numbered messages; what they mean is the
 * owner's: door_channel.c for the callee, ask_channel.c for the caller. Not installed. */
#ifndef CELL_COMMON_RUN_CHANNEL_H
#define CELL_COMMON_RUN_CHANNEL_H

#include "common/run/counters.h"
#include "common/run/host.h"
#include "common/run/shm_mail.h"

enum {
    CHANNEL_MAX = 64,              /* of one cell, both roles: each is looked at in every turn       */
    CHANNEL_RING_BYTES = 1 << 18,  /* each way: stays in a processor's second cache                  */
    CHANNEL_MEET_MS = 2000,        /* for the handshake                                              */
    CHANNEL_SLICE_US = 500,        /* on channels alone, before timers and sockets get their turn    */
    CHANNEL_PER_TURN = 64,         /* messages of one channel before the next gets its turn          */
    CHANNEL_HELD_MAX = 8192,       /* messages that wait for a peer that does not read               */
    CHANNEL_HELD_BYTES = 1 << 20,  /* of them; or this many times limits.message:                    */
    CHANNEL_HELD_MESSAGES = 4,
};

struct channel;

/* What happens to a channel, to its owner. Any of them may send; only `end` may free. */
struct channel_hooks {
    void (*up)(void *context);
    /* A message, borrowed; nobody else can change it. */
    void (*take)(void *context, uint32_t number, const uint8_t *data, size_t size);
    /* It is over, also when it never came up: channel_free follows at once. is_dead: the peer's process has
     * ended, as the kernel says; else only the channel has. */
    void (*end)(void *context, enum err why, bool is_dead);
};

/* Begin a channel over `*socket` (SOCK_SEQPACKET, connected; taken whatever happens). `hooks` is borrowed
 * for as long as the channel lives; `peer` is for people. ERR_LIMIT: CHANNEL_MAX are there, or no descriptors; ERR_NOMEM; others
 * of shm_meet_begin. */
enum err channel_new(struct cell *cell, enum shm_role role, int *socket,
                     const uint8_t key[SHM_KEY_LEN], const char *peer,
                     const struct channel_hooks *hooks, void *context, struct channel **ret) MUST_CHECK;
void channel_free(struct channel *ch); /* NULL is fine */

bool channel_is_up(const struct channel *ch);
/* Up, and nothing waits for the peer. */
bool channel_is_clear(const struct channel *ch);
int32_t channel_peer_pid(const struct channel *ch); /* 0: not visible from here */

/* As shm_mail_room and shm_mail_send; the channel is up. */
uint8_t *channel_room(struct channel *ch, uint32_t number, size_t size) MUST_CHECK;
void channel_send(struct channel *ch);
/* End it soon, not from here: `end` comes in the loop's next turn. */
void channel_break(struct channel *ch, enum err why);

struct channel_numbers {
    uint64_t in, out;  /* messages                                                       */
    uint64_t wakes;    /* system calls made to wake the peer                             */
    uint64_t elided;   /* sends that needed none                                         */
    uint32_t held;     /* messages that wait for the peer                                */
};
void channel_read(const struct channel *ch, struct channel_numbers *ret);

/* Called after each batch of the loop's events, and again as long as it says true: something was taken and
 * may have left something to send. False: the loop may sleep, or look at its other events. */
bool channels_linger(struct cell *cell, bool is_first);
void channels_close(struct cell *cell); /* all are freed already */

/* Write what went through them into the cell's page of counters. */
void channels_count(struct cell *cell);

#endif
