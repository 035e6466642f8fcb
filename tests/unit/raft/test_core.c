/* Claims about single steps that a whole cluster seldom takes: figures of the thesis, answers that come late, who is
 * answered though it is unknown, a log with a hole. Numbers are those of the catalogue of situations. */
#include <stdlib.h>
#include <string.h>

#include "raft/le.h"
#include "tests/unit/raft/kit.h"

static struct kit k; /* its effects are too large for a stack */

/* 14: the leader of term 8 of figure 3.6 (the paper's 7), and followers a to f. */
static void six_divergent_logs_become_one(void)
{
    static const struct {
        uint64_t terms[12];
        uint32_t count;
        uint64_t term;
        const char *name;
    } row[] = {
        {{1, 1, 1, 4, 4, 5, 5, 6, 6}, 9, 6, "a: an entry is missing"},
        {{1, 1, 1, 4}, 4, 4, "b: many are missing"},
        {{1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6}, 11, 6, "c: one too many"},
        {{1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7}, 12, 7, "d: two of a later term"},
        {{1, 1, 1, 4, 4, 4, 4}, 7, 4, "e: two too many, and many missing"},
        {{1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3}, 11, 3, "f: two terms that nobody else has"},
    };
    static const uint64_t leader[] = {1, 1, 1, 4, 4, 5, 5, 6, 6, 6};

    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        kit_make(&k, 1, 3, leader, ARRAY_LEN(leader), 7);
        kit_make(&k, 2, 3, row[i].terms, row[i].count, row[i].term);
        kit_make(&k, 3, 3, leader, 3, 7); /* its vote is enough */
        kit_lead(&k, 1);
        uint32_t rounds = 0;
        for (; kit_view(&k, 2).commit < 11 && rounds < 12; rounds++) {
            kit_deliver(&k, k.end - k.first);
            k.now_us += 1000;
        }
        CHECK(kit_view(&k, 2).commit == 11 || kit_view(&k, 2).last == 11, "%s: it has all", row[i].name);
        kit_wait(&k, 1, KIT_ELECTION / 4);
        kit_deliver(&k, KIT_WIRE);
        for (uint64_t at = 1; at <= 11; at++) {
            uint64_t a = 0, b = 1;
            CHECK(raft_core_term_of(k.member[1].core, at, &a) && raft_core_term_of(k.member[2].core, at, &b) && a == b,
                  "%s: entry %lu", row[i].name, (unsigned long)at);
        }
        CHECK(kit_view(&k, 2).last == kit_view(&k, 1).last, "%s: and no more", row[i].name);
        uint32_t refusals = 0;
        for (uint32_t at = 0; at < k.end; at++) {
            refusals += k.wire[at].kind == RAFT_MESSAGE_APPEND_ANSWER && k.wire[at].from == 2 && !k.wire[at].is_ok;
        }
        CHECK(refusals <= 2, "%s: %u refusals, each a round trip", row[i].name, refusals);
        kit_free(&k);
    }
}

/* 15: figure 3.7. An entry of term 2 is on a majority, and is not committed before one of term 4 is. */
static void old_terms_are_not_counted(void)
{
    static const uint64_t log[] = {1, 2};
    struct raft_message answer = {.kind = RAFT_MESSAGE_APPEND_ANSWER, .from = 2, .to = 1, .is_ok = true, .match = 2, .received = 2};

    kit_make(&k, 1, 3, log, 2, 3);
    kit_make(&k, 2, 3, log, 2, 3);
    while (kit_view(&k, 1).role != RAFT_LEADER) { /* but what it says as a leader reaches nobody */
        kit_wait(&k, 1, KIT_ELECTION / 20);
        kit_deliver(&k, 1);
    }
    answer.term = kit_view(&k, 1).term;
    CHECK(kit_hear(&k, 1, &answer) == ERR_OK, "a majority has entry 2");
    CHECK(kit_view(&k, 1).commit == 0, "which is of an earlier term");
    answer.match = answer.received = 3;
    CHECK(kit_hear(&k, 1, &answer) == ERR_OK && kit_view(&k, 1).commit == 3, "with one of its own it is");
    kit_free(&k);
}

