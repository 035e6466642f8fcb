/* Passing on: who may, from where, how much; and clients who come, move and go beside a plain list of what they asked. */
#include "datapath/relay.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

enum { PAIRS = 64, START = 1000, SIZE = 1200, CLIENTS = 8, SHORT = 6 };

static struct datapath_relay relay;
static struct datapath_random dice;
static void *memory;

static struct datapath_endpoint at(uint32_t who, uint16_t port)
{
    return (struct datapath_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = (uint8_t)(who >> 8), [15] = (uint8_t)who},
                                      .port = port};
}

static void begin(uint32_t pairs)
{
    static const uint8_t seed[DATAPATH_RANDOM_SEED] = {7};

    free(memory);
    memory = malloc(datapath_relay_size(pairs)); /* of exactly this size */
    REQUIRE(memory != NULL, "memory");
    datapath_relay_init(&relay, memory, pairs);
    datapath_random_init(&dice, seed);
}

static struct datapath_relay_told ask(uint64_t now_ms, uint32_t who, uint32_t with)
{
    struct datapath_endpoint from = at(who, 1);
    struct datapath_relay_told told = {0};

    CHECK(datapath_relay_ask(&relay, now_ms, who, with, &from, &dice, &told) == ERR_OK, "%u asks for %u", who, with);
    return told;
}

static enum datapath_relay_verdict pass(uint64_t now_ms, struct datapath_endpoint from, uint32_t id, uint32_t size)
{
    struct datapath_endpoint to;
    uint32_t other;

    return datapath_relay_pass(&relay, now_ms, &from, id, size, &to, &other);
}

/* Both ask, and each shows that he hears where he asked from. */
static void join(uint64_t now_ms, uint32_t who, uint32_t with, struct datapath_relay_told *ret_who, struct datapath_relay_told *ret_with)
{
    *ret_who = ask(now_ms, who, with);
    *ret_with = ask(now_ms, with, who);
    (void)pass(now_ms, at(who, 1), ret_who->id, SIZE);
    (void)pass(now_ms, at(with, 1), ret_with->id, SIZE);
}

static void both_must_ask(void)
{
    struct datapath_endpoint a_at = at(1, 1), b_at = at(2, 1), to;
    uint32_t id;

    begin(PAIRS);
    struct datapath_relay_told a = ask(START, 1, 2);
    CHECK(!a.is_whole, "one alone");
    CHECK(pass(START, a_at, a.id, SIZE) == DATAPATH_RELAY_HALF, "whoever did not ask gets nothing");
    struct datapath_relay_told b = ask(START, 2, 1);
    CHECK(b.is_whole && datapath_message_is_same(&b.other, &a_at) && b.other_id == a.id, "and now both, and the first can be told");
    CHECK(datapath_relay_pass(&relay, START, &b_at, b.id, SIZE, &to, &id) == DATAPATH_RELAY_PASSED, "to the first, who sent already");
    CHECK(datapath_message_is_same(&to, &a_at) && id == a.id, "under his id");
    CHECK(datapath_relay_pass(&relay, START, &a_at, a.id, SIZE, &to, &id) == DATAPATH_RELAY_PASSED, "and back");
    CHECK(datapath_message_is_same(&to, &b_at) && id == b.id, "to the other, under his");
    CHECK(relay.pairs == 1 && a.id != b.id, "one pair, two ids");
    struct datapath_endpoint from = at(1, 1);
    CHECK(datapath_relay_ask(&relay, START, 1, 1, &from, &dice, &a) == ERR_INVALID, "nobody with himself");
}

