/* A cell that calls others: deadlines (RPC-3), names, dead and silent callees, batches, the end. */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "asker.h"
#include "fake.h"
#include "hub.h"
#include "proto/nucleus.pb-c.h"
#include "raw.h"
#include "tests/support/check.h"

enum {
    CALLER = 20,           /* instance that asks                                        */
    SLACK_MS = 60,         /* of a deadline, on a loaded machine with sanitizers        */
    OUTSTANDING_MAX = 8192,
    SLAMMED_ROUNDS = 6,    /* the first is enough, mostly */
    SLAMMED_SIZE = 400000, /* more than a Unix socket takes at once */
};

static struct fake f;
static struct hub nucleus;

static const char *door(void)
{
    return fake_door(&f, "", "");
}

/* One call; returns its status, *ret_ms how long it took. */
static enum err ask_once(const Cell__Testcell__AskRequest *request, uint64_t *ret_ms)
{
    Cell__Testcell__AskReply *r = asker_ask(&f, request, FAKE_PATIENCE_MS);
    enum err e = err_from_wire(r->outcomes[0]->status);

    *ret_ms = r->outcomes[0]->took_us / 1000;
    cell__testcell__ask_reply__free_unpacked(r, NULL);
    return e;
}

/* Socket of a callee that the test plays. Every test has instance numbers of its own: a connection
 * that an earlier one ended may still be being noticed. */
/* ---- RPC-3: deadlines -------------------------------------------------------------------------- */

static void a_silent_callee_costs_the_deadline(void)
{
    static const uint32_t deadlines[] = {1, 20, 200};
    struct hub silent;
    uint64_t took_ms;

    hub_open(&silent, asker_hub_name(30), HUB_SILENT, 30);
    for (size_t i = 0; i < ARRAY_LEN(deadlines); i++) {
        Cell__Testcell__AskRequest request = asker_to("testcell.30", 1, deadlines[i]);
        enum err e = ask_once(&request, &took_ms);
        CHECK(e == ERR_TIMEOUT, "no answer is TIMEOUT: %s", err_name(e));
        CHECK(took_ms + 1 >= deadlines[i] && took_ms <= deadlines[i] + SLACK_MS,
              "deadline %u ms, returned after %" PRIu64, deadlines[i], took_ms);
        printf("silent callee, deadline %u ms: returned after %" PRIu64 " ms\n", deadlines[i],
               took_ms);
    }
    hub_close(&silent);
}

static void a_callee_that_is_not_there_costs_the_deadline(void)
{
    Cell__Testcell__AskRequest request = asker_to("testcell.41", 1, 100);
    uint64_t took_ms;
    enum err e = ask_once(&request, &took_ms);

    CHECK(e == ERR_TIMEOUT, "it may come up until then: %s", err_name(e));
    CHECK(took_ms + 1 >= 100 && took_ms <= 100 + SLACK_MS, "after %" PRIu64 " ms", took_ms);
}

/* A process that is stopped by a signal: both the asking cell and a plain client give up in time. */
static void a_stopped_callee_costs_the_deadline(void)
{
    struct fake other;
    uint64_t took_ms;
    Cell__Testcell__AskRequest request = asker_to("testcell.21", 1, 150);
    Cell__Testcell__EchoRequest echo = CELL__TESTCELL__ECHO_REQUEST__INIT;
    char text[SP_TEXT_SIZE];

    fake_start(&other, &(struct fake_spec){.instance = 21});
    fake_publish(&other, "", "");
    CHECK(ask_once(&request, &took_ms) == ERR_OK, "while it runs it answers");
    (void)kill(other.pid, SIGSTOP);
    enum err e = ask_once(&request, &took_ms);
    CHECK(e == ERR_TIMEOUT && took_ms + 1 >= 150 && took_ms <= 150 + SLACK_MS,
          "a stopped callee: %s after %" PRIu64 " ms", err_name(e), took_ms);
    printf("stopped callee, deadline 150 ms: returned after %" PRIu64 " ms\n", took_ms);
    uint64_t began_us = fake_now_us();
    e = fake_call(fake_door(&other, "", ""), CELL__TESTCELL__OP__OP_ECHO, &echo.base,
                  &cell__testcell__echo_reply__descriptor, 150, NULL, text);
    took_ms = (fake_now_us() - began_us) / 1000;
    CHECK(e == ERR_TIMEOUT && took_ms + 1 >= 150 && took_ms <= 150 + SLACK_MS,
          "a plain client: %s after %" PRIu64 " ms", err_name(e), took_ms);
    (void)kill(other.pid, SIGCONT);
    CHECK(ask_once(&request, &took_ms) == ERR_OK, "and once it runs again");
    fake_finish(&other);
}

