/* What the files of the world share with each other and with nobody else. */
#ifndef CELL_TESTS_SIM_WORLD_INSIDE_H
#define CELL_TESTS_SIM_WORLD_INSIDE_H

#include "tests/sim/world/world.h"

enum world_happening {
    HAPPEN_EVENT_START,
    HAPPEN_EVENT_PACKET,
    HAPPEN_EVENT_TIMER,
    HAPPEN_EVENT_SYNCED,
    HAPPEN_EVENT_ORDER,
    HAPPEN_REST,     /* the sync that a node waited for is over: value is the file, 1 << 32 if it failed */
    HAPPEN_CRASH,    /* from here on faults, each drawn anew when it happened */
    HAPPEN_RESTART,
    HAPPEN_PAUSE,
    HAPPEN_CUT,
    HAPPEN_HEAL,     /* value: the cut */
    HAPPEN_CLOG,
    HAPPEN_JUMP,
    HAPPEN_ROT,
    HAPPEN_CALM,
    HAPPEN_CHECK,
};

struct queue_packet {
    uint32_t from, serial, references;
    bool is_stream;
    size_t size;
    uint8_t bytes[];
};

/* world.c */
void world_put(struct world *w, uint64_t at_us, uint8_t kind, uint32_t node, uint8_t tenant, uint64_t value,
               struct queue_packet *packet);
void world_digest(struct world *w, uint64_t value);

/* perform.c */
void world_step(struct world *w, uint32_t node, uint8_t tenant, struct world_event *ev);
void world_rest(struct world *w, uint32_t node, uint64_t value);
void world_forget_rest(struct world_node *n);

/* fault.c: what goes wrong, and what is done by hand in scripted worlds */
void world_fault_begin(struct world *w);
void world_fault_happen(struct world *w, const struct queue_item *item);

/* draw.c */
void world_draw_settings(struct world *w);

#endif
