/* Answers in parts, callers that give up, watches across restarts (RPC-11). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/run/cell.h"
#include "common/run/fd.h"
#include "asker.h"
#include "fake.h"
#include "hub.h"
#include "raw.h"
#include "tests/support/check.h"

enum {
    CALLER = 20,
    CALLEE = 21,
    STOP_US = 10000, /* from cancelling to the producer's last part */
};

static struct fake f, callee;
static struct hub nucleus;

static Cell__Testcell__AskRequest stream(uint32_t parts, uint32_t deadline_ms)
{
    Cell__Testcell__AskRequest request = CELL__TESTCELL__ASK_REQUEST__INIT;

    request.target = (char *)"testcell.21";
    request.operation = CELL__TESTCELL__OP__OP_STREAM;
    request.count = 1;
    request.parts = parts;
    request.deadline_ms = deadline_ms;
    request.fill = 100;
    return request;
}

static Cell__Testcell__CountsReply counts_of(struct fake *cell)
{
    Cell__Testcell__CountsRequest request = CELL__TESTCELL__COUNTS_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    char text[SP_TEXT_SIZE];

    REQUIRE(fake_call(fake_door(cell, "", ""), CELL__TESTCELL__OP__OP_COUNTS, &request.base,
                      &cell__testcell__counts_reply__descriptor, FAKE_PATIENCE_MS, &reply,
                      text) == ERR_OK, "it counts: %s", text);
    Cell__Testcell__CountsReply c = *(Cell__Testcell__CountsReply *)reply;
    protobuf_c_message_free_unpacked(reply, NULL);
    return c; /* numbers only */
}

/* ---- parts ------------------------------------------------------------------------------------- */

static void parts_come_in_order_and_then_the_last(void)
{
    static const struct {
        uint32_t parts, credit;
    } rows[] = {{1, 0}, {16, 0}, {17, 0}, {5000, 0}, {100, 1}, {100, 2}, {100, 3}, {1000, 1000}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Cell__Testcell__AskRequest request = stream(rows[i].parts, 20000);
        request.credit = rows[i].credit;
        Cell__Testcell__AskReply *r = asker_ask(&f, &request, 3 * FAKE_PATIENCE_MS);
        const Cell__Testcell__Outcome *o = r->outcomes[0];
        CHECK(o->status == 1 && o->parts == rows[i].parts && !o->out_of_order,
              "row %zu: %u of %u parts, %s", i, o->parts, rows[i].parts,
              err_name(err_from_wire(o->status)));
        cell__testcell__ask_reply__free_unpacked(r, NULL);
    }
}

/* A caller that gives no more credit gets no more parts, and costs the callee nothing but the call. */
static void no_more_parts_come_than_are_wanted(void)
{
    Cell__Testcell__CountsReply before = counts_of(&callee);
    Cell__Testcell__AskRequest request = stream(1000, 300);

    request.credit = 5;
    request.holds_credit = true;
    Cell__Testcell__AskReply *r = asker_ask(&f, &request, 3 * FAKE_PATIENCE_MS);
    Cell__Testcell__CountsReply after = counts_of(&callee);
    CHECK(err_from_wire(r->outcomes[0]->status) == ERR_TIMEOUT && r->outcomes[0]->parts == 5,
          "five parts, then nothing: %u", r->outcomes[0]->parts);
    CHECK(after.parts - before.parts == 5, "five were sent: %" PRIu64, after.parts - before.parts);
    for (int i = 0; i < 100 && after.expired == before.expired; i++) { /* its deadline began when it arrived */
        fake_nap_ms(5);
        after = counts_of(&callee);
    }
    CHECK(after.expired - before.expired == 1, "the producer is told that the deadline has passed");
    cell__testcell__ask_reply__free_unpacked(r, NULL);
}

static void who_takes_one_answer_is_sent_no_parts(void)
{
    Cell__Testcell__StreamRequest request = CELL__TESTCELL__STREAM_REQUEST__INIT;
    char text[SP_TEXT_SIZE];

    request.parts = 3;
    enum err e = fake_call(fake_door(&callee, "", ""), CELL__TESTCELL__OP__OP_STREAM, &request.base,
                           &cell__testcell__stream_reply__descriptor, 1000, NULL, text);
    CHECK(e == ERR_UNSUPPORTED, "a plain client: %s", err_name(e));
}

