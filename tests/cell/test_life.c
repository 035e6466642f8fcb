/* A cell on its junction: bad packets, lost and found nuclei, the end: NUC-1, NUC-2, NUC-9. */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "common/run/fd.h"
#include "fake.h"
#include "raw.h"
#include "tests/support/check.h"

enum {
    BAD_PACKETS = 1000,
};

static const struct fake_caller friend = {"default", "friend", {"testcell.Echo"}};
static const struct fake_caller stranger = {"default", "stranger", {"testcell.Echo"}};

/* What was said before this is dealt with: the cell answers a new grant with its doors. */
static void settle(struct fake *f, int gap, const struct fake_caller *newcomer)
{
    fake_say_grant(gap, newcomer);
    fake_expect(gap, CELL__GAP__TO_NUCLEUS__WHAT_LISTENING);
    CHECK(fake_echo(fake_door(f, newcomer->space, newcomer->cell), "new") == ERR_OK,
          "%s may call", newcomer->cell);
}

/* Send raw bytes with some descriptors. */
static void say_bytes(int gap, const void *data, size_t size, const int *fds, size_t fd_count)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * 64)];
    } control = {.room = {0}};
    struct iovec part = {.iov_base = (void *)data, .iov_len = size};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd_count > 0) {
        packet.msg_control = control.room;
        packet.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(rights), fds, sizeof(int) * fd_count);
    }
    ssize_t sent = sendmsg(gap, &packet, MSG_NOSIGNAL);
    REQUIRE(sent == (ssize_t)size, "a packet of %zu bytes goes out", size);
}

/* ---- NUC-2: order ------------------------------------------------------------------------------ */

static void wrong_order_is_ignored(void)
{
    struct fake f;
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
    Cell__Gap__Welcome welcome = CELL__GAP__WELCOME__INIT;

    fake_start(&f, &(struct fake_spec){0});
    fake_say_genesis(&f, &(struct fake_spec){.instance = 5, .calls_waiting = 1});
    message.what_case = CELL__GAP__TO_CELL__WHAT_WELCOME;
    message.welcome = &welcome;
    fake_say(f.gap, &message);
    settle(&f, f.gap, &friend);
    CHECK(fake_log_lines(&f, "CELL-GAP-ORDER", " what=1 ") == 1, "a second Genesis is logged");
    CHECK(fake_log_lines(&f, "CELL-GAP-ORDER", " what=6 ") == 1, "a Welcome that nobody asked for too");
    CHECK(fake_metric(&f, "cell_queue_capacity", NULL, NULL) == 1024,
          "a second Genesis changes nothing");
    fake_finish(&f);
}

/* ---- NUC-1: packets ---------------------------------------------------------------------------- */

/* A grant for `friend` that an unknown field fills up to `size` bytes. */
static void say_padded_grant(int gap, size_t size)
{
    static uint8_t data[GAP_MESSAGE_MAX + 64];
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
    Cell__Gap__Grant grant = CELL__GAP__GRANT__INIT;
    Cell__Gap__CallerGrant one = CELL__GAP__CALLER_GRANT__INIT, *slot = &one;
    char *operation = "testcell.Echo";

    one.namespace_ = "default";
    one.cell = "friend";
    one.operations = &operation;
    one.n_operations = 1;
    grant.callers = &slot;
    grant.n_callers = 1;
    message.what_case = CELL__GAP__TO_CELL__WHAT_GRANT;
    message.grant = &grant;
    size_t len = cell__gap__to_cell__pack(&message, data);
    size_t rest = size - len - 4; /* one byte of tag, three of length */
    data[len++] = 15 << 3 | 2;
    data[len++] = (uint8_t)(rest & 0x7f) | 0x80;
    data[len++] = (uint8_t)(rest >> 7 & 0x7f) | 0x80;
    data[len++] = (uint8_t)(rest >> 14);
    memset(data + len, 'x', rest);
    say_bytes(gap, data, size, NULL, 0);
}

