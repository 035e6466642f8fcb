/* A cell that calls others when those fail: retries (RPC-4), breakers (RPC-5), instances that die and
 * come back (RPC-6), balancing (RPC-7), all instances (RPC-8), hints. Deadlines are in test_ask.c and,
 * to the millisecond, here (RPC-3). */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/run/cell.h"
#include "common/run/fd.h"
#include "asker.h"
#include "fake.h"
#include "hub.h"
#include "proto/nucleus.pb-c.h"
#include "raw.h"
#include "tests/support/check.h"

enum {
    CALLER = 20,    /* instance that asks */
    QUICK_MS = 100, /* "at once", on a loaded machine with sanitizers */
};

static struct fake f;
static struct hub nucleus;

/* Ask, and how many ended so. */
static size_t ask_count(const Cell__Testcell__AskRequest *request, enum err e)
{
    Cell__Testcell__AskReply *r = asker_ask(&f, request, 3 * FAKE_PATIENCE_MS);
    size_t count = asker_count(r, e);

    cell__testcell__ask_reply__free_unpacked(r, NULL);
    return count;
}

static enum err ask_once(const Cell__Testcell__AskRequest *request, uint64_t *ret_ms)
{
    Cell__Testcell__AskReply *r = asker_ask(&f, request, 3 * FAKE_PATIENCE_MS);
    enum err e = err_from_wire(r->outcomes[0]->status);

    *ret_ms = r->outcomes[0]->took_us / 1000;
    cell__testcell__ask_reply__free_unpacked(r, NULL);
    return e;
}

/* ---- RPC-3 ------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Stopped by a signal, a server costs its caller the deadline: never less, and no more than 5 ms
 * beyond it when the machine has time for us, which a quarter of many tries must find. */
static void a_stopped_server_costs_the_deadline_to_the_millisecond(void)
{
    enum { TRIES = 24, DEADLINE_MS = 60 };
    uint64_t took_us[TRIES];
    struct fake other;
    Cell__Testcell__AskRequest request = asker_to("testcell.21", 1, 5000);
    uint64_t took_ms;

    fake_start(&other, &(struct fake_spec){.instance = 21});
    fake_publish(&other, "", "");
    REQUIRE(ask_once(&request, &took_ms) == ERR_OK, "while it runs it answers");
    (void)kill(other.pid, SIGSTOP);
    request = asker_to("testcell.21", 1, DEADLINE_MS);
    for (int i = 0; i < TRIES; i++) {
        Cell__Testcell__AskReply *r = asker_ask(&f, &request, 3 * FAKE_PATIENCE_MS);
        CHECK(asker_count(r, ERR_TIMEOUT) == 1, "no answer");
        took_us[i] = r->outcomes[0]->took_us;
        cell__testcell__ask_reply__free_unpacked(r, NULL);
    }
    (void)kill(other.pid, SIGCONT);
    qsort(took_us, TRIES, sizeof took_us[0], compare);
    CHECK(took_us[0] >= (DEADLINE_MS - 5) * 1000, "never early: %" PRIu64 " us", took_us[0]);
    CHECK(took_us[TRIES / 4] <= (DEADLINE_MS + 5) * 1000, "nor late: %" PRIu64 " us", took_us[TRIES / 4]);
    printf("stopped server, deadline %d ms: %" PRIu64 " to %" PRIu64 " us, median %" PRIu64 "\n",
           DEADLINE_MS, took_us[0], took_us[TRIES - 1], took_us[TRIES / 2]);
    fake_finish(&other);
}

/* ---- RPC-4 ------------------------------------------------------------------------------------- */

/* Every other message is carried out and costs the connection, and hundreds of requests their answer
 * (tests/sim/client has ten thousand such faults and more). Nothing is carried out twice unless it may be. */
