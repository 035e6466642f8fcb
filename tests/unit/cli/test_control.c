/* Orders and waiting: start, stop, restart, scale, apply, events, health, top against a fake nucleus
 * whose instances change state as they are looked at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/macros.h"
#include "fake.h"
#include "proto/inspect.pb-c.h"
#include "proto/nucleus.pb-c.h"

enum { EVENTS = 600 }; /* more than one answer holds */

/* The state of one cell as the fake nucleus plays it. */
static struct {
    const char *state;
    const char *next;  /* after `looks` more looks */
    int looks;
    uint64_t generation;
    uint32_t count;
} cell = {"ready", NULL, 0, 5, 2};

static void become(const char *now, const char *next, int looks)
{
    cell.state = now;
    cell.next = next;
    cell.looks = looks;
}

static void look(void)
{
    if (cell.next != NULL && cell.looks-- <= 0) {
        cell.state = cell.next;
        cell.next = NULL;
    }
}

/* "slow" gets there after some looks, "broken" gives up, "never" does not move. */
static void start(const char *target)
{
    cell.generation++;
    become("booting", strcmp(target, "broken") == 0 ? "crash-loop"
                      : strcmp(target, "never") == 0 ? NULL : "ready", 3);
}

static void say_status(const Cell__Envelope__Request *request, struct fake_reply *reply)
{
    static Cell__Nucleus__InstanceStatus item[8];
    Cell__Nucleus__InstanceStatus *list[8];
    Cell__Nucleus__StatusReply s = CELL__NUCLEUS__STATUS_REPLY__INIT;
    static char *last[] = {(char *)"its last words"};

    (void)request;
    look();
    for (uint32_t i = 0; i < cell.count; i++) {
        item[i] = (Cell__Nucleus__InstanceStatus)CELL__NUCLEUS__INSTANCE_STATUS__INIT;
        item[i].cell = (char *)"slow";
        item[i].namespace_ = (char *)"default";
        item[i].instance = i;
        item[i].state = (char *)cell.state;
        item[i].healthy = strcmp(cell.state, "ready") == 0;
        item[i].generation = cell.generation;
        item[i].pid = item[i].healthy ? 100 + i : 0;
        if (strcmp(cell.state, "crash-loop") == 0) {
            item[i].reason = (char *)"exit status 9";
            item[i].last_log = last;
            item[i].n_last_log = 1;
        }
        list[i] = &item[i];
    }
    s.node = (char *)"n";
    s.cells = list;
    s.n_cells = cell.count;
    fake_say(reply, &s.base);
}

static void say_events(const Cell__Envelope__Request *request, struct fake_reply *reply)
{
    Cell__Nucleus__EventsRequest *ask =
        cell__nucleus__events_request__unpack(NULL, request->body.len, request->body.data);
    static Cell__Nucleus__Event item[512];
    static Cell__Nucleus__Event *list[512];
    Cell__Nucleus__EventsReply r = CELL__NUCLEUS__EVENTS_REPLY__INIT;

    for (uint64_t n = ask->after + 1; n <= EVENTS && r.n_events < 512; n++) {
        Cell__Nucleus__Event *e = &item[r.n_events];

        *e = (Cell__Nucleus__Event)CELL__NUCLEUS__EVENT__INIT;
        e->sequence = n;
        e->time_ms = 1700000000000 + n;
        e->cell = (char *)(n % 2 == 0 ? "slow" : "");
        e->namespace_ = (char *)"default";
        e->kind = (char *)"state";
        e->detail = (char *)"\x1b[2Jready";
        list[r.n_events++] = e;
    }
    r.events = list;
    r.last = r.n_events > 0 ? list[r.n_events - 1]->sequence : ask->after;
    fake_say(reply, &r.base);
    cell__nucleus__events_request__free_unpacked(ask, NULL);
}

static void say_applied(const Cell__Envelope__Request *request, struct fake_reply *reply)
{
    Cell__Nucleus__ApplyRequest *ask =
        cell__nucleus__apply_request__unpack(NULL, request->body.len, request->body.data);
    Cell__Nucleus__Change change = CELL__NUCLEUS__CHANGE__INIT, *list[] = {&change};
    Cell__Nucleus__ApplyReply r = CELL__NUCLEUS__APPLY_REPLY__INIT;

    change.kind = (char *)"change";
    change.cell = (char *)"slow";
    change.namespace_ = (char *)"default";
    change.what = (char *)"instances 1 -> 2";
    r.changes = list;
    r.n_changes = 1;
    r.applied = !ask->dry_run;
    if (strcmp(ask->manifest, "bad") == 0) {
        fake_refuse(reply, 13, "m.yaml:3: cells[0].name: expected text");
    } else {
        if (!ask->dry_run) {
            start("slow");
        }
        fake_say(reply, &r.base);
    }
    cell__nucleus__apply_request__free_unpacked(ask, NULL);
}

