/* Envelopes over the SP wire: one REQ connection an endpoint, made again by itself, on the loop.
 *
 * Not through libnng: what is asked must be able to end. nng 1.5.2's nng_close of a socket whose dialer
 * is between two attempts waits for ever once in a few hundred times on a busy machine, and with it the
 * loop of the cell. And a cell whose door is on its own wire has no thread of nng's at all. The bytes are the same
 * (docs/PROTOCOL.md, section 2; decision 0007). */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/base/bytes.h"
#include "common/run/ask_core.h"
#include "common/run/fd.h"
#include "common/run/sp_frame.h"

enum {
    IPC_RECONNECT_MIN_MS = 2,
    IPC_RECONNECT_MAX_MS = 100, /* while somebody waits                                    */
    IPC_REST_MS = 1000,         /* … and while nobody does: as long as a list of names is believed */
    IPC_READ_SIZE = 64 * 1024, /* bytes taken before others get their turn                */
    IPC_KEPT_SIZE = 64 * 1024, /* of the buffer; one that a large message grew is freed   */
};

#define IPC_ID_MASK 0x7fffffffu /* SP: the top bit of the word says that it is the last */

struct ask_wire {
    struct ask_endpoint *endpoint;
    int fd; /* -1: the next attempt is due */
    struct loop_watch *watch;
    struct loop_timer *timer;
    uint32_t retry_ms;
    uint32_t epoch; /* connections so far */
    struct sp_frame in;
    bool is_up;     /* greeted, so there is somebody */
    bool is_full;   /* until the watch says otherwise */
    bool is_resting; /* the next attempt may be long in coming */
    uint8_t *out;   /* one message, head first */
    size_t room;
    size_t size;    /* of what has to go out; 0: nothing */
    size_t at;
};

/* ---- connections ------------------------------------------------------------------------------- */

static void on_ready(void *context, unsigned bits);

/* Come back for another attempt. A callee that nobody asks now may be gone for long: a cell without a supervisor looks for
 * it in vain for as long as the line is kept. */
static void later(struct ask_wire *w)
{
    uint32_t most_ms = w->endpoint->core.outstanding > 0 ? IPC_RECONNECT_MAX_MS : IPC_REST_MS;

    w->retry_ms = w->retry_ms < most_ms ? w->retry_ms : most_ms;
    loop_timer_again(w->timer, w->retry_ms, 0);
    w->is_resting = w->retry_ms > IPC_RECONNECT_MAX_MS;
    w->retry_ms *= 2;
}

static void hang_up(struct ask_wire *w)
{
    loop_watch_free(w->watch);
    w->watch = NULL;
    fd_close(&w->fd);
    sp_frame_fini(&w->in);
    w->in = (struct sp_frame){.most = SP_MESSAGE_MAX + SP_WIRE_ID_LEN, .is_requester = true};
    w->size = w->at = 0; /* the rest of a message is nobody's beginning */
    w->is_up = w->is_full = false;
}

/* The connection has ended, or never was one. */
static void lose(struct ask_wire *w)
{
    bool was_up = w->is_up;

    hang_up(w);
    later(w);
    if (was_up) {
        ask_link_lost(w->endpoint, ASK_IPC, w->epoch, false);
    }
}

/* A Unix socket connects at once or not at all. */
static bool connect_now(struct ask_wire *w)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    uint8_t hello[SP_WIRE_HELLO_LEN];
    size_t len = strlen(w->endpoint->path);

    if (len >= sizeof at.sun_path) {
        return false; /* nobody could have bound it either */
    }
    memcpy(at.sun_path, w->endpoint->path, len);
    w->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w->fd < 0 || connect(w->fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        return false;
    }
    sp_wire_hello_put(hello); /* a new socket has room for eight bytes */
    if (send(w->fd, hello, sizeof hello, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof hello) {
        return false;
    }
    w->watch = loop_watch_new(w->endpoint->cell->loop, w->fd, LOOP_READ, on_ready, w);
    return w->watch != NULL;
}

/* It would have been tried again some time: up to IPC_RECONNECT_MAX_MS late. Not from here: callbacks would run. */
static void ipc_hurry(struct ask_wire *w)
{
    if (w->fd < 0) {
        w->retry_ms = IPC_RECONNECT_MIN_MS;
        loop_timer_again(w->timer, 0, 0);
    }
}

static void on_due(void *context)
{
    struct ask_wire *w = context;

    assert(w->fd < 0);
    w->is_resting = false;
    if (!connect_now(w)) {
        hang_up(w);
        later(w);
    }
}

/* ---- messages out ------------------------------------------------------------------------------ */

static bool ipc_is_up(const struct ask_wire *w)
{
    return w->is_up;
}

static bool ipc_is_ready(struct ask_wire *w)
{
    if (w->is_resting) { /* somebody wants it now */
        w->is_resting = false;
        w->retry_ms = IPC_RECONNECT_MIN_MS;
        loop_timer_again(w->timer, 0, 0);
    }
    return w->is_up && !w->is_full;
}

