/* How a cell comes to life, what it refuses to be born from, how it hears and ends: NUC-1, NUC-2,
 * NUC-3, NUC-9. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/tun.h"
#include "fake.h"
#include "raw.h"
#include "tests/support/check.h"

/* NUC-2: Booting, Listening with every door, Ready; nothing before it knows who it is. */
static void birth_is_reported_in_order(void)
{
    static const struct fake_caller friend = {"default", "friend", {"testcell.Echo"}};
    const struct fake_spec spec = {.callers = &friend, .caller_count = 1};
    struct fake f;

    fake_spawn(&f, &spec, NULL);
    struct pollfd p = {.fd = f.gap, .events = POLLIN};
    CHECK(poll(&p, 1, 50) == 0, "a cell says nothing before it knows who it is");
    fake_say_genesis(&f, &spec);
    Cell__Gap__ToNucleus *m = fake_hear(f.gap, FAKE_PATIENCE_MS);
    REQUIRE(m != NULL && m->what_case == CELL__GAP__TO_NUCLEUS__WHAT_BOOTING, "Booting first");
    CHECK(m->booting->protocol == GAP_PROTOCOL && m->booting->version[0] != '\0', "its version");
    fake_heard_free(m);
    m = fake_hear(f.gap, FAKE_PATIENCE_MS);
    REQUIRE(m != NULL && m->what_case == CELL__GAP__TO_NUCLEUS__WHAT_LISTENING, "then Listening");
    REQUIRE(m->listening->n_endpoints == 2, "the operator's door and one per caller");
    for (size_t i = 0; i < 2; i++) {
        struct stat st;
        const Cell__Gap__Endpoint *at = m->listening->endpoints[i];
        const char *path = fake_door(&f, at->namespace_, at->cell);
        CHECK(stat(path, &st) == 0 && S_ISSOCK(st.st_mode), "%s is there", path);
        CHECK((st.st_mode & 07777) == 0600, "%s has mode 0600: %o", path, st.st_mode);
        CHECK(strcmp(strrchr(path, '/') + 1, at->file) == 0, "%s is named %s", path, at->file);
    }
    CHECK(m->listening->endpoints[0]->cell[0] == '\0', "the first is the operator's");
    CHECK(strcmp(m->listening->endpoints[1]->cell, "friend") == 0, "the second its caller's");
    fake_heard_free(m);
    fake_expect(f.gap, CELL__GAP__TO_NUCLEUS__WHAT_READY);
    CHECK(fake_echo(fake_door(&f, "", ""), "hello") == ERR_OK, "it serves");
    CHECK(fake_log_waits(&f, "CELL-READY", NULL), "readiness is logged");
    CHECK(fake_log_count(&f, "generation=7 took_ms=") == 1, "with the time it took");
    fake_finish(&f);
}

/* NUC-1: descriptors 0 to 3 and nothing else before Genesis; the granted ones arrive by name. */
static void descriptors_are_those_granted(void)
{
    static const char *const names[] = {"one", "two"};
    int fds[2] = {open("/dev/null", O_RDONLY | O_CLOEXEC), open("/dev/zero", O_RDONLY | O_CLOEXEC)};
    const struct fake_spec spec = {.descriptors = names, .fds = fds, .fd_count = 2,
                                   .config = "colour: blue\n"};
    Cell__Testcell__WhoRequest request = CELL__TESTCELL__WHO_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    char text[SP_TEXT_SIZE];
    struct fake f;

    fake_spawn(&f, &spec, NULL);
    CHECK(fake_sleeps_in(&f, SYS_recvmsg), "it waits to be told who it is");
    CHECK(fake_fd_count(&f) == 4, "four descriptors at birth: %zu", fake_fd_count(&f));
    fake_say_genesis(&f, &spec);
    fake_expect(f.gap, CELL__GAP__TO_NUCLEUS__WHAT_BOOTING);
    fake_expect(f.gap, CELL__GAP__TO_NUCLEUS__WHAT_LISTENING);
    fake_expect(f.gap, CELL__GAP__TO_NUCLEUS__WHAT_READY);
    enum err e = fake_call(fake_door(&f, "", ""), CELL__TESTCELL__OP__OP_WHO, &request.base,
                           &cell__testcell__who_reply__descriptor, FAKE_PATIENCE_MS, &reply, text);
    REQUIRE(e == ERR_OK, "it serves: %s", err_name(e));
    const Cell__Testcell__WhoReply *who = (const Cell__Testcell__WhoReply *)reply;
    CHECK(who->descriptors == 2, "both descriptors came: %u", who->descriptors);
    CHECK(strcmp(who->config, "colour: blue\n") == 0, "the configuration came: %s", who->config);
    CHECK(strcmp(who->state_dir, f.state_dir) == 0, "the state directory came");
    CHECK(who->is_operator && who->uid == geteuid() && who->pid == getpid(),
          "the caller is known from the kernel: uid %u pid %d", who->uid, who->pid);
    protobuf_c_message_free_unpacked(reply, NULL);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    fake_finish(&f);
}