static void a_packet_has_a_size(void)
{
    struct fake f;
    struct stat st;

    fake_start(&f, &(struct fake_spec){0});
    say_padded_grant(f.gap, GAP_MESSAGE_MAX + 1);
    settle(&f, f.gap, &stranger);
    CHECK(stat(fake_door(&f, "default", "friend"), &st) != 0, "64 KiB and a byte are refused");
    CHECK(fake_log_lines(&f, "CELL-GAP-BAD", "error=LIMIT") == 1, "and logged");
    say_padded_grant(f.gap, GAP_MESSAGE_MAX);
    fake_expect(f.gap, CELL__GAP__TO_NUCLEUS__WHAT_LISTENING);
    CHECK(stat(fake_door(&f, "default", "friend"), &st) == 0, "64 KiB are taken");
    fake_finish(&f);
}

/* Whether this would be obeyed, and so is no bad packet. */
static bool is_meant(const uint8_t *data, size_t size)
{
    Cell__Gap__ToCell *message = cell__gap__to_cell__unpack(NULL, size, data);
    bool is_order = message != NULL && message->what_case != CELL__GAP__TO_CELL__WHAT__NOT_SET;

    cell__gap__to_cell__free_unpacked(message, NULL);
    return is_order;
}

/* Garbage, cut messages, too many descriptors: nothing is obeyed, nothing leaks. */
static void bad_packets_leave_nothing_behind(void)
{
    static uint8_t data[GAP_MESSAGE_MAX + 1];
    int fds[64];
    struct rng rng;
    struct fake f;
    size_t meant = 0;

    rng_init(&rng, 20);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        REQUIRE(fds[i] >= 0, "a descriptor");
    }
    fake_start(&f, &(struct fake_spec){0});
    settle(&f, f.gap, &friend);
    REQUIRE(fake_metric_becomes(&f, "cell_connections", 1), "only this question is connected");
    fake_nap_ms(20); /* and that connection goes, too */
    size_t before = fake_fd_count(&f);
    for (int i = 0; i < BAD_PACKETS; i++) {
        size_t size = i % 50 == 0 ? sizeof data : 1 + rng_below(&rng, 200);
        for (size_t k = 0; k < size && k < 256; k++) {
            data[k] = (uint8_t)rng_next(&rng);
        }
        if (i % 3 == 0) { /* begins like a grant and is cut */
            memcpy(data, "\x12\x20\x0a\x1e\x0a\x07" "default", 13);
            size = 2 + rng_below(&rng, 20);
        }
        if (is_meant(data, size)) {
            meant++;
            continue;
        }
        say_bytes(f.gap, data, size, fds, rng_below(&rng, 4) == 0 ? rng_below(&rng, 65) : 0);
    }
    settle(&f, f.gap, &stranger); /* one more door: nng holds one more descriptor for it */
    CHECK(meant < BAD_PACKETS / 2, "most packets were bad: %zu", meant);
    bool is_clean = false;
    for (int i = 0; i < FAKE_PATIENCE_MS / 2 && !is_clean; i++) { /* its callers hang up just now */
        is_clean = fake_fd_count(&f) == before + 1;
        fake_nap_ms(is_clean ? 0 : 2);
    }
    CHECK(is_clean, "descriptors before %zu, after %zu", before, fake_fd_count(&f));
    CHECK(fake_log_lines(&f, "CELL-GAP-BAD", "error=LIMIT") > 0 &&
          fake_log_lines(&f, "CELL-GAP-BAD", "error=MALFORMED") > 0 &&
          fake_log_lines(&f, "CELL-GAP-UNPARSED", NULL) > 0, "each kind is logged");
    CHECK(fake_echo(fake_door(&f, "", ""), "still here") == ERR_OK, "and it serves on");
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fd_close(&fds[i]);
    }
    fake_finish(&f);
}

/* ---- log files --------------------------------------------------------------------------------- */

