#include "mycel/geo.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
    NONE = MYCEL_GEO_NONE,
    ROWS_MAX = 2048,
};

#define NO_CELL UINT32_MAX
#define RADIANS (3.14159265358979323846 / 180)
#define MARGIN 1e-7 /* degrees, a centimetre: what rounding may take from an edge that cells are chosen by */

/* Twice as many columns as rows, one cell for two points. */
static uint32_t rows_of(uint32_t points_max)
{
    uint32_t rows = 1;

    while (rows < ROWS_MAX && (uint64_t)(2 * rows) * (4 * rows) * 2 <= points_max) {
        rows *= 2;
    }
    return rows;
}

size_t mycel_geo_bytes(uint32_t points_max)
{
    size_t rows = rows_of(points_max);

    if (points_max == 0 || points_max > MYCEL_GEO_POINTS_MAX) {
        return 0;
    }
    return (points_max + (size_t)1) * sizeof(struct mycel_geo_entry) + rows * 2 * rows * sizeof(uint32_t);
}

void mycel_geo_init(struct mycel_geo *g, void *memory, uint32_t points_max)
{
    assert(mycel_geo_bytes(points_max) > 0);
    *g = (struct mycel_geo){.entry = memory, .points_max = points_max, .rows = rows_of(points_max), .columns = 2 * rows_of(points_max)};
    g->first = (void *)(g->entry + points_max + 1);
    memset(g->first, 0, (size_t)g->rows * g->columns * sizeof *g->first);
    for (uint32_t n = points_max; n > 0; n--) {
        g->entry[n] = (struct mycel_geo_entry){.next = g->vacant, .cell = NO_CELL};
        g->vacant = n;
    }
}

/* ---- cells ------------------------------------------------------------------------------------------ */

static bool is_point(const struct mycel_geo_point *p)
{
    return p->latitude >= -90 && p->latitude <= 90 && p->longitude >= -180 && p->longitude <= 180; /* no number is neither */
}

static uint32_t row_of(const struct mycel_geo *g, double latitude)
{
    double row = floor((latitude + 90) / 180 * g->rows);

    return row < 0 ? 0 : row >= g->rows ? g->rows - 1 : (uint32_t)row;
}

/* Of any longitude: the last column's end is the first one's beginning. */
static uint32_t column_of(const struct mycel_geo *g, double longitude)
{
    double turns = (longitude + 180) / 360, column = floor((turns - floor(turns)) * g->columns);

    return column >= g->columns ? g->columns - 1 : (uint32_t)column;
}

static void put_in(struct mycel_geo *g, uint32_t number, const struct mycel_geo_point *point)
{
    struct mycel_geo_entry *e = &g->entry[number];
    uint32_t cell = row_of(g, point->latitude) * g->columns + column_of(g, point->longitude);

    *e = (struct mycel_geo_entry){.point = *point, .cell = cell, .next = g->first[cell]};
    if (e->next != NONE) {
        g->entry[e->next].prev = number;
    }
    g->first[cell] = number;
}

static void take_out(struct mycel_geo *g, uint32_t number)
{
    struct mycel_geo_entry *e = &g->entry[number];

    if (e->next != NONE) {
        g->entry[e->next].prev = e->prev;
    }
    *(e->prev != NONE ? &g->entry[e->prev].next : &g->first[e->cell]) = e->next;
}

static bool is_there(const struct mycel_geo *g, uint32_t number)
{
    return number != NONE && number <= g->points_max && g->entry[number].cell != NO_CELL;
}

enum err mycel_geo_add(struct mycel_geo *g, const struct mycel_geo_point *point, uint32_t *ret)
{
    uint32_t number = g->vacant;

    if (!is_point(point)) {
        return ERR_INVALID;
    }
    if (number == NONE) {
        return ERR_LIMIT;
    }
    g->vacant = g->entry[number].next;
    put_in(g, number, point);
    g->count++;
    *ret = number;
    return ERR_OK;
}

enum err mycel_geo_move(struct mycel_geo *g, uint32_t number, const struct mycel_geo_point *point)
{
    if (!is_there(g, number)) {
        return ERR_NOT_FOUND;
    }
    if (!is_point(point)) {
        return ERR_INVALID;
    }
    take_out(g, number);
    put_in(g, number, point);
    return ERR_OK;
}

enum err mycel_geo_remove(struct mycel_geo *g, uint32_t number)
{
    if (!is_there(g, number)) {
        return ERR_NOT_FOUND;
    }
    take_out(g, number);
    g->entry[number] = (struct mycel_geo_entry){.next = g->vacant, .cell = NO_CELL};
    g->vacant = number;
    g->count--;
    return ERR_OK;
}

/* ---- questions -------------------------------------------------------------------------------------- */

double mycel_geo_distance_m(const struct mycel_geo_point *a, const struct mycel_geo_point *b)
{
    double v = sin((b->latitude - a->latitude) * RADIANS / 2), u = sin((b->longitude - a->longitude) * RADIANS / 2);
    double h = v * v + cos(a->latitude * RADIANS) * cos(b->latitude * RADIANS) * u * u;

    return 2 * MYCEL_GEO_RADIUS_M * asin(sqrt(h < 1 ? h : 1));
}

/* A rectangle of cells: `columns` of them from `column` on, going east, all round at most. */
struct area {
    uint32_t row, last_row, column, columns;
};

