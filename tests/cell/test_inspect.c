/* What every cell answers about itself: NUC-17. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "fake.h"
#include "proto/descriptor.pb-c.h"
#include "raw.h"
#include "tests/support/check.h"

static struct fake f;
static const char *source_root; /* where this was built from */

static const char *door(void)
{
    return fake_door(&f, "", "");
}

static ProtobufCMessage *inspect(uint32_t operation, const ProtobufCMessage *request,
                                 const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *reply = NULL;
    char text[SP_TEXT_SIZE];
    enum err e = fake_call(door(), operation, request, type, FAKE_PATIENCE_MS, &reply, text);

    REQUIRE(e == ERR_OK, "operation %u is answered: %s %s", operation, err_name(e), text);
    return reply;
}

static void describe_says_what_it_is(void)
{
    Cell__Inspect__DescribeRequest ask = CELL__INSPECT__DESCRIBE_REQUEST__INIT;
    ProtobufCMessage *reply = inspect(CELL__INSPECT__OP__OP_DESCRIBE, &ask.base,
                                      &cell__inspect__describe_reply__descriptor);
    const Cell__Inspect__DescribeReply *d = (const Cell__Inspect__DescribeReply *)reply;
    size_t own = 0;

    CHECK(strcmp(d->cell, "testcell") == 0 && strcmp(d->namespace_, "default") == 0 &&
          d->instance == 6 && strcmp(d->node, "node-a") == 0 && d->generation == 7, "its identity");
    CHECK(strcmp(d->state, "ready") == 0 && d->version[0] != '\0', "state %s, version %s", d->state,
          d->version);
    CHECK(d->n_operations == 14 + 7, "its 14 operations and the 7 of every cell: %zu",
          d->n_operations);
    for (size_t i = 0; i < d->n_operations; i++) {
        const Cell__Inspect__Operation *op = d->operations[i];
        bool is_inspect = op->number < 100;
        uint64_t right = sp_fingerprint(is_inspect ? "cell.inspect.Inspect" : "cell.testcell.Testcell",
                                        op->name, op->number, op->request, op->reply);
        CHECK(op->schema == right, "%s has the fingerprint of its types", op->name);
        own += strcmp(op->name, "Echo") == 0 && op->number == CELL__TESTCELL__OP__OP_ECHO &&
               strcmp(op->request, "cell.testcell.EchoRequest") == 0 &&
               strcmp(op->reply, "cell.testcell.EchoReply") == 0;
    }
    CHECK(own == 1, "Echo is among them with its number and types");
    REQUIRE(d->sandbox != NULL, "the sandbox is reported");
    CHECK(d->sandbox->open_files > 3, "with real numbers: %u open files", d->sandbox->open_files);
    REQUIRE(d->n_callers == 2, "the operator and one caller: %zu", d->n_callers);
    CHECK(strcmp(d->callers[1]->cell, "friend") == 0 && d->callers[1]->n_operations == 1 &&
          strcmp(d->callers[1]->operations[0], "testcell.Echo") == 0, "and what it may call");
    protobuf_c_message_free_unpacked(reply, NULL);
}

static void health_is_measured(void)
{
    Cell__Inspect__HealthRequest ask = CELL__INSPECT__HEALTH_REQUEST__INIT;
    ProtobufCMessage *reply = inspect(CELL__INSPECT__OP__OP_HEALTH, &ask.base,
                                      &cell__inspect__health_reply__descriptor);
    const Cell__Inspect__HealthReply *h = (const Cell__Inspect__HealthReply *)reply;

    CHECK(h->healthy && strcmp(h->state, "ready") == 0 && h->reason[0] == '\0', "it is well");
    CHECK(h->calls_waiting == 1 && h->calls_waiting_max == 1024, "this question is its one call: %u",
          h->calls_waiting);
    protobuf_c_message_free_unpacked(reply, NULL);
}

static const Cell__Inspect__Metric *metric(const Cell__Inspect__MetricsReply *all, const char *name,
                                           const char *label)
{
    for (size_t i = 0; i < all->n_metrics; i++) {
        const Cell__Inspect__Metric *m = all->metrics[i];
        if (strcmp(m->name, name) == 0 &&
            (label == NULL || (m->n_labels > 0 && strcmp(m->labels[0]->value, label) == 0))) {
            return m;
        }
    }
    return NULL;
}

