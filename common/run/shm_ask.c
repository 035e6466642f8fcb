/* Asking: slots, sessions, requests out, answers in. */
#include <string.h>

#include "common/run/shm_loop.h"

enum {
    ASK_FILL_MIN = 16384, /* bytes from which copying takes longer than half a spin: worth a mark */
};

static struct shm_asker *asker_of(const struct shm_session *s)
{
    return &s->channel->asker[s->slot];
}

static uint64_t word_of(const struct shm_asker *a)
{
    return atomic_load_explicit(&a->word, memory_order_relaxed);
}

static void publish(const struct shm_session *s, uint64_t word)
{
    struct shm_asker *a = asker_of(s);

    atomic_store_explicit(&a->word, word, memory_order_relaxed);
    shm_bell_publish(s->channel, shm_core_request(s->channel, s->slot), word, &a->wait);
}

static enum shm_slot_sight see(const struct shm *c, uint32_t slot)
{
    return shm_slot_see(word_of(&c->asker[slot]), shm_core_word(shm_core_peer_response(c, slot)));
}

/* ---- sessions ------------------------------------------------------------------------------------- */

/* The peer looks at no slot above this mark; it is raised before the first request of a slot. */
static void raise_used(struct shm *c, uint32_t count)
{
    uint32_t used = __atomic_load_n(&c->bell->used, __ATOMIC_RELAXED);

    while (used < count && !__atomic_compare_exchange_n(&c->bell->used, &used, count, false,
                                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
    }
}

/* A disowned slot is claimed first and looked at then, so that two threads cannot both free it. */
static bool claim(struct shm *c, uint32_t slot)
{
    atomic_uint *at = &c->asker[slot].claim;
    unsigned was = SHM_CORE_FREE;

    if (atomic_compare_exchange_strong(at, &was, SHM_CORE_CLAIMED)) {
        return true;
    }
    if (was != SHM_CORE_DISOWNED || !atomic_compare_exchange_strong(at, &was, SHM_CORE_CLAIMED)) {
        return false;
    }
    if (see(c, slot) == SHM_SLOT_RELEASED) {
        return true;
    }
    atomic_store(at, SHM_CORE_DISOWNED);
    return false;
}

enum err shm_session_open(struct shm *c, struct shm_session *ret)
{
    for (uint32_t i = 0; i < c->shape.slots; i++) {
        if (claim(c, i)) {
            raise_used(c, i + 1);
            (void)__atomic_fetch_add(&c->count->in_flight, 1, __ATOMIC_RELAXED);
            *ret = (struct shm_session){c, i};
            return ERR_OK;
        }
    }
    return ERR_LIMIT;
}

static void disown(const struct shm_session *s)
{
    struct shm_asker *a = asker_of(s);

    publish(s, shm_slot_disown(word_of(a)));
    atomic_store_explicit(&a->is_out, false, memory_order_relaxed);
    a->is_room = false;
    shm_core_count(&s->channel->count->timeouts);
}

void shm_session_close(struct shm_session *s)
{
    if (s->channel == NULL) {
        return;
    }
    struct shm *c = s->channel;
    struct shm_asker *a = asker_of(s);
    if (atomic_load_explicit(&a->is_out, memory_order_relaxed) ||
        shm_slot_state(word_of(a)) == SHM_SLOT_FILL) {
        disown(s);
    }
    a->is_room = false;
    bool is_mine = shm_slot_state(word_of(a)) != SHM_SLOT_VOID || see(c, s->slot) == SHM_SLOT_RELEASED;
    atomic_store_explicit(&a->claim, is_mine ? SHM_CORE_FREE : SHM_CORE_DISOWNED, memory_order_release);
    (void)__atomic_fetch_sub(&c->count->in_flight, 1, __ATOMIC_RELAXED);
    s->channel = NULL;
}

/* ---- requests ------------------------------------------------------------------------------------- */

void *shm_ask_room(struct shm_session *s, size_t size)
{
    struct shm *c = s->channel;
    struct shm_asker *a = asker_of(s);

    if (atomic_load_explicit(&a->is_out, memory_order_relaxed) || size > shm_payload_max(c)) {
        return NULL;
    }
    if (shm_slot_state(word_of(a)) == SHM_SLOT_VOID && see(c, s->slot) != SHM_SLOT_RELEASED) {
        return NULL; /* the peer may still be reading what we would overwrite */
    }
    a->is_room = true;
    a->room_size = size;
    if (size <= shm_core_inline_max(c)) {
        a->room_flag = 0;
        return shm_core_request(c, s->slot)->payload;
    }
    a->room_flag = SHM_CORE_LOAN_BIT;
    return c->mine + c->plan.request_loans_at + (size_t)s->slot * c->shape.loan_bytes;
}

void shm_ask_filling(struct shm_session *s)
{
    const struct shm_asker *a = asker_of(s);

    if (a->is_room && shm_slot_state(word_of(a)) != SHM_SLOT_FILL) {
        publish(s, shm_slot_fill(word_of(a)));
    }
}

enum err shm_ask_send(struct shm_session *s, uint32_t operation, size_t size)
{
    struct shm_asker *a = asker_of(s);
    struct shm_slot_mem *slot = shm_core_request(s->channel, s->slot);
    int over = atomic_load_explicit(&s->channel->over, memory_order_relaxed);

    if (!a->is_room || size > a->room_size) {
        return ERR_PRECONDITION;
    }
    if (over != ERR_OK) {
        return (enum err)over;
    }
    slot->size = size == 0 ? 0 : (uint32_t)size | a->room_flag;
    slot->tag = operation;
    a->is_room = false;
    atomic_store_explicit(&a->is_out, true, memory_order_relaxed);
    publish(s, shm_slot_ask(word_of(a)));
    shm_core_count(&s->channel->count->calls);
    return ERR_OK;
}

/* ---- answers -------------------------------------------------------------------------------------- */

static enum err fault_error(uint32_t number)
{
    switch (number) {
#define X(name, value, e)                                                                          \
    case value:                                                                                    \
        return ERR_##e;
        SHM_FAULT_MAP(X)
#undef X
    default:
        return ERR_FAULT; /* a number off the wire, no enum */
    }
}

static void refuse(struct shm_reply *reply, uint32_t number)
{
    reply->status = fault_error(number);
    reply->fault = reply->status == ERR_FAULT ? SHM_FAULT_NONE : (enum shm_fault)number;
}

/* The answer is there: fetch its header once, judge it, and believe it only if the word still stands. */
static void take(const struct shm_session *s, enum shm_slot_sight sight, struct shm_reply *reply)
{
    struct shm *c = s->channel;
    const struct shm_slot_mem *slot = shm_core_peer_response(c, s->slot);
    uint32_t tag = __atomic_load_n(&slot->tag, __ATOMIC_RELAXED);
    uint64_t wanted = shm_slot_with(word_of(asker_of(s)), sight == SHM_SLOT_ANSWERED
                                                              ? SHM_SLOT_ANSWER
                                                              : SHM_SLOT_REFUSE);

    *reply = (struct shm_reply){.word = wanted};
    if (sight == SHM_SLOT_REFUSED) {
        refuse(reply, tag);
        return;
    }
    enum err e = shm_core_payload(c, slot, s->slot, c->plan.response_loans_at, &reply->data, &reply->size);
    if (e != ERR_OK || shm_core_word(slot) != wanted) {
        shm_core_count(&c->count->torn);
        refuse(reply, e == ERR_LIMIT ? SHM_FAULT_OVERSIZE_RESPONSE : SHM_FAULT_BAD_SIZE);
        return;
    }
    reply->is_answered = true;
    reply->status = err_from_wire(tag); /* 0 and the unknown are FAULT: no empty success */
    if (reply->status == ERR_LATER) {
        reply->status = ERR_FAULT;
    }
}

struct ask_view {
    const struct shm *c;
    const struct shm_slot_mem *response;
    uint64_t mine;
    bool may_serve;
};

static inline __attribute__((always_inline)) enum shm_core_sight peek(const void *context)
{
    const struct ask_view *v = context;
    enum shm_slot_sight sight = shm_slot_see(v->mine, shm_core_word(v->response));

    if (sight >= SHM_SLOT_ANSWERED) {
        return SHM_CORE_READY;
    }
    if (v->may_serve) {
        enum shm_core_sight asked = shm_serve_peek(v->c);
        if (asked != SHM_CORE_NOTHING) {
            return asked;
        }
    }
    return sight == SHM_SLOT_FILLING ? SHM_CORE_FILLING : SHM_CORE_NOTHING;
}

/* Wait and serve until the answer is there: *ret is what stood there then, which may since have changed. A
 * peer that asks without end, or shows answers and takes them back, does not move the deadline: no handler
 * begins after it. */
static enum err wait_for(const struct shm_session *s, uint32_t timeout_ms, enum shm_slot_sight *ret)
{
    struct shm *c = s->channel;
    struct shm_asker *a = asker_of(s);
    struct shm_loop l = shm_loop_begin(c, &a->wait, timeout_ms);
    bool is_new = false;
    struct ask_view v = {c, shm_core_peer_response(c, s->slot), word_of(a), false};
    enum err e;

    v.may_serve = shm_serve_begin(c, &is_new);
    for (;;) {
        e = shm_loop_wait(&l, peek, &v);
        *ret = shm_slot_see(v.mine, shm_core_word(v.response));
        if (e != ERR_OK || *ret >= SHM_SLOT_ANSWERED) {
            break;
        }
        if (shm_loop_is_late(&l, shm_bell_now_ns())) {
            e = ERR_TIMEOUT;
            break;
        }
        (void)shm_serve_turn(c, 1);
    }
    if (is_new) {
        shm_serve_end(c);
    }
    return e;
}

/* What was asked is settled: by the answer that `sight` is, or because the channel is `over`. */
static enum err settle(struct shm_session *s, enum shm_slot_sight sight, enum err over,
                       struct shm_reply *reply)
{
    if (sight >= SHM_SLOT_ANSWERED) {
        take(s, sight, reply);
    } else {
        *reply = (struct shm_reply){.status = over, .fault = SHM_FAULT_CLOSED};
    }
    atomic_store_explicit(&asker_of(s)->is_out, false, memory_order_relaxed);
    return reply->status;
}

enum err shm_reply_poll(struct shm_session *s, struct shm_reply *reply)
{
    enum err over = (enum err)atomic_load_explicit(&s->channel->over, memory_order_relaxed);

    if (!atomic_load_explicit(&asker_of(s)->is_out, memory_order_relaxed)) {
        return ERR_PRECONDITION;
    }
    enum shm_slot_sight sight = see(s->channel, s->slot);
    if (sight < SHM_SLOT_ANSWERED && over == ERR_OK) {
        return ERR_LATER;
    }
    return settle(s, sight, over, reply);
}

enum err shm_reply_wait(struct shm_session *s, uint32_t timeout_ms, struct shm_reply *reply)
{
    enum shm_slot_sight sight;

    if (!atomic_load_explicit(&asker_of(s)->is_out, memory_order_relaxed)) {
        return ERR_PRECONDITION;
    }
    enum err e = wait_for(s, timeout_ms, &sight);
    if (e == ERR_TIMEOUT && sight < SHM_SLOT_ANSWERED) {
        disown(s);
        *reply = (struct shm_reply){.status = ERR_TIMEOUT};
        return ERR_TIMEOUT;
    }
    return settle(s, sight, e, reply);
}

enum err shm_ask(struct shm_session *s, uint32_t operation, const void *data, size_t size,
                 uint32_t timeout_ms, struct shm_reply *reply)
{
    void *room = shm_ask_room(s, size);

    if (room == NULL) {
        bool is_large = size > shm_payload_max(s->channel);
        *reply = (struct shm_reply){.status = is_large ? ERR_LIMIT : ERR_PRECONDITION,
                                    .fault = is_large ? SHM_FAULT_OVERSIZE_REQUEST : SHM_FAULT_NONE};
        return reply->status;
    }
    if (size >= ASK_FILL_MIN) {
        shm_ask_filling(s);
    }
    if (size > 0) {
        memcpy(room, data, size);
    }
    enum err e = shm_ask_send(s, operation, size);
    if (e != ERR_OK) {
        *reply = (struct shm_reply){.status = e, .fault = SHM_FAULT_CLOSED};
        return e;
    }
    return shm_reply_wait(s, timeout_ms, reply);
}

enum err shm_reply_copy(const struct shm_session *s, const struct shm_reply *reply, void *out)
{
    const struct shm_slot_mem *slot;

    if (s->channel == NULL || !reply->is_answered) {
        return ERR_PRECONDITION;
    }
    /* Ours until the next request: after it the numbers differ, whatever the peer's word says. */
    if (shm_slot_with(word_of(asker_of(s)), SHM_SLOT_ANSWER) != reply->word) {
        return ERR_PRECONDITION;
    }
    slot = shm_core_peer_response(s->channel, s->slot);
    if (reply->size > 0) {
        memcpy(out, reply->data, reply->size);
    }
    /* The copy before the second look: on x86 loads stay in order, the compiler must leave them so. (A
     * fence of the processor would be one that the thread sanitizer does not know.) */
    __atomic_signal_fence(__ATOMIC_ACQ_REL);
    return shm_core_word(slot) == reply->word ? ERR_OK : ERR_PRECONDITION;
}

enum err shm_call(struct shm *c, uint32_t operation, const void *data, size_t data_size,
                  uint32_t timeout_ms, void *out, size_t *size)
{
    struct shm_session s;
    struct shm_reply reply;
    enum err e = shm_session_open(c, &s);

    if (e != ERR_OK) {
        return e;
    }
    e = shm_ask(&s, operation, data, data_size, timeout_ms, &reply);
    if (e == ERR_OK && reply.size > *size) {
        e = ERR_LIMIT;
    }
    if (e == ERR_OK) {
        e = shm_reply_copy(&s, &reply, out);
        *size = reply.size;
    }
    shm_session_close(&s);
    return e;
}

bool shm_ask_pending(const struct shm *c)
{
    for (uint32_t i = 0; i < c->shape.slots; i++) {
        if (atomic_load_explicit(&c->asker[i].is_out, memory_order_relaxed) &&
            see(c, i) >= SHM_SLOT_ANSWERED) {
            return true;
        }
    }
    return false;
}
