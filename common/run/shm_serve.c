/* Serving: requests in, answers out. */
#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "common/run/shm_loop.h"

enum {
    SERVE_FILL_MIN = 16384,  /* as for requests                                              */
    SERVE_RETRY_US = 200,    /* between two tries to get the right to serve                  */
    SERVE_NS_PER_MS = 1000000,
};

static struct shm_server_slot *held(const struct shm_request *r)
{
    struct shm_server_slot *at = &r->channel->served[r->slot];

    return at->served.phase != SHM_SLOT_IDLE && at->served.asked == r->word ? at : NULL;
}

static uint64_t peer_word(const struct shm_request *r)
{
    return shm_core_word(shm_core_peer_request(r->channel, r->slot));
}

/* ---- answers -------------------------------------------------------------------------------------- */

/* Nothing of the response slot is written unless the request is held: its asker's newer request has
 * given up the older answer. */
static enum err finish(const struct shm_request *r, enum shm_slot_state state, uint32_t tag,
                       uint32_t size_field)
{
    struct shm *c = r->channel;
    struct shm_server_slot *at = held(r);
    struct shm_slot_mem *slot = shm_core_response(c, r->slot);
    bool is_late = false;

    if (at == NULL) {
        return ERR_PRECONDITION;
    }
    slot->size = size_field;
    slot->tag = tag;
    uint64_t word = shm_slot_close(&at->served, state, peer_word(r), &is_late);
    shm_bell_publish(c, slot, word, &c->serve_wait);
    shm_core_count(is_late ? &c->count->late : &c->count->answers);
    return is_late ? ERR_CANCELLED : ERR_OK;
}

static enum err refuse(const struct shm_request *r, enum shm_fault fault)
{
    shm_core_count(&r->channel->count->refused[fault]);
    return finish(r, SHM_SLOT_REFUSE, (uint32_t)fault, 0);
}

void *shm_answer_room(const struct shm_request *r, size_t size)
{
    struct shm *c = r->channel;
    struct shm_server_slot *at = held(r);

    if (at == NULL || size > shm_payload_max(c)) {
        return NULL;
    }
    at->is_room = true;
    at->room_size = size;
    if (size <= shm_core_inline_max(c)) {
        at->room_flag = 0;
        return shm_core_response(c, r->slot)->payload;
    }
    at->room_flag = SHM_CORE_LOAN_BIT;
    return c->mine + c->plan.response_loans_at + (size_t)r->slot * c->shape.loan_bytes;
}

void shm_answer_filling(const struct shm_request *r)
{
    struct shm_server_slot *at = held(r);

    if (at != NULL) {
        shm_bell_publish(r->channel, shm_core_response(r->channel, r->slot),
                         shm_slot_filling(&at->served), &r->channel->serve_wait);
    }
}

enum err shm_answer(const struct shm_request *r, enum err status, size_t size)
{
    struct shm_server_slot *at = held(r);

    if (at == NULL || (size > 0 && (!at->is_room || size > at->room_size))) {
        return ERR_PRECONDITION;
    }
    return finish(r, SHM_SLOT_ANSWER, err_to_wire(status),
                  size == 0 ? 0 : (uint32_t)size | at->room_flag);
}

enum err shm_answer_copy(const struct shm_request *r, enum err status, const void *data, size_t size)
{
    void *room = shm_answer_room(r, size);

    if (room == NULL) {
        if (held(r) == NULL) {
            return ERR_PRECONDITION;
        }
        enum err e = refuse(r, SHM_FAULT_OVERSIZE_RESPONSE);
        return e == ERR_OK ? ERR_LIMIT : e;
    }
    if (size >= SERVE_FILL_MIN) {
        shm_answer_filling(r);
    }
    if (size > 0) {
        memcpy(room, data, size);
    }
    return shm_answer(r, status, size);
}

enum err shm_request_copy(const struct shm_request *r, void *out)
{
    if (held(r) == NULL) {
        return ERR_PRECONDITION;
    }
    if (r->size > 0) {
        memcpy(out, r->data, r->size);
    }
    /* The copy before the second look: on x86 loads stay in order, the compiler must leave them so. (A
     * fence of the processor would be one that the thread sanitizer does not know.) */
    __atomic_signal_fence(__ATOMIC_ACQ_REL);
    return peer_word(r) == r->word ? ERR_OK : ERR_CANCELLED;
}

/* ---- requests ------------------------------------------------------------------------------------- */

/* Whatever a handler returns, its request is answered exactly once or kept. */
static void settle(const struct shm_request *r, enum err e)
{
    if (e == ERR_LATER || held(r) == NULL) {
        return;
    }
    if (e == ERR_OK) {
        e = refuse(r, SHM_FAULT_HANDLER);
    } else if (e == ERR_UNIMPLEMENTED) {
        e = refuse(r, SHM_FAULT_UNKNOWN_TYPE);
    } else {
        e = shm_answer(r, e, 0);
    }
    (void)e; /* CANCELLED is counted as late; nothing else can be: the request is held */
}

