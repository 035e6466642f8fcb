/* What outlives a process, as bytes: whom it knew, what it keeps for others, what it says again. Pure; disk.h has the files.
 *
 *   magic 8, node 32, date 8, count 4, things, CRC-32C of all before 4
 *
 *   peers     node 32, ip 16, port 2
 *   records   left_ms 4, size 2, record.h
 *   own       kind 1, ttl_ms 4, seq 8, salt (1 + n), value (2 + n)
 *
 * Integers are little-endian, the CRC big-endian. Lives go on while nobody runs: the date says how long that was. */
#ifndef CELL_DHT_IMAGE_H
#define CELL_DHT_IMAGE_H

#include "dht/core.h"
#include "dht/own.h"

enum {
    DHT_IMAGE_HEAD = 8 + DHT_NODE_SIZE + 8 + 4,
    DHT_IMAGE_FRAME = DHT_IMAGE_HEAD + 4,
    DHT_IMAGE_PEERS_MAX = DHT_IMAGE_FRAME + DHT_SAVED_MAX * (DHT_NODE_SIZE + 18),
    DHT_IMAGE_OWN_MAX = DHT_IMAGE_FRAME + DHT_OWN_MAX * (1 + 4 + 8 + 1 + DHT_SALT_MAX + 2 + DHT_VALUE_MAX),
    DHT_IMAGE_RECORD_MAX = 6 + DHT_RECORD_MAX,
};

/* Write into memory of the sizes above; of records: DHT_IMAGE_FRAME + dht_core_records x DHT_IMAGE_RECORD_MAX. Return the
 * size. Of what is said again only what was to be kept: not services. */
size_t dht_image_write_peers(const struct dht_node *self, uint64_t wall_s, const struct dht_contact *peer, uint32_t count,
                             uint8_t *to);
size_t dht_image_write_records(const struct dht_node *self, uint64_t wall_s, const struct dht *core, uint8_t *to);
size_t dht_image_write_own(const struct dht_node *self, uint64_t wall_s, const struct dht_own *own, uint8_t *to);

/* Read any bytes. ERR_MALFORMED: none, or not whole; ERR_INCOMPATIBLE: another node's; then nothing of it is taken, and of
 * outputs only the places of peers may have changed. */
enum err dht_image_read_peers(const struct dht_node *self, const uint8_t *bytes, size_t size,
                              struct dht_contact peer[DHT_SAVED_MAX], uint32_t *ret_count) MUST_CHECK;

/* core: fresh. *ret_held: what it holds now; what is over or not genuine is left out. */
enum err dht_image_read_records(const struct dht_node *self, uint64_t wall_s, struct dht *core, const uint8_t *bytes,
                                size_t size, uint32_t *ret_held) MUST_CHECK;

/* own: empty, and empty again after an error; also ERR_LIMIT (more than DHT_OWN_MAX) and ERR_NOMEM. */
enum err dht_image_read_own(const struct dht_node *self, struct dht_own *own, const uint8_t *bytes, size_t size) MUST_CHECK;

#endif
