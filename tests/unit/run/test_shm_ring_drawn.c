/* SHM-11: drawn traces of one ring against a naive account of every byte: nothing unread is ever
 * overwritten, messages come whole and in the order of their reservations, all room comes back, and
 * whoever waits for room is woken. Many reservations are open at once, as with many threads.
 *
 *   test_run_shm_ring_drawn [SEED [RUNS]] */
#include <inttypes.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"
#include "tests/unit/run/ring_kit.h"

enum {
    CAPACITY = SHM_RING_CAPACITY_MIN,
    STEPS = 3000,
    OPEN_MAX = 6,   /* reservations at a time */
    LOANS_MAX = 40, /* loans at a time        */
    SENT_MAX = STEPS,
};

enum fate {
    OPEN,
    COMMITTED,
    ABORTED,
};

/* A reservation as the naive account has it, in the order in which they were made. */
struct sent {
    enum fate fate;
    uint32_t size;
    struct shm_ring_room room;
};

struct world {
    uint64_t seed;
    struct rng r;
    struct ring_kit k;
    struct sent sent[SENT_MAX];
    size_t sent_count;
    size_t next; /* the first that was not passed by the consumer */
    struct {
        struct shm_ring_loan loan;
        size_t id;
    } lent[LOANS_MAX];
    size_t lent_count;
    bool is_unread[CAPACITY]; /* reserved, and not given back */
    bool is_waiting;          /* the producer was told that there is no room for wanted bytes */
    uint32_t wanted;
    uint32_t size_max; /* of this run's messages */
    uint64_t taken, full, woken;
};

#define MUST(w, condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "seed %" PRIu64 ": ", (w)->seed);                                      \
            CHECK(condition, __VA_ARGS__);                                                         \
        }                                                                                          \
    } while (0)

static uint64_t span(uint32_t size)
{
    return ((uint64_t)size + 7) / 8 * 8 + 8;
}

static void mark(struct world *w, uint64_t position, uint64_t bytes, bool is_unread)
{
    for (uint64_t i = 0; i < bytes; i++) {
        size_t at = (position + i) % CAPACITY;
        MUST(w, w->is_unread[at] != is_unread, "byte %zu: %s", at,
             is_unread ? "overwritten while unread" : "given back twice");
        w->is_unread[at] = is_unread;
    }
}

static size_t open_count(const struct world *w)
{
    size_t count = 0;

    for (size_t i = w->next; i < w->sent_count; i++) {
        count += w->sent[i].fate == OPEN;
    }
    return count;
}

static void reserve(struct world *w)
{
    uint32_t size = (uint32_t)rng_below(&w->r, w->size_max + 1);
    struct shm_ring_room room;

    if (w->sent_count == SENT_MAX || open_count(w) == OPEN_MAX) {
        return;
    }
    enum err e = shm_ring_reserve(&w->k.out, size, &room);
    if (e == ERR_LIMIT) {
        w->is_waiting = true;
        w->wanted = size;
        w->full++;
        return;
    }
    MUST(w, e == ERR_OK, "reserve: %s", err_name(e));
    mark(w, room.position, span(size), true);
    MUST(w, !w->is_unread[(room.position + span(size)) % CAPACITY], "the word behind it is free");
    MUST(w, room.position % CAPACITY + span(size) <= CAPACITY, "in one piece");
    w->sent[w->sent_count++] = (struct sent){.fate = OPEN, .size = size, .room = room};
}

static void finish(struct world *w)
{
    size_t open = open_count(w), pick = open == 0 ? 0 : rng_below(&w->r, open);

    for (size_t i = w->next; i < w->sent_count && open > 0; i++) {
        struct sent *s = &w->sent[i];
        if (s->fate != OPEN || pick-- > 0) {
            continue;
        }
        if (rng_below(&w->r, 5) == 0) {
            shm_ring_abort(&w->k.out, &s->room);
            s->fate = ABORTED;
            return;
        }
        if (rng_below(&w->r, 5) == 0) {
            s->size = (uint32_t)rng_below(&w->r, s->size + 1);
        }
        ring_kit_fill(s->room.payload, s->size, i);
        shm_ring_commit(&w->k.out, &s->room, s->size, (uint32_t)i);
        s->fate = COMMITTED;
        return;
    }
}

/* What the next message must be: aborted ones are passed, an open one holds everything up, unless its
 * writer is dead. SENT_MAX: none. */
static size_t expected(struct world *w, bool is_dead)
{
    while (w->next < w->sent_count &&
           (w->sent[w->next].fate == ABORTED || (is_dead && w->sent[w->next].fate == OPEN))) {
        w->next++;
    }
    return w->next < w->sent_count && w->sent[w->next].fate == COMMITTED ? w->next : SENT_MAX;
}

