/* Radius and box questions beside looking at every point, by chance and at the earth's awkward places. */
#include "mycel/geo.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

enum { POINTS = 100000 };

static struct mycel_geo geo;
static struct mycel_geo_point point[POINTS + 1]; /* by number */
static bool is_here[POINTS + 1], is_shown[POINTS + 1];
static uint32_t shown, twice;

static void see(void *context, uint32_t number)
{
    twice += is_shown[number];
    is_shown[number] = true;
    shown++;
    (void)context;
}

static void see_at(void *context, uint32_t number, double distance_m)
{
    const struct mycel_geo_point *center = context;

    CHECK(distance_m == mycel_geo_distance_m(center, &point[number]), "the distance is right");
    see(NULL, number);
}

static bool is_in(const struct mycel_geo_point *p, const struct mycel_geo_point *sw, const struct mycel_geo_point *ne)
{
    bool in = false;

    for (int turn = -360; turn <= 360; turn += 360) { /* the box as an interval on a line, and the point wherever it may be on it */
        double east = ne->longitude < sw->longitude ? ne->longitude + 360 : ne->longitude;
        in |= p->longitude + turn >= sw->longitude && p->longitude + turn <= east;
    }
    return in && p->latitude >= sw->latitude && p->latitude <= ne->latitude;
}

static void ask_circle(struct mycel_geo_point center, double radius_m)
{
    uint32_t want = 0, wrong = 0;

    memset(is_shown, 0, sizeof is_shown);
    shown = twice = 0;
    CHECK(mycel_geo_within(&geo, &center, radius_m, see_at, &center) == ERR_OK, "it may be asked");
    for (uint32_t n = 1; n <= POINTS; n++) {
        bool is_near = is_here[n] && mycel_geo_distance_m(&center, &point[n]) <= radius_m;
        want += is_near;
        wrong += is_near != is_shown[n];
    }
    CHECK(wrong == 0 && twice == 0 && shown == want, "%.1f m round %.5f %.5f: %" PRIu32 " of %" PRIu32 ", %" PRIu32 " wrong, %" PRIu32 " twice",
          radius_m, center.latitude, center.longitude, shown, want, wrong, twice);
}

static void ask_box(struct mycel_geo_point sw, struct mycel_geo_point ne)
{
    uint32_t want = 0, wrong = 0;

    memset(is_shown, 0, sizeof is_shown);
    shown = twice = 0;
    CHECK(mycel_geo_box(&geo, &sw, &ne, see, NULL) == ERR_OK, "it may be asked");
    for (uint32_t n = 1; n <= POINTS; n++) {
        bool is = is_here[n] && is_in(&point[n], &sw, &ne);
        want += is;
        wrong += is != is_shown[n];
    }
    CHECK(wrong == 0 && twice == 0 && shown == want, "%.3f %.3f to %.3f %.3f: %" PRIu32 " of %" PRIu32 ", %" PRIu32 " wrong", sw.latitude,
          sw.longitude, ne.latitude, ne.longitude, shown, want, wrong);
}

static void ask_rectangle(struct mycel_geo_point center, double width_m, double height_m)
{
    uint32_t want = 0, wrong = 0;

    memset(is_shown, 0, sizeof is_shown);
    shown = twice = 0;
    CHECK(mycel_geo_rectangle(&geo, &center, width_m, height_m, see_at, &center) == ERR_OK, "it may be asked");
    for (uint32_t n = 1; n <= POINTS; n++) {
        struct mycel_geo_point below = {point[n].latitude, center.longitude};
        bool is = is_here[n] && fabs(point[n].latitude - center.latitude) * 3.14159265358979323846 / 180 * MYCEL_GEO_RADIUS_M <= height_m / 2 &&
                  mycel_geo_distance_m(&below, &point[n]) <= width_m / 2;
        want += is;
        wrong += is != is_shown[n];
    }
    CHECK(wrong == 0 && twice == 0 && shown == want, "%.1f by %.1f m round %.5f %.5f: %" PRIu32 " of %" PRIu32 ", %" PRIu32 " wrong", width_m, height_m,
          center.latitude, center.longitude, shown, want, wrong);
}

/* Everywhere, in a city, at the date line, at the poles, on whole degrees. */
static struct mycel_geo_point somewhere(struct rng *r)
{
    double u = rng_unit(r), v = rng_unit(r);

    switch (rng_below(r, 8)) {
    case 0:
        return (struct mycel_geo_point){48 + u / 10, 11 + v / 10};
    case 1:
        return (struct mycel_geo_point){180 * u - 90, rng_below(r, 2) == 0 ? 180 - v / 10 : v / 10 - 180};
    case 2:
        return (struct mycel_geo_point){rng_below(r, 2) == 0 ? 90 - u / 10 : u / 10 - 90, 360 * v - 180};
    case 3:
        return (struct mycel_geo_point){floor(19 * u) * 10 - 90, floor(37 * v) * 10 - 180};
    default:
        return (struct mycel_geo_point){asin(2 * u - 1) * 180 / 3.14159265358979, 360 * v - 180};
    }
}

