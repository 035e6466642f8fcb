#include "datapath/control.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/log.h"

enum {
    BACKLOG = 16,
    ROOM_FIRST = 4096,
};

enum err datapath_control_open(struct datapath_control *c, const char *path)
{
    char directory[512];
    const char *slash = strrchr(path, '/');

    c->fd = -1;
    (void)snprintf(directory, sizeof directory, "%.*s", (int)(slash - path), path);
    enum err e = slash == path ? ERR_OK : fd_make_dirs(directory, 0755);
    return e == ERR_OK ? fd_relisten_unix(path, BACKLOG, &c->fd) : e;
}

/* ---- callers ---------------------------------------------------------------------------------------- */

static void forget(char **bytes, size_t size)
{
    if (*bytes != NULL) {
        sodium_memzero(*bytes, size); /* requests and answers hold keys */
        free(*bytes);
        *bytes = NULL;
    }
}

static void hang_up(struct datapath_control_caller *k)
{
    loop_watch_free(k->watch);
    k->watch = NULL;
    fd_close(&k->fd);
    forget(&k->request, k->request_room);
    forget(&k->answer, k->answer_room);
    k->request_size = k->request_room = k->searched = k->answer_size = k->answer_room = k->written = 0;
}

/* Room for so many bytes where there are `used`; it doubles, so that who says much is not copied for each piece. */
static bool widen(char **bytes, size_t *room, size_t used, size_t wanted, size_t most)
{
    size_t larger = *room == 0 ? ROOM_FIRST : *room;

    while (larger < wanted) {
        larger *= 2;
    }
    if (larger == *room) {
        return true;
    }
    char *made = larger > most ? NULL : malloc(larger);
    if (made == NULL) {
        return false;
    }
    if (used > 0) {
        memcpy(made, *bytes, used);
    }
    forget(bytes, *room);
    *bytes = made;
    *room = larger;
    return true;
}

static void put(void *context, const char *text, size_t size)
{
    struct datapath_control_caller *k = context;

    if (!widen(&k->answer, &k->answer_room, k->answer_size, k->answer_size + size, DATAPATH_CONTROL_ANSWER_MAX)) {
        k->is_lost = true;
        return;
    }
    memcpy(k->answer + k->answer_size, text, size);
    k->answer_size += size;
}

static struct datapath_time now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (struct datapath_time){.ms = loop_now_ms(), .wall_ns = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec};
}

/* Write what is left; false: the caller is gone. */
static bool write_on(struct datapath_control_caller *k)
{
    while (k->written < k->answer_size) {
        ssize_t done = send(k->fd, k->answer + k->written, k->answer_size - k->written, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0 && errno == EAGAIN) {
            loop_watch_want(k->watch, LOOP_WRITE);
            return true;
        }
        if (done <= 0) {
            return false;
        }
        k->written += (size_t)done;
    }
    forget(&k->answer, k->answer_room);
    k->answer_size = k->answer_room = k->written = 0;
    loop_watch_want(k->watch, LOOP_READ);
    return true;
}

/* The first request, of `size` bytes; what the caller wrote behind it stays. */
static bool answer(struct datapath_control_caller *k, size_t size)
{
    struct datapath_control *c = k->control;

    c->uapi.put = put;
    c->uapi.context = k;
    bool is_set = datapath_uapi_answer(&c->uapi, now(), k->request, size);
    k->request_size -= size;
    memmove(k->request, k->request + size, k->request_size);
    sodium_memzero(k->request + k->request_size, size);
    k->searched = 0;
    c->changed(c->context, is_set); /* what is to last is kept before the answer says so */
    return !k->is_lost && write_on(k);
}

/* False: he is gone, or says more than any request has, or there is no memory for it. */
static bool read_on(struct datapath_control_caller *k)
{
    if (!widen(&k->request, &k->request_room, k->request_size, k->request_size + 1, DATAPATH_UAPI_REQUEST_MAX)) {
        log_warn("DATAPATH-CONTROL-LONG", "bytes=%zu effect=\"a caller is not answered: his request is longer than any, or there is no memory for it\"", k->request_size);
        return false;
    }
    ssize_t got = read(k->fd, k->request + k->request_size, k->request_room - k->request_size);
    if (got < 0) {
        return errno == EINTR || errno == EAGAIN;
    }
    k->request_size += (size_t)got;
    return got > 0;
}

/* The first request that is whole, of so many bytes. The end is looked for once in each byte: a long one comes in many pieces. */
static size_t first(struct datapath_control_caller *k)
{
    size_t from = k->searched, size = datapath_uapi_first(k->request + from, k->request_size - from);

    k->searched = k->request_size > 0 ? k->request_size - 1 : 0; /* it may have half of the end */
    return size == 0 ? 0 : from + size;
}

/* One after the other, each when the one before has its answer. */
static bool answer_all(struct datapath_control_caller *k)
{
    size_t size = 0;

    while (k->answer_size == 0 && (size = first(k)) > 0) {
        if (!answer(k, size)) {
            return false;
        }
    }
    return true;
}

static void on_caller(void *context, unsigned bits)
{
    struct datapath_control_caller *k = context;

    k->turn = ++k->control->turns;
    if (!(k->answer_size > 0 ? write_on(k) : read_on(k)) || !answer_all(k)) {
        hang_up(k);
    }
}

/* A place for another: a free one, or his who did nothing for longest. A program that connected and hangs keeps nobody out. */
static struct datapath_control_caller *place_of(struct datapath_control *c)
{
    struct datapath_control_caller *k = &c->caller[0];

    for (uint32_t i = 0; i < DATAPATH_CONTROL_CALLERS && k->fd >= 0; i++) {
        if (c->caller[i].fd < 0 || c->caller[i].turn < k->turn) {
            k = &c->caller[i];
        }
    }
    if (k->fd >= 0) {
        hang_up(k);
    }
    return k;
}

static void on_connect(void *context, unsigned bits)
{
    struct datapath_control *c = context;
    struct datapath_control_caller *k = place_of(c);

    k->fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (k->fd < 0) {
        return;
    }
    k->is_lost = false;
    k->turn = ++c->turns;
    k->watch = loop_watch_new(c->loop, k->fd, LOOP_READ, on_caller, k);
    if (k->watch == NULL) {
        log_warn("DATAPATH-CONTROL", "reason=NOMEM effect=a caller is not answered");
        hang_up(k);
    }
}

enum err datapath_control_start(struct datapath_control *c, struct loop *loop)
{
    c->loop = loop;
    for (uint32_t i = 0; i < DATAPATH_CONTROL_CALLERS; i++) {
        c->caller[i] = (struct datapath_control_caller){.control = c, .fd = -1};
    }
    if (c->fd < 0) {
        return ERR_OK;
    }
    c->watch = loop_watch_new(loop, c->fd, LOOP_READ, on_connect, c);
    return c->watch == NULL ? ERR_NOMEM : ERR_OK;
}

void datapath_control_close(struct datapath_control *c)
{
    loop_watch_free(c->watch);
    c->watch = NULL;
    for (uint32_t i = 0; i < DATAPATH_CONTROL_CALLERS; i++) {
        if (c->caller[i].control != NULL && c->caller[i].fd >= 0) {
            hang_up(&c->caller[i]);
        }
    }
    if (c->fd > 0) {
        fd_close(&c->fd);
    }
    c->fd = -1;
}
