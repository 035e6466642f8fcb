/* One-way messages between two processes, and streams against memcpy.
 *
 *   ring KIND SIZE COUNT CPU_SENDER CPU_RECEIVER
 *
 * KIND: lines (the floor: fixed places, no header, no check, both spin), shm (a channel's ring), nng
 * (PAIR over ipc), zmq (PUSH and PULL over ipc); stream and streamread (COUNT bytes in chunks of SIZE
 * through a channel's ring, copied in, and copied out or read in place) and memcpy (COUNT bytes in
 * pieces of SIZE, in one process). Every byte is written by the sender and every line read by the receiver. CPU -1:
 * not pinned.
 * Prints "messages_per_s bytes_per_s". */
#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef BENCH_ZMQ
#include <zmq.h>
#endif

#include "bench/shm_peers.h"
#include "common/run/shm_meet.h"
#include "common/run/shm_post.h"
#include "common/run/shm_stream.h"

enum {
    PATIENT_MS = 20000,
    CAPACITY = 256 << 10, /* of a ring for messages: stays in a second-level cache; streams: SHM_POST_STREAM_RING */
    LINE = 64,
    LINES_LAZY = 8,
};

static struct peers_setup setup;
static uint64_t count, capacity = CAPACITY;

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pin(int cpu)
{
    cpu_set_t set;

    if (cpu >= 0) {
        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        peers_must(sched_setaffinity(0, sizeof set, &set) == 0, "pinning");
    }
}

/* ---- the floor: places of a message and a word each, in a ring -------------------------------------- */

struct lines {
    uint64_t head; /* the receiver's */
    uint8_t apart[2 * LINE - sizeof(uint64_t)];
    uint8_t place[];
};

static struct lines *lines;
static size_t lines_stride, lines_places;

static void lines_prepare(void)
{
    lines_stride = (setup.size + sizeof(uint64_t) + LINE - 1) / LINE * LINE;
    lines_places = CAPACITY / lines_stride > 4 ? CAPACITY / lines_stride : 4;
    lines = mmap(NULL, sizeof *lines + lines_places * lines_stride, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    peers_must(lines != MAP_FAILED, "memory");
}

static uint64_t *lines_word(uint64_t n)
{
    return (uint64_t *)(lines->place + n % lines_places * lines_stride);
}

static void lines_send(uint64_t n)
{
    static uint64_t head;
    uint64_t *word = lines_word(n);

    while (n - head >= lines_places) {
        head = __atomic_load_n(&lines->head, __ATOMIC_ACQUIRE);
        __builtin_ia32_pause();
    }
    peers_write(&setup, word + 1, setup.size, n);
    __atomic_store_n(word, n + 1, __ATOMIC_RELEASE);
}

static void lines_receive(uint64_t n)
{
    const uint64_t *word = lines_word(n);

    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != n + 1) {
        __builtin_ia32_pause();
    }
    peers_read(&setup, word + 1, setup.size);
    if (lines_places < LINES_LAZY || n % (lines_places / LINES_LAZY) == 0) {
        __atomic_store_n(&lines->head, n + 1, __ATOMIC_RELEASE);
    }
}

/* ---- ours ------------------------------------------------------------------------------------------- */

static struct shm_post *post;

static void shm_prepare(void)
{
    peers_must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, setup.fd) == 0, "socketpair");
}

static void stream_prepare(void)
{
    const char *kilobytes = getenv("BENCH_RING_KIB"); /* to try others by hand */

    capacity = kilobytes == NULL ? SHM_POST_STREAM_RING : strtoull(kilobytes, NULL, 10) << 10;
    shm_prepare();
}

