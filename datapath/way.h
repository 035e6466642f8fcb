/* Inside of the ways: what is known of the way to one peer. */
#ifndef CELL_DATAPATH_WAY_H
#define CELL_DATAPATH_WAY_H

#include "datapath/path.h"
#include "datapath/pmtu.h"
#include "datapath/signal.h"

enum {
    DATAPATH_WAYS_BELIEVED = 4, /* rendezvous that a node believes */
};

struct datapath_way {
    uint32_t serial;                 /* of the peer that all this is of; 0: of none         */
    bool is_active;
    bool is_measured;                /* what the way in use carries was found out once      */
    uint32_t introduced;             /* by which rendezvous, + 1; 0: our operator did       */
    uint32_t named, round[DATAPATH_WAYS_BELIEVED]; /* bit n: the nth has him; of its list, where he was last */
    uint64_t prefixes;               /* what it said of his addresses, hashed               */
    uint32_t named_by;               /* which rendezvous said his name, + 1; 0: he himself  */
    struct datapath_signal_window window;
    uint64_t counter;                /* of our signals to him                               */
    uint64_t used_ms;                /* packets go, or he seeks us                          */
    uint64_t told_ms, large_ms;      /* that was looked at last; and for large ones         */
    uint64_t heard_ms;               /* he said a signal; 0: never                          */
    uint64_t deaf_ms, deaf_each_ms;  /* left in peace until then, which was so long          */
    uint32_t limit;                  /* bytes of an inner packet; 0: as large as any        */
    uint32_t listed_changes;         /* of his addresses, as they stand in `listed` …       */
    bool is_listing;                 /* … they are being looked for                         */
    uint32_t listed;                 /* … which our own roll says                           */
    struct datapath_prefix list[DATAPATH_SIGNAL_PREFIXES];
    uint32_t places;
    struct datapath_endpoint place[DATAPATH_SIGNAL_PLACES]; /* as a rendezvous says, or our own roll; the first is where it sees him */
    uint32_t asks;                   /* CALLs and RELAYs that he may still say, in thousandths … */
    uint64_t asks_ms;                /* … as of then; 0: as many as any                     */
    uint32_t relay_id[DATAPATH_WAYS_BELIEVED];
    uint64_t relay_ms;               /* when relays are asked again; 0: they are not        */
    struct datapath_path path;
    struct datapath_pmtu pmtu;
};

#endif
