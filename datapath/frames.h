/* Ethernet frames between nodes of ours: the cell's TAP interface, and what goes to peers that take frames and comes from
 * them (PROTOCOL.md, section 6). Nothing of this is there without such an interface. */
#ifndef CELL_DATAPATH_FRAMES_H
#define CELL_DATAPATH_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/run/tun.h"
#include "datapath/bridge.h"
#include "datapath/coalesce.h"
#include "datapath/large.h"
#include "datapath/neighbour.h"
#include "datapath/pieces.h"
#include "datapath/types.h"

enum {
    DATAPATH_FRAMES_TURN = 128,  /* frames of the interface before others are looked at …                    */
    DATAPATH_FRAMES_BYTES = 256 * 1024, /* … or so many bytes                                               */
    DATAPATH_FRAMES_LOOK_MS = 100, /* between looks at who takes what goes to all: it costs a look at all    */
    DATAPATH_FRAMES_WAIT = 16,   /* peers for whom one such frame waits until there is a session: places are
                                  * few, and packets need them                                               */
};

struct datapath_shell;
struct loop_watch;

struct datapath_frames_numbers {
    uint64_t read, written;     /* frames of the interface, and to it …                                      */
    uint64_t writes;            /* … with so many calls                                                      */
    uint64_t unwritten;         /* … that it did not take                                                    */
    uint64_t misfits;           /* … that are longer than can be, or than pieces of a way allow              */
    uint64_t sent, pieces;      /* to peers, a frame to two counts twice; in so many datagrams               */
};

struct datapath_frames {
    int fd;                     /* of the interface       */
    bool is_on;                 /* there is one           */
    struct tun_spec device;
    uint32_t number;                /* of it, in the socket's network; 0: it is in another */
    struct loop_watch *watch;
    void *memory;               /* of what is below       */
    struct datapath_bridge bridge;
    struct datapath_pieces pieces;
    struct datapath_neighbours *neighbours;
    uint32_t *serial;           /* of each peer: that of whom is known what is known */
    uint32_t *taker, takers;    /* numbers of peers that get what goes to all …      */
    uint64_t looked_ms;         /* … as of then                                      */
    uint32_t id;                /* of the next frame that is cut                     */
    struct datapath_frames_numbers numbers;
    bool is_plain;              /* one frame a call       */
    struct datapath_coalesce coalesce; /* of what came from peers and goes to the interface together */
    uint8_t head[DATAPATH_OFFLOAD_SIZE];
    uint8_t frame[DATAPATH_LARGE_FRAME_MAX];
    uint8_t segment[DATAPATH_PIECES_FRAME_MAX]; /* of a large one that does not go as it is */
};

/* Take the interface that was handed over, or make the one of the configuration; none: it stays off. An error is logged. */
enum err datapath_frames_open(struct datapath_shell *s) MUST_CHECK;
/* After the core is made. ERR_NOMEM, ERR_IO. */
enum err datapath_frames_start(struct datapath_shell *s) MUST_CHECK;
void datapath_frames_tick(struct datapath_shell *s, uint64_t now_ms);
void datapath_frames_stop(struct datapath_shell *s); /* also what was zeroed */

/* A message of `peer`, for which datapath_pieces_is holds; only while is_on. */
void datapath_frames_take(struct datapath_shell *s, struct datapath_time now, uint32_t peer, const uint8_t *text, size_t size);

/* What was held to go to the interface together goes: the datagrams that it came in may be overwritten now. */
void datapath_frames_flush(struct datapath_shell *s);

struct datapath_frames_count {
    const char *name, *text;
    uint64_t value;
};

/* What was counted. Returns how many, at most DATAPATH_FRAMES_COUNTS. */
enum {
    DATAPATH_FRAMES_COUNTS = 14 + DATAPATH_BRIDGE_VERDICTS + DATAPATH_PIECES_VERDICTS,
};
size_t datapath_frames_counts(const struct datapath_frames *f, struct datapath_frames_count ret[DATAPATH_FRAMES_COUNTS]);

#endif