static void take(struct world *w, bool is_dead)
{
    struct shm_ring_loan loan;
    size_t id = expected(w, is_dead);

    if (w->lent_count == LOANS_MAX) {
        return;
    }
    bool has = shm_ring_has_data(w->k.in);
    enum err e = shm_ring_take(w->k.in, &loan);
    if (id == SENT_MAX) {
        MUST(w, e == (is_dead ? ERR_PEER_DEAD : ERR_LATER), "nothing: %s", err_name(e));
        return;
    }
    MUST(w, has && e == ERR_OK, "message %zu: %s", id, err_name(e));
    MUST(w, loan.tag == id && loan.size == w->sent[id].size, "%zu: tag %u", id, loan.tag);
    w->lent[w->lent_count].loan = loan;
    w->lent[w->lent_count++].id = id;
    w->next++;
    w->taken++;
}

/* What was given back is what lies before head now: the naive account follows it byte by byte. */
static void follow_head(struct world *w, uint64_t before)
{
    for (uint64_t at = before; at < w->k.in->published; at++) {
        w->is_unread[at % CAPACITY] = false;
    }
}

static void release(struct world *w)
{
    if (w->lent_count == 0) {
        return;
    }
    size_t pick = rng_below(&w->r, 3) == 0 ? 0 : rng_below(&w->r, w->lent_count);
    struct shm_ring_loan loan = w->lent[pick].loan;
    uint64_t before = w->k.in->published;
    bool wake = false;

    MUST(w, ring_kit_is_filled(loan.payload, loan.size, w->lent[pick].id), "%zu is whole to the end",
         w->lent[pick].id);
    MUST(w, shm_ring_release(w->k.in, &loan, &wake) == ERR_OK, "%zu goes back", w->lent[pick].id);
    memmove(&w->lent[pick], &w->lent[pick + 1], (--w->lent_count - pick) * sizeof w->lent[0]);
    w->woken += wake;
    follow_head(w, before);
    for (size_t i = 0; i < w->lent_count; i++) {
        MUST(w, w->lent[i].loan.position >= w->k.in->published, "head passes nothing on loan");
    }
}

/* The consumer lies down: whoever waits for room that there is must be woken by now. */
static void tell(struct world *w)
{
    uint64_t before = w->k.in->published;
    bool could = w->is_waiting && shm_ring_has_room(&w->k.out, w->wanted);
    bool wake = shm_ring_tell(w->k.in);

    follow_head(w, before);
    w->woken += wake;
    if (w->is_waiting && !could && shm_ring_has_room(&w->k.out, w->wanted)) {
        MUST(w, wake, "room for %u was told and nobody woken", w->wanted);
    }
    w->is_waiting = w->is_waiting && !shm_ring_has_room(&w->k.out, w->wanted);
}

static void die(struct world *w)
{
    struct shm_ring_loan loan;

    shm_ring_in_dead(w->k.in);
    for (size_t i = 0; i <= SENT_MAX; i++) {
        if (w->lent_count == LOANS_MAX) {
            release(w);
        }
        take(w, true);
        if (expected(w, true) == SENT_MAX) {
            break;
        }
    }
    MUST(w, shm_ring_take(w->k.in, &loan) == ERR_PEER_DEAD, "and then the truth");
    MUST(w, w->next == w->sent_count, "everything committed was taken");
    while (w->lent_count > 0) {
        release(w);
    }
    tell(w);
    MUST(w, w->k.in->published == w->k.out.tail, "all room came back");
}

static void run(struct world *w, uint64_t seed)
{
    static const uint32_t most[] = {0, 16, 100, 500, CAPACITY / 2 - 8};

    memset(w, 0, sizeof *w);
    w->seed = seed;
    rng_init(&w->r, seed);
    ring_kit_open(&w->k, CAPACITY, true);
    w->size_max = most[rng_below(&w->r, ARRAY_LEN(most))];
    uint64_t eager = 1 + rng_below(&w->r, 4), lazy = 1 + rng_below(&w->r, 4);
    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t what = rng_below(&w->r, 2 * eager + 2 * lazy + 1);
        if (what < eager) {
            reserve(w);
        } else if (what < 2 * eager) {
            finish(w);
        } else if (what < 2 * eager + lazy) {
            take(w, false);
        } else if (what < 2 * eager + 2 * lazy) {
            release(w);
        } else {
            tell(w);
        }
    }
    die(w);
    ring_kit_close(&w->k);
}

int main(int argc, char **argv)
{
    static struct world w;
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t runs = argc > 2 ? strtoull(argv[2], NULL, 10) : 400;
    uint64_t taken = 0, full = 0, woken = 0;

    for (uint64_t i = 0; i < runs && check_failures == 0; i++) {
        run(&w, seed + i);
        taken += w.taken;
        full += w.full;
        woken += w.woken;
    }
    printf("%" PRIu64 " runs from seed %" PRIu64 ": %" PRIu64 " taken, %" PRIu64 " found no room, "
           "%" PRIu64 " wakes\n", runs, seed, taken, full, woken);
    /* A world in which nothing happens proves nothing. */
    CHECK(taken > 100 * runs && full > runs && woken > runs / 4, "the draws reach the edges");
    return CHECK_RESULT();
}
