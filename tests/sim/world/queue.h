/* What will happen, in order of time; of two at one time what is urgent, then the one that was put in
 * first. */
#ifndef CELL_TESTS_SIM_WORLD_QUEUE_H
#define CELL_TESTS_SIM_WORLD_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct queue_packet; /* world.c's */

struct queue_item {
    uint64_t at_us;
    uint64_t seq;
    uint32_t node;
    uint32_t epoch;  /* life of the node that it is meant for */
    uint64_t value;
    uint8_t kind;    /* enum world_happening */
    uint8_t tenant;
    bool is_waiting; /* it waits in the inbox of a node that is busy */
    bool is_urgent;
    struct queue_packet *packet; /* owned */
};

struct queue {
    struct queue_item *heap;
    uint32_t count, room;
    uint64_t seq;
};

/* Copies *item; its `seq` is set here. Ends the program without memory: a world needs it. */
void queue_put(struct queue *q, const struct queue_item *item);

/* The earliest, taken out; false when there is nothing. */
bool queue_take(struct queue *q, struct queue_item *ret);

/* Frees the heap, not what items own: take them first. */
void queue_fini(struct queue *q);

#endif