static void say_started(const Cell__Envelope__Request *request, struct fake_reply *reply)
{
    /* Start, Stop and Restart share their form. */
    Cell__Nucleus__StartRequest *ask =
        cell__nucleus__start_request__unpack(NULL, request->body.len, request->body.data);
    Cell__Nucleus__StartReply r = CELL__NUCLEUS__START_REPLY__INIT;

    r.instances = cell.count;
    if (request->operation == CELL__NUCLEUS__OP__OP_STOP) {
        become("draining", "stopped", 2);
    } else {
        start(ask->target);
    }
    fake_say(reply, &r.base);
    cell__nucleus__start_request__free_unpacked(ask, NULL);
}

static void say_scaled(const Cell__Envelope__Request *request, struct fake_reply *reply)
{
    Cell__Nucleus__ScaleRequest *ask =
        cell__nucleus__scale_request__unpack(NULL, request->body.len, request->body.data);
    Cell__Nucleus__ScaleReply r = CELL__NUCLEUS__SCALE_REPLY__INIT;

    r.before = cell.count;
    r.after = ask->instances;
    cell.count = ask->instances;
    start("slow");
    fake_say(reply, &r.base);
    cell__nucleus__scale_request__free_unpacked(ask, NULL);
}

static void nucleus(const Cell__Envelope__Request *request, struct fake_reply *reply)
{
    switch (request->operation) {
    case CELL__NUCLEUS__OP__OP_STATUS: say_status(request, reply); break;
    case CELL__NUCLEUS__OP__OP_EVENTS: say_events(request, reply); break;
    case CELL__NUCLEUS__OP__OP_APPLY: say_applied(request, reply); break;
    case CELL__NUCLEUS__OP__OP_START:
    case CELL__NUCLEUS__OP__OP_STOP:
    case CELL__NUCLEUS__OP__OP_RESTART: say_started(request, reply); break;
    case CELL__NUCLEUS__OP__OP_SCALE: say_scaled(request, reply); break;
    default: break; /* any number may come over a wire */
    }
}

static void instance(const Cell__Envelope__Request *request, struct fake_reply *reply)
{
    Cell__Inspect__HealthReply h = CELL__INSPECT__HEALTH_REPLY__INIT;

    (void)request;
    h.healthy = true;
    h.calls_waiting = 3;
    h.calls_waiting_max = 10;
    fake_say(reply, &h.base);
}

static void sick_instance(const Cell__Envelope__Request *request, struct fake_reply *reply)
{
    Cell__Inspect__HealthReply h = CELL__INSPECT__HEALTH_REPLY__INIT;

    (void)request;
    h.reason = (char *)"disk full";
    fake_say(reply, &h.base);
}

