/* Shared-memory channels: calls between two processes of one machine without a system call while both
 * are awake. A channel is symmetric: either side asks, either side serves, also while it waits.
 *
 * Needs neither the event loop nor nng. Two ways to use it: blocking (shm_ask, shm_serve), or polled
 * from a loop (shm_turn and shm_reply_poll when shm_fd is readable or the loop is about to sleep).
 *
 * Threads: any number may ask, each on a session of its own. One at a time serves: whoever is in
 * shm_serve or shm_turn, or else an asking thread while it waits.
 *
 * The peer is not trusted: whatever it writes at whatever time, nothing is read outside the mapping and
 * nothing waits beyond its deadline. What is read in place may change under the reader if the peer
 * breaks the protocol: copy (shm_request_copy, shm_reply_copy) before judging, then believe. */
#ifndef CELL_COMMON_RUN_SHM_H
#define CELL_COMMON_RUN_SHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/run/shm_shape.h"

enum {
    SHM_DEPTH_MAX = 8, /* calls served inside one another; deeper ones are refused        */
    SHM_KEY_LEN = 32,  /* bytes of the secret that both sides of a handshake hold         */
};

/* Why the transport refused a request. X(name, number on the wire, what the asker's call returns).
 * Numbers never change; 0 is no refusal. */
#define SHM_FAULT_MAP(X)                                                                           \
    X(OVERSIZE_REQUEST, 1, LIMIT)                                                                  \
    X(OVERSIZE_RESPONSE, 2, LIMIT)                                                                 \
    X(BAD_SIZE, 3, MALFORMED)                                                                      \
    X(UNKNOWN_TYPE, 4, UNIMPLEMENTED)                                                              \
    X(HANDLER, 5, INTERNAL)                                                                        \
    X(DEPTH, 6, LIMIT)                                                                             \
    X(CLOSED, 7, UNAVAILABLE)

enum shm_fault {
    SHM_FAULT_NONE = 0,
#define X(name, number, e) SHM_FAULT_##name = number,
    SHM_FAULT_MAP(X)
#undef X
};

struct shm; /* a channel; made by a handshake, see shm_meet.h */

/* A request being served; borrowed until it is answered. A handler that answers later keeps a copy. */
struct shm_request {
    struct shm *channel;
    uint64_t word; /* which request this is                                       */
    const void *data; /* in the peer's half: read in place, or copy               */
    size_t size;
    uint32_t slot;
    uint32_t operation;
};

/* What the peer answered; borrowed from its half until the session's next shm_ask_room, shm_ask or
 * shm_session_close. */
struct shm_reply {
    enum err status;      /* what the callee, the transport or the wait says            */
    enum shm_fault fault; /* of the transport, on either side; else NONE                */
    bool is_answered;     /* the callee spoke; else nobody knows whether it acted       */
    const void *data;
    size_t size;
    uint64_t word;        /* which answer this is                                       */
};

/* A slot held by one thread over any number of calls. Storage of the caller. */
struct shm_session {
    struct shm *channel; /* NULL: closed */
    uint32_t slot;
};

/* Leave in good order: the peer's waits end with UNAVAILABLE. Unmaps and closes everything; no
 * session may be open. NULL is fine. */
void shm_close(struct shm *c);

/* Who serves requests of the peer; NULL: they are refused as UNKNOWN_TYPE. The handler answers with
 * shm_answer or shm_answer_copy and returns ERR_OK; or keeps *r and returns ERR_LATER; or returns an
 * error, which is sent as the answer's status (UNIMPLEMENTED as the fault UNKNOWN_TYPE). Returning
 * ERR_OK without an answer is the fault HANDLER. It may ask on the same channel. Not while one serves. */
void shm_handler(struct shm *c, enum err (*handle)(void *context, const struct shm_request *r),
                 void *context);

/* The largest payload of a request or an answer, bytes. */
size_t shm_payload_max(const struct shm *c);

/* ---- asking --------------------------------------------------------------------------------------- */

/* Hold a slot. ERR_LIMIT: all are in use, or disowned and not yet released by the peer. */
enum err shm_session_open(struct shm *c, struct shm_session *ret) MUST_CHECK;

/* Give it back; a request still out is disowned. A closed session is fine. */
void shm_session_close(struct shm_session *s);

/* Room for a request of up to `size` bytes, to be built in place. NULL: larger than shm_payload_max, or
 * the last request is still out. Valid until shm_ask_send. */
void *shm_ask_room(struct shm_session *s, size_t size) MUST_CHECK;

/* Before a large payload (16 KiB and more) is written into the room: the peer, if it is about to sleep, waits a little
 * longer, and if it sleeps, it wakes meanwhile. */
void shm_ask_filling(struct shm_session *s);

