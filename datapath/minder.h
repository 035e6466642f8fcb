/* Who starts keepers where there is no supervisor to: `cell-shield mind INTERFACE PORT`, which a cell starts that runs by hand, before
 * its doors close. It hears nothing of the cell but its end. By a socket, SOCK_SEQPACKET on descriptor DATAPATH_KEEPER_SOCKET, the cell
 * gets the end of each keeper's: DATAPATH_MINDER_SAYS with one descriptor. A keeper that ended is followed by another, as a supervisor
 * has it follow, unless it ended well (the cell closed its end) or said that another would do no better. */
#ifndef CELL_DATAPATH_MINDER_H
#define CELL_DATAPATH_MINDER_H

#include <stdint.h>

enum {
    DATAPATH_MINDER_SAYS = 1,           /* a uint32_t, beside the descriptor                  */
    DATAPATH_MINDER_AGAIN_MS = 100,     /* after the end of one until the next begins …       */
    DATAPATH_MINDER_AGAIN_MS_MAX = 60000, /* … doubled up to this, and back when one lasted as long */
};

/* argv: "mind" and what a keeper is started with. Until the cell's end is closed, or a keeper ended that none follows: its exit
 * status, as of datapath_keeper_run. */
int datapath_minder_run(int argc, char **argv);

#endif