/* What is left of the caller's deadline is what the callee sees: never more. */
static void deadlines_are_passed_on(void)
{
    static const struct {
        uint32_t own_ms;    /* what our caller gives us    */
        uint32_t given_ms;  /* what the cell gives its ask */
        bool on_behalf;
        uint32_t least_ms;
        uint32_t most_ms;
        const char *why;
    } rows[] = {
        {900, 0, true, 500, 900, "what is left of the caller's"},
        {900, 300, true, 100, 300, "its own, when that is shorter"},
        {900, 9000, true, 500, 900, "never more than the caller's"},
        {20000, 0, true, 19000, 20000, "the caller's, also when longer than the usual"},
        {900, 9000, false, 8500, 9000, "its own, when it asks for itself"},
        {900, 0, false, 4500, 5000, "the usual 5 s, when it asks for itself"},
    };
    struct hub echo;

    hub_open(&echo, asker_hub_name(50), HUB_ECHO, 50);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Cell__Testcell__AskRequest request = asker_to("testcell.50", 1, rows[i].given_ms);
        request.on_behalf = rows[i].on_behalf;
        Cell__Testcell__AskReply *r = asker_ask(&f, &request, rows[i].own_ms);
        uint32_t seen_ms = r->outcomes[0]->remaining_ms;
        CHECK(r->outcomes[0]->status == 1 && seen_ms >= rows[i].least_ms &&
              seen_ms <= rows[i].most_ms, "row %zu: %s: the callee saw %u ms", i, rows[i].why,
              seen_ms);
        cell__testcell__ask_reply__free_unpacked(r, NULL);
    }
    hub_close(&echo);
}

/* Asked from a timer's callback, a request leaves in the same turn of the loop. */
static void a_timer_may_ask(void)
{
    struct hub echo;
    uint64_t took_ms, sum_ms = 0;

    hub_open(&echo, asker_hub_name(60), HUB_ECHO, 60);
    for (int i = 0; i < 20; i++) {
        Cell__Testcell__AskRequest request = asker_to("testcell.60", 1, 5000);
        request.from_timer = true;
        CHECK(ask_once(&request, &took_ms) == ERR_OK, "asked from a timer");
        sum_ms += took_ms;
    }
    /* Slept on until the loop's next event, each would take 50 ms on average. */
    CHECK(sum_ms < 20 * 20, "the loop does not sleep on it: %" PRIu64 " ms for 20", sum_ms);
    printf("asked from a timer: %" PRIu64 " ms for 20\n", sum_ms);
    hub_close(&echo);
}

/* Asked again from the callback of a failed one, a request has a deadline of its own. */
static void asking_again_has_a_deadline(void)
{
    struct hub silent;
    uint64_t took_ms;
    Cell__Testcell__AskRequest request = asker_to("testcell.70", 1, 50);

    hub_open(&silent, asker_hub_name(70), HUB_SILENT, 70);
    request.again = 4;
    enum err e = ask_once(&request, &took_ms);
    CHECK(e == ERR_TIMEOUT && took_ms >= 245 && took_ms < 250 + 5 * SLACK_MS,
          "five times 50 ms: %s after %" PRIu64, err_name(e), took_ms);
    CHECK(atomic_load(&silent.requests) == 5, "five requests: %u", atomic_load(&silent.requests));
    hub_close(&silent);
}

/* ---- death ------------------------------------------------------------------------------------- */

static void a_dead_callee_is_noticed_at_once(void)
{
    struct fake other;
    Cell__Testcell__AskRequest request = asker_to("testcell.21", 3, 10000);
    uint32_t id;

    fake_start(&other, &(struct fake_spec){.instance = 21});
    fake_publish(&other, "", "");
    request.operation = CELL__TESTCELL__OP__OP_NEVER;
    AUTO_FD int fd = raw_open(door());
    REQUIRE(raw_ask(fd, 1, CELL__TESTCELL__OP__OP_ASK, &request.base, 20000), "three calls");
    REQUIRE(fake_metric_becomes(&other, "cell_inflight_requests", 4), "wait at the callee");
    uint64_t killed_us = fake_now_us();
    fake_end(&other);
    Cell__Envelope__Replies *replies = raw_hear(fd, FAKE_PATIENCE_MS, &id);
    uint64_t took_us = fake_now_us() - killed_us;
    REQUIRE(replies != NULL && replies->replies[0]->status == 1, "the caller learns of it");
    Cell__Testcell__AskReply *r = cell__testcell__ask_reply__unpack(
        NULL, replies->replies[0]->body.len, replies->replies[0]->body.data);
    REQUIRE(r != NULL, "the answer parses");
    CHECK(asker_count(r, ERR_PEER_DEAD) == 3, "all three are PEER_DEAD: %zu",
          asker_count(r, ERR_PEER_DEAD));
    CHECK(took_us < 100000, "promptly: %" PRIu64 " us", took_us);
    printf("callee killed: PEER_DEAD after %" PRIu64 " us\n", took_us);
    cell__testcell__ask_reply__free_unpacked(r, NULL);
    cell__envelope__replies__free_unpacked(replies, NULL);
}

