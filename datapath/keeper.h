/* The keeper of a shield: a process that holds what hanging programs in the kernel takes, and nothing else, so that the
 * cell holds nothing of it. `cell-shield INTERFACE PORT [ADDRESS]` serves one cell by a socket, SOCK_SEQPACKET on
 * descriptor 3, and ends, with all that hangs, when the cell's end is closed. Which interface, port and addresses are
 * judged is said by whoever starts it (a supervisor, or minder.h), not by the cell: what a cell asks for concerns its own datagrams, whatever it asks.
 * Where the interface is not what it was when it loaded (another by that name, or none; other queues; too small an mtu, or
 * it came up) it ends with DATAPATH_KEEPER_CHANGED: whoever starts it starts another, which measures and loads anew.
 * This header is what the two say to each other; both are of one installation and run on one machine. */
#ifndef CELL_DATAPATH_KEEPER_H
#define CELL_DATAPATH_KEEPER_H

#include <stdint.h>

#include "datapath/choice.h"
#include "datapath/shield.h"
#include "datapath/xsk.h"

enum {
    DATAPATH_KEEPER_VERSION = 4,
    DATAPATH_KEEPER_SOCKET = 3,      /* descriptor */
    DATAPATH_KEEPER_CHANGED = 3,     /* exit status */
    DATAPATH_KEEPER_LOOK_MS = 2000,  /* between looks at its queues, of which nobody tells news */
    DATAPATH_KEEPER_WAIT_MS = 10000, /* for the first answer: what loading takes on a busy machine, many times over */
};

enum datapath_keeper_kind {
    DATAPATH_KEEPER_LOAD = 1,  /* value: peers that there may be, 1 to DATAPATH_PEERS_MAX; once                        */
    DATAPATH_KEEPER_HANG,      /* value: a hook                                                                        */
    DATAPATH_KEEPER_TAKE_OFF,  /* value: a hook; has no answer                                                         */
};

struct datapath_keeper_ask {
    uint32_t version, kind, value;
    uint32_t frames;             /* of LOAD: enum datapath_keeper_frames */
};

/* Whether sockets past the host's stack are asked for, too: xsk.h. Afterwards it is too late: what that takes is given up. */
enum datapath_keeper_frames {
    DATAPATH_KEEPER_NO_FRAMES,
    DATAPATH_KEEPER_MEASURE,     /* what the ways cost is measured (probe.h), and no more                                  */
    DATAPATH_KEEPER_PAYING,      /* … and there are sockets where they pay: XDP hangs from then on, its HANG finds it there */
    DATAPATH_KEEPER_FRAMES,      /* there are, wherever they can be had; measured all the same                             */
};

enum {
    DATAPATH_KEEPER_MEMORY = DATAPATH_SHIELD_MAPS, /* descriptors of LOAD's answer: the maps, and when there are queues, this …  */
    DATAPATH_KEEPER_ROUTES,                        /* … and this of struct datapath_xsk …                                       */
    DATAPATH_KEEPER_QUEUES,                        /* … and sockets from here on                                                */
    DATAPATH_KEEPER_GIVEN = DATAPATH_KEEPER_QUEUES + DATAPATH_SHIELD_QUEUES,
};

/* result: err_wire. To LOAD, when it is OK: processors, and the maps' descriptors beside it (SCM_RIGHTS), with those of
 * `queues` sockets past the host's stack; 0: frames_why says why there are none. ERR_PRECONDITION: LOAD twice, or something
 * else before it; ERR_INVALID: a value that is none; others of datapath_shield_open and _attach. */
struct datapath_keeper_answer {
    uint32_t version, kind, value, result;
    uint32_t processors;
    uint32_t queues, is_direct;
    struct datapath_xsk_link link;
    struct datapath_choice_facts facts; /* what was measured, with `frames`                       */
    char why[DATAPATH_SHIELD_WHY], frames_why[DATAPATH_XSK_WHY];
};

/* Serve, until the other end is closed. The process's exit status: 0, 1 after a line on stderr, 2: wrong usage,
 * or DATAPATH_KEEPER_CHANGED. */
int datapath_keeper_run(int argc, char **argv);

#endif
