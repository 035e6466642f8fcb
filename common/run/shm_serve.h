/* Serving, also by a thread that waits for an answer. */
#ifndef CELL_COMMON_RUN_SHM_SERVE_H
#define CELL_COMMON_RUN_SHM_SERVE_H

#include "common/run/shm_bell.h"

/* Become the thread that serves. *ret_is_new: the right was free and must be given back. False: it is
 * another thread's. */
bool shm_serve_begin(struct shm *c, bool *ret_is_new);
void shm_serve_end(struct shm *c);

/* Whether the peer has said something that is not looked at yet; the serving thread only. Inline: once
 * a turn of every wait. */
static inline enum shm_core_sight shm_serve_peek(const struct shm *c)
{
    uint32_t used = __atomic_load_n(&c->peer_bell->used, __ATOMIC_RELAXED);
    enum shm_core_sight sight = SHM_CORE_NOTHING;

    used = used < c->shape.slots ? used : c->shape.slots;
    for (uint32_t i = 0; i < used; i++) {
        uint64_t theirs = shm_core_word(shm_core_peer_request(c, i));
        if (__builtin_expect(theirs == c->served[i].served.seen, 1)) {
            continue;
        }
        if (shm_slot_state(theirs) != SHM_SLOT_FILL || c->served[i].served.phase != SHM_SLOT_IDLE) {
            return SHM_CORE_READY;
        }
        sight = SHM_CORE_FILLING;
    }
    return sight;
}

/* Take at most `most` of what waits, as the serving thread; returns how many requests were taken. Slots come by turns:
 * those of a busy asker hold up no others. Who has a deadline takes one, and looks at the clock. */
size_t shm_serve_turn(struct shm *c, size_t most);

/* For a thread that is about to sleep outside: is there something to take? Whoever else serves sees to
 * it. */
bool shm_serve_pending(struct shm *c);
bool shm_ask_pending(const struct shm *c);

#endif
