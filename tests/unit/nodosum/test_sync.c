/* Claims about comparing tables: two cores that talk to each other alone come to know the same, at a cost that
 * follows from the difference. */
#include <string.h>

#include "nodosum/sync.h"
#include "nodosum/table.h"
#include "tests/unit/nodosum/kit.h"

enum { LARGE = 400, MS = 1000, SECOND = 1000000 };

/* Two cores that can reach each other; whatever else they send is lost. Numbers 1000 and 1001. */
struct pair {
    struct kit a, b;
    uint64_t bytes, packets;
};

static void open_one(struct kit *k, uint32_t who, uint32_t members)
{
    struct nodosum_config c = kit_config(members);

    c.id = kit_id(who);
    c.words = kit_words(who);
    c.about = kit_about(who);
    c.seed = who;
    k->now_us = KIT_START_US;
    k->memory = malloc(nodosum_core_size(members));
    REQUIRE(k->memory != NULL && nodosum_core_init(k->memory, &c, k->now_us, &k->n) == ERR_OK, "a core");
}

static void carry(struct pair *p, struct kit *from, struct kit *to, uint32_t who, uint32_t to_who, int depth)
{
    struct nodosum_effects *fx = malloc(sizeof *fx);
    struct nodosum_id id = kit_id(who), other = kit_id(to_who);
    struct nodosum_address at = kit_address(who);

    REQUIRE(fx != NULL && depth < 64, "answers end");
    *fx = from->fx;
    for (uint32_t i = 0; i < fx->sends; i++) {
        const struct nodosum_send *s = &fx->send[i];
        if (s->has_id && memcmp(&s->to, &other, sizeof other) == 0) {
            p->bytes += s->packet.size;
            p->packets++;
            CHECK(nodosum_core_packet(to->n, to->now_us, &id, &at, s->packet.bytes, s->packet.size, &to->fx) ==
                  ERR_OK, "a good packet");
            carry(p, to, from, to_who, who, depth + 1);
        }
    }
    free(fx);
}

/* A introduces itself to b and they compare. */
static void compare_once(struct pair *p)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_ALIVE, .id = kit_id(1000), .incarnation = 1};

    p->bytes = p->packets = 0;
    m.about = kit_about(1000);
    CHECK(kit_hear(&p->b, 1000, &m) == ERR_OK, "b knows a");
    m.id = kit_id(1001);
    m.about = kit_about(1001);
    CHECK(kit_hear(&p->a, 1001, &m) == ERR_OK, "a knows b");
    for (int i = 0; i < 5; i++) {
        p->a.now_us += SECOND;
        p->b.now_us += SECOND;
        struct nodosum_message digest = {.kind = NODOSUM_PACKET_DIGEST, .count = 1};
        digest.range[0] = (struct nodosum_range){.last = UINT64_MAX, .members = 1, .hash = 1};
        CHECK(kit_hear(&p->a, 1001, &digest) == ERR_OK, "a good packet");
        carry(p, &p->a, &p->b, 1000, 1001, 0);
    }
}

static void open_pair(struct pair *p)
{
    open_one(&p->a, 1000, LARGE + 2);
    open_one(&p->b, 1001, LARGE + 2);
}

static void close_pair(struct pair *p)
{
    kit_close(&p->a);
    kit_close(&p->b);
}

static void both_know_what_one_knew(void)
{
    struct pair p;

    open_pair(&p);
    kit_alive(&p.a, 1, 1, 1);
    for (uint32_t i = 0; i < LARGE; i++) {
        kit_alive(i % 2 == 0 ? &p.a : &p.b, i, i, 1 + i % 3);
    }
    compare_once(&p);
    for (uint32_t i = 0; i < LARGE; i++) {
        CHECK(kit_index(&p.a, i) != NODOSUM_NOBODY && kit_member(&p.a, i)->incarnation == 1 + i % 3, "a: %u", i);
        CHECK(kit_index(&p.b, i) != NODOSUM_NOBODY && kit_member(&p.b, i)->incarnation == 1 + i % 3, "b: %u", i);
    }
    close_pair(&p);
}

