/* Frames and pieces of them: what goes comes, in any order, and no sender takes more than his share whatever he says. */
#include "datapath/pieces.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

enum { MTU = 1500, MOST = MTU + DATAPATH_PIECES_OVER, ROOM = 1420, START = 7000, HEAD = DATAPATH_PIECES_HEAD_PIECE };

static struct datapath_pieces pieces;
static void *memory;
static uint8_t frame[DATAPATH_PIECES_FRAME_MAX], text[DATAPATH_PIECES_FRAME_MAX + HEAD];
static const uint8_t *got;
static size_t got_size;

static void begin(void)
{
    free(memory);
    memory = malloc(datapath_pieces_size(MTU)); /* of exactly this size */
    REQUIRE(memory != NULL, "memory");
    datapath_pieces_init(&pieces, memory, MTU);
}

static void fill(size_t size, uint32_t id)
{
    for (size_t i = 0; i < size; i++) {
        frame[i] = (uint8_t)(i * 31 + id * 7 + i / 256);
    }
}

/* Bytes of memory that are exactly the message's. */
static enum datapath_pieces_verdict take(uint64_t now_ms, uint32_t peer, const uint8_t *bytes, size_t size)
{
    static uint8_t *exact; /* until the next one: what is whole at once lies in it */

    free(exact);
    exact = malloc(size);
    REQUIRE(exact != NULL, "memory");
    memcpy(exact, bytes, size);
    enum datapath_pieces_verdict v = datapath_pieces_take(&pieces, now_ms, peer, exact, size, &got, &got_size);
    if (v == DATAPATH_PIECES_WHOLE) {
        static uint8_t copy[MOST];
        REQUIRE(got_size <= sizeof copy, "it fits");
        memcpy(copy, got, got_size);
        got = copy;
    }
    free(exact);
    exact = NULL;
    return v;
}

/* Piece `index` of a frame of `size` bytes. */
static enum datapath_pieces_verdict come(uint64_t now_ms, uint32_t peer, size_t size, uint32_t id, uint32_t index)
{
    struct datapath_pieces_cut cut;

    fill(size, id);
    REQUIRE(datapath_pieces_plan(size, ROOM, id, &cut), "it can be cut");
    return take(now_ms, peer, text, datapath_pieces_write(&cut, frame, index, text));
}

static void every_length_goes_and_comes(void)
{
    static const size_t rooms[] = {272, 273, 560, 1184, 1420, 9000};
    struct datapath_pieces_cut cut;

    for (size_t r = 0; r < sizeof rooms / sizeof rooms[0]; r++) {
        uint32_t most = 0;
        begin();
        for (size_t size = DATAPATH_PIECES_FRAME_MIN; size <= MOST; size++) {
            fill(size, (uint32_t)size);
            REQUIRE(datapath_pieces_plan(size, rooms[r], (uint32_t)size, &cut), "%zu in %zu", size, rooms[r]);
            CHECK((cut.count == 1) == (size + DATAPATH_PIECES_HEAD <= rooms[r]), "%zu in %zu: %" PRIu32, size, rooms[r], cut.count);
            CHECK(cut.count == 1 || (cut.count - 1) * (rooms[r] - HEAD) < size, "not more than it takes: %zu in %zu", size, rooms[r]);
            for (uint32_t i = 0; i < cut.count; i++) {
                size_t bytes = datapath_pieces_write(&cut, frame, i, text);
                CHECK(bytes <= rooms[r] && datapath_pieces_is(text, bytes), "%zu in %zu", size, rooms[r]);
                CHECK(text[0] >> 4 != 4 && text[0] >> 4 != 6, "no packet of IP");
                memset(text + bytes, 0xee, 15); /* padding */
                enum datapath_pieces_verdict v = take(START, 1, text, bytes + size % 16);
                CHECK(v == (i + 1 < cut.count ? DATAPATH_PIECES_KEPT : DATAPATH_PIECES_WHOLE), "%zu in %zu: %d", size, rooms[r], v);
            }
            CHECK(got_size == size && memcmp(got, frame, size) == 0, "%zu in %zu", size, rooms[r]);
            most = cut.count > most ? cut.count : most;
        }
        CHECK(pieces.count == 0 && most <= DATAPATH_PIECES_MOST, "nothing is left of it");
    }
    CHECK(datapath_pieces_plan(DATAPATH_PIECES_FRAME_MAX, 272, 1, &cut) && cut.count == DATAPATH_PIECES_MOST, "the most there are");
    CHECK(!datapath_pieces_plan(DATAPATH_PIECES_FRAME_MAX + 1, 1420, 1, &cut), "one byte more");
    CHECK(!datapath_pieces_plan(DATAPATH_PIECES_FRAME_MIN - 1, 1420, 1, &cut), "no frame");
    CHECK(!datapath_pieces_plan(265, 271, 1, &cut) && datapath_pieces_plan(263, 271, 1, &cut), "no room for pieces");
}