/* The callee starts after the request was made: it is sent then, and only if still wanted. */
static void a_late_callee_is_waited_for(void)
{
    struct hub echo;
    Cell__Testcell__AskRequest request = asker_to("testcell.82", 40, 100);
    uint64_t took_ms;

    Cell__Testcell__AskReply *r = asker_ask(&f, &request, FAKE_PATIENCE_MS);
    CHECK(asker_count(r, ERR_TIMEOUT) == 40, "nobody there: all time out");
    cell__testcell__ask_reply__free_unpacked(r, NULL);
    hub_open(&echo, asker_hub_name(82), HUB_ECHO, 82);
    request = asker_to("testcell.82", 1, 5000);
    CHECK(ask_once(&request, &took_ms) == ERR_OK, "now it is there");
    CHECK(atomic_load(&echo.requests) == 1, "what had timed out is not sent after all: %u requests",
          atomic_load(&echo.requests));
    hub_close(&echo);
}

/* Somebody who hangs up on everybody, and counts. A thread of its own. */
struct doorbell {
    void (*greet)(int fd); /* before that; none: NULL */
    int fd;
    pthread_t thread;
    atomic_uint rings;
};

static void *answer_the_door(void *context)
{
    struct doorbell *d = context;

    for (int fd; (fd = accept(d->fd, NULL, NULL)) >= 0; fd_close(&fd)) {
        atomic_fetch_add(&d->rings, 1);
        if (d->greet != NULL) {
            d->greet(fd);
        }
    }
    return NULL;
}

static void doorbell_open(struct doorbell *d, const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/%s", fake_run_dir(), name);
    atomic_store(&d->rings, 0);
    d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(d->fd >= 0 && bind(d->fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(d->fd, 8) == 0 &&
                pthread_create(&d->thread, NULL, answer_the_door, d) == 0, "a door");
}

static void doorbell_close(struct doorbell *d, const char *name)
{
    char path[FAKE_PATH_SIZE];

    (void)shutdown(d->fd, SHUT_RDWR);
    REQUIRE(pthread_join(d->thread, NULL) == 0, "nobody at the door");
    fd_close(&d->fd);
    (void)snprintf(path, sizeof path, "%s/%s", fake_run_dir(), name);
    REQUIRE(unlink(path) == 0, "the door is gone");
}

/* Whoever is not there is looked for rarely while nobody wants it, and at once when somebody does. */
static void nobody_is_looked_for_in_vain(void)
{
    enum { LONG_MS = 3000, RINGS_MAX = 8, SOON_MS = 300 };
    struct doorbell d = {0};
    struct hub echo;
    Cell__Testcell__AskRequest request = asker_to("testcell.83", 1, 100);
    uint64_t took_ms;

    doorbell_open(&d, asker_hub_name(83));
    CHECK(ask_once(&request, &took_ms) != ERR_OK, "whoever hangs up does not answer");
    fake_nap_ms(1000); /* until the attempts are rare */
    atomic_store(&d.rings, 0);
    fake_nap_ms(LONG_MS);
    uint32_t rings = atomic_load(&d.rings);
    CHECK(rings > 0 && rings <= RINGS_MAX, "%u attempts in %d ms that nobody waits for", rings, LONG_MS);
    for (rings = atomic_load(&d.rings); atomic_load(&d.rings) == rings; fake_nap_ms(5)) {
    } /* right behind an attempt: the next one by itself is a second away */
    doorbell_close(&d, asker_hub_name(83));
    hub_open(&echo, asker_hub_name(83), HUB_ECHO, 83);
    request = asker_to("testcell.83", 1, 5000);
    CHECK(ask_once(&request, &took_ms) == ERR_OK && took_ms < SOON_MS, "who is wanted is reached in %" PRIu64 " ms", took_ms);
    hub_close(&echo);
}

/* ---- names ------------------------------------------------------------------------------------- */

static void instances_take_turns(void)
{
    enum { SERVERS = 3 };
    struct hub echo[SERVERS];
    size_t got[SERVERS] = {0};

    for (uint32_t i = 0; i < SERVERS; i++) {
        hub_open(&echo[i], asker_hub_name(90 + i), HUB_ECHO, 90 + i);
    }
    hub_resolves(&nucleus, 90, SERVERS);
    Cell__Testcell__AskRequest request = asker_to("testcell", 9, 5000);
    for (int k = 0; k < 10; k++) {
        Cell__Testcell__AskReply *r = asker_ask(&f, &request, FAKE_PATIENCE_MS);
        CHECK(asker_count(r, ERR_OK) == 9, "all are answered: %zu", asker_count(r, ERR_OK));
        for (size_t i = 0; i < r->n_outcomes; i++) {
            got[r->outcomes[i]->instance - 90]++;
        }
        cell__testcell__ask_reply__free_unpacked(r, NULL);
    }
    CHECK(got[0] == 30 && got[1] == 30 && got[2] == 30, "in turn: %zu %zu %zu", got[0], got[1],
          got[2]);
    CHECK(atomic_load(&nucleus.resolves) <= 10, "the nucleus is asked once a second, not per call");
    for (uint32_t i = 0; i < SERVERS; i++) {
        hub_close(&echo[i]);
    }
}

/* Every refusal has its own error, and none hangs. */
static void names_are_judged(void)
{
    static const struct {
        const char *target;
        enum err status;
        const char *why;
    } rows[] = {
        {"", ERR_INVALID, "no name"},
        {"../testcell.100", ERR_INVALID, "a path"},
        {"testcell.100/../x", ERR_INVALID, "a path behind a name"},
        {"-testcell", ERR_INVALID, "an option"},
        {"test\ncell", ERR_INVALID, "two lines"},
        {"testcell.10000", ERR_INVALID, "an instance past the last"},
        {"nucleus", ERR_OK, "the nucleus"},
        {"default/testcell.100", ERR_OK, "an instance with its namespace"},
        {"testcell.100", ERR_OK, "an instance"},
    };
    struct hub echo;

    hub_open(&echo, asker_hub_name(100), HUB_ECHO, 100);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Cell__Testcell__AskRequest request = asker_to(rows[i].target, 1, 2000);
        uint64_t took_ms;
        enum err e = ask_once(&request, &took_ms);
        CHECK(e == rows[i].status, "\"%s\", %s: %s", rows[i].target, rows[i].why, err_name(e));
    }
    hub_close(&echo);
}

