/* One-way and large messages on a channel: its two byte rings with the channel's waiting, waking and
 * knowledge of the peer's end. For streams see shm_stream.h, whose frames go through here.
 *
 * Needs a shape with ring_bytes (shm_post_ring_bytes) on both sides. Any thread may send; one receives.
 * Whoever waits here does not serve the peer's calls meanwhile: a thread that does both uses timeout 0,
 * or a loop with shm_post_arm. */
#ifndef CELL_COMMON_RUN_SHM_POST_H
#define CELL_COMMON_RUN_SHM_POST_H

#include "common/run/shm.h"
#include "common/run/shm_ring.h"

enum {
    /* What streams go fastest through, on processors with 1 MiB of second-level cache each. A ring that stays in
     * there makes every line wait until the reader's processor gives it back: 256 KiB reach 0.6 of what memcpy
     * does from memory to memory, 2 MiB all of it, 8 MiB no more. Chunks of 16 KiB lose a tenth. The memory is
     * taken as the ring goes round first. Small messages are as fast with 256 KiB. */
    SHM_POST_STREAM_RING = 2 << 20,
    SHM_POST_STREAM_CHUNK = 64 << 10, /* bytes */
};

struct shm_post;

/* What shm_shape.ring_bytes must be for rings of `capacity` bytes each way: a power of two from
 * SHM_RING_CAPACITY_MIN to SHM_RING_CAPACITY_MAX. */
uint64_t shm_post_ring_bytes(uint64_t capacity);

/* Use the rings of a channel, once; the channel must outlive them. ERR_UNSUPPORTED: it has none;
 * ERR_NOMEM. */
enum err shm_post_open(struct shm *c, struct shm_post **ret) MUST_CHECK;

/* Loans and reservations must be over. NULL is fine. */
void shm_post_close(struct shm_post *p);

/* The largest message, bytes. */
uint32_t shm_post_max(const struct shm_post *p);

/* Room for a message of up to `size` bytes, to be built in place; shm_post_commit or shm_post_abort
 * must follow soon. ERR_LIMIT: full, and timeout_ms is 0; ERR_TIMEOUT; ERR_INVALID: larger than
 * shm_post_max; ERR_PEER_DEAD, ERR_UNAVAILABLE: nobody reads; ERR_MALFORMED: the peer broke the ring. */
enum err shm_post_reserve(struct shm_post *p, uint32_t size, uint32_t timeout_ms,
                          struct shm_ring_room *ret) MUST_CHECK;
void shm_post_commit(struct shm_post *p, struct shm_ring_room *room, uint32_t size, uint32_t tag);
void shm_post_abort(struct shm_post *p, struct shm_ring_room *room);

/* The three in one, from `data`. */
enum err shm_post_send(struct shm_post *p, uint32_t tag, const void *data, uint32_t size,
                       uint32_t timeout_ms) MUST_CHECK;

/* The next message, on loan until shm_post_release. ERR_LATER: none, and timeout_ms is 0; ERR_TIMEOUT;
 * ERR_LIMIT: too many loans are out; ERR_PEER_DEAD, ERR_UNAVAILABLE: and all it had committed was
 * taken; ERR_MALFORMED. */
enum err shm_post_take(struct shm_post *p, uint32_t timeout_ms, struct shm_ring_loan *ret) MUST_CHECK;

/* Whether shm_post_take would find something or know of an end, and whether shm_post_reserve would find
 * room for `size` bytes: looks without a system call. The latter tells the peer when there is none, which
 * then makes a sign as soon as there is. */
bool shm_post_has_data(const struct shm_post *p);
bool shm_post_has_room(struct shm_post *p, uint32_t size);

/* In any order. ERR_INVALID: not on loan (any more). */
enum err shm_post_release(struct shm_post *p, const struct shm_ring_loan *loan) MUST_CHECK;

/* shm_arm, with the ring: true: nothing is there, the loop may sleep on shm_fd. */
bool shm_post_arm(struct shm_post *p);

#endif
