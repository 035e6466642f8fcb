/* status, inspect and call against a fake node: what is printed, exactly, and what is refused. */
#include <stdio.h>
#include <string.h>

#include "common/base/macros.h"
#include "examples/greeter/greeter.pb-c.h"
#include "examples/greeter/greeter.schema.h"
#include "fake.h"
#include "proto/inspect.pb-c.h"
#include "proto/nucleus.pb-c.h"

/* ---- the nucleus ------------------------------------------------------------------------------ */

static Cell__Nucleus__InstanceStatus instance(const char *cell, uint32_t number, const char *state)
{
    Cell__Nucleus__InstanceStatus i = CELL__NUCLEUS__INSTANCE_STATUS__INIT;

    i.cell = (char *)cell;
    i.namespace_ = (char *)"default";
    i.instance = number;
    i.state = (char *)state;
    i.healthy = strcmp(state, "ready") == 0;
    return i;
}

static void say_status(struct fake_reply *reply)
{
    static char *lines[] = {(char *)"first", (char *)"second", (char *)"third",
                            (char *)"\x1b[2Jfourth"};
    Cell__Nucleus__InstanceStatus ready = instance("greeter", 0, "ready");
    Cell__Nucleus__InstanceStatus late = instance("greeter", 1, "ready");
    Cell__Nucleus__InstanceStatus loop = instance("crasher", 0, "crash-loop");
    Cell__Nucleus__InstanceStatus *cells[] = {&ready, &late, &loop};
    Cell__Nucleus__StatusReply s = CELL__NUCLEUS__STATUS_REPLY__INIT;

    ready.pid = 100;
    ready.uptime_s = 61.5;
    ready.rss_bytes = 3 * 1024 * 1024 / 2;
    ready.cpu_percent = 12.3;
    ready.heartbeat_age_ms = 120;
    ready.endpoint = (char *)"default/greeter.0.sock";
    ready.version = (char *)"0011223344556677";
    ready.load = 15000;
    ready.latency_p99_us = 250;
    ready.generation = UINT64_C(9007199254740993);
    late.pid = 101;
    late.healthy = false;
    loop.restarts = 5;
    loop.reason = (char *)"exit status 3";
    loop.last_log = lines;
    loop.n_last_log = ARRAY_LEN(lines);
    s.node = (char *)"edge-1";
    s.cells = cells;
    s.n_cells = ARRAY_LEN(cells);
    s.manifest = (char *)"/etc/cell/node.yaml";
    s.nucleus_generation = 2;
    s.nucleus_pid = 99;
    s.guard_pid = 98;
    fake_say(reply, &s.base);
}

static void say_resolved(const Cell__Envelope__Request *request, struct fake_reply *reply)
{
    Cell__Nucleus__ResolveRequest *ask =
        cell__nucleus__resolve_request__unpack(NULL, request->body.len, request->body.data);
    Cell__Nucleus__Resolved bad = CELL__NUCLEUS__RESOLVED__INIT;
    Cell__Nucleus__Resolved good = CELL__NUCLEUS__RESOLVED__INIT;
    Cell__Nucleus__Resolved *list[] = {&bad, &good};
    Cell__Nucleus__ResolveReply r = CELL__NUCLEUS__RESOLVE_REPLY__INIT;

    bad.cell = good.cell = (char *)"greeter";
    bad.namespace_ = good.namespace_ = (char *)"default";
    bad.endpoint = (char *)"default/gone.0.sock";
    good.endpoint = (char *)"default/greeter.0.sock";
    bad.instance = 1;
    good.healthy = true;
    r.instances = list;
    r.n_instances = ARRAY_LEN(list);
    if (strcmp(ask->target, "escape") == 0) {
        good.endpoint = (char *)"../outside.sock"; /* somebody listens there */
    }
    if (strcmp(ask->target, "none") == 0) {
        r.n_instances = 0;
    }
    if (strcmp(ask->target, "unknown") == 0) {
        fake_refuse(reply, 5, "no cell named unknown");
    } else {
        fake_say(reply, &r.base);
    }
    cell__nucleus__resolve_request__free_unpacked(ask, NULL);
}

