/* What a datagram costs by each way at one interface, measured there: for the choice between them (choice.h). By the keeper,
 * which has the right to it, when it loads, and again when the interface is another.
 *
 * Nobody gets anything of it. Datagrams through the host's stack are for a group of IPv4 of which this host is a
 * member, with a time to live of 0: they go through all of the stack and end before the driver, as RFC 1112 wants it. Frames past the stack are for our own
 * Ethernet address, from it, and of the type for local experiments: no bridge sends one back, no host takes one. It takes
 * some milliseconds, and never more than DATAPATH_PROBE_MS_MAX.
 *
 * Source: RFC 1112, section 6.1; IEEE 802, section 9.2.4 (0x88b5); Linux, Documentation/netlink/specs/netdev.yaml. */
#ifndef CELL_DATAPATH_PROBE_H
#define CELL_DATAPATH_PROBE_H

#include "datapath/choice.h"
#include "datapath/xsk.h"

enum {
    DATAPATH_PROBE_ROUNDS = 64,      /* of each way; one of the cheapest eighth counts                       */
    DATAPATH_PROBE_SIZE = 148,       /* bytes of a datagram: a small one of ours                            */
    DATAPATH_PROBE_MS_MAX = 150,     /* for all of it; what did not come to its turn by then is not measured */
    DATAPATH_PROBE_PORT = 9,         /* discard */
    DATAPATH_PROBE_FEATURES = 128,   /* offloads of an interface that are known by name: 64 of Linux 6.18    */
};

/* Offloads that are on. */
struct datapath_probe_features {
    uint32_t count;
    uint32_t active[DATAPATH_PROBE_FEATURES / 32];
    char name[DATAPATH_PROBE_FEATURES][DATAPATH_CHOICE_FEATURE];
};

/* Measure the socket's ways, and look at what the interface is; took_us says how long it all took. */
void datapath_probe_stack(const char *interface, const struct datapath_xsk_link *link, struct datapath_choice_facts *ret);

/* … and the way past the stack, by socket 0 of `x`, of which everything is as before when that was possible: *ret_is_whole. */
void datapath_probe_past(const struct datapath_xsk *x, struct datapath_choice_facts *f, bool *ret_is_whole);

/* What is on. Of an interface that does not say: nothing. */
void datapath_probe_look(const char *interface, struct datapath_probe_features *ret);

/* What was on before and is not any more goes to f->lost. */
void datapath_probe_compare(const struct datapath_probe_features *before, const struct datapath_probe_features *now,
                            struct datapath_choice_facts *f);

#endif