static struct area area_of(const struct mycel_geo *g, double south, double north, double west, double width)
{
    struct area a = {.row = row_of(g, south), .last_row = row_of(g, north), .columns = g->columns};
    double cell = 360. / g->columns;

    if (width + cell < 360) { /* or the first one might be the last one, too */
        a.column = column_of(g, west);
        a.columns = (column_of(g, west + width) + g->columns - a.column) % g->columns + 1;
    }
    return a;
}

/* How far east and west a circle reaches, in degrees: where a meridian touches it; past a pole, all round. */
static double reach(double latitude, double radius)
{
    if (fabs(latitude) + radius / RADIANS + MARGIN >= 90) {
        return 180;
    }
    double ratio = sin(radius) / cos(latitude * RADIANS);
    return ratio >= 1 ? 180 : asin(ratio) / RADIANS + MARGIN;
}

enum err mycel_geo_within(const struct mycel_geo *g, const struct mycel_geo_point *center, double radius_m,
                          void (*show)(void *context, uint32_t number, double distance_m), void *context)
{
    if (!is_point(center) || !(radius_m >= 0) || !isfinite(radius_m)) {
        return ERR_INVALID;
    }
    double radius = radius_m / MYCEL_GEO_RADIUS_M, up = radius / RADIANS + MARGIN, side = reach(center->latitude, radius);
    struct area a = area_of(g, center->latitude - up, center->latitude + up, center->longitude - side, 2 * side);
    for (uint32_t row = a.row; row <= a.last_row; row++) {
        for (uint32_t c = 0; c < a.columns; c++) {
            uint32_t cell = row * g->columns + (a.column + c) % g->columns;
            for (uint32_t n = g->first[cell]; n != NONE; n = g->entry[n].next) {
                double distance = mycel_geo_distance_m(center, &g->entry[n].point);
                if (distance <= radius_m) {
                    show(context, n, distance);
                }
            }
        }
    }
    return ERR_OK;
}

/* How far east and west half of a width reaches at any latitude up to this one, in degrees. */
static double spread(double latitude, double half)
{
    if (fabs(latitude) + MARGIN >= 90 || half >= M_PI) {
        return 180;
    }
    double ratio = sin(half / 2) / cos(latitude * RADIANS);
    double turn = ratio >= 1 ? M_PI : 2 * asin(ratio);
    return turn >= M_PI ? 180 : turn / RADIANS + MARGIN;
}

enum err mycel_geo_rectangle(const struct mycel_geo *g, const struct mycel_geo_point *center, double width_m, double height_m,
                             void (*show)(void *context, uint32_t number, double distance_m), void *context)
{
    if (!is_point(center) || !(width_m >= 0) || !isfinite(width_m) || !(height_m >= 0) || !isfinite(height_m)) {
        return ERR_INVALID;
    }
    double up = height_m / 2 / MYCEL_GEO_RADIUS_M / RADIANS + MARGIN, side = spread(fabs(center->latitude) + up, width_m / 2 / MYCEL_GEO_RADIUS_M);
    struct area a = area_of(g, center->latitude - up, center->latitude + up, center->longitude - side, 2 * side);
    for (uint32_t row = a.row; row <= a.last_row; row++) {
        for (uint32_t c = 0; c < a.columns; c++) {
            uint32_t cell = row * g->columns + (a.column + c) % g->columns;
            for (uint32_t n = g->first[cell]; n != NONE; n = g->entry[n].next) {
                const struct mycel_geo_point *p = &g->entry[n].point;
                struct mycel_geo_point below = {p->latitude, center->longitude};
                if (fabs(p->latitude - center->latitude) * RADIANS * MYCEL_GEO_RADIUS_M <= height_m / 2 && mycel_geo_distance_m(&below, p) <= width_m / 2) {
                    show(context, n, mycel_geo_distance_m(center, p));
                }
            }
        }
    }
    return ERR_OK;
}

static bool is_between(double longitude, double west, double east)
{
    return west <= east ? longitude >= west && longitude <= east : longitude >= west || longitude <= east;
}

/* -180 and 180 are one meridian. */
static bool is_in_box(const struct mycel_geo_point *p, const struct mycel_geo_point *south_west, const struct mycel_geo_point *north_east)
{
    double west = south_west->longitude, east = north_east->longitude;

    return p->latitude >= south_west->latitude && p->latitude <= north_east->latitude &&
           (is_between(p->longitude, west, east) || (fabs(p->longitude) == 180 && is_between(-p->longitude, west, east)));
}

enum err mycel_geo_box(const struct mycel_geo *g, const struct mycel_geo_point *south_west, const struct mycel_geo_point *north_east,
                       void (*show)(void *context, uint32_t number), void *context)
{
    if (!is_point(south_west) || !is_point(north_east) || south_west->latitude > north_east->latitude) {
        return ERR_INVALID;
    }
    double width = north_east->longitude - south_west->longitude;
    struct area a = area_of(g, south_west->latitude, north_east->latitude, south_west->longitude, width < 0 ? width + 360 : width);
    for (uint32_t row = a.row; row <= a.last_row; row++) {
        for (uint32_t c = 0; c < a.columns; c++) {
            uint32_t cell = row * g->columns + (a.column + c) % g->columns;
            for (uint32_t n = g->first[cell]; n != NONE; n = g->entry[n].next) {
                if (is_in_box(&g->entry[n].point, south_west, north_east)) {
                    show(context, n);
                }
            }
        }
    }
    return ERR_OK;
}