static void messages_that_say_what_cannot_be(void)
{
    static const struct {
        size_t cut_off;      /* bytes at the end */
        int at;
        uint8_t value;
        enum datapath_pieces_verdict verdict;
        const char *why;
    } rows[] = {
        {0, 5, 0, DATAPATH_PIECES_KEPT, "as it was written"},
        {0, 5, 2, DATAPATH_PIECES_FALSE, "one piece more than the frame has"},
        {0, 5, 64, DATAPATH_PIECES_FALSE, "more than there are bits"},
        {0, 4, 3, DATAPATH_PIECES_FALSE, "a flag that nobody knows"},
        {0, 4, 2, DATAPATH_PIECES_FALSE, "no other"},
        {1, 5, 0, DATAPATH_PIECES_FALSE, "a byte less than it says"},
        {757, 5, 0, DATAPATH_PIECES_FALSE, "a head"},
        {758, 5, 0, DATAPATH_PIECES_FALSE, "less than one"},
        {765, 5, 0, DATAPATH_PIECES_FALSE, "as long as that of a frame"},
        {0, 13, 0, DATAPATH_PIECES_FALSE, "pieces of 245 bytes"},
        {0, 7, 0x02, DATAPATH_PIECES_FALSE, "one piece would do"},
        {0, 7, 0x06, DATAPATH_PIECES_LONG, "a frame of 1,770 bytes"},
    };
    struct datapath_pieces_cut cut;

    begin();
    fill(1514, 1);
    REQUIRE(datapath_pieces_plan(1514, ROOM, 1, &cut) && cut.count == 2 && cut.each == 757, "two of one length");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t bytes = datapath_pieces_write(&cut, frame, 0, text);
        text[rows[i].at] = rows[i].value;
        enum datapath_pieces_verdict v = take(START, 1, text, bytes - rows[i].cut_off);
        CHECK(v == rows[i].verdict, "%s: %s", rows[i].why, datapath_pieces_verdict_name(v));
        CHECK(pieces.count == (rows[i].verdict == DATAPATH_PIECES_KEPT), "%s: nothing is kept", rows[i].why);
        datapath_pieces_forget(&pieces, 1);
    }
    REQUIRE(datapath_pieces_plan(200, ROOM, 1, &cut) && cut.count == 1, "whole");
    for (size_t said = 0; said < 400; said++) {
        size_t bytes = datapath_pieces_write(&cut, frame, 0, text);
        text[6] = (uint8_t)said, text[7] = (uint8_t)(said >> 8);
        CHECK(take(START, 1, text, bytes) == (said >= 14 && said <= 200 ? DATAPATH_PIECES_WHOLE : DATAPATH_PIECES_FALSE), "%zu", said);
    }
    REQUIRE(datapath_pieces_plan(MOST + 1, 9000, 1, &cut) && cut.count == 1, "whole, and long");
    CHECK(take(START, 1, text, datapath_pieces_write(&cut, frame, 0, text)) == DATAPATH_PIECES_LONG, "a byte longer than it may be");
    REQUIRE(datapath_pieces_plan(MOST + 1, ROOM, 1, &cut) && cut.count == 2, "in pieces");
    CHECK(take(START, 1, text, datapath_pieces_write(&cut, frame, 0, text)) == DATAPATH_PIECES_LONG, "in pieces, too");
    for (int i = 0; i < 4; i++) {
        (void)datapath_pieces_write(&cut, frame, 0, text);
        text[i] ^= 1;
        CHECK(!datapath_pieces_is(text, ROOM), "another word: byte %d", i);
        text[i] ^= 1;
    }
    CHECK(datapath_pieces_is(text, 8) && !datapath_pieces_is(text, 7), "as long as a head");
}