/* NUC-3: no environment; the token is nowhere that another process could read it. Root may look into all
 * of these; another process of the same user is refused those that show memory. */
static void the_token_stays_secret(void)
{
    static const char *const places[] = {"environ", "maps", "mountinfo", "cmdline", "comm"};
    const size_t shut = 2; /* the first so many */
    struct fake f;
    char token[FAKE_TOKEN_LEN + 1] = "";

    fake_start(&f, &(struct fake_spec){0});
    memcpy(token, f.token, FAKE_TOKEN_LEN);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        char path[64];
        char data[65536];
        size_t len = 0;
        (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)f.pid, places[i]);
        AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (geteuid() != 0 && i < shut) {
            CHECK(fd < 0 && errno == EACCES, "%s is refused: %s", path, strerror(errno));
            continue;
        }
        REQUIRE(fd >= 0 && fd_read_all(fd, data, sizeof data - 1, &len) == ERR_OK, "%s", path);
        CHECK(memmem(data, len, token, FAKE_TOKEN_LEN) == NULL, "no token in %s", path);
        CHECK(strcmp(places[i], "environ") != 0 || len == 0, "no environment: %zu bytes", len);
    }
    CHECK(fake_log_count(&f, token) == 0, "no token in the log");
    fake_finish(&f);
}

/* ---- Genesis ----------------------------------------------------------------------------------- */

#define LONG_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

enum field { CELL_NAME, SPACE, NODE, CALLER, CALLER_SPACE, OPERATION, DESCRIPTOR, LEVEL, RUN_DIR, READ,
             WRITE, WRITE_LONG, READS, INSTANCE, TOKEN_LEN, MESSAGE, WAITING, BEAT,
             INTERFACE, ADDRESSES, ADDRESS_SIZE, ADDRESS_BITS };