static void a_fault_repeats_nothing_that_may_not_be(void)
{
    enum { ROUNDS = 10, EACH = 1000, FAULTS = 300 };
    static struct hub drops;

    for (int k = 0; k < 2; k++) {
        bool is_idempotent = k == 1;
        Cell__Testcell__AskRequest request = asker_to(k == 0 ? "testcell.31" : "testcell.32", EACH, 5000);
        size_t ok = 0, lost = 0, untried = 0;
        unsigned most = 0, total = 0;
        request.idempotent = is_idempotent;
        hub_open(&drops, asker_hub_name(31 + (uint32_t)k), HUB_DROPPING, 31);
        for (uint32_t i = 0; i < ROUNDS; i++) {
            request.number = 1 + i * EACH;
            Cell__Testcell__AskReply *r = asker_ask(&f, &request, 3 * FAKE_PATIENCE_MS);
            ok += asker_count(r, ERR_OK);
            lost += asker_count(r, ERR_PEER_DEAD);
            untried += asker_count(r, ERR_UNAVAILABLE); /* the breaker's */
            cell__testcell__ask_reply__free_unpacked(r, NULL);
        }
        for (size_t i = 1; i <= ROUNDS * EACH; i++) {
            unsigned count = atomic_load(&drops.carried_out[i]);
            most = count > most ? count : most;
            total += count;
        }
        printf("%s: %zu answered, %zu lost, carried out %u times in all, at most %u times each\n",
               is_idempotent ? "idempotent" : "not idempotent", ok, lost, total, most);
        CHECK(lost >= FAULTS && ok > 0, "faults by the hundred, and answers: %zu", lost);
        CHECK(ok + lost + untried == ROUNDS * EACH, "every request ends: %zu", ok + lost + untried);
        if (is_idempotent) {
            CHECK(most > 1 && most <= 4, "what may be repeated is, three times at most: %u", most);
            CHECK(total * 10 <= ROUNDS * EACH * 12, "not more than 1.2 times the load: %u", total);
        } else {
            CHECK(most == 1 && total <= ROUNDS * EACH, "carried out at most once: %u", most);
        }
        hub_close(&drops);
    }
}

/* What the callee says about when to come back is kept to. */
static void a_busy_callee_is_left_alone_as_long_as_it_says(void)
{
    static const struct {
        bool is_idempotent;
        int refusals;
        uint32_t deadline_ms;
        enum err e;
        uint64_t least_ms, most_ms;
        const char *why;
    } rows[] = {
        {true, 2, 5000, ERR_OK, 2 * HUB_BUSY_MS, 2 * HUB_BUSY_MS + 1000, "twice busy, then it answers"},
        {true, 4, 5000, ERR_UNAVAILABLE, 3 * HUB_BUSY_MS, 3 * HUB_BUSY_MS + 1000, "three retries"},
        {false, 1, 5000, ERR_UNAVAILABLE, 0, QUICK_MS, "it may not be repeated"},
        {true, 1, HUB_BUSY_MS - 20, ERR_UNAVAILABLE, 0, HUB_BUSY_MS - 20, "no time to come back"},
    };
    struct hub busy;

    for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
        char target[32];
        uint64_t took_ms;
        (void)snprintf(target, sizeof target, "testcell.%u", 40 + i);
        Cell__Testcell__AskRequest request = asker_to(target, 1, rows[i].deadline_ms);
        request.idempotent = rows[i].is_idempotent;
        hub_open(&busy, asker_hub_name(40 + i), HUB_BUSY, 40 + i);
        atomic_store(&busy.patience, rows[i].refusals);
        enum err e = ask_once(&request, &took_ms);
        CHECK(e == rows[i].e && took_ms >= rows[i].least_ms && took_ms <= rows[i].most_ms,
              "row %u: %s: %s after %" PRIu64 " ms", i, rows[i].why, err_name(e), took_ms);
        hub_close(&busy);
    }
}

/* ---- RPC-5 ------------------------------------------------------------------------------------- */

