/* Clients of a raft cell's socket: a number of them share some connections, and each has one request under way. What waits
 * on a connection goes in one envelope, as cells' requests do.
 *
 *   raft_load SOCKET put|get|sget CLIENTS CONNECTIONS SECONDS [VALUE_BYTES]     one line of JSON
 *   raft_load SOCKET fill CLIENTS CONNECTIONS KEYS [VALUE_BYTES]                each key once
 *
 * The first second is not counted, but in `total`, and in cpu_us, which is this process's. sget: reads of what the node has. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/base/hist.h"
#include "common/base/rng.h"
#include "common/run/sp_wire.h"
#include "proto/envelope.pb-c.h"
#include "proto/raft.pb-c.h"

enum { OK = 1, NOT_FOUND = 5 }; /* wire numbers of enum err */
enum { US = 1000000, CONNECTIONS_MAX = 64, CLIENTS_MAX = 4096, KEYS = 10000, IN = 4 << 20, KEY = 12 };

struct client {
    uint64_t began_us;
    uint32_t on; /* connection */
    bool waits;
};

struct connection {
    int fd;
    uint32_t message;
    size_t have;
    uint8_t *in;
};

static struct client client[CLIENTS_MAX];
static struct connection connection[CONNECTIONS_MAX];
static uint32_t clients, connections;
static uint64_t done, failed, total, worst_us;
static uint64_t counted_from_us; /* what ends later counts */
static uint64_t filled, fill;    /* keys made so far, of so many; 0: drawn ones, for a time */
static struct hist latency;
static struct rng rng;
static bool is_put, is_stale;
static size_t value_size;

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * US + (uint64_t)t.tv_nsec / 1000;
}

static void must(bool is_so, const char *what)
{
    if (!is_so) {
        perror(what);
        exit(1);
    }
}

static void send_all(int fd, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t sent = send(fd, bytes + at, size - at, MSG_NOSIGNAL);
        must(sent > 0 || errno == EINTR, "send");
        at += sent > 0 ? (size_t)sent : 0;
    }
}

/* One request of client `id` into `body`. */
static size_t make_request(uint8_t *body)
{
    static uint8_t value[1 << 20];
    char key[KEY + 1];

    (void)snprintf(key, sizeof key, "key-%08" PRIu64, fill > 0 ? filled++ : rng_below(&rng, KEYS));
    if (is_put) {
        Cell__Raft__PutRequest put = CELL__RAFT__PUT_REQUEST__INIT;
        put.key = (ProtobufCBinaryData){KEY, (uint8_t *)key};
        put.value = (ProtobufCBinaryData){value_size, value};
        return cell__raft__put_request__pack(&put, body);
    }
    Cell__Raft__GetRequest get = CELL__RAFT__GET_REQUEST__INIT;
    get.key = (ProtobufCBinaryData){KEY, (uint8_t *)key};
    get.freshness = is_stale ? CELL__RAFT__FRESHNESS__STALE : CELL__RAFT__FRESHNESS__LINEARIZABLE;
    return cell__raft__get_request__pack(&get, body);
}

/* All clients of a connection that do not wait ask, in one envelope. */
static void ask(uint32_t c)
{
    static uint8_t bodies[1 << 23], out[1 << 23];
    static Cell__Envelope__Request request[CLIENTS_MAX], *slot[CLIENTS_MAX];
    Cell__Envelope__Requests all = CELL__ENVELOPE__REQUESTS__INIT;
    size_t used = 0;
    uint64_t now = now_us();

    for (uint32_t i = c; i < clients; i += connections) {
        if (client[i].waits || all.n_requests == 1024 || (fill > 0 && filled == fill)) {
            continue;
        }
        Cell__Envelope__Request *r = &request[all.n_requests];
        *r = (Cell__Envelope__Request)CELL__ENVELOPE__REQUEST__INIT;
        r->id = i + 1;
        r->operation = is_put ? CELL__RAFT__OP__OP_PUT : CELL__RAFT__OP__OP_GET;
        r->deadline_ms = 20000;
        r->body = (ProtobufCBinaryData){make_request(bodies + used), bodies + used};
        used += r->body.len;
        slot[all.n_requests++] = r;
        client[i].waits = true;
        client[i].began_us = now;
    }
    if (all.n_requests == 0) {
        return;
    }
    all.version = 1;
    all.requests = slot;
    size_t size = cell__envelope__requests__pack(&all, out + SP_WIRE_HEAD_LEN);
    sp_wire_head_put(++connection[c].message, size, out);
    send_all(connection[c].fd, out, SP_WIRE_HEAD_LEN + size);
}

