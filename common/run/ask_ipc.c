/* Envelopes over nng: one raw req0 socket an endpoint, which dials again and again by itself. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/ask_core.h"
#include "common/run/fd.h"

enum {
    IPC_SEND_BUFFER = 32, /* messages nng holds for a busy callee; the rest waits where its deadline
                           * can take it back */
    IPC_RECONNECT_MIN_MS = 2,
    IPC_RECONNECT_MAX_MS = 100,
};

#define IPC_REQUEST_ID 0x80000000u /* SP: the last word of the backtrace has the top bit */

struct ask_wire {
    struct ask_endpoint *endpoint;
    nng_socket socket;
    struct loop_watch *watch;
    struct loop_watch *event_watch;
    struct loop_watch *send_watch; /* while nng's buffer is full                            */
    nng_msg *reserved;
    int event_fd;                  /* nng's threads say that a connection came or went      */
    atomic_uint opened;            /* connections so far: only the newest can be alive      */
    atomic_uint gone;
    uint32_t gone_told;
    bool is_open;
};

/* ---- messages ---------------------------------------------------------------------------------- */

static bool ipc_is_up(const struct ask_wire *w)
{
    /* `gone` first: a connection that comes in between makes this too careful, not too bold. */
    unsigned gone = atomic_load(&w->gone);

    return atomic_load(&w->opened) > gone;
}

static bool ipc_is_ready(struct ask_wire *w)
{
    return w->send_watch == NULL && ipc_is_up(w);
}

static void on_sendable(void *context, unsigned bits)
{
    struct ask_wire *w = context;

    (void)bits;
    loop_watch_free(w->send_watch); /* the next turn's flush goes on where the last one stopped */
    w->send_watch = NULL;
}

static uint8_t *ipc_reserve(struct ask_wire *w, uint32_t id, size_t size)
{
    (void)id; /* in the header, which commit writes */
    return nng_msg_alloc(&w->reserved, size) != 0 ? NULL : nng_msg_body(w->reserved);
}

static bool ipc_commit(struct ask_wire *w, uint32_t id)
{
    nng_msg *message = w->reserved;
    int fd;

    w->reserved = NULL;
    if (nng_msg_header_append_u32(message, id | IPC_REQUEST_ID) == 0 &&
        nng_sendmsg(w->socket, message, NNG_FLAG_NONBLOCK) == 0) {
        return true;
    }
    nng_msg_free(message);
    if (nng_socket_get_int(w->socket, NNG_OPT_SENDFD, &fd) == 0) {
        /* No watch without memory: the next turn tries again. */
        w->send_watch = loop_watch_new(w->endpoint->cell->loop, fd, LOOP_READ, on_sendable, w);
    }
    return false;
}

static void on_answers(void *context, unsigned bits)
{
    struct ask_wire *w = context;
    nng_msg *message;

    (void)bits;
    w->endpoint->uses++; /* callbacks run, and must not make room here */
    while (nng_recvmsg(w->socket, &message, NNG_FLAG_NONBLOCK) == 0) {
        size_t header_len = nng_msg_header_len(message);
        const uint8_t *header = nng_msg_header(message);
        if (header_len >= sizeof(uint32_t)) { /* nng does not let others through */
            uint32_t id = bytes_get_be32(header + header_len - sizeof id) & ~IPC_REQUEST_ID;
            ask_link_take(w->endpoint, id, nng_msg_body(message), nng_msg_len(message));
        }
        nng_msg_free(message);
    }
    w->endpoint->uses--;
}

/* ---- connections ------------------------------------------------------------------------------- */

/* On a thread of nng: only the counters and the eventfd. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    uint64_t one = 1;
    struct ask_wire *w = context;

    (void)pipe;
    atomic_fetch_add(event == NNG_PIPE_EV_REM_POST ? &w->gone : &w->opened, 1);
    ssize_t put = write(w->event_fd, &one, sizeof one);
    (void)put; /* a full counter is a set counter */
}

static void on_event(void *context, unsigned bits)
{
    struct ask_wire *w = context;
    uint64_t count;

    (void)bits;
    if (read(w->event_fd, &count, sizeof count) != sizeof count) {
        return;
    }
    w->endpoint->uses++; /* as above */
    uint32_t gone = atomic_load(&w->gone);
    if (gone != w->gone_told) {
        w->gone_told = gone;
        ask_link_lost(w->endpoint, ASK_IPC, gone, false);
    }
    if (ipc_is_up(w)) {
        ask_link_up(w->endpoint, ASK_IPC); /* the turn's flush uses it */
    }
    w->endpoint->uses--;
}

static uint32_t ipc_epoch(const struct ask_wire *w)
{
    return atomic_load(&w->opened);
}

static enum err dial(struct ask_wire *w, const char *path)
{
    char url[HOST_PATH_SIZE + 8];
    nng_dialer dialer;
    int fd;

    if (nng_req0_open_raw(&w->socket) != 0) {
        return ERR_NOMEM;
    }
    w->is_open = true;
    (void)snprintf(url, sizeof url, "ipc://%s", path);
    if (nng_socket_set_size(w->socket, NNG_OPT_RECVMAXSZ, SP_MESSAGE_MAX) != 0 ||
        nng_socket_set_int(w->socket, NNG_OPT_SENDBUF, IPC_SEND_BUFFER) != 0 ||
        nng_socket_set_ms(w->socket, NNG_OPT_RECONNMINT, IPC_RECONNECT_MIN_MS) != 0 ||
        nng_socket_set_ms(w->socket, NNG_OPT_RECONNMAXT, IPC_RECONNECT_MAX_MS) != 0 ||
        nng_pipe_notify(w->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, w) != 0 ||
        nng_pipe_notify(w->socket, NNG_PIPE_EV_REM_POST, on_pipe, w) != 0 ||
        nng_dialer_create(&dialer, w->socket, url) != 0 ||
        nng_dialer_start(dialer, NNG_FLAG_NONBLOCK) != 0 ||
        nng_socket_get_int(w->socket, NNG_OPT_RECVFD, &fd) != 0) {
        return ERR_IO;
    }
    struct loop *loop = w->endpoint->cell->loop;
    w->watch = loop_watch_new(loop, fd, LOOP_READ, on_answers, w);
    w->event_watch = loop_watch_new(loop, w->event_fd, LOOP_READ, on_event, w);
    return w->watch == NULL || w->event_watch == NULL ? ERR_NOMEM : ERR_OK;
}

/* Accepts a half-open one. */
static void ipc_close(struct ask_wire *w)
{
    loop_watch_free(w->watch);
    loop_watch_free(w->event_watch);
    loop_watch_free(w->send_watch);
    if (w->is_open) {
        (void)nng_close(w->socket); /* waits for nng's callbacks: the eventfd is ours again */
    }
    fd_close(&w->event_fd);
    free(w);
}

static enum err ipc_open(struct ask_endpoint *e, struct ask_wire **ret)
{
    struct ask_wire *w = calloc(1, sizeof *w);

    if (w == NULL) {
        return ERR_NOMEM;
    }
    w->endpoint = e;
    w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum err failed = w->event_fd < 0 ? ERR_LIMIT : dial(w, e->path);
    if (failed != ERR_OK) {
        ipc_close(w);
        return failed;
    }
    *ret = w;
    return ERR_OK;
}

const struct ask_transport ask_ipc_transport = {
    .kind = "ipc",
    .open = ipc_open,
    .close = ipc_close,
    .is_up = ipc_is_up,
    .is_ready = ipc_is_ready,
    .reserve = ipc_reserve,
    .commit = ipc_commit,
    .epoch = ipc_epoch,
};