static void shm_meet_peer(bool is_sender)
{
    struct shm_meet_config config = {.key = "a key of thirty-two bytes.......",
                                     .shape = shm_meet_usual_shape(), .peer_uid = geteuid()};
    struct shm *c;

    config.shape.ring_bytes = shm_post_ring_bytes(capacity);
    (void)close(setup.fd[is_sender ? 1 : 0]);
    enum err e = is_sender ? shm_meet_connect(&setup.fd[0], &config, PATIENT_MS, &c)
                           : shm_meet_accept(&setup.fd[1], &config, PATIENT_MS, &c);
    peers_must(e == ERR_OK && shm_post_open(c, &post) == ERR_OK, "a channel with rings");
}

static void shm_begin_send(void)
{
    shm_meet_peer(true);
}

static void shm_begin_receive(void)
{
    shm_meet_peer(false);
}

static void shm_send(uint64_t n)
{
    struct shm_ring_room room;

    peers_must(shm_post_reserve(post, (uint32_t)setup.size, PATIENT_MS, &room) == ERR_OK, "room");
    peers_write(&setup, room.payload, setup.size, n);
    shm_post_commit(post, &room, (uint32_t)setup.size, 1);
}

static void shm_receive(uint64_t n)
{
    struct shm_ring_loan loan;

    (void)n;
    peers_must(shm_post_take(post, PATIENT_MS, &loan) == ERR_OK, "a message");
    peers_read(&setup, loan.payload, loan.size);
    peers_must(shm_post_release(post, &loan) == ERR_OK, "given back");
}

/* ---- peers ------------------------------------------------------------------------------------------ */

static nng_socket door;

static void path_prepare(void)
{
    (void)snprintf(setup.path, sizeof setup.path, "ipc:///tmp/cell-bench-ring-%d.sock", (int)getpid());
}

static void nng_begin_receive(void)
{
    peers_must(nng_pair0_open(&door) == 0 && nng_listen(door, setup.path, NULL, 0) == 0, "nng listens");
}

static void nng_begin_send(void)
{
    int fault = NNG_ECONNREFUSED;

    peers_must(nng_pair0_open(&door) == 0, "nng opens");
    for (int i = 0; i < 2000 && fault != 0; i++) {
        fault = nng_dial(door, setup.path, NULL, 0);
        (void)usleep(fault != 0 ? 1000 : 0);
    }
    peers_must(fault == 0, "nng dials");
}

static void nng_send_one(uint64_t n)
{
    nng_msg *m;

    peers_must(nng_msg_alloc(&m, setup.size) == 0, "memory");
    peers_write(&setup, nng_msg_body(m), setup.size, n);
    peers_must(nng_sendmsg(door, m, 0) == 0, "nng sends");
}

static void nng_receive_one(uint64_t n)
{
    nng_msg *m;

    (void)n;
    peers_must(nng_recvmsg(door, &m, 0) == 0, "nng receives");
    peers_read(&setup, nng_msg_body(m), nng_msg_len(m));
    nng_msg_free(m);
}

#ifdef BENCH_ZMQ
static void *zmq_door;
static uint8_t buffer[PEERS_SIZE_MAX];

static void zmq_begin_receive(void)
{
    zmq_door = zmq_socket(zmq_ctx_new(), ZMQ_PULL);
    peers_must(zmq_bind(zmq_door, setup.path) == 0, "zmq binds");
}

static void zmq_begin_send(void)
{
    zmq_door = zmq_socket(zmq_ctx_new(), ZMQ_PUSH);
    peers_must(zmq_connect(zmq_door, setup.path) == 0, "zmq connects");
}

static void zmq_send_one(uint64_t n)
{
    peers_write(&setup, buffer, setup.size, n);
    peers_must(zmq_send(zmq_door, buffer, setup.size, 0) == (int)setup.size, "zmq sends");
}

static void zmq_receive_one(uint64_t n)
{
    (void)n;
    peers_must(zmq_recv(zmq_door, buffer, sizeof buffer, 0) == (int)setup.size, "zmq receives");
    peers_read(&setup, buffer, setup.size);
}
#endif

/* ---- streams ---------------------------------------------------------------------------------------- */

