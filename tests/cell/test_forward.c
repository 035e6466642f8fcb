/* Requests for cells of other nodes: they go to the gateway, which passes them on unread. Here the gateway is a
 * cell without a network that finds the callee beside itself. GW-2, NUC-21. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/run/fd.h"
#include "asker.h"
#include "fake.h"
#include "hub.h"
#include "raw.h"
#include "testcell.pb-c.h"
#include "tests/support/check.h"

enum {
    ASKER = 20,
    GATEWAY = 25,
    CALLEE = 30,
    FAILURES = 5, /* that open a breaker */
};

static struct fake asker, gateway;
static struct hub nucleus;

static const struct fake_caller callers[] = {
    {"default", "one", {"testcell@far.*"}},
    {"default", "any", {"testcell@*.*"}},
    {"default", "all", {"*@far.*"}},
    {"default", "here", {"testcell.*", "*.Echo"}},
    {"other", "one", {"greeter@far.*"}},
};

/* ---- at the gateway's door ---------------------------------------------------------------------- */

/* Ask for an Echo with this route. */
static int send_echo(const char *door, const char *route, uint32_t deadline_ms)
{
    Cell__Testcell__EchoRequest echo = CELL__TESTCELL__ECHO_REQUEST__INIT;
    Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
    Cell__Envelope__Request one = CELL__ENVELOPE__REQUEST__INIT, *slot = &one;
    int fd = raw_open(door);

    one.id = 1;
    one.operation = CELL__TESTCELL__OP__OP_ECHO;
    one.route = (char *)route;
    one.deadline_ms = deadline_ms;
    AUTO_FREE uint8_t *body = raw_pack(&echo.base, &one.body.len);
    one.body.data = body;
    requests.version = 1;
    requests.requests = &slot;
    requests.n_requests = 1;
    REQUIRE(raw_send(fd, 7, &requests), "it is sent");
    return fd;
}

/* What becomes of it. */
static enum err knock(const char *door, const char *route)
{
    AUTO_FD int fd = send_echo(door, route, FAKE_PATIENCE_MS);
    uint32_t id;

    return raw_status(fd, FAKE_PATIENCE_MS, &id);
}

static void a_route_is_a_right_of_its_own(void)
{
    static const struct {
        const char *space, *cell, *route;
        enum err e;
        const char *why;
    } rows[] = {
        {"", "", "testcell.30@far", ERR_OK, "the operator may"},
        {"default", "one", "testcell.30@far", ERR_OK, "granted by cell and node"},
        {"default", "one", "default/testcell.30@far", ERR_OK, "with its namespace"},
        {"default", "one", "testcell.30@farther", ERR_DENIED, "another node"},
        {"default", "any", "testcell.30@farther", ERR_OK, "any node"},
        {"default", "any", "greeter.30@far", ERR_DENIED, "another cell"},
        {"default", "all", "testcell.30@far", ERR_OK, "any cell of that node"},
        {"default", "all", "testcell.30@farther", ERR_DENIED, "and of no other"},
        {"default", "here", "testcell.30@far", ERR_DENIED, "rights at this node are none elsewhere"},
        {"other", "one", "testcell.30@far", ERR_DENIED, "the same name in another namespace is another caller"},
        {"", "", "testcell.30", ERR_INVALID, "no node"},
        {"", "", "testcell.30@", ERR_INVALID, "an empty one"},
        {"", "", "@far", ERR_INVALID, "no cell"},
        {"", "", "../testcell.30@far", ERR_INVALID, "a path"},
        {"", "", "testcell.30@far@farther", ERR_INVALID, "two nodes"},
        {"", "", "testcell.30@fa\nr", ERR_INVALID, "a line end"},
        {"default", "here", "*@*", ERR_INVALID, "a pattern"},
    };

    struct hub callee;
    hub_open(&callee, asker_hub_name(CALLEE), HUB_ECHO, CALLEE);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned before = atomic_load(&callee.requests);
        enum err e = knock(fake_door(&gateway, rows[i].space, rows[i].cell), rows[i].route);
        CHECK(e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(e));
        CHECK(atomic_load(&callee.requests) - before == (rows[i].e == ERR_OK), "row %zu: %s: passed on", i,
              rows[i].why);
    }
    CHECK(fake_metric(&gateway, "cell_requests_total", "(forward)", "OK") == 5, "they are counted");
    CHECK(fake_metric(&gateway, "cell_requests_total", "Echo", NULL) == -1, "and not as the gateway's own");
    hub_close(&callee);
}