static uint8_t *ipc_reserve(struct ask_wire *w, uint32_t id, size_t size)
{
    assert(w->size == 0);
    if (size > SP_MESSAGE_MAX) {
        return NULL; /* ask.c takes none that long */
    }
    if (SP_WIRE_HEAD_LEN + size > w->room) {
        uint8_t *grown = realloc(w->out, SP_WIRE_HEAD_LEN + size);
        if (grown == NULL) {
            return NULL;
        }
        w->out = grown;
        w->room = SP_WIRE_HEAD_LEN + size;
    }
    sp_wire_head_put(id, size, w->out);
    w->at = SP_WIRE_HEAD_LEN + size; /* until it is committed: how much it is */
    return w->out + SP_WIRE_HEAD_LEN;
}

/* Write what there is. False: the connection is of no more use. */
static bool push(struct ask_wire *w)
{
    w->is_full = false;
    while (w->at < w->size) {
        ssize_t sent = send(w->fd, w->out + w->at, w->size - w->at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) {
            w->is_full = true;
            loop_watch_want(w->watch, LOOP_READ | LOOP_WRITE);
            return true;
        }
        if (sent < 0 && errno != EINTR) {
            return false;
        }
        w->at += sent > 0 ? (size_t)sent : 0;
    }
    w->size = w->at = 0;
    if (w->room > IPC_KEPT_SIZE) {
        free(w->out);
        w->out = NULL;
        w->room = 0;
    }
    return true;
}

static bool ipc_commit(struct ask_wire *w, uint32_t id)
{
    (void)id; /* in the head already */
    w->size = w->at;
    w->at = 0;
    bool is_well = push(w);
    if (!is_well) {
        (void)shutdown(w->fd, SHUT_RDWR); /* so that the watch finds it broken, whatever the reason was */
        w->is_full = true;                /* until then nothing goes behind it */
    }
    if (w->at > 0 || !w->is_full) {
        return true; /* what is left of it follows, or is lost with the connection */
    }
    w->size = 0; /* not a byte has gone: it stays where a deadline can take it back */
    return false;
}

/* ---- messages in ------------------------------------------------------------------------------- */

static void on_message(void *context, const uint8_t *trace, size_t trace_len, const uint8_t *body,
                       size_t size)
{
    struct ask_wire *w = context;

    ask_link_take(w->endpoint, bytes_get_be32(trace + trace_len - SP_WIRE_ID_LEN) & IPC_ID_MASK, body,
                  size);
}

/* False: the connection is of no more use. */
static bool take_bytes(struct ask_wire *w)
{
    static uint8_t data[IPC_READ_SIZE]; /* one thread reads one connection at a time */
    uint64_t dropped = 0;
    ssize_t got = recv(w->fd, data, sizeof data, MSG_DONTWAIT);

    if (got <= 0) {
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
    enum err e = sp_frame_feed(&w->in, data, (size_t)got, on_message, w, &dropped);
    if (e != ERR_OK) {
        log_warn("ASK-SP", "path=%s error=%s action=disconnected", w->endpoint->path, err_name(e));
        return false;
    }
    if (!w->is_up && w->in.has_hello) {
        w->is_up = true;
        w->epoch++;
        w->retry_ms = IPC_RECONNECT_MIN_MS;
        ask_link_up(w->endpoint, ASK_IPC); /* the turn's flush uses it */
    }
    return true;
}

static void on_ready(void *context, unsigned bits)
{
    struct ask_wire *w = context;
    struct ask_endpoint *e = w->endpoint;

    e->uses++; /* callbacks run, and must not make room here */
    if ((bits & LOOP_WRITE) != 0) {
        loop_watch_want(w->watch, LOOP_READ);
    }
    if (((bits & LOOP_WRITE) != 0 && !push(w)) || ((bits & LOOP_READ) != 0 && !take_bytes(w))) {
        lose(w);
    }
    e->uses--;
}

/* ---- opening and closing ----------------------------------------------------------------------- */

static uint32_t ipc_epoch(const struct ask_wire *w)
{
    return w->epoch;
}

static void ipc_close(struct ask_wire *w)
{
    hang_up(w);
    loop_timer_free(w->timer);
    free(w->out);
    free(w);
}

static enum err ipc_open(struct ask_endpoint *e, struct ask_wire **ret)
{
    struct ask_wire *w = calloc(1, sizeof *w);

    if (w == NULL) {
        return ERR_NOMEM;
    }
    w->endpoint = e;
    w->fd = -1;
    w->retry_ms = IPC_RECONNECT_MIN_MS;
    hang_up(w);
    w->timer = loop_timer_new(e->cell->loop, UINT32_MAX, 0, on_due, w);
    if (w->timer == NULL) {
        ipc_close(w);
        return ERR_NOMEM;
    }
    on_due(w);
    *ret = w;
    return ERR_OK;
}

const struct ask_transport ask_ipc_transport = {
    .kind = "ipc",
    .open = ipc_open,
    .close = ipc_close,
    .hurry = ipc_hurry,
    .is_up = ipc_is_up,
    .is_ready = ipc_is_ready,
    .reserve = ipc_reserve,
    .commit = ipc_commit,
    .epoch = ipc_epoch,
};
