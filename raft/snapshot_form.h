/* A snapshot as bytes, wherever they are: the state machine's image up to one entry, the configuration at it, in chunks
 * that are checked one by one and in their order.
 *
 *   head    "CELLSNAP" 8, version u32, size of configuration u32, cluster u64, index u64, term u64, configuration,
 *           CRC-32C of all of it u32
 *   chunk   size u32 (> 0), CRC-32C of the bytes, begun with the check before it u32, bytes
 *   end     size 0 u32, CRC-32C of the chunks' number, begun with the check before it u32, chunks u64
 *
 * Little endian. */
#ifndef CELL_RAFT_SNAPSHOT_FORM_H
#define CELL_RAFT_SNAPSHOT_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "raft/types.h"

enum {
    RAFT_SNAPSHOT_VERSION = 1,
    RAFT_SNAPSHOT_CONFIG_MAX = 8192,         /* bytes of a packed configuration                     */
    RAFT_SNAPSHOT_CHUNK_MAX = RAFT_ENTRY_MAX, /* bytes of a chunk                                   */
    RAFT_SNAPSHOT_HEAD = 40,                 /* bytes before the configuration                      */
    RAFT_SNAPSHOT_HEAD_MAX = RAFT_SNAPSHOT_HEAD + RAFT_SNAPSHOT_CONFIG_MAX + 4,
    RAFT_SNAPSHOT_CHUNK_HEAD = 8,            /* bytes before a chunk's own                          */
    RAFT_SNAPSHOT_END = 16,
};

struct raft_snapshot_head {
    uint64_t cluster, index, term;
    uint32_t config_size;
    uint8_t config[RAFT_SNAPSHOT_CONFIG_MAX];
};

/* How far one is written or read. */
struct raft_snapshot_form {
    uint32_t check;
    uint64_t chunks;
};

/* Begin one: its head, into out[RAFT_SNAPSHOT_HEAD_MAX]; returns the head's size. */
uint32_t raft_snapshot_form_begin(struct raft_snapshot_form *f, const struct raft_snapshot_head *head, uint8_t *out);

/* What stands before the next chunk, 1 to RAFT_SNAPSHOT_CHUNK_MAX bytes, into out[RAFT_SNAPSHOT_CHUNK_HEAD]. */
void raft_snapshot_form_chunk(struct raft_snapshot_form *f, const void *bytes, size_t size, uint8_t *out);

/* The end, into out[RAFT_SNAPSHOT_END]. */
void raft_snapshot_form_end(const struct raft_snapshot_form *f, uint8_t *out);

/* Read the head at bytes[0..size), of which RAFT_SNAPSHOT_HEAD_MAX are looked at; *ret_size: its own. ERR_DATA_LOSS. */
enum err raft_snapshot_form_read(struct raft_snapshot_form *f, const uint8_t *bytes, size_t size,
                                 struct raft_snapshot_head *ret, uint32_t *ret_size) MUST_CHECK;

/* Bytes of the chunk that in[RAFT_SNAPSHOT_CHUNK_HEAD] stands before; 0: here is the end. ERR_DATA_LOSS: no chunk has so
 * many. */
enum err raft_snapshot_form_size(const uint8_t *in, uint32_t *ret) MUST_CHECK;

/* Whether the chunk, or the end, is what was written here; after a chunk the next one may be looked at. */
bool raft_snapshot_form_is_chunk(struct raft_snapshot_form *f, const uint8_t *head, const uint8_t *bytes, size_t size);
bool raft_snapshot_form_is_end(const struct raft_snapshot_form *f, const uint8_t *in);

#endif