static struct raft_message append(uint64_t term, uint64_t from, uint64_t prev, uint64_t prev_term, uint64_t of,
                                  const uint8_t *bytes, uint32_t count)
{
    return (struct raft_message){.kind = RAFT_MESSAGE_APPEND, .from = from, .to = 1, .term = term, .index = prev,
                                 .index_term = prev_term,
                                 .run = {.first = prev + 1, .term = of, .count = count,
                                         .size = count * RAFT_ENTRY_HEAD, .bytes = bytes}};
}

/* 20: entry 2 of term 1 is written, overwritten, and written again; only the last writing counts. */
static void stored_before_it_was_overwritten(void)
{
    static const uint64_t log[] = {1};
    static const uint8_t noops[2 * RAFT_ENTRY_HEAD] = {0, 0, 0, 0, RAFT_ENTRY_NOOP, 0, 0, 0, 0, RAFT_ENTRY_NOOP};
    struct raft_message a = append(1, 2, 1, 1, 1, noops, 1), b = append(2, 3, 1, 1, 2, noops, 1),
                        c = append(3, 2, 1, 1, 1, noops, 1);

    kit_make(&k, 1, 3, log, 1, 1);
    k.member[1].stores = false;
    CHECK(kit_hear(&k, 1, &a) == ERR_OK, "term 1");
    uint64_t epoch = kit_fx(&k, 1, RAFT_FX_APPEND)->epoch;
    CHECK(kit_hear(&k, 1, &b) == ERR_OK && kit_fx(&k, 1, RAFT_FX_TRUNCATE) != NULL, "term 2 takes it away");
    CHECK(kit_hear(&k, 1, &c) == ERR_OK && kit_fx(&k, 1, RAFT_FX_TRUNCATE) != NULL, "term 3 brings it back");
    (void)kit_step(&k, 1, &(struct raft_event){.kind = RAFT_EV_VOTE_STORED, .vote = {.term = 3}});
    (void)kit_step(&k, 1, &(struct raft_event){.kind = RAFT_EV_STORED, .index = 2, .term = 1, .epoch = epoch});
    CHECK(kit_view(&k, 1).stored == 1 && kit_sent(&k, 1, RAFT_MESSAGE_APPEND_ANSWER) == NULL, "the first is not the last");
    (void)kit_step(&k, 1, &(struct raft_event){.kind = RAFT_EV_STORED, .index = 2, .term = 1, .epoch = kit_view(&k, 1).epoch});
    CHECK(kit_view(&k, 1).stored == 2 && kit_sent(&k, 1, RAFT_MESSAGE_APPEND_ANSWER) != NULL, "the last is");
    kit_free(&k);
}

/* What it says about a term comes after the term is on disk, and all of it then. */
static void nothing_is_said_before_the_term_is_durable(void)
{
    static const uint8_t noop[RAFT_ENTRY_HEAD] = {0, 0, 0, 0, RAFT_ENTRY_NOOP};
    struct raft_message m = append(5, 2, 0, 0, 5, noop, 1), beat = {.kind = RAFT_MESSAGE_HEARTBEAT, .from = 2, .to = 1,
                                                                    .term = 5, .round = 1};

    kit_make(&k, 1, 3, NULL, 0, 1);
    k.member[1].stores = false;
    CHECK(kit_hear(&k, 1, &m) == ERR_OK && kit_fx(&k, 1, RAFT_FX_STORE_VOTE) != NULL, "a new term is stored");
    (void)kit_step(&k, 1, &(struct raft_event){.kind = RAFT_EV_STORED, .index = 1, .term = 5});
    CHECK(kit_sent(&k, 1, RAFT_MESSAGE_APPEND_ANSWER) == NULL, "the entry is on disk, the term is not");
    CHECK(kit_hear(&k, 1, &beat) == ERR_OK && kit_sent(&k, 1, RAFT_MESSAGE_HEARTBEAT_ANSWER) == NULL, "nor this");
    (void)kit_step(&k, 1, &(struct raft_event){.kind = RAFT_EV_VOTE_STORED, .vote = {.term = 4}});
    CHECK(kit_sent(&k, 1, RAFT_MESSAGE_APPEND_ANSWER) == NULL, "another term is");
    (void)kit_step(&k, 1, &(struct raft_event){.kind = RAFT_EV_VOTE_STORED, .vote = {.term = 5}});
    CHECK(kit_sent(&k, 1, RAFT_MESSAGE_APPEND_ANSWER) != NULL && kit_sent(&k, 1, RAFT_MESSAGE_APPEND_ANSWER)->match == 1,
          "now");
    CHECK(kit_sent(&k, 1, RAFT_MESSAGE_HEARTBEAT_ANSWER) != NULL, "and what was owed besides");
    kit_free(&k);
}