static void nucleus(const Cell__Envelope__Request *request, struct fake_reply *reply)
{
    if (request->operation == CELL__NUCLEUS__OP__OP_STATUS) {
        say_status(reply);
    } else if (request->operation == CELL__NUCLEUS__OP__OP_RESOLVE) {
        say_resolved(request, reply);
    }
}

/* ---- the greeter ------------------------------------------------------------------------------ */

static void say_describe(struct fake_reply *reply)
{
    Cell__Inspect__Operation greet = CELL__INSPECT__OPERATION__INIT;
    Cell__Inspect__Operation health = CELL__INSPECT__OPERATION__INIT;
    Cell__Inspect__Operation *operations[] = {&greet, &health};
    Cell__Inspect__Sandbox sandbox = CELL__INSPECT__SANDBOX__INIT;
    Cell__Inspect__AllowedCall allowed = CELL__INSPECT__ALLOWED_CALL__INIT;
    Cell__Inspect__AllowedCall *calls[] = {&allowed};
    Cell__Inspect__DescribeReply d = CELL__INSPECT__DESCRIBE_REPLY__INIT;

    greet.number = CELL__GREETER__OP__OP_GREET;
    greet.name = (char *)"Greet";
    greet.request = (char *)"cell.greeter.GreetRequest";
    greet.reply = (char *)"cell.greeter.GreetReply";
    greet.schema = UINT64_C(0xfedcba9876543210);
    health.number = CELL__INSPECT__OP__OP_HEALTH;
    health.name = (char *)"Health";
    health.request = (char *)"cell.inspect.HealthRequest";
    health.reply = (char *)"cell.inspect.HealthReply";
    sandbox.seccomp_mode = 2;
    sandbox.seccomp_filters = 2;
    sandbox.syscalls_allowed = 48;
    sandbox.syscalls_known = 340;
    sandbox.capabilities_bounding = UINT64_C(1) << 12 | UINT64_C(1) << 50;
    allowed.name = (char *)"read";
    allowed.reason = (char *)"the loop";
    sandbox.calls = calls;
    sandbox.n_calls = ARRAY_LEN(calls);
    d.cell = (char *)"greeter";
    d.namespace_ = (char *)"default";
    d.node = (char *)"edge-1";
    d.state = (char *)"ready";
    d.version = (char *)"0.1.0";
    d.uptime_ms = 61500;
    d.operations = operations;
    d.n_operations = ARRAY_LEN(operations);
    d.sandbox = &sandbox;
    fake_say(reply, &d.base);
}

static void say_schema(struct fake_reply *reply)
{
    Cell__Inspect__SchemaReply s = CELL__INSPECT__SCHEMA_REPLY__INIT;

    s.descriptor_set.data = (uint8_t *)greeter_schema;
    s.descriptor_set.len = sizeof greeter_schema;
    s.service = (char *)"cell.greeter.Greeter";
    fake_say(reply, &s.base);
}

static void say_health(struct fake_reply *reply)
{
    Cell__Inspect__HealthReply h = CELL__INSPECT__HEALTH_REPLY__INIT;

    h.healthy = true;
    h.state = (char *)"ready";
    h.calls_waiting_max = 1024;
    h.loop_lag_us_p99 = 77;
    fake_say(reply, &h.base);
}

static void say_metrics(struct fake_reply *reply)
{
    Cell__Inspect__Metric m = CELL__INSPECT__METRIC__INIT;
    Cell__Inspect__Metric *list[] = {&m};
    Cell__Inspect__MetricsReply r = CELL__INSPECT__METRICS_REPLY__INIT;

    m.name = (char *)"cell_greeter_greetings_total";
    m.kind = (char *)"counter";
    m.help = (char *)"names greeted";
    m.value = 42;
    r.metrics = list;
    r.n_metrics = ARRAY_LEN(list);
    fake_say(reply, &r.base);
}

