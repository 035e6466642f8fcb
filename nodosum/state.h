/* The state of the membership core, shared by its files and by nobody else. */
#ifndef CELL_NODOSUM_STATE_H
#define CELL_NODOSUM_STATE_H

#include "common/base/rate.h"
#include "common/base/rng.h"
#include "nodosum/core.h"

enum {
    NODOSUM_SELF = 0,               /* its own index                                                        */
    NODOSUM_NOBODY = 0xffff,        /* no index                                                             */
    NODOSUM_HEALTH_MAX = 8,         /* S (Lifeguard, IV-A)                                                  */
    NODOSUM_HELPERS = 3,            /* k: members asked to ping for us (SWIM, 3.1; memberlist)              */
    NODOSUM_FANOUT = 3,             /* members told in a round (memberlist: GossipNodes)                    */
    NODOSUM_SENDS_FACTOR = 4,       /* lambda: news is told lambda log(n + 1) times (memberlist)            */
    NODOSUM_LEVELS = 24,            /* lambda (log10(NODOSUM_MEMBERS_MAX) + 1) = 20, and some               */
    NODOSUM_PROBES_MAX = 8,         /* own probes under way at one time: more periods than one takes        */
    NODOSUM_RELAYS_MAX = 32,        /* pings for others under way at one time                               */
    NODOSUM_SLOTS = 64,             /* both, and a memory of ended ones for answers that come late          */
    NODOSUM_TIMEOUT_FIRST_MS = 100, /* of a ping while the round trip is not known                          */
    NODOSUM_TIMEOUT_LEAST_MS = 50,  /* the kernel's least delay of an answer, doubled (TCP_DELACK_MIN 40)   */
    NODOSUM_TIMEOUT_MOST_MS = 2000,
    NODOSUM_END_TIMES = 3,          /* a probe ends after so many timeouts: direct, helper, helper's target */
    NODOSUM_LATE_MS = 100,          /* woken so much after the time: this process did not run               */
    NODOSUM_SYNC_LEAST_MS = 1000,   /* between two comparisons with somebody, after a difference            */
    NODOSUM_SYNC_MOST_MS = 30000,   /* … and when there are none (memberlist: PushPullInterval)             */
    NODOSUM_WORD_RATE = 512,        /* words of members looked at a second: 5 % of a core                   */
    NODOSUM_SYNC_RATE = 512,        /* packets of answers to comparisons a second: 600 KB/s                 */
    NODOSUM_JOIN_LEAST_MS = 1000,   /* between two attempts to join, doubling while alone                   */
    NODOSUM_JOIN_MOST_MS = 10000,   /* … and between attempts to find a lost part of the cluster: one packet */
    NODOSUM_LEAVE_MS = 1000,        /* a leave waits for its news to be told, no longer                     */
    NODOSUM_FINGERS_MAX = 13,       /* log2(NODOSUM_MEMBERS_MAX): in each direction                         */
    NODOSUM_PUSH_MAX = 64,          /* pieces of news that wait to be pushed; gossip has the others         */
    NODOSUM_PUSH_GAP_MS = 2,        /* between two pushes of one's own: a storm of news shares packets       */
    NODOSUM_REAP_MS = 5000,         /* between two looks for members to forget                              */
    NODOSUM_MS = 1000,              /* microseconds                                                         */
};

struct nodosum_member {
    struct nodosum_id id;
    uint64_t short_id;
    uint64_t incarnation;
    uint64_t changed_us;          /* entered this state                                                     */
    uint64_t due_us;              /* of a suspicion: dead then                                              */
    uint64_t sworn;               /* it swore to this incarnation, with `word`; 0: to none                  */
    uint64_t pushed;              /* part of the ring that its news was pushed to from here: push.c         */
    uint64_t accuser[NODOSUM_ACCUSERS_MAX];
    uint32_t srtt_us, rttvar_us;  /* RFC 6298, section 2; 0: not measured                                   */
    uint16_t check;               /* of `about`: two lives may share an incarnation                         */
    uint16_t before, after;       /* in its level of news                                                   */
    uint8_t accusers, asked;      /* … and how often it was asked itself, near the end                      */
    uint8_t level;                /* times its news was told; NODOSUM_LEVELS: it has none                   */
    uint8_t state;                /* enum nodosum_state                                                     */
    bool is_stale;                /* `about` is of an earlier incarnation                                   */
    bool is_contested;            /* it is said to be something else, too, in this incarnation              */
    uint8_t word[NODOSUM_WORD_SIZE]; /* … of its own: while LEFT that it leaves in this incarnation        */
    struct nodosum_about about;
};