/* 11, 10: a learner, and whoever is in no configuration at all, answers a candidate that knows better. */
static void whoever_is_asked_answers(void)
{
    struct raft_setup s = {.cluster = 1, .self = 1, .seed = 1, .vote = {.term = 1}, .tuning = raft_core_usual()};
    struct raft_message ask = {.kind = RAFT_MESSAGE_VOTE_ASK, .from = 2, .to = 1, .term = 2};

    s.config.member[0] = (struct raft_member){.id = 1, .flags = RAFT_LEARNER};
    s.config.member[1] = (struct raft_member){.id = 2, .flags = RAFT_VOTER};
    s.config.count = 2;
    kit_make_of(&k, &s, NULL, 0);
    (void)kit_hear(&k, 1, &ask);
    CHECK(kit_sent(&k, 1, RAFT_MESSAGE_VOTE_ANSWER) != NULL && kit_sent(&k, 1, RAFT_MESSAGE_VOTE_ANSWER)->is_ok, "a learner");
    kit_wait(&k, 1, 10 * KIT_ELECTION);
    kit_wait(&k, 1, 10 * KIT_ELECTION);
    CHECK(kit_view(&k, 1).role == RAFT_FOLLOWER && kit_sent(&k, 1, RAFT_MESSAGE_PREVOTE_ASK) == NULL, "it campaigns never");
    kit_free(&k);
    s.config.count = 0;
    kit_make_of(&k, &s, NULL, 0);
    ask.from = 9;
    (void)kit_hear(&k, 1, &ask);
    CHECK(kit_sent(&k, 1, RAFT_MESSAGE_VOTE_ANSWER) != NULL && kit_sent(&k, 1, RAFT_MESSAGE_VOTE_ANSWER)->is_ok, "a newcomer");
    kit_free(&k);
}

/* 52: a member with a hole in its log neither votes nor leads until it has all that is committed. */
static void damaged_member_waits(void)
{
    static const uint64_t log[] = {1, 1};
    static const uint8_t noops[4 * RAFT_ENTRY_HEAD] = {0, 0, 0, 0, RAFT_ENTRY_NOOP, 0, 0, 0, 0, RAFT_ENTRY_NOOP,
                                                       0, 0, 0, 0, RAFT_ENTRY_NOOP, 0, 0, 0, 0, RAFT_ENTRY_NOOP};
    struct raft_setup s = {.cluster = 1, .self = 1, .seed = 1, .vote = {.term = 1}, .tuning = raft_core_usual(), .damaged_to = 5};
    struct raft_message pre = {.kind = RAFT_MESSAGE_PREVOTE_ASK, .from = 2, .to = 1, .term = 1, .round = 2, .index = 9, .index_term = 1},
                        ask = {.kind = RAFT_MESSAGE_VOTE_ASK, .from = 2, .to = 1, .term = 2, .index = 9, .index_term = 1};

    for (uint64_t i = 1; i <= 3; i++) {
        s.config.member[s.config.count++] = (struct raft_member){.id = i, .flags = RAFT_VOTER};
    }
    kit_make_of(&k, &s, log, 2);
    (void)kit_hear(&k, 1, &pre);
    CHECK(!kit_sent(&k, 1, RAFT_MESSAGE_PREVOTE_ANSWER)->is_ok, "no pre-vote");
    (void)kit_hear(&k, 1, &ask);
    CHECK(!kit_sent(&k, 1, RAFT_MESSAGE_VOTE_ANSWER)->is_ok, "no vote");
    kit_wait(&k, 1, 10 * KIT_ELECTION);
    kit_wait(&k, 1, 10 * KIT_ELECTION);
    const struct raft_message *asked = kit_sent(&k, 1, RAFT_MESSAGE_PREVOTE_ASK);
    CHECK(asked != NULL && asked->round == 0, "it asks so that nobody grants it: it may have been removed");
    CHECK(kit_sent(&k, 1, RAFT_MESSAGE_VOTE_ASK) == NULL && kit_view(&k, 1).role == RAFT_FOLLOWER, "no candidacy");
    struct raft_message m = append(3, 2, 2, 1, 1, noops, 3);
    CHECK(kit_hear(&k, 1, &m) == ERR_OK && kit_view(&k, 1).stored == 5, "it takes what it lacks");
    CHECK(kit_view(&k, 1).is_damaged, "which may not be all: nothing says what is committed");
    m = append(3, 2, 5, 1, 3, noops, 1);
    m.commit = 6;
    CHECK(kit_hear(&k, 1, &m) == ERR_OK && !kit_view(&k, 1).is_damaged, "an entry of the leader's term is");
    ask.term = 4;
    ask.index_term = 3;
    kit_wait(&k, 1, 2 * KIT_ELECTION);
    (void)kit_hear(&k, 1, &ask);
    CHECK(kit_sent(&k, 1, RAFT_MESSAGE_VOTE_ANSWER)->is_ok, "it votes again");
    kit_free(&k);
}

