/* Claims about the core as a whole: what may be configured, what it costs, joining, leaving, metadata and what
 * watchers see. */
#include <string.h>

#include "tests/support/words.h"
#include "tests/unit/nodosum/kit.h"

enum { OTHERS = 10, MS = 1000 };

static void what_may_be_configured(void)
{
    static const struct {
        uint32_t members, seeds, name_len, meta;
        uint64_t incarnation;
        const char *name;
        uint16_t port, seed_port;
        uint32_t period;
        bool is_good;
        const char *why;
    } rows[] = {
        {2, 0, 1, 0, 1, "n", 7402, 1, 200, true, "the least"},
        {1, 0, 1, 0, 1, "n", 7402, 1, 200, false, "room for itself alone"},
        {NODOSUM_MEMBERS_MAX, 0, 1, 0, 1, "n", 7402, 1, 200, true, "the most"},
        {NODOSUM_MEMBERS_MAX + 1, 0, 1, 0, 1, "n", 7402, 1, 200, false, "more than indexes can name"},
        {2, NODOSUM_SEEDS_MAX, 1, 0, 1, "n", 7402, 1, 200, true, "all seeds"},
        {2, NODOSUM_SEEDS_MAX + 1, 1, 0, 1, "n", 7402, 1, 200, false, "one seed too many"},
        {2, 1, 1, 0, 1, "n", 7402, 0, 200, false, "a seed without a port"},
        {2, 0, 0, 0, 1, "", 7402, 1, 200, false, "no name"},
        {2, 0, 2, 0, 1, "-n", 7402, 1, 200, false, "not a name"},
        {2, 0, 65, 0, 1, "n", 7402, 1, 200, false, "a name too long"},
        {2, 0, 1, NODOSUM_META_MAX, 1, "n", 7402, 1, 200, true, "all metadata"},
        {2, 0, 1, NODOSUM_META_MAX + 1, 1, "n", 7402, 1, 200, false, "a byte more"},
        {2, 0, 1, 0, 0, "n", 7402, 1, 200, true, "no incarnation: 1"},
        {2, 0, 1, 0, NODOSUM_INCARNATION_MAX, "n", 7402, 1, 200, true, "the highest"},
        {2, 0, 1, 0, NODOSUM_INCARNATION_MAX + 1, "n", 7402, 1, 200, false, "one past it"},
        {2, 0, 1, 0, 1, "n", 0, 1, 200, false, "no port"},
        {2, 0, 1, 0, 1, "n", 7402, 1, 0, false, "no period"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nodosum_config c = kit_config(rows[i].members);
        void *memory = malloc(nodosum_core_size(rows[i].members));
        struct nodosum *n = NULL;
        REQUIRE(memory != NULL, "memory");
        memset(c.about.name, 0, sizeof c.about.name);
        memcpy(c.about.name, rows[i].name, strlen(rows[i].name));
        c.about.name_len = (uint8_t)rows[i].name_len;
        c.about.meta_size = (uint16_t)rows[i].meta;
        c.about.address.port = rows[i].port;
        c.incarnation = rows[i].incarnation;
        c.seeds = rows[i].seeds;
        c.tuning.period_ms = rows[i].period;
        for (uint32_t s = 0; s < NODOSUM_SEEDS_MAX; s++) {
            c.seed_at[s] = kit_address(s);
            c.seed_at[s].port = rows[i].seed_port;
        }
        enum err e = nodosum_core_init(memory, &c, 1, &n);
        CHECK(e == (rows[i].is_good ? ERR_OK : ERR_INVALID), "%s: %s", rows[i].why, err_name(e));
        CHECK((n != NULL) == rows[i].is_good, "%s: the result is untouched", rows[i].why);
        c.words.is_said = NULL;
        CHECK(nodosum_core_init(memory, &c, 1, &n) == ERR_INVALID, "without what tells words apart");
        free(memory);
    }
}

/* Bounded memory: so many bytes a member, in one block that the caller gave. The block is exactly as large as
 * said, so that a sanitizer sees any use of more: a table of every size is filled. */
static void memory_is_what_was_said(void)
{
    CHECK(nodosum_core_size(1001) - nodosum_core_size(1000) == NODOSUM_MEMBER_BYTES, "bytes a member");
    CHECK(nodosum_core_size(0) < 128 * 1024, "%zu bytes besides", nodosum_core_size(0));
    for (uint32_t members = 2; members < 40; members++) {
        struct kit k;
        kit_open(&k, members, 0);
        for (uint32_t i = 0; i < members + 5; i++) {
            kit_alive(&k, i, i, 1);
        }
        CHECK(nodosum_core_count(k.n) == members, "full at %u", members);
        kit_wait(&k, 20000 * MS);
        CHECK(nodosum_core_count(k.n) == members, "still");
        kit_close(&k);
    }
}

static void alone_it_asks_its_seeds(void)
{
    struct nodosum_config c = kit_config(8);
    struct kit k = {.now_us = KIT_START_US};
    uint32_t asked = 0, digests;
    uint64_t last_us = 0, gap_us = 0;

    c.seeds = 5;
    for (uint32_t i = 0; i < c.seeds; i++) {
        c.seed_at[i] = kit_address(i);
    }
    k.memory = malloc(nodosum_core_size(8));
    REQUIRE(k.memory != NULL && nodosum_core_init(k.memory, &c, k.now_us, &k.n) == ERR_OK, "a core");
    nodosum_core_clock(k.n, k.now_us, &k.fx);
    digests = kit_sent(&k, NODOSUM_PACKET_DIGEST, UINT32_MAX - 1, NULL);
    CHECK(digests == 0, "nobody is known by id");
    for (uint32_t i = 0; i < k.fx.sends; i++) {
        asked += !k.fx.send[i].has_id && k.fx.send[i].at.port == 7402;
    }
    CHECK(asked == 3, "three seeds at once: %u", asked);
    for (int i = 0; i < 200; i++) {
        kit_due(&k);
        if (k.fx.sends > 0) {
            gap_us = last_us == 0 ? 0 : k.now_us - last_us;
            last_us = k.now_us;
        }
    }
    CHECK(gap_us >= 7500 * MS && gap_us <= 12500 * MS, "after a while every ten seconds: %d ms", (int)(gap_us / MS));
    kit_close(&k);
}

static void a_newcomer_introduces_itself(void)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_ALIVE, .id = kit_id(70), .incarnation = 1};
    struct kit k;

    kit_open(&k, 20, OTHERS);
    m.about = kit_about(70);
    CHECK(kit_hear(&k, 71, &m) == ERR_OK && kit_index(&k, 70) == NODOSUM_NOBODY, "not another, whom nobody knows");
    CHECK(kit_hear(&k, 70, &m) == ERR_OK && kit_index(&k, 70) != NODOSUM_NOBODY, "itself");
    m.kind = NODOSUM_PACKET_PING;
    CHECK(kit_hear(&k, KIT_SELF, &m) == ERR_OK && k.fx.sends == 0, "our own packet is answered by nobody");
    kit_close(&k);
}

