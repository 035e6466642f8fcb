/* Consensus: an event in, effects out. No clock, I/O, randomness but the seed, and no allocation but for the
 * index of the log, which grows by doubling.
 *
 * Ongaro, "Consensus: Bridging Theory and Practice" (2014), "the thesis" in all files of this folder:
 * elections 3.4, replication 3.5, safety 3.6, transfer 3.10, membership 4, compaction 5, reads 6.4,
 * pre-vote 9.6, writing to disk in parallel 10.2.1. */
#ifndef CELL_RAFT_CORE_H
#define CELL_RAFT_CORE_H

#include "raft/config.h"
#include "raft/packet.h"
#include "raft/types.h"

enum {
    RAFT_EFFECTS_MAX = 384,     /* of one step                                                              */
    RAFT_READS_MAX = 64,        /* that wait at one member; one may stand for any number of requests        */
    RAFT_WINDOW = 8,            /* messages under way to one member                                         */
    RAFT_WINDOW_BYTES = 4 << 20,
    RAFT_MESSAGE_BYTES = 448 << 10, /* of entries in one message, but one entry at least: one is read and sent while the last
                                     * is being written, and none keeps a loop for long                    */
};

/* Times in microseconds. */
struct raft_tuning {
    uint64_t heartbeat_us;       /* between heartbeats                                                      */
    uint64_t election_us;        /* silence of a leader is borne this long, and up to twice, drawn each time; up to once more
                                  * by as much as heartbeats were late lately                               */
    uint64_t uncommitted_bytes;  /* proposals beyond are refused with ERR_LIMIT                             */
    uint64_t tail;               /* entries kept below a snapshot for slow members                          */
    uint64_t kept_bytes;         /* of the log behind it that a leader keeps for a member that has less than the tail */
    bool has_lease;              /* reads without a round while a quorum was heard lately (6.4.1); closed links are
                                  * then no reason for an election. All members alike                       */
    bool has_no_prevote;         /* as members of an older version: for tests                               */
};

struct raft_setup {
    uint64_t cluster, self;      /* ids, not 0                                                              */
    uint64_t seed;               /* another one in every life                                               */
    struct raft_vote vote;       /* as stored                                                               */
    uint64_t snapshot, snapshot_term; /* of the newest whole snapshot; 0, 0: none                           */
    struct raft_config config;   /* … its configuration; without: of the founders, or empty: wait to be added */
    /* Not 0: the log was damaged and ends too early. This member neither votes nor leads before it has this
     * index, and all that is committed, again (Alagappan et al., "Protocol-Aware Recovery", FAST 2018). */
    uint64_t damaged_to;
    struct raft_tuning tuning;
};

enum raft_role { RAFT_FOLLOWER, RAFT_PRECANDIDATE, RAFT_CANDIDATE, RAFT_LEADER };

enum raft_event_kind {
    RAFT_EV_CLOCK,         /* time passed; at the latest at due_us                                          */
    RAFT_EV_MESSAGE,       /* message: of another member                                                    */
    RAFT_EV_PROPOSE,       /* count, size (heads included): effects' `first` is the first one's index       */
    RAFT_EV_READ,          /* context: unique among those that wait                                         */
    RAFT_EV_STORED,        /* index, term, epoch: the log is durable so far, as it was in that epoch        */
    RAFT_EV_VOTE_STORED,   /* vote: is durable                                                              */
    RAFT_EV_APPLIED,       /* index                                                                         */
    RAFT_EV_LINK,          /* peer, is_up: the connection to it closed or opened                            */
    RAFT_EV_TRANSFER,      /* peer, or 0: to whom it suits                                                  */
    RAFT_EV_CHANGE,        /* config: what is wanted                                                        */
    RAFT_EV_SNAPSHOT_MADE, /* index: a snapshot of the state after it is durable                            */
    RAFT_EV_SNAPSHOT_SENT, /* peer, is_up: all of it is there; or it could not be sent                      */
    RAFT_EV_SNAPSHOT_RECEIVED, /* index, term, config: all chunks are there and whole, not installed yet     */
    RAFT_EV_SNAPSHOT_INSTALLED, /* index, term, epoch: … durable, log and state machine replaced            */
    RAFT_EV_STRANGER,      /* peer: sent something to a member that is here no more: it may not know what changed */
    RAFT_EV_STALL,         /* size: microseconds for which this process did not run: nobody's silence        */
};

