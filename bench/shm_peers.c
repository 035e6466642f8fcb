#include "bench/shm_peers.h"

#include <linux/futex.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef BENCH_ZMQ
#include <zmq.h>
#endif

#include "common/run/shm_meet.h"

enum {
    PATIENT_MS = 20000,
    PAIR = 128, /* bytes: lines are fetched two at a time */
    LARGE = 16384, /* bytes from which writing is announced, as shm.h recommends */
};

static uint8_t buffer[PEERS_SIZE_MAX];

/* ---- the floor: one line each way, both spin ------------------------------------------------------ */

static void line_prepare(struct peers_setup *s)
{
    s->memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    peers_must(s->memory != MAP_FAILED, "memory");
}

static void line_wait(const uint64_t *word, uint64_t number)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != number) {
        __builtin_ia32_pause();
    }
}

static void line_serve(struct peers_setup *s)
{
    uint64_t *there = s->memory, *back = there + PAIR / sizeof *there;

    for (uint64_t number = 1;; number++) {
        line_wait(there, number);
        __atomic_store_n(back, number, __ATOMIC_RELEASE);
    }
}

static void *line_open(struct peers_setup *s)
{
    return s->memory;
}

static void line_call(struct peers_setup *s, void *state, uint64_t number)
{
    uint64_t *there = state, *back = there + PAIR / sizeof *there;

    (void)s;
    __atomic_store_n(there, number, __ATOMIC_RELEASE);
    line_wait(back, number);
}

/* ---- the floor of sleeping: the same two lines, and the kernel's two calls --------------------------- */

static void futex_tell(uint32_t *word, uint32_t number)
{
    __atomic_store_n(word, number, __ATOMIC_SEQ_CST);
    (void)syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void futex_await(uint32_t *word, uint32_t number)
{
    uint32_t seen;

    while ((seen = __atomic_load_n(word, __ATOMIC_ACQUIRE)) != number) {
        (void)syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
    }
}

static void futex_serve(struct peers_setup *s)
{
    uint32_t *there = s->memory, *back = there + PAIR / sizeof *there;

    for (uint32_t number = 1;; number++) {
        futex_await(there, number);
        futex_tell(back, number);
    }
}

static void futex_call(struct peers_setup *s, void *state, uint64_t number)
{
    uint32_t *there = state, *back = there + PAIR / sizeof *there;

    (void)s;
    futex_tell(there, (uint32_t)number);
    futex_await(back, (uint32_t)number);
}

/* One wake and no more: the server sleeps, the client spins. */
static void wake_serve(struct peers_setup *s)
{
    uint32_t *there = s->memory, *back = there + PAIR / sizeof *there;

    for (uint32_t number = 1;; number++) {
        futex_await(there, number);
        __atomic_store_n(back, number, __ATOMIC_RELEASE);
    }
}

static void wake_call(struct peers_setup *s, void *state, uint64_t number)
{
    uint32_t *there = state, *back = there + PAIR / sizeof *there;

    (void)s;
    futex_tell(there, (uint32_t)number);
    while (__atomic_load_n(back, __ATOMIC_ACQUIRE) != (uint32_t)number) {
        __builtin_ia32_pause();
    }
}

/* ---- ours ----------------------------------------------------------------------------------------- */

struct ours {
    struct shm *c;
    struct shm_session session;
};

static void pair_prepare(struct peers_setup *s)
{
    peers_must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s->fd) == 0, "socketpair");
}

static struct shm_meet_config ours_config(void)
{
    return (struct shm_meet_config){.key = "a key of thirty-two bytes.......", .shape = shm_meet_usual_shape(),
                                    .peer_uid = geteuid()};
}

static enum err ours_handle(void *context, const struct shm_request *r)
{
    const struct peers_setup *s = context;
    void *room = shm_answer_room(r, r->size);

    peers_must(room != NULL, "room for an answer");
    peers_read(s, r->data, r->size);
    if (s->is_touched && r->size >= LARGE) {
        shm_answer_filling(r);
    }
    peers_write(s, room, r->size, 1);
    return shm_answer(r, ERR_OK, r->size);
}

