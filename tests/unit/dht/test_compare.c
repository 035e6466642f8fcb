/* Claims about a value that is to replace one sequence alone: what follows on what is held, and who is told what. */
#include <string.h>

#include "dht/compare.h"
#include "tests/unit/dht/kit.h"

enum { EXPECTED = 70000, NODES = 100, LEFT_MS = 5000 };

static const uint8_t value[] = {'6'};

static void open(struct dht_compare *c, uint64_t expected, const char *request)
{
    dht_compare_init(c, expected, request, strlen(request), value, sizeof value);
}

/* A look that finds one record of this sequence; 0: none. */
static enum dht_compare_next look(struct dht_compare *c, uint64_t seq, const char *held, enum err e, uint32_t answers)
{
    struct kit_record r;

    (void)dht_compare_look(c, NODES);
    if (seq != 0) {
        kit_signed(&r, DHT_MUTABLE, 1, "name", held, seq, LEFT_MS);
        dht_compare_found(c, &r.r);
    }
    return dht_compare_looked(c, e, answers, value, sizeof value);
}

static void what_is_held_decides(void)
{
    struct dht_compare c;
    uint64_t own, others;

    open(&c, EXPECTED, "me");
    own = dht_compare_seq(&c, 0);
    open(&c, EXPECTED, "somebody else");
    others = dht_compare_seq(&c, 0);
    const struct {
        uint64_t expected, seq;
        const char *held;
        enum err e;
        uint32_t answers;
        enum dht_compare_next next;
        enum err status;
        const char *why;
    } rows[] = {
        {EXPECTED, EXPECTED, "5", ERR_OK, 4, DHT_COMPARE_PUT, ERR_LATER, "what was expected"},
        {EXPECTED, EXPECTED, "5", ERR_OK, 3, DHT_COMPARE_END, ERR_TIMEOUT, "so few may all have missed a later one"},
        {EXPECTED, EXPECTED, "5", ERR_TIMEOUT, 1, DHT_COMPARE_END, ERR_TIMEOUT, "too few answered"},
        {EXPECTED, EXPECTED, "6", ERR_OK, 4, DHT_COMPARE_PUT, ERR_LATER, "the same value, but the one before"},
        {EXPECTED, EXPECTED - 1, "5", ERR_OK, 4, DHT_COMPARE_END, ERR_PRECONDITION, "a lower one"},
        {EXPECTED, EXPECTED + 1, "5", ERR_OK, 4, DHT_COMPARE_END, ERR_PRECONDITION, "a higher one"},
        {EXPECTED, 0, "", ERR_NOT_FOUND, 0, DHT_COMPARE_END, ERR_PRECONDITION, "none"},
        {0, 0, "", ERR_NOT_FOUND, 0, DHT_COMPARE_PUT, ERR_LATER, "none, as expected"},
        {0, 5, "", ERR_OK, 4, DHT_COMPARE_END, ERR_PRECONDITION, "one that was taken back is one"},
        {EXPECTED, own, "6", ERR_OK, 4, DHT_COMPARE_AGAIN, ERR_LATER, "our own: the answer was lost"},
        {EXPECTED, own + (UINT64_C(3) << DHT_COMPARE_BITS), "6", ERR_OK, 4, DHT_COMPARE_AGAIN, ERR_LATER, "… at a later date"},
        {EXPECTED, own, "6", ERR_OK, 1, DHT_COMPARE_END, ERR_TIMEOUT, "… and perhaps replaced since"},
        {EXPECTED, own, "7", ERR_OK, 4, DHT_COMPARE_END, ERR_PRECONDITION, "another value"},
        {EXPECTED, others, "6", ERR_OK, 4, DHT_COMPARE_END, ERR_PRECONDITION, "the same, put by somebody else"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        open(&c, rows[i].expected, "me");
        CHECK(look(&c, rows[i].seq, rows[i].held, rows[i].e, rows[i].answers) == rows[i].next, "row %zu: %s", i, rows[i].why);
        CHECK(c.status == rows[i].status, "row %zu: %s: %s", i, rows[i].why, err_name(c.status));
        CHECK(dht_compare_held(&c) == rows[i].seq, "row %zu: what is held is told", i);
        CHECK(rows[i].next != DHT_COMPARE_AGAIN || (c.held.seq == rows[i].seq && c.held.left_ms == LEFT_MS), "row %zu: as it is", i);
    }
}

static void the_highest_is_what_is_held(void)
{
    struct dht_compare c;
    struct kit_record r;

    open(&c, EXPECTED, "me");
    (void)dht_compare_look(&c, NODES);
    for (uint64_t seq = EXPECTED - 1; seq <= EXPECTED + 1; seq++) {
        kit_signed(&r, DHT_MUTABLE, 1, "name", "5", seq == EXPECTED + 1 ? 1 : seq, LEFT_MS);
        dht_compare_found(&c, &r.r);
    }
    CHECK(dht_compare_held(&c) == EXPECTED, "a lower one after it changes nothing");
    (void)dht_compare_look(&c, NODES);
    CHECK(dht_compare_held(&c) == 0, "a new look finds anew");
}

static void sequences_tell_who_asked(void)
{
    struct dht_compare c, same, other;

    open(&c, EXPECTED, "me");
    open(&same, EXPECTED, "me");
    open(&other, EXPECTED, "not me");
    for (uint64_t least = 0; least < 5 * (UINT64_C(1) << DHT_COMPARE_BITS); least += 4099) {
        uint64_t seq = dht_compare_seq(&c, least), floor = least > EXPECTED ? least : EXPECTED + 1;
        CHECK(seq >= floor && seq < floor + (1 << DHT_COMPARE_BITS), "the next one from %llu on", (unsigned long long)floor);
        CHECK(dht_compare_seq(&same, least) == seq && dht_compare_seq(&other, least) != seq, "whose it is");
        CHECK(dht_compare_seq(&c, seq) == seq && dht_compare_seq(&c, seq + 1) == seq + (1 << DHT_COMPARE_BITS), "itself, and the next");
    }
    dht_compare_init(&other, EXPECTED, "me", 2, (const uint8_t *)"7", 1);
    CHECK(dht_compare_seq(&other, 0) != dht_compare_seq(&c, 0), "another value is another request");
}

static void refusals_are_looked_into(void)
{
    static const struct {
        enum err e;
        bool goes_on;
    } rows[] = {{ERR_OK, false}, {ERR_PRECONDITION, true}, {ERR_ABORTED, true}, {ERR_TIMEOUT, false}, {ERR_LIMIT, false}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dht_compare c;
        open(&c, EXPECTED, "me");
        for (uint32_t n = 1; n < DHT_COMPARE_LOOKS && rows[i].goes_on; n++) {
            CHECK(dht_compare_put(&c, rows[i].e) == DHT_COMPARE_LOOK, "row %zu: what is held tells", i);
        }
        CHECK(dht_compare_put(&c, rows[i].e) == DHT_COMPARE_END && c.status == rows[i].e, "row %zu: in the end it is told", i);
    }
}

/* With the majority that put.c wants, any two of both have one holder in common. */
static void a_look_sees_every_put(void)
{
    for (uint32_t nodes = 1; nodes <= 2 * DHT_REPLICAS; nodes++) {
        struct dht_compare c;
        open(&c, EXPECTED, "me");
        uint32_t holders = nodes < DHT_REPLICAS ? nodes : DHT_REPLICAS, majority = holders / 2 + 1;
        CHECK(dht_compare_look(&c, nodes) + majority == holders + 1, "%u nodes", nodes);
    }
}

int main(void)
{
    what_is_held_decides();
    the_highest_is_what_is_held();
    sequences_tell_who_asked();
    refusals_are_looked_into();
    a_look_sees_every_put();
    return CHECK_RESULT();
}
