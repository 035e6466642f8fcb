/* What this node says again and again while it lives: values that somebody asked it to keep, and which cells it offers.
 * Pure. */
#ifndef CELL_DHT_OWN_H
#define CELL_DHT_OWN_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "dht/types.h"

enum {
    DHT_OWN_MAX = 256,      /* things of both kinds: 300 KiB                                            */
    DHT_OWN_TRY_MS = 2000,  /* after one that did not reach its holders                                 */
};

struct dht_own_item {
    struct dht_own_item *next;
    uint64_t serial;              /* names it while it is on its way                                     */
    enum dht_record_kind kind;
    uint8_t salt_size, salt[DHT_SALT_MAX];
    uint16_t value_size;          /* 0: it is taken back                                                 */
    uint8_t value[DHT_VALUE_MAX];
    uint32_t ttl_ms;
    uint64_t seq;                 /* said last; 0: never                                                 */
    uint64_t next_us;             /* to be said again; on its way: UINT64_MAX, unless something changed  */
    uint64_t lapse_us;            /* 0: never                                                            */
    bool is_going;                /* on its way to its holders                                           */
};

struct dht_own {
    struct dht_own_item *first;
    uint32_t count;
    uint64_t serials;
};

/* The thing of this kind and name; of an immutable one its value is its name. NULL: there is none. */
struct dht_own_item *dht_own_find(const struct dht_own *o, enum dht_record_kind kind, const void *name, size_t size);
struct dht_own_item *dht_own_serial(const struct dht_own *o, uint64_t serial);

/* A thing of this kind and name, without a value yet, to be said at once. size: up to DHT_SALT_MAX, 0 of an immutable
 * one. ERR_LIMIT: there are DHT_OWN_MAX; ERR_NOMEM. */
enum err dht_own_add(struct dht_own *o, enum dht_record_kind kind, const void *name, size_t size,
                     struct dht_own_item **ret) MUST_CHECK;
void dht_own_set(struct dht_own_item *item, const void *value, size_t size);
void dht_own_remove(struct dht_own *o, struct dht_own_item *item);
void dht_own_free(struct dht_own *o);

/* One that is to be said now; NULL: none is. What has lapsed is said as taken back. */
struct dht_own_item *dht_own_due(struct dht_own *o, uint64_t now_us);

/* It is on its way to its holders as it is now: whoever changes it from now on, and wants that told at once, sets next_us. */
void dht_own_go(struct dht_own_item *item);

/* What went there reached its holders with this sequence, or did not (then soon again). Whether it is over: that it is taken
 * back was what went there, and it is to be removed. */
bool dht_own_said(struct dht_own_item *item, uint64_t now_us, bool is_held, uint64_t seq);

/* When the next one is due; UINT64_MAX: none. */
uint64_t dht_own_due_us(const struct dht_own *o);

#endif
