/* RPC-12: the plain client against a real nng server, and against peers that lie. */
#include "common/run/sp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <sodium.h>

#include "common/base/bytes.h"
#include "common/run/fd.h"
#include "common/run/sp_wire.h"
#include "proto/envelope.pb-c.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

enum {
    PATIENCE_MS = 20000, /* far longer than anything here takes: a hang, not a slow machine */
    SHORT_MS = 150,      /* for what must time out                                          */
};

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- a real server ------------------------------------------------------------------------------ */

/* Echoes; a message that is an envelope gets `status` and its body back. */
static struct {
    nng_socket socket;
    pthread_t thread;
    _Atomic uint32_t status;
} real;

static bool answer_envelope(nng_msg *message)
{
    Cell__Envelope__Requests *in = cell__envelope__requests__unpack(NULL, nng_msg_len(message),
                                                                    nng_msg_body(message));
    if (in == NULL || in->version != 1 || in->n_requests != 1) {
        if (in != NULL) {
            cell__envelope__requests__free_unpacked(in, NULL);
        }
        return false;
    }
    char text[64];
    Cell__Envelope__Reply reply = CELL__ENVELOPE__REPLY__INIT, *slot = &reply;
    Cell__Envelope__Replies out = CELL__ENVELOPE__REPLIES__INIT;
    snprintf(text, sizeof text, "op %u schema %u deadline %u", in->requests[0]->operation,
             (unsigned)in->requests[0]->schema, in->requests[0]->deadline_ms);
    reply.id = in->requests[0]->id;
    reply.status = atomic_load(&real.status);
    if (reply.status != 1) {
        reply.message = text;
    }
    reply.body = in->requests[0]->body;
    out.version = 1;
    out.n_replies = 1;
    out.replies = &slot;
    uint8_t *packed = malloc(cell__envelope__replies__get_packed_size(&out));
    size_t size = cell__envelope__replies__pack(&out, packed);
    nng_msg_clear(message);
    nng_msg_append(message, packed, size);
    free(packed);
    cell__envelope__requests__free_unpacked(in, NULL);
    return true;
}

static void *serve_real(void *arg)
{
    nng_msg *message;

    (void)arg;
    while (nng_recvmsg(real.socket, &message, 0) == 0) {
        (void)answer_envelope(message);
        if (nng_sendmsg(real.socket, message, 0) != 0) {
            nng_msg_free(message);
        }
    }
    return NULL;
}

static void start_real_server(void)
{
    char url[PATH_MAX];

    snprintf(url, sizeof url, "ipc://%s", scratch_path("real.sock"));
    REQUIRE(nng_rep0_open(&real.socket) == 0, "a rep0 socket");
    REQUIRE(nng_setopt_size(real.socket, NNG_OPT_RECVMAXSZ, 0) == 0, "no limit of its own");
    REQUIRE(nng_listen(real.socket, url, NULL, 0) == 0, "it listens");
    REQUIRE(pthread_create(&real.thread, NULL, serve_real, NULL) == 0, "it serves");
    atomic_store(&real.status, 1);
}

static void stop_real_server(void)
{
    nng_close(real.socket);
    pthread_join(real.thread, NULL);
}

static void nng_answers_what_was_asked(void)
{
    static const size_t sizes[] = {1, 2, 100, 4096, 65536, 300000, SP_MESSAGE_MAX - 1,
                                   SP_MESSAGE_MAX};
    uint8_t *data = calloc(1, SP_MESSAGE_MAX + 1);
    AUTO_FD int fd = -1;

    REQUIRE(data != NULL, "memory for a test");
    REQUIRE(sp_connect(scratch_path("real.sock"), PATIENCE_MS, &fd) == ERR_OK, "connected");
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "no child inherits it");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        uint8_t *reply = NULL;
        size_t size = 0;
        data[0] = 0xff; /* no envelope */
        data[sizes[i] - 1] = (uint8_t)(0xf0 + i);
        enum err e = sp_exchange(fd, data, sizes[i], PATIENCE_MS, &reply, &size);
        CHECK(e == ERR_OK && size == sizes[i], "size %zu: %s, %zu", sizes[i], err_name(e), size);
        CHECK(e != ERR_OK || memcmp(reply, data, size) == 0, "size %zu: content", sizes[i]);
        free(reply);
        data[sizes[i] - 1] = 0;
    }
    uint8_t *reply = NULL;
    size_t size = 99;
    CHECK(sp_exchange(fd, data, SP_MESSAGE_MAX + 1, PATIENCE_MS, &reply, &size) == ERR_LIMIT,
          "one byte too many is not sent");
    CHECK(reply == NULL && size == 99, "outputs untouched");
    CHECK(sp_exchange(fd, NULL, 0, PATIENCE_MS, &reply, &size) == ERR_OK && size == 0 &&
              reply != NULL, "nothing is a message, and so is its reply");
    free(reply);
    free(data);
}

