/* A byte ring through shared memory, one per direction, for large and one-way messages: reserve,
 * write in place, commit on one side; take, read in place, release in any order on the other.
 * Never waits, reads no clock: waiting and waking are the channel's, which asks the ring when.
 *
 * The ring's two ends lie in two halves, each written by its owner only. The producer's half has the
 * bytes and how far they were reserved, the consumer's half how far they were given back. Whatever
 * the peer wrote is hostile: it is read once into a private copy, checked against what an honest
 * peer could have written at this moment, and a lie breaks the ring and nothing else.
 *
 * A position counts bytes since the ring was made and never wraps in practice. A record is a word
 * and a payload, and never crosses the ring's end: what does not fit there is left as a skip. */
#ifndef CELL_COMMON_RUN_SHM_RING_H
#define CELL_COMMON_RUN_SHM_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    SHM_RING_ENDS = 4096,        /* bytes before the ring's own in each half's region: one page */
    SHM_RING_WORD = 8,           /* bytes of a record's word; records are multiples of it       */
    SHM_RING_CAPACITY_MIN = 4096,
    SHM_RING_CAPACITY_MAX = 1 << 29,
    SHM_RING_LOANS_MAX = 1024, /* taken and not released: 16 KiB of private memory a ring      */
    SHM_RING_TAG_MAX = (1 << 24) - 1,
    SHM_RING_LAZY = 8, /* room is given back by the eighth: the line with `head` moves seldom */
};

/* What the owner of a half says about the ring it fills and the ring it empties. Lines that the peer
 * reads at different times lie apart, by two because processors fetch lines in pairs. */
struct shm_ring_ends {
    /* As producer. For tools, and to see how far a dead one had come. */
    _Atomic uint64_t tail;    /* position after the last reservation        */
    _Atomic uint64_t records; /* reservations                               */
    _Atomic uint64_t full;    /* reservations that found no room            */
    uint64_t zero_a[13];
    /* Who waits for room says here how far head must come; grows only, so that several may wait. */
    _Atomic uint64_t wants;
    uint64_t zero_b[15];
    /* As consumer. */
    _Atomic uint64_t head;  /* position up to which the peer may overwrite      */
    _Atomic uint64_t taken; /* records taken, as of the last time head was told */
    uint64_t zero_c[478];
};

/* One direction, seen by the process that writes. Every thread of it may reserve, commit and abort. */
struct shm_ring_out {
    uint8_t *data;
    uint64_t capacity; /* bytes, a power of two */
    struct shm_ring_ends *own;
    const struct shm_ring_ends *peer;
    _Atomic uint32_t lock; /* of the three below */
    uint64_t tail;
    uint64_t head; /* the peer's, as last believed: at most its real one */
    uint64_t records;
    _Atomic uint32_t fault; /* enum err: why nothing can be reserved any more; ERR_OK: it can */
};

/* A reservation: payload[0..size) may be written until commit or abort, by one thread at a time. */
struct shm_ring_room {
    void *payload; /* aligned to SHM_RING_WORD; NULL: none */
    uint32_t size;
    uint64_t position;
};

/* One direction, seen by the process that reads. One thread. */
struct shm_ring_in {
    const uint8_t *data;
    uint64_t capacity;
    struct shm_ring_ends *own;
    const struct shm_ring_ends *peer;
    uint64_t next;      /* position of the first record not taken         */
    uint64_t released;  /* everything before it has been given back       */
    uint64_t published; /* what own->head says: published <= released     */
    uint64_t taken;
    enum err fault;     /* why nothing can be taken any more              */
    _Atomic bool is_dead; /* the producer's process has ended             */
    bool is_filling;      /* the next record is reserved but not committed */
    uint32_t loan_first, loan_count;
    struct shm_ring_lent {
        uint64_t end; /* position after the record */
        uint64_t position_and_free; /* of the record; bit 0: released */
    } lent[SHM_RING_LOANS_MAX];
};

/* A message on loan. The peer can change the bytes at any time: whoever parses or believes them
 * copies first. */
struct shm_ring_loan {
    const void *payload; /* aligned to SHM_RING_WORD */
    uint32_t size;
    uint32_t tag;
    uint64_t position;
    uint32_t index;
};

