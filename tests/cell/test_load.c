/* Too many calls, too many connections, callers that do not read: RPC-9, RPC-10. */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "fake.h"
#include "raw.h"
#include "tests/support/check.h"

enum {
    WAITING = 10,          /* limits.calls_waiting of the cell under test */
    CONNECTIONS_MAX = 1024,
    INSPECT_RESERVE = 16,
    VITAL_MAX = 1024,
};

static void send_slow(int fd, uint32_t id, uint32_t delay_ms)
{
    Cell__Testcell__SlowRequest slow = CELL__TESTCELL__SLOW_REQUEST__INIT;

    slow.delay_ms = delay_ms;
    REQUIRE(raw_ask(fd, id, CELL__TESTCELL__OP__OP_SLOW, &slow.base, 30000), "a slow call goes out");
}

/* RPC-10: exactly as many calls as allowed wait; the next gets LIMIT at once and is counted. */
static void waiting_calls_are_limited(void)
{
    struct fake f;
    uint32_t id;
    Cell__Inspect__HealthRequest ask = CELL__INSPECT__HEALTH_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    char text[SP_TEXT_SIZE];

    fake_start(&f, &(struct fake_spec){.calls_waiting = WAITING});
    int fd = raw_open(fake_door(&f, "", ""));
    for (uint32_t i = 1; i <= WAITING; i++) {
        send_slow(fd, i, 1500);
    }
    REQUIRE(fake_metric_becomes(&f, "cell_inflight_requests", WAITING + 1), "all of them wait");
    for (uint32_t i = 0; i < 5; i++) {
        send_slow(fd, 100 + i, 0);
        enum err e = raw_status(fd, 1000, &id);
        CHECK(e == ERR_LIMIT && id == 100 + i, "one more is LIMIT at once: %s", err_name(e));
    }
    CHECK(fake_metric(&f, "cell_requests_shed_total", NULL, NULL) == 5, "and counted");
    CHECK(fake_metric(&f, "cell_requests_total", "Slow", "LIMIT") == 5, "by operation too");
    CHECK(fake_log_lines(&f, "DOOR-SHED", "operation=Slow") > 0, "and logged");
    enum err e = fake_call(fake_door(&f, "", ""), CELL__INSPECT__OP__OP_HEALTH, &ask.base,
                           &cell__inspect__health_reply__descriptor, 1000, &reply, text);
    REQUIRE(e == ERR_OK, "a full cell can be inspected: %s", err_name(e));
    const Cell__Inspect__HealthReply *health = (const Cell__Inspect__HealthReply *)reply;
    CHECK(health->calls_waiting == WAITING + 1 && health->calls_waiting_max == WAITING,
          "and says how full it is: %u of %u", health->calls_waiting, health->calls_waiting_max);
    protobuf_c_message_free_unpacked(reply, NULL);
    for (uint32_t i = 1; i <= WAITING; i++) {
        CHECK(raw_status(fd, FAKE_PATIENCE_MS, &id) == ERR_OK, "those that wait are answered");
    }
    CHECK(fake_echo(fake_door(&f, "", ""), "room") == ERR_OK, "and then there is room again");
    fd_close(&fd);
    fake_finish(&f);
}