/* Status 1 unless the row says otherwise. */
static void an_envelope_goes_there_and_back(void)
{
    static const struct {
        uint32_t status;
        enum err e;
        const char *why;
    } rows[] = {
        {1, ERR_OK, "ok"},
        {8, ERR_NOT_LEADER, "an error of the callee"},
        {0, ERR_FAULT, "a forgotten status is not ok"},
        {27, ERR_FAULT, "a status of a newer peer"},
        {11, ERR_FAULT, "LATER is never on the wire"},
        {1, ERR_OK, "the connection is as good as before"},
    };
    AUTO_FD int fd = -1;

    REQUIRE(sp_connect(scratch_path("real.sock"), PATIENCE_MS, &fd) == ERR_OK, "connected");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t *body = NULL;
        size_t size = 99;
        char text[SP_TEXT_SIZE] = "before";
        atomic_store(&real.status, rows[i].status);
        enum err e = sp_ask_packed(fd, 4711, 5, (const uint8_t *)"hello", 5, PATIENCE_MS, &body,
                                   &size, text);
        CHECK(e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(e));
        if (e == ERR_OK) {
            CHECK(size == 5 && memcmp(body, "hello", 5) == 0 && text[0] == '\0', "row %zu: body", i);
        } else {
            CHECK(body == NULL && size == 99, "row %zu: outputs untouched", i);
            CHECK(strcmp(text, "op 4711 schema 5 deadline 20000") == 0, "row %zu: <%s>", i, text);
        }
        free(body);
    }
    atomic_store(&real.status, 1);
}

static void a_typed_request_gets_a_typed_reply(void)
{
    Cell__Envelope__Reply ask = CELL__ENVELOPE__REPLY__INIT; /* any message type serves */
    ProtobufCMessage *reply = NULL;
    char text[SP_TEXT_SIZE];
    AUTO_FD int fd = -1;

    REQUIRE(sp_connect(scratch_path("real.sock"), PATIENCE_MS, &fd) == ERR_OK, "connected");
    ask.id = 77;
    ask.message = (char *)"typed";
    enum err e = sp_ask(fd, 1, 0, &ask.base, &cell__envelope__reply__descriptor, PATIENCE_MS,
                        &reply, text);
    REQUIRE(e == ERR_OK && reply != NULL, "%s", err_name(e));
    const Cell__Envelope__Reply *got = (const Cell__Envelope__Reply *)reply;
    CHECK(got->id == 77 && strcmp(got->message, "typed") == 0, "what was sent came back");
    protobuf_c_message_free_unpacked(reply, NULL);
    reply = NULL;
    /* The same bytes as another type: field 2 is a number there and a message here. */
    ask.status = 4;
    e = sp_ask(fd, 1, 0, &ask.base, &cell__envelope__replies__descriptor, PATIENCE_MS, &reply, text);
    CHECK(e == ERR_MALFORMED && reply == NULL, "a body of another type: %s", err_name(e));
}

/* ---- peers that lie: one connection each, served by a thread ------------------------------------ */

struct peer;
typedef void (*script)(struct peer *peer, int fd);

struct peer {
    script play;
    char path[108];
    int listener;
    pthread_t thread;
    const uint8_t *hello; /* connection header it sends */
    size_t hello_size;
    const uint8_t *bytes; /* and what follows           */
    size_t size;
};

static const uint8_t rep_hello[] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};

static void put(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;

    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n <= 0) {
            return; /* the client has gone, as some claims want */
        }
        at += n;
        size -= (size_t)n;
    }
}

static bool get(int fd, void *out, size_t size)
{
    return recv(fd, out, size, MSG_WAITALL) == (ssize_t)size;
}

