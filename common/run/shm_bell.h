/* Waking the peer, sleeping until it wakes us, and knowing that it lives. */
#ifndef CELL_COMMON_RUN_SHM_BELL_H
#define CELL_COMMON_RUN_SHM_BELL_H

#include <sys/rseq.h>

#include "common/run/shm_core.h"

/* What a look at shared memory found. */
enum shm_core_sight {
    SHM_CORE_NOTHING,
    SHM_CORE_FILLING,
    SHM_CORE_READY,
};

/* The processor this thread runs on, plus 1; 0: unknown. A load, where libc has registered rseq. */
static inline uint32_t shm_core_cpu(void)
{
    if (__rseq_size == 0) {
        return 0;
    }
    const struct rseq *area =
        (const struct rseq *)((const char *)__builtin_thread_pointer() + __rseq_offset);
    return *(const volatile uint32_t *)&area->cpu_id + 1; /* RSEQ_CPU_ID_UNINITIALIZED + 1 is 0 */
}

static inline bool shm_core_is_same_cpu(const struct shm *c)
{
    uint32_t cpu = shm_core_cpu();

    return cpu != 0 && __atomic_load_n(&c->peer_bell->cpu, __ATOMIC_RELAXED) == cpu;
}

/* The peer sleeps, as the words just read say: wake it unless it is being woken already. `wait` learns
 * what that costs; NULL: nobody does. */
void shm_bell_wake(struct shm *c, struct shm_wait *wait, uint32_t naps, bool is_on_futex,
                   uint32_t socket_naps);

/* Let the peer know which processor we speak from, before we publish something. */
static inline void shm_bell_here(struct shm *c)
{
    uint32_t cpu = shm_core_cpu();

    if (cpu != __atomic_load_n(&c->bell->cpu, __ATOMIC_RELAXED)) {
        __atomic_store_n(&c->bell->cpu, cpu, __ATOMIC_RELAXED);
    }
}

/* Something was published, by a sequentially consistent store: see to it that the peer notices. The
 * store comes before this look at the doorbell; a sleeper orders them the other way round. */
static inline void shm_bell_look(struct shm *c, struct shm_wait *wait)
{
    uint32_t sleepers = __atomic_load_n(&c->peer_bell->sleepers, __ATOMIC_SEQ_CST);
    uint32_t socket_naps = __atomic_load_n(&c->peer_bell->socket_naps, __ATOMIC_SEQ_CST);
    if (__builtin_expect(sleepers == 0 && socket_naps % 2 == 0, 1)) {
        shm_core_count(&c->count->elided);
        return;
    }
    uint32_t naps = __atomic_load_n(&c->peer_bell->naps, __ATOMIC_SEQ_CST);
    shm_bell_wake(c, wait, naps, sleepers != 0, socket_naps);
}

/* Publish `word` in a slot of ours and see to it that the peer notices. */
static inline void shm_bell_publish(struct shm *c, struct shm_slot_mem *slot, uint64_t word,
                                    struct shm_wait *wait)
{
    shm_bell_here(c);
    (void)__atomic_exchange_n(&slot->word, word, __ATOMIC_SEQ_CST);
    shm_bell_look(c, wait);
}

/* How far a wait has gone into the kernel. */
struct shm_bell_nap {
    uint64_t deadline_ns; /* monotonic; UINT64_MAX: none                                */
    bool is_deep;         /* a slice on the futex went by: wait on the socket           */
};

/* Sleep until the peer rings, a slice is over, the peer has ended or the deadline has passed; `peek`
 * is asked again after the peer can know that we sleep. Spurious returns are normal. */
void shm_bell_sleep(struct shm *c, struct shm_bell_nap *nap,
                    enum shm_core_sight (*peek)(const void *context), const void *context);

/* Look whether the peer has closed or ended; sets and returns c->over. Two system calls. */
enum err shm_bell_check(struct shm *c);

uint64_t shm_bell_now_ns(void);

/* What a turn of a spinning wait costs here, picoseconds; measured once a process. */
uint32_t shm_bell_turn_ps(void);

#endif