static void a_new_log_file_is_taken(void)
{
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
    Cell__Gap__LogFile file = CELL__GAP__LOG_FILE__INIT;
    char path[FAKE_PATH_SIZE + 8];
    struct fake f;

    fake_start(&f, &(struct fake_spec){0});
    (void)snprintf(path, sizeof path, "%s.new", f.log_path);
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    message.what_case = CELL__GAP__TO_CELL__WHAT_LOG_FILE;
    message.log_file = &file;
    file.sequence = 41;
    fake_say(f.gap, &message); /* without a descriptor */
    CHECK(fake_log_waits(&f, "CELL-LOG-FILE", "sequence=41"), "a file that is not there is refused");
    file.sequence = 42;
    REQUIRE(gap_send(f.gap, &message.base, &fd, 1) == ERR_OK, "a file goes over");
    Cell__Gap__ToNucleus *m = fake_hear(f.gap, FAKE_PATIENCE_MS);
    REQUIRE(m != NULL && m->what_case == CELL__GAP__TO_NUCLEUS__WHAT_LOG_FILE_TAKEN &&
            m->log_file_taken->sequence == 42, "and is taken");
    fake_heard_free(m);
    size_t before = fake_log_count(&f, "\n");
    settle(&f, f.gap, &friend);
    (void)kill(f.pid, SIGTERM);
    CHECK(fake_exit_status(&f, FAKE_PATIENCE_MS) == 0, "it ends in order");
    CHECK(fake_log_count(&f, "\n") == before, "no line goes to the old file any more");
    size_t len = strlen(f.log_path);
    (void)snprintf(f.log_path + len, sizeof f.log_path - len, ".new");
    CHECK(fake_log_count(&f, "CELL-STOPPED") == 1, "the last line is in the new one");
    fake_end(&f);
}

/* ---- losing the nucleus ------------------------------------------------------------------------ */

static int listen_for_rejoin(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/gap.sock", fake_run_dir());
    (void)unlink(at.sun_path);
    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 8) == 0,
            "a new nucleus listens");
    return fd;
}

static void stop_listening(int *fd)
{
    char path[FAKE_PATH_SIZE + 16];

    (void)snprintf(path, sizeof path, "%s/gap.sock", fake_run_dir());
    (void)unlink(path);
    fd_close(fd);
}

static int accept_rejoin(int listener)
{
    struct pollfd p = {.fd = listener, .events = POLLIN};

    REQUIRE(poll(&p, 1, FAKE_PATIENCE_MS) == 1, "the cell comes back");
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    REQUIRE(fd >= 0, "a new junction");
    return fd;
}

static void welcome(int gap)
{
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
    Cell__Gap__Welcome hello = CELL__GAP__WELCOME__INIT;

    message.what_case = CELL__GAP__TO_CELL__WHAT_WELCOME;
    message.welcome = &hello;
    fake_say(gap, &message);
}

static void check_rejoin(struct fake *f, int gap)
{
    Cell__Gap__ToNucleus *m = fake_hear(gap, FAKE_PATIENCE_MS);

    REQUIRE(m != NULL && m->what_case == CELL__GAP__TO_NUCLEUS__WHAT_REJOIN, "Rejoin comes first");
    CHECK(m->rejoin->token.len == FAKE_TOKEN_LEN &&
          memcmp(m->rejoin->token.data, f->token, FAKE_TOKEN_LEN) == 0, "with the right token");
    CHECK(strcmp(m->rejoin->cell, "testcell") == 0 && m->rejoin->generation == 7 &&
          strcmp(m->rejoin->namespace_, "default") == 0 && m->rejoin->instance == f->instance,
          "and who it is");
    CHECK(strcmp(m->rejoin->state, "ready") == 0, "where it stands: %s", m->rejoin->state);
    CHECK(m->rejoin->n_endpoints == 2 && strcmp(m->rejoin->endpoints[1]->cell, "friend") == 0,
          "and its doors");
    fake_heard_free(m);
}

/* EOF on fd 3 costs no request; the next nucleus gets Rejoin, and what it says counts after its
 * Welcome. */
