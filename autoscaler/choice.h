/* Which instances go when there are to be fewer: those whose end costs least. */
#ifndef CELL_AUTOSCALER_CHOICE_H
#define CELL_AUTOSCALER_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AUTOSCALER_CHOICE_ZONES_MAX = 64 };

struct autoscaler_candidate {
    uint64_t id;          /* decides where all else is equal: the same candidates give the same choice     */
    uint64_t revision;    /* of its package; higher is newer                                               */
    uint64_t started_s;   /* whose clock does not matter: higher is newer                                  */
    double load;          /* requests under way, or any measure that all share; no number counts as most   */
    uint32_t zone;        /* 0 to AUTOSCALER_CHOICE_ZONES_MAX - 1; all 0 if there are none                 */
    bool is_ready;
    bool is_draining;     /* goes already: never chosen, counted nowhere                                   */
};

/* Write the places in `candidate` of those that go, first first, to ret_chosen (room for `count`), at most `few`; returns how many.
 * First those not ready, then the oldest revision if there is more than one, then one of the zone that has most, then the least loaded,
 * then the newest. few times count comparisons. */
size_t autoscaler_choice_pick(const struct autoscaler_candidate *candidate, size_t count, size_t few, size_t *ret_chosen);

#endif
