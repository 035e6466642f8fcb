/* The order of messages on a gap junction, for every state and every message, both ways. */
#include "common/run/gap.h"
#include "tests/support/check.h"

enum {
    STATES = GAP_STOPPED + 1,
    NO = -1, /* refused: the state stays */
};

#define SAYS(what) CELL__GAP__TO_NUCLEUS__WHAT_##what
#define TOLD(what) CELL__GAP__TO_CELL__WHAT_##what

/* The state after each message, for each state before it. */
static const struct {
    Cell__Gap__ToNucleus__WhatCase what;
    int next[STATES]; /* from NEW, GENESIS, BOOTING, LISTENING, READY, DRAINING, STOPPED */
    const char *why;
} from_cell[] = {
    {SAYS(BOOTING), {NO, GAP_BOOTING, NO, NO, NO, NO, NO}, "once, first of all"},
    {SAYS(LISTENING),
     {NO, NO, GAP_LISTENING, GAP_LISTENING, GAP_READY, GAP_DRAINING, NO},
     "from booting on, and again for every door that is added"},
    {SAYS(READY), {NO, NO, NO, GAP_READY, NO, NO, NO}, "once, when it listens"},
    {SAYS(DRAINING), {NO, NO, GAP_DRAINING, GAP_DRAINING, GAP_DRAINING, NO, NO}, "once, from booting on"},
    {SAYS(STOPPED),
     {NO, GAP_STOPPED, GAP_STOPPED, GAP_STOPPED, GAP_STOPPED, GAP_STOPPED, NO},
     "whenever it knows who it is, and nothing after it"},
    {SAYS(LOG_FILE_TAKEN),
     {NO, GAP_GENESIS, GAP_BOOTING, GAP_LISTENING, GAP_READY, GAP_DRAINING, NO},
     "whenever it lives"},
    {SAYS(CONNECT), {NO, GAP_GENESIS, GAP_BOOTING, GAP_LISTENING, GAP_READY, GAP_DRAINING, NO},
     "likewise: who it may call was settled when its doors were"},
    {SAYS(REJOIN), {GAP_NEW, NO, NO, NO, NO, NO, NO}, "on a new junction only"},
    {SAYS(_NOT_SET), {NO, NO, NO, NO, NO, NO, NO}, "an empty message is none"},
    {(Cell__Gap__ToNucleus__WhatCase)99, {NO, NO, NO, NO, NO, NO, NO}, "nor is an unknown one"},
};

static const struct {
    Cell__Gap__ToCell__WhatCase what;
    int next[STATES];
    const char *why;
} from_nucleus[] = {
    {TOLD(GENESIS), {GAP_GENESIS, NO, NO, NO, NO, NO, NO}, "first and once"},
    {TOLD(WELCOME), {GAP_GENESIS, NO, NO, NO, NO, NO, NO}, "on a new junction, in its place"},
    {TOLD(GRANT), {NO, GAP_GENESIS, GAP_BOOTING, GAP_LISTENING, GAP_READY, GAP_DRAINING, NO},
     "while it lives"},
    {TOLD(DRAIN), {NO, GAP_GENESIS, GAP_BOOTING, GAP_LISTENING, GAP_READY, GAP_DRAINING, NO},
     "likewise: the cell says when it drains"},
    {TOLD(TERMINATE), {NO, GAP_GENESIS, GAP_BOOTING, GAP_LISTENING, GAP_READY, GAP_DRAINING, NO},
     "likewise"},
    {TOLD(LOG_FILE), {NO, GAP_GENESIS, GAP_BOOTING, GAP_LISTENING, GAP_READY, GAP_DRAINING, NO},
     "likewise"},
    {TOLD(CHANNEL), {NO, GAP_GENESIS, GAP_BOOTING, GAP_LISTENING, GAP_READY, GAP_DRAINING, NO},
     "likewise"},
    {TOLD(_NOT_SET), {NO, NO, NO, NO, NO, NO, NO}, "an empty message is none"},
    {(Cell__Gap__ToCell__WhatCase)99, {NO, NO, NO, NO, NO, NO, NO}, "nor is an unknown one"},
};

static void check(enum err e, enum gap_state before, enum gap_state after, int next, int what,
                  const char *why)
{
    if (next == NO) {
        CHECK(e == ERR_PRECONDITION && after == before, "message %d in %s is refused: %s", what,
              gap_state_name(before), why);
    } else {
        CHECK(e == ERR_OK && (int)after == next, "message %d in %s leads to %s, not %s: %s", what,
              gap_state_name(before), gap_state_name((enum gap_state)next), gap_state_name(after), why);
    }
}

int main(void)
{
    for (int s = 0; s < STATES; s++) {
        for (size_t i = 0; i < sizeof from_cell / sizeof from_cell[0]; i++) {
            enum gap_state state = (enum gap_state)s;
            Cell__Gap__ToNucleus message = CELL__GAP__TO_NUCLEUS__INIT;
            message.what_case = from_cell[i].what;
            enum err e = gap_step_from_cell(&state, &message);
            check(e, (enum gap_state)s, state, from_cell[i].next[s], (int)message.what_case,
                  from_cell[i].why);
        }
        for (size_t i = 0; i < sizeof from_nucleus / sizeof from_nucleus[0]; i++) {
            enum gap_state state = (enum gap_state)s;
            Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
            message.what_case = from_nucleus[i].what;
            enum err e = gap_step_from_nucleus(&state, &message);
            check(e, (enum gap_state)s, state, from_nucleus[i].next[s], (int)message.what_case,
                  from_nucleus[i].why);
        }
        for (int t = 0; t < s; t++) {
            CHECK(gap_state_name((enum gap_state)s) != gap_state_name((enum gap_state)t),
                  "states %d and %d have names of their own", s, t);
        }
    }
    return CHECK_RESULT();
}