/* ---- from a cell ------------------------------------------------------------------------------- */

static Cell__Testcell__AskReply *ask(const char *target, uint32_t fill, uint32_t count, uint32_t deadline_ms)
{
    Cell__Testcell__AskRequest request = CELL__TESTCELL__ASK_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    char text[SP_TEXT_SIZE];

    request.target = (char *)target;
    request.operation = CELL__TESTCELL__OP__OP_ECHO;
    request.count = count;
    request.fill = fill;
    request.deadline_ms = deadline_ms;
    enum err e = fake_call(fake_door(&asker, "", ""), CELL__TESTCELL__OP__OP_ASK, &request.base,
                           &cell__testcell__ask_reply__descriptor, FAKE_PATIENCE_MS, &reply, text);
    REQUIRE(e == ERR_OK, "%s is asked: %s %s", target, err_name(e), text);
    return (Cell__Testcell__AskReply *)reply;
}

/* Ask once; the callee's instance, or minus the error. */
static int ask_once(const char *target, uint32_t fill, uint32_t deadline_ms)
{
    Cell__Testcell__AskReply *r = ask(target, fill, 1, deadline_ms);
    enum err e = err_from_wire(r->outcomes[0]->status);
    int ret = e == ERR_OK ? (int)r->outcomes[0]->instance : -(int)e;

    cell__testcell__ask_reply__free_unpacked(r, NULL);
    return ret;
}

static void a_cell_asks_as_if_it_were_here(void)
{
    struct hub callee;

    hub_open(&callee, asker_hub_name(CALLEE + 1), HUB_ECHO, CALLEE + 1);
    CHECK(ask_once("testcell.31@far", 0, FAKE_PATIENCE_MS) == CALLEE + 1, "by number");
    CHECK(ask_once("default/testcell.31@far", 0, FAKE_PATIENCE_MS) == CALLEE + 1, "with its namespace");
    CHECK(ask_once("testcell.31@far", 500000, FAKE_PATIENCE_MS) == CALLEE + 1, "what is large as well");
    Cell__Testcell__AskReply *r = ask("testcell.31@far", 0, 200, FAKE_PATIENCE_MS);
    size_t good = 0;
    for (size_t i = 0; i < r->n_outcomes; i++) {
        good += r->outcomes[i]->status == 1 && r->outcomes[i]->instance == CALLEE + 1;
    }
    CHECK(good == 200, "many at once: %zu", good);
    cell__testcell__ask_reply__free_unpacked(r, NULL);
    CHECK(fake_metric(&gateway, "cell_requests_total", "(forward)", "OK") >= 203, "by way of the gateway");
    double passed = fake_metric(&gateway, "cell_requests_total", "(forward)", "OK");
    CHECK(ask_once("testcell.31@node-a", 0, FAKE_PATIENCE_MS) == CALLEE + 1, "our own node's name is no detour");
    CHECK(fake_metric(&gateway, "cell_requests_total", "(forward)", "OK") == passed, "and was none");
    CHECK(ask_once("testcell.31@fa/r", 0, 1000) == -(int)ERR_INVALID, "what is no name is refused");
    hub_close(&callee);
}

