/* Which of two things said about a member holds (SWIM, section 4.2): every state against every message, in an
 * older, the same and a newer incarnation. */
#include "nodosum/word.h"
#include "tests/support/words.h"
#include "tests/unit/nodosum/kit.h"

enum { OTHERS = 8, WHO = 3, OTHER = 5, INCARNATION = 10 };

static const char *const states[] = {"alive", "suspect", "dead", "left"};

/* Bring member WHO into a state of incarnation 10. */
static void bring(struct kit *k, enum nodosum_state state)
{
    kit_alive(k, WHO, WHO, INCARNATION);
    if (state == NODOSUM_SUSPECT) {
        kit_suspect(k, OTHER, WHO, INCARNATION, 1);
    } else if (state == NODOSUM_DEAD) {
        kit_dead(k, OTHER, WHO, INCARNATION);
    } else if (state == NODOSUM_LEFT) {
        kit_left(k, OTHER, WHO, INCARNATION);
    }
}

static void say(struct kit *k, enum nodosum_state said, uint64_t incarnation)
{
    switch (said) {
    case NODOSUM_ALIVE:
        kit_alive(k, OTHER, WHO, incarnation);
        break;
    case NODOSUM_SUSPECT:
        kit_suspect(k, OTHER, WHO, incarnation, 2);
        break;
    case NODOSUM_DEAD:
        kit_dead(k, OTHER, WHO, incarnation);
        break;
    case NODOSUM_LEFT:
        kit_left(k, OTHER, WHO, incarnation);
        break;
    }
}

#define A NODOSUM_ALIVE
#define S NODOSUM_SUSPECT
#define D NODOSUM_DEAD
#define L NODOSUM_LEFT

static const struct {
    enum nodosum_state was, said;
    enum nodosum_state older, same, newer; /* what it is then */
    const char *why;
} rows[] = {
    {A, A, A, A, A, "alive i overrides alive j if i > j"},
    {A, S, A, S, S, "suspect i overrides alive j if i >= j"},
    {A, D, A, D, D, "dead i overrides alive j if i >= j"},
    {A, L, A, L, L, "so does left"},
    {S, A, S, S, A, "alive i overrides suspect j if i > j: a refutation"},
    {S, S, S, S, S, "suspect i overrides suspect j if i > j"},
    {S, D, S, D, D, "dead overrides suspect"},
    {S, L, S, L, L, "so does left"},
    {D, A, D, D, A, "who comes back has a higher incarnation"},
    {D, S, D, D, D, "a suspicion revives nobody"},
    {D, D, D, D, D, "dead is dead"},
    {D, L, D, L, L, "it had said so itself"},
    {L, A, L, L, A, "who comes back has a higher incarnation"},
    {L, S, L, L, L, "a suspicion revives nobody"},
    {L, D, L, L, D, "who left cannot die, but may have come back and died"},
    {L, L, L, L, L, "left is left"},
};

static void the_newer_or_stronger_holds(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int off = -1; off <= 1; off++) {
            enum nodosum_state expected = off < 0 ? rows[i].older : off == 0 ? rows[i].same : rows[i].newer;
            struct kit k;
            kit_open(&k, OTHERS + 1, OTHERS);
            bring(&k, rows[i].was);
            say(&k, rows[i].said, (uint64_t)(INCARNATION + off));
            const struct nodosum_member *m = kit_member(&k, WHO);
            CHECK((int)m->state == (int)expected, "%s, then %s of %d: %s, not %s (%s)", states[rows[i].was],
                  states[rows[i].said], off, states[m->state], states[expected], rows[i].why);
            CHECK(m->incarnation >= INCARNATION, "an incarnation never goes back");
            CHECK(nodosum_core_living(k.n) == OTHERS + 1u - (expected == D || expected == L), "counted");
            kit_close(&k);
        }
    }
}

