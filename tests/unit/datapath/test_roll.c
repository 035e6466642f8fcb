/* The roll of a rendezvous and those who are on it: a world of members, loss both ways, changes of every kind, and what
 * each knows in the end beside what is so.
 *
 * Usage: test_datapath_roll [MEMBERS [FIRST SEED]], or: test_datapath_roll bench [MEMBERS] */
#include "datapath/roll.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/rng.h"
#include "datapath/guest.h"
#include "datapath/ways.h"
#include "tests/support/check.h"

enum {
    MEMBERS = 1000, BENCH_MEMBERS = 10000, LOSS = 30, TICK_MS = 10, DELAY_MS = 100, SETTLE_MS = 120000, HEARTBEATS = 3,
    KIB = 1024, BEATS = 20, PORT = 1000,
};

struct packet {
    struct packet *next;
    uint32_t guest;
    bool is_up;
    size_t size;  /* of the datagram that it would be */
    uint8_t bytes[DATAPATH_SIGNAL_MOST];
    size_t said;
};

struct known {
    enum datapath_signal_state state;
    uint16_t port;
    uint32_t round;
};

struct member {
    struct datapath_guest guest;
    bool is_member, is_up;
    uint16_t port;        /* where it is                    */
    uint64_t sent, beats; /* bytes both ways                */
    struct known *known;  /* of all                         */
};

static struct world {
    struct rng rng;
    struct datapath_random random;
    uint64_t now_ms;
    uint32_t members, most;
    int loss;
    struct datapath_roll roll;
    void *memory;
    struct member *member;
    struct packet *flying[DELAY_MS / TICK_MS + 1]; /* by tick, modulo */
} w;

static struct datapath_endpoint place_of(uint32_t i, uint16_t port)
{
    return (struct datapath_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}, .port = port};
}

static void key_of(uint32_t i, uint8_t ret[32])
{
    memset(ret, 0, 32);
    memcpy(ret, &i, sizeof i);
}

static void address_of(const void *context, uint32_t peer, struct datapath_signal_member *m)
{
    m->prefix[0] = (struct datapath_prefix){.ip = {10, (uint8_t)(peer >> 16), (uint8_t)(peer >> 8), (uint8_t)peer}, .size = 4, .bits = 32};
    m->prefixes = 1;
}

static void fly(uint32_t guest, bool is_up, const struct datapath_signal *s, size_t size)
{
    struct packet *p;
    uint64_t tick = (w.now_ms + TICK_MS + rng_below(&w.rng, DELAY_MS)) / TICK_MS % (sizeof w.flying / sizeof w.flying[0]);

    CHECK(size < KIB, "a datagram of %zu bytes", size);
    w.member[guest].sent += size;
    if ((int)rng_below(&w.rng, 100) < w.loss) {
        return;
    }
    p = malloc(sizeof *p);
    *p = (struct packet){.next = w.flying[tick], .guest = guest, .is_up = is_up, .size = size};
    p->said = datapath_signal_write(s, p->bytes, size - DATAPATH_SIGNAL_OVER);
    CHECK(p->said > 0, "it fits");
    w.flying[tick] = p;
}

static size_t datagram(const struct datapath_signal *s, size_t least)
{
    uint8_t bytes[DATAPATH_SIGNAL_MOST];
    size_t size = datapath_signal_write(s, bytes, sizeof bytes) + DATAPATH_SIGNAL_OVER;

    size = size < DATAPATH_SIGNAL_LEAST ? DATAPATH_SIGNAL_LEAST : size;
    return size < least ? least : size;
}

static void serve(const struct packet *p)
{
    uint8_t members[DATAPATH_ROLL_TEXT], key[32];
    struct datapath_endpoint from = place_of(p->guest, w.member[p->guest].port);
    struct datapath_signal ask, news;

    if (!w.member[p->guest].is_member || !datapath_signal_read(p->bytes, p->said, &ask)) {
        return; /* as nobody's signal would be */
    }
    key_of(p->guest, key);
    datapath_roll_answer(&w.roll, w.now_ms, p->guest, key, &from, &ask, p->size, &news, members);
    CHECK(datagram(&news, 0) <= p->size, "the answer is no longer than the question: %zu of %zu", datagram(&news, 0), p->size);
    fly(p->guest, false, &news, datagram(&news, 0));
}