/* What `cell inspect` shows of the connection to instance `number`. Borrowed until the next call. */
static const char *breaker_of(uint32_t number)
{
    static char breaker[16];
    Cell__Inspect__DescribeRequest request = CELL__INSPECT__DESCRIBE_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    char text[SP_TEXT_SIZE];

    REQUIRE(fake_call(fake_door(&f, "", ""), CELL__INSPECT__OP__OP_DESCRIBE, &request.base,
                      &cell__inspect__describe_reply__descriptor, FAKE_PATIENCE_MS, &reply,
                      text) == ERR_OK, "described: %s", text);
    const Cell__Inspect__DescribeReply *d = (const Cell__Inspect__DescribeReply *)reply;
    breaker[0] = '\0';
    for (size_t i = 0; i < d->n_connections; i++) {
        if (strstr(d->connections[i]->peer, asker_hub_name(number)) != NULL) {
            (void)snprintf(breaker, sizeof breaker, "%s", d->connections[i]->breaker);
            CHECK(strcmp(d->connections[i]->kind, "ipc") == 0, "kind: %s", d->connections[i]->kind);
            CHECK(d->connections[i]->outstanding == 0, "nothing is outstanding");
        }
    }
    protobuf_c_message_free_unpacked(reply, NULL);
    return breaker;
}

/* Nobody listens: five requests cost their deadline, the sixth nothing. Then somebody does, and says
 * nothing: of ten requests at a time one tries. Then it answers, and all pass. */
static void a_dead_server_is_left_alone(void)
{
    struct hub back;
    Cell__Testcell__AskRequest request = asker_to("testcell.50", 1, 60);
    uint64_t took_ms;

    for (int i = 1; i <= 5; i++) {
        CHECK(ask_once(&request, &took_ms) == ERR_TIMEOUT && took_ms >= 59, "request %d: its deadline", i);
        CHECK(strcmp(breaker_of(50), i < 5 ? "closed" : "open") == 0, "after %d: %s", i, breaker_of(50));
    }
    request.deadline_ms = 5000;
    enum err e = ask_once(&request, &took_ms);
    CHECK(e == ERR_UNAVAILABLE && took_ms < QUICK_MS, "the sixth fails fast: %s after %" PRIu64 " ms",
          err_name(e), took_ms);
    printf("dead server: the sixth request fails after %" PRIu64 " ms\n", took_ms);

    hub_open(&back, asker_hub_name(50), HUB_SILENT, 50);
    request = asker_to("testcell.50", 10, 300);
    uint64_t until_us = fake_now_us() + FAKE_PATIENCE_MS * UINT64_C(1000);
    unsigned before = 0;
    for (int probes = 0; probes < 2 && fake_now_us() < until_us;) {
        size_t refused = ask_count(&request, ERR_UNAVAILABLE);
        unsigned passed = atomic_load(&back.requests) - before;
        CHECK(passed <= 1 && refused + passed == 10, "one of ten tries: %u, refused %zu", passed, refused);
        before += passed;
        probes += passed == 1;
    }
    CHECK(before == 2, "two rounds let one request through each: %u", before);
    atomic_store(&back.mode, HUB_ECHO);
    request = asker_to("testcell.50", 1, 5000);
    CHECK(ask_once(&request, &took_ms) == ERR_OK, "the probe is answered");
    CHECK(strcmp(breaker_of(50), "closed") == 0, "closed: %s", breaker_of(50));
    request.count = 10;
    CHECK(ask_count(&request, ERR_OK) == 10, "all pass again");
    hub_close(&back);
}

/* Errors of the application are answers: they open nothing. */
static void errors_are_not_failures(void)
{
    struct hub follower;
    Cell__Testcell__AskRequest request = asker_to("testcell.51", 1, 5000);
    uint64_t took_ms;

    hub_open(&follower, asker_hub_name(51), HUB_FOLLOWER, 51);
    for (int i = 0; i < 10; i++) {
        CHECK(ask_once(&request, &took_ms) == ERR_NOT_LEADER, "an error is told");
    }
    CHECK(strcmp(breaker_of(51), "closed") == 0, "and the breaker is %s", breaker_of(51));
    hub_close(&follower);
}

/* ---- RPC-6 ------------------------------------------------------------------------------------- */