/* One changed field each; NOD-8: the one grammar of names holds at this entry too. */
static const struct {
    enum field field;
    const char *text;
    uint32_t number;
    bool is_born;
    const char *why;
} births[] = {
    {CELL_NAME, "testcell", 0, true, "the usual"},
    {CELL_NAME, "", 0, false, "a cell has a name"},
    {CELL_NAME, "../etc", 0, false, "a name is no path"},
    {CELL_NAME, "a/b", 0, false, "nor part of one"},
    {CELL_NAME, "-rf", 0, false, "nor an option"},
    {CELL_NAME, "a\nb", 0, false, "nor two lines"},
    {CELL_NAME, "Greeter", 0, false, "upper case is outside the grammar"},
    {CELL_NAME, LONG_64, 0, true, "64 characters are allowed"},
    {CELL_NAME, LONG_64 "a", 0, false, "65 are not"},
    {SPACE, "a..b", 0, false, "no dots in a namespace"},
    {SPACE, LONG_64 "a", 0, false, "65 characters"},
    {NODE, "node a", 0, false, "no spaces in a node's name"},
    {CALLER, "../friend", 0, false, "a caller's name becomes a file name"},
    {CALLER, LONG_64 "a", 0, false, "65 characters"},
    {CALLER_SPACE, "/", 0, false, "and so does its namespace"},
    {OPERATION, "testcell.Echo", 0, true, "an operation"},
    {OPERATION, "testcell.*", 0, true, "all of a cell's"},
    {OPERATION, "*.*", 0, false, "everything would be granted"},
    {OPERATION, "Echo", 0, false, "an operation without its cell"},
    {OPERATION, "testcell.Echo\n", 0, false, "a line end is no part of a name"},
    {DESCRIPTOR, "one", 0, true, "a descriptor's name"},
    {DESCRIPTOR, "../one", 0, false, "the grammar holds for descriptors too"},
    {LEVEL, "loud", 0, false, "no such log level"},
    {RUN_DIR, "relative/dir", 0, false, "a directory is given by its absolute path"},
    {READ, "/usr", 0, true, "a directory to read"},
    {READ, "/usr/bin/env", 0, true, "a file to read"},
    {READ, "usr", 0, false, "a path that depends on where one stands"},
    {READ, "/", 0, false, "everything: then landlock could not be seen to refuse"},
    {READ, "/nonexistent/granted", 0, false, "what is not there cannot be granted"},
    {WRITE, "/tmp", 0, true, "a directory to write"},
    {WRITE, "", 0, false, "no path"},
    {WRITE_LONG, NULL, GAP_PATH_SIZE - 1, true, "the longest path"},
    {WRITE_LONG, NULL, GAP_PATH_SIZE, false, "one character more"},
    {READS, NULL, GAP_PATHS_MAX, true, "as many paths as may be"},
    {READS, NULL, GAP_PATHS_MAX + 1, false, "one more"},
    {INSTANCE, NULL, 9999, true, "the highest instance"},
    {INSTANCE, NULL, 10000, false, "one more"},
    {TOKEN_LEN, NULL, 31, false, "a short token"},
    {TOKEN_LEN, NULL, 33, false, "a long token"},
    {TOKEN_LEN, NULL, 0, false, "no token"},
    {MESSAGE, NULL, 16 << 20, true, "the envelope's own limit"},
    {MESSAGE, NULL, (16 << 20) + 1, false, "past it no client could read the answer"},
    {MESSAGE, NULL, 0, false, "no message would fit"},
    {WAITING, NULL, 1, true, "one call at a time"},
    {WAITING, NULL, 0, false, "no call could be served"},
    {BEAT, NULL, 0, false, "a heartbeat has a period"},
    {INTERFACE, "tun.overlay", 1, true, "an interface among the descriptors, or one that did not come"},
    {INTERFACE, "../one", 1, false, "the grammar holds for these, too"},
    {INTERFACE, "tun.overlay", GAP_INTERFACES_MAX, true, "as many as a manifest has"},
    {INTERFACE, "tun.overlay", GAP_INTERFACES_MAX + 1, false, "one more"},
    {ADDRESSES, NULL, TUN_ADDRESSES_MAX, true, "as many addresses as an interface has"},
    {ADDRESSES, NULL, TUN_ADDRESSES_MAX + 1, false, "one more"},
    {ADDRESS_SIZE, NULL, 5, true, "one of IPv4, with its bits"},
    {ADDRESS_SIZE, NULL, 17, true, "one of IPv6"},
    {ADDRESS_SIZE, NULL, 0, false, "nothing"},
    {ADDRESS_SIZE, NULL, 4, false, "no bits"},
    {ADDRESS_SIZE, NULL, 18, false, "too long"},
    {ADDRESS_BITS, NULL, 32, true, "all bits of IPv4"},
    {ADDRESS_BITS, NULL, 33, false, "more than it has"},
};

struct genesis {
    Cell__Gap__ToCell message;
    Cell__Gap__Genesis genesis;
    Cell__Gap__Limits limits;
    Cell__Gap__CallerGrant caller, *slot;
    char *operation;
    char *descriptor;
    char *path[GAP_PATHS_MAX + 1];
    uint8_t token[64];
    Cell__Gap__Interface interface, *interfaces[GAP_INTERFACES_MAX + 1];
    ProtobufCBinaryData address[TUN_ADDRESSES_MAX + 1];
    uint8_t bytes[32];
};

/* So many interfaces, which are one, with so many addresses of so many bytes; the last of them says how many bits. */
static void give_interfaces(struct genesis *g, char *name, size_t count, size_t addresses, size_t size, uint8_t bits)
{
    cell__gap__interface__init(&g->interface);
    memset(g->bytes, bits, sizeof g->bytes);
    for (size_t i = 0; i < addresses; i++) {
        g->address[i] = (ProtobufCBinaryData){.len = size, .data = g->bytes};
    }
    g->interface.descriptor = name;
    g->interface.addresses = g->address;
    g->interface.n_addresses = addresses;
    for (size_t i = 0; i < count; i++) {
        g->interfaces[i] = &g->interface;
    }
    g->genesis.interfaces = g->interfaces;
    g->genesis.n_interfaces = count;
}