/* The numbers are those of what this test did, to the last one. */
static void metrics_count_what_happened(void)
{
    enum { ECHOES = 37, FAILURES = 11, DELAYS = 5, DELAY_MS = 20 };
    Cell__Inspect__MetricsRequest ask = CELL__INSPECT__METRICS_REQUEST__INIT;
    Cell__Testcell__FailRequest fail = CELL__TESTCELL__FAIL_REQUEST__INIT;
    Cell__Testcell__SlowRequest slow = CELL__TESTCELL__SLOW_REQUEST__INIT;
    char text[SP_TEXT_SIZE];

    for (int i = 0; i < ECHOES; i++) {
        CHECK(fake_echo(door(), "count me") == ERR_OK, "echo %d", i);
    }
    fail.status = err_to_wire(ERR_ABORTED);
    for (int i = 0; i < FAILURES; i++) {
        CHECK(fake_call(door(), CELL__TESTCELL__OP__OP_FAIL, &fail.base,
                        &cell__testcell__fail_reply__descriptor, FAKE_PATIENCE_MS, NULL,
                        text) == ERR_ABORTED, "failure %d", i);
    }
    slow.delay_ms = DELAY_MS;
    for (int i = 0; i < DELAYS; i++) {
        CHECK(fake_call(door(), CELL__TESTCELL__OP__OP_SLOW, &slow.base,
                        &cell__testcell__slow_reply__descriptor, FAKE_PATIENCE_MS, NULL,
                        text) == ERR_OK, "delay %d", i);
    }
    ProtobufCMessage *reply = inspect(CELL__INSPECT__OP__OP_METRICS, &ask.base,
                                      &cell__inspect__metrics_reply__descriptor);
    const Cell__Inspect__MetricsReply *all = (const Cell__Inspect__MetricsReply *)reply;
    const Cell__Inspect__Metric *m = metric(all, "cell_testcell_echoes_total", NULL);
    CHECK(m != NULL && m->value == ECHOES && strcmp(m->kind, "counter") == 0, "the cell's counter");
    m = metric(all, "cell_requests_total", "Echo");
    CHECK(m != NULL && m->value == ECHOES && strcmp(m->labels[1]->value, "OK") == 0,
          "requests by operation and status");
    m = metric(all, "cell_requests_total", "Fail");
    CHECK(m != NULL && m->value == FAILURES && strcmp(m->labels[1]->value, "ABORTED") == 0,
          "errors too");
    m = metric(all, "cell_request_duration_seconds", "Slow");
    REQUIRE(m != NULL && m->histogram != NULL && m->histogram->count == DELAYS, "durations");
    const Cell__Inspect__Histogram *h = m->histogram;
    CHECK(h->min_us >= DELAY_MS * 1000 && h->min_us < 10 * DELAY_MS * 1000,
          "as they were: %" PRIu64 " us at least", h->min_us);
    CHECK(h->p50_us >= h->min_us && h->p99_us >= h->p50_us && h->max_us >= h->p99_us &&
          h->sum_us >= DELAYS * h->min_us, "in order");
    uint64_t in_buckets = 0;
    for (size_t i = 0; i < h->n_bucket_count; i++) {
        in_buckets += h->bucket_count[i];
    }
    CHECK(in_buckets == DELAYS && h->n_bucket_top_us == h->n_bucket_count, "the buckets add up");
    m = metric(all, "cell_testcell_delay_seconds", NULL);
    CHECK(m != NULL && m->histogram != NULL && m->histogram->count == DELAYS, "the cell's histogram");
    m = metric(all, "process_resident_memory_max_bytes", NULL);
    CHECK(m != NULL && m->value > 1e6 && m->value < 1e10, "memory");
    m = metric(all, "process_cpu_seconds_total", NULL);
    CHECK(m != NULL && m->value > 0 && m->value < 100, "CPU time");
    m = metric(all, "process_uptime_seconds", NULL);
    CHECK(m != NULL && m->value > 0 && m->value < 1000, "uptime");
    m = metric(all, "cell_queue_capacity", NULL);
    CHECK(m != NULL && m->value == 1024, "the queue's capacity");
    m = metric(all, "cell_inflight_requests", NULL);
    CHECK(m != NULL && m->value == 1, "this question is in flight");
    for (size_t i = 0; i < all->n_metrics; i++) {
        CHECK(all->metrics[i]->help[0] != '\0' && !isnan(all->metrics[i]->value), "%s is explained",
              all->metrics[i]->name);
    }
    protobuf_c_message_free_unpacked(reply, NULL);
}

