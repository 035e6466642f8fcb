#include "common/base/arena.h"

#include <malloc.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

static void the_limit_is_exact(void)
{
    static const struct {
        size_t limit, first, second;
        bool first_fits, second_fits;
        const char *why;
    } rows[] = {
        {100, 100, 1, true, false, "exactly the limit, then one byte"},
        {100, 101, 1, false, true, "one past the limit takes nothing"},
        {0, 1, 0, false, false, "no limit is no memory, not even for nothing"},
        {16, 0, 0, true, false, "nothing counts as one alignment"},
        {32, 16, 16, true, true, "two whole alignments"},
        {32, 17, 1, true, false, "padding counts: 17 is 32"},
        {SIZE_MAX, SIZE_MAX, 8, false, true, "a size that would wrap"},
        {SIZE_MAX, SIZE_MAX - 15, 8, false, true, "a size whose block would wrap"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a;
        arena_init(&a, rows[i].limit);
        CHECK((arena_alloc(&a, rows[i].first) != NULL) == rows[i].first_fits, "row %zu: %s", i,
              rows[i].why);
        CHECK((arena_alloc(&a, rows[i].second) != NULL) == rows[i].second_fits, "row %zu: %s", i,
              rows[i].why);
        CHECK(a.used_bytes <= a.limit_bytes, "row %zu: never more than the limit", i);
        arena_reset(&a);
        CHECK(a.used_bytes == 0, "row %zu: a reset gives all back", i);
        if (rows[i].first_fits) {
            CHECK(arena_alloc(&a, rows[i].first) != NULL, "row %zu: and it fits again", i);
        }
        arena_fini(&a);
    }
}

/* Without counting the padding, a million single bytes would take sixteen. */
static void single_bytes_cost_what_they_take(void)
{
    struct arena a;
    size_t count = 0;

    arena_init(&a, 1 << 20);
    while (arena_alloc(&a, 1) != NULL) {
        count++;
    }
    CHECK(count == (1 << 20) / 16, "%zu single bytes from a mebibyte", count);
    arena_fini(&a);
}

struct piece {
    unsigned char *at;
    size_t size;
    unsigned char mark;
};

static bool is_marked(const struct piece *p)
{
    for (size_t i = 0; i < p->size; i++) {
        if (p->at[i] != p->mark) {
            return false;
        }
    }
    return true;
}

static void drawn_pieces_are_aligned_and_apart(void)
{
    enum { MOST = 400 };
    static struct piece piece[MOST];
    struct arena a;
    struct rng r;

    rng_init(&r, 6);
    arena_init(&a, 4 << 20);
    for (unsigned run = 0; run < 200; run++) {
        size_t count = 1 + rng_below(&r, MOST), total = 0;
        for (size_t i = 0; i < count; i++) {
            size_t size = rng_below(&r, 20) == 0 ? rng_below(&r, 100000) : rng_below(&r, 300);
            piece[i] = (struct piece){arena_alloc(&a, size), size, (unsigned char)(i + run)};
            if (piece[i].at == NULL) {
                CHECK(size > a.limit_bytes - a.used_bytes, "run %u: refused only at the limit", run);
                count = i;
                break;
            }
            total += size;
            CHECK((uintptr_t)piece[i].at % _Alignof(max_align_t) == 0, "run %u: alignment", run);
            memset(piece[i].at, piece[i].mark, size);
        }
        for (size_t i = 0; i < count; i++) {
            CHECK(is_marked(&piece[i]), "run %u: piece %zu was written over", run, i);
        }
        CHECK(a.used_bytes >= total, "run %u: what is used is counted", run);
        arena_reset(&a);
    }
    arena_fini(&a);
}

static void a_reset_keeps_a_usual_block_and_no_huge_one(void)
{
    struct arena a;

    arena_init(&a, 64 << 20);
    void *first = arena_alloc(&a, 100);
    REQUIRE(arena_alloc(&a, 1 << 20) != NULL, "more blocks");
    arena_reset(&a);
    CHECK(arena_alloc(&a, 100) == first, "the first block serves again, without malloc");
    CHECK(a.first == a.last, "and is alone");
    arena_fini(&a);
    REQUIRE(arena_alloc(&a, 32 << 20) != NULL, "usable after fini, with the same limit");
    arena_reset(&a);
    CHECK(a.first == NULL && a.last == NULL, "32 MiB do not stay with an idle caller");
    CHECK(arena_alloc(&a, 1) != NULL, "and the next request starts afresh");
    arena_fini(&a);
    arena_fini(&a);
    CHECK(a.first == NULL, "a second fini does no harm");
}

/* A thousand requests that wait have a thousand of them. */
static void blocks_are_as_large_as_what_they_are_for(void)
{
    struct arena a;

    arena_init(&a, 1 << 20);
    REQUIRE(arena_alloc(&a, 600) != NULL, "a request");
    CHECK(malloc_usable_size(a.first) <= 1200, "%zu bytes for 600", malloc_usable_size(a.first));
    arena_fini(&a);
    REQUIRE(arena_alloc(&a, 200000) != NULL && arena_alloc(&a, 100) != NULL, "a large one, and what is behind it");
    CHECK(malloc_usable_size(a.last) <= 1200, "%zu bytes for 100 behind 200,000", malloc_usable_size(a.last));
    arena_fini(&a);
}

int main(void)
{
    blocks_are_as_large_as_what_they_are_for();
    the_limit_is_exact();
    single_bytes_cost_what_they_take();
    drawn_pieces_are_aligned_and_apart();
    a_reset_keeps_a_usual_block_and_no_huge_one();
    return CHECK_RESULT();
}
