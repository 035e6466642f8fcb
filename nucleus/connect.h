/* Bringing two cells together for a shared-memory channel. */
#ifndef CELL_NUCLEUS_CONNECT_H
#define CELL_NUCLEUS_CONNECT_H

#include "nucleus/shell.h"

enum {
    CONNECT_BURST = 128,     /* channels that one instance may ask for in                          */
    CONNECT_BURST_MS = 1000, /* so long                                                            */
};

/* The process of `slot` asks for a channel to an instance that it has a door to. Each of the two gets one
 * end of a socket pair and the key of this channel; a refusal goes to who asked, with its reason. */
void connect_ask(struct shell_slot *slot, const Cell__Gap__Connect *connect);

#endif