static void schema_describes_the_service(void)
{
    Cell__Inspect__SchemaRequest ask = CELL__INSPECT__SCHEMA_REQUEST__INIT;
    ProtobufCMessage *reply = inspect(CELL__INSPECT__OP__OP_SCHEMA, &ask.base,
                                      &cell__inspect__schema_reply__descriptor);
    const Cell__Inspect__SchemaReply *s = (const Cell__Inspect__SchemaReply *)reply;

    CHECK(strcmp(s->service, "cell.testcell.Testcell") == 0, "the service: %s", s->service);
    CHECK(s->fingerprint != 0 && s->fingerprint == sp_fingerprint_bytes(s->descriptor_set.data,
                                                                        s->descriptor_set.len),
          "its fingerprint");
    Cell__Descriptor__FileDescriptorSet *set = cell__descriptor__file_descriptor_set__unpack(
        NULL, s->descriptor_set.len, s->descriptor_set.data);
    REQUIRE(set != NULL && set->n_file == 1, "a descriptor set");
    const Cell__Descriptor__FileDescriptorProto *file = set->file[0];
    CHECK(strcmp(file->package, "cell.testcell") == 0 && file->n_service == 1 &&
          file->service[0]->n_method == 14, "with the service and its methods");
    cell__descriptor__file_descriptor_set__free_unpacked(set, NULL);
    protobuf_c_message_free_unpacked(reply, NULL);
}

static void the_log_level_can_be_set(void)
{
    static const struct {
        const char *level;
        enum err status;
        const char *after;
    } rows[] = {
        {"", ERR_OK, "debug"},       {"info", ERR_OK, "info"},    {"loud", ERR_INVALID, "info"},
        {"INFO", ERR_INVALID, "info"}, {"error", ERR_OK, "error"}, {"warn\n", ERR_INVALID, "error"},
        {"debug", ERR_OK, "debug"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Cell__Inspect__LogRequest ask = CELL__INSPECT__LOG_REQUEST__INIT;
        ProtobufCMessage *reply = NULL;
        char text[SP_TEXT_SIZE];
        ask.level = (char *)rows[i].level;
        enum err e = fake_call(door(), CELL__INSPECT__OP__OP_LOG, &ask.base,
                               &cell__inspect__log_reply__descriptor, FAKE_PATIENCE_MS, &reply, text);
        CHECK(e == rows[i].status, "level \"%s\": %s", rows[i].level, err_name(e));
        CHECK(e == ERR_OK || strstr(text, "error, warn, info or debug") != NULL,
              "a refusal says what may be: %s", text);
        if (reply != NULL) {
            protobuf_c_message_free_unpacked(reply, NULL);
        }
        ask.level = "";
        reply = inspect(CELL__INSPECT__OP__OP_LOG, &ask.base, &cell__inspect__log_reply__descriptor);
        CHECK(strcmp(((Cell__Inspect__LogReply *)reply)->level, rows[i].after) == 0,
              "row %zu: then it is %s", i, ((Cell__Inspect__LogReply *)reply)->level);
        protobuf_c_message_free_unpacked(reply, NULL);
    }
}

/* Nothing that a cell says holds its token or a path of the machine it was built on. */
static void nothing_is_given_away(void)
{
    static const uint32_t operations[] = {
        CELL__INSPECT__OP__OP_DESCRIBE, CELL__INSPECT__OP__OP_HEALTH, CELL__INSPECT__OP__OP_METRICS,
        CELL__INSPECT__OP__OP_SCHEMA, CELL__INSPECT__OP__OP_LOG,
    };
    const char *const words[] = {source_root, fake_program(), ".c:", "/tests/cell"};

    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        AUTO_FD int fd = raw_open(door());
        AUTO_FREE uint8_t *body = NULL;
        size_t size = 0;
        char text[SP_TEXT_SIZE];
        enum err e = sp_ask_packed(fd, operations[i], 0, NULL, 0, FAKE_PATIENCE_MS, &body, &size,
                                   text);
        REQUIRE(e == ERR_OK && size > 0, "operation %u is answered", operations[i]);
        CHECK(memmem(body, size, f.token, FAKE_TOKEN_LEN) == NULL &&
              memmem(body, size, f.token, 16) == NULL, "no token in operation %u", operations[i]);
        for (size_t w = 0; w < ARRAY_LEN(words); w++) {
            CHECK(memmem(body, size, words[w], strlen(words[w])) == NULL,
                  "no \"%s\" in operation %u", words[w], operations[i]);
        }
    }
    AUTO_FREE char *log = fake_log(&f);
    CHECK(memmem(log, strlen(log), f.token, FAKE_TOKEN_LEN) == NULL, "nor is the token in the log");
}

