/* Requests that are sent again are done once, over restarts from an image too; and the cluster's clock. */
#include "raft/lessor.h"
#include "tests/unit/raft/store_kit.h"

static struct store s, copy;

static enum err put_once(uint64_t sequence, uint64_t acknowledged, const char *value)
{
    s.once.sequence = sequence;
    s.once.acknowledged = acknowledged;
    return store_put(&s, "k", value);
}

static void open_one(void)
{
    store_init(&s);
    REQUIRE(store_numbers(&s, RAFT_COMMAND_SESSION_OPEN, 0, 0, 10000) == ERR_OK, "a session");
    s.once.session = s.answer.number;
}

static void repeats_are_answered(void)
{
    static const struct {
        uint64_t sequence, acknowledged;
        enum err expected;
        bool is_repeat;
        uint64_t revision;
        const char *why;
    } rows[] = {
        {1, 0, ERR_OK, false, 1, "the first"},
        {1, 0, ERR_OK, true, 1, "again"},
        {3, 1, ERR_OK, false, 2, "one ahead of another"},
        {2, 1, ERR_OK, false, 3, "which comes late"},
        {3, 1, ERR_OK, true, 2, "again: with its own revision"},
        {1, 1, ERR_OK, true, 1, "not acknowledged yet"},
        {4, 3, ERR_OK, false, 4, "acknowledges two"},
        {2, 2, ERR_INVALID, false, 4, "acknowledged: it can only be a stray"},
        {3, 3, ERR_OK, true, 2, "but this is not"},
        {4, 5, ERR_INVALID, false, 4, "acknowledges what it asks"},
        {3 + RAFT_SESSION_WINDOW, 3, ERR_LIMIT, false, 4, "too far ahead"},
        {2 + RAFT_SESSION_WINDOW, 3, ERR_OK, false, 5, "the farthest"},
    };

    open_one();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(put_once(rows[i].sequence, rows[i].acknowledged, rows[i].why) == rows[i].expected, "%s", rows[i].why);
        CHECK(s.answer.is_repeat == rows[i].is_repeat && s.answer.revision == rows[i].revision, "%s: revision %d",
              rows[i].why, (int)s.answer.revision);
        /* Each row again on a member that was made from an image: nothing may depend on having been there. */
        store_copy(&s, &copy, 100);
        CHECK(store_hash(&s) == store_hash(&copy), "%s: an image keeps it", rows[i].why);
        store_fini(&s);
        s.kv = copy.kv;
    }
    CHECK(s.kv.revision == 5, "done once each");
    store_fini(&s);
}

static void refusals_are_repeated_too(void)
{
    open_one();
    s.once.sequence = 1;
    CHECK(store_put_leased(&s, "k", "v", 77) == ERR_NOT_FOUND, "no such lease");
    s.once.session = 0;
    CHECK(store_numbers(&s, RAFT_COMMAND_LEASE_GRANT, 77, 0, 9000) == ERR_OK, "now there is");
    s.once.session = 1;
    CHECK(store_put_leased(&s, "k", "v", 77) == ERR_NOT_FOUND && s.answer.is_repeat, "what was refused stays refused");
    store_fini(&s);
}

static void large_answers_are_cut(void)
{
    static char value[RAFT_SESSION_ANSWER_MAX];

    memset(value, 'x', sizeof value - 1);
    open_one();
    CHECK(put_once(1, 0, value) == ERR_OK && put_once(2, 0, "") == ERR_OK && s.answer.body.size > 0, "shows the one before");
    CHECK(put_once(2, 0, "") == ERR_OK && s.answer.is_repeat && s.answer.is_cut && s.answer.body.size == 0,
          "but is too large to be kept");
    store_fini(&s);
}

static void sessions_end(void)
{
    struct raft_due due[2];

    open_one();
    uint64_t id = s.once.session;
    s.time_ms += 9999;
    CHECK(put_once(1, 0, "v") == ERR_OK, "in time");
    s.once.session = 0;
    CHECK(raft_kv_due(&s.kv, s.time_ms + 9999, due, 2) == 0, "used: so it lives on");
    CHECK(raft_kv_due(&s.kv, s.time_ms + 10000, due, 2) == 1 && due[0].kind == RAFT_COMMAND_SESSION_EXPIRE, "until then");
    s.once.session = id;
    CHECK(put_once(2, 0, "v") == ERR_OK, "and while its end is under way");
    s.once.session = 0;
    CHECK(store_numbers(&s, RAFT_COMMAND_SESSION_EXPIRE, id, due[0].stamp, 0) == ERR_ABORTED, "used meanwhile");
    CHECK(raft_kv_due(&s.kv, s.time_ms + 10000, due, 2) == 1, "not for ever");
    CHECK(store_numbers(&s, RAFT_COMMAND_SESSION_EXPIRE, id, due[0].stamp, 0) == ERR_OK, "it ends");
    s.once.session = id;
    CHECK(put_once(1, 0, "v") == ERR_NOT_FOUND && s.kv.revision == 2, "a late repeat is not done again");
    s.once.session = 0;
    CHECK(store_numbers(&s, RAFT_COMMAND_SESSION_CLOSE, id, 0, 0) == ERR_NOT_FOUND, "closed already");
    CHECK(s.kv.sessions.bytes == 0, "nothing of it is left");
    store_fini(&s);
}