static void who_leaves_says_so_and_is_done(void)
{
    struct nodosum_id self = kit_id(KIT_SELF);
    uint8_t right[NODOSUM_WORD_SIZE];
    struct nodosum_message m = {0};
    struct kit k;
    uint32_t told = 0;

    kit_open(&k, OTHERS + 1, OTHERS);
    words_of(&self, 1, right);
    uint64_t began_us = k.now_us;
    nodosum_core_leave(k.n, k.now_us, &k.fx);
    CHECK(!k.fx.has_left && nodosum_core_living(k.n) == OTHERS, "it is leaving");
    CHECK(nodosum_core_update(k.n, k.now_us, NULL, 0, &k.fx) == ERR_PRECONDITION, "that is the last it says");
    kit_suspect(&k, 5, KIT_SELF, 1, 1);
    CHECK(k.n->member[NODOSUM_SELF].state == NODOSUM_LEFT, "and not taken back by a suspicion");
    for (int i = 0; i < 1000 && !k.fx.has_left; i++) {
        kit_due(&k);
        told += kit_sent(&k, NODOSUM_PACKET_LEFT, UINT32_MAX, &m);
    }
    CHECK(told >= 8 && k.now_us - began_us < 200 * MS, "told %u times in %d ms", told,
          (int)((k.now_us - began_us) / MS));
    CHECK(m.incarnation == 1 && memcmp(m.word, right, sizeof right) == 0, "with its word");
    CHECK(k.fx.due_us == UINT64_MAX, "nothing more is due");
    kit_alive(&k, 3, 40, 1);
    CHECK(k.fx.sends == 0 && kit_index(&k, 40) == NODOSUM_NOBODY, "it is deaf");
    kit_close(&k);
}

static void a_leave_waits_no_longer_than_it_may(void)
{
    struct kit k;

    kit_open(&k, OTHERS + 1, 0);
    nodosum_core_leave(k.n, k.now_us, &k.fx);
    CHECK(k.fx.has_left, "alone there is nobody to tell");
    kit_close(&k);
    kit_open(&k, OTHERS + 1, OTHERS);
    nodosum_core_leave(k.n, k.now_us, &k.fx);
    k.now_us += NODOSUM_LEAVE_MS * MS;
    nodosum_core_clock(k.n, k.now_us, &k.fx);
    CHECK(k.fx.has_left, "after a second it goes");
    kit_close(&k);
}

