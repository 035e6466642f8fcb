/* What a node knows, as bytes for its disk: a restart begins where it ended. Pure. */
#ifndef CELL_VIVALDI_IMAGE_H
#define CELL_VIVALDI_IMAGE_H

#include "vivaldi/core.h"

enum {
    VIVALDI_IMAGE_HEAD = 8 + 8 + 4 + 4 + VIVALDI_COORD_BYTES + 8, /* magic, self, peers, usual round trip, own coordinate,
                                                                   * seconds of the wall's clock */
    VIVALDI_IMAGE_PEER = 8 + 4 + 4 + VIVALDI_COORD_BYTES,     /* id, round trip in us, seconds since, coordinate       */
    VIVALDI_IMAGE_TAIL = 4,                                   /* CRC-32C of all before                                */
    VIVALDI_IMAGE_MAX = VIVALDI_IMAGE_HEAD + VIVALDI_PEERS_MAX * VIVALDI_IMAGE_PEER + VIVALDI_IMAGE_TAIL,
};

/* Write `v` into out[0..vivaldi_image_size(v)). Returns the bytes. Peers that were never placed are left out. */
size_t vivaldi_image_size(const struct vivaldi *v);
size_t vivaldi_image_write(const struct vivaldi *v, uint32_t now_s, uint64_t wall_s, uint8_t *out);

/* Take into a fresh `v` what was written, any bytes; wall_s: now, by the clock that was written with. ERR_INCOMPATIBLE: it is no image of this version or of
 * another node; ERR_DATA_LOSS: it is damaged; v is as it was. Peers that do not fit are left out, round trips have
 * aged meanwhile (not at all when the clock went back), and coordinates count as heard now. */
enum err vivaldi_image_read(struct vivaldi *v, uint32_t now_s, uint64_t wall_s, const uint8_t *bytes,
                            size_t size) MUST_CHECK;

#endif
