/* Places on the earth: who is within a distance of a point, and who is in a box of degrees, across the date line and round the poles, too.
 * A grid of equal degrees over points in memory of the caller; no clock, no I/O, nothing is allocated.
 *
 * Sources: Sinnott, "Virtues of the haversine", Sky & Telescope 68, 1984; the earth's radius as redis has it, so that distances are the same. */
#ifndef CELL_MYCEL_GEO_H
#define CELL_MYCEL_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

#define MYCEL_GEO_RADIUS_M 6372797.560856

enum {
    MYCEL_GEO_POINTS_MAX = 1 << 24,
    MYCEL_GEO_NONE = 0, /* no place */
};

/* Degrees: -90 to 90 and -180 to 180; both ends of the latter are the same place. */
struct mycel_geo_point {
    double latitude, longitude;
};

struct mycel_geo_entry {
    struct mycel_geo_point point;
    uint32_t next, prev; /* of a cell, or of the vacant ones */
    uint32_t cell;       /* NO_CELL: vacant */
};

struct mycel_geo {
    struct mycel_geo_entry *entry; /* points_max + 1 */
    uint32_t *first;               /* of each cell   */
    uint32_t points_max, count, vacant;
    uint32_t rows, columns;        /* of cells       */
};

/* Bytes for so many points, 1 to MYCEL_GEO_POINTS_MAX; 0: out of range. About 36 a point. */
size_t mycel_geo_bytes(uint32_t points_max);

/* memory: mycel_geo_bytes(points_max), aligned to 8, borrowed. */
void mycel_geo_init(struct mycel_geo *g, void *memory, uint32_t points_max);

/* A point comes; *ret: its number from now on, never MYCEL_GEO_NONE. ERR_INVALID: no place on the earth; ERR_LIMIT: no room. O(1). */
enum err mycel_geo_add(struct mycel_geo *g, const struct mycel_geo_point *point, uint32_t *ret) MUST_CHECK;

/* It is somewhere else now. ERR_NOT_FOUND; ERR_INVALID. O(1). */
enum err mycel_geo_move(struct mycel_geo *g, uint32_t number, const struct mycel_geo_point *point) MUST_CHECK;

/* It goes. ERR_NOT_FOUND. O(1). */
enum err mycel_geo_remove(struct mycel_geo *g, uint32_t number) MUST_CHECK;

/* Metres along the surface. */
double mycel_geo_distance_m(const struct mycel_geo_point *a, const struct mycel_geo_point *b);

/* Show everybody at most radius_m away, in no order. The work is that of the cells it touches and of who is in them. ERR_INVALID. */
enum err mycel_geo_within(const struct mycel_geo *g, const struct mycel_geo_point *center, double radius_m,
                          void (*show)(void *context, uint32_t number, double distance_m), void *context) MUST_CHECK;

/* Show everybody in a rectangle of metres round a point, as GEOSEARCH BYBOX has it: at most half of the height north or south of it, and at
 * most half of the width east or west, measured along the surface between two points of his own latitude. Else as mycel_geo_within. */
enum err mycel_geo_rectangle(const struct mycel_geo *g, const struct mycel_geo_point *center, double width_m, double height_m,
                             void (*show)(void *context, uint32_t number, double distance_m), void *context) MUST_CHECK;

/* Show everybody from south to north and, going east, from west to east, the ends included; west > east crosses the date line.
 * ERR_INVALID: south > north, or out of range. */
enum err mycel_geo_box(const struct mycel_geo *g, const struct mycel_geo_point *south_west, const struct mycel_geo_point *north_east,
                       void (*show)(void *context, uint32_t number), void *context) MUST_CHECK;

#endif
