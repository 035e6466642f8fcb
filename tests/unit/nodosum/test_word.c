/* Claims about what members swear, and about who lies of them: in which incarnation others may say that one is, and that one who
 * lives is held for it in the end, whatever was said. */
#include "nodosum/word.h"

#include <inttypes.h>
#include <string.h>

#include "tests/support/words.h"
#include "tests/unit/nodosum/kit.h"

enum { OTHERS = 8, WHO = 3, OTHER = 5, KNOWN = 10, SECOND_US = 1000000, HERE = 6, LIAR = 5, VICTIM = 2, NEWCOMER = 6, NODES = 7 };

static struct nodosum_message lives(uint32_t who, uint64_t incarnation)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_LIVES, .id = kit_id(who), .incarnation = incarnation};

    words_of_life(&m.id, incarnation, m.word);
    return m;
}

static struct nodosum_message claim(enum nodosum_packet_kind kind, uint32_t who, uint64_t incarnation)
{
    struct nodosum_message m = {.kind = kind, .id = kit_id(who), .incarnation = incarnation};

    if (kind == NODOSUM_PACKET_ALIVE) {
        m.about = kit_about(who);
    } else {
        m.count = kind == NODOSUM_PACKET_SUSPECT;
        m.accuser[0] = 1;
    }
    return m;
}

static void nobody_else_makes_a_member_leap(void)
{
    static const enum nodosum_packet_kind kinds[] = {NODOSUM_PACKET_ALIVE, NODOSUM_PACKET_SUSPECT, NODOSUM_PACKET_DEAD};
    static const struct {
        uint32_t from;
        uint64_t said;
        bool is_believed;
    } rows[] = {
        {OTHER, KNOWN + NODOSUM_WORD_LEAP, true},
        {OTHER, KNOWN + NODOSUM_WORD_LEAP + 1, false},
        {OTHER, NODOSUM_INCARNATION_MAX, false},
        {WHO, KNOWN + NODOSUM_WORD_LEAP + 1, true}, /* it knows best, and nobody can speak for it */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
            struct nodosum_message m = claim(kinds[kind], WHO, rows[i].said), told;
            struct kit k;
            kit_open(&k, OTHERS + 1, OTHERS);
            kit_alive(&k, WHO, WHO, KNOWN);
            CHECK(kit_hear(&k, rows[i].from, &m) == ERR_OK, "a good packet");
            CHECK((kit_member(&k, WHO)->incarnation == rows[i].said) == rows[i].is_believed, "row %zu, kind %zu", i, kind);
            CHECK(nodosum_core_counters(k.n)->doubted == !rows[i].is_believed, "row %zu: counted", i);
            if (!rows[i].is_believed) {
                CHECK(kit_member(&k, WHO)->state == NODOSUM_ALIVE && kit_member(&k, WHO)->incarnation == KNOWN, "row %zu: nothing changes", i);
                CHECK(kit_sent(&k, kinds[kind], WHO, &told) >= 1 && told.incarnation == rows[i].said, "row %zu: it is told what was said", i);
                CHECK(kit_sent(&k, NODOSUM_PACKET_ALIVE, WHO, NULL) >= 1, "row %zu: and what is known", i);
            }
            kit_close(&k);
        }
    }
}

static void a_member_swears_to_what_it_is(void)
{
    struct nodosum_message m = claim(NODOSUM_PACKET_DEAD, KIT_SELF, NODOSUM_INCARNATION_MAX), told = {0};
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    CHECK(kit_hear(&k, OTHER, &m) == ERR_OK, "a good packet");
    CHECK(k.n->member[NODOSUM_SELF].incarnation == 2 && nodosum_core_health(k.n) == 0, "the next one, and no sign of being late");
    struct nodosum_message right = lives(KIT_SELF, 2);
    CHECK(kit_sent(&k, NODOSUM_PACKET_LIVES, OTHER, &told) == 1 && told.incarnation == 2 && memcmp(told.word, right.word, sizeof told.word) == 0, "to whom it heard it from");
    CHECK(kit_sent(&k, NODOSUM_PACKET_ALIVE, OTHER, NULL) == 1, "with all that it is");
    CHECK(kit_hear(&k, 6, &m) == ERR_OK && kit_sent(&k, NODOSUM_PACKET_LIVES, 6, &told) == 1 && told.incarnation == 2, "the same to the next");
    for (int step = 0; step < 100 && kit_sent(&k, NODOSUM_PACKET_LIVES, 1, NULL) == 0; step++) {
        kit_due(&k);
    }
    CHECK(kit_sent(&k, NODOSUM_PACKET_LIVES, 1, NULL) > 0, "and to all");
    nodosum_core_leave(k.n, k.now_us, &k.fx);
    m.incarnation = 2;
    kit_wait(&k, 1000);
    CHECK(k.n->member[NODOSUM_SELF].sworn == 0 && k.n->member[NODOSUM_SELF].state == NODOSUM_LEFT, "until it leaves");
    kit_close(&k);
}

