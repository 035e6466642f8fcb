/* One record of this node on its way to its holders: signed anew, and again with a higher sequence where they hold one. Values of
 * one name go one after another, so whoever compares sees what was said before. */
#ifndef CELL_DHT_SAY_H
#define CELL_DHT_SAY_H

#include "dht/shell.h"

enum {
    DHT_SAY_TRIES = 4,   /* with a sequence that turned out to be too low */
    DHT_SAY_WAITING_MAX = 128, /* values that wait for another of their name, of all names */
};

struct dht_say {
    enum dht_record_kind kind;
    const uint8_t *name, *value;      /* copied */
    size_t name_size, value_size;
    uint32_t ttl_ms;
    uint64_t seq_least;               /* its sequence is no lower: the date in ms, usually           */
    uint64_t own;                     /* serial of the thing (own.h) that is said again; 0: none         */
    const uint64_t *expected;         /* NULL, or the sequence that must be held (0: none): compare.h    */
    const uint8_t *request;           /* … and who asks for it; copied                               */
    size_t request_size;
    /* How it ended: once. r: as said last, of PRECONDITION what is held instead, if its sequence is not 0; done: NULL when it
     * could not begin again. */
    void (*said)(struct dht_shell *s, void *context, enum err e, const struct dht_record *r, const struct dht_done *done);
    void *context;
};

/* Errors of dht_core_put, ERR_NOMEM; ERR_LIMIT also: so many wait. `said` is not called then. */
enum err dht_say(struct dht_shell *s, const struct dht_say *what) MUST_CHECK;

/* Whoever waits for another of its name is told that it is over. */
void dht_say_stop(struct dht_shell *s);

/* Say what is due of this node's own; shell's timer. */
void dht_say_own(struct dht_shell *s);

/* Write what is kept to disk, where there is one. ERR_IO …: it would not outlive this process. */
enum err dht_say_keep(struct dht_shell *s) MUST_CHECK;

#endif