/* Until the client closes. */
static void wait_for_end(int fd)
{
    uint8_t chunk[4096];

    while (recv(fd, chunk, sizeof chunk, 0) > 0) {
    }
}

static void *serve_peer(void *arg)
{
    struct peer *peer = arg;
    int fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0) {
        peer->play(peer, fd);
        close(fd);
    }
    return NULL;
}

static int listen_at(const char *path, int type, int backlog)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    memcpy(at.sun_path, path, strlen(path));
    (void)unlink(path);
    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0, "bound at %s", path);
    REQUIRE(listen(fd, backlog) == 0, "listening");
    return fd;
}

static void peer_start(struct peer *peer)
{
    snprintf(peer->path, sizeof peer->path, "%s", scratch_path("peer.sock"));
    peer->listener = listen_at(peer->path, SOCK_STREAM, 4);
    REQUIRE(pthread_create(&peer->thread, NULL, serve_peer, peer) == 0, "a peer");
}

static void peer_end(struct peer *peer)
{
    close(peer->listener);
    pthread_join(peer->thread, NULL);
}

/* ---- the handshake ------------------------------------------------------------------------------ */

static void say_hello_and_close(struct peer *peer, int fd)
{
    put(fd, peer->hello, peer->hello_size);
}

static void say_hello_and_wait(struct peer *peer, int fd)
{
    put(fd, peer->hello, peer->hello_size);
    wait_for_end(fd);
}

