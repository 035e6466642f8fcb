/* An entry's bytes: what the heap, the policy and the wheel keep of it, its version and end where it has them, its key, its value. */
#ifndef CELL_MYCEL_ENTRY_H
#define CELL_MYCEL_ENTRY_H

#include "mycel/store.h"

struct mycel_entry {
    struct mycel_policy_node policy; /* other: size of the key; state: flags of ours in the high byte */
    uint16_t bucket;
    uint16_t end_high;               /* of its end's 48 bits */
    uint8_t rest[];                  /* end_low 4 and the wheel's node 8, stamp 8 and writer 4 of its version, key, value */
};

/* How an entry is going to lie in memory. */
struct mycel_entry_shape {
    uint32_t bytes;
    uint64_t end_ms;  /* MYCEL_STORE_FOR_EVER: none */
};

struct mycel_entry_shape mycel_entry_shape_of(const struct mycel_store_key *key, const struct mycel_store_value *value, uint64_t end_ms);

/* Into a block of exactly mycel_heap_units(shape->bytes) or one more. Of the policy's node its size, links and low state stay. */
void mycel_entry_write(struct mycel_entry *e, const struct mycel_entry_shape *shape, const struct mycel_store_key *key,
                       const struct mycel_store_value *value);

/* Another end, of an entry that has a place for one; MYCEL_STORE_FOR_EVER: none. It is not in the wheel meanwhile. */
void mycel_entry_set_end(struct mycel_entry *e, uint64_t end_ms);
bool mycel_entry_has_place(const struct mycel_entry *e);

bool mycel_entry_has_end(const struct mycel_entry *e);
bool mycel_entry_is_tombstone(const struct mycel_entry *e);
uint64_t mycel_entry_end_of(const struct mycel_entry *e); /* has_end only */
uint64_t mycel_entry_version(const struct mycel_entry *e);
uint32_t mycel_entry_writer(const struct mycel_entry *e);
const uint8_t *mycel_entry_key(const struct mycel_entry *e);
uint32_t mycel_entry_key_size(const struct mycel_entry *e);
const uint8_t *mycel_entry_value(const struct mycel_entry *e);
uint32_t mycel_entry_value_size(const struct mycel_entry *e);

/* As the wheel asks. */
struct mycel_wheel_node *mycel_entry_wheel(const struct mycel_heap *heap, uint32_t block);
uint64_t mycel_entry_end_ms(const struct mycel_heap *heap, uint32_t block);

#endif
