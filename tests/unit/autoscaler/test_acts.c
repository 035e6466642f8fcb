/* Claims about acts: each is seen through or begun elsewhere, a slot has one, and deciders that follow each other start at most one
 * instance too many, whatever the first one still believes. The last by drawn worlds: messages late, and lost where it is said. */
#include "autoscaler/acts.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

enum { PLACES = 4, START_S = 12, DRAIN_S = 10, SLOTS = AUTOSCALER_ACTS_SLOTS_MAX };

static struct autoscaler_acts acts[2]; /* two deciders */
static struct autoscaler_orders orders;

static void begin(void)
{
    REQUIRE(autoscaler_acts_init(&acts[0], PLACES, START_S, DRAIN_S) == ERR_OK, "it begins");
    REQUIRE(autoscaler_acts_lead(&acts[0], 7, 0, &orders) == ERR_OK && orders.count == PLACES, "and leads");
    for (uint32_t place = 0; place < PLACES; place++) {
        autoscaler_acts_reported(&acts[0], place, 7);
    }
}

static size_t step(uint64_t now_s, uint32_t wanted)
{
    autoscaler_acts_step(&acts[0], now_s, wanted, NULL, 0, &orders);
    return orders.count;
}

static bool is_order(size_t i, enum autoscaler_acts_kind kind, uint32_t slot, uint32_t place)
{
    return i < orders.count && orders.item[i].kind == kind && orders.item[i].slot == slot && orders.item[i].place == place &&
           orders.item[i].term == 7;
}

static void what_is_late_begins_elsewhere(void)
{
    begin();
    CHECK(step(1, 2) == 2 && is_order(0, AUTOSCALER_ACTS_START, 0, 0) && is_order(1, AUTOSCALER_ACTS_START, 1, 1), "two, at two places");
    CHECK(step(2, 2) == 0, "they are under way");
    autoscaler_acts_serves(&acts[0], 1, 1, &orders);
    CHECK(step(1 + START_S - 1, 2) == 0, "a second before its deadline");
    CHECK(step(1 + START_S, 2) == 1 && is_order(0, AUTOSCALER_ACTS_DRAIN, 0, 0), "at it: undone first");
    CHECK(step(2 + START_S, 2) == 0, "nothing beside it");
    autoscaler_acts_gone(&acts[0], 0, 0, 20);
    CHECK(step(20, 2) == 0 && step(21, 2) == 1 && is_order(0, AUTOSCALER_ACTS_START, 0, 1), "a second later, elsewhere");
    autoscaler_acts_gone(&acts[0], 0, 1, 21);
    CHECK(step(22, 2) == 0 && step(23, 2) == 1 && is_order(0, AUTOSCALER_ACTS_START, 0, 2), "two seconds later, elsewhere again");
    uint64_t now_s = 23, pause_s = 0;
    for (int i = 0; i < 12; i++) {
        autoscaler_acts_gone(&acts[0], 0, acts[0].slot[0].place, now_s);
        uint64_t since_s = now_s;
        while (step(now_s, 2) == 0) {
            now_s++;
        }
        pause_s = now_s - since_s;
    }
    CHECK(pause_s == AUTOSCALER_ACTS_BACKOFF_MAX_S, "no longer than that: %" PRIu64, pause_s);
    CHECK(step(now_s, 1) == 1 && is_order(0, AUTOSCALER_ACTS_DRAIN, 0, acts[0].slot[0].place), "one less: what does not serve yet goes");
    CHECK(step(now_s + DRAIN_S - 1, 1) == 0 && step(now_s + DRAIN_S, 1) == 1, "a drain is asked for again");
    autoscaler_acts_serves(&acts[0], 1, 3, &orders);
    CHECK(is_order(0, AUTOSCALER_ACTS_DRAIN, 1, 3), "a second one in a slot goes");
    autoscaler_acts_gone(&acts[0], 1, 3, now_s);
    CHECK(acts[0].slot[1].state == AUTOSCALER_ACTS_SERVING, "and its end is not the first one's");
}