static uint8_t *far_memory(void)
{
    uint8_t *at = mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                       -1, 0);

    peers_must(at != MAP_FAILED, "memory");
    memset(at, 1, count);
    return at;
}

static void stream_frame(const struct shm_stream_frame *f, const uint8_t *data, uint64_t size)
{
    struct shm_ring_room room;

    peers_must(shm_post_reserve(post, (uint32_t)(sizeof *f + size), PATIENT_MS, &room) == ERR_OK, "room");
    memcpy(room.payload, f, sizeof *f);
    memcpy((uint8_t *)room.payload + sizeof *f, data, size);
    shm_post_commit(post, &room, room.size, 2);
}

static void stream_send(const uint8_t *from, uint64_t number)
{
    struct shm_stream_out out;
    struct shm_stream_frame f;

    peers_must(shm_stream_open(&out, number, count, SHM_STREAM_CHUNKS_MAX, 0, &f) == ERR_OK, "a stream");
    stream_frame(&f, from, 0);
    while (out.sent < count) {
        uint64_t at = out.sent, left = count - at, size = left < setup.size ? left : setup.size;
        peers_must(shm_stream_chunk(&out, size, &f) == ERR_OK, "a chunk");
        stream_frame(&f, from + at, size);
    }
    peers_must(shm_stream_end(&out, &f) == ERR_OK, "the end");
    stream_frame(&f, from, 0);
}

/* to NULL: the bytes are read where they lie. */
static void stream_receive(struct shm_streams *s, uint8_t *to)
{
    enum shm_stream_event event = SHM_STREAM_EV_NONE;

    while (event != SHM_STREAM_EV_ENDED) {
        struct shm_ring_loan loan;
        struct shm_stream_frame f;
        struct shm_stream_in *one;
        peers_must(shm_post_take(post, PATIENT_MS, &loan) == ERR_OK && loan.size >= sizeof f, "a frame");
        memcpy(&f, loan.payload, sizeof f);
        uint64_t size = loan.size - sizeof f;
        peers_must(shm_stream_receive(s, &f, size, 0, &event, &one) == ERR_OK, "an honest one");
        const uint8_t *bytes = (const uint8_t *)loan.payload + sizeof f;
        if (event == SHM_STREAM_EV_BYTES && to != NULL) {
            memcpy(to + one->received - size, bytes, size);
        } else if (event == SHM_STREAM_EV_BYTES) {
            peers_read(&setup, bytes, size);
        } else if (event == SHM_STREAM_EV_ENDED) {
            shm_stream_close(s, one);
        }
        peers_must(shm_post_release(post, &loan) == ERR_OK, "given back");
    }
}

/* ---- measuring -------------------------------------------------------------------------------------- */

static const struct kind {
    const char *name;
    void (*prepare)(void);
    void (*begin_receive)(void);
    void (*receive)(uint64_t n);
    void (*begin_send)(void);
    void (*send)(uint64_t n);
} kinds[] = {
    {"lines", lines_prepare, NULL, lines_receive, NULL, lines_send},
    {"shm", shm_prepare, shm_begin_receive, shm_receive, shm_begin_send, shm_send},
    {"stream", stream_prepare, shm_begin_receive, NULL, shm_begin_send, NULL},
    {"streamread", stream_prepare, shm_begin_receive, NULL, shm_begin_send, NULL},
    {"nng", path_prepare, nng_begin_receive, nng_receive_one, nng_begin_send, nng_send_one},
#ifdef BENCH_ZMQ
    {"zmq", path_prepare, zmq_begin_receive, zmq_receive_one, zmq_begin_send, zmq_send_one},
#endif
};

