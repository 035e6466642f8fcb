/* Streams: payloads too large for one message, sent over a byte ring as an opening, chunks and an end.
 * Pure: frames and times come in, frames and events go out; bytes, rings and clocks are the caller's.
 *
 * A ring keeps the order of its messages, so chunks come in order: a chunk that is not the next one is
 * a fault of the sender, not something to be sorted out. What a receiver remembers of a stream does
 * not depend on what its opening announced; only what has arrived costs memory.
 *
 * Frames of a stream: OPEN, any number of CHUNKs, then END or ABORT, all from the sender; REFUSE from
 * the receiver on the opposite ring ends it for both. Numbers of streams grow and are used once, so a
 * late frame of a stream that is over is never taken for one of another. */
#ifndef CELL_COMMON_RUN_SHM_STREAM_H
#define CELL_COMMON_RUN_SHM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    SHM_STREAM_BYTES_MAX = 1 << 30,  /* of a stream                                              */
    SHM_STREAM_CHUNKS_MAX = 1 << 20, /* of a stream                                              */
    SHM_STREAM_OPEN_MAX = 1024,      /* at a time, one way: 56 KiB of records in the receiver    */
    SHM_STREAM_KEEP_MIN = 256,       /* bytes that collecting begins with                        */
};

enum shm_stream_kind {
    SHM_STREAM_OPEN = 1,
    SHM_STREAM_CHUNK = 2,
    SHM_STREAM_END = 3,
    SHM_STREAM_ABORT = 4,
    SHM_STREAM_REFUSE = 5,
};

/* The first bytes of a stream's message; a chunk's bytes follow. On the wire as it is here: both sides
 * are one machine. */
struct shm_stream_frame {
    uint32_t kind;   /* enum shm_stream_kind                                              */
    uint32_t index;  /* CHUNK: 0, 1, …; OPEN: how many there will be at most; END: were   */
    uint64_t number; /* of the stream, > 0                                                */
    uint64_t bytes;  /* OPEN: of the whole stream; CHUNK: before this one; END: were      */
    uint32_t tag;    /* OPEN: what it is for, the caller's; ABORT, REFUSE: why, enum err's wire number */
    uint32_t zero;
};

/* ---- sending ---------------------------------------------------------------------------------------- */

/* A stream as its sender has it; storage of the caller. */
struct shm_stream_out {
    uint64_t number;
    uint64_t bytes; /* announced */
    uint64_t sent;
    uint32_t chunks; /* announced: at most */
    uint32_t index;
    enum err fault; /* why nothing more can be sent; ERR_OK: it can */
};

/* Begin stream `number`, larger than all before it on this ring. bytes: of the whole; chunks: at most.
 * ERR_LIMIT: more than a stream may have; on errors nothing was begun. *ret is the frame to send. */
enum err shm_stream_open(struct shm_stream_out *s, uint64_t number, uint64_t bytes, uint32_t chunks,
                         uint32_t tag, struct shm_stream_frame *ret) MUST_CHECK;

/* The frame before the next `size` bytes (0 keeps a slow stream from going stale). ERR_RANGE: more bytes
 * or chunks than announced. After the stream has ended or was refused: why. */
enum err shm_stream_chunk(struct shm_stream_out *s, uint64_t size, struct shm_stream_frame *ret)
    MUST_CHECK;

/* ERR_PRECONDITION: fewer bytes were sent than announced; send them or abort. */
enum err shm_stream_end(struct shm_stream_out *s, struct shm_stream_frame *ret) MUST_CHECK;

/* Give up because of `why`. Errors as of shm_stream_chunk: there is nothing to abort. */
enum err shm_stream_abort(struct shm_stream_out *s, enum err why, struct shm_stream_frame *ret) MUST_CHECK;

/* A REFUSE frame for this stream came back: nothing more can be sent, shm_stream_chunk says why. */
void shm_stream_refused(struct shm_stream_out *s, const struct shm_stream_frame *frame);

/* ---- receiving -------------------------------------------------------------------------------------- */

/* A stream as its receiver has it. */
struct shm_stream_in {
    uint64_t number; /* 0: free */
    uint64_t bytes;
    uint64_t received;
    uint64_t heard_ms;
    uint32_t chunks;
    uint32_t index;
    uint32_t tag;
    bool is_refused; /* known until its sender has heard of it, so that its late chunks are silent */
    void *owner;     /* the caller's, from shm_stream_accept on */
};

/* All streams one way. The table grows with what is open and is freed by shm_streams_fini. */
struct shm_streams {
    struct shm_stream_in **slot; /* sorted by number, which is the order of opening */
    size_t count, room;
    uint64_t last; /* the largest number that was opened */
    uint64_t late; /* frames of streams that were over, dropped */
};

enum shm_stream_event {
    SHM_STREAM_EV_NONE,    /* nothing to do: a late frame                                      */
    SHM_STREAM_EV_OPENED,  /* *ret_stream is new: keep it, give it an owner, or refuse it      */
    SHM_STREAM_EV_BYTES,   /* the chunk's bytes are the next of *ret_stream                    */
    SHM_STREAM_EV_ENDED,   /* *ret_stream has all its bytes; the caller closes it              */
    SHM_STREAM_EV_ABORTED, /* its sender gave up, tag says why; the caller closes it           */
    SHM_STREAM_EV_REFUSED, /* our own stream `frame.number` is refused by the peer             */
    SHM_STREAM_EV_FULL,    /* too many are open: send the REFUSE that shm_stream_refuse_frame makes */
};

/* Zeroed to begin. */
void shm_streams_fini(struct shm_streams *s);

/* A message of `size` bytes came whose first bytes are *frame: a private copy, hostile. payload_size:
 * bytes behind it.
 * ERR_OK and *ret, *ret_stream (borrowed until shm_stream_close; NULL for NONE, REFUSED and FULL).
 * ERR_MALFORMED: what no honest sender sends: the ring's peer is not to be trusted further. ERR_NOMEM. */
enum err shm_stream_receive(struct shm_streams *s, const struct shm_stream_frame *frame,
                            uint64_t payload_size, uint64_t now_ms, enum shm_stream_event *ret,
                            struct shm_stream_in **ret_stream) MUST_CHECK;

/* This stream is not wanted: fills the frame to send back. Its chunks are dropped from now on; the
 * stream is closed by itself when its sender stops or goes stale. The owner is forgotten. */
void shm_stream_refuse(struct shm_stream_in *stream, enum err why, struct shm_stream_frame *ret);

/* The same for an opening that was FULL. */
struct shm_stream_frame shm_stream_refuse_frame(uint64_t number, enum err why);

/* Forget a stream; its late frames are dropped from now on. */
void shm_stream_close(struct shm_streams *s, struct shm_stream_in *stream);

/* The stream that was silent longest, if it was for idle_ms or more; NULL: none. The caller lets go of
 * its owner, may refuse it, and closes it; then asks again. O(open). */
struct shm_stream_in *shm_streams_stale(const struct shm_streams *s, uint64_t now_ms,
                                        uint64_t idle_ms);

/* ---- keeping what arrives ------------------------------------------------------------------------- */

/* Bytes collected so far: never more room than twice of what has arrived. Zeroed to begin. */
struct shm_stream_kept {
    uint8_t *bytes; /* owned */
    uint64_t size;
    uint64_t room;
};

/* Append a chunk of `stream`, before the next is received. ERR_NOMEM: unchanged. */
enum err shm_stream_keep(struct shm_stream_kept *kept, const struct shm_stream_in *stream,
                         const void *data, uint64_t size) MUST_CHECK;

void shm_stream_kept_fini(struct shm_stream_kept *kept);

#endif
