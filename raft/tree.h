/* The keys in order: a B+ tree of pointers to the newest record of each.
 *
 * A leaf holds nothing but pointers and a byte of each key's hash (9 bytes a key, keys are compared where they lie: by those
 * bytes one key for a place, six for an order); inner nodes have copies of keys to part their children, so that a record may
 * be replaced without a look at them. A node that gets poor joins its neighbour; one that is filled in order stays full.
 *
 * Source: Comer, "The Ubiquitous B-Tree", ACM Computing Surveys 1979; Lehman and Yao, 1981, for leaves in a chain; Oukid et
 * al., "FPTree", SIGMOD 2016, section 4.2, for the bytes of hashes. */
#ifndef CELL_RAFT_TREE_H
#define CELL_RAFT_TREE_H

#include "raft/record.h"

enum {
    RAFT_TREE_FAN = 64,   /* pointers a node: half a page, a search in it is six comparisons        */
    RAFT_TREE_DEEP = 16,  /* levels at most: nodes other than the root are at least 1/8 full or so  */
};

struct raft_tree_node;

struct raft_tree {
    struct raft_tree_node *root; /* NULL: empty */
    uint64_t count;
};

/* Where somebody stands; void after any change to the tree other than of a slot's content. */
struct raft_tree_cursor {
    struct raft_tree_node *leaf; /* NULL: past an end */
    uint32_t index;
};

/* The place of a key, or NULL. The record in it may be replaced by another one of the same key. */
struct raft_record **raft_tree_slot(const struct raft_tree *t, struct raft_bytes key);

/* Add a record whose key the tree does not have. ERR_NOMEM: nothing has changed. O(log n). */
enum err raft_tree_add(struct raft_tree *t, struct raft_record *record) MUST_CHECK;

/* Take a key, which it has, out. O(log n). */
void raft_tree_remove(struct raft_tree *t, struct raft_bytes key);

/* Forget everything; the records are the caller's. */
void raft_tree_clear(struct raft_tree *t);

/* At the first key >= key; at the last one < key. */
struct raft_tree_cursor raft_tree_seek(const struct raft_tree *t, struct raft_bytes key);
struct raft_tree_cursor raft_tree_seek_below(const struct raft_tree *t, struct raft_bytes key);
struct raft_tree_cursor raft_tree_last(const struct raft_tree *t);

/* The record under a cursor, or NULL past an end; its place, as raft_tree_slot; and one step. */
struct raft_record *raft_tree_at(const struct raft_tree_cursor *c);
struct raft_record **raft_tree_place(const struct raft_tree_cursor *c);
void raft_tree_next(struct raft_tree_cursor *c);
void raft_tree_prev(struct raft_tree_cursor *c);

/* Bytes of the nodes. */
size_t raft_tree_bytes(const struct raft_tree *t);

#endif