/* Events of one member, in the order in which it is spoken of. */
static void events_are_changes_only(void)
{
    static const struct {
        enum nodosum_state said;
        uint64_t incarnation;
        int change; /* -1: none */
    } steps[] = {
        {A, 1, -1}, {A, 2, -1}, {S, 2, -1}, {A, 3, -1}, {S, 3, -1}, {D, 3, NODOSUM_FAILED}, {D, 3, -1},
        {A, 3, -1}, {A, 4, NODOSUM_JOINED}, {L, 4, NODOSUM_WENT}, {L, 4, -1}, {D, 5, -1},
        {A, 5, -1}, {A, 6, NODOSUM_JOINED}, {D, 6, NODOSUM_FAILED}, {L, 6, NODOSUM_WENT},
    };
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        uint64_t before = k.fx.revision;
        struct nodosum_event e;
        uint32_t count;
        say(&k, steps[i].said, steps[i].incarnation);
        CHECK(nodosum_core_events(k.n, before, &e, 1, &count) == ERR_OK, "in the journal");
        CHECK(count == (steps[i].change >= 0), "step %zu: %u events", i, count);
        CHECK(count == 0 || (int)e.change == steps[i].change, "step %zu: event %d", i, (int)e.change);
    }
    kit_close(&k);
}

static void metadata_comes_with_its_version(void)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_ALIVE, .id = kit_id(WHO), .incarnation = 4};
    struct kit k;
    uint64_t before;

    kit_open(&k, OTHERS + 1, OTHERS);
    m.about = kit_about(WHO);
    m.about.meta_version = 4;
    m.about.meta_size = 3;
    m.about.meta[0] = 'x';
    before = k.fx.revision;
    CHECK(kit_hear(&k, OTHER, &m) == ERR_OK && k.fx.revision == before + 1, "an update is one event");
    CHECK(kit_member(&k, WHO)->about.meta_version == 4 && kit_member(&k, WHO)->about.meta_size == 3, "it is kept");
    m.incarnation = 5;
    CHECK(kit_hear(&k, OTHER, &m) == ERR_OK && k.fx.revision == before + 1, "a refutation is no update");
    /* Heard of an incarnation by a suspicion, its metadata comes later and still counts. */
    kit_suspect(&k, OTHER, WHO, 8, 1);
    m.incarnation = m.about.meta_version = 8;
    m.about.meta_size = 5;
    CHECK(kit_hear(&k, OTHER, &m) == ERR_OK && k.fx.revision == before + 2, "it is news");
    CHECK(kit_member(&k, WHO)->state == NODOSUM_SUSPECT, "and no refutation");
    kit_close(&k);
}