struct raft_event {
    enum raft_event_kind kind;
    const struct raft_message *message;
    const struct raft_config *config;
    struct raft_vote vote;
    uint64_t peer, context, index, term, epoch, size;
    uint32_t count;
    bool is_up;
};

enum raft_effect_kind {
    RAFT_FX_STORE_VOTE,   /* vote; VOTE_STORED when it is durable                                            */
    RAFT_FX_TRUNCATE,     /* index: the first that goes; epoch                                               */
    RAFT_FX_APPEND,       /* run, source, epoch; STORED when it is durable                                   */
    RAFT_FX_SEND,         /* message; the run's bytes of an APPEND are taken from the log: run.bytes is NULL  */
    RAFT_FX_COMMIT,       /* index: apply so far, then APPLIED. May be past what is durable here             */
    RAFT_FX_CUT,          /* index: entries up to it are not needed any more                                 */
    RAFT_FX_READ_READY,   /* context, index: answer when that is applied                                     */
    RAFT_FX_READ_FAILED,  /* context: ask again                                                              */
    RAFT_FX_CHANGED,      /* config, index, is_ok: committed                                                 */
    RAFT_FX_BECAME,       /* role, term, leader (0: none known). No longer leader: what waits is unknown     */
    RAFT_FX_SNAPSHOT_SEND,    /* peer: send it the newest snapshot, by messages SNAPSHOT, unanswered ones again */
    RAFT_FX_SNAPSHOT_CHUNK,   /* take the chunk of this message; answer with raft_core_chunk_answer          */
    RAFT_FX_SNAPSHOT_MORE,    /* peer, index: offset; is_ok: go on; not: begin again                         */
    RAFT_FX_SNAPSHOT_INSTALL, /* index, term, is_ok: the log goes on behind it; not: begins behind it. epoch  */
    RAFT_FX_SNAPSHOT_ABORT,   /* peer: stop sending; 0: stop receiving                                       */
    RAFT_FX_TRANSFERRED,  /* is_ok: this one does not lead any more; not: it came to nothing                 */
    RAFT_FX_REPAIRED,     /* the damage of the setup is made good: forget it                                 */
    RAFT_FX_REMOVED,      /* this member is in no committed configuration any more: it may end. By the log, or, when it
                           * was away meanwhile, by another member's word                                    */
    RAFT_FX_CLOCK,        /* context: the cluster's clock, ms, as the leader of `term`, today's, has it      */
};

/* Whose bytes an APPEND has. */
enum raft_source {
    RAFT_SOURCE_PROPOSAL, /* the shell's, in the order proposed                            */
    RAFT_SOURCE_MESSAGE,  /* run.bytes, in the event's message                             */
    RAFT_SOURCE_CORE,     /* run.bytes, valid until the next step                          */
};

/* What the shell does, in this order. Fields are what the kind's comment says. */
struct raft_effect {
    enum raft_effect_kind kind;
    enum raft_source source;
    enum raft_role role;
    bool is_ok;
    uint64_t index, term, epoch, peer, context, leader;
    struct raft_vote vote;
    struct raft_run run;
    const struct raft_config *config; /* the core's, until the next step */
    struct raft_message message;
};

struct raft_effects {
    uint32_t count;
    struct raft_effect item[RAFT_EFFECTS_MAX];
    uint64_t due_us; /* CLOCK then, at the latest */
    uint64_t first;  /* of a PROPOSE or CHANGE: index */
    uint64_t leader; /* whom to ask instead, when it was ERR_NOT_LEADER; 0: unknown */
};