/* ---- cancelling -------------------------------------------------------------------------------- */

static void cancelling_stops_the_producer(void)
{
    uint64_t worst_us = 0, best_us = UINT64_MAX;

    for (int i = 0; i < 10; i++) {
        Cell__Testcell__CountsReply before = counts_of(&callee);
        Cell__Testcell__AskRequest request = stream(0, 20000); /* without end */
        request.cancel_parts = 50;
        Cell__Testcell__AskReply *r = asker_ask(&f, &request, 3 * FAKE_PATIENCE_MS);
        const Cell__Testcell__Outcome *o = r->outcomes[0];
        CHECK(err_from_wire(o->status) == ERR_CANCELLED && o->parts == 50, "%s after %u parts",
              err_name(err_from_wire(o->status)), o->parts);
        CHECK(o->took_us < 5000000, "at once: %" PRIu64 " us", o->took_us);
        REQUIRE(fake_metric_becomes(&callee, "cell_inflight_requests", 1), "nothing runs on");
        Cell__Testcell__CountsReply after = counts_of(&callee);
        CHECK(after.cancels - before.cancels == 1, "the producer is told once");
        uint64_t stopped_us = after.part_us > after.cancel_us ? after.part_us : after.cancel_us;
        uint64_t took_us = stopped_us > o->cancelled_us ? stopped_us - o->cancelled_us : 0;
        worst_us = took_us > worst_us ? took_us : worst_us;
        best_us = took_us < best_us ? took_us : best_us;
        cell__testcell__ask_reply__free_unpacked(r, NULL);
    }
    /* The best of ten: the rest is other people's work on this machine. */
    CHECK(best_us < STOP_US, "the producer stops in time: %" PRIu64 " us", best_us);
    printf("cancelled: the producer stopped %" PRIu64 " to %" PRIu64 " us later\n", best_us, worst_us);
}

static void what_waits_may_be_taken_back(void)
{
    static const struct {
        const char *target;
        uint32_t operation;
        const char *why;
    } rows[] = {
        {"testcell.21", CELL__TESTCELL__OP__OP_NEVER, "the callee has it"},
        {"testcell.29", CELL__TESTCELL__OP__OP_NEVER, "nobody is connected"},
        {"space/unheard-of", CELL__TESTCELL__OP__OP_NEVER, "the name stands for nobody known"},
    };

    hub_resolves(&nucleus, 29, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Cell__Testcell__AskRequest request = stream(0, 20000);
        request.target = (char *)rows[i].target;
        request.operation = rows[i].operation;
        request.count = 20;
        request.cancel_ms = 100;
        Cell__Testcell__AskReply *r = asker_ask(&f, &request, 3 * FAKE_PATIENCE_MS);
        for (size_t k = 0; k < r->n_outcomes; k++) {
            const Cell__Testcell__Outcome *o = r->outcomes[k];
            CHECK(err_from_wire(o->status) == ERR_CANCELLED && o->took_us < 5000000, "%s: %s after %" PRIu64,
                  rows[i].why, err_name(err_from_wire(o->status)), o->took_us);
        }
        cell__testcell__ask_reply__free_unpacked(r, NULL);
    }
    CHECK(fake_metric_becomes(&callee, "cell_inflight_requests", 1), "the callee works on none of them");
    CHECK(fake_metric_becomes(&f, "cell_calls_outstanding", 0), "the caller waits for none");
}

