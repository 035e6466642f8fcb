/* The newest entries in memory, against a naive list: found are the right bytes or none, and what a writer still reads is
 * never written over. */
#include <string.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "raft/cache.h"
#include "raft/le.h"
#include "tests/support/check.h"

enum { INDICES = 60000, PENDING = 64 };

static uint64_t term_of[INDICES];
static uint32_t size_of[INDICES];

/* What is given to a writer and not yet written. */
static struct {
    struct raft_run run;
    uint64_t ticket;
    uint8_t *copy;
} pending[PENDING];
static uint32_t pendings;

static uint32_t fill(uint8_t *at, uint64_t first, uint64_t term, uint32_t count)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = size_of[first + i];
        raft_le_put32(at + used, size);
        at[used + 4] = RAFT_ENTRY_COMMAND;
        memset(at + used + 5, (int)((first + i) * 31 + term), size);
        used += 5 + size;
    }
    return used;
}

static void check_run(const struct raft_run *run, uint64_t seed)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < run->count; i++) {
        uint64_t index = run->first + i;
        uint32_t size = raft_le_get32(run->bytes + used);
        bool is_right = size == size_of[index] && run->term == term_of[index];
        for (uint32_t b = 0; b < size && is_right; b += 97) {
            is_right = run->bytes[used + 5 + b] == (uint8_t)(index * 31 + run->term);
        }
        CHECK(is_right, "seed %llu entry %llu", (unsigned long long)seed, (unsigned long long)index);
        used += 5 + size;
    }
    CHECK(used == run->size, "seed %llu: the run's size is its entries'", (unsigned long long)seed);
}

static void written_up_to(struct raft_cache *c, uint32_t count, uint64_t seed)
{
    for (uint32_t i = 0; i < count; i++) {
        CHECK(memcmp(pending[i].copy, pending[i].run.bytes, pending[i].run.size) == 0,
              "seed %llu: what is being written stays", (unsigned long long)seed);
        raft_cache_written(c, pending[i].ticket);
        free(pending[i].copy);
    }
    memmove(pending, pending + count, (pendings - count) * sizeof pending[0]);
    pendings -= count;
}

static void one_life(uint64_t seed)
{
    struct raft_cache c;
    struct rng r;
    uint64_t last = 0, term = 1, ticket = 0, refused = 0, put = 0;

    rng_init(&r, seed);
    REQUIRE(raft_cache_open(&c, RAFT_CACHE_MIN) == ERR_OK, "memory");
    for (int step = 0; step < 1500 && last < INDICES - 100; step++) {
        uint64_t first = last + 1;
        if (last > 0 && rng_below(&r, 12) == 0) {
            first = last - rng_below(&r, last < 40 ? last : 40);
            term++;
        }
        uint32_t count = 1 + (uint32_t)rng_below(&r, 40), bytes = 0;
        for (uint32_t i = 0; i < count; i++) {
            size_of[first + i] = (uint32_t)rng_below(&r, rng_below(&r, 50) == 0 ? 40000 : 300);
            bytes += 5 + size_of[first + i];
        }
        uint8_t *at = raft_cache_reserve(&c, bytes);
        if (at == NULL || pendings == PENDING) {
            refused += at == NULL;
            CHECK(pendings > 0, "seed %llu: nothing is in the way", (unsigned long long)seed);
            written_up_to(&c, 1 + (uint32_t)rng_below(&r, pendings), seed);
            for (uint64_t i = first; i <= last; i++) {
                raft_cache_truncate(&c, i); /* the sizes above were of entries that did not come */
                last = i - 1;
            }
            continue;
        }
        (void)fill(at, first, term, count);
        raft_cache_put(&c, first, term, count, bytes, ++ticket);
        uint8_t *copy = malloc(bytes);
        REQUIRE(copy != NULL, "memory");
        memcpy(copy, at, bytes);
        pending[pendings].run = (struct raft_run){.first = first, .term = term, .count = count, .size = bytes, .bytes = at};
        pending[pendings].ticket = ticket;
        pending[pendings++].copy = copy;
        last = first + count - 1;
        for (uint64_t i = first; i <= last; i++) {
            term_of[i] = term;
        }
        put++;
        for (int look = 0; look < 4; look++) {
            uint64_t index = 1 + (look == 0 ? last - 1 : rng_below(&r, last));
            struct raft_run run;
            uint32_t max = 1 + (uint32_t)rng_below(&r, 20000);
            bool is_there = raft_cache_find(&c, index, max, &run);
            CHECK(is_there || look > 0, "seed %llu: the newest is there", (unsigned long long)seed);
            if (is_there) {
                CHECK(run.first == index && run.count > 0 && (run.size <= max || run.count == 1), "seed %llu: as much as asked",
                      (unsigned long long)seed);
                check_run(&run, seed);
            }
        }
        struct raft_run run;
        CHECK(!raft_cache_find(&c, last + 1, 1, &run) && !raft_cache_find(&c, 0, 1, &run), "no more than there is");
    }
    CHECK(put > 500, "seed %llu: %llu batches", (unsigned long long)seed, (unsigned long long)put);
    written_up_to(&c, pendings, seed);
    raft_cache_truncate(&c, 1);
    struct raft_run run;
    CHECK(!raft_cache_find(&c, last, 1, &run), "all is void");
    raft_cache_close(&c);
    (void)refused;
}

