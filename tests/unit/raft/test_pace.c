/* A piece of work that nobody waits for takes its part of a loop's time, and no more while there is other work. */
#include "raft/pace.h"
#include "tests/support/check.h"

enum { SECOND_US = 1000000 };

/* A second of a loop that has other work every `other_us` (0: none) and pieces that take `piece_us`, looking at the clock every
 * 10 us: how long it spends on pieces; *ret_longest, one after the other without a rest. */
static uint64_t spent_us(uint64_t other_us, uint64_t piece_us, uint64_t *ret_longest)
{
    struct raft_pace p = {0};
    uint64_t spent = 0, row = 0, again_us = 0, ended_us = 0;
    uint64_t from_us = 5 * SECOND_US, work = 0;

    *ret_longest = 0;
    for (uint64_t now_us = from_us; now_us < from_us + SECOND_US; now_us += 10) {
        if (other_us > 0) {
            work = (now_us - from_us) / other_us + 1;
        }
        if (!raft_pace_may(&p, now_us, work, &again_us)) {
            CHECK(again_us > now_us, "what may not be done now is for later");
            continue;
        }
        CHECK(again_us == now_us, "at once");
        row = now_us - ended_us <= 10 ? row + piece_us : piece_us;
        *ret_longest = row > *ret_longest ? row : *ret_longest;
        raft_pace_did(&p, now_us, now_us + piece_us, &again_us);
        CHECK(again_us >= now_us + piece_us, "again when it is done, or later");
        spent += piece_us;
        now_us += piece_us;
        ended_us = now_us;
    }
    return spent;
}

static void an_eighth_beside_other_work(void)
{
    static const uint64_t pieces_us[] = {10, 150, 1000, 2500};
    uint64_t longest;

    for (size_t i = 0; i < sizeof pieces_us / sizeof pieces_us[0]; i++) {
        uint64_t spent = spent_us(700, pieces_us[i], &longest);
        CHECK(spent <= SECOND_US / 8 + 2 * pieces_us[i] && spent >= SECOND_US / 16, "pieces of %llu us: %llu us of a second",
              (unsigned long long)pieces_us[i], (unsigned long long)spent);
        CHECK(longest == pieces_us[i], "one at a time: %llu us", (unsigned long long)longest);
    }
}

static void all_of_it_when_there_is_none(void)
{
    uint64_t longest, spent = spent_us(0, 150, &longest);

    CHECK(spent > SECOND_US * 9 / 10, "%llu us of a second", (unsigned long long)spent);
}

/* Whoever has to be patient is told a time at which it may, whichever reason comes first. */
static void the_time_that_is_told_is_right(void)
{
    struct raft_pace p = {0};
    uint64_t again_us;

    CHECK(raft_pace_may(&p, SECOND_US, 1, &again_us), "the first");
    raft_pace_did(&p, SECOND_US, SECOND_US + 100, &again_us);
    CHECK(again_us == SECOND_US + 800, "seven times as long later: %llu", (unsigned long long)again_us);
    CHECK(!raft_pace_may(&p, again_us - 1, 2, &again_us) && again_us == SECOND_US + 800, "not before");
    CHECK(raft_pace_may(&p, again_us, 3, &again_us), "then");
    raft_pace_did(&p, SECOND_US + 800, 2 * SECOND_US, &again_us);
    CHECK(!raft_pace_may(&p, 2 * SECOND_US, 4, &again_us) && again_us == 2 * SECOND_US + RAFT_PACE_QUIET_US,
          "a rest that is long ends when it has become quiet: %llu", (unsigned long long)again_us);
    CHECK(!raft_pace_may(&p, again_us - 1, 4, &again_us) && raft_pace_may(&p, again_us, 4, &again_us), "not before");
}

int main(void)
{
    an_eighth_beside_other_work();
    all_of_it_when_there_is_none();
    the_time_that_is_told_is_right();
    return CHECK_RESULT();
}
