/* The lookup core as a tenant of the world of tests/sim/world, and what is true there. */
#ifndef CELL_TESTS_SIM_DHT_TENANT_H
#define CELL_TESTS_SIM_DHT_TENANT_H

#include "dht/core.h"
#include "tests/sim/world/world.h"

enum {
    SEEKER_VALUES = 256,    /* records of one world                                          */
    SEEKER_WISH_MS = 10000,
    SEEKER_SHIFT = 8,       /* in an order: above it, of whom it is                          */
    SEEKER_SETTLE_S = 45,   /* from calm on, until whatever is put is found by everybody     */
};

enum seeker_order {
    SEEKER_PUT,       /* a value that was not put before                       */
    SEEKER_GET,       /* one of those that were                                */
    SEEKER_LAST_PUT,  /* when all has been calm for long: it must succeed      */
    SEEKER_LAST_GET,  /* … and be found                                        */
    SEEKER_HERE,      /* membership says so of the node above SEEKER_SHIFT     */
    SEEKER_SUSPECT,
    SEEKER_GONE,
};

enum seeker_told {
    SEEKER_FOUND,     /* more: value, sequence */
    SEEKER_ENDED,     /* more: wish, status    */
};

/* One life of one node. */
struct seeker_seat {
    void *memory;
    struct dht *core;
    uint64_t booted_us;  /* own clock: when the way in was asked for last */
    uint64_t stepped_us; /* last, of the world: what the core says of lives is of then */
};

struct seeker_value {
    bool is_acked;
    uint64_t end_us;  /* of the world: nobody holds it later by more than clocks differ */
};

struct seeker_wish {
    bool is_open, is_put, must_succeed;
    uint32_t node, value;
    uint64_t begun_us;
    bool has_found;
};

struct seeker_truth {
    struct seeker_value value[SEEKER_VALUES];
    uint32_t values;
    struct seeker_wish wish[4 * SEEKER_VALUES];
    uint32_t wishes;
    bool has_disks;   /* others on the same machine wait for disks, and so does every packet */
    uint64_t puts, puts_done, gets, gets_found, absent, timeouts;
};

extern const struct world_tenant tenant_dht;

/* Its place among the tenants of the world; its truth, from the beginning of the world on. */
uint8_t seeker_place(const struct world *w);
void seeker_begin_truth(struct world *w);
struct seeker_truth *seeker_truth(const struct world *w);
struct dht *seeker_core(const struct world *w, uint32_t node);
uint64_t seeker_stepped_us(const struct world *w, uint32_t node);
struct dht_contact seeker_contact(uint32_t node);

/* The record of a value, whose bytes say its number and a check of it. */
void seeker_record(uint32_t value, uint8_t bytes[64], uint32_t ttl_ms, struct dht_record *ret);

/* The number, or SEEKER_VALUES: it is none of ours. */
uint32_t seeker_value_of(const struct dht_record *r);

/* check.c: what is found was put and is not over; wishes end; nobody holds what is over; after calm all is found. */
void seeker_check_found(struct world *w, uint32_t node, uint64_t wish, uint32_t value);
void seeker_check_ended(struct world *w, uint32_t node, uint64_t wish, enum err status);
void seeker_check_all(struct world *w);
void seeker_check_end(struct world *w);

#endif
