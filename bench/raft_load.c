/* Clients of a raft cell's socket: a number of them share some connections, and each has one request under way. What waits
 * on a connection goes in one envelope, as cells' requests do.
 *
 *   raft_load SOCKET put|get CLIENTS CONNECTIONS SECONDS [VALUE_BYTES] [PID …]     one line of JSON
 *
 * PID: servers, whose processor time is counted. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/base/hist.h"
#include "common/base/rng.h"
#include "common/run/sp_wire.h"
#include "proto/envelope.pb-c.h"
#include "proto/raft.pb-c.h"

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
static uint64_t done, failed;
static struct hist latency;
static struct rng rng;
static bool is_put;
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

    (void)snprintf(key, sizeof key, "key-%08" PRIu64, rng_below(&rng, KEYS));
    if (is_put) {
        Cell__Raft__PutRequest put = CELL__RAFT__PUT_REQUEST__INIT;
        put.key = (ProtobufCBinaryData){KEY, (uint8_t *)key};
        put.value = (ProtobufCBinaryData){value_size, value};
        return cell__raft__put_request__pack(&put, body);
    }
    Cell__Raft__GetRequest get = CELL__RAFT__GET_REQUEST__INIT;
    get.key = (ProtobufCBinaryData){KEY, (uint8_t *)key};
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
        if (client[i].waits || all.n_requests == 1024) {
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
        k->waits = false;
        hist_record(&latency, now - k->began_us);
        done++;
        if (r->status != 1 && r->status != 5) {
            if (failed++ == 0) {
                fprintf(stderr, "status %u: %s\n", r->status, r->message);
            }
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

/* Processor time of a process so far. */
static uint64_t cpu_us(const char *pid)
{
    char path[64];
    unsigned long user = 0, system = 0;

    (void)snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *f = fopen(path, "r");
    if (f != NULL) {
        must(fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2, "stat");
        (void)fclose(f);
    }
    return (user + system) * (US / 100);
}

int main(int argc, char **argv)
{
    struct pollfd fd[CONNECTIONS_MAX];
    uint64_t cpu = 0;

    if (argc < 6) {
        fprintf(stderr, "usage: raft_load SOCKET put|get CLIENTS CONNECTIONS SECONDS [VALUE_BYTES] [PID ...]\n");
        return 64;
    }
    is_put = strcmp(argv[2], "put") == 0;
    clients = (uint32_t)strtoul(argv[3], NULL, 10);
    connections = (uint32_t)strtoul(argv[4], NULL, 10);
    value_size = argc > 6 ? strtoul(argv[6], NULL, 10) : 256;
    must(clients > 0 && clients <= CLIENTS_MAX && connections > 0 && connections <= CONNECTIONS_MAX && value_size <= 1 << 20,
         "sizes");
    hist_init(&latency);
    rng_init(&rng, 1);
    open_all(argv[1]);
    for (int i = 7; i < argc; i++) {
        cpu -= cpu_us(argv[i]);
    }
    uint64_t began = now_us(), until = began + strtoull(argv[5], NULL, 10) * US;
    for (uint32_t i = 0; i < connections; i++) {
        fd[i] = (struct pollfd){.fd = connection[i].fd, .events = POLLIN};
        ask(i);
    }
    while (now_us() < until) {
        (void)poll(fd, connections, 1000);
        for (uint32_t i = 0; i < connections; i++) {
            if (fd[i].revents != 0) {
                read_some(&connection[i]);
                ask(i);
            }
        }
    }
    uint64_t took = now_us() - began;
    for (int i = 7; i < argc; i++) {
        cpu += cpu_us(argv[i]);
    }
    printf("{\"op\":\"%s\",\"clients\":%u,\"per_s\":%.0f,\"p50_us\":%" PRIu64 ",\"p99_us\":%" PRIu64 ",\"failed\":%" PRIu64
           ",\"server_cpu_us\":%.2f}\n", argv[2], clients, (double)done * US / (double)took, hist_permille(&latency, 500),
           hist_permille(&latency, 990), failed, (double)cpu / (double)(done > 0 ? done : 1));
    return 0;
}
