/* How the reference library waits, in our own words and without a line of its code: what its specification says of the
 * slot exchange of release 0.9 (SimpleIPC, "xll-gen/shm"), which cannot be built here, since it is for another
 * system. One slot, held over all calls; each side spins in an adaptive window of turns with a pause in each, five
 * thousand more after a hit and a thousand less after a miss; then it says that it waits, looks once more and lies down
 * on a semaphore, which the other posts only if it reads so. The side that serves gives way every 4,096 turns, as its
 * scheduler does there. No deadline, no look at the peer's life, no check of what the peer wrote: each would only make
 * it slower. */
#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/shm_peers.h"

enum {
    WINDOW_MIN = 100, /* turns */
    WINDOW_MAX = 50000,
    WINDOW_HIT = 5000,
    WINDOW_MISS = 1000,
    YIELD_EVERY = 4096,
};

enum state {
    FREE,
    REQUEST,
    RESPONSE,
};

struct side {
    _Alignas(64) uint32_t waits; /* the owner lies on `event`, or is about to */
    sem_t event;
};

struct slot {
    _Alignas(64) uint32_t state;
    uint32_t number;
    uint32_t size;
    struct side client, server;
    _Alignas(64) uint8_t payload[];
};

static uint32_t window = WINDOW_MIN; /* of this process */

void reference_prepare(struct peers_setup *s)
{
    struct slot *slot = mmap(NULL, sizeof *slot + s->size, PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    peers_must(slot != MAP_FAILED && sem_init(&slot->client.event, 1, 0) == 0 &&
                   sem_init(&slot->server.event, 1, 0) == 0, "a slot");
    s->memory = slot;
}

static uint32_t state_of(const struct slot *slot)
{
    return __atomic_load_n(&slot->state, __ATOMIC_SEQ_CST);
}

static bool spin(const struct slot *slot, enum state wanted, bool gives_way)
{
    for (uint32_t turn = 1; turn <= window; turn++) {
        if (state_of(slot) == wanted) {
            window = window + WINDOW_HIT < WINDOW_MAX ? window + WINDOW_HIT : WINDOW_MAX;
            return true;
        }
        __builtin_ia32_pause();
        if (gives_way && turn % YIELD_EVERY == 0) {
            (void)sched_yield();
        }
    }
    window = window > WINDOW_MIN + WINDOW_MISS ? window - WINDOW_MISS : WINDOW_MIN;
    return false;
}

static void await(struct slot *slot, struct side *own, enum state wanted, bool gives_way)
{
    if (spin(slot, wanted, gives_way)) {
        return;
    }
    __atomic_store_n(&own->waits, 1, __ATOMIC_SEQ_CST);
    while (state_of(slot) != wanted) {
        peers_must(sem_wait(&own->event) == 0 || errno == EINTR, "a semaphore");
    }
    __atomic_store_n(&own->waits, 0, __ATOMIC_SEQ_CST);
}

static void tell(struct slot *slot, struct side *other, enum state state)
{
    __atomic_store_n(&slot->state, state, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&other->waits, __ATOMIC_SEQ_CST) != 0) {
        (void)sem_post(&other->event);
    }
}

void reference_serve(struct peers_setup *s)
{
    struct slot *slot = s->memory;

    for (;;) {
        await(slot, &slot->server, REQUEST, true);
        peers_read(s, slot->payload, slot->size);
        peers_write(s, slot->payload, slot->size, 1);
        tell(slot, &slot->client, RESPONSE);
    }
}

void *reference_open(struct peers_setup *s)
{
    return s->memory;
}

void reference_call(struct peers_setup *s, void *state, uint64_t number)
{
    struct slot *slot = state;

    slot->number = (uint32_t)number;
    slot->size = (uint32_t)s->size;
    peers_write(s, slot->payload, s->size, number);
    tell(slot, &slot->server, REQUEST);
    await(slot, &slot->client, RESPONSE, false);
    peers_read(s, slot->payload, s->size);
}
