/* Who may call what: NUC-21. The door a request comes through says whose it is. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "fake.h"
#include "raw.h"
#include "tests/support/check.h"

enum {
    NOBODY = 65533, /* a user that owns nothing here; 65534 is the overflow user */
};

static struct fake f;

static const struct fake_caller callers[] = {
    {"default", "a", {"testcell.Echo", "testcell.Who"}},
    {"default", "b", {"testcell.*"}},
    {"other", "a", {"testcell.Fail"}},
    {"default", "c", {"elsewhere.Echo"}},
    {"default", "d", {"*.Health", "testcell.Slow"}},
    {"default", "gateway", {"testcell.Who"}},
    {"other", "gateway", {"testcell.Who"}},
};

/* What happens to an empty request of `operation` at this caller's door. */
static enum err attempt(const char *space, const char *cell, uint32_t operation)
{
    AUTO_FD int fd = -1;
    AUTO_FREE uint8_t *body = NULL;
    size_t size;
    char text[SP_TEXT_SIZE];
    enum err e = sp_connect(fake_door(&f, space, cell), FAKE_PATIENCE_MS, &fd);

    return e != ERR_OK ? e : sp_ask_packed(fd, operation, 0, NULL, 0, FAKE_PATIENCE_MS, &body, &size,
                                           text);
}

static const struct {
    const char *space;
    const char *cell;
    uint32_t operation;
    enum err status;
    const char *why;
} rows[] = {
    {"", "", CELL__TESTCELL__OP__OP_ECHO, ERR_OK, "the operator may do all"},
    {"", "", CELL__INSPECT__OP__OP_HEALTH, ERR_OK, "and inspect"},
    {"default", "a", CELL__TESTCELL__OP__OP_ECHO, ERR_OK, "granted by name"},
    {"default", "a", CELL__TESTCELL__OP__OP_WHO, ERR_OK, "the second of two"},
    {"default", "a", CELL__TESTCELL__OP__OP_FORGETFUL, ERR_DENIED, "not granted"},
    {"default", "a", CELL__INSPECT__OP__OP_HEALTH, ERR_DENIED, "inspection is not granted along"},
    {"default", "a", CELL__INSPECT__OP__OP_SHUTDOWN, ERR_DENIED, "least of all the end"},
    {"default", "a", 29999, ERR_UNIMPLEMENTED, "what is not there is not there"},
    {"default", "b", CELL__TESTCELL__OP__OP_ECHO, ERR_OK, "all of the cell's operations"},
    {"default", "b", CELL__TESTCELL__OP__OP_FORGETFUL, ERR_INTERNAL, "each of them"},
    {"default", "b", CELL__INSPECT__OP__OP_HEALTH, ERR_DENIED, "the cell's own, not the runtime's"},
    {"default", "b", CELL__INSPECT__OP__OP_SHUTDOWN, ERR_DENIED, "and not to end it"},
    {"default", "b", CELL__INSPECT__OP__OP_DRAIN, ERR_DENIED, "nor to drain it"},
    {"default", "b", CELL__INSPECT__OP__OP_LOG, ERR_DENIED, "nor to silence it"},
    {"other", "a", CELL__TESTCELL__OP__OP_ECHO, ERR_DENIED,
     "the same name in another namespace is another caller"},
    {"other", "a", CELL__TESTCELL__OP__OP_FAIL, ERR_FAULT, "with rights of its own (status 0)"},
    {"default", "c", CELL__TESTCELL__OP__OP_ECHO, ERR_DENIED, "a right at another cell is none here"},
    {"default", "d", CELL__INSPECT__OP__OP_HEALTH, ERR_OK, "inspection granted by name"},
    {"default", "d", CELL__INSPECT__OP__OP_METRICS, ERR_DENIED, "and no more of it"},
    {"default", "d", CELL__TESTCELL__OP__OP_ECHO, ERR_DENIED, "nor else"},
};

static void callers_do_what_they_may(void)
{
    double denied = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum err e = attempt(rows[i].space, rows[i].cell, rows[i].operation);
        CHECK(e == rows[i].status, "row %zu: %s/%s operation %u: %s: %s", i, rows[i].space,
              rows[i].cell, rows[i].operation, rows[i].why, err_name(e));
        denied += rows[i].status == ERR_DENIED;
    }
    CHECK(fake_metric(&f, "cell_requests_denied_total", NULL, NULL) == denied,
          "every denial is counted: %g", denied);
    CHECK(fake_log_lines(&f, "DOOR-DENIED", "caller=default/a") >= 3, "and logged with its caller");
    CHECK(fake_log_lines(&f, "DOOR-DENIED", "operation=Shutdown") == 2, "and what it tried");
}

