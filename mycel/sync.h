/* How members bring each other what they lack: comparing sums of what both are to hold, speaking of single entries only where the sums
 * differ, and sending only those that the other one does not have; filling who began empty; handing over what is not a member's to hold
 * any more, which goes here once all its holders said that they have it. A step machine over a replica: events in, effects out; no
 * clock, no I/O, nothing is allocated.
 *
 * A member goes through its store in pages of a few slots ("a pass"). A page's entries are offered to those who may lack them, they say
 * which they want, these are sent. Nothing of a page is remembered but hashes and versions, and one page is under way at a time: that is
 * all the memory there is. Whoever is new in a membership asks all others for a whole pass before it is sure of what it lacks.
 *
 * Sources: DeCandia and others, "Dynamo", SOSP 2007, section 4.7; Jajodia, Mutchler, "Dynamic voting algorithms for maintaining the
 * consistency of a replicated database", ACM TODS 15(2), 1990 (who goes on after a split). docs/decisions/0033. */
#ifndef CELL_MYCEL_SYNC_H
#define CELL_MYCEL_SYNC_H

#include "mycel/replica.h"

enum {
    MYCEL_SYNC_ROUND_MS = 30000,     /* between comparisons with a member; up to MYCEL_SYNC_SLOW times as long after those that brought
                                        nothing, as when members have evicted different entries                        */
    MYCEL_SYNC_SLOW = 16,
    MYCEL_SYNC_SETTLE_MS = 2000,     /* what differs is looked at once more before it counts: writes are under way     */
    MYCEL_SYNC_RETRY_MS = 500,       /* without an answer a page is offered again, …                                   */
    MYCEL_SYNC_TRIES = 6,            /* … so often                                                                     */
    MYCEL_SYNC_ASK_MS = 1000,        /* who is not sure asks again                                                     */
    MYCEL_SYNC_AGAIN_MS = 3000,      /* until a pass is tried again that not all have confirmed                        */
    MYCEL_SYNC_WAIT_MS = 120000,     /* so long those are waited for who were there when this member was sure, if so many are
                                        away that a quorum of them may know what nobody else does. After that they are dead  */
    MYCEL_SYNC_KEEP_HOUSE_MS = 3600000, /* a pass at least so often: old tombstones are forgotten in it               */
    MYCEL_SYNC_PAGE_MAX = 64,        /* entries of a page                                                              */
    MYCEL_SYNC_SLOTS = 32,           /* slots of the index of a page: three in four of them are in use at most         */
    MYCEL_SYNC_STEPS = 512,          /* … that a step looks at                                                         */
    MYCEL_SYNC_ASKED_MS = 1000,      /* what was asked for is not asked for again, from whomever                       */
    MYCEL_SYNC_LATE_MS = 5000,       /* and later than that it is not taken: lives are told as what is left of them    */
    MYCEL_SYNC_VIEWS_MAX = 4,        /* memberships since one in which this member was sure                            */
    MYCEL_SYNC_ASKED_MAX = 1024,     /* entries that were asked for lately, so that two do not send the same            */
    MYCEL_SYNC_EFFECTS_MAX = 320,
};

enum mycel_sync_kind {
    MYCEL_SYNC_SUMS,    /* sums, nonce (0: no pass is asked for), is_answer                   */
    MYCEL_SYNC_OFFER,   /* page; one entry: key, copy without bytes but with its size, left_ms */
    MYCEL_SYNC_ANSWER,  /* page, hash, copy's version, verdict                                */
    MYCEL_SYNC_COPY,    /* page, key, copy, left_ms                                           */
    MYCEL_SYNC_DONE,    /* nonce: the pass that was asked for is over                         */
};

enum mycel_sync_verdict {
    MYCEL_SYNC_HAVE,    /* it, something later, or no room for it: nothing is to be sent */
    MYCEL_SYNC_WANT,
};

/* One message, or a part of one: a shell puts many for one member together. All of a view: one of another view is nothing. */
struct mycel_sync_message {
    enum mycel_sync_kind kind;
    uint64_t view, page, nonce, hash;
    bool is_answer;
    enum mycel_sync_verdict verdict;
    struct mycel_store_key key;
    struct mycel_version_copy copy;
    uint64_t left_ms;
    const uint64_t *sums;  /* MYCEL_REPLICA_RANGES */
};

