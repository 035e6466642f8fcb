/* Records as bytes: one form on the wire, in the store and under the signature.
 *
 *   immutable   kind 1, value (2 + n)
 *   signed      kind 1, owner 32, seq 8, until 8, salt (1 + n), value (2 + n), signature 64
 *
 * Integers are little-endian. What is signed is "cell-dht-record-1" and all before the signature. Policies of
 * sequences and comparison: BEP 44, "Storing arbitrary data in the DHT". */
#ifndef CELL_DHT_RECORD_H
#define CELL_DHT_RECORD_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "dht/types.h"

enum {
    DHT_RECORD_MAX = 1 + DHT_OWNER_SIZE + 8 + 8 + 1 + 2 + DHT_VALUE_MAX + DHT_SIGNATURE_SIZE,
    DHT_RECORD_LEAST = 1 + 2 + 1,   /* an immutable value has at least one byte */
    DHT_RECORD_MESSAGE_MAX = 17 + DHT_RECORD_MAX,
    DHT_RECORD_MARGIN_S = 60,       /* clocks may differ so much                */
};

/* Whether signature (64 bytes) is owner's (32 bytes) of message. Must not keep what it is given. */
typedef bool dht_verify(void *context, const uint8_t *owner, const uint8_t *message, size_t size,
                        const uint8_t *signature);

/* Fill r->key from the rest. */
void dht_record_place(struct dht_record *r);

/* The salt of a service's name: itself, or of one that is longer than a salt '#', which is in no name, and its BLAKE2b in hex.
 * Returns its size. */
size_t dht_record_service_salt(const char *name, uint8_t to[DHT_SALT_MAX]);

/* The key of a service's salt, and of an owner's. */
void dht_record_service_key(const uint8_t *name, size_t size, struct dht_id *ret);
void dht_record_owner_key(const uint8_t owner[DHT_OWNER_SIZE], const uint8_t *salt, size_t size, struct dht_id *ret);

/* Whether every field is in its range: ERR_LIMIT: value, salt or both together are too long; ERR_INVALID: an
 * immutable value is empty, a name is, a sequence or time is out of its range. */
enum err dht_record_check(const struct dht_record *r) MUST_CHECK;

/* Write a record that dht_record_check accepts; returns its bytes, at most DHT_RECORD_MAX. */
size_t dht_record_write(const struct dht_record *r, uint8_t to[DHT_RECORD_MAX]);

/* Read one record of exactly `size` bytes; *ret borrows from them, its key is filled, left_ms is 0.
 * ERR_LIMIT, ERR_INVALID as above; ERR_MALFORMED: bytes are missing, or more than one record; *ret is then untouched. */
enum err dht_record_read(const uint8_t *bytes, size_t size, struct dht_record *ret) MUST_CHECK;

/* What the owner signs; returns its bytes. Of a signed record; its signature may be missing. */
size_t dht_record_message(const struct dht_record *r, uint8_t to[DHT_RECORD_MESSAGE_MAX]);

/* Whether r is who it says: always of an immutable one, whose key is its hash. */
bool dht_record_is_genuine(const struct dht_record *r, dht_verify *verify, void *context);

/* Which of several records of one key it is: of each owner one. */
uint64_t dht_record_tag(const struct dht_record *r);

#endif