static void greet(const Cell__Envelope__Request *request, struct fake_reply *reply)
{
    Cell__Greeter__GreetRequest *ask =
        cell__greeter__greet_request__unpack(NULL, request->body.len, request->body.data);
    Cell__Greeter__GreetReply r = CELL__GREETER__GREET_REPLY__INIT;
    char greeting[128];

    snprintf(greeting, sizeof greeting, "Hello, %.64s!", ask->name);
    r.greeting = greeting;
    if (request->schema != UINT64_C(0xfedcba9876543210)) {
        fake_refuse(reply, 24, "the schema was not sent along");
    } else if (*ask->name == '\0') {
        fake_refuse(reply, 13, "name has 0 bytes, expected 1 to 64");
    } else {
        fake_say(reply, &r.base);
    }
    cell__greeter__greet_request__free_unpacked(ask, NULL);
}

static void greeter(const Cell__Envelope__Request *request, struct fake_reply *reply)
{
    switch (request->operation) {
    case CELL__INSPECT__OP__OP_DESCRIBE: say_describe(reply); break;
    case CELL__INSPECT__OP__OP_SCHEMA: say_schema(reply); break;
    case CELL__INSPECT__OP__OP_HEALTH: say_health(reply); break;
    case CELL__INSPECT__OP__OP_METRICS: say_metrics(reply); break;
    case CELL__GREETER__OP__OP_GREET: greet(request, reply); break;
    default: break; /* any number may come over a wire */
    }
}

/* ---- claims ----------------------------------------------------------------------------------- */