static void pieces_that_contradict_end_their_frame(void)
{
    begin();
    CHECK(come(START, 1, 1514, 5, 0) == DATAPATH_PIECES_KEPT && come(START, 1, 1514, 5, 0) == DATAPATH_PIECES_AGAINST, "the same twice");
    CHECK(pieces.count == 0 && come(START, 1, 1514, 5, 1) == DATAPATH_PIECES_KEPT, "and what comes then begins anew");
    CHECK(come(START, 1, 1515, 5, 0) == DATAPATH_PIECES_AGAINST && pieces.count == 0, "another length of the frame");
    (void)come(START, 1, 1514, 5, 0);
    struct datapath_pieces_cut cut = {.size = 1514, .each = 756, .count = 3, .id = 5};
    CHECK(take(START, 1, text, datapath_pieces_write(&cut, frame, 1, text)) == DATAPATH_PIECES_AGAINST, "of its pieces");
    (void)come(START, 1, 1514, 5, 0);
    CHECK(come(START, 2, 1514, 5, 1) == DATAPATH_PIECES_KEPT && come(START, 1, 1514, 6, 1) == DATAPATH_PIECES_KEPT,
          "another's, and of another frame, are no parts of it");
    CHECK(come(START, 1, 1514, 5, 1) == DATAPATH_PIECES_WHOLE && pieces.count == 2, "this is");
}

static void what_is_late_is_given_up(void)
{
    enum { WAIT = DATAPATH_PIECES_WAIT_MS };

    begin();
    (void)come(START, 1, 1514, 5, 0);
    (void)come(START + 1, 1, 1514, 6, 0);
    CHECK(come(START + WAIT - 1, 1, 1514, 5, 1) == DATAPATH_PIECES_WHOLE, "the last moment");
    CHECK(come(START + WAIT + 1, 1, 1514, 6, 1) == DATAPATH_PIECES_KEPT && pieces.late == 1, "and one more: it begins anew");
    datapath_pieces_clock(&pieces, START + 2 * WAIT);
    CHECK(pieces.count == 1, "not yet");
    datapath_pieces_clock(&pieces, START + 2 * WAIT + 1);
    CHECK(pieces.count == 0 && pieces.late == 2, "nothing more has to come");
}

static uint32_t kept_of(uint32_t peer)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < pieces.count; i++) {
        count += pieces.frame[i].peer == peer;
    }
    return count;
}

static void a_bomb_takes_its_senders_share(void)
{
    begin();
    REQUIRE(come(START, 2, 1514, 1, 0) == DATAPATH_PIECES_KEPT, "an honest piece");
    for (uint32_t i = 0; i < 100000; i++) {
        (void)come(START, 1, 1514, i, 0);
    }
    CHECK(pieces.count == DATAPATH_PIECES_EACH + 1 && pieces.pushed == 100000 - DATAPATH_PIECES_EACH, "his own go");
    CHECK(come(START, 1, 1514, 99999 - DATAPATH_PIECES_EACH, 1) == DATAPATH_PIECES_KEPT, "the oldest is gone");
    CHECK(come(START, 1, 1514, 99999, 1) == DATAPATH_PIECES_WHOLE, "the newest is there");
    CHECK(come(START, 2, 1514, 1, 1) == DATAPATH_PIECES_WHOLE, "and so is the honest one");
    begin();
    for (uint32_t peer = 1; peer <= 9; peer++) {
        for (uint32_t i = 0; i < DATAPATH_PIECES_EACH; i++) {
            (void)come(START, peer, 1514, i, 0);
        }
    }
    CHECK(pieces.count == DATAPATH_PIECES_FRAMES, "all of them");
    for (uint32_t peer = 1; peer <= 9; peer++) {
        CHECK(kept_of(peer) >= DATAPATH_PIECES_EACH - 1, "nobody lost more than another: %" PRIu32 " of %" PRIu32, kept_of(peer), peer);
    }
    CHECK(come(START, 77, 1514, 1, 0) == DATAPATH_PIECES_KEPT && come(START, 77, 1514, 1, 1) == DATAPATH_PIECES_WHOLE,
          "who has none has room");
}

