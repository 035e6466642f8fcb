#include "raft/pace.h"

static bool is_quiet(const struct raft_pace *p, uint64_t now_us)
{
    return now_us - p->seen_us >= RAFT_PACE_QUIET_US;
}

bool raft_pace_may(struct raft_pace *p, uint64_t now_us, uint64_t work, uint64_t *ret_us)
{
    if (p->seen != work) {
        p->seen = work;
        p->seen_us = now_us;
    }
    if (now_us >= p->next_us || is_quiet(p, now_us)) {
        *ret_us = now_us;
        return true;
    }
    uint64_t quiet_us = p->seen_us + RAFT_PACE_QUIET_US;
    *ret_us = quiet_us < p->next_us ? quiet_us : p->next_us;
    return false;
}

void raft_pace_did(struct raft_pace *p, uint64_t began_us, uint64_t ended_us, uint64_t *ret_us)
{
    p->next_us = ended_us + RAFT_PACE_REST * (ended_us - began_us);
    *ret_us = is_quiet(p, ended_us) ? ended_us : p->next_us;
}
