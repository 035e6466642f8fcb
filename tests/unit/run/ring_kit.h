/* A ring for tests: both halves in one process. */
#ifndef CELL_TESTS_UNIT_RUN_RING_KIT_H
#define CELL_TESTS_UNIT_RUN_RING_KIT_H

#include "common/run/shm_ring.h"

struct ring_kit {
    uint64_t bytes; /* of each half's region */
    uint8_t *a;     /* the producer's half, as its owner sees it */
    uint8_t *b;     /* the consumer's */
    const uint8_t *a_seen; /* as the other side sees them: read-only, unless shared */
    const uint8_t *b_seen;
    struct shm_ring_out out;
    struct shm_ring_in *in;
};

/* Two fresh halves with a ring of `capacity` and both its ends. is_apart: the peer's half is a second
 * mapping, which cannot be written; otherwise both sides use one, which the thread sanitizer needs to
 * see that they meet. Ends the test where the host has no memory for it. */
void ring_kit_open(struct ring_kit *k, uint64_t capacity, bool is_apart);

void ring_kit_close(struct ring_kit *k);

/* `size` bytes that tell which message they are of; and whether they are those. */
void ring_kit_fill(void *at, uint32_t size, uint64_t id);
bool ring_kit_is_filled(const void *at, uint32_t size, uint64_t id);

/* Reserve, fill and commit message `id`; what shm_ring_reserve answered. */
enum err ring_kit_send(struct ring_kit *k, uint32_t size, uint64_t id);

/* The record word at a position, as the producer's half has it. */
_Atomic uint64_t *ring_kit_word(struct ring_kit *k, uint64_t position);

#endif
