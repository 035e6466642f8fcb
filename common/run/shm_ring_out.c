/* The end that writes. */
#include <assert.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/run/shm_ring.h"
#include "common/run/shm_ring_word.h"

enum {
    LOCK_TURNS = 200,        /* some microseconds: the lock is held for some nanoseconds        */
    LOCK_NAP_NS = 50 * 1000, /* then its holder has lost its processor, and must get one back   */
    LINE = 64,
    AHEAD = 256,             /* bytes: 128 and 512 were slower by 12 % and by more than half    */
    AHEAD_SPAN_MAX = 512,    /* of larger records the processor sees by itself what comes next  */
};

_Static_assert(sizeof(struct shm_ring_ends) == SHM_RING_ENDS, "the ends are one page");
_Static_assert(offsetof(struct shm_ring_ends, wants) == 128, "wants has a line of its own");
_Static_assert(offsetof(struct shm_ring_ends, head) == 256, "head has a line of its own");
_Static_assert(sizeof(struct shm_ring_lent) == 16, "what SHM_RING_LOANS_MAX says about memory");

/* A mutex would pay a second locked instruction to let go. Nobody is woken here: the nap ends by
 * itself, which also serves a thread of higher priority that would otherwise spin for ever. */
static void lock(struct shm_ring_out *out)
{
    while (atomic_exchange_explicit(&out->lock, 1, memory_order_acquire) != 0) {
        for (unsigned turn = 0; turn < LOCK_TURNS; turn++) {
            if (atomic_load_explicit(&out->lock, memory_order_relaxed) == 0) {
                break;
            }
            __builtin_ia32_pause();
        }
        if (atomic_load_explicit(&out->lock, memory_order_relaxed) != 0) {
            (void)syscall(SYS_futex, &out->lock, FUTEX_WAIT_PRIVATE, 1,
                          &(struct timespec){.tv_nsec = LOCK_NAP_NS}, NULL, 0);
        }
    }
}

static void unlock(struct shm_ring_out *out)
{
    atomic_store_explicit(&out->lock, 0, memory_order_release);
}

uint64_t shm_ring_region(uint64_t capacity)
{
    return SHM_RING_ENDS + capacity;
}

uint64_t shm_ring_capacity(uint64_t region_bytes)
{
    uint64_t capacity = SHM_RING_CAPACITY_MAX;

    while (capacity >= SHM_RING_CAPACITY_MIN && shm_ring_region(capacity) > region_bytes) {
        capacity /= 2;
    }
    return capacity >= SHM_RING_CAPACITY_MIN ? capacity : 0;
}

/* A record that does not fit before the ring's end makes a skip that is smaller than itself; behind it
 * there must be room for the word that ends the walk. Together at most two records. */
uint32_t shm_ring_message_max(uint64_t capacity)
{
    return (uint32_t)(capacity / 2 - SHM_RING_WORD);
}

enum err shm_ring_out_init(struct shm_ring_out *out, void *own, const void *peer,
                           uint64_t region_bytes)
{
    uint64_t capacity = shm_ring_capacity(region_bytes);

    if (capacity == 0) {
        return ERR_INVALID;
    }
    assert((uintptr_t)own % SHM_RING_ENDS == 0 && (uintptr_t)peer % SHM_RING_ENDS == 0);
    *out = (struct shm_ring_out){.data = (uint8_t *)own + SHM_RING_ENDS, .capacity = capacity,
                                 .own = own, .peer = peer, .fault = ERR_OK};
    return ERR_OK;
}

static enum err fault_of(struct shm_ring_out *out)
{
    return (enum err)atomic_load_explicit(&out->fault, memory_order_relaxed);
}

/* Bytes between the tail and the place where a record of `span` begins: 0, or up to the ring's end. */
static uint64_t skip_for(const struct shm_ring_out *out, uint64_t span)
{
    uint64_t left = out->capacity - (out->tail & (out->capacity - 1));

    return span <= left ? 0 : left;
}

/* Believe the peer's head if an honest one could say so: it only grows, passes nothing that was not
 * reserved, and stands where a record begins. */
static enum err look_at_head(struct shm_ring_out *out)
{
    uint64_t head = atomic_load(&out->peer->head);

    if (head < out->head || head > out->tail || head % SHM_RING_WORD != 0) {
        atomic_store_explicit(&out->fault, ERR_MALFORMED, memory_order_relaxed);
        return ERR_MALFORMED;
    }
    out->head = head;
    return ERR_OK;
}

static bool fits(const struct shm_ring_out *out, uint64_t bytes)
{
    assert(out->tail - out->head <= out->capacity);
    return bytes <= out->capacity - (out->tail - out->head);
}

/* Room for `bytes` from the tail on. When there is none, say how far head must come: an eighth of the
 * ring at least, lest the two sides pass every single record's room back and forth. */
static enum err find_room(struct shm_ring_out *out, uint64_t bytes)
{
    enum err e;