static const struct {
    const char *words[8];
    const char *input;
    int status;
    const char *out; /* a part of it; NULL: nothing is printed */
    const char *err;
    const char *why;
} rows[] = {
    {{"status"}, NULL, 0,
     "node edge-1: 1 crash-loop, 1 unhealthy, 1 ready\n"
     "manifest /etc/cell/node.yaml, nucleus pid 99 (generation 2)\n\n"
     "CELL       STATE       PID  UPTIME  RESTARTS    CPU  MEMORY  CALLS/S    P99   BEAT\n"
     "crasher.0  crash-loop    -       -         5      -       -        -      -      -\n"
     "greeter.1  unhealthy   101       -         0   0.0%       -        0      -      -\n"
     "greeter.0  ready       100    1m1s         0  12.3%    1.5M    15000  250us  120ms\n\n"
     "crasher.0: crash-loop: exit status 3\n"
     "    | second\n    | third\n    | \\x1b[2Jfourth\n"
     "    next: cell logs crasher.0, then cell start crasher.0\n"
     "greeter.1: unhealthy: its heartbeat is late\n"
     "    next: cell health greeter.1, cell logs greeter.1, cell restart greeter.1\n",
     NULL, "worst first, reasons, next steps, escape sequences shown and not obeyed"},
    {{"status", "--json"}, NULL, 0,
     "{\"node\":\"edge-1\",\"cells\":[{\"cell\":\"crasher\",\"namespace\":\"default\",\"instance\":0,"
     "\"state\":\"crash-loop\",\"pid\":0,\"uptime_s\":0,\"restarts\":5,\"rss_bytes\":0,"
     "\"cpu_percent\":0,\"heartbeat_age_ms\":0,\"endpoint\":\"\",\"version\":\"\",\"outdated\":false,"
     "\"reason\":\"exit status 3\"",
     NULL, "the documented members in the documented order"},
    {{"status", "--json"}, NULL, 0, "\"cpu_percent\":12.3,", NULL, "numbers as a person writes them"},
    {{"status", "--json"}, NULL, 0, "\"generation\":9007199254740993,", NULL, "integers are exact"},
    {{"status", "Bad!"}, NULL, 2, NULL, "is no name of a cell", "a name outside the grammar"},
    {{"status", "../x"}, NULL, 2, NULL, "is no name of a cell", "path traversal in a name"},
    {{"status", "a\nb"}, NULL, 2, NULL, "\"a\\x0ab\"", "a newline in a name stays on one line"},
    {{"status", "--", "-x"}, NULL, 2, NULL, "is no name of a cell", "option injection by a name"},
    {{"call", "greeter.Greet", "{\"name\":\"World\"}"}, NULL, 0,
     "{\"greeting\":\"Hello, World!\"}\n", NULL, "the reply as JSON"},
    {{"call", "greeter.0.Greet", "-"}, "{\"name\":\"Pipe\"}", 0, "Hello, Pipe!", NULL,
     "the request from standard input"},
    {{"call", "greeter.Greet", "{\"name\":\"\"}"}, NULL, 1, NULL,
     "greeter.0.Greet: INVALID: name has 0 bytes, expected 1 to 64", "the callee's own words"},
    {{"call", "greeter.Greet", "{\"nmae\":\"x\"}"}, NULL, 1, NULL,
     "no field \"nmae\", did you mean name; known: name; it has the form {\"name\":\"\"}",
     "an unknown field names the known ones"},
    {{"call", "greeter.Greet", "{\"name\":1}"}, NULL, 1, NULL, "name: expected text", "a wrong type"},
    {{"call", "greeter.Greet", "{\"name\":"}, NULL, 1, NULL, "JSON line 1 column", "broken JSON"},
    {{"call", "greeter.Greet", "@/nonexistent"}, NULL, 1, NULL, "No such file", "a missing file"},
    {{"call", "greeter.Great"}, NULL, 1, NULL, "did you mean Greet? it serves Greet, Health",
     "an unknown operation names the known ones"},
    {{"call", "greeter.Health"}, NULL, 0, "\"loop_lag_us_p99\":\"77\"", NULL,
     "what every cell answers needs no schema of the cell; 64 bits are text"},
    {{"call", "greeter"}, NULL, 2, NULL, "names no operation", "an operation is needed"},
    {{"call", "greeter.Greet", "--deadline", "soon"}, NULL, 2, NULL, "is no duration", "a bad option"},
    {{"call", "unknown.Greet"}, NULL, 1, NULL, "NOT_FOUND: no cell named unknown", "an unknown cell"},
    {{"call", "none.Greet"}, NULL, 1, NULL, "no instance of it is running", "a cell that is down"},
    {{"call", "escape.Greet"}, NULL, 1, NULL, "cannot connect", "an endpoint outside the run directory"},
    {{"inspect", "greeter@far"}, NULL, 1, NULL, "its own node", "another node"},
    {{"call", "greeter@far.Greet"}, NULL, 1, NULL, "greeter@far.Greet: INVALID: name has 0 bytes",
     "another node's cell, by way of the gateway"},
    {{"--json", "call", "greeter.Greet", "{\"name\":\"\"}"}, NULL, 1, NULL,
     "{\"error\":{\"code\":\"INVALID\",\"canonical\":\"INVALID_ARGUMENT\",\"message\":\"greeter.0.Greet: "
     "INVALID: name has 0 bytes, expected 1 to 64\",\"hint\":\"\"}}\n",
     "errors as JSON, on standard error"},
    {{"inspect", "greeter"}, NULL, 0, "filter, 2 filters, 48 of 340 system calls allowed", NULL,
     "the sandbox as reported"},
    {{"inspect", "greeter"}, NULL, 0, "bounding      net_admin #50", NULL, "capabilities by name"},
    {{"inspect", "greeter"}, NULL, 0, "cell_greeter_greetings_total  42", NULL, "metrics"},
    {{"inspect", "greeter", "--json"}, NULL, 0, "\"syscalls_allowed\":48,\"syscalls_known\":340", NULL,
     "the sandbox as data"},
    {{"inspect", "greeter", "--json"}, NULL, 0, "\"schema\":\"fedcba9876543210\"", NULL,
     "fingerprints as hexadecimal text"},
    {{"inspect", "greeter", "--json"}, NULL, 0, "\"pid\":100,\"uptime_s\":61.5", NULL,
     "the members of status are there too"},
    {{"inspect"}, NULL, 2, NULL, "cell inspect needs NAME", "an argument is needed"},
    {{"inspect", "a", "b"}, NULL, 2, NULL, "too many arguments, starting at \"b\"", "one too many"},
    {{"stauts"}, NULL, 2, NULL, "did you mean `cell status`?", "an unknown command"},
    {{"status", "--jsno"}, NULL, 2, NULL, "did you mean --json?", "an unknown option"},
    {{"--color", "pink", "status"}, NULL, 2, NULL, "none of auto, always, never", "a bad colour"},
    {{"--color=always", "status"}, NULL, 0, "\x1b[31mcrash-loop\x1b[0m", NULL, "colours on demand"},
};