static void fill(struct genesis *g, struct fake *f)
{
    *g = (struct genesis){.message = CELL__GAP__TO_CELL__INIT, .genesis = CELL__GAP__GENESIS__INIT,
                          .limits = CELL__GAP__LIMITS__INIT,
                          .caller = CELL__GAP__CALLER_GRANT__INIT};
    g->message.what_case = CELL__GAP__TO_CELL__WHAT_GENESIS;
    g->message.genesis = &g->genesis;
    g->genesis.cell = "testcell";
    g->genesis.namespace_ = "default";
    g->genesis.node = "node-a";
    g->genesis.run_dir = f->run_dir;
    g->genesis.bind_dir = f->bind_dir;
    g->genesis.state_dir = f->state_dir;
    g->genesis.log_level = "info";
    g->genesis.heartbeat_ms = 1000;
    g->genesis.heartbeat_misses = 3;
    g->genesis.rejoin_grace_ms = 1000;
    g->genesis.token.data = g->token;
    g->genesis.token.len = FAKE_TOKEN_LEN;
    g->genesis.limits = &g->limits;
    g->limits.files = 256;
    g->limits.message_bytes = 65536;
    g->limits.calls_waiting = 16;
    g->slot = &g->caller;
    g->genesis.callers = &g->slot;
    g->genesis.n_callers = 1;
    g->caller.namespace_ = "default";
    g->caller.cell = "f";
    g->operation = "testcell.Echo";
    g->caller.operations = &g->operation;
    g->caller.n_operations = 1;
}

/* "////…/tmp" with so many characters. */
static char *long_path(size_t len)
{
    static char path[GAP_PATH_SIZE + 1];

    memset(path, '/', len);
    memcpy(path + len - 3, "tmp", 4);
    return path;
}

static void change(struct genesis *g, enum field field, const char *text, uint32_t number)
{
    char *value = (char *)text;

    switch (field) {
    case CELL_NAME: g->genesis.cell = value; break;
    case SPACE: g->genesis.namespace_ = value; break;
    case NODE: g->genesis.node = value; break;
    case CALLER: g->caller.cell = value; break;
    case CALLER_SPACE: g->caller.namespace_ = value; break;
    case OPERATION: g->operation = value; break;
    case DESCRIPTOR:
        g->descriptor = value;
        g->genesis.descriptors = &g->descriptor;
        g->genesis.n_descriptors = 1;
        break;
    case LEVEL: g->genesis.log_level = value; break;
    case RUN_DIR: g->genesis.run_dir = value; break;
    case READ:
    case WRITE:
        g->path[0] = value;
        g->genesis.read = g->genesis.write = g->path;
        g->genesis.n_read = field == READ;
        g->genesis.n_write = field == WRITE;
        break;
    case WRITE_LONG:
        g->path[0] = long_path(number);
        g->genesis.write = g->path;
        g->genesis.n_write = 1;
        break;
    case READS:
        for (size_t i = 0; i < number; i++) {
            g->path[i] = "/usr";
        }
        g->genesis.read = g->path;
        g->genesis.n_read = number;
        break;
    case INSTANCE: g->genesis.instance = number; break;
    case TOKEN_LEN: g->genesis.token.len = number; break;
    case MESSAGE: g->limits.message_bytes = number; break;
    case WAITING: g->limits.calls_waiting = number; break;
    case BEAT: g->genesis.heartbeat_ms = number; break;
    case INTERFACE: give_interfaces(g, value, number, 1, 5, 24); break;
    case ADDRESSES: give_interfaces(g, "tun.overlay", 1, number, 17, 64); break;
    case ADDRESS_SIZE: give_interfaces(g, "tun.overlay", 1, 1, number, 24); break;
    case ADDRESS_BITS: give_interfaces(g, "tun.overlay", 1, 1, 5, (uint8_t)number); break;
    }
}

/* Whether the process that was just told `data` gets ready; claims that one that does not ends with
 * status 1, says why and leaves no socket behind. */