static void a_lost_nucleus_is_replaced(void)
{
    const struct fake_spec spec = {.callers = &friend, .caller_count = 1, .instance = 3};
    struct fake f;

    fake_start(&f, &spec);
    fd_close(&f.gap);
    REQUIRE(fake_log_waits(&f, "CELL-NUCLEUS-LOST", NULL), "the loss is noticed");
    CHECK(fake_echo(fake_door(&f, "", ""), "orphan") == ERR_OK, "it serves without a nucleus");
    int listener = listen_for_rejoin();
    int first = accept_rejoin(listener);
    check_rejoin(&f, first);
    fd_close(&first); /* this nucleus dies before it says a word */
    int gap = accept_rejoin(listener);
    check_rejoin(&f, gap);
    fake_say_drain(gap); /* not welcome yet: nobody's word */
    fd_close(&f.gap);
    f.gap = gap;
    fake_say_genesis(&f, &spec); /* no second birth */
    CHECK(fake_log_waits(&f, "CELL-GAP-ORDER", " what=3 ") &&
          fake_log_waits(&f, "CELL-GAP-ORDER", " what=1 "),
          "an order before Welcome is ignored, and so is a second Genesis");
    CHECK(fake_echo(fake_door(&f, "", ""), "not drained") == ERR_OK, "it serves on");
    welcome(gap);
    CHECK(fake_log_waits(&f, "CELL-REJOINED", NULL), "it is home");
    settle(&f, gap, &stranger);
    fake_say_drain(gap);
    fake_expect(gap, CELL__GAP__TO_NUCLEUS__WHAT_DRAINING);
    fake_expect(gap, CELL__GAP__TO_NUCLEUS__WHAT_STOPPED);
    CHECK(fake_exit_status(&f, FAKE_PATIENCE_MS) == 0, "drained by the new nucleus");
    stop_listening(&listener);
    fake_end(&f);
}

/* A cell that drains when the nucleus comes back says so. */
static void a_draining_cell_rejoins_as_such(void)
{
    Cell__Testcell__SlowRequest slow = CELL__TESTCELL__SLOW_REQUEST__INIT;
    struct fake f;
    uint32_t id;

    fake_start(&f, &(struct fake_spec){.instance = 4});
    int fd = raw_open(fake_door(&f, "", ""));
    slow.delay_ms = 3000;
    REQUIRE(raw_ask(fd, 1, CELL__TESTCELL__OP__OP_SLOW, &slow.base, 30000), "a slow call");
    REQUIRE(fake_metric_becomes(&f, "cell_inflight_requests", 2), "is in flight");
    fake_say_drain(f.gap);
    fake_expect(f.gap, CELL__GAP__TO_NUCLEUS__WHAT_DRAINING);
    fd_close(&f.gap);
    int listener = listen_for_rejoin();
    int gap = accept_rejoin(listener);
    Cell__Gap__ToNucleus *m = fake_hear(gap, FAKE_PATIENCE_MS);
    REQUIRE(m != NULL && m->what_case == CELL__GAP__TO_NUCLEUS__WHAT_REJOIN, "Rejoin");
    CHECK(strcmp(m->rejoin->state, "draining") == 0, "as draining: %s", m->rejoin->state);
    fake_heard_free(m);
    welcome(gap);
    CHECK(raw_status(fd, FAKE_PATIENCE_MS, &id) == ERR_OK, "the slow call is finished");
    fake_expect(gap, CELL__GAP__TO_NUCLEUS__WHAT_STOPPED);
    CHECK(fake_exit_status(&f, FAKE_PATIENCE_MS) == 0, "and the cell");
    stop_listening(&listener);
    fd_close(&fd);
    fd_close(&gap);
    fake_end(&f);
}

/* No nucleus for longer than the grace time: the cell ends with status 2, and not before. */
static void grace_ends(void)
{
    struct fake f;

    fake_start(&f, &(struct fake_spec){.rejoin_grace_ms = 400});
    uint64_t lost_us = fake_now_us();
    fd_close(&f.gap);
    int status = fake_exit_status(&f, FAKE_PATIENCE_MS);
    uint64_t took_ms = (fake_now_us() - lost_us) / 1000;
    CHECK(status == 2, "status 2 says that the nucleus was lost: %d", status);
    CHECK(took_ms >= 400, "not before the grace time: %" PRIu64 " ms", took_ms);
    printf("grace of 400 ms: gone after %" PRIu64 " ms\n", took_ms);
    fake_end(&f);
}