/* cell_def.vital: beside the limit, neither held up by the others nor in their way, and limited too. */
static void vital_calls_have_places_of_their_own(void)
{
    enum { NEVER_MS = 4000 }; /* so long do they hold their places, and the cell its end */
    Cell__Testcell__NeverRequest never = CELL__TESTCELL__NEVER_REQUEST__INIT;
    struct fake f;
    uint32_t id;

    fake_start(&f, &(struct fake_spec){.log_level = "error", .calls_waiting = WAITING});
    int fd = raw_open(fake_door(&f, "", "")), slow = raw_open(fake_door(&f, "", ""));
    for (uint32_t i = 0; i < WAITING; i++) {
        send_slow(slow, i, 1500);
    }
    REQUIRE(fake_metric_becomes(&f, "cell_inflight_requests", WAITING + 1), "it is full");
    for (uint32_t i = 0; i < VITAL_MAX; i++) {
        REQUIRE(raw_ask(fd, i, CELL__TESTCELL__OP__OP_NEVER, &never.base, NEVER_MS), "a vital call goes out");
    }
    REQUIRE(fake_metric_becomes(&f, "cell_inflight_requests", WAITING + VITAL_MAX + 1), "all are taken by a full cell");
    REQUIRE(raw_ask(fd, VITAL_MAX, CELL__TESTCELL__OP__OP_NEVER, &never.base, NEVER_MS), "one more");
    enum err e = raw_status(fd, FAKE_PATIENCE_MS, &id);
    CHECK(e == ERR_LIMIT && id == VITAL_MAX, "is LIMIT at once: %s", err_name(e));
    for (uint32_t i = 0; i < WAITING; i++) {
        CHECK(raw_status(slow, FAKE_PATIENCE_MS, &id) == ERR_OK, "the others are answered");
    }
    for (uint32_t i = 0; i < WAITING + 1; i++) {
        send_slow(slow, i, 500);
    }
    e = raw_status(slow, FAKE_PATIENCE_MS, &id);
    CHECK(e == ERR_LIMIT && id == WAITING, "and as many of them fit as before: %s", err_name(e));
    fd_close(&slow);
    fd_close(&fd);
    fake_finish(&f);
}

/* The same limit inside one envelope. */
static void a_batch_is_no_way_around_the_limit(void)
{
    enum { BATCH = 64 };
    Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
    Cell__Envelope__Request item[BATCH], *slot[BATCH];
    Cell__Testcell__SlowRequest slow = CELL__TESTCELL__SLOW_REQUEST__INIT;
    struct fake f;
    uint32_t id;
    size_t body_size, ok = 0, limit = 0;

    fake_start(&f, &(struct fake_spec){.calls_waiting = WAITING});
    slow.delay_ms = 100;
    AUTO_FREE uint8_t *body = raw_pack(&slow.base, &body_size);
    for (size_t i = 0; i < BATCH; i++) {
        item[i] = (Cell__Envelope__Request)CELL__ENVELOPE__REQUEST__INIT;
        item[i].id = i;
        item[i].operation = CELL__TESTCELL__OP__OP_SLOW;
        item[i].body.data = body;
        item[i].body.len = body_size;
        slot[i] = &item[i];
    }
    requests.version = 1;
    requests.requests = slot;
    requests.n_requests = BATCH;
    for (int apart = 0; apart < 2; apart++) {
        int fd = raw_open(fake_door(&f, "", ""));
        size_t got = 0, messages = 0;
        ok = limit = 0;
        requests.apart = apart;
        REQUIRE(raw_send(fd, 1, &requests), "a batch goes out");
        while (got < BATCH) {
            Cell__Envelope__Replies *replies = raw_hear(fd, FAKE_PATIENCE_MS, &id);
            REQUIRE(replies != NULL, "it is answered: %zu", got);
            for (size_t i = 0; i < replies->n_replies; i++) {
                ok += replies->replies[i]->status == err_to_wire(ERR_OK);
                limit += replies->replies[i]->status == err_to_wire(ERR_LIMIT);
            }
            got += replies->n_replies;
            messages++;
            cell__envelope__replies__free_unpacked(replies, NULL);
        }
        CHECK(ok == WAITING && limit == BATCH - WAITING, "%zu answered, %zu refused", ok, limit);
        CHECK(apart ? messages == 1 + WAITING : messages == 1,
              "the refusals at once, the rest as it is ready, if the caller takes that: %zu messages",
              messages);
        fd_close(&fd);
    }
    fake_finish(&f);
}

/* ---- RPC-9: callers that do not read ----------------------------------------------------------- */

static size_t resident_kib(pid_t pid)
{
    char path[64], line[256];
    size_t kib = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    REQUIRE(file != NULL, "%s", path);
    while (fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "VmRSS: %zu", &kib);
    }
    (void)fclose(file);
    return kib;
}

/* A neighbour's calls while another caller is stuck; returns the slowest in microseconds. */
static uint64_t slowest_neighbour_us(const struct fake *f)
{
    uint64_t worst_us = 0;

    for (int i = 0; i < 50; i++) {
        uint64_t began_us = fake_now_us();
        CHECK(fake_echo(fake_door(f, "", ""), "neighbour") == ERR_OK, "a neighbour is served");
        uint64_t took_us = fake_now_us() - began_us;
        worst_us = took_us > worst_us ? took_us : worst_us;
    }
    return worst_us;
}