/* Who asks with another's address in front has his answer go there, and never learns the id. */
static void nobody_gets_what_he_did_not_ask_for(void)
{
    struct datapath_endpoint victim = at(9, 1);
    struct datapath_relay_told a, b, told;

    begin(PAIRS);
    join(START, 1, 2, &a, &b);
    CHECK(pass(START, at(2, 1), b.id, SIZE) == DATAPATH_RELAY_PASSED, "two who asked");
    CHECK(datapath_relay_ask(&relay, START, 1, 2, &victim, &dice, &told) == ERR_OK && told.id != a.id, "as if from the victim: another id");
    CHECK(pass(START, at(2, 1), b.id, SIZE) == DATAPATH_RELAY_HALF, "nothing goes to the victim");
    CHECK(pass(START, victim, a.id, SIZE) == DATAPATH_RELAY_STRANGER && pass(START, at(2, 1), b.id, SIZE) == DATAPATH_RELAY_HALF,
          "nor after the id that was known, from there");
    CHECK(pass(START, victim, told.id, SIZE) == DATAPATH_RELAY_PASSED && pass(START, at(2, 1), b.id, SIZE) == DATAPATH_RELAY_PASSED,
          "who is there and heard the id may");
    CHECK(ask(START, 1, 2).id != a.id && relay.index.used == 2, "and two ids there are");
    CHECK(datapath_relay_ask(&relay, START, 1, 2, &victim, &dice, &told) == ERR_OK, "back");
    CHECK(pass(START, victim, told.id, SIZE) == DATAPATH_RELAY_PASSED, "he is there");
    CHECK(datapath_relay_ask(&relay, START + 1, 1, 2, &victim, &dice, &a) == ERR_OK && a.id == told.id, "who asks again from there keeps it");
    CHECK(pass(START + 1, at(2, 1), b.id, SIZE) == DATAPATH_RELAY_PASSED, "and need not show it again");
    b = ask(START + DATAPATH_RELAY_KEEP_MS, 2, 1);
    CHECK(datapath_relay_ask(&relay, START + 1 + DATAPATH_RELAY_KEEP_MS, 1, 2, &victim, &dice, &a) == ERR_OK, "after a silence");
    CHECK(pass(START + 1 + DATAPATH_RELAY_KEEP_MS, at(2, 1), b.id, SIZE) == DATAPATH_RELAY_HALF, "he must");
}

static void third_parties_do_nothing(void)
{
    struct datapath_relay_told a, b;

    begin(PAIRS);
    join(START, 1, 2, &a, &b);
    CHECK(pass(START, at(3, 1), a.id, SIZE) == DATAPATH_RELAY_ELSEWHERE, "from elsewhere");
    CHECK(pass(START, at(1, 2), a.id, SIZE) == DATAPATH_RELAY_ELSEWHERE, "from another port");
    CHECK(pass(START, at(2, 1), a.id, SIZE) == DATAPATH_RELAY_ELSEWHERE, "from the other end, to the wrong id");
    CHECK(pass(START, at(1, 1), a.id ^ 1u << 20, SIZE) == DATAPATH_RELAY_STRANGER, "to an id that nobody has");
    struct datapath_relay_told c = ask(START, 3, 1);
    CHECK(!c.is_whole && pass(START, at(3, 1), c.id, SIZE) == DATAPATH_RELAY_HALF, "asks, and nobody asked for him");
    CHECK(pass(START, at(1, 1), a.id, SIZE) == DATAPATH_RELAY_PASSED && pass(START, at(2, 1), b.id, SIZE) == DATAPATH_RELAY_PASSED,
          "the pair is as it was");
}

static void who_is_silent_is_gone(void)
{
    enum { LAST = START + DATAPATH_RELAY_KEEP_MS - 1 };

    struct datapath_relay_told a, b;

    begin(PAIRS);
    join(START, 1, 2, &a, &b);
    CHECK(pass(LAST, at(1, 1), a.id, SIZE) == DATAPATH_RELAY_PASSED, "the last moment");
    CHECK(pass(LAST + 1, at(1, 1), a.id, SIZE) == DATAPATH_RELAY_ELSEWHERE, "and one more");
    CHECK(ask(LAST + 1, 1, 2).id != DATAPATH_INDEX_NONE, "he asks again");
    CHECK(!ask(LAST + 1, 1, 2).is_whole, "the other did not");
    CHECK(ask(LAST + 1, 2, 1).is_whole, "and does");
    (void)ask(START, 4, 5);
    datapath_relay_forget(&relay, 5);
    CHECK(relay.pairs == 0, "who is no peer any more is in no pair");
}