static void learn(const struct packet *p)
{
    struct member *g = &w.member[p->guest];
    struct datapath_signal news;
    struct datapath_signal_member m;
    size_t at = 0;
    bool is_whole;

    if (!g->is_up || !datapath_signal_read(p->bytes, p->said, &news) || !datapath_guest_hear(&g->guest, w.now_ms, &news, &is_whole)) {
        return;
    }
    while (datapath_signal_take_member(news.members, news.members_size, &at, &m)) {
        uint32_t i;
        memcpy(&i, m.key, sizeof i);
        g->known[i] = (struct known){.state = m.state, .port = m.places > 0 ? m.place[0].port : 0, .round = g->guest.round};
    }
    for (uint32_t i = 0; is_whole && i < w.most; i++) {
        if (g->known[i].state != 0 && g->known[i].round != g->guest.round) {
            g->known[i].state = DATAPATH_SIGNAL_GONE;
        }
    }
}

static void ask(uint32_t i, uint8_t flags)
{
    struct member *g = &w.member[i];
    struct datapath_signal s;
    size_t size;

    datapath_guest_ask(&g->guest, w.now_ms, &w.random, &s, &size);
    s.flags |= flags;
    s.places = 1;
    s.place[0] = place_of(i, PORT);
    g->beats++;
    fly(i, true, &s, datagram(&s, size));
}

static void run(uint64_t ms)
{
    for (uint64_t end = w.now_ms + ms; w.now_ms < end; w.now_ms += TICK_MS) {
        uint64_t slot = w.now_ms / TICK_MS % (sizeof w.flying / sizeof w.flying[0]);
        struct packet *p = w.flying[slot];
        w.flying[slot] = NULL;
        while (p != NULL) {
            struct packet *next = p->next;
            (p->is_up ? serve : learn)(p);
            free(p);
            p = next;
        }
        (void)datapath_roll_clock(&w.roll, w.now_ms);
        for (uint32_t i = 0; i < w.most; i++) {
            if (w.member[i].is_up && w.now_ms >= w.member[i].guest.due_ms) {
                ask(i, 0);
            }
        }
    }
}

static void start(uint32_t i)
{
    struct member *g = &w.member[i];

    free(g->known);
    *g = (struct member){.is_member = true, .is_up = true, .port = PORT, .known = calloc(w.most, sizeof *g->known)};
    /* Not all at the same moment. */
    datapath_guest_init(&g->guest, w.now_ms + rng_below(&w.rng, DATAPATH_GUEST_BEAT_MS));
}

static void begin(uint64_t seed, uint32_t members, int loss)
{
    uint8_t bytes[DATAPATH_RANDOM_SEED] = {(uint8_t)seed};

    w = (struct world){.now_ms = 1000, .members = members, .most = members + members / 10, .loss = loss};
    rng_init(&w.rng, seed);
    datapath_random_init(&w.random, bytes);
    w.memory = malloc(datapath_roll_size(w.most));
    w.member = calloc(w.most, sizeof *w.member);
    REQUIRE(w.memory != NULL && w.member != NULL, "memory");
    datapath_roll_init(&w.roll, w.memory, w.most, seed + 1, w.now_ms);
    w.roll.describe = address_of;
    for (uint32_t i = 0; i < members; i++) {
        start(i);
    }
}

static void end(void)
{
    for (size_t i = 0; i < sizeof w.flying / sizeof w.flying[0]; i++) {
        while (w.flying[i] != NULL) {
            struct packet *p = w.flying[i];
            w.flying[i] = p->next;
            free(p);
        }
    }
    for (uint32_t i = 0; i < w.most; i++) {
        free(w.member[i].known);
    }
    free(w.member);
    free(w.memory);
}