static void metadata_is_told_with_a_new_incarnation(void)
{
    uint8_t meta[NODOSUM_META_MAX + 1] = {7};
    struct nodosum_view self;
    struct nodosum_id id = kit_id(KIT_SELF);
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    CHECK(nodosum_core_update(k.n, k.now_us, meta, sizeof meta, &k.fx) == ERR_LIMIT, "a byte too long");
    CHECK(nodosum_core_find(k.n, &id, &self) && self.incarnation == 1 && self.about->meta_size == 0, "untouched");
    CHECK(nodosum_core_update(k.n, k.now_us, meta, NODOSUM_META_MAX, &k.fx) == ERR_OK, "as long as it may be");
    CHECK(nodosum_core_find(k.n, &id, &self) && self.incarnation == 2 && self.about->meta_version == 2, "new");
    CHECK(nodosum_core_update(k.n, k.now_us, meta, NODOSUM_META_MAX, &k.fx) == ERR_OK, "the same again");
    CHECK(nodosum_core_find(k.n, &id, &self) && self.incarnation == 2, "is no news");
    kit_close(&k);
}

static void offers_are_told_with_a_new_incarnation(void)
{
    uint8_t offers[NODOSUM_OFFERS_BYTES + 1] = {7};
    struct nodosum_message m;
    struct nodosum_view self;
    struct nodosum_id id = kit_id(KIT_SELF);
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    CHECK(nodosum_core_offer(k.n, k.now_us, offers, sizeof offers, &k.fx) == ERR_LIMIT, "a byte too long");
    CHECK(nodosum_core_find(k.n, &id, &self) && self.incarnation == 1 && self.about->offers_size == 0, "untouched");
    CHECK(nodosum_core_offer(k.n, k.now_us, offers, NODOSUM_OFFERS_BYTES, &k.fx) == ERR_OK, "as long as they may be");
    CHECK(nodosum_core_find(k.n, &id, &self) && self.incarnation == 2 && self.about->meta_version == 2, "new");
    for (int i = 0; i < 100 && kit_sent(&k, NODOSUM_PACKET_ALIVE, UINT32_MAX, &m) == 0; i++) {
        kit_due(&k);
    }
    CHECK(m.about.offers_size == NODOSUM_OFFERS_BYTES && m.about.offers[0] == 7, "and told");
    CHECK(nodosum_core_update(k.n, k.now_us, offers, 3, &k.fx) == ERR_OK && nodosum_core_find(k.n, &id, &self) &&
              self.about->offers_size == NODOSUM_OFFERS_BYTES && self.incarnation == 3, "kept when metadata changes");
    CHECK(nodosum_core_offer(k.n, k.now_us, NULL, 0, &k.fx) == ERR_OK && nodosum_core_find(k.n, &id, &self) &&
              self.about->offers_size == 0 && self.about->meta_size == 3, "and taken back alone");
    nodosum_core_leave(k.n, k.now_us, &k.fx);
    CHECK(nodosum_core_offer(k.n, k.now_us, offers, 1, &k.fx) == ERR_PRECONDITION, "not while it leaves");
    kit_close(&k);
}

static void who_moves_says_where_to(void)
{
    struct nodosum_address there = kit_address(500), nowhere = {.port = 7402}, doorless = kit_address(500);
    struct nodosum_message m;
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    kit_wait(&k, 10 * MS); /* those joined a while ago */
    doorless.port = 0;
    CHECK(nodosum_core_move(k.n, k.now_us, &nowhere, &k.fx) == ERR_INVALID, "no address");
    CHECK(nodosum_core_move(k.n, k.now_us, &doorless, &k.fx) == ERR_INVALID, "no port");
    CHECK(k.n->member[NODOSUM_SELF].incarnation == 1, "nothing is changed");
    CHECK(nodosum_core_move(k.n, k.now_us, &there, &k.fx) == ERR_OK, "somewhere");
    CHECK(kit_sent(&k, NODOSUM_PACKET_ALIVE, UINT32_MAX, &m) > 0 && m.incarnation == 2 &&
              memcmp(&m.about.address, &there, sizeof there) == 0, "and told at once");
    CHECK(nodosum_core_move(k.n, k.now_us, &there, &k.fx) == ERR_OK && k.n->member[NODOSUM_SELF].incarnation == 2,
          "to the same place: no move");
    nodosum_core_leave(k.n, k.now_us, &k.fx);
    there.port++;
    CHECK(nodosum_core_move(k.n, k.now_us, &there, &k.fx) == ERR_PRECONDITION, "not while it leaves");
    kit_close(&k);
}

