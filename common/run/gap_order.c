/* The order of messages on a gap junction: who may say what, when. Pure. */
#include <assert.h>

#include "common/run/gap.h"

static enum err move(enum gap_state *state, bool allowed, enum gap_state next)
{
    if (!allowed) {
        return ERR_PRECONDITION;
    }
    *state = next;
    return ERR_OK;
}

enum err gap_step_from_cell(enum gap_state *state, const Cell__Gap__ToNucleus *message)
{
    enum gap_state now = *state;
    /* Alive and told who it is, not yet finished. */
    bool is_born = now >= GAP_GENESIS && now < GAP_STOPPED;

    assert(now <= GAP_STOPPED);
    switch (message->what_case) {
    case CELL__GAP__TO_NUCLEUS__WHAT_BOOTING:
        return move(state, now == GAP_GENESIS, GAP_BOOTING);
    case CELL__GAP__TO_NUCLEUS__WHAT_LISTENING:
        /* A door may be added at any time: the first moves the state, later ones do not. */
        return move(state, now >= GAP_BOOTING && now < GAP_STOPPED,
                    now == GAP_BOOTING ? GAP_LISTENING : now);
    case CELL__GAP__TO_NUCLEUS__WHAT_READY:
        return move(state, now == GAP_LISTENING, GAP_READY);
    case CELL__GAP__TO_NUCLEUS__WHAT_DRAINING:
        return move(state, now >= GAP_BOOTING && now < GAP_DRAINING, GAP_DRAINING);
    case CELL__GAP__TO_NUCLEUS__WHAT_STOPPED:
        return move(state, is_born, GAP_STOPPED);
    case CELL__GAP__TO_NUCLEUS__WHAT_LOG_FILE_TAKEN:
    case CELL__GAP__TO_NUCLEUS__WHAT_CONNECT:
        return move(state, is_born, now);
    case CELL__GAP__TO_NUCLEUS__WHAT_REJOIN:
        return move(state, now == GAP_NEW, GAP_NEW);
    case CELL__GAP__TO_NUCLEUS__WHAT__NOT_SET:
    case _CELL__GAP__TO_NUCLEUS__WHAT__CASE_IS_INT_SIZE:
        break;
    }
    return ERR_PRECONDITION;
}

enum err gap_step_from_nucleus(enum gap_state *state, const Cell__Gap__ToCell *message)
{
    enum gap_state now = *state;
    bool is_born = now >= GAP_GENESIS && now < GAP_STOPPED;

    assert(now <= GAP_STOPPED);
    switch (message->what_case) {
    case CELL__GAP__TO_CELL__WHAT_GENESIS:
        return move(state, now == GAP_NEW, GAP_GENESIS);
    case CELL__GAP__TO_CELL__WHAT_WELCOME:
        /* The cell that rejoins knows how far it is; its end sets the state itself. */
        return move(state, now == GAP_NEW, GAP_GENESIS);
    case CELL__GAP__TO_CELL__WHAT_GRANT:
    case CELL__GAP__TO_CELL__WHAT_DRAIN:
    case CELL__GAP__TO_CELL__WHAT_TERMINATE:
    case CELL__GAP__TO_CELL__WHAT_LOG_FILE:
    case CELL__GAP__TO_CELL__WHAT_CHANNEL:
        return move(state, is_born, now);
    case CELL__GAP__TO_CELL__WHAT__NOT_SET:
    case _CELL__GAP__TO_CELL__WHAT__CASE_IS_INT_SIZE:
        break;
    }
    return ERR_PRECONDITION;
}

const char *gap_state_name(enum gap_state state)
{
    static const char *const name[] = {"new",   "genesis",  "booting", "listening",
                                       "ready", "draining", "stopped"};

    assert(state <= GAP_STOPPED);
    return name[state];
}
