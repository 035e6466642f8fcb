/* The REP side of the SP wire over a Unix socket, for hubs: no nng in the test itself, whose 1.5 now and
 * then never comes back from closing a connection that it writes to. One thread reads; any may send. */
#ifndef CELL_TESTS_CELL_HUBWIRE_H
#define CELL_TESTS_CELL_HUBWIRE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HUBWIRE_MAX = 64, /* connections at once */
    HUBWIRE_ID = 4,
};

struct hubwire_connection {
    int fd;          /* -1: free                         */
    uint64_t number; /* one of a kind                    */
    uint8_t *in;     /* what has come and is not whole   */
    size_t have, room;
    bool has_hello;
};

struct hubwire {
    int listen_fd;
    pthread_mutex_t lock; /* of the connections' descriptors */
    uint64_t last;
    struct hubwire_connection at[HUBWIRE_MAX];
};

/* Where a message came from, and what was in it; `body` is borrowed unless it was duplicated. */
struct hubwire_message {
    uint64_t connection;
    uint8_t id[HUBWIRE_ID];
    const uint8_t *body;
    size_t size;
};

void hubwire_open(struct hubwire *w, const char *path);
void hubwire_close(struct hubwire *w);

/* Wait for at most `ms`, and hand out what has come whole. */
void hubwire_turn(struct hubwire *w, int ms, void (*take)(void *context, const struct hubwire_message *m),
                  void *context);

/* An answer to `to`; lost when its connection is gone. */
void hubwire_send(struct hubwire *w, const struct hubwire_message *to, const void *data, size_t size);

/* End the connection that `of` came over. */
void hubwire_drop(struct hubwire *w, const struct hubwire_message *of);

#endif
