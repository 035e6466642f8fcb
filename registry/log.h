/* The log of publications: a Merkle tree to which leaves are only ever added (RFC 6962, section 2.1; RFC 9162, section 2.1), so that whoever saw
 * it once can tell that nothing before was changed, and whoever has a record can tell that everybody can see it.
 *
 * Leaf n is the hash of a record with its signatures. Storage is one row of hashes that grows: of each leaf its own, then those of the
 * subtrees that it completes. A row that was cut short loses leaves, nothing else: registry_log_size. Pure: reading is a callback. */
#ifndef CELL_REGISTRY_LOG_H
#define CELL_REGISTRY_LOG_H

#include "registry/fault.h"
#include "registry/text.h"

enum {
    REGISTRY_LOG_PROOF_MAX = 64,     /* hashes: of 2^53 leaves less                  */
    REGISTRY_LOG_APPEND_MAX = 1 + 53 /* hashes that one leaf adds                    */
};

/* Read the hash at `place` of the row. False: it cannot be read. */
typedef bool registry_log_get(void *context, uint64_t place, uint8_t ret[REGISTRY_HASH_SIZE]);

struct registry_log {
    uint64_t size; /* leaves, at most REGISTRY_VERSION_NUMBER_MAX */
    registry_log_get *get;
    void *context;
};

/* A tree's size and root hash: what is signed. */
struct registry_log_head {
    uint64_t size;
    uint8_t hash[REGISTRY_HASH_SIZE];
};

/* The hash of a leaf (SHA-256 of 0x00 and the bytes), and of a node (0x01, left, right); no leaf is a node. */
void registry_log_leaf(const void *bytes, size_t size, uint8_t ret[REGISTRY_HASH_SIZE]);
void registry_log_node(const uint8_t left[REGISTRY_HASH_SIZE], const uint8_t right[REGISTRY_HASH_SIZE], uint8_t ret[REGISTRY_HASH_SIZE]);

/* Where the subtree of 2^level leaves, the nth of that size, is in the row; and how many hashes a row of `size` leaves has. */
uint64_t registry_log_place(unsigned level, uint64_t n);
uint64_t registry_log_hashes(uint64_t size);

/* How many whole leaves a row of so many hashes has; what is behind them is to be cut off. O(log). */
uint64_t registry_log_size(uint64_t hashes);

/* What a leaf adds to the end of the row, in order: *ret_count hashes. The caller writes them, then raises size by one. ERR_IO: `get` failed;
 * ERR_LIMIT: the log is full. */
enum err registry_log_append(const struct registry_log *l, const uint8_t leaf[REGISTRY_HASH_SIZE], uint8_t ret[REGISTRY_LOG_APPEND_MAX][REGISTRY_HASH_SIZE],
                             unsigned *ret_count) MUST_CHECK;

/* The head of the first `size` leaves. ERR_IO; ERR_RANGE: there are fewer. Of none, the SHA-256 of nothing. O(log). */
enum err registry_log_root(const struct registry_log *l, uint64_t size, struct registry_log_head *ret) MUST_CHECK;

/* That leaf `index` is among the first `size`; that the first `before` are the begin of the first `size`. O(log^2). Errors as above. */
enum err registry_log_include(const struct registry_log *l, uint64_t index, uint64_t size, uint8_t ret[REGISTRY_LOG_PROOF_MAX][REGISTRY_HASH_SIZE],
                              unsigned *ret_count) MUST_CHECK;
enum err registry_log_extend(const struct registry_log *l, uint64_t before, uint64_t size, uint8_t ret[REGISTRY_LOG_PROOF_MAX][REGISTRY_HASH_SIZE],
                             unsigned *ret_count) MUST_CHECK;

/* Whether such a proof holds; any bytes. */
bool registry_log_is_included(const struct registry_log_head *head, uint64_t index, const uint8_t leaf[REGISTRY_HASH_SIZE],
                              const uint8_t (*proof)[REGISTRY_HASH_SIZE], size_t count) MUST_CHECK;
bool registry_log_is_extended(const struct registry_log_head *before, const struct registry_log_head *head, const uint8_t (*proof)[REGISTRY_HASH_SIZE],
                              size_t count) MUST_CHECK;

#endif