/* 29, 66: what contradicts what is known is refused, and changes nothing. */
static void contradictions_are_refused(void)
{
    static const uint64_t log[] = {1, 1, 1};
    static const uint8_t noop[RAFT_ENTRY_HEAD] = {0, 0, 0, 0, RAFT_ENTRY_NOOP};
    static const uint8_t bad[RAFT_ENTRY_HEAD + 2] = {2, 0, 0, 0, RAFT_ENTRY_CONFIG, 99};
    struct raft_message beat = {.kind = RAFT_MESSAGE_HEARTBEAT, .from = 2, .to = 1, .term = 1, .commit = 3};

    kit_make(&k, 1, 3, log, 3, 1);
    struct raft_message m = append(1, 2, 3, 1, 0, NULL, 0);
    m.commit = 3;
    CHECK(kit_hear(&k, 1, &m) == ERR_OK && kit_view(&k, 1).commit == 3, "three entries are committed");
    m = append(2, 3, 1, 1, 2, noop, 1);
    CHECK(kit_hear(&k, 1, &m) == ERR_OK && kit_view(&k, 1).last == 3, "below that nothing is looked at");
    m = append(2, 3, 3, 1, 2, bad, 1);
    m.run.size = sizeof bad;
    CHECK(kit_hear(&k, 1, &m) == ERR_INCOMPATIBLE && kit_view(&k, 1).last == 3, "a configuration of another version");
    beat.from = 1;
    CHECK(kit_hear(&k, 1, &beat) == ERR_MALFORMED, "of itself");
    CHECK(kit_step(&k, 1, &(struct raft_event){.kind = RAFT_EV_PROPOSE, .count = 1, .size = 9}) == ERR_NOT_LEADER, "no leader");
    CHECK(kit_step(&k, 1, &(struct raft_event){.kind = RAFT_EV_TRANSFER}) == ERR_NOT_LEADER, "nor this");
    kit_free(&k);
}

/* Limits of a proposal, and of reads. */
static void limits_hold(void)
{
    kit_make(&k, 1, 1, NULL, 0, 0);
    kit_lead(&k, 1);
    struct raft_event p = {.kind = RAFT_EV_PROPOSE, .count = 1, .size = RAFT_RUN_MAX};
    CHECK(kit_step(&k, 1, &p) == ERR_OK && k.member[1].fx.count > 0, "the largest entry");
    p.size++;
    CHECK(kit_step(&k, 1, &p) == ERR_LIMIT, "one byte more");
    p = (struct raft_event){.kind = RAFT_EV_PROPOSE, .count = 2, .size = 2 * RAFT_ENTRY_HEAD - 1};
    CHECK(kit_step(&k, 1, &p) == ERR_INVALID, "two heads are longer");
    kit_free(&k);

    kit_make(&k, 1, 3, NULL, 0, 0);
    kit_make(&k, 2, 3, NULL, 0, 0);
    kit_lead(&k, 1);
    kit_deliver(&k, KIT_WIRE);
    for (uint64_t i = 0; i <= RAFT_READS_MAX; i++) {
        enum err e = kit_step(&k, 1, &(struct raft_event){.kind = RAFT_EV_READ, .context = i + 1});
        CHECK(e == (i < RAFT_READS_MAX ? ERR_OK : ERR_LIMIT), "read %lu", (unsigned long)i);
    }
    kit_free(&k);
}