static void the_ring_is_full_of_what_is_not_written(void)
{
    struct raft_cache c;
    uint32_t put = 0;
    uint8_t *at;

    REQUIRE(raft_cache_open(&c, RAFT_CACHE_MIN) == ERR_OK, "memory");
    for (uint32_t i = 0; i < 1000; i++) {
        size_of[i] = RAFT_CACHE_MIN / 8 - 5;
    }
    while ((at = raft_cache_reserve(&c, RAFT_CACHE_MIN / 8)) != NULL && put < 100) {
        put++;
        (void)fill(at, put, 1, 1);
        raft_cache_put(&c, put, 1, 1, RAFT_CACHE_MIN / 8, put);
    }
    CHECK(put == 8, "%u of 8 eighths", put);
    raft_cache_written(&c, 1);
    CHECK(raft_cache_reserve(&c, RAFT_CACHE_MIN / 8) != NULL, "one written makes room for one");
    CHECK(raft_cache_reserve(&c, RAFT_CACHE_MIN / 8 + 1) == NULL, "and for no byte more");
    raft_cache_close(&c);
    raft_cache_close(&c);
}

/* Batches of 64 KiB, each written at once; entries from `lag` before the newest on are needed. The most of the ring that was
 * in use. */
static uint32_t most_used(uint64_t lag, uint32_t reserve)
{
    enum { BATCH = 64 << 10 };
    struct raft_cache c;
    uint32_t most = 0;

    REQUIRE(raft_cache_open(&c, RAFT_CACHE_MIN) == ERR_OK, "memory");
    for (uint64_t index = 1; index <= 400; index++) {
        struct raft_run run;
        size_of[index] = BATCH - 5;
        term_of[index] = 1;
        if (raft_cache_is_long(&c)) {
            CHECK(raft_cache_oldest(&c) < index, "entry %llu: something is there", (unsigned long long)index);
            raft_cache_need(&c, index > lag ? index - lag : 1);
        }
        uint8_t *at = raft_cache_reserve(&c, reserve);
        REQUIRE(at != NULL, "all is written");
        (void)fill(at, index, 1, 1);
        raft_cache_put(&c, index, 1, 1, BATCH, index);
        raft_cache_written(&c, index);
        most = c.used > most ? c.used : most;
        for (uint64_t i = index > lag ? index - lag : 1; i < index && reserve == BATCH && lag < 60; i++) {
            CHECK(raft_cache_find(&c, i, BATCH, &run) && run.first == i, "entry %llu of %llu is needed", (unsigned long long)i,
                  (unsigned long long)index);
        }
        for (uint64_t i = index > 70 ? index - 70 : 1; i <= index; i++) {
            if (raft_cache_find(&c, i, BATCH, &run)) {
                check_run(&run, i);
            }
        }
    }
    raft_cache_close(&c);
    return most;
}

static void what_nobody_needs_is_no_reason_to_go_on(void)
{
    static const struct {
        uint64_t lag;
        uint32_t reserve, most;
        const char *why;
    } rows[] = {
        {1, 64 << 10, RAFT_CACHE_LAP, "who keeps up: the pages behind the lap are never touched"},
        {2, 1 << 20, RAFT_CACHE_LAP, "the same with room for what may come"},
        {10, 64 << 10, RAFT_CACHE_LAP, "ten batches behind: they are in the other half"},
        {45, 64 << 10, RAFT_CACHE_MIN, "45: all of the ring is used, and what is needed found"},
        {400, 64 << 10, RAFT_CACHE_MIN, "somebody so far behind that he costs no more than all of it"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t most = most_used(rows[i].lag, rows[i].reserve);
        CHECK(most <= rows[i].most && most > rows[i].most / 2, "row %zu: %u bytes: %s", i, most, rows[i].why);
    }
}

int main(void)
{
    what_nobody_needs_is_no_reason_to_go_on();
    for (uint64_t seed = 1; seed <= 5; seed++) {
        one_life(seed);
    }
    the_ring_is_full_of_what_is_not_written();
    return CHECK_RESULT();
}