static void check(const struct fake_node *node, size_t i)
{
    struct fake_result r;
    char detail[8192];

    fake_cell(node, rows[i].words, rows[i].input, &r);
    bool good = r.status == rows[i].status;
    good = good && (rows[i].out != NULL ? strstr(r.out, rows[i].out) != NULL : *r.out == '\0');
    good = good && (rows[i].err != NULL ? strstr(r.err, rows[i].err) != NULL : *r.err == '\0');
    snprintf(detail, sizeof detail, "row %zu: exit status %d\n--- out\n%s\n--- err\n%s", i, r.status,
             r.out, r.err);
    fake_claim(good, rows[i].why, detail);
    /* Whatever was refused was explained on one line. */
    fake_claim(r.status == 0 || (strlen(r.err) > 0 && strchr(r.err, '\n') == r.err + strlen(r.err) - 1),
               "an error is one line", detail);
    fake_result_fini(&r);
}

static void without_a_node(void)
{
    struct fake_node node;
    struct fake_result r;

    fake_make_dirs(&node);
    fake_cell(&node, FAKE_WORDS("status"), NULL, &r);
    fake_claim(r.status == 1 && strstr(r.err, "no node runs in") != NULL &&
               strstr(r.err, "cell up") != NULL, "without a node the way to start one is named", r.err);
    fake_result_fini(&r);
    fake_stop(&node);
}

static void after_a_crash(const struct fake_door *doors)
{
    struct fake_node node;
    struct fake_result r;

    /* Only the cell lives on; the nucleus's socket file is left behind. */
    fake_start(&node, &doors[1], 1);
    fake_write(&node, "run/nucleus.sock", "");
    fake_cell(&node, FAKE_WORDS("call", "greeter.Greet", "{\"name\":\"you\"}"), NULL, &r);
    fake_claim(r.status == 0 && strstr(r.out, "Hello, you!") != NULL,
               "a cell answers without a nucleus", r.err);
    fake_result_fini(&r);
    fake_cell(&node, FAKE_WORDS("inspect", "greeter"), NULL, &r);
    fake_claim(r.status == 0 && strstr(r.out, "greeter.0") != NULL,
               "a cell can be examined without a nucleus", r.err);
    fake_result_fini(&r);
    fake_cell(&node, FAKE_WORDS("status"), NULL, &r);
    fake_claim(r.status == 1 && strstr(r.err, "does not answer") != NULL,
               "a dead nucleus is told from no node", r.err);
    fake_result_fini(&r);
    fake_stop(&node);
}

int main(void)
{
    static const struct fake_door doors[] = {{"nucleus.sock", nucleus},
                                             {"default/greeter.0.sock", greeter},
                                             {"../outside.sock", greeter}};
    struct fake_node node;

    fake_start(&node, doors, ARRAY_LEN(doors));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check(&node, i);
    }
    fake_stop(&node);
    without_a_node();
    after_a_crash(doors);
    return fake_failed;
}
