/* What one signal says: whether it is to be believed, and how many instances it wants. */
#ifndef CELL_AUTOSCALER_SIGNAL_H
#define CELL_AUTOSCALER_SIGNAL_H

#include "autoscaler/policy.h"

enum {
    AUTOSCALER_SIGNAL_DOUBT_S = 1200, /* for so long a sudden 0 is doubted that nothing else speaks for or against    */
    AUTOSCALER_SIGNAL_SETTLE_S = 30,  /* for so long more instances must have served before they can be held useless   */
    AUTOSCALER_SIGNAL_PAUSE_S = 300,  /* first pause after growth that changed nothing; doubles, up to an hour         */
};

/* X(constant, what it reads as). One that is BELIEVED counts, and one that is STILL: that all stand still may be so, or all come from
 * one place that is broken, so the time of day is asked, too (season.h). Any other but NONE keeps the number from falling; of these only STUCK still asks for what it last said: doubt of it is to cost instances, not service. */
#define AUTOSCALER_SIGNAL_TRUSTS(X)                                                                                                        \
    X(BELIEVED, "believed")                                                                                                                \
    X(STILL, "believed, as all others stand still, too")                                                                                   \
    X(NONE, "of nobody: no instance serves")                                                                                               \
    X(ABSENT, "not heard")                                                                                                                 \
    X(ODD, "no number")                                                                                                                    \
    X(STALE, "too old")                                                                                                                    \
    X(PARTIAL, "of too few instances")                                                                                                     \
    X(ZERO, "0 of a sudden, from a busy service")                                                                                          \
    X(STUCK, "the same for too long to be chance")                                                                                         \
    X(FUTILE, "no lower though there are more instances")

enum autoscaler_signal_trust {
#define X(constant, text) AUTOSCALER_SIGNAL_##constant,
    AUTOSCALER_SIGNAL_TRUSTS(X)
#undef X
};

/* What came of a signal in a second. */
struct autoscaler_heard {
    double value;
    uint32_t age_s; /* of the oldest part of it                            */
    uint32_t of;    /* instances whose it is; what is of all counts as all */
    bool is_there;
};

/* What is remembered of one; zeroed to begin. */
struct autoscaler_signal {
    double last, level;       /* as read; smoothed over 20 s, of what was believed       */
    double gap_s;             /* between changes, of the last ten or so                  */
    double base_value;        /* when it began to want more …                            */
    uint32_t base;            /* … and how many served then; 0: it does not              */
    uint32_t same_s, changes, zero_s, settled_s;
    uint32_t paused_s, pause_s; /* how long it may want no more; the last pause          */
    bool has_last;
};

/* Other signals' word on whether the service does anything. */
enum autoscaler_signal_word { AUTOSCALER_SIGNAL_SILENT, AUTOSCALER_SIGNAL_IDLE, AUTOSCALER_SIGNAL_BUSY };

/* Whether it is heard at all, by this second alone. */
enum autoscaler_signal_trust autoscaler_signal_look(const struct autoscaler_policy *p, size_t index, const struct autoscaler_heard *h,
                                                    uint32_t serving);

/* What one that is heard says of the service: nothing if it is 0, since whoever measures nothing says 0, too. */
enum autoscaler_signal_word autoscaler_signal_word(const struct autoscaler_policy_signal *s, const struct autoscaler_heard *h);

/* … and by what was before, and what others say. are_others_still: there are others, and none of them moves either. */
enum autoscaler_signal_trust autoscaler_signal_doubt(struct autoscaler_signal *m, const struct autoscaler_policy_signal *s,
                                                     const struct autoscaler_heard *h, enum autoscaler_signal_word others,
                                                     bool are_others_still);

/* How many it wants where `there` are asked for and serving serve; not of ARRIVALS. Less only as if those not heard were full. */
uint32_t autoscaler_signal_wish(const struct autoscaler_policy *p, size_t index, const struct autoscaler_heard *h, uint32_t serving,
                                uint32_t there);

/* The most it may want until it is seen whether more instances help: twice as many as served when it began to want more, or 4 more; 0: they
 * did not, so no more than there are for a while, and only an eighth more after it. UINT32_MAX: no matter. Signals that are of all, and a
 * processor that is busy to its end, cannot fall and have no such limit. */
uint32_t autoscaler_signal_bound(struct autoscaler_signal *m, const struct autoscaler_policy_signal *s, double value, uint32_t serving);

const char *autoscaler_signal_trust_text(enum autoscaler_signal_trust trust);

#endif
