#include "raft/lessor.h"

#include <assert.h>

void raft_lessor_elect(struct raft_lessor *l, uint64_t applied_ms, uint64_t term_before)
{
    uint64_t heard_ms = l->heard_term >= term_before ? l->heard_ms : 0;

    *l = (struct raft_lessor){.time_us = (applied_ms > heard_ms ? applied_ms : heard_ms) * 1000};
}

void raft_lessor_lead(struct raft_lessor *l, uint64_t now_us, uint64_t applied_ms)
{
    l->is_leading = true;
    l->time_us = applied_ms * 1000 > l->time_us ? applied_ms * 1000 : l->time_us;
    l->seen_us = now_us;
}

void raft_lessor_hear(struct raft_lessor *l, uint64_t term, uint64_t time_ms)
{
    bool is_later = term > l->heard_term || (term == l->heard_term && time_ms > l->heard_ms);

    l->heard_ms = is_later ? time_ms : l->heard_ms;
    l->heard_term = is_later ? term : l->heard_term;
}

void raft_lessor_leave(struct raft_lessor *l)
{
    l->is_leading = false;
    l->time_us = 0; /* from now on it is the next one's affair */
}

uint64_t raft_lessor_time_ms(struct raft_lessor *l, uint64_t now_us, uint64_t applied_ms)
{
    uint64_t gap_us = now_us > l->seen_us ? now_us - l->seen_us : 0;
    uint64_t gap_most_us = (uint64_t)RAFT_LESSOR_GAP_MS * 1000;

    if (l->is_leading) {
        l->time_us += gap_us < gap_most_us ? gap_us : gap_most_us;
        l->seen_us += gap_us;
    }
    /* Entries of the leader before may be applied after this one began. */
    if (l->time_us < applied_ms * 1000) {
        l->time_us = applied_ms * 1000;
    }
    /* Whoever follows says how late it is as he heard it: he writes nothing by that. */
    return l->is_leading || l->time_us / 1000 > l->heard_ms ? l->time_us / 1000 : l->heard_ms;
}

bool raft_lessor_must_mark(const struct raft_lessor *l, uint64_t applied_ms, bool has_any)
{
    return l->is_leading && has_any && l->time_us / 1000 >= applied_ms + RAFT_LESSOR_MARK_MS;
}
