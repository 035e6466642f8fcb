/* One core and what is done to it, for the unit tests of lookups. */
#ifndef CELL_TESTS_UNIT_DHT_KIT_H
#define CELL_TESTS_UNIT_DHT_KIT_H

#include "dht/state.h"
#include "tests/support/check.h"

enum {
    KIT_SELF = 1000000, /* its number; others have 0 and up */
    KIT_START_US = 600000000,
    KIT_WALL_S = 1800000000,
    KIT_RECORDS = 64,
    KIT_STORE = 16384,
};

struct kit {
    void *memory;
    struct dht *d;
    struct dht_effects fx;
    uint64_t now_us;
};

struct dht_contact kit_contact(uint32_t who);
struct dht_id kit_id(uint32_t who);

/* Whoever is not the core, is none of the first `skip` such, and shares exactly `bits` bits with its id. */
uint32_t kit_with_prefix(uint32_t bits, uint32_t skip);

struct dht_config kit_config(void);

/* A core that knows only itself, at KIT_START_US; with members 0 to members - 1. */
void kit_open(struct kit *k, uint32_t members);
void kit_open_as(struct kit *k, const struct dht_config *c);
void kit_close(struct kit *k);

/* A packet of `from`, now. */
enum err kit_hear(struct kit *k, uint32_t from, const struct dht_message *m);

/* Step whenever it is due, until so many microseconds have passed; packets are thrown away. */
void kit_wait(struct kit *k, uint64_t us);

/* Step at its due time. */
void kit_due(struct kit *k);

/* Packets of a kind in the effects, to `to` (UINT32_MAX: to anybody); the last of them, which borrows from the effects,
 * and to whom it goes, where that is not NULL. */
uint32_t kit_sent(const struct kit *k, enum dht_packet_kind kind, uint32_t to, struct dht_message *ret_last,
                  uint32_t *ret_to);

/* An answer to a packet in the effects. */
struct dht_message kit_answer(const struct dht_message *question, enum dht_packet_kind kind);

/* Records; of an owner with a signature that the core believes. Bytes in `to`. */
struct kit_record {
    uint8_t owner[DHT_OWNER_SIZE], signature[DHT_SIGNATURE_SIZE], value[DHT_VALUE_MAX], bytes[DHT_RECORD_MAX];
    char salt[DHT_SALT_MAX];
    struct dht_record r;
    size_t size; /* of bytes */
};

void kit_immutable(struct kit_record *to, uint32_t number, uint16_t size, uint32_t left_ms);
void kit_signed(struct kit_record *to, enum dht_record_kind kind, uint32_t owner, const char *salt, const char *value,
                uint64_t seq, uint32_t left_ms);

/* Sign it anew, after a change of r. */
void kit_sign(struct kit_record *to);

/* Ask to store it; the status of the answer. */
enum dht_status kit_store(struct kit *k, uint32_t from, const struct kit_record *r, uint8_t flags, uint64_t expected,
                          uint64_t *ret_seq);

#endif
