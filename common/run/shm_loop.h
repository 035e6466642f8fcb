/* The one waiting loop, compiled into each of its users so that a turn has no call in it. */
#ifndef CELL_COMMON_RUN_SHM_LOOP_H
#define CELL_COMMON_RUN_SHM_LOOP_H

#include "common/run/shm_serve.h"

/* One wait of at most timeout_ms; UINT32_MAX: no bound. */
struct shm_loop {
    struct shm *channel;
    struct shm_wait *wait;
    struct shm_bell_nap nap; /* nap.deadline_ns 0: the clock was not needed so far */
    uint32_t timeout_ms;
};

static inline struct shm_loop shm_loop_begin(struct shm *c, struct shm_wait *wait,
                                             uint32_t timeout_ms)
{
    return (struct shm_loop){.channel = c,
                             .wait = wait,
                             .nap = {timeout_ms == UINT32_MAX ? UINT64_MAX : 0, false},
                             .timeout_ms = timeout_ms};
}

/* Whether the wait is over, at `now_ns`. The clock is first read when a spin did not suffice: the
 * deadline moves by that spin, at most SHM_WAIT_FILL_TIMES budgets. */
static inline bool shm_loop_is_late(struct shm_loop *l, uint64_t now_ns)
{
    if (l->nap.deadline_ns == 0) {
        l->nap.deadline_ns = now_ns + (uint64_t)l->timeout_ms * 1000000;
    }
    return now_ns >= l->nap.deadline_ns;
}

static inline bool shm_loop_is_over(const struct shm *c)
{
    return atomic_load_explicit(&c->over, memory_order_relaxed) != ERR_OK ||
           __atomic_load_n(&c->peer_bell->closed, __ATOMIC_RELAXED) != 0;
}

/* Spin for `turns`; 0 is one look and no more, whatever is being filled: nobody waits, or the peer needs this
 * processor for it. Returns the turns made; *ret is what the last look saw, *ret_ns the time taken from
 * turn SHM_CORE_LOOK_EVERY on, 0 if it did not come so far: the quick waits read no clock. */
static inline __attribute__((always_inline)) uint32_t
shm_loop_spin(struct shm_loop *l, uint32_t turns,
              enum shm_core_sight (*peek)(const void *context), const void *context,
              enum shm_core_sight *ret, uint64_t *ret_ns)
{
    uint64_t begun_ns = 0;
    bool is_filling = false;
    uint32_t i = 0;

    for (;;) {
        *ret = peek(context);
        if (*ret == SHM_CORE_READY) {
            break;
        }
        if (*ret == SHM_CORE_FILLING && !is_filling && turns > 0) {
            is_filling = true; /* once a wait: a mark that stays is a lie or a slow writer */
            turns = shm_wait_filling(l->wait);
        }
        if (i >= turns) {
            break;
        }
        __builtin_ia32_pause();
        i++;
        if (i % SHM_CORE_LOOK_EVERY == 0) {
            if (shm_loop_is_over(l->channel)) {
                break;
            }
            begun_ns = begun_ns == 0 ? shm_bell_now_ns() : begun_ns;
        }
    }
    *ret_ns = begun_ns == 0 || *ret == SHM_CORE_READY ? 0 : shm_bell_now_ns() - begun_ns;
    return i;
}

/* Spin, then sleep, until `peek` says READY. ERR_OK; ERR_TIMEOUT; or why the channel is over. */
static inline __attribute__((always_inline)) enum err
shm_loop_wait(struct shm_loop *l, enum shm_core_sight (*peek)(const void *context),
              const void *context)
{
    struct shm *c = l->channel;
    enum shm_core_sight sight;
    uint64_t spun_ns;

    l->nap.is_deep = false;
    for (;;) {
        uint32_t turns = l->timeout_ms == 0 ? 0 : shm_wait_begin(l->wait, shm_core_is_same_cpu(c));
        uint32_t made = shm_loop_spin(l, turns, peek, context, &sight, &spun_ns);
        if (sight == SHM_CORE_READY) {
            if (!shm_wait_is_clean(l->wait) && made > 0) {
                shm_wait_hit(l->wait);
            }
            shm_core_count(&c->count->spins);
            return ERR_OK;
        }
        if (made > SHM_CORE_LOOK_EVERY) {
            shm_wait_miss(l->wait, made - SHM_CORE_LOOK_EVERY, spun_ns);
        }
        if (shm_loop_is_over(c) && shm_bell_check(c) != ERR_OK) {
            return peek(context) == SHM_CORE_READY ? ERR_OK : shm_bell_check(c);
        }
        if (l->timeout_ms == 0 || shm_loop_is_late(l, shm_bell_now_ns())) {
            return ERR_TIMEOUT;
        }
        shm_core_count(&c->count->sleeps);
        shm_bell_sleep(c, &l->nap, peek, context);
        if (peek(context) == SHM_CORE_READY) {
            return ERR_OK;
        }
    }
}

#endif