/* A nucleus that accepts and then says nothing is none. */
static void a_silent_nucleus_is_none(void)
{
    struct fake f;

    fake_start(&f, &(struct fake_spec){.rejoin_grace_ms = 400});
    int listener = listen_for_rejoin();
    fd_close(&f.gap);
    int gap = accept_rejoin(listener);
    CHECK(fake_exit_status(&f, FAKE_PATIENCE_MS) == 2, "the grace time runs on until Welcome");
    stop_listening(&listener);
    fd_close(&gap);
    fake_end(&f);
}

/* ---- NUC-9: the end ---------------------------------------------------------------------------- */

enum end { END_DRAIN, END_SIGTERM, END_SHUTDOWN };

/* Calls in flight are finished, new ones refused with UNAVAILABLE, inspection goes on, and so does what calls in flight may
 * wait for (cell_def.vital). */
static void the_end_finishes_what_is_in_flight(enum end how)
{
    enum { VITAL = 10 };
    Cell__Testcell__NeverRequest never = CELL__TESTCELL__NEVER_REQUEST__INIT;
    Cell__Testcell__SlowRequest slow = CELL__TESTCELL__SLOW_REQUEST__INIT;
    Cell__Testcell__EchoRequest echo = CELL__TESTCELL__ECHO_REQUEST__INIT;
    Cell__Inspect__ShutdownRequest down = CELL__INSPECT__SHUTDOWN_REQUEST__INIT;
    Cell__Inspect__HealthRequest health = CELL__INSPECT__HEALTH_REQUEST__INIT;
    struct fake f;
    uint32_t id;
    char text[SP_TEXT_SIZE];
    ProtobufCMessage *reply = NULL;

    fake_start(&f, &(struct fake_spec){0});
    int fd = raw_open(fake_door(&f, "", ""));
    slow.delay_ms = 500;
    for (uint32_t i = 1; i <= 3; i++) {
        REQUIRE(raw_ask(fd, i, CELL__TESTCELL__OP__OP_SLOW, &slow.base, 30000), "a slow call");
    }
    REQUIRE(fake_metric_becomes(&f, "cell_inflight_requests", 4), "three and the question");
    if (how == END_DRAIN) {
        fake_say_drain(f.gap);
    } else if (how == END_SIGTERM) {
        (void)kill(f.pid, SIGTERM);
    } else {
        CHECK(fake_call(fake_door(&f, "", ""), CELL__INSPECT__OP__OP_SHUTDOWN, &down.base,
                        &cell__inspect__shutdown_reply__descriptor, FAKE_PATIENCE_MS, NULL,
                        text) == ERR_OK, "shutdown is answered");
    }
    fake_expect(f.gap, CELL__GAP__TO_NUCLEUS__WHAT_DRAINING);
    (void)kill(f.pid, SIGTERM); /* told once more: it is ending already */
    REQUIRE(raw_ask(fd, 9, CELL__TESTCELL__OP__OP_ECHO, &echo.base, 30000), "one more");
    CHECK(raw_status(fd, FAKE_PATIENCE_MS, &id) == ERR_UNAVAILABLE && id == 9, "is refused");
    REQUIRE(raw_ask(fd, VITAL, CELL__TESTCELL__OP__OP_NEVER, &never.base, 200), "a vital one");
    enum err e = fake_call(fake_door(&f, "", ""), CELL__INSPECT__OP__OP_HEALTH, &health.base,
                           &cell__inspect__health_reply__descriptor, FAKE_PATIENCE_MS, &reply,
                           text);
    REQUIRE(e == ERR_OK, "health is answered still");
    const Cell__Inspect__HealthReply *now = (const Cell__Inspect__HealthReply *)reply;
    CHECK(!now->healthy && strcmp(now->state, "draining") == 0 && now->reason[0] != '\0',
          "and says that it drains");
    protobuf_c_message_free_unpacked(reply, NULL);
    for (uint32_t i = 1; i <= 4; i++) {
        enum err ended = raw_status(fd, FAKE_PATIENCE_MS, &id);
        CHECK(ended == (id == VITAL ? ERR_TIMEOUT : ERR_OK), "in flight, or vital: taken to its end: %s", err_name(ended));
    }
    Cell__Gap__ToNucleus *m = fake_hear(f.gap, FAKE_PATIENCE_MS);
    REQUIRE(m != NULL && m->what_case == CELL__GAP__TO_NUCLEUS__WHAT_STOPPED, "Stopped");
    CHECK(m->stopped->reason[0] != '\0', "with a reason: %s", m->stopped->reason);
    fake_heard_free(m);
    int status = fake_exit_status(&f, FAKE_PATIENCE_MS);
    CHECK(status == 0, "the exit status is 0: %d", status);
    CHECK(fake_log_count(&f, "TESTCELL-DRAIN") == 1, "the cell's drain hook ran once");
    fd_close(&fd);
    fake_end(&f);
}

