/* The cell's hold of the ways (ways.h): signals in and out, packets that a relay passes on, and packets that are too large
 * for their way. */
#ifndef CELL_DATAPATH_SIGNALS_H
#define CELL_DATAPATH_SIGNALS_H

#include "datapath/places.h"
#include "datapath/ways.h"

struct datapath_shell;

struct datapath_signals_numbers {
    uint64_t too_large; /* packets that were larger than their way, and were answered so */
    uint64_t unknown;   /* relayed datagrams of nobody that we asked                     */
};

struct datapath_signals {
    struct datapath_ways ways;
    void *memory;       /* NULL: it did not begin */
    struct datapath_places places;
    uint64_t looked_ms;  /* at these */
    struct datapath_signals_numbers numbers;
    struct datapath_ways_effects fx;
};

/* After the core and its peers are made. ERR_NOMEM; ERR_LIMIT: more rendezvous in the configuration than one believes. */
enum err datapath_signals_start(struct datapath_shell *s) MUST_CHECK;
void datapath_signals_stop(struct datapath_shell *s); /* says goodbye; also what was zeroed */

/* Now and then: our own places are looked at again. */
void datapath_signals_tick(struct datapath_shell *s, uint64_t now_ms);

/* A datagram that is one of ours (datapath_message_own). NULL: it is done with. Else what a relay passed on to us: go on
 * with these *ret_size bytes from *ret_from. */
uint8_t *datapath_signals_take(struct datapath_shell *s, struct datapath_time now, const struct datapath_endpoint *from,
                               uint8_t *bytes, size_t size, size_t *ret_size, struct datapath_endpoint *ret_from);

/* Packets of `peer` go, in datagrams of at most `size` bytes. Cheap. */
void datapath_signals_used(struct datapath_shell *s, struct datapath_time now, uint32_t peer, size_t size);

/* Whether a packet of `size` bytes, which begins with bytes[0..at_hand), is too large for its way; then its sender was
 * told so. Cheap while there is no way with a limit. */
bool datapath_signals_refuse(struct datapath_shell *s, const uint8_t *bytes, size_t at_hand, size_t size);

/* The core sends this peer's packets elsewhere, where one of his came from. */
void datapath_signals_moved(struct datapath_shell *s, struct datapath_time now, uint32_t peer);

/* Our operator changes him, or just added him, by hand: datapath_ways_claim. The shell is `state`. */
void datapath_signals_claim(void *state, uint32_t peer);

void datapath_signals_clock(struct datapath_shell *s, struct datapath_time now);
uint64_t datapath_signals_due_ms(const struct datapath_shell *s);

#endif