/* Notes reach the calls of their own connection and no others; what is no note is refused. */
static void nobody_cancels_for_another(void)
{
    Cell__Testcell__NeverRequest never = CELL__TESTCELL__NEVER_REQUEST__INIT;
    Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
    Cell__Envelope__Note item[257], *slot[257];
    uint32_t id;
    AUTO_FD int mine = raw_open(fake_door(&callee, "", ""));
    AUTO_FD int other = raw_open(fake_door(&callee, "", ""));

    REQUIRE(raw_ask(mine, 7, CELL__TESTCELL__OP__OP_NEVER, &never.base, 60000), "a call");
    REQUIRE(fake_metric_becomes(&callee, "cell_inflight_requests", 2), "waits");
    for (size_t i = 0; i < ARRAY_LEN(item); i++) {
        item[i] = (Cell__Envelope__Note)CELL__ENVELOPE__NOTE__INIT;
        item[i].message = 7;
        item[i].id = 7;
        item[i].what_case = CELL__ENVELOPE__NOTE__WHAT_CANCEL;
        item[i].cancel = true;
        slot[i] = &item[i];
    }
    requests.version = 1;
    requests.notes = slot;
    requests.n_notes = 256;
    REQUIRE(raw_send(other, 8, &requests), "another connection's note");
    requests.n_notes = 257;
    REQUIRE(raw_send(other, 9, &requests), "too many notes");
    CHECK(raw_status(other, FAKE_PATIENCE_MS, &id) == ERR_MALFORMED && id == 9, "are refused");
    requests.n_notes = 0;
    REQUIRE(raw_send(other, 10, &requests), "nothing at all");
    CHECK(raw_status(other, FAKE_PATIENCE_MS, &id) == ERR_MALFORMED && id == 10, "is refused");
    CHECK(fake_metric(&callee, "cell_inflight_requests", NULL, NULL) == 2, "the call still waits");
    requests.n_notes = 1;
    item[0].id = 6;
    REQUIRE(raw_send(mine, 11, &requests), "a note about what never was");
    item[0].id = 7;
    item[0].what_case = CELL__ENVELOPE__NOTE__WHAT_CREDIT;
    item[0].credit = UINT32_MAX;
    REQUIRE(raw_send(mine, 12, &requests), "credit for what takes none");
    item[0].what_case = CELL__ENVELOPE__NOTE__WHAT_CANCEL;
    item[0].cancel = true;
    REQUIRE(raw_send(mine, 13, &requests), "its own");
    CHECK(raw_status(mine, FAKE_PATIENCE_MS, &id) == ERR_CANCELLED && id == 7, "ends it");
}

/* Half an answer is handed on already: it does not begin anew, whatever the operation is marked as. */
static void a_stream_ends_with_its_producer(void)
{
    Cell__Testcell__AskRequest request = stream(0, 20000);
    uint32_t id;

    request.idempotent = true;
    request.credit = 5;
    request.holds_credit = true;
    AUTO_FD int fd = raw_open(fake_door(&f, "", ""));
    uint64_t before = counts_of(&f).heard; /* what the producer has sent may be on its way yet, and dies with it */
    REQUIRE(raw_ask(fd, 1, CELL__TESTCELL__OP__OP_ASK, &request.base, 60000), "asked");
    while (counts_of(&f).heard < before + 5) {
        fake_nap_ms(2);
    }
    fake_end(&callee);
    Cell__Envelope__Replies *replies = raw_hear(fd, FAKE_PATIENCE_MS, &id);
    REQUIRE(replies != NULL && replies->replies[0]->status == 1, "answered");
    Cell__Testcell__AskReply *r = cell__testcell__ask_reply__unpack(
        NULL, replies->replies[0]->body.len, replies->replies[0]->body.data);
    REQUIRE(r != NULL, "the answer parses");
    CHECK(err_from_wire(r->outcomes[0]->status) == ERR_PEER_DEAD && r->outcomes[0]->parts == 5,
          "%s after %u parts", err_name(err_from_wire(r->outcomes[0]->status)), r->outcomes[0]->parts);
    cell__testcell__ask_reply__free_unpacked(r, NULL);
    cell__envelope__replies__free_unpacked(replies, NULL);
    fake_start(&callee, &(struct fake_spec){.instance = CALLEE});
    fake_publish(&callee, "", "");
}

/* ---- watches ----------------------------------------------------------------------------------- */

static void push(uint64_t item)
{
    Cell__Testcell__PushRequest request = CELL__TESTCELL__PUSH_REQUEST__INIT;
    char text[SP_TEXT_SIZE];

    request.item = item;
    enum err e = fake_call(fake_door(&callee, "", ""), CELL__TESTCELL__OP__OP_PUSH, &request.base,
                           &cell__testcell__push_reply__descriptor, FAKE_PATIENCE_MS, NULL, text);
    REQUIRE(e == ERR_OK, "pushed: %s", err_name(e));
}

