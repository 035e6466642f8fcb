#include "renewer/fetch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/run/fd.h"

enum {
    LENGTH = 2, /* bytes before a frame */
};

struct renewer_fetch {
    struct loop_watch *watch;
    struct loop_timer *deadline;
    int fd;
    bool is_connected;
    struct renew_client client;
    renewer_fetch_done done;
    void *context;
    size_t got, sent, to_send;
    uint8_t in[LENGTH + RENEW_FRAME_MAX];
    uint8_t out[LENGTH + RENEW_FRAME_MAX];
};

void renewer_fetch_free(struct renewer_fetch *f)
{
    if (f == NULL) {
        return;
    }
    loop_watch_free(f->watch);
    loop_timer_free(f->deadline);
    fd_close(&f->fd);
    renew_client_fini(&f->client);
    sodium_memzero(f, sizeof *f);
    free(f);
}

static void end(struct renewer_fetch *f, enum err e, size_t size)
{
    loop_watch_free(f->watch); /* nothing more happens to it while its owner is told */
    loop_timer_free(f->deadline);
    f->watch = NULL;
    f->deadline = NULL;
    f->done(f->context, e, e == ERR_OK ? f->out + LENGTH : NULL, size, f->client.verdict, f->client.is_proven);
}

static void on_deadline(void *context)
{
    end(context, ERR_TIMEOUT, 0);
}

static void put_length(struct renewer_fetch *f, size_t size)
{
    f->out[0] = (uint8_t)(size >> 8);
    f->out[1] = (uint8_t)size;
    f->to_send = LENGTH + size;
    f->sent = 0;
}

/* ERR_OK: all is sent, or the socket takes no more now. */
static enum err transmit(struct renewer_fetch *f)
{
    while (f->sent < f->to_send) {
        ssize_t sent = send(f->fd, f->out + f->sent, f->to_send - f->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return errno == EAGAIN ? ERR_OK : ERR_PEER_DEAD;
        }
        f->sent += (size_t)sent;
    }
    return ERR_OK;
}

static enum err receive(struct renewer_fetch *f)
{
    ssize_t got = recv(f->fd, f->in + f->got, sizeof f->in - f->got, MSG_DONTWAIT);

    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? ERR_OK : ERR_PEER_DEAD;
    }
    f->got += (size_t)got;
    return got > 0 ? ERR_OK : ERR_PEER_DEAD;
}

/* The frame at the front, if it is whole. *ret_is_done: its update is in `out`. */
static enum err take_frame(struct renewer_fetch *f, size_t *ret_size, bool *ret_is_done)
{
    size_t size = f->got >= LENGTH ? (size_t)(f->in[0] << 8 | f->in[1]) : 0;

    if (f->got >= LENGTH && (size == 0 || size > RENEW_FRAME_MAX)) {
        return ERR_MALFORMED;
    }
    if (f->got < LENGTH || f->got < LENGTH + size) {
        return ERR_OK;
    }
    enum err e = renew_client_step(&f->client, f->in + LENGTH, size, f->out + LENGTH, ret_size, ret_is_done);
    f->got -= LENGTH + size;
    memmove(f->in, f->in + LENGTH + size, f->got);
    if (e == ERR_OK && !*ret_is_done) {
        put_length(f, *ret_size);
    }
    return e;
}

static enum err on_connected(struct renewer_fetch *f)
{
    int fault = 0;
    socklen_t len = sizeof fault;

    f->is_connected = true;
    if (getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &fault, &len) != 0) {
        return err_from_errno(errno);
    }
    return fault == 0 ? ERR_OK : err_from_errno(fault);
}

static void on_ready(void *context, unsigned bits)
{
    struct renewer_fetch *f = context;
    size_t size = 0;
    bool is_done = false;
    enum err e = f->is_connected ? ERR_OK : on_connected(f);

    if (e == ERR_OK && (bits & LOOP_READ) != 0 && f->sent == f->to_send) {
        e = receive(f);
        if (f->got > 0) { /* what came before the end counts: an issuer that is busy says so and closes */
            enum err taken = take_frame(f, &size, &is_done);
            e = taken != ERR_OK ? taken : is_done ? ERR_OK : e;
        }
    }
    if (e == ERR_OK && !is_done) {
        e = transmit(f);
    }
    if (e != ERR_OK || is_done) {
        end(f, e, size);
        return;
    }
    loop_watch_want(f->watch, f->sent < f->to_send ? LOOP_WRITE : LOOP_READ);
}

static enum err connect_to(const struct sealed_address *a, int *ret)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool is_v4 = memcmp(a->ip, mapped, sizeof mapped) == 0;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
    const struct sockaddr *to = is_v4 ? (const struct sockaddr *)&in : (const struct sockaddr *)&in6;

    memcpy(&in.sin_addr, a->ip + sizeof mapped, 4);
    memcpy(&in6.sin6_addr, a->ip, 16);
    AUTO_FD int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (connect(fd, to, is_v4 ? sizeof in : sizeof in6) != 0 && errno != EINPROGRESS)) {
        return err_from_errno(errno);
    }
    *ret = fd_take(&fd);
    return ERR_OK;
}

enum err renewer_fetch_begin(struct loop *loop, const struct sealed_address *to, const struct node_keys *own,
                             const uint8_t issuer[NODE_ID_LEN], const struct renew_ask *ask, renewer_fetch_done done,
                             void *context, struct renewer_fetch **ret)
{
    uint8_t ephemeral[NOISE_KEY];
    size_t size = 0;
    struct renewer_fetch *f = calloc(1, sizeof *f);

    if (f == NULL) {
        return ERR_NOMEM;
    }
    f->fd = -1;
    f->done = done;
    f->context = context;
    randombytes_buf(ephemeral, sizeof ephemeral);
    enum err e = renew_client_start(&f->client, own, issuer, ask, ephemeral, f->out + LENGTH, &size);
    sodium_memzero(ephemeral, sizeof ephemeral);
    if (e == ERR_OK) {
        put_length(f, size);
        e = connect_to(to, &f->fd);
    }
    if (e == ERR_OK) {
        f->watch = loop_watch_new(loop, f->fd, LOOP_WRITE, on_ready, f);
        f->deadline = loop_timer_new(loop, RENEWER_FETCH_MS, 0, on_deadline, f);
        e = f->watch == NULL || f->deadline == NULL ? ERR_NOMEM : ERR_OK;
    }
    if (e != ERR_OK) {
        renewer_fetch_free(f);
        return e;
    }
    *ret = f;
    return ERR_OK;
}