/* A call that its handler never answers ends at its deadline and does not hold the end up. */
static void a_forgotten_call_does_not_hold_the_end_up(void)
{
    Cell__Testcell__NeverRequest never = CELL__TESTCELL__NEVER_REQUEST__INIT;
    struct fake f;
    uint32_t id;

    fake_start(&f, &(struct fake_spec){0});
    int fd = raw_open(fake_door(&f, "", ""));
    REQUIRE(raw_ask(fd, 1, CELL__TESTCELL__OP__OP_NEVER, &never.base, 300), "a lost call");
    REQUIRE(fake_metric_becomes(&f, "cell_inflight_requests", 2), "is in flight");
    fake_say_drain(f.gap);
    fake_expect(f.gap, CELL__GAP__TO_NUCLEUS__WHAT_DRAINING);
    CHECK(raw_status(fd, FAKE_PATIENCE_MS, &id) == ERR_TIMEOUT, "it times out");
    CHECK(fake_exit_status(&f, 5000) == 0, "and the cell ends");
    fd_close(&fd);
    fake_end(&f);
}

/* Terminate does not wait; the connection's end tells the caller. */
static void terminate_ends_at_once(void)
{
    Cell__Testcell__NeverRequest never = CELL__TESTCELL__NEVER_REQUEST__INIT;
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
    Cell__Gap__Terminate terminate = CELL__GAP__TERMINATE__INIT;
    struct fake f;
    uint32_t id;

    fake_start(&f, &(struct fake_spec){0});
    int fd = raw_open(fake_door(&f, "", ""));
    REQUIRE(raw_ask(fd, 1, CELL__TESTCELL__OP__OP_NEVER, &never.base, 60000), "a call");
    REQUIRE(fake_metric_becomes(&f, "cell_inflight_requests", 2), "is in flight");
    terminate.reason = "enough";
    message.what_case = CELL__GAP__TO_CELL__WHAT_TERMINATE;
    message.terminate = &terminate;
    fake_say(f.gap, &message);
    fake_expect(f.gap, CELL__GAP__TO_NUCLEUS__WHAT_STOPPED);
    CHECK(raw_status(fd, FAKE_PATIENCE_MS, &id) == ERR_PEER_DEAD, "the caller learns of it");
    CHECK(fake_exit_status(&f, FAKE_PATIENCE_MS) == 0, "an order is no failure");
    CHECK(fake_log_lines(&f, "CELL-TERMINATE", "why=\"enough\"") == 1, "the reason is logged");
    fd_close(&fd);
    fake_end(&f);
}

int main(int argc, char **argv)
{
    fake_init(argc, argv);
    wrong_order_is_ignored();
    a_packet_has_a_size();
    bad_packets_leave_nothing_behind();
    a_new_log_file_is_taken();
    a_lost_nucleus_is_replaced();
    a_draining_cell_rejoins_as_such();
    grace_ends();
    a_silent_nucleus_is_none();
    the_end_finishes_what_is_in_flight(END_DRAIN);
    the_end_finishes_what_is_in_flight(END_SIGTERM);
    the_end_finishes_what_is_in_flight(END_SHUTDOWN);
    a_forgotten_call_does_not_hold_the_end_up();
    terminate_ends_at_once();
    return CHECK_RESULT();
}
