/* The ring of a capture: a table of claims about its room, and a naive reference that keeps every packet by itself. */
#include "datapath/capture.h"

#include <string.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

enum {
    EACH = DATAPATH_CAPTURE_RECORD + 72, /* of the ring, of a packet of 65 to 72 bytes …         */
    REST = DATAPATH_CAPTURE_RECORD + 8,  /* … of one to 8                                        */
    SMALL = 8 * EACH + REST,
};

static uint8_t memory[DATAPATH_CAPTURE_SNAP_MAX + DATAPATH_CAPTURE_RECORD + 9];
static uint8_t text[DATAPATH_CAPTURE_SNAP_MAX + 1];

static bool put(struct datapath_capture *c, uint64_t time_us, uint32_t size)
{
    struct datapath_capture_packet p = {.time_us = time_us, .bytes = text, .size = size, .is_out = time_us % 2 == 1};

    memset(p.public, (int)(time_us % 251), sizeof p.public);
    return datapath_capture_put(c, &p);
}

/* Take so many: each must be the next in time from `time_us` on, of `size` bytes. */
static void take(struct datapath_capture *c, uint32_t count, uint64_t time_us, uint32_t size, const char *why)
{
    struct datapath_capture_place place = datapath_capture_begin(c);
    struct datapath_capture_packet p;

    for (uint32_t i = 0; i < count; i++, time_us++) {
        REQUIRE(datapath_capture_next(c, &place, &p), "%s: packet %u is there", why, i);
        CHECK(p.time_us == time_us && p.size == size && p.kept == size && p.is_out == (time_us % 2 == 1) &&
                  p.public[31] == time_us % 251 && memcmp(p.bytes, text, size) == 0, "%s: packet %u is what was put", why, i);
    }
    datapath_capture_drop(c, &place);
}

static void room_has_an_end(void)
{
    struct datapath_capture c;
    struct datapath_capture_place place;
    struct datapath_capture_packet p;

    datapath_capture_init(&c, memory, SMALL, 200);
    place = datapath_capture_begin(&c);
    CHECK(!datapath_capture_next(&c, &place, &p), "in the beginning there is nothing");
    for (uint64_t i = 0; i < 8; i++) {
        CHECK(put(&c, i, 65), "packet %d fits", (int)i);
    }
    CHECK(!put(&c, 99, 9) && c.dropped == 1 && c.taken == 9, "one more does not, and is counted");
    take(&c, 2, 0, 65, "the oldest two");
    CHECK(put(&c, 8, 65) && put(&c, 9, 65) && !put(&c, 99, 9), "their room is there again, and no more");
    take(&c, 8, 2, 65, "in order, round the end");
    CHECK(c.count == 0, "and that was all");
    for (uint64_t i = 0; i < 8; i++) {
        CHECK(put(&c, i, 72), "all of it can be used again: %d", (int)i);
    }
    CHECK(put(&c, 8, 8) && !put(&c, 99, 1), "to its last byte");
    take(&c, 8, 0, 72, "again");
    take(&c, 1, 8, 8, "and the last");
}

static void packets_are_cut_at_snap(void)
{
    static const struct {
        uint32_t snap, size, kept;
        const char *why;
    } rows[] = {
        {1, 1, 1, "the least of the least"},
        {1, 1500, 1, "one byte of many"},
        {100, 99, 99, "one below it is whole"},
        {100, 100, 100, "of that size, too"},
        {100, 101, 100, "one past it is cut"},
        {DATAPATH_CAPTURE_SNAP_MAX, DATAPATH_CAPTURE_SNAP_MAX, DATAPATH_CAPTURE_SNAP_MAX, "the most there is"},
        {DATAPATH_CAPTURE_SNAP_MAX, DATAPATH_CAPTURE_SNAP_MAX + 1, DATAPATH_CAPTURE_SNAP_MAX, "and one past it"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct datapath_capture c;
        struct datapath_capture_packet p = {0};
        datapath_capture_init(&c, memory, sizeof memory / 8 * 8, rows[i].snap);
        struct datapath_capture_place place = datapath_capture_begin(&c);
        CHECK(put(&c, i, rows[i].size), "row %zu: it fits", i);
        CHECK(datapath_capture_next(&c, &place, &p) && p.kept == rows[i].kept && p.size == rows[i].size &&
                  memcmp(p.bytes, text, p.kept) == 0, "row %zu: %s", i, rows[i].why);
    }
}

/* Drawn sizes, and drawn numbers of packets taken: what was put comes out, in order, once; what found no room is counted. */
static void agrees_with_a_reference(uint64_t seed)
{
    enum { STEPS = 20000, ROOM = 4096, SNAP = 700 };
    static uint32_t size_of[STEPS];
    struct datapath_capture c;
    struct rng rng;
    uint64_t first = 0, put_count = 0, dropped = 0;

    rng_init(&rng, seed);
    datapath_capture_init(&c, memory, ROOM, SNAP);
    for (int step = 0; step < STEPS; step++) {
        if (rng_below(&rng, 3) > 0) {
            uint32_t size = 1 + (uint32_t)rng_below(&rng, rng_below(&rng, 2) == 0 ? 60 : 1400);
            size_of[put_count] = size;
            if (put(&c, put_count, size)) {
                put_count++;
            } else {
                dropped++;
                CHECK(c.count > 0, "seed %d step %d: an empty ring has room", (int)seed, step);
            }
            continue;
        }
        struct datapath_capture_place place = datapath_capture_begin(&c);
        struct datapath_capture_packet p;
        for (uint64_t n = rng_below(&rng, 6); n > 0 && datapath_capture_next(&c, &place, &p); n--, first++) {
            uint32_t size = size_of[first], kept = size < SNAP ? size : SNAP;
            REQUIRE(first < put_count && p.time_us == first && p.size == size && p.kept == kept &&
                        memcmp(p.bytes, text, kept) == 0, "seed %d step %d: the next packet", (int)seed, step);
        }
        datapath_capture_drop(&c, &place);
        REQUIRE(c.count == put_count - first, "seed %d step %d: as many are left", (int)seed, step);
    }
    CHECK(dropped > 0 && c.dropped == dropped && c.taken == put_count + dropped, "seed %d: all are counted", (int)seed);
}

int main(void)
{
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)(i * 7 + i / 256);
    }
    room_has_an_end();
    packets_are_cut_at_snap();
    for (uint64_t seed = 1; seed <= 20; seed++) {
        agrees_with_a_reference(seed);
    }
    return CHECK_RESULT();
}
