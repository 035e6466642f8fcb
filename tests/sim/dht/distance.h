/* How long a packet takes between two nodes. */
#ifndef CELL_TESTS_SIM_DHT_DISTANCE_H
#define CELL_TESTS_SIM_DHT_DISTANCE_H

#include <stdbool.h>
#include <stdint.h>

struct distance {
    uint32_t rtt_us;    /* of all pairs, where there is nothing else                                        */
    bool is_planet;     /* drawn: five continents, a way of its own to each node; median near PlanetLab's 143 ms */
    uint32_t cities;    /* measured round trips, of nodes modulo these                                       */
    uint32_t *city_us;  /* [cities * cities]                                                                 */
};

uint64_t distance_one_way_us(const struct distance *d, uint32_t from, uint32_t to);

/* Read the least round trips of a matrix in RTTM form, compressed with xz. False: it or xz is not there. */
bool distance_load(struct distance *d, const char *path);
void distance_fini(struct distance *d);

#endif
