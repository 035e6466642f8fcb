#include "nucleus/node_backoff.h"

#include <assert.h>
#include <string.h>

_Static_assert((int)NODE_CRASHES_MAX >= (int)MANIFEST_GIVE_UP_MAX, "every count a manifest may say");

/* The wait before attempt number `fails` of a row, without jitter: first, then doubling, capped. */
static uint32_t plain_wait(const struct node_backoff *policy, uint32_t fails)
{
    uint64_t wait = policy->first_ms;
    uint32_t doublings = fails - 1;

    assert(fails > 0);
    if (wait == 0 && doublings > 0) {
        wait = NODE_BACKOFF_FROM_MS;
        doublings--;
    }
    while (doublings-- > 0 && wait < policy->max_ms && wait != 0) {
        wait *= 2;
    }
    return wait < policy->max_ms ? (uint32_t)wait : policy->max_ms;
}

static uint32_t add_jitter(uint32_t wait, uint32_t max_ms, struct rng *rng)
{
    uint64_t spread = (uint64_t)wait * NODE_BACKOFF_JITTER / 100;
    uint64_t drawn = wait - spread + rng_below(rng, 2 * spread + 1);

    return drawn < max_ms ? (uint32_t)drawn : max_ms;
}

/* Whether the newest give_up_count crashes all lie within give_up_ms. */
static bool is_too_often(const struct node_backoff *policy, const struct node_instance *i,
                         uint64_t now_ms)
{
    uint32_t count = policy->give_up_count;

    assert(count <= NODE_CRASHES_MAX);
    if (count == 0 || i->crash_count < count) {
        return false;
    }
    return now_ms - i->crash_ms[(i->crash_count - count) % NODE_CRASHES_MAX] <= policy->give_up_ms;
}

bool node_backoff_crash(const struct node_backoff *policy, struct node_instance *i, uint64_t now_ms,
                        struct rng *rng, uint32_t *ret_wait_ms)
{
    /* Without this reset a back-off stays at its maximum for ever, and a single late crash after
     * a month costs the longest wait. */
    if (i->ready_at_ms != 0 && now_ms - i->ready_at_ms >= policy->stable_ms) {
        i->fails = 0;
    }
    i->fails += i->fails < UINT32_MAX;
    i->crash_ms[i->crash_count % NODE_CRASHES_MAX] = now_ms;
    i->crash_count++;
    if (is_too_often(policy, i, now_ms)) {
        return false;
    }
    i->backoff_ms = add_jitter(plain_wait(policy, i->fails), policy->max_ms, rng);
    assert(i->backoff_ms <= policy->max_ms);
    *ret_wait_ms = i->backoff_ms;
    return true;
}

void node_backoff_reset(struct node_instance *i)
{
    i->fails = 0;
    i->backoff_ms = 0;
    i->crash_count = 0;
    memset(i->crash_ms, 0, sizeof i->crash_ms);
}
