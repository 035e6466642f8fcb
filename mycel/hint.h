/* Writes that wait for a replica who has not taken them: kept by whoever took the call, handed over when he is back, within bounds of
 * bytes, entries and age, for each of them and for all together. What does not fit is dropped and counted; comparing replicas (sync.h)
 * brings that. Of a key one write waits for a replica, the latest: never is an older one handed over after a newer one. A step machine
 * in memory of the caller; no clock, no I/O, nothing is allocated.
 *
 * Source: DeCandia and others, "Dynamo: Amazon's highly available key-value store", SOSP 2007, section 4.6. */
#ifndef CELL_MYCEL_HINT_H
#define CELL_MYCEL_HINT_H

#include "mycel/store.h"
#include "mycel/version.h"

enum {
    MYCEL_HINT_TARGETS_MAX = 1024,      /* as many as there are nodes                                             */
    MYCEL_HINT_WINDOW = 32,             /* on their way to one of them at a time                                  */
    MYCEL_HINT_RETRY_MS = 2000,         /* so long without an answer, and those on their way go again             */
    MYCEL_HINT_AGE_MS = 3600000,        /* the usual age: later than that comparing replicas is cheaper. It must
                                           be below a tombstone's: what was deleted is never handed over          */
    MYCEL_HINT_WORK_MAX = 64,           /* too old ones that go in a step                                         */
};

struct mycel_hint_limits {
    uint64_t bytes_max, target_bytes_max;      /* as they lie in memory; > 0, bytes_max below 8 GiB   */
    uint32_t entries_max, target_entries_max;  /* > 0, below 2^30                                     */
    uint64_t age_ms;                           /* 1 to MYCEL_VERSION_TOMBSTONE_MS / 2                 */
    uint16_t targets_max;                      /* 1 to MYCEL_HINT_TARGETS_MAX                         */
};

enum mycel_hint_event_kind {
    MYCEL_HINT_EV_KEEP,   /* to: the write of key, copy and left_ms */
    MYCEL_HINT_EV_BACK,   /* to: can be reached                     */
    MYCEL_HINT_EV_LOST,   /* to: cannot                             */
    MYCEL_HINT_EV_TAKEN,  /* to: has `number`, or something later   */
    MYCEL_HINT_EV_GONE,   /* to: is never coming back               */
    MYCEL_HINT_EV_CLOCK,  /* time passed                            */
};

struct mycel_hint_event {
    enum mycel_hint_event_kind kind;
    uint64_t now_ms;                 /* monotonic; it never goes back        */
    uint16_t to;                     /* below targets_max: whom the caller means by it */
    uint64_t number;
    struct mycel_store_key key;      /* these are copied                     */
    struct mycel_version_copy copy;  /* stamp > 0                            */
    uint64_t left_ms;                /* of its life, > 0; MYCEL_STORE_FOR_EVER */
};

/* `to` is sent a write; when he has it, EV_TAKEN with its number. What is over by now is sent as a tombstone of its version: he may have
 * something earlier that lives on. Key and bytes are valid until the next step. */
struct mycel_hint_effect {
    uint16_t to;
    uint64_t number;
    struct mycel_store_key key;
    struct mycel_version_copy copy;
    uint64_t left_ms;
};

struct mycel_hint_effects {
    uint8_t count;
    struct mycel_hint_effect item[MYCEL_HINT_WINDOW];
};

/* kept = handed + replaced + full + old + gone + what is there. */
struct mycel_hint_counts {
    uint64_t kept, handed;
    uint64_t replaced;   /* by a later write of the same key                          */
    uint64_t late;       /* not kept: a later one waits already                       */
    uint64_t refused;    /* not kept: larger than all that there may be               */
    uint64_t full;       /* dropped for room                                          */
    uint64_t old, gone;  /* … for their age, or with the replica                      */
    uint64_t sent;       /* also again                                                */
};

struct mycel_hint_target {
    uint32_t first, last, next;   /* blocks of the heap, in their order; next: to be sent, MYCEL_HEAP_NONE: none */
    uint32_t entries, on_way;
    uint64_t bytes, moved_ms;     /* when something was sent first, or taken last */
    bool is_back;
};

struct mycel_hint {
    struct mycel_hint_limits limits;
    struct mycel_heap heap;
    struct mycel_hint_target *target;
    uint32_t *chain, chains;      /* of keys' hashes; a power of two */
    uint32_t oldest, youngest;
    uint32_t entries;
    uint64_t bytes, number;
    uint16_t turn;                /* who is served first by the next clock */
    struct mycel_hint_counts counts;
    uint8_t hash_key[MYCEL_STORE_HASH_KEY];
};

/* Bytes of memory; 0: a limit is out of its range. */
size_t mycel_hint_bytes(const struct mycel_hint_limits *limits);

/* memory: of mycel_hint_bytes(limits), aligned to 8, borrowed. hash_key: drawn. ERR_INVALID: a limit is out of its range. */
enum err mycel_hint_init(struct mycel_hint *h, void *memory, const struct mycel_hint_limits *limits,
                         const uint8_t hash_key[MYCEL_STORE_HASH_KEY]) MUST_CHECK;

/* KEEP is O(1) but for the hints that go for room, CLOCK O(targets). Fills `fx` afresh. */
void mycel_hint_step(struct mycel_hint *h, const struct mycel_hint_event *ev, struct mycel_hint_effects *fx);

/* When EV_CLOCK is due; UINT64_MAX: nothing waits. O(targets). */
uint64_t mycel_hint_due_ms(const struct mycel_hint *h);

#endif