static void what_is_said_of_itself_is_refuted(void)
{
    static const struct {
        enum nodosum_packet_kind kind;
        uint64_t said, then;
        bool worsens;
        const char *why;
    } cases[] = {
        {NODOSUM_PACKET_SUSPECT, 1, 2, true, "its incarnation"},
        {NODOSUM_PACKET_SUSPECT, 9, 10, true, "one of an earlier life"},
        {NODOSUM_PACKET_DEAD, 1, 2, true, "dead"},
        {NODOSUM_PACKET_LEFT, 4, 5, true, "left, in an earlier life"},
        {NODOSUM_PACKET_SUSPECT, 1 + NODOSUM_WORD_NEAR, 2 + NODOSUM_WORD_NEAR, true, "near"},
        {NODOSUM_PACKET_SUSPECT, 1 + NODOSUM_WORD_LEAP, 3 + NODOSUM_WORD_LEAP, true, "as far as it goes: it swears there"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct nodosum_message m = {.kind = cases[i].kind, .id = kit_id(KIT_SELF), .incarnation = cases[i].said,
                                    .count = 1};
        struct nodosum_message told;
        struct kit k;
        if (m.kind == NODOSUM_PACKET_LEFT) {
            words_of(&m.id, m.incarnation, m.word);
        }
        kit_open(&k, OTHERS + 1, OTHERS);
        CHECK(kit_hear(&k, OTHER, &m) == ERR_OK, "a good packet");
        CHECK(k.n->member[NODOSUM_SELF].incarnation == cases[i].then, "%s", cases[i].why);
        CHECK((nodosum_core_health(k.n) == 1) == cases[i].worsens, "%s: health", cases[i].why);
        CHECK(kit_sent(&k, NODOSUM_PACKET_ALIVE, OTHER, &told) == cases[i].worsens, "%s: answered", cases[i].why);
        CHECK(k.n->member[NODOSUM_SELF].state == NODOSUM_ALIVE, "it lives");
        kit_close(&k);
    }
}

/* What a member says of another who did not: whose word, and of which incarnation. */
static void nobody_is_said_to_have_left_by_others(void)
{
    static const struct {
        uint32_t whose;
        uint64_t said, of;
        uint32_t flipped; /* a bit of it, if it is one */
        bool holds;
        const char *why;
    } cases[] = {
        {WHO, 1, 1, UINT32_MAX, true, "its own"},
        {WHO, 7, 7, UINT32_MAX, true, "of an incarnation that nobody had heard of"},
        {OTHER, 1, 1, UINT32_MAX, false, "of who sends it"},
        {KIT_SELF, 1, 1, UINT32_MAX, false, "of who hears it"},
        {WHO, 2, 1, UINT32_MAX, false, "of an earlier life"},
        {WHO, 1, 2, UINT32_MAX, false, "of a later one"},
        {WHO, 1, 1, 0, false, "a bit of it is another"},
        {WHO, 1, 1, 8 * NODOSUM_WORD_SIZE - 1, false, "the last one"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct nodosum_message m = {.kind = NODOSUM_PACKET_LEFT, .id = kit_id(WHO), .incarnation = cases[i].said}, told;
        struct nodosum_id whose = kit_id(cases[i].whose);
        struct kit k;
        kit_open(&k, OTHERS + 1, OTHERS);
        words_of(&whose, cases[i].of, m.word);
        if (cases[i].flipped != UINT32_MAX) {
            m.word[cases[i].flipped / 8] ^= (uint8_t)(1u << cases[i].flipped % 8);
        }
        CHECK(kit_hear(&k, OTHER, &m) == ERR_OK, "a good packet");
        CHECK((kit_member(&k, WHO)->state == NODOSUM_LEFT) == cases[i].holds, "%s", cases[i].why);
        CHECK(nodosum_core_counters(k.n)->forged == !cases[i].holds, "%s: counted", cases[i].why);
        CHECK(cases[i].holds || kit_member(&k, WHO)->incarnation == 1, "%s: nor is its incarnation another", cases[i].why);
        kit_wait(&k, 1000);
        kit_due(&k);
        for (int step = 0; cases[i].holds && kit_sent(&k, NODOSUM_PACKET_LEFT, UINT32_MAX, &told) == 0; step++) {
            REQUIRE(step < 100, "it is passed on");
            kit_due(&k);
        }
        CHECK(!cases[i].holds || memcmp(told.word, m.word, sizeof m.word) == 0, "%s: as it was said", cases[i].why);
        kit_close(&k);
    }
}

/* Nobody believes it, so nobody need refute it: or anybody could drive a member's incarnation up. */
static void a_forged_leave_of_itself_is_not_refuted(void)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_LEFT, .id = kit_id(KIT_SELF), .incarnation = 9};
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    CHECK(kit_hear(&k, OTHER, &m) == ERR_OK && nodosum_core_counters(k.n)->forged == 1, "counted");
    CHECK(k.n->member[NODOSUM_SELF].incarnation == 1 && nodosum_core_health(k.n) == 0, "and nothing else");
    kit_close(&k);
}

static void so_many_words_are_looked_at(void)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_LEFT, .id = kit_id(WHO), .incarnation = 1};
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    for (uint32_t i = 0; i < NODOSUM_WORD_RATE; i++) {
        CHECK(kit_hear(&k, OTHER, &m) == ERR_OK, "a good packet");
    }
    CHECK(nodosum_core_counters(k.n)->forged == NODOSUM_WORD_RATE && nodosum_core_counters(k.n)->held == 0, "all of them");
    kit_left(&k, WHO, WHO, 1);
    CHECK(kit_member(&k, WHO)->state == NODOSUM_ALIVE && nodosum_core_counters(k.n)->held == 1, "not one more");
    k.now_us += 1000000;
    kit_left(&k, WHO, WHO, 1);
    CHECK(kit_member(&k, WHO)->state == NODOSUM_LEFT, "in the next second it is");
    kit_close(&k);
}