static void dispatch(struct shm *c, uint32_t index)
{
    const struct shm_slot_mem *slot = shm_core_peer_request(c, index);
    struct shm_request r = {.channel = c, .slot = index, .word = c->served[index].served.asked};

    c->served[index].is_room = false;
    r.operation = __atomic_load_n(&slot->tag, __ATOMIC_RELAXED);
    enum err e = shm_core_payload(c, slot, index, c->plan.request_loans_at, &r.data, &r.size);
    if (e != ERR_OK) {
        e = refuse(&r, e == ERR_LIMIT ? SHM_FAULT_OVERSIZE_REQUEST : SHM_FAULT_BAD_SIZE);
    } else if (c->depth >= SHM_DEPTH_MAX) {
        e = refuse(&r, SHM_FAULT_DEPTH);
    } else if (c->handle == NULL) {
        e = refuse(&r, SHM_FAULT_UNKNOWN_TYPE);
    } else {
        c->depth++;
        settle(&r, c->handle(c->context, &r));
        c->depth--;
        return;
    }
    (void)e; /* as in settle */
}

/* Whether a request was taken. */
static bool serve_slot(struct shm *c, uint32_t index)
{
    uint64_t response, theirs = shm_core_word(shm_core_peer_request(c, index));

    switch (shm_slot_find(&c->served[index].served, theirs, &response)) {
    case SHM_SLOT_NOTHING:
    case SHM_SLOT_COMING:
        break;
    case SHM_SLOT_TAKE:
        c->turn_from = index + 1;
        dispatch(c, index);
        return true;
    case SHM_SLOT_RELEASE:
        shm_bell_publish(c, shm_core_response(c, index), response, &c->serve_wait);
        break;
    case SHM_SLOT_ILLEGAL:
        shm_core_count(&c->count->torn);
        break;
    }
    return false;
}

size_t shm_serve_turn(struct shm *c, size_t most)
{
    uint32_t used = __atomic_load_n(&c->peer_bell->used, __ATOMIC_RELAXED);
    size_t taken = 0;

    used = used < c->shape.slots ? used : c->shape.slots;
    uint32_t from = c->turn_from < used ? c->turn_from : 0;
    for (uint32_t n = 0; n < used && taken < most; n++) {
        taken += serve_slot(c, from + n < used ? from + n : from + n - used);
    }
    return taken;
}

/* ---- the right to serve --------------------------------------------------------------------------- */

bool shm_serve_begin(struct shm *c, bool *ret_is_new)
{
    const void *self = shm_core_self(), *none = NULL;

    *ret_is_new = false;
    if (atomic_load_explicit(&c->server, memory_order_relaxed) == self) {
        return true; /* a call made by a handler */
    }
    *ret_is_new = atomic_compare_exchange_strong(&c->server, &none, self);
    return *ret_is_new;
}

void shm_serve_end(struct shm *c)
{
    assert(atomic_load_explicit(&c->server, memory_order_relaxed) == shm_core_self());
    atomic_store_explicit(&c->server, NULL, memory_order_release);
}

bool shm_serve_pending(struct shm *c)
{
    bool is_new;

    if (!shm_serve_begin(c, &is_new)) {
        return false;
    }
    bool is_pending = shm_serve_peek(c) == SHM_CORE_READY;
    if (is_new) {
        shm_serve_end(c);
    }
    return is_pending;
}

size_t shm_turn(struct shm *c)
{
    bool is_new;

    if (!shm_serve_begin(c, &is_new)) {
        return 0;
    }
    size_t taken = shm_serve_turn(c, SIZE_MAX);
    if (is_new) {
        shm_serve_end(c);
    }
    return taken;
}

static inline __attribute__((always_inline)) enum shm_core_sight peek(const void *context)
{
    return shm_serve_peek(context);
}

/* With a deadline no request is begun after it, however fast others come: a clock's reading each, which costs less than
 * the line with the next request takes to arrive. */
static enum err serve(struct shm *c, uint32_t timeout_ms)
{
    struct shm_loop l = shm_loop_begin(c, &c->serve_wait, timeout_ms);
    bool is_bounded = timeout_ms != UINT32_MAX;

    while (!c->must_stop) {
        enum err e = shm_loop_wait(&l, peek, c);
        if (e != ERR_OK) {
            return e;
        }
        if (is_bounded && shm_loop_is_late(&l, shm_bell_now_ns())) {
            return ERR_TIMEOUT;
        }
        (void)shm_serve_turn(c, is_bounded ? 1 : SIZE_MAX);
    }
    return ERR_OK;
}

/* Become the thread that serves. A thread that waits for an answer may have the right: it serves
 * meanwhile, and gives it back when it has its answer. */
static enum err take_over(struct shm *c, uint32_t timeout_ms)
{
    uint64_t begun_ns = shm_bell_now_ns();
    bool is_new;

    while (!shm_serve_begin(c, &is_new)) {
        if (timeout_ms != UINT32_MAX &&
            shm_bell_now_ns() - begun_ns >= (uint64_t)timeout_ms * SERVE_NS_PER_MS) {
            return ERR_TIMEOUT;
        }
        (void)usleep(SERVE_RETRY_US);
    }
    return is_new ? ERR_OK : ERR_PRECONDITION; /* not new: from inside a handler */
}

enum err shm_serve(struct shm *c, uint32_t timeout_ms)
{
    unsigned none = 0;

    if (!atomic_compare_exchange_strong(&c->is_serving, &none, 1)) {
        return ERR_PRECONDITION;
    }
    enum err e = take_over(c, timeout_ms);
    if (e == ERR_OK) {
        c->must_stop = false;
        e = serve(c, timeout_ms);
        shm_serve_end(c);
    }
    atomic_store(&c->is_serving, 0);
    return e;
}

void shm_stop(struct shm *c)
{
    c->must_stop = true;
}