/* A tenth first, to warm up; a byte on `done` after each part. */
static void receive_all(const struct kind *kind, int done)
{
    struct shm_streams streams = {0};
    uint64_t n = 0;

    if (kind->begin_receive != NULL) {
        kind->begin_receive();
    }
    if (kind->receive == NULL) {
        uint8_t *to = strcmp(kind->name, "stream") == 0 ? far_memory() : NULL;
        stream_receive(&streams, to);
        peers_must(write(done, "", 1) == 1, "says so");
        stream_receive(&streams, to);
    } else {
        for (; n < count / 10 + 1; n++) {
            kind->receive(n);
        }
        peers_must(write(done, "", 1) == 1, "says so");
        for (; n < count / 10 + 1 + count; n++) {
            kind->receive(n);
        }
    }
    peers_must(write(done, "", 1) == 1, "says so");
    (void)pause(); /* nng loses what is in flight when a side leaves */
}

static uint64_t send_all(const struct kind *kind, int done)
{
    uint64_t n = 0, begin_ns;
    uint8_t *from = kind->send == NULL ? far_memory() : NULL;
    char byte;

    if (kind->begin_send != NULL) {
        kind->begin_send();
    }
    if (from != NULL) {
        stream_send(from, 1);
    }
    for (; from == NULL && n < count / 10 + 1; n++) {
        kind->send(n);
    }
    peers_must(read(done, &byte, 1) == 1, "the receiver is warm");
    begin_ns = now_ns();
    if (from != NULL) {
        stream_send(from, 2);
    }
    for (; from == NULL && n < count / 10 + 1 + count; n++) {
        kind->send(n);
    }
    peers_must(read(done, &byte, 1) == 1, "the receiver has all");
    return now_ns() - begin_ns;
}

static uint64_t copy_all(void)
{
    uint8_t *from = far_memory(), *to = far_memory();
    uint64_t begin_ns = 0;

    for (int turn = 0; turn < 2; turn++) { /* the first warms up, as with the others */
        begin_ns = now_ns();
        for (uint64_t at = 0; at < count; at += setup.size) {
            memcpy(to + at, from + at, count - at < setup.size ? count - at : setup.size);
            __asm__ volatile("" : : : "memory");
        }
    }
    return now_ns() - begin_ns;
}

static void print(uint64_t took_ns, uint64_t messages, uint64_t bytes)
{
    double s = (double)took_ns / 1e9;

    (void)printf("%.0f %.0f\n", (double)messages / s, (double)bytes / s);
}

static int run(const struct kind *kind, int sender_cpu, int receiver_cpu)
{
    int done[2];

    peers_must(pipe(done) == 0, "a pipe");
    kind->prepare();
    pid_t child = peers_fork();
    if (child == 0) {
        pin(receiver_cpu);
        receive_all(kind, done[1]);
        _exit(1);
    }
    (void)close(done[1]);
    pin(sender_cpu);
    uint64_t took_ns = send_all(kind, done[0]);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    if (setup.path[0] != '\0') {
        (void)unlink(setup.path + strlen("ipc://"));
    }
    bool is_stream = kind->send == NULL;
    print(took_ns, is_stream ? (count + setup.size - 1) / setup.size : count,
          is_stream ? count : count * setup.size);
    return 0;
}

int main(int argc, char **argv)
{
    peers_mortal();
    setup = (struct peers_setup){.is_touched = true, .size = argc == 6 ? (size_t)atoi(argv[2]) : 0};
    count = argc == 6 ? strtoull(argv[3], NULL, 10) : 0;
    if (setup.size >= sizeof(uint64_t) && setup.size <= CAPACITY / 2 - 64 && count > 0 &&
        count <= SHM_STREAM_BYTES_MAX) {
        if (strcmp(argv[1], "memcpy") == 0) {
            pin(atoi(argv[4]));
            print(copy_all(), (count + setup.size - 1) / setup.size, count);
            return 0;
        }
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
            if (strcmp(kinds[i].name, argv[1]) == 0) {
                return run(&kinds[i], atoi(argv[4]), atoi(argv[5]));
            }
        }
    }
    (void)fprintf(stderr, "usage: ring lines|shm|nng|zmq|stream|streamread|memcpy SIZE COUNT CPU_SENDER CPU_RECEIVER\n");
    return 64;
}