static void a_peer_that_is_no_rep_is_refused(void)
{
    static const struct {
        uint8_t hello[8];
        size_t size;
        script play;
        enum err e;
        const char *why;
    } rows[] = {
        {{0, 'S', 'P', 0, 0, 0x31, 0, 0}, 8, say_hello_and_wait, ERR_OK, "a REP peer"},
        {{1, 'S', 'P', 0, 0, 0x31, 0, 0}, 8, say_hello_and_wait, ERR_MALFORMED, "no leading zero"},
        {"HTTP/1.1", 8, say_hello_and_wait, ERR_MALFORMED, "another protocol"},
        {{0, 'S', 'P', 1, 0, 0x31, 0, 0}, 8, say_hello_and_wait, ERR_MALFORMED, "version 1"},
        {{0, 'S', 'P', 0, 0, 0x30, 0, 0}, 8, say_hello_and_wait, ERR_MALFORMED, "another REQ"},
        {{0, 'S', 'P', 0, 0, 0x20, 0, 0}, 8, say_hello_and_wait, ERR_MALFORMED, "a PUB peer"},
        {{0, 'S', 'P', 0, 1, 0x31, 0, 0}, 8, say_hello_and_wait, ERR_MALFORMED, "type 0x131"},
        {{0, 'S', 'P', 0, 0, 0x31, 0, 1}, 8, say_hello_and_wait, ERR_MALFORMED, "reserved is set"},
        {{0, 'S', 'P', 0, 0, 0x31, 0, 0}, 7, say_hello_and_close, ERR_PEER_DEAD, "a short header"},
        {{0}, 0, say_hello_and_close, ERR_PEER_DEAD, "closes at once"},
        {{0, 'S', 'P', 0, 0, 0x31, 0, 0}, 7, say_hello_and_wait, ERR_TIMEOUT, "the last byte waits"},
        {{0}, 0, say_hello_and_wait, ERR_TIMEOUT, "silence"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct peer peer = {.play = rows[i].play, .hello = rows[i].hello,
                            .hello_size = rows[i].size};
        int fd = -1;
        peer_start(&peer);
        enum err e = sp_connect(peer.path, rows[i].e == ERR_TIMEOUT ? SHORT_MS : PATIENCE_MS, &fd);
        CHECK(e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(e));
        CHECK((fd >= 0) == (rows[i].e == ERR_OK), "row %zu: a descriptor only on success", i);
        fd_close(&fd);
        peer_end(&peer);
    }
}

static void a_path_without_a_listener_says_why(void)
{
    char longest[SP_PATH_MAX + 2];
    int fd = -1;

    CHECK(sp_connect(scratch_path("none.sock"), SHORT_MS, &fd) == ERR_NOT_FOUND, "no socket");
    CHECK(sp_connect(scratch_path("no/dir.sock"), SHORT_MS, &fd) == ERR_NOT_FOUND, "no directory");
    close(listen_at(scratch_path("dead.sock"), SOCK_STREAM, 1));
    CHECK(sp_connect(scratch_path("dead.sock"), SHORT_MS, &fd) == ERR_UNAVAILABLE, "nobody listens");
    CHECK(sp_connect(scratch_path("dead.sock/x"), SHORT_MS, &fd) == ERR_NOT_FOUND, "below a socket");
    int other = listen_at(scratch_path("seq.sock"), SOCK_SEQPACKET, 1);
    CHECK(sp_connect(scratch_path("seq.sock"), SHORT_MS, &fd) == ERR_MALFORMED, "another type");
    close(other);
    CHECK(sp_connect("", SHORT_MS, &fd) == ERR_MALFORMED, "no path");

    memset(longest, 'p', sizeof longest);
    memcpy(longest, scratch_dir, strlen(scratch_dir));
    longest[strlen(scratch_dir)] = '/';
    longest[SP_PATH_MAX] = '\0';
    other = listen_at(longest, SOCK_STREAM, 1);
    CHECK(sp_connect(longest, SHORT_MS, &fd) == ERR_TIMEOUT, "the longest path reaches a listener");
    close(other);
    longest[SP_PATH_MAX] = 'p';
    longest[SP_PATH_MAX + 1] = '\0';
    CHECK(sp_connect(longest, SHORT_MS, &fd) == ERR_MALFORMED, "one character more");
    CHECK(fd == -1, "the output is untouched");
}

static void a_socket_of_another_user_is_denied(void)
{
    int fd, status = -1, listener = listen_at(scratch_path("own.sock"), SOCK_STREAM, 1);
    const char *path = scratch_path("own.sock");

    if (geteuid() != 0) {
        fprintf(stderr, "not checked without root: another user's socket is denied\n");
        close(listener);
        return;
    }
    REQUIRE(chmod(path, 0600) == 0 && chmod(scratch_dir, 0755) == 0, "rights");
    pid_t child = fork();
    REQUIRE(child >= 0, "a process");
    if (child == 0) {
        bool is_nobody = setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0;
        _exit(is_nobody && sp_connect(path, SHORT_MS, &fd) == ERR_DENIED ? 0 : 1);
    }
    REQUIRE(waitpid(child, &status, 0) == child, "it ends");
    CHECK(status == 0, "connecting needs the right to write to the socket");
    close(listener);
}

/* Not later than a loaded machine explains, and never too early. */
static void check_waited(uint64_t since_ms, const char *what)
{
    uint64_t waited = now_ms() - since_ms;

    CHECK(waited >= SHORT_MS, "%s: gave up after %u ms", what, (unsigned)waited);
    CHECK(waited < SHORT_MS + 5000, "%s: gave up only after %u ms", what, (unsigned)waited);
}

static void a_full_queue_ends_at_the_deadline(void)
{
    int listener = listen_at(scratch_path("full.sock"), SOCK_STREAM, 0);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int waiting[8], count = 0, fd = -1;

    snprintf(at.sun_path, sizeof at.sun_path, "%s", scratch_path("full.sock"));
    while (count < 8) {
        waiting[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (connect(waiting[count++], (struct sockaddr *)&at, sizeof at) != 0) {
            break;
        }
    }
    REQUIRE(count < 8, "the queue is full");
    uint64_t start = now_ms();
    CHECK(sp_connect(at.sun_path, SHORT_MS, &fd) == ERR_TIMEOUT, "no place in the queue");
    check_waited(start, "a full queue");
    while (count > 0) {
        close(waiting[--count]);
    }
    close(listener);
}

/* ---- replies ------------------------------------------------------------------------------------ */

/* Read the client's header and one whole request of any size; its id word. */
static bool get_request(int fd, uint8_t id[4])
{
    uint8_t hello[8], frame[9], chunk[4096];

    put(fd, rep_hello, sizeof rep_hello);
    if (!get(fd, hello, 8) || memcmp(hello, "\0SP\0\0\x30\0\0", 8) != 0 || !get(fd, frame, 9) ||
        frame[0] != 1 || !get(fd, id, 4) || (id[0] & 0x80) == 0) {
        return false;
    }
    for (uint64_t left = bytes_get_be64(frame + 1) - 4; left > 0;) {
        size_t part = left < sizeof chunk ? left : sizeof chunk;
        if (!get(fd, chunk, part)) {
            return false;
        }
        left -= part;
    }
    return true;
}

static void put_reply(int fd, const uint8_t id[4], uint64_t announced, const void *data, size_t size)
{
    uint8_t head[13] = {1};

    bytes_put_be64(head + 1, announced + 4);
    memcpy(head + 9, id, 4);
    put(fd, head, sizeof head);
    put(fd, data, size);
}

/* Send the row's bytes after a request and wait. */
static void answer_with_bytes(struct peer *peer, int fd)
{
    uint8_t id[4];

    if (get_request(fd, id)) {
        put(fd, peer->bytes, peer->size);
        wait_for_end(fd);
    }
}

static void answer_with_bytes_and_close(struct peer *peer, int fd)
{
    uint8_t id[4];

    if (get_request(fd, id)) {
        put(fd, peer->bytes, peer->size);
    }
}

static void answer_foreign_then_right(struct peer *peer, int fd)
{
    uint8_t id[4], other[4];
    static const uint8_t much[100000];

    (void)peer;
    if (!get_request(fd, id)) {
        return;
    }
    memcpy(other, id, 4);
    other[3] ^= 1;
    put_reply(fd, other, sizeof much, much, sizeof much); /* an answer given up earlier */
    put_reply(fd, other, 0, "", 0);
    memcpy(other, id, 4);
    other[0] &= 0x7f; /* without the end bit it is a channel, not an id */
    put_reply(fd, other, 3, "bad", 3);
    put_reply(fd, id, 5, "right", 5);
    wait_for_end(fd);
}

/* Faster than the client reads: it never has to wait. */
static void answer_foreign_for_ever(struct peer *peer, int fd)
{
    enum { FRAME_LEN = 17, FRAMES = 4000 };
    static uint8_t much[FRAMES * FRAME_LEN];
    uint8_t id[4], frame[FRAME_LEN] = {1, 0, 0, 0, 0, 0, 0, 0, 8};

    (void)peer;
    if (!get_request(fd, id)) {
        return;
    }
    memcpy(frame + 9, id, 4);
    frame[12] ^= 1;
    for (size_t i = 0; i < FRAMES; i++) {
        memcpy(much + i * FRAME_LEN, frame, FRAME_LEN);
    }
    for (ssize_t n = 1; n > 0;) {
        for (size_t at = 0; n > 0 && at < sizeof much; at += n > 0 ? (size_t)n : 0) {
            n = send(fd, much + at, sizeof much - at, MSG_NOSIGNAL);
        }
    }
}

static void answer_byte_by_byte(int fd, int pause_ms)
{
    uint8_t id[4];

    if (!get_request(fd, id)) {
        return;
    }
    put_reply(fd, id, SP_MESSAGE_MAX, "", 0);
    while (send(fd, "x", 1, MSG_NOSIGNAL) > 0) {
        struct pollfd p = {.fd = fd, .events = POLLRDHUP};
        if (pause_ms > 0) {
            (void)poll(&p, 1, pause_ms);
        }
    }
}

static void answer_slowly_for_ever(struct peer *peer, int fd)
{
    (void)peer;
    answer_byte_by_byte(fd, 5);
}

/* There is always a byte, but the whole takes far longer than the client waits. */
static void answer_busily_for_ever(struct peer *peer, int fd)
{
    (void)peer;
    answer_byte_by_byte(fd, 0);
}

static void answer_half_and_close(struct peer *peer, int fd)
{
    uint8_t id[4];

    (void)peer;
    if (get_request(fd, id)) {
        put_reply(fd, id, 10, "half", 4);
    }
}

static void answer_at_the_limit(struct peer *peer, int fd)
{
    uint8_t id[4];
    uint8_t *much = calloc(1, SP_MESSAGE_MAX);

    (void)peer;
    if (much != NULL && get_request(fd, id)) {
        put_reply(fd, id, SP_MESSAGE_MAX, much, SP_MESSAGE_MAX);
        wait_for_end(fd);
    }
    free(much);
}

static void announce_past_the_limit(struct peer *peer, int fd)
{
    uint8_t id[4];

    (void)peer;
    if (get_request(fd, id)) {
        put_reply(fd, id, SP_MESSAGE_MAX + 1, "", 0);
        wait_for_end(fd);
    }
}

static void read_nothing(struct peer *peer, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};

    (void)peer;
    put(fd, rep_hello, sizeof rep_hello);
    (void)poll(&p, 1, PATIENCE_MS); /* until the client has gone */
}

static void close_while_it_sends(struct peer *peer, int fd)
{
    uint8_t chunk[10000];

    (void)peer;
    put(fd, rep_hello, sizeof rep_hello);
    (void)get(fd, chunk, sizeof chunk);
}

#define FRAME(type, a, b, c, d, e, f, g, h) {type, a, b, c, d, e, f, g, h, 0x80, 0, 0, 0}

static const struct reply_row {
    script play;
    uint8_t bytes[13];
    size_t size;
    size_t request;
    enum err e;
    const char *why;
} replies[] = {
    {answer_with_bytes, FRAME(2, 0, 0, 0, 0, 0, 0, 0, 4), 13, 5, ERR_MALFORMED, "frame type 2"},
    {answer_with_bytes, FRAME(0, 0, 0, 0, 0, 0, 0, 0, 4), 13, 5, ERR_MALFORMED, "frame type 0"},
    {answer_with_bytes, FRAME(1, 0, 0, 0, 0, 0, 0, 0, 3), 9, 5, ERR_MALFORMED, "no room for an id"},
    {answer_with_bytes, FRAME(1, 0, 0, 0, 0, 0, 0, 0, 0), 9, 5, ERR_MALFORMED, "empty"},
    {answer_with_bytes, FRAME(1, 0, 0, 0, 0, 0x40, 0, 0, 0), 13, 5, ERR_LIMIT, "1 GiB announced"},
    {answer_with_bytes, FRAME(1, 0, 0, 0, 1, 0, 0, 0, 4), 13, 5, ERR_LIMIT, "2^32 + 4 announced"},
    {answer_with_bytes, FRAME(1, 0x80, 0, 0, 0, 0, 0, 0, 4), 13, 5, ERR_LIMIT, "2^63 announced"},
    {answer_with_bytes, FRAME(1, 255, 255, 255, 255, 255, 255, 255, 255), 13, 5, ERR_LIMIT,
     "all of 64 bits announced"},
    {answer_at_the_limit, {0}, 0, 5, ERR_OK, "SP_MESSAGE_MAX bytes"},
    {announce_past_the_limit, {0}, 0, 5, ERR_LIMIT, "one more"},
    {answer_with_bytes_and_close, {1, 0, 0}, 3, 5, ERR_PEER_DEAD, "closes in the frame"},
    {answer_with_bytes_and_close, FRAME(1, 0, 0, 0, 0, 0, 0, 0, 9), 11, 5, ERR_PEER_DEAD,
     "closes in the id"},
    {answer_with_bytes_and_close, {0}, 0, 5, ERR_PEER_DEAD, "closes without an answer"},
    {answer_half_and_close, {0}, 0, 5, ERR_PEER_DEAD, "closes in the middle of the reply"},
    {answer_foreign_then_right, {0}, 0, 5, ERR_OK, "answers of others come first"},
    {answer_with_bytes, {0}, 0, 5, ERR_TIMEOUT, "no answer"},
    {answer_foreign_for_ever, {0}, 0, 5, ERR_TIMEOUT, "a flood of foreign answers"},
    {answer_slowly_for_ever, {0}, 0, 5, ERR_TIMEOUT, "a trickle"},
    {answer_busily_for_ever, {0}, 0, 5, ERR_TIMEOUT, "one byte after the other"},
    {read_nothing, {0}, 0, SP_MESSAGE_MAX, ERR_TIMEOUT, "the request is not read"},
    {close_while_it_sends, {0}, 0, SP_MESSAGE_MAX, ERR_PEER_DEAD, "closes while we send"},
};

static void check_reply(const struct reply_row *row, size_t i, const uint8_t *request)
{
    struct peer peer = {.play = row->play, .bytes = row->bytes, .size = row->size};
    uint8_t *reply = NULL;
    size_t size = 99;
    AUTO_FD int fd = -1;

    peer_start(&peer);
    REQUIRE(sp_connect(peer.path, PATIENCE_MS, &fd) == ERR_OK, "row %zu: connected", i);
    uint64_t start = now_ms();
    enum err e = sp_exchange(fd, request, row->request,
                             row->e == ERR_TIMEOUT ? SHORT_MS : PATIENCE_MS, &reply, &size);
    CHECK(e == row->e, "row %zu: %s: %s", i, row->why, err_name(e));
    if (row->e == ERR_TIMEOUT) {
        check_waited(start, row->why);
    }
    if (row->e != ERR_OK) {
        CHECK(reply == NULL && size == 99, "row %zu: outputs untouched", i);
    } else if (row->play == answer_foreign_then_right) {
        CHECK(size == 5 && memcmp(reply, "right", 5) == 0, "row %zu: the right answer", i);
    } else {
        CHECK(size == SP_MESSAGE_MAX, "row %zu: the whole answer", i);
    }
    free(reply);
    fd_close(&fd);
    peer_end(&peer);
}

static void hostile_replies_are_errors_in_bounded_time(void)
{
    uint8_t *request = calloc(1, SP_MESSAGE_MAX);

    REQUIRE(request != NULL, "memory for a test");
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        check_reply(&replies[i], i, request);
    }
    free(request);
}

