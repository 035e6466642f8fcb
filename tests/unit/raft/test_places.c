/* Where entries stand, against a naive list of all frames. */
#include <string.h>

#include "common/base/rng.h"
#include "raft/places.h"
#include "tests/unit/raft/wal_kit.h"

enum { FRAMES = 4000, INDICES = 4000 };

struct naive {
    struct raft_frame frame[FRAMES];
    uint64_t segment[FRAMES];
    uint32_t at[FRAMES];
    uint32_t count, has[INDICES]; /* which frame has the entry, and one more; 0: none */
};

static struct naive all;

/* Walk on from the place: the first frame at or after it, below `until`, that has `index`. */
static int reads(const struct raft_places *p, uint64_t index)
{
    struct raft_place place;
    uint64_t until;

    if (!raft_places_find(p, index, &place, &until)) {
        return -1;
    }
    CHECK(index < until && place.first <= index, "the place is before it");
    for (uint32_t i = 0; i < all.count; i++) {
        const struct raft_frame *f = &all.frame[i];
        bool is_on = all.segment[i] > place.segment || (all.segment[i] == place.segment && all.at[i] >= place.at);
        if (is_on && f->first <= index && index < f->first + f->count) {
            return (int)i;
        }
    }
    return -2;
}

static void check_all(const struct raft_places *p, uint64_t first, uint64_t last, uint64_t seed)
{
    for (uint64_t i = first > 3 ? first - 3 : 1; i < last + 3 && i < INDICES; i++) {
        int want = i >= first && i <= last ? (int)all.has[i] - 1 : -1;
        int got = reads(p, i);
        CHECK(got == want || (got >= 0 && i <= p->last && i < first), "seed %llu entry %llu: frame %d, not %d",
              (unsigned long long)seed, (unsigned long long)i, got, want);
    }
}

static void one_log(uint64_t seed)
{
    struct raft_places p = {0};
    struct rng r;
    uint64_t first = 1, last = 0, segment = 1, oldest = 1;
    uint32_t at = 512;

    rng_init(&r, seed);
    memset(&all, 0, sizeof all);
    for (int step = 0; step < 400 && last < INDICES - 60; step++) {
        struct raft_frame f = {.kind = RAFT_FRAME_ENTRIES, .first = last + 1, .count = (uint32_t)rng_below(&r, 6)};
        uint64_t dice = rng_below(&r, 100);
        if (dice < 15 && last >= first) {
            f.first = first + rng_below(&r, last - first + 1);
        } else if (dice < 17) {
            f = (struct raft_frame){.kind = RAFT_FRAME_BASE, .first = last + 1 + rng_below(&r, 20)};
            first = f.first;
        }
        if (rng_below(&r, 12) == 0) {
            segment++;
            at = 512;
        }
        REQUIRE(raft_places_add(&p, &f, segment, at) == ERR_OK, "memory");
        all.frame[all.count] = f;
        all.segment[all.count] = segment;
        all.at[all.count] = at;
        for (uint64_t i = f.kind == RAFT_FRAME_BASE ? 1 : f.first; i < INDICES; i++) {
            all.has[i] = i >= f.first && i < f.first + f.count ? all.count + 1 : 0;
        }
        all.count++;
        last = f.first + f.count - 1;
        at += 100 + (uint32_t)rng_below(&r, 50000);
        if (rng_below(&r, 30) == 0 && last >= first) {
            uint64_t cut = first + rng_below(&r, last - first + 1);
            uint64_t needed = raft_places_cut(&p, cut);
            CHECK(needed >= oldest && needed <= segment, "seed %llu: segments go from the front", (unsigned long long)seed);
            oldest = needed;
            first = cut + 1;
            for (uint64_t i = cut + 1; i <= last; i++) {
                CHECK(all.segment[all.has[i] - 1] >= needed, "seed %llu: entry %llu stays", (unsigned long long)seed,
                      (unsigned long long)i);
            }
        }
    }
    check_all(&p, first, last, seed);
    raft_places_fini(&p);
}

int main(void)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        one_log(seed);
    }
    return CHECK_RESULT();
}