/* One difference in 400 costs digests and the rows of one part, not the table. */
static void a_small_difference_is_cheap(void)
{
    struct pair p;

    open_pair(&p);
    for (uint32_t i = 0; i < LARGE; i++) {
        kit_alive(&p.a, i, i, 1);
        kit_alive(&p.b, i, i, 1);
    }
    kit_alive(&p.b, 7, 7, 2);
    compare_once(&p);
    CHECK(kit_member(&p.a, 7)->incarnation == 2, "a knows");
    CHECK(p.bytes < 5 * (uint64_t)NODOSUM_PACKET_MAX * 4, "%d bytes in five comparisons that were wished for",
          (int)p.bytes);
    close_pair(&p);
}

static void equals_say_nothing(void)
{
    struct kit k;
    struct nodosum_message m = {.kind = NODOSUM_PACKET_DIGEST, .count = 1};

    kit_open(&k, 11, 10);
    /* What the core itself says of its table, and an empty part of it. */
    for (int i = 0; i < 1000 && kit_sent(&k, NODOSUM_PACKET_DIGEST, UINT32_MAX, &m) == 0; i++) {
        kit_due(&k);
    }
    CHECK(m.range[0].members == 11, "all living ones");
    CHECK(kit_hear(&k, 3, &m) == ERR_OK && k.fx.sends == 0, "the same: no answer");
    m.range[0].hash++;
    CHECK(kit_hear(&k, 3, &m) == ERR_OK && kit_sent(&k, NODOSUM_PACKET_ROWS, 3, NULL) == 1, "another: rows");
    struct nodosum_message self;
    CHECK(kit_sent(&k, NODOSUM_PACKET_ALIVE, 3, &self) == 1 && self.id.byte[3] == KIT_SELF + 1,
          "and who says so, for whoever joins");
    m.range[0] = (struct nodosum_range){.first = 1, .last = 2};
    CHECK(kit_hear(&k, 3, &m) == ERR_OK && k.fx.sends == 0, "an empty part of both");
    kit_close(&k);
}

/* A row against what is known: who tells whom. Member 3 has incarnation 5. */
static void rows_are_answered_by_who_knows_more(void)
{
    static const struct {
        enum nodosum_state known;
        uint8_t state;
        uint64_t incarnation; /* of the row; 0: there is none */
        bool told, wanted;
        const char *why;
    } rows[] = {
        {NODOSUM_ALIVE, NODOSUM_ALIVE, 5, false, false, "the same"},
        {NODOSUM_ALIVE, NODOSUM_ALIVE, 4, true, false, "older"},
        {NODOSUM_ALIVE, NODOSUM_ALIVE, 6, false, true, "newer"},
        {NODOSUM_ALIVE, NODOSUM_SUSPECT, 5, false, false, "suspicions are not compared"},
        {NODOSUM_ALIVE, NODOSUM_DEAD, 5, false, true, "dead there"},
        {NODOSUM_ALIVE, NODOSUM_DEAD, 4, true, false, "dead there, before"},
        {NODOSUM_ALIVE, NODOSUM_ALIVE | NODOSUM_ROW_STALE, 5, true, false, "only heard of there"},
        {NODOSUM_ALIVE, 0, 0, true, false, "unknown there"},
        {NODOSUM_DEAD, NODOSUM_ALIVE, 5, true, false, "dead here"},
        {NODOSUM_DEAD, NODOSUM_ALIVE, 6, false, true, "back there"},
        {NODOSUM_DEAD, NODOSUM_LEFT, 5, false, true, "left, not dead"},
        {NODOSUM_DEAD, 0, 0, false, false, "dead here and unknown there: who asks"},
        {NODOSUM_LEFT, NODOSUM_ALIVE, 5, true, false, "left"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nodosum_message m = {.kind = NODOSUM_PACKET_ROWS}, told;
        struct kit k;
        kit_open(&k, 11, 10);
        kit_alive(&k, 3, 3, 5);
        if (rows[i].known == NODOSUM_DEAD) {
            kit_dead(&k, 5, 3, 5);
        } else if (rows[i].known == NODOSUM_LEFT) {
            kit_left(&k, 5, 3, 5);
        }
        m.first = m.last = kit_member(&k, 3)->short_id;
        m.count = rows[i].incarnation != 0;
        m.row[0] = (struct nodosum_row){.short_id = m.first, .incarnation = rows[i].incarnation,
                                        .state = rows[i].state, .check = kit_member(&k, 3)->check};
        CHECK(kit_hear(&k, 5, &m) == ERR_OK, "a good packet");
        uint32_t said = kit_sent(&k, NODOSUM_PACKET_ALIVE, 5, NULL) + kit_sent(&k, NODOSUM_PACKET_LEFT, 5, NULL) +
                        kit_sent(&k, NODOSUM_PACKET_SUSPECT, 5, &told);
        CHECK(said == rows[i].told, "%s: told %u", rows[i].why, said);
        CHECK(kit_sent(&k, NODOSUM_PACKET_WANT, 5, NULL) == rows[i].wanted, "%s: wanted", rows[i].why);
        CHECK(kit_sent(&k, NODOSUM_PACKET_DEAD, UINT32_MAX, NULL) == 0, "%s: nobody dies of it", rows[i].why);
        kit_close(&k);
    }
}

static void what_is_wanted_is_given(void)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_WANT, .count = 3};
    struct kit k;

    kit_open(&k, 11, 10);
    m.want[0] = kit_member(&k, 3)->short_id;
    m.want[1] = 5; /* nobody's */
    m.want[2] = k.n->member[NODOSUM_SELF].short_id;
    CHECK(kit_hear(&k, 5, &m) == ERR_OK && kit_sent(&k, NODOSUM_PACKET_ALIVE, 5, NULL) == 2, "two of three");
    CHECK(kit_hear(&k, 77, &m) == ERR_OK && k.fx.sends == 0, "not to strangers");
    kit_close(&k);
}

