#include "fake.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

enum {
    FAKE_TRIES = 20,
    FAKE_TRY_MS = 50,
};

static const char *program;
static char run_dir[FAKE_PATH_SIZE];

uint64_t fake_now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

void fake_nap_ms(uint32_t ms)
{
    (void)poll(NULL, 0, (int)ms);
}

void fake_init(int argc, char **argv)
{
    char path[FAKE_PATH_SIZE + 16];

    REQUIRE(argc > 1, "usage: %s CELL-PROGRAM", argv[0]);
    (void)signal(SIGPIPE, SIG_IGN);
    program = argv[1];
    /* What this test inherited is not the cell's. */
    REQUIRE(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0, "descriptors stay here");
    int fd = scratch_open();
    (void)close(fd);
    (void)snprintf(run_dir, sizeof run_dir, "%s/r", scratch_dir);
    (void)snprintf(path, sizeof path, "%s/default", run_dir);
    REQUIRE(fd_make_dirs(path, 0700) == ERR_OK, "a run directory");
}

const char *fake_program(void)
{
    return program;
}

const char *fake_run_dir(void)
{
    return run_dir;
}

/* ---- processes --------------------------------------------------------------------------------- */

static void make_dirs(struct fake *f, uint32_t instance)
{
    static unsigned logs;

    (void)snprintf(f->run_dir, sizeof f->run_dir, "%s", run_dir);
    (void)snprintf(f->bind_dir, sizeof f->bind_dir, "%s/b%u", scratch_dir, instance);
    (void)snprintf(f->state_dir, sizeof f->state_dir, "%s/s%u", scratch_dir, instance);
    (void)snprintf(f->log_path, sizeof f->log_path, "%s/log.%u", scratch_dir, logs++);
    REQUIRE(fd_make_dirs(f->bind_dir, 0700) == ERR_OK, "a directory for its sockets");
    REQUIRE(fd_make_dirs(f->state_dir, 0700) == ERR_OK, "a directory for its state");
}

void fake_spawn(struct fake *f, const struct fake_spec *spec, const char *const *argv)
{
    static const char *const no_environment[] = {NULL};
    const char *arguments[16] = {program};
    posix_spawn_file_actions_t actions;
    int pair[2];

    *f = (struct fake){.pid = -1, .pidfd = -1, .gap = -1, .instance = spec->instance};
    make_dirs(f, spec->instance);
    for (size_t i = 0; i < FAKE_TOKEN_LEN; i++) {
        /* Letters, so that a leak is found by a plain search. */
        f->token[i] = (uint8_t)('A' + (i * 7 + spec->instance) % 26);
    }
    for (size_t i = 0; argv != NULL && argv[i] != NULL; i++) {
        REQUIRE(i + 2 < ARRAY_LEN(arguments), "room for arguments");
        arguments[i + 1] = argv[i];
    }
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "a gap junction");
    int log = open(f->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    REQUIRE(log >= 0, "a log");
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, log, 1);
    (void)posix_spawn_file_actions_adddup2(&actions, log, 2);
    if (argv == NULL) {
        (void)posix_spawn_file_actions_adddup2(&actions, pair[1], GAP_FD);
    }
    int failed = posix_spawn(&f->pid, program, &actions, NULL, (char *const *)arguments,
                             (char *const *)no_environment);
    REQUIRE(failed == 0, "%s starts: %s", program, strerror(failed));
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(pair[1]);
    (void)close(log);
    f->gap = pair[0];
    f->pidfd = (int)syscall(SYS_pidfd_open, f->pid, 0);
    REQUIRE(f->pidfd >= 0, "a pidfd");
}