/* How many of the first `most` who are up know somebody otherwise than he is. */
static uint32_t wrong_of(uint32_t most)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < most; i++) {
        bool is_right = true;
        for (uint32_t j = 0; w.member[i].is_up && is_right && j < w.most; j++) {
            const struct known *k = &w.member[i].known[j];
            const struct member *m = &w.member[j];
            is_right = i == j || (m->is_up ? k->state == DATAPATH_SIGNAL_HERE && k->port == m->port
                                           : k->state == (m->is_member ? DATAPATH_SIGNAL_AWAY : DATAPATH_SIGNAL_GONE) || k->state == 0);
        }
        count += !is_right;
    }
    return count;
}

static uint32_t wrong(void)
{
    return wrong_of(w.most);
}

static uint64_t sent_within(uint64_t ms)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < w.most; i++) {
        w.member[i].sent = 0;
    }
    run(ms);
    for (uint32_t i = 0; i < w.most; i++) {
        bytes += w.member[i].sent;
    }
    return bytes;
}

/* DAT-11: 1,000 members, 30 % of the datagrams lost in each direction. What changes is known to all within three
 * heartbeats, and no heartbeat takes a KiB. */
static void a_thousand_agree_within_three_heartbeats(uint64_t seed, uint32_t members)
{
    uint64_t bytes = 0, beats = 0;

    begin(seed, members, LOSS);
    run(SETTLE_MS);
    CHECK(wrong() == 0, "seed %llu: after the beginning %u know it otherwise", (unsigned long long)seed, wrong());
    CHECK(w.roll.here == members, "all are here: %u", w.roll.here);
    uint64_t quiet = sent_within(3 * (uint64_t)DATAPATH_GUEST_BEAT_MS) / members / 3;
    CHECK(quiet < KIB, "a heartbeat in which nothing is new takes %llu bytes both ways, repetitions included", (unsigned long long)quiet);
    for (uint32_t i = 0; i < w.most; i++) {
        w.member[i].sent = w.member[i].beats = 0;
    }
    for (uint32_t i = 0; i < members / 20; i++) { /* moved, removed, gone with a word; and others come */
        w.member[i].port = (uint16_t)(PORT + 1 + rng_below(&w.rng, 1000));
        w.member[i].guest.due_ms = w.now_ms; /* at a heartbeat of his: what counts is what others hear after it */
        uint32_t removed = members - 1 - i, fresh = members + i;
        w.member[removed].is_member = w.member[removed].is_up = false;
        datapath_roll_removed(&w.roll, removed);
        start(fresh);
        w.member[fresh].guest.due_ms = w.now_ms;
    }
    run(HEARTBEATS * (uint64_t)DATAPATH_GUEST_BEAT_MS);
    CHECK(wrong_of(members) == 0, "seed %llu: after three heartbeats %u know it otherwise", (unsigned long long)seed, wrong_of(members));
    for (uint32_t i = 0; i < members - members / 20; i++) { /* who was there all the time */
        bytes += w.member[i].sent;
        beats++;
    }
    run(SETTLE_MS / 2); /* who came had everything to hear */
    CHECK(wrong() == 0, "seed %llu: in the end %u know it otherwise", (unsigned long long)seed, wrong());
    printf("seed %llu: %u members, bytes of each in a heartbeat, both ways: %llu when nothing is new, %llu with %u changes in three\n",
           (unsigned long long)seed, members, (unsigned long long)quiet, (unsigned long long)(bytes / beats / HEARTBEATS), members / 20 * 3);
    end();
}

static void who_is_silent_is_away_and_comes_back(void)
{
    begin(3, 20, 0);
    run(SETTLE_MS / 2);
    w.member[4].is_up = false;
    run(DATAPATH_ROLL_KEEP_MS - DATAPATH_GUEST_BEAT_MS - 2000);
    CHECK(w.roll.here == 20, "not yet");
    run(DATAPATH_GUEST_BEAT_MS + 5000 + DATAPATH_GUEST_BEAT_MS);
    CHECK(w.roll.here == 19 && w.member[5].known[4].state == DATAPATH_SIGNAL_AWAY && wrong() == 0, "away, and all know");
    start(4);
    run(2 * DATAPATH_GUEST_BEAT_MS + 1000);
    CHECK(w.roll.here == 20 && wrong() == 0, "back");
    w.member[6].is_up = false;
    ask(6, DATAPATH_SIGNAL_LEAVES);
    run(DATAPATH_GUEST_BEAT_MS + 1000);
    CHECK(w.roll.here == 19 && wrong() == 0, "who says that he goes is away at once");
    end();
}