static void there_are_so_many(void)
{
    store_init(&s);
    for (int i = 0; i < RAFT_SESSIONS_MAX; i++) {
        REQUIRE(store_numbers(&s, RAFT_COMMAND_SESSION_OPEN, 0, 0, 1000) == ERR_OK, "session %d", i);
    }
    CHECK(store_numbers(&s, RAFT_COMMAND_SESSION_OPEN, 0, 0, 1000) == ERR_LIMIT, "one too many");
    CHECK(store_numbers(&s, RAFT_COMMAND_SESSION_CLOSE, 1, 0, 0) == ERR_OK &&
          store_numbers(&s, RAFT_COMMAND_SESSION_OPEN, 0, 0, 1000) == ERR_OK, "one for another");
    for (int i = 0; i < RAFT_LEASES_MAX; i++) {
        REQUIRE(store_numbers(&s, RAFT_COMMAND_LEASE_GRANT, 0, 0, 1000) == ERR_OK, "lease %d", i);
    }
    CHECK(store_numbers(&s, RAFT_COMMAND_LEASE_GRANT, 0, 0, 1000) == ERR_LIMIT, "one lease too many");
    store_fini(&s);
}

static void the_clock_goes_on_only_under_a_leader(void)
{
    struct raft_lessor l = {0};
    uint64_t ms = 1000;

    CHECK(raft_lessor_time_ms(&l, 5000 * ms, 70) == 70, "a follower has the log's");
    raft_lessor_lead(&l, 9000 * ms, 70);
    CHECK(raft_lessor_time_ms(&l, 9100 * ms, 70) == 170, "a leader goes on from there, not from its own clock");
    CHECK(raft_lessor_time_ms(&l, 9100 * ms, 300) == 300, "entries of the leader before may be applied later");
    CHECK(!raft_lessor_must_mark(&l, 300, true), "the log is not behind");
    CHECK(raft_lessor_time_ms(&l, 9300 * ms, 300) == 500, "it goes on");
    CHECK(raft_lessor_time_ms(&l, 9300 * ms + 5000 * ms, 300) == 500 + RAFT_LESSOR_GAP_MS, "but not while it was stopped");
    CHECK(raft_lessor_time_ms(&l, 14400 * ms, 300) == 850 && raft_lessor_must_mark(&l, 300, true), "now the log is behind");
    CHECK(!raft_lessor_must_mark(&l, 300, false), "which is no matter when nothing can end");
    CHECK(raft_lessor_time_ms(&l, 14300 * ms, 300) == 850, "a clock that goes back does not");
    raft_lessor_leave(&l);
    CHECK(raft_lessor_time_ms(&l, 99000 * ms, 900) == 900 && !raft_lessor_must_mark(&l, 0, true), "and then no more");
}

static const struct {
    uint64_t heard_term, heard_ms, term_before, applied_ms;
    uint64_t begins_ms;
    const char *why;
} beginnings[] = {
    {0, 0, 4, 70, 70, "nothing was heard: from where the log has it"},
    {4, 500, 4, 70, 500, "the leader before said how late it was"},
    {5, 500, 4, 70, 500, "so did one whose entries did not come here: nothing that he renewed was committed"},
    {3, 500, 4, 70, 70, "the one before him: the last one may have begun further back"},
    {4, 500, 4, 800, 800, "the log is further"},
};

static void a_new_leader_goes_on_from_what_it_heard(void)
{
    uint64_t ms = 1000;

    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++) {
        struct raft_lessor l = {0};
        raft_lessor_hear(&l, beginnings[i].heard_term, beginnings[i].heard_ms);
        raft_lessor_elect(&l, beginnings[i].applied_ms, beginnings[i].term_before);
        uint64_t begins_ms = beginnings[i].begins_ms;
        CHECK(raft_lessor_time_ms(&l, 8000 * ms, beginnings[i].applied_ms) == begins_ms, "%s: before its first entry is applied", beginnings[i].why);
        CHECK(raft_lessor_time_ms(&l, 8900 * ms, beginnings[i].applied_ms) == begins_ms, "%s: it stands until then", beginnings[i].why);
        raft_lessor_lead(&l, 9000 * ms, beginnings[i].applied_ms);
        CHECK(raft_lessor_time_ms(&l, 9100 * ms, beginnings[i].applied_ms) == begins_ms + 100, "%s: and goes on", beginnings[i].why);
        raft_lessor_leave(&l);
        CHECK(raft_lessor_time_ms(&l, 9200 * ms, 90) == 90, "what it made of it is no word of the next one");
    }
    struct raft_lessor l = {0};
    raft_lessor_hear(&l, 4, 500);
    raft_lessor_hear(&l, 4, 400);
    CHECK(l.heard_ms == 500, "messages overtake each other");
    raft_lessor_hear(&l, 5, 300);
    raft_lessor_hear(&l, 4, 600);
    CHECK(l.heard_ms == 300 && l.heard_term == 5, "the later leader's word counts, further back as it may be");
}

int main(void)
{
    repeats_are_answered();
    refusals_are_repeated_too();
    large_answers_are_cut();
    sessions_end();
    there_are_so_many();
    the_clock_goes_on_only_under_a_leader();
    a_new_leader_goes_on_from_what_it_heard();
    return CHECK_RESULT();
}