/* Ask `count` times for an answer of `size` bytes without reading any. Returns how many could be
 * sent before the connection ended. */
static uint32_t ask_without_reading(int fd, uint32_t count, uint32_t size)
{
    Cell__Testcell__BigRequest big = CELL__TESTCELL__BIG_REQUEST__INIT;
    uint32_t sent = 0;

    big.size = size;
    while (sent < count && raw_ask(fd, sent + 1, CELL__TESTCELL__OP__OP_BIG, &big.base, 30000)) {
        sent++;
    }
    return sent;
}

/* A caller that pauses gets every answer in the end. */
static void a_caller_that_pauses_loses_nothing(void)
{
    enum { ASKED = 2000, SIZE = 400 };
    struct fake f;
    uint32_t id, got = 0;

    fake_start(&f, &(struct fake_spec){.log_level = "info"});
    int fd = raw_open(fake_door(&f, "", ""));
    REQUIRE(ask_without_reading(fd, ASKED, SIZE) == ASKED, "all are sent");
    while (fake_metric(&f, "cell_requests_total", "Big", "OK") < ASKED) {
        fake_nap_ms(5);
    }
    uint64_t worst_us = slowest_neighbour_us(&f);
    printf("neighbour of a caller that does not read: %" PRIu64 " us at worst\n", worst_us);
    CHECK(worst_us < 500000, "nobody else waits for it: %" PRIu64 " us", worst_us);
    while (got < ASKED && raw_status(fd, FAKE_PATIENCE_MS, &id) == ERR_OK) {
        got++;
        CHECK(id == got, "in order: %u is %u", got, id);
    }
    CHECK(got == ASKED, "sent %d, delivered %u", ASKED, got);
    CHECK(fake_metric(&f, "cell_replies_dropped_total", NULL, NULL) == 0, "none was dropped");
    CHECK(fake_echo(fake_door(&f, "", ""), "after") == ERR_OK, "and all is well");
    fd_close(&fd);
    fake_finish(&f);
}

/* One that never reads is disconnected before it costs much; every answer is accounted for. */
static void a_caller_that_never_reads_is_cut_off(void)
{
    enum { ASKED = 3000, SIZE = 32768 };
    struct fake f;
    uint32_t id, got = 0;
    enum err e;

    fake_start(&f, &(struct fake_spec){.log_level = "info", .message_bytes = 65536});
    size_t before_kib = resident_kib(f.pid);
    int fd = raw_open(fake_door(&f, "", ""));
    uint32_t sent = ask_without_reading(fd, ASKED, SIZE);
    CHECK(fake_log_waits(&f, "DOOR-UNREAD", "action=disconnected"), "it is told so in the log");
    size_t after_kib = resident_kib(f.pid);
    CHECK(after_kib < before_kib + 65536, "it cost little memory: %zu KiB before, %zu after",
          before_kib, after_kib);
    uint64_t worst_us = slowest_neighbour_us(&f);
    CHECK(worst_us < 500000, "and nobody else any time: %" PRIu64 " us", worst_us);
    while ((e = raw_status(fd, FAKE_PATIENCE_MS, &id)) == ERR_OK) {
        got++;
        CHECK(id == got, "what was delivered is in order");
    }
    CHECK(e == ERR_PEER_DEAD, "the rest ends with the connection: %s", err_name(e));
    double answered = fake_metric(&f, "cell_requests_total", "Big", "OK");
    double dropped = fake_metric(&f, "cell_replies_dropped_total", NULL, NULL);
    printf("never read: sent %u, served %g, delivered %u, dropped %g, %zu KiB more\n", sent, answered,
           got, dropped, after_kib > before_kib ? after_kib - before_kib : 0);
    CHECK(answered == got + dropped, "served %g = delivered %u + dropped %g", answered, got, dropped);
    fd_close(&fd);
    fake_finish(&f);
}

