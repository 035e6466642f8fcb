#include "common/run/shm_post.h"

#include <string.h>
#include <sys/mman.h>

#include "common/run/shm_loop.h"

/* Nearly all of it are places for loans, of which few are used: it is made of pages, not of the heap, which would be zeroed. */
struct shm_post {
    struct shm *channel;
    struct shm_wait wait; /* of the receiving thread */
    struct shm_ring_out out;
    struct shm_ring_in in;
};

/* What a sender waits for. */
struct room_wanted {
    struct shm_ring_out *out;
    uint32_t size;
};

uint64_t shm_post_ring_bytes(uint64_t capacity)
{
    return shm_ring_region(capacity);
}

enum err shm_post_open(struct shm *c, struct shm_post **ret)
{
    struct shm_post *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *mine = c->mine + c->plan.ring_at;
    const uint8_t *theirs = c->theirs + c->plan.ring_at;

    if (p == MAP_FAILED) {
        return ERR_NOMEM;
    }
    if (shm_ring_out_init(&p->out, mine, theirs, c->shape.ring_bytes) != ERR_OK ||
        shm_ring_in_init(&p->in, mine, theirs, c->shape.ring_bytes) != ERR_OK) {
        shm_post_close(p);
        return ERR_UNSUPPORTED;
    }
    p->channel = c;
    shm_wait_init(&p->wait, shm_bell_turn_ps());
    *ret = p;
    return ERR_OK;
}

void shm_post_close(struct shm_post *p)
{
    if (p != NULL) {
        (void)munmap(p, sizeof *p);
    }
}

uint32_t shm_post_max(const struct shm_post *p)
{
    return shm_ring_message_max(p->out.capacity);
}

static enum shm_core_sight peek_room(const void *context)
{
    const struct room_wanted *w = context;

    return shm_ring_has_room(w->out, w->size) ? SHM_CORE_READY : SHM_CORE_NOTHING;
}

static enum shm_core_sight peek_data(const void *context)
{
    const struct shm_post *p = context;

    return shm_ring_has_data(&p->in) ? SHM_CORE_READY : SHM_CORE_NOTHING;
}

/* The ring knows only that nobody is there; the channel knows why. */
static enum err why_dead(struct shm_post *p)
{
    enum err why = (enum err)atomic_load(&p->channel->over);

    return why == ERR_OK ? ERR_PEER_DEAD : why;
}

/* It is full. Seldom enough that each wait may learn afresh: the threads that send share nothing here. One wait however
 * often another thread is quicker: its deadline does not move. */
static __attribute__((noinline)) enum err reserve_later(struct shm_post *p, uint32_t size,
                                                        uint32_t timeout_ms, struct shm_ring_room *ret)
{
    struct room_wanted wanted = {.out = &p->out, .size = size};
    struct shm_wait wait;
    enum err e = ERR_LIMIT;

    shm_wait_init(&wait, shm_bell_turn_ps());
    struct shm_loop l = shm_loop_begin(p->channel, &wait, timeout_ms);
    while (e == ERR_LIMIT) {
        e = shm_loop_wait(&l, peek_room, &wanted);
        if (e != ERR_OK) {
            if (e != ERR_TIMEOUT) {
                shm_ring_out_dead(&p->out);
            }
            return e;
        }
        e = shm_ring_reserve(&p->out, size, ret);
        if (e == ERR_LIMIT && shm_loop_is_late(&l, shm_bell_now_ns())) {
            return ERR_TIMEOUT;
        }
    }
    return e == ERR_PEER_DEAD ? why_dead(p) : e;
}

enum err shm_post_reserve(struct shm_post *p, uint32_t size, uint32_t timeout_ms,
                          struct shm_ring_room *ret)
{
    enum err e = shm_ring_reserve(&p->out, size, ret);

    if (e != ERR_LIMIT) {
        return e == ERR_PEER_DEAD ? why_dead(p) : e;
    }
    if (timeout_ms == 0) {
        return shm_bell_check(p->channel) == ERR_OK ? ERR_LIMIT : why_dead(p);
    }
    return reserve_later(p, size, timeout_ms, ret);
}

void shm_post_commit(struct shm_post *p, struct shm_ring_room *room, uint32_t size, uint32_t tag)
{
    shm_bell_here(p->channel);
    shm_ring_commit(&p->out, room, size, tag);
    shm_bell_look(p->channel, NULL); /* senders have no wait of their own that could learn */
}

void shm_post_abort(struct shm_post *p, struct shm_ring_room *room)
{
    shm_ring_abort(&p->out, room);
    shm_bell_look(p->channel, NULL);
}

enum err shm_post_send(struct shm_post *p, uint32_t tag, const void *data, uint32_t size,
                       uint32_t timeout_ms)
{
    struct shm_ring_room room;
    enum err e = shm_post_reserve(p, size, timeout_ms, &room);

    if (e != ERR_OK) {
        return e;
    }
    if (size > 0) {
        memcpy(room.payload, data, size);
    }
    shm_post_commit(p, &room, size, tag);
    return ERR_OK;
}

/* Nothing is there: tell what room there is, then wait. */
static enum err wait_for_data(struct shm_post *p, struct shm_loop *l)
{
    if (shm_ring_tell(&p->in)) {
        shm_bell_look(p->channel, &p->wait);
    }
    if (l->timeout_ms == 0) {
        enum err over = shm_bell_check(p->channel);
        return over == ERR_OK ? ERR_LATER : over;
    }
    return shm_loop_wait(l, peek_data, p);
}

/* One wait however often something is seen that is no message: records that were given up, and what a hostile peer
 * shows and takes back. */
static __attribute__((noinline)) enum err take_later(struct shm_post *p, uint32_t timeout_ms,
                                                     struct shm_ring_loan *ret)
{
    struct shm_loop l = shm_loop_begin(p->channel, &p->wait, timeout_ms);
    enum err e = ERR_LATER;

    while (e == ERR_LATER) {
        e = wait_for_data(p, &l);
        if (e == ERR_LATER || e == ERR_TIMEOUT) {
            return e;
        }
        if (e != ERR_OK) {
            shm_ring_in_dead(&p->in); /* what it had committed comes first */
        }
        e = shm_ring_take(&p->in, ret);
        if (e == ERR_LATER && shm_loop_is_late(&l, shm_bell_now_ns())) {
            return ERR_TIMEOUT;
        }
    }
    return e == ERR_PEER_DEAD ? why_dead(p) : e;
}

enum err shm_post_take(struct shm_post *p, uint32_t timeout_ms, struct shm_ring_loan *ret)
{
    enum err e = shm_ring_take(&p->in, ret);

    if (e == ERR_LATER) {
        return take_later(p, timeout_ms, ret);
    }
    return e == ERR_PEER_DEAD ? why_dead(p) : e;
}

bool shm_post_has_data(const struct shm_post *p)
{
    return shm_ring_has_data(&p->in);
}

bool shm_post_has_room(struct shm_post *p, uint32_t size)
{
    return shm_ring_has_room(&p->out, size);
}

enum err shm_post_release(struct shm_post *p, const struct shm_ring_loan *loan)
{
    bool is_awaited = false;
    enum err e = shm_ring_release(&p->in, loan, &is_awaited);

    if (is_awaited) {
        shm_bell_look(p->channel, &p->wait);
    }
    return e;
}

bool shm_post_arm(struct shm_post *p)
{
    if (shm_ring_tell(&p->in)) {
        shm_bell_look(p->channel, &p->wait);
    }
    return shm_arm(p->channel) && !shm_ring_has_data(&p->in);
}