/* Left, back and dead, then heard once more to have left in the former life: the word must be of the life it is told of. */
static void a_word_is_of_one_life(void)
{
    struct nodosum_message told = {0};
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    kit_left(&k, WHO, WHO, 3);
    kit_dead(&k, OTHER, WHO, 5);
    kit_left(&k, OTHER, WHO, 3);
    CHECK(kit_member(&k, WHO)->state == NODOSUM_DEAD && kit_member(&k, WHO)->incarnation == 5, "dead in the later one");
    kit_left(&k, OTHER, WHO, 6);
    kit_left(&k, OTHER, WHO, 8);
    CHECK(kit_member(&k, WHO)->state == NODOSUM_LEFT && kit_member(&k, WHO)->incarnation == 8, "left, and left again");
    for (int step = 0; step < 100 && told.incarnation == 0; step++) {
        kit_due(&k);
        (void)kit_sent(&k, NODOSUM_PACKET_LEFT, UINT32_MAX, &told);
    }
    uint8_t right[NODOSUM_WORD_SIZE];
    struct nodosum_id who = kit_id(WHO);
    words_of(&who, 8, right);
    CHECK(told.incarnation == 8 && memcmp(told.word, right, sizeof right) == 0, "told with its word of that one");
    kit_close(&k);
}

static void old_suspicions_of_itself_are_answered(void)
{
    struct nodosum_message told;
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    kit_suspect(&k, OTHER, KIT_SELF, 1, 1);
    kit_suspect(&k, 6, KIT_SELF, 1, 1);
    CHECK(kit_sent(&k, NODOSUM_PACKET_ALIVE, 6, &told) == 1 && told.incarnation == 2, "told again, to this one");
    CHECK(k.n->member[NODOSUM_SELF].incarnation == 2, "without another incarnation");
    kit_close(&k);
}

static void two_lives_of_one_incarnation_are_told_apart(void)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_ALIVE, .id = kit_id(WHO), .incarnation = 1}, told;
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    m.about = kit_about(WHO);
    m.about.address.port++;
    CHECK(kit_hear(&k, OTHER, &m) == ERR_OK, "another port in the same incarnation");
    CHECK(kit_sent(&k, NODOSUM_PACKET_ALIVE, WHO, &told) == 1 && told.about.address.port == 7402,
          "it is told what is known");
    m.id = kit_id(KIT_SELF);
    m.about = kit_about(KIT_SELF);
    CHECK(kit_hear(&k, OTHER, &m) == ERR_OK && k.n->member[NODOSUM_SELF].incarnation == 1, "that is itself");
    m.about.address.port++;
    CHECK(kit_hear(&k, OTHER, &m) == ERR_OK && k.n->member[NODOSUM_SELF].incarnation == 2, "that is a former self");
    m.id = kit_id(WHO);
    m.about = kit_about(WHO);
    m.about.offers_size = 3;
    CHECK(kit_hear(&k, OTHER, &m) == ERR_OK && kit_sent(&k, NODOSUM_PACKET_ALIVE, WHO, NULL) == 1,
          "other offers in the same incarnation");
    struct nodosum_view v;
    CHECK(nodosum_core_find(k.n, &m.id, &v) && v.is_contested, "it said two things, or somebody did in its name");
    m.about = kit_about(WHO);
    CHECK(kit_hear(&k, OTHER, &m) == ERR_OK && nodosum_core_find(k.n, &m.id, &v) && v.is_contested, "it is not enough to say one of them again");
    m.incarnation++;
    CHECK(kit_hear(&k, OTHER, &m) == ERR_OK && nodosum_core_find(k.n, &m.id, &v) && !v.is_contested, "another incarnation settles it");
    m.incarnation--;
    m.about.offers_size = 3;
    CHECK(kit_hear(&k, OTHER, &m) == ERR_OK && nodosum_core_find(k.n, &m.id, &v) && !v.is_contested, "what was said in an earlier one is no matter");
    kit_close(&k);
}

int main(void)
{
    the_newer_or_stronger_holds();
    events_are_changes_only();
    metadata_comes_with_its_version();
    what_is_said_of_itself_is_refuted();
    nobody_is_said_to_have_left_by_others();
    a_forged_leave_of_itself_is_not_refuted();
    so_many_words_are_looked_at();
    a_word_is_of_one_life();
    old_suspicions_of_itself_are_answered();
    two_lives_of_one_incarnation_are_told_apart();
    return CHECK_RESULT();
}
