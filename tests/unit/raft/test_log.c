/* Claims about the index of the log: a list of all entries as reference. */
#include "common/base/rng.h"
#include "raft/log.h"
#include "tests/support/check.h"

enum { MOST = 4000, STEPS = 4000, LOOKS = 20 };

static struct {
    uint64_t term[MOST + 1], size[MOST + 1];
    uint64_t base, last, truncations;
} list;

static void look(const struct raft_log *l, struct rng *r, int step)
{
    CHECK(l->base == list.base && l->last == list.last, "step %d: where it begins and ends", step);
    CHECK(raft_log_last_term(l) == list.term[list.last], "step %d: the last term", step);
    for (int i = 0; i < LOOKS; i++) {
        uint64_t at = list.base + rng_below(r, list.last - list.base + 1), term = rng_below(r, list.term[list.last] + 2);
        CHECK(raft_log_term(l, at) == list.term[at], "step %d: the term of %lu", step, (unsigned long)at);
        uint64_t found = at;
        while (found > list.base && list.term[found] > term) {
            found--;
        }
        CHECK(raft_log_find(l, at, term) == found, "step %d: term %lu up to %lu", step, (unsigned long)term, (unsigned long)at);
        uint64_t bytes = 0, size;
        for (uint64_t k = at + 1; k <= list.last; k++) {
            bytes += list.size[k];
        }
        uint64_t said = raft_log_bytes_after(l, at);
        CHECK(said >= bytes && said <= bytes + (1 + list.truncations) * RAFT_LOG_GRAIN, "step %d: bytes after %lu", step, (unsigned long)at);
        if (at == list.base) {
            continue;
        }
        uint64_t end = raft_log_run_end(l, at, 100000, &size);
        bytes = 0;
        for (uint64_t k = at; k <= end; k++) {
            CHECK(list.term[k] == list.term[at], "step %d: a run is of one term", step);
            bytes += list.size[k];
        }
        CHECK(end >= at && end <= list.last && bytes <= size, "step %d: a run from %lu", step, (unsigned long)at);
        CHECK(size <= 100000, "step %d: not too long", step); /* an append here is shorter than a grain */
        uint64_t same = at - 1;
        while (same < list.last && list.term[same + 1] == term) {
            same++;
        }
        CHECK(raft_log_same_until(l, at, MOST, term) == same, "step %d: all of term %lu", step, (unsigned long)term);
    }
}

static void append(struct raft_log *l, struct rng *r)
{
    uint32_t count = 1 + (uint32_t)rng_below(r, 20);
    uint64_t term = list.term[list.last] + (rng_below(r, 8) == 0), each = 6 + rng_below(r, rng_below(r, 4) == 0 ? 3000 : 60);

    if (list.last + count > MOST) {
        return;
    }
    term = term == 0 ? 1 : term;
    for (uint32_t i = 0; i < count; i++) {
        list.term[++list.last] = term;
        list.size[list.last] = each;
    }
    REQUIRE(raft_log_reserve(l), "memory");
    raft_log_append(l, count, term, each * count);
}

static void it_knows_what_a_list_knows(uint64_t seed)
{
    struct raft_log l;
    struct rng r;

    rng_init(&r, seed);
    list.base = list.last = list.truncations = 0;
    list.term[0] = 0;
    raft_log_init(&l, 0, 0);
    for (int step = 0; step < STEPS && check_failures == 0; step++) {
        uint64_t what = rng_below(&r, 10);
        if (what < 7) {
            append(&l, &r);
        } else if (what == 7 && list.last > list.base) {
            uint64_t first = list.last - rng_below(&r, (list.last - list.base < 30 ? list.last - list.base : 30));
            raft_log_truncate(&l, first);
            list.truncations++;
            list.last = first - 1;
        } else if (what == 8 && list.last > list.base) {
            list.base += rng_below(&r, list.last - list.base < 30 ? list.last - list.base : 30) + 1;
            list.base = list.base > list.last ? list.last : list.base;
            raft_log_cut(&l, list.base);
        } else if (list.last + 100 > MOST) {
            raft_log_reset(&l, 0, 0);
            list.base = list.last = 0;
        }
        look(&l, &r, step);
    }
    raft_log_fini(&l);
}

int main(void)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        it_knows_what_a_list_knows(seed);
    }
    return CHECK_RESULT();
}