    if (fits(out, bytes)) {
        return ERR_OK;
    }
    e = look_at_head(out);
    if (e != ERR_OK || fits(out, bytes)) {
        return e;
    }
    uint64_t least = out->capacity / SHM_RING_LAZY;
    uint64_t wants = out->tail + (bytes > least ? bytes : least) - out->capacity;
    uint64_t before = atomic_load_explicit(&out->own->wants, memory_order_relaxed);
    atomic_fetch_add_explicit(&out->own->full, 1, memory_order_relaxed);
    /* A store and a load that nothing may exchange, here and in tell(): either the consumer sees the
     * wish, or we its head. So the store is made even if it changes nothing. */
    atomic_store(&out->own->wants, wants > before ? wants : before);
    e = look_at_head(out);
    if (e != ERR_OK) {
        return e;
    }
    return fits(out, bytes) ? ERR_OK : ERR_LIMIT;
}

static uint64_t bytes_for(const struct shm_ring_out *out, uint64_t span)
{
    return skip_for(out, span) + span + SHM_RING_WORD;
}

/* Ask for the line at `position`, to write to it. gcc's builtin only reads without -mprfchw. */
static void fetch(const struct shm_ring_out *out, uint64_t position)
{
    __asm__ volatile("prefetchw %0" : : "m"(*shm_ring_at(out->data, out->capacity, position)));
}

/* The consumer's processor has the lines that it read a turn ago, and a commit waits until they are
 * ours. So the lines of later records are asked for here: 64-byte messages a second went from 9 to 20
 * million. Not beyond the free part: those lines are being read. */
static void fetch_ahead(const struct shm_ring_out *out, uint64_t end, uint64_t span)
{
    if (span > AHEAD_SPAN_MAX || end + AHEAD + span > out->head + out->capacity) {
        return;
    }
    for (uint64_t at = 0; at < span; at += LINE) {
        fetch(out, end + AHEAD + at);
    }
}

enum err shm_ring_reserve(struct shm_ring_out *out, uint32_t size, struct shm_ring_room *ret)
{
    uint64_t span = shm_ring_span(size);
    enum err e = fault_of(out);

    if (size > shm_ring_message_max(out->capacity)) {
        return ERR_INVALID;
    }
    if (e != ERR_OK) {
        return e;
    }
    lock(out);
    e = find_room(out, bytes_for(out, span));
    if (e != ERR_OK) {
        unlock(out);
        return e;
    }
    uint64_t skip = skip_for(out, span), start = out->tail + skip;

    /* No word becomes visible before the one after its record is cleared, or the consumer would take
     * old payload for a word. */
    atomic_store_explicit(shm_ring_at(out->data, out->capacity, start + span), SHM_RING_NONE,
                          memory_order_relaxed);
    atomic_store_explicit(shm_ring_at(out->data, out->capacity, start),
                          shm_ring_word(SHM_RING_BUSY, size, 0), memory_order_release);
    if (skip > 0) {
        atomic_store_explicit(shm_ring_at(out->data, out->capacity, out->tail),
                              shm_ring_word(SHM_RING_SKIP, (uint32_t)skip, 0), memory_order_release);
    }
    fetch_ahead(out, start + span, span);
    out->tail = start + span;
    atomic_store_explicit(&out->own->tail, out->tail, memory_order_relaxed);
    atomic_store_explicit(&out->own->records, ++out->records, memory_order_relaxed);
    unlock(out);
    *ret = (struct shm_ring_room){
        .payload = shm_ring_at(out->data, out->capacity, start) + 1, .size = size, .position = start};
    return ERR_OK;
}

bool shm_ring_has_room(struct shm_ring_out *out, uint32_t size)
{
    lock(out);
    bool has = fault_of(out) != ERR_OK || size > shm_ring_message_max(out->capacity) ||
               find_room(out, bytes_for(out, shm_ring_span(size))) != ERR_LIMIT;
    unlock(out);
    return has;
}

/* End a reservation by the word that `kind` says. */
static void finish(struct shm_ring_out *out, struct shm_ring_room *room, uint64_t word)
{
    _Atomic uint64_t *at = shm_ring_at(out->data, out->capacity, room->position);

    /* Our own half: this is not what the peer says, but whether the caller ends it twice. */
    assert(room->payload != NULL && atomic_load_explicit(at, memory_order_relaxed) ==
                                        shm_ring_word(SHM_RING_BUSY, room->size, 0));
    /* Not a release alone: what comes next is the look at whether the consumer sleeps. */
    (void)atomic_exchange(at, word);
    *room = (struct shm_ring_room){0};
}

void shm_ring_commit(struct shm_ring_out *out, struct shm_ring_room *room, uint32_t size,
                     uint32_t tag)
{
    uint64_t used = shm_ring_span(size), span = shm_ring_span(room->size);

    assert(size <= room->size && tag <= SHM_RING_TAG_MAX);
    if (used < span) {
        atomic_store_explicit(shm_ring_at(out->data, out->capacity, room->position + used),
                              shm_ring_word(SHM_RING_SKIP, (uint32_t)(span - used), 0),
                              memory_order_relaxed);
    }
    finish(out, room, shm_ring_word(SHM_RING_DATA, size, tag));
}

void shm_ring_abort(struct shm_ring_out *out, struct shm_ring_room *room)
{
    finish(out, room, shm_ring_word(SHM_RING_SKIP, (uint32_t)shm_ring_span(room->size), 0));
}

void shm_ring_out_dead(struct shm_ring_out *out)
{
    uint32_t none = ERR_OK;

    /* A ring that is broken already stays so. */
    (void)atomic_compare_exchange_strong(&out->fault, &none, ERR_PEER_DEAD);
}