enum mycel_sync_event_kind {
    MYCEL_SYNC_EV_HEARD,   /* message, from           */
    MYCEL_SYNC_EV_PLACE,   /* the members are others: place, borrowed until the next */
    MYCEL_SYNC_EV_CLOCK,
};

struct mycel_sync_event {
    enum mycel_sync_event_kind kind;
    uint64_t now_ms, wall_ms;            /* monotonic; since 1970 */
    uint64_t from;                       /* a member's id         */
    const struct mycel_sync_message *message;
    const struct mycel_place *place;
};

struct mycel_sync_effect {
    uint64_t to;                         /* a member's id; the message's pointers are valid until the next change of the store */
    struct mycel_sync_message message;
};

struct mycel_sync_effects {
    uint32_t count;
    struct mycel_sync_effect item[MYCEL_SYNC_EFFECTS_MAX];
};

struct mycel_sync_peer {
    uint64_t doubt[MYCEL_REPLICA_RANGES / 64], wanted[MYCEL_REPLICA_RANGES / 64], now[MYCEL_REPLICA_RANGES / 64]; /* now: of the pass */
    uint64_t asks, serves, served; /* nonce of a pass that he asked for, that the pass under way answers, that was over */
    uint64_t round_ms;       /* next comparison */
    bool is_done, is_behind; /* he told us all; he has not confirmed all of the pass */
};

/* An entry of the page: who is to confirm it, who has, who wants it, as bits by holder. */
struct mycel_sync_item {
    uint64_t hash;
    struct mycel_version version;
    uint8_t asked, has, wants;
    uint32_t holder[MYCEL_PLACE_REPLICAS_MAX];
    bool is_leaving, is_there;  /* there: it was when the page was read last */
};

struct mycel_sync_counts {
    uint64_t passes, offers, copies, copy_bytes, taken, left, forgotten, sums;
};

struct mycel_sync {
    struct mycel_replica *r;
    uint64_t self, bytes_per_s;
    struct mycel_sync_peer *peer;              /* by their places; of nodes_max */
    struct mycel_place before[MYCEL_SYNC_VIEWS_MAX]; /* since this member was sure, the first: when it was */
    uint32_t views;                            /* of them        */
    bool is_first, has_base, is_sure;          /* base: before[0] */
    bool is_blind;                             /* it is sure of nothing: it was in a minority, or there were too many memberships */
    uint64_t nonce, view_ms;                   /* of the passes this member asks for; since when the membership is what it is */
    /* the pass */
    bool is_passing, is_again, has_sent, is_for_sums, was_cut;
    uint32_t from, next, items, tries, slow;   /* from, next: the page's slots */
    uint64_t page, retry_ms, pass_ms;          /* pass_ms: the next one, if nothing else asks for it */
    struct mycel_sync_item item[MYCEL_SYNC_PAGE_MAX];
    int64_t credit;                            /* bytes that may be sent */
    uint64_t credit_ms;
    struct {
        uint64_t hash, stamp, at_ms;
    } asked[MYCEL_SYNC_ASKED_MAX];
    struct mycel_sync_counts counts;
};

/* r: begun, its place not set. peer: of r->nodes_max. bytes_per_s: of copies that are sent, > 0. is_first: the cluster begins with this
 * member's first membership; else it is not sure of anything before all others have told it what they have. seed: differs at each start. */
void mycel_sync_init(struct mycel_sync *s, struct mycel_replica *r, struct mycel_sync_peer *peer, uint64_t self, uint64_t bytes_per_s, bool is_first,
                     uint64_t seed, uint64_t now_ms);

/* Fills `fx` afresh. O(MYCEL_SYNC_STEPS) slots, and of a clock O(members). */
void mycel_sync_step(struct mycel_sync *s, const struct mycel_sync_event *ev, struct mycel_sync_effects *fx);
uint64_t mycel_sync_due_ms(const struct mycel_sync *s);

/* Whether this member has a say in what has that hash: it may have missed nothing that was acknowledged, beyond what a quorum allows for. If
 * not, it answers "unsure" to a read and to a write, which it takes (call.h); it does not take what it is no holder of. Who has changed
 * hands has no say for its new holder until all members have told him: whatever members see of a change, quorums of those who have one
 * meet. */
bool mycel_sync_has_say(const struct mycel_sync *s, uint64_t hash);

#endif