/* Bytes of each half's region for a ring of `capacity`, and back: the largest ring that fits into
 * `region_bytes`, 0 if none does. */
uint64_t shm_ring_region(uint64_t capacity);
uint64_t shm_ring_capacity(uint64_t region_bytes);

/* The largest message, bytes. Half the ring, so that an empty ring takes it wherever it stands. */
uint32_t shm_ring_message_max(uint64_t capacity);

/* Make an end of a fresh ring. own, peer: the two halves' regions (page aligned, zeroed when made),
 * borrowed as long as the end is used; both of the same size. An end is made once a ring.
 * ERR_OK, or ERR_INVALID: no ring fits into region_bytes. */
enum err shm_ring_out_init(struct shm_ring_out *out, void *own, const void *peer,
                           uint64_t region_bytes) MUST_CHECK;
enum err shm_ring_in_init(struct shm_ring_in *in, void *own, const void *peer,
                          uint64_t region_bytes) MUST_CHECK;

/* Reserve `size` bytes (0 is a message too). Records are read in the order of their reservations.
 * ERR_OK: the caller owes a commit or an abort, soon: what others commit meanwhile waits behind it.
 * ERR_LIMIT: full; the consumer has been told, and whoever waits sleeps on shm_ring_has_room.
 * ERR_INVALID: larger than shm_ring_message_max, will never fit. ERR_PEER_DEAD: nobody reads.
 * ERR_MALFORMED: the peer's head is one that no honest consumer writes; the ring is broken. */
enum err shm_ring_reserve(struct shm_ring_out *out, uint32_t size, struct shm_ring_room *ret)
    MUST_CHECK;

/* Whether a reservation of `size` would not answer ERR_LIMIT now. For the look between lying down
 * and sleeping. */
bool shm_ring_has_room(struct shm_ring_out *out, uint32_t size);

/* The first `size` bytes of the reservation become a message; tag <= SHM_RING_TAG_MAX is handed
 * through. `room` is empty afterwards. The caller then looks whether the consumer sleeps: no later
 * load of this thread, sequentially consistent as this store is, comes before it. */
void shm_ring_commit(struct shm_ring_out *out, struct shm_ring_room *room, uint32_t size,
                     uint32_t tag);

/* The reservation becomes a skip that no consumer sees. `room` is empty afterwards. Look as above: others' messages may
 * wait behind it. */
void shm_ring_abort(struct shm_ring_out *out, struct shm_ring_room *room);

/* The consumer's process has ended, or the channel was closed: every later reservation answers
 * ERR_PEER_DEAD. Whoever waits for room must be woken by the caller. Any thread. */
void shm_ring_out_dead(struct shm_ring_out *out);

/* The next message, oldest first.
 * ERR_OK: *ret is on loan until shm_ring_release. ERR_LATER: nothing there now; in->is_filling says
 * that one is being written. ERR_LIMIT: SHM_RING_LOANS_MAX are out already. ERR_PEER_DEAD: the
 * producer has ended and everything it had committed was taken. ERR_MALFORMED: a word that no honest
 * producer writes; the ring is broken, what was taken before stays readable. On errors *ret is
 * untouched. At most one turn around the ring. */
enum err shm_ring_take(struct shm_ring_in *in, struct shm_ring_loan *ret) MUST_CHECK;

/* Whether shm_ring_take would not answer ERR_LATER now. For the look between lying down and sleeping. */
bool shm_ring_has_data(const struct shm_ring_in *in);

/* Give back what was taken, in any order. ERR_INVALID: not on loan (any more); nothing happens.
 * *ret_wake: whether the producer waits for room that was just told; then ring the doorbell. */
enum err shm_ring_release(struct shm_ring_in *in, const struct shm_ring_loan *loan,
                          bool *ret_wake) MUST_CHECK;

/* Tell the producer of all room there is; before sleeping and at the end of a turn of the loop.
 * Returns whether to ring the doorbell. */
bool shm_ring_tell(struct shm_ring_in *in);

/* The producer's process has ended: what it had committed can still be taken, then comes
 * ERR_PEER_DEAD. Only after its death is certain (pidfd): its open reservations are skipped. Any
 * thread. */
void shm_ring_in_dead(struct shm_ring_in *in);

#endif