/* A server is killed and comes back while it is called: callers see a longer wait, not an error. */
static void a_restart_costs_time_not_answers(void)
{
    /* So far apart that fewer are under way at the kill than the retry budget saves up, on a slow
     * machine with a sanitizer too: what is beyond the budget ends, and rightly. */
    enum { COUNT = 200, GAP_MS = 20 };
    struct fake other;
    Cell__Testcell__AskRequest request = asker_to("testcell.22", COUNT, 15000);

    request.idempotent = true;
    request.gap_ms = GAP_MS;
    fake_start(&other, &(struct fake_spec){.instance = 22});
    fake_publish(&other, "", "");
    AUTO_FD int fd = raw_open(fake_door(&f, "", ""));
    REQUIRE(raw_ask(fd, 1, CELL__TESTCELL__OP__OP_ASK, &request.base, 60000), "asked");
    while (fake_metric(&other, "cell_testcell_echoes_total", NULL, NULL) < 20) {
        fake_nap_ms(5); /* until it is being called; ends with the test's own time limit */
    }
    fake_end(&other);
    fake_start(&other, &(struct fake_spec){.instance = 22});
    fake_publish(&other, "", "");
    uint32_t id;
    Cell__Envelope__Replies *replies = raw_hear(fd, 3 * FAKE_PATIENCE_MS, &id);
    REQUIRE(replies != NULL && replies->replies[0]->status == 1, "answered");
    Cell__Testcell__AskReply *r = cell__testcell__ask_reply__unpack(
        NULL, replies->replies[0]->body.len, replies->replies[0]->body.data);
    REQUIRE(r != NULL, "the answer parses");
    CHECK(asker_count(r, ERR_OK) == COUNT, "all are answered: %zu, PEER_DEAD %zu, UNAVAILABLE %zu",
          asker_count(r, ERR_OK), asker_count(r, ERR_PEER_DEAD), asker_count(r, ERR_UNAVAILABLE));
    cell__testcell__ask_reply__free_unpacked(r, NULL);
    cell__envelope__replies__free_unpacked(replies, NULL);
    fake_finish(&other);
}

/* What stands behind the NUL of a text would be gone without a word. */
static void an_answer_with_a_cut_text_is_none(void)
{
    struct hub hub;
    Cell__Testcell__AskRequest request = asker_to("testcell.55", 2, 5000);

    hub_open(&hub, asker_hub_name(55), HUB_NUL, 55);
    Cell__Testcell__AskReply *r = asker_ask(&f, &request, 3 * FAKE_PATIENCE_MS);
    CHECK(asker_count(r, ERR_INCOMPATIBLE) == 2, "both are refused");
    CHECK(strcmp(r->outcomes[0]->text, "text: holds a NUL") == 0, "the field is named: %s", r->outcomes[0]->text);
    cell__testcell__ask_reply__free_unpacked(r, NULL);
    hub_close(&hub);
}

/* ---- RPC-7 ------------------------------------------------------------------------------------- */

static void open_three(struct hub echo[3], uint32_t first)
{
    for (uint32_t i = 0; i < 3; i++) {
        hub_open(&echo[i], asker_hub_name(first + i), HUB_ECHO, first + i);
    }
    hub_resolves(&nucleus, first, 3);
    fake_nap_ms(1100); /* until what an earlier test taught is old */
}

static void share(Cell__Testcell__AskRequest *request, uint32_t first, size_t got[3])
{
    request->count = 1; /* with old knowledge once, so that what follows is asked with new */
    (void)ask_count(request, ERR_OK);
    fake_nap_ms(50);
    request->count = 300;
    Cell__Testcell__AskReply *r = asker_ask(&f, request, 3 * FAKE_PATIENCE_MS);
    CHECK(asker_count(r, ERR_OK) == 300, "all are answered: %zu", asker_count(r, ERR_OK));
    memset(got, 0, 3 * sizeof got[0]);
    for (size_t i = 0; i < r->n_outcomes; i++) {
        uint32_t at = r->outcomes[i]->instance - first;
        got[at < 3 ? at : 0]++;
    }
    cell__testcell__ask_reply__free_unpacked(r, NULL);
}