static void watchers_resume_or_are_told_to_list(void)
{
    struct nodosum_event e[8];
    uint32_t count;
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    CHECK(k.fx.revision == OTHERS, "one event a join");
    for (uint64_t i = 2; k.fx.revision < NODOSUM_EVENTS_MAX; i++) {
        kit_dead(&k, 5, 3, i);
        kit_alive(&k, 5, 3, i + 1);
        kit_dead(&k, 5, 4, 2 * i);
        kit_alive(&k, 5, 4, 2 * i + 1);
    }
    CHECK(nodosum_core_events(k.n, k.fx.revision - NODOSUM_EVENTS_MAX, e, 8, &count) == ERR_OK && count == 8,
          "as far behind as may be");
    CHECK(e[0].revision == k.fx.revision - NODOSUM_EVENTS_MAX + 1 && e[7].revision == e[0].revision + 7, "in order");
    kit_left(&k, 5, 2, 1);
    CHECK(nodosum_core_events(k.n, k.fx.revision - NODOSUM_EVENTS_MAX - 1, e, 8, &count) == ERR_RANGE, "one past it");
    CHECK(nodosum_core_events(k.n, k.fx.revision - 1, e, 8, &count) == ERR_OK && count == 1 &&
          e[0].change == NODOSUM_WENT, "the newest");
    CHECK(nodosum_core_events(k.n, k.fx.revision, e, 8, &count) == ERR_OK && count == 0, "nothing yet");
    CHECK(nodosum_core_events(k.n, k.fx.revision + 1, e, 8, &count) == ERR_RANGE, "of another life of the node");
    kit_close(&k);
}

static void refused_packets_change_nothing(void)
{
    struct nodosum_id from = kit_id(3);
    struct nodosum_address at = kit_address(3);
    struct nodosum_packet p = {0};
    struct nodosum_message dead = {.kind = NODOSUM_PACKET_DEAD, .id = kit_id(4), .incarnation = 9};
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    CHECK(nodosum_packet_add(&p, &dead), "it fits");
    p.bytes[p.size++] = 99; /* one bad byte behind a good message */
    CHECK(nodosum_core_packet(k.n, k.now_us, &from, &at, p.bytes, p.size, &k.fx) == ERR_MALFORMED, "refused");
    CHECK(kit_member(&k, 4)->state == NODOSUM_ALIVE && k.n->counters.malformed == 1, "whole, and counted");
    CHECK(k.fx.due_us < UINT64_MAX, "and the clock goes on");
    kit_close(&k);
}

/* Seeds change while it runs: new ones are tried at once, wrong lists change nothing. */
static void seeds_may_change(void)
{
    struct nodosum_address at[NODOSUM_SEEDS_MAX + 1];
    struct kit k;

    kit_open(&k, 8, 0);
    for (uint32_t i = 0; i <= NODOSUM_SEEDS_MAX; i++) {
        at[i] = kit_address(i);
    }
    CHECK(nodosum_core_seeds(k.n, ++k.now_us, at, 1, &k.fx) == ERR_OK, "one");
    CHECK(k.fx.sends > 0 && !k.fx.send[k.fx.sends - 1].has_id &&
              memcmp(&k.fx.send[k.fx.sends - 1].at, &at[0], sizeof at[0]) == 0, "it is tried in this step");
    CHECK(nodosum_core_seeds(k.n, ++k.now_us, at, NODOSUM_SEEDS_MAX, &k.fx) == ERR_OK, "as many as may be");
    CHECK(nodosum_core_seeds(k.n, ++k.now_us, at, NODOSUM_SEEDS_MAX + 1, &k.fx) == ERR_INVALID, "one more");
    at[0].port = 0;
    CHECK(nodosum_core_seeds(k.n, ++k.now_us, at, 1, &k.fx) == ERR_INVALID && k.fx.sends == 0, "no port");
    CHECK(nodosum_core_seeds(k.n, ++k.now_us, at, 0, &k.fx) == ERR_OK && k.fx.sends == 0, "none");
    kit_close(&k);
}

int main(void)
{
    seeds_may_change();
    what_may_be_configured();
    memory_is_what_was_said();
    alone_it_asks_its_seeds();
    a_newcomer_introduces_itself();
    who_leaves_says_so_and_is_done();
    a_leave_waits_no_longer_than_it_may();
    metadata_is_told_with_a_new_incarnation();
    offers_are_told_with_a_new_incarnation();
    who_moves_says_where_to();
    watchers_resume_or_are_told_to_list();
    refused_packets_change_nothing();
    return CHECK_RESULT();
}