static void those_chosen_go(void)
{
    static const uint32_t go[] = {3, SLOTS + 5, 1, 3};

    begin();
    (void)step(1, 5);
    for (uint32_t slot = 0; slot < 5; slot++) {
        autoscaler_acts_serves(&acts[0], slot, slot % PLACES, &orders);
    }
    autoscaler_acts_step(&acts[0], 2, 2, go, 4, &orders);
    CHECK(orders.count == 3 && is_order(0, AUTOSCALER_ACTS_DRAIN, 3, 3) && is_order(1, AUTOSCALER_ACTS_DRAIN, 1, 1) &&
              is_order(2, AUTOSCALER_ACTS_DRAIN, 4, 0), "those named, then the last");
    CHECK(step(3, UINT32_MAX) == SLOTS - 2 - 3, "as many as there are slots, but for those that go: %zu", orders.count);
}

static void older_terms_are_refused(void)
{
    struct autoscaler_order order = {.kind = AUTOSCALER_ACTS_START, .term = 7};
    uint64_t term = 6;

    CHECK(autoscaler_acts_obey(&term, &order, false) == ERR_OK && term == 7, "a higher one");
    CHECK(autoscaler_acts_obey(&term, &order, true) == ERR_EXISTS, "the same slot again");
    order.term = 6;
    CHECK(autoscaler_acts_obey(&term, &order, false) == ERR_PRECONDITION && term == 7, "an older one");
    begin();
    CHECK(autoscaler_acts_lead(&acts[0], 7, 0, &orders) == ERR_PRECONDITION, "its own");
    CHECK(autoscaler_acts_lead(&acts[0], 8, 100, &orders) == ERR_OK, "the next");
    autoscaler_acts_reported(&acts[0], 0, 7);
    CHECK(step(100 + START_S - 1, 3) == 0 && step(100 + START_S, 3) == 3, "waits for reports, and not for ever");
    CHECK(autoscaler_acts_init(&acts[0], 0, 1, 1) == ERR_INVALID && autoscaler_acts_init(&acts[0], AUTOSCALER_ACTS_PLACES_MAX + 1, 1, 1) ==
              ERR_INVALID && autoscaler_acts_init(&acts[0], 1, 0, 1) == ERR_INVALID, "out of range");
    REQUIRE(autoscaler_acts_init(&acts[0], 1, 1, 1) == ERR_OK, "one place");
    CHECK(step(5, 3) == 0, "whoever was not made the decider decides nothing");
}

/* ---- drawn worlds ----------------------------------------------------------------------------------- */

enum { WIRE_MAX = 8192, WANTED_MAX = 20, CALM_S = 400, END_S = 1200 };

enum word { ORDER, SERVES, GONE, REPORTED };

struct message {
    uint64_t at_s, term;
    enum word word;
    struct autoscaler_order order;
    uint32_t decider;
};

static struct world {
    struct rng rng;
    struct message wire[WIRE_MAX];
    size_t on_wire;
    uint64_t term[PLACES], ready_s[PLACES][WANTED_MAX * 4]; /* 0: none there */
    bool is_lossy;
    uint64_t now_s, last_s[2][PLACES];
    uint32_t most_over, refused;
} w;

static void post(enum word word, uint32_t decider, const struct autoscaler_order *order, bool is_to_place)
{
    bool is_lost = w.is_lossy && w.now_s < END_S - CALM_S && rng_below(&w.rng, 8) == 0;
    uint64_t at_s = w.now_s + rng_below(&w.rng, 5), *last_s = &w.last_s[is_to_place][order->place];

    *last_s = at_s > *last_s ? at_s : *last_s; /* a connection keeps its order */
    if (!is_lost && w.on_wire < WIRE_MAX) {
        w.wire[w.on_wire++] = (struct message){*last_s, order->term, word, *order, decider};
    }
}

static void obey(const struct message *m)
{
    uint32_t place = m->order.place, slot = m->order.slot;
    uint64_t *ready_s = slot < WANTED_MAX * 4 ? &w.ready_s[place][slot] : NULL;
    enum err e = autoscaler_acts_obey(&w.term[place], &m->order, ready_s != NULL && *ready_s > 0);
    struct autoscaler_order about = m->order;

    if (e == ERR_PRECONDITION) {
        w.refused++;
        return;
    }
    if (m->order.kind == AUTOSCALER_ACTS_TERM) {
        for (about.slot = 0; about.slot < WANTED_MAX * 4; about.slot++) {
            if (w.ready_s[place][about.slot] > 0) {
                post(SERVES, m->decider, &about, false);
            }
        }
        post(REPORTED, m->decider, &about, false);
    } else if (ready_s != NULL && m->order.kind == AUTOSCALER_ACTS_START && e == ERR_OK) {
        *ready_s = rng_below(&w.rng, 6) == 0 ? UINT64_MAX : w.now_s + 1 + rng_below(&w.rng, 3); /* one in six never gets ready */
    } else if (ready_s != NULL && m->order.kind == AUTOSCALER_ACTS_DRAIN) {
        *ready_s = 0;
        post(GONE, m->decider, &about, false);
    }
}