static void questions_are_answered_as_by_looking_at_all(uint32_t questions)
{
    static const struct mycel_geo_point corners[] = {{90, 0}, {-90, 17}, {0, 180}, {0, -180}, {89.9999, -179.9999}, {60, 179.95}, {0, 0}};
    static const double radii[] = {0, 1, 1000, 10000, 1e6, 9e6, 1.2e7, 2e7, 3e7};
    struct rng r;

    rng_init(&r, 1);
    for (size_t i = 0; i < ARRAY_LEN(corners); i++) {
        for (size_t j = 0; j < ARRAY_LEN(radii); j++) {
            ask_circle(corners[i], radii[j]);
            ask_rectangle(corners[i], radii[j], radii[(j + i) % ARRAY_LEN(radii)]);
        }
    }
    ask_box((struct mycel_geo_point){-90, -180}, (struct mycel_geo_point){90, 180});
    ask_box((struct mycel_geo_point){-90, 180}, (struct mycel_geo_point){90, -180});
    ask_box((struct mycel_geo_point){-10, 170}, (struct mycel_geo_point){10, -170});
    ask_box((struct mycel_geo_point){-10, 10}, (struct mycel_geo_point){10, 9.9999});
    ask_box((struct mycel_geo_point){50, 10}, (struct mycel_geo_point){50, 10});
    for (uint32_t i = 0; i < questions; i++) {
        struct mycel_geo_point a = somewhere(&r), b = somewhere(&r);
        ask_circle(a, pow(10, 7.5 * rng_unit(&r)));
        ask_rectangle(a, pow(10, 7.8 * rng_unit(&r)), pow(10, 7.8 * rng_unit(&r)));
        struct mycel_geo_point sw = {fmin(a.latitude, b.latitude), a.longitude}, ne = {fmax(a.latitude, b.latitude), b.longitude};
        ask_box(sw, ne);
    }
}

static void wrong_places_are_refused(void)
{
    static const struct mycel_geo_point wrong[] = {{90.1, 0}, {-91, 0}, {0, 180.1}, {0, -181}, {NAN, 0}, {0, NAN}, {INFINITY, 0}};
    struct mycel_geo_point right = {0, 0}, south = {-1, 0};
    uint32_t number;

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CHECK(mycel_geo_add(&geo, &wrong[i], &number) == ERR_INVALID && mycel_geo_within(&geo, &wrong[i], 1, see_at, NULL) == ERR_INVALID &&
                  mycel_geo_box(&geo, &wrong[i], &right, see, NULL) == ERR_INVALID, "row %zu", i);
    }
    CHECK(mycel_geo_within(&geo, &right, -1, see_at, NULL) == ERR_INVALID && mycel_geo_within(&geo, &right, NAN, see_at, NULL) == ERR_INVALID, "radii");
    CHECK(mycel_geo_rectangle(&geo, &right, -1, 1, see_at, NULL) == ERR_INVALID && mycel_geo_rectangle(&geo, &right, 1, INFINITY, see_at, NULL) == ERR_INVALID &&
              mycel_geo_rectangle(&geo, &wrong[0], 1, 1, see_at, NULL) == ERR_INVALID, "rectangles");
    CHECK(mycel_geo_box(&geo, &right, &south, see, NULL) == ERR_INVALID, "upside down");
    CHECK(mycel_geo_add(&geo, &right, &number) == ERR_LIMIT, "there is no more room");
    CHECK(mycel_geo_remove(&geo, MYCEL_GEO_NONE) == ERR_NOT_FOUND && mycel_geo_remove(&geo, POINTS + 1) == ERR_NOT_FOUND, "nobody");
    CHECK(mycel_geo_bytes(0) == 0 && mycel_geo_bytes(MYCEL_GEO_POINTS_MAX + 1) == 0, "sizes");
}

int main(void)
{
    AUTO_FREE void *memory = malloc(mycel_geo_bytes(POINTS));
    struct mycel_geo_point palermo = {38.115556, 13.361389}, catania = {37.502669, 15.087269};
    struct rng r;
    uint32_t number;

    CHECK(fabs(mycel_geo_distance_m(&palermo, &catania) - 166274.1516) < 1, "as redis' documentation has it");
    mycel_geo_init(&geo, memory, POINTS);
    rng_init(&r, 7);
    for (uint32_t i = 0; i < POINTS; i++) {
        struct mycel_geo_point p = somewhere(&r);
        REQUIRE(mycel_geo_add(&geo, &p, &number) == ERR_OK && !is_here[number], "point %" PRIu32, i);
        point[number] = p;
        is_here[number] = true;
    }
    wrong_places_are_refused();
    questions_are_answered_as_by_looking_at_all(60);
    for (uint32_t i = 0; i < POINTS; i++) {
        number = 1 + (uint32_t)rng_below(&r, POINTS);
        struct mycel_geo_point p = somewhere(&r);
        if (rng_below(&r, 2) == 0) {
            CHECK(mycel_geo_remove(&geo, number) == (is_here[number] ? ERR_OK : ERR_NOT_FOUND), "a point goes");
            is_here[number] = false;
        } else {
            CHECK(mycel_geo_move(&geo, number, &p) == (is_here[number] ? ERR_OK : ERR_NOT_FOUND), "a point moves");
            point[number] = is_here[number] ? p : point[number];
        }
    }
    questions_are_answered_as_by_looking_at_all(60);
    return CHECK_RESULT();
}
