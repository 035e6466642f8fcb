/* Commands for a store, in few words. */
#ifndef CELL_TESTS_UNIT_RAFT_STORE_KIT_H
#define CELL_TESTS_UNIT_RAFT_STORE_KIT_H

#include <string.h>

#include "raft/image.h"
#include "raft/watch.h"
#include "tests/support/check.h"
#include "tests/support/past_disk.h"

struct store {
    struct raft_kv kv;
    uint64_t time_ms;
    struct raft_once once; /* goes with the next commands while session is not 0 */
    struct raft_answer answer;
    struct raft_writer writer;
    uint8_t bytes[RAFT_COMMAND_MAX + 64];
};

void store_init(struct store *s);

/* One that keeps what is old on a disk, all but `warm` bytes of it, in small pieces. */
void store_init_past(struct store *s, struct past_disk *disk, uint64_t warm);
void store_fini(struct store *s);

static inline struct raft_bytes store_text(const char *text)
{
    return (struct raft_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

struct raft_span store_span(const char *key, const char *end); /* end NULL: one key; "": no end */

/* Each applies one command and returns what the store answered; details are in s->answer. */
enum err store_put(struct store *s, const char *key, const char *value);
enum err store_put_leased(struct store *s, const char *key, const char *value, uint64_t lease);
enum err store_delete(struct store *s, const char *key, const char *end);
enum err store_numbers(struct store *s, enum raft_command_kind kind, uint64_t id, uint64_t stamp, uint32_t ttl_ms);

/* A transaction: begin, raft_command_compare and raft_command_op on s->writer, apply. */
void store_txn(struct store *s);
enum err store_apply(struct store *s);

/* The value of a key as text, "-" when there is none; as of a revision, 0: now. In a buffer that the next call uses. */
const char *store_get(struct store *s, const char *key, uint64_t revision);

/* The same store, made from an image that was cut every `want` bytes; into one that was initialised. */
void store_copy(struct store *from, struct store *to, size_t want);
void store_copy_into(struct store *from, struct store *to, size_t want);
uint64_t store_hash(struct store *s);

/* The same by pieces of about `want` bytes. */
enum err store_sum(struct store *s, size_t want, uint64_t *ret) MUST_CHECK;

#endif