/* The caller is known from the door, whatever its message says. */
static void the_door_says_who_calls(void)
{
    Cell__Testcell__WhoRequest ask = CELL__TESTCELL__WHO_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    char text[SP_TEXT_SIZE];
    enum err e = fake_call(fake_door(&f, "default", "a"), CELL__TESTCELL__OP__OP_WHO, &ask.base,
                           &cell__testcell__who_reply__descriptor, FAKE_PATIENCE_MS, &reply, text);

    REQUIRE(e == ERR_OK, "a may ask: %s", err_name(e));
    const Cell__Testcell__WhoReply *who = (const Cell__Testcell__WhoReply *)reply;
    CHECK(strcmp(who->cell, "a") == 0 && strcmp(who->space, "default") == 0 && !who->is_operator,
          "it is %s/%s", who->space, who->cell);
    CHECK(who->pid == getpid() && who->uid == geteuid(), "pid and uid are the kernel's");
    protobuf_c_message_free_unpacked(reply, NULL);
}

/* Whose request it is that is passed on, gateways alone are asked: GW-1. */
static void a_gateway_says_whose_request_it_is(void)
{
    static const struct {
        const char *space, *cell;
        bool is_believed;
        const char *why;
    } cases[] = {
        {"default", "gateway", true, "this namespace's gateway"},
        {"other", "gateway", false, "a cell of that name in a namespace that is none of ours"},
        {"default", "a", false, "any other cell"},
        {"", "", false, "the operator's tools"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
        Cell__Envelope__Request one = CELL__ENVELOPE__REQUEST__INIT, *slot = &one;
        AUTO_FD int fd = raw_open(fake_door(&f, cases[i].space, cases[i].cell));
        uint32_t id;

        one.operation = CELL__TESTCELL__OP__OP_WHO;
        one.from_cell = (char *)"default/raft";
        one.from_node = (char *)"far";
        requests.version = 1;
        requests.requests = &slot;
        requests.n_requests = 1;
        REQUIRE(raw_send(fd, 7, &requests), "row %zu: sent", i);
        Cell__Envelope__Replies *replies = raw_hear(fd, FAKE_PATIENCE_MS, &id);
        REQUIRE(replies != NULL && replies->n_replies == 1, "row %zu: answered", i);
        Cell__Testcell__WhoReply *who = cell__testcell__who_reply__unpack(NULL, replies->replies[0]->body.len,
                                                                          replies->replies[0]->body.data);
        REQUIRE(who != NULL, "row %zu: it says who", i);
        CHECK(strcmp(who->from_cell, cases[i].is_believed ? "default/raft" : "") == 0 &&
              strcmp(who->from_node, cases[i].is_believed ? "far" : "") == 0,
              "row %zu: %s: \"%s\" at \"%s\"", i, cases[i].why, who->from_cell, who->from_node);
        CHECK(strcmp(who->cell, cases[i].cell) == 0, "row %zu: and calls itself", i);
        cell__testcell__who_reply__free_unpacked(who, NULL);
        cell__envelope__replies__free_unpacked(replies, NULL);
    }
}

/* A grant that comes later adds, changes and takes back; what is open follows. */
static void grants_change(void)
{
    const struct fake_caller more = {"default", "a", {"testcell.Fail"}};
    const struct fake_caller none = {"default", "a", {NULL}};
    const struct fake_caller bad = {"default", "a", {"testcell.Echo", "*.*"}};
    const struct fake_caller late = {"default", "late", {"testcell.Echo"}};
    const struct fake_caller evil = {"default", "../evil", {"testcell.Echo"}};
    const struct fake_caller nobody = {"default", "nobody", {NULL}};
    struct stat st;

    AUTO_FD int open_before = raw_open(fake_door(&f, "default", "a"));
    fake_say_grant(f.gap, &more);
    fake_say_grant(f.gap, &late);
    fake_expect(f.gap, CELL__GAP__TO_NUCLEUS__WHAT_LISTENING);
    CHECK(attempt("default", "late", CELL__TESTCELL__OP__OP_ECHO) == ERR_OK, "a new caller");
    CHECK(attempt("default", "a", CELL__TESTCELL__OP__OP_FAIL) == ERR_FAULT, "a new right");
    CHECK(attempt("default", "a", CELL__TESTCELL__OP__OP_ECHO) == ERR_DENIED, "the old ones go");
    Cell__Testcell__EchoRequest echo = CELL__TESTCELL__ECHO_REQUEST__INIT;
    uint32_t id;
    REQUIRE(raw_ask(open_before, 1, CELL__TESTCELL__OP__OP_ECHO, &echo.base, 5000), "asked");
    CHECK(raw_status(open_before, FAKE_PATIENCE_MS, &id) == ERR_DENIED,
          "over connections that were open, too");
    fake_say_grant(f.gap, &none);
    const struct fake_caller mark_1 = {"default", "mark-1", {"testcell.Echo"}};
    fake_say_grant(f.gap, &mark_1);
    fake_expect(f.gap, CELL__GAP__TO_NUCLEUS__WHAT_LISTENING);
    CHECK(attempt("default", "a", CELL__TESTCELL__OP__OP_FAIL) == ERR_DENIED, "all taken back");
    fake_say_grant(f.gap, &more);
    fake_say_grant(f.gap, &bad);
    fake_say_grant(f.gap, &evil);
    fake_say_grant(f.gap, &nobody);
    const struct fake_caller mark_2 = {"default", "mark-2", {"testcell.Echo"}};
    fake_say_grant(f.gap, &mark_2);
    fake_expect(f.gap, CELL__GAP__TO_NUCLEUS__WHAT_LISTENING);
    CHECK(attempt("default", "a", CELL__TESTCELL__OP__OP_FAIL) == ERR_DENIED &&
          attempt("default", "a", CELL__TESTCELL__OP__OP_ECHO) == ERR_DENIED,
          "a grant that does not parse leaves less, not more");
    CHECK(fake_log_lines(&f, "CELL-GRANT", "action=refused") == 1, "a caller that is a path");
    CHECK(stat(fake_door(&f, "default", "nobody"), &st) != 0, "nothing granted: no door");
    char path[2 * FAKE_PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/evil", f.bind_dir);
    CHECK(stat(path, &st) != 0, "and no socket elsewhere");
}

/* More callers than a cell has doors for: refused, the others go on. */
static void doors_are_limited(void)
{
    enum { DOORS_MAX = 256 };
    char name[DOORS_MAX + 8][16];
    size_t opened = 0;
    struct stat st;

    for (size_t i = 0; i < ARRAY_LEN(name); i++) {
        (void)snprintf(name[i], sizeof name[i], "m%zu", i);
        const struct fake_caller one = {"many", name[i], {"testcell.Echo"}};
        fake_say_grant(f.gap, &one);
    }
    /* Those that were opened are reported; the last refusal is in the log. */
    CHECK(fake_log_waits(&f, "CELL-GRANT", "caller=many/m263"), "the last is refused");
    for (size_t i = 0; i < ARRAY_LEN(name); i++) {
        opened += stat(fake_door(&f, "many", name[i]), &st) == 0;
    }
    CHECK(opened + ARRAY_LEN(callers) + 1 + 3 == DOORS_MAX, "with those before it makes %d doors: %zu", DOORS_MAX,
          opened);
    CHECK(attempt("many", "m0", CELL__TESTCELL__OP__OP_ECHO) == ERR_OK, "the first works");
    CHECK(attempt("", "", CELL__TESTCELL__OP__OP_ECHO) == ERR_OK, "the operator's too");
}

/* As another user: errno of connect(2) at each of the two doors, as the exit status of a child. */
static int connect_as(uid_t uid, const char *path)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        (void)snprintf(at.sun_path, sizeof at.sun_path, "%.*s", (int)sizeof at.sun_path - 1, path);
        if (setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0) {
            _exit(255);
        }
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        _exit(connect(fd, (struct sockaddr *)&at, sizeof at) == 0 ? 0 : errno);
    }
    int status = 0;
    REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status), "a child");
    return WEXITSTATUS(status);
}