/* ---- ids and the deadline, with an id known beforehand ------------------------------------------ */

enum {
    KNOWN_ID = 0x01020304
};

static const char *known_name(void)
{
    return "known";
}

static uint32_t known_random(void)
{
    return KNOWN_ID;
}

static struct randombytes_implementation known = {.implementation_name = known_name,
                                                  .random = known_random};

/* The reply is there before it is asked for, behind `foreign` others. */
static enum err exchange_prepared(unsigned foreign, uint32_t timeout_ms)
{
    static const uint8_t id[4] = {0x81, 2, 3, 4}, other[4] = {0x81, 2, 3, 5};
    int ends[2];
    uint8_t *reply = NULL;
    size_t size = 0;

    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "a connection");
    while (foreign-- > 0) {
        put_reply(ends[1], other, 1, "x", 1);
    }
    put_reply(ends[1], id, 1, "y", 1);
    enum err e = sp_exchange(ends[0], (const uint8_t *)"ask", 3, timeout_ms, &reply, &size);
    CHECK(e != ERR_OK || (size == 1 && reply[0] == 'y'), "the right one");
    free(reply);
    close(ends[0]);
    close(ends[1]);
    return e;
}

static void the_deadline_holds_even_when_nothing_blocks(void)
{
    CHECK(randombytes_set_implementation(&known) == 0, "known ids");
    CHECK(exchange_prepared(0, 0) == ERR_OK, "no time is enough for a reply that is there");
    CHECK(exchange_prepared(1, PATIENCE_MS) == ERR_OK, "behind another, with time");
    CHECK(exchange_prepared(1, 0) == ERR_TIMEOUT, "behind another, without time");
    CHECK(exchange_prepared(40, 0) == ERR_TIMEOUT, "behind many, without time");
    CHECK(randombytes_set_implementation(&randombytes_sysrandom_implementation) == 0, "as before");
}

