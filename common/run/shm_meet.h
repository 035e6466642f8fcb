/* Two processes meet over a connected Unix socket (SOCK_SEQPACKET) and part with a channel.
 *
 * Who the peer is, the kernel says: each message carries the credentials of the process that sends it
 * (SCM_CREDENTIALS, and a pidfd where the kernel has SCM_PIDFD, Linux 6.5), not those of whoever made
 * or listened on the socket, since a listening socket may have been handed over. */
#ifndef CELL_COMMON_RUN_SHM_MEET_H
#define CELL_COMMON_RUN_SHM_MEET_H

#include "common/run/shm.h"

struct shm_meet_config {
    uint8_t key[SHM_KEY_LEN]; /* both sides hold it; see shm_token.h        */
    struct shm_shape shape;   /* connector: wanted; acceptor: the largest granted */
    uid_t peer_uid;           /* whoever runs as another is refused            */
};

/* The usual shape: 16 slots of 2 KiB, loans of 1 MiB, no ring. Costs 76 KiB until loans are used. */
struct shm_shape shm_meet_usual_shape(void);

/* Do the whole handshake. *socket is taken in any case: on success the channel keeps it, else it is
 * closed. Errors: those of shm_auth_step and shm_half_take; ERR_DENIED: another user, or the sender
 * changed; ERR_TIMEOUT; ERR_PEER_DEAD: hung up; ERR_INVALID: the shape is none; ERR_UNSUPPORTED: no
 * such socket. Blocks up to timeout_ms. */
enum err shm_meet_connect(int *socket, const struct shm_meet_config *config, uint32_t timeout_ms,
                          struct shm **ret) MUST_CHECK;
enum err shm_meet_accept(int *socket, const struct shm_meet_config *config, uint32_t timeout_ms,
                         struct shm **ret) MUST_CHECK;

/* The same from a loop: begin, then step whenever the socket is readable, until it is not ERR_LATER.
 * The caller keeps the deadline. */
struct shm_meet;
enum err shm_meet_begin(enum shm_role role, int *socket, const struct shm_meet_config *config,
                        struct shm_meet **ret) MUST_CHECK;
enum err shm_meet_step(struct shm_meet *m, struct shm **ret) MUST_CHECK;
int shm_meet_socket(const struct shm_meet *m);
void shm_meet_end(struct shm_meet *m); /* at any time; NULL is fine */

#endif
