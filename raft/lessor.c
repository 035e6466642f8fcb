#include "raft/lessor.h"

#include <assert.h>

void raft_lessor_lead(struct raft_lessor *l, uint64_t now_us, uint64_t applied_ms)
{
    *l = (struct raft_lessor){.is_leading = true, .time_us = applied_ms * 1000, .seen_us = now_us};
}

void raft_lessor_leave(struct raft_lessor *l)
{
    l->is_leading = false;
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
    return l->time_us / 1000;
}

bool raft_lessor_must_mark(const struct raft_lessor *l, uint64_t applied_ms, bool has_any)
{
    return l->is_leading && has_any && l->time_us / 1000 >= applied_ms + RAFT_LESSOR_MARK_MS;
}
