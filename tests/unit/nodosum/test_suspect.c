/* Claims about suspicions: how long, who shares them, what ends them (Lifeguard, section IV-B). */
#include "nodosum/suspect.h"
#include "tests/unit/nodosum/kit.h"

enum { OTHERS = 16, WHO = 3, MS = 1000 };

static void time_shrinks_with_confirmations(void)
{
    static const struct {
        uint32_t members, confirmed, ms;
        const char *why;
    } rows[] = {
        {2, 0, 600, "nobody can confirm: the least"},
        {3, 0, 3600, "one can, and has not: beta times the least"},
        {3, 1, 600, "all that can have"},
        {64, 0, 3600, "alpha log10(n) periods are less than the least time"},
        {64, 1, 2100, "max - (max - min) log 2 / log 4"},
        {64, 2, 1222, "… log 3 / log 4"},
        {64, 3, 600, "K = 3: the least"},
        {1000, 3, 900, "1.5 * 3 * 200 ms"},
        {1000, 0, 5400, "beta times that"},
    };
    struct nodosum_tuning t = nodosum_core_usual();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t us = nodosum_suspect_time_us(&t, rows[i].members, rows[i].confirmed);
        CHECK(us / MS == rows[i].ms, "row %zu: %s: %d ms", i, rows[i].why, (int)(us / MS));
    }
    t.is_plain = true;
    CHECK(nodosum_suspect_time_us(&t, 64, 0) == 600 * MS, "SWIM alone has one time");
}

/* Accusers are counted once each, up to K + 1; the time is from the beginning. */
static void confirmations_are_of_different_members(void)
{
    static const struct {
        uint64_t accuser;
        uint32_t accusers;
        uint32_t due_ms; /* after the beginning */
    } steps[] = {{1, 1, 3600}, {1, 1, 3600}, {2, 2, 2100}, {1, 2, 2100}, {5, 3, 1222}, {6, 4, 600}, {7, 4, 600}};
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    uint64_t began_us = k.now_us;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        kit_suspect(&k, 5, WHO, 1, steps[i].accuser);
        const struct nodosum_member *m = kit_member(&k, WHO);
        CHECK(m->accusers == steps[i].accusers, "step %zu: %u accusers", i, m->accusers);
        CHECK((m->due_us - began_us) / MS == steps[i].due_ms, "step %zu: due after %d ms", i,
              (int)((m->due_us - began_us) / MS));
    }
    kit_close(&k);
}

static void a_suspect_is_asked_and_then_dead(void)
{
    struct nodosum_message told;
    struct kit k;
    int asked = 0, died = 0;
    uint64_t began_us;

    kit_open(&k, OTHERS + 1, OTHERS);
    began_us = k.now_us;
    for (uint64_t accuser = 1; accuser <= 4; accuser++) {
        kit_suspect(&k, 5, WHO, 1, accuser);
    }
    while (kit_member(&k, WHO)->state == NODOSUM_SUSPECT && k.now_us < began_us + 5000 * MS) {
        kit_due(&k);
        uint64_t ms = (k.now_us - began_us) / MS;
        asked += (ms == 480 || ms == 540) && kit_sent(&k, NODOSUM_PACKET_SUSPECT, WHO, &told) > 0;
        died += ms == 600 && kit_sent(&k, NODOSUM_PACKET_DEAD, WHO, &told) > 0;
    }
    CHECK(asked == 2, "it was asked %d times, 120 and 60 ms before the end", asked);
    CHECK(died == 1 && kit_member(&k, WHO)->state == NODOSUM_DEAD, "dead at its time, and told so at once");
    kit_alive(&k, WHO, WHO, 2);
    CHECK(kit_member(&k, WHO)->state == NODOSUM_ALIVE, "and back when it objects");
    kit_close(&k);
}