static void answers_have_a_rate(void)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_DIGEST, .count = 1};
    struct kit k;
    uint32_t answered = 0;

    kit_open(&k, 11, 10);
    m.range[0] = (struct nodosum_range){.last = UINT64_MAX};
    for (uint32_t i = 0; i < 2 * NODOSUM_SYNC_RATE; i++) {
        CHECK(kit_hear(&k, 3, &m) == ERR_OK, "a good packet");
        answered += kit_sent(&k, NODOSUM_PACKET_ROWS, 3, NULL);
    }
    CHECK(answered == NODOSUM_SYNC_RATE && k.n->counters.held == NODOSUM_SYNC_RATE, "%u answered", answered);
    k.now_us += SECOND;
    CHECK(kit_hear(&k, 3, &m) == ERR_OK && kit_sent(&k, NODOSUM_PACKET_ROWS, 3, NULL) == 1, "a second later again");
    kit_close(&k);
}

static void comparisons_become_rare(void)
{
    struct kit k;
    uint32_t count[2] = {0};
    uint64_t from_us;

    kit_open(&k, 11, 10);
    kit_wait(&k, 1); /* it looks for seeds, which it has not */
    for (int part = 0; part < 2; part++) {
        from_us = k.now_us;
        k.n->tuning.suspect_least_ms = 3600 * 1000; /* nobody answers here, and nobody dies of it */
        while (k.now_us < from_us + 120 * (uint64_t)SECOND) {
            kit_due(&k);
            count[part] += kit_sent(&k, NODOSUM_PACKET_DIGEST, UINT32_MAX, NULL);
        }
    }
    CHECK(count[0] >= 6 && count[0] <= 10, "%u in the first two minutes: 1, 2, 4, 8, 16, 30 s", count[0]);
    kit_alive(&k, 3, 3, 2);
    CHECK(k.n->sync_us > k.now_us + SECOND * 5 / 4, "a refutation changes nothing about that");
    kit_dead(&k, 3, 3, 2);
    CHECK(k.n->sync_us <= k.now_us + SECOND * 5 / 4, "a death does");
    CHECK(count[1] >= 3 && count[1] <= 6, "%u in the next: every half minute", count[1]);
    kit_close(&k);
}

int main(void)
{
    both_know_what_one_knew();
    a_small_difference_is_cheap();
    equals_say_nothing();
    rows_are_answered_by_who_knows_more();
    what_is_wanted_is_given();
    answers_have_a_rate();
    comparisons_become_rare();
    return CHECK_RESULT();
}
