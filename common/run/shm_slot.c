#include "common/run/shm_slot.h"

#include <assert.h>

#define SEQUENCE_ONE (UINT64_C(1) << SHM_SLOT_SEQUENCE_SHIFT)
#define GENERATION_ONE (UINT64_C(1) << SHM_SLOT_STATE_BITS)
#define GENERATION_MASK (((UINT64_C(1) << SHM_SLOT_GENERATION_BITS) - 1) << SHM_SLOT_STATE_BITS)

uint64_t shm_slot_fill(uint64_t mine)
{
    assert(shm_slot_state(mine) <= SHM_SLOT_VOID && shm_slot_state(mine) != SHM_SLOT_FILL);
    return shm_slot_with(mine + SEQUENCE_ONE, SHM_SLOT_FILL); /* the top bits wrap: meant */
}

uint64_t shm_slot_ask(uint64_t mine)
{
    assert(shm_slot_state(mine) <= SHM_SLOT_VOID);
    if (shm_slot_state(mine) != SHM_SLOT_FILL) {
        mine += SEQUENCE_ONE;
    }
    return shm_slot_with(mine, SHM_SLOT_ASK);
}

uint64_t shm_slot_disown(uint64_t mine)
{
    assert(shm_slot_state(mine) == SHM_SLOT_FILL || shm_slot_state(mine) == SHM_SLOT_ASK);
    uint64_t generation = (mine + GENERATION_ONE) & GENERATION_MASK;

    return shm_slot_with(((mine + SEQUENCE_ONE) & ~GENERATION_MASK) | generation, SHM_SLOT_VOID);
}

/* A new word while its predecessor is still held: only VOID is honest, and only once. */
static enum shm_slot_find find_while_held(struct shm_slot_served *s, uint64_t theirs)
{
    if (s->phase == SHM_SLOT_HELD && shm_slot_state(theirs) == SHM_SLOT_VOID) {
        s->phase = SHM_SLOT_ORPHANED;
        s->seen = theirs;
        return SHM_SLOT_NOTHING; /* DONE follows when the handler has finished */
    }
    s->seen = theirs;
    return SHM_SLOT_ILLEGAL;
}

enum shm_slot_find shm_slot_find(struct shm_slot_served *s, uint64_t theirs, uint64_t *ret_response)
{
    if (theirs == s->seen) {
        return SHM_SLOT_NOTHING;
    }
    if (s->phase != SHM_SLOT_IDLE) {
        return find_while_held(s, theirs);
    }
    switch (shm_slot_state(theirs)) {
    case SHM_SLOT_FILL:
        return SHM_SLOT_COMING; /* not remembered: the next look must find it again */
    case SHM_SLOT_ASK:
        s->seen = s->asked = theirs;
        s->phase = SHM_SLOT_HELD;
        return SHM_SLOT_TAKE;
    case SHM_SLOT_VOID:
        s->seen = theirs;
        *ret_response = shm_slot_with(theirs, SHM_SLOT_DONE);
        return SHM_SLOT_RELEASE;
    case SHM_SLOT_REST:
    case SHM_SLOT_ANSWER:
    case SHM_SLOT_REFUSE:
    case SHM_SLOT_DONE:
        break;
    }
    s->seen = theirs; /* also what is no state at all */
    return SHM_SLOT_ILLEGAL;
}

uint64_t shm_slot_filling(const struct shm_slot_served *s)
{
    assert(s->phase != SHM_SLOT_IDLE);
    return shm_slot_with(s->asked, SHM_SLOT_FILL);
}

uint64_t shm_slot_close(struct shm_slot_served *s, enum shm_slot_state state, uint64_t theirs,
                        bool *ret_is_late)
{
    uint64_t none;

    assert(s->phase != SHM_SLOT_IDLE);
    assert(state == SHM_SLOT_ANSWER || state == SHM_SLOT_REFUSE);
    (void)shm_slot_find(s, theirs, &none); /* held: it can only become orphaned, or be a lie */
    *ret_is_late = s->phase == SHM_SLOT_ORPHANED;
    s->phase = SHM_SLOT_IDLE;
    return *ret_is_late ? shm_slot_with(s->seen, SHM_SLOT_DONE) : shm_slot_with(s->asked, state);
}
