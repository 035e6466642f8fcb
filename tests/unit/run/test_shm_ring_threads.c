/* SHM-11: many producers on threads, one consumer, and nobody waits for ever: every sleep is a real
 * futex sleep, entered and ended by the doorbell's protocol. Runs under the thread sanitizer too. */
#include <errno.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "tests/support/check.h"
#include "tests/unit/run/ring_kit.h"

enum {
    PRODUCERS = 3,
    MESSAGES = 40000, /* of each producer */
    SIZE_MAX_DRAWN = 300,
    STUCK_S = 60,
};

/* One side's sleep: the other bumps `kick` when somebody lies there. */
struct bell {
    _Atomic uint32_t kick;
    _Atomic uint32_t sleepers;
    _Atomic uint64_t sleeps, wakes;
};

struct world {
    struct ring_kit k;
    struct bell data, room;
    _Atomic uint32_t ready; /* producers that may begin */
};

struct header {
    uint32_t producer;
    uint32_t number;
};

static void ring(struct bell *b)
{
    if (atomic_load(&b->sleepers) == 0) {
        return;
    }
    atomic_fetch_add(&b->kick, 1);
    atomic_fetch_add_explicit(&b->wakes, 1, memory_order_relaxed);
    (void)syscall(SYS_futex, &b->kick, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* Sleep until rung, unless is_there() by now. A minute without a kick is a lost one. */
static void sleep_until(struct bell *b, bool (*is_there)(struct world *, uint32_t),
                        struct world *w, uint32_t size)
{
    uint32_t seen = atomic_load(&b->kick);

    atomic_fetch_add(&b->sleepers, 1);
    if (!is_there(w, size)) {
        long r = syscall(SYS_futex, &b->kick, FUTEX_WAIT, seen,
                         &(struct timespec){.tv_sec = STUCK_S}, NULL, 0);
        REQUIRE(r == 0 || errno != ETIMEDOUT, "a wake-up was lost");
        atomic_fetch_add_explicit(&b->sleeps, 1, memory_order_relaxed);
    }
    atomic_fetch_sub(&b->sleepers, 1);
}

static bool has_room(struct world *w, uint32_t size)
{
    return shm_ring_has_room(&w->k.out, size);
}

static bool has_data(struct world *w, uint32_t size)
{
    (void)size;
    return shm_ring_has_data(w->k.in);
}

struct producer {
    pthread_t thread;
    struct world *w;
    uint32_t number;
};

static void reserve(struct world *w, uint32_t size, struct shm_ring_room *room)
{
    enum err e;

    while ((e = shm_ring_reserve(&w->k.out, size, room)) == ERR_LIMIT) {
        sleep_until(&w->room, has_room, w, size);
    }
    REQUIRE(e == ERR_OK, "reserve: %s", err_name(e));
}

static void *produce(void *arg)
{
    struct producer *p = arg;
    struct shm_ring_room room;
    struct rng r;

    rng_init(&r, 77 + p->number);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        uint32_t size = (uint32_t)(sizeof(struct header) + rng_below(&r, SIZE_MAX_DRAWN));
        if (rng_below(&r, 16) == 0) {
            reserve(p->w, size, &room);
            shm_ring_abort(&p->w->k.out, &room);
            ring(&p->w->data); /* others' messages may wait behind it, and we may find the ring full next */
        }
        reserve(p->w, size, &room);
        struct header head = {.producer = p->number, .number = i};
        memcpy(room.payload, &head, sizeof head);
        ring_kit_fill((uint8_t *)room.payload + sizeof head, size - (uint32_t)sizeof head,
                      p->number * 1000u + i);
        shm_ring_commit(&p->w->k.out, &room, size, p->number);
        ring(&p->w->data);
    }
    return NULL;
}

static void give_back(struct world *w, struct shm_ring_loan *held, size_t *count, size_t pick)
{
    bool wake = false;

    REQUIRE(shm_ring_release(w->k.in, &held[pick], &wake) == ERR_OK, "a loan goes back");
    held[pick] = held[--*count];
    if (wake) {
        ring(&w->room);
    }
}

static void check_message(const struct shm_ring_loan *loan, uint32_t *expected)
{
    struct header head;

    REQUIRE(loan->size >= sizeof head, "a header");
    memcpy(&head, loan->payload, sizeof head);
    REQUIRE(head.producer == loan->tag && head.producer < PRODUCERS, "from one of them");
    REQUIRE(head.number == expected[head.producer], "%u of producer %u, not %u", head.number,
            head.producer, expected[head.producer]);
    expected[head.producer]++;
    CHECK(ring_kit_is_filled((const uint8_t *)loan->payload + sizeof head,
                             loan->size - (uint32_t)sizeof head,
                             head.producer * 1000u + head.number), "%u is whole", head.number);
}

static void consume(struct world *w)
{
    enum { HELD_MAX = 6 };
    struct shm_ring_loan held[HELD_MAX], loan;
    uint32_t expected[PRODUCERS] = {0};
    size_t count = 0;
    uint64_t got = 0;
    struct rng r;

    rng_init(&r, 4711);
    while (got < (uint64_t)PRODUCERS * MESSAGES) {
        enum err e = shm_ring_take(w->k.in, &loan);
        if (e == ERR_LATER) {
            /* Loans held over a sleep would be the consumer's own fault if producers starve. */
            while (count > 0) {
                give_back(w, held, &count, rng_below(&r, count));
            }
            if (shm_ring_tell(w->k.in)) {
                ring(&w->room);
            }
            sleep_until(&w->data, has_data, w, 0);
            continue;
        }
        REQUIRE(e == ERR_OK, "take: %s", err_name(e));
        check_message(&loan, expected);
        held[count++] = loan;
        got++;
        if (count == HELD_MAX || rng_below(&r, 3) != 0) {
            give_back(w, held, &count, rng_below(&r, count));
        }
    }
    while (count > 0) {
        give_back(w, held, &count, 0);
    }
    (void)shm_ring_tell(w->k.in);
    CHECK(w->k.in->published == w->k.out.tail, "all room came back");
}

static void everything_arrives_in_order_and_nobody_sleeps_for_ever(uint64_t capacity)
{
    static struct world w;
    struct producer p[PRODUCERS];

    memset(&w, 0, sizeof w);
    ring_kit_open(&w.k, capacity, false);
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        p[i] = (struct producer){.w = &w, .number = i};
        REQUIRE(pthread_create(&p[i].thread, NULL, produce, &p[i]) == 0, "a thread");
    }
    consume(&w);
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        pthread_join(p[i].thread, NULL);
    }
    printf("capacity %" PRIu64 ": consumer slept %" PRIu64 ", producers %" PRIu64 " times; %" PRIu64
           " found it full\n", capacity, w.data.sleeps, w.room.sleeps, w.k.out.own->full);
    ring_kit_close(&w.k);
}

int main(void)
{
    everything_arrives_in_order_and_nobody_sleeps_for_ever(SHM_RING_CAPACITY_MIN);
    everything_arrives_in_order_and_nobody_sleeps_for_ever(16 * SHM_RING_CAPACITY_MIN);
    return CHECK_RESULT();
}