static void send_all(uint32_t decider)
{
    struct autoscaler_orders now = orders;

    for (size_t i = 0; i < now.count; i++) {
        post(ORDER, decider, &now.item[i], true);
    }
}

static void deliver(const struct message *m)
{
    struct autoscaler_acts *a = &acts[m->decider];

    switch (m->word) {
    case ORDER:
        obey(m);
        break;
    case SERVES:
        autoscaler_acts_serves(a, m->order.slot, m->order.place, &orders);
        send_all(m->decider);
        break;
    case GONE:
        autoscaler_acts_gone(a, m->order.slot, m->order.place, w.now_s);
        break;
    case REPORTED:
        autoscaler_acts_reported(a, m->order.place, m->term);
        break;
    }
}

static uint32_t count_there(void)
{
    uint32_t there = 0;

    for (uint32_t place = 0; place < PLACES; place++) {
        for (uint32_t slot = 0; slot < WANTED_MAX * 4; slot++) {
            there += w.ready_s[place][slot] > 0;
        }
    }
    return there;
}

static void second(uint32_t wanted, uint32_t deciders)
{
    for (size_t i = 0, count = w.on_wire; i < count; i++) {
        struct message m = w.wire[i];
        if (m.at_s == w.now_s) {
            deliver(&m);
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < w.on_wire; i++) {
        if (w.wire[i].at_s > w.now_s) {
            w.wire[kept++] = w.wire[i];
        }
    }
    w.on_wire = kept;
    for (uint32_t place = 0; place < PLACES; place++) {
        for (uint32_t slot = 0; slot < WANTED_MAX * 4; slot++) {
            struct autoscaler_order about = {.term = w.term[place], .slot = slot, .place = place};
            bool is_ready = w.ready_s[place][slot] > 0 && w.ready_s[place][slot] <= w.now_s;
            for (uint32_t decider = 0; is_ready && decider < deciders; decider++) { /* told again and again */
                post(SERVES, decider, &about, false);
            }
        }
    }
    for (uint32_t decider = 0; decider < deciders; decider++) {
        autoscaler_acts_step(&acts[decider], w.now_s, wanted, NULL, 0, &orders);
        send_all(decider);
    }
}

static void deciders_follow_each_other(void)
{
    uint32_t most_over = 0, refused = 0;

    for (uint64_t seed = 1; seed <= 6; seed++) {
        uint64_t term = 0;
        uint32_t wanted = 5;
        memset(&w, 0, sizeof w);
        rng_init(&w.rng, seed);
        w.is_lossy = seed % 3 == 0;
        for (uint32_t i = 0; i < 2; i++) {
            REQUIRE(autoscaler_acts_init(&acts[i], PLACES, START_S, DRAIN_S) == ERR_OK, "it begins");
        }
        for (w.now_s = 1; w.now_s < END_S; w.now_s++) {
            bool is_calm = w.now_s >= END_S - CALM_S;
            if (w.now_s == 1 || (!is_calm && rng_below(&w.rng, 60) == 0)) {
                uint32_t next = (uint32_t)(term++ % 2); /* the other one goes on, and does not know */
                REQUIRE(autoscaler_acts_lead(&acts[next], term, w.now_s, &orders) == ERR_OK, "a higher term");
                send_all(next);
            }
            wanted = !is_calm && !w.is_lossy && wanted < WANTED_MAX && w.now_s % 150 == 0 ? wanted + 4 : wanted;
            second(wanted, 2);
            uint32_t there = count_there();
            most_over = !w.is_lossy && there > wanted + most_over ? there - wanted : most_over;
        }
        refused += w.refused;
        CHECK(count_there() == wanted, "seed %" PRIu64 ": at rest %u of %u", seed, count_there(), wanted);
    }
    CHECK(most_over <= 1, "%u too many", most_over);
    CHECK(refused > 50, "orders of older terms came, and were refused: %u", refused);
}

int main(void)
{
    what_is_late_begins_elsewhere();
    those_chosen_go();
    older_terms_are_refused();
    deciders_follow_each_other();
    return CHECK_RESULT();
}