/* A storm of mixed calls over several connections: each is answered once, and the counters agree. */
static void everything_sent_is_answered_once(void)
{
    enum { CONNECTIONS = 8, EACH = 1000 };
    struct fake f;
    size_t ok = 0, limit = 0, not_found = 0;
    static bool seen[CONNECTIONS][EACH];
    int fd[CONNECTIONS];

    fake_start(&f, &(struct fake_spec){.log_level = "error", .calls_waiting = 100});
    for (size_t c = 0; c < CONNECTIONS; c++) {
        fd[c] = raw_open(fake_door(&f, "", ""));
    }
    for (uint32_t i = 0; i < EACH; i++) {
        for (size_t c = 0; c < CONNECTIONS; c++) {
            Cell__Testcell__FailRequest fail = CELL__TESTCELL__FAIL_REQUEST__INIT;
            Cell__Testcell__EchoRequest echo = CELL__TESTCELL__ECHO_REQUEST__INIT;
            fail.status = err_to_wire(ERR_NOT_FOUND);
            if (i % 3 == 0) {
                send_slow(fd[c], i, i % 50);
            } else if (i % 3 == 1) {
                REQUIRE(raw_ask(fd[c], i, CELL__TESTCELL__OP__OP_FAIL, &fail.base, 30000), "sent");
            } else {
                REQUIRE(raw_ask(fd[c], i, CELL__TESTCELL__OP__OP_ECHO, &echo.base, 30000), "sent");
            }
        }
    }
    for (size_t c = 0; c < CONNECTIONS; c++) {
        for (uint32_t i = 0; i < EACH; i++) {
            uint32_t id;
            enum err e = raw_status(fd[c], FAKE_PATIENCE_MS, &id);
            REQUIRE(id < EACH && !seen[c][id], "connection %zu: answer %u comes once", c, id);
            seen[c][id] = true;
            ok += e == ERR_OK;
            limit += e == ERR_LIMIT;
            not_found += e == ERR_NOT_FOUND;
        }
    }
    CHECK(ok + limit + not_found == CONNECTIONS * EACH, "sent = delivered + refused");
    CHECK(limit > 0, "the storm was one: %zu refused", limit);
    double counted_ok = fake_metric(&f, "cell_requests_total", "Slow", "OK") +
                        fake_metric(&f, "cell_requests_total", "Echo", "OK");
    CHECK(counted_ok == (double)ok, "OK: counted %g, got %zu", counted_ok, ok);
    CHECK(fake_metric(&f, "cell_requests_total", "Fail", "NOT_FOUND") == (double)not_found,
          "NOT_FOUND is counted as often as it came");
    CHECK(fake_metric(&f, "cell_requests_shed_total", NULL, NULL) == (double)limit,
          "and LIMIT too");
    printf("storm: %zu answered, %zu refused with LIMIT, %zu NOT_FOUND\n", ok, limit, not_found);
    for (size_t c = 0; c < CONNECTIONS; c++) {
        fd_close(&fd[c]);
    }
    fake_finish(&f);
}

/* ---- connections ------------------------------------------------------------------------------- */

/* A connection that works: one echo over it. */
static bool works(int fd)
{
    Cell__Testcell__EchoRequest echo = CELL__TESTCELL__ECHO_REQUEST__INIT;
    uint32_t id;

    return raw_ask(fd, 1, CELL__TESTCELL__OP__OP_ECHO, &echo.base, 5000) &&
           raw_status(fd, FAKE_PATIENCE_MS, &id) == ERR_OK;
}

