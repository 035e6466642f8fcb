/* One way to a member. All packets of one turn of the loop for one member and one lane go in one message: the answer to a
 * request of that member which waits for some, else a request. So entries go in a request, and that they are durable
 * comes in its answer: two messages a batch, and half the wake-ups of two requests.
 *
 * There are two: one for what is short and must not wait (raft_packet_is_urgent), whose requests have connections of
 * their own, between nodes too; and one for entries and snapshots, and what is said about them. Behind megabytes that are
 * under way a heartbeat would come when its leader has been taken for gone. */
#ifndef CELL_RAFT_LANE_H
#define CELL_RAFT_LANE_H

#include "raft/packet.h"

enum {
    RAFT_LANE_FLIGHT = 64,           /* requests that are not answered; what comes on top is dropped               */
    RAFT_LANE_MESSAGE = 256 << 10,   /* bytes of packets in one request; a longer packet goes alone                */
    RAFT_LANE_DEADLINE_MS = 2000,    /* of a request                                                               */
    RAFT_LANE_HELD = 4,              /* requests of the member that wait for packets; the oldest is answered: the  */
                                     /* asker keeps each of them until it is                                       */
    RAFT_LANE_STEP = 32 << 10,       /* bytes by which what gathers grows                                          */
    RAFT_LANE_HELD_MS = 1000,        /* … and one that waits so long                                               */
    RAFT_LANE_ANSWER_MAX = 64 << 10, /* bytes of packets in an answer: a member takes any, its limits.message too  */
};

struct cell_call;
struct raft_peer;

/* A request of a member whose answer is to bring packets. */
struct raft_lane_held {
    struct cell_call *call;          /* NULL: its member gave it up */
    uint64_t since_ms;
};

struct raft_lane {
    struct raft_peer *peer;
    bool is_urgent;
    uint8_t *out;                    /* packets that gather; owned  */
    uint32_t out_size, out_room;
    uint32_t flight;                 /* requests that are not answered */
    struct raft_lane_held held[RAFT_LANE_HELD]; /* a ring, the oldest at held_first */
    uint32_t held_first, held_count;
};

/* Say nothing but that this process is there, and wait to be spoken to. */
void raft_lane_greet(struct raft_lane *lane);

/* Gather a packet; the run's bytes are in m->run.bytes. False: too much waits, or no memory; it is dropped. */
bool raft_lane_put(struct raft_lane *lane, const struct raft_message *m) MUST_CHECK;

/* What gathered goes; who waits too long, or need not, is answered. */
void raft_lane_speak(struct raft_lane *lane, uint64_t now_ms);

/* Take a request of the member that is to be answered with packets. */
void raft_lane_hold(struct raft_lane *lane, struct cell_call *call);

/* None of them waits any longer. ERR_OK: they are answered with what gathered. */
void raft_lane_let_go(struct raft_lane *lane, enum err e);

void raft_lane_fini(struct raft_lane *lane);

#endif