/* Rows share one node, top to bottom. */
static const struct {
    const char *words[10];
    const char *input;
    int status;
    const char *out; /* part; NULL: nothing */
    const char *err;
    const char *why;
} rows[] = {
    {{"start", "slow"}, NULL, 0, "slow: 2 instances ready\n", NULL, "start waits until ready"},
    {{"restart", "slow"}, NULL, 0, "slow: 2 instances restarted\n", NULL, "restart waits for successors"},
    {{"restart", "slow", "--json"}, NULL, 0, "{\"instances\":2}\n", NULL, "an order as JSON"},
    {{"stop", "slow.0"}, NULL, 0, "slow.0: 2 instances stopped\n", NULL, "stop waits until stopped"},
    {{"start", "slow", "--no-wait"}, NULL, 0, "ready", NULL, "no waiting on demand"},
    {{"scale", "slow", "3"}, NULL, 0, "slow: 3 instances wanted and ready\n", NULL, "scale up"},
    {{"scale", "slow", "0"}, NULL, 0, "slow: 0 instances wanted and ready\n", NULL, "scale to zero"},
    {{"scale", "slow", "2", "--json"}, NULL, 0, "{\"before\":0,\"after\":2}\n", NULL, "scale as JSON"},
    {{"scale", "slow", "1001"}, NULL, 2, NULL, "no number of instances from 0 to 1000", "one too many"},
    {{"scale", "slow", "-1"}, NULL, 2, NULL, "unknown option \"-1\"", "a negative number is an option"},
    {{"scale", "slow", "--", "-1"}, NULL, 2, NULL, "no number of instances", "and no number"},
    {{"scale", "slow.0", "1"}, NULL, 2, NULL, "scale takes a cell", "an instance has no number"},
    {{"start", "bad name"}, NULL, 2, NULL, "is no name of a cell", "a blank in a name"},
    {{"start", "never", "--deadline", "300ms"}, NULL, 1, NULL,
     "not ready in time: slow.0 is booting, slow.1 is booting; the node keeps running; see "
     "`cell status` and `cell logs slow.0`\n", "who is not ready, and what to do"},
    {{"start", "slow"}, NULL, 0, "ready", NULL, "the next order works again"},
    {{"start", "broken"}, NULL, 1, NULL, "not ready: slow.0 is crash-loop: exit status 9",
     "a crash-loop ends the wait at once"},
    {{"start", "broken"}, NULL, 1, NULL, "    | its last words\n", "with its last words"},
    {{"start", "slow", "--deadline", "0"}, NULL, 2, NULL, "is no duration", "no time"},
    {{"start", "slow"}, NULL, 0, "ready", NULL, "in order again"},
    {{"apply", "-", "--dry-run"}, "cells: []", 0, "change  default/slow  instances 1 -> 2\n"
     "dry run: nothing was changed\n", NULL, "what an apply would do"},
    {{"apply", "-"}, "cells: []", 0, "applied\n", NULL, "apply waits until it is done"},
    {{"apply", "-", "--json"}, "x", 0, "{\"changes\":[{\"kind\":\"change\",\"cell\":\"slow\","
     "\"namespace\":\"default\",\"what\":\"instances 1 -> 2\"}],\"applied\":true}\n", NULL, "as JSON"},
    {{"apply", "-"}, "bad", 1, NULL, "nucleus.Apply: INVALID: m.yaml:3: cells[0].name: expected text",
     "a refused manifest says where"},
    {{"apply", "/nonexistent.yaml"}, NULL, 1, NULL, "No such file", "a missing file"},
    {{"events", "-n", "1"}, NULL, 0, "slow.0  state  \\x1b[2Jready\n", NULL, "the last event, escaped"},
    {{"events", "-n", "1", "--json"}, NULL, 0, "{\"sequence\":600,\"time_ms\":1700000000600,"
     "\"cell\":\"slow\",\"namespace\":\"default\",\"instance\":0,\"kind\":\"state\","
     "\"detail\":\"\\u001b[2Jready\"}\n", NULL, "as JSON, over more than one answer"},
    {{"health"}, NULL, 1, "slow.1  unhealthy  ready", "1 instance is not healthy: slow.1",
     "what is sick is named"},
    {{"health"}, NULL, 1, "slow.0  healthy    ready     -   3/10        -\n", "slow.1", "what is well is shown"},
    {{"health", "--json"}, NULL, 1, "\"healthy\":false,\"state\":\"ready\",\"answers\":true,\"error\":\"\","
     "\"reason\":\"disk full\"", "{\"error\":", "as JSON"},
    {{"top", "-n", "2", "--every", "1ms", "--json"}, NULL, 0, "}\n{\"node\":\"n\"", NULL, "two documents"},
    {{"top", "-n", "1", "slow"}, NULL, 0, "node n: 2 ready", NULL, "one look"},
    {{"top", "-n", "0"}, NULL, 2, NULL, "is no number from 1", "no look"},
};

static void check(const struct fake_node *node, size_t i)
{
    struct fake_result r;
    char detail[4096];

    fake_cell(node, rows[i].words, rows[i].input, &r);
    bool good = r.status == rows[i].status;
    good = good && (rows[i].out != NULL ? strstr(r.out, rows[i].out) != NULL : *r.out == '\0');
    good = good && (rows[i].err != NULL ? strstr(r.err, rows[i].err) != NULL : *r.err == '\0');
    snprintf(detail, sizeof detail, "row %zu: exit status %d\n--- out\n%.1500s\n--- err\n%.1500s", i,
             r.status, r.out, r.err);
    fake_claim(good, rows[i].why, detail);
    fake_result_fini(&r);
}

static void all_events_are_shown_once(const struct fake_node *node)
{
    struct fake_result r;
    char *at;
    uint64_t expected = 1;

    fake_cell(node, FAKE_WORDS("events", "--json"), NULL, &r);
    for (at = r.out; *at != '\0'; at += strcspn(at, "\n") + 1) {
        if (strtoull(at + strlen("{\"sequence\":"), NULL, 10) != expected++) {
            break;
        }
    }
    fake_claim(*at == '\0' && expected == EVENTS + 1, "every event once, in order", at);
    fake_result_fini(&r);
    fake_cell(node, FAKE_WORDS("events", "-n", "2", "--json"), NULL, &r);
    fake_claim(strncmp(r.out, "{\"sequence\":599,", 16) == 0, "the last two and no more", r.out);
    fake_result_fini(&r);
}

int main(void)
{
    static const struct fake_door doors[] = {{"nucleus.sock", nucleus},
                                             {"default/slow.0.sock", instance},
                                             {"default/slow.1.sock", sick_instance}};
    struct fake_node node;

    fake_start(&node, doors, ARRAY_LEN(doors));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check(&node, i);
    }
    all_events_are_shown_once(&node);
    fake_stop(&node);
    return fake_failed;
}
