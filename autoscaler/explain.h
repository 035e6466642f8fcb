/* What was decided and why: a bounded ring of records, and each as one line that names metric, value, target and rule. */
#ifndef CELL_AUTOSCALER_EXPLAIN_H
#define CELL_AUTOSCALER_EXPLAIN_H

#include "autoscaler/rules.h"
#include "autoscaler/signal.h"

enum {
    AUTOSCALER_EXPLAIN_KEPT = 64,
    AUTOSCALER_EXPLAIN_LINE_SIZE = 512, /* with its end; a test has the longest */
};

/* X(constant, what it did). What a number came to lie at, or what kept it from being another. */
#define AUTOSCALER_EXPLAIN_LIMITS(X)                                                                                                       \
    X(NONE, "")                                                                                                                            \
    X(NOTHING_KNOWN, "held: no signal is believed")                                                                                        \
    X(SEASON, "as at this time of a day before")                                                                                           \
    X(UNSURE, "held: a signal is not believed")                                                                                            \
    X(EFFECT, "held: first to be seen whether more help")                                                                                  \
    X(WINDOW_UP, "held: the least wished in the window up")                                                                                \
    X(WINDOW_DOWN, "held: the most wished in the window down")                                                                             \
    X(NOT_WHOLE, "held: no window was seen whole since the start")                                                                         \
    X(COOLDOWN, "held: the last change is too recent")                                                                                     \
    X(STEP, "held: no further in a step's time")                                                                                           \
    X(IDLE, "held: the last instance stays until nothing came for idle_s")                                                                 \
    X(WAKE, "from zero: something came")                                                                                                   \
    X(MIN, "min")                                                                                                                          \
    X(MAX, "max")                                                                                                                          \
    X(SLOT_MIN, "min of the schedule")                                                                                                     \
    X(SLOT_MAX, "max of the schedule")                                                                                                     \
    X(CLOCK, "held: the clock jumped, and the schedule's bounds wait")

enum autoscaler_explain_limit {
#define X(constant, text) AUTOSCALER_EXPLAIN_##constant,
    AUTOSCALER_EXPLAIN_LIMITS(X)
#undef X
};

struct autoscaler_record {
    uint64_t wall_s;                        /* seconds since 1970, UTC                                  */
    uint16_t from, to, wish;                /* wish: by signals alone, what is held back included       */
    int8_t signal;                          /* index that wished most; -1: none is believed             */
    enum autoscaler_policy_kind kind;
    char name[AUTOSCALER_POLICY_NAME_SIZE];
    double value, target;
    enum autoscaler_explain_limit limit;    /* what bound it last                                       */
    int8_t doubted;                         /* index of the first signal that is not believed; -1: none */
    enum autoscaler_policy_kind doubted_kind;
    double doubted_value, doubted_target;
    enum autoscaler_signal_trust trust;     /* … and why                                                */
    uint16_t replaced;                      /* not ready in time, or failed                             */
    struct autoscaler_rules_reason rules;   /* of arrivals                                              */
};

struct autoscaler_explain {
    struct autoscaler_record record[AUTOSCALER_EXPLAIN_KEPT]; /* a ring */
    uint64_t count;                         /* ever */
};

/* Keep a record if it says something new: a change, or another reason for none. Seconds that repeat the last one are not kept. */
void autoscaler_explain_add(struct autoscaler_explain *e, const struct autoscaler_record *r);

/* The record that was kept `back` before the last; NULL: none, or it was written over. */
const struct autoscaler_record *autoscaler_explain_back(const struct autoscaler_explain *e, uint64_t back);

/* One line, terminated, without its end of line; the same record gives the same text. */
void autoscaler_explain_line(const struct autoscaler_record *r, char out[AUTOSCALER_EXPLAIN_LINE_SIZE]);

#endif