/* 32, 34: an answer confirms what was asked before it was sent for, however late it comes. */
static void late_answers_confirm_nothing_new(void)
{
    struct raft_setup s = {.cluster = 1, .self = 1, .seed = 1, .tuning = raft_core_usual()};
    struct raft_message m = {.kind = RAFT_MESSAGE_HEARTBEAT_ANSWER, .from = 2, .to = 1, .match = 1, .received = 1};

    for (int has_lease = 0; has_lease <= 1; has_lease++) {
        s.tuning.has_lease = has_lease;
        s.tuning.election_us = KIT_ELECTION;
        s.config.count = 0;
        for (uint64_t i = 1; i <= 3; i++) {
            s.config.member[s.config.count++] = (struct raft_member){.id = i, .flags = RAFT_VOTER};
        }
        k.now_us = 1;
        kit_make_of(&k, &s, NULL, 0);
        s.self = 2;
        kit_make_of(&k, &s, NULL, 0);
        s.self = 1;
        kit_lead(&k, 1);
        uint64_t sent_us = k.now_us; /* the first heartbeats are round 1 */
        kit_deliver(&k, KIT_WIRE);
        m.term = kit_view(&k, 1).term;
        REQUIRE(kit_view(&k, 1).commit == 1, "its first entry is committed");
        k.now_us += KIT_ELECTION - 1000;
        m.round = 1;
        m.sent_us = sent_us;
        (void)kit_hear(&k, 1, &m);
        k.now_us += 500;
        (void)kit_step(&k, 1, &(struct raft_event){.kind = RAFT_EV_READ, .context = 9});
        CHECK(kit_fx(&k, 1, RAFT_FX_READ_READY) == NULL, "lease %d: heard long ago", has_lease);
        (void)kit_hear(&k, 1, &m);
        CHECK(kit_fx(&k, 1, RAFT_FX_READ_READY) == NULL, "lease %d: an answer of an earlier round", has_lease);
        kit_deliver(&k, KIT_WIRE);
        CHECK(kit_fx(&k, 1, RAFT_FX_READ_READY) != NULL, "lease %d: of its own", has_lease);
        kit_free(&k);
    }
}

/* Figure 5.3, 6 to 8. */
static void snapshot_and_log(void)
{
    static const uint64_t log[] = {1, 1, 1};
    static const struct {
        uint64_t index, term, last;
        bool goes_on;
        const char *why;
    } row[] = {
        {2, 1, 3, true, "it has that entry: what is behind stays"},
        {2, 5, 2, false, "it has another there: all of it goes"},
        {7, 1, 7, false, "it does not reach that far"},
    };

    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        kit_make(&k, 1, 3, log, 3, 6);
        struct raft_config c = *kit_view(&k, 1).config;
        struct raft_event e = {.kind = RAFT_EV_SNAPSHOT_RECEIVED, .index = row[i].index, .term = row[i].term, .config = &c};
        (void)kit_step(&k, 1, &e);
        const struct raft_effect *fx = kit_fx(&k, 1, RAFT_FX_SNAPSHOT_INSTALL);
        CHECK(fx != NULL && fx->is_ok == row[i].goes_on, "%s", row[i].why);
        CHECK(kit_view(&k, 1).last == row[i].last && kit_view(&k, 1).commit == row[i].index, "%s", row[i].why);
        e.index--;
        (void)kit_step(&k, 1, &e);
        CHECK(kit_fx(&k, 1, RAFT_FX_SNAPSHOT_INSTALL) == NULL && kit_fx(&k, 1, RAFT_FX_SNAPSHOT_ABORT) != NULL,
              "%s; an older one is of no use", row[i].why);
        kit_free(&k);
    }
}

/* 40: log entries have overtaken a snapshot that was long on its way. */
static void snapshot_overtaken(void)
{
    static const uint64_t log[] = {1, 1, 1};
    struct raft_message m = append(6, 2, 3, 1, 0, NULL, 0);

    kit_make(&k, 1, 3, log, 3, 6);
    struct raft_config c = *kit_view(&k, 1).config;
    m.commit = 3;
    (void)kit_hear(&k, 1, &m);
    REQUIRE(kit_view(&k, 1).commit == 3, "three are committed");
    struct raft_event e = {.kind = RAFT_EV_SNAPSHOT_RECEIVED, .index = 2, .term = 1, .config = &c};
    (void)kit_step(&k, 1, &e);
    CHECK(kit_fx(&k, 1, RAFT_FX_SNAPSHOT_INSTALL) == NULL && kit_fx(&k, 1, RAFT_FX_SNAPSHOT_ABORT) != NULL, "nothing to gain");
    kit_free(&k);
}

