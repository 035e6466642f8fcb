/* Connections to etcd against a server that does what a row says, on the same loop: what is answered, repeated, given up,
 * refused; and each limit. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/loop.h"
#include "raft/engine_link.h"
#include "tests/support/check.h"

enum {
    GUESTS_MAX = 1024,
    PATIENCE_MS = 20000,
    STREAMS_MAX = RAFT_ENGINE_LINK_CONNECTIONS_MAX - RAFT_ENGINE_LINK_PLAIN_MAX,
};

/* What the server does with a request. */
enum manner {
    ANSWERS,       /* "{}", and keeps the connection         */
    SAYS_CLOSE,    /* the same, and says that it closes      */
    KEEPS_SILENT,
    CUTS,          /* reads it and closes                    */
    CUTS_WITHIN,   /* … in the middle of its answer          */
    TALKS,         /* two lines of a stream, and goes on     */
    STOPS,         /* two lines of a stream, and its end     */
    RAVES,         /* no HTTP                                */
    POURS,         /* a body of `pour` bytes                 */
};

struct server {
    int fd;
    struct loop_watch *watch;
    uint16_t port;
    enum manner manner;
    size_t pour;
    uint32_t connections, open, requests;
    struct guest {
        struct server *server;
        int fd;
        struct loop_watch *watch;
        size_t size;
        size_t left; /* of the body that is poured */
        char in[4096];
    } *guest[GUESTS_MAX];
};

static struct loop *loop;
static struct server servers[2];
static struct raft_engine_endpoint endpoints[2];
static struct raft_engine_links *links;

/* ---- the server ----------------------------------------------------------------------------------- */

static void guest_end(struct guest *g)
{
    loop_watch_free(g->watch);
    fd_close(&g->fd);
    g->server->open--;
    for (size_t i = 0; i < GUESTS_MAX; i++) {
        if (g->server->guest[i] == g) {
            g->server->guest[i] = NULL;
        }
    }
    free(g);
}

static void say(const struct guest *g, const char *text)
{
    CHECK(send(g->fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text), "the server says something small");
}