/* No healthy instance: UNAVAILABLE at once, the second time too, and news are heard. */
static void nobody_healthy_is_said_at_once(void)
{
    Cell__Testcell__AskRequest request = asker_to("default/testcell", 2, 5000);
    struct hub echo;
    uint64_t took_ms;

    hub_open(&echo, asker_hub_name(110), HUB_ECHO, 110);
    hub_resolves(&nucleus, 110, 1);
    hub_heal(&nucleus, 0, false);
    for (int k = 0; k < 3; k++) {
        Cell__Testcell__AskReply *r = asker_ask(&f, &request, FAKE_PATIENCE_MS);
        CHECK(asker_count(r, ERR_UNAVAILABLE) == 2, "time %d: UNAVAILABLE", k);
        CHECK(r->outcomes[0]->took_us < 1000000, "time %d: after %" PRIu64 " us", k,
              r->outcomes[0]->took_us);
        cell__testcell__ask_reply__free_unpacked(r, NULL);
    }
    hub_heal(&nucleus, 0, true);
    request.count = 1;
    CHECK(ask_once(&request, &took_ms) == ERR_OK, "once it is healthy it is called");
    hub_close(&echo);
}

/* The instance a name stood for is gone: the call goes to the one that took its place, soon. */
static void a_call_follows_its_name(void)
{
    Cell__Testcell__AskRequest request = asker_to("default/testcell", 1, 5000);
    struct hub before, after;
    uint64_t took_ms;

    hub_open(&before, asker_hub_name(200), HUB_ECHO, 200);
    hub_open(&after, asker_hub_name(201), HUB_ECHO, 201);
    hub_resolves(&nucleus, 200, 1);
    fake_nap_ms(1100); /* until what an earlier test taught is old */
    for (int k = 0; k < 2; k++) {
        CHECK(ask_once(&request, &took_ms) == ERR_OK, "the first instance answers");
    }
    CHECK(atomic_load(&before.requests) > 0, "it was the one");
    hub_resolves(&nucleus, 201, 1);
    hub_close(&before);
    fake_nap_ms(50); /* the connection's end is noticed: what is sent into it is PEER_DEAD */
    enum err e = ask_once(&request, &took_ms);
    CHECK(e == ERR_OK && took_ms < 1000, "the second does: %s after %" PRIu64 " ms", err_name(e),
          took_ms);
    CHECK(atomic_load(&after.requests) == 1, "once");
    hub_close(&after);
}