/* A configuration with two of the same, with nobody, with too many. */
/* How long member 2 would wait for its leader after a heartbeat that is `late_us` late and one that is not. */
static uint64_t patience_after(uint64_t late_us)
{
    struct raft_message m = {.kind = RAFT_MESSAGE_HEARTBEAT, .from = 1, .to = 2, .term = kit_view(&k, 2).term};

    for (int i = 0; i < 2; i++) {
        k.now_us += raft_core_usual().heartbeat_us + (i == 0 ? late_us : 0);
        REQUIRE(kit_hear(&k, 2, &m) == ERR_OK, "a heartbeat");
    }
    return k.member[2].fx.due_us - k.now_us;
}

/* 62: who was stopped for long hears first what waits to be read, and asks nobody before a heartbeat's time has passed. */
static void whoever_is_woken_late_asks_nobody_yet(void)
{
    struct raft_message m = {.kind = RAFT_MESSAGE_HEARTBEAT, .from = 1, .to = 2, .term = 1};

    kit_make(&k, 2, 3, NULL, 0, 0);
    REQUIRE(kit_hear(&k, 2, &m) == ERR_OK && kit_view(&k, 2).leader == 1, "a leader");
    kit_wait(&k, 2, 25 * KIT_ELECTION);
    CHECK(kit_sent(&k, 2, RAFT_MESSAGE_PREVOTE_ASK) == NULL && kit_view(&k, 2).leader == 1, "it was not the leader who was silent");
    kit_wait(&k, 2, raft_core_usual().heartbeat_us);
    CHECK(kit_sent(&k, 2, RAFT_MESSAGE_PREVOTE_ASK) != NULL, "a leader who is silent then is gone");
    kit_free(&k);
}

/* 63: where heartbeats come late a silence means less; what was is forgotten; and there is a bound. */
static void silence_is_borne_as_heartbeats_are_late(void)
{
    static const struct {
        uint64_t late_us, least_us, most_us;
        const char *why;
    } row[] = {
        {0, 0, 0, "in time"},
        {1000, 1900, 2000, "a little late: twice that"},
        {60000, 118000, 120000, "two heartbeats late"},
        {KIT_ELECTION / 2, KIT_ELECTION - 4000, KIT_ELECTION, "half a timeout"},
        {3 * KIT_ELECTION, KIT_ELECTION, KIT_ELECTION, "never more than a timeout on top"},
    };
    struct raft_message m = {.kind = RAFT_MESSAGE_HEARTBEAT, .from = 1, .to = 2, .term = 1};

    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        kit_make(&k, 2, 3, NULL, 0, 0);
        REQUIRE(kit_hear(&k, 2, &m) == ERR_OK, "a leader");
        uint64_t plain_us = patience_after(0);
        uint64_t more_us = patience_after(row[i].late_us) - plain_us;
        CHECK(plain_us >= KIT_ELECTION && plain_us < 2 * KIT_ELECTION, "a timeout as drawn");
        CHECK(more_us >= row[i].least_us && more_us <= row[i].most_us, "%s: %lu us", row[i].why, (unsigned long)more_us);
        for (int beats = 0; beats < 1000; beats++) {
            more_us = patience_after(0) - plain_us;
        }
        CHECK(more_us < 1000, "%s, a minute ago: %lu us", row[i].why, (unsigned long)more_us);
        m.from = 3;
        m.term++;
        k.now_us += KIT_ELECTION;
        for (int beats = 0; beats < 2; beats++) {
            k.now_us += raft_core_usual().heartbeat_us;
            REQUIRE(kit_hear(&k, 2, &m) == ERR_OK, "another leader");
        }
        more_us = k.member[2].fx.due_us - k.now_us;
        CHECK(more_us < 2 * KIT_ELECTION + 1000, "%s: the time until another led is nobody's lateness", row[i].why);
        m = (struct raft_message){.kind = RAFT_MESSAGE_HEARTBEAT, .from = 1, .to = 2, .term = 1};
        kit_free(&k);
    }
}

