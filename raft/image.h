/* The whole store at one moment as bytes: snapshots, backups, and the hash by which members compare themselves.
 *
 * An image is a row of items, u8 kind, u32 size, content: one HEAD, then leases, sessions, their answers, and the
 * records in the order of keys, each key's from its newest backwards; one END. It is taken while commands go on: what
 * it needs is pinned (journal.h), what is not revisioned is copied when it begins. The same state gives the same bytes
 * on every member, whatever the allocator, pins and images that it came from. */
#ifndef CELL_RAFT_IMAGE_H
#define CELL_RAFT_IMAGE_H

#include "raft/chain.h"
#include "raft/kv.h"

enum {
    RAFT_IMAGE_VERSION = 1,
    RAFT_IMAGE_ROOM = RAFT_COMMAND_MAX, /* bytes that take any item */
};

struct raft_image {
    struct raft_kv *kv;
    uint64_t generation, revision, compacted;
    uint32_t pin;
    struct raft_buffer front;  /* all before the records */
    size_t front_given;
    struct raft_chain chain;
    const struct raft_record *next; /* in the chain of the key that is being written, while a piece is made */
    bool has_next;                  /* between pieces, when memory may have given it to the disk: there is one … */
    uint64_t after_revision;        /* … behind the event that this one made; 0: the newest one                  */
    uint32_t after_part;
    uint8_t key[RAFT_KEY_MAX]; /* the last key that was begun */
    uint16_t key_size;
    bool has_key, is_ended;
    uint64_t records;
};

/* Begin an image of the store as it is. ERR_NOMEM; ERR_LIMIT: RAFT_PINS_MAX are being written. End it in any case. */
enum err raft_image_begin(struct raft_image *i, struct raft_kv *kv) MUST_CHECK;

/* The next items, whole ones, at least one, at most `room` >= RAFT_IMAGE_ROOM bytes and about `want` of them. *ret_size
 * 0: that was all. ERR_ABORTED: the store was emptied meanwhile. ERR_DATA_LOSS, ERR_IO, ERR_NOMEM: an old state cannot be
 * read back; the image is to be ended, and another one will do when that is forgotten. */
enum err raft_image_next(struct raft_image *i, uint8_t *out, size_t room, size_t want, size_t *ret_size) MUST_CHECK;

/* Also half-way, and twice. */
void raft_image_end(struct raft_image *i);

/* Read whole items into a store that was only initialised (raft_image_expect) or emptied. *ret_is_done: END was read,
 * the store is as it was when the image began. ERR_MALFORMED: the bytes are no image, or are out of order; nothing may
 * be done with the store but to free or empty it. ERR_NOMEM. */
void raft_image_expect(struct raft_kv *kv);
enum err raft_image_load(struct raft_kv *kv, const uint8_t *bytes, size_t size, bool *ret_is_done) MUST_CHECK;

/* 64 bits of BLAKE2b of an image, by pieces. ERR_NOMEM, ERR_LIMIT as of raft_image_begin. */
struct raft_image_sum;
enum err raft_image_sum_new(struct raft_kv *kv, struct raft_image_sum **ret) MUST_CHECK;

/* About `want` bytes more of it; *ret_is_done: that was all, and *ret is the sum. Errors as of raft_image_next. All of it
 * takes 60 ms for 50 MB, and 2 us more for each state that is on disk. */
enum err raft_image_sum_next(struct raft_image_sum *s, size_t want, bool *ret_is_done, uint64_t *ret) MUST_CHECK;

void raft_image_sum_free(struct raft_image_sum *s); /* also half-way; NULL is fine */

#endif
