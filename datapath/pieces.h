/* Ethernet frames in the inside of datagrams: whole, or in pieces where one is longer than its way takes; and pieces that
 * become frames again. PROTOCOL.md, section 6, has the bytes. What comes here is authentic, but its sender may be nobody's
 * friend: memory is fixed, each has his share of it, and where a piece belongs is its number times the length that all
 * pieces of its frame have, so that no two can overlap. Pure, in memory of the caller.
 *
 * Sources: RFC 8900, section 3.7 (what attacks on reassembly there were); RFC 5722 (overlaps end the packet). */
#ifndef CELL_DATAPATH_PIECES_H
#define CELL_DATAPATH_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DATAPATH_PIECES_HEAD = 8,        /* bytes before a whole frame                                               */
    DATAPATH_PIECES_HEAD_PIECE = 16, /* … before a piece                                                         */
    DATAPATH_PIECES_FRAME_MIN = 14,  /* addresses and type                                                       */
    DATAPATH_PIECES_OVER = 22,       /* bytes that a frame may have above its interface's mtu: head and two tags */
    DATAPATH_PIECES_FRAME_MAX = 9000 + DATAPATH_PIECES_OVER,
    DATAPATH_PIECES_LEAST = 256,     /* bytes of each piece but the last: tiny ones cost as much as long ones    */
    DATAPATH_PIECES_MOST = 36,       /* … so a frame has no more of them                                         */
    DATAPATH_PIECES_FRAMES = 64,     /* unfinished frames of all senders: 577 KiB with the largest mtu …         */
    DATAPATH_PIECES_EACH = 8,        /* … and of one: eight that come mixed, more than a path reorders           */
    DATAPATH_PIECES_WAIT_MS = 1000,  /* from the first piece on: many round trips, and less than any retry above */
};

/* What became of a message. X(name, text) */
#define DATAPATH_PIECES_MAP(X)                                                                     \
    X(WHOLE, "frames of peers that were whole, at once or with their last piece")                  \
    X(KEPT, "pieces that waited for others")                                                       \
    X(FALSE, "messages that contradict themselves")                                                \
    X(LONG, "frames or pieces of some that are longer than the interface takes")                   \
    X(AGAINST, "pieces that contradict those before, which ends their frame")

enum datapath_pieces_verdict {
#define X(name, text) DATAPATH_PIECES_##name,
    DATAPATH_PIECES_MAP(X)
#undef X
};

#define X(name, text) +1
enum {
    DATAPATH_PIECES_VERDICTS = 0 DATAPATH_PIECES_MAP(X)
};
#undef X

/* An unfinished frame. */
struct datapath_pieces_frame {
    uint32_t peer, id;
    uint32_t size, each;       /* bytes: of the frame; of each piece but the last */
    uint32_t place;            /* in memory                                       */
    uint64_t have;             /* bit n: piece n                                  */
    uint64_t begun_ms;
};

struct datapath_pieces {
    uint32_t most;             /* bytes of a frame */
    uint8_t *memory;           /* borrowed         */
    uint32_t count;
    struct datapath_pieces_frame frame[DATAPATH_PIECES_FRAMES]; /* the oldest first; places of those behind `count` are free */
    uint64_t verdict[DATAPATH_PIECES_VERDICTS];
    uint64_t late, pushed;     /* frames that were given up: after their time; for a newer one */
};

/* How a frame goes. */
struct datapath_pieces_cut {
    uint32_t size, each, count, id; /* count 1: whole, and id means nothing */
};

/* ---- out ------------------------------------------------------------------------------------------------ */

/* A frame of `size` bytes in messages of at most `room`. False: it is no frame, too long, or needs pieces smaller than
 * DATAPATH_PIECES_LEAST. id: another one for each frame of this sender. */
bool datapath_pieces_plan(size_t size, size_t room, uint32_t id, struct datapath_pieces_cut *ret);

/* Message `index` of cut->count into `out`. Returns its bytes, at most the room it was planned for. */
size_t datapath_pieces_write(const struct datapath_pieces_cut *cut, const uint8_t *frame, uint32_t index, uint8_t *out);

/* The head of a message that is a whole frame of `size` bytes, which its caller writes behind it: out[0..DATAPATH_PIECES_HEAD). */
void datapath_pieces_head(size_t size, uint8_t out[DATAPATH_PIECES_HEAD]);

/* ---- in ------------------------------------------------------------------------------------------------- */

/* Whether the inside of a datagram is one of these. O(1). */
bool datapath_pieces_is(const uint8_t *text, size_t size);

/* Bytes for frames of an interface of this mtu, 1 to 9,000. */
size_t datapath_pieces_size(uint32_t mtu);
/* memory: of that size; borrowed. */
void datapath_pieces_init(struct datapath_pieces *p, void *memory, uint32_t mtu);

/* A message of `peer`, for which datapath_pieces_is holds. WHOLE: *ret_frame is one of *ret_size bytes, in `text` or in the
 * memory, until the next call. O(DATAPATH_PIECES_FRAMES) for a piece. */
enum datapath_pieces_verdict datapath_pieces_take(struct datapath_pieces *p, uint64_t now_ms, uint32_t peer, const uint8_t *text,
                                                  size_t size, const uint8_t **ret_frame, size_t *ret_size);

/* Nothing is kept of this peer any more. */
void datapath_pieces_forget(struct datapath_pieces *p, uint32_t peer);

/* What is late is given up; without it that happens when the next piece comes. */
void datapath_pieces_clock(struct datapath_pieces *p, uint64_t now_ms);

/* "PIECES_WHOLE". Never NULL for a verdict. */
const char *datapath_pieces_verdict_name(enum datapath_pieces_verdict v);
const char *datapath_pieces_verdict_text(enum datapath_pieces_verdict v);

#endif