static void ours_serve(struct peers_setup *s)
{
    struct shm_meet_config config = ours_config();
    struct shm *c;

    (void)close(s->fd[0]);
    peers_must(shm_meet_accept(&s->fd[1], &config, PATIENT_MS, &c) == ERR_OK, "accept");
    shm_handler(c, ours_handle, s);
    peers_doors();
    (void)!shm_serve(c, UINT32_MAX);
}

static void *ours_open(struct peers_setup *s)
{
    static struct ours o;
    struct shm_meet_config config = ours_config();

    (void)close(s->fd[1]);
    peers_must(shm_meet_connect(&s->fd[0], &config, PATIENT_MS, &o.c) == ERR_OK, "connect");
    peers_must(shm_session_open(o.c, &o.session) == ERR_OK, "a slot");
    peers_doors();
    return &o;
}

static void ours_call(struct peers_setup *s, void *state, uint64_t number)
{
    struct ours *o = state;
    struct shm_reply reply;
    void *room = shm_ask_room(&o->session, s->size);

    peers_must(room != NULL, "room for a request");
    if (s->is_touched && s->size >= LARGE) {
        shm_ask_filling(&o->session);
    }
    peers_write(s, room, s->size, number);
    peers_must(shm_ask_send(&o->session, 1, s->size) == ERR_OK, "send");
    peers_must(shm_reply_wait(&o->session, PATIENT_MS, &reply) == ERR_OK, "an answer");
    peers_read(s, reply.data, reply.size);
}

/* ---- sockets and pipes ---------------------------------------------------------------------------- */

static void packet_prepare(struct peers_setup *s)
{
    int room = 4 * PEERS_SIZE_MAX;

    pair_prepare(s);
    for (int i = 0; i < 2; i++) {
        peers_must(setsockopt(s->fd[i], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) == 0 ||
                       s->size < 100000, "a send buffer for a packet this large needs root");
    }
}

static void packet_serve(struct peers_setup *s)
{
    for (;;) {
        ssize_t size = recv(s->fd[1], buffer, sizeof buffer, 0);
        peers_must(size > 0, "recv");
        peers_read(s, buffer, (size_t)size);
        peers_write(s, buffer, (size_t)size, 1);
        peers_must(send(s->fd[1], buffer, (size_t)size, MSG_NOSIGNAL) == size, "send");
    }
}

static void *plain_open(struct peers_setup *s)
{
    return s;
}

static void packet_call(struct peers_setup *s, void *state, uint64_t number)
{
    (void)state;
    peers_write(s, buffer, s->size, number);
    peers_must(send(s->fd[0], buffer, s->size, MSG_NOSIGNAL) == (ssize_t)s->size, "send");
    peers_must(recv(s->fd[0], buffer, sizeof buffer, 0) == (ssize_t)s->size, "recv");
    peers_read(s, buffer, s->size);
}

static void pipe_prepare(struct peers_setup *s)
{
    peers_must(pipe(s->fd) == 0 && pipe(s->fd + 2) == 0, "pipe");
}

static void move(int fd, size_t size, bool is_read)
{
    for (size_t done = 0; done < size;) {
        ssize_t now = is_read ? read(fd, buffer + done, size - done) : write(fd, buffer + done, size - done);
        peers_must(now > 0, "pipe");
        done += (size_t)now;
    }
}

static void pipe_serve(struct peers_setup *s)
{
    for (;;) {
        move(s->fd[0], s->size, true);
        peers_read(s, buffer, s->size);
        peers_write(s, buffer, s->size, 1);
        move(s->fd[3], s->size, false);
    }
}

static void pipe_call(struct peers_setup *s, void *state, uint64_t number)
{
    (void)state;
    peers_write(s, buffer, s->size, number);
    move(s->fd[1], s->size, false);
    move(s->fd[2], s->size, true);
    peers_read(s, buffer, s->size);
}