static bool gets_ready(struct fake *f, const char *why)
{
    Cell__Gap__ToNucleus *m;
    bool is_ready = false;

    while (!is_ready && (m = fake_hear(f->gap, FAKE_PATIENCE_MS)) != NULL) {
        is_ready = m->what_case == CELL__GAP__TO_NUCLEUS__WHAT_READY;
        fake_heard_free(m);
    }
    if (is_ready) {
        return true;
    }
    int status = fake_exit_status(f, FAKE_PATIENCE_MS);
    CHECK(status == 1, "%s: the process ends with status 1, not %d", why, status);
    CHECK(fake_log_count(f, " error ") > 0, "%s: and says why", why);
    return false;
}

static void bad_genesis_is_refused(void)
{
    for (size_t i = 0; i < ARRAY_LEN(births); i++) {
        struct genesis g;
        struct fake f;
        fake_spawn(&f, &(struct fake_spec){0}, NULL);
        fill(&g, &f);
        change(&g, births[i].field, births[i].text, births[i].number);
        int fd = g.genesis.n_descriptors > 0 ? f.pidfd : -1;
        enum err e = gap_send(f.gap, &g.message.base, &fd, g.genesis.n_descriptors);
        REQUIRE(e == ERR_OK, "row %zu can be said: %s", i, err_name(e));
        CHECK(gets_ready(&f, births[i].why) == births[i].is_born, "row %zu: %s", i, births[i].why);
        fake_end(&f);
    }
}

/* NUC-1: a Genesis of exactly 64 KiB is taken, one byte more is refused by both ends. */
static void genesis_has_a_size(void)
{
    for (size_t more = 0; more < 2; more++) {
        AUTO_FREE char *config = calloc(1, GAP_MESSAGE_MAX + 2);
        AUTO_FREE uint8_t *data = calloc(1, GAP_MESSAGE_MAX + 2);
        struct genesis g;
        struct fake f;
        fake_spawn(&f, &(struct fake_spec){0}, NULL);
        fill(&g, &f);
        g.genesis.config = config;
        for (size_t n = 60000; cell__gap__to_cell__get_packed_size(&g.message) <
                               GAP_MESSAGE_MAX + more; n++) {
            memset(config, 'x', n);
        }
        size_t size = cell__gap__to_cell__pack(&g.message, data);
        REQUIRE(size == GAP_MESSAGE_MAX + more, "the size is exact: %zu", size);
        if (more > 0) {
            CHECK(gap_send(f.gap, &g.message.base, NULL, 0) == ERR_LIMIT, "not even sent");
        }
        REQUIRE(send(f.gap, data, size, 0) == (ssize_t)size, "the kernel takes it");
        CHECK(gets_ready(&f, "64 KiB") == (more == 0), "64 KiB and %zu", more);
        fake_end(&f);
    }
}

/* NUC-2: nothing but Genesis begins a life. */
static void only_genesis_begins(void)
{
    static const Cell__Gap__ToCell__WhatCase first[] = {
        CELL__GAP__TO_CELL__WHAT_GRANT,    CELL__GAP__TO_CELL__WHAT_DRAIN,
        CELL__GAP__TO_CELL__WHAT_LOG_FILE, CELL__GAP__TO_CELL__WHAT_TERMINATE,
        CELL__GAP__TO_CELL__WHAT_WELCOME,  CELL__GAP__TO_CELL__WHAT__NOT_SET,
    };
    for (size_t i = 0; i < ARRAY_LEN(first) + 1; i++) {
        struct fake f;
        fake_spawn(&f, &(struct fake_spec){0}, NULL);
        if (i == ARRAY_LEN(first)) {
            fd_close(&f.gap);
            CHECK(fake_exit_status(&f, FAKE_PATIENCE_MS) == 1, "a nucleus that leaves without a word");
        } else if (first[i] == CELL__GAP__TO_CELL__WHAT__NOT_SET) {
            REQUIRE(send(f.gap, "\xff\xff", 2, 0) == 2, "garbage is said");
            CHECK(!gets_ready(&f, "garbage"), "garbage is no birth");
        } else {
            /* Field number and an empty message: packs the same for every member. */
            uint8_t data[16] = {(uint8_t)((unsigned)first[i] << 3 | 2), 0};
            REQUIRE(send(f.gap, data, 2, 0) == 2, "message %d is said", (int)first[i]);
            CHECK(!gets_ready(&f, "wrong order"), "message %d is no birth", (int)first[i]);
        }
        fake_end(&f);
    }
}

