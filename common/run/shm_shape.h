/* What a half of a shared-memory channel looks like: each side has one memfd that it alone writes and
 * that its peer maps read-only. Layout and the check of a peer's header; no memory is touched here.
 *
 * A half: header page; doorbell page; counters page; request slots (calls of the owner); response
 * slots (answers to the peer's calls); one loan a slot for payloads beyond the slot's own room; a
 * region for byte rings, whose format is the ring's own.
 *
 * Nothing is ever addressed by what a peer's header says: both sides agree on a shape in the
 * handshake, compute the plan from it, and refuse a header that is not the one they would write. */
#ifndef CELL_COMMON_RUN_SHM_SHAPE_H
#define CELL_COMMON_RUN_SHM_SHAPE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

#define SHM_SHAPE_MAGIC UINT64_C(0x314d48534c4c4543) /* "CELLSHM1" */

enum {
    SHM_SHAPE_VERSION = 1,
    SHM_SHAPE_LINE = 64,          /* bytes of a cache line                                        */
    SHM_SHAPE_PAGE = 4096,        /* every region begins on one                                   */
    SHM_SHAPE_HEAD = 16,          /* bytes of a slot before its payload                           */
    SHM_SHAPE_SESSION = 16,       /* bytes that name one handshake                                */
    SHM_SHAPE_SLOTS_MAX = 64,     /* calls in flight one way                                      */
    SHM_SHAPE_STRIDE_MIN = 128,   /* a pair of lines: processors fetch them together              */
    SHM_SHAPE_STRIDE_MAX = 65536, /* more belongs into a loan                                     */
    SHM_SHAPE_LOAN_MAX = 64 << 20, /* bytes of the largest message                                */
};

/* All the rings of a half together: a stream of 1 GiB goes through in pieces. */
#define SHM_SHAPE_RING_MAX (UINT64_C(1) << 30)

/* What the two sides agree on; both halves have the same. */
struct shm_shape {
    uint32_t slots;      /* 1 to SHM_SHAPE_SLOTS_MAX, each way                                    */
    uint32_t stride;     /* bytes of a slot with its head; a multiple of 128                      */
    uint32_t loan_bytes; /* of a slot's loan; a multiple of a page, or 0: there are none          */
    uint64_t ring_bytes; /* for byte rings; a multiple of a page, or 0                            */
};

enum shm_role {
    SHM_CONNECTOR = 1, /* spoke first */
    SHM_ACCEPTOR = 2,
};

/* First bytes of a half. Written once, before its descriptor is passed. */
struct shm_shape_header {
    uint64_t magic;
    uint32_t version;
    uint32_t header_bytes;
    uint64_t half_bytes;
    uint8_t session[SHM_SHAPE_SESSION]; /* of the handshake that this half was made in */
    uint32_t role;                      /* of the owner, enum shm_role                 */
    uint32_t slots;
    uint32_t stride;
    uint32_t loan_bytes;
    uint64_t requests_at;
    uint64_t responses_at;
    uint64_t request_loans_at;
    uint64_t response_loans_at;
    uint64_t ring_at;
    uint64_t ring_bytes;
    uint32_t doorbell_at;
    uint32_t counters_at;
    uint8_t zero[16];
};

/* What the owner tells about itself that the peer looks at before it makes a system call or waits.
 * One line, written seldom, so that looking is a hit in the reader's own cache. */
struct shm_doorbell {
    uint32_t kick;        /* futex word: bumped by the owner to wake the peer's sleepers           */
    uint32_t naps;        /* how many times one of the owner's threads lay down on a futex         */
    uint32_t sleepers;    /* how many lie there now                                                */
    uint32_t socket_naps; /* odd: the owner waits in poll or epoll and wants a byte on the socket  */
    uint32_t cpu;         /* the processor the owner last asked or answered on, plus 1; 0: unknown */
    uint32_t used;        /* request slots [0, used) may have been used; grows only                */
    uint32_t closed;      /* not 0: the owner has left in good order                               */
    uint32_t zero[9];
};

/* For people and tools; a page of its own, which the peer has no need to read. Each is written with a
 * plain store by whoever serves or holds the slot: under several threads a count may be missed. */
struct shm_counters {
    uint64_t calls;     /* requests published                                                     */
    uint64_t answers;   /* answers published, refusals included                                   */
    uint64_t timeouts;  /* requests disowned                                                      */
    uint64_t late;      /* answers that came after the peer had disowned its request              */
    uint64_t spins;     /* waits that ended while spinning                                        */
    uint64_t sleeps;    /* waits that went to the kernel                                          */
    uint64_t wakes;     /* system calls made to wake the peer                                     */
    uint64_t elided;    /* publications that needed none                                          */
    uint64_t in_flight; /* slots held now                                                         */
    uint64_t torn;      /* words of the peer that no honest peer writes                           */
    uint64_t refused[8]; /* answers refused, by enum shm_fault                                    */
    uint64_t zero[46];
};

/* A slot, request or response. The rest of the stride is payload too; what does not fit lies in the
 * slot's loan. With at most 48 bytes everything is in one cache line, with at most 112 in two that
 * stand side by side. */