/* Somebody drives it up by as much as is believed, again and again. */
static void a_member_is_not_driven_to_its_end(void)
{
    struct nodosum_member *self;
    struct nodosum_message m;
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    self = &k.n->member[NODOSUM_SELF];
    for (int i = 0; i < 100; i++) {
        m = claim(NODOSUM_PACKET_DEAD, KIT_SELF, self->incarnation + NODOSUM_WORD_LEAP);
        CHECK(kit_hear(&k, OTHER, &m) == ERR_OK, "a good packet");
    }
    CHECK(self->incarnation <= 1 + NODOSUM_WORD_LEAP + 100, "once a second: %" PRIu64, self->incarnation);
    CHECK(self->sworn == self->incarnation, "and it swore to it, as it is far from where it began");
    uint64_t before = self->incarnation;
    kit_wait(&k, SECOND_US);
    m.incarnation = self->incarnation + NODOSUM_WORD_LEAP;
    CHECK(kit_hear(&k, OTHER, &m) == ERR_OK && self->incarnation == before + NODOSUM_WORD_LEAP + 2 && self->sworn == self->incarnation, "then it goes on");
    self->incarnation = m.incarnation = NODOSUM_INCARNATION_MAX;
    CHECK(kit_hear(&k, OTHER, &m) == ERR_OK && self->incarnation == NODOSUM_INCARNATION_MAX, "above the highest there is none");
    kit_close(&k);
}