int fake_exit_status(struct fake *f, uint32_t timeout_ms)
{
    struct pollfd p = {.fd = f->pidfd, .events = POLLIN};
    int status;

    if (f->pid < 0 || poll(&p, 1, (int)timeout_ms) != 1 || waitpid(f->pid, &status, 0) != f->pid) {
        return -1000;
    }
    f->pid = -1;
    fd_close(&f->pidfd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void fake_end(struct fake *f)
{
    if (f->pid > 0) {
        (void)kill(f->pid, SIGCONT);
        (void)kill(f->pid, SIGKILL);
        (void)fake_exit_status(f, FAKE_PATIENCE_MS);
    }
    fd_close(&f->pidfd);
    fd_close(&f->gap);
}

void fake_finish(struct fake *f)
{
    (void)kill(f->pid, SIGTERM);
    int status = fake_exit_status(f, FAKE_PATIENCE_MS);
    CHECK(status == 0, "a cell that was asked to end says so with status 0: %d", status);
    if (status != 0) {
        AUTO_FREE char *log = fake_log(f);
        fprintf(stderr, "---- its log\n%s----\n", log);
    }
    fake_end(f);
}

/* ---- the junction ------------------------------------------------------------------------------ */

void fake_say(int gap, const Cell__Gap__ToCell *message)
{
    enum err e = gap_send(gap, &message->base, NULL, 0);
    REQUIRE(e == ERR_OK, "the junction takes it: %s", err_name(e));
}

static void fill_grant(const struct fake_caller *caller, Cell__Gap__CallerGrant *ret,
                       char *operations[FAKE_OPERATIONS_MAX])
{
    *ret = (Cell__Gap__CallerGrant)CELL__GAP__CALLER_GRANT__INIT;
    ret->namespace_ = (char *)caller->space;
    ret->cell = (char *)caller->cell;
    ret->operations = operations;
    while (ret->n_operations < FAKE_OPERATIONS_MAX &&
           caller->operations[ret->n_operations] != NULL) {
        operations[ret->n_operations] = (char *)caller->operations[ret->n_operations];
        ret->n_operations++;
    }
}

void fake_say_grant(int gap, const struct fake_caller *caller)
{
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
    Cell__Gap__Grant grant = CELL__GAP__GRANT__INIT;
    Cell__Gap__CallerGrant item, *slot = &item;
    char *operations[FAKE_OPERATIONS_MAX];

    fill_grant(caller, &item, operations);
    grant.n_callers = 1;
    grant.callers = &slot;
    message.what_case = CELL__GAP__TO_CELL__WHAT_GRANT;
    message.grant = &grant;
    fake_say(gap, &message);
}

static void fill_genesis(struct fake *f, const struct fake_spec *spec, Cell__Gap__Limits *limits,
                         Cell__Gap__Genesis *g)
{
    limits->files = 256;
    limits->message_bytes = spec->message_bytes != 0 ? spec->message_bytes : 1 << 20;
    limits->calls_waiting = spec->calls_waiting != 0 ? spec->calls_waiting : 1024;
    g->cell = "testcell";
    g->namespace_ = "default";
    g->instance = spec->instance;
    g->generation = 7;
    g->node = "node-a";
    g->run_dir = f->run_dir;
    g->bind_dir = f->bind_dir;
    g->state_dir = f->state_dir;
    g->log_level = (char *)(spec->log_level != NULL ? spec->log_level : "debug");
    g->config = (char *)(spec->config != NULL ? spec->config : "");
    g->token.data = f->token;
    g->token.len = FAKE_TOKEN_LEN;
    g->limits = limits;
    g->descriptors = (char **)spec->descriptors;
    g->n_descriptors = spec->fd_count;
    g->heartbeat_ms = spec->heartbeat_ms != 0 ? spec->heartbeat_ms : 1000;
    g->heartbeat_misses = 3;
    g->rejoin_grace_ms = spec->rejoin_grace_ms != 0 ? spec->rejoin_grace_ms : 60000;
}

void fake_say_genesis(struct fake *f, const struct fake_spec *spec)
{
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
    Cell__Gap__Genesis genesis = CELL__GAP__GENESIS__INIT;
    Cell__Gap__Limits limits = CELL__GAP__LIMITS__INIT;
    Cell__Gap__CallerGrant item[FAKE_CALLERS_MAX], *slot[FAKE_CALLERS_MAX];
    char *operations[FAKE_CALLERS_MAX][FAKE_OPERATIONS_MAX];

    fill_genesis(f, spec, &limits, &genesis);
    REQUIRE(spec->caller_count <= FAKE_CALLERS_MAX, "room for callers");
    for (size_t i = 0; i < spec->caller_count; i++) {
        fill_grant(&spec->callers[i], &item[i], operations[i]);
        slot[i] = &item[i];
    }
    genesis.callers = slot;
    genesis.n_callers = spec->caller_count;
    message.what_case = CELL__GAP__TO_CELL__WHAT_GENESIS;
    message.genesis = &genesis;
    enum err e = gap_send(f->gap, &message.base, spec->fds, spec->fd_count);
    REQUIRE(e == ERR_OK, "the junction takes Genesis: %s", err_name(e));
}

void fake_say_drain(int gap)
{
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
    Cell__Gap__Drain drain = CELL__GAP__DRAIN__INIT;

    message.what_case = CELL__GAP__TO_CELL__WHAT_DRAIN;
    message.drain = &drain;
    fake_say(gap, &message);
}

Cell__Gap__ToNucleus *fake_hear(int gap, uint32_t timeout_ms)
{
    static uint8_t data[GAP_MESSAGE_MAX];
    struct pollfd p = {.fd = gap, .events = POLLIN};
    int fds[GAP_DESCRIPTORS_MAX];
    size_t len, fd_count;

    REQUIRE(poll(&p, 1, (int)timeout_ms) == 1, "the cell says something in time");
    enum err e = gap_recv(gap, data, &len, fds, &fd_count);
    if (e == ERR_PEER_DEAD) {
        return NULL;
    }
    REQUIRE(e == ERR_OK && fd_count == 0, "a whole packet without descriptors: %s", err_name(e));
    Cell__Gap__ToNucleus *message = cell__gap__to_nucleus__unpack(NULL, len, data);
    REQUIRE(message != NULL, "what the cell says parses");
    return message;
}

void fake_heard_free(Cell__Gap__ToNucleus *message)
{
    cell__gap__to_nucleus__free_unpacked(message, NULL);
}

void fake_expect(int gap, Cell__Gap__ToNucleus__WhatCase what)
{
    Cell__Gap__ToNucleus *message = fake_hear(gap, FAKE_PATIENCE_MS);

    REQUIRE(message != NULL && message->what_case == what, "message %d is next, not %d", (int)what,
            message == NULL ? -1 : (int)message->what_case);
    fake_heard_free(message);
}

void fake_start(struct fake *f, const struct fake_spec *spec)
{
    fake_spawn(f, spec, NULL);
    fake_say_genesis(f, spec);
    for (;;) {
        Cell__Gap__ToNucleus *message = fake_hear(f->gap, FAKE_PATIENCE_MS);
        if (message == NULL || message->what_case == CELL__GAP__TO_NUCLEUS__WHAT_STOPPED) {
            AUTO_FREE char *log = fake_log(f);
            fprintf(stderr, "---- its log\n%s----\n", log);
        }
        REQUIRE(message != NULL && message->what_case != CELL__GAP__TO_NUCLEUS__WHAT_STOPPED,
                "the cell under test gets ready");
        bool is_ready = message->what_case == CELL__GAP__TO_NUCLEUS__WHAT_READY;
        fake_heard_free(message);
        if (is_ready) {
            return;
        }
    }
}

/* ---- doors and calls --------------------------------------------------------------------------- */

const char *fake_door(const struct fake *f, const char *space, const char *cell)
{
    static char path[4][2 * FAKE_PATH_SIZE];
    static unsigned next;
    char *out = path[next++ % 4];

    if (cell[0] == '\0') {
        (void)snprintf(out, sizeof path[0], "%s/%u", f->bind_dir, f->instance);
    } else {
        (void)snprintf(out, sizeof path[0], "%s/%u.%s.%s", f->bind_dir, f->instance, space, cell);
    }
    return out;
}

void fake_publish(const struct fake *f, const char *space, const char *cell)
{
    char path[FAKE_PATH_SIZE + 64];

    (void)snprintf(path, sizeof path, "%s/default/testcell.%u.sock", run_dir, f->instance);
    (void)unlink(path);
    REQUIRE(link(fake_door(f, space, cell), path) == 0, "the socket gets a public name");
}

enum err fake_call(const char *path, uint32_t operation, const ProtobufCMessage *request,
                   const ProtobufCMessageDescriptor *reply_type, uint32_t timeout_ms,
                   ProtobufCMessage **ret, char text[SP_TEXT_SIZE])
{
    AUTO_FD int fd = -1;
    ProtobufCMessage *reply = NULL;

    text[0] = '\0';
    enum err e = sp_connect(path, timeout_ms, &fd);
    if (e == ERR_OK) {
        e = sp_ask(fd, operation, 0, request, reply_type, timeout_ms, &reply, text);
    }
    if (e == ERR_OK && ret != NULL) {
        *ret = reply;
    } else if (e == ERR_OK) {
        protobuf_c_message_free_unpacked(reply, NULL);
    }
    return e;
}

enum err fake_echo(const char *path, const char *text)
{
    Cell__Testcell__EchoRequest request = CELL__TESTCELL__ECHO_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    char why[SP_TEXT_SIZE];

    request.text = (char *)text;
    enum err e = fake_call(path, CELL__TESTCELL__OP__OP_ECHO, &request.base,
                           &cell__testcell__echo_reply__descriptor, FAKE_PATIENCE_MS, &reply, why);
    if (e == ERR_OK) {
        CHECK(strcmp(((Cell__Testcell__EchoReply *)reply)->text, text) == 0, "the echo is ours");
        protobuf_c_message_free_unpacked(reply, NULL);
    }
    return e;
}

/* ---- looking in -------------------------------------------------------------------------------- */

static bool has_label(const Cell__Inspect__Metric *m, const char *value)
{
    for (size_t i = 0; i < m->n_labels; i++) {
        if (strcmp(m->labels[i]->value, value) == 0) {
            return true;
        }
    }
    return value == NULL;
}

double fake_metric(const struct fake *f, const char *name, const char *label_1,
                   const char *label_2)
{
    Cell__Inspect__MetricsRequest request = CELL__INSPECT__METRICS_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    char why[SP_TEXT_SIZE];
    double value = -1;

    enum err e = ERR_PEER_DEAD;
    for (int i = 0; e == ERR_PEER_DEAD && i < FAKE_TRIES; i++) { /* after a storm its callers' ends are told late */
        fake_nap_ms(i > 0 ? FAKE_TRY_MS : 0);
        e = fake_call(fake_door(f, "", ""), CELL__INSPECT__OP__OP_METRICS, &request.base,
                      &cell__inspect__metrics_reply__descriptor, FAKE_PATIENCE_MS, &reply, why);
    }
    REQUIRE(e == ERR_OK, "metrics are reported: %s %s", err_name(e), why);
    const Cell__Inspect__MetricsReply *all = (const Cell__Inspect__MetricsReply *)reply;
    for (size_t i = 0; i < all->n_metrics; i++) {
        const Cell__Inspect__Metric *m = all->metrics[i];
        if (strcmp(m->name, name) == 0 && (label_1 == NULL || has_label(m, label_1)) &&
            (label_2 == NULL || has_label(m, label_2))) {
            value = m->histogram != NULL ? (double)m->histogram->count : m->value;
        }
    }
    protobuf_c_message_free_unpacked(reply, NULL);
    return value;
}

bool fake_metric_becomes(const struct fake *f, const char *name, double value)
{
    uint64_t until_us = fake_now_us() + FAKE_PATIENCE_MS * UINT64_C(1000);
    double is;

    while ((is = fake_metric(f, name, NULL, NULL)) != value) {
        if (fake_now_us() > until_us) {
            fprintf(stderr, "%s is %g, not %g\n", name, is, value);
            return false;
        }
        fake_nap_ms(2);
    }
    return true;
}

char *fake_log(const struct fake *f)
{
    char *text = NULL;
    size_t len;
    enum err e = fd_read_file(AT_FDCWD, f->log_path, 64 << 20, &text, &len);

    REQUIRE(e == ERR_OK, "the log can be read: %s", err_name(e));
    return text;
}

size_t fake_log_count(const struct fake *f, const char *text)
{
    AUTO_FREE char *log = fake_log(f);
    size_t count = 0;

    for (const char *at = strstr(log, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

size_t fake_log_lines(const struct fake *f, const char *id, const char *text)
{
    AUTO_FREE char *log = fake_log(f);
    size_t count = 0;
    char *save = NULL;

    for (char *line = strtok_r(log, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        char *at = strstr(line, id);
        size_t len = strlen(id);
        if (at != NULL && at[len] == ' ' && (text == NULL || strstr(at + len, text) != NULL)) {
            count++;
        }
    }
    return count;
}

bool fake_log_waits(const struct fake *f, const char *id, const char *text)
{
    uint64_t until_us = fake_now_us() + FAKE_PATIENCE_MS * UINT64_C(1000);

    while (fake_log_lines(f, id, text) == 0) {
        if (fake_now_us() > until_us) {
            return false;
        }
        fake_nap_ms(2);
    }
    return true;
}

/* As the process itself counts them, less that of the question. */
static size_t fd_count_told(const struct fake *f)
{
    Cell__Inspect__DescribeRequest request = CELL__INSPECT__DESCRIBE_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    char why[SP_TEXT_SIZE];

    enum err e = fake_call(fake_door(f, "", ""), CELL__INSPECT__OP__OP_DESCRIBE, &request.base,
                           &cell__inspect__describe_reply__descriptor, FAKE_PATIENCE_MS, &reply, why);
    REQUIRE(e == ERR_OK, "it describes itself: %s %s", err_name(e), why);
    size_t count = ((const Cell__Inspect__DescribeReply *)reply)->sandbox->open_files;
    protobuf_c_message_free_unpacked(reply, NULL);
    return count - 1;
}

size_t fake_fd_count(const struct fake *f)
{
    char path[64];
    size_t count = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)f->pid);
    DIR *dir = opendir(path);
    if (dir == NULL && errno == EACCES) {
        return fd_count_told(f); /* it is not dumpable any more, and we are not root */
    }
    REQUIRE(dir != NULL, "its descriptors can be listed: %s", strerror(errno));
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    return count - 2; /* "." and ".." */
}

bool fake_sleeps_in(const struct fake *f, long number)
{
    uint64_t until_us = fake_now_us() + FAKE_PATIENCE_MS * UINT64_C(1000);
    char path[64], text[128] = "";

    (void)snprintf(path, sizeof path, "/proc/%d/syscall", (int)f->pid);
    while (fake_now_us() < until_us) {
        size_t len = 0;
        AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && fd_read_all(fd, text, sizeof text - 1, &len) == ERR_OK && text[0] != 'r' &&
            strtol(text, NULL, 10) == number) {
            return true; /* "running" begins with r */
        }
        fake_nap_ms(1);
    }
    return false;
}
