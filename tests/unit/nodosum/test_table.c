/* Claims about the table: a naive list as reference, turns of probing, the ring, forgetting, a full table. */
#include <string.h>

#include "nodosum/table.h"
#include "tests/unit/nodosum/kit.h"

enum { MOST = 40, STEPS = 4000, MS = 1000 };

/* Random joins, deaths and returns; the reference is an array of what was said last. */
static void it_knows_what_a_list_knows(void)
{
    enum nodosum_state is[2 * MOST] = {0};
    uint64_t incarnation[2 * MOST] = {0};
    struct rng r;
    struct kit k;

    rng_init(&r, 1);
    kit_open(&k, 2 * MOST + 1, 1);
    incarnation[0] = 1;
    for (int i = 0; i < STEPS; i++) {
        uint32_t who = 1 + (uint32_t)rng_below(&r, 2 * MOST - 1), living = 2;
        k.now_us += 1000000 / NODOSUM_WORD_RATE; /* not more words of who leaves than are looked at */
        if (incarnation[who] == 0 || is[who] != NODOSUM_ALIVE) {
            kit_alive(&k, 0, who, ++incarnation[who]);
            is[who] = NODOSUM_ALIVE;
        } else {
            bool leaves = rng_below(&r, 2) == 0;
            (leaves ? kit_left : kit_dead)(&k, 0, who, incarnation[who]);
            is[who] = leaves ? NODOSUM_LEFT : NODOSUM_DEAD;
        }
        for (uint32_t m = 1; m < 2 * MOST; m++) {
            CHECK((kit_index(&k, m) != NODOSUM_NOBODY) == (incarnation[m] > 0), "member %u", m);
            CHECK(incarnation[m] == 0 || kit_member(&k, m)->state == (uint8_t)is[m], "state of %u", m);
            living += incarnation[m] > 0 && is[m] == NODOSUM_ALIVE;
        }
        CHECK(nodosum_core_living(k.n) == living, "step %d: %u living", i, living);
    }
    for (uint32_t i = 0; i + 1 < nodosum_core_count(k.n); i++) {
        struct nodosum_view a = nodosum_core_view(k.n, i), b = nodosum_core_view(k.n, i + 1);
        CHECK(memcmp(a.id.byte, b.id.byte, NODOSUM_ID_SIZE) < 0, "ordered at %u", i);
    }
    kit_close(&k);
}

/* Round robin: between two turns of one member lie at most 2n - 2 others (SWIM, section 4.3). */
static void turns_come_within_two_rounds(void)
{
    uint32_t last[MOST] = {0};
    struct kit k;

    kit_open(&k, MOST + 1, MOST);
    for (uint32_t i = 1; i <= 100 * MOST; i++) {
        uint16_t index = nodosum_table_next(k.n);
        uint32_t who = (uint32_t)(k.n->member[index].short_id >> 32) - 1;
        CHECK(last[who] == 0 || i - last[who] <= 2 * MOST - 1, "%u waited for %u turns", who, i - last[who]);
        last[who] = i;
    }
    for (uint32_t who = 0; who < MOST; who++) {
        CHECK(last[who] > 99 * MOST - MOST, "%u had its turn", who);
        kit_dead(&k, 0, who, 1);
    }
    CHECK(nodosum_table_next(k.n) == NODOSUM_NOBODY, "nobody is left");
    kit_close(&k);
}

/* Ids are in the order of numbers, and this node's comes after all: 9 … 0 are before it, 0 … 9 behind. */
static void the_ring_skips_the_dead(void)
{
    struct kit k;

    kit_open(&k, 11, 10);
    kit_dead(&k, 5, 1, 1);
    CHECK(nodosum_table_ring(k.n, NODOSUM_SELF, 1) == kit_index(&k, 0), "around the end");
    CHECK(nodosum_table_ring(k.n, NODOSUM_SELF, 2) == kit_index(&k, 2), "over the dead");
    CHECK(nodosum_table_ring(k.n, NODOSUM_SELF, -1) == kit_index(&k, 9), "back");
    CHECK(nodosum_table_ring(k.n, kit_index(&k, 1), 1) == kit_index(&k, 2), "from the dead");
    CHECK(nodosum_table_ring(k.n, NODOSUM_SELF, 9) == kit_index(&k, 9), "the last");
    CHECK(nodosum_table_ring(k.n, NODOSUM_SELF, 10) == NODOSUM_NOBODY, "once around");
    CHECK(nodosum_table_ring(k.n, NODOSUM_SELF, -10) == NODOSUM_NOBODY, "once around, back");
    kit_close(&k);
}

static void draws_are_different_living_others(void)
{
    uint16_t to[MOST];
    uint32_t seen[11] = {0};
    struct kit k;

    kit_open(&k, 11, 10);
    kit_dead(&k, 5, 1, 1);
    for (int i = 0; i < 2000; i++) {
        CHECK(nodosum_table_draw(k.n, 3, kit_index(&k, 2), to) == 3, "three of eight");
        CHECK(to[0] != to[1] && to[0] != to[2] && to[1] != to[2], "different ones");
        for (int d = 0; d < 3; d++) {
            seen[to[d]]++;
        }
    }
    for (uint32_t who = 0; who < 10; who++) {
        bool is_in = who != 1 && who != 2;
        CHECK((seen[kit_index(&k, who)] > 500) == is_in, "%u: %u times", who, seen[kit_index(&k, who)]);
    }
    CHECK(seen[NODOSUM_SELF] == 0, "not itself");
    CHECK(nodosum_table_draw(k.n, 20, NODOSUM_NOBODY, to) == 9, "no more than there are");
    kit_close(&k);
}

static void the_dead_are_forgotten_in_time(void)
{
    struct kit k;

    kit_open(&k, 11, 10);
    k.n->tuning.keep_ms = 60000;
    kit_dead(&k, 5, 1, 1);
    k.now_us += 60000 * MS - 1;
    k.n->now_us = k.now_us;
    nodosum_table_reap(k.n);
    CHECK(kit_index(&k, 1) != NODOSUM_NOBODY, "a moment before");
    k.n->now_us++;
    nodosum_table_reap(k.n);
    CHECK(kit_index(&k, 1) == NODOSUM_NOBODY && nodosum_core_count(k.n) == 10, "at its time");
    CHECK(kit_index(&k, 2) != NODOSUM_NOBODY && kit_member(&k, 2)->state == NODOSUM_ALIVE, "nobody else");
    kit_close(&k);
}

static void a_full_table_forgets_only_the_dead(void)
{
    struct kit k;

    kit_open(&k, 11, 10);
    kit_alive(&k, 5, 10, 1);
    CHECK(kit_index(&k, 10) == NODOSUM_NOBODY && k.n->counters.full == 1, "all live: no room, and it is counted");
    kit_dead(&k, 5, 3, 1);
    k.now_us += 5;
    kit_dead(&k, 5, 2, 1);
    kit_alive(&k, 5, 10, 1);
    CHECK(kit_index(&k, 10) != NODOSUM_NOBODY && kit_index(&k, 3) == NODOSUM_NOBODY, "who is dead longest goes");
    CHECK(kit_index(&k, 2) != NODOSUM_NOBODY && nodosum_core_count(k.n) == 11, "and nobody else");
    kit_close(&k);
}

int main(void)
{
    it_knows_what_a_list_knows();
    turns_come_within_two_rounds();
    the_ring_skips_the_dead();
    draws_are_different_living_others();
    the_dead_are_forgotten_in_time();
    a_full_table_forgets_only_the_dead();
    return CHECK_RESULT();
}