/* Rows: what this member holds of WHO by a lie, and what WHO swears to. */
static void what_is_sworn_overrides_a_lie(void)
{
    static const struct {
        enum nodosum_state was;
        uint64_t held, sworn, then;
        enum nodosum_state state;
        const char *why;
    } rows[] = {
        {NODOSUM_DEAD, NODOSUM_INCARNATION_MAX, 12, 12, NODOSUM_ALIVE, "dead in the last one"},
        {NODOSUM_SUSPECT, NODOSUM_INCARNATION_MAX, 12, 12, NODOSUM_ALIVE, "suspected there"},
        {NODOSUM_ALIVE, NODOSUM_INCARNATION_MAX, 12, 12, NODOSUM_ALIVE, "alive there"},
        {NODOSUM_DEAD, 12 + NODOSUM_WORD_LEAP + 1, 12, 12, NODOSUM_ALIVE, "a leap above"},
        {NODOSUM_DEAD, 12 + NODOSUM_WORD_LEAP, 12, 12 + NODOSUM_WORD_LEAP, NODOSUM_DEAD, "less: that it refutes"},
        {NODOSUM_DEAD, 11, 12, 12, NODOSUM_ALIVE, "below: as any refutation"},
        {NODOSUM_LEFT, NODOSUM_INCARNATION_MAX, 12, NODOSUM_INCARNATION_MAX, NODOSUM_LEFT, "it had sworn that it left"},
        {NODOSUM_LEFT, 11, 12, 12, NODOSUM_ALIVE, "and came back"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct nodosum_message m = lives(WHO, rows[i].sworn), told;
        struct kit k;
        kit_open(&k, OTHERS + 1, OTHERS);
        struct nodosum_member *w = &k.n->member[kit_index(&k, WHO)];
        if (rows[i].was == NODOSUM_LEFT) {
            kit_left(&k, OTHER, WHO, rows[i].held);
        } else {
            w->incarnation = rows[i].held - 1;
            kit_alive(&k, OTHER, WHO, rows[i].held);
        }
        if (rows[i].was == NODOSUM_SUSPECT) {
            kit_suspect(&k, OTHER, WHO, rows[i].held, 1);
        } else if (rows[i].was == NODOSUM_DEAD) {
            kit_dead(&k, OTHER, WHO, rows[i].held);
        }
        m.word[8] ^= 1;
        CHECK(kit_hear(&k, OTHER, &m) == ERR_OK && w->incarnation == rows[i].held && nodosum_core_counters(k.n)->forged == (rows[i].was != NODOSUM_LEFT || rows[i].sworn > rows[i].held),
              "%s: another's word is none", rows[i].why);
        m.word[8] ^= 1;
        CHECK(kit_hear(&k, OTHER, &m) == ERR_OK, "a good packet");
        CHECK(w->incarnation == rows[i].then && w->state == rows[i].state, "%s", rows[i].why);
        bool is_kept = rows[i].state != NODOSUM_LEFT;
        CHECK(w->sworn == (is_kept ? 12 : 0), "%s: it is kept", rows[i].why);
        kit_alive(&k, OTHER, WHO, rows[i].then);
        CHECK(rows[i].state != NODOSUM_ALIVE || !w->is_stale, "%s: and what it is besides is heard", rows[i].why);
        struct nodosum_message lie = claim(NODOSUM_PACKET_DEAD, WHO, NODOSUM_INCARNATION_MAX);
        if (rows[i].state == NODOSUM_ALIVE) {
            CHECK(kit_hear(&k, 6, &lie) == ERR_OK && w->state == NODOSUM_ALIVE, "%s: it is not said again", rows[i].why);
            CHECK(kit_sent(&k, NODOSUM_PACKET_LIVES, 6, &told) == 1 && told.incarnation == 12, "%s: who says so is told", rows[i].why);
            m = lives(WHO, 11);
            CHECK(kit_hear(&k, OTHER, &m) == ERR_OK && w->sworn == 12 && w->incarnation == rows[i].then, "%s: an earlier word is over", rows[i].why);
        }
        kit_close(&k);
    }
}

/* Its state was lost, and its clock is wrong: others know what it swore to in its life before. */
static void what_it_swore_before_it_takes_up(void)
{
    struct nodosum_message m = lives(KIT_SELF, UINT64_C(1) << 40), again = lives(KIT_SELF, 5);
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    CHECK(kit_hear(&k, OTHER, &m) == ERR_OK && k.n->member[NODOSUM_SELF].incarnation > m.incarnation, "it goes on from there");
    uint64_t before = k.n->member[NODOSUM_SELF].incarnation;
    again.word[0] ^= 1;
    CHECK(kit_hear(&k, OTHER, &again) == ERR_OK && k.n->member[NODOSUM_SELF].incarnation == before, "what is below says nothing");
    kit_close(&k);
}

/* ---- several ------------------------------------------------------------------------------------------- */

static struct {
    struct nodosum *n;
    struct nodosum_effects fx;
    uint64_t due_us;
} node[NODES];
static uint64_t now_us = KIT_START_US;

static uint32_t number_at(const struct nodosum_address *at)
{
    return bytes_get_be32(at->ip + 12) & 0xffffff;
}

static void deliver(uint32_t from)
{
    struct nodosum_effects fx = node[from].fx;
    struct nodosum_id id = kit_id(from);
    struct nodosum_address at = kit_address(from);

    node[from].due_us = fx.due_us;
    for (uint32_t i = 0; i < fx.sends; i++) {
        uint32_t to = number_at(&fx.send[i].at);
        if (to < NODES && node[to].n != NULL) {
            REQUIRE(nodosum_core_packet(node[to].n, now_us, &id, &at, fx.send[i].packet.bytes, fx.send[i].packet.size, &node[to].fx) == ERR_OK, "a good packet");
            deliver(to);
        }
    }
}

static void open_node(uint32_t i, bool has_seed)
{
    struct nodosum_config c = kit_config(NODES);
    void *memory = malloc(nodosum_core_size(NODES));

    c.id = kit_id(i);
    c.about = kit_about(i);
    c.words = kit_words(i);
    c.seed = i + 1;
    c.incarnation = 1700000000 + i;
    c.seeds = has_seed;
    c.seed_at[0] = kit_address(0);
    REQUIRE(memory != NULL && nodosum_core_init(memory, &c, now_us, &node[i].n) == ERR_OK, "node %u", i);
    node[i].due_us = now_us;
}

/* What node i holds of the victim. */
static enum nodosum_state seen_by(uint32_t i)
{
    struct nodosum_id id = kit_id(VICTIM);
    struct nodosum_view v;

    return nodosum_core_find(node[i].n, &id, &v) ? v.state : NODOSUM_LEFT;
}

/* So long; returns when all who are there held the victim for living from then on. whole: they did so all the time. */
static uint64_t run(uint64_t us, bool *ret_whole)
{
    uint64_t until_us = now_us + us, since_us = now_us;

    *ret_whole = true;
    while (now_us < until_us) {
        uint64_t next_us = until_us;
        for (uint32_t i = 0; i < NODES; i++) {
            next_us = node[i].n != NULL && node[i].due_us < next_us ? node[i].due_us : next_us;
        }
        now_us = next_us > now_us ? next_us : now_us;
        for (uint32_t i = 0; i < NODES; i++) {
            if (node[i].n != NULL && node[i].due_us <= now_us) {
                nodosum_core_clock(node[i].n, now_us, &node[i].fx);
                deliver(i);
            }
        }
        for (uint32_t i = 0; i < NODES; i++) {
            bool is_well = node[i].n == NULL || i == LIAR || seen_by(i) == NODOSUM_ALIVE;
            since_us = is_well ? since_us : now_us;
            *ret_whole = *ret_whole && (is_well || i == NEWCOMER);
        }
    }
    return since_us;
}

static void lie(uint32_t to, enum nodosum_packet_kind kind, uint64_t incarnation)
{
    struct nodosum_message m = claim(kind, VICTIM, incarnation);
    struct nodosum_packet p = {0};
    struct nodosum_id id = kit_id(LIAR);
    struct nodosum_address at = kit_address(LIAR);

    CHECK(nodosum_packet_add(&p, &m), "it fits");
    REQUIRE(nodosum_core_packet(node[to].n, now_us, &id, &at, p.bytes, p.size, &node[to].fx) == ERR_OK, "a good packet");
    deliver(to);
}

/* NOD-4: a member says of another what nobody could refute; to those who know it, and to one who does not yet. */
static void a_liar_buries_nobody(void)
{
    static const enum nodosum_packet_kind kinds[] = {NODOSUM_PACKET_DEAD, NODOSUM_PACKET_SUSPECT, NODOSUM_PACKET_ALIVE};
    bool is_whole;

    for (uint32_t i = 0; i < HERE; i++) {
        open_node(i, i > 0);
    }
    (void)run(10 * SECOND_US, &is_whole);
    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
        for (uint32_t to = 0; to < LIAR; to++) {
            lie(to, kinds[kind], NODOSUM_INCARNATION_MAX);
            lie(to, kinds[kind], NODOSUM_INCARNATION_MAX - 1);
        }
        uint64_t since_us = now_us;
        uint64_t well_us = run(10 * SECOND_US, &is_whole);
        CHECK(is_whole && well_us == since_us, "nobody believes kind %zu", kind);
    }
    open_node(NEWCOMER, false);
    struct nodosum_message self = claim(NODOSUM_PACKET_ALIVE, LIAR, 1700000000 + LIAR);
    struct nodosum_packet p = {0};
    struct nodosum_id id = kit_id(LIAR);
    struct nodosum_address at = kit_address(LIAR);
    CHECK(nodosum_packet_add(&p, &self) && nodosum_core_packet(node[NEWCOMER].n, now_us, &id, &at, p.bytes, p.size, &node[NEWCOMER].fx) == ERR_OK, "it is met");
    lie(NEWCOMER, NODOSUM_PACKET_ALIVE, NODOSUM_INCARNATION_MAX - 1);
    lie(NEWCOMER, NODOSUM_PACKET_DEAD, NODOSUM_INCARNATION_MAX - 1);
    CHECK(seen_by(NEWCOMER) == NODOSUM_DEAD, "who knows nothing believes it");
    const struct nodosum_address seed = kit_address(0);
    REQUIRE(nodosum_core_seeds(node[NEWCOMER].n, now_us, &seed, 1, &node[NEWCOMER].fx) == ERR_OK, "it finds the others");
    deliver(NEWCOMER);
    uint64_t since_us = now_us, well_us = run(30 * SECOND_US, &is_whole);
    CHECK(is_whole, "they do not hear it from there either");
    CHECK(well_us - since_us < 3 * SECOND_US, "and it knows better after %" PRIu64 " ms", (well_us - since_us) / 1000);
    struct nodosum_view v;
    struct nodosum_id who = kit_id(VICTIM);
    for (uint32_t i = 0; i < NODES; i++) {
        CHECK(nodosum_core_find(node[i].n, &who, &v) && v.incarnation < 1800000000 && v.about->name_len > 0, "node %u has it as it is", i);
        free(node[i].n);
    }
}

int main(void)
{
    nobody_else_makes_a_member_leap();
    a_member_swears_to_what_it_is();
    a_member_is_not_driven_to_its_end();
    what_is_sworn_overrides_a_lie();
    what_it_swore_before_it_takes_up();
    a_liar_buries_nobody();
    return CHECK_RESULT();
}
