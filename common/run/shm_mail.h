/* Numbered messages of any size over a channel's rings, for a loop: what does not fit into the ring goes
 * through it in pieces, what cannot go now is held here, bounded. Never waits.
 *
 * What is taken lies in private memory: the peer cannot change it any more. */
#ifndef CELL_COMMON_RUN_SHM_MAIL_H
#define CELL_COMMON_RUN_SHM_MAIL_H

#include "common/run/shm_post.h"

enum {
    SHM_MAIL_HEAD = 8,             /* bytes before a message's own: number and size          */
    SHM_MAIL_PIECE = 32 * 1024,    /* bytes of a message in one record of the ring at most   */
    SHM_MAIL_KEEP = 64 * 1024,     /* bytes of the buffer that are kept between messages     */
    SHM_MAIL_CAPACITY_MIN = 1 << 17, /* of the ring: two pieces and more                     */
};

struct shm_mail;

struct shm_mail_limits {
    size_t size;     /* of a message; a larger one that is announced breaks the channel */
    size_t held;     /* bytes of messages that may wait for room                        */
    uint32_t held_count;
};

/* Borrowed until the next take. */
struct shm_mail_message {
    uint32_t number;
    const uint8_t *data;
    size_t size;
};

/* On a channel whose shape has rings of SHM_MAIL_CAPACITY_MIN or more; it must outlive this.
 * ERR_UNSUPPORTED, ERR_NOMEM. */
enum err shm_mail_open(struct shm *c, const struct shm_mail_limits *limits, struct shm_mail **ret)
    MUST_CHECK;
void shm_mail_close(struct shm_mail *m); /* drops what is held; NULL is fine */

/* Room for a message, to be filled whole; shm_mail_send must follow at once. NULL: without memory, larger
 * than the limit, or too much is held already. */
uint8_t *shm_mail_room(struct shm_mail *m, uint32_t number, size_t size) MUST_CHECK;
/* Hand it over, or hold it. Messages arrive in this order. */
void shm_mail_send(struct shm_mail *m);

/* Nothing is held: a message would go at once, but for a full ring. */
bool shm_mail_is_clear(const struct shm_mail *m);
uint32_t shm_mail_held(const struct shm_mail *m, size_t *ret_bytes);
/* Send of what is held as much as there is room for. ERR_OK; or why nothing can be sent any more. */
enum err shm_mail_flush(struct shm_mail *m) MUST_CHECK;
/* Whether shm_mail_flush could do something. */
bool shm_mail_can_flush(struct shm_mail *m);

/* Whether shm_mail_take may find something. No system call. */
bool shm_mail_has(const struct shm_mail *m);
/* The next whole message. ERR_LATER: there is none; ERR_MALFORMED: no honest peer writes this, or larger
 * than the limit; ERR_NOMEM; ERR_PEER_DEAD, ERR_UNAVAILABLE: and everything whole was taken. After all but
 * OK and LATER the channel is of no use. */
enum err shm_mail_take(struct shm_mail *m, struct shm_mail_message *ret) MUST_CHECK;

/* Nothing there, nothing to send, the peer will make a sign: the loop may sleep. */
bool shm_mail_arm(struct shm_mail *m);

#endif
