/* What members say to each other, and how it looks on the wire.
 *
 * A packet is one message: a head of 40 bytes {u32 magic, u8 version, u8 kind, u8 flags, u8 zero, u64 cluster,
 * u64 from, u64 to, u64 term}, the numbers of its kind, each a u64, and for APPEND and SNAPSHOT {u32 count,
 * u32 size} and the bytes. Little endian. */
#ifndef CELL_RAFT_PACKET_H
#define CELL_RAFT_PACKET_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "raft/types.h"

enum {
    RAFT_PACKET_VERSION = 1,
    RAFT_PACKET_HEAD = 40,
    RAFT_PACKET_FRONT_MAX = RAFT_PACKET_HEAD + 5 * 8 + 8, /* everything but the bytes of a run or a chunk       */
    RAFT_RUN_MAX = RAFT_ENTRY_MAX + RAFT_ENTRY_HEAD,     /* bytes of a run: of one message, of one proposal     */
    RAFT_PACKET_MAX = RAFT_PACKET_FRONT_MAX + RAFT_RUN_MAX,
};

/* X(name, numbers that follow the head). Numbers of kinds never change. */
#define RAFT_MESSAGE_MAP(X)                                                                        \
    X(PREVOTE_ASK, 1, 3)      /* index, index_term: last of the log; round: the term wished for */ \
    X(PREVOTE_ANSWER, 2, 1)   /* is_ok; round: of the question                                  */ \
    X(VOTE_ASK, 3, 2)         /* index, index_term; is_transfer                                 */ \
    X(VOTE_ANSWER, 4, 0)      /* is_ok                                                          */ \
    X(APPEND, 5, 4)           /* index, index_term: of the entry before; commit; round: run.term */ \
    X(APPEND_ANSWER, 6, 5)    /* is_ok: match, received, not: index: hint, index_term, round: refused index */ \
    X(HEARTBEAT, 7, 3)        /* commit, round, sent_us                                         */ \
    X(HEARTBEAT_ANSWER, 8, 4) /* match, received, round, sent_us                                */ \
    X(READ_ASK, 9, 1)         /* round: unique                                                  */ \
    X(READ_ANSWER, 10, 2)     /* is_ok: index; round: of the question                           */ \
    X(TRANSFER, 11, 0)        /* campaign now (TimeoutNow, section 3.10)                        */ \
    X(SNAPSHOT, 12, 4)        /* index, index_term; round: offset; commit: bytes in all; a chunk */ \
    X(SNAPSHOT_ANSWER, 13, 2) /* is_ok: go on; index; round: offset up to which it is there     */ \
    X(CLOCK, 14, 1)           /* round: the cluster's clock as the leader has it, ms (lessor.h)  */ \
    X(REMOVED, 15, 1)         /* index: of a committed configuration that has not the receiver   */

enum raft_message_kind {
#define X(name, number, numbers) RAFT_MESSAGE_##name = number,
    RAFT_MESSAGE_MAP(X)
#undef X
};

/* What the fields mean for each kind says the list above; the others are 0. */
struct raft_message {
    enum raft_message_kind kind;
    uint64_t from, to, term;
    bool is_ok, is_transfer;
    uint64_t index, index_term, commit;
    uint64_t match;    /* stored, and known to agree with the leader's log  */
    uint64_t received; /* … perhaps not stored yet                          */
    uint64_t round, sent_us;
    struct raft_run run; /* APPEND: entries after `index`; SNAPSHOT: bytes and size */
};

/* Urgent messages are few and short: they go over a link of their own, past the bulk. */
bool raft_packet_is_urgent(enum raft_message_kind kind);

/* Everything of a packet but the run's bytes, which follow it on the wire. Returns the size. */
size_t raft_packet_front(const struct raft_message *m, uint64_t cluster, uint8_t to[RAFT_PACKET_FRONT_MAX]);

/* Read a packet whole, or refuse it whole. ret->run.bytes points into it. ERR_MALFORMED; ERR_LIMIT: longer
 * than RAFT_PACKET_MAX; ERR_INCOMPATIBLE: another version; ERR_DENIED: of another cluster; ERR_NOT_FOUND: for
 * another member than `self` (for one that lost its disk, say). */
enum err raft_packet_read(const uint8_t *bytes, size_t size, uint64_t cluster, uint64_t self,
                          struct raft_message *ret) MUST_CHECK;

/* Walk a run: the entry at *at, and *at behind it; false at the end. Begin with *at = 0. */
struct raft_entry {
    uint8_t kind;
    uint32_t size;
    const uint8_t *bytes;
};
bool raft_packet_entry(const struct raft_run *run, uint32_t *at, struct raft_entry *ret);

/* Whether the bytes of a run are as many whole entries of known kinds as it says. */
bool raft_packet_run_ok(const struct raft_run *run);

#endif