static void take(const uint8_t *bytes, size_t size)
{
    Cell__Envelope__Replies *all = cell__envelope__replies__unpack(NULL, size, bytes);
    uint64_t now = now_us();

    must(all != NULL, "replies");
    for (size_t i = 0; i < all->n_replies; i++) {
        Cell__Envelope__Reply *r = all->replies[i];
        must(r->id > 0 && r->id <= clients, "an id");
        struct client *k = &client[r->id - 1];
        bool is_well = r->status == OK || r->status == NOT_FOUND;
        uint64_t took_us = now - k->began_us;
        k->waits = false;
        total++;
        if (!is_well && failed++ == 0) {
            fprintf(stderr, "status %u: %s\n", r->status, r->message);
        }
        if (is_well && now >= counted_from_us) {
            hist_record(&latency, took_us);
            worst_us = took_us > worst_us ? took_us : worst_us;
            done++;
        }
    }
    cell__envelope__replies__free_unpacked(all, NULL);
}

static void read_some(struct connection *c)
{
    ssize_t got = recv(c->fd, c->in + c->have, IN - c->have, 0);

    must(got > 0, "recv");
    c->have += (size_t)got;
    size_t at = 0, size;
    while (c->have - at >= SP_WIRE_FRAME_LEN && sp_wire_frame_get(c->in + at, &size) == ERR_OK &&
           c->have - at - SP_WIRE_FRAME_LEN >= size) {
        take(c->in + at + SP_WIRE_FRAME_LEN + SP_WIRE_ID_LEN, size - SP_WIRE_ID_LEN);
        at += SP_WIRE_FRAME_LEN + size;
    }
    memmove(c->in, c->in + at, c->have - at);
    c->have -= at;
}

static void open_all(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    uint8_t hello[SP_WIRE_HELLO_LEN];

    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    for (uint32_t i = 0; i < connections; i++) {
        struct connection *c = &connection[i];
        c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        c->in = malloc(IN);
        must(c->in != NULL && connect(c->fd, (struct sockaddr *)&to, sizeof to) == 0, path);
        sp_wire_hello_put(hello);
        send_all(c->fd, hello, sizeof hello);
        must(recv(c->fd, hello, sizeof hello, MSG_WAITALL) == sizeof hello && sp_wire_hello_is_rep(hello), "hello");
    }
}

static uint64_t cpu_us(void)
{
    struct rusage u;

    must(getrusage(RUSAGE_SELF, &u) == 0, "getrusage");
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * US + (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void run(uint64_t until_us)
{
    struct pollfd fd[CONNECTIONS_MAX];

    for (uint32_t i = 0; i < connections; i++) {
        fd[i] = (struct pollfd){.fd = connection[i].fd, .events = POLLIN};
        ask(i);
    }
    while (fill > 0 ? total < fill : now_us() < until_us) {
        (void)poll(fd, connections, 1000);
        for (uint32_t i = 0; i < connections; i++) {
            if (fd[i].revents != 0) {
                read_some(&connection[i]);
                ask(i);
            }
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: raft_load SOCKET put|get|sget|fill CLIENTS CONNECTIONS SECONDS|KEYS [VALUE_BYTES]\n");
        return 64;
    }
    uint64_t much = strtoull(argv[5], NULL, 10), began = now_us();
    fill = strcmp(argv[2], "fill") == 0 ? much : 0;
    is_put = fill > 0 || strcmp(argv[2], "put") == 0;
    is_stale = strcmp(argv[2], "sget") == 0;
    clients = (uint32_t)strtoul(argv[3], NULL, 10);
    connections = (uint32_t)strtoul(argv[4], NULL, 10);
    connections = connections < clients ? connections : clients;
    value_size = argc > 6 ? strtoul(argv[6], NULL, 10) : 256;
    must(clients > 0 && clients <= CLIENTS_MAX && connections > 0 && connections <= CONNECTIONS_MAX && value_size <= 1 << 20 &&
         much > 0, "sizes");
    hist_init(&latency);
    rng_init(&rng, 1);
    open_all(argv[1]);
    counted_from_us = fill > 0 ? began : began + US;
    run(counted_from_us + much * US);
    double seconds = (double)(now_us() - counted_from_us) / US;
    printf("{\"op\":\"%s\",\"clients\":%u,\"done\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"total\":%" PRIu64 ",\"seconds\":%.3f"
           ",\"per_s\":%.0f,\"p50_us\":%" PRIu64 ",\"p99_us\":%" PRIu64 ",\"max_us\":%" PRIu64 ",\"cpu_us\":%" PRIu64 "}\n",
           argv[2], clients, done, failed, total, seconds, (double)done / seconds, hist_permille(&latency, 500),
           hist_permille(&latency, 990), worst_us, cpu_us());
    return 0;
}
