/* The subjects of shm_calls under one interface: a request goes, an answer of the same size comes. */
#ifndef CELL_BENCH_SHM_PEERS_H
#define CELL_BENCH_SHM_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    PEERS_SIZE_MAX = 1 << 20,
    PEERS_LIFE_S = 60, /* of each process of a bench */
};

/* What both processes know before they part. */
struct peers_setup {
    size_t size;
    bool is_touched; /* every byte is written by the sender and every line read by the receiver */
    char path[100];  /* of a socket, where one is needed */
    int fd[4];
    void *memory;
    pid_t client;
};

struct peers_kind {
    const char *name;
    void (*prepare)(struct peers_setup *s); /* before the fork                                  */
    void (*serve)(struct peers_setup *s);   /* in the child: until killed                       */
    void *(*open)(struct peers_setup *s);   /* in the client                                    */
    void (*call)(struct peers_setup *s, void *state, uint64_t number); /* one round trip        */
};

extern const struct peers_kind peers_kinds[];
extern const size_t peers_count;

/* End the program with what failed. */
void peers_must(bool holds, const char *what);

/* This process ends with the one that started it, and after PEERS_LIFE_S in any case: what was interrupted must not
 * go on spinning, least of all before everything else on the host. A child is no part of it: peers_fork. */
void peers_mortal(void);

/* fork, with a child that is mortal too. 0: in the child. */
pid_t peers_fork(void);

/* Of the library's two processes, when they have met: nothing, or the doors of a cell close (shm_doors.c,
 * shm_doors_sealed.c). */
void peers_doors(void);

/* The reference's way to wait, shm_reference.c. */
void reference_prepare(struct peers_setup *s);
void reference_serve(struct peers_setup *s);
void *reference_open(struct peers_setup *s);
void reference_call(struct peers_setup *s, void *state, uint64_t number);

/* Write a payload whole; read one word of every line. Neither where nothing is to be touched. */
void peers_write(const struct peers_setup *s, void *data, size_t size, uint64_t number);
void peers_read(const struct peers_setup *s, const void *data, size_t size);

#endif