/* Publish the request built in the last shm_ask_room; size <= what was asked for. ERR_PRECONDITION: no
 * room was taken, or the last request is still out; ERR_PEER_DEAD, ERR_UNAVAILABLE: nobody is there. */
enum err shm_ask_send(struct shm_session *s, uint32_t operation, size_t size) MUST_CHECK;

/* Wait for the answer, serving the peer's calls meanwhile, of which none is begun after the deadline: a wait lasts
 * longer by what a handler takes that was begun before, and by one more a level where handlers ask themselves.
 * Returns reply->status:
 *   ERR_OK              answered; *reply is filled
 *   ERR_TIMEOUT         disowned for ever; whether the callee acts is unknown
 *   ERR_PEER_DEAD       the process has ended, known within 10 ms
 *   ERR_UNAVAILABLE     the peer has closed the channel
 *   ERR_PRECONDITION    no request is out
 *   others              the callee's status (reply->is_answered), or the fault's error
 * After every return the session can ask again, but for TIMEOUT until the peer has let go: then
 * shm_ask_room gives NULL and another session is to be opened. timeout_ms 0: what is there now. */
enum err shm_reply_wait(struct shm_session *s, uint32_t timeout_ms, struct shm_reply *reply) MUST_CHECK;

/* The same without waiting and without disowning: ERR_LATER while there is no answer. */
enum err shm_reply_poll(struct shm_session *s, struct shm_reply *reply) MUST_CHECK;

/* Build from `data`, publish, wait. ERR_LIMIT with fault OVERSIZE_REQUEST: too large. */
enum err shm_ask(struct shm_session *s, uint32_t operation, const void *data, size_t size,
                 uint32_t timeout_ms, struct shm_reply *reply) MUST_CHECK;

/* Copy the answer out (reply->size bytes) and check afterwards that it was still that answer: what was
 * copied is what the peer published. ERR_PRECONDITION: released, or the peer has torn it. */
enum err shm_reply_copy(const struct shm_session *s, const struct shm_reply *reply, void *out) MUST_CHECK;

/* One call on a slot taken for it; the answer is copied to out[0..*size), where *size is the room before
 * and the answer's size after. ERR_LIMIT also when it does not fit. */
enum err shm_call(struct shm *c, uint32_t operation, const void *data, size_t data_size,
                  uint32_t timeout_ms, void *out, size_t *size) MUST_CHECK;

/* ---- serving -------------------------------------------------------------------------------------- */

/* Serve until shm_stop or timeout_ms are over (UINT32_MAX: for ever); no request is begun after that. ERR_OK: stopped; ERR_TIMEOUT;
 * ERR_PEER_DEAD; ERR_UNAVAILABLE: the peer has closed; ERR_PRECONDITION: a thread is in here already. */
enum err shm_serve(struct shm *c, uint32_t timeout_ms) MUST_CHECK;

/* From a handler: shm_serve returns after it. */
void shm_stop(struct shm *c);

/* Serve what is there now, without waiting; returns how many requests were taken. */
size_t shm_turn(struct shm *c);

/* Room in our half for the answer, to be built in place; NULL: too large, or `r` is answered already.
 * Valid until the answer. */
void *shm_answer_room(const struct shm_request *r, size_t size) MUST_CHECK;

/* As shm_ask_filling. */
void shm_answer_filling(const struct shm_request *r);

/* Publish the answer built in the room (size 0: none is needed). ERR_OK; ERR_PRECONDITION: `r` is
 * answered already; ERR_CANCELLED: its asker has given up, the answer is dropped and counted. */
enum err shm_answer(const struct shm_request *r, enum err status, size_t size) MUST_CHECK;

/* The same from `data`. ERR_LIMIT: too large, refused as OVERSIZE_RESPONSE. */
enum err shm_answer_copy(const struct shm_request *r, enum err status, const void *data,
                         size_t size) MUST_CHECK;

/* As shm_reply_copy; ERR_CANCELLED: the asker has given up. */
enum err shm_request_copy(const struct shm_request *r, void *out) MUST_CHECK;

/* ---- from a loop ---------------------------------------------------------------------------------- */

/* A descriptor that is readable when the peer wants us while we are armed, has closed or died; the
 * channel's, made at the first call. -1: no descriptors are left. */
int shm_fd(struct shm *c);

/* Before the loop sleeps: ask the peer for a sign. True: nothing is pending, sleep. False: something
 * arrived meanwhile, take it and arm again. No other thread may wait on the channel then. */
bool shm_arm(struct shm *c);

/* After the loop woke, whatever woke it: the peer need not make signs any more. No system call; what it has
 * already sent makes shm_fd readable. */
void shm_rouse(struct shm *c);

/* After shm_fd was readable. ERR_OK, or why the channel is over: ERR_PEER_DEAD, ERR_UNAVAILABLE. */
enum err shm_disarm(struct shm *c) MUST_CHECK;

#endif
