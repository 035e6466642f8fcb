/* A channel is put together from what a handshake has agreed and exchanged. */
#ifndef CELL_COMMON_RUN_SHM_CHAN_H
#define CELL_COMMON_RUN_SHM_CHAN_H

#include "common/run/shm.h"

/* Everything a channel owns. */
struct shm_chan_parts {
    struct shm_shape shape;
    enum shm_role role;
    void *mine;         /* shm_half_make; mapped, writable */
    const void *theirs; /* shm_half_take; mapped, readable */
    int socket;
    int pidfd; /* -1: none */
    pid_t peer_pid;
    uid_t peer_uid;
};

/* Takes all of *parts on success, nothing on error: NOMEM. */
enum err shm_chan_new(const struct shm_chan_parts *parts, struct shm **ret) MUST_CHECK;

/* Who the peer is, as the kernel said at the handshake. */
pid_t shm_chan_peer_pid(const struct shm *c);
uid_t shm_chan_peer_uid(const struct shm *c);

/* The two descriptors behind shm_fd, for a loop that watches each: the socket of the handshake, readable
 * when the peer makes a sign or is gone (shm_hear), and its pidfd, readable when its process has ended;
 * -1: none. Borrowed. */
int shm_chan_socket(const struct shm *c);
int shm_chan_pidfd(const struct shm *c);

/* The socket was readable while the channel was armed: take one sign. ERR_OK, or why the channel is over. A
 * system call less or two than shm_disarm, which must follow before another thread waits. */
enum err shm_hear(struct shm *c) MUST_CHECK;

/* Whether the peer's process has ended, as its pidfd says; false where there is none. */
bool shm_chan_peer_has_ended(const struct shm *c);

/* Whether the peer last spoke from the processor that this thread runs on. */
bool shm_chan_is_near(const struct shm *c);

/* Of our own counters those that say what waking costs. */
void shm_chan_wakes(const struct shm *c, uint64_t *ret_wakes, uint64_t *ret_elided);

/* The pages for people: what this side has counted, and what the peer says it has. Copies. */
void shm_chan_counters(const struct shm *c, struct shm_counters *ret_mine,
                       struct shm_counters *ret_theirs);

#endif
