#include "datapath/capture.h"

#include <assert.h>
#include <string.h>

#include "common/base/macros.h"

/* How a packet lies in the ring; its bytes follow, and zeros to a multiple of 8. */
struct record {
    uint64_t time_us;
    uint32_t kept, size;
    uint8_t public[DATAPATH_NOISE_KEY];
    uint8_t is_out;
};

static_assert(sizeof(struct record) == DATAPATH_CAPTURE_RECORD, "what the header says a packet takes");

static uint32_t span_of(uint32_t kept)
{
    return (uint32_t)sizeof(struct record) + (kept + 7) / 8 * 8;
}

void datapath_capture_init(struct datapath_capture *c, uint8_t *memory, uint32_t room, uint32_t snap)
{
    assert(snap >= 1 && snap <= DATAPATH_CAPTURE_SNAP_MAX && room % 8 == 0 && span_of(snap) <= room);
    *c = (struct datapath_capture){.memory = memory, .room = room, .snap = snap, .wrap = room};
}

/* Room for `span` bytes in one piece: nothing that reads a packet has to look for its other half. */
static bool find_room(struct datapath_capture *c, uint32_t span)
{
    if (c->count == 0 || c->end > c->first) {
        if (c->room - c->end >= span) {
            return true;
        }
        if (c->first < span) {
            return false;
        }
        c->wrap = c->end;
        c->end = 0;
        return true;
    }
    return c->first - c->end >= span; /* the two meet when it is full: end > first says that it is not */
}

bool datapath_capture_put(struct datapath_capture *c, const struct datapath_capture_packet *packet)
{
    struct record r = {.time_us = packet->time_us, .size = packet->size, .is_out = packet->is_out};

    r.kept = packet->size < c->snap ? packet->size : c->snap;
    c->taken++;
    if (!find_room(c, span_of(r.kept))) {
        c->dropped++;
        return false;
    }
    memcpy(r.public, packet->public, sizeof r.public);
    memcpy(c->memory + c->end, &r, sizeof r);
    memcpy(c->memory + c->end + sizeof r, packet->bytes, r.kept);
    c->end += span_of(r.kept);
    c->count++;
    return true;
}

struct datapath_capture_place datapath_capture_begin(const struct datapath_capture *c)
{
    return (struct datapath_capture_place){.at = c->first};
}

bool datapath_capture_next(const struct datapath_capture *c, struct datapath_capture_place *place,
                           struct datapath_capture_packet *ret)
{
    struct record r;

    if (place->count == c->count) {
        return false;
    }
    uint32_t at = place->at == c->wrap ? 0 : place->at;
    memcpy(&r, c->memory + at, sizeof r);
    assert(r.kept <= c->snap && at + span_of(r.kept) <= c->room);
    *ret = (struct datapath_capture_packet){.time_us = r.time_us, .bytes = c->memory + at + sizeof r, .kept = r.kept,
                                            .size = r.size, .is_out = r.is_out};
    memcpy(ret->public, r.public, sizeof ret->public);
    *place = (struct datapath_capture_place){.at = at + span_of(r.kept), .count = place->count + 1};
    return true;
}

void datapath_capture_drop(struct datapath_capture *c, const struct datapath_capture_place *place)
{
    assert(place->count <= c->count);
    c->count -= place->count;
    if (place->at < c->first || place->at == c->wrap) { /* what is left begins at the beginning, or behind it */
        c->first = place->at == c->wrap ? 0 : place->at;
        c->wrap = c->room;
    } else {
        c->first = place->at;
    }
    if (c->count == 0) {
        c->first = c->end = 0;
        c->wrap = c->room;
    }
}
