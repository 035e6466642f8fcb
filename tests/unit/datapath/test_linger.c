/* When the next packet is waited for awake: scenes of packets and their gaps, each with what it is there for. */
#include "datapath/linger.h"

#include "tests/support/check.h"

enum { START = 1000000, WORK = 5 }; /* µs */

/* A turn `gap_us` after the last one. Returns for how long it is waited then. */
static uint64_t turn(struct datapath_linger *l, uint64_t *now_us, uint64_t gap_us, uint64_t packets, uint64_t crowded_us)
{
    *now_us += gap_us;
    datapath_linger_begin(l, *now_us);
    *now_us += WORK;
    uint64_t until_us = datapath_linger_end(l, *now_us, packets, crowded_us);
    CHECK(until_us == 0 || until_us == *now_us + DATAPATH_LINGER_US, "as long as is said, or not at all");
    return until_us == 0 ? 0 : until_us - *now_us;
}

static void answers_that_come_soon_are_waited_for(void)
{
    struct datapath_linger l = {0};
    uint64_t now_us = START;

    CHECK(turn(&l, &now_us, 0, 1, 0) == 0, "the first packet says nothing of a second");
    for (int i = 1; i < DATAPATH_LINGER_SHORTS; i++) {
        CHECK(turn(&l, &now_us, DATAPATH_LINGER_US, 1, 0) == 0, "one short gap may be chance");
    }
    CHECK(turn(&l, &now_us, DATAPATH_LINGER_US, 1, 0) > 0, "several are a conversation");
    CHECK(turn(&l, &now_us, 1, DATAPATH_LINGER_FEW, 0) > 0, "… of few packets");
}

static void who_waited_in_vain_sleeps(void)
{
    struct datapath_linger l = {0};
    uint64_t now_us = START;

    for (int i = 0; i < 10; i++) {
        (void)turn(&l, &now_us, 10, 1, 0);
    }
    CHECK(turn(&l, &now_us, DATAPATH_LINGER_US + 1, 1, 0) == 0, "the next came after the wait was over: none pays now");
    for (int i = 0; i < 100; i++) {
        CHECK(turn(&l, &now_us, 10 * DATAPATH_LINGER_US, 1, 0) == 0, "packets now and then are not waited for at all");
    }
}

static void streams_are_not_waited_for(void)
{
    struct datapath_linger l = {0};
    uint64_t now_us = START;

    for (int i = 0; i < 10; i++) {
        (void)turn(&l, &now_us, 10, 1, 0);
    }
    CHECK(turn(&l, &now_us, 10, DATAPATH_LINGER_FEW + 1, 0) == 0, "many at once are a stream");
    for (uint64_t gone = 0; gone + 10 + 2 * WORK < DATAPATH_LINGER_BULK_US; gone += 10 + WORK) {
        CHECK(turn(&l, &now_us, 10, 1, 0) == 0, "what comes back for it comes one by one, and is the same stream");
    }
    (void)turn(&l, &now_us, 10 + WORK, 1, 0);
    CHECK(turn(&l, &now_us, 10, 1, 0) > 0, "it is over");
}

/* Turns of a conversation until one is waited after again. */
static uint64_t until_awake(struct datapath_linger *l, uint64_t *now_us, uint64_t crowded_us)
{
    uint64_t from_us = *now_us;

    while (turn(l, now_us, 10, 1, crowded_us) == 0) {
        REQUIRE(*now_us < from_us + 2 * (uint64_t)DATAPATH_LINGER_CROWDED_US_MAX, "it comes again");
    }
    return *now_us - from_us;
}

static void where_others_want_the_processor_nobody_waits(void)
{
    struct datapath_linger l = {0};
    uint64_t now_us = START, crowded_us = 0, back_us = DATAPATH_LINGER_CROWDED_US;

    (void)until_awake(&l, &now_us, crowded_us);
    for (int i = 0; i < 12; i++) { /* every wait of his is the other's time */
        crowded_us = now_us;
        uint64_t slept_us = until_awake(&l, &now_us, crowded_us);
        CHECK(slept_us >= back_us && slept_us < back_us + 100, "he sleeps the longer the more often it was so");
        back_us = 2 * back_us < DATAPATH_LINGER_CROWDED_US_MAX ? 2 * back_us : DATAPATH_LINGER_CROWDED_US_MAX;
    }
    CHECK(back_us == DATAPATH_LINGER_CROWDED_US_MAX, "… up to a limit");
    for (int i = 0; i < DATAPATH_LINGER_FREE - 1; i++) {
        CHECK(turn(&l, &now_us, 10, 1, crowded_us) > 0, "the other has gone");
    }
    crowded_us = now_us;
    uint64_t slept_us = until_awake(&l, &now_us, crowded_us);
    CHECK(slept_us >= DATAPATH_LINGER_CROWDED_US && slept_us < DATAPATH_LINGER_CROWDED_US + 100, "and is forgotten");
}

int main(void)
{
    answers_that_come_soon_are_waited_for();
    who_waited_in_vain_sleeps();
    streams_are_not_waited_for();
    where_others_want_the_processor_nobody_waits();
    return CHECK_RESULT();
}