/* With the nucleus away the last known instances are used, and a name never heard of fails. */
static void a_nucleus_that_is_away_stops_nobody(void)
{
    Cell__Testcell__AskRequest request = asker_to("testcell", 1, 3000);
    struct hub echo;
    uint64_t took_ms;

    hub_open(&echo, asker_hub_name(120), HUB_ECHO, 120);
    hub_resolves(&nucleus, 120, 1);
    fake_nap_ms(1100); /* until what was known is old: the claim is about old knowledge */
    CHECK(ask_once(&request, &took_ms) == ERR_OK, "known");
    hub_close(&nucleus);
    fake_nap_ms(1100);
    for (int k = 0; k < 5; k++) {
        CHECK(ask_once(&request, &took_ms) == ERR_OK && took_ms < 1000, "time %d: the last known", k);
    }
    Cell__Testcell__AskRequest other = asker_to("space/unheard-of", 1, 300);
    enum err e = ask_once(&other, &took_ms);
    CHECK(e == ERR_TIMEOUT && took_ms <= 300 + SLACK_MS, "a name never resolved: %s after %" PRIu64,
          err_name(e), took_ms);
    hub_open(&nucleus, "nucleus.sock", HUB_NUCLEUS, 0);
    hub_close(&echo);
}

/* ---- batches and limits ------------------------------------------------------------------------ */

static void requests_of_one_turn_travel_together(void)
{
    struct hub echo;
    Cell__Testcell__AskRequest request = asker_to("testcell.130", 1000, 5000);

    hub_open(&echo, asker_hub_name(130), HUB_ECHO, 130);
    Cell__Testcell__AskReply *r = asker_ask(&f, &request, FAKE_PATIENCE_MS);
    CHECK(asker_count(r, ERR_OK) == 1000, "all are answered");
    CHECK(atomic_load(&echo.messages) <= 4, "1000 requests in %u messages",
          atomic_load(&echo.messages));
    CHECK(atomic_load(&echo.most) <= 1024, "none larger than a callee takes");
    cell__testcell__ask_reply__free_unpacked(r, NULL);
    hub_close(&echo);
}

/* A quick answer does not wait for a slow one that happened to leave in the same turn. */
static void a_slow_answer_holds_nobody_up(void)
{
    struct fake other;
    Cell__Testcell__AskRequest slow = asker_to("testcell.21", 8, 10000);
    Cell__Testcell__AskRequest quick = asker_to("testcell.21", 1, 1000);
    Cell__Envelope__Requests both = CELL__ENVELOPE__REQUESTS__INIT;
    Cell__Envelope__Request item[2], *slot[2] = {&item[0], &item[1]};
    uint64_t took_ms;
    uint32_t id;

    fake_start(&other, &(struct fake_spec){.instance = 21});
    fake_publish(&other, "", "");
    slow.operation = CELL__TESTCELL__OP__OP_SLOW;
    slow.delay_ms = 2000;
    AUTO_FREE uint8_t *body_1 = NULL;
    AUTO_FREE uint8_t *body_2 = NULL;
    for (size_t i = 0; i < 2; i++) {
        item[i] = (Cell__Envelope__Request)CELL__ENVELOPE__REQUEST__INIT;
        item[i].id = i + 1;
        item[i].operation = CELL__TESTCELL__OP__OP_ASK;
        item[i].deadline_ms = 15000;
    }
    item[0].body.data = body_1 = raw_pack(&slow.base, &item[0].body.len);
    item[1].body.data = body_2 = raw_pack(&quick.base, &item[1].body.len);
    both.version = 1;
    both.requests = slot;
    both.n_requests = 2;
    AUTO_FD int fd = raw_open(door());
    REQUIRE(raw_send(fd, 1, &both), "slow and quick calls in one turn");
    Cell__Envelope__Replies *replies = raw_hear(fd, FAKE_PATIENCE_MS, &id);
    REQUIRE(replies != NULL && replies->n_replies == 2, "are answered");
    Cell__Testcell__AskReply *r = cell__testcell__ask_reply__unpack(
        NULL, replies->replies[1]->body.len, replies->replies[1]->body.data);
    REQUIRE(r != NULL && r->n_outcomes == 1, "the quick one");
    CHECK(r->outcomes[0]->status == 1 && r->outcomes[0]->took_us < 900000,
          "is quick: status %u after %" PRIu64 " us", r->outcomes[0]->status,
          r->outcomes[0]->took_us);
    cell__testcell__ask_reply__free_unpacked(r, NULL);
    cell__envelope__replies__free_unpacked(replies, NULL);
    quick.deadline_ms = 5000;
    CHECK(ask_once(&quick, &took_ms) == ERR_OK, "the link is in order");
    fake_finish(&other);
}

/* What is urgent overtakes: a callee that comes back finds megabytes on one connection, and takes them in turns with the
 * other. */