struct shm_slot_mem {
    uint64_t word;       /* sequence, generation, state: shm_slot.h       */
    uint32_t size;       /* bytes of payload                              */
    uint32_t tag;        /* request: operation; answer: status            */
    uint8_t payload[48]; /* first bytes of stride - SHM_SHAPE_HEAD        */
};

/* The wire format, field by field: another compiler or another hand must not move one. */
#define SHM_SHAPE_AT(type, field, at)                                                              \
    _Static_assert(offsetof(struct type, field) == (at), #type "." #field)
SHM_SHAPE_AT(shm_shape_header, magic, 0);
SHM_SHAPE_AT(shm_shape_header, version, 8);
SHM_SHAPE_AT(shm_shape_header, header_bytes, 12);
SHM_SHAPE_AT(shm_shape_header, half_bytes, 16);
SHM_SHAPE_AT(shm_shape_header, session, 24);
SHM_SHAPE_AT(shm_shape_header, role, 40);
SHM_SHAPE_AT(shm_shape_header, slots, 44);
SHM_SHAPE_AT(shm_shape_header, stride, 48);
SHM_SHAPE_AT(shm_shape_header, loan_bytes, 52);
SHM_SHAPE_AT(shm_shape_header, requests_at, 56);
SHM_SHAPE_AT(shm_shape_header, responses_at, 64);
SHM_SHAPE_AT(shm_shape_header, request_loans_at, 72);
SHM_SHAPE_AT(shm_shape_header, response_loans_at, 80);
SHM_SHAPE_AT(shm_shape_header, ring_at, 88);
SHM_SHAPE_AT(shm_shape_header, ring_bytes, 96);
SHM_SHAPE_AT(shm_shape_header, doorbell_at, 104);
SHM_SHAPE_AT(shm_shape_header, counters_at, 108);
SHM_SHAPE_AT(shm_shape_header, zero, 112);
_Static_assert(sizeof(struct shm_shape_header) == 128, "the header");
SHM_SHAPE_AT(shm_doorbell, kick, 0);
SHM_SHAPE_AT(shm_doorbell, naps, 4);
SHM_SHAPE_AT(shm_doorbell, sleepers, 8);
SHM_SHAPE_AT(shm_doorbell, socket_naps, 12);
SHM_SHAPE_AT(shm_doorbell, cpu, 16);
SHM_SHAPE_AT(shm_doorbell, used, 20);
SHM_SHAPE_AT(shm_doorbell, closed, 24);
_Static_assert(sizeof(struct shm_doorbell) == SHM_SHAPE_LINE, "the doorbell is one line");
SHM_SHAPE_AT(shm_counters, in_flight, 64);
SHM_SHAPE_AT(shm_counters, torn, 72);
SHM_SHAPE_AT(shm_counters, refused, 80);
_Static_assert(sizeof(struct shm_counters) == 512, "the counters");
SHM_SHAPE_AT(shm_slot_mem, word, 0);
SHM_SHAPE_AT(shm_slot_mem, size, 8);
SHM_SHAPE_AT(shm_slot_mem, tag, 12);
SHM_SHAPE_AT(shm_slot_mem, payload, SHM_SHAPE_HEAD);
_Static_assert(sizeof(struct shm_slot_mem) == SHM_SHAPE_LINE, "a slot's first line");

/* Where everything lies in a half of this shape; bytes from its beginning. */
struct shm_plan {
    uint64_t doorbell_at;
    uint64_t counters_at;
    uint64_t requests_at;
    uint64_t responses_at;
    uint64_t request_loans_at;
    uint64_t response_loans_at;
    uint64_t ring_at;
    uint64_t half_bytes;
};

/* ERR_OK, or ERR_INVALID: a field is out of its range or no multiple of what it must be. */
enum err shm_shape_check(const struct shm_shape *shape) MUST_CHECK;

/* The plan of a checked shape. Cannot overflow: the largest half is under 18 GiB. */
struct shm_plan shm_shape_plan(const struct shm_shape *shape);

/* The header that the side `role` of handshake `session` writes. */
struct shm_shape_header shm_shape_header(const struct shm_shape *shape,
                                         const uint8_t session[SHM_SHAPE_SESSION],
                                         enum shm_role role);

/* Judge a private copy of the peer's header. ERR_OK: byte for byte what `wanted` says; ERR_MALFORMED:
 * no half of a channel; ERR_INCOMPATIBLE: another version; ERR_INVALID: any other difference. */
enum err shm_shape_match(const struct shm_shape_header *copy,
                         const struct shm_shape_header *wanted) MUST_CHECK;

/* For tools that come upon a half without having been in its handshake: take a private copy of a
 * header apart. `size` is that of the file. ERR_OK: *ret is checked and is the only shape for which
 * the header holds in every field; else as above, and *ret is untouched. */
enum err shm_shape_read(const struct shm_shape_header *copy, uint64_t size,
                        struct shm_shape *ret) MUST_CHECK;

#endif