/* ---- message libraries ---------------------------------------------------------------------------- */

static void path_prepare(struct peers_setup *s)
{
    (void)snprintf(s->path, sizeof s->path, "ipc:///tmp/cell-bench-shm-%d.sock", (int)getpid());
}

static void nng_serve(struct peers_setup *s)
{
    nng_socket door;
    nng_msg *m;

    peers_must(nng_rep0_open(&door) == 0 && nng_listen(door, s->path, NULL, 0) == 0, "nng listens");
    for (;;) {
        peers_must(nng_recvmsg(door, &m, 0) == 0, "nng receives");
        peers_read(s, nng_msg_body(m), nng_msg_len(m));
        peers_write(s, nng_msg_body(m), nng_msg_len(m), 1);
        peers_must(nng_sendmsg(door, m, 0) == 0, "nng sends");
    }
}

static void *nng_dialled(struct peers_setup *s)
{
    static nng_socket door;
    int fault = NNG_ECONNREFUSED;

    peers_must(nng_req0_open(&door) == 0, "nng opens");
    for (int i = 0; i < 2000 && fault != 0; i++) {
        fault = nng_dial(door, s->path, NULL, 0);
        (void)usleep(fault != 0 ? 1000 : 0);
    }
    peers_must(fault == 0, "nng dials");
    return &door;
}

static void nng_call(struct peers_setup *s, void *state, uint64_t number)
{
    nng_socket *door = state;
    nng_msg *m;

    peers_must(nng_msg_alloc(&m, s->size) == 0, "nng allocates");
    peers_write(s, nng_msg_body(m), s->size, number);
    peers_must(nng_sendmsg(*door, m, 0) == 0 && nng_recvmsg(*door, &m, 0) == 0, "nng calls");
    peers_read(s, nng_msg_body(m), nng_msg_len(m));
    nng_msg_free(m);
}

#ifdef BENCH_ZMQ
static void zmq_serve(struct peers_setup *s)
{
    void *door = zmq_socket(zmq_ctx_new(), ZMQ_REP);

    peers_must(zmq_bind(door, s->path) == 0, "zmq binds");
    for (;;) {
        int size = zmq_recv(door, buffer, sizeof buffer, 0);
        peers_must(size >= 0, "zmq receives");
        peers_read(s, buffer, (size_t)size);
        peers_write(s, buffer, (size_t)size, 1);
        peers_must(zmq_send(door, buffer, (size_t)size, 0) == size, "zmq sends");
    }
}

static void *zmq_dialled(struct peers_setup *s)
{
    void *door = zmq_socket(zmq_ctx_new(), ZMQ_REQ);

    peers_must(zmq_connect(door, s->path) == 0, "zmq connects");
    return door;
}

static void zmq_call(struct peers_setup *s, void *state, uint64_t number)
{
    peers_write(s, buffer, s->size, number);
    peers_must(zmq_send(state, buffer, s->size, 0) == (int)s->size, "zmq sends");
    peers_must(zmq_recv(state, buffer, sizeof buffer, 0) == (int)s->size, "zmq receives");
    peers_read(s, buffer, s->size);
}
#endif

const struct peers_kind peers_kinds[] = {
    {"line", line_prepare, line_serve, line_open, line_call},
    {"futex", line_prepare, futex_serve, line_open, futex_call},
    {"wake", line_prepare, wake_serve, line_open, wake_call},
    {"shm", pair_prepare, ours_serve, ours_open, ours_call},
    {"reference", reference_prepare, reference_serve, reference_open, reference_call},
    {"seqpacket", packet_prepare, packet_serve, plain_open, packet_call},
    {"pipe", pipe_prepare, pipe_serve, plain_open, pipe_call},
    {"nng", path_prepare, nng_serve, nng_dialled, nng_call},
#ifdef BENCH_ZMQ
    {"zmq", path_prepare, zmq_serve, zmq_dialled, zmq_call},
#endif
};
const size_t peers_count = sizeof peers_kinds / sizeof peers_kinds[0];