static void urgent_calls_overtake(void)
{
    struct fake other;
    Cell__Testcell__AskRequest bulk = asker_to("testcell.21", 1, 10000);
    Cell__Testcell__AskRequest urgent = asker_to("testcell.21", 1, 10000);
    uint64_t took_ms;
    uint32_t id = 0;

    fake_start(&other, &(struct fake_spec){.instance = 21});
    fake_publish(&other, "", "");
    urgent.urgent = true;
    AUTO_FD int fd = raw_open(door());
    CHECK(ask_once(&urgent, &took_ms) == ERR_OK && ask_once(&bulk, &took_ms) == ERR_OK, "both ways are there");
    (void)kill(other.pid, SIGSTOP);
    bulk.count = 60;
    bulk.fill = 200000;
    REQUIRE(raw_ask(fd, 1, CELL__TESTCELL__OP__OP_ASK, &bulk.base, 15000), "megabytes");
    REQUIRE(fake_metric_becomes(&f, "cell_calls_outstanding", 60), "are under way");
    REQUIRE(raw_ask(fd, 2, CELL__TESTCELL__OP__OP_ASK, &urgent.base, 15000), "and a word");
    REQUIRE(fake_metric_becomes(&f, "cell_calls_outstanding", 61), "as well");
    (void)kill(other.pid, SIGCONT);
    CHECK(raw_status(fd, FAKE_PATIENCE_MS, &id) == ERR_OK && id == 2, "the word is answered first: %u", id);
    CHECK(raw_status(fd, FAKE_PATIENCE_MS, &id) == ERR_OK && id == 1, "and the rest: %u", id);
    fake_finish(&other);
}

/* Many calls that wait long (as watches do) leave the link usable, timed out or not. */
static void waiting_calls_do_not_fill_the_link(void)
{
    struct fake other;
    Cell__Testcell__AskRequest waiting = asker_to("testcell.21", 1, 400);
    Cell__Testcell__AskRequest quick = asker_to("testcell.21", 1, 2000);
    uint64_t took_ms;
    uint32_t id;

    fake_start(&other, &(struct fake_spec){.instance = 21, .log_level = "info"});
    fake_publish(&other, "", "");
    AUTO_FD int fd = raw_open(door());
    waiting.operation = CELL__TESTCELL__OP__OP_NEVER;
    for (uint32_t i = 1; i <= 100; i++) {
        REQUIRE(raw_ask(fd, i, CELL__TESTCELL__OP__OP_ASK, &waiting.base, 10000), "a waiting call");
        if (i % 10 == 0) { /* in many turns of the loop: many messages */
            REQUIRE(fake_metric(&f, "cell_calls_outstanding", NULL, NULL) >= 0, "a turn passes");
        }
    }
    CHECK(ask_once(&quick, &took_ms) == ERR_OK && took_ms < 300,
          "beside 100 waiting calls: %" PRIu64 " ms", took_ms);
    for (uint32_t i = 1; i <= 100; i++) {
        CHECK(raw_status(fd, FAKE_PATIENCE_MS, &id) == ERR_OK, "a waiting call ends");
    }
    CHECK(ask_once(&quick, &took_ms) == ERR_OK && took_ms < 300, "after they timed out");
    fake_finish(&other);
}

/* A callee with a smaller limits.message refuses the batch, not the requests. */
static void a_batch_that_is_too_large_is_taken_apart(void)
{
    struct hub small;
    Cell__Testcell__AskRequest request = asker_to("testcell.140", 50, 5000);

    hub_open(&small, asker_hub_name(140), HUB_SMALL, 140);
    request.fill = 300;
    Cell__Testcell__AskReply *r = asker_ask(&f, &request, FAKE_PATIENCE_MS);
    CHECK(asker_count(r, ERR_OK) == 50, "each would fit: %zu answered", asker_count(r, ERR_OK));
    cell__testcell__ask_reply__free_unpacked(r, NULL);
    request.count = 1;
    request.fill = 3000;
    uint64_t took_ms;
    CHECK(ask_once(&request, &took_ms) == ERR_LIMIT, "what does not fit alone is LIMIT");
    hub_close(&small);
}

static void outstanding_requests_are_limited(void)
{
    struct hub silent;
    Cell__Testcell__AskRequest request = asker_to("testcell.150", OUTSTANDING_MAX + 10, 1500);

    hub_open(&silent, asker_hub_name(150), HUB_SILENT, 150);
    Cell__Testcell__AskReply *r = asker_ask(&f, &request, FAKE_PATIENCE_MS);
    size_t limit = asker_count(r, ERR_LIMIT), timeout = asker_count(r, ERR_TIMEOUT);
    /* A heartbeat of its own may be outstanding just then. */
    CHECK(limit + timeout == r->n_outcomes && limit >= 10 && limit <= 11,
          "%d may be outstanding, the rest is refused at once: %zu", OUTSTANDING_MAX, limit);
    cell__testcell__ask_reply__free_unpacked(r, NULL);
    CHECK(fake_metric_becomes(&f, "cell_calls_outstanding", 0), "and all of them end");
    hub_close(&silent);
}