static void setups_are_checked(void)
{
    struct raft_setup s = {.cluster = 1, .self = 1, .tuning = raft_core_usual()};
    void *memory = malloc(raft_core_size());
    struct raft *core;

    REQUIRE(memory != NULL, "memory");
    s.self = 0;
    CHECK(raft_core_init(memory, &s, &core) == ERR_INVALID, "no id");
    s.self = 1;
    s.cluster = 0;
    CHECK(raft_core_init(memory, &s, &core) == ERR_INVALID, "no cluster");
    s.cluster = 1;
    s.tuning.election_us = s.tuning.heartbeat_us;
    CHECK(raft_core_init(memory, &s, &core) == ERR_INVALID, "no time for a heartbeat");
    s.tuning = raft_core_usual();
    s.snapshot = 5;
    CHECK(raft_core_init(memory, &s, &core) == ERR_INVALID, "a snapshot of no term");
    s.snapshot_term = 2;
    REQUIRE(raft_core_init(memory, &s, &core) == ERR_OK, "a snapshot");
    uint8_t noop[RAFT_ENTRY_HEAD] = {0, 0, 0, 0, RAFT_ENTRY_NOOP};
    struct raft_run run = {.first = 7, .term = 2, .count = 1, .size = sizeof noop, .bytes = noop};
    CHECK(raft_core_recover(core, &run) == ERR_DATA_LOSS, "a gap after the snapshot");
    run.first = 3;
    CHECK(raft_core_recover(core, &run) == ERR_OK, "a log that begins below it");
    run.first = 4;
    CHECK(raft_core_recover(core, &run) == ERR_OK && raft_core_view(core).base == 3, "and goes on");
    run.term = 1;
    run.first = 5;
    CHECK(raft_core_recover(core, &run) == ERR_DATA_LOSS, "terms do not fall");
    noop[4] = 9;
    run.term = 2;
    CHECK(raft_core_recover(core, &run) == ERR_DATA_LOSS, "an unknown kind");
    raft_core_fini(core);
    free(memory);
}

/* 39: the log that a member needs stays for as long as it is not too much. */
static void log_is_kept_for_who_lags(void)
{
    static const uint64_t log[20] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    static const struct {
        uint64_t match, kept_bytes, cut;
        const char *why;
    } row[] = {
        {10, 100000, 10, "it lags behind the tail: entries for it stay"},
        {10, 0, 15, "none are kept: the tail alone"},
        {10, 100, 15, "it lags by more than may be kept: a snapshot for it"},
        {16, 100000, 15, "the tail has what it needs"},
    };

    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        struct raft_setup s = {.cluster = 1, .self = 1, .seed = 1, .vote = {.term = 1}, .tuning = raft_core_usual()};
        s.tuning.election_us = KIT_ELECTION;
        s.tuning.tail = 5;
        s.tuning.kept_bytes = row[i].kept_bytes;
        for (uint64_t id = 1; id <= 3; id++) {
            s.config.member[s.config.count++] = (struct raft_member){.id = id, .flags = RAFT_VOTER};
        }
        kit_make_of(&k, &s, log, ARRAY_LEN(log));
        kit_make(&k, 2, 3, log, ARRAY_LEN(log), 1);
        kit_lead(&k, 1);
        kit_deliver(&k, KIT_WIRE);
        struct raft_view v = kit_view(&k, 1);
        REQUIRE(v.commit == 21, "%s: committed by two: %lu", row[i].why, (unsigned long)v.commit);
        CHECK(kit_hear(&k, 1, &(struct raft_message){.kind = RAFT_MESSAGE_APPEND_ANSWER, .from = 3, .to = 1, .term = v.term,
                                                     .is_ok = true, .match = row[i].match, .received = row[i].match}) == ERR_OK,
              "%s: the third says what it has", row[i].why);
        CHECK(kit_step(&k, 1, &(struct raft_event){.kind = RAFT_EV_SNAPSHOT_MADE, .index = 20}) == ERR_OK, "%s", row[i].why);
        const struct raft_effect *cut = kit_fx(&k, 1, RAFT_FX_CUT);
        CHECK(cut != NULL && cut->index == row[i].cut && kit_view(&k, 1).base == row[i].cut, "%s: cut at %lu, base %lu",
              row[i].why, (unsigned long)(cut != NULL ? cut->index : 0), (unsigned long)kit_view(&k, 1).base);
        kit_free(&k);
    }
}