/* Drain refuses new calls and stays; Shutdown ends. */
static void drain_and_shutdown(void)
{
    Cell__Inspect__DrainRequest drain = CELL__INSPECT__DRAIN_REQUEST__INIT;
    Cell__Inspect__ShutdownRequest down = CELL__INSPECT__SHUTDOWN_REQUEST__INIT;
    Cell__Testcell__SlowRequest slow = CELL__TESTCELL__SLOW_REQUEST__INIT;
    uint32_t id;

    AUTO_FD int fd = raw_open(door());
    slow.delay_ms = 300;
    REQUIRE(raw_ask(fd, 1, CELL__TESTCELL__OP__OP_SLOW, &slow.base, 10000), "a call");
    REQUIRE(fake_metric_becomes(&f, "cell_inflight_requests", 2), "is in flight");
    for (int i = 0; i < 2; i++) { /* a second time changes nothing */
        ProtobufCMessage *reply = inspect(CELL__INSPECT__OP__OP_DRAIN, &drain.base,
                                          &cell__inspect__drain_reply__descriptor);
        CHECK(((Cell__Inspect__DrainReply *)reply)->calls_in_flight == 1, "one is in flight: %u",
              ((Cell__Inspect__DrainReply *)reply)->calls_in_flight);
        protobuf_c_message_free_unpacked(reply, NULL);
    }
    fake_expect(f.gap, CELL__GAP__TO_NUCLEUS__WHAT_DRAINING);
    CHECK(fake_echo(door(), "late") == ERR_UNAVAILABLE, "new calls are refused");
    CHECK(raw_status(fd, FAKE_PATIENCE_MS, &id) == ERR_OK, "the one in flight is finished");
    CHECK(fake_exit_status(&f, 300) == -1000, "drained, it stays");
    ProtobufCMessage *reply = inspect(CELL__INSPECT__OP__OP_SHUTDOWN, &down.base,
                                      &cell__inspect__shutdown_reply__descriptor);
    protobuf_c_message_free_unpacked(reply, NULL);
    fake_expect(f.gap, CELL__GAP__TO_NUCLEUS__WHAT_STOPPED);
    CHECK(fake_exit_status(&f, FAKE_PATIENCE_MS) == 0, "shut down, it ends");
}

int main(int argc, char **argv)
{
    static const struct fake_caller friend = {"default", "friend", {"testcell.Echo"}};

    fake_init(argc, argv);
    REQUIRE(argc > 2, "usage: %s CELL-PROGRAM SOURCE-ROOT", argv[0]);
    source_root = argv[2];
    fake_start(&f, &(struct fake_spec){.instance = 6, .callers = &friend, .caller_count = 1});
    metrics_count_what_happened();
    describe_says_what_it_is();
    health_is_measured();
    schema_describes_the_service();
    the_log_level_can_be_set();
    nothing_is_given_away();
    drain_and_shutdown();
    fake_end(&f);
    return CHECK_RESULT();
}