/* What a follower saw is items first..last, once each. */
static void check_followed(int fd, uint64_t first, uint64_t last, const char *why)
{
    uint32_t id;
    Cell__Envelope__Replies *replies = raw_hear(fd, FAKE_PATIENCE_MS, &id);

    REQUIRE(replies != NULL && replies->replies[0]->status == 1, "%s: answered", why);
    Cell__Testcell__FollowReply *r = cell__testcell__follow_reply__unpack(
        NULL, replies->replies[0]->body.len, replies->replies[0]->body.data);
    REQUIRE(r != NULL, "%s: the answer parses", why);
    CHECK(r->n_items == last - first + 1, "%s: %zu items", why, r->n_items);
    for (size_t i = 0; i < r->n_items; i++) {
        CHECK(r->items[i] == first + i, "%s: item %zu is %" PRIu64, why, i, r->items[i]);
    }
    printf("%s: %zu items, %u troubles\n", why, r->n_items, r->troubles);
    cell__testcell__follow_reply__free_unpacked(r, NULL);
    cell__envelope__replies__free_unpacked(replies, NULL);
}

static void follow(int fd, uint64_t from, uint64_t until)
{
    Cell__Testcell__FollowRequest request = CELL__TESTCELL__FOLLOW_REQUEST__INIT;

    request.target = (char *)"testcell.21";
    request.from = from;
    request.until = until;
    REQUIRE(raw_ask(fd, 1, CELL__TESTCELL__OP__OP_FOLLOW, &request.base, 120000), "followed");
}

/* The callee is killed at any moment: between polls, while one waits, with news that nobody has seen. */
static void a_watch_misses_nothing_across_restarts(void)
{
    enum { ITEMS = 60 };
    AUTO_FD int fd = raw_open(fake_door(&f, "", ""));

    follow(fd, 0, ITEMS);
    for (uint64_t i = 1; i <= ITEMS; i++) {
        push(i);
        if (i % 15 == 0) {
            fake_end(&callee);
            fake_start(&callee, &(struct fake_spec){.instance = CALLEE});
            fake_publish(&callee, "", "");
        } else if (i % 4 == 0) {
            fake_nap_ms(15); /* so that polls wait, now and then */
        }
    }
    check_followed(fd, 1, ITEMS, "watched across four restarts of the callee");

    /* The follower restarts with what it has dealt with. */
    fake_end(&f);
    fake_start(&f, &(struct fake_spec){.instance = CALLER, .heartbeat_ms = 60000});
    AUTO_FD int again = raw_open(fake_door(&f, "", ""));
    follow(again, 20, ITEMS + 5);
    for (uint64_t i = ITEMS + 1; i <= ITEMS + 5; i++) {
        push(i);
    }
    check_followed(again, 21, ITEMS + 5, "watched on after a restart of the watcher");
}

/* A callee that lost its list counts anew: the watcher is told and sees all there is. */
static void a_list_that_was_lost_is_begun_anew(void)
{
    char path[FAKE_PATH_SIZE + 8];
    AUTO_FD int fd = raw_open(fake_door(&f, "", ""));

    (void)snprintf(path, sizeof path, "%s/list", callee.state_dir);
    fake_end(&callee);
    REQUIRE(unlink(path) == 0, "the list is lost");
    fake_start(&callee, &(struct fake_spec){.instance = CALLEE});
    fake_publish(&callee, "", "");
    push(1);
    follow(fd, 50, 2); /* `until` counts in the new list */
    REQUIRE(fake_log_waits(&f, "TESTCELL-FOLLOW", "DATA_LOSS"), "the watcher is told");
    push(2);
    check_followed(fd, 1, 2, "watched anew");
}

int main(int argc, char **argv)
{
    fake_init(argc, argv);
    hub_open(&nucleus, "nucleus.sock", HUB_NUCLEUS, 0);
    fake_start(&f, &(struct fake_spec){.instance = CALLER, .heartbeat_ms = 60000});
    fake_start(&callee, &(struct fake_spec){.instance = CALLEE});
    fake_publish(&callee, "", "");
    parts_come_in_order_and_then_the_last();
    no_more_parts_come_than_are_wanted();
    who_takes_one_answer_is_sent_no_parts();
    cancelling_stops_the_producer();
    what_waits_may_be_taken_back();
    nobody_cancels_for_another();
    a_stream_ends_with_its_producer();
    a_watch_misses_nothing_across_restarts();
    a_list_that_was_lost_is_begun_anew();
    fake_finish(&f);
    fake_finish(&callee);
    hub_close(&nucleus);
    return CHECK_RESULT();
}
