/* Network coordinates: a point from which the round trip to any other point follows without measuring it. Pure.
 *
 * Source: Dabek, Cox, Kaashoek, Morris, "Vivaldi: A Decentralized Network Coordinate System", SIGCOMM 2004 (3-d and
 * height, sections 5.3 and 5.4). More dimensions than three are possible: VIVALDI_DIMS_MAX says why seven. */
#ifndef CELL_VIVALDI_COORD_H
#define CELL_VIVALDI_COORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    VIVALDI_DIMS = 3,             /* least: what the paper found enough for most of the Internet                */
    VIVALDI_DIMS_MAX = 7,         /* with the height eight floats, two registers                                     */
    VIVALDI_COORD_SIDE_MAX = 10000, /* ms: no part of a coordinate is larger, nor smaller than its negative      */
    VIVALDI_COORD_BYTES = 2 + 3 * (VIVALDI_DIMS_MAX + 1) + 2, /* packed: version, dimensions, parts, error        */
    VIVALDI_COORD_VERSION = 1,
};

#define VIVALDI_COORD_FADE 0.2f      /* of both heights: who is no further away than that climbs half of them, who is further more */
#define VIVALDI_COORD_ERROR_MAX 1.5f /* as in serf: a node that knows nothing is not infinitely wrong */

/* Parts that a node does not use are 0, so nodes of different dimensions agree about what they have in common. */
struct vivaldi_coord {
    float at[VIVALDI_DIMS_MAX]; /* ms, the Euclidean part                                          */
    float height;               /* ms, >= 0: what the way to the first router adds in each direction */
    float error;                /* [0, VIVALDI_COORD_ERROR_MAX]: how far off predictions were, as a share of what was
                                 * measured */
};

/* Whether every part is finite and within its range: what another node sends must be. */
bool vivaldi_coord_is_valid(const struct vivaldi_coord *c);

/* Predicted round trip between two valid ones, ms: finite, >= 0, symmetric. With d the Euclidean distance and h both
 * heights it is d + h d d/(d d + h h/25): d + h for those far apart, as in the paper, and near d for neighbours, who do not climb
 * down to the Internet to reach each other. With plain d + h no two nodes are nearer than their heights, and the nearest of
 * ten was 2.9 times as far as need be; so it is 1.1 times. With d + h d/(d + h) homes of one city, whose ways to the first
 * router are longer than those between them, were predicted 2.6 times as badly as by plain d + h (docs/TESTING.md). */
float vivaldi_coord_rtt_ms(const struct vivaldi_coord *a, const struct vivaldi_coord *b);

/* How far apart two positions of one node are, ms: 0 when they are the same. */
float vivaldi_coord_moved_ms(const struct vivaldi_coord *a, const struct vivaldi_coord *b);

/* vivaldi_coord_rtt_ms from `from` to each of to[0..count), into ret[0..count). */
void vivaldi_coord_rtts_ms(const struct vivaldi_coord *from, const struct vivaldi_coord *to, size_t count, float *ret);

/* Write a valid one in VIVALDI_COORD_BYTES or fewer: parts as signed 24-bit numbers of 2 us, error in 1/40,000.
 * Returns the bytes. dims: 1 to VIVALDI_DIMS_MAX, how many parts are written. */
size_t vivaldi_coord_pack(const struct vivaldi_coord *c, uint32_t dims, uint8_t out[VIVALDI_COORD_BYTES]);

/* Read what another node sent: any bytes. ERR_INCOMPATIBLE: another version; ERR_MALFORMED: not in this form to the
 * last byte, or out of range. *ret is untouched then. */
enum err vivaldi_coord_unpack(const uint8_t *bytes, size_t size, struct vivaldi_coord *ret) MUST_CHECK;

#endif