/* What happened, never reset. */
struct raft_counters {
    uint64_t prevotes, campaigns, elected, stepped_down, stale, refused, strange, probes, doubted, snapshots;
};

/* What is so now. */
struct raft_view {
    enum raft_role role;
    uint64_t term, voted_for, leader;
    uint64_t base, last, last_term, stored, commit, applied, snapshot, epoch, uncommitted_bytes;
    uint64_t config_index;             /* of the newest configuration, committed or not */
    const struct raft_config *config;  /* borrowed until the next step */
    uint64_t late_us;                  /* how late heartbeats, or the answers to them, were lately */
    bool is_damaged, is_transferring, is_removed;
    bool is_asked;                     /* for its vote, and has not answered: it is not durable */
    struct raft_counters counters;
};

/* Of a leader: how far a member is. */
struct raft_peer_view {
    uint64_t id, match, next;
    bool is_replicating, is_in_snapshot, is_linked;
    uint64_t heard_us; /* it answered what was sent then */
};

struct raft;

struct raft_tuning raft_core_usual(void);

/* Bytes of a core, aligned for any type. */
size_t raft_core_size(void);

/* Make a core in memory of the caller; then raft_core_recover for each run of the log in order, then
 * raft_core_start, then steps, at the end raft_core_fini. ERR_INVALID: an id or a time is 0. */
enum err raft_core_init(void *memory, const struct raft_setup *setup, struct raft **ret) MUST_CHECK;
void raft_core_fini(struct raft *r);

/* A run that is in the log and durable. The first one may begin below the snapshot; they follow each other.
 * ERR_DATA_LOSS: it does not continue what was there, or its configuration does not parse; ERR_NOMEM. */
enum err raft_core_recover(struct raft *r, const struct raft_run *run) MUST_CHECK;
void raft_core_start(struct raft *r, uint64_t now_us, struct raft_effects *fx);

/* Advance by one event. now_us: monotonic, never less than before; also while the machine sleeps. What comes in
 * `fx` is to be done whatever is returned. ERR_OK; of PROPOSE, READ, TRANSFER, CHANGE: ERR_NOT_LEADER (leader in fx),
 * ERR_LIMIT (uncommitted bytes, waiting reads, members), ERR_UNAVAILABLE (leadership is on its way to another),
 * ERR_PRECONDITION (a change before the last one's or the term's first commit, or of a voter that lags),
 * ERR_INVALID (nobody of that id; no configuration to ask for); of MESSAGE: ERR_MALFORMED, ERR_FAULT (it contradicts what is
 * committed: dropped), ERR_NOMEM. O(members), and the logarithm of the log's index. */
enum err raft_core_step(struct raft *r, uint64_t now_us, const struct raft_event *ev, struct raft_effects *fx);

struct raft_view raft_core_view(const struct raft *r);

bool raft_core_is_removed(const struct raft *r); /* as the view says, for every turn */

/* Whether nothing is lost when this member hears and says nothing for as long as its disk takes: enough others that are there
 * answer the leader meanwhile. Of a leader: nobody has to be told that it leads. */
bool raft_core_may_rest(const struct raft *r);

/* Peer i of the newest configuration, itself left out; false: there are not so many. */
bool raft_core_peer(const struct raft *r, uint32_t i, struct raft_peer_view *ret);

/* Term of an index that is in the log or its base; false: it is not there (any more, yet). */
bool raft_core_term_of(const struct raft *r, uint64_t index, uint64_t *ret);

/* The answer to a chunk: how many bytes are there, from the beginning without a gap. is_ok false: begin again. */
struct raft_message raft_core_chunk_answer(const struct raft *r, uint64_t index, uint64_t have_bytes, bool is_ok);

#endif