static void a_new_life_of_the_rendezvous_begins_anew(void)
{
    begin(4, 50, 10);
    run(SETTLE_MS);
    CHECK(wrong() == 0, "before");
    datapath_roll_init(&w.roll, w.memory, w.most, 77, w.now_ms);
    w.roll.describe = address_of;
    w.member[9].is_member = w.member[9].is_up = false; /* removed while nobody could be told */
    run(4 * DATAPATH_GUEST_BEAT_MS);
    CHECK(w.roll.here == 49 && wrong() == 0 && w.member[1].known[9].state == DATAPATH_SIGNAL_GONE,
          "whoever is not on the new list is gone: %u here, %u wrong", w.roll.here, wrong());
    end();
}

/* More are removed than are remembered: who was away meanwhile asks for all. */
static void who_missed_too_much_hears_all(void)
{
    uint8_t members[DATAPATH_ROLL_TEXT], key[32];
    struct datapath_signal ask = {.kind = DATAPATH_SIGNAL_ROLL, .question = 1}, news;
    struct datapath_endpoint from = place_of(1, PORT);

    begin(5, 4, 0);
    ask.epoch = w.roll.epoch;
    for (uint32_t i = 0; i <= DATAPATH_ROLL_TOMBS + 1; i++) {
        key_of(2, key);
        datapath_roll_answer(&w.roll, w.now_ms, 2, key, &from, &ask, DATAPATH_SIGNAL_LEAST, &news, members);
        ask.sequence = i == 0 ? w.roll.change : ask.sequence;
        CHECK(i < DATAPATH_ROLL_TOMBS || w.roll.floor == 0 || i > DATAPATH_ROLL_TOMBS, "remembered: %u", i);
        datapath_roll_removed(&w.roll, 2);
    }
    CHECK(w.roll.floor > ask.sequence, "forgotten");
    key_of(1, key);
    datapath_roll_answer(&w.roll, w.now_ms, 1, key, &from, &ask, DATAPATH_SIGNAL_MOST, &news, members);
    CHECK((news.flags & DATAPATH_SIGNAL_FULL) != 0, "he gets the whole list");
    ask.sequence = w.roll.floor;
    datapath_roll_answer(&w.roll, w.now_ms, 1, key, &from, &ask, DATAPATH_SIGNAL_MOST, &news, members);
    CHECK((news.flags & DATAPATH_SIGNAL_FULL) == 0, "who knows of the last that was forgotten need not");
    end();
}