static void pour(struct guest *g)
{
    static char dots[1 << 16];

    memset(dots, '.', sizeof dots);
    while (g->left > 0) {
        ssize_t n = send(g->fd, dots, g->left < sizeof dots ? g->left : sizeof dots, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n <= 0) {
            break;
        }
        g->left -= (size_t)n;
    }
    loop_watch_want(g->watch, g->left > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

/* A request came whole. */
static void serve(struct guest *g)
{
    char head[128];

    g->server->requests++;
    g->size = 0;
    switch (g->server->manner) {
    case ANSWERS:
        say(g, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        break;
    case SAYS_CLOSE:
        say(g, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}");
        break;
    case KEEPS_SILENT:
        break;
    case CUTS_WITHIN:
        say(g, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{");
        guest_end(g);
        break;
    case CUTS:
        guest_end(g);
        break;
    case TALKS:
        say(g, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\none\ntw\r\n2\r\no\n\r\n");
        break;
    case STOPS:
        say(g, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\none\ntw\r\n2\r\no\n\r\n0\r\n\r\n");
        break;
    case RAVES:
        say(g, "220 mail.example ESMTP\r\n");
        break;
    case POURS:
        (void)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", g->server->pour);
        say(g, head);
        g->left = g->server->pour;
        pour(g);
        break;
    }
}

static void on_guest(void *context, unsigned bits)
{
    struct guest *g = context;

    if ((bits & LOOP_WRITE) != 0 && g->left > 0) {
        pour(g);
    }
    if ((bits & LOOP_READ) == 0) {
        return;
    }
    ssize_t n = recv(g->fd, g->in + g->size, sizeof g->in - 1 - g->size, MSG_DONTWAIT);
    if (n <= 0) {
        guest_end(g);
        return;
    }
    g->size += (size_t)n;
    g->in[g->size] = '\0';
    const char *body = strstr(g->in, "\r\n\r\n");
    const char *length = strstr(g->in, "Content-Length: ");
    if (body != NULL && length != NULL && g->size - (size_t)(body + 4 - g->in) == strtoul(length + 16, NULL, 10)) {
        serve(g);
    }
}

static void on_guest_comes(void *context, unsigned bits)
{
    struct server *s = context;

    (void)bits;
    for (;;) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return;
        }
        struct guest *g = calloc(1, sizeof *g);
        REQUIRE(g != NULL, "memory");
        *g = (struct guest){.server = s, .fd = fd};
        g->watch = loop_watch_new(loop, fd, LOOP_READ, on_guest, g);
        for (size_t i = 0; i < GUESTS_MAX; i++) {
            if (s->guest[i] == NULL) {
                s->guest[i] = g;
                break;
            }
        }
        s->connections++;
        s->open++;
    }
}

static void server_open(struct server *s, struct raft_engine_endpoint *e)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    char url[64];

    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&at, size) == 0 && listen(s->fd, 1024) == 0 &&
            getsockname(s->fd, (struct sockaddr *)&at, &size) == 0, "a server");
    s->port = ntohs(at.sin_port);
    s->watch = loop_watch_new(loop, s->fd, LOOP_READ, on_guest_comes, s);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", s->port);
    REQUIRE(raft_engine_link_parse(url, e) == ERR_OK, "%s", url);
}

/* Nobody listens there any more, and whoever was connected is cut off. */
static void server_close(struct server *s)
{
    loop_watch_free(s->watch);
    fd_close(&s->fd);
    for (size_t i = 0; i < GUESTS_MAX; i++) {
        if (s->guest[i] != NULL) {
            guest_end(s->guest[i]);
        }
    }
}

/* ---- asking --------------------------------------------------------------------------------------- */

static uint32_t open_count; /* questions without an end */

struct asked {
    struct raft_engine_question q;
    bool is_over;
    enum err e;
    int status;
    size_t size;
    uint32_t lines, take; /* take: withdraw after so many */
    char text[16];
};

static void on_done(struct raft_engine_question *q, enum err e, int status, const char *text, size_t size)
{
    struct asked *a = q->context;

    CHECK(!a->is_over, "once");
    a->is_over = true;
    a->e = e;
    a->status = status;
    a->size = size;
    (void)snprintf(a->text, sizeof a->text, "%.15s", text);
    if (--open_count == 0) {
        loop_stop(loop);
    }
}

static void on_line(struct raft_engine_question *q, const char *text, size_t size)
{
    struct asked *a = q->context;

    CHECK(strcmp(text, a->lines == 0 ? "one" : "two") == 0 && size == 3, "line %u is %s", a->lines, text);
    if (++a->lines == a->take) {
        raft_engine_link_withdraw(links, q);
        a->is_over = true;
        if (--open_count == 0) {
            loop_stop(loop);
        }
    }
}

static enum err ask_until(struct asked *a, bool is_repeatable, uint64_t until_ms)
{
    uint32_t take = a->take;
    bool is_stream = a->q.is_stream;

    *a = (struct asked){.take = take,
                        .q = {.path = "/v3/kv/put", .body = (char *)"{\"key\":\"YQ==\"}", .size = 14, .until_ms = until_ms,
                              .is_repeatable = is_repeatable, .is_stream = is_stream, .line = on_line, .done = on_done, .context = a}};
    enum err e = raft_engine_link_ask(links, &a->q);
    open_count += e == ERR_OK;
    return e;
}

static enum err ask(struct asked *a, bool is_repeatable, uint32_t deadline_ms)
{
    return ask_until(a, is_repeatable, loop_now_ms() + deadline_ms);
}

static void on_patience(void *context)
{
    (void)context;
    loop_stop(loop);
}

/* Until every question has ended. */
static void run(void)
{
    struct loop_timer *patience = loop_timer_new(loop, PATIENCE_MS, 0, on_patience, NULL);

    if (open_count > 0) {
        loop_run(loop, NULL, NULL);
    }
    loop_timer_free(patience);
    CHECK(open_count == 0, "%u questions without an end", open_count);
}

/* What is ready is seen to. */
static void look_around(void)
{
    struct loop_timer *t = loop_timer_new(loop, 20, 0, on_patience, NULL);

    loop_run(loop, NULL, NULL);
    loop_timer_free(t);
}

static void open_all(uint32_t count)
{
    loop = loop_new();
    memset(servers, 0, sizeof servers);
    for (uint32_t i = 0; i < count; i++) {
        server_open(&servers[i], &endpoints[i]);
    }
    const struct raft_engine_link_config config = {.endpoint = endpoints, .count = count, .name = ""};
    REQUIRE(raft_engine_link_open(loop, &config, &links) == ERR_OK, "links");
}

static void close_all(uint32_t count)
{
    raft_engine_link_close(links);
    for (uint32_t i = 0; i < count; i++) {
        server_close(&servers[i]);
    }
    loop_free(loop);
}

/* ---- claims --------------------------------------------------------------------------------------- */

static const struct {
    enum manner manner;
    bool is_repeatable;
    enum err e;
    uint32_t requests; /* that both servers saw */
    const char *why;
} rows[] = {
    {ANSWERS, false, ERR_OK, 1, "an answer"},
    {SAYS_CLOSE, false, ERR_OK, 1, "the last one of its connection"},
    {KEEPS_SILENT, false, ERR_TIMEOUT, 1, "none in time"},
    {KEEPS_SILENT, true, ERR_TIMEOUT, 1, "a question that may be repeated is not, while it may still be answered"},
    {CUTS, false, ERR_PEER_DEAD, 1, "the connection ends: whether it was done is not known, and it is not asked again"},
    {CUTS, true, ERR_PEER_DEAD, 2, "what may be repeated is, at the other endpoint"},
    {CUTS_WITHIN, false, ERR_PEER_DEAD, 1, "the connection ends within the answer"},
    {RAVES, false, ERR_MALFORMED, 1, "something that is no etcd"},
    {RAVES, true, ERR_MALFORMED, 1, "which is no reason to ask another one"},
};

static void ends_are_told_apart(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct asked a = {0};
        open_all(2);
        servers[0].manner = servers[1].manner = rows[i].manner;
        REQUIRE(ask(&a, rows[i].is_repeatable, 300) == ERR_OK, "row %zu", i);
        run();
        CHECK(a.e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(a.e));
        CHECK(a.e != ERR_OK || (a.status == 200 && strcmp(a.text, "{}") == 0), "row %zu: %s: %d %s", i, rows[i].why, a.status, a.text);
        CHECK(servers[0].requests + servers[1].requests == rows[i].requests, "row %zu: %s: asked %u times", i, rows[i].why,
              servers[0].requests + servers[1].requests);
        close_all(2);
    }
}

static void connections_are_kept_and_bounded(void)
{
    static struct asked a[3 * RAFT_ENGINE_LINK_PLAIN_MAX];

    open_all(1);
    for (uint32_t i = 0; i < 10; i++) {
        REQUIRE(ask(&a[0], false, 5000) == ERR_OK, "asked");
        run();
        CHECK(a[0].e == ERR_OK, "%s", err_name(a[0].e));
    }
    CHECK(servers[0].connections == 1, "one after the other over one connection: %u", servers[0].connections);
    servers[0].manner = KEEPS_SILENT;
    uint64_t until_ms = loop_now_ms() + 300; /* of all: who waits does not get the connection of one that ended a little before */
    for (size_t i = 0; i < ARRAY_LEN(a); i++) {
        REQUIRE(ask_until(&a[i], false, until_ms) == ERR_OK, "asked");
    }
    run();
    CHECK(servers[0].connections == RAFT_ENGINE_LINK_PLAIN_MAX, "together over so many at most: %u", servers[0].connections);
    for (size_t i = 0; i < ARRAY_LEN(a); i++) {
        CHECK(a[i].e == ERR_TIMEOUT, "%zu ends as %s", i, err_name(a[i].e));
        CHECK(a[i].q.was_sent == (i < RAFT_ENGINE_LINK_PLAIN_MAX), "%zu was sent: %d", i, a[i].q.was_sent);
    }
    servers[0].manner = ANSWERS;
    REQUIRE(ask(&a[0], false, 5000) == ERR_OK, "asked");
    run();
    CHECK(a[0].e == ERR_OK, "no late answer is taken for another's: %s", err_name(a[0].e));
    close_all(1);
}

static void who_is_not_there_is_passed_over(void)
{
    struct asked a = {0};

    open_all(2);
    server_close(&servers[0]);
    for (int i = 0; i < 3; i++) {
        REQUIRE(ask(&a, false, 2000) == ERR_OK, "asked");
        run();
        CHECK(a.e == ERR_OK && a.q.endpoint == 1, "the other one answers, also what may not be repeated: %s", err_name(a.e));
    }
    server_close(&servers[1]);
    look_around(); /* or it would go out over the connection whose end nobody has seen */
    REQUIRE(ask(&a, false, 2000) == ERR_OK, "asked");
    run();
    CHECK(a.e == ERR_UNAVAILABLE && !a.q.was_sent, "nobody has seen it: %s", err_name(a.e));
    CHECK(strstr(raft_engine_link_why(links), "efused") != NULL, "%s", raft_engine_link_why(links));
    raft_engine_link_close(links);
    loop_free(loop);
}

/* A connection that was kept and that the server has closed since: what may be repeated does not notice. */
static void a_stale_connection_is_no_fault(void)
{
    struct asked a = {0};

    open_all(1);
    for (int i = 0; i < 3; i++) {
        REQUIRE(ask(&a, true, 2000) == ERR_OK, "asked");
        run();
        CHECK(a.e == ERR_OK, "%s", err_name(a.e));
        for (size_t k = 0; k < GUESTS_MAX; k++) {
            if (servers[0].guest[k] != NULL) {
                guest_end(servers[0].guest[k]);
            }
        }
    }
    CHECK(servers[0].connections == 3 && servers[0].requests == 3, "%u, %u", servers[0].connections, servers[0].requests);
    close_all(1);
}

static void streams_come_line_by_line(void)
{
    struct asked a = {.q = {.is_stream = true}};

    open_all(1);
    servers[0].manner = STOPS;
    REQUIRE(ask(&a, false, 2000) == ERR_OK, "asked");
    run();
    CHECK(a.e == ERR_OK && a.lines == 2 && a.size == 0, "two lines and the end: %s, %u", err_name(a.e), a.lines);
    servers[0].manner = TALKS;
    for (a.take = 1; a.take <= 2; a.take++) {
        REQUIRE(ask(&a, false, 5000) == ERR_OK, "asked");
        run();
        CHECK(a.is_over && a.lines == a.take, "withdrawn after %u", a.lines);
    }
    close_all(1);
}

/* RAFT_ENGINE_LINK_BODY_MAX: so much is read, and one byte more is not. */
static void answers_are_bounded(void)
{
    struct asked a = {0};

    open_all(1);
    servers[0].manner = POURS;
    for (size_t more = 0; more < 2; more++) {
        servers[0].pour = RAFT_ENGINE_LINK_BODY_MAX + more;
        REQUIRE(ask(&a, true, PATIENCE_MS) == ERR_OK, "asked");
        run();
        CHECK(a.e == (more == 0 ? ERR_OK : ERR_LIMIT), "%zu bytes: %s", servers[0].pour, err_name(a.e));
        CHECK(more == 1 || a.size == RAFT_ENGINE_LINK_BODY_MAX, "%zu of them", a.size);
    }
    close_all(1);
}

/* Streams: so many wait, the next is refused. RAFT_ENGINE_LINK_WAITING_MAX: the same of questions without a connection. */
static void those_that_wait_are_bounded(void)
{
    static struct asked stream[STREAMS_MAX + 1], plain[RAFT_ENGINE_LINK_WAITING_MAX + 1];
    struct rlimit files;

    REQUIRE(getrlimit(RLIMIT_NOFILE, &files) == 0, "limits");
    files.rlim_cur = files.rlim_max;
    bool is_whole = setrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur >= 3 * RAFT_ENGINE_LINK_CONNECTIONS_MAX;
    open_all(1);
    servers[0].manner = KEEPS_SILENT;
    for (int round = 0; is_whole && round < 2; round++) { /* the second time some of them had their time already */
        for (size_t i = 0; i <= STREAMS_MAX; i++) {
            stream[i].q.is_stream = true;
            enum err e = ask(&stream[i], false, 1500);
            CHECK(e == (i < STREAMS_MAX ? ERR_OK : ERR_LIMIT), "stream %zu: %s", i, err_name(e));
        }
        run();
    }
    CHECK(!is_whole || servers[0].requests == 2 * STREAMS_MAX, "all of them were asked: %u", servers[0].requests);
    for (size_t i = 0; i <= RAFT_ENGINE_LINK_WAITING_MAX; i++) {
        enum err e = ask(&plain[i], false, 60000);
        CHECK(e == (i < RAFT_ENGINE_LINK_WAITING_MAX ? ERR_OK : ERR_LIMIT), "question %zu: %s", i, err_name(e));
    }
    raft_engine_link_close(links);
    CHECK(open_count == 0 && plain[0].e == ERR_CANCELLED, "the end ends them all");
    server_close(&servers[0]);
    loop_free(loop);
}

int main(void)
{
    ends_are_told_apart();
    connections_are_kept_and_bounded();
    who_is_not_there_is_passed_over();
    a_stale_connection_is_no_fault();
    streams_come_line_by_line();
    answers_are_bounded();
    those_that_wait_are_bounded();
    return CHECK_RESULT();
}