/* A cell cannot send what is larger than its own limits.message. */
static void a_request_has_a_size(void)
{
    static const struct {
        size_t size;
        enum err status;
        const char *why;
    } rows[] = {
        {4000, ERR_OK, "well inside"},
        {8192 - 3, ERR_OK, "exactly the limit, tag and length included"},
        {8192 - 2, ERR_LIMIT, "one byte more"},
    };
    struct hub echo;
    struct fake other;

    hub_open(&echo, asker_hub_name(160), HUB_ECHO, 160);
    fake_start(&other, &(struct fake_spec){.instance = 22, .message_bytes = 8192});
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Cell__Testcell__AskRequest request = asker_to("testcell.160", 1, 2000);
        ProtobufCMessage *reply = NULL;
        char text[SP_TEXT_SIZE];
        request.fill = (uint32_t)rows[i].size; /* the question itself must fit, too */
        enum err e = fake_call(fake_door(&other, "", ""), CELL__TESTCELL__OP__OP_ASK, &request.base,
                               &cell__testcell__ask_reply__descriptor, FAKE_PATIENCE_MS, &reply,
                               text);
        REQUIRE(e == ERR_OK, "%s: asked: %s", rows[i].why, err_name(e));
        e = err_from_wire(((Cell__Testcell__AskReply *)reply)->outcomes[0]->status);
        CHECK(e == rows[i].status, "%s: %s", rows[i].why, err_name(e));
        protobuf_c_message_free_unpacked(reply, NULL);
    }
    fake_finish(&other);
    hub_close(&echo);
}

/* ---- liars ------------------------------------------------------------------------------------- */

static void answers_nobody_asked_for_are_dropped(void)
{
    struct hub lying, swapped;
    Cell__Testcell__AskRequest request = asker_to("testcell.170", 20, 3000);

    hub_open(&lying, asker_hub_name(170), HUB_LYING, 170);
    for (int k = 0; k < 5; k++) {
        Cell__Testcell__AskReply *r = asker_ask(&f, &request, FAKE_PATIENCE_MS);
        CHECK(asker_count(r, ERR_OK) == 20, "the right answers count: %zu", asker_count(r, ERR_OK));
        cell__testcell__ask_reply__free_unpacked(r, NULL);
    }
    CHECK(fake_log_lines(&f, "ASK-MALFORMED", NULL) > 0, "noise is logged");
    hub_close(&lying);
    hub_open(&swapped, asker_hub_name(171), HUB_SWAPPED, 171);
    request.target = "testcell.171";
    Cell__Testcell__AskReply *r = asker_ask(&f, &request, FAKE_PATIENCE_MS);
    CHECK(asker_count(r, ERR_OK) == 20, "answers may come one by one in any order: %zu",
          asker_count(r, ERR_OK));
    cell__testcell__ask_reply__free_unpacked(r, NULL);
    hub_close(&swapped);
}

/* ---- callees that hang up ---------------------------------------------------------------------- */

/* Greet whoever comes, and hang up when the first bytes of a message arrive. */
static void slam(int fd)
{
    static const uint8_t hello[8] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
    struct pollfd comes = {.fd = fd, .events = POLLIN};
    uint8_t bytes[sizeof hello];

    if (send(fd, hello, sizeof hello, MSG_NOSIGNAL) == sizeof hello &&
        recv(fd, bytes, sizeof bytes, MSG_WAITALL) == sizeof bytes) {
        (void)poll(&comes, 1, FAKE_PATIENCE_MS);
    }
}

/* The kernel takes a part of a large message and then says that nobody is there: what waits behind it goes
 * nowhere, and the cell lives. */