static void connections_are_limited(void)
{
    static int fd[CONNECTIONS_MAX + 8];
    struct rlimit files = {4096, 4096};
    struct fake f;
    size_t count = 0, working = 0;

    if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
        printf("SKIPPED: no right to open %d descriptors\n", CONNECTIONS_MAX);
        return;
    }
    fake_start(&f, &(struct fake_spec){.log_level = "info"});
    while (count < CONNECTIONS_MAX) {
        fd[count++] = raw_open(fake_door(&f, "", ""));
    }
    for (size_t i = 0; i < count; i++) {
        working += works(fd[i]);
    }
    CHECK(working == CONNECTIONS_MAX, "%d connections work: %zu", CONNECTIONS_MAX, working);
    int more = -1;
    enum err e = sp_connect(fake_door(&f, "", ""), FAKE_PATIENCE_MS, &more);
    CHECK(e == ERR_PEER_DEAD || (e == ERR_OK && !works(more)), "one more does not: %s", err_name(e));
    fd_close(&more);
    CHECK(works(fd[0]) && works(fd[CONNECTIONS_MAX - 1]), "the others do not notice");
    fd_close(&fd[0]);
    bool is_in = false;
    for (int i = 0; i < 1000 && !is_in; i++) {
        e = sp_connect(fake_door(&f, "", ""), FAKE_PATIENCE_MS, &fd[0]);
        is_in = e == ERR_OK && works(fd[0]);
        if (!is_in) {
            fd_close(&fd[0]);
            fake_nap_ms(2);
        }
    }
    CHECK(is_in, "when one leaves there is room for one");
    for (size_t i = 0; i < count; i++) {
        fd_close(&fd[i]);
    }
    REQUIRE(fake_metric_becomes(&f, "cell_connections", 1), "all leave");
    CHECK(fake_metric(&f, "cell_connections_refused_total", NULL, NULL) >= 1, "it is counted");
    fake_finish(&f);
}

/* Out of descriptors: those connected are served on, and when there are some again, all are. */
static void running_out_of_descriptors_passes(void)
{
    enum { MORE = 60 };
    struct rlimit few = {64, 64};
    struct fake f;
    int fd[MORE];

    fake_start(&f, &(struct fake_spec){.log_level = "info"});
    int first = raw_open(fake_door(&f, "", ""));
    CHECK(works(first), "a connection");
    REQUIRE(prlimit(f.pid, RLIMIT_NOFILE, &few, NULL) == 0, "descriptors are few");
    for (size_t i = 0; i < MORE; i++) {
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        (void)snprintf(at.sun_path, sizeof at.sun_path, "%.*s", (int)sizeof at.sun_path - 1,
                       fake_door(&f, "", ""));
        fd[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(fd[i] >= 0 && connect(fd[i], (struct sockaddr *)&at, sizeof at) == 0, "queued");
    }
    CHECK(works(first), "the one that was there is served");
    for (size_t i = 0; i < MORE; i++) {
        fd_close(&fd[i]);
    }
    CHECK(fake_echo(fake_door(&f, "", ""), "again") == ERR_OK, "and all the others again");
    fd_close(&first);
    fake_finish(&f);
}

/* Callers that hang up in the middle of the first words: the next one is served, and soon. */
static void hanging_up_at_once_harms_nobody(void)
{
    static const char *const words[] = {"", "\0SP", "\0SP\0\0\x30\0"};
    static const size_t sizes[] = {0, 3, 7};
    struct fake f;

    fake_start(&f, &(struct fake_spec){.log_level = "info"});
    uint64_t began_us = fake_now_us();
    for (size_t i = 0; i < 300; i++) {
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        (void)snprintf(at.sun_path, sizeof at.sun_path, "%.*s", (int)sizeof at.sun_path - 1,
                       fake_door(&f, "", ""));
        AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0, "connected");
        if (i % 3 > 0) {
            REQUIRE(send(fd, words[i % 3], sizes[i % 3], MSG_NOSIGNAL) == (ssize_t)sizes[i % 3],
                    "some words");
        }
    }
    CHECK(fake_echo(fake_door(&f, "", ""), "next") == ERR_OK, "the next caller is served");
    uint64_t took_ms = (fake_now_us() - began_us) / 1000;
    printf("300 callers hang up at once: the next is served after %" PRIu64 " ms\n", took_ms);
    CHECK(took_ms < 5000, "without a pause for each: %" PRIu64 " ms", took_ms);
    CHECK(fake_log_lines(&f, "DOOR-EPIPE", NULL) == 0, "what it takes is in force");
    fake_finish(&f);
}

int main(int argc, char **argv)
{
    fake_init(argc, argv);
    waiting_calls_are_limited();
    vital_calls_have_places_of_their_own();
    a_batch_is_no_way_around_the_limit();
    a_caller_that_pauses_loses_nothing();
    a_caller_that_never_reads_is_cut_off();
    everything_sent_is_answered_once();
    connections_are_limited();
    running_out_of_descriptors_passes();
    hanging_up_at_once_harms_nobody();
    return CHECK_RESULT();
}