static void who_moves_is_followed(void)
{
    struct datapath_endpoint moved = at(1, 9), b_at = at(2, 1), to;
    struct datapath_relay_told told, a, b;
    uint32_t id;

    begin(PAIRS);
    join(START, 1, 2, &a, &b);
    CHECK(datapath_relay_ask(&relay, START, 1, 2, &moved, &dice, &told) == ERR_OK && told.is_whole, "from elsewhere");
    CHECK(pass(START, at(1, 1), a.id, SIZE) == DATAPATH_RELAY_STRANGER, "no longer by the id that he had there");
    CHECK(pass(START, at(1, 1), told.id, SIZE) == DATAPATH_RELAY_ELSEWHERE, "nor from there by the new one");
    CHECK(pass(START, moved, told.id, SIZE) == DATAPATH_RELAY_PASSED, "but from where he is");
    CHECK(datapath_relay_pass(&relay, START, &b_at, b.id, SIZE, &to, &id) == DATAPATH_RELAY_PASSED && datapath_message_is_same(&to, &moved),
          "what is for him goes where he is");
}

static void places_have_an_end(void)
{
    struct datapath_endpoint from = at(1, 1);
    struct datapath_relay_told told;

    begin(PAIRS);
    for (uint32_t i = 0; i < DATAPATH_RELAY_EACH; i++) {
        (void)ask(START, 1, 100 + i);
    }
    CHECK(datapath_relay_ask(&relay, START, 1, 500, &from, &dice, &told) == ERR_LIMIT, "one more of one client");
    CHECK(datapath_relay_ask(&relay, START, 1, 100, &from, &dice, &told) == ERR_OK, "but those that he has");
    CHECK(ask(START, 100, 1).is_whole, "who was asked for did not use his own up");
    for (uint32_t i = relay.pairs; i < PAIRS; i++) {
        (void)ask(START, 200 + i, 300 + i);
    }
    from = at(400, 1);
    CHECK(datapath_relay_ask(&relay, START, 400, 401, &from, &dice, &told) == ERR_LIMIT && relay.pairs == PAIRS, "no place is left");
    CHECK(datapath_relay_ask(&relay, START + DATAPATH_RELAY_KEEP_MS, 400, 401, &from, &dice, &told) == ERR_OK && relay.pairs == 1,
          "until those are gone who do not ask again");
}

/* Whoever is asked for, by however many, has all of his own part still. */
static void who_is_asked_for_does_not_pay(void)
{
    begin(PAIRS);
    for (uint32_t i = 0; i < DATAPATH_RELAY_EACH; i++) {
        (void)ask(START, 100 + i, 1);
    }
    (void)ask(START, 1, 500);
}

static void a_pair_has_a_rate(void)
{
    uint64_t passed = 0, burst = 0;

    begin(PAIRS);
    struct datapath_relay_told a, b, c, d;
    join(START, 1, 2, &a, &b);
    join(START, 3, 4, &c, &d);
    burst += SIZE; /* by which the last of them joined */
    for (int i = 0; i < 1000; i++) {
        burst += pass(START, at(1, 1), a.id, SIZE) == DATAPATH_RELAY_PASSED ? SIZE : 0;
    }
    CHECK(burst <= DATAPATH_RELAY_BURST && burst > DATAPATH_RELAY_BURST - SIZE, "at once: %d", (int)burst);
    CHECK(pass(START, at(2, 1), b.id, SIZE) == DATAPATH_RELAY_MUCH, "both ways together");
    CHECK(pass(START, at(3, 1), c.id, SIZE) == DATAPATH_RELAY_PASSED, "others have their own");
    for (uint64_t ms = 1; ms <= 10000; ms++) {
        for (int i = 0; i < 3; i++) {
            passed += pass(START + ms, at(1, 1), a.id, SIZE) == DATAPATH_RELAY_PASSED ? SIZE : 0;
        }
    }
    CHECK(passed <= 10 * (uint64_t)DATAPATH_RELAY_RATE + SIZE && passed > 10 * (uint64_t)DATAPATH_RELAY_RATE * 99 / 100, "in ten seconds: %d", (int)passed);
    burst = 0;
    for (int i = 0; i < 1000; i++) {
        burst += pass(START + 10500, at(1, 1), a.id, SIZE) == DATAPATH_RELAY_PASSED ? SIZE : 0;
    }
    CHECK(burst <= DATAPATH_RELAY_BURST, "after half a second's rest: %d at once", (int)burst);
}