enum nodosum_slot_kind {
    NODOSUM_SLOT_FREE,
    NODOSUM_SLOT_PROBE,
    NODOSUM_SLOT_RELAY, /* a ping for another   */
    NODOSUM_SLOT_ENDED, /* answered or given up */
};

struct nodosum_slot {
    enum nodosum_slot_kind kind;
    uint32_t seq;
    uint16_t target;                  /* index; checked with target_id: members come and go                 */
    uint16_t asker;                   /* of a RELAY                                                         */
    uint32_t asker_seq;
    struct nodosum_id target_id, asker_id;
    uint64_t sent_us[NODOSUM_ATTEMPTS];
    uint64_t second_us, end_us;       /* the second attempt is due; it is given up                          */
    uint8_t attempts, helpers;
    uint8_t nacked;                   /* bit of a helper: it had no answer either                           */
    bool is_answered;
    bool tells_place;                 /* its pings say where this node is, and ask the same                 */
    uint16_t helper[NODOSUM_HELPERS];
};

struct nodosum_level {
    uint16_t first, last;
    uint32_t count;
};

struct nodosum {
    struct nodosum_tuning tuning;
    struct nodosum_words words;
    struct rate word_rate, doubt_rate;
    uint64_t begun;                   /* its first incarnation                                              */
    uint64_t swore_us, leapt_us;      /* 0: never                                                           */
    struct rng rng;
    uint64_t now_us;
    struct nodosum_effects *fx;       /* of the step being made                                             */
    uint64_t promised_us;             /* due_us of the last step                                            */
    struct nodosum_counters counters;
    uint32_t seeds;
    struct nodosum_address seed_at[NODOSUM_SEEDS_MAX];
    /* members; indexes are theirs while they are known */
    uint32_t members_max, count, living, suspects;
    struct nodosum_member *member;    /* [members_max]                                                      */
    uint16_t *sorted;                 /* [count] by id                                                      */
    uint16_t *ring;                   /* [living] by id: those that live, itself among them until it leaves */
    uint32_t ring_self;               /* its place there, or where it would be                              */
    uint16_t *order;                  /* [ordered] of probes, shuffled                                      */
    uint16_t *suspect;                /* [suspects]                                                         */
    uint16_t *vacant;                 /* [members_max - count]                                              */
    uint32_t ordered, next_probe;
    uint32_t next_finger;             /* to be probed                                                       */
    /* news to be pushed from here */
    uint16_t push[NODOSUM_PUSH_MAX];
    uint32_t pushes;
    uint64_t push_us, pushed_us;      /* next time; 0: none is planned. Last time                           */
    bool is_passing;                  /* what this packet says now is pushed by somebody else               */
    /* probes */
    uint32_t seq, health, probing, relaying;
    bool is_ring_turn;
    uint64_t period_us;               /* the next probe                                                     */
    uint32_t periods;                 /* begun                                                              */
    struct nodosum_place place;       /* where this node is                                                 */
    uint64_t placed_us;               /* when it said so first                                              */
    struct nodosum_slot slot[NODOSUM_SLOTS];
    /* news */
    struct nodosum_level level[NODOSUM_LEVELS];
    uint32_t hot;                     /* members with news                                                  */
    uint64_t gossip_us;               /* next round; 0: none is planned                                     */
    uint64_t gossiped_us;             /* last one                                                           */
    /* comparisons, joining, leaving */
    uint64_t sync_us, sync_gap_us, join_us, join_gap_us, reap_us, leave_us;
    struct rate sync_rate;
    bool is_leaving, has_left;
    /* journal */
    uint64_t revision;
    struct nodosum_event event[NODOSUM_EVENTS_MAX];
};

#endif
