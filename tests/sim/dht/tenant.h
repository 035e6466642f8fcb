/* The lookup core as a tenant of the world of tests/sim/world, and what is true there. */
#ifndef CELL_TESTS_SIM_DHT_TENANT_H
#define CELL_TESTS_SIM_DHT_TENANT_H

#include "dht/core.h"
#include "tests/sim/world/world.h"

enum {
    TENANT_VALUES = 256,    /* records of one world                                          */
    TENANT_WISH_MS = 10000,
    TENANT_SETTLE_S = 45,   /* from calm on, until whatever is put is found by everybody     */
};

enum tenant_order {
    TENANT_PUT,       /* a value that was not put before                       */
    TENANT_GET,       /* one of those that were                                */
    TENANT_LAST_PUT,  /* when all has been calm for long: it must succeed      */
    TENANT_LAST_GET,  /* … and be found                                        */
};

enum tenant_told {
    TENANT_FOUND,     /* more: value, sequence */
    TENANT_ENDED,     /* more: wish, status    */
};

/* One life of one node. */
struct tenant_seat {
    void *memory;
    struct dht *core;
};

struct tenant_value {
    bool is_put, is_acked;
    uint64_t end_us;  /* of the world: nobody holds it later by more than clocks differ */
};

struct tenant_wish {
    bool is_open, is_put, must_succeed;
    uint32_t node, value, epoch;
    uint64_t begun_us;
    bool has_found;
};

struct tenant_truth {
    struct tenant_value value[TENANT_VALUES];
    uint32_t values;
    struct tenant_wish wish[4 * TENANT_VALUES];
    uint32_t wishes;
    struct dht_counters sum;
    uint64_t puts, puts_done, gets, gets_found, absent, timeouts;
};

extern const struct world_tenant tenant_dht;

struct tenant_truth *tenant_truth(const struct world *w);
struct dht *tenant_core(const struct world *w, uint32_t node);
struct dht_contact tenant_contact(uint32_t node);

/* The record of a value, whose bytes say its number and a check of it. */
void tenant_record(uint32_t value, uint8_t bytes[64], uint32_t ttl_ms, struct dht_record *ret);

/* The number, or TENANT_VALUES: it is none of ours. */
uint32_t tenant_value_of(const struct dht_record *r);

/* check.c: what is found was put and is not over; wishes end; nobody holds what is over; after calm all is found. */
void check_found(struct world *w, uint32_t node, uint64_t wish, uint32_t value);
void check_ended(struct world *w, uint32_t node, uint64_t wish, enum err status);
void check_all(struct world *w);
void check_end(struct world *w);

#endif