/* What each asked for, of whom; and where he is. */
static struct {
    bool has_asked, is_shown;
    uint64_t asked_ms;
    struct datapath_endpoint at;
    uint32_t id;
} model[CLIENTS][CLIENTS];

static bool is_here(uint32_t who, uint32_t with, uint64_t now_ms)
{
    return model[who][with].has_asked && now_ms - model[who][with].asked_ms < DATAPATH_RELAY_KEEP_MS;
}

static void as_a_list_says(void)
{
    struct rng rng;
    uint64_t now_ms = START, passed = 0;

    begin(CLIENTS * CLIENTS);
    rng_init(&rng, 11);
    for (int step = 0; step < 40000; step++) {
        uint32_t who = (uint32_t)rng_below(&rng, CLIENTS), with = (who + 1 + (uint32_t)rng_below(&rng, CLIENTS - 1)) % CLIENTS;
        struct datapath_endpoint from = at(who, (uint16_t)(1 + rng_below(&rng, 2))), to;
        struct datapath_relay_told told;
        now_ms += rng_below(&rng, DATAPATH_RELAY_KEEP_MS / 40);
        if (model[who][with].has_asked && rng_below(&rng, 4) != 0) {
            from = model[who][with].at; /* mostly he is where he was */
        }
        if (rng_below(&rng, 3) == 0) {
            CHECK(datapath_relay_ask(&relay, now_ms, who, with, &from, &dice, &told) == ERR_OK, "step %d: asked", step);
            CHECK(told.is_whole == is_here(with, who, now_ms), "step %d: whole", step);
            bool stays = is_here(who, with, now_ms) && datapath_message_is_same(&from, &model[who][with].at);
            CHECK((told.id == model[who][with].id) == stays, "step %d: his id", step);
            model[who][with].is_shown = model[who][with].is_shown && stays;
            model[who][with].has_asked = true;
            model[who][with].asked_ms = now_ms;
            model[who][with].at = from;
            model[who][with].id = told.id;
        } else {
            uint32_t id;
            bool is_him = is_here(who, with, now_ms) && datapath_message_is_same(&from, &model[who][with].at);
            model[who][with].is_shown = model[who][with].is_shown || is_him;
            bool may = is_him && is_here(with, who, now_ms) && model[with][who].is_shown;
            bool did = datapath_relay_pass(&relay, now_ms, &from, model[who][with].id, SHORT, &to, &id) == DATAPATH_RELAY_PASSED;
            CHECK(did == may, "step %d: %u to %u, passed %d", step, who, with, did);
            CHECK(!did || datapath_message_is_same(&to, &model[with][who].at), "step %d: to where he is", step);
            passed += did;
        }
        CHECK(relay.pairs <= CLIENTS * (CLIENTS - 1) / 2, "step %d: %u pairs", step, relay.pairs);
        CHECK(relay.index.used == 2 * relay.pairs, "step %d: two ids each", step);
    }
    CHECK(passed > 1000, "%d passed", (int)passed);
}

int main(void)
{
    both_must_ask();
    nobody_gets_what_he_did_not_ask_for();
    third_parties_do_nothing();
    who_is_silent_is_gone();
    who_moves_is_followed();
    places_have_an_end();
    who_is_asked_for_does_not_pay();
    a_pair_has_a_rate();
    as_a_list_says();
    free(memory);
    return CHECK_RESULT();
}
