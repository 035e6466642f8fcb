/* From a number to instances: orders to places, looked after until they have happened. Each instance has a slot, and a slot one order at
 * a time; what has not happened in time is undone and begun elsewhere, later each time. Whoever decides has a term (of the election that
 * made it the decider); a place obeys the highest that it has heard. No clock, no I/O, no allocation.
 *
 * Sources: Gray, Cheriton, "Leases", 1989, and Burrows, "The Chubby lock service", 2006, section 2.4 (sequencers: who is late with an old
 * order is refused where it is obeyed, not where it is given). */
#ifndef CELL_AUTOSCALER_ACTS_H
#define CELL_AUTOSCALER_ACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    AUTOSCALER_ACTS_SLOTS_MAX = 1024, /* instances of a service that one decider looks after */
    AUTOSCALER_ACTS_PLACES_MAX = 64,  /* nodes */
    AUTOSCALER_ACTS_BACKOFF_S = 1,    /* before the second try of a slot; doubles, up to … */
    AUTOSCALER_ACTS_BACKOFF_MAX_S = 64,
};

enum autoscaler_acts_state {
    AUTOSCALER_ACTS_EMPTY,
    AUTOSCALER_ACTS_ASKED,    /* to start; until deadline                                     */
    AUTOSCALER_ACTS_SERVING,
    AUTOSCALER_ACTS_DRAINING, /* asked again after each deadline: only its own place can      */
    AUTOSCALER_ACTS_CLEARING, /* a start that is late is undone before it is begun elsewhere  */
    AUTOSCALER_ACTS_WAITING,  /* for its next try                                             */
};

enum autoscaler_acts_kind {
    AUTOSCALER_ACTS_TERM,  /* obey this term from now on, and report what there is */
    AUTOSCALER_ACTS_START,
    AUTOSCALER_ACTS_DRAIN, /* … or undo a start                                    */
};

struct autoscaler_order {
    enum autoscaler_acts_kind kind;
    uint64_t term;
    uint32_t slot, place;
};

struct autoscaler_orders {
    struct autoscaler_order item[AUTOSCALER_ACTS_SLOTS_MAX + AUTOSCALER_ACTS_PLACES_MAX];
    size_t count;
};

struct autoscaler_acts_slot {
    enum autoscaler_acts_state state;
    uint32_t place, tries;
    uint64_t until_s; /* deadline, or when it is tried again */
};

struct autoscaler_acts {
    uint64_t term;
    uint32_t places, start_s, drain_s; /* deadlines */
    uint64_t taken_s;                  /* until then it waits for reports of places */
    bool is_taking, has_reported[AUTOSCALER_ACTS_PLACES_MAX];
    struct autoscaler_acts_slot slot[AUTOSCALER_ACTS_SLOTS_MAX];
};

/* places: 1 to AUTOSCALER_ACTS_PLACES_MAX; deadlines of a start and a drain in seconds, 1 or more: ERR_INVALID. */
enum err autoscaler_acts_init(struct autoscaler_acts *a, uint32_t places, uint32_t start_s, uint32_t drain_s) MUST_CHECK;

/* Be the decider of `term`: nothing is started before each place has reported, or start_s have passed. What was known is forgotten.
 * ERR_PRECONDITION: the term is not higher than the last. */
enum err autoscaler_acts_lead(struct autoscaler_acts *a, uint64_t term, uint64_t now_s, struct autoscaler_orders *ret) MUST_CHECK;

/* A place has told all of its slots to this term. */
void autoscaler_acts_reported(struct autoscaler_acts *a, uint32_t place, uint64_t term);

/* An instance serves, or is gone (ended, failed, refused). Of another place than the slot's: it is told to go. */
void autoscaler_acts_serves(struct autoscaler_acts *a, uint32_t slot, uint32_t place, struct autoscaler_orders *ret);
void autoscaler_acts_gone(struct autoscaler_acts *a, uint32_t slot, uint32_t place, uint64_t now_s);

/* A second: towards `wanted` (at most AUTOSCALER_ACTS_SLOTS_MAX). go: slots that serve, in the order in which they are to go (choice.h);
 * those missing go last. `ret` is filled afresh, here and above. */
void autoscaler_acts_step(struct autoscaler_acts *a, uint64_t now_s, uint32_t wanted, const uint32_t *go, size_t go_count,
                          struct autoscaler_orders *ret);

/* At a place: whether an order is obeyed. ERR_PRECONDITION: of an older term. ERR_EXISTS: a start of a slot that is there already. */
enum err autoscaler_acts_obey(uint64_t *term, const struct autoscaler_order *order, bool is_there) MUST_CHECK;

#endif