/* ---- fingerprints ------------------------------------------------------------------------------- */

/* Computed with another implementation of BLAKE2b (Python's hashlib). */
static void a_fingerprint_is_what_any_language_computes(void)
{
    CHECK(sp_fingerprint("cell.greeter.Greeter", "Greet", 10000, "cell.greeter.GreetRequest",
                         "cell.greeter.GreetReply") == UINT64_C(0x1a3466d039abd83d), "the example");
    CHECK(sp_fingerprint_bytes("", 0) == UINT64_C(0xb243e526c051570e), "nothing");
    CHECK(sp_fingerprint_bytes("abc", 3) == UINT64_C(0x723942633c81ddbd), "three bytes");
    CHECK(sp_fingerprint("a", "b", 1, "c", "d") != sp_fingerprint("a", "b", 2, "c", "d"),
          "the number counts");
}

int main(void)
{
    close(scratch_open());
    start_real_server();
    nng_answers_what_was_asked();
    an_envelope_goes_there_and_back();
    a_typed_request_gets_a_typed_reply();
    stop_real_server();
    a_peer_that_is_no_rep_is_refused();
    a_path_without_a_listener_says_why();
    a_socket_of_another_user_is_denied();
    a_full_queue_ends_at_the_deadline();
    hostile_replies_are_errors_in_bounded_time();
    the_deadline_holds_even_when_nothing_blocks();
    a_fingerprint_is_what_any_language_computes();
    return CHECK_RESULT();
}