/* A suspect that is nobody's finger here is left alone: three fingers are asked whether it refuted. */
static void not_everybody_asks_the_suspect(void)
{
    enum { FAR = 5 }; /* six places behind this one, the last of seventeen */
    struct nodosum_message row;
    struct kit k;
    int asked = 0, bothered = 0;

    kit_open(&k, OTHERS + 1, OTHERS);
    uint64_t began_us = k.now_us;
    for (uint64_t accuser = 1; accuser <= 4; accuser++) {
        kit_suspect(&k, 9, FAR, 1, accuser);
    }
    while (kit_member(&k, FAR)->state == NODOSUM_SUSPECT && k.now_us < began_us + 5000 * MS) {
        kit_due(&k);
        uint64_t ms = (k.now_us - began_us) / MS;
        asked += (ms == 480 || ms == 540) && kit_sent(&k, NODOSUM_PACKET_ROWS, UINT32_MAX, &row) == 3 && row.count == 1 &&
                 row.first == kit_member(&k, FAR)->short_id && row.last == row.first;
        bothered += (ms == 480 || ms == 540) && kit_sent(&k, NODOSUM_PACKET_SUSPECT, FAR, NULL) > 0;
        bothered += ms == 600 && kit_sent(&k, NODOSUM_PACKET_DEAD, FAR, NULL) > 0;
    }
    CHECK(asked == 2 && bothered == 0, "asked %d times, bothered %d times", asked, bothered);
    kit_close(&k);
}

/* Confirmations may end a suspicion in the past: that is no lateness of this process. */
static void a_late_confirmation_ends_it_at_once(void)
{
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    kit_suspect(&k, 5, WHO, 1, 1);
    kit_wait(&k, 1500 * MS);
    for (uint64_t accuser = 2; accuser <= 4; accuser++) {
        kit_suspect(&k, 5, WHO, 1, accuser);
    }
    CHECK(kit_member(&k, WHO)->state == NODOSUM_SUSPECT, "deaths are for the clock");
    kit_due(&k);
    CHECK(kit_member(&k, WHO)->state == NODOSUM_DEAD && k.n->counters.lateness == 0, "at once");
    kit_close(&k);
}

static void a_refutation_ends_it(void)
{
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    kit_suspect(&k, 5, WHO, 1, 1);
    CHECK(nodosum_suspect_due_us(k.n) < UINT64_MAX && k.n->suspects == 1, "it is due");
    kit_alive(&k, 5, WHO, 2);
    CHECK(nodosum_suspect_due_us(k.n) == UINT64_MAX && k.n->suspects == 0, "it is over");
    kit_suspect(&k, 5, WHO, 2, 7);
    CHECK(kit_member(&k, WHO)->accusers == 1, "a new one begins with one accuser");
    kit_close(&k);
}

/* The two before and the two behind a suspect on the ring look for themselves at once; others do not. Ids are
 * in the order of numbers and this node has the highest: its neighbours are 14, 15 and 0, 1. */
static void neighbours_look_for_themselves(void)
{
    struct nodosum_message ping;

    for (uint32_t who = 0; who < OTHERS; who++) {
        struct kit k;
        bool is_beside = who <= 1 || who >= OTHERS - 2;
        kit_open(&k, OTHERS + 1, OTHERS);
        kit_suspect(&k, 5, who, 1, 1);
        CHECK(kit_sent(&k, NODOSUM_PACKET_PING, who, &ping) == is_beside, "member %u", who);
        CHECK(!is_beside || kit_sent(&k, NODOSUM_PACKET_SUSPECT, who, NULL) == 1, "and it is told why");
        kit_close(&k);
    }
}

int main(void)
{
    not_everybody_asks_the_suspect();
    time_shrinks_with_confirmations();
    confirmations_are_of_different_members();
    a_suspect_is_asked_and_then_dead();
    a_late_confirmation_ends_it_at_once();
    a_refutation_ends_it();
    neighbours_look_for_themselves();
    return CHECK_RESULT();
}
