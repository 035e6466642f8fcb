/* What a command came to, for whoever asked, and kept for who asks again. */
#ifndef CELL_RAFT_ANSWER_H
#define CELL_RAFT_ANSWER_H

#include "raft/record.h"

enum {
    RAFT_PAGE_BYTES = 1 << 20,    /* of pairs in one answer; one pair is always given                        */
    RAFT_PAGE_LOOKED = 1 << 16,   /* records looked at for one page, shown or not: some 5 ms                 */
    RAFT_ANSWER_MAX = 4 << 20,    /* of all pages in the answer to a transaction                             */
};

/* Bytes under construction; what allocation refuses sets is_short. */
struct raft_buffer {
    uint8_t *at;
    size_t size, room;
    bool is_short;
};

void raft_answer_add(struct raft_buffer *b, const void *bytes, size_t size);
void raft_answer_fini(struct raft_buffer *b);

/* The answer. `body` has one result for each operation that has something to show, in the order of operations:
 *   u8 kind (enum raft_op_kind), u8 has_more, u64 deleted or counted, u32 pairs, pairs
 * and a pair is u64 created, u64 modified, u32 version, u64 lease, u16 and u32 sizes, key, value. */
struct raft_answer {
    enum err error;
    const char *text;    /* what an operator should know of an error; never NULL */
    uint64_t revision;   /* of the store after it */
    uint64_t number;     /* keys deleted; id of the lease or session; revision compacted to */
    uint32_t ttl_ms;
    bool succeeded;      /* a transaction's comparisons held */
    bool is_repeat;      /* it was done before: this is what was answered then */
    bool is_cut;         /* a repeat whose body was too large to keep */
    struct raft_bytes body; /* valid until the next command is applied */
};

/* A pair as it stands in a body. */
struct raft_pair {
    uint64_t created, modified, lease;
    uint32_t version;
    struct raft_bytes key, value;
};

void raft_answer_pair_of(const struct raft_record *r, struct raft_pair *ret);

/* Writing a result: begin, pairs, end. */
size_t raft_answer_begin(struct raft_buffer *b, enum raft_op_kind kind);
void raft_answer_pair(struct raft_buffer *b, size_t begin, const struct raft_record *r, bool key_only);
void raft_answer_end(struct raft_buffer *b, size_t begin, uint64_t number, bool has_more);

/* Reading a body that this process wrote: false when nothing is left. */
struct raft_result {
    enum raft_op_kind kind;
    bool has_more;
    uint64_t number;
    struct raft_list pairs;
};
bool raft_answer_next(struct raft_bytes *body, struct raft_result *ret);
bool raft_answer_next_pair(struct raft_list *pairs, struct raft_pair *ret);

#endif