/* Standalone: the command line is checked like Genesis is. */
static void command_line_is_checked(void)
{
    static const struct {
        const char *argv[6];
        int status;
        const char *why;
    } rows[] = {
        {{"--help"}, 64, "an unknown argument"},
        {{"--standalone", "--run"}, 64, "an option without value"},
        {{"--standalone", "--run", "relative"}, 64, "a relative directory"},
        {{"--standalone", "--namespace", "../x"}, 64, "a namespace that is a path"},
        {{"--standalone", "--namespace", "-x"}, 64, "a namespace that is an option"},
        {{"--standalone", "--instance", "10000"}, 64, "an instance past the last"},
        {{"--standalone", "--instance", "-1"}, 64, "a negative instance"},
        {{"--standalone", "--instance", "1x"}, 64, "a number and more"},
        {{"--standalone", "--log-level", "loud"}, 64, "an unknown level"},
        {{"--standalone", "--config", "/nonexistent"}, 64, "a file that is not there"},
        {{"--standalone", "--colour", "red"}, 64, "an unknown option"},
        {{"--standalone", "--read", "etc"}, 64, "a path that depends on where one stands"},
        {{"--standalone", "--write", "/"}, 64, "everything"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake f;
        fake_spawn(&f, &(struct fake_spec){0}, rows[i].argv);
        int status = fake_exit_status(&f, FAKE_PATIENCE_MS);
        CHECK(status == rows[i].status, "row %zu: %s: %d", i, rows[i].why, status);
        CHECK(fake_log_count(&f, "usage:") == 1, "row %zu: the usage is shown", i);
        fake_end(&f);
    }
}

/* Whether the process at `door` reports this place, to read and perhaps to write. */
static bool reaches(const char *door, const char *path, bool can_write)
{
    Cell__Inspect__DescribeRequest request = CELL__INSPECT__DESCRIBE_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    char text[SP_TEXT_SIZE];
    bool found = false;

    enum err e = fake_call(door, CELL__INSPECT__OP__OP_DESCRIBE, &request.base,
                           &cell__inspect__describe_reply__descriptor, FAKE_PATIENCE_MS, &reply, text);
    REQUIRE(e == ERR_OK, "it describes itself: %s", err_name(e));
    const Cell__Inspect__Sandbox *s = ((const Cell__Inspect__DescribeReply *)reply)->sandbox;
    for (size_t i = 0; i < s->n_places; i++) {
        const Cell__Inspect__Place *p = s->places[i];
        found = found || (strcmp(p->path, path) == 0 && p->read && p->write == can_write);
    }
    protobuf_c_message_free_unpacked(reply, NULL);
    return found;
}

static void standalone_serves(void)
{
    const char *argv[] = {"--standalone", "--run", fake_run_dir(), "--instance", "9999", "--read",
                          "/usr", "--read", "/bin", "--write", "/tmp", NULL};
    char path[FAKE_PATH_SIZE + 64];
    struct stat st;
    struct fake f;

    (void)snprintf(path, sizeof path, "%s/default/testcell.9999.sock", fake_run_dir());
    fake_spawn(&f, &(struct fake_spec){0}, argv);
    CHECK(fake_log_waits(&f, "CELL-READY", NULL), "it gets ready without a nucleus");
    CHECK(fake_echo(path, "alone") == ERR_OK, "and serves at its public path");
    CHECK(reaches(path, "/usr", false) && reaches(path, "/bin", false), "it reads what it was given");
    CHECK(reaches(path, "/tmp", true), "and writes");
    CHECK(!reaches(path, "/etc", false), "and no more");
    (void)kill(f.pid, SIGINT);
    CHECK(fake_exit_status(&f, FAKE_PATIENCE_MS) == 0, "interrupted, it ends in order");
    CHECK(stat(path, &st) != 0, "and takes its socket away");
    fake_end(&f);
}

int main(int argc, char **argv)
{
    fake_init(argc, argv);
    birth_is_reported_in_order();
    descriptors_are_those_granted();
    the_token_stays_secret();
    bad_genesis_is_refused();
    genesis_has_a_size();
    only_genesis_begins();
    command_line_is_checked();
    standalone_serves();
    return CHECK_RESULT();
}
