/* Callers that look at the packets of the overlay. */
#ifndef CELL_DATAPATH_SERVICE_CAPTURE_H
#define CELL_DATAPATH_SERVICE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/run/cell.h"
#include "datapath/capture.h"

enum {
    DATAPATH_CAPTURE_MOST = 4,                /* captures at once, each with a ring of its own              */
    DATAPATH_CAPTURE_ROOM = 2 * 1024 * 1024,  /* bytes of a ring; there is none while nobody captures       */
    DATAPATH_CAPTURE_IDLE_MS = 5000,          /* nobody asked for so long: whoever did is gone              */
    DATAPATH_CAPTURE_GATHER_MS = 20,          /* from the first packet until it is answered, with others    */
    DATAPATH_CAPTURE_WAIT_MS_MAX = 10000,
    DATAPATH_CAPTURE_PACKETS = 512,           /* in one answer, or …                                        */
    DATAPATH_CAPTURE_BYTES = 256 * 1024,      /* … so many bytes, or limits.message if that is less         */
    DATAPATH_CAPTURE_EACH = 80,               /* of these for what is said of a packet, and once of all     */
};

struct datapath_shell;
struct loop_timer;

struct datapath_capture_one {
    struct datapath_shell *shell;
    struct datapath_capture ring;      /* without memory: the place is free                     */
    uint64_t number;
    uint8_t public[DATAPATH_NOISE_KEY]; /* of the peer that it is about, if it is_of_one        */
    bool is_of_one, is_ending, is_of_frames;
    bool is_gathering;                 /* the waiting call is answered soon                     */
    struct cell_call *call;            /* that waits; NULL: none                                */
    struct loop_timer *timer;          /* the wait is over; without a call: so is the capture   */
};

struct datapath_captures {
    uint32_t on;
    struct datapath_capture_one one[DATAPATH_CAPTURE_MOST];
};

/* A packet for a peer, before it is sealed; one of a peer, after it was opened. Only while captures.on is not 0: the way of
 * packets costs nobody who looks at none more than that question. */
void datapath_service_capture_out(struct datapath_shell *s, struct datapath_time now, const uint8_t *packet, size_t size);
void datapath_service_capture_in(struct datapath_shell *s, struct datapath_time now, uint32_t peer, const uint8_t *packet,
                                 size_t size);

/* The same of frames: what the interface for them has for `public` (NULL: for all, or nobody knows whom), and what a peer's
 * frame is for it. */
void datapath_service_capture_frame(struct datapath_shell *s, struct datapath_time now, const uint8_t *public, bool is_out,
                                    const uint8_t *frame, size_t size);

/* The cell ends, or is told to: so do all captures, and nobody waits for a packet any more. */
void datapath_service_capture_stop(struct datapath_shell *s);

#endif