static void a_callee_may_hang_up_in_the_middle_of_a_message(void)
{
    struct doorbell d = {.greet = slam};
    struct fake other;
    Cell__Testcell__AskRequest request = asker_to("testcell.175", 8, 150);

    doorbell_open(&d, asker_hub_name(175));
    fake_start(&other, &(struct fake_spec){.instance = 25, .message_bytes = SLAMMED_SIZE + 8192});
    request.fill = SLAMMED_SIZE;
    for (int k = 0; k < SLAMMED_ROUNDS; k++) {
        ProtobufCMessage *reply = NULL;
        char text[SP_TEXT_SIZE];
        enum err e = fake_call(fake_door(&other, "", ""), CELL__TESTCELL__OP__OP_ASK, &request.base,
                               &cell__testcell__ask_reply__descriptor, FAKE_PATIENCE_MS, &reply, text);
        REQUIRE(e == ERR_OK, "round %d: it is there to be asked: %s %s", k, err_name(e), text);
        CHECK(asker_count((Cell__Testcell__AskReply *)reply, ERR_OK) == 0, "nobody answered");
        protobuf_c_message_free_unpacked(reply, NULL);
    }
    fake_finish(&other);
    CHECK(atomic_load(&d.rings) >= SLAMMED_ROUNDS, "it was hung up on: %u", atomic_load(&d.rings));
    doorbell_close(&d, asker_hub_name(175));
}

/* ---- heartbeat --------------------------------------------------------------------------------- */

static void the_heart_beats_with_the_token(void)
{
    struct fake other;

    pthread_mutex_lock(&nucleus.lock);
    memset(nucleus.token, 0, sizeof nucleus.token);
    pthread_mutex_unlock(&nucleus.lock);
    fake_spawn(&other, &(struct fake_spec){.instance = 23}, NULL);
    pthread_mutex_lock(&nucleus.lock);
    memcpy(nucleus.token, other.token, sizeof nucleus.token);
    pthread_mutex_unlock(&nucleus.lock);
    unsigned before = atomic_load(&nucleus.beats);
    fake_say_genesis(&other, &(struct fake_spec){.instance = 23, .heartbeat_ms = 20});
    uint64_t until_us = fake_now_us() + FAKE_PATIENCE_MS * UINT64_C(1000);
    while (atomic_load(&nucleus.beats) < before + 5 && fake_now_us() < until_us) {
        fake_nap_ms(2);
    }
    CHECK(atomic_load(&nucleus.beats) >= before + 5, "five beats come: %u",
          atomic_load(&nucleus.beats) - before);
    fake_finish(&other);
}

/* ---- the end ----------------------------------------------------------------------------------- */

/* What a stopping cell still waits for ends with CANCELLED while the cell is whole. */
static void the_end_cancels_what_is_asked(void)
{
    struct hub silent;
    struct fake other;
    Cell__Testcell__AskRequest request = asker_to("testcell.180", 5, 60000);
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
    Cell__Gap__Terminate terminate = CELL__GAP__TERMINATE__INIT;

    hub_open(&silent, asker_hub_name(180), HUB_SILENT, 180);
    fake_start(&other, &(struct fake_spec){.instance = 24});
    AUTO_FD int fd = raw_open(fake_door(&other, "", ""));
    request.again = 3; /* a callback that asks again is told so as well */
    REQUIRE(raw_ask(fd, 1, CELL__TESTCELL__OP__OP_ASK, &request.base, 60000), "five calls");
    REQUIRE(fake_metric_becomes(&other, "cell_calls_outstanding", 5), "wait");
    message.what_case = CELL__GAP__TO_CELL__WHAT_TERMINATE;
    message.terminate = &terminate;
    fake_say(other.gap, &message);
    int status = fake_exit_status(&other, FAKE_PATIENCE_MS);
    CHECK(status == 0, "ended in order: %d", status);
    hub_close(&silent);
    fake_end(&other);
}

int main(int argc, char **argv)
{
    fake_init(argc, argv);
    hub_open(&nucleus, "nucleus.sock", HUB_NUCLEUS, 0);
    fake_start(&f, &(struct fake_spec){.instance = CALLER, .heartbeat_ms = 60000});
    a_silent_callee_costs_the_deadline();
    a_callee_that_is_not_there_costs_the_deadline();
    a_stopped_callee_costs_the_deadline();
    deadlines_are_passed_on();
    a_timer_may_ask();
    asking_again_has_a_deadline();
    a_dead_callee_is_noticed_at_once();
    a_late_callee_is_waited_for();
    nobody_is_looked_for_in_vain();
    instances_take_turns();
    names_are_judged();
    nobody_healthy_is_said_at_once();
    a_call_follows_its_name();
    a_nucleus_that_is_away_stops_nobody();
    requests_of_one_turn_travel_together();
    a_slow_answer_holds_nobody_up();
    urgent_calls_overtake();
    waiting_calls_do_not_fill_the_link();
    a_batch_that_is_too_large_is_taken_apart();
    outstanding_requests_are_limited();
    a_request_has_a_size();
    answers_nobody_asked_for_are_dropped();
    a_callee_may_hang_up_in_the_middle_of_a_message();
    the_heart_beats_with_the_token();
    the_end_cancels_what_is_asked();
    fake_finish(&f);
    hub_close(&nucleus);
    return CHECK_RESULT();
}
