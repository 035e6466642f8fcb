/* One client for both doors: enveloped Greet requests over an nng req0 socket, one after another, and
 * many requests in one message. The echo sends the request back; a cell must answer every one with OK.
 *
 *   nng_calls URL echo|cell ROUNDS BATCH [ROUTE]   prints "p50_ns p99_ns mean_ns" of the rounds; ROUTE: of a cell of
 *                                                  another node, at the socket of a gateway */
#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/envelope.pb-c.h"

enum {
    OPERATION = 10000, /* greeter.Greet */
    BATCH_MAX = 1024,
    ROUNDS_MAX = 1000000,
    DEADLINE_MS = 5000,
};

/* GreetRequest{name: "World"} */
static uint8_t body[] = {0x0a, 0x05, 'W', 'o', 'r', 'l', 'd'};

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void must(int fault, const char *what)
{
    if (fault != 0) {
        (void)fprintf(stderr, "nng_calls: %s: %s\n", what, nng_strerror(fault));
        exit(1);
    }
}

static nng_msg *pack(int batch, uint64_t first_id, const char *route)
{
    static Cell__Envelope__Request request[BATCH_MAX];
    static Cell__Envelope__Request *list[BATCH_MAX];
    Cell__Envelope__Requests all = CELL__ENVELOPE__REQUESTS__INIT;
    nng_msg *message;

    for (int i = 0; i < batch; i++) {
        request[i] = (Cell__Envelope__Request)CELL__ENVELOPE__REQUEST__INIT;
        request[i].id = first_id + (uint64_t)i;
        request[i].operation = OPERATION;
        request[i].deadline_ms = DEADLINE_MS;
        request[i].route = (char *)route;
        request[i].body.data = body;
        request[i].body.len = sizeof body;
        list[i] = &request[i];
    }
    all.version = 1;
    all.requests = list;
    all.n_requests = (size_t)batch;
    must(nng_msg_alloc(&message, cell__envelope__requests__get_packed_size(&all)), "alloc");
    (void)cell__envelope__requests__pack(&all, nng_msg_body(message));
    return message;
}

static void check(nng_msg *message, bool is_cell, int batch)
{
    if (!is_cell) {
        return;
    }
    Cell__Envelope__Replies *r =
        cell__envelope__replies__unpack(NULL, nng_msg_len(message), nng_msg_body(message));
    bool is_good = r != NULL && r->n_replies == (size_t)batch;
    for (size_t i = 0; is_good && i < r->n_replies; i++) {
        is_good = r->replies[i]->status == 1 && r->replies[i]->body.len > 0;
    }
    if (!is_good) {
        (void)fprintf(stderr, "nng_calls: the cell did not answer every request with ok\n");
        exit(1);
    }
    cell__envelope__replies__free_unpacked(r, NULL);
}

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
    static uint64_t took[ROUNDS_MAX];
    bool is_whole = argc == 5 || argc == 6;
    int rounds = is_whole ? atoi(argv[3]) : 0;
    int batch = is_whole ? atoi(argv[4]) : 0;
    const char *route = argc == 6 ? argv[5] : "";
    nng_socket door;
    uint64_t sum = 0;

    if (rounds < 1 || rounds > ROUNDS_MAX || batch < 1 || batch > BATCH_MAX) {
        (void)fprintf(stderr, "usage: nng_calls URL echo|cell ROUNDS BATCH [ROUTE]\n");
        return 64;
    }
    bool is_cell = strcmp(argv[2], "cell") == 0;
    must(nng_req0_open(&door), "open");
    must(nng_socket_set_ms(door, NNG_OPT_RECVTIMEO, DEADLINE_MS), "timeout");
    must(nng_dial(door, argv[1], NULL, 0), "dial");
    for (int i = -rounds / 10; i < rounds; i++) { /* the first tenth warms up */
        uint64_t begin = now_ns();
        nng_msg *message = pack(batch, (uint64_t)(i + rounds) * BATCH_MAX + 1, route);
        must(nng_sendmsg(door, message, 0), "send");
        must(nng_recvmsg(door, &message, 0), "receive");
        check(message, is_cell, batch);
        nng_msg_free(message);
        if (i >= 0) {
            took[i] = now_ns() - begin;
            sum += took[i];
        }
    }
    (void)nng_close(door);
    qsort(took, (size_t)rounds, sizeof took[0], by_size);
    (void)printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", took[rounds / 2],
                 took[(size_t)rounds * 99 / 100], sum / (uint64_t)rounds);
    return 0;
}
