/* The inside of a channel, shared by shm_chan.c (life), shm_bell.c (wake and sleep), shm_ask.c and
 * shm_serve.c. */
#ifndef CELL_COMMON_RUN_SHM_CORE_H
#define CELL_COMMON_RUN_SHM_CORE_H

#include <stdatomic.h>

#include "common/run/shm.h"
#include "common/run/shm_slot.h"
#include "common/run/shm_wait.h"

enum {
    SHM_CORE_SLICE_NS = 5000000, /* on the futex without a look at the peer's life: under the 10 ms
                                  * that a caller may be left in the dark, and over a tick: a timer
                                  * due before the next tick must be programmed, and with 1 ms a
                                  * round trip on one core took 17 us where without 12            */
    SHM_CORE_LOOK_EVERY = 64,  /* turns between two looks at what changes seldom; a power of two  */
};

#define SHM_CORE_LOAN_BIT 0x80000000u

/* Who holds a slot of ours. Private to the process: the peer has no say in it. */
enum shm_core_claim {
    SHM_CORE_FREE,
    SHM_CORE_CLAIMED,
    SHM_CORE_DISOWNED, /* given back with a VOID out: free after the peer's DONE */
};

/* A slot as its asker sees it. Lines of its own: sessions of several threads stand side by side. */
struct shm_asker {
    _Alignas(128) atomic_uint claim;
    atomic_bool is_out; /* a request is published and neither answered nor disowned */
    bool is_room;       /* shm_ask_room was called, shm_ask_send not yet            */
    uint32_t room_flag; /* SHM_CORE_LOAN_BIT if the room is the loan                */
    size_t room_size;
    _Atomic uint64_t word; /* published last                                        */
    struct shm_wait wait;
};

/* A slot as its server sees it. */
struct shm_server_slot {
    struct shm_slot_served served;
    bool is_room; /* as above, of the answer */
    uint32_t room_flag;
    size_t room_size;
};

struct shm {
    /* never written after the handshake */
    uint8_t *mine;
    const uint8_t *theirs;
    struct shm_doorbell *bell;
    const struct shm_doorbell *peer_bell;
    struct shm_counters *count;
    struct shm_shape shape;
    struct shm_plan plan;
    enum shm_role role;
    int socket; /* of the handshake: a byte wakes a sleeper, a hang-up is the peer's end   */
    int pidfd;  /* of the peer; -1: this kernel gives none, the socket's hang-up must do   */
    pid_t peer_pid;
    uid_t peer_uid;
    enum err (*handle)(void *context, const struct shm_request *r);
    void *context;

    /* several threads */
    atomic_int over;              /* enum err: why the channel has ended; ERR_OK: it has not */
    atomic_uint has_socket;       /* one of us waits on the socket                           */
    atomic_uint kicked_naps;      /* the peer's nap that we have woken last                  */
    atomic_uint kicked_socket;
    _Atomic(const void *) server; /* the thread that serves, by an address of its own        */
    atomic_uint is_serving;       /* a thread is in shm_serve                                */
    int poll_fd;                  /* epoll of socket and pidfd, made when asked for          */
    bool has_loop;                /* a loop's thread holds has_socket                        */
    bool is_armed;                /* and has asked for a sign                                */
    uint64_t slice_ns;            /* first sleep on the futex; tests make it longer or none  */

    /* the serving thread */
    uint32_t depth;
    uint32_t turn_from; /* the slot that is looked at first, next time */
    bool must_stop;
    struct shm_wait serve_wait;
    struct shm_server_slot *served; /* shape.slots, behind the askers */

    struct shm_asker asker[]; /* shape.slots: a cell's own channels have one, and that is most of their memory */
};

/* ---- where things lie ---------------------------------------------------------------------------- */

static inline struct shm_slot_mem *shm_core_request(const struct shm *c, uint32_t slot)
{
    return (struct shm_slot_mem *)(c->mine + c->plan.requests_at + (size_t)slot * c->shape.stride);
}

static inline struct shm_slot_mem *shm_core_response(const struct shm *c, uint32_t slot)
{
    return (struct shm_slot_mem *)(c->mine + c->plan.responses_at + (size_t)slot * c->shape.stride);
}

static inline const struct shm_slot_mem *shm_core_peer_request(const struct shm *c, uint32_t slot)
{
    return (const struct shm_slot_mem *)(c->theirs + c->plan.requests_at +
                                         (size_t)slot * c->shape.stride);
}

static inline const struct shm_slot_mem *shm_core_peer_response(const struct shm *c, uint32_t slot)
{
    return (const struct shm_slot_mem *)(c->theirs + c->plan.responses_at +
                                         (size_t)slot * c->shape.stride);
}

static inline size_t shm_core_inline_max(const struct shm *c)
{
    return c->shape.stride - SHM_SHAPE_HEAD;
}

static inline uint64_t shm_core_word(const struct shm_slot_mem *slot)
{
    return __atomic_load_n(&slot->word, __ATOMIC_ACQUIRE);
}

/* Count an event of the calling thread: a plain store, see struct shm_counters. */
static inline void shm_core_count(uint64_t *counter)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

/* A payload of the peer: fetch its header once and bound it. `loans_at` is the plan's region. ERR_OK
 * and *ret_data, *ret_size; ERR_MALFORMED: a size that no sender writes; ERR_LIMIT: larger than a
 * loan. */
enum err shm_core_payload(const struct shm *c, const struct shm_slot_mem *slot, uint32_t index,
                          uint64_t loans_at, const void **ret_data, size_t *ret_size) MUST_CHECK;

/* An address that no other thread has. */
const void *shm_core_self(void);

#endif
