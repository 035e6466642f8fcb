/* What stands in the log: commands to the store, as bytes. The leader writes a request down once; every member
 * reads it and does it. Little endian, no padding; a reader takes a command whole or refuses it, so that whoever
 * applies one need not look at sizes again.
 *
 *   u8 version, u8 kind, u16 flags, u64 time; with COMMAND_ONCE u64 session, u64 sequence, u64 acknowledged; body */
#ifndef CELL_RAFT_COMMAND_H
#define CELL_RAFT_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    RAFT_COMMAND_VERSION = 1,
    RAFT_KEY_MAX = 1024,         /* bytes: names, not contents; two of them and a value fit an entry   */
    RAFT_VALUE_MAX = 1 << 20,    /* bytes: what fits one entry of the log                              */
    RAFT_TXN_MAX = 512,          /* comparisons, and operations of each branch: four times etcd's      */
    RAFT_COMMAND_ROOM = 4096,    /* bytes beside the values: two keys, and all fixed fields            */
    RAFT_COMMAND_MAX = RAFT_VALUE_MAX + RAFT_COMMAND_ROOM,
};

/* Bytes of somebody else. */
struct raft_bytes {
    const uint8_t *at;
    uint32_t size;
};

enum raft_span_kind {
    RAFT_SPAN_ONE,     /* the key alone            */
    RAFT_SPAN_BETWEEN, /* key <= k < end           */
    RAFT_SPAN_FROM,    /* key <= k; key may be ""  */
};

/* A set of keys, in the order of memcmp. */
struct raft_span {
    enum raft_span_kind kind;
    struct raft_bytes key, end; /* end: BETWEEN only */
};

struct raft_put {
    struct raft_bytes key, value;
    uint64_t lease;     /* 0: none */
    bool with_previous;
    bool keeps_value;   /* the key must exist; its value stays */
    bool keeps_lease;   /* the key must exist; its lease stays */
};

struct raft_delete {
    struct raft_span span;
    bool with_previous;
};

/* A read, also as an operation of a transaction. */
struct raft_query {
    struct raft_span span;
    uint64_t revision;  /* 0: now; always 0 in a transaction */
    uint32_t limit;     /* pairs; 0: a page                  */
    bool keys_only, count_only, is_descending;
    uint64_t modified_least, created_least;
};

enum raft_compare_target {
    RAFT_COMPARE_VALUE, RAFT_COMPARE_VERSION, RAFT_COMPARE_CREATED, RAFT_COMPARE_MODIFIED, RAFT_COMPARE_LEASE,
};
enum raft_compare_result { RAFT_COMPARE_EQUAL, RAFT_COMPARE_UNEQUAL, RAFT_COMPARE_LESS, RAFT_COMPARE_GREATER };

struct raft_compare {
    struct raft_span span;
    enum raft_compare_target target;
    enum raft_compare_result result;
    struct raft_bytes value;
    uint64_t number;
};

enum raft_op_kind { RAFT_OP_PUT = 1, RAFT_OP_DELETE = 2, RAFT_OP_RANGE = 3 };
struct raft_op {
    enum raft_op_kind kind;
    union {
        struct raft_put put;
        struct raft_delete del;
        struct raft_query query;
    };
};

/* Comparisons or operations as they are written: raft_command_next_compare, raft_command_next_op. */
struct raft_list {
    const uint8_t *at;
    uint32_t size;
    uint32_t count;
};
struct raft_txn {
    struct raft_list compares, success, failure;
};

/* A request that is to be done once (Lee, Park, Kejriwal, Matsushita, Ousterhout, "Implementing Linearizability at
 * Large Scale and Low Latency", SOSP 2015). session 0: as often as it is sent. */
struct raft_once {
    uint64_t session, sequence, acknowledged;
};

enum raft_command_kind {
    RAFT_COMMAND_PUT = 1,
    RAFT_COMMAND_DELETE = 2,
    RAFT_COMMAND_TXN = 3,
    RAFT_COMMAND_LEASE_GRANT = 4,    /* id, ttl_ms             */
    RAFT_COMMAND_LEASE_KEEP = 5,     /* id                     */
    RAFT_COMMAND_LEASE_REVOKE = 6,   /* id                     */
    RAFT_COMMAND_LEASE_EXPIRE = 7,   /* id, stamp              */
    RAFT_COMMAND_SESSION_OPEN = 8,   /* ttl_ms                 */
    RAFT_COMMAND_SESSION_CLOSE = 9,  /* id                     */
    RAFT_COMMAND_SESSION_EXPIRE = 10,/* id, stamp              */
    RAFT_COMMAND_COMPACT = 11,       /* id: a revision         */
    RAFT_COMMAND_LIMITS = 12,        /* id: the quota in bytes */
    RAFT_COMMAND_CLOCK = 13,         /* nothing but the time   */
    RAFT_COMMAND_RESTORE = 14,       /* ttl_ms: part, items    */
};

struct raft_command {
    enum raft_command_kind kind;
    uint64_t time_ms; /* the cluster's clock, as its leader had it: lessor.h */
    struct raft_once once;
    union {
        struct raft_put put;
        struct raft_delete del;
        struct raft_txn txn;
        struct {
            uint64_t id, stamp;
            uint32_t ttl_ms;
        };
    };
    struct raft_bytes items; /* RESTORE: image.h */
};

/* Read bytes[0..size). The command borrows them. ERR_MALFORMED: not a command of this version, a limit is
 * exceeded, or bytes are left over; *ret is then undefined. Lists are read to their ends here. */
enum err raft_command_read(const uint8_t *bytes, size_t size, struct raft_command *ret) MUST_CHECK;

/* Take the next element out of a list of a command that was read; false when there is none. */
bool raft_command_next_compare(struct raft_list *list, struct raft_compare *ret);
bool raft_command_next_op(struct raft_list *list, struct raft_op *ret);

/* ---- writing -------------------------------------------------------------------------------- */

/* A command under construction in memory of the caller, at most `room` bytes; what does not fit sets `is_over`. */
struct raft_writer {
    uint8_t *at;
    size_t room, size;
    bool is_over;
    size_t counts; /* where a transaction's counts stand */
};

void raft_command_begin(struct raft_writer *w, uint8_t *at, size_t room, enum raft_command_kind kind,
                        uint64_t time_ms, const struct raft_once *once);

/* The bodies. A transaction is begun, then come its comparisons, then the operations of its branches. */
void raft_command_put(struct raft_writer *w, const struct raft_put *put);
void raft_command_delete(struct raft_writer *w, const struct raft_delete *del);
void raft_command_numbers(struct raft_writer *w, uint64_t id, uint64_t stamp, uint32_t ttl_ms);
void raft_command_restore(struct raft_writer *w, uint32_t part, struct raft_bytes items);
void raft_command_txn(struct raft_writer *w);
void raft_command_compare(struct raft_writer *w, const struct raft_compare *compare);
void raft_command_op(struct raft_writer *w, bool is_failure, const struct raft_op *op);

/* ERR_LIMIT: it did not fit. ERR_INVALID: what was given does not make a command, for example a key that is empty
 * or too long. *ret_size: bytes of the whole. */
enum err raft_command_end(const struct raft_writer *w, size_t *ret_size) MUST_CHECK;

/* Whether no key of a transaction's branch is changed by two of its operations: a revision says of a key one thing.
 * For the leader, before it proposes; O(n log n + puts x deletes). */
bool raft_command_is_single(const struct raft_list *branch);

#endif