/* Whatever somebody says that he has, looking for what he has not costs no more than an answer does. */
static void no_question_costs_a_walk_along_the_roll(void)
{
    enum { FAR = 3 * DATAPATH_ROLL_STEPS };
    uint8_t members[DATAPATH_ROLL_TEXT], key[32];
    struct datapath_signal ask = {.kind = DATAPATH_SIGNAL_ROLL, .question = 1, .cursor = UINT32_MAX}, news;
    struct datapath_endpoint from = place_of(1, PORT);
    uint32_t full = 0;

    begin(9, FAR, 0);
    ask.epoch = w.roll.epoch;
    for (uint32_t i = 0; i < FAR; i++) {
        key_of(i, key);
        datapath_roll_enter(&w.roll, i, key);
    }
    key_of(1, key);
    datapath_roll_answer(&w.roll, w.now_ms, 1, key, &from, &ask, DATAPATH_SIGNAL_LEAST, &news, members);
    for (uint64_t has = 1; has <= w.roll.change; has += DATAPATH_ROLL_STEPS / 8) {
        ask.sequence = has;
        datapath_roll_answer(&w.roll, w.now_ms, 1, key, &from, &ask, DATAPATH_SIGNAL_MOST, &news, members);
        bool is_near = has + 1 < DATAPATH_ROLL_STEPS || has + DATAPATH_ROLL_STEPS >= w.roll.change;
        CHECK(w.roll.walked <= 2 * DATAPATH_ROLL_STEPS, "who has %d is looked for along %u", (int)has, w.roll.walked);
        CHECK(((news.flags & DATAPATH_SIGNAL_FULL) == 0) == is_near, "who has %d is told all unless he is near an end: %u", (int)has, news.flags);
        CHECK((news.flags & DATAPATH_SIGNAL_FULL) != 0 || news.sequence > has || has == w.roll.change, "or what he has not: from %d", (int)has);
        full += (news.flags & DATAPATH_SIGNAL_FULL) != 0;
    }
    CHECK(full > 4, "%u were told all", full);
    ask.sequence = 2 * DATAPATH_ROLL_STEPS;
    ask.cursor = ask.sequence - 1;
    CHECK(w.roll.entry[ask.cursor].change == ask.sequence, "each change is a member's");
    datapath_roll_answer(&w.roll, w.now_ms, 1, key, &from, &ask, DATAPATH_SIGNAL_MOST, &news, members);
    CHECK((news.flags & DATAPATH_SIGNAL_FULL) == 0 && w.roll.walked == 0, "by the cursor it costs nothing");
    end();
}

/* Nothing is bound that was not said to this life. */
static void what_was_recorded_binds_nobody(void)
{
    uint8_t members[DATAPATH_ROLL_TEXT], key[32];
    struct datapath_signal ask = {.kind = DATAPATH_SIGNAL_ROLL, .question = 1, .epoch = 99}, news;
    struct datapath_endpoint from = place_of(1, PORT), at;

    begin(6, 4, 0);
    key_of(1, key);
    datapath_roll_answer(&w.roll, w.now_ms, 1, key, &from, &ask, DATAPATH_SIGNAL_LEAST, &news, members);
    CHECK(!datapath_roll_is_here(&w.roll, 1, &at) && news.epoch == w.roll.epoch && news.members_size == 0, "of another life");
    ask.epoch = w.roll.epoch;
    datapath_roll_answer(&w.roll, w.now_ms, 1, key, &from, &ask, DATAPATH_SIGNAL_LEAST, &news, members);
    CHECK(datapath_roll_is_here(&w.roll, 1, &at) && datapath_message_is_same(&at, &from), "of this one");
    ask.epoch = 99;
    ask.flags = DATAPATH_SIGNAL_LEAVES;
    datapath_roll_answer(&w.roll, w.now_ms, 1, key, &from, &ask, DATAPATH_SIGNAL_LEAST, &news, members);
    CHECK(datapath_roll_is_here(&w.roll, 1, &at), "and an old farewell ends nothing");
    end();
}

