/* Claims about news: told a bounded number of times, the least told first, one piece a member (SWIM, 4.1). */
#include "nodosum/gossip.h"
#include "tests/unit/nodosum/kit.h"

enum { OTHERS = 60, MS = 1000 };

static void it_is_told_lambda_log_times(void)
{
    static const struct {
        uint32_t members, times;
    } rows[] = {{1, 4}, {9, 4}, {10, 8}, {99, 8}, {100, 12}, {999, 12}, {1000, 16}, {NODOSUM_MEMBERS_MAX, 16},
                {9999, 16}, {10000, 20}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(nodosum_gossip_times(rows[i].members) == rows[i].times, "%u members: %u", rows[i].members,
              nodosum_gossip_times(rows[i].members));
    }
    CHECK(nodosum_gossip_times(NODOSUM_MEMBERS_MAX) <= NODOSUM_LEVELS, "there are levels for all");
}

/* One death: rounds of NODOSUM_FANOUT packets until it was told often enough, and then silence. */
static void one_piece_of_news_ends(void)
{
    struct nodosum_message m;
    struct kit k;
    uint32_t told = 0, most = 0;

    kit_open(&k, OTHERS + 1, OTHERS);
    kit_wait(&k, 5000 * MS);
    CHECK(k.n->hot == 0 && k.n->gossip_us == 0, "nothing is new any more");
    kit_dead(&k, 5, 3, 1);
    uint64_t began_us = k.now_us;
    for (int i = 0; i < 100 && k.n->gossip_us != 0; i++) {
        kit_due(&k);
        uint32_t now = kit_sent(&k, NODOSUM_PACKET_DEAD, UINT32_MAX, &m);
        told += now;
        most = now > most ? now : most;
    }
    CHECK(told == nodosum_gossip_times(OTHERS), "told %u times", told);
    CHECK(most <= NODOSUM_FANOUT + 2, "%u at one time: a round and a probe's packets", most);
    CHECK(k.now_us - began_us <= 4 * 25 * MS, "within three rounds and what they wait");
    kit_close(&k);
}

static void newer_news_replaces_older(void)
{
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    uint32_t hot = k.n->hot;
    for (uint64_t i = 2; i < 50; i++) {
        kit_alive(&k, 3, 3, i);
        kit_suspect(&k, 5, 3, i, 1);
    }
    CHECK(k.n->hot == hot && kit_member(&k, 3)->level == 0, "one piece of each member, told anew");
    kit_close(&k);
}

static void the_least_told_goes_first(void)
{
    struct nodosum_packet p = {0};
    struct nodosum_message m;
    struct kit k;
    size_t at = 1;

    kit_open(&k, OTHERS + 1, OTHERS);
    for (int i = 0; i < 20; i++) { /* everything was told a few times */
        p.size = 0;
        nodosum_gossip_fill(k.n, NODOSUM_NOBODY, &p);
    }
    kit_dead(&k, 5, 7, 1);
    p.size = 0;
    nodosum_gossip_fill(k.n, NODOSUM_NOBODY, &p);
    CHECK(nodosum_packet_next(p.bytes, p.size, &at, &m) && m.kind == NODOSUM_PACKET_DEAD, "the new one is first");
    CHECK(p.size > NODOSUM_PACKET_MAX - 100, "%u bytes: as much as fits", p.size);
    kit_close(&k);
}

/* What is in one packet is there once, and in the end everything was told equally often. */
static void turns_are_fair(void)
{
    struct nodosum_packet p = {0};
    struct nodosum_message m;
    struct kit k;
    uint32_t told[OTHERS + 1] = {0};

    kit_open(&k, OTHERS + 1, OTHERS);
    for (int i = 0; i < 1000 && k.n->hot > 0; i++) {
        bool is_in[OTHERS + 1] = {false};
        size_t at = 1;
        p.size = 0;
        nodosum_gossip_fill(k.n, NODOSUM_NOBODY, &p);
        while (nodosum_packet_next(p.bytes, p.size, &at, &m)) {
            uint32_t who = m.id.byte[3] == KIT_SELF + 1 ? OTHERS : m.id.byte[3] - 1u;
            CHECK(!is_in[who], "%u twice in one packet", who);
            is_in[who] = true;
            told[who]++;
        }
    }
    for (uint32_t who = 0; who <= OTHERS; who++) {
        CHECK(told[who] == nodosum_gossip_times(OTHERS + 1), "%u told %u times", who, told[who]);
    }
    kit_close(&k);
}

static void the_suspect_hears_it_first(void)
{
    struct nodosum_packet p = {0};
    struct nodosum_message m;
    struct kit k;
    size_t at = 1;

    kit_open(&k, OTHERS + 1, OTHERS);
    kit_suspect(&k, 5, 30, 1, 1);
    kit_dead(&k, 5, 31, 1);
    for (uint32_t who = 30; who <= 31; who++) {
        p.size = 0;
        at = 1;
        nodosum_gossip_fill(k.n, kit_index(&k, who), &p);
        CHECK(nodosum_packet_next(p.bytes, p.size, &at, &m) && m.id.byte[3] == who + 1, "buddy of %u", who);
        uint32_t again = 0;
        while (nodosum_packet_next(p.bytes, p.size, &at, &m)) {
            again += m.id.byte[3] == who + 1;
        }
        CHECK(again == 0, "and once is enough");
    }
    kit_close(&k);
}

int main(void)
{
    it_is_told_lambda_log_times();
    one_piece_of_news_ends();
    newer_news_replaces_older();
    the_least_told_goes_first();
    turns_are_fair();
    the_suspect_hears_it_first();
    return CHECK_RESULT();
}
