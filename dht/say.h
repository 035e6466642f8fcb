/* One record of this node on its way to its holders: signed anew, and again with a higher sequence where they hold one. */
#ifndef CELL_DHT_SAY_H
#define CELL_DHT_SAY_H

#include "dht/shell.h"

enum {
    DHT_SAY_TRIES = 4, /* with a sequence that turned out to be too low */
};

struct dht_say {
    enum dht_record_kind kind;
    const uint8_t *name, *value;      /* copied */
    size_t name_size, value_size;
    uint32_t ttl_ms;
    uint64_t seq_least;               /* its sequence is no lower: the date in ms, usually           */
    const uint64_t *expected;         /* dht_core_put                                                */
    /* How it ended: once. r: as said last; done: NULL when it could not begin again. */
    void (*said)(struct dht_shell *s, void *context, enum err e, const struct dht_record *r, const struct dht_done *done);
    void *context;
};

/* Errors of dht_core_put, ERR_NOMEM: `said` is not called. */
enum err dht_say(struct dht_shell *s, const struct dht_say *what) MUST_CHECK;

/* Say what is due of this node's own; shell's timer. */
void dht_say_own(struct dht_shell *s);

/* Write what is kept to disk, where there is one. ERR_IO …: it would not outlive this process. */
enum err dht_say_keep(struct dht_shell *s) MUST_CHECK;

#endif