/* An answer counts once, and only the one to the question that is open. */
static void only_what_was_asked_is_heard(void)
{
    static const uint8_t seed[DATAPATH_RANDOM_SEED] = {8};
    struct datapath_random random;
    struct datapath_guest g;
    struct datapath_signal first, second, news = {.kind = DATAPATH_SIGNAL_NEWS, .epoch = 5, .sequence = 7};
    size_t size;
    bool is_whole;

    datapath_random_init(&random, seed);
    datapath_guest_init(&g, 1000);
    CHECK(!datapath_guest_hear(&g, 1000, &news, &is_whole), "nothing was asked");
    datapath_guest_ask(&g, 1000, &random, &first, &size);
    datapath_guest_ask(&g, 1400, &random, &second, &size);
    news.question = first.question;
    CHECK(!datapath_guest_hear(&g, 1500, &news, &is_whole) && g.sequence == 0, "too late: it was asked again");
    news.question = second.question;
    CHECK(datapath_guest_hear(&g, 1500, &news, &is_whole) && g.sequence == 7 && is_whole, "this one");
    news.sequence = 3;
    CHECK(!datapath_guest_hear(&g, 1500, &news, &is_whole) && g.sequence == 7, "and once");
    CHECK(datapath_guest_is_there(&g, 1500 + DATAPATH_GUEST_LOST_MS - 1) && !datapath_guest_is_there(&g, 1500 + DATAPATH_GUEST_LOST_MS),
          "after so long it is not there");
}

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* DAT-12: what a heartbeat costs a rendezvous, opening and sealing included; one in a thousand has moved. */
static void bench(uint32_t members)
{
    static const uint8_t shared[32] = {1}, psk[32] = {0}, from_key[32] = {3};
    struct datapath_signal_keys keys;
    uint8_t out[DATAPATH_SIGNAL_MOST], news_members[DATAPATH_ROLL_TEXT], key[32];
    struct datapath_signal ask = {.kind = DATAPATH_SIGNAL_ROLL}, got, news;
    uint64_t *sequence = calloc(members, sizeof *sequence), counter = 0, bytes = 0;
    size_t size;
    double spent = 0;

    begin(1, members, 0);
    for (uint32_t beat = 0; beat < BEATS; beat++) {
        for (uint32_t i = 0; i < members; i++) {
            struct datapath_endpoint from = place_of(i, (uint16_t)(PORT + (i % 1000 == beat)));
            struct datapath_signal_window window = {0};
            ask.epoch = w.roll.epoch;
            ask.sequence = beat == 0 ? UINT64_MAX >> 1 : sequence[i];
            ask.question = ++counter;
            datapath_signal_derive(shared, psk, from_key, &keys);
            CHECK(datapath_signal_seal(&keys, 1, counter, &w.random, &ask, beat == 0 ? DATAPATH_SIGNAL_LEAST : DATAPATH_SIGNAL_MOST, out, &size), "a question");
            key_of(i, key);
            double began = now_s();
            datapath_signal_derive(shared, psk, from_key, &keys);
            CHECK(datapath_signal_open(&keys, &window, out, size, &got), "opens");
            datapath_roll_answer(&w.roll, w.now_ms, i, key, &from, &got, size, &news, news_members);
            datapath_signal_derive(shared, psk, from_key, &keys);
            CHECK(datapath_signal_seal(&keys, 1, counter, &w.random, &news, 0, out, &size), "an answer");
            spent += beat == 0 ? 0 : now_s() - began;
            sequence[i] = beat == 0 ? w.roll.change : news.sequence;
            bytes += beat == 0 ? 0 : size;
        }
    }
    double each_us = spent / (BEATS - 1) / members * 1e6;
    printf("memory of a whole cell's tables for so many peers: %.1f MiB\n",
           (double)(datapath_core_size(members, 4 * members, 1420) + datapath_ways_size(members, true, true)) / (KIB * KIB));
    printf("%u members, one heartbeat each in %d s: %.1f us each, %.2f %% of a core; %.1f MiB; answers of %llu bytes\n", members,
           DATAPATH_GUEST_BEAT_MS / 1000, each_us, each_us * members / DATAPATH_GUEST_BEAT_MS / 10,
           (double)datapath_roll_size(members) / (KIB * KIB), (unsigned long long)(bytes / (BEATS - 1) / members));
    free(sequence);
    end();
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "bench") == 0) {
        bench(argc > 2 ? (uint32_t)atoi(argv[2]) : BENCH_MEMBERS);
        return CHECK_RESULT();
    }
    a_thousand_agree_within_three_heartbeats(argc > 2 ? (uint64_t)atoll(argv[2]) : 1, argc > 1 ? (uint32_t)atoi(argv[1]) : MEMBERS);
    who_is_silent_is_away_and_comes_back();
    a_new_life_of_the_rendezvous_begins_anew();
    who_missed_too_much_hears_all();
    no_question_costs_a_walk_along_the_roll();
    what_was_recorded_binds_nobody();
    only_what_was_asked_is_heard();
    return CHECK_RESULT();
}