static void a_slow_instance_gets_little(void)
{
    struct hub echo[3];
    size_t got[3];
    Cell__Testcell__AskRequest request = asker_to("testcell", 1, 20000);

    open_three(echo, 60);
    atomic_store(&echo[1].delay_ms, 100);
    request.balance = CELL_BALANCE_LEAST;
    request.gap_ms = 4;
    share(&request, 60, got);
    CHECK(got[1] * 5 < 300, "less than a fifth: %zu of 300", got[1]);
    printf("least outstanding, the second slow: %zu %zu %zu\n", got[0], got[1], got[2]);
    for (uint32_t i = 0; i < 3; i++) {
        hub_close(&echo[i]);
    }
}

static void weights_are_shares(void)
{
    struct hub echo[3];
    size_t got[3];
    Cell__Testcell__AskRequest request = asker_to("testcell", 1, 20000);

    open_three(echo, 70);
    hub_rate(&nucleus, 0, 0.7, 0);
    hub_rate(&nucleus, 1, 0.2, 0);
    hub_rate(&nucleus, 2, 0.1, 0);
    request.balance = CELL_BALANCE_WEIGHTED;
    share(&request, 70, got);
    CHECK(got[0] >= 207 && got[0] <= 213 && got[1] >= 57 && got[1] <= 63, "7 : 2 : 1 of 300: %zu %zu %zu",
          got[0], got[1], got[2]);
    for (uint32_t i = 0; i < 3; i++) {
        hub_close(&echo[i]);
    }
}

static void the_nearest_gets_all_until_it_is_away(void)
{
    struct hub echo[3];
    size_t got[3];
    Cell__Testcell__AskRequest request = asker_to("testcell", 1, 20000);

    open_three(echo, 75);
    hub_rate(&nucleus, 0, 1, 900);
    hub_rate(&nucleus, 1, 1, 300);
    hub_rate(&nucleus, 2, 1, 0); /* unknown */
    request.balance = CELL_BALANCE_NEAREST;
    share(&request, 75, got);
    CHECK(got[1] == 300, "all to the nearest: %zu %zu %zu", got[0], got[1], got[2]);
    hub_close(&echo[1]);
    fake_nap_ms(100);
    share(&request, 75, got);
    CHECK(got[0] == 300, "then to the second: %zu %zu %zu", got[0], got[1], got[2]);
    hub_close(&echo[0]);
    hub_close(&echo[2]);
}

/* ---- RPC-8 ------------------------------------------------------------------------------------- */

static Cell__Testcell__AllReply *ask_all(const char *target, uint32_t deadline_ms)
{
    Cell__Testcell__AllRequest request = CELL__TESTCELL__ALL_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    char text[SP_TEXT_SIZE];

    request.target = (char *)target;
    request.deadline_ms = deadline_ms;
    enum err e = fake_call(fake_door(&f, "", ""), CELL__TESTCELL__OP__OP_ALL, &request.base,
                           &cell__testcell__all_reply__descriptor, FAKE_PATIENCE_MS, &reply, text);
    REQUIRE(e == ERR_OK, "all of %s are asked: %s %s", target, err_name(e), text);
    return (Cell__Testcell__AllReply *)reply;
}

