#include "raft/lane.h"

#include <stdlib.h>
#include <string.h>

#include "common/run/cell_call.h"
#include "proto/raft.pb-c.h"
#include "raft/le.h"
#include "raft/shell.h"

/* ---- requests that wait for packets -------------------------------------------------------------- */

/* The oldest one; NULL: none. */
static struct cell_call *take_held(struct raft_lane *lane)
{
    struct cell_call *call = NULL;

    while (call == NULL && lane->held_count > 0) {
        call = lane->held[lane->held_first].call;
        lane->held_first = (lane->held_first + 1) % RAFT_LANE_HELD;
        lane->held_count--;
    }
    if (call != NULL) {
        cell_call_on_cancel(call, NULL, NULL);
    }
    return call;
}

/* Answer with what gathered, if anything did. */
static void answer(struct raft_lane *lane, struct cell_call *call)
{
    Cell__Raft__PeerReply reply = CELL__RAFT__PEER_REPLY__INIT;

    reply.packets = (ProtobufCBinaryData){lane->out_size, lane->out};
    if (cell_reply(call, &reply) != ERR_OK) {
        raft_peers_drop(lane->peer->shell); /* as any message may be */
    }
    lane->out_size = 0;
}

static void on_held_cancel(void *context, enum err e)
{
    struct raft_lane_held *held = context;
    struct cell_call *call = held->call;

    held->call = NULL;
    cell_reply_error(call, e, NULL, NULL);
}

void raft_lane_hold(struct raft_lane *lane, struct cell_call *call)
{
    if (lane->held_count == RAFT_LANE_HELD) {
        struct cell_call *oldest = take_held(lane);
        if (oldest != NULL) {
            answer(lane, oldest);
        }
    }
    struct raft_lane_held *held = &lane->held[(lane->held_first + lane->held_count++) % RAFT_LANE_HELD];
    *held = (struct raft_lane_held){.call = call, .since_ms = cell_call_now_ms(call)};
    cell_call_forget(call); /* the packets in it are taken, and may be as much as a megabyte */
    cell_call_on_cancel(call, on_held_cancel, held);
}

void raft_lane_let_go(struct raft_lane *lane, enum err e)
{
    struct cell_call *call;

    while ((call = take_held(lane)) != NULL) {
        if (e == ERR_OK) {
            answer(lane, call);
        } else {
            cell_reply_error(call, e, NULL, NULL);
        }
    }
}

/* ---- packets out --------------------------------------------------------------------------------- */

static void ask(struct raft_lane *lane)
{
    struct raft_peer *peer = lane->peer;
    Cell__Raft__PeerRequest request = CELL__RAFT__PEER_REQUEST__INIT;

    request.packets = (ProtobufCBinaryData){lane->out_size, lane->out};
    request.id = peer->shell->member;
    request.contact = peer->shell->settings.self;
    request.takes_packets = true;
    request.urgent = lane->is_urgent;
    struct cell_ask ask = {.target = peer->contact,
                           .operation = CELL__RAFT__OP__OP_PEER,
                           .request = &request.base,
                           .reply = &cell__raft__peer_reply__descriptor,
                           .deadline_ms = RAFT_LANE_DEADLINE_MS,
                           .is_hasty = true,
                           .is_steady = true,
                           .is_urgent = lane->is_urgent,
                           .done = raft_peers_answered,
                           .context = lane};
    if (cell_ask(peer->shell->cell, &ask) == ERR_OK) {
        lane->flight++;
    } else {
        raft_peers_drop(peer->shell);
    }
    lane->out_size = 0;
}

void raft_lane_greet(struct raft_lane *lane)
{
    ask(lane);
}

/* Room for `more` bytes of packets; what gathered goes before it gets too long for one message. */
static bool make_room(struct raft_lane *lane, uint32_t more)
{
    if (lane->out_size > 0 && lane->out_size + more > RAFT_LANE_MESSAGE) {
        ask(lane);
    }
    if (lane->out_size + more > lane->out_room) {
        uint32_t room = (lane->out_size + more + RAFT_LANE_STEP - 1) / RAFT_LANE_STEP * RAFT_LANE_STEP;
        uint8_t *out = realloc(lane->out, room);
        if (out == NULL) {
            return false;
        }
        lane->out = out;
        lane->out_room = room;
    }
    return true;
}

bool raft_lane_put(struct raft_lane *lane, const struct raft_message *m)
{
    uint8_t front[RAFT_PACKET_FRONT_MAX];
    size_t front_size = raft_packet_front(m, lane->peer->shell->cluster, front);
    bool has_bytes = m->kind == RAFT_MESSAGE_APPEND || m->kind == RAFT_MESSAGE_SNAPSHOT;
    uint32_t size = (uint32_t)front_size + (has_bytes ? m->run.size : 0);

    if (lane->flight >= RAFT_LANE_FLIGHT || !make_room(lane, 4 + size)) {
        return false;
    }
    uint8_t *at = lane->out + lane->out_size;
    raft_le_put32(at, size);
    memcpy(at + 4, front, front_size);
    if (size > front_size) {
        memcpy(at + 4 + front_size, m->run.bytes, m->run.size);
    }
    lane->out_size += 4 + size;
    return true;
}

void raft_lane_speak(struct raft_lane *lane, uint64_t now_ms)
{
    if (lane->out_size > 0) {
        struct cell_call *call = lane->out_size <= RAFT_LANE_ANSWER_MAX ? take_held(lane) : NULL;
        if (call != NULL) {
            answer(lane, call);
        } else {
            ask(lane);
        }
    }
    while (lane->held_count > 0 && now_ms >= lane->held[lane->held_first].since_ms + RAFT_LANE_HELD_MS) {
        struct cell_call *call = take_held(lane);
        if (call != NULL) {
            answer(lane, call);
        }
    }
    if (lane->out_room > 1 << 20) { /* of a burst: not kept */
        raft_lane_fini(lane);
    }
}

void raft_lane_fini(struct raft_lane *lane)
{
    free(lane->out);
    lane->out = NULL;
    lane->out_room = 0;
}