/* ---- drawn: many senders, pieces in any order, some lost, some that are lies --------------------------------- */

enum { SENDERS = 6, FLYING = 40, STEPS = 50000 };

static struct flying {
    uint32_t peer, id, index;
    size_t size, bytes;
    uint8_t text[ROOM];
} flying[FLYING];

static void drawn_frames_come_as_they_went(uint64_t seed)
{
    uint32_t count = 0, id = 0, whole = 0, against = 0;
    uint64_t now_ms = START;
    struct rng r;

    rng_init(&r, seed);
    begin();
    for (int step = 0; step < STEPS; step++) {
        struct datapath_pieces_cut cut;
        size_t size = DATAPATH_PIECES_FRAME_MIN + (size_t)rng_below(&r, MOST - DATAPATH_PIECES_FRAME_MIN + 1);
        uint32_t peer = (uint32_t)rng_below(&r, SENDERS);
        now_ms += rng_below(&r, 20);
        fill(size, ++id);
        REQUIRE(datapath_pieces_plan(size, 272 + (size_t)rng_below(&r, ROOM - 272 + 1), id, &cut), "it can be cut");
        for (uint32_t i = 0; i < cut.count && count < FLYING; i++) {
            struct flying *f = &flying[count];
            *f = (struct flying){.peer = peer, .id = id, .index = i, .size = size};
            f->bytes = datapath_pieces_write(&cut, frame, i, f->text);
            if (rng_below(&r, 30) == 0) { /* somebody who says something else */
                f->text[rng_below(&r, HEAD)] ^= (uint8_t)(1u << rng_below(&r, 8));
                f->id = 0;
            }
            count += rng_below(&r, 20) != 0;
        }
        for (uint32_t i = 0; i < 4 && count > 0; i++) {
            uint32_t at = rng_below(&r, 3) == 0 ? (uint32_t)rng_below(&r, count) : 0;
            struct flying f = flying[at];
            flying[at] = flying[--count];
            if (!datapath_pieces_is(f.text, f.bytes)) {
                continue;
            }
            enum datapath_pieces_verdict v = take(now_ms, f.peer, f.text, f.bytes);
            CHECK(pieces.count <= DATAPATH_PIECES_FRAMES && kept_of(f.peer) <= DATAPATH_PIECES_EACH, "step %d of %" PRIu64, step, seed);
            against += v == DATAPATH_PIECES_AGAINST;
            if (v == DATAPATH_PIECES_WHOLE && f.id != 0 && got_size == f.size) {
                fill(f.size, f.id);
                whole++;
                CHECK(memcmp(got, frame, f.size) == 0, "step %d of %" PRIu64, step, seed);
            }
        }
    }
    CHECK(whole > STEPS / 10 && against > 0 && pieces.late > 0, "all of it happened: %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu64,
          whole, against, pieces.late, pieces.pushed);
}

int main(void)
{
    every_length_goes_and_comes();
    messages_that_say_what_cannot_be();
    pieces_that_contradict_end_their_frame();
    what_is_late_is_given_up();
    a_bomb_takes_its_senders_share();
    for (uint64_t seed = 1; seed <= 2; seed++) {
        drawn_frames_come_as_they_went(seed);
    }
    free(memory);
    return CHECK_RESULT();
}