static void whoever_comes_back_is_sent_to_at_once(void)
{
    kit_make(&k, 1, 3, NULL, 0, 0);
    kit_make(&k, 2, 3, NULL, 0, 0);
    kit_lead(&k, 1);
    kit_deliver(&k, KIT_WIRE);
    struct raft_event link = {.kind = RAFT_EV_LINK, .peer = 3};
    CHECK(kit_step(&k, 1, &link) == ERR_OK && kit_sent(&k, 1, RAFT_MESSAGE_APPEND) == NULL, "nothing is said to whoever is gone");
    link.is_up = true;
    CHECK(kit_step(&k, 1, &link) == ERR_OK, "it is back");
    const struct raft_message *m = kit_sent(&k, 1, RAFT_MESSAGE_APPEND);
    CHECK(m != NULL && m->to == 3, "it hears where the log is, before the next heartbeat");
    link.peer = 1;
    CHECK(kit_step(&k, 2, &link) == ERR_OK && kit_sent(&k, 2, RAFT_MESSAGE_APPEND) == NULL, "who follows has nothing to send");
    kit_free(&k);
}

/* It has nobody to tell that it is there; from when it has, it does as ever. */
static void who_leads_alone_rests(void)
{
    struct raft_config two = {.count = 2, .member = {{.id = 1, .flags = RAFT_VOTER}, {.id = 2, .flags = RAFT_LEARNER}}};
    struct raft_tuning usual = raft_core_usual();

    kit_make(&k, 1, 1, NULL, 0, 0);
    k.member[1].stores = true;
    kit_lead(&k, 1);
    REQUIRE(kit_view(&k, 1).role == RAFT_LEADER, "it leads");
    for (int i = 0; i < 5; i++) {
        kit_wait(&k, 1, k.member[1].fx.due_us - k.now_us);
    }
    CHECK(k.member[1].fx.due_us >= k.now_us + 20 * usual.heartbeat_us, "it looks again after %llu us",
          (unsigned long long)(k.member[1].fx.due_us - k.now_us));
    for (int i = 0; i < 3; i++) {
        CHECK(kit_step(&k, 1, &(struct raft_event){.kind = RAFT_EV_PROPOSE, .count = 1, .size = 13}) == ERR_OK, "a command");
    }
    CHECK(kit_view(&k, 1).role == RAFT_LEADER && kit_view(&k, 1).commit == kit_view(&k, 1).last, "what it is asked is done at once");
    kit_wait(&k, 1, usual.heartbeat_us / 2);
    CHECK(kit_step(&k, 1, &(struct raft_event){.kind = RAFT_EV_CHANGE, .config = &two}) == ERR_OK, "a second one comes");
    CHECK(k.member[1].fx.due_us <= k.now_us + usual.heartbeat_us, "it hears from the leader at once");
    two.member[1].flags = RAFT_VOTER;
    struct raft_message answer = {.kind = RAFT_MESSAGE_APPEND_ANSWER, .from = 2, .to = 1, .term = kit_view(&k, 1).term, .is_ok = true, .match = 1, .received = 1};
    CHECK(kit_hear(&k, 1, &answer) == ERR_OK, "it has the first entry");
    CHECK(kit_step(&k, 1, &(struct raft_event){.kind = RAFT_EV_CHANGE, .config = &two}) == ERR_PRECONDITION,
          "which is as far as the leader was when it looked last, and not enough for a vote");
    uint64_t before_us = k.now_us;
    kit_wait(&k, 1, k.member[1].fx.due_us - k.now_us);
    CHECK(kit_sent(&k, 1, RAFT_MESSAGE_HEARTBEAT) != NULL && k.now_us - before_us <= usual.heartbeat_us &&
              k.member[1].fx.due_us <= k.now_us + usual.heartbeat_us, "and again, as often as ever");
    kit_free(&k);
}

int main(void)
{
    who_leads_alone_rests();
    six_divergent_logs_become_one();
    old_terms_are_not_counted();
    stored_before_it_was_overwritten();
    nothing_is_said_before_the_term_is_durable();
    whoever_is_asked_answers();
    damaged_member_waits();
    contradictions_are_refused();
    limits_hold();
    late_answers_confirm_nothing_new();
    snapshot_and_log();
    snapshot_overtaken();
    log_is_kept_for_who_lags();
    whoever_is_woken_late_asks_nobody_yet();
    silence_is_borne_as_heartbeats_are_late();
    setups_are_checked();
    whoever_comes_back_is_sent_to_at_once();
    return CHECK_RESULT();
}
