/* The end that reads. */
#include <assert.h>
#include <string.h>

#include "common/run/shm_ring.h"
#include "common/run/shm_ring_word.h"

enum err shm_ring_in_init(struct shm_ring_in *in, void *own, const void *peer,
                          uint64_t region_bytes)
{
    uint64_t capacity = shm_ring_capacity(region_bytes);

    if (capacity == 0) {
        return ERR_INVALID;
    }
    assert((uintptr_t)own % SHM_RING_ENDS == 0 && (uintptr_t)peer % SHM_RING_ENDS == 0);
    memset(in, 0, offsetof(struct shm_ring_in, lent)); /* a place is written before it is read */
    in->data = (const uint8_t *)peer + SHM_RING_ENDS;
    in->capacity = capacity;
    in->own = own;
    in->peer = peer;
    in->fault = ERR_OK;
    return ERR_OK;
}

static enum err broken(struct shm_ring_in *in)
{
    in->fault = ERR_MALFORMED;
    return ERR_MALFORMED;
}

/* Whether an honest producer can have `span` bytes here: inside the ring, and with the word behind
 * them inside what it knows to be free. This also bounds every walk: nothing is told meanwhile, so
 * the words of a hostile producer lead at most once around. */
static bool is_possible(const struct shm_ring_in *in, uint64_t span)
{
    uint64_t offset = in->next & (in->capacity - 1);

    assert(in->next >= in->published && in->next - in->published <= in->capacity);
    return span >= SHM_RING_WORD && span % SHM_RING_WORD == 0 && span <= in->capacity - offset &&
           span + SHM_RING_WORD <= in->capacity - (in->next - in->published);
}

/* The record at `next` is taken and not given back yet. */
static void lend(struct shm_ring_in *in, uint64_t word, struct shm_ring_loan *ret)
{
    uint32_t size = shm_ring_word_size(word);
    uint32_t index = (in->loan_first + in->loan_count) % SHM_RING_LOANS_MAX;

    *ret = (struct shm_ring_loan){
        .payload = in->data + (in->next & (in->capacity - 1)) + SHM_RING_WORD, .size = size,
        .tag = shm_ring_word_tag(word), .position = in->next, .index = index};
    in->lent[index] = (struct shm_ring_lent){.end = in->next + shm_ring_span(size),
                                             .position_and_free = in->next};
    in->next = in->lent[index].end;
    in->loan_count++;
    in->taken++;
}

/* Nothing to see in `span` bytes. They go back with the loan that follows, or at once. */
static enum err pass(struct shm_ring_in *in, uint64_t span)
{
    if (!is_possible(in, span)) {
        return broken(in);
    }
    in->next += span;
    if (in->loan_count == 0) {
        in->released = in->next;
    }
    return ERR_OK;
}

enum err shm_ring_take(struct shm_ring_in *in, struct shm_ring_loan *ret)
{
    /* Before the words: whoever was dead when we asked has written all that it ever will. */
    bool is_dead = atomic_load_explicit(&in->is_dead, memory_order_acquire);

    in->is_filling = false;
    while (in->fault == ERR_OK) {
        /* The one load of this word: everything below is about the copy. */
        uint64_t word = atomic_load_explicit(shm_ring_at(in->data, in->capacity, in->next),
                                             memory_order_acquire);
        uint32_t size = shm_ring_word_size(word);
        enum err e;

        switch (shm_ring_word_kind(word)) {
        case SHM_RING_NONE:
            return word != 0 ? broken(in) : is_dead ? ERR_PEER_DEAD : ERR_LATER;
        case SHM_RING_DATA:
            if (size > shm_ring_message_max(in->capacity) || !is_possible(in, shm_ring_span(size))) {
                return broken(in);
            }
            if (in->loan_count == SHM_RING_LOANS_MAX) {
                return ERR_LIMIT;
            }
            lend(in, word, ret);
            return ERR_OK;
        case SHM_RING_BUSY:
            /* Of the living: being written. Of the dead: never will be; what its other threads
             * committed lies behind it. */
            in->is_filling = !is_dead;
            e = is_dead ? pass(in, shm_ring_span(size)) : ERR_LATER;
            break;
        case SHM_RING_SKIP:
            e = pass(in, size);
            break;
        default:
            return broken(in);
        }
        if (e != ERR_OK) {
            return e;
        }
    }
    return in->fault;
}

bool shm_ring_has_data(const struct shm_ring_in *in)
{
    uint64_t word = atomic_load(shm_ring_at(in->data, in->capacity, in->next));

    /* A skip counts: it is passed by a take, which then may find nothing, and the next look is at
     * the word behind it. */
    return in->fault != ERR_OK || atomic_load_explicit(&in->is_dead, memory_order_acquire) ||
           (word != 0 && shm_ring_word_kind(word) != SHM_RING_BUSY);
}

/* Give the producer all that was released. Whether somebody waits for it: a wish that the last head
 * had fulfilled is an old one. */
static bool tell(struct shm_ring_in *in)
{
    uint64_t before = in->published;

    assert(in->released >= before && in->released <= in->next);
    in->published = in->released;
    atomic_store_explicit(&in->own->taken, in->taken, memory_order_relaxed);
    /* A store and a load that nothing may exchange, here and in find_room(). */
    atomic_store(&in->own->head, in->published);
    return atomic_load(&in->peer->wants) > before;
}

enum err shm_ring_release(struct shm_ring_in *in, const struct shm_ring_loan *loan, bool *ret_wake)
{
    uint32_t at = (loan->index - in->loan_first) % SHM_RING_LOANS_MAX;

    /* Positions are used once, so a loan given back long ago is never taken for another. */
    if (loan->index >= SHM_RING_LOANS_MAX || at >= in->loan_count ||
        in->lent[loan->index].position_and_free != loan->position) {
        return ERR_INVALID;
    }
    in->lent[loan->index].position_and_free |= 1;
    while (in->loan_count > 0 && (in->lent[in->loan_first].position_and_free & 1) != 0) {
        in->released = in->lent[in->loan_first].end;
        in->loan_first = (in->loan_first + 1) % SHM_RING_LOANS_MAX;
        in->loan_count--;
    }
    if (in->loan_count == 0) {
        in->released = in->next; /* with the skips behind the last one */
        in->loan_first = 0;      /* few at a time: always the same places, and so few pages */
    }
    uint64_t wants = atomic_load_explicit(&in->peer->wants, memory_order_relaxed);
    bool is_wanted = wants > in->published && wants <= in->released;
    bool is_much = in->released - in->published >= in->capacity / SHM_RING_LAZY;
    *ret_wake = (is_wanted || is_much) && tell(in);
    return ERR_OK;
}

bool shm_ring_tell(struct shm_ring_in *in)
{
    return in->released != in->published && tell(in);
}

void shm_ring_in_dead(struct shm_ring_in *in)
{
    atomic_store_explicit(&in->is_dead, true, memory_order_release);
}