static void all_instances_answer_and_the_dead_one_is_an_error(void)
{
    struct hub echo[5];
    size_t ok = 0;

    for (uint32_t i = 0; i < 5; i++) {
        if (i != 3) {
            hub_open(&echo[i], asker_hub_name(80 + i), HUB_ECHO, 80 + i);
        }
    }
    hub_resolves(&nucleus, 80, 5);
    Cell__Testcell__AllReply *r = ask_all("testcell", 5000);
    CHECK(r->status == 1 && r->count == 5 && r->n_outcomes == 5, "five results: %zu", r->n_outcomes);
    for (size_t i = 0; i < r->n_outcomes; i++) {
        const Cell__Testcell__Outcome *o = r->outcomes[i];
        bool is_dead = o->instance == 83;
        ok += o->status == 1;
        CHECK(err_from_wire(o->status) == (is_dead ? ERR_UNAVAILABLE : ERR_OK), "instance %u: %s",
              o->instance, err_name(err_from_wire(o->status)));
        CHECK(!o->out_of_order, "instance %u: its own answer", o->instance);
        CHECK(o->took_us < 2000000, "instance %u: after %" PRIu64 " us", o->instance, o->took_us);
    }
    CHECK(ok == 4, "four answers: %zu", ok);
    cell__testcell__all_reply__free_unpacked(r, NULL);
    for (uint32_t i = 0; i < 5; i++) {
        if (i != 3) {
            hub_close(&echo[i]);
        }
    }
    hub_resolves(&nucleus, 80, 0);
    r = ask_all("testcell", 2000);
    CHECK(r->status == 1 && r->count == 0, "nobody at all: no results, no error");
    cell__testcell__all_reply__free_unpacked(r, NULL);
}

/* ---- hints ------------------------------------------------------------------------------------- */

static void a_hint_is_followed_once(void)
{
    static const struct {
        const char *hint;
        enum err e;
        uint32_t at_leader;
        const char *why;
    } rows[] = {
        {"testcell.92", ERR_OK, 1, "the leader is another instance"},
        {"default/testcell.92", ERR_OK, 1, "with its namespace"},
        {"testcell.91", ERR_NOT_LEADER, 0, "another one that is not: once, not for ever"},
        {"other.92", ERR_NOT_LEADER, 0, "another cell is not what was asked"},
        {"space/testcell.92", ERR_NOT_LEADER, 0, "nor is that of another namespace"},
        {"../testcell.92", ERR_NOT_LEADER, 0, "a path"},
        {"testcell", ERR_NOT_LEADER, 0, "no instance"},
        {"", ERR_NOT_LEADER, 0, "no hint"},
    };
    struct hub follower, lost, leader;
    Cell__Testcell__AskRequest request = asker_to("testcell", 1, 5000);
    uint64_t took_ms;

    hub_open(&follower, asker_hub_name(90), HUB_FOLLOWER, 90);
    hub_open(&lost, asker_hub_name(91), HUB_FOLLOWER, 91);
    (void)snprintf(lost.hint, sizeof lost.hint, "testcell.90");
    hub_open(&leader, asker_hub_name(92), HUB_ECHO, 92);
    hub_resolves(&nucleus, 90, 1); /* the name stands for the follower alone */
    fake_nap_ms(1100);
    (void)ask_once(&request, &took_ms); /* with old knowledge */
    fake_nap_ms(50);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)snprintf(follower.hint, sizeof follower.hint, "%s", rows[i].hint);
        unsigned before = atomic_load(&leader.requests);
        enum err e = ask_once(&request, &took_ms);
        CHECK(e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(e));
        CHECK(atomic_load(&leader.requests) - before == rows[i].at_leader, "row %zu: %s: the leader", i,
              rows[i].why);
    }
    hub_close(&follower);
    hub_close(&lost);
    hub_close(&leader);
}

int main(int argc, char **argv)
{
    fake_init(argc, argv);
    hub_open(&nucleus, "nucleus.sock", HUB_NUCLEUS, 0);
    fake_start(&f, &(struct fake_spec){.instance = CALLER, .heartbeat_ms = 60000});
    a_stopped_server_costs_the_deadline_to_the_millisecond();
    a_fault_repeats_nothing_that_may_not_be();
    a_busy_callee_is_left_alone_as_long_as_it_says();
    a_dead_server_is_left_alone();
    errors_are_not_failures();
    a_restart_costs_time_not_answers();
    an_answer_with_a_cut_text_is_none();
    a_slow_instance_gets_little();
    weights_are_shares();
    the_nearest_gets_all_until_it_is_away();
    all_instances_answer_and_the_dead_one_is_an_error();
    a_hint_is_followed_once();
    fake_finish(&f);
    hub_close(&nucleus);
    return CHECK_RESULT();
}
