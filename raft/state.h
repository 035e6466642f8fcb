/* The state of the consensus core, shared by its files and by nobody else. */
#ifndef CELL_RAFT_STATE_H
#define CELL_RAFT_STATE_H

#include "common/base/rng.h"
#include "raft/core.h"
#include "raft/log.h"

enum {
    /* Peers of the newest configuration, and those that an uncommitted one takes out. */
    RAFT_PEERS_MAX = 2 * RAFT_MEMBERS_MAX,
    /* Configurations that may still be needed. At most the newest is not committed by anybody (a leader makes one
     * only when the one before is, section 4.1 and its amendment of 2015), so at most one is ever taken back. */
    RAFT_CONFIGS = 4,
    RAFT_HINT_TRIES = 8,       /* pre-votes in quick succession after the leader's link closed                  */
    RAFT_STRANGE_MOST = 3,     /* answers in a row that contradict what a member said before: it lost something */
    RAFT_STAGGER_US = 3500,    /* after a closed link one asks after the other: a pre-vote and a vote on a LAN … */
    RAFT_STAGGER_PLACES = 4,   /* … so many in a row                                                            */
    RAFT_STAGGER_LEAST_US = 1000,
    RAFT_LATE_TIMES = 2,       /* how late heartbeats were lately is borne so many times over                   */
    RAFT_LATE_DECAY = 128,     /* a part of it is forgotten with each: half in 90, some three seconds           */
    RAFT_SNAPSHOT_TIMES = 20,  /* election timeouts without a word from whoever gets a snapshot: begin again   */
    RAFT_REST_US = 1000000,    /* between looks of a leader that is alone: it has nobody to tell that it is there  */
    RAFT_PROBE_TIMES = 16,     /* heartbeats between questions that are not answered, at most                   */
    RAFT_SENDS_RESERVE = 160,  /* effects that replication leaves to others                                     */
};

enum raft_progress {
    RAFT_PROBE,       /* one message at a time: where the logs agree is not known */
    RAFT_REPLICATE,   /* many under way, on trust                                 */
    RAFT_IN_SNAPSHOT, /* it gets a snapshot first                                 */
};

struct raft_flight {
    uint64_t last, bytes; /* of one APPEND under way */
};

struct raft_peer {
    uint64_t id;
    enum raft_progress progress;
    uint64_t match, next;         /* matchIndex, nextIndex (thesis, figure 3.1)               */
    uint64_t received;            /* what it said last that it has, on disk or not            */
    uint64_t round, acked_us;     /* newest heartbeat it answered, and when that was sent     */
    uint64_t moved_us, match_us;  /* last progress; of match                                  */
    uint64_t probe_us, patience_us; /* no question before; and how long until the one after it */
    uint64_t flight_bytes;
    struct raft_flight flight[RAFT_WINDOW];
    uint32_t flight_from, flights, strange;
    bool is_linked, is_granted;   /* not known to be cut off; granted its (pre-)vote          */
    bool is_probed;               /* what is at `next` was sent, and nothing is known of it   */
};

struct raft_read {
    uint64_t context;             /* of the shell, or round of the member that asks           */
    uint64_t asker;               /* member; 0: the shell                                     */
    uint64_t round;               /* heartbeats that confirm it; 0: not under way yet. Forwarded: unique number */
    uint64_t index, deadline_us;
    bool is_forwarded;
};

struct raft_slot {
    uint64_t index;
    struct raft_config config;
};

struct raft {
    struct raft_setup setup;      /* config there is not used after the start */
    struct raft_tuning tuning;
    uint64_t self, now_us;
    struct rng rng;
    struct raft_effects *fx;      /* of the step being made */
    const struct raft_event *event;

    enum raft_role role;
    struct raft_vote vote, vote_stored;
    uint64_t leader;
    bool is_transfer;             /* the candidacy was asked for by the leader                */
    uint64_t timeout_us, deadline_us, heard_us; /* election timeout; heard the leader at      */
    uint64_t beat_us, late_us;    /* this leader's last heartbeat; how late such things were lately */
    uint32_t hint_tries;
    uint64_t owed[RAFT_MEMBERS_MAX]; /* whoever waits for an answer about its vote            */
    uint32_t owes;

    struct raft_log log;
    uint64_t stored, commit, applied, snapshot, snapshot_term, epoch, damaged_to;
    uint64_t verified;            /* up to here the log is the leader's, in this term         */
    uint64_t acked;               /* … and it was told so, as far as stored                   */
    bool owes_ack;
    struct raft_message owed_heartbeat; /* kind 0: none */

    struct raft_slot slot[RAFT_CONFIGS];
    uint32_t slots;
    uint64_t config_told;         /* index of the newest configuration told as committed      */
    bool was_member;
    uint64_t removed_at;          /* index of a committed configuration that has it not; 0: in all it knows of */
    uint8_t bytes[RAFT_ENTRY_HEAD + RAFT_CONFIG_BYTES_MAX]; /* of an APPEND of the core's own */

    struct raft_peer peer[RAFT_PEERS_MAX];
    uint32_t peers;
    uint64_t term_first;          /* the leader's first entry in its term                     */
    uint64_t heartbeat_us, round; /* next heartbeat; newest one's number                      */
    uint64_t excused_us;          /* no silence before counts against the members             */
    uint64_t commit_marks[2];     /* commit at the last two heartbeats                        */
    bool has_room;

    struct raft_read read[RAFT_READS_MAX];
    uint32_t reads;
    uint64_t read_number;

    uint64_t transfer_to, transfer_us;
    bool is_transfer_sent, is_lease_broken;

    struct { enum raft_role role; uint64_t term, leader; } told;
    struct raft_counters counters;
};

static inline const struct raft_config *raft_newest(const struct raft *r)
{
    return &r->slot[r->slots - 1].config;
}

static inline uint64_t raft_config_index(const struct raft *r)
{
    return r->slot[r->slots - 1].index;
}

static inline bool raft_is_vote_durable(const struct raft *r)
{
    return r->vote.term == r->vote_stored.term && r->vote.voted_for == r->vote_stored.voted_for;
}

static inline uint64_t raft_least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t raft_most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#endif