/* Another user is refused by the kernel: the socket's mode is 0600, even where the directories
 * would let it pass. */
static bool other_users_are_refused(void)
{
    char upper[FAKE_PATH_SIZE];

    if (geteuid() != 0) {
        printf("SKIPPED: only root can be another user\n");
        return false;
    }
    (void)snprintf(upper, sizeof upper, "%s", f.bind_dir);
    *strrchr(upper, '/') = '\0';
    REQUIRE(chmod(f.bind_dir, 0755) == 0 && chmod(upper, 0755) == 0, "directories are open");
    CHECK(connect_as(NOBODY, fake_door(&f, "", "")) == EACCES, "the operator's door");
    CHECK(connect_as(NOBODY, fake_door(&f, "default", "b")) == EACCES, "a caller's door");
    CHECK(connect_as(0, fake_door(&f, "", "")) == 0, "its own user passes");
    /* Were the mode lost, the operator's door still asks the kernel who it is. */
    REQUIRE(chmod(fake_door(&f, "", ""), 0666) == 0, "the mode is lost");
    pid_t pid = fork();
    if (pid == 0) {
        if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0) {
            _exit(255);
        }
        _exit((int)attempt("", "", CELL__TESTCELL__OP__OP_ECHO));
    }
    int status = 0;
    REQUIRE(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "a child");
    CHECK(WEXITSTATUS(status) == ERR_DENIED, "another user is DENIED: %d", WEXITSTATUS(status));
    return true;
}

int main(int argc, char **argv)
{
    fake_init(argc, argv);
    fake_start(&f, &(struct fake_spec){.callers = callers, .caller_count = ARRAY_LEN(callers)});
    callers_do_what_they_may();
    the_door_says_who_calls();
    a_gateway_says_whose_request_it_is();
    grants_change();
    bool is_whole = other_users_are_refused();
    doors_are_limited();
    fake_finish(&f);
    return CHECK_RESULT() == 0 && !is_whole ? CHECK_SKIPPED : CHECK_RESULT();
}
