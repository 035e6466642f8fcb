#include "tests/cell/hubwire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "tests/support/check.h"

enum {
    HELLO = 8,
    FRAME = 9,       /* type, length */
    PATIENT_MS = 5000, /* for a reader that is slow */
    CHUNK = 65536,
    MOST = 64 << 20,
};

static const uint8_t hello[HELLO] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
static const uint8_t hello_of_req[HELLO] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};

static void end(struct hubwire *w, struct hubwire_connection *c)
{
    pthread_mutex_lock(&w->lock);
    (void)close(c->fd);
    free(c->in);
    *c = (struct hubwire_connection){.fd = -1};
    pthread_mutex_unlock(&w->lock);
}

void hubwire_open(struct hubwire *w, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *w = (struct hubwire){0};
    REQUIRE(pthread_mutex_init(&w->lock, NULL) == 0, "a lock");
    for (size_t i = 0; i < HUBWIRE_MAX; i++) {
        w->at[i].fd = -1;
    }
    REQUIRE(strlen(path) < sizeof address.sun_path, "a short path");
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    w->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(w->listen_fd >= 0 && bind(w->listen_fd, (struct sockaddr *)&address, sizeof address) == 0 &&
            listen(w->listen_fd, 128) == 0, "%s can be served: %s", path, strerror(errno));
}

void hubwire_close(struct hubwire *w)
{
    struct sockaddr_un address;
    socklen_t size = sizeof address;

    if (getsockname(w->listen_fd, (struct sockaddr *)&address, &size) == 0) {
        (void)unlink(address.sun_path);
    }
    (void)close(w->listen_fd);
    for (size_t i = 0; i < HUBWIRE_MAX; i++) {
        if (w->at[i].fd >= 0) {
            end(w, &w->at[i]);
        }
    }
    (void)pthread_mutex_destroy(&w->lock);
}

/* All of it, or false. */
static bool put(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;

    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            at += sent;
            size -= (size_t)sent;
            continue;
        }
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        if (errno != EAGAIN || poll(&room, 1, PATIENT_MS) <= 0) {
            return false;
        }
    }
    return true;
}

static struct hubwire_connection *find(struct hubwire *w, uint64_t number)
{
    for (size_t i = 0; i < HUBWIRE_MAX; i++) {
        if (w->at[i].fd >= 0 && w->at[i].number == number) {
            return &w->at[i];
        }
    }
    return NULL;
}

void hubwire_send(struct hubwire *w, const struct hubwire_message *to, const void *data, size_t size)
{
    uint8_t head[FRAME + HUBWIRE_ID] = {1};

    bytes_put_be32(head + 1, 0);
    bytes_put_be32(head + 5, (uint32_t)(size + HUBWIRE_ID));
    memcpy(head + FRAME, to->id, HUBWIRE_ID);
    pthread_mutex_lock(&w->lock);
    struct hubwire_connection *c = find(w, to->connection);
    if (c != NULL && (!put(c->fd, head, sizeof head) || !put(c->fd, data, size))) {
        (void)shutdown(c->fd, SHUT_RDWR); /* the reading thread ends it */
    }
    pthread_mutex_unlock(&w->lock);
}

void hubwire_drop(struct hubwire *w, const struct hubwire_message *of)
{
    pthread_mutex_lock(&w->lock);
    struct hubwire_connection *c = find(w, of->connection);
    if (c != NULL) {
        (void)shutdown(c->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&w->lock);
}

static void accept_one(struct hubwire *w)
{
    int fd = accept4(w->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    struct hubwire_connection *c = NULL;

    if (fd < 0) {
        return;
    }
    for (size_t i = 0; i < HUBWIRE_MAX && c == NULL; i++) {
        c = w->at[i].fd < 0 ? &w->at[i] : NULL;
    }
    REQUIRE(c != NULL, "room for a connection");
    pthread_mutex_lock(&w->lock);
    *c = (struct hubwire_connection){.fd = fd, .number = ++w->last};
    pthread_mutex_unlock(&w->lock);
    (void)put(fd, hello, sizeof hello);
}

/* Hand out the frames that are whole; what is left moves to the front. */
static void hand_out(struct hubwire_connection *c,
                     void (*take)(void *context, const struct hubwire_message *m), void *context)
{
    size_t at = 0;

    if (!c->has_hello && c->have >= HELLO) {
        REQUIRE(memcmp(c->in, hello_of_req, HELLO) == 0, "a REQ socket connects");
        c->has_hello = true;
        at = HELLO;
    }
    while (c->has_hello && c->have - at >= FRAME) {
        uint32_t size = bytes_get_be32(c->in + at + 5);
        REQUIRE(c->in[at] == 1 && size >= HUBWIRE_ID && size <= MOST, "a frame");
        if (c->have - at - FRAME < size) {
            break;
        }
        struct hubwire_message m = {.connection = c->number, .body = c->in + at + FRAME + HUBWIRE_ID,
                                    .size = size - HUBWIRE_ID};
        memcpy(m.id, c->in + at + FRAME, HUBWIRE_ID);
        take(context, &m);
        at += FRAME + size;
    }
    memmove(c->in, c->in + at, c->have - at);
    c->have -= at;
}

static bool read_more(struct hubwire_connection *c)
{
    if (c->room - c->have < CHUNK) {
        c->room = 2 * c->room + CHUNK;
        c->in = realloc(c->in, c->room);
        REQUIRE(c->in != NULL, "memory");
    }
    ssize_t got = recv(c->fd, c->in + c->have, c->room - c->have, MSG_DONTWAIT);
    if (got > 0) {
        c->have += (size_t)got;
    }
    return got > 0 || (got < 0 && errno == EAGAIN);
}

void hubwire_turn(struct hubwire *w, int ms, void (*take)(void *context, const struct hubwire_message *m),
                  void *context)
{
    struct pollfd at[HUBWIRE_MAX + 1];

    for (size_t i = 0; i < HUBWIRE_MAX; i++) {
        at[i] = (struct pollfd){.fd = w->at[i].fd, .events = POLLIN};
    }
    at[HUBWIRE_MAX] = (struct pollfd){.fd = w->listen_fd, .events = POLLIN};
    if (poll(at, HUBWIRE_MAX + 1, ms) <= 0) {
        return;
    }
    for (size_t i = 0; i < HUBWIRE_MAX; i++) {
        if (w->at[i].fd < 0 || at[i].revents == 0) {
            continue;
        }
        bool is_alive = read_more(&w->at[i]);
        hand_out(&w->at[i], take, context);
        if (!is_alive) {
            end(w, &w->at[i]);
        }
    }
    if (at[HUBWIRE_MAX].revents != 0) {
        accept_one(w);
    }
}