static void errors_come_back_whole(void)
{
    struct hub callee;

    hub_open(&callee, asker_hub_name(CALLEE + 2), HUB_FOLLOWER, CALLEE + 2);
    (void)snprintf(callee.hint, sizeof callee.hint, "testcell.31");
    CHECK(ask_once("testcell.32@far", 0, 1000) == -(int)ERR_NOT_LEADER,
          "a hint is about the other node: not followed here");
    hub_close(&callee);
}

/* Five failures open a breaker: that of the cell that failed, not the gateway's. */
static void one_dead_node_takes_no_other_along(void)
{
    struct hub busy, well;

    hub_open(&busy, asker_hub_name(CALLEE + 3), HUB_BUSY, CALLEE + 3);
    hub_open(&well, asker_hub_name(CALLEE + 4), HUB_ECHO, CALLEE + 4);
    atomic_store(&busy.patience, 1000000);
    for (int i = 0; i < 2 * FAILURES; i++) {
        int e = ask_once("testcell.33@far", 0, FAKE_PATIENCE_MS);
        CHECK(e == -(int)ERR_UNAVAILABLE, "time %d: %d", i, e);
    }
    unsigned reached = atomic_load(&busy.requests);
    CHECK(reached >= 1 && reached < 2 * FAILURES, "its breaker is open: %u reached it", reached);
    CHECK(ask_once("testcell.34@far", 0, FAKE_PATIENCE_MS) == CALLEE + 4, "another cell of that node answers");
    CHECK(ask_once("testcell.34@farther", 0, FAKE_PATIENCE_MS) == CALLEE + 4, "and another node's");
    hub_close(&busy);
    hub_close(&well);
}

static void a_deadline_crosses_the_gateway(void)
{
    struct hub silent;

    hub_open(&silent, asker_hub_name(CALLEE + 5), HUB_SILENT, CALLEE + 5);
    CHECK(ask_once("testcell.35@far", 0, 200) == -(int)ERR_TIMEOUT, "nobody answers");
    CHECK(fake_metric_becomes(&gateway, "cell_inflight_requests", 1), "and the gateway waits no longer");
    hub_close(&silent);
}

/* The cell that passes on looks at it as long as it waits, and the testcell does. */
static void what_is_passed_on_stays_while_others_come(void)
{
    const char *door = fake_door(&gateway, "", "");
    struct hub silent;
    uint32_t id;

    hub_open(&silent, asker_hub_name(CALLEE + 6), HUB_SILENT, CALLEE + 6);
    AUTO_FD int fd = send_echo(door, "testcell.36@far", 500);
    for (int i = 0; i < 20; i++) {
        CHECK(knock(door, "../testcell.1@farther") == ERR_INVALID, "time %d: others are refused meanwhile", i);
    }
    CHECK(raw_status(fd, FAKE_PATIENCE_MS, &id) == ERR_TIMEOUT, "nobody answers");
    CHECK(fake_metric_becomes(&gateway, "cell_inflight_requests", 1), "the gateway is there, and waits no longer");
    hub_close(&silent);
}

int main(int argc, char **argv)
{
    fake_init(argc, argv);
    hub_open(&nucleus, "nucleus.sock", HUB_NUCLEUS, 0);
    fake_start(&gateway, &(struct fake_spec){.instance = GATEWAY, .callers = callers,
                                             .caller_count = ARRAY_LEN(callers), .heartbeat_ms = 60000});
    fake_publish(&gateway, "", "");
    hub_resolves(&nucleus, GATEWAY, 1);
    fake_start(&asker, &(struct fake_spec){.instance = ASKER, .heartbeat_ms = 60000});
    a_route_is_a_right_of_its_own();
    a_cell_asks_as_if_it_were_here();
    errors_come_back_whole();
    one_dead_node_takes_no_other_along();
    a_deadline_crosses_the_gateway();
    what_is_passed_on_stays_while_others_come();
    fake_finish(&asker);
    fake_finish(&gateway);
    hub_close(&nucleus);
    return CHECK_RESULT();
}
