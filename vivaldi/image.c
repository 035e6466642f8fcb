#include "vivaldi/image.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    US = 1000,
    MAGIC = 8,
    AT_SELF = MAGIC,
    AT_PEERS = AT_SELF + 8,
    AT_USUAL = AT_PEERS + 4,
    AT_COORD = AT_USUAL + 4,
    AT_WALL = AT_COORD + VIVALDI_COORD_BYTES,
    AT_RTT = 8, /* of a peer */
    AT_AGE = AT_RTT + 4,
    AT_PLACE = AT_AGE + 4,
};

static const char magic[] = "CELLVIV1";

size_t vivaldi_image_size(const struct vivaldi *v)
{
    size_t size = VIVALDI_IMAGE_HEAD + VIVALDI_IMAGE_TAIL;

    for (uint32_t i = 0; i < v->peers.count; i++) {
        size += vivaldi_peers_is_placed(&v->peers.peer[i]) ? VIVALDI_IMAGE_PEER : 0;
    }
    return size;
}

static void put_coord(const struct vivaldi_coord *c, uint8_t *to)
{
    size_t size = vivaldi_coord_pack(c, VIVALDI_DIMS_MAX, to);

    assert(size == VIVALDI_COORD_BYTES); /* all dimensions, so that every peer has the same size */
}

size_t vivaldi_image_write(const struct vivaldi *v, uint32_t now_s, uint64_t wall_s, uint8_t *out)
{
    uint8_t *to = out + VIVALDI_IMAGE_HEAD;
    uint32_t count = 0;

    for (uint32_t i = 0; i < v->peers.count; i++) {
        const struct vivaldi_peer *peer = &v->peers.peer[i];
        if (!vivaldi_peers_is_placed(peer)) {
            continue;
        }
        struct vivaldi_coord c = vivaldi_peers_coord(peer);
        bytes_put_be64(to, vivaldi_peers_id(peer));
        bytes_put_be32(to + AT_RTT, (uint32_t)lrintf(vivaldi_peers_usual(peer) * US));
        bytes_put_be32(to + AT_AGE, now_s - peer->measured_s);
        put_coord(&c, to + AT_PLACE);
        to += VIVALDI_IMAGE_PEER;
        count++;
    }
    memcpy(out, magic, MAGIC);
    bytes_put_be64(out + AT_SELF, v->config.self);
    bytes_put_be32(out + AT_PEERS, count);
    bytes_put_be32(out + AT_USUAL, (uint32_t)lrintf(v->usual_ms * US));
    put_coord(&v->live, out + AT_COORD);
    bytes_put_be64(out + AT_WALL, wall_s);
    bytes_put_be32(to, bytes_crc32c(0, out, (size_t)(to - out)));
    return (size_t)(to - out) + VIVALDI_IMAGE_TAIL;
}

/* ---- reading --------------------------------------------------------------------------------------- */

/* Whether the frame holds: who and how many is true, and nothing was changed on the way. */
static enum err check(const struct vivaldi *v, const uint8_t *bytes, size_t size)
{
    if (size < VIVALDI_IMAGE_HEAD + VIVALDI_IMAGE_TAIL || memcmp(bytes, magic, MAGIC) != 0 ||
        bytes_get_be64(bytes + AT_SELF) != v->config.self) {
        return ERR_INCOMPATIBLE;
    }
    uint32_t count = bytes_get_be32(bytes + AT_PEERS);
    if (count > VIVALDI_PEERS_MAX ||
        size != VIVALDI_IMAGE_HEAD + (size_t)count * VIVALDI_IMAGE_PEER + VIVALDI_IMAGE_TAIL ||
        bytes_get_be32(bytes + size - VIVALDI_IMAGE_TAIL) != bytes_crc32c(0, bytes, size - VIVALDI_IMAGE_TAIL)) {
        return ERR_DATA_LOSS;
    }
    return ERR_OK;
}

static bool is_rtt(uint32_t us)
{
    return us >= (uint32_t)lrintf(VIVALDI_RTT_MIN_MS * US) && us <= (uint32_t)VIVALDI_RTT_MAX_MS * US;
}

/* One peer; false: its values are none, whatever its checksum says. */
static bool get_peer(const uint8_t *from, struct vivaldi_coord *ret)
{
    return is_rtt(bytes_get_be32(from + AT_RTT)) &&
           vivaldi_coord_unpack(from + AT_PLACE, VIVALDI_COORD_BYTES, ret) == ERR_OK;
}

static void take_peer(struct vivaldi *v, uint32_t now_s, uint32_t away_s, const uint8_t *from,
                      const struct vivaldi_coord *c)
{
    uint32_t age_s = bytes_get_be32(from + AT_AGE), rtt_us = bytes_get_be32(from + AT_RTT);
    uint64_t id = bytes_get_be64(from);

    if (v->peers.count == v->peers.max || id == v->config.self) {
        return;
    }
    age_s = age_s > INT32_MAX / 2 || away_s > INT32_MAX / 2 ? INT32_MAX : age_s + away_s;
    struct vivaldi_peer *peer = vivaldi_peers_make(&v->peers, id, now_s - age_s, 0);
    vivaldi_peers_sample(peer, fminf((float)rtt_us / US, VIVALDI_RTT_MAX_MS), now_s - age_s);
    vivaldi_peers_place(peer, c, now_s);
}

enum err vivaldi_image_read(struct vivaldi *v, uint32_t now_s, uint64_t wall_s, const uint8_t *bytes, size_t size)
{
    enum err e = check(v, bytes, size);
    struct vivaldi_coord own, c;

    if (e != ERR_OK) {
        return e;
    }
    uint64_t written_s = bytes_get_be64(bytes + AT_WALL), gone_s = wall_s > written_s ? wall_s - written_s : 0;
    uint32_t away_s = gone_s < UINT32_MAX ? (uint32_t)gone_s : UINT32_MAX;
    const uint8_t *end = bytes + size - VIVALDI_IMAGE_TAIL;
    uint32_t usual_us = bytes_get_be32(bytes + AT_USUAL);
    bool is_good = vivaldi_coord_unpack(bytes + AT_COORD, VIVALDI_COORD_BYTES, &own) == ERR_OK &&
                   (usual_us == 0 || is_rtt(usual_us));
    for (const uint8_t *at = bytes + VIVALDI_IMAGE_HEAD; is_good && at < end; at += VIVALDI_IMAGE_PEER) {
        is_good = get_peer(at, &c);
    }
    if (!is_good) {
        return ERR_DATA_LOSS;
    }
    for (const uint8_t *at = bytes + VIVALDI_IMAGE_HEAD; at < end; at += VIVALDI_IMAGE_PEER) {
        (void)get_peer(at, &c); /* it was good a moment ago */
        take_peer(v, now_s, away_s, at, &c);
    }
    vivaldi_core_restore(v, &own, (float)usual_us / US);
    return ERR_OK;
}
