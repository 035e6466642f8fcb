/* `cell overlay capture`: inner packets of the overlay, as a file of libpcap, as JSON or in words. */
#ifndef CELL_CLI_CAPTURE_H
#define CELL_CLI_CAPTURE_H

#include "cli/ask.h"

/* Until --count packets, --duration, a signal or the cell ends it. ask: connected to a cell-datapath. */
int cli_capture_run(struct cli *cli, struct cli_ask *ask);

#endif
